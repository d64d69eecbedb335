/* See replay.h. */
#include "app/replay.h"
#include "app/app.h"
#include "engine/base/cancel.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Steps before the wanted one at which a copy stays behind: the next step back is short. */
enum { LEAVE = 32 };

struct replay {
    /* The run, read only: what of the slot does not change while it is there, and its
     * settings so far. */
    const struct model_def *model;
    const struct hparams *hp0;
    const struct learner *base, *recent;
    struct setting_change
        change[sizeof((struct slot *)0)->change / sizeof(struct setting_change)];
    int n_change;
    const struct split *split;
    struct pool *pool; /* NULL: a run has it */
    uint64_t seed;
    atomic_llong target, at; /* relaxed: a wish and a gauge */
    const volatile bool *stop;
    /* What comes out: read when it has ended. */
    struct learner *out, *left; /* left: `LEAVE` steps before; may be NULL */
    enum status st;
    struct err err;
    /* With a screen: */
    int from, to, fd;
    int64_t back; /* > 0: waits for the run to rest, then goes back so far */
    char word[16];
    bool running;
    volatile bool cancel;
    atomic_bool done; /* set last, release */
    pthread_t thread;
};

static enum status may_go(struct app *a, int slot, int64_t step, struct err *err)
{
    const struct slot *s = &a->slots[slot];
    int64_t from = s->base ? s->base->step : 0;
    if (step >= from)
        return ST_OK;
    err_set(err, ST_STATE, "the run in %c begins at step %lld", 'A' + slot, (long long)from);
    return err_hint(err, "no-step", NULL), ST_STATE;
}

static void describe(struct replay *r, struct app *a, int slot, int64_t step,
                     const volatile bool *stop)
{
    const struct slot *s = &a->slots[slot];
    r->model = s->model;
    r->hp0 = s->hp0;
    r->base = s->base;
    r->recent = s->recent;
    memcpy(r->change, s->change, sizeof r->change);
    r->n_change = s->n_change;
    r->split = a->split;
    r->pool = app_pool(a);
    r->seed = app_learner(a, slot)->seed;
    r->stop = stop;
    atomic_store_explicit(&r->target, step, memory_order_relaxed);
}

static int64_t target_of(const struct replay *r)
{
    return atomic_load_explicit(&r->target, memory_order_relaxed);
}

static enum status begin(struct replay *r, struct learner **l)
{
    const struct learner *start[3] = {r->left, r->recent, r->base};
    for (int i = 0; i < 3; i++)
        if (start[i] && start[i]->step <= target_of(r))
            return learner_clone(l, start[i], &r->err);
    return learner_new(l, r->model, r->hp0, r->split, r->seed, &r->err);
}

/* Settings that changed at the step l stands at. */
static enum status change(struct replay *r, struct learner *l, int *next)
{
    enum status st = ST_OK;
    for (; *next < r->n_change && r->change[*next].step <= l->step && st == ST_OK; ++*next) {
        char name[64];
        snprintf(name, sizeof name, "%s", r->change[*next].text);
        char *value = strchr(name, ' ');
        if (value) {
            *value++ = '\0';
            st = learner_set(l, name, value, &r->err);
        }
    }
    return st;
}

static enum status go(struct replay *r, struct learner *l)
{
    enum status st = ST_OK;
    int next = 0;
    while (next < r->n_change && r->change[next].step < l->step)
        next++; /* in effect already */
    while (st == ST_OK && l->step < target_of(r)) {
        struct step_info info;
        st = change(r, l, &next);
        if (st == ST_OK && l->step == target_of(r) - LEAVE) {
            struct learner *copy = NULL;
            if (learner_clone(&copy, l, NULL) == ST_OK) {
                learner_free(r->left);
                r->left = copy;
            }
        }
        if (st == ST_OK)
            st = learner_step(l, r->pool, NULL, &info, &r->err);
        atomic_store_explicit(&r->at, l->step, memory_order_relaxed);
        if (st == ST_OK && cancel_asked(r->stop))
            st = err_set(&r->err, ST_CANCELLED, "cancelled");
    }
    return st;
}

static void replay(struct replay *r)
{
    do { /* again when it was called further back than it is */
        learner_free(r->out);
        r->out = NULL;
        r->st = begin(r, &r->out);
        if (r->st == ST_OK)
            r->st = go(r, r->out);
    } while (r->st == ST_OK && r->out->step > target_of(r));
    if (r->st != ST_OK) {
        learner_free(r->out);
        r->out = NULL;
    }
}

static void keep_left(struct slot *s, struct replay *r)
{
    if (!r->left)
        return;
    learner_free(s->recent);
    s->recent = r->left;
    r->left = NULL;
}

enum status replay_now(struct app *a, int slot, int64_t step, struct learner **out,
                       struct err *err)
{
    struct replay r = {0};
    enum status st = may_go(a, slot, step, err);
    if (st != ST_OK)
        return st;
    replay_cancel(a); /* it reads what this one leaves anew */
    describe(&r, a, slot, step, &a->cancel);
    replay(&r);
    keep_left(&a->slots[slot], &r);
    if (r.st != ST_OK && err)
        *err = r.err;
    *out = r.out;
    return r.st;
}

/* ---- on its own thread ---- */

static void *work(void *arg)
{
    struct replay *r = arg;
    uint64_t one = 1;
    pool_compute_mode();
    pool_be_nice();
    replay(r);
    atomic_store_explicit(&r->done, true, memory_order_release);
    ssize_t n = write(r->fd, &one, sizeof one);
    (void)n;
    return NULL;
}

