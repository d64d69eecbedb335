/* Scaled dot-product attention inside each packed session (Vaswani et al. 2017, eq. 1),
 * session by session and head by head, so that scores and weights stay in the cache.  Causal
 * attention computes the lower triangle only.
 *
 * Heads are groups of columns.  A product writes whole groups of TENSOR_ROW columns, so a
 * head whose width is not a multiple of it (and is not the only one) works in padded
 * scratch. */
#include "engine/tensor/ops.h"

#include <math.h>
#include <string.h>

struct attention {
    const int32_t *off;
    int32_t n, heads, dh;
    int32_t at[3]; /* first column of q, k, v in their tensors */
    /* packed: q, k, v are columns of one tensor; aside: heads work in padded scratch */
    bool causal, packed, aside;
    float p, scale;
    struct rng_key key;
    /* (n, heads): weights before dropout, (T, row_ld(T)); NULL when forward only */
    real **prob;
};

/* Four (T, dh) matrices of one head: where they lie, or their copies. */
struct view {
    real *x;
    size_t ld;
};

static size_t bytes(int32_t rows, int32_t ld)
{
    return (size_t)(rows > 0 ? rows : 1) * (size_t)ld * sizeof(real);
}

/* Dropout of one head's weights in one session: a key of its own, made of the number the
 * session's first row has in the batch, and elements counted inside the session.  So a mask
 * does not depend on where the batch is cut. */
static struct dropout drop_of(const struct attention *c, int32_t row0, int32_t s, int32_t h)
{
    uint32_t first = (uint32_t)(row0 + c->off[s]) * (uint32_t)c->heads + (uint32_t)h;
    return (struct dropout){.p = c->p,
                            .key = {rng_u32(c->key, first), c->key.k1 ^ rng_mix32(first + 1)}};
}

static void copy_cols(const real *x, size_t ldx, int32_t rows, int32_t cols, real *y,
                      size_t ldy, bool fill)
{
    for (int32_t r = 0; r < rows; r++, x += ldx, y += ldy) {
        memcpy(y, x, (size_t)cols * sizeof *y);
        if (fill)
            memset(y + cols, 0, (size_t)(row_ld(cols) - cols) * sizeof *y);
    }
}

/* Rows of session s, head h of a tensor whose columns begin at `at`: in place, or copied to
 * scratch. */
static struct view head_of(const struct attention *c, const real *x, size_t ld, int32_t at,
                           int32_t s, int32_t h, real *scratch)
{
    int32_t T = c->off[s + 1] - c->off[s];
    const real *from = x + (size_t)c->off[s] * ld + at + h * c->dh;
    if (!c->aside)
        return (struct view){.x = (real *)(uintptr_t)from, .ld = ld};
    size_t lds = (size_t)row_ld(c->dh);
    copy_cols(from, ld, T, c->dh, scratch, lds, true);
    return (struct view){.x = scratch, .ld = lds};
}

/* The place for a head's result: in place, or scratch to be given to put_head. */
static struct view place_of(const struct attention *c, real *x, size_t ld, int32_t at,
                            int32_t s, int32_t h, real *scratch)
{
    if (c->aside)
        return (struct view){.x = scratch, .ld = (size_t)row_ld(c->dh)};
    return (struct view){.x = x + (size_t)c->off[s] * ld + at + h * c->dh, .ld = ld};
}

static void put_head(const struct attention *c, struct view from, real *x, size_t ld,
                     int32_t at, int32_t s, int32_t h, bool add)
{
    if (!c->aside)
        return;
    int32_t T = c->off[s + 1] - c->off[s];
    real *y = x + (size_t)c->off[s] * ld + at + h * c->dh;
    if (!add) {
        copy_cols(from.x, from.ld, T, c->dh, y, ld, false);
        return;
    }
    for (int32_t r = 0; r < T; r++)
        kern()->axpy(1, from.x + (size_t)r * from.ld, y + (size_t)r * ld, c->dh);
}

