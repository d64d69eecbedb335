/* The tab Compare: a pane a side with its list for the same sequence, where the other side
 * has each item, how far the lists agree and what the first answer rests on.  What the sides
 * are: sides.h. */
#include "app/cmd/agree.h"
#include "app/ui/plot.h"
#include "app/views/scores.h"
#include "app/views/sides.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_LIST, ASK_DROP };
enum { LIST_MAX = 200 };

struct list_state {
    struct sides sides; /* of the last question */
    struct scores now;
    int32_t *order, *rank;           /* by score */
    int32_t n, first, item[SEQ_MAX]; /* what the model read */
    bool has_drop;
    int32_t drop_asked, drop_item, drop_n;
    double drop[SEQ_MAX], without[SEQ_MAX];
    int at, top; /* cursor and first row of the list */
    char brief[96];
    int slot; /* whose colour */
};

static const struct view_def *const side_views[UI_COMPARED] = {&view_compare, &view_compare2,
                                                               &view_compare3, &view_compare4};

static int side_of(const struct view *v)
{
    int i = 0;
    while (i < UI_COMPARED - 1 && side_views[i] != v->def)
        i++;
    return i;
}

static const struct list_state *state_of(const struct view *v, int side)
{
    const struct view *o = ui_view(v->ui->app, side_views[side]->name);
    return o ? o->state : NULL;
}

/* The side this one is measured against. */
static int other_of(const struct view *v)
{
    int n = sides_count(v->ui), against = v->ui->compare.against;
    if (n < 2)
        return -1;
    return side_of(v) > 0 ? 0 : against < n ? against : 1;
}

static bool compare_ask(struct view *v, int which, struct view_ask *ask)
{
    struct list_state *st = v->state;
    int i = side_of(v);
    if (which > ASK_DROP)
        return false;
    sides_done(&st->sides);
    sides_take(v->ui, &st->sides);
    if (i >= st->sides.n) {
        st->now.ready = st->has_drop = false;
        return false;
    }
    ask->w = st->sides.side[i].w;
    if (which == ASK_LIST)
        return true;
    int32_t item = v->ui->select.item ? v->ui->select.item : st->now.ready ? st->order[0] : 0;
    ask->q.kind = ASK_OCCLUDE;
    ask->q.target = item;
    st->drop_asked = item;
    return item > 0 && v->app->seq.n > 1;
}

static bool compare_answer(struct view *v, int which, const struct answer *a)
{
    struct list_state *st = v->state;
    if (which == ASK_LIST) {
        if (scores_take(&st->now, a) && !scores_rank(&st->now, &st->order, &st->rank))
            st->now.ready = false;
        st->n = st->now.ready && a->n < SEQ_MAX ? a->n : 0;
        st->first = a->first;
        if (st->n > 0)
            memcpy(st->item, a->item, (size_t)st->n * sizeof *st->item);
    } else if (which == ASK_DROP) {
        st->has_drop =
            !a->err.code && a->n_row > 0 && st->drop_asked > 0 && st->drop_asked <= a->n_items;
        st->drop_item = st->drop_asked;
        st->drop_n = a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
        for (int32_t i = 0; st->has_drop && i < st->drop_n; i++)
            st->without[i] = item_prob(a->score + (size_t)i * ((size_t)a->n_items + 1),
                                       a->n_items, st->drop_item, a->softmax);
    }
    return true;
}

static bool compare_update(struct view *v, const struct snapshot *snap)
{
    (void)snap;
    struct list_state *st = v->state;
    struct sides s;
    int i = side_of(v);
    sides_take(v->ui, &s);
    v->note[0] = st->brief[0] = '\0';
    if (i < s.n) {
        st->slot = s.side[i].slot;
        side_title(v->app, &s.side[i], v->title, sizeof v->title);
        side_brief(v->app, &s, i, st->brief, sizeof st->brief);
        if (text_width(v->title) + text_width(st->brief) + 6 <= v->w &&
            strlen(st->brief) < sizeof v->note)
            snprintf(v->note, sizeof v->note, "%.47s", st->brief);
    } else {
        snprintf(v->title, sizeof v->title, "side %d", i + 1);
    }
    sides_done(&s);
    return false;
}

