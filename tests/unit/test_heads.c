/* Output heads: each loss against its formula in plain double, gradients against central
 * differences, known numbers, and what must hold for every loss (columns shared or not). */
#include "engine/base/pool.h"
#include "engine/tensor/ops.h"
#include "engine/train/heads_work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 11, D = 6, Q = 5, NEG = 3, LD = 16 };

struct fixture {
    struct arena *mem;
    real *table, *bias, *h, *gh, *gtable, *gbias;
    struct param ptable, pbias;
    struct block b;
    int32_t target[Q], neg[Q * NEG], session[Q];
    float weight[Q];
};

static void fill(real *x, int rows, int cols, double phase)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++)
            x[i * LD + j] = (real)(0.8 * sin(phase + 0.7 * (i * cols + j) * (i + 1)));
}

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(arena_new(&f->mem, 1 << 20, NULL), ST_OK);
    f->table = arena_alloc(f->mem, (V + 1) * LD * sizeof(real));
    f->gtable = arena_alloc(f->mem, (V + 1) * LD * sizeof(real));
    f->bias = arena_alloc(f->mem, LD * sizeof(real));
    f->gbias = arena_alloc(f->mem, LD * sizeof(real));
    f->h = arena_alloc(f->mem, Q * LD * sizeof(real));
    f->gh = arena_alloc(f->mem, Q * LD * sizeof(real));
    fill(f->table + LD, V, D, 0.3);
    fill(f->h, Q, D, 1.1);
    for (int i = 1; i <= V; i++)
        f->bias[i] = (real)(0.1 * cos(i));
    for (int q = 0; q < Q; q++) {
        f->target[q] = 1 + (q * 4) % V;
        f->weight[q] = 0.1f + 0.05f * (float)q;
        f->session[q] = q / 2;
        for (int k = 0; k < NEG; k++)
            f->neg[q * NEG + k] = 1 + (q * 4 + 1 + 3 * k) % V;
    }
    f->b = (struct block){.n = 3,
                          .n_query = Q,
                          .n_target = 1,
                          .n_neg = NEG,
                          .target = f->target,
                          .neg = f->neg,
                          .weight = f->weight,
                          .query_session = f->session};
}

static struct head_job job(struct fixture *f, const struct head *hd)
{
    return (struct head_job){.hd = hd,
                             .b = &f->b,
                             .table = f->table,
                             .bias = f->bias,
                             .ld = LD,
                             .h = f->h,
                             .ldh = LD,
                             .d = D,
                             .gh = f->gh,
                             .gtable = f->gtable,
                             .gbias = f->gbias,
                             .mem = f->mem};
}

static double compute(const struct head_job *j)
{
    bool ok;
    double loss = head_compute(j, &ok);
    assert_true(ok);
    return loss;
}

static double score(const struct fixture *f, int q, int item)
{
    double s = (double)f->bias[item];
    for (int j = 0; j < D; j++)
        s += (double)f->h[q * LD + j] * (double)f->table[item * LD + j];
    return s;
}

/* Central differences on every coordinate of h, table and bias. */
static void check_gradient(struct fixture *f, const struct head *hd)
{
    struct head_job j = job(f, hd), quiet = j;
    quiet.gh = quiet.gtable = quiet.gbias = NULL;
    memset(f->gtable, 0, (V + 1) * LD * sizeof(real));
    memset(f->gbias, 0, LD * sizeof(real));
    double loss = compute(&j);
    assert_true(fabs(loss - compute(&quiet)) < 1e-6 * (1 + fabs(loss)));
    struct {
        real *x, *g;
        int rows, cols;
    } part[] = {
        {f->h, f->gh, Q, D}, {f->table, f->gtable, V + 1, D}, {f->bias, f->gbias, 1, V + 1}};
    for (int p = 0; p < 3; p++)
        for (int r = 0; r < part[p].rows; r++)
            for (int c = 0; c < part[p].cols; c++) {
                real *x = part[p].x + r * LD + c, old = *x;
                const double e = sizeof(real) == 8 ? 1e-5 : 4e-3;
                *x = (real)((double)old + e);
                double hi = compute(&quiet);
                *x = (real)((double)old - e);
                double lo = compute(&quiet);
                *x = old;
                double want = (hi - lo) / (2 * e), got = (double)part[p].g[r * LD + c];
                if (fabs(want - got) > (sizeof(real) == 8 ? 1e-8 : 2e-4) + 1e-3 * fabs(want))
                    fail_msg("loss %d cols %d part %d [%d,%d]: %g, by differences %g",
                             (int)hd->loss, (int)hd->cols, p, r, c, got, want);
            }
}

