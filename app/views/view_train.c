/* The Train tab: curves of loss and metrics, the numbers of the run, the list of runs. */
#include "app/background.h"
#include "app/ui/plot.h"
#include "app/views/view_util.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- curves ---- */

enum what { WHAT_LOSS, WHAT_VALID, WHAT_HR, WHAT_NDCG, WHAT_LR, WHAT_GNORM, WHATS };
static const struct {
    const char *style, *title, *train, *valid;
    bool log_y;
} whats[WHATS] = {
    [WHAT_LOSS] = {"loss", "loss", "loss", "valid.loss", true},
    [WHAT_VALID] = {"valid", "validation loss", NULL, "valid.loss", true},
    [WHAT_HR] = {"hr", "HR", NULL, "valid.hr", false},
    [WHAT_NDCG] = {"ndcg", "NDCG", NULL, "valid.ndcg", false},
    [WHAT_LR] = {"lr", "learning rate", "lr", NULL, false},
    [WHAT_GNORM] = {"gnorm", "gradient norm", "grad.norm", NULL, true},
};
enum { RUNS = 8, LEVELS = 3 + BASELINES, CARETS = 32 };

struct curve_state {
    enum what what;
    struct curve_cache *cache;
    bool cursor;
    double x;      /* of the cursor */
    double window; /* only the last so many steps; 0: all */
    int cols;      /* of the plotting area, when last drawn by update() */
};

static bool series_point(const void *ctx, size_t i, double *x, double *y)
{
    return series_at(ctx, i, x, y);
}

static bool series_merged(const void *ctx, size_t i, struct curve_merged *m)
{
    struct series_entry e;
    if (!series_entry(ctx, i, &e) || e.n < 2)
        return false;
    *m = (struct curve_merged){e.low, e.high, e.n, e.bad};
    return true;
}

/* the same points in other units: x in epochs, y as the loss of one click */
struct scaled {
    const struct series *s;
    double per, factor;
};
static bool scaled_point(const void *ctx, size_t i, double *x, double *y)
{
    const struct scaled *e = ctx;
    bool ok = series_at(e->s, i, x, y);
    *x /= e->per;
    *y *= e->factor;
    return ok;
}
static bool scaled_merged(const void *ctx, size_t i, struct curve_merged *m)
{
    const struct scaled *e = ctx;
    if (!series_merged(e->s, i, m))
        return false;
    m->low *= e->factor;
    m->high *= e->factor;
    return true;
}

/* What a chart is made of; lives as long as the drawing. */
struct chart {
    struct curve_chart c;
    struct curve_series series[2 * RUNS];
    struct scaled scaled[2 * RUNS];
    char names[2 * RUNS][24];
    struct curve_level level[LEVELS];
    struct curve_event event[CARETS];
};

static void add_level(struct chart *h, double y, const char *name)
{
    if (h->c.n_levels == LEVELS || !isfinite(y))
        return;
    h->level[h->c.n_levels++] = (struct curve_level){name, y};
}

static void add_levels(struct chart *h, const struct app *a, enum what what)
{
    const struct ceiling *top = app_ceiling(a);
    bool nats = what == WHAT_VALID || slot_loss_in_nats(a, a->slot);
    if (what == WHAT_LOSS || what == WHAT_VALID) {
        const struct cloze_floor *filling =
            what == WHAT_LOSS ? background_filling(a, a->slot) : NULL;
        if (top && nats)
            add_level(h, top->logloss, filling ? "valid floor" : "floor");
        if (filling)
            add_level(h, filling->mean, "train floor");
        if (top && !nats && slot_floor(a, a->slot) == FLOOR_BCE)
            add_level(h, slot_bce_floor(a, a->slot, top), "floor");
        for (int i = 0; a->base.ready && nats && i < a->base.n; i++)
            if (a->base.row[i].r.has_logloss)
                add_level(h, a->base.row[i].r.logloss, a->base.row[i].model->name);
    } else if (what == WHAT_HR || what == WHAT_NDCG) {
        bool hr = what == WHAT_HR;
        if (top)
            add_level(h, hr ? top->hr10 : top->ndcg10, "ceiling");
        for (int i = 0; a->base.ready && i < a->base.n; i++)
            add_level(h, hr ? a->base.row[i].r.hr : a->base.row[i].r.ndcg,
                      a->base.row[i].model->name);
    }
}

