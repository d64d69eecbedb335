/* Published copies of parameters; see weights.h. */
#include "engine/train/learner_work.h"
#include "engine/train/weights.h"

#include <stdlib.h>
#include <string.h>

struct own {
    struct weights pub;            /* first: a struct weights * is one of these */
    atomic_int refs;               /* acq_rel on the way down */
    struct learner_shared *shared; /* a reference */
    real *block;
    void *self;
};

enum status weights_of(struct weights **out, const struct learner *l, struct err *err)
{
    *out = NULL;
    struct own *o = calloc(1, sizeof *o);
    if (!o)
        return err_nomem(err, sizeof *o, "published weights");
    atomic_init(&o->refs, 1);
    size_t bytes = params_size(l->ps) * sizeof(real);
    o->self = malloc(l->model->self_size ? l->model->self_size : 1);
    o->shared = shared_ref(l->work->shared);
    o->block = shared_block(o->shared);
    if (!o->self || (bytes && !o->block)) {
        weights_unref(&o->pub);
        return err_nomem(err, bytes, "published weights");
    }
    memcpy(o->self, l->self, l->model->self_size);
    learner_settle(l, NULL);
    if (bytes)
        memcpy(o->block, l->x, bytes);
    o->pub = (struct weights){.step = l->step,
                              .x = o->block,
                              .ps = l->ps,
                              .model = l->model,
                              .self = o->self,
                              .ds = l->ds,
                              .split = l->split,
                              .seed = l->seed};
    if (l->model->spec)
        l->model->spec(o->self, &o->pub.spec);
    *out = &o->pub;
    return ST_OK;
}

enum status weights_blank(struct weights **out, const struct learner *l, int64_t step, real **x,
                          struct err *err)
{
    enum status st = weights_of(out, l, err);
    if (st == ST_OK) {
        (*out)->step = step;
        *x = ((struct own *)*out)->block;
    }
    return st;
}

struct weights *weights_ref(struct weights *w)
{
    atomic_fetch_add_explicit(&((struct own *)w)->refs, 1, memory_order_relaxed);
    return w;
}

void weights_unref(struct weights *w)
{
    struct own *o = (struct own *)w;
    if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) > 1)
        return;
    shared_give_block(o->shared, o->block);
    shared_unref(o->shared);
    free(o->self);
    free(o);
}

struct learner_shared *weights_shared(const struct weights *w)
{
    return ((const struct own *)w)->shared;
}
