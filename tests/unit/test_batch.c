/* Batches: epochs, shards, weights, negatives, and each kind's samples, down to what its authors' ports got wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a data set written out by hand ---- */
struct hand {
    struct dataset ds;
    struct split *sp;
    struct batcher *b;
    struct arena *mem;
    int64_t off[64];
    int32_t item[4096];
    int64_t ts[4096];
};

static struct hand *hand_new(int32_t n_items, const char *sessions, const int64_t *start) /* "1 2 3;4 5" */
{
    struct hand *h = calloc(1, sizeof *h);
    int32_t n = 0, s = 0;
    for (const char *p = sessions; *p;) {
        char *end;
        h->item[n++] = (int32_t)strtol(p, &end, 10);
        p = end;
        while (*p == ' ')
            p++;
        if (*p == ';' || !*p) {
            h->off[++s] = n;
            p += *p == ';';
        }
    }
    h->ds = (struct dataset){.name = "hand", .n_items = n_items, .n_users = s, .n_sessions = s, .n_events = n,
                             .off = h->off, .item = h->item, .by_user = true};
    if (start) {
        for (int32_t i = 0; i < s; i++)
            for (int64_t e = h->off[i]; e < h->off[i + 1]; e++)
                h->ts[e] = start[i] + e;
        h->ds.ts = h->ts;
    }
    assert_int_equal(arena_new(&h->mem, 0, NULL), ST_OK);
    return h;
}

/* Everything trains. */
static void hand_split(struct hand *h)
{
    assert_int_equal(split_new(&h->sp, &h->ds, SPLIT_LEAVE_ONE_OUT, NULL), ST_OK);
    h->sp->n_train = 0;
    memset(h->sp->train_pop, 0, ((size_t)h->ds.n_items + 1) * sizeof *h->sp->train_pop);
    for (int32_t s = 0; s < h->ds.n_sessions; s++) {
        h->sp->train_len[s] = dataset_len(&h->ds, s);
        h->sp->n_train += h->sp->train_len[s] >= 2;
    }
    for (int64_t i = 0; i < h->ds.n_events; i++)
        h->sp->train_pop[h->ds.item[i]]++;
}

