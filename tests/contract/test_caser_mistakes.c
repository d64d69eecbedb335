/* Mistakes that Caser programs are known to make, each as a test.  What the reference
 * numbers already tell apart (filter heights, the axis of the maximum, its gradient, the
 * place of the user's vector, both loss norms) is in tests/golden/test_caser_golden.c. */
#include "tests/support/approx.h"
#include "tests/support/batch_rig.h"
#include "tests/support/kit.h"
#include "tests/support/vectors.h"
#include "engine/base/rng.h"
#include "engine/tensor/gemm.h"
#include "engine/train/explore.h"
#include "engine/train/learner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { V = 14, N = 4, L = 4 };
static const int32_t s0[] = {1, 2, 3, 4, 5, 6, 2, 1}, s1[] = {5, 3, 2}, s2[] = {7, 8, 9, 10, 7},
                     s3[] = {11};
static const int32_t *const sessions[N] = {s0, s1, s2, s3};
static const int32_t lens[N] = {8, 3, 5, 1};
static json_t *file;

static void make(struct kit *k, const char *more)
{
    char settings[256];
    snprintf(settings, sizeof settings,
             "L=4 T=2 d=3 nv=2 nh=2 batch=3 prefixes=0 loss=bce neg=3 %s", more);
    kit_new_data(k, "caser", settings, V, 1, N, sessions, lens);
}

static struct learner *learner_of(struct kit *k)
{
    struct learner *l;
    struct err err = {0};
    if (learner_new(&l, k->def, k->hp, &k->split, 1, &err))
        fail_msg("%s", err.msg);
    return l;
}

static void steps(struct learner *l, int64_t n)
{
    struct step_info info;
    struct err err = {0};
    for (int64_t i = 0; i < n; i++)
        if (learner_step(l, NULL, NULL, &info, &err))
            fail_msg("%s", err.msg);
}

/* ---- Windows ---- */

struct seen {
    int n;
    int32_t session[64], row[64][6]; /* window and targets */
    int64_t drawn, of[V + 1];
    int32_t first[64];
    double weight;
    const struct kit *k;
};

static void look(const struct block *b, void *ctx)
{
    struct seen *w = ctx;
    for (int32_t i = 0; i < b->n; i++) {
        assert_int_equal(b->off[i + 1] - b->off[i], L);
        if (w->n < 64) {
            memcpy(w->row[w->n], b->item + b->off[i], L * sizeof(int32_t));
            memcpy(w->row[w->n] + L, b->target + 2 * i, 2 * sizeof(int32_t));
            w->session[w->n] = b->session[i];
            w->first[w->n] = b->n_neg ? b->neg[(size_t)i * (size_t)b->n_neg] : 0;
            w->n++;
        }
        w->weight += (double)b->weight[i];
        for (int32_t j = 0; j < b->n_neg; j++) {
            int32_t v = b->neg[i * b->n_neg + j], s = b->session[i];
            assert_in_range(v, 1, V);
            for (int32_t t = 0; t < lens[s]; t++)
                assert_int_not_equal(v, sessions[s][t]);
            w->of[v]++;
            w->drawn++;
        }
    }
}

static void walk(struct kit *k, int64_t from, int64_t to, struct seen *w)
{
    struct batcher *bt;
    struct arena *mem;
    assert_int_equal(batcher_new(&bt, &k->split, &k->spec, 1, NULL), ST_OK);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    int64_t per = batcher_per_epoch(bt);
    for (int64_t i = from * per; i < to * per; i++)
        each_block(bt, i, mem, look, w);
    arena_free(mem);
    batcher_free(bt);
}

static int64_t times(const struct seen *w, const int32_t *row)
{
    int64_t n = 0;
    for (int i = 0; i < w->n; i++)
        n += memcmp(w->row[i], row, sizeof w->row[i]) == 0;
    return n;
}

/* 5, 6, 20: targets follow the window at once; a user shorter than L + T gives one window,
 * filled up on the left; every window once an epoch, from the history as it stands. */
