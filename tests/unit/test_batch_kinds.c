/* Windows, cloze, prefixes and lanes, down to what ports of their models got wrong. */
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
        memcpy(w->row[w->n] + L, b->target + i * b->n_target,
               (size_t)b->n_target * sizeof(int32_t));
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
        strncat(text, i ? ";1 2 3 4 5 6 7 8 9 10" : "1 2 3 4 5 6 7 8 9 10",
                sizeof text - strlen(text) - 1);
    struct batch_spec s = {
        .kind = BATCH_CLOZE, .size = 60, .max_len = 20, .rho = .2f, .cap = 4, .mask_item = 99};
    struct hand *h = hand_batch(10, text, &s);
    struct cloze c = {.ds = &h->ds};
    for (int e = 0; e < 50; e++)
        each_block(h->b, e, h->mem, check_cloze, &c);
    assert_int_equal(c.samples, 3000);
    assert_int_equal(c.masks, 6000); /* exactly two of ten */
    /* The first place is hidden as often as any */
    assert_true(llabs((long long)c.at_first - 600) < 100);
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
    s = (struct batch_spec){
        .kind = BATCH_CLOZE, .size = 60, .max_len = 20, .rho = .01f, .mask_item = 99};
    batcher_spec(h->b, &s); /* at least one place */
    memset(&c, 0, sizeof c);
    c.ds = &h->ds;
    each_block(h->b, 0, h->mem, check_cloze, &c);
    assert_int_equal(c.masks, 60);
    hand_free(h);
}

struct other {
    int64_t hidden, kept, replaced;
    const struct dataset *ds;
};

static void count_other(const struct block *b, void *ctx)
{
    struct other *o = ctx;
    for (int32_t q = 0; q < b->n_query; q++) {
        int32_t item = b->item[b->query[q]];
        o->hidden += item == 99;
        o->kept += item == b->target[q];
        o->replaced += item != 99 && item != b->target[q];
        assert_in_range(b->target[q], 1, 10);
    }
}

/* Chosen but not hidden: half keep their item, half read another; all of them are asked. */
static void test_cloze_not_hidden(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_CLOZE,
                           .size = 1,
                           .max_len = 20,
                           .rho = .5f,
                           .mask_item = 99,
                           .mask_other = .4f};
    struct hand *h = hand_batch(10, "1 2 3 4 5 6 7 8 9 10", &s);
    struct other o = {.ds = &h->ds};
    for (int e = 0; e < 2000; e++)
        each_block(h->b, e, h->mem, count_other, &o);
    assert_int_equal(o.hidden + o.kept + o.replaced, 10000);
    assert_in_range(o.hidden, 5800, 6200);
    assert_in_range(o.replaced, 1650, 1950); /* a tenth of the draws is the item itself */
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

/* Hidden once and for all: every window as often as dupe says and once with its last item
 * hidden, the same places and the same order in every epoch. */
struct offline {
    int n, last;
    int32_t item[64][4];
    int32_t order[64]; /* hash of what the sample reads */
};

static void collect_offline(const struct block *b, void *ctx)
{
    struct offline *o = ctx;
    int32_t q = 0;
    for (int32_t i = 0; i < b->n; i++) {
        int32_t n = b->off[i + 1] - b->off[i], hidden = 0, hash = 0;
        for (int32_t r = b->off[i]; r < b->off[i + 1]; r++) {
            bool query = q < b->n_query && b->query[q] == r;
            hash = hash * 31 + b->item[r];
            hidden += query;
            o->item[o->n][r - b->off[i]] = query ? b->target[q] : b->item[r];
            q += query;
        }
        assert_int_equal(n, 4);
        o->last += hidden == 1 && b->item[b->off[i + 1] - 1] == 12;
        o->order[o->n++] = hash;
    }
}

