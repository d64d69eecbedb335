/* The tape: sticky errors, stepping, scopes and keys, probes, terms, carried states,
 * gradient buffers, memory. */
#include "engine/tensor/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>
#include "tests/support/approx.h"
#include "tests/support/instrumented.h"

struct fix {
    struct params *ps;
    const struct param *w, *b, *e, *state;
    real *x, *g;
    struct tape *t;
};

static void start(struct fix *f)
{
    assert_int_equal(params_new(&f->ps, NULL), ST_OK);
    f->w = params_add(f->ps, "w", 2, (int32_t[]){5, 5}, INIT_NORMAL, 0.5f, 0);
    f->b = params_add(f->ps, "b", 1, (int32_t[]){5}, INIT_NORMAL, 0.5f, 0);
    f->e = params_add(f->ps, "e", 2, (int32_t[]){9, 5}, INIT_NORMAL, 0.5f, PARAM_ROWS);
    f->state = params_add(f->ps, "state", 2, (int32_t[]){4, 5}, INIT_ZERO, 0, PARAM_STATE);
    assert_int_equal(params_build(f->ps, 1, &f->x, NULL), ST_OK);
    f->g = params_block_new(f->ps);
    assert_int_equal(tape_new(&f->t, 0, NULL), ST_OK);
}

static void stop(struct fix *f)
{
    tape_free(f->t);
    params_block_free(f->ps, f->x);
    params_block_free(f->ps, f->g);
    params_free(f->ps);
}

static void begin(struct fix *f, bool backward)
{
    struct tape_env env = {
        .x = f->x, .g = backward ? f->g : NULL, .seed = 3, .step = 4, .training = true};
    memset(f->g, 0, params_size(f->ps) * sizeof *f->g);
    tape_begin(f->t, &env);
}

static const int32_t IDS[] = {3, 1, 3, 8};
static struct tensor *small_model(struct fix *f) /* a dozen ops over 4 rows */
{
    struct tape *t = f->t;
    struct tensor *x = op_rows(t, f->e, IDS, 4, 0);
    for (int l = 1; l <= 2; l++) {
        tape_push(t, "block%d", l);
        struct tensor *y =
            op_linear(t, x, tape_param(t, f->w), tape_param(t, f->b), ACT_TANH, 0.2f);
        x = tape_probe(t, "out", op_add(t, x, y));
        tape_pop(t);
    }
    tape_term(t, "rec", op_sum_all(t, x), 0.5);
    tape_term(t, "extra", op_sum_all(t, op_mul(t, x, x)), 2);
    return x;
}

static void test_errors_stick(void **state)
{
    (void)state;
#ifdef TAPE_STRICT
    skip(); /* there the first wrong shape stops the program on the spot */
#endif
    struct fix f;
    start(&f);
    begin(&f, true);
    struct tensor *a = tape_input(f.t, NULL, 2, (int32_t[]){3, 7});
    tape_push(f.t, "block1");
    tape_push(f.t, "attn");
    struct tensor *y = op_matmul(f.t, a, tape_param(f.t, f.w), false, false);
    tape_pop(f.t);
    int32_t nodes = tape_nodes(f.t);
    assert_true(tape_failed(f.t));
    assert_ptr_equal(y, tape_bad(f.t));
    static const int32_t off[] = {0, 3};
    struct gru_cell cell = {.h = 5};
    struct tensor *all[] = {op_linear(f.t, y, tape_param(f.t, f.w), NULL, ACT_NONE, 0),
                            op_add(f.t, y, a),
                            op_mul(f.t, y, a),
                            op_scale(f.t, y, 2),
                            op_dropout(f.t, y, 0.5f),
                            op_act(f.t, y, ACT_RELU),
                            op_rows(f.t, f.e, IDS, 4, 0),
                            op_pick(f.t, a, IDS, 4),
                            op_concat(f.t, &y, 1),
                            op_layernorm(f.t, a, y, y, 1e-5f),
                            op_attention(f.t, a, a, a, off, 1, 1, true, 0),
                            op_attention_qkv(f.t, a, off, 1, 1, true, 0),
                            op_causal_conv(f.t, a, y, NULL, off, 1, ACT_NONE, 0),
                            op_sum_all(f.t, y),
                            op_embed(f.t, f.e, IDS, 0, 1, NULL, NULL, 4, 0),
                            op_gru(f.t, &cell, NULL, off, 1),
                            op_augru(f.t, &cell, y, AUGRU_PAPER, NULL, NULL, off, 1),
                            op_seg_softmax(f.t, a, off, 1),
                            op_seg_sum(f.t, NULL, a, off, 1),
                            op_seg_mean(f.t, a, off, 1),
                            op_graph(f.t, NULL, off, a, off, 1),
                            op_convmax(f.t, a, 3, y, NULL, ACT_NONE, POOL_MAX),
                            op_convcol(f.t, a, 3, y, NULL),
                            op_sample(f.t, a, LATENT_HALF, false, NULL),
                            op_kl(f.t, a, NULL, LATENT_HALF, NULL),
                            tape_input(f.t, NULL, 1, (int32_t[]){3})};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_ptr_equal(all[i], tape_bad(f.t));
    tape_probe(f.t, "x", y);
    tape_term(f.t, "rec", y, 1);
    assert_int_equal(tape_nodes(f.t), nodes);
    struct err err = {0};
    assert_int_equal(tape_check(f.t, &err), ST_SHAPE);
    assert_string_equal(err.msg, "matmul: (3,7) x (5,5) in block1.attn");
    assert_int_equal(tape_backward(f.t, &err), ST_SHAPE);
    begin(&f, true); /* a new block begins without it */
    assert_int_equal(tape_check(f.t, NULL), ST_OK);
    small_model(&f);
    assert_int_equal(tape_backward(f.t, NULL), ST_OK);
    stop(&f);
}

