/* Optimisers: one function over a span of floats serves dense blocks, tiles of a table and single rows. */
#ifndef ENGINE_TENSOR_OPTIM_H
#define ENGINE_TENSOR_OPTIM_H

#include "engine/tensor/real.h"
#include <stdbool.h>
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
    /* One update of n numbers.  Zeros without gradient stay zeros (a row's filler).  g NULL: an update without gradient. */
    void (*span)(real *x, const real *g, real *const *aux, size_t n, const struct optim_step *s);
};
/* adam (L2 decay into the gradient), adamw (decoupled), bertadam (no bias correction, decoupled; Devlin et al. code),
 * adagrad (GRU4Rec's, momentum optional), sgd, lazyadam (adam on numbers with a gradient only).  NULL-terminated. */
extern const struct optim_def *const optim_defs[];
const struct optim_def *optim_find(const char *name); /* NULL = none */

/* Rows of a table that had no gradient are brought up to date when they are next read.  An update without gradient still
 * moves a row (momentum, decay); optim_idle says when it does not, and rows need no catching up at all. */
bool optim_idle(const struct optim_def *o, const struct optim_step *s);
/* Momentum that is older than this moves nothing a float can hold: such updates are left out (never under decay). */
enum { OPTIM_MEMORY = 256 };
/* Updates done+1 .. now without gradient for one row, whose last gradient came with update `last` (<= done).  What an
 * update does depends on t and last alone, so settling rows early or often (to publish, to save) changes no bit.
 * at: the settings of update t. */
void optim_catch_up(const struct optim_def *o, real *x, real *const *aux, size_t n, int64_t last, int64_t done, int64_t now,
                    struct optim_step (*at)(const void *ctx, int64_t t), const void *ctx);

#endif
