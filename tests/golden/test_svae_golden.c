/* SVAE against numbers of an independent float64 program (tests/golden/svae.json), and the
 * mistakes that are easy to make. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "tests/support/vectors.h"
#include "models/svae.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { T = 4, ITEMS = 7, E = 3, H = 4, K = 2 };
static json_t *file;
static real noise[T * K];

/* turn: theirs is (turn, rows), stored is (rows, turn), input first; 0: as stored. */
static size_t turned(size_t i, size_t n, size_t turn)
{
    return turn ? i % turn * (n / turn) + i / turn : i;
}

static void fill(struct kit *k, const char *param, double start, double scale, size_t turn)
{
    size_t n = kit_size(k, param);
    for (size_t i = 0; i < n; i++)
        *kit_value(k, param, i) = (real)(scale * sin(start + (double)turned(i, n, turn)));
}

/* The file's weights; beta is at its cap of .2 from the third update on. */
static void make(struct kit *k, const char *more)
{
    char settings[256];
    snprintf(settings, sizeof settings,
             "E=3 H=4 HID=3 K=2 k=2 beta_cap=0.2 beta_steps=1 sigma=exp_s %s", more);
    kit_new(k, "svae", settings, ITEMS, 1);
    fill(k, "item.E", 1, 0.9, 0);
    fill(k, "gru1.Wx", 30, 0.5, 3 * H);
    fill(k, "gru1.Wh", 80, 0.5, 3 * H);
    fill(k, "gru1.bx", 140, 0.1, 0);
    fill(k, "gru1.bh", 160, 0.1, 0);
    fill(k, "enc.W", 180, 0.5, 3);
    fill(k, "enc.b", 200, 0.1, 0);
    fill(k, "latent.W", 210, 0.5, 2 * K);
    fill(k, "latent.b", 230, 0.1, 0);
    fill(k, "dec.W", 240, 0.6, 3);
    fill(k, "dec.b", 250, 0.1, 0);
    fill(k, "out.W", 260, 0.7, 0);
    fill(k, "out.b", 290, 0.1, 0);
    for (size_t i = 0; i < T * K; i++)
        noise[i] = (real)sin(300 + (double)i);
    svae_noise(k->self, noise);
    k->watch = 0;
}

/* The history 2, 5, 0, 3, 6 of the file; ids from 1 here. */
static const int32_t inputs[] = {3, 6, 1, 4}, *const input = inputs, steps = T;
static const int32_t next2[] = {6, 1, 1, 4, 4, 7, 7, 0};
static const float weight[] = {1, 1, 1, 0.5f}; /* |Y_t| / m, m = 2 */

static void learning(struct kit *k, struct block *b)
{
    kit_block(k, b, 1, &input, &steps, inputs, 0, NULL);
    b->n_target = 2;
    b->target = next2;
    b->weight = weight;
    b->n_batch = 1;
    b->step = b->epoch_step = 100;
}

static void check_probe(struct kit *k, const char *probe, const char *path)
{
    char full[64];
    double want[32];
    real got[32];
    snprintf(full, sizeof full, "forward/probes/%s", path);
    size_t n = vectors_flat(file, full, want, 32);
    assert_int_equal(kit_copy(kit_probe(k, probe), got, 32), n);
    assert_close(probe, got, want, n, 1e-5, 3e-6);
}

static void test_forward(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    double want[T * ITEMS];
    make(&k, "");
    learning(&k, &b);
    kit_loss(&k, &b);
    check_probe(&k, "gru1.reset", "gru_r");
    check_probe(&k, "gru1.update", "gru_z");
    check_probe(&k, "gru1.cand", "gru_n");
    check_probe(&k, "gru1.state", "h");
    check_probe(&k, "enc", "enc");
    check_probe(&k, "latent.mu", "mu");
    check_probe(&k, "latent.sigma", "sigma");
    check_probe(&k, "latent.z", "z");
    check_probe(&k, "dec", "dec");

    real got[T * (ITEMS + 1)];
    k.env.g = NULL; /* the scores of the drawn points */
    tape_begin(k.tape, &k.env);
    kit_copy(op_head_scores(k.tape, k.def->encode(k.self, k.tape, &b), k.def->head(k.self)),
             got, T * (ITEMS + 1));
    vectors_flat(file, "forward/probes/logits", want, T * ITEMS);
    for (size_t t = 0; t < T; t++)
        assert_close("logits", got + t * (ITEMS + 1) + 1, want + t * ITEMS, ITEMS, 1e-5, 3e-6);

    kit_block(&k, &b, 1, &input, &steps, NULL, 0, NULL); /* an answer draws nothing */
    kit_copy(kit_scores(&k, &b), got, ITEMS + 1);
    vectors_flat(file, "forward/logits_with_zero_noise_last_step", want, ITEMS);
    assert_close("answer", got + 1, want, ITEMS, 1e-5, 3e-6);
    kit_free(&k);
}

