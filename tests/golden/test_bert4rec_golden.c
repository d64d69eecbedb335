/* BERT4Rec against numbers of an independent float64 program (tests/golden/bert4rec.json
 * tells how they were made). */
#include "tests/support/approx.h"
#include "tests/support/cloze.h"
#include "tests/support/vectors.h"
#include "engine/tensor/optim.h"
#include "engine/train/learner_work.h"

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
    {"E", "item.E"},           {"P", "pos.P"},
    {"T0", "type.T"},          {"lne.g", "emb.ln.gamma"},
    {"lne.b", "emb.ln.beta"},  {"Wq", "l1.Wq"},
    {"bq", "l1.bq"},           {"Wk", "l1.Wk"},
    {"bk", "l1.bk"},           {"Wv", "l1.Wv"},
    {"bv", "l1.bv"},           {"Wo", "l1.Wo"},
    {"bo", "l1.bo"},           {"ln1.g", "l1.ln1.gamma"},
    {"ln1.b", "l1.ln1.beta"},  {"W1", "l1.W1"},
    {"b1", "l1.b1"},           {"W2", "l1.W2"},
    {"b2", "l1.b2"},           {"ln2.g", "l1.ln2.gamma"},
    {"ln2.b", "l1.ln2.beta"},  {"Wp", "head.Wp"},
    {"bp", "head.bp"},         {"lnp.g", "head.ln.gamma"},
    {"lnp.b", "head.ln.beta"}, {"bout", "head.bout"},
};
enum { MASK = 6, D = 4 };

static void fill(struct kit *k)
{
    const json_t *c = vectors_case(file, "encoder_and_mlm_loss");
    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        char path[64];
        snprintf(path, sizeof path, "weights/offsets/%s", names[a].theirs);
        double offset = vectors_num(c, path);
        bool gain = strstr(names[a].theirs, ".g") != NULL;
        for (size_t i = 0; i < kit_size(k, names[a].ours); i++) {
            double w = 0.8 * sin(offset + 0.7 * (double)i * (double)i);
            *kit_value(k, names[a].ours, i) = (real)(gain ? 1 + 0.2 * w : w);
        }
    }
}

static void new_kit(struct kit *k, const char *more)
{
    char settings[256];
    snprintf(settings, sizeof settings,
             "d=4 layers=1 heads=2 inner=8 maxlen=5 dropout=0 dropout.attn=0 type_emb=1 %s",
             more);
    kit_new(k, "bert4rec", settings, 5, 1);
    fill(k);
}

static void check_flat(const char *path, const json_t *c, const real *got, size_t n)
{
    double want[64];
    assert_true(n <= 64 && vectors_flat(c, path, want, 64) >= n);
    assert_close(path, got, want, n, 1e-5, 1e-5);
}

static void check_gradients(struct kit *k, const json_t *c)
{
    const char *key;
    const json_t *v, *all = vectors_at(c, "expected/d_loss_items_only");
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)all, key, v)
    {
        char name[16] = {0}, full[32] = {0};
        int i = 0, j = -1;
        assert_true(sscanf(key, "%15[^[][%d, %d]", name, &i, &j) >= 2);
        for (size_t a = 0; a < sizeof names / sizeof *names; a++)
            if (strcmp(names[a].theirs, name) == 0)
                snprintf(full, sizeof full, "%s", names[a].ours);
        size_t at = j < 0
                        ? (size_t)i
                        : (size_t)i * (size_t)param_cols(params_find(k->ps, full)) + (size_t)j;
        assert_close1(key, (double)*kit_grad(k, full, at), json_number_value(v), 1e-4, 2e-6);
        n++;
    }
    assert_int_equal(n, 10);
}

static void test_encoder(void **state)
{
    (void)state;
    static const int32_t ids[] = {2, MASK, 4, MASK}, label[] = {5, 1};
    const json_t *c = vectors_case(file, "encoder_and_mlm_loss");
    struct kit k;
    struct block b;
    real got[64];
    double want[64];
    new_kit(&k, "");
    cloze_block(&k, &b, ids, 4, label);
    assert_close1("loss", kit_loss(&k, &b), vectors_num(c, "expected/loss_items_only"), 1e-5,
                  1e-5);
    check_gradients(&k, c);

    k.watch = 0;
    struct tensor *h = kit_encode(&k, &b);
    kit_copy(h, got, 64);
    check_flat("expected/head_at_masks", c, got, 2 * D);
    kit_copy(kit_probe(&k, "emb"), got, 64);
    check_flat("expected/emb", c, got, 4 * D);
    kit_copy(kit_probe(&k, "block1.out"), got, 64);
    check_flat("expected/layer_out_real(0..3)", c, got, 4 * D);
    assert_int_equal(kit_copy(kit_probe(&k, "block1.attn.prob"), got, 64), 32);
    assert_int_equal(vectors_flat(c, "expected/attn[head][query][key]", want, 64), 50);
    for (int a = 0; a < 2; a++)
        for (int q = 0; q < 4; q++) {
            for (int j = 0; j < 4; j++)
                assert_close1("attention", (double)got[a * 16 + q * 4 + j],
                              want[a * 25 + q * 5 + j], 1e-5, 1e-5);
            assert_true(want[a * 25 + q * 5 + 4] == 0); /* the slot of padding */
        }

    kit_copy(kit_scores(&k, &b), got, 64);
    vectors_flat(c, "expected/logits_at_masks_all_7_rows", want, 64);
    for (int q = 0; q < 2; q++) {
        assert_true(isinf(got[q * 6]) && got[q * 6] < 0);
        assert_close("logits", got + q * 6 + 1, want + q * 7 + 1, 5, 1e-5, 1e-5);
    }
    kit_copy(kit_probe(&k, "lens0"), got, 64);
    vectors_flat(c, "expected/lens_layer0_logits_items_1..5", want, 64);
    for (int q = 0; q < 2; q++)
        assert_close("lens", got + q * 6 + 1, want + q * 5, 5, 1e-5, 1e-5);
    kit_free(&k);
}

