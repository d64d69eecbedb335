#include "tests/support/latent.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { DIMS = 16, CLASSES = 12 };

static const struct answer *ask(struct planted *p, const struct question *q)
{
    const struct answer *a = explore_ask(p->ask, p->w, q, NULL);
    if (a->err.code)
        fail_msg("%s", a->err.msg);
    return a;
}

/* ---- The means at the ends of sessions ---- */

struct means {
    int32_t n, dims;
    double (*x)[DIMS];
    int32_t *truth;
};

static int32_t whole(const struct planted *p, int32_t s, const int32_t **item)
{
    *item = p->ds->item + p->ds->off[s];
    return dataset_len(p->ds, s);
}

/* Ends of the sessions of one part; of the test sessions the KL of all steps is summed up as
 * well. */
static struct means means_of(struct planted *p, enum split_part part, double *kl,
                             int64_t *steps)
{
    struct means m = {.x = calloc((size_t)p->ds->n_sessions + 1, sizeof *m.x),
                      .truth = calloc((size_t)p->ds->n_sessions + 1, sizeof *m.truth)};
    assert_true(m.x && m.truth && p->ds->truth);
    for (int32_t s = 0; s < p->ds->n_sessions; s++) {
        if (p->sp->part[s] != part)
            continue;
        struct question q = {.kind = ASK_PROBES, .probes = "latent.mu,latent.kl"};
        q.n = whole(p, s, &q.item);
        const struct answer *a = ask(p, &q);
        const struct probe_copy *mu = answer_probe(a, "latent.mu"),
                                *k = answer_probe(a, "latent.kl");
        assert_true(mu && k && mu->d[1] <= DIMS && mu->d[0] == q.n);
        m.dims = mu->d[1];
        for (int32_t d = 0; d < m.dims; d++)
            m.x[m.n][d] = (double)mu->x[(q.n - 1) * m.dims + d];
        m.truth[m.n++] = p->ds->truth[p->ds->off[s]];
        for (int32_t i = 0; kl && i < q.n * m.dims; i++)
            kl[i % m.dims] += (double)k->x[i];
        if (steps)
            *steps += q.n;
    }
    assert_true(m.n > 0);
    return m;
}

static void means_free(struct means *m)
{
    free(m->x);
    free(m->truth);
}

/* Share of `of` that lies nearest to the mean of its own class in `train`, by the first
 * `dims` numbers. */
static double nearest(const struct means *train, const struct means *of, int32_t dims)
{
    double centre[CLASSES][DIMS] = {{0}}, n[CLASSES] = {0};
    int32_t right = 0;
    for (int32_t i = 0; i < train->n; i++) {
        assert_true(train->truth[i] >= 0 && train->truth[i] < CLASSES);
        n[train->truth[i]]++;
        for (int32_t d = 0; d < dims; d++)
            centre[train->truth[i]][d] += train->x[i][d];
    }
    for (int32_t i = 0; i < of->n; i++) {
        double best = HUGE_VAL;
        int32_t at = -1;
        for (int32_t c = 0; c < CLASSES; c++) {
            double far = 0;
            for (int32_t d = 0; d < dims; d++)
                far += pow(of->x[i][d] - centre[c][d] / n[c], 2);
            if (n[c] > 0 && far < best) {
                best = far;
                at = c;
            }
        }
        right += at == of->truth[i];
    }
    return (double)right / of->n;
}

/* The two directions in which `train` spreads most, by power iteration; both sets are
 * brought into them, in place. */
static void project(struct means *train, struct means *test)
{
    int32_t dims = train->dims;
    double cov[DIMS][DIMS] = {{0}}, mean[DIMS] = {0}, way[2][DIMS];
    for (int32_t i = 0; i < train->n; i++)
        for (int32_t d = 0; d < dims; d++)
            mean[d] += train->x[i][d] / train->n;
    for (int32_t i = 0; i < train->n; i++)
        for (int32_t d = 0; d < dims; d++)
            for (int32_t e = 0; e < dims; e++)
                cov[d][e] += (train->x[i][d] - mean[d]) * (train->x[i][e] - mean[e]) / train->n;
    for (int k = 0; k < 2; k++) {
        for (int32_t d = 0; d < dims; d++)
            way[k][d] = cos(d + k);
        for (int turn = 0; turn < 2000; turn++) {
            double next[DIMS] = {0}, norm = 0, along = 0;
            for (int32_t d = 0; k && d < dims; d++)
                along += way[0][d] * way[1][d];
            for (int32_t d = 0; d < dims; d++)
                way[k][d] -= k ? along * way[0][d] : 0;
            for (int32_t d = 0; d < dims; d++)
                for (int32_t e = 0; e < dims; e++)
                    next[d] += cov[d][e] * way[k][e];
            for (int32_t d = 0; d < dims; d++)
                norm += next[d] * next[d];
            for (int32_t d = 0; d < dims; d++)
                way[k][d] = norm > 0 ? next[d] / sqrt(norm) : way[k][d];
        }
    }
    for (int set = 0; set < 2; set++) {
        struct means *m = set ? test : train;
        for (int32_t i = 0; i < m->n; i++) {
            double at[2] = {0};
            for (int k = 0; k < 2; k++)
                for (int32_t d = 0; d < dims; d++)
                    at[k] += way[k][d] * (m->x[i][d] - mean[d]);
            m->x[i][0] = at[0];
            m->x[i][1] = at[1];
        }
    }
}

