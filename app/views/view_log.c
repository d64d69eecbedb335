/* The log of commands and events with their steps, newest first. */
#include "app/views/view_util.h"

#include <stdio.h>

struct log_state {
    int top; /* lines passed over from the newest */
    /* log_at when last drawn: what is new keeps the place of a reader */
    int seen;
};

/* i = 0: newest.  n_log lines are kept; log_at is where the next goes. */
static const struct log_line *nth(const struct app *a, int i)
{
    if (i < 0 || i >= a->n_log || !a->log)
        return NULL;
    int size = a->n_log, at = a->log_at - 1 - i;
    at %= size;
    return &a->log[at < 0 ? at + size : at];
}

/* Walking around is in the log, for replays, but not worth a line here. */
static bool walking(const struct log_line *g)
{
    static const char *const words[] = {"tab ", "view ", "layout ", "find", "help"};
    for (size_t i = 0; g->kind == LOG_COMMAND && i < sizeof words / sizeof *words; i++)
        if (strncmp(g->text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static bool log_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct log_state *st = v->state;
    bool more = st->seen != v->app->log_at;
    st->seen = v->app->log_at;
    if (st->top)
        snprintf(v->note, sizeof v->note, "%d newer", st->top);
    else
        v->note[0] = '\0';
    return more;
}

/* One line from row on; returns the rows it took. */
static int draw_line(const struct canvas *c, int row, const struct log_line *g)
{
    enum { STEP = 5 };
    enum role role = g->kind == LOG_ERROR     ? ROLE_BAD
                     : g->kind == LOG_COMMAND ? ROLE_TEXT
                                              : ROLE_DIM;
    char step[24] = "";
    if (g->step >= 0)
        snprintf(step, sizeof step, "%lld", (long long)g->step);
    canvas_right(c, row, 0, STEP, ROLE_MARK, step);
    struct canvas text = canvas_sub(c, row, STEP + 1, c->rows - row, c->cols - STEP - 1);
    int used = canvas_wrap(&text, 0, role, g->text);
    return used > 0 ? used : 1;
}

static void log_draw(const struct view *v, struct canvas *c)
{
    const struct log_state *st = v->state;
    const struct app *a = v->app;
    /* A command that waited (train in a script) is logged at its end with the step at which
     * it began: it stands below what happened meanwhile. */
    const struct log_line *began = NULL;
    int row = 0;
    for (int i = st->top; row < c->rows; i++) {
        const struct log_line *g = nth(a, i);
        if (g && walking(g))
            continue;
        if (began && !(g && g->kind == LOG_EVENT && g->step > began->step)) {
            row += draw_line(c, row, began);
            began = NULL;
        }
        if (!g || row >= c->rows)
            break;
        if (g->kind == LOG_COMMAND)
            began = g;
        else
            row += draw_line(c, row, g);
    }
    if (row == 0)
        draw_empty(c, "commands and events", "");
}

static bool log_key(struct view *v, const char *key)
{
    struct log_state *st = v->state;
    return list_key(key, &st->top, v->app->n_log, v->h);
}

static bool log_find(struct view *v, const char *text, int dir)
{
    struct log_state *st = v->state;
    int n = v->app->n_log, step = dir < 0 ? -1 : 1;
    for (int k = 0, i = st->top + (dir ? step : 0); k < n; k++, i += step) {
        int at = ((i % n) + n) % n;
        const struct log_line *g = nth(v->app, at);
        if (g && find_in(g->text, text)) {
            st->top = at;
            return true;
        }
    }
    return false;
}

const struct view_def view_log = {
    .name = "log",
    .title = "log",
    .help = "Commands and events with the step at which they took effect; it can be replayed.",
    .flags = VIEW_LIVE,
    .min_rows = 2,
    .min_cols = 12,
    .state_size = sizeof(struct log_state),
    .update = log_update,
    .draw = log_draw,
    .key = log_key,
    .find = log_find,
};
