/* What a look costs, questions and drawing together, at 200x50: every tab of every model at
 * every kept step, and an edit of a sequence of 50 items over 5,000 to new predictions and
 * occlusion.  Milliseconds of wall time on one thread, as the explorer has.  The tab Compare
 * asks the whole test set of both sides: there the explorer's own thread is asked, as on the
 * screen, and two times count: until the picture has the lists of both sides, what they rest
 * on and the questions ranked so far, and until all questions are ranked.
 *   bench_views [model ...] */
#include "app/app.h"
#include "app/background.h"
#include "app/cmd/command.h"
#include "app/ui/canvas.h"
#include "app/ui/screen.h"
#include "app/ui/screen_parts.h"
#include "app/ui_state.h"
#include "engine/base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COLS = 200, ROWS = 50, MOST = 4000, ITEMS = 5000, EDITS = 60 };
static const char *const models[] = {"gru4rec", "caser",    "svae",
                                     "sasrec",  "bert4rec", "pen4rec"};
static const char *const tabs[] = {"train",  "predict",   "attention", "filters", "gates",
                                   "latent", "evolution", "compare",   "data",    "lessons"};
enum { MODELS = sizeof models / sizeof *models, TABS = sizeof tabs / sizeof *tabs };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run(struct app *a, const char *line)
{
    struct err err = {0};
    struct cmd_out *out = cmd_out_new(OUT_TEXT, NULL, NULL);
    if (!out || cmd_run_line(a, line, true, out, &err) != ST_OK) {
        fprintf(stderr, "%s: %s\n", line, err.msg);
        exit(1);
    }
    cmd_out_free(out);
}

static void check(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s\n", err->msg);
    exit(1);
}

static double look(struct app *a, struct grid *g, const struct theme *theme)
{
    struct err err = {0};
    double from = 1e3 * clock_s();
    check(screen_snap(a, COLS, ROWS, theme, g, &err), &err);
    return 1e3 * clock_s() - from;
}

/* Once: true when an answer came in.  lists: waits for those alone. */
static bool wait_answers(struct app *a, bool lists)
{
    struct pollfd p = {.fd = explorer_wake_fd(a->explorer), .events = POLLIN};
    bool waits = false;
    for (int i = 0; i < a->ui->n_view; i++)
        for (int k = 0; k < VIEW_ASKS; k++)
            waits = waits || (a->ui->view[i].waiting[k] &&
                              !(lists && strcmp(a->ui->view[i].def->name, "cases") == 0));
    if (!waits)
        return false;
    uint64_t sum;
    if (poll(&p, 1, 10000) != 1 || read(p.fd, &sum, sizeof sum) != sizeof sum)
        exit(1);
    (void)ui_answers(a);
    return true;
}

/* Compare at a kept step, as on the screen: until its lists are drawn, and until everything
 * is. */
static double look_in_parts(struct app *a, const char *at, struct grid *g,
                            const struct theme *theme, double *all)
{
    static struct face face;
    double from = 1e3 * clock_s(), first;
    run(a, at);
    face = (struct face){.theme = theme, .pending = "", .question = ""};
    do
        (void)ui_ask(a, false);
    while (wait_answers(a, true));
    screen_compose(a, &face, g);
    first = 1e3 * clock_s() - from;
    do
        (void)ui_ask(a, false);
    while (wait_answers(a, false));
    screen_compose(a, &face, g);
    *all = 1e3 * clock_s() - from;
    return first;
}

