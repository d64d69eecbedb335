/* The tab Compare, below: who is right on the held-out questions, case by case, and the
 * metric of the runs by step.  The questions are ranked by the explorer in parts, so that
 * what is asked by hand comes in between; what is done so far is shown. */
#include "app/cmd/agree.h"
#include "app/ui/plot.h"
#include "app/views/sides.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ranks of the sides ---- */

struct ranked {        /* a side's ranks so far */
    struct weights *w; /* whose they are; a reference */
    int64_t done;
    size_t seen_valid;    /* validations of its run when it began */
    struct rank_obs *obs; /* (n) heap */
    char error[256];
};
struct cases_state {
    struct ranked side[UI_COMPARED];
    int64_t n; /* questions; what follows says which */
    struct eval_spec spec;
    uint64_t data;
    struct sides sides;
    int asking; /* side of the open question, -1 none */
    uint64_t tag;
    bool stopped, cancelled;
};

static void forget(struct ranked *r)
{
    weights_unref(r->w);
    free(r->obs);
    memset(r, 0, sizeof *r);
}

static size_t validations(const struct app *a, int slot)
{
    const struct series *s = slot_series(a, slot, "valid.hr");
    return s ? series_len(s) : 0;
}

/* A run that goes on changes all the time: it is ranked anew after each of its validations. */
static bool outdated(const struct ui *u, const struct cases_state *st, int i,
                     const struct side *s)
{
    const struct ranked *r = &st->side[i];
    if (!r->w || r->w->ps != s->w->ps || r->w->seed != s->w->seed)
        return true;
    if (r->w->step == s->w->step)
        return false;
    return !app_running(u->app, s->slot) || s->own_time || u->app->at != STEP_LIVE ||
           (r->done >= st->n && validations(u->app, s->slot) != r->seen_valid);
}

static int part_size(const struct app *a)
{
    int64_t k = 20000000 / (a->ds->n_items + 1); /* some 50 ms of work */
    return k < 64 ? 64 : k > 512 ? 512 : (int)k;
}

static void prepare(struct view *v)
{
    struct cases_state *st = v->state;
    const struct app *a = v->app;
    const struct ui_compare *c = &v->ui->compare;
    struct eval_spec spec;
    eval_defaults(&spec, a->split);
    spec.on = c->on;
    spec.exclude_seen = app_exclude_seen(a);
    spec.k = compare_k(v->ui);
    if (st->data != a->data_generation || st->spec.on != spec.on ||
        st->spec.exclude_seen != spec.exclude_seen) {
        for (int i = 0; i < UI_COMPARED; i++)
            forget(&st->side[i]);
        st->n = eval_count(a->split, &spec);
        st->data = a->data_generation;
        st->stopped = false;
    }
    st->spec = spec;
    sides_done(&st->sides);
    sides_take(v->ui, &st->sides);
    /* Sides that changed places keep their ranks. */
    for (int i = 0; i < st->sides.n; i++)
        for (int k = 0; k < UI_COMPARED; k++)
            if (k != i && st->side[k].w == st->sides.side[i].w &&
                st->side[k].w != st->side[i].w) {
                struct ranked r = st->side[i];
                st->side[i] = st->side[k];
                st->side[k] = r;
            }
    for (int i = 0; i < st->sides.n; i++) {
        const struct side *s = &st->sides.side[i];
        if (!outdated(v->ui, st, i, s))
            continue;
        forget(&st->side[i]);
        st->side[i].w = weights_ref(s->w);
        st->side[i].seen_valid = validations(a, s->slot);
        st->stopped = false;
    }
}

