/* filters gates latent: the inner parts of Caser, of recurrent models and of SVAE, as
 * text.  On the screen the tabs of these names answer. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/number.h"
#include "app/ui/text.h"
#include "app/ui_state.h"
#include "app/views/filter_bank.h"
#include "app/views/gate_maps.h"
#include "app/views/latent_space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status wrong_model(struct app *a, const char *what, const char *load,
                               struct err *err)
{
    err_set(err, ST_UNSUPPORTED, "%s; %c is %s", what, 'A' + a->slot,
            app_slot(a)->model->title);
    return err_hint(err, "not-for-model", "Try: %s", load), ST_UNSUPPORTED;
}

/* Index of a word in a NULL-terminated list; `missing` when it was not given, -1 and an
 * error when it is none of them. */
static int word_of(const struct cmd_call *call, const char *arg, const char *const *words,
                   int missing, struct cmd_out *out, struct err *err)
{
    const char *w = call_text(call, arg, NULL);
    if (!w)
        return missing;
    char all[120] = "";
    size_t at = 0;
    for (int i = 0; words[i]; i++) {
        if (strcmp(w, words[i]) == 0)
            return i;
        at += at < sizeof all
                  ? (size_t)snprintf(all + at, sizeof all - at, "%s%s", i ? " " : "", words[i])
                  : 0;
    }
    call_blame(call, arg, out);
    err_set(err, ST_ARG, "no %s \"%.40s\"", arg, w);
    err_hint(err, "bad-value", "%s", all);
    return -1;
}

/* ---- filters ---- */

// clang-format off
static const char *const filter_kinds[] = {"horizontal", "vertical", NULL};
const struct cmd_arg args_filters[] = {
    {.name = "KIND", .type = ARG_CHOICE, .optional = true, .choices = filter_kinds, .doc = "which filters, default horizontal"},
    {.name = "filter", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100000, .doc = "puts the cursor there; as text: that one alone, with the runs that excite it"},
    {.name = "sort", .type = ARG_WORD, .option = true, .optional = true, .doc = "number, act, norm, effect; next"},
    {0},
};
// clang-format on

static void say_filter(const struct bank *b, int f, json_t *list, struct cmd_out *out)
{
    char line[600], num[FMT_NUM], part[48];
    bool vertical = f >= b->n_h;
    int places = vertical ? b->rows : bank_places(b, f), at = vertical ? 0 : (int)b->win[f];
    const float *x = vertical ? b->weight + (size_t)(f - b->n_h) * (size_t)b->rows
                              : b->act + (size_t)f * (size_t)b->rows;
    json_t *j = json_object(), *values = json_array();
    size_t n = (size_t)snprintf(line, sizeof line, vertical ? "%3d  " : "%3d h=%d  ",
                                vertical ? f - b->n_h + 1 : f + 1, bank_height(b, f));
    for (int i = 0; i < places; i++) {
        json_array_append_new(values, json_num((double)x[i]));
        if (n < sizeof line)
            n += (size_t)snprintf(line + n, sizeof line - n, " %7s",
                                  vertical ? fmt_signed(num, (double)x[i])
                                           : fmt_fixed(num, (double)x[i], 3));
    }
    bank_part(b, f, part, sizeof part);
    json_object_set_new(j, "part", json_text(part));
    json_object_set_new(j, "norm", json_num((double)b->norm[f]));
    json_object_set_new(j, vertical ? "weights" : "answers", values);
    if (!vertical) {
        double m = bank_max(b, f);
        json_object_set_new(j, "height", json_integer(bank_height(b, f)));
        json_object_set_new(j, "max", json_num(m));
        json_object_set_new(j, "at", json_integer(at - b->fill + b->first + 1));
        if (n < sizeof line && m > 0 && at >= b->fill)
            n += (size_t)snprintf(line + n, sizeof line - n, "   max %s at t=%d",
                                  fmt_fixed(num, m, 3), at - b->fill + b->first + 1);
        else if (n < sizeof line)
            n += (size_t)snprintf(line + n, sizeof line - n, "   max %s", fmt_fixed(num, m, 3));
    }
    if (b->effect && isfinite(b->effect[f])) {
        json_object_set_new(j, "effect", json_num((double)b->effect[f]));
        if (n < sizeof line)
            snprintf(line + n, sizeof line - n, "   silent %s",
                     fmt_signed(num, -(double)b->effect[f]));
    }
    out_line(out, "%s", line);
    json_array_append_new(list, j);
}