static void test_cloze_offline(void **state)
{
    (void)state;
    enum { DUPE = 5 };
    struct batch_spec s = {.kind = BATCH_CLOZE,
                           .size = 64,
                           .max_len = 4,
                           .rho = 0.5f,
                           .window_prop = 0.5f,
                           .mask_item = 12,
                           .dupe = DUPE};
    struct hand *h = hand_batch(11, "1 2 3 4 5 6 7;8 9 10 11", &s);
    struct offline first = {0}, again = {0};
    each_block(h->b, 0, h->mem, collect_offline, &first);
    each_block(h->b, 1, h->mem, collect_offline, &again);
    /* windows of the first session begin at 3, 1 and 0; the second session is one */
    assert_int_equal(first.n, 4 * (DUPE + 1));
    assert_int_equal(first.last, 4);
    assert_memory_equal(&first, &again, sizeof first);
    int from[12] = {0}, distinct = 0;
    for (int i = 0; i < first.n; i++) {
        from[first.item[i][0]]++;
        bool new = true;
        for (int k = 0; k < i; k++)
            new &= first.order[k] != first.order[i];
        distinct += new;
    }
    assert_true(from[1] == DUPE + 1 && from[2] == DUPE + 1 && from[4] == DUPE + 1 &&
                from[8] == DUPE + 1);
    assert_true(distinct > 8); /* the copies of a window hide different places */
    hand_free(h);
}

/* Validation items train when asked to, test items never. */
static void collect_items(const struct block *b, void *ctx)
{
    int32_t *seen = ctx;
    for (int32_t r = 0; r < b->off[b->n]; r++)
        seen[b->item[r]]++;
    for (int32_t q = 0; q < b->n_query; q++)
        seen[b->target[q]]++;
}

static void test_cloze_with_valid(void **state)
{
    (void)state;
    for (int with = 0; with < 2; with++) {
        struct batch_spec s = {.kind = BATCH_CLOZE,
                               .size = 4,
                               .max_len = 8,
                               .rho = 0.5f,
                               .mask_item = 11,
                               .with_valid = with};
        struct hand *h = hand_new(10, "1 2 3 4 5;6 7 8 9 10", NULL);
        int32_t seen[12] = {0};
        struct err err;
        if (split_new(&h->sp, &h->ds, SPLIT_LEAVE_ONE_OUT, &err) ||
            batcher_new(&h->b, h->sp, &s, 1, &err))
            fail_msg("%s", err.msg);
        each_block(h->b, 0, h->mem, collect_items, seen);
        assert_true(seen[3] > 0 && seen[8] > 0);
        assert_int_equal(seen[4] > 0, with);
        assert_int_equal(seen[9] > 0, with);
        assert_int_equal(seen[5] + seen[10], 0);
        hand_free(h);
    }
}

