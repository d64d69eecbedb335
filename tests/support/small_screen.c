#include "tests/support/small_screen.h"

#include "app/ui/prompt.h"
#include "app/ui/signals.h"
#include "engine/base/arena.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const words[] = {"predict", "pin",  "pause", "seq", "set",
                                    "set-lr",  "show", "étude", NULL};

static size_t complete(void *ctx, const char *line, size_t cursor, struct arena *mem,
                       const char ***out)
{
    (void)ctx;
    size_t start = cursor, n = 0;
    while (start > 0 && line[start - 1] != ' ')
        start--;
    const char **list = arena_alloc(mem, sizeof words);
    for (size_t i = 0; list && words[i]; i++)
        if (strncmp(words[i], line + start, cursor - start) == 0)
            list[n++] = words[i];
    *out = list;
    return n;
}

struct page {
    char key[32], line[256], note[64];
    int keys, mouse_row, mouse_col, resizes, frame;
};

static void draw(const struct page *p, struct prompt *pr, const struct theme *t, struct grid *g,
                 int *row, int *col)
{
    struct canvas c = canvas_of(g, t);
    canvas_clear(&c);
    canvas_printf(&c, 0, 0, ROLE_STATUS, "size %dx%d depth %s glyphs %s", c.cols, c.rows,
                  depth_name(t->depth), glyphs_name(t->glyphs));
    canvas_printf(&c, 1, 0, ROLE_TEXT, "key <%s> %d", p->key, p->keys);
    canvas_printf(&c, 2, 0, ROLE_TEXT, "line [%s]", p->line);
    canvas_printf(&c, 3, 0, ROLE_TEXT, "note %s resizes %d mouse %d,%d", p->note, p->resizes,
                  p->mouse_row, p->mouse_col);
    for (int k = 0; k < c.cols - 30; k++) {
        int level = (k + p->frame) % theme_levels(t, false);
        canvas_level(&c, 4, k, 1, level, false, NULL);
    }
    struct canvas box = canvas_sub(&c, 0, c.cols - 28, 5, 28);
    if (c.cols >= 60)
        canvas_box(&box, "box", NULL, true);
    *row = -1;
    struct canvas body = canvas_sub(&c, 5, 0, c.rows - 6 > 0 ? c.rows - 6 : 0, c.cols);
    if (prompt_active(pr)) {
        prompt_draw_matches(pr, &body);
        struct canvas last = canvas_sub(&c, c.rows - 1, 0, 1, c.cols);
        prompt_draw(pr, &last, col);
        *row = c.rows - 1;
    }
}

static bool accept(struct page *p, struct term *term, const char *line)
{
    if (strcmp(line, "quit") == 0)
        return false;
    if (strcmp(line, "segv") == 0)
        raise(SIGSEGV);
    if (strcmp(line, "abort") == 0)
        abort();
    if (strcmp(line, "exit") == 0)
        exit(3);
    if (strcmp(line, "stop") == 0)
        term_suspend(term);
    snprintf(p->line, sizeof p->line, "%s", line);
    for (char *s = p->line; *s; s++)
        if (*s == '\n')
            *s = '|';
    return true;
}