static void add_series(struct chart *h, const struct app *a, int slot, const char *name,
                       const char *label, bool dots, double per, bool only)
{
    const struct series *s = name ? slot_series(a, slot, name) : NULL;
    if (!s || h->c.n_series == 2 * RUNS)
        return;
    size_t i = h->c.n_series++;
    if (only)
        snprintf(h->names[i], sizeof h->names[i], "%s", label);
    else
        snprintf(h->names[i], sizeof h->names[i], "%c %s", 'A' + slot, label);
    struct curve_series *c = &h->series[i];
    *c = (struct curve_series){.name = h->names[i],
                               .letter = dots ? 0 : (char)('A' + slot),
                               .run = slot,
                               .n = series_len(s),
                               .at = series_point,
                               .merged = series_merged,
                               .ctx = s,
                               .dots = dots,
                               .pinned = slot == a->slot,
                               .version = (uint64_t)(uintptr_t)s + (series_version(s) << 1)};
    double factor = strcmp(name, "loss") == 0 ? slot_loss_scale(a, slot) : 1;
    if (per > 0 || factor < 1) {
        h->scaled[i] = (struct scaled){s, per > 0 ? per : 1, factor};
        c->at = scaled_point;
        c->merged = scaled_merged;
        c->ctx = &h->scaled[i];
        c->version ^= per > 0 ? 1 : 0;
    }
    bool smooth = strcmp(name, "loss") == 0 || strcmp(name, "grad.norm") == 0;
    if (smooth) {
        c->smooth = setting(a, SETTING_SMOOTH);
        c->raw = c->smooth > 0;
    }
}

static void build(struct chart *h, const struct app *a, const struct curve_state *st,
                  bool small)
{
    memset(h, 0, sizeof *h);
    const struct ui *u = a->ui;
    bool epochs = strcmp(setting_choice(a, SETTING_XAXIS), "epoch") == 0;
    h->c.series = h->series;
    h->c.levels = h->level;
    h->c.events = h->event;
    h->c.cache = st->cache;
    h->c.x_name = epochs ? "epoch" : "step";
    h->c.legend = !small;
    h->c.log_y = whats[st->what].log_y && setting(a, SETTING_LOGY) > 0;
    h->c.log_x = !epochs && setting(a, SETTING_LOGX) > 0;
    h->c.cursor = st->cursor && !small;
    h->c.cursor_x = st->x;
    h->c.x_last = st->window;
    int runs = 0;
    for (int s = 0; s < SLOTS; s++)
        runs += a->slots[s].trainer && !(u && (u->hidden_runs >> s & 1));
    for (int s = 0; s < SLOTS; s++) {
        const struct learner *l = app_learner(a, s);
        if (!a->slots[s].trainer || (u && (u->hidden_runs >> s & 1)))
            continue;
        double per = 0;
        if (epochs && l) {
            int64_t n = learner_steps_per_epoch(l);
            per = n > 0 ? (double)n : 0;
        }
        add_series(h, a, s, whats[st->what].train,
                   st->what == WHAT_LOSS ? "train" : whats[st->what].title, false, per,
                   runs == 1);
        /* one axis, one unit */
        if (!small && (st->what != WHAT_LOSS || slot_loss_in_nats(a, s)))
            add_series(h, a, s, whats[st->what].valid, "valid", whats[st->what].train != NULL,
                       per, runs == 1);
        else if (!whats[st->what].train)
            add_series(h, a, s, whats[st->what].valid, "valid", false, per, runs == 1);
    }
    if (!small)
        add_levels(h, a, st->what);
    /* Changes of settings, forks, marks: carets at their step. */
    for (int i = 0; i < a->n_log && h->c.n_events < CARETS && !small && !epochs; i++) {
        const struct log_line *g = &a->log[i];
        if (g->kind == LOG_EVENT && g->step > 0 &&
            (strncmp(g->text, "set ", 4) == 0 || strncmp(g->text, "fork", 4) == 0 ||
             strncmp(g->text, "mark", 4) == 0 || strncmp(g->text, "break", 5) == 0))
            h->event[h->c.n_events++] = (struct curve_event){(double)g->step, g->text};
    }
}

static enum status curve_open(struct view *v, struct err *err)
{
    struct curve_state *st = v->state;
    st->cache = curve_cache_new();
    if (strcmp(v->def->name, "metric") == 0)
        st->what = WHAT_HR;
    return st->cache ? ST_OK : err_nomem(err, 0, "the curves");
}

