/* The tape: nodes, tensors, gradient buffers, the backward loop; see tape.h.  What the ops
 * compute lives in ops_*.c, names and marks on the way in tape_marks.c. */
#include "engine/tensor/tape_impl.h"
#include "engine/tensor/ops.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Life ---- */

bool tape_list_grow(struct tape *t, void *list_v, int32_t n, int32_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    int32_t more = *cap ? 2 * *cap : 512;
    void *p;
    memcpy(&p, list_v, sizeof p); /* a pointer to any type */
    p = realloc(p, (size_t)more * size);
    if (!p) {
        tape_fail(t, ST_NOMEM, "no memory for the list of operations");
        return false;
    }
    memset((char *)p + (size_t)*cap * size, 0, (size_t)(more - *cap) * size);
    memcpy(list_v, &p, sizeof p);
    *cap = more;
    return true;
}

enum status tape_new(struct tape **out, size_t reserve, struct err *err)
{
    *out = NULL;
    struct tape *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);
    if (!t)
        return err_nomem(err, sizeof *t, "tape");
    memset(t, 0, sizeof *t);
    enum status st = arena_new(&t->mem, reserve, err);
    if (st != ST_OK) {
        free(t);
        return st;
    }
    t->bad = (struct tensor){
        .x = t->bad_x, .g = t->bad_g, .nd = 1, .d = {1}, .ld = TENSOR_ROW, .node = -1};
    t->watched = -1;
    t->scope[0] = (struct scope){.name = "", .site = rng_site("")};
    if (!TAPE_GROW(t, t->op) || !TAPE_GROW(t, t->param) || !TAPE_GROW(t, t->key) ||
        !TAPE_GROW(t, t->probe) || !TAPE_GROW(t, t->term) || !TAPE_GROW(t, t->carry)) {
        tape_free(t);
        return err_nomem(err, 512 * sizeof *t->op.v, "tape");
    }
    *out = t;
    return ST_OK;
}

void tape_free(struct tape *t)
{
    if (!t)
        return;
    arena_free(t->mem);
    free(t->op.v);
    free(t->param.v);
    free(t->key.v);
    free(t->probe.v);
    free(t->term.v);
    free(t->carry.v);
    free(t);
}

void tape_begin(struct tape *t, const struct tape_env *env)
{
    arena_reset(t->mem);
    t->env = *env;
    t->keep = env->keep_grads || env->on_op;
    t->err = (struct err){.code = ST_OK};
    t->depth = 0;
    t->watched = -1;
    t->op.n = t->key.n = t->probe.n = t->term.n = t->carry.n = 0;
    if (t->param.n)
        memset(t->param.v, 0, (size_t)t->param.n * sizeof *t->param.v);
    t->param.n = 0;
    t->spare = NULL;
}

const struct tape_env *tape_env(const struct tape *t)
{
    return &t->env;
}

struct arena *tape_arena(struct tape *t)
{
    return t->mem;
}

bool tape_training(const struct tape *t)
{
    return t->env.training;
}

/* ---- Errors ---- */

void tape_fail(struct tape *t, enum status code, const char *fmt, ...)
{
    if (t->err.code != ST_OK)
        return; /* the first one is the cause */
    char text[sizeof t->err.msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t->depth)
        err_set(&t->err, code, "%s in %s", text, t->scope[t->depth].name);
    else
        err_set(&t->err, code, "%s", text);
#ifdef TAPE_STRICT
    assert(code != ST_SHAPE && "a tensor has the wrong shape: see t->err.msg");
#endif
}

bool tape_failed(const struct tape *t)
{
    return t->err.code != ST_OK;
}

enum status tape_check(const struct tape *t, struct err *err)
{
    if (t->err.code != ST_OK && err)
        *err = t->err;
    return t->err.code;
}

struct tensor *tape_bad(struct tape *t)
{
    return &t->bad;
}

/* ---- Memory and tensors ---- */

void *tape_alloc(struct tape *t, size_t size)
{
    void *p = arena_raw(t->mem, size);
    if (!p)
        tape_fail(t, ST_NOMEM, "no memory for %.1f MiB of activations",
                  (double)size / 1048576.0);
    return p;
}

struct tensor *tape_tensor_bare(struct tape *t, int nd, const int32_t *d)
{
    if (tape_failed(t))
        return &t->bad;
    assert(nd >= 1 && nd <= TENSOR_MAX_DIM);
    struct tensor *x = tape_alloc(t, sizeof *x);
    if (!x)
        return &t->bad;
    *x = (struct tensor){.nd = nd, .ld = row_ld(d[nd - 1]), .node = -1};
    memcpy(x->d, d, (size_t)nd * sizeof *d);
    x->x = tape_alloc(t, tensor_size(x) * sizeof *x->x);
    return x->x ? x : &t->bad;
}

struct tensor *tape_tensor_raw(struct tape *t, int nd, const int32_t *d)
{
    struct tensor *x = tape_tensor_bare(t, nd, d);
    int32_t cols = tensor_cols(x);
    if (x == &t->bad || cols == x->ld)
        return x;
    for (int32_t r = 0; r < tensor_rows(x); r++)
        memset(x->x + (size_t)r * (size_t)x->ld + cols, 0,
               (size_t)(x->ld - cols) * sizeof *x->x);
    return x;
}

