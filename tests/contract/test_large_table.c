/* A catalogue so large that the learner works the output layer over the whole batch and the
 * item table by rows: the update is the one that a single tape's gradients say.  BERT4Rec
 * and GRU4Rec, whose heads and blocks differ from SASRec's. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "engine/tensor/gemm.h"
#include "engine/train/learner_work.h"
#include "engine/train/weights.h"
#include "tests/support/instrumented.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 4200, SESSIONS = 24, LEN = 9 };
static struct pool *pool;

static void new_kit(struct kit *k, const char *model, const char *settings)
{
    static int32_t item[SESSIONS][LEN];
    const int32_t *session[SESSIONS];
    int32_t len[SESSIONS];
    for (int s = 0; s < SESSIONS; s++) {
        len[s] = 2 + (s * 5) % (LEN - 1);
        session[s] = item[s];
        for (int i = 0; i < LEN; i++)
            item[s][i] = 1 + (s * 977 + i * 389 + i * i) % V;
    }
    kit_new_data(k, model, settings, V, 7, SESSIONS, session, len);
}

static const struct {
    const char *model, *settings;
} of[] = {
    {"bert4rec", "batch=32 maxlen=12 opt=sgd lr=1"},
    {"bert4rec", "batch=32 maxlen=12 opt=sgd lr=1 softmax_rows=all"},
    {"bert4rec", "batch=32 maxlen=12 opt=sgd lr=1 loss=gbce neg=20"},
    {"bert4rec", "batch=32 maxlen=12 opt=sgd lr=1 loss=ssm neg=30"},
    {"gru4rec", "batch=20 bptt=4 opt=sgd lr=1 negatives=all"},
    {"gru4rec", "batch=20 bptt=4 opt=sgd lr=1 negatives=extra neg=50"},
    {"gru4rec", "batch=20 bptt=4 opt=sgd lr=1 loss=bpr-max final_act=elu neg=50 neg.alpha=0"},
    {"gru4rec", "batch=20 bptt=1 opt=sgd lr=1 negatives=batch embed=onehot"},
};

static void test_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct kit k;
        struct learner *l;
        struct batcher *bt = NULL;
        struct batch plan;
        struct step_info info;
        struct err err;
        double loss = 0, worst = 0;
        int compared = 0;
        new_kit(&k, of[i].model, of[i].settings);
        if (learner_new(&l, k.def, k.hp, &k.split, 7, &err) ||
            batcher_new(&bt, &k.split, &k.spec, 7, &err))
            fail_msg("%s", err.msg);
        assert_int_equal(batcher_plan(bt, 0, &plan, &err), ST_OK);
        real *sum = params_block_new(k.ps);
        assert_non_null(sum);
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int p = 0; p < plan.n_part[s]; p++) {
                struct block b;
                batch_fill(bt, &plan, s, p, k.mem, &b);
                k.env.row0 = b.row0;
                loss += kit_loss(&k, &b);
                for (size_t e = 0; e < params_size(k.ps); e++)
                    sum[e] += k.g[e];
            }
        if (learner_step(l, pool, NULL, &info, &err))
            fail_msg("%s", err.msg);
        assert_close1(of[i].settings, info.loss, loss, 1e-5, 0);
        for (int j = 0; j < params_n(k.ps); j++) {
            const struct param *p = params_at(k.ps, j);
            if (p->flags & PARAM_STATE)
                continue;
            for (size_t r = p->flags & PARAM_ZERO_ROW0 ? 1 : 0; r < param_rows(p); r++)
                for (size_t c = 0; c < (size_t)param_cols(p); c++) {
                    size_t at = p->at + r * (size_t)p->ld + c;
                    double got = (double)k.x[at] - (double)l->x[at],
                           off = fabs(got - (double)sum[at]);
                    compared += sum[at] != 0;
                    worst = fmax(worst, off);
                    if (off > 1e-6 + 1e-4 * fabs((double)sum[at]))
                        fail_msg("%s %s: %s[%zu][%zu] moved by %.8g, gradient %.8g",
                                 of[i].model, of[i].settings, p->name, r, c, got,
                                 (double)sum[at]);
                }
        }
        assert_true(compared > 1000);
        params_block_free(k.ps, sum);
        batcher_free(bt);
        learner_free(l);
        kit_free(&k);
    }
}

/* The authors' optimisers move the rows of a step and no others, momentum or not: a row read
 * and scored once stays where it is.  plain: as in a small table. */
