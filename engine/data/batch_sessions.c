/* BATCH_SESSIONS: the last max_len+1 training items of a session; every row is a query whose
 * targets come next. */
#include "engine/data/batch_impl.h"

#include <string.h>

static int32_t samples(const struct batcher *b, int32_t session)
{
    (void)b;
    (void)session;
    return 1;
}

/* Distinct items among the n_target after row t; counted only where the mean over the batch
 * needs it. */
static int32_t count_targets(const struct batcher *b, const struct piece *p)
{
    int32_t k = spec_targets(&b->s), n = 0, set[64];
    if (k == 1 || b->s.weight != WEIGHT_MEAN)
        return p->rows;
    const int32_t *item = b->sp->ds->item + b->sp->ds->off[p->session] + p->from;
    for (int32_t t = 0; t < p->rows; t++) {
        int32_t left = p->rows - t;
        /* So many that repeats are left uncounted: a divisor, the same for all queries */
        if (k < 0 || k > 64)
            n += k < 0 || left < k ? left : k;
        else
            n += distinct_items(item + t + 1, left < k ? left : k, set, k);
    }
    return n;
}

static void piece(const struct batcher *b, int32_t epoch, int32_t k, struct piece *p)
{
    (void)epoch;
    (void)k;
    int32_t len = b->sp->train_len[p->session] - 1;
    p->len = b->s.max_len > 0 && len > b->s.max_len ? b->s.max_len : len;
    p->from = len - p->len;
    p->rows = p->n_query = p->len;
    p->n_target = count_targets(b, p);
}

/* Targets of all rows of one session, width items a row.  All later items: row t's set is
 * row t+1's with the item that comes next in front. */
static void put_targets(int32_t n_target, const int32_t *next, int32_t rows, int32_t *target,
                        int32_t width)
{
    for (int32_t t = rows - 1; t >= 0; t--) {
        int32_t *row = target + (size_t)t * (size_t)width, left = rows - t;
        if (n_target > 0) {
            distinct_items(next + t, left < n_target ? left : n_target, row, width);
            continue;
        }
        const int32_t *later = row + width;
        int32_t m = 0;
        row[m++] = next[t];
        for (int32_t j = 0; t + 1 < rows && j < width && later[j]; j++)
            if (later[j] != next[t])
                row[m++] = later[j];
        for (; m < width; m++)
            row[m] = 0;
    }
}

static int32_t set_size(const int32_t *target, int32_t width)
{
    int32_t m = 0;
    while (m < width && target[m])
        m++;
    return m;
}

static float weight(const struct batcher *b, const struct batch *plan, int32_t rows,
                    int32_t here, int32_t at_first)
{
    double n = here;
    switch (b->s.weight) {
    case WEIGHT_SESSION_MEAN:
        return (float)(n / ((double)plan->n_session * at_first * rows));
    case WEIGHT_SESSION:
        return (float)(n / ((double)plan->n_session * at_first));
    case WEIGHT_MEAN:
        break;
    }
    return (float)(n / (double)b->n_counted);
}

static void fill(const struct batcher *b, const struct batch *plan, const struct piece *p,
                 struct block *out, const struct arrays *a)
{
    const struct dataset *ds = b->sp->ds;
    int32_t width = out->n_target;
    for (int32_t i = 0, q = 0; i < out->n; i++) {
        const int32_t *item = ds->item + ds->off[p[i].session] + p[i].from;
        int32_t *target = a->target + (size_t)q * (size_t)width;
        put_targets(spec_targets(&b->s), item + 1, p[i].rows, target, width);
        int32_t at_first = set_size(target, width);
        for (int32_t t = 0; t < p[i].rows; t++, q++) {
            a->item[q] = item[t];
            a->pos[q] = place_of(&b->s, t, p[i].rows);
            a->query[q] = q;
            a->query_session[q] = i;
            a->weight[q] =
                weight(b, plan, p[i].rows, set_size(target + (size_t)t * (size_t)width, width),
                       at_first);
        }
    }
}

const struct batch_ops ops_sessions = {samples, piece, fill, NULL};
