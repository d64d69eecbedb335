/* Rows by number: of a table (item vectors), of a tensor (queries), and the embedding of
 * items with positions. */
#include "engine/tensor/ops.h"

#include <string.h>

/* Row numbers of ids, -1 = none; NULL after a failure. */
static int32_t *row_numbers(struct tape *t, const struct param *table, const int32_t *ids,
                            int32_t n, int32_t id0)
{
    int32_t *row = tape_alloc(t, (size_t)(n ? n : 1) * sizeof *row);
    int64_t rows = (int64_t)param_rows(table);
    int32_t first = table->flags & PARAM_ZERO_ROW0 ? 1 : 0; /* row 0 is zero: as good as none */
    for (int32_t i = 0; row && i < n; i++) {
        int64_t r = (int64_t)ids[i] - id0;
        if (r < -1 || r >= rows) {
            tape_fail(t, ST_ARG, "row %lld of %s, which has rows 0..%lld", (long long)r,
                      table->name, (long long)rows - 1);
            return NULL;
        }
        row[i] = r < first ? -1 : (int32_t)r;
    }
    return row;
}

static bool table_wants(struct tape *t, const struct param *p)
{
    return p && tape_param_grad(t, p) != NULL;
}

/* ---- rows, embed ---- */

struct embed {
    const struct param *table, *pos_table;
    const int32_t *row, *pos;
    float scale;
    struct dropout drop;
};

static void embed_back(struct tape *t, struct tape_op *op)
{
    const struct embed *c = op->ctx;
    struct tensor *y = op->out;
    const real *g = y->g;
    if (c->drop.p > 0) {
        real *own = tape_grad_take(t, y);
        if (!own)
            return;
        kern()->dropout(own, &c->drop, tape_env(t)->row0, y->d[0], y->d[1], (size_t)y->ld, own);
        g = own;
    }
    tape_rows_grad(t, c->table, c->row, y->d[0], g, y->ld, c->scale);
    if (c->pos_table)
        tape_rows_grad(t, c->pos_table, c->pos, y->d[0], g, y->ld, 1);
}

static struct tensor *embed(struct tape *t, enum op_kind kind, const struct embed *want,
                            const int32_t *ids, int32_t id0, int32_t n)
{
    struct embed *c = tape_alloc(t, sizeof *c);
    if (!c)
        return tape_bad(t);
    *c = *want;
    int32_t d = param_cols(c->table);
    c->row = row_numbers(t, c->table, ids, n, id0);
    if (c->pos_table && c->row)
        c->pos = row_numbers(t, c->pos_table, c->pos, n, 0);
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){n, d});
    if (tape_failed(t))
        return tape_bad(t);

    tape_reads(t, c->table, c->row, n, 0);
    if (c->pos_table)
        tape_reads(t, c->pos_table, c->pos, n, 0);
    const real *e = tape_env(t)->x + c->table->at;
    const real *p = c->pos_table ? tape_env(t)->x + c->pos_table->at : NULL;
    size_t ld = (size_t)y->ld; /* the same for table and positions: their width is d */
    for (int32_t i = 0; i < n; i++) {
        real *out = y->x + (size_t)i * ld;
        const real *from = c->row[i] >= 0 ? e + (size_t)c->row[i] * ld : NULL;
        const real *add = p && c->pos[i] >= 0 ? p + (size_t)c->pos[i] * ld : NULL;
        if (add)
            memcpy(out, add, ld * sizeof *out);
        if (!from && !add)
            memset(out, 0, ld * sizeof *out);
        else if (from && add)
            kern()->axpy((real)c->scale, from, out, (int32_t)ld);
        else if (from && c->scale == 1)
            memcpy(out, from, ld * sizeof *out);
        else if (from)
            for (size_t j = 0; j < ld; j++)
                out[j] = (real)c->scale * from[j];
    }
    if (c->drop.p > 0)
        kern()->dropout(y->x, &c->drop, tape_env(t)->row0, n, d, ld, y->x);
    struct tape_op *op = tape_append(
        t, (int32_t)kind, y,
        table_wants(t, c->table) || table_wants(t, c->pos_table) ? embed_back : NULL);
    op->ctx = c;
    return y;
}

struct tensor *op_rows(struct tape *t, const struct param *table, const int32_t *ids, int32_t n,
                       int32_t id0)
{
    if (tape_failed(t))
        return tape_bad(t);
    struct embed want = {.table = table, .scale = 1};
    return embed(t, OP_rows, &want, ids, id0, n);
}

struct tensor *op_embed(struct tape *t, const struct param *table, const int32_t *ids,
                        int32_t id0, float scale, const struct param *pos_table,
                        const int32_t *pos, int32_t n, float drop)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (pos_table && param_cols(pos_table) != param_cols(table)) {
        tape_fail(t, ST_SHAPE, "embed: items of width %d, positions of %d", param_cols(table),
                  param_cols(pos_table));
        return tape_bad(t);
    }
    struct embed want = {
        .table = table, .pos_table = pos ? pos_table : NULL, .pos = pos, .scale = scale};
    if (tape_training(t) && drop > 0)
        want.drop = (struct dropout){.p = drop, .key = tape_key(t, "drop")};
    return embed(t, OP_embed, &want, ids, id0, n);
}

/* ---- pick ---- */

static void pick_back(struct tape *t, struct tape_op *op)
{
    struct tensor *x = op->in[0], *y = op->out;
    const int32_t *row = op->ctx;
    real *gx = tape_grad(t, x, NULL);
    for (int32_t i = 0; gx && i < y->d[0]; i++)
        if (row[i] >= 0)
            kern()->axpy(1, y->g + (size_t)i * (size_t)y->ld,
                         gx + (size_t)row[i] * (size_t)x->ld, y->ld);
}

struct tensor *op_pick(struct tape *t, struct tensor *x, const int32_t *row, int32_t n)
{
    if (tape_failed(t))
        return tape_bad(t);
    int32_t rows = tensor_rows(x);
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){n, tensor_cols(x)});
    int32_t *keep = tape_alloc(t, (size_t)(n ? n : 1) * sizeof *keep);
    if (tape_failed(t))
        return tape_bad(t);
    size_t ld = (size_t)x->ld;
    for (int32_t i = 0; i < n; i++) {
        if (row[i] < -1 || row[i] >= rows) {
            tape_fail(t, ST_ARG, "pick: row %d of %d", row[i], rows);
            return tape_bad(t);
        }
        keep[i] = row[i];
        if (row[i] < 0)
            memset(y->x + (size_t)i * ld, 0, ld * sizeof(real));
        else
            memcpy(y->x + (size_t)i * ld, x->x + (size_t)row[i] * ld, ld * sizeof(real));
    }
    struct tape_op *op = tape_append(t, OP_pick, y, tape_wants(t, x) ? pick_back : NULL);
    op->in[0] = x;
    op->ctx = keep;
    return y;
}
