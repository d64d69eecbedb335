/* The loop of the screen: keys become command lines, engine events become redraws at the next tick.  A key is answered at once; what the
 * engine publishes is drawn at most ten times a second, answers to questions at most `fps` times; an idle screen sleeps. */
#include "app/ui/screen.h"
#include "app/cmd/command.h"
#include "app/io/config.h"
#include "app/ui/keymap.h"
#include "app/ui/screen_parts.h"
#include "app/ui/signals.h"
#include "app/views/view_util.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum mode { MODE_NAVIGATE, MODE_COMMAND, MODE_FIND, MODE_REPLACE, MODE_INSERT };
struct screen {
    struct app *app;
    struct term *term;
    struct theme theme;
    struct theme_options looks;
    struct grid grid;
    struct prompt *prompt;
    struct face face;
    struct key_state keys;
    enum mode mode;
    bool preview;                  /* a->seq is a draft; `kept` is the sequence */
    struct sequence kept;
    int kept_cursor;
    char question[160], confirm[32]; /* asked on the hint line; the command that y runs */
    char *result[RESULT_LINES];
    bool paste;                    /* in navigate mode: pasted keys are dropped */
    bool mouse;
    unsigned settings_seen;
    uint64_t data_seen;            /* hash of the data a sequence was offered for */
    double flash_until;
    double next_live, next_answer, next_publish; /* earliest time of the next drawing, of the next request for parameters */
    bool dirty_live, dirty_answer, dirty_key;
    double tick;                   /* seconds between drawings of live numbers */
    int slow;                      /* slow writes one after another */
    int drag;                      /* divider being dragged: last column, -1 none */
    bool drag_on;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- running command lines -------------------------------------------------------------------------- */

static void clear_result(struct screen *s)
{
    for (int i = 0; i < s->face.n_result; i++)
        free(s->result[i]);
    s->face.n_result = s->face.top_result = 0;
}

static void say(struct screen *s, bool error, const char *text)
{
    snprintf(s->app->message, sizeof s->app->message, "%.*s", (int)sizeof s->app->message - 1, text);
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

/* Commands whose answer is a pane: the tab opens instead of a list of lines. */
static const char *const shown_by[][2] = {{"predict", "predict"}, {"why", "why"}, {"attend", "attention"}, {"whatif", "predict"},
                                          {"seq", NULL},          {"pin", NULL}};

static bool is_verb(const char *line, const char *verb)
{
    size_t n = strlen(verb);
    line += strspn(line, " ");
    return strncmp(line, verb, n) == 0 && (line[n] == '\0' || line[n] == ' ' || line[n] == ';');
}

static void run(struct screen *s, const char *line);

/* New data and no sequence: the first held-out session, so that every tab has something to show. */
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
    run(s, line);
    if (!a->message_is_error) {
        memcpy(a->message, message, sizeof message);
        a->message_is_error = error;
    }
}

static void run(struct screen *s, const char *line)
{
    struct app *a = s->app;
    struct err err = {0};
    clear_result(s);
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
            snprintf(text, sizeof text, "%s: %s. %s", err.kind[0] ? err.kind : status_name(err.code), err.msg, err.hint);
        else
            snprintf(text, sizeof text, "%s: %s", err.kind[0] ? err.kind : status_name(err.code), err.msg);
        clear_result(s);
        say(s, true, text);
        return;
    }
    for (size_t i = 0; i < sizeof shown_by / sizeof *shown_by; i++) {
        if (!is_verb(line, shown_by[i][0]))
            continue;
        const char *view = shown_by[i][1];
        struct view *v = view ? ui_view(a, view) : NULL;
        if (v && !v->visible && a->ui->tab == tab && ui_show(a, view, NULL, NULL) != ST_OK)
            continue; /* no place for it in this size: the lines tell */
        if (s->face.n_result > 1 && (v == NULL || v->visible || a->ui->tab != tab)) {
            if (!a->message[0])
                say(s, false, s->result[0]);
            clear_result(s);
        }
        break;
    }
    if (s->face.n_result == 1) {
        if (!a->message[0])
            say(s, false, s->result[0]);
        clear_result(s);
    }
    if (a->cursor >= a->seq.n)
        a->cursor = a->seq.n > 0 ? a->seq.n - 1 : 0;
    offer_sequence(s);
}