static void check_untouched(const char *opt, bool plain)
{
    struct kit k;
    struct learner *l;
    struct err err;
    char settings[120];
    int moved = 0, rested = 0;
    snprintf(settings, sizeof settings,
             "batch=4 bptt=1 negatives=extra neg=20 momentum=0.9 wd=0.01 opt=%s", opt);
    new_kit(&k, "gru4rec", settings);
    if (learner_new(&l, k.def, k.hp, &k.split, 7, &err))
        fail_msg("%s", err.msg);
    l->work->plain_tables = plain;
    const struct param *p = params_find(l->ps, "Wy");
    size_t n = param_rows(p) * (size_t)p->ld, ld = (size_t)p->ld;
    real *before = malloc(n * sizeof *before), *after = malloc(n * sizeof *after);
    assert_true(before && after);
    for (int i = 0; i < 12; i++) {
        memcpy(before, l->x + p->at, n * sizeof *before);
        if (learner_step(l, pool, NULL, NULL, &err))
            fail_msg("%s", err.msg);
        memcpy(after, l->x + p->at, n * sizeof *after);
        int here = 0;
        for (size_t r = 0; r < param_rows(p); r++)
            here += memcmp(before + r * ld, after + r * ld, ld * sizeof *before) != 0;
        assert_in_range(here, 1, 4 + 4 + 20); /* items read, targets, draws */
        moved += here;
    }
    for (size_t r = 0; r < param_rows(p); r++)
        rested += memcmp(k.x + p->at + r * ld, l->x + p->at + r * ld, ld * sizeof *before) == 0;
    assert_true(moved > 100 && rested > V - 400);
    free(before);
    free(after);
    learner_free(l);
    kit_free(&k);
}

static void test_untouched_rows_rest(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        check_untouched("adagrad", plain);
        check_untouched("rmsprop", plain);
        check_untouched("adadelta", plain);
    }
}

/* Rows by lists and rows in gradient blocks go the same way, through steps in which most
 * rows rest: to the bit where the output layer is worked by shards either way, else but for
 * rounding. */
static void test_lists_equal_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *model, *settings;
        double off;
    } way[] = {
        {"sasrec", "batch=4 maxlen=12 d=64 loss=bce opt=adam wd=0.01", 0},
        {"sasrec", "batch=4 maxlen=12 d=64 loss=bce_k neg=5 tie_output=0 opt=adam", 0},
        {"bert4rec", "batch=4 maxlen=12 opt=adam loss=gbce neg=20", 0},
        {"bert4rec", "batch=4 maxlen=12 opt=adagrad lr=0.05 loss=ssm neg=30", 0},
        {"gru4rec", "batch=4 bptt=2 opt=adagrad negatives=extra neg=20 lr=0.05", 1e-4},
        {"gru4rec", "batch=4 bptt=1 opt=adam negatives=extra neg=20 lr=0.001", 1e-4},
        {"bert4rec", "batch=4 maxlen=12 opt=rmsprop lr=0.001 loss=ssm neg=30 momentum=0.5", 0},
        {"bert4rec", "batch=4 maxlen=12 opt=adadelta lr=1 loss=gbce neg=20", 0},
    };
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        struct kit k;
        struct learner *l[2];
        struct err err;
        char hex[2][65];
        double worst = 0, moved = 0;
        new_kit(&k, way[i].model, way[i].settings);
        for (int plain = 0; plain < 2; plain++) {
            if (learner_new(&l[plain], k.def, k.hp, &k.split, 7, &err))
                fail_msg("%s", err.msg);
            l[plain]->work->plain_tables = plain;
            for (int step = 0; step < 200; step++)
                if (learner_step(l[plain], pool, NULL, NULL, &err))
                    fail_msg("%s", err.msg);
            learner_sha256(l[plain], hex[plain]);
        }
        assert_true(l[0]->work->n_table > 0 && l[1]->work->n_table == 0);
        for (size_t e = 0; e < params_size(k.ps); e++) {
            worst = fmax(worst, fabs((double)l[0]->x[e] - (double)l[1]->x[e]));
            moved = fmax(moved, fabs((double)l[0]->x[e] - (double)k.x[e]));
        }
        if (worst > way[i].off || (way[i].off == 0 && strcmp(hex[0], hex[1]) != 0))
            fail_msg("%s %s: lists and blocks are %.3g apart", way[i].model, way[i].settings,
                     worst);
        assert_true(moved > 0.01);
        learner_free(l[0]);
        learner_free(l[1]);
        kit_free(&k);
    }
}

/* ---- Rows that put updates off ---- */

static bool break_at_update(void *ctx, const struct tape *t, int32_t node, enum phase ph)
{
    (void)t, (void)node;
    return ph != PH_UPDATE || --*(int *)ctx > 0;
}

