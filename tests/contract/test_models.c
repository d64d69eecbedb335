/* What every row of the table of models promises; a new model is tested by being in it. */
#include "tests/support/approx.h"
#include "engine/data/world.h"
#include "engine/tensor/gemm.h"
#include "engine/train/weights.h"
#include "models/models.h"
#include "tests/support/instrumented.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct dataset *ds, *eight;
static struct split *split, *eight_split;
static struct pool *pools[4];

/* Small enough for a second a model; a name the model does not have is passed over. */
static const char *const modest[] = {"d=16",     "hidden=16",   "maxlen=12",
                                     "batch=32", "dropout=0.1", NULL};

static bool baseline(const struct model_def *m)
{
    return m->flags & MODEL_BASELINE;
}

static struct hparams *settings(const struct model_def *m, const char *more)
{
    struct hparams *hp;
    struct err err;
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    for (int i = 0; modest[i]; i++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(modest[i], "="), modest[i]);
        if (hp_has(hp, name) && hparams_set_all(hp, modest[i], &err))
            fail_msg("%s", err.msg);
    }
    if (hparams_set_all(hp, more, &err))
        fail_msg("%s", err.msg);
    return hp;
}

static struct learner *fresh(const struct model_def *m, const char *more,
                             const struct split *sp)
{
    struct hparams *hp = settings(m, more);
    struct learner *l;
    struct err err;
    if (learner_new(&l, m, hp, sp, 7, &err))
        fail_msg("%s %s: %s", m->name, more, err.msg);
    hparams_free(hp);
    return l;
}

static double run(struct learner *l, int threads, int steps)
{
    struct step_info info = {0};
    struct err err;
    for (int i = 0; i < steps; i++) {
        if (learner_step(l, pools[threads], NULL, &info, &err))
            fail_msg("%s: %s", l->model->name, err.msg);
        assert_true(isfinite(info.loss) && isfinite(info.grad_norm));
    }
    return info.loss;
}

/* ---- The row itself ---- */

static void check_row(void **state)
{
    const struct model_def *m = *state;
    assert_true(m->name && *m->name && m->title && *m->title && m->paper && *m->paper &&
                m->doc && strlen(m->doc) > 20);
    assert_ptr_equal(model_find(m->name), m);
    assert_non_null(m->hparams);
    assert_non_null(m->init);
    if (baseline(m))
        assert_non_null(m->score);
    else
        assert_true(m->spec && (m->loss || (m->encode && m->head)) &&
                    (m->score || (m->encode && m->head)));
    for (const struct hparam_def *h = m->hparams; h->name; h++) {
        assert_true(h->doc && *h->doc);
        for (const struct hparam_def *g = m->hparams; g != h; g++)
            assert_string_not_equal(g->name, h->name);
        if (h->type == HP_ENUM) {
            int n = 0;
            while (h->choices[n])
                n++;
            assert_in_range((int)h->def, 0, n - 1);
        } else if (h->type != HP_LIST && h->type != HP_BOOL) {
            assert_true(h->def >= h->min && h->def <= h->max);
        }
    }
    for (const struct probe_def *p = m->probes; p && p->name; p++)
        assert_true(p->shape && *p->shape && p->doc && *p->doc);
}

static void check_presets(void **state)
{
    if (instrumented()) /* the sizes of the papers: hours */
        skip();
    const struct model_def *m = *state;
    for (const struct preset_def *p = m->presets; p && p->name; p++) {
        struct hparams *hp;
        struct learner *l = NULL;
        struct err err;
        assert_true(p->doc && *p->doc);
        assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
        if (hparams_set_all(hp, p->settings, &err) || learner_new(&l, m, hp, split, 1, &err))
            fail_msg("%s preset=%s: %s", m->name, p->name, err.msg);
        run(l, 2, 1);
        learner_free(l);
        hparams_free(hp);
    }
}

/* Every choice of every switch, one at a time: two steps with finite numbers. */
static void check_choices(void **state)
{
    const struct model_def *m = *state;
    for (const struct hparam_def *h = m->hparams; h->name; h++)
        for (int i = 0;
             h->type == HP_ENUM ? h->choices[i] != NULL : h->type == HP_BOOL && i < 2; i++) {
            char set[64];
            struct learner *l;
            struct err err;
            snprintf(set, sizeof set, "%s=%s", h->name,
                     h->type == HP_ENUM ? h->choices[i]
                     : i                ? "1"
                                        : "0");
            struct hparams *hp = settings(m, set);
            enum status st = learner_new(&l, m, hp, split, 7, &err);
            hparams_free(hp);
            if (st == ST_ARG && *err.hint)
                continue; /* does not go with a default, and says what would */
            if (st)
                fail_msg("%s %s: %s", m->name, set, err.msg);
            if (!baseline(m))
                run(l, 1, 2);
            learner_free(l);
        }
}

