/* Vectors of `real`, as wide as this build's processor level has them, and the functions on
 * them.  Included by kernels.c only, once for each level.
 *
 * GCC vector extensions, so gcc and clang, x86 and others read the same text.  The width
 * follows the flags: a vector wider than the registers compiles to memory traffic, an order
 * of magnitude slower. */
#ifndef ENGINE_TENSOR_VEC_H
#define ENGINE_TENSOR_VEC_H

#include "engine/tensor/kernels.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__) && !defined(SEQLAB_DOUBLE)
#include <immintrin.h>
#define VEC_X86 1
#else
#define VEC_X86 0
#endif

#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX2__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif
#define VW     ((int)(VEC_BYTES / sizeof(real))) /* numbers in a vector; divides TENSOR_ROW */
#define INLINE static inline __attribute__((always_inline))

#ifdef SEQLAB_DOUBLE
typedef int64_t lane_int;
typedef uint64_t lane_uint;
#else
typedef int32_t lane_int;
typedef uint32_t lane_uint;
#endif
typedef real vr __attribute__((vector_size(VEC_BYTES)));
typedef lane_int vi __attribute__((vector_size(VEC_BYTES)));
typedef lane_uint vu __attribute__((vector_size(VEC_BYTES)));
/* As it lies in memory: at any float's address (heads begin in the middle of a row). */
typedef real vmem __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));

INLINE vr vload(const real *p)
{
    return *(const vmem *)p;
}
INLINE void vstore(real *p, vr v)
{
    *(vmem *)p = v;
}
INLINE vr vset(real a)
{
    return (vr){0} + a;
}
INLINE vi viset(lane_int a)
{
    return (vi){0} + a;
}
/* The first k < VW numbers; the others zero.  For spans without filler behind them. */
INLINE vr vload_n(const real *p, size_t k)
{
    vr v = {0};
    memcpy(&v, p, k * sizeof(real));
    return v;
}
INLINE void vstore_n(real *p, vr v, size_t k)
{
    memcpy(p, &v, k * sizeof(real));
}
INLINE vi viota(void)
{
    vi v;
    for (int i = 0; i < VW; i++)
        v[i] = i;
    return v;
}
INLINE vr vpick(vi mask, vr yes, vr no)
{
    return (vr)((mask & (vi)yes) | (~mask & (vi)no));
}
/* Keeps lanes of columns j.. below n, zero elsewhere: NaN in a row's filler never counts. */
INLINE vr vcut(vr v, int32_t j, int32_t n)
{
    return (vr)((vi)v & (viota() < viset(n - j)));
}
INLINE vu vsign_bit(void)
{
    return ((vu){0} + 1) << (8 * sizeof(real) - 1);
}
INLINE vr vabs(vr x)
{
    return (vr)((vu)x & ~vsign_bit());
}
/* In v[0..VW-1], rows become columns: swaps the blocks off the diagonal, of half the size
 * each time.  Not defined for compilers without the shuffle (gcc before 12). */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector) && !defined(SEQLAB_DOUBLE)
#define VEC_TURN             1
#define VEC_LOW(e, s)        ((e) & (s) ? VW + (e) - (s) : (e))
#define VEC_HIGH(e, s)       ((e) & (s) ? VW + (e) : (e) + (s))
#define VEC_LANES4(of, e, s) of(e, s), of((e) + 1, s), of((e) + 2, s), of((e) + 3, s)
#if VEC_BYTES == 64
#define VEC_LANES(of, s)                                                                       \
    VEC_LANES4(of, 0, s), VEC_LANES4(of, 4, s), VEC_LANES4(of, 8, s), VEC_LANES4(of, 12, s)
#elif VEC_BYTES == 32
#define VEC_LANES(of, s) VEC_LANES4(of, 0, s), VEC_LANES4(of, 4, s)
#else
#define VEC_LANES(of, s) VEC_LANES4(of, 0, s)
#endif
#define VEC_SWAP(v, s)                                                                         \
    for (int i_ = 0; i_ < VW; i_++)                                                            \
        if (!(i_ & (s))) {                                                                     \
            vr a_ = (v)[i_], b_ = (v)[i_ + (s)];                                               \
            (v)[i_] = __builtin_shufflevector(a_, b_, VEC_LANES(VEC_LOW, s));                  \
            (v)[i_ + (s)] = __builtin_shufflevector(a_, b_, VEC_LANES(VEC_HIGH, s));           \
        }
INLINE void vturn(vr *v)
{
#if VEC_BYTES >= 64
    VEC_SWAP(v, 8)
#endif
#if VEC_BYTES >= 32
    VEC_SWAP(v, 4)
#endif
    VEC_SWAP(v, 2)
    VEC_SWAP(v, 1)
}
#endif
#endif

/* Maximum, minimum and root have one instruction each, which the vector extensions do not
 * reach.  Where a is NaN the result is b. */
