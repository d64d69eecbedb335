/* Evaluation: ranks and ties by hand, protocols, the same figures for any number of threads
 * and read in place or from the prefix. */
#include "engine/data/world.h"
#include "engine/train/eval.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct dataset *ds, *users;
static struct split *split, *user_split;

/* Scorers by formula: what the rank must be is known. */
struct formula {
    int32_t n_items;
    /* 0: all the same; 1: item number; 2: the last item of the prefix, then the item number */
    int kind;
};

static enum status formula_init(void *self, struct params *ps, const struct model_env *env,
                                struct err *err)
{
    (void)ps, (void)err;
    *(struct formula *)self =
        (struct formula){.n_items = env->ds->n_items, .kind = hp_int(env->hp, "kind")};
    return ST_OK;
}

static struct tensor *formula_score(const void *self, struct tape *t, const struct block *b)
{
    const struct formula *f = self;
    struct tensor *s = tape_input(t, NULL, 2, (int32_t[]){b->n_query, f->n_items + 1});
    for (int32_t q = 0; q < b->n_query; q++)
        for (int32_t i = 0; i <= f->n_items; i++) {
            real v = f->kind ? (real)i : 0;
            if (f->kind == 2 && b->item[b->query[q]] == i)
                v = 1e6f;
            s->x[(size_t)q * (size_t)s->ld + (size_t)i] = i ? v : (real)-INFINITY;
        }
    return s;
}

static const struct hparam_def formula_hparams[] = {
    {"kind", HP_INT, false, 0, 0, 2, NULL, "which", NULL}, {.name = NULL}};
static const struct model_def formula = {
    .name = "formula",
    .title = "Formula",
    .flags = MODEL_BASELINE,
    .hparams = formula_hparams,
    .self_size = sizeof(struct formula),
    .init = formula_init,
    .score = formula_score,
};

static struct weights *make(const struct model_def *m, const char *settings,
                            const struct split *sp, int steps)
{
    struct hparams *hp;
    struct learner *l;
    struct weights *w;
    struct err err;
    assert_non_null(m);
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, settings, &err) != ST_OK ||
        learner_new(&l, m, hp, sp, 9, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; i < steps; i++)
        if (learner_step(l, NULL, NULL, NULL, &err) != ST_OK)
            fail_msg("%s", err.msg);
    assert_int_equal(weights_of(&w, l, &err), ST_OK);
    learner_free(l); /* the weights live on without it */
    hparams_free(hp);
    return w;
}

static int set_up(void **state)
{
    (void)state;
    struct world_opts o = {.items = 144, .sessions = 500, .noise = -1, .seed = 1};
    if (world_generate(&ds, "chain", &o, NULL) != ST_OK ||
        split_new(&split, ds, SPLIT_SESSIONS, NULL) != ST_OK)
        return -1;
    if (world_generate(&users, "tastes", &o, NULL) != ST_OK)
        return -1;
    return split_new(&user_split, users, SPLIT_LEAVE_ONE_OUT, NULL) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    split_free(split);
    split_free(user_split);
    dataset_free(ds);
    dataset_free(users);
    return 0;
}

