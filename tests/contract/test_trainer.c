/* The trainer's thread and the explorer's: commands take effect in order, a run by thread
 * gives the bits of plain steps, breakpoints stop before the update, stepping by op changes
 * nothing, nobody waits for the other. */
#include "engine/data/world.h"
#include "engine/train/explorer.h"
#include "engine/train/history.h"
#include "engine/train/trainer.h"
#include "models/models.h"
#include "tests/support/instrumented.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct dataset *ds;
static struct split *split;
static struct pool *pool;

static int set_up(void **state)
{
    (void)state;
    struct world_opts o = {.items = 144, .sessions = 400, .noise = -1, .seed = 1};
    if (world_generate(&ds, "chain", &o, NULL) != ST_OK || pool_new(&pool, 2, NULL) != ST_OK)
        return -1;
    return split_new(&split, ds, SPLIT_SESSIONS, NULL) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(pool);
    split_free(split);
    dataset_free(ds);
    return 0;
}

static struct learner *fresh(void)
{
    const struct model_def *m = model_find("sasrec");
    struct hparams *hp;
    struct learner *l;
    struct err err;
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, "d=32 layers=2 heads=2 maxlen=12 batch=48", &err) != ST_OK ||
        learner_new(&l, m, hp, split, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    hparams_free(hp);
    return l;
}

static void plain(char hex[65], int steps, int set_at, const char *lr)
{
    struct learner *l = fresh();
    for (int i = 0; i < steps; i++) {
        if (i == set_at)
            assert_int_equal(learner_set(l, "lr", lr, NULL), ST_OK);
        assert_int_equal(learner_step(l, NULL, NULL, NULL, NULL), ST_OK);
    }
    learner_sha256(l, hex);
    learner_free(l);
}

static int wait_ms(void)
{
    return patience(20000);
}

static void post(struct trainer *t, enum train_cmd_kind kind, int64_t n, const char *text)
{
    struct train_cmd c = {.kind = kind, .n = n};
    snprintf(c.text, sizeof c.text, "%s", text);
    assert_true(trainer_post(t, &c));
}

static void ends_as(struct trainer *t, const char *want)
{
    char got[65];
    struct learner *l = trainer_join(t);
    learner_sha256(l, got);
    assert_string_equal(got, want);
    learner_free(l);
}

static struct trainer *start(void)
{
    struct trainer *t;
    assert_int_equal(trainer_start(&t, fresh(), pool, NULL, NULL), ST_OK);
    return t;
}

static void test_run_and_step(void **state)
{
    (void)state;
    char want[65];
    plain(want, 40, -1, NULL);
    struct trainer *t = start();
    post(t, TC_EVERY, 10, "");
    post(t, TC_RUN, 25, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->state, TS_DONE);
    assert_int_equal(trainer_snapshot(t)->step, 25);
    post(t, TC_STEP, 15, "");
    assert_true(trainer_wait(t, wait_ms()));
    const struct snapshot *s = trainer_snapshot(t);
    assert_int_equal(s->state, TS_PAUSED);
    assert_int_equal(s->step, 40);
    assert_true(s->has_eval && s->eval.n > 0);
    const struct series *loss = trainer_series(t, "loss"),
                        *valid = trainer_series(t, "valid.hr");
    assert_int_equal(series_len(loss), 40);
    assert_true(series_len(valid) >= 3);
    assert_null(trainer_series(t, "nothing"));
    double x, y;
    assert_true(series_at(loss, 24, &x, &y) && x == 25 && isfinite(y));
    ends_as(t, want);
}

static void test_setting_takes_effect_where_it_is_said(void **state)
{
    (void)state;
    char want[65];
    plain(want, 20, 12, "0.01");
    struct trainer *t = start();
    post(t, TC_RUN, 12, "");
    assert_true(trainer_wait(t, wait_ms()));
    post(t, TC_SET, 0, "lr 0.01");
    post(t, TC_RUN, 20, "");
    assert_true(trainer_wait(t, wait_ms()));
    struct train_event e;
    bool said = false;
    while (trainer_event(t, &e))
        said |= e.step == 12 && strcmp(e.text, "set lr 0.01") == 0;
    assert_true(said);
    ends_as(t, want);
}

