/* Losses over some columns: the targets and draws of a query, of a session, of the batch.
 *
 * Own draws: the rows are picked from the table one by one.  Shared draws: their rows are
 * gathered once and the scores of all queries are one product, gradients two more. */
#include "engine/train/heads_work.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 96 };

void head_binary_weights(const struct head *hd, int32_t k, double *pos, double *neg)
{
    *pos = hd->w_pos > 0 ? (double)hd->w_pos : 1;
    *neg = hd->w_neg > 0 ? (double)hd->w_neg : 1;
    if (hd->loss ==
        HEAD_GBCE) { /* Petrov & Macdonald 2023: beta = 1 - t (1 - alpha), alpha = k / (V - 1) */
        double alpha = hd->n_items > 1 ? (double)k / (hd->n_items - 1) : 1;
        *pos = (1 - (double)hd->gbce_t * (1 - alpha)) / (k + 1);
        *neg = 1.0 / (k + 1);
    }
}

real head_offset(const struct head *hd, const struct block *b, const real *bias, int32_t item,
                 bool drawn)
{
    real x = bias ? bias[item - hd->id0] : 0;
    const float *odds = drawn || !b->logpop ? b->logq : b->logpop;
    if (hd->logq > 0 && odds && !head_binary(hd))
        x -= (real)hd->logq * (real)odds[item];
    return x;
}

static enum rank_kind kind_of(enum head_loss loss)
{
    switch (loss) {
    case HEAD_TOP1:
        return RANK_TOP1;
    case HEAD_BPR:
        return RANK_BPR;
    case HEAD_TOP1_MAX:
        return RANK_TOP1_MAX;
    case HEAD_BPR_MAX:
        return RANK_BPR_MAX;
    default:
        return RANK_XENT;
    }
}

double head_row_loss(const struct head *hd, const real *s, int32_t n, int32_t p, real *c)
{
    enum rank_kind k = kind_of(hd->loss);
    double loss = kern()->rank_loss(k, s, n, p, k == RANK_XENT ? hd->smooth : hd->bpreg, c);
    if (hd->neg_only && n > 1 &&
        (k == RANK_TOP1 || k == RANK_BPR)) { /* take the own column's constant out again */
        double by = (k == RANK_TOP1 ? (double)n : 1.0) / (n - 1);
        kern()->scale((real)by, c, c, (size_t)row_ld(n));
        loss = k == RANK_TOP1 ? (loss - 0.5 / n) * by : (loss - 0.69314718055994530942) * by;
    }
    return loss;
}

static bool act_counts(enum act a)
{
    return a == ACT_RELU || a == ACT_TANH || a == ACT_ELU;
}

double head_rank_row(const struct head *hd, const int32_t *col, real *s, int32_t n, int32_t own,
                     real w, real *c)
{
    const struct kernels *kn = kern();
    const bool act = act_counts(hd->act) && kind_of(hd->loss) != RANK_XENT;
    const real scale = hd->act_l > 0 ? (real)hd->act_l : 1;
    if (act) {
        kn->score_act(s, n, hd->act, hd->act_a);
        if (scale != 1)
            kn->scale(scale, s, s, (size_t)row_ld(n));
    }
    if (hd->mask_dup)
        for (int32_t k = 0; k < n; k++)
            if (col[k] == col[own] && k != own)
                s[k] = (real)-INFINITY;
    double loss = head_row_loss(hd, s, n, own, c);
    if (act && scale != 1) { /* slopes are found from the values before the factor */
        kn->scale(1 / scale, s, s, (size_t)row_ld(n));
        kn->scale(scale, c, c, (size_t)row_ld(n));
    }
    if (act)
        kn->score_act_back(s, n, hd->act, hd->act_a, c);
    if (hd->mask_dup)
        for (int32_t k = 0; k < n; k++)
            if (col[k] == col[own] && k != own)
                c[k] = 0;
    kn->scale(w, c, c, (size_t)row_ld(n));
    return (double)w * loss;
}

/* ---- A query's own draws ---- */

struct query_room {     /* scratch of one query */
    int32_t *row, *col; /* (nn + 1): draws, then a target */
    real *s, *c;        /* the same */
    real *sp, *cp;      /* (nt) targets */
    int32_t *prow;
};

