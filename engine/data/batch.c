/* The plan of a batch: which samples, in which shard and part, and what the loss divides
 * by.  What a sample is and how a block is filled is the kind's own file (batch_<kind>.c);
 * typed sessions are in block.c. */
#include "engine/data/batch_impl.h"

#include <stdlib.h>
#include <string.h>

/* A row's matrix products against one pair of rows in attention, roughly */
enum { COST_ROW = 128 };

static const struct batch_ops *const kinds[] = {
    [BATCH_SESSIONS] = &ops_sessions, [BATCH_WINDOWS] = &ops_windows,   [BATCH_PARALLEL] = NULL,
    [BATCH_CLOZE] = &ops_cloze,       [BATCH_PREFIXES] = &ops_prefixes,
};

int32_t spec_targets(const struct batch_spec *s)
{
    return s->n_target == 0 || s->kind == BATCH_PREFIXES || s->kind == BATCH_CLOZE
               ? 1
               : s->n_target;
}

int32_t place_of(const struct batch_spec *s, int32_t t, int32_t len)
{
    return s->pos == POS_FROM_END && s->max_len > 0 ? s->max_len - len + t : t;
}

/* ---- life ---- */

static enum status find_sessions(struct batcher *b, struct err *err)
{
    const struct split *sp = b->sp;
    if (sp->n_train == 0)
        return err_set(err, ST_ARG,
                       "nothing to train on: no session of \"%.60s\" has two training items",
                       sp->ds->name);
    b->who = calloc((size_t)sp->n_train, sizeof *b->who);
    b->first = calloc((size_t)sp->n_train + 1, sizeof *b->first);
    if (!b->who || !b->first)
        return err_nomem(err, (size_t)sp->n_train * 12, "batches");
    for (int32_t s = 0; s < sp->ds->n_sessions; s++)
        if (sp->train_len[s] >= 2)
            b->who[b->n_who++] = s;
    return ST_OK;
}

enum status batcher_new(struct batcher **out, const struct split *sp,
                        const struct batch_spec *s, uint64_t seed, struct err *err)
{
    *out = NULL;
    struct batcher *b = calloc(1, sizeof *b);
    if (!b)
        return err_nomem(err, sizeof *b, "batches");
    b->sp = sp;
    b->seed = seed;
    b->order_epoch = -1;
    b->lanes.step = b->after.step = -1;
    enum status st = find_sessions(b, err);
    if (st == ST_OK)
        st = negatives_new(&b->table, sp->train_pop, sp->ds->n_items, err);
    if (st == ST_OK) {
        batcher_spec(b, s);
        st = b->trouble.code;
        if (st != ST_OK)
            err_set(err, st, "%s", b->trouble.msg);
    }
    if (st != ST_OK)
        batcher_free(b);
    else
        *out = b;
    return st;
}

void batcher_free(struct batcher *b)
{
    if (!b)
        return;
    negatives_free(b->table);
    free(b->who);
    free(b->first);
    free(b->order);
    free(b->piece);
    free(b->sorted);
    free(b->shard_of);
    free(b->part_at);
    free(b->part_row);
    free(b->shared);
    free(b->lanes.lane);
    free(b->after.lane);
    free(b->by_time);
    free(b->draw.order);
    free(b);
}

enum status batcher_clone(struct batcher **out, const struct batcher *b, struct err *err)
{
    return batcher_new(out, b->sp, &b->s, b->seed, err); /* all else follows from the step */
}

const void *batcher_state(const struct batcher *b, size_t *size)
{
    (void)b;
    *size = 0;
    return NULL;
}

enum status batcher_restore(struct batcher *b, const void *state, size_t size, struct err *err)
{
    (void)b;
    (void)state;
    return size == 0 ? ST_OK
                     : err_set(err, ST_FORMAT, "batch state of %zu bytes, expected none", size);
}

/* ---- what a spec needs ---- */

static bool grow(void **p, size_t n, size_t size)
{
    void *q = realloc(*p, n * size);
    if (q)
        *p = q;
    return q != NULL;
}

