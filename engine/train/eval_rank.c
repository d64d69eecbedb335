/* Cases packed into blocks, scored, ranked; see eval_work.h.  Blocks have borders of their
 * own and every case its own place for the result, so figures do not depend on the number of
 * threads. */
#include "engine/base/cancel.h"
#include "engine/train/eval_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_ROWS = 768, CHUNK_CASES = 128, SAMPLED = 100 };

/* ---- A chunk ---- */

struct chunk {
    int64_t from, to;
};
struct job {
    const struct weights *w;
    const struct eval_spec *s;
    enum candidates candidates;
    const struct eval_case *c;
    int64_t first; /* number of c[0]: draws are by number */
    const struct chunk *chunk;
    struct rank_obs *obs;
    double *logp;
    bool softmax;
    const volatile bool *cancel;
    struct workspace *ws[MAX_WORKERS];
    uint8_t *seen[MAX_WORKERS]; /* (n_items+1) marks of the present case */
    enum status status[MAX_WORKERS];
    struct err err[MAX_WORKERS];
    const double *pop_sum; /* pop100: cumulative popularity, [0..n_items] */
};

static void mark(const struct job *j, uint8_t *seen, int32_t session, int32_t n, uint8_t value)
{
    const int32_t *item = j->w->ds->item + j->w->ds->off[session];
    for (int32_t i = 0; i < n; i++)
        seen[item[i]] = value;
}

static void against(struct rank_obs *o, real target, real other)
{
    if (other > target || isnan(other))
        o->rank += 1;
    else if (other == target)
        o->n_tie++;
    o->n_cand++;
}

static void finish_rank(struct rank_obs *o, enum ties ties)
{
    if (ties == TIES_HALF || ties == TIES_MEDIAN) {
        o->rank += 0.5 * o->n_tie;
        if (ties == TIES_MEDIAN)
            o->n_tie = 0;
    } else {
        o->rank += ties == TIES_CONSERVATIVE ? o->n_tie : 0;
        o->n_tie = 0;
    }
}

/* 100 others: uniform with replacement outside the training items (kang205's sampler), or
 * distinct by popularity outside the whole history (BERT4Rec's).  Draws that never succeed
 * are bounded. */
static void rank_sampled(const struct job *j, const real *score, const struct eval_case *c,
                         int64_t number, uint8_t *seen, struct rank_obs *o)
{
    const struct dataset *ds = j->w->ds;
    bool pop = j->candidates == CANDIDATES_POP100;
    int32_t known = pop ? dataset_len(ds, c->session) : j->w->split->train_len[c->session];
    struct rng_key key = rng_key(j->s->seed, number, rng_site("eval.sampled"));
    uint32_t draw = 0;
    int32_t got[SAMPLED], n = 0;
    mark(j, seen, c->session, known, 1);
    if (pop)
        seen[c->target] = 1;
    for (int tries = 0; n < SAMPLED && tries < 100 * SAMPLED; tries++) {
        int32_t item;
        if (pop) {
            double u = (double)rng_uniform(key, draw++) * j->pop_sum[ds->n_items];
            int32_t lo = 1, hi = ds->n_items;
            while (lo < hi) {
                int32_t mid = lo + (hi - lo) / 2;
                if (j->pop_sum[mid] > u)
                    hi = mid;
                else
                    lo = mid + 1;
            }
            item = lo;
        } else {
            item = 1 + (int32_t)rng_below(key, draw++, (uint32_t)ds->n_items);
        }
        if (seen[item])
            continue;
        if (pop)
            seen[item] = 1;
        got[n++] = item;
        if (!pop && item == c->target) { /* legal there: it ties with itself */
            o->n_tie++;
            o->n_cand++;
        } else {
            against(o, score[c->target], score[item]);
        }
    }
    mark(j, seen, c->session, known, 0);
    for (int32_t i = 0; i < n; i++)
        seen[got[i]] = 0;
    seen[c->target] = 0;
}

static void rank_case(const struct job *j, const real *score, int64_t number, uint8_t *seen)
{
    const struct eval_case *c = &j->c[number];
    int32_t v = j->w->ds->n_items;
    const int64_t *known = j->candidates == CANDIDATES_TRAINED ? j->w->split->train_pop : NULL;
    struct rank_obs *o = &j->obs[number];
    *o = (struct rank_obs){.rank = 1, .n_cand = 1, .target = c->target, .session = c->session};
    if (j->candidates >= CANDIDATES_UNI100) {
        rank_sampled(j, score, c, j->first + number, seen, o);
    } else if (j->s->exclude_seen || known) {
        int32_t n_seen = j->s->exclude_seen ? c->n_prefix : 0;
        mark(j, seen, c->session, n_seen, 1);
        for (int32_t i = 1; i <= v; i++)
            if (i != c->target && !seen[i] && (!known || known[i] > 0))
                against(o, score[c->target], score[i]);
        mark(j, seen, c->session, n_seen, 0);
    } else {
        real t = score[c->target];
        int32_t above = 0, ties = -1; /* the target ties with itself */
        for (int32_t i = 1; i <= v; i++) {
            above += !(score[i] <= t);
            ties += score[i] == t;
        }
        o->rank += above;
        o->n_tie = ties > 0 ? ties : 0;
        o->n_cand = v;
    }
    finish_rank(o, j->s->ties);
    if (j->logp)
        j->logp[number] =
            j->softmax ? (double)score[c->target] - (double)kern()->logsumexp(score, v + 1)
                       : (double)NAN;
}

