/* The tab Compare: sides that choose themselves and those that are named, time that moves
 * them, ranks in parts on the explorer's thread that can be stopped, and J, which finds a
 * question on which the sides disagree. */
#include "app/app.h"
#include "app/background.h"
#include "app/cmd/command.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"
#include "app/views/sides.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static enum status command(struct app *a, const char *line, enum out_form form, struct err *err)
{
    struct cmd_out *out = cmd_out_new(form, NULL, NULL);
    enum status st = cmd_run_line(a, line, form == OUT_TEXT, out, err);
    cmd_out_free(out);
    return st;
}

static void run(struct app *a, const char *line)
{
    struct err err = {0};
    if (command(a, line, OUT_TEXT, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
}

/* As a key or the command line of a screen runs it. */
static void press(struct app *a, const char *line)
{
    struct err err = {0};
    if (command(a, line, OUT_MESSAGE, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
}

static struct app *two_models(int sessions)
{
    struct err err = {0};
    struct app *a = NULL;
    char line[80];
    if (app_new(&a, 1, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    snprintf(line, sizeof line, "data plant twins items=144 sessions=%d seed=7", sessions);
    run(a, line);
    run(a, "model new sasrec d=16 layers=1 heads=1 maxlen=12 seed=7");
    run(a, "train steps=40");
    run(a, "model new gru4rec slot=B hidden=16 seed=7");
    run(a, "model use B");
    run(a, "train steps=20");
    run(a, "model use A");
    run(a, "seq 13 1 14 2 15 3 16");
    if (ui_new(a, 100, 30, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return a;
}

static char *picture(struct app *a, int cols, int rows)
{
    struct err err = {0};
    struct grid g = {0};
    struct theme theme;
    theme_fixed(&theme, GLYPHS_ASCII, DEPTH_MONO, false);
    assert_int_equal(screen_snap(a, cols, rows, &theme, &g, &err), ST_OK);
    char *text = grid_text(&g);
    grid_done(&g);
    assert_non_null(text);
    return text;
}

static void sees(struct app *a, const char *what)
{
    char *text = picture(a, 100, 30);
    if (!strstr(text, what))
        fail_msg("\"%s\" is not in\n%s", what, text);
    free(text);
}

static void test_sides(void **state)
{
    (void)state;
    struct app *a = two_models(300);
    struct err err = {0};
    struct sides s;
    assert_int_equal(ui_tab(a, "compare", &err), ST_OK);
    sides_take(a->ui, &s);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.side[0].slot, 0);
    assert_int_equal(s.side[1].slot, 1);
    assert_int_equal(s.side[0].step, 40);
    sides_done(&s);
    /* Time moves both, each to what it has kept; a step of its own stays. */
    press(a, "at 32");
    sides_take(a->ui, &s);
    assert_int_equal(s.side[0].step, 32);
    assert_int_equal(s.side[1].step, 20); /* its last */
    assert_int_equal(s.side[1].wanted, 32);
    sides_done(&s);
    sees(a, "B GRU4Rec @20 (nearest to 32)");
    press(a, "at live");
    press(a, "compare A@8 A");
    sides_take(a->ui, &s);
    assert_int_equal(s.side[0].step, 8);
    assert_int_equal(s.side[1].step, 40);
    sides_done(&s);
    press(a, "at 16");
    sides_take(a->ui, &s);
    assert_int_equal(s.side[0].step, 8);
    assert_int_equal(s.side[1].step, 16);
    sides_done(&s);
    sees(a, "A@8 right");
    press(a, "compare swap");
    sides_take(a->ui, &s);
    assert_int_equal(s.side[0].step, 16);
    assert_true(s.side[1].own_time);
    sides_done(&s);
    press(a, "at live");
    /* More than two; the third pane is there only then. */
    char *text = picture(a, 200, 50);
    assert_null(strstr(text, "A SASRec @0"));
    free(text);
    press(a, "compare A B A@0 metric=ndcg@5");
    text = picture(a, 200, 50);
    assert_non_null(strstr(text, "A SASRec @0"));
    assert_non_null(strstr(text, "NDCG@5"));
    free(text);
    /* A dropped model leaves its side. */
    press(a, "model drop B");
    sides_take(a->ui, &s);
    assert_int_equal(s.n, 2);
    sides_done(&s);
    assert_int_equal(command(a, "compare A Z", OUT_MESSAGE, &err), ST_STATE);
    assert_int_equal(command(a, "compare A", OUT_MESSAGE, &err), ST_ARG);
    app_free(a);
    /* One model at one time: the other pane says what to do. */
    assert_int_equal(app_new(&a, 1, 7, &err), ST_OK);
    run(a, "data plant twins items=144 sessions=300 seed=7");
    run(a, "model new pop");
    assert_int_equal(ui_new(a, 100, 30, &err), ST_OK);
    assert_int_equal(ui_tab(a, "compare", &err), ST_OK);
    sees(a, "nothing to compare with");
    assert_int_equal(command(a, "compare next", OUT_MESSAGE, &err), ST_STATE);
    assert_int_equal(command(a, "compare swap", OUT_MESSAGE, &err), ST_STATE);
    app_free(a);
}

/* Right by the ranks of a whole evaluation. */
static void test_next_disagreement(void **state)
{
    (void)state;
    struct app *a = two_models(300);
    struct err err = {0};
    struct eval_spec spec;
    eval_defaults(&spec, a->split);
    spec.on = PART_TEST;
    int64_t n = eval_count(a->split, &spec), before = -1;
    struct rank_obs *obs[2];
    for (int i = 0; i < 2; i++) {
        struct weights *w;
        obs[i] = calloc((size_t)n, sizeof **obs);
        assert_int_equal(app_weights_at(a, i, STEP_LIVE, &w, &err), ST_OK);
        assert_int_equal(eval_ranks(w, &spec, NULL, NULL, obs[i], NULL, &err), ST_OK);
        weights_unref(w);
    }
    assert_int_equal(ui_tab(a, "compare", &err), ST_OK);
    free(picture(a, 100, 30));
    int64_t table[2][2] = {{0}};
    for (int64_t i = 0; i < n; i++)
        table[obs[0][i].rank > 10][obs[1][i].rank > 10]++;
    assert_true(table[0][1] + table[1][0] > 3);
    char want[64];
    snprintf(want, sizeof want, "%lld cases", (long long)n);
    sees(a, want);
    for (int k = 0; k < 4; k++) {
        press(a, "compare next");
        const struct ui_compare *c = &a->ui->compare;
        assert_true(c->at_case > before || k == 3);
        for (int64_t i = before + 1; i < c->at_case; i++)
            assert_int_equal(obs[0][i].rank <= 10, obs[1][i].rank <= 10);
        before = c->at_case;
        assert_int_not_equal(obs[0][before].rank <= 10, obs[1][before].rank <= 10);
        assert_int_equal(c->target, obs[0][before].target);
        struct eval_case e;
        assert_true(eval_case_at(a->split, &spec, before, &e));
        assert_int_equal(a->seq.n, e.n_prefix);
        assert_memory_equal(a->seq.item, a->ds->item + a->ds->off[e.session],
                            (size_t)a->seq.n * sizeof *a->seq.item);
        sees(a, "next was");
    }
    /* Another sequence is no longer that question. */
    press(a, "seq 13 1 14");
    char *text = picture(a, 100, 30);
    assert_null(strstr(text, "next was"));
    free(text);
    free(obs[0]);
    free(obs[1]);
    app_free(a);
}

static bool wait_for(struct app *a, struct view *v, const char *what)
{
    struct theme theme;
    theme_fixed(&theme, GLYPHS_ASCII, DEPTH_MONO, false);
    for (int i = 0; i < 20000; i++) {
        ui_answers(a);
        ui_ask(a, false);
        ui_update(a);
        struct grid g = {0};
        struct err err = {0};
        assert_int_equal(grid_init(&g, 14, 60, &err), ST_OK);
        struct canvas c = canvas_of(&g, &theme);
        v->def->draw(v, &c);
        char *text = grid_text(&g);
        bool seen = strstr(text, what) != NULL;
        free(text);
        grid_done(&g);
        if (seen)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

/* On the explorer's thread: the screen goes on, what is done is shown, Esc stops, Enter goes
 * on. */
static void test_stop(void **state)
{
    (void)state;
    struct app *a = two_models(8000);
    struct err err = {0};
    assert_int_equal(app_start_explorer(a, &err), ST_OK);
    assert_int_equal(ui_tab(a, "compare", &err), ST_OK);
    struct view *v = ui_view(a, "cases");
    assert_true(wait_for(a, v, "ranking A"));
    assert_true(v->def->key(v, "Esc"));
    assert_true(wait_for(a, v, "stopped at"));
    assert_false(v->def->key(v, "Esc"));
    assert_true(v->def->key(v, "Enter"));
    assert_true(wait_for(a, v, "cases, full ranking"));
    assert_false(v->def->key(v, "Enter"));
    app_free(a);
}

/* The run's pane: how long ago validation was best, and of a model that fills in, while it
 * is too early to ask, how far it is; its floor beside that of the questions. */
static void test_patience(void **state)
{
    (void)state;
    struct app *a = two_models(200);
    press(a, "tab train");
    sees(a, "best ");
    run(a, "model new bert4rec slot=C d=8 layers=1");
    run(a, "model use C");
    run(a, "train steps=6");
    sees(a, " of 100 it may need");
    background_find_filling(a, 2);
    sees(a, "train floor");
    sees(a, "valid floor");
    app_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patience), cmocka_unit_test(test_sides),
        cmocka_unit_test(test_next_disagreement), cmocka_unit_test(test_stop)};
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
