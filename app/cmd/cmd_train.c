/* train pause resume stop step back fork break wait mark at. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/condition.h"
#include "app/cmd/run_folder.h"
#include "app/cmd/number.h"
#include "app/settings.h"
#include "app/replay.h"
#include "app/run.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// clang-format off
const struct cmd_arg args_train[] = {
    {.name = "epochs", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 1000000, .doc = "so many epochs more"},
    {.name = "steps", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 1e12, .doc = "so many batches more"},
    {.name = "until", .type = ARG_CONDITION, .option = true, .optional = true, .doc = "until it holds"},
    {.name = "bg", .type = ARG_FLAG, .optional = true, .doc = "return at once"},
    {.name = "run", .type = ARG_WORD, .option = true, .optional = true, .doc = "a name: the run saves itself in a folder"},
    {0},
};
// clang-format on

/* Mean of the last `n` points of a curve. */
static double tail_mean(const struct series *s, int64_t n)
{
    double sum = 0, x, y;
    size_t k = 0;
    if (!s)
        return (double)NAN;
    series_hold(s);
    size_t len = series_len(s);
    for (size_t i = len > (size_t)n ? len - (size_t)n : 0; i < len; i++)
        if (series_at(s, i, &x, &y)) {
            sum += y;
            k++;
        }
    series_release(s);
    return k ? sum / (double)k : (double)NAN;
}

static void report(struct app *a, int slot, double seconds, struct cmd_out *out)
{
    const struct snapshot *s = app_snapshot(a, slot);
    const struct eval_result *v = &a->slots[slot].valid;
    if (!s)
        return;
    double mean =
        tail_mean(trainer_series(a->slots[slot].trainer, "loss"), run_steps_per_epoch(a, slot));
    char title[64], loss[FMT_NUM], sec[FMT_NUM], hr[FMT_NUM];
    app_slot_title(a, slot, s->step, title, sizeof title);
    if (v->n && v->step == s->step)
        out_line(out, "%s  epoch %d  loss %s  valid HR@%d %s  %s s", title, (int)s->epoch,
                 fmt_num(loss, s->loss), (int)v->k, fmt_num(hr, v->hr), fmt_num(sec, seconds));
    else
        out_line(out, "%s  epoch %d  loss %s  %s s", title, (int)s->epoch,
                 fmt_num(loss, s->loss), fmt_num(sec, seconds));
    char letter[2] = {(char)('A' + slot), '\0'};
    out_text(out, "slot", letter);
    out_text(out, "state", train_state_name(s->state));
    out_int(out, "step", s->step);
    out_int(out, "epoch", s->epoch);
    out_num(out, "loss", s->loss);
    out_num(out, "loss_epoch", mean);
    out_num(out, "seconds", seconds);
    if (v->n) {
        char key[24];
        json_t *j = json_object();
        snprintf(key, sizeof key, "hr@%d", (int)v->k);
        json_object_set_new(j, key, json_num(v->hr));
        snprintf(key, sizeof key, "ndcg@%d", (int)v->k);
        json_object_set_new(j, key, json_num(v->ndcg));
        json_object_set_new(j, "mrr", json_num(v->mrr));
        json_object_set_new(j, "n", json_integer(v->n));
        json_object_set_new(j, "step", json_integer(v->step));
        json_object_set_new(out_json(out), "valid", j);
    }
}

/* Runs on until the condition holds: metrics are looked at at every validation, the others
 * after every batch, so that where it stops does not depend on how fast anyone looks. */