struct tensor *tape_tensor(struct tape *t, int nd, const int32_t *d)
{
    struct tensor *x = tape_tensor_bare(t, nd, d);
    if (x != &t->bad)
        memset(x->x, 0, tensor_size(x) * sizeof *x->x);
    return x;
}

struct tape_op *tape_append(struct tape *t, int32_t kind, struct tensor *out,
                            void (*back)(struct tape *t, struct tape_op *op))
{
    if (tape_failed(t) || !TAPE_GROW(t, t->op))
        return &t->lost;
    struct tape_op *op = tape_alloc(t, sizeof *op);
    if (!op)
        return &t->lost;
    *op = (struct tape_op){.kind = kind, .out = out, .name = t->scope[t->depth].name};
    if (back && t->env.g) {
        op->back = back;
        out->flags |= T_WANTS;
    }
    out->node = t->op.n;
    t->op.v[t->op.n++] = op;
    if (t->env.on_op && !t->env.on_op(t->env.ctx, t, out->node, false))
        tape_fail(t, ST_CANCELLED, "stopped");
    return op;
}

struct tensor *tape_input(struct tape *t, const real *src, int nd, const int32_t *d)
{
    struct tensor *x = tape_tensor(t, nd, d);
    if (tape_failed(t))
        return &t->bad;
    if (src)
        for (int32_t r = 0, rows = tensor_rows(x), cols = tensor_cols(x); r < rows; r++)
            memcpy(x->x + (size_t)r * (size_t)x->ld, src + (size_t)r * (size_t)cols,
                   (size_t)cols * sizeof *src);
    tape_append(t, OP_input, x, NULL);
    return x;
}

/* ---- Parameters ---- */

static struct param_slot *slot(struct tape *t, int32_t index)
{
    while (t->param.n <= index) {
        if (!TAPE_GROW(t, t->param))
            return NULL;
        t->param.n++;
    }
    return &t->param.v[index];
}

static real *
writable(const real *x) /* a tensor's value is real *; nobody writes a parameter's */
{
    return (real *)(uintptr_t)x;
}

struct tensor *tape_param(struct tape *t, const struct param *p)
{
    if (tape_failed(t))
        return &t->bad;
    if (p->index < 0) {
        tape_fail(t, ST_STATE, "a parameter that could not be declared");
        return &t->bad;
    }
    struct param_slot *s = slot(t, p->index);
    if (!s)
        return &t->bad;
    if (s->t)
        return s->t;
    struct tensor *x = tape_alloc(t, sizeof *x);
    if (!x)
        return &t->bad;
    tape_reads(t, p, NULL, 0, 0);
    *x = (struct tensor){.x = writable(t->env.x + p->at), .nd = p->nd, .ld = p->ld, .node = -1};
    memcpy(x->d, p->d, sizeof x->d);
    x->flags = T_PARAM | (p->index + 1) << T_INDEX_SHIFT;
    x->g = tape_param_grad(t, p);
    if (x->g)
        x->flags |= T_WANTS;
    /* read as a matrix: any row may get a gradient, in the block */
    if (x->g && t->env.rows && p->flags & PARAM_ROWS)
        t->env.rows(t->env.rows_ctx, p, NULL, (int32_t)param_rows(p), NULL, 0, 0);
    s->t = x;
    tape_append(t, OP_param, x, NULL);
    return tape_failed(t) ? &t->bad : x;
}

void tape_reads(const struct tape *t, const struct param *p, const int32_t *id, int32_t n,
                int32_t id0)
{
    if (t->env.reads && p->flags & PARAM_ROWS)
        t->env.reads(t->env.rows_ctx, p, id, n, id0);
}

real *tape_param_grad(struct tape *t, const struct param *p)
{
    return t->env.g && !(p->flags & (PARAM_FROZEN | PARAM_STATE)) ? t->env.g + p->at : NULL;
}

void tape_rows_grad(struct tape *t, const struct param *p, const int32_t *row, int32_t n,
                    const real *g, int32_t ldg, float scale)
{
    real *into = tape_param_grad(t, p);
    if (!into)
        return;
    if (t->env.rows && p->flags & PARAM_ROWS) {
        t->env.rows(t->env.rows_ctx, p, row, n, g, ldg, scale);
        return;
    }
    for (int32_t i = 0; i < n; i++)
        if (row[i] >= 0)
            kern()->axpy((real)scale, g + (size_t)i * (size_t)ldg,
                         into + (size_t)row[i] * (size_t)p->ld, p->ld);
}

const real *tape_transposed(struct tape *t, const struct tensor *x, int32_t *ld)
{
    int32_t rows = tensor_rows(x), cols = tensor_cols(x);
    *ld = row_ld(rows);
    struct param_slot *s = x->flags & T_PARAM ? slot(t, (x->flags >> T_INDEX_SHIFT) - 1) : NULL;
    if (s && s->transposed)
        return s->transposed;
    real *y = tape_alloc(t, (size_t)cols * (size_t)*ld * sizeof *y);
    if (!y)
        return NULL;
    kern()->transpose(x->x, (size_t)x->ld, rows, cols, y, (size_t)*ld);
    if (s)
        s->transposed = y;
    return y;
}

