/* The Filters tab, left: horizontal filters by window start with the largest answer and
 * where it was taken (all that the model keeps), vertical filters as weights by
 * position.  ui->select.filter is the cursor of both. */
#include "app/cmd/ablate.h"
#include "app/cmd/command.h"
#include "app/ui/plot.h"
#include "app/views/filter_bank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct filters_state {
    struct bank b;
    int *order, room; /* filters of this pane as they stand */
    enum bank_sort sort;
    bool numbers;
    int top;
};

static bool is_vertical(const struct view *v)
{
    return strcmp(v->def->name, "vertical") == 0;
}
static int first_of(const struct view *v, const struct bank *b)
{
    return is_vertical(v) ? b->n_h : 0;
}
static int count_of(const struct view *v, const struct bank *b)
{
    return is_vertical(v) ? b->n_v : b->n_h;
}

static void sort_rows(struct view *v)
{
    struct filters_state *st = v->state;
    int n = count_of(v, &st->b);
    if (!st->b.ready)
        return;
    if (n > st->room || !st->order) {
        int *more = realloc(st->order, (size_t)(n + 1) * sizeof *more);
        if (!more) {
            st->b.ready = false;
            return;
        }
        st->order = more;
        st->room = n;
    }
    bank_order(&st->b, st->sort, first_of(v, &st->b), first_of(v, &st->b) + n, st->order);
}

static void filters_title(struct view *v)
{
    const struct filters_state *st = v->state;
    bool wide = v->w >= 54;
    if (is_vertical(v))
        snprintf(v->title, sizeof v->title,
                 wide ? "vertical filters: weight by position"
                      : "vertical: weight by position");
    else
        snprintf(v->title, sizeof v->title,
                 wide ? "horizontal filters: answer by window start"
                      : "horizontal: answer by start");
    snprintf(v->note, sizeof v->note, "by %s", bank_sorts[st->sort]);
    if (st->sort == BANK_NUMBER)
        v->note[0] = '\0';
}

static bool filters_ask(struct view *v, int which, struct view_ask *ask)
{
    struct filters_state *st = v->state;
    if (!slot_has(v->app, v->app->slot, MODEL_FILTERS)) {
        st->b.ready = false;
        return false;
    }
    if (which == 0) {
        bank_ask(&ask->q);
        return true;
    }
    return which == 1 && st->sort == BANK_EFFECT &&
           bank_ask_effects(&st->b, v->app, ask->slot, -1, &ask->q);
}

static bool filters_answer(struct view *v, int which, const struct answer *a)
{
    struct filters_state *st = v->state;
    if (which == 0) {
        float *effect = st->b.effect; /* the last known order until the new effects are there */
        int all = st->b.n_h + st->b.n_v;
        st->b.effect = NULL;
        bank_take(&st->b, a);
        if (st->b.ready && all == st->b.n_h + st->b.n_v)
            st->b.effect = effect;
        else
            free(effect);
    } else {
        bank_take_effects(&st->b, -1, a);
    }
    sort_rows(v);
    filters_title(v);
    return true;
}

static bool filters_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    filters_title(v);
    return false;
}

static void filters_close(struct view *v)
{
    struct filters_state *st = v->state;
    bank_done(&st->b);
    free(st->order);
}

/* Row of the cursor in the order shown. */
static int row_of_cursor(const struct view *v)
{
    const struct filters_state *st = v->state;
    int n = count_of(v, &st->b);
    for (int i = 0; i < n; i++)
        if (st->order[i] == v->ui->select.filter)
            return i;
    return -1;
}

static void largest(const struct view *v, double *lo, double *hi)
{
    const struct filters_state *st = v->state;
    const struct bank *b = &st->b;
    *lo = *hi = 0;
    for (int i = 0; i < count_of(v, b); i++) {
        int f = st->order[i];
        const float *x = is_vertical(v) ? b->weight + (size_t)(f - b->n_h) * (size_t)b->rows
                                        : b->act + (size_t)f * (size_t)b->rows;
        for (int p = 0; p < (is_vertical(v) ? b->rows : bank_places(b, f)); p++) {
            *lo = fmin(*lo, (double)x[p]);
            *hi = fmax(*hi, (double)x[p]);
        }
    }
}