static enum status run_until(struct app *a, int slot, const struct condition *c,
                             struct cmd_out *out, struct err *err)
{
    bool by_eval = c->kind == COND_COMPARE && c->q.kind != Q_LOSS && c->q.kind != Q_GRAD_NORM &&
                   c->q.kind != Q_LR && c->q.kind != Q_TENSOR;
    int64_t epoch = run_steps_per_epoch(a, slot),
            every = (int64_t)setting(a, SETTING_EVAL_EVERY);
    int64_t limit = app_step(a, slot) + 10000 * epoch;
    if (!every)
        every = epoch;
    for (;;) {
        int64_t step = app_step(a, slot),
                goal = by_eval || c->kind == COND_EPOCH ? (step / every + 1) * every : step + 1;
        if (c->kind == COND_STEP)
            goal = c->step;
        if (c->kind == COND_EPOCH)
            goal = (step / epoch + 1) * epoch;
        if (goal > step) {
            enum status st = run_to(a, slot, goal, out, err);
            if (st != ST_OK)
                return st;
        }
        bool holds = false;
        double value;
        enum status st = run_condition(a, c, &holds, &value, err);
        if (st != ST_OK)
            return st;
        if (holds)
            return ST_OK;
        if (app_step(a, slot) < goal) /* a breakpoint */
            return ST_OK;
        if (app_step(a, slot) >= limit) {
            err_set(err, ST_STATE, "%s does not hold after 10,000 epochs", c->text);
            return err_hint(err, "bad-value", NULL), ST_STATE;
        }
    }
}

enum { BREAKS = sizeof((struct slot *)0)->breaks / sizeof((struct slot *)0)->breaks[0] };

static enum status arm(struct app *a, const char *text, int *at, struct err *err)
{
    struct slot *s = app_slot(a);
    for (*at = 0; *at < s->n_break; ++*at)
        if (strcmp(s->breaks[*at], text) == 0)
            return ST_OK;
    if (s->n_break == BREAKS) {
        err_set(err, ST_STATE, "%d breakpoints are armed already", BREAKS);
        return err_hint(err, "busy", "Try: break off 1"), ST_STATE;
    }
    enum status st = run_post(a, a->slot, TC_BREAK, 0, text, err);
    if (st == ST_OK)
        snprintf(s->breaks[s->n_break++], sizeof s->breaks[0], "%s", text);
    return st;
}

enum status run_train(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    int slot = a->slot;
    struct trainer *t;
    if ((call_has(call, "epochs") && call_has(call, "steps")) ||
        (call_has(call, "until") && (call_has(call, "epochs") || call_has(call, "steps")))) {
        err_set(err, ST_ARG, "epochs=, steps= and until= exclude each other");
        return err_hint(err, "usage", "Try: train epochs=5"), ST_ARG;
    }
    enum status st = ST_OK;
    if (call_has(call, "run")) {
        call_blame(call, "run", out);
        st = run_folder_name(a, slot, call_text(call, "run", ""), err);
    }
    if (st == ST_OK && (st = run_trainer(a, slot, &t, err)) != ST_OK && call_has(call, "run") &&
        !a->slots[slot].trainer)
        a->slots[slot].run[0] = '\0';
    if (st != ST_OK)
        return st;
    out_place(out, 0, 0);
    if (a->at != STEP_LIVE)
        a->at = STEP_LIVE;
    double began = trainer_snapshot(t)->seconds;
    bool waits = !a->interactive && !call_has(call, "bg");
    if (call_has(call, "until") && waits) {
        struct condition c;
        st = condition_parse(&c, call_text(call, "until", ""), err);
        if (st == ST_OK)
            st = run_until(a, slot, &c, out, err);
    } else {
        int64_t epoch = run_steps_per_epoch(a, slot), step = app_step(a, slot);
        int64_t goal = step + (call_has(call, "steps")
                                   ? call_int(call, "steps", 0)
                                   : epoch * call_int(call, "epochs",
                                                      (int64_t)setting(a, SETTING_EPOCHS)));
        if (call_has(call, "until")) { /* returns at once: the run's own breakpoint ends it */
            struct condition c;
            int at;
            goal = 0;
            st = condition_parse(&c, call_text(call, "until", ""), err);
            if (st == ST_OK)
                st = arm(a, c.text, &at, err);
        }
        bool stamp =
            a->lookahead && a->next_stamp > step && a->next_stamp < goal && !a->interactive;
        a->slots[slot].goal = stamp ? goal : 0;
        if (st == ST_OK)
            st = run_post(a, slot, TC_RUN, stamp ? a->next_stamp : goal, NULL, err);
        if (st == ST_OK && (waits || stamp))
            st = run_wait(a, slot, out, err);
        else if (st == ST_OK) {
            out_line(out, "training %c to step %lld", 'A' + slot, (long long)goal);
            out_int(out, "target", goal);
            return ST_OK;
        }
    }
    const struct snapshot *s = app_snapshot(a, slot);
    report(a, slot, s ? s->seconds - began : 0, out);
    return st;
}

