/* eval compare assert. */
#include "app/background.h"
#include "app/cmd/ahead.h"
#include "app/cmd/ablate.h"
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/condition.h"
#include "app/cmd/ranking.h"
#include "app/settings.h"
#include "app/cmd/suggest.h"
#include "app/run.h"
#include "app/ui_state.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
static const char *const part_choices[] = {"valid", "test", NULL};
static const char *const sampled_choices[] = {"100", "uni100", "pop100", NULL};
static const char *const exclude_choices[] = {"none", "seen", NULL};
static const char *const repeats_choices[] = {"no", "yes", NULL};
const struct cmd_arg args_eval[] = {
    {.name = "on", .type = ARG_CHOICE, .option = true, .optional = true, .choices = part_choices, .doc = "default valid"},
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 1000, .doc = "cut-off, default 10"},
    {.name = "where", .type = ARG_WORD, .option = true, .optional = true, .doc = "only this kind of planted event"},
    {.name = "sampled", .type = ARG_CHOICE, .option = true, .optional = true, .choices = sampled_choices, .doc = "rank among 100 drawn items"},
    {.name = "protocol", .type = ARG_CHOICE, .option = true, .optional = true, .choices = protocol_names, .doc = "default full"},
    {.name = "model", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current slot"},
    {.name = "exclude", .type = ARG_CHOICE, .option = true, .optional = true, .choices = exclude_choices, .doc = "seen items"},
    {.name = "ties", .type = ARG_CHOICE, .option = true, .optional = true, .choices = ties_names, .doc = "place of a target among equal scores; default: the protocol's"},
    {.name = "ahead", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = HORIZON_MAX, .doc = "the next so many items at once, not one"},
    {.name = "repeats", .type = ARG_CHOICE, .option = true, .optional = true, .choices = repeats_choices, .doc = "with ahead: may a path pick an item twice, default no"},
    {.name = "cases", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 1e12, .doc = "only so many, evenly spread"},
    {0},
};
// clang-format on

static enum status eval_options(struct app *a, const struct cmd_call *call,
                                struct eval_spec *spec, struct cmd_out *out, struct err *err)
{
    eval_defaults(spec, a->split);
    if (setting(a, SETTING_EXCLUDE) != 0)
        spec->exclude_seen = app_exclude_seen(a);
    spec->on = call_int(call, "on", 0) == 1 ? PART_TEST : PART_VALID;
    spec->k = (int32_t)call_int(call, "k", (int64_t)setting(a, SETTING_K));
    spec->max_cases = call_int(call, "cases", 0);
    spec->seed = a->seed;
    enum protocol p = (enum protocol)call_int(call, "protocol", PROTO_FULL);
    if (call_has(call, "sampled"))
        p = call_int(call, "sampled", 0) == 2 ? PROTO_POP100 : PROTO_UNI100;
    if (protocol_use(spec, p, a->split, err) != ST_OK) {
        call_blame(call, "protocol", out);
        return ST_STATE;
    }
    if (call_has(call, "exclude"))
        spec->exclude_seen = call_int(call, "exclude", 0) == 1;
    spec->ties = (enum ties)call_int(call, "ties", spec->ties);
    const char *where = call_text(call, "where", NULL);
    if (!where)
        return ST_OK;
    call_blame(call, "where", out);
    if (!a->ds->flag) {
        err_set(err, ST_STATE, "nothing is planted in %.60s", a->ds->name);
        return err_hint(err, "bad-value", "Leave where= out"), ST_STATE;
    }
    spec->flag = world_flag_find(where);
    if (spec->flag >= 0) {
        out_place(out, 0, 0);
        return ST_OK;
    }
    struct suggest s;
    suggest_begin(&s, where);
    for (int i = WF_START; i < WORLD_FLAGS; i++)
        suggest_add(&s, world_flag_name((enum world_flag)i));
    err_set(err, ST_ARG, "no kind of event \"%.40s\"", where);
    return err_hint(err, "bad-value", s.pick ? "Did you mean %s?" : "Try: data show s:1",
                    s.pick),
           ST_ARG;
}

/* A table of figures: columns are the model, what it could reach and what it should beat;
 * rows are the protocol's metrics. */
enum { EVAL_COLUMNS = 4 + BASELINES };
struct eval_column {
    const char *name;
    double v[PROTOCOL_METRICS + 1]; /* the last row is the log loss */
};
struct eval_table {
    const struct eval_result *r;
    int n;
    struct eval_column col[EVAL_COLUMNS];
};

static void add_column(struct eval_table *t, const char *name, const struct eval_result *r,
                       bool interval)
{
    struct eval_column *c = &t->col[t->n++];
    c->name = name;
    for (int i = 0; i < r->n_metric; i++)
        c->v[i] = interval ? 1.96 * r->metric[i].se : r->metric[i].mean;
    c->v[r->n_metric] = !r->has_logloss ? (double)NAN
                        : interval      ? 1.96 * r->se_logloss
                                        : r->logloss;
}

