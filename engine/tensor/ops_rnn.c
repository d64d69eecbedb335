/* Gated recurrent units over packed sessions.
 *
 * Sessions are sorted by length once, longest first, and rows are stored time by time: at
 * time t the first live[t] sessions go on, and what they need lies side by side.  So a step
 * is a handful of products and passes over whole matrices, nothing is masked, and the
 * weights' gradients are one product each after the loop. */
#include "engine/tensor/ops.h"

#include <string.h>

struct gru {
    struct gru_cell c;
    int32_t rows, n, steps; /* rows of the output; sessions; longest */
    enum augru_form form;
    struct tensor *att, *h0;
    const int32_t *row;    /* output row -> row of c.x, NULL = the same */
    int32_t *order;        /* (n) sessions, longest first */
    int32_t *live, *start; /* (steps+1) sessions at time t; first stored row of time t */
    int32_t *src;          /* (rows) stored row -> output row */
    real *gate[GRU_GATES]; /* (rows,ld) after sigmoid and tanh, stored time by time */
    real *before, *after;  /* state before and after the step */
    real *aside;           /* h W + b of the candidate (reset_after), or r * h */
    real *write; /* the share written, when attention has a say; else NULL: gate[GRU_UPDATE] */
};

void gru_thirds(struct cols out[GRU_GATES], struct tensor *x, int32_t h, int32_t reset,
                int32_t update, int32_t cand)
{
    out[GRU_RESET] = (struct cols){x, reset * h};
    out[GRU_UPDATE] = (struct cols){x, update * h};
    out[GRU_CAND] = (struct cols){x, cand * h};
}

static size_t ld_of(const struct gru *g)
{
    return (size_t)row_ld(g->c.h);
}

/* ---- The plan: who steps when ---- */

static bool plan(struct tape *t, struct gru *g, const int32_t *off)
{
    int32_t n = g->n, longest = 0;
    for (int32_t s = 0; s < n; s++)
        if (off[s + 1] - off[s] > longest)
            longest = off[s + 1] - off[s];
    g->steps = longest;
    g->order = tape_alloc(t, (size_t)(n + 1) * sizeof *g->order);
    g->live = tape_alloc(t, (size_t)(longest + 1) * sizeof *g->live);
    g->start = tape_alloc(t, (size_t)(longest + 1) * sizeof *g->start);
    g->src = tape_alloc(t, (size_t)(g->rows + 1) * sizeof *g->src);
    if (tape_failed(t))
        return false;
    memset(g->live, 0, (size_t)(longest + 1) * sizeof *g->live);
    for (int32_t s = 0; s < n; s++)
        if (off[s + 1] > off[s])
            g->live[off[s + 1] - off[s] - 1]++;
    for (int32_t i = longest - 2; i >= 0; i--)
        g->live[i] += g->live[i + 1]; /* sessions longer than i */
    for (int32_t i = 0, at = 0; i <= longest; i++) {
        g->start[i] = at;
        at += i < longest ? g->live[i] : 0;
    }
    /* Counting sort: sessions of length i+1 stand behind the live[i+1] longer ones, in their
     * order. */
    int32_t *next = tape_alloc(t, (size_t)(longest + 1) * sizeof *next);
    if (!next)
        return false;
    for (int32_t i = 0; i < longest; i++)
        next[i] = i + 1 < longest ? g->live[i + 1] : 0;
    for (int32_t s = 0; s < n; s++)
        if (off[s + 1] > off[s])
            g->order[next[off[s + 1] - off[s] - 1]++] = s;
    for (int32_t i = 0; i < longest; i++)
        for (int32_t k = 0; k < g->live[i]; k++)
            g->src[g->start[i] + k] = off[g->order[k]] + i;
    return true;
}

/* ---- Forward ---- */

static real *rows_new(struct tape *t, const struct gru *g)
{
    return tape_alloc(t, (size_t)(g->rows ? g->rows : 1) * ld_of(g) * sizeof(real));
}