static void draw_cell(const struct canvas *c, int y, int x, int w, double v, double full,
                      bool signs, bool number, bool cursor)
{
    char num[FMT_NUM], text[FMT_NUM + 1];
    int level = theme_level(c->theme, full > 0 ? v / full : 0, signs);
    snprintf(text, sizeof text, "%s ", fmt_fixed(num, v, 2));
    canvas_level(c, y, x, w, level, signs, number ? text : NULL);
    if (cursor && w >= 3) {
        color_t own = theme_level_color(c->theme, level, signs);
        struct style st = own == COLOR_NONE ? canvas_style(c, ROLE_CURSOR)
                                            : (struct style){theme_ink(own), own, ATTR_BOLD};
        canvas_put(c, y, x, "[", st);
        canvas_put(c, y, x + w - 1, "]", st);
    }
}

static void filters_draw(const struct view *v, struct canvas *c)
{
    const struct filters_state *st = v->state;
    const struct bank *b = &st->b;
    const struct app *a = v->app;
    bool vertical = is_vertical(v);
    int n = count_of(v, b);
    char t[64], num[FMT_NUM];
    if (!b->ready || !st->order) {
        draw_empty(c,
                   b->error[0] ? b->error
                   : a->seq.n  ? "thinking"
                               : "no sequence yet",
                   a->seq.n ? "" : "p  types one;  9  picks a session");
        return;
    }
    if (n == 0) {
        draw_empty(c,
                   vertical ? "this model has no vertical filters (branch=h)"
                            : "this model has no horizontal filters (branch=v)",
                   "");
        return;
    }
    int left = 9, right = 12, cell = b->rows > 0 ? (c->cols - left - right - 1) / b->rows : 4;
    if (cell > 13)
        cell = 13;
    bool names = cell >= 12;
    if (cell < 2)
        cell = 2;
    int shown_rows = (c->cols - left - right - 1) / cell,
        hidden = b->rows > shown_rows ? b->rows - shown_rows : 0;
    canvas_text(c, 0, 1, ROLE_DIM, vertical ? "filter" : "filter h");
    for (int r = hidden; r < b->rows; r++) {
        int x = left + (r - hidden) * cell;
        bool here = b->item[r] && r - b->fill + b->first == a->cursor;
        snprintf(t, sizeof t, "%d", (int)b->item[r]);
        if (names && b->item[r])
            snprintf(t, sizeof t, "%d %s", (int)b->item[r], item_name(a, b->item[r]));
        if (b->item[r])
            canvas_centre(c, 0, x + names, cell - 1 - names, here ? ROLE_STRONG : ROLE_DIM, t);
        else
            canvas_centre(c, 0, x, cell - 1, ROLE_MASKED, c->theme->glyph[G_MASKED]);
    }
    if (!vertical)
        canvas_text(c, 0, left + (b->rows - hidden) * cell + 1, ROLE_DIM, " max   at");
    double lo, hi;
    largest(v, &lo, &hi);
    bool signs = vertical || lo < 0;
    double full = signs ? fmax(-lo, hi) : hi;
    int foot = c->rows >= 8 || c->rows > n + 1 ? 1 : 0, room = c->rows - 1 - foot,
        cur = row_of_cursor(v);
    int top = canvas_scroll(st->top, cur < 0 ? 0 : cur, room, n);
    for (int y = 1; y <= room && top + y - 1 < n; y++) {
        int f = st->order[top + y - 1], k = vertical ? f - b->n_h : f;
        bool here = f == v->ui->select.filter;
        char part[48];
        float set = 0;
        bank_part(b, f, part, sizeof part);
        bool off = ablate_has(a, a->slot, part, &set);
        if (vertical)
            snprintf(t, sizeof t, "%3d", k + 1);
        else
            snprintf(t, sizeof t, "%3d %2d", k + 1, bank_height(b, f));
        canvas_text(c, y, 2, here ? ROLE_STRONG : ROLE_TEXT, t);
        if (here)
            canvas_text(c, y, 0, ROLE_STRONG, ">");
        const float *x = vertical ? b->weight + (size_t)k * (size_t)b->rows
                                  : b->act + (size_t)f * (size_t)b->rows;
        int places = vertical ? b->rows : bank_places(b, f), at = (int)b->win[f];
        for (int r = hidden; r < b->rows; r++) {
            int px = left + (r - hidden) * cell;
            if (r < places)
                draw_cell(c, y, px, cell - 1, (double)x[r], full, signs,
                          st->numbers && cell >= 6,
                          here && (vertical ? r - b->fill + b->first == a->cursor : r == at));
            else
                canvas_centre(c, y, px, cell - 1, ROLE_MASKED, c->theme->glyph[G_MASKED]);
        }
        if (vertical)
            continue;
        int px = left + (b->rows - hidden) * cell;
        double m = bank_max(b, f);
        if (off)
            snprintf(t, sizeof t, "= %s", fmt_short(num, (double)set));
        else
            snprintf(t, sizeof t, "%s", fmt_fixed(num, m, 2));
        canvas_right(c, y, px, 6, off ? ROLE_WARN : m > 0 ? ROLE_TEXT : ROLE_DIM, t);
        if (at >= b->fill && m > 0)
            snprintf(t, sizeof t, "t=%d", at - b->fill + b->first + 1);
        else
            snprintf(t, sizeof t, "%s", m > 0 ? "start" : "-"); /* begins in the empty rows */
        canvas_left(c, y, px + 7, 5, ROLE_DIM, t);
    }
    if (foot) {
        struct heatmap m = {.scale = signs ? HEAT_SIGNED : HEAT_WHOLE};
        struct heat_info info = {.lo = signs ? -full : 0, .hi = full};
        int used = heat_scale_line(c, c->rows - 1, 1, &m, &info);
        snprintf(t, sizeof t, "%d-%d of %d", top + 1, top + room < n ? top + room : n, n);
        int w = text_width(t);
        if (n > room && used + w + 4 < c->cols)
            canvas_text(c, c->rows - 1, c->cols - w - 1, ROLE_DIM, t);
        else if (!vertical && used + 36 < c->cols)
            canvas_text(c, c->rows - 1, used + 4, ROLE_DIM, "[ ] the place the model keeps");
    }
}

