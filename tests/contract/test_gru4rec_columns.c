/* What a watched step of GRU4Rec shows of its output layer, under every loss: the numbers
 * belong together and to the loss. */
#include "engine/train/learner_work.h"
#include "models/models.h"
#include "tests/support/batch_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct tensor *probe(const struct tape *t, const char *name)
{
    const struct tensor *x = tape_find(t, name);
    if (!x)
        fail_msg("no probe %s", name);
    return x;
}

static double at(const struct tensor *x, int32_t row, int32_t col)
{
    return (double)x->x[(size_t)row * (size_t)x->ld + (size_t)col];
}

static double total(const struct tape *t)
{
    double value, weight;
    assert_int_equal(tape_terms(t), 1);
    tape_term_at(t, 0, &value, &weight);
    return value * weight;
}

static void check_step(const char *settings, const struct split *sp, int64_t step)
{
    const struct model_def *m = model_find("gru4rec");
    struct hparams *hp;
    struct learner *l;
    struct arena *mem;
    struct tape *t;
    struct batch plan;
    struct block b;
    struct err err;
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, settings, &err) || learner_new(&l, m, hp, sp, 3, &err))
        fail_msg("%s: %s", settings, err.msg);
    assert_int_equal(arena_new(&mem, 0, &err), ST_OK);
    assert_int_equal(tape_new(&t, 1 << 20, &err), ST_OK);
    assert_int_equal(batcher_plan(l->batcher, step, &plan, &err), ST_OK);
    batch_fill(l->batcher, &plan, 1, 0, mem, &b);
    struct tape_env env = {.x = l->x, .seed = 3, .training = true};
    tape_begin(t, &env);
    m->loss(l->self, t, &b);
    double unwatched = total(t);
    assert_null(tape_find(t, "head.scores")); /* nobody looks: nothing is made */
    tape_begin(t, &env);
    tape_watch(t, 0);
    m->loss(l->self, t, &b);
    assert_int_equal(tape_check(t, &err), ST_OK);
    assert_true(total(t) == unwatched);

    const struct tensor *cols = probe(t, "head.cols"), *score = probe(t, "head.scores"),
                        *prob = probe(t, "head.prob"), *negw = probe(t, "head.negw"),
                        *rank = probe(t, "head.rank"), *loss = probe(t, "head.rowloss");
    double sum = 0;
    int32_t n = tensor_cols(cols);
    assert_int_equal(tensor_rows(score), b.n_query);
    assert_int_equal(tensor_cols(score), n);
    for (int32_t q = 0; q < b.n_query; q++) {
        int32_t own = b.col ? b.query_col[q] : b.target[q] - 1, above = 0;
        double p = 0, w = 0;
        assert_int_equal((int32_t)at(cols, 0, own), b.target[q]);
        assert_int_equal((int32_t)at(probe(t, "lane.target"), q, 0), b.target[q]);
        for (int32_t k = 0; k < n; k++) {
            p += at(prob, q, k);
            w += at(negw, q, k);
            above += at(score, q, k) > at(score, q, own);
        }
        assert_true(fabs(p - 1) < 1e-5 && fabs(w - 1) < 1e-5 && at(negw, q, own) == 0);
        assert_int_equal((int32_t)at(rank, q, 0), above + 1);
        sum += (double)b.weight[q] * at(loss, q, 0);
    }
    if (!(fabs(sum - unwatched) < 1e-4 * (1 + fabs(unwatched))))
        fail_msg("%s: losses of the queries sum to %g, the loss is %g", settings, sum,
                 unwatched);
    for (int32_t r = 0; r < b.off[b.n]; r++)
        assert_int_equal((int32_t)at(probe(t, "lane.item"), r, 0), b.item[r]);
    for (int32_t s = 0; s < b.n;
         s++) /* a lane is wiped where its first click is a session's first */
        assert_int_equal(at(probe(t, "lane.fresh"), s, 0) == 1,
                         at(probe(t, "lane.pos"), b.off[s], 0) == 1);
    tape_free(t);
    arena_free(mem);
    learner_free(l);
    hparams_free(hp);
}

static void test_columns(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "hidden=16 batch=32 loss=xe negatives=all",
        "hidden=16 batch=32 loss=xe negatives=extra neg=24 logq=1",
        "hidden=16 batch=32 loss=xe negatives=batch smoothing=0.1",
        "hidden=16 batch=32 loss=bpr negatives=extra neg=24",
        "hidden=16 batch=32 loss=top1 negatives=batch final_act=tanh loss_neg_only=1",
        "hidden=16 batch=32 loss=bpr-max negatives=extra neg=24 final_act=elu",
        "hidden=16 batch=32 loss=bpr-max negatives=extra neg=24 final_act=selu act.a=1.67326",
        "hidden=16 batch=32 loss=top1-max negatives=extra neg=24 bptt=3 mask_dup=1",
    };
    struct rig r =
        rig_new("chain", 400, &(struct batch_spec){.kind = BATCH_PARALLEL, .size = 8});
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (int64_t step = 0; step < 8; step += 7)
            check_step(settings[i], r.sp, step);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