static void test_gradients(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    static const enum head_loss losses[] = {HEAD_SAMPLED, HEAD_BCE,      HEAD_GBCE,   HEAD_TOP1,
                                            HEAD_BPR,     HEAD_TOP1_MAX, HEAD_BPR_MAX};
    for (unsigned i = 0; i < sizeof losses / sizeof *losses; i++)
        for (int cols = COLS_QUERY; cols <= COLS_BATCH; cols++) {
            struct head hd = {.loss = losses[i],
                              .cols = (enum head_cols)cols,
                              .table = &f.ptable,
                              .n_items = V,
                              .gbce_t = 0.75f,
                              .bpreg = 1.5f};
            if (cols == COLS_BATCH) { /* in-batch lists hold the queries' own targets first */
                static int32_t col[Q + NEG], own[Q];
                for (int q = 0; q < Q; q++) {
                    col[q] = f.target[Q - 1 - q]; /* in another order than the queries */
                    own[q] = Q - 1 - q;
                }
                memcpy(col + Q, f.neg, NEG * sizeof *col);
                f.b.col = col;
                f.b.query_col = own;
                f.b.n_col = Q + NEG;
            } else {
                f.b.col = NULL;
            }
            for (int dup = 0; dup < 2; dup++) {
                hd.mask_dup = dup;
                check_gradient(&f, &hd);
            }
        }
    f.b.col = NULL;
    struct head full = {.loss = HEAD_XENT, .cols = COLS_ALL, .table = &f.ptable, .n_items = V};
    check_gradient(&f, &full);
    full.unit = true;
    check_gradient(&f, &full);
    full.smooth = 0.2f;
    check_gradient(&f, &full);
    full.unit = false;
    check_gradient(&f, &full);
    struct head smooth = {.loss = HEAD_SAMPLED,
                          .cols = COLS_SESSION,
                          .table = &f.ptable,
                          .n_items = V,
                          .smooth = 0.1f};
    check_gradient(&f, &smooth);
    for (int a = ACT_RELU; a <= ACT_ELU; a++) {
        if (a != ACT_TANH && a != ACT_ELU)
            continue;
        struct head hd = {.loss = HEAD_BPR_MAX,
                          .cols = COLS_QUERY,
                          .act = (enum act)a,
                          .act_a = 0.5f,
                          .table = &f.ptable,
                          .n_items = V,
                          .bpreg = 1};
        check_gradient(&f, &hd);
        hd.act_l = 1.7f;
        check_gradient(&f, &hd);
    }
    arena_free(f.mem);
}

/* selu-l-a: l x above zero, l a (e^x - 1) below. */
static void test_selu(void **state)
{
    (void)state;
    enum { N = 6, OWN = 2 };
    const real x[N] = {1.5f, -0.7f, 0.2f, -3, 0, 0.9f};
    const struct head hd = {
        .loss = HEAD_BPR_MAX, .act = ACT_ELU, .act_a = 1.67326f, .act_l = 1.0507f, .bpreg = 1};
    const struct head plain = {.loss = HEAD_BPR_MAX, .bpreg = 1};
    const int32_t col[N] = {1, 2, 3, 4, 5, 6};
    _Alignas(64) real s[2 * TENSOR_ROW] = {0}, y[2 * TENSOR_ROW] = {0}, c[2 * TENSOR_ROW],
                            want[2 * TENSOR_ROW];
    for (int i = 0; i < N; i++) {
        s[i] = x[i];
        y[i] = (real)(1.0507 * (x[i] >= 0 ? (double)x[i] : 1.67326 * (exp((double)x[i]) - 1)));
    }
    double loss = head_rank_row(&hd, col, s, N, OWN, 1, c),
           by_hand = head_row_loss(&plain, y, N, OWN, want);
    assert_true(fabs(loss - by_hand) < 1e-5);
    for (int i = 0; i < N; i++) {
        double slope = 1.0507 * (x[i] >= 0 ? 1 : 1.67326 * exp((double)x[i]));
        assert_true(fabs((double)c[i] - slope * (double)want[i]) < 1e-5);
    }
}

