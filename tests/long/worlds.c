/* The table of models and worlds: what share of the way from the better of popularity and Markov-1 to the exact odds each model goes,
 * with its preset for generated worlds, on the test part.  A world is judged where its pattern is: see `worlds`.  Each model's own world
 * must be the best or second best of its row, or it the best or second best there.
 *   Conditions: the same sessions, split and questions for all; each model has the preset and the passes its own planted figures are
 * measured with, the same in every world (printed with the seconds they take).  Columns do not compare with one another: their
 * baselines differ, and so do the numbers of questions.  Each figure is printed with its standard error.
 *   worlds [seed [model ...]]      default: seed 1, all models; about ten minutes on two cores */
#include "engine/train/learner_work.h"
#include "models/models.h"
#include "tests/support/planted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum by { BY_HR10, BY_HR1, BY_LOGLOSS, BY_HIDDEN };
enum { LONGEST = 64 };

static const struct {
    const char *name, *what;
    int flag;
    enum by by;
    bool from_popularity; /* Markov-1 is the rule itself */
} worlds[] = {
    {"chain", "HR@10", -1, BY_HR10, true},
    {"twins", "HR@10", -1, BY_HR10, false},
    {"pairs", "HR@1 of the tin", WF_TIN, BY_HR1, false},
    {"opener", "HR@1 of the present", WF_PRESENT, BY_HR1, false},
    {"gap", "HR@1 of the filling, hidden or asked from the left", WF_FILLING, BY_HIDDEN, false},
    {"drift", "HR@10 after an odd item", WF_AFTER_ODD, BY_HR10, false},
    {"tastes", "HR@10", -1, BY_HR10, false},
    {"skew", "log loss", -1, BY_LOGLOSS, true},
    {"bazaar", "HR@10", -1, BY_HR10, false},
};
enum { WORLDS = sizeof worlds / sizeof *worlds };

static const struct {
    const char *name, *own; /* whose pattern it is made for */
    int steps, epochs;      /* updates, or passes */
} models[] = {
    {"gru4rec", "chain", 0, 8},    {"caser", "pairs", 0, 10},    {"svae", "tastes", 0, 6},
    {"sasrec", "opener", 1200, 0}, {"bert4rec", "gap", 3500, 0}, {"pen4rec", "drift", 0, 12},
    {"itemknn", "", 0, 0},
};
enum { ROWS = sizeof models / sizeof *models };

static int32_t best(const real *score, int32_t n_items)
{
    int32_t top = 1;
    for (int32_t i = 2; i <= n_items; i++)
        if (score[i] > score[top])
            top = i;
    return top;
}

/* HR@1 of what stands at an event when it alone is hidden, and the exact odds' with both
 * sides seen. */
static double hidden_hr1(struct planted *p, int flag, double *oracle)
{
    struct arena *mem;
    struct tape *tape;
    struct err err;
    double right = 0, rule = 0, n = 0, *odds = calloc((size_t)p->ds->n_items + 1, sizeof *odds);
    bool cloze = p->w->spec.kind == BATCH_CLOZE;
    assert_non_null(odds);
    assert_int_equal(arena_new(&mem, 0, NULL), ST_OK);
    assert_int_equal(tape_new(&tape, 1 << 20, NULL), ST_OK);
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        int32_t seq[LONGEST], len = dataset_len(p->ds, k->session);
        if (k->flag != flag)
            continue;
        assert_true(len <= LONGEST);
        memcpy(seq, p->ds->item + p->ds->off[k->session], (size_t)len * sizeof *seq);
        arena_reset(mem);
        world_odds_at(p->ds->world, seq, len, k->n_prefix, odds, mem);
        int32_t top = 1;
        for (int32_t i = 2; i <= p->ds->n_items; i++)
            top = odds[i] > odds[top] ? i : top;
        rule += top == k->target;
        n++;
        if (!cloze)
            continue;
        struct block b;
        seq[k->n_prefix] = p->w->spec.mask_item;
        block_masked(&b, seq, len, &p->w->spec, mem);
        tape_begin(tape, &(struct tape_env){.x = p->w->x, .seed = 1});
        const struct tensor *s = model_score(p->w->model, p->w->self, tape, &b);
        if (tape_check(tape, &err))
            fail_msg("%s", err.msg);
        right += best(s->x, p->ds->n_items) == k->target;
    }
    assert_true(n > 100);
    tape_free(tape);
    arena_free(mem);
    free(odds);
    *oracle = rule / n;
    return cloze ? right / n : planted_eval(p, flag, false).hr1;
}

static double of(enum by by, const struct eval_result *r)
{
    return by == BY_LOGLOSS ? (r->has_logloss ? -r->logloss : (double)NAN)
           : by == BY_HR10  ? r->hr
                            : r->hr1;
}

