/* The screen's side of a run: starting its thread, posting to it, reading what it published;
 * see trainer.h.  The thread is trainer_run.c. */
#include "engine/train/trainer_impl.h"
#include "engine/base/cancel.h"
#include "engine/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { RING = 256, DEFAULT_RATE = 20 };

const char *const trainer_curves[] = {
    [S_LOSS] = "loss",
    [S_REC] = "term.rec",
    [S_KL] = "term.kl",
    [S_LR] = "lr",
    [S_GNORM] = "grad.norm",
    [S_VALID_HR] = "valid.hr",
    [S_VALID_NDCG] = "valid.ndcg",
    [S_VALID_MRR] = "valid.mrr",
    [S_VALID_LOSS] = "valid.loss",
    [N_SERIES] = NULL,
};

const char *train_state_name(enum train_state s)
{
    static const char *const names[] = {"READY", "RUN",  "PAUSED", "STEP",
                                        "EVAL",  "DONE", "FAILED"};
    return names[s];
}

void trainer_ring(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n; /* full: the other side has not listened yet, it will */
}

void trainer_hush(int fd)
{
    uint64_t sum;
    ssize_t n = read(fd, &sum, sizeof sum);
    (void)n;
}

static void trainer_free(struct trainer *t)
{
    for (int i = 0; i < N_SERIES; i++)
        series_free(t->series[i]);
    for (int i = 0; i < 3; i++) {
        free(t->probe[i]);
        free(t->probe_x[i]);
        free(t->line_shot[i]);
    }
    free(t->op_x);
    free(t->line);
    queue_free(t->cmds);
    queue_free(t->events);
    weights_unref(t->weights);
    rundir_close(t);
    if (t->in_fd >= 0)
        close(t->in_fd);
    if (t->out_fd >= 0)
        close(t->out_fd);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

enum status trainer_start(struct trainer **out, struct learner *l, struct pool *p,
                          const char *run_dir, struct err *err)
{
    *out = NULL;
    if (!l->batcher)
        return err_set(err, ST_STATE, "%s is counted, not trained", l->model->title);
    struct trainer *t = calloc(1, sizeof *t);
    if (!t)
        return err_nomem(err, sizeof *t, "trainer");
    pthread_mutex_init(&t->lock, NULL);
    t->l = l;
    t->pool = p;
    t->rate = DEFAULT_RATE;
    t->best = (double)-INFINITY;
    t->valid_step = t->broke_step = t->rewalk = -1;
    t->per_epoch = learner_steps_per_epoch(l);
    t->every = t->per_epoch < 50 ? 50 : t->per_epoch > 500 ? 500 : t->per_epoch;
    t->now.state = TS_READY;
    t->now.loss = t->now.grad_norm = (double)NAN;
    t->now.lr = hp_num(l->hp, "lr");
    triple_init(&t->triple);
    t->in_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    t->out_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum status st = t->in_fd < 0 || t->out_fd < 0
                         ? err_set(err, ST_IO, "no event descriptor: %s", strerror(errno))
                         : ST_OK;
    if (st == ST_OK)
        st = queue_new(&t->cmds, RING, sizeof(struct train_cmd), err);
    if (st == ST_OK)
        st = queue_new(&t->events, RING, sizeof(struct train_event), err);
    for (int i = 0; i < N_SERIES && st == ST_OK; i++)
        st = series_new(&t->series[i], trainer_curves[i], err);
    for (int i = 0; i < 3 && st == ST_OK; i++) {
        t->probe[i] = calloc(1, sizeof *t->probe[i]);
        t->probe_x[i] = malloc(2 * PROBE_MAX * sizeof(float));
        if (!t->probe[i] || !t->probe_x[i])
            st = err_nomem(err, 2 * PROBE_MAX * sizeof(float), "op tensors");
    }
    if (st == ST_OK && !(t->op_x = malloc(2 * PROBE_MAX * sizeof(float))))
        st = err_nomem(err, 2 * PROBE_MAX * sizeof(float), "op tensors");
    if (st == ST_OK && run_dir)
        st = rundir_open(t, run_dir, err);
    if (st != ST_OK) {
        trainer_free(t);
        return st;
    }
    *out = t;
    return ST_OK;
}

/* The thread starts with the first command, so that the history is in place. */
static bool ensure_thread(struct trainer *t)
{
    if (t->started)
        return true;
    t->started = pool_thread(&t->thread, trainer_thread, t) == 0;
    return t->started;
}

void trainer_recall(struct trainer *t, const struct snapshot *s)
{
    assert(!t->started);
    t->now.state = s->state;
    t->now.epoch = s->epoch;
    t->now.target_step = s->target_step;
    t->now.lr = s->lr;
    t->now.loss = s->loss;
    t->now.grad_norm = s->grad_norm;
    t->now.seconds = s->seconds;
    t->now.has_eval = s->has_eval;
    t->now.eval = s->eval;
    if (s->has_eval) {
        t->valid_step = s->eval.step;
        t->best = s->eval.ndcg;
    }
}

struct series *trainer_recall_series(struct trainer *t, const char *name)
{
    assert(!t->started);
    for (int i = 0; i < N_SERIES; i++)
        if (strcmp(trainer_curves[i], name) == 0)
            return t->series[i];
    return NULL;
}

void trainer_set_history(struct trainer *t, struct history *h)
{
    assert(!t->started);
    t->history = h;
}

bool trainer_post(struct trainer *t, const struct train_cmd *c)
{
    if (!ensure_thread(t) || !queue_push(t->cmds, c))
        return false;
    t->n_posted++;
    if (c->kind == TC_STOP || c->kind == TC_PAUSE)
        cancel_set(&t->cancel, true); /* a validation under way gives up */
    else
        cancel_set(&t->cancel, false);
    trainer_ring(t->in_fd);
    return true;
}

const struct snapshot *trainer_snapshot(struct trainer *t)
{
    if (!t->started) {
        t->shot[t->triple.read] = t->now;
        t->shot[t->triple.read].step = t->l->step;
        t->shot[t->triple.read].steps_per_epoch = t->per_epoch;
        return &t->shot[t->triple.read];
    }
    triple_take(&t->triple);
    return &t->shot[t->triple.read];
}

bool trainer_event(struct trainer *t, struct train_event *out)
{
    return queue_pop(t->events, out);
}

const struct series *trainer_series(const struct trainer *t, const char *name)
{
    for (int i = 0; i < N_SERIES; i++)
        if (strcmp(trainer_curves[i], name) == 0)
            return t->series[i];
    return NULL;
}

struct weights *trainer_weights(struct trainer *t)
{
    struct err err;
    pthread_mutex_lock(&t->lock);
    if (!t->weights && (t->started || weights_of(&t->weights, t->l, &err) !=
                                          ST_OK)) { /* the thread publishes first thing */
        while (t->started && !t->weights) {
            pthread_mutex_unlock(&t->lock);
            struct pollfd p = {.fd = t->out_fd, .events = POLLIN};
            poll(&p, 1, 1);
            pthread_mutex_lock(&t->lock);
        }
    }
    struct weights *w = t->weights ? weights_ref(t->weights) : NULL;
    pthread_mutex_unlock(&t->lock);
    return w;
}

void trainer_want_weights(struct trainer *t)
{
    atomic_store_explicit(&t->wanted, true, memory_order_relaxed);
}

int trainer_wake_fd(const struct trainer *t)
{
    return t->out_fd;
}

bool trainer_busy(struct trainer *t)
{
    const struct snapshot *s = trainer_snapshot(t);
    return s->n_ack < t->n_posted || s->state == TS_RUN || s->state == TS_EVAL ||
           s->state == TS_STEP;
}

bool trainer_wait(struct trainer *t, int timeout_ms)
{
    int64_t until = clock_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        const struct snapshot *s = trainer_snapshot(t);
        if (!trainer_busy(t) || (s->n_ack >= t->n_posted && s->op > 0))
            return true;
        int64_t left = (until - clock_ns()) / 1000000;
        if (timeout_ms >= 0 && left <= 0)
            return false;
        struct pollfd p = {.fd = t->out_fd, .events = POLLIN};
        if (poll(&p, 1, timeout_ms < 0 ? 1000 : (int)left) < 0 && errno == EINTR)
            return false; /* a signal: the caller looks what it was */
        trainer_hush(t->out_fd);
    }
}

struct learner *trainer_join(struct trainer *t)
{
    if (!t)
        return NULL;
    struct learner *l = t->l;
    if (t->started) {
        atomic_store_explicit(&t->quit, true, memory_order_release);
        cancel_set(&t->cancel, true);
        trainer_ring(t->in_fd);
        pthread_join(t->thread, NULL);
    }
    trainer_free(t);
    return l;
}

const struct learner *trainer_learner(const struct trainer *t)
{
    return t->l;
}
