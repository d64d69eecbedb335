/* drift: "a mind that changes".  Twelve items; the interest moves from department A to B at
 * a switch between the fifth and the ninth; single odd items must not count. */
#include "engine/data/world_impl.h"

#include <math.h>

enum { LENGTH = 12, FIRST_SWITCH = 4, SWITCHES = 5, WINDOW = 48 };

static void session(struct world_gen *g)
{
    int32_t a = gen_below(g, DEPARTMENTS);
    int32_t b = gen_below(g, 1000) < 700 ? (a + 5) % DEPARTMENTS : gen_other(g, a, DEPARTMENTS);
    int32_t tau = FIRST_SWITCH + gen_below(g, SWITCHES);
    bool odd = false;
    for (int32_t t = 0; t < LENGTH; t++) {
        int32_t z = t < tau ? a : b;
        bool after_odd = odd;
        odd = gen_chance(g);
        int32_t item = odd ? gen_popular(g) : gen_product(g, z);
        enum world_flag f = t == 0        ? WF_START
                            : odd         ? WF_NOISE
                            : t == 1      ? WF_STEP
                            : after_odd   ? WF_AFTER_ODD
                            : t < tau     ? WF_BEFORE
                            : t < tau + 2 ? WF_AFTER
                                          : WF_LATER;
        gen_emit(g, item, f, z);
    }
}

/* The exact filter over A, B and the switch.  ratio[t][z]: odds of item t under interest z,
 * divided by their sum over z so that long products stay in range.  weight[z]: odds that the
 * next item is of interest z. Returns ln of the odds of the items. */
static double filter(const struct world *w, const int32_t *s, int32_t n,
                     double weight[DEPARTMENTS])
{
    if (n > WINDOW) { /* longer than any session of this world: the last items tell */
        s += n - WINDOW;
        n = WINDOW;
    }
    double before[WINDOW + 1][DEPARTMENTS], after[DEPARTMENTS], l = 0;
    double ratio[WINDOW][DEPARTMENTS];
    for (int32_t z = 0; z < DEPARTMENTS; z++) {
        before[0][z] = 1;
        after[z] = 1;
        weight[z] = 0;
    }
    for (int32_t t = 0; t < n; t++) {
        double sum = 0;
        for (int32_t z = 0; z < DEPARTMENTS; z++) {
            ratio[t][z] =
                w->E * w->pi_p[s[t]] + (s[t] / w->P == z ? (1 - w->E) * w->beta_p[s[t]] : 0);
            sum += ratio[t][z];
        }
        l += log(sum);
        for (int32_t z = 0; z < DEPARTMENTS; z++) {
            ratio[t][z] /= sum;
            before[t + 1][z] = before[t][z] * ratio[t][z];
        }
    }
    double total = 0;
    for (int32_t tau = FIRST_SWITCH + SWITCHES - 1, done = n; tau >= FIRST_SWITCH; tau--) {
        for (; done > tau; done--) /* after: items tau..n-1 under each interest */
            for (int32_t z = 0; z < DEPARTMENTS; z++)
                after[z] *= ratio[done - 1][z];
        for (int32_t a = 0; a < DEPARTMENTS; a++) {
            double pa = before[tau < n ? tau : n][a] / (DEPARTMENTS * SWITCHES);
            for (int32_t b = 0; b < DEPARTMENTS; b++) {
                if (b == a)
                    continue;
                double prior = 0.3 / (DEPARTMENTS - 1) + (b == (a + 5) % DEPARTMENTS ? 0.7 : 0);
                double q = pa * prior * after[b];
                weight[tau > n ? a : b] += q;
                total += q;
            }
        }
    }
    for (int32_t z = 0; z < DEPARTMENTS; z++)
        weight[z] = total > 0 ? weight[z] / total : 1.0 / DEPARTMENTS;
    return l + log(total);
}

static void odds(const struct world *w, const int32_t *s, int32_t n, double *p)
{
    double weight[DEPARTMENTS];
    filter(w, s, n, weight);
    for (int32_t i = 0; i < w->N; i++)
        p[i] = w->E * w->pi_p[i] + (1 - w->E) * weight[i / w->P] * w->beta_p[i];
}

static double log_odds(const struct world *w, const int32_t *s, int32_t n)
{
    double weight[DEPARTMENTS];
    return n < LENGTH ? filter(w, s, n, weight) : -HUGE_VAL;
}

/* The same over all (A, B, switch) with what is visible on either side. */
static double hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p)
{
    double ratio[LENGTH][DEPARTMENTS], weight[DEPARTMENTS] = {0}, total = 0, l = 0;
    if (n != LENGTH)
        return -HUGE_VAL;
    for (int32_t t = 0; t < n; t++) {
        double sum = 0;
        for (int32_t z = 0; z < DEPARTMENTS; z++) {
            ratio[t][z] = s[t] < 0 ? 1
                                   : w->E * w->pi_p[s[t]] +
                                         (s[t] / w->P == z ? (1 - w->E) * w->beta_p[s[t]] : 0);
            sum += ratio[t][z];
        }
        if (sum <= 0)
            return -HUGE_VAL;
        for (int32_t z = 0; s[t] >= 0 && z < DEPARTMENTS; z++)
            ratio[t][z] /= sum;
        l += s[t] >= 0 ? log(sum) : 0;
    }
    for (int32_t tau = FIRST_SWITCH; tau < FIRST_SWITCH + SWITCHES; tau++) {
        double before[DEPARTMENTS], after[DEPARTMENTS];
        for (int32_t z = 0; z < DEPARTMENTS; z++) {
            before[z] = after[z] = 1;
            for (int32_t t = 0; t < n; t++)
                *(t < tau ? &before[z] : &after[z]) *= ratio[t][z];
        }
        for (int32_t a = 0; a < DEPARTMENTS; a++)
            for (int32_t b = 0; b < DEPARTMENTS; b++) {
                if (b == a)
                    continue;
                double prior = 0.3 / (DEPARTMENTS - 1) + (b == (a + 5) % DEPARTMENTS ? 0.7 : 0);
                double q = before[a] * after[b] * prior / (DEPARTMENTS * SWITCHES);
                weight[at < tau ? a : b] += q;
                total += q;
            }
    }
    for (int32_t i = 0; p && total > 0 && i < w->N; i++)
        p[i] = w->E * w->pi_p[i] + (1 - w->E) * weight[i / w->P] / total * w->beta_p[i];
    return l + log(total);
}

const struct world_fns fns_drift = {session, odds, NULL, log_odds, hidden};

const struct world_def world_drift = {
    .name = "drift",
    .title = "a mind that changes",
    .doc = "Twelve items; the interest moves to another department between the 5th and the "
           "9th; odd items must not count.",
    .sessions = 4000,
    .noise = 100,
    .planted = "two interests, a known switch, single odd items that must not count",
    .who = "PEN4Rec",
    .fn = &fns_drift,
};
