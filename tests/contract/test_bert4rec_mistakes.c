/* Mistakes that BERT4Rec programs are known to make, each as a test.  What the reference
 * numbers already tell apart (GELU, order of LayerNorms, bias correction, schedule, counts,
 * windows) is in tests/golden/test_bert4rec_golden.c. */
#include "tests/support/approx.h"
#include "tests/support/cloze.h"
#include "engine/train/learner.h"
#include "engine/tensor/gemm.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { V = 12, MASK = V + 1, COLS = V + 1 };
#define TINY "d=8 heads=2 layers=2 maxlen=10 batch=4 init=glorot "

/* ---- Samples ---- */

static void each_block(struct kit *k, int64_t steps,
                       void (*see)(const struct block *b, void *ctx), void *ctx)
{
    struct batcher *bt;
    struct batch plan;
    struct arena *mem;
    struct err err;
    if (batcher_new(&bt, &k->split, &k->spec, 1, &err) || arena_new(&mem, 1 << 16, &err))
        fail_msg("%s", err.msg);
    for (int64_t i = 0; i < steps; i++) {
        assert_int_equal(batcher_plan(bt, i, &plan, &err), ST_OK);
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int p = 0; p < plan.n_part[s]; p++) {
                struct block b;
                arena_reset(mem);
                batch_fill(bt, &plan, s, p, mem, &b);
                see(&b, ctx);
            }
    }
    batcher_free(bt);
    arena_free(mem);
}

struct sorts {
    int n, last, tail, first_hidden, kmax[8];
};

static void count_sorts(const struct block *b, void *ctx)
{
    struct sorts *c = ctx;
    for (int32_t s = 0, q = 0; s < b->n; s++) {
        int32_t hidden = 0, from = b->off[s], to = b->off[s + 1], at_end = 0;
        for (int32_t r = from; r < to; r++)
            hidden += b->item[r] == MASK;
        for (int32_t r = to - 1; r >= from && b->item[r] == MASK; r--)
            at_end++;
        /* the hidden are the queries, all of them, and nothing else */
        for (int32_t i = 0; i < hidden; i++, q++) {
            assert_int_equal(b->query_session[q], s);
            assert_int_equal(b->item[b->query[q]], MASK);
            assert_true(b->target[q] >= 1 && b->target[q] <= V);
        }
        c->first_hidden += b->item[from] == MASK;
        c->n++;
        c->last += hidden == 1 && at_end == 1;
        c->tail += hidden == at_end && hidden != 4;
        assert_true(hidden >= 1 && hidden < 8);
        c->kmax[hidden] += hidden == at_end;
        if (s == b->n - 1)
            assert_int_equal(q, b->n_query);
    }
}

static const int32_t ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, *const one_session = ten,
                     ten_long = 10;

/* 1, 3, 5: shares of the sorts of samples; only hidden places are asked; the first place is
 * hidden as often as any. */
static void test_sample_sorts(void **state)
{
    (void)state;
    struct kit k;
    struct sorts c = {0};
    kit_new_data(&k, "bert4rec", TINY "mask.prob=0.4 mask.last=0.3 mask.tail=0", V, 1, 1,
                 &one_session, &ten_long);
    /* cloze hides 4 of 10, so one at the end is a last-only sample */
    each_block(&k, 1000, count_sorts, &c);
    assert_int_equal(c.n, 1000);
    assert_true(fabs(c.last / 1000.0 - 0.3) < 3 * sqrt(0.3 * 0.7 / 1000));
    double share = 0.7 * 0.4;
    assert_true(fabs(c.first_hidden / 1000.0 - share) < 3 * sqrt(share * (1 - share) / 1000));
    kit_free(&k);

    memset(&c, 0, sizeof c);
    kit_new_data(&k, "bert4rec", TINY "mask.prob=0.4 mask.last=0 mask.tail=0.5 mask.kmax=3", V,
                 1, 1, &one_session, &ten_long);
    each_block(&k, 1000, count_sorts, &c);
    assert_true(fabs(c.tail / 1000.0 - 0.5) < 3 * sqrt(0.25 / 1000));
    for (int i = 1; i <= 3; i++) /* 1..3 alike */
        assert_true(fabs(c.kmax[i] / 1000.0 - 0.5 / 3) < 0.04);
    kit_free(&k);
}

/* ---- What is scored ---- */

