/* One training step; see learner.h and, for the order of things, the phases named here:
 * plan, A (forward and backward by shards), B (reduce, norm, update).  Nothing is stored
 * before the update, so a batch broken off leaves no trace. */
#include "engine/train/learner_work.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double learner_lr(const struct learner *l)
{
    double lr = hp_num(l->hp, "lr"), s = (double)l->step, epochs = hp_num(l->hp, "lr_step");
    double warmup = hp_num(l->hp, "warmup"), end = hp_num(l->hp, "decay_steps");
    if (epochs > 0) /* epochs 0..n-1 at lr, the next n at gamma lr, ... */
        lr *= pow(hp_num(l->hp, "lr_gamma"),
                  floor(s / (epochs * (double)learner_steps_per_epoch(l))));
    if (s < warmup) /* BERT's schedule: 0 at step 0, and the decay counts from step 0 too */
        return lr * s / warmup;
    return end > 0 ? lr * (s < end ? 1 - s / end : 0) : lr;
}

/* ---- A: a shard ---- */

struct step_job {
    struct learner *l;
    const struct step_watch *watch;
    int shown;     /* shard walked op by op; -1 none */
    bool on_batch; /* the output layer works on the batch */
    struct walk {  /* what the tape's callback needs of a walked block */
        const struct step_watch *watch;
        bool stopped;
    } walk;
};

static bool walk_op(void *ctx, struct tape *t, int32_t node, bool backward)
{
    struct walk *w = ctx;
    const char *op;
    (void)tape_node(t, node, &op, NULL);
    /* a leaf: nothing is computed */
    if (op && (strcmp(op, "param") == 0 || strcmp(op, "input") == 0))
        return true;
    enum phase ph = backward                        ? PH_BACKWARD
                    : op && strcmp(op, "head") == 0 ? PH_HEAD
                                                    : PH_FORWARD;
    w->stopped = !w->watch->on_op(w->watch->ctx, t, node, ph);
    return !w->stopped;
}

static void collect_terms(struct shard_result *r, const struct tape *t)
{
    r->loss += tape_loss(t);
    for (int i = 0; i < tape_terms(t); i++) {
        double value, weight;
        const char *name = tape_term_at(t, i, &value, &weight);
        int k = 0;
        while (k < r->n_term && strcmp(r->term_name[k], name) != 0)
            k++;
        if (k == STEP_TERMS)
            continue;
        if (k == r->n_term) {
            r->term_name[r->n_term++] = name;
            r->term[k] = r->bare[k] = 0;
        }
        r->term[k] += value * weight;
        r->bare[k] += value;
    }
}

static void collect_carries(struct learner_work *w, const struct tape *t)
{
    for (int i = 0; i < tape_carries(t); i++) {
        const struct param *p;
        const int32_t *row;
        const struct tensor *x;
        tape_carry_at(t, i, &p, &row, &x);
        for (int k = 0; k < w->n_stage; k++) {
            struct state_stage *st = &w->stage[k];
            if (st->p != p)
                continue;
            /* lanes of different blocks differ: no two workers write one row */
            for (int32_t r = 0; r < tensor_rows(x); r++) {
                memcpy(st->x + (size_t)row[r] * (size_t)p->ld, x->x + (size_t)r * (size_t)x->ld,
                       (size_t)p->ld * sizeof *x->x);
                st->has[row[r]] = 1;
            }
        }
    }
}

static void forward(struct step_job *j, int shard, int part, struct workspace *ws,
                    struct block *b, bool walked)
{
    struct learner *l = j->l;
    struct learner_work *w = l->work;
    struct shard_result *r = &w->shard[shard];
    memset(b, 0, sizeof *b);
    arena_reset(ws->mem);
    batch_fill(l->batcher, &w->plan, shard, part, ws->mem, b);
    b->shard = shard;
    b->head_batch = j->on_batch ? w->head : NULL;
    if (b->n == 0)
        return;
    struct tape_env env = {.x = l->x,
                           .g = w->g[shard],
                           .seed = l->seed,
                           .step = l->step,
                           .row0 = b->row0,
                           .training = true};
    if (w->n_table) {
        env.rows = rows_add;
        env.reads = rows_read;
        env.rows_ctx = &w->sink[shard];
    }
    if (walked) {
        env.on_op = walk_op;
        env.ctx = &j->walk;
    }
    tape_begin(ws->tape, &env);
    if (walked)
        tape_watch(ws->tape, j->watch->session);
    model_loss(l->model, l->self, ws->tape, b);
    r->status = tape_check(ws->tape, &r->err);
}

