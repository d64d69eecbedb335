/* Mistakes that SVAE programs are known to make, each as a test.  What the reference numbers
 * already tell apart (the cell, where s is read, the KL, the ramp, padding in the loss,
 * draws) is in tests/golden/test_svae_golden.c. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "engine/base/rng.h"
#include "engine/tensor/gemm.h"
#include "engine/train/eval.h"
#include "engine/train/trainer.h"
#include "engine/data/world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 14, N = 5, K = 2 };
static const int32_t s0[] = {1, 2, 3, 4, 5, 6, 7, 8}, s1[] = {5, 3, 2}, s2[] = {7, 9, 9, 10},
                     s3[] = {11, 12},
                     s4[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 2, 1};
static const int32_t *const sessions[N] = {s0, s1, s2, s3, s4};
static const int32_t lens[N] = {8, 3, 4, 2, 16};

static void make(struct kit *k, const char *more)
{
    char settings[256];
    snprintf(settings, sizeof settings, "E=3 H=4 HID=3 K=2 K2=3 batch=2 %s", more);
    kit_new_data(k, "svae", settings, V, 1, N, sessions, lens);
}

/* Every block of `steps` batches, the weights left alone. */
static void walk(struct kit *k, int64_t steps,
                 void (*see)(struct kit *k, const struct block *b, int64_t step, void *ctx),
                 void *ctx)
{
    struct batcher *bt;
    struct batch plan;
    struct err err = {0};
    if (batcher_new(&bt, &k->split, &k->spec, 1, &err))
        fail_msg("%s", err.msg);
    for (int64_t i = 0; i < steps; i++) {
        assert_int_equal(batcher_plan(bt, i, &plan, &err), ST_OK);
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int p = 0; p < plan.n_part[s]; p++) {
                struct block b;
                memset(&b, 0, sizeof b);
                batch_fill(bt, &plan, s, p, k->mem, &b);
                b.step = plan.step;
                b.epoch_step = plan.epoch_step;
                see(k, &b, i, ctx);
            }
    }
    batcher_free(bt);
}

/* ---- Targets and their weights ---- */

static void check_targets(struct kit *k, const struct block *b, int64_t step, void *ctx)
{
    int *seen = ctx;
    (void)k;
    (void)step;
    for (int32_t q = 0; q < b->n_query; q++) {
        int32_t s = b->session[b->query_session[q]],
                t = b->query[q] - b->off[b->query_session[q]], want[4], n = 0;
        for (int32_t j = t + 1; j <= t + 4 && j < lens[s]; j++) {
            bool again = false;
            for (int32_t i = 0; i < n; i++)
                again |= want[i] == sessions[s][j];
            if (!again)
                want[n++] = sessions[s][j];
        }
        assert_int_equal(b->item[b->query[q]], sessions[s][t]);
        for (int32_t i = 0; i < b->n_target; i++) {
            int32_t y = b->target[q * b->n_target + i];
            assert_int_equal(y, i < n ? want[i] : 0);
            if (s != 2) /* elsewhere nothing comes back within four */
                assert_true(y != sessions[s][t]);
        }
        ++*seen;
    }
}

/* 1, 3, 4: step t is asked for the four items after it, fewer at the end, each once. */
static void test_targets(void **state)
{
    (void)state;
    struct kit k;
    int seen = 0, rows = 0;
    make(&k, "target=next_k k=4");
    walk(&k, 3, check_targets, &seen);
    for (int s = 0; s < N; s++)
        rows += lens[s] - 1;
    assert_int_equal(seen, rows);
    kit_free(&k);
}

static void sum_weights(struct kit *k, const struct block *b, int64_t step, void *ctx)
{
    double *sum = ctx;
    (void)k;
    (void)step;
    for (int32_t q = 0; q < b->n_query; q++)
        sum[b->session[b->query_session[q]]] += (double)b->weight[q];
}

/* 5, 6: a sum over time, divided by what the first step is asked for.  A query's weight times its mean over the set is its share: all
 * weights of a session are (sum of |Y_t|) / |Y_1|, whatever k is. */
