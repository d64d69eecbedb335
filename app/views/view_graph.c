/* The session as a graph: items with repeats folded, an arc for each step from one to the
 * next; beside it in numbers. */
#include "app/ui/plot.h"
#include "app/views/evolve.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 64, EDGES = 256 };
enum form { FORM_ARCS, FORM_WEIGHTS, FORMS };
static const char *const form_names[FORMS] = {"arcs", "weights"};

struct graph_state {
    enum form form;
    bool ready;
    int top;
    int32_t m; /* nodes of the answer, by rising id */
    int32_t n, item[SEQ_MAX];
    float out[NODES * NODES]; /* row a, column b: share of a's outgoing edges that go to b */
    char error[256];
};
struct edge {
    int from, to; /* by order of first click */
    double weight;
    int lane;
};
struct graph {
    int m, n_edge;
    int32_t item[NODES], count[NODES];
    struct edge edge[EDGES];
    int lanes;
};

static bool graph_ask(struct view *v, int which, struct view_ask *ask)
{
    ask->q.kind = ASK_PROBES;
    ask->q.probes = "graph.out";
    return which == 0 && shows_evolution(v->app);
}

static bool graph_answer(struct view *v, int which, const struct answer *a)
{
    struct graph_state *st = v->state;
    const struct probe_copy *p = answer_probe(a, "graph.out");
    snprintf(st->error, sizeof st->error, "%s", a->err.code ? a->err.msg : "");
    st->ready = which == 0 && !a->err.code && p && p->nd == 2 && p->d[0] == p->d[1] &&
                p->d[0] <= NODES && a->n <= SEQ_MAX && a->n > 0;
    if (!st->ready)
        return true;
    st->m = p->d[0];
    st->n = a->n;
    memcpy(st->item, a->item, (size_t)a->n * sizeof *st->item);
    memcpy(st->out, p->x, (size_t)st->m * (size_t)st->m * sizeof *st->out);
    return true;
}

static int place_of(const int32_t *ids, int n, int32_t id)
{
    for (int i = 0; i < n; i++)
        if (ids[i] == id)
            return i;
    return -1;
}

/* Arcs that overlap get lanes of their own; short ones lie inside. */
static void give_lanes(struct graph *g)
{
    g->lanes = 0;
    for (int len = 0; len < g->m; len++)
        for (int i = 0; i < g->n_edge; i++) {
            struct edge *e = &g->edge[i];
            int lo = e->from < e->to ? e->from : e->to, hi = e->from < e->to ? e->to : e->from;
            if (hi - lo != len || e->to == e->from + 1 || e->to == e->from)
                continue;
            for (e->lane = 0;; e->lane++) {
                bool taken = false;
                for (int k = 0; k < g->n_edge; k++) {
                    const struct edge *o = &g->edge[k];
                    int a = o->from < o->to ? o->from : o->to,
                        b = o->from < o->to ? o->to : o->from;
                    taken = taken || (k != i && o->to != o->from + 1 && o->to != o->from &&
                                      o->lane == e->lane && b - a <= len &&
                                      (b - a < len || k < i) && a <= hi && b >= lo);
                }
                if (!taken)
                    break;
            }
            if (e->lane >= g->lanes)
                g->lanes = e->lane + 1;
        }
}

