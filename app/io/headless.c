/* Scripts, -e and the line mode; see headless.h. */
#include "app/io/headless.h"
#include "app/cmd/command.h"
#include "app/cmd/script.h"
#include "app/io/config.h"
#include "app/run.h"
#include "app/ui/grid.h"
#include "app/ui/prompt.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"
#include "app/ui/text.h"
#include "engine/base/durable.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- signals ---- */

static struct { /* written by the handler alone */
    volatile bool *cancel;
    volatile sig_atomic_t signal;
    volatile sig_atomic_t interrupts;
    volatile time_t last;
} caught;

static void on_signal(int sig)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (sig == SIGINT) {
        if (caught.interrupts && now.tv_sec - caught.last < 2)
            _exit(EXIT_INTERRUPTED);
        caught.interrupts = 1;
        caught.last = now.tv_sec;
    }
    caught.signal = sig;
    if (caught.cancel)
        *caught.cancel = true;
}

void headless_signals(struct app *a)
{
    struct sigaction sa = {.sa_handler = on_signal};
    caught.cancel = &a->cancel;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &sa, NULL);
    sigaction(SIGXFSZ, &sa, NULL);
}

int headless_signal(void)
{
    return caught.signal;
}

/* ---- output ---- */

static void to_stdout(void *ctx, const char *line)
{
    (void)ctx;
    fputs(line, stdout);
    fputc('\n', stdout);
    fflush(stdout); /* a reader at the other end of a pipe follows line by line */
}

static void to_stderr(void *ctx, const char *line)
{
    (void)ctx;
    fputs(line, stderr);
    fputc('\n', stderr);
}

int exit_status_of(const struct err *err)
{
    if (strcmp(err->kind, "assert") == 0)
        return EXIT_ASSERT;
    if (err->code == ST_NUMERIC || strcmp(err->kind, "diverged") == 0)
        return EXIT_DIVERGED;
    return err->code == ST_CANCELLED ? EXIT_INTERRUPTED : EXIT_FAILED;
}

static bool echo_line(void *ctx, const char *line)
{
    (void)ctx;
    char clean[4096];
    printf("> %s\n", inert(clean, sizeof clean, line + strspn(line, " \t")));
    fflush(stdout);
    return true;
}

static enum status snap(const struct headless *h, struct err *err)
{
    struct grid g = {0};
    struct durable *d = NULL;
    enum status st = screen_snap(h->app, h->cols, h->rows, NULL, &g, err);
    char *text = st == ST_OK ? grid_text(&g) : NULL;
    grid_done(&g);
    if (st != ST_OK)
        return st;
    if (!text)
        return err_set(err, ST_NOMEM, "no memory for the picture");
    if (strcmp(h->snap, "-") == 0) {
        fputs(text, stdout);
        fflush(stdout);
    } else {
        st = durable_open(&d, h->snap, err);
        if (st == ST_OK) {
            fputs(text, durable_file(d));
            st = durable_commit(d, err);
        }
    }
    free(text);
    return st;
}

int headless_run(const struct headless *h)
{
    struct app *a = h->app;
    struct err err = {0};
    struct cmd_out *out = cmd_out_new(h->json ? OUT_JSON : OUT_TEXT, to_stdout, NULL);
    enum status st = out ? ST_OK : err_nomem(&err, 256, "output");
    bool shown = false; /* the script's own reader has shown the error */
    if (out)
        cmd_out_notes(out, to_stderr, NULL);
    a->interactive = false;
    if (st == ST_OK && h->rows > 0)
        st = ui_new(a, h->cols, h->rows, &err);
    for (int i = 0; st == ST_OK && h->command && h->command[i] && !a->quit; i++) {
        if (h->echo && !h->json)
            echo_line(NULL, h->command[i]);
        st = cmd_run_line(a, h->command[i], true, out, &err);
        if (st != ST_OK && !a->error_shown)
            cmd_error_show(out, h->command[i], &err, to_stderr, NULL);
        shown = st != ST_OK;
    }
    if (st == ST_OK && h->batch && !a->quit) {
        st = script_run(a, h->batch, h->echo && !h->json ? echo_line : NULL, NULL, out, &err);
        shown = a->error_shown;
    }
    if (st == ST_OK && h->rows > 0)
        st = snap(h, &err);
    if (st != ST_OK && !shown) {
        char text[512];
        cmd_error_text(&err, text, sizeof text);
        to_stderr(NULL, text);
    }
    cmd_out_free(out);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (st == ST_OK)
            fprintf(stderr, "cannot write to standard output: %s\n", strerror(errno));
        return st == ST_OK ? EXIT_FAILED : exit_status_of(&err);
    }
    return st == ST_OK ? EXIT_DONE : exit_status_of(&err);
}

/* ---- the line mode ---- */

static size_t complete(void *ctx, const char *line, size_t cursor, struct arena *mem,
                       const char ***out)
{
    return cmd_complete(ctx, line, cursor, mem, out);
}

static void run_typed(struct app *a, const char *line, bool strict, struct cmd_out *out)
{
    struct err err = {0};
    a->cancel = false;
    if (cmd_run_line(a, line, strict, out, &err) != ST_OK && !a->error_shown)
        cmd_error_show(out, line, &err, to_stderr, NULL);
    app_poll(a);
}

int plain_run(struct app *a, bool json, const char *rc, const char *const *start)
{
    struct err err = {0};
    char history[600];
    bool has_history = config_path(PLACE_STATE, "history", true, history, sizeof history);
    struct prompt_options o = {
        .complete = complete, .ctx = a, .history = has_history ? history : NULL};
    struct prompt *p = NULL;
    struct cmd_out *out = cmd_out_new(json ? OUT_JSON : OUT_TEXT, to_stdout, NULL);
    if (!out || prompt_new(&p, &o, &err) != ST_OK) {
        fprintf(stderr, "%s\n", out ? err.msg : "no memory for output");
        cmd_out_free(out);
        return EXIT_FAILED;
    }
    cmd_out_notes(out, to_stderr, NULL);
    a->interactive = true;
    if (rc && script_run(a, rc, NULL, NULL, out, &err) != ST_OK)
        fprintf(stderr, "%s\n", err.msg);
    for (int i = 0; start && start[i] && !a->quit; i++)
        run_typed(a, start[i], true, out);
    int seen = a->log_at;
    bool eof = false;
    while (!a->quit && !eof) {
        for (app_poll(a); seen != a->log_at;
             seen = (seen + 1) % LOG_LINES) /* what a run in the background said meanwhile */
            if (a->log[seen].kind != LOG_COMMAND)
                fprintf(stderr, "@%lld %s\n", (long long)a->log[seen].step, a->log[seen].text);
        char *line = prompt_read_line(p, ": ", &eof);
        if (line && line[strspn(line, " \t")])
            run_typed(a, line, false, out);
        free(line);
        if (headless_signal() == SIGTERM || headless_signal() == SIGHUP)
            break;
        while (seen != a->log_at && a->log[seen].kind == LOG_COMMAND)
            seen = (seen + 1) % LOG_LINES;
    }
    cmd_out_free(out);
    prompt_free(p);
    return EXIT_DONE;
}