// clang-format off
static const char *const toggle_choices[] = {"toggle", NULL};
const struct cmd_arg args_pause[] = {
    {.name = "toggle", .type = ARG_CHOICE, .optional = true, .choices = toggle_choices, .doc = "pause or go on"},
    {0},
};
const struct cmd_arg args_resume[] = {{0}};
const struct cmd_arg args_stop[] = {{0}};
// clang-format on

static enum status no_run(struct app *a, const char *hint, struct err *err)
{
    err_set(err, ST_STATE, "nothing is being trained in %c", 'A' + a->slot);
    return err_hint(err, "no-run", "%s", hint), ST_STATE;
}

static enum status settle(struct app *a, struct cmd_out *out, struct err *err)
{
    enum status st = a->interactive ? ST_OK : run_wait(a, a->slot, out, err);
    const struct snapshot *s = app_snapshot(a, a->slot);
    if (s) {
        char title[64];
        app_slot_title(a, a->slot, s->step, title, sizeof title);
        if (!a->interactive)
            out_line(out, "%s  %s", title, train_state_name(s->state));
        out_int(out, "step", s->step);
        out_int(out, "epoch", s->epoch);
    }
    return st;
}

enum status run_pause(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    const struct snapshot *s = app_snapshot(a, a->slot);
    if (call_has(call, "toggle") && (!s || (s->state != TS_RUN && s->state != TS_EVAL)))
        return run_resume(a, call, out, err);
    if (!s)
        return no_run(a, "Try: train", err);
    enum status st = run_post(a, a->slot, TC_PAUSE, 0, NULL, err);
    return st == ST_OK ? settle(a, out, err) : st;
}

enum status run_resume(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    (void)call;
    const struct snapshot *s = app_snapshot(a, a->slot);
    int64_t step = app_step(a, a->slot);
    int64_t goal = s && s->target_step > step ? s->target_step
                                              : step + run_steps_per_epoch(a, a->slot) *
                                                           (int64_t)setting(a, SETTING_EPOCHS);
    double began = s ? s->seconds : 0;
    a->at = STEP_LIVE;
    enum status st = run_post(a, a->slot, TC_RUN, goal, NULL, err);
    if (st == ST_OK && !a->interactive)
        st = run_wait(a, a->slot, out, err);
    if (!a->interactive) {
        s = app_snapshot(a, a->slot);
        report(a, a->slot, s ? s->seconds - began : 0, out);
    }
    return st;
}

enum status run_stop(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    (void)call;
    if (!a->slots[a->slot].trainer)
        return no_run(a, "Try: train", err);
    a->slots[a->slot].goal = 0;
    enum status st = run_post(a, a->slot, TC_STOP, 0, NULL, err);
    return st == ST_OK ? settle(a, out, err) : st;
}

// clang-format off
static const char *const step_units[] = {"batch", "op", "epoch", NULL};
static const char *const back_units[] = {"batch", "op", NULL};
const struct cmd_arg args_step[] = {
    {.name = "N", .type = ARG_INT, .optional = true, .min = 1, .max = 1e9, .doc = "how many, default 1"},
    {.name = "UNIT", .type = ARG_CHOICE, .optional = true, .choices = step_units, .doc = "default batch"},
    {0},
};
const struct cmd_arg args_back[] = {
    {.name = "N", .type = ARG_INT, .optional = true, .min = 1, .max = 1e9, .doc = "how many, default 1"},
    {.name = "UNIT", .type = ARG_CHOICE, .optional = true, .choices = back_units, .doc = "default batch"},
    {0},
};
// clang-format on

static void report_op(struct app *a, struct cmd_out *out)
{
    const struct snapshot *s = app_snapshot(a, a->slot);
    if (!s)
        return;
    if (s->op > 0)
        out_line(out, "op %d of %d  %s  %s", (int)s->op, (int)s->n_op,
                 phase_name((enum phase)s->phase), s->op_name);
    out_int(out, "op", s->op);
    out_int(out, "ops", s->op > 0 ? s->n_op : 0);
    if (s->op > 0) {
        out_text(out, "op_name", s->op_name);
        out_text(out, "phase", phase_name((enum phase)s->phase));
    }
}

