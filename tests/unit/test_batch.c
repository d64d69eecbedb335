/* Batches: epochs, shards, weights, target sets, negatives, blocks of typed sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/batch_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    {.kind = BATCH_SESSIONS,
     .size = 100,
     .max_len = 20,
     .n_neg = 30,
     .neg_cols = NEG_SESSION,
     .neg_distinct = true,
     .neg_alpha = .75f},
    {.kind = BATCH_SESSIONS, .size = 16, .n_target = 4, .weight = WEIGHT_SESSION},
    {.kind = BATCH_SESSIONS, .size = 16, .n_target = 3},
    {.kind = BATCH_SESSIONS, .size = 16, .n_target = -1},
    {.kind = BATCH_WINDOWS, .size = 128, .max_len = 5, .n_target = 3, .n_neg = 3},
    {.kind = BATCH_WINDOWS, .size = 128, .max_len = 5, .prefixes = true},
    {.kind = BATCH_CLOZE,
     .size = 64,
     .max_len = 8,
     .rho = .2f,
     .cap = 4,
     .p_last = .1f,
     .p_tail = .2f,
     .k_max = 3,
     .mask_item = 241},
    {.kind = BATCH_PREFIXES, .size = 100, .max_len = 6},
    {.kind = BATCH_PARALLEL, .size = 32, .neg_cols = NEG_BATCH, .n_neg = 64, .neg_alpha = .5f},
    {.kind = BATCH_PARALLEL, .size = 32, .bptt = 10},
    {.kind = BATCH_PARALLEL, .size = 32, .bptt = 3, .shuffle = true},
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
            int32_t want =
                i >= 400                                              ? 0
                : s->kind == BATCH_SESSIONS || s->kind == BATCH_CLOZE ? 1
                : s->kind == BATCH_PREFIXES || (s->kind == BATCH_WINDOWS && s->prefixes)
                    ? r.sp->train_len[i] - 1
                : s->kind == BATCH_WINDOWS
                    ? (r.sp->train_len[i] > 8 ? r.sp->train_len[i] - 7 : 1)
                    : -1;
            if (want >= 0 && t->seen[i] != want)
                fail_msg("kind %d: session %d is %d times in an epoch, not %d", k, i,
                         t->seen[i], want);
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
        if (every_kind[k].kind != BATCH_PARALLEL || every_kind[k].shuffle)
            /* Epochs differ */
            assert_true(batch_hash(r.b, 0, r.mem) != batch_hash(r.b, n, r.mem));
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
    /* A session of one item gives nothing */
    struct hand *h = hand_batch(6, "1 2 3 4 5 6;2", &s);
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

/* Sets of next items: shortened at the end, repeats once, divided by the first row's set
 * (SVAE). */
static void test_target_sets(void **state)
{
    (void)state;
    const int32_t next2[] = {6, 1, 1, 4, 4, 7, 7, 0}, repeat[] = {4, 2, 0, 4, 2, 0, 2, 0, 0};
    const int32_t later[] = {6, 1, 4, 7, 1, 4, 7, 0, 4, 7, 0, 0, 7, 0, 0, 0},
                  short4[] = {2, 3, 0, 0, 3, 0, 0, 0};
    struct batch_spec s = {
        .kind = BATCH_SESSIONS, .size = 4, .n_target = 2, .weight = WEIGHT_SESSION};
    struct hand *h = hand_batch(7, "3 6 1 4 7", &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){4, 2, next2, 2});
    s.n_target = -1;
    batcher_spec(h->b, &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){4, 4, later, 4});
    s.weight = WEIGHT_SESSION_MEAN;
    batcher_spec(h->b, &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){4, 4, later, 16});
    hand_free(h);
    s = (struct batch_spec){
        .kind = BATCH_SESSIONS, .size = 4, .n_target = 3, .weight = WEIGHT_SESSION};
    h = hand_batch(7, "1 4 4 2", &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){3, 3, repeat, 2});
    s.weight = WEIGHT_MEAN; /* five counted targets in all */
    batcher_spec(h->b, &s);
    each_block(h->b, 0, h->mem, check_sets, &(struct want_sets){3, 3, repeat, 5});
    hand_free(h);
    s = (struct batch_spec){
        .kind = BATCH_SESSIONS, .size = 4, .n_target = 4, .weight = WEIGHT_SESSION};
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
    struct batch_spec s = {.kind = BATCH_SESSIONS,
                           .size = 128,
                           .max_len = 8,
                           .n_neg = 5,
                           .neg_reject = true,
                           .neg_distinct = true};
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
        struct batch_spec s = {
            .kind = BATCH_SESSIONS, .size = 256, .n_neg = 60, .neg_alpha = alpha};
        struct rig r = rig_new("chain", 1000, &s);
        struct count *c = calloc(1, sizeof *c);
        c->ds = r.ds;
        for (int i = 0; i < 16; i++)
            each_block(r.b, i, r.mem, count_negatives, c);
        double sum = 0;
        for (int32_t i = 1; i <= 240; i++)
            sum += pow((double)r.sp->train_pop[i], (double)alpha);
        for (int32_t i = 1; i <= 240; i++) {
            double p = pow((double)r.sp->train_pop[i], (double)alpha) / sum,
                   want = p * (double)c->n;
            if (fabs((double)c->hit[i] - want) > 5 * sqrt(want + 1)) /* 240 items: 5 sigma */
                fail_msg("alpha %g item %d: %lld of %lld draws, expected %.0f", (double)alpha,
                         i, (long long)c->hit[i], (long long)c->n, want);
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

/* Vocabularies of one and two items, a user who owns all, more distinct draws than items: no
 * hang. */
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
    /* Room enough: nothing is lost, the mask stands at place 3 */
    block_one(&b, s, 3, &spec, mem);
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
    /* A bad setting is told by the next plan */
    assert_int_equal(batcher_plan(h->b, 0, &p, &err), ST_ARG);
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
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
