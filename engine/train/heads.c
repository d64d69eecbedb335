/* Output layers on a shard: losses over columns of scores, their gradients, and the scores of all items; see heads.h.
 *
 * The full softmax works in chunks of query rows: logits = H E^T, statistics, (p - onehot) in place, then two products for the
 * gradients of H and E.  A (queries, items) matrix of the whole batch never exists. */
#include "engine/train/heads.h"
#include "engine/tensor/ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { CHUNK_ROWS = 96, SCORE_ROWS = 64 };

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static const real *row_of(const struct head_job *j, int32_t item)
{
    return j->table + (size_t)(item - j->hd->id0) * j->ld;
}

static double bias_of(const struct head_job *j, int32_t item)
{
    return j->bias ? (double)j->bias[item - j->hd->id0] : 0;
}

static int32_t n_targets(const struct block *b, int32_t q)
{
    int32_t n = 0;
    while (n < b->n_target && b->target[(size_t)q * (size_t)b->n_target + (size_t)n])
        n++;
    return n;
}

static const int32_t *negatives(const struct head *hd, const struct block *b, int32_t q)
{
    switch (hd->cols) {
    case COLS_QUERY:
        return b->neg + (size_t)q * (size_t)b->n_neg;
    case COLS_SESSION:
        return b->neg + (size_t)b->query_session[q] * (size_t)b->n_neg;
    default:
        return b->neg;
    }
}

/* ---- Losses on a row of scores ---- */

/* softmax over columns other than p, of s: the weights of the -max losses. */
static double soft_without(const real *s, int32_t n, int32_t p, real *w)
{
    double top = -INFINITY, sum = 0;
    for (int32_t k = 0; k < n; k++)
        if (k != p && (double)s[k] > top)
            top = (double)s[k];
    for (int32_t k = 0; k < n; k++) {
        double e = k == p ? 0 : exp((double)s[k] - top);
        w[k] = (real)e;
        sum += e;
    }
    for (int32_t k = 0; k < n; k++)
        w[k] = (real)((double)w[k] / sum);
    return top + log(sum);
}

static double loss_xent(const struct head *hd, const real *s, int32_t n, int32_t p, real *c)
{
    double top = -INFINITY, sum = 0, mean = 0;
    for (int32_t k = 0; k < n; k++)
        top = fmax(top, (double)s[k]);
    for (int32_t k = 0; k < n; k++) {
        sum += exp((double)s[k] - top);
        mean += (double)s[k] / n;
    }
    double lse = top + log(sum), e = n > 1 ? (double)hd->smooth : 0;
    for (int32_t k = 0; k < n; k++)
        c[k] = (real)exp((double)s[k] - lse);
    if (e == 0) {
        c[p] -= 1;
        return lse - (double)s[p];
    }
    /* Label smoothing, gru4rec.md section 4: (1 - e N/(N-1)) nll_p + e/(N-1) sum nll. */
    double a = 1 - e * n / (n - 1), b = e / (n - 1);
    for (int32_t k = 0; k < n; k++)
        c[k] = (real)((a + b * n) * (double)c[k] - b);
    c[p] -= (real)a;
    return a * (lse - (double)s[p]) + b * n * (lse - mean);
}

static double loss_top1(const real *s, int32_t n, int32_t p, real *c)
{
    /* mean over all columns of sigma(r - p) + sigma(r^2), less sigma(p^2)/N: the own column leaves the constant 0.5/N. */
    double loss = 0, gp = 0, sp = (double)s[p];
    for (int32_t k = 0; k < n; k++) {
        if (k == p)
            continue;
        double a = sigmoid((double)s[k] - sp), q = sigmoid((double)s[k] * (double)s[k]);
        loss += (a + q) / n;
        double da = a * (1 - a) / n;
        c[k] = (real)(da + q * (1 - q) * 2 * (double)s[k] / n);
        gp -= da;
    }
    c[p] = (real)gp;
    return loss + 0.5 / n;
}

static double loss_bpr(const real *s, int32_t n, int32_t p, real *c)
{
    double loss = 0, gp = 0;
    for (int32_t k = 0; k < n; k++) {
        if (k == p)
            continue;
        double x = (double)s[k] - (double)s[p], a = sigmoid(x);
        loss += softplus(x);
        c[k] = (real)a;
        gp -= a;
    }
    c[p] = (real)gp;
    return loss + log(2.0); /* the own column, as the authors' sum has it */
}

