/* Kept steps; see history.h.  A short sorted list under a lock held for a few instructions:
 * the trainer adds, the screen and the explorer take references. */
#include "engine/train/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct weights *w;
    bool marked;
};
struct history {
    pthread_mutex_t lock; /* guards all below */
    struct kept *k;       /* rising steps */
    int n, max;
    size_t budget, bytes_each;
    /* kept evenly beyond the powers of two; doubles when the room is full */
    int64_t every;
};

enum status history_new(struct history **out, size_t budget_bytes, int max_steps,
                        struct err *err)
{
    *out = NULL;
    struct history *h = calloc(1, sizeof *h);
    if (!h)
        return err_nomem(err, sizeof *h, "kept steps");
    h->max = max_steps < 4 ? 4 : max_steps;
    h->k = calloc((size_t)h->max + 1, sizeof *h->k);
    if (!h->k) {
        free(h);
        return err_nomem(err, (unsigned long long)max_steps * sizeof(struct kept),
                         "kept steps");
    }
    h->budget = budget_bytes;
    h->every = 16;
    pthread_mutex_init(&h->lock, NULL);
    *out = h;
    return ST_OK;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (int i = 0; i < h->n; i++)
        weights_unref(h->k[i].w);
    pthread_mutex_destroy(&h->lock);
    free(h->k);
    free(h);
}

static bool power_of_two(int64_t step)
{
    return step >= 0 && (step & (step - 1)) == 0;
}

bool history_due(const struct history *h, int64_t step)
{
    /* the lock is not part of what is constant */
    struct history *m = (struct history *)(uintptr_t)h;
    pthread_mutex_lock(&m->lock);
    bool due = power_of_two(step) || step % m->every == 0;
    pthread_mutex_unlock(&m->lock);
    return due;
}

/* Every second of the unmarked goes, but for the first, the last and the powers of two while
 * others remain. */
static void thin(struct history *h)
{
    h->every *= 2;
    int n = 0, gone = 0;
    for (int i = 0; i < h->n; i++) {
        int64_t step = h->k[i].w->step;
        bool keep = i == 0 || i == h->n - 1 || h->k[i].marked || power_of_two(step) ||
                    step % h->every == 0;
        if (keep)
            h->k[n++] = h->k[i];
        else {
            weights_unref(h->k[i].w);
            gone++;
        }
    }
    h->n = n;
    /* only powers left: the oldest but the first */
    for (int i = 1; gone == 0 && i + 1 < h->n;) {
        if (h->k[i].marked) {
            i++;
            continue;
        }
        weights_unref(h->k[i].w);
        memmove(&h->k[i], &h->k[i + 1], (size_t)(h->n - i - 1) * sizeof *h->k);
        h->n--;
        gone++;
    }
}

void history_keep(struct history *h, struct weights *w)
{
    pthread_mutex_lock(&h->lock);
    h->bytes_each = params_size(w->ps) * sizeof(real) + 4096;
    while (h->n >= 3 && (h->n >= h->max || (size_t)(h->n + 1) * h->bytes_each > h->budget)) {
        int before = h->n;
        thin(h);
        if (h->n == before)
            break;
    }
    int at = h->n;
    while (at > 0 && h->k[at - 1].w->step > w->step)
        at--;
    /* the same step again, after going back: the newer counts */
    if (at > 0 && h->k[at - 1].w->step == w->step) {
        weights_unref(h->k[at - 1].w);
        h->k[at - 1].w = weights_ref(w);
    } else if (h->n < h->max) {
        memmove(&h->k[at + 1], &h->k[at], (size_t)(h->n - at) * sizeof *h->k);
        h->k[at] = (struct kept){.w = weights_ref(w)};
        h->n++;
    }
    pthread_mutex_unlock(&h->lock);
}

void history_mark(struct history *h, int64_t step)
{
    pthread_mutex_lock(&h->lock);
    for (int i = 0; i < h->n; i++)
        h->k[i].marked |= h->k[i].w->step == step;
    pthread_mutex_unlock(&h->lock);
}

bool history_marked(const struct history *h, int64_t step)
{
    struct history *m = (struct history *)(uintptr_t)h;
    bool marked = false;
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->n; i++)
        marked |= m->k[i].w->step == step && m->k[i].marked;
    pthread_mutex_unlock(&m->lock);
    return marked;
}

int history_steps(const struct history *h, int64_t *out, int max)
{
    struct history *m = (struct history *)(uintptr_t)h;
    pthread_mutex_lock(&m->lock);
    int n = m->n;
    for (int i = 0; i < n && i < max; i++)
        out[i] = m->k[i].w->step;
    pthread_mutex_unlock(&m->lock);
    return n;
}

static struct weights *find(const struct history *h, int64_t step, bool exact)
{
    struct history *m = (struct history *)(uintptr_t)h;
    struct weights *w = NULL;
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->n && m->k[i].w->step <= step; i++)
        if (!exact || m->k[i].w->step == step)
            w = m->k[i].w;
    if (w)
        weights_ref(w);
    pthread_mutex_unlock(&m->lock);
    return w;
}

struct weights *history_at(const struct history *h, int64_t step)
{
    return find(h, step, true);
}

struct weights *history_nearest(const struct history *h, int64_t step)
{
    return find(h, step, false);
}
