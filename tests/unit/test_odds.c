/* Exact odds and what follows from them: sums, agreement with the generator, ceilings
 * against the published table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/batch.h"
#include "engine/data/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dataset *make(const char *name, int32_t items, int32_t sessions, int32_t noise,
                            uint64_t seed)
{
    struct world_opts o = {.items = items, .sessions = sessions, .noise = noise, .seed = seed};
    struct dataset *ds = NULL;
    struct err err = {0};
    if (world_generate(&ds, name, &o, &err) != ST_OK)
        fail_msg("%s: %s", name, err.msg);
    return ds;
}

static struct split *halves(const struct dataset *ds)
{
    struct split *sp = NULL;
    struct err err = {0};
    if (split_new(&sp, ds, SPLIT_SESSIONS, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return sp;
}

/* What the definition's table lists; 0 = not checked.  Flags: a set, bit by bit. */
#define FLAG(f) (1u << (f))
#define ASKED   (~FLAG(WF_START))
static const struct row {
    const char *world;
    unsigned flags;
    int64_t n;
    double hr1, hr10, ndcg10, mrr, logloss, bce, oracle1, oracle10;
} table[] = {
    {"chain", ASKED, 7319, .450, .942, .713, .639, 1.829, .318, .445, .945},
    {"twins", ASKED, 7195, .450, .942, .713, .639, 1.829, .318, .438, .940},
    {"pairs", FLAG(WF_TIN), 1212, .900, 1, .942, .925, .520, .096, .904, 1},
    {"opener", FLAG(WF_PRESENT), 400, .900, 1, .939, .921, .545, .107, .915, 1},
    {"opener", FLAG(WF_BROWSE), 4724, .291, .966, .649, .546, 1.673, .172, .291, .967},
    {"drift", ASKED, 4400, .225, .676, .428, .364, 3.273, .576, .219, .668},
    {"tastes", ASKED, 5715, .146, .520, .310, .257, 3.831, .708, .137, .528},
    {"skew", ASKED, 7319, .252, .708, .465, .394, 3.400, .726, .251, .711},
    /* drift on items of the interest: the oracle's score, as the events are chosen by what is
  * hidden */
    {"drift", FLAG(WF_BEFORE), 1248, 0, 0, 0, 0, 0, 0, 0, .768},
    {"drift", FLAG(WF_AFTER), 646, 0, 0, 0, 0, 0, 0, 0, .610},
    {"drift", FLAG(WF_LATER), 1278, 0, 0, 0, 0, 0, 0, 0, .816},
    {"drift", FLAG(WF_AFTER_ODD), 385, 0, 0, 0, 0, 0, 0, 0, .665},
};

static void near(const struct row *r, const char *what, double got, double want)
{

    if (want != 0 && fabs(got - want) > .0006)
        fail_msg("%s %s: %.4f, the table says %.3f", r->world, what, got, want);
}

static void test_ceilings(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const struct row *r = &table[t];
        struct dataset *ds = make(r->world, 240, 0, -1, 1);
        struct split *sp = halves(ds);
        int64_t n = 0;
        for (int64_t i = 0; i < sp->n_test; i++)
            if (r->flags >> sp->test[i].flag & 1)
                sp->test[n++] = sp->test[i];
        struct ceiling c;
        assert_int_equal(world_ceiling(ds, sp->test, n, &c, NULL, NULL), ST_OK);
        if (n != r->n)
            fail_msg("%s: %lld events, the table has %lld", r->world, (long long)n,
                     (long long)r->n);
        near(r, "HR@1", c.hr1, r->hr1);
        near(r, "HR@10", c.hr10, r->hr10);
        near(r, "NDCG@10", c.ndcg10, r->ndcg10);
        near(r, "MRR@20", c.mrr, r->mrr);
        near(r, "log loss", c.logloss, r->logloss);
        near(r, "BCE", c.bce_floor[0], r->bce);
        near(r, "oracle HR@1", c.oracle_hr1, r->oracle1);
        near(r, "oracle HR@10", c.oracle_hr10, r->oracle10);
        split_free(sp);
        dataset_free(ds);
    }
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* The floor of the binary loss with k even negatives is what the best logits, ln(p / k u),
 * reach; others lie above. */
