/* The vector code of one processor level; the Makefile builds this file once for each
 * (KERNEL_ISA).  Which level runs is chosen in kernels_choose.c.
 *
 * Two rules hold for everything here.  A pass writes whole groups of TENSOR_ROW columns and
 * leaves the filler zero. A row is computed by the same operations in the same order
 * wherever it stands, so its bits are its own. */
#include "engine/tensor/kernels_isa.h"
#include "engine/tensor/kernels_gemm.h"
#include "engine/tensor/kernels_head.h"
#include "engine/tensor/vec.h"

static void transpose(const real *x, size_t ldx, int32_t rows, int32_t cols, real *y,
                      size_t ldy)
{
    for (int32_t i = 0, full = row_ld(rows); i < full; i += VW) {
        const int32_t n = rows - i < 0 ? 0 : rows - i < VW ? rows - i : VW;
        int32_t j = 0;
#ifdef VEC_TURN
        for (; j + VW <= cols; j += VW) {
            vr v[VW];
            for (int32_t r = 0; r < VW; r++)
                v[r] = r < n ? vload(x + (size_t)(i + r) * ldx + j) : (vr){0};
            vturn(v);
            for (int32_t r = 0; r < VW; r++)
                vstore(y + (size_t)(j + r) * ldy + i, v[r]);
        }
#endif
        for (; j < cols; j++) {
            real *out = y + (size_t)j * ldy + i;
            const real *in = x + (size_t)i * ldx + j;
            for (int32_t r = 0; r < n; r++)
                out[r] = in[(size_t)r * ldx];
            for (int32_t r = n; r < VW; r++)
                out[r] = 0;
        }
    }
}

/* ---- dropout and activations ---- */

struct keeper { /* a struct dropout made ready: keep when rng_u32 >> 8 >= below */
    struct rng_key key;
    uint32_t below;
    real kept; /* 1/(1-p) */
    int on;
};

static struct keeper keeper(const struct dropout *drop)
{
    struct keeper k = {.on = drop && drop->p > 0};
    if (k.on) {
        k.key = drop->key;
        k.below = (uint32_t)ceilf(drop->p * 0x1p24f);
        k.kept = (real)1 / ((real)1 - (real)drop->p);
    }
    return k;
}

/* Factors of columns j.. of the row whose first element is `first`. */
INLINE vr keep_at(struct keeper k, uint32_t first, int32_t j)
{
    return vkeep(k.key, first + (uint32_t)j, k.below, k.kept);
}

#define GELU_C ((real)0.79788456080286535588) /* sqrt(2 / pi) */
#define GELU_A ((real)0.044715)

INLINE vr act_value(vr x, const enum act act)
{
    switch (act) {
    case ACT_NONE:
        return x;
    case ACT_RELU:
        return vpick(x < (vr){0}, (vr){0}, x); /* a NaN stays */
    case ACT_GELU:
        return x * vnormal_cdf(x);
    case ACT_TANH:
        return vtanh(x);
    case ACT_SIGMOID:
        return vsigmoid(x);
    case ACT_ELU:
        return vpick(x < (vr){0}, vexp(x) - 1, x);
    case ACT_GELU_TANH:
        return x * vsigmoid(2 * GELU_C * (x + GELU_A * x * x * x));
    }
    return x;
}

/* Derivative from the output y (before dropout), for the two GELUs from the input pre. */
INLINE vr act_slope(vr y, vr pre, const enum act act)
{
    switch (act) {
    case ACT_NONE:
        break;
    case ACT_RELU:
        return vpick(y > (vr){0}, vset(1), (vr){0});
    case ACT_GELU:
        return vnormal_cdf(pre) +
               pre * ((real)0.39894228040143267794 * vexp(pre * pre * (real)-0.5));
    case ACT_TANH:
        return 1 - y * y;
    case ACT_SIGMOID:
        return y * (1 - y);
    case ACT_ELU:
        return vpick(y < (vr){0}, y + 1, vset(1));
    case ACT_GELU_TANH: {
        vr s = vsigmoid(2 * GELU_C * (pre + GELU_A * pre * pre * pre));
        return s + pre * s * (1 - s) * (2 * GELU_C * (1 + 3 * GELU_A * pre * pre));
    }
    }
    return vset(1);
}