static void backward(struct step_job *j, int shard, struct workspace *ws, const struct block *b,
                     bool walked)
{
    struct learner_work *w = j->l->work;
    struct shard_result *r = &w->shard[shard];
    if (b->n == 0 || r->status != ST_OK)
        return;
    r->status = tape_backward(ws->tape, &r->err);
    if (r->status == ST_OK && w->sink[shard].no_memory)
        r->status =
            err_nomem(&r->err, sizeof(real) * TENSOR_ROW, "gradients of the item table");
    if (r->status != ST_OK)
        return;
    collect_terms(r, ws->tape);
    collect_carries(w, ws->tape);
    if (!walked)
        workspace_room(ws);
}

/* Output layer on the shard: forward and backward of one part after another. */
static void run_shard(struct step_job *j, int shard, struct workspace *ws, bool walked)
{
    struct shard_result *r = &j->l->work->shard[shard];
    memset(r, 0, sizeof *r);
    for (int part = 0; part < j->l->work->plan.n_part[shard] && r->status == ST_OK; part++) {
        struct block b;
        forward(j, shard, part, ws, &b, walked && part == 0);
        backward(j, shard, ws, &b, walked && part == 0);
    }
}

static void shard_task(void *ctx, int task, int worker)
{
    struct step_job *j = ctx;
    int shard = j->l->work->order[task];
    if (shard != j->shown)
        run_shard(j, shard, j->l->work->ws[worker], false);
}

/* Shards with rows, the dearest first (ties by number), so that the last ones to finish are
 * short. */
static void order_shards(struct learner_work *w)
{
    w->n_order = 0;
    for (int s = 0; s < BATCH_SHARDS; s++) {
        if (w->plan.n_part[s] == 0)
            continue;
        int k = w->n_order++;
        for (; k > 0 && w->plan.cost[w->order[k - 1]] < w->plan.cost[s]; k--)
            w->order[k] = w->order[k - 1];
        w->order[k] = s;
    }
    w->lead = 0;
    while (w->lead + 1 < BATCH_SHARDS && w->plan.n_part[w->lead] == 0)
        w->lead++;
}

static int shown_shard(const struct learner_work *w, const struct step_watch *watch)
{
    if (!watch || !watch->on_op || w->n_order == 0)
        return -1;
    if (watch->shard >= 0 && watch->shard < BATCH_SHARDS && w->plan.n_part[watch->shard] > 0)
        return watch->shard;
    int s = 0;
    while (w->plan.n_part[s] == 0)
        s++;
    return s;
}

static enum status first_error(const struct learner_work *w, struct err *err)
{
    for (int s = 0; s < BATCH_SHARDS; s++)
        if (w->plan.n_part[s] > 0 && w->shard[s].status != ST_OK) {
            if (err)
                *err = w->shard[s].err;
            return w->shard[s].status;
        }
    return ST_OK;
}

/* ---- A, with the output layer on the batch: all forward, the layer over the pool, all
 * backward ---- */

static void forward_task(void *ctx, int task, int worker)
{
    (void)worker;
    struct step_job *j = ctx;
    struct learner_work *w = j->l->work;
    int s = w->order[task];
    if (s != j->shown)
        forward(j, s, 0, w->head_ws[s], &w->head_block[s], false);
}

static void backward_task(void *ctx, int task, int worker)
{
    (void)worker;
    struct step_job *j = ctx;
    struct learner_work *w = j->l->work;
    int s = w->order[task];
    if (s != j->shown)
        backward(j, s, w->head_ws[s], &w->head_block[s], false);
}

