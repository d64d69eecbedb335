/* Convolution over the past of each session: SASRec's feed-forward with a view of the
 * neighbours. */
#include "engine/tensor/ops.h"

struct causal_conv {
    const int32_t *off;
    int32_t n;
    enum act act;
    struct dropout drop;
    real *pre; /* before the activation, where its derivative needs it */
};

/* Tap j of K reads `lag` = K-1-j rows back; rows with less history in their session take no
 * part.  Lag 0 is one product over all rows, so that K = 1 does just what op_linear does. */
static int32_t spans(const struct causal_conv *c, int32_t lag, int32_t s, int32_t *first)
{
    *first = c->off[s];
    int32_t rows = c->off[s + 1] - c->off[s] - lag;
    return rows > 0 ? rows : 0;
}

static void conv_back(struct tape *t, struct tape_op *op)
{
    const struct causal_conv *c = op->ctx;
    struct tensor *x = op->in[0], *w = op->in[1], *b = op->in[2], *y = op->out;
    int32_t rows = tensor_rows(y), in = tensor_cols(x), out = tensor_cols(y), taps = w->d[0];
    size_t ld = (size_t)y->ld, ldx = (size_t)x->ld, ldw = (size_t)w->ld,
           ldt = (size_t)row_ld(in);
    real *gb = b ? tape_grad(t, b, NULL) : NULL;
    const real *g = y->g;
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
    real *gw = tape_grad(t, w, NULL);
    bool fresh = false;
    real *gx = tape_grad(t, x, &fresh);
    struct arena_mark mark = arena_save(tape_arena(t));
    real *wt = tape_alloc(t, (size_t)out * ldt * sizeof *wt);
    for (int32_t lag = 0; wt && lag < taps; lag++) {
        size_t tap = (size_t)(taps - 1 - lag) * (size_t)in * ldw;
        if (gx)
            kern()->transpose(w->x + tap, ldw, in, out, wt, ldt);
        for (int32_t s = 0; s < (lag ? c->n : 1); s++) {
            int32_t first = 0, m = lag ? spans(c, lag, s, &first) : rows;
            const real *xs = x->x + (size_t)first * ldx, *gs = g + (size_t)(first + lag) * ld;
            if (gw)
                kern()->gemm(GEMM_FULL, in, out, m, xs, 1, ldx, gs, ld, gw + tap, ldw, 1);
            if (gx)
                kern()->gemm(GEMM_FULL, m, in, out, gs, ld, 1, wt, ldt,
                             gx + (size_t)first * ldx, ldx, lag || !fresh);
        }
    }
    arena_restore(tape_arena(t), mark);
}

struct tensor *op_causal_conv(struct tape *t, struct tensor *x, struct tensor *w,
                              struct tensor *bias, const int32_t *off, int32_t n, enum act act,
                              float drop)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x), in = tensor_cols(x), out = tensor_cols(w);
    if (w->nd != 3 || w->d[1] != in || (bias && tensor_cols(bias) != out) || off[n] != rows) {
        tape_fail(t, ST_SHAPE, "causal_conv: (%d,%d) in sessions of %d rows, weights (%d,%d)",
                  rows, in, off[n], tensor_rows(w), out);
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){rows, out});
    struct causal_conv *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    *c = (struct causal_conv){.off = off, .n = n, .act = act};
    if (tape_training(t) && drop > 0)
        c->drop = (struct dropout){.p = drop, .key = tape_key(t, "drop")};
    bool wants = tape_wants(t, x) || tape_wants(t, w) || (bias && tape_wants(t, bias));
    if (wants && (act == ACT_GELU || act == ACT_GELU_TANH)) {
        c->pre = tape_alloc(t, tensor_size(y) * sizeof *c->pre);
        if (!c->pre)
            return tape_bad(t);
    }
    size_t ld = (size_t)y->ld, ldx = (size_t)x->ld, ldw = (size_t)w->ld;
    real *sum = c->pre ? c->pre : y->x;
    for (int32_t lag = 0, taps = w->d[0]; lag < taps; lag++) {
        const real *tap = w->x + (size_t)(taps - 1 - lag) * (size_t)in * ldw;
        for (int32_t s = 0; s < (lag ? n : 1); s++) {
            int32_t first = 0, m = lag ? spans(c, lag, s, &first) : rows;
            kern()->gemm(GEMM_FULL, m, out, in, x->x + (size_t)first * ldx, ldx, 1, tap, ldw,
                         sum + (size_t)(first + lag) * ld, ld, lag > 0);
        }
    }
    const real *b = bias ? bias->x : NULL;
    if (c->pre && b) {
        kern()->bias_act(sum, b, ACT_NONE, NULL, 0, rows, out, ld, sum);
        b = NULL;
    }
    if (b || act != ACT_NONE || c->drop.p > 0)
        kern()->bias_act(sum, b, act, &c->drop, tape_env(t)->row0, rows, out, ld, y->x);
    struct tape_op *op = tape_append(t, OP_causal_conv, y, wants ? conv_back : NULL);
    op->in[0] = x;
    op->in[1] = w;
    op->in[2] = bias;
    op->ctx = c;
    return y;
}
