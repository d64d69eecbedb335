/* The tab Evolution: turns and memory by hand, vectors of a replay against those of each
 * prefix alone for every model, the planted switch, the turn a trained model finds beside
 * it, panes that come and go with the model. */
#include "app/app.h"
#include "app/cmd/command.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"
#include "app/views/lanes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

static void near(const char *what, double got, double want, double tol)
{
    if (!(fabs(got - want) <= tol))
        fail_msg("%s: %.9g, want %.9g", what, got, want);
}

static void run(struct app *a, const char *line)
{
    struct err err = {0};
    struct cmd_out *out = cmd_out_new(OUT_TEXT, NULL, NULL);
    if (cmd_run_line(a, line, true, out, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
    cmd_out_free(out);
}

/* As a key or the command line of a screen runs it. */
static void press(struct app *a, const char *line)
{
    struct err err = {0};
    struct cmd_out *out = cmd_out_new(OUT_MESSAGE, NULL, NULL);
    if (cmd_run_line(a, line, false, out, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
    cmd_out_free(out);
}

static struct app *open_app(void)
{
    struct err err = {0};
    struct app *a = NULL;
    if (app_new(&a, 1, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return a;
}

static void test_turns(void **state)
{
    (void)state;
    /* Lengths do not count, directions do: three to the right, two upwards. */
    const float x[10] = {1, 0, 5, 0, 2, 0.1f, 0, 1, 0.1f, 7};
    assert_int_equal(best_split(x, 5, 2), 3);
    /* One odd vector in the middle is no turn: the border stays at the lasting change. */
    const float odd[16] = {1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1};
    assert_int_equal(best_split(odd, 8, 2), 5);
    assert_int_equal(best_split(x, 1, 2), 0);
    const float same[6] = {1, 2, 1, 2, 1, 2};
    assert_int_equal(best_split(same, 3, 2), 0);
    near("cos", cosine(x, x + 6, 2), 0, 1e-12);
    near("cos of itself", cosine(x + 8, x + 8, 2), 1, 1e-12);
    const float zero[2] = {0, 0};
    assert_true(isnan(cosine(zero, x, 2)));
}

static void test_memory(void **state)
{
    (void)state;
    /* two clicks, two units: shares w1 (1 - w2) and w2, left (1 - w1) (1 - w2) */
    const float w[4] = {0.5f, 1, 0.25f, 0};
    float gate[2], share[2];
    double left = memory_shares(w, 2, 2, gate, share);
    near("gate 1", (double)gate[0], 0.75, 1e-7);
    near("gate 2", (double)gate[1], 0.125, 1e-7);
    near("share 1", (double)share[0], (0.5 * 0.75 + 1) / 2, 1e-7);
    near("share 2", (double)share[1], 0.125, 1e-7);
    near("left", left, (0.5 * 0.75 + 0) / 2, 1e-7);
    near("all", left + (double)share[0] + (double)share[1], 1, 1e-7);
}

/* What a replay says of each prefix is what the model says of it alone. */
static void test_replayed_vectors(void **state)
{
    (void)state;
    static const char *const models[] = {"sasrec d=16 maxlen=12",
                                         "gru4rec hidden=16",
                                         "caser d=8",
                                         "svae",
                                         "bert4rec d=16 maxlen=12",
                                         "pen4rec d=16",
                                         "pen4rec d=16 head=srgnn"};
    const int32_t item[7] = {13, 1, 14, 2, 15, 3, 16};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct app *a = open_app();
        struct err err = {0};
        struct explore *e, *alone;
        struct weights *w;
        char line[160];
        run(a, "data plant twins items=144 sessions=300 seed=7");
        snprintf(line, sizeof line, "model new %s", models[m]);
        run(a, line);
        run(a, "train steps=3");
        assert_int_equal(explore_new(&e, &err), ST_OK);
        assert_int_equal(explore_new(&alone, &err), ST_OK);
        assert_int_equal(app_weights_at(a, 0, STEP_LIVE, &w, &err), ST_OK);
        struct question q = {.kind = ASK_PREFIXES, .n = 7, .item = item};
        const struct answer *r = explore_ask(e, w, &q, NULL);
        assert_int_equal(r->err.code, ST_OK);
        assert_int_equal(r->n_row, 7); /* whatever the window: each prefix has its own */
        assert_int_equal(r->first, 0);
        if (!r->state)
            fail_msg("%s shows no vectors", models[m]);
        for (int32_t t = 0; t < r->n; t++) {
            struct question one = {
                .kind = ASK_PROBES, .n = t + 1, .item = item, .probes = "final,head"};
            const struct answer *p = explore_ask(alone, w, &one, NULL);
            const struct probe_copy *f =
                answer_probe(p, "final") ? answer_probe(p, "final") : answer_probe(p, "head");
            assert_non_null(f);
            assert_int_equal(f->d[f->nd - 1], r->n_state);
            const float *last = f->x + (size_t)(f->d[0] - 1) * (size_t)r->n_state;
            for (int32_t i = 0; i < r->n_state; i++)
                near(models[m], (double)r->state[t * r->n_state + i], (double)last[i], 2e-5);
        }
        weights_unref(w);
        explore_free(e);
        explore_free(alone);
        app_free(a);
    }
}

/* The best split lies within a click of the planted switch: .96 to .98 of the sessions after
 * eight epochs, .45 untrained, .6 for a constant guess. */
static void test_planted_switch(void **state)
{
    (void)state;
    struct app *a = open_app();
    struct planted_switch p;
    run(a, "data plant drift seed=7");
    run(a, "model new pen4rec seed=7");
    run(a, "train epochs=2");
    int hits = 0, n = 0;
    for (int64_t i = 0; i < a->split->n_test && n < 150; i++) {
        const struct eval_case *c = &a->split->test[i];
        if (c->n_prefix + 1 != dataset_len(a->ds, c->session))
            continue;
        struct sequence s = {.n = dataset_len(a->ds, c->session)};
        memcpy(s.item, a->ds->item + a->ds->off[c->session], (size_t)s.n * sizeof *s.item);
        planted_switch(a, &s, &p);
        assert_true(p.world && p.known);
        assert_in_range(p.at, 4, 8);
        assert_int_not_equal(p.before, p.after);
        struct err err = {0};
        struct weights *w;
        assert_int_equal(app_weights_at(a, 0, STEP_LIVE, &w, &err), ST_OK);
        struct question q = {.kind = ASK_PREFIXES, .n = s.n, .item = s.item};
        static struct replay r;
        assert_true(replay_take(&r, explore_ask(a->explore, w, &q, NULL), NULL, 0));
        weights_unref(w);
        assert_int_equal(r.n_follow, 3);
        assert_int_equal(r.rank[0][r.n - 1], 1);
        hits += abs(r.turn - p.at) <= 1;
        n++;
    }
    print_message("turn within a click of the switch: %d of %d\n", hits, n);
    assert_int_equal(n, 150);
    assert_true(hits > 120);
    struct sequence odd = {.n = 3, .item = {1, 1, 1}};
    planted_switch(a, &odd, &p);
    assert_true(p.world);
    assert_true(!p.known || p.at < 0);
    run(a, "data plant twins items=144 sessions=300 seed=7");
    planted_switch(a, &odd, &p);
    assert_false(p.world);
    app_free(a);
}

/* Tracks: shares and weights sum to 1, memory and what is left do, relevance is what the
 * probe says; a wrong answer shows nothing. */
static void test_tracks(void **state)
{
    (void)state;
    struct app *a = open_app();
    struct err err = {0};
    struct weights *w;
    static struct lanes l;
    run(a, "data plant drift sessions=400 seed=7");
    run(a, "model new pen4rec d=8 k=3 seed=7");
    run(a, "train steps=5");
    const int32_t item[6] = {4, 9, 4, 7, 9, 9};
    struct question q = {.kind = ASK_PROBES, .n = 6, .item = item, .probes = LANE_PROBES};
    assert_int_equal(app_weights_at(a, 0, STEP_LIVE, &w, &err), ST_OK);
    const struct answer *r = explore_ask(a->explore, w, &q, NULL);
    assert_true(lanes_take(&l, r));
    assert_int_equal(l.k, 3); /* 9, 7, 4 */
    assert_int_equal(l.n, 6);
    static const int keys[3] = {5, 3, 2};
    double all = 0;
    for (int j = 0; j < 3; j++) {
        double weight = 0, relevance = 0, memory = l.left[j];
        assert_int_equal(track_click(a, &l, j), keys[j]);
        for (int t = 0; t < 6; t++) {
            weight += (double)lane_row(&l, LANE_ALPHA, j)[t];
            relevance += (double)lane_row(&l, LANE_ATT, j)[t];
            memory += (double)lane_row(&l, LANE_SHARE, j)[t];
            near("relevance", (double)lane_row(&l, LANE_ATT, j)[t],
                 (double)answer_probe(r, "s2.att")->x[j * 6 + t], 0);
            /* what is written is relevance times a gate below 1 */
            assert_true(lane_row(&l, LANE_WRITE, j)[t] <= lane_row(&l, LANE_ATT, j)[t]);
        }
        near("weights", weight, 1, 1e-5);
        near("relevances", relevance, 1, 1e-5);
        near("memory and the rest", memory, 1, 1e-5);
        assert_true(isnan(lane_row(&l, LANE_COS, j)[0]));
        all += l.beta[j];
    }
    near("shares of the tracks", all, 1, 1e-5);
    q.probes = "s2.att";
    assert_false(lanes_take(&l, explore_ask(a->explore, w, &q, NULL)));
    assert_false(l.ready);
    lanes_done(&l);
    weights_unref(w);
    app_free(a);
}

static bool visible(struct app *a, const char *name)
{
    return ui_view(a, name)->visible;
}

static void test_panes(void **state)
{
    (void)state;
    struct app *a = open_app();
    struct err err = {0};
    struct grid g = {0};
    run(a, "data plant drift sessions=400 seed=7");
    run(a, "model new pen4rec d=8 seed=7");
    run(a, "model new sasrec d=16 layers=1 slot=B seed=7");
    run(a, "model new pen4rec d=8 head=srgnn slot=C seed=7");
    run(a, "seq from s:5 upto=7");
    assert_int_equal(ui_new(a, 100, 30, &err), ST_OK);
    static const struct {
        const char *slot;
        bool pen;
    } slots[] = {{"A", true}, {"B", false}, {"C", false}};
    for (size_t i = 0; i < 3; i++) {
        char line[32];
        snprintf(line, sizeof line, "model use %s", slots[i].slot);
        press(a, line);
        assert_int_equal(ui_tab(a, "evolution", &err), ST_OK);
        assert_int_equal(screen_snap(a, 100, 30, NULL, &g, &err), ST_OK);
        assert_true(visible(a, "ranks") && visible(a, "present"));
        assert_int_equal(visible(a, "evolution"), slots[i].pen);
        assert_int_equal(visible(a, "graph"), slots[i].pen);
        const struct replay *r = evolve_replay(a->ui);
        assert_true(r->ready && r->n == 7);
    }
    /* t: the item under the cursor is followed, and no more; without a cursor it is the
     * first of the list, which is followed already. */
    const struct replay *r = evolve_replay(a->ui);
    int32_t first = r->follow[0], other = first == 9 ? 10 : 9;
    a->ui->select.item = other;
    press(a, "evolve follow=cursor");
    assert_int_equal(screen_snap(a, 100, 30, NULL, &g, &err), ST_OK);
    assert_int_equal(r->n_follow, 4);
    assert_int_equal(r->follow[3], other);
    assert_int_equal(follow_letter(r, other), 'D');
    press(a, "evolve follow=cursor");
    assert_int_equal(screen_snap(a, 100, 30, NULL, &g, &err), ST_OK);
    assert_int_equal(r->n_follow, 3);
    a->ui->select.item = 0;
    press(a, "evolve follow=cursor");
    assert_int_equal(screen_snap(a, 100, 30, NULL, &g, &err), ST_OK);
    assert_int_equal(follow_letter(r, first), 0);
    press(a, "evolve follow=31,77");
    assert_int_equal(screen_snap(a, 100, 30, NULL, &g, &err), ST_OK);
    assert_int_equal(r->n_follow, 2);
    assert_int_equal(r->follow[1], 77);
    grid_done(&g);
    app_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_replayed_vectors),
        cmocka_unit_test(test_planted_switch),
        cmocka_unit_test(test_tracks),
        cmocka_unit_test(test_panes),
    };
    return cmocka_run_group_tests_name("evolve", tests, NULL, NULL);
}
