/* compare: two models, or one at two times: their lists, and who is right on held-out
 * questions. */
#include "app/cmd/agree.h"
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/settings.h"
#include "app/run.h"
#include "app/ui/text.h"
#include "app/ui_state.h"
#include "app/views/sides.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// clang-format off
static const char *const compare_on[] = {"seq", "valid", "test", NULL};
static const char *const sides[UI_COMPARED] = {"SIDE1", "SIDE2", "SIDE3", "SIDE4"};
const struct cmd_arg args_compare[] = {
    {.name = "SIDE1", .type = ARG_SIDE, .optional = true, .doc = "a slot, or a slot at a time: A@200"},
    {.name = "SIDE2", .type = ARG_SIDE, .optional = true, .doc = "the other"},
    {.name = "SIDE3", .type = ARG_SIDE, .optional = true, .doc = "more, on the screen"},
    {.name = "SIDE4", .type = ARG_SIDE, .optional = true, .doc = "more, on the screen"},
    {.name = "on", .type = ARG_CHOICE, .option = true, .optional = true, .choices = compare_on, .doc = "default seq, or valid without one"},
    {.name = "metric", .type = ARG_METRIC, .option = true, .optional = true, .doc = "default hr@10"},
    {0},
};
const struct cmd_arg args_compare_swap[] = {{0}};
const struct cmd_arg args_compare_disagree[] = {{0}};
const struct cmd_arg args_compare_next[] = {{0}};
// clang-format on

static void compare_lists(struct app *a, const struct ranking *p, const struct ranking *q,
                          struct cmd_out *out)
{
    char left[64], right[64], num[2][FMT_NUM];
    app_slot_title(a, p->slot, p->step, left, sizeof left);
    app_slot_title(a, q->slot, q->step, right, sizeof right);
    out_line(out, "%-40s %s", left, right);
    int32_t n = p->n < q->n ? p->n : q->n;
    for (int32_t i = 0; i < n; i++) {
        char x[96], y[96], cell[120];
        app_item_text(a, p->item[i], x, sizeof x);
        app_item_text(a, q->item[i], y, sizeof y);
        snprintf(cell, sizeof cell, "%2d %s %s other %d", (int)i + 1, x,
                 fmt_num(num[0], (double)p->prob[p->item[i]]), (int)ranking_of(q, p->item[i]));
        out_line(out, "%-40s %2d %s %s other %d", cell, (int)i + 1, y,
                 fmt_num(num[1], (double)q->prob[q->item[i]]), (int)ranking_of(p, q->item[i]));
    }
    struct list_agreement g;
    list_agree(p->item, q->item, n, p->prob, q->prob, p->n_items, &g);
    out_line(out, "overlap@%d %d/%d   RBO(.9) %s   top-1 %s   JS divergence %s nats", (int)n,
             (int)g.both, (int)n, fmt_num(num[0], g.rbo), g.top1 ? "agree" : "differ",
             fmt_num(num[1], g.js));
    out_int(out, "overlap", g.both);
    out_int(out, "k", n);
    out_num(out, "rbo", g.rbo);
    out_num(out, "js", g.js);
    out_bool(out, "top1_agree", g.top1);
}

static void show_cases(const struct case_agreement *g, const char *const title[2],
                       enum split_part on, const struct quantity *q, struct cmd_out *out)
{
    char num[5][FMT_NUM], name[24];
    double low = g->difference - g->half, high = g->difference + g->half;
    int verdict = cases_verdict(g);
    out_line(out, "%s set: who has the target among the first %d",
             on == PART_TEST ? "test" : "validation", (int)q->k);
    out_line(out, "%22s %12s", "second right", "second wrong");
    out_line(out, "first right %10lld %12lld", (long long)g->both, (long long)g->first);
    out_line(out, "first wrong %10lld %12lld", (long long)g->second, (long long)g->neither);
    out_line(out, "%lld cases, full ranking, no sampling", (long long)g->n);
    out_line(out, "%s  %s %s   %s %s   difference %s",
             metric_text(q->kind, q->k, name, sizeof name), title[0],
             fmt_num(num[0], g->mean[0]), title[1], fmt_num(num[1], g->mean[1]),
             fmt_signed(num[2], g->difference));
    out_line(out, "paired 95 %%: [%s, %s]  %s", fmt_signed(num[3], low),
             fmt_signed(num[4], high),
             verdict > 0   ? "the first is better"
             : verdict < 0 ? "the second is better"
                           : "not decided");
    out_int(out, "n", g->n);
    out_num(out, "first", g->mean[0]);
    out_num(out, "second", g->mean[1]);
    out_num(out, "difference", g->difference);
    json_object_set_new(out_json(out), "interval95",
                        json_pack("[o,o]", json_num(low), json_num(high)));
    json_object_set_new(out_json(out), "table",
                        json_pack("{s:I,s:I,s:I,s:I}", "both", (json_int_t)g->both,
                                  "first_only", (json_int_t)g->first, "second_only",
                                  (json_int_t)g->second, "neither", (json_int_t)g->neither));
}

