/* Optimisers: one function over a span of floats serves dense blocks, tiles of a table and
 * single rows. */
#ifndef ENGINE_TENSOR_OPTIM_H
#define ENGINE_TENSOR_OPTIM_H

#include "engine/tensor/real.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct optim_step {
    int64_t t;   /* 1 for the first update */
    float lr;    /* after warm-up and decay */
    float decay; /* weight decay of this span (0 for PARAM_NO_DECAY) */
    float clip;  /* factor on the gradient, 1 = none */
    float beta1, beta2, eps, momentum, rho;
    /* 1 - beta1^t and 1 - beta2^t as optim_prepare leaves them; 0: not yet */
    double fix1, fix2;
};
void optim_prepare(struct optim_step *s); /* once for many rows; changes no bit */
struct optim_def {
    const char *name, *title, *doc;
    int n_aux;                   /* arrays beside the weights */
    const char *const *aux_name; /* "m", "v": names in checkpoints */
    float aux_init;              /* start value of the arrays */
    bool rests;                  /* numbers without a gradient stay as they are */
    /* One update of n numbers.  Zeros without gradient stay zeros (a row's filler).  g NULL:
     * an update without gradient. */
    void (*span)(real *x, const real *g, real *const *aux, size_t n,
                 const struct optim_step *s);
};
/* adam (L2 decay into the gradient), adamw (decoupled), bertadam (no bias correction,
 * decoupled; Devlin et al. code), sgd, lazyadam (adam on numbers with a gradient only); adagrad,
 * rmsprop, adadelta (GRU4Rec's, momentum optional).  NULL-terminated. */
extern const struct optim_def *const optim_defs[];
const struct optim_def *optim_find(const char *name); /* NULL = none */
/* an update reads and writes array k: without momentum GRU4Rec's have no velocity */
bool optim_reads_aux(const struct optim_def *o, const struct optim_step *s, int k);

/* An update without gradient still moves a row (momentum, decay), so rows of a table that no
 * batch reads may put theirs off: brought up to date when they are next read, they go
 * through the same numbers as if they had been updated every time.  optim_idle: no number
 * moves without a gradient, and nothing has to be made up for. */
bool optim_idle(const struct optim_def *o, const struct optim_step *s);
/* Updates done+1 .. now without gradient; the settings of update t are past[t % n_past]. */
void optim_catch_up(const struct optim_def *o, real *x, real *const *aux, size_t n,
                    const struct optim_step *past, int32_t n_past, int64_t done, int64_t now);

#endif