/* ---- the looks -------------------------------------------------------------------------------------- */

static void take_looks(struct screen *s)
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

/* ---- drafts of the sequence: shown while typing ------------------------------------------------------ */

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
            memmove(draft.item + at + 1, draft.item + at, (size_t)(draft.n - at) * sizeof *draft.item);
            draft.item[at] = item;
            draft.n++;
            ok = true;
        }
    } else if (s->mode == MODE_COMMAND && is_verb(text, "predict")) {
        int32_t n = 0;
        for (const char *p = text + strcspn(text, "p") + strlen("predict"); *p && n < SEQ_MAX;) {
            p += strspn(p, " ,");
            size_t len = *p == '"' ? (strchr(p + 1, '"') ? (size_t)(strchr(p + 1, '"') - p) + 1 : strlen(p)) : strcspn(p, " ,");
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

/* ---- the command line --------------------------------------------------------------------------------- */

static size_t complete(void *ctx, const char *line, size_t cursor, struct arena *mem, const char ***out)
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

static void open_prompt(struct screen *s, enum mode mode, const char *label, const char *fill)
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
    enum mode mode = s->mode;
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
        snprintf(line, sizeof line, mode == MODE_REPLACE ? "whatif %d=%s" : "whatif insert %d %s", a->cursor + 1, item);
        run(s, line);
        return;
    }
    run(s, text);
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
        run(s, line);
        if (s->app->message_is_error && s->app->message[0])
            break;
    }
    free(text);
}

/* ---- commands of keys that are the screen's own ------------------------------------------------------- */

