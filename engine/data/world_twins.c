/* twins: "two people, one account" take turns; each follows chain's rule on his own items. */
#include "engine/data/world_impl.h"

#include <math.h>
#include <string.h>

enum { SHORTEST = 6, LONGEST = 16 };

static void session(struct world_gen *g)
{
    int32_t len = SHORTEST + gen_below(g, LONGEST - SHORTEST + 1), which, s[LONGEST];
    for (int32_t t = 0; t < len; t++) {
        if (t < 2) {
            s[t] = gen_popular(g);
            gen_emit(g, s[t], WF_START, t % 2);
        } else {
            s[t] = gen_step(g, s[t - 2], &which);
            gen_emit(g, s[t], which < 0 ? WF_NOISE : WF_STEP, t % 2);
        }
    }
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    if (n < 2)
        memcpy(p, w->pi_p, (size_t)w->N * sizeof *p);
    else
        odds_add_step(w, s[n - 2], p);
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    double l = log(odds_left(n, SHORTEST, LONGEST));
    for (int32_t t = 0; t < n; t++)
        l += log(t < 2 ? w->pi_p[s[t]] : odds_step(w, s[t - 2], s[t]));
    return l;
}

/* Two walks that know nothing of each other. */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    if (n < SHORTEST || n > LONGEST)
        return -HUGE_VAL;
    double l = -log(LONGEST - SHORTEST + 1);
    for (int32_t who = 0; who < 2; who++) {
        int32_t own[LONGEST], m = 0;
        for (int32_t t = who; t < n; t += 2)
            own[m++] = s[t];
        l += odds_walk_hidden(w, own, m, at / 2, p && at % 2 == who ? p : NULL);
    }
    return l;
}

const struct world_fns fns_twins = {session, odds, NULL, log_odds, hidden};

const struct world_def world_twins = {
    .name = "twins",
    .title = "two people, one account",
    .doc = "Two people take turns; each item follows from the item before the last, never from "
           "the last.",
    .sessions = 8000,
    .noise = 100,
    .planted = "skip by one: the last item says nothing, the one before it everything",
    .who = "Caser (vertical and tall filters), GRU4Rec's memory",
    .fn = &fns_twins,
};
