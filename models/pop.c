/* Popularity: every question gets the same answer, the items by how often they occur in
 * training.  The level any model has to beat.  No parameters; the scores are log odds, so
 * that a log loss exists. */
#include "models/models.h"

struct pop {
    int32_t n_items;
    const double *logp; /* [0..n_items], run lifetime */
};

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    (void)ps;
    struct pop *m = self;
    int32_t n = env->ds->n_items;
    size_t size = ((size_t)n + 1) * sizeof(double);
    double *logp = arena_alloc(env->mem, size);
    if (!logp)
        return err_nomem(err, size, "popularity");
    split_log_popularity(env->split, hp_num(env->hp, "smooth"), logp); /* odds are never 0 */
    m->n_items = n;
    m->logp = logp;
    return ST_OK;
}

static struct tensor *score(const void *self, struct tape *t, const struct block *b)
{
    const struct pop *m = self;
    struct tensor *s = tape_input(t, NULL, 2, (int32_t[]){b->n_query, m->n_items + 1});
    if (tape_failed(t))
        return s;
    for (int32_t q = 0; q < b->n_query; q++)
        for (int32_t v = 0; v <= m->n_items; v++)
            s->x[(size_t)q * (size_t)s->ld + (size_t)v] = (real)m->logp[v];
    return s;
}

static const struct hparam_def hparams[] = {
    {"smooth", HP_FLOAT, false, 1, 1e-6, 1e6, NULL,
     "added to every count, so that no item has odds of zero", NULL},
    {.name = NULL},
};

const struct model_def model_pop = {
    .name = "pop",
    .title = "Popularity",
    .paper = "baseline",
    .doc = "The most frequent items of the training part, whatever was seen before.",
    .flags = MODEL_BASELINE | MODEL_SOFTMAX,
    .hparams = hparams,
    .self_size = sizeof(struct pop),
    .init = init,
    .score = score,
};