static struct row_table *head_rows(const struct learner *l)
{
    return row_table_of(l->work, l->model->head(l->self)->table);
}

static enum status head_on_batch(struct step_job *j, struct pool *p, struct err *err)
{
    struct learner_work *w = j->l->work;
    struct row_table *t = head_rows(j->l);
    enum status st = head_batch_run(w->head, p, err);
    if (st != ST_OK || !t)
        return st;
    const int32_t *row;
    int32_t n;
    real *g = head_batch_rows(w->head, &row, &n);
    rows_lend(w, t, row, n, g);
    return ST_OK;
}

static enum status phase_a_on_batch(struct step_job *j, struct pool *p, struct err *err)
{
    struct learner *l = j->l;
    struct learner_work *w = l->work;
    memset(w->shard, 0, sizeof w->shard);
    head_batch_begin(w->head, l->model->head(l->self), l->x, w->g[w->lead],
                     head_rows(l) != NULL);
    if (j->shown >= 0)
        forward(j, j->shown, 0, w->shown, &w->head_block[j->shown], true);
    enum status st = first_error(w, err);
    if (st != ST_OK)
        return st;
    pool_run(p, w->n_order, forward_task, j);
    st = first_error(w, err);
    if (st == ST_OK)
        st = head_on_batch(j, p, err);
    if (st != ST_OK)
        return st;
    if (j->shown >= 0)
        backward(j, j->shown, w->shown, &w->head_block[j->shown], true);
    if (j->shown < 0 || w->shard[j->shown].status == ST_OK)
        pool_run(p, w->n_order, backward_task, j);
    return first_error(w, err);
}

static enum status phase_a(struct step_job *j, struct pool *p, struct err *err)
{
    struct learner_work *w = j->l->work;
    j->on_batch = w->head && head_wants_batch(j->l->model->head(j->l->self));
    for (int s = 0; s < BATCH_SHARDS; s++)
        j->on_batch &= w->plan.n_part[s] <= 1; /* a shard of several blocks has several heads */
    if (j->on_batch)
        return phase_a_on_batch(j, p, err);
    if (j->shown >= 0) /* on a tape of its own, so that its values outlive the other shards */
        run_shard(j, j->shown, w->shown, true);
    if (j->shown < 0 || w->shard[j->shown].status == ST_OK)
        pool_run(p, w->n_order, shard_task, j);
    return first_error(w, err);
}

static void sum_terms(const struct learner_work *w, struct step_info *out)
{
    for (int s = 0; s < BATCH_SHARDS; s++) {
        if (w->plan.n_part[s] == 0)
            continue;
        const struct shard_result *r = &w->shard[s];
        out->loss += r->loss;
        for (int i = 0; i < r->n_term; i++) {
            int k = 0;
            while (k < out->n_term && strcmp(out->term_name[k], r->term_name[i]) != 0)
                k++;
            if (k == STEP_TERMS)
                continue;
            if (k == out->n_term)
                out->term_name[out->n_term++] = r->term_name[i];
            out->term[k] += r->term[i];
            out->bare[k] += r->bare[i];
        }
    }
}

/* ---- Where NaN came from: the first op with a value that is not finite, found by running
 * the batch forward once more ---- */

struct hunt {
    char where[96];
};

static bool hunt_op(void *ctx, struct tape *t, int32_t node, bool backward)
{
    struct hunt *h = ctx;
    const struct tensor *x = NULL;
    const char *op = NULL, *name = tape_node(t, node, &op, &x);
    if (backward || !x || (op && strcmp(op, "param") == 0))
        return true;
    for (int32_t r = 0; r < tensor_rows(x); r++)
        for (int32_t c = 0; c < tensor_cols(x); c++)
            if (!isfinite(x->x[(size_t)r * (size_t)x->ld + (size_t)c])) {
                struct err text;
                err_set(&text, ST_NUMERIC, "%s%s%s", name ? name : "", name && *name ? " " : "",
                        op ? op : "");
                memcpy(h->where, text.msg, sizeof h->where - 1);
                return false;
            }
    return true;
}

