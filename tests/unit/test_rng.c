/* Random numbers without a state: fixed bits, even spread, keys that do not resemble each
 * other. */
#include "engine/base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { DRAWS = 100000 };

/* These bits are a promise: a seed means the same run in every later version. */
static void test_fixed_bits(void **state)
{
    (void)state;
    struct rng_key k = rng_key(1, 2, rng_site("block1.attn.drop"));
    assert_int_equal(rng_site(""), 0xcbf29ce484222325u);
    assert_int_equal(rng_site("a"), 0xaf63dc4c8601ec8cu); /* FNV-1a's published value */
    assert_int_equal(k.k0, 0xb476221cu);
    assert_int_equal(k.k1, 0x75d97fe5u);
    assert_int_equal(rng_u32(k, 0), 0xbdcee3d1u);
    assert_int_equal(rng_u32(k, 1), 0x700e9eeau);
    assert_true(rng_uniform(k, 7) == (float)(rng_u32(k, 7) >> 8) / 16777216.0f);
}

static void test_uniform(void **state)
{
    (void)state;
    struct rng_key k = rng_key(3, 0, rng_site("u"));
    double sum = 0, squares = 0, lag = 0, last = 0;
    int bucket[16] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = (double)rng_uniform(k, i) - 0.5;
        assert_true(u >= -0.5 && u < 0.5);
        sum += u;
        squares += u * u;
        lag += u * last;
        last = u;
        bucket[(int)((u + 0.5) * 16)]++;
    }
    assert_true(fabs(sum / DRAWS) < 0.004);
    assert_true(fabs(squares / DRAWS - 1.0 / 12) < 0.001);
    assert_true(fabs(lag / DRAWS) < 0.002); /* neighbours know nothing of each other */
    double chi = 0;
    for (int i = 0; i < 16; i++)
        chi += (bucket[i] - DRAWS / 16.0) * (bucket[i] - DRAWS / 16.0) / (DRAWS / 16.0);
    assert_true(chi < 37.7); /* one in a thousand, 15 degrees of freedom */
}

static void test_normal(void **state)
{
    (void)state;
    struct rng_key k = rng_key(3, 0, rng_site("n"));
    double sum = 0, squares = 0, fourth = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        double z = (double)rng_normal(k, i);
        assert_true(isfinite(z));
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
    }
    assert_true(fabs(sum / DRAWS) < 0.012);
    assert_true(fabs(squares / DRAWS - 1) < 0.02);
    assert_true(fabs(fourth / DRAWS - 3) < 0.15);
}

static void test_below(void **state)
{
    (void)state;
    struct rng_key k = rng_key(8, 1, 2);
    int hit[7] = {0};
    for (uint32_t i = 0; i < 70000; i++) {
        uint32_t r = rng_below(k, i, 7);
        assert_true(r < 7);
        hit[r]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(hit[i], 9600, 10400);
    assert_int_equal(rng_below(k, 5, 1), 0);
    assert_true(rng_below(k, 5, UINT32_MAX) < UINT32_MAX);
}

/* Seeds, steps and sites that differ in one bit give streams that agree by chance only. */
static void test_keys_differ(void **state)
{
    (void)state;
    struct rng_key base = rng_key(1, 1, rng_site("block1.attn.drop"));
    const struct rng_key other[] = {rng_key(2, 1, rng_site("block1.attn.drop")),
                                    rng_key(1, 2, rng_site("block1.attn.drop")),
                                    rng_key(1, 1, rng_site("block2.attn.drop")),
                                    rng_key(1, -1, rng_site("block1.attn.drop")),
                                    {base.k0, base.k1 ^ 1}};
    for (size_t o = 0; o < sizeof other / sizeof *other; o++) {
        int equal_bits = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t same = ~(rng_u32(base, i) ^ rng_u32(other[o], i));
            for (int b = 0; b < 32; b++)
                equal_bits += (int)(same >> b & 1);
        }
        assert_in_range(equal_bits, 15500, 16500); /* of 32,000 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_bits),  cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),      cmocka_unit_test(test_below),
        cmocka_unit_test(test_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
