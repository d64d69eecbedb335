/* What keys, typed lines and the mouse do: command lines, drafts of the sequence, fields for
 * one item, pop-ups. */
#include "app/cmd/command.h"
#include "app/ui/screen_parts.h"
#include "app/ui/signals.h"
#include "app/views/view_util.h"
#include "engine/base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- running command lines ---- */

void screen_forget(struct screen *s)
{
    for (int i = 0; i < s->face.n_result; i++)
        free(s->result[i]);
    s->face.n_result = s->face.top_result = 0;
}

static void say(struct screen *s, bool error, const char *text)
{
    snprintf(s->app->message, sizeof s->app->message, "%.*s", (int)sizeof s->app->message - 1,
             text);
    s->app->message_is_error = error;
}

static void take_line(void *ctx, const char *line)
{
    struct screen *s = ctx;
    if (s->face.n_result == RESULT_LINES)
        return;
    char *copy = malloc(strlen(line) + 1);
    if (copy) {
        memcpy(copy, line, strlen(line) + 1);
        s->result[s->face.n_result++] = copy;
    }
}

/* Commands whose answer is a pane: the tab opens instead of a list of lines; but not with
 * the options of several steps ahead, which no pane shows. */
static const char *const steps_ahead[] = {
    " steps=", " beam=", " repeats=", " temperature=", " top_p=", " seed=", NULL};
static const struct {
    const char *verb, *view;
    const char *const *not_with;
} shown_by[] = {
    {"predict", "predict", steps_ahead}, {"why", "why", NULL}, {"attend", "attention", NULL},
    {"whatif", "predict", NULL},         {"seq", NULL, NULL},  {"pin", NULL, NULL}};

static bool names_any(const char *line, const char *const *word)
{
    for (; word && *word; word++)
        if (strstr(line, *word))
            return true;
    return false;
}

static bool is_verb(const char *line, const char *verb)
{
    size_t n = strlen(verb);
    line += strspn(line, " ");
    return strncmp(line, verb, n) == 0 && (line[n] == '\0' || line[n] == ' ' || line[n] == ';');
}

/* New data and no sequence: the first held-out session, so that every tab has something to
 * show. */
static void offer_sequence(struct screen *s)
{
    struct app *a = s->app;
    const struct split *sp = a->split;
    uint64_t data = a->ds ? a->ds->hash : 0;
    if (data == s->data_seen)
        return;
    s->data_seen = data;
    if (!a->ds || a->seq.n > 0 || a->ds->n_sessions == 0)
        return;
    int32_t at = sp && sp->n_valid > 0 ? sp->valid[0].session : 0;
    int n = dataset_len(a->ds, at);
    char line[64], message[sizeof a->message];
    bool error = a->message_is_error;
    memcpy(message, a->message, sizeof message);
    snprintf(line, sizeof line, "seq from s:%d upto=%d", (int)at + 1, n > 2 ? n - 1 : n);
    screen_line(s, line);
    if (!a->message_is_error) {
        memcpy(a->message, message, sizeof message);
        a->message_is_error = error;
    }
}

void screen_line(struct screen *s, const char *line)
{
    struct app *a = s->app;
    struct err err = {0};
    screen_forget(s);
    a->message[0] = '\0';
    struct cmd_out *out = cmd_out_new(OUT_MESSAGE, take_line, s);
    if (!out) {
        say(s, true, "no memory for a command");
        return;
    }
    int tab = a->ui->tab;
    enum status st = cmd_run_line(a, line, false, out, &err);
    cmd_out_free(out);
    if (st != ST_OK) {
        char text[400];
        if (err.hint[0])
            snprintf(text, sizeof text, "%s: %s. %s",
                     err.kind[0] ? err.kind : status_name(err.code), err.msg, err.hint);
        else
            snprintf(text, sizeof text, "%s: %s",
                     err.kind[0] ? err.kind : status_name(err.code), err.msg);
        screen_forget(s);
        say(s, true, text);
        return;
    }
    for (size_t i = 0; i < sizeof shown_by / sizeof *shown_by; i++) {
        if (!is_verb(line, shown_by[i].verb) || names_any(line, shown_by[i].not_with))
            continue;
        const char *view = shown_by[i].view;
        struct view *v = view ? ui_view(a, view) : NULL;
        if (v && !v->visible && a->ui->tab == tab && ui_show(a, view, NULL, NULL) != ST_OK)
            continue; /* no place for it in this size: the lines tell */
        if (s->face.n_result > 1 && (v == NULL || v->visible || a->ui->tab != tab)) {
            if (!a->message[0])
                say(s, false, s->result[0]);
            screen_forget(s);
        }
        break;
    }
    if (s->face.n_result == 1) {
        if (!a->message[0])
            say(s, false, s->result[0]);
        screen_forget(s);
    }
    if (a->cursor >= a->seq.n)
        a->cursor = a->seq.n > 0 ? a->seq.n - 1 : 0;
    offer_sequence(s);
}