static void test_divisor(void **state)
{
    (void)state;
    static const double by_sum[N] = {(5 * 4 + 3 + 2 + 1) / 4.0 - 5 / 4.0 + 1, (2 + 1) / 2.0,
                                     (2 + 2 + 1) / 2.0, 1, 0};
    struct kit k;
    double sum[N] = {0};
    make(&k, "target=next_k k=4 batch=1");
    walk(&k, N, sum_weights, sum);
    assert_close1("eight items: 4 4 4 4 3 2 1 of 4", sum[0], (4 * 4 + 3 + 2 + 1) / 4.0, 1e-6,
                  0);
    for (int s = 1; s < 4; s++)
        assert_close1("session", sum[s], by_sum[s], 1e-6, 0);
    assert_close1("twice as long: eight steps of four more", sum[4] - sum[0], 8, 1e-6, 0);
    kit_free(&k);
    memset(sum, 0, sizeof sum);
    make(&k, "target=next_k k=4 batch=1 time_norm=mean");
    walk(&k, N, sum_weights, sum);
    assert_close1("the mean", sum[0], (4 * 4 + 3 + 2 + 1) / 4.0 / 7, 1e-6, 0);
    kit_free(&k);
    memset(sum, 0, sizeof sum);
    /* 13: each by its own, then the mean over sessions */
    make(&k, "target=next_k k=4 batch=5");
    walk(&k, 1, sum_weights, sum);
    for (int s = 1; s < 4; s++)
        assert_close1("of five", sum[s], by_sum[s] / N, 1e-6, 0);
    kit_free(&k);
}

/* ---- The ramp ---- */

static void check_beta(struct kit *k, const struct block *b, int64_t step, void *ctx)
{
    double value, w, u = (double)(*(bool *)ctx ? step % N : step);
    if (b->n == 0)
        return;
    kit_loss_only(k, b);
    assert_string_equal(tape_term_at(k->tape, 1, &value, &w), "kl");
    assert_close1("beta", w, fmin(u > 1 ? (u - 1) / 20 : 0, 0.2), 1e-6, 1e-9);
}

/* 10: the counter of the epoch, or the run's; up to the cap, and never at once. */
static void test_ramp(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct kit k;
        bool by_epoch = restart;
        make(&k, restart ? "batch=1 beta_steps=20 beta_cap=0.2 beta_restart=1"
                         : "batch=1 beta_steps=20 beta_cap=0.2 beta_restart=0");
        walk(&k, 4 * N, check_beta, &by_epoch);
        kit_free(&k);
    }
}

/* ---- States and draws ---- */

static const char *const fronts[] = {
    "rnn_place=encoder", "rnn_place=decoder", "rnn_place=latent", "rnn_place=prior",
    "rnn_place=none",    "rnn=lstm",          "rnn=transformer"};

/* 2, 12: what is answered after a prefix depends neither on what comes later nor on who
 * stands beside it in the block. */
static void test_alone(void **state)
{
    (void)state;
    static const int32_t order[2][N] = {{0, 1, 2, 3, 4}, {4, 2, 0, 3, 1}};
    for (size_t f = 0; f < sizeof fronts / sizeof *fronts; f++) {
        struct kit k;
        struct block b;
        real one[V + 1], got[N * (V + 1)];
        make(&k, fronts[f]);
        for (int turn = 0; turn < 2; turn++) {
            const int32_t *item[N];
            int32_t len[N];
            for (int i = 0; i < N; i++) {
                item[i] = sessions[order[turn][i]];
                len[i] = lens[order[turn][i]] - 1; /* the last item stays unseen */
            }
            block_many(&b, N, item, len, &k.spec, k.mem);
            kit_copy(kit_scores(&k, &b), got, N * (V + 1));
            for (int i = 0; i < N; i++) {
                struct block single;
                double want[V];
                block_one(&single, item[i], len[i], &k.spec, k.mem);
                kit_copy(kit_scores(&k, &single), one, V + 1);
                for (int v = 0; v < V; v++)
                    want[v] = (double)one[v + 1];
                assert_close(fronts[f], got + i * (V + 1) + 1, want, V, 1e-5, 1e-6);
            }
        }
        kit_free(&k);
    }
}

/* 1: a network that only knows the item it reads must not do well: scores that copy the
 * input lose to even ones. */
