/* GRU4Rec finds what is planted in the worlds chain, twins and opener, and does not with the authors' bptt=1 where memory is needed:
 * the figures, on seeds that no setting was chosen on.
 *   planted_gru4rec [world [seed ...]]      default: all, seeds 4 5 6 */
#include "tests/support/figures.h"
#include "tests/support/planted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void train(struct planted *p, const char *world, uint64_t seed, const char *settings,
                  int epochs)
{
    planted_train(p, world, seed, 0, "gru4rec", settings, 0);
    planted_more(p, epochs * learner_steps_per_epoch(p->l));
    printf("%s, seed %llu%s%s: %d epochs, %lld steps in %.1f s, last loss %.3f\n", world,
           (unsigned long long)seed, *settings ? ", " : "", settings, epochs,
           (long long)p->l->step, p->seconds, p->loss);
}

static double trivial(struct planted *p)
{
    return fmax(planted_baseline(p, "pop", -1).hr, planted_baseline(p, "markov", -1).hr);
}

static void chain(uint64_t seed)
{
    struct planted p;
    train(&p, "chain", seed, "", 6);
    struct eval_result r = planted_eval(&p, -1, false);
    figure("gap closed, HR@10, from popularity",
           planted_gap(&p, planted_baseline(&p, "pop", -1).hr), true, 0.95);
    figure("log loss above the floor", r.logloss - planted_ceiling(&p, -1).oracle_logloss,
           false, 0.25);
    figure("the same: no leak", r.logloss - planted_ceiling(&p, -1).oracle_logloss, true, 0);
    planted_free(&p);
}

static void twins(uint64_t seed)
{
    struct planted p;
    train(&p, "twins", seed, "", 6);
    figure("gap closed, HR@10, from the better baseline", planted_gap(&p, trivial(&p)), true,
           0.8);
    planted_free(&p);
    train(&p, "twins", seed, "bptt=1", 2);
    figure("gap closed without looking back", planted_gap(&p, trivial(&p)), false, 0.6);
    planted_free(&p);
}

/* Cards are department 2, presents department 5, newspapers department 3; opener number j
 * asks for present j. */
enum { P = 20, CARD = 2 * P + 1, PAPER = 3 * P + 1, PRESENT = 5 * P + 1 };

static void exchanges(struct planted *p)
{
    int n = 0, follows = 0, moved = 0;
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        int32_t item[64];
        if (k->flag != WF_PRESENT)
            continue;
        assert_true(k->n_prefix <= 64);
        memcpy(item, p->ds->item + p->ds->off[k->session], (size_t)k->n_prefix * sizeof *item);
        int32_t card = item[0] - CARD, was = planted_answer(p, item, k->n_prefix),
                other = (card + 1 + n % 9) % 10;
        assert_true(card >= 0 && card < 10);
        item[0] = CARD + other;
        follows += planted_answer(p, item, k->n_prefix) == PRESENT + other;
        item[0] = CARD + card;
        /* between the card and the wrap */
        int32_t at = 1 + n % (k->n_prefix - 2), paper = item[at] - PAPER;
        item[at] = PAPER + (paper + 7) % P;
        moved += planted_answer(p, item, k->n_prefix) != was;
        n++;
    }
    assert_true(n > 100);
    figure("first item exchanged: its present", (double)follows / n, true, 0.9);
    figure("browsed item exchanged: another answer", (double)moved / n, false, 0.05);
}

static void opener(uint64_t seed)
{
    struct planted p;
    double se, d;
    train(&p, "opener", seed, "", 8);
    figure("presents HR@1 less the oracle's",
           planted_eval(&p, WF_PRESENT, false).hr1 - planted_ceiling(&p, WF_PRESENT).oracle_hr1,
           true, -0.03);
    exchanges(&p);
    d = planted_excess(&p, 1u << WF_BROWSE | 1u << WF_WRAP, false, &se);
    figure("on the way: log loss over the odds, in s.e.", d / se, true, -3);
    planted_free(&p);
    train(&p, "opener", seed, "bptt=1", 4);
    figure("presents HR@1 without looking back", planted_eval(&p, WF_PRESENT, false).hr1, false,
           0.6);
    planted_free(&p);
}

int main(int argc, char **argv)
{
    static const struct planted_world worlds[] = {
        {"chain", chain}, {"twins", twins}, {"opener", opener}};
    return planted_main(argc, argv, worlds, (int)(sizeof worlds / sizeof *worlds));
}
