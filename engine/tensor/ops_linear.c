/* Matrix products: the general one, and the layer x W + b with activation and dropout in its
 * output pass. */
#include "engine/tensor/gemm.h"
#include "engine/tensor/ops.h"

#include <string.h>

/* ---- matmul ---- */

struct matmul {
    bool ta, tb;
};

/* A matrix in row-major form for the right-hand side of a product: x itself or its
 * transpose. */
static const real *right_side(struct tape *t, const struct tensor *x, bool transpose,
                              size_t *ld)
{
    if (!transpose) {
        *ld = (size_t)x->ld;
        return x->x;
    }
    int32_t ldt;
    const real *y = tape_transposed(t, x, &ldt);
    *ld = (size_t)ldt;
    return y;
}

/* x's gradient += product; a is addressed by strides. */
static void add_matmul(struct tape *t, struct tensor *x, int32_t k, const real *a, size_t rs,
                       size_t cs, const real *b, size_t ldb)
{
    bool fresh;
    real *gx = tape_grad(t, x, &fresh);
    if (gx)
        gemm_strided(tensor_rows(x), tensor_cols(x), k, a, rs, cs, b, ldb, gx, (size_t)x->ld,
                     !fresh);
}

static void matmul_back(struct tape *t, struct tape_op *op)
{
    const struct matmul *c = op->ctx;
    struct tensor *a = op->in[0], *b = op->in[1], *y = op->out;
    struct tensor gy = {.x = y->g, .nd = 2, .d = {y->d[0], y->d[1]}, .ld = y->ld};
    int32_t m = y->d[0], n = y->d[1];
    size_t ldg = (size_t)y->ld, lda = (size_t)a->ld, ldb;
    const real *r;
    if (tape_wants(t, a)) {
        if (!c->ta) { /* dA = dC op(B)^T */
            if ((r = right_side(t, b, !c->tb, &ldb)) != NULL)
                add_matmul(t, a, n, y->g, ldg, 1, r, ldb);
        } else if ((r = right_side(t, &gy, true, &ldb)) !=
                   NULL) { /* d(A stored transposed) = op(B) dC^T */
            size_t ld = (size_t)b->ld;
            add_matmul(t, a, n, b->x, c->tb ? 1 : ld, c->tb ? ld : 1, r, ldb);
        }
    }
    if (tape_wants(t, b)) {
        if (!c->tb) /* dB = op(A)^T dC */
            add_matmul(t, b, m, a->x, c->ta ? lda : 1, c->ta ? 1 : lda, y->g, ldg);
        else if ((r = right_side(t, a, c->ta, &ldb)) !=
                 NULL) /* d(B stored transposed) = dC^T op(A) */
            add_matmul(t, b, m, y->g, 1, ldg, r, ldb);
    }
}

struct tensor *op_matmul(struct tape *t, struct tensor *a, struct tensor *b, bool ta, bool tb)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t ra = tensor_rows(a), ca = tensor_cols(a), rb = tensor_rows(b), cb = tensor_cols(b);
    if ((ta ? ra : ca) != (tb ? cb : rb)) {
        tape_fail(t, ST_SHAPE, "matmul: (%d,%d)%s x (%d,%d)%s", ra, ca, ta ? "^T" : "", rb, cb,
                  tb ? "^T" : "");
        return tape_bad(t);
    }
    int32_t m = ta ? ca : ra, k = ta ? ra : ca, n = tb ? rb : cb;
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){m, n});
    struct matmul *c = tape_alloc(t, sizeof *c);
    size_t ldb;
    const real *r = tape_failed(t) ? NULL : right_side(t, b, tb, &ldb);
    if (!r)
        return tape_bad(t);
    *c = (struct matmul){.ta = ta, .tb = tb};
    size_t lda = (size_t)a->ld;
    gemm_strided(m, n, k, a->x, ta ? 1 : lda, ta ? lda : 1, r, ldb, y->x, (size_t)y->ld, 0);
    struct tape_op *op =
        tape_append(t, OP_matmul, y, tape_wants(t, a) || tape_wants(t, b) ? matmul_back : NULL);
    op->in[0] = a;
    op->in[1] = b;
    op->ctx = c;
    return y;
}