/* A gate's weights (or one row of biases) in a matrix of their own, filler zero. */
static const real *own_matrix(struct tape *t, struct cols c, int32_t rows, int32_t h)
{
    size_t ld = (size_t)row_ld(h);
    if (c.at == 0 && tensor_cols(c.x) == h)
        return c.x->x;
    real *y = tape_alloc(t, (size_t)rows * ld * sizeof *y);
    for (int32_t r = 0; y && r < rows; r++) {
        memcpy(y + (size_t)r * ld, c.x->x + (size_t)r * (size_t)c.x->ld + c.at,
               (size_t)h * sizeof *y);
        memset(y + (size_t)r * ld + h, 0, (ld - (size_t)h) * sizeof *y);
    }
    return y;
}

static int32_t input_row(const struct gru *g, int32_t k) /* of stored row k */
{
    return g->row ? g->row[g->src[k]] : g->src[k];
}

/* The share that is written, where attention a (one a row) scales it; DIEN: 1 - (1 - a) u. */
static void write_share(const struct gru *g, int32_t first, int32_t m)
{
    size_t ld = ld_of(g);
    for (int32_t k = first; k < first + m; k++) {
        real a = g->att->x[(size_t)g->src[k] * (size_t)g->att->ld];
        const real *u = g->gate[GRU_UPDATE] + (size_t)k * ld;
        real *w = g->write + (size_t)k * ld;
        memset(w, 0, ld * sizeof *w);
        for (int32_t j = 0; j < g->c.h; j++)
            w[j] = g->form == AUGRU_PAPER  ? a * u[j]
                   : g->form == AUGRU_DIEN ? 1 - (1 - a) * u[j]
                                           : a;
    }
}

static void forward(struct tape *t, struct gru *g)
{
    const struct kernels *K = kern();
    const struct gru_cell *c = &g->c;
    const int32_t h = c->h;
    const size_t ld = ld_of(g);
    const real *w[GRU_GATES], *b[GRU_GATES];
    for (int i = 0; i < GRU_GATES; i++) {
        g->gate[i] = rows_new(t, g);
        w[i] = own_matrix(t, c->w[i], h, h);
        b[i] = c->b[i].x ? own_matrix(t, c->b[i], 1, h) : NULL;
    }
    g->before = rows_new(t, g);
    g->after = rows_new(t, g);
    g->aside = rows_new(t, g);
    if (g->att && g->form != AUGRU_GRU)
        g->write = rows_new(t, g);
    real *tmp = tape_alloc(t, (size_t)(g->steps ? g->live[0] : 1) * ld * sizeof *tmp);
    if (tape_failed(t))
        return;
    for (int i = 0; i < GRU_GATES; i++)
        for (int32_t k = 0; k < g->rows; k++) {
            real *y = g->gate[i] + (size_t)k * ld;
            memcpy(y,
                   c->x[i].x->x + (size_t)input_row(g, k) * (size_t)c->x[i].x->ld + c->x[i].at,
                   (size_t)h * sizeof *y);
            memset(y + h, 0, (ld - (size_t)h) * sizeof *y);
        }
    for (int32_t step = 0; step < g->steps; step++) {
        int32_t m = g->live[step];
        size_t at = (size_t)g->start[step] * ld, n = (size_t)m * ld;
        real *r = g->gate[GRU_RESET] + at, *u = g->gate[GRU_UPDATE] + at,
             *cand = g->gate[GRU_CAND] + at;
        real *old = g->before + at, *aside = g->aside + at;
        if (step)
            memcpy(old, g->after + (size_t)g->start[step - 1] * ld, n * sizeof *old);
        else if (!g->h0)
            memset(old, 0, n * sizeof *old);
        else
            for (int32_t k = 0; k < m; k++)
                memcpy(old + (size_t)k * ld, g->h0->x + (size_t)g->order[k] * ld,
                       ld * sizeof *old);
        bool zero = !step && !g->h0; /* the products with a zero state are known */
        if (!zero) {
            K->gemm(GEMM_FULL, m, h, h, old, ld, 1, w[GRU_RESET], ld, r, ld, 1);
            K->gemm(GEMM_FULL, m, h, h, old, ld, 1, w[GRU_UPDATE], ld, u, ld, 1);
        }
        K->bias_act(r, b[GRU_RESET], ACT_SIGMOID, NULL, 0, m, h, ld, r);
        K->bias_act(u, b[GRU_UPDATE], ACT_SIGMOID, NULL, 0, m, h, ld, u);
        tape_patch(t, "reset", r, m, h, ld);
        tape_patch(t, "update", u, m, h, ld);
        if (c->reset_after) {
            if (zero)
                memset(aside, 0, n * sizeof *aside);
            else
                K->gemm(GEMM_FULL, m, h, h, old, ld, 1, w[GRU_CAND], ld, aside, ld, 0);
            if (b[GRU_CAND])
                K->bias_act(aside, b[GRU_CAND], ACT_NONE, NULL, 0, m, h, ld, aside);
            K->mul(r, aside, tmp, n);
            K->add(cand, tmp, cand, n);
            K->bias_act(cand, NULL, ACT_TANH, NULL, 0, m, h, ld, cand);
        } else {
            K->mul(r, old, aside, n);
            if (!zero)
                K->gemm(GEMM_FULL, m, h, h, aside, ld, 1, w[GRU_CAND], ld, cand, ld, 1);
            K->bias_act(cand, b[GRU_CAND], ACT_TANH, NULL, 0, m, h, ld, cand);
        }
        tape_patch(t, "cand", cand, m, h, ld);
        if (g->write) {
            write_share(g, g->start[step], m);
            tape_patch(t, "write", g->write + at, m, h, ld);
        }
        const real *share = g->write ? g->write + at : u;
        if (c->update_keeps)
            K->mix(share, cand, old, g->after + at, n);
        else
            K->mix(share, old, cand, g->after + at, n);
        tape_patch(t, "state", g->after + at, m, h, ld);
    }
}