static const char *bad_parameter(const struct learner *l)
{
    for (int i = 0; i < params_n(l->ps); i++) {
        const struct param *p = params_at(l->ps, i);
        for (size_t k = 0, n = param_rows(p) * (size_t)p->ld; k < n; k++)
            if (!isfinite(l->x[p->at + k]))
                return p->name;
    }
    return NULL;
}

static enum status not_finite(struct learner *l, const struct step_info *info, struct err *err)
{
    struct hunt h = {{0}};
    struct learner_work *w = l->work;
    const char *what = isfinite(info->loss) ? "the gradient" : "loss";
    const char *bad = bad_parameter(l);
    for (int s = 0; s < BATCH_SHARDS && !h.where[0] && !bad; s++)
        for (int part = 0; part < w->plan.n_part[s] && !h.where[0]; part++) {
            struct block b;
            memset(&b, 0, sizeof b);
            arena_reset(w->ws[0]->mem);
            batch_fill(l->batcher, &w->plan, s, part, w->ws[0]->mem, &b);
            if (b.n == 0)
                continue;
            struct tape_env env = {.x = l->x,
                                   .seed = l->seed,
                                   .step = l->step,
                                   .row0 = b.row0,
                                   .training = true,
                                   .on_op = hunt_op,
                                   .ctx = &h};
            tape_begin(w->ws[0]->tape, &env);
            model_loss(l->model, l->self, w->ws[0]->tape, &b);
        }
    if (bad)
        err_set(
            err, ST_NUMERIC,
            "%s became %s at step %lld: parameter %s is not finite; stopped before the update",
            what, isnan(info->loss) || isnan(info->grad_norm) ? "nan" : "infinite",
            (long long)l->step + 1, bad);
    else
        err_set(err, ST_NUMERIC, "%s became %s at step %lld (%s); stopped before the update",
                what, isnan(info->loss) || isnan(info->grad_norm) ? "nan" : "infinite",
                (long long)l->step + 1, h.where[0] ? h.where : "in the backward pass");
    return err_hint(err, "diverged", "Try: set lr %.2g", learner_lr(l) / 10);
}

/* ---- B ---- */

static void commit_states(struct learner *l)
{
    for (int k = 0; k < l->work->n_stage; k++) {
        struct state_stage *st = &l->work->stage[k];
        for (size_t r = 0; r < param_rows(st->p); r++)
            if (st->has[r]) {
                memcpy(l->x + st->p->at + r * (size_t)st->p->ld, st->x + r * (size_t)st->p->ld,
                       (size_t)st->p->ld * sizeof *st->x);
                st->has[r] = 0;
            }
    }
}

static enum status backup(struct learner *l, bool restore, struct err *err)
{
    size_t n = params_size(l->ps);
    size_t arrays = 1 + (size_t)l->opt->n_aux;
    if (!restore)
        rows_settle(l, NULL);
    if (!l->work->backup && !restore) {
        l->work->backup = malloc(arrays * n * sizeof(real));
        if (!l->work->backup)
            return err_nomem(err, arrays * n * sizeof(real), "stepping through the update");
    }
    for (size_t k = 0; k < arrays; k++) {
        real *live = k == 0 ? l->x : l->aux[k - 1], *kept = l->work->backup + k * n;
        memcpy(restore ? live : kept, restore ? kept : live, n * sizeof(real));
    }
    if (restore)
        rows_settled(l->work, l->step);
    return ST_OK;
}

/* The update with a stop after each parameter: the same tiles in the same order, hence the
 * same bits. */
