/* SASRec against numbers of an independent float64 program (tests/golden/sasrec.json tells
 * how they were made). */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "tests/support/vectors.h"
#include "engine/train/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static json_t *file;

/* The file's names of the tensors, and ours. */
static const struct {
    const char *theirs, *ours;
} names[] = {
    {"E", "item.E"},
    {"P", "pos.P"},
    {"ln1.g", "blk1.ln1.gamma"},
    {"ln1.b", "blk1.ln1.beta"},
    {"Wq", "blk1.Wq"},
    {"bq", "blk1.bq"},
    {"Wk", "blk1.Wk"},
    {"bk", "blk1.bk"},
    {"Wv", "blk1.Wv"},
    {"bv", "blk1.bv"},
    {"W1", "blk1.W1"},
    {"b1", "blk1.b1"},
    {"W2", "blk1.W2"},
    {"b2", "blk1.b2"},
    {"ln2.g", "blk1.ln2.gamma"},
    {"ln2.b", "blk1.ln2.beta"},
    {"lnf.g", "lnf.gamma"},
    {"lnf.b", "lnf.beta"},
};

static double weight(double offset, size_t i)
{
    return 0.8 * sin(offset + 0.7 * (double)i * (double)i);
}

static void fill(struct kit *k, const json_t *c)
{
    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        char path[64];
        snprintf(path, sizeof path, "weights/offsets/%s", names[a].theirs);
        double offset = vectors_num(c, path);
        bool gain = strstr(names[a].theirs, ".g") != NULL;
        for (size_t i = 0; i < kit_size(k, names[a].ours); i++) {
            double w = weight(offset, i);
            *kit_value(k, names[a].ours, i) = (real)(gain ? 1 + 0.2 * w : w);
        }
    }
    for (size_t i = 0; i < 4; i++)
        *kit_value(k, "item.E", i) = 0;
}

static void check_probe(struct kit *k, const json_t *c, const char *probe, const char *path)
{
    double want[16];
    real got[16];
    assert_int_equal(vectors_flat(c, path, want, 16), 16);
    assert_int_equal(kit_copy(kit_probe(k, probe), got, 16), 12);
    assert_close(probe, got, want + 4, 12, 1e-5, 1e-5); /* slot 0 is padding */
}

static void check_gradients(struct kit *k, const json_t *c, const char *which)
{
    const char *key;
    const json_t *v, *all = vectors_at(c, which);
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)all, key, v)
    {
        char name[16] = {0}, full[32];
        int i = 0, j = -1;
        assert_true(sscanf(key, "%15[^[][%d, %d]", name, &i, &j) >= 2);
        for (size_t a = 0; a < sizeof names / sizeof *names; a++)
            if (strcmp(names[a].theirs, name) == 0)
                snprintf(full, sizeof full, "%s", names[a].ours);
        size_t at = j < 0 ? (size_t)i : (size_t)i * 4 + (size_t)j;
        assert_close1(key, (double)*kit_grad(k, full, at), json_number_value(v), 1e-4, 2e-6);
        n++;
    }
    assert_int_equal(n, 10);
}

