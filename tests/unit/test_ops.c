/* Ops: what they compute, against formulas and the reference numbers of the models'
 * specifications; a session's bits do not depend on its neighbours; dropout does not depend
 * on where a batch is cut. */
#include "engine/tensor/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/support/approx.h"

struct bench {
    struct params *ps;
    real *x;
    struct tape *t;
};

static void start(struct bench *b)
{
    assert_int_equal(params_new(&b->ps, NULL), ST_OK);
    assert_int_equal(tape_new(&b->t, 0, NULL), ST_OK);
    b->x = NULL;
}
static const struct param *table(struct bench *b, const char *name, int nd, const int32_t *d)
{
    return params_add(b->ps, name, nd, d, INIT_NORMAL, 0.5f, 0);
}
static void build(struct bench *b)
{
    assert_int_equal(params_build(b->ps, 7, &b->x, NULL), ST_OK);
}
static void begin(struct bench *b, int32_t row0, bool training)
{
    struct tape_env env = {.x = b->x, .seed = 5, .step = 1, .row0 = row0, .training = training};
    tape_begin(b->t, &env);
}
static void stop(struct bench *b)
{
    struct err err = {0};
    if (tape_check(b->t, &err) != ST_OK) {
        print_error("%s\n", err.msg);
        fail();
    }
    tape_free(b->t);
    params_block_free(b->ps, b->x);
    params_free(b->ps);
}
static double at(const struct tensor *x, int32_t r, int32_t c)
{
    return (double)x->x[(size_t)r * (size_t)x->ld + (size_t)c];
}
static void assert_row(const char *what, const struct tensor *x, int32_t r, const double *want,
                       double tol)
{
    assert_close(what, x->x + (size_t)r * (size_t)x->ld, want, (size_t)tensor_cols(x), tol,
                 tol);
}
/* flat element k is scale * sin(from + k): the specifications' rule */
static struct tensor *filled(struct tape *t, int nd, const int32_t *d, double from,
                             double scale)
{
    struct tensor *x = tape_tensor(t, nd, d);
    int32_t cols = tensor_cols(x);
    for (int32_t r = 0; r < tensor_rows(x); r++)
        for (int32_t c = 0; c < cols; c++)
            x->x[(size_t)r * (size_t)x->ld + (size_t)c] =
                (real)(scale * sin(from + r * cols + c));
    return x;
}
#define FILLED(t, from, scale, ...)                                                            \
    filled(t, (int)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)),                       \
           (int32_t[]){__VA_ARGS__}, from, scale)

/* ---- activations, layer normalisation ---- */

static void test_activations(void **state)
{
    (void)state;
    static const struct {
        enum act act;
        double x, y;
    } known[] = {{ACT_GELU, -1, -0.158655},   {ACT_GELU, 1, 0.841345},
                 {ACT_GELU, 3, 2.99595},      {ACT_GELU_TANH, -1, -0.158808},
                 {ACT_RELU, -2, 0},           {ACT_RELU, 2, 2},
                 {ACT_TANH, 0.5, 0.46211716}, {ACT_SIGMOID, -0.5, 0.37754067},
                 {ACT_ELU, -1, -0.63212056},  {ACT_ELU, 2, 2}};
    struct bench b;
    start(&b);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        begin(&b, 0, true);
        real in = (real)known[i].x;
        const struct tensor *y =
            op_act(b.t, tape_input(b.t, &in, 2, (int32_t[]){1, 1}), known[i].act);
        assert_close1("act", at(y, 0, 0), known[i].y, 2e-5, 1e-6);
        for (int c = 1; c < y->ld; c++)
            assert_true(y->x[c] ==
                        0); /* sigmoid(0) is not: the filler stays zero all the same */
    }
    stop(&b);
}

static void test_layernorm(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    begin(&b, 0, true);
    struct tensor *x = FILLED(b.t, 3, 2, 4, 21), *gamma = FILLED(b.t, 1, 1, 21),
                  *beta = FILLED(b.t, 9, 1, 21);
    const struct tensor *y = op_layernorm(b.t, x, gamma, beta, 1e-3f);
    for (int32_t r = 0; r < 4; r++) {
        double mean = 0, var = 0, want[21];
        for (int32_t c = 0; c < 21; c++)
            mean += at(x, r, c) / 21;
        for (int32_t c = 0; c < 21; c++)
            var += (at(x, r, c) - mean) * (at(x, r, c) - mean) / 21;
        for (int32_t c = 0; c < 21; c++)
            want[c] = (at(x, r, c) - mean) / sqrt(var + 1e-3) * sin(1 + c) + sin(9 + c);
        assert_row("layernorm", y, r, want, 1e-5);
    }
    stop(&b);
}

