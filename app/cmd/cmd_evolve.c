/* lens evolve: what the model says after each prefix of the sequence, and PEN4Rec's
 * tracks.  On the screen panes answer. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/ui_state.h"
#include "app/ui/text.h"
#include "app/views/lanes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
const struct cmd_arg args_lens[] = {
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 20, .doc = "first choices, default 3"},
    {.name = "pos", .type = ARG_POSITION, .option = true, .optional = true, .doc = "layers of models with blocks: what is read there, default the newest"},
    {0},
};
// clang-format on

/* One line and one object: the first k of a row of scores. */
static void lens_row(struct app *a, const char *label, const float *score, int32_t n_items,
                     int32_t k, float *prob, json_t *into, struct cmd_out *out)
{
    int32_t item[20];
    float best[20];
    char line[400], text[160], num[FMT_NUM];
    int32_t n = top_items(score, n_items, k, NULL, 0, item, best);
    softmax_row(score, n_items, prob);
    size_t at = (size_t)snprintf(line, sizeof line, "%-30s", label);
    json_t *choices = json_array();
    for (int32_t c = 0; c < n; c++) {
        app_item_text(a, item[c], text, sizeof text);
        if (at < sizeof line)
            at += (size_t)snprintf(line + at, sizeof line - at, "  %s %s", text,
                                   fmt_num(num, (double)prob[item[c]]));
        json_t *j = item_json(a, item[c]);
        json_object_set_new(j, "prob", json_num((double)prob[item[c]]));
        json_array_append_new(choices, j);
    }
    out_line(out, "%s", line);
    json_object_set_new(into, "choices", choices);
}

/* Scores if the model stopped after each layer, from its probes lens0, lens1 ..., where it
 * has them. */
static void lens_layers(struct app *a, int32_t n, int32_t k, float *prob, struct cmd_out *out)
{
    const struct answer *ans;
    struct err err;
    struct question q = {.kind = ASK_PROBES, .n = n, .item = a->seq.item, .probes = "lens*"};
    if (ask_here(a, a->slot, a->at, &q, &ans, &err) != ST_OK || !ans->n_probe)
        return;
    json_t *list = json_array();
    char title[120];
    app_item_text(a, a->seq.item[n - 1], title, sizeof title);
    out_line(out, "read from every layer, after %s:", title);
    for (int i = 0; i < ans->n_probe; i++) {
        const struct probe_copy *p = &ans->probe[i];
        if (p->nd != 2 || p->d[1] != ans->n_items + 1)
            continue;
        char label[40];
        int layer = (int)strtol(p->name + 4, NULL, 10);
        snprintf(label, sizeof label, "after layer %d", layer);
        if (layer == 0)
            snprintf(label, sizeof label, "the input alone");
        json_t *j = json_object();
        json_object_set_new(j, "layer", json_integer(layer));
        lens_row(a, label, p->x + (int64_t)(p->d[0] - 1) * p->d[1], ans->n_items, k, prob, j,
                 out);
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "layers", list);
}

