/* Which events train and which are asked; see split.h. */
#include "engine/data/split.h"

#include "engine/base/rng.h"

#include <stdio.h>
#include <math.h>
#include <stdlib.h>

static const char *const names[] = {
    [SPLIT_LEAVE_ONE_OUT] = "leave one out",
    [SPLIT_SESSIONS] = "by session number, 80 / 10 / 10 %",
    [SPLIT_RATIO] = "of each user, 70 / 10 / 20 %",
    [SPLIT_USERS] = "by user, 80 / 10 / 10 %",
    [SPLIT_LEAVE_K_OUT] = "leave k out",
};

const char *const split_words[] = {"leave-one-out", "sessions",    "ratio",
                                   "users",         "leave-k-out", NULL};

static void put_name(struct split *sp)
{
    bool own = sp->ds->first_test > 0;
    if (sp->kind == SPLIT_SESSIONS && (own || sp->valid_percent != SPLIT_VALID))
        snprintf(sp->name, sizeof sp->name, "by session number, %d / %d %s",
                 (own ? 100 : 90) - (int)sp->valid_percent, (int)sp->valid_percent,
                 own ? "%, test its own" : "/ 10 %");
    else
        snprintf(sp->name, sizeof sp->name, "%s", names[sp->kind]);
}

enum { ENOUGH = 3, ENOUGH_HELD_OUT = 5 }; /* items that make a user worth asking */

static struct eval_case case_at(const struct dataset *ds, int32_t session, int32_t n_prefix,
                                int32_t at)
{
    int64_t i = ds->off[session] + at;
    return (struct eval_case){session, n_prefix, ds->item[i], ds->flag ? ds->flag[i] : WF_NONE};
}

/* Cases on items from..to-1 of a session into `out` (NULL: only counted).  given: how many
 * items are shown before each; -1: all that came before it. */
static int64_t put_cases(struct split *sp, int32_t s, int32_t from, int32_t to, int32_t given,
                         struct eval_case *out)
{
    int64_t n = 0;
    for (int32_t at = from; at < to; at++) {
        struct eval_case c = case_at(sp->ds, s, given < 0 ? at : given, at);
        if (sp->k == 0 && sp->train_pop[c.target] == 0) {
            sp->n_unseen += !out;
            continue;
        }
        if (out)
            out[n] = c;
        n++;
    }
    return n;
}

static int32_t percent(int32_t n, int share)
{
    return (int32_t)((int64_t)n * share / 100);
}

/* Where the first 80 % of a session's items that occur in training end; 0: there are too few
 * of them. */
static int32_t fold_in(const struct split *sp, int32_t s)
{
    const int32_t *item = sp->ds->item + sp->ds->off[s];
    int32_t n = dataset_len(sp->ds, s), known = 0, at = 0;
    for (int32_t i = 0; i < n; i++)
        known += sp->train_pop[item[i]] > 0;
    if (known < ENOUGH_HELD_OUT)
        return 0;
    for (int32_t left = percent(known, 80); left > 0; at++)
        left -= sp->train_pop[item[at]] > 0;
    return at;
}

/* Shorter histories train whole. */
static int32_t enough(const struct split *sp)
{
    return sp->kind == SPLIT_LEAVE_K_OUT ? 2 * sp->k + 2 : ENOUGH;
}

bool split_held(const struct split *sp, int32_t s, enum split_part part, int32_t *from,
                int32_t *to)
{
    int32_t n = dataset_len(sp->ds, s);
    bool valid = part == PART_VALID;
    *from = 0;
    *to = n;
    if (sp->kind == SPLIT_SESSIONS || sp->kind == SPLIT_USERS) {
        bool own = sp->part[s] == part;
        *from = own && sp->kind == SPLIT_SESSIONS ? 1 : own ? fold_in(sp, s) : 0;
        return *from > 0 && *from < n;
    }
    if (n < enough(sp))
        return false;
    /* At test what validates is given */
    *from = sp->k ? n - (valid ? 2 : 1) * sp->k : percent(n, valid ? 70 : 80);
    *to = !valid ? n : sp->k ? n - sp->k : percent(n, 80);
    return *from < *to;
}

/* Cases of a session for one part: from what is given alone, or each from all before it. */
static int64_t session_cases(struct split *sp, int32_t s, enum split_part part,
                             struct eval_case *out)
{
    int32_t from, to;
    bool from_given = sp->kind == SPLIT_USERS || sp->kind == SPLIT_RATIO;
    return split_held(sp, s, part, &from, &to)
               ? put_cases(sp, s, from, to, from_given ? from : -1, out)
               : 0;
}

/* Which sessions train.  Users are shuffled by a key of their own: which ones are held out
 * depends on no setting. */
static bool choose_parts(struct split *sp)
{
    int32_t n = sp->ds->n_sessions, *order = NULL;
    if (sp->kind != SPLIT_SESSIONS && sp->kind != SPLIT_USERS)
        return true;
    if (sp->kind == SPLIT_USERS) {
        struct rng_key key = rng_key(98765, 0, rng_site("split.users"));
        order = malloc(((size_t)n + 1) * sizeof *order);
        if (!order)
            return false;
        for (int32_t i = 0; i < n; i++)
            order[i] = i;
        for (int32_t i = n - 1; i > 0; i--) {
            int32_t j = (int32_t)rng_below(key, (uint32_t)i, (uint32_t)i + 1), x = order[i];
            order[i] = order[j];
            order[j] = x;
        }
    }
    int32_t valid = percent(n, 80), test = percent(n, 90);
    if (sp->kind == SPLIT_SESSIONS && sp->ds->first_test > 0) {
        test = sp->ds->first_test;
        valid = percent(test, 100 - sp->valid_percent);
    } else if (sp->kind == SPLIT_SESSIONS) {
        valid = percent(n, 90 - sp->valid_percent);
    }
    for (int32_t i = valid; i < n; i++)
        sp->part[order ? order[i] : i] = i < test ? PART_VALID : PART_TEST;
    free(order);
    return true;
}

