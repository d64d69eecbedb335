/* Several steps ahead on held-out sequences; see horizon.h. */
#include "engine/base/cancel.h"
#include "engine/train/horizon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 }; /* sequences that roll out side by side */

struct way { /* figures of one of the two */
    struct metric_acc hr[HORIZON_MAX], ndcg[HORIZON_MAX], recall;
};
struct run {
    const struct horizon_spec *s;
    const struct weights *w;
    struct explore *e;
    const volatile bool *cancel;
    struct err *err;
    struct way tail, roll;
    bool has_tail;
    /* The chunk. */
    int32_t n, given[CHUNK], session[CHUNK], len[CHUNK];
    int32_t *seq[CHUNK]; /* what is given and the picks; (longest + ahead) each */
    float *none[CHUNK];  /* (n_items+1) odds that an item has not come by the present step */
    float *odds;         /* (n_items+1) */
    int32_t *skip;       /* (longest + ahead) items that cannot be listed, then the picks */
    uint8_t *out;        /* (n_items+1) their marks */
};

/* How many items of the session are given; -1: it is not asked. */
static int32_t given(const struct split *sp, const struct horizon_spec *s, int32_t session)
{
    int32_t from, to;
    if (!split_held(sp, session, s->on, &from, &to) || to - from < s->ahead)
        return -1;
    return sp->kind == SPLIT_SESSIONS ? to - s->ahead : from;
}

static int64_t count_all(const struct split *sp, const struct horizon_spec *s)
{
    int64_t n = 0;
    for (int32_t i = 0; i < sp->ds->n_sessions; i++)
        n += given(sp, s, i) > 0;
    return n;
}

int64_t horizon_count(const struct split *sp, const struct horizon_spec *s)
{
    int64_t n = count_all(sp, s);
    return s->max_cases > 0 && n > s->max_cases ? s->max_cases : n;
}

static const int32_t *came(const struct run *r, int32_t i)
{
    return r->w->ds->item + r->w->ds->off[r->session[i]] + r->given[i];
}

static bool holds(const int32_t *list, int32_t n, int32_t item)
{
    for (int32_t i = 0; i < n; i++)
        if (list[i] == item)
            return true;
    return false;
}

/* What was given cannot come; where ranks are counted, but for what did.  Returns how many
 * stand in r->skip. */
static int32_t left_out(struct run *r, int32_t i, bool but_targets)
{
    int32_t n = 0;
    memset(r->out, 0, (size_t)r->w->ds->n_items + 1);
    for (int32_t t = 0; r->s->exclude_seen && t < r->given[i]; t++)
        if (!r->out[r->seq[i][t]] &&
            !(but_targets && holds(came(r, i), r->s->ahead, r->seq[i][t]))) {
            r->out[r->seq[i][t]] = 1;
            r->skip[n++] = r->seq[i][t];
        }
    return n;
}

static void rank_step(struct run *r, struct way *way, int32_t step, const float *score,
                      int32_t target)
{
    struct rank_obs o = {.rank = 1, .n_cand = 1, .target = target};
    for (int32_t i = 1; i <= r->w->ds->n_items; i++) {
        if (i == target || r->out[i])
            continue;
        o.rank += !(score[i] <= score[target]);
        o.n_tie += score[i] == score[target];
        o.n_cand++;
    }
    o.rank += 0.5 * o.n_tie;
    metric_find("hr")->add(&way->hr[step], &o, r->s->k);
    metric_find("ndcg")->add(&way->ndcg[step], &o, r->s->k);
}

static void begin_sets(struct run *r)
{
    for (int32_t i = 0; i < r->n; i++)
        for (int32_t v = 0; v <= r->w->ds->n_items; v++)
            r->none[i][v] = 1;
}

static void not_yet(struct run *r, int32_t i, const float *score)
{
    softmax_row(score, r->w->ds->n_items, r->odds);
    for (int32_t v = 1; v <= r->w->ds->n_items; v++)
        r->none[i][v] *= 1 - r->odds[v];
}

/* Of the distinct items that came, the share among the first k. */
static enum status count_set(struct run *r, struct way *way, int32_t i)
{
    int32_t n_items = r->w->ds->n_items, k = r->s->k < n_items ? r->s->k : n_items, hit = 0,
            all = 0;
    int32_t *top = malloc((size_t)k * sizeof *top);
    float *score = malloc((size_t)k * sizeof *score);
    if (top && score) {
        for (int32_t v = 1; v <= n_items; v++)
            r->odds[v] = 1 - r->none[i][v];
        k = top_items(r->odds, n_items, k, r->skip, left_out(r, i, true), top, score);
        for (int32_t t = 0; t < r->s->ahead; t++)
            if (!holds(came(r, i), t, came(r, i)[t])) {
                all++;
                hit += holds(top, k, came(r, i)[t]);
            }
        double share = (double)hit / all;
        way->recall.sum += share;
        way->recall.sum2 += share * share;
        way->recall.n++;
    }
    bool ok = top && score;
    free(top);
    free(score);
    return ok ? ST_OK : err_nomem(r->err, (size_t)k * sizeof *top * 2, "steps ahead");
}

static enum status ask(struct run *r, const struct question *q, const struct answer **a)
{
    if (cancel_asked(r->cancel))
        return err_set(r->err, ST_CANCELLED, "evaluation cancelled");
    *a = explore_ask(r->e, r->w, q, r->cancel);
    if ((*a)->err.code != ST_OK && r->err)
        *r->err = (*a)->err;
    return (*a)->err.code;
}

