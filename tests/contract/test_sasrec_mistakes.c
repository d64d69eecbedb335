/* Mistakes that implementations of SASRec are known to have made: one test each, which fails
 * when the mistake is made here (tests/tools/mutants.sh makes them). */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "tests/support/sasrec_ref.h"
#include "engine/train/eval.h"
#include "engine/train/explore.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 30, D = 8 };
static const int32_t walk[] = {3, 17, 9, 22, 3, 30, 1, 12, 8, 25};

/* Start values have zero biases and unit gains, which hide mistakes: all parameters get some
 * noise, row 0 of tables none. */
static void shake(struct kit *k)
{
    for (int i = 0; i < params_n(k->ps); i++) {
        const struct param *p = params_at(k->ps, i);
        struct rng_key key = rng_key(11, 0, rng_site(p->name));
        size_t n = kit_size(k, p->name),
               first = p->flags & PARAM_ZERO_ROW0 ? (size_t)param_cols(p) : 0;
        for (size_t e = first; e < n; e++)
            *kit_value(k, p->name, e) += (real)0.3 * (real)rng_normal(key, (uint32_t)e);
    }
}

static void ask(struct kit *k, struct block *b, const int32_t *item, int32_t n)
{
    static int32_t any[64];
    for (int i = 0; i < 64; i++)
        any[i] = 1;
    kit_block(k, b, 1, &item, &n, any, 0, NULL);
}

static size_t states(struct kit *k, const int32_t *item, int32_t n, real *out)
{
    struct block b;
    ask(k, &b, item, n);
    return kit_copy(kit_encode(k, &b), out, 64 * 64);
}

/* 1: what comes later changes nothing before it, bit by bit. */
static void test_no_leak_from_the_future(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "style=official",
        "style=pre_ln",
        "style=post_ln",
        "ffn=causal_conv ffn.k=3",
        "ffn=dense_wide pos=sinusoid",
        "ffn=none pos=none",
    };
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        struct kit k;
        char all[160];
        static real a[64 * 64], b[64 * 64];
        int32_t other[10];
        snprintf(all, sizeof all, "d=8 heads=2 maxlen=12 layers=2 %s", settings[s]);
        kit_new(&k, "sasrec", all, V, 1);
        shake(&k);
        states(&k, walk, 10, a);
        for (int32_t t = 1; t < 10; t++) {
            memcpy(other, walk, sizeof other);
            other[t] = walk[t] % V + 1;
            states(&k, other, 10, b);
            assert_bits(settings[s], a, b, (size_t)t * D);
            assert_true(memcmp(a + t * D, b + t * D, D * sizeof *a) != 0);
        }
        kit_free(&k);
    }
}

/* 2 and 3: neither the window's length nor the neighbours in a block reach a session, with
 * LayerNorms that would turn empty rows into something (beta .3); there are no rows but the
 * session's. */