static void check_block(const char *name, const char *style)
{
    static const int32_t seq[] = {3, 1, 2}, *const session = seq, pos[] = {1, 2, 5},
                         neg[] = {4, 6, 4}, len = 3;
    const json_t *c = vectors_case(file, name);
    char settings[256];
    struct kit k;
    struct block b, ask;
    real got[32];
    double want[32];
    for (int ce = 0; ce < 2; ce++) {
        snprintf(settings, sizeof settings,
                 "style=%s loss=%s d=4 layers=1 heads=2 maxlen=4 dropout=0 pad_side=left "
                 "attn_out_proj=0 init=glorot",
                 style, ce ? "ce" : "bce");
        kit_new(&k, "sasrec", settings, 6, 1);
        fill(&k, c);
        k.watch = 0;
        kit_block(&k, &b, 1, &session, &len, pos, ce ? 0 : 1, neg);
        assert_close1("loss", kit_loss(&k, &b),
                      vectors_num(c, ce ? "expected/full_ce_loss" : "expected/bce_loss"), 1e-5,
                      1e-5);
        check_gradients(&k, c, ce ? "expected/d_full_ce" : "expected/d_bce");
        for (size_t i = 0; i < 4; i++)
            assert_true(fabs((double)*kit_grad(&k, "blk1.bk", i)) <
                        1e-6); /* a constant on all keys moves no softmax */

        kit_encode(&k, &b);
        check_probe(&k, c, "emb", "expected/emb");
        check_probe(&k, c, "block1.attn.out", "expected/attn_out");
        check_probe(&k, c, "block1.out", "expected/block_out");
        assert_int_equal(vectors_flat(c, "expected/final_at_real_positions(1..3)", want, 12),
                         12);
        kit_copy(kit_probe(&k, "final"), got, 12);
        assert_close("final", got, want, 12, 1e-5, 1e-5);
        assert_int_equal(vectors_flat(c, "expected/attn[head][query][key]", want, 32), 32);
        const struct tensor *prob = kit_probe(&k, "block1.attn.prob");
        assert_int_equal(kit_copy(prob, got, 32), 18);
        for (int h = 0; h < 2; h++)
            for (int q = 0; q < 3; q++)
                for (int j = 0; j <= q; j++)
                    assert_close1("attention", (double)got[h * 9 + q * 3 + j],
                                  want[h * 16 + (q + 1) * 4 + j + 1], 1e-5, 1e-5);

        kit_block(&k, &ask, 1, &session, &len, NULL, 0, NULL);
        assert_int_equal(kit_copy(kit_scores(&k, &ask), got, 7), 7);
        assert_true(isinf(got[0]) && got[0] < 0);
        vectors_flat(c, "expected/scores_last_position_items_1..6", want, 6);
        assert_close("scores", got + 1, want, 6, 1e-5, 1e-5);
        double order[6];
        vectors_flat(c, "expected/ranking_last_position", order, 6);
        for (int i = 0; i + 1 < 6; i++)
            assert_true(got[(int)order[i]] > got[(int)order[i + 1]]);
        kit_free(&k);
    }
}

static void test_official(void **state)
{
    (void)state;
    check_block("block_official", "official");
}

static void test_pre_ln(void **state)
{
    (void)state;
    check_block("block_pre_ln", "pre_ln");
}

/* A tape over one table E (rows,1): with h = 1 the scores are the rows. */
struct bench {
    struct params *ps;
    const struct param *e;
    real *x, *g;
    struct tape *t;
};

static void bench_new(struct bench *s, int32_t rows)
{
    struct err err;
    assert_int_equal(params_new(&s->ps, &err), ST_OK);
    s->e = params_add(s->ps, "E", 2, (int32_t[]){rows, 1}, INIT_ZERO, 0, 0);
    assert_int_equal(params_build(s->ps, 1, &s->x, &err), ST_OK);
    s->g = params_block_new(s->ps);
    assert_non_null(s->g);
    assert_int_equal(tape_new(&s->t, 1 << 16, &err), ST_OK);
    tape_begin(s->t, &(struct tape_env){.x = s->x, .g = s->g, .training = true});
}

static void bench_free(struct bench *s)
{
    params_block_free(s->ps, s->x);
    params_block_free(s->ps, s->g);
    params_free(s->ps);
    tape_free(s->t);
}

static real *row(const struct bench *s, real *block, int32_t id)
{
    return block + s->e->at + (size_t)id * (size_t)s->e->ld;
}

