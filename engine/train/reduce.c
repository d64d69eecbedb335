/* Phase B of a step: the eight shard gradients become one, its norm, and the update, by
 * tiles of the parameter block.  Tiles have fixed borders and every sum a fixed order, so
 * the bits do not depend on the number of threads. */
#include "engine/train/learner_work.h"

#include <stdlib.h>
#include <string.h>

enum { TILE = 8192, PIECE = 1024, ROW_TILES = 64 };

static bool trained(const struct param *p)
{
    return !(p->flags & (PARAM_FROZEN | PARAM_STATE));
}

static int tiles_of(const struct learner_work *w, const struct param *p, struct tile *out)
{
    if (!trained(p))
        return 0;
    struct row_table *rows = row_table_of(w, p);
    size_t at = p->at, end = p->at + param_rows(p) * (size_t)p->ld, most = TILE;
    /* whole rows, and few tiles: most have little to do, and fetching one costs workers who
     * fetch at once more */
    if (rows) {
        size_t ld = (size_t)p->ld, wish = (end - at) / ROW_TILES;
        wish = wish > TILE ? wish : TILE;
        most = ld < wish ? wish / ld * ld : ld;
    }
    if (p->flags & PARAM_ZERO_ROW0) /* row 0 is never touched */
        at += (size_t)p->ld;
    int n = 0;
    for (; at < end; n++) {
        size_t k = end - at < most ? end - at : most;
        if (out)
            out[n] = (struct tile){.at = at,
                                   .n = (int32_t)k,
                                   .decay = !(p->flags & PARAM_NO_DECAY),
                                   .rows = rows,
                                   .row0 = (int32_t)((at - p->at) / (size_t)p->ld)};
        at += k;
    }
    return n;
}

enum status tiles_make(struct learner_work *w, const struct params *ps, struct tile **out,
                       int *n, struct err *err)
{
    *n = 0;
    for (int i = 0; i < params_n(ps); i++)
        *n += tiles_of(w, params_at(ps, i), NULL);
    *out = malloc(((size_t)*n + 1) * sizeof **out);
    if (!*out)
        return err_nomem(err, (size_t)*n * sizeof **out, "update plan");
    int k = 0;
    for (int i = 0; i < params_n(ps); i++)
        k += tiles_of(w, params_at(ps, i), *out + k);
    return ST_OK;
}

/* Shards that had rows, in shard order. */
static int active(const struct learner_work *w, int *shard)
{
    int n = 0;
    for (int s = 0; s < BATCH_SHARDS; s++)
        if (w->plan.n_part[s] > 0)
            shard[n++] = s;
    return n;
}

struct reduce_job {
    struct learner_work *w;
    int n, shard[BATCH_SHARDS];
};

static void reduce_tile(void *ctx, int task, int worker)
{
    (void)worker;
    const struct reduce_job *j = ctx;
    const struct tile *tile = &j->w->tile[task];
    double sum = 0;
    if (tile->rows) {
        j->w->tile_sum[task] = rows_reduce(j->w, tile);
        return;
    }
    /* a piece of all shards stays in the first-level cache */
    for (int32_t i = 0; i < tile->n; i += PIECE) {
        int32_t n = tile->n - i < PIECE ? tile->n - i : PIECE;
        real *total = j->w->g[j->shard[0]] + tile->at + i;
        for (int k = 1; k < j->n; k++) {
            real *g = j->w->g[j->shard[k]] + tile->at + i;
            kern()->add(total, g, total, (size_t)n);
            memset(g, 0, (size_t)n * sizeof *g);
        }
        sum += (double)kern()->dot(total, total, n);
    }
    j->w->tile_sum[task] = sum;
}

double reduce_shards(struct learner_work *w, struct pool *p)
{
    struct reduce_job j = {.w = w};
    j.n = active(w, j.shard);
    if (j.n == 0)
        return 0;
    pool_run(p, w->n_tile, reduce_tile, &j);
    double sum = 0;
    for (int i = 0; i < w->n_tile; i++)
        sum += w->tile_sum[i];
    return sum;
}

struct update_job {
    struct learner *l;
    const struct optim_step *step;
    real *g;
};

static void update_tile(void *ctx, int task, int worker)
{
    (void)worker;
    const struct update_job *j = ctx;
    struct learner *l = j->l;
    const struct tile *tile = &l->work->tile[task];
    struct optim_step step = *j->step;
    if (!tile->decay)
        step.decay = 0;
    if (tile->rows) {
        rows_update(l, tile, &step);
        return;
    }
    real *aux[8];
    for (int k = 0; k < l->opt->n_aux; k++)
        aux[k] = l->aux[k] + tile->at;
    l->opt->span(l->x + tile->at, j->g + tile->at, aux, (size_t)tile->n, &step);
    memset(j->g + tile->at, 0, (size_t)tile->n * sizeof *j->g);
}

void update_tiles(struct learner *l, struct pool *p, const struct optim_step *s)
{
    struct update_job j = {.l = l, .step = s, .g = l->work->g[l->work->lead]};
    pool_run(p, l->work->n_tile, update_tile, &j);
}

void clear_gradients(struct learner *l)
{
    for (int i = 0; i < l->work->n_tile; i++) {
        const struct tile *t = &l->work->tile[i];
        for (int s = 0; s < BATCH_SHARDS && !t->rows; s++)
            memset(l->work->g[s] + t->at, 0, (size_t)t->n * sizeof(real));
    }
    rows_clear(l->work);
    for (int k = 0; k < l->work->n_stage; k++)
        memset(l->work->stage[k].has, 0, param_rows(l->work->stage[k].p));
}
