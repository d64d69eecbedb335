/* What an output layer with shared columns compares, made visible: only while a step is
 * watched. */
#include "engine/train/heads_work.h"
#include "engine/tensor/ops.h"

#include <math.h>
#include <string.h>

/* Numbers in a matrix of queries and columns; more are not shown. */
enum { WATCH_MOST = 1 << 22 };

/* The own column of a query. */
static int32_t own_column(const struct head *hd, const struct block *b, int32_t q)
{
    return hd->cols == COLS_ALL ? b->target[(size_t)q * (size_t)b->n_target] - 1
                                : b->query_col[q];
}

/* Softmax of a row; own >= 0 is left out and gets 0. */
static void shares(const real *s, int32_t n, int32_t own, real *out)
{
    double top = (double)-INFINITY, sum = 0;
    for (int32_t k = 0; k < n; k++)
        if (k != own)
            top = fmax(top, (double)s[k]);
    for (int32_t k = 0; k < n; k++) {
        double e = k == own ? 0 : exp((double)s[k] - top);
        out[k] = (real)e;
        sum += e;
    }
    for (int32_t k = 0; k < n && sum > 0; k++)
        out[k] = (real)((double)out[k] / sum);
}

void head_watch(struct tape *t, const struct tensor *h, const struct head *hd,
                const struct block *b)
{
    const bool all = hd->cols == COLS_ALL, in_batch = hd->cols == COLS_BATCH && b->col;
    const int32_t n = all ? hd->n_items : b->n_col, m = b->n_query;
    if (tape_failed(t) || tape_watched(t) < 0 || head_binary(hd) || !(all || in_batch) ||
        !b->target || b->n_target != 1 || m == 0 || (int64_t)m * n > WATCH_MOST)
        return;
    head_reads(t, hd, b);
    const struct tape_env *env = tape_env(t);
    const real *table = env->x + hd->table->at, *bias = hd->bias ? env->x + hd->bias->at : NULL;
    const size_t room = (size_t)row_ld(n);
    int32_t *col = tape_alloc(t, room * sizeof *col);
    real *s = tape_alloc(t, room * sizeof *s), *c = tape_alloc(t, room * sizeof *c);
    tape_push(t, "head");
    struct tensor *cols = tape_input(t, NULL, 2, (const int32_t[]){1, n});
    struct tensor *logq = tape_input(t, NULL, 2, (const int32_t[]){1, n});
    struct tensor *scores = tape_input(t, NULL, 2, (const int32_t[]){m, n});
    struct tensor *prob = tape_input(t, NULL, 2, (const int32_t[]){m, n});
    struct tensor *negw = tape_input(t, NULL, 2, (const int32_t[]){m, n});
    struct tensor *rank = tape_input(t, NULL, 2, (const int32_t[]){m, 1});
    struct tensor *loss = tape_input(t, NULL, 2, (const int32_t[]){m, 1});
    for (int32_t k = 0; k < n && !tape_failed(t); k++) {
        col[k] = all ? k + 1 : b->col[k];
        cols->x[k] = (real)col[k];
        logq->x[k] = -head_offset(hd, b, NULL, col[k], all || k >= n - b->n_neg);
    }
    for (int32_t q = 0; q < m && !tape_failed(t); q++) {
        const size_t at = (size_t)q * (size_t)scores->ld;
        real *raw = scores->x + at;
        int32_t own = own_column(hd, b, q), above = 0;
        memset(s, 0, room * sizeof *s);
        for (int32_t k = 0; k < n; k++) {
            int32_t row = col[k] - hd->id0;
            kern()->pick_dot(h->x + (size_t)q * (size_t)h->ld, table, (size_t)hd->table->ld,
                             &row, 1, tensor_cols(h), &raw[k]);
            raw[k] += bias ? bias[row] : 0;
            s[k] = raw[k] - logq->x[k];
        }
        for (int32_t k = 0; k < n; k++)
            above += raw[k] > raw[own];
        rank->x[(size_t)q * (size_t)rank->ld] = (real)(above + 1);
        shares(s, n, -1, prob->x + at);
        /* s is activated now */
        loss->x[(size_t)q * (size_t)loss->ld] = (real)head_rank_row(hd, col, s, n, own, 1, c);
        shares(s, n, own, negw->x + at);
    }
    tape_probe(t, "cols", cols);
    tape_probe(t, "logq", logq);
    tape_probe(t, "scores", scores);
    tape_probe(t, "prob", prob);
    tape_probe(t, "negw", negw);
    tape_probe(t, "rank", rank);
    tape_probe(t, "rowloss", loss);
    tape_pop(t);
}
