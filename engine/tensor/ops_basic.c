/* Element by element: sums, products, scaling, dropout, activation, joining columns. */
#include "engine/tensor/ops.h"

#include <string.h>

static const struct dropout NO_DROP = {0};

/* Is b's shape equal to a's trailing dimensions? */
static bool trails(const struct tensor *a, const struct tensor *b)
{
    if (b->nd > a->nd)
        return false;
    for (int i = 1; i <= b->nd; i++)
        if (a->d[a->nd - i] != b->d[b->nd - i])
            return false;
    return true;
}

static struct tensor *wrong(struct tape *t, const char *op, const struct tensor *a,
                            const struct tensor *b)
{
    tape_fail(t, ST_SHAPE, "%s: (%d,%d) and (%d,%d)", op, tensor_rows(a), tensor_cols(a),
              tensor_rows(b), tensor_cols(b));
    return tape_bad(t);
}

/* ---- add ---- */

static void add_back(struct tape *t, struct tape_op *op)
{
    struct tensor *a = op->in[0], *b = op->in[1];
    tape_grad_pass(t, a, op->out);
    size_t n = tensor_size(b), all = tensor_size(op->out);
    if (n == all) {
        tape_grad_pass(t, b, op->out);
        return;
    }
    real *gb = tape_grad(t, b, NULL);
    for (size_t at = 0; gb && at < all; at += n)
        kern()->add(gb, op->out->g + at, gb, n);
}

struct tensor *op_add(struct tape *t, struct tensor *a, struct tensor *b)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (!trails(a, b))
        return wrong(t, "add", a, b);
    struct tensor *y = tape_tensor_bare(t, a->nd, a->d);
    if (tape_failed(t))
        return y;
    size_t n = tensor_size(b);
    for (size_t at = 0; at < tensor_size(a); at += n)
        kern()->add(a->x + at, b->x, y->x + at, n);
    struct tape_op *op =
        tape_append(t, OP_add, y, tape_wants(t, a) || tape_wants(t, b) ? add_back : NULL);
    op->in[0] = a;
    op->in[1] = b;
    return y;
}

/* ---- mul ---- */

static void add_product(struct tape *t, struct tensor *x, const real *g, const real *factor)
{
    bool fresh;
    real *gx = tape_grad(t, x, &fresh);
    size_t n = tensor_size(x);
    if (!gx)
        return;
    if (fresh) {
        kern()->mul(g, factor, gx, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        gx[i] += g[i] * factor[i];
}

static void mul_back(struct tape *t, struct tape_op *op)
{
    add_product(t, op->in[0], op->out->g, op->in[1]->x);
    add_product(t, op->in[1], op->out->g, op->in[0]->x);
}

struct tensor *op_mul(struct tape *t, struct tensor *a, struct tensor *b)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (a->nd != b->nd || !trails(a, b))
        return wrong(t, "mul", a, b);
    struct tensor *y = tape_tensor_bare(t, a->nd, a->d);
    if (tape_failed(t))
        return y;
    kern()->mul(a->x, b->x, y->x, tensor_size(a));
    struct tape_op *op =
        tape_append(t, OP_mul, y, tape_wants(t, a) || tape_wants(t, b) ? mul_back : NULL);
    op->in[0] = a;
    op->in[1] = b;
    return y;
}

/* ---- scale ---- */

static void scaled(const real *x, real c, real *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = c * x[i];
}

static void scale_back(struct tape *t, struct tape_op *op)
{
    bool fresh;
    real *gx = tape_grad(t, op->in[0], &fresh), c = *(const real *)op->ctx;
    size_t n = tensor_size(op->out);
    if (!gx)
        return;
    if (fresh) {
        scaled(op->out->g, c, gx, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        gx[i] += c * op->out->g[i];
}

struct tensor *op_scale(struct tape *t, struct tensor *x, float c)
{
    if (tape_failed(t))
        return tape_bad(t);
    struct tensor *y = tape_tensor_bare(t, x->nd, x->d);
    real *keep = tape_alloc(t, sizeof *keep);
    if (tape_failed(t))
        return tape_bad(t);
    *keep = (real)c;
    scaled(x->x, *keep, y->x, tensor_size(x));
    struct tape_op *op = tape_append(t, OP_scale, y, tape_wants(t, x) ? scale_back : NULL);
    op->in[0] = x;
    op->ctx = keep;
    return y;
}

/* ---- dropout ---- */

static void dropout_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0];
    int32_t rows = tensor_rows(x), cols = tensor_cols(x);
    bool fresh;
    real *gx = tape_grad(t, x, &fresh);
    if (!gx)
        return;
    if (fresh) {
        kern()->dropout(op->out->g, op->ctx, tape_env(t)->row0, rows, cols, (size_t)x->ld, gx);
        return;
    }
    real *g = tape_grad_take(t, op->out);
    if (!g)
        return;
    kern()->dropout(g, op->ctx, tape_env(t)->row0, rows, cols, (size_t)x->ld, g);
    kern()->add(gx, g, gx, tensor_size(x));
}

/* What x is multiplied with, for the eye. */
static void show_mask(struct tape *t, const char *probe, const struct tensor *x,
                      const struct dropout *drop)
{
    struct tensor *mask = tape_input(t, NULL, x->nd, x->d);
    if (tape_failed(t))
        return;
    for (int32_t r = 0; r < tensor_rows(mask); r++)
        for (int32_t c = 0; c < tensor_cols(mask); c++)
            mask->x[(size_t)r * (size_t)mask->ld + (size_t)c] = 1;
    kern()->dropout(mask->x, drop, tape_env(t)->row0, tensor_rows(mask), tensor_cols(mask),
                    (size_t)mask->ld, mask->x);
    tape_probe(t, probe, mask);
}

struct tensor *op_dropout_shown(struct tape *t, struct tensor *x, float p, const char *probe)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (!tape_training(t) || p <= 0)
        return x;
    struct tensor *y = tape_tensor_bare(t, x->nd, x->d);
    struct dropout *drop = tape_alloc(t, sizeof *drop);
    if (tape_failed(t))
        return tape_bad(t);
    *drop = (struct dropout){.p = p, .key = tape_key(t, "drop")};
    kern()->dropout(x->x, drop, tape_env(t)->row0, tensor_rows(x), tensor_cols(x),
                    (size_t)x->ld, y->x);
    struct tape_op *op = tape_append(t, OP_dropout, y, tape_wants(t, x) ? dropout_back : NULL);
    op->in[0] = x;
    op->ctx = drop;
    if (probe && tape_watched(t) >= 0)
        show_mask(t, probe, x, drop);
    return y;
}

