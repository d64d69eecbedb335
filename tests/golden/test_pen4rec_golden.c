/* PEN4Rec against numbers of an independent float64 program (tests/golden/pen4rec.json), and
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

enum { V = 6, D = 3, K = 2, T = 6 };
static json_t *file;
static const int32_t clicked[T] = {3, 5, 3, 2, 5, 3};

static void make(struct kit *k, const char *more)
{
    const json_t *all = vectors_at(vectors_case(file, "gated_gnn_step"), "weights/offsets");
    const char *name;
    const json_t *v;
    char settings[128];
    int n = 0;
    snprintf(settings, sizeof settings, "d=3 k=2 gnn.steps=1 maxlen=50 %s", more);
    kit_new(k, "pen4rec", settings, V, 1);
    json_object_foreach((json_t *)(uintptr_t)all, name, v)
    {
        const char *ours = strcmp(name, "E") == 0 ? "item.E" : name;
        if (!params_find(k->ps, ours))
            continue;
        n++;
        for (size_t i = 0; i < kit_size(k, ours); i++)
            *kit_value(k, ours, i) =
                (real)sin(json_number_value(v) + 0.7 * (double)i * (double)i);
    }
    assert_int_equal(n, params_n(k->ps)); /* none of ours is left at its start value */
    for (size_t i = 0; i < D; i++)
        *kit_value(k, "item.E", i) = 0;
    k->watch = 0;
}

static void ask(struct kit *k, struct block *b, const int32_t *item, int32_t n)
{
    block_one(b, item, n, &k->spec, k->mem);
    assert_non_null(b->off);
}

static void learn(struct kit *k, struct block *b, const int32_t *target)
{
    static const float one = 1;
    ask(k, b, clicked, T);
    b->n_target = 1;
    b->target = target;
    b->weight = &one;
}

static void check_probe(struct kit *k, const json_t *c, const char *probe, const char *path)
{
    double want[64];
    real got[64];
    size_t n = vectors_flat(c, path, want, 64);
    assert_int_equal(kit_copy(kit_probe(k, probe), got, 64), n);
    assert_close(probe, got, want, n, 1e-5, 3e-6);
}

static void check_scores(struct kit *k, const json_t *c)
{
    struct block b;
    double want[V];
    real got[V + 1];
    assert_int_equal(vectors_flat(c, "expected/scores_items_1..6", want, V), V);
    ask(k, &b, clicked, T);
    assert_int_equal(kit_copy(kit_scores(k, &b), got, V + 1), V + 1);
    assert_true(isinf(got[0]) && got[0] < 0);
    assert_close("scores", got + 1, want, V, 1e-5, 3e-6);
}

/* ---- Graphs ---- */

static void test_graphs(void **state)
{
    (void)state;
    static const int32_t three[] = {3, 5, 3, 2, 5, 3}, one[] = {4}, loop[] = {1, 1, 2};
    static const struct {
        const char *name, *settings;
        const int32_t *item;
        int32_t n;
    } g[] = {
        {"graph_binary_3-5-3-2-5-3", "edge=binary", three, 6},
        {"graph_count_3-5-3-2-5-3", "edge=count", three, 6},
        {"graph_binary_4", "edge=binary", one, 1},
        {"graph_count_4", "edge=count", one, 1},
        {"graph_binary_1-1-2", "edge=binary", loop, 3},
        {"graph_count_1-1-2", "edge=count", loop, 3},
    };
    for (size_t i = 0; i < sizeof g / sizeof *g; i++) {
        struct kit k;
        struct block b;
        double want[8];
        const json_t *c = vectors_case(file, g[i].name);
        make(&k, g[i].settings);
        ask(&k, &b, g[i].item, g[i].n);
        size_t m = vectors_flat(c, "expected/nodes", want, 8);
        assert_int_equal(b.node_off[1], m);
        for (size_t j = 0; j < m; j++)
            assert_int_equal(b.node[j], (int32_t)want[j]);
        assert_int_equal(vectors_flat(c, "expected/alias", want, 8), g[i].n);
        for (int32_t j = 0; j < g[i].n; j++)
            assert_int_equal(b.alias[j], (int32_t)want[j]);
        kit_encode(&k, &b);
        check_probe(&k, c, "graph.in", "expected/A_in");
        check_probe(&k, c, "graph.out", "expected/A_out");
        kit_free(&k);
    }
}

