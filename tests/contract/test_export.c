/* export: every view in every form, read back; refusals leave the old file as it was. */
#include "tests/support/app_kit.h"
#include "app/ui_state.h"
#include "tests/support/tmpfile.h"

#include <stdlib.h>

/* As app/ui/png.c decides it. */
#if defined __has_include
#if __has_include(<cairo/cairo.h>)
#define WITH_CAIRO 1
#endif
#endif
#ifndef WITH_CAIRO
#define WITH_CAIRO 0
#endif

static char *content(const char *path, size_t *n)
{
    static char text[1 << 20];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s was not written", path);
    *n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[*n] = '\0';
    return text;
}

static struct app_kit *trained(void)
{
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant twins items=144 sessions=200 seed=7; model new sasrec d=16 layers=1 "
              "heads=2 maxlen=12 seed=7");
    kit_ok(k, "seq 13 1 14 2 15; train steps=10");
    return k;
}

/* Well nested, every tag closed: enough of XML for what is written here. */
static void check_markup(const char *what, const char *s)
{
    char open[64][16];
    int n = 0;
    static const char *const alone[] = {"meta", "!doctype", NULL};
    for (const char *p = strchr(s, '<'); p; p = strchr(p + 1, '<')) {
        char name[16];
        bool closes = p[1] == '/';
        size_t len = strcspn(p + 1 + closes, " />\n");
        snprintf(name, sizeof name, "%.*s", (int)(len < 15 ? len : 15), p + 1 + closes);
        const char *end = strchr(p, '>');
        if (!end)
            fail_msg("%s: a tag without end: %.40s", what, p);
        bool lone = end[-1] == '/';
        for (int i = 0; alone[i]; i++)
            lone = lone || strcmp(alone[i], name) == 0;
        if (lone)
            continue;
        if (closes) {
            if (n == 0 || strcmp(open[--n], name) != 0)
                fail_msg("%s: </%s> closes nothing", what, name);
        } else if (n < 64) {
            snprintf(open[n++], sizeof open[0], "%s", name);
        }
    }
    assert_int_equal(n, 0);
}

static const char *const all[] = {"view",  "screen", "curve",     "attention",
                                  "table", "why",    "evolution", "compare",
                                  "data",  "log",    "lessons",   NULL};

static void test_pictures(void **state)
{
    (void)state;
    struct app_kit *k = trained();
    size_t n;
    for (int i = 0; all[i]; i++)
        for (int f = 0; f < 2; f++) {
            char name[60], line[600];
            snprintf(name, sizeof name, "%s.%s", all[i], f ? "html" : "svg");
            const char *path = tmp_path(&tmp_here, name);
            snprintf(line, sizeof line, "export %s to \"%s\"", all[i], path);
            kit_ok(k, line);
            const char *s = content(path, &n);
            assert_non_null(strstr(s, f ? "<!doctype html>" : "<svg xmlns="));
            check_markup(name, s);
        }
    /* The screen as a page has the letters of the screen. */
    const char *s = content(tmp_path(&tmp_here, "screen.html"), &n);
    assert_non_null(strstr(s, "SASRec"));
    assert_null(k->app->ui); /* nothing is left of the screen it was drawn on */
    kit_app_free(k);
}

