/* Matrix products behind one door: transposes, sizes on both sides of the border to
 * OpenBLAS, the check of a BLAS at start. */
#include "engine/tensor/gemm.h"
#include "tests/support/approx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static real number(uint32_t salt, uint32_t i)
{
    return (real)(2 * rng_uniform((struct rng_key){salt, 3}, i) - 1);
}

static real *matrix(int32_t rows, int32_t cols, uint32_t salt)
{
    size_t ld = (size_t)row_ld(cols);
    real *x = aligned_alloc(64, (size_t)(rows + 1) * ld * sizeof *x);
    assert_non_null(x);
    memset(x, 0, (size_t)(rows + 1) * ld * sizeof *x);
    for (int32_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < cols; c++)
            x[(size_t)r * ld + (size_t)c] = number(salt, (uint32_t)(r * cols + c));
    return x;
}

static void one(bool ta, bool tb, int32_t m, int32_t n, int32_t k, bool accumulate)
{
    real *a = ta ? matrix(k, m, 1) : matrix(m, k, 1),
         *b = tb ? matrix(n, k, 2) : matrix(k, n, 2), *c = matrix(m, n, 3);
    size_t lda = (size_t)row_ld(ta ? m : k), ldb = (size_t)row_ld(tb ? k : n),
           ldc = (size_t)row_ld(n);
    double *want = malloc((size_t)m * (size_t)n * sizeof *want);
    for (int32_t i = 0; i < m; i++)
        for (int32_t j = 0; j < n; j++) {
            double s = accumulate ? (double)c[(size_t)i * ldc + (size_t)j] : 0;
            for (int32_t q = 0; q < k; q++)
                s += (double)(ta ? a[(size_t)q * lda + (size_t)i]
                                 : a[(size_t)i * lda + (size_t)q]) *
                     (double)(tb ? b[(size_t)j * ldb + (size_t)q]
                                 : b[(size_t)q * ldb + (size_t)j]);
            want[(size_t)i * (size_t)n + (size_t)j] = s;
        }
    if (!accumulate) /* what was there is not read */
        for (int32_t i = 0; i < m; i++)
            for (int32_t j = 0; j < n; j++)
                c[(size_t)i * ldc + (size_t)j] = (real)NAN;
    real *scratch = tb ? aligned_alloc(64, (gemm_scratch(k, n) + 16) * sizeof *scratch) : NULL;
    gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
    for (int32_t i = 0; i < m; i++) {
        assert_close("gemm", c + (size_t)i * ldc, want + (size_t)i * (size_t)n, (size_t)n, 1e-5,
                     1e-5 * sqrt((double)k + 1));
        for (size_t j = (size_t)n; j < ldc; j++)
            assert_true(c[(size_t)i * ldc + j] == 0);
    }
    if (!tb) { /* the same by strides */
        real *d = matrix(m, n, 3);
        gemm_strided(m, n, k, a, ta ? 1 : lda, ta ? lda : 1, b, ldb, d, ldc, accumulate);
        assert_bits("by strides", d, c, (size_t)m * ldc);
        free(d);
    }
    free(a);
    free(b);
    free(c);
    free(want);
    free(scratch);
}

static void test_against_plain_loops(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{1, 1, 1},    {1, 50, 50}, {7, 33, 5},    {17, 16, 64},
                                       {30, 70, 29}, {5, 9, 0},   {3, 513, 520}, {40, 520, 40}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int t = 0; t < 8; t++)
            one(t & 1, t & 2, sizes[s][0], sizes[s][1], sizes[s][2], t & 4);
}

/* The rule which of the two works does not see the number of rows: a row alone has the bits
 * it has among others. */
static void test_rows_alone(void **state)
{
    (void)state;
    static const int32_t nk[][2] = {{50, 50}, {300, 100}, {128, 600}};
    for (size_t s = 0; s < sizeof nk / sizeof *nk; s++) {
        int32_t n = nk[s][0], k = nk[s][1], m = 37;
        size_t lda = (size_t)row_ld(k), ldc = (size_t)row_ld(n);
        real *a = matrix(m, k, 4), *b = matrix(k, n, 5), *c = matrix(m, n, 6),
             *d = matrix(1, n, 7);
        gemm(false, false, m, n, k, a, lda, b, ldc, c, ldc, false, NULL);
        for (int32_t i = 0; i < m; i++) {
            gemm(false, false, 1, n, k, a + (size_t)i * lda, lda, b, ldc, d, ldc, false, NULL);
            assert_bits("a row", d, c + (size_t)i * ldc, ldc);
        }
        free(a);
        free(b);
        free(c);
        free(d);
    }
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void test_start_is_short(void **state)
{
    (void)state;
    const char *note = "unset";
    double t0 = now_ms();
    gemm_start(&note);
    /* 20 ms by design; the machine may be slow or under a sanitizer */
    assert_true(now_ms() - t0 < 100);
    assert_true(!note || strstr(note, "own kernels"));
    assert_true(strlen(gemm_blas_name()) > 0);
    test_against_plain_loops(state); /* now with whatever was chosen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_loops),
        cmocka_unit_test(test_rows_alone),
        cmocka_unit_test(test_start_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