static int screen(void)
{
    struct err err;
    struct term *term;
    struct prompt *pr;
    struct grid g = {0};
    struct theme theme;
    struct theme_env env;
    struct page p = {.note = "-"};
    struct term_options topt = {.mouse = true};
    struct prompt_options popt = {.complete = complete, .history = getenv("SMALL_HISTORY")};
    int rows, cols, cursor_row = -1, cursor_col = 0, status = 0;
    if (signals_start(&err) != ST_OK)
        return 9;
    if (term_start(&term, &topt, &err) != ST_OK) {
        printf("refused: %s\n", err.msg);
        return 8;
    }
    term_env(term, &env);
    theme_decide(&theme, &env, NULL);
    term_theme(term, &theme);
    term_size(term, &rows, &cols);
    if (grid_init(&g, rows, cols, &err) != ST_OK || prompt_new(&pr, &popt, &err) != ST_OK)
        return 9;
    for (bool on = true; on;) {
        draw(&p, pr, &theme, &g, &cursor_row, &cursor_col);
        term_show(term, &g, cursor_row, cursor_col);
        term_wait(term, -1, NULL, 0);
        struct term_event ev;
        while (on && term_read(term, &ev)) {
            if (ev.kind == EV_RESIZE) {
                p.resizes++;
                if (grid_resize(&g, ev.rows, ev.cols, &err) != ST_OK)
                    snprintf(p.note, sizeof p.note, "refused");
            } else if (ev.kind == EV_STOP) {
                term_suspend(term);
            } else if (ev.kind == EV_TERM || ev.kind == EV_HUP || ev.kind == EV_GONE) {
                status = ev.kind == EV_TERM ? SIGTERM : SIGHUP;
                on = false;
            } else if (ev.kind == EV_MOUSE) {
                p.mouse_row = ev.row;
                p.mouse_col = ev.col;
                snprintf(p.note, sizeof p.note, "act%d", (int)ev.act);
            } else if (prompt_active(pr)) {
                enum prompt_result r = prompt_event(pr, &ev);
                if (r == PROMPT_LINE || r == PROMPT_SCRIPT) {
                    snprintf(p.note, sizeof p.note, r == PROMPT_LINE ? "line" : "script");
                    on = accept(&p, term, prompt_line(pr));
                    prompt_close(pr);
                } else if (r == PROMPT_LEFT) {
                    snprintf(p.note, sizeof p.note, "left");
                    prompt_close(pr);
                }
            } else if (ev.kind == EV_PASTE_START || ev.kind == EV_PASTE_END) {
                snprintf(p.note, sizeof p.note, "paste");
            } else if (ev.kind == EV_KEY) {
                p.keys++;
                snprintf(p.key, sizeof p.key, "%s", ev.name);
                if (strcmp(ev.name, ":") == 0)
                    prompt_open(pr, ": ", "");
                if (strcmp(ev.name, "C-z") == 0)
                    term_suspend(term);
                if (strcmp(ev.name, "f") == 0)
                    p.frame++;
            }
        }
    }
    prompt_free(pr);
    term_stop(term);
    grid_done(&g);
    signals_stop();
    if (status)
        signals_die(status);
    printf("bye\n");
    return 0;
}

static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts = interrupts + 1;
}

static int plain(void)
{
    struct err err;
    struct prompt *pr;
    struct prompt_options popt = {.complete = complete, .history = getenv("SMALL_HISTORY")};
    struct sigaction sa = {.sa_handler = on_interrupt};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    if (prompt_new(&pr, &popt, &err) != ST_OK)
        return 9;
    int n = 0;
    for (bool eof = false; !eof;) {
        char label[16]; /* numbered: who types can see which line is being read */
        snprintf(label, sizeof label, "%d> ", ++n);
        char *line = prompt_read_line(pr, label, &eof);
        printf("got [%s] interrupts %d\n", line ? line : "none", (int)interrupts);
        fflush(stdout);
        bool quit = line && strcmp(line, "quit") == 0;
        free(line);
        if (quit)
            break;
    }
    prompt_free(pr);
    printf("bye\n");
    return 0;
}

bool small_screen_main(int argc, char **argv, int *status)
{
    if (argc < 3 || strcmp(argv[1], "--child") != 0)
        return false;
    setlocale(LC_ALL, "");
    *status = strcmp(argv[2], "plain") == 0 ? plain() : screen();
    return true;
}

struct vt *small_screen_start(const char *mode, const char *const env[], int cols, int rows)
{
    char self[1024], child[] = "--child", how[16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    snprintf(how, sizeof how, "%s", mode);
    char *argv[] = {self, child, how, NULL};
    return vt_start(argv, env, cols, rows);
}
