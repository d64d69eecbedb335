/* The training step: same bits for any number of threads, however it is walked; resumed =
 * uninterrupted; nothing left by a batch that was broken off. */
#include "engine/data/world.h"
#include "engine/train/learner.h"
#include "models/models.h"
#include "tests/support/approx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct dataset *ds;
static struct split *split;

static int set_up(void **state)
{
    (void)state;
    struct world_opts o = {.items = 144, .sessions = 400, .noise = -1, .seed = 1};
    if (world_generate(&ds, "bazaar", &o, NULL) != ST_OK)
        return -1;
    return split_new(&split, ds, SPLIT_SESSIONS, NULL) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    split_free(split);
    dataset_free(ds);
    return 0;
}

static struct learner *fresh(const char *settings)
{
    const struct model_def *m = model_find("sasrec");
    assert_non_null(m);
    struct hparams *hp;
    struct learner *l;
    struct err err;
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, settings, &err) != ST_OK)
        fail_msg("%s", err.msg);
    if (learner_new(&l, m, hp, split, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    hparams_free(hp);
    return l;
}

static const char small[] = "d=32 layers=2 heads=2 maxlen=12 batch=48 dropout=0.2 loss=ce";

static void run(struct learner *l, int threads, int steps)
{
    struct pool *p;
    struct err err;
    struct step_info info;
    assert_int_equal(pool_new(&p, threads, &err), ST_OK);
    for (int i = 0; i < steps; i++) {
        if (learner_step(l, p, NULL, &info, &err) != ST_OK)
            fail_msg("%s", err.msg);
        assert_true(isfinite(info.loss));
    }
    pool_free(p);
}

static void sha_after(char hex[65], const char *settings, int threads, int steps)
{
    struct learner *l = fresh(settings);
    run(l, threads, steps);
    learner_sha256(l, hex);
    learner_free(l);
}

static void test_same_bits_for_any_threads(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "d=32 layers=2 heads=2 maxlen=12 batch=48 dropout=0.2 loss=ce",
        "d=50 layers=1 heads=1 maxlen=20 batch=32 dropout=0.5 loss=bce clip=0.5 l2_emb=0.01",
        "d=32 layers=1 heads=1 maxlen=12 batch=48 opt=rmsprop momentum=0.5",
        "d=32 layers=1 heads=1 maxlen=12 batch=48 opt=adadelta lr=1 loss=bce",
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char one[65], two[65], four[65];
        sha_after(one, settings[i], 1, 15);
        sha_after(two, settings[i], 2, 15);
        sha_after(four, settings[i], 4, 15);
        assert_string_equal(one, two);
        assert_string_equal(one, four);
    }
}

static void test_loss_falls(void **state)
{
    (void)state;
    struct learner *l = fresh(small);
    struct step_info info;
    struct err err;
    assert_int_equal(learner_step(l, NULL, NULL, &info, &err), ST_OK);
    double first = info.loss;
    assert_int_equal(info.step, 1);
    for (int i = 0; i < 120; i++)
        assert_int_equal(learner_step(l, NULL, NULL, &info, &err), ST_OK);
    assert_true(info.loss < first - 1);
    learner_free(l);
}

