/* Several steps ahead as text and JSON; see ahead.h. */
#include "app/cmd/ahead.h"
#include "app/cmd/ranking.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WITHIN = 5, ALIKE = 10, CELL = 34 };

static void cell(struct app *a, char buf[CELL + 8], int32_t item, const float *odds)
{
    char name[96], num[FMT_NUM];
    if (!item) {
        snprintf(buf, CELL + 8, "no item left");
        return;
    }
    app_item_text(a, item, name, sizeof name);
    snprintf(buf, CELL + 8, "%.24s %s", name, fmt_num(num, (double)odds[item]));
}

static json_t *step_json(struct app *a, int32_t item, const float *odds, int32_t n_items)
{
    json_t *j = item ? item_json(a, item) : json_object();
    json_object_set_new(j, "prob", item ? json_num((double)odds[item]) : json_null());
    json_object_set_new(j, "entropy", json_num(horizon_entropy(odds, n_items)));
    return j;
}

static void show_steps(struct app *a, const struct horizon *h, struct cmd_out *out)
{
    json_t *steps = json_array();
    if (h->has_tail)
        out_line(out, "step  %-*s entropy  %-*s entropy  alike", CELL, "hidden places at once",
                 CELL, "one after the other");
    else
        out_line(out, "step  %-*s entropy", CELL, "one after the other");
    for (int32_t s = 0; s < h->k; s++) {
        size_t at = (size_t)s * ((size_t)h->n_items + 1);
        char roll[CELL + 8], tail[CELL + 8], num[3][FMT_NUM];
        json_t *j = json_object();
        cell(a, roll, h->roll_pick[s], h->roll + at);
        fmt_num(num[0], horizon_entropy(h->roll + at, h->n_items));
        json_object_set_new(j, "step", json_integer(s + 1));
        json_object_set_new(j, "roll", step_json(a, h->roll_pick[s], h->roll + at, h->n_items));
        if (h->has_tail) {
            double alike = horizon_alike(h->tail + at, h->roll + at, h->n_items, ALIKE);
            cell(a, tail, h->tail_pick[s], h->tail + at);
            out_line(out, "%3d   %-*s %-7s  %-*s %-7s  %s", (int)s + 1, CELL, tail,
                     fmt_num(num[1], horizon_entropy(h->tail + at, h->n_items)), CELL, roll,
                     num[0], fmt_num(num[2], alike));
            json_object_set_new(j, "tail",
                                step_json(a, h->tail_pick[s], h->tail + at, h->n_items));
            json_object_set_new(j, "alike", json_num(alike));
        } else {
            out_line(out, "%3d   %-*s %s", (int)s + 1, CELL, roll, num[0]);
        }
        json_array_append_new(steps, j);
    }
    json_object_set_new(out_json(out), "steps", steps);
}

/* What comes within the k steps, whichever of them it is. */
static enum status show_within(struct app *a, const struct horizon *h, struct cmd_out *out,
                               struct err *err)
{
    float *odds = malloc(((size_t)h->n_items + 1) * sizeof *odds), best[WITHIN];
    int32_t item[WITHIN];
    char line[400], name[96], num[FMT_NUM];
    if (!odds)
        return err_nomem(err, ((size_t)h->n_items + 1) * sizeof *odds, "odds");
    horizon_within(h, odds);
    int32_t n = top_items(odds, h->n_items, WITHIN, NULL, 0, item, best);
    json_t *list = json_array();
    int at = snprintf(line, sizeof line, "within %d steps:", (int)h->k);
    for (int32_t i = 0; i < n; i++) {
        app_item_text(a, item[i], name, sizeof name);
        if (at < (int)sizeof line)
            at += snprintf(line + at, sizeof line - (size_t)at, "%s %.40s %s", i ? "," : "",
                           name, fmt_num(num, (double)odds[item[i]]));
        json_t *j = item_json(a, item[i]);
        json_object_set_new(j, "prob", json_num((double)odds[item[i]]));
        json_array_append_new(list, j);
    }
    out_line(out, "%s", line);
    json_object_set_new(out_json(out), "within", list);
    free(odds);
    return ST_OK;
}

enum status predict_ahead(struct app *a, int slot, int64_t at, const struct sequence *seq,
                          const struct horizon_opts *o, struct cmd_out *out, struct err *err)
{
    struct weights *w = NULL;
    struct horizon *h = NULL;
    enum status st = app_weights_at(a, slot, at, &w, err);
    if (st != ST_OK)
        return st;
    st = horizon_new(&h, a->explore, w, seq->item, seq->n, o, &a->cancel, err);
    weights_unref(w);
    if (st != ST_OK)
        return st;
    char title[64], text[400], num[FMT_NUM];
    app_slot_title(a, slot, h->step, title, sizeof title);
    sequence_text(a, seq, text, sizeof text);
    out_line(out, "%s  %d steps after %s", title, (int)h->k, text);
    out_text(out, "slot", (char[2]){(char)('A' + slot), '\0'});
    out_int(out, "step", h->step);
    json_object_set_new(out_json(out), "sequence", sequence_json(seq));
    show_steps(a, h, out);
    out_line(out, "path of %d kept: ln p %s%s", (int)o->beam, fmt_num(num, h->logp),
             o->repeats ? "" : ", nothing picked twice");
    out_num(out, "logp", h->logp);
    if (h->has_tail)
        st = show_within(a, h, out, err);
    horizon_free(h);
    return st;
}
