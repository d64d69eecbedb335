/* Every op against central differences.  The list of tests is ops.def itself: an op without
 * a function grad_<op> here does not compile.  In the double build the relative tolerance is
 * 1e-6, in the float build 1e-3. */
#include "engine/train/heads.h"
#include "tests/support/grad.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* Packed sessions of unlike lengths, one of a single row. */
static const int32_t OFF[] = {0, 5, 6, 23, 30};
enum { N = 4, R = 30 };

#define BUILD(name)                                                                            \
    static struct tensor *name(struct tape *t, struct tensor *const *in,                       \
                               const struct param *const *p, const void *ctx)
#define UNUSED(...)                                                                            \
    (void)sizeof((void *[]){(void *)(uintptr_t)t, (void *)(uintptr_t)in, (void *)(uintptr_t)p, \
                            (void *)(uintptr_t)ctx})

static void check_all(const struct grad_case *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        grad_check(&c[i]);
}
#define CHECK(...)                                                                             \
    do {                                                                                       \
        const struct grad_case cases_[] = {__VA_ARGS__};                                       \
        check_all(cases_, sizeof cases_ / sizeof *cases_);                                     \
    } while (0)

/* Cases are rows. */
// clang-format off
/* ---- element by element ---- */

BUILD(b_input)
{
    UNUSED();
    static const real half[] = {(real)0.5, (real)-1.5, 2, 1, 0, (real)-0.25};
    return op_mul(t, in[0], tape_input(t, half, 2, (int32_t[]){2, 3}));
}
static void grad_input(void **state)
{
    (void)state;
    CHECK({"input", 1, {{"x", 2, {2, 3}, 0, 0}}, b_input, NULL, 0});
}

BUILD(b_twice)
{
    UNUSED();
    assert_ptr_equal(tape_param(t, p[0]), tape_param(t, p[0]));
    return op_mul(t, in[0], tape_param(t, p[0]));
}
static void grad_param(void **state)
{
    (void)state;
    CHECK({"square", 1, {{"x", 2, {3, 5}, 0, 0}}, b_twice, NULL, 0});
}

BUILD(b_add)
{
    UNUSED();
    return op_add(t, in[0], in[1]);
}
BUILD(b_add_self)
{
    UNUSED();
    return op_add(t, in[0], in[0]);
}
BUILD(b_residual) /* gradient buffers are shared along sums: x is read by three ops */
{
    UNUSED();
    struct tensor *y = op_add(t, in[0], op_act(t, in[0], ACT_TANH));
    return op_add(t, op_mul(t, y, in[0]), y);
}
static void grad_add(void **state)
{
    (void)state;
    CHECK({"add", 2, {{"a", 2, {7, 5}, 0, 0}, {"b", 2, {7, 5}, 0, 0}}, b_add, NULL, 0},
          {"add_row", 2, {{"a", 2, {7, 17}, 0, 0}, {"b", 1, {17}, 0, 0}}, b_add, NULL, 0},
          {"add_table", 2, {{"a", 3, {4, 3, 5}, 0, 0}, {"b", 2, {3, 5}, 0, 0}}, b_add, NULL, 0},
          {"add_self", 1, {{"a", 2, {7, 5}, 0, 0}}, b_add_self, NULL, 0},
          {"residual", 1, {{"a", 2, {7, 5}, 0, 0}}, b_residual, NULL, 0});
}

BUILD(b_mul)
{
    UNUSED();
    return op_mul(t, in[0], in[1]);
}
static void grad_mul(void **state)
{
    (void)state;
    CHECK({"mul", 2, {{"a", 2, {7, 5}, 0, 0}, {"b", 2, {7, 5}, 0, 0}}, b_mul, NULL, 0});
}

BUILD(b_scale)
{
    UNUSED();
    return op_scale(t, in[0], -1.75f);
}
static void grad_scale(void **state)
{
    (void)state;
    CHECK({"scale", 1, {{"x", 2, {7, 5}, 0, 0}}, b_scale, NULL, 0});
}

