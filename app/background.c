/* See background.h. */
#include "app/background.h"
#include "app/app.h"
#include "engine/base/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct background {
    pthread_t thread;
    const struct split *split;
    volatile bool cancel;
    atomic_bool done; /* set last, release; the app's thread reads the rest after acquire */
    bool has_ceiling;
    struct ceiling valid, test;
    struct baseline_scores base;
    struct filling_floor *filling; /* this is looked for, not the others; own memory */
};

static bool baseline(const struct background *b, const struct model_def *def,
                     struct eval_result *out)
{
    struct hparams *hp = NULL;
    struct learner *l = NULL;
    struct weights *w = NULL;
    struct eval_spec spec;
    struct err err;
    bool ok = false;
    if (hparams_new(&hp, def->hparams, def->name, &err) != ST_OK)
        return false;
    if (learner_new(&l, def, hp, b->split, 1, &err) == ST_OK &&
        weights_of(&w, l, &err) == ST_OK) {
        eval_defaults(&spec, b->split);
        ok = eval_run(w, &spec, NULL, &b->cancel, out, &err) == ST_OK;
    }
    weights_unref(w);
    learner_free(l);
    hparams_free(hp);
    return ok;
}

static void baselines(struct background *b)
{
    struct baseline_scores *base = &b->base;
    base->ready = true;
    for (int i = 0; model_defs[i] && base->ready; i++)
        if (model_defs[i]->flags & MODEL_BASELINE && base->n < BASELINES) {
            struct baseline_row *row = &base->row[base->n++];
            row->model = model_defs[i];
            base->ready = baseline(b, row->model, &row->r);
        }
}

static void *work(void *arg)
{
    struct background *b = arg;
    struct eval_spec spec;
    struct err err;
    pool_compute_mode();
    pool_be_nice();
    if (b->filling) {
        struct filling_floor *f = b->filling;
        if (world_cloze_floor(b->split, &f->spec, 0, &f->r, &b->cancel, &err) != ST_OK)
            f->r.n = 0;
        atomic_store_explicit(&b->done, true, memory_order_release);
        return NULL;
    }
    eval_defaults(&spec, b->split);
    baselines(b);
    spec.on = PART_VALID;
    b->has_ceiling = eval_ceiling(b->split, &spec, &b->valid, &b->cancel, &err) == ST_OK;
    spec.on = PART_TEST;
    b->has_ceiling =
        b->has_ceiling && eval_ceiling(b->split, &spec, &b->test, &b->cancel, &err) == ST_OK;
    atomic_store_explicit(&b->done, true, memory_order_release);
    return NULL;
}

static void start(struct app *a, struct background *b)
{
    b->split = a->split;
    if (pool_thread(&b->thread, work, b) != 0) {
        free(b->filling);
        free(b);
    } else {
        a->background = b;
    }
}

void background_start(struct app *a)
{
    struct background *b = calloc(1, sizeof *b);
    if (b) /* else no ceilings; nothing depends on them */
        start(a, b);
}

static void take(struct app *a)
{
    struct background *b = a->background;
    pthread_join(b->thread, NULL);
    if (b->filling) {
        if (!cancel_asked(&b->cancel))
            a->filling = *b->filling;
    } else if (!cancel_asked(&b->cancel)) {
        a->has_ceiling = b->has_ceiling;
        a->valid_ceiling = b->valid;
        a->test_ceiling = b->test;
        a->base = b->base;
    }
    free(b->filling);
    free(b);
    a->background = NULL;
}

void background_wait(struct app *a)
{
    if (a->background)
        take(a);
}

void background_cancel(struct app *a)
{
    if (!a->background)
        return;
    cancel_set(&a->background->cancel, true);
    take(a);
}

/* ---- The floor of filling in ---- */

/* What a slot's model hides; false: nothing, or on data whose odds are not known. */
static bool hides(const struct app *a, int slot, struct batch_spec *spec)
{
    const struct learner *l = app_learner(a, slot);
    const struct batch_spec *own = app_batch_spec(a, slot);
    memset(spec, 0, sizeof *spec);
    if (!a->ds || !a->ds->world || !l || !own || !l->batcher)
        return false;
    *spec = *own;
    spec->n_neg = 0; /* what is compared does not matter */
    const struct head *h = app_head(a, slot);
    return spec->kind == BATCH_CLOZE && h && h->loss == HEAD_XENT;
}

static bool stands_for(const struct app *a, const struct batch_spec *s)
{
    const struct filling_floor *f = &a->filling;
    const struct batch_spec *t = &f->spec;
    return f->asked && f->data_generation == a->data_generation && s->max_len == t->max_len &&
           s->size == t->size && s->dupe == t->dupe && s->cap == t->cap &&
           s->k_max == t->k_max && s->rho == t->rho && s->p_last == t->p_last &&
           s->p_tail == t->p_tail && s->mask_other == t->mask_other &&
           s->window_prop == t->window_prop && s->with_valid == t->with_valid;
}

static void start_filling(struct app *a, const struct batch_spec *spec)
{
    struct background *b = calloc(1, sizeof *b);
    struct filling_floor *f = calloc(1, sizeof *f);
    if (!b || !f) {
        free(b);
        free(f);
        return;
    }
    f->asked = true;
    f->data_generation = a->data_generation;
    f->spec = *spec;
    b->filling = f;
    start(a, b);
}

const struct cloze_floor *background_filling(const struct app *a, int slot)
{
    struct batch_spec spec;
    return hides(a, slot, &spec) && stands_for(a, &spec) && a->filling.r.n > 0 ? &a->filling.r
                                                                               : NULL;
}

void background_find_filling(struct app *a, int slot)
{
    struct batch_spec spec;
    if (!hides(a, slot, &spec))
        return;
    background_wait(a);
    if (stands_for(a, &spec))
        return;
    start_filling(a, &spec);
    background_wait(a);
}

bool background_poll(struct app *a)
{
    struct batch_spec spec;
    if (!a->background && hides(a, a->slot, &spec) && !stands_for(a, &spec))
        start_filling(a, &spec);
    if (!a->background || !atomic_load_explicit(&a->background->done, memory_order_acquire))
        return false;
    take(a);
    return true;
}