/* ---- Training ---- */

static void check_loss_falls(void **state)
{
    const struct model_def *m = *state;
    struct learner *l = fresh(m, "", split);
    double first = 0, last = 0;
    for (int i = 0; i < 120; i++) {
        double v = run(l, 2, 1);
        first += i < 10 ? v : 0;
        last += i >= 110 ? v : 0;
    }
    if (last >= 0.97 * first)
        fail_msg("%s: loss %.4f, after 120 steps %.4f", m->name, first / 10, last / 10);
    learner_free(l);
}

/* A model that cannot learn eight sessions by heart has a gradient that is wrong somewhere. */
static void check_overfits(void **state)
{
    const struct model_def *m = *state;
    struct learner *l = fresh(m, "", eight_split);
    if (hparams_def(l->hp, "dropout") && hparams_def(l->hp, "dropout")->live)
        assert_int_equal(learner_set(l, "dropout", "0", NULL), ST_OK);
    double first = run(l, 1, 1), last = first;
    for (int i = 0; i < 1500 && last > 0.4 * first; i++)
        last = run(l, 1, 1);
    if (last > 0.4 * first)
        fail_msg("%s: loss on eight sessions %.4f, after 1500 steps %.4f", m->name, first,
                 last);
    learner_free(l);
}

static bool go_on(void *ctx, const struct tape *t, int32_t node, enum phase ph)
{
    (void)t;
    (void)node;
    (void)ph;
    ++*(int *)ctx;
    return true;
}

static void check_bits(void **state)
{
    const struct model_def *m = *state;
    char want[65], got[65], path[] = "/tmp/seqlab-model-XXXXXX";
    struct err err;
    struct learner *l = fresh(m, "", split), *c, *back;
    run(l, 1, 8);
    learner_sha256(l, want);
    learner_free(l);

    for (int threads = 2; threads <= 3; threads++) {
        l = fresh(m, "", split);
        run(l, threads, 8);
        learner_sha256(l, got);
        assert_string_equal(got, want);
        learner_free(l);
    }
    l = fresh(m, "", split); /* walked op by op */
    for (int i = 0; i < 8; i++) {
        int ops = 0;
        struct step_watch w = {.shard = -1, .session = 0, .on_op = go_on, .ctx = &ops};
        if (learner_step(l, NULL, &w, NULL, &err))
            fail_msg("%s", err.msg);
        assert_true(ops > 4);
    }
    learner_sha256(l, got);
    assert_string_equal(got, want);
    learner_free(l);

    l = fresh(m, "", split); /* cloned and saved half-way */
    run(l, 2, 4);
    assert_int_equal(learner_clone(&c, l, &err), ST_OK);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (learner_save(l, path, &err))
        fail_msg("%s", err.msg);
    learner_free(l);
    run(c, 1, 4);
    learner_sha256(c, got);
    assert_string_equal(got, want);
    learner_free(c);
    if (learner_load(&back, path, model_defs, split, false, &err))
        fail_msg("%s", err.msg);
    run(back, 3, 4);
    learner_sha256(back, got);
    assert_string_equal(got, want);
    learner_free(back);
    unlink(path);
}

/* ---- Answers ---- */

enum { ASKED = 5 };
static const int32_t *typed[ASKED];
static int32_t typed_len[ASKED];

static void pick_sessions(void)
{
    static const int32_t len[ASKED] = {6, 1, 12, 3, 6};
    for (int i = 0, s = 0; i < ASKED; s++)
        if (dataset_len(ds, s) >= len[i]) {
            typed[i] = ds->item + ds->off[s];
            typed_len[i] = len[i];
            i++;
        }
}

static struct batch_spec spec_of(const struct learner *l)
{
    struct batch_spec s = {.kind = BATCH_SESSIONS, .max_len = 1000, .n_target = 1};
    if (l->model->spec)
        l->model->spec(l->self, &s);
    return s;
}

/* Scores are numbers but for id 0, a distribution where the model says so, and do not depend
 * on who else is asked. */