struct tensor *op_dropout(struct tape *t, struct tensor *x, float p)
{
    return op_dropout_shown(t, x, p, NULL);
}

/* ---- act ---- */

static void act_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0], *y = op->out;
    enum act act = *(const enum act *)op->ctx;
    int32_t rows = tensor_rows(x), cols = tensor_cols(x);
    bool fresh;
    real *gx = tape_grad(t, x, &fresh);
    real *g = fresh ? y->g : tape_grad_take(t, y);
    if (!gx || !g)
        return;
    real *into = fresh ? gx : g;
    kern()->bias_act_back(g, y->x, x->x, act, &NO_DROP, 0, rows, cols, (size_t)x->ld, into,
                          NULL);
    if (!fresh)
        kern()->add(gx, g, gx, tensor_size(x));
}

struct tensor *op_act(struct tape *t, struct tensor *x, enum act act)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (act == ACT_NONE)
        return x;
    struct tensor *y = tape_tensor_bare(t, x->nd, x->d);
    enum act *keep = tape_alloc(t, sizeof *keep);
    if (tape_failed(t))
        return tape_bad(t);
    *keep = act;
    kern()->bias_act(x->x, NULL, act, &NO_DROP, 0, tensor_rows(x), tensor_cols(x),
                     (size_t)x->ld, y->x);
    struct tape_op *op = tape_append(t, OP_act, y, tape_wants(t, x) ? act_back : NULL);
    op->in[0] = x;
    op->ctx = keep;
    return y;
}

/* ---- concat ---- */

struct concat {
    int32_t n;
    struct tensor *x[];
};

static void concat_back(struct tape *t, struct tape_op *op)
{
    const struct concat *c = op->ctx;
    const struct tensor *y = op->out;
    int32_t at = 0, rows = tensor_rows(y);
    for (int32_t i = 0; i < c->n; at += tensor_cols(c->x[i]), i++) {
        bool fresh;
        real *gx = tape_grad(t, c->x[i], &fresh);
        int32_t cols = tensor_cols(c->x[i]), ld = c->x[i]->ld;
        for (int32_t r = 0; gx && r < rows; r++, gx += ld) {
            const real *g = y->g + (size_t)r * (size_t)y->ld + at;
            if (fresh) {
                memcpy(gx, g, (size_t)cols * sizeof *gx);
                memset(gx + cols, 0, (size_t)(ld - cols) * sizeof *gx);
            } else {
                kern()->axpy(1, g, gx, cols);
            }
        }
    }
}