/* Sets of targets, some shorter. */
static void test_several_targets(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    enum { T = 3 };
    int32_t target[Q * T];
    for (int q = 0; q < Q; q++)
        for (int k = 0; k < T; k++)
            target[q * T + k] = k > q % T ? 0 : 1 + (q * 4 + 5 * k) % V;
    f.b.target = target;
    f.b.n_target = T;
    static const enum head_loss losses[] = {HEAD_BCE, HEAD_GBCE, HEAD_SAMPLED, HEAD_BPR_MAX};
    for (unsigned i = 0; i < sizeof losses / sizeof *losses; i++) {
        struct head hd = {.loss = losses[i],
                          .cols = COLS_QUERY,
                          .table = &f.ptable,
                          .n_items = V,
                          .w_pos = 0.5f,
                          .w_neg = 0.25f};
        check_gradient(&f, &hd);
    }
    struct head full = {.loss = HEAD_XENT, .cols = COLS_ALL, .table = &f.ptable, .n_items = V};
    check_gradient(&f, &full);
    struct head_job j = job(&f, &full);
    double want = 0;
    for (int q = 0; q < Q; q++) {
        double z = 0;
        for (int i = 1; i <= V; i++)
            z += exp(score(&f, q, i));
        for (int k = 0; k <= q % T; k++)
            want +=
                (double)f.weight[q] * (log(z) - score(&f, q, target[q * T + k])) / (q % T + 1);
    }
    assert_true(fabs(compute(&j) - want) < 1e-5);
    struct head bce = {.loss = HEAD_BCE,
                       .cols = COLS_QUERY,
                       .table = &f.ptable,
                       .n_items = V,
                       .w_pos = 0.5f,
                       .w_neg = 0.25f};
    j = job(&f, &bce);
    want = 0;
    for (int q = 0; q < Q; q++) {
        for (int k = 0; k <= q % T; k++)
            want += (double)f.weight[q] * 0.5 * log1p(exp(-score(&f, q, target[q * T + k])));
        for (int k = 0; k < NEG; k++)
            want += (double)f.weight[q] * 0.25 * log1p(exp(score(&f, q, f.neg[q * NEG + k])));
    }
    assert_true(fabs(compute(&j) - want) < 1e-5);
    arena_free(f.mem);
}

/* Far scores: no sigma may underflow into an infinite loss; NaN must show. */
static void test_far_scores(void **state)
{
    (void)state;
    real s[16] = {-200, 200, 199, -1000}, c[16];
    for (int k = HEAD_TOP1; k <= HEAD_BPR_MAX; k++) {
        struct head hd = {.loss = (enum head_loss)k, .bpreg = 0};
        double loss = head_row_loss(&hd, s, 4, 0, c);
        assert_true(isfinite(loss));
        for (int i = 0; i < 16; i++)
            assert_true(isfinite(c[i]) && (i < 4 || c[i] == 0));
        if (k == HEAD_BPR_MAX)
            assert_true(fabs(loss - 400) < 1);
    }
    real even[16] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    struct head xe = {.loss = HEAD_XENT};
    assert_true(fabs(head_row_loss(&xe, even, 5, 2, c) - log(5.0)) < 1e-6);
    even[1] = (real)NAN;
    for (int k = HEAD_XENT; k <= HEAD_BPR_MAX; k++)
        if (k != HEAD_BCE && k != HEAD_GBCE) {
            struct head hd = {.loss = (enum head_loss)k, .bpreg = 1};
            assert_true(isnan(head_row_loss(&hd, even, 5, 2, c)));
        }
}

/* ---- On the tape: more items than a tile, more queries than a chunk, shards and batch ---- */

