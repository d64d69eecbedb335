/* Several steps ahead; see horizon.h. */
#include "engine/train/horizon.h"

#include "engine/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIKE_MAX = 100 };

void horizon_free(struct horizon *h)
{
    if (!h)
        return;
    free(h->tail);
    free(h->roll);
    free(h);
}

static float *row_at(float *rows, const struct horizon *h, int32_t step)
{
    return rows + (size_t)step * ((size_t)h->n_items + 1);
}

static enum status ask(const struct answer **out, struct explore *e, const struct weights *w,
                       const struct question *q, const volatile bool *cancel, struct err *err)
{
    *out = explore_ask(e, w, q, cancel);
    if ((*out)->err.code != ST_OK && err)
        *err = (*out)->err;
    return (*out)->err.code;
}

/* ---- Tail ---- */

static bool holds(const int32_t *list, int32_t n, int32_t item)
{
    for (int32_t i = 0; i < n; i++)
        if (list[i] == item)
            return true;
    return false;
}

/* The best odds over all unfilled steps are filled first; an item is used once unless
 * repeats are allowed. */
static void assign_tail(struct horizon *h, const struct horizon_opts *o)
{
    for (int32_t filled = 0; filled < h->k; filled++) {
        int32_t step = -1, item = 0;
        float best = -1;
        for (int32_t s = 0; s < h->k; s++)
            for (int32_t i = 1; h->tail_pick[s] == 0 && i <= h->n_items; i++) {
                float p = row_at(h->tail, h, s)[i];
                if (p > best && !holds(o->skip, o->n_skip, i) &&
                    (o->repeats || !holds(h->tail_pick, h->k, i))) {
                    best = p;
                    step = s;
                    item = i;
                }
            }
        if (step < 0)
            return;
        h->tail_pick[step] = item;
    }
}

static enum status ask_tail(struct horizon *h, struct explore *e, const struct weights *w,
                            const int32_t *item, int32_t n, const struct horizon_opts *o,
                            const volatile bool *cancel, struct err *err)
{
    struct question q = {.kind = ASK_TAIL, .n = n, .item = item, .ahead = h->k};
    const struct answer *a;
    enum status st = ask(&a, e, w, &q, cancel, err);
    if (st != ST_OK)
        return st;
    for (int32_t s = 0; s < h->k; s++)
        softmax_row(a->score + (size_t)s * ((size_t)h->n_items + 1), h->n_items,
                    row_at(h->tail, h, s));
    h->has_tail = true;
    assign_tail(h, o);
    return ST_OK;
}

/* ---- Roll-out ---- */

struct path {
    int32_t pick[HORIZON_MAX];
    double logp;
};
struct beam {
    struct path path[HORIZON_BEAM], next[HORIZON_BEAM];
    int32_t n, n_next, width;
    int32_t *seq, *skip; /* (width, n + k) sequences with their picks; (n_skip + k) */
    float *odds;         /* (n_items+1) */
    int32_t *ranked;     /* (n_items) drawn picks: items by score, and those scores */
    float *ranked_score;
    const int32_t *variant[HORIZON_BEAM];
    int32_t variant_n[HORIZON_BEAM];
};

static void keep_best(struct beam *b, const struct path *p)
{
    int32_t at = b->n_next;
    while (at > 0 && p->logp > b->next[at - 1].logp) /* equals keep their order */
        at--;
    if (at == b->width)
        return;
    b->n_next += b->n_next < b->width;
    for (int32_t i = b->n_next - 1; i > at; i--)
        b->next[i] = b->next[i - 1];
    b->next[at] = *p;
}

