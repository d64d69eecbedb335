/* See svae_show.h. */
#include "models/svae_show.h"

#include "engine/train/explore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOW_MOST = 1 << 22 };

static real *at(const struct tensor *x, int32_t r)
{
    return x->x + (size_t)r * (size_t)x->ld;
}

static struct tensor *blank(struct tape *t, int32_t rows, int32_t cols)
{
    return tape_input(t, NULL, 2, (int32_t[]){rows, cols});
}

void svae_show_cloud(struct tape *t, const struct tensor *ms, const struct tensor *kl,
                     const struct block *b)
{
    int32_t k = tensor_cols(ms) / 2, s = tape_watched(t);
    struct tensor *move = blank(t, b->off[b->n], 1), *mean = blank(t, 1, k);
    if (tape_failed(t))
        return;
    for (int32_t i = 0; i < b->n; i++)
        for (int32_t r = b->off[i] + 1; r < b->off[i + 1]; r++) {
            double sum = 0;
            for (int32_t d = 0; d < k; d++)
                sum += pow((double)at(ms, r)[d] - (double)at(ms, r - 1)[d], 2);
            *at(move, r) = (real)sqrt(sum);
        }
    for (int32_t r = s < b->n ? b->off[s] : 0; kl && s < b->n && r < b->off[s + 1]; r++)
        for (int32_t d = 0; d < k; d++)
            mean->x[d] += at(kl, r)[d] / (real)(b->off[s + 1] - b->off[s]);
    tape_probe(t, "move", move);
    tape_probe(t, "kldim", mean);
}

void svae_show_prior(struct tape *t, const struct tensor *prior)
{
    int32_t rows = tensor_rows(prior), k = tensor_cols(prior) / 2;
    struct tensor *mu = blank(t, rows, k), *sigma = blank(t, rows, k);
    for (int32_t r = 0; r < rows && !tape_failed(t); r++)
        for (int32_t d = 0; d < k; d++) {
            at(mu, r)[d] = at(prior, r)[d];
            at(sigma, r)[d] = (real)exp((double)at(prior, r)[k + d] / 2);
        }
    tape_probe(t, "mu", mu);
    tape_probe(t, "sigma", sigma);
}

void svae_show_step(struct tape *t, const struct tensor *scores, const struct block *b,
                    double beta)
{
    int32_t rows = b->off[b->n], n = tensor_cols(scores) - 1, m = b->n_query;
    bool wide = (int64_t)m * n < SHOW_MOST;
    struct tensor *item = blank(t, rows, 1), *target = blank(t, m, b->n_target),
                  *nll = blank(t, m, 1), *rank = blank(t, m, 1), *weight = blank(t, 1, 1);
    struct tensor *logits = blank(t, wide ? m : 0, n), *prob = blank(t, wide ? m : 0, n);
    if (tape_failed(t))
        return;
    for (int32_t r = 0; r < rows; r++)
        *at(item, r) = (real)b->item[r];
    for (int32_t q = 0; q < m; q++) {
        const real *s = at(scores, q);
        const int32_t *y = b->target + (size_t)q * (size_t)b->n_target;
        double all = (double)kern()->logsumexp(s, n + 1), sum = 0;
        int32_t above = 0;
        for (int32_t i = 0; i < b->n_target; i++) {
            at(target, q)[i] = (real)y[i];
            sum += y[i] ? all - (double)s[y[i]] : 0;
        }
        for (int32_t i = 1; i <= n; i++) {
            above += s[i] > s[y[0]];
            if (wide) {
                at(logits, q)[i - 1] = s[i];
                at(prob, q)[i - 1] = (real)exp((double)s[i] - all);
            }
        }
        *at(nll, q) = (real)sum;
        *at(rank, q) = (real)(above + 1);
    }
    weight->x[0] = (real)beta;
    tape_push(t, "step");
    tape_probe(t, "item", item);
    tape_probe(t, "target", target);
    if (wide) {
        tape_probe(t, "logits", logits);
        tape_probe(t, "prob", prob);
    }
    tape_probe(t, "nll", nll);
    tape_probe(t, "rank", rank);
    tape_probe(t, "beta", weight);
    tape_pop(t);
}

