/* The explorer's thread; see explorer.h.  A few askers (views), each with one open question
 * and two answer places: one being read, one being made.  Questions and answers change hands
 * under one lock; the work is done outside it. */
#include "engine/train/explorer.h"
#include "engine/base/cancel.h"
#include "engine/base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { ASKERS = 128 };
enum job_kind { JOB_NONE, JOB_ASK, JOB_EVAL };

struct asked { /* a question with its own memory */
    enum job_kind kind;
    struct weights *w;
    struct question q;
    int32_t *items; /* all the lists of q, one block */
    char *probes, *params;
    struct patch *patch;
    const int32_t **variant;
    int32_t *variant_n;
    struct eval_spec eval;
};
struct asker {
    uint64_t id;              /* 0 = free */
    uint64_t order;           /* of the open question: the oldest is served first */
    struct asked open;        /* JOB_NONE: nothing to do */
    struct explore *place[2]; /* made by the thread, read by the screen */
    const struct answer *answer[2];
    int read;                           /* the screen's place */
    bool fresh;                         /* the other place holds a newer answer */
    struct eval_result eval, eval_read; /* the thread's; the screen's copy */
    struct err eval_err;
    bool has_eval;
};
struct explorer {
    pthread_t thread;
    pthread_mutex_t lock; /* guards all but what a running question uses */
    pthread_cond_t wake;
    struct asker asker[ASKERS];
    int busy;       /* asker being served, -1 none */
    bool gives_way; /* what it is served with is long */
    uint64_t count;
    /* written under the lock, read by the running question between chunks */
    volatile bool cancel;
    bool quit;
    atomic_llong cpu_ns; /* relaxed: a gauge */
    int fd;
};

static void asked_free(struct asked *a)
{
    weights_unref(a->w);
    free(a->items);
    free(a->probes);
    free(a->params);
    free(a->patch);
    free(a->variant);
    free(a->variant_n);
    memset(a, 0, sizeof *a);
}

static bool asked_copy(struct asked *a, struct weights *w, const struct question *q)
{
    int64_t n = q->n;
    for (int32_t i = 0; i < q->n_variant; i++)
        n += q->variant_n[i];
    *a = (struct asked){.kind = JOB_ASK, .q = *q};
    a->items = malloc(((size_t)n + 1) * sizeof *a->items);
    size_t nv = (size_t)q->n_variant + 1;
    a->variant = malloc(nv * sizeof *a->variant);
    a->variant_n = malloc(nv * sizeof *a->variant_n);
    a->probes = strdup(q->probes ? q->probes : "");
    a->params = strdup(q->params ? q->params : "");
    a->patch = malloc(((size_t)q->n_patch + 1) * sizeof *a->patch);
    if (!a->items || !a->variant || !a->variant_n || !a->probes || !a->params || !a->patch) {
        asked_free(a);
        return false;
    }
    int32_t *at = a->items;
    if (q->n)
        memcpy(at, q->item, (size_t)q->n * sizeof *at);
    a->q.item = at;
    at += q->n;
    for (int32_t i = 0; i < q->n_variant; i++) {
        memcpy(at, q->variant[i], (size_t)q->variant_n[i] * sizeof *at);
        a->variant[i] = at;
        a->variant_n[i] = q->variant_n[i];
        at += q->variant_n[i];
    }
    a->q.variant = a->variant;
    a->q.variant_n = a->variant_n;
    if (q->n_patch)
        memcpy(a->patch, q->patch, (size_t)q->n_patch * sizeof *a->patch);
    a->q.patch = a->patch;
    a->q.probes = q->probes ? a->probes : NULL;
    a->q.params = q->params ? a->params : NULL;
    a->w = weights_ref(w);
    return true;
}

static void signal_screen(struct explorer *e)
{
    uint64_t one = 1;
    ssize_t n = write(e->fd, &one, sizeof one);
    (void)n; /* full means that the screen has not looked yet: it will */
}

/* A part of an evaluation: it comes behind all that is short, and is begun anew when
 * something short comes in between. */
static bool is_long(const struct asked *a)
{
    return a->kind == JOB_ASK && a->q.kind == ASK_RANKS;
}

static int next_asker(const struct explorer *e)
{
    int best = -1;
    for (int i = 0; i < ASKERS; i++) {
        const struct asker *a = &e->asker[i], *b = best < 0 ? NULL : &e->asker[best];
        if (a->open.kind == JOB_NONE)
            continue;
        bool same = b && is_long(&a->open) == is_long(&b->open);
        if (!b || (same ? a->order < b->order : is_long(&b->open)))
            best = i;
    }
    return best;
}

static void serve(struct explorer *e, int i) /* called and left with the lock held */
{
    struct asker *a = &e->asker[i];
    struct asked job = a->open;
    memset(&a->open, 0, sizeof a->open);
    int place = 1 - a->read;
    a->fresh = false; /* an answer nobody read gives way */
    e->busy = i;
    e->gives_way = is_long(&job);
    cancel_set(&e->cancel, false);
    struct explore *x = a->place[place];
    pthread_mutex_unlock(&e->lock);

    const struct answer *answer = NULL;
    struct eval_result r;
    struct err err = {0};
    enum status st = ST_OK;
    if (job.kind == JOB_EVAL)
        st = eval_run(job.w, &job.eval, NULL, &e->cancel, &r, &err);
    else if (!x)
        st = explore_new(&x, &err);
    if (job.kind == JOB_ASK && st == ST_OK)
        answer = explore_ask(x, job.w, &job.q, &e->cancel);

    struct timespec cpu;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
        atomic_store_explicit(&e->cpu_ns, (long long)cpu.tv_sec * 1000000000 + cpu.tv_nsec,
                              memory_order_relaxed);

    pthread_mutex_lock(&e->lock);
    e->busy = -1;
    a->place[place] = x;
    bool cancelled =
        job.kind == JOB_EVAL ? st == ST_CANCELLED : answer && answer->err.code == ST_CANCELLED;
    if (!cancelled && job.kind == JOB_EVAL) {
        a->eval_err = err;
        if (st == ST_OK)
            a->eval = r;
        a->has_eval = true;
    } else if (!cancelled && answer) {
        a->answer[place] = answer;
        a->fresh = true;
    }
    if (cancelled && e->gives_way && a->open.kind == JOB_NONE)
        a->open = job; /* it gave way */
    else
        asked_free(&job);
    if (!cancelled)
        signal_screen(e);
}