/* ---- drawing ---- */

static bool listed(const struct view *v, const struct list_state *o, int32_t item, int at)
{
    if (app_exclude_seen(v->app))
        for (int32_t i = 0; i < v->app->seq.n; i++)
            if (v->app->seq.item[i] == item)
                return false;
    return !v->ui->compare.disagree || !o || !o->now.ready || item > o->now.n_items ||
           o->rank[item] != at + 1;
}

static int list_items(const struct view *v, const struct list_state *o, int max, int32_t *out)
{
    const struct list_state *st = v->state;
    int n = 0;
    for (int32_t i = 0; st->now.ready && i < st->now.n_items && n < max; i++)
        if (listed(v, o, st->order[i], i))
            out[n++] = st->order[i];
    return n;
}

static void draw_list(const struct view *v, const struct canvas *c, const struct list_state *o,
                      const char *other, int rows)
{
    const struct list_state *st = v->state;
    const struct app *a = v->app;
    int32_t item[LIST_MAX];
    int n = list_items(v, o, LIST_MAX, item), id = item_digits(a), k = compare_k(v->ui);
    int w_other = o ? (c->cols >= 44 ? 8 : 5) : 0, left = c->cols - 1 - 4 - 8 - w_other - 1;
    bool names = a->ds && (a->ds->item_name || a->ds->item_id);
    int w_item = id + (names ? 1 + (left > 44 ? 20 : left > 28 ? 15 : 11) : 0);
    w_item = w_item > left ? left : w_item;
    int bar = left - w_item - 2 > 30 ? 30 : left - w_item - 2, at_other = c->cols - w_other - 1;
    canvas_right(c, 0, 1, 3, ROLE_DIM, "#");
    canvas_left(c, 0, 5 + id + 1, w_item - id - 1, ROLE_DIM,
                v->ui->compare.disagree ? "that differ" : "item");
    canvas_right(c, 0, 5 + w_item, 8, ROLE_DIM, st->now.softmax ? "prob" : "score");
    if (o)
        canvas_right(c, 0, at_other, w_other, ROLE_DIM, other);
    double full = 0, low = 0;
    for (int i = 0; i < n && i < rows; i++) {
        double p =
            st->now.softmax ? (double)st->now.prob[item[i]] : (double)st->now.score[item[i]];
        full = i == 0 || p > full ? p : full;
        low = i == 0 || p < low ? p : low;
    }
    low = st->now.softmax ? 0 : low;
    int top = canvas_scroll(st->top, st->at < n ? st->at : n - 1, rows, n);
    for (int i = top, y = 1; i < n && y <= rows; i++, y++) {
        int32_t it = item[i];
        char b[FMT_NUM];
        double p = st->now.softmax ? (double)st->now.prob[it] : (double)st->now.score[it];
        snprintf(b, sizeof b, "%d", (int)st->rank[it]);
        canvas_right(c, y, 1, 3, ROLE_DIM, b);
        draw_item(c, y, 5, w_item, id, i == 0 ? ROLE_STRONG : ROLE_TEXT, a, it);
        canvas_right(c, y, 5 + w_item, 8, i == 0 ? ROLE_STRONG : ROLE_TEXT,
                     st->now.softmax ? fmt_fixed(b, p, 4) : fmt_num(b, p));
        if (bar > 3)
            canvas_bar(c, y, 5 + w_item + 9, bar, theme_run(st->slot), p - low, full - low);
        if (o && o->now.ready && it <= o->now.n_items) {
            int32_t r = o->rank[it];
            snprintf(b, sizeof b, r == st->rank[it] ? "=" : "%d", (int)r);
            canvas_right(c, y, at_other, w_other,
                         r == st->rank[it] ? ROLE_DIM
                         : r > k           ? ROLE_WARN
                                           : ROLE_TEXT,
                         b);
        }
        if (it == v->ui->select.item)
            canvas_paint(c, y, 0, 5 + w_item + 8, v->focus ? ROLE_CURSOR : ROLE_SELECT);
        else if (v->focus && i == st->at)
            canvas_paint(c, y, 0, 5 + w_item + 8, ROLE_CURSOR);
    }
    if (n == 0)
        canvas_centre(c, rows / 2, 0, c->cols, ROLE_DIM, "the sides agree on every rank");
}

