/* Random numbers without a state: a number is a hash of (seed, step, site,
 * element).  Nothing has to be stored or advanced, so the numbers are the same for any
 * thread count, in replays and when stepping. The data worlds use their own xoshiro256**
 * (data/world.h), as their definition demands. */
#ifndef ENGINE_BASE_RNG_H
#define ENGINE_BASE_RNG_H

#include <stdint.h>

struct rng_key {
    uint32_t k0, k1;
};

static inline uint64_t rng_mix64(uint64_t x) /* finaliser of splitmix64 */
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline uint32_t rng_mix32(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* Site: the name of the place that draws ("block1.attn.drop"), as FNV-1a 64. */
static inline uint64_t rng_site(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h;
}

static inline struct rng_key rng_key(uint64_t seed, int64_t step, uint64_t site)
{
    uint64_t h = rng_mix64(seed + 0x9e3779b97f4a7c15u);
    h = rng_mix64(h ^ (uint64_t)step * 0xd1342543de82ef95u);
    h = rng_mix64(h ^ site);
    return (struct rng_key){.k0 = (uint32_t)h, .k1 = (uint32_t)(h >> 32)};
}

/* 32 even bits for this element.  kernels.h has the same function for vectors. */
static inline uint32_t rng_u32(struct rng_key k, uint32_t element)
{
    return rng_mix32(rng_mix32(element + k.k0) ^ k.k1);
}

/* [0,1), multiples of 2^-24 */
static inline float rng_uniform(struct rng_key k, uint32_t element)
{
    return (float)(rng_u32(k, element) >> 8) * 0x1p-24f;
}

static inline uint32_t rng_below(struct rng_key k, uint32_t element, uint32_t n) /* 0..n-1 */
{
    return (uint32_t)((uint64_t)rng_u32(k, element) * n >> 32);
}

/* Standard normal by Box-Muller; uses elements 2e and 2e+1. */
float rng_normal(struct rng_key k, uint32_t element);

#endif