static enum status by_tail(struct run *r)
{
    begin_sets(r);
    for (int32_t i = 0; i < r->n; i++) {
        struct question q = {
            .kind = ASK_TAIL, .n = r->given[i], .item = r->seq[i], .ahead = r->s->ahead};
        const struct answer *a;
        enum status st = ask(r, &q, &a);
        if (st != ST_OK)
            return st;
        left_out(r, i, true);
        for (int32_t t = 0; t < r->s->ahead; t++) {
            const float *score = a->score + (size_t)t * ((size_t)a->n_items + 1);
            rank_step(r, &r->tail, t, score, came(r, i)[t]);
            not_yet(r, i, score);
        }
        st = count_set(r, &r->tail, i);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status by_roll_out(struct run *r)
{
    begin_sets(r);
    for (int32_t i = 0; i < r->n; i++)
        r->len[i] = r->given[i];
    for (int32_t t = 0; t < r->s->ahead; t++) {
        struct question q = {.kind = ASK_VARIANTS,
                             .n = r->len[0],
                             .item = r->seq[0],
                             .n_variant = r->n,
                             .variant = (const int32_t *const *)r->seq,
                             .variant_n = r->len};
        const struct answer *a;
        enum status st = ask(r, &q, &a);
        if (st != ST_OK)
            return st;
        for (int32_t i = 0; i < r->n; i++) {
            const float *score = a->score + (size_t)i * ((size_t)a->n_items + 1);
            int32_t pick, n_skip;
            float best;
            left_out(r, i, true);
            rank_step(r, &r->roll, t, score, came(r, i)[t]);
            not_yet(r, i, score);
            n_skip = left_out(r, i, false);
            for (int32_t p = r->given[i]; !r->s->repeats && p < r->len[i]; p++)
                r->skip[n_skip++] = r->seq[i][p];
            if (top_items(score, a->n_items, 1, r->skip, n_skip, &pick, &best) == 1)
                r->seq[i][r->len[i]++] = pick; /* else nothing is left: the path stands */
        }
    }
    enum status st = ST_OK;
    for (int32_t i = 0; i < r->n && st == ST_OK; i++)
        st = count_set(r, &r->roll, i);
    return st;
}

static enum status run_chunk(struct run *r)
{
    enum status st = r->has_tail ? by_tail(r) : ST_OK;
    if (st == ST_OK)
        st = by_roll_out(r);
    r->n = 0;
    return st;
}

static void figures(struct horizon_figures *f, const struct way *way, int32_t ahead)
{
    for (int32_t t = 0; t < ahead; t++) {
        f->hr[t] = (struct metric_value){metric_mean(&way->hr[t]), metric_se(&way->hr[t])};
        f->ndcg[t] =
            (struct metric_value){metric_mean(&way->ndcg[t]), metric_se(&way->ndcg[t])};
    }
    f->recall = (struct metric_value){metric_mean(&way->recall), metric_se(&way->recall)};
}

static bool make_room(struct run *r)
{
    const struct dataset *ds = r->w->ds;
    size_t cols = (size_t)ds->n_items + 1, longest = 0;
    for (int32_t s = 0; s < ds->n_sessions; s++)
        longest = (size_t)dataset_len(ds, s) > longest ? (size_t)dataset_len(ds, s) : longest;
    longest += (size_t)r->s->ahead;
    r->odds = malloc(cols * sizeof *r->odds);
    r->skip = malloc(longest * sizeof *r->skip);
    r->out = malloc(cols);
    bool ok = r->odds && r->skip && r->out;
    for (int i = 0; i < CHUNK; i++) {
        r->seq[i] = malloc(longest * sizeof *r->seq[i]);
        r->none[i] = malloc(cols * sizeof *r->none[i]);
        ok = ok && r->seq[i] && r->none[i];
    }
    return ok;
}

static void done(struct run *r)
{
    free(r->odds);
    free(r->skip);
    free(r->out);
    for (int i = 0; i < CHUNK; i++) {
        free(r->seq[i]);
        free(r->none[i]);
    }
    free(r);
}

enum status horizon_eval(struct horizon_result *out, struct explore *e, const struct weights *w,
                         const struct horizon_spec *s, const volatile bool *cancel,
                         struct err *err)
{
    const struct split *sp = w->split;
    int64_t all = count_all(sp, s), take = horizon_count(sp, s), seen = 0, k = 0;
    *out = (struct horizon_result){
        .step = w->step, .n = take, .has_tail = w->spec.kind == BATCH_CLOZE};
    if (s->ahead < 1 || s->ahead > HORIZON_MAX || s->k < 1)
        return err_set(err, ST_ARG, "1 to %d steps ahead, got %d", HORIZON_MAX, s->ahead);
    struct run *r = calloc(1, sizeof *r);
    if (!r)
        return err_nomem(err, sizeof *r, "steps ahead");
    *r = (struct run){
        .s = s, .w = w, .e = e, .cancel = cancel, .err = err, .has_tail = out->has_tail};
    enum status st =
        make_room(r) ? ST_OK
                     : err_nomem(err, CHUNK * ((size_t)w->ds->n_items + 1) * sizeof *r->odds,
                                 "steps ahead");
    for (int32_t i = 0; i < sp->ds->n_sessions && st == ST_OK; i++) {
        int32_t n = given(sp, s, i);
        if (n < 1 || seen++ * take / all < k) /* an even spread */
            continue;
        k++;
        r->session[r->n] = i;
        r->given[r->n] = n;
        memcpy(r->seq[r->n++], sp->ds->item + sp->ds->off[i], (size_t)n * sizeof *r->seq[0]);
        if (r->n == CHUNK || k == take)
            st = run_chunk(r);
    }
    figures(&out->tail, &r->tail, s->ahead);
    figures(&out->roll, &r->roll, s->ahead);
    done(r);
    return st;
}
