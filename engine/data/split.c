/* Which events train and which are asked; see split.h. */
#include "engine/data/split.h"

#include <stdlib.h>

static const char *const names[] = {
    [SPLIT_LEAVE_ONE_OUT] = "leave one out",
    [SPLIT_SESSIONS] = "by session number, 80 / 10 / 10 %",
};

const char *split_name(enum split_kind k)
{
    return (unsigned)k < sizeof names / sizeof *names ? names[k] : "?";
}

static struct eval_case case_at(const struct dataset *ds, int32_t session, int32_t n_prefix)
{
    int64_t at = ds->off[session] + n_prefix;
    return (struct eval_case){session, n_prefix, ds->item[at], ds->flag ? ds->flag[at] : WF_NONE};
}

static bool asked(const struct split *sp, struct eval_case c)
{
    return sp->train_pop[c.target] > 0;
}

/* Cases of one session into `out` (NULL: only counted): all of its next items, from a prefix of one on. */
static int64_t session_cases(struct split *sp, int32_t s, struct eval_case *out)
{
    int64_t n = 0;
    for (int32_t k = 1; k < dataset_len(sp->ds, s); k++) {
        struct eval_case c = case_at(sp->ds, s, k);
        if (!asked(sp, c)) {
            sp->n_unseen += !out;
            continue;
        }
        if (out)
            out[n] = c;
        n++;
    }
    return n;
}

/* First session of validation and of test. */
static int32_t border(const struct dataset *ds, int percent)
{
    return (int32_t)((int64_t)ds->n_sessions * percent / 100);
}

static int32_t train_length(const struct split *sp, int32_t s)
{
    int32_t len = dataset_len(sp->ds, s);
    if (sp->kind == SPLIT_SESSIONS)
        return s < border(sp->ds, 80) ? len : 0;
    return len < 3 ? len : len - 2; /* too short for two targets: all of it trains, as the authors' code has it */
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

static void count_cases(struct split *sp)
{
    const struct dataset *ds = sp->ds;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        if (sp->kind == SPLIT_LEAVE_ONE_OUT) {
            sp->n_valid += dataset_len(ds, s) >= 3;
            sp->n_test += dataset_len(ds, s) >= 3;
        } else if (s >= border(ds, 90))
            sp->n_test += session_cases(sp, s, NULL);
        else if (s >= border(ds, 80))
            sp->n_valid += session_cases(sp, s, NULL);
    }
}

static void fill_cases(struct split *sp)
{
    const struct dataset *ds = sp->ds;
    struct eval_case *valid = sp->valid, *test = sp->test;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        int32_t len = dataset_len(ds, s);
        if (sp->kind == SPLIT_LEAVE_ONE_OUT) {
            if (len < 3)
                continue;
            *valid++ = case_at(ds, s, len - 2);
            *test++ = case_at(ds, s, len - 1); /* the validation item is part of the prefix */
        } else if (s >= border(ds, 90))
            test += session_cases(sp, s, test);
        else if (s >= border(ds, 80))
            valid += session_cases(sp, s, valid);
    }
}

enum status split_new(struct split **out, const struct dataset *ds, enum split_kind kind, struct err *err)
{
    *out = NULL;
    struct split *sp = calloc(1, sizeof *sp);
    if (!sp)
        return err_nomem(err, sizeof *sp, "split");
    sp->kind = kind;
    sp->ds = ds;
    sp->train_len = calloc((size_t)ds->n_sessions + 1, sizeof *sp->train_len);
    sp->train_pop = calloc((size_t)ds->n_items + 1, sizeof *sp->train_pop);
    if (sp->train_len && sp->train_pop) {
        count_training(sp);
        count_cases(sp);
        sp->valid = calloc((size_t)sp->n_valid + 1, sizeof *sp->valid);
        sp->test = calloc((size_t)sp->n_test + 1, sizeof *sp->test);
    }
    if (!sp->train_len || !sp->train_pop || !sp->valid || !sp->test) {
        unsigned long long bytes = (unsigned long long)(sp->n_valid + sp->n_test) * sizeof *sp->test;
        split_free(sp);
        return err_nomem(err, bytes, "split");
    }
    fill_cases(sp);
    *out = sp;
    return ST_OK;
}

void split_free(struct split *s)
{
    if (!s)
        return;
    free(s->train_len);
    free(s->train_pop);
    free(s->valid);
    free(s->test);
    free(s);
}
