/* Variational parts: a reparameterised draw (Kingma & Welling 2014) and the divergence from
 * the prior. */
#include "engine/tensor/ops.h"

#include <math.h>

/* never reached in normal training; keeps exp finite */
static const double S_MIN = -10, S_MAX = 5;

static double cut(double s)
{
    return s < S_MIN ? S_MIN : s > S_MAX ? S_MAX : s;
}

static double inside(double s) /* derivative of cut */
{
    return s >= S_MIN && s <= S_MAX ? 1 : 0;
}

static double *row_of(double *buf, const struct tensor *x, int32_t r) /* one row in double */
{
    for (int32_t j = 0; j < tensor_cols(x); j++)
        buf[j] = (double)x->x[(size_t)r * (size_t)x->ld + (size_t)j];
    return buf;
}

static bool halves(struct tape *t, const char *what, const struct tensor *ms)
{
    if (tensor_cols(ms) % 2 == 0)
        return true;
    tape_fail(t, ST_SHAPE, "%s: %d columns are not means and spreads", what, tensor_cols(ms));
    return false;
}

/* ---- sample ---- */

struct sample {
    enum latent_form form;
    real *eps; /* (R,ld); NULL: z = mu */
};

static void sample_back(struct tape *t, struct tape_op *op)
{
    const struct sample *c = op->ctx;
    struct tensor *ms = op->in[0], *z = op->out;
    int32_t k = tensor_cols(z);
    real *g = tape_grad(t, ms, NULL);
    for (int32_t r = 0; g && r < tensor_rows(z); r++) {
        const real *gz = z->g + (size_t)r * (size_t)z->ld,
                   *s = ms->x + (size_t)r * (size_t)ms->ld + k;
        real *gm = g + (size_t)r * (size_t)ms->ld;
        for (int32_t j = 0; j < k; j++) {
            gm[j] += gz[j];
            if (!c->eps)
                continue;
            double half = c->form == LATENT_HALF ? 0.5 : 1, sv = (double)s[j];
            gm[k + j] +=
                (real)((double)gz[j] * (double)c->eps[(size_t)r * (size_t)z->ld + (size_t)j] *
                       half * exp(half * cut(sv)) * inside(sv));
        }
    }
}

struct tensor *op_sample(struct tape *t, struct tensor *ms, enum latent_form form, bool draw,
                         const real *noise)
{
    if (tape_failed(t) || !halves(t, "sample", ms))
        return tape_bad(t);
    int32_t rows = tensor_rows(ms), k = tensor_cols(ms) / 2, d[2] = {rows, k};
    bool watched = tape_watched(t) >= 0;
    struct tensor *z = tape_tensor_raw(t, 2, d),
                  *eps = draw || noise ? tape_tensor_raw(t, 2, d) : NULL;
    struct tensor *sigma = watched ? tape_tensor_raw(t, 2, d) : NULL,
                  *mu = watched ? tape_tensor_raw(t, 2, d) : NULL;
    struct sample *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    *c = (struct sample){.form = form, .eps = eps ? eps->x : NULL};
    struct rng_key key = tape_key(t, "noise");
    uint32_t first = (uint32_t)tape_env(t)->row0 * (uint32_t)k;
    size_t ld = (size_t)z->ld;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t j = 0; j < k; j++) {
            size_t at = (size_t)r * ld + (size_t)j;
            const real *m = ms->x + (size_t)r * (size_t)ms->ld;
            double s = cut((double)m[k + j]), sd = exp(form == LATENT_HALF ? s / 2 : s);
            uint32_t e = (uint32_t)(r * k + j);
            z->x[at] = m[j];
            if (eps) {
                eps->x[at] = noise ? noise[e] : (real)rng_normal(key, first + e);
                z->x[at] = (real)((double)m[j] + sd * (double)eps->x[at]);
            }
            if (watched) {
                mu->x[at] = m[j];
                sigma->x[at] = (real)sd;
            }
        }
    if (watched) {
        tape_probe(t, "mu", mu);
        tape_probe(t, "sigma", sigma);
        if (eps)
            tape_probe(t, "eps", eps);
    }
    struct tape_op *op = tape_append(t, OP_sample, z, tape_wants(t, ms) ? sample_back : NULL);
    op->in[0] = ms;
    op->ctx = c;
    return z;
}

/* ---- kl ---- */

struct kl {
    enum latent_form form;
    const float *weight;
    double *buf; /* a row of ms and one of the prior */
};