static void test_bce_floors(void **state)
{
    (void)state;
    struct dataset *ds = make("chain", 240, 0, -1, 1);
    struct split *sp = halves(ds);
    struct ceiling c;
    struct arena *mem;
    int64_t n = 60;
    assert_int_equal(world_ceiling(ds, sp->test, n, &c, NULL, NULL), ST_OK);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    double *p = arena_alloc(mem, 241 * sizeof *p), u = 1.0 / 240;
    for (int k = 1; k <= BCE_FLOORS; k++) {
        double best = 0, moved = 0;
        for (int64_t i = 0; i < n; i++) {
            const struct eval_case *e = &sp->test[i];
            world_odds(ds->world, ds->item + ds->off[e->session], e->n_prefix, p, mem);
            for (int32_t v = 1; v <= 240; v++)
                if (p[v] > 0) {
                    double s = log(p[v] / (k * u));
                    best += p[v] * softplus(-s) + k * u * softplus(s);
                    moved += p[v] * softplus(-s - 0.3) + k * u * softplus(s + 0.3);
                }
        }
        assert_true(fabs(best / (double)n - c.bce_floor[k - 1]) < 1e-9);
        assert_true(moved > best);
    }
    arena_free(mem);
    split_free(sp);
    dataset_free(ds);
}

/* For every world and size: odds are odds after any legal prefix and after nonsense; and
 * over many events the targets' -ln p agrees with the expected entropy (4 standard errors). */
static void test_odds_are_the_generators(void **state)
{
    (void)state;
    for (int d = 0; world_defs[d]; d++) {
        for (int32_t items = 144; items <= 480; items += items == 144 ? 96 : 240) {
            struct dataset *ds = make(world_defs[d]->name, items, 1500, -1, 4);
            struct split *sp = halves(ds);
            struct arena *mem = NULL;
            assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
            double *p = arena_alloc(mem, ((size_t)items + 1) * sizeof *p);
            for (int64_t i = 0; i < sp->n_test; i += 7) {
                const struct eval_case *c = &sp->test[i];
                double sum = 0;
                world_odds(ds->world, ds->item + ds->off[c->session], c->n_prefix, p, mem);
                assert_true(p[0] == 0);
                for (int32_t j = 1; j <= items; j++) {
                    assert_true(p[j] >= 0);
                    sum += p[j];
                }
                if (fabs(sum - 1) > 1e-9 || p[c->target] <= 0)
                    fail_msg("%s: odds sum to %.12f, target has %g", world_defs[d]->name, sum,
                             p[c->target]);
            }
            struct ceiling c;
            assert_int_equal(world_ceiling(ds, sp->test, sp->n_test, &c, NULL, NULL), ST_OK);
            if (fabs(c.logloss - c.oracle_logloss) > 4 * c.se_logloss)
                fail_msg("%s: expected log loss %.4f, oracle's %.4f, standard error %.4f",
                         world_defs[d]->name, c.logloss, c.oracle_logloss, c.se_logloss);
            arena_free(mem);
            split_free(sp);
            dataset_free(ds);
        }
    }
}

static void test_nonsense_prefixes(void **state)
{
    (void)state;
    for (int d = 0; world_defs[d]; d++) {
        for (int32_t noise = 0; noise <= 100; noise += 100) {
            struct dataset *ds = make(world_defs[d]->name, 240, 10, noise, 1);
            struct arena *mem = NULL;
            assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
            double *p = arena_alloc(mem, 241 * sizeof *p);
            int32_t s[300];
            uint32_t x = 12345;
            for (int round = 0; round < 300; round++) {
                int32_t n = round % 10 == 0 ? round : round % 23;
                for (int32_t i = 0; i < n; i++) {
                    x = x * 1664525u + 1013904223u;
                    s[i] = (int32_t)(x >> 8) % 250 - 4; /* ids beyond both ends too */
                }
                double sum = 0;
                world_odds(ds->world, s, n, p, mem);
                for (int32_t j = 1; j <= 240; j++)
                    sum += p[j];
                if (!(fabs(sum - 1) < 1e-9))
                    fail_msg("%s after nonsense: odds sum to %.12f", world_defs[d]->name, sum);
                sum = 0;
                world_odds_at(ds->world, s, n, n / 2, p, mem);
                for (int32_t j = 1; j <= 240; j++)
                    sum += p[j];
                assert_true(fabs(sum - 1) < 1e-9);
            }
            arena_free(mem);
            dataset_free(ds);
        }
    }
}

/* bazaar's first item: the mean of its stalls' first items; one item in, a card can only be
 * opener's or noise. */
static void test_bazaar_filter(void **state)
{
    (void)state;
    struct dataset *bazaar = make("bazaar", 240, 10, -1, 1);
    const char *const stall[] = {"chain", "twins", "pairs", "opener", "gap", "drift", "tastes"};
    struct arena *mem = NULL;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    double *p = arena_alloc(mem, 241 * sizeof *p), *q = arena_alloc(mem, 241 * sizeof *q),
           mean[241] = {0};
    for (int k = 0; k < 7; k++) {
        struct dataset *ds = make(stall[k], 240, 10, -1, 1);
        world_odds(ds->world, NULL, 0, q, mem);
        for (int32_t j = 1; j <= 240; j++)
            mean[j] += q[j] / 7;
        dataset_free(ds);
    }
    world_odds(bazaar->world, NULL, 0, p, mem);
    for (int32_t j = 1; j <= 240; j++)
        assert_true(fabs(p[j] - mean[j]) < 1e-12);
    const int32_t pair[] = {81, 1, 2}; /* snack, two ingredients: pairs for certain */
    struct dataset *pairs = make("pairs", 240, 10, -1, 1);
    world_odds(bazaar->world, pair, 3, p, mem);
    world_odds(pairs->world, pair, 3, q, mem);
    assert_true(q[22] > .89 && q[22] < .91);
    assert_true(p[22] > .8);
    dataset_free(pairs);
    dataset_free(bazaar);
    arena_free(mem);
}

