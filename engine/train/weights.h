/* A published copy of a learner's parameters: read-only, counted references, any thread. */
#ifndef ENGINE_TRAIN_WEIGHTS_H
#define ENGINE_TRAIN_WEIGHTS_H

#include "engine/train/learner.h"

struct weights {
    int64_t step;
    const real *x;           /* block in the layout of the learner's params */
    const struct params *ps; /* borrowed from the learner: lives as long as the run */
    const struct model_def *model;
    const void *self; /* copy of the model's settings at that step */
    const struct dataset *ds;
    const struct split *split;
    struct batch_spec spec;
    uint64_t seed;
};
/* a copy, one reference */
MUST_CHECK enum status weights_of(struct weights **out, const struct learner *l,
                                  struct err *err);
/* The same at another step, its values (params_size of them) to be filled in at *x before
 * anyone else sees it. */
MUST_CHECK enum status weights_blank(struct weights **out, const struct learner *l,
                                     int64_t step, real **x, struct err *err);
struct weights *weights_ref(struct weights *w);
void weights_unref(struct weights *w); /* frees at zero; accepts NULL */

#endif