static bool cases_ask(struct view *v, int which, struct view_ask *ask)
{
    struct cases_state *st = v->state;
    const struct app *a = v->app;
    if (which > 0 || !a->ds || !a->split)
        return false;
    prepare(v);
    st->asking = -1;
    if (st->stopped || st->sides.n < 2)
        return false;
    for (int i = 0; i < st->sides.n; i++) {
        struct ranked *r = &st->side[i];
        if (r->done >= st->n || r->error[0])
            continue;
        if (!r->obs)
            r->obs = malloc((size_t)st->n * sizeof *r->obs);
        if (!r->obs) {
            snprintf(r->error, sizeof r->error, "no memory for %lld ranks", (long long)st->n);
            continue;
        }
        st->asking = i;
        st->tag = (uint64_t)r->done * UI_COMPARED + (uint64_t)i + 1;
        st->tag = (st->tag * 0x100000001b3u) ^ (uint64_t)(uintptr_t)r->w;
        ask->w = r->w;
        ask->q.kind = ASK_RANKS;
        ask->q.eval = st->spec;
        ask->q.from = r->done;
        ask->q.n_case = part_size(a);
        ask->q.tag = st->tag;
        return true;
    }
    return false;
}

static bool cases_answer(struct view *v, int which, const struct answer *a)
{
    struct cases_state *st = v->state;
    if (which > 0 || st->asking < 0 || a->tag != st->tag)
        return false;
    struct ranked *r = &st->side[st->asking];
    if (a->err.code) {
        snprintf(r->error, sizeof r->error, "%s", a->err.msg);
        return true;
    }
    if (a->n_rank > 0 && r->done + a->n_rank <= st->n) {
        memcpy(r->obs + r->done, a->rank, (size_t)a->n_rank * sizeof *r->obs);
        r->done += a->n_rank;
    }
    return true;
}

static int64_t ranked_both(const struct cases_state *st, int i, int k)
{
    int64_t x = st->side[i].done, y = st->side[k].done;
    return x < y ? x : y;
}

static void agree(const struct view *v, int i, struct case_agreement *g)
{
    const struct cases_state *st = v->state;
    cases_agree(st->side[0].obs, st->side[i].obs, ranked_both(st, 0, i),
                (enum quantity_kind)v->ui->compare.metric, st->spec.k, g);
}

static bool cases_update(struct view *v, const struct snapshot *snap)
{
    struct cases_state *st = v->state;
    (void)snap;
    char m[24];
    if (v->app->cancel && !st->cancelled) /* Ctrl-C; the flag stays up until the next command */
        st->stopped = true;
    st->cancelled = v->app->cancel;
    snprintf(v->title, sizeof v->title, "%s set: who is right",
             v->ui->compare.on == PART_TEST ? "test" : "validation");
    snprintf(
        v->note, sizeof v->note, "%s",
        metric_text((enum quantity_kind)v->ui->compare.metric, compare_k(v->ui), m, sizeof m));
    return false;
}

/* ---- drawing ---- */

static void side_name(const struct view *v, int i, char *buf, size_t size)
{
    const struct cases_state *st = v->state;
    const struct side *s = &st->sides.side[i];
    bool twice = false;
    for (int k = 0; k < st->sides.n; k++)
        twice = twice || (k != i && st->sides.side[k].slot == s->slot);
    if (twice && st->side[i].w)
        snprintf(buf, size, "%c@%lld", 'A' + s->slot, (long long)st->side[i].w->step);
    else
        snprintf(buf, size, "%c", 'A' + s->slot);
}

int64_t cases_next_disagreement(struct app *a, struct eval_case *out, char *right, size_t size,
                                struct err *err)
{
    const struct view *v = ui_view(a, "cases");
    const struct cases_state *st = v ? v->state : NULL;
    int64_t n = st && st->sides.n > 1 ? ranked_both(st, 0, st->sides.against) : 0;
    if (n == 0) {
        err_set(err, ST_STATE, "the questions have not been ranked by two sides yet");
        err_hint(err, "bad-value", "Open the tab Compare with two models");
        return -1;
    }
    const struct rank_obs *x = st->side[0].obs, *y = st->side[st->sides.against].obs;
    int64_t from = a->ui->compare.at_case;
    for (int64_t i = 1; i <= n; i++) {
        int64_t at = (from + i) % n;
        bool r = x[at].rank > 0 && x[at].rank <= st->spec.k,
             s = y[at].rank > 0 && y[at].rank <= st->spec.k;
        if (r != s && eval_case_at(a->split, &st->spec, at, out)) {
            side_name(v, r ? 0 : st->sides.against, right, size);
            return at;
        }
    }
    err_set(err, ST_STATE, "the sides agree on all %lld questions ranked so far", (long long)n);
    err_hint(err, "bad-value", NULL);
    return -1;
}