/* "why 31 lamp: 9 cable +.098, 45 sofa +.037": what the answer loses most without. */
static void why_text(const struct view *v, char *buf, size_t size)
{
    const struct list_state *st = v->state;
    char name[80], num[FMT_NUM];
    app_item_text(v->app, st->drop_item, name, sizeof name);
    size_t n = (size_t)snprintf(buf, size, "why %s:", name);
    double base = item_prob(st->now.score, st->now.n_items, st->drop_item, st->now.softmax);
    bool used[SEQ_MAX] = {false};
    for (int k = 0; k < 3 && k < st->drop_n && n < size; k++) {
        int best = -1;
        for (int i = 0; i < st->drop_n; i++)
            if (!used[i] &&
                (best < 0 || fabs(base - st->without[i]) > fabs(base - st->without[best])))
                best = i;
        used[best] = true;
        double d = base - st->without[best];
        app_item_text(v->app, st->item[best], name, sizeof name);
        n += (size_t)snprintf(buf + n, size - n, "%s %s %s%s", k ? "," : "", name,
                              d < 0 ? "-" : "+",
                              st->now.softmax ? fmt_prob(num, fabs(d)) : fmt_num(num, fabs(d)));
    }
}

static bool can_agree(const struct view *v, const struct list_state *o,
                      struct list_agreement *g)
{
    const struct list_state *st = v->state;
    if (!o || !o->now.ready || !st->now.ready || o->now.n_items != st->now.n_items)
        return false;
    int k = compare_k(v->ui);
    bool both = st->now.softmax && o->now.softmax;
    list_agree(o->order, st->order, k < st->now.n_items ? k : st->now.n_items,
               both ? o->now.prob : NULL, both ? st->now.prob : NULL, st->now.n_items, g);
    return true;
}

static void draw_agreement_tight(const struct canvas *t, int row,
                                 const struct list_agreement *g)
{
    char b1[FMT_NUM], b2[FMT_NUM];
    int w = canvas_printf(t, row, 0, ROLE_TEXT, "overlap %d/%d  RBO %s  JS %s", (int)g->both,
                          (int)g->k, fmt_prob(b1, g->rbo),
                          isfinite(g->js) ? fmt_prob(b2, g->js) : "-");
    if (w + 9 <= t->cols)
        canvas_text(t, row, w + 2, g->top1 ? ROLE_GOOD : ROLE_WARN,
                    g->top1 ? "top-1 =" : "top-1 /=");
}

/* Two sides share the facts: the lists' on the left, the distributions' on the right; of
 * more sides each tells its own. */
static void draw_agreement(const struct canvas *t, int row, const struct list_agreement *g,
                           bool lists, bool odds)
{
    char b[FMT_NUM];
    if (lists) {
        int w = canvas_printf(t, row, 0, ROLE_TEXT, "overlap@%d %d/%d   RBO(.9) %s   ",
                              (int)g->k, (int)g->both, (int)g->k, fmt_prob(b, g->rbo));
        canvas_text(t, row++, w, g->top1 ? ROLE_GOOD : ROLE_WARN,
                    g->top1 ? "top-1 agree" : "top-1 differ");
    }
    if (odds && isfinite(g->js))
        canvas_printf(t, row, 0, ROLE_TEXT, "JS divergence %s nats", fmt_num(b, g->js));
    else if (odds)
        canvas_text(t, row, 0, ROLE_DIM, "JS divergence -  (scores, no distribution)");
}

