/* save session, load session: what comes back, bit for bit; refusals; an older session survives a failed save. */
#include "tests/support/app_kit.h"
#include "app/settings.h"
#include "app/run.h"
#include "app/ui_state.h"
#include "tests/support/tmpfile.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void line_ok(struct app_kit *k, const char *verb, const char *path)
{
    char line[700];
    snprintf(line, sizeof line, "%s \"%s\"", verb, path);
    kit_ok(k, line);
}

static void line_fails(struct app_kit *k, const char *verb, const char *path, const char *kind)
{
    char line[700];
    snprintf(line, sizeof line, "%s \"%s\"", verb, path);
    kit_fails(k, line, kind);
}

static int models(void)
{
    DIR *d = opendir(tmp_here.path);
    int n = 0;
    for (struct dirent *f; d && (f = readdir(d));)
        n += strstr(f->d_name, ".safetensors") != NULL;
    if (d)
        closedir(d);
    return n;
}

static void sha_of(struct app_kit *k, int slot, char hex[65])
{
    learner_sha256(app_learner(k->app, slot), hex);
}

static void test_round(void **state)
{
    (void)state;
    char path[300], a0[65], b0[65], now[65];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "class.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant twins items=144 sessions=200 noise=0.2 seed=7");
    kit_ok(k, "model new sasrec d=16 layers=1 heads=2 maxlen=12 seed=7; train steps=12");
    kit_ok(k, "model new gru4rec slot=B hidden=16 seed=3; model use B; train steps=5; model "
              "new pop slot=C");
    kit_ok(k, "pin 13 1 14; seq 13 1 14 2; set fps 12; alias twins \"data plant twins; "
              "model list\"");
    sha_of(k, 0, a0);
    sha_of(k, 1, b0);
    uint64_t hash = k->app->ds->hash;
    line_ok(k, "save session", path);
    kit_app_free(k);
    assert_int_equal(models(), 2);

    k = kit_app_new();
    line_ok(k, "load session", path);
    assert_true(k->app->ds->hash == hash);
    assert_int_equal(k->app->slot, 2);
    assert_int_equal(k->app->seq.n, 4);
    assert_int_equal(k->app->seq.item[3], 2);
    assert_true(k->app->has_pin && k->app->pin.n == 3);
    assert_string_equal(k->app->slots[2].model->name, "pop");
    assert_true(setting(k->app, SETTING_FPS) == 12);
    assert_int_equal(k->app->n_alias, 1);
    sha_of(k, 0, now);
    assert_string_equal(now, a0);
    sha_of(k, 1, now);
    assert_string_equal(now, b0);
    assert_int_equal(app_step(k->app, 0), 12);
    /* Training goes on to the same bits as without the pause. */
    kit_ok(k, "model use A; train steps=3");
    sha_of(k, 0, now);
    struct app_kit other = {0};
    assert_int_equal(app_new(&other.app, 1, 1, &other.err), ST_OK);
    kit_ok(&other, "data plant twins items=144 sessions=200 noise=0.2 seed=7");
    kit_ok(&other, "model new sasrec d=16 layers=1 heads=2 maxlen=12 seed=7; train steps=15");
    sha_of(&other, 0, a0);
    assert_string_equal(now, a0);
    app_free(other.app);
    /* Saved anew: models that only the old session had are gone. */
    line_ok(k, "save session", path);
    assert_int_equal(models(), 2);
    line_ok(k, "save session", path);
    assert_int_equal(models(), 2);
    /* As a script it does the same. */
    line_ok(k, "source", path);
    assert_int_equal(app_step(k->app, 0), 15);
    kit_app_free(k);
}

static void test_own_data(void **state)
{
    (void)state;
    char path[300], cwd[600];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "own.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data load sample_data/lessons/recipes.csv minlen=3; data split leave-one-out");
    uint64_t hash = k->app->ds->hash;
    int64_t n = k->app->split->n_test;
    line_ok(k, "save session", path);
    kit_app_free(k);
    assert_non_null(getcwd(cwd, sizeof cwd));
    k = kit_app_new();
    assert_int_equal(chdir("/"), 0); /* from anywhere */
    line_ok(k, "load session", path);
    assert_true(k->app->ds->hash == hash && k->app->split->n_test == n);
    assert_int_equal(chdir(cwd), 0);
    kit_app_free(k);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_refusals(void **state)
{
    (void)state;
    char path[300], text[4000] = "";
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "r.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant chain items=144 sessions=100 seed=7; seq 1 2 3");
    line_ok(k, "save session", path);
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    line_fails(k, "load session", tmp_path(&tmp_here, "none.ses"), "file");
    char *digit = strstr(text, "seq 1 2 3");
    assert_non_null(digit);
    digit[4] = '9';
    write_file(path, text);
    line_fails(k, "load session", path, "format");
    assert_non_null(strstr(k->err.msg, "changed"));
    assert_int_equal(k->app->seq.n, 3); /* nothing was touched */
    line_ok(k, "source", path);
    assert_int_equal(k->app->seq.item[0], 9);
    write_file(path, "# seqlab session 2\n");
    line_fails(k, "load session", path, "format");
    assert_non_null(strstr(k->err.msg, "version 2"));
    write_file(path, "hello\n");
    line_fails(k, "load session", path, "format");
    write_file(path, "# seqlab session 1\nseq 1\n");
    line_fails(k, "load session", path, "format");
    /* A running model is not torn out, and the old file stands. */
    kit_ok(k, "model new sasrec d=16 maxlen=12; train steps=1000000 bg");
    line_fails(k, "save session", path, "busy");
    f = fopen(path, "r");
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    assert_string_equal(text, "# seqlab session 1\nseq 1\n");
    kit_ok(k, "pause; stop");
    if (kit_run(k, "save session /nonexistent/x.ses") == ST_OK)
        fail_msg("wrote into a folder that is not there");
    kit_app_free(k);
}

static void test_tab(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "tab.ses"));
    struct app_kit *k = kit_app_new();
    assert_int_equal(ui_new(k->app, 100, 30, &k->err), ST_OK);
    kit_ok(k, "data plant chain items=144 sessions=100 seed=7; tab data");
    line_ok(k, "save session", path);
    kit_ok(k, "tab train");
    line_ok(k, "load session", path);
    assert_string_equal(tab_defs[k->app->ui->tab].name, "data");
    kit_app_free(k);
    k = kit_app_new();
    line_ok(k, "load session", path); /* also without a screen */
    kit_app_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_own_data),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tab),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
