/* Every tab of every model at the three sizes: what each pane is called, the hints, and for
 * tabs that do not apply the reason and what to load instead.  All 180 screens are one
 * golden text, of frames and hints alone (whole screens: test_screen.c):
 * tests/tui/golden/matrix.txt. UPDATE_GOLDEN=1 writes it anew.  On the way every screen is
 * looked at for what must hold on any: frames closed, nothing still being thought about, no
 * number that is none, and what a reader must be able to tell without colour. */
/* The acceptance checks of the explorer, and where each is:
 *   1  every tab of every model fits, clipped words end in '~'    here; whole screens: test_screen.c; '~': tests/unit/test_grid.c
 *   2  kinds of terminals, locales, NO_COLOR                      test_terminals.c, tests/unit/test_theme.c
 *   3  key to output                                              test_screen.c test_latency; figures: make bench (tests/bench/screen.py)
 *   4  bytes a second while training, none when idle              test_screen.c test_training; figures: make bench
 *   5  the same bits on every way                                 test_bits.c, tests/contract/test_trainer.c
 *   6  predict has the same digits everywhere                     test_headless.c same_digits, test_terminals.c test_predict
 *   7  random keys, sizes, bytes                                  test_storms.c, tests/long/storms.sh
 *   8  the command line                                           test_prompt.c
 *   9  occlusion, attention, the ceiling                          tests/contract/test_promises.c
 *  10  the past looks as it did                                   tests/contract/test_promises.c the_past_looks_as_it_did
 *  11  smoothing of a prefix, a spike survives                    tests/unit/test_plot.c test_ema, test_spike
 *  12  lessons by their own `do`; examples                        tests/contract/test_lessons.c, test_commands.c examples, test_headless.c demo
 *  13  sanitizers and valgrind                                    make check, make MODE=tsan test, make valgrind
 *  14  facts without colour                                       test_screen.c test_without_colour, here: lower case and reason of tabs that
 *                                                                 do not apply */
#include "app/background.h"
#include "app/ui/canvas.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"
#include "tests/support/app_kit.h"

#include <ctype.h>
#include <stdlib.h>

static const int shapes[3][2] = {{80, 24}, {100, 30}, {200, 50}};
static const char *const models[] = {
    "gru4rec hidden=16", "caser d=16 nh=4", "svae", "sasrec d=16 heads=2",
    "bert4rec d=16",     "pen4rec d=16",    NULL};

static bool snap(struct app_kit *k, const char *tab, int shape, struct grid *g)
{
    struct theme theme;
    theme_fixed(&theme, shape == 0 ? GLYPHS_ASCII : GLYPHS_BRAILLE,
                shape == 0 ? DEPTH_MONO : DEPTH_256, false);
    return ui_new(k->app, shapes[shape][0], shapes[shape][1], &k->err) == ST_OK &&
           ui_tab(k->app, tab, &k->err) == ST_OK &&
           screen_snap(k->app, shapes[shape][0], shapes[shape][1], &theme, g, &k->err) == ST_OK;
}

/* Text without what depends on its room and on the processor: rules and blanks are drawn
 * together, a number is '#'. */
static void put_text(FILE *f, const char *p, size_t n)
{
    static const char rule[] = "\xe2\x94\x80"; /* U+2500 */
    char last = 0;
    for (size_t i = 0; i < n;) {
        bool is_rule = n - i >= 3 && memcmp(p + i, rule, 3) == 0;
        char c = is_rule ? '-' : isdigit((unsigned char)p[i]) ? '#' : p[i];
        i += is_rule ? 3 : 1;
        if (c != last || !strchr("-# ", c))
            fputc(c, f);
        last = c;
    }
}

/* The upper edges of panes in a line, with their titles; false: none. */
static bool put_frames(FILE *f, const char *line, size_t n)
{
    static const char open[] = "\xe2\x95\xad", close[] = "\xe2\x95\xae";
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        bool round = n - i >= 3 && memcmp(line + i, open, 3) == 0;
        if (!round && strncmp(line + i, "+-", 2) != 0)
            continue;
        const char *from = line + i + (round ? 3 : 1);
        const char *end = strstr(from, round ? close : "-+");
        if (!end || end >= line + n)
            break;
        fputc('[', f);
        put_text(f, from, (size_t)(end - from));
        fputc(']', f);
        i = (size_t)(end - line) + 1;
        any = true;
    }
    return any;
}

/* Of a whole screen: its first line, the titles of panes, why a tab does not apply, the
 * hints. */