INLINE void bias_act_rows(const real *x, const real *bias, const enum act act, struct keeper k,
                          int32_t row0, int32_t rows, int32_t n, size_t ld, real *y)
{
    const int32_t full = row_ld(n);
    for (int32_t i = 0; i < rows; i++, x += ld, y += ld) {
        uint32_t first = ((uint32_t)row0 + (uint32_t)i) * (uint32_t)n;
        for (int32_t j = 0; j < full; j += VW) {
            vr v = vload(x + j);
            if (bias)
                v += vload(bias + j);
            v = act_value(v, act);
            if (act == ACT_SIGMOID) /* the only one that is not 0 at 0 */
                v = vcut(v, j, n);
            if (k.on)
                v *= keep_at(k, first, j);
            vstore(y + j, v);
        }
    }
}

/* One loop an activation, with the activation known when it is compiled. */
#define EACH_ACT(act, call)                                                                    \
    switch (act) {                                                                             \
    case ACT_NONE:                                                                             \
        call(ACT_NONE);                                                                        \
        break;                                                                                 \
    case ACT_RELU:                                                                             \
        call(ACT_RELU);                                                                        \
        break;                                                                                 \
    case ACT_GELU:                                                                             \
        call(ACT_GELU);                                                                        \
        break;                                                                                 \
    case ACT_TANH:                                                                             \
        call(ACT_TANH);                                                                        \
        break;                                                                                 \
    case ACT_SIGMOID:                                                                          \
        call(ACT_SIGMOID);                                                                     \
        break;                                                                                 \
    case ACT_ELU:                                                                              \
        call(ACT_ELU);                                                                         \
        break;                                                                                 \
    case ACT_GELU_TANH:                                                                        \
        call(ACT_GELU_TANH);                                                                   \
        break;                                                                                 \
    }

static void bias_act(const real *x, const real *bias, enum act act, const struct dropout *drop,
                     int32_t row0, int32_t rows, int32_t n, size_t ld, real *y)
{
    const struct keeper k = keeper(drop);
#define CALL(a) bias_act_rows(x, bias, a, k, row0, rows, n, ld, y)
    EACH_ACT(act, CALL)
#undef CALL
}

static void colsum(const real *x, int32_t rows, int32_t n, size_t ld, real *out)
{
    const int32_t full = row_ld(n);
    enum { AT_ONCE = TENSOR_ROW / VW };
    for (int32_t j = 0; j < full; j += TENSOR_ROW) {
        vr s[AT_ONCE] = {{0}};
        const real *p = x + j;
        for (int32_t i = 0; i < rows; i++, p += ld)
            for (int q = 0; q < AT_ONCE; q++)
                s[q] += vload(p + q * VW);
        for (int q = 0; q < AT_ONCE; q++)
            vstore(out + j + q * VW, vload(out + j + q * VW) + vcut(s[q], j + q * VW, n));
    }
}

INLINE void bias_act_back_rows(const real *gy, const real *y, const real *pre,
                               const enum act act, struct keeper k, int32_t row0, int32_t rows,
                               int32_t n, size_t ld, real *gx)
{
    const int32_t full = row_ld(n);
    const real unscale = k.on ? 1 / k.kept : 1;
    const int use_y =
        act == ACT_RELU || act == ACT_TANH || act == ACT_SIGMOID || act == ACT_ELU;
    const int use_pre = act == ACT_GELU || act == ACT_GELU_TANH;
    for (int32_t i = 0; i < rows; i++) {
        size_t at = (size_t)i * ld;
        uint32_t first = ((uint32_t)row0 + (uint32_t)i) * (uint32_t)n;
        for (int32_t j = 0; j < full; j += VW) {
            vr g = vload(gy + at + (size_t)j);
            if (k.on)
                g *= keep_at(k, first, j);
            if (use_y || use_pre) {
                vr out = use_y ? vload(y + at + (size_t)j) * unscale : (vr){0};
                vr in = use_pre ? vload(pre + at + (size_t)j) : (vr){0};
                g *= act_slope(out, in, act);
            }
            vstore(gx + at + (size_t)j, g);
        }
    }
}

static void bias_act_back(const real *gy, const real *y, const real *pre, enum act act,
                          const struct dropout *drop, int32_t row0, int32_t rows, int32_t n,
                          size_t ld, real *gx, real *gbias)
{
    const struct keeper k = keeper(drop);
#define CALL(a) bias_act_back_rows(gy, y, pre, a, k, row0, rows, n, ld, gx)
    EACH_ACT(act, CALL)
#undef CALL
    if (gbias)
        colsum(gx, rows, n, ld, gbias);
}

