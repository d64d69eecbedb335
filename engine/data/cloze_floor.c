/* The best that filling in can do on a generated world; see world.h. */
#include "engine/base/cancel.h"
#include "engine/data/batch.h"
#include "engine/data/world.h"

#include <math.h>

static enum status check(const struct split *sp, const struct batch_spec *s, struct err *err)
{
    if (!sp->ds->world)
        return err_set(err, ST_UNSUPPORTED, "only generated worlds have a known floor");
    if (s->kind != BATCH_CLOZE || s->mask_other > 0)
        return err_set(err, ST_UNSUPPORTED, "the odds are known of places that are hidden");
    for (int32_t i = 0; i < sp->ds->n_sessions; i++) {
        int32_t n = dataset_len(sp->ds, i);
        if (sp->train_len[i] >= 2 && (n > s->max_len || sp->train_len[i] != n))
            return err_set(err, ST_UNSUPPORTED, "the odds are known of whole sessions");
    }
    return ST_OK;
}

static double entropy(const double *p, int32_t n)
{
    double h = 0;
    for (int32_t i = 1; i <= n; i++)
        if (p[i] > 0)
            h -= p[i] * log(p[i]);
    return h;
}

static bool add_block(const struct split *sp, const struct block *b, double *p,
                      struct arena *mem, struct cloze_floor *f, double *sum2)
{
    for (int32_t q = 0; q < b->n_query; q++) {
        int32_t s = b->query_session[q], from = b->off[s];
        if (!world_odds_hidden(sp->ds->world, b->item + from, b->off[s + 1] - from,
                               b->query[q] - from, p, mem))
            return false;
        double h = entropy(p, sp->ds->n_items);
        f->mean += h;
        *sum2 += h * h;
        f->n++;
    }
    return true;
}

enum status world_cloze_floor(const struct split *sp, const struct batch_spec *spec,
                              int64_t most, struct cloze_floor *out,
                              const volatile bool *cancel, struct err *err)
{
    struct arena *mem = NULL;
    struct batcher *b = NULL;
    double sum2 = 0, *p;
    *out = (struct cloze_floor){0};
    enum status st = check(sp, spec, err);
    if (st == ST_OK)
        st = arena_new(&mem, 0, err);
    if (st == ST_OK)
        st = batcher_new(&b, sp, spec, 1, err);
    int64_t steps = st == ST_OK ? batcher_per_epoch(b) : 0;
    steps = most > 0 && steps > most ? most : steps;
    for (int64_t i = 0; i < steps && st == ST_OK; i++) {
        struct batch plan;
        if (cancel_asked(cancel))
            st = err_set(err, ST_CANCELLED, "cancelled");
        else
            st = batcher_plan(b, i, &plan, err);
        for (int s = 0; s < BATCH_SHARDS && st == ST_OK; s++)
            for (int part = 0; part < plan.n_part[s] && st == ST_OK; part++) {
                struct block block;
                arena_reset(mem);
                batch_fill(b, &plan, s, part, mem, &block);
                p = arena_raw(mem, ((size_t)sp->ds->n_items + 1) * sizeof *p);
                if (!block.off || !p)
                    st = err_nomem(err, (size_t)sp->ds->n_items * sizeof *p, "odds");
                else if (!add_block(sp, &block, p, mem, out, &sum2))
                    st = err_set(err, ST_UNSUPPORTED, "session of another world");
            }
    }
    batcher_free(b);
    arena_free(mem);
    if (st != ST_OK || out->n == 0)
        return st;
    double n = (double)out->n;
    out->mean /= n;
    double var = sum2 / n - out->mean * out->mean;
    out->se = sqrt(var > 0 ? var / n : 0);
    return ST_OK;
}