/* ---- the looks ---- */

void screen_looks(struct screen *s)
{
    struct app *a = s->app;
    struct theme_env env;
    struct theme_options o = s->looks;
    term_env(s->term, &env);
    enum glyphs g;
    enum depth d;
    if (glyphs_parse(setting_choice(a, SETTING_GLYPHS), &g))
        o.glyphs = g;
    if (o.depth == DEPTH_AUTO && depth_parse(setting_choice(a, SETTING_COLOR), &d))
        o.depth = d;
    o.light = strcmp(setting_choice(a, SETTING_THEME), "light") == 0;
    o.palette = setting_choice(a, SETTING_PALETTE);
    theme_decide(&s->theme, &env, &o);
    term_theme(s->term, &s->theme);
    bool mouse = s->mouse && setting(a, SETTING_MOUSE) > 0;
    term_mouse(s->term, mouse);
    s->settings_seen = settings_generation(a);
}

/* ---- drafts of the sequence: shown while typing ---- */

static void end_preview(struct screen *s)
{
    if (!s->preview)
        return;
    s->app->seq = s->kept;
    s->app->cursor = s->kept_cursor;
    s->preview = s->face.previewing = false;
}

/* An item while it is typed: a number, or the beginning of a name. */
static int32_t draft_item(const struct app *a, const char *text, size_t len)
{
    char word[80];
    if (!a->ds || len == 0 || len >= sizeof word)
        return 0;
    memcpy(word, text, len);
    word[len] = '\0';
    long v = 0;
    size_t digits = strspn(word, "0123456789");
    if (digits == len) {
        for (size_t i = 0; i < len && v <= a->ds->n_items; i++)
            v = v * 10 + (word[i] - '0');
        return v >= 1 && v <= a->ds->n_items ? (int32_t)v : 0;
    }
    const char *name = word + (word[0] == '@' || word[0] == '"');
    char *end = strchr(name, '"');
    if (end)
        *end = '\0';
    return *name ? dataset_find_item(a->ds, name) : 0;
}

static void preview(struct screen *s)
{
    struct app *a = s->app;
    const char *text = prompt_text(s->prompt);
    struct sequence draft = s->preview ? s->kept : a->seq;
    int at = s->preview ? s->kept_cursor : a->cursor;
    bool ok = false;
    if (s->mode == MODE_REPLACE || s->mode == MODE_INSERT) {
        const char *from = text + strspn(text, " ");
        size_t len = strlen(from);
        while (len > 0 && from[len - 1] == ' ')
            len--;
        int32_t item = draft_item(a, from, len);
        if (item && s->mode == MODE_REPLACE && at < draft.n) {
            draft.item[at] = item;
            ok = true;
        } else if (item && s->mode == MODE_INSERT && draft.n < SEQ_MAX) {
            memmove(draft.item + at + 1, draft.item + at,
                    (size_t)(draft.n - at) * sizeof *draft.item);
            draft.item[at] = item;
            draft.n++;
            ok = true;
        }
    } else if (s->mode == MODE_COMMAND && is_verb(text, "predict")) {
        int32_t n = 0;
        for (const char *p = text + strcspn(text, "p") + strlen("predict");
             *p && n < SEQ_MAX;) {
            p += strspn(p, " ,");
            size_t len = *p == '"' ? (strchr(p + 1, '"') ? (size_t)(strchr(p + 1, '"') - p) + 1
                                                         : strlen(p))
                                   : strcspn(p, " ,");
            if (len == 0 || memchr(p, '=', len) || *p == '$')
                break;
            int32_t item = draft_item(a, p, len);
            if (!item)
                break;
            draft.item[n++] = item;
            p += len;
        }
        if (n > 0) {
            draft.n = n;
            at = n - 1;
            ok = true;
        }
    }
    if (!ok) {
        end_preview(s);
        return;
    }
    if (!s->preview) {
        s->kept = a->seq;
        s->kept_cursor = a->cursor;
        s->preview = s->face.previewing = true;
    }
    a->seq = draft;
    a->cursor = at;
}