/* Every row as long as asked for, in its own direction; a row of zeros stays one. */
static void test_unit(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    begin(&b, 0, true);
    struct tensor *x = FILLED(b.t, 3, 2, 4, 21);
    memset(x->x + 2 * (size_t)x->ld, 0, (size_t)x->ld * sizeof *x->x);
    const struct tensor *y = op_unit(b.t, x, 16);
    for (int32_t r = 0; r < 4; r++) {
        double square = 0, want[21];
        for (int32_t c = 0; c < 21; c++)
            square += at(x, r, c) * at(x, r, c);
        for (int32_t c = 0; c < 21; c++)
            want[c] = r == 2 ? 0 : 16 * at(x, r, c) / sqrt(square);
        assert_row("unit", y, r, want, 1e-5);
    }
    stop(&b);
}

/* ---- attention ---- */

static const int32_t OFF[] = {0, 5, 6, 23, 30};
enum { N = 4, R = 30, D = 32 };

static void test_attention_formula(void **state)
{
    (void)state;
    for (int heads = 1; heads <= 4; heads *= 2)
        for (int causal = 0; causal < 2; causal++) {
            struct bench b;
            start(&b);
            begin(&b, 0, false);
            tape_watch(b.t, 2);
            struct tensor *q = FILLED(b.t, 1, 1, R, D), *k = FILLED(b.t, 2, 1.3, R, D),
                          *v = FILLED(b.t, 3, 1, R, D);
            tape_push(b.t, "attn");
            /* no dropout: not training */
            const struct tensor *y = op_attention(b.t, q, k, v, OFF, N, heads, causal, 0.5f);
            tape_pop(b.t);
            const struct tensor *score = tape_find(b.t, "attn.score"),
                                *prob = tape_find(b.t, "attn.prob");
            assert_int_equal(score->nd, 3);
            assert_int_equal(score->d[0], heads);
            assert_int_equal(score->d[1], 17);
            assert_int_equal(prob->d[2], 17);
            int dh = D / heads;
            for (int s = 0; s < N; s++)
                for (int h = 0; h < heads; h++)
                    for (int i = OFF[s]; i < OFF[s + 1]; i++) {
                        double z[32] = {0}, sum = 0, want[D] = {0}, total = 0;
                        int last = causal ? i : OFF[s + 1] - 1;
                        for (int j = OFF[s]; j <= last; j++) {
                            for (int c = h * dh; c < (h + 1) * dh; c++)
                                z[j - OFF[s]] += at(q, i, c) * at(k, j, c) / sqrt(dh);
                            sum += exp(z[j - OFF[s]]);
                        }
                        for (int j = OFF[s]; j < OFF[s + 1]; j++) {
                            double p = j <= last ? exp(z[j - OFF[s]]) / sum : 0;
                            for (int c = h * dh; c < (h + 1) * dh; c++)
                                want[c - h * dh] += p * at(v, j, c);
                            if (s != 2)
                                continue;
                            int row = h * 17 + i - OFF[s], col = j - OFF[s];
                            assert_close1("prob", at(prob, row, col), p, 1e-4, 1e-6);
                            total += at(prob, row, col);
                            if (j <= last)
                                assert_close1("score", at(score, row, col), z[col], 1e-4, 1e-5);
                            else
                                assert_true(isnan(at(score, row, col)));
                        }
                        if (s == 2)
                            assert_close1("row of prob", total, 1, 1e-5, 0);
                        assert_close("attention", y->x + (size_t)i * (size_t)y->ld + h * dh,
                                     want, (size_t)dh, 1e-4, 1e-5);
                    }
            stop(&b);
        }
}

/* Two sessions one after another, or each as a block of its own that knows its first row:
 * the same bits, dropout on. */