/* 2: [mask] and padding are no candidates and, with the softmax over items, get no gradient. */
static void test_mask_is_no_candidate(void **state)
{
    (void)state;
    static const int32_t seq[] = {3, MASK, 5}, label[] = {7};
    for (int all = 0; all < 2; all++) {
        struct kit k;
        struct block b;
        kit_new(&k, "bert4rec", all ? TINY "softmax_rows=all" : TINY, V, 1);
        cloze_block(&k, &b, seq, 3, label);
        kit_loss(&k, &b);
        assert_true((*kit_grad(&k, "head.bout", MASK) != 0) == (all == 1));
        assert_true((*kit_grad(&k, "head.bout", 0) != 0) == (all == 1));
        *kit_value(&k, "head.bout", MASK) = 1000; /* however well it scores */
        const struct tensor *s = kit_scores(&k, &b);
        assert_int_equal(tensor_cols(s), COLS);
        assert_true(isinf(s->x[0]) && s->x[0] < 0);
        for (int i = 1; i < COLS; i++)
            assert_true(s->x[i] < 100);
        kit_free(&k);
    }
}

/* 3, 5: one hidden place's loss is -log p there, also at place 0. */
static void test_loss_of_one(void **state)
{
    (void)state;
    for (int32_t at = 0; at < 4; at++) {
        int32_t seq[] = {3, 9, 5, 1}, label = seq[at];
        struct kit k;
        struct block b;
        real s[COLS];
        double sum = 0;
        kit_new(&k, "bert4rec", TINY, V, 1);
        seq[at] = MASK;
        cloze_block(&k, &b, seq, 4, &label);
        assert_int_equal(b.n_query, 1);
        kit_copy(kit_scores(&k, &b), s, COLS);
        for (int i = 1; i < COLS; i++)
            sum += exp((double)s[i]);
        assert_close1("loss", kit_loss(&k, &b), log(sum) - (double)s[label], 1e-5, 1e-6);
        assert_true(*kit_grad(&k, "l1.Wq", 0) != 0);
        kit_free(&k);
    }
}

/* 4: the true item of a hidden place reaches nothing but the loss. */
static void test_label_does_not_leak(void **state)
{
    (void)state;
    static const int32_t seq[] = {3, MASK, 5, 1}, labels[] = {9, 2};
    struct kit k;
    struct block b[2];
    real out[2][8];
    kit_new(&k, "bert4rec", TINY, V, 1);
    for (int i = 0; i < 2; i++) {
        cloze_block(&k, &b[i], seq, 4, &labels[i]);
        kit_copy(kit_encode(&k, &b[i]), out[i], 8);
    }
    assert_bits("state", out[0], out[1], 8);
    assert_true(kit_loss_only(&k, &b[0]) != kit_loss_only(&k, &b[1]));
    kit_free(&k);
}

/* 6: a mask is appended; nothing is lost while there is room, then the oldest. */
static void test_appended_mask(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    kit_new(&k, "bert4rec", TINY, V, 1);
    block_one(&b, ten, 3, &k.spec, k.mem);
    assert_int_equal(b.off[1], 4);
    for (int32_t i = 0; i < 3; i++)
        assert_int_equal(b.item[i], ten[i]);
    assert_int_equal(b.item[3], MASK);
    assert_int_equal(b.n_query, 1);
    /* the only question: what selects a model asks as prediction does */
    assert_int_equal(b.query[0], 3);
    block_one(&b, ten, 10, &k.spec, k.mem);
    assert_int_equal(b.off[1], 10);
    assert_int_equal(b.item[0], 2);
    assert_int_equal(b.item[8], 10);
    assert_int_equal(b.item[9], MASK);
    kit_free(&k);
}

/* 7: room that is not used changes nothing, and its positions learn nothing. */
static void test_padding_is_invisible(void **state)
{
    (void)state;
    static const int32_t seq[] = {3, MASK, 5, 1}, label = 2;
    real out[2][8];
    for (int wide = 0; wide < 2; wide++) {
        char settings[160];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings, "d=8 heads=2 layers=2 init=trunc_normal maxlen=%d",
                 wide ? 20 : 10);
        kit_new(&k, "bert4rec", settings, V, 1);
        cloze_block(&k, &b, seq, 4, &label);
        kit_copy(kit_encode(&k, &b), out[wide], 8);
        kit_loss(&k, &b);
        for (size_t i = 0; i < kit_size(&k, "pos.P"); i++)
            assert_true((*kit_grad(&k, "pos.P", i) != 0) == (i < 4 * 8));
        kit_free(&k);
    }
    assert_bits("state", out[0], out[1], 8);
}

