/* Every kernel of every processor level this machine runs, against plain loops in double. */
#include "engine/tensor/kernels.h"
#include "tests/support/approx.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MAXN = 80, SPACE = MAXN * 96 };
static const int sizes[] = {1,  2,  3,  5,  6,  7,  13, 15, 16, 17,
                            25, 31, 32, 33, 48, 50, 63, 64, 65, 70};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static real *buf[12]; /* scratch of SPACE numbers each, 64-byte aligned */
static const struct rng_key any_key = {0x1234567u, 0x89abcdefu};
/* the double build is held to less */
static const real tol = sizeof(real) == 4 ? 1 : (real)1e-6;

static int group_setup(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        buf[i] = aligned_alloc(64, SPACE * sizeof(real));
        if (!buf[i])
            return -1;
    }
    return 0;
}
static int group_teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++)
        free(buf[i]);
    return 0;
}

static real number(int salt, size_t i) /* -2..2 */
{
    struct rng_key k = {(uint32_t)salt, 77};
    return (real)(4 * rng_uniform(k, (uint32_t)i) - 2);
}
/* rows x n at ld, filler zero; the rest of the buffer garbage */
static void fill(real *x, int rows, int n, int ld, int salt)
{
    for (size_t i = 0; i < SPACE; i++)
        x[i] = (real)1e30;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < ld; c++)
            x[r * ld + c] = c < n ? number(salt, (size_t)(r * n + c)) : 0;
}
static void garbage(real *x)
{
    for (size_t i = 0; i < SPACE; i++)
        x[i] = (real)-7e29;
}
static void assert_filler(const char *what, const real *x, int rows, int n, int ld)
{
    for (int r = 0; r < rows; r++)
        for (int c = n; c < ld; c++)
            if (x[r * ld + c] != 0)
                fail_msg("%s: filler (%d,%d) is %g", what, r, c, (double)x[r * ld + c]);
}
static void assert_matrix(const char *what, const real *x, const double *want, int rows, int n,
                          int ld, double rtol, double atol)
{
    for (int r = 0; r < rows; r++)
        assert_close(what, x + r * ld, want + r * n, (size_t)n, rtol * (double)tol,
                     atol * (double)tol);
    assert_filler(what, x, rows, n, ld);
}

static const char *const levels[] = {"avx512", "avx2", "baseline"};
/* Runs the body once for each level that runs here. */
#define FOR_LEVELS                                                                             \
    for (int lv_ = 0; lv_ < 3; lv_++)                                                          \
        if (kernels_choose(levels[lv_], NULL) == ST_OK)

static double want[SPACE], want2[SPACE];

static void test_choose(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(kernels_choose("sse9", &e), ST_ARG);
    assert_non_null(strstr(e.msg, "sse9"));
    assert_int_equal(kernels_choose("baseline", &e), ST_OK);
    assert_string_equal(kern()->name, "baseline");
    assert_int_equal(kernels_choose("auto", &e), ST_OK);
}

static void gemm_want(enum gemm_part part, int m, int n, int k, const real *a, size_t rs,
                      size_t cs, const real *b, size_t ldb, const real *c0, size_t ldc, int acc)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double s = acc ? (double)c0[(size_t)i * ldc + (size_t)j] : 0;
            for (int q = 0; q < k; q++)
                if ((part != GEMM_K_LE || q <= i) && (part != GEMM_K_GE || q >= i))
                    s += (double)a[(size_t)i * rs + (size_t)q * cs] *
                         (double)b[(size_t)q * ldb + (size_t)j];
            want[i * n + j] = s;
        }
}

static void one_gemm(enum gemm_part part, int m, int n, int k, int ta, int acc)
{
    int lda = row_ld(ta ? m : k), ldb = row_ld(n), ldc = row_ld(n);
    real *a = buf[0], *b = buf[1], *c = buf[2], *c0 = buf[3];
    fill(a, ta ? k : m, ta ? m : k, lda, 1);
    fill(b, k, n, ldb, 2);
    fill(c, m, n, ldc, 3);
    memcpy(c0, c, SPACE * sizeof(real));
    size_t rs = ta ? 1 : (size_t)lda, cs = ta ? (size_t)lda : 1;
    gemm_want(part, m, n, k, a, rs, cs, b, (size_t)ldb, c0, (size_t)ldc, acc);
    if (!acc)
        garbage(c);
    kern()->gemm(part, m, n, k, a, rs, cs, b, (size_t)ldb, c, (size_t)ldc, acc);
    for (int i = 0; i < m; i++) {
        int cols = part == GEMM_COLS_LE && i + 1 < n ? i + 1 : n;
        assert_close("gemm", c + i * ldc, want + i * n, (size_t)cols, 1e-5 * (double)tol,
                     2e-5 * (double)tol);
        for (int j = n; j < ldc && part != GEMM_COLS_LE; j++)
            assert_true(c[i * ldc + j] == 0);
    }
}