static enum status make_room(struct batcher *b, int32_t n, struct err *err)
{
    if (n <= b->cap)
        return ST_OK;
    size_t k = (size_t)n;
    if (!grow((void **)&b->piece, k, sizeof *b->piece) ||
        !grow((void **)&b->sorted, k, sizeof *b->sorted) ||
        !grow((void **)&b->shard_of, k, sizeof *b->shard_of) ||
        !grow((void **)&b->part_at, k + 1, sizeof *b->part_at) ||
        !grow((void **)&b->part_row, k + 1, sizeof *b->part_row))
        return err_nomem(err, k * sizeof *b->piece * 2, "a batch");
    b->cap = n;
    return ST_OK;
}

static enum status check_spec(const struct batch_spec *s, const struct dataset *ds,
                              struct err *err)
{
    if (s->size < 1)
        return err_set(err, ST_ARG, "a batch must have 1 or more samples, got %d", s->size);
    if (s->kind != BATCH_SESSIONS && s->kind != BATCH_PARALLEL && s->max_len < 1)
        return err_set(err, ST_ARG, "maxlen must be 1 or more, got %d", s->max_len);
    if (s->max_len < 0 || s->n_neg < 0)
        return err_set(err, ST_ARG, "maxlen and the number of negatives cannot be negative");
    if (s->n_neg > 0 && ds->n_items < 1)
        return err_set(err, ST_ARG, "no items to draw negatives from");
    return ST_OK;
}

static enum status count_samples(struct batcher *b, struct err *err)
{
    const struct batch_ops *ops = kinds[b->s.kind];
    for (int32_t i = 0; i < b->n_who; i++)
        b->first[i + 1] = b->first[i] + ops->samples(b, b->who[i]);
    int64_t n = b->first[b->n_who];
    if (n < 1)
        return err_set(err, ST_ARG, "nothing to train on: \"%.60s\" gives no training sample",
                       b->sp->ds->name);
    if (n > INT32_MAX)
        return err_set(err, ST_ARG, "%lld training samples are more than an epoch can have",
                       (long long)n);
    if (n > b->order_cap) {
        if (!grow((void **)&b->order, (size_t)n, sizeof *b->order))
            return err_nomem(err, (size_t)n * sizeof *b->order, "the order of an epoch");
        b->order_cap = n;
    }
    if ((int32_t)n != b->n_samples)
        b->order_epoch = -1;
    b->n_samples = (int32_t)n;
    b->per_epoch = (n + b->s.size - 1) / b->s.size;
    return make_room(b, n < b->s.size ? (int32_t)n : b->s.size, err);
}

static enum status prepare(struct batcher *b, struct err *err)
{
    enum status st = check_spec(&b->s, b->sp->ds, err);
    if (st != ST_OK)
        return st;
    negatives_alpha(b->table, b->s.neg_alpha);
    int64_t columns = b->s.n_neg;
    if (b->s.kind == BATCH_PARALLEL)
        columns += (int64_t)b->s.size * (b->s.bptt > 1 ? b->s.bptt : 1);
    if (b->s.neg_cols == NEG_BATCH && columns > b->shared_cap) {
        if (columns > INT32_MAX ||
            !grow((void **)&b->shared, (size_t)columns, sizeof *b->shared))
            return err_nomem(err, (unsigned long long)columns * sizeof *b->shared,
                             "shared negatives");
        b->shared_cap = (int32_t)columns;
    }
    if (b->s.kind != BATCH_PARALLEL)
        return count_samples(b, err);
    int64_t pieces =
        columns < INT32_MAX ? (int64_t)b->s.size * (b->s.bptt > 1 ? b->s.bptt : 1) : INT32_MAX;
    st = make_room(b, (int32_t)pieces, err);
    return st == ST_OK ? parallel_prepare(b, err) : st;
}

void batcher_spec(struct batcher *b, const struct batch_spec *s)
{
    if (memcmp(&b->s, s, sizeof *s) == 0 && b->trouble.code == ST_OK)
        return;
    b->s = *s;
    b->trouble.code = ST_OK;
    b->trouble.code = prepare(b, &b->trouble);
}

int64_t batcher_per_epoch(const struct batcher *b)
{
    return b->per_epoch;
}

/* ---- the plan ---- */