static int draw_progress(const struct view *v, const struct canvas *c, int row)
{
    const struct cases_state *st = v->state;
    char name[24], b1[FMT_NUM], b2[FMT_NUM];
    for (int i = 0; i < st->sides.n; i++) {
        const struct ranked *r = &st->side[i];
        if (r->error[0]) {
            side_name(v, i, name, sizeof name);
            char text[300];
            snprintf(text, sizeof text, "%s: %s", name, r->error);
            return canvas_wrap(&(struct canvas){c->g, c->theme, c->row + row, c->col + 1,
                                                c->rows - row, c->cols - 2},
                               0, ROLE_BAD, text);
        }
        if (r->done >= st->n)
            continue;
        side_name(v, i, name, sizeof name);
        int w =
            1 + canvas_printf(c, row, 1, st->stopped ? ROLE_WARN : ROLE_DIM, "%s %s: %s of %s",
                              st->stopped ? "stopped at" : "ranking", name,
                              fmt_count(b1, (double)r->done), fmt_count(b2, (double)st->n));
        int room = c->cols - w - 2 - 13;
        if (room > 4)
            canvas_bar(c, row, w + 1, room, ROLE_BAR, (double)r->done, (double)st->n);
        canvas_right(c, row, c->cols - 13, 12, ROLE_DIM,
                     st->stopped ? "Enter goes on" : "Esc stops");
        return 1;
    }
    return 0;
}

static int draw_table(const struct canvas *c, int row, const struct case_agreement *g,
                      const char *x, const char *y)
{
    char head[40], b[FMT_NUM], share[FMT_NUM];
    const int64_t cell[2][2] = {{g->both, g->first}, {g->second, g->neither}};
    int w0 = text_width(x) + 9, w = (c->cols - 2 - w0) / 2;
    w = w > 20 ? 20 : w;
    for (int k = 0; k < 2; k++) {
        snprintf(head, sizeof head, "%.24s %s", y, k ? "wrong" : "right");
        canvas_right(c, row, 1 + w0 + k * w, w, ROLE_DIM, head);
    }
    for (int r = 0; r < 2; r++) {
        snprintf(head, sizeof head, "%.24s %s", x, r ? "wrong" : "right");
        canvas_left(c, row + 1 + r, 2, w0, ROLE_DIM, head);
        for (int k = 0; k < 2; k++) {
            bool odd = r != k;
            canvas_right(c, row + 1 + r, 1 + w0 + k * w, w - (w > 13 ? 6 : 0),
                         odd ? ROLE_STRONG : ROLE_TEXT, fmt_count(b, (double)cell[r][k]));
            if (w > 13 && g->n > 0) {
                snprintf(head, sizeof head, "%s%%",
                         fmt_fixed(share, 100 * (double)cell[r][k] / (double)g->n, 0));
                canvas_right(c, row + 1 + r, 1 + w0 + k * w + w - 5, 5, ROLE_DIM, head);
            }
        }
    }
    return 3;
}

static const char *verdict_text(const struct case_agreement *g, const char *x, const char *y,
                                bool tight, char *buf, size_t size)
{
    int k = cases_verdict(g);
    snprintf(buf, size,
             k == 0  ? "not decided"
             : tight ? "decided: %s"
                     : "decided: %s is better",
             k > 0 ? x : y);
    return buf;
}

static void interval_text(const struct case_agreement *g, char *buf, size_t size)
{
    char low[FMT_NUM], high[FMT_NUM];
    double lo = g->difference - g->half, hi = g->difference + g->half;
    snprintf(buf, size, "[%s%s, %s%s]", lo < 0 ? "-" : "+", fmt_prob(low, fabs(lo)),
             hi < 0 ? "-" : "+", fmt_prob(high, fabs(hi)));
}

