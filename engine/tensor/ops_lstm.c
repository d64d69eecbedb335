/* Long short-term memory over packed sessions, row by row; each gate's numbers in a matrix
 * of their own. */
#include "engine/tensor/ops.h"

#include <string.h>

enum gate { IN, FORGET, CAND, OUT, GATES };

struct lstm {
    int32_t h, n, rows;
    const int32_t *off;
    real *gate[GATES]; /* (R,ld) after their activations */
    real *cell, *bent; /* (R,ld) c and tanh c */
    real *before;      /* (R,ld) the state each row starts from */
};

static size_t ld_of(const struct lstm *g)
{
    return (size_t)row_ld(g->h);
}

static real *rows_new(struct tape *t, const struct lstm *g)
{
    size_t n = (size_t)(g->rows + 1) * ld_of(g);
    real *x = tape_alloc(t, n * sizeof *x);
    if (x)
        memset(x, 0, n * sizeof *x);
    return x;
}

/* Columns of one gate, filler zero. */
static void take(const struct tensor *x, int i, int32_t h, real *out)
{
    for (int32_t r = 0; r < tensor_rows(x); r++)
        memcpy(out + (size_t)r * (size_t)row_ld(h),
               x->x + (size_t)r * (size_t)x->ld + (size_t)(i * h), (size_t)h * sizeof *out);
}

static real *matrix(struct tape *t, const struct tensor *w, int i, int32_t h, bool turned)
{
    size_t n = (size_t)h * (size_t)row_ld(h);
    real *y = tape_alloc(t, n * sizeof *y);
    if (!y)
        return NULL;
    memset(y, 0, n * sizeof *y);
    if (turned)
        kern()->transpose(w->x + (size_t)(i * h), (size_t)w->ld, h, h, y, (size_t)row_ld(h));
    else
        take(w, i, h, y);
    return y;
}

static void forward(struct tape *t, struct lstm *g, const struct tensor *x,
                    const struct tensor *w, struct tensor *y)
{
    static const enum act act[GATES] = {ACT_SIGMOID, ACT_SIGMOID, ACT_TANH, ACT_SIGMOID};
    static const char *const name[GATES] = {"input", "forget", "cand", "output"};
    const struct kernels *K = kern();
    const size_t ld = ld_of(g), row = ld * sizeof(real);
    const real *m[GATES];
    real *tmp = tape_alloc(t, row);
    for (int i = 0; i < GATES; i++) {
        m[i] = matrix(t, w, i, g->h, false);
        g->gate[i] = rows_new(t, g);
    }
    g->cell = rows_new(t, g);
    g->bent = rows_new(t, g);
    g->before = rows_new(t, g);
    if (tape_failed(t))
        return;
    for (int i = 0; i < GATES; i++)
        take(x, i, g->h, g->gate[i]);
    for (int32_t s = 0; s < g->n; s++)
        for (int32_t r = g->off[s]; r < g->off[s + 1]; r++) {
            const size_t at = (size_t)r * ld;
            const bool first = r == g->off[s];
            if (!first)
                memcpy(g->before + at, y->x + at - ld, row);
            for (int i = 0; i < GATES; i++) {
                real *z = g->gate[i] + at;
                if (!first)
                    K->gemm(GEMM_FULL, 1, g->h, g->h, g->before + at, ld, 1, m[i], ld, z, ld,
                            1);
                K->bias_act(z, NULL, act[i], NULL, 0, 1, g->h, ld, z);
                tape_patch(t, name[i], z, 1, g->h, ld);
            }
            real *c = g->cell + at;
            K->mul(g->gate[IN] + at, g->gate[CAND] + at, c, ld);
            if (!first) {
                K->mul(g->gate[FORGET] + at, c - ld, tmp, ld);
                K->add(c, tmp, c, ld);
            }
            K->bias_act(c, NULL, ACT_TANH, NULL, 0, 1, g->h, ld, g->bent + at);
            K->mul(g->gate[OUT] + at, g->bent + at, y->x + at, ld);
            tape_patch(t, "state", y->x + at, 1, g->h, ld);
        }
}

