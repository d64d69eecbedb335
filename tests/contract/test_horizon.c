/* Several steps ahead: one step is the normal prediction bit for bit, greedy roll-out is
 * prediction repeated, a wide beam finds the best path there is, hidden places are shared
 * out surest first, and a catalogue that runs out ends the list. */
#include "engine/data/world.h"
#include "engine/train/horizon.h"
#include "models/models.h"
#include "tests/support/planted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const int32_t seq[] = {12, 87, 3};

static struct horizon *ahead(struct planted *p, const int32_t *item, int32_t n,
                             struct horizon_opts o)
{
    struct horizon *h;
    struct err err;
    if (horizon_new(&h, p->ask, p->w, item, n, &o, NULL, &err))
        fail_msg("%s", err.msg);
    return h;
}

static void odds_after(struct planted *p, const int32_t *item, int32_t n, float *odds)
{
    struct question q = {.kind = ASK_SCORE, .n = n, .item = item};
    const struct answer *a = explore_ask(p->ask, p->w, &q, NULL);
    assert_int_equal(a->err.code, ST_OK);
    softmax_row(a->score, a->n_items, odds);
}

static void test_one_step(void **state)
{
    (void)state;
    struct planted p;
    planted_train(&p, "chain", 1, 500, "bert4rec", "d=16 mask.tail=0.2", 60);
    size_t row = (size_t)p.ds->n_items + 1;
    float *odds = calloc(row, sizeof *odds);
    odds_after(&p, seq, 3, odds);
    struct horizon *h = ahead(&p, seq, 3, (struct horizon_opts){.k = 1, .beam = 1});
    assert_true(h->has_tail);
    assert_memory_equal(h->tail, odds, row * sizeof *odds);
    assert_memory_equal(h->roll, odds, row * sizeof *odds);
    assert_int_equal(h->tail_pick[0], h->roll_pick[0]);
    assert_int_equal(h->tail_pick[0], planted_answer(&p, seq, 3));
    horizon_free(h);
    /* a window of 20: the oldest items make room for the hidden places */
    int32_t lengthy[30];
    for (int i = 0; i < 30; i++)
        lengthy[i] = 1 + i;
    h = ahead(&p, lengthy, 30, (struct horizon_opts){.k = 19, .beam = 1});
    horizon_free(h);
    struct horizon_opts o = {.k = 20, .beam = 1};
    struct err err;
    assert_int_equal(horizon_new(&h, p.ask, p.w, seq, 3, &o, NULL, &err), ST_ARG);
    assert_null(h);
    free(odds);
    planted_free(&p);
}

static void test_hidden_places(void **state)
{
    (void)state;
    enum { K = 4 };
    struct planted p;
    planted_train(&p, "chain", 1, 500, "bert4rec", "d=16 mask.tail=0.2", 60);
    struct horizon *h =
        ahead(&p, seq, 3, (struct horizon_opts){.k = K, .beam = 1, .skip = seq, .n_skip = 3});
    size_t row = (size_t)h->n_items + 1;
    float last = 1, *within = calloc(row, sizeof *within);
    bool filled[K] = {false};
    for (int n = 0; n < K;
         n++) { /* the surest step first, no item twice, none of the skipped */
        int step = -1;
        int32_t item = 0;
        float best = -1;
        for (int s = 0; s < K; s++)
            for (int32_t i = 1; i < (int32_t)row && !filled[s]; i++) {
                bool used = i == 12 || i == 87 || i == 3;
                for (int t = 0; t < K; t++)
                    used |= filled[t] && h->tail_pick[t] == i;
                if (!used && h->tail[(size_t)s * row + (size_t)i] > best) {
                    best = h->tail[(size_t)s * row + (size_t)i];
                    step = s;
                    item = i;
                }
            }
        assert_int_equal(h->tail_pick[step], item);
        assert_true(best <= last);
        last = best;
        filled[step] = true;
    }
    horizon_within(h, within);
    for (size_t i = 1; i < row; i += 13) {
        double none = 1;
        for (int s = 0; s < K; s++)
            none *= 1 - (double)h->tail[(size_t)s * row + i];
        assert_true(fabs((double)within[i] - (1 - none)) < 1e-6);
    }
    assert_true(horizon_alike(h->tail, h->tail, h->n_items, 10) == 1);
    free(within);
    horizon_free(h);
    planted_free(&p);
}

