/* Worker threads for data-parallel loops.  Results must not depend on which worker takes
 * which task: tasks have fixed borders and write to places of their own.  Between loops the
 * workers spin for about 50 us and then sleep.  Each worker runs at nice +5 with
 * flush-to-zero set. */
#ifndef ENGINE_BASE_POOL_H
#define ENGINE_BASE_POOL_H

#include "engine/base/status.h"
#include <pthread.h>

struct pool;

/* threads: workers including the caller of pool_run, 1..64; 0 = the cores this process may
 * use. */
MUST_CHECK enum status pool_new(struct pool **out, int threads, struct err *err);
int pool_threads(const struct pool *p); /* 1 for NULL */

/* Runs fn(ctx, task, worker) for task 0..n_tasks-1, handed out in this order (put the dear
 * ones first); worker: 0..pool_threads-1.  Returns when all are done.  Called by one thread
 * at a time; p == NULL or one thread: everything runs in the caller, in order.  Allocates
 * nothing. */
void pool_run(struct pool *p, int n_tasks, void (*fn)(void *ctx, int task, int worker),
              void *ctx);
void pool_free(struct pool *p); /* joins; accepts NULL */

/* Starts a thread that takes no signals, these are for the first thread only; 0 or an error
 * number, as pthread_create. */
int pool_thread(pthread_t *thread, void *(*run)(void *arg), void *arg);
int pool_cores(void); /* cores allowed to this process, >= 1 */
/* sets flush-to-zero in the calling thread: call in every thread that computes; the mode it
 * had */
unsigned pool_compute_mode(void);
void pool_restore_mode(unsigned mode);
void pool_be_nice(void); /* nice +5 for the calling thread */

#endif
