/* Mistakes that programs of this kind (SR-GNN, DIEN and what is built on them) are known to
 * make, each as a test.  What the reference numbers already tell apart (directions and
 * counts of edges, self-loops, the gated step, shares of memory, equal items in one track,
 * sessions side by side) is in tests/golden/test_pen4rec_golden.c; drift of a zero state and
 * the turn in tests/contract/test_evolve.c. */
#include "tests/support/approx.h"
#include "tests/support/batch_rig.h"
#include "tests/support/kit.h"
#include "engine/tensor/gemm.h"
#include "engine/train/eval.h"
#include "engine/train/learner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { V = 9, N = 4, D = 5 };
static const int32_t s0[] = {3, 5, 3, 2, 5, 3, 1, 9}, s1[] = {4, 4, 4, 6},
                     s2[] = {1, 1, 2, 7, 8, 1, 2, 1, 1, 2, 6, 6, 3, 1, 5, 2, 4, 9, 9, 8},
                     s3[] = {7, 6};
static const int32_t *const sessions[N] = {s0, s1, s2, s3};
static const int32_t lens[N] = {8, 4, 20, 2};

static void make(struct kit *k, const char *more)
{
    char settings[128];
    snprintf(settings, sizeof settings, "d=5 k=3 batch=7 %s", more);
    kit_new_data(k, "pen4rec", settings, V, 3, N, sessions, lens);
    k->watch = 0;
}

static void ask(struct kit *k, struct block *b, const int32_t *item, int32_t n)
{
    block_one(b, item, n, &k->spec, k->mem);
    assert_non_null(b->off);
}

static double at(const struct tensor *t, int32_t row, int32_t col)
{
    return (double)t->x[(size_t)row * (size_t)t->ld + (size_t)col];
}

/* ---- Samples and graphs ---- */

struct seen {
    struct kit k; /* answers for prefixes alone */
    int n, of_session[N];
};

static void rows_sum_to_one(const float *a, int32_t m)
{
    for (int32_t i = 0; i < m; i++) {
        double sum = 0;
        for (int32_t j = 0; j < m; j++)
            sum += (double)a[i * m + j];
        assert_true(sum == 0 || fabs(sum - 1) < 1e-6);
    }
}

static void as_if_alone(const struct block *b, void *ctx)
{
    struct seen *w = ctx;
    real many[32 * D], one[D];
    double want[D];
    assert_true(b->n <= 32);
    kit_copy(kit_encode(&w->k, b), many, sizeof many / sizeof *many);
    for (int32_t i = 0; i < b->n; i++, w->n++) {
        int32_t s = b->session[i], n = b->off[i + 1] - b->off[i],
                m = b->node_off[i + 1] - b->node_off[i];
        struct block alone;
        w->of_session[s]++;
        assert_int_equal(b->target[i], sessions[s][n]);
        ask(&w->k, &alone, sessions[s], n);
        assert_int_equal(alone.node_off[1], m);
        size_t cells = (size_t)m * (size_t)m * sizeof(float);
        assert_memory_equal(alone.adj_in, b->adj_in + b->adj_off[i], cells);
        assert_memory_equal(alone.adj_out, b->adj_out + b->adj_off[i], cells);
        rows_sum_to_one(alone.adj_in, m);
        rows_sum_to_one(alone.adj_out, m);
        for (int32_t j = 0; j < m; j++) {
            assert_int_equal(alone.node[j], b->node[b->node_off[i] + j]);
            assert_in_range(alone.node[j], 1, V); /* no filler among the nodes */
        }
        kit_copy(kit_encode(&w->k, &alone), one, D);
        for (int c = 0; c < D; c++)
            want[c] = (double)one[c];
        assert_close("the prefix alone", many + (size_t)i * D, want, D, 1e-5, 1e-6);
    }
}

/* 1, 2, 3: every prefix once an epoch, with the click after it as target; its graph and its
 * vector are those of the prefix alone, whatever comes later and whatever lies beside it. */
static void test_samples(void **state)
{
    (void)state;
    struct seen w = {.n = 0};
    struct batcher *bt;
    struct arena *mem;
    make(&w.k, "");
    assert_int_equal(batcher_new(&bt, &w.k.split, &w.k.spec, 1, NULL), ST_OK);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    for (int64_t i = 0; i < batcher_per_epoch(bt); i++)
        each_block(bt, i, mem, as_if_alone, &w);
    for (int s = 0; s < N; s++)
        assert_int_equal(w.of_session[s], lens[s] - 1);
    arena_free(mem);
    batcher_free(bt);
    kit_free(&w.k);
}

/* 4: an edge that occurs twice counts once, or twice where occurrences count; the golden
 * sessions have no node where it tells. */
static void test_edges(void **state)
{
    (void)state;
    static const int32_t item[] = {1, 2, 1, 2, 1, 3};
    for (int count = 0; count < 2; count++) {
        struct kit k;
        struct block b;
        make(&k, count ? "edge=count" : "edge=binary");
        ask(&k, &b, item, 6);
        const double want[9] = {0, count ? 2.0 / 3 : 0.5, count ? 1.0 / 3 : 0.5, 1, 0, 0, 0, 0,
                                0};
        for (int i = 0; i < 9; i++)
            assert_close1("out", (double)b.adj_out[i], want[i], 1e-6, 0);
        kit_free(&k);
    }
}

