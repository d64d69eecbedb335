/* The ops.  (R,D): packed rows, features.  off (n+1): first row of each of n sessions, R =
 * off[n].  Every op computes at once, appends a node and returns its output, valid until the
 * tape is begun anew.  Index arrays must live as long. Each op has one forward and one
 * backward, side by side in an ops_*.c, a row in ops.def and a gradient case. */
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

/* b's shape = a's trailing dims */
struct tensor *op_add(struct tape *t, struct tensor *a, struct tensor *b);
struct tensor *op_mul(struct tape *t, struct tensor *a, struct tensor *b); /* same shape */
struct tensor *op_scale(struct tape *t, struct tensor *x, float c);
/* identity unless training */
struct tensor *op_dropout(struct tape *t, struct tensor *x, float p);
/* The same; while a session is watched, what x is multiplied with (0, or 1/(1-p)) is shown
 * as a probe of that name. */
struct tensor *op_dropout_shown(struct tape *t, struct tensor *x, float p, const char *probe);
struct tensor *op_act(struct tape *t, struct tensor *x, enum act act);
struct tensor *op_matmul(struct tape *t, struct tensor *a, struct tensor *b, bool ta, bool tb);
/* dropout(act(x W + b)): x (R,in), W (in,out), b (out) or NULL -> (R,out). */
struct tensor *op_linear(struct tape *t, struct tensor *x, struct tensor *w,
                         struct tensor *bias, enum act act, float drop);
/* (n,D) rows of a table; row of id: id - id0.  Row -1 (id 0 where id0 is 1: none) gives
 * zeros; it and row 0 of a PARAM_ZERO_ROW0 table take no gradient. */
struct tensor *op_rows(struct tape *t, const struct param *table, const int32_t *ids, int32_t n,
                       int32_t id0);
/* dropout(scale * E[id - id0] + P[pos]): the input of the transformer models; pos/P NULL =
 * no positions. */
struct tensor *op_embed(struct tape *t, const struct param *table, const int32_t *ids,
                        int32_t id0, float scale, const struct param *pos_table,
                        const int32_t *pos, int32_t n, float drop);
/* (R,D) -> (n,D); row -1: zeros */
struct tensor *op_pick(struct tape *t, struct tensor *x, const int32_t *row, int32_t n);
/* along the last dimension */
struct tensor *op_concat(struct tape *t, struct tensor *const *x, int32_t n);
/* (n,kD) -> (nk,D): a row's k pieces under one another */
struct tensor *op_fold(struct tape *t, struct tensor *x, int32_t k);
/* biased variance, eps inside the root; SASRec.md section 4 gives the backward. */
struct tensor *op_layernorm(struct tape *t, struct tensor *x, struct tensor *gamma,
                            struct tensor *beta, float eps);
/* rows brought to this length; a row of zeros stays, and has no gradient */
struct tensor *op_unit(struct tape *t, struct tensor *x, float length);

/* Scaled dot-product attention inside each of n packed sessions.  q,k,v: (R,D), R = off[n];
 * heads are contiguous column groups; scale 1/sqrt(D/heads).  Causal: row i reads rows
 * off[s]..i of its own session only; else all rows of it. Dropout on the weights while
 * training.  Probes "score", "prob" for the watched session: (H,T,T), rows of prob sum to 1;
 * masked scores are NaN.  q, k, v may be the same packed tensor (R,3D) through
 * op_attention_qkv. Vaswani et al. 2017, eq. 1. */
struct tensor *op_attention(struct tape *t, struct tensor *q, struct tensor *k,
                            struct tensor *v, const int32_t *off, int32_t n, int32_t heads,
                            bool causal, float drop);
struct tensor *op_attention_qkv(struct tape *t, struct tensor *qkv, const int32_t *off,
                                int32_t n, int32_t heads, bool causal,
                                float drop); /* qkv (R,3D): columns q, k, v */

/* y_i = b + sum_j x_{i-(K-1)+j} W[j], taps before the session's first row dropped; x (R,in),
 * w (K,in,out), then act and dropout.  K = 1 is op_linear to the bit. */
struct tensor *op_causal_conv(struct tape *t, struct tensor *x, struct tensor *w,
                              struct tensor *bias, const int32_t *off, int32_t n, enum act act,
                              float drop);
struct tensor *op_sum_all(struct tape *t, struct tensor *x);     /* (1) */
struct tensor *op_sum_squares(struct tape *t, struct tensor *x); /* (1) */

/* ---- Recurrent (ops_rnn.c).  Columns at .. at+H-1 of a tensor, so that gates may lie side
 * by side in any order. ---- */
struct cols {
    struct tensor *x;
    int32_t at;
};
enum gru_gate { GRU_RESET, GRU_UPDATE, GRU_CAND, GRU_GATES };
struct gru_cell { /* sizes (H): width of the state */
    int32_t h;
    struct cols x[GRU_GATES]; /* (R,H) projected inputs, biases included */
    struct cols w[GRU_GATES]; /* (H,H) */
    struct cols b[GRU_GATES]; /* (H) added to h w; x NULL: none */
    /* cand = tanh(x + r * (h W + b));  else tanh(x + (r * h) W + b) */
    bool reset_after;
    /* h' = u * h + (1 - u) * cand;  else (1 - u) * h + u * cand */
    bool update_keeps;
};
/* The thirds of a (.., 3H) tensor in the given places: gru_thirds(c.x, xg, H, 1, 2, 0) for
 * candidate, reset, update. */
void gru_thirds(struct cols out[GRU_GATES], struct tensor *x, int32_t h, int32_t reset,
                int32_t update, int32_t cand);