struct world {
    struct params *ps;
    const struct param *table, *bias;
    real *x, *g[2];
    struct tape *tape[HEAD_PARTS];
    struct block b[HEAD_PARTS];
    real *h[HEAD_PARTS], *gh[2][HEAD_PARTS];
    double loss[2];
};
enum {
    BIG_V = 437,
    BIG_D = 21,
    PER_SHARD = 61,
    DRAWS = 40,
    N_SHARDS = 3,
    BIG_Q = PER_SHARD * N_SHARDS
};

static void big_start(struct world *w, uint32_t flags)
{
    static int32_t target[BIG_Q * 2], col[BIG_Q + DRAWS], own[BIG_Q];
    static float weight[BIG_Q];
    memset(w, 0, sizeof *w);
    assert_int_equal(params_new(&w->ps, NULL), ST_OK);
    w->table =
        params_add(w->ps, "item", 2, (int32_t[]){BIG_V + 1, BIG_D}, INIT_NORMAL, 0.5f, flags);
    w->bias = params_add(w->ps, "bias", 1, (int32_t[]){BIG_V + 1}, INIT_NORMAL, 0.2f, 0);
    assert_int_equal(params_build(w->ps, 7, &w->x, NULL), ST_OK);
    for (int i = 0; i < 2; i++)
        assert_non_null(w->g[i] = params_block_new(w->ps));
    for (int q = 0; q < BIG_Q; q++) {
        target[2 * q] = 1 + q * 31 % BIG_V;
        target[2 * q + 1] = q % 3 ? 1 + (q * 31 + 17) % BIG_V : 0;
        weight[q] = q % 7 == 3 ? 0 : 0.01f + 0.001f * (float)(q % 5);
        col[q] = target[2 * q];
        own[q] = q;
    }
    for (int k = 0; k < DRAWS; k++)
        col[BIG_Q + k] = 1 + k * k % BIG_V;
    for (int s = 0; s < N_SHARDS; s++) {
        assert_int_equal(tape_new(&w->tape[s], 1 << 16, NULL), ST_OK);
        w->b[s] = (struct block){.n_query = PER_SHARD,
                                 .n_target = 2,
                                 .n_neg = DRAWS,
                                 .target = target + 2 * s * PER_SHARD,
                                 .weight = weight + s * PER_SHARD,
                                 .col = col,
                                 .n_col = BIG_Q + DRAWS,
                                 .query_col = own + s * PER_SHARD,
                                 .shard = s};
        w->h[s] = malloc(PER_SHARD * BIG_D * sizeof(real));
        for (int m = 0; m < 2; m++)
            w->gh[m][s] = malloc(PER_SHARD * BIG_D * sizeof(real));
        for (int i = 0; i < PER_SHARD * BIG_D; i++)
            w->h[s][i] = (real)sin(s + 0.37 * i);
    }
}

static void big_end(struct world *w)
{
    for (int s = 0; s < N_SHARDS; s++) {
        tape_free(w->tape[s]);
        free(w->h[s]);
        free(w->gh[0][s]);
        free(w->gh[1][s]);
    }
    for (int i = 0; i < 2; i++)
        params_block_free(w->ps, w->g[i]);
    params_block_free(w->ps, w->x);
    params_free(w->ps);
}

/* One step in mode 0 (on each shard) or 1 (on the batch, with that many threads). */
static void big_step(struct world *w, const struct head *hd, int mode, struct head_batch *hb,
                     struct pool *p)
{
    struct tensor *h[N_SHARDS];
    memset(w->g[mode], 0, params_size(w->ps) * sizeof(real));
    if (mode)
        head_batch_begin(hb, hd, w->x, w->g[mode], false);
    w->loss[mode] = 0;
    for (int s = 0; s < N_SHARDS; s++) {
        struct tape_env env = {
            .x = w->x, .g = w->g[mode], .training = true, .keep_grads = true};
        tape_begin(w->tape[s], &env);
        struct tensor *in = tape_input(w->tape[s], w->h[s], 2, (int32_t[]){PER_SHARD, BIG_D});
        /* something trained below, so that states want a gradient */
        struct tensor *add = tape_param(w->tape[s], w->table);
        h[s] = op_add(w->tape[s], in,
                      op_scale(w->tape[s],
                               op_pick(w->tape[s], add, w->b[s].query_col, PER_SHARD), 1e-3f));
        w->b[s].head_batch = mode ? hb : NULL;
        op_head(w->tape[s], h[s], hd, &w->b[s]);
    }
    if (mode)
        assert_int_equal(head_batch_run(hb, p, NULL), ST_OK);
    for (int s = 0; s < N_SHARDS; s++) {
        assert_int_equal(tape_backward(w->tape[s], NULL), ST_OK);
        w->loss[mode] += tape_loss(w->tape[s]);
        for (int r = 0; r < PER_SHARD; r++)
            memcpy(w->gh[mode][s] + r * BIG_D, h[s]->g + r * h[s]->ld, BIG_D * sizeof(real));
    }
}