static bool filters_key(struct view *v, const char *key)
{
    struct filters_state *st = v->state;
    int n = count_of(v, &st->b), row;
    if (!st->b.ready || !st->order || n == 0)
        return false;
    row = row_of_cursor(v);
    if (row < 0)
        row = 0;
    else if (!list_key(key, &row, n, v->h - 2))
        return false;
    v->ui->select.filter = st->order[row];
    st->top = canvas_scroll(st->top, row, v->h > 2 ? v->h - 2 : 1, n);
    return true;
}

static bool filters_click(struct view *v, int row, int col, bool twice)
{
    struct filters_state *st = v->state;
    (void)col;
    (void)twice;
    int i = st->top + row - 1;
    if (!st->b.ready || !st->order || row < 1 || i >= count_of(v, &st->b))
        return false;
    v->ui->select.filter = st->order[i];
    return true;
}

static bool filters_style(struct view *v, const char *name)
{
    struct filters_state *st = v->state;
    if (*name && strcmp(name, "map") != 0 && strcmp(name, "numbers") != 0)
        return false;
    st->numbers = *name ? name[0] == 'n' : !st->numbers;
    return true;
}

static bool filters_command(struct view *v, const struct cmd_call *call)
{
    struct filters_state *st = v->state;
    const char *sort = call_text(call, "sort", NULL);
    if (call_has(call, "filter")) {
        int k = (int)call_int(call, "filter", 1) - 1;
        if (st->b.ready && k >= count_of(v, &st->b))
            return false;
        v->ui->select.filter = first_of(v, &st->b) + k;
    }
    if (sort) {
        bool known = strcmp(sort, "next") == 0;
        if (known)
            st->sort = (enum bank_sort)((st->sort + 1) % BANK_SORTS);
        for (int i = 0; i < BANK_SORTS; i++)
            if (strcmp(sort, bank_sorts[i]) == 0) {
                st->sort = (enum bank_sort)i;
                known = true;
            }
        if (!known)
            return false;
    }
    sort_rows(v);
    filters_title(v);
    return true;
}

