/* Row gradients of large item tables; see struct row_table.  The update is that of the dense form: rows without gradient
 * take a step without gradient where the optimiser asks for one (Adam), none where it does not (Adagrad). */
#include "engine/train/learner_work.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

static bool large(const struct param *p)
{
    return p->flags & PARAM_ROWS && !(p->flags & (PARAM_FROZEN | PARAM_STATE)) && param_rows(p) * (size_t)p->ld >= ROW_TABLE_FLOATS;
}

enum status row_tables_make(struct learner_work *w, const struct params *ps, struct err *err)
{
    int n = 0;
    for (int i = 0; i < params_n(ps); i++)
        n += !w->plain_tables && large(params_at(ps, i));
    w->table = calloc((size_t)n + 1, sizeof *w->table);
    if (!w->table)
        return err_nomem(err, sizeof *w->table, "item tables");
    for (int i = 0; i < params_n(ps); i++) {
        const struct param *p = params_at(ps, i);
        if (n == 0 || !large(p))
            continue;
        struct row_table *t = &w->table[w->n_table++];
        size_t rows = param_rows(p);
        t->p = p;
        t->rows = (int32_t)rows;
        t->slot = malloc(rows * sizeof *t->slot);
        t->dense = calloc(rows, sizeof *t->dense);
        if (!t->slot || !t->dense)
            return err_nomem(err, rows * (sizeof *t->slot + sizeof *t->dense), "item tables");
        memset(t->slot, 0xff, rows * sizeof *t->slot); /* -1 */
    }
    for (int s = 0; s < BATCH_SHARDS; s++)
        w->sink[s] = (struct row_sink){.w = w, .shard = s};
    return ST_OK;
}

void row_tables_free(struct learner_work *w)
{
    for (int i = 0; i < w->n_table; i++) {
        free(w->table[i].slot);
        free(w->table[i].dense);
        for (int s = 0; s < BATCH_SHARDS; s++)
            free(w->table[i].list[s].g);
    }
    free(w->table);
}

struct row_table *row_table_of(const struct learner_work *w, const struct param *p)
{
    for (int i = 0; i < w->n_table; i++)
        if (w->table[i].p == p)
            return &w->table[i];
    return NULL;
}

/* ---- Phase A: a shard's worker ---- */

static bool grow(struct row_list *l, size_t ld)
{
    int32_t cap = l->cap ? 2 * l->cap : FIRST_SLOTS;
    size_t bytes = (size_t)cap * ld * sizeof *l->g;
    real *g = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!g)
        return false;
    if (l->n)
        memcpy(g, l->g, (size_t)l->n * ld * sizeof *g);
    free(l->g);
    l->g = g;
    l->cap = cap;
    return true;
}

static void add_to_list(struct row_table *t, struct row_sink *sink, int32_t row, const real *g, float scale)
{
    struct row_list *l = &t->list[sink->shard];
    size_t ld = (size_t)t->p->ld;
    int32_t *slot = &t->slot[row][sink->shard];
    if (*slot < 0) {
        if (l->n == l->cap && !grow(l, ld)) {
            sink->no_memory = true;
            return;
        }
        *slot = l->n++;
        memset(l->g + (size_t)*slot * ld, 0, ld * sizeof *l->g);
    }
    kern()->axpy((real)scale, g, l->g + (size_t)*slot * ld, param_cols(t->p));
}

void rows_add(void *ctx, const struct param *p, const int32_t *row, int32_t n, const real *g, int32_t ldg, float scale)
{
    struct row_sink *sink = ctx;
    struct row_table *t = row_table_of(sink->w, p);
    int32_t first = p->flags & PARAM_ZERO_ROW0 ? 1 : 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t r = row ? row[i] : i;
        if (r < first)
            continue;
        if (!t && g) /* small: straight into the shard's block */
            kern()->axpy((real)scale, g + (size_t)i * (size_t)ldg, sink->w->g[sink->shard] + p->at + (size_t)r * (size_t)p->ld, param_cols(p));
        else if (t && g)
            add_to_list(t, sink, r, g + (size_t)i * (size_t)ldg, scale);
        else if (t)
            t->dense[r][sink->shard] = 1;
    }
}

