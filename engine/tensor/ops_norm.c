/* Rows of one scale.  Layer normalisation (Ba et al. 2016): (x - mean) / sqrt(var + eps) *
 * gamma + beta over each row; unit: each row over its length. */
#include "engine/tensor/ops.h"

#include <math.h>
#include <string.h>

struct layernorm {
    real *xhat, *rstd; /* (R,D), (R) */
};

static void layernorm_back(struct tape *t, struct tape_op *op)
{
    const struct layernorm *c = op->ctx;
    struct tensor *x = op->in[0], *gamma = op->in[1], *y = op->out;
    real *ggamma = tape_grad(t, gamma, NULL), *gbeta = tape_grad(t, op->in[2], NULL);
    bool fresh = true;
    real *gx = tape_grad(t, x, &fresh);
    size_t ld = (size_t)y->ld;
    /* The kernel writes all three: what nobody wants goes where nobody looks. */
    if (!ggamma)
        ggamma = tape_alloc(t, ld * sizeof *ggamma);
    if (!gbeta)
        gbeta = tape_alloc(t, ld * sizeof *gbeta);
    if (!gx)
        gx = tape_alloc(t, tensor_size(x) * sizeof *gx);
    if (!tape_failed(t))
        kern()->layernorm_back(y->g, gamma->x, c->xhat, c->rstd, tensor_rows(y), tensor_cols(y),
                               ld, gx, ggamma, gbeta, !fresh);
}

struct tensor *op_layernorm(struct tape *t, struct tensor *x, struct tensor *gamma,
                            struct tensor *beta, float eps)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x), cols = tensor_cols(x);
    if (tensor_size(gamma) != (size_t)x->ld || tensor_cols(gamma) != cols ||
        tensor_size(beta) != (size_t)x->ld || tensor_cols(beta) != cols) {
        tape_fail(t, ST_SHAPE, "layernorm: (%d,%d) with gamma (%d), beta (%d)", rows, cols,
                  tensor_cols(gamma), tensor_cols(beta));
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor_bare(t, x->nd, x->d);
    struct layernorm *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    c->xhat = tape_alloc(t, tensor_size(x) * sizeof *c->xhat);
    c->rstd = tape_alloc(t, (size_t)(rows ? rows : 1) * sizeof *c->rstd);
    if (tape_failed(t))
        return tape_bad(t);
    kern()->layernorm(x->x, gamma->x, beta->x, eps, rows, cols, (size_t)x->ld, y->x, c->xhat,
                      c->rstd);
    bool wants = tape_wants(t, x) || tape_wants(t, gamma) || tape_wants(t, beta);
    struct tape_op *op = tape_append(t, OP_layernorm, y, wants ? layernorm_back : NULL);
    op->in[0] = x;
    op->in[1] = gamma;
    op->in[2] = beta;
    op->ctx = c;
    return y;
}

struct unit {
    real *factor; /* (R) length / |x|, 0 for a row of zeros */
    float length;
};

/* y = f x, f = length / |x|:  gx = f (g - y (y . g) / length^2). */
static void unit_back(struct tape *t, struct tape_op *op)
{
    const struct unit *c = op->ctx;
    const struct tensor *y = op->out;
    const double square = (double)c->length * (double)c->length;
    bool fresh;
    real *gx = tape_grad(t, op->in[0], &fresh);
    if (!gx)
        return;
    if (fresh)
        memset(gx, 0, tensor_size(y) * sizeof *gx);
    for (int32_t r = 0; r < tensor_rows(y); r++) {
        size_t at = (size_t)r * (size_t)y->ld;
        double along = (double)kern()->dot(y->x + at, y->g + at, tensor_cols(y)) / square;
        kern()->axpy(c->factor[r], y->g + at, gx + at, tensor_cols(y));
        kern()->axpy((real)(-(double)c->factor[r] * along), y->x + at, gx + at, tensor_cols(y));
    }
}

struct tensor *op_unit(struct tape *t, struct tensor *x, float length)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x), cols = tensor_cols(x);
    struct tensor *y = tape_tensor_bare(t, x->nd, x->d);
    struct unit *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    c->length = length;
    c->factor = tape_alloc(t, (size_t)(rows ? rows : 1) * sizeof *c->factor);
    if (tape_failed(t))
        return tape_bad(t);
    for (int32_t r = 0; r < rows; r++) {
        const real *row = x->x + (size_t)r * (size_t)x->ld;
        double square = (double)kern()->dot(row, row, cols);
        c->factor[r] = square > 0 ? (real)((double)length / sqrt(square)) : 0;
        kern()->scale(c->factor[r], row, y->x + (size_t)r * (size_t)y->ld, (size_t)x->ld);
    }
    struct tape_op *op = tape_append(t, OP_unit, y, tape_wants(t, x) ? unit_back : NULL);
    op->in[0] = x;
    op->ctx = c;
    return y;
}
