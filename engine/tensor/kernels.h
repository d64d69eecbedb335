/* The vector code: fused passes over rows.  One source (kernels.c), built for AVX-512, AVX2
 * and the baseline, chosen once at start by what the processor has; `kernels_choose`
 * overrides.  Everything else in the tensor layer calls through the table `kern()`.
 *
 * Rows are padded to TENSOR_ROW floats and the filler is zero: every kernel that writes a
 * row keeps it so. Pointers are 64-byte aligned unless a comment says otherwise; ld is in
 * floats and a multiple of 16. A row's result does not depend on its neighbours or on how
 * many rows there are.
 * Any thread; the table is constant after kernels_choose. */
#ifndef ENGINE_TENSOR_KERNELS_H
#define ENGINE_TENSOR_KERNELS_H

#include "engine/base/rng.h"
#include "engine/base/status.h"
#include "engine/tensor/real.h"
#include <stddef.h>
#include <stdint.h>

enum { TENSOR_ROW = 16 };

static inline int32_t row_ld(int32_t n) /* floats a row of n numbers takes */
{
    return (n + TENSOR_ROW - 1) / TENSOR_ROW * TENSOR_ROW;
}

enum act {
    ACT_NONE,
    ACT_RELU,
    ACT_GELU, /* x Phi(x), Phi by erfc: BERT4Rec's */
    ACT_TANH,
    ACT_SIGMOID,
    ACT_ELU,       /* x < 0: e^x - 1 */
    ACT_GELU_TANH, /* the tanh approximation of GELU */
};

/* Which part of a product inside one session is needed (row i, column j, inner k). */
enum gemm_part {
    GEMM_FULL,
    GEMM_COLS_LE, /* only columns j <= i: scores of causal attention.  Columns past i are written up to at most
                   * row_ld(i + 6) or row_ld(n), and mean nothing */
    GEMM_K_LE, /* only k <= i: P V, dQ.  Exact: what A and B hold beyond is not used, be it NaN */
    GEMM_K_GE, /* only k >= i: P^T dO, dK.  Exact as well */
};

/* drop == NULL or p == 0: none.  Element (r,c) of a (rows,n) pass draws u = rng_uniform(key,
 * (row0 + r) * n + c), modulo 2^32, n the real columns without filler; it is kept when u >=
 * p and then scaled by 1/(1-p), else exactly 0. */
struct dropout {
    float p;
    struct rng_key key;
};

/* Losses of one row of scores against its own column; Hidasi et al. 2016, Hidasi &
 * Karatzoglou 2018, in the form of the authors' code (sums run over the own column too). */
enum rank_kind { RANK_XENT, RANK_TOP1, RANK_BPR, RANK_TOP1_MAX, RANK_BPR_MAX };

struct optim_rates {
    real lr, eps, rho, momentum, clip, decay;
};
enum { AUX_VELOCITY = 1 }; /* which of their aux an update without momentum leaves alone */
struct kernels {
    const char *name; /* "avx512", "avx2", "baseline" */

    /* C (m,n) = [C +] A B.  A is addressed a[i*rs + k*cs] (any strides, so A^T is the same
     * call); B (k,n) and C are row-major.  Columns of B and C are read and written up to
     * row_ld(n): C's filler becomes zero because B's is.  b and c may lie at any
     * float.  Each element is one chain of multiply-adds over rising k, begun with C or 0. */
    void (*gemm)(enum gemm_part part, int32_t m, int32_t n, int32_t k, const real *a, size_t rs,
                 size_t cs, const real *b, size_t ldb, real *c, size_t ldc, int accumulate);
    /* filler of y zeroed */
    void (*transpose)(const real *x, size_t ldx, int32_t rows, int32_t cols, real *y,
                      size_t ldy);

    /* y = dropout(act(x + bias)) over (rows,n); bias NULL allowed; x == y allowed. */
    void (*bias_act)(const real *x, const real *bias, enum act act, const struct dropout *drop,
                     int32_t row0, int32_t rows, int32_t n, size_t ld, real *y);
    /* gx = gradient before bias and act; gx == gy allowed.  y: what bias_act wrote, that is
     * after dropout when there is one (unused for NONE and the GELUs); pre: x + bias for the
     * GELUs, otherwise unused.  Unused ones may be NULL.  gbias (n) accumulates the column
     * sums; NULL allowed. */
    void (*bias_act_back)(const real *gy, const real *y, const real *pre, enum act act,
                          const struct dropout *drop, int32_t row0, int32_t rows, int32_t n,
                          size_t ld, real *gx, real *gbias);

    void (*layernorm)(const real *x, const real *gamma, const real *beta, float eps,
                      int32_t rows, int32_t n, size_t ld, real *y, real *xhat, real *rstd);
    /* gx accumulates when `accumulate`; ggamma, gbeta always accumulate. */
    void (*layernorm_back)(const real *gy, const real *gamma, const real *xhat,
                           const real *rstd, int32_t rows, int32_t n, size_t ld, real *gx,
                           real *ggamma, real *gbeta, int accumulate);

