/* The Gates tab, left: units by items for one gate or the state, and what happens at each
 * item over all units.  ui->select.unit, .layer and .track say what is looked at; the item
 * under the cursor is the sequence's. */
#include "app/cmd/ablate.h"
#include "app/cmd/command.h"
#include "app/ui/plot.h"
#include "app/views/gate_maps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct gates_state {
    struct gates g;
    struct heat_memory memory;
    int *order, room;
    enum gate_kind kind;
    enum gate_sort sort;
    bool numbers;
    int top;
};

static void sort_units(struct view *v)
{
    struct gates_state *st = v->state;
    if (!st->g.ready)
        return;
    if (st->g.units > st->room || !st->order) {
        int *more = realloc(st->order, (size_t)(st->g.units + 1) * sizeof *more);
        if (!more) {
            st->g.ready = false;
            return;
        }
        st->order = more;
        st->room = st->g.units;
    }
    gates_order(&st->g, st->sort, st->order);
    if (!v->ui->select.unit_chosen && st->g.units > 0)
        v->ui->select.unit = st->order[0];
}

static void gates_title(struct view *v)
{
    static const char *const say[GATE_KINDS] = {"update gate z", "reset gate r", "candidate",
                                                "state h"};
    static const char *const gloss[GATE_KINDS] = {"", "  (low = forgets for the candidate)",
                                                  "  (what it would write)",
                                                  "  (the summary itself)"};
    const struct gates_state *st = v->state;
    const struct gates *g = &st->g;
    char where[48] = "";
    if (g->ready && g->tracks > 1)
        snprintf(where, sizeof where, "track %d of %d: ", g->track + 1, g->tracks);
    else if (g->ready && g->layers > 1)
        snprintf(where, sizeof where, "layer %d of %d: ", g->layer + 1, g->layers);
    const char *about = gloss[st->kind], *what = say[st->kind];
    if (st->kind == GATE_UPDATE) {
        about =
            g->keeps ? "  (high = keep, low = overwrite)" : "  (high = overwrite, low = keep)";
        what = g->write ? "share written" : what;
    }
    bool fits = text_width(where) + text_width(what) + text_width(about) + 8 <= v->w;
    snprintf(v->title, sizeof v->title, "%s%s%s", where, what, fits ? about : "");
    snprintf(v->note, sizeof v->note, "by %s", gate_sorts[st->sort]);
    if (text_width(v->title) + text_width(v->note) + 8 > v->w)
        v->note[0] = '\0';
}

static bool model_has_gates(const struct view *v)
{
    return slot_has(v->app, v->app->slot, MODEL_GATES);
}

static bool gates_view_ask(struct view *v, int which, struct view_ask *ask)
{
    struct gates_state *st = v->state;
    if (!model_has_gates(v)) {
        st->g.ready = false;
        return false;
    }
    if (which == 0) {
        gates_ask(&ask->q);
        ask->key = 1 + (uint64_t)v->ui->select.layer * 64 + (uint64_t)v->ui->select.track;
        return true;
    }
    return which == 1 && st->sort == GATE_BY_EFFECT &&
           gates_ask_effects(&st->g, v->app, ask->slot, &ask->q);
}

static bool gates_answer(struct view *v, int which, const struct answer *a)
{
    struct gates_state *st = v->state;
    if (which == 0) {
        float *effect = st->g.effect; /* the order stays until the new effects are there */
        int units = st->g.units;
        st->g.effect = NULL;
        gates_take(&st->g, v->app, v->app->slot, v->ui->select.layer, v->ui->select.track, a);
        if (st->g.ready && st->g.units == units)
            st->g.effect = effect;
        else
            free(effect);
    } else {
        gates_take_effects(&st->g, a);
    }
    sort_units(v);
    gates_title(v);
    return true;
}

static bool gates_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    gates_title(v);
    return false;
}

static void gates_close(struct view *v)
{
    struct gates_state *st = v->state;
    gates_done(&st->g);
    heat_memory_free(&st->memory);
    free(st->order);
}

static int cursor_row(const struct view *v)
{
    const struct gates_state *st = v->state;
    for (int i = 0; i < st->g.units; i++)
        if (st->order[i] == v->ui->select.unit)
            return i;
    return 0;
}

