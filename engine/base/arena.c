/* Chunked bump allocation; see arena.h.  Chunks come from mmap, so that they are
 * page-aligned, can ask for huge pages and go back to the system whole. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MADV_HUGEPAGE */
#include "engine/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, PAGE = 4096, MIN_CHUNK = 64 * 1024 };
#define HUGE_PAGE ((size_t)2 << 20)

struct chunk {
    struct chunk *prev;
    size_t size, used; /* bytes after the header; used is a multiple of ALIGN */
};
#define HEADER ((size_t)ALIGN)

struct arena {
    struct chunk *top;
    size_t below, high; /* bytes used in chunks under the top; high-water mark */
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static struct chunk *chunk_new(size_t payload)
{
    if (payload > SIZE_MAX / 2)
        return NULL;
    size_t total = round_up(payload + HEADER, PAGE);
    if (total >= HUGE_PAGE)
        total = round_up(total, HUGE_PAGE);
    char *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (total >= HUGE_PAGE)
        (void)madvise(p, total, MADV_HUGEPAGE); /* advice: what it says does not matter */
    for (size_t i = 0; i < total; i += PAGE)
        p[i] = 0;
    struct chunk *c = (struct chunk *)(void *)p;
    c->prev = NULL;
    c->size = total - HEADER;
    c->used = 0;
    return c;
}

static void chunk_free(struct chunk *c)
{
    munmap(c, c->size + HEADER);
}

enum status arena_new(struct arena **out, size_t reserve, struct err *err)
{
    *out = NULL;
    struct arena *a = calloc(1, sizeof *a);
    if (!a)
        return err_nomem(err, sizeof *a, "arena");
    a->top = chunk_new(reserve < MIN_CHUNK ? MIN_CHUNK : reserve);
    if (!a->top) {
        free(a);
        return err_nomem(err, reserve, "arena");
    }
    *out = a;
    return ST_OK;
}

void *arena_raw(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    size = round_up(size ? size : 1, ALIGN);
    struct chunk *c = a->top;
    if (c->size - c->used < size) {
        size_t want = c->size < size ? size : c->size;
        struct chunk *fresh = chunk_new(want);
        if (!fresh)
            return NULL;
        fresh->prev = c;
        a->below += c->used;
        a->top = c = fresh;
    }
    void *p = (char *)c + HEADER + c->used;
    c->used += size;
    if (a->below + c->used > a->high)
        a->high = a->below + c->used;
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *p = arena_raw(a, size);
    if (p)
        memset(p, 0, size);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = arena_raw(a, n);
    if (p)
        memcpy(p, s, n);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_raw(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

struct arena_mark arena_save(struct arena *a)
{
    return (struct arena_mark){.chunk = a->top, .used = a->top->used};
}

void arena_restore(struct arena *a, struct arena_mark m)
{
    while (a->top != m.chunk) {
        struct chunk *c = a->top;
        a->top = c->prev;
        a->below -= a->top->used;
        chunk_free(c);
    }
    a->top->used = m.used;
}

void arena_reset(struct arena *a)
{
    if (!a->top->prev) {
        a->top->used = 0;
        return;
    }
    struct chunk *merged = chunk_new(a->high);
    while (a->top->prev) {
        struct chunk *c = a->top;
        a->top = c->prev;
        chunk_free(c);
    }
    if (merged) { /* without memory for the merger the first chunk goes on serving */
        chunk_free(a->top);
        a->top = merged;
    }
    a->below = 0;
    a->top->used = 0;
}

size_t arena_used(const struct arena *a)
{
    return a->below + a->top->used;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct chunk *c = a->top, *prev; c; c = prev) {
        prev = c->prev;
        chunk_free(c);
    }
    free(a);
}
