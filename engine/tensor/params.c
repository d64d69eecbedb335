/* Declarations of parameters, blocks of their values, and the drawing of initial values; see
 * params.h. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MADV_HUGEPAGE */
#include "engine/tensor/params.h"

#include "engine/base/sha256.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define MAX_SIZE                                                                               \
    ((size_t)1 << 34) /* numbers in a block: far past any memory this is meant for */

struct params {
    struct param **p;
    int n, cap;
    size_t size;
    struct arena *mem; /* handles and names */
    struct err bad;    /* first mistake of params_add */
    struct param harmless;
};

enum status params_new(struct params **out, struct err *err)
{
    *out = NULL;
    struct params *ps = calloc(1, sizeof *ps);
    if (!ps)
        return err_nomem(err, sizeof *ps, "parameters");
    enum status st = arena_new(&ps->mem, 0, err);
    if (st != ST_OK) {
        free(ps);
        return st;
    }
    ps->harmless = (struct param){
        .name = "", .nd = 1, .d = {1}, .ld = TENSOR_ROW, .flags = PARAM_FROZEN, .index = -1};
    *out = ps;
    return ST_OK;
}

void params_free(struct params *ps)
{
    if (!ps)
        return;
    arena_free(ps->mem);
    free(ps->p);
    free(ps);
}

static struct param *refuse(struct params *ps, enum status code, const char *name,
                            const char *why)
{
    if (ps->bad.code == ST_OK)
        err_set(&ps->bad, code, "parameter %s: %s", name, why);
    return &ps->harmless;
}

struct param *params_add(struct params *ps, const char *name, int nd, const int32_t *d,
                         enum init_kind init, float scale, uint32_t flags)
{
    if (nd < 1 || nd > TENSOR_MAX_DIM)
        return refuse(ps, ST_SHAPE, name, "needs 1 to 4 dimensions");
    if (params_find(ps, name))
        return refuse(ps, ST_ARG, name, "declared twice");
    size_t rows = 1;
    for (int i = 0; i < nd; i++) {
        if (d[i] < 1)
            return refuse(ps, ST_SHAPE, name, "every dimension must be at least 1");
        if (i + 1 < nd)
            rows *= (size_t)d[i];
        if (rows > MAX_SIZE)
            return refuse(ps, ST_SHAPE, name, "too large");
    }
    size_t ld = ((size_t)d[nd - 1] + TENSOR_ROW - 1) / TENSOR_ROW * TENSOR_ROW;
    if (ld > MAX_SIZE / rows || rows * ld > MAX_SIZE - ps->size)
        return refuse(ps, ST_SHAPE, name, "too large");

    struct param *p = arena_alloc(ps->mem, sizeof *p);
    char *copy = arena_strdup(ps->mem, name);
    if (ps->n == ps->cap && p && copy) {
        int cap = ps->cap ? 2 * ps->cap : 32;
        struct param **more = realloc(ps->p, (size_t)cap * sizeof(*more));
        if (!more)
            return refuse(ps, ST_NOMEM, name, "no memory");
        ps->p = more;
        ps->cap = cap;
    }
    if (!p || !copy)
        return refuse(ps, ST_NOMEM, name, "no memory");
    p->name = copy;
    p->nd = nd;
    memcpy(p->d, d, (size_t)nd * sizeof *d);
    p->ld = (int32_t)ld;
    p->at = ps->size;
    p->flags = flags;
    p->init = init;
    p->scale = scale;
    p->index = ps->n;
    ps->p[ps->n++] = p;
    ps->size += rows * ld;
    return p;
}

/* ---- Initial values ---- */

/* Orthonormal rows or columns, whichever are fewer: Gram-Schmidt, twice, in double (Saxe et
 * al. 2014). */
static enum status draw_orthogonal(const struct param *p, struct rng_key key, real *x,
                                   struct err *err)
{
    size_t rows = param_rows(p), cols = (size_t)param_cols(p);
    bool by_row = rows <= cols;
    size_t m = by_row ? rows : cols, len = by_row ? cols : rows; /* m vectors of length len */
    double *q = malloc(m * len * sizeof *q);
    if (!q)
        return err_nomem(err, m * len * sizeof *q, "an orthogonal start");
    for (size_t i = 0; i < m; i++) {
        double *v = q + i * len;
        for (size_t j = 0; j < len; j++)
            v[j] = (double)rng_normal(key, (uint32_t)(by_row ? i * cols + j : j * cols + i));
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < i; k++) {
                double s = 0;
                for (size_t j = 0; j < len; j++)
                    s += v[j] * q[k * len + j];
                for (size_t j = 0; j < len; j++)
                    v[j] -= s * q[k * len + j];
            }
        double s = 0;
        for (size_t j = 0; j < len; j++)
            s += v[j] * v[j];
        s = s > 0 ? 1 / sqrt(s) : 0;
        for (size_t j = 0; j < len; j++)
            v[j] *= s;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            x[r * (size_t)p->ld + c] =
                (real)((double)p->scale * (by_row ? q[r * len + c] : q[c * len + r]));
    free(q);
    return ST_OK;
}