static void add_ceiling(struct eval_table *t, const struct ceiling *c)
{
    t->col[t->n++] = (struct eval_column){"ceiling", {c->hr10, c->ndcg10, c->mrr, c->logloss}};
}

/* Label of a row and its key in JSON. */
static void row_label(const struct eval_result *r, int i, char label[METRIC_LABEL],
                      char key[METRIC_LABEL])
{
    if (i < r->n_metric) {
        protocol_label(&protocol_def(r->protocol)->metric[i], r->k, label, key);
        return;
    }
    snprintf(label, METRIC_LABEL, "log loss");
    snprintf(key, METRIC_LABEL, "logloss");
}

static void table_text(const struct eval_table *t, struct cmd_out *out)
{
    int rows = t->r->n_metric + t->r->has_logloss, wide = 9;
    for (int i = 0; i < rows; i++) {
        char label[METRIC_LABEL], key[METRIC_LABEL];
        row_label(t->r, i, label, key);
        wide = (int)strlen(label) > wide ? (int)strlen(label) : wide;
    }
    for (int i = t->n > 2 ? -1 : 0; i < rows; i++) {
        char line[256], label[METRIC_LABEL] = "", key[METRIC_LABEL], num[FMT_NUM];
        if (i >= 0)
            row_label(t->r, i, label, key);
        size_t n = (size_t)snprintf(line, sizeof line, "%-*s", wide, label);
        for (int c = 0; c < t->n && n < sizeof line; c++)
            n += (size_t)snprintf(line + n, sizeof line - n,
                                  c == 1 ? (i < 0 ? "   %-9s" : " +-%-9s") : " %-9s",
                                  i < 0 ? t->col[c].name : fmt_num(num, t->col[c].v[i]));
        out_line(out, "%s", line);
    }
}

static json_t *column_json(const struct eval_table *t, int c)
{
    json_t *j = json_object();
    for (int i = 0; i <= t->r->n_metric; i++) {
        char label[METRIC_LABEL], key[METRIC_LABEL];
        row_label(t->r, i, label, key);
        json_object_set_new(j, key, json_num(t->col[c].v[i]));
    }
    return j;
}

static json_t *column_named(const struct eval_table *t, const char *name)
{
    for (int c = 0; c < t->n; c++)
        if (strcmp(t->col[c].name, name) == 0)
            return column_json(t, c);
    return NULL;
}

enum { SCREEN_CASES = 200 }; /* sequences that the screen waits for */

/* The next items of whole sequences: what asks single items does not go with it. */
static enum status run_ahead(struct app *a, const struct cmd_call *call, int slot,
                             const struct eval_spec *spec, struct cmd_out *out, struct err *err)
{
    static const char *const single[] = {"protocol", "sampled", "where", "ties"};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (call_has(call, single[i])) {
            call_blame(call, single[i], out);
            err_set(err, ST_ARG, "ahead= asks sequences, %s= single items", single[i]);
            return err_hint(err, "bad-value", "Leave %s= out", single[i]), ST_ARG;
        }
    struct horizon_spec s = {.on = spec->on,
                             .ahead = (int32_t)call_int(call, "ahead", 1),
                             .k = spec->k,
                             .exclude_seen = spec->exclude_seen,
                             .repeats = call_int(call, "repeats", 0) == 1,
                             .max_cases = spec->max_cases};
    if (a->ui && out_form(out) == OUT_MESSAGE && s.max_cases == 0)
        s.max_cases = SCREEN_CASES;
    return eval_ahead(a, slot, &s, out, err);
}

