/* PEN4Rec follows an interest that changes (drift) and finds rules of order (twins, chain): the figures, on seeds that no setting was
 * chosen on.  SR-GNN's read-out comes first, as what the two stages must be better than; then the forms of relevance that are worth
 * seeing: divided by its maximum (predicts better after a switch) and each for itself (tells nothing).
 *   planted_pen4rec [world [seed ...]]      default: all, seeds 4 5 6 */
#include "tests/support/evolution.h"
#include "tests/support/figures.h"

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
    planted_train(p, world, seed, 0, "pen4rec", settings, 0);
    planted_more(p, epochs * learner_steps_per_epoch(p->l));
    printf("%s, seed %llu, %s: %d epochs, %lld steps in %.1f s, last loss %.3f\n", world,
           (unsigned long long)seed, settings, epochs, (long long)p->l->step, p->seconds,
           p->loss);
    fflush(stdout);
}

/* Trained on drift; returns the log loss after odd clicks: on 365 events and more the gap
 * itself is known to .06 only, too little to compare two models of one seed. */
static double on_drift(struct planted *p, struct evolution *e, uint64_t seed,
                       const char *settings)
{
    double se;
    train(p, "drift", seed, settings, 12);
    double odd = planted_gap_of(p, WF_AFTER_ODD);
    *e = evolution_on_drift(p);
    struct eval_result r = planted_eval(p, -1, false);
    printf("  HR@10 %.3f, log loss %.3f, floor %.3f; gaps: all %.2f, odd %.2f, switch %.2f, "
           "late %.2f; an odd click's attention %.2f\n",
           r.hr, r.logloss, planted_ceiling(p, -1).logloss, planted_gap_of(p, -1), odd,
           planted_gap_of(p, WF_AFTER), planted_gap_of(p, WF_LATER), e->odd_attention);
    double d = planted_excess(p, ~0u, false, &se);
    figure("log loss over the odds, in s.e.: no leak", d / se, true, -3);
    figure("turning point within one click, best split", e->turning, true, 0.9);
    if (e->attention_b > 0)
        figure("gap after odd clicks", odd, true, 0.6);
    return planted_eval(p, WF_AFTER_ODD, false).logloss;
}

static void drift(uint64_t seed)
{
    struct planted p;
    struct evolution e;
    double plain = on_drift(&p, &e, seed, "preset=small head=srgnn");
    planted_free(&p);

    double odd = on_drift(&p, &e, seed, "preset=small"); /* log losses */
    figure("log loss after odd clicks: SR-GNN's read-out over it", plain - odd, true, 0.05);
    figure("gap at the switch", planted_gap_of(&p, WF_AFTER), true, 0.6);
    figure("odds on the interest after an odd click", e.interest, true, 0.5);
    figure("relevance of clicks after the switch", e.attention_b, true, 0.65);
    figure("memory of clicks after the switch", e.memory_b, true, 0.7);
    figure("memory of an odd click over its neighbours'", e.odd_memory, false, 0.6);
    planted_free(&p);

    odd = on_drift(&p, &e, seed, "preset=maxnorm");
    figure("log loss after odd clicks: SR-GNN's read-out over it", plain - odd, true, 0.15);
    figure("gap at the switch", planted_gap_of(&p, WF_AFTER), true, 0.6);
    figure("odds on the interest after an odd click", e.interest, true, 0.5);
    figure("memory of clicks after the switch", e.memory_b, true, 0.7);
    figure("memory of an odd click over its neighbours'", e.odd_memory, false, 0.6);
    planted_free(&p);

    on_drift(&p, &e, seed, "preset=small att=sigmoid");
    figure("each for itself: relevance after the switch over even", e.attention_b - e.even_b,
           false, 0.05);
    planted_free(&p);
}

static void twins(uint64_t seed)
{
    struct planted p;
    train(&p, "twins", seed, "preset=order", 5);
    figure("gap closed, HR@10, from the better baseline", planted_gap_of(&p, -1), true, 0.85);
    planted_free(&p);
    train(&p, "twins", seed, "preset=order head=srgnn gnn.steps=0", 2);
    figure("gap closed by a bag of clicks and the last one", planted_gap_of(&p, -1), false,
           0.6);
    planted_free(&p);
}

static void chain(uint64_t seed)
{
    struct planted p;
    double share[3];
    train(&p, "chain", seed, "preset=order", 5);
    double over = planted_eval(&p, -1, false).logloss - planted_ceiling(&p, -1).oracle_logloss;
    figure("gap closed, HR@10, from popularity",
           planted_gap(&p, planted_baseline(&p, "pop", -1).hr), true, 0.9);
    figure("log loss above the floor", over, false, 0.35);
    figure("the same: no leak", over, true, 0);
    planted_successors(&p, share);
    figure("after one click: likeliest successor among four", share[1], true, 0.98);
    figure("after one click: likeliest successor first", share[0], true, 0.75);
    figure("after one click: all successors among ten", share[2], true, 0.9);
    planted_free(&p);
}

int main(int argc, char **argv)
{
    static const struct planted_world worlds[] = {
        {"drift", drift}, {"twins", twins}, {"chain", chain}};
    return planted_main(argc, argv, worlds, (int)(sizeof worlds / sizeof *worlds));
}
