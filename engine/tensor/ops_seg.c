/* Over the rows of each sequence: softmax, weighted sum, running mean. */
#include "engine/tensor/ops.h"

#include <math.h>
#include <string.h>

struct seg {
    const int32_t *off;
    int32_t n;
};

static struct seg *seg_new(struct tape *t, const char *what, const struct tensor *x,
                           const int32_t *off, int32_t n)
{
    if (off[n] != tensor_rows(x)) {
        tape_fail(t, ST_SHAPE, "%s: %d rows in sequences of %d rows", what, tensor_rows(x),
                  off[n]);
        return NULL;
    }
    struct seg *c = tape_alloc(t, sizeof *c);
    if (c)
        *c = (struct seg){.off = off, .n = n};
    return c;
}

/* ---- seg_softmax ---- */

static void seg_softmax_back(struct tape *t, struct tape_op *op)
{
    const struct seg *c = op->ctx;
    const struct tensor *y = op->out;
    size_t ld = (size_t)y->ld;
    real *gx = tape_grad(t, op->in[0], NULL);
    for (int32_t s = 0; gx && s < c->n; s++)
        for (int32_t j = 0; j < tensor_cols(y); j++) {
            real mean = 0;
            for (int32_t r = c->off[s]; r < c->off[s + 1]; r++)
                mean += y->x[(size_t)r * ld + (size_t)j] * y->g[(size_t)r * ld + (size_t)j];
            for (int32_t r = c->off[s]; r < c->off[s + 1]; r++)
                gx[(size_t)r * ld + (size_t)j] += y->x[(size_t)r * ld + (size_t)j] *
                                                  (y->g[(size_t)r * ld + (size_t)j] - mean);
        }
}

struct tensor *op_seg_softmax(struct tape *t, struct tensor *x, const int32_t *off, int32_t n)
{
    struct seg *c = tape_failed(t) ? NULL : seg_new(t, "seg_softmax", x, off, n);
    if (!c)
        return tape_bad(t);
    struct tensor *y = tape_tensor_raw(t, x->nd, x->d);
    if (tape_failed(t))
        return y;
    size_t ld = (size_t)x->ld;
    for (int32_t s = 0; s < n; s++)
        for (int32_t j = 0; j < tensor_cols(x); j++) {
            double top = -HUGE_VAL, sum = 0;
            for (int32_t r = off[s]; r < off[s + 1]; r++)
                top = fmax(top, (double)x->x[(size_t)r * ld + (size_t)j]);
            for (int32_t r = off[s]; r < off[s + 1]; r++)
                sum += exp((double)x->x[(size_t)r * ld + (size_t)j] - top);
            for (int32_t r = off[s]; r < off[s + 1]; r++)
                y->x[(size_t)r * ld + (size_t)j] =
                    (real)(exp((double)x->x[(size_t)r * ld + (size_t)j] - top) / sum);
        }
    struct tape_op *op =
        tape_append(t, OP_seg_softmax, y, tape_wants(t, x) ? seg_softmax_back : NULL);
    op->in[0] = x;
    op->ctx = c;
    return y;
}

/* ---- seg_sum ---- */

static void seg_sum_back(struct tape *t, struct tape_op *op)
{
    const struct seg *c = op->ctx;
    struct tensor *x = op->in[0], *w = op->in[1];
    size_t ld = (size_t)x->ld;
    real *gx = tape_grad(t, x, NULL), *gw = w ? tape_grad(t, w, NULL) : NULL;
    for (int32_t s = 0; s < c->n; s++) {
        const real *g = op->out->g + (size_t)s * ld;
        for (int32_t r = c->off[s]; r < c->off[s + 1]; r++) {
            if (gx)
                kern()->axpy(w ? w->x[(size_t)r * (size_t)w->ld] : 1, g, gx + (size_t)r * ld,
                             x->ld);
            if (gw)
                gw[(size_t)r * (size_t)w->ld] += kern()->dot(g, x->x + (size_t)r * ld, x->ld);
        }
    }
}

struct tensor *op_seg_sum(struct tape *t, struct tensor *w, struct tensor *x,
                          const int32_t *off, int32_t n)
{
    struct seg *c = tape_failed(t) ? NULL : seg_new(t, "seg_sum", x, off, n);
    if (!c)
        return tape_bad(t);
    if (w && (tensor_rows(w) != tensor_rows(x) || tensor_cols(w) != 1)) {
        tape_fail(t, ST_SHAPE, "seg_sum: weights (%d,%d) for %d rows", tensor_rows(w),
                  tensor_cols(w), tensor_rows(x));
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor(t, 2, (int32_t[]){n, tensor_cols(x)});
    if (tape_failed(t))
        return y;
    size_t ld = (size_t)x->ld;
    for (int32_t s = 0; s < n; s++)
        for (int32_t r = off[s]; r < off[s + 1]; r++)
            kern()->axpy(w ? w->x[(size_t)r * (size_t)w->ld] : 1, x->x + (size_t)r * ld,
                         y->x + (size_t)s * ld, x->ld);
    struct tape_op *op = tape_append(
        t, OP_seg_sum, y, tape_wants(t, x) || (w && tape_wants(t, w)) ? seg_sum_back : NULL);
    op->in[0] = x;
    op->in[1] = w;
    op->ctx = c;
    return y;
}

/* ---- seg_mean ---- */

static void seg_mean_back(struct tape *t, struct tape_op *op)
{
    const struct seg *c = op->ctx;
    struct tensor *x = op->in[0];
    size_t ld = (size_t)x->ld;
    real *gx = tape_grad(t, x, NULL), *sum = tape_alloc(t, ld * sizeof *sum);
    if (!gx || !sum)
        return;
    for (int32_t s = 0; s < c->n; s++) { /* row r is in the means of rows r..last */
        memset(sum, 0, ld * sizeof *sum);
        for (int32_t r = c->off[s + 1] - 1; r >= c->off[s]; r--) {
            kern()->axpy(1 / (real)(r - c->off[s] + 1), op->out->g + (size_t)r * ld, sum,
                         x->ld);
            kern()->add(gx + (size_t)r * ld, sum, gx + (size_t)r * ld, ld);
        }
    }
}

struct tensor *op_seg_mean(struct tape *t, struct tensor *x, const int32_t *off, int32_t n)
{
    struct seg *c = tape_failed(t) ? NULL : seg_new(t, "seg_mean", x, off, n);
    if (!c)
        return tape_bad(t);
    struct tensor *y = tape_tensor_bare(t, x->nd, x->d);
    size_t ld = (size_t)x->ld;
    real *sum = tape_alloc(t, ld * sizeof *sum);
    if (tape_failed(t))
        return tape_bad(t);
    for (int32_t s = 0; s < n; s++) {
        memset(sum, 0, ld * sizeof *sum);
        for (int32_t r = off[s]; r < off[s + 1]; r++) {
            kern()->add(sum, x->x + (size_t)r * ld, sum, ld);
            kern()->scale(1 / (real)(r - off[s] + 1), sum, y->x + (size_t)r * ld, ld);
        }
    }
    struct tape_op *op =
        tape_append(t, OP_seg_mean, y, tape_wants(t, x) ? seg_mean_back : NULL);
    op->in[0] = x;
    op->ctx = c;
    return y;
}