static void same_everywhere(const char *more)
{
    struct kit small, large;
    char settings[200];
    static real a[64 * 64], b[64 * 64];
    snprintf(settings, sizeof settings, "d=8 heads=2 layers=2 pad_side=left maxlen=5 %s", more);
    kit_new(&small, "sasrec", settings, V, 1);
    snprintf(settings, sizeof settings, "d=8 heads=2 layers=2 pad_side=left maxlen=50 %s",
             more);
    kit_new(&large, "sasrec", settings, V, 1);
    shake(&small);
    shake(&large);
    struct kit *both[] = {&small, &large};
    for (int i = 0; i < 2; i++)
        for (int p = 0; p < params_n(both[i]->ps); p++) {
            const char *name = params_at(both[i]->ps, p)->name;
            for (size_t e = 0; strstr(name, ".beta") && e < kit_size(both[i], name); e++)
                *kit_value(both[i], name, e) = (real)0.3;
        }
    /* the same weights; the last rows of P are the aligned ones */
    for (int p = 0; p < params_n(small.ps); p++) {
        const char *name = params_at(small.ps, p)->name;
        bool place = strcmp(name, "pos.P") == 0;
        for (size_t e = 0; e < kit_size(&small, name); e++)
            *kit_value(&large, name, e + (place ? 45 * D : 0)) = *kit_value(&small, name, e);
    }
    size_t n = states(&small, walk, 5, a);
    assert_int_equal(n, 5 * D);
    assert_int_equal(tensor_rows(kit_probe(&small, "block1.out")), 5);
    states(&large, walk, 5, b);
    assert_bits("n = 5 and n = 50", a, b, n);

    static const int32_t one[] = {7}, many[] = {2,  4,  6,  8,  10, 12, 14, 16, 18,
                                                20, 22, 24, 26, 28, 30, 1,  3};
    const int32_t *const s[] = {many, walk, one, walk}, len[] = {17, 5, 1, 5};
    static const int32_t any[28] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct block packed;
    kit_block(&large, &packed, 4, s, len, any, 0, NULL);
    const struct tensor *h = kit_encode(&large, &packed);
    kit_rows(h, 17, 22, b, sizeof b / sizeof *b);
    assert_bits("in the middle of a block", a, b, n);
    kit_rows(h, 23, 28, b, sizeof b / sizeof *b);
    assert_bits("at the end of a block", a, b, n);
    kit_free(&small);
    kit_free(&large);
}

static void test_no_leak_through_attention(void **state)
{
    (void)state;
    same_everywhere("style=official loss=bce");
    same_everywhere("style=pre_ln");
}

static void test_no_leak_through_layernorm_and_convolution(void **state)
{
    (void)state;
    same_everywhere("style=pre_ln ffn=causal_conv ffn.k=4");
    same_everywhere("style=post_ln ffn=causal_conv ffn.k=2");
}

/* 5 and 6: against plain loops: what each residual carries, what feeds K and V, the scale
 * 1/sqrt(d/h), contiguous heads. */
static void test_equations(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "style=official",
        "style=official heads=1",
        "style=official heads=8 attn_out_proj=1",
        "style=pre_ln",
        "style=pre_ln heads=1 attn_out_proj=0",
        "style=pre_ln heads=4 pad_side=left",
        "style=post_ln heads=4",
        "style=post_ln attn_out_proj=0 emb_scale=0",
        "style=pre_ln ffn=dense_wide ffn.w=3 act=gelu",
        "style=official ffn=causal_conv ffn.k=3",
        "style=post_ln ffn=causal_conv ffn.k=2 act=gelu pos=sinusoid",
        "style=official ffn=none pos=none",
        "style=pre_ln ffn=none pos=sinusoid pad_side=left",
        "style=post_ln ffn=none",
        "layers=0",
        "layers=3 style=official loss=bce",
    };
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        struct kit k;
        char all[160];
        static real got[64 * 64];
        static double want[64 * 64];
        snprintf(all, sizeof all, "d=8 heads=2 maxlen=12 layers=2 %s", settings[s]);
        kit_new(&k, "sasrec", all, V, 5);
        shake(&k);
        size_t n = states(&k, walk, 10, got);
        assert_int_equal(n, 10 * D);
        sasrec_ref(&k, walk, 10, want);
        assert_close(settings[s], got, want, n, 1e-5, 2e-5);
        kit_free(&k);
    }
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* The five losses from the states, by their formulas. */
static double loss_by_formula(const char *loss, const double *s, double t,
                              const int32_t *target, const int32_t *neg, int32_t k)
{
    double sum = 0;
    for (int q = 0; q < 9; q++) {
        const double *row = s + (size_t)q * (V + 1);
        double pos = row[target[q]], all = 0, below = 0;
        /* ssm: one list a session, the others: one a row */
        const int32_t *n = strcmp(loss, "ssm") == 0 ? neg : neg + (size_t)q * (size_t)k;
        for (int32_t j = 0; j < k; j++) {
            all += softplus(row[n[j]]);
            below += exp(row[n[j]]);
        }
        if (strcmp(loss, "gbce") == 0) {
            double alpha = k / (V - 1.0), beta = 1 - t * (1 - alpha);
            sum += (beta * softplus(-pos) + all) / (k + 1);
        } else if (strcmp(loss, "ssm") == 0) {
            sum += log(exp(pos) + below) - pos;
        } else if (strcmp(loss, "ce") == 0) {
            for (int32_t v = 1; v <= V; v++)
                below += exp(row[v]);
            sum += log(below) - pos;
        } else {
            sum += softplus(-pos) + all;
        }
    }
    return sum / 9;
}

