/* Caser against numbers of an independent float64 program (tests/golden/caser.json), and the
 * mistakes that are easy to make. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "tests/support/vectors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { L = 4, D = 3, ITEMS = 6, USERS = 2, F = 14 };
static json_t *file;

static void fill(struct kit *k, const char *param, double start, double scale, int32_t turn)
{
    size_t n = kit_size(k, param), rows = turn ? n / (size_t)turn : 0;
    for (size_t i = 0; i < n; i++) { /* turn: stored (rows, turn), theirs is (turn, rows) */
        size_t at = turn ? i % (size_t)turn * rows + i / (size_t)turn : i;
        *kit_value(k, param, i) = (real)(scale * sin(start + (double)at));
    }
}

static void make(struct kit *k, const char *more)
{
    static const int32_t one[] = {3, 1, 6, 2}, two[] = {5, 4, 1}, *const item[] = {one, two},
                         len[] = {4, 3};
    char settings[256];
    snprintf(settings, sizeof settings,
             "L=4 T=2 d=3 nv=2 nh=2 user=1 dropout=0 loss=bce neg=3 %s", more);
    kit_new_data(k, "caser", settings, ITEMS, 1, USERS, item, len);
    k->watch = 0;
    fill(k, "item.E", 1, 0.8, 0);
    for (size_t j = 0; j < D; j++)
        *kit_value(k, "item.E", j) = 0;
    fill(k, "user.P", 50, 0.6, 0);
    fill(k, "conv.v.W", 80, 0.7, 0);
    fill(k, "conv.v.b", 95, 0.1, 0);
    for (int h = 1; h <= L; h++) {
        char name[32];
        snprintf(name, sizeof name, "conv.h%d.W", h);
        fill(k, name, 100 + 40 * h, 0.6, 0);
        snprintf(name, sizeof name, "conv.h%d.b", h);
        fill(k, name, 300 + 10 * h, 0.1, 0);
    }
    fill(k, "fc.W", 400, 0.4, D);
    fill(k, "fc.b", 480, 0.1, 0);
    fill(k, "out.W", 500, 0.5, 0);
    fill(k, "out.b", 560, 0.1, 0);
}

static const int32_t window[] = {3, 1, 6, 2}, *const windows[] = {window}, window_len = L,
                     second[] = {2};

/* The window with its targets 4, 5 and the negatives 1, 6, 3. */
static void learning(struct kit *k, struct block *b)
{
    static const int32_t target[] = {4, 5}, neg[] = {1, 6, 3};
    static const float weight[] = {1};
    kit_block(k, b, 1, windows, &window_len, NULL, 0, NULL);
    b->user = second;
    b->n_target = 2;
    b->target = target;
    b->n_neg = 3;
    b->neg = neg;
    b->weight = weight;
}

static void check_flat(const struct tensor *got, const char *path)
{
    double want[32];
    real have[32];
    size_t n = vectors_flat(file, path, want, 32);
    assert_int_equal(kit_copy(got, have, 32), n);
    assert_close(path, have, want, n, 1e-5, 2e-6);
}

static void check_scores(struct kit *k, const struct block *b, const char *path)
{
    double want[ITEMS + 1];
    real got[ITEMS + 1];
    assert_int_equal(vectors_flat(file, path, want, ITEMS + 1), ITEMS + 1);
    kit_copy(kit_scores(k, b), got, ITEMS + 1);
    assert_true(isinf(got[0]) && got[0] < 0);
    assert_close(path, got + 1, want + 1, ITEMS, 1e-5, 2e-6);
}