/* ---- the command line ---- */

size_t screen_complete(void *ctx, const char *line, size_t cursor, struct arena *mem,
                       const char ***out)
{
    struct screen *s = ctx;
    /* The fields for one item complete as an argument of a command that takes items. */
    if (s->mode == MODE_REPLACE || s->mode == MODE_INSERT) {
        static const char before[] = "seq append ";
        char *full = arena_printf(mem, "%s%s", before, line);
        return full ? cmd_complete(s->app, full, cursor + sizeof before - 1, mem, out) : 0;
    }
    if (s->mode == MODE_FIND) {
        *out = NULL;
        return 0;
    }
    return cmd_complete(s->app, line, cursor, mem, out);
}

static void open_prompt(struct screen *s, enum screen_mode mode, const char *label,
                        const char *fill)
{
    s->mode = mode;
    s->app->message[0] = '\0';
    prompt_open(s->prompt, label, fill);
}

static void open_by_words(struct screen *s, const char *words)
{
    struct app *a = s->app;
    char label[96], name[64], fill[320];
    if (strcmp(words, "find") == 0) {
        open_prompt(s, MODE_FIND, "/ ", "");
    } else if (strcmp(words, "whatif replace") == 0 || strcmp(words, "whatif insert") == 0) {
        if (a->seq.n == 0) {
            say(s, true, "empty-seq: there is no item to edit. Try: p");
            return;
        }
        app_item_text(a, a->seq.item[a->cursor], name, sizeof name);
        bool replace = strcmp(words + 7, "replace") == 0;
        snprintf(label, sizeof label, replace ? "replace %s by: " : "insert before %s: ", name);
        open_prompt(s, replace ? MODE_REPLACE : MODE_INSERT, label, "");
    } else {
        snprintf(fill, sizeof fill, "%s%s", words, *words ? " " : "");
        open_prompt(s, MODE_COMMAND, ": ", fill);
    }
}

static void prompt_done(struct screen *s)
{
    end_preview(s);
    prompt_close(s->prompt);
    s->mode = MODE_NAVIGATE;
}

static void quote(const struct app *a, const char *text, char *out, size_t size)
{
    /* What was typed for an item may be the beginning of a name: the id says it exactly. */
    const char *from = text + strspn(text, " ");
    size_t len = strlen(from);
    while (len > 0 && from[len - 1] == ' ')
        len--;
    int32_t item = draft_item(a, from, len);
    if (item)
        snprintf(out, size, "%d", (int)item);
    else
        snprintf(out, size, "%.*s", (int)(len < 80 ? len : 80), from);
}

static void finish_line(struct screen *s)
{
    struct app *a = s->app;
    char text[2048], line[2200], item[96];
    enum screen_mode mode = s->mode;
    snprintf(text, sizeof text, "%s", prompt_line(s->prompt));
    prompt_done(s);
    if (mode == MODE_FIND) {
        struct err err = {0};
        if (ui_find(a, text, text[0] ? 0 : 1, &err) != ST_OK)
            say(s, true, err.msg);
        return;
    }
    if (text[strspn(text, " ")] == '\0')
        return;
    if (mode == MODE_REPLACE || mode == MODE_INSERT) {
        quote(a, text, item, sizeof item);
        snprintf(line, sizeof line,
                 mode == MODE_REPLACE ? "whatif %d=%s" : "whatif insert %d %s", a->cursor + 1,
                 item);
        screen_line(s, line);
        return;
    }
    screen_line(s, text);
}

static void finish_script(struct screen *s)
{
    char *text = NULL;
    const char *from = prompt_line(s->prompt);
    size_t n = strlen(from) + 1;
    text = malloc(n);
    if (!text)
        return;
    memcpy(text, from, n);
    prompt_done(s);
    for (char *line = text, *next; line && !s->app->quit; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        screen_line(s, line);
        if (s->app->message_is_error && s->app->message[0])
            break;
    }
    free(text);
}