static void test_gemm_sizes(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int im = 0; im < N_SIZES; im++)
        for (int in = im % 2; in < N_SIZES; in += 2)
            for (int ik = 0; ik < N_SIZES; ik += 3) {
                one_gemm(GEMM_FULL, sizes[im], sizes[in], sizes[ik], (im + ik) % 2, in % 2);
                one_gemm(GEMM_FULL, sizes[im], sizes[in], sizes[ik], (im + ik + 1) % 2,
                         (in + 1) % 2);
            }
    FOR_LEVELS
    {
        one_gemm(GEMM_FULL, 7, 33, 0, 0, 0); /* an empty sum is zero, or leaves C */
        one_gemm(GEMM_FULL, 7, 33, 0, 0, 1);
    }
}

static void test_gemm_parts(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int m = 1; m <= 40; m += m < 14 ? 1 : 5)
        for (unsigned part = GEMM_COLS_LE; part <= GEMM_K_GE; part++)
            for (int ta = 0; ta < 2; ta++) {
                one_gemm(part, m, part == GEMM_COLS_LE ? m : 50, part == GEMM_COLS_LE ? 25 : m,
                         ta, ta);
                /* k shorter or longer than m */
                one_gemm(part, m, 25, m > 3 ? m - 3 : m + 3, ta, !ta);
            }
}

/* What lies past the part is not read, be it NaN: the causal mask holds even for broken
 * numbers. */
static void test_gemm_parts_are_exact(void **state)
{
    (void)state;
    FOR_LEVELS
    {
        enum { M = 23, N = 40, LD = 48, LDA = 32 };
        for (unsigned part = GEMM_K_LE; part <= GEMM_K_GE; part++) {
            real *a = buf[0], *b = buf[1], *c = buf[2], *d = buf[3];
            fill(a, M, M, LDA, 1);
            fill(b, M, N, LD, 2);
            kern()->gemm(part, M, N, M, a, LDA, 1, b, LD, c, LD, 0);
            for (int i = 0; i < M; i++)
                for (int k = 0; k < M; k++)
                    if (part == GEMM_K_LE ? k > i : k < i)
                        a[i * LDA + k] = (real)NAN;
            kern()->gemm(part, M, N, M, a, LDA, 1, b, LD, d, LD, 0);
            assert_bits("causal product", d, c, M * LD);
        }
    }
}

/* A row alone, in a matrix of any height, at any place: the same bits. */
static void test_gemm_rows_are_independent(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int n = 16; n <= 160; n += 48) {
        enum { K = 37, M = 29 };
        int ldb = row_ld(n);
        real *a = buf[0], *b = buf[1], *c = buf[2], *d = buf[3];
        fill(a, M, K, 48, 1);
        fill(b, K, n, ldb, 2);
        kern()->gemm(GEMM_FULL, M, n, K, a, 48, 1, b, (size_t)ldb, c, (size_t)ldb, 0);
        for (int i = 0; i < M; i++)
            for (int h = 1; h <= M - i; h += 4) {
                kern()->gemm(GEMM_FULL, h, n, K, a + i * 48, 48, 1, b, (size_t)ldb, d,
                             (size_t)ldb, 0);
                assert_bits("rows", d, c + i * ldb, (size_t)(h * ldb));
            }
        /* nor on the width */
        kern()->gemm(GEMM_FULL, M, 16, K, a, 48, 1, b, (size_t)ldb, d, 16, 0);
        for (int i = 0; i < M; i++)
            assert_bits("columns", d + i * 16, c + i * ldb, 16);
        /* a sum cut in two over k goes on where it stopped */
        kern()->gemm(GEMM_FULL, M, n, 20, a, 48, 1, b, (size_t)ldb, d, (size_t)ldb, 0);
        kern()->gemm(GEMM_FULL, M, n, K - 20, a + 20, 48, 1, b + 20 * ldb, (size_t)ldb, d,
                     (size_t)ldb, 1);
        assert_bits("k in two parts", d, c, (size_t)(M * ldb));
    }
}