static void lstm_back(struct tape *t, struct tape_op *op)
{
    const struct lstm *g = op->ctx;
    const struct kernels *K = kern();
    struct tensor *x = op->in[0], *w = op->in[1];
    const size_t ld = ld_of(g), row = ld * sizeof(real);
    real *d[GATES], *up = tape_alloc(t, row), *dc = tape_alloc(t, row),
                    *carry_h = tape_alloc(t, row), *carry_c = tape_alloc(t, row);
    const real *turned[GATES];
    for (int i = 0; i < GATES; i++) {
        d[i] = rows_new(t, g);
        turned[i] = matrix(t, w, i, g->h, true);
    }
    if (tape_failed(t))
        return;
    for (int32_t s = 0; s < g->n; s++) {
        memset(carry_h, 0, row);
        memset(carry_c, 0, row);
        for (int32_t r = g->off[s + 1] - 1; r >= g->off[s]; r--) {
            const size_t at = (size_t)r * ld;
            const bool first = r == g->off[s];
            const real *in = g->gate[IN] + at, *keep = g->gate[FORGET] + at,
                       *cand = g->gate[CAND] + at, *out = g->gate[OUT] + at;
            K->add(op->out->g + at, carry_h, up, ld);
            K->mul(up, g->bent + at, d[OUT] + at, ld);
            K->mul(up, out, dc, ld);
            K->bias_act_back(dc, g->bent + at, NULL, ACT_TANH, NULL, 0, 1, g->h, ld, dc, NULL);
            K->add(dc, carry_c, dc, ld);
            K->mul(dc, cand, d[IN] + at, ld);
            K->mul(dc, in, d[CAND] + at, ld);
            if (!first)
                K->mul(dc, g->cell + at - ld, d[FORGET] + at, ld);
            K->mul(dc, keep, carry_c, ld);
            memset(carry_h, 0, row);
            for (int i = 0; i < GATES; i++) {
                K->bias_act_back(d[i] + at, g->gate[i] + at, NULL,
                                 i == CAND ? ACT_TANH : ACT_SIGMOID, NULL, 0, 1, g->h, ld,
                                 d[i] + at, NULL);
                if (!first)
                    K->gemm(GEMM_FULL, 1, g->h, g->h, d[i] + at, ld, 1, turned[i], ld, carry_h,
                            ld, 1);
            }
        }
    }
    real *gx = tape_grad(t, x, NULL), *gw = tape_grad(t, w, NULL);
    real *tmp = gw ? tape_alloc(t, (size_t)g->h * row) : NULL;
    for (int i = 0; i < GATES; i++) {
        for (int32_t r = 0; gx && r < g->rows; r++)
            K->axpy(1, d[i] + (size_t)r * ld, gx + (size_t)r * (size_t)x->ld + i * g->h, g->h);
        if (!tmp)
            continue;
        K->gemm(GEMM_FULL, g->h, g->h, g->rows, g->before, 1, ld, d[i], ld, tmp, ld, 0);
        for (int32_t r = 0; r < g->h; r++)
            K->axpy(1, tmp + (size_t)r * ld, gw + (size_t)r * (size_t)w->ld + i * g->h, g->h);
    }
}

static void show(struct tape *t, const struct lstm *g)
{
    static const char *const name[GATES] = {"input", "forget", "cand", "output"};
    const int32_t s = tape_watched(t);
    if (s < 0 || s >= g->n)
        return;
    const int32_t from = g->off[s], n = g->off[s + 1] - from;
    for (int i = 0; i < GATES; i++) {
        struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){n, g->h});
        if (tape_failed(t))
            return;
        memcpy(y->x, g->gate[i] + (size_t)from * ld_of(g), (size_t)n * ld_of(g) * sizeof *y->x);
        tape_probe(t, name[i], y);
    }
}

struct tensor *op_lstm(struct tape *t, struct tensor *x, struct tensor *w, const int32_t *off,
                       int32_t n)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t h = tensor_rows(w), rows = off[n];
    if (tensor_cols(w) != GATES * h || tensor_cols(x) != GATES * h || tensor_rows(x) != rows) {
        tape_fail(t, ST_SHAPE, "lstm: (%d,%d) through (%d,%d) on %d rows", tensor_rows(x),
                  tensor_cols(x), h, tensor_cols(w), rows);
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor(t, 2, (int32_t[]){rows, h});
    struct lstm *g = tape_alloc(t, sizeof *g);
    if (tape_failed(t))
        return tape_bad(t);
    *g = (struct lstm){.h = h, .n = n, .rows = rows, .off = off};
    forward(t, g, x, w, y);
    if (tape_failed(t))
        return tape_bad(t);
    show(t, g);
    struct tape_op *op =
        tape_append(t, OP_lstm, y, tape_wants(t, x) || tape_wants(t, w) ? lstm_back : NULL);
    op->in[0] = x;
    op->in[1] = w;
    op->ctx = g;
    return y;
}