static struct hand *hand_batch(int32_t n_items, const char *sessions, const struct batch_spec *s)
{
    struct hand *h = hand_new(n_items, sessions, NULL);
    struct err err = {0};
    hand_split(h);
    if (batcher_new(&h->b, h->sp, s, 1, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return h;
}

static void hand_free(struct hand *h)
{
    batcher_free(h->b);
    split_free(h->sp);
    arena_free(h->mem);
    free(h);
}

static struct batch plan_at(struct batcher *b, int64_t step)
{
    struct batch p;
    struct err err = {0};
    if (batcher_plan(b, step, &p, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return p;
}

/* Calls fn for every block of the batch. */
static void each_block(struct batcher *b, int64_t step, struct arena *mem, void (*fn)(const struct block *, void *), void *ctx)
{
    struct batch p = plan_at(b, step);
    for (int k = 0; k < BATCH_SHARDS; k++)
        for (int part = 0; part < p.n_part[k]; part++) {
            struct block blk;
            arena_reset(mem);
            batch_fill(b, &p, k, part, mem, &blk);
            fn(&blk, ctx);
        }
}

static struct dataset *world(const char *name, int32_t sessions)
{
    struct world_opts o = {.items = 240, .sessions = sessions, .noise = -1, .seed = 1};
    struct dataset *ds = NULL;
    assert_int_equal(world_generate(&ds, name, &o, NULL), ST_OK);
    return ds;
}

struct rig {
    struct dataset *ds;
    struct split *sp;
    struct batcher *b;
    struct arena *mem;
};

static struct rig rig_new(const char *name, int32_t sessions, const struct batch_spec *s)
{
    struct rig r = {.ds = world(name, sessions)};
    struct err err = {0};
    assert_int_equal(split_new(&r.sp, r.ds, SPLIT_SESSIONS, NULL), ST_OK);
    if (batcher_new(&r.b, r.sp, s, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(arena_new(&r.mem, 0, NULL), ST_OK);
    return r;
}

static void rig_free(struct rig *r)
{
    batcher_free(r->b);
    split_free(r->sp);
    dataset_free(r->ds);
    arena_free(r->mem);
}

/* ---- what holds for every kind ---- */
struct tally {
    int64_t sessions, rows, queries, parts;
    double weight;
    int32_t next_row0;
    uint64_t hash;
    int32_t seen[8192];
};

static void mix(uint64_t *h, const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        *h = (*h ^ c[i]) * 0x100000001b3u;
}

static void tally(const struct block *b, void *ctx)
{
    struct tally *t = ctx;
    assert_int_equal(b->row0, t->next_row0);
    t->next_row0 += b->off[b->n];
    t->sessions += b->n;
    t->rows += b->off[b->n];
    t->queries += b->n_query;
    t->parts++;
    assert_true(b->off[b->n] <= 512 || b->n == 1 || b->lane);
    for (int32_t i = 0; i < b->n; i++) {
        assert_true(b->off[i + 1] > b->off[i]);
        if (b->session[i] < 8192)
            t->seen[b->session[i]]++;
    }
    for (int32_t q = 0; q < b->n_query; q++) {
        assert_true(q == 0 || b->query[q] > b->query[q - 1]);
        int32_t s = b->query_session[q];
        assert_true(b->query[q] >= b->off[s] && b->query[q] < b->off[s + 1]);
        assert_true(b->target[q * b->n_target] > 0);
        t->weight += (double)b->weight[q];
    }
    mix(&t->hash, b->item, (size_t)b->off[b->n] * sizeof *b->item);
    mix(&t->hash, b->target, (size_t)b->n_query * (size_t)b->n_target * sizeof *b->target);
    mix(&t->hash, b->weight, (size_t)b->n_query * sizeof *b->weight);
    if (b->neg && !b->col)
        mix(&t->hash, b->neg, (size_t)b->n_neg * sizeof *b->neg);
}

static const struct batch_spec every_kind[] = {
    {.kind = BATCH_SESSIONS, .size = 100, .max_len = 10, .n_neg = 2, .neg_reject = true},
    {.kind = BATCH_SESSIONS, .size = 100, .max_len = 20, .n_neg = 30, .neg_cols = NEG_SESSION, .neg_distinct = true, .neg_alpha = .75f},
    {.kind = BATCH_SESSIONS, .size = 16, .n_target = 4, .weight = WEIGHT_SESSION},
    {.kind = BATCH_SESSIONS, .size = 16, .n_target = 3},
    {.kind = BATCH_SESSIONS, .size = 16, .n_target = -1},
    {.kind = BATCH_WINDOWS, .size = 128, .max_len = 5, .n_target = 3, .n_neg = 3},
    {.kind = BATCH_WINDOWS, .size = 128, .max_len = 5, .prefixes = true},
    {.kind = BATCH_CLOZE, .size = 64, .max_len = 8, .rho = .2f, .cap = 4, .p_last = .1f, .p_tail = .2f, .k_max = 3, .mask_item = 241},
    {.kind = BATCH_PREFIXES, .size = 100, .max_len = 6},
    {.kind = BATCH_PARALLEL, .size = 32, .neg_cols = NEG_BATCH, .n_neg = 64, .neg_alpha = .5f},
    {.kind = BATCH_PARALLEL, .size = 32, .bptt = 10},
};
enum { KINDS = sizeof every_kind / sizeof *every_kind };

static void test_epoch(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        const struct batch_spec *s = &every_kind[k];
        struct rig r = rig_new("bazaar", 500, s);
        int64_t n = batcher_per_epoch(r.b), rows = 0, transitions = 0;
        struct tally *t = calloc(1, sizeof *t);
        for (int32_t i = 0; i < r.ds->n_sessions; i++)
            transitions += r.sp->train_len[i] > 1 ? r.sp->train_len[i] - 1 : 0;
        for (int64_t step = 0; step < n; step++) {
            struct batch p = plan_at(r.b, step);
            int64_t before_s = t->sessions, before_r = t->rows, before_q = t->queries;
            t->weight = 0;
            t->next_row0 = 0;
            each_block(r.b, step, r.mem, tally, t);
            assert_int_equal(p.epoch, 0);
            assert_int_equal(p.epoch_step, step);
            assert_int_equal(t->sessions - before_s, p.n_session);
            assert_int_equal(t->rows - before_r, p.n_row);
            assert_int_equal(t->queries - before_q, p.n_query);
            if (s->kind == BATCH_PARALLEL)
                assert_true(fabs(t->weight - (double)p.n_query / s->size) < 1e-4);
            else if (s->weight == WEIGHT_MEAN && s->kind != BATCH_WINDOWS)
                assert_true(fabs(t->weight - 1) < 1e-4 || s->n_target > 1 || s->n_target < 0);
            rows += p.n_row;
        }
        assert_int_equal(plan_at(r.b, n).epoch, 1);
        assert_int_equal(plan_at(r.b, n).epoch_step, 0);
        for (int32_t i = 0; i < r.ds->n_sessions; i++) {
            int32_t want = i >= 400                                                  ? 0
                           : s->kind == BATCH_SESSIONS || s->kind == BATCH_CLOZE     ? 1
                           : s->kind == BATCH_PREFIXES || (s->kind == BATCH_WINDOWS && s->prefixes) ? r.sp->train_len[i] - 1
                           : s->kind == BATCH_WINDOWS ? (r.sp->train_len[i] > 8 ? r.sp->train_len[i] - 7 : 1)
                                                      : -1;
            if (want >= 0 && t->seen[i] != want)
                fail_msg("kind %d: session %d is %d times in an epoch, not %d", k, i, t->seen[i], want);
        }
        if (s->kind == BATCH_PARALLEL) /* every transition exactly once */
            assert_int_equal(rows, transitions);
        free(t);
        rig_free(&r);
    }
}

/* A batch is a function of (seed, step): forwards, backwards, from a clone, again. */
static uint64_t batch_hash(struct batcher *b, int64_t step, struct arena *mem)
{
    struct tally *t = calloc(1, sizeof *t);
    each_block(b, step, mem, tally, t);
    uint64_t h = t->hash;
    free(t);
    return h;
}

static void test_any_order(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        struct rig r = rig_new("bazaar", 300, &every_kind[k]);
        struct batcher *c = NULL;
        uint64_t h[40];
        int64_t n = batcher_per_epoch(r.b);
        for (int i = 0; i < 40; i++)
            h[i] = batch_hash(r.b, i, r.mem);
        assert_int_equal(batcher_clone(&c, r.b, NULL), ST_OK);
        for (int i = 39; i >= 0; i--)
            assert_true(batch_hash(c, i, r.mem) == h[i]);
        assert_true(batch_hash(r.b, 3, r.mem) == h[3]);
        assert_true(batch_hash(r.b, 3, r.mem) == h[3]);
        assert_true(batch_hash(r.b, 4, r.mem) == h[4]);
        if (every_kind[k].kind != BATCH_PARALLEL)
            assert_true(batch_hash(r.b, 0, r.mem) != batch_hash(r.b, n, r.mem)); /* epochs differ */
        size_t size = 1;
        batcher_state(r.b, &size);
        assert_int_equal(batcher_restore(r.b, NULL, size, NULL), ST_OK);
        batcher_free(c);
        rig_free(&r);
    }
}

static void test_shards_balance(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 128, .max_len = 50};
    struct rig r = rig_new("bazaar", 1000, &s);
    struct batch p = plan_at(r.b, 0);
    int64_t lo = p.cost[0], hi = p.cost[0];
    for (int k = 1; k < BATCH_SHARDS; k++) {
        lo = p.cost[k] < lo ? p.cost[k] : lo;
        hi = p.cost[k] > hi ? p.cost[k] : hi;
    }
    assert_true(hi - lo < hi / 20);
    rig_free(&r);
}

/* ---- SESSIONS ---- */
static void one_session(const struct block *b, void *ctx)
{
    (void)ctx;
    const int32_t in[] = {3, 4, 5}, out[] = {4, 5, 6};
    assert_int_equal(b->n, 1);
    assert_int_equal(b->off[1], 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(b->item[i], in[i]);
        assert_int_equal(b->target[i], out[i]);
        assert_int_equal(b->pos[i], i);
        assert_true(fabsf(b->weight[i] - 1.0f / 3) < 1e-7f);
    }
}

static void test_last_items_shifted(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 4, .max_len = 3};
    struct hand *h = hand_batch(6, "1 2 3 4 5 6;2", &s); /* a session of one item gives nothing */
    each_block(h->b, 0, h->mem, one_session, NULL);
    s.pos = POS_FROM_END;
    s.max_len = 50;
    batcher_spec(h->b, &s);
    struct batch p = plan_at(h->b, 0);
    struct block b;
    for (int k = 0; k < BATCH_SHARDS; k++)
        if (p.n_part[k]) {
            batch_fill(h->b, &p, k, 0, h->mem, &b);
            assert_int_equal(b.off[1], 5);
            assert_int_equal(b.pos[4], 49);
            assert_int_equal(b.pos[0], 45);
        }
    hand_free(h);
}

struct want_sets {
    int32_t rows, width;
    const int32_t *target;
    double m;
};

static void check_sets(const struct block *b, void *ctx)
{
    const struct want_sets *w = ctx;
    assert_int_equal(b->n_target, w->width);
    assert_int_equal(b->n_query, w->rows);
    for (int32_t q = 0; q < w->rows; q++) {
        int32_t n = 0;
        for (int32_t j = 0; j < w->width; j++) {
            assert_int_equal(b->target[q * w->width + j], w->target[q * w->width + j]);
            n += w->target[q * w->width + j] != 0;
        }
        if (w->m > 0)
            assert_true(fabs((double)b->weight[q] - n / w->m) < 1e-6);
    }
}

/* Sets of next items: shortened at the end, repeats once, divided by the first row's set (SVAE). */
static void test_target_sets(void **state)
{
    (void)state;
    const int32_t next2[] = {6, 1, 1, 4, 4, 7, 7, 0}, repeat[] = {4, 2, 0, 4, 2, 0, 2, 0, 0};
    const int32_t later[] = {6, 1, 4, 7, 1, 4, 7, 0, 4, 7, 0, 0, 7, 0, 0, 0}, short4[] = {2, 3, 0, 0, 3, 0, 0, 0};
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 4, .n_target = 2, .weight = WEIGHT_SESSION};
    struct hand *h = hand_batch(7, "3 6 1 4 7", &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){4, 2, next2, 2});
    s.n_target = -1;
    batcher_spec(h->b, &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){4, 4, later, 4});
    s.weight = WEIGHT_SESSION_MEAN;
    batcher_spec(h->b, &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){4, 4, later, 16});
    hand_free(h);
    s = (struct batch_spec){.kind = BATCH_SESSIONS, .size = 4, .n_target = 3, .weight = WEIGHT_SESSION};
    h = hand_batch(7, "1 4 4 2", &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){3, 3, repeat, 2});
    s.weight = WEIGHT_MEAN; /* five counted targets in all */
    batcher_spec(h->b, &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){3, 3, repeat, 5});
    hand_free(h);
    s = (struct batch_spec){.kind = BATCH_SESSIONS, .size = 4, .n_target = 4, .weight = WEIGHT_SESSION};
    h = hand_batch(7, "1 2 3", &s); /* m is 2, not 4 */
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){2, 4, short4, 2});
    hand_free(h);
}