static enum status run(struct replay *r, struct app *a, int64_t step, struct err *err)
{
    enum status st = may_go(a, r->from, step, err);
    if (st != ST_OK)
        return st;
    a->replay = NULL; /* it may have the workers that it would keep from others */
    describe(r, a, r->from, step, &r->cancel);
    a->replay = r;
    atomic_store_explicit(&r->done, false, memory_order_relaxed);
    r->running = pool_thread(&r->thread, work, r) == 0;
    r->back = 0;
    return r->running ? ST_OK : err_set(err, ST_NOMEM, "no thread to replay the run on");
}

static void drop(struct app *a)
{
    struct replay *r = a->replay;
    a->replay = NULL;
    learner_free(r->out);
    learner_free(r->left);
    close(r->fd);
    free(r);
}

enum status replay_start(struct app *a, int from, int64_t step, int to, const char *word,
                         struct err *err)
{
    replay_cancel(a);
    struct replay *r = calloc(1, sizeof *r);
    if (!r)
        return err_nomem(err, sizeof *r, "a replay");
    r->from = from;
    r->to = to;
    snprintf(r->word, sizeof r->word, "%s", word);
    r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->fd < 0) {
        free(r);
        return err_set(err, ST_IO, "no event descriptor for a replay");
    }
    app_carry(a, replay_cancel, replay_poll);
    a->cancel = false;
    a->replay = r;
    r->back = step < 0 ? -step : 0;
    enum status st = step < 0 ? ST_OK : run(r, a, step, err);
    if (st != ST_OK)
        drop(a);
    return st;
}

bool replay_move(struct app *a, int slot, int64_t by)
{
    struct replay *r = a->replay;
    if (!r || r->from != slot)
        return false;
    int64_t to = target_of(r) + by;
    if (r->back)
        r->back -= by;
    else if (may_go(a, slot, to, NULL) == ST_OK)
        atomic_store_explicit(&r->target, to, memory_order_relaxed);
    return true;
}

static void say(struct app *a, bool is_error, const char *text)
{
    snprintf(a->message, sizeof a->message, "%s", text);
    a->message_is_error = is_error;
    app_log(a, app_step(a, a->slot), is_error ? LOG_ERROR : LOG_EVENT, "%.200s", text);
}

/* It is there: into its slot. */
static enum status arrive(struct app *a, char *text, size_t size, struct err *err)
{
    struct replay *r = a->replay;
    struct slot *s = &a->slots[r->from];
    struct learner *l = r->out;
    int from = r->from, to = r->to;
    char origin[80];
    keep_left(s, r);
    if (to != from && a->slots[to].model)
        to = app_free_slot(a);
    if (to == from)
        snprintf(origin, sizeof origin, "%s", s->origin);
    else
        snprintf(origin, sizeof origin, "%s %c at %lld", r->word, 'A' + from,
                 (long long)l->step);
    r->out = NULL;
    drop(a);
    int64_t step = l->step;
    if (to < 0) {
        learner_free(l);
        return err_set(err, ST_STATE, "all 26 slots are in use");
    }
    enum status st = app_put_fork(a, to, from, l, origin, err);
    if (st == ST_OK)
        snprintf(text, size, "%c:%s @%lld  %s", 'A' + to, a->slots[to].model->title,
                 (long long)step, origin);
    return st;
}

bool replay_poll(struct app *a)
{
    struct replay *r = a->replay;
    struct err err = {0};
    char text[160] = "";
    enum status st = ST_OK;
    if (!r)
        return false;
    if (a->cancel) {
        replay_cancel(a);
        say(a, false, "replay cancelled");
        return true;
    }
    if (r->back && !app_running(a, r->from)) {
        int64_t to = app_step(a, r->from) - r->back;
        st = run(r, a, to < 0 ? 0 : to, &err);
        if (st != ST_OK)
            drop(a);
    } else if (r->running && atomic_load_explicit(&r->done, memory_order_acquire)) {
        pthread_join(r->thread, NULL);
        r->running = false;
        st = r->st;
        err = r->err;
        if (st == ST_OK && r->out->step != target_of(r)) { /* moved at the last moment */
            st = run(r, a, target_of(r), &err);
            if (st != ST_OK)
                drop(a);
            return false;
        }
        if (st == ST_OK)
            st = arrive(a, text, sizeof text, &err);
        else
            drop(a);
        if (st == ST_OK) {
            say(a, false, text);
            return true;
        }
    } else if (!a->message[0] || strncmp(a->message, "replaying", 9) == 0) {
        snprintf(text, sizeof text,
                 r->back ? "replaying %c: the run comes to rest   Esc stops"
                         : "replaying %c: step %lld of %lld   Esc stops",
                 'A' + r->from, (long long)atomic_load_explicit(&r->at, memory_order_relaxed),
                 (long long)target_of(r));
        bool news = strcmp(text, a->message) != 0;
        snprintf(a->message, sizeof a->message, "%s", text);
        a->message_is_error = false;
        return news;
    }
    if (st != ST_OK) {
        say(a, true, err.msg);
        return true;
    }
    return false;
}

void replay_wait(struct app *a)
{
    while (a->replay) {
        struct pollfd p = {.fd = a->replay->fd, .events = POLLIN};
        poll(&p, 1, a->replay->back ? 1 : 50);
        (void)app_poll(a);
    }
}

void replay_cancel(struct app *a)
{
    if (!a->replay)
        return;
    cancel_set(&a->replay->cancel, true);
    if (a->replay->running)
        pthread_join(a->replay->thread, NULL);
    drop(a);
}

int replay_wake_fd(const struct app *a)
{
    return a->replay ? a->replay->fd : -1;
}
