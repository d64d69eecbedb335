/* Cells, dumps, widths, number formatting and drawing on a canvas. */
#include "app/ui/canvas.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct theme theme;

static void check_text(const struct grid *g, const char *want)
{
    char *got = grid_text(g);
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
}

static void test_sizes(void **state)
{
    (void)state;
    const struct style plain = {COLOR_NONE, COLOR_NONE, 0};
    struct grid g, h = {0};
    assert_int_equal(grid_init(&g, 0, 0, NULL), ST_OK);
    check_text(&g, "");
    assert_null(grid_at(&g, 0, 0));
    assert_int_equal(grid_resize(&g, 3, 0, NULL), ST_OK);
    check_text(&g, "\n\n\n");
    struct err err;
    assert_int_equal(grid_resize(&g, -1, 5, &err), ST_ARG);
    assert_int_equal(grid_resize(&g, 5, GRID_MAX_COLS + 1, &err), ST_ARG);
    assert_int_equal(g.rows, 3);
    assert_int_equal(grid_resize(&g, 500, 200, NULL), ST_OK);
    assert_int_equal(grid_copy(&h, &g, NULL), ST_OK);
    assert_true(grid_equal(&g, &h));
    uint32_t x = 'x';
    grid_put(&h, 499, 199, &x, 1, 1, plain);
    grid_put(&h, 500, 199, &x, 1, 1, plain);
    grid_put(&h, -1, 0, &x, 1, 1, plain);
    assert_false(grid_equal(&g, &h));
    assert_int_equal(grid_diff(&g, &h), 1);
    grid_done(&g);
    grid_done(&h);
    grid_done(&h);
}

static void test_wide(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 1, 6, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &theme);
    assert_int_equal(canvas_text(&c, 0, 0, ROLE_TEXT, "a日本b"), 6);
    check_text(&g, "a日本b\n");
    canvas_text(&c, 0, 2, ROLE_TEXT, "x"); /* the right half of the first */
    check_text(&g, "a x本b\n");
    canvas_text(&c, 0, 3, ROLE_TEXT, "y"); /* the left half of the second */
    check_text(&g, "a xy b\n");
    canvas_clear(&c);
    canvas_text(&c, 0, 5, ROLE_TEXT, "日"); /* one column left: cut */
    check_text(&g, "     ~\n");
    canvas_clear(&c);
    /* combining acute is part of its letter */
    canvas_text(&c, 0, 0, ROLE_TEXT, "e\xcc\x81t\xc3\xa9");
    assert_int_equal(grid_at(&g, 0, 0)->ch[1], 0x301);
    assert_int_equal(grid_at(&g, 0, 1)->ch[0], 't');
    assert_int_equal(text_width("e\xcc\x81t\xc3\xa9"), 3);
    grid_done(&g);
}

static void test_inert(void **state)
{
    (void)state;
    static const char *const nasty[] = {
        "\033[2J",
        "\x07",
        "\xc2\x9b\x33\x31m",
        "\xe2\x80\xae\x61\x62",
        "\xff\xfe",
        "\xf0\x9f",
        "\x7f",
        "\xe2\x81\xa6x",
        "a\xcc",
        "\xcc\x81",
        "\xed\xa0\x80",
        "\xc0\x80",
        "\xe2\x80\x8f",
    };
    struct grid g;
    assert_int_equal(grid_init(&g, 1, 20, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &theme);
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
        canvas_clear(&c);
        canvas_text(&c, 0, 0, ROLE_TEXT, nasty[i]);
        for (int col = 0; col < g.cols; col++) {
            uint32_t u = grid_at(&g, 0, col)->ch[0];
            assert_true(u >= 0x20 && u != 0x7f && !(u >= 0x80 && u < 0xa0));
            assert_true(u != 0x202e && u != 0x2066 && u != 0x200f &&
                        !(u >= 0xd800 && u < 0xe000));
        }
        assert_int_not_equal(grid_at(&g, 0, 0)->ch[0], ' ');
    }
    /* A screen that cannot say it. */
    struct theme ascii = theme;
    ascii.utf8 = false;
    c.theme = &ascii;
    canvas_clear(&c);
    canvas_text(&c, 0, 0, ROLE_TEXT, "caf\xc3\xa9 日");
    check_text(&g, "caf? ??\n");
    grid_done(&g);
}

