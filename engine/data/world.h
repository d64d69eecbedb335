/* Generated worlds with planted patterns: the same bytes with every compiler (integer draws
 * only), exact odds of every next item, hence ceilings for metrics and floors for losses. */
#ifndef ENGINE_DATA_WORLD_H
#define ENGINE_DATA_WORLD_H

#include "engine/data/dataset.h"

enum world_flag { /* of an event: what its item is in the pattern */
                  WF_NONE,
                  WF_START, /* not predictable from the past but by popularity */
                  WF_STEP, /* follows the rule (chain, twins, skew, opener's browsing, drift's and tastes' items) */
                  WF_NOISE, /* an odd item */
                  WF_OPENER,
                  WF_BROWSE,
                  WF_WRAP,
                  WF_PRESENT, /* opener */
                  WF_SNACK,
                  WF_FIRST,
                  WF_SECOND,
                  WF_TIN, /* pairs */
                  WF_BREAD,
                  WF_FILLING,
                  WF_SAUCE, /* gap */
                  WF_BEFORE,
                  WF_AFTER,
                  WF_LATER,     /* drift: before the switch, the two after it, later */
                  WF_AFTER_ODD, /* drift: an item of the interest right after an odd one */
                  WORLD_FLAGS,
};
/* dataset.truth, by world; -1 = nothing hidden there:
 *   chain, skew   which of the four successors (0..3) came, -1 at the start and for noise
 *   twins         whose turn it is, 0 or 1
 *   pairs, gap    the tin, or filling, that the rule demands (0..7), on that event; else -1
 *   opener        the opener's number (0..9), on every event
 *   drift         department of the present interest (0..11)
 *   tastes        type of the customer (0..7)
 *   bazaar        which world the session is of: 0 chain, 1 twins, 2 pairs, 3 opener, 4 gap, 5 drift, 6 tastes
 * Flags in drift: the first item WF_START, the second WF_STEP (one item tells nothing yet), odd ones WF_NOISE. */
const char *world_flag_name(enum world_flag f); /* "present", "browse": the word after where= */
int world_flag_find(const char *name);          /* -1 = none */

struct world_opts {
    int32_t items;    /* 144, 240, 480 */
    int32_t sessions; /* 0: the world's default, 8000 or 4000 */
    int32_t noise;    /* thousandths; -1: the world's default (100, skew 500) */
    uint64_t seed;
};
struct world_def {
    const char *name, *title, *doc;
    int32_t sessions, noise;
    const char *planted, *who;  /* one line each: what is planted; who shows it */
    const struct world_fns *fn; /* private */
};
extern const struct world_def *const world_defs[]; /* NULL-terminated */

/* Names: "flour"; each world's data set carries its struct world (freed with it). */
MUST_CHECK enum status world_generate(struct dataset **out, const char *name,
                                      const struct world_opts *o, struct err *err);
const struct world_def *world_of(const struct world *w);
const struct world_opts *world_options(const struct world *w);
int32_t world_department(const struct world *w, int32_t item); /* 0..11 of item 1..n_items */
/* "baking"; NULL beyond 0..11 */
const char *world_department_name(int32_t department);

/* Exact odds of the next item after this prefix of items (ids from 1): p[0..n_items], p[0] =
 * 0, sums to 1. n >= 0.  mem: scratch. */
void world_odds(const struct world *w, const int32_t *item, int32_t n, double *p,
                struct arena *mem);
/* Odds of the item at place `at` (0-based) when all others are visible (gap: both sides;
 * other worlds: from the left only). */
void world_odds_at(const struct world *w, const int32_t *item, int32_t n, int32_t at, double *p,
                   struct arena *mem);

/* Odds of the item at the hidden place `at` of a whole session of n items, of which others
 * may be hidden too (any id that is no item): from what is visible on both sides and the
 * session's length.  false: this world makes no such session. */
bool world_odds_hidden(const struct world *w, const int32_t *item, int32_t n, int32_t at,
                       double *p, struct arena *mem);

/* Best values over a set of events: expected ceilings, their standard errors and the
 * oracle's own score on the same targets. */
enum { BCE_FLOORS = 4 };
struct ceiling {
    int64_t n;
    double hr1, hr10, ndcg10, mrr, logloss; /* expected best; mrr cut off at 20 */
    double bce_floor
        [BCE_FLOORS]; /* 1, 2, .. even negatives a target: sum p ln((p+ku)/p) + k sum u ln((p+ku)/(ku)), mean;
                                                  * for 1: 2 ln 2 - 2 JSD(p,u) */
    double se_hr10, se_logloss;
    double oracle_hr1, oracle_hr10, oracle_ndcg10, oracle_mrr, oracle_logloss;
};
struct eval_case;
/* Sums over cases (session, prefix length, target); deterministic; cancel may be NULL. */
MUST_CHECK enum status world_ceiling(const struct dataset *ds, const struct eval_case *c,
                                     int64_t n, struct ceiling *out,
                                     const volatile bool *cancel, struct err *err);

/* The best mean loss of filling in hidden items (BATCH_CLOZE, softmax): the mean entropy of
 * exactly these odds over the places that `spec` hides in the training sessions in one
 * epoch, or in the first `most` batches (0: all). */
struct cloze_floor {
    double mean, se;
    int64_t n; /* hidden places */
};
struct split;
struct batch_spec;
/* ST_UNSUPPORTED: not a generated world; windows shorter than a session, or places that are
 * asked but not hidden: there the odds are others. */
MUST_CHECK enum status world_cloze_floor(const struct split *sp, const struct batch_spec *spec,
                                         int64_t most, struct cloze_floor *out,
                                         const volatile bool *cancel, struct err *err);

/* xoshiro256** seeded by splitmix64, as the worlds' definition demands. */
struct xoshiro {
    uint64_t s[4];
};
void xoshiro_seed(struct xoshiro *r, uint64_t seed);
uint64_t xoshiro_next(struct xoshiro *r);
uint32_t xoshiro_below(struct xoshiro *r, uint32_t n); /* high 64 bits of next * n */

#endif
