/* Popularity, Markov-1 and nearest neighbours by hand. */
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
    const double after[6][5] = {{0}, {0, 1, 1, 0, 0}, {0, 0, 3, 0, 0}, {0, 1, 0, 0, 0}, {0},
                                {0}};
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

/* Sets: {1,2,3}, {2,3}, {4}, {1,3}; the last is the most recent. */
static void votes(const char *settings, const int32_t *item, int32_t len, const double want[5])
{
    struct kit k;
    struct block b;
    real s[6];
    kit_new_data(&k, "itemknn", settings, 5, 1, 4, sessions, lens);
    kit_block(&k, &b, 1, &item, &len, NULL, 0, NULL);
    assert_int_equal(kit_copy(kit_scores(&k, &b), s, 6), 6);
    assert_close(settings, s + 1, want, 5, 1e-6, 0);
    kit_free(&k);
}

static double rest(double count)
{
    return count / 11 - 1; /* no vote: below all others, by popularity */
}

static void test_nearest_sessions(void **state)
{
    (void)state;
    static const int32_t three[] = {3, 3, 3}, two_four[] = {2, 4, 2}, none[] = {5};
    double a = 1 / sqrt(3), b = 1 / sqrt(2), c = 1 / sqrt(6), d = 0.5;
    /* after 3: {1,2,3} a, {2,3} b, {1,3} b; repeats of the present session count once */
    votes("", three, 3, (double[]){a + b, a + b, a + 2 * b, rest(1), rest(0)});
    votes("", two_four, 3, (double[]){c, c + d, c + d, b, rest(0)});
    /* two nearest: the tie of {2,3} and {1,3} beats {1,2,3}; one nearest: the more recent of
     * the tie */
    votes("k=2", three, 1, (double[]){b, b, 2 * b, rest(1), rest(0)});
    votes("k=1", three, 1, (double[]){b, rest(3), b, rest(1), rest(0)});
    /* among the most recent ones that hold 3: {1,3}, then {2,3} */
    votes("sample=1", three, 1, (double[]){b, rest(3), b, rest(1), rest(0)});
    votes("sample=2", three, 1, (double[]){b, b, 2 * b, rest(1), rest(0)});
    votes("", none, 1, (double[]){rest(2), rest(3), rest(4), rest(1), rest(0)});
}

static void test_nearest_items(void **state)
{
    (void)state;
    static const int32_t path[] = {4, 3};
    /* 3 stands in three sessions, with 1 in two and with 2 in two; 1 and 2 stand in two each */
    double both = 2 / sqrt(5 * 4.0);
    votes("near=items shrink=2", path, 2, (double[]){both, both, rest(4), rest(1), rest(0)});
    both = 2 / sqrt(3 * 2.0);
    votes("near=items shrink=0", path, 2, (double[]){both, both, rest(4), rest(1), rest(0)});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_popularity), cmocka_unit_test(test_markov),
        cmocka_unit_test(test_nearest_sessions), cmocka_unit_test(test_nearest_items)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
