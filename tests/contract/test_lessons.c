/* Every bundled lesson: each step's conditions are false before its `do` and true after it,
 * with and without the screen's queue.  Then the reader of lesson files by its errors, named
 * measures, progress, what a lesson hides. */
#include "tests/support/app_kit.h"
#include "app/lesson/course.h"
#include "app/ui_state.h"
#include "tests/support/tmpfile.h"
#include "tests/support/instrumented.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUNDLED = 14 };

static void fails_as_not_yet(struct app_kit *k, int number)
{
    if (kit_run_as(k, OUT_TEXT, true, "lesson check") == ST_OK)
        fail_msg("lesson %d step %d passes before its do:\n%s", number,
                 k->app->course->step + 1, k->said.text);
    if (strcmp(k->err.kind, "not-yet") != 0)
        fail_msg("lesson %d step %d: %s", number, k->app->course->step + 1, k->err.msg);
}

static void passes(struct app_kit *k, int number)
{
    if (kit_run_as(k, OUT_TEXT, true, "lesson check") != ST_OK)
        fail_msg("lesson %d step %d fails after its do: %s\n%s", number,
                 k->app->course->step + 1, k->err.msg, k->said.text);
}

static void test_bundled(void **state)
{
    (void)state;
    struct app_kit *k = kit_app_new();
    kit_ok(k, "lesson list");
    assert_int_equal(k->app->course->n_entry, BUNDLED);
    int walked =
        instrumented() ? 4 : BUNDLED; /* the rest would train for a quarter of an hour */
    for (int n = 1; n <= walked; n++) {
        char line[40];
        assert_int_equal(k->app->course->entry[n - 1].number, n);
        snprintf(line, sizeof line, "lesson start %d", n);
        kit_ok(k, line);
        int steps = k->app->course->open->n_step;
        for (int s = 0; s < steps; s++) {
            fails_as_not_yet(k, n);
            kit_ok(k, "lesson do");
            passes(k, n);
            passes(k, n); /* asking again changes nothing */
            kit_ok(k, "lesson next");
        }
        assert_null(k->app->course->open);
        assert_int_equal(k->app->course->entry[n - 1].passed, steps);
    }
    kit_app_free(k);
}

/* On the screen the commands of a lesson go one by one, when no run goes on. */
static void test_on_screen(void **state)
{
    (void)state;
    struct app_kit *k = kit_app_new();
    char line[512];
    assert_int_equal(ui_new(k->app, 100, 30, &k->err), ST_OK);
    k->app->interactive = true;
    kit_ok(k, "data plant chain items=144 sessions=300");
    kit_ok(k, "model new sasrec d=16 maxlen=12");
    /* the lesson's data ends it */
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "train steps=1000000"), ST_OK);
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "lesson start 4"), ST_OK);
    int ran = 0;
    while (course_due(k->app, line, sizeof line)) {
        assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, line), ST_OK);
        ran++;
    }
    assert_true(ran >= 3);
    assert_int_equal(k->app->course->n_wait, 0);
    /* The cursor of the attention tab is the one conditions speak of. */
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "attend layer=1 head=2"), ST_OK);
    assert_int_equal(k->app->ui->select.head, 2);
    double v, w;
    assert_int_equal(
        measure_value(k->app, "attn.prev_mass(cursor.layer,cursor.head)", &v, &k->err), ST_OK);
    assert_int_equal(measure_value(k->app, "attn.prev_mass(1,2)", &w, &k->err), ST_OK);
    assert_true(v == w);
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "lesson check"), ST_OK);
    assert_true(course_step_passed(k->app));
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "lesson check"), ST_OK); /* on */
    assert_int_equal(k->app->course->step, 1);
    /* A command that waits is not run while the trainer is busy. */
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "lesson do"), ST_OK);
    assert_true(course_due(k->app, line, sizeof line));
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, line), ST_OK);
    assert_false(course_due(k->app, line, sizeof line));
    kit_ok(k, "wait");
    app_poll(k->app);
    assert_int_equal(kit_run_as(k, OUT_MESSAGE, false, "lesson check"), ST_OK);
    kit_ok(k, "lesson leave");
    kit_app_free(k);
}

