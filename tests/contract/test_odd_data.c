/* Odd data, for every model: catalogues of one and two items, one item over and over,
 * sessions of one click, a user who owns everything.  Training steps, the three ways to rank
 * and an answer: numbers stay finite, nothing hangs, and where nothing can be learned one
 * line says so. */
#include "engine/train/eval.h"
#include "engine/train/explore.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { STEPS = 12 };

static const char *const one_item[] = {"a a a a", "a a",     "a a a", "a a a a a a",
                                       "a a a a", "a",       "a a a", "a a a",
                                       "a a a",   "a a a a", NULL};
static const char *const two_items[] = {"a b a b",     "b a",   "a b a", "b b b a",
                                        "a a b b a b", "b",     "a b",   "a b a",
                                        "b a b a",     "a b b", NULL};
static const char *const same_item[] = {"a a a a a a",     "b b b", "c c c c c", "d d",
                                        "e e e e e e e e", "a a a", "b b b b",   "c c c",
                                        "d d d",           "e e e", NULL};
static const char *const one_click[] = {"a", "b", "c", "a", "b", "d", "a", "c", "b", "a", NULL};
static const char *const owns_all[] = {
    "a b c d e f", "f e d c b a", "a c e b d f", "b d f a c e", "c a b", "d e f",
    "a b c d",     "f a b c",     "b c d e",     "e f a b",     NULL};

static const struct shape {
    const char *name;
    const char *const *session;
    int32_t n_items;
    bool by_user, empty; /* empty: nothing to learn from */
} shapes[] = {
    {"one item, sessions", one_item, 1, false, false},
    {"one item, users", one_item, 1, true, false},
    {"two items, sessions", two_items, 2, false, false},
    {"two items, users", two_items, 2, true, false},
    {"the same item again", same_item, 5, false, false},
    {"the same, users", same_item, 5, true, false},
    {"one click, sessions", one_click, 4, false, true},
    {"one click, users", one_click, 4, true, true},
    {"owns everything", owns_all, 6, true, false},
    {"owns, sessions", owns_all, 6, false, false},
};