static enum status compare_cases(struct app *a, const struct ui_side *side, enum split_part on,
                                 const struct quantity *q, struct cmd_out *out, struct err *err)
{
    struct weights *w[2] = {NULL, NULL};
    char titles[2][64];
    const char *title[2] = {titles[0], titles[1]};
    struct eval_spec spec;
    eval_defaults(&spec, a->split);
    spec.on = on;
    spec.k = q->k;
    int64_t n = eval_count(a->split, &spec);
    struct rank_obs *obs = calloc((size_t)(n > 0 ? n : 1) * 2, sizeof *obs);
    enum status st =
        obs ? ST_OK : err_nomem(err, sizeof *obs * 2 * (unsigned long long)n, "ranks");
    struct pool *pool = app_pool(a);
    for (int i = 0; i < 2 && st == ST_OK; i++) {
        st = app_weights_at(a, side[i].slot, side[i].at, &w[i], err);
        if (st != ST_OK)
            break;
        app_slot_title(a, side[i].slot, w[i]->step, titles[i], sizeof titles[i]);
        st = eval_ranks(w[i], &spec, pool, &a->cancel, obs + i * n, NULL, err);
    }
    if (st == ST_OK) {
        struct case_agreement g;
        cases_agree(obs, obs + n, n, q->kind, q->k, &g);
        show_cases(&g, title, on, q, out);
    }
    free(obs);
    weights_unref(w[0]);
    weights_unref(w[1]);
    return st;
}

/* The sides and options become those of the tab, which opens. */
static enum status compare_on_screen(struct app *a, const struct ui_side *side, int n,
                                     const struct cmd_call *call, const struct quantity *q,
                                     struct err *err)
{
    struct ui_compare *c = &a->ui->compare;
    for (int i = 0; i < n; i++)
        c->side[i] = side[i];
    if (n > 0) {
        c->n = n;
        c->against = 1;
    }
    if (call_has(call, "metric")) {
        c->metric = (int)q->kind;
        c->k = q->kind == Q_MRR ? 0 : q->k;
    }
    int64_t on = call_int(call, "on", 0);
    if (on > 0)
        c->on = on == 2 ? PART_TEST : PART_VALID;
    return ui_show(a, on > 0 ? "cases" : "compare", NULL, err);
}

enum status run_compare(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                        struct err *err)
{
    struct ui_side side[UI_COMPARED];
    struct quantity q;
    int n = 0;
    enum status st = ST_OK;
    for (; n < UI_COMPARED && call_has(call, sides[n]); n++) {
        const char *text = call_text(call, sides[n], "A");
        side[n].slot = text[0] - 'A';
        st = app_resolve_time(a, side[n].slot, text[1] ? text + 2 : "live", &side[n].at, err);
        if (st != ST_OK) {
            call_blame(call, sides[n], out);
            return st;
        }
    }
    bool screen = a->ui && out_form(out) == OUT_MESSAGE;
    if (n == 1 || (n != 2 && !screen)) {
        call_blame(call, sides[n < 2 ? 0 : 2], out);
        err_set(err, ST_ARG,
                n < 2 ? "compare needs two sides" : "two sides at a time without the screen");
        return err_hint(err, "usage", "Try: compare A B, or: compare A@0 A"), ST_ARG;
    }
    st = quantity_parse(&q, call_text(call, "metric", "hr@10"), err);
    if (st != ST_OK)
        return st;
    if (screen)
        return compare_on_screen(a, side, n, call, &q, err);
    int64_t on = call_int(call, "on", a->seq.n ? 0 : 1);
    out_text(out, "on", compare_on[on]);
    if (on > 0)
        return compare_cases(a, side, on == 2 ? PART_TEST : PART_VALID, &q, out, err);
    struct ranking *r[2] = {NULL, NULL};
    int32_t k = (int32_t)setting(a, SETTING_K);
    for (int i = 0; i < 2 && st == ST_OK; i++)
        st = ranking_new(&r[i], a, side[i].slot, side[i].at, &a->seq, k, app_exclude_seen(a),
                         err);
    if (st == ST_OK)
        compare_lists(a, r[0], r[1], out);
    ranking_free(r[0]);
    ranking_free(r[1]);
    return st;
}

/* ---- keys of the tab ---- */

enum status run_compare_swap(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    (void)call;
    (void)out;
    struct ui_compare *c = &a->ui->compare;
    sides_fix(a->ui);
    if (c->n < 2) {
        err_set(err, ST_STATE, "there is one side only");
        return err_hint(err, "no-model", "Try: model new sasrec slot=B"), ST_STATE;
    }
    struct ui_side first = c->side[0];
    c->side[0] = c->side[c->against];
    c->side[c->against] = first;
    return ui_show(a, "compare", NULL, err);
}

enum status run_compare_disagree(struct app *a, const struct cmd_call *call,
                                 struct cmd_out *out, struct err *err)
{
    (void)call;
    a->ui->compare.disagree = !a->ui->compare.disagree;
    out_line(out, a->ui->compare.disagree
                      ? "only items that the other side ranks elsewhere; d shows all again"
                      : "all items");
    return ui_tab(a, "compare", err);
}

enum status run_compare_next(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    (void)call;
    struct ui_compare *c = &a->ui->compare;
    struct eval_case found;
    char right[24];
    int64_t i = cases_next_disagreement(a, &found, right, sizeof right, err);
    if (i < 0)
        return err->code;
    struct sequence s = {0};
    int64_t from = a->ds->off[found.session];
    int32_t n = found.n_prefix;
    if (n > SEQ_MAX) { /* a long history: its newest part */
        from += n - SEQ_MAX;
        n = SEQ_MAX;
    }
    for (; s.n < n; s.n++)
        s.item[s.n] = a->ds->item[from + s.n];
    app_edit(a, &s);
    a->cursor = s.n > 0 ? s.n - 1 : 0;
    c->at_case = i;
    c->at_sequence = sequence_hash(&s);
    c->target = found.target;
    app_log(a, app_step(a, a->slot), LOG_COMMAND, "seq from s:%d upto=%d",
            (int)found.session + 1, (int)found.n_prefix);
    char item[80];
    app_item_text(a, found.target, item, sizeof item);
    out_line(out, "s:%d after %d clicks came %s: %s has it among its first %d",
             (int)found.session + 1, (int)found.n_prefix, item, right, compare_k(a->ui));
    return ST_OK;
}