static void test_commands(void **state)
{
    (void)state;
    struct app_kit *k = kit_app_new();
    kit_fails(k, "lesson check", "no-lesson");
    kit_fails(k, "lesson hint", "no-lesson");
    kit_fails(k, "lesson do", "no-lesson");
    kit_fails(k, "lesson leave", "no-lesson");
    kit_fails(k, "lesson next", "no-lesson");
    kit_fails(k, "lesson start 99", "unknown");
    kit_fails(k, "lesson start ./none.lesson", "file");
    kit_fails(k, "lesson start 1 step=30", "bad-value");
    kit_ok(k, "lesson start 1 step=3"); /* what comes before is done */
    assert_int_equal(k->app->course->step, 2);
    assert_int_equal(k->app->seq.n, 3);
    assert_int_equal(k->app->seq.item[0], 12);
    kit_fails(k, "lesson next", "not-yet");
    kit_ok(k, "lesson back");
    assert_int_equal(k->app->course->step, 1);
    kit_ok(k, "lesson next");
    json_t *j = kit_json(k, "lesson hint");
    assert_string_equal(json_string_value(json_object_get(j, "command")), "lesson hint");
    assert_true(strlen(json_string_value(json_object_get(j, "hint"))) > 10);
    json_decref(j);
    j = kit_json(k, "lesson list");
    assert_int_equal(json_array_size(json_object_get(j, "lessons")), BUNDLED);
    json_decref(j);
    kit_ok(k, "lesson do");
    j = kit_json(k, "lesson check");
    assert_true(json_is_true(json_object_get(j, "passed")));
    assert_int_equal(json_array_size(json_object_get(j, "conditions")), 2);
    json_decref(j);
    kit_ok(k, "lesson leave");
    assert_non_null(k->app->ds);
    kit_app_free(k);
}

/* ---- files ---- */

static struct tmp_dir dir;

static const char *a_file(const char *text)
{
    return tmp_write(&dir, "x.lesson", text, strlen(text));
}

static const char head[] = "lesson 3 \"A title\"\ntext about\n";
static const char step[] = "step \"One\"\n text words\n pass seq.len>=1\n do seq 1 2\n";

static int make_dir(void **state)
{
    (void)state;
    tmp_dir_make(&dir);
    return 0;
}

static bool progress_path(char *path, size_t size)
{
    const char *home = getenv("SEQLAB_HOME");
    return home && snprintf(path, size, "%s/state/lessons", home) < (int)size;
}

static int remove_dir(void **state)
{
    char path[1024];
    (void)state;
    if (progress_path(path, sizeof path)) /* other tests show the list as it is at first */
        unlink(path);
    tmp_dir_remove(&dir);
    return 0;
}

