/* Full softmax over all items, item-major: logits^T = E H^T, so that the table is read where
 * it lies and the statistics of the queries are plain vector passes.  A piece of the
 * catalogue at a time: logits and statistics first, then slopes and both gradients.  The
 * logits of a chunk of queries are kept in between; computing them twice costs more. */
#include "engine/train/heads_work.h"

#include <math.h>
#include <string.h>

/* queries of the shard form; whole bands of the matrix kernels on both sides */
enum { CHUNK = 128 };

size_t head_full_size(int32_t v, int32_t d, int32_t nq)
{
    return ((size_t)v + (size_t)d + 2) * (size_t)row_ld(nq) + (size_t)row_ld(v);
}

void head_full_begin(struct head_full *f, real *mem)
{
    f->ldq = (size_t)row_ld(f->nq);
    f->ht = mem;
    f->shift = f->ht + (size_t)f->d * f->ldq;
    f->even = f->shift + f->ldq;
    f->x = f->even + f->ldq;
    f->unit = f->hd->unit ? f->x + (size_t)f->hd->n_items * f->ldq : NULL;
    if (f->hd->smooth <= 0)
        f->even = NULL;
    kern()->transpose(f->h, f->ldh, f->nq, f->d, f->ht, f->ldq);
}

void head_full_logits(const struct head_full *f, int32_t v0, int32_t v1,
                      const struct head_stats *s)
{
    const struct kernels *kn = kern();
    for (size_t b = 0; b < f->ldq; b++) {
        s->top[b] = (real)-3e38f;
        s->sum[b] = 0;
    }
    if (s->all)
        memset(s->all, 0, f->ldq * sizeof *s->all);
    for (int32_t v = v0; v < v1; v += HEAD_TILE) {
        int32_t n = v1 - v < HEAD_TILE ? v1 - v : HEAD_TILE;
        real *x = f->x + (size_t)v * f->ldq;
        kn->gemm(GEMM_FULL, n, f->nq, f->d, f->table + (size_t)v * f->ld, f->ld, 1, f->ht,
                 f->ldq, x, f->ldq, 0);
        for (int32_t i = v; f->unit && i < v + n; i++) {
            f->unit[i] = head_row_factor(f->hd, f->table + (size_t)i * f->ld, f->d);
            kn->scale(f->unit[i], f->x + (size_t)i * f->ldq, f->x + (size_t)i * f->ldq, f->ldq);
        }
        kn->col_stats(x, f->bias ? f->bias + v : NULL, n, f->nq, f->ldq, s->top, s->sum);
        if (s->all)
            kn->colsum(x, n, f->nq, f->ldq, s->all);
    }
}

void head_full_losses(const struct head_full *f, const struct head_stats *s, int n_range,
                      double *loss)
{
    const double v = f->hd->n_items, e = f->even && v > 1 ? (double)f->hd->smooth : 0;
    /* label smoothing: see RANK_XENT */
    const double a = e > 0 ? 1 - e * v / (v - 1) : 1, b = e > 0 ? e / (v - 1) : 0;
    for (size_t q = 0; q < f->ldq; q++) {
        /* exp(x - inf) = 0: filler, and queries that do not count */
        f->shift[q] = (real)INFINITY;
        if (f->even)
            f->even[q] = 0;
        if (q >= (size_t)f->nq)
            continue;
        loss[q] = 0;
        const int32_t *target = f->target + q * (size_t)f->n_target;
        int32_t nt = 0;
        while (nt < f->n_target && target[nt])
            nt++;
        double w = (double)f->weight[q], top = -HUGE_VAL, sum = 0, all = 0, hit = 0;
        if (!nt || !(w > 0))
            continue;
        for (int r = 0; r < n_range; r++)
            top = fmax(top, (double)s[r].top[q]);
        for (int r = 0; r < n_range; r++) {
            sum += (double)s[r].sum[q] * exp((double)s[r].top[q] - top);
            all += s[r].all ? (double)s[r].all[q] : 0;
        }
        double lse = top + log(sum);
        for (int32_t k = 0; k < nt; k++) /* several targets share the mass */
            hit += (double)f->x[(size_t)(target[k] - 1) * f->ldq + q] / nt;
        loss[q] = w * (a * (lse - hit) + b * (v * lse - all));
        f->shift[q] = (real)(lse - log(w * (a + b * v)));
        if (f->even)
            f->even[q] = (real)(w * b);
    }
}

/* Slopes by the logits in place of the logits, items v..v+n-1. */
static void slopes_of_tile(const struct head_full *f, int32_t v, int32_t n)
{
    const struct kernels *kn = kern();
    real *x = f->x + (size_t)v * f->ldq;
    kn->col_exp(x, n, f->nq, f->ldq, f->shift);
    if (f->even)
        for (int32_t i = 0; i < n; i++)
            kn->axpy(-1, f->even, x + (size_t)i * f->ldq, (int32_t)f->ldq);
    const double e = f->even ? (double)f->hd->smooth : 0, big = f->hd->n_items;
    const double a = e > 0 && big > 1 ? 1 - e * big / (big - 1) : 1;
    for (int32_t q = 0; q < f->nq; q++) {
        const int32_t *target = f->target + (size_t)q * (size_t)f->n_target;
        if (f->shift[q] == (real)INFINITY)
            continue;
        int32_t nt = 0;
        while (nt < f->n_target && target[nt])
            nt++;
        for (int32_t k = 0; k < nt; k++)
            if (target[k] > v && target[k] <= v + n)
                x[(size_t)(target[k] - 1 - v) * f->ldq + (size_t)q] -=
                    (real)(a * (double)f->weight[q] / nt);
    }
}

