/* BATCH_CLOZE: a window of a session with some items hidden (Sun et al. 2019, section
 * 3.6).  Three sorts of samples: cloze (a random subset), last-only (as in prediction) and
 * tail (the last K, for several steps ahead).  Which places are hidden is a function of
 * (seed, epoch, session), so the plan counts them and any worker finds them again. */
#include "engine/data/batch_impl.h"

#include <math.h>
#include <string.h>

enum { AUX_CLOZE = 0, AUX_LAST = -1 }; /* K > 0: the last K */
enum { DRAW_START, DRAW_SORT, DRAW_TAIL, DRAW_PLACES = 16 };

static int32_t session_len(const struct batcher *b, int32_t session)
{
    return b->s.with_valid ? split_valid_len(b->sp, session) : b->sp->train_len[session];
}

static int32_t window_step(const struct batch_spec *s)
{
    int32_t step = (int32_t)((s->window_prop > 0 ? s->window_prop : 0.5f) * (float)s->max_len);
    return step < 1 ? 1 : step;
}

/* Windows start at len-N, len-N-step, ... and always also at 0. */
static int32_t windows(const struct batch_spec *s, int32_t len)
{
    int32_t extra = len - s->max_len, step = window_step(s);
    return extra <= 0 ? 1 : (extra + step - 1) / step + 1;
}

static int32_t window_start(const struct batch_spec *s, int32_t len, int32_t k)
{
    int32_t at = len - s->max_len - k * window_step(s);
    return at > 0 ? at : 0;
}

static int32_t samples(const struct batcher *b, int32_t session)
{
    return b->s.dupe > 0 ? windows(&b->s, session_len(b, session)) * (b->s.dupe + 1) : 1;
}

/* What is drawn once is drawn for the sample, else for the session and epoch. */
static struct rng_key key_of(const struct batcher *b, int32_t epoch, const struct piece *p)
{
    bool once = b->s.dupe > 0;
    uint64_t of =
        (uint64_t)(uint32_t)p->session + 1 + (once ? (uint64_t)(uint32_t)p->k << 32 : 0);
    return rng_key(b->seed, once ? 0 : epoch, rng_site("batch.cloze") ^ rng_mix64(of));
}

static int32_t cloze_count(const struct batch_spec *s, int32_t len)
{
    int32_t k = (int32_t)floorf(s->rho * (float)len + 0.5f);
    k = k < 1 ? 1 : k > len ? len : k;
    return s->cap > 0 && k > s->cap ? s->cap : k;
}

static void piece(const struct batcher *b, int32_t epoch, int32_t k, struct piece *p)
{
    const struct batch_spec *s = &b->s;
    struct rng_key key = key_of(b, epoch, p);
    int32_t len = session_len(b, p->session);
    p->from = window_start(
        s, len,
        s->dupe > 0 ? k / (s->dupe + 1)
                    : (int32_t)rng_below(key, DRAW_START, (uint32_t)windows(s, len)));
    p->len = len - p->from < s->max_len ? len - p->from : s->max_len;
    p->rows = p->len;
    float u = rng_uniform(key, DRAW_SORT);
    if (s->dupe > 0 ? k % (s->dupe + 1) == s->dupe : u < s->p_last) {
        p->aux = AUX_LAST;
        p->n_query = 1;
    } else if (s->dupe == 0 && u < s->p_last + s->p_tail) {
        int32_t most = s->k_max > 0 ? s->k_max : 1,
                K = 1 + (int32_t)rng_below(key, DRAW_TAIL, (uint32_t)most);
        /* Something must stay to be read */
        p->aux = p->n_query = K < p->len ? K : p->len > 1 ? p->len - 1 : 1;
    } else {
        p->aux = AUX_CLOZE;
        p->n_query = cloze_count(s, p->len);
    }
    p->n_target = p->n_query;
}

/* Places hidden in a cloze sample: selection sampling (Knuth's algorithm S) draws k of len
 * in rising order. */
static bool chosen(const struct piece *p, struct rng_key key, int32_t t, int32_t still)
{
    if (p->aux != AUX_CLOZE)
        return t >= p->len - p->n_query;
    return (int32_t)rng_below(key, DRAW_PLACES + (uint32_t)t, (uint32_t)(p->len - t)) < still;
}

static int32_t hide(const struct batcher *b, const struct piece *p, struct rng_key key,
                    int32_t t, int32_t item)
{
    if (b->s.mask_other <= 0 || p->aux != AUX_CLOZE)
        return b->s.mask_item;
    uint32_t place = DRAW_PLACES + (uint32_t)(p->len + 3 * t);
    if (rng_uniform(key, place) >= b->s.mask_other)
        return b->s.mask_item;
    if (rng_u32(key, place + 1) & 1)
        return item;
    return 1 + (int32_t)rng_below(key, place + 2, (uint32_t)b->sp->ds->n_items);
}

static void fill(const struct batcher *b, const struct batch *plan, const struct piece *p,
                 struct block *out, const struct arrays *a)
{
    const struct dataset *ds = b->sp->ds;
    for (int32_t i = 0, r = 0, q = 0; i < out->n; i++) {
        const int32_t *item = ds->item + ds->off[p[i].session] + p[i].from;
        struct rng_key key = key_of(b, plan->epoch, &p[i]);
        int32_t still = p[i].n_query;
        for (int32_t t = 0; t < p[i].len; t++, r++) {
            a->item[r] = item[t];
            a->pos[r] = place_of(&b->s, t, p[i].len);
            if (!chosen(&p[i], key, t, still))
                continue;
            still--;
            a->item[r] = hide(b, &p[i], key, t, item[t]);
            a->query[q] = r;
            a->query_session[q] = i;
            a->target[q] = item[t];
            a->weight[q] = (float)(1.0 / (double)b->n_counted);
            q++;
        }
    }
}

const struct batch_ops ops_cloze = {samples, piece, fill, NULL};