static void test_reader(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wants; /* part of the message; line number and what */
    } bad[] = {
        {"", "no lesson in this file"},
        {"step \"x\"\n", ":1: a lesson file begins with"},
        {"lesson 3 A title\n", ":1: a title stands in quotes"},
        {"lesson 3 \"A\"\nlesson 4 \"B\"\n", ":2: a file holds one lesson"},
        {"lesson 3 \"A\"\n\n# x\nwrong thing\n", ":4: no keyword of lessons: \"wrong\""},
        {"lesson 3 \"A\"\npass loss<3\n", ":2: pass belongs to a step"},
        {"lesson 3 \"A\"\nsetup preditc 1\n", ":2: unknown command"},
        {"lesson 3 \"A\"\nsetup lesson start 3\n", ":2: a lesson cannot run lessons"},
        {"lesson 3 \"A\"\nsetup source x.rec\n", ":2: a lesson cannot run lessons or scripts"},
        {"lesson 3 \"A\"\nhide tabs gatez\n", ":2: no tab \"gatez\""},
        {"lesson 3 \"A\"\nhide tabs lessons\n", ":2: the tab of the lessons"},
        {"lesson 3 \"A\"\nhide settings nonsense\n", ":2: no setting \"nonsense\""},
        {"lesson 3 \"A\"\nstep \"One\"\n text x\n pass bogus>=1\n do step\n",
         ":4: \"bogus\" is not a quantity"},
        {"lesson 3 \"A\"\nstep \"One\"\n text x\n pass attn.prev_mass(1)>=1\n do step\n",
         ":4: attn.prev_mass takes other arguments"},
        {"lesson 3 \"A\"\nstep \"One\"\n text x\n pass seq.len(2)>=1\n do step\n",
         ":4: seq.len takes no arguments"},
        {"lesson 3 \"A\"\nstep \"One\"\n text x\n pass loss<3\nstep \"Two\"\n",
         ":2: step \"One\" has no do"},
        {"lesson 3 \"A\"\nstep \"One\"\n text x\n do step\n", ":2: step \"One\" has no pass"},
        {"lesson 3 \"A\"\nstep \"One\"\n pass loss<3\n do step\n",
         ":2: step \"One\" has no text"},
        {"lesson 3 \"A\"\nstep \"One\"\n text 0123456789 0123456789 0123456789 0123456789 "
         "0123456789 0123456789 0123456789\n",
         ":3: 76 columns; prose has at most 72"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = a_file(bad[i].text);
        struct lesson *l;
        struct err err = {0};
        if (lesson_read(&l, path, &err) == ST_OK)
            fail_msg("accepted: %s", bad[i].text);
        assert_null(l);
        if (!strstr(err.msg, bad[i].wants))
            fail_msg("%s\nsays %s\nnot  %s", bad[i].text, err.msg, bad[i].wants);
    }
    char text[400];
    snprintf(text, sizeof text, "%shide tabs gates latent\nhide settings dropout fps\n%s%s",
             head, step, step);
    const char *path = a_file(text);
    struct lesson *l = NULL;
    struct err err = {0};
    if (lesson_read(&l, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(l->number, 3);
    assert_string_equal(l->title, "A title");
    assert_int_equal(l->n_step, 2);
    assert_int_equal(l->hidden_tabs.n, 2);
    assert_string_equal(l->step[1].run.line[0], "seq 1 2");
    lesson_free(l);
}

static void test_hiding(void **state)
{
    (void)state;
    struct app_kit *k = kit_app_new();
    char text[400], line[4200];
    snprintf(text, sizeof text,
             "%shide tabs predict\nhide settings fps\nsetup data plant chain items=144 "
             "sessions=50\n%s",
             head, step);
    const char *path = a_file(text);
    snprintf(line, sizeof line, "lesson start \"%s\"", path);
    assert_int_equal(ui_new(k->app, 100, 30, &k->err), ST_OK);
    kit_ok(k, "show settings");
    assert_non_null(strstr(k->said.text, "fps"));
    kit_ok(k, line);
    kit_ok(k, "show settings");
    assert_null(strstr(k->said.text, "fps"));
    kit_fails(k, "tab predict", "not-yet");
    kit_ok(k, "tab train");
    kit_ok(k, "tab next"); /* passes over it */
    assert_string_equal(tab_defs[k->app->ui->tab].name, "attention");
    kit_ok(k, "lesson leave");
    kit_ok(k, "tab predict");
    kit_app_free(k);
}

/* Kept beside the history by those who sit here, not by scripts. */
static void test_progress(void **state)
{
    (void)state;
    char path[1024];
    if (!progress_path(path, sizeof path)) {
        print_message("skip: no SEQLAB_HOME to keep progress in\n");
        skip();
    }
    unlink(path);
    struct app_kit *k = kit_app_new();
    kit_ok(k, "lesson start 1");
    kit_ok(k, "lesson do");
    kit_ok(k, "lesson check");
    assert_int_not_equal(access(path, F_OK), 0);
    k->app->interactive = true;
    kit_ok(k, "lesson next");
    kit_ok(k, "lesson do");
    kit_ok(k, "lesson check");
    assert_int_equal(access(path, F_OK), 0);
    kit_app_free(k);
    k = kit_app_new();
    kit_ok(k, "lesson list");
    assert_int_equal(k->app->course->entry[0].passed, 2);
    assert_int_equal(k->app->course->entry[1].passed, 0);
    kit_app_free(k);
    unlink(path);
}

/* Measures against what the commands print or what is plain. */
static void test_measures(void **state)
{
    (void)state;
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant twins items=144 sessions=200 seed=7; model new sasrec d=16 layers=2 "
              "heads=2 maxlen=12 seed=7; seq 13 1 14 2 15");
    kit_ok(k, "assert seq.len==5");
    kit_ok(k, "assert seq.at(-1)==15");
    kit_ok(k, "assert seq.at(1)==13");
    kit_ok(k, "assert seq.has(14)==1");
    kit_ok(k, "assert seq.has(99)==0");
    kit_ok(k, "assert model.is(sasrec)==1");
    kit_ok(k, "assert run.step==0");
    kit_ok(k, "assert attn.future_mass(1,1)==0");
    kit_ok(k, "assert next.entropy>4.5");
    kit_fails(k, "assert seq.len>5", "assert");
    kit_fails(k, "assert attn.prev_mass(3,1)>0", "bad-value");
    kit_fails(k, "assert gate.longest>1", "not-for-model");
    kit_fails(k, "assert latent.active>1", "not-for-model");
    kit_fails(k, "assert filter.row(1)>0", "not-for-model");
    kit_fails(k, "assert turn.at>1", "not-for-model");
    kit_fails(k, "assert pin.kl>1", "no-pin");
    kit_fails(k, "assert next.rank(999)>1", "bad-item");
    kit_fails(k, "assert occl.rank(99)>1", "bad-item");
    kit_fails(k, "break seq.len>1", "bad-value");
    /* Rows of a map sum to 1. */
    double prev, first, self, last, v = 0;
    struct app *a = k->app;
    assert_int_equal(measure_value(a, "attn.prev_mass(1,1)", &prev, &k->err), ST_OK);
    assert_int_equal(measure_value(a, "attn.first_mass(1,1)", &first, &k->err), ST_OK);
    assert_int_equal(measure_value(a, "attn.self_mass(1,1)", &self, &k->err), ST_OK);
    assert_true(prev > 0 && prev < 1 && first > 0 && self > 0);
    assert_int_equal(measure_value(a, "attn.distance(1,1)", &v, &k->err), ST_OK);
    /* one place at least for what is not on itself */
    assert_true(v >= 1 - self - 1e-6 && v < 4);
    v = 0;
    for (int p = 1; p <= 5; p++) {
        char text[40];
        snprintf(text, sizeof text, "attn.last(1,1,%d)", p);
        assert_int_equal(measure_value(a, text, &last, &k->err), ST_OK);
        v += last;
    }
    assert_true(v > 0.999 && v < 1.001);
    /* Occlusion: the same as leaving the item out by hand. */
    int32_t best = 0;
    for (int32_t i = 1; i <= 144 && !best; i++) {
        char text[40];
        snprintf(text, sizeof text, "next.rank(%d)", (int)i);
        assert_int_equal(measure_value(a, text, &v, &k->err), ST_OK);
        best = v == 1 ? i : 0;
    }
    char text[40];
    double before, after, drop;
    snprintf(text, sizeof text, "next.prob(%d)", (int)best);
    assert_int_equal(measure_value(a, "occl.drop(14)", &drop, &k->err), ST_OK);
    assert_int_equal(measure_value(a, text, &before, &k->err), ST_OK);
    kit_ok(k, "pin; whatif drop 3");
    assert_int_equal(measure_value(a, text, &after, &k->err), ST_OK);
    assert_true(before - after - drop < 1e-6 && before - after - drop > -1e-6);
    kit_ok(k, "assert pin.kl>0; whatif undo; assert pin.kl==0");
    kit_app_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),   cmocka_unit_test(test_measures),
        cmocka_unit_test(test_commands), cmocka_unit_test(test_hiding),
        cmocka_unit_test(test_progress), cmocka_unit_test(test_on_screen),
        cmocka_unit_test(test_bundled),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