struct latent_look latent_look(struct planted *p)
{
    struct latent_look r = {0};
    double kl[DIMS] = {0};
    int64_t steps = 0;
    struct means train = means_of(p, PART_TRAIN, NULL, NULL),
                 test = means_of(p, PART_TEST, kl, &steps);
    r.dims = train.dims;
    r.nearest = nearest(&train, &test, train.dims);
    for (int32_t d = 0; d < train.dims; d++) {
        r.kl += kl[d] / (double)steps;
        r.live += kl[d] / (double)steps > 0.01;
    }
    project(&train, &test);
    r.nearest2 = nearest(&train, &test, 2);
    means_free(&train);
    means_free(&test);
    return r;
}

/* ---- Lists for the next four ---- */

static double ndcg(const float *score, int32_t n_items, const int32_t *next, int32_t n)
{
    int32_t best[10], distinct = 0;
    float s[10];
    double gain = 0, most = 0;
    assert_int_equal(top_items(score, n_items, 10, NULL, 0, best, s), 10);
    for (int32_t i = 0; i < n; i++) {
        bool again = false;
        for (int32_t j = 0; j < i; j++)
            again |= next[j] == next[i];
        if (again)
            continue;
        most += 1 / log2(2 + distinct++);
        for (int r = 0; r < 10; r++)
            gain += best[r] == next[i] ? 1 / log2(2 + r) : 0;
    }
    return gain / most;
}

double latent_ndcg4(struct planted *p, double *oracle)
{
    int32_t v = p->ds->n_items;
    double *odds = calloc((size_t)v + 1, sizeof *odds), sum = 0, n = 0;
    float *as_score = calloc((size_t)v + 1, sizeof *as_score);
    struct arena *mem;
    assert_true(odds && as_score);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    *oracle = 0;
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        const int32_t *item;
        int32_t left = whole(p, k->session, &item) - k->n_prefix;
        if (k->flag == WF_START)
            continue;
        left = left < 4 ? left : 4;
        const struct answer *a =
            ask(p, &(struct question){.kind = ASK_SCORE, .n = k->n_prefix, .item = item});
        sum += ndcg(a->score, v, item + k->n_prefix, left);
        world_odds(p->ds->world, item, k->n_prefix, odds, mem);
        for (int32_t j = 1; j <= v; j++)
            as_score[j] = (float)odds[j];
        *oracle += ndcg(as_score, v, item + k->n_prefix, left);
        n++;
        arena_reset(mem);
    }
    *oracle /= n;
    arena_free(mem);
    free(odds);
    free(as_score);
    return sum / n;
}

/* ---- Order ---- */

double latent_order(struct planted *p, uint64_t seed)
{
    int32_t *item = malloc((size_t)p->ds->n_events * sizeof *item);
    const int32_t *kept = p->ds->item;
    double before = planted_eval(p, -1, false).logloss;
    struct xoshiro r;
    assert_non_null(item);
    memcpy(item, kept, (size_t)p->ds->n_events * sizeof *item);
    xoshiro_seed(&r, seed);
    for (int32_t s = 0; s < p->ds->n_sessions; s++)
        if (p->sp->part[s] == PART_TEST)
            for (int32_t i = dataset_len(p->ds, s) - 1, *x = item + p->ds->off[s]; i > 0; i--) {
                int32_t j = (int32_t)xoshiro_below(&r, (uint32_t)i + 1), y = x[i];
                x[i] = x[j];
                x[j] = y;
            }
    p->ds->item = item;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t c = 0; c < p->sp->n_test; c++)
            p->sp->test[c].target =
                p->ds->item[p->ds->off[p->sp->test[c].session] + p->sp->test[c].n_prefix];
        if (pass == 0)
            before = planted_eval(p, -1, false).logloss - before;
        p->ds->item = kept;
    }
    free(item);
    return before;
}