static void skeleton(FILE *f, const char *text, int rows)
{
    int row = 0;
    for (const char *p = text; *p; row++) {
        size_t n = strcspn(p, "\n");
        const char *word = strstr(p, "has none of this");
        word = word && word < p + n ? word : strstr(p, ":model new");
        if (row == 0 || row == rows - 2) {
            put_text(f, p, n);
            fputc('\n', f);
        } else if (row >= 3 && row < rows - 4 && put_frames(f, p, n)) {
            fputc('\n', f);
        } else if (word && word < p + n && row > 3 && row < rows - 4) {
            const char *end = strstr(word, "  ");
            put_text(f, word, (size_t)((end && end < p + n ? end : p + n) - word));
            fputc('\n', f);
        }
        p += n + (p[n] == '\n');
    }
}

static void check_screen(const char *where, const struct grid *g, const char *text)
{
    static const char *const never[] = {"thinking", "nan", "-inf", "(null)", NULL};
    for (int i = 0; never[i]; i++) {
        const char *hit = strstr(text, never[i]);
        bool inside = hit && ((hit > text && isalpha((unsigned char)hit[-1])) ||
                              isalpha((unsigned char)hit[strlen(never[i])]));
        if (hit && !inside && strncmp(hit, "nan armed", 9) != 0)
            fail_msg("%s: \"%s\"\n%s", where, never[i], text);
    }
    for (int r = 3; r < g->rows - 3;
         r++) { /* every row of the body begins and ends with a frame */
        uint32_t first = grid_at(g, r, 0)->ch[0], last = grid_at(g, r, g->cols - 1)->ch[0];
        if (!first || !last || first == ' ' || last == ' ')
            fail_msg("%s: row %d is open\n%s", where, r + 1, text);
    }
}

static char *everything(void)
{
    char *all = NULL;
    size_t size;
    FILE *f = open_memstream(&all, &size);
    struct app_kit *k = kit_app_new();
    struct grid g = {0};
    assert_non_null(f);
    kit_ok(k, "data plant twins items=144 sessions=400 seed=7");
    for (int m = 0; models[m]; m++) {
        char line[160];
        snprintf(line, sizeof line, "model new %s seed=7 slot=A; seq 13 1 14 2 15 3 16",
                 models[m]);
        kit_ok(k, line);
        background_wait(k->app);
        app_poll(k->app);
        for (int t = 0; tab_defs[t].name; t++)
            for (int s = 0; s < 3; s++) {
                char where[80];
                const char *tab = tab_defs[t].name;
                bool applies = ui_tab_applies(k->app, &tab_defs[t]);
                snprintf(where, sizeof where, "%s %s %dx%d", app_slot(k->app)->model->name, tab,
                         shapes[s][0], shapes[s][1]);
                if (!snap(k, tab, s, &g))
                    fail_msg("%s: %s", where, k->err.msg);
                char *text = grid_text(&g);
                check_screen(where, &g, text);
                if (!applies &&
                    (!strstr(text, "has none of this") || !strstr(text, ":model new")))
                    fail_msg("%s: neither why nor what to load\n%s", where, text);
                fprintf(f, "== %s%s\n", where, applies ? "" : " (does not apply)");
                skeleton(f, text, g.rows);
                free(text);
            }
    }
    grid_done(&g);
    kit_app_free(k);
    fclose(f);
    return all;
}

static void test_all(void **state)
{
    (void)state;
    static const char path[] = "tests/tui/golden/matrix.txt";
    char *got = everything(), *want = calloc(1, 1 << 20);
    assert_non_null(want);
    FILE *f;
    if (getenv("UPDATE_GOLDEN")) {
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(got, f);
        fclose(f);
    }
    f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing; UPDATE_GOLDEN=1 makes it", path);
    want[fread(want, 1, (1 << 20) - 1, f)] = '\0';
    fclose(f);
    int row = 1;
    char head[100] = "";
    for (const char *w = want, *h = got; *w || *h; row++) {
        size_t nw = strcspn(w, "\n"), nh = strcspn(h, "\n");
        if (strncmp(h, "== ", 3) == 0)
            snprintf(head, sizeof head, "%.*s", (int)nh, h);
        if (nw != nh || memcmp(w, h, nw) != 0)
            fail_msg("%s line %d, %s\nwant |%.*s|\ngot  |%.*s|", path, row, head, (int)nw, w,
                     (int)nh, h);
        w += nw + (w[nw] == '\n');
        h += nh + (h[nh] == '\n');
    }
    free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