/* 7 to 9: weights of both stages sum to 1 in each track, whatever the lengths beside it; a
 * track for each distinct recent item, and no more than k; beta sums to 1 over those there
 * are. */
static void test_tracks(void **state)
{
    (void)state;
    static const int32_t want[N] = {3, 2, 3, 2};
    struct kit k;
    struct block b;
    make(&k, "");
    block_many(&b, N, sessions, lens, &k.spec, k.mem);
    kit_encode(&k, &b);
    const struct tensor *alpha = kit_probe(&k, "s1.alpha"), *att = kit_probe(&k, "s2.att"),
                        *beta = kit_probe(&k, "fuse.beta");
    int32_t row = 0, track = 0;
    for (int s = 0; s < N; s++) {
        double share = 0;
        for (int32_t j = 0; j < want[s]; j++, track++) {
            double first = 0, second = 0;
            for (int32_t t = 0; t < lens[s]; t++, row++) {
                first += at(alpha, row, 0);
                second += at(att, row, 0);
            }
            assert_close1("alpha", first, 1, 1e-6, 0);
            assert_close1("a", second, 1, 1e-6, 0);
            share += at(beta, track, 0);
        }
        assert_close1("beta", share, 1, 1e-6, 0);
    }
    assert_int_equal(tensor_rows(att), row);
    assert_int_equal(tensor_rows(beta), track);
    kit_free(&k);
}

/* ---- The cell ---- */

static double weighed(struct kit *k, const char *x, const char *name, const double *v,
                      int32_t col)
{
    double sum = x ? (double)*kit_value(k, x, (size_t)col) : 0;
    for (int32_t i = 0; i < D; i++)
        sum += v[i] * (double)*kit_value(k, name, (size_t)(i * D + col));
    return sum;
}

/* 6: a click without relevance leaves the state as it is, bit by bit; one with all of it
 * makes an ordinary GRU step; the reset gate works on the state before the product, unlike
 * the cell of the graph. */
static void test_cell(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    int still = 0, steps = 0;
    make(&k, "k=1");
    for (size_t i = 0; i < kit_size(&k, "s2.Ws"); i++)
        *kit_value(&k, "s2.Ws", i) *= 100000; /* relevance is 1 or underflows to 0 */
    ask(&k, &b, s0, 8);
    kit_encode(&k, &b);
    const struct tensor *a = kit_probe(&k, "s2.att"), *h = kit_probe(&k, "s2.state"),
                        *x = kit_probe(&k, "x"), *u = kit_probe(&k, "s2.update"),
                        *r = kit_probe(&k, "s2.reset"), *c = kit_probe(&k, "s2.cand");
    for (int32_t t = 0; t < 8; t++) {
        double before[D], click[D], kept[D];
        for (int32_t i = 0; i < D; i++) {
            before[i] = t ? at(h, t - 1, i) : 0;
            click[i] = at(x, t, i);
            kept[i] = at(r, t, i) * before[i];
        }
        for (int32_t i = 0; i < D; i++) {
            assert_close1("cand", at(c, t, i),
                          tanh(weighed(&k, "s2.bc", "s2.Wxc", click, i) +
                               weighed(&k, NULL, "s2.Whc", kept, i)),
                          1e-5, 1e-6);
            if (at(a, t, 0) == 0) {
                assert_true(at(h, t, i) == before[i]);
                still++;
            } else if (at(a, t, 0) == 1) {
                double w = at(u, t, i);
                assert_close1("step", at(h, t, i), (1 - w) * before[i] + w * at(c, t, i), 1e-6,
                              1e-7);
                steps++;
            }
        }
    }
    assert_true(still >= 4 * D && steps >= D);
    kit_free(&k);
}

/* 12: two sessions with the same edges, [3,5,3,2,3] and [3,2,3,5,3]: the nodes are the same,
 * the preference is not. */
static void test_order(void **state)
{
    (void)state;
    static const int32_t one[] = {3, 5, 3, 2, 3}, other[] = {3, 2, 3, 5, 3};
    struct kit k;
    struct block b;
    real node[2][3 * D], last[2][D];
    make(&k, "k=1");
    for (int i = 0; i < 2; i++) {
        ask(&k, &b, i ? other : one, 5);
        kit_encode(&k, &b);
        kit_copy(kit_probe(&k, "gnn1.h"), node[i], 3 * D);
        kit_rows(kit_probe(&k, "s2.state"), 4, 5, last[i], D);
    }
    assert_memory_equal(node[0], node[1], sizeof *node);
    double away = 0;
    for (int i = 0; i < D; i++)
        away += fabs((double)last[0][i] - (double)last[1][i]);
    assert_true(away > 1e-3);
    kit_free(&k);
}

/* ---- Loss, answers, training ---- */