/* One dimension; d[0..3]: derivatives by mu, s, prior mu, prior s. */
static double kl_one(enum latent_form form, double mu, double s0, const double *prior,
                     double d[4])
{
    double s = cut(s0);
    if (prior) {
        double sp = cut(prior[1]), diff = mu - prior[0], ratio = exp(s - sp),
               pull = diff * exp(-sp);
        d[0] = pull;
        d[1] = 0.5 * (ratio - 1) * inside(s0);
        d[2] = -pull;
        d[3] = 0.5 * (1 - ratio - diff * pull) * inside(prior[1]);
        return 0.5 * (sp - s + ratio + diff * pull - 1);
    }
    d[0] = mu;
    d[2] = d[3] = 0;
    if (form == LATENT_EXACT) {
        double e = exp(2 * s);
        d[1] = (e - 1) * inside(s0);
        return -s + 0.5 * (e + mu * mu - 1);
    }
    double e = exp(s);
    d[1] = 0.5 * (e - 1) * inside(s0);
    return 0.5 * (e + mu * mu - 1 - s);
}

static void kl_back(struct tape *t, struct tape_op *op)
{
    const struct kl *c = op->ctx;
    struct tensor *ms = op->in[0], *prior = op->in[1];
    int32_t k = tensor_cols(ms) / 2;
    real *g = tape_grad(t, ms, NULL), *gp = prior ? tape_grad(t, prior, NULL) : NULL;
    double up = (double)op->out->g[0], *m = c->buf, *p = c->buf + 2 * k;
    for (int32_t r = 0; r < tensor_rows(ms); r++) {
        double w = up * (c->weight ? (double)c->weight[r] : 1);
        row_of(m, ms, r);
        if (prior)
            row_of(p, prior, r);
        for (int32_t j = 0; j < k; j++) {
            double d[4], pr[2] = {prior ? p[j] : 0, prior ? p[k + j] : 0};
            kl_one(c->form, m[j], m[k + j], prior ? pr : NULL, d);
            size_t at = (size_t)r * (size_t)ms->ld + (size_t)j;
            if (g) {
                g[at] += (real)(w * d[0]);
                g[at + (size_t)k] += (real)(w * d[1]);
            }
            if (gp) {
                gp[at] += (real)(w * d[2]);
                gp[at + (size_t)k] += (real)(w * d[3]);
            }
        }
    }
}

struct tensor *op_kl(struct tape *t, struct tensor *ms, struct tensor *prior,
                     enum latent_form form, const float *weight)
{
    if (tape_failed(t) || !halves(t, "kl", ms))
        return tape_bad(t);
    if (prior &&
        (tensor_rows(prior) != tensor_rows(ms) || tensor_cols(prior) != tensor_cols(ms))) {
        tape_fail(t, ST_SHAPE, "kl: (%d,%d) with prior (%d,%d)", tensor_rows(ms),
                  tensor_cols(ms), tensor_rows(prior), tensor_cols(prior));
        return tape_bad(t);
    }
    int32_t rows = tensor_rows(ms), k = tensor_cols(ms) / 2;
    struct tensor *y = tape_tensor(t, 1, (int32_t[]){1});
    struct tensor *show =
        tape_watched(t) >= 0 ? tape_tensor_raw(t, 2, (int32_t[]){rows, k}) : NULL;
    struct kl *c = tape_alloc(t, sizeof *c);
    double *buf = tape_alloc(t, (size_t)(4 * k + 1) * sizeof *buf), sum = 0;
    if (tape_failed(t))
        return tape_bad(t);
    *c = (struct kl){.form = form, .weight = weight, .buf = buf};
    for (int32_t r = 0; r < rows; r++) {
        double *m = row_of(buf, ms, r), *p = prior ? row_of(buf + 2 * k, prior, r) : NULL,
               row = 0, d[4];
        for (int32_t j = 0; j < k; j++) {
            double pr[2] = {p ? p[j] : 0, p ? p[k + j] : 0},
                   one = kl_one(form, m[j], m[k + j], p ? pr : NULL, d);
            row += one;
            if (show)
                show->x[(size_t)r * (size_t)show->ld + (size_t)j] = (real)one;
        }
        sum += row * (weight ? (double)weight[r] : 1);
    }
    y->x[0] = (real)sum;
    if (show)
        tape_probe(t, "kl", show);
    struct tape_op *op = tape_append(
        t, OP_kl, y, tape_wants(t, ms) || (prior && tape_wants(t, prior)) ? kl_back : NULL);
    op->in[0] = ms;
    op->in[1] = prior;
    op->ctx = c;
    return y;
}