/* One of the items that are left, by its odds; 0: none is left. */
static int32_t draw(struct beam *b, int32_t step, const float *score, int32_t n_items,
                    int32_t n_skip, const struct horizon_opts *o)
{
    int32_t n = top_items(score, n_items, n_items, b->skip, n_skip, b->ranked, b->ranked_score),
            i = 0;
    double all = 0, sum = 0, share = o->top_p > 0 ? o->top_p : 1;
    for (i = 0; i < n; i++)
        all += exp(((double)b->ranked_score[i] - (double)b->ranked_score[0]) / o->temperature);
    for (i = 0; i < n && (i == 0 || sum < share * all); i++)
        sum += exp(((double)b->ranked_score[i] - (double)b->ranked_score[0]) / o->temperature);
    double u = sum * (double)rng_uniform(rng_key(o->seed, step, rng_site("horizon.draw")), 0);
    for (n = i, i = 0; i < n; i++) {
        u -= exp(((double)b->ranked_score[i] - (double)b->ranked_score[0]) / o->temperature);
        if (u < 0)
            break;
    }
    return n == 0 ? 0 : b->ranked[i < n ? i : n - 1];
}

static void extend(struct beam *b, const struct path *p, int32_t step, const float *score,
                   const struct horizon *h, const struct horizon_opts *o)
{
    int32_t item[HORIZON_BEAM], n_skip = o->n_skip;
    float best[HORIZON_BEAM];
    softmax_row(score, h->n_items, b->odds);
    for (int32_t i = 0; !o->repeats && i < step; i++)
        b->skip[n_skip++] = p->pick[i];
    int32_t n = 0;
    if (o->temperature > 0) {
        item[0] = draw(b, step, score, h->n_items, n_skip, o);
        n = item[0] > 0;
    } else {
        n = top_items(score, h->n_items, b->width, b->skip, n_skip, item, best);
    }
    for (int32_t i = 0; i < n; i++) {
        struct path q = *p;
        q.pick[step] = item[i];
        q.logp += log((double)b->odds[item[i]]);
        keep_best(b, &q);
    }
}

static enum status roll_out(struct horizon *h, struct beam *b, struct explore *e,
                            const struct weights *w, const int32_t *item, int32_t n,
                            const struct horizon_opts *o, const volatile bool *cancel,
                            struct err *err)
{
    size_t cols = (size_t)h->n_items + 1, room = (size_t)n + (size_t)h->k;
    const struct answer *a;
    b->n = 1;
    for (int32_t s = 0; s < h->k; s++) {
        for (int32_t i = 0; i < b->n; i++) {
            int32_t *seq = b->seq + (size_t)i * room;
            memcpy(seq, item, (size_t)n * sizeof *seq);
            memcpy(seq + n, b->path[i].pick, (size_t)s * sizeof *seq);
            b->variant[i] = seq;
            b->variant_n[i] = n + s;
        }
        struct question q = {.kind = ASK_VARIANTS,
                             .n = n,
                             .item = item,
                             .n_variant = b->n,
                             .variant = b->variant,
                             .variant_n = b->variant_n};
        enum status st = ask(&a, e, w, &q, cancel, err);
        if (st != ST_OK)
            return st;
        b->n_next = 0;
        for (int32_t i = 0; i < b->n; i++)
            extend(b, &b->path[i], s, a->score + (size_t)i * cols, h, o);
        if (b->n_next == 0)
            break; /* nothing left to pick */
        memcpy(b->path, b->next, sizeof b->path);
        b->n = b->n_next;
    }
    memcpy(h->roll_pick, b->path[0].pick, (size_t)h->k * sizeof *h->roll_pick);
    h->logp = b->path[0].logp;
    /* The odds that each pick of the best path was taken from. */
    memcpy(b->seq + n, h->roll_pick, (size_t)h->k * sizeof *b->seq);
    memcpy(b->seq, item, (size_t)n * sizeof *b->seq);
    for (int32_t s = 0; s < h->k && (s == 0 || h->roll_pick[s - 1]); s++) {
        struct question q = {.kind = ASK_SCORE, .n = n + s, .item = b->seq};
        enum status st = ask(&a, e, w, &q, cancel, err);
        if (st != ST_OK)
            return st;
        softmax_row(a->score, h->n_items, row_at(h->roll, h, s));
    }
    return ST_OK;
}

