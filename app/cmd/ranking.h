/* The list of next items after a sequence, as predict, whatif, compare and exports show it. */
#ifndef APP_CMD_RANKING_H
#define APP_CMD_RANKING_H

#include "app/cmd/command.h"

enum { RANK_MAX = 1000 };
struct ranking {
    int slot;
    int64_t step;
    struct sequence seq; /* as asked */
    /* items the model read, and where they begin: older ones were cut off */
    int32_t used, first;
    bool popular; /* nothing to go on: by popularity in training */
    bool softmax; /* scores are logits the model was trained with as a distribution */
    bool sigmoid; /* ... as odds of each item by itself */
    bool exclude_seen;
    int32_t n_items, n;
    int32_t item[RANK_MAX]; /* by score, ties by id */
    float *score, *prob;    /* (n_items+1) of all items; prob: softmax over all of them */
    double entropy;         /* nats */
};
/* Heap object; ranking_free.  k: 1..RANK_MAX.  Masks need a model that knows them. */
MUST_CHECK enum status ranking_new(struct ranking **out, struct app *a, int slot, int64_t at,
                                   const struct sequence *seq, int32_t k, bool exclude_seen,
                                   struct err *err);
/* After an empty sequence, by popularity in training. */
MUST_CHECK enum status ranking_popular(struct ranking **out, struct app *a, int slot,
                                       int64_t at, int32_t k, struct err *err);
void ranking_free(struct ranking *r);
int32_t ranking_of(const struct ranking *r, int32_t item); /* its rank from 1; 0 = excluded */
double ranking_kl(const struct ranking *p, const struct ranking *q); /* KL(p|q) in nats */
bool in_sequence(const struct sequence *s, int32_t item);
/* The header line, the list and the entropy, as text and JSON.  was: the list before an
 * edit, or NULL.  as: 0 prob, 1 logprob, 2 score. */
void ranking_show(struct app *a, const struct ranking *r, const struct ranking *was, int as,
                  struct cmd_out *out);
/* Items of a sequence as "12 87 3"; "_" for the mask. */
void sequence_text(const struct app *a, const struct sequence *s, char *buf, size_t size);
json_t *sequence_json(const struct sequence *s);
/* Runs a question on this thread with the parameters of slot and time; *out lives until the
 * next question. */
MUST_CHECK enum status ask_here(struct app *a, int slot, int64_t at, const struct question *q,
                                const struct answer **out, struct err *err);
MUST_CHECK enum status check_sequence(struct app *a, int slot, const struct sequence *s,
                                      struct err *err); /* not empty, masks allowed */
/* "A:SASRec @1840  WHAT  12 87 3" and the fields slot, step, sequence. */
void look_head(struct app *a, const char *what, int64_t step, struct cmd_out *out);
json_t *item_json(const struct app *a, int32_t item); /* {"id","name"} */

#endif