static void test_batch_form(void **state)
{
    (void)state;
    struct world w;
    struct head_batch *hb;
    big_start(&w, 0);
    assert_int_equal(head_batch_new(&hb, NULL), ST_OK);
    static const struct head heads[] = {
        {.loss = HEAD_XENT, .cols = COLS_ALL, .n_items = BIG_V},
        {.loss = HEAD_XENT, .cols = COLS_ALL, .n_items = BIG_V, .smooth = 0.1f},
        {.loss = HEAD_XENT, .cols = COLS_ALL, .n_items = BIG_V, .unit = true},
        {.loss = HEAD_XENT, .cols = COLS_BATCH, .n_items = BIG_V},
        {.loss = HEAD_BPR_MAX,
         .cols = COLS_BATCH,
         .n_items = BIG_V,
         .bpreg = 1,
         .act = ACT_ELU,
         .act_a = 0.5f,
         .mask_dup = true},
    };
    for (unsigned k = 0; k < sizeof heads / sizeof *heads; k++) {
        struct head hd = heads[k];
        hd.table = w.table;
        hd.bias = w.bias;
        big_step(&w, &hd, 0, NULL, NULL);
        size_t n = params_size(w.ps);
        real *first = NULL;
        for (int threads = 1; threads <= 3; threads++) {
            struct pool *p;
            assert_int_equal(pool_new(&p, threads, NULL), ST_OK);
            big_step(&w, &hd, 1, hb, p);
            pool_free(p);
            assert_true(fabs(w.loss[0] - w.loss[1]) < 1e-5 * fabs(w.loss[0]));
            for (size_t i = 0; i < n; i++)
                if (!(fabs((double)(w.g[0][i] - w.g[1][i])) <
                      1e-6 + 1e-4 * fabs((double)w.g[0][i])))
                    fail_msg("head %u: gradient %zu is %g on the batch, %g on the shards", k, i,
                             (double)w.g[1][i], (double)w.g[0][i]);
            for (int s = 0; s < N_SHARDS; s++)
                for (int i = 0; i < PER_SHARD * BIG_D; i++)
                    assert_true(fabs((double)(w.gh[0][s][i] - w.gh[1][s][i])) <
                                1e-6 + 1e-4 * fabs((double)w.gh[0][s][i]));
            if (!first) {
                first = malloc(n * sizeof *first);
                memcpy(first, w.g[1], n * sizeof *first);
            }
            /* any number of threads: the same bits */
            assert_memory_equal(first, w.g[1], n * sizeof *first);
        }
        free(first);
    }
    head_batch_free(hb);
    big_end(&w);
}