static void test_hops(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "gated_gnn_step");
    struct kit k;
    struct block b;
    make(&k, "gnn.steps=2");
    ask(&k, &b, clicked, T);
    kit_encode(&k, &b);
    check_probe(&k, c, "gnn1.msg_in", "expected/msg_in");
    check_probe(&k, c, "gnn1.msg_out", "expected/msg_out");
    check_probe(&k, c, "gnn1.h", "expected/H1");
    check_probe(&k, c, "gnn2.h", "expected/H2");
    kit_free(&k);
}

/* ---- The whole ---- */

/* Exact algebra: h_n = sum of share_t c_t with share_t = w_t prod over later tau of (1 -
 * w_tau); what is left of h_0 fills up to 1. */
static void check_shares(struct kit *k, const json_t *c, bool gru)
{
    const struct tensor *w = kit_probe(k, gru ? "s2.update" : "s2.write"),
                        *cand = kit_probe(k, "s2.cand"), *st = kit_probe(k, "s2.state");
    double want[K * T], eff[K * T];
    assert_int_equal(vectors_flat(c, "expected/s2.share", want, K * T), K * T);
    assert_int_equal(vectors_flat(c, "expected/s2.eff_update_mean", eff, K * T), K * T);
    assert_int_equal(tensor_rows(w), K * T);
    for (int j = 0; j < K; j++) {
        double left[D] = {1, 1, 1}, sum[D] = {0}, whole[D] = {0};
        for (int t = T - 1; t >= 0; t--) {
            double mean = 0, written = 0;
            for (int i = 0; i < D; i++) {
                double wt = (double)w->x[(j * T + t) * w->ld + i], share = wt * left[i];
                mean += share / D;
                written += wt / D;
                sum[i] += share * (double)cand->x[(j * T + t) * cand->ld + i];
                whole[i] += share;
                left[i] *= 1 - wt;
            }
            assert_close1("share", mean, want[j * T + t], 1e-5, 3e-6);
            assert_close1("write", written, eff[j * T + t], 1e-5, 3e-6);
        }
        for (int i = 0; i < D; i++) {
            assert_close1("shares", whole[i] + left[i], 1, 1e-6, 1e-6);
            assert_close1("state", sum[i], (double)st->x[(j * T + T - 1) * st->ld + i], 1e-5,
                          1e-6);
        }
    }
}

static void check_lens(struct kit *k, const json_t *c)
{
    const struct tensor *l = kit_probe(k, "lens");
    double want[K * T];
    assert_int_equal(vectors_flat(c, "expected/lens_top_item", want, K * T), K * T);
    assert_int_equal(tensor_rows(l), K * T);
    for (int r = 0; r < K * T; r++) {
        int best = 1;
        for (int i = 2; i <= V; i++)
            best = l->x[r * l->ld + i] > l->x[r * l->ld + best] ? i : best;
        assert_int_equal(best, (int)want[r]);
    }
}

static void check_gradients(struct kit *k, const json_t *c)
{
    const char *key;
    const json_t *v, *all = vectors_at(c, "expected/d_ce");
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)all, key, v)
    {
        char name[16] = {0};
        int i = 0, j = -1;
        assert_true(sscanf(key, "%15[^[][%d, %d]", name, &i, &j) >= 2);
        const char *ours = strcmp(name, "E") == 0 ? "item.E" : name;
        size_t cols = (size_t)param_cols(params_find(k->ps, ours)),
               at = j < 0 ? (size_t)i : (size_t)i * cols + (size_t)j;
        assert_close1(key, (double)*kit_grad(k, ours, at), json_number_value(v), 1e-4, 3e-6);
        n++;
    }
    assert_int_equal(n, 16);
    for (size_t i = 0; i < D; i++)
        assert_true(*kit_grad(k, "item.E", i) == 0);
}

static void check_whole(const char *name, const char *settings)
{
    static const int32_t target[] = {1};
    const json_t *c = vectors_case(file, name);
    struct kit k;
    struct block b;
    double want[K * D];
    make(&k, settings);
    learn(&k, &b, target);
    assert_close1("loss", kit_loss(&k, &b), vectors_num(c, "expected/ce_loss_target_1"), 1e-5,
                  0);
    if (strcmp(name, "pen4rec_default") == 0)
        check_gradients(&k, c);
    check_scores(&k, c);
    ask(&k, &b, clicked, T);
    kit_encode(&k, &b);
    check_probe(&k, c, "s1.alpha", "expected/s1.alpha");
    check_probe(&k, c, "s1.c", "expected/s1.c");
    check_probe(&k, c, "s1.q", "expected/s1.q");
    check_probe(&k, c, "s2.att", "expected/s2.att");
    check_probe(&k, c, "fuse.beta", "expected/fuse.beta");
    check_probe(&k, c, "fuse.pref", "expected/pref");
    check_probe(&k, c, "final", "expected/session");
    const struct tensor *st = kit_probe(&k, "s2.state");
    assert_int_equal(vectors_flat(c, "expected/s2.state_last", want, K * D), K * D);
    for (int j = 0; j < K; j++)
        for (int i = 0; i < D; i++)
            assert_close1("last state", (double)st->x[(j * T + T - 1) * st->ld + i],
                          want[j * D + i], 1e-5, 3e-6);
    check_shares(&k, c, strstr(settings, "stage2=gru") != NULL);
    check_lens(&k, c);
    kit_free(&k);
}