static void test_ops_change_nothing(void **state)
{
    (void)state;
    char want[65];
    plain(want, 3, -1, NULL);
    struct trainer *t = start();
    int ops = 0, last_op = 0, n_op = 0;
    for (int i = 0; i < 2; i++)
        do {
            post(t, TC_STEP_OP, 1, "");
            assert_true(trainer_wait(t, wait_ms()));
            const struct snapshot *s = trainer_snapshot(t);
            ops++;
            if (s->op > 0) {
                assert_true(s->op <= s->n_op);
                last_op = s->op;
                n_op = s->n_op;
                assert_true(s->op_name[0] != '\0');
                if (s->n_probe)
                    assert_true(s->probe[0].nd >= 1);
            }
            assert_true(ops < 1000);
        } while (trainer_snapshot(t)->step == i);
    assert_true(ops > 30);
    assert_int_equal(last_op, n_op); /* the count was right */
    post(t, TC_STEP_OP, 3, "");      /* begin the third batch by ops, finish it at once */
    assert_true(trainer_wait(t, wait_ms()));
    post(t, TC_STEP, 1, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->step, 3);
    ends_as(t, want);
}

static void ops(struct trainer *t, int64_t n)
{
    post(t, TC_STEP_OP, n, "");
    assert_true(trainer_wait(t, wait_ms()));
}

/* Back inside a batch shows the same op with the same numbers again, and the run ends at the
 * same bits. */
static void test_ops_back(void **state)
{
    (void)state;
    char want[65], name[128];
    plain(want, 3, -1, NULL);
    struct trainer *t = start();
    ops(t, -1); /* nothing is open: refused in words */
    assert_int_equal(trainer_snapshot(t)->op, 0);
    struct train_event e;
    bool refused = false;
    while (trainer_event(t, &e))
        refused |= e.is_error && strstr(e.text, "no batch is open");
    assert_true(refused);
    ops(t, 12);
    const struct snapshot *s = trainer_snapshot(t);
    assert_int_equal(s->op, 12);
    assert_non_null(s->line);
    assert_string_equal(s->line[11].name, s->op_name);
    assert_int_equal(s->line[11].phase, s->phase);
    assert_int_equal(s->line[s->n_op - 1].phase, PH_UPDATE);
    assert_int_equal(s->n_probe, 1);
    assert_int_equal(s->line[11].rows * s->line[11].cols, s->probe[0].d[0] * s->probe[0].d[1]);
    float first = s->probe[0].x[0];
    snprintf(name, sizeof name, "%s", s->op_name);
    ops(t, 5);
    ops(t, -5);
    s = trainer_snapshot(t);
    assert_int_equal(s->op, 12);
    assert_string_equal(s->op_name, name);
    assert_true(memcmp(&first, &s->probe[0].x[0], sizeof first) == 0);
    ops(t, -100); /* no further than the first */
    assert_int_equal(trainer_snapshot(t)->op, 1);
    ops(t, trainer_snapshot(t)->n_op - 1); /* into the update, and back before it */
    /* what the update changed, and its norm over the whole parameter */
    s = trainer_snapshot(t);
    assert_int_equal(s->phase, PH_UPDATE);
    assert_int_equal(s->n_probe, 1);
    double sum = 0;
    for (int32_t i = 0; i < s->probe[0].d[0] * s->probe[0].d[1]; i++)
        sum += (double)s->probe[0].x[i] * (double)s->probe[0].x[i];
    snprintf(name, sizeof name, "%s  change, norm %.4g", s->line[s->n_op - 1].name, sqrt(sum));
    assert_true(sum > 0);
    assert_string_equal(s->op_name, name);
    ops(t, -trainer_snapshot(t)->n_op);
    assert_int_equal(trainer_snapshot(t)->op, 1);
    assert_int_equal(trainer_snapshot(t)->step, 0);
    post(t, TC_STEP, 3, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->step, 3);
    ends_as(t, want);
}

static void test_break_on_tensor(void **state)
{
    (void)state;
    char want[65];
    plain(want, 14, -1, NULL);
    struct trainer *t = start();
    post(t, TC_BREAK, 0, "nobody.max>3");
    post(t, TC_BREAK, 0, "item.E.norm");
    post(t, TC_BREAK, 0, "item.E.nan>=0"); /* holds always */
    post(t, TC_RUN, 30, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->state, TS_PAUSED);
    assert_int_equal(trainer_snapshot(t)->step, 0);
    struct train_event e;
    int refused = 0;
    while (trainer_event(t, &e))
        refused += e.is_error;
    assert_int_equal(refused, 2);
    post(t, TC_BREAK, 0, "off item.E.nan>=0");
    post(t, TC_BREAK, 0, "item.E.norm<0");
    post(t, TC_RUN, 14, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->step, 14);
    ends_as(t, want);
}

/* A command that is on its way counts: nobody else may take the pool in between. */
static void test_busy_from_the_post(void **state)
{
    (void)state;
    struct trainer *t = start();
    assert_false(trainer_busy(t));
    post(t, TC_STEP, 1, "");
    assert_true(trainer_busy(t));
    assert_true(trainer_wait(t, wait_ms()));
    assert_false(trainer_busy(t));
    learner_free(trainer_join(t));
}

