/* BATCH_PARALLEL: session-parallel mini-batches (Hidasi et al. 2016, section 3.1.1).  Lanes
 * read their sessions click by click; a lane whose session has ended takes the next one,
 * with its state at zero; when none is left the lane stays empty.  The schedule draws
 * nothing, so it is a function of the step: lanes of any step are found again by walking
 * there from the start of the epoch.  With `shuffle` the lengths come in an order drawn once
 * and who has them is drawn anew every epoch: all epochs have the same schedule, and hence
 * as many steps, with other sessions in it. */
#include "engine/data/batch_impl.h"

#include <stdlib.h>
#include <string.h>

enum { RUN = 6 }; /* lanes of a shard come in runs of the kernels' row tile */

static int32_t clicks(const struct batch_spec *s)
{
    return s->bptt > 1 ? s->bptt : 1;
}

static int32_t order_at(const struct batcher *b, int32_t k)
{
    return b->s.shuffle ? b->draw.order[k] : b->by_time ? b->by_time[k] : b->who[k];
}

static int32_t length_of(const struct batcher *b, int32_t session)
{
    return b->sp->train_len[session];
}

static int32_t length_at(const struct batcher *b, int32_t k)
{
    return length_of(b, order_at(b, k));
}

static int64_t start_time(const struct batcher *b, int32_t session)
{
    return b->sp->ds->ts[b->sp->ds->off[session]];
}

/* Stable merge sort of the sessions by their first time stamp. */
static enum status sort_by_time(struct batcher *b, struct err *err)
{
    size_t n = (size_t)b->n_who;
    int32_t *a = malloc(n * sizeof *a), *c = malloc(n * sizeof *c);
    if (!a || !c) {
        free(a);
        free(c);
        return err_nomem(err, n * 8, "the order of sessions");
    }
    memcpy(a, b->who, n * sizeof *a);
    for (size_t w = 1; w < n; w *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * w) {
            size_t mid = lo + w < n ? lo + w : n, hi = lo + 2 * w < n ? lo + 2 * w : n, i = lo,
                   j = mid;
            for (size_t k = lo; k < hi; k++)
                c[k] = j >= hi || (i < mid && start_time(b, a[i]) <= start_time(b, a[j]))
                           ? a[i++]
                           : a[j++];
        }
        int32_t *swap = a;
        a = c;
        c = swap;
    }
    free(c);
    free(b->by_time);
    b->by_time = a;
    return ST_OK;
}

/* ---- shuffle ---- */

/* b->who in an order of the epoch's own. */
static void permute(const struct batcher *b, int64_t epoch, int32_t *out)
{
    struct rng_key key = rng_key(b->seed, epoch, rng_site("batch.lanes"));
    memcpy(out, b->who, (size_t)b->n_who * sizeof *out);
    for (int32_t i = b->n_who - 1; i > 0; i--) {
        int32_t j = (int32_t)rng_below(key, (uint32_t)i, (uint32_t)i + 1), x = out[i];
        out[i] = out[j];
        out[j] = x;
    }
}

/* Session number k of every epoch is as long as that of epoch 0; sessions of one length come
 * as the epoch's own order has them. */
static void draw_order(struct batcher *b, int64_t epoch)
{
    struct lane_draw *d = &b->draw;
    if (!b->s.shuffle || d->epoch == epoch)
        return;
    permute(b, epoch, d->drawn);
    memset(d->from, 0, ((size_t)d->longest + 2) * sizeof *d->from);
    for (int32_t k = 0; k < b->n_who; k++)
        d->from[length_of(b, b->who[k]) + 1]++;
    for (int32_t n = 0; n <= d->longest; n++)
        d->from[n + 1] += d->from[n];
    for (int32_t k = 0; k < b->n_who; k++)
        d->by_length[d->from[length_of(b, d->drawn[k])]++] = d->drawn[k];
    for (int32_t n = d->longest; n >= 0; n--) /* back to where each length begins */
        d->from[n + 1] = d->from[n];
    d->from[0] = 0;
    for (int32_t k = 0; k < b->n_who; k++)
        d->order[k] = d->by_length[d->from[length_of(b, d->first[k])]++];
    d->epoch = epoch;
}