static enum status walk_update(struct learner *l, const struct step_watch *watch,
                               const struct optim_step *s, struct err *err)
{
    struct learner_work *w = l->work;
    enum status st = backup(l, false, err);
    if (st != ST_OK)
        return st;
    struct tile *all = w->tile;
    int n = w->n_tile, at = 0;
    for (int i = 0; i < params_n(l->ps) && st == ST_OK; i++) {
        const struct param *p = params_at(l->ps, i);
        size_t end = p->at + param_rows(p) * (size_t)p->ld;
        int count = 0;
        while (at + count < n && all[at + count].at >= p->at && all[at + count].at < end)
            count++;
        if (count == 0)
            continue;
        w->tile = all + at;
        w->n_tile = count;
        update_tiles(l, NULL, s);
        for (int k = 0; k < count; k++)
            if (w->tile[k].rows)
                rows_look(l, &w->tile[k], s->t);
        at += count;
        if (!watch->on_op(watch->ctx, w->shown->tape, i, PH_UPDATE))
            st = err_set(err, ST_CANCELLED, "stopped");
    }
    w->tile = all;
    w->n_tile = n;
    if (st != ST_OK)
        (void)backup(l, true, NULL);
    return st;
}

/* Settings of the coming update; clipping is known later. */
static struct optim_step settings(const struct learner *l, double lr)
{
    struct optim_step s = {
        .t = l->step + 1,
        .lr = (float)lr,
        .decay = hp_float(l->hp, "wd"),
        .clip = 1,
        .beta1 = hp_float(l->hp, "beta1"),
        .beta2 = hp_float(l->hp, "beta2"),
        .eps = hp_float(l->hp, "eps"),
        .momentum = hp_float(l->hp, "momentum"),
        .rho = hp_float(l->hp, "rho"),
    };
    optim_prepare(&s);
    return s;
}

static enum status phase_b(struct learner *l, struct pool *p, const struct step_watch *watch,
                           struct optim_step s, struct step_info *out, struct err *err)
{
    out->grad_norm = sqrt(reduce_shards(l->work, p));
    bool walked = watch && watch->on_op;
    if (walked && !watch->on_op(watch->ctx, l->work->shown->tape, -1, PH_REDUCE))
        return err_set(err, ST_CANCELLED, "stopped");
    bool go_on = !watch || !watch->before_update ||
                 watch->before_update(watch->ctx, l, out->loss, out->grad_norm);
    if (!isfinite(out->loss) || !isfinite(out->grad_norm))
        return not_finite(l, out, err);
    if (!go_on)
        return err_set(err, ST_CANCELLED, "stopped before the update");

    double clip = hp_num(l->hp, "clip");
    if (clip > 0 && out->grad_norm > clip)
        s.clip = (float)(clip / out->grad_norm);
    if (walked) {
        enum status st = walk_update(l, watch, &s, err);
        if (st != ST_OK)
            return st;
    } else {
        update_tiles(l, p, &s);
    }
    rows_done(l->work, s.t);
    commit_states(l);
    l->step++;
    return ST_OK;
}

enum status learner_step(struct learner *l, struct pool *p, const struct step_watch *w,
                         struct step_info *out, struct err *err)
{
    if (!l->batcher)
        return err_set(err, ST_STATE, "%s is counted, not trained: it has no steps",
                       l->model->title);
    enum status st = learner_ready(l, pool_threads(p), err);
    if (st != ST_OK)
        return st;
    struct step_info info = {0};
    struct learner_work *work = l->work;
    st = batcher_plan(l->batcher, l->step, &work->plan, err);
    if (st != ST_OK)
        return st;
    order_shards(work);
    struct step_job j = {
        .l = l, .watch = w, .shown = shown_shard(work, w), .walk = {.watch = w}};
    info.epoch = work->plan.epoch;
    info.lr = learner_lr(l);
    info.n_session = work->plan.n_session;
    info.n_row = work->plan.n_row;
    info.n_query = work->plan.n_query;
    struct optim_step s = settings(l, info.lr);
    rows_begin(l, p, &s);
    st = phase_a(&j, p, err);
    if (st == ST_OK) {
        sum_terms(work, &info);
        st = phase_b(l, p, w, s, &info, err);
    }
    if (st != ST_OK)
        clear_gradients(l);
    info.step = l->step;
    if (out)
        *out = info;
    return st;
}