static void test_copying(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    int32_t target[7];
    double even, copy = 0;
    make(&k, "target=next beta_cap=0 head=plain");
    for (size_t i = 0; i < kit_size(&k, "out.W"); i++)
        *kit_value(&k, "out.W", i) = 0;
    for (int t = 0; t < 7; t++)
        target[t] = s0[t + 1];
    int32_t n = 7;
    const int32_t *item = s0;
    kit_block(&k, &b, 1, &item, &n, target, 0, NULL);
    for (size_t i = 0; i < V; i++)
        *kit_value(&k, "out.b", i) = 0;
    even = kit_loss_only(&k, &b);
    assert_close1("even odds", even, log(V), 1e-5, 0);
    for (int t = 0; t < 7; t++) {
        int32_t one = 1;
        const int32_t *at = s0 + t;
        *kit_value(&k, "out.b", (size_t)(s0[t] - 1)) = 5; /* the item read */
        kit_block(&k, &b, 1, &at, &one, target + t, 0, NULL);
        copy += kit_loss_only(&k, &b) / 7;
        *kit_value(&k, "out.b", (size_t)(s0[t] - 1)) = 0;
    }
    assert_true(copy > even + 1);
    kit_free(&k);
}

/* 9: z is mu + sigma eps, sigma by the form: the variance of 10,000 draws. */
static void test_variance(void **state)
{
    (void)state;
    static const char *const form[] = {"sigma=exp_half", "sigma=exp_s"};
    for (int f = 0; f < 2; f++) {
        enum { DRAWS = 2500, ROWS = 4 };
        struct kit k;
        struct block b;
        double sum = 0, sum2 = 0, s = 0.6, sd = f ? exp(s) : exp(s / 2);
        const int32_t *item = s0;
        int32_t n = ROWS;
        make(&k, form[f]);
        for (size_t i = 0; i < kit_size(&k, "latent.W"); i++)
            *kit_value(&k, "latent.W", i) = 0;
        for (size_t i = 0; i < 2 * K; i++)
            *kit_value(&k, "latent.b", i) = (real)(i < K ? 0.25 : s);
        k.watch = 0;
        kit_block(&k, &b, 1, &item, &n, s0 + 1, 0, NULL);
        for (int d = 0; d < DRAWS; d++) {
            real z[ROWS * K], sigma[ROWS * K];
            k.env.step = d;
            kit_loss_only(&k, &b);
            kit_copy(kit_probe(&k, "latent.z"), z, ROWS * K);
            kit_copy(kit_probe(&k, "latent.sigma"), sigma, ROWS * K);
            assert_close1("sigma", (double)sigma[0], sd, 1e-5, 0);
            for (int r = 0; r < ROWS; r++) {
                sum += (double)z[r * K];
                sum2 += (double)z[r * K] * (double)z[r * K];
            }
        }
        double draws = DRAWS * ROWS, mean = sum / draws;
        assert_close1("mean of the draws", mean, 0.25, 0, 4 * sd / sqrt(draws));
        assert_close1("variance of the draws", sum2 / draws - mean * mean, sd * sd, 0.06, 0);
        kit_free(&k);
    }
}

/* rnn=lstm: the state after three items, by the equations. */
static void test_lstm(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    const int32_t n = 3, *item = s0;
    double h[4] = {0}, c[4] = {0};
    real got[3 * 4];
    make(&k, "rnn=lstm");
    kit_block(&k, &b, 1, &item, &n, NULL, 0, NULL);
    kit_encode(&k, &b);
    kit_copy(kit_probe(&k, "lstm1.state"), got, 12);
    for (int t = 0; t < n; t++) {
        double z[16], before[4];
        for (size_t j = 0; j < 16; j++) {
            z[j] =
                (double)*kit_value(&k, "lstm1.bx", j) + (double)*kit_value(&k, "lstm1.bh", j);
            for (size_t e = 0; e < 3; e++)
                z[j] += (double)*kit_value(&k, "item.E", (size_t)(s0[t] - 1) * 3 + e) *
                        (double)*kit_value(&k, "lstm1.Wx", e * 16 + j);
            for (size_t e = 0; e < 4; e++)
                z[j] += h[e] * (double)*kit_value(&k, "lstm1.Wh", e * 16 + j);
        }
        memcpy(before, c, sizeof before);
        for (int j = 0; j < 4; j++) { /* input, forget, candidate, output */
            c[j] = before[j] / (1 + exp(-z[4 + j])) + tanh(z[8 + j]) / (1 + exp(-z[j]));
            h[j] = tanh(c[j]) / (1 + exp(-z[12 + j]));
        }
        assert_close("lstm1.state", got + t * 4, h, 4, 1e-5, 1e-6);
    }
    kit_free(&k);
}

/* predict=avg: the mean of the odds at the points whose lists are shown; the same twice, and
 * near the middle's where the cloud is small. */
