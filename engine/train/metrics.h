/* Ranking metrics as rows of metrics.def: HR@k, NDCG@k, MRR; of lists: NDCG (Liang et al.
 * 2018), precision, recall (Tang & Wang 2018, eq. 13) and MAP (eq. 14, by the held-out items
 * as in their code).  Source: sasrec.md section 9 and the papers named there. */
#ifndef ENGINE_TRAIN_METRICS_H
#define ENGINE_TRAIN_METRICS_H

#include <stdbool.h>
#include <stdint.h>

/* Items with the target's score: half of the possible places (metrics are means over them),
 * all behind it, all before it, or the middle place. */
enum ties { TIES_HALF, TIES_STANDARD, TIES_CONSERVATIVE, TIES_MEDIAN };
extern const char *const ties_names[]; /* in that order; NULL-terminated */
struct rank_obs {
    double rank; /* 1 = best; ties as the protocol says, default half of them ahead */
    /* others with the same score: HR and NDCG average over the possible places when ties =
     * half */
    int32_t n_tie;
    int32_t n_cand, target, session;
};
struct metric_acc {
    double sum, sum2;
    int64_t n;
};
struct rank_list {      /* one user's list against all that is held out for him */
    const double *rank; /* (n) rising: places of the held-out items that can be listed */
    /* n_target >= n: distinct held-out items, unknown and already seen ones too */
    int32_t n, n_target;
};
struct metric_def {
    const char *name, *title, *doc; /* "hr", "HR" */
    bool higher_better, has_k;
    /* of a case; NULL: a metric of lists */
    void (*add)(struct metric_acc *a, const struct rank_obs *o, int32_t k);
    /* of a user; NULL: a metric of cases */
    void (*add_list)(struct metric_acc *a, const struct rank_list *l, int32_t k);
};
extern const struct metric_def *const metric_defs[]; /* NULL-terminated */
const struct metric_def *metric_find(const char *name);
double metric_mean(const struct metric_acc *a); /* NaN when empty */
double metric_se(const struct metric_acc *a);   /* standard error of the mean */

#endif