/* The official softmax counts padding and [mask] too; its denominator is 2 + 1e-5. */
static void test_all_rows(void **state)
{
    (void)state;
    static const int32_t ids[] = {2, MASK, 4, MASK}, label[] = {5, 1};
    struct kit k;
    struct block b;
    new_kit(&k, "softmax_rows=all");
    cloze_block(&k, &b, ids, 4, label);
    double want = vectors_num(vectors_case(file, "encoder_and_mlm_loss"),
                              "expected/loss_all_rows_official");
    assert_close1("loss", kit_loss(&k, &b), want * (1 + 1e-5 / 2), 3e-6, 0);
    kit_free(&k);
}

static void test_gelu(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "gelu");
    double x[7], want[7];
    real in[7], got[7];
    assert_int_equal(vectors_flat(c, "x", x, 7), 7);
    for (int i = 0; i < 7; i++)
        in[i] = (real)x[i];
    for (int exact = 0; exact < 2; exact++) {
        struct tape *t;
        assert_int_equal(tape_new(&t, 1 << 12, NULL), ST_OK);
        tape_begin(t, &(struct tape_env){0});
        kit_copy(op_act(t, tape_input(t, in, 2, (int32_t[]){1, 7}),
                        exact ? ACT_GELU : ACT_GELU_TANH),
                 got, 7);
        vectors_flat(c, exact ? "expected_erf" : "for_contrast_tanh_form", want, 7);
        assert_close("gelu", got, want, 7, 1e-5, 1e-6);
        tape_free(t);
    }
}

static void log_softmax(const real *s, double *out) /* of items 1..5 */
{
    double sum = 0;
    for (int i = 1; i <= 5; i++)
        sum += exp((double)s[i]);
    for (int i = 1; i <= 5; i++)
        out[i - 1] = (double)s[i] - log(sum);
}

static void check_row(const char *what, const double *got, const double *want)
{
    for (int i = 0; i < 5; i++)
        assert_close1(what, got[i], want[i], 1e-5, 1e-5);
}

static void test_two_steps(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "two_step_prediction");
    int32_t seq[] = {2, 5, 0};
    struct kit k;
    struct block b;
    real got[16];
    double want[10], p[5], first, total;
    new_kit(&k, "");
    block_one(&b, seq, 2, &k.spec, k.mem);
    assert_int_equal(kit_copy(kit_scores(&k, &b), got, 16), 6);
    log_softmax(got, p);
    vectors_flat(c, "expected/next_logprobs_one_mask", want, 5);
    check_row("one mask", p, want);
    int pick = (int)vectors_num(c, "expected/rollout_first_pick");
    first = p[pick - 1];
    for (int i = 0; i < 5; i++)
        assert_true(p[i] <= first);

    block_tail(&b, seq, 2, 2, &k.spec, k.mem);
    assert_int_equal(kit_copy(kit_scores(&k, &b), got, 16), 12);
    vectors_flat(c, "expected/trailing_masks_logprobs_h1_h2", want, 10);
    for (int h = 0; h < 2; h++) {
        log_softmax(got + 6 * h, p);
        check_row("trailing masks", p, want + 5 * h);
    }
    seq[2] = pick;
    block_one(&b, seq, 3, &k.spec, k.mem);
    kit_copy(kit_scores(&k, &b), got, 16);
    log_softmax(got, p);
    vectors_flat(c, "expected/rollout_logprobs_h2", want, 5);
    check_row("roll-out", p, want);
    total = first + p[(int)vectors_num(c, "expected/rollout_second_pick") - 1];
    assert_close1("path", total, vectors_num(c, "expected/rollout_path_logprob"), 1e-5, 1e-5);
    kit_free(&k);
}

/* One session 1, 2, .. len: where its windows start, and how many places are hidden, over
 * some epochs. */