static void test_roll_out(void **state)
{
    (void)state;
    enum { K = 5 };
    struct planted p;
    planted_train(&p, "chain", 1, 500, "gru4rec", "hidden=16", 60);
    struct horizon *h =
        ahead(&p, seq, 3, (struct horizon_opts){.k = K, .beam = 1, .repeats = true});
    int32_t path[3 + K] = {12, 87, 3};
    float *odds = calloc((size_t)h->n_items + 1, sizeof *odds);
    double logp = 0;
    assert_false(h->has_tail);
    for (int s = 0; s < K; s++) {
        odds_after(&p, path, 3 + s, odds);
        path[3 + s] = planted_answer(&p, path, 3 + s);
        assert_int_equal(h->roll_pick[s], path[3 + s]);
        logp += log((double)odds[path[3 + s]]);
    }
    assert_true(fabs(logp - h->logp) < 1e-5);
    horizon_free(h);
    h = ahead(&p, seq, 3, (struct horizon_opts){.k = 12, .beam = 1});
    for (int s = 0; s < 12; s++)
        for (int t = 0; t < s; t++)
            assert_int_not_equal(h->roll_pick[s], h->roll_pick[t]);
    horizon_free(h);
    struct question q = {.kind = ASK_TAIL, .n = 3, .item = seq, .ahead = 2};
    assert_int_equal(explore_ask(p.ask, p.w, &q, NULL)->err.code, ST_UNSUPPORTED);
    free(odds);
    planted_free(&p);
}

/* Four items, three steps: the best of the 64 paths, by trying them all. */
static void test_beam(void **state)
{
    (void)state;
    static const int32_t all[] = {1, 2, 3, 4, 1, 3, 2, 4, 4, 2}, two[] = {2, 1};
    static const int64_t off[] = {0, 3, 6, 10};
    static const int64_t pop[] = {0, 2, 3, 2, 3};
    struct dataset ds = {.name = "four",
                         .n_items = 4,
                         .n_sessions = 3,
                         .n_events = 10,
                         .off = off,
                         .item = all,
                         .popularity = pop};
    struct planted p = {.ds = &ds};
    struct err err;
    const struct model_def *m = model_find("gru4rec");
    assert_int_equal(split_new(&p.sp, &ds, SPLIT_LEAVE_ONE_OUT, &err), ST_OK);
    assert_int_equal(hparams_new(&p.hp, m->hparams, m->name, &err), ST_OK);
    /* random, far from even */
    assert_int_equal(hparams_set_all(p.hp, "hidden=8 sigma=1", &err), ST_OK);
    assert_int_equal(learner_new(&p.l, m, p.hp, p.sp, 5, &err), ST_OK);
    assert_int_equal(explore_new(&p.ask, &err), ST_OK);
    assert_int_equal(weights_of(&p.w, p.l, &err), ST_OK);
    double best = (double)-INFINITY;
    for (int i = 0; i < 64; i++) {
        int32_t path[5] = {2, 1, 1 + i / 16, 1 + i / 4 % 4, 1 + i % 4};
        float odds[5];
        double logp = 0;
        for (int s = 0; s < 3; s++) {
            odds_after(&p, path, 2 + s, odds);
            logp += log((double)odds[path[2 + s]]);
        }
        best = fmax(best, logp);
    }
    struct horizon *greedy =
        ahead(&p, two, 2, (struct horizon_opts){.k = 3, .beam = 1, .repeats = true});
    struct horizon *wide =
        ahead(&p, two, 2, (struct horizon_opts){.k = 3, .beam = 16, .repeats = true});
    assert_true(fabs(wide->logp - best) < 1e-5);
    assert_true(greedy->logp <= wide->logp + 1e-9);
    horizon_free(greedy);
    horizon_free(wide);
    struct horizon *h =
        ahead(&p, two, 2, (struct horizon_opts){.k = 4, .beam = 2, .skip = two, .n_skip = 2});
    assert_true(h->roll_pick[0] >= 3 && h->roll_pick[1] >= 3 &&
                h->roll_pick[0] != h->roll_pick[1]);
    assert_int_equal(h->roll_pick[2], 0); /* nothing left */
    assert_int_equal(h->roll_pick[3], 0);
    horizon_free(h);
    explore_free(p.ask);
    weights_unref(p.w);
    learner_free(p.l);
    hparams_free(p.hp);
    split_free(p.sp);
}

/* Drawn picks: by the odds among what is left, the same for a seed; cold draws are the
 * greedy path, and top_p leaves out the tail. */