BUILD(b_dropout)
{
    UNUSED();
    struct tensor *y = op_dropout(t, in[0], 0.4f);
    return op_dropout(t, y, 0.2f); /* the second of one name in a scope is another mask */
}
static void grad_dropout(void **state)
{
    (void)state;
    CHECK({"dropout", 1, {{"x", 2, {9, 21}, 0, 0}}, b_dropout, NULL, 0});
}

BUILD(b_act)
{
    UNUSED();
    return op_act(t, in[0], *(const enum act *)ctx);
}
static const enum act ACTS[] = {ACT_NONE, ACT_RELU, ACT_GELU, ACT_TANH, ACT_SIGMOID, ACT_ELU, ACT_GELU_TANH};
static const char *const ACT_NAMES[] = {"act_none", "act_relu", "act_gelu", "act_tanh", "act_sigmoid", "act_elu", "act_gelu_tanh"};
static void grad_act(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++)
        CHECK({ACT_NAMES[i], 1, {{"x", 2, {5, 19}, 0, 0}}, b_act, &ACTS[i], 0});
}

BUILD(b_sum_all)
{
    UNUSED();
    return op_sum_all(t, op_mul(t, in[0], in[0]));
}
static void grad_sum_all(void **state)
{
    (void)state;
    CHECK({"sum_all", 1, {{"x", 2, {5, 19}, 0, 0}}, b_sum_all, NULL, 0});
}

BUILD(b_sum_squares)
{
    UNUSED();
    return op_sum_squares(t, in[0]);
}
static void grad_sum_squares(void **state)
{
    (void)state;
    CHECK({"sum_squares", 1, {{"x", 2, {5, 19}, 0, 0}}, b_sum_squares, NULL, 0});
}

BUILD(b_concat)
{
    UNUSED();
    return op_concat(t, in, *(const int32_t *)ctx);
}
static void grad_concat(void **state)
{
    (void)state;
    static const int32_t three = 3;
    CHECK({"concat", 3, {{"a", 2, {4, 5}, 0, 0}, {"b", 2, {4, 16}, 0, 0}, {"c", 2, {4, 1}, 0, 0}}, b_concat, &three, 0});
}

BUILD(b_fold)
{
    UNUSED();
    return op_fold(t, in[0], 3);
}
static void grad_fold(void **state)
{
    (void)state;
    CHECK({"fold", 1, {{"x", 2, {4, 15}, 0, 0}}, b_fold, NULL, 0});
}

/* ---- products ---- */

struct transposes {
    bool ta, tb;
};
BUILD(b_matmul)
{
    UNUSED();
    const struct transposes *c = ctx;
    return op_matmul(t, in[0], in[1], c->ta, c->tb);
}
static void grad_matmul(void **state)
{
    (void)state;
    static const struct transposes nn = {false, false}, tn = {true, false}, nt = {false, true}, tt = {true, true};
    CHECK({"matmul", 2, {{"a", 2, {7, 5}, 0, 0}, {"b", 2, {5, 9}, 0, 0}}, b_matmul, &nn, 0},
          {"matmul_ta", 2, {{"a", 2, {5, 7}, 0, 0}, {"b", 2, {5, 9}, 0, 0}}, b_matmul, &tn, 0},
          {"matmul_tb", 2, {{"a", 2, {7, 5}, 0, 0}, {"b", 2, {9, 5}, 0, 0}}, b_matmul, &nt, 0},
          {"matmul_tt", 2, {{"a", 2, {5, 7}, 0, 0}, {"b", 2, {9, 5}, 0, 0}}, b_matmul, &tt, 0});
}

