/* The Data tab: facts of the data set, the planted rule with its ceiling, popularity and
 * lengths, the sessions. */
#include "app/ui/plot.h"
#include "app/cmd/command.h"
#include "app/views/view_util.h"

#include "engine/base/arena.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- facts ---- */

struct facts_state {
    uint64_t of; /* hash of the data set the counts are of */
    int32_t min, median, max;
    int64_t repeats; /* events whose item was in the session before */
    double density;
    unsigned split_of; /* app's data_generation when the questions were counted */
    int64_t valid, test;
};

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void count(struct facts_state *st, const struct dataset *ds)
{
    int32_t *len = malloc((size_t)(ds->n_sessions + 1) * sizeof *len);
    /* session + 1 that had the item */
    int32_t *last = calloc((size_t)ds->n_items + 1, sizeof *last);
    st->min = st->median = st->max = 0;
    st->repeats = 0;
    int64_t distinct = 0;
    for (int32_t s = 0; len && last && s < ds->n_sessions; s++) {
        len[s] = dataset_len(ds, s);
        for (int64_t e = ds->off[s]; e < ds->off[s + 1]; e++) {
            int32_t i = ds->item[e];
            if (last[i] == s + 1)
                st->repeats++;
            else
                distinct++;
            last[i] = s + 1;
        }
    }
    if (len && last && ds->n_sessions > 0) {
        qsort(len, (size_t)ds->n_sessions, sizeof *len, by_value);
        st->min = len[0];
        st->median = len[ds->n_sessions / 2];
        st->max = len[ds->n_sessions - 1];
    }
    double cells = (double)ds->n_sessions * (double)ds->n_items;
    st->density = cells > 0 ? (double)distinct / cells : 0;
    free(len);
    free(last);
}

static bool facts_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct facts_state *st = v->state;
    const struct dataset *ds = v->app->ds;
    if (ds && st->of != ds->hash) {
        count(st, ds);
        st->of = ds->hash;
    }
    if (ds && st->split_of != v->app->data_generation) {
        st->valid = app_questions(v->app, PART_VALID);
        st->test = app_questions(v->app, PART_TEST);
        st->split_of = v->app->data_generation;
    }
    return false;
}

static void pair(struct canvas *c, int *row, const char *label, const char *value)
{
    if (*row >= c->rows)
        return;
    canvas_left(c, *row, 1, 9, ROLE_DIM, label);
    struct canvas t = canvas_sub(c, *row, 11, REST, REST);
    t.cols = c->cols - 12 > 0 ? c->cols - 12 : 0;
    int used = canvas_wrap(&t, 0, ROLE_TEXT, value);
    *row += used > 0 ? used : 1;
}

/* What can be reached, and what is to beat.  Returns the row after it. */
static int goals_draw(const struct app *a, struct canvas *c, int row)
{
    char t[256], b1[FMT_NUM], b2[FMT_NUM], b3[FMT_NUM], b4[FMT_NUM];
    const struct ceiling *top = app_ceiling(a);
    if (top) {
        int n = snprintf(t, sizeof t, "HR@10 %s  NDCG@10 %s", fmt_prob(b1, top->hr10),
                         fmt_prob(b2, top->ndcg10));
        if (n + 23 < c->cols)
            n += snprintf(t + n, sizeof t - (size_t)n, "  HR@1 %s", fmt_prob(b3, top->hr1));
        bool fits = n + 25 < c->cols; /* its label before it, the loss behind it */
        if (fits)
            snprintf(t + n, sizeof t - (size_t)n, "  loss %s", fmt_num(b4, top->logloss));
        pair(c, &row, "ceiling", t);
        if (!fits && row < c->rows) {
            snprintf(t, sizeof t, "loss %s", fmt_num(b4, top->logloss));
            pair(c, &row, "floor", t);
        }
    } else {
        pair(c, &row, "ceiling",
             a->ds->world ? "being computed" : "unknown: only planted data have one");
    }
    if (a->base.ready) {
        int n = snprintf(t, sizeof t, "HR@%d:", (int)a->base.row[0].r.k);
        for (int i = 0; i < a->base.n && n < (int)sizeof t; i++)
            n += snprintf(t + n, sizeof t - (size_t)n, " %s %s ", a->base.row[i].model->name,
                          fmt_prob(b1, a->base.row[i].r.hr));
        pair(c, &row, "to beat", t);
    }
    return row;
}

