/* Arenas: alignment, zeros, marks over chunk borders, merging, steady rounds. */
#include "engine/base/arena.h"
#include "tests/support/instrumented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

static struct arena *fresh(size_t reserve)
{
    struct arena *a;
    assert_int_equal(arena_new(&a, reserve, NULL), ST_OK);
    return a;
}

static void test_alloc(void **state)
{
    (void)state;
    struct arena *a = fresh(0);
    char *last = NULL;
    for (size_t n = 0; n < 300; n += 7) {
        char *dirty = arena_raw(a, n), *p = arena_alloc(a, n);
        assert_non_null(dirty);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_int_equal((uintptr_t)dirty % 64, 0);
        assert_ptr_not_equal(p, dirty);
        assert_ptr_not_equal(p, last);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 1, n);
        memset(dirty, 2, n);
        last = p;
    }
    arena_reset(a); /* what was dirty comes back zeroed */
    char *p = arena_alloc(a, 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(p[i], 0);
    arena_free(a);
    arena_free(NULL);
}

static void test_strings(void **state)
{
    (void)state;
    struct arena *a = fresh(0);
    char text[] = "item 7";
    char *copy = arena_strdup(a, text);
    text[0] = 'X';
    assert_string_equal(copy, "item 7");
    assert_string_equal(arena_strdup(a, ""), "");
    assert_string_equal(arena_printf(a, "block%d.%s", 3, "attn"), "block3.attn");
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_string_equal(arena_printf(a, "%s", longer), longer);
    arena_free(a);
}

static void test_marks(void **state)
{
    (void)state;
    struct arena *a = fresh(64 * 1024);
    memset(arena_raw(a, 1000), 1, 1000);
    size_t used = arena_used(a);
    struct arena_mark m = arena_save(a);
    char *first = arena_raw(a, 100);
    arena_raw(a, 1 << 20); /* a chunk of its own */
    struct arena_mark inner = arena_save(a);
    arena_raw(a, 3 << 20); /* and another */
    assert_true(arena_used(a) >= used + (4u << 20));
    arena_restore(a, inner);
    arena_restore(a, m);
    assert_int_equal(arena_used(a), used);
    assert_ptr_equal(arena_raw(a, 100), first);
    arena_restore(a, m);
    arena_restore(a, m); /* twice does no harm */
    assert_int_equal(arena_used(a), used);
    arena_free(a);
}

static size_t round_of(struct arena *a) /* many sizes, more than the first chunk holds */
{
    for (int i = 0; i < 100; i++) {
        char *p = arena_raw(a, (size_t)(i * 997));
        if (p)
            memset(p, i, (size_t)(i * 997));
    }
    return arena_used(a);
}

static void test_steady_rounds(void **state)
{
    (void)state;
    if (instrumented()) /* its own shadow pages would be counted */
        skip();
    struct arena *a = fresh(0);
    struct rusage before, after;
    size_t used = round_of(a);
    for (int i = 0; i < 20; i++) {
        arena_reset(a); /* the first merges the chunks */
        assert_int_equal(arena_used(a), 0);
        if (i == 1)
            getrusage(RUSAGE_SELF, &before);
        assert_int_equal(round_of(a), used);
    }
    getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_minflt - before.ru_minflt, 0, 4);
    arena_free(a);
}

static void test_reserve_is_touched(void **state)
{
    (void)state;
    if (instrumented()) /* its own shadow pages would be counted */
        skip();
    struct arena *a = fresh(8u << 20);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    memset(arena_raw(a, 7u << 20), 1, 7u << 20);
    getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_minflt - before.ru_minflt, 0, 4);
    arena_free(a);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct arena *a = fresh(0);
    assert_null(arena_raw(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 63));
    assert_null(arena_raw(a, SIZE_MAX / 8)); /* the system says no */
    assert_non_null(arena_alloc(a, 100));    /* and the arena goes on */
    struct arena *huge;
    struct err err = {0};
    assert_int_equal(arena_new(&huge, SIZE_MAX / 4, &err), ST_NOMEM);
    assert_null(huge);
    assert_non_null(strstr(err.msg, "arena"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_steady_rounds),
        cmocka_unit_test(test_reserve_is_touched),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
