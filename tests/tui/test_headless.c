/* The program itself without a screen: -e, --batch, --json, exit status, streams; that text,
 * JSON and scripts say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/vt.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/seqlab-headless-XXXXXX";
static char out[1 << 18], errs[1 << 16];

static void slurp(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(buf, 1, size - 1, f) : 0;
    buf[n] = '\0';
    if (f)
        fclose(f);
}

/* Runs the program in the sandbox; input: file for standard input.  Returns the exit status,
 * 256 + a signal. */
static int run_with(const char *input, const char *const *args)
{
    const char *argv[32] = {vt_program()};
    int n = 1;
    while (args[n - 1] && n < 31) {
        argv[n] = args[n - 1];
        n++;
    }
    argv[n] = NULL;
    char po[320], pe[320];
    snprintf(po, sizeof po, "%s/.out", folder);
    snprintf(pe, sizeof pe, "%s/.err", folder);
    pid_t pid = fork();
    if (pid == 0) {
        int i = open(input ? input : "/dev/null", O_RDONLY),
            o = open(po, O_WRONLY | O_CREAT | O_TRUNC, 0600),
            e = open(pe, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (i < 0 || o < 0 || e < 0 || dup2(i, 0) < 0 || dup2(o, 1) < 0 || dup2(e, 2) < 0 ||
            chdir(folder) != 0)
            _exit(99);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(98);
    }
    int st = 0;
    assert_int_equal(waitpid(pid, &st, 0), pid);
    slurp(po, out, sizeof out);
    slurp(pe, errs, sizeof errs);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 256 + WTERMSIG(st);
}

#define RUN(...) run_with(NULL, (const char *const[]){__VA_ARGS__, NULL})

static void put(const char *name, const char *text)
{
    char path[320];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Line number i (from 0) of the output as JSON. */
static json_t *line_json(int i)
{
    const char *p = out;
    while (i-- > 0 && p)
        p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL;
    assert_non_null(p);
    json_error_t e;
    json_t *j = json_loadb(p, strcspn(p, "\n"), 0, &e);
    if (!j)
        fail_msg("not JSON: %.200s (%s)", p, e.text);
    return j;
}

static int lines(void)
{
    int n = 0;
    for (const char *p = out; *p; p++)
        n += *p == '\n';
    return n;
}

#define SMALL                                                                                  \
    "data plant twins sessions=200 seed=7; model new sasrec d=16 layers=1 heads=1 seed=7; "    \
    "train steps=30"

static void exit_status(void **state)
{
    (void)state;
    assert_int_equal(RUN("-e", "echo a; echo b"), 0);
    assert_string_equal(out, "> echo a; echo b\na\nb\n");
    assert_int_equal(RUN("-e", "nonsense"), 1);
    assert_string_equal(
        errs, ": nonsense\n  ^^^^^^^^\nunknown: unknown command \"nonsense\". Try: help\n");
    assert_int_equal(RUN("--nonsense"), 2);
    assert_int_equal(RUN("--seed", "x"), 2);
    assert_int_equal(RUN("--threads", "-1", "-e", "echo"), 2);
    assert_int_equal(RUN("--screen", "axb", "-e", "echo"), 2);
    assert_int_equal(RUN("--color", "pink", "-e", "echo"), 2);
    assert_int_equal(RUN("word"), 2);
    assert_int_equal(RUN("-e"), 2);
    assert_int_equal(RUN("-e", "data plant twins sessions=50; model new sasrec d=8 layers=1 "
                               "heads=1; step; assert loss<0"),
                     3);
    assert_int_equal(RUN("-e", "quit; nonsense"), 0);
    assert_int_equal(RUN("--version"), 0);
    assert_int_equal(strncmp(out, "seqlab ", 7), 0);
    assert_int_equal(RUN("--help"), 0);
    assert_non_null(strstr(out, "--batch FILE"));
}

static void in_order(void **state)
{
    (void)state;
    put("a.rec", "echo three\n");
    assert_int_equal(RUN("--json", "-e", "echo one", "-e", "echo two", "--batch", "a.rec"), 0);
    assert_int_equal(lines(), 3);
    static const char *const words[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++) {
        json_t *j = line_json(i);
        assert_string_equal(json_string_value(json_object_get(j, "text")), words[i]);
        json_decref(j);
    }
    assert_int_equal(RUN("--json", "-e", "nonsense", "-e", "echo two"), 1);
    assert_int_equal(lines(), 1); /* the first failure ends it */
}

static void json_shapes(void **state)
{
    (void)state;
    assert_int_equal(
        RUN("--json", "-e",
            SMALL "; predict 12 87 3 k=4; eval; eval on=test k=5 sampled=100; predict 12 999"),
        1);
    assert_int_equal(lines(), 7);
    json_t *j = line_json(2);
    assert_string_equal(json_string_value(json_object_get(j, "command")), "train");
    assert_true(json_is_true(json_object_get(j, "ok")));
    assert_int_equal(json_integer_value(json_object_get(j, "step")), 30);
    assert_true(json_is_integer(json_object_get(j, "epoch")) &&
                json_is_number(json_object_get(j, "loss")));
    assert_true(json_is_number(json_object_get(j, "seconds")));
    json_decref(j);
    j = line_json(3);
    json_t *items = json_object_get(j, "items");
    assert_int_equal(json_array_size(items), 4);
    double last = 2;
    for (size_t i = 0; i < 4; i++) {
        json_t *it = json_array_get(items, i);
        assert_int_equal(json_integer_value(json_object_get(it, "rank")), i + 1);
        assert_true(json_is_integer(json_object_get(it, "id")) &&
                    json_is_string(json_object_get(it, "name")));
        assert_true(json_is_number(json_object_get(it, "score")));
        double p = json_number_value(json_object_get(it, "prob"));
        assert_true(p > 0 && p <= last);
        last = p;
    }
    assert_int_equal(json_integer_value(json_object_get(j, "step")), 30);
    json_decref(j);
    j = line_json(4);
    json_t *m = json_object_get(j, "metrics"), *c = json_object_get(j, "ceiling");
    static const char *const keys[] = {"hr@10", "ndcg@10", "mrr", "logloss"};
    for (int i = 0; i < 4; i++) {
        assert_true(json_is_number(json_object_get(m, keys[i])));
        assert_true(json_is_number(json_object_get(c, keys[i])));
        assert_true(json_is_number(
            json_object_get(json_object_get(json_object_get(j, "baselines"), "pop"), keys[i])));
    }
    assert_string_equal(json_string_value(json_object_get(j, "on")), "valid");
    assert_string_equal(json_string_value(json_object_get(j, "protocol")), "full");
    assert_true(json_integer_value(json_object_get(j, "n")) > 0);
    json_decref(j);
    j = line_json(5);
    assert_string_equal(json_string_value(json_object_get(j, "protocol")), "uni100");
    assert_true(json_is_number(json_object_get(json_object_get(j, "metrics"), "hr@5")));
    json_decref(j);
    j = line_json(6);
    assert_true(json_is_false(json_object_get(j, "ok")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "error"), "kind")),
                        "bad-item");
    json_decref(j);
}