static enum status say_runs(struct app *a, const struct bank *b, int f, struct cmd_out *out,
                            struct err *err)
{
    char params[96], line[500], text[160], num[FMT_NUM];
    const struct answer *ans;
    struct question q = {.kind = ASK_RUNS, .k = 8, .params = params};
    bank_runs(b, f, params, sizeof params, &q.target);
    enum status st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    json_t *list = json_array();
    out_line(out, "runs in training that excite it, and what came next:");
    for (int i = 0; i < ans->n_run; i++) {
        const struct run_found *r = &ans->run[i];
        size_t n = 0;
        json_t *j = json_object(), *items = json_array();
        line[0] = '\0';
        for (int k = 0; k < ans->run_len; k++) {
            json_array_append_new(items, json_integer(r->item[k]));
            if (n < sizeof line)
                n += (size_t)snprintf(line + n, sizeof line - n, " %4d", (int)r->item[k]);
        }
        json_object_set_new(j, "items", items);
        json_object_set_new(j, "answer", json_num((double)r->value));
        json_object_set_new(j, "count", json_integer(r->count));
        if (r->next && r->count) {
            app_item_text(a, r->next, text, sizeof text);
            if (n < sizeof line)
                snprintf(line + n, sizeof line - n, "  %7s  next %s (%d of %d)",
                         fmt_fixed(num, (double)r->value, 3), text, (int)r->next_count,
                         (int)r->count);
            json_object_set_new(j, "next", item_json(a, r->next));
            json_object_set_new(j, "next_count", json_integer(r->next_count));
        }
        out_line(out, "%s", line);
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "runs", list);
    return ST_OK;
}

static enum status filters_say(struct app *a, const struct cmd_call *call, struct bank *b,
                               struct cmd_out *out, struct err *err)
{
    const struct answer *ans;
    struct question q = {.n = a->seq.n, .item = a->seq.item};
    int sort = word_of(call, "sort", bank_sorts, BANK_NUMBER, out, err);
    bool vertical = call_int(call, "KIND", 0) == 1;
    enum status st = sort < 0 ? ST_ARG : check_sequence(a, a->slot, &a->seq, err);
    if (st != ST_OK)
        return st;
    bank_ask(&q);
    st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    if (!bank_take(b, ans))
        return err_set(err, ST_UNSUPPORTED, "%s shows no filters", app_slot(a)->model->title);
    int lo = vertical ? b->n_h : 0, n = vertical ? b->n_v : b->n_h,
        one = (int)call_int(call, "filter", 0);
    if (one > n) {
        call_blame(call, "filter", out);
        err_set(err, ST_ARG, "%c has %d %s filters", 'A' + a->slot, n, filter_kinds[vertical]);
        return err_hint(err, "bad-value", "filter=1..%d", n), ST_ARG;
    }
    q = (struct question){.n = a->seq.n, .item = a->seq.item};
    if (bank_ask_effects(b, a, a->slot, -1, &q)) {
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
        if (st != ST_OK)
            return st;
        bank_take_effects(b, -1, ans);
    }
    look_head(a,
              vertical ? "vertical filters, weight by position, over"
                       : "horizontal filters, answer by window start, over",
              b->step, out);
    json_t *list = json_array();
    int *order = malloc((size_t)(n + 1) * sizeof *order);
    if (!order) {
        json_decref(list);
        return err_nomem(err, (size_t)n * sizeof *order, "an order");
    }
    bank_order(b, (enum bank_sort)sort, lo, lo + n, order);
    for (int i = 0; i < n; i++)
        if (!one || order[i] == lo + one - 1)
            say_filter(b, order[i], list, out);
    free(order);
    json_object_set_new(out_json(out), "filters", list);
    if (b->has_path) {
        static const char *const names[BANK_PATHS] = {"horizontal", "vertical", "user"};
        double sum = 0;
        char line[160], num[FMT_NUM];
        size_t at = 0;
        json_t *paths = json_object();
        for (int p = 0; p < BANK_PATHS; p++)
            sum += fabs(b->path[p]);
        for (int p = 0; p < BANK_PATHS - !b->has_user; p++) {
            double share = sum > 0 ? b->path[p] / sum : 0;
            at += (size_t)snprintf(line + at, sizeof line - at, "  %s %s", names[p],
                                   fmt_fixed(num, share, 2));
            json_object_set_new(paths, names[p], json_num(share));
        }
        out_line(out, "share of the score by silencing a path:%s", line);
        json_object_set_new(out_json(out), "paths", paths);
    }
    return one && !vertical ? say_runs(a, b, one - 1, out, err) : ST_OK;
}