static int32_t train_length(const struct split *sp, int32_t s)
{
    int32_t n = dataset_len(sp->ds, s);
    if (sp->part[s] != PART_TRAIN)
        return 0;
    /* too short for targets: all of it trains, as the authors' code has it */
    if (n < enough(sp))
        return n;
    return sp->kind == SPLIT_RATIO ? percent(n, 70) : n - 2 * sp->k;
}

int32_t split_valid_len(const struct split *sp, int32_t s)
{
    int32_t n = dataset_len(sp->ds, s);
    if (n < enough(sp) || sp->part[s] != PART_TRAIN)
        return sp->train_len[s];
    return sp->kind == SPLIT_RATIO ? percent(n, 80) : n - sp->k;
}

static void count_training(struct split *sp)
{
    const struct dataset *ds = sp->ds;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        sp->train_len[s] = train_length(sp, s);
        sp->n_train += sp->train_len[s] >= 2;
        sp->n_train_events += sp->train_len[s];
        for (int64_t i = ds->off[s]; i < ds->off[s] + sp->train_len[s]; i++)
            sp->train_pop[ds->item[i]]++;
    }
}

static enum status make(struct split **out, const struct dataset *ds, enum split_kind kind,
                        int32_t k, int32_t valid_percent, struct err *err)
{
    *out = NULL;
    struct split *sp = calloc(1, sizeof *sp);
    if (!sp)
        return err_nomem(err, sizeof *sp, "split");
    size_t n = (size_t)ds->n_sessions + 1;
    sp->kind = kind;
    sp->k = k;
    sp->valid_percent = valid_percent;
    sp->ds = ds;
    put_name(sp);
    sp->train_len = calloc(n, sizeof *sp->train_len);
    sp->part = calloc(n, sizeof *sp->part);
    sp->train_pop = calloc((size_t)ds->n_items + 1, sizeof *sp->train_pop);
    if (!sp->train_len || !sp->train_pop || !sp->part || !choose_parts(sp))
        goto fail;
    count_training(sp);
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        sp->n_valid += session_cases(sp, s, PART_VALID, NULL);
        sp->n_test += session_cases(sp, s, PART_TEST, NULL);
    }
    sp->valid = calloc((size_t)sp->n_valid + 1, sizeof *sp->valid);
    sp->test = calloc((size_t)sp->n_test + 1, sizeof *sp->test);
    if (!sp->valid || !sp->test)
        goto fail;
    struct eval_case *valid = sp->valid, *test = sp->test;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        valid += session_cases(sp, s, PART_VALID, valid);
        test += session_cases(sp, s, PART_TEST, test);
    }
    *out = sp;
    return ST_OK;
fail:
    err_nomem(err, n * 5 + (unsigned long long)(sp->n_valid + sp->n_test) * sizeof *sp->test,
              "split");
    split_free(sp);
    return ST_NOMEM;
}

enum status split_new(struct split **out, const struct dataset *ds, enum split_kind kind,
                      struct err *err)
{
    bool leave = kind == SPLIT_LEAVE_ONE_OUT || kind == SPLIT_LEAVE_K_OUT;
    return make(out, ds, kind, leave ? 1 : 0, SPLIT_VALID, err);
}

enum status split_sessions(struct split **out, const struct dataset *ds, int32_t valid_percent,
                           struct err *err)
{
    *out = NULL;
    if (valid_percent < 0 || valid_percent > SPLIT_VALID_MAX)
        return err_set(err, ST_ARG, "%d %% of the sessions cannot validate: 0 to %d",
                       (int)valid_percent, SPLIT_VALID_MAX);
    return make(out, ds, SPLIT_SESSIONS, 0, valid_percent, err);
}

enum status split_leave(struct split **out, const struct dataset *ds, int32_t k,
                        struct err *err)
{
    *out = NULL;
    int32_t longest = 0;
    for (int32_t s = 0; s < ds->n_sessions; s++)
        longest = dataset_len(ds, s) > longest ? dataset_len(ds, s) : longest;
    if (k < 1 || (int64_t)2 * k + 2 > longest) {
        int32_t most = (longest - 2) / 2;
        err_set(err, ST_ARG,
                "twice %d items held out need histories of %lld or more, the longest has %d",
                (int)k, 2 * (long long)k + 2, (int)longest);
        return err_hint(err, "bad-value", most > 0 ? "Try: k=%d" : "Try: data split sessions",
                        (int)most),
               ST_ARG;
    }
    return make(out, ds, SPLIT_LEAVE_K_OUT, k, SPLIT_VALID, err);
}

void split_log_popularity(const struct split *s, double smooth, double *out)
{
    double total = 0;
    for (int32_t v = 1; v <= s->ds->n_items; v++)
        total += (double)s->train_pop[v] + smooth;
    out[0] = (double)-INFINITY;
    for (int32_t v = 1; v <= s->ds->n_items; v++)
        out[v] = log(((double)s->train_pop[v] + smooth) / total);
}

void split_free(struct split *s)
{
    if (!s)
        return;
    free(s->train_len);
    free(s->train_pop);
    free(s->part);
    free(s->valid);
    free(s->test);
    free(s);
}
