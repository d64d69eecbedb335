/* The trainer's thread.  One loop: carry out what was posted, then make a step or sleep.  What
 * the screen reads leaves by a triple buffer (the present), series (the past), an event ring
 * (what happened) and one pointer under a lock (parameters). */
#include "engine/train/trainer_impl.h"
#include "engine/base/cancel.h"
#include "engine/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PUBLISH_SHARE = 100, VALID_CASES = 2000, VALID_CASES_LONG = 1000 };

/* ---- Out: events, snapshots, weights ---- */

void trainer_say(struct trainer *t, bool is_error, const char *fmt, ...)
{
    struct train_event e = {.step = t->l->step, .is_error = is_error};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e.text, sizeof e.text, fmt, ap);
    va_end(ap);
    if (!queue_push(t->events, &e)) /* nobody reads: the newest are lost, the run goes on */
        return;
    trainer_ring(t->out_fd);
}

void trainer_publish_snapshot(struct trainer *t)
{
    struct snapshot *s = &t->shot[t->triple.write];
    struct probe_copy *probe = t->probe[t->triple.write];
    *s = t->now;
    s->seq = ++t->seq;
    s->step = t->l->step;
    s->n_ack = t->n_ack;
    s->steps_per_epoch = t->per_epoch;
    s->n_probe = 0;
    s->line = t->op_open ? trainer_copy_ops(t, t->triple.write) : NULL;
    if (t->op_open && t->op_copy.x) { /* the tensor of the op under the cursor */
        size_t n = 1;
        for (int i = 0; i < t->op_copy.nd; i++)
            n *= (size_t)t->op_copy.d[i];
        *probe = t->op_copy;
        probe->x = t->probe_x[t->triple.write];
        probe->g = t->op_copy.g ? probe->x + PROBE_MAX : NULL;
        memcpy(probe->x, t->op_copy.x, n * sizeof(float));
        if (probe->g)
            memcpy(probe->g, t->op_copy.g, n * sizeof(float));
        s->n_probe = 1;
    }
    s->probe = probe;
    triple_publish(&t->triple);
    t->shown_ns = clock_ns();
    trainer_ring(t->out_fd);
}

static void publish_weights(struct trainer *t, bool keep)
{
    int64_t began = clock_ns();
    pthread_mutex_lock(&t->lock);
    bool current = t->weights && t->weights->step == t->l->step && !t->weights_stale;
    struct weights *w = current ? weights_ref(t->weights) : NULL;
    pthread_mutex_unlock(&t->lock);
    if (!w) {
        struct err err;
        learner_settle(t->l, t->pool);
        if (weights_of(&w, t->l, &err) != ST_OK) {
            trainer_say(t, true, "views stay at an older step: %s", err.msg);
            return;
        }
        pthread_mutex_lock(&t->lock);
        struct weights *old = t->weights;
        t->weights = weights_ref(w);
        t->weights_stale = false;
        pthread_mutex_unlock(&t->lock);
        weights_unref(old);
    }
    if (keep && t->history)
        history_keep(t->history, w);
    weights_unref(w);
    int64_t now = clock_ns();
    t->next_weights_ns = now + PUBLISH_SHARE * (now - began);
    atomic_store_explicit(&t->wanted, false, memory_order_relaxed);
}

static void push(struct trainer *t, int which, double y)
{
    if (!series_push(t->series[which], (double)t->l->step, y) && !t->said_full) {
        t->said_full = true;
        trainer_say(t, true, "out of memory: curves no longer grow");
    }
}

/* ---- Validation ---- */

static void validate(struct trainer *t)
{
    enum train_state before = t->now.state;
    struct eval_spec s;
    struct err err;
    struct eval_result r;
    struct weights *w;
    eval_defaults(&s, t->l->split);
    s.max_cases = t->l->split->kind == SPLIT_SESSIONS ? VALID_CASES : VALID_CASES_LONG;
    publish_weights(t, false);
    pthread_mutex_lock(&t->lock);
    w = t->weights ? weights_ref(t->weights) : NULL;
    pthread_mutex_unlock(&t->lock);
    if (!w)
        return;
    t->now.state = TS_EVAL;
    trainer_publish_snapshot(t);
    enum status st = eval_run(w, &s, t->pool, &t->cancel, &r, &err);
    weights_unref(w);
    t->now.state = before;
    if (st == ST_CANCELLED)
        return;
    if (st != ST_OK) {
        trainer_say(t, true, "validation failed: %s", err.msg);
        return;
    }
    t->now.eval = r;
    t->now.has_eval = true;
    t->valid_step = t->l->step;
    push(t, S_VALID_HR, r.hr);
    push(t, S_VALID_NDCG, r.ndcg);
    push(t, S_VALID_MRR, r.mrr);
    if (r.has_logloss)
        push(t, S_VALID_LOSS, r.logloss);
    trainer_say(t, false, "valid HR@%d %.3f NDCG@%d %.3f", r.k, r.hr, r.k, r.ndcg);
    if (!(r.ndcg <= t->best)) {
        t->best = r.ndcg;
        t->best_step = t->l->step;
        rundir_best(t);
    }
    rundir_metrics(t, &r);
}