static enum status prepare_shuffle(struct batcher *b, struct err *err)
{
    struct lane_draw *d = &b->draw;
    size_t n = (size_t)b->n_who;
    if (!d->order) {
        for (int32_t k = 0; k < b->n_who; k++)
            d->longest =
                length_of(b, b->who[k]) > d->longest ? length_of(b, b->who[k]) : d->longest;
        size_t bytes = (4 * n + (size_t)d->longest + 2) * sizeof *d->order;
        d->order = malloc(bytes);
        if (!d->order)
            return err_nomem(err, bytes, "the order of sessions");
        d->first = d->order + n;
        d->drawn = d->first + n;
        d->by_length = d->drawn + n;
        d->from = d->by_length + n;
        permute(b, 0, d->first);
    }
    d->epoch = -1;
    draw_order(b, 0);
    return ST_OK;
}

/* ---- lanes ---- */

static void begin_epoch(const struct batcher *b, struct lanes *l)
{
    l->next = 0;
    for (int32_t i = 0; i < b->s.size; i++)
        l->lane[i] = (struct lane){.k = l->next < b->n_who ? l->next++ : -1, .since = l->step};
}

static int32_t alive(const struct batcher *b, const struct lanes *l)
{
    int32_t n = 0;
    for (int32_t i = 0; i < b->s.size; i++)
        n += l->lane[i].k >= 0;
    return n;
}

/* In-batch negatives alone need two rows; a lone lane has nothing to be compared with. */
static bool over(const struct batcher *b, const struct lanes *l)
{
    bool lonely = b->s.neg_cols == NEG_BATCH && b->s.n_neg == 0;
    return alive(b, l) < (lonely ? 2 : 1);
}

/* All lanes read one click; those whose session has no pair of clicks left take the next
 * session, in lane order. */
static void advance(const struct batcher *b, struct lanes *l)
{
    for (int32_t i = 0; i < b->s.size; i++) {
        struct lane *x = &l->lane[i];
        if (x->k >= 0 && ++x->at + 1 >= length_at(b, x->k))
            *x = (struct lane){.k = l->next < b->n_who ? l->next++ : -1, .since = l->step + 1};
    }
}

/* One batch: bptt clicks, or fewer when the epoch ends. */
static void advance_batch(const struct batcher *b, struct lanes *l)
{
    for (int32_t t = 0; t < clicks(&b->s) && !over(b, l); t++)
        advance(b, l);
    l->step++;
    if (over(b, l))
        begin_epoch(b, l);
}

static void copy_lanes(const struct batcher *b, struct lanes *to, const struct lanes *from)
{
    to->step = from->step;
    to->next = from->next;
    memcpy(to->lane, from->lane, (size_t)b->s.size * sizeof *to->lane);
}

enum status parallel_prepare(struct batcher *b, struct err *err)
{
    if (b->s.size > b->lane_cap) {
        size_t bytes = (size_t)b->s.size * sizeof(struct lane);
        struct lane *x = realloc(b->lanes.lane, bytes);
        b->lanes.lane = x ? x : b->lanes.lane;
        struct lane *y = realloc(b->after.lane, bytes);
        b->after.lane = y ? y : b->after.lane;
        if (!x || !y)
            return err_nomem(err, bytes * 2, "lanes");
        b->lane_cap = b->s.size;
    }
    if (b->s.shuffle) {
        enum status st = prepare_shuffle(b, err);
        if (st != ST_OK)
            return st;
    } else if (b->s.file_order || !b->sp->ds->ts) {
        free(b->by_time);
        b->by_time = NULL;
    } else if (!b->by_time) {
        enum status st = sort_by_time(b, err);
        if (st != ST_OK)
            return st;
    }
    b->after.step = 0;
    begin_epoch(b, &b->after);
    b->lanes.step = -1;
    if (over(b, &b->after))
        return err_set(err, ST_ARG,
                       "with other lanes' targets as the only negatives, two sessions and a "
                       "batch of 2 or more are needed");
    int64_t steps = 0;
    for (struct lanes *l = &b->after; !over(b, l); steps++)
        for (int32_t t = 0; t < clicks(&b->s) && !over(b, l); t++)
            advance(b, l);
    b->per_epoch = steps;
    begin_epoch(b, &b->after);
    return ST_OK;
}