static void test_breakpoints(void **state)
{
    (void)state;
    char want[65];
    plain(want, 14, -1, NULL);
    struct trainer *t = start();
    post(t, TC_BREAK, 0, "step==10");
    post(t, TC_BREAK, 0, "nonsense");
    post(t, TC_RUN, 30, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->state, TS_PAUSED);
    assert_int_equal(trainer_snapshot(t)->step, 9);
    struct train_event e;
    bool refused = false;
    while (trainer_event(t, &e))
        refused |= e.is_error && strstr(e.text, "nonsense");
    assert_true(refused);
    /* holds always: it breaks at every batch but the one just broken at */
    post(t, TC_BREAK, 0, "loss<100");
    for (int64_t step = 10; step < 12; step++) {
        post(t, TC_RUN, 30, "");
        assert_true(trainer_wait(t, wait_ms()));
        assert_int_equal(trainer_snapshot(t)->step, step);
    }
    post(t, TC_BREAK, 0, "off loss<100");
    post(t, TC_BREAK, 0, "off step==10");
    post(t, TC_RUN, 14, "");
    assert_true(trainer_wait(t, wait_ms()));
    assert_int_equal(trainer_snapshot(t)->step, 14);
    ends_as(t, want);
}

static void test_history_and_questions(void **state)
{
    (void)state;
    struct history *h;
    struct explorer *e;
    assert_int_equal(history_new(&h, 64u << 20, 64, NULL), ST_OK);
    assert_int_equal(explorer_start(&e, NULL), ST_OK);
    struct trainer *t;
    assert_int_equal(trainer_start(&t, fresh(), pool, NULL, NULL), ST_OK);
    trainer_set_history(t, h);
    post(t, TC_RUN, 40, "");
    const int32_t item[] = {12, 87, 3};
    struct question q = {.kind = ASK_SCORE, .n = 3, .item = item};
    for (int i = 0; i < 30; i++) { /* asked while it trains: latest wins */
        struct weights *w = trainer_weights(t);
        assert_non_null(w);
        explorer_ask(e, 1, w, &q);
        weights_unref(w);
    }
    assert_true(trainer_wait(t, wait_ms()));
    struct weights *w = trainer_weights(t);
    assert_int_equal(w->step, 40);
    explorer_ask(e, 1, w, &q);
    const struct answer *a = NULL;
    for (int i = 0; i < 2000 && !((a = explorer_answer(e, 1)) && a->step == 40); i++)
        poll(NULL, 0, 1);
    assert_non_null(a);
    assert_int_equal(a->step, 40);
    struct explore *x;
    assert_int_equal(explore_new(&x, NULL), ST_OK);
    const struct answer *b = explore_ask(x, w, &q, NULL);
    /* the same bits here and there */
    assert_memory_equal(a->score, b->score, ((size_t)ds->n_items + 1) * sizeof(float));
    int64_t steps[64];
    int n = history_steps(h, steps, 64);
    assert_true(n >= 8);
    assert_int_equal(steps[0], 0);
    for (int i = 1; i < n; i++)
        assert_true(steps[i] > steps[i - 1]);
    struct weights *old = history_at(h, 8);
    assert_non_null(old);
    assert_int_equal(old->step, 8);
    weights_unref(old);
    assert_null(history_at(h, 7777));
    weights_unref(w);
    explore_free(x);
    explorer_stop(e);
    learner_free(trainer_join(t));
    history_free(h);
}

/* A part of an evaluation gives way to what is short, and comes behind it whole. */
static void test_long_gives_way(void **state)
{
    (void)state;
    struct explorer *e;
    struct weights *w;
    struct learner *l = fresh();
    assert_int_equal(explorer_start(&e, NULL), ST_OK);
    assert_int_equal(weights_of(&w, l, NULL), ST_OK);
    const int32_t item[] = {12, 87, 3};
    struct question shorter = {.kind = ASK_SCORE, .n = 3, .item = item},
                    longer = {.kind = ASK_RANKS, .tag = 5};
    eval_defaults(&longer.eval, split);
    longer.n_case = eval_count(split, &longer.eval);
    explorer_ask(e, 1, w, &longer);
    for (int i = 0; i < 20; i++) { /* some meet it at work, some in the queue */
        explorer_ask(e, 2 + (uint64_t)i, w, &shorter);
        while (!explorer_answer(e, 2 + (uint64_t)i))
            poll(NULL, 0, 1);
        if (i == 0)
            assert_null(explorer_answer(e, 1)); /* although it was asked first */
    }
    const struct answer *a = NULL;
    for (int i = 0; i < 20000 && !(a = explorer_answer(e, 1)); i++)
        poll(NULL, 0, 1);
    if (!a)
        fail_msg("the long one was never answered");
    else
        assert_int_equal(a->err.code, ST_OK);
    assert_int_equal(a ? a->n_rank : 0, longer.n_case);
    assert_int_equal(a ? a->tag : 0, 5);
    assert_true(explorer_cpu_s(e) > 0);
    explorer_stop(e);
    weights_unref(w);
    learner_free(l);
}