static double loss_top1_max(const real *s, int32_t n, int32_t p, real *c)
{
    if (n < 2) {
        c[p] = 0;
        return 0;
    }
    soft_without(s, n, p, c);
    double loss = 0, gp = 0, sp = (double)s[p];
    for (int32_t k = 0; k < n; k++)
        if (k != p)
            loss += (double)c[k] * (sigmoid((double)s[k] - sp) + sigmoid((double)s[k] * (double)s[k]));
    for (int32_t k = 0; k < n; k++) {
        if (k == p)
            continue;
        double a = sigmoid((double)s[k] - sp), q = sigmoid((double)s[k] * (double)s[k]), w = (double)c[k];
        double da = w * a * (1 - a);
        gp -= da;
        c[k] = (real)(da + w * q * (1 - q) * 2 * (double)s[k] + w * (a + q - loss)); /* through the weights, too */
    }
    c[p] = (real)gp;
    return loss;
}

static double loss_bpr_max(const struct head *hd, const real *s, int32_t n, int32_t p, real *c)
{
    if (n < 2) {
        c[p] = 0;
        return 0;
    }
    /* -log sum w sigma(p - r) = LSE(r) - LSE(r - softplus(r - p)), both over the negatives. */
    double lse = soft_without(s, n, p, c), top = -INFINITY, sum = 0, reg = 0, sp = (double)s[p];
    for (int32_t k = 0; k < n; k++)
        if (k != p) {
            top = fmax(top, (double)s[k] - softplus((double)s[k] - sp));
            reg += (double)c[k] * (double)s[k] * (double)s[k];
        }
    for (int32_t k = 0; k < n; k++)
        if (k != p)
            sum += exp((double)s[k] - softplus((double)s[k] - sp) - top);
    double lse2 = top + log(sum), gp = 0, br = (double)hd->bpreg;
    for (int32_t k = 0; k < n; k++) {
        if (k == p)
            continue;
        double r = (double)s[k], w = (double)c[k], a = sigmoid(r - sp);
        double v = exp(r - softplus(r - sp) - lse2);
        gp -= v * a;
        c[k] = (real)(w - v * (1 - a) + br * w * (r * r - reg + 2 * r));
    }
    c[p] = (real)gp;
    return lse - lse2 + br * reg;
}

double head_row_loss(const struct head *hd, const real *s, int32_t n, int32_t p, real *c)
{
    switch (hd->loss) {
    case HEAD_TOP1:
        return loss_top1(s, n, p, c);
    case HEAD_BPR:
        return loss_bpr(s, n, p, c);
    case HEAD_TOP1_MAX:
        return loss_top1_max(s, n, p, c);
    case HEAD_BPR_MAX:
        return loss_bpr_max(hd, s, n, p, c);
    default:
        return loss_xent(hd, s, n, p, c);
    }
}

/* Binary losses: the first nt columns are targets. */
static double loss_binary(const struct head *hd, const real *s, int32_t nt, int32_t nn, real *c)
{
    double wp = hd->w_pos > 0 ? (double)hd->w_pos : 1, wn = hd->w_neg > 0 ? (double)hd->w_neg : 1;
    if (hd->loss == HEAD_GBCE) { /* gSASRec: beta = 1 - t (1 - alpha), alpha = k / (V - 1) */
        double alpha = hd->n_items > 1 ? (double)nn / (hd->n_items - 1) : 1;
        wp = (1 - (double)hd->gbce_t * (1 - alpha)) / (nn + 1);
        wn = 1.0 / (nn + 1);
    }
    double loss = 0;
    for (int32_t k = 0; k < nt; k++) {
        loss += wp * softplus(-(double)s[k]);
        c[k] = (real)(-wp * sigmoid(-(double)s[k]));
    }
    for (int32_t k = nt; k < nt + nn; k++) {
        loss += wn * softplus((double)s[k]);
        c[k] = (real)(wn * sigmoid((double)s[k]));
    }
    return loss;
}

/* ---- Activation of scores before a ranking loss ---- */

