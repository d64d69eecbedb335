/* Single producer, single consumer; see queue.h.  head counts records put in, tail those
 * taken out; each is written by one side only. Release on publishing a count, acquire on
 * reading the other side's, so a record is complete when its count is seen. */
#include "engine/train/queue.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct queue {
    size_t n, record;
    _Alignas(64) atomic_size_t head; /* sender writes */
    _Alignas(64) atomic_size_t tail; /* receiver writes */
    _Alignas(64) unsigned char data[];
};

enum status queue_new(struct queue **out, size_t n, size_t record, struct err *err)
{
    assert(n > 0 && (n & (n - 1)) == 0);
    size_t size = (sizeof(struct queue) + n * record + 63) / 64 * 64;
    struct queue *q = aligned_alloc(64, size);
    *out = q;
    if (!q)
        return err_nomem(err, size, "message queue");
    memset(q, 0, size);
    q->n = n;
    q->record = record;
    atomic_init(&q->head, 0);
    atomic_init(&q->tail, 0);
    return ST_OK;
}

void queue_free(struct queue *q)
{
    free(q);
}

bool queue_push(struct queue *q, const void *r)
{
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    if (head - atomic_load_explicit(&q->tail, memory_order_acquire) == q->n)
        return false;
    memcpy(q->data + (head & (q->n - 1)) * q->record, r, q->record);
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
    return true;
}

bool queue_pop(struct queue *q, void *r)
{
    size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&q->head, memory_order_acquire))
        return false;
    memcpy(r, q->data + (tail & (q->n - 1)) * q->record, q->record);
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return true;
}
