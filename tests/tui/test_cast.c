/* Recordings: what the differ writes makes a terminal show the grid; the program records and
 * plays itself. */
#include "app/io/cast.h"
#include "tests/support/tmpfile.h"
#include "tests/support/vt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vterm.h>

/* ---- a terminal in memory ---- */

struct screen_in_memory {
    VTerm *vt;
    VTermScreen *screen;
    int rows, cols;
};

static struct screen_in_memory terminal(int rows, int cols)
{
    struct screen_in_memory t = {vterm_new(rows, cols), NULL, rows, cols};
    vterm_set_utf8(t.vt, 1);
    t.screen = vterm_obtain_screen(t.vt);
    vterm_screen_reset(t.screen, 1);
    return t;
}

static VTermScreenCell cell(const struct screen_in_memory *t, int row, int col)
{
    VTermScreenCell c;
    vterm_screen_get_cell(t->screen, (VTermPos){row, col}, &c);
    return c;
}

static void same_as(const struct screen_in_memory *t, const struct grid *g)
{
    for (int r = 0; r < g->rows; r++)
        for (int k = 0; k < g->cols; k++) {
            const struct cell *want = grid_at(g, r, k);
            VTermScreenCell got = cell(t, r, k);
            uint32_t code = got.chars[0] ? got.chars[0] : ' ';
            if (want->width == 0)
                continue;
            if (code != want->ch[0] || got.attrs.bold != ((want->attrs & ATTR_BOLD) != 0) ||
                got.attrs.reverse != ((want->attrs & ATTR_REVERSE) != 0))
                fail_msg("row %d column %d: U+%04x, wanted U+%04x", r, k, code, want->ch[0]);
            if (want->fg < 256 && want->fg >= 16)
                assert_true(VTERM_COLOR_IS_INDEXED(&got.fg) && got.fg.indexed.idx == want->fg);
        }
}

