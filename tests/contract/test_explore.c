/* Questions about parts of a model: patches against the same model with the part's
 * parameters taken away, sets of patches, last states, principal components, runs of items
 * that excite a filter. */
#include "engine/data/world.h"
#include "engine/train/explorer.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct dataset *ds;
static struct split *split;
static struct explore *ex;
static const int32_t seq[] = {13, 1, 14, 2, 15, 3, 16};
enum { N = sizeof seq / sizeof *seq, ITEMS = 144 };

static int set_up(void **state)
{
    (void)state;
    struct world_opts o = {.items = ITEMS, .sessions = 200, .noise = -1, .seed = 1};
    if (world_generate(&ds, "twins", &o, NULL) != ST_OK || explore_new(&ex, NULL) != ST_OK)
        return -1;
    return split_new(&split, ds, SPLIT_SESSIONS, NULL) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    explore_free(ex);
    split_free(split);
    dataset_free(ds);
    return 0;
}

static struct learner *learner(const char *model, const char *settings)
{
    const struct model_def *m = model_find(model);
    struct hparams *hp;
    struct learner *l;
    struct err err;
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, settings, &err) != ST_OK ||
        learner_new(&l, m, hp, split, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    hparams_free(hp);
    return l;
}

static struct weights *weights(const struct learner *l)
{
    struct weights *w;
    assert_int_equal(weights_of(&w, l, NULL), ST_OK);
    return w;
}

static const struct answer *ask(struct weights *w, struct question q)
{
    if (!q.item && !q.n_variant) {
        q.item = seq;
        q.n = N;
    }
    const struct answer *a = explore_ask(ex, w, &q, NULL);
    if (a->err.code)
        fail_msg("%s", a->err.msg);
    return a;
}

static void zero(struct learner *l, const char *name, int row, int rows)
{
    const struct param *p = params_find(l->ps, name);
    assert_non_null(p);
    int32_t each = p->nd == 3 ? p->d[1] : 1;
    if (p->nd == 1) {
        l->x[p->at + (size_t)row] = 0;
        return;
    }
    memset(l->x + p->at + (size_t)row * (size_t)each * (size_t)p->ld, 0,
           (size_t)rows * (size_t)each * (size_t)p->ld * sizeof *l->x);
}

static float score[2][ITEMS + 1];

static void keep(int which, const struct answer *a)
{
    memcpy(score[which], a->score, sizeof score[which]);
}

/* A silent filter answers as one without weights: relu(0) = 0. */
static void silent_filters(void **state)
{
    (void)state;
    static const struct {
        const char *w, *b, *probe;
        int k, wide;
    } cases[] = {{"conv.h3.W", "conv.h3.b", "conv.h3.max", 2, 1},
                 {"conv.v.W", "conv.v.b", "conv.v", 1, 16}};
    for (size_t i = 0; i < 2; i++) {
        struct learner *l = learner("caser", "d=16 nh=4 nv=3");
        struct weights *whole = weights(l);
        zero(l, cases[i].w, cases[i].k, 1);
        zero(l, cases[i].b, cases[i].k, 1);
        struct weights *less = weights(l);
        struct patch p = {
            .set = -1, .row = PATCH_ALL, .col = cases[i].k * cases[i].wide, .n = cases[i].wide};
        snprintf(p.probe, sizeof p.probe, "%s", cases[i].probe);
        keep(0, ask(whole, (struct question){.kind = ASK_SCORE}));
        keep(1, ask(less, (struct question){.kind = ASK_SCORE}));
        assert_memory_not_equal(score[0], score[1], sizeof score[0]);
        keep(0, ask(whole, (struct question){.kind = ASK_SCORE, .patch = &p, .n_patch = 1}));
        for (int k = 1; k <= ITEMS; k++)
            if (fabsf(score[0][k] - score[1][k]) > 1e-6f)
                fail_msg("%s: item %d: %g, without weights %g", p.probe, k, (double)score[0][k],
                         (double)score[1][k]);
        weights_unref(whole);
        weights_unref(less);
        learner_free(l);
    }
}

