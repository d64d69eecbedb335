/* Row gradients of large item tables; see struct row_table.  The update is that of the dense
 * form, to the bit: rows without gradient take a step without gradient where the optimiser
 * asks for one (Adam), none where it does not (Adagrad).  They take it late: when a pass
 * reads them, when somebody looks, or when their turn has come. */
#include "engine/train/learner_work.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

static bool large(const struct param *p)
{
    return p->flags & PARAM_ROWS && !(p->flags & (PARAM_FROZEN | PARAM_STATE)) &&
           param_rows(p) * (size_t)p->ld >= ROW_TABLE_FLOATS;
}

enum status row_tables_make(struct learner *l, struct err *err)
{
    struct learner_work *w = l->work;
    const struct params *ps = l->ps;
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
        t->hit = calloc(rows, sizeof *t->hit);
        t->busy = calloc(rows, sizeof *t->busy);
        t->done = calloc(rows, sizeof *t->done);
        if (!t->slot || !t->hit || !t->busy || !t->done)
            return err_nomem(
                err,
                rows * (sizeof *t->slot + sizeof *t->hit + sizeof *t->busy + sizeof *t->done),
                "item tables");
        memset(t->slot, 0xff, rows * sizeof *t->slot); /* -1 */
    }
    for (int s = 0; s < BATCH_SHARDS; s++)
        w->sink[s] = (struct row_sink){.l = l, .w = w, .shard = s};
    return ST_OK;
}