static void curve_close(struct view *v)
{
    struct curve_state *st = v->state;
    curve_cache_free(st->cache);
}

static void curve_title(struct view *v)
{
    const struct curve_state *st = v->state;
    const struct app *a = v->app;
    char k[32] = "", f[FMT_NUM];
    bool at_k = st->what == WHAT_HR || st->what == WHAT_NDCG;
    if (at_k)
        snprintf(k, sizeof k, "@%d on validation",
                 a->slots[a->slot].valid.n > 0 ? (int)a->slots[a->slot].valid.k : 10);
    snprintf(v->title, sizeof v->title, "%s%s", whats[st->what].title, k);
    const struct model_def *m = a->slots[a->slot].model;
    if (st->what == WHAT_LOSS && m && !(m->flags & MODEL_BASELINE) && app_learner(a, a->slot) &&
        !slot_loss_in_nats(a, a->slot) && v->w > 60)
        snprintf(v->title, sizeof v->title, "loss as trained");
    v->note[0] = '\0';
    if (st->cursor && strcmp(v->def->name, "loss") != 0) {
        struct chart h;
        build(&h, a, st, false);
        char text[128];
        curve_readout(&h.c, text, sizeof text);
        snprintf(v->title, sizeof v->title, "%.90s", text);
    } else if (whats[st->what].log_y) {
        double s = setting(a, SETTING_SMOOTH);
        snprintf(v->note, sizeof v->note, "%s%s%s",
                 setting(a, SETTING_LOGY) > 0 ? "log y" : "linear y", s > 0 ? "  smooth " : "",
                 s > 0 ? fmt_prob(f, s) : "");
        if (s > 0 && v->w > 60)
            snprintf(v->note + strlen(v->note), sizeof v->note - strlen(v->note),
                     " (raw dots)");
    }
}

static bool curve_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    curve_title(v);
    return true;
}

static void curve_draw(const struct view *v, struct canvas *c)
{
    const struct curve_state *st = v->state;
    const struct app *a = v->app;
    bool any = false;
    for (int s = 0; s < SLOTS; s++)
        any = any || a->slots[s].trainer;
    if (!any) {
        const struct slot *now = &a->slots[a->slot];
        if (now->model && (now->model->flags & MODEL_BASELINE))
            draw_empty(c, "a baseline counts; there is no curve to draw",
                       "see its figures on the right");
        else
            draw_empty(c, "the loss of a run, batch by batch",
                       now->model ? "Space starts training"
                       : a->ds    ? ":model new sasrec"
                                  : ":data load bazaar");
        return;
    }
    struct chart h;
    struct curve_info info;
    build(&h, a, st, strcmp(v->def->name, "loss") == 0);
    curves_draw(c, &h.c, &info);
}

static bool curve_key(struct view *v, const char *key)
{
    struct curve_state *st = v->state;
    const struct app *a = v->app;
    const struct series *s = slot_series(
        a, a->slot, whats[st->what].train ? whats[st->what].train : whats[st->what].valid);
    double last = 0, y;
    if (!s || !series_last(s, &last, &y))
        return false;
    double step = last / (v->w > 20 ? v->w - 10 : 10);
    if (step < 1)
        step = 1;
    if (strcmp(key, "Left") == 0 || strcmp(key, "Right") == 0) {
        st->x = st->cursor ? st->x + (key[0] == 'L' ? -step : step) : last;
        st->cursor = true;
    } else if (strcmp(key, "Home") == 0 || strcmp(key, "End") == 0) {
        st->x = key[0] == 'H' ? 0 : last;
        st->cursor = true;
    } else if (strcmp(key, "Esc") == 0 && st->cursor) {
        st->cursor = false;
    } else {
        return false;
    }
    st->x = st->x < 0 ? 0 : st->x > last ? last : st->x;
    curve_title(v);
    return true;
}

static bool curve_style(struct view *v, const char *name)
{
    struct curve_state *st = v->state;
    for (int i = 0; i < WHATS; i++)
        if (*name ? strcmp(name, whats[i].style) == 0 : i == ((int)st->what + 1) % WHATS) {
            st->what = (enum what)i;
            curve_title(v);
            return true;
        }
    return false;
}

static void curve_plot(const struct view *v, struct plot *p)
{
    /* The display list points into this; one picture is made at a time, on the screen
     * thread. */
    static struct chart h;
    build(&h, v->app, v->state, false);
    h.c.cache = NULL;
    h.c.y_name = whats[((const struct curve_state *)v->state)->what].title;
    struct plot_panel *panel = plot_add(p, PLOT_CURVES, v->title);
    if (panel)
        panel->curves = h.c;
}