static void dropout(const real *x, const struct dropout *drop, int32_t row0, int32_t rows,
                    int32_t n, size_t ld, real *y)
{
    bias_act(x, NULL, ACT_NONE, drop, row0, rows, n, ld, y);
}

static void dropout_lower(const real *x, const struct dropout *drop, int32_t row0, int32_t rows,
                          int32_t n, size_t ld, real *y)
{
    const struct keeper k = keeper(drop);
    for (int32_t i = 0; i < rows; i++, x += ld, y += ld) {
        uint32_t first = ((uint32_t)row0 + (uint32_t)i) * (uint32_t)n;
        for (int32_t j = 0; j <= i && j < n; j += VW)
            vstore(y + j, k.on ? vload(x + j) * keep_at(k, first, j) : vload(x + j));
    }
}

static void residual(const real *x, const real *y, const struct dropout *drop, int32_t row0,
                     int32_t rows, int32_t n, size_t ld, real *out)
{
    const struct keeper k = keeper(drop);
    const int32_t full = row_ld(n);
    for (int32_t i = 0; i < rows; i++, x += ld, y += ld, out += ld) {
        uint32_t first = ((uint32_t)row0 + (uint32_t)i) * (uint32_t)n;
        for (int32_t j = 0; j < full; j += VW) {
            vr v = vload(y + j);
            if (k.on)
                v *= keep_at(k, first, j);
            vstore(out + j, vload(x + j) + v);
        }
    }
}

/* ---- spans ---- */

/* out[j] = body of x[j], y[j] over a span of any length; a and b are vectors. */
#define SPAN(n, body)                                                                          \
    do {                                                                                       \
        size_t j_ = 0;                                                                         \
        for (; j_ + VW <= (n); j_ += VW) {                                                     \
            vr a = vload(x + j_), b = vload(y + j_);                                           \
            vstore(out + j_, body);                                                            \
        }                                                                                      \
        if (j_ < (n)) {                                                                        \
            vr a = vload_n(x + j_, (n)-j_), b = vload_n(y + j_, (n)-j_);                       \
            vstore_n(out + j_, body, (n)-j_);                                                  \
        }                                                                                      \
    } while (0)

static void add(const real *x, const real *y, real *out, size_t n)
{
    SPAN(n, a + b);
}

static void mul(const real *x, const real *y, real *out, size_t n)
{
    SPAN(n, a * b);
}

/* Spans of a recurrent state: n is a multiple of TENSOR_ROW (whole rows). */
static void mix(const real *w, const real *a, const real *b, real *out, size_t n)
{
    for (size_t j = 0; j < n; j += VW) {
        vr from = vload(a + j);
        vstore(out + j, from + vload(w + j) * (vload(b + j) - from));
    }
}

static void mix_back(const real *g, const real *w, const real *a, const real *b, size_t n,
                     real *gw, real *ga, real *gb)
{
    for (size_t j = 0; j < n; j += VW) {
        vr up = vload(g + j), share = up * vload(w + j);
        vr d = up * (vload(b + j) - vload(a + j));
        vstore(gb + j, share);
        vstore(ga + j, up - share);
        vstore(gw + j, d);
    }
}

static void axpy(real c, const real *x, real *y, int32_t n)
{
    real *out = y;
    SPAN((size_t)n, b + c * a);
}

static void scale(real c, const real *x, real *y, size_t n)
{
    size_t j = 0;
    for (; j + VW <= n; j += VW)
        vstore(y + j, c * vload(x + j));
    if (j < n)
        vstore_n(y + j, c * vload_n(x + j, n - j), n - j);
}

INLINE void act_span(const real *x, const enum act act, real *y, size_t n)
{
    size_t j = 0;
    for (; j + VW <= n; j += VW)
        vstore(y + j, act_value(vload(x + j), act));
    if (j < n)
        vstore_n(y + j, act_value(vload_n(x + j, n - j), act), n - j);
}

static void act_all(const real *x, enum act act, real *y, size_t n){
#define CALL(a) act_span(x, a, y, n)
    EACH_ACT(act, CALL)
#undef CALL
}

INLINE real dot_span(const real *x, const real *y, int32_t n)
{
    vr s = {0};
    int32_t j = 0;
    for (; j + VW <= n; j += VW)
        s += vload(x + j) * vload(y + j);
    if (j < n)
        s += vload_n(x + j, (size_t)(n - j)) * vload_n(y + j, (size_t)(n - j));
    return vsum(s);
}

static real dot(const real *x, const real *y, int32_t n)
{
    return dot_span(x, y, n);
}