static void session_epochs(int32_t len, const char *settings, int epochs,
                           void (*see)(const struct block *b, void *ctx), void *ctx)
{
    int32_t item[512];
    const int32_t *one = item;
    struct kit k;
    struct batcher *bt;
    struct batch plan;
    struct block b;
    struct err err;
    assert_true(len <= 512);
    for (int32_t i = 0; i < len; i++)
        item[i] = i + 1;
    kit_new_data(&k, "bert4rec", settings, len, 1, 1, &one, &len);
    if (batcher_new(&bt, &k.split, &k.spec, 1, &err))
        fail_msg("%s", err.msg);
    for (int e = 0; e < epochs; e++) {
        assert_int_equal(batcher_plan(bt, e, &plan, &err), ST_OK);
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int p = 0; p < plan.n_part[s]; p++) {
                batch_fill(bt, &plan, s, p, k.mem, &b);
                see(&b, ctx);
            }
    }
    batcher_free(bt);
    kit_free(&k);
}

struct starts {
    bool at[512];
    int32_t len, n;
};

static void see_start(const struct block *b, void *ctx)
{
    struct starts *s = ctx;
    int32_t i = 0, rows = b->off[1];
    while (b->item[i] > s->len) /* hidden */
        i++;
    s->at[b->item[i] - 1 - i] = true;
    assert_int_equal(rows, s->len < s->n ? s->len : s->n);
}

static void test_windows(void **state)
{
    (void)state;
    const json_t *cases = vectors_at(vectors_case(file, "sliding_windows"), "expected");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        double want[32];
        char settings[128];
        struct starts s = {.len = (int32_t)vectors_num(c, "len"),
                           .n = (int32_t)vectors_num(c, "n")};
        size_t n = vectors_flat(c, "starts", want, 32), found = 0;
        snprintf(settings, sizeof settings,
                 "d=4 layers=0 heads=1 maxlen=%d window.prop=%g mask.prob=0.1", s.n,
                 vectors_num(c, "prop"));
        session_epochs(s.len, settings, 400, see_start, &s);
        for (int at = 0; at < 512; at++)
            found += s.at[at];
        for (size_t j = 0; j < n; j++)
            assert_true(s.at[(int)want[j]]);
        assert_int_equal(found, n);
    }
}

static void see_count(const struct block *b, void *ctx)
{
    int32_t hidden = 0, *want = ctx;
    for (int32_t r = 0; r < b->off[1]; r++)
        hidden += b->item[r] == *(want + 1);
    assert_int_equal(hidden, *want);
    assert_int_equal(b->n_query, *want);
    for (int32_t q = 1; q < b->n_query; q++)
        assert_true(b->query[q] > b->query[q - 1]);
}

static void test_counts(void **state)
{
    (void)state;
    const json_t *cases = vectors_at(vectors_case(file, "num_to_predict"), "expected");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        char settings[128];
        int32_t len = (int32_t)vectors_num(c, "len"),
                want[] = {(int32_t)vectors_num(c, "k"), len + 1};
        if (len < 2)
            continue; /* sessions of one item do not train */
        snprintf(settings, sizeof settings,
                 "d=4 layers=0 heads=1 maxlen=200 mask.prob=%g mask.cap=%d mask.last=0",
                 vectors_num(c, "rho"), (int)vectors_num(c, "cap"));
        session_epochs(len, settings, 5, see_count, want);
    }
}

static void test_schedule(void **state)
{
    (void)state;
    const char *key;
    const json_t *v, *all = vectors_at(vectors_case(file, "lr_schedule"), "expected");
    struct kit k;
    kit_new(&k, "bert4rec", "d=4 heads=1 lr=0.0001 warmup=100 decay_steps=400000", 5, 1);
    struct learner l = {.hp = k.hp};
    json_object_foreach((json_t *)(uintptr_t)all, key, v)
    {
        assert_int_equal(sscanf(key, "%lld", (long long *)&l.step), 1);
        assert_close1(key, learner_lr(&l), json_number_value(v), 1e-5, 1e-12);
    }
    kit_free(&k);
}

static void test_optimiser(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "adamw_without_bias_correction");
    const struct optim_def *o = optim_find("bertadam");
    double grad[3], want[3];
    vectors_flat(c, "grads", grad, 3);
    for (int decay = 0; decay < 2; decay++) {
        real x = (real)vectors_num(c, "w0"), m = 0, v = 0, *aux[] = {&m, &v};
        vectors_flat(c, decay ? "expected" : "expected_no_decay", want, 3);
        for (int i = 0; i < 3; i++) {
            real g = (real)grad[i];
            struct optim_step s = {.t = i + 1,
                                   .lr = (float)vectors_num(c, "lr"),
                                   .decay = decay ? (float)vectors_num(c, "wd") : 0,
                                   .clip = 1,
                                   .beta1 = 0.9f,
                                   .beta2 = 0.999f,
                                   .eps = 1e-6f};
            o->span(&x, &g, aux, 1, &s);
            assert_close1("bertadam", (double)x, want[i], 1e-5, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoder),  cmocka_unit_test(test_all_rows),
        cmocka_unit_test(test_gelu),     cmocka_unit_test(test_two_steps),
        cmocka_unit_test(test_windows),  cmocka_unit_test(test_counts),
        cmocka_unit_test(test_schedule), cmocka_unit_test(test_optimiser),
    };
    file = vectors_open("tests/golden/bert4rec.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
