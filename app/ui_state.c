/* Tabs, panes, focus; what the visible views ask of the explorer and the answers handed back
 * to them.  No drawing, no terminal. */
#include "app/ui_state.h"
#include "app/cmd/ablate.h"
#include "app/cmd/condition.h"
#include "app/lesson/course.h"
#include "app/ui/keymap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED_TOP = 3, FIXED_BOTTOM = 3, VIEW_ID = 0x5eed00 };

static const struct tab_def *tab_of(const struct ui *u)
{
    return &tab_defs[u->tab];
}

static int tab_count(void)
{
    int n = 0;
    while (tab_defs[n].name)
        n++;
    return n;
}

static int view_index(const char *name, size_t len)
{
    for (int i = 0; view_defs[i]; i++)
        if (strlen(view_defs[i]->name) == len && memcmp(view_defs[i]->name, name, len) == 0)
            return i;
    return -1;
}

enum { FOCUS_NONE = -1 }; /* of a tab: the first pane with keys of its own gets it */

static void no_focus(struct ui *u)
{
    for (size_t i = 0; i < sizeof u->focus / sizeof *u->focus; i++)
        u->focus[i] = FOCUS_NONE;
}

enum status ui_new(struct app *a, int cols, int rows, struct err *err)
{
    if (a->ui)
        return ST_OK;
    struct ui *u = calloc(1, sizeof *u);
    if (!u)
        return err_nomem(err, sizeof *u, "the screen");
    u->app = a;
    u->pinned_run = -1;
    u->hl_divider = -1;
    u->select.row = u->select.col = -1;
    no_focus(u);
    u->compare =
        (struct ui_compare){.against = 1, .on = PART_TEST, .metric = Q_HR, .at_case = -1};
    while (view_defs[u->n_view])
        u->n_view++;
    u->view = calloc((size_t)u->n_view, sizeof *u->view);
    a->ui = u;
    app_carry(a, ui_free, NULL);
    if (!u->view) {
        ui_free(a);
        return err_nomem(err, sizeof *u->view, "the views");
    }
    enum status st = keymap_new(&u->keys, err);
    for (int i = 0; st == ST_OK && i < u->n_view; i++) {
        struct view *v = &u->view[i];
        v->def = view_defs[i];
        v->app = a;
        v->ui = u;
        v->id = VIEW_ID + (uint64_t)i * VIEW_ASKS;
        v->dirty = true;
        snprintf(v->title, sizeof v->title, "%s", v->def->title);
        v->keys = v->def->keys;
        if (v->def->state_size) {
            v->state = calloc(1, v->def->state_size);
            if (!v->state)
                st = err_nomem(err, v->def->state_size, "a view");
        }
        if (st == ST_OK && v->def->open)
            st = v->def->open(v, err);
        v->opened = st == ST_OK;
    }
    if (st != ST_OK) {
        ui_free(a);
        return st;
    }
    ui_arrange(u, cols, rows);
    return ST_OK;
}

void ui_free(struct app *a)
{
    struct ui *u = a->ui;
    if (!u)
        return;
    for (int i = 0; u->view && i < u->n_view; i++) {
        struct view *v = &u->view[i];
        if (v->opened && v->def->close)
            v->def->close(v);
        free(v->state);
    }
    keymap_free(u->keys);
    free(u->view);
    free(u);
    a->ui = NULL;
}

/* ---- layout ---- */

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
            int view = view_index(s, len);
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
    const struct tab_def *t = tab_of(u);
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
                (strcmp(name, "loss") == 0 && shown_in(main, n, view_index("curve", 5)));
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
        int help = view_index("help", 4);
        u->view[help].visible = true;
        for (int i = 0; i < u->n_view; i++)
            u->view[i].focus = i == help;
    }
}

static void again(struct ui *u)
{
    ui_arrange(u, u->cols, u->rows);
    u->generation++;
}

/* ---- commands ---- */

static enum status no_screen(struct err *err)
{
    err_set(err, ST_STATE, "this needs the screen");
    return err_hint(err, "no-screen",
                    "start without --plain, --batch or -e, or add --screen 100x30");
}

bool ui_tab_applies(const struct app *a, const struct tab_def *t)
{
    if (!t->needs)
        return true;
    const struct slot *s = &a->slots[a->slot];
    return s->model && (s->model->flags & t->needs) != 0;
}