static int32_t longest(const struct attention *c)
{
    int32_t most = 0;
    for (int32_t s = 0; s < c->n; s++)
        if (c->off[s + 1] - c->off[s] > most)
            most = c->off[s + 1] - c->off[s];
    return most;
}

/* The watched session's scores and weights of one head into the probes; columns past the
 * row's reach: NaN, 0. */
static void show(const struct attention *c, struct tensor *to, const real *x, size_t ld,
                 int32_t h, real factor, real masked)
{
    int32_t T = to->d[1];
    for (int32_t i = 0; i < T; i++) {
        real *y = to->x + (size_t)(h * T + i) * (size_t)to->ld;
        for (int32_t j = 0; j < T; j++)
            y[j] = !c->causal || j <= i ? factor * x[(size_t)i * ld + (size_t)j] : masked;
    }
}

static void forward(struct tape *t, const struct attention *c, const struct tensor *const in[3],
                    struct tensor *y)
{
    const struct kernels *K = kern();
    int32_t most = longest(c), ldm = row_ld(most), ldh = row_ld(c->dh);
    int32_t watched = tape_watched(t), row0 = tape_env(t)->row0;
    struct tensor *score = NULL, *prob = NULL;
    if (watched >= 0 && watched < c->n) {
        int32_t T = c->off[watched + 1] - c->off[watched];
        score = tape_tensor(t, 3, (int32_t[]){c->heads, T, T});
        prob = tape_tensor(t, 3, (int32_t[]){c->heads, T, T});
    }
    struct arena_mark mark = arena_save(tape_arena(t));
    real *kt = tape_alloc(t, bytes(c->dh, ldm)),
         *dropped = c->p > 0 ? tape_alloc(t, bytes(most, ldm)) : NULL;
    real *p_own = c->prob ? NULL : tape_alloc(t, bytes(most, ldm)), *pad[4] = {0};
    for (int i = 0; i < 4 && c->aside; i++)
        pad[i] = tape_alloc(t, bytes(most, ldh));
    for (int32_t s = 0; s < c->n && !tape_failed(t); s++) {
        int32_t T = c->off[s + 1] - c->off[s], ldt = row_ld(T);
        for (int32_t h = 0; h < c->heads; h++) {
            struct view q = head_of(c, in[0]->x, (size_t)in[0]->ld, c->at[0], s, h, pad[0]);
            struct view k = head_of(c, in[1]->x, (size_t)in[1]->ld, c->at[1], s, h, pad[1]);
            struct view v = head_of(c, in[2]->x, (size_t)in[2]->ld, c->at[2], s, h, pad[2]);
            struct view o = place_of(c, y->x, (size_t)y->ld, 0, s, h, pad[3]);
            real *p = c->prob ? c->prob[s * c->heads + h] : p_own;
            size_t ldp = (size_t)ldt;
            K->transpose(k.x, k.ld, T, c->dh, kt, ldp);
            K->gemm(c->causal ? GEMM_COLS_LE : GEMM_FULL, T, T, c->dh, q.x, q.ld, 1, kt, ldp, p,
                    ldp, 0);
            if (s == watched)
                show(c, score, p, ldp, h, (real)c->scale, (real)NAN);
            K->softmax_rows(p, T, T, ldp, c->scale, c->causal, 0);
            if (s == watched)
                show(c, prob, p, ldp, h, 1, 0);
            const real *w = p;
            if (dropped) {
                struct dropout drop = drop_of(c, row0, s, h);
                (c->causal ? K->dropout_lower : K->dropout)(p, &drop, 0, T, T, ldp, dropped);
                w = dropped;
            }
            K->gemm(c->causal ? GEMM_K_LE : GEMM_FULL, T, c->dh, T, w, ldp, 1, v.x, v.ld, o.x,
                    o.ld, 0);
            put_head(c, o, y->x, (size_t)y->ld, 0, s, h, false);
        }
    }
    arena_restore(tape_arena(t), mark);
    if (score) {
        tape_probe(t, "score", score);
        tape_probe(t, "prob", prob);
    }
}