#if VEC_X86 && VEC_BYTES == 64
#define VEC_OP(op, ...) ((vr)_mm512_##op(__VA_ARGS__))
typedef __m512 vec_x86;
#elif VEC_X86 && VEC_BYTES == 32
#define VEC_OP(op, ...) ((vr)_mm256_##op(__VA_ARGS__))
typedef __m256 vec_x86;
#elif VEC_X86
#define VEC_OP(op, ...) ((vr)_mm_##op(__VA_ARGS__))
typedef __m128 vec_x86;
#endif
INLINE vr vmax(vr a, vr b)
{
#if VEC_X86
    return VEC_OP(max_ps, (vec_x86)a, (vec_x86)b);
#else
    return vpick(a > b, a, b);
#endif
}
INLINE vr vmin(vr a, vr b)
{
#if VEC_X86
    return VEC_OP(min_ps, (vec_x86)a, (vec_x86)b);
#else
    return vpick(a < b, a, b);
#endif
}
INLINE vr vclamp(vr x, real lo, real hi) /* a NaN stays: it is the second operand */
{
    return vmin(vset(hi), vmax(vset(lo), x));
}
INLINE vr vsqrt(vr x)
{
#if VEC_X86
    return VEC_OP(sqrt_ps, (vec_x86)x);
#else
    for (int i = 0; i < VW; i++)
        x[i] = (real)sqrt((double)x[i]);
    return x;
#endif
}

#ifdef SEQLAB_DOUBLE
#define LOWEST ((real)-1e300)
#else
#define LOWEST ((real)-3.0e38f)
#endif /* where a maximum begins */

