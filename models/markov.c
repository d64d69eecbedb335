/* Markov chain of order 1: what followed the last item in training.  Rare and unseen pairs fall back on popularity:
 *   p(j | i) = (count(i,j) + a p(j)) / (count(i) + a),   p(j) = (count(j) + 1) / (all + V)
 * (MacKay & Peto 1995: a Dirichlet prior of weight a around the popularity), so the log loss is finite.  No parameters. */
#include "models/models.h"

#include <math.h>
#include <stdlib.h>

struct markov {
    int32_t n_items;
    double prior;
    const double *pop;  /* [0..n_items] p(j) */
    const int64_t *off; /* [0..n_items+1] pairs that begin with item i: off[i]..off[i+1] */
    /* second items of the pairs, rising inside i, repeats kept as they are */
    const int32_t *next;
};

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Pairs of the training part, grouped by their first item: a counting sort, then a sort
 * inside each group. */
static enum status count_pairs(struct markov *m, const struct model_env *env, struct err *err)
{
    const struct dataset *ds = env->ds;
    const struct split *sp = env->split;
    int32_t n = ds->n_items;
    size_t off_size = ((size_t)n + 2) * sizeof(int64_t);
    int64_t *off = arena_alloc(env->mem, off_size), *fill = malloc(off_size);
    if (!off || !fill) {
        free(fill);
        return err_nomem(err, off_size, "pairs of items");
    }
    for (int32_t s = 0; s < ds->n_sessions; s++)
        for (int32_t i = 1; i < sp->train_len[s]; i++)
            off[ds->item[ds->off[s] + i - 1] + 1]++;
    for (int32_t v = 0; v <= n; v++)
        off[v + 1] += off[v];
    for (int32_t v = 0; v <= n + 1; v++)
        fill[v] = off[v];
    size_t next_size = ((size_t)off[n + 1] + 1) * sizeof(int32_t);
    int32_t *next = arena_alloc(env->mem, next_size);
    if (!next) {
        free(fill);
        return err_nomem(err, next_size, "pairs of items");
    }
    for (int32_t s = 0; s < ds->n_sessions; s++)
        for (int32_t i = 1; i < sp->train_len[s]; i++) {
            const int32_t *e = ds->item + ds->off[s] + i;
            next[fill[e[-1]]++] = e[0];
        }
    for (int32_t v = 1; v <= n; v++)
        if (off[v + 1] - off[v] > 1)
            qsort(next + off[v], (size_t)(off[v + 1] - off[v]), sizeof *next, by_number);
    free(fill);
    m->off = off;
    m->next = next;
    return ST_OK;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    (void)ps;
    struct markov *m = self;
    int32_t n = env->ds->n_items;
    double total = 0;
    size_t size = ((size_t)n + 1) * sizeof(double);
    double *pop = arena_alloc(env->mem, size);
    if (!pop)
        return err_nomem(err, size, "popularity");
    for (int32_t v = 1; v <= n; v++)
        total += (double)env->split->train_pop[v] + 1;
    for (int32_t v = 1; v <= n; v++)
        pop[v] = ((double)env->split->train_pop[v] + 1) / total;
    m->n_items = n;
    m->prior = hp_num(env->hp, "prior");
    m->pop = pop;
    return count_pairs(m, env, err);
}

static void score_row(const struct markov *m, int32_t last, real *s)
{
    bool known = last >= 1 && last <= m->n_items;
    int64_t at = known ? m->off[last] : 0, end = known ? m->off[last + 1] : 0;
    double all = (double)(end - at) + m->prior;
    s[0] = (real)-INFINITY;
    for (int32_t v = 1; v <= m->n_items; v++) {
        double c = m->prior * m->pop[v];
        for (; at < end && m->next[at] == v; at++)
            c += 1;
        s[v] = (real)log(c / all);
    }
}

static struct tensor *score(const void *self, struct tape *t, const struct block *b)
{
    const struct markov *m = self;
    struct tensor *s = tape_input(t, NULL, 2, (int32_t[]){b->n_query, m->n_items + 1});
    if (tape_failed(t))
        return s;
    for (int32_t q = 0; q < b->n_query; q++)
        score_row(m, b->item[b->query[q]], s->x + (size_t)q * (size_t)s->ld);
    return s;
}

static const struct hparam_def hparams[] = {
    {"prior", HP_FLOAT, false, 10, 1e-6, 1e6, NULL,
     "weight of the popularity, in counts: what a pair's count is mixed with", NULL},
    {.name = NULL},
};

const struct model_def model_markov = {
    .name = "markov",
    .title = "Markov-1",
    .paper = "baseline; smoothing: MacKay & Peto 1995, A hierarchical Dirichlet language model",
    .doc =
        "What most often followed the last item in training; popularity where little is known.",
    .flags = MODEL_BASELINE | MODEL_SOFTMAX,
    .hparams = hparams,
    .self_size = sizeof(struct markov),
    .init = init,
    .score = score,
};
