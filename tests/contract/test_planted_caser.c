/* Caser finds what is planted: the preset for small worlds on one seed of twins, whose last
 * item says nothing.  Other worlds and seeds are tests/long/planted_caser.c's. */
#include "tests/support/planted.h"
#include "tests/support/instrumented.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_twins(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct planted p;
    planted_train(&p, "twins", 4, 0, "caser", "", 0);
    planted_more(&p, 5 * learner_steps_per_epoch(p.l));
    double gap = planted_gap(
        &p, fmax(planted_baseline(&p, "pop", -1).hr, planted_baseline(&p, "markov", -1).hr));
    double over = planted_eval(&p, -1, false).logloss - planted_ceiling(&p, -1).oracle_logloss;
    double share = planted_row_share(&p, 1);
    printf("twins: gap closed %.3f, log loss %.3f above the floor, row before the last %.3f, "
           "%.1f s\n",
           gap, over, share, p.seconds);
    assert_true(gap >= 0.9);
    assert_true(share >= 0.9);
    assert_true(over <= 0.3);
    assert_true(over >= 0); /* below it would be a leak */
    planted_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_twins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
