/* lens attend evolve neighbors: looking into answers.  On the screen the panes of these names answer. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/settings.h"
#include "app/ui_state.h"
#include "app/ui/text.h"
#include "app/views/evolve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on_screen(const struct app *a, const struct cmd_out *out)
{
    return a->ui && out_form(out) == OUT_MESSAGE;
}

/* ---- lens, evolve: every prefix ---- */

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

/* Scores if the model stopped after each layer, from its probes lens0, lens1 ..., where it has them. */
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
    if (on_screen(a, out)) {
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
    return ST_OK;
}

/* ---- attend ---- */

// clang-format off
const struct cmd_arg args_attend[] = {
    {.name = "layer", .type = ARG_WORD, .option = true, .optional = true, .doc = "1 is the first; default the last; next, prev"},
    {.name = "head", .type = ARG_WORD, .option = true, .optional = true, .doc = "a number, mean (default), max; next, prev, cycle"},
    {.name = "row", .type = ARG_POSITION, .option = true, .optional = true, .doc = "one row only"},
    {.name = "rollout", .type = ARG_FLAG, .optional = true, .doc = "product over layers with half the identity: a heuristic"},
    {.name = "diff", .type = ARG_WORD, .option = true, .optional = true, .doc = "pin, or a time: this map less that one"},
    {0},
};
// clang-format on

enum { HEAD_MEAN = 0, HEAD_MAX = -1 };

static enum status attend_options(const struct cmd_call *call, struct cmd_out *out, int *layer,
                                  int *head, struct err *err)
{
    const char *l = call_text(call, "layer", NULL), *h = call_text(call, "head", NULL);
    double v;
    *layer = 0;
    *head = HEAD_MEAN;
    if (l) {
        if (arg_number("layer", l, true, 1, 64, &v, err) != ST_OK)
            return call_blame(call, "layer", out), ST_ARG;
        *layer = (int)v;
    }
    if (h && strcmp(h, "max") == 0) {
        *head = HEAD_MAX;
    } else if (h && strcmp(h, "mean") != 0) {
        if (arg_number("head", h, true, 1, 256, &v, err) != ST_OK) {
            call_blame(call, "head", out);
            return err_hint(err, "bad-value", "A number, mean or max"), ST_ARG;
        }
        *head = (int)v;
    }
    return ST_OK;
}

/* (T,T): one head, their mean, or their maximum. */
static void one_map(const struct probe_copy *p, int head, float *map)
{
    int32_t h = p->d[0], t = p->d[1], u = p->d[2];
    for (int32_t i = 0; i < t; i++)
        for (int32_t j = 0; j < u; j++) {
            float sum = 0, max = 0;
            for (int32_t k = 0; k < h; k++) {
                float x = p->x[((int64_t)k * t + i) * u + j];
                sum += x;
                max = x > max ? x : max;
            }
            map[i * u + j] = head > 0           ? p->x[((int64_t)(head - 1) * t + i) * u + j]
                             : head == HEAD_MAX ? max
                                                : sum / (float)h;
        }
}

/* Abnar & Zuidema 2020: product over layers of (mean map + identity) / 2. */
static bool rollout(const struct answer *ans, int32_t t, float *map)
{
    float *step = malloc(sizeof *step * (size_t)t * (size_t)t * 2),
          *next = step ? step + (size_t)t * (size_t)t : NULL;
    bool first = true;
    if (!step)
        return false;
    for (int i = 0; i < ans->n_probe; i++) {
        if (ans->probe[i].nd != 3 || ans->probe[i].d[1] != t)
            continue;
        one_map(&ans->probe[i], HEAD_MEAN, step);
        for (int32_t k = 0; k < t * t; k++)
            step[k] = (step[k] + (k / t == k % t ? 1.0f : 0.0f)) / 2;
        if (first)
            memcpy(map, step, sizeof *map * (size_t)t * (size_t)t);
        for (int32_t r = 0; !first && r < t; r++)
            for (int32_t c = 0; c < t; c++) {
                float sum = 0;
                for (int32_t k = 0; k < t; k++)
                    sum += step[r * t + k] * map[k * t + c];
                next[r * t + c] = sum;
            }
        if (!first)
            memcpy(map, next, sizeof *map * (size_t)t * (size_t)t);
        first = false;
    }
    free(step);
    return !first;
}