static void facts_draw(const struct view *v, struct canvas *c)
{
    const struct facts_state *st = v->state;
    const struct app *a = v->app;
    const struct dataset *ds = a->ds;
    const struct split *sp = a->split;
    char t[256], b1[FMT_NUM], b2[FMT_NUM];
    int row = 0;
    bool small = c->rows < 12; /* the goals come before what is left over then */
    if (!ds) {
        draw_empty(c, "no data yet", ":data load bazaar   or   :data load FILE");
        return;
    }
    if (ds->world)
        snprintf(t, sizeof t, "%s, made here, seed %llu", ds->name,
                 (unsigned long long)world_options(ds->world)->seed);
    else
        snprintf(t, sizeof t, "%s", ds->name);
    pair(c, &row, "name", t);
    if (sp)
        snprintf(t, sizeof t, "%s   train %s", fmt_count(b1, ds->n_sessions),
                 fmt_count(b2, sp->n_train));
    else
        snprintf(t, sizeof t, "%s", fmt_count(b1, ds->n_sessions));
    pair(c, &row, ds->by_user ? "users" : "sessions", t);
    snprintf(t, sizeof t, "%s   clicks %s", fmt_count(b1, ds->n_items),
             fmt_count(b2, (double)ds->n_events));
    pair(c, &row, "items", t);
    if (small)
        row = goals_draw(a, c, row);
    snprintf(t, sizeof t, "min %d  median %d  max %d", (int)st->min, (int)st->median,
             (int)st->max);
    pair(c, &row, "length", t);
    snprintf(t, sizeof t,
             c->cols >= 48 ? "%s %%   repeats in a session %s %%" : "%s %%   repeats %s %%",
             fmt_fixed(b1, 100 * st->density, 2),
             fmt_fixed(
                 b2, ds->n_events ? 100.0 * (double)st->repeats / (double)ds->n_events : 0, 1));
    pair(c, &row, "density", t);
    if (sp) {
        snprintf(t, sizeof t, "%s", sp->name);
        /* rather tight than over two lines */
        for (char *gap; text_width(t) > c->cols - 12 && (gap = strstr(t, " / "));) {
            *gap = '/';
            memmove(gap + 1, gap + 3, strlen(gap + 3) + 1);
        }
        pair(c, &row, "split", t);
        snprintf(t, sizeof t, "valid %s   test %s", fmt_count(b1, (double)st->valid),
                 fmt_count(b2, (double)st->test));
        pair(c, &row, "questions", t);
    }
    snprintf(t, sizeof t, "%016llx", (unsigned long long)ds->hash);
    pair(c, &row, "hash", t);
    if (!small)
        goals_draw(a, c, row + (row + 1 < c->rows && c->rows > 12));
}

/* ---- the planted rule ---- */

enum { BEST = 8 };
struct planted_state {
    uint64_t of;
    int n;
    int32_t item[BEST];
    double odds[BEST], entropy;
    struct arena *mem;
};

static enum status planted_open(struct view *v, struct err *err)
{
    return arena_new(&((struct planted_state *)v->state)->mem, 1 << 16, err);
}
static void planted_close(struct view *v)
{
    arena_free(((struct planted_state *)v->state)->mem);
}

static bool planted_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct planted_state *st = v->state;
    const struct app *a = v->app;
    if (!a->ds || !a->ds->world || !a->truth_shown || a->seq.n == 0) {
        st->n = 0;
        st->of = 0;
        return false;
    }
    uint64_t of = sequence_hash(&a->seq) ^ a->ds->hash;
    if (of == st->of)
        return false;
    st->of = of;
    st->n = 0;
    double *p = calloc((size_t)a->ds->n_items + 1, sizeof *p);
    if (!p)
        return false;
    arena_reset(st->mem);
    world_odds(a->ds->world, a->seq.item, a->seq.n, p, st->mem);
    st->entropy = entropy_of(p, a->ds->n_items);
    for (st->n = 0; st->n < BEST; st->n++) {
        int32_t best = 0;
        for (int32_t i = 1; i <= a->ds->n_items; i++)
            if (p[i] > 0 && (!best || p[i] > p[best]))
                best = i;
        if (!best)
            break;
        st->item[st->n] = best;
        st->odds[st->n] = p[best];
        p[best] = 0;
    }
    free(p);
    return true;
}

