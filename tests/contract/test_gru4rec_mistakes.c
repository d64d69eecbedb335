/* Mistakes that GRU4Rec programs are known to make, each as a test.  What the reference
 * numbers already tell apart (the cell, the losses and their gradients, odds of the draws,
 * the schedule of lanes, Adagrad, ties) is in tests/golden/test_gru4rec_golden.c. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "engine/tensor/gemm.h"
#include "engine/train/eval.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 14, N = 6, H = 5 };
static const int32_t s0[] = {1, 2, 3}, s1[] = {4, 5}, s2[] = {6, 7, 8, 9, 6, 7, 1},
                     s3[] = {10, 11}, s4[] = {12, 13, 14}, s5[] = {9, 9};
static const int32_t *const sessions[N] = {s0, s1, s2, s3, s4, s5};
static const int32_t lens[N] = {3, 2, 7, 2, 3, 2};

/* ---- States ---- */

/* Training passes over `steps` batches with the weights left alone; after each the carried
 * states are written, as the learner does. see: after each block, its outputs (R,H) on the
 * tape. */
static void walk(struct kit *k, int64_t steps,
                 void (*see)(struct kit *k, const struct block *b, const struct tensor *h,
                             int64_t step, void *ctx),
                 void *ctx)
{
    struct batcher *bt;
    struct batch plan;
    struct err err = {0};
    if (batcher_new(&bt, &k->split, &k->spec, 1, &err))
        fail_msg("%s", err.msg);
    steps = steps ? steps : batcher_per_epoch(bt);
    for (int64_t i = 0; i < steps; i++) {
        assert_int_equal(batcher_plan(bt, i, &plan, &err), ST_OK);
        k->env.step = i;
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int p = 0; p < plan.n_part[s]; p++) {
                struct block b;
                batch_fill(bt, &plan, s, p, k->mem, &b);
                k->env.x = k->x;
                k->env.g = NULL;
                k->env.row0 = b.row0;
                tape_begin(k->tape, &k->env);
                struct tensor *h = k->def->encode(k->self, k->tape, &b);
                if (tape_check(k->tape, &err))
                    fail_msg("%s", err.msg);
                if (see)
                    see(k, &b, h, i, ctx);
                for (int c = 0; c < tape_carries(k->tape); c++) {
                    const struct param *st;
                    const int32_t *row;
                    const struct tensor *x;
                    tape_carry_at(k->tape, c, &st, &row, &x);
                    for (int32_t r = 0; r < tensor_rows(x); r++)
                        memcpy(k->x + st->at + (size_t)row[r] * (size_t)st->ld,
                               x->x + (size_t)r * (size_t)x->ld, (size_t)st->ld * sizeof(real));
                }
            }
    }
    batcher_free(bt);
}

struct alone {
    struct kit k; /* the same model: answers of typed sessions */
    int rows;
};

static void as_if_alone(struct kit *k, const struct block *b, const struct tensor *h,
                        int64_t step, void *ctx)
{
    struct alone *a = ctx;
    (void)k;
    (void)step;
    for (int32_t s = 0; s < b->n; s++)
        for (int32_t r = b->off[s]; r < b->off[s + 1]; r++, a->rows++) {
            struct block one;
            real want[H], got[H];
            double w[H];
            block_one(&one, sessions[b->session[s]], b->pos[r] + 1, &a->k.spec, a->k.mem);
            kit_copy(kit_encode(&a->k, &one), want, H);
            kit_rows(h, r, r + 1, got, H);
            for (int i = 0; i < H; i++)
                w[i] = (double)want[i];
            assert_close("state in its lane", got, w, H, 1e-5, 1e-6);
        }
}

/* 1, 2, 10, 22: a session's states are what they are when it is fed alone, in whatever lane,
 * after whatever session, in whatever epoch; and every pair of clicks is trained once an
 * epoch. */