    /* In place over the first n of each row of (rows, ld): softmax of scale * x.  causal:
     * row i has i + 1 columns.  What lies past a row's columns, up to `zero_to` columns (0:
     * the row's own last vector), becomes zero. */
    void (*softmax_rows)(real *x, int32_t rows, int32_t n, size_t ld, float scale, int causal,
                         int32_t zero_to);
    /* Backward of attention weights.  p: softmax rows before dropout, zero past the row's
     * columns; g: gradient of the rows after dropout, becomes the gradient of the scores
     * before `scale`: scale * p * (d - sum(p d)), d = g * dropout factor.  Written up to
     * row_ld(n), zero past the row's columns. */
    void (*softmax_back)(const real *p, real *g, const struct dropout *drop, int32_t row0,
                         int32_t rows, int32_t n, size_t ld, float scale, int causal);
    /* Spans: any length and address; whole vectors are fastest, so pass the ld of a row
     * whose filler is zero. */
    real (*logsumexp)(const real *x, int32_t n);
    real (*dot)(const real *x, const real *y, int32_t n);
    void (*axpy)(real a, const real *x, real *y, int32_t n); /* y += a x */
    void (*scale)(real a, const real *x, real *y, size_t n); /* y = a x; x == y allowed */
    void (*add)(const real *x, const real *y, real *out, size_t n);
    void (*mul)(const real *x, const real *y, real *out, size_t n);
    /* out = a + w (b - a): a to the bit where w is 0 */
    void (*mix)(const real *w, const real *a, const real *b, real *out, size_t n);
    /* gw = g (b - a), ga = g (1 - w), gb = g w */
    void (*mix_back)(const real *g, const real *w, const real *a, const real *b, size_t n,
                     real *gw, real *ga, real *gb);
    void (*dropout)(const real *x, const struct dropout *drop, int32_t row0, int32_t rows,
                    int32_t n, size_t ld, real *y);
    /* The same over the lower triangle of a (rows,n) matrix: row i has columns 0..i; what
     * lies past them in y means nothing. */
    void (*dropout_lower)(const real *x, const struct dropout *drop, int32_t row0, int32_t rows,
                          int32_t n, size_t ld, real *y);
    /* out = x + dropout(y); out may be x or y. */
    void (*residual)(const real *x, const real *y, const struct dropout *drop, int32_t row0,
                     int32_t rows, int32_t n, size_t ld, real *out);
    void (*act)(const real *x, enum act act, real *y, size_t n);
    /* accumulates */
    void (*colsum)(const real *x, int32_t rows, int32_t n, size_t ld, real *out);

    /* Adam on a span.  g' = clip g + l2 x; m = b1 m + (1-b1) g'; v = b2 v + (1-b2) g'^2; x
     * -= lr_t m / (sqrt(v) + eps_t).  Kingma & Ba's update is lr_t = lr sqrt(1-b2^t) /
     * (1-b1^t), eps_t = eps sqrt(1-b2^t).  g NULL: no gradient. */
    void (*adam)(real *x, const real *g, real *m, real *v, size_t n, float lr_t, float b1,
                 float b2, float eps_t, float clip, float l2);
    /* d = clip g;  adagrad: acc += d^2, step = d / sqrt(acc + eps); rmsprop: acc = rho acc +
     * (1-rho) d^2, the same step; adadelta: acc as rmsprop's, step = d sqrt((upd + eps) /
     * (acc + eps)) with upd of before, upd = rho upd + (1-rho) step^2.  vel = momentum vel -
     * lr (step + decay x);  x += vel.  Where g is 0 nothing changes.  aux: acc, vel, upd. */
    void (*adagrad)(real *x, const real *g, real *const *aux, size_t n,
                    const struct optim_rates *r);
    void (*rmsprop)(real *x, const real *g, real *const *aux, size_t n,
                    const struct optim_rates *r);
    void (*adadelta)(real *x, const real *g, real *const *aux, size_t n,
                     const struct optim_rates *r);

    /* Output layers.  Rows of scores have room for row_ld(n) numbers; gradients c are
     * written that far, filler zero. */
    /* out[k] = h . row[k] of the table, over row_ld(d) columns. */
    void (*pick_dot)(const real *h, const real *table, size_t ld, const int32_t *row, int32_t n,
                     int32_t d, real *out);
    /* gh += sum_k c[k] table[row[k]];  gtable[row[k]] += c[k] h, in this order.  gh, gtable
     * may be NULL. */
    void (*pick_back)(const real *c, const real *table, size_t ld, const int32_t *row,
                      int32_t n, int32_t d, const real *h, real *gh, real *gtable);
    /* Softmax down the columns of a (rows,n) piece of a taller matrix.  x += bias[row]
     * (NULL: none); top, sum (row_ld(n)) go on over pieces: largest value so far, sum of
     * exp(x - top); begin with top = -3e38, sum = 0. */
    void (*col_stats)(real *x, const real *bias, int32_t rows, int32_t n, size_t ld, real *top,
                      real *sum);
    /* x = exp(x - shift[column]) */
    void (*col_exp)(real *x, int32_t rows, int32_t n, size_t ld, const real *shift);
    /* Sum over k of softplus(sign s[k]); c[k] = its slope. */
    double (*softplus_sum)(const real *s, int32_t n, real sign, real *c);
    /* Loss and its slope c by every score.  x: label smoothing of RANK_XENT, bpreg of
     * RANK_BPR_MAX.  A column of -INFINITY is left out. */
    double (*rank_loss)(enum rank_kind kind, const real *s, int32_t n, int32_t own, float x,
                        real *c);
    /* Activation of scores before a ranking loss: ACT_TANH; ACT_ELU with factor a; ACT_RELU
     * with slope a below 0. */
    void (*score_act)(real *s, int32_t n, enum act act, float a);
    /* c *= slope; s: after score_act */
    void (*score_act_back)(const real *s, int32_t n, enum act act, float a, real *c);
};

const struct kernels *kern(void); /* chosen at the first call or by kernels_choose */
/* "avx512", "avx2", "baseline"; "auto": that of the environment's SEQLAB_KERNELS, else the
 * best this processor has */
enum status kernels_choose(const char *name, struct err *err);

#endif
