/* See batch_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/batch_rig.h"

#include <stdlib.h>
#include <string.h>

struct hand *hand_new(int32_t n_items, const char *sessions, const int64_t *start)
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
    h->ds = (struct dataset){.name = "hand",
                             .n_items = n_items,
                             .n_users = s,
                             .n_sessions = s,
                             .n_events = n,
                             .off = h->off,
                             .item = h->item,
                             .by_user = true};
    if (start) {
        for (int32_t i = 0; i < s; i++)
            for (int64_t e = h->off[i]; e < h->off[i + 1]; e++)
                h->ts[e] = start[i] + e;
        h->ds.ts = h->ts;
    }
    assert_int_equal(arena_new(&h->mem, 0, NULL), ST_OK);
    return h;
}

void hand_split(struct hand *h)
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

struct hand *hand_batch(int32_t n_items, const char *sessions, const struct batch_spec *s)
{
    struct hand *h = hand_new(n_items, sessions, NULL);
    struct err err = {0};
    hand_split(h);
    if (batcher_new(&h->b, h->sp, s, 1, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return h;
}

void hand_free(struct hand *h)
{
    batcher_free(h->b);
    split_free(h->sp);
    arena_free(h->mem);
    free(h);
}

struct batch plan_at(struct batcher *b, int64_t step)
{
    struct batch p;
    struct err err = {0};
    if (batcher_plan(b, step, &p, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return p;
}

void each_block(struct batcher *b, int64_t step, struct arena *mem,
                void (*fn)(const struct block *, void *), void *ctx)
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

struct rig rig_new(const char *name, int32_t sessions, const struct batch_spec *s)
{
    struct rig r = {.ds = world(name, sessions)};
    struct err err = {0};
    assert_int_equal(split_new(&r.sp, r.ds, SPLIT_SESSIONS, NULL), ST_OK);
    if (batcher_new(&r.b, r.sp, s, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(arena_new(&r.mem, 0, NULL), ST_OK);
    return r;
}

void rig_free(struct rig *r)
{
    batcher_free(r->b);
    split_free(r->sp);
    dataset_free(r->ds);
    arena_free(r->mem);
}