/* ---- Several draws ---- */

bool redraw_begin(struct redraw *r, struct tape *t, int32_t n, int32_t queries, int32_t items,
                  int32_t shown)
{
    size_t cols = (size_t)items + 1, all = (size_t)queries * cols;
    *r = (struct redraw){.n = n, .items = items, .queries = queries, .shown = shown};
    r->odds = tape_alloc(t, (all + 1) * sizeof *r->odds);
    r->sum = tape_alloc(t, cols * sizeof *r->sum);
    r->sum2 = tape_alloc(t, cols * sizeof *r->sum2);
    r->list = blank(t, n, REDRAW_TOP);
    if (tape_failed(t))
        return false;
    memset(r->odds, 0, all * sizeof *r->odds);
    memset(r->sum, 0, cols * sizeof *r->sum);
    memset(r->sum2, 0, cols * sizeof *r->sum2);
    return true;
}

static void keep_list(struct redraw *r, struct tape *t, const real *s)
{
    size_t cols = (size_t)r->items + 1;
    struct arena_mark mark = arena_save(tape_arena(t));
    float *score = tape_alloc(t, 2 * cols * sizeof *score),
          *sorted = score ? score + cols : NULL;
    int32_t *item = tape_alloc(t, cols * sizeof *item);
    if (!tape_failed(t)) {
        for (int32_t i = 0; i <= r->items; i++)
            score[i] = (float)s[i];
        int32_t n = top_items(score, r->items, r->items, NULL, 0, item, sorted);
        for (int32_t i = 0; i < n; i++) {
            r->sum[item[i]] += i + 1;
            r->sum2[item[i]] += (double)(i + 1) * (i + 1);
            if (i < REDRAW_TOP)
                at(r->list, r->done)[i] = (real)item[i];
        }
    }
    arena_restore(tape_arena(t), mark);
}

void redraw_add(struct redraw *r, struct tape *t, const struct tensor *scores)
{
    if (tape_failed(t))
        return;
    for (int32_t q = 0; q < r->queries; q++) {
        const real *s = at(scores, q);
        double all = (double)kern()->logsumexp(s, r->items + 1),
               *odds = r->odds + (size_t)q * ((size_t)r->items + 1);
        for (int32_t i = 1; i <= r->items; i++)
            odds[i] += exp((double)s[i] - all);
    }
    if (r->shown >= 0 && r->shown < r->queries)
        keep_list(r, t, at(scores, r->shown));
    r->done++;
}

struct tensor *redraw_mean(const struct redraw *r, struct tape *t)
{
    struct tensor *y = blank(t, r->queries, r->items + 1);
    for (int32_t q = 0; q < r->queries && !tape_failed(t); q++) {
        at(y, q)[0] = (real)-INFINITY;
        for (int32_t i = 1; i <= r->items; i++)
            at(y, q)[i] = (real)log(
                fmax(r->odds[(size_t)q * ((size_t)r->items + 1) + (size_t)i] / r->n, 1e-37));
    }
    return y;
}

void redraw_show(const struct redraw *r, struct tape *t)
{
    struct tensor *rank = blank(t, r->items, 2);
    for (int32_t i = 1; i <= r->items && !tape_failed(t); i++) {
        double mean = r->sum[i] / r->n;
        at(rank, i - 1)[0] = (real)mean;
        at(rank, i - 1)[1] = (real)sqrt(fmax(r->sum2[i] / r->n - mean * mean, 0));
    }
    tape_push(t, "redraw");
    tape_probe(t, "list", r->list);
    tape_probe(t, "rank", rank);
    tape_pop(t);
}
