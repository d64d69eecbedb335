/* watch: quantities followed from step to step. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/condition.h"
#include "app/run.h"
#include "app/ui/text.h"
#include "engine/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// clang-format off
const struct cmd_arg args_watch[] = {
    {.name = "QUANTITY", .type = ARG_WORD, .doc = "loss, grad.norm, lr, hr@10, TENSOR.max; a tensor alone: its norm"},
    {0},
};
const struct cmd_arg args_watch_list[] = {{0}};
const struct cmd_arg args_watch_off[] = {
    {.name = "N", .type = ARG_INT, .optional = true, .min = 1, .max = WATCHES, .doc = "default all"},
    {0},
};
// clang-format on

/* Metrics as the last validation had them: following them does not evaluate. */
static double value_of(struct app *a, const char *text)
{
    struct quantity q;
    struct err err;
    double v = (double)NAN;
    const struct eval_result *e = &a->slots[a->slot].valid;
    if (quantity_parse(&q, text, &err) != ST_OK)
        return v;
    switch (q.kind) {
    case Q_VALID_LOSS:
        return e->n > 0 && e->has_logloss ? e->logloss : v;
    case Q_HR:
        return e->n > 0 && q.k == e->k ? e->hr : v;
    case Q_NDCG:
        return e->n > 0 && q.k == e->k ? e->ndcg : v;
    case Q_MRR:
        return e->n > 0 ? e->mrr : v;
    default:
        return run_quantity(a, &q, &v, &err) == ST_OK ? v : (double)NAN;
    }
}

static void refresh(struct app *a, struct watch *w)
{
    int64_t step = a->at == STEP_LIVE ? app_step(a, a->slot) : a->at;
    if (step == w->step && a->slot == w->slot && !isnan(w->now))
        return;
    w->before = a->slot == w->slot ? w->now : (double)NAN;
    w->now = value_of(a, w->text);
    w->step = step;
    w->slot = a->slot;
}

void app_refresh_watches(struct app *a)
{
    if (a->n_watch == 0 || !app_slot(a)->model)
        return;
    double now = clock_s();
    if (app_running(a, a->slot) && now - a->watched_s < 0.25)
        return;
    a->watched_s = now;
    for (int i = 0; i < a->n_watch; i++)
        refresh(a, &a->watch[i]);
}

static void watch_line(struct app *a, int i, struct cmd_out *out, json_t *list)
{
    double v = a->watch[i].now;
    char num[FMT_NUM];
    out_line(out, "%d  %-36s %s", i + 1, a->watch[i].text, isnan(v) ? "-" : fmt_num(num, v));
    json_array_append_new(list, json_pack("{s:i,s:s,s:o}", "watch", i + 1, "quantity",
                                          a->watch[i].text, "value", json_num(v)));
}

enum status run_watch_list(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    (void)call, (void)err;
    json_t *list = json_array();
    app_refresh_watches(a);
    for (int i = 0; i < a->n_watch; i++)
        watch_line(a, i, out, list);
    if (a->n_watch == 0)
        out_line(out, "nothing is watched");
    json_object_set_new(out_json(out), "watches", list);
    return ST_OK;
}

enum status run_watch(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    struct quantity q;
    char text[sizeof a->watch[0].text];
    const char *typed = call_text(call, "QUANTITY", "");
    snprintf(text, sizeof text, "%s", typed);
    enum status st =
        strlen(typed) < sizeof text
            ? quantity_parse(&q, text, err)
            : err_set(err, ST_ARG, "a quantity has at most %zu characters", sizeof text - 1);
    if (st != ST_OK && strlen(typed) + 5 < sizeof text) { /* a tensor alone */
        double v;
        snprintf(text, sizeof text, "%s.norm", typed);
        if (quantity_parse(&q, text, NULL) == ST_OK && run_quantity(a, &q, &v, NULL) == ST_OK)
            st = ST_OK;
    } else if (st == ST_OK && q.kind == Q_TENSOR) { /* others may have no value yet */
        double v;
        st = run_quantity(a, &q, &v, err);
    }
    for (int i = 0; i < a->n_watch && st == ST_OK; i++)
        if (strcmp(a->watch[i].text, text) == 0)
            st = err_set(err, ST_ARG, "%s is watched already", text);
    if (st == ST_OK && a->n_watch == WATCHES) {
        err_set(err, ST_STATE, "%d quantities are watched, more is not possible", WATCHES);
        st = (err_hint(err, "bad-value", "Try: watch off 1"), ST_STATE);
    }
    if (st != ST_OK) {
        call_blame(call, "QUANTITY", out);
        return st;
    }
    struct watch *w = &a->watch[a->n_watch++];
    *w = (struct watch){.now = (double)NAN, .before = (double)NAN, .step = -1, .slot = a->slot};
    memcpy(w->text, text, sizeof text);
    refresh(a, w);
    json_t *list = json_array();
    watch_line(a, a->n_watch - 1, out, list);
    json_object_set_new(out_json(out), "watches", list);
    return ST_OK;
}

enum status run_watch_off(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    int n = (int)call_int(call, "N", 0);
    if (n > a->n_watch) {
        call_blame(call, "N", out);
        err_set(err, ST_ARG, "%d quantities are watched", a->n_watch);
        return err_hint(err, "bad-value", "Try: watch list"), ST_ARG;
    }
    if (n == 0) {
        a->n_watch = 0;
    } else {
        memmove(&a->watch[n - 1], &a->watch[n], (size_t)(a->n_watch - n) * sizeof *a->watch);
        a->n_watch--;
    }
    out_line(out, "%d watched", a->n_watch);
    return ST_OK;
}
