/* Nearest neighbours by co-occurrence, the strongest method that learns nothing.  Two readings of it, `near`:
 *   sessions  the training sessions most like the present one vote for their items (Jannach & Ludewig 2017):
 *               sim(s, n) = |s and n| / sqrt(|s| |n|)   over sets of items,
 *               score(j) = sum of sim(s, n) over the k nearest sessions n that hold j,
 *             looked for among the `sample` most recent sessions that share an item with s
 *   items     items that share sessions with the last one (Hidasi et al. 2016, section 4.1, "Item-KNN"):
 *               score(j) = |both| / sqrt((|i| + shrink) (|j| + shrink))
 * An item without any vote stands below all others, by popularity.  No distribution, so no log loss. */
#include "models/models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum near { NEAR_SESSIONS, NEAR_ITEMS };

struct itemknn {
    int32_t n_items, n_sessions, k, sample;
    enum near near;
    double shrink;
    /* Training sessions as sets, the most recent first. */
    const int64_t *off; /* [0..n_sessions] */
    const int32_t *item;
    /* Which of them hold item i, rising: the most recent first. */
    const int64_t *in_off; /* [0..n_items+1] */
    const int32_t *in;
    /* [0..n_items] what an item without a vote gets: in -1..0, by popularity */
    const real *rest;
};

/* ---- The index ---- */

struct order {
    int64_t when;
    int32_t session;
};

static int latest_first(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->when != y->when)
        return x->when < y->when ? 1 : -1;
    return (x->session < y->session) - (x->session > y->session);
}

/* Distinct items of each training session; `stamp` tells which session met an item last. */
static void fill_sets(struct itemknn *m, const struct model_env *env, const struct order *order,
                      int32_t *stamp, int64_t *off, int32_t *item, int64_t *in_off)
{
    const struct dataset *ds = env->ds;
    int64_t n = 0;
    for (int32_t s = 0; s < m->n_sessions; s++) {
        int32_t of = order[s].session;
        for (int64_t e = ds->off[of]; e < ds->off[of] + env->split->train_len[of]; e++) {
            int32_t v = ds->item[e];
            if (stamp[v] == s + 1)
                continue;
            stamp[v] = s + 1;
            item[n++] = v;
            in_off[v + 1]++;
        }
        off[s + 1] = n;
    }
}

static enum status build(struct itemknn *m, const struct model_env *env, struct err *err)
{
    const struct dataset *ds = env->ds;
    const struct split *sp = env->split;
    size_t items = (size_t)m->n_items + 2, events = (size_t)sp->n_train_events + 1;
    struct order *order = malloc(((size_t)ds->n_sessions + 1) * sizeof *order);
    int32_t *stamp = calloc(items, sizeof *stamp);
    int64_t *fill = malloc(items * sizeof *fill);
    int64_t *off = arena_alloc(env->mem, ((size_t)ds->n_sessions + 1) * sizeof *off);
    int64_t *in_off = arena_alloc(env->mem, items * sizeof *in_off);
    int32_t *item = arena_raw(env->mem, events * sizeof *item);
    int32_t *in = arena_raw(env->mem, events * sizeof *in);
    real *rest = arena_raw(env->mem, items * sizeof *rest);
    enum status st = ST_OK;
    if (!order || !stamp || !fill || !off || !in_off || !item || !in || !rest) {
        st = err_nomem(err, 2 * events * sizeof *item, "sessions by item");
        goto out;
    }
    for (int32_t s = 0; s < ds->n_sessions; s++)
        if (sp->train_len[s] > 0)
            order[m->n_sessions++] =
                (struct order){ds->ts ? ds->ts[ds->off[s] + sp->train_len[s] - 1] : 0, s};
    qsort(order, (size_t)m->n_sessions, sizeof *order, latest_first);
    fill_sets(m, env, order, stamp, off, item, in_off);
    for (int32_t v = 0; v <= m->n_items; v++)
        in_off[v + 1] += in_off[v];
    memcpy(fill, in_off, items * sizeof *fill);
    for (int32_t s = 0; s < m->n_sessions; s++)
        for (int64_t i = off[s]; i < off[s + 1]; i++)
            in[fill[item[i]]++] = s;
    for (int32_t v = 1; v <= m->n_items; v++)
        rest[v] = (real)((double)sp->train_pop[v] / (double)events - 1);
    m->off = off;
    m->item = item;
    m->in_off = in_off;
    m->in = in;
    m->rest = rest;
out:
    free(order);
    free(stamp);
    free(fill);
    return st;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    (void)ps;
    struct itemknn *m = self;
    m->n_items = env->ds->n_items;
    m->near = (enum near)hp_enum(env->hp, "near");
    m->k = hp_int(env->hp, "k");
    m->sample = hp_int(env->hp, "sample");
    m->shrink = hp_num(env->hp, "shrink");
    return build(m, env, err);
}

