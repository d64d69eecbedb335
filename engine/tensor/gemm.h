/* Matrix products.  One static rule on (n,k), never on the number of rows, says whether the
 * own kernels or OpenBLAS work, so a row's bits do not depend on its neighbours.  Own
 * kernels sum over k in one order. */
#ifndef ENGINE_TENSOR_GEMM_H
#define ENGINE_TENSOR_GEMM_H

#include "engine/tensor/kernels.h"
#include <stdbool.h>

/* OpenBLAS is set to one thread and a few products (transposes, k = 0, beta = 0 over NaN)
 * are compared with a plain loop, within 20 ms. Happens once, at the first large product or
 * when asked for here; any thread.  A BLAS that computes wrong, or that may not be called
 * from several threads, is put aside: *note then says so (static storage), else NULL.  note
 * may be NULL. */
void gemm_start(const char **note);
/* "OpenBLAS 0.3.21 ...", or "own kernels only"; static storage */
const char *gemm_blas_name(void);

/* C (m,n) = [C +] A B, A by strides as in struct kernels, rs or cs being 1.  C's filler is
 * zero afterwards. */
void gemm_strided(int32_t m, int32_t n, int32_t k, const real *a, size_t rs, size_t cs,
                  const real *b, size_t ldb, real *c, size_t ldc, bool accumulate);

/* C (m,n) = [C +] op(A) op(B), row-major with leading dimensions.  tb is done by transposing
 * B into scratch, which must hold gemm_scratch(k, n) floats when tb is set. */
void gemm(bool ta, bool tb, int32_t m, int32_t n, int32_t k, const real *a, size_t lda,
          const real *b, size_t ldb, real *c, size_t ldc, bool accumulate, real *scratch);
size_t gemm_scratch(int32_t k, int32_t n);

#endif
