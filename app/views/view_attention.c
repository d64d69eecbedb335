/* The map of the Attention tab: one head, mean, maximum, rollout, one row as bars, all
 * heads, the difference to the pin.  Rows are queries (who reads), columns keys (what is
 * read). */
#include "app/cmd/ablate.h"
#include "app/cmd/command.h"
#include "app/ui/plot.h"
#include "app/views/attn_maps.h"

#include <stdio.h>
#include <stdlib.h>

enum map_style { STYLE_MAP, STYLE_NUMBERS, STYLE_ROW, STYLE_HEADS, STYLE_PIN, STYLES };
static const char *const style_names[STYLES] = {"map", "numbers", "row", "heads", "pin"};

struct map_state {
    struct maps m, pin;
    struct heat_memory memory;
    float *x, *y; /* the map shown; that of the pin */
    size_t room;
    enum map_style style;
    int top, left;
};

struct drawn { /* context of the heatmap's callbacks */
    const struct map_state *st;
    char *label; /* 24 bytes of the caller */
};

static bool cell_value(const void *ctx, int row, int col, double *v)
{
    const struct map_state *st = ((const struct drawn *)ctx)->st;
    const struct maps *m = &st->m;
    if (m->causal && col > row)
        return false;
    size_t i = (size_t)row * (size_t)m->cols + (size_t)col;
    *v = (double)st->x[i];
    if (st->style == STYLE_PIN) {
        if (!st->y || row >= st->pin.rows || col >= st->pin.cols)
            return false;
        *v -= (double)st->y[(size_t)row * (size_t)st->pin.cols + (size_t)col];
    }
    return true;
}

static void place_label(const struct maps *m, int i, char *buf, size_t size)
{
    if (i < m->n)
        snprintf(buf, size, "%d", (int)m->item[i]);
    else
        snprintf(buf, size, "_"); /* the mask that asks */
}

static const char *cell_label(const void *ctx, int i)
{
    /* The text lives until the next call, as the heatmap wants it; the buffer belongs to the
     * drawing. */
    const struct drawn *d = ctx;
    place_label(&d->st->m, i, d->label, 24);
    return d->label;
}

static enum status map_grow(struct map_state *st)
{
    size_t need = (size_t)st->m.rows * (size_t)st->m.cols,
           pin = (size_t)st->pin.rows * (size_t)st->pin.cols;
    if (pin > need)
        need = pin;
    if (need <= st->room && st->x && st->y)
        return ST_OK;
    float *x = realloc(st->x, need * sizeof *x);
    if (x)
        st->x = x;
    float *y = realloc(st->y, need * sizeof *y);
    if (y)
        st->y = y;
    if (!x || !y)
        return ST_NOMEM;
    st->room = need;
    return ST_OK;
}

static bool map_shown(struct view *v)
{
    struct map_state *st = v->state;
    const struct ui_select *s = &v->ui->select;
    if (!st->m.ready || map_grow(st) != ST_OK)
        return false;
    int layer = attn_layer(&st->m, s);
    if (!s->rollout || !attn_rollout(&st->m, layer, st->x))
        attn_map(&st->m, layer, attn_head(&st->m, s), st->x);
    if (st->pin.ready)
        attn_map(&st->pin, layer < st->pin.layers ? layer : st->pin.layers - 1,
                 attn_head(&st->pin, s), st->y);
    return true;
}

static void map_title(struct view *v)
{
    const struct map_state *st = v->state;
    const struct ui_select *s = &v->ui->select;
    const struct maps *m = &st->m;
    char head[24];
    v->note[0] = '\0';
    if (!m->ready) {
        snprintf(v->title, sizeof v->title, "attention");
        return;
    }
    int h = attn_head(m, s);
    if (h > 0)
        snprintf(head, sizeof head, "head %d", h);
    else
        snprintf(head, sizeof head, "%s of %d heads", h < 0 ? "maximum" : "mean", m->heads);
    if (s->rollout)
        snprintf(v->title, sizeof v->title, "rollout to layer %d (a heuristic)",
                 attn_layer(m, s) + 1);
    else if (st->style == STYLE_HEADS)
        snprintf(v->title, sizeof v->title, "all heads");
    else
        snprintf(v->title, sizeof v->title, "layer %d %s%s", attn_layer(m, s) + 1, head,
                 st->style == STYLE_PIN ? " less pin" : "");
    if (v->w > 48 && st->style != STYLE_HEADS && st->style != STYLE_ROW)
        snprintf(v->note, sizeof v->note, "rows read columns");
    char part[48];
    float set;
    if (attn_part(v, m, part, sizeof part) && ablate_has(v->app, v->app->slot, part, &set))
        snprintf(v->note, sizeof v->note, "set to %s by hand", fmt_short(part, (double)set));
    if (m->first > 0)
        snprintf(v->note, sizeof v->note, "oldest %d cut off", (int)m->first);
}

