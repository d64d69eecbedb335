/* Several steps ahead, two ways.  Tail: k hidden places after the sequence, one pass, a distribution each (models trained by filling in;
 * best when trained for it: mask.tail).  The k are marginals: two places may want the same item.  Roll-out: one step, its pick appended,
 * again, for any model; a beam keeps the paths of highest probability. */
#ifndef ENGINE_TRAIN_HORIZON_H
#define ENGINE_TRAIN_HORIZON_H

#include "engine/train/explore.h"

enum { HORIZON_MAX = 50, HORIZON_BEAM = 16 };
struct horizon_opts {
    int32_t k, beam;           /* 1..HORIZON_MAX steps; 1..HORIZON_BEAM paths, 1 = greedy */
    bool repeats;              /* an item may be picked again */
    const int32_t *skip;       /* (n_skip) never picked; may be NULL */
    int32_t n_skip;
};
struct horizon {
    int32_t k, n_items;
    int64_t step;              /* of the weights */
    bool has_tail;             /* else the model hides nothing: roll-out alone */
    float *tail, *roll;        /* (k, n_items+1) odds at each step; of the roll-out along its path */
    int32_t tail_pick[HORIZON_MAX], roll_pick[HORIZON_MAX]; /* 0: no item left to pick.  Tail: surest step first */
    double logp;               /* of the path */
};
/* Runs on the caller's thread; e as for explore_ask, its last answer is overwritten.  ST_ARG: no room in the window for k hidden places. */
MUST_CHECK enum status horizon_new(struct horizon **out, struct explore *e, const struct weights *w, const int32_t *item, int32_t n,
                                   const struct horizon_opts *o, const volatile bool *cancel, struct err *err);
void horizon_free(struct horizon *h); /* accepts NULL */
/* Odds that an item comes within the k steps, the tail's marginals taken as independent: 1 - prod (1 - p); has_tail only; out: (n_items+1). */
void horizon_within(const struct horizon *h, float *out);
double horizon_entropy(const float *odds, int32_t n_items); /* nats */
/* |a and b| / |a or b| of the first k items of two rows. */
double horizon_alike(const float *a, const float *b, int32_t n_items, int32_t k);

#endif