static void compare_draw(const struct view *v, struct canvas *c)
{
    const struct list_state *st = v->state;
    const struct app *a = v->app;
    int me = side_of(v), other = other_of(v), n = sides_count(v->ui);
    if (me >= n) {
        draw_empty(c,
                   n == 0 ? "no model yet" : "one model at one time: nothing to compare with",
                   n == 0 ? ":model new sasrec" : ":model new gru4rec slot=B ; train");
        return;
    }
    if (a->seq.n == 0) {
        draw_empty(c, "no sequence yet",
                   "p  types one;  J  takes a question the sides disagree on");
        return;
    }
    if (!st->now.ready) {
        draw_empty(c, st->now.error[0] ? st->now.error : "thinking", "");
        return;
    }
    const struct list_state *o = other >= 0 ? state_of(v, other) : NULL;
    char text[320];
    const struct ui_compare *cmp = &v->ui->compare;
    bool tight = c->rows < 12;
    struct list_agreement g;
    bool asked = cmp->at_case >= 0 && cmp->at_sequence == sequence_hash(&a->seq),
         agree = can_agree(v, o, &g);
    int facts = (tight    ? 2
                 : n == 2 ? 3
                          : 4) +
                (asked ? 1 : 0) + (v->note[0] || !st->brief[0] || tight ? 0 : 1),
        rows = c->rows - 1 - facts;
    if (rows < 2) {
        facts = 0;
        rows = c->rows - 1;
    }
    draw_list(v, c, o, "other", rows);
    if (!facts)
        return;
    int row = c->rows - facts + (tight ? 0 : 1);
    struct canvas t = canvas_sub(c, row, 1, REST, REST);
    t.cols = c->cols - 2;
    int y = 0;
    if (!v->note[0] && st->brief[0] && !tight)
        canvas_text(&t, y++, 0, ROLE_DIM, st->brief);
    if (asked) {
        char name[80];
        app_item_text(a, cmp->target, name, sizeof name);
        int32_t r = cmp->target <= st->now.n_items ? st->rank[cmp->target] : 0;
        bool right = r > 0 && r <= compare_k(v->ui);
        struct canvas said = canvas_sub(&t, y, 0, 1, t.cols - 6);
        int w = canvas_printf(&said, 0, 0, ROLE_TEXT, "rank %d: next was %s", (int)r, name);
        canvas_text(&t, y++, w + 1, right ? ROLE_GOOD : ROLE_BAD, right ? "right" : "wrong");
    }
    if (agree && tight)
        draw_agreement_tight(&t, y, &g);
    else if (agree)
        draw_agreement(&t, y, &g, n > 2 || me == 0, n > 2 || me > 0);
    y += tight || n == 2 ? 1 : 2;
    if (st->has_drop && st->drop_n == st->n && y < t.rows) {
        why_text(v, text, sizeof text);
        if (tight)
            canvas_text(&t, y, 0, ROLE_DIM, text);
        else
            canvas_text(&t, y, 0, ROLE_TEXT, text);
    }
}

/* ---- keys ---- */

static bool compare_key(struct view *v, const char *key)
{
    struct list_state *st = v->state;
    int32_t item[LIST_MAX];
    int other = other_of(v),
        n = list_items(v, other >= 0 ? state_of(v, other) : NULL, LIST_MAX, item);
    if (side_of(v) > 0)
        v->ui->compare.against = side_of(v);
    if (strcmp(key, "Esc") == 0 && v->ui->select.item) {
        v->ui->select.item = 0;
        return true;
    }
    if (!list_key(key, &st->at, n, v->h))
        return false;
    st->top = canvas_scroll(st->top, st->at, v->h > 8 ? v->h - 6 : v->h, n);
    v->ui->select.item = n > 0 && st->at > 0 ? item[st->at] : 0;
    return true;
}