/* An update gate held at 0 keeps the zero it starts from, held at 1 the state is the
 * candidate; later steps see it. */
static void clamped_gates(void **state)
{
    (void)state;
    struct learner *l = learner("gru4rec", "hidden=8");
    struct weights *w = weights(l);
    for (int value = 0; value < 2; value++) {
        struct patch p = {.probe = "gru1.update",
                          .set = -1,
                          .row = PATCH_ALL,
                          .col = 3,
                          .n = 1,
                          .value = (float)value};
        const struct answer *a =
            ask(w, (struct question){.kind = ASK_PROBES, .patch = &p, .n_patch = 1});
        const struct probe_copy *h = answer_probe(a, "gru1.state"),
                                *c = answer_probe(a, "gru1.cand"),
                                *u = answer_probe(a, "gru1.update");
        assert_true(h && c && u && h->d[0] == N && c->d[0] == N);
        for (int t = 0; t < N; t++) {
            assert_true(u->x[t * 8 + 3] == (float)value);
            assert_true(fabsf(h->x[t * 8 + 3] - (value ? c->x[t * 8 + 3] : 0)) < 1e-7f);
            assert_true(h->x[t * 8 + 2] != 0);
        }
    }
    /* The state itself: the unit is silent in the recurrence too, so the other units move. */
    float other = answer_probe(ask(w, (struct question){.kind = ASK_PROBES}), "gru1.state")
                      ->x[(N - 1) * 8];
    struct patch p = {.probe = "gru1.state", .set = -1, .row = PATCH_ALL, .col = 3, .n = 1};
    const struct answer *a =
        ask(w, (struct question){.kind = ASK_PROBES, .patch = &p, .n_patch = 1});
    const struct probe_copy *h = answer_probe(a, "gru1.state");
    assert_true(h->x[3] == 0 && h->x[(N - 1) * 8 + 3] == 0);
    assert_true(h->x[(N - 1) * 8] != other);
    weights_unref(w);
    learner_free(l);
}

/* Row i of ASK_PATCHES is the answer under set i alone; patches of every set act in all; a
 * gradient is refused. */
static void sets_of_patches(void **state)
{
    (void)state;
    struct learner *l = learner("svae", "K=4");
    struct weights *w = weights(l);
    struct patch p[3] = {
        {.probe = "latent.z", .set = 0, .row = PATCH_LAST, .col = 1, .n = 1, .value = 2},
        {.probe = "latent.z", .set = 1, .row = PATCH_LAST, .col = 2, .n = 1, .value = -1},
        {.probe = "latent.z", .set = -1, .row = PATCH_ALL, .col = 0, .n = 1, .value = 0.5f}};
    for (int s = 0; s < 2; s++) {
        struct patch one[2] = {p[s], p[2]};
        one[0].set = -1;
        keep(s, ask(w, (struct question){.kind = ASK_SCORE, .patch = one, .n_patch = 2}));
    }
    const struct answer *a =
        ask(w, (struct question){.kind = ASK_PATCHES, .patch = p, .n_patch = 3, .n_set = 2});
    assert_int_equal(a->n_row, 2);
    assert_memory_equal(a->score, score[0], sizeof score[0]);
    assert_memory_equal(a->score + ITEMS + 1, score[1], sizeof score[1]);
    assert_memory_not_equal(score[0], score[1], sizeof score[0]);
    struct question q = {
        .kind = ASK_GRADIENT, .target = 3, .n = N, .item = seq, .patch = p, .n_patch = 1};
    assert_int_equal(explore_ask(ex, w, &q, NULL)->err.code, ST_UNSUPPORTED);
    weights_unref(w);
    learner_free(l);
}

