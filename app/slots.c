/* Slots of models: what is in them, their moments, replaying a run.  See app.h. */
#include "app/app.h"
#include "app/replay.h"
#include "app/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slot_free(struct slot *s)
{
    struct learner *l = s->trainer ? trainer_join(s->trainer) : s->learner;
    weights_unref(s->weights);
    history_free(s->history);
    hparams_free(s->hp0);
    learner_free(s->base);
    learner_free(s->recent);
    learner_free(l);
    memset(s, 0, sizeof *s);
}

/* Published parameters borrow from their learner; nothing may be looking at them when it
 * goes. */
void app_explorer_rest(struct app *a)
{
    struct err err;
    replay_cancel(a);
    if (!a->explorer)
        return;
    explorer_stop(a->explorer);
    a->explorer = NULL;
    a->evaluating = false;
    if (explorer_start(&a->explorer, &err) != ST_OK)
        a->explorer = NULL;
}

void app_drop_slot(struct app *a, int slot)
{
    if (!a->slots[slot].model)
        return;
    app_explorer_rest(a);
    slot_free(&a->slots[slot]);
    int kept = 0; /* what was set by hand in it */
    for (int i = 0; i < a->n_ablation; i++)
        if (a->ablation[i].slot != slot)
            a->ablation[kept++] = a->ablation[i];
    a->n_ablation = kept;
}

struct slot *app_slot(struct app *a)
{
    return &a->slots[a->slot];
}

const struct learner *app_learner(const struct app *a, int slot)
{
    const struct slot *s = &a->slots[slot];
    return s->trainer ? trainer_learner(s->trainer) : s->learner;
}

enum status app_put_learner(struct app *a, int slot, struct learner *l, const char *origin,
                            struct err *err)
{
    struct history *h = NULL;
    struct weights *w = NULL;
    struct hparams *hp0 = NULL;
    struct learner *base = NULL;
    enum status st = hparams_copy(&hp0, l->hp, err);
    if (st == ST_OK && l->step > 0)
        st = learner_clone(&base, l, err);
    if (st == ST_OK)
        st = history_new(&h, (size_t)setting(a, SETTING_KEEP_MB) << 20,
                         (int)setting(a, SETTING_KEEP_STEPS), err);
    if (st == ST_OK)
        st = weights_of(&w, l, err);
    if (st != ST_OK) {
        history_free(h);
        hparams_free(hp0);
        learner_free(base);
        learner_free(l);
        return st;
    }
    app_drop_slot(a, slot);
    struct slot *s = &a->slots[slot];
    s->model = l->model;
    s->learner = l;
    s->weights = w;
    s->history = h;
    s->hp0 = hp0;
    s->base = base;
    s->best_step = -1;
    snprintf(s->origin, sizeof s->origin, "%s", origin ? origin : "");
    history_keep(h, w);
    a->slot = slot;
    a->at = STEP_LIVE;
    return ST_OK;
}

enum status slot_none(int slot, struct err *err)
{
    err_set(err, ST_STATE, "no model in slot %c", 'A' + slot);
    return err_hint(err, "no-model", "Try: model new sasrec slot=%c", 'A' + slot), ST_STATE;
}

enum status slot_publish(struct slot *s, struct err *err)
{
    struct weights *w = NULL;
    enum status st = weights_of(&w, s->learner, err);
    if (st != ST_OK)
        return st;
    weights_unref(s->weights);
    s->weights = w;
    return ST_OK;
}

const struct snapshot *app_snapshot(struct app *a, int slot)
{
    return a->slots[slot].trainer ? trainer_snapshot(a->slots[slot].trainer) : NULL;
}

const struct batch_spec *app_batch_spec(const struct app *a, int slot)
{
    const struct weights *w = a->slots[slot].weights;
    return w && w->model->spec ? &w->spec : NULL;
}

const struct head *app_head(const struct app *a, int slot)
{
    const struct weights *w = a->slots[slot].weights;
    return w && w->model->head && w->self ? w->model->head(w->self) : NULL;
}

int64_t app_step(struct app *a, int slot)
{
    const struct snapshot *s = app_snapshot(a, slot);
    const struct learner *l = app_learner(a, slot);
    return s ? s->step : l ? l->step : 0;
}

bool app_running(struct app *a, int slot)
{
    struct trainer *t = a->slots[slot].trainer;
    return t && trainer_busy(t);
}

struct pool *app_pool(struct app *a)
{
    return app_running_slot(a) < 0 && !a->replay ? a->pool : NULL;
}

int app_running_slot(struct app *a)
{
    for (int i = 0; i < SLOTS; i++)
        if (app_running(a, i))
            return i;
    return -1;
}

struct weights *app_view_weights(struct app *a, int slot)
{
    struct weights *w = NULL;
    return app_weights_at(a, slot, slot == a->slot ? a->at : STEP_LIVE, &w, NULL) == ST_OK
               ? w
               : NULL;
}