static void test_average(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real s[V + 1], again[V + 1], middle[V + 1], list[8 * 10], rank[V * 2];
    double sum = 0, odds[V];
    make(&k, "predict=avg draws=8");
    block_one(&b, s0, 5, &k.spec, k.mem);
    k.watch = 0;
    kit_copy(kit_scores(&k, &b), s, V + 1);
    kit_copy(kit_probe(&k, "redraw.list"), list, 80);
    kit_copy(kit_probe(&k, "redraw.rank"), rank, V * 2);
    kit_copy(kit_scores(&k, &b), again, V + 1);
    assert_memory_equal(s + 1, again + 1, V * sizeof *s);
    for (int v = 0; v < V; v++)
        sum += exp((double)s[v + 1]);
    assert_close1("odds", sum, 1, 1e-5, 0);
    for (int v = 0; v < V;
         v++) { /* mean rank of an item that is in all lists, from the lists */
        double place = 0, in = 0;
        for (int d = 0; d < 8; d++)
            for (int i = 0; i < 10; i++)
                if (list[d * 10 + i] == v + 1) {
                    place += i + 1;
                    in++;
                }
        if (in == 8)
            assert_close1("mean rank", (double)rank[v * 2], place / 8, 1e-5, 0);
        else
            assert_true(rank[v * 2 + 1] > 0 || in == 0);
    }
    for (size_t i = 0; i < K; i++) { /* next to no spread */
        *kit_value(&k, "latent.b", K + i) = -40;
        for (size_t e = 0; e < 3; e++)
            *kit_value(&k, "latent.W", e * 2 * K + K + i) = 0;
    }
    kit_copy(kit_scores(&k, &b), s, V + 1);
    sum = 0;
    kit_free(&k);
    make(&k, "predict=mean");
    block_one(&b, s0, 5, &k.spec, k.mem);
    kit_copy(kit_scores(&k, &b), middle, V + 1);
    for (int v = 0; v < V; v++)
        sum += exp((double)middle[v + 1]);
    for (int v = 0; v < V; v++)
        odds[v] = (double)middle[v + 1] - log(sum);
    assert_close("the middle", s + 1, odds, V, 2e-2, 2e-2);
    kit_free(&k);
}

/* ---- The optimiser ---- */

/* 19: Adam's first step is lr in every coordinate that has a gradient or, the decay being
 * coupled, a value: rows of items that were not in the batch too; no clipping. */
static void test_first_update(void **state)
{
    (void)state;
    struct kit k;
    struct learner *l;
    struct step_info info;
    struct err err = {0};
    make(&k, "batch=1 lr=0.001 wd=0.005");
    if (learner_new(&l, k.def, k.hp, &k.split, 1, &err))
        fail_msg("%s", err.msg);
    size_t n = params_size(l->ps), moved = 0, off = 0;
    real *before = malloc(n * sizeof *before);
    assert_non_null(before);
    memcpy(before, l->x, n * sizeof *before);
    assert_int_equal(learner_step(l, NULL, NULL, &info, &err), ST_OK);
    assert_true(info.grad_norm > 0.25); /* clipping at .25 would show */
    for (int p = 0; p < params_n(l->ps); p++) {
        const struct param *m = params_at(l->ps, p);
        for (size_t r = 0; r < param_rows(m); r++)
            for (int32_t c = 0; c < param_cols(m); c++) {
                size_t at = m->at + r * (size_t)m->ld + (size_t)c;
                double step = fabs((double)l->x[at] - (double)before[at]);
                moved++;
                off += fabs(step - 0.001) > 1e-5;
            }
    }
    assert_true(moved > 200);
    assert_true(off <= moved / 100); /* where gradient and decay nearly cancel */
    free(before);
    learner_free(l);
    kit_free(&k);
}

/* 19: the preset of the authors' code has the rate it uses, and no clipping. */
static void test_official(void **state)
{
    (void)state;
    struct kit k;
    struct err err = {0};
    make(&k, "");
    for (const struct preset_def *p = k.def->presets; p->name; p++)
        if (strcmp(p->name, "official") == 0)
            assert_int_equal(hparams_set_all(k.hp, p->settings, &err), ST_OK);
    assert_string_equal(optim_defs[hp_enum(k.hp, "opt")]->name, "adam");
    assert_true(hp_num(k.hp, "lr") == 0.001 && hp_num(k.hp, "clip") == 0 &&
                hp_num(k.hp, "wd") == 0.005);
    assert_int_equal(hp_int(k.hp, "batch"), 1);
    kit_free(&k);
}

