/* pairs: "two ingredients, one tin".  A snack, two of eight ingredients, then the tin
 * numbered by their sum modulo 8: either ingredient alone says nothing, and their order does
 * not matter. */
#include "engine/data/world_impl.h"

#include <math.h>

enum { CODES = 8, GROUP = 4 };

static void session(struct world_gen *g)
{
    int32_t groups = 2 + gen_below(g, 3), P = g->w->P;
    for (int32_t k = 0; k < groups; k++) {
        gen_emit(g, gen_product(g, 4), WF_SNACK, -1);
        int32_t a = gen_below(g, CODES), b = gen_other(g, a, CODES), rule = (a + b) % CODES,
                d = rule;
        if (gen_chance(g))
            d = gen_other(g, d, CODES);
        gen_emit(g, a, WF_FIRST, -1);
        gen_emit(g, b, WF_SECOND, -1);
        gen_emit(g, P + d, WF_TIN, rule);
    }
}

static double code_odds(const struct world *w, int32_t code, int32_t rule)
{
    return code == rule ? 1 - w->E : w->E / (CODES - 1);
}

/* Read from the items themselves rather than from their number, so that a typed part of a
 * session is understood too: ingredients at the end, counted in pairs. */
static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    int32_t run = 0;
    while (run < n && s[n - 1 - run] < CODES)
        run++;
    if (run == 0 && (n == 0 || s[n - 1] / w->P != 4)) {
        odds_add_department(w, 4, 1, p);
        return;
    }
    for (int32_t i = 0; i < CODES; i++) {
        if (run == 0)
            p[i] = 1.0 / CODES;
        else if (run % 2 == 1)
            p[i] = i == s[n - 1] ? 0 : 1.0 / (CODES - 1);
        else
            p[w->P + i] = code_odds(w, i, (s[n - 2] + s[n - 1]) % CODES);
    }
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    double l = log(n < 2 * GROUP    ? 1.0
                   : n >= 4 * GROUP ? 0.0
                   : n < 3 * GROUP  ? 2.0 / 3
                                    : 1.0 / 3);
    for (int32_t t = 0; t < n; t++) {
        int32_t in = t % GROUP, x = s[t];
        double q = 0;
        if (in == 0 && x / w->P == 4)
            q = w->beta_p[x];
        else if (in == 1 && x < CODES)
            q = 1.0 / CODES;
        else if (in == 2 && x < CODES && x != s[t - 1])
            q = 1.0 / (CODES - 1);
        else if (in == 3 && x / w->P == 1 && x - w->P < CODES)
            q = code_odds(w, x - w->P, (s[t - 2] + s[t - 1]) % CODES);
        l += log(q);
    }
    return l;
}

/* Groups know nothing of each other: 448 of them are possible beside the snack. */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    if (n % GROUP || n < 2 * GROUP || n > 4 * GROUP)
        return -HUGE_VAL;
    double l = log(1.0 / 3);
    for (int32_t k = 0; k < n; k += GROUP) {
        double sum = 0, first[CODES] = {0}, second[CODES] = {0}, tin[CODES] = {0};
        const int32_t *g = s + k;
        for (int32_t a = 0; a < CODES; a++)
            for (int32_t b = 0; b < CODES; b++)
                for (int32_t d = 0; d < CODES && a != b; d++) {
                    if ((g[1] >= 0 && g[1] != a) || (g[2] >= 0 && g[2] != b) ||
                        (g[3] >= 0 && g[3] != w->P + d))
                        continue;
                    double q = code_odds(w, d, (a + b) % CODES) / (CODES * (CODES - 1));
                    sum += q;
                    first[a] += q;
                    second[b] += q;
                    tin[d] += q;
                }
        l += log(sum);
        if (g[0] >= 0)
            l += log(g[0] / w->P == 4 ? w->beta_p[g[0]] : 0);
        if (!p || at < k || at >= k + GROUP)
            continue;
        if (at == k)
            odds_add_department(w, 4, 1, p);
        for (int32_t i = 0; i < CODES && at > k && sum > 0; i++)
            p[at == k + 3 ? w->P + i : i] = (at == k + 1   ? first[i]
                                             : at == k + 2 ? second[i]
                                                           : tin[i]) /
                                            sum;
    }
    return l;
}

const struct world_fns fns_pairs = {session, odds, NULL, log_odds, hidden};

const struct world_def world_pairs = {
    .name = "pairs",
    .title = "two ingredients, one tin",
    .doc = "A snack, two of eight ingredients, then the tin that their sum modulo 8 names.  "
           "Ask with where=tin.",
    .sessions = 4000,
    .noise = 100,
    .planted = "union level: either of the two alone is worthless, order does not matter",
    .who = "Caser (horizontal filters of height 2 and more)",
    .fn = &fns_pairs,
};
