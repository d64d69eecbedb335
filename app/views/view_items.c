/* The Latent tab, right: every item on the two principal components of the table it is
 * scored with, the state of the sequence among them. Dots; with the truth shown letters, one
 * a planted department. */
#include "app/ui/plot.h"
#include "app/views/latent_space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct items_state {
    struct item_map map;
    int32_t *order; /* items by x, for the vector picture */
    int room;
};

static bool items_ask(struct view *v, int which, struct view_ask *ask)
{
    (void)v;
    ask->q.kind = ASK_PROJECT;
    return which == 0;
}

static const struct item_map *compared; /* qsort has no context; the screen's thread only */
static int by_x(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a, k = *(const int32_t *)b;
    float x = compared->at[(size_t)i * 4], y = compared->at[(size_t)k * 4];
    return x < y ? -1 : x > y ? 1 : i - k;
}

static bool items_answer(struct view *v, int which, const struct answer *a)
{
    struct items_state *st = v->state;
    (void)which;
    item_map_take(&st->map, 0, a);
    int n = st->map.ready ? st->map.n_items : 0;
    if (n > st->room) {
        int32_t *more = realloc(st->order, (size_t)n * sizeof *more);
        if (!more) {
            st->map.ready = false;
            return true;
        }
        st->order = more;
        st->room = n;
    }
    for (int i = 0; i < n; i++)
        st->order[i] = i + 1;
    compared = &st->map;
    if (n)
        qsort(st->order, (size_t)n, sizeof *st->order, by_x);
    return true;
}

static bool items_update(struct view *v, const struct snapshot *s)
{
    const struct items_state *st = v->state;
    char a[FMT_NUM], b[FMT_NUM];
    (void)s;
    snprintf(v->title, sizeof v->title,
             v->w >= 42 ? "items on 2 principal components" : "items, 2 components");
    v->note[0] = '\0';
    if (st->map.ready && text_width(v->title) + 20 < v->w)
        snprintf(v->note, sizeof v->note, "%s%% + %s%%",
                 fmt_fixed(a, 100 * (double)st->map.share[0], 0),
                 fmt_fixed(b, 100 * (double)st->map.share[1], 0));
    return false;
}

static void items_close(struct view *v)
{
    struct items_state *st = v->state;
    item_map_done(&st->map);
    free(st->order);
}

/* Where an item lies on `wide` x `high` places, row 0 on top; the state may lie beyond the
 * items: at the edge then. */
static void place(const struct item_map *m, int32_t i, int wide, int high, int *x, int *y)
{
    double span[2], at[2];
    for (int k = 0; k < 2; k++) {
        span[k] = m->hi[k] - m->lo[k] > 0 ? m->hi[k] - m->lo[k] : 1;
        at[k] = ((double)m->at[(size_t)i * 4 + (size_t)k] - m->lo[k]) / span[k];
        at[k] = at[k] > 0 ? at[k] < 1 ? at[k] : 1 : 0;
    }
    *x = (int)(at[0] * (wide - 1) + 0.5);
    *y = (int)((1 - at[1]) * (high - 1) + 0.5);
}

static bool truth(const struct view *v)
{
    return v->app->truth_shown && v->app->ds && v->app->ds->world;
}