/* Whose sessions they are, where the session has a part that trains; else nobody known. */
static bool fill_users(const struct job *j, const int32_t *session, struct workspace *ws,
                       struct block *b)
{
    const struct dataset *ds = j->w->ds;
    const struct split *sp = j->w->split;
    int32_t *user = arena_raw(ws->mem, ((size_t)b->n + 1) * sizeof *user);
    for (int32_t i = 0; user && i < b->n; i++) {
        int32_t s = session[i];
        user[i] = !sp || sp->train_len[s] < 2 ? 0 : ds->user ? ds->user[s] : s + 1;
    }
    b->user = user;
    return user != NULL;
}

static bool same_prefix(const struct eval_case *a, const struct eval_case *b)
{
    return a->session == b->session && a->n_prefix == b->n_prefix;
}

/* The prefixes of a chunk as one block, answered at their ends; cases that ask for several
 * items after the same prefix share a row. */
static bool fill_prefixes(const struct job *j, const struct chunk *ch, struct workspace *ws,
                          struct block *b, int32_t **row_of)
{
    const struct dataset *ds = j->w->ds;
    int32_t n = (int32_t)(ch->to - ch->from), k = 0;
    const int32_t **item = arena_raw(ws->mem, (size_t)n * sizeof *item);
    int32_t *len = arena_raw(ws->mem, (size_t)n * sizeof *len),
            *session = arena_raw(ws->mem, (size_t)n * sizeof *session);
    *row_of = arena_raw(ws->mem, (size_t)n * sizeof **row_of);
    if (!item || !len || !session || !*row_of)
        return false;
    for (int32_t i = 0; i < n; i++) {
        const struct eval_case *c = &j->c[ch->from + i];
        if (i == 0 || !same_prefix(c, c - 1)) {
            item[k] = ds->item + ds->off[c->session];
            len[k] = c->n_prefix;
            session[k++] = c->session;
        }
        (*row_of)[i] = k - 1;
    }
    block_many(b, k, item, len, &j->w->spec, ws->mem);
    return b->n == k && fill_users(j, session, ws, b);
}

/* The sessions of a chunk, answered in place: one row a case, -1 where it lies before the
 * window. */
static bool fill_in_place(const struct job *j, const struct chunk *ch, struct workspace *ws,
                          struct block *b, int32_t **row_of)
{
    const struct dataset *ds = j->w->ds;
    int32_t n = (int32_t)(ch->to - ch->from), k = 0, q = 0;
    const int32_t **item = arena_raw(ws->mem, (size_t)n * sizeof *item);
    int32_t *len = arena_raw(ws->mem, (size_t)n * sizeof *len),
            *which = arena_raw(ws->mem, (size_t)n * sizeof *which);
    int32_t *query = arena_raw(ws->mem, (size_t)n * sizeof *query),
            *qs = arena_raw(ws->mem, (size_t)n * sizeof *qs);
    float *weight = arena_raw(ws->mem, (size_t)n * sizeof *weight);
    *row_of = arena_raw(ws->mem, (size_t)n * sizeof **row_of);
    if (!item || !len || !which || !query || !qs || !weight || !*row_of)
        return false;
    for (int32_t i = 0; i < n; i++) {
        const struct eval_case *c = &j->c[ch->from + i];
        if (i == 0 || c->session != j->c[ch->from + i - 1].session) {
            item[k] = ds->item + ds->off[c->session];
            len[k++] = 0;
        }
        which[i] = k - 1;
        if (c->n_prefix > len[k - 1])
            len[k - 1] = c->n_prefix;
    }
    block_many(b, k, item, len, &j->w->spec, ws->mem);
    if (b->n != k)
        return false;
    for (int32_t i = 0; i < n; i++) {
        int32_t s = which[i], row = b->off[s + 1] - 1 - (len[s] - j->c[ch->from + i].n_prefix);
        (*row_of)[i] = row >= b->off[s] ? q : -1;
        if (row < b->off[s])
            continue;
        query[q] = row;
        qs[q] = s;
        weight[q++] = 1;
    }
    b->query = query;
    b->query_session = qs;
    b->weight = weight;
    b->n_query = q;
    return true;
}