/* ---- layer normalisation ---- */

static void layernorm(const real *x, const real *gamma, const real *beta, float eps,
                      int32_t rows, int32_t n, size_t ld, real *y, real *xhat, real *rstd)
{
    const int32_t full = row_ld(n);
    const real inv_n = (real)1 / (real)n;
    for (int32_t i = 0; i < rows; i++, x += ld, y += ld, xhat += ld) {
        vr s = {0};
        for (int32_t j = 0; j < full; j += VW)
            s += vload(x + j);
        const vr mean = vset(vsum(s) * inv_n);
        vr q = {0};
        for (int32_t j = 0; j < full; j += VW) {
            vr d = vcut(vload(x + j) - mean, j, n);
            q += d * d;
        }
        real var = vsum(q) * inv_n + (real)eps;
#ifdef SEQLAB_DOUBLE
        const real r = 1 / sqrt(var);
#else
        const real r = 1 / sqrtf(var);
#endif
        rstd[i] = r;
        for (int32_t j = 0; j < full; j += VW) {
            vr h = vcut(vload(x + j) - mean, j, n) * r;
            vstore(xhat + j, h);
            vstore(y + j, h * vload(gamma + j) + vload(beta + j));
        }
    }
}

static void layernorm_back(const real *gy, const real *gamma, const real *xhat,
                           const real *rstd, int32_t rows, int32_t n, size_t ld, real *gx,
                           real *ggamma, real *gbeta, int accumulate)
{
    const int32_t full = row_ld(n);
    const real inv_n = (real)1 / (real)n;
    const real *g = gy, *h = xhat;
    for (int32_t i = 0; i < rows; i++, g += ld, h += ld, gx += ld) {
        vr s1 = {0}, s2 = {0};
        for (int32_t j = 0; j < full; j += VW) {
            vr t = vload(g + j) * vload(gamma + j);
            s1 += t;
            s2 += t * vload(h + j);
        }
        const vr m1 = vset(vsum(s1) * inv_n), m2 = vset(vsum(s2) * inv_n);
        const real r = rstd[i];
        for (int32_t j = 0; j < full; j += VW) {
            vr t = vload(g + j) * vload(gamma + j) - m1 - vload(h + j) * m2;
            t = vcut(t, j, n) * r;
            vstore(gx + j, accumulate ? vload(gx + j) + t : t);
        }
    }
    enum { AT_ONCE = TENSOR_ROW / VW };
    for (int32_t j = 0; j < full; j += TENSOR_ROW) {
        vr sg[AT_ONCE] = {{0}}, sb[AT_ONCE] = {{0}};
        g = gy + j;
        h = xhat + j;
        for (int32_t i = 0; i < rows; i++, g += ld, h += ld)
            for (int q = 0; q < AT_ONCE; q++) {
                vr v = vload(g + q * VW);
                sb[q] += v;
                sg[q] += v * vload(h + q * VW);
            }
        for (int q = 0; q < AT_ONCE; q++) {
            int32_t at = j + q * VW;
            vstore(ggamma + at, vload(ggamma + at) + vcut(sg[q], at, n));
            vstore(gbeta + at, vload(gbeta + at) + vcut(sb[q], at, n));
        }
    }
}

/* ---- softmax ---- */

/* Largest of columns 0..n-1; NaN are passed over here and come out of the exponentials. */
INLINE real row_max(const real *x, int32_t n)
{
    vr top = vset(LOWEST);
    int32_t j = 0;
    for (; j + VW <= n; j += VW)
        top = vmax(vload(x + j), top);
    if (j < n) {
        vr v = vload_n(x + j, (size_t)(n - j));
        top = vmax(vpick(viota() < viset(n - j), v, top), top);
    }
    return vmaximum(top);
}

static void softmax_rows(real *x, int32_t rows, int32_t n, size_t ld, float scale_, int causal,
                         int32_t zero_to)
{
    const real c = (real)scale_;
    for (int32_t i = 0; i < rows; i++, x += ld) {
        const int32_t m = causal && i + 1 < n ? i + 1 : n;
        const vr shift = vset(row_max(x, m) * c);
        vr s = {0};
        int32_t j = 0;
        for (; j + VW <= m; j += VW) {
            vr e = vexp(vload(x + j) * c - shift);
            vstore(x + j, e);
            s += e;
        }
        if (j < m) {
            vr e = vcut(vexp(vcut(vload(x + j), j, m) * c - shift), j, m);
            vstore(x + j, e);
            s += e;
            j += VW;
        }
        const real inv = 1 / vsum(s);
        for (int32_t q = 0; q < j; q += VW)
            vstore(x + q, vload(x + q) * inv);
        int32_t end = row_ld(m) > row_ld(zero_to) ? row_ld(m) : row_ld(zero_to);
        for (; j < end; j += VW)
            vstore(x + j, (vr){0});
    }
}