static double largest(const struct gates *g, enum gate_kind kind)
{
    double full = 0;
    for (size_t i = 0; i < (size_t)g->n * (size_t)g->units; i++)
        full = fmax(full, fabs((double)g->x[kind][i]));
    return full;
}

/* First item shown of so many that fit: the newest, moved to where the sequence's cursor is. */
static int first_item(const struct view *v, const struct gates *g, int fit)
{
    int cur = v->app->cursor - g->first;
    if (fit >= g->n)
        return 0;
    return canvas_scroll(g->n - fit, cur < 0 ? 0 : cur >= g->n ? g->n - 1 : cur, fit, g->n);
}

enum { LEFT = 15 };

/* Widths that both panes share, so that their columns stand under one another. */
static int cell_width(const struct canvas *c, int n)
{
    int w = n > 0 ? (c->cols - LEFT - 1) / n : 6;
    return w > 7 ? 7 : w < 4 ? 4 : w;
}

static int draw_items(const struct view *v, const struct canvas *c, const struct gates *g,
                      int cell, int *from)
{
    int fit = (c->cols - LEFT - 1) / cell;
    char t[24];
    *from = first_item(v, g, fit);
    if (fit > g->n)
        fit = g->n;
    for (int i = 0; i < fit; i++) {
        int k = *from + i;
        snprintf(t, sizeof t, "%d", (int)g->item[k]);
        canvas_centre(c, 0, LEFT + i * cell, cell - 1,
                      k + g->first == v->app->cursor ? ROLE_STRONG : ROLE_DIM, t);
    }
    return fit;
}

static void gates_draw(const struct view *v, struct canvas *c)
{
    const struct gates_state *st = v->state;
    const struct gates *g = &st->g;
    const struct app *a = v->app;
    char t[96], num[FMT_NUM], part[48];
    if (!g->ready || !st->order) {
        draw_empty(c,
                   g->error[0] ? g->error
                   : a->seq.n  ? "thinking"
                               : "no sequence yet",
                   a->seq.n ? "" : "p  types one;  9  picks a session");
        return;
    }
    int cell = cell_width(c, g->n), from, fit = draw_items(v, c, g, cell, &from);
    bool signs = st->kind >= GATE_CAND;
    double full = signs ? fmax(largest(g, st->kind), 1e-12) : 1;
    int foot = c->rows >= 7, room = c->rows - 1 - foot, cur = cursor_row(v),
        top = canvas_scroll(st->top, cur, room, g->units);
    canvas_printf(c, 0, 1, ROLE_DIM, "unit %8s",
                  st->sort == GATE_BY_MEMORY     ? "memory"
                  : st->sort == GATE_BY_ACTIVITY ? "activity"
                                                 : "effect");
    for (int y = 1; y <= room && top + y - 1 < g->units; y++) {
        int u = st->order[top + y - 1];
        bool here = u == v->ui->select.unit;
        float set = 0;
        gates_part(g, st->kind, u, part, sizeof part);
        bool off = ablate_has(a, a->slot, part, &set);
        if (here)
            canvas_text(c, y, 0, ROLE_STRONG, ">");
        snprintf(t, sizeof t, "%d", u + 1);
        canvas_right(c, y, 1, 4, here ? ROLE_STRONG : ROLE_TEXT, t);
        if (off)
            snprintf(t, sizeof t, "= %s", fmt_short(num, (double)set));
        else if (st->sort == GATE_BY_MEMORY)
            snprintf(t, sizeof t, "%s", fmt_fixed(num, fmin(gates_memory(g, u), 9999), 1));
        else if (st->sort == GATE_BY_ACTIVITY)
            snprintf(t, sizeof t, "%s", fmt_fixed(num, gates_activity(g, u), 3));
        else
            snprintf(t, sizeof t, "%s",
                     g->effect ? fmt_fixed(num, (double)g->effect[u], 4) : ".");
        canvas_right(c, y, 6, 8, off ? ROLE_WARN : here ? ROLE_STRONG : ROLE_DIM, t);
        for (int i = 0; i < fit; i++) {
            int x = LEFT + i * cell;
            double value =
                (double)g->x[st->kind][(size_t)(from + i) * (size_t)g->units + (size_t)u];
            int level = theme_level(c->theme, value / full, signs);
            bool cross = here && from + i + g->first == a->cursor;
            fmt_fixed(num, value, 2);
            char *zero = strchr(num, '0'); /* .91 */
            if (cell < 6 && zero && zero[1] == '.')
                memmove(zero, zero + 1, strlen(zero));
            canvas_level(c, y, x, cell - 1, level, signs, st->numbers ? num : NULL);
            if (cross && !st->numbers) {
                color_t own = theme_level_color(c->theme, level, signs);
                struct style on = own == COLOR_NONE
                                      ? canvas_style(c, ROLE_CURSOR)
                                      : (struct style){theme_ink(own), own, ATTR_BOLD};
                canvas_put(c, y, x, "[", on);
                canvas_put(c, y, x + cell - 2, "]", on);
            }
        }
    }
    if (!foot)
        return;
    struct heatmap m = {.scale = signs ? HEAT_SIGNED : HEAT_UNIT};
    struct heat_info info = {.lo = signs ? -full : 0, .hi = full};
    int used = heat_scale_line(c, c->rows - 1, 1, &m, &info);
    snprintf(t, sizeof t, "%d-%d of %d units", top + 1,
             top + room < g->units ? top + room : g->units, g->units);
    if (st->sort == GATE_BY_MEMORY && used + 32 + text_width(t) < c->cols)
        canvas_printf(c, c->rows - 1, used + 4, ROLE_DIM, "memory = 1/mean(z) items");
    if (used + 3 + text_width(t) < c->cols)
        canvas_text(c, c->rows - 1, c->cols - text_width(t) - 1, ROLE_DIM, t);
}