static void test_whole(void **state)
{
    (void)state;
    check_whole("pen4rec_default", "");
    check_whole("pen4rec_sigmoid_att", "att=sigmoid");
    check_whole("pen4rec_plain_gru", "stage2=gru");
}

static void test_srgnn(void **state)
{
    (void)state;
    const json_t *c = vectors_case(file, "srgnn_baseline_readout");
    struct kit k;
    struct block b;
    make(&k, "head=srgnn");
    check_scores(&k, c);
    ask(&k, &b, clicked, T);
    kit_encode(&k, &b);
    check_probe(&k, c, "s1.alpha", "expected/alpha_unnormalised");
    check_probe(&k, c, "final", "expected/session");
    kit_free(&k);
}

static void test_replay(void **state)
{
    (void)state;
    const json_t *all = json_object_get(vectors_case(file, "prefix_replay"), "expected");
    struct kit k;
    make(&k, "");
    for (int32_t n = 1; n <= T; n++) {
        const json_t *c = json_array_get(all, (size_t)n - 1);
        struct block b;
        real s[V + 1];
        int best = 1;
        ask(&k, &b, clicked, n);
        kit_copy(kit_scores(&k, &b), s, V + 1);
        for (int i = 2; i <= V; i++)
            best = s[i] > s[best] ? i : best;
        assert_int_equal(best, (int)vectors_num(c, "top_item"));
        check_probe(&k, c, "final", "session");
    }
    kit_free(&k);
}

/* ---- Mistakes ---- */

/* Softmax over its largest weight is exp(e - max): 1 at the top, the ratios of the softmax
 * elsewhere. */
static void test_maxnorm(void **state)
{
    (void)state;
    static const int32_t target[] = {1};
    struct kit k;
    struct block b;
    double soft[K * T];
    real got[K * T];
    make(&k, "att=maxnorm");
    learn(&k, &b, target);
    vectors_flat(vectors_case(file, "pen4rec_default"), "expected/s2.att", soft, K * T);
    kit_encode(&k, &b);
    assert_int_equal(kit_copy(kit_probe(&k, "s2.att"), got, K * T), K * T);
    for (int j = 0; j < K; j++) {
        double top = 0;
        for (int t = 0; t < T; t++)
            top = fmax(top, soft[j * T + t]);
        for (int t = 0; t < T; t++)
            assert_close1("maxnorm", (double)got[j * T + t], soft[j * T + t] / top, 1e-4, 1e-6);
    }
    kit_loss(&k, &b); /* the gradient goes through the maximum as well */
    for (size_t i = 0; i < D * D; i++) {
        real *w = kit_value(&k, "s2.Ws", i), keep = *w;
        const real eps = (real)0.01;
        double slope = (double)*kit_grad(&k, "s2.Ws", i);
        *w = keep + eps;
        double up = kit_loss_only(&k, &b);
        *w = keep - eps;
        double down = kit_loss_only(&k, &b);
        *w = keep;
        assert_close1("slope", slope, (up - down) / 0.02, 0.02, 2e-3);
    }
    kit_free(&k);
}

/* score_norm=cosine: score_scale times the cosine of session and item; how long an item's
 * row is tells nothing. */
