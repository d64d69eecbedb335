/* The table of keys: defaults parse, lookup goes inwards out, counts, stars, rebinding. */
#include "app/ui/keymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct keymap *map(void)
{
    struct keymap *k;
    assert_int_equal(keymap_new(&k, NULL), ST_OK);
    return k;
}

static void test_defaults(void **state)
{
    (void)state;
    struct keymap *k = map();
    const struct key_binding *b;
    size_t n = keymap_rows(k, &b);
    assert_true(n > 80);
    for (size_t i = 0; i < n; i++) {
        assert_true(keymap_key_ok(b[i].keys));
        assert_true(b[i].command[0] != '\0');
        for (size_t j = 0; j < i; j++) /* one meaning a key */
            assert_false(strcmp(b[i].context, b[j].context) == 0 &&
                         strcmp(b[i].keys, b[j].keys) == 0);
        /* a binding that begins a longer one would hide it */
        bool pending;
        assert_non_null(keymap_lookup(k, b[i].context, b[i].keys, &pending));
        assert_false(pending);
    }
    assert_string_equal(keymap_lookup(k, "global", "Space", NULL), "pause toggle");
    assert_null(keymap_lookup(k, "global", "y", NULL));
    keymap_free(k);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a",   "A",   ":",    "é",    "Space", "S-Tab",
                                       "F1",  "F12", "S-F8", "C-r",  "M-b",   "M-Up",
                                       "= *", "g g", "C-\\", "PgDn", "*",     "M-*"};
    static const char *const bad[] = {"",    " ",    "a ", " a", "F0",  "F13",  "F012", "C-i",
                                      "C-A", "Spce", "ab", "C-", "S-a", "a  b", "\x01", "\xff"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(keymap_key_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(keymap_key_ok(bad[i]));
}

static enum key_result feed(struct keymap *k, struct key_state *st, const char *key, char *out,
                            int *repeat)
{
    static const char *const contexts[] = {"train.log", "train", "global"};
    return keymap_feed(k, st, contexts, 3, key, out, 64, repeat);
}

static void test_feed(void **state)
{
    (void)state;
    struct keymap *k = map();
    struct key_state st = {0};
    char out[64];
    int repeat;
    assert_int_equal(feed(k, &st, "n", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "step");
    assert_int_equal(feed(k, &st, "s", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "step op");
    const char *const keys[] = {";", "2", "5"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(feed(k, &st, keys[i], out, &repeat), KEYS_PENDING);
    assert_int_equal(feed(k, &st, "n", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "step 25");
    assert_int_equal(repeat, 1);
    feed(k, &st, ";", out, &repeat);
    feed(k, &st, "3", out, &repeat);
    assert_int_equal(feed(k, &st, ".", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "at next");
    assert_int_equal(repeat, 3);
    assert_int_equal(feed(k, &st, ".", out, &repeat), KEYS_RUN);
    assert_int_equal(repeat, 1); /* the count is spent */
    assert_int_equal(feed(k, &st, "3", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "tab attention"); /* bare digits are tabs */
    assert_int_equal(feed(k, &st, "=", out, &repeat), KEYS_PENDING);
    assert_string_equal(st.keys, "=");
    assert_int_equal(feed(k, &st, "B", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "model use B");
    assert_int_equal(feed(k, &st, "=", out, &repeat), KEYS_PENDING);
    assert_int_equal(feed(k, &st, "Esc", out, &repeat), KEYS_NONE);
    assert_int_equal(feed(k, &st, "y", out, &repeat), KEYS_RUN);
    assert_string_equal(out, "set logy toggle");
    assert_int_equal(feed(k, &st, "=", out, &repeat), KEYS_PENDING);
    /* a star takes characters only */
    assert_int_equal(feed(k, &st, "Up", out, &repeat), KEYS_NONE);
    assert_int_equal(st.keys[0], '\0');
    assert_int_equal(feed(k, &st, "&", out, &repeat), KEYS_NONE);
    keymap_free(k);
}

static void test_bind(void **state)
{
    (void)state;
    struct keymap *k = map();
    struct key_state st = {0};
    char out[64];
    int repeat;
    struct err err;
    assert_int_equal(keymap_bind(k, "train", "n", "step 10", NULL, NULL), ST_OK);
    feed(k, &st, "n", out, &repeat);
    assert_string_equal(out, "step 10"); /* the tab hides global */
    assert_int_equal(keymap_bind(k, "train.log", "n", "find next", NULL, NULL), ST_OK);
    feed(k, &st, "n", out, &repeat);
    assert_string_equal(out, "find next"); /* the pane hides the tab */
    assert_int_equal(keymap_bind(k, "train.log", "n", "", NULL, NULL), ST_OK);
    assert_int_equal(keymap_bind(k, "train", "n", "", NULL, NULL), ST_OK);
    feed(k, &st, "n", out, &repeat);
    assert_string_equal(out, "step");
    assert_int_equal(keymap_bind(k, "global", "Spce", "x", NULL, &err), ST_ARG);
    assert_non_null(strstr(err.msg, "Spce"));
    assert_int_equal(keymap_bind(k, "", "a", "x", NULL, &err), ST_ARG);
    assert_int_equal(keymap_bind(k, "global", "= C", "echo c", NULL, NULL), ST_OK);
    feed(k, &st, "=", out, &repeat);
    feed(k, &st, "C", out, &repeat);
    assert_string_equal(out, "echo c");
    for (int i = 0; i < 400; i++) { /* growing keeps what is there */
        char keys[16];
        (void)snprintf(keys, sizeof keys, "g %c %c", 'a' + i % 20, 'a' + i / 20);
        assert_int_equal(keymap_bind(k, "data", keys, "x", "label", NULL), ST_OK);
    }
    assert_string_equal(keymap_lookup(k, "data", "g b a", NULL), "x");
    bool pending;
    assert_null(keymap_lookup(k, "data", "g b", &pending));
    assert_true(pending);
    keymap_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