static void score_act(const struct head *hd, real *s, int32_t n)
{
    for (int32_t k = 0; k < n; k++) {
        double x = (double)s[k];
        switch (hd->act) {
        case ACT_RELU: /* leaky with act_a > 0 */
            s[k] = (real)(x >= 0 ? x : (double)hd->act_a * x);
            break;
        case ACT_TANH:
            s[k] = (real)tanh(x);
            break;
        case ACT_ELU:
            s[k] = (real)(x >= 0 ? x : (double)hd->act_a * expm1(x));
            break;
        default:
            return;
        }
    }
}

static void score_act_back(const struct head *hd, const real *s, int32_t n, real *c)
{
    for (int32_t k = 0; k < n; k++) {
        double y = (double)s[k];
        switch (hd->act) {
        case ACT_RELU:
            c[k] = (real)((double)c[k] * (y > 0 ? 1 : (double)hd->act_a));
            break;
        case ACT_TANH:
            c[k] = (real)((double)c[k] * (1 - y * y));
            break;
        case ACT_ELU:
            c[k] = (real)((double)c[k] * (y >= 0 ? 1 : y + (double)hd->act_a));
            break;
        default:
            return;
        }
    }
}

/* ---- Columns: targets and draws of one query ---- */

static double query_loss(const struct head_job *j, int32_t q, const int32_t *col, int32_t nt, int32_t n, int32_t own, real *s, real *c)
{
    const struct head *hd = j->hd;
    bool binary = hd->loss == HEAD_BCE || hd->loss == HEAD_GBCE;
    if (!binary && hd->logq != 0 && j->b->logq)
        for (int32_t k = 0; k < n; k++)
            s[k] -= (real)hd->logq * (real)j->b->logq[col[k]];
    if (!binary && hd->mask_dup)
        for (int32_t k = 0; k < n; k++)
            if (k != own && col[k] == col[own])
                s[k] = (real)-1e30;
    (void)q;
    if (binary)
        return loss_binary(hd, s, nt, n - nt, c);
    score_act(hd, s, n);
    double loss = head_row_loss(hd, s, n, own, c);
    score_act_back(hd, s, n, c);
    return loss;
}

static double by_query(const struct head_job *j, bool *ok)
{
    const struct block *b = j->b;
    const struct kernels *kn = kern();
    int32_t most = b->n_target + b->n_neg;
    real *s = arena_raw(j->mem, (size_t)most * sizeof *s), *c = arena_raw(j->mem, (size_t)most * sizeof *c);
    int32_t *col = arena_raw(j->mem, (size_t)most * sizeof *col);
    *ok = s && c && col;
    double total = 0;
    for (int32_t q = 0; *ok && q < b->n_query; q++) {
        const real *h = j->h + (size_t)q * j->ldh;
        real *gh = j->gh ? j->gh + (size_t)q * j->ldh : NULL;
        if (gh)
            memset(gh, 0, j->ldh * sizeof *gh);
        int32_t nt = n_targets(b, q), n = nt;
        if (!nt || b->weight[q] == 0)
            continue;
        memcpy(col, b->target + (size_t)q * (size_t)b->n_target, (size_t)nt * sizeof *col);
        memcpy(col + nt, negatives(j->hd, b, q), (size_t)b->n_neg * sizeof *col);
        n += b->n_neg;
        for (int32_t k = 0; k < n; k++)
            s[k] = kn->dot(h, row_of(j, col[k]), row_ld(j->d)) + (real)bias_of(j, col[k]);
        double w = (double)b->weight[q];
        total += w * query_loss(j, q, col, nt, n, 0, s, c);
        for (int32_t k = 0; k < n; k++) {
            real g = (real)(w * (double)c[k]);
            if (gh)
                kn->axpy(g, row_of(j, col[k]), gh, row_ld(j->d));
            if (j->gtable)
                kn->axpy(g, h, j->gtable + (size_t)(col[k] - j->hd->id0) * j->ld, row_ld(j->d));
            if (j->gbias)
                j->gbias[col[k] - j->hd->id0] += g;
        }
    }
    return total;
}

/* ---- Columns shared by many queries: a session's draws, the batch's list ---- */

struct shared {
    const int32_t *col; /* (n) */
    int32_t n, q0, q1;  /* queries q0..q1-1 */
    bool in_batch;      /* a query's own target is column row0 + q of the list */
};