/* The interval as a picture: where it lies about zero. */
static void draw_interval(const struct canvas *c, int row, int col, int width,
                          const struct case_agreement *g, double full)
{
    if (width < 11 || !(full > 0))
        return;
    int mid = width / 2;
    for (int k = 0; k < width; k++) {
        double x0 = ((double)k - 0.5 - mid) / mid * full,
               x1 = ((double)k + 0.5 - mid) / mid * full;
        bool in = x1 > g->difference - g->half &&
                  x0<g->difference + g->half, centre = g->difference> x0 && g->difference <= x1;
        if (k == mid)
            canvas_glyph(c, row, col + k, ROLE_AXIS, G_VLINE);
        if (centre)
            canvas_glyph(c, row, col + k, cases_verdict(g) ? ROLE_GOOD : ROLE_WARN, G_BAR_FULL);
        else if (in)
            canvas_glyph(c, row, col + k, cases_verdict(g) ? ROLE_GOOD : ROLE_WARN,
                         k == mid ? G_CROSS : G_HLINE);
    }
}

static void cases_draw(const struct view *v, struct canvas *c)
{
    const struct cases_state *st = v->state;
    if (st->sides.n < 2) {
        draw_empty(c, "who is right, question by question", "needs two sides");
        return;
    }
    if (st->n == 0) {
        draw_empty(c, "no held-out questions in these data", "");
        return;
    }
    int at = st->sides.against, row = 0;
    char x[24], y[24], m[24], b1[FMT_NUM], b2[FMT_NUM], b3[FMT_NUM], text[160], range[64];
    side_name(v, 0, x, sizeof x);
    side_name(v, at, y, sizeof y);
    struct case_agreement g;
    agree(v, at, &g);
    bool tight = c->rows < 9;
    if (!tight)
        row++;
    row += draw_table(c, row, &g, x, y) + (tight ? 0 : 1);
    int note = draw_progress(v, c, row);
    if (note) {
        row += note;
    } else {
        canvas_printf(c, row++, 1, ROLE_DIM, "%s cases, full ranking, seen %s",
                      fmt_count(b1, (double)g.n), st->spec.exclude_seen ? "left out" : "kept");
    }
    if (g.n == 0)
        return;
    metric_text((enum quantity_kind)v->ui->compare.metric, st->spec.k, m, sizeof m);
    canvas_printf(c, row++, 1, ROLE_TEXT, "%s  %s %s   %s %s   %s%s%s", m, x,
                  fmt_prob(b1, g.mean[0]), y, fmt_prob(b2, g.mean[1]),
                  c->cols >= 46 ? "difference " : "", g.difference < 0 ? "-" : "+",
                  fmt_prob(b3, fabs(g.difference)));
    interval_text(&g, range, sizeof range);
    int w = 1 + canvas_printf(c, row, 1, ROLE_TEXT,
                              c->cols >= 52 ? "paired 95 %%: %s  " : "95 %%: %s  ", range);
    bool partial = ranked_both(st, 0, at) < st->n;
    verdict_text(&g, x, y, c->cols < 44, text, sizeof text);
    canvas_text(c, row++, w,
                partial             ? ROLE_DIM
                : cases_verdict(&g) ? ROLE_GOOD
                                    : ROLE_WARN,
                partial ? "so far" : text);
    double full = 0;
    struct case_agreement all[UI_COMPARED];
    for (int i = 1; i < st->sides.n; i++) {
        agree(v, i, &all[i]);
        double f = fabs(all[i].difference) + all[i].half;
        full = f > full ? f : full;
    }
    if (row + 1 >= c->rows || c->rows < 11)
        return;
    row++;
    int at_bar = 0, w_bar = 0;
    for (int i = 1; i < st->sides.n && row < c->rows; i++) { /* each side against the first */
        side_name(v, i, y, sizeof y);
        int w_name = canvas_printf(c, row, 1, i == at ? ROLE_STRONG : ROLE_DIM, "%s-%s ", x, y);
        at_bar = 2 + w_name;
        w_bar = c->cols - w_name - 4 > 61 ? 61 : c->cols - w_name - 4;
        draw_interval(c, row, at_bar, w_bar, &all[i], full * 1.05);
        row++;
    }
    /* the scale: what lies right of 0 speaks for the first */
    if (row < c->rows && w_bar >= 21) {
        canvas_printf(c, row, at_bar, ROLE_AXIS, "-%s", fmt_prob(b1, full * 1.05));
        canvas_text(c, row, at_bar + w_bar / 2, ROLE_AXIS, "0");
        char right[FMT_NUM + 1];
        snprintf(right, sizeof right, "+%s", fmt_prob(b2, full * 1.05));
        canvas_right(c, row, at_bar + w_bar - 8, 8, ROLE_AXIS, right);
    }
}

