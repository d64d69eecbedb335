/* See caser_fit.h. */
#include "models/caser_fit.h"

#include "engine/base/rng.h"

#include <math.h>
#include <string.h>

enum { MAX_D = 1024, TRIES = 50 };

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* Adds one term's loss and slope: a target's softplus(-y), a draw's softplus(y), times
 * share. */
static double term(const struct caser_fit *f, const real *p, int32_t window, int32_t item,
                   bool target, double share, double *g)
{
    const real *c = f->coef + (size_t)item * f->ldc;
    double y = (double)f->base[(size_t)window * f->ldb + (size_t)item];
    for (int32_t i = 0; i < f->d; i++)
        y += (double)c[i] * (double)p[i];
    double slope = share * (target ? -1 / (1 + exp(y)) : 1 / (1 + exp(-y)));
    for (int32_t i = 0; i < f->d; i++)
        g[i] += slope * (double)c[i];
    return share * softplus(target ? -y : y);
}

static double gradient(const struct caser_fit *f, const real *p, int step, double *g)
{
    struct rng_key key = rng_key(98765, step, rng_site("caser.fit"));
    int32_t n_pos = 0, n_neg = f->n_window * f->negatives;
    double loss = 0;
    memset(g, 0, (size_t)f->d * sizeof *g);
    for (int32_t w = 0; w < f->n_window; w++)
        n_pos += f->n_after - w < f->targets ? f->n_after - w : f->targets;
    for (int32_t w = 0; w < f->n_window; w++) {
        for (int32_t t = 0; t < f->targets && w + t < f->n_after; t++)
            loss += term(f, p, w, f->item[w + t], true, 1.0 / n_pos, g);
        for (int32_t k = 0; k < f->negatives; k++) {
            int32_t v = 0;
            for (uint32_t try = 0; try < TRIES && (v == 0 || f->seen[v]); try++)
                v = 1 + (int32_t)rng_below(key, (uint32_t)(w * f->negatives + k) * TRIES + try,
                                           (uint32_t)f->n_items);
            loss += term(f, p, w, v, false, 1.0 / n_neg, g);
        }
    }
    return loss;
}

double caser_fit(real *p, const struct caser_fit *f)
{
    static const double lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    double g[MAX_D], m[MAX_D] = {0}, v[MAX_D] = {0}, loss = 0;
    for (int t = 1; t <= CASER_FIT_STEPS; t++) {
        loss = gradient(f, p, t, g);
        for (int32_t i = 0; i < f->d; i++) {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            p[i] -= (real)(lr * m[i] / (1 - pow(beta1, t)) /
                           (sqrt(v[i] / (1 - pow(beta2, t))) + eps));
        }
    }
    return loss;
}
