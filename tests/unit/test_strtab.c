/* Texts to numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/strtab.h"

#include <stdio.h>
#include <string.h>

static void test_ids_in_order(void **state)
{
    (void)state;
    struct strtab *t = NULL;
    assert_int_equal(strtab_new(&t, NULL), ST_OK);
    assert_int_equal(strtab_find(t, "a", 1), -1);
    assert_int_equal(strtab_put(t, "a", 1), 0);
    assert_int_equal(strtab_put(t, "", 0), 1);
    assert_int_equal(strtab_put(t, "ab", 2), 2);
    assert_int_equal(strtab_put(t, "a\0b", 3), 3); /* length counts, not the NUL */
    assert_int_equal(strtab_put(t, "abc", 1), 0);
    assert_int_equal(strtab_find(t, "a\0b", 3), 3);
    assert_int_equal(strtab_find(t, "a\0c", 3), -1);
    assert_int_equal(strtab_count(t), 4);
    assert_int_equal(strtab_len(t, 3), 3);
    assert_string_equal(strtab_text(t, 2), "ab");
    strtab_free(t);
    strtab_free(NULL);
}

static void test_many(void **state)
{
    (void)state;
    struct strtab *t = NULL;
    char s[32];
    assert_int_equal(strtab_new(&t, NULL), ST_OK);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 100000; i++) {
            snprintf(s, sizeof s, "item-%d", i * 7919);
            assert_int_equal(strtab_put(t, s, strlen(s)), i);
        }
    assert_int_equal(strtab_count(t), 100000);
    for (int i = 0; i < 100000; i += 997) {
        snprintf(s, sizeof s, "item-%d", i * 7919);
        assert_string_equal(strtab_text(t, i), s);
        assert_int_equal(strtab_find(t, s, strlen(s)), i);
    }
    assert_int_equal(strtab_find(t, "item-1", 6), -1);
    strtab_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ids_in_order),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
