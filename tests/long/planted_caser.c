/* Caser finds what is planted in the worlds chain, twins and pairs, and does not where its window is one item, where it must learn three
 * targets at once or where the sessions were dealt anew: the figures, on seeds that no setting was chosen on.
 *   planted_caser [world [seed ...]]      default: all, seeds 4 5 6 */
#include "tests/support/figures.h"
#include "tests/support/planted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void go_on(struct planted *p, const char *world, uint64_t seed, const char *settings,
                  int epochs)
{
    planted_more(p, epochs * learner_steps_per_epoch(p->l));
    printf("%s, seed %llu%s%s: %d epochs, %lld steps in %.1f s, last loss %.3f\n", world,
           (unsigned long long)seed, *settings ? ", " : "", settings, epochs,
           (long long)p->l->step, p->seconds, p->loss);
}

static void train(struct planted *p, const char *world, uint64_t seed, const char *settings,
                  int epochs)
{
    planted_train(p, world, seed, 0, "caser", settings, 0);
    go_on(p, world, seed, settings, epochs);
}

static double trivial(struct planted *p)
{
    return fmax(planted_baseline(p, "pop", -1).hr, planted_baseline(p, "markov", -1).hr);
}

static void log_loss(struct planted *p)
{
    double over = planted_eval(p, -1, false).logloss - planted_ceiling(p, -1).oracle_logloss;
    figure("log loss above the floor", over, false, 0.3);
    figure("the same: no leak", over, true, 0);
}

/* ---- chain ---- */

/* The items of all training sessions dealt out anew: nothing is left to learn but
 * popularity. */
static void dealt(uint64_t seed)
{
    struct planted p;
    planted_train(&p, "chain", seed, 0, "caser", "", 0);
    int32_t *at = calloc((size_t)p.ds->n_events, sizeof *at),
            *item = calloc((size_t)p.ds->n_events, sizeof *item);
    const int32_t *true_item = p.ds->item;
    int64_t n = 0;
    struct xoshiro r;
    assert_true(at && item);
    memcpy(item, true_item, (size_t)p.ds->n_events * sizeof *item);
    for (int32_t s = 0; s < p.ds->n_sessions; s++)
        for (int32_t t = 0; t < p.sp->train_len[s]; t++)
            at[n++] = (int32_t)p.ds->off[s] + t;
    xoshiro_seed(&r, seed);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = xoshiro_below(&r, (uint32_t)i + 1);
        int32_t x = item[at[i]];
        item[at[i]] = item[at[j]];
        item[at[j]] = x;
    }
    p.ds->item = item;
    go_on(&p, "chain", seed, "items dealt anew", 5);
    p.ds->item = true_item;
    figure("gap closed, training items dealt anew",
           planted_gap(&p, planted_baseline(&p, "pop", -1).hr), false, 0.05);
    planted_free(&p);
    free(at);
    free(item);
}

static void chain(uint64_t seed)
{
    struct planted p;
    train(&p, "chain", seed, "", 8); /* after 5 the log loss still falls */
    figure("gap closed, HR@10, from popularity",
           planted_gap(&p, planted_baseline(&p, "pop", -1).hr), true, 0.95);
    log_loss(&p);
    figure("squared vertical weight on the last row", planted_row_share(&p, 0), true, 0.9);
    double share[3], gap;
    planted_successors(&p, share);
    figure("one item: first successor among four answers", share[1], true, 0.98);
    figure("one item: first successor first", share[0], true, 0.75);
    figure("one item: all four successors in ten answers", share[2], true, 0.9);
    planted_elsewhere(&p, seed + 10, &gap);
    figure("gap closed on another table's sessions", gap, false, 0.55);
    planted_free(&p);
    dealt(seed);
}

/* ---- twins ---- */