static void test_gemm_nan(void **state)
{
    (void)state;
    FOR_LEVELS
    {
        enum { M = 14, N = 35, K = 9, LD = 48 };
        real *a = buf[0], *b = buf[1], *c = buf[2];
        fill(a, M, K, 16, 1);
        fill(b, K, N, LD, 2);
        a[5 * 16 + 3] = (real)NAN;
        a[6 * 16 + 2] = (real)INFINITY;
        kern()->gemm(GEMM_FULL, M, N, K, a, 16, 1, b, LD, c, LD, 0);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                if (i == 5)
                    assert_true(isnan(c[i * LD + j]));
                else if (i == 6)
                    assert_true(isinf(c[i * LD + j]));
                else
                    assert_true(isfinite(c[i * LD + j]));
            }
    }
}

static void test_transpose(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int ir = 0; ir < N_SIZES; ir++)
        for (int ic = 0; ic < N_SIZES; ic++) {
            int r = sizes[ir], c = sizes[ic], ldx = row_ld(c), ldy = row_ld(r);
            fill(buf[0], r, c, ldx, 4);
            garbage(buf[1]);
            kern()->transpose(buf[0], (size_t)ldx, r, c, buf[1], (size_t)ldy);
            for (int j = 0; j < c; j++)
                for (int i = 0; i < r; i++)
                    assert_true(buf[1][j * ldy + i] == buf[0][i * ldx + j]);
            assert_filler("transpose", buf[1], c, r, ldy);
            assert_true(buf[1][c * ldy] == (real)-7e29); /* not a number more */
        }
}

static double act_plain(double x, enum act a)
{
    switch (a) {
    case ACT_NONE:
        return x;
    case ACT_RELU:
        return x < 0 ? 0 : x; /* a NaN stays */
    case ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2));
    case ACT_TANH:
        return tanh(x);
    case ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACT_ELU:
        return x < 0 ? expm1(x) : x;
    case ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    }
    return 0;
}

static void test_act_accuracy(void **state)
{
    (void)state;
    static const double rtol[] = {0, 0, 3e-7, 3e-7, 4e-7, 2e-7, 3e-7},
                        atol[] = {0, 0, 1e-7, 0, 0, 7e-8, 2e-7};
    FOR_LEVELS
    for (unsigned a = ACT_NONE; a <= ACT_GELU_TANH; a++)
        for (double from = -20; from < 20; from += 0.05) {
            enum { N = 61 };
            for (int i = 0; i < N; i++) {
                buf[0][i] = (real)(from + i * 0.05 / N);
                want[i] = act_plain((double)buf[0][i], a);
            }
            buf[1][N] = 42;
            kern()->act(buf[0], a, buf[1], N);
            assert_close("act", buf[1], want, N, rtol[a], atol[a] + 1e-37);
            assert_true(buf[1][N] == 42);
        }
    FOR_LEVELS /* the ends */
        for (unsigned a = ACT_NONE; a <= ACT_GELU_TANH; a++)
    {
        const double x[] = {1000,  -1000, 1e30,  -1e30,    88.5,
                            -88.5, 0,     1e-30, HUGE_VAL, (double)NAN};
        for (int i = 0; i < 10; i++) {
            buf[0][i] = (real)x[i];
            want[i] = act_plain(x[i], a);
        }
        kern()->act(buf[0], a, buf[1], 10);
        assert_close("act at the ends", buf[1], want, 10, 4e-7, 1e-37);
    }
}

/* kept, scaled: what the header promises, by the scalar functions */
static double keep_plain(const struct dropout *d, int row0, int r, int n, int c)
{
    if (!d || !(d->p > 0))
        return 1;
    uint32_t e = (uint32_t)((row0 + r) * n + c);
    return rng_uniform(d->key, e) >= d->p ? 1 / (1 - (double)d->p) : 0;
}