static void test_bad_numbers(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, false);
    struct err err = {0};
    op_rows(f.t, f.e, (int32_t[]){2, 9}, 2, 0);
    assert_int_equal(tape_check(f.t, &err), ST_ARG);
    assert_string_equal(err.msg, "row 9 of e, which has rows 0..8");
    begin(&f, false);
    op_pick(f.t, tape_param(f.t, f.w), (int32_t[]){5}, 1);
    assert_int_equal(tape_check(f.t, &err), ST_ARG);
    begin(&f, false);
    tape_term(f.t, "rec", op_sum_all(f.t, tape_param(f.t, f.w)), 1);
    assert_int_equal(tape_backward(f.t, &err), ST_STATE); /* forward only */
    stop(&f);
}

/* ---- stepping ---- */

struct steps {
    int forward, backward, stop_at;
    const char *op[64], *name[64];
    int32_t last;
};
static bool step(void *ctx, struct tape *t, int32_t node, bool backward)
{
    struct steps *s = ctx;
    const struct tensor *out;
    const char *op, *name = tape_node(t, node, &op, &out);
    if (backward) {
        assert_int_equal(node, s->last - 1);
        s->last = node;
        s->backward++;
    } else {
        assert_int_equal(node, s->forward);
        assert_int_equal(out->node, node);
        s->op[node] = op;
        s->name[node] = name;
        s->last = node + 1;
        s->forward++;
    }
    return s->forward + s->backward != s->stop_at;
}

static void test_stepping(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, true);
    const struct tensor *y = small_model(&f);
    assert_int_equal(tape_backward(f.t, NULL), ST_OK);
    real loss = (real)tape_loss(f.t), *g = params_block_new(f.ps);
    memcpy(g, f.g, params_size(f.ps) * sizeof *g);
    assert_null(y->g); /* buffers serve again */

    for (int stop_at = 0; stop_at < 19;
         stop_at += 6) { /* run through; break off forward; break off backward */
        struct steps s = {.stop_at = stop_at ? stop_at : -1};
        struct tape_env env = {.x = f.x,
                               .g = f.g,
                               .seed = 3,
                               .step = 4,
                               .training = true,
                               .on_op = step,
                               .ctx = &s};
        memset(f.g, 0, params_size(f.ps) * sizeof *f.g);
        tape_begin(f.t, &env);
        y = small_model(&f);
        enum status st = tape_check(f.t, NULL);
        if (st == ST_OK)
            st = tape_backward(f.t, NULL);
        if (stop_at) {
            assert_int_equal(st, ST_CANCELLED);
            assert_int_equal(s.forward + s.backward, stop_at);
            continue;
        }
        assert_int_equal(st, ST_OK);
        assert_int_equal(s.forward, tape_nodes(f.t));
        assert_int_equal(s.backward, s.forward);
        assert_true((real)tape_loss(f.t) == loss); /* watched or not: the same bits */
        assert_bits("gradient", f.g, g, params_size(f.ps));
        assert_non_null(y->g); /* to be looked at */
        assert_string_equal(s.op[0], "rows");
        assert_string_equal(s.name[0], "");
        assert_string_equal(s.op[1], "param");
        assert_string_equal(s.op[3], "linear");
        assert_string_equal(s.name[3], "block1");
        assert_string_equal(s.name[5], "block2");
    }
    params_block_free(f.ps, g);
    stop(&f);
}