enum status run_step(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    int64_t n = call_int(call, "N", 1), unit = call_int(call, "UNIT", 0);
    const struct snapshot *s = app_snapshot(a, a->slot);
    double began = s ? s->seconds : 0;
    if (unit == 2)
        n *= run_steps_per_epoch(a, a->slot);
    a->at = STEP_LIVE;
    enum status st = run_post(a, a->slot, unit == 1 ? TC_STEP_OP : TC_STEP, n, NULL, err);
    if (st == ST_OK && !a->interactive)
        st = run_wait(a, a->slot, out, err);
    if (!a->interactive) {
        s = app_snapshot(a, a->slot);
        report(a, a->slot, s ? s->seconds - began : 0, out);
        if (unit == 1)
            report_op(a, out);
    }
    return st;
}

static enum status replay_off_screen(struct app *a, int64_t step, int slot, const char *word,
                                     struct cmd_out *out, struct err *err)
{
    enum status st = replay_start(a, a->slot, step, slot, word, err);
    if (st == ST_OK)
        out_line(out, "replaying %c ...   Esc stops", 'A' + a->slot);
    return st;
}

/* A copy of the run at `step` in a slot of its own; slot < 0: the next free one. */
static enum status fork_at(struct app *a, int64_t step, int slot, const char *word,
                           struct cmd_out *out, struct err *err)
{
    int from = a->slot;
    struct learner *l = NULL;
    char origin[80];
    if (slot < 0)
        slot = app_free_slot(a);
    if (slot < 0) {
        err_set(err, ST_STATE, "all 26 slots are in use");
        return err_hint(err, "busy", "Try: model drop Z"), ST_STATE;
    }
    if (slot == from && a->slots[from].trainer) {
        err_set(err, ST_ARG, "a fork needs another slot than %c", 'A' + from);
        return err_hint(err, "bad-value", "Leave slot= out"), ST_ARG;
    }
    if (slot == from)
        snprintf(origin, sizeof origin, "%s", a->slots[from].origin);
    else
        snprintf(origin, sizeof origin, "%s %c at %lld", word, 'A' + from, (long long)step);
    enum status st;
    if (!app_running(a, from) &&
        step == app_step(a, from)) /* the run rests: its learner is what we want */
        st = learner_clone(&l, app_learner(a, from), err);
    else if (on_screen(a, out))
        return replay_off_screen(a, step, slot, word, out, err);
    else
        st = replay_now(a, from, step, &l, err);
    if (st == ST_OK)
        st = app_put_fork(a, slot, from, l, origin, err);
    if (st != ST_OK)
        return st;
    char letter[2] = {(char)('A' + slot), '\0'};
    out_line(out, "%c:%s @%lld  %s", 'A' + slot, a->slots[slot].model->title, (long long)step,
             origin);
    out_text(out, "slot", letter);
    out_int(out, "step", step);
    return ST_OK;
}

/* Back inside the open batch: it is walked again as far as the op before. */
static enum status back_op(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    const struct snapshot *s = app_snapshot(a, a->slot);
    if (!s || s->op == 0) {
        call_blame(call, "UNIT", out);
        err_set(err, ST_STATE, "no batch is open in %c", 'A' + a->slot);
        return err_hint(err, "no-step", "Try: step op, or, by batches: back"), ST_STATE;
    }
    enum status st = run_post(a, a->slot, TC_STEP_OP, -call_int(call, "N", 1), NULL, err);
    if (st == ST_OK && !a->interactive)
        st = run_wait(a, a->slot, out, err);
    if (st == ST_OK && !a->interactive)
        report_op(a, out);
    return st;
}