/* ---- commands of keys that are the screen's own ---- */

static bool unsaved(struct app *a)
{
    for (int i = 0; i < SLOTS; i++) {
        const struct slot *q = &a->slots[i];
        if (q->model && !(q->model->flags & MODEL_BASELINE) && app_step(a, i) > 0)
            return true;
    }
    return false;
}

static void ask(struct screen *s, const char *confirm, const char *question)
{
    snprintf(s->confirm, sizeof s->confirm, "%s", confirm);
    snprintf(s->question, sizeof s->question, "%s", question);
}

static void enter_or_move(struct screen *s, const char *what, int count)
{
    struct app *a = s->app;
    struct view *v = ui_focused(a);
    char line[256];
    if (strcmp(what, "enter") == 0 && v && v->def->enter &&
        v->def->enter(v, line, sizeof line)) {
        bool help = a->ui->help;
        a->ui->help = false;
        ui_arrange(a->ui, a->ui->cols, a->ui->rows);
        if (help && strncmp(line, "prompt ", 7) == 0)
            open_by_words(s, line + 7);
        else
            screen_line(s, line);
        return;
    }
    if (strcmp(what, "escape") == 0) {
        if (a->ui->help) {
            a->ui->help = false;
            ui_arrange(a->ui, a->ui->cols, a->ui->rows);
            return;
        }
        if (ui_move(a, what, 1))
            return;
        if (a->ui->zoom) {
            a->ui->zoom = false;
            ui_arrange(a->ui, a->ui->cols, a->ui->rows);
        }
        return;
    }
    ui_move(a, what, count);
}

static void key_command(struct screen *s, const char *line)
{
    struct app *a = s->app;
    char word[32] = "";
    size_t n = strcspn(line, " ");
    if (n < sizeof word) {
        memcpy(word, line, n);
        word[n] = '\0';
    }
    const char *rest = line + n + strspn(line + n, " ");
    if (strcmp(word, "move") == 0) {
        char what[16];
        size_t k = strcspn(rest, " ");
        snprintf(what, sizeof what, "%.*s", (int)(k < 15 ? k : 15), rest);
        long count = strtol(rest + k, NULL, 10);
        enter_or_move(s, what, count > 0 && count < 100000 ? (int)count : 1);
    } else if (strcmp(word, "prompt") == 0) {
        open_by_words(s, rest);
    } else if (strcmp(word, "cancel") == 0) {
        a->cancel = true;
        screen_forget(s);
        end_preview(s);
        say(s, false, "cancelled");
    } else if (strcmp(word, "suspend") == 0) {
        term_suspend(s->term);
    } else if (strcmp(line, "layout repaint") == 0) {
        term_repaint(s->term);
    } else if (strcmp(line, "quit") == 0) {
        if (unsaved(a))
            ask(s, "quit !",
                "leave?  trained models that were not saved are lost   y or q again: leave   "
                "any other key: stay");
        else
            screen_line(s, "quit !");
    } else if (strcmp(line, "stop") == 0) {
        ask(s, "stop", "end the run for good?  (Space pauses)   y: end   any other key: go on");
    } else if (strcmp(word, "why") == 0 && !*rest && ui_view(a, "why") &&
               ui_view(a, "why")->visible) {
        ui_show(a, "why", NULL, NULL);
    } else if (strcmp(line, "help") == 0) {
        ui_help(a, "", NULL);
    } else if (strcmp(word, "find") == 0 && (!*rest || strcmp(rest, "prev") == 0)) {
        struct err err = {0};
        if (ui_find(a, "", *rest ? -1 : 1, &err) != ST_OK)
            say(s, true, err.msg);
    } else {
        screen_line(s, line);
    }
}

/* ---- events ---- */