static struct eval_result run(const struct weights *w, const struct eval_spec *s,
                              struct pool *p)
{
    struct eval_result r;
    struct err err;
    if (eval_run(w, s, p, NULL, &r, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return r;
}

static void near(const char *what, double got, double want, double tol)
{
    if (!(fabs(got - want) <= tol))
        fail_msg("%s: %.9g, want %.9g", what, got, want);
}

static void test_constant_scorer(void **state)
{
    (void)state;
    struct weights *w = make(&formula, "kind=0", user_split, 0);
    struct eval_spec s;
    eval_defaults(&s, user_split);
    s.protocol = PROTO_UNI100;
    s.exclude_seen = false;
    struct eval_result r = run(w, &s, NULL);
    assert_true(r.n > 300);
    near("HR@10 of a constant, uni100", r.hr, 10.0 / 101, 1e-12);
    near("HR@1", r.hr1, 1.0 / 101, 1e-12);
    s.protocol = PROTO_FULL;
    r = run(w, &s, NULL);
    near("HR@10 of a constant, full", r.hr, 10.0 / 144, 1e-12);
    s.ties = TIES_STANDARD;
    near("optimistic ties", run(w, &s, NULL).hr, 1, 0);
    s.ties = TIES_CONSERVATIVE;
    near("pessimistic ties", run(w, &s, NULL).hr, 0, 0);
    weights_unref(w);
}

static void test_ranks_by_formula(void **state)
{
    (void)state;
    struct weights *w = make(&formula, "kind=1", split, 0);
    struct eval_spec s;
    eval_defaults(&s, split);
    assert_false(s.exclude_seen);
    int64_t n = eval_count(split, &s);
    struct rank_obs *o = calloc((size_t)n, sizeof *o);
    struct err err;
    assert_int_equal(eval_ranks(w, &s, NULL, NULL, o, NULL, &err), ST_OK);
    for (int64_t i = 0; i < n; i++)
        near("rank", o[i].rank, ds->n_items - o[i].target + 1, 0);
    /* distinct items seen above the target leave; the target itself stays */
    s.exclude_seen = true;
    assert_int_equal(eval_ranks(w, &s, NULL, NULL, o, NULL, &err), ST_OK);
    int64_t k = 0, repeats = 0;
    for (int64_t i = 0; i < split->n_valid; i++) {
        const struct eval_case *c = &split->valid[i];
        if (c->flag == WF_START)
            continue;
        double want = ds->n_items - c->target + 1;
        const int32_t *item = ds->item + ds->off[c->session];
        bool seen[512] = {false}, again = false;
        for (int32_t j = 0; j < c->n_prefix; j++) {
            again |= item[j] == c->target;
            if (item[j] > c->target && !seen[item[j]])
                want--;
            seen[item[j]] = true;
        }
        repeats += again;
        near("rank without seen items", o[k++].rank, want, 0);
    }
    assert_int_equal(k, n);
    struct eval_result r = run(w, &s, NULL);
    assert_int_equal(r.seen_target, repeats);
    assert_false(r.has_logloss);
    assert_true(isnan(r.logloss));
    free(o);
    weights_unref(w);
}

static void test_typed_prefix_alone(void **state)
{
    (void)state;
    /* The best item is the last one of the prefix: that is what the scorer was shown. */
    struct weights *w = make(&formula, "kind=2", split, 0);
    struct eval_spec s;
    eval_defaults(&s, split);
    struct rank_obs *o = calloc((size_t)eval_count(split, &s), sizeof *o);
    struct err err;
    assert_int_equal(eval_ranks(w, &s, NULL, NULL, o, NULL, &err), ST_OK);
    int64_t k = 0;
    for (int64_t i = 0; i < split->n_valid; i++) {
        const struct eval_case *c = &split->valid[i];
        if (c->flag == WF_START)
            continue;
        int32_t last = ds->item[ds->off[c->session] + c->n_prefix - 1];
        double want = last == c->target ? 1 : ds->n_items - c->target + 1 + (last < c->target);
        near("rank", o[k++].rank, want, 0);
    }
    free(o);
    weights_unref(w);
}

static void test_threads_and_places(void **state)
{
    (void)state;
    struct weights *w =
        make(model_find("sasrec"),
             "d=16 layers=2 heads=2 maxlen=20 batch=64 loss=ce pos=none dropout=0.1 lr=0.005",
             split, 150);
    struct eval_spec s;
    struct pool *p;
    eval_defaults(&s, split);
    assert_int_equal(pool_new(&p, 3, NULL), ST_OK);
    struct eval_result a = run(w, &s, NULL), b = run(w, &s, p), c;
    assert_true(a.n > 300 && a.hr > 0.2 && a.has_logloss);
    assert_true(a.hr == b.hr && a.ndcg == b.ndcg && a.mrr == b.mrr && a.logloss == b.logloss &&
                a.n == b.n);
    s.in_place = true; /* causal, no positions: what later items are there cannot matter */
    c = run(w, &s, p);
    assert_int_equal(c.n, a.n);
    near("HR in place", c.hr, a.hr, 1e-9);
    near("log loss in place", c.logloss, a.logloss, 1e-6);
    s.in_place = false;
    s.max_cases = 100;
    assert_int_equal(run(w, &s, p).n, 100);
    assert_int_equal(eval_count(split, &s), 100);
    volatile bool cancel = true;
    struct err err;
    assert_int_equal(eval_run(w, &s, p, &cancel, &c, &err), ST_CANCELLED);
    struct ceiling top;
    s.max_cases = 0;
    assert_int_equal(eval_ceiling(split, &s, &top, NULL, &err), ST_OK);
    assert_int_equal(top.n, a.n);
    assert_true(top.hr10 > a.hr && top.logloss < a.logloss);
    pool_free(p);
    weights_unref(w);
}

static void test_sampled_protocols(void **state)
{
    (void)state;
    struct weights *w = make(model_find("pop"), "", user_split, 0);
    struct eval_spec s;
    eval_defaults(&s, user_split);
    assert_true(s.exclude_seen);
    s.protocol = PROTO_UNI100;
    s.seed = 4;
    struct eval_result a = run(w, &s, NULL), b = run(w, &s, NULL);
    assert_true(a.hr == b.hr);
    s.seed = 5;
    assert_true(run(w, &s, NULL).ndcg != a.ndcg);
    s.protocol = PROTO_POP100; /* popular negatives are the harder ones for popularity */
    assert_true(run(w, &s, NULL).hr < a.hr);
    weights_unref(w);
}

/* BERT4Rec's sampler: 100 distinct items that the user never had; all there are where there
 * are fewer. */
static void test_popular_draws(void **state)
{
    (void)state;
    struct weights *w = make(&formula, "kind=1", user_split, 0);
    struct eval_spec s;
    struct err err;
    eval_defaults(&s, user_split);
    s.protocol = PROTO_POP100;
    s.seed = 4;
    int64_t n = eval_count(user_split, &s);
    struct rank_obs *o = calloc((size_t)n, sizeof *o);
    assert_non_null(o);
    assert_int_equal(eval_ranks(w, &s, NULL, NULL, o, NULL, &err), ST_OK);
    for (int64_t i = 0; i < n; i++) {
        int32_t above = 0, below = 0; /* what may be drawn, by number */
        for (int32_t v = 1; v <= users->n_items; v++) {
            bool had = v == o[i].target;
            for (int64_t e = users->off[o[i].session]; e < users->off[o[i].session + 1]; e++)
                had |= users->item[e] == v;
            *(v > o[i].target ? &above : &below) += !had && users->popularity[v] > 0;
        }
        int32_t all = above + below;
        assert_int_equal(o[i].n_cand, all < 100 ? all + 1 : 101);
        assert_true(o[i].rank >= 1 && o[i].rank <= above + 1); /* none twice */
        assert_true(o[i].rank >= o[i].n_cand - below);
    }
    free(o);
    weights_unref(w);
}

/* Every event of the held-out sessions: cut off at 20 whatever k is asked, rank 20 counts,
 * ties go to the target. */
static void test_events_protocol(void **state)
{
    (void)state;
    struct weights *w = make(&formula, "kind=1", split, 0),
                   *same = make(&formula, "kind=0", split, 0);
    struct eval_spec s;
    struct err err;
    double hit = 0, inverse = 0, n = 0;
    eval_defaults(&s, split);
    s.exclude_seen = true;
    assert_int_equal(protocol_use(&s, PROTO_EVENTS, split, &err), ST_OK);
    assert_false(s.exclude_seen);
    for (int64_t i = 0; i < split->n_valid; i++)
        if (split->valid[i].flag != WF_START) {
            double rank = ds->n_items - split->valid[i].target + 1;
            hit += rank <= 20;
            inverse += rank <= 20 ? 1 / rank : 0;
            n++;
        }
    struct eval_result r = run(w, &s, NULL);
    assert_int_equal(r.n_metric, 2);
    assert_int_equal(r.n, (int64_t)n);
    near("Recall@20", r.metric[0].mean, hit / n, 1e-12);
    near("MRR@20", r.metric[1].mean, inverse / n, 1e-12);
    assert_true(r.metric[0].mean > r.hr); /* which is at 10 */
    near("ties", run(same, &s, NULL).metric[1].mean, 1, 0);
    assert_int_equal(protocol_use(&s, PROTO_EVENTS, user_split, &err), ST_STATE);
    assert_non_null(strstr(err.hint, "data split sessions"));
    weights_unref(w);
    weights_unref(same);
}

/* Rows of the table: metrics exist, labels are told apart, and what is reported is what the
 * old fields say. */
static void test_protocol_rows(void **state)
{
    (void)state;
    char label[METRIC_LABEL], key[METRIC_LABEL], before[METRIC_LABEL];
    for (int p = 0; protocol_names[p]; p++) {
        const struct protocol_def *d = protocol_def((enum protocol)p);
        assert_string_equal(d->name, protocol_names[p]);
        assert_true(*d->title && *d->doc && d->metric[0].label);
        *before = 0;
        for (const struct protocol_metric *m = d->metric; m->label; m++) {
            assert_non_null(metric_find(m->metric));
            protocol_label(m, 7, label, key);
            assert_string_not_equal(label, before);
            memcpy(before, label, sizeof before);
        }
    }
    protocol_label(&protocol_def(PROTO_FULL)->metric[1], 7, label, key);
    assert_string_equal(key, "ndcg@7");
    struct weights *w = make(model_find("markov"), "", user_split, 0);
    struct eval_spec s;
    eval_defaults(&s, user_split);
    struct eval_result r = run(w, &s, NULL);
    near("HR", r.metric[0].mean, r.hr, 0);
    near("NDCG", r.metric[1].mean, r.ndcg, 0);
    near("MRR", r.metric[2].mean, r.mrr, 0);
    near("its error", r.metric[1].se, r.se_ndcg, 0);
    weights_unref(w);
}

/* An evaluation in parts gives the ranks of one in a piece, draws included. */
static void test_parts(void **state)
{
    (void)state;
    struct weights *w = make(&formula, "kind=2", user_split, 0);
    static const enum protocol protocols[] = {PROTO_FULL, PROTO_UNI100, PROTO_POP100};
    for (size_t p = 0; p < sizeof protocols / sizeof *protocols; p++) {
        struct eval_spec s;
        struct err err;
        struct eval_case c;
        eval_defaults(&s, user_split);
        s.protocol = protocols[p];
        int64_t n = eval_count(user_split, &s), part = 37;
        struct rank_obs *whole = calloc((size_t)n, sizeof *whole),
                        *parts = calloc((size_t)n, sizeof *parts);
        assert_int_equal(eval_ranks(w, &s, NULL, NULL, whole, NULL, &err), ST_OK);
        for (int64_t i = 0; i < n; i += part)
            assert_int_equal(eval_ranks_part(w, &s, i, part, NULL, NULL, parts + i, NULL, &err),
                             ST_OK);
        assert_memory_equal(whole, parts, (size_t)n * sizeof *whole);
        for (int64_t i = 0; i < n; i += 11) {
            assert_true(eval_case_at(user_split, &s, i, &c));
            assert_int_equal(c.target, whole[i].target);
            assert_int_equal(c.session, whole[i].session);
        }
        assert_false(eval_case_at(user_split, &s, n, &c));
        assert_false(eval_case_at(user_split, &s, -1, &c));
        free(whole);
        free(parts);
    }
    weights_unref(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_scorer),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_ranks_by_formula),   cmocka_unit_test(test_typed_prefix_alone),
        cmocka_unit_test(test_threads_and_places), cmocka_unit_test(test_sampled_protocols),
        cmocka_unit_test(test_popular_draws),      cmocka_unit_test(test_events_protocol),
        cmocka_unit_test(test_protocol_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
