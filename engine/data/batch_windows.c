/* BATCH_WINDOWS: exactly max_len rows and up to n_target items after them (Tang & Wang 2018,
 * section 3).  The one real padding of this program: id 0 on the left, which reads the zero
 * row and takes part in convolution and maximum. */
#include "engine/data/batch_impl.h"

static int32_t samples(const struct batcher *b, int32_t session)
{
    int32_t n = b->sp->train_len[session], full = n - b->s.max_len - spec_targets(&b->s) + 1;
    return b->s.prefixes ? n - 1 : full > 1 ? full : 1;
}

/* from: the first item after the window, the first target. */
static void piece(const struct batcher *b, int32_t epoch, int32_t k, struct piece *p)
{
    (void)epoch;
    int32_t n = b->sp->train_len[p->session], T = spec_targets(&b->s);
    if (b->s.prefixes)
        p->from = k + 1;
    else if (n >= b->s.max_len + T)
        p->from = b->s.max_len + k;
    else
        /* Shorter than a window: its last T items are the targets */
        p->from = n > T ? n - T : 0;
    p->len = n - p->from < T ? n - p->from : T;
    p->rows = b->s.max_len;
    p->n_query = 1;
    /* A repeat among the T counts here and in the weight, so the mean stays one over B T */
    p->n_target = p->len;
}

static void fill(const struct batcher *b, const struct batch *plan, const struct piece *p,
                 struct block *out, const struct arrays *a)
{
    (void)plan;
    const struct dataset *ds = b->sp->ds;
    int32_t L = b->s.max_len, width = out->n_target;
    for (int32_t i = 0, r = 0; i < out->n; i++) {
        const int32_t *item = ds->item + ds->off[p[i].session];
        for (int32_t t = 0; t < L; t++, r++) {
            int32_t at = p[i].from - L + t;
            a->item[r] = at >= 0 ? item[at] : 0;
            a->pos[r] = t;
        }
        a->query[i] = r - 1;
        a->query_session[i] = i;
        distinct_items(item + p[i].from, p[i].len, a->target + (size_t)i * (size_t)width,
                       width);
        a->weight[i] = (float)((double)p[i].n_target / (double)b->n_counted);
    }
}

const struct batch_ops ops_windows = {samples, piece, fill, NULL};