static bool build(const struct graph_state *st, struct graph *g)
{
    int32_t sorted[NODES];
    g->m = g->n_edge = g->lanes = 0;
    for (int32_t t = 0; t < st->n; t++) {
        int at = place_of(g->item, g->m, st->item[t]);
        if (at < 0 && g->m < NODES) {
            at = g->m;
            g->item[g->m] = st->item[t];
            g->count[g->m++] = 0;
        }
        if (at >= 0)
            g->count[at]++;
    }
    if (g->m != st->m)
        return false;
    for (int i = 0; i < g->m; i++) { /* the model numbers nodes by rising id */
        int k = i;
        for (; k > 0 && sorted[k - 1] > g->item[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = g->item[i];
    }
    for (int a = 0; a < g->m; a++)
        for (int b = 0; b < g->m && g->n_edge < EDGES; b++) {
            double w = (double)st->out[place_of(sorted, g->m, g->item[a]) * g->m +
                                       place_of(sorted, g->m, g->item[b])];
            if (w > 0)
                g->edge[g->n_edge++] = (struct edge){a, b, w, 0};
        }
    give_lanes(g);
    return true;
}

static void draw_node(const struct view *v, const struct canvas *c, int row, int width,
                      const struct graph *g, int i)
{
    const struct app *a = v->app;
    bool on = a->cursor >= 0 && a->cursor < a->seq.n && a->seq.item[a->cursor] == g->item[i];
    draw_item(c, row, 1, width - 4, item_digits(a), on ? ROLE_STRONG : ROLE_TEXT, a,
              g->item[i]);
    if (g->count[i] > 1)
        canvas_printf(c, row, width - 2, ROLE_WARN, "x%d", (int)g->count[i]);
    if (on)
        canvas_paint(c, row, 1, width - 4, v->focus ? ROLE_CURSOR : ROLE_SELECT);
}

/* Strokes of the arcs as bits, so that lines that meet become one glyph. */
enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8 };
static enum glyph stroke_glyph(int bits)
{
    switch (bits) {
    case LEFT | DOWN:
        return G_TOP_RIGHT;
    case LEFT | UP:
        return G_BOTTOM_RIGHT;
    case UP | DOWN:
        return G_VLINE;
    case LEFT | RIGHT | DOWN:
        return G_TEE_TOP;
    case LEFT | RIGHT | UP:
        return G_TEE_BOTTOM;
    case LEFT | UP | DOWN:
        return G_TEE_RIGHT;
    case LEFT | RIGHT | UP | DOWN:
        return G_CROSS;
    default:
        return G_HLINE;
    }
}

static void draw_key(const struct canvas *c, const struct graph *g)
{
    bool self = false;
    for (int i = 0; i < g->n_edge; i++)
        self = self || g->edge[i].from == g->edge[i].to;
    int col =
        1 + canvas_printf(c, c->rows - 1, 1, ROLE_DIM, "%d items, %d edges", g->m, g->n_edge);
    if (self && col + 13 <= c->cols) {
        canvas_glyph(c, c->rows - 1, col + 2, ROLE_AXIS, G_CARET);
        canvas_text(c, c->rows - 1, col + 4, ROLE_DIM, "to itself");
    }
}

/* A step to the item on the next row is an arrow down before its name; the others are arcs
 * on the right, pointing at what came next. */
static void draw_arcs(const struct view *v, struct canvas *c, const struct graph *g)
{
    enum { WIDE = 2 * NODES };
    static unsigned char bits[NODES][WIDE];
    static enum role ink[NODES][WIDE];
    const struct graph_state *st = v->state;
    int names = c->cols - 2 * g->lanes - 6, shown = c->rows - 1 < g->m ? c->rows - 1 : g->m,
        top = st->top + shown > g->m ? g->m - shown : st->top;
    int width = names > 30 ? 30 : names < 10 ? 10 : names;
    memset(bits, 0, sizeof bits);
    struct canvas list = canvas_sub(c, 0, 2, REST, REST);
    for (int i = top; i < top + shown; i++)
        draw_node(v, &list, i - top, width, g, i);
    for (int i = 0; i < g->n_edge; i++) {
        const struct edge *e = &g->edge[i];
        int lo = (e->from < e->to ? e->from : e->to) - top,
            hi = (e->from < e->to ? e->to : e->from) - top, col = 2 + 2 * e->lane,
            into = e->to - top;
        if (e->to == e->from + 1 || e->to == e->from) {
            if (lo >= 0 && lo < shown)
                canvas_glyph(c, lo, e->to == e->from ? 2 : 1, ROLE_AXIS,
                             e->to == e->from ? G_CARET : G_ARROW_DOWN);
            continue;
        }
        for (int r = lo; r <= hi; r++) {
            if (r < 0 || r >= shown || col >= WIDE)
                continue;
            bits[r][col] |= (unsigned char)((r > lo ? UP : 0) | (r < hi ? DOWN : 0) |
                                            (r == lo || r == hi ? LEFT : 0));
            ink[r][col] = theme_run(e->lane);
            for (int x = 0; (r == lo || r == hi) && x < col; x++) {
                bits[r][x] |= LEFT | RIGHT;
                ink[r][x] = theme_run(e->lane);
            }
        }
        if (into >= 0 && into < shown)
            bits[into][WIDE - 1] = 1; /* an arrow head */
    }
    for (int r = 0; r < shown; r++)
        for (int x = 0; x < WIDE - 1; x++)
            if (bits[r][x])
                canvas_glyph(c, r, 3 + width + x, ink[r][x],
                             x == 0 && bits[r][WIDE - 1] ? G_ARROW_LEFT
                                                         : stroke_glyph(bits[r][x]));
    if (c->rows > shown)
        draw_key(c, g);
}

static void draw_weights(const struct view *v, struct canvas *c, const struct graph *g)
{
    const struct graph_state *st = v->state;
    int id = item_digits(v->app), row = 0, top = st->top;
    char b[FMT_NUM], text[24];
    for (int i = top; i < g->m && row < c->rows; i++, row++) {
        int col = 1;
        snprintf(text, sizeof text, "%d", (int)g->item[i]);
        col += canvas_right(c, row, col, id, ROLE_STRONG, text) + 1;
        canvas_glyph(c, row, col, ROLE_DIM, G_ARROW_RIGHT);
        col += 2;
        bool any = false;
        for (int k = 0; k < g->n_edge; k++) {
            const struct edge *e = &g->edge[k];
            if (e->from != i || col + id + 6 > c->cols)
                continue;
            col += canvas_printf(c, row, col, ROLE_TEXT, "%d ", (int)g->item[e->to]);
            col += canvas_text(c, row, col, ROLE_DIM, fmt_prob(b, e->weight)) + 2;
            any = true;
        }
        if (!any)
            canvas_text(c, row, col, ROLE_DIM, "the last click");
    }
}

static void graph_draw(const struct view *v, struct canvas *c)
{
    const struct graph_state *st = v->state;
    struct graph g;
    if (v->app->seq.n == 0 || !st->ready || !build(st, &g)) {
        draw_empty(c, st->error[0] ? st->error : "the session as a graph", "");
        return;
    }
    if (st->form == FORM_WEIGHTS || c->cols < 2 * g.lanes + 16)
        draw_weights(v, c, &g);
    else
        draw_arcs(v, c, &g);
}

static bool graph_key(struct view *v, const char *key)
{
    struct graph_state *st = v->state;
    return list_key(key, &st->top, st->m > v->h - 1 ? st->m - v->h + 2 : 1, v->h);
}

static bool graph_style(struct view *v, const char *name)
{
    struct graph_state *st = v->state;
    for (int i = 0; i < FORMS; i++)
        if (*name ? strcmp(name, form_names[i]) == 0 : i == ((int)st->form + 1) % FORMS) {
            st->form = (enum form)i;
            return true;
        }
    return false;
}

static void graph_plot(const struct view *v, struct plot *p)
{
    static char line[NODES][120];
    static const char *lines[NODES];
    const struct graph_state *st = v->state;
    struct graph g;
    struct plot_panel *panel =
        plot_add(p, PLOT_TEXT, "session graph: from, to, share of the edges that go out");
    size_t n = 0;
    bool ok = st->ready && build(st, &g);
    for (int i = 0; ok && i < g.n_edge && n < NODES; i++) {
        char x[40], y[40], b[FMT_NUM];
        app_item_text(v->app, g.item[g.edge[i].from], x, sizeof x);
        app_item_text(v->app, g.item[g.edge[i].to], y, sizeof y);
        snprintf(line[n], sizeof line[n], "%-24s %-24s %s", x, y,
                 fmt_prob(b, g.edge[i].weight));
        lines[n] = line[n];
        n++;
    }
    if (panel) {
        panel->lines = lines;
        panel->n_lines = n;
    }
}

static const char *const graph_keys[] = {"v", "weights", "j/k", "scroll", NULL};
const struct view_def view_graph = {
    .name = "graph",
    .title = "session graph",
    .help = "The session's items, repeats folded, with an arc for each step from one to the "
            "next; weights: the share of an item's outgoing edges.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 3,
    .min_cols = 20,
    .state_size = sizeof(struct graph_state),
    .keys = graph_keys,
    .ask = graph_ask,
    .answer = graph_answer,
    .wanted = shows_evolution,
    .draw = graph_draw,
    .key = graph_key,
    .style = graph_style,
    .plot = graph_plot,
};