enum status run_lens(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    int32_t k = (int32_t)call_int(call, "k", 3);
    const struct answer *ans;
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    struct question q = {.kind = ASK_PREFIXES, .n = a->seq.n, .item = a->seq.item};
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    size_t row = (size_t)ans->n_items + 1;
    float *prob = malloc(sizeof *prob * row);
    if (!prob)
        return err_nomem(err, sizeof *prob * row, "odds");
    look_head(a, "first choices if it stopped after each item of", ans->step, out);
    json_t *list = json_array();
    for (int32_t i = 0; i < ans->n_row; i++) {
        char text[160], label[200];
        app_item_text(a, ans->item[i], text, sizeof text);
        snprintf(label, sizeof label, "%3d ..%s", (int)(ans->first + i) + 1, text);
        json_t *j = item_json(a, ans->item[i]);
        json_object_set_new(j, "position", json_integer(ans->first + i + 1));
        lens_row(a, label, ans->score + (int64_t)i * (int64_t)row, ans->n_items, k, prob, j,
                 out);
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "prefixes", list);
    lens_layers(a, (int32_t)call_int(call, "pos", a->seq.n - 1) + 1, k, prob, out);
    free(prob);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_evolve[] = {
    {.name = "follow", .type = ARG_ITEM, .option = true, .optional = true, .repeats = true, .doc = "items; default the first three now"},
    {0},
};
// clang-format on

/* Where the replayed session turns, and where the planted interest did. */
static void evolve_turn(struct app *a, const struct answer *ans, struct cmd_out *out)
{
    char text[160];
    int turn =
        ans->state && ans->n_row > 2 ? best_split(ans->state, ans->n_row, ans->n_state) : 0;
    struct planted_switch p;
    planted_switch(a, &a->seq, &p);
    if (turn > 0) {
        app_item_text(a, ans->item[turn], text, sizeof text);
        out_line(out, "turns at click %d, %s: best split of the vectors that are scored",
                 (int)(ans->first + turn + 1), text);
        out_int(out, "turn", ans->first + turn + 1);
    }
    if (!a->truth_shown || !p.known)
        return;
    if (p.at >= 0) {
        out_line(out, "planted switch at click %d: %s to %s", p.at + 1,
                 world_department_name(p.before), world_department_name(p.after));
        out_int(out, "true_switch", p.at + 1);
    } else {
        out_line(out, "planted switch: not within these clicks");
    }
}

/* PEN4Rec: each track of the whole session, a line a click. */
static void evolve_tracks(struct app *a, struct cmd_out *out)
{
    const struct answer *ans;
    struct err err;
    static struct lanes l; /* large; the app's thread only */
    struct question q = {
        .kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = LANE_PROBES};
    if (!shows_evolution(a) || ask_here(a, a->slot, a->at, &q, &ans, &err) != ST_OK ||
        !lanes_take(&l, ans))
        return;
    json_t *tracks = json_array();
    for (int j = 0; j < l.k; j++) {
        char text[160] = "their mean", num[FMT_NUM], line[200];
        int key = track_click(a, &l, j);
        if (key >= 0)
            app_item_text(a, l.item[key], text, sizeof text);
        out_line(out, "track %d of %d, keyed by %s, share %s", j + 1, (int)l.k, text,
                 fmt_num(num, l.beta[j]));
        size_t at = (size_t)snprintf(line, sizeof line, "%3s %-26s", "pos", "item");
        json_t *t = json_object();
        if (key >= 0)
            json_object_set_new(t, "item", item_json(a, l.item[key]));
        json_object_set_new(t, "share", json_num(l.beta[j]));
        json_object_set_new(t, "left", json_num(l.left[j]));
        for (int r = 0; r < LANE_ROWS; r++) {
            json_t *x = json_array();
            for (int i = 0; l.has[r] && i < l.n; i++)
                json_array_append_new(x,
                                      json_num((double)lane_row(&l, (enum lane_row)r, j)[i]));
            json_object_set_new(t, lane_names[r].key, x);
            if (l.has[r] && at < sizeof line)
                at += (size_t)snprintf(line + at, sizeof line - at, " %10s", lane_names[r].key);
        }
        json_array_append_new(tracks, t);
        out_line(out, "%s", line);
        for (int i = 0; i < l.n; i++) {
            app_item_text(a, l.item[i], text, sizeof text);
            at = (size_t)snprintf(line, sizeof line, "%3d %-26.26s", (int)(l.first + i + 1),
                                  text);
            for (int r = 0; r < LANE_ROWS; r++) {
                double x = (double)lane_row(&l, (enum lane_row)r, j)[i];
                if (l.has[r] && at < sizeof line)
                    at += (size_t)snprintf(line + at, sizeof line - at, " %10s",
                                           isfinite(x) ? fmt_fixed(num, x, 4) : "-");
            }
            out_line(out, "%s", line);
        }
    }
    json_object_set_new(out_json(out), "tracks", tracks);
    lanes_done(&l);
}

enum status run_evolve(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    enum { FOLLOW = 8 };
    int32_t item[FOLLOW], n = 0;
    const struct answer *ans;
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    if (st != ST_OK)
        return st;
    if (call_count(call, "follow") > FOLLOW) {
        call_blame(call, "follow", out);
        err_set(err, ST_ARG, "at most %d items can be followed", FOLLOW);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    for (; n < call_count(call, "follow"); n++) {
        item[n] = (int32_t)call_int_at(call, "follow", n);
        if (item[n] > a->ds->n_items) {
            call_blame(call, "follow", out);
            err_set(err, ST_ARG, "the mask has no rank");
            return err_hint(err, "bad-item", NULL), ST_ARG;
        }
    }
    if (a->ui && out_form(out) == OUT_MESSAGE) {
        struct view *v = ui_view(a, "ranks");
        if (!v->visible ||
            !v->def->command(v, call)) /* seen already: the focus stays where it is */
            return ui_show(a, "ranks", call, err);
        a->ui->generation++;
        return ST_OK;
    }
    struct question q = {.kind = ASK_PREFIXES, .n = a->seq.n, .item = a->seq.item};
    st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    int64_t row = (int64_t)ans->n_items + 1;
    if (!n) {
        float s[3];
        n = top_items(ans->score + (ans->n_row - 1) * row, ans->n_items, 3, NULL, 0, item, s);
    }
    look_head(a, "rank after each click of", ans->step, out);
    char line[400], text[160], num[FMT_NUM];
    size_t at = (size_t)snprintf(line, sizeof line, "%3s %-26s", "pos", "item");
    for (int32_t f = 0; f < n; f++) {
        app_item_text(a, item[f], text, sizeof text);
        if (at < sizeof line)
            at += (size_t)snprintf(line + at, sizeof line - at, " %-16.16s", text);
    }
    if (at < sizeof line)
        snprintf(line + at, sizeof line - at, " %s", ans->state ? "drift" : "");
    out_line(out, "%s", line);
    json_t *list = json_array(), *drift = json_array();
    for (int32_t f = 0; f < n; f++) {
        json_t *j = item_json(a, item[f]), *ranks = json_array();
        for (int32_t i = 0; i < ans->n_row; i++)
            json_array_append_new(
                ranks, json_integer(item_rank(ans->score + i * row, ans->n_items, item[f])));
        json_object_set_new(j, "ranks", ranks);
        json_array_append_new(list, j);
    }
    for (int32_t i = 0; i < ans->n_row; i++) {
        app_item_text(a, ans->item[i], text, sizeof text);
        at = (size_t)snprintf(line, sizeof line, "%3d %-26s", (int)(ans->first + i) + 1, text);
        for (int32_t f = 0; f < n && at < sizeof line; f++)
            at += (size_t)snprintf(line + at, sizeof line - at, " %-16d",
                                   (int)item_rank(ans->score + i * row, ans->n_items, item[f]));
        const float *s = ans->state ? ans->state + (int64_t)i * ans->n_state : NULL;
        double d = s && i > 0 ? 1 - cosine(s, s - ans->n_state, ans->n_state) : (double)NAN;
        if (s && at < sizeof line)
            snprintf(line + at, sizeof line - at, " %s",
                     isfinite(d) ? fmt_fixed(num, d, 3) : "-");
        json_array_append_new(drift, json_num(d));
        out_line(out, "%s", line);
    }
    evolve_turn(a, ans, out);
    json_object_set_new(out_json(out), "drift", drift);
    json_object_set_new(out_json(out), "follow", list);
    evolve_tracks(a, out);
    return ST_OK;
}
