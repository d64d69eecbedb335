/* Text to typed values, ranges, and advice for what was probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "engine/train/hparams.h"

static const char *const losses[] = {"bce", "ce", NULL};
static const struct hparam_def defs[] = {
    HP_TRAINING(HP_ADAM, 0.001, 0.9, 0.98, 1e-8, 128, 0, 0),
    {"d", HP_INT, false, 50, 1, 1024, NULL, "width", "hidden_units"},
    {"dropout", HP_FLOAT, true, 0.2, 0, 0.95, NULL, "dropout", NULL},
    {"hidden", HP_LIST, false, 100, 1, 4096, NULL, "widths", NULL},
    {"loss", HP_ENUM, true, 0, 0, 0, losses, "loss", NULL},
    {"tied", HP_BOOL, false, 1, 0, 1, NULL, "tied tables", NULL},
    {.name = NULL},
};

static struct hparams *fresh(void)
{
    struct hparams *hp;
    struct err err;
    assert_int_equal(hparams_new(&hp, defs, "toy", &err), ST_OK);
    return hp;
}

static void test_defaults(void **state)
{
    (void)state;
    struct hparams *hp = fresh();
    assert_int_equal(hp_int(hp, "d"), 50);
    assert_true(hp_num(hp, "lr") == 0.001);
    assert_true(hp_bool(hp, "tied"));
    assert_int_equal(hp_enum(hp, "opt"), HP_ADAM);
    int32_t w[4];
    assert_int_equal(hp_list(hp, "hidden", w, 4), 1);
    assert_int_equal(w[0], 100);
    assert_false(hparams_changed(hp, "d"));
    assert_false(hp_has(hp, "nothing"));
    assert_true(hp_has(hp, "clip"));
    hparams_free(hp);
}

static void test_set_and_text(void **state)
{
    (void)state;
    static const char *const cases[][3] = {/* name, typed, printed */
                                           {"lr", "0.0005", "0.0005"},
                                           {"lr", "5e-4", "0.0005"},
                                           {"lr", "1", "1"},
                                           {"d", "64", "64"},
                                           {"hidden", "100,50", "100,50"},
                                           {"loss", "ce", "ce"},
                                           {"tied", "off", "off"},
                                           {"tied", "1", "on"},
                                           {"warmup", "100", "100"},
                                           {"batch", "65536", "65536"}};
    struct hparams *hp = fresh();
    struct err err;
    char buf[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(hparams_set(hp, cases[i][0], cases[i][1], &err), ST_OK);
        hparams_text(hp, cases[i][0], buf, sizeof buf);
        assert_string_equal(buf, cases[i][2]);
    }
    assert_true(hparams_changed(hp, "hidden"));
    struct hparams *copy;
    assert_int_equal(hparams_copy(&copy, hp, &err), ST_OK);
    assert_int_equal(hparams_set(copy, "d", "32", &err), ST_OK);
    assert_int_equal(hp_int(hp, "d"), 64);
    hparams_free(copy);
    hparams_free(hp);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"lr", "-1"},
        {"lr", "nan"},
        {"lr", "inf"},
        {"lr", ""},
        {"lr", "1x"},
        {"lr", " 1"},
        {"lr", "0x1"},
        {"d", "0"},
        {"d", "1.5"},
        {"d", "99999999999999999999"},
        {"hidden", "100,"},
        {"hidden", "1,2,3,4,5,6,7,8,9"},
        {"loss", "BCE"},
        {"tied", "maybe"},
        {"dropout", "0.99"},
        {"lr", "1111111111111111111111111111111111111111111111111111111111"}};
    struct hparams *hp = fresh();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        char before[64], after[64];
        hparams_text(hp, cases[i][0], before, sizeof before);
        assert_int_equal(hparams_set(hp, cases[i][0], cases[i][1], &err), ST_ARG);
        assert_string_equal(err.kind, "bad-value");
        hparams_text(hp, cases[i][0], after, sizeof after);
        assert_string_equal(before, after);
    }
    struct err err = {0};
    assert_int_equal(hparams_set(hp, "loss", "xx", &err), ST_ARG);
    assert_non_null(strstr(err.msg, "bce, ce"));
    hparams_free(hp);
}

static void test_advice(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"learning_rate", "lr"},
                                           {"dropuot", "dropout"},
                                           {"hidden_units", "d"},
                                           {"drop", "dropout"},
                                           {"warm", "warmup"}};
    struct hparams *hp = fresh();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        char want[64] = "did you mean ";
        strncat(want, cases[i][1], 20);
        strncat(want, "?", 2);
        assert_int_equal(hparams_set(hp, cases[i][0], "1", &err), ST_ARG);
        assert_string_equal(err.kind, "bad-key");
        if (!strstr(err.msg, want))
            fail_msg("%s: %s", cases[i][0], err.msg);
    }
    struct err err = {0};
    assert_int_equal(hparams_set(hp, "zzzzzzzz", "1", &err), ST_ARG);
    assert_null(strstr(err.msg, "did you"));
    hparams_free(hp);
}

static void test_all_or_nothing(void **state)
{
    (void)state;
    struct hparams *hp = fresh();
    struct err err = {0};
    assert_int_equal(hparams_set_all(hp, "d=64 lr=0.1 loss=nope", &err), ST_ARG);
    assert_int_equal(hp_int(hp, "d"), 50);
    assert_int_equal(hparams_set_all(hp, "  d=64  lr=0.1\n", &err), ST_OK);
    assert_int_equal(hp_int(hp, "d"), 64);
    assert_int_equal(hparams_set_all(hp, "d", &err), ST_ARG);
    assert_int_equal(hparams_set_all(hp, "", &err), ST_OK);
    hparams_free(hp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_set_and_text),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
