/* PEN4Rec tells the new interest from the old one and turns odd clicks down: the world drift
 * on one seed, the preset for small worlds. Other worlds, forms and seeds are
 * tests/long/planted_pen4rec.c's. */
#include "tests/support/evolution.h"
#include "tests/support/instrumented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_drift(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct planted p;
    double se;
    planted_train(&p, "drift", 4, 0, "pen4rec", "preset=small", 0);
    planted_more(&p, 12 * learner_steps_per_epoch(p.l));
    double odd = planted_gap_of(&p, WF_AFTER_ODD);
    struct evolution e = evolution_on_drift(&p);
    printf("drift: gap after odd clicks %.3f, relevance %.3f and memory %.3f after the switch, "
           "odd clicks %.3f, turning points %.3f, %.1f s\n",
           odd, e.attention_b, e.memory_b, e.odd_memory, e.turning, p.seconds);
    assert_true(odd >= 0.6);
    assert_true(e.attention_b >= 0.65 && e.memory_b >= 0.7);
    assert_true(e.odd_memory <= 0.6);
    assert_true(e.turning >= 0.9);
    /* below the odds would be a leak */
    assert_true(planted_excess(&p, ~0u, false, &se) > -3 * se);
    planted_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drift)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