/* ---- Backward ---- */

static void add_cols(struct tape *t, struct cols into, const real *g, int32_t rows, int32_t h,
                     size_t ld)
{
    real *to = tape_grad(t, into.x, NULL);
    for (int32_t r = 0; to && r < rows; r++)
        kern()->axpy(1, g + (size_t)r * ld, to + (size_t)r * (size_t)into.x->ld + into.at, h);
}

static void input_grad(struct tape *t, const struct gru *g, enum gru_gate gate, const real *d)
{
    struct cols x = g->c.x[gate];
    real *to = tape_grad(t, x.x, NULL);
    for (int32_t k = 0; to && k < g->rows; k++)
        kern()->axpy(1, d + (size_t)k * ld_of(g),
                     to + (size_t)input_row(g, k) * (size_t)x.x->ld + x.at, g->c.h);
}

static void weight_grad(struct tape *t, const struct gru *g, enum gru_gate gate, const real *in,
                        const real *d)
{
    const int32_t h = g->c.h;
    const size_t ld = ld_of(g);
    struct cols w = g->c.w[gate], b = g->c.b[gate];
    struct arena_mark mark;
    if (tape_wants(t, w.x)) {
        real *to = tape_grad(t, w.x, NULL);
        if (to && w.at == 0 && tensor_cols(w.x) == h) {
            kern()->gemm(GEMM_FULL, h, h, g->rows, in, 1, ld, d, ld, to, ld, 1);
        } else if (to) {
            mark = arena_save(tape_arena(t));
            real *tmp = tape_alloc(t, (size_t)h * ld * sizeof *tmp);
            if (tmp) {
                kern()->gemm(GEMM_FULL, h, h, g->rows, in, 1, ld, d, ld, tmp, ld, 0);
                add_cols(t, w, tmp, h, h, ld);
            }
            arena_restore(tape_arena(t), mark);
        }
    }
    if (b.x && tape_wants(t, b.x) && tape_grad(t, b.x, NULL)) {
        mark = arena_save(tape_arena(t));
        real *tmp = tape_alloc(t, ld * sizeof *tmp);
        if (tmp) {
            memset(tmp, 0, ld * sizeof *tmp);
            kern()->colsum(d, g->rows, h, ld, tmp);
            add_cols(t, b, tmp, 1, h, ld);
        }
        arena_restore(tape_arena(t), mark);
    }
}