static void test_losses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *settings;
        int32_t neg;
        double t;
    } of[] = {{"bce", "loss=bce", 1, 0},
              {"bce_k", "loss=bce_k neg=3", 3, 0},
              {"gbce", "loss=gbce neg=3", 3, 0.75},
              {"gbce", "loss=gbce neg=3 gbce.t=0.25", 3, 0.25},
              {"ce", "loss=ce", 0, 0},
              {"ssm", "loss=ssm neg=3", 3, 0}};
    static const int32_t neg[27] = {5,  6,  4,  9,  2,  14, 23, 18, 4, 11, 13, 15, 16, 19,
                                    20, 21, 24, 26, 27, 28, 29, 2,  4, 5,  6,  7,  10};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (int own = 0; own < 2; own++) { /* the input's table, one of its own */
            struct kit k;
            struct block b;
            char settings[160];
            const int32_t *item = walk, len = 9;
            static double want[10 * (V + 1)];
            static real h[16 * D];
            snprintf(settings, sizeof settings,
                     "d=8 heads=2 maxlen=12 dropout=0 tie_output=%d %s", !own, of[i].settings);
            kit_new(&k, "sasrec", settings, V, 3);
            shake(&k);
            assert_int_equal(k.spec.n_neg, of[i].neg);
            states(&k, walk, 9, h);
            for (size_t q = 0; q < 9; q++)
                for (size_t v = 0; v <= V; v++) {
                    double *s = &want[q * (V + 1) + v];
                    *s = 0;
                    for (size_t j = 0; j < D; j++)
                        *s += (double)h[q * D + j] *
                              (double)*kit_value(&k, own ? "out.E2" : "item.E", v * D + j);
                }
            kit_block(&k, &b, 1, &item, &len, walk + 1, of[i].neg, neg);
            assert_close1(of[i].settings, kit_loss(&k, &b),
                          loss_by_formula(of[i].name, want, of[i].t, walk + 1, neg, of[i].neg),
                          1e-5, 0);
            kit_free(&k);
        }
}

/* ---- Training on a small data set ---- */

struct run {
    struct dataset ds;
    struct split *sp;
    struct hparams *hp;
    struct learner *l;
};
enum { USERS = 24 };
static int32_t events[USERS * 12];
static int64_t event_off[USERS + 1], event_pop[V + 1];

static void make_events(void)
{
    struct rng_key key = rng_key(4, 0, rng_site("events"));
    for (int u = 0, e = 0; u < USERS; u++) {
        for (int i = 0; i < 5 + u % 8; i++, e++)
            events[e] = 1 + (int32_t)rng_below(key, (uint32_t)e, u % 2 ? V / 2 : V);
        event_off[u + 1] = e;
    }
}

static void run_new(struct run *r, const char *settings, enum split_kind kind)
{
    struct err err;
    memset(event_pop, 0, sizeof event_pop);
    for (int64_t e = 0; e < event_off[USERS]; e++)
        event_pop[events[e]]++;
    r->ds = (struct dataset){.name = "small",
                             .n_items = V,
                             .n_sessions = USERS,
                             .n_events = event_off[USERS],
                             .off = event_off,
                             .item = events,
                             .popularity = event_pop,
                             .by_user = kind == SPLIT_LEAVE_ONE_OUT};
    if (split_new(&r->sp, &r->ds, kind, &err))
        fail_msg("%s", err.msg);
    const struct model_def *m = model_find("sasrec");
    if (hparams_new(&r->hp, m->hparams, m->name, &err) ||
        hparams_set_all(r->hp, settings, &err) || learner_new(&r->l, m, r->hp, r->sp, 3, &err))
        fail_msg("%s", err.msg);
}

