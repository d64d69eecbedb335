/* Birth, copies and settings of a learner; what it shares with its clones and published
 * weights.  The step is learner_step.c. */
#include "engine/train/learner_work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *phase_name(enum phase p)
{
    static const char *const names[] = {"forward", "head", "backward", "reduce", "update"};
    return names[p];
}

/* ---- Shared by a model's learners and weights ---- */

static enum status shared_new(struct learner_shared **out, struct err *err)
{
    struct learner_shared *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err, sizeof *s, "learner");
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    enum status st = arena_new(&s->mem, 0, err);
    return st == ST_OK ? params_new(&s->ps, err) : st;
}

struct learner_shared *shared_ref(struct learner_shared *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

static void workspace_free(struct workspace *w)
{
    tape_free(w->tape);
    arena_free(w->mem);
    free(w);
}

void shared_unref(struct learner_shared *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (struct workspace *w = s->spare, *next; w; w = next) {
        next = w->next;
        workspace_free(w);
    }
    for (int i = 0; i < s->n_block; i++)
        params_block_free(s->ps, s->block[i]);
    params_free(s->ps);
    arena_free(s->mem);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

enum status shared_workspace(struct learner_shared *s, struct workspace **out, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    struct workspace *w = s->spare;
    if (w)
        s->spare = w->next;
    pthread_mutex_unlock(&s->lock);
    *out = w;
    if (w)
        return ST_OK;
    w = calloc(1, sizeof *w);
    if (!w)
        return err_nomem(err, sizeof *w, "workspace");
    enum status st = tape_new(&w->tape, (size_t)1 << 20, err);
    if (st == ST_OK)
        st = arena_new(&w->mem, (size_t)1 << 16, err);
    if (st != ST_OK) {
        workspace_free(w);
        return st;
    }
    *out = w;
    return ST_OK;
}

void shared_give(struct learner_shared *s, struct workspace *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&s->lock);
    w->next = s->spare;
    s->spare = w;
    pthread_mutex_unlock(&s->lock);
}

real *shared_block(struct learner_shared *s)
{
    pthread_mutex_lock(&s->lock);
    real *b = s->n_block ? s->block[--s->n_block] : NULL;
    pthread_mutex_unlock(&s->lock);
    return b ? b : params_block_new(s->ps);
}

void shared_give_block(struct learner_shared *s, real *block)
{
    if (!block)
        return;
    pthread_mutex_lock(&s->lock);
    bool kept = s->n_block < (int)(sizeof s->block / sizeof *s->block);
    if (kept)
        s->block[s->n_block++] = block;
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        params_block_free(s->ps, block);
}

/* Batches differ in size: what a larger one will need is reserved while the run warms up, so
 * that later steps ask the system for nothing. */
void workspace_room(struct workspace *w)
{
    size_t tape = arena_used(tape_arena(w->tape)), block = arena_used(w->mem);
    if (tape + block <= w->peak)
        return;
    (void)arena_raw(tape_arena(w->tape), tape / 2);
    (void)arena_raw(w->mem, block / 2);
    w->peak = tape + tape / 3 + block + block / 3;
}

/* ---- A model's functions with their defaults ---- */

void model_loss(const struct model_def *m, const void *self, struct tape *t,
                const struct block *b)
{
    if (m->loss)
        m->loss(self, t, b);
    else
        op_head(t, m->encode(self, t, b), m->head(self), b);
}

struct tensor *model_score(const struct model_def *m, const void *self, struct tape *t,
                           const struct block *b)
{
    return m->score ? m->score(self, t, b)
                    : op_head_scores(t, m->encode(self, t, b), m->head(self));
}

uint32_t model_traits(const struct model_def *m, const void *self)
{
    return m->traits ? m->traits(self) : m->flags;
}

struct tensor *learner_score(const struct learner *l, struct tape *t, const struct block *b)
{
    struct tape_env env = {.x = l->x, .seed = l->seed, .step = l->step};
    learner_settle(l, NULL);
    tape_begin(t, &env);
    return model_score(l->model, l->self, t, b);
}

/* ---- Learners ---- */

static enum status parts_new(struct learner *l, const struct hparams *hp, struct err *err)
{
    l->self = calloc(1, l->model->self_size ? l->model->self_size : 1);
    l->work = calloc(1, sizeof *l->work);
    if (!l->self || !l->work)
        return err_nomem(err, sizeof *l->work, "learner");
    return hparams_copy(&l->hp, hp, err);
}

static enum status aux_new(struct learner *l, struct err *err)
{
    l->aux = calloc((size_t)l->opt->n_aux + 1, sizeof *l->aux);
    if (!l->aux)
        return err_nomem(err, sizeof *l->aux, "optimiser");
    size_t n = params_size(l->ps);
    for (int k = 0; k < l->opt->n_aux; k++) {
        l->aux[k] = params_block_new(l->ps);
        if (!l->aux[k])
            return err_nomem(err, n * sizeof(real), "optimiser");
        /* zeros too: a first touch of a page is dear, and a rare row's would come in a step */
        for (size_t i = 0; i < n; i++)
            l->aux[k][i] = (real)l->opt->aux_init;
    }
    return ST_OK;
}

enum status learner_new(struct learner **out, const struct model_def *m,
                        const struct hparams *hp, const struct split *split, uint64_t seed,
                        struct err *err)
{
    *out = NULL;
    struct learner *l = calloc(1, sizeof *l);
    if (!l)
        return err_nomem(err, sizeof *l, "learner");
    l->model = m;
    l->split = split;
    l->ds = split->ds;
    l->seed = seed;
    enum status st = parts_new(l, hp, err);
    if (st == ST_OK)
        st = shared_new(&l->work->shared, err);
    if (st == ST_OK) {
        struct learner_shared *s = l->work->shared;
        l->ps = s->ps;
        l->mem = s->mem;
        struct model_env env = {.ds = l->ds, .split = split, .hp = l->hp, .mem = s->mem};
        st = m->init(l->self, l->ps, &env, err);
    }
    if (st == ST_OK)
        st = params_build(l->ps, seed, &l->x, err);
    if (st == ST_OK && !(m->flags & MODEL_BASELINE)) {
        struct batch_spec spec = {0};
        m->spec(l->self, &spec);
        l->opt = optim_defs[hp_enum(l->hp, "opt")];
        st = aux_new(l, err);
        if (st == ST_OK)
            st = batcher_new(&l->batcher, split, &spec, seed, err);
    }
    if (st != ST_OK) {
        learner_free(l);
        return st;
    }
    *out = l;
    return ST_OK;
}

void learner_free(struct learner *l)
{
    if (!l)
        return;
    batcher_free(l->batcher);
    for (int k = 0; l->aux && k < l->opt->n_aux; k++)
        if (l->aux[k])
            params_block_free(l->ps, l->aux[k]);
    free(l->aux);
    if (l->x)
        params_block_free(l->ps, l->x);
    learner_work_free(l->work); /* last: it may hold the last reference to the declarations */
    hparams_free(l->hp);
    free(l->self);
    free(l);
}

enum status learner_clone(struct learner **out, const struct learner *l, struct err *err)
{
    *out = NULL;
    struct learner *c = calloc(1, sizeof *c);
    if (!c)
        return err_nomem(err, sizeof *c, "learner");
    learner_settle(l, NULL);
    c->model = l->model;
    c->ds = l->ds;
    c->split = l->split;
    c->seed = l->seed;
    c->step = l->step;
    c->ps = l->ps;
    c->mem = l->mem;
    enum status st = parts_new(c, l->hp, err);
    if (st == ST_OK) {
        memcpy(c->self, l->self, l->model->self_size);
        c->work->shared = shared_ref(l->work->shared);
        size_t bytes = params_size(l->ps) * sizeof(real);
        c->x = params_block_new(c->ps);
        if (!c->x)
            st = err_nomem(err, bytes, "parameters");
        else
            memcpy(c->x, l->x, bytes);
        if (st == ST_OK && l->opt) {
            c->opt = l->opt;
            st = aux_new(c, err);
            for (int k = 0; st == ST_OK && k < l->opt->n_aux; k++)
                memcpy(c->aux[k], l->aux[k], bytes);
        }
    }
    if (st == ST_OK && l->batcher)
        st = batcher_clone(&c->batcher, l->batcher, err);
    for (int i = 0; st == ST_OK && i < l->work->n_change; i++) {
        const struct setting_change *ch = &l->work->change[i];
        st = learner_note_change(c, ch->step, ch->name, ch->value, err);
    }
    if (st != ST_OK) {
        learner_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

enum status learner_note_change(struct learner *l, int64_t step, const char *name,
                                const char *value, struct err *err)
{
    struct learner_work *w = l->work;
    if (w->n_change == w->cap_change) {
        int cap = w->cap_change ? 2 * w->cap_change : 8;
        struct setting_change *more = realloc(w->change, (size_t)cap * sizeof *more);
        if (!more)
            return err_nomem(err, (size_t)cap * sizeof *more, "setting changes");
        w->change = more;
        w->cap_change = cap;
    }
    struct setting_change *c = &w->change[w->n_change++];
    c->step = step;
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->value, sizeof c->value, "%s", value);
    return ST_OK;
}

enum status learner_set(struct learner *l, const char *name, const char *value, struct err *err)
{
    const struct hparam_def *d = hparams_def(l->hp, name);
    if (d && !d->live) {
        err_set(err, ST_STATE, "%s applies to a new model only", name);
        return err_hint(err, "later", "Try: model new %s %s=%s", l->model->name, name, value);
    }
    struct hparams *next;
    enum status st = hparams_copy(&next, l->hp, err);
    if (st != ST_OK)
        return st;
    st = hparams_set(next, name, value, err);
    if (st == ST_OK)
        st = learner_note_change(l, l->step, name, value, err);
    if (st != ST_OK) {
        hparams_free(next);
        return st;
    }
    hparams_free(l->hp);
    l->hp = next;
    if (l->model->tune)
        l->model->tune(l->self, l->hp);
    if (l->batcher) {
        struct batch_spec spec = {0};
        l->model->spec(l->self, &spec);
        batcher_spec(l->batcher, &spec);
    }
    return ST_OK;
}

void learner_settle(const struct learner *l, struct pool *p)
{
    if (l->work)
        rows_settle(l, p);
}

void learner_sha256(const struct learner *l, char hex[65])
{
    learner_settle(l, NULL);
    params_sha256(l->ps, l->x, hex);
}

int64_t learner_steps_per_epoch(const struct learner *l)
{
    return l->batcher ? batcher_per_epoch(l->batcher) : 0;
}

/* ---- What a step needs, made at the first one ---- */

static enum status stages_new(struct learner *l, struct err *err)
{
    struct learner_work *w = l->work;
    int n = 0;
    for (int i = 0; i < params_n(l->ps); i++)
        n += (params_at(l->ps, i)->flags & PARAM_STATE) != 0;
    if (n == 0)
        return ST_OK;
    w->stage = calloc((size_t)n, sizeof *w->stage);
    if (!w->stage)
        return err_nomem(err, (size_t)n * sizeof *w->stage, "carried states");
    for (int i = 0; i < params_n(l->ps); i++) {
        const struct param *p = params_at(l->ps, i);
        if (!(p->flags & PARAM_STATE))
            continue;
        struct state_stage *s = &w->stage[w->n_stage++];
        size_t bytes = param_rows(p) * (size_t)p->ld * sizeof(real);
        s->p = p;
        s->x = calloc(1, bytes);
        s->has = calloc(1, param_rows(p));
        if (!s->x || !s->has)
            return err_nomem(err, bytes, "carried states");
    }
    return ST_OK;
}

static enum status head_new(struct learner *l, struct err *err)
{
    struct learner_work *w = l->work;
    if (w->head || w->plain_tables || !l->model->head ||
        !head_wants_batch(l->model->head(l->self)))
        return ST_OK;
    enum status st = head_batch_new(&w->head, err);
    for (int s = 0; s < BATCH_SHARDS && st == ST_OK; s++)
        if (!w->head_ws[s])
            st = shared_workspace(w->shared, &w->head_ws[s], err);
    return st;
}

enum status learner_ready(struct learner *l, int workers, struct err *err)
{
    struct learner_work *w = l->work;
    enum status st = ST_OK;
    if (!w->ready) {
        for (int s = 0; s < BATCH_SHARDS; s++)
            if (!w->g[s] && !(w->g[s] = params_block_new(l->ps)))
                return err_nomem(err, params_size(l->ps) * sizeof(real), "gradients");
        if (!w->table)
            st = row_tables_make(l, err);
        if (st == ST_OK && !w->tile)
            st = tiles_make(w, l->ps, &w->tile, &w->n_tile, err);
        if (st == ST_OK && !w->tile_sum &&
            !(w->tile_sum = calloc((size_t)w->n_tile + 1, sizeof *w->tile_sum)))
            return err_nomem(err, (size_t)w->n_tile * sizeof *w->tile_sum, "update plan");
        if (st == ST_OK && !w->stage)
            st = stages_new(l, err);
        if (st == ST_OK && !w->shown)
            st = shared_workspace(w->shared, &w->shown, err);
        w->ready = st == ST_OK;
    }
    if (st == ST_OK) /* each time: a live setting may have changed the loss */
        st = head_new(l, err);
    for (; st == ST_OK && w->n_ws < workers && w->n_ws < MAX_WORKERS; w->n_ws++)
        st = shared_workspace(w->shared, &w->ws[w->n_ws], err);
    return st;
}

void learner_work_free(struct learner_work *w)
{
    if (!w)
        return;
    for (int s = 0; s < BATCH_SHARDS; s++)
        if (w->g[s])
            params_block_free(w->shared->ps, w->g[s]);
    for (int k = 0; k < w->n_stage; k++) {
        free(w->stage[k].x);
        free(w->stage[k].has);
    }
    free(w->stage);
    row_tables_free(w);
    head_batch_free(w->head);
    for (int s = 0; s < BATCH_SHARDS; s++)
        shared_give(w->shared, w->head_ws[s]);
    free(w->tile);
    free(w->tile_sum);
    free(w->backup);
    free(w->change);
    for (int i = 0; i < w->n_ws; i++)
        shared_give(w->shared, w->ws[i]);
    if (w->shared)
        shared_give(w->shared, w->shown);
    shared_unref(w->shared);
    free(w);
}