static bool unsaved(struct app *a)
{
    for (int i = 0; i < SLOTS; i++) {
        const struct slot *q = &a->slots[i];
        if (q->model && !(q->model->flags & MODEL_BASELINE) && slot_step(a, i) > 0)
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
    if (strcmp(what, "enter") == 0 && v && v->def->enter && v->def->enter(v, line, sizeof line)) {
        bool help = a->ui->help;
        a->ui->help = false;
        ui_arrange(a->ui, a->ui->cols, a->ui->rows);
        if (help && strncmp(line, "prompt ", 7) == 0)
            open_by_words(s, line + 7);
        else
            run(s, line);
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
        clear_result(s);
        end_preview(s);
        say(s, false, "cancelled");
    } else if (strcmp(word, "suspend") == 0) {
        term_suspend(s->term);
    } else if (strcmp(line, "layout repaint") == 0) {
        term_repaint(s->term);
    } else if (strcmp(line, "quit") == 0) {
        if (unsaved(a))
            ask(s, "quit !", "leave?  trained models that were not saved are lost   y or q again: leave   any other key: stay");
        else
            run(s, "quit !");
    } else if (strcmp(line, "stop") == 0) {
        ask(s, "stop", "end the run for good?  (Space pauses)   y: end   any other key: go on");
    } else if (strcmp(word, "why") == 0 && !*rest && ui_view(a, "why") && ui_view(a, "why")->visible) {
        ui_show(a, "why", NULL, NULL);
    } else if (strcmp(line, "help") == 0) {
        ui_help(a, "", NULL);
    } else if (strcmp(word, "find") == 0 && (!*rest || strcmp(rest, "prev") == 0)) {
        struct err err = {0};
        if (ui_find(a, "", *rest ? -1 : 1, &err) != ST_OK)
            say(s, true, err.msg);
    } else {
        run(s, line);
    }
}

/* ---- events -------------------------------------------------------------------------------------------- */

static bool popup_key(struct screen *s, const char *key)
{
    if (s->face.n_result == 0)
        return false;
    int shown = s->app->ui->rows - 10, page = shown > 2 ? shown - 1 : 1, *top = &s->face.top_result;
    if (strcmp(key, "j") == 0 || strcmp(key, "Down") == 0)
        ++*top;
    else if (strcmp(key, "k") == 0 || strcmp(key, "Up") == 0)
        --*top;
    else if (strcmp(key, "PgDn") == 0 || strcmp(key, "Space") == 0 || strcmp(key, "C-d") == 0)
        *top += page;
    else if (strcmp(key, "PgUp") == 0 || strcmp(key, "C-u") == 0)
        *top -= page;
    else {
        clear_result(s);
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
    if (ev->text[0] || strcmp(ev->name, "Backspace") == 0 || strcmp(ev->name, "Tab") == 0 || strcmp(ev->name, "Space") == 0) {
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
        bool yes = strcmp(ev->name, "y") == 0 || (strcmp(ev->name, "q") == 0 && strncmp(s->confirm, "quit", 4) == 0);
        char line[32];
        snprintf(line, sizeof line, "%s", s->confirm);
        s->confirm[0] = s->question[0] = '\0';
        if (yes)
            run(s, line);
        return;
    }
    a->message[0] = '\0';
    if (popup_key(s, ev->name) || help_takes(s, ev))
        return;
    char pane[64], command[512];
    const char *tab = tab_defs[u->tab].name;
    struct view *v = ui_focused(a);
    snprintf(pane, sizeof pane, "%s.%s", tab, v ? v->def->name : "");
    const char *const contexts[3] = {pane, tab, "global"};
    int repeat = 1;
    struct key_state before = s->keys;
    switch (keymap_feed(u->keys, &s->keys, contexts, 3, ev->name, command, sizeof command, &repeat)) {
    case KEYS_RUN:
        for (int i = 0; i < repeat && i < 10000 && !a->quit; i++)
            key_command(s, command);
        break;
    case KEYS_NONE:
        if (!before.keys[0] && !before.counting) {
            if (strcmp(ev->name, "T") == 0)
                run(s, "set truth toggle");
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
        if (ev->row >= p->row && ev->row < p->row + p->rows && ev->col >= p->col && ev->col < p->col + p->cols && v->def->key)
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
    clear_result(s);
    a->message[0] = '\0';
    if (ev->act == MOUSE_PRESS && u->hl_divider >= 0 && (ev->col == u->hl_divider || ev->col == u->hl_divider - 1) && ev->row > 3 && ev->row < u->rows - 3) {
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
            run(s, line);
        } else if (h->kind == HIT_ITEM) {
            a->cursor = (int)h->value;
        } else {
            snprintf(line, sizeof line, "at %lld", (long long)h->value);
            run(s, line);
        }
        return;
    }
    for (int i = 0; i < u->n_pane; i++) {
        const struct ui_pane *p = &u->pane[i];
        if (ev->row < p->row || ev->row >= p->row + p->rows || ev->col < p->col || ev->col >= p->col + p->cols)
            continue;
        struct view *v = &u->view[p->view];
        if (!u->zoom)
            u->focus[u->tab] = i;
        ui_arrange(u, u->cols, u->rows);
        bool mine = v->def->click && v->def->click(v, ev->row - p->row - 1, ev->col - p->col - 1, ev->act == MOUSE_DOUBLE);
        char enter[256];
        if (mine && ev->act == MOUSE_DOUBLE && v->def->enter && v->def->enter(v, enter, sizeof enter))
            run(s, enter);
        else if (mine && ev->act == MOUSE_DOUBLE && strcmp(v->def->name, "predict") == 0)
            run(s, "seq append cursor");
        return;
    }
}

static void end_by(struct screen *s, int sig)
{
    s->app->quit = true;
    s->app->exit_status = 128 + sig;
}

static void handle(struct screen *s, const struct term_event *ev)
{
    struct app *a = s->app;
    s->dirty_key = true;
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
        case PROMPT_NOT_MINE:
            break;
        }
        if (prompt_bell(s->prompt))
            s->flash_until = now_s() + 0.1;
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

/* ---- drawing -------------------------------------------------------------------------------------------- */

static void show(struct screen *s)
{
    struct app *a = s->app;
    if (settings_generation(a) != s->settings_seen)
        take_looks(s);
    s->face.theme = &s->theme;
    s->face.prompt = s->prompt;
    s->face.question = s->question;
    char pending[96];
    if (s->keys.counting)
        snprintf(pending, sizeof pending, ";%d %s", s->keys.count, s->keys.keys);
    else
        snprintf(pending, sizeof pending, "%s", s->keys.keys);
    s->face.pending = pending;
    s->face.result = s->result;
    s->face.flash = now_s() < s->flash_until;
    screen_compose(a, &s->face, &s->grid);
    term_show(s->term, &s->grid, s->face.cursor_row, s->face.cursor_col);
    s->face.pending = "";
    /* A slow line: fewer pictures; keys are exempt. */
    double took = term_show_s(s->term);
    if (took > 0.05) {
        if (++s->slow >= 2 && s->tick < 0.25) {
            s->tick *= 2;
            s->slow = 0;
        }
    } else {
        s->slow = 0;
        if (s->tick > 0.1)
            s->tick = s->tick * 0.98 > 0.1 ? s->tick * 0.98 : 0.1;
    }
    s->dirty_key = s->dirty_live = s->dirty_answer = false;
}

/* Views of a running model want fresh parameters now and then. */
static void publish(struct screen *s, double now)
{
    struct app *a = s->app;
    struct ui *u = a->ui;
    struct slot *q = app_slot(a);
    if (a->at != STEP_LIVE || !q->trainer || now < s->next_publish)
        return;
    const struct snapshot *p = app_snapshot(a, a->slot);
    bool asks = false;
    for (int i = 0; i < u->n_view; i++)
        asks = asks || (u->view[i].visible && u->view[i].def->ask);
    if (!asks || !p || p->state != TS_RUN)
        return;
    struct train_cmd c = {.kind = TC_PUBLISH};
    if (trainer_post(q->trainer, &c))
        s->next_publish = now + 0.1;
}

static int wake_fds(struct app *a, int fd[8])
{
    int n = 0;
    for (int i = 0; i < SLOTS && n < 6; i++)
        if (a->slots[i].trainer)
            fd[n++] = trainer_wake_fd(a->slots[i].trainer);
    if (a->explorer)
        fd[n++] = explorer_wake_fd(a->explorer);
    return n;
}

static int until(double now, double when)
{
    double ms = (when - now) * 1000;
    return ms <= 0 ? 0 : ms > 60000 ? 60000 : (int)ms + 1;
}

static void loop(struct screen *s)
{
    struct app *a = s->app;
    struct term_event ev;
    while (!a->quit) {
        int fd[8], n = wake_fds(a, fd), timeout = -1;
        double now = now_s();
        if (s->dirty_live)
            timeout = until(now, s->next_live);
        if (s->dirty_answer && (timeout < 0 || until(now, s->next_answer) < timeout))
            timeout = until(now, s->next_answer);
        if (s->flash_until > now && (timeout < 0 || until(now, s->flash_until) < timeout))
            timeout = until(now, s->flash_until);
        if (a->background && (timeout < 0 || timeout > 100))
            timeout = 100;
        term_wait(s->term, timeout, fd, n);
        for (int i = 0; i < n; i++) { /* event descriptors count; what they announce is taken in below */
            uint64_t sum;
            ssize_t got = read(fd[i], &sum, sizeof sum);
            (void)got;
        }
        while (!a->quit && term_read(s->term, &ev))
            handle(s, &ev);
        if (a->quit)
            break;
        if (s->dirty_key) {
            ui_ask(a, false);
            show(s);
        }
        /* The engine: taken in at once (cheap), drawn at the next tick. */
        if (app_poll(a))
            s->dirty_live = true;
        if (ui_answers(a))
            s->dirty_answer = true;
        now = now_s();
        publish(s, now);
        ui_ask(a, false);
        if (s->flash_until && now >= s->flash_until) {
            s->flash_until = 0;
            s->dirty_answer = true;
        }
        bool live = s->dirty_live && now >= s->next_live, answer = s->dirty_answer && now >= s->next_answer;
        if (live || answer) {
            show(s);
            double frame = 1.0 / (setting(a, SETTING_FPS) >= 1 ? setting(a, SETTING_FPS) : 30);
            s->next_answer = now + (frame > s->tick / 3 ? frame : s->tick / 3);
            s->next_live = now + (s->tick > frame ? s->tick : frame);
        }
    }
}

/* The line broke or the system goes down: models that learned something are kept aside. */
static void rescue(struct app *a)
{
    for (int i = 0; i < SLOTS; i++) {
        char name[64], path[1024], line[1100];
        const struct slot *q = &a->slots[i];
        if (!q->model || (q->model->flags & MODEL_BASELINE) || slot_step(a, i) == 0)
            continue;
        snprintf(name, sizeof name, "rescue/%c-%s-%lld.safetensors", 'A' + i, q->model->name, (long long)slot_step(a, i));
        if (!config_path(PLACE_STATE, name, true, path, sizeof path))
            return;
        if (q->trainer) { /* at rest between two batches */
            struct train_cmd pause = {.kind = TC_PAUSE};
            if (trainer_post(q->trainer, &pause))
                (void)trainer_wait(q->trainer, 3000);
            app_poll(a);
        }
        snprintf(line, sizeof line, "save model \"%s\" model=%c", path, 'A' + i);
        struct cmd_out *out = cmd_out_new(OUT_MESSAGE, NULL, NULL);
        struct err err = {0};
        if (out)
            (void)cmd_run_line(a, line, true, out, &err);
        cmd_out_free(out);
    }
}

int screen_run(struct app *a, const struct screen_options *o)
{
    struct err err = {0};
    struct screen *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    s->app = a;
    s->tick = 0.1;
    s->mouse = !o->no_mouse;
    s->looks.depth = DEPTH_AUTO;
    if (o->color && !depth_parse(o->color, &s->looks.depth))
        s->looks.depth = DEPTH_AUTO;
    struct term_options topt = {.mouse = s->mouse, .depth = s->looks.depth};
    int rows = 24, cols = 80, exit_status = 1;
    enum status st = signals_fd() < 0 ? signals_start(&err) : ST_OK;
    if (st == ST_OK)
        st = term_start(&s->term, &topt, &err);
    if (st != ST_OK)
        goto out;
    term_size(s->term, &rows, &cols);
    st = ui_new(a, cols, rows, &err);
    if (st == ST_OK)
        st = grid_init(&s->grid, rows, cols, &err);
    struct prompt_options popt = {.complete = complete, .ctx = s, .history = o->history};
    if (st == ST_OK)
        st = prompt_new(&s->prompt, &popt, &err);
    if (st != ST_OK)
        goto out;
    (void)setting_set(a, SETTING_TRUTH, "off", NULL); /* the answer stays hidden until asked for */
    take_looks(s);
    show(s); /* the frame first; data, model and ceilings come behind it */
    if (!a->explorer)
        st = app_start_explorer(a, &err);
    a->interactive = true;
    for (int i = 0; st == ST_OK && o->start && o->start[i] && !a->quit; i++) {
        run(s, o->start[i]);
        if (a->message_is_error && a->message[0])
            break;
        a->message[0] = '\0'; /* the hints come first */
        show(s);
    }
    s->dirty_key = true;
    if (st == ST_OK)
        loop(s);
    exit_status = a->exit_status;
    if (st == ST_OK && (exit_status == 128 + SIGHUP || exit_status == 128 + SIGTERM))
        rescue(a);
out:
    clear_result(s);
    prompt_free(s->prompt);
    term_stop(s->term);
    grid_done(&s->grid);
    ui_free(a);
    free(s);
    if (st != ST_OK) {
        fprintf(stderr, "seqlab: %s\n", err.msg);
        return st == ST_UNSUPPORTED ? SCREEN_NO_TERMINAL : 1;
    }
    return exit_status;
}

/* ---- a picture without a terminal ----------------------------------------------------------------------- */

enum status screen_snap(struct app *a, int cols, int rows, const struct theme *theme, struct grid *out, struct err *err)
{
    bool own = a->ui == NULL;
    enum status st = own ? ui_new(a, cols, rows, err) : ST_OK;
    if (st == ST_OK)
        st = grid_resize(out, rows, cols, err);
    if (st != ST_OK)
        goto out;
    struct theme plain;
    if (!theme) {
        theme_fixed(&plain, GLYPHS_BRAILLE, DEPTH_256, false);
        theme = &plain;
    }
    struct face *f = calloc(1, sizeof *f);
    if (!f) {
        st = err_nomem(err, sizeof *f, "a picture of the screen");
        goto out;
    }
    f->theme = theme;
    f->pending = f->question = "";
    int cols0 = a->ui->cols, rows0 = a->ui->rows;
    ui_arrange(a->ui, cols, rows);
    /* Twice: some questions follow from the answers of others. */
    for (int i = 0; i < 3 && ui_ask(a, true); i++)
        ui_update(a);
    screen_compose(a, f, out);
    if (!own)
        ui_arrange(a->ui, cols0, rows0);
    free(f);
out:
    if (own)
        ui_free(a);
    return st;
}
