#include "tests/support/planted.h"
#include "engine/base/clock.h"
#include "engine/tensor/gemm.h"
#include "models/models.h"
#include "tests/support/figures.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct learner *born(const struct model_def *m, const struct hparams *hp,
                            const struct split *sp, uint64_t seed)
{
    struct learner *l;
    struct err err;
    if (learner_new(&l, m, hp, sp, seed, &err))
        fail_msg("%s", err.msg);
    return l;
}

/* "preset=NAME a=1 b=2": the preset first. */
static struct hparams *settings_of(const struct model_def *m, const char *settings)
{
    struct hparams *hp;
    struct err err;
    if (hparams_new(&hp, m->hparams, m->name, &err))
        fail_msg("%s", err.msg);
    if (strncmp(settings, "preset=", 7) == 0) {
        const struct preset_def *q = m->presets;
        size_t len = strcspn(settings += 7, " ");
        while (q->name && (strlen(q->name) != len || strncmp(q->name, settings, len) != 0))
            q++;
        if (!q->name || hparams_set_all(hp, q->settings, &err))
            fail_msg("%s: preset %s: %s", m->name, settings,
                     q->name ? err.msg : "there is none");
        settings += len;
    }
    if (hparams_set_all(hp, settings, &err))
        fail_msg("%s", err.msg);
    return hp;
}

void planted_more(struct planted *p, int64_t steps)
{
    struct err err;
    struct step_info info;
    double began = clock_s();
    for (int64_t i = 0; i < steps; i++) {
        if (learner_step(p->l, p->pool, NULL, &info, &err))
            fail_msg("%s", err.msg);
        p->loss = info.loss;
    }
    p->seconds += clock_s() - began;
    weights_unref(p->w);
    if (weights_of(&p->w, p->l, &err))
        fail_msg("%s", err.msg);
}

void planted_train(struct planted *p, const char *world, uint64_t seed, int32_t sessions,
                   const char *model, const char *settings, int64_t steps)
{
    struct err err;
    const char *note;
    struct world_opts o = {.items = 240, .sessions = sessions, .noise = -1, .seed = seed};
    memset(p, 0, sizeof *p);
    gemm_start(&note);
    if (world_generate(&p->ds, world, &o, &err) ||
        split_new(&p->sp, p->ds, SPLIT_SESSIONS, &err) || pool_new(&p->pool, 0, &err) ||
        explore_new(&p->ask, &err))
        fail_msg("%s", err.msg);
    const struct model_def *m = model_find(model);
    assert_non_null(m);
    p->hp = settings_of(m, settings);
    p->l = born(m, p->hp, p->sp, seed);
    planted_more(p, steps);
}

void planted_free(struct planted *p)
{
    explore_free(p->ask);
    weights_unref(p->w);
    learner_free(p->l);
    hparams_free(p->hp);
    pool_free(p->pool);
    split_free(p->sp);
    dataset_free(p->ds);
    memset(p, 0, sizeof *p);
}

static struct eval_spec questions(const struct planted *p, int flag, bool in_place)
{
    struct eval_spec s;
    eval_defaults(&s, p->sp);
    s.on = PART_TEST;
    s.k = 10;
    s.flag = flag;
    s.in_place = in_place;
    return s;
}

struct eval_result planted_eval(struct planted *p, int flag, bool in_place)
{
    struct eval_spec s = questions(p, flag, in_place);
    struct eval_result r;
    struct err err;
    if (eval_run(p->w, &s, p->pool, NULL, &r, &err))
        fail_msg("%s", err.msg);
    return r;
}

struct eval_result planted_baseline(struct planted *p, const char *model, int flag)
{
    const struct model_def *m = model_find(model);
    assert_non_null(m);
    struct eval_spec s = questions(p, flag, false);
    struct hparams *hp = settings_of(m, "");
    struct learner *l = born(m, hp, p->sp, 1);
    struct eval_result r = {0};
    struct weights *w;
    struct err err;
    if (weights_of(&w, l, &err) || eval_run(w, &s, p->pool, NULL, &r, &err))
        fail_msg("%s", err.msg);
    weights_unref(w);
    learner_free(l);
    hparams_free(hp);
    return r;
}