static bool popup_key(struct screen *s, const char *key)
{
    if (s->face.n_result == 0)
        return false;
    int shown = s->app->ui->rows - 10, page = shown > 2 ? shown - 1 : 1,
        *top = &s->face.top_result;
    if (strcmp(key, "j") == 0 || strcmp(key, "Down") == 0)
        ++*top;
    else if (strcmp(key, "k") == 0 || strcmp(key, "Up") == 0)
        --*top;
    else if (strcmp(key, "PgDn") == 0 || strcmp(key, "Space") == 0 || strcmp(key, "C-d") == 0)
        *top += page;
    else if (strcmp(key, "PgUp") == 0 || strcmp(key, "C-u") == 0)
        *top -= page;
    else {
        screen_forget(s);
        return strcmp(key, "Esc") == 0 || strcmp(key, "Enter") == 0 || strcmp(key, "q") == 0;
    }
    int most = s->face.n_result - shown;
    *top = *top > most ? most : *top;
    *top = *top < 0 ? 0 : *top;
    return true;
}

/* Help takes typed characters as its filter. */
static bool help_takes(struct screen *s, const struct term_event *ev)
{
    struct app *a = s->app;
    if (!a->ui->help)
        return false;
    struct view *v = ui_view(a, "help");
    if (ev->text[0] || strcmp(ev->name, "Backspace") == 0 || strcmp(ev->name, "Tab") == 0 ||
        strcmp(ev->name, "Space") == 0) {
        v->def->key(v, strcmp(ev->name, "Space") == 0 || !ev->text[0] ? ev->name : ev->text);
        return true;
    }
    if (strcmp(ev->name, "F1") == 0) {
        a->ui->help = false;
        ui_arrange(a->ui, a->ui->cols, a->ui->rows);
        return true;
    }
    return false;
}

static void key_event(struct screen *s, const struct term_event *ev)
{
    struct app *a = s->app;
    struct ui *u = a->ui;
    if (s->confirm[0]) {
        bool yes = strcmp(ev->name, "y") == 0 ||
                   (strcmp(ev->name, "q") == 0 && strncmp(s->confirm, "quit", 4) == 0);
        char line[32];
        snprintf(line, sizeof line, "%s", s->confirm);
        s->confirm[0] = s->question[0] = '\0';
        if (yes)
            screen_line(s, line);
        return;
    }
    a->message[0] = '\0';
    if (popup_key(s, ev->name) || help_takes(s, ev))
        return;
    if (strcmp(ev->name, "Esc") == 0 && (a->replay || a->evaluating)) {
        a->cancel = true;
        return;
    }
    char pane[64], command[512];
    const char *tab = ui_context(u);
    struct view *v = ui_focused(a);
    snprintf(pane, sizeof pane, "%s.%s", tab, v ? v->def->name : "");
    const char *const contexts[3] = {pane, tab, "global"};
    int repeat = 1;
    struct key_state before = s->keys;
    switch (keymap_feed(u->keys, &s->keys, contexts, 3, ev->name, command, sizeof command,
                        &repeat)) {
    case KEYS_RUN:
        for (int i = 0; i < repeat && i < 10000 && !a->quit; i++)
            key_command(s, command);
        break;
    case KEYS_NONE:
        if (!before.keys[0] && !before.counting) {
            if (strcmp(ev->name, "T") == 0)
                screen_line(s, "set truth toggle");
            else if (v && v->def->key)
                v->def->key(v, ev->name);
        }
        break;
    case KEYS_PENDING:
        break;
    }
}

static void wheel(struct screen *s, const struct term_event *ev)
{
    struct ui *u = s->app->ui;
    for (int i = 0; i < u->n_pane; i++) {
        const struct ui_pane *p = &u->pane[i];
        struct view *v = &u->view[p->view];
        if (ev->row >= p->row && ev->row < p->row + p->rows && ev->col >= p->col &&
            ev->col < p->col + p->cols && v->def->key)
            for (int k = 0; k < 3; k++)
                v->def->key(v, ev->act == MOUSE_WHEEL_UP ? "Up" : "Down");
    }
}