static bool cases_key(struct view *v, const char *key)
{
    struct cases_state *st = v->state;
    if (strcmp(key, "Esc") == 0 && !st->stopped && st->asking >= 0) {
        st->stopped = true;
        return true;
    }
    if (strcmp(key, "Enter") == 0 && st->stopped) {
        st->stopped = false;
        return true;
    }
    return false;
}

static bool cases_style(struct view *v, const char *name)
{
    if (strcmp(name, "test") == 0 || strcmp(name, "valid") == 0) {
        v->ui->compare.on = name[0] == 't' ? PART_TEST : PART_VALID;
        return true;
    }
    return compare_style(v->ui, name);
}

static void cases_close(struct view *v)
{
    struct cases_state *st = v->state;
    sides_done(&st->sides);
    for (int i = 0; i < UI_COMPARED; i++)
        forget(&st->side[i]);
}

static void cases_plot(const struct view *v, struct plot *p)
{
    static char line[4][320];
    static const char *lines[4] = {"needs two sides"};
    const struct cases_state *st = v->state;
    struct plot_panel *panel = plot_add(p, PLOT_TEXT, v->title);
    if (!panel)
        return;
    panel->lines = lines;
    panel->n_lines = 1;
    if (st->sides.n < 2)
        return;
    char x[24], y[24], m[24], range[64], text[80], b1[FMT_NUM], b2[FMT_NUM];
    struct case_agreement g;
    side_name(v, 0, x, sizeof x);
    side_name(v, st->sides.against, y, sizeof y);
    agree(v, st->sides.against, &g);
    interval_text(&g, range, sizeof range);
    metric_text((enum quantity_kind)v->ui->compare.metric, st->spec.k, m, sizeof m);
    snprintf(line[0], sizeof line[0], "%-12s %12s right %12s wrong", "", y, y);
    snprintf(line[1], sizeof line[1], "%6s right %18lld %18lld", x, (long long)g.both,
             (long long)g.first);
    snprintf(line[2], sizeof line[2], "%6s wrong %18lld %18lld", x, (long long)g.second,
             (long long)g.neither);
    snprintf(line[3], sizeof line[3], "%s %s %s, %s %s, paired 95 %% %s, %s (%lld cases)", m, x,
             fmt_prob(b1, g.mean[0]), y, fmt_prob(b2, g.mean[1]), range,
             verdict_text(&g, x, y, false, text, sizeof text), (long long)g.n);
    for (int i = 0; i < 4; i++)
        lines[i] = line[i];
    panel->n_lines = 4;
}

static const char *const cases_keys[] = {"v", "metric", "Esc", "stop", NULL};
const struct view_def view_cases = {
    .name = "cases",
    .title = "who is right",
    .help = "Every held-out question ranked by both sides: who has the target among the first "
            "k, the metric's difference and its paired 95 % interval.  Styles: hr ndcg mrr; "
            "test valid.  Esc stops, Enter goes on.",
    .flags = VIEW_NEEDS_DATA | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 30,
    .state_size = sizeof(struct cases_state),
    .keys = cases_keys,
    .close = cases_close,
    .ask = cases_ask,
    .answer = cases_answer,
    .update = cases_update,
    .draw = cases_draw,
    .key = cases_key,
    .style = cases_style,
    .plot = cases_plot,
};

/* ---- the metric by step ---- */

struct bystep_state {
    struct curve_cache *cache;
};

static bool point(const void *ctx, size_t i, double *x, double *y)
{
    return series_at(ctx, i, x, y);
}

