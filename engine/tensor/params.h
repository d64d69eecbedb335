/* Parameters.  A `param` is a declaration; a block is an array of floats that holds all of
 * them, so that copying, publishing and keeping parameters is one memcpy.  Gradient blocks
 * have the same layout. */
#ifndef ENGINE_TENSOR_PARAMS_H
#define ENGINE_TENSOR_PARAMS_H

#include "engine/base/arena.h"
#include "engine/tensor/tensor.h"
#include <stdbool.h>

enum init_kind {
    INIT_ZERO,
    INIT_ONE,
    INIT_CONST,        /* scale */
    INIT_UNIFORM,      /* U(-scale, scale) */
    INIT_NORMAL,       /* N(0, scale) */
    INIT_TRUNC_NORMAL, /* N(0, scale) drawn again beyond 2 scale */
    INIT_XAVIER, /* U(-a, a), a = scale * sqrt(6 / (fan_in + fan_out)); fans: rows and columns, or `fan` */
    INIT_XAVIER_NORMAL, /* N(0, scale * sqrt(2 / (fan_in + fan_out))) */
    INIT_ORTHOGONAL,
};
enum param_flag {
    PARAM_NO_DECAY = 1u << 0,
    PARAM_ROWS = 1u << 1, /* item table: gradients come by rows */
    PARAM_FROZEN = 1u << 2,
    PARAM_STATE = 1u << 3,     /* carried by the run, not trained */
    PARAM_ZERO_ROW0 = 1u << 4, /* row 0 stays exactly zero: no gradient, no decay */
};

struct param {
    const char *name;
    int32_t nd, d[TENSOR_MAX_DIM], ld;
    size_t at; /* in a block: block + at */
    uint32_t flags;
    enum init_kind init;
    float scale;
    float fan_in, fan_out; /* 0: from the shape */
    int32_t index;         /* params_at(ps, index) */
};

struct params;
MUST_CHECK enum status params_new(struct params **out, struct err *err);
void params_free(struct params *ps);

/* Declares; the name is copied; the handle stays valid until params_free; init, scale and
 * fans may be changed through it until params_build.  Out of memory, a name that is taken, a
 * bad shape: the harmless handle of a 1-element parameter that is in no block comes back,
 * and params_build fails and says which. */
struct param *params_add(struct params *ps, const char *name, int nd, const int32_t *d,
                         enum init_kind init, float scale, uint32_t flags);
/* Allocates a block (64-byte aligned, huge pages; free with params_block_free) and draws the
 * initial values: rng key (seed, 0, name), element = index without filler, so a parameter's
 * start depends on its name alone. */
MUST_CHECK enum status params_build(struct params *ps, uint64_t seed, real **values,
                                    struct err *err);
/* zeroed, same layout; NULL when out of memory */
real *params_block_new(const struct params *ps);
void params_block_free(const struct params *ps, real *block);

int params_n(const struct params *ps);
const struct param *params_at(const struct params *ps, int i); /* in order of declaration */
const struct param *params_find(const struct params *ps, const char *name);
size_t params_size(const struct params *ps); /* floats in a block, filler included */
/* weights that training changes: no filler, states, frozen ones, zero rows */
size_t params_count(const struct params *ps);
static inline size_t param_rows(const struct param *p)
{
    size_t r = 1;
    for (int i = 0; i + 1 < p->nd; i++)
        r *= (size_t)p->d[i];
    return r;
}
static inline int32_t param_cols(const struct param *p)
{
    return p->d[p->nd - 1];
}
/* SHA-256 of all values without filler, in order of declaration, as 64 hex digits: "the same
 * bits". */
void params_sha256(const struct params *ps, const real *values, char hex[65]);

#endif