static void test_cutting(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    const struct param *e = table(&b, "e", 2, (int32_t[]){40, D}),
                       *p = table(&b, "p", 2, (int32_t[]){20, D});
    const struct param *w = table(&b, "w", 2, (int32_t[]){D, D}),
                       *bias = table(&b, "b", 1, (int32_t[]){D}),
                       *conv = table(&b, "c", 3, (int32_t[]){3, D, D});
    build(&b);
    int32_t id[R], pos[R];
    for (int i = 0; i < R; i++) {
        id[i] = i;
        pos[i] = i % 7;
    }
    real whole[R * D];
    for (int causal = 0; causal < 2; causal++)
        for (int part = -1; part < N; part++) {
            int32_t first = part < 0 ? 0 : OFF[part],
                    rows = (part < 0 ? R : OFF[part + 1]) - first, one[] = {0, rows};
            const int32_t *off = part < 0 ? OFF : one;
            int32_t n = part < 0 ? N : 1;
            begin(&b, first, true);
            struct tensor *x = op_embed(b.t, e, id + first, 0, 2, p, pos + first, rows, 0.2f);
            struct tensor *y = op_attention(
                b.t, x,
                op_linear(b.t, x, tape_param(b.t, w), tape_param(b.t, bias), ACT_GELU, 0.3f), x,
                off, n, 2, causal, 0.4f);
            y = op_add(b.t, x, op_dropout(b.t, y, 0.1f));
            y = op_causal_conv(b.t, y, tape_param(b.t, conv), tape_param(b.t, bias), off, n,
                               ACT_RELU, 0.3f);
            if (part < 0)
                memcpy(whole, y->x, sizeof whole);
            else
                assert_bits("part", y->x, whole + first * D, (size_t)(rows * D));
        }
    begin(&b, 100, true); /* other rows of the batch, other masks */
    struct tensor *x = op_embed(b.t, e, id, 0, 2, p, pos, R, 0.2f);
    begin(&b, 0, true);
    real here[R * D];
    memcpy(here, x->x, sizeof here);
    x = op_embed(b.t, e, id, 0, 2, p, pos, R, 0.2f);
    assert_memory_not_equal(here, x->x, sizeof here);
    stop(&b);
}

static void test_dropout_rate(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    begin(&b, 0, true);
    struct tensor *x = tape_tensor(b.t, 2, (int32_t[]){1000, 50});
    for (int r = 0; r < 1000; r++)
        for (int c = 0; c < 50; c++)
            x->x[r * x->ld + c] = 1;
    const struct tensor *y = op_dropout(b.t, x, 0.9f);
    int kept = 0;
    for (int r = 0; r < 1000; r++)
        for (int c = 0; c < 50; c++) {
            if (at(y, r, c) != 0) {
                assert_close1("kept", at(y, r, c), 10, 1e-5, 0);
                kept++;
            }
        }
    assert_in_range(kept, 4700, 5300); /* a tenth of 50,000 */
    begin(&b, 0, false);
    x = tape_tensor(b.t, 2, (int32_t[]){3, 3});
    assert_ptr_equal(op_dropout(b.t, x, 0.9f), x);
    stop(&b);
}

/* A changed item changes nothing before it. */
static void test_causality(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    const struct param *conv = table(&b, "c", 3, (int32_t[]){3, D, D});
    build(&b);
    real before[R * D];
    for (int change = 0; change < 2; change++) {
        begin(&b, 0, false);
        struct tensor *x = FILLED(b.t, 1, 1, R, D);
        if (change)
            x->x[(size_t)15 * (size_t)x->ld] = 9; /* row 15, in the third session */
        struct tensor *y = op_attention(b.t, x, x, x, OFF, N, 1, true, 0);
        y = op_causal_conv(b.t, y, tape_param(b.t, conv), NULL, OFF, N, ACT_NONE, 0);
        if (!change)
            memcpy(before, y->x, sizeof before);
        for (int r = 0; change && r < R; r++)
            assert_int_equal(memcmp(before + r * D, y->x + r * D, D * sizeof *before) != 0,
                             r >= 15 && r < 23);
    }
    stop(&b);
}