enum status run_eval(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    int slot = (int)call_int(call, "model", a->slot);
    struct eval_spec spec;
    struct eval_result r;
    struct weights *w = NULL;
    enum status st = eval_options(a, call, &spec, out, err);
    if (st != ST_OK)
        return st;
    if (call_has(call, "ahead"))
        return run_ahead(a, call, slot, &spec, out, err);
    if (call_has(call, "repeats")) {
        call_blame(call, "repeats", out);
        err_set(err, ST_ARG, "repeats= goes with ahead=");
        return err_hint(err, "bad-value", "Try: eval ahead=5 repeats=yes"), ST_ARG;
    }
    if (eval_count(a->split, &spec) == 0) {
        err_set(err, ST_STATE, "the %s part asks nothing here (split %s)",
                spec.on == PART_TEST ? "test" : "validation", a->split->name);
        return err_hint(err, "no-question", "Try: data info, data split"), ST_STATE;
    }
    st = app_weights_at(a, slot, slot == a->slot ? a->at : STEP_LIVE, &w, err);
    if (st != ST_OK) {
        call_blame(call, "model", out);
        return st;
    }
    ablate_eval(a, slot, &spec);
    bool plain = spec.flag < 0 && spec.protocol == PROTO_FULL && spec.max_cases == 0 &&
                 !spec.n_patch && !call_has(call, "ties");
    if (a->ui && out_form(out) == OUT_MESSAGE &&
        a->explorer) { /* the screen does not wait: app_poll takes the answer */
        run_evaluate_off_screen(a, slot, w, &spec, plain);
        weights_unref(w);
        out_line(out, "evaluating %c on %s ...", 'A' + slot,
                 spec.on == PART_TEST ? "test" : "validation");
        return ST_OK;
    }
    st = run_evaluate(a, w, &spec, &r, err);
    struct eval_result whole = {
        0}; /* with parts set by hand: beside it the model as it was trained */
    struct eval_spec bare = spec;
    bare.n_patch = 0;
    if (st == ST_OK && spec.n_patch)
        st = run_evaluate(a, w, &bare, &whole, err);
    weights_unref(w);
    if (st != ST_OK)
        return st;
    struct slot *s = &a->slots[slot];
    if (plain) {
        if (spec.on == PART_VALID)
            s->valid = r;
        else
            s->test = r;
    }
    a->asked = r;
    a->asked_slot = slot;
    struct eval_table table = {.r = &r};
    struct ceiling top;
    add_column(&table, "model", &r, false);
    add_column(&table, "95 %", &r, true);
    if (spec.n_patch)
        add_column(&table, "whole", &whole, false);
    if (spec.protocol == PROTO_FULL && a->ds->world && spec.k == 10 && !spec.exclude_seen &&
        eval_ceiling(a->split, &spec, &top, &a->cancel, NULL) == ST_OK)
        add_ceiling(&table, &top);
    /* Baselines were scored on the validation questions. */
    if (plain && spec.on == PART_VALID && spec.k == 10) {
        background_wait(a);
        for (int i = 0; a->base.ready && i < a->base.n; i++)
            if (a->base.row[i].r.exclude_seen == r.exclude_seen)
                add_column(&table, a->base.row[i].model->name, &a->base.row[i].r, false);
    }
    char title[64], head[200], seen[120] = "", letter[2] = {(char)('A' + slot), '\0'};
    app_slot_title(a, slot, r.step, title, sizeof title);
    if (r.seen_target && r.exclude_seen)
        snprintf(seen, sizeof seen, "; %lld targets repeat an item of their prefix",
                 (long long)r.seen_target);
    if (call_has(call, "ties"))
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "; ties %s",
                 ties_names[spec.ties]);
    if (spec.flag >= 0)
        snprintf(head, sizeof head, ", where=%s", world_flag_name((enum world_flag)spec.flag));
    else
        head[0] = '\0';
    char count[FMT_NUM];
    out_line(out, "%s  %s: %s cases%s, %s, seen %s%s", title,
             part_choices[spec.on == PART_TEST], fmt_count(count, (double)r.n), head,
             protocol_def(spec.protocol)->title, r.exclude_seen ? "left out" : "kept", seen);
    table_text(&table, out);
    if (spec.n_patch) {
        char names[160];
        ablate_names(a, slot, names, sizeof names);
        out_line(out, "set by hand: %s; whole = without", names);
        out_text(out, "set", names);
        json_object_set_new(out_json(out), "whole", column_named(&table, "whole"));
    }
    out_text(out, "slot", letter);
    out_text(out, "model", s->model->name);
    out_int(out, "step", r.step);
    out_text(out, "on", part_choices[spec.on == PART_TEST]);
    out_text(out, "protocol", protocol_def(spec.protocol)->name);
    out_text(out, "exclude", r.exclude_seen ? "seen" : "none");
    out_text(out, "ties", ties_names[spec.ties]);
    if (spec.flag >= 0)
        out_text(out, "where", world_flag_name((enum world_flag)spec.flag));
    out_int(out, "n", r.n);
    json_t *base = json_object();
    for (int i = 0; i < a->base.n; i++) {
        json_t *j = column_named(&table, a->base.row[i].model->name);
        if (j)
            json_object_set_new(base, a->base.row[i].model->name, j);
    }
    json_t *ceiling = column_named(&table, "ceiling");
    json_object_set_new(out_json(out), "metrics", column_json(&table, 0));
    json_object_set_new(out_json(out), "interval95", column_json(&table, 1));
    json_object_set_new(out_json(out), "ceiling", ceiling ? ceiling : json_null());
    json_object_set_new(out_json(out), "baselines", base);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_assert[] = {
    {.name = "CONDITION", .type = ARG_CONDITION, .doc = "hr@10>0.35, loss<3, step=100"},
    {0},
};
// clang-format on

enum status run_assert(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    struct condition c;
    bool holds = false;
    double value;
    char num[FMT_NUM];
    enum status st = condition_parse(&c, call_text(call, "CONDITION", ""), err);
    if (st == ST_OK)
        st = run_condition(a, &c, &holds, &value, err);
    if (st != ST_OK) {
        call_blame(call, "CONDITION", out);
        return st;
    }
    out_text(out, "condition", c.text);
    out_num(out, "value", value);
    if (holds) {
        out_line(out, "%s holds (%s)", c.text, fmt_num(num, value));
        return ST_OK;
    }
    call_blame(call, "CONDITION", out);
    err_set(err, ST_STATE, "%s is false: it is %s", c.text, fmt_num(num, value));
    return err_hint(err, "assert", NULL), ST_STATE;
}