struct bystep {
    struct curve_chart c;
    struct curve_series series[UI_COMPARED];
    char name[UI_COMPARED][32];
    struct curve_event event[UI_COMPARED];
    char text[UI_COMPARED][80];
};

static void build(const struct view *v, struct bystep *b)
{
    const struct app *a = v->app;
    static const char *const names[] = {
        [Q_HR] = "valid.hr", [Q_NDCG] = "valid.ndcg", [Q_MRR] = "valid.mrr"};
    const struct bystep_state *st = v->state;
    struct sides s;
    memset(b, 0, sizeof *b);
    sides_take(v->ui, &s);
    b->c = (struct curve_chart){.title = v->title,
                                .x_name = "step",
                                .series = b->series,
                                .events = b->event,
                                .legend = v->h >= 10,
                                .cache = st->cache};
    for (int i = 0; i < s.n; i++) {
        const struct side *d = &s.side[i];
        const struct series *y = slot_series(a, d->slot, names[v->ui->compare.metric]);
        bool before = false;
        for (int k = 0; k < i; k++)
            before = before || s.side[k].slot == d->slot;
        if (y && series_len(y) > 0 && !before) {
            size_t k = b->c.n_series++;
            snprintf(b->name[k], sizeof b->name[k], "%c %.*s", 'A' + d->slot,
                     (int)strcspn(a->slots[d->slot].model->title, " ("),
                     a->slots[d->slot].model->title);
            b->series[k] = (struct curve_series){.name = b->name[k],
                                                 .letter = (char)('A' + d->slot),
                                                 .run = d->slot,
                                                 .n = series_len(y),
                                                 .at = point,
                                                 .ctx = y,
                                                 .version = (uint64_t)(uintptr_t)y};
        }
        if (d->own_time || v->app->at != STEP_LIVE) {
            size_t k = b->c.n_events++;
            snprintf(b->text[k], sizeof b->text[k], "side %c @%lld", 'A' + d->slot,
                     (long long)d->step);
            b->event[k] = (struct curve_event){(double)d->step, b->text[k]};
        }
    }
    sides_done(&s);
}

static enum status bystep_open(struct view *v, struct err *err)
{
    struct bystep_state *st = v->state;
    st->cache = curve_cache_new();
    return st->cache ? ST_OK : err_nomem(err, 0, "the curves");
}

static void bystep_close(struct view *v)
{
    curve_cache_free(((struct bystep_state *)v->state)->cache);
}

static bool bystep_update(struct view *v, const struct snapshot *s)
{
    char m[24];
    (void)s;
    int k =
        v->app->slots[v->app->slot].valid.n > 0 ? (int)v->app->slots[v->app->slot].valid.k : 10;
    snprintf(v->title, sizeof v->title, "%s by step",
             metric_text((enum quantity_kind)v->ui->compare.metric, k, m, sizeof m));
    snprintf(v->note, sizeof v->note, "validation");
    return true;
}

static void bystep_draw(const struct view *v, struct canvas *c)
{
    struct bystep b;
    build(v, &b);
    if (b.c.n_series == 0) {
        draw_empty(c, "the metric after each validation", "none yet");
        return;
    }
    struct curve_info info;
    curves_draw(c, &b.c, &info);
}

static bool bystep_style(struct view *v, const char *name)
{
    return compare_style(v->ui, name);
}

static void bystep_plot(const struct view *v, struct plot *p)
{
    static struct bystep b;
    build(v, &b);
    struct plot_panel *panel = plot_add(p, PLOT_CURVES, v->title);
    if (panel)
        panel->curves = b.c;
}

static const char *const bystep_keys[] = {"v", "metric", NULL};
const struct view_def view_bystep = {
    .name = "bystep",
    .title = "metric by step",
    .help = "The chosen metric of the sides' runs after each validation; carets where a side "
            "stands.",
    .flags = VIEW_LIVE | VIEW_EXPORTS,
    .min_rows = 5,
    .min_cols = 20,
    .state_size = sizeof(struct bystep_state),
    .keys = bystep_keys,
    .open = bystep_open,
    .close = bystep_close,
    .update = bystep_update,
    .draw = bystep_draw,
    .style = bystep_style,
    .plot = bystep_plot,
};