static void test_windows(void **state)
{
    (void)state;
    static const int32_t want[][6] = {{1, 2, 3, 4, 5, 6},
                                      {2, 3, 4, 5, 6, 2},
                                      {3, 4, 5, 6, 2, 1},
                                      {0, 0, 0, 5, 3, 2},
                                      {0, 7, 8, 9, 10, 7}};
    struct kit k;
    struct seen w = {0};
    make(&k, "");
    walk(&k, 0, 1, &w);
    assert_int_equal(w.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(times(&w, want[i]), 1);
    assert_close1("two batches, weights of one each", w.weight, 2, 1e-6, 0);
    kit_free(&k);
}

/* 6, 8: what is asked after ends with the newest item, in whatever length it is typed. */
static void test_input(void **state)
{
    (void)state;
    static const char *const path[] = {"windows/long_user", "windows/short_user"};
    struct kit k;
    make(&k, "");
    for (int i = 0; i < 2; i++) {
        double seq[16], want[L];
        char name[64];
        int32_t item[16];
        struct block b;
        snprintf(name, sizeof name, "%s/seq", path[i]);
        size_t n = vectors_flat(file, name, seq, 16);
        snprintf(name, sizeof name, "%s/inference_input", path[i]);
        assert_int_equal(vectors_flat(file, name, want, L), L);
        for (size_t t = 0; t < n; t++)
            item[t] = (int32_t)seq[t];
        block_one(&b, item, (int32_t)n, &k.spec, k.mem);
        assert_int_equal(b.off[1], L);
        for (size_t t = 0; t < L; t++)
            assert_int_equal(b.item[t], (int)want[t]);
    }
    kit_free(&k);
}

/* 20: rows that share a time stamp keep the order of the file. */
static void test_equal_times(void **state)
{
    (void)state;
    static const struct {
        const char *user, *item;
        int64_t ts;
    } row[] = {{"u", "c", 7}, {"v", "a", 7}, {"u", "a", 7},
               {"u", "b", 3}, {"u", "d", 7}, {"v", "b", 7}};
    static const char *const want[] = {"b", "c", "a", "d"};
    struct event_sink *s;
    struct dataset *ds;
    struct import_opts o = {0};
    struct import_report rep = {0};
    assert_int_equal(sink_new(&s, NULL), ST_OK);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(sink_event(s, row[i].user, 1, row[i].item, 1, row[i].ts, NULL), ST_OK);
    assert_int_equal(dataset_build(&ds, s, "ties", true, &o, &rep, NULL), ST_OK);
    sink_free(s);
    assert_int_equal(dataset_len(ds, 0), 4);
    for (int t = 0; t < 4; t++)
        assert_string_equal(ds->item_id[ds->item[ds->off[0] + t]], want[t]);
    dataset_free(ds);
}

/* ---- Negatives ---- */

/* 9: none from the user's own training items, all others alike, drawn anew in every epoch. */
static void test_negatives(void **state)
{
    (void)state;
    struct kit k;
    struct seen w = {0}, first = {0}, second = {0};
    make(&k, "neg=20");
    walk(&k, 0, 1000, &w); /* 5 windows, 20 draws each: 1e5 in all, each looked at */
    assert_int_equal(w.drawn, 100000);
    assert_int_equal(w.of[0], 0);
    for (int32_t v = 12; v <= V;
         v++) { /* touched by nobody: 60 of 100 draws from 8 items, 20 from 11, 20 from 10 */
        double p = 0.6 / 8 + 0.2 / 11 + 0.2 / 10, n = 1e5;
        assert_true(fabs((double)w.of[v] - n * p) < 5 * sqrt(n * p));
    }
    walk(&k, 0, 1, &first);
    walk(&k, 1, 2, &second);
    int other = 0;
    for (int i = 0; i < first.n; i++)
        for (int j = 0; j < second.n; j++)
            if (memcmp(first.row[i], second.row[j], sizeof first.row[i]) == 0)
                other += first.first[i] != second.first[j];
    assert_true(other > 0);
    kit_free(&k);
}

/* 10: so many a window, as the authors' code counts, or for each target, as the paper does. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        int32_t n;
        float pos, neg;
    } of[] = {{"", 3, 1 / 2.0f, 1 / 3.0f},
              {"neg_per=target", 6, 1 / 2.0f, 1 / 6.0f},
              {"neg_per=target loss_norm=count", 6, 1 / 8.0f, 1 / 8.0f},
              {"loss_norm=instance_sum", 3, 1, 1}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct kit k;
        make(&k, of[i].settings);
        assert_int_equal(k.spec.n_neg, of[i].n);
        assert_true(k.spec.neg_reject);
        const struct head *hd = k.def->head(k.self);
        assert_true(hd->w_pos == of[i].pos && hd->w_neg == of[i].neg);
        kit_free(&k);
    }
}

/* 11: a negative of +60 costs 60, a positive of -60 too. */
static void test_overflow(void **state)
{
    (void)state;
    static const int32_t target[] = {4, 5}, neg[] = {1, 6, 7};
    static const float weight[] = {1};
    struct kit k;
    struct block b;
    make(&k, "dropout=0");
    block_one(&b, s1, 3, &k.spec, k.mem);
    b.target = target;
    b.n_target = 2;
    b.neg = neg;
    b.n_neg = 3;
    b.weight = weight;
    for (size_t i = 0; i < kit_size(&k, "out.W"); i++)
        *kit_value(&k, "out.W", i) = 0;
    for (size_t i = 0; i < 2; i++)
        *kit_value(&k, "out.b", (size_t)target[i]) = -60;
    for (size_t i = 0; i < 3; i++)
        *kit_value(&k, "out.b", (size_t)neg[i]) = 60;
    assert_close1("means of both", kit_loss(&k, &b), 120, 1e-6, 0);
    for (size_t i = 0; i <= V; i++)
        assert_true(isfinite(*kit_grad(&k, "out.b", i)));
    kit_free(&k);
}

/* ---- Training ---- */

/* 7: the row that fills up stays zero through training and is not offered; nor is it with
 * weights of its own. */
static void test_padding(void **state)
{
    (void)state;
    for (int learns = 0; learns < 2; learns++) {
        struct kit k;
        make(&k, learns ? "pad_trainable=1" : "");
        struct learner *l = learner_of(&k);
        const struct param *q = params_find(l->ps, "item.E"),
                           *out = params_find(l->ps, "out.W");
        assert_int_equal(l->x[q->at] != 0, learns);
        steps(l, 20);
        assert_int_equal(l->x[q->at] != 0, learns);
        for (int32_t j = 0; j < param_cols(out); j++)
            assert_true(l->x[out->at + (size_t)j] == 0);
        struct weights *w;
        struct explore *ask;
        struct err err = {0};
        int32_t best[V + 1];
        float score[V + 1];
        assert_int_equal(weights_of(&w, l, &err), ST_OK);
        assert_int_equal(explore_new(&ask, &err), ST_OK);
        const struct answer *a = explore_ask(
            ask, w, &(struct question){.kind = ASK_SCORE, .n = 3, .item = s1}, NULL);
        assert_int_equal(top_items(a->score, V, V + 1, NULL, 0, best, score), V);
        assert_true(isinf(a->score[0]));
        for (int i = 0; i < V; i++)
            assert_in_range(best[i], 1, V);
        explore_free(ask);
        weights_unref(w);
        learner_free(l);
        kit_free(&k);
    }
}

/* 12: 1/d, and 1/(2d) for what is scored with z and P_u side by side. */
static void test_start(void **state)
{
    (void)state;
    enum { USERS = 400, D = 20 };
    static const int32_t one[] = {1, 2};
    const int32_t *item[USERS];
    int32_t len[USERS];
    static const struct {
        const char *name;
        double std;
        size_t from;
    } of[] = {{"item.E", 1.0 / D, D}, {"user.P", 1.0 / D, 0}, {"out.W", 0.5 / D, 2 * D}};
    struct kit k;
    for (int u = 0; u < USERS; u++) {
        item[u] = one;
        len[u] = 2;
    }
    kit_new_data(&k, "caser", "d=20 user=1 L=3", 400, 5, USERS, item, len);
    for (size_t i = 0; i < 3; i++) {
        size_t n = kit_size(&k, of[i].name);
        double sum = 0;
        for (size_t j = of[i].from; j < n; j++)
            sum +=
                (double)*kit_value(&k, of[i].name, j) * (double)*kit_value(&k, of[i].name, j);
        assert_close1(of[i].name, sqrt(sum / (double)(n - of[i].from)), of[i].std, 0.03, 0);
    }
    static const char *const filter[] = {"conv.v.W",  "conv.v.b", "conv.h3.W",
                                         "conv.h3.b", "fc.W",     "fc.b"};
    static const double fan[] = {3, 3, 3 * D, 3 * D, 4 * D + 3 * 8, 4 * D + 3 * 8};
    for (size_t i = 0; i < 6; i++) {
        double most = 0;
        for (size_t j = 0; j < kit_size(&k, filter[i]); j++)
            most = fmax(most, fabs((double)*kit_value(&k, filter[i], j)));
        assert_true(most <= 1 / sqrt(fan[i]) && most > 0.4 / sqrt(fan[i]));
    }
    kit_free(&k);
}

/* 13: two answers agree, whatever the share that is dropped in training. */
static void test_dropout(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real a[V + 1], again[V + 1];
    make(&k, "dropout=0.9");
    block_one(&b, s0, 8, &k.spec, k.mem);
    kit_copy(kit_scores(&k, &b), a, V + 1);
    k.env.step = 7;
    kit_copy(kit_scores(&k, &b), again, V + 1);
    assert_memory_equal(a + 1, again + 1, V * sizeof *a);
    kit_free(&k);
}

/* What a watched step shows: its windows, targets and draws are the block's; what is left
 * out of the features is 0, the rest is scaled, and z is made of just that. */
static void test_shown_step(void **state)
{
    (void)state;
    enum { F = 2 * 3 + 2 * L, D = 3, ROWS = 8 };
    struct kit k;
    struct batcher *bt;
    struct batch plan;
    struct block b;
    struct err err = {0};
    real feat[ROWS * F], drop[ROWS * F], z[ROWS * D], window[ROWS * L], target[ROWS * 2],
        neg[ROWS * 3];
    int shard = 0, out = 0;
    make(&k, "dropout=0.5 phi_a=iden prefixes=1");
    k.watch = 0;
    if (batcher_new(&bt, &k.split, &k.spec, 1, &err) || batcher_plan(bt, 0, &plan, &err))
        fail_msg("%s", err.msg);
    while (plan.n_part[shard] == 0)
        shard++;
    batch_fill(bt, &plan, shard, 0, k.mem, &b);
    kit_loss(&k, &b);
    size_t n = (size_t)b.n;
    assert_true(n >= 1 && n <= ROWS);
    assert_int_equal(kit_copy(kit_probe(&k, "window"), window, ROWS * L), n * L);
    assert_int_equal(kit_copy(kit_probe(&k, "target"), target, ROWS * 2), n * 2);
    assert_int_equal(kit_copy(kit_probe(&k, "neg"), neg, ROWS * 3), n * 3);
    assert_int_equal(kit_copy(kit_probe(&k, "feat"), feat, ROWS * F), n * F);
    assert_int_equal(kit_copy(kit_probe(&k, "fc.drop"), drop, ROWS * F), n * F);
    assert_int_equal(kit_copy(kit_probe(&k, "z"), z, ROWS * D), n * D);
    for (size_t i = 0; i < n * L; i++)
        assert_int_equal((int)window[i], b.item[i]);
    for (size_t i = 0; i < n * 2; i++)
        assert_int_equal((int)target[i], b.target[i]);
    for (size_t i = 0; i < n * 3; i++)
        assert_int_equal((int)neg[i], b.neg[i]);
    for (size_t i = 0; i < n * F; i++) {
        assert_true(drop[i] == 0 || drop[i] == 2);
        out += drop[i] == 0;
    }
    assert_true(out > 0 && out < (int)(n * F));
    for (size_t s = 0; s < n; s++)
        for (size_t j = 0; j < D; j++) {
            double want = (double)*kit_value(&k, "fc.b", j);
            for (size_t i = 0; i < F; i++)
                want += (double)feat[s * F + i] * (double)drop[s * F + i] *
                        (double)*kit_value(&k, "fc.W", i * D + j);
            assert_close1("z", (double)z[s * D + j], want, 1e-5, 1e-6);
        }
    batcher_free(bt);
    kit_free(&k);
}

/* 15: L2 goes into the gradient of every tensor, biases too, and Adam divides it again: a
 * weight without data gradient falls by about half the learning rate a step. */
static void test_l2(void **state)
{
    (void)state;
    static const int at[] = {1, 2, 5, 10, 20, 40};
    real x = (real)vectors_num(file, "adam_l2_idle_weight/start"), m = 0, v = 0,
         *aux[] = {&m, &v}, zero = 0;
    const struct optim_def *adam = optim_find("adam");
    struct optim_step s = {
        .lr = 1e-3f, .decay = 1e-6f, .clip = 1, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f};
    for (int i = 0, t = 1; i < 6; i++) {
        char path[64];
        for (; t <= at[i]; t++) {
            s.t = t;
            adam->span(&x, &zero, aux, 1, &s);
        }
        snprintf(path, sizeof path, "adam_l2_idle_weight/after_steps/%d", at[i]);
        assert_close1(path, (double)x, vectors_num(file, path), 1e-4, 1e-7);
    }

    /* In a run: item 14 is in no window */
    struct kit k;
    make(&k, "loss=softmax T=1 wd=1e-6 lr=0.001 user=1");
    for (int i = 0; i < params_n(k.ps); i++)
        assert_false(params_at(k.ps, i)->flags & PARAM_NO_DECAY);
    struct learner *l = learner_of(&k);
    const struct param *q = params_find(l->ps, "item.E");
    real *w = &l->x[q->at + (size_t)V * (size_t)q->ld];
    double before = (double)*w;
    steps(l, 10);
    struct weights *seen;
    assert_int_equal(weights_of(&seen, l, NULL), ST_OK); /* brings idle rows up to date */
    double got = (double)seen->x[q->at + (size_t)V * (size_t)q->ld];
    x = (real)before;
    m = v = 0;
    for (s.t = 1; s.t <= 10; s.t++)
        adam->span(&x, &zero, aux, 1, &s);
    assert_true(fabs(got - before) > 1e-3);
    assert_close1("row of an item nobody touched", got, (double)x, 1e-5, 1e-8);
    weights_unref(seen);
    learner_free(l);
    kit_free(&k);
}

/* 16: one window alone scores as it does beside another. */
static void test_batch_of_one(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real one[V + 1], two[2 * (V + 1)];
    make(&k, "user=1");
    block_many(&b, 2, sessions, lens, &k.spec, k.mem);
    kit_copy(kit_scores(&k, &b), two, 2 * (V + 1));
    for (size_t s = 0; s < 2; s++) {
        block_one(&b, sessions[s], lens[s], &k.spec, k.mem);
        kit_copy(kit_scores(&k, &b), one, V + 1);
        assert_memory_equal(one + 1, two + s * (V + 1) + 1, V * sizeof *one);
    }
    kit_free(&k);
}

/* ---- Evaluation ---- */

/* 17: a test item that training does not know is not asked for under another's id. */
static void test_unseen(void **state)
{
    (void)state;
    static const int64_t off[] = {0, 10, 20};
    static const int32_t item[] = {/* 8 and 9 come after the first 7 only */
                                   1, 2, 3, 4, 5, 6, 7, 1, 9, 2, 2, 3, 4, 5, 6, 7, 1, 8, 3, 9};
    struct dataset ds = {.name = "hand",
                         .n_items = 9,
                         .n_sessions = 2,
                         .n_events = 20,
                         .off = off,
                         .item = item,
                         .by_user = true};
    struct split *sp;
    assert_int_equal(split_new(&sp, &ds, SPLIT_RATIO, NULL), ST_OK);
    assert_int_equal(sp->n_test, 2);
    assert_int_equal(sp->test[0].target, 2);
    assert_int_equal(sp->test[1].target, 3);
    assert_int_equal(sp->n_unseen, 3);
    split_free(sp);
}

/* 18, 19: precision over N, recall over the distinct test items, AP over their number too,
 * whether they could be listed or not. */
static void test_metrics(void **state)
{
    (void)state;
    static const char *const name[] = {"prec", "prec", "recall", "prec", "recall", "map"};
    static const int32_t k[] = {1, 5, 5, 10, 10, 0};
    static const char *const path[] = {"prec@1",    "prec@5",
                                       "recall@5",  "prec@10",
                                       "recall@10", "ap (divided by number of test items)"};
    double list[10], asked[4], rank[4];
    int32_t n = 0;
    assert_int_equal(
        vectors_flat(file, "metrics/ranking_after_removing_training_items", list, 10), 10);
    assert_int_equal(vectors_flat(file, "metrics/test_items", asked, 4), 4);
    for (int r = 0; r < 10; r++)
        for (int i = 0; i < 4; i++)
            if (list[r] == asked[i])
                rank[n++] = r + 1;
    for (int i = 0; i < 6; i++) {
        struct metric_acc a = {0};
        char at[80];
        snprintf(at, sizeof at, "metrics/%s", path[i]);
        metric_find(name[i])->add_list(&a, &(struct rank_list){rank, n, 4}, k[i]);
        assert_close1(path[i], metric_mean(&a), vectors_num(file, at), 1e-5, 1e-9);
    }
}

/* 17, 18: by popularity, counted by hand.  Training: 1 2 3 4 5 6 7, 1 2 3 4 5 6 9, 1 8 3 9 1
 * 1 2: item 1 five times, 3 and 2 three times, 4 5 6 9 twice, 7 8 once.  Test lists leave
 * out what the first eight show. */
static void test_lists(void **state)
{
    (void)state;
    static const int64_t off[] = {0, 10, 20, 30};
    static const int32_t item[] = {
        1, 2, 3, 4, 5, 6, 7, 1, 9,
        9, /* 9, twice: the first of 9, 8: rank 1 of one distinct item */
        1, 2, 3, 4, 5, 6, 9, 9, 8,
        1, /* 8 after 7: the list is 7 and 8 tied, rank 1.5; 1 is seen */
        /* 4 5 6 before 7: rank 4; 10 is not in training */
        1, 8, 3, 9, 1, 1, 2, 10, 7, 10};
    static const double map = (1 + 1 / 1.5 / 2 + 0.25 / 2) / 3, prec5 = 0.2,
                        recall1 = (1.0 + 0 + 0) / 3, recall5 = (1 + 0.5 + 0.5) / 3;
    struct dataset ds = {.name = "hand",
                         .n_items = 10,
                         .n_sessions = 3,
                         .n_events = 30,
                         .off = off,
                         .item = item,
                         .by_user = true};
    struct kit k; /* for its settings alone */
    struct learner *l;
    struct weights *w;
    struct split *sp;
    struct eval_spec s;
    struct eval_result r;
    struct err err = {0};
    kit_new(&k, "pop", "", 10, 1);
    assert_int_equal(split_new(&sp, &ds, SPLIT_RATIO, &err), ST_OK);
    assert_int_equal(learner_new(&l, k.def, k.hp, sp, 1, &err), ST_OK);
    assert_int_equal(weights_of(&w, l, &err), ST_OK);
    eval_defaults(&s, sp);
    s.on = PART_TEST;
    assert_int_equal(protocol_use(&s, PROTO_LISTS, sp, &err), ST_OK);
    if (eval_run(w, &s, NULL, NULL, &r, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(r.n_metric, 7);
    assert_close1("MAP", r.metric[0].mean, map, 1e-9, 0);
    assert_close1("precision@5", r.metric[2].mean, prec5, 1e-9, 0);
    assert_close1("recall@1", r.metric[4].mean, recall1, 1e-9, 0);
    assert_close1("recall@5", r.metric[5].mean, recall5, 1e-9, 0);
    s.max_cases = 2; /* half a user's items are no list */
    assert_int_equal(eval_run(w, &s, NULL, NULL, &r, &err), ST_STATE);
    weights_unref(w);
    learner_free(l);
    split_free(sp);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),     cmocka_unit_test(test_input),
        cmocka_unit_test(test_equal_times), cmocka_unit_test(test_negatives),
        cmocka_unit_test(test_counts),      cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_padding),     cmocka_unit_test(test_start),
        cmocka_unit_test(test_dropout),     cmocka_unit_test(test_shown_step),
        cmocka_unit_test(test_l2),          cmocka_unit_test(test_batch_of_one),
        cmocka_unit_test(test_unseen),      cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_lists),
    };
    const char *note;
    gemm_start(&note);
    file = vectors_open("tests/golden/caser.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