static void set(struct learner *l, const char *name, const char *value)
{
    struct err err;
    if (learner_set(l, name, value, &err))
        fail_msg("%s", err.msg);
}

/* looks: now and then somebody reads all numbers, a batch is broken off in the middle of its
 * update, a copy takes over. */
static void run_late(const struct kit *k, bool plain, struct pool *p, bool looks, char hex[65])
{
    struct learner *l, *copy;
    struct err err;
    if (learner_new(&l, k->def, k->hp, &k->split, 7, &err))
        fail_msg("%s", err.msg);
    l->work->plain_tables = plain;
    int steps = instrumented() ? ROW_LAG + 10 : 2 * ROW_LAG + 20;
    for (int step = 0; step < steps; step++) {
        if (step == 60)
            set(l, "lr", "0.004");
        if (step == 80)
            set(l, "wd", "0.02");
        if (step == 100)
            set(l, "momentum", "0.9"); /* sgd: from now on rows without gradient move */
        if (step == 125)
            set(l, "momentum", "0");
        if (looks && step % 23 == 5)
            learner_sha256(l, hex);
        if (looks && step % 41 == 7) { /* broken off behind two parameters */
            int left = 3;
            struct step_watch w = {
                .shard = -1, .session = -1, .on_op = break_at_update, .ctx = &left};
            assert_int_equal(learner_step(l, p, &w, NULL, &err), ST_CANCELLED);
        }
        if (looks && step == 90) {
            assert_int_equal(learner_clone(&copy, l, &err), ST_OK);
            learner_free(l);
            l = copy;
        }
        if (learner_step(l, p, NULL, NULL, &err))
            fail_msg("%s", err.msg);
    }
    assert_int_equal(l->work->n_table > 0, !plain);
    struct weights *w; /* what is published are the numbers of now */
    assert_int_equal(weights_of(&w, l, &err), ST_OK);
    learner_sha256(l, hex);
    assert_memory_equal(w->x, l->x, params_size(l->ps) * sizeof *w->x);
    weights_unref(w);
    learner_free(l);
}

/* Whoever looks when, however many threads: the bits are those of updating every row in
 * every step. */
static void test_late_rows(void **state)
{
    (void)state;
    static const struct {
        const char *model, *settings;
        bool same_head; /* tables in blocks have the output layer worked alike, to the bit */
    } way[] = {
        {"sasrec", "batch=4 maxlen=12 d=64 loss=bce opt=adam wd=0.01 warmup=20 decay_steps=400",
         true},
        {"sasrec", "batch=4 maxlen=12 d=64 loss=bce_k neg=5 tie_output=0 opt=adamw wd=0.01",
         true},
        {"sasrec", "batch=4 maxlen=12 d=64 loss=bce opt=sgd lr=0.05", true},
        {"bert4rec", "batch=4 maxlen=12 opt=bertadam loss=gbce neg=20", true},
        {"bert4rec", "batch=4 maxlen=12 opt=bertadam loss=gbce neg=20 clip=0.01",
         false}, /* the norm's tiles differ */
        {"caser", "batch=4 d=64 L=3 loss=bce user=1 opt=adam wd=1e-6", true},
        {"gru4rec", "batch=4 bptt=2 opt=adam negatives=extra neg=20 lr=0.001", false},
        {"gru4rec", "batch=4 bptt=1 opt=adam embed=onehot loss=bpr-max neg=20 lr=0.001", false},
        {"gru4rec", "batch=4 bptt=1 opt=adam negatives=all lr=0.001", false},
    };
    struct pool *four;
    assert_int_equal(pool_new(&four, 4, NULL), ST_OK);
    size_t ways = instrumented() ? 2 : sizeof way / sizeof *way;
    for (size_t i = 0; i < ways; i++) {
        struct kit k;
        char late[65], looked[65], dense[65];
        new_kit(&k, way[i].model, way[i].settings);
        run_late(&k, false, NULL, false, late);
        run_late(&k, false, four, true, looked);
        assert_string_equal(looked, late);
        if (way[i].same_head) {
            run_late(&k, true, pool, false, dense);
            if (strcmp(late, dense) != 0)
                fail_msg("%s %s: late rows and dense updates differ", way[i].model,
                         way[i].settings);
        }
        kit_free(&k);
    }
    pool_free(four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update), cmocka_unit_test(test_untouched_rows_rest),
        cmocka_unit_test(test_lists_equal_blocks), cmocka_unit_test(test_late_rows)};
    const char *note;
    gemm_start(&note);
    pool_compute_mode();
    if (pool_new(&pool, 2, NULL))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    pool_free(pool);
    return rc;
}
