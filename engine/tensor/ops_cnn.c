/* Caser's two convolutions over windows of exactly `len` rows (Tang & Wang 2018, eq. 2-6).
 *
 * A horizontal filter of height h reads h rows that lie one after another in memory, filler
 * included, and the filter's own rows carry the same filler: unfolding is a product with a
 * row step of len rows, without a copy.  One product a place: row s of it belongs to window
 * s. */
#include "engine/tensor/ops.h"

#include <string.h>

struct convmax {
    int32_t n, len, height, k, places; /* windows; filters; len - height + 1 */
    enum act act;
    enum pool_kind pool;
    const real *ft; /* (height*ld, k): the filters transposed */
    size_t ldt;
    int32_t *win; /* (n,k) place of the largest */
    real *resp;   /* (places,n,ldk) responses after the activation; POOL_MEAN or watched only */
};

static size_t step_of(const struct convmax *c,
                      const struct tensor *x) /* numbers from window to window */
{
    return (size_t)c->len * (size_t)x->ld;
}

static void convmax_back(struct tape *t, struct tape_op *op)
{
    const struct convmax *c = op->ctx;
    struct tensor *x = op->in[0], *f = op->in[1], *b = op->in[2], *y = op->out;
    size_t ld = (size_t)y->ld, wide = (size_t)c->height * (size_t)x->ld, step = step_of(c, x),
           size = tensor_size(y);
    real *gx = tape_grad(t, x, NULL), *gf = tape_grad(t, f, NULL),
         *gb = b ? tape_grad(t, b, NULL) : NULL;
    struct arena_mark mark = arena_save(tape_arena(t));
    real *at = tape_alloc(t, size * sizeof *at), *pre = tape_alloc(t, size * sizeof *pre);
    if (tape_failed(t))
        return;
    if (c->pool == POOL_MAX)
        kern()->bias_act_back(y->g, y->x, NULL, c->act, NULL, 0, c->n, c->k, ld, pre, gb);
    for (int32_t i = 0; i < c->places; i++) {
        if (c->pool == POOL_MAX) {
            memset(at, 0, size * sizeof *at);
            for (int32_t s = 0; s < c->n; s++)
                for (int32_t k = 0; k < c->k; k++)
                    if (c->win[s * c->k + k] == i)
                        at[(size_t)s * ld + (size_t)k] = pre[(size_t)s * ld + (size_t)k];
        } else {
            kern()->scale(1 / (real)c->places, y->g, pre, size);
            kern()->bias_act_back(pre, c->resp + (size_t)i * size, NULL, c->act, NULL, 0, c->n,
                                  c->k, ld, at, gb);
        }
        const real *from = x->x + (size_t)i * (size_t)x->ld;
        if (gf) /* (k, height*ld) += responses' gradient^T  rows */
            kern()->gemm(GEMM_FULL, c->k, (int32_t)wide, c->n, at, 1, ld, from, step, gf, wide,
                         1);
        if (gx)
            kern()->gemm(GEMM_FULL, c->n, (int32_t)wide, c->k, at, ld, 1, f->x, wide,
                         gx + (size_t)i * (size_t)x->ld, step, 1);
    }
    arena_restore(tape_arena(t), mark);
}

static void show(struct tape *t, const struct convmax *c, size_t ld)
{
    int32_t s = tape_watched(t);
    if (s < 0 || s >= c->n)
        return;
    struct tensor *conv = tape_tensor(t, 2, (int32_t[]){c->k, c->places}),
                  *win = tape_tensor(t, 1, (int32_t[]){c->k});
    if (tape_failed(t))
        return;
    for (int32_t k = 0; k < c->k; k++) {
        for (int32_t i = 0; i < c->places; i++)
            conv->x[(size_t)k * (size_t)conv->ld + (size_t)i] =
                c->resp[((size_t)i * (size_t)c->n + (size_t)s) * ld + (size_t)k];
        win->x[k] = (real)c->win[s * c->k + k];
    }
    tape_probe(t, "act", conv);
    tape_probe(t, "win", win);
}