static bool map_ask(struct view *v, int which, struct view_ask *ask)
{
    struct map_state *st = v->state;
    if (which == 1) {
        if (st->style != STYLE_PIN || !v->app->has_pin || v->app->pin.n == 0)
            return false;
        ask->q.kind = ASK_PROBES;
        ask->q.probes = "*attn.prob";
        ask->q.item = v->app->pin.item;
        ask->q.n = v->app->pin.n;
        return true;
    }
    return attn_ask(v, which, ask);
}

static bool map_answer(struct view *v, int which, const struct answer *a)
{
    struct map_state *st = v->state;
    attn_take(which == 1 ? &st->pin : &st->m, a);
    map_shown(v);
    map_title(v);
    return true;
}

static bool map_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    map_shown(v);
    map_title(v);
    return false;
}

static void map_close(struct view *v)
{
    struct map_state *st = v->state;
    attn_done(&st->m);
    attn_done(&st->pin);
    heat_memory_free(&st->memory);
    free(st->x);
    free(st->y);
}

static void describe(const struct map_state *st, struct heatmap *h, struct drawn *d,
                     const struct ui_select *s)
{
    d->st = st;
    int row, col;
    attn_cell(&st->m, s, &row, &col);
    *h = (struct heatmap){.rows = st->m.rows,
                          .cols = st->m.cols,
                          .at = cell_value,
                          .ctx = d,
                          .row_label = cell_label,
                          .col_label = cell_label,
                          .row_name = "query",
                          .col_name = "key",
                          .scale = st->style == STYLE_PIN ? HEAT_SIGNED : HEAT_PER_ROW,
                          .numbers = st->style == STYLE_NUMBERS,
                          .shape_square = true,
                          .cursor = true,
                          .cur_row = row,
                          .cur_col = col,
                          .top = st->top,
                          .left = st->left};
    if (st->style == STYLE_NUMBERS)
        h->size = HEAT_LARGE;
}