enum status run_filters(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                        struct err *err)
{
    if (!(app_slot(a)->model->flags & MODEL_FILTERS))
        return wrong_model(a, "filters are Caser's", "model new caser", err);
    if (on_screen(a, out))
        return ui_show(a, call_int(call, "KIND", 0) == 1 ? "vertical" : "filters", call, err);
    struct bank b;
    memset(&b, 0, sizeof b);
    enum status st = filters_say(a, call, &b, out, err);
    bank_done(&b);
    return st;
}

/* ---- gates ---- */

// clang-format off
const struct cmd_arg args_gates[] = {
    {.name = "KIND", .type = ARG_CHOICE, .optional = true, .choices = gate_kinds, .doc = "what is shown, default update"},
    {.name = "unit", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100000, .doc = "puts the cursor there; as text: that one alone"},
    {.name = "sort", .type = ARG_WORD, .option = true, .optional = true, .doc = "memory, activity, effect; next"},
    {.name = "layer", .type = ARG_WORD, .option = true, .optional = true, .doc = "a number from 1, default the last; next, prev"},
    {.name = "track", .type = ARG_WORD, .option = true, .optional = true, .doc = "PEN4Rec: a number from 1; next, prev"},
    {0},
};
// clang-format on

static void say_unit(const struct gates *g, enum gate_kind kind, int u, json_t *list,
                     struct cmd_out *out)
{
    char line[700], num[FMT_NUM];
    json_t *j = json_object(), *values = json_array();
    double memory = gates_memory(g, u);
    size_t n = (size_t)snprintf(line, sizeof line, "%4d  memory %7s ", u + 1,
                                fmt_fixed(num, memory, 1));
    n += (size_t)snprintf(line + n, sizeof line - n, " activity %s ",
                          fmt_fixed(num, gates_activity(g, u), 3));
    for (int t = 0; t < g->n; t++) {
        double x = (double)g->x[kind][(size_t)t * (size_t)g->units + (size_t)u];
        json_array_append_new(values, json_num(x));
        if (n < sizeof line)
            n += (size_t)snprintf(line + n, sizeof line - n, " %6s", fmt_fixed(num, x, 2));
    }
    json_object_set_new(j, "unit", json_integer(u + 1));
    json_object_set_new(j, "memory", json_num(memory));
    json_object_set_new(j, "activity", json_num(gates_activity(g, u)));
    json_object_set_new(j, "values", values);
    if (g->effect) {
        json_object_set_new(j, "effect", json_num((double)g->effect[u]));
        if (n < sizeof line)
            snprintf(line + n, sizeof line - n, "  at 0: %s",
                     fmt_signed(num, -(double)g->effect[u]));
    }
    out_line(out, "%s", line);
    json_array_append_new(list, j);
}

/* A number from 1, or what was not given: 0. */
static enum status number_of(const struct cmd_call *call, const char *name, int most, int *k,
                             struct cmd_out *out, struct err *err)
{
    double x = 0;
    const char *text = call_text(call, name, NULL);
    *k = 0;
    if (text && number_parse(name, text, true, 1, most, &x, err) != ST_OK)
        return call_blame(call, name, out), ST_ARG;
    *k = (int)x;
    return ST_OK;
}