static void draw_dots(const struct item_map *m, const struct canvas *c)
{
    static const unsigned char bit[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    bool braille = c->theme->glyphs == GLYPHS_BRAILLE;
    size_t n = (size_t)c->rows * (size_t)c->cols;
    unsigned char *cell = calloc(n ? n : 1, 1);
    for (int32_t i = 1; cell && i <= m->n_items; i++) {
        int x, y;
        place(m, i, braille ? 2 * c->cols : c->cols, braille ? 4 * c->rows : c->rows, &x, &y);
        unsigned char *at = &cell[(size_t)(braille ? y / 4 : y) * (size_t)c->cols +
                                  (size_t)(braille ? x / 2 : x)];
        *at = braille ? (unsigned char)(*at | bit[y % 4][x % 2])
                      : (unsigned char)(*at < 9 ? *at + 1 : 9);
    }
    for (size_t k = 0; cell && k < n; k++) {
        char t[4];
        if (!cell[k])
            continue;
        if (braille)
            snprintf(t, sizeof t, "\xe2%c%c", 0xa0 | cell[k] >> 6, 0x80 | (cell[k] & 0x3f));
        else
            snprintf(t, sizeof t, "%s", cell[k] == 1 ? "." : cell[k] < 4 ? ":" : "#");
        canvas_text(c, (int)(k / (size_t)c->cols), (int)(k % (size_t)c->cols), ROLE_RUN_A, t);
    }
    free(cell);
}

/* A cell that several departments share takes the one that has most items there. */
static void draw_letters(const struct view *v, const struct item_map *m, const struct canvas *c)
{
    enum { DEPARTMENTS = 12 };
    size_t n = (size_t)c->rows * (size_t)c->cols;
    unsigned short(*count)[DEPARTMENTS] = calloc(n ? n : 1, sizeof *count);
    for (int32_t i = 1; count && i <= m->n_items && i <= v->app->ds->n_items; i++) {
        int x, y, d = world_department(v->app->ds->world, i);
        place(m, i, c->cols, c->rows, &x, &y);
        if (d >= 0 && d < DEPARTMENTS)
            count[(size_t)y * (size_t)c->cols + (size_t)x][d]++;
    }
    for (size_t k = 0; count && k < n; k++) {
        int best = 0;
        for (int d = 1; d < DEPARTMENTS; d++)
            best = count[k][d] > count[k][best] ? d : best;
        char t[2] = {(char)('a' + best), '\0'};
        if (count[k][best])
            canvas_text(c, (int)(k / (size_t)c->cols), (int)(k % (size_t)c->cols),
                        theme_run(best), t);
    }
    free(count);
}

static void items_draw(const struct view *v, struct canvas *all)
{
    const struct items_state *st = v->state;
    const struct item_map *m = &st->map;
    const struct app *a = v->app;
    if (!m->ready) {
        draw_empty(all, m->error[0] ? m->error : "the items on two principal components", "");
        return;
    }
    bool legend = all->rows >= 5;
    struct canvas c = canvas_sub(all, 0, 1, all->rows - legend, REST);
    c.cols = all->cols - 2;
    if (c.rows < 1 || c.cols < 1)
        return;
    if (truth(v))
        draw_letters(v, m, &c);
    else
        draw_dots(m, &c);
    int x, y;
    char t[64], name[48];
    for (int i = 0; i < a->seq.n; i++) { /* the sequence's own items by their place */
        if (a->seq.item[i] < 1 || a->seq.item[i] > m->n_items)
            continue;
        place(m, a->seq.item[i], c.cols, c.rows, &x, &y);
        snprintf(t, sizeof t, "%d", (i + 1) % 10);
        canvas_text(&c, y, x, i == a->cursor ? ROLE_CURSOR : ROLE_STRONG, t);
    }
    int32_t chosen = item_map_chosen(v);
    if (chosen <= m->n_items && v->ui->select.item == chosen) {
        place(m, chosen, c.cols, c.rows, &x, &y);
        app_item_text(a, chosen, name, sizeof name);
        canvas_text(&c, y, x, ROLE_CURSOR, "*");
        int w = text_width(name), at = x + 2 + w <= c.cols ? x + 2 : x - w - 1;
        canvas_text(&c, y, at < 0 ? 0 : at, ROLE_STRONG, name);
    }
    if (isfinite(m->at[0]) && isfinite(m->at[1])) {
        place(m, 0, c.cols, c.rows, &x, &y);
        canvas_text(&c, y, x, ROLE_WARN, "@");
    }
    if (!legend)
        return;
    int at = canvas_text(all, all->rows - 1, 1, ROLE_WARN, "@");
    at += 1 + canvas_text(all, all->rows - 1, 1 + at, ROLE_DIM,
                          all->cols >= 52 ? " sequence state  1-9 its items  "
                                          : " state  1-9 items  ");
    if (a->ds && a->ds->world)
        canvas_text(all, all->rows - 1, at, ROLE_DIM,
                    truth(v) ? all->cols >= 60 ? "a-l planted departments" : "a-l departments"
                             : "T departments");
}

static bool dot_at(const void *ctx, size_t i, double *x, double *y)
{
    const struct items_state *st = ctx;
    int32_t item = st->order[i];
    /* the axis of a chart begins at 0 */
    *x = (double)st->map.at[(size_t)item * 4] - st->map.lo[0];
    *y = (double)st->map.at[(size_t)item * 4 + 1];
    return true;
}

static bool state_at(const void *ctx, size_t i, double *x, double *y)
{
    const struct items_state *st = ctx;
    (void)i;
    *x = (double)st->map.at[0] - st->map.lo[0];
    *y = (double)st->map.at[1];
    return isfinite(*x) && isfinite(*y);
}

static void items_plot(const struct view *v, struct plot *p)
{
    static struct curve_series series[2];
    const struct items_state *st = v->state;
    struct plot_panel *panel = plot_add(p, PLOT_CURVES, v->title);
    if (!panel || !st->map.ready)
        return;
    series[0] = (struct curve_series){
        .name = "items", .n = (size_t)st->map.n_items, .at = dot_at, .ctx = st, .dots = true};
    series[1] = (struct curve_series){.name = "state of the sequence",
                                      .letter = '@',
                                      .run = 1,
                                      .n = 1,
                                      .at = state_at,
                                      .ctx = st,
                                      .dots = true};
    panel->curves = (struct curve_chart){.title = "items on two principal components",
                                         .x_name = "component 1, from its smallest",
                                         .y_name = "component 2",
                                         .series = series,
                                         .n_series = 2,
                                         .legend = true,
                                         .x_total = st->map.hi[0] - st->map.lo[0]};
}

static const char *const items_keys[] = {"T", "truth", NULL};
const struct view_def view_items = {
    .name = "items",
    .title = "items on 2 principal components",
    .help = "Every item on the two principal components of its vectors; @ the state of the "
            "sequence at the items' mean length; T letters the planted departments.",
    .flags = VIEW_NEEDS_MODEL | VIEW_NEEDS_DATA | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 20,
    .state_size = sizeof(struct items_state),
    .keys = items_keys,
    .close = items_close,
    .ask = items_ask,
    .answer = items_answer,
    .update = items_update,
    .draw = items_draw,
    .plot = items_plot,
};