struct ceiling planted_ceiling(struct planted *p, int flag)
{
    struct eval_spec s = questions(p, flag, false);
    struct ceiling c;
    struct err err;
    if (eval_ceiling(p->sp, &s, &c, NULL, &err))
        fail_msg("%s", err.msg);
    return c;
}

double planted_gap(struct planted *p, double trivial)
{
    return (planted_eval(p, -1, false).hr - trivial) /
           (planted_ceiling(p, -1).oracle_hr10 - trivial);
}

double planted_gap_of(struct planted *p, int flag)
{
    double trivial =
        fmax(planted_baseline(p, "pop", flag).hr, planted_baseline(p, "markov", flag).hr);
    return (planted_eval(p, flag, false).hr - trivial) /
           (planted_ceiling(p, flag).oracle_hr10 - trivial);
}

double planted_excess(struct planted *p, unsigned flags, bool in_place, double *se)
{
    struct eval_spec s = questions(p, -1, in_place);
    size_t n_case = (size_t)eval_count(p->sp, &s), i = 0;
    struct rank_obs *obs = calloc(n_case, sizeof *obs);
    double *logp = calloc(n_case, sizeof *logp),
           *odds = calloc((size_t)p->ds->n_items + 1, sizeof *odds);
    double sum = 0, sum2 = 0, n = 0;
    struct arena *mem;
    struct err err;
    assert_true(obs && logp && odds);
    if (arena_new(&mem, 0, &err) || eval_ranks(p->w, &s, p->pool, NULL, obs, logp, &err))
        fail_msg("%s", err.msg);
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        if (k->flag == WF_START)
            continue;
        assert_true(i < n_case);
        if (obs[i].rank > 0 && flags >> k->flag & 1u) {
            assert_int_equal(obs[i].target, k->target);
            world_odds(p->ds->world, p->ds->item + p->ds->off[k->session], k->n_prefix, odds,
                       mem);
            double d = log(odds[k->target]) - logp[i];
            sum += d;
            sum2 += d * d;
            n++;
            arena_reset(mem);
        }
        i++;
    }
    assert_int_equal(i, n_case);
    assert_true(n > 1);
    *se = sqrt((sum2 / n - sum / n * (sum / n)) / n);
    free(obs);
    free(logp);
    free(odds);
    arena_free(mem);
    return sum / n;
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

double planted_bce(struct planted *p, double *floor)
{
    int32_t v = p->ds->n_items;
    double *odds = calloc((size_t)v + 1, sizeof *odds), sum = 0, n = 0;
    struct arena *mem;
    assert_non_null(odds);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        if (k->flag == WF_START)
            continue;
        const int32_t *item = p->ds->item + p->ds->off[k->session];
        struct question q = {.kind = ASK_SCORE, .n = k->n_prefix, .item = item};
        const struct answer *a = explore_ask(p->ask, p->w, &q, NULL);
        if (a->err.code)
            fail_msg("%s", a->err.msg);
        world_odds(p->ds->world, item, k->n_prefix, odds, mem);
        for (int32_t j = 1; j <= v; j++)
            sum += odds[j] * softplus(-(double)a->score[j]) + softplus((double)a->score[j]) / v;
        n++;
        arena_reset(mem);
    }
    *floor = planted_ceiling(p, -1).bce_floor[0];
    free(odds);
    arena_free(mem);
    return sum / n;
}

void planted_only_after(struct planted *p, int32_t clicks)
{
    int64_t n = 0;
    for (int64_t c = 0; c < p->sp->n_test; c++)
        if (p->sp->test[c].n_prefix >= clicks)
            p->sp->test[n++] = p->sp->test[c];
    assert_true(n > 0);
    p->sp->n_test = n;
}

/* The best k items after a sequence. */
static void answers(struct planted *p, const int32_t *item, int32_t n, int32_t k, int32_t *best)
{
    struct question q = {.kind = ASK_SCORE, .n = n, .item = item};
    const struct answer *a = explore_ask(p->ask, p->w, &q, NULL);
    float score[16];
    assert_true(k <= 16);
    if (a->err.code)
        fail_msg("%s", a->err.msg);
    assert_int_equal(top_items(a->score, a->n_items, k, NULL, 0, best, score), k);
}