static bool gates_key(struct view *v, const char *key)
{
    struct gates_state *st = v->state;
    if (!st->g.ready || !st->order)
        return false;
    int row = cursor_row(v);
    if (!list_key(key, &row, st->g.units, v->h - 2))
        return false;
    v->ui->select.unit = st->order[row];
    v->ui->select.unit_chosen = true;
    st->top = canvas_scroll(st->top, row, v->h > 2 ? v->h - 2 : 1, st->g.units);
    return true;
}

static bool gates_click(struct view *v, int row, int col, bool twice)
{
    struct gates_state *st = v->state;
    (void)col;
    (void)twice;
    if (!st->g.ready || !st->order || row < 1 || st->top + row - 1 >= st->g.units)
        return false;
    v->ui->select.unit = st->order[st->top + row - 1];
    v->ui->select.unit_chosen = true;
    return true;
}

static bool gates_style(struct view *v, const char *name)
{
    struct gates_state *st = v->state;
    bool known = !*name;
    if (strcmp(name, "numbers") == 0) {
        st->numbers = !st->numbers;
        return true;
    }
    if (!*name)
        st->kind = (enum gate_kind)((st->kind + 1) % GATE_KINDS);
    for (int k = 0; k < GATE_KINDS; k++)
        if (strcmp(name, gate_kinds[k]) == 0) {
            st->kind = (enum gate_kind)k;
            known = true;
        }
    gates_title(v);
    return known;
}

/* "next", "prev" or a number from 1; 0: not to be had. */
static int turned(const char *text, int now, int n)
{
    if (strcmp(text, "next") == 0)
        return now % n + 1;
    if (strcmp(text, "prev") == 0)
        return now > 1 ? now - 1 : n;
    char *end;
    long k = strtol(text, &end, 10);
    return *end || end == text || k < 1 || k > n ? 0 : (int)k;
}