static void run_free(struct run *r)
{
    learner_free(r->l);
    hparams_free(r->hp);
    split_free(r->sp);
}

static struct step_info run_step(struct run *r)
{
    struct step_info info;
    struct err err;
    if (learner_step(r->l, NULL, NULL, &info, &err))
        fail_msg("%s", err.msg);
    return info;
}

/* 4: no gradient, no decay, no optimiser moves row 0. */
static void test_row_0_stays_zero(void **state)
{
    (void)state;
    static const char *const opt[] = {"opt=adam", "opt=adamw", "opt=sgd"};
    for (int o = 0; o < 3; o++)
        for (int loss = 0; loss < 2; loss++) {
            struct run r;
            char settings[160];
            snprintf(settings, sizeof settings,
                     "d=8 heads=2 maxlen=10 batch=8 tie_output=0 wd=0.1 loss=%s %s",
                     loss ? "bce" : "ce", opt[o]);
            run_new(&r, settings, SPLIT_SESSIONS);
            for (int i = 0; i < 100; i++)
                run_step(&r);
            static const char *const tables[] = {"item.E", "out.E2"};
            for (int t = 0; t < 2; t++) {
                const struct param *p = params_find(r.l->ps, tables[t]);
                real moved = 0;
                for (int j = 0; j < D; j++) {
                    assert_true(r.l->x[p->at + (size_t)j] == 0);
                    moved += (real)fabs((double)r.l->x[p->at + (size_t)p->ld + (size_t)j]);
                }
                assert_true(moved > 0);
            }
            run_free(&r);
        }
}

/* Every block of the first batches. */
static void each_block(struct run *r, int batches,
                       void (*see)(struct run *r, const struct batch *plan,
                                   const struct block *b, void *ctx),
                       void *ctx)
{
    struct arena *mem;
    struct err err;
    assert_int_equal(arena_new(&mem, 0, &err), ST_OK);
    for (int64_t step = 0; step < batches; step++) {
        struct batch plan;
        if (batcher_plan(r->l->batcher, step, &plan, &err))
            fail_msg("%s", err.msg);
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int part = 0; part < plan.n_part[s]; part++) {
                struct block b;
                batch_fill(r->l->batcher, &plan, s, part, mem, &b);
                see(r, &plan, &b, ctx);
            }
        arena_reset(mem);
    }
    arena_free(mem);
}

/* 7: the loss is a mean over what is predicted, whatever the window's length. */
static void add_weights(struct run *r, const struct batch *plan, const struct block *b,
                        void *ctx)
{
    (void)r;
    double *sum = ctx;
    for (int32_t q = 0; q < b->n_query; q++) {
        sum[0] += (double)b->weight[q];
        assert_close1("weight", (double)b->weight[q], 1.0 / plan->n_query, 1e-6, 0);
    }
}

static void test_loss_is_a_mean_over_targets(void **state)
{
    (void)state;
    double loss[2];
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_new(&r,
                i ? "d=8 heads=2 maxlen=400 batch=24 dropout=0 pos=none"
                  : "d=8 heads=2 maxlen=12 batch=24 dropout=0 pos=none",
                SPLIT_SESSIONS);
        double sum = 0;
        each_block(&r, 1, add_weights, &sum);
        assert_close1("sum of weights", sum, 1, 1e-5, 0);
        loss[i] = run_step(&r).loss;
        run_free(&r);
    }
    assert_close1("loss", loss[0], loss[1], 1e-6, 0);
    assert_true(loss[0] > 1); /* not the sum over 400 slots, not a share of it: about ln V */
    assert_true(loss[0] < 12);
}