static double by_group(const struct head_job *j, const struct shared *g, bool *ok)
{
    const struct block *b = j->b;
    const struct kernels *kn = kern();
    struct arena_mark mark = arena_save(j->mem);
    size_t ldn = (size_t)row_ld(g->n), m_all = (size_t)(g->q1 - g->q0);
    size_t chunk = m_all < CHUNK_ROWS ? m_all : CHUNK_ROWS;
    real *rows = arena_raw(j->mem, (size_t)g->n * j->ld * sizeof *rows);
    real *rows_t = arena_raw(j->mem, (size_t)j->d * ldn * sizeof *rows_t);
    real *s = arena_raw(j->mem, chunk * ldn * sizeof *s);
    real *grows = j->gtable ? arena_alloc(j->mem, (size_t)g->n * j->ld * sizeof *grows) : NULL;
    int32_t most = g->n + 1;
    real *line = arena_raw(j->mem, (size_t)most * sizeof *line), *c = arena_raw(j->mem, (size_t)most * sizeof *c);
    int32_t *col = arena_raw(j->mem, (size_t)most * sizeof *col);
    double total = 0;
    *ok = rows && rows_t && s && line && c && col && (grows || !j->gtable);
    if (!*ok)
        goto out;
    for (int32_t k = 0; k < g->n; k++)
        memcpy(rows + (size_t)k * j->ld, row_of(j, g->col[k]), j->ld * sizeof *rows);
    kn->transpose(rows, j->ld, g->n, j->d, rows_t, ldn);
    int32_t lead = g->in_batch ? 0 : 1; /* otherwise the target is a column of its own, in front */
    for (int32_t q = g->q0; q < g->q1; q += (int32_t)chunk) {
        int32_t m = g->q1 - q < (int32_t)chunk ? g->q1 - q : (int32_t)chunk;
        kn->gemm(GEMM_FULL, m, g->n, j->d, j->h + (size_t)q * j->ldh, j->ldh, 1, rows_t, ldn, s, ldn, 0);
        if (j->gh)
            memset(j->gh + (size_t)q * j->ldh, 0, (size_t)m * j->ldh * sizeof *j->gh);
        for (int32_t i = 0; i < m; i++) {
            real *si = s + (size_t)i * ldn;
            int32_t at = q + i, own = g->in_batch ? b->row0 + at : 0, t = b->target[(size_t)at * (size_t)b->n_target];
            double w = (double)b->weight[at];
            if (!t || w == 0) {
                memset(si, 0, ldn * sizeof *si);
                continue;
            }
            const real *h = j->h + (size_t)at * j->ldh;
            if (lead) {
                col[0] = t;
                line[0] = kn->dot(h, row_of(j, t), row_ld(j->d)) + (real)bias_of(j, t);
            }
            for (int32_t k = 0; k < g->n; k++) {
                col[lead + k] = g->col[k];
                line[lead + k] = si[k] + (real)bias_of(j, g->col[k]);
            }
            total += w * query_loss(j, at, col, lead, lead + g->n, own, line, c);
            for (int32_t k = 0; k < g->n; k++) {
                si[k] = (real)(w * (double)c[lead + k]);
                if (j->gbias)
                    j->gbias[g->col[k] - j->hd->id0] += si[k];
            }
            for (size_t k = (size_t)g->n; k < ldn; k++)
                si[k] = 0;
            if (lead) {
                real gt = (real)(w * (double)c[0]);
                if (j->gh)
                    kn->axpy(gt, row_of(j, t), j->gh + (size_t)at * j->ldh, row_ld(j->d));
                if (j->gtable)
                    kn->axpy(gt, h, j->gtable + (size_t)(t - j->hd->id0) * j->ld, row_ld(j->d));
                if (j->gbias)
                    j->gbias[t - j->hd->id0] += gt;
            }
        }
        if (j->gh)
            kn->gemm(GEMM_FULL, m, j->d, g->n, s, ldn, 1, rows, j->ld, j->gh + (size_t)q * j->ldh, j->ldh, 1);
        if (grows)
            kn->gemm(GEMM_FULL, g->n, j->d, m, s, 1, ldn, j->h + (size_t)q * j->ldh, j->ldh, grows, j->ld, 1);
    }
    if (grows)
        for (int32_t k = 0; k < g->n; k++)
            kn->axpy(1, grows + (size_t)k * j->ld, j->gtable + (size_t)(g->col[k] - j->hd->id0) * j->ld, row_ld(j->d));
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
        struct shared g = {.col = b->neg + (size_t)s * (size_t)b->n_neg, .n = b->n_neg, .q0 = q, .q1 = end};
        total += by_group(j, &g, ok);
        if (!*ok)
            return total;
        q = end;
    }
    return total;
}

