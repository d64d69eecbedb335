/* The workspace: data, slots, globals, log.  Starting and waiting for runs is run.c. */
#include "app/app.h"
#include "app/cmd/command.h"
#include "app/cmd/settings.h"
#include "app/io/cast.h"
#include "app/lesson/course.h"
#include "app/ui/text.h"
#include "app/ui_state.h"
#include "engine/base/cancel.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ceilings and baselines, off the screen ---- */

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

static void *background_main(void *arg)
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

static void background_start(struct app *a)
{
    struct background *b = calloc(1, sizeof *b);
    if (!b)
        return; /* no ceilings then; nothing depends on them */
    b->split = a->split;
    sigset_t all, old;
    sigfillset(&all); /* signals are for the first thread only */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&b->thread, NULL, background_main, b);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        free(b);
    else
        a->background = b;
}

static void background_take(struct app *a)
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

void app_wait_background(struct app *a)
{
    if (a->background)
        background_take(a);
}

static void background_cancel(struct app *a)
{
    if (!a->background)
        return;
    cancel_set(&a->background->cancel, true);
    background_take(a);
}

/* ---- life ---- */

enum status app_new(struct app **out, int threads, uint64_t seed, struct err *err)
{
    struct app *a = calloc(1, sizeof *a);
    *out = NULL;
    if (!a)
        return err_nomem(err, sizeof *a, "the workspace");
    a->seed = seed;
    a->threads = threads;
    a->at = STEP_LIVE;
    a->next_stamp = -1;
    a->truth_shown = true;
    a->log = calloc(LOG_LINES, sizeof *a->log);
    enum status st = a->log ? ST_OK : err_nomem(err, LOG_LINES * sizeof *a->log, "the log");
    if (st == ST_OK)
        st = settings_new(&a->set, err);
    if (st == ST_OK)
        st = pool_new(&a->pool, threads, err);
    if (st == ST_OK)
        st = explore_new(&a->explore, err);
    if (st != ST_OK) {
        app_free(a);
        return st;
    }
    *out = a;
    return ST_OK;
}

static void free_slot(struct slot *s)
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

static void drop_data(struct app *a)
{
    background_cancel(a);
    for (int i = 0; i < SLOTS; i++)
        free_slot(&a->slots[i]);
    a->n_ablation = 0;
    split_free(a->split);
    dataset_free(a->ds);
    a->split = NULL;
    a->ds = NULL;
}

void app_free(struct app *a)
{
    if (!a)
        return;
    ui_free(a);
    (void)cast_stop(a->cast, NULL);
    course_free(a);
    if (a->explorer)
        explorer_stop(a->explorer);
    explore_free(a->explore);
    drop_data(a);
    pool_free(a->pool);
    settings_free(a->set);
    free(a->log);
    free(a);
}

enum status app_start_explorer(struct app *a, struct err *err)
{
    return a->explorer ? ST_OK : explorer_start(&a->explorer, err);
}

/* Published parameters borrow from their learner; nothing may be looking at them when it goes. */
static void explorer_rest(struct app *a)
{
    struct err err;
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
    explorer_rest(a);
    free_slot(&a->slots[slot]);
    int kept = 0; /* what was set by hand in it */
    for (int i = 0; i < a->n_ablation; i++)
        if (a->ablation[i].slot != slot)
            a->ablation[kept++] = a->ablation[i];
    a->n_ablation = kept;
}

enum status app_set_threads(struct app *a, int threads, struct err *err)
{
    for (int i = 0; i < SLOTS; i++)
        if (a->slots[i].trainer) {
            err_set(err, ST_STATE, "the run in %c holds the worker threads", 'A' + i);
            return err_hint(err, "busy", "Set threads before the first train"), ST_STATE;
        }
    struct pool *p = NULL;
    enum status st = pool_new(&p, threads, err);
    if (st != ST_OK)
        return st;
    pool_free(a->pool);
    a->pool = p;
    a->threads = threads;
    return ST_OK;
}

enum status app_set_data(struct app *a, struct dataset *ds, struct err *err)
{
    struct split *sp = NULL;
    enum status st =
        split_new(&sp, ds, ds->by_user ? SPLIT_LEAVE_ONE_OUT : SPLIT_SESSIONS, err);
    if (st != ST_OK) {
        dataset_free(ds);
        return st;
    }
    explorer_rest(a);
    drop_data(a);
    a->ds = ds;
    a->split = sp;
    a->has_ceiling = false;
    a->base.ready = false;
    a->asked.n = 0;
    a->slot = 0;
    a->at = STEP_LIVE;
    a->seq.n = 0;
    a->has_pin = false;
    a->n_undo = a->at_undo = 0;
    a->cursor = 0;
    a->data_generation++;
    background_start(a);
    return ST_OK;
}

enum status app_set_split(struct app *a, enum split_kind kind, struct err *err)
{
    struct split *sp = NULL;
    enum status st = split_new(&sp, a->ds, kind, err);
    if (st != ST_OK)
        return st;
    explorer_rest(a);
    background_cancel(a);
    for (int i = 0; i < SLOTS; i++)
        free_slot(&a->slots[i]);
    a->n_ablation = 0;
    split_free(a->split);
    a->split = sp;
    a->has_ceiling = a->base.ready = false;
    a->asked.n = 0;
    a->at = STEP_LIVE;
    a->data_generation++;
    background_start(a);
    return ST_OK;
}