static void check_resumed(const char *settings)
{
    char want[65], got[65], path[] = "/tmp/seqlab-resume-XXXXXX";
    sha_after(want, settings, 2, 30);
    struct learner *l = fresh(settings), *back;
    run(l, 1, 12);
    struct err err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (learner_save(l, path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    learner_free(l);
    if (learner_load(&back, path, model_defs, split, false, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(back->step, 12);
    run(back, 2, 18);
    learner_sha256(back, got);
    assert_string_equal(got, want);
    learner_free(back);
    unlink(path);
}

static void test_resumed_is_uninterrupted(void **state)
{
    (void)state;
    for (int i = 0; optim_defs[i]; i++) {
        char settings[160];
        snprintf(settings, sizeof settings, "%s momentum=0.4 opt=%s", small,
                 optim_defs[i]->name);
        check_resumed(settings);
    }
}

static void test_clone_goes_the_same_way(void **state)
{
    (void)state;
    char a[65], b[65];
    struct learner *l = fresh(small), *c;
    run(l, 2, 9);
    assert_int_equal(learner_clone(&c, l, NULL), ST_OK);
    run(l, 2, 9);
    run(c, 1, 9);
    learner_sha256(l, a);
    learner_sha256(c, b);
    assert_string_equal(a, b);
    learner_free(l);
    learner_free(c);
}

struct walk {
    int ops, stop_at;
    bool seen[5];
};
static bool on_op(void *ctx, const struct tape *t, int32_t node, enum phase ph)
{
    (void)t;
    (void)node;
    struct walk *w = ctx;
    w->seen[ph] = true;
    return ++w->ops != w->stop_at;
}

static void test_walked_by_op_is_the_same(void **state)
{
    (void)state;
    char want[65], got[65];
    sha_after(want, small, 1, 6);
    struct learner *l = fresh(small);
    for (int i = 0; i < 6; i++) {
        struct walk w = {0};
        struct step_watch watch = {.shard = -1, .session = 0, .on_op = on_op, .ctx = &w};
        struct err err;
        if (learner_step(l, NULL, &watch, NULL, &err) != ST_OK)
            fail_msg("%s", err.msg);
        for (int p = 0; p < 5; p++)
            assert_true(w.seen[p]);
    }
    learner_sha256(l, got);
    assert_string_equal(got, want);
    learner_free(l);
}

static void test_broken_off_leaves_no_trace(void **state)
{
    (void)state;
    char want[65], before[65], got[65];
    sha_after(want, small, 1, 4);
    struct learner *l = fresh(small);
    run(l, 1, 3);
    learner_sha256(l, before);
    for (int stop = 1;; stop += 5) {
        struct walk w = {.stop_at = stop};
        struct step_watch watch = {.shard = -1, .session = 0, .on_op = on_op, .ctx = &w};
        enum status st = learner_step(l, NULL, &watch, NULL, NULL);
        if (st == ST_OK)
            break; /* walked to the end: the stop lay behind it */
        assert_int_equal(st, ST_CANCELLED);
        learner_sha256(l, got);
        assert_string_equal(got, before);
        assert_int_equal(l->step, 3);
    }
    learner_sha256(l, got);
    assert_string_equal(got, want);
    learner_free(l);
}

static void test_divergence_is_seen_before_the_update(void **state)
{
    (void)state;
    struct learner *l = fresh(small);
    run(l, 1, 2);
    l->x[params_find(l->ps, "item.E")->at + 5 * 32] = (real)NAN;
    struct err err = {0};
    assert_int_equal(learner_step(l, NULL, NULL, NULL, &err), ST_NUMERIC);
    assert_non_null(strstr(err.msg, "item.E"));
    assert_int_equal(l->step, 2);
    learner_free(l);
}

static void test_settings(void **state)
{
    (void)state;
    struct learner *l = fresh(small);
    struct err err = {0};
    assert_int_equal(learner_set(l, "lr", "0.0005", &err), ST_OK);
    assert_true(fabs(hp_num(l->hp, "lr") - 0.0005) < 1e-12);
    assert_int_equal(learner_set(l, "d", "64", &err), ST_STATE);
    assert_string_equal(err.kind, "later");
    assert_int_not_equal(learner_set(l, "lr", "-1", &err), ST_OK);
    assert_int_not_equal(learner_set(l, "learning_rate", "1", &err), ST_OK);
    learner_free(l);
}

/* SASRec's l2_emb adds half its part of the squares of both tables to the loss, once a batch
 * of many blocks, and that part of every weight of theirs to the gradient; of no other. */
static void test_l2_of_the_tables(void **state)
{
    (void)state;
    static const char *const of[] = {
        "d=8 heads=2 layers=1 batch=64 maxlen=9 dropout=0 opt=sgd lr=1 loss=bce",
        "d=8 heads=2 layers=1 batch=64 maxlen=9 dropout=0 opt=sgd lr=1 loss=ce tie_output=0"};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct learner *l[2];
        struct step_info info[2];
        struct err err;
        double squares = 0;
        real *before = NULL;
        for (int l2 = 0; l2 < 2; l2++) {
            char settings[160];
            snprintf(settings, sizeof settings, "%s %s", of[i], l2 ? "l2_emb=0.5" : "");
            l[l2] = fresh(settings);
            if (l2) {
                before = malloc(params_size(l[l2]->ps) * sizeof *before);
                assert_non_null(before);
                memcpy(before, l[l2]->x, params_size(l[l2]->ps) * sizeof *before);
            }
            assert_int_equal(learner_step(l[l2], NULL, NULL, &info[l2], &err), ST_OK);
        }
        for (int p = 0; p < params_n(l[0]->ps); p++) {
            const struct param *of_p = params_at(l[0]->ps, p);
            bool table = strcmp(of_p->name, "item.E") == 0 || strcmp(of_p->name, "pos.P") == 0;
            for (size_t e = 0; e < param_rows(of_p) * (size_t)of_p->ld; e++) {
                size_t at = of_p->at + e;
                double w = table ? (double)before[at] : 0;
                squares += w * w;
                assert_close1(of_p->name, (double)l[1]->x[at] - (double)l[0]->x[at], -0.5 * w,
                              1e-5, 1e-6);
            }
        }
        assert_true(squares > 1);
        assert_close1("loss", info[1].loss - info[0].loss, 0.25 * squares, 1e-5, 1e-6);
        assert_int_equal(info[0].n_term, 1);
        assert_int_equal(info[1].n_term, 2);
        free(before);
        learner_free(l[0]);
        learner_free(l[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_for_any_threads),
        cmocka_unit_test(test_l2_of_the_tables),
        cmocka_unit_test(test_loss_falls),
        cmocka_unit_test(test_resumed_is_uninterrupted),
        cmocka_unit_test(test_clone_goes_the_same_way),
        cmocka_unit_test(test_walked_by_op_is_the_same),
        cmocka_unit_test(test_broken_off_leaves_no_trace),
        cmocka_unit_test(test_divergence_is_seen_before_the_update),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
