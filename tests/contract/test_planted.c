/* What is planted is found: SASRec's preset for small worlds on one seed of chain and of
 * opener; the other worlds and seeds are tests/long/planted_sasrec.c's. */
#include "tests/support/planted.h"
#include "tests/support/instrumented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_chain(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct planted p;
    planted_train(&p, "chain", 4, 0, "sasrec", "", 600);
    double gap = planted_gap(&p, planted_baseline(&p, "pop", -1).hr);
    double over = planted_eval(&p, -1, false).logloss - planted_ceiling(&p, -1).oracle_logloss;
    printf("chain: gap closed %.3f, log loss %.3f above the floor, %.1f s\n", gap, over,
           p.seconds);
    assert_true(gap >= 0.95);
    assert_true(over <= 0.25);
    assert_true(over >= 0); /* below it would be a leak */
    planted_free(&p);
}

static void test_opener(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct planted p;
    double se;
    planted_train(&p, "opener", 4, 0, "sasrec", "", 600);
    struct eval_result r = planted_eval(&p, WF_PRESENT, false);
    struct ceiling c = planted_ceiling(&p, WF_PRESENT);
    printf("opener: presents %.3f, oracle %.3f, %.1f s\n", r.hr1, c.oracle_hr1, p.seconds);
    assert_true(r.hr1 >= c.oracle_hr1 - 0.03);
    double over = planted_excess(&p, 1u << WF_BROWSE | 1u << WF_WRAP, true, &se);
    assert_true(over > -3 * se);
    planted_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chain),
                                       cmocka_unit_test(test_opener)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