static void test_bias_act(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int in = 0; in < N_SIZES; in++)
        for (unsigned a = ACT_NONE; a <= ACT_GELU_TANH; a++)
            for (int dr = 0; dr < 2; dr++) {
                int n = sizes[in], rows = 5, ld = row_ld(n) + (in % 3 == 0 ? 16 : 0),
                    row0 = 1000 * dr;
                struct dropout d = {.p = dr ? 0.3f : 0, .key = any_key};
                fill(buf[0], rows, n, ld, 5);
                fill(buf[1], 1, n, row_ld(n), 6);
                memset(buf[2], 0, SPACE * sizeof(real));
                for (int r = 0; r < rows; r++)
                    for (int c = 0; c < n; c++)
                        want[r * n + c] =
                            act_plain((double)buf[0][r * ld + c] + (double)buf[1][c], a) *
                            keep_plain(&d, row0, r, n, c);
                kern()->bias_act(buf[0], buf[1], a, &d, row0, rows, n, (size_t)ld, buf[2]);
                assert_matrix("bias_act", buf[2], want, rows, n, ld, 1e-6, 1e-6);
                /* in place, without bias */
                for (int r = 0; r < rows; r++)
                    for (int c = 0; c < n; c++)
                        want[r * n + c] = act_plain((double)buf[0][r * ld + c], a) *
                                          keep_plain(&d, row0, r, n, c);
                kern()->bias_act(buf[0], NULL, a, &d, row0, rows, n, (size_t)ld, buf[0]);
                assert_matrix("bias_act in place", buf[0], want, rows, n, ld, 1e-6, 1e-6);
            }
}

static void test_bias_act_back(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int in = 0; in < N_SIZES; in++)
        for (unsigned a = ACT_NONE; a <= ACT_GELU_TANH; a++)
            for (int dr = 0; dr < 2; dr++) {
                int n = sizes[in], rows = 5, ld = row_ld(n);
                struct dropout d = {.p = dr ? 0.4f : 0, .key = any_key};
                fill(buf[0], rows, n, ld, 5); /* pre */
                fill(buf[3], rows, n, ld, 8); /* gy */
                fill(buf[5], 1, n, ld, 9);    /* gbias, accumulates */
                memset(buf[2], 0, SPACE * sizeof(real));
                kern()->bias_act(buf[0], NULL, a, &d, 3, rows, n, (size_t)ld, buf[2]);
                for (int c = 0; c < n; c++) {
                    want2[c] = (double)buf[5][c];
                    for (int r = 0; r < rows; r++) {
                        double x = (double)buf[0][r * ld + c], h = 1e-5;
                        double slope = (act_plain(x + h, a) - act_plain(x - h, a)) / (2 * h);
                        want[r * n + c] =
                            (double)buf[3][r * ld + c] * keep_plain(&d, 3, r, n, c) * slope;
                        want2[c] += want[r * n + c];
                    }
                }
                garbage(buf[4]);
                kern()->bias_act_back(buf[3], buf[2], buf[0], a, &d, 3, rows, n, (size_t)ld,
                                      buf[4], buf[5]);
                for (int r = 0; r < rows; r++)
                    assert_close("bias_act_back", buf[4] + r * ld, want + r * n, (size_t)n,
                                 2e-6, 3e-6);
                assert_filler("bias_act_back", buf[4], rows, n, ld);
                assert_close("gbias", buf[5], want2, (size_t)n, 1e-5, 1e-5);
                assert_filler("gbias", buf[5], 1, n, ld);
            }
}

static void test_dropout_residual(void **state)
{
    (void)state;
    FOR_LEVELS
    {
        enum { N = 37, ROWS = 40, LD = 48 };
        struct dropout d = {.p = 0.25f, .key = any_key};
        fill(buf[0], ROWS, N, LD, 1);
        fill(buf[1], ROWS, N, LD, 2);
        int kept = 0;
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < N; c++) {
                double k = keep_plain(&d, 7, r, N, c);
                kept += k > 0;
                want[r * N + c] = (double)buf[1][r * LD + c] * k;
                want2[r * N + c] = (double)buf[0][r * LD + c] + want[r * N + c];
            }
        assert_in_range(kept, ROWS * N * 70 / 100, ROWS * N * 80 / 100);
        kern()->dropout(buf[1], &d, 7, ROWS, N, LD, buf[2]);
        assert_matrix("dropout", buf[2], want, ROWS, N, LD, 2e-7, 0);
        kern()->residual(buf[0], buf[1], &d, 7, ROWS, N, LD, buf[2]);
        assert_matrix("residual", buf[2], want2, ROWS, N, LD, 2e-7, 2e-7);
        kern()->residual(buf[0], buf[1], NULL, 7, ROWS, N, LD, buf[0]);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < N; c++)
                want2[r * N + c] =
                    (double)number(1, (size_t)(r * N + c)) + (double)buf[1][r * LD + c];
        assert_matrix("residual in place", buf[0], want2, ROWS, N, LD, 2e-7, 2e-7);
    }
}