static void test_forward(void **state)
{
    (void)state;
    static const int32_t padded[] = {0, 0, 5, 4}, *const pads[] = {padded}, first[] = {1};
    struct kit k;
    struct block b;
    make(&k, "anon=zero");
    kit_block(&k, &b, 1, windows, &window_len, NULL, 0, NULL);
    b.user = second;
    check_scores(&k, &b, "forward/user1_seq_3_1_6_2/scores");
    check_flat(kit_probe(&k, "emb"), "forward/user1_seq_3_1_6_2/E");
    check_flat(kit_probe(&k, "conv.v"), "forward/user1_seq_3_1_6_2/vert");
    check_flat(kit_probe(&k, "feat"), "forward/user1_seq_3_1_6_2/feat");
    check_flat(kit_probe(&k, "z"), "forward/user1_seq_3_1_6_2/z");
    check_flat(kit_probe(&k, "final"), "forward/user1_seq_3_1_6_2/x");
    double conv[20], most[8], win[8];
    assert_int_equal(vectors_flat(file, "forward/user1_seq_3_1_6_2/hconv", conv, 20), 20);
    assert_int_equal(vectors_flat(file, "forward/user1_seq_3_1_6_2/hmax", most, 8), 8);
    assert_int_equal(vectors_flat(file, "forward/user1_seq_3_1_6_2/harg", win, 8), 8);
    for (int h = 1, at = 0; h <= L; at += 2 * (L - h + 1), h++) {
        char name[32];
        real got[8];
        snprintf(name, sizeof name, "conv.h%d.act", h);
        kit_copy(kit_probe(&k, name), got, 8);
        assert_close(name, got, conv + at, (size_t)(2 * (L - h + 1)), 1e-5, 2e-6);
        snprintf(name, sizeof name, "conv.h%d.max", h);
        kit_copy(kit_probe(&k, name), got, 2);
        assert_close(name, got, most + 2 * (h - 1), 2, 1e-5, 2e-6);
        snprintf(name, sizeof name, "conv.h%d.win", h);
        kit_copy(kit_probe(&k, name), got, 2);
        assert_close(name, got, win + 2 * (h - 1), 2, 0, 0);
    }
    b.user = NULL; /* nobody known: anon=zero */
    check_scores(&k, &b, "forward/anonymous_zero_user_scores");
    kit_block(&k, &b, 1, pads, &window_len, NULL, 0, NULL);
    b.user = first;
    check_scores(&k, &b, "forward/user0_seq_0_0_5_4_scores");
    kit_free(&k);
}

static void test_loss(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    double want[21];
    make(&k, "loss_norm=group_mean");
    learning(&k, &b);
    assert_close1("group mean", kit_loss(&k, &b),
                  vectors_num(file, "loss/mean_of_each_group (loss_norm=group_mean)"), 1e-5, 0);
    vectors_flat(file, "loss/grad_Q_group_mean", want, 21);
    for (size_t i = 0; i < 21; i++)
        assert_close1("gradient of Q", (double)*kit_grad(&k, "item.E", i), want[i], 1e-4, 2e-6);
    vectors_flat(file, "loss/grad_P_user1_group_mean", want, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_close1("gradient of P", (double)*kit_grad(&k, "user.P", 3 + i), want[i], 1e-4,
                      2e-6);
        assert_true(*kit_grad(&k, "user.P", i) == 0);
    }
    vectors_flat(file, "loss/grad_scores_group_mean", want, 7);
    for (size_t i = 0; i < 7; i++) /* a bias takes the slope of its score */
        assert_close1("slopes", (double)*kit_grad(&k, "out.b", i), want[i], 1e-4, 2e-6);
    kit_free(&k);
    make(&k, "loss_norm=count");
    learning(&k, &b);
    assert_close1("count", kit_loss_only(&k, &b),
                  vectors_num(file, "loss/sum_over_count (loss_norm=count)"), 1e-5, 0);
    kit_free(&k);
    make(&k, "loss_norm=instance_sum");
    learning(&k, &b);
    assert_close1("sum", kit_loss_only(&k, &b),
                  5 * vectors_num(file, "loss/sum_over_count (loss_norm=count)"), 1e-5, 0);
    kit_free(&k);
}

/* Numbers of weights: vertical nv L + nv, horizontal of every height nh h d + nh. */
static void test_filters(void **state)
{
    (void)state;
    struct kit k;
    make(&k, "");
    size_t n = 0, want = 2 * L + 2;
    for (int i = 0; i < params_n(k.ps); i++) {
        const struct param *p = params_at(k.ps, i);
        if (strncmp(p->name, "conv.", 5) == 0)
            n += kit_size(&k, p->name);
        assert_false(p->flags & PARAM_NO_DECAY); /* L2 is on everything, biases too (code) */
    }
    for (int h = 1; h <= L; h++)
        want += (size_t)(2 * h * D + 2);
    assert_int_equal(n, want);
    assert_int_equal(kit_size(&k, "fc.W"), F * D);
    kit_free(&k);
}

/* A target of 0 adds nothing; the padding row takes no gradient unless asked to; a large
 * negative score is no infinity. */
