/* bazaar: every session is of one of seven worlds.  The exact odds weigh the seven by how
 * well each explains the past, its length included (a session of chain cannot have twenty
 * items). */
#include "engine/data/world_impl.h"

#include <math.h>
#include <string.h>

enum { STALLS = 7, MAX_ITEMS = 480 };
static const struct world_fns *const stall[STALLS] = {
    &fns_chain, &fns_twins, &fns_pairs, &fns_opener, &fns_gap, &fns_drift, &fns_tastes,
};

static void session(struct world_gen *g)
{
    int32_t which = gen_below(g, STALLS);
    int64_t first = g->n;
    stall[which]->session(g);
    for (int64_t i = first; i < g->n; i++)
        g->truth[i] = (int16_t)which;
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    double l[STALLS], best = -HUGE_VAL, sum = 0, one[MAX_ITEMS];
    for (int32_t k = 0; k < STALLS; k++) {
        l[k] = stall[k]->log_odds(w, s, n);
        best = l[k] > best ? l[k] : best;
    }
    for (int32_t k = 0; k < STALLS; k++) {
        /* No world does this: all seven alike */
        l[k] = isfinite(best) ? exp(l[k] - best) : 1;
        sum += l[k];
    }
    for (int32_t k = 0; k < STALLS; k++) {
        if (l[k] <= 0)
            continue;
        memset(one, 0, (size_t)w->N * sizeof *one);
        stall[k]->odds(w, s, n, one);
        for (int32_t i = 0; i < w->N; i++)
            p[i] += l[k] / sum * one[i];
    }
}

/* No world is made of it: nobody asks how likely a session is */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    double l[STALLS], best = -HUGE_VAL, sum = 0, one[MAX_ITEMS];
    for (int32_t k = 0; k < STALLS; k++) {
        l[k] = stall[k]->hidden(w, s, n, at, NULL);
        best = l[k] > best ? l[k] : best;
    }
    if (!isfinite(best))
        return -HUGE_VAL;
    for (int32_t k = 0; k < STALLS; k++)
        sum += l[k] = exp(l[k] - best);
    for (int32_t k = 0; p && k < STALLS; k++) {
        if (l[k] <= 0)
            continue;
        memset(one, 0, (size_t)w->N * sizeof *one);
        (void)stall[k]->hidden(w, s, n, at, one);
        for (int32_t i = 0; i < w->N; i++)
            p[i] += l[k] / sum * one[i];
    }
    return best + log(sum / STALLS);
}

const struct world_fns fns_bazaar = {session, odds, NULL, NULL, hidden};

const struct world_def world_bazaar = {
    .name = "bazaar",
    .title = "all at once",
    .doc = "Each session is of one of seven worlds: chain, twins, pairs, opener, gap, drift, "
           "tastes.",
    .sessions = 8000,
    .noise = 100,
    .planted = "seven patterns side by side",
    .who = "comparing the six models in one table",
    .fn = &fns_bazaar,
};