/* ---- slots ---- */

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

const struct snapshot *app_snapshot(struct app *a, int slot)
{
    return a->slots[slot].trainer ? trainer_snapshot(a->slots[slot].trainer) : NULL;
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
    if (!s->model) {
        err_set(err, ST_STATE, "no model in slot %c", 'A' + slot);
        return err_hint(err, "no-model", "Try: model new sasrec slot=%c", 'A' + slot), ST_STATE;
    }
    if (at == STEP_LIVE && s->trainer) {
        *out = trainer_weights(s->trainer);
        return ST_OK;
    }
    if (at == STEP_LIVE || (s->weights && s->weights->step == at)) {
        *out = weights_ref(s->weights);
        return ST_OK;
    }
    *out = history_at(s->history, at);
    if (*out)
        return ST_OK;
    if (s->trainer) {
        struct weights *w = trainer_weights(s->trainer);
        if (w->step == at) {
            *out = w;
            return ST_OK;
        }
        weights_unref(w);
    }
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

enum {
    REPLAY_BACK = 32
}; /* steps before the wanted one at which a copy stays behind: the next step back is short */

enum status app_replay(struct app *a, int slot, int64_t step, struct learner **out,
                       struct err *err)
{
    struct slot *s = &a->slots[slot];
    struct learner *l = NULL;
    const struct learner *now = app_learner(a, slot);
    int64_t from = s->base ? s->base->step : 0;
    if (step < from) {
        err_set(err, ST_STATE, "the run in %c begins at step %lld", 'A' + slot,
                (long long)from);
        return err_hint(err, "no-step", NULL), ST_STATE;
    }
    const struct learner *start = s->recent && s->recent->step <= step ? s->recent : s->base;
    enum status st = start ? learner_clone(&l, start, err)
                           : learner_new(&l, s->model, s->hp0, a->split, now->seed, err);
    struct pool *pool =
        app_running_slot(a) < 0 ? a->pool : NULL; /* a run has the workers to itself */
    int next = 0;
    while (st == ST_OK && next < s->n_change && s->change[next].step < l->step)
        next++; /* in effect already */
    int64_t leave = step - REPLAY_BACK;
    while (st == ST_OK && l->step < step) {
        struct step_info info;
        for (; next < s->n_change && s->change[next].step <= l->step && st == ST_OK; next++) {
            char name[64];
            snprintf(name, sizeof name, "%s", s->change[next].text);
            char *value = strchr(name, ' ');
            if (value) {
                *value++ = '\0';
                st = learner_set(l, name, value, err);
            }
        }
        if (st == ST_OK && l->step == leave) {
            struct learner *copy = NULL;
            if (learner_clone(&copy, l, NULL) == ST_OK) {
                learner_free(s->recent);
                s->recent = copy;
            }
        }
        if (st == ST_OK)
            st = learner_step(l, pool, NULL, &info, err);
        if (st == ST_OK && a->cancel)
            st = err_set(err, ST_CANCELLED, "cancelled");
    }
    if (st != ST_OK) {
        learner_free(l);
        return st;
    }
    *out = l;
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
    if (!s->model) {
        err_set(err, ST_STATE, "no model in slot %c", 'A' + slot);
        return err_hint(err, "no-model", "Try: model new sasrec slot=%c", 'A' + slot), ST_STATE;
    }
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

/* ---- events of runs ---- */

static bool poll_slot(struct app *a, int i)
{
    struct slot *s = &a->slots[i];
    struct train_event ev;
    bool changed = false;
    if (!s->trainer)
        return false;
    const struct snapshot *snap = trainer_snapshot(s->trainer);
    if (snap->seq != s->seen) {
        s->seen = snap->seq;
        changed = true;
    }
    while (trainer_event(s->trainer, &ev)) {
        app_log(a, ev.step, ev.is_error ? LOG_ERROR : LOG_EVENT, "%s", ev.text);
        if (!ev.is_error && strncmp(ev.text, "set ", 4) == 0 &&
            s->n_change < (int)(sizeof s->change / sizeof *s->change)) {
            struct setting_change *c = &s->change[s->n_change++];
            c->step = ev.step;
            snprintf(c->text, sizeof c->text, "%.*s", (int)strcspn(ev.text + 4, "("),
                     ev.text + 4); /* "lr 0.1 (from batch ..." */
            for (size_t n = strlen(c->text); n > 0 && c->text[n - 1] == ' ';)
                c->text[--n] = '\0';
        }
        if (ev.is_error) {
            snprintf(a->message, sizeof a->message, "%s", ev.text);
            a->message_is_error = true;
        }
        changed = true;
    }
    if (snap->has_eval && snap->eval.n > 0 &&
        (snap->eval.step != s->valid.step || !s->valid.n)) {
        s->valid = snap->eval;
        if (s->best_step < 0 || snap->eval.ndcg > s->best) {
            s->best = snap->eval.ndcg;
            s->best_step = snap->eval.step;
        }
        changed = true;
    }
    struct weights *w = trainer_weights(s->trainer);
    if (!s->weights || w->step != s->weights->step) {
        weights_unref(s->weights);
        s->weights = w;
        changed = true;
    } else {
        weights_unref(w);
    }
    return changed;
}

/* The answer of an `eval` given on the screen. */
static bool poll_eval(struct app *a)
{
    struct err err = {0};
    if (!a->evaluating || !a->explorer)
        return false;
    const struct eval_result *r = explorer_eval_result(a->explorer, APP_EVAL_ID, &err);
    if (!r && err.code == ST_OK)
        return false;
    a->evaluating = false;
    a->message_is_error = !r;
    if (!r) {
        snprintf(a->message, sizeof a->message, "eval: %.200s", err.msg);
        return true;
    }
    struct slot *s = &a->slots[a->evaluating_slot];
    if (a->evaluating_plain && s->model)
        *(r->on == PART_TEST ? &s->test : &s->valid) = *r;
    a->asked = *r;
    a->asked_slot = a->evaluating_slot;
    char num[3][FMT_NUM];
    snprintf(a->message, sizeof a->message,
             "%c @%lld on %s: HR@%d %s  NDCG@%d %s  MRR %s  (%lld cases)",
             'A' + a->evaluating_slot, (long long)r->step,
             r->on == PART_TEST ? "test" : "validation", (int)r->k, fmt_num(num[0], r->hr),
             (int)r->k, fmt_num(num[1], r->ndcg), fmt_num(num[2], r->mrr), (long long)r->n);
    app_log(a, r->step, LOG_EVENT, "%.200s", a->message);
    return true;
}

bool app_poll(struct app *a)
{
    bool changed = poll_eval(a);
    for (int i = 0; i < SLOTS; i++)
        changed = poll_slot(a, i) || changed;
    if (a->background && atomic_load_explicit(&a->background->done, memory_order_acquire)) {
        background_take(a);
        changed = true;
    }
    return course_refresh(a) || changed;
}

/* ---- log, sequence, names ---- */

void app_log(struct app *a, int64_t step, enum log_kind kind, const char *fmt, ...)
{
    struct log_line *l = &a->log[a->log_at];
    char raw[sizeof l->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    l->step = step;
    l->kind = kind;
    l->running = l->by_event = false;
    inert(l->text, sizeof l->text, raw);
    a->log_at = (a->log_at + 1) % LOG_LINES;
    if (a->n_log < LOG_LINES)
        a->n_log++;
}

const struct log_line *app_log_at(const struct app *a, int i)
{
    return i < 0 || i >= a->n_log ? NULL
                                  : &a->log[(a->log_at + LOG_LINES - a->n_log + i) % LOG_LINES];
}

void app_edit(struct app *a, const struct sequence *next)
{
    struct sequence copy = *next; /* may be one of the kept ones */
    bool newest = a->cursor >= a->seq.n - 1;
    if (a->n_undo == 0) {
        a->undo[0] = a->seq;
        a->n_undo = 1;
        a->at_undo = 0;
    }
    if (a->at_undo + 1 == UNDO_MAX) {
        memmove(a->undo, a->undo + 1, (UNDO_MAX - 1) * sizeof *a->undo);
        a->at_undo--;
    }
    a->undo[++a->at_undo] = copy;
    a->n_undo = a->at_undo + 1;
    a->seq = copy;
    if (newest || a->cursor >= copy.n) /* on the newest item it stays there */
        a->cursor = copy.n > 0 ? copy.n - 1 : 0;
}

bool app_undo(struct app *a, int dir)
{
    int to = a->at_undo + dir;
    if (a->n_undo == 0 || to < 0 || to >= a->n_undo)
        return false;
    a->at_undo = to;
    a->seq = a->undo[to];
    if (a->cursor >= a->seq.n)
        a->cursor = a->seq.n > 0 ? a->seq.n - 1 : 0;
    return true;
}

void app_item_text(const struct app *a, int32_t item, char *buf, size_t size)
{
    char name[160];
    const struct dataset *ds = a->ds;
    if (ds && item == ds->n_items + 1)
        snprintf(buf, size, "[MASK]");
    else if (ds && ds->item_name && item >= 1 && item <= ds->n_items && ds->item_name[item])
        snprintf(buf, size, "%d %s", (int)item, inert(name, sizeof name, ds->item_name[item]));
    else
        snprintf(buf, size, "%d", (int)item);
}

bool app_exclude_seen(const struct app *a)
{
    int v = (int)setting(a, SETTING_EXCLUDE);
    if (v != 0)
        return v == 2;
    struct eval_spec spec;
    if (!a->split)
        return false;
    eval_defaults(&spec, a->split);
    return spec.exclude_seen;
}

void app_slot_title(struct app *a, int slot, int64_t step, char *buf, size_t size)
{
    const struct model_def *m = a->slots[slot].model;
    snprintf(buf, size, "%c:%s @%lld", 'A' + slot, m ? m->title : "empty", (long long)step);
}
