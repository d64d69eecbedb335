/* Gradients of the whole model against central differences, in its main switches, with dropout on (its masks are a function of seed
 * and step).  The double build is the exact check; in single precision the tolerance is that of the differences. */
#include "tests/support/kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#ifdef SEQLAB_DOUBLE
static const double step = 1e-5, rtol = 1e-5, atol = 1e-8;
#define USUAL ""
#else
static const double step = 4e-3, rtol = 3e-2, atol = 2e-3;
#define USUAL "act=gelu " /* steps this long cross ReLU's corner */
#endif
enum { V = 12, ROWS = 12 };
static const int32_t s1[] = {3, 7, 3, 1, 9}, s2[] = {5}, s3[] = {12, 2, 7, 3, 11, 6};
static const int32_t *const sessions[] = {s1, s2, s3};
static const int32_t lens[] = {5, 1, 6}, target[] = {7, 3, 1, 9, 2, 8, 2, 7, 3, 11, 6, 12};
static const int32_t neg3[] = {1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 1, 4, 5, 8};
static const int32_t *neg1 = neg3 + 7;

static double total(struct kit *k, const struct block *b)
{
    return kit_loss_only(k, b);
}

/* One number: forward says d, backward says g. */
static void compare(const char *settings, const char *what, double d, double g)
{
    if (fabs(d - g) > atol + rtol * fmax(fabs(d), fabs(g)))
        fail_msg("%s: %s: backward %.8g, differences %.8g", settings, what, g, d);
}

static void check_coordinates(struct kit *k, const struct block *b, const char *settings)
{
    for (int i = 0; i < params_n(k->ps); i++) {
        const struct param *p = params_at(k->ps, i);
        size_t n = kit_size(k, p->name), every = n / 7 + 1;
        for (size_t e = p->flags & PARAM_ZERO_ROW0 ? (size_t)param_cols(p) : 0; e < n; e += every) {
            real *x = kit_value(k, p->name, e), keep = *x;
            char what[80];
            *x = keep + (real)step;
            double hi = total(k, b), hx = (double)*x;
            *x = keep - (real)step;
            double lo = total(k, b), lx = (double)*x;
            *x = keep;
            snprintf(what, sizeof what, "%s[%zu]", p->name, e);
            compare(settings, what, (hi - lo) / (hx - lx), (double)*kit_grad(k, p->name, e));
        }
    }
}

/* Along a random direction all parameters move at once: nothing is left out by the sampling. */
static void check_direction(struct kit *k, const struct block *b, const char *settings, uint64_t seed)
{
    size_t n = params_size(k->ps);
    static real keep[1 << 16];
    double slope = 0, loss[2], norm = 0;
    assert_true(n <= sizeof keep / sizeof *keep);
    memcpy(keep, k->x, n * sizeof *keep);
    for (int pass = 0; pass < 3; pass++) { /* length, then both ends */
        memcpy(k->x, keep, n * sizeof *keep);
        for (int i = 0; i < params_n(k->ps); i++) {
            const struct param *p = params_at(k->ps, i);
            struct rng_key key = rng_key(seed, 0, rng_site(p->name));
            for (size_t e = p->flags & PARAM_ZERO_ROW0 ? (size_t)param_cols(p) : 0; e < kit_size(k, p->name); e++) {
                double v = (double)rng_normal(key, (uint32_t)e);
                if (pass == 0) {
                    norm += v * v;
                    slope += v * (double)*kit_grad(k, p->name, e);
                } else {
                    *kit_value(k, p->name, e) += (real)((pass == 1 ? step : -step) * v / sqrt(norm));
                }
            }
        }
        if (pass)
            loss[pass - 1] = total(k, b);
    }
    memcpy(k->x, keep, n * sizeof *keep);
    compare(settings, "a direction", (loss[0] - loss[1]) / (2 * step), slope / sqrt(norm));
}

static void check(const char *settings)
{
    struct kit k;
    struct block b;
    char all[200];
    snprintf(all, sizeof all, "d=6 heads=2 layers=2 maxlen=8 dropout=0.2 " USUAL "%s", settings);
    kit_new(&k, "sasrec", all, V, 3);
    for (int i = 0; i < params_n(k.ps); i++) { /* away from zero biases and unit gains */
        const struct param *p = params_at(k.ps, i);
        struct rng_key key = rng_key(5, 0, rng_site(p->name));
        for (size_t e = p->flags & PARAM_ZERO_ROW0 ? (size_t)param_cols(p) : 0; e < kit_size(&k, p->name); e++)
            *kit_value(&k, p->name, e) += (real)(0.2 * (double)rng_normal(key, (uint32_t)e));
    }
    int32_t n_neg = k.spec.n_neg;
    kit_block(&k, &b, 3, sessions, lens, target, n_neg, n_neg == 1 ? neg1 : neg3);
    assert_true(isfinite(kit_loss(&k, &b)));
    check_coordinates(&k, &b, settings);
    for (uint64_t seed = 1; seed <= 3; seed++)
        check_direction(&k, &b, settings, seed);
    for (int l = 1; l <= hp_int(k.hp, "layers"); l++) { /* a constant on all keys moves no softmax */
        char name[24];
        snprintf(name, sizeof name, "blk%d.bk", l);
        for (size_t e = 0; e < 6; e++)
            assert_true(fabs((double)*kit_grad(&k, name, e)) < 1e-6);
    }
    kit_free(&k);
}

static void test_styles(void **state)
{
    (void)state;
    check("style=official loss=bce");
    check("style=pre_ln loss=ce");
    check("style=post_ln loss=ce");
    check("style=official attn_out_proj=1 loss=ce pad_side=left");
    check("style=pre_ln attn_out_proj=0 loss=bce");
}

static void test_losses(void **state)
{
    (void)state;
    check("loss=bce");
    check("loss=bce_k neg=3");
    check("loss=gbce neg=3 gbce.t=0.75");
    check("loss=ce tie_output=0");
    check("loss=ssm neg=3"); /* one list a session: its first rows' */
}

static void test_feed_forward(void **state)
{
    (void)state;
    check("ffn=dense_wide ffn.w=2");
    check("ffn=causal_conv ffn.k=3");
    check("ffn=causal_conv ffn.k=2 act=gelu style=official");
    check("ffn=none");
    check("ffn=none style=official");
    check("act=gelu");
}

static void test_inputs(void **state)
{
    (void)state;
    check("pos=none");
    check("pos=sinusoid emb_scale=0");
    check("layers=0");
    check("heads=1");
    check("heads=3 init=normal_002");
    check("init=xavier_normal dropout=0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_feed_forward),
        cmocka_unit_test(test_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