static void planted_draw(const struct view *v, struct canvas *c)
{
    const struct planted_state *st = v->state;
    const struct app *a = v->app;
    if (!a->ds || !a->ds->world) {
        draw_empty(c, a->ds ? "real data: nobody knows the rule" : "no data yet",
                   a->ds ? "worlds have one: data list" : "");
        return;
    }
    const struct world_def *w = world_of(a->ds->world);
    struct canvas t = canvas_sub(c, 0, 1, REST, REST);
    t.cols = c->cols - 2;
    int row = 0;
    char b1[FMT_NUM], b2[FMT_NUM], b3[FMT_NUM];
    row += canvas_wrap(&t, row, ROLE_STRONG, w->title);
    row += canvas_wrap(&t, row, ROLE_TEXT, w->planted);
    row += canvas_wrap(&t, row, ROLE_DIM, w->who);
    row += row + 6 < t.rows;
    const struct ceiling *top = app_ceiling(a);
    if (top) {
        canvas_printf(&t, row++, 0, ROLE_TEXT, "best possible  HR@1 %s  HR@10 %s",
                      fmt_prob(b1, top->hr1), fmt_prob(b2, top->hr10));
        canvas_printf(&t, row++, 0, ROLE_DIM, "floor of the loss %s nats (+- %s)",
                      fmt_num(b1, top->logloss), fmt_short(b3, top->se_logloss));
    }
    row += row + 3 < t.rows;
    if (!a->truth_shown) {
        canvas_text(&t, row, 0, ROLE_DIM, "T  shows the true odds after the sequence");
        return;
    }
    if (a->seq.n == 0 || st->n == 0) {
        canvas_text(&t, row, 0, ROLE_DIM,
                    "Enter in the list of sessions makes one the sequence");
        return;
    }
    canvas_printf(&t, row++, 0, ROLE_DIM,
                  "after the sequence (entropy %s nats):", fmt_num(b1, st->entropy));
    int id = item_digits(a), w_item = id + 17 < t.cols - 10 ? id + 17 : t.cols - 10;
    for (int i = 0; i < st->n && row < t.rows; i++, row++) {
        draw_item(&t, row, 0, w_item, id, ROLE_TEXT, a, st->item[i]);
        canvas_right(&t, row, w_item + 1, 6, ROLE_LEVEL, fmt_fixed(b1, st->odds[i], 3));
        canvas_bar(&t, row, w_item + 8, t.cols - w_item - 8, ROLE_LEVEL, st->odds[i],
                   st->odds[0]);
    }
}

/* ---- popularity and length ---- */

struct pop_state {
    uint64_t of;
    int32_t n;
    double *y; /* clicks by rank, falling */
};

static int by_falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static bool pop_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct pop_state *st = v->state;
    const struct dataset *ds = v->app->ds;
    if (!ds || st->of == ds->hash || !ds->popularity)
        return false;
    double *y = realloc(st->y, (size_t)ds->n_items * sizeof *y);
    if (!y)
        return false;
    st->y = y;
    for (int32_t i = 0; i < ds->n_items; i++)
        y[i] = (double)ds->popularity[i + 1];
    qsort(y, (size_t)ds->n_items, sizeof *y, by_falling);
    st->n = ds->n_items;
    st->of = ds->hash;
    return true;
}

static bool pop_point(const void *ctx, size_t i, double *x, double *y)
{
    const struct pop_state *st = ctx;
    *x = (double)i + 1;
    *y = st->y[i];
    return true;
}

static void pop_chart(const struct pop_state *st, struct curve_chart *c, struct curve_series *s)
{
    *s = (struct curve_series){.name = "clicks by rank",
                               .n = (size_t)st->n,
                               .at = pop_point,
                               .ctx = st,
                               .run = 0,
                               .version = st->of};
    *c = (struct curve_chart){.x_name = "rank of item",
                              .y_name = "clicks",
                              .series = s,
                              .n_series = 1,
                              .log_y = true,
                              .log_x = true,
                              .x_total = st->n};
}

static void pop_draw(const struct view *v, struct canvas *c)
{
    const struct pop_state *st = v->state;
    if (!st->y || st->n < 1) {
        draw_empty(c, "clicks by rank of the item", "");
        return;
    }
    struct curve_series s;
    struct curve_chart chart;
    struct curve_info info;
    pop_chart(st, &chart, &s);
    curves_draw(c, &chart, &info);
}