static void run_chunk(void *ctx, int task, int worker)
{
    struct job *j = ctx;
    const struct chunk *ch = &j->chunk[task];
    struct workspace *ws = j->ws[worker];
    if (j->status[worker] != ST_OK)
        return;
    if (cancel_asked(j->cancel)) {
        j->status[worker] = err_set(&j->err[worker], ST_CANCELLED, "evaluation cancelled");
        return;
    }
    struct block b;
    int32_t *row_of = NULL;
    memset(&b, 0, sizeof b);
    arena_reset(ws->mem);
    bool ok = j->s->in_place ? fill_in_place(j, ch, ws, &b, &row_of)
                             : fill_prefixes(j, ch, ws, &b, &row_of);
    if (!ok) {
        j->status[worker] = err_nomem(&j->err[worker], arena_used(ws->mem), "evaluation");
        return;
    }
    struct tape_env env = {.x = j->w->x,
                           .seed = j->w->seed,
                           .step = j->w->step,
                           .patch = j->s->patch,
                           .n_patch = j->s->n_patch,
                           .set = -1};
    tape_begin(ws->tape, &env);
    struct tensor *s = b.n_query ? model_score(j->w->model, j->w->self, ws->tape, &b) : NULL;
    j->status[worker] = tape_check(ws->tape, &j->err[worker]);
    for (int64_t i = ch->from; i < ch->to && j->status[worker] == ST_OK; i++) {
        int32_t row = row_of[i - ch->from];
        if (row < 0)
            j->obs[i] = (struct rank_obs){.target = j->c[i].target, .session = j->c[i].session};
        else
            rank_case(j, s->x + (size_t)row * (size_t)s->ld, i, j->seen[worker]);
    }
}

/* ---- The whole ---- */

static enum status make_chunks(struct chunk **out, int *n_out, const struct eval_case *c,
                               int64_t n, const struct weights *w, bool in_place,
                               struct err *err)
{
    size_t bytes = ((size_t)n + 1) * sizeof **out;
    *out = malloc(bytes);
    *n_out = 0;
    if (!*out)
        return err_nomem(err, bytes, "evaluation");
    int64_t most = (int64_t)2000000 / (w->ds->n_items + 1); /* scores at a time: 8 MB */
    most = most < 1 ? 1 : most > CHUNK_CASES ? CHUNK_CASES : most;
    int64_t rows = 0, from = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t len = c[i].n_prefix;
        if (w->spec.max_len > 0 && len > w->spec.max_len)
            len = w->spec.max_len;
        if (!in_place && i > from && same_prefix(&c[i], &c[i - 1]))
            len = 0;
        bool border = !in_place || i == 0 || c[i].session != c[i - 1].session;
        if (i > from && border && (rows + len > CHUNK_ROWS || i - from >= most)) {
            (*out)[(*n_out)++] = (struct chunk){from, i};
            from = i;
            rows = 0;
        }
        rows += len;
    }
    if (n > from)
        (*out)[(*n_out)++] = (struct chunk){from, n};
    return ST_OK;
}

enum status eval_cases(const struct weights *w, const struct eval_spec *s,
                       const struct eval_case *c, int64_t first, int64_t n, struct pool *p,
                       const volatile bool *cancel, struct rank_obs *obs, double *logp,
                       struct err *err)
{
    struct job *j = calloc(1, sizeof *j);
    struct chunk *chunk = NULL;
    double *pop = NULL;
    int n_chunk = 0, workers = pool_threads(p);
    if (!j)
        return err_nomem(err, sizeof *j, "evaluation");
    *j = (struct job){.w = w,
                      .s = s,
                      .c = c,
                      .first = first,
                      .obs = obs,
                      .logp = logp,
                      .cancel = cancel,
                      .candidates = protocol_def(s->protocol)->candidates,
                      .softmax = (model_traits(w->model, w->self) & MODEL_SOFTMAX) != 0};
    enum status st = make_chunks(&chunk, &n_chunk, c, n, w, s->in_place, err);
    if (st == ST_OK && j->candidates == CANDIDATES_POP100) {
        size_t bytes = ((size_t)w->ds->n_items + 1) * sizeof *pop;
        pop = malloc(bytes);
        st = pop ? ST_OK : err_nomem(err, bytes, "evaluation");
        for (int32_t i = 0; st == ST_OK && i <= w->ds->n_items; i++)
            pop[i] = i ? pop[i - 1] + (double)w->ds->popularity[i] : 0;
    }
    j->chunk = chunk;
    j->pop_sum = pop;
    for (int i = 0; i < workers && st == ST_OK; i++) {
        st = shared_workspace(weights_shared(w), &j->ws[i], err);
        if (st == ST_OK && !(j->seen[i] = calloc((size_t)w->ds->n_items + 1, 1)))
            st = err_nomem(err, (unsigned long long)w->ds->n_items, "evaluation");
    }
    if (st == ST_OK)
        pool_run(p, n_chunk, run_chunk, j);
    for (int i = 0; i < workers; i++) {
        if (st == ST_OK && j->status[i] != ST_OK) {
            st = j->status[i];
            if (err)
                *err = j->err[i];
        }
        shared_give(weights_shared(w), j->ws[i]);
        free(j->seen[i]);
    }
    free(pop);
    free(chunk);
    free(j);
    return st;
}
