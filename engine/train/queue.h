/* A ring of fixed-size records between one sender thread and one receiver thread.  No lock;
 * full and empty are answers, not waits. */
#ifndef ENGINE_TRAIN_QUEUE_H
#define ENGINE_TRAIN_QUEUE_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>

struct queue;
/* n: records it holds, a power of two. */
MUST_CHECK enum status queue_new(struct queue **out, size_t n, size_t record, struct err *err);
/* accepts NULL; nobody may be using it */
void queue_free(struct queue *q);
MUST_CHECK bool queue_push(struct queue *q, const void *r); /* sender: copies; false = full */
/* receiver: copies; false = empty */
bool queue_pop(struct queue *q, void *r);

#endif