enum status ui_tab(struct app *a, const char *name, struct err *err)
{
    struct ui *u = a->ui;
    if (!u)
        return no_screen(err);
    int n = tab_count(), to;
    if (strcmp(name, "next") == 0 || strcmp(name, "prev") == 0) {
        to = u->tab;
        do
            to = (to + (name[0] == 'n' ? 1 : n - 1)) % n;
        while (course_hides_tab(a, tab_defs[to].name));
    } else {
        const struct tab_def *t = tab_find(name);
        if (!t) {
            err_set(err, ST_ARG, "no tab \"%s\"", name);
            return err_hint(
                err, "bad-value",
                "train predict attention filters gates latent evolution compare data lessons");
        }
        to = (int)(t - tab_defs);
        if (course_hides_tab(a, t->name)) {
            err_set(err, ST_STATE, "this lesson does without the tab %s", t->title);
            return err_hint(err, "not-yet", "lesson leave brings all tabs back"), ST_STATE;
        }
    }
    if (to != u->tab)
        u->tab_before = u->tab;
    u->tab = to;
    u->zoom = u->help = false;
    again(u);
    return ST_OK;
}

struct view *ui_focused(struct app *a)
{
    struct ui *u = a->ui;
    for (int i = 0; u && i < u->n_view; i++)
        if (u->view[i].visible && u->view[i].focus)
            return &u->view[i];
    return NULL;
}

struct view *ui_view(struct app *a, const char *name)
{
    int i = a->ui ? view_index(name, strlen(name)) : -1;
    return i < 0 ? NULL : &a->ui->view[i];
}

/* The focused pane, then the others of the tab: "view runs" reaches the pane that has runs. */
enum status ui_style(struct app *a, const char *style, struct err *err)
{
    struct ui *u = a->ui;
    if (!u)
        return no_screen(err);
    if (strcmp(style, "next") == 0)
        style = "";
    struct view *f = ui_focused(a);
    if (f && f->def->style && f->def->style(f, style)) {
        u->generation++;
        return ST_OK;
    }
    for (int i = 0; i < u->n_pane; i++) {
        struct view *v = &u->view[u->pane[i].view];
        if (v != f && v->def->style && (*style || i == 0) && v->def->style(v, style)) {
            if (*style) {
                u->focus[u->tab] = i;
                again(u);
            }
            u->generation++;
            return ST_OK;
        }
    }
    err_set(err, ST_ARG,
            *style ? "no pane of this tab has a style \"%s\"" : "this pane has one style%s",
            style);
    return err_hint(err, "bad-value", "v shows the next style of a pane that has several");
}

static int focused_pane(const struct ui *u)
{
    for (int i = 0; i < u->n_pane; i++)
        if (u->view[u->pane[i].view].focus)
            return i;
    return 0;
}

enum status ui_layout(struct app *a, const char *what, struct err *err)
{
    struct ui *u = a->ui;
    if (!u)
        return no_screen(err);
    int *shift = &u->shift[u->tab], *focus = &u->focus[u->tab];
    bool last = u->n_pane > 0 && u->pane[focused_pane(u)].col > 0;
    if (strcmp(what, "zoom") == 0) {
        u->zoom = !u->zoom;
    } else if (strcmp(what, "next") == 0 || strcmp(what, "prev") == 0) {
        bool zoomed = u->zoom;
        u->zoom = false;
        ui_arrange(u, u->cols, u->rows);
        int n = u->n_pane > 0 ? u->n_pane : 1;
        *focus = (focused_pane(u) + (what[0] == 'n' ? 1 : n - 1)) % n;
        u->zoom = zoomed;
    } else if (strcmp(what, "grow") == 0 || strcmp(what, "larger") == 0) {
        *shift += last ? -4 : 4;
    } else if (strcmp(what, "shrink") == 0 || strcmp(what, "smaller") == 0) {
        *shift += last ? 4 : -4;
    } else if (strcmp(what, "reset") == 0) {
        memset(u->shift, 0, sizeof u->shift);
        no_focus(u);
        u->zoom = false;
    } else if (strcmp(what, "repaint") != 0) {
        err_set(err, ST_ARG, "layout does not know \"%s\"", what);
        return err_hint(err, "bad-value", "zoom grow shrink reset next prev repaint");
    }
    if (*shift > u->cols)
        *shift = u->cols;
    if (*shift < -u->cols)
        *shift = -u->cols;
    again(u);
    return ST_OK;
}

enum status ui_find(struct app *a, const char *text, int dir, struct err *err)
{
    struct ui *u = a->ui;
    if (!u)
        return no_screen(err);
    if (*text)
        snprintf(u->find, sizeof u->find, "%s", text);
    if (!u->find[0]) {
        err_set(err, ST_ARG, "nothing to look for yet");
        return err_hint(err, "bad-value", "type a text: /lamp");
    }
    int way = *text ? 0 : dir < 0 ? -1 : 1;
    struct view *f = ui_focused(a);
    for (int i = -1; i < u->n_pane; i++) {
        struct view *v = i < 0 ? f : &u->view[u->pane[i].view];
        if (v && (i < 0 || v != f) && v->def->find && v->def->find(v, u->find, way)) {
            if (i >= 0)
                u->focus[u->tab] = i;
            again(u);
            return ST_OK;
        }
    }
    err_set(err, ST_ARG, "not found in this tab: %s", u->find);
    return err_hint(err, "unknown", "try tab 9, the sessions");
}

