/* Scores of all items; see scores.h. */
#include "app/views/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void scores_done(struct scores *s)
{
    free(s->score);
    free(s->prob);
    memset(s, 0, sizeof *s);
}

bool scores_take(struct scores *s, const struct answer *a)
{
    s->ready = false;
    snprintf(s->error, sizeof s->error, "%s", a->err.code ? a->err.msg : "");
    if (a->err.code || a->n_row < 1 || a->n_items < 1)
        return false;
    size_t n = (size_t)a->n_items + 1;
    if (s->n_items != a->n_items) {
        scores_done(s);
        s->score = malloc(n * sizeof *s->score);
        s->prob = malloc(n * sizeof *s->prob);
        if (!s->score || !s->prob) {
            scores_done(s);
            return false;
        }
        s->n_items = a->n_items;
    }
    memcpy(s->score, a->score, n * sizeof *s->score);
    softmax_row(s->score, s->n_items, s->prob);
    s->softmax = a->softmax;
    s->sigmoid = a->sigmoid;
    s->step = a->step;
    s->first = a->first;
    return s->ready = true;
}

struct ranked {
    float score;
    int32_t item;
};
static int by_score(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    int nan_a = isnan(a->score) != 0, nan_b = isnan(b->score) != 0;
    if (nan_a != nan_b)
        return nan_a - nan_b;
    if (!nan_a && a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

bool scores_rank(const struct scores *s, int32_t **order, int32_t **rank)
{
    size_t n = (size_t)s->n_items;
    struct ranked *all = malloc(n * sizeof *all);
    int32_t *o = realloc(*order, n * sizeof *o);
    if (o)
        *order = o;
    int32_t *r = realloc(*rank, (n + 1) * sizeof *r);
    if (r)
        *rank = r;
    bool ok = all && o && r;
    if (ok) {
        for (size_t i = 0; i < n; i++)
            all[i] = (struct ranked){s->score[i + 1], (int32_t)i + 1};
        qsort(all, n, sizeof *all, by_score);
        r[0] = 0;
        for (size_t i = 0; i < n; i++) {
            o[i] = all[i].item;
            r[o[i]] = (int32_t)i + 1;
        }
    }
    free(all);
    return ok;
}

double item_prob(const float *score, int32_t n_items, int32_t item, bool softmax)
{
    if (item < 1 || item > n_items)
        return (double)NAN;
    if (!softmax)
        return (double)score[item];
    double m = (double)-INFINITY, sum = 0;
    for (int32_t i = 1; i <= n_items; i++)
        m = (double)score[i] > m ? (double)score[i] : m;
    for (int32_t i = 1; i <= n_items; i++)
        sum += exp((double)score[i] - m);
    return exp((double)score[item] - m) / sum;
}