struct tensor *op_convmax(struct tape *t, struct tensor *x, int32_t len, struct tensor *f,
                          struct tensor *bias, enum act act, enum pool_kind pool)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x), d = tensor_cols(x);
    if (f->nd != 3 || f->d[2] != d || len < 1 || rows % len != 0 || f->d[1] > len ||
        (bias && tensor_cols(bias) != f->d[0]) || act == ACT_GELU || act == ACT_GELU_TANH) {
        tape_fail(t, ST_SHAPE, "convmax: (%d,%d) in windows of %d rows, filters (%d,%d)", rows,
                  d, len, tensor_rows(f), tensor_cols(f));
        return tape_bad(t);
    }
    struct convmax *c = tape_alloc(t, sizeof *c);
    if (!c)
        return tape_bad(t);
    *c = (struct convmax){.n = rows / len,
                          .len = len,
                          .height = f->d[1],
                          .k = f->d[0],
                          .places = len - f->d[1] + 1,
                          .act = act,
                          .pool = pool};
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){c->n, c->k});
    size_t ld = (size_t)row_ld(c->k), size = (size_t)c->n * ld,
           wide = (size_t)c->height * (size_t)x->ld, step = step_of(c, x);
    bool keep = pool == POOL_MEAN || tape_watched(t) >= 0;
    c->win = tape_alloc(t, ((size_t)c->n * (size_t)c->k + 1) * sizeof *c->win);
    c->resp =
        tape_alloc(t, (keep ? (size_t)c->places : 1) * (size ? size : 1) * sizeof *c->resp);
    c->ldt = ld;
    real *ft = tape_alloc(t, wide * c->ldt * sizeof *ft);
    if (tape_failed(t))
        return tape_bad(t);
    kern()->transpose(f->x, wide, c->k, (int32_t)wide, ft, c->ldt);
    c->ft = ft;
    memset(c->win, 0, (size_t)c->n * (size_t)c->k * sizeof *c->win);
    for (int32_t i = 0; i < c->places; i++) {
        real *r = c->resp + (keep ? (size_t)i * size : 0);
        kern()->gemm(GEMM_FULL, c->n, c->k, (int32_t)wide, x->x + (size_t)i * (size_t)x->ld,
                     step, 1, ft, c->ldt, r, ld, 0);
        kern()->bias_act(r, bias ? bias->x : NULL, act, NULL, 0, c->n, c->k, ld, r);
        if (i == 0) {
            memcpy(y->x, r, size * sizeof *r);
            continue;
        }
        if (pool == POOL_MEAN)
            kern()->add(y->x, r, y->x, size);
        for (int32_t s = 0; s < c->n && pool == POOL_MAX; s++)
            for (int32_t k = 0; k < c->k; k++) {
                size_t at = (size_t)s * ld + (size_t)k;
                if (r[at] > y->x[at]) { /* first on ties */
                    y->x[at] = r[at];
                    c->win[s * c->k + k] = i;
                }
            }
    }
    if (pool == POOL_MEAN)
        kern()->scale(1 / (real)c->places, y->x, y->x, size);
    show(t, c, ld);
    bool wants = tape_wants(t, x) || tape_wants(t, f) || (bias && tape_wants(t, bias));
    struct tape_op *op = tape_append(t, OP_convmax, y, wants ? convmax_back : NULL);
    op->in[0] = x;
    op->in[1] = f;
    op->in[2] = bias;
    op->ctx = c;
    return tape_failed(t) ? tape_bad(t) : y;
}

/* ---- vertical filters ---- */

static void convcol_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0], *f = op->in[1], *b = op->in[2], *y = op->out;
    int32_t filters = tensor_rows(f), len = tensor_cols(f), d = tensor_cols(x),
            n = tensor_rows(y);
    real *gx = tape_grad(t, x, NULL), *gf = tape_grad(t, f, NULL),
         *gb = b ? tape_grad(t, b, NULL) : NULL;
    for (int32_t s = 0; s < n; s++)
        for (int32_t k = 0; k < filters; k++) {
            const real *g = y->g + (size_t)s * (size_t)y->ld + (size_t)k * (size_t)d;
            for (int32_t l = 0; l < len; l++) {
                size_t at = ((size_t)s * (size_t)len + (size_t)l) * (size_t)x->ld,
                       w = (size_t)k * (size_t)f->ld + (size_t)l;
                if (gf)
                    gf[w] += kern()->dot(g, x->x + at, d);
                if (gx)
                    kern()->axpy(f->x[w], g, gx + at, d);
            }
            for (int32_t j = 0; gb && j < d; j++)
                gb[k] += g[j];
        }
}

struct tensor *op_convcol(struct tape *t, struct tensor *x, int32_t len, struct tensor *f,
                          struct tensor *bias)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x), d = tensor_cols(x), filters = tensor_rows(f);
    if (len < 1 || rows % len != 0 || tensor_cols(f) != len ||
        (bias && tensor_cols(bias) != filters)) {
        tape_fail(t, ST_SHAPE, "convcol: (%d,%d) in windows of %d rows, filters (%d,%d)", rows,
                  d, len, filters, tensor_cols(f));
        return tape_bad(t);
    }
    int32_t n = rows / len;
    struct tensor *y = tape_tensor_raw(t, 2, (int32_t[]){n, filters * d});
    if (tape_failed(t))
        return y;
    for (int32_t s = 0; s < n; s++)
        for (int32_t k = 0; k < filters; k++) {
            real *v = y->x + (size_t)s * (size_t)y->ld + (size_t)k * (size_t)d;
            for (int32_t j = 0; j < d; j++)
                v[j] = bias ? bias->x[k] : 0;
            for (int32_t l = 0; l < len; l++)
                kern()->axpy(f->x[(size_t)k * (size_t)f->ld + (size_t)l],
                             x->x + ((size_t)s * (size_t)len + (size_t)l) * (size_t)x->ld, v,
                             d);
        }
    bool wants = tape_wants(t, x) || tape_wants(t, f) || (bias && tape_wants(t, bias));
    struct tape_op *op = tape_append(t, OP_convcol, y, wants ? convcol_back : NULL);
    op->in[0] = x;
    op->in[1] = f;
    op->in[2] = bias;
    return y;
}