static void test_conv_of_one(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    const struct param *w = table(&b, "w", 3, (int32_t[]){1, 20, 9}),
                       *bias = table(&b, "b", 1, (int32_t[]){9});
    build(&b);
    for (int act = ACT_NONE; act <= ACT_GELU_TANH; act++) {
        begin(&b, 0, true);
        struct tensor *x = FILLED(b.t, 1, 1, R, 20);
        tape_push(b.t, "a");
        const struct tensor *y = op_causal_conv(
            b.t, x, tape_param(b.t, w), tape_param(b.t, bias), OFF, N, (enum act)act, 0.2f);
        tape_pop(b.t);
        struct tensor flat = *tape_param(b.t, w);
        flat.nd = 2;
        flat.d[0] = 20;
        flat.d[1] = 9;
        real *keep = tape_alloc(b.t, tensor_size(y) * sizeof *keep);
        memcpy(keep, y->x, tensor_size(y) * sizeof *keep);
        begin(&b, 0, true); /* anew, so that the same key comes again */
        x = FILLED(b.t, 1, 1, R, 20);
        flat.x = b.x + w->at;
        real copy[R * 16];
        memcpy(copy, keep, sizeof copy);
        tape_push(b.t, "a");
        const struct tensor *z =
            op_linear(b.t, x, &flat, tape_param(b.t, bias), (enum act)act, 0.2f);
        tape_pop(b.t);
        assert_bits("conv of one", z->x, copy, R * 16);
    }
    stop(&b);
}

/* ---- recurrent cells ---- */

/* GRU4Rec's cell, reset before the product, two steps of two lanes; and the library's cell,
 * which must differ. */
static void test_gru4rec_cell(void **state)
{
    (void)state;
    static const double h1[2][4] = {{0.293497, 0.299455, 0.110845, -0.134413},
                                    {-0.2142, -0.38874, -0.167206, 0.311916}};
    static const double h2[2][4] = {{0.361195, 0.473444, 0.222328, -0.199156},
                                    {-0.318363, -0.540361, -0.281002, 0.352404}};
    static const double reset[2][4] = {{0.328836, 0.401782, 0.57036, 0.669119},
                                       {0.63328, 0.554624, 0.423295, 0.365039}};
    static const double update[2][4] = {{0.617192, 0.453124, 0.336069, 0.366402},
                                        {0.428268, 0.560047, 0.634072, 0.587268}};
    static const double cand[2][4] = {{0.403185, 0.68343, 0.442571, -0.311113},
                                      {-0.45742, -0.659469, -0.346675, 0.380859}};
    struct bench b;
    start(&b);
    begin(&b, 0, false);
    tape_watch(b.t, 0);
    struct tensor *x = FILLED(b.t, 1, 0.9, 4, 3), *wx = FILLED(b.t, 20, 0.5, 3, 12),
                  *wh = FILLED(b.t, 70, 0.5, 4, 4);
    struct tensor *wrz = FILLED(b.t, 100, 0.5, 4, 8), *bh = FILLED(b.t, 150, 0.1, 12);
    struct tensor *xg = op_linear(b.t, x, wx, bh, ACT_NONE, 0);
    struct tensor *first = op_pick(b.t, xg, (int32_t[]){0, 1}, 2),
                  *second = op_pick(b.t, xg, (int32_t[]){2, 3}, 2);
    struct gru_cell c = {
        .h = 4, .w = {[GRU_RESET] = {wrz, 0}, [GRU_UPDATE] = {wrz, 4}, [GRU_CAND] = {wh, 0}}};
    gru_thirds(c.x, first, 4, 1, 2, 0);
    tape_push(b.t, "one");
    struct tensor *h = op_gru(b.t, &c, NULL, NULL, 2);
    tape_pop(b.t);
    assert_row("h1", h, 0, h1[0], 5e-6);
    assert_row("h1", h, 1, h1[1], 5e-6);
    gru_thirds(c.x, second, 4, 1, 2, 0);
    tape_push(b.t, "two");
    h = op_gru(b.t, &c, h, NULL, 2);
    tape_pop(b.t);
    for (int lane = 0; lane < 2;
         lane++) { /* every lane shows its gates when sessions have one row */
        assert_row("h2", h, lane, h2[lane], 5e-6);
        assert_row("reset", tape_find(b.t, "two.reset"), lane, reset[lane], 5e-6);
        assert_row("update", tape_find(b.t, "two.update"), lane, update[lane], 5e-6);
        assert_row("cand", tape_find(b.t, "two.cand"), lane, cand[lane], 5e-6);
    }
    /* the same two steps as two sessions of two rows */
    struct tensor *by_session = op_pick(b.t, xg, (int32_t[]){0, 2, 1, 3}, 4);
    gru_thirds(c.x, by_session, 4, 1, 2, 0);
    h = op_gru(b.t, &c, NULL, (int32_t[]){0, 2, 4}, 2);
    assert_row("session", h, 1, h2[0], 5e-6);
    assert_row("session", h, 3, h2[1], 5e-6);
    static const double library[2][4] = {{0.255312, 0.519927, 0.352206, -0.271453},
                                         {-0.427725, -0.445946, -0.164364, 0.273773}};
    c.reset_after = c.update_keeps = true;
    h = op_gru(b.t, &c, NULL, (int32_t[]){0, 2, 4}, 2);
    assert_row("library", h, 1, library[0], 5e-6);
    assert_row("library", h, 3, library[1], 5e-6);
    stop(&b);
}