static const real *query_of(const struct head_job *j, int32_t q)
{
    return j->h + (size_t)q * j->ldh;
}

static void add_bias_slopes(const struct head_job *j, const int32_t *row, const real *c,
                            int32_t n)
{
    for (int32_t k = 0; j->gbias && k < n; k++)
        j->gbias[row[k]] += c[k];
}

/* Slopes c of the scores h . table[row]: gradients of h and of those rows. */
static void back(const struct head_job *j, const int32_t *row, const real *c, int32_t n,
                 const real *h, real *gh)
{
    if (gh || j->gtable)
        kern()->pick_back(c, j->table, j->ld, row, n, j->d, h, gh, j->gtable);
    for (int32_t k = 0; j->rows && k < n; k++)
        j->rows(j->rows_ctx, j->hd->table, row + k, 1, h, 0, (float)c[k]);
    add_bias_slopes(j, row, c, n);
}

static double binary_query(const struct head_job *j, struct query_room *r, int32_t nt,
                           int32_t nn, real w)
{
    const struct kernels *kn = kern();
    double wp, wn;
    head_binary_weights(j->hd, nn, &wp, &wn);
    double loss = wp * kn->softplus_sum(r->sp, nt, -1, r->cp) +
                  (nn ? wn * kn->softplus_sum(r->s, nn, 1, r->c) : 0);
    kn->scale((real)wp * w, r->cp, r->cp, (size_t)nt);
    kn->scale((real)wn * w, r->c, r->c, (size_t)nn);
    return (double)w * loss;
}

/* Several targets: the mean of their losses, each against the draws. */
static double rank_query(const struct head_job *j, struct query_room *r, int32_t nt, int32_t nn,
                         real w, const int32_t *target, real *line, real *slope)
{
    double loss = 0;
    if (nt == 1) { /* in place */
        r->s[nn] = r->sp[0];
        r->col[nn] = target[0];
        loss = head_rank_row(j->hd, r->col, r->s, nn + 1, nn, w, r->c);
        r->cp[0] = r->c[nn];
        return loss;
    }
    memset(r->c, 0, (size_t)nn * sizeof *r->c);
    for (int32_t t = 0; t < nt; t++) {
        memcpy(line, r->s, (size_t)nn * sizeof *line);
        line[nn] = r->sp[t];
        r->col[nn] = target[t];
        loss += head_rank_row(j->hd, r->col, line, nn + 1, nn, w / (real)nt, slope);
        r->cp[t] = slope[nn];
        kern()->axpy(1, slope, r->c, nn);
    }
    return loss;
}

static double by_query(const struct head_job *j, bool *ok)
{
    const struct block *b = j->b;
    const struct kernels *kn = kern();
    const int32_t nn = b->n_neg, id0 = j->hd->id0;
    const size_t room = (size_t)row_ld(nn + 1), room_p = (size_t)row_ld(b->n_target);
    struct query_room r = {
        .row = arena_raw(j->mem, room * sizeof *r.row),
        .col = arena_raw(j->mem, room * sizeof *r.col),
        .s = arena_raw(j->mem, room * sizeof *r.s),
        .c = arena_raw(j->mem, room * sizeof *r.c),
        .sp = arena_raw(j->mem, room_p * sizeof *r.sp),
        .cp = arena_raw(j->mem, room_p * sizeof *r.cp),
        .prow = arena_raw(j->mem, room_p * sizeof *r.prow),
    };
    real *line = arena_raw(j->mem, room * sizeof *line),
         *slope = arena_raw(j->mem, room * sizeof *slope);
    *ok = r.row && r.col && r.s && r.c && r.sp && r.cp && r.prow && line && slope;
    double total = 0;
    for (int32_t q = 0; *ok && q < b->n_query; q++) {
        const real *h = query_of(j, q);
        real *gh = j->gh ? j->gh + (size_t)q * j->ldh : NULL;
        if (gh)
            memset(gh, 0, j->ldh * sizeof *gh);
        const int32_t *target = b->target + (size_t)q * (size_t)b->n_target,
                      *neg = b->neg + (size_t)q * (size_t)nn;
        int32_t nt = head_targets(b, q);
        real w = (real)b->weight[q];
        if (!nt || w == 0)
            continue;
        for (int32_t k = 0; k < nt; k++)
            r.prow[k] = target[k] - id0;
        for (int32_t k = 0; k < nn; k++) {
            r.col[k] = neg[k];
            r.row[k] = neg[k] - id0;
        }
        kn->pick_dot(h, j->table, j->ld, r.prow, nt, j->d, r.sp);
        kn->pick_dot(h, j->table, j->ld, r.row, nn, j->d, r.s);
        if (j->bias || j->hd->logq > 0) {
            for (int32_t k = 0; k < nt; k++)
                r.sp[k] += head_offset(j->hd, b, j->bias, target[k], true);
            for (int32_t k = 0; k < nn; k++)
                r.s[k] += head_offset(j->hd, b, j->bias, neg[k], true);
        }
        total += head_binary(j->hd) ? binary_query(j, &r, nt, nn, w)
                                    : rank_query(j, &r, nt, nn, w, target, line, slope);
        back(j, r.prow, r.cp, nt, h, gh);
        back(j, r.row, r.c, nn, h, gh);
    }
    return total;
}

