/* gap: "bread, filling, sauce".  Bread l and sauce r are drawn freely, the filling between
 * them is their sum modulo 8: certain from both sides, unknown from one. */
#include "engine/data/world_impl.h"

#include <math.h>

enum { CODES = 8, GROUP = 4, BREAD = 6, FILLING = 7, SAUCE = 8, SNACK = 4 };

static void session(struct world_gen *g)
{
    int32_t groups = 2 + gen_below(g, 3), P = g->w->P;
    for (int32_t k = 0; k < groups; k++) {
        gen_emit(g, gen_product(g, SNACK), WF_SNACK, -1);
        int32_t l = gen_below(g, CODES), r = gen_below(g, CODES), rule = (l + r) % CODES,
                m = rule;
        if (gen_chance(g))
            m = gen_other(g, m, CODES);
        gen_emit(g, BREAD * P + l, WF_BREAD, -1);
        gen_emit(g, FILLING * P + m, WF_FILLING, rule);
        gen_emit(g, SAUCE * P + r, WF_SAUCE, -1);
    }
}

/* Number of the item within the eight of a department, -1: not one of them. */
static int32_t code(const struct world *w, const int32_t *s, int32_t n, int32_t at,
                    int32_t department)
{
    if (at < 0 || at >= n || s[at] < 0 || s[at] / w->P != department)
        return -1;
    int32_t j = s[at] - department * w->P;
    return j < CODES ? j : -1;
}

static void put_codes(const struct world *w, int32_t department, int32_t rule, double *p)
{
    for (int32_t i = 0; i < CODES; i++)
        p[department * w->P + i] = rule < 0    ? 1.0 / CODES
                                   : i == rule ? 1 - w->E
                                               : w->E / (CODES - 1);
}

static void odds_at(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    int32_t before = at > 0 && s[at - 1] >= 0 ? s[at - 1] / w->P : -1, l, m, r;
    switch (before) {
    case SNACK:
        m = code(w, s, n, at + 1, FILLING);
        r = code(w, s, n, at + 2, SAUCE);
        put_codes(w, BREAD, m >= 0 && r >= 0 ? (m - r + CODES) % CODES : -1, p);
        break;
    case BREAD:
        l = code(w, s, n, at - 1, BREAD);
        r = code(w, s, n, at + 1, SAUCE);
        put_codes(w, FILLING, l >= 0 && r >= 0 ? (l + r) % CODES : -1, p);
        break;
    case FILLING:
        l = code(w, s, n, at - 2, BREAD);
        m = code(w, s, n, at - 1, FILLING);
        put_codes(w, SAUCE, l >= 0 && m >= 0 ? (m - l + CODES) % CODES : -1, p);
        break;
    default:
        odds_add_department(w, SNACK, 1, p);
    }
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    odds_at(w, s, n, n, p);
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    double l = log(n < 2 * GROUP    ? 1.0
                   : n >= 4 * GROUP ? 0.0
                   : n < 3 * GROUP  ? 2.0 / 3
                                    : 1.0 / 3);
    for (int32_t t = 0; t < n; t++) {
        int32_t in = t % GROUP;
        double q = 0;
        if (in == 0)
            q = s[t] / w->P == SNACK ? w->beta_p[s[t]] : 0;
        else if (in < 3)
            q = code(w, s, n, t, in == 1 ? BREAD : FILLING) >= 0 ? 1.0 / CODES : 0;
        else if (code(w, s, n, t, SAUCE) >= 0) {
            int32_t want =
                (code(w, s, n, t - 1, FILLING) - code(w, s, n, t - 2, BREAD) + CODES) % CODES;
            q = code(w, s, n, t, SAUCE) == want ? 1 - w->E : w->E / (CODES - 1);
        }
        l += log(q);
    }
    return l;
}

/* Groups know nothing of each other: 512 of them are possible beside the snack. */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    static const int32_t department[GROUP] = {SNACK, BREAD, FILLING, SAUCE};
    if (n % GROUP || n < 2 * GROUP || n > 4 * GROUP)
        return -HUGE_VAL;
    double ln = log(1.0 / 3);
    for (int32_t k = 0; k < n; k += GROUP) {
        double sum = 0, share[GROUP][CODES] = {{0}};
        const int32_t *g = s + k;
        for (int32_t l = 0; l < CODES; l++)
            for (int32_t m = 0; m < CODES; m++)
                for (int32_t r = 0; r < CODES; r++) {
                    if ((g[1] >= 0 && g[1] != BREAD * w->P + l) ||
                        (g[2] >= 0 && g[2] != FILLING * w->P + m) ||
                        (g[3] >= 0 && g[3] != SAUCE * w->P + r))
                        continue;
                    double q = ((l + r) % CODES == m ? 1 - w->E : w->E / (CODES - 1)) /
                               (CODES * CODES);
                    sum += q;
                    share[1][l] += q;
                    share[2][m] += q;
                    share[3][r] += q;
                }
        ln += log(sum);
        if (g[0] >= 0)
            ln += log(g[0] / w->P == SNACK ? w->beta_p[g[0]] : 0);
        if (!p || at < k || at >= k + GROUP)
            continue;
        if (at == k)
            odds_add_department(w, SNACK, 1, p);
        for (int32_t i = 0; i < CODES && at > k && sum > 0; i++)
            p[department[at - k] * w->P + i] = share[at - k][i] / sum;
    }
    return ln;
}

const struct world_fns fns_gap = {session, odds, odds_at, log_odds, hidden};

const struct world_def world_gap = {
    .name = "gap",
    .title = "bread, filling, sauce",
    .doc = "The filling is bread plus sauce modulo 8: certain from both sides, unknown from "
           "one.  Ask with where=filling.",
    .sessions = 4000,
    .noise = 100,
    .planted = "the middle is certain from both sides and unknown from one",
    .who = "BERT4Rec only",
    .fn = &fns_gap,
};
