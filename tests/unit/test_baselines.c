/* Popularity and Markov-1 by hand. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int32_t s1[] = {1, 2, 3, 2, 3}, s2[] = {2, 3}, s3[] = {4}, s4[] = {1, 3};
static const int32_t *const sessions[] = {s1, s2, s3, s4};
static const int32_t lens[] = {5, 2, 1, 2};
/* Counts: item 1: 2, 2: 3, 3: 4, 4: 1, 5: 0.  Pairs: 1-2, 2-3, 3-2, 2-3, 2-3, 1-3. */

static void odds(struct kit *k, const int32_t *item, int32_t len, real out[6])
{
    struct block b;
    kit_block(k, &b, 1, &item, &len, NULL, 0, NULL);
    assert_int_equal(kit_copy(kit_scores(k, &b), out, 6), 6);
    assert_true(isinf(out[0]) && out[0] < 0);
    for (int v = 1; v <= 5; v++)
        out[v] = (real)exp((double)out[v]);
}

static void test_popularity(void **state)
{
    (void)state;
    struct kit k;
    real p[6];
    const double want[] = {3 / 15.0, 4 / 15.0, 5 / 15.0, 2 / 15.0, 1 / 15.0};
    kit_new_data(&k, "pop", "", 5, 1, 4, sessions, lens);
    odds(&k, s3, 1, p);
    assert_close("after 4", p + 1, want, 5, 1e-5, 0);
    odds(&k, s1, 5, p);
    assert_close("after 1 2 3 2 3", p + 1, want, 5, 1e-5, 0);
    kit_free(&k);
    kit_new_data(&k, "pop", "smooth=0.5", 5, 1, 4, sessions, lens);
    odds(&k, s1, 5, p);
    assert_close1("never seen", (double)p[5], 0.5 / 12.5, 1e-5, 0);
    kit_free(&k);
}

static void test_markov(void **state)
{
    (void)state;
    struct kit k;
    real p[6];
    const double pop[] = {3 / 15.0, 4 / 15.0, 5 / 15.0, 2 / 15.0, 1 / 15.0};
    const double after[6][5] = {{0}, {0, 1, 1, 0, 0}, {0, 0, 3, 0, 0}, {0, 1, 0, 0, 0}, {0}, {0}};
    kit_new_data(&k, "markov", "prior=2", 5, 1, 4, sessions, lens);
    for (int32_t i = 1; i <= 5; i++) {
        double want[5], n = 0;
        int32_t path[] = {2, i}; /* only the last item counts */
        for (int v = 0; v < 5; v++)
            n += after[i][v];
        for (int v = 0; v < 5; v++)
            want[v] = (after[i][v] + 2 * pop[v]) / (n + 2);
        odds(&k, path, 2, p);
        assert_close("odds", p + 1, want, 5, 1e-5, 0);
        odds(&k, path + 1, 1, p);
        assert_close("odds", p + 1, want, 5, 1e-5, 0);
    }
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_popularity), cmocka_unit_test(test_markov)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