static void test_lanes(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "hidden=5 batch=2 bptt=1 negatives=all", "hidden=5 batch=2 bptt=3 negatives=all",
        "hidden=5 batch=4 bptt=20 negatives=all", "hidden=4,5 batch=3 bptt=2 negatives=extra",
        "hidden=5 batch=2 bptt=4 embed=onehot gru_cell=after"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct kit k;
        struct alone a = {.rows = 0};
        int pairs = 0;
        kit_new_data(&k, "gru4rec", settings[i], V, 1, N, sessions, lens);
        kit_new(&a.k, "gru4rec", settings[i], V, 1);
        for (int p = 0; p < params_n(a.k.ps); p++) /* the same start: by name alone */
            assert_string_equal(params_at(a.k.ps, p)->name, params_at(k.ps, p)->name);
        struct batcher *bt;
        assert_int_equal(batcher_new(&bt, &k.split, &k.spec, 1, NULL), ST_OK);
        int64_t epoch = batcher_per_epoch(bt);
        batcher_free(bt);
        walk(&k, 2 * epoch, as_if_alone, &a);
        for (int s = 0; s < N; s++)
            pairs += lens[s] - 1;
        assert_int_equal(a.rows, 2 * pairs);
        kit_free(&k);
        kit_free(&a.k);
    }
}

/* The unrolled form that dropout needs is the fused one where next to nothing is dropped,
 * gradients too. */
static void test_unrolled(void **state)
{
    (void)state;
    static const int32_t target[] = {2, 3, 4, 5, 6, 7, 8, 9, 6, 7, 1, 2}, len[] = {3, 2, 7};
    static const char *const form[] = {"hidden=5,4 negatives=all",
                                       "hidden=5,4 negatives=all dropout=0.000001"};
    struct kit k[2];
    struct block b;
    double loss[2];
    for (int i = 0; i < 2; i++) {
        kit_new(&k[i], "gru4rec", form[i], V, 1);
        k[i].spec.max_len = 20;
        kit_block(&k[i], &b, 3, sessions, len, target, 0, NULL);
        loss[i] = kit_loss(&k[i], &b);
    }
    assert_close1("loss", loss[1], loss[0], 1e-5, 0);
    for (int i = 0; i < params_n(k[0].ps); i++) {
        const struct param *p = params_at(k[0].ps, i);
        for (size_t e = 0; e < kit_size(&k[0], p->name); e++)
            assert_close1(p->name, (double)*kit_grad(&k[1], p->name, e),
                          (double)*kit_grad(&k[0], p->name, e), 1e-4, 1e-6);
    }
    kit_free(&k[0]);
    kit_free(&k[1]);
}

struct dropped {
    int zero, n;
    bool unrolled, other; /* several clicks a step; the carried state is not the dropped one */
};

static void count_dropped(struct kit *k, const struct block *b, const struct tensor *h,
                          int64_t step, void *ctx)
{
    struct dropped *d = ctx;
    const struct tensor *state = kit_probe(k, "gru1.state");
    (void)step;
    for (int32_t r = 0; r < b->off[b->n]; r++)
        for (int32_t c = 0; c < tensor_cols(h); c++) {
            double x = (double)h->x[(size_t)r * (size_t)h->ld + (size_t)c],
                   y = (double)state->x[(size_t)r * (size_t)state->ld + (size_t)c];
            d->zero += x == 0;
            d->n++;
            if (x != 0 && !d->unrolled) /* then the probe is what was dropped */
                assert_close1("kept, scaled by 1/(1-p)", x, 10 * y, 1e-4, 0);
        }
    const struct param *p;
    const int32_t *row;
    const struct tensor *last;
    tape_carry_at(k->tape, 0, &p, &row, &last);
    for (int32_t s = 0; s < b->n; s++) /* the dropped state is what goes on */
        d->other |=
            memcmp(last->x + (size_t)s * (size_t)last->ld,
                   h->x + (size_t)(b->off[s + 1] - 1) * (size_t)h->ld, 32 * sizeof(real)) != 0;
}

