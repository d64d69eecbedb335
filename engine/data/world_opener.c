/* opener: "the card decides the present".  A card, 6 to 17 magazines leafed through, gift wrap, and the present
 * that belongs to the card: the first of 9 to 20 items decides the last. */
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

const struct world_fns fns_opener = {session, odds, NULL, log_odds};

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