/* "row 5, 9 cable, reads mostly 45 sofa, 0.62, then 3, 0.21" */
static void say_row(const struct app *a, const int32_t *item, int32_t place, int32_t row,
                    int32_t t, const float *w, struct cmd_out *out)
{
    char name[160], text[3][100], num[3][FMT_NUM], line[500];
    int32_t best[3] = {-1, -1, -1};
    for (int k = 0; k < 3; k++)
        for (int32_t j = 0; j < t; j++)
            if (j != best[0] && j != best[1] && w[j] > 0 && (best[k] < 0 || w[j] > w[best[k]]))
                best[k] = j;
    app_item_text(a, item[row], name, sizeof name);
    int n = 0;
    for (; n < 3 && best[n] >= 0; n++)
        app_item_text(a, item[best[n]], text[n], sizeof text[n]);
    if (n == 0)
        return;
    size_t at = (size_t)snprintf(line, sizeof line, "row %d, %s, reads mostly %s, %s",
                                 (int)(place + row) + 1, name, text[0],
                                 fmt_num(num[0], (double)w[best[0]]));
    for (int k = 1; k < n && at < sizeof line; k++)
        at += (size_t)snprintf(line + at, sizeof line - at, ", then %s, %s", text[k],
                               fmt_num(num[k], (double)w[best[k]]));
    out_line(out, "%s", line);
}

struct attention_map {
    int layers, layer, head;
    bool rolled;
    int32_t t, u, n, first; /* rows, columns, items among the rows, first item read */
    int32_t item[SEQ_MAX + 64];
    int64_t step;
    float *map; /* (t,u), heap */
};