static void test_gap_from_both_sides(void **state)
{
    (void)state;
    struct dataset *ds = make("gap", 240, 400, -1, 1);
    struct arena *mem = NULL;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    double *p = arena_alloc(mem, 241 * sizeof *p), loss[WORLD_FLAGS] = {0};
    int64_t n[WORLD_FLAGS] = {0};
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        const int32_t *item = ds->item + ds->off[s];
        for (int32_t t = 0; t < dataset_len(ds, s); t++) {
            world_odds_at(ds->world, item, dataset_len(ds, s), t, p, mem);
            uint8_t f = ds->flag[ds->off[s] + t];
            loss[f] -= log(p[item[t]]);
            n[f]++;
        }
    }
    for (int f = WF_BREAD; f <= WF_SAUCE; f++) /* floor .5197 for each of the three */
        assert_true(fabs(loss[f] / (double)n[f] - .5197) < .08);
    world_odds(ds->world, ds->item, 2, p, mem); /* the filling from the left: even */
    for (int32_t i = 0; i < 8; i++)
        assert_true(fabs(p[141 + i] - .125) < 1e-12);
    arena_free(mem);
    dataset_free(ds);
}

/* ---- hidden places ---- */

static const char *const all_worlds[] = {"chain", "skew",  "twins",  "pairs", "opener",
                                         "gap",   "drift", "tastes", "bazaar"};
enum { ALL_WORLDS = sizeof all_worlds / sizeof *all_worlds, HIDDEN = 999 };

static void hidden_odds(const struct dataset *ds, const int32_t *item, int32_t n, int32_t at,
                        double *p, struct arena *mem)
{
    double sum = 0;
    assert_true(world_odds_hidden(ds->world, item, n, at, p, mem));
    for (int32_t i = 0; i <= ds->n_items; i++) {
        assert_true(p[i] >= 0);
        sum += p[i];
    }
    assert_true(p[0] == 0 && fabs(sum - 1) < 1e-9);
}

/* Two hidden places: the odds of one are those given the other, averaged over the other's
 * own; and what came has, on average, the odds that are said. */
static void test_hidden_places(void **state)
{
    (void)state;
    struct arena *mem;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    double p[256], q[256], r[256];
    for (int w = 0; w < ALL_WORLDS; w++) {
        struct dataset *ds = make(all_worlds[w], 144, 600, -1, 3);
        double excess = 0, square = 0;
        int n = 0;
        for (int32_t s = 0; s < ds->n_sessions; s++) {
            int32_t len = dataset_len(ds, s), item[32], a = (s * 7) % len,
                    b = (a + 1 + s % (len - 1)) % len, c = (a + 2) % len;
            memcpy(item, ds->item + ds->off[s], (size_t)len * sizeof *item);
            item[a] = item[b] = HIDDEN;
            if (s % 3 == 0)
                item[c] = HIDDEN;
            hidden_odds(ds, item, len, a, p, mem);
            int32_t came = ds->item[ds->off[s] + a];
            double h = 0;
            for (int32_t i = 1; i <= ds->n_items; i++)
                h -= p[i] > 0 ? p[i] * log(p[i]) : 0;
            double d = -log(p[came]) - h;
            excess += d;
            square += d * d;
            n++;
            if (s >= 12)
                continue;
            hidden_odds(ds, item, len, b, q, mem);
            double mix[256] = {0};
            for (int32_t v = 1; v <= ds->n_items; v++) {
                if (q[v] < 1e-12)
                    continue;
                item[b] = v;
                hidden_odds(ds, item, len, a, r, mem);
                for (int32_t i = 1; i <= ds->n_items; i++)
                    mix[i] += q[v] * r[i];
            }
            for (int32_t i = 1; i <= ds->n_items; i++)
                if (fabs(mix[i] - p[i]) > 1e-9)
                    fail_msg(
                        "%s, session %d: item %d has %.12g hidden with another, %.12g by parts",
                        all_worlds[w], (int)s, (int)i, p[i], mix[i]);
        }
        double mean = excess / n, se = sqrt((square / n - mean * mean) / n);
        if (fabs(mean) > 4 * se)
            fail_msg("%s: what came costs %.4f more than is said, +- %.4f", all_worlds[w], mean,
                     se);
        dataset_free(ds);
    }
    arena_free(mem);
}