static void last_states(void **state)
{
    (void)state;
    struct learner *l = learner("svae", "K=4");
    struct weights *w = weights(l);
    const int32_t *list[3] = {seq, seq, seq + 2};
    const int32_t len[3] = {N, 3, 4};
    float want[3][8];
    for (int i = 0; i < 3; i++) {
        const struct answer *a =
            ask(w, (struct question){.kind = ASK_PROBES, .item = list[i], .n = len[i]});
        const struct probe_copy *mu = answer_probe(a, "latent.mu"),
                                *kl = answer_probe(a, "latent.kl");
        memcpy(want[i], mu->x + (len[i] - 1) * 4, 4 * sizeof(float));
        memcpy(want[i] + 4, kl->x + (len[i] - 1) * 4, 4 * sizeof(float));
    }
    const struct answer *a = ask(w, (struct question){.kind = ASK_STATES,
                                                      .probes = "latent.mu,latent.kl",
                                                      .n_variant = 3,
                                                      .variant = list,
                                                      .variant_n = len});
    assert_int_equal(a->n_col, 8);
    for (int i = 0; i < 24; i++)
        assert_true(fabsf(a->value[i] - want[i / 8][i % 8]) < 1e-6f);
    weights_unref(w);
    learner_free(l);
}

/* Uncorrelated, the shares are those of the variance, and no other direction holds more. */
static void components(void **state)
{
    (void)state;
    struct learner *l = learner("gru4rec", "hidden=12");
    struct weights *w = weights(l);
    const struct param *t = params_find(w->ps, "Wy");
    const struct answer *a = ask(w, (struct question){.kind = ASK_PROJECT});
    double m[3] = {0}, trace = 0, mean[12] = {0};
    assert_int_equal(a->n_row, ITEMS + 1);
    for (int i = 1; i <= ITEMS; i++) {
        m[0] += (double)(a->value[4 * i] * a->value[4 * i]) / ITEMS;
        m[1] += (double)(a->value[4 * i + 1] * a->value[4 * i + 1]) / ITEMS;
        m[2] += (double)(a->value[4 * i] * a->value[4 * i + 1]) / ITEMS;
        for (int c = 0; c < 12; c++)
            mean[c] +=
                (double)w->x[t->at + (size_t)(i - 1) * (size_t)t->ld + (size_t)c] / ITEMS;
    }
    for (int i = 0; i < ITEMS; i++)
        for (int c = 0; c < 12; c++)
            trace +=
                pow((double)w->x[t->at + (size_t)i * (size_t)t->ld + (size_t)c] - mean[c], 2) /
                ITEMS;
    assert_true(m[0] >= m[1] && fabs(m[2]) < 1e-4 * m[0]);
    assert_true(fabs(m[0] / trace - (double)a->share[0]) < 1e-4 &&
                fabs(m[1] / trace - (double)a->share[1]) < 1e-4);
    assert_true(isfinite(a->value[0]) && isfinite(a->value[1]));
    for (int k = 0; k < 200; k++) {
        double v[12], norm = 0, var = 0;
        for (int c = 0; c < 12; c++) {
            v[c] = sin(k * 12.7 + c * 3.1 + 1);
            norm += v[c] * v[c];
        }
        for (int i = 0; i < ITEMS; i++) {
            double x = 0;
            for (int c = 0; c < 12; c++)
                x += ((double)w->x[t->at + (size_t)i * (size_t)t->ld + (size_t)c] - mean[c]) *
                     v[c] / sqrt(norm);
            var += x * x / ITEMS;
        }
        assert_true(var <= m[0] * (1 + 1e-4));
    }
    /* Without a sequence there is no state, and the items lie where they lay. */
    float first[6];
    memcpy(first, a->value + 4, sizeof first);
    struct question q = {.kind = ASK_PROJECT};
    a = explore_ask(ex, w, &q, NULL);
    assert_int_equal(a->err.code, ST_OK);
    assert_true(isnan(a->value[0]));
    assert_memory_equal(first, a->value + 4, sizeof first);
    weights_unref(w);
    learner_free(l);
}