/* ---- negatives ---- */
struct count {
    int64_t n, hit[300];
    const struct dataset *ds;
    const struct split *sp;
    bool distinct;
};

static void count_negatives(const struct block *b, void *ctx)
{
    struct count *c = ctx;
    int32_t lists = b->n_query * b->n_neg; /* NEG_QUERY */
    for (int32_t i = 0; i < lists; i++) {
        assert_in_range(b->neg[i], 1, c->ds->n_items);
        c->hit[b->neg[i]]++;
        c->n++;
        if (!c->sp)
            continue;
        int32_t s = b->session[b->query_session[i / b->n_neg]];
        for (int32_t t = 0; t < c->sp->train_len[s]; t++)
            assert_int_not_equal(b->neg[i], c->ds->item[c->ds->off[s] + t]);
        for (int32_t j = i - i % b->n_neg; c->distinct && j < i; j++)
            assert_int_not_equal(b->neg[j], b->neg[i]);
    }
}

static void test_negatives_avoid_the_session(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 128, .max_len = 8, .n_neg = 5, .neg_reject = true, .neg_distinct = true};
    struct rig r = rig_new("chain", 1000, &s);
    struct count *c = calloc(1, sizeof *c);
    c->ds = r.ds;
    c->sp = r.sp;
    c->distinct = true;
    for (int i = 0; i < 20; i++)
        each_block(r.b, i, r.mem, count_negatives, c);
    assert_true(c->n > 50000);
    assert_true(c->hit[r.ds->n_items] > 0); /* the last item is reachable */
    assert_true(c->hit[1] > 0);
    assert_int_equal(c->hit[0], 0);
    free(c);
    rig_free(&r);
}