static bool gates_command(struct view *v, const struct cmd_call *call)
{
    struct gates_state *st = v->state;
    struct ui_select *s = &v->ui->select;
    const char *sort = call_text(call, "sort", NULL);
    if (call_has(call, "unit")) {
        int u = (int)call_int(call, "unit", 1) - 1;
        if (st->g.ready && u >= st->g.units)
            return false;
        s->unit = u;
        s->unit_chosen = true;
    }
    if (call_has(call, "layer")) {
        int k = turned(call_text(call, "layer", ""), st->g.layer + 1,
                       st->g.layers > 0 ? st->g.layers : 1);
        if (!k)
            return false;
        s->layer = k;
    }
    if (call_has(call, "track")) {
        int k = turned(call_text(call, "track", ""), st->g.track + 1,
                       st->g.tracks > 0 ? st->g.tracks : 1);
        if (!k)
            return false;
        s->track = k;
    }
    if (call_has(call, "KIND"))
        st->kind = (enum gate_kind)call_int(call, "KIND", 0);
    if (sort) {
        bool known = strcmp(sort, "next") == 0;
        if (known)
            st->sort = (enum gate_sort)((st->sort + 1) % GATE_SORTS);
        for (int i = 0; i < GATE_SORTS; i++)
            if (strcmp(sort, gate_sorts[i]) == 0) {
                st->sort = (enum gate_sort)i;
                known = true;
            }
        if (!known)
            return false;
    }
    sort_units(v);
    gates_title(v);
    return true;
}

static bool gates_view_part(const struct view *v, char *buf, size_t size)
{
    const struct gates_state *st = v->state;
    if (!st->g.ready || v->ui->select.unit >= st->g.units)
        return false;
    gates_part(&st->g, st->kind, v->ui->select.unit, buf, size);
    return true;
}

static bool plot_value(const void *ctx, int row, int col, double *x)
{
    const struct gates_state *st = ctx;
    *x = (double)st->g.x[st->kind][(size_t)col * (size_t)st->g.units + (size_t)st->order[row]];
    return true;
}

static const char *plot_row(const void *ctx, int row)
{
    static char t[16];
    snprintf(t, sizeof t, "%d", ((const struct gates_state *)ctx)->order[row] + 1);
    return t;
}

static const char *plot_col(const void *ctx, int col)
{
    static char t[16];
    snprintf(t, sizeof t, "%d", (int)((const struct gates_state *)ctx)->g.item[col]);
    return t;
}

static void gates_plot(const struct view *v, struct plot *p)
{
    const struct gates_state *st = v->state;
    struct plot_panel *panel = plot_add(p, PLOT_HEAT, v->title);
    if (panel && st->g.ready && st->order)
        panel->heat =
            (struct heatmap){.rows = st->g.units,
                             .cols = st->g.n,
                             .at = plot_value,
                             .ctx = st,
                             .row_label = plot_row,
                             .col_label = plot_col,
                             .row_name = "unit",
                             .col_name = "item",
                             .scale = st->kind >= GATE_CAND ? HEAT_SIGNED : HEAT_UNIT};
}

static const char *const gates_keys[] = {"j/k", "unit", "h/l", "item", "v", "gate", NULL};
const struct view_def view_gates = {
    .name = "gates",
    .title = "update gate z",
    .help = "Units by items: update gate, reset gate, candidate, state (v).  s sorts by "
            "memory, activity or effect, z holds a unit's gate at 0, then 1.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct gates_state),
    .keys = gates_keys,
    .close = gates_close,
    .ask = gates_view_ask,
    .answer = gates_answer,
    .update = gates_update,
    .draw = gates_draw,
    .key = gates_key,
    .click = gates_click,
    .command = gates_command,
    .style = gates_style,
    .part = gates_view_part,
    .plot = gates_plot,
};

/* ---- per step ---- */

struct steps_state {
    struct gates g;
    int n_next; /* prefixes answered */
    /* probability (or score) of the item that came next; NaN after the last */
    double next[SEQ_MAX];
    double odds[SEQ_MAX]; /* planted, of the same item */
    bool softmax, odds_shown;
    uint64_t odds_of;
    struct arena *mem;
};

static enum status steps_open(struct view *v, struct err *err)
{
    return arena_new(&((struct steps_state *)v->state)->mem, 1 << 16, err);
}

static void steps_close(struct view *v)
{
    struct steps_state *st = v->state;
    gates_done(&st->g);
    arena_free(st->mem);
}

static bool steps_ask(struct view *v, int which, struct view_ask *ask)
{
    struct steps_state *st = v->state;
    if (!model_has_gates(v)) {
        st->g.ready = false;
        return false;
    }
    if (which == 0) {
        gates_ask(&ask->q);
        ask->key = 1 + (uint64_t)v->ui->select.layer * 64 + (uint64_t)v->ui->select.track;
        return true;
    }
    ask->q.kind = ASK_PREFIXES;
    return which == 1;
}