static void say_steps(struct app *a, const struct gates *g, struct cmd_out *out)
{
    char line[200], text[160], z[FMT_NUM], r[FMT_NUM], d[FMT_NUM];
    json_t *list = json_array();
    for (int t = 0; t < g->n; t++) {
        app_item_text(a, g->item[t], text, sizeof text);
        snprintf(line, sizeof line, "%3d %-26.60s mean %s %s  mean r %s  |dh| %s",
                 (int)(g->first + t) + 1, text, g->write ? "written" : "z",
                 fmt_fixed(z, gates_mean(g, GATE_UPDATE, t), 3),
                 fmt_fixed(r, gates_mean(g, GATE_RESET, t), 3),
                 fmt_fixed(d, gates_moved(g, t), 3));
        out_line(out, "%s", line);
        json_t *j = item_json(a, g->item[t]);
        json_object_set_new(j, "position", json_integer(g->first + t + 1));
        json_object_set_new(j, "mean_update", json_num(gates_mean(g, GATE_UPDATE, t)));
        json_object_set_new(j, "mean_reset", json_num(gates_mean(g, GATE_RESET, t)));
        json_object_set_new(j, "moved", json_num(gates_moved(g, t)));
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "steps", list);
}

static enum status gates_say(struct app *a, const struct cmd_call *call, struct gates *g,
                             struct cmd_out *out, struct err *err)
{
    const struct answer *ans;
    struct question q = {.n = a->seq.n, .item = a->seq.item};
    int layer, track, sort = word_of(call, "sort", gate_sorts, GATE_BY_MEMORY, out, err),
                      one = (int)call_int(call, "unit", 0);
    enum gate_kind kind = (enum gate_kind)call_int(call, "KIND", 0);
    enum status st = sort < 0 ? ST_ARG : check_sequence(a, a->slot, &a->seq, err);
    if (st == ST_OK)
        st = number_of(call, "layer", GATE_LAYERS, &layer, out, err);
    if (st == ST_OK)
        st = number_of(call, "track", 64, &track, out, err);
    if (st != ST_OK)
        return st;
    gates_ask(&q);
    st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    if (!gates_take(g, a, a->slot, layer, track, ans))
        return err_set(err, ST_UNSUPPORTED, "%s shows no gates with these settings",
                       app_slot(a)->model->title);
    const char *wrong = layer > g->layers   ? "layer"
                        : track > g->tracks ? "track"
                        : one > g->units    ? "unit"
                                            : NULL;
    if (wrong) {
        int most = *wrong == 'l' ? g->layers : *wrong == 't' ? g->tracks : g->units;
        call_blame(call, wrong, out);
        err_set(err, ST_ARG, "%c has %d %s%s", 'A' + a->slot, most, wrong,
                most == 1 ? "" : "s");
        return err_hint(err, "bad-value", "%s=1..%d", wrong, most), ST_ARG;
    }
    q = (struct question){.n = a->seq.n, .item = a->seq.item};
    if (gates_ask_effects(g, a, a->slot, &q)) {
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
        if (st != ST_OK)
            return st;
        gates_take_effects(g, ans);
    }
    int *order = malloc((size_t)(g->units + 1) * sizeof *order);
    if (!order)
        return err_nomem(err, (size_t)g->units * sizeof *order, "an order");
    char what[96];
    snprintf(what, sizeof what, "%s, %s%s, units by %s, over", g->shown[kind],
             kind != GATE_UPDATE ? gate_kinds[kind]
             : g->keeps          ? "high keeps"
                                 : "high overwrites",
             g->tracks > 1 ? " (one track)" : "", gate_sorts[sort]);
    look_head(a, what, g->step, out);
    json_t *list = json_array();
    gates_order(g, (enum gate_sort)sort, order);
    for (int i = 0; i < g->units; i++)
        if (!one || order[i] == one - 1)
            say_unit(g, kind, order[i], list, out);
    free(order);
    say_steps(a, g, out);
    out_text(out, "probe", g->shown[kind]);
    out_int(out, "layer", g->layer + 1);
    out_int(out, "track", g->track + 1);
    json_object_set_new(out_json(out), "units", list);
    return ST_OK;
}

enum status run_gates(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    if (!(app_slot(a)->model->flags & MODEL_GATES))
        return wrong_model(a, "gates are GRU4Rec's and PEN4Rec's", "model new gru4rec", err);
    if (on_screen(a, out))
        return ui_show(a, "gates", call, err);
    struct gates g;
    memset(&g, 0, sizeof g);
    enum status st = gates_say(a, call, &g, out, err);
    gates_done(&g);
    return st;
}