static void test_negatives_follow_popularity(void **state)
{
    (void)state;
    for (int a = 0; a < 3; a++) {
        float alpha = (float)a * .5f;
        struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 256, .n_neg = 60, .neg_alpha = alpha};
        struct rig r = rig_new("chain", 1000, &s);
        struct count *c = calloc(1, sizeof *c);
        c->ds = r.ds;
        for (int i = 0; i < 16; i++)
            each_block(r.b, i, r.mem, count_negatives, c);
        double sum = 0;
        for (int32_t i = 1; i <= 240; i++)
            sum += pow((double)r.sp->train_pop[i], (double)alpha);
        for (int32_t i = 1; i <= 240; i++) {
            double p = pow((double)r.sp->train_pop[i], (double)alpha) / sum, want = p * (double)c->n;
            if (fabs((double)c->hit[i] - want) > 5 * sqrt(want + 1)) /* 240 items: 5 sigma */
                fail_msg("alpha %g item %d: %lld of %lld draws, expected %.0f", (double)alpha, i, (long long)c->hit[i],
                         (long long)c->n, want);
        }
        free(c);
        rig_free(&r);
    }
}

static void test_negatives_new_each_step(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 8, .n_neg = 4};
    struct hand *h = hand_batch(100, "1 2 3 4", &s);
    struct batch p;
    struct block b;
    int32_t first[12];
    int same = 0;
    for (int step = 0; step < 2; step++) {
        p = plan_at(h->b, step);
        for (int k = 0; k < BATCH_SHARDS; k++)
            if (p.n_part[k])
                batch_fill(h->b, &p, k, 0, h->mem, &b);
        for (int i = 0; i < 12; i++) {
            same += step == 1 && b.neg[i] == first[i];
            first[i] = b.neg[i];
        }
    }
    assert_true(same < 4);
    hand_free(h);
}

static void any(const struct block *b, void *ctx)
{
    (void)ctx;
    assert_non_null(b->off);
}

/* Vocabularies of one and two items, a user who owns all, more distinct draws than items: no hang. */
static void test_tiny_vocabularies(void **state)
{
    (void)state;
    const char *const data[] = {"1 1 1", "1 2 1 2", "1 2 3;3 2 1"};
    for (int d = 0; d < 3; d++)
        for (int k = 0; k < KINDS; k++) {
            struct batch_spec s = every_kind[k];
            s.n_neg = 50;
            s.neg_reject = s.neg_distinct = true;
            s.mask_item = d + 2;
            struct hand *h = hand_batch(d + 1, data[d], &s);
            for (int step = 0; step < 3; step++)
                each_block(h->b, step, h->mem, any, NULL);
            hand_free(h);
        }
}

static void test_logq(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 4, .neg_alpha = .5f, .logq = true};
    struct hand *h = hand_batch(3, "1 1 1 1 2", &s);
    struct batch p = plan_at(h->b, 0);
    struct block b;
    memset(&b, 0, sizeof b);
    for (int k = 0; k < BATCH_SHARDS; k++)
        if (p.n_part[k])
            batch_fill(h->b, &p, k, 0, h->mem, &b);
    assert_true(fabsf(b.logq[1] - .5f * logf(4)) < 1e-6f);
    assert_true(fabsf(b.logpop[1] - logf(4)) < 1e-6f);
    assert_true(b.logq[2] == 0 && b.logq[3] == 0);
    hand_free(h);
}