/* The end of a session, hidden alone, is the next item after the rest of it. */
static void test_hidden_end(void **state)
{
    (void)state;
    struct arena *mem;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    for (int w = 0; w + 1 < ALL_WORLDS;
         w++) { /* in bazaar the length tells more than the beginning does */
        struct dataset *ds = make(all_worlds[w], 144, 40, -1, 5);
        for (int32_t s = 0; s < ds->n_sessions; s++) {
            double p[256], q[256];
            int32_t n = dataset_len(ds, s);
            const int32_t *item = ds->item + ds->off[s];
            hidden_odds(ds, item, n, n - 1, p, mem);
            world_odds(ds->world, item, n - 1, q, mem);
            for (int32_t i = 1; i <= ds->n_items; i++)
                if (fabs(p[i] - q[i]) > 1e-9)
                    fail_msg("%s, session %d, item %d: %.12g and %.12g", all_worlds[w], (int)s,
                             (int)i, p[i], q[i]);
        }
        /* no world has sessions of three */
        assert_false(world_odds_hidden(ds->world, ds->item, 3, 1, (double[256]){0}, mem));
        dataset_free(ds);
    }
    arena_free(mem);
}

/* gap, one place a session: three in four have .5197, snacks their department's. */
static void test_cloze_floor(void **state)
{
    (void)state;
    struct dataset *ds = make("gap", 144, 4000, -1, 1);
    struct split *sp = halves(ds);
    struct batch_spec s = {.kind = BATCH_CLOZE,
                           .size = 128,
                           .max_len = 20,
                           .n_target = 1,
                           .mask_item = 145,
                           .rho = 0.01f};
    struct cloze_floor f, part;
    struct err err;
    volatile bool stop = true;
    assert_int_equal(world_cloze_floor(sp, &s, 0, &f, NULL, &err), ST_OK);
    assert_int_equal(f.n, 3200);
    double tin = -0.9 * log(0.9) - 0.1 * log(0.1 / 7), p[256], snack = 0;
    struct arena *mem;
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    world_odds(ds->world, NULL, 0, p, mem);
    for (int32_t i = 1; i <= ds->n_items; i++)
        snack -= p[i] > 0 ? p[i] * log(p[i]) : 0;
    assert_true(fabs(f.mean - (3 * tin + snack) / 4) < 4 * f.se && f.se < 0.03);
    s.rho = 0.5f; /* more hidden: less to tell from */
    assert_int_equal(world_cloze_floor(sp, &s, 0, &part, NULL, &err), ST_OK);
    assert_true(part.mean > f.mean + 0.3);
    /* five batches of some sixty places */
    assert_int_equal(world_cloze_floor(sp, &s, 5, &f, NULL, &err), ST_OK);
    assert_true(f.n < part.n / 3 && fabs(f.mean - part.mean) < 5 * f.se);
    assert_int_equal(world_cloze_floor(sp, &s, 0, &f, &stop, &err), ST_CANCELLED);
    s.mask_other = 0.1f;
    assert_int_equal(world_cloze_floor(sp, &s, 0, &f, NULL, &err), ST_UNSUPPORTED);
    s.mask_other = 0;
    s.max_len = 10;
    assert_int_equal(world_cloze_floor(sp, &s, 0, &f, NULL, &err), ST_UNSUPPORTED);
    arena_free(mem);
    split_free(sp);
    dataset_free(ds);
}

static void test_cancel_and_no_world(void **state)
{
    (void)state;
    struct dataset *ds = make("chain", 240, 200, -1, 1);
    struct split *sp = halves(ds);
    struct ceiling c;
    volatile bool cancel = true;
    struct err err = {0};
    assert_int_equal(world_ceiling(ds, sp->test, sp->n_test, &c, &cancel, &err), ST_CANCELLED);
    struct dataset plain = *ds;
    plain.world = NULL;
    assert_int_equal(world_ceiling(&plain, sp->test, sp->n_test, &c, NULL, &err),
                     ST_UNSUPPORTED);
    assert_int_equal(world_ceiling(ds, sp->test, 0, &c, NULL, NULL), ST_OK);
    assert_int_equal(c.n, 0);
    split_free(sp);
    dataset_free(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_bce_floors),
        cmocka_unit_test(test_odds_are_the_generators),
        cmocka_unit_test(test_nonsense_prefixes),
        cmocka_unit_test(test_bazaar_filter),
        cmocka_unit_test(test_gap_from_both_sides),
        cmocka_unit_test(test_hidden_places),
        cmocka_unit_test(test_hidden_end),
        cmocka_unit_test(test_cloze_floor),
        cmocka_unit_test(test_cancel_and_no_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
