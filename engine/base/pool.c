/* A pool for loops of a few tasks of 50 us to 50 ms each; see pool.h.
 *
 * One generation number starts a loop: the caller writes the job, then adds one to
 * `generation` (release); workers that see it (acquire) take task numbers from `next` until
 * they run out, then add one to `done`.  The caller works too and then waits for
 * `done`.  Who sleeps does so on the mutex. */
#define _GNU_SOURCE /* sched_getaffinity, gettid's syscall */
#include "engine/base/pool.h"
#include "engine/base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <stdint.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { MAX_THREADS = 64, SPIN_NS = 50000 };

struct pool {
    int threads;
    bool may_spin; /* only when every thread has a core of its own */
    pthread_t thread[MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t start, finish;
    atomic_uint generation;
    atomic_int next, done;
    int n_tasks;
    void (*fn)(void *ctx, int task, int worker);
    void *ctx;
    atomic_bool quit;
};

struct worker_arg {
    struct pool *p;
    int worker;
};

int pool_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

unsigned pool_compute_mode(void)
{
#if defined(__x86_64__)
    unsigned mode = _mm_getcsr();
    /* FTZ and DAZ: denormals cost a hundred times a normal number */
    _mm_setcsr(mode | 0x8040u);
    return mode;
#else
    return 0;
#endif
}

void pool_restore_mode(unsigned mode)
{
#if defined(__x86_64__)
    _mm_setcsr(mode);
#else
    (void)mode;
#endif
}

void pool_be_nice(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 5);
}

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#endif
}

static void take_tasks(struct pool *p, int worker)
{
    int n = p->n_tasks;
    for (;;) {
        int task = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (task >= n)
            return;
        p->fn(p->ctx, task, worker);
    }
}

static void *work(void *argp)
{
    struct worker_arg arg = *(struct worker_arg *)argp;
    free(argp);
    struct pool *p = arg.p;
    pool_compute_mode();
    pool_be_nice();
    unsigned seen = 0;
    for (;;) {
        if (p->may_spin) {
            int64_t until = clock_ns() + SPIN_NS;
            while (atomic_load_explicit(&p->generation, memory_order_acquire) == seen) {
                for (int i = 0; i < 64; i++)
                    relax();
                if (clock_ns() > until)
                    break;
            }
        }
        if (atomic_load_explicit(&p->generation, memory_order_acquire) == seen) {
            pthread_mutex_lock(&p->lock);
            while (atomic_load_explicit(&p->generation, memory_order_acquire) == seen)
                pthread_cond_wait(&p->start, &p->lock);
            pthread_mutex_unlock(&p->lock);
        }
        seen = atomic_load_explicit(&p->generation, memory_order_acquire);
        if (atomic_load_explicit(&p->quit, memory_order_acquire))
            return NULL;
        take_tasks(p, arg.worker);
        int done = atomic_fetch_add_explicit(&p->done, 1, memory_order_acq_rel) + 1;
        if (done == p->threads - 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->finish);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void next_generation(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
}

int pool_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

enum status pool_new(struct pool **out, int threads, struct err *err)
{
    *out = NULL;
    if (threads < 0 || threads > MAX_THREADS)
        return err_set(err, ST_ARG, "threads must be 1..%d (0: one for each core), got %d",
                       MAX_THREADS, threads);
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err, sizeof *p, "worker pool");
    int cores = pool_cores();
    p->threads = threads ? threads : cores < MAX_THREADS ? cores : MAX_THREADS;
    p->may_spin = p->threads <= cores;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->finish, NULL);

    enum status st = ST_OK;
    int want = p->threads;
    for (int i = 1; i < want && st == ST_OK; i++) {
        struct worker_arg *arg = malloc(sizeof *arg);
        if (arg)
            *arg = (struct worker_arg){.p = p, .worker = i};
        if (!arg || pool_thread(&p->thread[i], work, arg) != 0) {
            free(arg);
            p->threads = i; /* so that pool_free joins just the ones that live */
            st = err_set(err, ST_NOMEM, "cannot start worker thread %d of %d", i + 1, want);
        }
    }
    if (st != ST_OK) {
        pool_free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

int pool_threads(const struct pool *p)
{
    return p ? p->threads : 1;
}

void pool_run(struct pool *p, int n_tasks, void (*fn)(void *ctx, int task, int worker),
              void *ctx)
{
    if (!p || p->threads == 1 || n_tasks <= 1) {
        for (int i = 0; i < n_tasks; i++)
            fn(ctx, i, 0);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    p->n_tasks = n_tasks;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    next_generation(p);
    take_tasks(p, 0);

    int others = p->threads - 1;
    if (p->may_spin) {
        int64_t until = clock_ns() + SPIN_NS;
        while (atomic_load_explicit(&p->done, memory_order_acquire) < others) {
            for (int i = 0; i < 64; i++)
                relax();
            if (clock_ns() > until)
                break;
        }
    }
    if (atomic_load_explicit(&p->done, memory_order_acquire) < others) {
        pthread_mutex_lock(&p->lock);
        while (atomic_load_explicit(&p->done, memory_order_acquire) < others)
            pthread_cond_wait(&p->finish, &p->lock);
        pthread_mutex_unlock(&p->lock);
    }
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    atomic_store_explicit(&p->quit, true, memory_order_release);
    next_generation(p);
    for (int i = 1; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->finish);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