/* SVAE's cell (reset after the product, two biases, the update gate keeps), its draw and its
 * divergences. */
static void test_svae_parts(void **state)
{
    (void)state;
    static const double h[4][4] = {{-0.427218, 0.153984, -0.390437, 0.19571},
                                   {-0.00305816, -0.333731, -0.131989, -0.294181},
                                   {-0.42116, -0.0199544, -0.393927, -0.0318372},
                                   {-0.0573373, -0.423237, -0.167973, -0.359118}};
    static const double z[4][2] = {{-1.00994, -0.70144},
                                   {0.377544, 0.836734},
                                   {0.684582, -0.422923},
                                   {-0.981566, -0.917964}};
    static const double kl[4] = {0.00876213, 0.0108766, 0.0136466, 0.0172492},
                        exact[4] = {0.00991523, 0.0109044, 0.0140863, 0.0197834};
    static const int32_t in[] = {2, 5, 0, 3}, off[] = {0, 4};
    struct bench b;
    start(&b);
    begin(&b, 0, true);
    tape_watch(b.t, 0);
    struct tensor *x = op_pick(b.t, FILLED(b.t, 1, 0.9, 7, 3), in, 4);
    struct tensor *ih = FILLED(b.t, 30, 0.5, 12, 3), *hh = FILLED(b.t, 80, 0.5, 12, 4);
    struct tensor *xg =
        op_add(b.t, op_matmul(b.t, x, ih, false, true), FILLED(b.t, 140, 0.1, 12));
    struct tensor *wh = tape_tensor(b.t, 2, (int32_t[]){4, 12}),
                  *bhh = FILLED(b.t, 160, 0.1, 12);
    for (int r = 0; r < 12; r++)
        for (int c = 0; c < 4; c++)
            wh->x[c * wh->ld + r] = hh->x[r * hh->ld + c];
    struct gru_cell c = {.h = 4, .reset_after = true, .update_keeps = true};
    gru_thirds(c.x, xg, 4, 0, 1, 2);
    gru_thirds(c.w, wh, 4, 0, 1, 2);
    gru_thirds(c.b, bhh, 4, 0, 1, 2);
    struct tensor *hs = op_gru(b.t, &c, NULL, off, 1);
    for (int r = 0; r < 4; r++)
        assert_row("h", hs, r, h[r], 5e-6);
    struct tensor *e =
        op_act(b.t,
               op_add(b.t, op_matmul(b.t, hs, FILLED(b.t, 180, 0.5, 3, 4), false, true),
                      FILLED(b.t, 200, 0.1, 3)),
               ACT_TANH);
    struct tensor *ms = op_add(b.t, op_matmul(b.t, e, FILLED(b.t, 210, 0.5, 4, 3), false, true),
                               FILLED(b.t, 230, 0.1, 4));
    real noise[8];
    for (int i = 0; i < 8; i++)
        noise[i] = (real)sin(300 + i);
    const struct tensor *zs = op_sample(b.t, ms, LATENT_MIXED, true, noise);
    double sum = 0, sum_exact = 0;
    for (int r = 0; r < 4; r++) {
        assert_row("z", zs, r, z[r], 2e-5);
        assert_close1("eps", at(tape_find(b.t, "eps"), r, 1), sin(301 + 2 * r), 1e-6, 1e-6);
        sum += kl[r] / 4;
        sum_exact += exact[r] / 4;
    }
    static const float quarter[] = {0.25f, 0.25f, 0.25f, 0.25f};
    assert_close1("kl", at(op_kl(b.t, ms, NULL, LATENT_MIXED, quarter), 0, 0), sum, 1e-4, 1e-7);
    assert_close1("kl by row", at(tape_find(b.t, "kl"), 2, 0) + at(tape_find(b.t, "kl"), 2, 1),
                  kl[2], 1e-4, 1e-7);
    assert_close1("exact kl", at(op_kl(b.t, ms, NULL, LATENT_EXACT, quarter), 0, 0), sum_exact,
                  1e-4, 1e-7);
    assert_true(at(op_kl(b.t, ms, ms, LATENT_HALF, NULL), 0, 0) == 0); /* from itself */
    assert_bits("mean", op_sample(b.t, ms, LATENT_HALF, false, NULL)->x,
                op_sample(b.t, ms, LATENT_MIXED, false, NULL)->x, 16);
    stop(&b);
}

