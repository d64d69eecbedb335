/* See background.h. */
#include "app/background.h"
#include "app/app.h"
#include "engine/base/cancel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct background {
    pthread_t thread;
    const struct split *split;
    volatile bool cancel;
    atomic_bool done; /* set last, release; the app's thread reads the rest after acquire */
    bool has_ceiling;
    struct ceiling valid, test;
    struct baseline_scores base;
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

void background_start(struct app *a)
{
    struct background *b = calloc(1, sizeof *b);
    if (!b)
        return; /* no ceilings then; nothing depends on them */
    b->split = a->split;
    sigset_t all, old;
    sigfillset(&all); /* signals are for the first thread only */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&b->thread, NULL, work, b);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        free(b);
    else
        a->background = b;
}

static void take(struct app *a)
{
    struct background *b = a->background;
    pthread_join(b->thread, NULL);
    if (!cancel_asked(&b->cancel)) {
        a->has_ceiling = b->has_ceiling;
        a->valid_ceiling = b->valid;
        a->test_ceiling = b->test;
        a->base = b->base;
    }
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

bool background_poll(struct app *a)
{
    if (!a->background || !atomic_load_explicit(&a->background->done, memory_order_acquire))
        return false;
    take(a);
    return true;
}