static void test_layernorm(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int in = 0; in < N_SIZES; in++) {
        int n = sizes[in], rows = 7, ld = row_ld(n);
        double eps = 1e-5;
        fill(buf[0], rows, n, ld, 1);
        fill(buf[1], 1, n, ld, 2); /* gamma */
        fill(buf[2], 1, n, ld, 3); /* beta */
        for (int q = 3; q <= 5; q++)
            garbage(buf[q]);
        kern()->layernorm(buf[0], buf[1], buf[2], (float)eps, rows, n, (size_t)ld, buf[3],
                          buf[4], buf[5]);
        fill(buf[6], rows, n, ld, 4); /* gy */
        fill(buf[7], rows, n, ld, 5); /* gx before */
        fill(buf[8], 1, n, ld, 6);
        fill(buf[9], 1, n, ld, 7);
        static double gx[SPACE], gg[MAXN], gb[MAXN], xh[SPACE];
        for (int c = 0; c < n; c++)
            gg[c] = (double)buf[8][c], gb[c] = (double)buf[9][c];
        for (int r = 0; r < rows; r++) {
            const real *x = buf[0] + r * ld, *gy = buf[6] + r * ld;
            double mean = 0, var = 0, m1 = 0, m2 = 0;
            for (int c = 0; c < n; c++)
                mean += (double)x[c] / n;
            for (int c = 0; c < n; c++)
                var += ((double)x[c] - mean) * ((double)x[c] - mean) / n;
            double rs = 1 / sqrt(var + (double)(float)eps);
            want2[r] = rs;
            for (int c = 0; c < n; c++) {
                double h = ((double)x[c] - mean) * rs, g = (double)gy[c] * (double)buf[1][c];
                xh[r * n + c] = h;
                want[r * n + c] = h * (double)buf[1][c] + (double)buf[2][c];
                m1 += g / n;
                m2 += g * h / n;
                gg[c] += (double)gy[c] * h;
                gb[c] += (double)gy[c];
            }
            for (int c = 0; c < n; c++)
                gx[r * n + c] =
                    (double)buf[7][r * ld + c] +
                    ((double)gy[c] * (double)buf[1][c] - m1 - xh[r * n + c] * m2) * rs;
        }
        assert_matrix("layernorm", buf[3], want, rows, n, ld, 1e-5, 1e-5);
        assert_matrix("xhat", buf[4], xh, rows, n, ld, 1e-5, 1e-5);
        assert_close("rstd", buf[5], want2, (size_t)rows, 1e-5, 0);
        kern()->layernorm_back(buf[6], buf[1], buf[4], buf[5], rows, n, (size_t)ld, buf[7],
                               buf[8], buf[9], 1);
        double loose = n == 2 ? 1e-3 : 2e-5; /* two numbers: xhat is +-1 and the rest cancels */
        if (n > 1) {
            assert_matrix("gx", buf[7], gx, rows, n, ld, loose, loose);
            assert_close("ggamma", buf[8], gg, (size_t)n, loose, loose);
        }
        assert_close("gbeta", buf[9], gb, (size_t)n, 1e-5, 1e-5);
        assert_filler("ggamma", buf[8], 1, n, ld);
        assert_filler("gbeta", buf[9], 1, n, ld);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int in = 0; in < N_SIZES; in++)
        for (int causal = 0; causal < 2; causal++) {
            int n = sizes[in], rows = n, ld = row_ld(n) + 16;
            float scale = 0.7f;
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < ld; c++)
                    buf[0][r * ld + c] = c >= n || (causal && c > r)
                                             ? (real)NAN
                                             : 10 * number(1, (size_t)(r * n + c));
            memset(want, 0, sizeof want);
            for (int r = 0; r < rows; r++) {
                int m = causal ? r + 1 : n;
                double top = -1e300, s = 0;
                for (int c = 0; c < m; c++)
                    top = fmax(top, (double)buf[0][r * ld + c] * (double)scale);
                for (int c = 0; c < m; c++)
                    s += exp((double)buf[0][r * ld + c] * (double)scale - top);
                for (int c = 0; c < m; c++)
                    want[r * n + c] = exp((double)buf[0][r * ld + c] * (double)scale - top) / s;
            }
            kern()->softmax_rows(buf[0], rows, n, (size_t)ld, scale, causal, n);
            for (int r = 0; r < rows; r++)
                assert_close("softmax", buf[0] + r * ld, want + r * n, (size_t)n, 3e-6, 1e-30);
            for (int r = 0; r < rows; r++)
                for (int c = n; c < row_ld(n); c++)
                    assert_true(buf[0][r * ld + c] == 0);

            /* backward, with dropout on the weights */
            struct dropout d = {.p = 0.2f, .key = any_key};
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < ld; c++)
                    buf[1][r * ld + c] = c >= n || (causal && c > r)
                                             ? (real)NAN
                                             : number(2, (size_t)(r * n + c));
            for (int r = 0; r < rows; r++) {
                int m = causal ? r + 1 : n;
                double s = 0;
                for (int c = 0; c < m; c++)
                    s += want[r * n + c] * (double)buf[1][r * ld + c] *
                         keep_plain(&d, 9, r, n, c);
                for (int c = 0; c < n; c++)
                    want2[r * n + c] =
                        c >= m
                            ? 0
                            : want[r * n + c] * (double)scale *
                                  ((double)buf[1][r * ld + c] * keep_plain(&d, 9, r, n, c) - s);
            }
            kern()->softmax_back(buf[0], buf[1], &d, 9, rows, n, (size_t)ld, scale, causal);
            for (int r = 0; r < rows; r++) {
                assert_close("softmax_back", buf[1] + r * ld, want2 + r * n, (size_t)n, 1e-5,
                             1e-6);
                for (int c = n; c < row_ld(n); c++)
                    assert_true(buf[1][r * ld + c] == 0);
            }
        }
}