static void test_clip(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 2, 12, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &theme);
    canvas_left(&c, 0, 0, 5, ROLE_TEXT, "abcdefgh");
    canvas_right(&c, 0, 6, 5, ROLE_TEXT, "42");
    canvas_centre(&c, 1, 0, 6, ROLE_TEXT, "ab");
    canvas_num(&c, 1, 7, 5, ROLE_TEXT, 0.183);
    check_text(&g, "abcd~    42\n  ab   0.18~\n");
    canvas_clear(&c);
    struct canvas s = canvas_sub(&c, 1, 3, 5, -2);
    assert_int_equal(s.rows, 1);
    assert_int_equal(s.cols, 7);
    canvas_text(&s, 0, 0, ROLE_TEXT, "0123456789");
    canvas_text(&s, -1, 0, ROLE_TEXT, "no");
    canvas_text(&s, 0, -4, ROLE_TEXT, "no");
    canvas_text(&s, 3, 0, ROLE_TEXT, "no");
    check_text(&g, "\n   012345~\n");
    grid_done(&g);
}

static void test_box(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 3, 24, NULL), ST_OK);
    struct theme ascii;
    theme_fixed(&ascii, GLYPHS_ASCII, DEPTH_MONO, false);
    struct canvas c = canvas_of(&g, &ascii);
    struct canvas in = canvas_box(&c, "loss", "1/2", true);
    canvas_text(&in, 0, 0, ROLE_TEXT, "inside the frame it is cut");
    check_text(&g, "+- > loss ------- 1/2 -+\n"
                   "|inside the frame it i~|\n"
                   "+----------------------+\n");
    for (int rows = 0; rows < 4; rows++)
        for (int cols = 0; cols < 24; cols++) {
            struct canvas small = canvas_sub(&c, 0, 0, rows, cols);
            struct canvas inside =
                canvas_box(&small, "a long title that is cut", "right", false);
            assert_true(inside.rows >= 0 && inside.cols >= 0);
        }
    grid_done(&g);
}

static void test_wrap(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 5, 10, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &theme);
    assert_int_equal(canvas_wrap(&c, 0, ROLE_TEXT, "the rule that\nmade averyverylongword"), 5);
    check_text(&g, "the rule\nthat\nmade\naveryveryl\nongword\n");
    grid_done(&g);
}

static void test_numbers(void **state)
{
    (void)state;
    // clang-format off
    static const struct {
        double v;
        const char *num, *brief;
    } cases[] = {
        {0, "0", "0"}, {-0.0, "0", "0"}, {0.183, "0.1830", "0.183"}, {2.8043, "2.804", "2.804"},
        {41.27, "41.27", "41.27"}, {1840, "1840", "1840"}, {123456, "123456", "123456"},
        {9.9996, "10.00", "10"}, {99999.5, "100000", "100000"}, {1234.56, "1235", "1235"},
        {0.0005, "0.0005000", "0.0005"}, {1.25e-5, "1.250e-05", "1.25e-05"}, {2.5e7, "2.500e+07", "2.5e+07"},
        {-0.0714, "-0.07140", "-0.0714"}, {1e300, "1.000e+300", "1e+300"}, {5e-324, "4.941e-324", "4.941e-324"},
        {(double)NAN, "nan", "nan"}, {HUGE_VAL, "inf", "inf"}, {-HUGE_VAL, "-inf", "-inf"},
    };
    // clang-format on
    char out[FMT_NUM];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(fmt_num(out, cases[i].v), cases[i].num);
        assert_string_equal(fmt_short(out, cases[i].v), cases[i].brief);
    }
    assert_string_equal(fmt_signed(out, 0.021), "+0.02100");
    assert_string_equal(fmt_signed(out, -0.021), "-0.02100");
    assert_string_equal(fmt_fixed(out, -0.0004, 3), "0.000");
    assert_string_equal(fmt_fixed(out, 12.3456, 2), "12.35");
    assert_string_equal(fmt_prob(out, 0.4116), ".412");
    assert_string_equal(fmt_prob(out, 1), "1.000");
    assert_string_equal(fmt_count(out, 47812), "47,812");
    assert_string_equal(fmt_count(out, -1234), "-1,234");
    assert_string_equal(fmt_count(out, 131072), "131k");
    assert_string_equal(fmt_count(out, 999960), "1M");
    assert_string_equal(fmt_count(out, 2.5e6), "2.5M");
    assert_string_equal(fmt_duration(out, 53), "0:53");
    assert_string_equal(fmt_duration(out, 11050), "3:04:10");
}

