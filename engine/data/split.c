/* Which events train and which are asked; see split.h. */
#include "engine/data/split.h"

#include "engine/base/rng.h"

#include <stdlib.h>

static const char *const names[] = {
    [SPLIT_LEAVE_ONE_OUT] = "leave one out",
    [SPLIT_SESSIONS] = "by session number, 80 / 10 / 10 %",
    [SPLIT_RATIO] = "of each user, 70 / 10 / 20 %",
    [SPLIT_USERS] = "by user, 80 / 10 / 10 %",
};

const char *const split_words[] = {"leave-one-out", "sessions", "ratio", "users", NULL};

const char *split_name(enum split_kind k)
{
    return (unsigned)k < sizeof names / sizeof *names ? names[k] : "?";
}

enum { ENOUGH = 3, ENOUGH_HELD_OUT = 5 }; /* items that make a user worth asking */

static struct eval_case case_at(const struct dataset *ds, int32_t session, int32_t n_prefix,
                                int32_t at)
{
    int64_t i = ds->off[session] + at;
    return (struct eval_case){session, n_prefix, ds->item[i], ds->flag ? ds->flag[i] : WF_NONE};
}

/* Cases on items from..to-1 of a session into `out` (NULL: only counted).  given: how many items are shown before each; -1: all that
 * came before it. */
static int64_t put_cases(struct split *sp, int32_t s, int32_t from, int32_t to, int32_t given,
                         struct eval_case *out)
{
    int64_t n = 0;
    for (int32_t at = from; at < to; at++) {
        struct eval_case c = case_at(sp->ds, s, given < 0 ? at : given, at);
        if (sp->kind != SPLIT_LEAVE_ONE_OUT && sp->train_pop[c.target] == 0) {
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

/* Where the first 80 % of a session's items that occur in training end; 0: there are too few of them. */
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

/* Cases of a session for one part. */
static int64_t session_cases(struct split *sp, int32_t s, enum split_part part,
                             struct eval_case *out)
{
    int32_t n = dataset_len(sp->ds, s), seventy = percent(n, 70), eighty = percent(n, 80),
            given;
    switch (sp->kind) {
    case SPLIT_SESSIONS:
        return sp->part[s] == part ? put_cases(sp, s, 1, n, -1, out) : 0;
    case SPLIT_USERS:
        given = sp->part[s] == part ? fold_in(sp, s) : 0;
        return given ? put_cases(sp, s, given, n, given, out) : 0;
    case SPLIT_RATIO:
        if (n < ENOUGH)
            return 0;
        return part == PART_VALID ? put_cases(sp, s, seventy, eighty, seventy, out)
                                  : put_cases(sp, s, eighty, n, eighty, out);
    case SPLIT_LEAVE_ONE_OUT:
        break;
    }
    if (n < ENOUGH)
        return 0;
    /* At test the validation item is part of the prefix */
    int32_t at = part == PART_VALID ? n - 2 : n - 1;
    return put_cases(sp, s, at, at + 1, -1, out);
}

/* Which sessions train.  Users are shuffled by a key of their own: which ones are held out depends on no setting. */
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
        valid = percent(test, 90);
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
    if (n < ENOUGH) /* too short for targets: all of it trains, as the authors' code has it */
        return n;
    return sp->kind == SPLIT_LEAVE_ONE_OUT ? n - 2
           : sp->kind == SPLIT_RATIO       ? percent(n, 70)
                                           : n;
}

int32_t split_valid_len(const struct split *sp, int32_t s)
{
    int32_t n = dataset_len(sp->ds, s);
    if (n < ENOUGH || sp->part[s] != PART_TRAIN)
        return sp->train_len[s];
    return sp->kind == SPLIT_LEAVE_ONE_OUT ? n - 1
           : sp->kind == SPLIT_RATIO       ? percent(n, 80)
                                           : sp->train_len[s];
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

enum status split_new(struct split **out, const struct dataset *ds, enum split_kind kind,
                      struct err *err)
{
    *out = NULL;
    struct split *sp = calloc(1, sizeof *sp);
    if (!sp)
        return err_nomem(err, sizeof *sp, "split");
    size_t n = (size_t)ds->n_sessions + 1;
    sp->kind = kind;
    sp->ds = ds;
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