/* 14: p is the share that is dropped; what is kept is scaled by 1/(1-p). */
static void test_dropout(void **state)
{
    (void)state;
    for (int bptt = 1; bptt <= 3; bptt += 2) {
        char settings[96];
        struct kit k;
        struct dropped d = {.unrolled = bptt > 1};
        snprintf(settings, sizeof settings,
                 "hidden=32 batch=2 bptt=%d negatives=all dropout=0.9", bptt);
        kit_new_data(&k, "gru4rec", settings, V, 1, N, sessions, lens);
        walk(&k, 40, count_dropped, &d);
        double kept = 1 - (double)d.zero / d.n;
        assert_true(fabs(kept - 0.1) < 3 * sqrt(0.09 / d.n));
        assert_false(d.other);
        kit_free(&k);
    }
}

/* ---- Losses ---- */

/* 5 to 7: a row's loss is its own; no overflow; equal scores give log N, so the softmax is
 * applied once. */
static void test_row_losses(void **state)
{
    (void)state;
    static const enum head_loss all[] = {HEAD_XENT, HEAD_BPR, HEAD_TOP1, HEAD_BPR_MAX,
                                         HEAD_TOP1_MAX};
    real s[16], c[16];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct head hd = {.loss = all[i], .bpreg = 1};
        for (int k = 0; k < 16; k++)
            s[k] = k < 9 ? 200 : 0;
        s[0] = -200;
        double far = head_row_loss(&hd, s, 9, 0, c);
        assert_true(isfinite(far) && far >= 0);
        for (int k = 0; k < 9; k++)
            assert_true(isfinite(c[k]));
    }
    struct head xe = {.loss = HEAD_XENT};
    for (int k = 0; k < 16; k++)
        s[k] = k < 9 ? 3 : 0;
    assert_close1("equal scores", head_row_loss(&xe, s, 9, 4, c), log(9), 1e-6, 0);
}

/* 4: the weights of the -max losses leave the positive out: two negatives of one score share
 * alike, however good the positive is. */
static void test_max_losses(void **state)
{
    (void)state;
    for (int p = -20; p <= 20; p += 10) {
        real s[16] = {(real)p, 0.5f, 0.5f}, c[16];
        double r = 0.5, sp = log1p(exp(r - p)), sigma = 1 / (1 + exp(p - r)),
               square = 1 / (1 + exp(-r * r));
        struct head bpr = {.loss = HEAD_BPR_MAX}, top1 = {.loss = HEAD_TOP1_MAX};
        assert_close1("bpr-max", head_row_loss(&bpr, s, 3, 0, c), sp, 1e-4, 1e-6);
        assert_close1("top1-max", head_row_loss(&top1, s, 3, 0, c), sigma + square, 1e-5, 0);
    }
}

struct shares {
    const int32_t *col;
    int32_t n_col, blocks;
    double weight;
};

static void see_columns(struct kit *k, const struct block *b, const struct tensor *h,
                        int64_t step, void *ctx)
{
    struct shares *s = ctx;
    (void)k;
    (void)h;
    (void)step;
    for (int32_t q = 0; q < b->n_query; q++) {
        assert_int_equal(b->col[b->query_col[q]], b->target[q]);
        s->weight += (double)b->weight[q];
    }
    if (s->blocks++ == 0) {
        s->col = b->col;
        s->n_col = b->n_col;
    }
    assert_ptr_equal(b->col, s->col);
    assert_int_equal(b->n_col, s->n_col);
}

/* 9, 21: all lanes share the columns, in whatever shard they are; a lane weighs 1/B. */
static void test_columns(void **state)
{
    (void)state;
    enum { MANY = 24 };
    const int32_t *session[MANY];
    int32_t len[MANY];
    struct kit k;
    struct shares s = {0};
    for (int i = 0; i < MANY; i++) {
        session[i] = sessions[i % N];
        len[i] = lens[i % N];
    }
    kit_new_data(&k, "gru4rec", "hidden=4 batch=32 bptt=1 negatives=extra neg=7", V, 1, MANY,
                 session, len);
    walk(&k, 1, see_columns, &s);
    assert_true(s.blocks > 1);
    assert_int_equal(s.n_col, MANY + 7);
    assert_close1("24 of 32 lanes", s.weight, 24.0 / 32, 1e-6, 0);
    kit_free(&k);
}

/* ---- Parameters ---- */