static void check_answers(void **state)
{
    const struct model_def *m = *state;
    struct learner *l = fresh(m, "", split);
    struct batch_spec spec = spec_of(l);
    struct arena *mem;
    struct tape *t;
    struct block b;
    struct err err;
    size_t cols = (size_t)ds->n_items + 1;
    real *together = calloc(ASKED * cols, sizeof *together);
    double *alone = calloc(cols, sizeof *alone);
    assert_true(together && alone);
    assert_int_equal(arena_new(&mem, 0, &err), ST_OK);
    assert_int_equal(tape_new(&t, 1 << 20, &err), ST_OK);
    if (!baseline(m))
        run(l, 2, 5);
    block_many(&b, ASKED, typed, typed_len, &spec, mem);
    const struct tensor *s = learner_score(l, t, &b);
    assert_int_equal(tape_check(t, &err), ST_OK);
    assert_int_equal(tensor_rows(s), ASKED);
    assert_int_equal(tensor_cols(s), cols);
    for (size_t q = 0; q < ASKED; q++)
        memcpy(together + q * cols, s->x + q * (size_t)s->ld, cols * sizeof *together);
    for (size_t q = 0; q < ASKED; q++) {
        double sum = 0, most = -1e30;
        block_one(&b, typed[q], typed_len[q], &spec, mem);
        s = learner_score(l, t, &b);
        assert_int_equal(tensor_rows(s), 1);
        assert_true(isinf(s->x[0]) && s->x[0] < 0);
        for (size_t v = 1; v < cols; v++) {
            assert_true(isfinite(s->x[v]));
            alone[v] = (double)s->x[v];
            most = fmax(most, alone[v]);
            sum += exp(alone[v]);
        }
        assert_close(m->name, together + q * cols + 1, alone + 1, cols - 1, 1e-5, 2e-5);
        if (baseline(m) && m->flags & MODEL_SOFTMAX)
            assert_close1("sum of the odds", sum, 1, 1e-4, 0);
        assert_true(most > -100);
    }
    if (baseline(m)) {
        assert_int_equal(learner_step(l, NULL, NULL, NULL, &err), ST_STATE);
        assert_true(*err.msg);
    }
    free(together);
    free(alone);
    tape_free(t);
    arena_free(mem);
    learner_free(l);
}

static bool fits(const char *pattern, const char *name) /* '*': any part */
{
    if (*pattern == '*')
        return fits(pattern + 1, name) || (*name && fits(pattern, name + 1));
    return *pattern == *name && (!*name || fits(pattern + 1, name + 1));
}

/* Every probe of the table comes, and none that is not in it: in training or in an answer. */
static void note_probes(const struct model_def *m, const struct tape *t, bool came[64])
{
    const struct probe_view *v;
    size_t n = tape_probes(t, &v);
    for (size_t i = 0; i < n; i++) {
        bool declared = false;
        for (int p = 0; m->probes && m->probes[p].name; p++)
            if (fits(m->probes[p].name, v[i].name))
                declared = came[p] = true;
        if (!declared)
            fail_msg("%s: probe %s is not in its table", m->name, v[i].name);
        assert_true(tensor_rows(v[i].t) > 0 && tensor_cols(v[i].t) > 0);
    }
}

static void see_probes(const struct model_def *m, const char *settings, bool came[64])
{
    struct learner *l = fresh(m, settings, split);
    struct batch_spec spec = spec_of(l);
    struct arena *mem;
    struct tape *t;
    struct block b;
    struct err err;
    assert_int_equal(arena_new(&mem, 0, &err), ST_OK);
    assert_int_equal(tape_new(&t, 1 << 20, &err), ST_OK);
    struct tape_env env = {.x = l->x, .seed = 1};
    block_many(&b, ASKED, typed, typed_len, &spec, mem);
    tape_begin(t, &env);
    tape_watch(t, 2);
    if (m->score)
        m->score(l->self, t, &b);
    else
        op_head_scores(t, m->encode(l->self, t, &b), m->head(l->self));
    assert_int_equal(tape_check(t, &err), ST_OK);
    note_probes(m, t, came);
    if (l->batcher) { /* and what a watched step of training shows */
        struct batch plan;
        assert_int_equal(batcher_plan(l->batcher, 0, &plan, &err), ST_OK);
        batch_fill(l->batcher, &plan, 0, 0, mem, &b);
        env.training = true;
        tape_begin(t, &env);
        tape_watch(t, 0);
        if (m->loss)
            m->loss(l->self, t, &b);
        else
            op_head(t, m->encode(l->self, t, &b), m->head(l->self), &b);
        assert_int_equal(tape_check(t, &err), ST_OK);
        note_probes(m, t, came);
    }
    tape_free(t);
    arena_free(mem);
    learner_free(l);
}

