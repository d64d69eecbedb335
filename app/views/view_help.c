/* Help, from the tables of keys and commands: it cannot go out of date.  Filtered while
 * typing; Enter runs the entry. */
#include "app/cmd/command.h"
#include "app/ui/keymap.h"
#include "app/views/view_util.h"

#include <stdio.h>

enum { ENTRIES = 512 };
struct entry {
    const char *left, *right; /* key and label or command; command and summary */
    const char *run;          /* what Enter runs or puts into the command line */
    const char *help;         /* more, NULL: none */
    int kind;                 /* 0 head line, 1 key, 2 command */
};
struct help_state {
    int at, top;
    bool all; /* keys of every tab, not of this one */
    struct entry e[ENTRIES];
    int n;
    char filter[40];
    int tab;
};

static void add(struct help_state *st, int kind, const char *left, const char *right,
                const char *run, const char *help)
{
    if (st->n < ENTRIES)
        st->e[st->n++] = (struct entry){left, right, run, help, kind};
}

static bool passes(const char *filter, const char *a, const char *b, const char *c)
{
    return !*filter || find_in(a, filter) || find_in(b, filter) || find_in(c, filter);
}

static const struct cmd_def *def_of(const char *line)
{
    /* The longest command name that begins the line. */
    const struct cmd_def *hit = NULL;
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        size_t n = strlen(d->name);
        if (strncmp(d->name, line, n) == 0 && (line[n] == '\0' || line[n] == ' ') &&
            (!hit || n > strlen(hit->name)))
            hit = d;
    }
    return hit;
}

static void collect(struct view *v)
{
    struct help_state *st = v->state;
    const struct ui *u = v->ui;
    const struct key_binding *row;
    size_t n = keymap_rows(u->keys, &row);
    const char *tab = tab_defs[u->tab].name;
    st->n = 0;
    snprintf(st->filter, sizeof st->filter, "%s", u->help_filter);
    for (int part = 0; part < 2; part++) {
        int head = st->n;
        add(st, 0, part ? "everywhere" : tab_defs[u->tab].title, "", "", NULL);
        for (size_t i = 0; i < n; i++) {
            size_t len = strlen(tab);
            bool here = strncmp(row[i].context, tab, len) == 0 &&
                        (row[i].context[len] == '\0' || row[i].context[len] == '.');
            bool global = strcmp(row[i].context, "global") == 0;
            if (part ? !(global || (st->all && !here)) : !here)
                continue;
            const struct cmd_def *d = def_of(row[i].command);
            const char *what = row[i].label && *row[i].label ? row[i].label
                               : d                           ? d->summary
                                                             : "";
            if (passes(st->filter, row[i].keys, row[i].command, what))
                add(st, 1, row[i].keys, row[i].command, row[i].command, what);
        }
        if (st->n == head + 1)
            st->n = head;
    }
    const char *group = "";
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        if ((d->flags & CMD_HIDDEN) || !passes(st->filter, d->name, d->summary, d->group))
            continue;
        if (strcmp(group, d->group) != 0) {
            group = d->group;
            add(st, 0, "commands:", group, "", NULL);
        }
        add(st, 2, d->name, d->summary, d->name, d->help);
    }
    if (st->at >= st->n)
        st->at = st->n > 0 ? st->n - 1 : 0;
    while (st->at < st->n && st->e[st->at].kind == 0)
        st->at++;
}

static bool help_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct help_state *st = v->state;
    if (v->ui->help &&
        (st->n == 0 || strcmp(st->filter, v->ui->help_filter) != 0 || st->tab != v->ui->tab)) {
        if (strcmp(st->filter, v->ui->help_filter) != 0 || st->tab != v->ui->tab)
            st->at = st->top = 0;
        st->tab = v->ui->tab;
        collect(v);
        snprintf(v->title, sizeof v->title, "help   search: %s_", v->ui->help_filter);
        return true;
    }
    snprintf(v->title, sizeof v->title, "help   search: %s_", v->ui->help_filter);
    return false;
}

