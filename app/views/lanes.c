/* Tracks of PEN4Rec; see lanes.h. */
#include "app/views/lanes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct lane_name lane_names[LANE_ROWS] = {
    [LANE_ALPHA] = {"stage 1 weight", "1 weight", "weight"},
    [LANE_ATT] = {"stage 2 relevance", "2 relevance", "relevance"},
    [LANE_WRITE] = {"stage 2 gate", "2 gate", "gate"},
    [LANE_SHARE] = {"memory share", "memory", "memory"},
    [LANE_CHANGE] = {"|state change|", "|change|", "change"},
    [LANE_COS] = {"cos(t, t-1)", "cos", "cos"},
};

float *lane_row(const struct lanes *l, enum lane_row r, int track)
{
    return l->x + ((size_t)r * (size_t)l->k + (size_t)track) * (size_t)l->n;
}

void lanes_done(struct lanes *l)
{
    free(l->x);
    free(l->units);
    free(l->beta);
    memset(l, 0, sizeof *l);
}

static bool fits(const struct probe_copy *p, int32_t rows_, int32_t d)
{
    return p && p->nd == 2 && p->d[0] == rows_ && (d == 0 || p->d[1] == d);
}

static void take_track(struct lanes *l, int j, const float *write, const float *state)
{
    size_t n = (size_t)l->n, d = (size_t)l->d;
    float *gate = lane_row(l, LANE_WRITE, j), *share = lane_row(l, LANE_SHARE, j),
          *change = lane_row(l, LANE_CHANGE, j), *turn = lane_row(l, LANE_COS, j);
    write += (size_t)j * n * d;
    state += (size_t)j * n * d;
    l->left[j] = memory_shares(write, (int)n, (int)d, gate, share);
    for (size_t t = 0; t < n; t++) {
        double sum = 0;
        for (size_t i = 0; i < d; i++) {
            double step =
                (double)state[t * d + i] - (t > 0 ? (double)state[(t - 1) * d + i] : 0);
            sum += step * step;
        }
        change[t] = (float)sqrt(sum);
        turn[t] = t > 0 ? (float)cosine(state + t * d, state + (t - 1) * d, (int)d) : NAN;
    }
}

bool lanes_take(struct lanes *l, const struct answer *a)
{
    l->ready = false;
    snprintf(l->error, sizeof l->error, "%s", a->err.code ? a->err.msg : "");
    const struct probe_copy *alpha = answer_probe(a, "s1.alpha"),
                            *att = answer_probe(a, "s2.att"),
                            *write = answer_probe(a, "s2.write"),
                            *state = answer_probe(a, "s2.state"),
                            *beta = answer_probe(a, "fuse.beta");
    if (a->err.code || a->n < 1 || a->n > SEQ_MAX || !att || !state || state->nd != 2 ||
        state->d[0] < a->n || state->d[0] % a->n != 0)
        return false;
    int32_t k = state->d[0] / a->n, n = a->n, d = state->d[1];
    if (!fits(att, k * n, 0) || !fits(write, k * n, d))
        return false;
    char error[sizeof l->error];
    memcpy(error, l->error, sizeof error);
    lanes_done(l);
    l->x = calloc((size_t)LANE_ROWS * (size_t)k * (size_t)n, sizeof *l->x);
    l->units = malloc((size_t)k * (size_t)n * (size_t)d * sizeof *l->units);
    l->beta = calloc((size_t)k * 2, sizeof *l->beta);
    if (!l->x || !l->units || !l->beta) {
        lanes_done(l);
        return false;
    }
    l->left = l->beta + k;
    l->step = a->step;
    l->n = n;
    l->first = a->first;
    l->k = k;
    l->d = d;
    memcpy(l->item, a->item, (size_t)n * sizeof *l->item);
    memcpy(l->units, write->x, (size_t)k * (size_t)n * (size_t)d * sizeof *l->units);
    for (int r = 0; r < LANE_ROWS; r++)
        l->has[r] = r != LANE_ALPHA || fits(alpha, k * n, 0);
    for (int j = 0; j < k; j++) {
        l->beta[j] = fits(beta, k, 0) ? (double)beta->x[j] : k == 1 ? 1 : (double)NAN;
        for (int32_t t = 0; t < n; t++) {
            lane_row(l, LANE_ATT, j)[t] = att->x[j * n + t];
            if (l->has[LANE_ALPHA])
                lane_row(l, LANE_ALPHA, j)[t] = alpha->x[j * n + t];
        }
        take_track(l, j, write->x, state->x);
    }
    return l->ready = true;
}

/* The click whose item a track is keyed by: the last k distinct items, or the last k clicks;
 * one track for the mean has none. */
int track_click(const struct app *a, const struct lanes *l, int track)
{
    const struct learner *m = app_learner(a, a->slot);
    char how[24] = "distinct";
    if (m && m->hp && hp_has(m->hp, "recent"))
        hparams_text(m->hp, "recent", how, sizeof how);
    if (strcmp(how, "mean") == 0)
        return -1;
    int found = 0;
    for (int t = l->n - 1; t >= 0; t--) {
        bool seen = false;
        for (int s = t + 1; s < l->n && strcmp(how, "distinct") == 0; s++)
            seen = seen || l->item[s] == l->item[t];
        if (!seen && found++ == track)
            return t;
    }
    return -1;
}
