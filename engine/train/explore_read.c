/* Reading answers: best items, ranks, odds; see explore.h. */
#include "engine/train/explore.h"

#include <math.h>
#include <string.h>

/* The kept items are a heap with the worst on top, so that k may be all of them: a lower
 * score is worse, or the same with a later id. */
static bool worse(const int32_t *item, const float *s, int32_t a, int32_t b)
{
    return s[a] < s[b] || (s[a] == s[b] && item[a] > item[b]);
}

static void swap_kept(int32_t *item, float *s, int32_t a, int32_t b)
{
    int32_t i = item[a];
    float x = s[a];
    item[a] = item[b];
    s[a] = s[b];
    item[b] = i;
    s[b] = x;
}

static void sink(int32_t *item, float *s, int32_t at, int32_t n)
{
    for (int32_t down; (down = 2 * at + 1) < n; at = down) {
        if (down + 1 < n && worse(item, s, down + 1, down))
            down++;
        if (!worse(item, s, down, at))
            return;
        swap_kept(item, s, at, down);
    }
}

int32_t top_items(const float *score, int32_t n_items, int32_t k, const int32_t *skip,
                  int32_t n_skip, int32_t *item, float *s)
{
    int32_t n = 0;
    for (int32_t i = 1; i <= n_items && k > 0; i++) {
        if (isnan(score[i]) || (n == k && !(score[i] > s[0])))
            continue;
        bool left_out = false;
        for (int32_t j = 0; j < n_skip && !left_out; j++)
            left_out = skip[j] == i;
        if (left_out)
            continue;
        int32_t at = n < k ? n++ : 0;
        item[at] = i;
        s[at] = score[i];
        for (; at > 0 && worse(item, s, at, (at - 1) / 2); at = (at - 1) / 2)
            swap_kept(item, s, at, (at - 1) / 2);
        sink(item, s, at, n);
    }
    /* the worst goes last: best first, equal scores in the order of ids */
    for (int32_t last = n - 1; last > 0; last--) {
        swap_kept(item, s, 0, last);
        sink(item, s, 0, last);
    }
    return n;
}

int32_t item_rank(const float *score, int32_t n_items, int32_t item)
{
    int32_t r = 1;
    for (int32_t i = 1; i <= n_items; i++)
        r += score[i] > score[item] || (score[i] == score[item] && i < item);
    return r;
}

float sigmoid_of(float score)
{
    return (float)(1 / (1 + exp(-(double)score)));
}

void softmax_row(const float *score, int32_t n_items, float *prob)
{
    double top = (double)-INFINITY, sum = 0;
    for (int32_t i = 1; i <= n_items; i++)
        top = fmax(top, (double)score[i]);
    for (int32_t i = 1; i <= n_items; i++)
        sum += exp((double)score[i] - top);
    prob[0] = 0;
    for (int32_t i = 1; i <= n_items; i++)
        prob[i] = (float)(exp((double)score[i] - top) / sum);
}

const struct probe_copy *answer_probe(const struct answer *a, const char *name)
{
    for (int32_t i = 0; i < a->n_probe; i++)
        if (strcmp(a->probe[i].name, name) == 0)
            return &a->probe[i];
    return NULL;
}