/* ---- Who is asked ---- */

/* 15, 16: held-out users do not train; the first floor(.8 n) of their items are given, in
 * their order. */
static void test_fold_in(void **state)
{
    (void)state;
    enum { USERS = 60 };
    static const int32_t of[] = {5, 6, 7, 10, 11, 99}, given[] = {4, 4, 5, 8, 8, 79};
    int64_t off[USERS + 1] = {0};
    int32_t item[USERS * 99];
    struct split *sp;
    for (int s = 0; s < USERS; s++) {
        off[s + 1] = off[s] + of[s % 6];
        for (int64_t i = off[s]; i < off[s + 1]; i++)
            item[i] = 1 + (int32_t)(i - off[s]) % V;
    }
    struct dataset ds = {.name = "hand",
                         .n_items = V,
                         .n_sessions = USERS,
                         .n_events = off[USERS],
                         .off = off,
                         .item = item,
                         .by_user = true};
    assert_int_equal(split_new(&sp, &ds, SPLIT_USERS, NULL), ST_OK);
    int held = 0, cases[USERS] = {0};
    for (int s = 0; s < USERS; s++) {
        held += sp->part[s] != PART_TRAIN;
        assert_int_equal(sp->train_len[s], sp->part[s] == PART_TRAIN ? of[s % 6] : 0);
    }
    assert_int_equal(held, USERS / 5);
    for (int part = 0; part < 2; part++)
        for (int64_t c = 0; c < (part ? sp->n_test : sp->n_valid); c++) {
            const struct eval_case *k = &(part ? sp->test : sp->valid)[c];
            assert_int_equal(sp->part[k->session], part ? PART_TEST : PART_VALID);
            assert_int_equal(k->n_prefix, given[k->session % 6]);
            assert_int_equal(k->target,
                             item[off[k->session] + k->n_prefix + cases[k->session]]);
            cases[k->session]++;
        }
    for (int s = 0; s < USERS; s++)
        assert_int_equal(cases[s], sp->part[s] == PART_TRAIN ? 0 : of[s % 6] - given[s % 6]);
    split_free(sp);
}

/* 17: the ideal over min(k, held out), log2; recall by all that is held out. */
static void test_list_metrics(void **state)
{
    (void)state;
    static const double place[] = {2, 5}; /* of two held-out items; a third is no candidate */
    static const struct {
        const char *name;
        int32_t k;
        double want;
    } of[] = {{"ndcg_list", 2, 0.386853}, {"ndcg_list", 5, 0.477624}, {"recall", 2, 0.333333},
              {"recall", 5, 0.666667},    {"prec", 2, 0.5},           {"prec", 5, 0.4}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct metric_acc acc = {0};
        metric_find(of[i].name)->add_list(&acc, &(struct rank_list){place, 2, 3}, of[i].k);
        assert_close1(of[i].name, metric_mean(&acc), of[i].want, 1e-5, 0);
    }
}

/* 14, 15, 18: what was given is not recommended, not even at a score of exactly 0; items
 * that only the held-out know are no candidates; by the code's form the last item given is
 * neither read nor hidden, and only where that form is asked for. */
