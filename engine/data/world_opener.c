/* opener: "the card decides the present".  A card, 6 to 17 magazines leafed through, gift
 * wrap, and the present that belongs to the card: the first of 9 to 20 items decides the
 * last. */
#include "engine/data/world_impl.h"

#include <math.h>

enum { CARDS = 10, SHORTEST = 6, LONGEST = 17 };

static void session(struct world_gen *g)
{
    int32_t P = g->w->P, len = SHORTEST + gen_below(g, LONGEST - SHORTEST + 1),
            o = gen_below(g, CARDS);
    gen_emit(g, 2 * P + o, WF_OPENER, o);
    int32_t item = gen_product(g, 3);
    gen_emit(g, item, WF_BROWSE, o);
    for (int32_t t = 1; t < len; t++) {
        item = gen_chance(g) ? gen_product(g, 3)
                             : 3 * P + (item - 3 * P + 1 + gen_below(g, 3)) % P;
        gen_emit(g, item, WF_BROWSE, o);
    }
    gen_emit(g, 2 * P + P - 1, WF_WRAP, o);
    int32_t present = gen_chance(g) ? gen_other(g, o, CARDS) : o;
    gen_emit(g, 5 * P + present, WF_PRESENT, o);
}

/* Odds that the wrap comes after k magazines: the length is even over 6..17. */
static double hazard(int32_t k)
{
    return k < SHORTEST ? 0 : k >= LONGEST ? 1 : 1.0 / (LONGEST + 1 - k);
}

static bool is_card(const struct world *w, int32_t item)
{
    return item / w->P == 2 && item - 2 * w->P < CARDS;
}

static bool is_wrap(const struct world *w, int32_t item)
{
    return item == 2 * w->P + w->P - 1;
}

static double present_odds(const struct world *w, int32_t card, int32_t present)
{
    return card == present ? 1 - w->E : w->E / (CARDS - 1);
}

static double browse_odds(const struct world *w, int32_t from, int32_t to)
{
    double p = w->E * w->beta_p[to];
    int32_t step = (to - from + w->P) % w->P;
    return step >= 1 && step <= 3 ? p + (1 - w->E) / 3 : p;
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    int32_t P = w->P;
    if (n == 0) {
        for (int32_t o = 0; o < CARDS; o++)
            p[2 * P + o] = 1.0 / CARDS;
        return;
    }
    int32_t last = s[n - 1];
    if (is_wrap(w, last)) { /* without a card at the front every present is as likely */
        for (int32_t o = 0; o < CARDS; o++)
            p[5 * P + o] = is_card(w, s[0]) ? present_odds(w, s[0] - 2 * P, o) : 1.0 / CARDS;
        return;
    }
    if (last / P == 5) { /* the present ends a session */
        odds_even(w, p);
        return;
    }
    double h = hazard(n - 1);
    p[2 * P + P - 1] = h;
    if (last / P != 3) {
        odds_add_department(w, 3, 1 - h, p);
        return;
    }
    for (int32_t i = 3 * P; i < 4 * P; i++)
        p[i] += (1 - h) * browse_odds(w, last, i);
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    int32_t P = w->P;
    double l = 0;
    for (int32_t t = 0; t < n; t++) {
        int32_t x = s[t];
        double q = 0;
        if (t == 0)
            q = is_card(w, x) ? 1.0 / CARDS : 0;
        else if (x / P == 3)
            q = t == 1              ? w->beta_p[x]
                : s[t - 1] / P == 3 ? (1 - hazard(t - 1)) * browse_odds(w, s[t - 1], x)
                                    : 0;
        else if (is_wrap(w, x))
            q = s[t - 1] / P == 3 ? hazard(t - 1) : 0;
        /* A present ends the session: it cannot be part of a prefix that goes on */
        l += log(q);
    }
    return l;
}

/* Magazines 1..len of a session: a walk in one department, forward to `at` and back from the
 * end. */
static double browse_hidden(const struct world *w, const int32_t *s, int32_t len, int32_t at,
                            double *p)
{
    enum { MAX_P = 64 };
    int32_t P = w->P, base = 3 * P;
    double a[LONGEST][MAX_P], b[LONGEST][MAX_P], l = 0;
    for (int32_t t = 0; t < len; t++) {
        double sum = 0;
        for (int32_t j = 0; j < P; j++) {
            a[t][j] = t == 0 ? w->beta_p[base + j] : 0;
            for (int32_t i = 0; i < P && t > 0; i++)
                a[t][j] += a[t - 1][i] * browse_odds(w, base + i, base + j);
            if (s[t] >= 0 && s[t] != base + j)
                a[t][j] = 0;
            sum += a[t][j];
        }
        if (sum <= 0)
            return -HUGE_VAL;
        l += log(sum);
        for (int32_t j = 0; j < P; j++)
            a[t][j] /= sum;
    }
    if (!p)
        return l;
    for (int32_t t = len - 1; t >= at; t--) {
        double sum = 0;
        for (int32_t i = 0; i < P; i++) {
            b[t][i] = t == len - 1;
            for (int32_t j = 0; j < P && t < len - 1; j++)
                if (s[t + 1] < 0 || s[t + 1] == base + j)
                    b[t][i] += browse_odds(w, base + i, base + j) * b[t + 1][j];
            sum += b[t][i];
        }
        for (int32_t i = 0; i < P; i++)
            b[t][i] /= sum;
    }
    double sum = 0;
    for (int32_t j = 0; j < P; j++)
        sum += a[at][j] * b[at][j];
    for (int32_t j = 0; j < P; j++)
        p[base + j] = a[at][j] * b[at][j] / sum;
    return l;
}

/* The length of a whole session tells where wrap and present stand; card and present are a
 * pair. */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    int32_t len = n - 3, P = w->P;
    if (len < SHORTEST || len > LONGEST || (s[n - 2] >= 0 && !is_wrap(w, s[n - 2])))
        return -HUGE_VAL;
    double sum = 0, card[CARDS] = {0}, present[CARDS] = {0};
    for (int32_t c = 0; c < CARDS; c++)
        for (int32_t o = 0; o < CARDS; o++) {
            if ((s[0] >= 0 && s[0] != 2 * P + c) || (s[n - 1] >= 0 && s[n - 1] != 5 * P + o))
                continue;
            double q = present_odds(w, c, o) / CARDS;
            sum += q;
            card[c] += q;
            present[o] += q;
        }
    bool browsing = at > 0 && at <= len;
    double l = browse_hidden(w, s + 1, len, at - 1, browsing ? p : NULL);
    for (int32_t i = 0; p && i < CARDS && sum > 0; i++) {
        if (at == 0)
            p[2 * P + i] = card[i] / sum;
        else if (at == n - 1)
            p[5 * P + i] = present[i] / sum;
    }
    if (p && at == n - 2)
        p[2 * P + P - 1] = 1;
    return l + log(sum) - log(LONGEST - SHORTEST + 1);
}

const struct world_fns fns_opener = {session, odds, NULL, log_odds, hidden};

const struct world_def world_opener = {
    .name = "opener",
    .title = "the card decides the present",
    .doc = "A card, 6 to 17 magazines, gift wrap, and the present that belongs to the card.  "
           "Ask with where=present.",
    .sessions = 4000,
    .noise = 100,
    .planted = "the first of 9 to 20 items decides the last",
    .who = "SASRec, BERT4Rec (attention), GRU4Rec as contrast",
    .fn = &fns_opener,
};
