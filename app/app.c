/* The workspace: data, globals, log.  Slots are in slots.c; starting and waiting for runs in
 * run.c. */
#include "app/app.h"
#include "app/background.h"
#include "app/settings.h"
#include "app/ui/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void drop_data(struct app *a)
{
    background_cancel(a);
    for (int i = 0; i < SLOTS; i++)
        slot_free(&a->slots[i]);
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
    for (int i = a->n_carried; i-- > 0;)
        a->carried[i].close(a);
    if (a->explorer)
        explorer_stop(a->explorer);
    explore_free(a->explore);
    drop_data(a);
    pool_free(a->pool);
    settings_free(a->set);
    free(a->log);
    free(a);
}

void app_carry(struct app *a, void (*close)(struct app *), bool (*poll)(struct app *))
{
    for (int i = 0; i < a->n_carried; i++)
        if (a->carried[i].close == close)
            return;
    assert(a->n_carried < CARRIED);
    a->carried[a->n_carried++] = (struct carried){close, poll};
}

enum status app_start_explorer(struct app *a, struct err *err)
{
    return a->explorer ? ST_OK : explorer_start(&a->explorer, err);
}

enum status app_set_threads(struct app *a, int threads, struct err *err)
{
    if (a->replay) {
        err_set(err, ST_STATE, "a replay has the workers");
        return err_hint(err, "busy", "Wait for it, or stop it with Esc"), ST_STATE;
    }
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
    app_explorer_rest(a);
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

enum status app_set_split(struct app *a, enum split_kind kind, int32_t k, struct err *err)
{
    struct split *sp = NULL;
    enum status st = kind == SPLIT_LEAVE_K_OUT ? split_leave(&sp, a->ds, k, err)
                     : kind == SPLIT_SESSIONS  ? split_sessions(&sp, a->ds, k, err)
                                               : split_new(&sp, a->ds, kind, err);
    if (st != ST_OK)
        return st;
    app_explorer_rest(a);
    background_cancel(a);
    for (int i = 0; i < SLOTS; i++)
        slot_free(&a->slots[i]);
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
        bool answer = strncmp(ev.text, "saved ", 6) == 0 &&
                      strncmp(a->message, "saving ", 7) == 0; /* what save said it would do */
        bool broke = strncmp(ev.text, "break ", 6) == 0 && strstr(ev.text, ": stopped");
        if (ev.is_error || answer || broke) {
            snprintf(a->message, sizeof a->message, "%s", ev.text);
            a->message_is_error = ev.is_error;
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
    if (a->hold_weights && trainer_busy(s->trainer))
        return changed;
    struct weights *w = trainer_weights(s->trainer);
    changed = changed || w != s->weights;
    weights_unref(s->weights);
    s->weights = w;
    if (!a->ui) /* nobody else says when */
        trainer_want_weights(s->trainer);
    return changed;
}

/* The answer of an `eval` given on the screen. */
static bool poll_eval(struct app *a)
{
    struct err err = {0};
    if (!a->evaluating || !a->explorer)
        return false;
    if (a->cancel) {
        explorer_drop(a->explorer, APP_EVAL_ID);
        a->evaluating = false;
        snprintf(a->message, sizeof a->message, "evaluation cancelled");
        return true;
    }
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
             "%c @%lld%s on %s: HR@%d %s  NDCG@%d %s  MRR %s  (%lld cases)",
             'A' + a->evaluating_slot, (long long)r->step,
             a->evaluating_patched ? " with parts set by hand" : "",
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
    changed = background_poll(a) || changed;
    for (int i = 0; i < a->n_carried; i++)
        changed = (a->carried[i].poll && a->carried[i].poll(a)) || changed;
    return changed;
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

int64_t app_questions(const struct app *a, enum split_part part)
{
    struct eval_spec spec;
    if (!a->split)
        return 0;
    eval_defaults(&spec, a->split);
    spec.on = part;
    return eval_count(a->split, &spec);
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