static void test_keep_grads(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    struct tape_env env = {.x = f.x, .g = f.g, .keep_grads = true};
    tape_begin(f.t, &env);
    struct tensor *x = op_rows(f.t, f.e, IDS, 4, 0), *y = op_scale(f.t, x, 3),
                  *z = op_add(f.t, y, x);
    tape_term(f.t, "rec", op_sum_all(f.t, z), 1);
    assert_int_equal(tape_backward(f.t, NULL), ST_OK);
    assert_true(z->g[0] == 1 && y->g[1] == 1 && x->g[2] == 4 && x->g[5] == 0);
    stop(&f);
}

/* ---- names ---- */

static void test_scopes_and_keys(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, false);
    struct tape *t = f.t;
    assert_string_equal(tape_scope(t), "");
    tape_push(t, "block%d", 2);
    tape_push(t, "attn");
    assert_string_equal(tape_scope(t), "block2.attn");
    struct rng_key a = tape_key(t, "drop"), want = rng_key(3, 4, rng_site("block2.attn.drop"));
    assert_memory_equal(&a, &want, sizeof a);
    struct rng_key again = tape_key(t, "drop"), third = tape_key(t, "drop"),
                   other = tape_key(t, "noise");
    assert_memory_not_equal(&a, &again, sizeof a);
    assert_memory_not_equal(&again, &third, sizeof a);
    assert_memory_not_equal(&a, &other, sizeof a);
    tape_pop(t);
    tape_pop(t);
    begin(&f, false); /* the next block of the batch counts anew: the same numbers */
    tape_push(t, "block2.attn");
    struct rng_key b = tape_key(t, "drop"), b2 = tape_key(t, "drop");
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(&again, &b2, sizeof a);
    stop(&f);
}

static void test_probes(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, false);
    assert_int_equal(tape_watched(f.t), -1);
    tape_watch(f.t, 2);
    assert_int_equal(tape_watched(f.t), 2);
    struct tensor *x = small_model(&f);
    const struct probe_view *p;
    assert_int_equal(tape_probes(f.t, &p), 2);
    assert_string_equal(p[0].name, "block1.out");
    assert_string_equal(p[1].name, "block2.out");
    assert_ptr_equal(tape_find(f.t, "block2.out"), x);
    assert_null(tape_find(f.t, "block3.out"));
    begin(&f, false);
    assert_int_equal(tape_probes(f.t, &p), 0);
    assert_int_equal(tape_watched(f.t), -1);
    stop(&f);
}

static void test_terms_and_carries(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, false);
    small_model(&f);
    double value[2], weight[2];
    assert_int_equal(tape_terms(f.t), 2);
    assert_string_equal(tape_term_at(f.t, 0, &value[0], &weight[0]), "rec");
    assert_string_equal(tape_term_at(f.t, 1, &value[1], &weight[1]), "extra");
    assert_close1("loss", tape_loss(f.t), 0.5 * value[0] + 2 * value[1], 1e-12, 0);
    assert_true(weight[0] == 0.5 && weight[1] == 2);
    static const int32_t row[] = {2, 0};
    struct tensor *h = op_rows(f.t, f.e, IDS, 2, 0);
    tape_carry(f.t, f.state, row, h);
    const struct param *p;
    const int32_t *r;
    const struct tensor *x;
    assert_int_equal(tape_carries(f.t), 1);
    tape_carry_at(f.t, 0, &p, &r, &x);
    assert_ptr_equal(p, f.state);
    assert_ptr_equal(r, row);
    assert_ptr_equal(x, h);
    begin(&f, false);
    assert_int_equal(tape_terms(f.t), 0);
    assert_int_equal(tape_carries(f.t), 0);
    assert_true(tape_loss(f.t) == 0);
    stop(&f);
}

/* ---- parameters ---- */

static void test_params_take_gradients(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, true);
    struct tensor *w = tape_param(f.t, f.w), *s = tape_param(f.t, f.state);
    assert_ptr_equal(w, tape_param(f.t, f.w));
    assert_ptr_equal(w->x, f.x + f.w->at); /* no copy */
    assert_true(tape_wants(f.t, w));
    assert_false(tape_wants(f.t, s)); /* carried, not trained */
    assert_ptr_equal(tape_param_grad(f.t, f.w), f.g + f.w->at);
    assert_null(tape_param_grad(f.t, f.state));
    begin(&f, false);
    assert_false(tape_wants(f.t, tape_param(f.t, f.w)));
    assert_null(tape_param_grad(f.t, f.w));
    stop(&f);
}

