/* A model on hand-made blocks, without batcher and learner: what it computes is seen
 * alone.  Errors fail the test. */
#ifndef TESTS_SUPPORT_KIT_H
#define TESTS_SUPPORT_KIT_H

#include "engine/train/model.h"

struct kit {
    const struct model_def *def;
    struct hparams *hp;
    struct params *ps;
    void *self;
    real *x, *g;       /* values and the gradients of the last kit_loss */
    struct arena *mem; /* lives as long as the kit: blocks */
    struct tape *tape;
    struct tape_env env; /* seed, step, training may be changed between passes */
    struct batch_spec spec;
    struct dataset ds;
    struct split split;
    int32_t watch; /* session whose fused probes are written; -1 */
};

/* The model's start values for this seed; the data set is empty but for its number of items. */
void kit_new(struct kit *k, const char *model, const char *settings, int32_t n_items,
             uint64_t seed);
/* The same over sessions: n of len[s] items; all events train. */
void kit_new_data(struct kit *k, const char *model, const char *settings, int32_t n_items,
                  uint64_t seed, int32_t n, const int32_t *const *item, const int32_t *len);
void kit_free(struct kit *k);

/* Packs sessions; every row is a query, with target, weight 1/rows and the negatives (rows,
 * n_neg) given; target NULL: the last row of each session is the query, nothing to predict. */
void kit_block(struct kit *k, struct block *b, int32_t n, const int32_t *const *item,
               const int32_t *len, const int32_t *target, int32_t n_neg, const int32_t *neg);

/* forward only; probes on k->tape */
struct tensor *kit_encode(struct kit *k, const struct block *b);
/* forward only; (n_query, n_items+1) */
struct tensor *kit_scores(struct kit *k, const struct block *b);
/* forward and backward; gradients in k->g */
double kit_loss(struct kit *k, const struct block *b);
double kit_loss_only(struct kit *k, const struct block *b); /* forward */

/* Element of a parameter, flat index without filler; of its value or, g, its gradient. */
real *kit_value(struct kit *k, const char *param, size_t i);
real *kit_grad(struct kit *k, const char *param, size_t i);
size_t kit_size(struct kit *k, const char *param);
/* Copies of a tensor without filler: all, or rows from..to-1. */
size_t kit_copy(const struct tensor *t, real *out, size_t max);
size_t kit_rows(const struct tensor *t, int32_t from, int32_t to, real *out, size_t max);
const struct tensor *kit_probe(struct kit *k, const char *name);

#endif
