/* Starting runs and waiting for them; see run.h. */
#include "app/run.h"
#include "app/cmd/ablate.h"
#include "app/cmd/condition.h"
#include "app/cmd/measure.h"
#include "app/cmd/run_folder.h"
#include "app/settings.h"
#include "app/cmd/tensor_path.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The first command: it starts the thread. */
static enum status begin(struct app *a, int slot, struct err *err)
{
    struct slot *s = &a->slots[slot];
    int64_t every = (int64_t)setting(a, SETTING_EVAL_EVERY);
    struct train_cmd c = {.kind = TC_EVERY, .n = every ? every : run_steps_per_epoch(a, slot)};
    s->learner = NULL;
    if (!trainer_post(s->trainer, &c))
        return err_set(err, ST_STATE, "the run takes no commands");
    return ST_OK;
}

enum status run_trainer(struct app *a, int slot, struct trainer **out, struct err *err)
{
    struct slot *s = &a->slots[slot];
    *out = NULL;
    if (!s->model)
        return slot_none(slot, err);
    if (s->model->flags & MODEL_BASELINE) {
        err_set(err, ST_STATE, "%s is a baseline: it is counted, not trained", s->model->title);
        return err_hint(err, "not-for-model", "Try: eval"), ST_STATE;
    }
    int other = app_running_slot(a);
    if (other >= 0 && other != slot) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + other);
        return err_hint(err, "busy", "Try: model use %c; pause", 'A' + other), ST_STATE;
    }
    if (a->replay) {
        err_set(err, ST_STATE, "a replay has the workers");
        return err_hint(err, "busy", "Wait for it, or stop it with Esc"), ST_STATE;
    }
    enum status st = s->trainer ? ST_OK : run_open(a, slot, err);
    if (st == ST_OK && s->learner)
        st = begin(a, slot, err);
    *out = s->trainer;
    return st;
}

enum status run_open(struct app *a, int slot, struct err *err)
{
    struct slot *s = &a->slots[slot];
    char folder[1024] = "";
    enum status st = ST_OK;
    if (s->run[0])
        st = run_folder_begin(a, slot, err);
    if (st == ST_OK && s->run[0])
        st = run_folder_path(s->run, "", false, folder, sizeof folder, err);
    folder[strlen(folder) - (folder[0] != '\0')] = '\0'; /* without the slash at its end */
    if (st == ST_OK)
        st = trainer_start(&s->trainer, s->learner, a->pool, folder[0] ? folder : NULL, err);
    if (st == ST_OK)
        trainer_set_history(s->trainer, s->history);
    return st;
}

enum status run_post(struct app *a, int slot, enum train_cmd_kind kind, int64_t n,
                     const char *text, struct err *err)
{
    struct trainer *t;
    enum status st = run_trainer(a, slot, &t, err);
    if (st != ST_OK)
        return st;
    struct train_cmd c = {.kind = kind, .n = n};
    if (text) {
        if (strlen(text) >= sizeof c.text) {
            err_set(err, ST_ARG, "this text is too long (%d bytes at most)",
                    (int)sizeof c.text - 1);
            return err_hint(err, "bad-value", NULL), ST_ARG;
        }
        snprintf(c.text, sizeof c.text, "%s", text);
    }
    if (!trainer_post(t, &c)) {
        err_set(err, ST_STATE, "too many commands wait for the run in %c", 'A' + slot);
        return err_hint(err, "busy", "Try again"), ST_STATE;
    }
    return ST_OK;
}

int64_t run_steps_per_epoch(struct app *a, int slot)
{
    const struct snapshot *s = app_snapshot(a, slot);
    const struct learner *l = app_learner(a, slot);
    if (s && s->steps_per_epoch > 0)
        return s->steps_per_epoch;
    int64_t n = l && l->batcher ? learner_steps_per_epoch(l) : 1;
    return n > 0 ? n : 1;
}

/* "step 100 epoch 1  loss 4.211  valid HR@10 0.3120  NDCG@10 0.1733" */
static void progress(struct app *a, int slot, struct cmd_out *out)
{
    const struct snapshot *s = app_snapshot(a, slot);
    const struct eval_result *e = &a->slots[slot].valid;
    char loss[FMT_NUM], hr[FMT_NUM], ndcg[FMT_NUM];
    out_note(out, "step %lld epoch %d  loss %s  valid HR@%d %s  NDCG@%d %s", (long long)e->step,
             (int)s->epoch, fmt_num(loss, s->loss), (int)e->k, fmt_num(hr, e->hr), (int)e->k,
             fmt_num(ndcg, e->ndcg));
}

enum status run_wait(struct app *a, int slot, struct cmd_out *out, struct err *err)
{
    struct slot *s = &a->slots[slot];
    bool cancelled = false;
    while (s->trainer) {
        int64_t shown = s->valid.n ? s->valid.step : -1;
        int log_at = a->log_at;
        bool rests = trainer_wait(s->trainer, 50);
        app_poll(a);
        if (s->valid.n && s->valid.step != shown)
            progress(a, slot, out);
        for (; log_at != a->log_at; log_at = (log_at + 1) % LOG_LINES)
            if (a->log[log_at].kind == LOG_ERROR ||
                strncmp(a->log[log_at].text, "break", 5) == 0)
                out_note(out, "@%lld %s", (long long)a->log[log_at].step, a->log[log_at].text);
        if (rests)
            break;
        if (a->cancel && !cancelled) {
            struct train_cmd c = {.kind = TC_PAUSE};
            cancelled = trainer_post(s->trainer, &c);
        }
    }
    const struct snapshot *snap = app_snapshot(a, slot);
    if (snap && snap->state == TS_FAILED) {
        if (err)
            *err = snap->err;
        if (snap->err.code == ST_NUMERIC && err && !err->hint[0])
            err_hint(err, "diverged", "Try: set lr, back, or: tensors");
        else if (snap->err.code == ST_NUMERIC)
            err_hint(err, "diverged", NULL);
        return snap->err.code ? snap->err.code : ST_STATE;
    }
    if (cancelled || a->cancel) {
        err_set(err, ST_CANCELLED, "interrupted; the run is paused at step %lld",
                (long long)app_step(a, slot));
        return err_hint(err, "cancelled", "Try: resume"), ST_CANCELLED;
    }
    return ST_OK;
}