static const char *const curve_keys[] = {"h/l", "read", "v", "loss hr lr", NULL};

#define CURVE(id, title_, help_)                                                               \
    const struct view_def view_##id = {.name = #id,                                            \
                                       .title = title_,                                        \
                                       .help = help_,                                          \
                                       .flags = VIEW_LIVE | VIEW_EXPORTS,                      \
                                       .min_rows = 5,                                          \
                                       .min_cols = 20,                                         \
                                       .state_size = sizeof(struct curve_state),               \
                                       .keys = curve_keys,                                     \
                                       .open = curve_open,                                     \
                                       .close = curve_close,                                   \
                                       .update = curve_update,                                 \
                                       .draw = curve_draw,                                     \
                                       .key = curve_key,                                       \
                                       .style = curve_style,                                   \
                                       .plot = curve_plot}
CURVE(curve, "loss",
      "Curves of the runs: smoothed and raw training loss, validation, floor, baselines. h/l "
      "read a step.");
CURVE(metric, "HR", "Validation metrics by step against the ceiling and the baselines.");
CURVE(loss, "loss", "The training loss, small.");

/* ---- numbers ---- */

struct numbers_state {
    bool runs;  /* style: list of runs instead of the numbers of one */
    int at;     /* row of the list */
    double ema; /* smoothed loss, as the curve draws it */
};

static void numbers_title(struct view *v)
{
    const struct numbers_state *st = v->state;
    if (st->runs)
        snprintf(v->title, sizeof v->title, "runs");
    else
        snprintf(v->title, sizeof v->title, "run %c", 'A' + v->app->slot);
}

static bool numbers_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    numbers_title(v);
    return true;
}

struct table { /* label on the left, value after it */
    struct canvas *c;
    int row, label;
};

static void line(struct table *t, const char *label, enum role role, const char *value,
                 const char *more)
{
    canvas_left(t->c, t->row, 1, t->label, ROLE_DIM, label);
    int at = t->label + 1;
    at += canvas_text(t->c, t->row, at, role, value);
    if (more && *more)
        canvas_text(t->c, t->row, at + 1, ROLE_DIM, more);
    t->row++;
}

static void metric_line(struct table *t, const char *label, double v, bool known,
                        const struct ceiling *top, double best)
{
    char a[FMT_NUM], b[FMT_NUM], more[48] = "";
    if (top)
        snprintf(more, sizeof more, t->c->cols >= 28 ? "/ ceiling %s" : "/ %s",
                 fmt_prob(b, best));
    line(t, label, known ? ROLE_STRONG : ROLE_DIM, known ? fmt_prob(a, v) : "-", more);
}

/* of filling in: fewer are the usual reason for bad figures (Petrov & Macdonald 2022) */
enum { ENOUGH_EPOCHS = 100 };

/* How long ago validation was best; of a model that fills in not before it is time to judge. */
static void draw_patience(const struct app *a, double epochs, double per_epoch,
                          struct canvas *c, int row)
{
    const struct series *s = slot_series(a, a->slot, "valid.ndcg");
    double x, y, best = (double)-INFINITY, at = 0;
    const struct batch_spec *spec = app_batch_spec(a, a->slot);
    char b[FMT_NUM];
    for (size_t i = 0, n = s ? series_len(s) : 0; i < n; i++)
        if (series_at(s, i, &x, &y) && y > best) {
            best = y;
            at = x;
        }
    /* too early to judge */
    if (row < c->rows && spec && spec->kind == BATCH_CLOZE && epochs < ENOUGH_EPOCHS)
        canvas_printf(c, row, 1, ROLE_DIM, "epoch %d of %d it may need", (int)epochs,
                      ENOUGH_EPOCHS);
    else if (row < c->rows && isfinite(best)) {
        double ago = epochs - at / per_epoch;
        if (ago < 0.05)
            canvas_printf(c, row, 1, ROLE_DIM, "best %s, now", fmt_prob(b, best));
        else
            canvas_printf(c, row, 1, ROLE_DIM, "best %s, %.1f epochs ago", fmt_prob(b, best),
                          ago);
    }
}