/* 8: a later item changes an earlier hidden place, unless direction=left. */
static void test_sees_both_sides(void **state)
{
    (void)state;
    static const int32_t a[] = {3, MASK, 5, 1}, c[] = {3, MASK, 5, 8}, d[] = {4, MASK, 5, 1};
    for (int left = 0; left < 2; left++) {
        struct kit k;
        struct block b;
        real x[8], y[8], z[8];
        kit_new(&k, "bert4rec", left ? TINY "direction=left" : TINY, V, 1);
        cloze_block(&k, &b, a, 4, NULL);
        kit_copy(kit_encode(&k, &b), x, 8);
        cloze_block(&k, &b, c, 4, NULL);
        kit_copy(kit_encode(&k, &b), y, 8);
        cloze_block(&k, &b, d, 4, NULL);
        kit_copy(kit_encode(&k, &b), z, 8);
        assert_true((memcmp(x, y, sizeof x) == 0) == (left == 1));
        assert_true(memcmp(x, z, sizeof x) != 0);
        kit_free(&k);
    }
}

/* 9: none of the switches is a no-op. */
static void test_switches_matter(void **state)
{
    (void)state;
    static const char *const other[] = {"norm=pre",   "head_ln=0",  "act=gelu_tanh", "act=relu",
                                        "head=plain", "type_emb=1", "pad=left"};
    static const int32_t seq[] = {3, MASK, 5, 1}, label = 2;
    struct kit k;
    struct block b;
    kit_new(&k, "bert4rec", TINY, V, 1);
    cloze_block(&k, &b, seq, 4, &label);
    double usual = kit_loss_only(&k, &b);
    kit_free(&k);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char settings[160];
        snprintf(settings, sizeof settings, TINY "%s", other[i]);
        kit_new(&k, "bert4rec", settings, V, 1);
        cloze_block(&k, &b, seq, 4, &label);
        if (kit_loss_only(&k, &b) == usual)
            fail_msg("%s changes nothing", other[i]);
        kit_free(&k);
    }
}

/* 10: dropout keeps the mean, differs from step to step, and is off in answers. */
static void test_dropout(void **state)
{
    (void)state;
    enum { N = 10000 };
    static real ones[N];
    static const int32_t seq[] = {3, MASK, 5, 1}, label = 2;
    double sum = 0;
    struct kit k;
    struct block b;
    real x[8], y[8];
    kit_new(&k, "bert4rec", TINY "dropout=0.3 dropout.attn=0.3", V, 1);
    cloze_block(&k, &b, seq, 4, &label);
    kit_copy(kit_encode(&k, &b), x, 8);
    k.env.step = 1;
    kit_copy(kit_encode(&k, &b), y, 8);
    assert_bits("answer", x, y, 8);
    double first = kit_loss_only(&k, &b);
    k.env.step = 2;
    assert_true(kit_loss_only(&k, &b) != first);
    for (int i = 0; i < N; i++)
        ones[i] = 1;
    struct tensor *t = op_dropout(k.tape, tape_input(k.tape, ones, 2, (int32_t[]){1, N}), 0.3f);
    for (int i = 0; i < N; i++)
        sum += (double)t->x[i];
    assert_close1("mean", sum / N, 1, 0.02, 0);
    kit_free(&k);
}

/* ---- The optimiser ---- */

/* 12: matrices and tables decay, LayerNorm and biases do not. */
static void test_decay(void **state)
{
    (void)state;
    struct kit k;
    int decayed = 0, kept = 0;
    kit_new(&k, "bert4rec", TINY "type_emb=1", V, 1);
    for (int i = 0; i < params_n(k.ps); i++) {
        const struct param *p = params_at(k.ps, i);
        assert_int_equal(!(p->flags & PARAM_NO_DECAY), p->nd == 2);
        decayed += p->nd == 2;
        kept += p->nd == 1;
    }
    assert_int_equal(decayed, 3 + 2 * 6 + 1);
    assert_int_equal(kept, 2 + 2 * 10 + 3 + 1);
    const struct optim_def *o = optim_find("bertadam");
    real x = 2, g = 0, m = 0, v = 0, *aux[] = {&m, &v};
    struct optim_step s = {.t = 1,
                           .lr = 0.1f,
                           .decay = 0.01f,
                           .clip = 1,
                           .beta1 = 0.9f,
                           .beta2 = 0.999f,
                           .eps = 1e-6f};
    o->span(&x, &g, aux, 1, &s);
    assert_close1("shrinks by lr decay", (double)x, 2 * (1 - 0.1 * 0.01), 1e-6, 0);
    kit_free(&k);
}

static struct learner *learner(struct kit *k)
{
    struct learner *l;
    struct err err;
    if (learner_new(&l, k->def, k->hp, &k->split, 1, &err))
        fail_msg("%s", err.msg);
    return l;
}