/* Loss of one query: item 1 is right, items 2.. are the negatives. */
static double head_loss(struct bench *s, struct head hd, int32_t n_neg, const float *logq)
{
    static const int32_t off[] = {0, 1}, zero[] = {0, 0}, target[] = {1},
                         neg[] = {2, 3, 4, 5, 6, 7};
    static const float one[] = {1};
    static const real h1[] = {1};
    struct block b = {.n = 1,
                      .n_query = 1,
                      .n_target = 1,
                      .n_neg = n_neg,
                      .off = off,
                      .session = zero,
                      .item = target,
                      .pos = zero,
                      .query = zero,
                      .target = target,
                      .weight = one,
                      .neg = neg,
                      .query_session = zero,
                      .logq = logq};
    struct err err = {0};
    struct tensor *h = tape_input(s->t, h1, 2, (int32_t[]){1, 1});
    hd.table = s->e;
    op_head(s->t, h, &hd, &b);
    double loss = tape_loss(s->t);
    if (tape_backward(s->t, &err))
        fail_msg("%s", err.msg);
    return loss;
}

static void test_gbce(void **state)
{
    (void)state;
    static const char *const which[] = {"gbce_t0", "gbce_t0.75", "gbce_t1"};
    for (int i = 0; i < 3; i++) {
        const json_t *c = vectors_case(file, which[i]);
        struct bench s;
        double neg[4], d_neg[4];
        int32_t v = (int32_t)vectors_num(c, "n_items");
        bench_new(&s, v + 1);
        *row(&s, s.x, 1) = (real)vectors_num(c, "pos_logit");
        vectors_flat(c, "neg_logits", neg, 4);
        for (int j = 0; j < 4; j++)
            *row(&s, s.x, 2 + j) = (real)neg[j];
        struct head hd = {.loss = HEAD_GBCE,
                          .cols = COLS_QUERY,
                          .n_items = v,
                          .gbce_t = (float)vectors_num(c, "t"),
                          .w_pos = 1,
                          .w_neg = 1};
        assert_close1(which[i], head_loss(&s, hd, 4, NULL),
                      vectors_num(c, "expected/loss_mean_over_k_plus_1"), 1e-5, 0);
        assert_close1("gradient +", 5 * (double)*row(&s, s.g, 1),
                      vectors_num(c, "expected/grad_pos_of_sum"), 1e-4, 1e-7);
        vectors_flat(c, "expected/grad_neg_of_sum", d_neg, 4);
        for (int j = 0; j < 4; j++)
            assert_close1("gradient -", 5 * (double)*row(&s, s.g, 2 + j), d_neg[j], 1e-4, 0);
        bench_free(&s);
    }
}

static void test_sampled_softmax(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "sampled_softmax");
    double logit[4], q[4];
    float logq[5] = {0};
    vectors_flat(c, "logits_positive_first", logit, 4);
    vectors_flat(c, "proposal_q", q, 4);
    for (int i = 0; i < 4; i++)
        logq[i + 1] = (float)log(q[i]);
    for (int corrected = 0; corrected < 2; corrected++) {
        struct bench s;
        bench_new(&s, 5);
        for (int i = 0; i < 4; i++)
            *row(&s, s.x, i + 1) = (real)logit[i];
        struct head hd = {.loss = HEAD_SAMPLED,
                          .cols = COLS_QUERY,
                          .n_items = 4,
                          .logq = (float)corrected,
                          .w_pos = 1,
                          .w_neg = 1};
        assert_close1("sampled softmax", head_loss(&s, hd, 3, corrected ? logq : NULL),
                      vectors_num(c, corrected ? "expected/with_minus_log_q"
                                               : "expected/uniform_no_correction"),
                      1e-5, 0);
        bench_free(&s);
    }
}

static void test_softplus(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "softplus_stability");
    double x[5], want[5];
    assert_int_equal(vectors_flat(c, "x", x, 5), 5);
    vectors_flat(c, "expected", want, 5);
    for (int side = 0; side < 2; side++)
        for (
            int i = 0; i < 5;
            i++) { /* softplus(x) from the positive, then from the negative; the other side is softplus(-1000) = 0 */
            struct bench s;
            bench_new(&s, 3);
            *row(&s, s.x, 1) = (real)(side ? 1000 : -x[i]);
            *row(&s, s.x, 2) = (real)(side ? x[i] : -1000);
            struct head hd = {
                .loss = HEAD_BCE, .cols = COLS_QUERY, .n_items = 2, .w_pos = 1, .w_neg = 1};
            double got = head_loss(&s, hd, 1, NULL);
            assert_close1("softplus", got, want[i], 1e-5, 1e-12);
            bench_free(&s);
        }
}