static bool steps_answer(struct view *v, int which, const struct answer *a)
{
    struct steps_state *st = v->state;
    if (which == 0) {
        gates_take(&st->g, v->app, v->app->slot, v->ui->select.layer, v->ui->select.track, a);
        return true;
    }
    st->n_next = a->err.code ? 0 : a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
    st->softmax = a->softmax;
    for (int i = 0; i < st->n_next; i++)
        st->next[i] = i + 1 < a->n ? answer_value(a, i, a->item[i + 1]) : (double)NAN;
    return true;
}

static bool steps_update(struct view *v, const struct snapshot *s)
{
    struct steps_state *st = v->state;
    const struct app *a = v->app;
    (void)s;
    bool want = a->truth_shown && a->ds && a->ds->world && a->seq.n > 0;
    uint64_t of = sequence_hash(&a->seq);
    if (want == st->odds_shown && (!want || of == st->odds_of))
        return false;
    double *p = want ? malloc(((size_t)a->ds->n_items + 1) * sizeof *p) : NULL;
    st->odds_shown = p != NULL;
    st->odds_of = of;
    for (int i = 0; p && i < a->seq.n; i++) {
        arena_reset(st->mem);
        int32_t next = i + 1 < a->seq.n ? a->seq.item[i + 1] : 0;
        world_odds(a->ds->world, a->seq.item, i + 1, p, st->mem);
        st->odds[i] = next > 0 && next <= a->ds->n_items ? p[next] : (double)NAN;
    }
    free(p);
    return true;
}

static void steps_draw(const struct view *v, struct canvas *c)
{
    const struct steps_state *st = v->state;
    const struct gates *g = &st->g;
    char t[FMT_NUM], num[FMT_NUM];
    if (!g->ready) {
        draw_empty(c, "means over the units, item by item", "");
        return;
    }
    int cell = cell_width(c, g->n), from, fit = draw_items(v, c, g, cell, &from);
    enum { MEAN_Z, MEAN_R, MOVED, NEXT, PLANTED, ROWS };
    const char *names[ROWS] = {g->write ? "mean written" : "mean z", "mean r", "|dh|",
                               st->softmax || !st->n_next ? "p(next item)" : "score(next)",
                               "planted p"};
    for (int row = 0; row < ROWS - !st->odds_shown && row + 1 < c->rows; row++) {
        canvas_left(c, row + 1, 1, LEFT - 2, row == PLANTED ? ROLE_GOOD : ROLE_DIM, names[row]);
        for (int i = 0; i < fit; i++) {
            int k = from + i;
            double x = row == MEAN_Z   ? gates_mean(g, GATE_UPDATE, k)
                       : row == MEAN_R ? gates_mean(g, GATE_RESET, k)
                       : row == MOVED  ? gates_moved(g, k)
                       : row == NEXT   ? (st->n_next == g->n ? st->next[k] : (double)NAN)
                                       : st->odds[g->first + k];
            fmt_fixed(num, x, (cell >= 6 ? 3 : 2) - (cell < 6 && fabs(x) >= 0.995));
            snprintf(t, sizeof t, "%s", cell < 6 && num[0] == '0' ? num + 1 : num);
            bool here = k + g->first == v->app->cursor;
            canvas_right(c, row + 1, LEFT - 1 + i * cell, cell,
                         row == PLANTED ? ROLE_GOOD
                         : here         ? ROLE_STRONG
                                        : ROLE_TEXT,
                         isfinite(x) ? t : "-");
        }
    }
}

const struct view_def view_steps = {
    .name = "steps",
    .title = "per item, over all units",
    .help = "Mean gates, how far the state moved, the probability of what came next; with the "
            "truth shown the planted one.",
    .flags = VIEW_NEEDS_MODEL,
    .min_rows = 3,
    .min_cols = 24,
    .state_size = sizeof(struct steps_state),
    .open = steps_open,
    .close = steps_close,
    .ask = steps_ask,
    .answer = steps_answer,
    .update = steps_update,
    .draw = steps_draw,
};
