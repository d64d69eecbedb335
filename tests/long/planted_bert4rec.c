/* BERT4Rec finds what is planted in the worlds gap (the filling, hidden, is certain from both sides) and opener: the figures, on
 * seeds that no setting was chosen on.
 *   planted_bert4rec [world [seed ...]]      default: all, seeds 4 5 6 */
#include "tests/support/figures.h"
#include "tests/support/planted.h"
#include "engine/train/learner_work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
    P = 20,
    CODES = 8,
    BREAD = 6 * P + 1,
    FILLING = 7 * P + 1,
    SAUCE = 8 * P + 1,
    LONGEST = 64
};

struct asker {
    struct arena *mem;
    struct tape *tape;
};

/* What fills place `at` of a session when it alone is hidden: scores, and the share of
 * attention that its two neighbours get in the head that looks at them most. */
static const real *hidden(struct planted *p, struct asker *a, const int32_t *item, int32_t n,
                          int32_t at, double *sides)
{
    int32_t seq[LONGEST];
    struct block b;
    struct err err = {0};
    assert_true(n <= LONGEST && at > 0 && at + 1 < n);
    memcpy(seq, item, (size_t)n * sizeof *seq);
    seq[at] = p->w->spec.mask_item;
    arena_reset(a->mem);
    block_masked(&b, seq, n, &p->w->spec, a->mem);
    tape_begin(a->tape, &(struct tape_env){.x = p->w->x, .seed = 1});
    tape_watch(a->tape, 0);
    const struct tensor *s = model_score(p->w->model, p->w->self, a->tape, &b);
    if (tape_check(a->tape, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(tensor_rows(s), 1);
    *sides = 0;
    for (int l = 1; l <= 2; l++) {
        char name[32];
        snprintf(name, sizeof name, "block%d.attn.prob", l);
        const struct tensor *m = tape_find(a->tape, name);
        assert_non_null(m);
        for (int32_t h = 0; h < m->d[0]; h++) {
            const real *row = m->x + ((size_t)h * (size_t)n + (size_t)at) * (size_t)m->ld;
            *sides = fmax(*sides, (double)row[at - 1] + (double)row[at + 1]);
        }
    }
    return s->x;
}

static int32_t best(const real *score, int32_t n_items)
{
    int32_t top = 1;
    for (int32_t i = 2; i <= n_items; i++)
        if (score[i] > score[top])
            top = i;
    return top;
}

struct filled {
    double hr1, oracle, logloss, exact, sides, follows, table;
    int n;
};

static struct filled fill_in(struct planted *p)
{
    struct filled f = {0};
    struct asker a;
    struct arena *odds_mem;
    int32_t v = p->ds->n_items;
    double *odds = calloc((size_t)v + 1, sizeof *odds), sides;
    assert_non_null(odds);
    assert_int_equal(arena_new(&a.mem, 0, NULL), ST_OK);
    assert_int_equal(arena_new(&odds_mem, 0, NULL), ST_OK);
    assert_int_equal(tape_new(&a.tape, 1 << 20, NULL), ST_OK);
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        if (k->flag != WF_FILLING)
            continue;
        int32_t item[LONGEST], n = dataset_len(p->ds, k->session), at = k->n_prefix;
        memcpy(item, p->ds->item + p->ds->off[k->session], (size_t)n * sizeof *item);
        const real *s = hidden(p, &a, item, n, at, &sides);
        f.hr1 += best(s, v) == k->target;
        f.logloss += (double)kern()->logsumexp(s, v + 1) - (double)s[k->target];
        f.sides += sides;
        world_odds_at(p->ds->world, item, n, at, odds, odds_mem);
        int32_t rule = 1;
        for (int32_t i = 2; i <= v; i++)
            rule = odds[i] > odds[rule] ? i : rule;
        f.oracle += rule == k->target;
        f.exact -= log(odds[k->target]);
        arena_reset(odds_mem);
        /* exchange one side: the sum moves along */
        int32_t side = f.n % 2 ? at - 1 : at + 1, first = f.n % 2 ? BREAD : SAUCE;
        int32_t was = item[side] - first, now = (was + 1 + f.n % (CODES - 1)) % CODES;
        item[side] = first + now;
        f.follows += best(hidden(p, &a, item, n, at, &sides), v) ==
                     FILLING + (rule - FILLING + now - was + CODES) % CODES;
        f.n++;
    }
    assert_true(f.n > 100);
    const int32_t *real_one = p->ds->item + p->ds->off[p->sp->test[0].session];
    for (int l = 0; l < CODES; l++)
        for (int r = 0; r < CODES; r++) {
            int32_t item[8];
            memcpy(item, real_one, sizeof item);
            item[5] = BREAD + l;
            item[7] = SAUCE + r;
            int32_t longer[9];
            memcpy(longer, item, sizeof item);
            longer[8] = real_one[0]; /* a snack after it */
            f.table +=
                best(hidden(p, &a, longer, 9, 6, &sides), v) == FILLING + (l + r) % CODES;
        }
    f.hr1 /= f.n;
    f.oracle /= f.n;
    f.logloss /= f.n;
    f.exact /= f.n;
    f.sides /= f.n;
    f.follows /= f.n;
    f.table /= CODES * CODES;
    tape_free(a.tape);
    arena_free(a.mem);
    arena_free(odds_mem);
    free(odds);
    return f;
}

static void gap(uint64_t seed)
{
    struct planted p;
    planted_train(&p, "gap", seed, 0, "bert4rec", "", 500);
    struct filled f = fill_in(&p);
    printf("gap, seed %llu: after %lld steps, %.1f s, loss %.3f: filling HR@1 %.3f\n",
           (unsigned long long)seed, (long long)p.l->step, p.seconds, p.loss, f.hr1);
    while (p.l->step < 3500 && f.hr1 < f.oracle - 0.01) {
        planted_more(&p, 250);
        f = fill_in(&p);
        printf("  after %lld steps, %.1f s, loss %.3f: filling HR@1 %.3f, log loss %.3f\n",
               (long long)p.l->step, p.seconds, p.loss, f.hr1, f.logloss);
        fflush(stdout);
    }
    figure("filling hidden alone: HR@1", f.hr1, true, 0.8);
    figure("its log loss", f.logloss, false, 0.85);
    figure("its log loss less the exact odds'", f.logloss - f.exact, true, 0);
    figure("attention to both neighbours, best head", f.sides, true, 0.7);
    figure("one side exchanged: the answer follows", f.follows, true, 0.85);
    figure("table of bread and sauce: right", f.table, true, 0.85);
    planted_free(&p);
}

static void opener(uint64_t seed)
{
    struct planted p;
    int n = 0, looks = 0;
    planted_train(&p, "opener", seed, 0, "bert4rec", "", 500);
    printf("opener, seed %llu: %lld steps in %.1f s, last loss %.3f\n",
           (unsigned long long)seed, (long long)p.l->step, p.seconds, p.loss);
    figure("presents HR@1 less the oracle's",
           planted_eval(&p, WF_PRESENT, false).hr1 - planted_ceiling(&p, WF_PRESENT).oracle_hr1,
           true, -0.03);
    for (int64_t c = 0; c < p.sp->n_test; c++) {
        const struct eval_case *k = &p.sp->test[c];
        if (k->flag != WF_PRESENT)
            continue;
        struct question q = {.kind = ASK_PROBES,
                             .n = k->n_prefix,
                             .item = p.ds->item + p.ds->off[k->session],
                             .probes = "block*.attn.prob"};
        const struct answer *a = explore_ask(p.ask, p.w, &q, NULL);
        double most = 0;
        assert_int_equal(a->err.code, ST_OK);
        for (int i = 0; i < a->n_probe; i++) {
            const struct probe_copy *m = &a->probe[i];
            int32_t t = m->d[2];
            /* the mask, the last row, looks at the first item */
            for (int32_t h = 0; h < m->d[0]; h++)
                most = fmax(
                    most, (double)m->x[((size_t)h * (size_t)t + (size_t)(t - 1)) * (size_t)t]);
        }
        looks += most >= 0.5;
        n++;
    }
    assert_true(n > 100);
    figure("sessions with attention >= .5 on the first", (double)looks / n, true, 0.8);
    planted_free(&p);
}

int main(int argc, char **argv)
{
    static const struct planted_world worlds[] = {{"gap", gap}, {"opener", opener}};
    return planted_main(argc, argv, worlds, (int)(sizeof worlds / sizeof *worlds));
}