/* Against every run of the training data, one by one. */
static void runs(void **state)
{
    (void)state;
    enum { HIGH = 3, FILTER = 1, K = 5 };
    struct learner *l = learner("caser", "d=16 nh=4");
    struct weights *w = weights(l);
    struct run_found found[K];
    const struct answer *a = ask(w, (struct question){.kind = ASK_RUNS,
                                                      .params = "item.E,conv.h3.W,conv.h3.b",
                                                      .target = FILTER,
                                                      .k = K});
    assert_int_equal(a->n_run, K);
    assert_int_equal(a->run_len, HIGH);
    memcpy(found, a->run, sizeof found);
    const struct param *e = params_find(w->ps, "item.E"), *f = params_find(w->ps, "conv.h3.W"),
                       *b = params_find(w->ps, "conv.h3.b");
    int better = 0, count[K] = {0}, next[K] = {0};
    for (int32_t s = 0; s < ds->n_sessions; s++)
        for (int32_t i = 0; i + HIGH < split->train_len[s]; i++) {
            const int32_t *run = ds->item + ds->off[s] + i;
            double sum = (double)w->x[b->at + FILTER];
            for (int r = 0; r < HIGH; r++)
                for (int c = 0; c < 16; c++)
                    sum += (double)w->x[f->at + (size_t)(FILTER * HIGH + r) * (size_t)f->ld +
                                        (size_t)c] *
                           (double)w->x[e->at + (size_t)run[r] * (size_t)e->ld + (size_t)c];
            int known = -1;
            for (int k = 0; k < K; k++)
                known = memcmp(found[k].item, run, sizeof *run * HIGH) == 0 ? k : known;
            better += known < 0 && sum > (double)found[K - 1].value + 1e-5;
            if (known >= 0) {
                assert_true(fabs(sum - (double)found[known].value) < 1e-5);
                count[known]++;
                next[known] += run[HIGH] == found[known].next;
            }
        }
    assert_int_equal(better, 0);
    for (int k = 0; k < K; k++) {
        assert_int_equal(count[k], found[k].count);
        assert_int_equal(next[k], found[k].next_count);
        assert_true(k == 0 || found[k].value <= found[k - 1].value);
    }
    struct question q = {.kind = ASK_RUNS, .params = "item.E,conv.h9.W,conv.h9.b", .k = K};
    assert_int_equal(explore_ask(ex, w, &q, NULL)->err.code, ST_UNSUPPORTED);
    weights_unref(w);
    learner_free(l);
}

/* Against the batches themselves: a lane began its session after the last step in which it
 * read the first click of one. */
static void lanes(void **state)
{
    (void)state;
    static const char *const settings[] = {"hidden=8 batch=6 bptt=1",
                                           "hidden=8 batch=6 bptt=4"};
    for (size_t k = 0; k < 2; k++) {
        struct learner *l = learner("gru4rec", settings[k]);
        int64_t per = batcher_per_epoch(l->batcher), steps = per + per / 3, began[6];
        struct arena *mem;
        struct batcher *b;
        struct batch_spec spec;
        struct batch plan;
        int32_t session[6], from[6];
        assert_int_equal(arena_new(&mem, 1 << 16, NULL), ST_OK);
        l->model->spec(l->self, &spec);
        assert_int_equal(batcher_new(&b, split, &spec, l->seed, NULL), ST_OK);
        for (int64_t s = 0; s <= steps; s++) {
            assert_int_equal(batcher_plan(b, s, &plan, NULL), ST_OK);
            for (int i = 0; i < 6; i++)
                session[i] = -1;
            for (int shard = 0; shard < BATCH_SHARDS; shard++)
                for (int part = 0; part < plan.n_part[shard]; part++) {
                    struct block block;
                    arena_reset(mem);
                    batch_fill(b, &plan, shard, part, mem, &block);
                    for (int32_t i = block.n;
                         i-- > 0;) { /* the first piece of a lane stands first */
                        session[block.lane[i]] = block.session[i];
                        from[block.lane[i]] = block.pos[block.off[i]];
                    }
                }
            /* Before step s, s batches are done; what this batch reads first is what the
             * lanes go on with. */
            if (s == 0)
                continue;
            l->step = s;
            struct weights *w = weights(l);
            const struct answer *a = ask(w, (struct question){.kind = ASK_LANES});
            assert_int_equal(a->n_lane, 6);
            for (int i = 0; i < 6; i++) {
                assert_int_equal(a->lane[i].session, session[i]);
                if (session[i] < 0)
                    continue;
                assert_int_equal(a->lane[i].at, from[i]);
                if (from[i] == 0)
                    began[i] = s;
                else if (spec.bptt == 1)
                    began[i] = s - from[i];
                if (from[i] == 0 || spec.bptt == 1)
                    assert_int_equal(a->lane[i].since, began[i]);
                else /* somewhere within the batch that held its first click */
                    assert_true(a->lane[i].since == s - from[i] / 4 ||
                                a->lane[i].since == s - from[i] / 4 + (from[i] % 4 == 0));
            }
            weights_unref(w);
        }
        batcher_free(b);
        arena_free(mem);
        learner_free(l);
    }
    struct learner *l = learner("svae", "K=4");
    struct weights *w = weights(l);
    assert_int_equal(ask(w, (struct question){.kind = ASK_LANES})->n_lane, 0);
    weights_unref(w);
    learner_free(l);
}

