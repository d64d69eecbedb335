/* Agreement of two models; see agree.h. */
#include "app/cmd/agree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MRR_CUT = 20 };

void list_agree(const int32_t *x, const int32_t *y, int32_t k, const float *p, const float *q,
                int32_t n_items, struct list_agreement *out)
{
    double weight = 1, sum = 0;
    int32_t both = 0;
    for (int32_t d = 0; d < k;
         d++) { /* what the first d + 1 have in common grows by the newcomers' twins */
        for (int32_t i = 0; i <= d; i++)
            both += (x[i] == y[d]) + (i < d && y[i] == x[d]);
        sum += weight * both / (d + 1);
        weight *= 0.9;
    }
    *out = (struct list_agreement){.k = k, .both = both, .js = (double)NAN};
    out->rbo = k > 0 ? sum * 0.1 / (1 - weight) : 0;
    out->top1 = k > 0 && x[0] == y[0];
    if (!p || !q)
        return;
    double js = 0;
    for (int32_t i = 1; i <= n_items; i++) {
        double a = (double)p[i], b = (double)q[i], m = (a + b) / 2;
        js += (a > 0 ? a * log(a / m) : 0) / 2 + (b > 0 ? b * log(b / m) : 0) / 2;
    }
    out->js = js > 0 ? js : 0; /* rounding */
}

static double value(const struct metric_def *def, const struct rank_obs *o, int32_t k)
{
    struct metric_acc acc = {0};
    def->add(&acc, o, k);
    return acc.sum;
}

void cases_agree(const struct rank_obs *a, const struct rank_obs *b, int64_t n,
                 enum quantity_kind metric, int32_t k, struct case_agreement *out)
{
    const struct metric_def *def = metric_find(metric == Q_HR     ? "hr"
                                               : metric == Q_NDCG ? "ndcg"
                                                                  : "mrr");
    double sum[2] = {0}, d1 = 0, d2 = 0;
    *out = (struct case_agreement){0};
    for (int64_t i = 0; i < n; i++) {
        if (!(a[i].rank > 0) || !(b[i].rank > 0))
            continue;
        int32_t cut = metric == Q_MRR ? MRR_CUT : k;
        double x = value(def, &a[i], cut), y = value(def, &b[i], cut);
        bool r = a[i].rank <= k, s = b[i].rank <= k;
        out->both += r && s;
        out->first += r && !s;
        out->second += !r && s;
        out->neither += !r && !s;
        out->n++;
        sum[0] += x;
        sum[1] += y;
        d1 += x - y;
        d2 += (x - y) * (x - y);
    }
    if (out->n == 0)
        return;
    double m = (double)out->n, mean = d1 / m, var = m > 1 ? (d2 - d1 * mean) / (m - 1) : 0;
    out->mean[0] = sum[0] / m;
    out->mean[1] = sum[1] / m;
    out->difference = mean;
    out->half = 1.96 * sqrt((var > 0 ? var : 0) / m);
}

int cases_verdict(const struct case_agreement *c)
{
    return c->difference - c->half > 0 ? 1 : c->difference + c->half < 0 ? -1 : 0;
}

const char *metric_title(enum quantity_kind metric)
{
    return metric == Q_HR ? "HR" : metric == Q_NDCG ? "NDCG" : "MRR";
}

const char *metric_text(enum quantity_kind metric, int32_t k, char *buf, size_t size)
{
    if (metric == Q_MRR)
        snprintf(buf, size, "MRR");
    else
        snprintf(buf, size, "%s@%d", metric_title(metric), (int)k);
    return buf;
}
