/* Output layers on the tape: op_head and the scores of all items.  The computing is in
 * heads_cols.c, heads_full.c and heads_batch.c. */
#include "engine/train/heads_work.h"
#include "engine/tensor/ops.h"

#include <math.h>
#include <string.h>

enum { SCORE_ROWS = 64, SCORE_ITEMS = 512 };

double head_compute(const struct head_job *j, bool *ok)
{
    *ok = true;
    if (!j->b->n_query)
        return 0;
    return j->hd->cols == COLS_ALL ? head_full_softmax(j, ok) : head_by_columns(j, ok);
}

real head_row_factor(const struct head *hd, const real *row, int32_t d)
{
    if (!hd->unit)
        return 1;
    double square = (double)kern()->dot(row, row, d);
    return square > 0 ? (real)(1 / sqrt(square)) : 0;
}

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
    if (hd->unit && hd->cols != COLS_ALL) {
        tape_fail(t, ST_UNSUPPORTED, "head: items by direction only against all items");
        return false;
    }
    if (tensor_cols(h) == param_cols(hd->table))
        return true;
    tape_fail(t, ST_SHAPE, "head: states of width %d, item table of width %d", tensor_cols(h),
              param_cols(hd->table));
    return false;
}

/* What the loss on a block reads of the item table. */
void head_reads(const struct tape *t, const struct head *hd, const struct block *b)
{
    if (hd->cols == COLS_ALL) {
        tape_reads(t, hd->table, NULL, 0, 0);
        return;
    }
    int32_t lists = hd->cols == COLS_QUERY ? b->n_query : hd->cols == COLS_SESSION ? b->n : 1;
    if (b->target)
        tape_reads(t, hd->table, b->target, b->n_query * b->n_target, hd->id0);
    if (b->neg)
        tape_reads(t, hd->table, b->neg, lists * b->n_neg, hd->id0);
    if (b->col)
        tape_reads(t, hd->table, b->col, b->n_col, hd->id0);
}

void op_head(struct tape *t, struct tensor *h, const struct head *hd, const struct block *b)
{
    if (!head_fits(t, h, hd))
        return;
    head_reads(t, hd, b);
    if (b->head_batch) {
        head_batch_put(t, h, b);
        return;
    }
    const struct tape_env *env = tape_env(t);
    struct head_job j = {
        .hd = hd,
        .b = b,
        .table = env->x + hd->table->at,
        .ld = (size_t)hd->table->ld,
        .bias = hd->bias ? env->x + hd->bias->at : NULL,
        .h = h->x,
        .ldh = (size_t)h->ld,
        .d = tensor_cols(h),
        .mem = tape_arena(t),
        .gbias = env->g && hd->bias ? tape_param_grad(t, hd->bias) : NULL,
    };
    if (env->rows && hd->table->flags & PARAM_ROWS && tape_param_grad(t, hd->table)) {
        if (hd->cols == COLS_ALL) /* into the block, all of them */
            env->rows(env->rows_ctx, hd->table, NULL, (int32_t)param_rows(hd->table), NULL, 0,
                      0);
        else
            j.rows = env->rows;
        j.rows_ctx = env->rows_ctx;
    }
    if (!j.rows)
        j.gtable = tape_param_grad(t, hd->table);
    const bool wants = tape_wants(t, h);
    if (wants)
        j.gh = arena_alloc(j.mem, (size_t)tensor_rows(h) * (size_t)h->ld * sizeof(real));
    struct tensor *out = tape_tensor(t, 1, (const int32_t[]){1});
    bool ok;
    double loss = head_compute(&j, &ok);
    if (!ok || !out || (wants && !j.gh)) {
        tape_fail(t, ST_NOMEM, "no memory for the output layer of %d queries", b->n_query);
        return;
    }
    out->x[0] = (real)loss;
    struct tape_op *op = tape_append(t, OP_head, out, wants ? head_back : NULL);
    op->in[0] = h;
    op->ctx = j.gh;
    tape_term(t, "rec", out, 1);
}

/* Item-major, scores^T = E H^T: the table is read in place, only the few states are turned
 * over, and a tile of scores is turned back into the rows of the result. */
struct tensor *op_head_scores(struct tape *t, struct tensor *h, const struct head *hd)
{
    if (!head_fits(t, h, hd))
        return tape_bad(t);
    const struct kernels *kn = kern();
    const struct tape_env *env = tape_env(t);
    const int32_t m = tensor_rows(h), v = hd->n_items, d = tensor_cols(h);
    const size_t ld = (size_t)hd->table->ld;
    tape_reads(t, hd->table, NULL, 0, 0);
    const real *table = env->x + hd->table->at,
               *bias = hd->bias ? env->x + hd->bias->at + (1 - hd->id0) : NULL;
    struct tensor *out = tape_tensor_raw(t, 2, (const int32_t[]){m, v + 1});
    struct arena *mem = tape_arena(t);
    struct arena_mark mark = arena_save(mem);
    real *ht = arena_raw(mem, (size_t)d * SCORE_ROWS * sizeof *ht);
    real *s = arena_raw(mem, (size_t)SCORE_ITEMS * SCORE_ROWS * sizeof *s);
    if (!out || !ht || !s) {
        tape_fail(t, ST_NOMEM, "no memory for the scores of %d items", v);
        return tape_bad(t);
    }
    for (int32_t q = 0; q < m; q += SCORE_ROWS) {
        int32_t n = m - q < SCORE_ROWS ? m - q : SCORE_ROWS;
        size_t ldn = (size_t)row_ld(n);
        real *o = out->x + (size_t)q * (size_t)out->ld;
        kn->transpose(h->x + (size_t)q * (size_t)h->ld, (size_t)h->ld, n, d, ht, ldn);
        for (int32_t c = 0; c <= v; c += SCORE_ITEMS) { /* columns c.., item numbers */
            /* item 0: no item */
            int32_t k = v + 1 - c < SCORE_ITEMS ? v + 1 - c : SCORE_ITEMS, none = c == 0;
            if (none)
                memset(s, 0, ldn * sizeof *s);
            kn->gemm(GEMM_FULL, k - none, n, d, table + (size_t)(c + none - hd->id0) * ld, ld,
                     1, ht, ldn, s + (size_t)none * ldn, ldn, 0);
            for (int32_t i = none; hd->unit && i < k; i++) {
                real *of_item = s + (size_t)i * ldn;
                real f = head_row_factor(hd, table + (size_t)(c + i - hd->id0) * ld, d);
                kn->scale(f, of_item, of_item, ldn);
            }
            kn->transpose(s, ldn, k, n, o + c, (size_t)out->ld);
        }
        for (int32_t i = 0; i < n; i++, o += out->ld) {
            o[0] = (real)-INFINITY;
            if (bias)
                kn->axpy(1, bias, o + 1, v);
        }
    }
    arena_restore(mem, mark);
    tape_append(t, OP_head, out, NULL);
    return out;
}