static void test_data(void **state)
{
    (void)state;
    struct app_kit *k = trained();
    size_t n;
    for (int i = 0; all[i]; i++) {
        char name[60], line[600];
        if (strcmp(all[i], "screen") == 0)
            continue;
        snprintf(name, sizeof name, "%s.json", all[i]);
        const char *path = tmp_path(&tmp_here, name);
        snprintf(line, sizeof line, "export %s to \"%s\"", all[i], path);
        kit_ok(k, line);
        json_t *j = json_loads(content(path, &n), 0, NULL);
        if (!j)
            fail_msg("%s is no JSON", name);
        json_decref(j);
        snprintf(name, sizeof name, "%s.csv", all[i]);
        path = tmp_path(&tmp_here, name);
        snprintf(line, sizeof line, "export %s to \"%s\"", all[i], path);
        kit_ok(k, line);
        const char *s = content(path, &n);
        /* a head line and rows */
        assert_true(strchr(s, ',') && strchr(s, '\n') && strchr(s, '\n')[1]);
    }
    /* The same effects as the command prints. */
    json_t *why = kit_json(k, "why");
    const char *s = content(tmp_path(&tmp_here, "why.csv"), &n);
    const char *key;
    json_t *v;
    int rows = 0;
    json_object_foreach(why, key, v) if (json_is_array(v) && json_array_size(v) == 5) rows = 5;
    json_decref(why);
    assert_int_equal(rows, 5);
    for (const char *p = s; (p = strchr(p, '\n')); p++)
        rows--;
    assert_int_equal(rows, -1); /* five rows and the head */
    kit_app_free(k);
}

/* ---- the inner parts of each kind of model, in every form ---- */

static const struct part {
    /* rows: the list in JSON that is the table of the CSV */
    const char *model, *what, *title, *rows;
    int n; /* how long it is */
} parts[] = {
    {"caser d=8 nh=3 nv=2", "filters", "horizontal filters", "filters", 15},
    {"caser d=8 nh=3 nv=2", "vertical", "vertical filters", "filters", 2},
    {"gru4rec hidden=8", "gates", "update gate z", "units", 8},
    {"pen4rec d=8", "gates", "share written", "units", 8},
    {"pen4rec d=8", "evolution", "two stages", "follow", 3},
    {"svae K=6", "latent", "latent units", "units", 6},
    {"sasrec d=16 heads=2", "latent", "items: norm", "items", 144},
    {"svae K=6", "items", "principal", "items", 144},
    {"bert4rec d=16 heads=2", "attention", "layer 2", NULL, 0},
};
static const char *const forms[] = {"svg", "html", "txt", "csv", "json", "png", NULL};

static int lines_of(const char *s)
{
    int n = 0;
    for (; (s = strchr(s, '\n')); s++)
        n++;
    return n;
}

static void one_part(struct app_kit *k, const struct part *p, const char *form)
{
    char name[60], line[700];
    size_t n;
    snprintf(name, sizeof name, "%s.%s", p->what, form);
    const char *path = tmp_path(&tmp_here, name);
    snprintf(line, sizeof line, "export %s to \"%s\"", p->what, path);
    if (strcmp(form, "png") == 0 && !WITH_CAIRO) {
        kit_fails(k, line, "unsupported");
        return;
    }
    kit_ok(k, line);
    const char *s = content(path, &n);
    if (strcmp(form, "svg") == 0 || strcmp(form, "html") == 0) {
        check_markup(line, s);
        assert_non_null(strstr(s, app_slot(k->app)->model->title));
        assert_non_null(strstr(s, "<rect"));
        if (n < 2000) /* a picture, not a frame without content */
            fail_msg("%s: %zu bytes", line, n);
        assert_null(strstr(s, "thinking"));
    } else if (strcmp(form, "txt") == 0) {
        assert_non_null(strstr(s, p->title));
        assert_int_equal(lines_of(s), 30);
    } else if (strcmp(form, "csv") == 0 && p->rows) {
        assert_int_equal(lines_of(s), p->n + 1);
    } else if (strcmp(form, "json") == 0) {
        json_t *j = json_loads(s, 0, NULL);
        assert_non_null(j);
        if (p->rows)
            assert_int_equal(json_array_size(json_object_get(j, p->rows)), p->n);
        json_decref(j);
    } else if (strcmp(form, "png") == 0) {
        assert_memory_equal(s, "\x89PNG\r\n\x1a\n", 8);
        assert_true(n > 4000);
    }
    /* The same once more is the same file. */
    char *before = malloc(n);
    memcpy(before, s, n);
    size_t again;
    kit_ok(k, line);
    s = content(path, &again);
    assert_int_equal(again, n);
    assert_memory_equal(s, before, n);
    free(before);
}

