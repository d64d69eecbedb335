/* SASRec's outside: parameters, start values, presets, refusals, negatives of each loss, the
 * lens. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void assert_names(const char *settings, const char *const *want)
{
    struct kit k;
    kit_new(&k, "sasrec", settings, 20, 1);
    int n = params_n(k.ps);
    for (int i = 0; i < n; i++) {
        assert_non_null(want[i]);
        assert_string_equal(params_at(k.ps, i)->name, want[i]);
    }
    assert_null(want[n]);
    kit_free(&k);
}

static void test_parameters(void **state)
{
    (void)state;
    static const char *const official[] = {"item.E",
                                           "pos.P",
                                           "blk1.ln1.gamma",
                                           "blk1.ln1.beta",
                                           "blk1.Wq",
                                           "blk1.bq",
                                           "blk1.Wk",
                                           "blk1.bk",
                                           "blk1.Wv",
                                           "blk1.bv",
                                           "blk1.ln2.gamma",
                                           "blk1.ln2.beta",
                                           "blk1.W1",
                                           "blk1.b1",
                                           "blk1.W2",
                                           "blk1.b2",
                                           "lnf.gamma",
                                           "lnf.beta",
                                           NULL};
    static const char *const bare[] = {
        "item.E",  "blk1.ln1.gamma", "blk1.ln1.beta", "blk1.Wq", "blk1.bq",
        "blk1.Wk", "blk1.bk",        "blk1.Wv",       "blk1.bv", "blk1.Wo",
        "blk1.bo", "lnf.gamma",      "lnf.beta",      "out.E2",  NULL};
    static const char *const none[] = {"item.E", "pos.P", "lnf.gamma", "lnf.beta", NULL};
    assert_names("style=official layers=1", official);
    assert_names("style=pre_ln layers=1 pos=none ffn=none tie_output=0", bare);
    assert_names("layers=0", none);

    /* the paper's ML-1M: (V+1) d + n d + L (5 d^2 + 9 d) + 2 d, less the row of zeros */
    struct kit k;
    kit_new(&k, "sasrec", "style=official d=50 layers=2 heads=1 maxlen=200", 3416, 1);
    assert_int_equal(params_count(k.ps), 3416 * 50 + 200 * 50 + 2 * (5 * 2500 + 9 * 50) + 100);
    kit_free(&k);
    kit_new(&k, "sasrec",
            "style=official d=8 layers=1 heads=1 maxlen=4 ffn=causal_conv ffn.k=3", 10, 1);
    assert_int_equal(params_count(k.ps), 80 + 32 + 3 * 72 + 2 * 3 * 64 + 2 * 8 + 4 * 8 + 16);
    kit_free(&k);
}

/* Largest size and standard deviation of a parameter's start values, the row of zeros left
 * out. */
static void spread(struct kit *k, const char *name, size_t from, double *most, double *sd)
{
    size_t n = kit_size(k, name);
    double sum = 0;
    *most = 0;
    for (size_t e = from; e < n; e++) {
        double x = (double)*kit_value(k, name, e);
        *most = fmax(*most, fabs(x));
        sum += x * x;
    }
    *sd = sqrt(sum / (double)(n - from));
}

static void test_start_values(void **state)
{
    (void)state;
    const struct {
        const char *settings, *name;
        size_t from;
        double bound, sd; /* bound 0: none */
    } of[] = {
        {"init=glorot", "item.E", 32, sqrt(6.0 / (301 + 32)), 0},
        {"init=glorot", "blk1.Wq", 0, sqrt(6.0 / 64), 0},
        {"init=glorot ffn=causal_conv ffn.k=3", "blk1.W1", 0, sqrt(6.0 / (6 * 32)), 0},
        {"init=glorot ffn=dense_wide ffn.w=4", "blk1.W1", 0, sqrt(6.0 / (5 * 32)), 0},
        {"init=xavier_normal", "blk2.W2", 0, 0, sqrt(2.0 / 64)},
        {"init=normal_002", "item.E", 32, 0, 0.02},
        {"init=normal_002", "blk1.W1", 0, 0, 0.02},
        {"init=normal_002", "blk1.Wo", 0, 0, 0.02},
        {"init=normal_002", "blk1.Wk", 0, sqrt(6.0 / (4 * 32)),
         0}, /* one (d,3d) matrix in the 2023 code */
        {"init=auto loss=bce", "pos.P", 0, sqrt(6.0 / (40 + 32)), 0},
        {"init=auto loss=ce", "pos.P", 0, 0, 0.02},
        {"init=auto loss=gbce", "item.E", 32, 0, 0.02},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct kit k;
        char settings[160];
        double most, sd;
        snprintf(settings, sizeof settings, "d=32 heads=2 maxlen=40 %s", of[i].settings);
        kit_new(&k, "sasrec", settings, 300, 4);
        spread(&k, of[i].name, of[i].from, &most, &sd);
        if (of[i].bound > 0) {
            assert_true(most <= of[i].bound * (1 + 1e-6) && most > 0.9 * of[i].bound);
            assert_close1(of[i].name, sd, of[i].bound / sqrt(3), 0.1, 0);
        } else {
            assert_close1(of[i].name, sd, of[i].sd, 0.1, 0);
            assert_true(most > 2.2 * of[i].sd);
        }
        for (size_t e = 0; e < 32; e++) {
            assert_true(*kit_value(&k, "item.E", e) == 0);
            assert_true(*kit_value(&k, "blk1.bq", e) == 0);
            assert_true(*kit_value(&k, "blk1.ln1.gamma", e) == 1);
        }
        kit_free(&k);
    }
}