struct layer {
    enum act act;
    float drop;
};
BUILD(b_linear)
{
    UNUSED();
    const struct layer *c = ctx;
    return op_linear(t, in[0], in[1], in[2], c->act, c->drop);
}
BUILD(b_linear_bare)
{
    UNUSED();
    return op_linear(t, in[0], in[1], NULL, ACT_NONE, 0);
}
static void grad_linear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++) {
        const struct layer plain = {ACTS[i], 0}, drops = {ACTS[i], 0.3f};
        CHECK({"linear", 3, {{"x", 2, {11, 5}, 0, 0}, {"w", 2, {5, 18}, 0, 0}, {"b", 1, {18}, 0, 0}}, b_linear, &plain, 0},
              {"linear_drop", 3, {{"x", 2, {11, 20}, 0, 0}, {"w", 2, {20, 6}, 0, 0.3f}, {"b", 1, {6}, 0, 0}}, b_linear, &drops, 0});
    }
    CHECK({"linear_bare", 2, {{"x", 2, {11, 5}, 0, 0}, {"w", 2, {5, 18}, 0, 0}}, b_linear_bare, NULL, 0},
          {"linear_frozen", 2, {{"x", 2, {11, 5}, PARAM_FROZEN, 0}, {"w", 2, {5, 18}, 0, 0}}, b_linear_bare, NULL, 0},
          {"linear_frozen_w", 2, {{"x", 2, {11, 5}, 0, 0}, {"w", 2, {5, 18}, PARAM_FROZEN, 0}}, b_linear_bare, NULL, 0});
}

/* ---- rows ---- */

static const int32_t IDS[] = {3, 1, 3, 6, 0, 2, 1}, POS[] = {0, 1, 2, 3, 0, 1, 1};
enum { N_IDS = 7 };
BUILD(b_rows)
{
    UNUSED();
    return op_rows(t, p[0], IDS, N_IDS, *(const int32_t *)ctx);
}
static const int32_t ZERO = 0, ONE = 1;
static void grad_rows(void **state)
{
    (void)state;
    CHECK({"rows", 1, {{"e", 2, {7, 5}, PARAM_ROWS, 0}}, b_rows, &ZERO, 0},
          {"rows_zero", 1, {{"e", 2, {7, 5}, PARAM_ROWS | PARAM_ZERO_ROW0, 0}}, b_rows, &ZERO, 0},
          {"rows_from_1", 1, {{"e", 2, {6, 20}, PARAM_ROWS, 0}}, b_rows, &ONE, 0});
}

BUILD(b_embed)
{
    UNUSED();
    return op_embed(t, p[0], IDS, 0, 1.7f, p[1], POS, N_IDS, *(const float *)ctx);
}
BUILD(b_embed_alone)
{
    UNUSED();
    return op_embed(t, p[0], IDS, 0, 1.7f, NULL, NULL, N_IDS, *(const float *)ctx);
}
static void grad_embed(void **state)
{
    (void)state;
    static const float none = 0, some = 0.3f;
    CHECK({"embed", 2, {{"e", 2, {7, 18}, PARAM_ZERO_ROW0, 0}, {"p", 2, {4, 18}, 0, 0}}, b_embed, &none, 0},
          {"embed_drop", 2, {{"e", 2, {7, 18}, PARAM_ZERO_ROW0, 0}, {"p", 2, {4, 18}, 0, 0}}, b_embed, &some, 0},
          {"embed_alone", 1, {{"e", 2, {7, 18}, 0, 0}}, b_embed_alone, &some, 0});
}

BUILD(b_pick)
{
    UNUSED();
    static const int32_t row[] = {4, 0, 4, -1, 2};
    return op_pick(t, in[0], row, 5);
}
static void grad_pick(void **state)
{
    (void)state;
    CHECK({"pick", 1, {{"x", 2, {6, 5}, 0, 0}}, b_pick, NULL, 0});
}

/* ---- layer normalisation, attention, convolution ---- */