static double largest(struct kit *k, const char *name, int32_t from, int32_t cols, double *mean)
{
    size_t width = (size_t)param_cols(params_find(k->ps, name)), n = kit_size(k, name),
           used = 0;
    double most = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % width < (size_t)from || i % width >= (size_t)(from + cols))
            continue;
        double x = (double)*kit_value(k, name, i);
        most = fmax(most, fabs(x));
        sum += x;
        used++;
    }
    *mean = sum / (double)used;
    return most;
}

/* 12: each gate's block has the range of its own sizes. */
static void test_start_values(void **state)
{
    (void)state;
    enum { D = 40, U = 64, ITEMS = 300 };
    struct kit k;
    double mean;
    kit_new(&k, "gru4rec", "embed=separate d=40 hidden=64", ITEMS, 3);
    const struct {
        const char *name;
        int32_t blocks, cols;
        double fans;
    } of[] = {{"E", 1, D, ITEMS + D},
              {"gru1.Wx", 3, U, D + U},
              {"gru1.Wh", 1, U, 2 * U},
              {"gru1.Wrz", 2, U, 2 * U},
              {"Wy", 1, U, ITEMS + U}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (int32_t b = 0; b < of[i].blocks; b++) {
            double a = sqrt(6 / of[i].fans),
                   most = largest(&k, of[i].name, b * of[i].cols, of[i].cols, &mean);
            assert_true(most <= a * (1 + 1e-6) && most > 0.9 * a);
            assert_true(fabs(mean) < 0.05 * a);
        }
    kit_free(&k);
}

/* 19: what each table of embed= is, and that the input's is not the output's where it should
 * not be. */
static void test_tables(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        size_t n;
    } of[] = {
        {"embed=tied hidden=5", 5 * 15 + 25 + 50 + 15 + V * 5 + V},
        {"embed=separate hidden=5 d=3", V * 3 + 3 * 15 + 25 + 50 + 15 + V * 5 + V},
        {"embed=onehot hidden=5", V * 15 + 25 + 50 + 15 + V * 5 + V},
        {"embed=tied hidden=4,5", 5 * 12 + 16 + 32 + 12 + 4 * 15 + 25 + 50 + 15 + V * 5 + V},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct kit k;
        kit_new(&k, "gru4rec", of[i].settings, V, 1);
        assert_int_equal(params_count(k.ps), of[i].n);
        kit_free(&k);
    }
    struct kit k;
    struct block b;
    real before[V + 1], after[V + 1];
    kit_new(&k, "gru4rec", "embed=separate hidden=5 d=3", V, 1);
    block_one(&b, s2, 4, &k.spec, k.mem);
    kit_copy(kit_scores(&k, &b), before, V + 1);
    for (size_t i = 0; i < kit_size(&k, "E"); i++)
        *kit_value(&k, "E", i) = 0;
    kit_copy(kit_scores(&k, &b), after, V + 1);
    assert_true(memcmp(before, after, sizeof before) != 0);
    for (size_t i = 0; i < kit_size(&k, "Wy"); i++)
        assert_true(*kit_value(&k, "Wy", i) != 0);
    kit_free(&k);
}

/* 23: answers are plain products, whatever the loss subtracted. */
static void test_answers_are_raw(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real h[H], s[V + 1];
    kit_new_data(&k, "gru4rec", "hidden=5 negatives=extra neg=9 logq=1 loss=xe", V, 1, N,
                 sessions, lens);
    for (size_t i = 0; i < V; i++)
        *kit_value(&k, "By", i) = (real)(0.1 * (double)i);
    block_one(&b, s2, 4, &k.spec, k.mem);
    kit_copy(kit_encode(&k, &b), h, H);
    kit_copy(kit_scores(&k, &b), s, V + 1);
    assert_true(isinf(s[0]) && s[0] < 0);
    for (size_t v = 0; v < V; v++) {
        double want = 0.1 * (double)v;
        for (size_t i = 0; i < H; i++)
            want += (double)h[i] * (double)*kit_value(&k, "Wy", v * H + i);
        assert_close1("score", (double)s[v + 1], want, 1e-5, 1e-6);
    }
    kit_free(&k);
}

/* ---- Batches, optimiser, evaluation ---- */

