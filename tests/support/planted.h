/* A model trained on a generated world, and the questions that tell whether it found what is
 * planted there.  Errors fail the test. */
#ifndef TESTS_SUPPORT_PLANTED_H
#define TESTS_SUPPORT_PLANTED_H

#include "engine/train/eval.h"
#include "engine/train/explore.h"

struct planted {
    struct dataset *ds;
    struct split *sp;
    struct hparams *hp;
    struct learner *l;
    struct pool *pool;
    struct weights *w;
    struct explore *ask;
    double seconds, loss; /* of training; of the last step */
};
/* sessions 0: the world's own number.  settings: "preset=NAME a=1 b=2", each part may be
 * left out.  steps: updates. */
void planted_train(struct planted *p, const char *world, uint64_t seed, int32_t sessions,
                   const char *model, const char *settings, int64_t steps);
void planted_more(struct planted *p, int64_t steps);
void planted_free(struct planted *p);

/* Test part, ranked in full; flag: -1 = all but the first items. */
struct eval_result planted_eval(struct planted *p, int flag, bool in_place);
struct eval_result planted_baseline(struct planted *p, const char *model, int flag);
struct ceiling planted_ceiling(struct planted *p, int flag);
/* (model - trivial) / (oracle - trivial) on HR@10, all but the first items. */
double planted_gap(struct planted *p, double trivial);
/* The same on the events with one flag (-1: as above), trivial the better of popularity and
 * Markov-1 on them. */
double planted_gap_of(struct planted *p, int flag);
/* From now on only test events with at least so many clicks before them are asked. */
void planted_only_after(struct planted *p, int32_t clicks);
/* The same model asked about the test events of another table's sessions: HR@10, and the gap
 * closed from popularity there. */
double planted_elsewhere(struct planted *p, uint64_t seed, double *gap);
/* chain: after a session of one item, for every item: share[0] of first successors that come
 * first, share[1] that are among four answers, share[2] of all four successors among ten. */
void planted_successors(struct planted *p, double share[3]);
/* Mean of -ln q(target) + ln p(target) over test events with one of the flags (bits 1 <<
 * flag): q the model's odds, p the exact ones.  Its expectation is never negative; a mean
 * some standard errors below zero is a leak. */
double planted_excess(struct planted *p, unsigned flags, bool in_place, double *se);
/* bce: softplus(-s) under the exact odds + the mean of softplus(s) over all items, its floor
 * beside it. */
double planted_bce(struct planted *p, double *floor);
int32_t planted_answer(struct planted *p, const int32_t *item, int32_t n); /* the best item */
/* Attention of the last row to the row `back` before it (n - 1: the first), in the best head
 * of any block for this session; by_head (or NULL): every (block, head) in turn, at most
 * 64.  Returns how many. */
int planted_attention(struct planted *p, const int32_t *item, int32_t n, int32_t back,
                      double *by_head);
/* A long run's main(): `prog [WORLD [SEED...]]`, every world with seeds 4, 5, 6 if nothing
 * is named.  Returns the exit status: were figures missed? */
struct planted_world {
    const char *name;
    void (*run)(uint64_t seed);
};
int planted_main(int argc, char **argv, const struct planted_world *world, int n);
/* Caser: of the squared weights of the vertical filters, the share on the row `back` before
 * the last. */
double planted_row_share(const struct planted *p, int32_t back);

#endif
