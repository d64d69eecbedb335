/* The ladders: what is chosen for which terminal, and that the tables keep their promises. */
#include "app/ui/theme.h"
#include "app/ui/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_ladder(void **state)
{
    (void)state;
    // clang-format off
    static const struct {
        struct theme_env env;
        struct theme_options opt;
        enum glyphs glyphs;
        enum depth depth;
    } cases[] = {
        {{true, 1, 1, "xterm-256color", NULL, 256, false}, {0}, GLYPHS_BRAILLE, DEPTH_256},
        {{true, 1, 1, "linux", NULL, 8, false}, {0}, GLYPHS_BLOCK, DEPTH_16},
        {{true, 1, 1, "vt100", NULL, 0, false}, {0}, GLYPHS_BLOCK, DEPTH_MONO},
        {{true, 1, 2, "xterm", NULL, 8, false}, {0}, GLYPHS_BRAILLE, DEPTH_16},
        {{true, 2, 2, "xterm", NULL, 8, false}, {0}, GLYPHS_ASCII, DEPTH_16},
        {{false, -1, -1, "xterm-256color", NULL, 256, false}, {0}, GLYPHS_ASCII, DEPTH_256},
        {{false, -1, -1, "xterm", NULL, 8, false}, {.glyphs = GLYPHS_BRAILLE}, GLYPHS_ASCII, DEPTH_16},
        {{true, 1, 1, "xterm-256color", "1", 256, false}, {0}, GLYPHS_BRAILLE, DEPTH_MONO},
        {{true, 1, 1, "xterm-256color", "", 256, false}, {0}, GLYPHS_BRAILLE, DEPTH_256},
        {{true, 1, 1, "xterm-256color", "1", 256, false}, {.depth = DEPTH_256}, GLYPHS_BRAILLE, DEPTH_256},
        {{true, 1, 1, "xterm-256color", NULL, 256, false}, {.depth = DEPTH_DIRECT}, GLYPHS_BRAILLE, DEPTH_256},
        {{true, 1, 1, "xterm-direct", NULL, 1 << 24, true}, {.depth = DEPTH_DIRECT}, GLYPHS_BRAILLE, DEPTH_DIRECT},
        {{true, 1, 1, "xterm-256color", NULL, 256, false}, {.depth = DEPTH_16}, GLYPHS_BRAILLE, DEPTH_16},
        {{true, 1, 1, "xterm", NULL, 8, false}, {.depth = DEPTH_256}, GLYPHS_BRAILLE, DEPTH_16},
        {{true, 1, 1, "vt100", NULL, 0, false}, {.depth = DEPTH_256}, GLYPHS_BLOCK, DEPTH_MONO},
        {{true, 1, 1, "xterm", NULL, 256, false}, {.depth = DEPTH_MONO, .glyphs = GLYPHS_ASCII}, GLYPHS_ASCII, DEPTH_MONO},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct theme t;
        theme_decide(&t, &cases[i].env, &cases[i].opt);
        assert_int_equal(t.glyphs, cases[i].glyphs);
        assert_int_equal(t.depth, cases[i].depth);
    }
}

/* Sequential tables rise strictly in lightness; on light they fall; diverging ones are
 * symmetric in sign. */
static void test_tables(void **state)
{
    (void)state;
    static const double viridis[] = {7, 21, 38, 51, 64, 76, 81, 87};
    for (size_t i = 0; palette_at(i); i++) {
        const struct palette *p = palette_at(i);
        assert_ptr_equal(palette_find(p->name), p);
        for (int k = 0; k < p->n; k++)
            assert_true(p->index[k] >= 16 && p->light[k] >= 16);
        for (int k = 1; !p->diverging && k < p->n; k++) {
            assert_true(color_lightness(p->index[k]) > color_lightness(p->index[k - 1]));
            assert_true(color_lightness(p->light[k]) < color_lightness(p->light[k - 1]));
        }
        for (int k = 1; p->diverging && k <= p->n / 2; k++) {
            int mid = p->n / 2;
            assert_true(color_lightness(p->index[mid + k]) >
                        color_lightness(p->index[mid + k - 1]));
            assert_true(color_lightness(p->index[mid - k]) >
                        color_lightness(p->index[mid - k + 1]));
            assert_true(color_lightness(p->light[mid + k]) <
                        color_lightness(p->light[mid + k - 1]));
            assert_true(color_lightness(p->light[mid - k]) <
                        color_lightness(p->light[mid - k + 1]));
        }
    }
    for (int k = 0; k < 8; k++)
        assert_true(fabs(color_lightness(palette_find("viridis")->index[k]) - viridis[k]) < 1);
    assert_null(palette_find("jet"));
}

