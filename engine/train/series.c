/* Curves; see series.h.  Points lie in chunks of doubling size (256, 512, ...), which never
 * move: the writer needs no lock to append.  Merging gives the oldest quarter of them to a
 * flat list of entries, under the lock. */
#include "engine/train/series.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 256, FIRST_LOG2 = 8, CHUNKS = 9 };
enum {
    POINTS =
        FIRST *
        ((1 << 8) -
         1), /* that stand as they came: eight chunks; the ninth is for what comes while a reader holds on */
    SLACK = 8192,
    FOLD = 16384, /* merged at once */
    ENTRIES = 16384,
    FIRST_STRIDE = 4, /* points to an entry, at first */
};

struct point {
    double x, y;
};
struct series {
    char name[40];
    pthread_mutex_t lock; /* recursive; guards the entries and the numbers of points */
    /* points: written by the one writer with release after the point and its chunk */
    atomic_size_t n;
    struct point *chunk[CHUNKS];
    struct series_entry *old; /* (n_old), room for ENTRIES; NULL until the first merge */
    size_t n_old;
    uint32_t stride;
    uint64_t version;
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

static struct point *point_at(const struct series *s, size_t i)
{
    size_t at;
    int c = chunk_of(i, &at);
    return &s->chunk[c][at];
}

enum status series_new(struct series **out, const char *name, struct err *err)
{
    struct series *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return err_nomem(err, sizeof *s, "curve");
    size_t n = strlen(name);
    memcpy(s->name, name, n < sizeof s->name ? n : sizeof s->name - 1);
    pthread_mutexattr_t again;
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &again);
    pthread_mutexattr_destroy(&again);
    atomic_init(&s->n, 0);
    s->stride = FIRST_STRIDE;
    return ST_OK;
}

void series_free(struct series *s)
{
    if (!s)
        return;
    for (int c = 0; c < CHUNKS; c++)
        free(s->chunk[c]);
    free(s->old);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *series_name(const struct series *s)
{
    return s->name;
}

/* ---- merging ---- */

static struct series_entry entry_of(const struct point *p)
{
    bool ok = isfinite(p->y);
    return (struct series_entry){p->x, p->y, ok ? p->y : (double)NAN, ok ? p->y : (double)NAN,
                                 1,    !ok};
}

static void merge(struct series_entry *e, const struct series_entry *next)
{
    double a = e->n - e->bad, b = next->n - next->bad;
    e->y = a == 0 ? next->y : b == 0 ? e->y : (e->y * a + next->y * b) / (a + b);
    e->low = fmin(e->low, next->low); /* of a number and NaN: the number */
    e->high = fmax(e->high, next->high);
    e->x = next->x;
    e->n += next->n;
    e->bad += next->bad;
}

static void halve(struct series *s)
{
    for (size_t i = 0; i + 1 < s->n_old; i += 2) {
        merge(&s->old[i], &s->old[i + 1]);
        s->old[i / 2] = s->old[i];
    }
    if (s->n_old % 2)
        s->old[s->n_old / 2] = s->old[s->n_old - 1];
    s->n_old = (s->n_old + 1) / 2;
    s->stride *= 2;
}

static void fold(struct series *s, size_t n)
{
    if (!s->old && !(s->old = malloc(ENTRIES * sizeof *s->old)))
        return; /* as long as there is slack, then points are lost and it is said */
    while (s->n_old + FOLD / s->stride + 1 > ENTRIES)
        halve(s);
    for (size_t i = 0; i < FOLD; i++) {
        struct series_entry e = entry_of(point_at(s, i));
        if (i % s->stride == 0)
            s->old[s->n_old++] = e;
        else
            merge(&s->old[s->n_old - 1], &e);
    }
    for (size_t i = FOLD; i < n; i++)
        *point_at(s, i - FOLD) = *point_at(s, i);
    atomic_store_explicit(&s->n, n - FOLD, memory_order_release);
    s->version++;
}

bool series_push(struct series *s, double x, double y)
{
    size_t n = atomic_load_explicit(&s->n, memory_order_relaxed), at;
    if (n >= POINTS) {
        bool must = n >= POINTS + SLACK;
        if (must ? pthread_mutex_lock(&s->lock) == 0 : pthread_mutex_trylock(&s->lock) == 0) {
            fold(s, n);
            pthread_mutex_unlock(&s->lock);
            n = atomic_load_explicit(&s->n, memory_order_relaxed);
        }
        if (n >= POINTS + SLACK)
            return false;
    }
    int c = chunk_of(n, &at);
    if (!s->chunk[c]) {
        s->chunk[c] = malloc(((size_t)FIRST << c) * sizeof(struct point));
        if (!s->chunk[c])
            return false;
    }
    s->chunk[c][at] = (struct point){x, y};
    atomic_store_explicit(&s->n, n + 1, memory_order_release);
    return true;
}

/* ---- reading ---- */

void series_hold(const struct series *s)
{
    /* the lock is not part of what is constant */
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&s->lock);
}

void series_release(const struct series *s)
{
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&s->lock);
}

size_t series_len(const struct series *s)
{
    series_hold(s);
    size_t n = s->n_old + atomic_load_explicit(&s->n, memory_order_acquire);
    series_release(s);
    return n;
}

uint64_t series_version(const struct series *s)
{
    series_hold(s);
    uint64_t v = s->version;
    series_release(s);
    return v;
}

bool series_entry(const struct series *s, size_t i, struct series_entry *out)
{
    series_hold(s);
    size_t n = atomic_load_explicit(&s->n, memory_order_acquire);
    bool there = i < s->n_old + n;
    if (there)
        *out = i < s->n_old ? s->old[i] : entry_of(point_at(s, i - s->n_old));
    series_release(s);
    return there;
}

bool series_at(const struct series *s, size_t i, double *x, double *y)
{
    series_hold(s);
    size_t n = atomic_load_explicit(&s->n, memory_order_acquire);
    bool there = i < s->n_old + n;
    if (there && i < s->n_old) {
        *x = s->old[i].x;
        *y = s->old[i].y;
    } else if (there) {
        const struct point *p = point_at(s, i - s->n_old);
        *x = p->x;
        *y = p->y;
    }
    series_release(s);
    return there;
}

bool series_last(const struct series *s, double *x, double *y)
{
    series_hold(s);
    size_t n = series_len(s);
    bool there = n > 0 && series_at(s, n - 1, x, y);
    series_release(s);
    return there;
}