/* Sums and maxima over lanes by halving: one order at every call. */
#if VEC_X86
/* the vector folded to four lanes; what: 0 sum, 1 maximum */
INLINE __m128 half128(vr v, const int what)
{
#if VEC_BYTES == 64
    __m256 a = _mm512_castps512_ps256((__m512)v), b = _mm512_extractf32x8_ps((__m512)v, 1);
    __m256 y = what ? _mm256_max_ps(a, b) : _mm256_add_ps(a, b);
#elif VEC_BYTES == 32
    __m256 y = (__m256)v;
#endif
#if VEC_BYTES >= 32
    __m128 c = _mm256_castps256_ps128(y), d = _mm256_extractf128_ps(y, 1);
    return what ? _mm_max_ps(c, d) : _mm_add_ps(c, d);
#else
    (void)what;
    return (__m128)v;
#endif
}
INLINE real vsum(vr v)
{
    __m128 x = half128(v, 0);
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
INLINE real vmaximum(vr v)
{
    __m128 x = half128(v, 1);
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}
#else
INLINE real vsum(vr v)
{
    real a[VEC_BYTES / sizeof(real)];
    memcpy(a, &v, sizeof v);
    for (int w = VW / 2; w; w /= 2)
        for (int i = 0; i < w; i++)
            a[i] += a[i + w];
    return a[0];
}
INLINE real vmaximum(vr v)
{
    real a[VEC_BYTES / sizeof(real)];
    memcpy(a, &v, sizeof v);
    for (int w = VW / 2; w; w /= 2)
        for (int i = 0; i < w; i++)
            a[i] = a[i] > a[i + w] ? a[i] : a[i + w];
    return a[0];
}
#endif

#ifdef SEQLAB_DOUBLE
/* The double build serves gradient checks: exact functions, lane by lane. */
#define VEC_LANES(name, expr)                                                                  \
    INLINE vr name(vr v)                                                                       \
    {                                                                                          \
        for (int i = 0; i < VW; i++) {                                                         \
            double x = v[i];                                                                   \
            v[i] = (expr);                                                                     \
        }                                                                                      \
        return v;                                                                              \
    }
VEC_LANES(vexp, exp(x))
VEC_LANES(vlog, log(x))
VEC_LANES(vtanh, tanh(x))
VEC_LANES(vsigmoid, 1 / (1 + exp(-x)))
VEC_LANES(vnormal_cdf, 0.5 * erfc(-x * 0.70710678118654752440))
VEC_LANES(vsoftplus, (x > 0 ? x : x < 0 ? 0 : x) + log1p(exp(-fabs(x))))

INLINE vr vkeep(struct rng_key key, uint32_t element, uint32_t below, real kept)
{
    vr v;
    for (int i = 0; i < VW; i++)
        v[i] = rng_u32(key, element + (uint32_t)i) >> 8 >= below ? kept : 0;
    return v;
}
#else
/* 2^k, k -252..254, as the product of two powers: the range of each fits an exponent field. */
INLINE vr vscale2(vr p, vr k)
{
#if VEC_X86 && VEC_BYTES == 64
    return VEC_OP(scalef_ps, (__m512)p, (__m512)k);
#else
    vi i = __builtin_convertvector(k, vi), h = i >> 1;
    vr a = (vr)((vu)(h + 127) << 23), b = (vr)((vu)(i - h + 127) << 23);
    return p * a * b;
#endif
}

/* exp, error below 2 units in the last place; 0 below -104, infinity above 88.73, NaN stays. */
INLINE vr vexp(vr x)
{
    const vr magic = vset(12582912.0f); /* 1.5 * 2^23: adding it rounds to whole numbers */
    x = vclamp(x, -104.0f, 89.0f);
    vr t = x * 1.44269504f + magic;
    vr k = t - magic;
    vr f = x - k * 0.693359375f; /* ln 2 in two parts, the first exact in few bits */
    f = f - k * -2.12194440e-4f;
    vr p = vset(1.3814611008e-3f);
    p = p * f + 8.3687100357e-3f;
    p = p * f + 4.1668387396e-2f;
    p = p * f + 1.66665206876e-1f;
    p = p * f + 4.99999934515e-1f;
    p = p * (f * f) + f + 1.0f;
    return vscale2(p, k);
}

/* log for normal numbers (Cephes' polynomial); log 0 = -infinity, of negative numbers and
 * NaN: NaN. */
INLINE vr vlog(vr x)
{
    vi bits = (vi)x;
    vi e = ((bits >> 23) & 255) - 126;
    vr m = (vr)((bits & 0x007fffff) | 0x3f000000); /* 0.5 .. 1 */
    vi small = m < vset(0.707106781f);
    e += small; /* a true lane is -1 */
    m = m + (vr)((vi)m & small) - 1.0f;
    vr k = __builtin_convertvector(e, vr), z = m * m;
    vr p = vset(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vr y = p * m * z;
    y = y + k * -2.12194440e-4f;
    y = y - 0.5f * z;
    vr r = m + y;
    r = r + k * 0.693359375f;
    const float inf = __builtin_inff(), nan = __builtin_nanf("");
    r = vpick(x == vset(inf), x, r);
    r = vpick(x == (vr){0}, vset(-inf), r);
    return vpick((x < (vr){0}) | (x != x), vset(nan), r);
}

INLINE vr vsigmoid(vr x)
{
    return 1.0f / (1.0f + vexp(-x));
}

INLINE vr vtanh(vr x) /* Cephes: a polynomial near 0, else by exp */
{
    vr z = vabs(x), s = x * x;
    vr p = vset(-5.70498872745e-3f);
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    p = p * s * x + x;
    vr big = 1.0f - 2.0f / (vexp(z + z) + 1.0f);
    big = (vr)((vu)big | ((vu)x & vsign_bit()));
    return vpick(z < vset(0.625f), p, big);
}

/* Distribution function of the standard normal, 1/2 erfc(-x / sqrt 2), with erfc(z) e^(z^2)
 * as a polynomial in 1 / (1 + 0.3 z) fitted for relative error 2e-8: right in the lower tail
 * too. */
INLINE vr vnormal_cdf(vr x)
{
    vr z = vabs(x) * 0.707106781f;
    vr t = 1.0f / (1.0f + 0.3f * z);
    vr p = vset(-0.12925517186557461f);
    p = p * t + 0.4841538732525227f;
    p = p * t - 0.5090965026286091f;
    p = p * t + 0.5437025341141348f;
    p = p * t - 0.0915516600010638f;
    p = p * t + 0.21343282703473043f;
    p = p * t + 0.1487774135117383f;
    p = p * t + 0.17064369684220027f;
    p = p * t + 0.1691929705628621f;
    vr half_erfc = 0.5f * t * p * vexp(x * x * -0.5f);
    return vpick(x > (vr){0}, 1.0f - half_erfc, half_erfc);
}

/* max(x,0) + log1p(e^-|x|); log1p(e) = 2 artanh(e / (2 + e)), a series in (e / (2 + e))^2 <=
 * 1/9. */
INLINE vr vsoftplus(vr x)
{
    vr e = vexp(-vabs(x)), s = e / (2.0f + e), z = s * s;
    vr p = vset(0.14089170143339524f);
    p = p * z + 0.13980301471966236f;
    p = p * z + 0.20012455079092392f;
    p = p * z + 0.33333157346555786f;
    p = p * z + 1.0f;
    return vpick(x > (vr){0}, x, (vr){0}) + 2.0f * s * p;
}

INLINE vu vmix(vu x) /* rng_mix32 */
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* Lanes element, element + 1, ...: `kept` where rng_uniform(key, .) >= p, else 0; below =
 * ceil(p 2^24). */
INLINE vr vkeep(struct rng_key key, uint32_t element, uint32_t below, real kept)
{
    vu h = vmix(vmix((vu)viota() + (element + key.k0)) ^ key.k1);
    vi keep = (vi)(h >> 8) >= viset((int32_t)below);
    return (vr)((vi)vset(kept) & keep);
}
#endif

#endif
