/* Several steps ahead as text and JSON; see ahead.h. */
#include "app/cmd/ahead.h"
#include "app/cmd/ranking.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WITHIN = 5, ALIKE = 10, CELL = 24 };

static void cell(struct app *a, char buf[CELL + 8], int32_t item, const float *odds)
{
    char name[96], num[FMT_NUM];
    if (!item) {
        snprintf(buf, CELL + 8, "no item left");
        return;
    }
    app_item_text(a, item, name, sizeof name);
    snprintf(buf, CELL + 8, "%.16s %s", name, fmt_num(num, (double)odds[item]));
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

/* ---- eval ahead=K ---- */

static void put_figures(json_t *j, const char *way, const struct horizon_figures *f,
                        int32_t step, int32_t k)
{
    char hr[24], ndcg[24];
    snprintf(hr, sizeof hr, "hr@%d", (int)k);
    snprintf(ndcg, sizeof ndcg, "ndcg@%d", (int)k);
    json_object_set_new(j, way,
                        json_pack("{s:o,s:o}", hr, json_num(f->hr[step].mean), ndcg,
                                  json_num(f->ndcg[step].mean)));
}

/* "0.7850 +-0.0571": a share and half its 95 % interval. */
static int put_share(char *line, size_t size, const struct metric_value *v)
{
    return snprintf(line, size, " %.4f +-%.4f", v->mean, isnan(v->se) ? 0 : 1.96 * v->se);
}

static void show_figures(const struct horizon_result *r, const struct horizon_spec *s,
                         struct cmd_out *out)
{
    static const char *const keys[] = {"tail", "roll"};
    const struct horizon_figures *way[] = {&r->tail, &r->roll};
    const int first = r->has_tail ? 0 : 1;
    json_t *steps = json_array(), *recall = json_object();
    char head[2][16], label[16], line[200];
    snprintf(head[0], sizeof head[0], "HR@%d", (int)s->k);
    snprintf(head[1], sizeof head[1], "NDCG@%d", (int)s->k);
    snprintf(label, sizeof label, "Recall@%d", (int)s->k);
    if (r->has_tail)
        out_line(out, "%-11s%-33s%s", "", "hidden places at once", "one after the other");
    else
        out_line(out, "%-11s%s", "", "one after the other");
    int at = snprintf(line, sizeof line, "%-10s", "step");
    for (int w = first; w < 2; w++)
        at += snprintf(line + at, sizeof line - (size_t)at, " %-15s %-16s", head[0], head[1]);
    out_line(out, "%s", line);
    for (int32_t t = 0; t < s->ahead; t++) {
        json_t *j = json_pack("{s:i}", "step", (int)t + 1);
        at = snprintf(line, sizeof line, "%-10d", (int)t + 1);
        for (int w = first; w < 2; w++) {
            at += put_share(line + at, sizeof line - (size_t)at, &way[w]->hr[t]);
            at += put_share(line + at, sizeof line - (size_t)at, &way[w]->ndcg[t]);
            if (w == 0)
                at += snprintf(line + at, sizeof line - (size_t)at, " ");
            put_figures(j, keys[w], way[w], t, s->k);
        }
        out_line(out, "%s", line);
        json_array_append_new(steps, j);
    }
    at = snprintf(line, sizeof line, "%-10s", label);
    for (int w = first; w < 2; w++) {
        at += put_share(line + at, sizeof line - (size_t)at, &way[w]->recall);
        if (w == 0)
            at += snprintf(line + at, sizeof line - (size_t)at, "%17s", "");
        json_object_set_new(recall, keys[w], json_num(way[w]->recall.mean));
    }
    out_line(out, "%s", line);
    out_line(out, "%s: of the items that came, among the %d likeliest of all steps together",
             label, (int)s->k);
    json_object_set_new(out_json(out), "steps", steps);
    json_object_set_new(out_json(out), "recall", recall);
}

enum status eval_ahead(struct app *a, int slot, const struct horizon_spec *s,
                       struct cmd_out *out, struct err *err)
{
    struct horizon_result r;
    struct weights *w = NULL;
    if (horizon_count(a->split, s) == 0) {
        struct horizon_spec less = *s;
        while (less.ahead > 1 && horizon_count(a->split, &less) == 0)
            less.ahead--;
        err_set(err, ST_STATE, "nobody has %d items held out in the %s part (split %s)",
                (int)s->ahead, s->on == PART_TEST ? "test" : "validation", a->split->name);
        return err_hint(err, "no-question",
                        a->split->k ? "Try: data split leave-k-out k=%d" : "Try: eval ahead=%d",
                        a->split->k ? (int)s->ahead : (int)less.ahead),
               ST_STATE;
    }
    enum status st = app_weights_at(a, slot, slot == a->slot ? a->at : STEP_LIVE, &w, err);
    if (st == ST_OK)
        st = horizon_eval(&r, a->explore, w, s, &a->cancel, err);
    weights_unref(w);
    if (st != ST_OK)
        return st;
    char title[64], n[FMT_NUM];
    app_slot_title(a, slot, r.step, title, sizeof title);
    out_line(out, "%s  %s: %s sequences, their next %d items, all items ranked, seen %s%s",
             title, s->on == PART_TEST ? "test" : "valid", fmt_count(n, (double)r.n),
             (int)s->ahead, s->exclude_seen ? "left out" : "kept",
             s->repeats ? "" : "; nothing picked twice");
    out_text(out, "slot", (char[2]){(char)('A' + slot), '\0'});
    out_text(out, "model", a->slots[slot].model->name);
    out_int(out, "step", r.step);
    out_text(out, "on", s->on == PART_TEST ? "test" : "valid");
    out_int(out, "ahead", s->ahead);
    out_int(out, "n", r.n);
    show_figures(&r, s, out);
    return ST_OK;
}

/* ---- predict steps=N ---- */

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
    char how[120];
    if (o->temperature > 0)
        snprintf(how, sizeof how, "path drawn at temperature %g, top_p %g, seed %llu",
                 o->temperature, o->top_p, (unsigned long long)o->seed);
    else
        snprintf(how, sizeof how, "path of %d kept", (int)o->beam);
    out_line(out, "%s: ln p %s%s", how, fmt_num(num, h->logp),
             o->repeats ? "" : ", nothing picked twice");
    out_num(out, "logp", h->logp);
    if (h->has_tail)
        st = show_within(a, h, out, err);
    horizon_free(h);
    return st;
}