/* 8: draws are items, never 0, V among them; with neg.reject none is the session's own. */
struct draws {
    bool reject, seen[V + 2];
    int64_t own;
};
static void look_at_draws(struct run *r, const struct batch *plan, const struct block *b,
                          void *ctx)
{
    struct draws *d = ctx;
    (void)plan;
    assert_int_equal(b->n_neg, 1);
    for (int32_t q = 0; q < b->n_query; q++) {
        int32_t s = b->session[b->query_session[q]], neg = b->neg[q];
        assert_in_range(neg, 1, V);
        d->seen[neg] = true;
        for (int32_t i = 0; i < r->sp->train_len[s]; i++)
            d->own += r->ds.item[r->ds.off[s] + i] == neg;
    }
}

static void test_negatives(void **state)
{
    (void)state;
    for (int reject = 0; reject < 2; reject++)
        for (int pop = 0; pop < 2; pop++) {
            struct run r;
            struct draws d = {.reject = reject};
            char settings[160];
            snprintf(settings, sizeof settings,
                     "d=8 heads=2 maxlen=12 batch=8 loss=bce neg.reject=%d neg.dist=%s", reject,
                     pop ? "pop" : "uniform");
            run_new(&r, settings, SPLIT_SESSIONS);
            each_block(&r, 60, look_at_draws, &d);
            assert_false(d.seen[0]);
            assert_true(d.seen[V] || r.sp->train_pop[V] == 0);
            assert_true(d.seen[1]);
            if (reject)
                assert_int_equal(d.own, 0);
            else
                assert_true(d.own > 0);
            run_free(&r);
        }
}

/* 9: pad_side=left: the newest item reads the last position, however long the history;
 * pad_side=right: the first reads position 0. */
static void test_positions(void **state)
{
    (void)state;
    static const int32_t len[] = {1, 10, 50, 70};
    int32_t item[70];
    for (int i = 0; i < 70; i++)
        item[i] = 1 + i % V;
    for (int right = 0; right < 2; right++) {
        struct kit k;
        kit_new(&k, "sasrec",
                right ? "d=8 heads=2 maxlen=50 pad_side=right"
                      : "d=8 heads=2 maxlen=50 pad_side=left",
                V, 1);
        for (int i = 0; i < 4; i++) {
            struct block b;
            block_one(&b, item, len[i], &k.spec, k.mem);
            int32_t rows = b.off[b.n], kept = len[i] > 50 ? 50 : len[i];
            assert_int_equal(rows, kept);
            assert_int_equal(b.item[rows - 1], item[len[i] - 1]); /* the newest are kept */
            assert_int_equal(b.pos[rows - 1], right ? kept - 1 : 49);
            assert_int_equal(b.pos[0], right ? 0 : 50 - kept);
        }
        kit_free(&k);
    }
}

/* 10: asking twice gives the same bits; training does not. */
static void test_no_dropout_in_answers(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    static real a[64], c[64];
    const int32_t *item = walk, len = 10, target[] = {17, 9, 22, 3, 30, 1, 12, 8, 25, 4};
    kit_new(&k, "sasrec", "d=8 heads=2 maxlen=12 dropout=0.5", V, 1);
    shake(&k);
    kit_block(&k, &b, 1, &item, &len, NULL, 0, NULL);
    k.env.step = 1;
    size_t n = kit_copy(kit_scores(&k, &b), a, 64);
    k.env.step = 2;
    kit_copy(kit_scores(&k, &b), c, 64);
    assert_int_equal(n, V + 1);
    assert_bits("two answers", a, c, n);
    kit_block(&k, &b, 1, &item, &len, target, 0, NULL);
    double second = kit_loss(&k, &b);
    k.env.step = 1;
    assert_true(fabs(kit_loss(&k, &b) - second) > 1e-4);
    kit_free(&k);
}

/* 11: nothing of the held-out items reaches a training batch: not as input, target or
 * through the odds of negatives. */