enum status ui_help(struct app *a, const char *topic, struct err *err)
{
    struct ui *u = a->ui;
    if (!u)
        return no_screen(err);
    u->help = true;
    snprintf(u->help_filter, sizeof u->help_filter, "%s", topic ? topic : "");
    again(u);
    return ST_OK;
}

enum status ui_show(struct app *a, const char *name, const struct cmd_call *call,
                    struct err *err)
{
    struct ui *u = a->ui;
    if (!u)
        return no_screen(err);
    struct view *v = ui_view(a, name);
    if (!v && tab_find(name)) /* a tab without such a pane: it says itself what it is about */
        return ui_tab(a, name, err);
    if (!v) {
        err_set(err, ST_ARG, "no view \"%s\"", name);
        return err_hint(err, "bad-value", "help views");
    }
    size_t len = strlen(name);
    for (int t = 0, done = v->visible; !done && tab_defs[t].name; t++) {
        const char *s = tab_defs[t].layout[u->size < SIZE_TINY ? u->size : SIZE_S];
        for (const char *at = s ? strstr(s, name) : NULL; at && !done;
             at = strstr(at + 1, name))
            done = (at == s || strchr(" /|", at[-1])) && (!at[len] || strchr(" :/|=", at[len]));
        if (done) {
            u->tab_before = u->tab;
            u->tab = t;
            u->zoom = u->help = false;
            ui_arrange(u, u->cols, u->rows);
        }
    }
    for (int i = 0; i < u->n_pane; i++)
        if (&u->view[u->pane[i].view] == v)
            u->focus[u->tab] = i;
    if (call && v->def->command && !v->def->command(v, call))
        return err_set(err, ST_ARG, "%s does not take that", v->def->name);
    again(u);
    return ST_OK;
}

bool ui_move(struct app *a, const char *what, int count)
{
    static const struct {
        const char *word, *key;
    } names[] = {{"up", "Up"},       {"down", "Down"},     {"left", "Left"},
                 {"right", "Right"}, {"top", "Top"},       {"bottom", "Bottom"},
                 {"home", "Home"},   {"end", "End"},       {"pgup", "PgUp"},
                 {"pgdn", "PgDn"},   {"halfup", "HalfUp"}, {"halfdown", "HalfDown"},
                 {"enter", "Enter"}, {"escape", "Esc"},    {"back", "Backspace"}};
    struct ui *u = a->ui;
    const char *key = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].word, what) == 0)
            key = names[i].key;
    if (!u || !key)
        return false;
    u->generation++;
    struct view *v = ui_focused(a);
    bool mine = false;
    for (int i = 0; i < (count > 0 ? count : 1) && i < 100000; i++) {
        if (v && v->def->key && v->def->key(v, key)) {
            mine = true;
            continue;
        }
        /* What the pane does not use moves in the sequence. */
        int to = strcmp(key, "Left") == 0    ? a->cursor - 1
                 : strcmp(key, "Right") == 0 ? a->cursor + 1
                 : strcmp(key, "Home") == 0  ? 0
                 : strcmp(key, "End") == 0   ? a->seq.n - 1
                                             : -1;
        if (to < 0 || to >= a->seq.n)
            break;
        a->cursor = to;
        mine = true;
    }
    return mine;
}

/* ---- questions ---- */

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* What is asked, without the step of the parameters. */
static uint64_t fingerprint(const struct view_ask *q, const struct weights *w)
{
    uint64_t h = 0xcbf29ce484222325u;
    int32_t n[] = {(int32_t)q->q.kind, q->q.n,      q->q.target, q->q.n_variant, q->q.k,
                   q->q.n_set,         q->q.n_patch};
    h = mix(h, n, sizeof n);
    h = mix(h, &q->slot, sizeof q->slot);
    h = mix(h, &q->at, sizeof q->at);
    h = mix(h, &q->key, sizeof q->key);
    h = mix(h, &q->q.tag, sizeof q->q.tag);
    h = mix(h, &w->ps, sizeof w->ps);
    h = mix(h, &w->seed, sizeof w->seed);
    if (q->q.item && q->q.n > 0)
        h = mix(h, q->q.item, (size_t)q->q.n * sizeof *q->q.item);
    if (q->q.probes)
        h = mix(h, q->q.probes, strlen(q->q.probes));
    if (q->q.params)
        h = mix(h, q->q.params, strlen(q->q.params));
    for (int32_t i = 0; i < q->q.n_patch; i++) {
        const struct patch *p = &q->q.patch[i];
        int32_t where[4] = {p->set, p->row, p->col, p->n};
        h = mix(h, p->probe, strlen(p->probe));
        h = mix(h, where, sizeof where);
        h = mix(h, &p->value, sizeof p->value);
    }
    for (int32_t i = 0; i < q->q.n_variant; i++)
        h = mix(h, q->q.variant[i], (size_t)q->q.variant_n[i] * sizeof **q->q.variant);
    return h ? h : 1;
}