static void test_noise(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    begin(&b, 0, true);
    enum { ROWS = 4000, K = 5 };
    struct tensor *ms = tape_tensor(b.t, 2, (int32_t[]){ROWS, 2 * K});
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < K; c++) {
            ms->x[r * ms->ld + c] = 3;
            ms->x[r * ms->ld + K + c] = (real)log(4.0);
        }
    const struct tensor *z = op_sample(b.t, ms, LATENT_HALF, true, NULL);
    double mean = 0, var = 0;
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < K; c++) {
            mean += at(z, r, c) / (ROWS * K);
            var += (at(z, r, c) - 3) * (at(z, r, c) - 3) / (ROWS * K);
        }
    assert_close1("mean", mean, 3, 0, 0.05);
    assert_close1("variance", var, 4, 0.05, 0); /* sigma = exp(s/2) = 2 */
    ms->x[K] = 1000;                            /* cut at 5 */
    assert_true(isfinite(at(op_sample(b.t, ms, LATENT_MIXED, true, NULL), 0, 0)));
    assert_true(isfinite(at(op_kl(b.t, ms, NULL, LATENT_EXACT, NULL), 0, 0)));
    stop(&b);
}

static void test_augru(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    begin(&b, 0, false);
    tape_watch(b.t, 1);
    static const int32_t off[] = {0, 3, 6}, of[] = {0, 1};
    struct tensor *xg = FILLED(b.t, 1, 1, 6, 12), *wh = FILLED(b.t, 5, 0.5, 4, 12);
    static const real a[] = {1, 1, 1, (real)0.3, 0, (real)0.6};
    struct tensor *att = tape_input(b.t, a, 2, (int32_t[]){6, 1});
    struct gru_cell c = {.h = 4};
    gru_thirds(c.x, xg, 4, 0, 1, 2);
    gru_thirds(c.w, wh, 4, 0, 1, 2);
    struct tensor *plain = op_gru(b.t, &c, NULL, off, 2),
                  *y = op_augru(b.t, &c, att, AUGRU_PAPER, NULL, of, off, 2);
    const struct tensor *write = tape_find(b.t, "write"), *update, *cand = NULL;
    const struct probe_view *p;
    /* reset, update, cand of the GRU; reset, update, cand, write */
    size_t n = tape_probes(b.t, &p);
    assert_int_equal(n, 7);
    update = p[4].t;
    cand = p[5].t;
    assert_string_equal(p[4].name, "update");
    assert_bits("a = 1 is a GRU", y->x, plain->x, 3 * 16);
    assert_bits("a = 0 leaves the state", y->x + 4 * 16, y->x + 3 * 16, 16);
    assert_int_equal(write->d[0], 3);
    for (int j = 0; j < 4; j++) {
        assert_close1("write", at(write, 0, j), 0.3 * at(update, 0, j), 1e-6, 0);
        assert_close1("state", at(y, 3, j), at(write, 0, j) * at(cand, 0, j), 1e-5, 1e-7);
        /* shares and what is left of the start sum to 1, and give the last state */
        double left = 1;
        double sum = 0, h = 0;
        for (int t = 2; t >= 0; t--) {
            sum += at(write, t, j) * left;
            h += at(write, t, j) * left * at(cand, t, j);
            left *= 1 - at(write, t, j);
        }
        assert_close1("shares", sum + left, 1, 1e-6, 0);
        assert_close1("shares give the state", h, at(y, 5, j), 1e-5, 1e-6);
    }
    assert_bits("attention left out", op_augru(b.t, &c, att, AUGRU_GRU, NULL, NULL, off, 2)->x,
                plain->x, 6 * 16);
    /* tracks that share their inputs by row number */
    static const int32_t row[] = {0, 1, 2, 0, 1, 2}, twice[] = {0, 3, 6};
    const struct tensor *tracks = op_augru(b.t, &c, att, AUGRU_PAPER, row, NULL, twice, 2);
    assert_bits("track", tracks->x, y->x, 3 * 16);
    stop(&b);
}