static uint32_t draw(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static void scribble(struct grid *g, uint32_t *seed, int cells)
{
    static const uint32_t codes[] = {'a', 'Z', '.', 0x2500, 0x2801, 0xe9, 0x4e2d, ' '};
    for (int i = 0; i < cells; i++) {
        uint32_t ch = codes[draw(seed, 8)];
        struct style s = {draw(seed, 2) ? COLOR_NONE : 16 + draw(seed, 200),
                          draw(seed, 3) ? COLOR_NONE : 16 + draw(seed, 200),
                          (uint8_t)(draw(seed, 3) == 0   ? ATTR_BOLD
                                    : draw(seed, 4) == 0 ? ATTR_REVERSE
                                                         : 0)};
        grid_put(g, (int)draw(seed, (uint32_t)g->rows), (int)draw(seed, (uint32_t)g->cols), &ch,
                 1, ch == 0x4e2d ? 2 : 1, s);
    }
}

static void test_differ(void **state)
{
    (void)state;
    struct grid a = {0}, b = {0};
    struct err err;
    uint32_t seed = 7;
    struct screen_in_memory t = terminal(20, 50);
    assert_int_equal(grid_init(&a, 20, 50, &err), ST_OK);
    assert_int_equal(grid_init(&b, 20, 50, &err), ST_OK);
    for (int i = 0; i < 60; i++) {
        scribble(&b, &seed, i < 30 ? 200 : 5);
        if (i % 20 == 19)
            grid_clear(&b);
        char *bytes = grid_update(i ? &a : NULL, &b);
        assert_non_null(bytes);
        vterm_input_write(t.vt, bytes, strlen(bytes));
        free(bytes);
        same_as(&t, &b);
        assert_int_equal(grid_copy(&a, &b, &err), ST_OK);
        bytes = grid_update(&a, &b);
        assert_string_equal(bytes, "");
        free(bytes);
    }
    grid_done(&a);
    grid_done(&b);
    vterm_free(t.vt);
}

static void test_file(void **state)
{
    (void)state;
    struct cast *c = NULL;
    struct err err = {0};
    struct grid g = {0};
    uint32_t seed = 3;
    size_t flags = JSON_REJECT_DUPLICATES;
    const char *path = tmp_write(&tmp_here, "x.cast", "old", 3);
    assert_int_equal(cast_start(&c, path, &err), ST_OK);
    assert_int_equal(grid_init(&g, 5, 20, &err), ST_OK);
    for (int i = 0; i < 4; i++) {
        scribble(&g, &seed, 20);
        if (i == 2)
            assert_int_equal(grid_resize(&g, 6, 30, &err), ST_OK);
        assert_int_equal(cast_frame(c, &g, 100 + 0.5 * i, &err), ST_OK);
        FILE *f = fopen(path, "r");
        char three[8] = "";
        assert_non_null(fgets(three, sizeof three, f));
        fclose(f);
        assert_string_equal(three, "old"); /* until it is done */
    }
    assert_int_equal(cast_frame(c, &g, 103, &err), ST_OK); /* the same picture: nothing */
    assert_int_equal(cast_frames(c), 4);
    assert_int_equal(cast_stop(c, &err), ST_OK);
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    int n = 0, frames = 0, sizes = 0;
    double before = -1;
    while (getline(&line, &cap, f) > 0) {
        json_t *j = json_loads(line, flags, NULL);
        assert_non_null(j);
        if (n++ == 0) {
            assert_int_equal(json_integer_value(json_object_get(j, "version")), 2);
            assert_int_equal(json_integer_value(json_object_get(j, "width")), 20);
            assert_int_equal(json_integer_value(json_object_get(j, "height")), 5);
        } else {
            double t = json_number_value(json_array_get(j, 0));
            const char *kind = json_string_value(json_array_get(j, 1)),
                       *text = json_string_value(json_array_get(j, 2));
            assert_true(t >= before);
            before = t;
            frames += strcmp(kind, "o") == 0;
            sizes += strcmp(kind, "r") == 0 && strcmp(text, "30x6") == 0;
        }
        json_decref(j);
    }
    assert_int_equal(frames, 5); /* the cursor is hidden first */
    assert_int_equal(sizes, 1);
    assert_true(before == 1.5);
    free(line);
    fclose(f);
    grid_done(&g);
    assert_int_equal(cast_start(&c, "/nonexistent/x.cast", &err), ST_IO);
}

/* ---- the program ---- */

enum { WAIT = 20000 };

static void test_program(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=xterm-256color", "LC_ALL=C.UTF-8",
                                      "NO_COLOR=", NULL};
    const char *home = getenv("SEQLAB_HOME");
    char rc[4200], line[700], *shown;
    if (!home) {
        print_message("skip: no SEQLAB_HOME to write a start file to\n");
        skip();
    }
    snprintf(rc, sizeof rc, "%s/config", home);
    mkdir(rc, 0700);
    snprintf(rc, sizeof rc, "%s/config/rc", home);
    FILE *f = fopen(rc, "w");
    assert_non_null(f);
    fputs("data plant twins items=144 sessions=200 seed=7\nmodel new sasrec d=16 layers=2 "
          "heads=2 maxlen=12\nseq 13 1 14 2 15\n",
          f);
    fclose(f);
    char *const argv[] = {vt_program(), NULL};
    struct vt *t = vt_start(argv, env, 100, 30);
    assert_non_null(t);
    assert_true(vt_wait(t, "step 0", WAIT));
    char path[300];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "run.cast"));
    snprintf(line, sizeof line, ":record %s\r", path);
    vt_send(t, line);
    assert_true(vt_wait(t, "recording to", WAIT));
    vt_send(t, "3");
    assert_true(vt_wait(t, "all heads", WAIT));
    vt_resize(t, 120, 36);
    assert_true(vt_wait(t, "all heads", WAIT));
    vt_send(t, "9");
    assert_true(vt_wait(t, "planted rule", WAIT));
    vt_pump(t, 300);
    vt_send(t, ":record off\r");
    assert_true(vt_wait(t, "frames", WAIT));
    /* On the screen it plays over everything; a key brings the present back. */
    snprintf(line, sizeof line, ":play %s speed=20\r", path);
    vt_send(t, line);
    vt_pump(t, 1500);
    vt_send(t, "q2");
    assert_true(vt_wait(t, "drop = p(", WAIT));
    int status = -1;
    vt_send(t, "q");
    vt_pump(t, 50);
    vt_send(t, "q");
    assert_true(vt_wait_exit(t, WAIT, &status));
    vt_free(t);
    /* Piped, --play writes all at once; a terminal that reads it shows the last frame. */
    snprintf(line, sizeof line, "%s --play %s", vt_program(), path);
    f = popen(line, "r");
    assert_non_null(f);
    struct screen_in_memory m = terminal(36, 120);
    char bytes[4096];
    size_t n, total = 0;
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0) {
        vterm_input_write(m.vt, bytes, n);
        total += n;
    }
    assert_int_equal(pclose(f), 0);
    assert_true(total > 1000);
    shown = calloc(1, 1 << 16);
    n = vterm_screen_get_text(m.screen, shown, (1 << 16) - 1, (VTermRect){0, 36, 0, 120});
    shown[n] = '\0';
    if (!strstr(shown, "planted rule"))
        fail_msg("the last frame is not there:\n%s", shown);
    free(shown);
    vterm_free(m.vt);
}

static void test_refusals(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(cast_play(tmp_path(&tmp_here, "none.cast"), 1, true, &err), ST_IO);
    assert_int_equal(cast_play(tmp_write(&tmp_here, "a.cast", "hello\n", 6), 1, true, &err),
                     ST_FORMAT);
    assert_non_null(strstr(err.msg, ":1:"));
    static const char two[] = "{\"version\":2,\"width\":80,\"height\":24}\n[1,2]\n";
    assert_int_equal(cast_play(tmp_write(&tmp_here, "b.cast", two, strlen(two)), 1, true, &err),
                     ST_FORMAT);
    assert_non_null(strstr(err.msg, ":2:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differ),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_program),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