static void clear_filler(const struct tensor *x, real *g)
{
    size_t ld = (size_t)x->ld, cols = (size_t)tensor_cols(x);
    for (int32_t r = 0; r < tensor_rows(x); r++)
        memset(g + (size_t)r * ld + cols, 0, (ld - cols) * sizeof *g);
}

/* With Pd = dropout(P), O = Pd V:  dV = Pd^T dO,  dPd = dO V^T,  dS = softmax_back(P,
 * dPd),  dQ = dS K,  dK = dS^T Q. */
static void attention_back(struct tape *t, struct tape_op *op)
{
    const struct attention *c = op->ctx;
    const struct kernels *K = kern();
    const struct tensor *y = op->out;
    int32_t most = longest(c), ldm = row_ld(most), ldh = row_ld(c->dh),
            row0 = tape_env(t)->row0;
    struct tensor *const *in = op->in;
    /* One tensor in two roles is added to from both: it needs a sum to begin with. */
    bool twice = !c->packed && (in[0] == in[1] || in[1] == in[2] || in[0] == in[2]),
         fresh[3] = {0};
    real *g[3];
    for (int i = 0; i < 3; i++) {
        if (c->packed && i) {
            g[i] = g[0];
            fresh[i] = fresh[0];
            continue;
        }
        g[i] = tape_grad(t, in[i], twice ? NULL : &fresh[i]);
        if (fresh[i] && c->aside)
            clear_filler(in[i], g[i]);
    }

    struct arena_mark mark = arena_save(tape_arena(t));
    real *vt = tape_alloc(t, bytes(c->dh, ldm)), *ds = tape_alloc(t, bytes(most, ldm));
    real *dropped = c->p > 0 ? tape_alloc(t, bytes(most, ldm)) : NULL, *pad[7] = {0};
    for (int i = 0; i < 7 && c->aside; i++)
        pad[i] = tape_alloc(t, bytes(most, ldh));
    for (int32_t s = 0; s < c->n && !tape_failed(t); s++) {
        int32_t T = c->off[s + 1] - c->off[s];
        size_t ldp = (size_t)row_ld(T);
        for (int32_t h = 0; h < c->heads; h++) {
            const real *p = c->prob[s * c->heads + h], *w = p;
            struct view x[3], dx[3];
            for (int i = 0; i < 3; i++) {
                x[i] = head_of(c, in[i]->x, (size_t)in[i]->ld, c->at[i], s, h, pad[i]);
                dx[i] = g[i] ? place_of(c, g[i], (size_t)in[i]->ld, c->at[i], s, h, pad[3 + i])
                             : (struct view){0};
            }
            struct view o = head_of(c, y->g, (size_t)y->ld, 0, s, h, pad[6]);
            struct dropout drop = drop_of(c, row0, s, h);
            if (dropped) {
                (c->causal ? K->dropout_lower : K->dropout)(p, &drop, 0, T, T, ldp, dropped);
                w = dropped;
            }
            int add[3];
            for (int i = 0; i < 3; i++)
                add[i] = !fresh[i] && !c->aside;
            enum gemm_part low = c->causal ? GEMM_COLS_LE : GEMM_FULL,
                           le = c->causal ? GEMM_K_LE : GEMM_FULL,
                           ge = c->causal ? GEMM_K_GE : GEMM_FULL;
            if (g[2])
                K->gemm(ge, T, c->dh, T, w, 1, ldp, o.x, o.ld, dx[2].x, dx[2].ld, add[2]);
            K->transpose(x[2].x, x[2].ld, T, c->dh, vt, ldp);
            K->gemm(low, T, T, c->dh, o.x, o.ld, 1, vt, ldp, ds, ldp, 0);
            K->softmax_back(p, ds, &drop, 0, T, T, ldp, c->scale, c->causal);
            if (g[0])
                K->gemm(le, T, c->dh, T, ds, ldp, 1, x[1].x, x[1].ld, dx[0].x, dx[0].ld,
                        add[0]);
            if (g[1])
                K->gemm(ge, T, c->dh, T, ds, 1, ldp, x[0].x, x[0].ld, dx[1].x, dx[1].ld,
                        add[1]);
            for (int i = 0; i < 3; i++)
                if (g[i])
                    put_head(c, dx[i], g[i], (size_t)in[i]->ld, c->at[i], s, h, !fresh[i]);
        }
    }
    arena_restore(tape_arena(t), mark);
}