/* ids and digits of the list: text, JSON, script, standard input. */
static void same_digits(void **state)
{
    (void)state;
    char want[2000] = "", text[4000];
    size_t n = 0;
    assert_int_equal(RUN("--json", "-e", SMALL "; predict 12 87 3"), 0);
    json_t *j = line_json(3), *it;
    size_t i;
    json_array_foreach(json_object_get(j, "items"), i, it)
    {
        double p = json_number_value(json_object_get(it, "prob"));
        n += (size_t)snprintf(want + n, sizeof want - n, "%d %.4g\n",
                              (int)json_integer_value(json_object_get(it, "id")), p);
    }
    json_decref(j);
    put("p.rec", SMALL "\npredict 12 87 3\n");
    char script[320];
    snprintf(script, sizeof script, "%s/p.rec", folder);
    for (int way = 0; way < 3; way++) {
        int rc = way == 0   ? RUN("-e", SMALL "; predict 12 87 3")
                 : way == 1 ? RUN("--batch", "p.rec")
                            : run_with(script, (const char *const[]){"--plain", NULL});
        assert_int_equal(rc, 0);
        n = 0;
        text[0] = '\0';
        for (char *p = strstr(out, "next after 12 87 3");
             p && (p = strchr(p, '\n')) && strncmp(p + 1, "entropy", 7) != 0;) {
            int rank, id;
            char *end = strchr(++p, '\n'), line[200];
            snprintf(line, sizeof line, "%.*s", (int)(end - p), p);
            assert_int_equal(sscanf(line, "%d %d", &rank, &id), 2);
            char *seen = strstr(line, "  seen");
            if (seen)
                *seen = '\0';
            n += (size_t)snprintf(text + n, sizeof text - n, "%d %.4g\n", id,
                                  strtod(strrchr(line, ' ') + 1, NULL));
        }
        assert_string_equal(text, want);
    }
}