static void test_layernorm(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "layernorm");
    double x[8], gamma[4], beta[4], want[8];
    real in[8], g[4], b[4], got[8];
    vectors_flat(c, "x", x, 8);
    vectors_flat(c, "gamma", gamma, 4);
    vectors_flat(c, "beta", beta, 4);
    vectors_flat(c, "expected", want, 8);
    for (int i = 0; i < 8; i++)
        in[i] = (real)x[i];
    for (int i = 0; i < 4; i++) {
        g[i] = (real)gamma[i];
        b[i] = (real)beta[i];
    }
    struct bench s;
    bench_new(&s, 1);
    struct tensor *y = op_layernorm(
        s.t, tape_input(s.t, in, 2, (int32_t[]){2, 4}), tape_input(s.t, g, 1, (int32_t[]){4}),
        tape_input(s.t, b, 1, (int32_t[]){4}), (float)vectors_num(c, "eps"));
    kit_copy(y, got, 8);
    assert_close("layernorm", got, want, 8, 1e-5, 1e-6);
    bench_free(&s);
}

static void test_causal_conv(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "causal_conv_k3");
    static const int32_t off[] = {0, 4};
    double x[8], bias[2], want[8];
    real in[8], w[12], b[2], got[8];
    vectors_flat(c, "x", x, 8);
    vectors_flat(c, "b", bias, 2);
    for (int i = 0; i < 8; i++)
        in[i] = (real)x[i];
    for (int i = 0; i < 12; i++)
        w[i] = (real)weight(0, (size_t)i);
    for (int i = 0; i < 2; i++)
        b[i] = (real)bias[i];
    for (int k = 1; k <= 3; k += 2) {
        struct bench s;
        bench_new(&s, 1);
        struct tensor *y =
            op_causal_conv(s.t, tape_input(s.t, in, 2, (int32_t[]){4, 2}),
                           tape_input(s.t, w + (3 - k) * 4, 3, (int32_t[]){k, 2, 2}),
                           tape_input(s.t, b, 1, (int32_t[]){2}), off, 1, ACT_NONE, 0);
        vectors_flat(c, k == 3 ? "expected_k3" : "expected_k1_using_last_tap (== dense layer)",
                     want, 8);
        kit_copy(y, got, 8);
        assert_close("causal convolution", got, want, 8, 1e-5, 1e-6);
        bench_free(&s);
    }
}

static void test_metrics(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "metrics_at_10");
    static const struct {
        const char *name, *path;
        int32_t k;
    } m[] = {{"hr", "expected/HR@10", 10},
             {"ndcg", "expected/NDCG@10", 10},
             {"mrr", "expected/MRR_untruncated", 1000}};
    double rank[5];
    vectors_flat(c, "ranks_zero_based", rank, 5);
    for (int i = 0; i < 3; i++) {
        const struct metric_def *d = metric_find(m[i].name);
        struct metric_acc a = {0};
        assert_non_null(d);
        for (int j = 0; j < 5; j++)
            d->add(&a, &(struct rank_obs){.rank = rank[j] + 1, .n_cand = 101}, m[i].k);
        assert_close1(m[i].name, metric_mean(&a), vectors_num(c, m[i].path), 1e-5, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_official),  cmocka_unit_test(test_pre_ln),
        cmocka_unit_test(test_gbce),      cmocka_unit_test(test_softplus),
        cmocka_unit_test(test_metrics),   cmocka_unit_test(test_sampled_softmax),
        cmocka_unit_test(test_layernorm), cmocka_unit_test(test_causal_conv),
    };
    file = vectors_open("tests/golden/sasrec.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
