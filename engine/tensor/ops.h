/* The ops.  (R,D): packed rows, features.  off (n+1): first row of each of n sessions, R = off[n].  Every op computes at
 * once, appends a node and returns its output, valid until the tape is begun anew.  Index arrays must live as long.
 * Each op has one forward and one backward, side by side in an ops_*.c, a row in ops.def and a gradient case. */
#ifndef ENGINE_TENSOR_OPS_H
#define ENGINE_TENSOR_OPS_H

#include "engine/tensor/tape.h"

enum op_kind {
#define OP(name, doc) OP_##name,
#include "engine/tensor/ops.def"
#undef OP
    OP_KINDS,
};
const char *op_name(enum op_kind k);

struct tensor *op_add(struct tape *t, struct tensor *a, struct tensor *b); /* b's shape = a's trailing dims */
struct tensor *op_mul(struct tape *t, struct tensor *a, struct tensor *b); /* same shape */
struct tensor *op_scale(struct tape *t, struct tensor *x, float c);
struct tensor *op_dropout(struct tape *t, struct tensor *x, float p);      /* identity unless training */
struct tensor *op_act(struct tape *t, struct tensor *x, enum act act);
struct tensor *op_matmul(struct tape *t, struct tensor *a, struct tensor *b, bool ta, bool tb);
/* dropout(act(x W + b)): x (R,in), W (in,out), b (out) or NULL -> (R,out). */
struct tensor *op_linear(struct tape *t, struct tensor *x, struct tensor *w, struct tensor *bias, enum act act, float drop);
/* (n,D) rows of a table; row of id: id - id0.  Row -1 (id 0 where id0 is 1: none) gives zeros; it and row 0 of a
 * PARAM_ZERO_ROW0 table take no gradient. */
struct tensor *op_rows(struct tape *t, const struct param *table, const int32_t *ids, int32_t n, int32_t id0);
/* dropout(scale * E[id - id0] + P[pos]): the input of the transformer models; pos/P NULL = no positions. */
struct tensor *op_embed(struct tape *t, const struct param *table, const int32_t *ids, int32_t id0, float scale,
                        const struct param *pos_table, const int32_t *pos, int32_t n, float drop);
struct tensor *op_pick(struct tape *t, struct tensor *x, const int32_t *row, int32_t n); /* (R,D) -> (n,D); row -1: zeros */
struct tensor *op_concat(struct tape *t, struct tensor *const *x, int32_t n);            /* along the last dimension */
/* biased variance, eps inside the root; SASRec.md section 4 gives the backward. */
struct tensor *op_layernorm(struct tape *t, struct tensor *x, struct tensor *gamma, struct tensor *beta, float eps);

/* Scaled dot-product attention inside each of n packed sessions.  q,k,v: (R,D), R = off[n]; heads are contiguous column
 * groups; scale 1/sqrt(D/heads).  Causal: row i reads rows off[s]..i of its own session only; else all rows of it.
 * Dropout on the weights while training.  Probes "score", "prob" for the watched session: (H,T,T), rows of prob sum
 * to 1; masked scores are NaN.  q, k, v may be the same packed tensor (R,3D) through op_attention_qkv.
 * Vaswani et al. 2017, eq. 1. */
struct tensor *op_attention(struct tape *t, struct tensor *q, struct tensor *k, struct tensor *v, const int32_t *off,
                            int32_t n, int32_t heads, bool causal, float drop);
struct tensor *op_attention_qkv(struct tape *t, struct tensor *qkv, const int32_t *off, int32_t n, int32_t heads, bool causal,
                                float drop); /* qkv (R,3D): columns q, k, v */

/* y_i = b + sum_j x_{i-(K-1)+j} W[j], taps before the session's first row dropped; x (R,in), w (K,in,out), then act and
 * dropout.  K = 1 is op_linear to the bit. */
struct tensor *op_causal_conv(struct tape *t, struct tensor *x, struct tensor *w, struct tensor *bias,
                              const int32_t *off, int32_t n, enum act act, float drop);
struct tensor *op_sum_all(struct tape *t, struct tensor *x); /* (1) */

#endif