BUILD(b_layernorm)
{
    UNUSED();
    return op_layernorm(t, in[0], in[1], in[2], 1e-5f);
}
static void grad_layernorm(void **state)
{
    (void)state;
    CHECK({"layernorm", 3, {{"x", 2, {7, 50}, 0, 0}, {"gamma", 1, {50}, 0, 0}, {"beta", 1, {50}, 0, 0}}, b_layernorm, NULL, 0},
          {"layernorm_16", 3, {{"x", 2, {7, 16}, 0, 0}, {"gamma", 1, {16}, 0, 0}, {"beta", 1, {16}, 0, 0}}, b_layernorm, NULL, 0},
          {"layernorm_fixed", 3, {{"x", 2, {7, 5}, 0, 0}, {"gamma", 1, {5}, PARAM_FROZEN, 0}, {"beta", 1, {5}, PARAM_FROZEN, 0}}, b_layernorm, NULL, 0});
}

BUILD(b_unit)
{
    UNUSED();
    return op_unit(t, in[0], 2.5f);
}
static void grad_unit(void **state)
{
    (void)state;
    CHECK({"unit", 1, {{"x", 2, {7, 21}, 0, 0}}, b_unit, NULL, 0});
}

struct att {
    int32_t heads;
    bool causal;
    float drop;
};
BUILD(b_attention)
{
    UNUSED();
    const struct att *c = ctx;
    return op_attention(t, in[0], in[1], in[2], OFF, N, c->heads, c->causal, c->drop);
}
BUILD(b_attention_qkv)
{
    UNUSED();
    const struct att *c = ctx;
    return op_attention_qkv(t, in[0], OFF, N, c->heads, c->causal, c->drop);
}
BUILD(b_attention_self)
{
    UNUSED();
    const struct att *c = ctx;
    return op_attention(t, in[0], in[0], in[1], OFF, N, c->heads, c->causal, c->drop);
}
static void grad_attention(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct att one = {1, i & 1, i & 2 ? 0.3f : 0}, two = {2, i & 1, i & 2 ? 0.3f : 0};
#define QKV(d) {{"q", 2, {R, d}, 0, 0}, {"k", 2, {R, d}, 0, 0}, {"v", 2, {R, d}, 0, 0}}
        CHECK({"attention", 3, QKV(10), b_attention, &one, 0}, {"attention_wide", 3, QKV(32), b_attention, &two, 0},
              {"attention_odd", 3, QKV(10), b_attention, &two, 0},
              {"attention_qkv", 1, {{"qkv", 2, {R, 30}, 0, 0}}, b_attention_qkv, &two, 0},
              {"attention_qkv_wide", 1, {{"qkv", 2, {R, 48}, 0, 0}}, b_attention_qkv, &one, 0},
              {"attention_self", 2, {{"x", 2, {R, 6}, 0, 0}, {"v", 2, {R, 6}, 0, 0}}, b_attention_self, &one, 0});
#undef QKV
    }
}

BUILD(b_causal_conv)
{
    UNUSED();
    const struct layer *c = ctx;
    return op_causal_conv(t, in[0], in[1], in[2], OFF, N, c->act, c->drop);
}
static void grad_causal_conv(void **state)
{
    (void)state;
    const struct layer plain = {ACT_NONE, 0}, gelu = {ACT_GELU, 0.3f}, tanh = {ACT_TANH, 0};
    CHECK({"conv", 3, {{"x", 2, {R, 5}, 0, 0}, {"w", 3, {3, 5, 9}, 0, 0}, {"b", 1, {9}, 0, 0}}, b_causal_conv, &plain, 0},
          {"conv_gelu", 3, {{"x", 2, {R, 5}, 0, 0}, {"w", 3, {2, 5, 9}, 0, 0}, {"b", 1, {9}, 0, 0}}, b_causal_conv, &gelu, 0},
          {"conv_1", 3, {{"x", 2, {R, 5}, 0, 0}, {"w", 3, {1, 5, 9}, 0, 0}, {"b", 1, {9}, 0, 0}}, b_causal_conv, &tanh, 0});
}

/* ---- recurrent ---- */