static void test_full_softmax_in_pieces(void **state)
{
    (void)state;
    struct world w;
    big_start(&w, 0);
    struct head hd = {.loss = HEAD_XENT,
                      .cols = COLS_ALL,
                      .n_items = BIG_V,
                      .table = w.table,
                      .bias = w.bias};
    int32_t *target = malloc(BIG_Q * sizeof *target);
    real *h = calloc(BIG_Q * 32, sizeof *h);
    float *weight = malloc(BIG_Q * sizeof *weight);
    double want = 0;
    for (int q = 0; q < BIG_Q; q++) {
        weight[q] = 0.01f;
        target[q] = 1 + q * 31 % BIG_V;
        for (int j = 0; j < BIG_D; j++)
            h[q * 32 + j] = (real)sin(0.37 * q + j);
        double z = 0, own = 0;
        for (int i = 1; i <= BIG_V; i++) {
            double s = (double)w.x[w.bias->at + (size_t)i];
            for (int j = 0; j < BIG_D; j++)
                s += (double)h[q * 32 + j] *
                     (double)w.x[w.table->at + (size_t)(i * w.table->ld + j)];
            z += exp(s);
            own = i == target[q] ? s : own;
        }
        want += 0.01 * (log(z) - own);
    }
    struct block b = {.n_query = BIG_Q, .n_target = 1, .target = target, .weight = weight};
    struct arena *mem;
    assert_int_equal(arena_new(&mem, 1 << 20, NULL), ST_OK);
    struct head_job j = {.hd = &hd,
                         .b = &b,
                         .table = w.x + w.table->at,
                         .bias = w.x + w.bias->at,
                         .ld = (size_t)w.table->ld,
                         .h = h,
                         .ldh = 32,
                         .d = BIG_D,
                         .mem = mem};
    assert_true(fabs(compute(&j) - want) < 1e-5 * want);
    arena_free(mem);
    free(target);
    free(h);
    free(weight);
    big_end(&w);
}

static void test_scores(void **state)
{
    (void)state;
    struct world w;
    big_start(&w, 0);
    for (int way = 0; way < 4; way++)
        for (int m = 1; m <= PER_SHARD; m += 60) {
            const int id0 = way & 1;
            struct head hd = {.n_items = BIG_V + id0,
                              .id0 = id0,
                              .table = w.table,
                              .bias = w.bias,
                              .unit = way & 2};
            struct tape_env env = {.x = w.x};
            tape_begin(w.tape[0], &env);
            struct tensor *h = tape_input(w.tape[0], w.h[0], 2, (int32_t[]){m, BIG_D}),
                          *s = op_head_scores(w.tape[0], h, &hd);
            assert_int_equal(tape_check(w.tape[0], NULL), ST_OK);
            assert_int_equal(s->d[0], m);
            assert_int_equal(s->d[1], hd.n_items + 1);
            for (int q = 0; q < m; q++) {
                const real *o = s->x + q * s->ld;
                assert_true(isinf(o[0]) && o[0] < 0);
                for (int i = 1; i <= hd.n_items; i++) {
                    double want = 0, square = 0;
                    for (int k = 0; k < BIG_D; k++) {
                        double e =
                            (double)w.x[w.table->at + (size_t)((i - id0) * w.table->ld + k)];
                        want += (double)w.h[0][q * BIG_D + k] * e;
                        square += e * e;
                    }
                    want = (hd.unit ? want / sqrt(square) : want) +
                           (double)w.x[w.bias->at + (size_t)(i - id0)];
                    assert_true(fabs((double)o[i] - want) < 2e-5);
                }
                for (int i = hd.n_items + 1; i < s->ld; i++)
                    assert_true(o[i] == 0);
            }
        }
    big_end(&w);
}

static void test_where(void **state)
{
    (void)state;
    struct param small = {.nd = 2, .d = {3417, 50}}, big = {.nd = 2, .d = {43098, 100}};
    struct head hd = {.loss = HEAD_XENT, .cols = COLS_ALL, .table = &small};
    assert_false(head_wants_batch(&hd));
    hd.table = &big;
    assert_true(head_wants_batch(&hd));
    hd.cols = COLS_QUERY;
    assert_false(head_wants_batch(&hd));
    hd.cols = COLS_BATCH;
    assert_true(head_wants_batch(&hd));
    assert_false(head_wants_batch(NULL));
}

static void test_full_softmax_value(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct head hd = {.loss = HEAD_XENT, .cols = COLS_ALL, .table = &f.ptable, .n_items = V};
    struct head_job j = job(&f, &hd);
    double want = 0;
    for (int q = 0; q < Q; q++) {
        double z = 0;
        for (int i = 1; i <= V; i++)
            z += exp(score(&f, q, i));
        want += (double)f.weight[q] * (log(z) - score(&f, q, f.target[q]));
    }
    assert_true(fabs(compute(&j) - want) < 1e-5);
    for (int k = 0; k < D; k++) /* the padding row is no item: it gets nothing */
        assert_true(f.gtable[k] == 0);
    arena_free(f.mem);
}