static double gap_closed(struct planted *p, int w, double *got, double *se)
{
    const int flag = worlds[w].flag;
    const enum by by = worlds[w].by;
    struct eval_result pop = planted_baseline(p, "pop", flag),
                       markov = planted_baseline(p, "markov", flag);
    double trivial = of(by, &pop), oracle;
    if (!worlds[w].from_popularity)
        trivial = fmax(trivial, of(by, &markov));
    if (by == BY_HIDDEN) {
        *got = hidden_hr1(p, flag, &oracle);
        *se = sqrt(*got * (1 - *got) / (double)pop.n); /* the same events */
    } else {
        struct eval_result r = planted_eval(p, flag, false);
        struct ceiling c = planted_ceiling(p, flag);
        *got = of(by, &r);
        *se = by == BY_LOGLOSS ? r.se_logloss
              : by == BY_HR10  ? r.se_hr
                               : sqrt(r.hr1 * (1 - r.hr1) / (double)r.n);
        oracle = by == BY_LOGLOSS ? -c.logloss : by == BY_HR10 ? c.oracle_hr10 : c.oracle_hr1;
    }
    *se /= oracle - trivial;
    return (*got - trivial) / (oracle - trivial);
}

static double run(int m, int w, uint64_t seed)
{
    struct planted p;
    const struct model_def *def = model_find(models[m].name);
    const char *settings = "";
    double got, se;
    for (const struct preset_def *q = def->presets; q && q->name; q++)
        if (strcmp(q->name, "small") == 0)
            settings = q->settings;
    planted_train(&p, worlds[w].name, seed, 0, models[m].name, settings, 0);
    if (!(def->flags & MODEL_BASELINE))
        planted_more(&p, models[m].steps ? models[m].steps
                                         : models[m].epochs * learner_steps_per_epoch(p.l));
    double closed = gap_closed(&p, w, &got, &se);
    double passes = def->flags & MODEL_BASELINE
                        ? 1
                        : (double)p.l->step / (double)learner_steps_per_epoch(p.l);
    fprintf(stderr,
            "%-9s %-7s %6lld steps, %5.1f passes %6.1f s  %s %.3f  gap closed %.3f +- %.3f\n",
            models[m].name, worlds[w].name, (long long)p.l->step, passes, p.seconds,
            worlds[w].what, worlds[w].by == BY_LOGLOSS ? -got : got, closed, se);
    planted_free(&p);
    return closed;
}

static int place(const double *v, int n, int stride, int of_this)
{
    int ahead = 0;
    for (int i = 0; i < n; i++)
        ahead += v[i * stride] > v[of_this * stride];
    return ahead + 1;
}

int main(int argc, char **argv)
{
    static double closed[ROWS][WORLDS];
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    bool asked[ROWS];
    int missed = 0;
    for (int m = 0; m < ROWS; m++) {
        asked[m] = argc < 3;
        for (int i = 2; i < argc; i++)
            asked[m] |= strcmp(argv[i], models[m].name) == 0;
        for (int w = 0; w < WORLDS; w++)
            closed[m][w] = asked[m] ? run(m, w, seed) : (double)NAN;
    }
    printf("gap closed, seed %llu; * its own world\n%-10s", (unsigned long long)seed, "");
    for (int w = 0; w < WORLDS; w++)
        printf("%9s", worlds[w].name);
    printf("\n");
    for (int m = 0; m < ROWS; m++) {
        if (!asked[m])
            continue;
        printf("%-10s", models[m].name);
        for (int w = 0; w < WORLDS; w++)
            if (isnan(closed[m][w]))
                printf("%8s ", "-");
            else
                printf("%8.3f%c", closed[m][w],
                       strcmp(worlds[w].name, models[m].own) == 0 ? '*' : ' ');
        printf("\n");
    }
    for (int w = 0; w < WORLDS; w++)
        printf("%-7s %s, from %s to the exact odds\n", worlds[w].name, worlds[w].what,
               worlds[w].from_popularity ? "popularity"
                                         : "the better of popularity and Markov-1");
    for (int m = 0; m < ROWS; m++)
        for (int w = 0; w < WORLDS; w++)
            if (asked[m] && strcmp(worlds[w].name, models[m].own) == 0) {
                int among_worlds = place(closed[m], WORLDS, 1, w),
                    among_models = place(&closed[0][w], ROWS, WORLDS, m);
                printf("%-9s %-7s place %d among its worlds, %d among the models\n",
                       models[m].name, worlds[w].name, among_worlds, among_models);
                if (among_worlds > 2 && among_models > 2) {
                    printf("FAILED: %s should be at home in %s\n", models[m].name,
                           worlds[w].name);
                    missed++;
                }
            }
    return missed != 0;
}
