/* The real program on terminals of many kinds: every tab opens, glyphs and colours are those
 * the terminal has; and the list of next items has the ids and digits that JSON has. */
#include "tests/support/tmpfile.h"
#include "tests/support/vt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT = 20000 };
static const char set_up[] =
    "data plant twins items=144 sessions=200 seed=7; model new sasrec d=16 layers=2 heads=2 "
    "maxlen=12 seed=7; seq 13 1 14 2 15; train steps=12";
static struct tmp_dir home;

static int make_home(void **state)
{
    (void)state;
    char path[400];
    tmp_dir_make(&home);
    setenv("SEQLAB_HOME", home.path, 1);
    snprintf(path, sizeof path, "%s/config", home.path);
    mkdir(path, 0700);
    tmp_write(&home, "config/rc", set_up, strlen(set_up));
    return 0;
}

static int leave_home(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/config/rc", home.path);
    unlink(path);
    snprintf(path, sizeof path, "%s/config", home.path);
    rmdir(path);
    tmp_dir_remove(&home);
    return 0;
}

static void wait_text(struct vt *t, const char *what, const char *text)
{
    if (vt_wait(t, text, WAIT))
        return;
    char *s = vt_text(t);
    print_error("%s: waited for \"%s\"; the screen shows\n%s", what, text, s);
    free(s);
    vt_free(t);
    fail();
}

/* Code points of the screen by class. */
struct seen {
    bool other, braille; /* outside ASCII; among them, braille */
};
static struct seen look(struct vt *t)
{
    struct seen seen = {0};
    char *s = vt_text(t);
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        seen.other = seen.other || *p >= 0x80;
        seen.braille = seen.braille || (p[0] == 0xe2 && p[1] >= 0xa0 && p[1] <= 0xa3);
    }
    free(s);
    return seen;
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *term, *locale, *no_color;
        bool other, braille, colour;
    } kinds[] = {
        {"xterm-256color", "C.UTF-8", "", true, true, true},
        {"tmux-256color", "C.UTF-8", "", true, true, true},
        {"screen", "C.UTF-8", "", true, true, true},
        {"linux", "C.UTF-8", "", true, false, true},
        {"vt100", "C.UTF-8", "", true, false, false},
        {"xterm", "C.UTF-8", "", true, true, true},
        {"xterm-256color", "C", "", false, false, true},
        {"vt100", "C", "", false, false, false},
        {"xterm-256color", "C.UTF-8", "1", true, true, false},
    };
    static const struct {
        const char *key, *shows;
    } tabs[] = {
        {"2", "next item"},       {"3", "mean of 2 heads"},
        {"4", "model new caser"}, {"5", "model new gru4rec"},
        {"6", "cosine"},          {"7", "followed items"},
        {"8", "other"},           {"9", "planted rule"},
        {"0", "What comes next"}, {"1", "ceiling"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char term[64], locale[64], color[64], what[200];
        snprintf(term, sizeof term, "TERM=%s", kinds[i].term);
        snprintf(locale, sizeof locale, "LC_ALL=%s", kinds[i].locale);
        snprintf(color, sizeof color, "NO_COLOR=%s", kinds[i].no_color);
        snprintf(what, sizeof what, "%s %s %s", term, locale, color);
        /* On TERM=linux curses loads the mouse library of the console (gpm), which leaves
         * ten bytes behind when unloaded. */
        const char *const env[] = {
            term, locale, color,
            strcmp(kinds[i].term, "linux") == 0 ? "LSAN_OPTIONS=detect_leaks=0" : NULL, NULL};
        char *const argv[] = {vt_program(), NULL};
        struct vt *t = vt_start(argv, env, 100, 30);
        struct seen all = {0};
        bool colour = false;
        int status = -1;
        assert_non_null(t);
        wait_text(t, what, "DONE");
        for (size_t k = 0; k < sizeof tabs / sizeof *tabs; k++) {
            vt_send(t, tabs[k].key);
            wait_text(t, what, tabs[k].shows);
            struct seen now = look(t);
            all.other |= now.other;
            all.braille |= now.braille;
            colour = colour || vt_coloured(t);
        }
        if (all.other != kinds[i].other || all.braille != kinds[i].braille ||
            colour != kinds[i].colour)
            fail_msg("%s: other than ASCII %d, braille %d, colour %d", what, all.other,
                     all.braille, colour);
        vt_send(t, ":quit !\r");
        assert_true(vt_wait_exit(t, WAIT, &status));
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        vt_free(t);
    }
}

/* No screen is possible: the line mode, by itself. */
static void test_dumb(void **state)
{
    (void)state;
    static const char *const terms[] = {"TERM=dumb", "TERM=", "TERM=no-such-terminal"};
    for (int i = 0; i < 3; i++) {
        const char *const env[] = {terms[i], "LC_ALL=C.UTF-8", "LSAN_OPTIONS=detect_leaks=0",
                                   NULL};
        char *const argv[] = {vt_program(), NULL};
        int status = -1;
        struct vt *t = vt_start(argv, env, 100, 30);
        assert_non_null(t);
        vt_send(t, "predict\r");
        wait_text(t, terms[i], "next after 13 1 14 2 15");
        vt_send(t, "quit !\r");
        assert_true(vt_wait_exit(t, WAIT, &status));
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        vt_free(t);
    }
}

static void test_predict(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=xterm-256color", "LC_ALL=C.UTF-8", NULL};
    static char text[1 << 16];
    char line[1024];
    snprintf(line, sizeof line, "%s --json -e '%s; predict 12 87 3' 2>/dev/null | tail -1",
             vt_program(), set_up);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    pclose(f);
    json_t *j = json_loads(text, 0, NULL), *items = json_object_get(j, "items");
    assert_int_equal(json_array_size(items), 10);
    char *const argv[] = {vt_program(), NULL};
    struct vt *t = vt_start(argv, env, 100, 30);
    assert_non_null(t);
    wait_text(t, "predict", "DONE");
    vt_send(t, "p12 87 3\r");
    wait_text(t, "predict", "[3 butter]");
    wait_text(t, "predict", "vs before");
    vt_pump(t, 300); /* the list of the last letter typed */
    int found = 0;
    for (int r = 0; r < 30; r++) {
        int rank, id;
        double p;
        const char *row = vt_row(t, r), *dot = strstr(row, "0.");
        if (!dot || sscanf(row + strcspn(row, "0123456789"), "%d %d", &rank, &id) != 2 ||
            rank != found + 1 || found == 10)
            continue;
        json_t *want = json_array_get(items, (size_t)found);
        p = json_number_value(json_object_get(want, "prob"));
        if (id != (int)json_integer_value(json_object_get(want, "id")) ||
            fabs(strtod(dot, NULL) - p) > 0.5e-4 + 1e-9)
            fail_msg("rank %d: %s, JSON has %d with %.6f", rank, row,
                     (int)json_integer_value(json_object_get(want, "id")), p);
        found++;
    }
    assert_int_equal(found, 10);
    json_decref(j);
    vt_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_dumb),
        cmocka_unit_test(test_predict),
    };
    return cmocka_run_group_tests(tests, make_home, leave_home);
}
