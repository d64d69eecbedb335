/* Curves: growth over chunk borders, what is merged and what is not, bounded memory, and a
 * reader beside the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>

#include "engine/train/series.h"

enum { FEW = 65000, MANY = 3000000 };

static struct series *fresh(const char *name)
{
    struct series *s;
    struct err err;
    assert_int_equal(series_new(&s, name, &err), ST_OK);
    return s;
}

static void test_grows(void **state)
{
    (void)state;
    struct series *s = fresh("valid.hr");
    double x, y;
    assert_string_equal(series_name(s), "valid.hr");
    assert_int_equal(series_len(s), 0);
    assert_false(series_last(s, &x, &y));
    for (int i = 0; i < FEW; i++)
        assert_true(series_push(s, i, 2.0 * i));
    assert_int_equal(series_len(s), FEW);
    for (size_t i = 0; i < FEW; i++)
        if (!series_at(s, i, &x, &y) || x != (double)i || y != 2.0 * (double)i)
            fail_msg("point %zu is (%g, %g)", i, x, y);
    assert_false(series_at(s, FEW, &x, &y));
    assert_true(series_last(s, &x, &y));
    assert_true(x == FEW - 1);
    assert_int_equal(series_version(s), 0);
    series_free(s);
    series_free(NULL);
}

static double value(int i)
{
    return i == 777 ? 1e6 : i == 1234567 ? -1e6 : sin(i * 1e-5) + (i % 7 - 3) * 0.01;
}

/* Of a long curve: no point uncounted, no spike lost, means and order right, the newest as
 * they came, and the room it takes. */
static void test_merges(void **state)
{
    (void)state;
    struct series *s = fresh("loss");
    for (int i = 0; i < MANY / 2; i++)
        assert_true(series_push(s, i, i == 99 ? (double)NAN : value(i)));
    size_t then = mallinfo2().uordblks;
    for (int i = MANY / 2; i < MANY; i++)
        assert_true(series_push(s, i, value(i)));
    assert_true(mallinfo2().uordblks <= then + 4096); /* nothing more, whatever comes */
    struct series_entry e;
    size_t len = series_len(s), exact = 0;
    double low = 0, high = 0;
    int at = 0;
    uint64_t bad = 0;
    assert_true(len < 90000);
    for (size_t i = 0; i < len; i++) {
        assert_true(series_entry(s, i, &e));
        double sum = 0, lo = 1e9, hi = -1e9;
        int from = at, n = 0;
        for (; at < from + (int)e.n; at++)
            if (at != 99) {
                sum += value(at);
                lo = fmin(lo, value(at));
                hi = fmax(hi, value(at));
                n++;
            }
        if (e.x != at - 1 || e.low != lo || e.high != hi ||
            !(fabs(e.y - sum / n) <= 1e-9 * (1 + fabs(hi) + fabs(lo))))
            fail_msg("entry %zu of points %d..%d: x %g, mean %g for %g, ends %g %g", i, from,
                     at - 1, e.x, e.y, sum / n, e.low, e.high);
        low = fmin(low, e.low);
        high = fmax(high, e.high);
        exact += e.n == 1;
        bad += e.bad;
    }
    assert_int_equal(at, MANY);
    assert_int_equal(bad, 1);
    assert_true(low == -1e6 && high == 1e6);
    assert_true(exact >= 48000);
    assert_true(series_version(s) > 100);
    series_free(s);
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
    struct series *s = fresh("loss");
    pthread_t th;
    double x = 0, y;
    assert_int_equal(pthread_create(&th, NULL, write_all, s), 0);
    for (double before = -1; x < MANY - 1;) {
        if (!series_last(s, &x, &y))
            continue;
        if (x != -y || x < before)
            fail_msg("torn point (%g, %g) after %g", x, y, before);
        before = x;
        series_hold(s); /* numbers keep still */
        size_t n = series_len(s);
        struct series_entry a, b;
        for (size_t i = n > 100 ? n - 100 : 0; i + 1 < n; i++) {
            assert_true(series_entry(s, i, &a) && series_entry(s, i + 1, &b));
            if (a.x + b.n != b.x)
                fail_msg("a gap between %g and %g", a.x, b.x);
        }
        series_release(s);
    }
    pthread_join(th, NULL);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grows),
                                       cmocka_unit_test(test_merges),
                                       cmocka_unit_test(test_reader_beside_writer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