static void test_negatives_of_each_loss(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        int32_t n_neg;
        enum neg_cols cols;
        bool distinct, logq;
    } of[] = {
        {"loss=bce", 1, NEG_QUERY, false, false},
        {"loss=bce_k", 4, NEG_QUERY, false, false},
        {"loss=bce_k neg=17", 17, NEG_QUERY, false, false},
        {"loss=gbce", 256, NEG_QUERY, false, false},
        {"loss=gbce neg=900", 499, NEG_QUERY, false,
         false}, /* no more than the catalogue less the target */
        {"loss=ce neg=5", 0, NEG_QUERY, false, false},
        {"loss=ssm", 499, NEG_SESSION, true, false},
        {"loss=ssm neg=100 neg.dist=pop neg.alpha=0.5", 100, NEG_SESSION, true, true},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct kit k;
        kit_new(&k, "sasrec", of[i].settings, 500, 1);
        assert_int_equal(k.spec.n_neg, of[i].n_neg);
        assert_int_equal(k.spec.logq, of[i].logq);
        assert_int_equal(k.spec.neg_distinct, of[i].distinct);
        if (of[i].n_neg)
            assert_int_equal(k.spec.neg_cols, of[i].cols);
        assert_int_equal(k.spec.kind, BATCH_SESSIONS);
        bool softmax = k.def->traits(k.self) & MODEL_SOFTMAX;
        assert_int_equal(softmax, strstr(of[i].settings, "loss=ce") ||
                                      strstr(of[i].settings, "loss=ssm"));
        kit_free(&k);
    }
}

/* What does not fit is refused before anything is built, with what would. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *settings, *says;
        int32_t n_items;
    } of[] = {
        {"d=50 heads=4", "d 50 does not divide into 4 heads", 10},
        {"loss=bce neg=8", "loss=bce draws one negative a step, not neg=8", 10},
        {"loss=gbce", "loss=gbce needs 2 items or more, tiny has 1", 1},
    };
    const struct model_def *m = model_find("sasrec");
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct dataset ds = {.name = "tiny", .n_items = of[i].n_items};
        struct hparams *hp = NULL;
        struct params *ps = NULL;
        struct arena *mem = NULL;
        struct err err = {0};
        _Alignas(64) unsigned char self[8192] = {0};
        assert_true(m->self_size <= sizeof self);
        assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
        assert_int_equal(hparams_set_all(hp, of[i].settings, &err), ST_OK);
        assert_int_equal(params_new(&ps, &err), ST_OK);
        assert_int_equal(arena_new(&mem, 0, &err), ST_OK);
        struct model_env env = {.ds = &ds, .hp = hp, .mem = mem};
        assert_int_equal(m->init(self, ps, &env, &err), ST_ARG);
        assert_string_equal(err.msg, of[i].says);
        assert_int_equal(params_n(ps), 0);
        params_free(ps);
        hparams_free(hp);
        arena_free(mem);
    }
}

/* lens0: what it would say with no block at all; the last lens: what it says. */
static void test_lens(void **state)
{
    (void)state;
    struct kit two, none;
    struct block b;
    static real a[128], c[128];
    const int32_t item[] = {3, 9, 14, 2, 7}, *session = item, len = 5;
    kit_new(&two, "sasrec", "d=16 heads=2 layers=2 maxlen=8", 20, 1);
    /* start values depend on names alone: the same tables */
    kit_new(&none, "sasrec", "d=16 heads=2 layers=0 maxlen=8", 20, 1);
    kit_block(&two, &b, 1, &session, &len, NULL, 0, NULL);
    kit_scores(&two, &b);
    assert_null(tape_find(two.tape, "lens1")); /* only for who looks */
    two.watch = 0;
    size_t n = kit_copy(kit_scores(&two, &b), a, 128);
    assert_int_equal(n, 21);
    kit_copy(kit_probe(&two, "lens2"), c, 128);
    assert_bits("the last lens", a, c, n);
    kit_copy(kit_probe(&two, "lens0"), a, 128);
    kit_copy(kit_scores(&none, &b), c, 128);
    assert_bits("the first lens", a, c, n);
    kit_copy(kit_probe(&two, "lens1"), c, 128);
    assert_true(memcmp(a, c, n * sizeof *a) != 0);
    kit_free(&two);
    kit_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_start_values),
        cmocka_unit_test(test_negatives_of_each_loss),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