/* ---- WINDOWS ---- */
struct windows {
    int n;
    int32_t row[16][8];
};

static void collect_windows(const struct block *b, void *ctx)
{
    struct windows *w = ctx;
    for (int32_t i = 0; i < b->n; i++) {
        int32_t L = b->off[i + 1] - b->off[i];
        assert_int_equal(b->query[i], b->off[i + 1] - 1);
        memcpy(w->row[w->n], b->item + b->off[i], (size_t)L * sizeof(int32_t));
        memcpy(w->row[w->n] + L, b->target + i * b->n_target, (size_t)b->n_target * sizeof(int32_t));
        w->n++;
    }
}

static bool has_window(const struct windows *w, const int32_t *want, int n)
{
    for (int i = 0; i < w->n; i++)
        if (memcmp(w->row[i], want, (size_t)n * sizeof *want) == 0)
            return true;
    return false;
}

static void test_windows(void **state)
{
    (void)state;
    const int32_t full[3][6] = {{1, 2, 3, 4, 5, 6}, {2, 3, 4, 5, 6, 2}, {3, 4, 5, 6, 2, 1}};
    const int32_t brief[6] = {0, 0, 0, 5, 3, 2};
    struct batch_spec s = {.kind = BATCH_WINDOWS, .size = 64, .max_len = 4, .n_target = 2};
    struct windows w = {0};
    struct hand *h = hand_batch(6, "1 2 3 4 5 6 2 1", &s);
    each_block(h->b, 0, h->mem, collect_windows, &w);
    assert_int_equal(w.n, 3);
    for (int i = 0; i < 3; i++)
        assert_true(has_window(&w, full[i], 6));
    hand_free(h);
    h = hand_batch(6, "5 3 2", &s); /* shorter than a window: one, filled up on the left */
    w.n = 0;
    each_block(h->b, 0, h->mem, collect_windows, &w);
    assert_int_equal(w.n, 1);
    assert_true(has_window(&w, brief, 6));
    s.prefixes = true; /* one window for every next item */
    batcher_spec(h->b, &s);
    const int32_t early[6] = {0, 0, 0, 5, 3, 2}, late[6] = {0, 0, 5, 3, 2, 0};
    w.n = 0;
    each_block(h->b, 0, h->mem, collect_windows, &w);
    assert_int_equal(w.n, 2);
    assert_true(has_window(&w, early, 6) && has_window(&w, late, 6));
    hand_free(h);
}

/* ---- CLOZE ---- */
struct cloze {
    int64_t samples, last, tail, masks, at_first, visible;
    const struct dataset *ds;
};

static void check_cloze(const struct block *b, void *ctx)
{
    struct cloze *c = ctx;
    for (int32_t i = 0, q = 0; i < b->n; i++) {
        int32_t hidden = 0, trailing = 0, len = b->off[i + 1] - b->off[i];
        const int32_t *real = c->ds->item + c->ds->off[b->session[i]];
        for (int32_t t = 0; t < len; t++) {
            int32_t r = b->off[i] + t;
            assert_int_equal(b->pos[r], t);
            if (b->item[r] != 99) {
                assert_int_equal(b->item[r], real[t]);
                c->visible++;
                trailing = 0;
                continue;
            }
            assert_int_equal(b->query[q], r);
            assert_int_equal(b->target[q], real[t]);
            c->at_first += t == 0;
            q++;
            hidden++;
            trailing++;
        }
        assert_true(hidden >= 1);
        c->samples++;
        c->masks += hidden;
        c->last += hidden == 1 && trailing == 1;
        c->tail += hidden == trailing && hidden > 2;
    }
}

static void test_cloze(void **state)
{
    (void)state;
    char text[4000] = "";
    for (int i = 0; i < 60; i++)
        strncat(text, i ? ";1 2 3 4 5 6 7 8 9 10" : "1 2 3 4 5 6 7 8 9 10", sizeof text - strlen(text) - 1);
    struct batch_spec s = {.kind = BATCH_CLOZE, .size = 60, .max_len = 20, .rho = .2f, .cap = 4, .mask_item = 99};
    struct hand *h = hand_batch(10, text, &s);
    struct cloze c = {.ds = &h->ds};
    for (int e = 0; e < 50; e++)
        each_block(h->b, e, h->mem, check_cloze, &c);
    assert_int_equal(c.samples, 3000);
    assert_int_equal(c.masks, 6000); /* exactly two of ten */
    assert_true(llabs((long long)c.at_first - 600) < 100); /* the first place is hidden as often as any */
    s.p_last = 1.0f / 11;
    s.p_tail = .3f;
    s.k_max = 5;
    batcher_spec(h->b, &s);
    memset(&c, 0, sizeof c);
    c.ds = &h->ds;
    for (int e = 0; e < 50; e++)
        each_block(h->b, e, h->mem, check_cloze, &c);
    double want_last = 3000 * (1.0 / 11 + .3 / 5), want_tail = 3000 * .3 * 3 / 5;
    assert_true(fabs((double)c.last - want_last) < 4 * sqrt(want_last));
    assert_true(fabs((double)c.tail - want_tail) < 4 * sqrt(want_tail));
    s = (struct batch_spec){.kind = BATCH_CLOZE, .size = 60, .max_len = 20, .rho = .01f, .mask_item = 99};
    batcher_spec(h->b, &s); /* at least one place */
    memset(&c, 0, sizeof c);
    c.ds = &h->ds;
    each_block(h->b, 0, h->mem, check_cloze, &c);
    assert_int_equal(c.masks, 60);
    hand_free(h);
}