enum status app_weights_at(struct app *a, int slot, int64_t at, struct weights **out,
                           struct err *err)
{
    struct slot *s = &a->slots[slot];
    *out = NULL;
    if (!s->model)
        return slot_none(slot, err);
    if (at == STEP_LIVE || (s->weights && s->weights->step == at)) {
        *out = weights_ref(s->weights);
        return ST_OK;
    }
    *out = history_at(s->history, at);
    if (*out)
        return ST_OK;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)at);
    int64_t step;
    enum status st = app_resolve_time(a, slot, text, &step, err);
    return st != ST_OK ? st : err_set(err, ST_STATE, "step %s is no longer kept", text);
}

int app_free_slot(const struct app *a)
{
    for (int i = 0; i < SLOTS; i++)
        if (!a->slots[i].model)
            return i;
    return -1;
}

enum status app_put_fork(struct app *a, int slot, int from, struct learner *l,
                         const char *origin, struct err *err)
{
    const struct slot *p = &a->slots[from];
    struct hparams *hp0 = NULL;
    struct learner *base = NULL;
    struct setting_change change[sizeof p->change / sizeof *p->change];
    int n = 0;
    enum status st = hparams_copy(&hp0, p->hp0, err);
    if (st == ST_OK && p->base)
        st = learner_clone(&base, p->base, err);
    for (int i = 0; i < p->n_change; i++)
        if (p->change[i].step < l->step)
            change[n++] = p->change[i];
    if (st == ST_OK)
        st = app_put_learner(a, slot, l, origin, err);
    else
        learner_free(l);
    if (st != ST_OK) {
        hparams_free(hp0);
        learner_free(base);
        return st;
    }
    struct slot *s = &a->slots[slot];
    hparams_free(s->hp0);
    s->hp0 = hp0;
    s->recent = s->base; /* what app_put_learner took for the start */
    s->base = base;
    memcpy(s->change, change, sizeof *change * (size_t)n);
    s->n_change = n;
    return ST_OK;
}

/* ---- time ---- */

enum { KEPT_MAX = 4096 };

static enum status no_step(int64_t want, const int64_t *kept, int n, struct err *err)
{
    int64_t below = -1, above = -1;
    for (int i = 0; i < n; i++) {
        if (kept[i] <= want)
            below = kept[i];
        if (kept[i] > want && above < 0)
            above = kept[i];
    }
    if (below >= 0 && above >= 0)
        err_set(err, ST_STATE, "step %lld is not kept; nearest %lld and %lld", (long long)want,
                (long long)below, (long long)above);
    else
        err_set(err, ST_STATE, "step %lld is not kept; nearest %lld", (long long)want,
                (long long)(below >= 0 ? below : above));
    return err_hint(err, "no-step", "Try: at %lld", (long long)(below >= 0 ? below : above)),
           ST_STATE;
}

enum status app_resolve_time(struct app *a, int slot, const char *text, int64_t *step,
                             struct err *err)
{
    struct slot *s = &a->slots[slot];
    if (!s->model)
        return slot_none(slot, err);
    if (strcmp(text, "live") == 0)
        return *step = STEP_LIVE, ST_OK;
    static int64_t kept[KEPT_MAX]; /* the app's thread only */
    int n = history_steps(s->history, kept, KEPT_MAX);
    if (n > KEPT_MAX)
        n = KEPT_MAX;
    int64_t live = app_step(a, slot), now = a->at == STEP_LIVE ? live : a->at;
    if (n == 0) {
        kept[0] = live;
        n = 1;
    }
    if (strcmp(text, "first") == 0)
        return *step = kept[0], ST_OK;
    if (strcmp(text, "best") == 0) {
        if (s->best_step >= 0)
            return *step = s->best_step, ST_OK;
        err_set(err, ST_STATE, "nothing has been validated yet");
        return err_hint(err, "no-step", "Try: eval"), ST_STATE;
    }
    int64_t move = 0;
    if (strcmp(text, "next") == 0)
        move = 1;
    else if (strcmp(text, "prev") == 0)
        move = -1;
    else if (text[0] == '+' || text[0] == '-')
        move = strtoll(text, NULL, 10);
    if (move || text[0] == '+' || text[0] == '-') { /* in kept steps; beyond the last is live */
        int at = 0;
        while (at < n && kept[at] < now)
            at++;
        if (a->at == STEP_LIVE || at == n) /* live stands behind all kept steps */
            at = n > 0 && kept[n - 1] == now ? n - 1 : n;
        else if (kept[at] > now && move > 0)
            at--;
        int64_t to = at + move;
        if (to >= n || (to == n - 1 && kept[n - 1] == live))
            return *step = STEP_LIVE, ST_OK;
        return *step = kept[to < 0 ? 0 : to], ST_OK;
    }
    int64_t want = strtoll(text + (text[0] == '@'), NULL, 10);
    if (want == live)
        return *step = STEP_LIVE, ST_OK;
    for (int i = 0; i < n; i++)
        if (kept[i] == want)
            return *step = want, ST_OK;
    return no_step(want, kept, n, err);
}
