/* The flag by which one thread asks another to give up slow work.  It carries no data, so
 * relaxed order is enough; what was half done is handed over by the join or the lock that
 * follows.  Signal handlers may set it too. */
#ifndef ENGINE_BASE_CANCEL_H
#define ENGINE_BASE_CANCEL_H

#include <stdbool.h>
#include <stddef.h>

static inline bool cancel_asked(const volatile bool *flag) /* NULL: never */
{
    return flag && __atomic_load_n(flag, __ATOMIC_RELAXED);
}
static inline void cancel_set(volatile bool *flag, bool on)
{
    __atomic_store_n(flag, on, __ATOMIC_RELAXED);
}

#endif