struct cell {
    bool reset_after, keeps, bias, start;
    enum augru_form form;
};
static struct gru_cell joined(struct tensor *xg, struct tensor *wh, struct tensor *bh, const struct cell *c, int32_t h)
{
    struct gru_cell g = {.h = h, .reset_after = c->reset_after, .update_keeps = c->keeps};
    gru_thirds(g.x, xg, h, 1, 2, 0);
    gru_thirds(g.w, wh, h, 0, 1, 2);
    if (bh)
        gru_thirds(g.b, bh, h, 0, 1, 2);
    return g;
}
BUILD(b_gru)
{
    UNUSED();
    const struct cell *c = ctx;
    struct gru_cell g = joined(in[0], in[1], c->bias ? in[2] : NULL, c, tensor_cols(in[3]));
    return op_gru(t, &g, c->start ? in[3] : NULL, OFF, N);
}
BUILD(b_gru_apart) /* each gate's matrices alone */
{
    UNUSED();
    const struct cell *c = ctx;
    struct gru_cell g = {.h = 20, .reset_after = c->reset_after, .update_keeps = c->keeps};
    for (int i = 0; i < GRU_GATES; i++) {
        g.x[i].x = in[i];
        g.w[i].x = in[3 + i];
    }
    return op_gru(t, &g, NULL, OFF, N);
}
BUILD(b_gru_step) /* lanes: sessions of one row, states from before */
{
    UNUSED();
    const struct cell *c = ctx;
    struct gru_cell g = joined(in[0], in[1], in[2], c, 6);
    struct tensor *h1 = op_gru(t, &g, in[3], NULL, 4);
    return op_gru(t, &g, h1, NULL, 4);
}
#define GRU_ARGS(h)                                                                                                    \
    {                                                                                                                  \
        {"xg", 2, {R, 3 * (h)}, 0, 0}, {"wh", 2, {h, 3 * (h)}, 0, 0.4f}, {"bh", 1, {3 * (h)}, 0, 0.4f}, {"h0", 2, {N, h}, 0, 0}         \
    }
static void grad_gru(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const struct cell c = {i & 1, i & 2, i & 4, i & 4, AUGRU_GRU};
        CHECK({"gru", 4, GRU_ARGS(5), b_gru, &c, 0}, {"gru_16", 4, GRU_ARGS(16), b_gru, &c, 0},
              {"gru_apart", 6,
               {{"xr", 2, {R, 20}, 0, 0}, {"xu", 2, {R, 20}, 0, 0}, {"xc", 2, {R, 20}, 0, 0}, {"wr", 2, {20, 20}, 0, 0.3f}, {"wu", 2, {20, 20}, 0, 0.3f}, {"wc", 2, {20, 20}, 0, 0.3f}},
               b_gru_apart, &c, 0},
              {"gru_step", 4,
               {{"xg", 2, {4, 18}, 0, 0}, {"wh", 2, {6, 18}, 0, 0.4f}, {"bh", 1, {18}, 0, 0.4f}, {"h0", 2, {4, 6}, 0, 0}},
               b_gru_step, &c, 0});
    }
}

BUILD(b_lstm)
{
    UNUSED();
    return op_lstm(t, in[0], in[1], OFF, N);
}
static void grad_lstm(void **state)
{
    (void)state;
    CHECK({"lstm", 2, {{"x", 2, {R, 20}, 0, 0}, {"w", 2, {5, 20}, 0, 0.4f}}, b_lstm, NULL, 0},
          {"lstm_16", 2, {{"x", 2, {R, 64}, 0, 0}, {"w", 2, {16, 64}, 0, 0.3f}}, b_lstm, NULL, 0});
}