static void draw_run(const struct view *v, struct canvas *c)
{
    const struct app *a = v->app;
    const struct slot *s = &a->slots[a->slot];
    struct table t = {c, 0, c->cols >= 24 ? 9 : 8};
    char b1[FMT_NUM], b2[FMT_NUM], more[48];
    const struct snapshot *p = app_snapshot(v->ui->app, a->slot);
    const struct ceiling *top = app_ceiling(a);
    const struct cloze_floor *filling = background_filling(a, a->slot);
    const struct eval_result *e = &s->valid;
    const struct learner *l = app_learner(a, a->slot);
    bool trained = p && p->step > 0;
    if (!(s->model->flags & MODEL_BASELINE)) {
        double x, y, sm;
        const struct series *loss = slot_series(a, a->slot, "loss");
        more[0] = '\0';
        if (loss && series_last(loss, &x, &y) && setting(a, SETTING_SMOOTH) > 0) {
            /* the same average the curve shows */
            struct ema em = {0, 0};
            size_t n = series_len(loss), from = n > 2000 ? n - 2000 : 0;
            sm = (double)NAN;
            for (size_t i = from; i < n; i++)
                if (series_at(loss, i, &x, &y))
                    sm = ema_push(&em, setting(a, SETTING_SMOOTH),
                                  y * slot_loss_scale(a, a->slot));
            if (n >= 20 && c->cols >= 28)
                snprintf(more, sizeof more, "smooth %s", fmt_num(b2, sm));
        }
        if (filling)
            snprintf(more, sizeof more, c->cols >= 28 ? "/ floor %s" : "/ %s",
                     fmt_short(b2, filling->mean));
        line(&t, "train", trained ? ROLE_STRONG : ROLE_DIM,
             trained ? fmt_num(b1, p->loss * slot_loss_scale(a, a->slot)) : "-", more);
    }
    bool known = e->n > 0;
    more[0] = '\0';
    if (top && slot_floor(a, a->slot) == FLOOR_SOFTMAX)
        snprintf(more, sizeof more, c->cols >= 28 ? "/ floor %s" : "/ %s",
                 fmt_num(b2, top->logloss));
    if (!known || e->has_logloss)
        line(&t, "valid", known ? ROLE_STRONG : ROLE_DIM, known ? fmt_num(b1, e->logloss) : "-",
             more);
    char label[16];
    int k = known ? (int)e->k : 10;
    const struct ceiling *at10 = k == 10 ? top : NULL;
    snprintf(label, sizeof label, "HR@%d", k);
    metric_line(&t, label, e->hr, known, at10, top ? top->hr10 : 0);
    snprintf(label, sizeof label, "NDCG@%d", k);
    metric_line(&t, label, e->ndcg, known, at10, top ? top->ndcg10 : 0);
    metric_line(&t, "HR@1", e->hr1, known, top, top ? top->hr1 : 0);
    if (t.row < c->rows)
        metric_line(&t, "MRR", e->mrr, known, NULL, 0);
    if (s->model->flags & MODEL_BASELINE) {
        canvas_wrap(&(struct canvas){c->g, c->theme, c->row + t.row + 1, c->col + 1,
                                     c->rows - t.row - 1, c->cols - 2},
                    0, ROLE_DIM, "a baseline: no training, the numbers to beat");
        return;
    }
    if (p && l && l->hp) {
        char batch[24] = "";
        if (hp_has(l->hp, "batch"))
            hparams_text(l->hp, "batch", batch, sizeof batch);
        fmt_short(b1, p->lr);
        /* the label, "batch " and margins */
        bool fits = c->cols >= 17 + text_width(b1) + text_width(batch);
        snprintf(more, sizeof more, "%s%s", batch[0] && fits ? "batch " : "",
                 fits ? batch : "");
        line(&t, "lr", ROLE_TEXT, b1, more);
        line(&t, "gnorm", ROLE_TEXT, trained ? fmt_num(b1, p->grad_norm) : "-", "");
        char rate[FMT_NUM];
        line(&t, "items/s", ROLE_TEXT,
             p->items_per_s > 0 ? fmt_count(rate, p->items_per_s) : "-", "");
        double left = p->target_step > p->step && p->steps_per_s > 0
                          ? (double)(p->target_step - p->step) / p->steps_per_s
                          : (double)NAN;
        bool going = isfinite(left) && (p->state == TS_RUN || p->state == TS_EVAL);
        snprintf(more, sizeof more, "spent %s", fmt_duration(b2, p->seconds));
        line(&t, "eta", ROLE_TEXT, going ? fmt_duration(b1, left) : "-", trained ? more : "");
    }
    if (p && p->state == TS_FAILED && t.row < c->rows) {
        struct canvas rest = canvas_sub(c, t.row, 1, REST, REST);
        canvas_wrap(&rest, 0, ROLE_BAD, p->err.msg);
    } else if (known && t.row + 1 < c->rows) {
        char n[FMT_NUM];
        int row = t.row + (t.row + 2 < c->rows);
        const char *how = protocol_def(e->protocol)->name;
        canvas_printf(c, row, 1, ROLE_DIM, "%s cases, %s", fmt_count(n, (double)e->n),
                      strcmp(how, "full") == 0 ? "full ranking" : how);
        if (trained && p->steps_per_epoch > 0)
            draw_patience(a, (double)p->step / (double)p->steps_per_epoch,
                          (double)p->steps_per_epoch, c, row + 1);
    }
}