/* ---- Phase B: a tile of whole rows ---- */

static bool touched(const struct row_table *t, int32_t row)
{
    uint64_t dense;
    memcpy(&dense, t->dense[row], sizeof dense);
    int32_t any = -1;
    for (int s = 0; s < BATCH_SHARDS; s++)
        any &= t->slot[row][s]; /* stays -1 when all are */
    return t->all || dense || any != -1;
}
_Static_assert(BATCH_SHARDS == sizeof(uint64_t), "eight marks are read as one number");

double rows_reduce(struct learner_work *w, const struct tile *tile)
{
    const struct row_table *t = tile->rows;
    size_t ld = (size_t)t->p->ld;
    double sum = 0;
    for (int32_t r = tile->row0, end = tile->row0 + tile->n / t->p->ld; r < end; r++) {
        if (!touched(t, r))
            continue;
        size_t at = t->p->at + (size_t)r * ld;
        real *total = w->g[w->lead] + at;
        for (int s = 0; s < BATCH_SHARDS; s++) {
            if (s != w->lead && t->dense[r][s]) {
                kern()->add(total, w->g[s] + at, total, ld);
                memset(w->g[s] + at, 0, ld * sizeof *total);
            }
            if (t->slot[r][s] >= 0)
                kern()->add(total, t->list[s].g + (size_t)t->slot[r][s] * ld, total, ld);
        }
        sum += (double)kern()->dot(total, total, (int32_t)ld);
    }
    return sum;
}

void rows_update(struct learner *l, const struct tile *tile, const struct optim_step *s)
{
    struct row_table *t = tile->rows;
    size_t ld = (size_t)t->p->ld;
    bool idle = optim_idle(l->opt, s);
    int32_t r = tile->row0, end = tile->row0 + tile->n / t->p->ld;
    while (r < end) { /* neighbours of one kind in one call */
        int32_t from = r;
        bool hit = touched(t, r);
        for (; r < end && touched(t, r) == hit; r++)
            ;
        if (!hit && idle)
            continue;
        size_t at = t->p->at + (size_t)from * ld, n = (size_t)(r - from) * ld;
        real *aux[8], *g = l->work->g[l->work->lead] + at;
        for (int k = 0; k < l->opt->n_aux; k++)
            aux[k] = l->aux[k] + at;
        l->opt->span(l->x + at, hit ? g : NULL, aux, n, s);
        if (!hit)
            continue;
        memset(g, 0, n * sizeof *g);
        memset(t->slot[from], 0xff, (size_t)(r - from) * sizeof *t->slot);
        memset(t->dense[from], 0, (size_t)(r - from) * sizeof *t->dense);
    }
}

void rows_done(struct learner_work *w)
{
    for (int i = 0; i < w->n_table; i++) {
        w->table[i].all = false;
        for (int s = 0; s < BATCH_SHARDS; s++)
            w->table[i].list[s].n = 0;
    }
}

void rows_clear(struct learner_work *w)
{
    for (int i = 0; i < w->n_table; i++) {
        struct row_table *t = &w->table[i];
        size_t ld = (size_t)t->p->ld;
        for (int32_t r = 0; r < t->rows; r++) {
            bool hit = touched(t, r);
            for (int s = 0; s < BATCH_SHARDS && hit; s++)
                if (s == w->lead || t->dense[r][s])
                    memset(w->g[s] + t->p->at + (size_t)r * ld, 0, ld * sizeof(real));
        }
        memset(t->slot, 0xff, (size_t)t->rows * sizeof *t->slot);
        memset(t->dense, 0, (size_t)t->rows * sizeof *t->dense);
    }
    for (int s = 0; s < BATCH_SHARDS; s++)
        w->sink[s].no_memory = false;
    rows_done(w);
}
