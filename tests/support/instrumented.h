/* Sanitizers and valgrind make code 5 to 50 times slower and bring allocators of their own:
 * tests of speed, of allocations and of long training ask here. */
#ifndef TESTS_SUPPORT_INSTRUMENTED_H
#define TESTS_SUPPORT_INSTRUMENTED_H

#include <stdbool.h>
#include <stdlib.h>

/* Under valgrind: VALGRIND is set, as by tests/tools/valgrind.sh. */
static inline bool instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
    return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||
           getenv("VALGRIND");
#else
    return getenv("VALGRIND");
#endif
}

/* A time to wait, in ms, of a test whose plain build needs at most ms. */
static inline int patience(int ms)
{
    return instrumented() ? 10 * ms : ms;
}

#endif