/* From the gradient of the written share to those of update gate and attention. */
static void share_back(const struct gru *g, real *gw, int32_t first, int32_t m, real *gatt)
{
    size_t ld = ld_of(g);
    for (int32_t k = first; k < first + m; k++, gw += ld) {
        size_t at = (size_t)g->src[k] * (size_t)g->att->ld;
        real a = g->att->x[at], sum = 0;
        const real *u = g->gate[GRU_UPDATE] + (size_t)k * ld;
        for (int32_t j = 0; j < g->c.h; j++) {
            sum += g->form == AUGRU_AGRU ? gw[j] : gw[j] * u[j];
            gw[j] *= g->form == AUGRU_PAPER ? a : g->form == AUGRU_DIEN ? a - 1 : 0;
        }
        if (gatt)
            gatt[at] += sum;
    }
}

static const real *flipped(struct tape *t, struct cols w, int32_t h) /* a gate's W^T */
{
    int32_t ld;
    if (w.at == 0 && tensor_cols(w.x) == h)
        return tape_transposed(t, w.x, &ld);
    real *y = tape_alloc(t, (size_t)h * (size_t)row_ld(h) * sizeof *y);
    if (y)
        kern()->transpose(w.x->x + w.at, (size_t)w.x->ld, h, h, y, (size_t)row_ld(h));
    return y;
}

static void gru_back(struct tape *t, struct tape_op *op)
{
    const struct gru *g = op->ctx;
    const struct gru_cell *c = &g->c;
    const struct kernels *K = kern();
    const int32_t h = c->h;
    const size_t ld = ld_of(g), row = ld * sizeof(real);
    real *gatt = g->att && g->form != AUGRU_GRU ? tape_grad(t, g->att, NULL) : NULL;
    real *gh0 = g->h0 ? tape_grad(t, g->h0, NULL) : NULL;
    const real *wt[GRU_GATES];
    real *d[GRU_GATES];
    for (int i = 0; i < GRU_GATES; i++) {
        wt[i] = flipped(t, c->w[i], h);
        d[i] = rows_new(t, g);
    }
    real *daside = rows_new(t, g), *gh = rows_new(t, g);
    size_t most = (size_t)(g->steps ? g->live[0] : 1) * row;
    real *carry = tape_alloc(t, most), *tmp = tape_alloc(t, most);
    if (tape_failed(t))
        return;
    for (int32_t k = 0; k < g->rows; k++)
        memcpy(gh + (size_t)k * ld, op->out->g + (size_t)g->src[k] * ld, row);

    for (int32_t step = g->steps - 1; step >= 0; step--) {
        int32_t m = g->live[step], later = step + 1 < g->steps ? g->live[step + 1] : 0;
        size_t at = (size_t)g->start[step] * ld, n = (size_t)m * ld;
        const real *r = g->gate[GRU_RESET] + at, *u = g->gate[GRU_UPDATE] + at,
                   *cand = g->gate[GRU_CAND] + at;
        const real *old = g->before + at, *aside = g->aside + at,
                   *share = g->write ? g->write + at : u;
        real *dr = d[GRU_RESET] + at, *du = d[GRU_UPDATE] + at, *dc = d[GRU_CAND] + at,
             *up = gh + at;
        K->add(up, carry, up, (size_t)later * ld);
        if (c->update_keeps)
            K->mix_back(up, share, cand, old, n, du, dc, carry);
        else
            K->mix_back(up, share, old, cand, n, du, carry, dc);
        if (g->write)
            share_back(g, du, g->start[step], m, gatt);
        K->bias_act_back(du, u, NULL, ACT_SIGMOID, NULL, 0, m, h, ld, du, NULL);
        K->bias_act_back(dc, cand, NULL, ACT_TANH, NULL, 0, m, h, ld, dc, NULL);
        if (c->reset_after) { /* dc meets r and h W + b */
            K->mul(dc, aside, dr, n);
            K->mul(dc, r, daside + at, n);
            K->gemm(GEMM_FULL, m, h, h, daside + at, ld, 1, wt[GRU_CAND], ld, carry, ld, 1);
        } else { /* dc goes through W to r * h */
            K->gemm(GEMM_FULL, m, h, h, dc, ld, 1, wt[GRU_CAND], ld, tmp, ld, 0);
            K->mul(tmp, old, dr, n);
            K->mul(tmp, r, tmp, n);
            K->add(carry, tmp, carry, n);
        }
        K->bias_act_back(dr, r, NULL, ACT_SIGMOID, NULL, 0, m, h, ld, dr, NULL);
        if (step || gh0) {
            K->gemm(GEMM_FULL, m, h, h, dr, ld, 1, wt[GRU_RESET], ld, carry, ld, 1);
            K->gemm(GEMM_FULL, m, h, h, du, ld, 1, wt[GRU_UPDATE], ld, carry, ld, 1);
        }
    }
    for (int32_t k = 0; gh0 && g->steps && k < g->live[0]; k++)
        K->axpy(1, carry + (size_t)k * ld, gh0 + (size_t)g->order[k] * ld, (int32_t)ld);
    for (int i = 0; i < GRU_GATES; i++)
        input_grad(t, g, (enum gru_gate)i, d[i]);
    weight_grad(t, g, GRU_RESET, g->before, d[GRU_RESET]);
    weight_grad(t, g, GRU_UPDATE, g->before, d[GRU_UPDATE]);
    if (c->reset_after)
        weight_grad(t, g, GRU_CAND, g->before, daside);
    else
        weight_grad(t, g, GRU_CAND, g->aside, d[GRU_CAND]);
}

