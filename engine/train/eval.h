/* Evaluation: each case asks for the next item after a prefix; all items are ranked unless
 * the protocol samples. */
#ifndef ENGINE_TRAIN_EVAL_H
#define ENGINE_TRAIN_EVAL_H

#include "engine/train/protocols.h"
#include "engine/data/world.h"
#include "engine/train/weights.h"

struct eval_spec {
    enum split_part on;     /* PART_VALID, PART_TEST */
    enum protocol protocol; /* candidates and what is reported; set it with protocol_use */
    enum ties ties;
    /* the prefix's items leave the candidates; the target never does */
    bool exclude_seen;
    int32_t k;         /* 10 */
    int flag;          /* only cases with this enum world_flag; -1 = all but WF_START */
    int64_t max_cases; /* 0 = all; else the first so many, evenly spread */
    uint64_t seed;     /* of sampled protocols */
    bool
        in_place; /* each answer read where it stands in the whole session, not from the typed prefix (causal models that read
                                * whole sessions); cases outside the window are not asked */
    /* parts of the model set by hand, in rows of all (PATCH_ALL); borrowed */
    const struct patch *patch;
    int32_t n_patch;
};
struct eval_result {
    /* seen_target: cases whose target repeats an item of the prefix */
    int64_t step, n, seen_target;
    int32_t k;
    enum split_part on;
    enum protocol protocol;
    bool exclude_seen, has_logloss, in_place;
    /* hr, ndcg at k; mrr cut off at 20; logloss: mean -ln p(target), softmax over all items;
     * NaN without a distribution */
    double hr1, hr, ndcg, mrr, logloss;
    double se_hr, se_ndcg, se_mrr, se_logloss;
    double seconds;
    int n_metric; /* what the protocol reports, in its order */
    struct metric_value {
        double mean, se;
    } metric[PROTOCOL_METRICS];
};
/* Works on chunks of prefixes over the pool (may be NULL); the same for any number of
 * threads.  cancel may be NULL. */
MUST_CHECK enum status eval_run(const struct weights *w, const struct eval_spec *s,
                                struct pool *p, const volatile bool *cancel,
                                struct eval_result *out, struct err *err);
/* The rank of each case, for comparing models case by case: obs has room for as many as
 * eval_count says.  logp (or NULL): ln p(target), NaN without a distribution.  A case that
 * was not asked (in place, outside the window) has rank 0. */
int64_t eval_count(const struct split *sp, const struct eval_spec *s);
/* Case number `i` of those: a copy; false = there are not so many. */
bool eval_case_at(const struct split *sp, const struct eval_spec *s, int64_t i,
                  struct eval_case *out);
MUST_CHECK enum status eval_ranks(const struct weights *w, const struct eval_spec *s,
                                  struct pool *p, const volatile bool *cancel,
                                  struct rank_obs *obs, double *logp, struct err *err);
/* The same for n cases from number `from` on (fewer at the end): an evaluation in parts
 * gives the ranks of one in a piece. */
MUST_CHECK enum status eval_ranks_part(const struct weights *w, const struct eval_spec *s,
                                       int64_t from, int64_t n, struct pool *p,
                                       const volatile bool *cancel, struct rank_obs *obs,
                                       double *logp, struct err *err);
/* The default questions for a data set: worlds and session data: full ranking, nothing
 * excluded; user histories: seen items excluded. */
void eval_defaults(struct eval_spec *s, const struct split *sp);
/* Ceiling of exactly the questions `s` asks (generated worlds), cached by the caller;
 * ST_UNSUPPORTED for other data. */
MUST_CHECK enum status eval_ceiling(const struct split *sp, const struct eval_spec *s,
                                    struct ceiling *out, const volatile bool *cancel,
                                    struct err *err);

#endif
