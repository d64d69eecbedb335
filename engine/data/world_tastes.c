/* tastes: "eight kinds of customer".  A hidden type draws every item from three departments;
 * order says nothing. */
#include "engine/data/world_impl.h"

#include <math.h>

enum { TYPES = 8, SHORTEST = 10, LONGEST = 20, LIKED = 3 };
static const uint32_t liked_weight[LIKED] = {6, 3, 1};
static const int32_t liked[LIKED] = {0, 1, 4};
static const double liked_odds[LIKED] = {0.6, 0.3, 0.1};

static void session(struct world_gen *g)
{
    int32_t m = gen_below(g, TYPES), len = SHORTEST + gen_below(g, LONGEST - SHORTEST + 1);
    for (int32_t t = 0; t < len; t++) {
        bool odd = gen_chance(g);
        int32_t item =
            odd ? gen_popular(g)
                : gen_product(g, (m + liked[gen_pick(g, liked_weight, LIKED)]) % DEPARTMENTS);
        gen_emit(g, item, t == 0 ? WF_START : odd ? WF_NOISE : WF_STEP, m);
    }
}

static double item_odds(const struct world *w, int32_t type, int32_t item)
{
    double p = w->E * w->pi_p[item];
    for (int32_t c = 0; c < LIKED; c++)
        if ((type + liked[c]) % DEPARTMENTS == item / w->P)
            p += (1 - w->E) * liked_odds[c] * w->beta_p[item];
    return p;
}

/* Posterior of the type; returns ln of the odds of the items. */
static double filter(const struct world *w, const int32_t *s, int32_t n, double weight[TYPES])
{
    double l = 0;
    for (int32_t m = 0; m < TYPES; m++)
        weight[m] = 1.0 / TYPES;
    for (int32_t t = 0; t < n; t++) {
        double sum = 0;
        for (int32_t m = 0; m < TYPES; m++) {
            weight[m] *= item_odds(w, m, s[t]);
            sum += weight[m];
        }
        if (sum <= 0) { /* no noise and an item no type buys: nothing learnt from it */
            for (int32_t m = 0; m < TYPES; m++)
                weight[m] = 1.0 / TYPES;
            l = -HUGE_VAL;
            continue;
        }
        for (int32_t m = 0; m < TYPES; m++)
            weight[m] /= sum;
        l += log(sum);
    }
    return l;
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    double weight[TYPES];
    filter(w, s, n, weight);
    for (int32_t i = 0; i < w->N; i++)
        p[i] = w->E * w->pi_p[i];
    for (int32_t m = 0; m < TYPES; m++)
        for (int32_t c = 0; c < LIKED; c++)
            odds_add_department(w, (m + liked[c]) % DEPARTMENTS,
                                (1 - w->E) * weight[m] * liked_odds[c], p);
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    double weight[TYPES];
    return log(odds_left(n, SHORTEST, LONGEST)) + filter(w, s, n, weight);
}

/* Order says nothing: what is visible stands before what is hidden. */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    int32_t seen[LONGEST], m = 0;
    double weight[TYPES];
    (void)at;
    if (n < SHORTEST || n > LONGEST)
        return -HUGE_VAL;
    for (int32_t t = 0; t < n; t++)
        if (s[t] >= 0)
            seen[m++] = s[t];
    if (p)
        odds(w, seen, m, p);
    return filter(w, seen, m, weight) - log(LONGEST - SHORTEST + 1);
}

const struct world_fns fns_tastes = {session, odds, NULL, log_odds, hidden};

const struct world_def world_tastes = {
    .name = "tastes",
    .title = "eight kinds of customer",
    .doc = "A hidden type of customer draws every item from three departments; many right "
           "answers, order says nothing.",
    .sessions = 4000,
    .noise = 100,
    .planted = "a latent type; many right answers; order is irrelevant",
    .who = "SVAE (latent map, next-k)",
    .fn = &fns_tastes,
};