/* The thread owns copies of the patches: the caller's may change at once. */
static void by_the_thread(void **state)
{
    (void)state;
    struct learner *l = learner("svae", "K=4");
    struct weights *w = weights(l);
    struct explorer *e;
    struct patch p = {
        .probe = "latent.z", .set = -1, .row = PATCH_LAST, .col = 1, .n = 1, .value = 2};
    struct question q = {.kind = ASK_PROBES,
                         .n = N,
                         .item = seq,
                         .probes = "latent.z",
                         .params = "out.b",
                         .patch = &p,
                         .n_patch = 1};
    assert_int_equal(explorer_start(&e, NULL), ST_OK);
    explorer_ask(e, 5, w, &q);
    memset(&p, 0, sizeof p);
    const struct answer *a = NULL;
    while (!(a = explorer_answer(e, 5)))
        ;
    const struct probe_copy *z = answer_probe(a, "latent.z"), *b = answer_probe(a, "out.b");
    assert_true(z && z->x[(N - 1) * 4 + 1] == 2);
    assert_true(b && b->d[0] == ITEMS);
    explorer_stop(e);
    weights_unref(w);
    learner_free(l);
}

/* Best first, ties by id, no NaN, nothing skipped; also when all are asked for. */
static void best_items(void **state)
{
    (void)state;
    enum { ALL = 3000 };
    static float of[ALL + 1], s[ALL];
    static int32_t item[ALL];
    static const int32_t skip[] = {5, 77};
    uint32_t r = 1;
    for (int i = 1; i <= ALL; i++) {
        r = r * 1664525u + 1013904223u;
        of[i] = i % 50 == 0 ? NAN : (float)(r >> 24) - 100; /* many are equal */
    }
    static const int32_t ks[] = {0, 1, 2, 10, 333, ALL};
    for (size_t t = 0; t < sizeof ks / sizeof *ks; t++)
        for (int skips = 0; skips <= 2; skips += 2) {
            int32_t there = ALL - ALL / 50 - skips,
                    n = top_items(of, ALL, ks[t], skip, skips, item, s);
            assert_int_equal(n, ks[t] < there ? ks[t] : there);
            for (int32_t i = 0; i < n; i++) {
                int32_t before = 0;
                for (int32_t j = 1; j <= ALL && i % 37 == 0; j++)
                    before += (skips == 0 || (j != 5 && j != 77)) &&
                              (of[j] > of[item[i]] || (of[j] == of[item[i]] && j < item[i]));
                if (i % 37 == 0)
                    assert_int_equal(before, i);
                assert_true(s[i] == of[item[i]]);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_items),    cmocka_unit_test(silent_filters),
        cmocka_unit_test(clamped_gates), cmocka_unit_test(sets_of_patches),
        cmocka_unit_test(last_states),   cmocka_unit_test(components),
        cmocka_unit_test(runs),          cmocka_unit_test(lanes),
        cmocka_unit_test(by_the_thread),
    };
    return cmocka_run_group_tests_name("explore", tests, set_up, tear_down);
}