static void test_draws(void **state)
{
    (void)state;
    enum { DRAWS = 2000, K = 3 };
    struct planted p;
    planted_train(&p, "chain", 1, 500, "gru4rec", "hidden=16", 60);
    size_t row = (size_t)p.ds->n_items + 1;
    float *odds = calloc(row, sizeof *odds);
    int *count = calloc(row, sizeof *count);
    odds_after(&p, seq, 3, odds);
    struct horizon_opts o = {.k = 1, .beam = 1, .temperature = 0.5, .skip = seq, .n_skip = 3};
    for (int i = 0; i < DRAWS; i++) {
        o.seed = (uint64_t)i;
        struct horizon *h = ahead(&p, seq, 3, o);
        count[h->roll_pick[0]]++;
        assert_true(fabs(h->logp - log((double)odds[h->roll_pick[0]])) < 1e-5);
        horizon_free(h);
    }
    double all = 0; /* temperature 1/2: odds squared */
    for (size_t i = 1; i < row; i++)
        all += i == 12 || i == 87 || i == 3 ? 0 : pow((double)odds[i], 2);
    assert_int_equal(count[12] + count[87] + count[3], 0);
    int seen = 0;
    for (size_t i = 1; i < row; i++) {
        double q = i == 12 || i == 87 || i == 3 ? 0 : pow((double)odds[i], 2) / all;
        assert_true(fabs(count[i] - DRAWS * q) < 5 * sqrt(DRAWS * q * (1 - q)) + 1);
        seen += count[i] > 0;
    }
    assert_true(seen > 5);

    o = (struct horizon_opts){.k = K, .beam = 1, .temperature = 0.001, .seed = 9};
    struct horizon *cold = ahead(&p, seq, 3, o),
                   *greedy = ahead(&p, seq, 3, (struct horizon_opts){.k = K, .beam = 1});
    assert_memory_equal(cold->roll_pick, greedy->roll_pick, K * sizeof *cold->roll_pick);
    assert_true(cold->logp == greedy->logp);
    o.temperature = 50;
    struct horizon *warm = ahead(&p, seq, 3, o), *again = ahead(&p, seq, 3, o);
    assert_memory_equal(warm->roll_pick, again->roll_pick, K * sizeof *warm->roll_pick);
    assert_true(warm->logp < greedy->logp);
    for (int s = 1; s < K; s++)
        for (int t = 0; t < s; t++)
            assert_int_not_equal(warm->roll_pick[s], warm->roll_pick[t]);
    o.top_p = 0.001; /* the likeliest alone */
    struct horizon *top = ahead(&p, seq, 3, o), *h;
    assert_memory_equal(top->roll_pick, greedy->roll_pick, K * sizeof *top->roll_pick);
    o.beam = 2;
    struct err err;
    assert_int_equal(horizon_new(&h, p.ask, p.w, seq, 3, &o, NULL, &err), ST_ARG);
    horizon_free(cold);
    horizon_free(greedy);
    horizon_free(warm);
    horizon_free(again);
    horizon_free(top);
    free(odds);
    free(count);
    planted_free(&p);
}

