/* The best a ranking can do on a generated world, from the exact odds: expected ceilings,
 * floors of losses, and the oracle's own score on the targets that really came. */
#include "engine/base/cancel.h"
#include "engine/data/world.h"

#include "engine/data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CUT = 20 };

struct case_best { /* one event */
    double hr1, hr10, ndcg10, mrr, entropy, bce[BCE_FLOORS];
};

/* The CUT largest odds, descending; insertion into a short list is cheaper than a sort of
 * all. */
static int32_t largest(const double *p, int32_t n, double top[CUT])
{
    int32_t m = 0;
    for (int32_t i = 1; i <= n; i++) {
        if (m == CUT && p[i] <= top[CUT - 1])
            continue;
        int32_t at = m < CUT ? m++ : CUT - 1;
        for (; at > 0 && top[at - 1] < p[i]; at--)
            top[at] = top[at - 1];
        top[at] = p[i];
    }
    return m;
}

static struct case_best expected(const double *p, int32_t n)
{
    double top[CUT], u = 1.0 / n;
    struct case_best b = {0};
    int32_t m = largest(p, n, top);
    for (int32_t r = 0; r < m; r++) {
        b.hr1 += r < 1 ? top[r] : 0;
        b.hr10 += r < 10 ? top[r] : 0;
        b.ndcg10 += r < 10 ? top[r] / log2(r + 2.0) : 0;
        b.mrr += top[r] / (r + 1);
    }
    for (int32_t i = 1; i <= n; i++) {
        if (p[i] > 0)
            b.entropy -= p[i] * log(p[i]);
        for (int k = 0; k < BCE_FLOORS; k++) {
            double ku = (k + 1) * u;
            b.bce[k] +=
                (p[i] > 0 ? p[i] * log((p[i] + ku) / p[i]) : 0) + ku * log((p[i] + ku) / ku);
        }
    }
    return b;
}

/* The oracle ranks by p.  A tie counts as the mean over the ranks the target could have. */
static struct case_best achieved(const double *p, int32_t n, int32_t target)
{
    int32_t above = 0, tied = 0;
    double pt = p[target];
    for (int32_t i = 1; i <= n; i++) {
        above += p[i] > pt * (1 + 1e-12);
        tied += fabs(p[i] - pt) <= pt * 1e-12;
    }
    struct case_best b = {0};
    for (int32_t r = above; r < above + tied && r < CUT; r++) {
        b.hr1 += r < 1;
        b.hr10 += r < 10;
        b.ndcg10 += r < 10 ? 1 / log2(r + 2.0) : 0;
        b.mrr += 1.0 / (r + 1);
    }
    double share = tied ? 1.0 / tied : 0;
    b.hr1 *= share;
    b.hr10 *= share;
    b.ndcg10 *= share;
    b.mrr *= share;
    b.entropy = -log(pt > 0 ? pt : 1e-300);
    return b;
}

enum status world_ceiling(const struct dataset *ds, const struct eval_case *c, int64_t n,
                          struct ceiling *out, const volatile bool *cancel, struct err *err)
{
    memset(out, 0, sizeof *out);
    if (!ds->world)
        return err_set(
            err, ST_UNSUPPORTED,
            "the odds of \"%.60s\" are not known: only generated worlds have a ceiling",
            ds->name);
    struct arena *mem = NULL;
    enum status st = arena_new(&mem, 0, err);
    if (st != ST_OK)
        return st;
    double *p = arena_alloc(mem, ((size_t)ds->n_items + 1) * sizeof *p), var_hr = 0, sum_sq = 0;
    if (!p) {
        arena_free(mem);
        return err_nomem(err, (size_t)ds->n_items * sizeof *p, "odds");
    }
    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        if (cancel_asked(cancel)) {
            st = err_set(err, ST_CANCELLED, "cancelled");
            break;
        }
        world_odds(ds->world, ds->item + ds->off[c[i].session], c[i].n_prefix, p, mem);
        struct case_best e = expected(p, ds->n_items),
                         o = achieved(p, ds->n_items, c[i].target);
        out->hr1 += e.hr1;
        out->hr10 += e.hr10;
        out->ndcg10 += e.ndcg10;
        out->mrr += e.mrr;
        out->logloss += e.entropy;
        for (int k = 0; k < BCE_FLOORS; k++)
            out->bce_floor[k] += e.bce[k];
        var_hr += e.hr10 * (1 - e.hr10);
        out->oracle_hr1 += o.hr1;
        out->oracle_hr10 += o.hr10;
        out->oracle_ndcg10 += o.ndcg10;
        out->oracle_mrr += o.mrr;
        out->oracle_logloss += o.entropy;
        sum_sq += o.entropy * o.entropy;
    }
    arena_free(mem);
    if (st != ST_OK || n == 0)
        return st;
    double k = 1.0 / (double)n;
    double *const mean[] = {&out->hr1,           &out->hr10,          &out->ndcg10,
                            &out->mrr,           &out->logloss,       &out->oracle_hr1,
                            &out->oracle_hr10,   &out->oracle_ndcg10, &out->oracle_mrr,
                            &out->oracle_logloss};
    for (size_t i = 0; i < sizeof mean / sizeof *mean; i++)
        *mean[i] *= k;
    for (int i = 0; i < BCE_FLOORS; i++)
        out->bce_floor[i] *= k;
    double var = sum_sq * k - out->oracle_logloss * out->oracle_logloss;
    out->n = n;
    out->se_hr10 = sqrt(var_hr > 0 ? var_hr : 0) * k;
    out->se_logloss = sqrt(var > 0 ? var * k : 0);
    return ST_OK;
}