/* 13: scores and targets begin at item 1. */
static void test_first_item(void **state)
{
    (void)state;
    static const int32_t target[] = {1, 2};
    static const float one = 1;
    struct kit k;
    struct block b;
    double loss[2];
    make(&k, "");
    for (size_t i = 0; i < kit_size(&k, "out.W"); i++)
        *kit_value(&k, "out.W", i) = 0;
    for (size_t i = 0; i < D; i++)
        *kit_value(&k, "out.b", i) = i == 0;
    for (size_t i = 0; i < kit_size(&k, "item.E"); i++)
        *kit_value(&k, "item.E", i) = i == D ? 6 : 0;
    ask(&k, &b, s0, 4);
    const struct tensor *s = kit_scores(&k, &b);
    assert_true(isinf(at(s, 0, 0)) && at(s, 0, 0) < 0);
    for (int32_t i = 1; i <= V; i++)
        assert_close1("score", at(s, 0, i), i == 1 ? 6 : 0, 1e-6, 1e-6);
    for (int i = 0; i < 2; i++) {
        b.n_target = 1;
        b.target = &target[i];
        b.weight = &one;
        loss[i] = kit_loss_only(&k, &b);
    }
    assert_close1("item 1", loss[0], log(exp(6) + V - 1) - 6, 1e-4, 1e-6);
    assert_close1("item 2", loss[1], log(exp(6) + V - 1), 1e-5, 0);
    kit_free(&k);
}

static struct learner *learner_of(struct kit *k)
{
    struct learner *l;
    struct err err = {0};
    if (learner_new(&l, k->def, k->hp, &k->split, 1, &err))
        fail_msg("%s", err.msg);
    return l;
}

/* 14: the first n epochs at lr, the next n at a tenth, and on; a warm-up goes on top of it. */
static void test_schedule(void **state)
{
    (void)state;
    struct kit k;
    struct err err = {0};
    make(&k, "lr=0.001 lr_step=3 lr_gamma=0.1");
    struct learner *l = learner_of(&k);
    int64_t per = learner_steps_per_epoch(l);
    assert_true(per > 1);
    for (int64_t i = 0; i < 7 * per; i++) {
        struct step_info info;
        assert_int_equal(learner_step(l, NULL, NULL, &info, &err), ST_OK);
        assert_int_equal(info.epoch, i / per);
        assert_close1("rate", info.lr, pow(0.1, (double)(i / per / 3)) * 0.001, 1e-6, 0);
    }
    learner_free(l);
    kit_free(&k);
}

/* 15: weight decay is added to the gradient, so Adam's first step is as long as without; the
 * row of no item stays zero. */
static void test_decay(void **state)
{
    (void)state;
    struct kit k;
    struct err err = {0};
    struct weights *before, *after;
    int moved = 0;
    make(&k, "lr=0.001 wd=10");
    struct learner *l = learner_of(&k);
    assert_int_equal(weights_of(&before, l, &err), ST_OK);
    assert_int_equal(learner_step(l, NULL, NULL, NULL, &err), ST_OK);
    assert_int_equal(weights_of(&after, l, &err), ST_OK);
    for (int i = 0; i < params_n(k.ps); i++) {
        const struct param *p = params_at(k.ps, i);
        bool item = strcmp(p->name, "item.E") == 0;
        for (size_t r = 0; r < param_rows(p); r++)
            for (size_t c = 0; c < (size_t)param_cols(p); c++) {
                size_t e = p->at + r * (size_t)p->ld + c;
                double d = fabs((double)after->x[e] - (double)before->x[e]);
                if (item && r == 0)
                    assert_true(after->x[e] == 0);
                else
                    assert_true(d <= 0.001 * 1.001);
                moved += d > 0.0009;
            }
    }
    assert_true(moved > 200);
    weights_unref(before);
    weights_unref(after);
    learner_free(l);
    kit_free(&k);
}

/* 17: every prefix, P and MRR cut off at 20, ties by half, clicked items kept. */
static void test_protocol(void **state)
{
    (void)state;
    const struct protocol_def *d = protocol_def(PROTO_PREFIXES);
    const struct metric_def *mrr = metric_find("mrr");
    assert_string_equal(d->name, "prefixes");
    assert_true(d->ties == TIES_HALF && d->exclude == 0);
    assert_int_equal(d->metric[0].k, 20);
    assert_int_equal(d->metric[1].k, 20);
    struct metric_acc a = {0};
    mrr->add(&a, &(struct rank_obs){.rank = 20, .n_cand = 100}, 20);
    mrr->add(&a, &(struct rank_obs){.rank = 21, .n_cand = 100}, 20);
    assert_close1("mrr", metric_mean(&a), 1.0 / 40, 1e-9, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),  cmocka_unit_test(test_edges),
        cmocka_unit_test(test_tracks),   cmocka_unit_test(test_cell),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_first_item),
        cmocka_unit_test(test_schedule), cmocka_unit_test(test_decay),
        cmocka_unit_test(test_protocol),
    };
    const char *note;
    gemm_start(&note);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