/* A session alone, or among others of other lengths: the same bits. */
static void test_gru_alone(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    real all[R * 16];
    for (int part = -1; part < N; part++) {
        int32_t first = part < 0 ? 0 : OFF[part], rows = (part < 0 ? R : OFF[part + 1]) - first,
                one[] = {0, rows};
        begin(&b, first, true);
        struct tensor *xg = op_pick(b.t, FILLED(b.t, 1, 1, R, 30), (int32_t[]){0}, 1);
        xg = FILLED(b.t, 1 + 30 * first, 1, rows, 30);
        struct tensor *wh = FILLED(b.t, 5, 0.3, 10, 30);
        struct gru_cell c = {.h = 10};
        gru_thirds(c.x, xg, 10, 0, 1, 2);
        gru_thirds(c.w, wh, 10, 0, 1, 2);
        const struct tensor *y = op_gru(b.t, &c, NULL, part < 0 ? OFF : one, part < 0 ? N : 1);
        if (part < 0)
            memcpy(all, y->x, sizeof all);
        else
            assert_bits("alone", y->x, all + first * 16, (size_t)rows * 16);
    }
    stop(&b);
}

/* ---- Caser's convolutions ---- */

static void test_caser_parts(void **state)
{
    (void)state;
    static const double vert[] = {1.02063, 1.6598, 0.835772, -0.430251, -1.14511, -0.71673};
    static const double top[4][2] = {
        {0.450402, 0.527707}, {1.32566, 1.5053}, {0.486338, 0.605724}, {0, 0}};
    static const int place[4][2] = {{3, 1}, {1, 1}, {0, 1}, {0, 0}};
    static const double conv1[2][4] = {{0, 0, 0.0786996, 0.450402}, {0.377683, 0.527707, 0, 0}};
    static const int32_t ids[] = {0, 0, 5, 4, 3, 1, 6, 2};
    struct bench b;
    start(&b);
    begin(&b, 0, false);
    tape_watch(b.t, 1);
    struct tensor *q = FILLED(b.t, 1, 0.8, 7, 3);
    memset(q->x, 0, 16 * sizeof *q->x);
    struct tensor *x = op_pick(b.t, q, ids, 8);
    const struct tensor *v =
        op_convcol(b.t, x, 4, FILLED(b.t, 80, 0.7, 2, 4), FILLED(b.t, 95, 0.1, 2));
    assert_int_equal(tensor_cols(v), 6);
    assert_row("vertical", v, 1, vert, 5e-6);
    for (int h = 1; h <= 4; h++) {
        struct tensor *f = FILLED(b.t, 100 + 40 * h, 0.6, 2, h, 3),
                      *bias = FILLED(b.t, 300 + 10 * h, 0.1, 2);
        tape_push(b.t, "h%d", h);
        const struct tensor *y = op_convmax(b.t, x, 4, f, bias, ACT_RELU, POOL_MAX);
        tape_pop(b.t);
        char name[32];
        assert_row("max", y, 1, top[h - 1], 5e-6);
        snprintf(name, sizeof name, "h%d.win", h);
        const struct tensor *win = tape_find(b.t, name);
        assert_int_equal((int)win->x[0], place[h - 1][0]);
        assert_int_equal((int)win->x[1], place[h - 1][1]);
        snprintf(name, sizeof name, "h%d.act", h);
        assert_int_equal(tensor_cols(tape_find(b.t, name)), 4 - h + 1);
    }
    assert_row("conv", tape_find(b.t, "h1.act"), 0, conv1[0], 5e-6);
    assert_row("conv", tape_find(b.t, "h1.act"), 1, conv1[1], 5e-6);
    stop(&b);
}

