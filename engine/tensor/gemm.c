/* Matrix products: own kernels, and OpenBLAS for large ones; see gemm.h.  The only file that includes cblas.h.
 *
 * Which of the two works is a rule on (n,k) alone.  The own kernels read the second operand in place, which stops paying when it no longer
 * fits the second-level cache; there OpenBLAS, which packs, is ahead. */
#include "engine/tensor/gemm.h"

#include <cblas.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { BLAS_MIN_DIM = 512 }; /* n and k from here on: OpenBLAS */

static atomic_bool blas_ok; /* written by gemm_start before any thread; read everywhere */

const char *gemm_blas_name(void)
{
    static char name[160];
    if (!atomic_load_explicit(&blas_ok, memory_order_relaxed))
        return "own kernels only";
    snprintf(name, sizeof name, "%s", openblas_get_config());
    return name;
}

size_t gemm_scratch(int32_t k, int32_t n)
{
    return (size_t)k * (size_t)row_ld(n);
}

static void product(bool blas, bool ta, bool tb, int32_t m, int32_t n, int32_t k, const real *a, size_t lda, const real *b, size_t ldb,
                    real *c, size_t ldc, bool accumulate, real *scratch)
{
#ifndef SEQLAB_DOUBLE
    if (blas) {
        cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, 1, a, (blasint)lda, b, (blasint)ldb,
                    accumulate ? 1 : 0, c, (blasint)ldc);
        return;
    }
#else
    (void)blas;
#endif
    if (tb) {
        kern()->transpose(b, ldb, n, k, scratch, (size_t)row_ld(n));
        b = scratch;
        ldb = (size_t)row_ld(n);
    }
    kern()->gemm(GEMM_FULL, m, n, k, a, ta ? 1 : lda, ta ? lda : 1, b, ldb, c, ldc, accumulate);
}

void gemm(bool ta, bool tb, int32_t m, int32_t n, int32_t k, const real *a, size_t lda, const real *b, size_t ldb, real *c, size_t ldc,
          bool accumulate, real *scratch)
{
    bool blas = n >= BLAS_MIN_DIM && k >= BLAS_MIN_DIM && atomic_load_explicit(&blas_ok, memory_order_relaxed);
    product(blas, ta, tb, m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
}

#ifndef SEQLAB_DOUBLE
/* One product against a plain loop. */
static bool agrees(bool ta, bool tb, int32_t m, int32_t n, int32_t k, bool accumulate)
{
    static float a[40 * 48], b[40 * 48], c[40 * 48]; /* gemm_start runs once, alone */
    float x = 0.37f;
    for (int i = 0; i < 40 * 48; i++) {
        x = 3.7f * x * (1 - x);
        a[i] = x - 0.5f;
        b[i] = 0.5f - a[i] * a[i];
        c[i] = accumulate ? 1 : NAN; /* beta = 0 must not read what was there */
    }
    product(true, ta, tb, m, n, k, a, 48, b, 48, c, 48, accumulate, NULL);
    for (int32_t i = 0; i < m; i++)
        for (int32_t j = 0; j < n; j++) {
            double want = accumulate ? 1 : 0;
            for (int32_t p = 0; p < k; p++)
                want += (double)(ta ? a[p * 48 + i] : a[i * 48 + p]) * (double)(tb ? b[j * 48 + p] : b[p * 48 + j]);
            if (!(fabs((double)c[i * 48 + j] - want) < 1e-4))
                return false;
        }
    return true;
}
#endif

void gemm_start(const char **note)
{
    *note = NULL;
#ifdef SEQLAB_DOUBLE
    return;
#else
    openblas_set_num_threads(1);
    if (openblas_get_parallel() == 0) { /* the serial package keeps its buffers in globals */
        *note = "this OpenBLAS may not be called from several threads: own kernels only";
        return;
    }
    bool ok = true;
    for (int i = 0; i < 8 && ok; i++)
        ok = agrees(i & 1, i & 2, 33, 31, 29, i & 4) && agrees(i & 1, i & 2, 1, 17, 40, i & 4) && agrees(i & 1, i & 2, 5, 7, 0, i & 4);
    if (!ok) {
        *note = "this OpenBLAS computes wrong products: own kernels only";
        return;
    }
    atomic_store_explicit(&blas_ok, true, memory_order_relaxed);
#endif
}