static bool filters_part(const struct view *v, char *buf, size_t size)
{
    const struct filters_state *st = v->state;
    if (!st->b.ready || v->ui->select.filter >= st->b.n_h + st->b.n_v)
        return false;
    bank_part(&st->b, v->ui->select.filter, buf, size);
    return true;
}

struct labels {
    const struct view *v;
    char row[24], col[24];
};

static bool plot_value(const void *ctx, int row, int col, double *x)
{
    const struct labels *l = ctx;
    const struct filters_state *st = l->v->state;
    int f = st->order[row];
    if (!is_vertical(l->v) && col >= bank_places(&st->b, f))
        return false;
    *x = is_vertical(l->v)
             ? (double)st->b.weight[(size_t)(f - st->b.n_h) * (size_t)st->b.rows + (size_t)col]
             : (double)st->b.act[(size_t)f * (size_t)st->b.rows + (size_t)col];
    return true;
}

static const char *plot_row(const void *ctx, int row)
{
    static char t[32];
    const struct labels *l = ctx;
    const struct filters_state *st = l->v->state;
    snprintf(t, sizeof t, is_vertical(l->v) ? "%d" : "%d (h=%d)",
             st->order[row] - first_of(l->v, &st->b) + 1, bank_height(&st->b, st->order[row]));
    return t;
}

static const char *plot_col(const void *ctx, int col)
{
    static char t[32];
    const struct filters_state *st = ((const struct labels *)ctx)->v->state;
    snprintf(t, sizeof t, "%d", (int)st->b.item[col]);
    return st->b.item[col] ? t : "";
}

static void filters_plot(const struct view *v, struct plot *p)
{
    static struct labels of[2];
    const struct filters_state *st = v->state;
    struct labels *l = &of[is_vertical(v)];
    struct plot_panel *panel = plot_add(p, PLOT_HEAT, v->title);
    l->v = v;
    if (!panel || !st->b.ready || !st->order || !count_of(v, &st->b))
        return;
    double lo, hi;
    largest(v, &lo, &hi);
    panel->heat = (struct heatmap){.rows = count_of(v, &st->b),
                                   .cols = st->b.rows,
                                   .at = plot_value,
                                   .ctx = l,
                                   .row_label = plot_row,
                                   .col_label = plot_col,
                                   .row_name = "filter",
                                   .col_name = is_vertical(v) ? "position" : "window start",
                                   .scale = lo < 0 ? HEAT_SIGNED : HEAT_WHOLE};
}

static const char *const filters_keys[] = {"j/k", "filter",  "h/l", "item",
                                           "v",   "numbers", NULL};
#define FILTERS(id, text, about)                                                               \
    const struct view_def view_##id = {                                                        \
        .name = #id,                                                                           \
        .title = text,                                                                         \
        .help = about,                                                                         \
        .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,                                              \
        .min_rows = 4,                                                                         \
        .min_cols = 24,                                                                        \
        .state_size = sizeof(struct filters_state),                                            \
        .keys = filters_keys,                                                                  \
        .close = filters_close,                                                                \
        .ask = filters_ask,                                                                    \
        .answer = filters_answer,                                                              \
        .update = filters_update,                                                              \
        .draw = filters_draw,                                                                  \
        .key = filters_key,                                                                    \
        .click = filters_click,                                                                \
        .command = filters_command,                                                            \
        .style = filters_style,                                                                \
        .part = filters_part,                                                                  \
        .plot = filters_plot,                                                                  \
    }
FILTERS(filters, "horizontal filters",
        "Each horizontal filter's answer by window start; the model keeps the largest.  s "
        "sorts, z silences, v numbers.");
FILTERS(vertical, "vertical filters",
        "Each vertical filter's weight by position, with its sign.  s sorts, z silences, v "
        "numbers.");