static void test_cosine(void **state)
{
    (void)state;
    static const int32_t target[] = {4};
    static const char *const settings[] = {"score_norm=cosine",
                                           "score_norm=cosine score_scale=12 head=srgnn"};
    static const double scale[] = {16, 12};
    for (size_t c = 0; c < 2; c++) {
        struct kit k, plain;
        struct block b;
        real s[D], got[V + 1], longer[V + 1];
        double z = 0, want[V + 1] = {0};
        make(&plain, c ? "head=srgnn" : "");
        ask(&plain, &b, clicked, T);
        kit_encode(&plain, &b);
        kit_copy(kit_probe(&plain, "final"), s, D);
        make(&k, settings[c]);
        for (size_t i = 1; i <= V; i++) {
            double se = 0, ss = 0, ee = 0;
            for (size_t j = 0; j < D; j++) {
                double e = (double)*kit_value(&k, "item.E", i * D + j);
                se += e * (double)s[j];
                ee += e * e;
                ss += (double)s[j] * (double)s[j];
            }
            want[i] = scale[c] * se / sqrt(ss * ee);
            z += exp(want[i]);
        }
        ask(&k, &b, clicked, T);
        kit_copy(kit_scores(&k, &b), got, V + 1);
        assert_true(isinf(got[0]) && got[0] < 0);
        assert_close("cosines", got + 1, want + 1, V, 1e-5, 1e-5);
        learn(&k, &b, target);
        assert_close1("loss", kit_loss(&k, &b), log(z) - want[4], 1e-5, 1e-5);
        /* an item that was not clicked: its row works in the scores alone */
        for (size_t j = 0; j < D; j++)
            *kit_value(&k, "item.E", 6 * D + j) *= 3;
        ask(&k, &b, clicked, T);
        kit_copy(kit_scores(&k, &b), longer, V + 1);
        assert_close("a longer row", longer + 1, want + 1, V, 1e-5, 1e-5);
        kit_free(&k);
        kit_free(&plain);
    }
}

/* Sessions of one and many clicks side by side score as they do alone; equal items make one
 * track; later clicks are not seen. */
static void test_side_by_side(void **state)
{
    (void)state;
    static const int32_t a[] = {4}, same[] = {4, 4, 4}, two[] = {6, 1},
                         longer[] = {1, 2, 3, 4, 5, 6, 5, 4, 3, 2,
                                     1, 1, 2, 6, 6, 3, 1, 5, 2, 4};
    static const int32_t *const item[] = {a, same, two, longer}, len[] = {1, 3, 2, 20};
    static const char *const settings[] = {"",
                                           "head=srgnn",
                                           "recent=mean",
                                           "fusion=mean",
                                           "pos=reverse",
                                           "att=maxnorm",
                                           "score_norm=cosine"};
    for (size_t c = 0; c < sizeof settings / sizeof *settings; c++) {
        struct kit k;
        struct block b;
        char full[64];
        real many[4 * (V + 1)], alone[V + 1];
        snprintf(full, sizeof full, "d=5 k=3 %s", settings[c]);
        kit_new(&k, "pen4rec", full, V, 3);
        block_many(&b, 4, item, len, &k.spec, k.mem);
        assert_int_equal(kit_copy(kit_scores(&k, &b), many, 4 * (V + 1)), 4 * (V + 1));
        if (c == 0) {
            real beta[1 + 1 + 2 + 3];
            /* 1, 1, 2 and 3 tracks */
            assert_int_equal(kit_copy(kit_probe(&k, "fuse.beta"), beta, 7), 7);
            assert_close1("one track", (double)beta[1], 1, 0, 0);
            assert_close1("betas", (double)(beta[4] + beta[5] + beta[6]), 1, 1e-6, 0);
        }
        for (int s = 0; s < 4; s++) {
            ask(&k, &b, item[s], len[s]);
            kit_copy(kit_scores(&k, &b), alone, V + 1);
            for (int i = 1; i <= V; i++)
                assert_close1(settings[c], (double)many[s * (V + 1) + i], (double)alone[i],
                              1e-6, 1e-6);
        }
        kit_free(&k);
    }
}

/* z = 1 keeps the old state: the gated step is then no step. */
static void test_keep(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real h[3 * D];
    double e[3 * D];
    make(&k, "");
    for (size_t i = D; i < 2 * (size_t)D; i++)
        *kit_value(&k, "gnn.bih", i) = 60;
    ask(&k, &b, clicked, T);
    kit_encode(&k, &b);
    kit_copy(kit_probe(&k, "gnn1.h"), h, 3 * D);
    for (int n = 0; n < 3; n++)
        for (size_t i = 0; i < D; i++)
            e[(size_t)n * D + i] = (double)*kit_value(&k, "item.E", (size_t)b.node[n] * D + i);
    assert_close("kept", h, e, 3 * D, 1e-6, 1e-7);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graphs), cmocka_unit_test(test_hops),
        cmocka_unit_test(test_whole),  cmocka_unit_test(test_srgnn),
        cmocka_unit_test(test_replay), cmocka_unit_test(test_maxnorm),
        cmocka_unit_test(test_cosine), cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_keep),
    };
    file = vectors_open("tests/golden/pen4rec.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
