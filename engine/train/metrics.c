/* Ranking metrics; see metrics.h.  With `half` ties a target that shares its score with n
 * others stands in any of n + 1 places with equal odds: HR, NDCG and MRR are averaged over
 * them, so a scorer that says the same for all 101 candidates gets HR@10 = 10/101, not 0 or
 * 1. */
#include "engine/train/metrics.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const char *const ties_names[] = {"half", "standard", "conservative", "median", NULL};

static double gain_hit(double rank)
{
    (void)rank;
    return 1;
}

static double gain_ndcg(double rank)
{
    return 1 / log2(rank + 1);
}

static double gain_mrr(double rank)
{
    return 1 / rank;
}

/* Mean of gain(place) over the places the target may stand in; places past k give nothing (k
 * = 0: no cut-off). */
static double over_places(const struct rank_obs *o, int32_t k, double (*gain)(double rank))
{
    if (o->n_tie == 0)
        return k == 0 || o->rank <= k ? gain(o->rank) : 0;
    double first = o->rank - 0.5 * o->n_tie, sum = 0;
    for (int32_t i = 0; i <= o->n_tie; i++) {
        if (k > 0 && first + i > k)
            break;
        sum += gain(first + i);
    }
    return sum / (o->n_tie + 1);
}

static void add(struct metric_acc *a, double v)
{
    a->sum += v;
    a->sum2 += v * v;
    a->n++;
}

static void add_hr(struct metric_acc *a, const struct rank_obs *o, int32_t k)
{
    add(a, over_places(o, k, gain_hit));
}

static void add_ndcg(struct metric_acc *a, const struct rank_obs *o, int32_t k)
{
    add(a, over_places(o, k, gain_ndcg));
}

static void add_mrr(struct metric_acc *a, const struct rank_obs *o, int32_t k)
{
    add(a, over_places(o, k, gain_mrr));
}

static void add_rank(struct metric_acc *a, const struct rank_obs *o, int32_t k)
{
    (void)k;
    add(a, o->rank);
}

static int32_t hits(const struct rank_list *l, int32_t k)
{
    int32_t n = 0;
    while (n < l->n && l->rank[n] <= k)
        n++;
    return n;
}

static void list_prec(struct metric_acc *a, const struct rank_list *l, int32_t k)
{
    add(a, (double)hits(l, k) / k);
}

static void list_recall(struct metric_acc *a, const struct rank_list *l, int32_t k)
{
    add(a, (double)hits(l, k) / l->n_target);
}

/* The best possible: the held-out items on the first places, as many as k has. */
static void list_ndcg_list(struct metric_acc *a, const struct rank_list *l, int32_t k)
{
    double sum = 0, best = 0;
    for (int32_t i = 0, n = hits(l, k); i < n; i++)
        sum += gain_ndcg(l->rank[i]);
    for (int32_t i = 1; i <= k && i <= l->n_target; i++)
        best += gain_ndcg(i);
    add(a, sum / best);
}

static void list_map(struct metric_acc *a, const struct rank_list *l, int32_t k)
{
    double sum = 0;
    (void)k;
    for (int32_t i = 0; i < l->n; i++)
        sum += (i + 1) / l->rank[i];
    add(a, sum / l->n_target);
}

#define METRIC(name, title, higher, k, doc)                                                    \
    static const struct metric_def def_##name = {#name, title,      doc, higher,               \
                                                 k,     add_##name, NULL};
#define LIST_METRIC(name, title, higher, k, doc)                                               \
    static const struct metric_def def_##name = {#name, title, doc,        higher,             \
                                                 k,     NULL,  list_##name};
#include "engine/train/metrics.def"
#undef METRIC
#undef LIST_METRIC

const struct metric_def *const metric_defs[] = {
#define METRIC(name, title, higher, k, doc) &def_##name,
#define LIST_METRIC                         METRIC
#include "engine/train/metrics.def"
#undef METRIC
#undef LIST_METRIC
    NULL,
};

const struct metric_def *metric_find(const char *name)
{
    for (int i = 0; metric_defs[i]; i++)
        if (strcmp(metric_defs[i]->name, name) == 0)
            return metric_defs[i];
    return NULL;
}

double metric_mean(const struct metric_acc *a)
{
    return a->n ? a->sum / (double)a->n : (double)NAN;
}

double metric_se(const struct metric_acc *a)
{
    if (a->n < 2)
        return (double)NAN;
    double n = (double)a->n, mean = a->sum / n;
    double var = (a->sum2 - n * mean * mean) / (n - 1);
    return sqrt((var > 0 ? var : 0) / n);
}