/* ---- The k nearest sessions ---- */

struct neighbour {
    real sim;
    int32_t session; /* the lower, the more recent */
};
struct heap { /* the worst of the k best on top */
    struct neighbour *at;
    int32_t n, k;
};

static bool worse(const struct neighbour *a, const struct neighbour *b)
{
    return a->sim < b->sim || (a->sim == b->sim && a->session > b->session);
}

static void heap_swap(struct heap *h, int32_t i, int32_t j)
{
    struct neighbour x = h->at[i];
    h->at[i] = h->at[j];
    h->at[j] = x;
}

static void heap_add(struct heap *h, struct neighbour x)
{
    int32_t i = 0;
    if (h->n < h->k) {
        for (h->at[i = h->n++] = x; i > 0 && worse(&h->at[i], &h->at[(i - 1) / 2]);
             i = (i - 1) / 2)
            heap_swap(h, i, (i - 1) / 2);
        return;
    }
    if (!worse(&h->at[0], &x))
        return;
    h->at[0] = x;
    for (int32_t c = 1; c < h->n; c = 2 * i + 1) {
        c += c + 1 < h->n && worse(&h->at[c + 1], &h->at[c]);
        if (!worse(&h->at[c], &h->at[i]))
            break;
        heap_swap(h, i, c);
        i = c;
    }
}

struct cursor { /* through the sessions that hold one item of the present one */
    const int32_t *at, *end;
};

/* Room for the longest session of a block. */
struct scratch {
    struct cursor *cursor;
    struct neighbour *best;
    int32_t *mine;
};

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int32_t distinct(const struct itemknn *m, const int32_t *item, int32_t n, int32_t *out)
{
    int32_t k = 0, u = 0;
    for (int32_t i = 0; i < n; i++)
        if (item[i] >= 1 && item[i] <= m->n_items)
            out[k++] = item[i];
    if (k > 1)
        qsort(out, (size_t)k, sizeof *out, by_number);
    for (int32_t i = 0; i < k; i++)
        if (i == 0 || out[i] != out[i - 1])
            out[u++] = out[i];
    return u;
}

/* All lists of sessions are read side by side, from the most recent on, until `sample`
 * sessions have come by. */
static void nearest(const struct itemknn *m, int32_t n, const struct scratch *w, struct heap *h)
{
    int32_t lists = n;
    for (int32_t i = 0; i < n; i++)
        w->cursor[i] =
            (struct cursor){m->in + m->in_off[w->mine[i]], m->in + m->in_off[w->mine[i] + 1]};
    for (int32_t seen = 0; seen < m->sample; seen++) {
        int32_t next = INT32_MAX, both = 0;
        for (int32_t i = 0; i < lists; i++)
            if (w->cursor[i].at == w->cursor[i].end)
                w->cursor[i--] = w->cursor[--lists];
            else if (*w->cursor[i].at < next)
                next = *w->cursor[i].at;
        if (next == INT32_MAX)
            return;
        for (int32_t i = 0; i < lists; i++)
            if (*w->cursor[i].at == next) {
                w->cursor[i].at++;
                both++;
            }
        double size = (double)(m->off[next + 1] - m->off[next]) * n;
        heap_add(h, (struct neighbour){(real)(both / sqrt(size)), next});
    }
}