static void hash_block(struct run *r, const struct batch *plan, const struct block *b,
                       void *ctx)
{
    uint64_t *h = ctx;
    (void)r;
    (void)plan;
    for (int32_t i = 0; i < b->off[b->n]; i++)
        *h = rng_mix64(*h ^ (uint64_t)b->item[i] ^ (uint64_t)b->pos[i] << 32);
    for (int32_t q = 0; q < b->n_query; q++)
        *h = rng_mix64(*h ^ (uint64_t)b->target[q] ^ (uint64_t)b->neg[q] << 32);
}

static void test_held_out_items_stay_out(void **state)
{
    (void)state;
    uint64_t before = 1, after = 1, moved = 1;
    const char *settings = "d=8 heads=2 maxlen=12 batch=8 loss=bce neg.dist=pop neg.reject=1";
    struct run r;
    run_new(&r, settings, SPLIT_LEAVE_ONE_OUT);
    each_block(&r, 20, hash_block, &before);
    run_free(&r);
    for (int u = 0; u < USERS; u++) /* the test and the validation item of every user */
        for (int i = 1; i <= 2; i++)
            events[event_off[u + 1] - i] = events[event_off[u + 1] - i] % V + 1;
    run_new(&r, settings, SPLIT_LEAVE_ONE_OUT);
    each_block(&r, 20, hash_block, &after);
    run_free(&r);
    assert_true(before == after);
    /* the last training item: seen at once */
    events[event_off[1] - 3] = events[event_off[1] - 3] % V + 1;
    run_new(&r, settings, SPLIT_LEAVE_ONE_OUT);
    each_block(&r, 20, hash_block, &moved);
    run_free(&r);
    assert_true(before != moved);
    make_events();
}