static void test_bce_value(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct head hd = {.loss = HEAD_BCE, .cols = COLS_QUERY, .table = &f.ptable, .n_items = V};
    struct head_job j = job(&f, &hd);
    double want = 0;
    for (int q = 0; q < Q; q++) {
        double l = log1p(exp(-score(&f, q, f.target[q])));
        for (int k = 0; k < NEG; k++)
            l += log1p(exp(score(&f, q, f.neg[q * NEG + k])));
        want += (double)f.weight[q] * l;
    }
    assert_true(fabs(compute(&j) - want) < 1e-5);
    arena_free(f.mem);
}

/* A one-wide table turns chosen numbers into scores. */
static double loss_of(const struct head *hd0, const double *s, int n, const float *logq)
{
    struct arena *mem;
    assert_int_equal(arena_new(&mem, 1 << 20, NULL), ST_OK);
    real *table = arena_alloc(mem, (size_t)(n + 1) * LD * sizeof(real)),
         *h = arena_alloc(mem, LD * sizeof(real));
    int32_t target = 1, *neg = arena_alloc(mem, (size_t)n * sizeof *neg);
    float one = 1;
    h[0] = 1;
    for (int i = 0; i < n; i++)
        table[(i + 1) * LD] = (real)s[i];
    for (int i = 1; i < n; i++)
        neg[i - 1] = i + 1;
    struct block b = {.n = 1,
                      .n_query = 1,
                      .n_target = 1,
                      .n_neg = n - 1,
                      .target = &target,
                      .neg = neg,
                      .weight = &one,
                      .logq = logq};
    struct head hd = *hd0;
    hd.cols = COLS_QUERY;
    struct head_job j = {
        .hd = &hd, .b = &b, .table = table, .ld = LD, .h = h, .ldh = LD, .d = 1, .mem = mem};
    double loss = compute(&j);
    arena_free(mem);
    return loss;
}

static void test_known_numbers(void **state)
{
    (void)state;
    const double g[] = {2, .5, -1, 0, 3};
    /* V = 1001, k = 4: beta .253 */
    struct head hd = {.loss = HEAD_GBCE, .n_items = 1001, .gbce_t = .75f};
    assert_true(fabs(loss_of(&hd, g, 5, NULL) - 1.01224) < 1e-4);
    hd.gbce_t = 0; /* plain BCE */
    assert_true(fabs(loss_of(&hd, g, 5, NULL) * 5 - 5.156) < 1e-3);
    const double s[] = {1.5, .2, -.3, 2.0};
    struct head ssm = {.loss = HEAD_SAMPLED, .n_items = 4};
    assert_true(fabs(loss_of(&ssm, s, 4, NULL) - 1.12705) < 1e-4);
    const float logq[] = {0, logf(.02f), logf(.3f), logf(.1f), logf(.05f)};
    ssm.logq = 1;
    assert_true(fabs(loss_of(&ssm, s, 4, logq) - 0.536913) < 1e-4);
    const double far[] = {-1000, 1000};
    struct head bce = {.loss = HEAD_BCE, .n_items = 2};
    assert_true(fabs(loss_of(&bce, far, 2, NULL) - 2000) < 1e-3);
    const double good[] = {1000, -1000};
    assert_true(loss_of(&bce, good, 2, NULL) == 0);
    const double sixty[] = {1000, 60};
    assert_true(fabs(loss_of(&bce, sixty, 2, NULL) - 60) < 1e-4);
}

static void test_weightless_queries_cost_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct head hd = {.loss = HEAD_BCE, .cols = COLS_SESSION, .table = &f.ptable, .n_items = V};
    struct head_job j = job(&f, &hd);
    f.weight[2] = 0;
    f.target[3] = 0;
    compute(&j);
    for (int k = 0; k < D; k++) {
        assert_true(f.gh[2 * LD + k] == 0);
        assert_true(f.gh[3 * LD + k] == 0);
    }
    arena_free(f.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_selu),
        cmocka_unit_test(test_several_targets),
        cmocka_unit_test(test_far_scores),
        cmocka_unit_test(test_full_softmax_value),
        cmocka_unit_test(test_full_softmax_in_pieces),
        cmocka_unit_test(test_batch_form),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_bce_value),
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_weightless_queries_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