static void draw_runs(const struct view *v, struct canvas *c)
{
    const struct app *a = v->app;
    const struct numbers_state *st = v->state;
    int row = 0;
    canvas_text(c, row++, 1, ROLE_DIM,
                c->cols >= 28 ? "  model      step   HR@10" : "  model    step HR@10");
    for (int s = 0, i = 0; s < SLOTS && row < c->rows; s++) {
        const struct slot *q = &a->slots[s];
        if (!q->model)
            continue;
        char b[FMT_NUM], n[FMT_NUM];
        bool off = a->ui && (a->ui->hidden_runs >> s & 1);
        int w = c->cols >= 28 ? 11 : 9;
        canvas_printf(c, row, 1, theme_run(s), "%c", 'A' + s);
        canvas_left(c, row, 3, w, off ? ROLE_DIM : ROLE_TEXT, q->model->title);
        canvas_right(c, row, 3 + w, 5, ROLE_TEXT,
                     fmt_count(n, (double)app_step(v->ui->app, s)));
        canvas_right(c, row, 3 + w + 5, c->cols >= 28 ? 7 : 6, ROLE_STRONG,
                     q->valid.n > 0 ? fmt_prob(b, q->valid.hr) : "-");
        if (off)
            canvas_text(c, row, 2, ROLE_DIM, "-");
        if (v->focus && i == st->at)
            canvas_paint(c, row, 0, c->cols, ROLE_CURSOR);
        row++;
        i++;
    }
    if (row + 1 < c->rows)
        canvas_text(c, row + 1, 1, ROLE_DIM, "Enter shows or hides a curve");
}

static void numbers_draw(const struct view *v, struct canvas *c)
{
    const struct numbers_state *st = v->state;
    if (st->runs)
        draw_runs(v, c);
    else if (!v->app->slots[v->app->slot].model)
        draw_empty(c, "no model in this slot", ":model new sasrec");
    else
        draw_run(v, c);
}

static int run_at(const struct app *a, int i)
{
    for (int s = 0; s < SLOTS; s++)
        if (a->slots[s].model && i-- == 0)
            return s;
    return -1;
}

static bool numbers_key(struct view *v, const char *key)
{
    struct numbers_state *st = v->state;
    int n = 0;
    if (!st->runs)
        return false;
    while (run_at(v->app, n) >= 0)
        n++;
    if (list_key(key, &st->at, n, v->h))
        return true;
    int s = run_at(v->app, st->at);
    if (strcmp(key, "Enter") == 0 && s >= 0) {
        v->ui->hidden_runs ^= 1u << s;
        return true;
    }
    if (strcmp(key, "Esc") == 0) {
        st->runs = false;
        numbers_title(v);
        return true;
    }
    return false;
}

static bool numbers_style(struct view *v, const char *name)
{
    struct numbers_state *st = v->state;
    if (*name && strcmp(name, "runs") != 0 && strcmp(name, "numbers") != 0)
        return false;
    st->runs = *name && strcmp(name, "numbers") == 0 ? false : !st->runs;
    numbers_title(v);
    return true;
}

static const char *const numbers_keys[] = {"v", "runs", NULL};
const struct view_def view_numbers = {
    .name = "numbers",
    .title = "run",
    .help = "The numbers of the run, with their ceilings on planted data; style runs: the list "
            "of runs.",
    .flags = VIEW_LIVE,
    .min_rows = 4,
    .min_cols = 16,
    .state_size = sizeof(struct numbers_state),
    .keys = numbers_keys,
    .update = numbers_update,
    .draw = numbers_draw,
    .key = numbers_key,
    .style = numbers_style,
};