/* ---- Gradients ---- */

bool tape_wants(const struct tape *t, const struct tensor *x)
{
    return t->env.g && x->flags & T_WANTS;
}

static struct grad_buf *buf_of(const struct tensor *x)
{
    return (struct grad_buf *)(void *)((char *)x->g - GRAD_HEAD);
}

static real *buf_new(struct tape *t, size_t n)
{
    for (struct grad_buf **b = &t->spare; *b; b = &(*b)->next)
        if ((*b)->n == n) {
            struct grad_buf *found = *b;
            *b = found->next;
            found->refs = 1;
            return (real *)(void *)((char *)found + GRAD_HEAD);
        }
    struct grad_buf *fresh = tape_alloc(t, GRAD_HEAD + n * sizeof(real));
    if (!fresh)
        return NULL;
    *fresh = (struct grad_buf){.n = n, .refs = 1};
    return (real *)(void *)((char *)fresh + GRAD_HEAD);
}

static void buf_drop(struct tape *t, struct tensor *x)
{
    struct grad_buf *b = buf_of(x);
    x->g = NULL;
    if (--b->refs == 0) {
        b->next = t->spare;
        t->spare = b;
    }
}

/* x's own buffer, a copy of the shared one when others read it too. */
static bool unshare(struct tape *t, struct tensor *x)
{
    struct grad_buf *b = buf_of(x);
    if (b->refs == 1)
        return true;
    real *own = buf_new(t, b->n);
    if (!own)
        return false;
    memcpy(own, x->g, b->n * sizeof *own);
    b->refs--;
    x->g = own;
    return true;
}

real *tape_grad(struct tape *t, struct tensor *x, bool *fresh)
{
    if (!tape_wants(t, x) || tape_failed(t))
        return NULL;
    if (fresh)
        *fresh = false;
    if (x->flags & T_PARAM)
        return x->g;
    if (x->g)
        return unshare(t, x) ? x->g : NULL;
    size_t n = tensor_size(x);
    x->g = buf_new(t, n);
    if (!x->g)
        return NULL;
    if (fresh)
        *fresh = true;
    else
        memset(x->g, 0, n * sizeof *x->g);
    return x->g;
}

void tape_grad_pass(struct tape *t, struct tensor *x, struct tensor *out)
{
    if (!tape_wants(t, x) || tape_failed(t))
        return;
    assert(tensor_size(x) == tensor_size(out));
    size_t n = tensor_size(x);
    if (!(x->flags & T_PARAM)) {
        if (!x->g) {
            x->g = out->g;
            buf_of(out)->refs++;
            return;
        }
        struct grad_buf *b = buf_of(x);
        if (b->refs > 1) { /* copy and add in one pass */
            real *own = buf_new(t, n);
            if (!own)
                return;
            kern()->add(x->g, out->g, own, n);
            b->refs--;
            x->g = own;
            return;
        }
    }
    kern()->add(x->g, out->g, x->g, n);
}

real *tape_grad_take(struct tape *t, struct tensor *out)
{
    struct grad_buf *b = buf_of(out);
    if (b->refs == 1 && !t->keep)
        return out->g;
    real *copy = tape_alloc(t, b->n * sizeof *copy);
    if (copy)
        memcpy(copy, out->g, b->n * sizeof *copy);
    return copy;
}

enum status tape_backward(struct tape *t, struct err *err)
{
    if (!t->env.g)
        tape_fail(t, ST_STATE, "backward on a forward-only tape");
    for (int32_t i = 0; i < t->term.n; i++) {
        real *g = tape_grad(t, t->term.v[i].x, NULL);
        if (g)
            g[0] += (real)t->term.v[i].weight;
    }
    for (int32_t i = t->op.n - 1; i >= 0 && !tape_failed(t); i--) {
        struct tape_op *op = t->op.v[i];
        if (op->back && op->out->g)
            op->back(t, op);
        if (t->env.on_op && !tape_failed(t) && !t->env.on_op(t->env.ctx, t, i, true))
            tape_fail(t, ST_CANCELLED, "stopped");
        if (op->back && op->out->g && !t->keep)
            buf_drop(t, op->out);
    }
    return tape_check(t, err);
}

/* ---- The list of ops ---- */

int32_t tape_nodes(const struct tape *t)
{
    return t->op.n;
}

const char *tape_node(const struct tape *t, int32_t node, const char **op,
                      const struct tensor **out)
{
    assert(node >= 0 && node < t->op.n);
    const struct tape_op *o = t->op.v[node];
    if (op)
        *op = op_name((enum op_kind)o->kind);
    if (out)
        *out = o->out;
    return o->name;
}

const char *op_name(enum op_kind k)
{
    static const char *const names[] = {
#define OP(name, doc) [OP_##name] = #name,
#include "engine/tensor/ops.def"
#undef OP
    };
    return (unsigned)k < OP_KINDS ? names[k] : "unknown";
}
