/* Large item tables: row lists and the output layer on the batch train as the plain form does, with one result for any number of threads. */
#include "engine/data/world.h"
#include "engine/train/learner_work.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct dataset *ds;
static struct split *split;

static int set_up(void **state)
{
    (void)state;
    struct world_opts o = {.items = 480, .sessions = 300, .noise = -1, .seed = 1};
    if (world_generate(&ds, "chain", &o, NULL) != ST_OK)
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

static struct learner *fresh(const char *loss, int d)
{
    const struct model_def *m = model_find("sasrec");
    struct hparams *hp;
    struct learner *l;
    struct err err;
    char settings[160];
    snprintf(settings, sizeof settings, "d=%d layers=0 heads=1 maxlen=8 batch=24 dropout=0.1 ffn=none %s", d, loss);
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, settings, &err) != ST_OK || learner_new(&l, m, hp, split, 5, &err) != ST_OK)
        fail_msg("%s", err.msg);
    hparams_free(hp);
    return l;
}

static void steps(struct learner *l, int threads, int n, struct step_info *info)
{
    struct pool *p;
    struct err err;
    assert_int_equal(pool_new(&p, threads, &err), ST_OK);
    for (int i = 0; i < n; i++)
        if (learner_step(l, p, NULL, info, &err) != ST_OK)
            fail_msg("%s", err.msg);
    pool_free(p);
}

static const char *const kinds[] = {"loss=ce opt=adam", "loss=bce opt=adam", "loss=bce opt=adagrad lr=0.01 eps=1e-6", "loss=ssm neg=30 opt=adam", "loss=gbce neg=5 opt=sgd lr=0.5"};

static void test_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        char one[65], three[65];
        struct step_info info;
        for (int threads = 1; threads <= 3; threads += 2) {
            struct learner *l = fresh(kinds[k], 560);
            steps(l, threads, 3, &info);
            assert_true(l->work->n_table >= 1);
            learner_sha256(l, threads == 1 ? one : three);
            learner_free(l);
        }
        if (strcmp(one, three) != 0)
            fail_msg("%s: bits depend on threads", kinds[k]);
    }
}

/* The same model as if its table were small. */
static void test_equals_the_plain_form(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct learner *rows = fresh(kinds[k], 560), *plain = fresh(kinds[k], 560);
        struct step_info a, b;
        plain->work->plain_tables = true;
        for (int i = 0; i < 3; i++) {
            steps(rows, 2, 1, &a);
            steps(plain, 2, 1, &b);
            if (!(fabs(a.loss - b.loss) < 1e-4 * fabs(b.loss)) || !(fabs(a.grad_norm - b.grad_norm) < 1e-3 * b.grad_norm))
                fail_msg("%s: step %d: loss %.9g, norm %.9g; plain %.9g, %.9g", kinds[k], i + 1, a.loss, a.grad_norm, b.loss, b.grad_norm);
        }
        assert_int_equal(plain->work->n_table, 0);
        assert_null(plain->work->head);
        const struct param *e = params_find(rows->ps, "item.E");
        double worst = 0, moved = 0;
        struct learner *start = fresh(kinds[k], 560);
        for (size_t i = 0; i < param_rows(e) * (size_t)e->ld; i++) {
            worst = fmax(worst, fabs((double)rows->x[e->at + i] - (double)plain->x[e->at + i]));
            moved = fmax(moved, fabs((double)rows->x[e->at + i] - (double)start->x[e->at + i]));
        }
        /* Adam divides by the gradient's size: where that is rounding noise, the first steps may go either way. */
        if (!(worst <= 0.5 * moved) || moved == 0)
            fail_msg("%s: tables differ by %g, moved by %g", kinds[k], worst, moved);
        learner_free(rows);
        learner_free(plain);
        learner_free(start);
    }
}

static bool stop_before(void *ctx, const struct learner *l, double loss, double norm)
{
    (void)ctx, (void)l, (void)loss, (void)norm;
    return false;
}

static bool every_op(void *ctx, const struct tape *t, int32_t node, enum phase ph)
{
    (void)t, (void)node, (void)ph;
    ++*(int *)ctx;
    return true;
}

static void test_broken_off_and_walked(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        char want[65], got[65];
        struct step_info info;
        struct learner *l = fresh(kinds[k], 560), *m = fresh(kinds[k], 560);
        steps(l, 2, 4, &info);
        learner_sha256(l, want);
        steps(m, 2, 2, &info);
        struct step_watch stop = {.shard = -1, .session = -1, .before_update = stop_before};
        assert_int_equal(learner_step(m, NULL, &stop, NULL, NULL), ST_CANCELLED);
        int ops = 0;
        struct step_watch walk = {.shard = -1, .session = 0, .on_op = every_op, .ctx = &ops};
        struct err err;
        if (learner_step(m, NULL, &walk, NULL, &err) != ST_OK)
            fail_msg("%s", err.msg);
        assert_true(ops > 5);
        steps(m, 1, 1, &info);
        learner_sha256(m, got);
        assert_string_equal(got, want);
        learner_free(l);
        learner_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_for_any_threads),
        cmocka_unit_test(test_equals_the_plain_form),
        cmocka_unit_test(test_broken_off_and_walked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