static enum status attention_map(struct app *a, const struct sequence *seq, int64_t at,
                                 const struct cmd_call *call, struct cmd_out *out,
                                 struct attention_map *m, struct err *err)
{
    const struct answer *ans;
    const struct model_def *model = app_slot(a)->model;
    struct question q = {
        .kind = ASK_PROBES, .n = seq->n, .item = seq->item, .probes = "*attn.prob"};
    enum status st = check_sequence(a, a->slot, seq, err);
    if (st == ST_OK)
        st = ask_here(a, a->slot, at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    const struct probe_copy *p = NULL;
    m->layers = 0;
    for (int i = 0; i < ans->n_probe; i++)
        if (ans->probe[i].nd == 3) {
            m->layers++;
            if (!m->layer || m->layers == m->layer)
                p = &ans->probe[i];
        }
    if (!p || m->layer > m->layers) {
        call_blame(call, "layer", out);
        err_set(err, ST_ARG, "%s has %d layers with attention", model->title, m->layers);
        return err_hint(err, "bad-value", "layer=1..%d", m->layers), ST_ARG;
    }
    if (m->head > p->d[0]) {
        call_blame(call, "head", out);
        err_set(err, ST_ARG, "a layer of %c has %d heads", 'A' + a->slot, (int)p->d[0]);
        return err_hint(err, "bad-value", "head=1..%d, mean or max", (int)p->d[0]), ST_ARG;
    }
    m->t = p->d[1];
    m->u = p->d[2];
    m->step = ans->step;
    m->first = ans->first;
    m->n = ans->n < m->t ? ans->n : m->t;
    m->map = malloc(sizeof *m->map * (size_t)m->t * (size_t)m->u);
    if (!m->map)
        return err_nomem(err, sizeof *m->map * (size_t)m->t * (size_t)m->u, "a map");
    m->rolled = call_has(call, "rollout") && rollout(ans, m->t, m->map);
    if (!m->rolled)
        one_map(p, m->head, m->map);
    /* The model may read more rows than items (a mask at the end). */
    for (int32_t i = 0; i < m->t && i < SEQ_MAX + 64; i++)
        m->item[i] = i < m->n ? ans->item[i] : a->ds->n_items + 1;
    return ST_OK;
}

/* Largest changes of a row: "row 5, 9 cable, reads 45 sofa +0.21, 3 mug -0.18". */
static void say_change(const struct app *a, const struct attention_map *m,
                       const struct attention_map *was, int32_t row, struct cmd_out *out)
{
    char line[500], text[160], num[FMT_NUM];
    int32_t done[3] = {-1, -1, -1};
    app_item_text(a, m->item[row], text, sizeof text);
    size_t at = (size_t)snprintf(line, sizeof line, "row %d, %s, reads",
                                 (int)(m->first + row) + 1, text);
    for (int k = 0; k < 3; k++) {
        int32_t best = -1;
        double top = 0;
        for (int32_t j = 0; j < m->u; j++) {
            double d = fabs((double)m->map[row * m->u + j] - (double)was->map[row * m->u + j]);
            if (j != done[0] && j != done[1] && d > top)
                top = d, best = j;
        }
        if (best < 0)
            break;
        done[k] = best;
        app_item_text(a, m->item[best], text, sizeof text);
        if (at < sizeof line)
            at += (size_t)snprintf(line + at, sizeof line - at, "%s %s %s", k ? "," : "", text,
                                   fmt_signed(num, (double)m->map[row * m->u + best] -
                                                       (double)was->map[row * m->u + best]));
    }
    out_line(out, "%s%s", line, done[0] < 0 ? " the same" : "");
}

static json_t *map_json(const float *map, int32_t row, int32_t u, const float *less)
{
    json_t *r = json_array();
    for (int32_t j = 0; j < u; j++)
        json_array_append_new(
            r, json_num((double)map[row * u + j] - (less ? (double)less[row * u + j] : 0)));
    return r;
}

enum status run_attend(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    const struct model_def *m = app_slot(a)->model;
    static struct attention_map now, other; /* large; the app's thread only */
    const char *diff = call_text(call, "diff", NULL);
    bool to_pin = diff && strcmp(diff, "pin") == 0;
    int64_t other_at = a->at;
    if (!(m->flags & MODEL_ATTENTION)) {
        err_set(err, ST_UNSUPPORTED, "attend needs attention; %c is %s", 'A' + a->slot,
                m->title);
        return err_hint(err, "not-for-model",
                        m->flags & MODEL_GATES ? "Try: gates" : "Try: why by=occlusion"),
               ST_UNSUPPORTED;
    }
    if (on_screen(a, out))
        return ui_show(a, "attention", call, err);
    memset(&now, 0, sizeof now);
    memset(&other, 0, sizeof other);
    enum status st = attend_options(call, out, &now.layer, &now.head, err);
    other.layer = now.layer;
    other.head = now.head;
    if (st == ST_OK && to_pin && (!a->has_pin || a->pin.n != a->seq.n)) {
        err_set(err, ST_STATE,
                a->has_pin ? "the pinned sequence has another length" : "nothing is pinned");
        err_hint(err, "empty-seq", "Try: pin");
        st = ST_STATE;
    }
    if (st == ST_OK && diff && !to_pin)
        st = app_resolve_time(a, a->slot, diff, &other_at, err);
    if (st != ST_OK && diff)
        call_blame(call, "diff", out);
    if (st == ST_OK && diff) /* first: its answer is gone when the next one comes */
        st = attention_map(a, to_pin ? &a->pin : &a->seq, other_at, call, out, &other, err);
    if (st == ST_OK)
        st = attention_map(a, &a->seq, a->at, call, out, &now, err);
    if (st == ST_OK) {
        char what[160], h[16];
        snprintf(h, sizeof h, "%d", now.head);
        if (now.rolled)
            snprintf(what, sizeof what,
                     "attention rollout over %d layers (a heuristic):", now.layers);
        else
            snprintf(what, sizeof what, "attention, layer %d of %d, head %s%s%.40s:",
                     now.layer ? now.layer : now.layers, now.layers,
                     now.head > 0           ? h
                     : now.head == HEAD_MAX ? "max"
                                            : "mean",
                     diff ? ", less " : "", diff ? diff : "");
        look_head(a, what, now.step, out);
        json_t *rows = json_array();
        int64_t only = call_int(call, "row", -1);
        for (int32_t i = 0; i < now.t && i < SEQ_MAX + 64; i++) {
            if (only >= 0 && only != now.first + i)
                continue;
            if (diff)
                say_change(a, &now, &other, i, out);
            else
                say_row(a, now.item, now.first, i, now.u, now.map + (int64_t)i * now.u, out);
            json_array_append_new(rows, map_json(now.map, i, now.u, diff ? other.map : NULL));
        }
        out_int(out, "layer", now.layer ? now.layer : now.layers);
        if (now.head > 0)
            out_int(out, "head", now.head);
        else
            out_text(out, "head", now.head == HEAD_MAX ? "max" : "mean");
        out_bool(out, "rollout", now.rolled);
        a->looked.layer = now.layer; /* what a condition calls the cursor */
        a->looked.head = now.head;
        if (a->ui) {
            a->ui->select.layer = now.layer;
            a->ui->select.head = now.head;
        }
        if (diff)
            out_text(out, "diff", diff);
        json_object_set_new(out_json(out), "rows", rows);
    }
    free(now.map);
    free(other.map);
    return st;
}

/* ---- neighbors ---- */

// clang-format off
static const char *const near_choices[] = {"cosine", "dot", NULL};
const struct cmd_arg args_neighbors[] = {
    {.name = "ITEM", .type = ARG_ITEM, .doc = "whose neighbours"},
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 1000, .doc = "default the setting k"},
    {.name = "by", .type = ARG_CHOICE, .option = true, .optional = true, .choices = near_choices, .doc = "default cosine"},
    {0},
};
// clang-format on

