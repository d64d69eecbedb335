/* What turns Caser's features into what is scored, where it is not the paper's one layer: a
 * Transformer block over them, a cloud in a latent space, or both.  These are this program's
 * design, in no paper.  Private to models/caser*.c.
 *
 * Notation of models/caser.c; M tokens a window, K latent dimensions. */
#ifndef MODELS_CASER_TAIL_H
#define MODELS_CASER_TAIL_H

#include "models/layers.h"

enum caser_tail { TAIL_FC, TAIL_VAE, TAIL_TRANSFORMER, TAIL_BOTH };
enum { CASER_MAX_L = 50 };

/* scope.W and scope.b, both U(+-1/sqrt(fan_in)). */
struct dense caser_declare(struct params *ps, struct arena *mem, const char *scope, int nd,
                           const int32_t *d, int32_t outputs, float fan_in);

struct caser_features {                /* of n windows */
    struct tensor *v, *h[CASER_MAX_L]; /* (n,nv d) or NULL; (n,nh) each */
    int32_t heights;
};

/* A pre-norm block; its tokens: a summary, the vertical maps, each height's answers and,
 * with user=1, the user's vector. */
struct caser_mix {
    int32_t d, tokens, heads;
    float drop;
    const struct param *type; /* (M,d): added to each token; the summary is its row alone */
    struct norm ln1, ln2;
    struct dense height[CASER_MAX_L], qkv, o, f1, f2;
};
void caser_mix_declare(struct caser_mix *m, struct params *ps, struct arena *mem, int32_t d,
                       int32_t heads, int32_t nv, int32_t nh, int32_t heights, bool user);
/* (n,d): the summary after the block.  user (n,d) or NULL. */
struct tensor *caser_mix(const struct caser_mix *m, struct tape *t,
                         const struct caser_features *f, struct tensor *user, int32_t n);

/* [mu, s] = e W_m + b_m, s = log variance; zeta = mu + exp(s/2) eps in training, mu in
 * answers; g = tanh(zeta W_g + b_g). */
struct caser_latent {
    struct dense ms, dec;
    bool sample; /* answers are drawn too */
    double beta_cap, beta_steps;
};
void caser_latent_declare(struct caser_latent *m, struct params *ps, struct arena *mem,
                          int32_t d, int32_t k);
/* (n,d): g.  *ms (n,2K), for the divergence. */
struct tensor *caser_latent(const struct caser_latent *m, struct tape *t, struct tensor *e,
                            struct tensor **ms);
/* (1): sum over windows of weight * KL from the standard normal; weight NULL = 1. */
struct tensor *caser_divergence(struct tape *t, struct tensor *ms, const float *weight);
/* of the update after `step` others */
double caser_beta(const struct caser_latent *m, int64_t step);

#endif
