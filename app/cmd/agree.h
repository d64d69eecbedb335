/* How far two models agree: on one list, and case by case over held-out questions.  Pure
 * functions, any thread. */
#ifndef APP_CMD_AGREE_H
#define APP_CMD_AGREE_H

#include "app/cmd/condition.h"
#include "engine/train/metrics.h"

#include <stddef.h>

struct list_agreement {
    /* items of the first k of one list that are among the first k of the other */
    int32_t k, both;
    /* rank-biased overlap, persistence 0.9, cut at k and normalised (Webber et al. 2010) */
    double rbo;
    double js; /* Jensen-Shannon divergence in nats; NaN without two distributions */
    bool top1;
};
/* x, y: the first k items of each; p, q: odds [0..n_items] of all items, NULL for scores
 * that are no distribution. */
void list_agree(const int32_t *x, const int32_t *y, int32_t k, const float *p, const float *q,
                int32_t n_items, struct list_agreement *out);

/* Who has the target among the first k, and the mean of a metric of each with the paired
 * difference (first less second). */
struct case_agreement {
    int64_t n, both, first, second, neither; /* cases; first: only the first has it */
    double mean[2], difference, half;        /* half: of the 95 % interval of the difference */
};
/* a, b: ranks of the same n cases; those with rank 0 in either were not asked and do not
 * count. */
void cases_agree(const struct rank_obs *a, const struct rank_obs *b, int64_t n,
                 enum quantity_kind metric, int32_t k, struct case_agreement *out);
/* -1: the second is better, 1: the first is, 0: the interval holds 0, not decided */
int cases_verdict(const struct case_agreement *c);
const char *metric_title(enum quantity_kind metric); /* "HR", "NDCG", "MRR" */
/* "HR@10"; MRR is cut off at 20 as in evaluations and carries no k. */
const char *metric_text(enum quantity_kind metric, int32_t k, char *buf, size_t size);

#endif
