/* Tensors by path: "item.E[45]", "block2.attn.prob[head=1]": parameters of the viewed model,
 * else probes of a forward pass of the typed sequence.  Parameters are shown in their own
 * layout without filler. */
#ifndef APP_CMD_TENSOR_PATH_H
#define APP_CMD_TENSOR_PATH_H

#include "app/app.h"
#include "engine/tensor/stats.h"

struct tensor_view {
    char name[80];
    int32_t nd, d[TENSOR_MAX_DIM]; /* after the index: what is left */
    int32_t full_nd, full[TENSOR_MAX_DIM];
    int64_t n;
    float *x; /* (n) packed; heap, tensor_view_done frees */
    int64_t step;
    bool is_param;
};
MUST_CHECK enum status tensor_get(struct app *a, const char *path, struct tensor_view *out,
                                  struct err *err);
void tensor_view_done(struct tensor_view *v);
MUST_CHECK enum status tensor_stat(struct app *a, const char *path, enum stat_kind stat,
                                   double *out, struct err *err);
/* '*' any part; NULL or "" matches all */
bool name_matches(const char *pattern, const char *name);

#endif