static void mouse_event(struct screen *s, const struct term_event *ev)
{
    struct app *a = s->app;
    struct ui *u = a->ui;
    char line[64];
    if (ev->act == MOUSE_WHEEL_UP || ev->act == MOUSE_WHEEL_DOWN) {
        if (s->face.n_result)
            popup_key(s, ev->act == MOUSE_WHEEL_UP ? "Up" : "Down");
        else
            wheel(s, ev);
        return;
    }
    if (ev->act == MOUSE_RELEASE || ev->act == MOUSE_DRAG) {
        if (s->drag_on && ev->col != s->drag) {
            u->shift[u->tab] += ev->col - s->drag;
            s->drag = ev->col;
            ui_arrange(u, u->cols, u->rows);
        }
        if (ev->act == MOUSE_RELEASE)
            s->drag_on = false;
        return;
    }
    screen_forget(s);
    a->message[0] = '\0';
    if (ev->act == MOUSE_PRESS && u->hl_divider >= 0 &&
        (ev->col == u->hl_divider || ev->col == u->hl_divider - 1) && ev->row > 3 &&
        ev->row < u->rows - 3) {
        s->drag_on = true;
        s->drag = ev->col;
        return;
    }
    for (int i = s->face.n_hit - 1; i >= 0; i--) {
        const struct hit *h = &s->face.hit[i];
        if (h->row != ev->row || ev->col < h->from || ev->col >= h->to)
            continue;
        if (h->kind == HIT_TAB) {
            snprintf(line, sizeof line, "tab %s", tab_defs[h->value].name);
            screen_line(s, line);
        } else if (h->kind == HIT_ITEM) {
            a->cursor = (int)h->value;
        } else {
            snprintf(line, sizeof line, "at %lld", (long long)h->value);
            screen_line(s, line);
        }
        return;
    }
    for (int i = 0; i < u->n_pane; i++) {
        const struct ui_pane *p = &u->pane[i];
        if (ev->row < p->row || ev->row >= p->row + p->rows || ev->col < p->col ||
            ev->col >= p->col + p->cols)
            continue;
        struct view *v = &u->view[p->view];
        if (!u->zoom)
            u->focus[u->tab] = i;
        ui_arrange(u, u->cols, u->rows);
        bool mine =
            v->def->click && v->def->click(v, ev->row - p->row - 1, ev->col - p->col - 1,
                                           ev->act == MOUSE_DOUBLE);
        char enter[256];
        if (mine && ev->act == MOUSE_DOUBLE && v->def->enter &&
            v->def->enter(v, enter, sizeof enter))
            screen_line(s, enter);
        else if (mine && ev->act == MOUSE_DOUBLE && strcmp(v->def->name, "predict") == 0)
            screen_line(s, "seq append cursor");
        return;
    }
}

static void end_by(struct screen *s, int sig)
{
    s->app->quit = true;
    s->app->exit_status = 128 + sig;
}

void screen_event(struct screen *s, const struct term_event *ev)
{
    struct app *a = s->app;
    s->dirty_key = true;
    s->touched = clock_s();
    switch (ev->kind) {
    case EV_RESIZE: {
        struct err err = {0};
        if (grid_resize(&s->grid, ev->rows, ev->cols, &err) == ST_OK)
            ui_arrange(a->ui, ev->cols, ev->rows);
        return;
    }
    case EV_STOP:
        term_suspend(s->term);
        return;
    case EV_INT:
        a->cancel = true;
        end_by(s, SIGINT);
        return;
    case EV_TERM:
        end_by(s, SIGTERM);
        return;
    case EV_HUP:
    case EV_GONE:
        end_by(s, SIGHUP);
        return;
    case EV_QUIT:
        end_by(s, SIGQUIT);
        return;
    default:
        break;
    }
    if (prompt_active(s->prompt) && ev->kind != EV_MOUSE) {
        switch (prompt_event(s->prompt, ev)) {
        case PROMPT_LINE:
            finish_line(s);
            break;
        case PROMPT_SCRIPT:
            finish_script(s);
            break;
        case PROMPT_LEFT:
            prompt_done(s);
            break;
        case PROMPT_MORE:
        case PROMPT_ASK:
            preview(s);
            break;
        case PROMPT_NOT_MINE: /* what the terminal itself is asked for works in the middle of a line too */
            if (strcmp(ev->name, "C-z") == 0)
                term_suspend(s->term);
            else if (strcmp(ev->name, "C-l") == 0)
                term_repaint(s->term);
            break;
        }
        if (prompt_bell(s->prompt))
            s->flash_until = clock_s() + 0.1;
        return;
    }
    if (ev->kind == EV_PASTE_START)
        s->paste = true;
    else if (ev->kind == EV_PASTE_END)
        s->paste = false;
    else if (ev->kind == EV_KEY && !s->paste)
        key_event(s, ev);
    else if (ev->kind == EV_MOUSE)
        mouse_event(s, ev);
}
