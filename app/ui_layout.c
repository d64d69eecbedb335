/* Where the panes of a tab stand: a line of tabs.def, the size of the screen, what is wanted
 * now; see ui_state.h.  No drawing, no terminal. */
#include "app/ui_state.h"

#include <string.h>

enum { FIXED_TOP = 3, FIXED_BOTTOM = 3 };

int ui_view_index(const char *name, size_t len)
{
    for (int i = 0; view_defs[i]; i++)
        if (strlen(view_defs[i]->name) == len && memcmp(view_defs[i]->name, name, len) == 0)
            return i;
    return -1;
}

struct part {
    int view, want; /* want: cells, or -percent, 0: a share of the rest */
};
struct column {
    struct part part[UI_PANES];
    int n, want;
};
enum { COLUMNS = 4 };

static int number(const char **s)
{
    int v = 0;
    while (**s >= '0' && **s <= '9')
        v = v * 10 + (*(*s)++ - '0');
    if (**s == '%') {
        (*s)++;
        v = -v;
    }
    return v;
}

/* false: a name that is no view, or too many panes: a mistake in tabs.def, caught by the
 * contract test. */
static bool parse(const char *s, struct column *cols, int *n)
{
    *n = 1;
    memset(cols, 0, COLUMNS * sizeof *cols);
    while (*s) {
        struct column *c = &cols[*n - 1];
        if (*s == ' ' || *s == '/') {
            s++;
        } else if (*s == '|') {
            if (++*n > COLUMNS)
                return false;
            s++;
        } else if (*s == '=') {
            s++;
            c->want = number(&s);
        } else {
            size_t len = strcspn(s, " :/|=");
            int view = ui_view_index(s, len);
            if (view < 0 || c->n == UI_PANES)
                return false;
            s += len;
            int want = 0;
            if (*s == ':') {
                s++;
                want = number(&s);
            }
            c->part[c->n++] = (struct part){view, want};
        }
    }
    return true;
}

/* Shares `total` cells among wishes; what asks for nothing shares the rest, and without such
 * a part the last takes it. */
static void share(int total, const int *want, int n, int *out)
{
    int used = 0, open = 0;
    for (int i = 0; i < n; i++) {
        out[i] = want[i] < 0 ? total * -want[i] / 100 : want[i];
        open += want[i] == 0;
        used += out[i];
    }
    int rest = total - used;
    for (int i = 0, left = open; i < n; i++)
        if (want[i] == 0) {
            out[i] = rest > 0 ? rest / left : 0;
            rest -= out[i];
            left--;
        }
    if (open == 0 && n > 0)
        out[n - 1] += rest;
    for (int i = 0, at = 0; i < n; i++) { /* too little room: the later ones shrink away */
        if (out[i] > total - at)
            out[i] = total - at;
        if (out[i] < 0)
            out[i] = 0;
        at += out[i];
    }
}

static void place_column(struct ui *u, const struct column *c, int row, int col, int rows,
                         int cols)
{
    int want[UI_PANES] = {0}, high[UI_PANES] = {0};
    for (int i = 0; i < c->n; i++)
        want[i] = c->part[i].want;
    share(rows, want, c->n, high);
    for (int i = 0; i < c->n; i++) {
        if (u->n_pane < UI_PANES && high[i] >= 3 && cols >= 4)
            u->pane[u->n_pane++] = (struct ui_pane){c->part[i].view, row, col, high[i], cols};
        row += high[i];
    }
}

/* Panes that have nothing to show as things are leave their room to the others. */
static int drop_unwanted(const struct app *a, struct column *cols, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        struct column *c = &cols[i];
        int k = 0;
        for (int p = 0; p < c->n; p++) {
            const struct view_def *d = view_defs[c->part[p].view];
            if (!d->wanted || d->wanted(a))
                c->part[k++] = c->part[p];
        }
        c->n = k;
        if (k > 0)
            cols[kept++] = *c;
    }
    return kept;
}

static bool shown_in(const struct column *cols, int n, int view)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < cols[i].n; k++)
            if (cols[i].part[k].view == view)
                return true;
    return false;
}