static bool compare_click(struct view *v, int row, int col, bool twice)
{
    struct list_state *st = v->state;
    int32_t item[LIST_MAX];
    int other = other_of(v),
        n = list_items(v, other >= 0 ? state_of(v, other) : NULL, LIST_MAX, item),
        at = st->top + row - 1;
    (void)col;
    (void)twice;
    if (side_of(v) > 0)
        v->ui->compare.against = side_of(v);
    if (row < 1 || at >= n)
        return false;
    st->at = at;
    v->ui->select.item = at > 0 ? item[at] : 0;
    return true;
}

static bool compare_styled(struct view *v, const char *name)
{
    return compare_style(v->ui, name);
}

static void compare_close(struct view *v)
{
    struct list_state *st = v->state;
    sides_done(&st->sides);
    scores_done(&st->now);
    free(st->order);
    free(st->rank);
}

static void compare_plot(const struct view *v, struct plot *p)
{
    enum { BARS = 15 };
    static struct plot_bar bar[UI_COMPARED][BARS];
    static char label[UI_COMPARED][BARS][80], title[UI_COMPARED][96];
    int n = sides_count(v->ui);
    for (int i = 0; i < n; i++) { /* one picture of all sides */
        const struct view *o = ui_view(v->ui->app, side_views[i]->name);
        const struct list_state *st = o->state;
        int32_t item[BARS];
        int k = list_items(o, NULL, compare_k(v->ui) < BARS ? compare_k(v->ui) : BARS, item);
        for (int b = 0; b < k; b++) {
            app_item_text(v->app, item[b], label[i][b], sizeof label[i][b]);
            bar[i][b] = (struct plot_bar){label[i][b],
                                          st->now.softmax ? (double)st->now.prob[item[b]]
                                                          : (double)st->now.score[item[b]],
                                          0};
        }
        snprintf(title[i], sizeof title[i], "%s", o->title);
        struct plot_panel *panel = plot_add(p, PLOT_BARS, title[i]);
        if (panel) {
            panel->bars = bar[i];
            panel->n_bars = (size_t)k;
        }
    }
}

static bool wanted_third(const struct app *a)
{
    return a->ui && sides_count(a->ui) > 2;
}
static bool wanted_fourth(const struct app *a)
{
    return a->ui && sides_count(a->ui) > 3;
}

static const char *const compare_keys[] = {"Tab", "side", "j/k", "item", "v", "metric", NULL};
#define SIDE(id, title_, wanted_)                                                              \
    const struct view_def view_##id = {                                                        \
        .name = #id,                                                                           \
        .title = title_,                                                                       \
        .help =                                                                                \
            "The list of one side for the sequence, and where the other side has each item.  " \
            "x swaps, d shows disagreement only, J takes the next "                            \
            "question on which the sides disagree.  A side without @ follows the time keys.",  \
        .flags = VIEW_NEEDS_DATA | VIEW_EXPORTS,                                               \
        .min_rows = 5,                                                                         \
        .min_cols = 24,                                                                        \
        .state_size = sizeof(struct list_state),                                               \
        .keys = compare_keys,                                                                  \
        .close = compare_close,                                                                \
        .ask = compare_ask,                                                                    \
        .answer = compare_answer,                                                              \
        .update = compare_update,                                                              \
        .wanted = wanted_,                                                                     \
        .draw = compare_draw,                                                                  \
        .key = compare_key,                                                                    \
        .click = compare_click,                                                                \
        .style = compare_styled,                                                               \
        .plot = compare_plot,                                                                  \
    }
SIDE(compare, "side 1", NULL);
SIDE(compare2, "side 2", NULL);
SIDE(compare3, "side 3", wanted_third);
SIDE(compare4, "side 4", wanted_fourth);