/* ---- latent ---- */

// clang-format off
const struct cmd_arg args_latent[] = {
    {.name = "unit", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100000, .doc = "puts the cursor there"},
    {.name = "value", .type = ARG_FLOAT, .option = true, .optional = true, .min = -1e6, .max = 1e6, .doc = "of that unit; the list follows"},
    {.name = "sample", .type = ARG_WORD, .option = true, .optional = true, .doc = "a draw by its number, 0 the mean; next"},
    {.name = "sort", .type = ARG_WORD, .option = true, .optional = true, .doc = "kl, mu, number; next"},
    {.name = "reset", .type = ARG_FLAG, .optional = true, .doc = "all units back to the mean"},
    {.name = "project", .type = ARG_FLAG, .optional = true, .doc = "the map of items"},
    {0},
};
// clang-format on

static void say_choices(struct app *a, const struct answer *ans, int32_t row, const char *lead,
                        struct cmd_out *out)
{
    enum { SHOWN = 5 };
    int32_t item[SHOWN], n = top_items(ans->score + (size_t)row * ((size_t)ans->n_items + 1),
                                       ans->n_items, SHOWN, NULL, 0, item, (float[SHOWN]){0});
    char line[400], text[160], num[FMT_NUM];
    size_t at = (size_t)snprintf(line, sizeof line, "%s", lead);
    json_t *list = json_array();
    for (int32_t i = 0; i < n; i++) {
        double p = answer_value(ans, row, item[i]);
        app_item_text(a, item[i], text, sizeof text);
        if (at < sizeof line)
            at += (size_t)snprintf(line + at, sizeof line - at, "%s%s %s", i ? ", " : " ", text,
                                   fmt_num(num, p));
        json_t *j = item_json(a, item[i]);
        json_object_set_new(j, ans->softmax ? "prob" : "score", json_num(p));
        json_array_append_new(list, j);
    }
    out_line(out, "%s", line);
    json_object_set_new(out_json(out), "choices", list);
}

/* Items by their place on the components; the state first. */
static enum status say_projection(struct app *a, struct cmd_out *out, struct err *err)
{
    const struct answer *ans;
    struct question q = {.kind = ASK_PROJECT, .n = a->seq.n, .item = a->seq.item};
    char x[FMT_NUM], y[FMT_NUM], z[FMT_NUM], text[160], title[64];
    enum status st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    json_t *list = json_array(), *share = json_array();
    app_slot_title(a, a->slot, ans->step, title, sizeof title);
    out_line(out, "%s  item vectors on two principal components: %s and %s of the variance",
             title, fmt_prob(x, (double)ans->share[0]), fmt_prob(y, (double)ans->share[1]));
    for (int32_t i = 0; i <= ans->n_items; i++) {
        const float *v = ans->value + (size_t)i * (size_t)ans->n_col;
        if (i == 0 && isnan(v[0]))
            continue;
        json_t *j = i ? item_json(a, i) : json_object();
        json_object_set_new(j, "x", json_num((double)v[0]));
        json_object_set_new(j, "y", json_num((double)v[1]));
        json_object_set_new(j, "norm", json_num((double)v[2]));
        if (i)
            app_item_text(a, i, text, sizeof text);
        out_line(out, "%-28s %9s %9s  norm %s", i ? text : "@ state of the sequence",
                 fmt_signed(x, (double)v[0]), fmt_signed(y, (double)v[1]),
                 fmt_num(z, (double)v[2]));
        if (i)
            json_array_append_new(list, j);
        else
            json_object_set_new(out_json(out), "state", j);
    }
    for (int k = 0; k < 2; k++)
        json_array_append_new(share, json_num((double)ans->share[k]));
    out_int(out, "step", ans->step);
    json_object_set_new(out_json(out), "share", share);
    json_object_set_new(out_json(out), "items", list);
    return ST_OK;
}