static bool shows_ops(const struct ui *u)
{
    return u->stepping && tab_defs[u->tab].key == '1';
}

const char *ui_context(const struct ui *u)
{
    return shows_ops(u) ? "stepping" : tab_defs[u->tab].name;
}

static enum size_class class_of(int cols, int rows)
{
    if (cols < 80 || rows < 24)
        return SIZE_TINY;
    if (cols >= 160 && rows >= 45)
        return SIZE_L;
    return cols >= 100 && rows >= 30 ? SIZE_M : SIZE_S;
}

void ui_arrange(struct ui *u, int cols, int rows)
{
    u->cols = cols;
    u->rows = rows;
    u->size = class_of(cols, rows);
    u->n_pane = 0;
    u->hl_divider = -1;
    for (int i = 0; i < u->n_view; i++) {
        u->view[i].visible = u->view[i].focus = false;
        u->view[i].x = u->view[i].y = u->view[i].w = u->view[i].h = 0;
    }
    if (u->size == SIZE_TINY)
        return;
    int body = rows - FIXED_TOP - FIXED_BOTTOM, width = cols;
    struct column main[COLUMNS], side[COLUMNS];
    int n = 0, n_side = 0;
    const struct tab_def *t = &tab_defs[u->tab];
    const char *layout = shows_ops(u) ? tab_stepping[u->size] : t->layout[u->size];
    if (layout && (!ui_tab_applies(u->app, t) || !parse(layout, main, &n)))
        n = 0;
    n = drop_unwanted(u->app, main, n);
    if (u->size == SIZE_L && parse(tab_side, side, &n_side)) {
        struct column *s = &side[0];
        int keep = 0;
        for (int k = 0; k < s->n; k++) {
            const char *name = view_defs[s->part[k].view]->name;
            bool twice =
                shown_in(main, n, s->part[k].view) ||
                (strcmp(name, "loss") == 0 && shown_in(main, n, ui_view_index("curve", 5)));
            if (!twice)
                s->part[keep++] = s->part[k];
        }
        s->n = keep;
        if (keep)
            width -= UI_SIDE;
    }
    int want[COLUMNS] = {0}, wide[COLUMNS] = {0};
    for (int i = 0; i < n; i++)
        want[i] = main[i].want;
    if (n > 1 && u->shift[u->tab]) { /* a moved divider: the last column gives or takes */
        int *w = &want[n - 1];
        int base = *w < 0 ? width * -*w / 100 : *w ? *w : width / n;
        base -= u->shift[u->tab];
        *w = base < 12 ? 12 : base > width - 20 ? width - 20 : base;
    }
    share(width, want, n, wide);
    for (int i = 0, at = 0; i < n; i++) {
        place_column(u, &main[i], FIXED_TOP, at, body, wide[i]);
        at += wide[i];
        if (i == 0 && n > 1)
            u->hl_divider = at;
    }
    int own = u->n_pane;
    if (n_side && width < cols)
        place_column(u, &side[0], FIXED_TOP, width, body, cols - width);
    if (u->focus[u->tab] >= u->n_pane)
        u->focus[u->tab] = FOCUS_NONE;
    int focus = u->focus[u->tab];
    for (int i = 0; focus == FOCUS_NONE && i < own; i++)
        if (u->view[u->pane[i].view].def->keys)
            focus = i;
    if (focus == FOCUS_NONE)
        focus = 0;
    if (u->zoom && own > 0) {
        struct ui_pane p = u->pane[focus];
        u->n_pane = 1;
        u->pane[0] = (struct ui_pane){p.view, FIXED_TOP, 0, body, cols};
    }
    for (int i = 0; i < u->n_pane; i++) {
        struct ui_pane *p = &u->pane[i];
        struct view *v = &u->view[p->view];
        v->visible = true;
        v->focus = u->zoom || i == focus;
        v->x = p->col + 1;
        v->y = p->row + 1;
        v->w = p->cols - 2;
        v->h = p->rows - 2;
    }
    if (u->help) {
        int help = ui_view_index("help", 4);
        u->view[help].visible = true;
        for (int i = 0; i < u->n_view; i++)
            u->view[i].focus = i == help;
    }
}