/* ---- Probes ---- */

static void show(struct tape *t, const struct gru *g, const char *name, const real *x,
                 const int32_t *pick, int32_t n)
{
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){n, g->c.h});
    if (tape_failed(t))
        return;
    for (int32_t i = 0; i < n; i++)
        memcpy(y->x + (size_t)i * ld_of(g), x + (size_t)pick[i] * ld_of(g),
               ld_of(g) * sizeof(real));
    tape_probe(t, name, y);
}

static void show_watched(struct tape *t, const struct gru *g, const int32_t *of,
                         const int32_t *off)
{
    int32_t watched = tape_watched(t), n = 0;
    if (watched < 0)
        return;
    int32_t *stored = tape_alloc(t, (size_t)(g->rows + 1) * 2 * sizeof *stored),
            *pick = stored ? stored + g->rows + 1 : NULL;
    if (!stored)
        return;
    for (int32_t k = 0; k < g->rows; k++)
        stored[g->src[k]] = k;
    bool all = g->steps == 1 && !of;
    for (int32_t s = 0; s < g->n; s++)
        for (int32_t r = off[s]; r < off[s + 1] && (all || (of ? of[s] : s) == watched); r++)
            pick[n++] = stored[r];
    show(t, g, "reset", g->gate[GRU_RESET], pick, n);
    show(t, g, "update", g->gate[GRU_UPDATE], pick, n);
    show(t, g, "cand", g->gate[GRU_CAND], pick, n);
    if (g->write)
        show(t, g, "write", g->write, pick, n);
}

/* ---- The ops ---- */

static bool fits(struct tape *t, const char *what, struct cols c, int32_t rows, int32_t h)
{
    if (c.x && (rows < 0 || tensor_rows(c.x) == rows) && c.at >= 0 &&
        c.at + h <= tensor_cols(c.x))
        return true;
    tape_fail(t, ST_SHAPE, "%s: (%d,%d) has no columns %d..%d of %d rows", what,
              c.x ? tensor_rows(c.x) : 0, c.x ? tensor_cols(c.x) : 0, c.at, c.at + h - 1, rows);
    return false;
}

