/* Ranking metrics: hand-made ranks, ties averaged over the places, standard errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "engine/train/metrics.h"

static double one(const char *name, double rank, int32_t n_tie, int32_t k)
{
    struct metric_acc a = {0};
    struct rank_obs o = {.rank = rank, .n_tie = n_tie};
    const struct metric_def *m = metric_find(name);
    assert_non_null(m);
    m->add(&a, &o, k);
    return metric_mean(&a);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12))
        fail_msg("%.15g, want %.15g", got, want);
}

static void test_by_hand(void **state)
{
    (void)state;
    near(one("hr", 10, 0, 10), 1);
    near(one("hr", 11, 0, 10), 0);
    near(one("ndcg", 1, 0, 10), 1);
    near(one("ndcg", 3, 0, 10), 0.5);
    near(one("ndcg", 11, 0, 10), 0);
    near(one("mrr", 4, 0, 20), 0.25);
    near(one("mrr", 21, 0, 20), 0);
    near(one("mrr", 21, 0, 0), 1.0 / 21);
    assert_null(metric_find("precision"));
}

static void test_ties_are_averaged(void **state)
{
    (void)state;
    /* A constant scorer among 101 candidates: rank 51 with 100 ties. */
    near(one("hr", 51, 100, 10), 10.0 / 101);
    double dcg = 0, rr = 0;
    for (int i = 1; i <= 101; i++) {
        if (i <= 10)
            dcg += 1 / log2(i + 1);
        rr += 1.0 / i;
    }
    near(one("ndcg", 51, 100, 10), dcg / 101);
    near(one("mrr", 51, 100, 0), rr / 101);
    /* One other with the same score across the border: half a hit. */
    near(one("hr", 10.5, 1, 10), 0.5);
}

static void test_mean_and_se(void **state)
{
    (void)state;
    struct metric_acc a = {0};
    assert_true(isnan(metric_mean(&a)));
    const struct metric_def *hr = metric_find("hr");
    for (int i = 0; i < 100; i++) {
        struct rank_obs o = {.rank = i < 25 ? 1 : 50};
        hr->add(&a, &o, 10);
    }
    near(metric_mean(&a), 0.25);
    near(metric_se(&a), sqrt(0.25 * 0.75 / 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand),
                                       cmocka_unit_test(test_ties_are_averaged),
                                       cmocka_unit_test(test_mean_and_se)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