enum status run_back(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    if (call_int(call, "UNIT", 0) == 1)
        return back_op(a, call, out, err);
    if (replay_move(a, a->slot, -call_int(call, "N", 1)))
        return ST_OK; /* the same key again */
    if (app_running(a, a->slot)) {
        enum status st = run_post(a, a->slot, TC_PAUSE, 0, NULL, err);
        if (st == ST_OK && on_screen(a, out))
            return replay_off_screen(a, -call_int(call, "N", 1), app_free_slot(a), "back from",
                                     out, err);
        if (st == ST_OK)
            st = run_wait(a, a->slot, out, err);
        if (st != ST_OK)
            return st;
    }
    int64_t now = app_step(a, a->slot), step = now - call_int(call, "N", 1);
    if (step < 0) {
        call_blame(call, "N", out);
        err_set(err, ST_ARG, "the run in %c has %lld batches", 'A' + a->slot, (long long)now);
        return err_hint(err, "no-step", now ? "Try: back %lld" : "Try: step", (long long)now),
               ST_ARG;
    }
    /* Going back again before training on moves the same copy. */
    bool again = strncmp(app_slot(a)->origin, "back from", 9) == 0 && !app_slot(a)->trainer;
    return fork_at(a, step, again ? a->slot : -1, "back from", out, err);
}