enum status horizon_new(struct horizon **out, struct explore *e, const struct weights *w,
                        const int32_t *item, int32_t n, const struct horizon_opts *o,
                        const volatile bool *cancel, struct err *err)
{
    size_t cols = (size_t)w->ds->n_items + 1, k = (size_t)o->k;
    *out = NULL;
    if (o->k < 1 || o->k > HORIZON_MAX || o->beam < 1 || o->beam > HORIZON_BEAM)
        return err_set(err, ST_ARG, "%d steps with %d paths: at most %d and %d", o->k, o->beam,
                       HORIZON_MAX, HORIZON_BEAM);
    if (o->temperature > 0 && o->beam > 1) {
        err_set(err, ST_ARG, "a path is drawn or the best of %d are kept, not both", o->beam);
        return err_hint(err, "bad-value", "Leave beam= out, or temperature= and top_p="),
               ST_ARG;
    }
    struct horizon *h = calloc(1, sizeof *h);
    struct beam *b = calloc(1, sizeof *b);
    enum status st = ST_OK;
    if (h) {
        h->k = o->k;
        h->n_items = w->ds->n_items;
        h->step = w->step;
        h->tail = calloc(k * cols, sizeof *h->tail);
        h->roll = calloc(k * cols, sizeof *h->roll);
    }
    if (b) {
        b->width = o->beam;
        b->seq = calloc((size_t)o->beam * ((size_t)n + k), sizeof *b->seq);
        b->skip = calloc((size_t)o->n_skip + k, sizeof *b->skip);
        b->odds = calloc(cols, sizeof *b->odds);
        b->ranked = calloc(cols, sizeof *b->ranked);
        b->ranked_score = calloc(cols, sizeof *b->ranked_score);
    }
    if (!h || !b || !h->tail || !h->roll || !b->seq || !b->skip || !b->odds || !b->ranked ||
        !b->ranked_score)
        st = err_nomem(err, 2 * k * cols * sizeof *h->tail, "steps ahead");
    if (st == ST_OK && o->n_skip)
        memcpy(b->skip, o->skip, (size_t)o->n_skip * sizeof *b->skip);
    if (st == ST_OK && w->spec.kind == BATCH_CLOZE)
        st = ask_tail(h, e, w, item, n, o, cancel, err);
    if (st == ST_OK)
        st = roll_out(h, b, e, w, item, n, o, cancel, err);
    if (b) {
        free(b->seq);
        free(b->skip);
        free(b->odds);
        free(b->ranked);
        free(b->ranked_score);
        free(b);
    }
    if (st != ST_OK) {
        horizon_free(h);
        return st;
    }
    *out = h;
    return ST_OK;
}

/* ---- Reading ---- */

void horizon_within(const struct horizon *h, float *out)
{
    out[0] = 0;
    for (int32_t i = 1; i <= h->n_items; i++) {
        double none = 1;
        for (int32_t s = 0; s < h->k; s++)
            none *= 1 - (double)row_at(h->tail, h, s)[i];
        out[i] = (float)(1 - none);
    }
}

double horizon_entropy(const float *odds, int32_t n_items)
{
    double sum = 0;
    for (int32_t i = 1; i <= n_items; i++)
        if (odds[i] > 0)
            sum -= (double)odds[i] * log((double)odds[i]);
    return sum;
}

double horizon_alike(const float *a, const float *b, int32_t n_items, int32_t k)
{
    int32_t x[ALIKE_MAX], y[ALIKE_MAX], both = 0;
    float s[ALIKE_MAX];
    k = k > ALIKE_MAX ? ALIKE_MAX : k;
    int32_t n = top_items(a, n_items, k, NULL, 0, x, s),
            m = top_items(b, n_items, k, NULL, 0, y, s);
    for (int32_t i = 0; i < n; i++)
        both += holds(y, m, x[i]);
    return n + m > both ? (double)both / (n + m - both) : 1;
}