/* ---- Columns shared by queries q0..q1-1 ---- */

struct shared {
    const int32_t *col; /* (n) */
    int32_t n, q0, q1;
    int32_t
        n_own; /* in-batch: the first n_own columns are targets, query_col says whose; else 0, and a query's target
                         * is one more column at the end, its row picked from the table */
};

static double shared_row(const struct head_job *j, const struct shared *g, int32_t q, real *s,
                         int32_t *col, real *c, size_t ldn)
{
    const struct block *b = j->b;
    const struct head *hd = j->hd;
    const struct kernels *kn = kern();
    const int32_t t = b->target[(size_t)q * (size_t)b->n_target], row = t - hd->id0;
    const real w = (real)b->weight[q], *h = query_of(j, q);
    double loss;
    if (!t || w == 0) {
        memset(s, 0, ldn * sizeof *s);
        return 0;
    }
    if (g->n_own) {
        loss = head_rank_row(hd, col, s, g->n, b->query_col[q], w, c);
        memcpy(s, c, ldn * sizeof *s);
        return loss;
    }
    real sp, cp;
    kn->pick_dot(h, j->table, j->ld, &row, 1, j->d, &sp);
    sp += head_offset(hd, b, j->bias, t, true);
    if (head_binary(hd)) {
        real one[TENSOR_ROW] = {sp}, slope[TENSOR_ROW];
        double wp, wn;
        head_binary_weights(hd, g->n, &wp, &wn);
        loss = (double)w * (wp * kn->softplus_sum(one, 1, -1, slope) +
                            wn * kn->softplus_sum(s, g->n, 1, c));
        cp = (real)wp * w * slope[0];
        kn->scale((real)wn * w, c, s, (size_t)g->n);
    } else {
        s[g->n] = sp;
        col[g->n] = t;
        loss = head_rank_row(hd, col, s, g->n + 1, g->n, w, c);
        cp = c[g->n];
        memcpy(s, c, (size_t)g->n * sizeof *s);
    }
    memset(s + g->n, 0, (ldn - (size_t)g->n) * sizeof *s);
    back(j, &row, &cp, 1, h, j->gh ? j->gh + (size_t)q * j->ldh : NULL);
    return loss;
}

