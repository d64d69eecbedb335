/* SASRec finds what is planted in the worlds chain, twins and opener: the figures, on seeds that no setting was chosen on.
 *   planted_sasrec [world [seed ...]]      default: all, seeds 4 5 6 */
#include "tests/support/figures.h"
#include "tests/support/planted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void head_line(const char *world, uint64_t seed, const struct planted *p)
{
    printf("%s, seed %llu: %lld steps in %.1f s, last loss %.3f\n", world,
           (unsigned long long)seed, (long long)p->l->step, p->seconds, p->loss);
}

static void chain(uint64_t seed)
{
    struct planted p;
    planted_train(&p, "chain", seed, 0, "sasrec", "", 1000);
    head_line("chain", seed, &p);
    figure("gap closed, HR@10, from popularity",
           planted_gap(&p, planted_baseline(&p, "pop", -1).hr), true, 0.95);
    figure("log loss above the floor",
           planted_eval(&p, -1, false).logloss - planted_ceiling(&p, -1).oracle_logloss, false,
           0.25);
    figure("seconds", p.seconds, false, 20);
    planted_free(&p);

    double floor;
    planted_train(&p, "chain", seed, 0, "sasrec", "loss=bce", 1000);
    double bce = planted_bce(&p, &floor);
    printf("chain, loss=bce, seed %llu: floor %.3f, %.1f s\n", (unsigned long long)seed, floor,
           p.seconds);
    figure("expected bce", bce, false, 0.45);
    figure("expected bce less its floor", bce - floor, true, 0);
    planted_free(&p);
}

static void twins(uint64_t seed)
{
    struct planted p;
    double sum[64] = {0}, best = 0;
    int heads = 0, n = 0;
    planted_train(&p, "twins", seed, 0, "sasrec", "", 1000);
    head_line("twins", seed, &p);
    double trivial =
        fmax(planted_baseline(&p, "pop", -1).hr, planted_baseline(&p, "markov", -1).hr);
    figure("gap closed, HR@10", planted_gap(&p, trivial), true, 0.9);
    for (int64_t c = 0; c < p.sp->n_test; c++) {
        const struct eval_case *k = &p.sp->test[c];
        double by_head[64];
        if (k->flag == WF_START || k->n_prefix != dataset_len(p.ds, k->session) - 1)
            continue;
        heads =
            planted_attention(&p, p.ds->item + p.ds->off[k->session], k->n_prefix, 1, by_head);
        for (int h = 0; h < heads; h++)
            sum[h] += by_head[h];
        n++;
    }
    for (int h = 0; h < heads; h++)
        best = fmax(best, sum[h] / n);
    figure("attention to the one before last, best head", best, true, 0.9);
    planted_free(&p);
}

/* Cards are department 2, presents department 5, newspapers department 3; opener number j
 * asks for present j. */
enum { P = 20, CARD = 2 * P + 1, PAPER = 3 * P + 1, PRESENT = 5 * P + 1 };

static void exchanges(struct planted *p)
{
    int n = 0, follows = 0, moved = 0, looks = 0;
    for (int64_t c = 0; c < p->sp->n_test; c++) {
        const struct eval_case *k = &p->sp->test[c];
        int32_t item[64];
        double by_head[64], most = 0;
        if (k->flag != WF_PRESENT)
            continue;
        assert_true(k->n_prefix <= 64);
        memcpy(item, p->ds->item + p->ds->off[k->session], (size_t)k->n_prefix * sizeof *item);
        int32_t card = item[0] - CARD, was = planted_answer(p, item, k->n_prefix);
        assert_true(card >= 0 && card < 10);
        int heads = planted_attention(p, item, k->n_prefix, k->n_prefix - 1, by_head);
        for (int h = 0; h < heads; h++)
            most = fmax(most, by_head[h]);
        looks += most >= 0.5;
        int32_t other = (card + 1 + n % 9) % 10;
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
    figure("first item exchanged: its present", (double)follows / n, true, 0.95);
    figure("browsed item exchanged: another answer", (double)moved / n, false, 0.05);
    figure("sessions with attention >= .5 on the first", (double)looks / n, true, 0.95);
}

static void opener(uint64_t seed)
{
    const unsigned on_the_way = 1u << WF_BROWSE | 1u << WF_WRAP;
    struct planted p;
    double se, d;
    planted_train(&p, "opener", seed, 0, "sasrec", "", 600);
    head_line("opener", seed, &p);
    figure("presents HR@1 less the oracle's",
           planted_eval(&p, WF_PRESENT, false).hr1 - planted_ceiling(&p, WF_PRESENT).oracle_hr1,
           true, -0.03);
    exchanges(&p);
    d = planted_excess(&p, on_the_way, false, &se);
    figure("on the way, typed: log loss over the odds, in s.e.", d / se, true, -3);
    d = planted_excess(&p, on_the_way, true, &se);
    figure("on the way, in place: the same", d / se, true, -3);
    d = planted_excess(&p, 1u << WF_PRESENT, false, &se);
    figure("presents: the same", d / se, true, -3);
    planted_free(&p);

    planted_train(&p, "opener", seed, 0, "sasrec", "maxlen=5", 600);
    printf("opener, maxlen=5, seed %llu\n", (unsigned long long)seed);
    figure("presents HR@1", planted_eval(&p, WF_PRESENT, false).hr1, false, 0.15);
    planted_free(&p);

    planted_train(&p, "opener", seed, 0, "sasrec", "pad_side=left", 600);
    printf("opener, pad_side=left, seed %llu: counts down to the end, and the check sees it\n",
           (unsigned long long)seed);
    d = planted_excess(&p, on_the_way, true, &se);
    figure("on the way, in place: log loss over the odds, in s.e.", d / se, false, -3);
    planted_free(&p);
}

int main(int argc, char **argv)
{
    static const struct planted_world worlds[] = {
        {"chain", chain}, {"twins", twins}, {"opener", opener}};
    return planted_main(argc, argv, worlds, (int)(sizeof worlds / sizeof *worlds));
}
