/* Output heads: each loss against its formula in plain double, gradients against central differences, known numbers, and what must hold for
 * every loss (columns shared or not). */
#include "engine/train/heads.h"

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
    f->b = (struct block){.n = 3, .n_query = Q, .n_target = 1, .n_neg = NEG, .target = f->target, .neg = f->neg, .weight = f->weight,
                          .query_session = f->session};
}

static struct head_job job(struct fixture *f, const struct head *hd)
{
    return (struct head_job){.hd = hd, .b = &f->b, .table = f->table, .bias = f->bias, .ld = LD, .h = f->h, .ldh = LD, .d = D,
                             .gh = f->gh, .gtable = f->gtable, .gbias = f->gbias, .mem = f->mem};
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
    } part[] = {{f->h, f->gh, Q, D}, {f->table, f->gtable, V + 1, D}, {f->bias, f->gbias, 1, V + 1}};
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
                    fail_msg("loss %d cols %d part %d [%d,%d]: %g, by differences %g", (int)hd->loss, (int)hd->cols, p, r, c, got, want);
            }
}

static void test_gradients(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    static const enum head_loss losses[] = {HEAD_SAMPLED, HEAD_BCE, HEAD_GBCE, HEAD_TOP1, HEAD_BPR, HEAD_TOP1_MAX, HEAD_BPR_MAX};
    for (unsigned i = 0; i < sizeof losses / sizeof *losses; i++)
        for (int cols = COLS_QUERY; cols <= COLS_BATCH; cols++) {
            struct head hd = {.loss = losses[i], .cols = (enum head_cols)cols, .table = &f.ptable, .n_items = V, .gbce_t = 0.75f, .bpreg = 1.5f};
            if (cols == COLS_BATCH) { /* in-batch lists hold the queries' own targets first */
                memcpy(f.neg, f.target, sizeof f.target);
                f.b.n_neg = Q + NEG;
                f.b.row0 = 0;
            } else {
                f.b.n_neg = NEG;
            }
            check_gradient(&f, &hd);
        }
    struct head full = {.loss = HEAD_XENT, .cols = COLS_ALL, .table = &f.ptable, .n_items = V};
    f.b.n_neg = 0;
    check_gradient(&f, &full);
    for (int a = ACT_RELU; a <= ACT_ELU; a++) {
        if (a != ACT_TANH && a != ACT_ELU)
            continue;
        struct head hd = {.loss = HEAD_BPR_MAX, .cols = COLS_QUERY, .act = (enum act)a, .act_a = 0.5f, .table = &f.ptable, .n_items = V, .bpreg = 1};
        f.b.n_neg = NEG;
        check_gradient(&f, &hd);
    }
    arena_free(f.mem);
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
    real *table = arena_alloc(mem, (size_t)(n + 1) * LD * sizeof(real)), *h = arena_alloc(mem, LD * sizeof(real));
    int32_t target = 1, *neg = arena_alloc(mem, (size_t)n * sizeof *neg);
    float one = 1;
    h[0] = 1;
    for (int i = 0; i < n; i++)
        table[(i + 1) * LD] = (real)s[i];
    for (int i = 1; i < n; i++)
        neg[i - 1] = i + 1;
    struct block b = {.n = 1, .n_query = 1, .n_target = 1, .n_neg = n - 1, .target = &target, .neg = neg, .weight = &one, .logq = logq};
    struct head hd = *hd0;
    hd.cols = COLS_QUERY;
    struct head_job j = {.hd = &hd, .b = &b, .table = table, .ld = LD, .h = h, .ldh = LD, .d = 1, .mem = mem};
    double loss = compute(&j);
    arena_free(mem);
    return loss;
}

static void test_known_numbers(void **state)
{
    (void)state;
    const double g[] = {2, .5, -1, 0, 3};
    struct head hd = {.loss = HEAD_GBCE, .n_items = 1001, .gbce_t = .75f}; /* V = 1001, k = 4: beta .253 */
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
        cmocka_unit_test(test_full_softmax_value),
        cmocka_unit_test(test_bce_value),
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_weightless_queries_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