static void same_bits(void **state)
{
    (void)state;
    static const char *const ways[] = {
        SMALL "; show run",
        "data plant twins sessions=200 seed=7; model new sasrec d=16 layers=1 heads=1 seed=7; "
        "step 10; step 20; show run",
        "data plant twins sessions=200 seed=7; model new sasrec d=16 layers=1 heads=1 seed=7; "
        "train steps=31 bg; wait; fork at=30; show run",
        "data plant twins sessions=200 seed=7; model new sasrec d=16 layers=1 heads=1 seed=7; "
        "step 9999 op; step 29; show run",
        SMALL "; step 70; back 40; back 20; back 10; show run",
        SMALL "; step 5; set lr 0.01; step 5; fork at=30; show run",
        SMALL "; save model bits.st; train steps=5; load model bits.st; show run",
    };
    char sha[80] = "";
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(RUN("--json", "--threads", i % 2 ? "1" : "2", "-e", ways[i]), 0);
        json_t *j = line_json(lines() - 1);
        const char *got = json_string_value(json_object_get(j, "sha256"));
        assert_non_null(got);
        assert_int_equal(json_integer_value(json_object_get(j, "step")), 30);
        if (i == 0)
            snprintf(sha, sizeof sha, "%s", got);
        else
            assert_string_equal(got, sha);
        json_decref(j);
    }
}

static void scripts(void **state)
{
    (void)state;
    put("inner.rec", "echo inner # comment\n\n# whole line\necho go\\\n on\n");
    put("outer.rec", "\xef\xbb\xbf"
                     "echo first\r\nsource inner.rec\necho last");
    assert_int_equal(RUN("--json", "--batch", "outer.rec"), 0);
    assert_int_equal(lines(), 5);
    json_t *j = line_json(2);
    assert_string_equal(json_string_value(json_object_get(j, "text")), "go on");
    json_decref(j);
    j = line_json(3); /* after what it ran */
    assert_string_equal(json_string_value(json_object_get(j, "command")), "source");
    json_decref(j);
    put("bad.rec", "echo fine\n\nech short\n");
    assert_int_equal(RUN("--batch", "bad.rec"), 1); /* full verbs only */
    assert_non_null(strstr(errs, "bad.rec:3"));
    put("loop.rec", "source loop.rec\n");
    assert_int_equal(RUN("--batch", "loop.rec"), 1);
    assert_int_equal(RUN("--batch", "missing.rec"), 1);
    assert_non_null(strstr(errs, "missing.rec"));
    assert_int_equal(RUN("--batch", "/"), 1);
}

/* A demonstration for a class: attention is not the reason. */
static void demo(void **state)
{
    (void)state;
    put("demo.rec", "# demo.rec - attention is not the reason\n"
                    "data plant twins items=240 sessions=4000 noise=0.1 seed=7\n"
                    "model new sasrec d=64 layers=2 heads=2 seed=7\n"
                    "break nan\n"
                    "train steps=300\n"
                    "assert hr@10>0.35\n"
                    "predict 12 87 3 45 9\n"
                    "why all\n"
                    "whatif drop 3\n"
                    "at 64 ; attend layer=2 head=1\n"
                    "at live ; attend layer=2 head=1\n"
                    "export attention to head-live.svg\n");
    if (RUN("--batch", "demo.rec") != 0)
        fail_msg("%s", errs);
    assert_non_null(strstr(out, "rank correlation drop/attn"));
    assert_non_null(strstr(out, "@64"));
    char path[340], svg[6] = "";
    snprintf(path, sizeof path, "%s/head-live.svg", folder);
    slurp(path, svg, sizeof svg);
    assert_string_equal(svg, "<svg ");
}

/* A log with stamps gives the bits of the run by hand. */
static void stamps(void **state)
{
    (void)state;
    char sha[80];
    put("hand.rec", "data plant twins sessions=200 seed=7\nmodel new sasrec d=16 layers=1 "
                    "heads=1 seed=7\ntrain steps=12\nset lr 0.01\n"
                    "train steps=8\nset lr 0.002\ntrain steps=10\nshow run\n");
    put("log.rec", "data plant twins sessions=200 seed=7\nmodel new sasrec d=16 layers=1 "
                   "heads=1 seed=7\ntrain steps=30\n"
                   "@12 set lr 0.01\n@20 set lr 0.002\nshow run\n");
    assert_int_equal(RUN("--json", "--batch", "hand.rec"), 0);
    json_t *j = line_json(lines() - 1);
    snprintf(sha, sizeof sha, "%s", json_string_value(json_object_get(j, "sha256")));
    json_decref(j);
    assert_int_equal(RUN("--json", "--batch", "log.rec"), 0);
    j = line_json(lines() - 1);
    assert_int_equal(json_integer_value(json_object_get(j, "step")), 30);
    assert_string_equal(json_string_value(json_object_get(j, "sha256")), sha);
    json_decref(j);
    put("late.rec", "data plant twins sessions=200\nmodel new sasrec d=16 layers=1 "
                    "heads=1\ntrain steps=5\n@9 echo never\n");
    assert_int_equal(RUN("--batch", "late.rec"), 1);
}

