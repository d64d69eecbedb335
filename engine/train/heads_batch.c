/* The output layer over the whole batch: states of all blocks together, 8 fixed ranges of
 * items (or of the batch's columns) worked by the pool, sums in the order of ranges.  See
 * the end of heads.h for the protocol. */
#include "engine/train/heads_work.h"
#include "engine/base/pool.h"
#include "engine/tensor/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOGITS_KEPT = 8 << 20 }; /* more: queries in chunks */
enum { AHEAD = 2, LINE = 64 / sizeof(real) };

struct part {
    struct tensor *h, *out;
    const struct block *b;
    int32_t q0; /* its first query in the batch */
};

struct head_batch {
    struct arena *mem; /* of the step */
    size_t room;       /* bytes made sure of */
    const struct head *hd;
    const real *x; /* values */
    real *g;       /* gradients */
    bool keep_rows;
    struct part part[HEAD_PARTS];
    const struct block *any; /* one of the blocks: the batch's lists are in each */

    /* All queries, in the order of parts. */
    int32_t nq, n_target, d;
    size_t ldh;
    real *h, *gh, *gpart; /* (nq, ldh); of each range */
    int32_t *target;
    float *weight;
    double *loss;

    /* Full softmax: a chunk of queries. */
    struct head_full f;
    struct head_stats stats[HEAD_RANGES];
    int32_t q0;

    /* Columns. */
    const int32_t *col;
    int32_t n_col, n_own;
    size_t ldn;
    int32_t *own;                    /* (nq) */
    real *rows, *rows_t, *grows, *s; /* (n_col, ld), (d, ldn), (n_col, ld), (nq, ldn) */
    real *offset, *gbias;            /* (ldn) */
    int32_t *row;                    /* (n_col) */
};

bool head_wants_batch(const struct head *hd)
{
    if (!hd || !hd->table || head_binary(hd) ||
        !(hd->cols == COLS_ALL || hd->cols == COLS_BATCH))
        return false;
    return param_rows(hd->table) * (size_t)param_cols(hd->table) >= HEAD_SHARD_FLOATS;
}