/* ---- Steps ---- */

/* The model's alarm: once an epoch. */
static void watch_term(struct trainer *t, const struct step_info *i)
{
    const struct term_alarm *a = t->l->model->alarm;
    if (!a || t->per_epoch <= 0)
        return;
    if (i->step % t->per_epoch == 1 || t->per_epoch == 1)
        t->alarm_sum = 0, t->alarm_n = 0;
    for (int k = 0; k < i->n_term; k++)
        if (strcmp(i->term_name[k], a->term) == 0) {
            t->alarm_sum += i->bare[k];
            t->alarm_n++;
        }
    if (i->step % t->per_epoch != 0 || t->alarm_n == 0)
        return;
    double mean = t->alarm_sum / (double)t->alarm_n;
    if (mean < a->below && !t->alarmed)
        trainer_say(t, true, "%s %.2g in an epoch: %s", a->term, mean, a->text);
    t->alarmed = mean < a->below || (t->alarmed && mean < 2 * a->below);
}

void trainer_finished_step(struct trainer *t, const struct step_info *i)
{
    watch_term(t, i);
    push(t, S_LOSS, i->loss);
    push(t, S_LR, i->lr);
    push(t, S_GNORM, i->grad_norm);
    for (int k = 0; k < i->n_term && i->n_term > 1; k++) {
        if (strcmp(i->term_name[k], "rec") == 0)
            push(t, S_REC, i->term[k]);
        else if (strcmp(i->term_name[k], "kl") == 0)
            push(t, S_KL, i->term[k]);
    }
    t->now.loss = i->loss;
    t->now.grad_norm = i->grad_norm;
    t->now.lr = i->lr;
    t->now.epoch = i->epoch;
    t->rate_steps++;
    t->rate_items += i->n_row;
}

static void measure_rate(struct trainer *t, int64_t now)
{
    double dt = (double)(now - t->rate_ns) * 1e-9;
    if (dt < 0.25)
        return;
    t->now.steps_per_s = (double)t->rate_steps / dt;
    t->now.items_per_s = (double)t->rate_items / dt;
    t->rate_steps = t->rate_items = 0;
    t->rate_ns = now;
}

static void stop_at(struct trainer *t, enum train_state state)
{
    t->now.state = state;
    t->steps_left = 0;
    t->now.steps_per_s = t->now.items_per_s = 0;
}

static void one_step(struct trainer *t)
{
    struct step_info info;
    struct err err = {0};
    struct step_watch watch = {.before_update = trainer_before_update, .ctx = t, .shard = -1};
    if (t->walk_ops) {
        trainer_list_ops(t);
        watch.on_op = trainer_on_op;
        watch.session = 0;
    }
    int64_t began = clock_ns();
    t->broke[0] = '\0';
    t->op_count = 0;
    enum status st = learner_step(t->l, t->pool, &watch, &info, &err);
    while (st == ST_CANCELLED &&
           t->rewalk > 0) { /* back by ops: the batch again, as far as the op before */
        t->op_count = 0;
        t->ops_left = t->rewalk;
        t->rewalk = -1;
        t->now.state = TS_STEP;
        st = learner_step(t->l, t->pool, &watch, &info, &err);
    }
    t->rewalk = -1;
    t->op_open = false;
    t->now.op = 0;
    t->now.seconds += (double)(clock_ns() - began) * 1e-9;
    if (st == ST_OK) {
        t->weights_stale = true;
        trainer_finished_step(t, &info);
    } else if (st == ST_CANCELLED && t->broke[0]) {
        stop_at(t, TS_PAUSED);
        trainer_say(t, false, "break %s: stopped before the update of step %lld", t->broke,
                    (long long)t->l->step + 1);
    } else if (st != ST_CANCELLED) {
        stop_at(t, TS_FAILED);
        t->now.err = err;
        t->now.loss = info.loss;
        t->now.grad_norm = info.grad_norm;
        trainer_say(t, true, "%s", err.msg);
    }
    if (st != ST_OK)
        return;
    int64_t now = clock_ns();
    measure_rate(t, now);
    bool due = t->history && history_due(t->history, t->l->step);
    if (due ||
        (now >= t->next_weights_ns && atomic_load_explicit(&t->wanted, memory_order_relaxed)))
        publish_weights(t, due);
    if (t->every > 0 && t->l->step % t->every == 0) {
        validate(t);
        const char *broke = trainer_metric_break(t);
        if (broke) {
            stop_at(t, TS_PAUSED);
            trainer_say(t, false, "break %s at step %lld", broke, (long long)t->l->step);
        }
    }
    rundir_tick(t);
    if (now - t->shown_ns > 1000000000 / t->rate)
        trainer_publish_snapshot(t);
}

/* ---- In: commands ---- */