/* ---- sequences and graphs ---- */

static void test_sequences(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    begin(&b, 0, false);
    struct tensor *s = FILLED(b.t, 1, 3, R, 1), *x = FILLED(b.t, 2, 1, R, 7);
    struct tensor *p = op_seg_softmax(b.t, s, OFF, N);
    const struct tensor *y = op_seg_sum(b.t, p, x, OFF, N), *m = op_seg_mean(b.t, x, OFF, N);
    for (int k = 0; k < N; k++) {
        double sum = 0, total = 0, want[7] = {0}, run[7] = {0};
        for (int r = OFF[k]; r < OFF[k + 1]; r++)
            sum += exp(at(s, r, 0));
        for (int r = OFF[k]; r < OFF[k + 1]; r++) {
            assert_close1("softmax", at(p, r, 0), exp(at(s, r, 0)) / sum, 1e-5, 0);
            total += at(p, r, 0);
            double mean[7];
            for (int c = 0; c < 7; c++) {
                want[c] += exp(at(s, r, 0)) / sum * at(x, r, c);
                run[c] += at(x, r, c);
                mean[c] = run[c] / (r - OFF[k] + 1);
            }
            assert_row("mean so far", m, r, mean, 1e-5);
        }
        assert_close1("total", total, 1, 1e-6, 0);
        assert_row("weighted sum", y, k, want, 1e-5);
    }
    stop(&b);
}

static void test_graph(void **state)
{
    (void)state;
    /* session 3,5,3,2,5,3: nodes 2,3,5, edges in; then a graph of one node */
    static const float adj[] = {0, 1, 0, 0, 0, 1, 0.5f, 0.5f, 0, 0};
    static const int32_t adj_off[] = {0, 9, 10}, node_off[] = {0, 3, 4};
    struct bench b;
    start(&b);
    begin(&b, 0, false);
    struct tensor *x = FILLED(b.t, 1, 1, 4, 3);
    const struct tensor *y = op_graph(b.t, adj, adj_off, x, node_off, 2);
    for (int c = 0; c < 3; c++) {
        assert_close1("row 0", at(y, 0, c), at(x, 1, c), 1e-6, 0);
        assert_close1("row 1", at(y, 1, c), at(x, 2, c), 1e-6, 0);
        assert_close1("row 2", at(y, 2, c), (at(x, 0, c) + at(x, 1, c)) / 2, 1e-6, 1e-7);
        assert_true(at(y, 3, c) == 0);
    }
    stop(&b);
}

static void test_rows(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    const struct param *e =
        params_add(b.ps, "e", 2, (int32_t[]){4, 5}, INIT_NORMAL, 1, PARAM_ZERO_ROW0);
    const struct param *one = params_add(b.ps, "one", 2, (int32_t[]){4, 5}, INIT_NORMAL, 1, 0);
    build(&b);
    begin(&b, 0, true);
    b.x[e->at] = 9; /* row 0 gives zeros whatever is written there */
    const struct tensor *y = op_rows(b.t, e, (int32_t[]){0, 3}, 2, 0),
                        *z = op_rows(b.t, one, (int32_t[]){0, 1, 4}, 3, 1);
    for (int c = 0; c < 5; c++) {
        assert_true(at(y, 0, c) == 0);
        assert_true(y->x[16 + c] == b.x[e->at + (size_t)(3 * 16 + c)]);
        assert_true(at(z, 0, c) == 0); /* id 0 is none where rows begin at 1 */
        assert_true(z->x[16 + c] == b.x[one->at + (size_t)c]);
        assert_true(z->x[32 + c] == b.x[one->at + (size_t)(3 * 16 + c)]);
    }
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),  cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_unit),         cmocka_unit_test(test_attention_formula),
        cmocka_unit_test(test_cutting),      cmocka_unit_test(test_dropout_rate),
        cmocka_unit_test(test_causality),    cmocka_unit_test(test_conv_of_one),
        cmocka_unit_test(test_gru4rec_cell), cmocka_unit_test(test_svae_parts),
        cmocka_unit_test(test_noise),        cmocka_unit_test(test_augru),
        cmocka_unit_test(test_gru_alone),    cmocka_unit_test(test_caser_parts),
        cmocka_unit_test(test_sequences),    cmocka_unit_test(test_graph),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
