/* Triple buffer: the writer always has one of three places to write into, the reader always
 * sees the newest complete one, and neither ever waits.  Older pictures are dropped, never
 * torn.  One byte holds the middle place's number and a "new" bit. */
#ifndef ENGINE_TRAIN_TRIPLE_H
#define ENGINE_TRAIN_TRIPLE_H

#include <stdatomic.h>
#include <stdbool.h>

struct triple {
    /* index | TRIPLE_NEW; exchanged by both sides: acquire takes the content in, release
     * hands it over */
    _Atomic unsigned char middle;
    unsigned char write; /* writer's place */
    unsigned char read;  /* reader's place */
};
enum { TRIPLE_NEW = 4 };

static inline void triple_init(struct triple *t)
{
    atomic_init(&t->middle, 1);
    t->write = 0;
    t->read = 2;
}
/* Writer: hands over the place just filled; t->write is then another one. */
static inline void triple_publish(struct triple *t)
{
    unsigned char old = atomic_exchange_explicit(
        &t->middle, (unsigned char)(t->write | TRIPLE_NEW), memory_order_acq_rel);
    t->write = old & 3;
}
/* Reader: true = t->read is now a newer place. */
static inline bool triple_take(struct triple *t)
{
    if (!(atomic_load_explicit(&t->middle, memory_order_relaxed) & TRIPLE_NEW))
        return false;
    unsigned char old = atomic_exchange_explicit(&t->middle, t->read, memory_order_acq_rel);
    t->read = old & 3;
    return true;
}

#endif