/* 13: one factor for all parameters, from the norm over all of them. */
static void test_clip_is_global(void **state)
{
    (void)state;
    struct kit k[2];
    struct learner *l[2];
    struct step_info info;
    double norm = 0;
    for (int i = 0; i < 2; i++) {
        kit_new_data(&k[i], "bert4rec",
                     i ? TINY "opt=sgd lr=1 clip=0.01" : TINY "opt=sgd lr=1 clip=0", V, 1, 1,
                     &one_session, &ten_long);
        l[i] = learner(&k[i]);
        assert_int_equal(learner_step(l[i], NULL, NULL, &info, NULL), ST_OK);
        norm = info.grad_norm;
    }
    assert_true(norm > 0.01);
    for (int i = 0; i < params_n(k[0].ps); i++) {
        const struct param *p = params_at(k[0].ps, i);
        for (size_t e = 0; e < param_rows(p) * (size_t)p->ld; e += 7) {
            double from = (double)k[0].x[p->at + e], full = (double)l[0]->x[p->at + e] - from,
                   cut = (double)l[1]->x[p->at + e] - from;
            assert_close1(p->name, cut, full * 0.01 / norm, 1e-2, 2e-7);
        }
    }
    for (int i = 0; i < 2; i++) {
        learner_free(l[i]);
        kit_free(&k[i]);
    }
}

/* ---- Data ---- */

struct sums {
    uint64_t hash;
};

static void hash_block(const struct block *b, void *ctx)
{
    struct sums *s = ctx;
    for (int32_t r = 0; r < b->off[b->n]; r++)
        s->hash = rng_mix64(s->hash ^ (uint64_t)(uint32_t)b->item[r]);
    for (int32_t q = 0; q < b->n_query; q++)
        s->hash = rng_mix64(s->hash ^ (uint64_t)(uint32_t)b->target[q]);
}

/* 16: validation and test items are in no training batch. */
static void test_held_out_items_stay_out(void **state)
{
    (void)state;
    enum { USERS = 6, LEN = 7 };
    struct sums sum[3] = {{0}};
    /* 1: the last two exchanged; 2: an earlier one */
    for (int variant = 0; variant < 3; variant++) {
        int64_t off[USERS + 1] = {0};
        int32_t item[USERS * LEN];
        int64_t pop[V + 1] = {0};
        for (int u = 0; u < USERS; u++) {
            off[u + 1] = off[u] + LEN;
            for (int i = 0; i < LEN; i++) {
                int32_t v = (u * 5 + i * 3) % V + 1;
                if ((variant == 1 && i >= LEN - 2) || (variant == 2 && i == 1))
                    v = v % V + 1;
                item[u * LEN + i] = v;
                pop[v]++;
            }
        }
        struct kit k;
        struct split *sp;
        struct err err;
        kit_new(&k, "bert4rec", TINY, V, 1);
        k.ds = (struct dataset){.name = "held out",
                                .n_items = V,
                                .n_sessions = USERS,
                                .n_events = USERS * LEN,
                                .off = off,
                                .item = item,
                                .popularity = pop};
        if (split_new(&sp, &k.ds, SPLIT_LEAVE_ONE_OUT, &err))
            fail_msg("%s", err.msg);
        k.split = *sp;
        each_block(&k, 6, hash_block, &sum[variant]);
        split_free(sp);
        kit_free(&k);
    }
    assert_true(sum[0].hash == sum[1].hash);
    assert_true(sum[0].hash != sum[2].hash);
}

/* 19: several steps ahead with one step is the ordinary prediction, to the bit. */
static void test_tail_of_one(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    real one[COLS], tail[COLS];
    kit_new(&k, "bert4rec", TINY, V, 1);
    for (int32_t n = 1; n <= 10; n += 3) {
        block_one(&b, ten, n, &k.spec, k.mem);
        kit_copy(kit_scores(&k, &b), one, COLS);
        block_tail(&b, ten, n, 1, &k.spec, k.mem);
        kit_copy(kit_scores(&k, &b), tail, COLS);
        assert_bits("scores", one + 1, tail + 1, COLS - 1);
    }
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_sorts),    cmocka_unit_test(test_mask_is_no_candidate),
        cmocka_unit_test(test_loss_of_one),     cmocka_unit_test(test_label_does_not_leak),
        cmocka_unit_test(test_appended_mask),   cmocka_unit_test(test_padding_is_invisible),
        cmocka_unit_test(test_sees_both_sides), cmocka_unit_test(test_switches_matter),
        cmocka_unit_test(test_dropout),         cmocka_unit_test(test_decay),
        cmocka_unit_test(test_clip_is_global),  cmocka_unit_test(test_held_out_items_stay_out),
        cmocka_unit_test(test_tail_of_one),
    };
    const char *note;
    gemm_start(&note);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