/* 12: who answers everything alike is right as often as chance. */
static void test_ties(void **state)
{
    (void)state;
    struct run r;
    struct weights *w;
    struct eval_result res;
    struct err err;
    run_new(&r, "d=8 heads=2 maxlen=12", SPLIT_LEAVE_ONE_OUT);
    memset(r.l->x, 0, params_size(r.l->ps) * sizeof *r.l->x);
    assert_int_equal(weights_of(&w, r.l, &err), ST_OK);
    struct eval_spec s = {.on = PART_TEST,
                          .protocol = PROTO_UNI100,
                          .ties = TIES_HALF,
                          .k = 10,
                          .flag = -1,
                          .seed = 1};
    if (eval_run(w, &s, NULL, NULL, &res, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(res.n, USERS);
    assert_close1("HR@10 among 101", res.hr, 10.0 / 101, 1e-9, 0);
    s.protocol = PROTO_FULL;
    if (eval_run(w, &s, NULL, NULL, &res, &err))
        fail_msg("%s", err.msg);
    assert_close1("HR@10 among all", res.hr, 10.0 / V, 1e-9, 0);
    weights_unref(w);
    run_free(&r);
}

/* 13: id 0 and excluded items are never offered; a target that repeats an item of the
 * history is still asked. */
static void test_candidates(void **state)
{
    (void)state;
    struct run r;
    struct weights *w;
    struct explore *e = NULL;
    struct eval_result res;
    struct err err;
    run_new(&r, "d=8 heads=2 maxlen=12 batch=8", SPLIT_LEAVE_ONE_OUT);
    for (int i = 0; i < 30; i++)
        run_step(&r);
    if (weights_of(&w, r.l, &err) || explore_new(&e, &err))
        fail_msg("%s", err.msg);
    struct question q = {.kind = ASK_SCORE, .n = 10, .item = walk};
    const struct answer *a = explore_ask(e, w, &q, NULL);
    assert_int_equal(a->err.code, ST_OK);
    assert_true(isinf(a->score[0]) && a->score[0] < 0);
    int32_t top[V + 5];
    float score[V + 5];
    int32_t n = top_items(a->score, V, V + 5, walk, 10, top, score); /* nine different ones */
    assert_int_equal(n, V - 9);
    for (int32_t i = 0; i < n; i++) {
        assert_in_range(top[i], 1, V);
        for (int j = 0; j < 10; j++)
            assert_int_not_equal(top[i], walk[j]);
    }
    int32_t repeats = 0;
    double dcg = 0;
    for (int64_t c = 0; c < r.sp->n_test; c++) {
        const struct eval_case *k = &r.sp->test[c];
        const int32_t *history = r.ds.item + r.ds.off[k->session];
        bool seen[V + 1] = {false};
        for (int32_t i = 0; i < k->n_prefix; i++)
            seen[history[i]] = true;
        repeats += seen[k->target];
        q = (struct question){.kind = ASK_SCORE, .n = k->n_prefix, .item = history};
        a = explore_ask(e, w, &q, NULL);
        int rank = 1;
        for (int32_t i = 1; i <= V; i++)
            rank += i != k->target && !seen[i] && a->score[i] > a->score[k->target];
        dcg += 1 / log2(1.0 + rank);
    }
    assert_true(repeats > 0);
    struct eval_spec s = {
        .on = PART_TEST, .protocol = PROTO_FULL, .exclude_seen = true, .k = V, .flag = -1};
    if (eval_run(w, &s, NULL, NULL, &res, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(res.n, USERS);
    assert_int_equal(res.seen_target, repeats);
    assert_close1("HR@V", res.hr, 1, 1e-12, 0);
    assert_close1("NDCG@V", res.ndcg, dcg / USERS, 1e-9, 0);
    explore_free(e);
    weights_unref(w);
    run_free(&r);
}

/* 14: the reproduction preset has beta2 .98, and beta2 reaches the optimiser. */
static void test_beta2(void **state)
{
    (void)state;
    const struct model_def *m = model_find("sasrec");
    struct hparams *hp;
    struct err err;
    char sha[2][65];
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    for (const struct preset_def *p = m->presets; p->name; p++)
        if (strncmp(p->name, "official", 8) == 0) {
            if (hparams_set_all(hp, "beta2=0.5", &err) ||
                hparams_set_all(hp, p->settings, &err))
                fail_msg("%s", err.msg);
            assert_close1("beta2", hp_num(hp, "beta2"), 0.98, 1e-6, 0);
            assert_close1("lr", hp_num(hp, "lr"), 1e-3, 1e-6, 0);
        }
    hparams_free(hp);
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_new(&r, i ? "d=8 heads=2 batch=8 beta2=0.999" : "d=8 heads=2 batch=8 beta2=0.98",
                SPLIT_SESSIONS);
        run_step(&r);
        run_step(&r);
        learner_sha256(r.l, sha[i]);
        run_free(&r);
    }
    assert_string_not_equal(sha[0], sha[1]);
}

/* 15: an item that is read and predicted gets both gradients: tied = input's + output's of
 * the untied model with equal tables. */
static void test_tied_table_gets_both_gradients(void **state)
{
    (void)state;
    static const char *const loss[] = {"loss=ce", "loss=bce"};
    for (int i = 0; i < 2; i++) {
        struct kit tied, two;
        struct block b;
        char settings[128];
        const int32_t *item = walk, len = 9, neg[] = {5, 6, 3, 9, 2, 1, 22, 8, 4};
        snprintf(settings, sizeof settings, "d=8 heads=2 maxlen=12 dropout=0.2 %s", loss[i]);
        kit_new(&tied, "sasrec", settings, V, 2);
        snprintf(settings, sizeof settings, "d=8 heads=2 maxlen=12 dropout=0.2 tie_output=0 %s",
                 loss[i]);
        kit_new(&two, "sasrec", settings, V, 2);
        for (size_t e = 0; e < kit_size(&two, "item.E"); e++)
            *kit_value(&two, "out.E2", e) = *kit_value(&two, "item.E", e);
        kit_block(&tied, &b, 1, &item, &len, walk + 1, i, neg);
        assert_close1("loss", kit_loss(&tied, &b), kit_loss(&two, &b), 1e-6, 0);
        for (size_t e = 0; e < kit_size(&two, "item.E"); e++)
            assert_close1("gradient", (double)*kit_grad(&tied, "item.E", e),
                          (double)*kit_grad(&two, "item.E", e) +
                              (double)*kit_grad(&two, "out.E2", e),
                          1e-4, 1e-6);
        double in = 0, out = 0; /* item 3 stands in both places */
        for (size_t j = 0; j < D; j++) {
            in += fabs((double)*kit_grad(&two, "item.E", 3 * D + j));
            out += fabs((double)*kit_grad(&two, "out.E2", 3 * D + j));
        }
        assert_true(in > 1e-3 && out > 1e-3);
        kit_free(&tied);
        kit_free(&two);
    }
}

/* 16: scores of +-1000 give losses of 0 and 1000 and finite gradients. */
static void test_huge_scores(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    const int32_t item[] = {4}, *session = item, len = 1, target[] = {1}, neg[] = {2};
    kit_new(&k, "sasrec", "d=8 heads=2 maxlen=12 layers=0 loss=bce dropout=0", V, 1);
    /* F = (10, 0, ..), so a score is ten times the first column */
    for (size_t e = 0; e < D; e++) {
        *kit_value(&k, "lnf.gamma", e) = 0;
        *kit_value(&k, "lnf.beta", e) = e ? 0 : 10;
        *kit_value(&k, "item.E", D + e) = 0;
        *kit_value(&k, "item.E", 2 * D + e) = 0;
    }
    for (int i = 0; i < 4; i++) {
        real s = i & 1 ? -100 : 100, u = i & 2 ? -100 : 100;
        *kit_value(&k, "item.E", D) = s;
        *kit_value(&k, "item.E", 2 * D) = u;
        kit_block(&k, &b, 1, &session, &len, target, 1, neg);
        assert_close1("loss", kit_loss(&k, &b), (s < 0 ? 1000 : 0) + (u > 0 ? 1000 : 0), 1e-6,
                      1e-12);
        assert_close1("gradient of the target", (double)*kit_grad(&k, "item.E", D),
                      s < 0 ? -10 : 0, 1e-6, 1e-9);
        assert_close1("gradient of the negative", (double)*kit_grad(&k, "item.E", 2 * D),
                      u > 0 ? 10 : 0, 1e-6, 1e-9);
    }
    kit_free(&k);
}

/* A width-1 convolution is the dense layer: the same start, the same bits, also after ten
 * updates. */
static void test_convolution_of_width_1_is_dense(void **state)
{
    (void)state;
    static const char *const ffn[] = {"d=8 heads=2 batch=8 ffn=pointwise",
                                      "d=8 heads=2 batch=8 ffn=causal_conv ffn.k=1",
                                      "d=8 heads=2 batch=8 ffn=causal_conv ffn.k=2",
                                      "d=8 heads=2 batch=8 ffn=dense_wide ffn.w=1"};
    char sha[4][65];
    double loss[4];
    for (int i = 0; i < 4; i++) {
        struct run r;
        run_new(&r, ffn[i], SPLIT_SESSIONS);
        for (int s = 0; s < 10; s++)
            loss[i] = run_step(&r).loss;
        learner_sha256(r.l, sha[i]);
        run_free(&r);
    }
    assert_string_equal(sha[0], sha[1]);
    assert_string_equal(sha[0], sha[3]);
    assert_string_not_equal(sha[0], sha[2]);
    assert_close1("loss", loss[0], loss[1], 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_leak_from_the_future),
        cmocka_unit_test(test_no_leak_through_attention),
        cmocka_unit_test(test_no_leak_through_layernorm_and_convolution),
        cmocka_unit_test(test_row_0_stays_zero),
        cmocka_unit_test(test_equations),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_loss_is_a_mean_over_targets),
        cmocka_unit_test(test_negatives),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_no_dropout_in_answers),
        cmocka_unit_test(test_held_out_items_stay_out),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_beta2),
        cmocka_unit_test(test_tied_table_gets_both_gradients),
        cmocka_unit_test(test_huge_scores),
        cmocka_unit_test(test_convolution_of_width_1_is_dense),
    };
    make_events();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