static struct dataset *make_data(const struct shape *s)
{
    struct event_sink *sink;
    struct dataset *ds;
    struct import_opts o = {0};
    struct import_report rep;
    struct err err;
    if (sink_new(&sink, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; s->session[i]; i++) {
        char user[16];
        int n = snprintf(user, sizeof user, "u%d", i);
        if (!s->by_user && sink_session(sink, &err))
            fail_msg("%s", err.msg);
        for (const char *p = s->session[i]; *p; p++)
            if (*p != ' ' && sink_event(sink, s->by_user ? user : NULL,
                                        s->by_user ? (size_t)n : 0, p, 1, INT64_MIN, &err))
                fail_msg("%s", err.msg);
    }
    if (dataset_build(&ds, sink, s->name, s->by_user, &o, &rep, &err))
        fail_msg("%s: %s", s->name, err.msg);
    sink_free(sink);
    assert_int_equal(ds->n_items, s->n_items);
    return ds;
}

static void check_line(const char *what, const struct err *err)
{
    if (!*err->msg || strchr(err->msg, '\n') || strlen(err->msg) < 15)
        fail_msg("%s: not one clear line: \"%s\"", what, err->msg);
}

/* All three ways to rank; figures of no question at all are the only ones that may be NaN. */
static void check_eval(const char *what, const struct weights *w)
{
    for (int p = 0; protocol_names[p]; p++)
        for (int on = PART_VALID; on <= PART_TEST; on++) {
            struct eval_spec s;
            struct eval_result r = {0};
            struct err err;
            eval_defaults(&s, w->split);
            if (protocol_use(&s, (enum protocol)p, w->split, &err))
                continue; /* asks another split */
            s.on = (enum split_part)on;
            if (eval_run(w, &s, NULL, NULL, &r, &err))
                fail_msg("%s, %s: %s", what, protocol_names[p], err.msg);
            if (r.n == 0)
                continue;
            if (!(r.hr >= 0 && r.hr <= 1 && r.ndcg >= 0 && r.ndcg <= 1 && r.mrr >= 0 &&
                  r.mrr <= 1))
                fail_msg("%s, %s: HR %g NDCG %g MRR %g", what, protocol_names[p], r.hr, r.ndcg,
                         r.mrr);
            if (r.has_logloss && !isfinite(r.logloss))
                fail_msg("%s, %s: log loss %g", what, protocol_names[p], r.logloss);
        }
}

static void check_answers(const char *what, const struct weights *w)
{
    struct explore *ask;
    struct err err;
    int32_t all[8], n = w->ds->n_items;
    assert_int_equal(explore_new(&ask, &err), ST_OK);
    for (int32_t i = 0; i < 8; i++)
        all[i] = 1 + i % n;
    for (int32_t len = 0; len <= 8; len += len < 2 ? 1 : 6) {
        struct question q = {.kind = ASK_SCORE, .n = len, .item = all};
        const struct answer *a = explore_ask(ask, w, &q, NULL);
        if (a->err.code) {
            check_line(what, &a->err);
            continue;
        }
        for (int32_t i = 1; i <= n; i++)
            if (!isfinite(a->score[i]))
                fail_msg("%s, %d items typed: score of %d is %g", what, (int)len, (int)i,
                         (double)a->score[i]);
    }
    explore_free(ask);
}

/* Widths cost time and change nothing here. */
static const char *const narrow[][2] = {{"d", "8"},     {"hidden", "8"}, {"inner", "16"},
                                        {"batch", "8"}, {"E", "8"},      {"H", "8"},
                                        {"HID", "8"},   {"K", "4"}};

static void check_preset(const struct model_def *m, const char *preset, const char *settings,
                         const struct shape *s, const struct split *sp)
{
    char what[128];
    struct hparams *hp;
    struct learner *l;
    struct weights *w;
    struct err err;
    snprintf(what, sizeof what, "%s %s, %s", m->name, preset, s->name);
    if (hparams_new(&hp, m->hparams, m->name, &err) || hparams_set_all(hp, settings, &err))
        fail_msg("%s: %s", what, err.msg);
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        if (hp_has(hp, narrow[i][0]) && hparams_set(hp, narrow[i][0], narrow[i][1], &err))
            fail_msg("%s: %s", what, err.msg);
    enum status st = learner_new(&l, m, hp, sp, 3, &err);
    hparams_free(hp);
    if (st) {
        check_line(what, &err);
        return;
    }
    for (int i = 0; i < STEPS && !(m->flags & MODEL_BASELINE); i++) {
        struct step_info info = {0};
        st = learner_step(l, NULL, NULL, &info, &err);
        if (st) {
            check_line(what, &err);
            if (!s->empty)
                fail_msg("%s: %s", what, err.msg);
            break;
        }
        if (s->empty)
            fail_msg("%s: learns from nothing", what);
        if (!isfinite(info.loss) || !isfinite(info.grad_norm))
            fail_msg("%s, step %d: loss %g, gradient %g", what, i, info.loss, info.grad_norm);
    }
    if (weights_of(&w, l, &err))
        fail_msg("%s: %s", what, err.msg);
    check_eval(what, w);
    check_answers(what, w);
    weights_unref(w);
    learner_free(l);
}

static void check_model(void **state)
{
    const struct model_def *m = *state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        static const enum split_kind kinds[] = {SPLIT_LEAVE_ONE_OUT, SPLIT_SESSIONS,
                                                SPLIT_RATIO, SPLIT_USERS};
        struct dataset *ds = make_data(&shapes[i]);
        for (int k = shapes[i].by_user ? 0 : 1; k < (shapes[i].by_user ? 4 : 2); k++) {
            struct split *sp;
            struct err err;
            if (split_new(&sp, ds, kinds[k], &err))
                fail_msg("%s: %s", shapes[i].name, err.msg);
            check_preset(m, "defaults", "", &shapes[i], sp);
            for (const struct preset_def *p = m->presets; p && p->name; p++)
                check_preset(m, p->name, p->settings, &shapes[i], sp);
            split_free(sp);
        }
        dataset_free(ds);
    }
}

int main(void)
{
    enum { MAX = 64 };
    static struct CMUnitTest tests[MAX];
    size_t n = 0;
    for (; model_defs[n] && n < MAX; n++) {
        void *row;
        memcpy(&row, &model_defs[n], sizeof row);
        tests[n] = (struct CMUnitTest){
            .name = model_defs[n]->name, .test_func = check_model, .initial_state = row};
    }
    return _cmocka_run_group_tests("odd data", tests, n, NULL, NULL);
}