static void vote_sessions(const struct itemknn *m, const int32_t *item, int32_t n,
                          const struct scratch *w, real *s)
{
    struct heap h = {.at = w->best, .k = m->k};
    nearest(m, distinct(m, item, n, w->mine), w, &h);
    for (int32_t i = 0; i < h.n; i++)
        for (int64_t e = m->off[h.at[i].session]; e < m->off[h.at[i].session + 1]; e++)
            s[m->item[e]] += h.at[i].sim;
}

static void vote_items(const struct itemknn *m, int32_t last, real *s)
{
    if (last < 1 || last > m->n_items)
        return;
    double mine = (double)(m->in_off[last + 1] - m->in_off[last]) + m->shrink;
    for (int64_t i = m->in_off[last]; i < m->in_off[last + 1]; i++)
        for (int64_t e = m->off[m->in[i]]; e < m->off[m->in[i] + 1]; e++)
            s[m->item[e]] += 1;
    s[last] = 0; /* an item is no neighbour of its own */
    for (int32_t v = 1; v <= m->n_items; v++)
        if (s[v] > 0) {
            double other = (double)(m->in_off[v + 1] - m->in_off[v]) + m->shrink;
            s[v] = (real)((double)s[v] / sqrt(mine * other));
        }
}

static struct tensor *score(const void *self, struct tape *t, const struct block *b)
{
    const struct itemknn *m = self;
    struct tensor *s = tape_input(t, NULL, 2, (int32_t[]){b->n_query, m->n_items + 1});
    size_t longest = 1;
    for (int32_t i = 0; i < b->n; i++)
        longest = b->off[i + 1] - b->off[i] > (int32_t)longest
                      ? (size_t)(b->off[i + 1] - b->off[i])
                      : longest;
    struct scratch w = {
        .cursor = tape_alloc(t, longest * sizeof *w.cursor),
        .best = tape_alloc(t, (size_t)m->k * sizeof *w.best),
        .mine = tape_alloc(t, longest * sizeof *w.mine),
    };
    if (tape_failed(t))
        return s;
    for (int32_t q = 0; q < b->n_query; q++) {
        real *x = s->x + (size_t)q * (size_t)s->ld;
        int32_t from = b->off[b->query_session[q]], to = b->query[q] + 1;
        if (m->near == NEAR_ITEMS)
            vote_items(m, b->item[to - 1], x);
        else
            vote_sessions(m, b->item + from, to - from, &w, x);
        x[0] = (real)-INFINITY;
        for (int32_t v = 1; v <= m->n_items; v++)
            if (x[v] == 0)
                x[v] = m->rest[v];
    }
    return s;
}

static const char *const nears[] = {"sessions", "items", NULL};
static const struct hparam_def hparams[] = {
    {"near", HP_ENUM, false, NEAR_SESSIONS, 0, 0, nears,
     "what is compared: the whole session with others, or its last item with others", NULL},
    {"k", HP_INT, false, 500, 1, 100000, NULL, "sessions: how many of the nearest vote", "k"},
    {"sample", HP_INT, false, 1000, 1, 10000000, NULL,
     "sessions: looked for among so many of the most recent that share an item", "sample_size"},
    {"shrink", HP_FLOAT, false, 20, 0, 1e6, NULL,
     "items: added to every count, so that rare pairs weigh less", "lmbd"},
    {.name = NULL},
};

const struct model_def model_itemknn = {
    .name = "itemknn",
    .title = "kNN",
    .paper = "baseline; Jannach & Ludewig 2017 (sessions), Hidasi et al. 2016 (items)",
    .doc = "Items of the training sessions most like this one, each session's vote weighed by "
           "the cosine of the two sets.",
    .flags = MODEL_BASELINE,
    .hparams = hparams,
    .self_size = sizeof(struct itemknn),
    .init = init,
    .score = score,
};