enum status run_neighbors(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    int32_t item = (int32_t)call_int(call, "ITEM", 1),
            k = (int32_t)call_int(call, "k", (int64_t)setting(a, SETTING_K));
    bool dot = call_int(call, "by", 0) == 1;
    struct weights *w = NULL;
    enum status st = app_weights_at(a, a->slot, a->at, &w, err);
    if (st != ST_OK)
        return st;
    const struct head *hd = w->model->head ? w->model->head(w->self) : NULL;
    int32_t n_items = a->ds->n_items;
    if (!hd || !hd->table || item > n_items) {
        call_blame(call, "ITEM", out);
        err_set(err, ST_UNSUPPORTED,
                item > n_items ? "the mask has no neighbours" : "%s has no item table",
                w->model->title);
        weights_unref(w);
        return err_hint(err, item > n_items ? "bad-item" : "not-for-model", NULL),
               ST_UNSUPPORTED;
    }
    float *near = calloc((size_t)n_items + 1, sizeof *near);
    int32_t *best = calloc((size_t)n_items + 1, sizeof *best);
    float *s = calloc((size_t)n_items + 1, sizeof *s);
    if (!near || !best || !s) {
        st = err_nomem(err, 12 * (unsigned long long)n_items, "neighbours");
    } else {
        const real *table = w->x + hd->table->at;
        int32_t d = param_cols(hd->table), ld = hd->table->ld;
        const real *me = table + (int64_t)(item - hd->id0) * ld;
        double mine = 0;
        for (int32_t j = 0; j < d; j++)
            mine += (double)me[j] * (double)me[j];
        near[0] = -INFINITY;
        for (int32_t i = 1; i <= n_items; i++) {
            const real *x = table + (int64_t)(i - hd->id0) * ld;
            double xy = 0, xx = 0;
            for (int32_t j = 0; j < d; j++) {
                xy += (double)me[j] * (double)x[j];
                xx += (double)x[j] * (double)x[j];
            }
            near[i] = (float)(dot ? xy : xx > 0 && mine > 0 ? xy / sqrt(xx * mine) : 0);
        }
        int32_t n = top_items(near, n_items, k < n_items ? k : n_items, &item, 1, best, s);
        char title[64], text[160], num[FMT_NUM], letter[2] = {(char)('A' + a->slot), '\0'};
        app_slot_title(a, a->slot, w->step, title, sizeof title);
        app_item_text(a, item, text, sizeof text);
        out_line(out, "%s  near %s by %s in %s (%d x %d)", title, text, near_choices[dot],
                 hd->table->name, (int)n_items, (int)d);
        json_t *list = json_array();
        for (int32_t i = 0; i < n; i++) {
            app_item_text(a, best[i], text, sizeof text);
            out_line(out, "%2d  %-28s %s", (int)i + 1, text, fmt_num(num, (double)s[i]));
            json_t *j = item_json(a, best[i]);
            json_object_set_new(j, "rank", json_integer(i + 1));
            json_object_set_new(j, dot ? "dot" : "cosine", json_num((double)s[i]));
            json_array_append_new(list, j);
        }
        out_text(out, "slot", letter);
        out_int(out, "step", w->step);
        json_object_set_new(out_json(out), "item", item_json(a, item));
        json_object_set_new(out_json(out), "neighbors", list);
    }
    free(near);
    free(best);
    free(s);
    weights_unref(w);
    return st;
}