static void walk_to(struct batcher *b, int64_t step)
{
    struct lanes *l = &b->lanes;
    if (b->after.step == step) {
        copy_lanes(b, l, &b->after);
        return;
    }
    int64_t start = step - step % b->per_epoch;
    if (l->step < start || l->step > step) {
        l->step = start;
        begin_epoch(b, l);
    }
    while (l->step < step)
        advance_batch(b, l);
}

/* Pieces of the batch: for each lane, runs of clicks of one session.  aux: its lane. */
static int32_t cut_pieces(struct batcher *b)
{
    /* The lane's latest piece; that array is free in this kind */
    int32_t n = 0, *latest = b->shard_of;
    copy_lanes(b, &b->after, &b->lanes);
    for (int32_t i = 0; i < b->s.size; i++)
        latest[i] = -1;
    /* Click by click, since a lane's next session depends on all the others. */
    for (int32_t t = 0; t < clicks(&b->s) && !over(b, &b->after); t++) {
        for (int32_t i = 0; i < b->s.size; i++) {
            struct lane x = b->after.lane[i];
            if (x.k < 0)
                continue;
            if (latest[i] >= 0 && x.at > 0) {
                b->piece[latest[i]].len++;
                continue;
            }
            latest[i] = n;
            b->piece[n++] =
                (struct piece){.session = order_at(b, x.k), .from = x.at, .len = 1, .aux = i};
        }
        advance(b, &b->after);
    }
    copy_lanes(b, &b->after, &b->lanes);
    advance_batch(b, &b->after);
    return n;
}

static int32_t shard_of_lane(const struct batch_spec *s, int32_t lane)
{
    int32_t a_shard = (s->size + BATCH_SHARDS - 1) / BATCH_SHARDS;
    a_shard = (a_shard + RUN - 1) / RUN * RUN;
    return lane / a_shard;
}

/* Counting sort by lane, stable, so that a lane's old session stands before its successor. */
static void sort_by_lane(struct batcher *b, int32_t n)
{
    int32_t *at = b->shard_of, sum = 0;
    memset(at, 0, (size_t)b->s.size * sizeof *at);
    for (int32_t j = 0; j < n; j++)
        at[b->piece[j].aux]++;
    for (int32_t i = 0; i < b->s.size; i++) {
        int32_t here = at[i];
        at[i] = sum;
        sum += here;
    }
    for (int32_t j = 0; j < n; j++) {
        struct piece *p = &b->sorted[at[b->piece[j].aux]++];
        *p = b->piece[j];
        p->rows = p->n_query = p->n_target = p->len;
    }
}

/* A shard is one part: both pieces of a lane are in one block. */
static void deal_lanes(struct batcher *b, int32_t n)
{
    int32_t at = 0, row = 0, parts = 0;
    sort_by_lane(b, n);
    for (int k = 0; k < BATCH_SHARDS; k++) {
        b->shard_first[k] = at;
        b->part_first[k] = parts;
        if (at < n && shard_of_lane(&b->s, b->sorted[at].aux) == k) {
            b->part_at[parts] = at;
            b->part_row[parts++] = row;
        }
        for (; at < n && shard_of_lane(&b->s, b->sorted[at].aux) == k; at++) {
            row += b->sorted[at].rows;
            b->plan.cost[k] += b->sorted[at].rows;
        }
        b->plan.n_part[k] = parts - b->part_first[k];
    }
    b->shard_first[BATCH_SHARDS] = at;
    b->part_first[BATCH_SHARDS] = parts;
    b->plan.n_row = b->plan.n_query = row;
    b->plan.n_session = n;
    b->n_counted = row;
}