struct starts {
    int32_t hit[128];
};

static void count_starts(const struct block *b, void *ctx)
{
    struct starts *s = ctx;
    int32_t first = b->item[0] == 200 ? b->item[1] - 1 : b->item[0];
    s->hit[first]++;
    assert_int_equal(b->off[1], 10);
}

static void test_cloze_windows(void **state)
{
    (void)state;
    char text[400] = "1", one[16];
    for (int i = 2; i <= 33; i++) {
        snprintf(one, sizeof one, " %d", i);
        strncat(text, one, sizeof text - strlen(text) - 1);
    }
    struct batch_spec s = {.kind = BATCH_CLOZE, .size = 1, .max_len = 10, .p_last = 1, .mask_item = 200, .window_prop = .5f};
    struct hand *h = hand_batch(40, text, &s);
    struct starts st = {{0}};
    for (int e = 0; e < 600; e++)
        each_block(h->b, e, h->mem, count_starts, &st);
    const int32_t want[] = {24, 19, 14, 9, 4, 1}; /* items at starts 23, 18, 13, 8, 3, 0 */
    int sum = 0;
    for (int i = 0; i < 6; i++) {
        assert_in_range(st.hit[want[i]], 60, 140);
        sum += st.hit[want[i]];
    }
    assert_int_equal(sum, 600);
    hand_free(h);
}

/* ---- PREFIXES ---- */
static void assert_floats(const float *got, const float *want, int n)
{
    for (int i = 0; i < n; i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-6f);
}

static void test_graph(void **state)
{
    (void)state;
    struct arena *mem = NULL;
    struct block b;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    struct batch_spec s = {.kind = BATCH_PREFIXES, .max_len = 50};
    const int32_t five[] = {3, 5, 3, 2, 5, 3}, twice[] = {1, 1, 2}, lone[] = {4};
    const float in[] = {0, 1, 0, 0, 0, 1, .5f, .5f, 0}, out[] = {0, 0, 1, .5f, 0, .5f, 0, 1, 0}, half[] = {.5f, .5f, 0, 0};
    const int32_t *const all[] = {five, twice, lone};
    const int32_t len[] = {6, 3, 1};
    block_many(&b, 3, all, len, &s, mem);
    assert_int_equal(b.n_query, 3);
    assert_int_equal(b.node_off[1], 3);
    assert_int_equal(b.node[0], 2);
    assert_int_equal(b.node[1], 3);
    assert_int_equal(b.node[2], 5);
    assert_floats(b.adj_in + b.adj_off[0], in, 9);
    assert_floats(b.adj_out + b.adj_off[0], out, 9);
    assert_floats(b.adj_out + b.adj_off[1], half, 4); /* the loop of 1 is kept */
    assert_int_equal(b.adj_off[3] - b.adj_off[2], 1);
    assert_true(b.adj_in[b.adj_off[2]] == 0);
    for (int32_t r = 0; r < b.off[3]; r++)
        assert_int_equal(b.node[b.alias[r]], b.item[r]);
    const int32_t *alone = five;
    s.edge_count = true; /* 5->3 twice of two, 3->5 one of two, 3->2 one of two, 2->5 */
    const float counted[] = {0, 0, 1, .5f, 0, .5f, 0, 1, 0}, transposed[] = {0, .5f, 0, 0, 0, 1, 1, .5f, 0};
    block_one(&b, alone, 6, &s, mem);
    assert_floats(b.adj_out, counted, 9);
    assert_floats(b.adj_in, transposed, 9);
    arena_free(mem);
}

static void check_prefix_graph(const struct block *b, void *ctx)
{
    const struct dataset *ds = ctx;
    for (int32_t i = 0; i < b->n; i++) {
        int32_t n = b->off[i + 1] - b->off[i];
        const int32_t *real = ds->item + ds->off[b->session[i]];
        assert_memory_equal(b->item + b->off[i], real, (size_t)n * sizeof *real);
        assert_int_equal(b->target[i], real[n]);
        for (int32_t v = b->node_off[i]; v < b->node_off[i + 1]; v++) { /* no node from after the prefix, none is 0 */
            bool found = false;
            for (int32_t t = 0; t < n; t++)
                found = found || real[t] == b->node[v];
            assert_true(found && b->node[v] > 0);
        }
    }
}

static void test_prefix_alone(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_PREFIXES, .size = 32, .max_len = 50};
    struct rig r = rig_new("chain", 100, &s);
    for (int64_t i = 0; i < batcher_per_epoch(r.b); i++)
        each_block(r.b, i, r.mem, check_prefix_graph, r.ds);
    rig_free(&r);
}

/* ---- PARALLEL ---- */
struct step_want {
    int n;
    int32_t in[2], target[2], session[2];
    int fresh[2];
};