/* With the usual settings, or with those that have parts of their own. */
static void check_probes(void **state)
{
    static const struct {
        const char *model, *settings;
    } more[] = {{"caser", "tail=both user=1"},
                {"caser", "loss=bce T=2 neg=3"},
                {"svae", "rnn=lstm"},
                {"svae", "rnn=transformer"},
                {"svae", "rnn_place=prior"}};
    const struct model_def *m = *state;
    bool came[64] = {0};
    see_probes(m, "", came);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (strcmp(more[i].model, m->name) == 0)
            see_probes(m, more[i].settings, came);
    for (int p = 0; m->probes && m->probes[p].name; p++)
        if (!came[p])
            fail_msg("%s: probe %s never comes", m->name, m->probes[p].name);
}

/* A catalogue of one item, of two; sessions of one and two items: no NaN, no hang. */
static void check_tiny_data(void **state)
{
    const struct model_def *m = *state;
    static const int64_t off[] = {0, 2, 5, 6, 8};
    static const int32_t one[] = {1, 1, 1, 1, 1, 1, 1, 1}, two[] = {1, 2, 2, 1, 2, 1, 2, 2},
                         len[] = {2, 3, 1, 2};
    for (int v = 1; v <= 2; v++) {
        int64_t pop[3] = {0};
        int32_t train[4];
        const int32_t *item = v == 1 ? one : two;
        for (int e = 0; e < 8; e++)
            pop[item[e]]++;
        memcpy(train, len, sizeof train);
        struct dataset d = {.name = "tiny",
                            .n_items = v,
                            .n_sessions = 4,
                            .n_events = 8,
                            .off = off,
                            .item = item,
                            .popularity = pop};
        struct split sp = {.kind = SPLIT_SESSIONS,
                           .ds = &d,
                           .train_len = train,
                           .n_train = 3,
                           .n_train_events = 8,
                           .train_pop = pop};
        struct hparams *hp = settings(m, "");
        struct learner *l;
        struct err err;
        enum status st = learner_new(&l, m, hp, &sp, 1, &err);
        hparams_free(hp);
        if (st) { /* allowed to decline, in a sentence */
            assert_int_equal(st, ST_ARG);
            assert_true(strlen(err.msg) > 10);
            continue;
        }
        if (!baseline(m))
            run(l, 2, 10);
        learner_free(l);
    }
}

static int set_up(void **state)
{
    (void)state;
    const char *note;
    struct world_opts o = {.items = 144, .sessions = 300, .noise = -1, .seed = 1},
                      few = {.items = 144, .sessions = 10, .noise = 0, .seed = 1};
    gemm_start(&note);
    for (int i = 2; i < 4; i++)
        if (pool_new(&pools[i], i, NULL))
            return -1;
    if (world_generate(&ds, "bazaar", &o, NULL) || split_new(&split, ds, SPLIT_SESSIONS, NULL))
        return -1;
    if (world_generate(&eight, "twins", &few, NULL) ||
        split_new(&eight_split, eight, SPLIT_SESSIONS, NULL))
        return -1;
    pick_sessions();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 2; i < 4; i++)
        pool_free(pools[i]);
    split_free(split);
    dataset_free(ds);
    split_free(eight_split);
    dataset_free(eight);
    return 0;
}

static const struct {
    const char *name;
    void (*check)(void **state);
    bool trained_only;
} checks[] = {
    {"row", check_row, false},
    {"presets", check_presets, true},
    {"choices", check_choices, false},
    {"answers", check_answers, false},
    {"probes", check_probes, false},
    {"tiny data", check_tiny_data, false},
    {"loss falls", check_loss_falls, true},
    {"overfits", check_overfits, true},
    {"bits", check_bits, true},
};

int main(void)
{
    enum { MAX = 256 };
    static struct CMUnitTest tests[MAX];
    static char name[MAX][64];
    size_t n = 0;
    for (int i = 0; model_defs[i]; i++)
        for (size_t c = 0; c < sizeof checks / sizeof *checks; c++) {
            const struct model_def *m = model_defs[i];
            if ((checks[c].trained_only && baseline(m)) || n == MAX)
                continue;
            snprintf(name[n], sizeof name[n], "%s: %s", m->name, checks[c].name);
            void *row;
            memcpy(&row, &m, sizeof row);
            tests[n] = (struct CMUnitTest){
                .name = name[n], .test_func = checks[c].check, .initial_state = row};
            n++;
        }
    return _cmocka_run_group_tests("models", tests, n, set_up, tear_down);
}
