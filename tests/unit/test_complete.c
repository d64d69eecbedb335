/* Completion by grammar position: what is offered, and only that. */
#include "tests/support/app_kit.h"

#include <stdlib.h>

static struct app_kit *kit;
static struct arena *mem;
static const char **got;
static size_t n_got;

static void complete(const char *line)
{
    n_got = cmd_complete(kit->app, line, strlen(line), mem, &got);
}

static bool offered(const char *word)
{
    for (size_t i = 0; i < n_got; i++)
        if (strcmp(got[i], word) == 0)
            return true;
    return false;
}

static void expect(const char *line, const char *word)
{
    complete(line);
    if (!offered(word))
        fail_msg("\"%s\" does not offer \"%s\"", line, word);
}

static void refuse(const char *line, const char *word)
{
    complete(line);
    if (offered(word))
        fail_msg("\"%s\" offers \"%s\"", line, word);
}

static void verbs(void **state)
{
    (void)state;
    expect("", "predict");
    expect("pre", "predict");
    complete("pre");
    assert_int_equal(n_got, 1);
    expect("seq 1 2; pre", "predict");
    expect("seq 1 2;", "train");
    refuse("pre", "train");
    complete("xyzzy");
    assert_int_equal(n_got, 0);
    complete("seq 1 # pre");
    assert_int_equal(n_got, 0);
}

static void second_words(void **state)
{
    (void)state;
    expect("data ", "plant");
    expect("data pl", "plant");
    refuse("data pl", "load");
    expect("model ", "new");
    expect("whatif ", "drop");
    expect("seq ", "append");
    refuse("data plant twins ", "load");
}

static void keys(void **state)
{
    (void)state;
    expect("predict 12 ", "k=");
    expect("predict 12 e", "exclude=");
    refuse("predict 12 k=3 ", "k=");
    expect("eval ", "on=");
    expect("train ", "bg");
    expect("data plant twins ", "noise=");
    expect("model new sasrec ", "lr=");
    expect("model new sasrec h", "heads=");
}

static void values(void **state)
{
    (void)state;
    expect("eval on=", "on=test");
    expect("eval on=t", "on=test");
    refuse("eval on=t", "on=valid");
    expect("data plant ", "bazaar");
    expect("data plant tw", "twins");
    expect("model new sa", "sasrec");
    expect("model use ", "A");
    refuse("model use ", "B");
    expect("at ", "live");
    expect("set lo", "logy");
    expect("set lr", "lr");
    expect("set logy ", "toggle");
    expect("set theme ", "light");
    expect("show ", "run");
    expect("eval where=st", "where=step");
    expect("tensor block", "block*.attn.prob");
    expect("break lo", "loss");
    expect("help pre", "predict");
    expect("data load ba", "bazaar");
}

static void items(void **state)
{
    (void)state;
    expect("seq @flo", "@flour");
    expect("seq @\"birthday", "@\"birthday card\"");
    expect("predict 1 @rolling", "@\"rolling pin\"");
    expect("predict 12", "12");
    expect("predict 12", "120");
    refuse("predict 12", "13");
    expect("predict 1,2,@flo", "1,2,@flour");
    expect("evolve follow=1,@flo", "follow=1,@flour");
    expect("predict ", "$");
}

static void files(void **state)
{
    (void)state;
    char dir[] = "/tmp/seqlab-complete-XXXXXX", path[80], line[120], word[100];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/clicks.csv", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    snprintf(line, sizeof line, "data load %s/cl", dir);
    expect(line, path);
    snprintf(line, sizeof line, "data plant twins; data export %s/c", dir);
    expect(line, path);
    snprintf(word, sizeof word, "truth=%s", path);
    snprintf(line, sizeof line, "data export x truth=%s/c", dir);
    expect(line, word);
    remove(path);
    remove(dir);
}

static void never_crashes(void **state)
{
    (void)state;
    static const char *const lines[] = {"\"",
                                        "a=",
                                        "=",
                                        ",",
                                        ";;;",
                                        "seq ,,,",
                                        "predict k=,",
                                        "@",
                                        "seq @",
                                        "seq \"",
                                        "model new nosuch ",
                                        "model new",
                                        "data",
                                        "whatif 1=",
                                        "tensor [",
                                        "set",
                                        "\xff\xfe",
                                        "help help help ",
                                        "export view to /nonexistent/"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (size_t k = 0; k <= strlen(lines[i]) + 3; k++)
            cmd_complete(kit->app, lines[i], k, mem, &got);
    /* every row, at each word */
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        char usage[400];
        cmd_usage(d, usage, sizeof usage);
        complete(d->name);
        assert_true(n_got > 0 || (d->flags & CMD_HIDDEN));
        for (size_t k = 0; k <= strlen(usage); k++)
            cmd_complete(kit->app, usage, k, mem, &got);
        arena_reset(mem);
    }
}

static int setup(void **state)
{
    (void)state;
    struct err err;
    if (arena_new(&mem, 1 << 20, &err) != ST_OK)
        return 1;
    kit = kit_app_new();
    kit_ok(kit, "data plant twins sessions=60; model new sasrec d=8 layers=1 heads=1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_app_free(kit);
    arena_free(mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs),         cmocka_unit_test(second_words),
        cmocka_unit_test(keys),          cmocka_unit_test(values),
        cmocka_unit_test(items),         cmocka_unit_test(files),
        cmocka_unit_test(never_crashes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