/* Columns of the batch: the targets in the order of the rows, then the draws. */
static void list_columns(struct batcher *b, int64_t step)
{
    b->n_shared = 0;
    if (b->s.neg_cols != NEG_BATCH)
        return;
    const struct dataset *ds = b->sp->ds;
    for (int32_t j = 0; j < b->plan.n_session; j++) {
        const struct piece *p = &b->sorted[j];
        for (int32_t t = 0; t < p->len; t++)
            b->shared[b->n_shared++] = ds->item[ds->off[p->session] + p->from + t + 1];
    }
    negatives_fill(b->table, rng_key(b->seed, step, rng_site("batch.shared")), 0, b->s.n_neg,
                   NULL, NULL, b->shared + b->n_shared);
    b->n_shared += b->s.n_neg;
}

enum status parallel_plan(struct batcher *b, int64_t step, struct err *err)
{
    (void)err;
    draw_order(b, step / b->per_epoch);
    walk_to(b, step);
    deal_lanes(b, cut_pieces(b));
    list_columns(b, step);
    draw_order(b, (step + 1) / b->per_epoch); /* who stands in the lanes now */
    return ST_OK;
}

void parallel_fill(const struct batcher *b, const struct batch *plan, const struct piece *p,
                   int32_t n, int shard, int part, struct arena *mem, struct block *out)
{
    const struct dataset *ds = b->sp->ds;
    int32_t rows = 0, r = 0;
    for (int32_t i = 0; i < n; i++)
        rows += p[i].rows;
    struct arrays a;
    int32_t *lane = arena_raw(mem, (size_t)n * sizeof *lane),
            *own = arena_raw(mem, (size_t)rows * sizeof *own);
    uint8_t *fresh = arena_raw(mem, (size_t)n);
    if (!lane || !fresh || !own || !block_alloc(out, &a, n, rows, rows, 1, mem)) {
        memset(out, 0, sizeof *out);
        return;
    }
    int32_t row0 = b->part_row[b->part_first[shard] + part];
    for (int32_t i = 0; i < n; i++) {
        const int32_t *item = ds->item + ds->off[p[i].session];
        a.session[i] = p[i].session;
        a.user[i] = ds->user ? ds->user[p[i].session] : p[i].session + 1;
        a.off[i + 1] = a.off[i] + p[i].rows;
        lane[i] = p[i].aux;
        fresh[i] = p[i].from == 0;
        for (int32_t t = p[i].from; t < p[i].from + p[i].len; t++, r++) {
            a.item[r] = item[t];
            a.pos[r] = t;
            a.query[r] = r;
            a.query_session[r] = i;
            a.target[r] = item[t + 1];
            a.weight[r] = (float)(1.0 / b->s.size);
            own[r] = row0 + r;
        }
    }
    out->user = a.user;
    out->lane = lane;
    out->fresh = fresh;
    out->n_batch = plan->n_session;
    if (b->s.neg_cols == NEG_BATCH) {
        out->col = b->shared;
        out->n_col = b->n_shared;
        out->neg = b->shared + (b->n_shared - b->s.n_neg);
        out->n_neg = b->s.n_neg;
        out->query_col = own;
    }
}

bool batcher_lane(const struct batcher *b, int32_t lane, struct batch_lane *out)
{
    if (b->s.kind != BATCH_PARALLEL || lane < 0 || lane >= b->s.size)
        return false;
    const struct lane *x = &b->after.lane[lane];
    *out = (struct batch_lane){
        .session = x->k < 0 ? -1 : order_at(b, x->k), .at = x->at, .since = x->since};
    return true;
}