static void softmax_back(const real *p, real *g, const struct dropout *drop, int32_t row0,
                         int32_t rows, int32_t n, size_t ld, float scale_, int causal)
{
    const struct keeper k = keeper(drop);
    const real c = (real)scale_;
    for (int32_t i = 0; i < rows; i++, p += ld, g += ld) {
        const int32_t m = causal && i + 1 < n ? i + 1 : n, full = row_ld(m);
        const uint32_t first = ((uint32_t)row0 + (uint32_t)i) * (uint32_t)n;
        vr s = {0};
        for (int32_t j = 0; j < full; j += VW) {
            vr d = vcut(vload(g + j), j, m);
            if (k.on)
                d *= keep_at(k, first, j);
            vstore(g + j, d);
            s += d * vload(p + j);
        }
        const vr mean = vset(vsum(s));
        for (int32_t j = 0; j < full; j += VW)
            vstore(g + j, vcut(vload(p + j) * (vload(g + j) - mean) * c, j, m));
        for (int32_t j = full; j < row_ld(n); j += VW)
            vstore(g + j, (vr){0});
    }
}

static real logsumexp(const real *x, int32_t n)
{
    const real top = row_max(x, n);
    vr s = {0};
    int32_t j = 0;
    for (; j + VW <= n; j += VW)
        s += vexp(vload(x + j) - top);
    if (j < n)
        s += vcut(vexp(vload_n(x + j, (size_t)(n - j)) - top), j, n);
#ifdef SEQLAB_DOUBLE
    return top + log(vsum(s));
#else
    return top + logf(vsum(s));
#endif
}

/* ---- Adam ---- */

struct adam_rates {
    real lr, b1, b2, eps, clip, l2;
};

INLINE void adam_step(vr *x, vr g, vr *m, vr *v, const struct adam_rates r)
{
    g = g * r.clip + *x * r.l2;
    *m = *m * r.b1 + g * (1 - r.b1);
    *v = *v * r.b2 + g * g * (1 - r.b2);
    *x -= *m * r.lr / (vsqrt(*v) + r.eps);
}

static void adam(real *x, const real *g, real *m, real *v, size_t n, float lr_t, float b1,
                 float b2, float eps_t, float clip, float l2)
{
    /* eps 0 and a filler of zeros: 0 / tiny, not 0 / 0 */
    const struct adam_rates r = {(real)lr_t, (real)b1, (real)b2, (real)eps_t + (real)1e-37f,
                                 (real)clip, (real)l2};
    size_t j = 0;
    for (; j + VW <= n; j += VW) {
        vr vx = vload(x + j), vm = vload(m + j), vv = vload(v + j);
        adam_step(&vx, g ? vload(g + j) : (vr){0}, &vm, &vv, r);
        vstore(x + j, vx);
        vstore(m + j, vm);
        vstore(v + j, vv);
    }
    if (j < n) {
        size_t k = n - j;
        vr vx = vload_n(x + j, k), vm = vload_n(m + j, k), vv = vload_n(v + j, k);
        adam_step(&vx, g ? vload_n(g + j, k) : (vr){0}, &vm, &vv, r);
        vstore_n(x + j, vx, k);
        vstore_n(m + j, vm, k);
        vstore_n(v + j, vv, k);
    }
}

/* ---- GRU4Rec's optimisers: numbers whose gradient is zero rest, decay and velocity too ---- */

INLINE void coast(vr *x, vr g, vr *vel, vr step, const struct optim_rates *r)
{
    const vr v = *vel * r->momentum - step - *x * (r->lr * r->decay);
    const vi hit = g != (vr){0};
    *vel = vpick(hit, v, *vel);
    *x = vpick(hit, *x + v, *x);
}

INLINE void adagrad_step(vr *x, vr g, vr *const *aux, const struct optim_rates *r)
{
    const vr d = g * r->clip;
    *aux[0] += d * d;
    coast(x, g, aux[1], d * r->lr / vsqrt(*aux[0] + r->eps), r);
}