/* The decimal point does not follow the locale. */
static void test_locale(void **state)
{
    (void)state;
    const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"};
    char out[FMT_NUM];
    for (size_t i = 0; i < 3; i++) {
        if (!setlocale(LC_NUMERIC, names[i]))
            continue;
        assert_string_equal(fmt_num(out, 2.5), "2.500");
        assert_string_equal(fmt_num(out, 1.25e-9), "1.250e-09");
    }
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(fmt_num(out, 2.5), "2.500");
}

static void test_bars(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 4, 8, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &theme);
    canvas_bar(&c, 0, 0, 8, ROLE_BAR, 1, 2);
    canvas_bar(&c, 1, 0, 8, ROLE_BAR, 0.0625, 1);
    canvas_bar(&c, 2, 0, 8, ROLE_BAR, (double)NAN, 1);
    double v[] = {0, 1, 2, (double)NAN, 7};
    canvas_spark(&c, 3, 0, 8, ROLE_BAR, v, 5, 0, 0);
    check_text(&g, "████\n▌\n\n▁▂▃ █\n");
    struct theme ascii;
    theme_fixed(&ascii, GLYPHS_ASCII, DEPTH_MONO, false);
    c.theme = &ascii;
    canvas_clear(&c);
    canvas_bar(&c, 0, 0, 8, ROLE_BAR, 1, 2);
    canvas_bar_signed(&c, 1, 0, 7, -1, 1);
    canvas_bar_signed(&c, 2, 0, 7, 2, 1);
    check_text(&g, "####\n###|\n   |###\n\n");
    grid_done(&g);
}

static void test_ansi(void **state)
{
    (void)state;
    struct grid g;
    assert_int_equal(grid_init(&g, 1, 6, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &theme);
    canvas_put(&c, 0, 0, "ab", (struct style){74, COLOR_NONE, ATTR_BOLD});
    canvas_put(&c, 0, 2, "c", (struct style){RGB(1, 2, 3), 17, 0});
    char *s = grid_ansi(&g);
    assert_non_null(s);
    assert_string_equal(s, "\033[0;1;38;5;74mab\033[0;38;2;1;2;3;48;5;17mc\033[0m\n");
    free(s);
    grid_done(&g);
}

static void test_scroll(void **state)
{
    (void)state;
    assert_int_equal(canvas_scroll(0, 3, 5, 20), 0);
    assert_int_equal(canvas_scroll(0, 7, 5, 20), 3);
    assert_int_equal(canvas_scroll(10, 4, 5, 20), 4);
    assert_int_equal(canvas_scroll(18, 19, 5, 20), 15);
    assert_int_equal(canvas_scroll(3, 1, 5, 2), 0);
    assert_int_equal(canvas_scroll(3, 1, 0, 2), 0);
}

static void test_lightness(void **state)
{
    (void)state;
    assert_true(fabs(color_lightness(231) - 100) < 0.01);
    assert_true(fabs(color_lightness(16)) < 0.01);
    assert_true(fabs(color_lightness(220) - 87) < 1);
}

int main(void)
{
    theme_fixed(&theme, GLYPHS_BRAILLE, DEPTH_256, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_wide),
        cmocka_unit_test(test_inert),   cmocka_unit_test(test_clip),
        cmocka_unit_test(test_box),     cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_locale),
        cmocka_unit_test(test_bars),    cmocka_unit_test(test_ansi),
        cmocka_unit_test(test_scroll),  cmocka_unit_test(test_lightness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