static void *run(void *arg)
{
    struct explorer *e = arg;
    pool_compute_mode();
    pthread_mutex_lock(&e->lock);
    while (!e->quit) {
        int i = next_asker(e);
        if (i < 0)
            pthread_cond_wait(&e->wake, &e->lock);
        else
            serve(e, i);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

enum status explorer_start(struct explorer **out, struct err *err)
{
    *out = NULL;
    struct explorer *e = calloc(1, sizeof *e);
    if (!e)
        return err_nomem(err, sizeof *e, "explorer");
    e->busy = -1;
    e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->fd < 0) {
        free(e);
        return err_set(err, ST_IO, "no event descriptor: %s", strerror(errno));
    }
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    if (pool_thread(&e->thread, run, e) != 0) {
        close(e->fd);
        free(e);
        return err_set(err, ST_NOMEM, "cannot start the explorer thread");
    }
    *out = e;
    return ST_OK;
}

void explorer_stop(struct explorer *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->quit = true;
    cancel_set(&e->cancel, true);
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    for (int i = 0; i < ASKERS; i++) {
        asked_free(&e->asker[i].open);
        explore_free(e->asker[i].place[0]);
        explore_free(e->asker[i].place[1]);
    }
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->wake);
    close(e->fd);
    free(e);
}

static struct asker *asker_of(struct explorer *e, uint64_t id, bool make)
{
    for (int i = 0; i < ASKERS; i++)
        if (e->asker[i].id == id + 1)
            return &e->asker[i];
    for (int i = 0; make && i < ASKERS; i++)
        if (!e->asker[i].id) {
            e->asker[i].id = id + 1;
            return &e->asker[i];
        }
    return NULL;
}

/* Takes the question over; a newer one of the same asker stops the running one. */
static void post(struct explorer *e, uint64_t id, struct asked *job)
{
    pthread_mutex_lock(&e->lock);
    struct asker *a = asker_of(e, id, true);
    if (!a) {
        pthread_mutex_unlock(&e->lock);
        asked_free(job);
        return;
    }
    asked_free(&a->open);
    a->open = *job;
    /* an older result is no answer to this question */
    a->has_eval = a->has_eval && job->kind != JOB_EVAL;
    a->order = ++e->count;
    if (e->busy >= 0 && (&e->asker[e->busy] == a || (e->gives_way && !is_long(job))))
        cancel_set(&e->cancel, true);
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

void explorer_ask(struct explorer *e, uint64_t id, struct weights *w, const struct question *q)
{
    struct asked job;
    if (asked_copy(&job, w, q))
        post(e, id, &job);
}

void explorer_eval(struct explorer *e, uint64_t id, struct weights *w,
                   const struct eval_spec *s)
{
    struct asked job = {.kind = JOB_EVAL, .w = weights_ref(w), .eval = *s};
    if (s->n_patch && (job.patch = malloc((size_t)s->n_patch * sizeof *job.patch)))
        memcpy(job.patch, s->patch, (size_t)s->n_patch * sizeof *job.patch);
    job.eval.patch = job.patch;
    job.eval.n_patch = job.patch ? s->n_patch : 0;
    post(e, id, &job);
}

void explorer_drop(struct explorer *e, uint64_t id)
{
    pthread_mutex_lock(&e->lock);
    struct asker *a = asker_of(e, id, false);
    if (a) {
        asked_free(&a->open);
        if (e->busy >= 0 && &e->asker[e->busy] == a) {
            e->gives_way = false;
            cancel_set(&e->cancel, true);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

const struct answer *explorer_answer(struct explorer *e, uint64_t id)
{
    pthread_mutex_lock(&e->lock);
    struct asker *a = asker_of(e, id, false);
    const struct answer *answer = NULL;
    if (a) {
        /* then the other place is the thread's */
        bool making = e->busy >= 0 && &e->asker[e->busy] == a;
        if (a->fresh && !making) {
            a->read = 1 - a->read;
            a->fresh = false;
        }
        answer = a->answer[a->read];
    }
    pthread_mutex_unlock(&e->lock);
    return answer;
}

const struct eval_result *explorer_eval_result(struct explorer *e, uint64_t id, struct err *err)
{
    pthread_mutex_lock(&e->lock);
    struct asker *a = asker_of(e, id, false);
    const struct eval_result *r = NULL;
    if (a && a->has_eval) {
        if (err)
            *err = a->eval_err;
        a->eval_read = a->eval;
        r = a->eval_err.code == ST_OK ? &a->eval_read : NULL;
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

double explorer_cpu_s(const struct explorer *e)
{
    return 1e-9 * (double)atomic_load_explicit(&e->cpu_ns, memory_order_relaxed);
}

int explorer_wake_fd(const struct explorer *e)
{
    return e->fd;
}