static void help_draw(const struct view *v, struct canvas *c)
{
    const struct help_state *st = v->state;
    int detail = c->rows >= 16 ? 5 : 1, rows = c->rows - detail;
    if (st->n == 0) {
        draw_empty(c, "nothing in the tables matches", "Backspace");
        canvas_text(c, c->rows - 1, 1, ROLE_DIM,
                    "every key shows the command it runs; commands work in scripts unchanged");
        return;
    }
    int top = canvas_scroll(st->top, st->at, rows, st->n), w = c->cols >= 70 ? 16 : 12,
        wc = c->cols >= 70 ? 26 : 20;
    for (int y = 0; y < rows && top + y < st->n; y++) {
        const struct entry *e = &st->e[top + y];
        if (e->kind == 0) {
            canvas_printf(c, y, 1, ROLE_TITLE, "%s %s", e->left, e->right);
            continue;
        }
        if (e->kind == 1) {
            canvas_left(c, y, 2, w - 3, ROLE_KEY, e->left);
            canvas_left(c, y, w, wc, ROLE_TEXT, e->right);
            canvas_left(c, y, w + wc + 1, c->cols - w - wc - 2, ROLE_DIM, e->help);
        } else {
            canvas_left(c, y, 2, w, ROLE_KEY, e->left);
            canvas_left(c, y, w + 3, c->cols - w - 4, ROLE_TEXT, e->right);
        }
        if (top + y == st->at)
            canvas_paint(c, y, 0, c->cols, ROLE_CURSOR);
    }
    const struct entry *e = &st->e[st->at < st->n ? st->at : 0];
    if (detail > 1) {
        canvas_hline(c, rows, 1, c->cols - 2, ROLE_FRAME);
        struct canvas t = canvas_sub(c, rows + 1, 1, detail - 1, REST);
        t.cols = c->cols - 2;
        const struct cmd_def *d = def_of(e->run ? e->run : "");
        char usage[240] = "", text[1200];
        if (d)
            cmd_usage(d, usage, sizeof usage);
        snprintf(text, sizeof text, "%s%s%s", usage, d ? "\n" : "", d ? d->help : "");
        canvas_wrap(&t, 0, ROLE_DIM, text);
    } else {
        canvas_text(c, c->rows - 1, 1, ROLE_DIM,
                    "every key shows the command it runs; commands work in scripts unchanged");
    }
}

static bool help_key(struct view *v, const char *key)
{
    struct help_state *st = v->state;
    char *f = v->ui->help_filter;
    size_t n = strlen(f), size = sizeof v->ui->help_filter;
    int before = st->at;
    if (strcmp(key, "Tab") == 0) {
        st->all = !st->all;
        collect(v);
        return true;
    }
    if (strcmp(key, "Backspace") == 0) {
        while (n > 0 && ((unsigned char)f[n - 1] & 0xc0) == 0x80)
            n--;
        if (n > 0)
            f[n - 1] = '\0';
        help_update(v, NULL);
        return true;
    }
    if (list_key(key, &st->at, st->n, v->h > 6 ? v->h - 5 : 1)) {
        int way = st->at >= before ? 1 : -1;
        while (st->at > 0 && st->at < st->n - 1 && st->e[st->at].kind == 0)
            st->at += way;
        if (st->at < st->n && st->e[st->at].kind == 0)
            st->at = st->at + 1 < st->n ? st->at + 1 : before;
        st->top = canvas_scroll(st->top, st->at, v->h >= 16 ? v->h - 5 : v->h - 1, st->n);
        if (st->at == 1)
            st->top = 0;
        return true;
    }
    bool typed = key[0] && (unsigned char)key[0] >= 0x20 &&
                 (key[1] == '\0' || ((unsigned char)key[0] >= 0xc0));
    const char *text = typed ? key : strcmp(key, "Space") == 0 ? " " : "";
    if (!*text || n + strlen(text) >= size)
        return false;
    snprintf(f + n, size - n, "%s", text);
    help_update(v, NULL);
    return true;
}

static bool help_enter(const struct view *v, char *line, size_t size)
{
    const struct help_state *st = v->state;
    if (st->at >= st->n || st->e[st->at].kind == 0)
        return false;
    const struct entry *e = &st->e[st->at];
    /* Commands may want arguments: they go to the command line, keys run at once. */
    if (e->kind == 2)
        snprintf(line, size, "prompt %s", e->run);
    else
        snprintf(line, size, "%s", e->run);
    return true;
}

static const char *const help_keys[] = {"type", "to search",      "Enter", "runs the entry",
                                        "Tab",  "all / this tab", "Esc",   "close",
                                        NULL};
const struct view_def view_help = {
    .name = "help",
    .title = "help",
    .help = "All keys and commands.",
    .flags = 0,
    .min_rows = 4,
    .min_cols = 30,
    .state_size = sizeof(struct help_state),
    .keys = help_keys,
    .update = help_update,
    .draw = help_draw,
    .key = help_key,
    .enter = help_enter,
};
