/* SVAE finds the hidden taste of the world tastes on one seed, by the preset for small
 * worlds; where a nat costs too much it collapses. Other worlds and seeds are
 * tests/long/planted_svae.c's. */
#include "tests/support/latent.h"
#include "tests/support/instrumented.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_tastes(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct planted p;
    planted_train(&p, "tastes", 4, 0, "svae", "", 0);
    planted_more(&p, 6 * learner_steps_per_epoch(p.l));
    struct latent_look l = latent_look(&p);
    planted_only_after(&p, 6);
    double gap = planted_gap_of(&p, -1);
    double over = planted_eval(&p, -1, false).logloss - planted_ceiling(&p, -1).oracle_logloss;
    printf("tastes: gap closed %.3f, log loss %.3f above the floor, kind %.3f, on a plane "
           "%.3f, %.2f nats in %d of %d dimensions, %.1f s\n",
           gap, over, l.nearest, l.nearest2, l.kl, l.live, l.dims, p.seconds);
    assert_true(gap >= 0.7);
    assert_true(over <= 0.12);
    assert_true(over >= 0); /* below it would be a leak */
    assert_true(l.nearest >= 0.95 && l.nearest2 >= 0.95);
    assert_true(l.kl >= 2 && l.kl <= 5 && l.live >= 3);
    planted_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tastes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