static void log_replays(void **state)
{
    (void)state;
    char sha[80];
    assert_int_equal(
        RUN("--json", "-e", SMALL "; set lr 0.005; step 5; show run; save log mine.rec"), 0);
    json_t *j = line_json(lines() - 2);
    snprintf(sha, sizeof sha, "%s", json_string_value(json_object_get(j, "sha256")));
    json_decref(j);
    assert_int_equal(RUN("--json", "--batch", "mine.rec"), 0);
    j = line_json(lines() - 1);
    assert_string_equal(json_string_value(json_object_get(j, "sha256")), sha);
    json_decref(j);
}

static void streams(void **state)
{
    (void)state;
    assert_int_equal(RUN("-e", SMALL), 0);
    assert_non_null(strstr(errs, "valid HR@10")); /* progress */
    assert_null(strstr(out, "step 3 "));
    assert_int_equal(RUN("--json", "-e", "data load missing.csv"), 1);
    assert_int_equal(lines(), 1);
}

static void world_by_option(void **state)
{
    (void)state;
    assert_int_equal(RUN("--json", "--data", "twins", "--seed", "5", "-e", "data info"), 0);
    json_t *j = line_json(1);
    assert_int_equal(json_integer_value(json_object_get(j, "seed")), 5);
    json_decref(j);
}

static void diverges(void **state)
{
    (void)state;
    int rc = RUN("--json", "-e",
                 "data plant twins sessions=200; model new sasrec d=16 layers=1 heads=1 lr=10 "
                 "clip=0; train steps=2000; echo survived");
    json_t *j = line_json(lines() - 1);
    if (rc == 4) /* otherwise this optimiser survived it: nothing to see */
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(j, "error"), "kind")),
            "diverged");
    else
        assert_int_equal(rc, 0);
    json_decref(j);
}

static void odd_surroundings(void **state)
{
    (void)state;
    setenv("TERM", "dumb", 1);
    unsetenv("HOME");
    put("in.rec", "echo from input\n");
    char path[320];
    snprintf(path, sizeof path, "%s/in.rec", folder);
    assert_int_equal(run_with(path, (const char *const[]){"--json", NULL}), 0);
    json_t *j = line_json(0);
    assert_string_equal(json_string_value(json_object_get(j, "text")), "from input");
    json_decref(j);
    unsetenv("TERM");
    assert_int_equal(RUN("-e", "echo ok"), 0);
    setenv("LC_ALL", "C", 1);
    assert_int_equal(RUN("-e", "data plant twins sessions=20; data show s:1"), 0);
}

static void pictures(void **state)
{
    (void)state;
    assert_int_equal(
        RUN("-e", SMALL "; predict 12 87 3", "--screen", "100x30", "--snap", "one.txt"), 0);
    assert_int_equal(
        RUN("-e", SMALL "; predict 12 87 3", "--screen", "100x30", "--snap", "two.txt"), 0);
    char a[320], b[320];
    static char one[1 << 16], two[1 << 16];
    snprintf(a, sizeof a, "%s/one.txt", folder);
    snprintf(b, sizeof b, "%s/two.txt", folder);
    slurp(a, one, sizeof one);
    slurp(b, two, sizeof two);
    int rows = 0;
    for (const char *p = one; *p; p++)
        rows += *p == '\n';
    assert_int_equal(rows, 30);
    assert_non_null(strstr(one, "SASRec"));
    assert_string_equal(one, two); /* byte-stable */
}

static int setup(void **state)
{
    (void)state;
    (void)vt_program();
    if (!mkdtemp(folder))
        return 1;
    setenv("SEQLAB_HOME", folder, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {
        ".out",    ".err",     "a.rec",    "p.rec",   "inner.rec", "outer.rec",
        "bad.rec", "loop.rec", "hand.rec", "log.rec", "late.rec",  "mine.rec",
        "in.rec",  "bits.st",  "one.txt",  "two.txt", NULL};
    for (int i = 0; names[i]; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_status),
        cmocka_unit_test(in_order),
        cmocka_unit_test(json_shapes),
        cmocka_unit_test(same_digits),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(scripts),
        cmocka_unit_test(demo),
        cmocka_unit_test(stamps),
        cmocka_unit_test(log_replays),
        cmocka_unit_test(streams),
        cmocka_unit_test(world_by_option),
        cmocka_unit_test(diverges),
        cmocka_unit_test(pictures),
        cmocka_unit_test(odd_surroundings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
