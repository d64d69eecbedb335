/* Walker's alias method (Vose 1991): each cell holds its own item and one other; see
 * negatives.h. */
#include "engine/data/negatives.h"

#include <math.h>
#include <stdlib.h>

struct negatives {
    int32_t n;
    bool even;
    const int64_t *pop;
    float alpha;
    uint32_t *cut;  /* (n) a draw below it keeps the cell's own item */
    int32_t *other; /* (n) */
    /* (n) cells under the mean from the front, over it from the back */
    int32_t *stack;
    double *weight;
    float *logq, *logpop;
};

enum status negatives_new(struct negatives **out, const int64_t *pop, int32_t n_items,
                          struct err *err)
{
    *out = NULL;
    struct negatives *t = calloc(1, sizeof *t);
    size_t n = (size_t)n_items + 1;
    if (!t)
        return err_nomem(err, sizeof *t, "sampling table");
    t->n = n_items;
    t->pop = pop;
    t->cut = calloc(n, sizeof *t->cut);
    t->other = calloc(n, sizeof *t->other);
    t->stack = calloc(n, sizeof *t->stack);
    t->weight = calloc(n, sizeof *t->weight);
    t->logq = calloc(n, sizeof *t->logq);
    t->logpop = calloc(n, sizeof *t->logpop);
    if (!t->cut || !t->other || !t->stack || !t->weight || !t->logq || !t->logpop) {
        negatives_free(t);
        return err_nomem(err, n * 28, "sampling table");
    }
    for (size_t i = 1; i < n; i++)
        t->logpop[i] = pop[i] > 0 ? logf((float)pop[i]) : 0;
    t->alpha = -1;
    negatives_alpha(t, 0);
    *out = t;
    return ST_OK;
}

void negatives_free(struct negatives *t)
{
    if (!t)
        return;
    free(t->cut);
    free(t->other);
    free(t->stack);
    free(t->weight);
    free(t->logq);
    free(t->logpop);
    free(t);
}

/* Every cell under the mean is filled up from one over it, which may fall under the mean by
 * that. */
static void pair_cells(struct negatives *t)
{
    int32_t small = 0, large = t->n;
    for (int32_t i = 0; i < t->n; i++)
        t->stack[t->weight[i] < 1 ? small++ : --large] = i;
    while (small > 0 && large < t->n) {
        int32_t s = t->stack[--small], l = t->stack[large];
        t->cut[s] = (uint32_t)(t->weight[s] * 4294967295.0);
        t->other[s] = l;
        t->weight[l] -= 1 - t->weight[s];
        if (t->weight[l] < 1) {
            large++;
            t->stack[small++] = l;
        }
    }
    for (; large < t->n; large++)
        t->cut[t->stack[large]] = UINT32_MAX;
    while (small > 0) /* rounding left them over */
        t->cut[t->stack[--small]] = UINT32_MAX;
}

void negatives_alpha(struct negatives *t, float alpha)
{
    if (alpha == t->alpha)
        return;
    t->alpha = alpha;
    double sum = 0;
    for (int32_t i = 0; i < t->n; i++) {
        double pop = (double)t->pop[i + 1];
        t->weight[i] = alpha == 0 ? 1 : pop > 0 ? pow(pop, (double)alpha) : 0;
        sum += t->weight[i];
        t->logq[i + 1] = alpha * t->logpop[i + 1];
    }
    t->even = alpha == 0 || sum <= 0;
    for (int32_t i = 0; i < t->n; i++) {
        t->weight[i] *= t->even ? 1 : t->n / sum;
        t->other[i] = i;
    }
    if (!t->even)
        pair_cells(t);
}

int32_t negatives_draw(const struct negatives *t, uint32_t u)
{
    uint64_t x = (uint64_t)u * (uint32_t)t->n;
    int32_t i = (int32_t)(x >> 32);
    if (!t->even && (uint32_t)x > t->cut[i])
        i = t->other[i];
    return i + 1;
}

void negatives_fill(const struct negatives *t, struct rng_key key, uint32_t element, int32_t k,
                    const uint64_t *avoid, uint64_t *taken, int32_t *out)
{
    for (int32_t j = 0; j < k; j++) {
        int32_t item = 0;
        for (uint32_t try = 0; try < NEG_TRIES; try++) {
            item = negatives_draw(t, rng_u32(key, element + (uint32_t)j * 64 + try));
            if (!(avoid && bit_get(avoid, item)) && !(taken && bit_get(taken, item)))
                break;
        }
        if (taken)
            bit_put(taken, item);
        out[j] = item;
    }
}

const float *negatives_logq(const struct negatives *t)
{
    return t->logq;
}

const float *negatives_logpop(const struct negatives *t)
{
    return t->logpop;
}