/* ---- Full softmax ---- */

/* E^T (d, V) of items 1..V. */
static real *table_transposed(const struct head_job *j, size_t ldv)
{
    real *t = arena_raw(j->mem, (size_t)j->d * ldv * sizeof *t);
    if (t)
        kern()->transpose(row_of(j, 1), j->ld, j->hd->n_items, j->d, t, ldv);
    return t;
}

static double full_softmax(const struct head_job *j, bool *ok)
{
    const struct block *b = j->b;
    const struct kernels *kn = kern();
    int32_t v = j->hd->n_items;
    size_t ldv = (size_t)row_ld(v);
    struct arena_mark mark = arena_save(j->mem);
    real *et = table_transposed(j, ldv);
    real *s = arena_raw(j->mem, (size_t)CHUNK_ROWS * ldv * sizeof *s);
    double total = 0;
    *ok = et && s;
    for (int32_t q = 0; *ok && q < b->n_query; q += CHUNK_ROWS) {
        int32_t m = b->n_query - q < CHUNK_ROWS ? b->n_query - q : CHUNK_ROWS;
        const real *h = j->h + (size_t)q * j->ldh;
        kn->gemm(GEMM_FULL, m, v, j->d, h, j->ldh, 1, et, ldv, s, ldv, 0);
        if (j->bias)
            for (int32_t i = 0; i < m; i++)
                kn->axpy(1, j->bias + (1 - j->hd->id0), s + (size_t)i * ldv, v);
        for (int32_t i = 0; i < m; i++) {
            const int32_t *target = b->target + (size_t)(q + i) * (size_t)b->n_target;
            int32_t nt = n_targets(b, q + i);
            double w = (double)b->weight[q + i], lse = (double)kn->logsumexp(s + (size_t)i * ldv, v);
            for (int32_t k = 0; k < nt; k++)
                total += w / nt * (lse - (double)s[(size_t)i * ldv + (size_t)(target[k] - 1)]);
        }
        if (!j->gh && !j->gtable && !j->gbias)
            continue;
        kn->softmax_rows(s, m, v, ldv, 1, 0, 0);
        for (int32_t i = 0; i < m; i++) {
            const int32_t *target = b->target + (size_t)(q + i) * (size_t)b->n_target;
            int32_t nt = n_targets(b, q + i);
            real w = nt ? (real)b->weight[q + i] : 0, *p = s + (size_t)i * ldv;
            for (int32_t k = 0; k < v; k++)
                p[k] *= w;
            for (int32_t k = 0; k < nt; k++)
                p[target[k] - 1] -= w / (real)nt;
        }
        if (j->gh)
            kn->gemm(GEMM_FULL, m, j->d, v, s, ldv, 1, row_of(j, 1), j->ld, j->gh + (size_t)q * j->ldh, j->ldh, 0);
        if (j->gtable)
            kn->gemm(GEMM_FULL, v, j->d, m, s, 1, ldv, h, j->ldh, j->gtable + (size_t)(1 - j->hd->id0) * j->ld, j->ld, 1);
        if (j->gbias)
            kn->colsum(s, m, v, ldv, j->gbias + (1 - j->hd->id0));
    }
    arena_restore(j->mem, mark);
    return total;
}

double head_compute(const struct head_job *j, bool *ok)
{
    *ok = true;
    if (!j->b->n_query)
        return 0;
    if (j->hd->cols == COLS_ALL)
        return full_softmax(j, ok);
    if (j->hd->cols == COLS_BATCH) {
        struct shared g = {.col = j->b->neg, .n = j->b->n_neg, .q1 = j->b->n_query,
                           .in_batch = j->hd->loss != HEAD_BCE && j->hd->loss != HEAD_GBCE && j->hd->loss != HEAD_SAMPLED};
        return by_group(j, &g, ok);
    }
    if (j->hd->cols == COLS_SESSION)
        return by_session(j, ok);
    struct arena_mark mark = arena_save(j->mem);
    double loss = by_query(j, ok);
    arena_restore(j->mem, mark);
    return loss;
}

/* ---- On the tape ---- */