struct sink {
    int calls;
    double sum[9];
};
static void take_rows(void *ctx, const struct param *table, const int32_t *row, int32_t n,
                      const real *g, int32_t ldg, float scale)
{
    struct sink *s = ctx;
    assert_string_equal(table->name, "e");
    s->calls++;
    for (int32_t i = 0; i < n; i++)
        if (row[i] >= 0)
            for (int32_t j = 0; j < 5; j++)
                s->sum[row[i]] += (double)(scale * (float)g[i * ldg + j]);
}

/* Row gradients go where the environment says; others into the block. */
static void test_rows_elsewhere(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, true);
    small_model(&f);
    assert_int_equal(tape_backward(f.t, NULL), ST_OK);
    double sum[9] = {0};
    for (int r = 0; r < 9; r++)
        for (int j = 0; j < 5; j++)
            sum[r] += (double)f.g[f.e->at + (size_t)(r * 16 + j)];
    assert_true(fabs(sum[3]) > 0 && sum[0] == 0);
    struct sink s = {0};
    struct tape_env env = *tape_env(f.t);
    env.rows = take_rows;
    env.rows_ctx = &s;
    memset(f.g, 0, params_size(f.ps) * sizeof *f.g);
    tape_begin(f.t, &env);
    small_model(&f);
    assert_int_equal(tape_backward(f.t, NULL), ST_OK);
    assert_int_equal(s.calls, 1);
    for (int r = 0; r < 9; r++)
        assert_close1("row sum", s.sum[r], sum[r], 1e-5, 1e-6);
    for (size_t i = 0; i < 9 * 16; i++)
        assert_true(f.g[f.e->at + i] == 0);
    assert_true(f.g[f.b->at] != 0);
    stop(&f);
}

/* ---- memory ---- */

/* Once the arena has seen a block of the size, a step takes no page and no allocation. */
static void test_steady(void **state)
{
    (void)state;
    if (instrumented()) /* its own shadow pages would be counted */
        skip();
    struct fix f;
    start(&f);
    size_t used = 0;
    struct rusage before, after;
    for (int i = 0; i < 50; i++) {
        if (i == 10)
            getrusage(RUSAGE_SELF, &before);
        begin(&f, true);
        small_model(&f);
        if (tape_backward(f.t, NULL) != ST_OK)
            fail();
        if (i == 1)
            used = arena_used(tape_arena(f.t));
        if (i > 1)
            assert_int_equal(arena_used(tape_arena(f.t)), used);
    }
    getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_minflt - before.ru_minflt, 0, 4); /* the test's own */
    stop(&f);
}

static void test_empty(void **state)
{
    (void)state;
    struct fix f;
    start(&f);
    begin(&f, true);
    static const int32_t off[] = {0};
    struct tensor *x = op_rows(f.t, f.e, IDS, 0, 0); /* a block without sessions is legal */
    struct tensor *y =
        op_linear(f.t, x, tape_param(f.t, f.w), tape_param(f.t, f.b), ACT_RELU, 0.1f);
    y = op_attention(f.t, y, y, y, off, 0, 1, true, 0.1f);
    tape_term(f.t, "rec", op_sum_all(f.t, y), 1);
    assert_int_equal(tape_backward(f.t, NULL), ST_OK);
    assert_true(tape_loss(f.t) == 0);
    for (size_t i = 0; i < params_size(f.ps); i++)
        assert_true(f.g[i] == 0);
    stop(&f);
    tape_free(NULL);
}

static void test_names(void **state)
{
    (void)state;
    for (int k = 0; k < OP_KINDS; k++) {
        assert_non_null(op_name((enum op_kind)k));
        for (int i = 0; i < k; i++)
            assert_string_not_equal(op_name((enum op_kind)i), op_name((enum op_kind)k));
    }
    assert_string_equal(op_name(OP_attention), "attention");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_stick),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_stepping),
        cmocka_unit_test(test_keep_grads),
        cmocka_unit_test(test_scopes_and_keys),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_terms_and_carries),
        cmocka_unit_test(test_params_take_gradients),
        cmocka_unit_test(test_rows_elsewhere),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
