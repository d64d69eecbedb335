/* Matrix products: own kernels, and OpenBLAS for large ones; see gemm.h.  The only file that
 * includes cblas.h.
 *
 * Which of the two works is a rule on (n,k) alone.  The own kernels read the second operand
 * in place, which stops paying when it no longer fits the second-level cache; there
 * OpenBLAS, which packs, is ahead. */
#include "engine/tensor/gemm.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { BLAS_MIN_DIM = 512 }; /* n and k from here on: OpenBLAS */

/* Written once, under `once`: whoever passed it reads them. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool blas_ok;
static const char *blas_note;
static void try_blas(void);

const char *gemm_blas_name(void)
{
    pthread_once(&once, try_blas);
    return blas_ok ? openblas_get_config() : "own kernels only";
}

size_t gemm_scratch(int32_t k, int32_t n)
{
    return (size_t)k * (size_t)row_ld(n);
}

static void product(bool blas, bool ta, bool tb, int32_t m, int32_t n, int32_t k, const real *a,
                    size_t lda, const real *b, size_t ldb, real *c, size_t ldc, bool accumulate,
                    real *scratch)
{
#ifndef SEQLAB_DOUBLE
    if (blas) {
        cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans,
                    tb ? CblasTrans : CblasNoTrans, m, n, k, 1, a, (blasint)lda, b,
                    (blasint)ldb, accumulate ? 1 : 0, c, (blasint)ldc);
        const size_t filler = (size_t)(row_ld(n) - n);
        for (int32_t i = 0; filler && i < m; i++)
            memset(c + (size_t)i * ldc + n, 0, filler * sizeof *c);
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

static bool large(int32_t n, int32_t k)
{
    if (n < BLAS_MIN_DIM || k < BLAS_MIN_DIM)
        return false;
    pthread_once(&once, try_blas);
    return blas_ok;
}

void gemm(bool ta, bool tb, int32_t m, int32_t n, int32_t k, const real *a, size_t lda,
          const real *b, size_t ldb, real *c, size_t ldc, bool accumulate, real *scratch)
{
    product(large(n, k), ta, tb, m, n, k, a, lda, b, ldb, c, ldc, accumulate, scratch);
}

void gemm_strided(int32_t m, int32_t n, int32_t k, const real *a, size_t rs, size_t cs,
                  const real *b, size_t ldb, real *c, size_t ldc, bool accumulate)
{
    if (large(n, k))
        product(true, cs != 1, false, m, n, k, a, cs == 1 ? rs : cs, b, ldb, c, ldc, accumulate,
                NULL);
    else
        kern()->gemm(GEMM_FULL, m, n, k, a, rs, cs, b, ldb, c, ldc, accumulate);
}

#ifndef SEQLAB_DOUBLE
/* One product against a plain loop. */
static bool agrees(bool ta, bool tb, int32_t m, int32_t n, int32_t k, bool accumulate)
{
    static float a[40 * 48], b[40 * 48], c[40 * 48]; /* under pthread_once */
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
                want += (double)(ta ? a[p * 48 + i] : a[i * 48 + p]) *
                        (double)(tb ? b[j * 48 + p] : b[p * 48 + j]);
            if (!(fabs((double)c[i * 48 + j] - want) < 1e-4))
                return false;
        }
    return true;
}
#endif

static void try_blas(void)
{
#ifndef SEQLAB_DOUBLE
    openblas_set_num_threads(1);
    if (openblas_get_parallel() == 0) { /* the serial package keeps its buffers in globals */
        blas_note = "this OpenBLAS may not be called from several threads: own kernels only";
        return;
    }
    bool ok = true;
    for (int i = 0; i < 8 && ok; i++)
        ok = agrees(i & 1, i & 2, 33, 31, 29, i & 4) &&
             agrees(i & 1, i & 2, 1, 17, 40, i & 4) && agrees(i & 1, i & 2, 5, 7, 0, i & 4);
    if (!ok)
        blas_note = "this OpenBLAS computes wrong products: own kernels only";
    blas_ok = ok;
#endif
}

void gemm_start(const char **note)
{
    pthread_once(&once, try_blas);
    if (note)
        *note = blas_note;
}