static void test_asking(void **state)
{
    (void)state;
    struct learner *l = fresh();
    struct weights *w;
    struct explore *x;
    for (int i = 0; i < 30; i++)
        assert_int_equal(learner_step(l, pool, NULL, NULL, NULL), ST_OK);
    assert_int_equal(weights_of(&w, l, NULL), ST_OK);
    assert_int_equal(explore_new(&x, NULL), ST_OK);
    size_t cols = (size_t)ds->n_items + 1;
    const int32_t item[] = {5, 9, 14, 20, 77};
    struct question q = {.kind = ASK_OCCLUDE, .n = 5, .item = item};
    const struct answer *a = explore_ask(x, w, &q, NULL);
    assert_int_equal(a->err.code, ST_OK);
    assert_int_equal(a->n_row, 5);
    float *kept = malloc(5 * cols * sizeof *kept);
    memcpy(kept, a->score, 5 * cols * sizeof *kept);
    for (int i = 0; i < 5; i++) { /* occlusion = deletion by hand, for each place */
        int32_t less[4];
        for (int k = 0, n = 0; k < 5; k++)
            if (k != i)
                less[n++] = item[k];
        struct question hand = {.kind = ASK_SCORE, .n = 4, .item = less};
        a = explore_ask(x, w, &hand, NULL);
        assert_memory_equal(a->score, kept + (size_t)i * cols, cols * sizeof *kept);
    }
    q.kind = ASK_PREFIXES;
    a = explore_ask(x, w, &q, NULL);
    memcpy(kept, a->score, 5 * cols * sizeof *kept);
    for (int i = 1; i <= 5; i++) {
        struct question hand = {.kind = ASK_SCORE, .n = i, .item = item};
        a = explore_ask(x, w, &hand, NULL);
        assert_memory_equal(a->score, kept + (size_t)(i - 1) * cols, cols * sizeof *kept);
    }
    q.kind = ASK_PROBES;
    q.probes = "block*.attn.prob,final";
    a = explore_ask(x, w, &q, NULL);
    const struct probe_copy *p = answer_probe(a, "block1.attn.prob");
    assert_non_null(p);
    assert_non_null(answer_probe(a, "block2.attn.prob"));
    assert_int_equal(p->nd, 3);
    /* attention rows sum to one, nothing of the future is read */
    for (int r = 0; r < p->d[0] * p->d[1]; r++) {
        double sum = 0;
        for (int c = 0; c < p->d[2]; c++) {
            double v = (double)p->x[r * p->d[2] + c];
            sum += isnan(v) ? 0 : v;
            if (c > r % p->d[1])
                assert_true(isnan(v) || v == 0);
        }
        assert_true(fabs(sum - 1) < 1e-5);
    }
    q.kind = ASK_GRADIENT;
    q.target = 21;
    a = explore_ask(x, w, &q, NULL);
    assert_int_equal(a->err.code, ST_OK);
    double sum = 0;
    for (int i = 0; i < 5; i++)
        sum += fabs((double)a->value[i]);
    assert_true(sum > 0);
    q.n = 0;
    a = explore_ask(x, w, &q, NULL);
    assert_string_equal(a->err.kind, "empty-seq");
    free(kept);
    explore_free(x);
    weights_unref(w);
    learner_free(l);
}

static void test_best_items(void **state)
{
    (void)state;
    const float s[] = {-INFINITY, 1, 3, 3, 2, NAN, 3};
    int32_t item[4];
    float got[4];
    assert_int_equal(top_items(s, 6, 4, NULL, 0, item, got), 4);
    assert_int_equal(item[0], 2); /* ties by id */
    assert_int_equal(item[1], 3);
    assert_int_equal(item[2], 6);
    assert_int_equal(item[3], 4);
    const int32_t skip[] = {3};
    assert_int_equal(top_items(s, 6, 2, skip, 1, item, got), 2);
    assert_int_equal(item[1], 6);
    assert_int_equal(top_items(s, 6, 0, NULL, 0, item, got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_and_step),
        cmocka_unit_test(test_setting_takes_effect_where_it_is_said),
        cmocka_unit_test(test_ops_change_nothing),
        cmocka_unit_test(test_breakpoints),
        cmocka_unit_test(test_ops_back),
        cmocka_unit_test(test_busy_from_the_post),
        cmocka_unit_test(test_break_on_tensor),
        cmocka_unit_test(test_history_and_questions),
        cmocka_unit_test(test_long_gives_way),
        cmocka_unit_test(test_asking),
        cmocka_unit_test(test_best_items),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