INLINE void rmsprop_step(vr *x, vr g, vr *const *aux, const struct optim_rates *r)
{
    const vr d = g * r->clip, acc = *aux[0] * r->rho + d * d * (1 - r->rho);
    *aux[0] = vpick(g != (vr){0}, acc, *aux[0]);
    coast(x, g, aux[1], d * r->lr / vsqrt(acc + r->eps), r);
}

INLINE void adadelta_step(vr *x, vr g, vr *const *aux, const struct optim_rates *r)
{
    const vi hit = g != (vr){0};
    const vr d = g * r->clip, acc = *aux[0] * r->rho + d * d * (1 - r->rho);
    const vr scale = (*aux[2] + r->eps) / (acc + r->eps);
    const vr upd = *aux[2] * r->rho + scale * d * d * (1 - r->rho);
    *aux[0] = vpick(hit, acc, *aux[0]);
    *aux[2] = vpick(hit, upd, *aux[2]);
    coast(x, g, aux[1], d * r->lr * vsqrt(scale), r);
}

INLINE vr get(const real *p, size_t k)
{
    return k == VW ? vload(p) : vload_n(p, k);
}
INLINE void put(real *p, vr v, size_t k)
{
    if (k == VW)
        vstore(p, v);
    else
        vstore_n(p, v, k);
}

#define GRU_OPTIMISER(name, n_aux)                                                             \
    INLINE void name##_lanes(real *x, const real *g, real *const *aux, size_t j, size_t k,     \
                             const struct optim_rates *r, const int coasts)                    \
    {                                                                                          \
        vr vx = get(x + j, k), a[3] = {{0}};                                                   \
        for (int i = 0; i < (n_aux); i++)                                                      \
            if (i != AUX_VELOCITY || coasts)                                                   \
                a[i] = get(aux[i] + j, k);                                                     \
        name##_step(&vx, get(g + j, k), (vr *const[]){&a[0], &a[1], &a[2]}, r);                \
        put(x + j, vx, k);                                                                     \
        for (int i = 0; i < (n_aux); i++)                                                      \
            if (i != AUX_VELOCITY || coasts)                                                   \
                put(aux[i] + j, a[i], k);                                                      \
    }                                                                                          \
    static void name(real *x, const real *g, real *const *aux, size_t n,                       \
                     const struct optim_rates *rates)                                          \
    {                                                                                          \
        struct optim_rates r = *rates;                                                         \
        r.eps += (real)1e-37f; /* eps 0 and a filler of zeros: not 0 / 0 */                    \
        const int coasts = r.momentum != 0;                                                    \
        size_t j = 0;                                                                          \
        for (; !coasts && j + VW <= n; j += VW)                                                \
            name##_lanes(x, g, aux, j, VW, &r, 0);                                             \
        for (; j + VW <= n; j += VW)                                                           \
            name##_lanes(x, g, aux, j, VW, &r, 1);                                             \
        if (j < n)                                                                             \
            name##_lanes(x, g, aux, j, n - j, &r, coasts);                                     \
    }
GRU_OPTIMISER(adagrad, 2)
GRU_OPTIMISER(rmsprop, 2)
GRU_OPTIMISER(adadelta, 3)

#define NAME_(isa) kernels_##isa
#define NAME(isa)  NAME_(isa)
#define TEXT_(isa) #isa
#define TEXT(isa)  TEXT_(isa)

const struct kernels NAME(KERNEL_ISA) = {
    .name = TEXT(KERNEL_ISA),
    .gemm = gemm_own,
    .transpose = transpose,
    .bias_act = bias_act,
    .bias_act_back = bias_act_back,
    .layernorm = layernorm,
    .layernorm_back = layernorm_back,
    .softmax_rows = softmax_rows,
    .softmax_back = softmax_back,
    .logsumexp = logsumexp,
    .dot = dot,
    .axpy = axpy,
    .scale = scale,
    .add = add,
    .mul = mul,
    .mix = mix,
    .mix_back = mix_back,
    .dropout = dropout,
    .dropout_lower = dropout_lower,
    .residual = residual,
    .act = act_all,
    .colsum = colsum,
    .adam = adam,
    .adagrad = adagrad,
    .rmsprop = rmsprop,
    .adadelta = adadelta,
    .pick_dot = pick_dot,
    .pick_back = pick_back,
    .col_stats = col_stats,
    .col_exp = col_exp,
    .softplus_sum = softplus_sum,
    .rank_loss = rank_loss,
    .score_act = score_act,
    .score_act_back = score_act_back,
};