static void twins(uint64_t seed)
{
    struct planted p;
    train(&p, "twins", seed, "", 5);
    figure("gap closed, HR@10, from the better baseline", planted_gap(&p, trivial(&p)), true,
           0.9);
    figure("squared vertical weight on the row before the last", planted_row_share(&p, 1), true,
           0.9);
    log_loss(&p);
    planted_free(&p);
    train(&p, "twins", seed, "L=1", 2);
    figure("gap closed with a window of one item", planted_gap(&p, trivial(&p)), false, 0.1);
    planted_free(&p);
    train(&p, "twins", seed, "T=3", 5);
    figure("gap closed with three targets", planted_gap(&p, trivial(&p)), false, 0.9);
    figure("squared vertical weight on the last row", planted_row_share(&p, 0), true, 0.15);
    planted_free(&p);
    train(&p, "twins", seed, "tail=transformer", 5);
    figure("gap closed, tail=transformer", planted_gap(&p, trivial(&p)), true, 0.9);
    planted_free(&p);
    train(&p, "twins", seed, "tail=vae", 5);
    figure("gap closed, tail=vae: what noise costs", planted_gap(&p, trivial(&p)), false, 0.9);
    planted_free(&p);
    train(&p, "twins", seed, "tail=vae beta_cap=0.02", 15);
    figure("gap closed, tail=vae beta_cap=0.02", planted_gap(&p, trivial(&p)), true, 0.85);
    planted_free(&p);
    train(&p, "twins", seed, "tail=both beta_cap=0.02", 15);
    figure("gap closed, tail=both beta_cap=0.02", planted_gap(&p, trivial(&p)), true, 0.85);
    planted_free(&p);
    train(&p, "twins", seed, "prefixes=0", 5);
    figure("gap closed, full windows only", planted_gap(&p, trivial(&p)), true, 0.9);
    planted_free(&p);
    train(&p, "twins", seed, "loss=bce lr=0.001", 10);
    figure("gap closed, loss=bce", planted_gap(&p, trivial(&p)), true, 0.9);
    figure("squared vertical weight on the row before the last", planted_row_share(&p, 1), true,
           0.9);
    planted_free(&p);
}

/* ---- pairs: ingredients are items 1..8, tins department 1, snacks department 4 ---- */

enum { P = 20, CODES = 8, TIN = P + 1, SNACK = 4 * P + 1 };

static int rule(int a, int b)
{
    return TIN + (a + b) % CODES;
}

/* All 56 ordered pairs after a snack. */
static void table(struct planted *p)
{
    int32_t said[CODES][CODES] = {{0}};
    int n = 0, right = 0, same = 0, replaced = 0, follows = 0;
    for (int a = 0; a < CODES; a++)
        for (int b = 0; b < CODES; b++)
            said[a][b] =
                a == b ? 0
                       : planted_answer(p, (int32_t[]){SNACK + (a + b) % P, 1 + a, 1 + b}, 3);
    for (int a = 0; a < CODES; a++)
        for (int b = 0; b < CODES; b++) {
            if (a == b)
                continue;
            n++;
            right += said[a][b] == rule(a, b);
            same += said[a][b] == said[b][a];
            for (int c = 0; c < CODES; c++) {
                if (c == a || c == b)
                    continue;
                replaced += 2;
                follows += (said[c][b] == rule(c, b) && said[c][b] != said[a][b]) +
                           (said[a][c] == rule(a, c) && said[a][c] != said[a][b]);
            }
        }
    figure("right tin, 56 ordered pairs", (double)right / n, true, 0.95);
    figure("ingredients exchanged: the same tin", (double)same / n, true, 0.95);
    figure("either replaced: the new tin", (double)follows / replaced, true, 0.95);
}

static void pairs(uint64_t seed)
{
    static const char *const part[] = {"branch=h", "branch=v", "pool=avg"};
    struct planted p;
    train(&p, "pairs", seed, "", 10);
    figure("tins, HR@1", planted_eval(&p, WF_TIN, false).hr1, true, 0.85);
    table(&p);
    planted_free(&p);
    train(&p, "pairs", seed, "L=1", 4);
    figure("tins, HR@1, with a window of one item", planted_eval(&p, WF_TIN, false).hr1, false,
           0.2);
    planted_free(&p);
    for (int i = 0; i < 3; i++) { /* no limits: what each part does alone */
        train(&p, "pairs", seed, part[i], 10);
        printf("         tins, HR@1, %s: %.3f\n", part[i], planted_eval(&p, WF_TIN, false).hr1);
        planted_free(&p);
    }
}

int main(int argc, char **argv)
{
    static const struct planted_world worlds[] = {
        {"chain", chain}, {"twins", twins}, {"pairs", pairs}};
    return planted_main(argc, argv, worlds, (int)(sizeof worlds / sizeof *worlds));
}