static void test_padding(void **state)
{
    (void)state;
    static const int32_t padded[] = {0, 0, 6, 2}, *const pads[] = {padded}, short_of[] = {4, 0};
    for (int learns = 0; learns < 2; learns++) {
        struct kit k;
        struct block b, one;
        make(&k, learns ? "pad_trainable=1 loss_norm=instance_sum" : "loss_norm=instance_sum");
        learning(&k, &b);
        kit_block(&k, &one, 1, pads, &window_len, NULL, 0, NULL);
        b.item = one.item;
        double all = kit_loss(&k, &b), sum = 0;
        for (size_t j = 0; j < D; j++)
            sum += fabs((double)*kit_grad(&k, "item.E", j));
        assert_true(learns ? sum > 0 : sum == 0);
        b.target = short_of;
        assert_true(kit_loss(&k, &b) < all - 0.01);
        assert_true(*kit_grad(&k, "out.b", 0) == 0);
        *kit_value(&k, "out.b", 6) = 1000;
        double big = kit_loss(&k, &b);
        assert_true(isfinite(big) && big > 900 && big < 1100);
        kit_free(&k);
    }
}

/* P_u stands beside z: another user moves the scores and leaves z alone.  Dropout is on the
 * features, in training only. */
static void test_user(void **state)
{
    (void)state;
    static const int32_t who[] = {1, 2}, *const twice[] = {window, window}, len[] = {L, L};
    struct kit k;
    struct block b;
    real z[6], x[12], s[14], again[14];
    make(&k, "");
    kit_block(&k, &b, 2, twice, len, NULL, 0, NULL);
    b.user = who;
    kit_copy(kit_scores(&k, &b), s, 14);
    kit_copy(kit_probe(&k, "z"), z, 6);
    assert_memory_equal(z, z + 3, 3 * sizeof *z);
    assert_memory_not_equal(s + 1, s + 8, 6 * sizeof *s);
    /* beside a known user the unknown one gets the mean of all, here of two */
    static const int32_t one_known[] = {0, 2};
    real mean[12];
    b.user = one_known;
    kit_copy(kit_encode(&k, &b), mean, 12);
    for (size_t j = 0; j < D; j++) {
        double p1 = (double)*kit_value(&k, "user.P", j),
               p2 = (double)*kit_value(&k, "user.P", D + j);
        assert_close1("mean of users", (double)mean[D + j], (p1 + p2) / 2, 1e-6, 1e-7);
        assert_close1("known user", (double)mean[3 * D + j], p2, 0, 0);
    }
    kit_free(&k);
    make(&k, "dropout=0.9");
    kit_block(&k, &b, 2, twice, len, NULL, 0, NULL);
    b.user = who;
    kit_copy(kit_scores(&k, &b), again, 14);
    assert_memory_equal(s + 1, again + 1, 6 * sizeof *s);
    tape_begin(k.tape, &(struct tape_env){.x = k.x, .seed = 3, .training = true});
    kit_copy(k.def->encode(k.self, k.tape, &b), x, 12);
    for (size_t u = 0; u < 2; u++)
        for (size_t j = 0; j < D; j++)
            assert_true(x[u * 6 + 3 + j] == *kit_value(&k, "user.P", u * D + j));
    kit_free(&k);
}

/* Normal with deviation 1/d, 1/(2d) where z and P_u are scored together. */
static void test_start(void **state)
{
    (void)state;
    static const char *const name[] = {"item.E", "out.W"};
    static const int32_t one[] = {1, 2}, *const item[] = {one}, len[] = {2};
    struct kit k;
    kit_new_data(&k, "caser", "d=20 user=1", 500, 5, 1, item, len);
    for (int i = 0; i < 2; i++) {
        size_t cols = i ? 40 : 20, n = kit_size(&k, name[i]);
        double sum = 0;
        for (size_t j = cols; j < n; j++)
            sum += (double)*kit_value(&k, name[i], j) * (double)*kit_value(&k, name[i], j);
        assert_close1(name[i], sqrt(sum / (double)(n - cols)), i ? 1 / 40.0 : 1 / 20.0, 0.03,
                      0);
    }
    for (size_t j = 0; j < 20; j++)
        assert_true(*kit_value(&k, "item.E", j) == 0);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward), cmocka_unit_test(test_loss),
        cmocka_unit_test(test_filters), cmocka_unit_test(test_padding),
        cmocka_unit_test(test_user),    cmocka_unit_test(test_start),
    };
    file = vectors_open("tests/golden/caser.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
