/* Drawing items: even, or by popularity^alpha in constant time (alias table).  Built by one
 * thread, read by all. */
#ifndef ENGINE_DATA_NEGATIVES_H
#define ENGINE_DATA_NEGATIVES_H

#include "engine/base/rng.h"
#include "engine/base/status.h"
#include <stdbool.h>
#include <stdint.h>

/* then an unwanted item is accepted: a user may own the whole catalogue */
enum { NEG_TRIES = 50 };

struct negatives;
MUST_CHECK enum status negatives_new(struct negatives **out,
                                     const int64_t *pop /* [0..n_items] */, int32_t n_items,
                                     struct err *err);
void negatives_free(struct negatives *t);
/* odds of item i: pop[i]^alpha; alpha 0: every item alike, also those without events. */
void negatives_alpha(struct negatives *t, float alpha);
/* u: 32 even bits; an item 1..n_items */
int32_t negatives_draw(const struct negatives *t, uint32_t u);
/* k draws with elements element..element + k*64-1 of the key.  avoid, taken: bit sets over
 * items, or NULL; what is drawn is put into taken and not drawn twice. */
void negatives_fill(const struct negatives *t, struct rng_key key, uint32_t element, int32_t k,
                    const uint64_t *avoid, uint64_t *taken, int32_t *out);
/* [0..n_items] alpha ln pop, 0 where pop is 0 */
const float *negatives_logq(const struct negatives *t);
/* [0..n_items] ln pop, 0 where pop is 0 */
const float *negatives_logpop(const struct negatives *t);

static inline bool bit_get(const uint64_t *set, int32_t i)
{
    return set[i >> 6] >> (i & 63) & 1;
}
static inline void bit_put(uint64_t *set, int32_t i)
{
    set[i >> 6] |= (uint64_t)1 << (i & 63);
}
static inline void bit_drop(uint64_t *set, int32_t i)
{
    set[i >> 6] &= ~((uint64_t)1 << (i & 63));
}

#endif