/* With head.unit a longer row scores the same, so what a tile adds to gE keeps no part along
 * E.  along: E . gE before. */
static void dots(const struct head_full *f, int32_t v, int32_t n, const real *g, real *along)
{
    for (int32_t i = 0; i < n; i++)
        along[i] = kern()->dot(f->table + (size_t)(v + i) * f->ld, g + (size_t)i * f->ld, f->d);
}

static void off_row(const struct head_full *f, int32_t v, int32_t n, real *g, const real *along)
{
    for (int32_t i = 0; i < n; i++) {
        const real *row = f->table + (size_t)(v + i) * f->ld, u = f->unit[v + i];
        real added = kern()->dot(row, g + (size_t)i * f->ld, f->d) - along[i];
        kern()->axpy(-added * u * u, row, g + (size_t)i * f->ld, f->d);
    }
}

void head_full_slopes(const struct head_full *f, int32_t v0, int32_t v1, real *gh, real *gtable,
                      real *gbias)
{
    const struct kernels *kn = kern();
    real along[HEAD_TILE];
    for (int32_t v = v0; v < v1; v += HEAD_TILE) {
        int32_t n = v1 - v < HEAD_TILE ? v1 - v : HEAD_TILE;
        real *x = f->x + (size_t)v * f->ldq;
        slopes_of_tile(f, v, n);
        if (gbias)
            for (int32_t i = 0; i < n; i++)
                for (int32_t q = 0; q < f->nq; q++)
                    gbias[v + i] += x[(size_t)i * f->ldq + (size_t)q];
        for (int32_t i = 0; f->unit && i < n; i++)
            kn->scale(f->unit[v + i], x + (size_t)i * f->ldq, x + (size_t)i * f->ldq, f->ldq);
        if (gh)
            kn->gemm(GEMM_FULL, f->nq, f->d, n, x, 1, f->ldq, f->table + (size_t)v * f->ld,
                     f->ld, gh, f->ldh, 1);
        if (!gtable)
            continue;
        real *g = gtable + (size_t)v * f->ld;
        if (f->unit)
            dots(f, v, n, g, along);
        kn->gemm(GEMM_FULL, n, f->d, f->nq, x, f->ldq, 1, f->h, f->ldh, g, f->ld, 1);
        if (f->unit)
            off_row(f, v, n, g, along);
    }
}

double head_full_softmax(const struct head_job *j, bool *ok)
{
    const struct block *b = j->b;
    const int32_t v = j->hd->n_items, most = b->n_query < CHUNK ? b->n_query : CHUNK,
                  first = 1 - j->hd->id0;
    struct arena_mark mark = arena_save(j->mem);
    real *mem = arena_raw(j->mem, head_full_size(v, j->d, most) * sizeof *mem);
    real *stats = arena_raw(j->mem, 3 * (size_t)row_ld(most) * sizeof *stats);
    double *loss = arena_raw(j->mem, (size_t)most * sizeof *loss), total = 0;
    *ok = mem && stats && loss;
    for (int32_t q = 0; *ok && q < b->n_query; q += CHUNK) {
        struct head_full f = {
            .hd = j->hd,
            .table = j->table + (size_t)first * j->ld,
            .bias = j->bias ? j->bias + first : NULL,
            .ld = j->ld,
            .d = j->d,
            .nq = b->n_query - q < CHUNK ? b->n_query - q : CHUNK,
            .h = j->h + (size_t)q * j->ldh,
            .ldh = j->ldh,
            .target = b->target + (size_t)q * (size_t)b->n_target,
            .n_target = b->n_target,
            .weight = b->weight + q,
        };
        head_full_begin(&f, mem);
        struct head_stats s = {stats, stats + f.ldq, f.even ? stats + 2 * f.ldq : NULL};
        head_full_logits(&f, 0, v, &s);
        head_full_losses(&f, &s, 1, loss);
        for (int32_t i = 0; i < f.nq; i++)
            total += loss[i];
        real *gh = j->gh ? j->gh + (size_t)q * j->ldh : NULL;
        if (gh)
            memset(gh, 0, (size_t)f.nq * j->ldh * sizeof *gh);
        if (gh || j->gtable || j->gbias)
            head_full_slopes(&f, 0, v, gh, j->gtable ? j->gtable + (size_t)first * j->ld : NULL,
                             j->gbias ? j->gbias + first : NULL);
    }
    arena_restore(j->mem, mark);
    return total;
}