static struct tensor *attention(struct tape *t, struct tensor *in[3], int32_t d, bool packed,
                                const int32_t *off, int32_t n, int32_t heads, bool causal,
                                float drop)
{
    int32_t rows = tensor_rows(in[0]);
    if (heads < 1 || d % heads != 0 || off[n] != rows) {
        tape_fail(t, ST_SHAPE,
                  "attention: width %d in %d heads, %d rows in sessions of %d rows", d, heads,
                  rows, off[n]);
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor_raw(t, 2, (int32_t[]){rows, d});
    struct attention *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    *c = (struct attention){.off = off,
                            .n = n,
                            .heads = heads,
                            .dh = d / heads,
                            .causal = causal,
                            .packed = packed};
    c->scale = 1 / sqrtf((float)c->dh);
    for (int i = 0; i < 3 && packed; i++)
        c->at[i] = i * d;
    c->aside = c->dh % TENSOR_ROW != 0 && (heads > 1 || packed);
    if (tape_training(t) && drop > 0) {
        c->p = drop;
        c->key = tape_key(t, "drop");
    }
    bool wants = tape_wants(t, in[0]) || tape_wants(t, in[1]) || tape_wants(t, in[2]);
    if (wants) {
        c->prob = tape_alloc(t, (size_t)(n * heads + 1) * sizeof *c->prob);
        for (int32_t i = 0; i < n * heads && !tape_failed(t); i++) {
            int32_t T = off[i / heads + 1] - off[i / heads];
            c->prob[i] = tape_alloc(t, bytes(T, row_ld(T)));
        }
        if (tape_failed(t))
            return tape_bad(t);
    }
    forward(t, c, (const struct tensor *const[3]){in[0], in[1], in[2]}, y);
    struct tape_op *op = tape_append(t, OP_attention, y, wants ? attention_back : NULL);
    for (int i = 0; i < 3; i++)
        op->in[i] = in[i];
    op->ctx = c;
    return tape_failed(t) ? tape_bad(t) : y;
}

struct tensor *op_attention(struct tape *t, struct tensor *q, struct tensor *k,
                            struct tensor *v, const int32_t *off, int32_t n, int32_t heads,
                            bool causal, float drop)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t d = tensor_cols(q);
    struct tensor *in[3] = {q, k, v};
    for (int i = 0; i < 3; i++)
        if (tensor_cols(in[i]) != d || tensor_rows(in[i]) != tensor_rows(q)) {
            tape_fail(t, ST_SHAPE, "attention: (%d,%d) with (%d,%d)", tensor_rows(q), d,
                      tensor_rows(in[i]), tensor_cols(in[i]));
            return tape_bad(t);
        }
    return attention(t, in, d, false, off, n, heads, causal, drop);
}

struct tensor *op_attention_qkv(struct tape *t, struct tensor *qkv, const int32_t *off,
                                int32_t n, int32_t heads, bool causal, float drop)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (tensor_cols(qkv) % 3 != 0) {
        tape_fail(t, ST_SHAPE, "attention: %d columns are not q, k, v", tensor_cols(qkv));
        return tape_bad(t);
    }
    struct tensor *in[3] = {qkv, qkv, qkv};
    return attention(t, in, tensor_cols(qkv) / 3, true, off, n, heads, causal, drop);
}
