/* GRU4Rec's losses under one roof: the same world, size, batches and number of updates; only what is compared differs.
 *   losses [world [seed [epochs]]]      default: skew 1 6 */
#include "models/models.h"
#include "tests/support/planted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

// clang-format off
static const struct {
    const char *name, *settings;
} losses[] = {
    {"softmax, all items",       "loss=xe negatives=all lr=0.1"},
    {"softmax, draws, logq",     "loss=xe negatives=extra neg=64 neg.alpha=0.75 logq=1 lr=0.1"},
    {"softmax, batch only",      "loss=xe negatives=batch lr=0.1"},
    {"bpr",                      "loss=bpr negatives=extra neg=64 neg.alpha=0.75 lr=0.05"},
    {"top1",                     "loss=top1 negatives=extra neg=64 neg.alpha=0.75 final_act=tanh lr=0.1"},
    {"top1-max",                 "loss=top1-max negatives=extra neg=64 neg.alpha=0.75 final_act=tanh lr=0.1"},
    {"bpr-max, elu",             "loss=bpr-max negatives=extra neg=64 neg.alpha=0.75 final_act=elu act.a=0.5 bpreg=1 lr=0.1"},
    {"bpr-max, selu",            "loss=bpr-max negatives=extra neg=64 neg.alpha=0.75 final_act=selu act.a=1.67326 bpreg=1 lr=0.1"},
};
// clang-format on
enum { LOSSES = sizeof losses / sizeof *losses };

/* Among targets of the less popular half of the catalogue. */
static double rare_hr10(struct planted *p)
{
    struct eval_spec s;
    struct err err;
    double hit = 0, n = 0;
    int64_t half = 0;
    eval_defaults(&s, p->sp);
    s.on = PART_TEST;
    int64_t n_case = eval_count(p->sp, &s), below;
    struct rank_obs *obs = calloc((size_t)n_case + 1, sizeof *obs);
    assert_non_null(obs);
    if (eval_ranks(p->w, &s, p->pool, NULL, obs, NULL, &err))
        fail_msg("%s", err.msg);
    for (below = 1; below < 1 << 20 && 2 * half < p->ds->n_items;
         below++) /* median popularity of an item */
        for (int32_t v = 1; v <= p->ds->n_items; v++)
            half += p->sp->train_pop[v] == below;
    for (int64_t i = 0; i < n_case; i++)
        if (p->sp->train_pop[obs[i].target] < below) {
            hit += obs[i].rank <= 10;
            n++;
        }
    free(obs);
    return hit / n;
}

int main(int argc, char **argv)
{
    const char *world = argc > 1 ? argv[1] : "skew";
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    long epochs = argc > 3 ? strtol(argv[3], NULL, 10) : 6;
    double best_simple = 0;
    bool below = false;
    printf("%-24s %8s %8s %8s %10s %9s\n", world, "HR@1", "HR@10", "MRR@20", "rare HR@10",
           "seconds");
    for (int i = 0; i < LOSSES; i++) {
        struct planted p;
        char settings[256];
        snprintf(settings, sizeof settings, "hidden=64 embed=tied batch=32 bptt=10 %s",
                 losses[i].settings);
        planted_train(&p, world, seed, 0, "gru4rec", settings, 0);
        if (i == 0) {
            static const char *const simple[] = {"pop", "markov", "itemknn"};
            struct ceiling c = planted_ceiling(&p, -1);
            for (int k = 0; k < 3; k++) {
                struct eval_result r = planted_baseline(&p, simple[k], -1);
                printf("%-24s %8.4f %8.4f %8.4f\n", simple[k], r.hr1, r.hr, r.mrr);
                best_simple = k == 0 ? r.hr : best_simple;
            }
            printf("%-24s %8.4f %8.4f %8.4f\n", "exact odds", c.oracle_hr1, c.oracle_hr10,
                   c.oracle_mrr);
        }
        planted_more(&p, epochs * learner_steps_per_epoch(p.l));
        struct eval_result r = planted_eval(&p, -1, false);
        printf("%-24s %8.4f %8.4f %8.4f %10.4f %9.1f\n", losses[i].name, r.hr1, r.hr, r.mrr,
               rare_hr10(&p), p.seconds);
        fflush(stdout);
        below |= r.hr <= best_simple;
        planted_free(&p);
    }
    if (below)
        printf("FAILED: a loss is not above popularity\n");
    return below;
}