/* One row as bars: what query `row` reads. */
static void draw_row(const struct view *v, struct canvas *c)
{
    const struct map_state *st = v->state;
    const struct maps *m = &st->m;
    int row, col, id = item_digits(v->app);
    char b[FMT_NUM], name[64];
    attn_cell(m, &v->ui->select, &row, &col);
    if (row < m->n)
        app_item_text(v->app, m->item[row], name, sizeof name);
    else
        snprintf(name, sizeof name, "the mask");
    canvas_printf(c, 0, 1, ROLE_TEXT, "query %d  %s  reads", row + 1, name);
    int open = m->causal ? row + 1 : m->cols, shown = c->rows - 2,
        from = canvas_scroll(0, col, shown, open);
    const float *x = st->x + (size_t)row * (size_t)m->cols;
    double full = 0;
    for (int k = 0; k < open; k++)
        full = (double)x[k] > full ? (double)x[k] : full;
    int w = id + 18 < c->cols / 2 ? id + 18 : c->cols / 2;
    for (int k = from, y = 2; k < open && y < c->rows; k++, y++) {
        snprintf(b, sizeof b, "%d", k + 1);
        canvas_right(c, y, 1, 3, ROLE_DIM, b);
        if (k < m->n)
            draw_item(c, y, 5, w, id, ROLE_TEXT, v->app, m->item[k]);
        else
            canvas_left(c, y, 5, w, ROLE_TEXT, "_ (the mask)");
        canvas_right(c, y, 6 + w, 6, ROLE_TEXT, fmt_fixed(b, (double)x[k], 3));
        canvas_bar(c, y, 13 + w, c->cols - 14 - w, ROLE_BAR, (double)x[k], full);
        if (k == col)
            canvas_paint(c, y, 0, c->cols, v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
}

static void map_draw(const struct view *v, struct canvas *c)
{
    const struct map_state *st = v->state;
    if (!st->m.ready || !st->x) {
        draw_empty(c,
                   st->m.error[0]  ? st->m.error
                   : v->app->seq.n ? "thinking"
                                   : "no sequence yet",
                   v->app->seq.n ? "" : "p  types one;  9  picks a session");
        return;
    }
    if (st->style == STYLE_HEADS) {
        attn_draw_heads(v, c, &st->m);
        return;
    }
    if (st->style == STYLE_ROW) {
        draw_row(v, c);
        return;
    }
    if (st->style == STYLE_PIN && !st->pin.ready) {
        draw_empty(c, "the difference to the pinned sequence", "P  pins the present one");
        return;
    }
    struct heatmap h;
    char label[24];
    struct drawn d = {st, label};
    struct heat_info info;
    describe(st, &h, &d, &v->ui->select);
    struct canvas map = canvas_sub(c, 0, 1, c->rows > 4 ? c->rows - 1 : c->rows, REST);
    heat_draw(&map, &h, &info);
    if (c->rows > 4) {
        int used = heat_scale_line(c, c->rows - 1, 1, &h, &info);
        if (st->m.causal && used + 22 < c->cols) {
            canvas_glyph(c, c->rows - 1, used + 3, ROLE_MASKED, G_MASKED);
            canvas_text(c, c->rows - 1, used + 5, ROLE_DIM, "masked (future)");
        }
    }
}

static bool map_key(struct view *v, const char *key)
{
    struct map_state *st = v->state;
    if (strcmp(key, "Enter") == 0 && st->style == STYLE_HEADS) {
        st->style = STYLE_MAP;
        map_title(v);
        return true;
    }
    if (!attn_move(v, &st->m, key))
        return false;
    int row, col;
    attn_cell(&st->m, &v->ui->select, &row, &col);
    st->top = canvas_scroll(st->top, row, v->h > 2 ? v->h - 2 : 1, st->m.rows);
    st->left = canvas_scroll(st->left, col, v->w > 8 ? v->w - 6 : 1, st->m.cols);
    return true;
}

static bool map_click(struct view *v, int row, int col, bool twice)
{
    struct map_state *st = v->state;
    (void)twice;
    if (!st->m.ready || st->style != STYLE_MAP)
        return false;
    int r, k;
    /* Drawing on nothing tells where the cells are. */
    struct theme plain;
    struct grid none = {0, 0, NULL};
    theme_fixed(&plain, GLYPHS_BLOCK, DEPTH_256, false);
    struct canvas c = {&none, &plain, 0, 0, v->h > 4 ? v->h - 1 : v->h, v->w - 1};
    struct heatmap h;
    char label[24];
    struct drawn d = {st, label};
    struct heat_info info;
    describe(st, &h, &d, &v->ui->select);
    heat_draw(&c, &h, &info);
    if (!heat_hit(&info, row, col - 1, &r, &k))
        return false;
    v->ui->select.row = r;
    v->ui->select.col = k;
    return true;
}

static bool map_style(struct view *v, const char *name)
{
    struct map_state *st = v->state;
    for (int i = 0; i < STYLES; i++) {
        bool next = i == ((int)st->style + 1) % STYLES;
        if (*name ? strcmp(name, style_names[i]) == 0 : next) {
            st->style = (enum map_style)i;
            map_shown(v);
            map_title(v);
            return true;
        }
    }
    return false;
}

/* attend layer=N|next|prev head=N|mean|max|next|prev|cycle row=POS rollout diff=pin */
static int step_in(const char *text, int now, int n, int special)
{
    if (strcmp(text, "next") == 0)
        return now >= n ? 1 : now + 1;
    if (strcmp(text, "prev") == 0)
        return now <= 1 ? n : now - 1;
    if (strcmp(text, "mean") == 0)
        return 0;
    if (strcmp(text, "max") == 0)
        return -1;
    if (strcmp(text, "cycle") == 0) /* one head, mean, maximum */
        return now > 0 ? 0 : now == 0 ? -1 : special > 0 ? special : 1;
    int k = 0;
    for (; *text >= '0' && *text <= '9' && k < 1000; text++)
        k = k * 10 + (*text - '0');
    return *text || k < 1 || k > n ? -2 : k;
}

static bool map_command(struct view *v, const struct cmd_call *call)
{
    struct map_state *st = v->state;
    struct ui_select *s = &v->ui->select;
    int layers = st->m.ready ? st->m.layers : ATTN_LAYERS,
        heads = st->m.ready ? st->m.heads : ATTN_HEADS;
    if (call_has(call, "layer")) {
        int now = s->layer > 0 ? s->layer : layers,
            to = step_in(call_text(call, "layer", "0"), now, layers, 0);
        if (to < 1)
            return false;
        s->layer = to;
    }
    if (call_has(call, "head")) {
        int to = step_in(call_text(call, "head", "0"), s->head, heads, 1);
        if (to < -1)
            return false;
        s->head = to;
        s->rollout = false;
    }
    if (call_has(call, "row"))
        s->row = (int)call_int(call, "row", -1);
    if (call_has(call, "rollout"))
        s->rollout = !s->rollout;
    if (call_has(call, "diff"))
        st->style = STYLE_PIN;
    else if (st->style == STYLE_HEADS)
        st->style = STYLE_MAP;
    map_shown(v);
    map_title(v);
    return true;
}

static bool map_part(const struct view *v, char *buf, size_t size)
{
    return attn_part(v, &((const struct map_state *)v->state)->m, buf, size);
}

static void map_plot(const struct view *v, struct plot *p)
{
    static struct drawn d;
    static char label[24];
    d.label = label;
    struct plot_panel *panel = plot_add(p, PLOT_HEAT, v->title);
    const struct map_state *st = v->state;
    if (panel && st->m.ready && st->x)
        describe(st, &panel->heat, &d, &v->ui->select);
}

static const char *const map_keys[] = {"hjkl", "cell", "v", "style", NULL};
const struct view_def view_attention = {
    .name = "attention",
    .title = "attention",
    .help = "Who reads whom.  Rows are queries, columns keys; ( ) head, { } layer, a mean or "
            "maximum, R rollout, v style; z silences the head, u undoes.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 5,
    .min_cols = 20,
    .state_size = sizeof(struct map_state),
    .keys = map_keys,
    .close = map_close,
    .ask = map_ask,
    .answer = map_answer,
    .update = map_update,
    .draw = map_draw,
    .key = map_key,
    .click = map_click,
    .command = map_command,
    .part = map_part,
    .style = map_style,
    .plot = map_plot,
};