static float draw_one(enum init_kind init, float scale, struct rng_key key, uint32_t e)
{
    switch (init) {
    case INIT_ONE:
        return 1;
    case INIT_CONST:
        return scale;
    case INIT_UNIFORM:
    case INIT_XAVIER:
        return scale * (2 * rng_uniform(key, e) - 1);
    case INIT_NORMAL:
    case INIT_XAVIER_NORMAL:
        return scale * rng_normal(key, e);
    case INIT_TRUNC_NORMAL:
        for (uint32_t again = 0; again < 64;
             again++) { /* 64 refusals: odds of 5 % to the power 64 */
            struct rng_key k = {key.k0 + again * 0x9e3779b9u, key.k1 ^ again};
            float z = rng_normal(k, e);
            if (fabsf(z) <= 2)
                return scale * z;
        }
        return 0;
    case INIT_ZERO:
    case INIT_ORTHOGONAL:
        break;
    }
    return 0;
}

static enum status draw(const struct param *p, uint64_t seed, real *x, struct err *err)
{
    struct rng_key key = rng_key(seed, 0, rng_site(p->name));
    size_t rows = param_rows(p), cols = (size_t)param_cols(p);
    float fan_in = p->fan_in > 0 ? p->fan_in : (float)rows;
    float fan_out = p->fan_out > 0 ? p->fan_out : (float)cols;
    float scale = p->scale;
    if (p->init == INIT_XAVIER)
        scale *= sqrtf(6 / (fan_in + fan_out));
    else if (p->init == INIT_XAVIER_NORMAL)
        scale *= sqrtf(2 / (fan_in + fan_out));
    if (p->init == INIT_ORTHOGONAL) {
        enum status st = draw_orthogonal(p, key, x, err);
        if (st != ST_OK)
            return st;
    } else if (p->init != INIT_ZERO) {
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++)
                x[r * (size_t)p->ld + c] =
                    (real)draw_one(p->init, scale, key, (uint32_t)(r * cols + c));
    }
    if (p->flags & PARAM_ZERO_ROW0)
        memset(x, 0, cols * sizeof *x);
    return ST_OK;
}

enum status params_build(struct params *ps, uint64_t seed, real **values, struct err *err)
{
    *values = NULL;
    if (ps->bad.code != ST_OK)
        return err_set(err, ps->bad.code, "%s", ps->bad.msg);
    real *x = params_block_new(ps);
    if (!x)
        return err_nomem(err, ps->size * sizeof *x, "parameters");
    for (int i = 0; i < ps->n; i++) {
        enum status st = draw(ps->p[i], seed, x + ps->p[i]->at, err);
        if (st != ST_OK) {
            params_block_free(ps, x);
            return st;
        }
    }
    *values = x;
    return ST_OK;
}

/* ---- Blocks ---- */

static size_t block_bytes(const struct params *ps)
{
    size_t page = ps->size * sizeof(real) >= HUGE_PAGE ? HUGE_PAGE : 4096;
    return (ps->size * sizeof(real) + page) / page * page; /* never 0 */
}

real *params_block_new(const struct params *ps)
{
    size_t bytes = block_bytes(ps);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (bytes >= HUGE_PAGE)
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* advice: what it says does not matter */
    return p;
}

void params_block_free(const struct params *ps, real *block)
{
    if (block)
        munmap(block, block_bytes(ps));
}

/* ---- Asking ---- */

int params_n(const struct params *ps)
{
    return ps->n;
}

const struct param *params_at(const struct params *ps, int i)
{
    assert(i >= 0 && i < ps->n);
    return ps->p[i];
}

const struct param *params_find(const struct params *ps, const char *name)
{
    for (int i = 0; i < ps->n; i++)
        if (strcmp(ps->p[i]->name, name) == 0)
            return ps->p[i];
    return NULL;
}

size_t params_size(const struct params *ps)
{
    return ps->size;
}

size_t params_count(const struct params *ps)
{
    size_t n = 0;
    for (int i = 0; i < ps->n; i++) {
        const struct param *p = ps->p[i];
        if (p->flags & (PARAM_STATE | PARAM_FROZEN))
            continue;
        n += (param_rows(p) - (p->flags & PARAM_ZERO_ROW0 ? 1 : 0)) * (size_t)param_cols(p);
    }
    return n;
}

void params_sha256(const struct params *ps, const real *values, char hex[65])
{
    struct sha256 s;
    sha256_init(&s);
    for (int i = 0; i < ps->n; i++) {
        const struct param *p = ps->p[i];
        for (size_t r = 0; r < param_rows(p); r++)
            sha256_add(&s, values + p->at + r * (size_t)p->ld,
                       (size_t)param_cols(p) * sizeof *values);
    }
    uint8_t digest[32];
    sha256_done(&s, digest);
    sha256_hex(digest, hex);
}