// clang-format off
const struct cmd_arg args_fork[] = {
    {.name = "slot", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the next free one"},
    {.name = "at", .type = ARG_TIME, .option = true, .optional = true, .doc = "default: what is viewed"},
    {0},
};
// clang-format on

enum status run_fork(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    const char *at = call_text(call, "at", NULL);
    int64_t step = a->at, live = app_step(a, a->slot);
    bool number = at && (at[0] == '@' || (at[0] >= '0' && at[0] <= '9'));
    if (number) { /* any step of the run: it is replayed */
        double v;
        enum status st = number_parse("at", at + (at[0] == '@'), true, 0, 1e15, &v, err);
        if (st != ST_OK)
            return st;
        step = (int64_t)v;
    } else if (at) {
        enum status st = app_resolve_time(a, a->slot, at, &step, err);
        if (st != ST_OK) {
            call_blame(call, "at", out);
            return st;
        }
    }
    if (step == STEP_LIVE)
        step = live;
    if (step > live) {
        call_blame(call, "at", out);
        err_set(err, ST_ARG, "the run in %c is at step %lld", 'A' + a->slot, (long long)live);
        return err_hint(err, "no-step", NULL), ST_ARG;
    }
    return fork_at(a, step, call_has(call, "slot") ? (int)call_int(call, "slot", 0) : -1,
                   "fork of", out, err);
}

/* ---- breakpoints ---- */

// clang-format off
const struct cmd_arg args_break[] = {
    {.name = "CONDITION", .type = ARG_CONDITION, .doc = "nan, loss>6, grad.norm>10, step=100, epoch, item.E.max>3"},
    {0},
};
const struct cmd_arg args_break_list[] = {{0}};
const struct cmd_arg args_break_off[] = {
    {.name = "N", .type = ARG_INT, .optional = true, .min = 1, .max = BREAKS, .doc = "default all"},
    {0},
};
// clang-format on

enum status run_break(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    struct condition c;
    int at;
    enum status st = condition_parse(&c, call_text(call, "CONDITION", ""), err);
    if (st != ST_OK)
        return st;
    bool metric = c.q.kind == Q_HR || c.q.kind == Q_NDCG || c.q.kind == Q_MRR;
    if (c.kind == COND_COMPARE && c.q.kind == Q_TENSOR) {
        const struct learner *l = app_learner(a, a->slot);
        if (!l || !params_find(l->ps, c.q.text)) {
            call_blame(call, "CONDITION", out);
            err_set(err, ST_ARG, "a run looks at whole parameters, and %.60s is none",
                    c.q.text);
            return err_hint(err, "bad-tensor", "Try: tensors"), ST_ARG;
        }
    }
    if (c.kind == COND_COMPARE && (c.q.kind == Q_MEASURE || (metric && c.q.k != 10))) {
        call_blame(call, "CONDITION", out);
        err_set(err, ST_ARG,
                "a run looks at loss, grad.norm, lr, valid.loss, hr@10, ndcg@10 and mrr");
        return err_hint(err, "bad-value", "Try: break loss>6"), ST_ARG;
    }
    st = arm(a, c.text, &at, err);
    if (st != ST_OK)
        return st;
    out_line(out, "break %d: %s", at + 1, c.text);
    out_int(out, "break", at + 1);
    out_text(out, "condition", c.text);
    return ST_OK;
}

enum status run_break_list(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    (void)call, (void)err;
    json_t *list = json_array();
    const struct slot *s = app_slot(a);
    out_line(out, "nan is always armed");
    for (int i = 0; i < s->n_break; i++) {
        out_line(out, "%d  %s", i + 1, s->breaks[i]);
        json_array_append_new(
            list, json_pack("{s:i,s:s}", "break", i + 1, "condition", s->breaks[i]));
    }
    json_object_set_new(out_json(out), "breaks", list);
    return ST_OK;
}

enum status run_break_off(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    struct slot *s = app_slot(a);
    int n = (int)call_int(call, "N", 0);
    if (n > s->n_break) {
        call_blame(call, "N", out);
        err_set(err, ST_ARG, "there is no breakpoint %d", n);
        return err_hint(err, "bad-value", "Try: break list"), ST_ARG;
    }
    enum status st = s->trainer ? run_post(a, a->slot, TC_BREAK, n ? n : -1, NULL, err) : ST_OK;
    if (st != ST_OK)
        return st;
    if (n) {
        out_line(out, "break off: %s", s->breaks[n - 1]);
        memmove(s->breaks + n - 1, s->breaks + n, sizeof *s->breaks * (size_t)(s->n_break - n));
        s->n_break--;
    } else {
        out_line(out, "%d breakpoints off", s->n_break);
        s->n_break = 0;
    }
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_wait_command[] = {
    {.name = "CONDITION", .type = ARG_CONDITION, .optional = true, .doc = "default: until the run rests"},
    {0},
};
// clang-format on

enum status run_wait_command(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    replay_wait(a);
    if (!a->slots[a->slot].trainer)
        return no_run(a, "Try: train bg", err);
    enum status st = ST_OK;
    if (!call_has(call, "CONDITION")) {
        st = run_wait(a, a->slot, out, err);
    } else {
        struct condition c;
        st = condition_parse(&c, call_text(call, "CONDITION", ""), err);
        while (st == ST_OK) {
            bool holds = false, rests;
            double value;
            rests = trainer_wait(a->slots[a->slot].trainer, 5);
            app_poll(a);
            struct err quiet;
            if (run_condition(a, &c, &holds, &value, &quiet) == ST_OK && holds)
                break;
            if (a->cancel)
                st = err_set(err, ST_CANCELLED, "interrupted");
            else if (rests) {
                err_set(err, ST_STATE, "the run rests at step %lld and %s does not hold",
                        (long long)app_step(a, a->slot), c.text);
                st = ST_STATE;
                err_hint(err, "no-run", NULL);
            }
        }
    }
    const struct snapshot *s = app_snapshot(a, a->slot);
    report(a, a->slot, s ? s->seconds : 0, out);
    return st;
}

// clang-format off
const struct cmd_arg args_mark[] = {
    {.name = "NAME", .type = ARG_WORD, .optional = true, .doc = "shown beside the step"},
    {0},
};
// clang-format on

enum status run_mark(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    struct slot *s = app_slot(a);
    struct weights *w = NULL;
    enum status st = app_weights_at(a, a->slot, a->at, &w, err);
    if (st != ST_OK)
        return st;
    history_keep(s->history, w);
    history_mark(s->history, w->step);
    const char *name = call_text(call, "NAME", "");
    app_log(a, w->step, LOG_EVENT, "mark %s", name);
    out_line(out, "step %lld is kept%s%s", (long long)w->step, name[0] ? " as " : "", name);
    out_int(out, "step", w->step);
    weights_unref(w);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_at[] = {
    {.name = "TIME", .type = ARG_TIME, .doc = "live first best next prev N +N -N"},
    {0},
};
// clang-format on

enum status run_at(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                   struct err *err)
{
    int64_t step;
    enum status st = app_resolve_time(a, a->slot, call_text(call, "TIME", "live"), &step, err);
    if (st != ST_OK) {
        call_blame(call, "TIME", out);
        return st;
    }
    a->at = step;
    if (step == STEP_LIVE)
        out_line(out, "live, step %lld", (long long)app_step(a, a->slot));
    else
        out_line(out, "@%lld, live is at %lld", (long long)step,
                 (long long)app_step(a, a->slot));
    out_int(out, "step", step == STEP_LIVE ? app_step(a, a->slot) : step);
    out_bool(out, "live", step == STEP_LIVE);
    return ST_OK;
}