static enum status latent_say(struct app *a, const struct cmd_call *call, struct latent *l,
                              struct cmd_out *out, struct err *err)
{
    static const char *const sorts[] = {"kl", "mu", "number", NULL};
    const struct answer *ans;
    struct question q = {.n = a->seq.n, .item = a->seq.item};
    struct ui_latent moved = {0};
    const char *sample = call_text(call, "sample", NULL);
    double draw = 0;
    char num[4][FMT_NUM], lead[96];
    int sort = word_of(call, "sort", sorts, 0, out, err),
        unit = (int)call_int(call, "unit", 1) - 1;
    enum status st = sort < 0 ? ST_ARG : check_sequence(a, a->slot, &a->seq, err);
    if (st == ST_OK && sample &&
        number_parse("sample", sample, true, 0, 1e6, &draw, err) != ST_OK)
        st = (call_blame(call, "sample", out), ST_ARG);
    if (st != ST_OK)
        return st;
    latent_ask(&q);
    st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    if (!latent_take(l, ans))
        return err_set(err, ST_UNSUPPORTED, "%s shows no latent units with these settings",
                       app_slot(a)->model->title);
    if (unit >= l->units) {
        call_blame(call, "unit", out);
        err_set(err, ST_ARG, "%c has %d latent units", 'A' + a->slot, l->units);
        return err_hint(err, "bad-value", "unit=1..%d", l->units), ST_ARG;
    }
    moved.draw = (int)draw;
    if (call_has(call, "value"))
        latent_move(&moved, unit, call_num(call, "value", 0));
    look_head(a, "latent units after", l->step, out);
    json_t *list = json_array();
    bool *done = calloc((size_t)l->units, sizeof *done);
    const struct learner *learner = app_learner(a, a->slot);
    uint64_t seed = learner ? learner->seed : 0;
    for (int i = 0; done && i < l->units; i++) {
        int best = -1;
        for (int u = 0; u < l->units; u++) {
            double x = sort == 0 ? (double)l->kl[u] : sort == 1 ? fabs((double)l->mu[u]) : -u;
            double y = best < 0    ? (double)-INFINITY
                       : sort == 0 ? (double)l->kl[best]
                       : sort == 1 ? fabs((double)l->mu[best])
                                   : -best;
            if (!done[u] && (best < 0 || x > y))
                best = u;
        }
        done[best] = true;
        double z = latent_now(l, &moved, seed, best);
        out_line(out, "%4d  mu %9s  sigma %9s  KL %9s  z %s", best + 1,
                 fmt_signed(num[0], (double)l->mu[best]),
                 fmt_num(num[1], (double)l->sigma[best]), fmt_num(num[2], (double)l->kl[best]),
                 fmt_signed(num[3], z));
        json_t *j = json_object();
        json_object_set_new(j, "unit", json_integer(best + 1));
        json_object_set_new(j, "mu", json_num((double)l->mu[best]));
        json_object_set_new(j, "sigma", json_num((double)l->sigma[best]));
        json_object_set_new(j, "kl", json_num((double)l->kl[best]));
        json_object_set_new(j, "z", json_num(z));
        json_array_append_new(list, j);
    }
    free(done);
    json_object_set_new(out_json(out), "units", list);
    q = (struct question){.n = a->seq.n, .item = a->seq.item};
    double now = latent_now(l, &moved, seed, unit);
    if (latent_ask_moved(l, a, a->slot, &moved, unit, &now, 1, &q))
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st == ST_OK) {
        snprintf(lead, sizeof lead, "next with z%d = %s%s:", unit + 1, fmt_signed(num[0], now),
                 moved.draw ? ", the others drawn" : "");
        say_choices(a, ans, 0, lead, out);
    }
    return st;
}

enum status run_latent(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    bool units = (app_slot(a)->model->flags & MODEL_LATENT) != 0;
    if (on_screen(a, out)) {
        enum status st = ui_show(a, call_has(call, "project") ? "items" : "latent",
                                 call_has(call, "project") ? NULL : call, err);
        return st == ST_OK && call_has(call, "project") ? ui_layout(a, "zoom", err) : st;
    }
    if (!units || call_has(call, "project"))
        return say_projection(a, out, err);
    struct latent l;
    memset(&l, 0, sizeof l);
    enum status st = latent_say(a, call, &l, out, err);
    latent_done(&l);
    return st;
}