static void check_gradient(struct kit *k, const char *param, const char *path, size_t turn)
{
    char full[64];
    double want[32];
    snprintf(full, sizeof full, "forward/grad_loss_official/%s", path);
    size_t n = vectors_flat(file, full, want, 32);
    assert_int_equal(n, kit_size(k, param));
    for (size_t i = 0; i < n; i++)
        assert_close1(param, (double)*kit_grad(k, param, i), want[turned(i, n, turn)], 1e-4,
                      2e-6);
}

/* The spread, its KL and the norm over time, one at a time: the code's, its exact KL, the
 * consistent one. */
static void test_loss(void **state)
{
    (void)state;
    static const struct {
        const char *set, *path, *kl;
    } c[] = {
        {"", "forward/loss_official", "forward/kl_per_step_official"},
        {"kl_exact=1", "forward/loss_kl_exact_log_sigma",
         "forward/kl_per_step_exact_for_sigma_exp_s"},
        {"sigma=exp_half", "forward/loss_logvar_consistent", "forward/kl_per_step_official"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct kit k;
        struct block b;
        real got[T * K];
        double want[T];
        make(&k, c[i].set);
        learning(&k, &b);
        assert_close1(c[i].path, kit_loss(&k, &b), vectors_num(file, c[i].path), 1e-5, 0);
        vectors_flat(file, c[i].kl, want, T);
        kit_copy(kit_probe(&k, "latent.kl"), got, T * K);
        for (size_t t = 0; t < T; t++) /* differences of numbers near 1 */
            assert_close1("kl", (double)got[t * K] + (double)got[t * K + 1], want[t], 1e-4,
                          1e-6);
        double value, w;
        assert_int_equal(tape_terms(k.tape), 2);
        assert_string_equal(tape_term_at(k.tape, 1, &value, &w), "kl");
        assert_close1("beta", w, 0.2, 1e-6, 0);
        assert_close1("mean of the steps", value, (want[0] + want[1] + want[2] + want[3]) / T,
                      1e-4, 1e-6);
        if (i == 0) {
            check_gradient(&k, "item.E", "emb", 0);
            check_gradient(&k, "latent.b", "bml", 0);
            check_gradient(&k, "out.b", "bd2", 0);
            check_gradient(&k, "gru1.bh", "bhh", 0);
        }
        kit_free(&k);
    }
}

static void test_beta(void **state)
{
    (void)state;
    const char *key;
    const json_t *v, *all = vectors_at(file, "annealing/beta_for_update");
    for (int restart = 0; restart < 2; restart++) {
        struct kit k;
        struct block b;
        double value, w;
        make(&k, restart ? "beta_steps=200000 beta_restart=1" : "beta_steps=200000");
        json_object_foreach((json_t *)(uintptr_t)all, key, v)
        {
            long long u = 0;
            assert_int_equal(sscanf(key, "%lld", &u), 1);
            learning(&k, &b);
            b.step = restart ? 123456 : u; /* the other counter must not matter */
            b.epoch_step = restart ? u : 123456;
            kit_loss_only(&k, &b);
            tape_term_at(k.tape, 1, &value, &w);
            assert_close1(key, w, json_number_value(v), 1e-5, 1e-12);
        }
        kit_free(&k);
    }
}

/* Editing an item leaves all earlier rows as they were, wherever the memory sits; the rows
 * after it change. */
static void test_no_future(void **state)
{
    (void)state;
    static const char *const place[] = {"encoder",
                                        "decoder",
                                        "latent",
                                        "prior",
                                        "none",
                                        "encoder+latent",
                                        "encoder rnn=lstm",
                                        "decoder rnn=lstm",
                                        "encoder rnn=transformer",
                                        "prior rnn=transformer"};
    static const int32_t other[] = {3, 6, 5, 4}, *const changed = other;
    for (size_t p = 0; p < sizeof place / sizeof *place; p++) {
        char settings[128];
        struct kit k;
        struct block a, b;
        real before[T * 3], after[T * 3], kl_before[T * K], kl_after[T * K];
        snprintf(settings, sizeof settings, "E=3 H=4 HID=3 K=2 K2=5 rnn_place=%s", place[p]);
        kit_new(&k, "svae", settings, ITEMS, 3);
        k.watch = 0;
        kit_block(&k, &a, 1, &input, &steps, inputs, 0, NULL);
        kit_block(&k, &b, 1, &changed, &steps, inputs, 0, NULL);
        kit_copy(kit_encode(&k, &a), before, T * 3);
        kit_copy(kit_probe(&k, "latent.kl"), kl_before, T * K);
        kit_copy(kit_encode(&k, &b), after, T * 3);
        kit_copy(kit_probe(&k, "latent.kl"), kl_after, T * K);
        for (size_t i = 0; i < T * 3; i++)
            if (i < 2 * 3 && before[i] != after[i])
                fail_msg("%s: row %zu reads what comes later", place[p], i / 3);
        assert_memory_equal(kl_before, kl_after, 2 * K * sizeof *kl_before);
        assert_memory_not_equal(before + 2 * 3, after + 2 * 3, 3 * sizeof *before);
        kit_free(&k);
    }
}

/* Two histories of different lengths: the mean of their single losses, and the state of one
 * is not the other's. */
static void test_two_histories(void **state)
{
    (void)state;
    static const int32_t one[] = {3, 6, 1, 4}, two[] = {5, 2}, *const both[] = {one, two},
                         len[] = {4, 2};
    static const int32_t target[] = {6, 1, 4, 7, 2, 7};
    static const float alone[] = {1, 1, 1, 1}, halves[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    struct kit k;
    struct block b;
    double sum = 0;
    make(&k, "target=next");
    static const real none[6 * K];
    svae_noise(k.self, none);
    for (int i = 0; i < 2; i++) {
        kit_block(&k, &b, 1, &both[i], &len[i], target + (i ? 4 : 0), 0, NULL);
        b.weight = alone;
        b.n_batch = 1;
        b.step = 100;
        sum += kit_loss_only(&k, &b) / 2;
    }
    kit_block(&k, &b, 2, both, len, target, 0, NULL);
    b.weight = halves;
    b.n_batch = 2;
    b.step = 100;
    assert_close1("two histories", kit_loss_only(&k, &b), sum, 1e-6, 0);
    kit_free(&k);
}

/* An answer is the same twice; with predict=sample it is not, nor two trainings' draws; a
 * draw's variance is sigma squared. */
static void test_draws(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct kit k;
    struct block b;
    for (int sample = 0; sample < 2; sample++) {
        real s[ITEMS + 1], again[ITEMS + 1];
        make(&k, sample ? "predict=sample" : "predict=mean");
        kit_block(&k, &b, 1, &input, &steps, NULL, 0, NULL);
        kit_copy(kit_scores(&k, &b), s, ITEMS + 1);
        k.env.step++;
        kit_copy(kit_scores(&k, &b), again, ITEMS + 1);
        bool same = memcmp(s + 1, again + 1, ITEMS * sizeof *s) == 0;
        assert_int_equal(same, !sample);
        kit_free(&k);
    }
    make(&k, "");
    svae_noise(k.self, NULL);
    learning(&k, &b);
    double sum[T * K] = {0}, cross = 0, along = 0;
    for (int i = 0; i < N; i++) {
        real e[T * K];
        k.env.step = i;
        kit_loss_only(&k, &b);
        kit_copy(kit_probe(&k, "latent.eps"), e, T * K);
        for (size_t j = 0; j < T * K; j++)
            sum[j] += (double)e[j] * (double)e[j] / N;
        cross += (double)e[0] * (double)e[1] / N;
        along += (double)e[0] * (double)e[K] / N;
    }
    for (size_t j = 0; j < T * K; j++)
        assert_true(fabs(sum[j] - 1) < 0.25);
    /* own noise a dimension and a step */
    assert_true(fabs(cross) < 0.15 && fabs(along) < 0.15);
    kit_free(&k);
}

/* mu = 0, s = 0: no divergence.  Two biases a gate: 3 H (E + H + 2) weights in the
 * unit.  plain: beta 0. */
static void test_shapes(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real kl[T * K];
    double value, w;
    make(&k, "");
    size_t n = kit_size(&k, "gru1.Wx") + kit_size(&k, "gru1.Wh") + kit_size(&k, "gru1.bx") +
               kit_size(&k, "gru1.bh");
    assert_int_equal(n, 3 * H * (E + H + 2));
    for (size_t i = 0; i < kit_size(&k, "latent.W"); i++)
        *kit_value(&k, "latent.W", i) = 0;
    for (size_t i = 0; i < 2 * K; i++)
        *kit_value(&k, "latent.b", i) = 0;
    learning(&k, &b);
    kit_loss_only(&k, &b);
    kit_copy(kit_probe(&k, "latent.kl"), kl, T * K);
    for (size_t i = 0; i < T * K; i++)
        assert_true(kl[i] == 0);
    kit_free(&k);
    make(&k, "head=plain");
    learning(&k, &b);
    kit_loss_only(&k, &b);
    tape_term_at(k.tape, 1, &value, &w);
    assert_true(w == 0);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),       cmocka_unit_test(test_loss),
        cmocka_unit_test(test_beta),          cmocka_unit_test(test_no_future),
        cmocka_unit_test(test_two_histories), cmocka_unit_test(test_draws),
        cmocka_unit_test(test_shapes),
    };
    file = vectors_open("tests/golden/svae.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
