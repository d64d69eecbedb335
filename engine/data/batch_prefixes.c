/* BATCH_PREFIXES: every prefix of a session predicts its next item; the graph is built from
 * the prefix alone (Wu et al. 2019, SR-GNN, section 3.1). */
#include "engine/data/batch_impl.h"

#include <string.h>

static int32_t samples(const struct batcher *b, int32_t session)
{
    return b->sp->train_len[session] - 1;
}

static void piece(const struct batcher *b, int32_t epoch, int32_t k, struct piece *p)
{
    (void)epoch;
    int32_t n = k + 1; /* items before the target */
    p->len = n < b->s.max_len ? n : b->s.max_len;
    p->from = n - p->len;
    p->rows = p->len;
    p->n_query = p->n_target = 1;
}

static void fill(const struct batcher *b, const struct batch *plan, const struct piece *p,
                 struct block *out, const struct arrays *a)
{
    (void)plan;
    const struct dataset *ds = b->sp->ds;
    for (int32_t i = 0, r = 0; i < out->n; i++) {
        const int32_t *item = ds->item + ds->off[p[i].session] + p[i].from;
        for (int32_t t = 0; t < p[i].len; t++, r++) {
            a->item[r] = item[t];
            a->pos[r] = place_of(&b->s, t, p[i].len);
        }
        a->query[i] = r - 1;
        a->query_session[i] = i;
        a->target[i] = item[p[i].len];
        a->weight[i] = (float)(1.0 / (double)b->n_counted);
    }
}

/* Distinct items of a session, rising, by insertion: sessions are short. */
static int32_t distinct_sorted(const int32_t *item, int32_t n, int32_t *node)
{
    int32_t m = 0;
    for (int32_t t = 0; t < n; t++) {
        int32_t at = m;
        while (at > 0 && node[at - 1] > item[t])
            at--;
        if (at > 0 && node[at - 1] == item[t])
            continue;
        memmove(node + at + 1, node + at, (size_t)(m - at) * sizeof *node);
        node[at] = item[t];
        m++;
    }
    return m;
}

static int32_t find(const int32_t *node, int32_t m, int32_t item)
{
    int32_t lo = 0;
    while (m > 1) {
        int32_t half = m / 2;
        if (node[lo + half] <= item)
            lo += half;
        m -= half;
    }
    return lo;
}

/* out[a][b]: share of a's outgoing edges that go to b.  Binary: an edge counts once,
 * in[a][b] is the share of a's incoming edges that come from b.  Counted: in is out read the
 * other way round, as the paper prints it. */
static void adjacency(const struct batch_spec *s, const int32_t *alias, int32_t n, int32_t m,
                      float *in, float *out)
{
    memset(in, 0, (size_t)m * (size_t)m * sizeof *in);
    memset(out, 0, (size_t)m * (size_t)m * sizeof *out);
    for (int32_t t = 0; t + 1 < n; t++) {
        float *edge = &out[alias[t] * m + alias[t + 1]];
        *edge = s->edge_count ? *edge + 1 : 1;
    }
    for (int32_t a = 0; !s->edge_count && a < m; a++) {
        float sum = 0;
        for (int32_t b = 0; b < m; b++)
            sum += out[b * m + a];
        for (int32_t b = 0; b < m; b++)
            in[a * m + b] = sum > 0 ? out[b * m + a] / sum : 0;
    }
    for (int32_t a = 0; a < m; a++) {
        float sum = 0;
        for (int32_t b = 0; b < m; b++)
            sum += out[a * m + b];
        for (int32_t b = 0; b < m; b++)
            out[a * m + b] = sum > 0 ? out[a * m + b] / sum : 0;
    }
    for (int32_t a = 0; s->edge_count && a < m; a++)
        for (int32_t b = 0; b < m; b++)
            in[a * m + b] = out[b * m + a];
}

bool graph_build(const struct batch_spec *s, struct block *out, struct arena *mem)
{
    int32_t rows = out->off[out->n], n = out->n;
    int32_t *node = arena_raw(mem, (size_t)rows * sizeof *node),
            *alias = arena_raw(mem, (size_t)rows * sizeof *alias);
    int32_t *node_off = arena_raw(mem, ((size_t)n + 1) * sizeof *node_off);
    int32_t *adj_off = arena_raw(mem, ((size_t)n + 1) * sizeof *adj_off);
    if (!node || !alias || !node_off || !adj_off)
        return false;
    node_off[0] = adj_off[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t len = out->off[i + 1] - out->off[i];
        int32_t m = distinct_sorted(out->item + out->off[i], len, node + node_off[i]);
        node_off[i + 1] = node_off[i] + m;
        int64_t cells = adj_off[i] + (int64_t)m * m;
        if (cells > INT32_MAX)
            return false;
        adj_off[i + 1] = (int32_t)cells;
        for (int32_t t = out->off[i]; t < out->off[i + 1]; t++)
            alias[t] = node_off[i] + find(node + node_off[i], m, out->item[t]);
    }
    float *in = arena_raw(mem, (size_t)adj_off[n] * sizeof *in),
          *to = arena_raw(mem, (size_t)adj_off[n] * sizeof *to);
    int32_t *local = arena_raw(mem, (size_t)rows * sizeof *local);
    if (!in || !to || !local)
        return false;
    for (int32_t i = 0; i < n; i++) {
        int32_t len = out->off[i + 1] - out->off[i];
        for (int32_t t = 0; t < len; t++)
            local[t] = alias[out->off[i] + t] - node_off[i];
        adjacency(s, local, len, node_off[i + 1] - node_off[i], in + adj_off[i],
                  to + adj_off[i]);
    }
    out->node = node;
    out->node_off = node_off;
    out->alias = alias;
    out->adj_off = adj_off;
    out->adj_in = in;
    out->adj_out = to;
    return true;
}

const struct batch_ops ops_prefixes = {samples, piece, fill, graph_build};
