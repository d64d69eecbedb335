/* Optimisers: one function over a span of floats serves dense blocks, tiles of a table and single rows. */
#ifndef ENGINE_TENSOR_OPTIM_H
#define ENGINE_TENSOR_OPTIM_H

#include "engine/tensor/real.h"
#include <stddef.h>
#include <stdint.h>

struct optim_step {
    int64_t t;          /* 1 for the first update */
    float lr;           /* after warm-up and decay */
    float decay;        /* weight decay of this span (0 for PARAM_NO_DECAY) */
    float clip;         /* factor on the gradient, 1 = none */
    float beta1, beta2, eps, momentum;
};
struct optim_def {
    const char *name, *title, *doc;
    int n_aux;                        /* arrays beside the weights */
    const char *const *aux_name;      /* "m", "v": names in checkpoints */
    float aux_init;                   /* start value of the arrays */
    /* g NULL: a step without gradient (lazy rows catching up). */
    void (*span)(real *x, const real *g, real *const *aux, size_t n, const struct optim_step *s);
};
/* adam (L2 decay into the gradient), adamw (decoupled), bertadam (no bias correction, decoupled; Devlin et al. code),
 * adagrad (GRU4Rec's, momentum optional), sgd.  NULL-terminated. */
extern const struct optim_def *const optim_defs[];
const struct optim_def *optim_find(const char *name);

#endif
