/* Curves: growth over chunk borders, and a reader beside the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "engine/train/series.h"

enum { MANY = 200000 };

static void test_grows(void **state)
{
    (void)state;
    struct series *s;
    struct err err;
    double x, y;
    assert_int_equal(series_new(&s, "valid.hr", &err), ST_OK);
    assert_string_equal(series_name(s), "valid.hr");
    assert_int_equal(series_len(s), 0);
    assert_false(series_last(s, &x, &y));
    for (int i = 0; i < MANY; i++)
        assert_true(series_push(s, i, 2.0 * i));
    assert_int_equal(series_len(s), MANY);
    for (size_t i = 0; i < MANY; i++)
        if (!series_at(s, i, &x, &y) || x != (double)i || y != 2.0 * (double)i)
            fail_msg("point %zu is (%g, %g)", i, x, y);
    assert_false(series_at(s, MANY, &x, &y));
    assert_true(series_last(s, &x, &y));
    assert_true(x == MANY - 1);
    series_free(s);
    series_free(NULL);
}

static void *write_all(void *p)
{
    for (int i = 0; i < MANY; i++)
        (void)series_push(p, i, -i);
    return NULL;
}

static void test_reader_beside_writer(void **state)
{
    (void)state;
    struct series *s;
    struct err err;
    pthread_t th;
    assert_int_equal(series_new(&s, "loss", &err), ST_OK);
    assert_int_equal(pthread_create(&th, NULL, write_all, s), 0);
    for (size_t n = 0; n < MANY;) {
        n = series_len(s);
        double x, y;
        if (n && (!series_last(s, &x, &y) || x != -y || x < (double)n - 1))
            fail_msg("torn point (%g, %g) at length %zu", x, y, n);
    }
    pthread_join(th, NULL);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grows), cmocka_unit_test(test_reader_beside_writer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