static void kept_steps(const char *model, struct grid *g, const struct theme *theme)
{
    struct app *a = NULL;
    struct err err = {0};
    char line[128];
    static double took[MOST];
    int64_t step[64];
    int n = 0, slowest_tab = 0;
    double slowest = 0, compare = 0, compare_all = 0;
    check(app_new(&a, 1, 7, &err), &err);
    run(a, "data plant bazaar");
    snprintf(line, sizeof line, "model new %s seed=7; train steps=300; seq from s:7201", model);
    run(a, line);
    background_wait(a);
    app_poll(a);
    check(app_start_explorer(a, &err), &err);
    check(ui_new(a, COLS, ROWS, &err), &err);
    int steps = history_steps(app_slot(a)->history, step, 64);
    for (int t = 0; t < TABS; t++)
        for (int k = 0; k < steps && n < MOST; k++) {
            snprintf(line, sizeof line, "at %lld", (long long)step[steps - 1 - k]);
            run(a, line);
            check(ui_tab(a, tabs[t], &err), &err);
            if (strcmp(tabs[t], "compare") == 0) {
                double all, ms = look_in_parts(a, line, g, theme, &all);
                compare = ms > compare ? ms : compare;
                compare_all = all > compare_all ? all : compare_all;
                took[n++] = ms;
                continue;
            }
            double ms = look(a, g, theme);
            if (ms > slowest) {
                slowest = ms;
                slowest_tab = t;
            }
            took[n++] = ms;
        }
    qsort(took, (size_t)n, sizeof *took, by_size);
    printf("a tab at a kept step, %-10s %4d looks: p50 %6.2f  p95 %6.2f  max %6.2f ms (%s); "
           "Compare max %6.2f ms, its whole test set %6.2f ms\n",
           model, n, took[n / 2], took[n * 95 / 100], slowest, tabs[slowest_tab], compare,
           compare_all);
    fflush(stdout);
    app_free(a);
}

/* 400 sessions of 60 items over 5,000, all of which occur. */
static void write_sessions(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        exit(1);
    for (int s = 0; s < 400; s++)
        for (int i = 0; i < 60; i++)
            fprintf(f, "%d%c", (s * 60 + i * 7919 % 60 + (i * i * s) % 3) % ITEMS + 1,
                    i < 59 ? ' ' : '\n');
    fclose(f);
}

static void edits(const char *model, const char *path, struct grid *g,
                  const struct theme *theme)
{
    struct app *a = NULL;
    struct err err = {0};
    char line[1024];
    double took[EDITS];
    check(app_new(&a, 1, 7, &err), &err);
    snprintf(line, sizeof line, "data load \"%s\"; model new %s seed=7; train steps=3", path,
             model);
    run(a, line);
    int n = snprintf(line, sizeof line, "seq");
    for (int i = 0; i < 50; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %d", i * 97 % 4000 + 1);
    run(a, line);
    background_wait(a);
    app_poll(a);
    check(ui_new(a, COLS, ROWS, &err), &err);
    check(ui_tab(a, "predict", &err), &err);
    (void)look(a, g, theme);
    for (int i = 0; i < EDITS; i++) {
        snprintf(line, sizeof line, "whatif %d=%d", i % 50 + 1, i * 61 % 4000 + 1);
        double from = 1e3 * clock_s();
        run(a, line);
        (void)look(a, g, theme);
        took[i] = 1e3 * clock_s() - from;
    }
    qsort(took, EDITS, sizeof *took, by_size);
    printf("edit to predictions and why, %-10s %5d items, 50 typed: p50 %7.2f  p95 %7.2f  max "
           "%7.2f ms\n",
           model, (int)a->ds->n_items, took[EDITS / 2], took[EDITS * 95 / 100],
           took[EDITS - 1]);
    fflush(stdout);
    app_free(a);
}

int main(int argc, char **argv)
{
    struct grid g = {0};
    struct theme theme;
    char path[] = "/tmp/seqlab-bench-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    write_sessions(path);
    theme_fixed(&theme, GLYPHS_BRAILLE, DEPTH_256, false);
    for (int pass = 0; pass < 2; pass++)
        for (int m = 0; m < MODELS; m++) {
            bool wanted = argc < 2;
            for (int i = 1; i < argc; i++)
                wanted = wanted || strcmp(argv[i], models[m]) == 0;
            if (wanted && pass == 0)
                kept_steps(models[m], &g, &theme);
            else if (wanted)
                edits(models[m], path, &g, &theme);
        }
    grid_done(&g);
    unlink(path);
    return 0;
}
