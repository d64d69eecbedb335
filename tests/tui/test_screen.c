/* The screen.  First its composition without a terminal: golden texts at 80x24, 100x30 and
 * 200x50, and what must hold at any size.  Then the real program in a pseudo-terminal: first
 * frame, keys, edits, live drafts, resize, small windows, idleness, speed, leaving.
 * UPDATE_GOLDEN=1 writes the golden texts anew. */
#include "app/app.h"
#include "app/background.h"
#include "app/cmd/command.h"
#include "app/ui/canvas.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"
#include "engine/base/clock.h"
#include "tests/support/vt.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- composition ---- */

static void run(struct app *a, const char *line)
{
    struct err err = {0};
    struct cmd_out *out = cmd_out_new(OUT_TEXT, NULL, NULL);
    if (cmd_run_line(a, line, true, out, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
    cmd_out_free(out);
}

static struct app *open_app(const char *const *lines)
{
    struct err err = {0};
    struct app *a = NULL;
    if (app_new(&a, 1, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; lines && lines[i]; i++)
        run(a, lines[i]);
    background_wait(a);
    app_poll(a);
    return a;
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *s = calloc(1, 1 << 18);
    if (f && s) {
        size_t n = fread(s, 1, (1 << 18) - 1, f);
        s[n] = '\0';
    }
    if (f)
        fclose(f);
    return f ? s : (free(s), NULL);
}

/* Numbers that training or the clock made differ between processors: a digit stands for any
 * digit. */
static void mask_digits(char *s)
{
    for (; *s; s++)
        if (*s >= '0' && *s <= '9')
            *s = '#';
}

static void check_golden(const char *name, const struct grid *g, bool mask)
{
    char path[256];
    snprintf(path, sizeof path, "tests/tui/golden/%s.txt", name);
    char *got = grid_text(g);
    assert_non_null(got);
    if (mask)
        mask_digits(got);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fputs(got, f);
        fclose(f);
    }
    char *want = read_all(path);
    if (!want)
        fail_msg("%s is missing; UPDATE_GOLDEN=1 makes it", path);
    if (strcmp(want, got) != 0) {
        int row = 1;
        const char *w = want, *h = got;
        while (*w && *w == *h) {
            row += *w == '\n';
            w++;
            h++;
        }
        while (w > want && w[-1] != '\n') {
            w--;
            h--;
        }
        fail_msg("%s line %d\nwant |%.*s|\ngot  |%.*s|", path, row, (int)strcspn(w, "\n"), w,
                 (int)strcspn(h, "\n"), h);
    }
    free(want);
    free(got);
}

static const int shapes[3][2] = {{80, 24}, {100, 30}, {200, 50}};
static const char *const shape_names[3] = {"80x24", "100x30", "200x50"};

static const char *const fresh[] = {"data plant twins items=144 sessions=400 seed=7",
                                    "model new sasrec d=16 layers=2 heads=2 maxlen=12 seed=7",
                                    "seq 13 1 14 2 15 3 16", "pin 13 1 14 2 15 3 5", NULL};

static void snap_tab(struct app *a, const char *tab, int shape, struct grid *g)
{
    struct err err = {0};
    struct theme theme;
    theme_fixed(&theme, shape == 0 ? GLYPHS_ASCII : GLYPHS_BRAILLE,
                shape == 0 ? DEPTH_MONO : DEPTH_256, false);
    if (ui_new(a, shapes[shape][0], shapes[shape][1], &err) != ST_OK ||
        ui_tab(a, tab, &err) != ST_OK ||
        screen_snap(a, shapes[shape][0], shapes[shape][1], &theme, g, &err) != ST_OK)
        fail_msg("%s", err.msg);
}

static void test_golden(void **state)
{
    (void)state;
    static const struct {
        const char *tab;
        bool truth;
    } tabs[] = {{"train", false},   {"predict", true},  {"attention", false}, {"data", true},
                {"filters", false}, {"lessons", false}, {"evolution", false}};
    struct app *a = open_app(fresh);
    struct grid g = {0};
    for (size_t t = 0; t < sizeof tabs / sizeof *tabs; t++)
        for (int k = 0; k < 3; k++) {
            char name[64];
            a->truth_shown = tabs[t].truth;
            snprintf(name, sizeof name, "%s-%s", tabs[t].tab, shape_names[k]);
            snap_tab(a, tabs[t].tab, k, &g);
            check_golden(name, &g, false);
        }
    run(a, "lesson start 4");
    for (int k = 0; k < 3; k++) {
        char name[64];
        struct err err = {0};
        snprintf(name, sizeof name, "lesson-open-%s", shape_names[k]);
        run(a, k == 1 ? "lesson hint" : "lesson do");
        assert_int_equal(ui_show(a, "lesson", NULL, &err), ST_OK);
        app_poll(a);
        snap_tab(a, "lessons", k, &g);
        check_golden(name, &g, false);
    }
    app_free(a);
    a = open_app(NULL);
    snap_tab(a, "train", 1, &g);
    check_golden("empty-100x30", &g, false);
    grid_done(&g);
    app_free(a);
}

/* PEN4Rec's panes, with a repeat in the session and the planted switch. */
static void test_golden_evolution(void **state)
{
    (void)state;
    static const char *const lines[] = {"data plant drift sessions=400 seed=7",
                                        "model new pen4rec d=16 seed=7", "seq from s:12", NULL};
    struct app *a = open_app(lines);
    struct grid g = {0};
    for (int k = 0; k < 3; k++) {
        char name[64];
        a->truth_shown = k != 1;
        snprintf(name, sizeof name, "pen4rec-%s", shape_names[k]);
        snap_tab(a, "evolution", k, &g);
        check_golden(name, &g, true);
    }
    grid_done(&g);
    app_free(a);
}

/* Two models side by side; figures depend on the processor where scores are near each other. */
static void test_golden_compare(void **state)
{
    (void)state;
    struct app *a = open_app(fresh);
    struct grid g = {0};
    run(a, "model new gru4rec slot=B hidden=16 seed=7");
    for (int k = 0; k < 3; k++) {
        char name[64];
        snprintf(name, sizeof name, "compare-%s", shape_names[k]);
        snap_tab(a, "compare", k, &g);
        check_golden(name, &g, true);
    }
    grid_done(&g);
    app_free(a);
}

static void test_golden_trained(void **state)
{
    (void)state;
    struct app *a = open_app(fresh);
    struct grid g = {0};
    run(a, "train steps=24");
    run(a, "set lr 0.0005");
    app_poll(a);
    for (int k = 0; k < 3; k++) {
        char name[64];
        snprintf(name, sizeof name, "trained-%s", shape_names[k]);
        snap_tab(a, "train", k, &g);
        char *text = grid_text(&g);
        assert_non_null(strstr(text, "HR@10"));
        assert_non_null(strstr(text, "24*"));
        assert_non_null(strstr(text, k == 0 ? "floor" : "smooth"));
        free(text);
    }
    grid_done(&g);
    app_free(a);
}

/* Tabs of other models: one that applies, at the three sizes, from start values (exact on
 * any processor but for the last digits). */
static void golden_of(const char *model, const char *tab, const char *const *lines)
{
    struct app *a =
        open_app((const char *const[]){"data plant twins items=144 sessions=400 seed=7", model,
                                       "seq 13 1 14 2 15 3 16", NULL});
    struct grid g = {0};
    for (int i = 0; lines && lines[i]; i++)
        run(a, lines[i]);
    a->truth_shown = true;
    for (int k = 0; k < 3; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%s-%s", app_slot(a)->model->name, tab, shape_names[k]);
        snap_tab(a, tab, k, &g);
        check_golden(name, &g, true);
    }
    grid_done(&g);
    app_free(a);
}

static void test_golden_parts(void **state)
{
    (void)state;
    golden_of("model new caser d=16 nh=4 seed=7", "filters",
              (const char *const[]){"ablate filter.3", NULL});
    golden_of("model new gru4rec hidden=16 seed=7", "gates",
              (const char *const[]){"train steps=3", "ablate gru1.update.4 value=1", NULL});
    golden_of("model new pen4rec d=16 seed=7", "gates", NULL);
    golden_of("model new svae seed=7", "latent", NULL);
    golden_of("model new sasrec d=16 heads=2 seed=7", "latent", NULL);
}

/* At every size of a class: frames closed, the six lines in their places, the small screen
 * says what it needs. */
static void test_sizes(void **state)
{
    (void)state;
    struct app *a = open_app(fresh);
    struct grid g = {0};
    struct err err = {0};
    struct theme theme;
    theme_fixed(&theme, GLYPHS_ASCII, DEPTH_MONO, false);
    for (int t = 0; tab_defs[t].name; t++)
        for (int cols = 80; cols <= 230; cols += 37)
            for (int rows = 24; rows <= 70; rows += 13) {
                if (ui_new(a, cols, rows, &err) != ST_OK ||
                    ui_tab(a, tab_defs[t].name, &err) != ST_OK ||
                    screen_snap(a, cols, rows, &theme, &g, &err) != ST_OK)
                    fail_msg("%s", err.msg);
                assert_int_equal(g.cols, cols);
                assert_int_equal(grid_at(&g, 3, 0)->ch[0], '+');
                assert_int_equal(grid_at(&g, 3, cols - 1)->ch[0], '+');
                assert_int_equal(grid_at(&g, rows - 4, 0)->ch[0], '+');
                assert_int_equal(grid_at(&g, rows - 4, cols - 1)->ch[0], '+');
                assert_int_equal(grid_at(&g, rows - 1, 0)->ch[0], ':');
                for (int r = 4; r < rows - 4; r++) {
                    uint32_t c = grid_at(&g, r, 0)->ch[0];
                    assert_true(c == '|' || c == '+');
                }
            }
    assert_int_equal(screen_snap(a, 79, 24, &theme, &g, &err), ST_OK);
    char *text = grid_text(&g);
    assert_non_null(strstr(text, "needs 80x24, have 79x24"));
    free(text);
    for (int k = 0; k < 6; k++)
        assert_int_equal(screen_snap(a, k, 6 - k, &theme, &g, &err), ST_OK);
    grid_done(&g);
    app_free(a);
}

/* The same state gives the same cells; a picture changes nothing. */
static void test_snap_repeats(void **state)
{
    (void)state;
    struct app *a = open_app(fresh);
    struct grid g = {0}, h = {0};
    snap_tab(a, "predict", 1, &g);
    snap_tab(a, "attention", 2, &h);
    snap_tab(a, "predict", 1, &h);
    assert_true(grid_equal(&g, &h));
    grid_done(&g);
    grid_done(&h);
    app_free(a);
}

/* What a screen in one colour and ASCII still tells: the facts by tab, each of which colour
 * also tells. */
static void test_without_colour(void **state)
{
    (void)state;
    static const struct {
        const char *tab, *fact, *text;
    } facts[] = {
        {"predict", "the open tab", "[2:Pred]"},
        {"predict", "a tab that does not apply", "4:filt"},
        {"predict", "the pane with the focus", "> next item"},
        {"predict", "the item under the cursor", "[16]"},
        {"predict", "the state of the run", "DONE"},
        {"predict", "behind live", "@ 16"},
        {"predict", "the step viewed", "16*"},
        {"predict", "better or worse than the pin", "^"},
        {"predict", "the sign of an effect", "+0."},
        {"predict", "parts set by hand", "1 set by hand"},
        {"attention", "a masked cell", " .   .   . "},
        {"attention", "the cell under the cursor", "query 7"},
        {"attention", "a head that is silent", "by hand"},
        {"train", "which run a curve is", "A"},
        {"train", "which run the other is", "C"},
        {"train", "validation", "o A valid"},
        {"train", "the floor", "floor"},
        {"train", "a changed setting", "^"},
        {"latent", "how often an item occurs", "events"},
        {"compare", "which side is which", "C SASRec"},
    };
    struct app *a = open_app(fresh);
    struct grid g = {0};
    run(a, "train steps=20; set lr 0.0005; train steps=12; fork slot=C at=16; model use C; "
           "train steps=30; model use A; pin 13 1 14 2 15 3 5");
    run(a, "ablate attn.2.head.1; at 16; whatif 7=16");
    struct err err = {0};
    assert_int_equal(ui_new(a, 80, 24, &err), ST_OK);
    a->ui->select.layer = 2;
    a->ui->select.head = 1;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        snap_tab(a, facts[i].tab, 0, &g);
        char *t = grid_text(&g);
        if (!strstr(t, facts[i].text))
            fail_msg("%s: %s is not to be read without colour (\"%s\")\n%s", facts[i].tab,
                     facts[i].fact, facts[i].text, t);
        free(t);
    }
    grid_done(&g);
    app_free(a);
}

/* ---- the real program ---- */

enum { WAIT = 20000 };
static struct vt *start(int cols, int rows, const char *script)
{
    static const char *const env[] = {"TERM=xterm-256color", "LC_ALL=C.UTF-8",
                                      "NO_COLOR=", NULL};
    char rc[4096], dir[4000];
    /* The start commands stand in the rc file of a home of its own. */
    const char *home = getenv("SEQLAB_HOME");
    snprintf(dir, sizeof dir, "%s/config", home ? home : "/nonexistent");
    mkdir(dir, 0700);
    snprintf(rc, sizeof rc, "%s/rc", dir);
    FILE *f = fopen(rc, "w");
    if (!f)
        return NULL;
    fputs(script, f);
    fclose(f);
    char *const argv[] = {vt_program(), NULL};
    return vt_start(argv, env, cols, rows);
}

#define OR_FAIL(t, cond)                                                                       \
    do {                                                                                       \
        if (!(cond)) {                                                                         \
            char *text_ = vt_text(t);                                                          \
            print_error("%s\n", text_);                                                        \
            free(text_);                                                                       \
            vt_free(t);                                                                        \
            fail_msg("%s", #cond);                                                             \
        }                                                                                      \
    } while (0)

static const char script[] = "data plant twins items=144 sessions=400 seed=7\nmodel new sasrec "
                             "d=16 layers=2 heads=2 maxlen=12\nseq 13 1 14 2 15 3 16\n";

static void leave(struct vt *t)
{
    int status = -1;
    vt_send(t, "q");
    vt_pump(t, 50);
    vt_send(t, "q");
    OR_FAIL(t, vt_wait_exit(t, WAIT, &status));
    OR_FAIL(t, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    vt_free(t);
}

static void test_program(void **state)
{
    (void)state;
    struct vt *t = start(100, 30, script);
    if (!t) {
        print_message("skip: no SEQLAB_HOME to write a start file to\n");
        skip();
    }
    OR_FAIL(t, vt_wait(t, "step 0", WAIT));
    OR_FAIL(t, vt_sees(t, "A:SASRec"));
    vt_send(t, "2");
    OR_FAIL(t, vt_wait(t, "prob", WAIT));
    OR_FAIL(t, vt_wait(t, "drop = p(", WAIT));
    /* A draft is shown while it is typed; Esc puts the sequence back; Enter keeps it. */
    vt_send(t, "r");
    OR_FAIL(t, vt_wait(t, "replace 16", WAIT));
    vt_send(t, "42");
    OR_FAIL(t, vt_wait(t, "[42]", WAIT));
    OR_FAIL(t, vt_sees(t, "draft"));
    vt_send(t, "\033");
    OR_FAIL(t, vt_wait(t, "[16]", WAIT));
    OR_FAIL(t, !vt_sees(t, "draft"));
    vt_send(t, "r42\r");
    OR_FAIL(t, vt_wait(t, "vs before", WAIT));
    OR_FAIL(t, vt_sees(t, "[42]"));
    vt_send(t, "u");
    OR_FAIL(t, vt_wait(t, "[16]", WAIT));
    vt_send(t, "hx");
    OR_FAIL(t, vt_wait_gone(t, "13  1  14  2  15  3  16", WAIT));
    vt_send(t, "u");
    /* Pin, truth, find, help. */
    vt_send(t, "P");
    OR_FAIL(t, vt_wait(t, "vs pin", WAIT));
    OR_FAIL(t, !vt_sees(t, "planted rule:"));
    vt_send(t, "T");
    OR_FAIL(t, vt_wait(t, "planted rule:", WAIT));
    vt_send(t, "?");
    OR_FAIL(t, vt_wait(t, "help   search:", WAIT));
    vt_send(t, "mask");
    OR_FAIL(t, vt_wait(t, "whatif mask", WAIT));
    vt_send(t, "\033");
    OR_FAIL(t, vt_wait_gone(t, "help   search:", WAIT));
    /* The command line, an error with its kind, the command's help by a tab that does not
     * apply. */
    vt_send(t, ":predict 999\r");
    OR_FAIL(t, vt_wait(t, "bad-item", WAIT));
    vt_send(t, "4");
    OR_FAIL(t, vt_wait(t, "model new caser", WAIT));
    vt_send(t, "9");
    OR_FAIL(t, vt_wait(t, "planted rule", WAIT));
    vt_send(t, "\t\t\t");
    vt_send(t, "j\r");
    OR_FAIL(t, vt_wait(t, "seq ", WAIT));
    leave(t);
}

static void test_training(void **state)
{
    (void)state;
    struct vt *t = start(100, 30, script);
    if (!t)
        skip();
    OR_FAIL(t, vt_wait(t, "step 0", WAIT));
    vt_send(t, ":train steps=100000\r");
    OR_FAIL(t, vt_wait(t, "RUN", WAIT));
    OR_FAIL(t, vt_wait(t, "items/s", WAIT));
    /* What goes over the line while it trains: under 150 KB a second, on the curves and on
     * the maps. */
    for (int tab = 1; tab <= 3; tab += 2) {
        vt_send(t, tab == 1 ? "1" : "3");
        OR_FAIL(t, vt_wait(t, tab == 1 ? "items/s" : "all heads", WAIT));
        vt_pump(t, 300);
        unsigned long long from = vt_bytes(t);
        double began = clock_s();
        vt_pump(t, 1000);
        double rate = (double)(vt_bytes(t) - from) / (clock_s() - began) / 1000;
        print_message("tab %d while training: %.1f KB a second\n", tab, rate);
        OR_FAIL(t, rate > 0 && rate < 150);
    }
    OR_FAIL(t, vt_wait(t, "role guess", WAIT));
    vt_send(t, "){");
    OR_FAIL(t, vt_wait(t, "layer 1 head 1", WAIT));
    /* The command line works below the smallest size, and training goes on. */
    vt_resize(t, 60, 10);
    OR_FAIL(t, vt_wait(t, "needs 80x24, have 60x10", WAIT));
    vt_send(t, ":pause\r");
    vt_pump(t, 100);
    vt_resize(t, 200, 50);
    OR_FAIL(t, vt_wait(t, "PAUSED", WAIT));
    OR_FAIL(t, vt_wait(t, "next item", WAIT));
    vt_resize(t, 80, 24);
    OR_FAIL(t, vt_wait(t, "3:Attn", WAIT));
    /* Idle: not a byte. */
    vt_pump(t, 400);
    unsigned long long before = vt_bytes(t);
    vt_pump(t, 1000);
    OR_FAIL(t, vt_bytes(t) == before);
    /* Time: an earlier step, and back. */
    vt_send(t, ",");
    OR_FAIL(t, vt_wait(t, "behind", WAIT));
    vt_send(t, "L");
    OR_FAIL(t, vt_wait_gone(t, "behind", WAIT));
    leave(t);
}

/* What takes long goes on beside the keys: going back by replay, and a lesson's
 * measuring.  Both end with Esc or Ctrl-C, and leave nothing. */
static void test_slow_commands(void **state)
{
    (void)state;
    struct vt *t = start(100, 30, script);
    if (!t)
        skip();
    OR_FAIL(t, vt_wait(t, "step 0", WAIT));
    vt_send(t, ":train steps=1500\r");
    OR_FAIL(t, vt_wait(t, "DONE", WAIT));
    vt_send(t, "N");
    OR_FAIL(t, vt_wait(t, "replaying A", WAIT));
    vt_send(t, "2");
    OR_FAIL(t, vt_wait(t, "next item", WAIT)); /* a tab opens while it goes on */
    vt_send(t, ":train steps=5\r");
    OR_FAIL(t, vt_wait(t, "a replay has the workers", WAIT));
    OR_FAIL(t, vt_wait(t, "B:SASRec", WAIT) && vt_wait(t, "step 1499", WAIT));
    vt_send(t, ":model use A\r");
    OR_FAIL(t, vt_wait(t, "A:SASRec", WAIT));
    static const char *const ends[] = {"\033", "\003"};
    for (int i = 0; i < 2; i++) {
        vt_send(t, ":back 300\r");
        OR_FAIL(t, vt_wait(t, "replaying A", WAIT));
        vt_send(t, ends[i]);
        OR_FAIL(t, vt_wait(t, "replay cancelled", WAIT));
        vt_send(t, "L");
        OR_FAIL(t, vt_wait_gone(t, "cancelled", WAIT));
        OR_FAIL(t, !vt_sees(t, "C:SASRec"));
    }
    /* The run goes on as if nothing had been. */
    vt_send(t, ":train steps=5\r");
    OR_FAIL(t, vt_wait(t, "step 1505", WAIT));
    /* A lesson whose condition takes a validation to know. */
    char path[4200], line[4300];
    snprintf(path, sizeof path, "%s/own.lesson", getenv("SEQLAB_HOME"));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("lesson 90 \"Own\"\ntext A lesson.\nsetup data plant bazaar seed=7\nsetup model new "
          "bert4rec layers=4 seed=7\n"
          "step \"One\"\n text Measured.\n task Measure.\n pass hr@10 >= 0\n do eval\n after "
          "Done.\n",
          f);
    fclose(f);
    snprintf(line, sizeof line, ":lesson start \"%s\"\r", path);
    vt_send(t, line);
    OR_FAIL(t, vt_wait(t, "BERT4Rec", WAIT));
    vt_send(t, ":lesson check\r");
    OR_FAIL(t, vt_wait(t, "measuring on the validation", WAIT));
    vt_send(t, "\033");
    OR_FAIL(t, vt_wait(t, "evaluation cancelled", WAIT));
    vt_pump(t, 300);
    OR_FAIL(t, vt_sees(t, "evaluation cancelled")); /* not begun again */
    vt_send(t, ":lesson check\r");
    OR_FAIL(t, vt_wait(t, "passed: that was the last step", WAIT));
    leave(t);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Key to output while a run goes on, at 200x50.  The limit is wide: other programs run here
 * too; bench has the figure. */
static void test_latency(void **state)
{
    (void)state;
    enum { KEYS = 60 };
    double took[KEYS];
    struct vt *t = start(200, 50, script);
    if (!t)
        skip();
    OR_FAIL(t, vt_wait(t, "step 0", WAIT));
    vt_send(t, "2:train steps=100000\r");
    OR_FAIL(t, vt_wait(t, "RUN", WAIT));
    OR_FAIL(t, vt_wait(t, "why", WAIT));
    for (int i = 0; i < KEYS; i++) {
        vt_pump(t, 15);
        double from = clock_s();
        vt_send(t, i % 2 ? "3" : "2");
        OR_FAIL(t, vt_wait(t, i % 2 ? "all heads" : "drop = p(", WAIT));
        took[i] = clock_s() - from;
    }
    qsort(took, KEYS, sizeof *took, by_size);
    print_message("key to screen at 200x50 while training: p50 %.1f ms, p95 %.1f ms\n",
                  1000 * took[KEYS / 2], 1000 * took[KEYS * 95 / 100]);
    OR_FAIL(t, took[KEYS / 2] < 0.1);
    leave(t);
}

static void test_signals(void **state)
{
    (void)state;
    struct vt *t = start(100, 30, script);
    int status = 0;
    if (!t)
        skip();
    OR_FAIL(t, vt_wait(t, "step 0", WAIT));
    kill(vt_pid(t), SIGTERM);
    OR_FAIL(t, vt_wait_exit(t, WAIT, &status));
    OR_FAIL(t, WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    vt_free(t);
    /* The line breaks while training: what was learned is kept aside. */
    char pattern[4200];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/state/rescue/A-sasrec-*.safetensors",
             getenv("SEQLAB_HOME"));
    t = start(100, 30, script);
    OR_FAIL(t, vt_wait(t, "step 0", WAIT));
    vt_send(t, ":train steps=100000\r");
    OR_FAIL(t, vt_wait(t, "RUN", WAIT) && vt_wait_gone(t, "step 0", WAIT));
    kill(vt_pid(t), SIGHUP);
    OR_FAIL(t, vt_wait_exit(t, WAIT, &status));
    OR_FAIL(t, WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
    OR_FAIL(t, glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
    globfree(&found);
    vt_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_compare),
        cmocka_unit_test(test_golden_evolution),
        cmocka_unit_test(test_golden_trained),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_golden_parts),
        cmocka_unit_test(test_snap_repeats),
        cmocka_unit_test(test_without_colour),
        cmocka_unit_test(test_program),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_slow_commands),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