static void test_cloze_windows(void **state)
{
    (void)state;
    char text[400] = "1", one[16];
    for (int i = 2; i <= 33; i++) {
        snprintf(one, sizeof one, " %d", i);
        strncat(text, one, sizeof text - strlen(text) - 1);
    }
    struct batch_spec s = {.kind = BATCH_CLOZE,
                           .size = 1,
                           .max_len = 10,
                           .p_last = 1,
                           .mask_item = 200,
                           .window_prop = .5f};
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
    const float in[] = {0, 1, 0, 0, 0, 1, .5f, .5f, 0}, out[] = {0, 0, 1, .5f, 0, .5f, 0, 1, 0},
                half[] = {.5f, .5f, 0, 0};
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
    const float counted[] = {0, 0, 1, .5f, 0, .5f, 0, 1, 0},
                transposed[] = {0, .5f, 0, 0, 0, 1, 1, .5f, 0};
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
        /* No node from after the prefix, none is 0 */
        for (int32_t v = b->node_off[i]; v < b->node_off[i + 1]; v++) {
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
        {2, {1, 4}, {2, 5}, {0, 1}, {1, 1}},   {2, {2, 6}, {3, 7}, {0, 2}, {0, 1}},
        {2, {10, 7}, {11, 8}, {3, 2}, {1, 0}}, {2, {12, 8}, {13, 9}, {4, 2}, {1, 0}},
        {1, {13, 0}, {14, 0}, {4, 0}, {0, 0}},
    };
    const char *data = "1 2 3;4 5;6 7 8 9;10 11;12 13 14";
    for (int extra = 1; extra >= 0; extra--) {
        struct batch_spec s = {
            .kind = BATCH_PARALLEL, .size = 2, .neg_cols = NEG_BATCH, .n_neg = extra * 3};
        struct hand *h = hand_batch(14, data, &s);
        /* Alone and without draws there is nothing to compare with */
        assert_int_equal(batcher_per_epoch(h->b), 4 + extra);
        for (int step = 0; step < 4 + extra; step++)
            /* State and schedule do not leak over epochs */
            for (int epoch = 1; epoch >= 0; epoch--) {
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

/* shuffle: every epoch has each session once, in an order of its own; its k-th session is as
 * long as that of any other epoch. */
static void test_parallel_shuffle(void **state)
{
    (void)state;
    enum { SESSIONS = 12 };
    struct batch_spec s = {.kind = BATCH_PARALLEL, .size = 1, .shuffle = true};
    struct hand *h =
        hand_new(9, "1 2;3 4 5;6 7;1 3;2 4 6;5 7;1 4;2 5 8 1;3 6;4 7;5 8 2;9 1", NULL);
    int32_t order[3][SESSIONS];
    hand_split(h);
    assert_int_equal(batcher_new(&h->b, h->sp, &s, 1, NULL), ST_OK);
    int64_t n = batcher_per_epoch(h->b);
    for (int e = 0; e < 3; e++) {
        int k = 0, seen[SESSIONS] = {0};
        for (int64_t i = 0; i < n; i++) {
            struct lanes_seen l = {0};
            each_block(h->b, e * n + i, h->mem, collect_lanes, &l);
            if (l.fresh[0])
                order[e][k++] = l.session[0];
            struct batch_lane lane; /* who comes next, in the next epoch too */
            assert_true(batcher_lane(h->b, 0, &lane));
            struct lanes_seen next = {0};
            each_block(h->b, e * n + i + 1, h->mem, collect_lanes, &next);
            assert_int_equal(lane.session, next.session[0]);
        }
        assert_int_equal(k, SESSIONS);
        for (int i = 0; i < SESSIONS; i++) {
            assert_int_equal(h->sp->train_len[order[e][i]], h->sp->train_len[order[0][i]]);
            assert_int_equal(seen[order[e][i]]++, 0);
        }
    }
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    assert_memory_not_equal(order[1], order[2], sizeof order[0]);
    hand_free(h);
}

/* bptt: a lane's old session and its successor stand in one block, in this order, only the
 * second from zero. */
static void test_parallel_bptt(void **state)
{
    (void)state;
    struct batch_spec s = {.kind = BATCH_PARALLEL, .size = 2, .bptt = 3};
    struct hand *h = hand_batch(14, "1 2 3;4 5;6 7 8 9;10 11;12 13 14", &s);
    assert_int_equal(batcher_per_epoch(h->b), 2);
    struct lanes_seen l = {0};
    each_block(h->b, 0, h->mem, collect_lanes, &l);
    const int32_t in[] = {1, 2, 10, 4, 6, 7}, session[] = {0, 0, 3, 1, 2, 2},
                  lane[] = {0, 0, 0, 1, 1, 1}, fresh[] = {1, 1, 1, 1, 1, 1};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_cloze),
        cmocka_unit_test(test_cloze_not_hidden),
        cmocka_unit_test(test_cloze_windows),
        cmocka_unit_test(test_cloze_offline),
        cmocka_unit_test(test_cloze_with_valid),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_prefix_alone),
        cmocka_unit_test(test_parallel_schedule),
        cmocka_unit_test(test_parallel_by_time),
        cmocka_unit_test(test_parallel_shuffle),
        cmocka_unit_test(test_parallel_bptt),
        cmocka_unit_test(test_lanes_in_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