static struct weights *weights_for(struct app *a, int slot, int64_t at)
{
    struct slot *s = &a->slots[slot];
    if (!s->model)
        return NULL;
    if (at == a->at)
        return app_view_weights(a, slot);
    if (at == STEP_LIVE)
        return s->weights ? weights_ref(s->weights) : NULL;
    return s->history ? history_nearest(s->history, at) : NULL;
}

static bool ask_one(struct app *a, struct view *v, int which, bool here)
{
    struct view_ask q = {.q = {.kind = ASK_SCORE, .n = a->seq.n, .item = a->seq.item},
                         .slot = a->slot,
                         .at = a->at};
    bool lacks_model = (v->def->flags & VIEW_NEEDS_MODEL) && !app_slot(a)->model;
    if (lacks_model || !v->def->ask(v, which, &q) || !question_complete(&q.q)) {
        v->asked[which] = 0;
        return false;
    }
    if (!q.q.patch) /* a view with patches of its own has taken these along */
        ablate_with(a, q.slot, &q.q, NULL, 0);
    struct weights *w = q.w ? weights_ref(q.w) : weights_for(a, q.slot, q.at);
    if (!w) {
        v->asked[which] = 0;
        return false;
    }
    uint64_t what = fingerprint(&q, w), all = mix(what, &w->step, sizeof w->step);
    /* A model that learns faster than a question takes: the running one is not thrown away
     * for newer parameters. */
    bool same = v->asked[which] == all || (v->waiting[which] && v->asked_what[which] == what);
    if (same && !here) {
        weights_unref(w);
        return false;
    }
    if (here && v->asked[which] == all && !v->waiting[which]) {
        weights_unref(w);
        return false;
    }
    v->asked[which] = all;
    v->asked_what[which] = what;
    if (here) {
        v->waiting[which] = false;
        const struct answer *r = a->explore ? explore_ask(a->explore, w, &q.q, NULL) : NULL;
        if (r && v->def->answer)
            v->def->answer(v, which, r);
        /* a part: a picture waits for the others */
        if (r && q.q.kind == ASK_RANKS && r->n_rank > 0) {
            weights_unref(w);
            return ask_one(a, v, which, true);
        }
    } else if (a->explorer) {
        v->waiting[which] = true;
        explorer_ask(a->explorer, v->id + (uint64_t)which, w, &q.q);
    }
    weights_unref(w);
    return true;
}

bool ui_ask(struct app *a, bool here)
{
    struct ui *u = a->ui;
    bool any = false;
    if (!u || !a->ds)
        return false;
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        if (v->visible && v->def->ask)
            for (int k = 0; k < VIEW_ASKS; k++)
                any = ask_one(a, v, k, here) || any;
    }
    return any;
}

bool ui_answers(struct app *a)
{
    struct ui *u = a->ui;
    bool redraw = false;
    if (!u || !a->explorer)
        return false;
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        for (int k = 0; k < VIEW_ASKS; k++) {
            if (!v->waiting[k])
                continue;
            const struct answer *r = explorer_answer(a->explorer, v->id + (uint64_t)k);
            if (!r || r == v->taken[k])
                continue;
            v->taken[k] = r;
            if (r->err.code == ST_CANCELLED)
                continue; /* a newer question is on its way */
            v->waiting[k] = false;
            if (v->def->answer && v->def->answer(v, k, r))
                v->dirty = redraw = true;
        }
    }
    return redraw;
}

bool ui_update(struct app *a)
{
    struct ui *u = a->ui;
    bool redraw = false;
    if (!u)
        return false;
    const struct snapshot *s = app_snapshot(a, a->slot);
    app_refresh_watches(a);
    bool stepping = s && s->op > 0;
    if (stepping != u->stepping) {
        u->stepping = stepping;
        ui_arrange(u, u->cols, u->rows);
        redraw = true;
    }
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        if (v->visible && v->def->update && v->def->update(v, s))
            v->dirty = redraw = true;
    }
    return redraw;
}
