/* Several steps ahead, two ways.  Tail: k hidden places after the sequence, one pass, a
 * distribution each (models trained by filling in; best when trained for it:
 * mask.tail).  The k are marginals: two places may want the same item.  Roll-out: one step,
 * its pick appended, again, for any model; a beam keeps the paths of highest probability. */
#ifndef ENGINE_TRAIN_HORIZON_H
#define ENGINE_TRAIN_HORIZON_H

#include "engine/train/explore.h"

enum { HORIZON_MAX = 50, HORIZON_BEAM = 16 };
struct horizon_opts {
    int32_t k, beam; /* 1..HORIZON_MAX steps; 1..HORIZON_BEAM paths, 1 = greedy */
    /* > 0: each pick is drawn, by odds to the power 1/temperature (beam 1); 0: the best is
     * taken */
    double temperature;
    /* drawn among the likeliest that together have this share of them; 0 or 1: among all */
    double top_p;
    uint64_t seed;       /* of the draws */
    bool repeats;        /* an item may be picked again */
    const int32_t *skip; /* (n_skip) never picked; may be NULL */
    int32_t n_skip;
};
struct horizon {
    int32_t k, n_items;
    int64_t step;  /* of the weights */
    bool has_tail; /* else the model hides nothing: roll-out alone */
    /* (k, n_items+1) odds at each step; of the roll-out along its path */
    float *tail, *roll;
    /* 0: no item left to pick.  Tail: surest step first */
    int32_t tail_pick[HORIZON_MAX], roll_pick[HORIZON_MAX];
    double logp; /* of the path */
};
/* Runs on the caller's thread; e as for explore_ask, its last answer is
 * overwritten.  ST_ARG: no room in the window for k hidden places. */
MUST_CHECK enum status horizon_new(struct horizon **out, struct explore *e,
                                   const struct weights *w, const int32_t *item, int32_t n,
                                   const struct horizon_opts *o, const volatile bool *cancel,
                                   struct err *err);
void horizon_free(struct horizon *h); /* accepts NULL */
/* Odds that an item comes within the k steps, the tail's marginals taken as independent: 1 -
 * prod (1 - p); has_tail only; out: (n_items+1). */
void horizon_within(const struct horizon *h, float *out);
double horizon_entropy(const float *odds, int32_t n_items); /* nats */
/* |a and b| / |a or b| of the first k items of two rows. */
double horizon_alike(const float *a, const float *b, int32_t n_items, int32_t k);

/* How well both do: sequences whose next `ahead` items are held out, each asked once, its
 * items as a typed sequence.  Of every step the rank of the item that came there: in the
 * tail's marginal, and in the odds along the greedy path; of the whole, how many of the
 * items that came are among the first k of 1 - prod (1 - p). */
struct horizon_spec {
    enum split_part on;
    int32_t ahead, k;           /* 1..HORIZON_MAX; cut-off of HR, NDCG and recall */
    bool exclude_seen, repeats; /* as eval_spec; may the path pick an item twice */
    int64_t max_cases;          /* 0 = all; else so many, evenly spread */
};
struct horizon_figures {
    struct metric_value hr[HORIZON_MAX], ndcg[HORIZON_MAX], recall;
};
struct horizon_result {
    int64_t step, n;
    bool has_tail;
    struct horizon_figures tail, roll;
};
/* Sessions held out as a whole: their last `ahead` items; histories: the first `ahead` of
 * what is held out. */
int64_t horizon_count(const struct split *sp, const struct horizon_spec *s);
MUST_CHECK enum status horizon_eval(struct horizon_result *out, struct explore *e,
                                    const struct weights *w, const struct horizon_spec *s,
                                    const volatile bool *cancel, struct err *err);

#endif
