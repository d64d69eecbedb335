/* GRU4Rec holds on to the first click of a session until it is asked for: the world opener
 * on one seed, the preset for small worlds. Other worlds and seeds are
 * tests/long/planted_gru4rec.c's. */
#include "tests/support/planted.h"
#include "tests/support/instrumented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_opener(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct planted p;
    double se;
    planted_train(&p, "opener", 4, 0, "gru4rec", "", 0);
    planted_more(&p, 8 * learner_steps_per_epoch(p.l));
    struct eval_result r = planted_eval(&p, WF_PRESENT, false);
    struct ceiling c = planted_ceiling(&p, WF_PRESENT);
    printf("opener: presents %.3f, oracle %.3f, %.1f s\n", r.hr1, c.oracle_hr1, p.seconds);
    assert_true(r.hr1 >= c.oracle_hr1 - 0.03);
    /* below the odds would be a leak */
    assert_true(planted_excess(&p, 1u << WF_BROWSE | 1u << WF_WRAP, false, &se) > -3 * se);
    planted_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_opener)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