static void test_roles(void **state)
{
    (void)state;
    for (int light = 0; light < 2; light++) {
        struct theme t;
        theme_fixed(&t, GLYPHS_BRAILLE, DEPTH_256, light);
        static const enum role texts[] = {ROLE_DIM,  ROLE_TAB_OFF, ROLE_TITLE_OFF, ROLE_AXIS,
                                          ROLE_GOOD, ROLE_BAD,     ROLE_WARN};
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            color_t fg = t.role[texts[i]].fg;
            if (fg == COLOR_NONE)
                continue;
            assert_true(light ? color_lightness(fg) <= 45 : color_lightness(fg) >= 55);
        }
        for (int a = 0; a < 7; a++)
            for (int b = 0; b < a; b++)
                assert_int_not_equal(t.role[theme_run(a)].fg, t.role[theme_run(b)].fg);
    }
    for (int d = DEPTH_256; d <= DEPTH_DIRECT; d++) {
        struct theme t;
        theme_fixed(&t, GLYPHS_ASCII, (enum depth)d, false);
        for (int r = 0; r < ROLE_COUNT; r++) {
            if (d == DEPTH_MONO)
                assert_true(t.role[r].fg == COLOR_NONE && t.role[r].bg == COLOR_NONE);
            if (d == DEPTH_16)
                assert_true((t.role[r].fg == COLOR_NONE || t.role[r].fg < 8) &&
                            t.role[r].bg == COLOR_NONE);
        }
        for (int g = 0; g < G_COUNT; g++)
            assert_true(t.glyph[g] && strlen(t.glyph[g]) == 1);
        theme_fixed(&t, GLYPHS_BRAILLE, (enum depth)d, false);
        for (int g = 0; g < G_COUNT; g++)
            assert_int_equal(text_width(t.glyph[g]), 1);
    }
}

static void test_levels(void **state)
{
    (void)state;
    for (int g = GLYPHS_BRAILLE; g <= GLYPHS_ASCII; g++)
        for (int d = DEPTH_256; d <= DEPTH_DIRECT; d++)
            for (int div = 0; div < 2; div++) {
                struct theme t;
                theme_fixed(&t, (enum glyphs)g, (enum depth)d, false);
                int n = theme_levels(&t, div), seen = -1;
                double lo = div ? -1 : 0;
                assert_int_equal(theme_level(&t, lo, div), 0);
                assert_int_equal(theme_level(&t, 1, div), n - 1);
                assert_int_equal(theme_level(&t, -99, div), 0);
                assert_int_equal(theme_level(&t, 99, div), n - 1);
                assert_int_equal(theme_level(&t, (double)NAN, div), 0);
                for (double v = lo; v <= 1; v += 0.001) {
                    int level = theme_level(&t, v, div);
                    assert_true(level >= seen && level <= seen + 1);
                    seen = level;
                    const char *text = theme_level_text(&t, level, div);
                    assert_true(text_width(text) == 1 || (div && text_width(text) == 2));
                    bool color = theme_level_color(&t, level, div) != COLOR_NONE;
                    assert_true(color == (d == DEPTH_256 || d == DEPTH_DIRECT));
                }
                if (div) { /* zero is its own level, and the sign can be read */
                    assert_int_equal(theme_level(&t, 0, true), n / 2);
                    assert_int_equal(theme_level_text(&t, 0, true)[0], '-');
                    assert_int_equal(theme_level_text(&t, n - 1, true)[0], '+');
                }
            }
}

static void test_hysteresis(void **state)
{
    (void)state;
    struct theme t;
    theme_fixed(&t, GLYPHS_BRAILLE, DEPTH_256, false);
    /* eight levels: the border between 3 and 4 is at .5 */
    assert_int_equal(theme_level(&t, 0.505, false), 4);
    assert_int_equal(theme_level_from(&t, 0.505, false, 3), 3);
    assert_int_equal(theme_level_from(&t, 0.520, false, 3), 4);
    assert_int_equal(theme_level_from(&t, 0.495, false, 4), 4);
    assert_int_equal(theme_level_from(&t, 0.480, false, 4), 3);
    assert_int_equal(theme_level_from(&t, 0.9, false, 2), 7);
    assert_int_equal(theme_level_from(&t, 0.505, false, -1), 4);
}

static void test_ink_and_words(void **state)
{
    (void)state;
    assert_int_equal(theme_ink(220), 16);
    assert_int_equal(theme_ink(17), 231);
    assert_true(palette_rgb(palette_find("viridis"), 0, false) == RGB(0x44, 0x01, 0x54));
    assert_true(palette_rgb(palette_find("viridis"), 1, false) == RGB(0xfd, 0xe7, 0x25));
    assert_true(palette_rgb(palette_find("viridis"), 0, true) == RGB(0xfd, 0xe7, 0x25));
    enum glyphs g;
    enum depth d;
    assert_true(glyphs_parse("block", &g) && g == GLYPHS_BLOCK);
    assert_true(depth_parse("mono", &d) && d == DEPTH_MONO);
    assert_false(depth_parse("many", &d));
    assert_string_equal(glyphs_name(GLYPHS_ASCII), "ascii");
    assert_string_equal(depth_name(DEPTH_256), "256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder),     cmocka_unit_test(test_tables),
        cmocka_unit_test(test_roles),      cmocka_unit_test(test_levels),
        cmocka_unit_test(test_hysteresis), cmocka_unit_test(test_ink_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