static void test_parts(void **state)
{
    (void)state;
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant twins items=144 sessions=200 seed=7");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char line[120];
        snprintf(line, sizeof line, "model new %s seed=7; seq 13 1 14 2 15; train steps=4",
                 parts[i].model);
        kit_ok(k, line);
        for (int f = 0; forms[f]; f++)
            one_part(k, &parts[i], forms[f]);
    }
    /* Of a model that has no such part: the reason, and no file. */
    kit_ok(k, "model new sasrec d=8");
    static const char *const none[] = {"filters", "gates", NULL};
    for (int i = 0; none[i]; i++) {
        char line[700];
        const char *path = tmp_write(&tmp_here, "kept.csv", "old", 3);
        size_t n;
        snprintf(line, sizeof line, "export %s to \"%s\"", none[i], path);
        kit_fails(k, line, "not-for-model");
        assert_string_equal(content(path, &n), "old");
    }
    kit_app_free(k);
}

/* PNG of every picture: it begins and ends as one, is as large as it says, and not all of
 * one colour (cairo without fonts or with an empty view would compress to almost nothing). */
static void test_png(void **state)
{
    (void)state;
    struct app_kit *k = trained();
    const char *path = tmp_write(&tmp_here, "old.png", "old", 3);
    char line[600];
    size_t n;
    snprintf(line, sizeof line, "export screen to \"%s\"", path);
#if WITH_CAIRO
    for (int i = 0; all[i]; i++) {
        snprintf(line, sizeof line, "export %s to \"%s\" theme=%s", all[i], path,
                 i % 2 ? "dark" : "light");
        kit_ok(k, line);
        const unsigned char *s = (const unsigned char *)content(path, &n);
        assert_memory_equal(s, "\x89PNG\r\n\x1a\n", 8);
        assert_memory_equal(s + n - 8, "IEND\xae\x42\x60\x82", 8);
        unsigned w =
            (unsigned)s[16] << 24 | (unsigned)s[17] << 16 | (unsigned)s[18] << 8 | s[19];
        unsigned h =
            (unsigned)s[20] << 24 | (unsigned)s[21] << 16 | (unsigned)s[22] << 8 | s[23];
        if (w < 600 || w > 4000 || h < 300 || h > 4000 || n < 8000)
            fail_msg("%s: %u x %u, %zu bytes", all[i], w, h, n);
    }
#else
    kit_fails(k, line, "unsupported");
    assert_non_null(strstr(k->err.hint, "libcairo2-dev"));
    assert_string_equal(content(path, &n), "old");
#endif
    kit_app_free(k);
}

static void test_refusals(void **state)
{
    (void)state;
    struct app_kit *k = trained();
    const char *path = tmp_write(&tmp_here, "kept.csv", "old", 3);
    char line[600];
    size_t n;
    kit_fails(k, "export screen to x.gif", "bad-value");
    kit_fails(k, "export screen to x.csv", "bad-value");
    kit_fails(k, "export nothing to x.svg", "bad-value");
    kit_fails(k, "export screen to x.svg size=3x3", "bad-value");
    kit_ok(k, "seq clear");
    snprintf(line, sizeof line, "export why to \"%s\"", path);
    kit_fails(k, line, "empty-seq");
    assert_string_equal(content(path, &n), "old");
    kit_ok(k, "model drop A");
    snprintf(line, sizeof line, "export curve to \"%s\"", path);
    kit_fails(k, line, "no-model");
    assert_string_equal(content(path, &n), "old");
    if (kit_run(k, "export screen to /nonexistent/x.svg") == ST_OK)
        fail_msg("wrote into a folder that is not there");
    kit_app_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures), cmocka_unit_test(test_data),
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_png),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
