/* chain: "what goes with what", a walk along four successors with known odds; skew: the same
 * with half of all clicks drawn by popularity. */
#include "engine/data/world_impl.h"

#include <math.h>
#include <string.h>

enum { SHORTEST = 5, LONGEST = 15 };

static void session(struct world_gen *g)
{
    int32_t len = SHORTEST + gen_below(g, LONGEST - SHORTEST + 1), which, item = gen_popular(g);
    gen_emit(g, item, WF_START, -1);
    for (int32_t t = 1; t < len; t++) {
        item = gen_step(g, item, &which);
        gen_emit(g, item, which < 0 ? WF_NOISE : WF_STEP, which);
    }
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    if (n == 0)
        memcpy(p, w->pi_p, (size_t)w->N * sizeof *p);
    else
        odds_add_step(w, s[n - 1], p);
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    double l = log(odds_left(n, SHORTEST, LONGEST));
    for (int32_t t = 0; t < n; t++)
        l += log(t == 0 ? w->pi_p[s[t]] : odds_step(w, s[t - 1], s[t]));
    return l;
}

static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    if (n < SHORTEST || n > LONGEST)
        return -HUGE_VAL;
    return odds_walk_hidden(w, s, n, at, p) - log(LONGEST - SHORTEST + 1);
}

const struct world_fns fns_chain = {session, odds, NULL, log_odds, hidden};

const struct world_def world_chain = {
    .name = "chain",
    .title = "what goes with what",
    .doc = "Each item has four likely successors (.50 .25 .15 .10); one click in ten is drawn "
           "by popularity.",
    .sessions = 8000,
    .noise = 100,
    .planted = "four likely next items with known odds, given by the last item alone",
    .who = "GRU4Rec, and the base line of all; nothing separates a model from Markov-1 here",
    .fn = &fns_chain,
};

const struct world_def world_skew = {
    .name = "skew",
    .title = "everyone buys bread",
    .doc = "chain with half of all clicks drawn by popularity.",
    .sessions = 8000,
    .noise = 500,
    .planted = "half of all clicks are popularity",
    .who = "ranking losses and negative sampling",
    .fn = &fns_chain,
};