enum status run_to(struct app *a, int slot, int64_t goal, struct cmd_out *out, struct err *err)
{
    enum status st = run_post(a, slot, TC_RUN, goal, NULL, err);
    return st == ST_OK ? run_wait(a, slot, out, err) : st;
}

enum status run_evaluate(struct app *a, struct weights *w, const struct eval_spec *spec,
                         struct eval_result *out, struct err *err)
{
    return eval_run(w, spec, app_pool(a), &a->cancel, out, err);
}

/* ---- values of conditions ---- */

static bool is_metric(enum quantity_kind kind)
{
    return kind == Q_VALID_LOSS || kind == Q_HR || kind == Q_NDCG || kind == Q_MRR;
}

/* false: to be evaluated by *spec.  The run's own validation may have asked only some of the
 * questions. */
static bool metric_known(struct app *a, const struct quantity *q, struct eval_spec *spec,
                         struct eval_result *r)
{
    const struct slot *s = app_slot(a);
    int64_t step = app_step(a, a->slot);
    *r = a->asked;
    if (r->n && a->asked_slot == a->slot && r->step == step && r->k == q->k)
        return true;
    eval_defaults(spec, a->split);
    spec->k = q->k;
    ablate_eval(a, a->slot, spec);
    *r = s->valid;
    return !spec->n_patch && r->n == eval_count(a->split, spec) && r->step == step &&
           r->k == q->k;
}

bool run_quantity_evaluates(struct app *a, const struct quantity *q, struct eval_spec *spec)
{
    struct eval_result r;
    return is_metric(q->kind) && app_slot(a)->model && !metric_known(a, q, spec, &r);
}

void run_evaluate_off_screen(struct app *a, int slot, struct weights *w,
                             const struct eval_spec *spec, bool plain)
{
    explorer_eval(a->explorer, APP_EVAL_ID, w, spec);
    a->evaluating = true;
    a->evaluating_plain = plain;
    a->evaluating_patched = spec->n_patch > 0;
    a->evaluating_slot = slot;
}

static enum status metric(struct app *a, const struct quantity *q, double *v, struct err *err)
{
    struct eval_result r;
    struct eval_spec spec;
    if (!metric_known(a, q, &spec, &r)) {
        struct weights *w = NULL;
        enum status st = app_weights_at(a, a->slot, STEP_LIVE, &w, err);
        if (st == ST_OK)
            st = run_evaluate(a, w, &spec, &r, err);
        weights_unref(w);
        if (st != ST_OK)
            return st;
    }
    a->asked = r;
    a->asked_slot = a->slot;
    *v = q->kind == Q_HR     ? r.hr
         : q->kind == Q_NDCG ? r.ndcg
         : q->kind == Q_MRR  ? r.mrr
                             : r.logloss;
    return ST_OK;
}

enum status run_quantity(struct app *a, const struct quantity *q, double *v, struct err *err)
{
    if (q->kind == Q_MEASURE)
        return measure_value(a, q->text, v, err);
    if (!app_slot(a)->model)
        return slot_none(a->slot, err);
    const struct snapshot *s = app_snapshot(a, a->slot);
    const struct learner *l = app_learner(a, a->slot);
    switch (q->kind) {
    case Q_LOSS:
    case Q_GRAD_NORM:
        if (!s || s->step == 0) {
            err_set(err, ST_STATE, "no batch has been trained yet");
            return err_hint(err, "no-step", "Try: step"), ST_STATE;
        }
        *v = q->kind == Q_LOSS ? s->loss : s->grad_norm;
        return ST_OK;
    case Q_LR:
        *v = s ? s->lr : l && hp_has(l->hp, "lr") ? hp_num(l->hp, "lr") : (double)NAN;
        return ST_OK;
    case Q_VALID_LOSS:
    case Q_HR:
    case Q_NDCG:
    case Q_MRR:
        return metric(a, q, v, err);
    case Q_TENSOR:
        return tensor_stat(a, q->text, q->stat, v, err);
    case Q_MEASURE:
        break;
    }
    return ST_OK;
}

enum status run_condition(struct app *a, const struct condition *c, bool *holds, double *value,
                          struct err *err)
{
    const struct snapshot *s = app_snapshot(a, a->slot);
    enum status st = ST_OK;
    *value = (double)NAN;
    switch (c->kind) {
    case COND_NAN:
        *holds = s && (!isfinite(s->loss) || s->state == TS_FAILED);
        *value = s ? s->loss : (double)NAN;
        return ST_OK;
    case COND_STEP:
        *value = (double)app_step(a, a->slot);
        *holds = *value >= (double)c->step;
        return ST_OK;
    case COND_EPOCH: {
        int64_t step = app_step(a, a->slot);
        *value = (double)step / (double)run_steps_per_epoch(a, a->slot);
        *holds = step > 0 && step % run_steps_per_epoch(a, a->slot) == 0;
        return ST_OK;
    }
    case COND_COMPARE:
        st = run_quantity(a, &c->q, value, err);
        *holds = st == ST_OK && condition_holds(c->op, *value, c->value);
        return st;
    }
    return st;
}