static void test_softmax_extremes(void **state)
{
    (void)state;
    FOR_LEVELS
    {
        real *x = buf[0];
        for (int i = 0; i < 16; i++)
            x[i] = i == 3 ? 1000 : i < 8 ? (real)-INFINITY : -1000;
        kern()->softmax_rows(x, 1, 16, 16, 1, 0, 0);
        for (int i = 0; i < 16; i++)
            assert_true(x[i] == (i == 3 ? 1 : 0)); /* masked: exactly nothing */
        for (int i = 0; i < 16; i++)
            x[i] = i == 5 ? (real)NAN : 1;
        kern()->softmax_rows(x, 1, 16, 16, 1, 0, 0);
        for (int i = 0; i < 16; i++)
            assert_true(isnan(x[i]));
    }
}

static void test_spans(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int n = 0; n <= 70; n++)
        for (int shift = 0; shift < 2; shift++) { /* any address */
            real *x = buf[0] + shift, *y = buf[1] + shift, *z = buf[2] + shift;
            double dot = 0, lse = 0;
            for (int i = 0; i < n; i++) {
                x[i] = 3 * number(1, (size_t)i);
                y[i] = number(2, (size_t)i);
                dot += (double)x[i] * (double)y[i];
                lse += exp((double)x[i]);
            }
            assert_close1("dot", (double)kern()->dot(x, y, n), dot, 1e-5, 1e-5);
            if (n)
                assert_close1("logsumexp", (double)kern()->logsumexp(x, n), log(lse), 1e-6,
                              1e-6);
            z[n] = 42;
            kern()->add(x, y, z, (size_t)n);
            for (int i = 0; i < n; i++)
                assert_true(z[i] == x[i] + y[i]);
            kern()->mul(x, y, z, (size_t)n);
            for (int i = 0; i < n; i++)
                assert_true(z[i] == x[i] * y[i]);
            kern()->scale(3, x, z, (size_t)n);
            for (int i = 0; i < n; i++)
                assert_true(z[i] == 3 * x[i]);
            for (int i = 0; i < n; i++) {
                z[i] = y[i];
                want[i] = (double)y[i] - 0.5 * (double)x[i];
            }
            kern()->axpy((real)-0.5, x, z, n);
            assert_close("axpy", z, want, (size_t)n, 1e-6, 1e-6);
            assert_true(z[n] == 42);
        }
    FOR_LEVELS
    {
        real x[3] = {1000, -1000, 999};
        assert_close1("logsumexp far out", (double)kern()->logsumexp(x, 3),
                      1000 + log1p(exp(-1.0)), 1e-6, 0);
        x[1] = (real)NAN;
        assert_true(isnan(kern()->logsumexp(x, 3)));
    }
}