BUILD(b_augru)
{
    UNUSED();
    const struct cell *c = ctx;
    struct gru_cell g = joined(in[0], in[1], c->bias ? in[2] : NULL, c, 5);
    return op_augru(t, &g, in[3], c->form, NULL, NULL, OFF, N);
}
BUILD(b_augru_tracks) /* two tracks over the rows of one session, one over part of another's */
{
    UNUSED();
    const struct cell *c = ctx;
    static const int32_t row[] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 7, 8}, off[] = {0, 5, 10, 12};
    struct gru_cell g = joined(in[0], in[1], in[2], c, 5);
    return op_augru(t, &g, in[3], c->form, row, NULL, off, 3);
}
static void grad_augru(void **state)
{
    (void)state;
    for (int form = AUGRU_PAPER; form <= AUGRU_GRU; form++)
        for (int i = 0; i < 2; i++) {
            const struct cell c = {i, false, true, false, (enum augru_form)form};
            CHECK({"augru", 4, {{"xg", 2, {R, 15}, 0, 0}, {"wh", 2, {5, 15}, 0, 0.4f}, {"bh", 1, {15}, 0, 0.4f}, {"att", 2, {R, 1}, 0, 0.4f}}, b_augru, &c, 0},
                  {"augru_tracks", 4, {{"xg", 2, {9, 15}, 0, 0}, {"wh", 2, {5, 15}, 0, 0.4f}, {"bh", 1, {15}, 0, 0.4f}, {"att", 2, {12, 1}, 0, 0.4f}}, b_augru_tracks, &c, 0});
        }
}

/* ---- over the rows of sequences, graphs ---- */

BUILD(b_seg_softmax)
{
    UNUSED();
    return op_seg_softmax(t, in[0], OFF, N);
}
static void grad_seg_softmax(void **state)
{
    (void)state;
    CHECK({"seg_softmax", 1, {{"x", 2, {R, 1}, 0, 0}}, b_seg_softmax, NULL, 0}, {"seg_softmax_3", 1, {{"x", 2, {R, 3}, 0, 0}}, b_seg_softmax, NULL, 0});
}
BUILD(b_seg_sum)
{
    UNUSED();
    return op_seg_sum(t, ctx ? in[1] : NULL, in[0], OFF, N);
}
static void grad_seg_sum(void **state)
{
    (void)state;
    CHECK({"seg_sum", 2, {{"x", 2, {R, 18}, 0, 0}, {"w", 2, {R, 1}, 0, 0}}, b_seg_sum, &ONE, 0},
          {"seg_sum_plain", 1, {{"x", 2, {R, 18}, 0, 0}}, b_seg_sum, NULL, 0});
}
BUILD(b_seg_mean)
{
    UNUSED();
    return op_seg_mean(t, in[0], OFF, N);
}
static void grad_seg_mean(void **state)
{
    (void)state;
    CHECK({"seg_mean", 1, {{"x", 2, {R, 18}, 0, 0}}, b_seg_mean, NULL, 0});
}
BUILD(b_graph)
{
    UNUSED();
    static const float adj[] = {0, 1, 0, 0, 0, 1, 0.5f, 0.5f, 0, /* one node without edges: */ 0, 0.5f, 0.5f, 0, 0};
    static const int32_t adj_off[] = {0, 9, 10, 14}, node_off[] = {0, 3, 4, 6};
    return op_graph(t, adj, adj_off, in[0], node_off, 3);
}
static void grad_graph(void **state)
{
    (void)state;
    CHECK({"graph", 1, {{"x", 2, {6, 5}, 0, 0}}, b_graph, NULL, 0});
}

/* ---- windows ---- */

struct window {
    enum act act;
    enum pool_kind pool;
};
BUILD(b_convmax)
{
    UNUSED();
    const struct window *c = ctx;
    return op_convmax(t, in[0], 5, in[1], in[2], c->act, c->pool);
}
static void grad_convmax(void **state)
{
    (void)state;
    static const enum act acts[] = {ACT_NONE, ACT_RELU, ACT_TANH, ACT_SIGMOID};
    for (size_t i = 0; i < 4; i++)
        for (int pool = POOL_MAX; pool <= POOL_MEAN; pool++)
            for (int32_t height = 1; height <= 5; height += 2) {
                const struct window c = {acts[i], (enum pool_kind)pool};
                const struct grad_case one = {"convmax", 3, {{"x", 2, {15, 6}, 0, 0}, {"f", 3, {4, height, 6}, 0, 0.3f}, {"b", 1, {4}, 0, 0.3f}}, b_convmax, &c, 0};
                grad_check(&one);
            }
}
BUILD(b_convcol)
{
    UNUSED();
    return op_convcol(t, in[0], 5, in[1], in[2]);
}
static void grad_convcol(void **state)
{
    (void)state;
    CHECK({"convcol", 3, {{"x", 2, {15, 6}, 0, 0}, {"f", 2, {4, 5}, 0, 0}, {"b", 1, {4}, 0, 0}}, b_convcol, NULL, 0});
}