struct order {
    int32_t seen[N];
    int n;
};

static void first_clicks(struct kit *k, const struct block *b, const struct tensor *h,
                         int64_t step, void *ctx)
{
    struct order *o = ctx;
    (void)k;
    (void)h;
    (void)step;
    for (int32_t s = 0; s < b->n; s++)
        if (b->fresh[s] && o->n < N)
            o->seen[o->n++] = b->session[s];
}

/* 11: sessions come in the order of their first time stamp. */
static void test_order_of_sessions(void **state)
{
    (void)state;
    static const int64_t start[N] = {500, 100, 900, 300, 300, 700};
    static const int32_t by_time[N] = {1, 3, 4, 0, 5, 2}, by_file[N] = {0, 1, 2, 3, 4, 5};
    for (int sorted = 0; sorted < 2; sorted++) {
        struct kit k;
        struct order o = {.n = 0};
        int64_t ts[32];
        kit_new_data(&k, "gru4rec",
                     sorted ? "hidden=4 batch=1 bptt=1" : "hidden=4 batch=1 bptt=1 time_sort=0",
                     V, 1, N, sessions, lens);
        for (int s = 0; s < N; s++)
            for (int64_t e = k.ds.off[s]; e < k.ds.off[s + 1]; e++)
                ts[e] = start[s] + 10 * (e - k.ds.off[s]);
        k.ds.ts = ts;
        walk(&k, 0, first_clicks, &o);
        assert_int_equal(o.n, N);
        assert_memory_equal(o.seen, sorted ? by_time : by_file, sizeof by_time);
        kit_free(&k);
    }
}

/* 15, 16: Adagrad's sums begin at 0, no schedule is left on; rank 20 counts in HR@20. */
static void test_defaults(void **state)
{
    (void)state;
    struct kit k;
    kit_new(&k, "gru4rec", "", V, 1);
    assert_string_equal(optim_defs[hp_enum(k.hp, "opt")]->name, "adagrad");
    assert_true(optim_defs[hp_enum(k.hp, "opt")]->aux_init == 0);
    assert_true(hp_num(k.hp, "decay_steps") == 0 && hp_num(k.hp, "warmup") == 0 &&
                hp_num(k.hp, "wd") == 0);
    kit_free(&k);
    const struct metric_def *hr = metric_find("hr"), *mrr = metric_find("mrr");
    for (int rank = 19; rank <= 21; rank++) {
        struct metric_acc a = {0}, m = {0};
        hr->add(&a, &(struct rank_obs){.rank = rank, .n_cand = 100}, 20);
        mrr->add(&m, &(struct rank_obs){.rank = rank, .n_cand = 100}, 20);
        assert_close1("hr", metric_mean(&a), rank <= 20, 0, 0);
        assert_close1("mrr", metric_mean(&m), rank <= 20 ? 1.0 / rank : 0, 1e-9, 0);
    }
}

/* Settings that do not go together are refused with what would. */
static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"loss=bpr negatives=all", "loss=bpr-max logq=1", "logq=1",
                                      "loss=top1 smoothing=0.1", "hidden=4,4,4,4,4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kit k;
        struct learner *l;
        struct err err = {0};
        kit_new_data(&k, "gru4rec", "", V, 1, N, sessions, lens);
        assert_int_equal(hparams_set_all(k.hp, bad[i], &err), ST_OK);
        assert_int_equal(learner_new(&l, k.def, k.hp, &k.split, 1, &err), ST_ARG);
        assert_true(*err.msg && *err.hint);
        kit_free(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes),           cmocka_unit_test(test_unrolled),
        cmocka_unit_test(test_dropout),         cmocka_unit_test(test_row_losses),
        cmocka_unit_test(test_max_losses),      cmocka_unit_test(test_columns),
        cmocka_unit_test(test_start_values),    cmocka_unit_test(test_tables),
        cmocka_unit_test(test_answers_are_raw), cmocka_unit_test(test_order_of_sessions),
        cmocka_unit_test(test_defaults),        cmocka_unit_test(test_refusals),
    };
    const char *note;
    gemm_start(&note);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
