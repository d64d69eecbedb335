/* The one random number that needs libm; see rng.h. */
#include "engine/base/rng.h"

#include <math.h>

float rng_normal(struct rng_key k, uint32_t element)
{
    double u = ((double)rng_u32(k, 2 * element) + 0.5) * 0x1p-32;
    double v = (double)rng_u32(k, 2 * element + 1) * 0x1p-32;
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}
