/* Agreement of two lists and of two rankings of the same questions: small cases worked by
 * hand. */
#include "app/cmd/agree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void near(const char *what, double got, double want)
{
    if (!(fabs(got - want) <= 1e-12))
        fail_msg("%s: %.15g, want %.15g", what, got, want);
}

static void test_lists(void **state)
{
    (void)state;
    const int32_t x[4] = {1, 2, 3, 4}, y[4] = {2, 1, 3, 5}, none[4] = {5, 6, 7, 8};
    struct list_agreement g;
    list_agree(x, x, 4, NULL, NULL, 8, &g);
    assert_int_equal(g.both, 4);
    assert_true(g.top1);
    near("rbo of a list with itself", g.rbo, 1);
    assert_true(isnan(g.js));
    list_agree(x, none, 4, NULL, NULL, 8, &g);
    assert_int_equal(g.both, 0);
    near("rbo of disjoint lists", g.rbo, 0);
    /* common: 0 of 1, 2 of 2, 3 of 3, 3 of 4 */
    list_agree(x, y, 4, NULL, NULL, 8, &g);
    assert_int_equal(g.both, 3);
    assert_false(g.top1);
    near("rbo", g.rbo,
         0.1 * (0 + 0.9 * 1 + 0.81 * 1 + 0.729 * 0.75) / (1 - 0.9 * 0.9 * 0.9 * 0.9));
    const float p[3] = {0, 1, 0}, q[3] = {0, 0, 1}, m[3] = {0, 0.5f, 0.5f};
    list_agree(x, x, 2, p, q, 2, &g);
    near("js of disjoint odds", g.js, log(2));
    list_agree(x, x, 2, p, m, 2, &g);
    near("js", g.js,
         0.5 * log(1 / 0.75) + 0.5 * (0.5 * log(0.5 / 0.75) + 0.5 * log(0.5 / 0.25)));
    list_agree(x, x, 2, m, m, 2, &g);
    near("js of the same odds", g.js, 0);
    list_agree(x, y, 0, NULL, NULL, 0, &g);
    near("rbo of nothing", g.rbo, 0);
}

static void test_cases(void **state)
{
    (void)state;
    /* rank 0: not asked by one of them; 11 is just out; the last two share their places with
     * others */
    const double first[7] = {1, 11, 3, 40, 0, 2, 10}, second[7] = {2, 1, 30, 50, 1, 2, 10.5};
    struct rank_obs a[7], b[7];
    for (int i = 0; i < 7; i++) {
        a[i] = (struct rank_obs){.rank = first[i]};
        b[i] = (struct rank_obs){.rank = second[i]};
    }
    b[6].n_tie = 1; /* tenth or eleventh */
    struct case_agreement g;
    cases_agree(a, b, 7, Q_HR, 10, &g);
    assert_int_equal(g.n, 6);
    assert_int_equal(g.both, 2);
    assert_int_equal(g.first, 2);
    assert_int_equal(g.second, 1);
    assert_int_equal(g.neither, 1);
    near("HR first", g.mean[0], 4.0 / 6);
    near("HR second", g.mean[1], 3.5 / 6);
    near("difference", g.difference, 0.5 / 6);
    double d[6] = {0, -1, 1, 0, 0, 0.5}, mean = 0.5 / 6, var = 0;
    for (int i = 0; i < 6; i++)
        var += (d[i] - mean) * (d[i] - mean) / 5;
    near("half", g.half, 1.96 * sqrt(var / 6));
    assert_int_equal(cases_verdict(&g), 0);
    cases_agree(a, b, 1, Q_NDCG, 10, &g);
    near("NDCG", g.difference, 1 - 1 / log2(3));
    cases_agree(a, b, 4, Q_MRR, 10, &g); /* cut off at 20, whatever k is */
    near("MRR", g.mean[0], (1 + 1.0 / 11 + 1.0 / 3) / 4);
    g = (struct case_agreement){.n = 9, .difference = 0.2, .half = 0.1};
    assert_int_equal(cases_verdict(&g), 1);
    g.difference = -0.2;
    assert_int_equal(cases_verdict(&g), -1);
    cases_agree(a, b, 0, Q_HR, 10, &g);
    assert_int_equal(g.n, 0);
    assert_int_equal(cases_verdict(&g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists),
                                       cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests_name("agree", tests, NULL, NULL);
}
