/* Gradient checks: what backward says against central differences of the forward pass,
 * signed, on sampled coordinates and along random directions. */
#ifndef TESTS_SUPPORT_GRAD_H
#define TESTS_SUPPORT_GRAD_H

#include "engine/tensor/ops.h"

enum { GRAD_MAX_ARG = 8 };
struct grad_arg { /* one input, drawn from N(0, scale) */
    const char *name;
    int nd;
    int32_t d[TENSOR_MAX_DIM];
    uint32_t flags; /* param_flag; PARAM_FROZEN: takes no gradient */
    float scale;    /* 0: 0.7 */
};
struct grad_case {
    const char *name;
    int n_arg;
    struct grad_arg arg[GRAD_MAX_ARG];
    /* The output, of any shape, from the inputs as tensors (in) or as tables (p).  NULL: the
     * case is the loss terms it added itself. */
    struct tensor *(*build)(struct tape *t, struct tensor *const *in,
                            const struct param *const *p, const void *ctx);
    const void *ctx;
    float tol; /* factor on the tolerance; 0: 1 */
};
/* Runs the case with the inputs as parameters, as tensors whose gradient the op is the first
 * to write, and as tensors that have one already.  Also: forward only gives the same bits,
 * the gradient's filler is zero, backward twice adds twice. */
void grad_check(const struct grad_case *c);

#endif