/* ---- linear ---- */

struct linear {
    enum act act;
    struct dropout drop;
    real *pre; /* x W + b where the activation's derivative needs it */
};

static void linear_back(struct tape *t, struct tape_op *op)
{
    const struct linear *c = op->ctx;
    struct tensor *x = op->in[0], *w = op->in[1], *b = op->in[2], *y = op->out;
    int32_t rows = tensor_rows(y), in = tensor_cols(x), out = tensor_cols(y);
    size_t ld = (size_t)y->ld;
    real *gb = b ? tape_grad(t, b, NULL) : NULL;
    const real *g = y->g; /* gradient of x W */
    if (c->act != ACT_NONE || c->drop.p > 0) {
        real *own = tape_grad_take(t, y);
        if (!own)
            return;
        kern()->bias_act_back(own, y->x, c->pre, c->act, &c->drop, tape_env(t)->row0, rows, out,
                              ld, own, gb);
        g = own;
    } else if (gb) {
        kern()->colsum(g, rows, out, ld, gb);
    }
    bool fresh;
    real *gw = tape_grad(t, w, &fresh);
    if (gw)
        gemm_strided(in, out, rows, x->x, 1, (size_t)x->ld, g, ld, gw, (size_t)w->ld, !fresh);
    real *gx = tape_grad(t, x, &fresh);
    int32_t ldt;
    const real *wt = gx ? tape_transposed(t, w, &ldt) : NULL;
    if (wt)
        gemm_strided(rows, in, out, g, ld, 1, wt, (size_t)ldt, gx, (size_t)x->ld, !fresh);
}

struct tensor *op_linear(struct tape *t, struct tensor *x, struct tensor *w,
                         struct tensor *bias, enum act act, float drop)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x), in = tensor_cols(x), out = tensor_cols(w);
    if (tensor_rows(w) != in ||
        (bias && (tensor_cols(bias) != out || tensor_rows(bias) != 1))) {
        tape_fail(t, ST_SHAPE, "linear: (%d,%d) x (%d,%d) + (%d)", rows, in, tensor_rows(w),
                  out, bias ? tensor_cols(bias) : out);
        return tape_bad(t);
    }
    int32_t d[TENSOR_MAX_DIM];
    memcpy(d, x->d, sizeof d);
    d[x->nd - 1] = out;
    struct tensor *y = tape_tensor_bare(t, x->nd, d);
    struct linear *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    *c = (struct linear){.act = act};
    if (tape_training(t) && drop > 0)
        c->drop = (struct dropout){.p = drop, .key = tape_key(t, "drop")};
    bool wants = tape_wants(t, x) || tape_wants(t, w) || (bias && tape_wants(t, bias));
    size_t ld = (size_t)y->ld;
    if (wants && (act == ACT_GELU || act == ACT_GELU_TANH)) {
        c->pre = tape_alloc(t, tensor_size(y) * sizeof *c->pre);
        if (!c->pre)
            return tape_bad(t);
    }
    gemm_strided(rows, out, in, x->x, (size_t)x->ld, 1, w->x, (size_t)w->ld,
                 c->pre ? c->pre : y->x, ld, 0);
    const real *b = bias ? bias->x : NULL, *from = y->x;
    if (c->pre) {
        if (b)
            kern()->bias_act(c->pre, b, ACT_NONE, NULL, 0, rows, out, ld, c->pre);
        b = NULL;
        from = c->pre;
    }
    if (b || act != ACT_NONE || c->drop.p > 0)
        kern()->bias_act(from, b, act, &c->drop, tape_env(t)->row0, rows, out, ld, y->x);
    struct tape_op *op = tape_append(t, OP_linear, y, wants ? linear_back : NULL);
    op->in[0] = x;
    op->in[1] = w;
    op->in[2] = bias;
    op->ctx = c;
    return y;
}