static void head_back(struct tape *t, struct tape_op *op)
{
    bool fresh;
    struct tensor *h = op->in[0];
    real *g = tape_grad(t, h, &fresh);
    const real *gh = op->ctx;
    size_t n = (size_t)tensor_rows(h) * (size_t)h->ld;
    if (!g || !gh)
        return;
    if (fresh)
        memcpy(g, gh, n * sizeof *g);
    else
        kern()->add(g, gh, g, n);
}

static bool head_fits(struct tape *t, const struct tensor *h, const struct head *hd)
{
    if (tape_failed(t))
        return false;
    if (tensor_cols(h) == param_cols(hd->table))
        return true;
    tape_fail(t, ST_SHAPE, "head: states of width %d, item table of width %d", tensor_cols(h), param_cols(hd->table));
    return false;
}

void op_head(struct tape *t, struct tensor *h, const struct head *hd, const struct block *b)
{
    if (!head_fits(t, h, hd))
        return;
    const struct tape_env *env = tape_env(t);
    size_t bytes = (size_t)tensor_rows(h) * (size_t)h->ld * sizeof(real);
    struct head_job j = {
        .hd = hd, .b = b, .table = env->x + hd->table->at, .ld = (size_t)hd->table->ld,
        .bias = hd->bias ? env->x + hd->bias->at : NULL, .h = h->x, .ldh = (size_t)h->ld, .d = tensor_cols(h),
        .mem = tape_arena(t), .gtable = env->g ? tape_param_grad(t, hd->table) : NULL,
        .gbias = env->g && hd->bias ? tape_param_grad(t, hd->bias) : NULL,
    };
    if (tape_wants(t, h))
        j.gh = arena_alloc(j.mem, bytes);
    struct tensor *out = tape_tensor(t, 1, (const int32_t[]){1});
    bool ok;
    double loss = head_compute(&j, &ok);
    if (!ok || !out) {
        tape_fail(t, ST_NOMEM, "no memory for the output layer of %d queries", b->n_query);
        return;
    }
    out->x[0] = (real)loss;
    struct tape_op *op = tape_append(t, OP_head, out, head_back);
    if (op) {
        op->in[0] = h;
        op->ctx = j.gh;
    }
    tape_term(t, "rec", out, 1);
}

struct tensor *op_head_scores(struct tape *t, struct tensor *h, const struct head *hd)
{
    if (!head_fits(t, h, hd))
        return tape_bad(t);
    const struct kernels *kn = kern();
    const struct tape_env *env = tape_env(t);
    int32_t m = tensor_rows(h), v = hd->n_items;
    struct tensor *out = tape_tensor_raw(t, 2, (const int32_t[]){m, v + 1});
    struct head_job j = {.hd = hd, .table = env->x + hd->table->at, .ld = (size_t)hd->table->ld, .d = tensor_cols(h),
                         .bias = hd->bias ? env->x + hd->bias->at : NULL, .mem = tape_arena(t)};
    /* Item-major, scores^T = E H^T: the table is read in place, only the few states are turned over. */
    struct arena_mark mark = arena_save(j.mem);
    real *ht = arena_raw(j.mem, (size_t)j.d * SCORE_ROWS * sizeof *ht), *s = arena_raw(j.mem, (size_t)v * SCORE_ROWS * sizeof *s);
    if (!out || !ht || !s) {
        tape_fail(t, ST_NOMEM, "no memory for the scores of %d items", v);
        return tape_bad(t);
    }
    for (int32_t q = 0; q < m; q += SCORE_ROWS) {
        int32_t n = m - q < SCORE_ROWS ? m - q : SCORE_ROWS;
        size_t ldn = (size_t)row_ld(n);
        kn->transpose(h->x + (size_t)q * (size_t)h->ld, (size_t)h->ld, n, j.d, ht, ldn);
        kn->gemm(GEMM_FULL, v, n, j.d, row_of(&j, 1), j.ld, 1, ht, ldn, s, ldn, 0);
        for (int32_t i = 0; i < n; i++) {
            real *o = out->x + (size_t)(q + i) * (size_t)out->ld;
            o[0] = (real)-INFINITY;
            for (int32_t k = 0; k < v; k++)
                o[k + 1] = s[(size_t)k * ldn + (size_t)i] + (real)bias_of(&j, k + 1);
        }
    }
    arena_restore(j.mem, mark);
    tape_append(t, OP_head, out, NULL);
    return out;
}