static void shuffle_epoch(struct batcher *b, int64_t epoch)
{
    if (b->s.dupe > 0) /* shuffled once, then in the same order again and again */
        epoch = 0;
    if (epoch == b->order_epoch)
        return;
    struct rng_key key = rng_key(b->seed, epoch, rng_site("batch.order"));
    for (int32_t i = 0; i < b->n_samples; i++)
        b->order[i] = i;
    for (int32_t i = b->n_samples - 1; i > 0; i--) {
        int32_t j = (int32_t)rng_below(key, (uint32_t)i, (uint32_t)i + 1), x = b->order[i];
        b->order[i] = b->order[j];
        b->order[j] = x;
    }
    b->order_epoch = epoch;
}

/* The session whose samples include number i: the last with first <= i. */
static int32_t session_index(const struct batcher *b, int32_t i)
{
    int32_t lo = 0, hi = b->n_who;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (b->first[mid] <= i)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static int64_t cost_of(const struct piece *p)
{
    return (int64_t)p->rows * COST_ROW + (int64_t)p->rows * p->rows;
}

/* Longest first, ties by place in the batch, each into the shard that costs least so far. */
static void deal(struct batcher *b, int32_t n)
{
    int32_t *index = b->part_row; /* free until the parts are cut */
    int32_t longest = 0;
    for (int32_t i = 0; i < n; i++) {
        index[i] = i;
        longest = b->piece[i].rows > longest ? b->piece[i].rows : longest;
    }
    /* Binary radix sort by rows, descending and stable; passes for the bits that occur. */
    int32_t *to = b->part_at;
    for (int bit = 0; longest >> bit > 0; bit++) {
        int32_t at = 0;
        for (int want = 1; want >= 0; want--)
            for (int32_t i = 0; i < n; i++)
                if ((b->piece[index[i]].rows >> bit & 1) == want)
                    to[at++] = index[i];
        int32_t *swap = index;
        index = to;
        to = swap;
    }
    int64_t *cost = b->plan.cost;
    int32_t count[BATCH_SHARDS] = {0};
    for (int32_t i = 0; i < n; i++) {
        int best = 0;
        for (int k = 1; k < BATCH_SHARDS; k++)
            if (cost[k] < cost[best])
                best = k;
        cost[best] += cost_of(&b->piece[index[i]]);
        b->shard_of[index[i]] = best;
        count[best]++;
    }
    int32_t at[BATCH_SHARDS];
    b->shard_first[0] = 0;
    for (int k = 0; k < BATCH_SHARDS; k++) {
        at[k] = b->shard_first[k];
        b->shard_first[k + 1] = b->shard_first[k] + count[k];
    }
    for (int32_t i = 0; i < n; i++)
        b->sorted[at[b->shard_of[index[i]]]++] = b->piece[index[i]];
}

/* A part is closed when the next piece would take it beyond PART_ROWS. */
static void cut_parts(struct batcher *b)
{
    int32_t parts = 0, row = 0;
    for (int k = 0; k < BATCH_SHARDS; k++) {
        b->part_first[k] = parts;
        int32_t rows = PART_ROWS + 1;
        for (int32_t i = b->shard_first[k]; i < b->shard_first[k + 1]; i++) {
            if (rows + b->sorted[i].rows > PART_ROWS) {
                b->part_at[parts] = i;
                b->part_row[parts++] = row;
                rows = 0;
            }
            rows += b->sorted[i].rows;
            row += b->sorted[i].rows;
        }
        b->plan.n_part[k] = parts - b->part_first[k];
    }
    b->part_first[BATCH_SHARDS] = parts;
}

static void draw_shared(struct batcher *b)
{
    b->n_shared = 0;
    if (b->s.neg_cols != NEG_BATCH || b->s.n_neg == 0)
        return;
    negatives_fill(b->table, rng_key(b->seed, b->plan.step, rng_site("batch.shared")), 0,
                   b->s.n_neg, NULL, NULL, b->shared);
    b->n_shared = b->s.n_neg;
}

static int32_t take_samples(struct batcher *b, int64_t epoch, int64_t index)
{
    const struct batch_ops *ops = kinds[b->s.kind];
    int64_t from = index * b->s.size, to = from + b->s.size;
    if (to > b->n_samples)
        to = b->n_samples;
    shuffle_epoch(b, epoch);
    for (int64_t i = from; i < to; i++) {
        int32_t sample = b->order[i], w = session_index(b, sample);
        struct piece *p = &b->piece[i - from];
        *p = (struct piece){.session = b->who[w], .k = sample - (int32_t)b->first[w]};
        ops->piece(b, (int32_t)epoch, p->k, p);
        b->plan.n_row += p->rows;
        b->plan.n_query += p->n_query;
        b->n_counted += p->n_target;
    }
    return (int32_t)(to - from);
}

enum status batcher_plan(struct batcher *b, int64_t step, struct batch *out, struct err *err)
{
    if (b->trouble.code != ST_OK)
        return err_set(err, b->trouble.code, "%s", b->trouble.msg);
    int64_t epoch = step / b->per_epoch;
    if (step < 0 || epoch > INT32_MAX)
        return err_set(err, ST_ARG, "there is no batch number %lld", (long long)step);
    b->plan = (struct batch){
        .step = step, .epoch_step = step % b->per_epoch, .epoch = (int32_t)epoch};
    b->n_counted = 0;
    if (b->s.kind == BATCH_PARALLEL) {
        enum status st = parallel_plan(b, step, err);
        if (st != ST_OK)
            return st;
    } else {
        b->plan.n_session = take_samples(b, epoch, b->plan.epoch_step);
        deal(b, b->plan.n_session);
        cut_parts(b);
        draw_shared(b);
    }
    *out = b->plan;
    return ST_OK;
}

/* ---- filling ---- */

static void *room(struct arena *mem, bool *ok, int32_t n, size_t size)
{
    void *p = arena_raw(mem, (size_t)n * size);
    *ok = *ok && p;
    return p;
}

bool block_alloc(struct block *out, struct arrays *a, int32_t n, int32_t rows, int32_t n_query,
                 int32_t n_target, struct arena *mem)
{
    bool ok = true;
    size_t id = sizeof(int32_t);
    memset(out, 0, sizeof *out);
    a->off = room(mem, &ok, n + 1, id);
    a->session = room(mem, &ok, n, id);
    a->user = room(mem, &ok, n, id);
    a->item = room(mem, &ok, rows, id);
    a->pos = room(mem, &ok, rows, id);
    a->query = room(mem, &ok, n_query, id);
    a->query_session = room(mem, &ok, n_query, id);
    a->target = n_target ? arena_alloc(mem, (size_t)n_query * (size_t)n_target * id) : NULL;
    a->weight = room(mem, &ok, n_query, sizeof(float));
    if (!ok || (n_target && !a->target))
        return false;
    out->n = n;
    out->n_query = n_query;
    out->n_target = n_target;
    out->off = a->off;
    out->session = a->session;
    out->item = a->item;
    out->pos = a->pos;
    out->query = a->query;
    out->query_session = a->query_session;
    out->target = a->target;
    out->weight = a->weight;
    a->off[0] = 0;
    return true;
}

int32_t distinct_items(const int32_t *src, int32_t n, int32_t *out, int32_t width)
{
    int32_t m = 0;
    for (int32_t i = 0; i < n && m < width; i++) {
        bool had = src[i] == 0;
        for (int32_t j = 0; j < m && !had; j++)
            had = out[j] == src[i];
        if (!had)
            out[m++] = src[i];
    }
    for (int32_t i = m; i < width; i++)
        out[i] = 0;
    return m;
}

static void mark_session(const struct split *sp, int32_t s, uint64_t *set)
{
    const int32_t *item = sp->ds->item + sp->ds->off[s];
    for (int32_t i = 0; i < sp->train_len[s]; i++)
        bit_put(set, item[i]);
}

static void forget(uint64_t *set, const int32_t *item, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        bit_drop(set, item[i]);
}

static void unmark_session(const struct split *sp, int32_t s, uint64_t *set, size_t words)
{
    if ((size_t)sp->train_len[s] > words / 4)
        memset(set, 0, words * sizeof *set);
    else
        forget(set, sp->ds->item + sp->ds->off[s], sp->train_len[s]);
}

/* Own draws of each query, or of each session.  A session is one key, so that who fills it
 * does not matter; the same session with another window is another key. */
static bool draw_negatives(const struct batcher *b, const struct batch *plan,
                           const struct piece *p, struct block *out, struct arena *mem)
{
    int32_t k = b->s.n_neg, lists = b->s.neg_cols == NEG_QUERY ? out->n_query : out->n;
    size_t words = (size_t)(b->sp->ds->n_items / 64) + 1;
    int32_t *neg = arena_raw(mem, (size_t)lists * (size_t)k * sizeof *neg);
    uint64_t *avoid = b->s.neg_reject ? arena_alloc(mem, words * sizeof *avoid) : NULL;
    uint64_t *taken = b->s.neg_distinct ? arena_alloc(mem, words * sizeof *taken) : NULL;
    if (!neg || (b->s.neg_reject && !avoid) || (b->s.neg_distinct && !taken))
        return false;
    int32_t *list = neg, q = 0;
    for (int32_t i = 0; i < out->n; i++) {
        uint64_t which =
            rng_mix64((uint64_t)p[i].session << 32 | (uint32_t)(p[i].from + p[i].len));
        struct rng_key key = rng_key(b->seed, plan->step, rng_site("batch.neg") ^ which);
        if (avoid)
            mark_session(b->sp, p[i].session, avoid);
        int32_t here = b->s.neg_cols == NEG_QUERY ? p[i].n_query : 1;
        for (int32_t j = 0; j < here; j++, q++, list += k) {
            negatives_fill(b->table, key, (uint32_t)j * (uint32_t)k * 64, k, avoid, taken,
                           list);
            if (taken)
                forget(taken, list, k);
        }
        if (avoid)
            unmark_session(b->sp, p[i].session, avoid, words);
    }
    out->neg = neg;
    out->n_neg = k;
    return true;
}

static bool fill_samples(const struct batcher *b, const struct batch *plan,
                         const struct piece *p, int32_t n, struct arena *mem, struct block *out)
{
    const struct batch_ops *ops = kinds[b->s.kind];
    const struct dataset *ds = b->sp->ds;
    int32_t rows = 0, n_query = 0, width = spec_targets(&b->s);
    for (int32_t i = 0; i < n; i++) {
        rows += p[i].rows;
        n_query += p[i].n_query;
        if (b->s.n_target < 0 && p[i].n_query > width)
            width = p[i].n_query; /* all later items: never more than the rows */
    }
    struct arrays a;
    if (!block_alloc(out, &a, n, rows, n_query, width, mem))
        return false;
    for (int32_t i = 0; i < n; i++) {
        a.session[i] = p[i].session;
        a.user[i] = ds->user ? ds->user[p[i].session] : p[i].session + 1;
        a.off[i + 1] = a.off[i] + p[i].rows;
    }
    out->user = a.user;
    out->n_batch = plan->n_session;
    ops->fill(b, plan, p, out, &a);
    if (ops->extra && !ops->extra(&b->s, out, mem))
        return false;
    if (b->s.neg_cols == NEG_BATCH) {
        out->neg = b->shared;
        out->n_neg = b->n_shared;
        return true;
    }
    return b->s.n_neg == 0 || draw_negatives(b, plan, p, out, mem);
}

void batch_fill(const struct batcher *b, const struct batch *plan, int shard, int part,
                struct arena *mem, struct block *out)
{
    int32_t at = b->part_first[shard] + part;
    int32_t from = b->part_at[at];
    int32_t to =
        at + 1 < b->part_first[shard + 1] ? b->part_at[at + 1] : b->shard_first[shard + 1];
    if (b->s.kind == BATCH_PARALLEL)
        parallel_fill(b, plan, b->sorted + from, to - from, shard, part, mem, out);
    else if (!fill_samples(b, plan, b->sorted + from, to - from, mem, out))
        memset(out, 0, sizeof *out);
    out->row0 = b->part_row[at];
    out->step = plan->step;
    out->epoch_step = plan->epoch_step;
    if (b->s.logq) {
        out->logq = negatives_logq(b->table);
        out->logpop = negatives_logpop(b->table);
    }
}