static void test_colsum(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int in = 0; in < N_SIZES; in++) {
        int n = sizes[in], ld = row_ld(n), rows = 19;
        fill(buf[0], rows, n, ld, 1);
        fill(buf[1], 1, n, ld, 2);
        for (int c = 0; c < n; c++) {
            want[c] = (double)buf[1][c];
            for (int r = 0; r < rows; r++)
                want[c] += (double)buf[0][r * ld + c];
        }
        kern()->colsum(buf[0], rows, n, (size_t)ld, buf[1]);
        assert_close("colsum", buf[1], want, (size_t)n, 1e-5, 1e-5);
        assert_filler("colsum", buf[1], 1, n, ld);
    }
}

static void test_adam(void **state)
{
    (void)state;
    FOR_LEVELS
    for (int n = 1; n < 70; n += 4) {
        double x[80], m[80], v[80];
        for (int i = 0; i < n; i++) {
            x[i] = (double)(buf[0][i] = number(1, (size_t)i));
            m[i] = (double)(buf[2][i] = number(3, (size_t)i));
            v[i] = (double)(buf[3][i] = (real)fabs((double)number(4, (size_t)i)));
        }
        buf[0][n] = 42;
        for (int step = 0; step < 3; step++) {
            for (int i = 0; i < n; i++) {
                buf[1][i] = number(5 + step, (size_t)i);
                double g = step == 2 ? 0 : 0.5 * (double)buf[1][i];
                g += 0.01 * x[i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.98 * v[i] + 0.02 * g * g;
                x[i] -= 0.003 * m[i] / (sqrt(v[i]) + 1e-4);
            }
            kern()->adam(buf[0], step == 2 ? NULL : buf[1], buf[2], buf[3], (size_t)n, 0.003f,
                         0.9f, 0.98f, 1e-4f, 0.5f, 0.01f);
        }
        assert_close("adam x", buf[0], x, (size_t)n, 1e-5, 1e-6);
        assert_close("adam m", buf[2], m, (size_t)n, 1e-5, 1e-6);
        assert_close("adam v", buf[3], v, (size_t)n, 1e-5, 1e-6);
        assert_true(buf[0][n] == 42);
    }
    FOR_LEVELS /* eps 0 on filler: stays zero */
    {
        memset(buf[0], 0, 64 * sizeof(real));
        memset(buf[2], 0, 64 * sizeof(real));
        memset(buf[3], 0, 64 * sizeof(real));
        kern()->adam(buf[0], NULL, buf[2], buf[3], 16, 0.1f, 0.9f, 0.98f, 0, 1, 0);
        for (int i = 0; i < 16; i++)
            assert_true(buf[0][i] == 0);
        memset(buf[1], 0, 64 * sizeof(real));
        buf[1][2] = (real)NAN;
        kern()->adam(buf[0], buf[1], buf[2], buf[3], 16, 0.1f, 0.9f, 0.98f, 0, 1, 0);
        assert_true(isnan(buf[0][2]) && !isnan(buf[0][3]));
    }
}

/* Levels agree with each other to rounding, and dropout draws the same numbers on all of
 * them. */
static void test_levels_draw_alike(void **state)
{
    (void)state;
    struct dropout d = {.p = 0.5f, .key = any_key};
    fill(buf[0], 9, 50, 64, 1);
    kernels_choose("baseline", NULL);
    kern()->dropout(buf[0], &d, 1, 9, 50, 64, buf[1]);
    FOR_LEVELS
    {
        kern()->dropout(buf[0], &d, 1, 9, 50, 64, buf[2]);
        assert_bits("dropout", buf[2], buf[1], 9 * 64);
    }
    kernels_choose("auto", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_gemm_sizes),
        cmocka_unit_test(test_gemm_parts),
        cmocka_unit_test(test_gemm_parts_are_exact),
        cmocka_unit_test(test_gemm_rows_are_independent),
        cmocka_unit_test(test_gemm_nan),
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_act_accuracy),
        cmocka_unit_test(test_bias_act),
        cmocka_unit_test(test_bias_act_back),
        cmocka_unit_test(test_dropout_residual),
        cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_softmax_extremes),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_colsum),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_levels_draw_alike),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