static void test_held_out_users(void **state)
{
    (void)state;
    enum { USERS = 20, LEN = 10 };
    /* 1..8 are given, 9 and 10 held out */
    static const double score[V] = {0, 0, 0, 0, 0, 0, 0, 0, -1, -2, 9, 9, 9, 9};
    int64_t off[USERS + 1] = {0};
    int32_t item[USERS * LEN];
    struct split *sp;
    struct kit k;
    struct learner *l;
    struct weights *w;
    struct err err = {0};
    for (int i = 0; i < USERS * LEN; i++) {
        off[i / LEN + 1] = i + 1;
        item[i] = 1 + i % LEN;
    }
    struct dataset ds = {.name = "hand",
                         .n_items = V,
                         .n_sessions = USERS,
                         .n_events = (int64_t)USERS * LEN,
                         .off = off,
                         .item = item,
                         .by_user = true};
    assert_int_equal(split_new(&sp, &ds, SPLIT_USERS, NULL), ST_OK);
    make(&k, "");
    if (learner_new(&l, k.def, k.hp, sp, 1, &err))
        fail_msg("%s", err.msg);
    const struct param *table = params_find(l->ps, "out.W"),
                       *bias = params_find(l->ps, "out.b");
    for (size_t i = 0; i < param_rows(table) * (size_t)table->ld; i++)
        l->x[table->at + i] = 0;
    for (size_t i = 0; i < V; i++)
        l->x[bias->at + i] = (real)score[i];
    assert_int_equal(weights_of(&w, l, &err), ST_OK);
    for (int code = 0; code < 2; code++) {
        struct eval_spec s;
        struct eval_result r;
        struct eval_case c;
        eval_defaults(&s, sp);
        s.on = PART_TEST;
        assert_int_equal(protocol_use(&s, code ? PROTO_STRONG_CODE : PROTO_STRONG, sp, &err),
                         ST_OK);
        assert_true(eval_case_at(sp, &s, 0, &c));
        assert_int_equal(c.n_prefix, code ? 7 : 8);
        assert_int_equal(eval_run(w, &s, NULL, NULL, &r, &err), ST_OK);
        assert_close1("NDCG@10", r.metric[0].mean,
                      code ? (1 / log2(3) + 0.5) / (1 + 1 / log2(3)) : 1, 1e-6, 0);
        assert_close1("Recall@10", r.metric[1].mean, 1, 1e-9, 0);
        assert_close1("Prec@10", r.metric[2].mean, 0.2, 1e-9, 0);
    }
    weights_unref(w);
    learner_free(l);
    kit_free(&k);
    split_free(sp);
}

/* 20, 21: what a run is judged by is the validation part; a collapse is said, once, at the
 * end of an epoch; a run that keeps its latents alive says nothing. */
static void test_collapse_is_said(void **state)
{
    (void)state;
    static const char *const of[] = {
        "E=8 H=8 HID=8 K=4 batch=16 beta_cap=10 beta_steps=1 time_norm=mean",
        "E=8 H=8 HID=8 K=4 batch=16"};
    for (int i = 0; i < 2; i++) {
        struct world_opts o = {.items = 144, .sessions = 200, .noise = -1, .seed = 1};
        struct dataset *ds;
        struct split *sp;
        struct kit k;
        struct learner *l;
        struct trainer *t;
        struct pool *pool;
        struct train_event e;
        struct err err = {0};
        int said = 0;
        assert_int_equal(world_generate(&ds, "tastes", &o, &err), ST_OK);
        assert_int_equal(split_new(&sp, ds, SPLIT_SESSIONS, &err), ST_OK);
        make(&k, "");
        assert_int_equal(hparams_set_all(k.hp, of[i], &err), ST_OK);
        if (learner_new(&l, k.def, k.hp, sp, 1, &err) || pool_new(&pool, 1, &err) ||
            trainer_start(&t, l, pool, NULL, &err))
            fail_msg("%s", err.msg);
        assert_true(trainer_post(t, &(struct train_cmd){.kind = TC_RUN, .n = 300}));
        assert_true(trainer_wait(t, 60000));
        assert_true(trainer_snapshot(t)->has_eval &&
                    trainer_snapshot(t)->eval.on == PART_VALID); /* 21 */
        while (trainer_event(t, &e))
            said += strncmp(e.text, "kl ", 3) == 0 && strstr(e.text, "collapse");
        learner_free(trainer_join(t));
        assert_int_equal(said, i == 0);
        pool_free(pool);
        kit_free(&k);
        split_free(sp);
        dataset_free(ds);
    }
}

/* Settings that do not go together are refused with what would. */
static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"output=tied E=4", "kl_exact=1",
                                      "rnn_place=prior sigma=exp_s",
                                      "rnn=transformer tf.heads=3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kit k;
        struct learner *l;
        struct err err = {0};
        make(&k, "");
        assert_int_equal(hparams_set_all(k.hp, bad[i], &err), ST_OK);
        assert_int_equal(learner_new(&l, k.def, k.hp, &k.split, 1, &err), ST_ARG);
        assert_true(*err.msg && *err.hint);
        kit_free(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_divisor),
        cmocka_unit_test(test_ramp),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_copying),
        cmocka_unit_test(test_variance),
        cmocka_unit_test(test_first_update),
        cmocka_unit_test(test_official),
        cmocka_unit_test(test_fold_in),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_list_metrics),
        cmocka_unit_test(test_held_out_users),
        cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_collapse_is_said),
    };
    const char *note;
    gemm_start(&note);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