struct lanes_seen {
    int n;
    int32_t in[64], target[64], session[64], lane[64], col[64], n_col;
    uint8_t fresh[64];
    float weight;
};

static void collect_lanes(const struct block *b, void *ctx)
{
    struct lanes_seen *l = ctx;
    for (int32_t i = 0; i < b->n; i++)
        for (int32_t r = b->off[i]; r < b->off[i + 1]; r++) {
            l->in[l->n] = b->item[r];
            l->target[l->n] = b->target[r];
            l->session[l->n] = b->session[i];
            l->lane[l->n] = b->lane[i];
            l->fresh[l->n] = b->fresh[i];
            l->weight = b->weight[r];
            if (b->col)
                assert_int_equal(b->col[b->query_col[r]], b->target[r]);
            l->n++;
        }
    l->n_col = b->n_col;
}

static void test_parallel_schedule(void **state)
{
    (void)state;
    static const struct step_want want[] = {
        {2, {1, 4}, {2, 5}, {0, 1}, {1, 1}},   {2, {2, 6}, {3, 7}, {0, 2}, {0, 1}},  {2, {10, 7}, {11, 8}, {3, 2}, {1, 0}},
        {2, {12, 8}, {13, 9}, {4, 2}, {1, 0}}, {1, {13, 0}, {14, 0}, {4, 0}, {0, 0}},
    };
    const char *data = "1 2 3;4 5;6 7 8 9;10 11;12 13 14";
    for (int extra = 1; extra >= 0; extra--) {
        struct batch_spec s = {.kind = BATCH_PARALLEL, .size = 2, .neg_cols = NEG_BATCH, .n_neg = extra * 3};
        struct hand *h = hand_batch(14, data, &s);
        assert_int_equal(batcher_per_epoch(h->b), 4 + extra); /* alone and without draws there is nothing to compare with */
        for (int step = 0; step < 4 + extra; step++)
            for (int epoch = 1; epoch >= 0; epoch--) { /* state and schedule do not leak over epochs */
                struct lanes_seen l = {0};
                each_block(h->b, step + epoch * (4 + extra), h->mem, collect_lanes, &l);
                assert_int_equal(l.n, want[step].n);
                assert_int_equal(l.n_col, want[step].n + extra * 3);
                assert_true(l.weight == .5f); /* by the configured size, whoever is alive */
                for (int i = 0; i < l.n; i++) {
                    assert_int_equal(l.in[i], want[step].in[i]);
                    assert_int_equal(l.target[i], want[step].target[i]);
                    assert_int_equal(l.session[i], want[step].session[i]);
                    assert_int_equal(l.fresh[i], want[step].fresh[i]);
                    assert_int_equal(l.lane[i], i);
                }
            }
        hand_free(h);
    }
}

static void test_parallel_by_time(void **state)
{
    (void)state;
    const int64_t start[] = {500, 100, 300};
    struct batch_spec s = {.kind = BATCH_PARALLEL, .size = 1};
    struct hand *h = hand_new(9, "1 2;3 4;5 6", start);
    hand_split(h);
    assert_int_equal(batcher_new(&h->b, h->sp, &s, 1, NULL), ST_OK);
    const int32_t order[] = {1, 2, 0}, plain[] = {0, 1, 2};
    for (int file_order = 0; file_order < 2; file_order++) {
        s.file_order = file_order;
        batcher_spec(h->b, &s);
        for (int i = 0; i < 3; i++) {
            struct lanes_seen l = {0};
            each_block(h->b, i, h->mem, collect_lanes, &l);
            assert_int_equal(l.session[0], file_order ? plain[i] : order[i]);
        }
    }
    hand_free(h);
}

/* bptt: a lane's old session and its successor stand in one block, in this order, only the second from zero. */
static void test_parallel_bptt(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_PARALLEL, .size = 2, .bptt = 3};
    struct hand *h = hand_batch(14, "1 2 3;4 5;6 7 8 9;10 11;12 13 14", &s);
    assert_int_equal(batcher_per_epoch(h->b), 2);
    struct lanes_seen l = {0};
    each_block(h->b, 0, h->mem, collect_lanes, &l);
    const int32_t in[] = {1, 2, 10, 4, 6, 7}, session[] = {0, 0, 3, 1, 2, 2}, lane[] = {0, 0, 0, 1, 1, 1}, fresh[] = {1, 1, 1, 1, 1, 1};
    assert_int_equal(l.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(l.in[i], in[i]);
        assert_int_equal(l.session[i], session[i]);
        assert_int_equal(l.lane[i], lane[i]);
        assert_int_equal(l.fresh[i], fresh[i]);
    }
    memset(&l, 0, sizeof l);
    each_block(h->b, 1, h->mem, collect_lanes, &l);
    const int32_t in2[] = {12, 13, 8}, fresh2[] = {1, 1, 0};
    assert_int_equal(l.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(l.in[i], in2[i]);
        assert_int_equal(l.fresh[i], fresh2[i]);
    }
    hand_free(h);
}