void row_tables_free(struct learner_work *w)
{
    for (int i = 0; i < w->n_table; i++) {
        free(w->table[i].slot);
        free(w->table[i].hit);
        free(w->table[i].busy);
        free(w->table[i].done);
        for (int k = ROWS_OF_SHARD; k < ROW_LISTS; k++)
            free(w->table[i].list[k].g);
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

/* ---- Updates put off ---- */

static int32_t first_row(const struct row_table *t)
{
    return t->p->flags & PARAM_ZERO_ROW0 ? 1 : 0; /* row 0 is never touched */
}

/* Owner of the row: phase B, or who has set busy. */
static void catch_up(const struct learner *l, struct row_table *t, int32_t r, int64_t now)
{
    const int64_t done = atomic_load_explicit(&t->done[r], memory_order_relaxed);
    if (done >= now)
        return;
    size_t at = t->p->at + (size_t)r * (size_t)t->p->ld;
    real *aux[8];
    for (int k = 0; k < l->opt->n_aux; k++)
        aux[k] = l->aux[k] + at;
    optim_catch_up(l->opt, l->x + at, aux, (size_t)t->p->ld,
                   l->work->past[!(t->p->flags & PARAM_NO_DECAY)], ROW_LAG, done, now);
    atomic_store_explicit(&t->done[r], now, memory_order_release);
}

/* false: somebody else is at it. */
static bool settle_row(const struct learner *l, struct row_table *t, int32_t r, int64_t now)
{
    if (atomic_load_explicit(&t->done[r], memory_order_acquire) >= now)
        return true;
    if (atomic_exchange_explicit(&t->busy[r], 1, memory_order_acquire))
        return false;
    catch_up(l, t, r, now);
    atomic_store_explicit(&t->busy[r], 0, memory_order_release);
    return true;
}

/* Rows id[i] - id0, or from..to-1 where id is NULL.  Rows that others are at are passed over
 * first, so that several share the work. */
static void settle_rows(const struct learner *l, struct row_table *t, const int32_t *id,
                        int32_t id0, int32_t from, int32_t to)
{
    bool wait = true;
    while (wait) {
        wait = false;
        for (int32_t i = from; i < to; i++) {
            int32_t r = id ? id[i] - id0 : i;
            if (r >= first_row(t) && !settle_row(l, t, r, l->step))
                wait = true;
        }
        if (wait)
            sched_yield();
    }
}

void rows_read(void *ctx, const struct param *p, const int32_t *id, int32_t n, int32_t id0)
{
    const struct row_sink *sink = ctx;
    struct row_table *t = sink->w->lazy ? row_table_of(sink->w, p) : NULL;
    if (!t || atomic_load_explicit(&t->all_done, memory_order_acquire) >= sink->l->step)
        return;
    settle_rows(sink->l, t, id, id0, 0, id ? n : t->rows);
    if (!id)
        atomic_store_explicit(&t->all_done, sink->l->step, memory_order_release);
}

struct settle_job {
    const struct learner *l;
    struct row_table *t;
};
enum { SETTLE_ROWS = 64 }; /* rows of a task */

static void settle_task(void *ctx, int task, int worker)
{
    const struct settle_job *j = ctx;
    int32_t from = task * SETTLE_ROWS, to = from + SETTLE_ROWS;
    (void)worker;
    settle_rows(j->l, j->t, NULL, 0, from, to < j->t->rows ? to : j->t->rows);
}

void rows_settle(const struct learner *l, struct pool *p)
{
    struct learner_work *w = l->work;
    const unsigned mode = pool_compute_mode(); /* whoever looks: the same bits as in training */
    for (int i = 0; w->lazy && i < w->n_table; i++) {
        struct row_table *t = &w->table[i];
        struct settle_job j = {l, t};
        if (atomic_load_explicit(&t->all_done, memory_order_acquire) >= l->step)
            continue;
        pool_run(p, (t->rows + SETTLE_ROWS - 1) / SETTLE_ROWS, settle_task, &j);
        atomic_store_explicit(&t->all_done, l->step, memory_order_release);
    }
    pool_restore_mode(mode);
}

void rows_settled(struct learner_work *w, int64_t step)
{
    for (int i = 0; i < w->n_table; i++) {
        struct row_table *t = &w->table[i];
        for (int32_t r = 0; r < t->rows; r++)
            atomic_store_explicit(&t->done[r], step, memory_order_relaxed);
        atomic_store_explicit(&t->all_done, step, memory_order_release);
    }
}

void rows_begin(struct learner *l, struct pool *p, const struct optim_step *s)
{
    struct learner_work *w = l->work;
    const bool lazy = w->n_table > 0 && !optim_idle(l->opt, s);
    if (w->lazy && !lazy)
        rows_settle(l, p);
    else if (lazy && !w->lazy)
        rows_settled(w, l->step);
    w->lazy = lazy;
    struct optim_step *at[] = {&w->past[0][s->t % ROW_LAG], &w->past[1][s->t % ROW_LAG]};
    *at[0] = *at[1] = *s; /* nobody is so late that he needs what stood there */
    at[0]->decay = 0;
}

/* ---- Phase A: a shard's worker ---- */

static bool grow(struct row_list *l, size_t ld)
{
    int32_t cap = l->cap ? 2 * l->cap : FIRST_SLOTS;
    size_t bytes = (size_t)cap * ld * sizeof *l->g;
    real *g = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!g)
        return false;
    memset(g, 0, bytes); /* a first touch of a page is dear: here, not in a later step */
    if (l->n)
        memcpy(g, l->g, (size_t)l->n * ld * sizeof *g);
    free(l->g);
    l->g = g;
    l->cap = cap;
    return true;
}

static void mark(struct row_table *t, int32_t row)
{
    /* shards may mark the same row */
    atomic_store_explicit(&t->hit[row], 1, memory_order_relaxed);
}

static void add_to_list(struct row_table *t, struct row_sink *sink, int32_t row, const real *g,
                        float scale)
{
    const int k = ROWS_OF_SHARD + sink->shard;
    struct row_list *l = &t->list[k];
    size_t ld = (size_t)t->p->ld;
    int32_t *slot = &t->slot[row][k];
    if (*slot < 0) {
        if (l->n == l->cap && !grow(l, ld)) {
            sink->no_memory = true;
            return;
        }
        *slot = l->n++;
        memset(l->g + (size_t)*slot * ld, 0, ld * sizeof *l->g);
        mark(t, row);
    }
    kern()->axpy((real)scale, g, l->g + (size_t)*slot * ld, param_cols(t->p));
}

void rows_add(void *ctx, const struct param *p, const int32_t *row, int32_t n, const real *g,
              int32_t ldg, float scale)
{
    struct row_sink *sink = ctx;
    struct row_table *t = row_table_of(sink->w, p);
    int32_t first = p->flags & PARAM_ZERO_ROW0 ? 1 : 0;
    if (!g) {
        if (t)
            t->whole[sink->shard] = true;
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        if (row[i] < first)
            continue;
        const real *gi = g + (size_t)i * (size_t)ldg;
        if (t)
            add_to_list(t, sink, row[i], gi, scale);
        else /* small: straight into the shard's block */
            kern()->axpy((real)scale, gi,
                         sink->w->g[sink->shard] + p->at + (size_t)row[i] * (size_t)p->ld,
                         param_cols(p));
    }
}

void rows_lend(struct learner_work *w, struct row_table *t, const int32_t *row, int32_t n,
               real *g)
{
    size_t ld = (size_t)t->p->ld;
    if (!row) {
        t->whole[w->lead] = true;
        return;
    }
    t->list[ROWS_OF_HEAD].g = g;
    for (int32_t i = 0; i < n; i++) {
        int32_t *slot = &t->slot[row[i]][ROWS_OF_HEAD];
        if (*slot >= 0) {
            kern()->add(g + (size_t)*slot * ld, g + (size_t)i * ld, g + (size_t)*slot * ld, ld);
            continue;
        }
        *slot = i;
        mark(t, row[i]);
    }
}

/* ---- Phase B: a tile of whole rows ---- */

static bool any_whole(const struct row_table *t)
{
    bool any = false;
    for (int s = 0; s < BATCH_SHARDS; s++)
        any |= t->whole[s];
    return any;
}

/* The first row from r on that has a gradient, or end. */
static int32_t next_hit(const struct row_table *t, int32_t r, int32_t end)
{
    const atomic_uchar *at = r < end ? memchr(t->hit + r, 1, (size_t)(end - r)) : NULL;
    return at ? (int32_t)(at - t->hit) : end;
}

/* Where the sum of a row's gradients lies: the first list that has it, or the block of the
 * leading shard. */
static real *total_of(const struct learner_work *w, const struct row_table *t, int32_t r,
                      bool whole)
{
    size_t ld = (size_t)t->p->ld;
    if (whole)
        return w->g[w->lead] + t->p->at + (size_t)r * ld;
    int k = 0;
    while (t->slot[r][k] < 0)
        k++;
    return t->list[k].g + (size_t)t->slot[r][k] * ld;
}

static void add_row(real *total, const real *g, size_t ld)
{
    if (g != total)
        kern()->add(total, g, total, ld);
}

double rows_reduce(struct learner_work *w, const struct tile *tile)
{
    const struct row_table *t = tile->rows;
    const bool whole = any_whole(t);
    const size_t ld = (size_t)t->p->ld;
    const int32_t end = tile->row0 + tile->n / t->p->ld;
    double sum = 0;
    for (int32_t r = whole ? tile->row0 : next_hit(t, tile->row0, end); r < end;
         r = whole ? r + 1 : next_hit(t, r + 1, end)) {
        real *total = total_of(w, t, r, whole);
        for (int k = 0; k < ROW_LISTS; k++) {
            int s = k - ROWS_OF_SHARD;
            if (s >= 0 && s != w->lead && t->whole[s]) {
                real *g = w->g[s] + t->p->at + (size_t)r * ld;
                add_row(total, g, ld);
                memset(g, 0, ld * sizeof *g);
            }
            if (t->slot[r][k] >= 0)
                add_row(total, t->list[k].g + (size_t)t->slot[r][k] * ld, ld);
        }
        sum += (double)kern()->dot(total, total, (int32_t)ld);
    }
    return sum;
}

static void update_span(struct learner *l, const struct row_table *t, int32_t from, int32_t to,
                        const real *g, const struct optim_step *s)
{
    size_t ld = (size_t)t->p->ld, at = t->p->at + (size_t)from * ld;
    real *aux[8];
    for (int k = 0; k < l->opt->n_aux; k++)
        aux[k] = l->aux[k] + at;
    l->opt->span(l->x + at, g, aux, (size_t)(to - from) * ld, s);
}

/* Rows that are hit lie far apart: what an update of one reads is on its way while another
 * is worked. */
static void prefetch(const struct learner *l, const struct row_table *t, int32_t r,
                     const struct optim_step *s)
{
    enum { LINE = 64 / sizeof(real) };
    size_t ld = (size_t)t->p->ld, at = t->p->at + (size_t)r * ld;
    for (size_t i = 0; i < ld; i += LINE) {
        __builtin_prefetch(l->x + at + i, 1);
        for (int k = 0; k < l->opt->n_aux; k++)
            if (optim_reads_aux(l->opt, s, k))
                __builtin_prefetch(l->aux[k] + at + i, 1);
    }
}

static void forget(struct row_table *t, int32_t from, int32_t to)
{
    memset(t->slot[from], 0xff, (size_t)(to - from) * sizeof *t->slot);
    memset(t->hit + from, 0, (size_t)(to - from) * sizeof *t->hit);
}

static void updated(struct row_table *t, int32_t from, int32_t to, int64_t step)
{
    for (int32_t r = from; r < to; r++)
        atomic_store_explicit(&t->done[r], step, memory_order_relaxed);
}

void rows_update(struct learner *l, const struct tile *tile, const struct optim_step *s)
{
    struct row_table *t = tile->rows;
    const bool lazy = l->work->lazy;
    const int32_t end = tile->row0 + tile->n / t->p->ld;
    if (any_whole(t)) { /* then all rows were read */
        real *g = total_of(l->work, t, tile->row0, true);
        update_span(l, t, tile->row0, end, g, s);
        updated(t, tile->row0, end, s->t);
        memset(g, 0, (size_t)tile->n * sizeof *g);
        forget(t, tile->row0, end);
        return;
    }
    for (int32_t r = next_hit(t, tile->row0, end), next; r < end; r = next) {
        next = next_hit(t, r + 1, end);
        if (next < end)
            prefetch(l, t, next, s);
        if (lazy)
            catch_up(l, t, r, s->t - 1);
        update_span(l, t, r, r + 1, total_of(l->work, t, r, false), s);
        updated(t, r, r + 1, s->t);
        forget(t, r, r + 1);
    }
    int64_t turn = (tile->row0 + s->t) % ROW_LAG; /* of rows r with (r + t) % ROW_LAG == 0 */
    for (int32_t r = tile->row0 + (int32_t)(turn ? ROW_LAG - turn : 0); lazy && r < end;
         r += ROW_LAG)
        catch_up(l, t, r, s->t);
}

void rows_look(struct learner *l, const struct tile *tile, int64_t step)
{
    const int32_t end = tile->row0 + tile->n / tile->rows->p->ld;
    for (int32_t r = tile->row0; l->work->lazy && r < end; r++)
        catch_up(l, tile->rows, r, step);
}

void rows_done(struct learner_work *w, int64_t step)
{
    for (int i = 0; i < w->n_table; i++) {
        struct row_table *t = &w->table[i];
        if (step >= 0 && any_whole(t))
            atomic_store_explicit(&t->all_done, step, memory_order_release);
        memset(t->whole, 0, sizeof t->whole);
        for (int k = 0; k < ROW_LISTS; k++) {
            struct row_list *l = &t->list[k];
            const bool narrow = l->n > l->cap / 3 * 2;
            l->n = 0;
            if (narrow && k >= ROWS_OF_SHARD)
                (void)grow(
                    l,
                    (size_t)t->p
                        ->ld); /* batches differ in size; without memory the one that needs it says so */
        }
    }
}

void rows_clear(struct learner_work *w)
{
    for (int i = 0; i < w->n_table; i++) {
        struct row_table *t = &w->table[i];
        const bool whole = any_whole(t);
        for (int s = 0; s < BATCH_SHARDS; s++)
            if (t->whole[s] || (whole && s == w->lead))
                memset(w->g[s] + t->p->at, 0,
                       (size_t)t->rows * (size_t)t->p->ld * sizeof(real));
        forget(t, 0, t->rows);
    }
    for (int s = 0; s < BATCH_SHARDS; s++)
        w->sink[s].no_memory = false;
    rows_done(w, -1);
}
