/* Curves that only grow; see series.h.  Chunk sizes double (256, 512, ...), so a table of pointers of fixed size is enough and a
 * chunk, once there, never moves: a reader needs nothing but the length. */
#include "engine/train/series.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 256, FIRST_LOG2 = 8, CHUNKS = 32 };

struct point {
    double x, y;
};
struct series {
    char name[40];
    atomic_size_t len;             /* written by the one writer with release after the point and its chunk */
    struct point *chunk[CHUNKS];
};

/* Chunk c holds FIRST << c points and begins at FIRST * (2^c - 1). */
static int chunk_of(size_t i, size_t *at)
{
    size_t k = (i >> FIRST_LOG2) + 1;
    int c = 0;
    while (k >> (c + 1))
        c++;
    *at = i - (((size_t)FIRST << c) - FIRST);
    return c;
}

enum status series_new(struct series **out, const char *name, struct err *err)
{
    struct series *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return err_nomem(err, sizeof *s, "curve");
    size_t n = strlen(name);
    memcpy(s->name, name, n < sizeof s->name ? n : sizeof s->name - 1);
    atomic_init(&s->len, 0);
    return ST_OK;
}

void series_free(struct series *s)
{
    if (!s)
        return;
    for (int c = 0; c < CHUNKS; c++)
        free(s->chunk[c]);
    free(s);
}

const char *series_name(const struct series *s)
{
    return s->name;
}

bool series_push(struct series *s, double x, double y)
{
    size_t n = atomic_load_explicit(&s->len, memory_order_relaxed), at;
    int c = chunk_of(n, &at);
    if (c >= CHUNKS)
        return false;
    if (!s->chunk[c]) {
        s->chunk[c] = malloc(((size_t)FIRST << c) * sizeof(struct point));
        if (!s->chunk[c])
            return false;
    }
    s->chunk[c][at] = (struct point){x, y};
    atomic_store_explicit(&s->len, n + 1, memory_order_release);
    return true;
}

size_t series_len(const struct series *s)
{
    return atomic_load_explicit(&s->len, memory_order_acquire);
}

bool series_at(const struct series *s, size_t i, double *x, double *y)
{
    if (i >= series_len(s))
        return false;
    size_t at;
    int c = chunk_of(i, &at);
    *x = s->chunk[c][at].x;
    *y = s->chunk[c][at].y;
    return true;
}

bool series_last(const struct series *s, double *x, double *y)
{
    size_t n = series_len(s);
    return n > 0 && series_at(s, n - 1, x, y);
}