static struct planted histories(const char *world, const char *model, const char *settings,
                                int32_t k, int steps)
{
    struct planted p = {.seconds = 0};
    struct world_opts o = {.items = 144, .sessions = 120, .noise = -1, .seed = 1};
    const struct model_def *m = model_find(model);
    struct err err = {0};
    if (world_generate(&p.ds, world, &o, &err) || split_leave(&p.sp, p.ds, k, &err) ||
        hparams_new(&p.hp, m->hparams, m->name, &err) ||
        hparams_set_all(p.hp, settings, &err) || learner_new(&p.l, m, p.hp, p.sp, 5, &err) ||
        explore_new(&p.ask, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < steps; i++)
        assert_int_equal(learner_step(p.l, NULL, NULL, NULL, &err), ST_OK);
    assert_int_equal(weights_of(&p.w, p.l, &err), ST_OK);
    return p;
}

/* One step ahead is the usual evaluation, hidden place and roll-out alike. */
static void test_figures_of_one_step(void **state)
{
    (void)state;
    struct planted p = histories("tastes", "bert4rec", "d=16 layers=1 batch=32", 1, 40);
    struct eval_spec usual;
    struct eval_result want;
    struct horizon_result got;
    struct err err = {0};
    eval_defaults(&usual, p.sp);
    usual.on = PART_TEST;
    assert_true(usual.exclude_seen);
    assert_int_equal(eval_run(p.w, &usual, NULL, NULL, &want, &err), ST_OK);
    struct horizon_spec s = {.on = PART_TEST, .ahead = 1, .k = 10, .exclude_seen = true};
    if (horizon_eval(&got, p.ask, p.w, &s, NULL, &err))
        fail_msg("%s", err.msg);
    assert_true(got.has_tail && got.n == want.n && want.hr > 0);
    const struct horizon_figures *way[] = {&got.tail, &got.roll};
    for (int i = 0; i < 2; i++) {
        assert_true(fabs(way[i]->hr[0].mean - want.hr) < 1e-9);
        assert_true(fabs(way[i]->ndcg[0].mean - want.ndcg) < 1e-9);
        assert_true(fabs(way[i]->hr[0].se - want.se_hr) < 1e-9);
        assert_true(fabs(way[i]->recall.mean - want.hr) < 1e-9);
    }
    planted_free(&p);
}

/* Ranks among all but what was given (an item that came stays), by the odds of a path or of
 * hidden places. */
static double place(const float *odds, int32_t n_items, const int32_t *item, int32_t n,
                    const int32_t *came, int32_t k, int32_t target)
{
    double rank = 1;
    for (int32_t i = 1; i <= n_items; i++) {
        bool out = false, stays = false;
        for (int32_t t = 0; t < n; t++)
            out |= item[t] == i;
        for (int32_t t = 0; t < k; t++)
            stays |= came[t] == i;
        rank += (!out || stays) && odds[i] > odds[target];
    }
    return rank;
}

static void test_figures(void **state)
{
    (void)state;
    enum { K = 3 };
    struct planted p =
        histories("pairs", "bert4rec", "d=16 layers=1 batch=32 mask.tail=0.3 lr=0.01", K, 150);
    struct horizon_spec s = {.on = PART_VALID, .ahead = K, .k = 10, .exclude_seen = true};
    struct horizon_result got;
    struct err err = {0};
    double hit[2][K] = {{0}}, gain[2][K] = {{0}}, found[2] = {0}, n = 0;
    int32_t n_items = p.ds->n_items;
    float *set = malloc(((size_t)n_items + 1) * sizeof *set);
    for (int32_t u = 0; u < p.ds->n_sessions; u++) {
        int32_t from, to;
        if (!split_held(p.sp, u, PART_VALID, &from, &to))
            continue;
        const int32_t *item = p.ds->item + p.ds->off[u];
        struct horizon *h =
            ahead(&p, item, from,
                  (struct horizon_opts){.k = K, .beam = 1, .skip = item, .n_skip = from});
        for (int way = 0; way < 2; way++) {
            const float *rows = way ? h->roll : h->tail;
            int32_t distinct = 0, inside = 0;
            for (int t = 0; t < K; t++) {
                double rank = place(rows + (size_t)t * ((size_t)n_items + 1), n_items, item,
                                    from, item + from, K, item[from + t]);
                hit[way][t] += rank <= 10;
                gain[way][t] += rank <= 10 ? 1 / log2(rank + 1) : 0;
            }
            for (int32_t i = 1; i <= n_items; i++) {
                double none = 1;
                for (int t = 0; t < K; t++)
                    none *= 1 - (double)rows[(size_t)t * ((size_t)n_items + 1) + (size_t)i];
                set[i] = (float)(1 - none);
            }
            for (int t = 0; t < K; t++) {
                bool again = false;
                for (int b = 0; b < t; b++)
                    again |= item[from + b] == item[from + t];
                distinct += !again;
                inside += !again &&
                          place(set, n_items, item, from, item + from, K, item[from + t]) <= 10;
            }
            found[way] += (double)inside / distinct;
        }
        n++;
        horizon_free(h);
    }
    assert_true(n > 60);
    if (horizon_eval(&got, p.ask, p.w, &s, NULL, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(got.n, (int64_t)n);
    for (int t = 0; t < K; t++) {
        assert_true(hit[0][t] > 0 && fabs(got.tail.hr[t].mean - hit[0][t] / n) < 1e-9);
        assert_true(fabs(got.roll.hr[t].mean - hit[1][t] / n) < 1e-9);
        assert_true(fabs(got.tail.ndcg[t].mean - gain[0][t] / n) < 1e-6);
        assert_true(fabs(got.roll.ndcg[t].mean - gain[1][t] / n) < 1e-6);
    }
    /* equal odds in float may change places */
    assert_true(fabs(got.tail.recall.mean - found[0] / n) < 0.5 / n);
    assert_true(fabs(got.roll.recall.mean - found[1] / n) < 0.5 / n);
    s.max_cases = 7;
    assert_int_equal(horizon_count(p.sp, &s), 7);
    assert_int_equal(horizon_eval(&got, p.ask, p.w, &s, NULL, &err), ST_OK);
    assert_int_equal(got.n, 7);
    s.max_cases = 0;
    s.ahead = K + 1; /* nobody has so many held out */
    assert_int_equal(horizon_count(p.sp, &s), 0);
    volatile bool stop = true;
    s.ahead = K;
    assert_int_equal(horizon_eval(&got, p.ask, p.w, &s, &stop, &err), ST_CANCELLED);
    free(set);
    planted_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_step), cmocka_unit_test(test_hidden_places),
        cmocka_unit_test(test_roll_out), cmocka_unit_test(test_beam),
        cmocka_unit_test(test_draws),    cmocka_unit_test(test_figures_of_one_step),
        cmocka_unit_test(test_figures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