/* ---- latent variables ---- */

struct latent {
    enum latent_form form;
    bool draw;
};
BUILD(b_sample)
{
    UNUSED();
    const struct latent *c = ctx;
    return op_sample(t, in[0], c->form, c->draw, NULL);
}
static void grad_sample(void **state)
{
    (void)state;
    for (int form = LATENT_HALF; form <= LATENT_EXACT; form++)
        for (int draw = 0; draw < 2; draw++) {
            const struct latent c = {(enum latent_form)form, draw};
            CHECK({"sample", 1, {{"ms", 2, {7, 10}, 0, 0}}, b_sample, &c, 0});
        }
}
static const float ROW_WEIGHT[] = {1, 0.5f, 0.25f, 2, 0, 1, 1};
BUILD(b_kl)
{
    UNUSED();
    const struct latent *c = ctx;
    return op_kl(t, in[0], NULL, c->form, c->draw ? ROW_WEIGHT : NULL);
}
BUILD(b_kl_prior)
{
    UNUSED();
    return op_kl(t, in[0], in[1], LATENT_HALF, ROW_WEIGHT);
}
static void grad_kl(void **state)
{
    (void)state;
    for (int form = LATENT_HALF; form <= LATENT_EXACT; form++) {
        const struct latent plain = {(enum latent_form)form, false}, weighed = {(enum latent_form)form, true};
        CHECK({"kl", 1, {{"ms", 2, {7, 10}, 0, 0}}, b_kl, &plain, 0}, {"kl_weighed", 1, {{"ms", 2, {7, 10}, 0, 0}}, b_kl, &weighed, 0});
    }
    CHECK({"kl_prior", 2, {{"ms", 2, {7, 10}, 0, 0}, {"prior", 2, {7, 10}, 0, 0}}, b_kl_prior, NULL, 0});
}

/* ---- output layers: every loss and choice of columns has its formula in tests/unit/test_heads.c; here the op's path ---- */

BUILD(b_head)
{
    UNUSED();
    static const int32_t target[] = {3, 1, 7, 3}, neg[] = {2, 4, 5, 2, 6, 1, 8, 8}, session[] = {0, 0, 1, 1};
    static const float weight[] = {0.25f, 0.5f, 0.125f, 1};
    struct head hd = *(const struct head *)ctx;
    const struct block b = {.n = 2, .n_query = 4, .n_target = 1, .n_neg = 2, .target = target, .neg = neg, .weight = weight, .query_session = session};
    hd.table = p[1];
    hd.bias = p[2];
    op_head(t, in[0], &hd, &b);
    return NULL;
}
static void grad_head(void **state)
{
    (void)state;
    static const struct head heads[] = {{.loss = HEAD_XENT, .cols = COLS_ALL, .n_items = 8}, {.loss = HEAD_SAMPLED, .cols = COLS_SESSION, .n_items = 8},
                                        {.loss = HEAD_BCE, .cols = COLS_QUERY, .n_items = 8}, {.loss = HEAD_BPR_MAX, .cols = COLS_QUERY, .act = ACT_ELU, .act_a = 0.5f, .bpreg = 1, .n_items = 8}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        CHECK({"head", 3, {{"h", 2, {4, 5}, 0, 0}, {"E", 2, {9, 5}, PARAM_ROWS | PARAM_ZERO_ROW0, 0}, {"b", 1, {9}, 0, 0}}, b_head, &heads[i], 2});
}
// clang-format on
int main(void)
{
    const struct CMUnitTest tests[] = {
#define OP(name, doc) cmocka_unit_test(grad_##name),
#include "engine/tensor/ops.def"
#undef OP
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
