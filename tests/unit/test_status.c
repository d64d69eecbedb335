/* Errors as values: text, context, hints, what does not fit. */
#include "engine/base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_set(void **state)
{
    (void)state;
    struct err e;
    memset(&e, 'x', sizeof e);
    assert_int_equal(err_set(&e, ST_FORMAT, "timestamp \"%s\" is not a number", "x1"),
                     ST_FORMAT);
    assert_int_equal(e.code, ST_FORMAT);
    assert_string_equal(e.msg, "timestamp \"x1\" is not a number");
    assert_string_equal(e.kind, "");
    assert_string_equal(e.hint, "");
    assert_int_equal(err_set(NULL, ST_IO, "lost"), ST_IO); /* nobody asks for the text */
}

static void test_context(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ST_FORMAT, "line %d", 17);
    assert_int_equal(err_context(&e, "ratings.csv"), ST_FORMAT);
    assert_string_equal(e.msg, "ratings.csv: line 17");
    err_context(&e, "import %d", 2);
    assert_string_equal(e.msg, "import 2: ratings.csv: line 17");
    err_set(&e, ST_FORMAT, "%s", "");
    err_context(&e, "a");
    assert_string_equal(e.msg, "a: ");
    err_context(NULL, "nothing");
}

static void test_cut(void **state)
{
    (void)state;
    struct err e;
    char much[2000];
    memset(much, 'm', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    for (size_t n = 0; n < sizeof much;
         n += 83) { /* every way in which text and context may not fit */
        err_set(&e, ST_IO, "%.*s", (int)n, much);
        assert_int_equal(strlen(e.msg), n < sizeof e.msg ? n : sizeof e.msg - 1);
        err_context(&e, "%.*s", (int)(sizeof much - 1 - n), much);
        assert_true(strlen(e.msg) < sizeof e.msg);
        assert_int_equal(e.msg[0], sizeof much - 1 - n ? 'm' : ':');
    }
}

static void test_hint(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ST_ARG, "no item 99");
    assert_int_equal(err_hint(&e, "bad-item", "Try: %s", "data info"), ST_ARG);
    assert_string_equal(e.kind, "bad-item");
    assert_string_equal(e.hint, "Try: data info");
    err_hint(&e, NULL, "Other");
    assert_string_equal(e.kind, "bad-item");
    err_hint(&e, "a-kind-that-is-too-long", NULL);
    assert_string_equal(e.hint, "Other");
    assert_true(strlen(e.kind) < sizeof e.kind);
    err_set(&e, ST_IO, "new");
    assert_string_equal(e.kind, "");
    err_hint(NULL, "a", "b");
}

static void test_nomem(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(err_nomem(&e, 100, "a name"), ST_NOMEM);
    assert_string_equal(e.msg, "no memory for 100 bytes of a name");
    err_nomem(&e, 13107200, "scores");
    assert_string_equal(e.msg, "no memory for 12.5 MiB of scores");
    assert_int_equal(err_nomem(NULL, 1, "x"), ST_NOMEM);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = ST_OK; i <= ST_UNSUPPORTED; i++) {
        assert_string_not_equal(status_name((enum status)i), "unknown");
        for (int j = ST_OK; j < i; j++)
            assert_string_not_equal(status_name((enum status)i), status_name((enum status)j));
    }
    assert_string_equal(status_name(ST_OK), "ok");
    assert_string_equal(status_name((enum status)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),   cmocka_unit_test(test_context),
        cmocka_unit_test(test_cut),   cmocka_unit_test(test_hint),
        cmocka_unit_test(test_nomem), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