static struct tensor *gru(struct tape *t, enum op_kind kind, const struct gru *want,
                          const int32_t *of, const int32_t *off)
{
    const struct gru_cell *c = &want->c;
    const char *what = op_name(kind);
    bool wants =
        (want->att && tape_wants(t, want->att)) || (want->h0 && tape_wants(t, want->h0));
    for (int i = 0; i < GRU_GATES; i++) {
        if (!fits(t, what, c->x[i], want->row ? -1 : want->rows, c->h) ||
            !fits(t, what, c->w[i], c->h, c->h) ||
            (c->b[i].x && !fits(t, what, c->b[i], 1, c->h)))
            return tape_bad(t);
        wants |= tape_wants(t, c->x[i].x) || tape_wants(t, c->w[i].x) ||
                 (c->b[i].x && tape_wants(t, c->b[i].x));
    }
    if (want->h0 && (tensor_rows(want->h0) != want->n || tensor_cols(want->h0) != c->h)) {
        tape_fail(t, ST_SHAPE, "%s: %d sessions of width %d with states (%d,%d)", what, want->n,
                  c->h, tensor_rows(want->h0), tensor_cols(want->h0));
        return tape_bad(t);
    }
    for (int32_t i = 0; want->row && i < want->rows; i++)
        if (want->row[i] < 0 || want->row[i] >= tensor_rows(c->x[0].x)) {
            tape_fail(t, ST_ARG, "%s: row %d of %d", what, want->row[i],
                      tensor_rows(c->x[0].x));
            return tape_bad(t);
        }
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){want->rows, c->h});
    struct gru *g = tape_alloc(t, sizeof *g);
    if (tape_failed(t))
        return tape_bad(t);
    *g = *want;
    if (!plan(t, g, off))
        return tape_bad(t);
    forward(t, g);
    if (tape_failed(t))
        return tape_bad(t);
    for (int32_t k = 0; k < g->rows; k++)
        memcpy(y->x + (size_t)g->src[k] * ld_of(g), g->after + (size_t)k * ld_of(g),
               ld_of(g) * sizeof(real));
    show_watched(t, g, of, off);
    struct tape_op *op = tape_append(t, (int32_t)kind, y, wants ? gru_back : NULL);
    for (int i = 0; i < GRU_GATES; i++) {
        op->in[i] = c->x[i].x;
        op->in[3 + i] = c->w[i].x;
    }
    op->ctx = g;
    return tape_failed(t) ? tape_bad(t) : y;
}

struct tensor *op_gru(struct tape *t, const struct gru_cell *c, struct tensor *h0,
                      const int32_t *off, int32_t n)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t *single = NULL;
    if (!off) {
        single = tape_alloc(t, (size_t)(n + 1) * sizeof *single);
        for (int32_t i = 0; single && i <= n; i++)
            single[i] = i;
        off = single;
    }
    if (!off)
        return tape_bad(t);
    struct gru want = {.c = *c, .rows = off[n], .n = n, .h0 = h0};
    return gru(t, OP_gru, &want, NULL, off);
}

struct tensor *op_augru(struct tape *t, const struct gru_cell *c, struct tensor *att,
                        enum augru_form form, const int32_t *row, const int32_t *of,
                        const int32_t *off, int32_t n)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (c->update_keeps || tensor_rows(att) != off[n] || tensor_cols(att) != 1) {
        tape_fail(t, ST_SHAPE, "augru: attention (%d,%d) on %d rows%s", tensor_rows(att),
                  tensor_cols(att), off[n], c->update_keeps ? "; its update gate writes" : "");
        return tape_bad(t);
    }
    struct gru want = {.c = *c, .rows = off[n], .n = n, .form = form, .att = att, .row = row};
    return gru(t, OP_augru, &want, of, off);
}