enum status head_batch_new(struct head_batch **out, struct err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_nomem(err, sizeof **out, "output layer");
    enum status st = arena_new(&(*out)->mem, (size_t)1 << 20, err);
    if (st != ST_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}

void head_batch_free(struct head_batch *hb)
{
    if (hb)
        arena_free(hb->mem);
    free(hb);
}

void head_batch_begin(struct head_batch *hb, const struct head *hd, const real *x, real *g,
                      bool keep_rows)
{
    struct arena *mem = hb->mem;
    const size_t used = arena_used(mem);
    size_t room = hb->room;
    if (used >
        room) { /* batches differ in size: what a somewhat larger one needs is asked for now */
        (void)arena_raw(mem, used / 2);
        room = used + used / 3;
    }
    arena_reset(mem);
    memset(hb, 0, sizeof *hb);
    hb->mem = mem;
    hb->room = room;
    hb->hd = hd;
    hb->x = x;
    hb->g = g;
    hb->keep_rows = keep_rows;
}

/* ---- On a block's tape ---- */

static void batch_back(struct tape *t, struct tape_op *op)
{
    const struct head_batch *hb = op->ctx;
    struct tensor *h = op->in[0];
    const struct part *p = hb->part;
    bool fresh;
    while (p->h != h)
        p++;
    real *g = tape_grad(t, h, &fresh);
    const real *gh = hb->gh + (size_t)p->q0 * hb->ldh;
    size_t n = (size_t)tensor_rows(h) * hb->ldh;
    if (g && fresh)
        memcpy(g, gh, n * sizeof *g);
    else if (g)
        kern()->add(g, gh, g, n);
}

bool head_batch_put(struct tape *t, struct tensor *h, const struct block *b)
{
    struct head_batch *hb = b->head_batch;
    struct tensor *out = tape_tensor(t, 1, (const int32_t[]){1});
    if (b->shard < 0 || b->shard >= HEAD_PARTS || hb->part[b->shard].h) {
        tape_fail(t, ST_STATE,
                  "the output layer works on the batch: one call of op_head a block");
        return false;
    }
    if (tape_failed(t))
        return false;
    hb->part[b->shard] = (struct part){.h = h, .out = out, .b = b};
    struct tape_op *op = tape_append(t, OP_head, out, tape_wants(t, h) ? batch_back : NULL);
    op->in[0] = h;
    op->ctx = hb;
    tape_term(t, "rec", out, 1);
    return true;
}

/* ---- Gathering ---- */

static bool gather(struct head_batch *hb)
{
    hb->nq = hb->n_target = 0;
    for (int i = 0; i < HEAD_PARTS; i++) {
        struct part *p = &hb->part[i];
        if (!p->h)
            continue;
        p->q0 = hb->nq;
        hb->nq += p->b->n_query;
        hb->any = p->b;
        hb->n_target = p->b->n_target;
        hb->d = tensor_cols(p->h);
        hb->ldh = (size_t)p->h->ld;
    }
    const size_t n = (size_t)hb->nq, size = n * hb->ldh;
    if (!n)
        return true;
    hb->h = arena_raw(hb->mem, size * sizeof *hb->h);
    hb->gh = arena_alloc(hb->mem, size * sizeof *hb->gh);
    hb->gpart = arena_raw(hb->mem, HEAD_RANGES * size * sizeof *hb->gpart);
    hb->target = arena_raw(hb->mem, n * (size_t)hb->n_target * sizeof *hb->target);
    hb->weight = arena_raw(hb->mem, n * sizeof *hb->weight);
    hb->loss = arena_alloc(hb->mem, n * sizeof *hb->loss);
    if (!hb->h || !hb->gh || !hb->gpart || !hb->target || !hb->weight || !hb->loss)
        return false;
    for (int i = 0; i < HEAD_PARTS; i++) {
        const struct part *p = &hb->part[i];
        if (!p->h || !p->b->n_query)
            continue;
        size_t q = (size_t)p->q0, m = (size_t)p->b->n_query, nt = (size_t)hb->n_target;
        memcpy(hb->h + q * hb->ldh, p->h->x, m * hb->ldh * sizeof *hb->h);
        memcpy(hb->target + q * nt, p->b->target, m * nt * sizeof *hb->target);
        memcpy(hb->weight + q, p->b->weight, m * sizeof *hb->weight);
    }
    return true;
}

/* Queries q0..q0+n-1: gh = sum over ranges of their parts, in order. */
static void sum_ranges(struct head_batch *hb, int32_t q0, int32_t n)
{
    const size_t at = (size_t)q0 * hb->ldh, size = (size_t)n * hb->ldh,
                 all = (size_t)hb->nq * hb->ldh;
    for (int r = 0; r < HEAD_RANGES; r++)
        kern()->add(hb->gh + at, hb->gpart + (size_t)r * all + at, hb->gh + at, size);
}

/* Border r of 8 ranges of n, in whole pieces. */
static int32_t border(int32_t n, int32_t piece, int r)
{
    int32_t pieces = (n + piece - 1) / piece,
            at = (int32_t)((int64_t)pieces * r / HEAD_RANGES) * piece;
    return at < n ? at : n;
}

/* ---- Full softmax ---- */

static void full_logits(void *ctx, int r, int worker)
{
    (void)worker;
    struct head_batch *hb = ctx;
    const int32_t v = hb->hd->n_items;
    head_full_logits(&hb->f, border(v, HEAD_TILE, r), border(v, HEAD_TILE, r + 1),
                     &hb->stats[r]);
}

static void full_slopes(void *ctx, int r, int worker)
{
    (void)worker;
    struct head_batch *hb = ctx;
    const struct head *hd = hb->hd;
    const int32_t v = hd->n_items;
    const size_t first = (size_t)(1 - hd->id0);
    real *gh = hb->gpart + ((size_t)r * (size_t)hb->nq + (size_t)hb->q0) * hb->ldh;
    memset(gh, 0, (size_t)hb->f.nq * hb->ldh * sizeof *gh);
    head_full_slopes(&hb->f, border(v, HEAD_TILE, r), border(v, HEAD_TILE, r + 1), gh,
                     hb->g ? hb->g + hd->table->at + first * (size_t)hd->table->ld : NULL,
                     hb->g && hd->bias ? hb->g + hd->bias->at + first : NULL);
}

static bool run_full(struct head_batch *hb, struct pool *p)
{
    const struct head *hd = hb->hd;
    const int32_t v = hd->n_items, fit = LOGITS_KEPT / (v + 1) / TENSOR_ROW * TENSOR_ROW;
    const int32_t chunk = fit < TENSOR_ROW ? TENSOR_ROW : fit < hb->nq ? fit : hb->nq;
    real *mem = arena_raw(hb->mem, head_full_size(v, hb->d, chunk) * sizeof *mem);
    real *stats = arena_raw(hb->mem, HEAD_RANGES * 3 * (size_t)row_ld(chunk) * sizeof *stats);
    if (!mem || !stats)
        return false;
    for (hb->q0 = 0; hb->q0 < hb->nq; hb->q0 += chunk) {
        const size_t first = (size_t)(1 - hd->id0), q = (size_t)hb->q0;
        hb->f = (struct head_full){
            .hd = hd,
            .table = hb->x + hd->table->at + first * (size_t)hd->table->ld,
            .bias = hd->bias ? hb->x + hd->bias->at + first : NULL,
            .ld = (size_t)hd->table->ld,
            .d = hb->d,
            .nq = hb->nq - hb->q0 < chunk ? hb->nq - hb->q0 : chunk,
            .h = hb->h + q * hb->ldh,
            .ldh = hb->ldh,
            .target = hb->target + q * (size_t)hb->n_target,
            .n_target = hb->n_target,
            .weight = hb->weight + q,
        };
        head_full_begin(&hb->f, mem);
        for (size_t r = 0; r < HEAD_RANGES; r++) {
            real *s = stats + 3 * r * hb->f.ldq;
            hb->stats[r] =
                (struct head_stats){s, s + hb->f.ldq, hb->f.even ? s + 2 * hb->f.ldq : NULL};
        }
        pool_run(p, HEAD_RANGES, full_logits, hb);
        head_full_losses(&hb->f, hb->stats, HEAD_RANGES, hb->loss + q);
        pool_run(p, HEAD_RANGES, full_slopes, hb);
        sum_ranges(hb, hb->q0, hb->f.nq);
    }
    return true;
}

/* ---- Columns of the batch ---- */

static void cols_scores(void *ctx, int r, int worker)
{
    (void)worker;
    struct head_batch *hb = ctx;
    const struct kernels *kn = kern();
    const struct head *hd = hb->hd;
    const size_t ld = (size_t)hd->table->ld;
    const int32_t k0 = border(hb->n_col, TENSOR_ROW, r),
                  k1 = border(hb->n_col, TENSOR_ROW, r + 1);
    const real *bias = hd->bias ? hb->x + hd->bias->at : NULL;
    if (k0 == k1)
        return;
    for (int32_t k = k0; k < k1; k++) {
        if (k + AHEAD < k1) /* rows lie far apart */
            for (size_t i = 0; i < ld; i += LINE)
                __builtin_prefetch(hb->x + hd->table->at +
                                   (size_t)(hb->col[k + AHEAD] - hd->id0) * ld + i);
        hb->row[k] = hb->col[k] - hd->id0;
        memcpy(hb->rows + (size_t)k * ld, hb->x + hd->table->at + (size_t)hb->row[k] * ld,
               ld * sizeof *hb->rows);
        hb->offset[k] = head_offset(hd, hb->any, bias, hb->col[k], k >= hb->n_own);
    }
    kn->transpose(hb->rows + (size_t)k0 * ld, ld, k1 - k0, hb->d, hb->rows_t + k0, hb->ldn);
    kn->gemm(GEMM_FULL, hb->nq, k1 - k0, hb->d, hb->h, hb->ldh, 1, hb->rows_t + k0, hb->ldn,
             hb->s + k0, hb->ldn, 0);
}

/* Rows r, r + 8, ...: scores become slopes. */
static void cols_losses(void *ctx, int r, int worker)
{
    (void)worker;
    struct head_batch *hb = ctx;
    real *c = hb->gbias + (size_t)(r + 1) * hb->ldn; /* this task's room */
    for (int32_t q = r; q < hb->nq; q += HEAD_RANGES) {
        real *s = hb->s + (size_t)q * hb->ldn;
        const real w = (real)hb->weight[q];
        if (w == 0 || !hb->target[(size_t)q * (size_t)hb->n_target]) {
            memset(s, 0, hb->ldn * sizeof *s);
            continue;
        }
        kern()->add(s, hb->offset, s, (size_t)hb->n_col);
        hb->loss[q] = head_rank_row(hb->hd, hb->col, s, hb->n_col, hb->own[q], w, c);
        memcpy(s, c, hb->ldn * sizeof *s);
    }
}

static void cols_slopes(void *ctx, int r, int worker)
{
    (void)worker;
    struct head_batch *hb = ctx;
    const struct kernels *kn = kern();
    const size_t ld = (size_t)hb->hd->table->ld;
    const int32_t k0 = border(hb->n_col, TENSOR_ROW, r),
                  k1 = border(hb->n_col, TENSOR_ROW, r + 1), n = k1 - k0;
    real *gh = hb->gpart + (size_t)r * (size_t)hb->nq * hb->ldh;
    memset(gh, 0, (size_t)hb->nq * hb->ldh * sizeof *gh);
    if (!n)
        return;
    kn->gemm(GEMM_FULL, hb->nq, hb->d, n, hb->s + k0, hb->ldn, 1, hb->rows + (size_t)k0 * ld,
             ld, gh, hb->ldh, 1);
    kn->gemm(GEMM_FULL, n, hb->d, hb->nq, hb->s + k0, 1, hb->ldn, hb->h, hb->ldh,
             hb->grows + (size_t)k0 * ld, ld, 0);
    kn->colsum(hb->s + k0, hb->nq, n, hb->ldn, hb->gbias + k0);
}

static bool cols_room(struct head_batch *hb)
{
    const struct block *b = hb->any;
    hb->col = b->col;
    hb->n_col = b->n_col;
    hb->n_own = b->n_col - b->n_neg;
    hb->ldn = (size_t)row_ld(hb->n_col);
    const size_t n = (size_t)hb->n_col, ld = (size_t)hb->hd->table->ld;
    hb->own = arena_raw(hb->mem, (size_t)hb->nq * sizeof *hb->own);
    hb->row = arena_raw(hb->mem, n * sizeof *hb->row);
    hb->rows = arena_raw(hb->mem, n * ld * sizeof *hb->rows);
    hb->rows_t = arena_raw(hb->mem, (size_t)hb->d * hb->ldn * sizeof *hb->rows_t);
    hb->grows = arena_raw(hb->mem, n * ld * sizeof *hb->grows);
    hb->s = arena_raw(hb->mem, (size_t)hb->nq * hb->ldn * sizeof *hb->s);
    hb->offset = arena_alloc(hb->mem, hb->ldn * sizeof *hb->offset);
    hb->gbias = arena_alloc(hb->mem, (HEAD_RANGES + 1) * hb->ldn * sizeof *hb->gbias);
    return hb->own && hb->row && hb->rows && hb->rows_t && hb->grows && hb->s && hb->offset &&
           hb->gbias;
}

static bool run_cols(struct head_batch *hb, struct pool *p)
{
    if (!cols_room(hb))
        return false;
    const struct head *hd = hb->hd;
    const size_t ld = (size_t)hd->table->ld;
    for (int i = 0; i < HEAD_PARTS; i++)
        if (hb->part[i].h)
            memcpy(hb->own + hb->part[i].q0, hb->part[i].b->query_col,
                   (size_t)hb->part[i].b->n_query * sizeof *hb->own);
    pool_run(p, HEAD_RANGES, cols_scores, hb);
    pool_run(p, HEAD_RANGES, cols_losses, hb);
    pool_run(p, HEAD_RANGES, cols_slopes, hb);
    sum_ranges(hb, 0, hb->nq);
    if (!hb->g)
        return true;
    for (int32_t k = 0; k < hb->n_col;
         k++) { /* one thread: an item may stand in several columns */
        if (!hb->keep_rows)
            kern()->axpy(1, hb->grows + (size_t)k * ld,
                         hb->g + hd->table->at + (size_t)hb->row[k] * ld, (int32_t)ld);
        if (hd->bias)
            hb->g[hd->bias->at + (size_t)hb->row[k]] += hb->gbias[k];
    }
    return true;
}

enum status head_batch_run(struct head_batch *hb, struct pool *p, struct err *err)
{
    bool ok = gather(hb);
    if (ok && hb->nq)
        ok = hb->hd->cols == COLS_ALL ? run_full(hb, p) : run_cols(hb, p);
    if (!ok)
        return err_set(err, ST_NOMEM, "no memory for the output layer of %d queries", hb->nq);
    for (int i = 0; i < HEAD_PARTS; i++) {
        struct part *part = &hb->part[i];
        double loss = 0;
        if (!part->h)
            continue;
        for (int32_t q = 0; q < part->b->n_query; q++)
            loss += hb->loss[part->q0 + q];
        part->out->x[0] = (real)loss;
    }
    return ST_OK;
}

real *head_batch_rows(const struct head_batch *hb, const int32_t **row, int32_t *n)
{
    static const int32_t none = 0;
    bool all = hb->hd->cols == COLS_ALL;
    *row = all ? NULL : hb->row ? hb->row : &none;
    *n = all || !hb->nq ? 0 : hb->n_col;
    return hb->grows;
}
