/* SVAE finds the hidden taste in the world tastes and the order in the world chain; its latent space collapses where the price of a
 * nat is too high: the figures, on seeds that no setting was chosen on.
 *   planted_svae [world [seed ...]]      default: all, seeds 4 5 6 */
#include "tests/support/figures.h"
#include "tests/support/latent.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LATE = 6 }; /* clicks seen: from here on the exact posterior knows the kind */

static void train(struct planted *p, const char *world, uint64_t seed, const char *settings,
                  int epochs)
{
    planted_train(p, world, seed, 0, "svae", settings, 0);
    planted_more(p, epochs * learner_steps_per_epoch(p->l));
    printf("%s, seed %llu%s%s: %d epochs, %lld steps in %.1f s, last loss %.3f\n", world,
           (unsigned long long)seed, *settings ? ", " : "", settings, epochs,
           (long long)p->l->step, p->seconds, p->loss);
}

/* ---- tastes ---- */

static void answers(struct planted *p)
{
    double oracle, ndcg, moved = 0;
    for (uint64_t seed = 1; seed <= 3; seed++)
        moved = fmax(moved, fabs(latent_order(p, seed)));
    figure("test sessions shuffled: log loss moves by, of three", moved, false, 0.02);
    planted_only_after(p, LATE);
    double over = planted_eval(p, -1, false).logloss - planted_ceiling(p, -1).oracle_logloss;
    figure("late: gap closed, HR@10, from the better baseline", planted_gap_of(p, -1), true,
           0.7);
    figure("late: log loss above the floor", over, false, 0.12);
    figure("the same: no leak", over, true, 0);
    ndcg = latent_ndcg4(p, &oracle);
    figure("late: NDCG@10 of the next four, below the oracle's", oracle - ndcg, false, 0.02);
}

static void tastes(uint64_t seed)
{
    struct planted p;
    double gap;
    train(&p, "tastes", seed, "", 6);
    struct latent_look l = latent_look(&p);
    figure("kind of customer, nearest mean of the latent means", l.nearest, true, 0.95);
    figure("the same in two principal components", l.nearest2, true, 0.95);
    figure("nats a step, at least", l.kl, true, 2);
    figure("nats a step, at most", l.kl, false, 5);
    figure("live dimensions of eight", l.live, true, 3);
    planted_elsewhere(&p, seed + 10, &gap);
    figure("gap closed on another table's sessions", gap, false, 0.2);
    answers(&p);
    planted_free(&p);

    train(&p, "tastes", seed, "beta_cap=0.2", 5);
    l = latent_look(&p);
    figure("kind of customer, nearest mean, a nat at 0.2", l.nearest, true, 0.95);
    figure("nats a step, more than at the full price", l.kl, true, 3.5);
    figure("nats a step, at most", l.kl, false, 8);
    answers(&p);
    planted_free(&p);

    train(&p, "tastes", seed, "preset=collapse", 6);
    l = latent_look(&p);
    figure("collapsed: nats a step", l.kl, false, 0.01);
    figure("collapsed: live dimensions", l.live, false, 0);
    planted_only_after(&p, LATE);
    figure("collapsed: gap closed, late", planted_gap_of(&p, -1), false, 0);
    planted_free(&p);
}

/* ---- chain ---- */

static void chain(uint64_t seed)
{
    struct planted p;
    double share[3], gap;
    train(&p, "chain", seed, "preset=order", 15);
    double pop = planted_baseline(&p, "pop", -1).hr;
    double over = planted_eval(&p, -1, false).logloss - planted_ceiling(&p, -1).oracle_logloss;
    figure("gap closed, HR@10, from popularity", planted_gap(&p, pop), true, 0.95);
    figure("log loss above the floor", over, false, 0.35);
    figure("the same: no leak", over, true, 0);
    planted_successors(&p, share);
    figure("one item: first successor among four answers", share[1], true, 0.98);
    figure("one item: first successor first", share[0], true, 0.75);
    figure("one item: all four successors in ten answers", share[2], true, 0.9);
    planted_elsewhere(&p, seed + 10, &gap);
    figure("gap closed on another table's sessions", gap, false, 0.55);
    planted_free(&p);

    train(&p, "chain", seed, "preset=order target=next_k", 10);
    figure("next four at once: gap closed", planted_gap(&p, pop), true, 0.6);
    figure("the same: the order is blurred", planted_gap(&p, pop), false, 0.9);
    planted_free(&p);
}

int main(int argc, char **argv)
{
    static const struct planted_world worlds[] = {{"tastes", tastes}, {"chain", chain}};
    return planted_main(argc, argv, worlds, (int)(sizeof worlds / sizeof *worlds));
}
