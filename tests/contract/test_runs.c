/* Folders of runs: what a run leaves behind, going on from it to the bits of a run that was
 * never closed, two programs on one folder, refusals. */
#include "app/cmd/run_folder.h"
#include "engine/base/sha256.h"
#include "tests/support/app_kit.h"
#include "tests/support/tmpfile.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static const char make[] =
    "data plant twins items=144 sessions=200 seed=7; model new sasrec d=16 maxlen=12 seed=7";

static int home(void **state)
{
    int st = tmp_setup(state);
    setenv("SEQLAB_HOME", tmp_here.path, 1);
    return st;
}

static const char *file_of(const char *run, const char *name)
{
    static char path[1024];
    assert_int_equal(run_folder_path(run, name, false, path, sizeof path, NULL), ST_OK);
    return path;
}

static int lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    int c, n = 0;
    while (f && (c = fgetc(f)) != EOF)
        n += c == '\n';
    if (f)
        fclose(f);
    return n;
}

static void sha_of_file(const char *path, char hex[65])
{
    struct sha256 s;
    uint8_t digest[32], part[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    sha256_init(&s);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        sha256_add(&s, part, n);
    fclose(f);
    sha256_done(&s, digest);
    sha256_hex(digest, hex);
}

static void sha_after(struct app_kit *k, const char *line, char hex[65])
{
    kit_ok(k, line);
    learner_sha256(app_learner(k->app, k->app->slot), hex);
}

static void test_goes_on(void **state)
{
    (void)state;
    char want[65], got[65];
    struct app_kit *k = kit_app_new();
    kit_ok(k, make);
    sha_after(k, "train steps=30", want);
    kit_ok(k, make);
    kit_ok(k, "train steps=20 run=first");
    int before = lines_of(file_of("first", "metrics.jsonl"));
    assert_true(before >= 5);
    static const char *const files[] = {"config.rc", "last.safetensors", "best.safetensors"};
    for (int i = 0; i < 3; i++)
        if (access(file_of("first", files[i]), R_OK) != 0)
            fail_msg("%s was not written", files[i]);
    kit_app_free(k);

    k = kit_app_new();
    json_t *j = kit_json(k, "load run");
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "runs"), 0)),
                        "first");
    json_decref(j);
    kit_ok(k, "load run first");
    assert_int_equal(app_step(k->app, 0), 20);
    sha_after(k, "train steps=10", got); /* in its folder again, without being told */
    assert_string_equal(got, want);
    assert_true(lines_of(file_of("first", "metrics.jsonl")) > before);
    kit_app_free(k);
    k = kit_app_new();
    kit_ok(k, "load run first");
    assert_int_equal(app_step(k->app, 0), 30);
    /* Validations that are worse than one before leave the best alone. */
    char before_best[65], after_best[65];
    sha_of_file(file_of("first", "best.safetensors"), before_best);
    kit_ok(k, "set lr 0.5; train steps=6");
    sha_of_file(file_of("first", "best.safetensors"), after_best);
    assert_string_equal(before_best, after_best);
    kit_app_free(k);
    /* What a program that died left half written is swept, and what stands is taken. */
    FILE *f = fopen(file_of("first", "last.safetensors.tmp.1"), "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(unlink(file_of("first", "last.safetensors")), 0);
    k = kit_app_new();
    kit_ok(k, "load run first"); /* from its start: config.rc makes the model anew */
    assert_int_equal(app_step(k->app, 0), 0);
    sha_after(k, "train steps=30", got);
    assert_string_equal(got, want);
    kit_app_free(k);
}

static void test_refusals(void **state)
{
    (void)state;
    static struct app_kit other;
    struct app_kit *k = kit_app_new();
    kit_ok(k, make);
    kit_fails(k, "train steps=1 run=../x", "bad-value");
    kit_fails(k, "train steps=1 run=.x", "bad-value");
    kit_fails(k, "load run nothing", "file");
    kit_ok(k, "train steps=2 run=second");
    kit_ok(k, "train steps=2 run=second"); /* the same again is no new wish */
    kit_fails(k, "train steps=2 run=third", "busy");
    kit_ok(k, "model new gru4rec hidden=8 slot=B; model use B");
    kit_fails(k, "train steps=2 run=second", "busy");
    assert_null(k->app->slots[1].trainer);
    kit_ok(k, "train steps=2"); /* without a folder it goes */
    kit_fails(k, "train steps=2 run=third", "busy");
    /* Another program on the same folder is told who has it. */
    assert_int_equal(app_new(&other.app, 1, 1, &other.err), ST_OK);
    kit_ok(&other, "load run second");
    assert_int_not_equal(kit_run(&other, "train steps=1"), ST_OK);
    assert_non_null(strstr(other.err.msg, "in use by process"));
    app_free(other.app);
    kit_app_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_goes_on),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, home, tmp_teardown);
}
