/* attend neighbors latent: looking into answers.  On the screen the panes of these names
 * answer. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/number.h"
#include "app/settings.h"
#include "app/ui_state.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        if (number_parse("layer", l, true, 1, 64, &v, err) != ST_OK)
            return call_blame(call, "layer", out), ST_ARG;
        *layer = (int)v;
    }
    if (h && strcmp(h, "max") == 0) {
        *head = HEAD_MAX;
    } else if (h && strcmp(h, "mean") != 0) {
        if (number_parse("head", h, true, 1, 256, &v, err) != ST_OK) {
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

/* How far rows look, and of a model that sees both sides, where to: mean over the rows, or
 * the one that was asked for. */
static void say_sides(const struct attention_map *m, int32_t only, struct cmd_out *out)
{
    double left = 0, self = 0, right = 0, far = 0;
    int32_t n = 0;
    for (int32_t i = 0; i < m->t && i < m->u; i++) {
        if (only >= 0 && only != m->first + i)
            continue;
        n++;
        for (int32_t j = 0; j < m->u; j++) {
            double w = (double)m->map[i * m->u + j];
            *(j < i ? &left : j > i ? &right : &self) += w;
            far += w * fabs((double)(j - i));
        }
    }
    if (n == 0)
        return;
    char num[3][FMT_NUM];
    out_line(out, "%s places away on average%s", fmt_num(num[0], far / n),
             only >= 0 ? "" : " (mean over rows)");
    out_num(out, "distance", far / n);
    if (right == 0)
        return;
    out_line(out, "to earlier places %s, to itself %s, to later places %s%s",
             fmt_num(num[0], left / n), fmt_num(num[1], self / n), fmt_num(num[2], right / n),
             only >= 0 ? "" : " (mean over rows)");
    json_object_set_new(out_json(out), "sides",
                        json_pack("{s:o,s:o,s:o}", "left", json_num(left / n), "self",
                                  json_num(self / n), "right", json_num(right / n)));
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
        if (!diff && !now.rolled)
            say_sides(&now, (int32_t)only, out);
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
