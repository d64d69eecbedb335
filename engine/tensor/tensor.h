/* What an op works on: a row-major array in the tape's arena, rows padded to TENSOR_ROW with
 * zeros. */
#ifndef ENGINE_TENSOR_TENSOR_H
#define ENGINE_TENSOR_TENSOR_H

#include "engine/tensor/kernels.h"

enum { TENSOR_MAX_DIM = 4 };

struct tensor {
    /* value; gradient, or NULL when nothing below needs it (or before backward) */
    real *x, *g;
    int32_t nd, d[TENSOR_MAX_DIM];
    int32_t node; /* index on the tape */
    /* floats from row to row: last dimension rounded up; the filler is zero */
    int32_t ld;
    int32_t flags; /* private to the tape */
};

/* product of all dimensions but the last */
static inline int32_t tensor_rows(const struct tensor *t)
{
    int32_t r = 1;
    for (int i = 0; i + 1 < t->nd; i++)
        r *= t->d[i];
    return r;
}
/* numbers in memory, filler included */
static inline size_t tensor_size(const struct tensor *t)
{
    return (size_t)tensor_rows(t) * (size_t)t->ld;
}
static inline int32_t tensor_cols(const struct tensor *t)
{
    return t->nd ? t->d[t->nd - 1] : 1;
}

#endif