static double by_group(const struct head_job *j, const struct shared *g, bool *ok)
{
    const struct kernels *kn = kern();
    const int32_t id0 = j->hd->id0;
    struct arena_mark mark = arena_save(j->mem);
    const size_t ldn = (size_t)row_ld(g->n + 1),
                 chunk = g->q1 - g->q0 < CHUNK ? (size_t)(g->q1 - g->q0) : CHUNK;
    real *rows = arena_raw(j->mem, (size_t)g->n * j->ld * sizeof *rows);
    real *rows_t = arena_raw(j->mem, (size_t)j->d * ldn * sizeof *rows_t);
    real *s = arena_raw(j->mem, chunk * ldn * sizeof *s),
         *c = arena_raw(j->mem, ldn * sizeof *c);
    real *offset = arena_alloc(j->mem, ldn * sizeof *offset),
         *gb = arena_alloc(j->mem, ldn * sizeof *gb);
    const bool wants = j->gtable || j->rows;
    real *grows = wants ? arena_alloc(j->mem, (size_t)g->n * j->ld * sizeof *grows) : NULL;
    int32_t *col = arena_raw(j->mem, ldn * sizeof *col);
    double total = 0;
    *ok = rows && rows_t && s && c && offset && gb && col && (grows || !wants);
    if (!*ok)
        goto out;
    for (int32_t k = 0; k < g->n; k++) {
        memcpy(rows + (size_t)k * j->ld, j->table + (size_t)(g->col[k] - id0) * j->ld,
               j->ld * sizeof *rows);
        offset[k] = head_offset(j->hd, j->b, j->bias, g->col[k], k >= g->n_own);
        col[k] = g->col[k];
    }
    kn->transpose(rows, j->ld, g->n, j->d, rows_t, ldn);
    for (int32_t q = g->q0; q < g->q1; q += (int32_t)chunk) {
        int32_t m = g->q1 - q < (int32_t)chunk ? g->q1 - q : (int32_t)chunk;
        kn->gemm(GEMM_FULL, m, g->n, j->d, query_of(j, q), j->ldh, 1, rows_t, ldn, s, ldn, 0);
        if (j->gh)
            memset(j->gh + (size_t)q * j->ldh, 0, (size_t)m * j->ldh * sizeof *j->gh);
        for (int32_t i = 0; i < m; i++) {
            real *si = s + (size_t)i * ldn;
            kn->add(si, offset, si, (size_t)g->n);
            total += shared_row(j, g, q + i, si, col, c, ldn);
        }
        if (j->gh)
            kn->gemm(GEMM_FULL, m, j->d, g->n, s, ldn, 1, rows, j->ld,
                     j->gh + (size_t)q * j->ldh, j->ldh, 1);
        if (grows)
            kn->gemm(GEMM_FULL, g->n, j->d, m, s, 1, ldn, query_of(j, q), j->ldh, grows, j->ld,
                     1);
        if (j->gbias)
            kn->colsum(s, m, g->n, ldn, gb);
    }
    for (int32_t k = 0; k < g->n; k++) {
        int32_t row = g->col[k] - id0;
        if (j->rows)
            j->rows(j->rows_ctx, j->hd->table, &row, 1, grows + (size_t)k * j->ld,
                    (int32_t)j->ld, 1);
        else if (grows)
            kn->axpy(1, grows + (size_t)k * j->ld, j->gtable + (size_t)row * j->ld,
                     row_ld(j->d));
        if (j->gbias)
            j->gbias[row] += gb[k];
    }
out:
    arena_restore(j->mem, mark);
    return total;
}

static double by_session(const struct head_job *j, bool *ok)
{
    const struct block *b = j->b;
    double total = 0;
    for (int32_t q = 0; q < b->n_query;) {
        int32_t s = b->query_session[q], end = q;
        while (end < b->n_query && b->query_session[end] == s)
            end++;
        struct shared g = {
            .col = b->neg + (size_t)s * (size_t)b->n_neg, .n = b->n_neg, .q0 = q, .q1 = end};
        total += by_group(j, &g, ok);
        if (!*ok)
            break;
        q = end;
    }
    return total;
}

double head_by_columns(const struct head_job *j, bool *ok)
{
    const struct block *b = j->b;
    struct arena_mark mark = arena_save(j->mem);
    double loss;
    if (j->hd->cols == COLS_SESSION) {
        loss = by_session(j, ok);
    } else if (j->hd->cols == COLS_BATCH) {
        bool in_batch = b->col && !head_binary(j->hd);
        struct shared g = {.col = in_batch ? b->col : b->neg,
                           .n = in_batch ? b->n_col : b->n_neg,
                           .q1 = b->n_query,
                           .n_own = in_batch ? b->n_col - b->n_neg : 0};
        loss = by_group(j, &g, ok);
    } else {
        loss = by_query(j, ok);
    }
    arena_restore(j->mem, mark);
    return loss;
}