static void arm(struct trainer *t, const struct train_cmd *c)
{
    int64_t off = c->n;
    struct err err;
    if (strncmp(c->text, "off ", 4) == 0) {
        off = 0;
        for (int i = 0; i < t->n_break; i++)
            if (strcmp(t->brk[i].text, c->text + 4) == 0)
                off = i + 1;
        if (off == 0)
            return;
    }
    if (off > 0) {
        if (off > t->n_break)
            return;
        memmove(&t->brk[off - 1], &t->brk[off], (size_t)(t->n_break - off) * sizeof *t->brk);
        t->n_break--;
    } else if (off < 0) {
        t->n_break = 0;
    } else if (t->n_break == MAX_BREAKS) {
        trainer_say(t, true, "break %s: %d are armed, more is not possible", c->text,
                    MAX_BREAKS);
    } else if (trainer_parse_break(t, &t->brk[t->n_break], c->text, &err) != ST_OK) {
        trainer_say(t, true, "break %s: %s", c->text, err.msg);
    } else {
        t->n_break++;
        trainer_say(t, false, "break %s armed", c->text);
    }
}

static void set(struct trainer *t, const char *text)
{
    char name[64];
    struct err err;
    size_t n = strcspn(text, " ");
    if (n >= sizeof name || !text[n])
        return;
    memcpy(name, text, n);
    name[n] = '\0';
    if (learner_set(t->l, name, text + n + 1, &err) != ST_OK)
        trainer_say(t, true, "%s", err.msg);
    else
        trainer_say(t, false, "set %s",
                    text); /* in force from the batch after the event's step */
    t->per_epoch = learner_steps_per_epoch(t->l);
    t->weights_stale = true;
}

void trainer_obey(struct trainer *t, const struct train_cmd *c)
{
    t->n_ack++;
    switch (c->kind) {
    case TC_RUN:
        t->now.target_step = c->n;
        t->walk_ops = false;
        if (c->n == 0 || c->n > t->l->step) {
            t->now.state = TS_RUN;
            t->rate_ns = clock_ns();
            t->rate_steps = t->rate_items = 0;
        } else {
            stop_at(t, TS_DONE);
        }
        break;
    case TC_PAUSE:
        if (t->now.state == TS_RUN || t->now.state == TS_STEP)
            stop_at(t, TS_PAUSED);
        break;
    case TC_STEP:
        t->steps_left = c->n > 0 ? c->n : 1;
        t->now.state = TS_STEP;
        t->walk_ops = false;
        t->rate_ns = clock_ns();
        break;
    case TC_STEP_OP:
        if (c->n < 0) {
            if (t->op_open)
                t->rewalk = t->op_count + c->n > 0 ? (int32_t)(t->op_count + c->n) : 1;
            else
                trainer_say(t, true,
                            "no batch is open: step op opens one, back returns by batches");
            break;
        }
        t->ops_left = c->n > 0 ? c->n : 1;
        t->steps_left = 1;
        t->now.state = TS_STEP;
        t->walk_ops = true;
        break;
    case TC_STOP:
        stop_at(t, TS_DONE);
        trainer_say(t, false, "stopped");
        break;
    case TC_EVAL:
        cancel_set(&t->cancel, false);
        validate(t);
        break;
    case TC_EVERY:
        t->every = c->n;
        break;
    case TC_SAVE: {
        struct err err;
        if (learner_save(t->l, c->text, &err) != ST_OK)
            trainer_say(t, true, "%s", err.msg);
        else
            trainer_say(t, false, "saved %s", c->text);
        break;
    }
    case TC_SET:
        set(t, c->text);
        break;
    case TC_BREAK:
        arm(t, c);
        break;
    case TC_RATE:
        t->rate = c->n < 1 ? 1 : c->n > 60 ? 60 : (int)c->n;
        break;
    }
}

bool trainer_sleep(struct trainer *t)
{
    struct pollfd p = {.fd = t->in_fd, .events = POLLIN};
    poll(&p, 1, -1);
    trainer_hush(t->in_fd);
    return !atomic_load_explicit(&t->quit, memory_order_acquire);
}

static bool obey_all(struct trainer *t)
{
    struct train_cmd c;
    bool any = false;
    while (queue_pop(t->cmds, &c)) {
        trainer_obey(t, &c);
        any = true;
    }
    return any;
}

void *trainer_thread(void *arg)
{
    struct trainer *t = arg;
    pool_compute_mode();
    pool_be_nice();
    publish_weights(t, true);
    trainer_publish_snapshot(t);
    for (;;) {
        if (atomic_load_explicit(&t->quit, memory_order_acquire))
            break;
        bool any = obey_all(t);
        if (t->now.state == TS_RUN || t->now.state == TS_STEP) {
            if (any)
                trainer_publish_snapshot(t);
            one_step(t);
            if (t->now.state == TS_STEP && --t->steps_left <= 0)
                stop_at(t, TS_PAUSED);
            if (t->now.state == TS_RUN && t->now.target_step > 0 &&
                t->l->step >= t->now.target_step) {
                stop_at(t, TS_DONE);
                if (t->valid_step != t->l->step)
                    validate(t);
                t->now.state = TS_DONE;
                rundir_save(t);
            }
            continue;
        }
        publish_weights(t, true);
        trainer_publish_snapshot(t);
        if (!trainer_sleep(t))
            break;
    }
    rundir_save(t);
    publish_weights(t, false);
    return NULL;
}