static void pop_close(struct view *v)
{
    free(((struct pop_state *)v->state)->y);
}

static void pop_plot(const struct view *v, struct plot *p)
{
    static struct curve_series s;
    struct plot_panel *panel = plot_add(p, PLOT_CURVES, "popularity");
    if (panel)
        pop_chart(v->state, &panel->curves, &s);
}

/* ---- sessions ---- */

struct sessions_state {
    int at, top;
    uint64_t of;
};

static bool sessions_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct sessions_state *st = v->state;
    const struct dataset *ds = v->app->ds;
    char b[FMT_NUM], b2[FMT_NUM];
    if (ds && st->of != ds->hash) {
        st->at = st->top = 0;
        st->of = ds->hash;
    }
    if (ds)
        snprintf(v->note, sizeof v->note, "%s of %s", fmt_count(b, st->at + 1.0),
                 fmt_count(b2, ds->n_sessions));
    return false;
}

static const char *part_of(const struct app *a, int32_t s)
{
    const struct split *sp = a->split;
    if (!sp || sp->kind != SPLIT_SESSIONS)
        return "";
    if (sp->train_len && sp->train_len[s] > 0)
        return "";
    if (sp->n_test > 0 && sp->test[0].session <= s)
        return "test";
    return "valid";
}

static void sessions_draw(const struct view *v, struct canvas *c)
{
    const struct sessions_state *st = v->state;
    const struct app *a = v->app;
    const struct dataset *ds = a->ds;
    if (!ds || ds->n_sessions == 0) {
        draw_empty(c, "no sessions yet", "");
        return;
    }
    int detail = c->rows >= 9 ? 4 : c->rows >= 5 ? 1 : 0, rows = c->rows - detail, digits = 1;
    for (int32_t n = ds->n_sessions; n >= 10; n /= 10)
        digits++;
    int top = canvas_scroll(st->top, st->at, rows, ds->n_sessions);
    for (int y = 0; y < rows && top + y < ds->n_sessions; y++) {
        int32_t s = top + y;
        char t[512];
        const char *part = part_of(a, s);
        size_t at = 0;
        int n = dataset_len(ds, s);
        for (int i = 0; i < n && at < sizeof t - 16; i++)
            at += (size_t)snprintf(t + at, sizeof t - at,
                                   i == n - 1 && n > 1 ? " | %d"
                                   : i                 ? " %d"
                                                       : "%d",
                                   (int)ds->item[ds->off[s] + i]);
        t[at] = '\0';
        canvas_printf(c, y, 1, ROLE_DIM, "s%0*d", digits, (int)s + 1);
        struct canvas line = canvas_sub(c, y, digits + 4, 1, REST);
        line.cols = c->cols - digits - 5 - (*part ? 6 : 0);
        canvas_text(&line, 0, 0, ROLE_TEXT, t);
        if (*part)
            canvas_right(c, y, c->cols - 6, 5, ROLE_DIM, part);
        if (s == st->at)
            canvas_paint(c, y, 0, c->cols, v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
    if (!detail)
        return;
    /* The session under the cursor in words, and in worlds what the pattern made of its
     * clicks once the truth is shown. */
    char t[1024];
    size_t at = 0;
    int64_t from = ds->off[st->at];
    int n = dataset_len(ds, st->at);
    for (int i = 0; i < n && at < sizeof t - 96; i++) {
        const char *name = item_name(a, ds->item[from + i]);
        if (*name)
            at += (size_t)snprintf(t + at, sizeof t - at, "%s%.60s", i ? ", " : "", name);
        else
            at += (size_t)snprintf(t + at, sizeof t - at, "%s%d", i ? ", " : "",
                                   (int)ds->item[from + i]);
        if (a->truth_shown && ds->flag && ds->flag[from + i] != WF_NONE &&
            ds->flag[from + i] != WF_STEP)
            at += (size_t)snprintf(t + at, sizeof t - at, " [%s]",
                                   world_flag_name((enum world_flag)ds->flag[from + i]));
    }
    struct canvas box = canvas_sub(c, rows, 1, detail, REST);
    box.cols = c->cols - 2;
    if (detail > 1) {
        canvas_hline(&box, 0, 0, box.cols, ROLE_FRAME);
        canvas_wrap(&box, 1, ROLE_DIM, t);
    } else {
        canvas_text(&box, 0, 0, ROLE_DIM, t);
    }
}

/* Enter is a command (seq from s:N), so that the log can replay it: the screen asks for it
 * here. */
static bool sessions_key(struct view *v, const char *key)
{
    struct sessions_state *st = v->state;
    if (!v->app->ds || !list_key(key, &st->at, v->app->ds->n_sessions, v->h))
        return false;
    st->top =
        canvas_scroll(st->top, st->at, v->h > 9 ? v->h - 4 : v->h, v->app->ds->n_sessions);
    return true;
}

static bool sessions_enter(const struct view *v, char *line, size_t size)
{
    const struct sessions_state *st = v->state;
    if (!v->app->ds || st->at >= v->app->ds->n_sessions)
        return false;
    snprintf(line, size, "seq from s:%d", st->at + 1);
    return true;
}

static bool sessions_click(struct view *v, int row, int col, bool twice)
{
    struct sessions_state *st = v->state;
    (void)col;
    (void)twice;
    int detail = v->h >= 9 ? 4 : v->h >= 5 ? 1 : 0;
    if (!v->app->ds || row >= v->h - detail || st->top + row >= v->app->ds->n_sessions)
        return false;
    st->at = st->top + row;
    return true;
}

static bool has_item(const struct app *a, int32_t s, const char *text)
{
    for (int64_t e = a->ds->off[s]; e < a->ds->off[s + 1]; e++) {
        char name[80];
        app_item_text(a, a->ds->item[e], name, sizeof name);
        if (find_in(name, text))
            return true;
    }
    return false;
}

static bool sessions_find(struct view *v, const char *text, int dir)
{
    struct sessions_state *st = v->state;
    if (!v->app->ds)
        return false;
    int n = v->app->ds->n_sessions, step = dir < 0 ? -1 : 1;
    for (int k = 0, i = st->at + (dir ? step : 0); k < n && k < 200000; k++, i += step) {
        int s = ((i % n) + n) % n;
        if (has_item(v->app, s, text)) {
            st->at = s;
            st->top = canvas_scroll(st->top, s, v->h > 9 ? v->h - 4 : v->h, n);
            return true;
        }
    }
    return false;
}

/* data random */
static bool sessions_command(struct view *v, const struct cmd_call *call)
{
    struct sessions_state *st = v->state;
    if (!v->app->ds || !call_has(call, "session"))
        return false;
    int64_t s = call_int(call, "session", 1);
    if (s < 0 || s >= v->app->ds->n_sessions)
        return false;
    st->at = (int)s;
    return true;
}

const struct view_def view_facts = {
    .name = "facts",
    .title = "data set",
    .help = "Sizes, split, hash, ceiling and baselines of the data.",
    .flags = VIEW_NEEDS_DATA,
    .min_rows = 3,
    .min_cols = 20,
    .state_size = sizeof(struct facts_state),
    .update = facts_update,
    .draw = facts_draw,
};
const struct view_def view_planted = {
    .name = "planted",
    .title = "planted rule",
    .help = "What is planted in a generated world, the best possible scores, the true odds "
            "after the sequence.",
    .flags = VIEW_NEEDS_DATA,
    .min_rows = 3,
    .min_cols = 20,
    .state_size = sizeof(struct planted_state),
    .open = planted_open,
    .close = planted_close,
    .update = planted_update,
    .draw = planted_draw,
};
const struct view_def view_popularity = {
    .name = "popularity",
    .title = "popularity by rank, log-log",
    .help = "Clicks of the items by rank, both axes logarithmic.",
    .flags = VIEW_NEEDS_DATA | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 20,
    .state_size = sizeof(struct pop_state),
    .close = pop_close,
    .update = pop_update,
    .draw = pop_draw,
    .plot = pop_plot,
};
static const char *const sessions_keys[] = {"j/k", "session", "Enter", "use",
                                            "/",   "find",    NULL};
const struct view_def view_sessions = {
    .name = "sessions",
    .title = "sessions",
    .help = "The sessions; Enter makes the one under the cursor the sequence; / finds an item.",
    .flags = VIEW_NEEDS_DATA,
    .min_rows = 2,
    .min_cols = 20,
    .state_size = sizeof(struct sessions_state),
    .keys = sessions_keys,
    .update = sessions_update,
    .draw = sessions_draw,
    .key = sessions_key,
    .click = sessions_click,
    .enter = sessions_enter,
    .find = sessions_find,
    .command = sessions_command,
};
