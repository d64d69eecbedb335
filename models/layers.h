/* The two layers that most models are made of.  dense: y = drop(act(x W + b)), W (in,out);
 * norm: LayerNorm over a row.  Each stands under its own name in the list of ops. */
#ifndef MODELS_LAYERS_H
#define MODELS_LAYERS_H

#include "engine/train/model.h"

struct dense {
    const struct param *w, *b;
};
struct norm {
    const struct param *gamma, *beta;
    float eps;
};

static inline struct tensor *dense(struct tape *t, const char *name, const struct dense *p,
                                   struct tensor *x, enum act act, float drop)
{
    tape_push(t, "%s", name);
    x = op_linear(t, x, tape_param(t, p->w), tape_param(t, p->b), act, drop);
    tape_pop(t);
    return x;
}

static inline struct tensor *norm(struct tape *t, const char *name, const struct norm *p,
                                  struct tensor *x)
{
    tape_push(t, "%s", name);
    x = op_layernorm(t, x, tape_param(t, p->gamma), tape_param(t, p->beta), p->eps);
    tape_pop(t);
    return x;
}

/* gamma of ones, beta of zeros, (d) each, under these names; weight decay leaves them alone. */
static inline struct norm norm_declare(struct params *ps, const char *gamma, const char *beta,
                                       int32_t d, float eps)
{
    return (struct norm){params_add(ps, gamma, 1, &d, INIT_ONE, 0, PARAM_NO_DECAY),
                         params_add(ps, beta, 1, &d, INIT_ZERO, 0, PARAM_NO_DECAY), eps};
}

#endif
