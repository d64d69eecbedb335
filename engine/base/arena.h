/* Arenas: memory that is given back all at once.  Four lifetimes use them: process, run
 * (parameters, data), step (tape and block of a shard) and call (an `arena *mem` argument:
 * the result lives there). An arena belongs to one thread at a time. */
#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H

#include "engine/base/status.h"
#include <stddef.h>

struct arena;
struct arena_mark {
    void *chunk;
    size_t used;
};

/* reserve: bytes to have at hand from the start; over 2 MiB they ask for huge pages.  The
 * pages are touched here, once, so that a steady training step takes no page fault. */
MUST_CHECK enum status arena_new(struct arena **out, size_t reserve, struct err *err);

/* 64-byte aligned, zeroed; NULL when out of memory */
void *arena_alloc(struct arena *a, size_t size);
/* the same, not zeroed: for what is written at once */
void *arena_raw(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct arena_mark arena_save(struct arena *a);
void arena_restore(struct arena *a, struct arena_mark m); /* frees what came after the mark */

/* Empties the arena.  Its chunks are kept, merged into one of the high-water mark, so that
 * the next round of the same size calls no allocator. */
void arena_reset(struct arena *a);
size_t arena_used(const struct arena *a);
void arena_free(struct arena *a); /* accepts NULL */

#endif