/* r = sigmoid(x_r + h W_r + b_r), u likewise, cand and h' as the cell says -> (R,H), state
 * after each row.  h0 (n,H): state before each session's first row, NULL = 0; takes a
 * gradient when it wants one.  Cho et al. 2014, eq. 5-8. Session-parallel steps are sessions
 * of one row each (off NULL: n = R of them) with h0.
 * Probes for the watched session: "reset", "update", "cand" (T,H); of all rows when every
 * session has one. */
struct tensor *op_gru(struct tape *t, const struct gru_cell *c, struct tensor *h0,
                      const int32_t *off, int32_t n);

/* i, f, o = sigmoid(x_. + h W_.), g = tanh(x_g + h W_g), c' = f c + i g, h' = o tanh(c') ->
 * (R,H), from zero in every session (ops_lstm.c). x (R,4H): projected inputs, biases
 * included; w (H,4H); columns: i, f, g, o.  Hochreiter & Schmidhuber 1997 with the forget
 * gate of Gers et al. 2000.  Probes for the watched session: "input", "forget", "cand",
 * "output" (T,H). */
struct tensor *op_lstm(struct tape *t, struct tensor *x, struct tensor *w, const int32_t *off,
                       int32_t n);

enum augru_form {
    AUGRU_PAPER, /* h' = (1 - a u) h + a u cand: a = 0 leaves h as it is.  Zhou et al. 2019 (DIEN), eq. 5 and 6 */
    AUGRU_DIEN,  /* the released code: u keeps, h' = (1 - a) u h + (1 - (1 - a) u) cand */
    AUGRU_AGRU,  /* h' = (1 - a) h + a cand */
    AUGRU_GRU,   /* a plays no part */
};
/* att (R,1).  row (R) or NULL: the row of c->x each row reads, so that tracks share their
 * inputs.  of (n) or NULL: the block's session each of the n sequences belongs to; probes
 * "reset", "update", "cand", "write" (rows of all sequences of the watched session, H).  The
 * cell must have update_keeps false. */
struct tensor *op_augru(struct tape *t, const struct gru_cell *c, struct tensor *att,
                        enum augru_form form, const int32_t *row, const int32_t *of,
                        const int32_t *off, int32_t n);

/* ---- Over the rows of sequences (ops_seg.c).  off (n+1) as above. ---- */
/* each column over each session's rows */
struct tensor *op_seg_softmax(struct tape *t, struct tensor *x, const int32_t *off, int32_t n);
/* (n,D): sum of w_r x_r; w (R,1), NULL = 1 */
struct tensor *op_seg_sum(struct tape *t, struct tensor *w, struct tensor *x,
                          const int32_t *off, int32_t n);
/* (R,D): row r = mean of rows off[s]..r */
struct tensor *op_seg_mean(struct tape *t, struct tensor *x, const int32_t *off, int32_t n);

/* Messages in packed session graphs: y_s = A_s x_s.  x (M,D), M = node_off[n]; A_s (m,m)
 * row-major at adj + adj_off[s], a constant.  Li et al. 2016 as used by Wu et al. 2019
 * (SR-GNN). */
struct tensor *op_graph(struct tape *t, const float *adj, const int32_t *adj_off,
                        struct tensor *x, const int32_t *node_off, int32_t n);

/* ---- Windows of exactly `len` rows: x (n*len, D) (ops_cnn.c).  Tang & Wang 2018 (Caser),
 * eq. 2-6. ---- */
enum pool_kind { POOL_MAX, POOL_MEAN };
/* Horizontal filters f (k,height,D), bias (k): act(<rows i..i+height-1, f> + bias) at every
 * place i, then the largest (first on ties; only it gets gradient) or the mean ->
 * (n,k).  Probes of the watched window: "act" (k, len-height+1), "win" (k): the place. */
struct tensor *op_convmax(struct tape *t, struct tensor *x, int32_t len, struct tensor *f,
                          struct tensor *bias, enum act act, enum pool_kind pool);
/* Vertical filters f (k,len), bias (k) or NULL: V_k = sum_l f[k,l] row_l + bias[k], no
 * activation -> (n, k*D), filter by filter. */
struct tensor *op_convcol(struct tape *t, struct tensor *x, int32_t len, struct tensor *f,
                          struct tensor *bias);

/* ---- Latent variables (ops_latent.c).  ms (R,2K): mean and s side by side; s is cut to
 * [-10,5] first. ---- */
enum latent_form {
    LATENT_HALF,  /* s = log variance: sigma = exp(s/2), KL = 1/2 sum(e^s + mu^2 - 1 - s) */
    LATENT_MIXED, /* sigma = exp(s) with the same KL: SVAE's released code */
    LATENT_EXACT, /* s = log sigma: sigma = exp(s), KL = sum(-s + 1/2 (e^2s + mu^2 - 1)) */
};
/* z = mu + sigma * eps -> (R,K).  draw false: z = mu.  noise (R,K) without filler: these
 * eps; NULL: drawn, element from row0. Probes while a session is watched: "mu", "sigma",
 * "eps" (R,K).  Kingma & Welling 2014. */
struct tensor *op_sample(struct tape *t, struct tensor *ms, enum latent_form form, bool draw,
                         const real *noise);
/* (1): sum over rows of weight[r] * KL_r (weight NULL = 1).  prior (R,2K), log variances: KL
 * between the two normals (form LATENT_HALF); NULL: the standard normal.  Probe "kl" (R,K):
 * each dimension's part. */
struct tensor *op_kl(struct tape *t, struct tensor *ms, struct tensor *prior,
                     enum latent_form form, const float *weight);

#endif
