/* export: every view in every form, read back; refusals leave the old file as it was. */
#include "tests/support/app_kit.h"
#include "app/ui_state.h"
#include "tests/support/tmpfile.h"

#include <stdlib.h>

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
        assert_true(strchr(s, ',') && strchr(s, '\n') &&
                    strchr(s, '\n')[1]); /* a head line and rows */
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

static void test_png(void **state)
{
    (void)state;
    struct app_kit *k = trained();
    const char *path = tmp_write(&tmp_here, "old.png", "old", 3);
    char line[600];
    size_t n;
    snprintf(line, sizeof line, "export screen to \"%s\"", path);
#ifdef HAVE_CAIRO
    kit_ok(k, line);
    const char *s = content(path, &n);
    assert_memory_equal(s, "\x89PNG\r\n\x1a\n", 8);
    assert_true(n > 4000);
#else
    kit_fails(k, line, "unsupported");
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
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