struct tensor *op_concat(struct tape *t, struct tensor *const *x, int32_t n)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = n ? tensor_rows(x[0]) : 0, cols = 0;
    bool wants = false;
    for (int32_t i = 0; i < n; i++) {
        if (tensor_rows(x[i]) != rows)
            return wrong(t, "concat", x[0], x[i]);
        cols += tensor_cols(x[i]);
        wants |= tape_wants(t, x[i]);
    }
    struct tensor *y = tape_tensor_raw(t, 2, (int32_t[]){rows, cols});
    struct concat *c = tape_alloc(t, sizeof *c + (size_t)n * sizeof(struct tensor *));
    if (tape_failed(t))
        return tape_bad(t);
    c->n = n;
    int32_t at = 0;
    for (int32_t i = 0; i < n; at += tensor_cols(x[i]), i++) {
        c->x[i] = x[i];
        for (int32_t r = 0; r < rows; r++)
            memcpy(y->x + (size_t)r * (size_t)y->ld + at,
                   x[i]->x + (size_t)r * (size_t)x[i]->ld,
                   (size_t)tensor_cols(x[i]) * sizeof(real));
    }
    struct tape_op *op = tape_append(t, OP_concat, y, wants ? concat_back : NULL);
    for (int32_t i = 0; i < n && i < 6; i++)
        op->in[i] = x[i];
    op->ctx = c;
    return y;
}

/* ---- fold ---- */

static void fold_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0], *y = op->out;
    int32_t d = tensor_cols(y), k = tensor_cols(x) / d;
    real *gx = tape_grad(t, x, NULL);
    for (int32_t r = 0; gx && r < tensor_rows(y); r++)
        for (int32_t c = 0; c < d; c++)
            gx[(size_t)(r / k) * (size_t)x->ld + (size_t)(r % k * d + c)] +=
                y->g[(size_t)r * (size_t)y->ld + (size_t)c];
}

struct tensor *op_fold(struct tape *t, struct tensor *x, int32_t k)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t n = tensor_rows(x), cols = tensor_cols(x), d = k > 0 ? cols / k : 0;
    if (k < 1 || d * k != cols) {
        tape_fail(t, ST_SHAPE, "fold: %d columns do not divide into %d pieces", cols, k);
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor_raw(t, 2, (int32_t[]){n * k, d});
    if (tape_failed(t))
        return tape_bad(t);
    for (int32_t r = 0; r < n * k; r++)
        memcpy(y->x + (size_t)r * (size_t)y->ld,
               x->x + (size_t)(r / k) * (size_t)x->ld + (size_t)(r % k * d),
               (size_t)d * sizeof(real));
    struct tape_op *op = tape_append(t, OP_fold, y, tape_wants(t, x) ? fold_back : NULL);
    op->in[0] = x;
    return y;
}

/* ---- sum_all ---- */

static void sum_all_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0];
    real *gx = tape_grad(t, x, NULL), g = op->out->g[0];
    if (!gx)
        return;
    for (int32_t r = 0; r < tensor_rows(x); r++)
        for (int32_t c = 0; c < tensor_cols(x); c++)
            gx[(size_t)r * (size_t)x->ld + (size_t)c] += g;
}

struct tensor *op_sum_all(struct tape *t, struct tensor *x)
{
    if (tape_failed(t))
        return tape_bad(t);
    struct tensor *y = tape_tensor(t, 1, (int32_t[]){1});
    if (tape_failed(t))
        return y;
    double sum = 0;
    for (size_t i = 0; i < tensor_size(x); i++) /* the filler is zero */
        sum += (double)x->x[i];
    y->x[0] = (real)sum;
    struct tape_op *op = tape_append(t, OP_sum_all, y, tape_wants(t, x) ? sum_all_back : NULL);
    op->in[0] = x;
    return y;
}

/* ---- sum_squares ---- */

static void sum_squares_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0];
    real *gx = tape_grad(t, x, NULL), g = 2 * op->out->g[0];
    for (size_t r = 0, ld = (size_t)x->ld; gx && r < (size_t)tensor_rows(x); r++)
        kern()->axpy(g, x->x + r * ld, gx + r * ld, x->ld);
}

struct tensor *op_sum_squares(struct tape *t, struct tensor *x)
{
    if (tape_failed(t))
        return tape_bad(t);
    struct tensor *y = tape_tensor(t, 1, (int32_t[]){1});
    if (tape_failed(t))
        return y;
    double sum = 0; /* row by row: many small squares */
    for (int32_t r = 0; r < tensor_rows(x); r++) {
        const real *row = x->x + (size_t)r * (size_t)x->ld;
        sum += (double)kern()->dot(row, row, x->ld);
    }
    y->x[0] = (real)sum;
    struct tape_op *op =
        tape_append(t, OP_sum_squares, y, tape_wants(t, x) ? sum_squares_back : NULL);
    op->in[0] = x;
    return y;
}