static void test_lanes_in_runs(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_PARALLEL, .size = 32};
    struct rig r = rig_new("chain", 500, &s);
    struct batch p = plan_at(r.b, 0);
    int shards = 0;
    for (int k = 0; k < BATCH_SHARDS; k++)
        shards += p.n_part[k];
    assert_int_equal(shards, 6);
    rig_free(&r);
}

/* ---- typed sessions ---- */
static void test_typed(void **state)
{
    (void)state;
    struct arena *mem = NULL;
    struct block b;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    const int32_t s[] = {11, 12, 13, 14, 15};
    struct batch_spec spec = {.kind = BATCH_SESSIONS, .max_len = 3, .pos = POS_FROM_END};
    block_one(&b, s, 5, &spec, mem);
    assert_int_equal(b.off[1], 3);
    assert_int_equal(b.item[0], 13);
    assert_int_equal(b.pos[2], 2);
    assert_int_equal(b.n_query, 1);
    assert_int_equal(b.query[0], 2);
    assert_null(b.target);
    block_one(&b, s, 1, &spec, mem);
    assert_int_equal(b.pos[0], 2); /* the newest item always reads the last position */
    block_one(&b, s, 0, &spec, mem);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.n_query, 0);

    spec = (struct batch_spec){.kind = BATCH_WINDOWS, .max_len = 4};
    block_one(&b, s + 2, 3, &spec, mem); /* the short user's input: 0 13 14 15 */
    assert_int_equal(b.off[1], 4);
    assert_int_equal(b.item[0], 0);
    assert_int_equal(b.item[3], 15);
    block_one(&b, s, 5, &spec, mem);
    assert_int_equal(b.item[0], 12); /* ends with the newest */

    spec = (struct batch_spec){.kind = BATCH_CLOZE, .max_len = 50, .mask_item = 99};
    block_one(&b, s, 3, &spec, mem); /* room enough: nothing is lost, the mask stands at place 3 */
    assert_int_equal(b.off[1], 4);
    assert_int_equal(b.item[3], 99);
    assert_int_equal(b.pos[3], 3);
    assert_int_equal(b.query[0], 3);
    spec.max_len = 5;
    block_one(&b, s, 5, &spec, mem); /* full: exactly the oldest goes */
    assert_int_equal(b.off[1], 5);
    assert_int_equal(b.item[0], 12);
    block_tail(&b, s, 5, 3, &spec, mem);
    assert_int_equal(b.n_query, 3);
    assert_int_equal(b.item[0], 14);
    assert_int_equal(b.item[1], 15);
    assert_int_equal(b.item[4], 99);
    const int32_t hole[] = {11, 99, 13, 99};
    block_masked(&b, hole, 4, &spec, mem);
    assert_int_equal(b.off[1], 4);
    assert_int_equal(b.n_query, 2);
    assert_int_equal(b.query[0], 1);
    assert_int_equal(b.query[1], 3);

    spec = (struct batch_spec){.kind = BATCH_SESSIONS};
    const int32_t *const many[] = {s, s + 1, s};
    const int32_t len[] = {2, 0, 4};
    block_many(&b, 3, many, len, &spec, mem);
    assert_int_equal(b.n, 3);
    assert_int_equal(b.n_query, 2);
    assert_int_equal(b.query_session[1], 2);
    assert_int_equal(b.query[1], 5);
    arena_free(mem);
}

static void test_refusals(void **state)
{
    (void)state;
    struct hand *h = hand_new(5, "1;2;3", NULL);
    struct batch_spec s = {.kind = BATCH_SESSIONS, .size = 4};
    struct err err = {0};
    hand_split(h);
    assert_int_equal(batcher_new(&h->b, h->sp, &s, 1, &err), ST_ARG);
    assert_null(h->b);
    assert_non_null(strstr(err.msg, "nothing to train on"));
    hand_free(h);
    h = hand_batch(5, "1 2 3", &s);
    s.size = 0;
    batcher_spec(h->b, &s);
    struct batch p;
    assert_int_equal(batcher_plan(h->b, 0, &p, &err), ST_ARG); /* a bad setting is told by the next plan */
    s.size = 4;
    batcher_spec(h->b, &s);
    assert_int_equal(batcher_plan(h->b, 0, &p, &err), ST_OK);
    assert_int_equal(batcher_plan(h->b, -1, &p, &err), ST_ARG);
    s = (struct batch_spec){.kind = BATCH_PARALLEL, .size = 1, .neg_cols = NEG_BATCH};
    batcher_spec(h->b, &s);
    assert_int_equal(batcher_plan(h->b, 0, &p, &err), ST_ARG);
    hand_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_shards_balance),
        cmocka_unit_test(test_last_items_shifted),
        cmocka_unit_test(test_target_sets),
        cmocka_unit_test(test_negatives_avoid_the_session),
        cmocka_unit_test(test_negatives_follow_popularity),
        cmocka_unit_test(test_negatives_new_each_step),
        cmocka_unit_test(test_tiny_vocabularies),
        cmocka_unit_test(test_logq),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_cloze),
        cmocka_unit_test(test_cloze_windows),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_prefix_alone),
        cmocka_unit_test(test_parallel_schedule),
        cmocka_unit_test(test_parallel_by_time),
        cmocka_unit_test(test_parallel_bptt),
        cmocka_unit_test(test_lanes_in_runs),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