double planted_elsewhere(struct planted *p, uint64_t seed, double *gap)
{
    const struct world_def *world = world_of(p->ds->world);
    struct planted q;
    double hits = 0, n = 0;
    planted_train(&q, world->name, seed, 0, "pop", "", 0);
    for (int64_t c = 0; c < q.sp->n_test; c++) {
        const struct eval_case *k = &q.sp->test[c];
        int32_t item[10];
        if (k->flag == WF_START)
            continue;
        answers(p, q.ds->item + q.ds->off[k->session], k->n_prefix, 10, item);
        for (int r = 0; r < 10; r++)
            hits += item[r] == k->target;
        n++;
    }
    double pop = planted_baseline(&q, "pop", -1).hr;
    *gap = (hits / n - pop) / (planted_ceiling(&q, -1).oracle_hr10 - pop);
    planted_free(&q);
    return hits / n;
}

void planted_successors(struct planted *p, double share[3])
{
    int32_t v = p->ds->n_items, first = 0, in_four = 0, in_ten = 0;
    double *odds = calloc((size_t)v + 1, sizeof *odds);
    float *as_score = calloc((size_t)v + 1, sizeof *as_score), s[4];
    struct arena *mem;
    assert_true(odds && as_score);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    for (int32_t i = 1; i <= v; i++) {
        int32_t next[4], item[10];
        world_odds(p->ds->world, &i, 1, odds, mem);
        for (int32_t j = 1; j <= v; j++)
            as_score[j] = (float)odds[j];
        top_items(as_score, v, 4, NULL, 0, next, s);
        answers(p, &i, 1, 10, item);
        for (int r = 0; r < 10; r++) {
            first += r == 0 && item[r] == next[0];
            in_four += r < 4 && item[r] == next[0];
            for (int k = 0; k < 4; k++)
                in_ten += item[r] == next[k];
        }
        arena_reset(mem);
    }
    share[0] = (double)first / v;
    share[1] = (double)in_four / v;
    share[2] = (double)in_ten / (4 * v);
    arena_free(mem);
    free(odds);
    free(as_score);
}

int32_t planted_answer(struct planted *p, const int32_t *item, int32_t n)
{
    int32_t best;
    answers(p, item, n, 1, &best);
    return best;
}

int planted_attention(struct planted *p, const int32_t *item, int32_t n, int32_t back,
                      double *by_head)
{
    struct question q = {
        .kind = ASK_PROBES, .n = n, .item = item, .probes = "block*.attn.prob"};
    const struct answer *a = explore_ask(p->ask, p->w, &q, NULL);
    int k = 0;
    if (a->err.code)
        fail_msg("%s", a->err.msg);
    assert_true(a->n_probe > 0);
    for (int i = 0; i < a->n_probe; i++) {
        const struct probe_copy *c = &a->probe[i];
        int32_t t = c->d[2];
        assert_int_equal(c->nd, 3);
        assert_int_equal(t, a->n);
        assert_true(back < t);
        for (int32_t h = 0; h < c->d[0] && k < 64; h++)
            by_head[k++] = (double)c->x[((size_t)h * (size_t)t + (size_t)(t - 1)) * (size_t)t +
                                        (size_t)(t - 1 - back)];
    }
    return k;
}

double planted_row_share(const struct planted *p, int32_t back)
{
    const struct param *v = params_find(p->w->ps, "conv.v.W");
    assert_non_null(v);
    int32_t rows = param_cols(v), at = rows - 1 - back;
    double on = 0, all = 0;
    for (size_t k = 0; k < param_rows(v); k++)
        for (int32_t l = 0; l < rows; l++) {
            double w = (double)p->w->x[v->at + k * (size_t)v->ld + (size_t)l];
            all += w * w;
            on += l == at ? w * w : 0;
        }
    return on / all;
}

int planted_main(int argc, char **argv, const struct planted_world *world, int n)
{
    static char s4[] = "4", s5[] = "5", s6[] = "6", *usual[] = {s4, s5, s6};
    char **seed = argc > 2 ? argv + 2 : usual;
    int seeds = argc > 2 ? argc - 2 : 3, ran = 0;
    for (int w = 0; w < n; w++)
        for (int i = 0; i < seeds; i++)
            if (argc < 2 || strcmp(argv[1], world[w].name) == 0) {
                world[w].run(strtoull(seed[i], NULL, 10));
                ran++;
            }
    if (ran == 0) {
        fprintf(stderr, "%s: no world %s here\n", argv[0], argv[1]);
        return 2;
    }
    return figures_missed() != 0;
}
