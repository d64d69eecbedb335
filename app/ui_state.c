/* Tabs, panes, focus and the commands about them; see ui_state.h.  Where the panes stand is
 * ui_layout.c, what they ask ui_ask.c. */
#include "app/ui_state.h"
#include "app/lesson/course.h"
#include "app/ui/keymap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEW_ID = 0x5eed00 };

static int tab_count(void)
{
    int n = 0;
    while (tab_defs[n].name)
        n++;
    return n;
}

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
    int i = a->ui ? ui_view_index(name, strlen(name)) : -1;
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
