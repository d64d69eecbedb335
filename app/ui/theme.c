/* The ladder of glyphs and colours, and the looks of each rung.  Palette tables: xterm
 * indices chosen for strictly rising lightness, which the nearest index to evenly spaced
 * samples of a map does not give. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "app/ui/theme.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

// clang-format off
static const struct palette palettes[] = {
    {"viridis",   "blue to yellow, the default", 8,
     {17, 53, 24, 30, 36, 41, 149, 220}, {230, 186, 78, 36, 30, 24, 53, 17}, false},
    {"cividis",   "the same to all kinds of colour vision", 8,
     {235, 237, 240, 242, 245, 144, 185, 227}, {227, 185, 144, 245, 242, 240, 237, 235}, false},
    {"magma",     "black over purple to white, the most levels", 12,
     {16, 233, 18, 54, 90, 126, 161, 167, 209, 216, 222, 229},
     {229, 222, 216, 209, 167, 161, 126, 90, 54, 18, 233, 16}, false},
    {"grey",      "grey only, for print", 12,
     {232, 234, 236, 238, 240, 242, 244, 246, 248, 250, 252, 255},
     {255, 252, 250, 248, 246, 244, 242, 240, 238, 236, 234, 232}, false},
    {"diverging", "blue below zero, orange above", 9,
     {117, 74, 31, 24, 236, 94, 130, 172, 215}, {24, 31, 74, 117, 231, 223, 215, 172, 130}, true},
};

/* The maps themselves, for true colour: even samples, linear between them. */
static const struct map { int n; uint32_t rgb[10]; } maps[] = {
    {9,  {0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725}},
    {10, {0x00204d, 0x00336f, 0x39486b, 0x575c6d, 0x707173, 0x8a8779, 0xa69d75, 0xc4b56c, 0xe4cf5b, 0xffea46}},
    {9,  {0x000004, 0x1d1147, 0x51127c, 0x832681, 0xb63779, 0xe65164, 0xfb8861, 0xfec287, 0xfcfdbf}},
    {2,  {0x121212, 0xf2f2f2}},
    {9,  {0x87d7ff, 0x5fafd7, 0x0087af, 0x005f87, 0x303030, 0x875f00, 0xaf5f00, 0xd78700, 0xffaf5f}},
};
static const struct map diverging_light =
    {9,  {0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xffffff, 0xfdd0a2, 0xf4a259, 0xd9781d, 0x8c3f00}};

static const char *const glyphs_ascii[G_COUNT] = {
    [G_HLINE] = "-", [G_VLINE] = "|", [G_TOP_LEFT] = "+", [G_TOP_RIGHT] = "+", [G_BOTTOM_LEFT] = "+", [G_BOTTOM_RIGHT] = "+",
    [G_TEE_LEFT] = "+", [G_TEE_RIGHT] = "+", [G_TEE_TOP] = "+", [G_TEE_BOTTOM] = "+", [G_CROSS] = "+",
    [G_DASH] = "=", [G_TICK_Y] = "+", [G_TICK_X] = "+", [G_CARET] = "^", [G_MASKED] = ".", [G_DOT] = ".", [G_BAD] = "x",
    [G_ARROW_RIGHT] = ">", [G_ARROW_LEFT] = "<", [G_ARROW_UP] = "^", [G_ARROW_DOWN] = "v",
    [G_BAR_FULL] = "#", [G_MORE_UP] = "^", [G_MORE_DOWN] = "v",
};
static const char *const glyphs_block[G_COUNT] = {
    [G_HLINE] = "─", [G_VLINE] = "│", [G_TOP_LEFT] = "┌", [G_TOP_RIGHT] = "┐", [G_BOTTOM_LEFT] = "└", [G_BOTTOM_RIGHT] = "┘",
    [G_TEE_LEFT] = "├", [G_TEE_RIGHT] = "┤", [G_TEE_TOP] = "┬", [G_TEE_BOTTOM] = "┴", [G_CROSS] = "┼",
    [G_DASH] = "╌", [G_TICK_Y] = "┤", [G_TICK_X] = "┬", [G_CARET] = "▲", [G_MASKED] = "·", [G_DOT] = "·", [G_BAD] = "×",
    [G_ARROW_RIGHT] = "→", [G_ARROW_LEFT] = "←", [G_ARROW_UP] = "↑", [G_ARROW_DOWN] = "↓",
    [G_BAR_FULL] = "█", [G_MORE_UP] = "↑", [G_MORE_DOWN] = "↓",
};

/* Styles a rung of the colour ladder gives to roles; what is not named is plain text. */
#define NONE COLOR_NONE
static const struct style dark_256[ROLE_COUNT] = {
    [ROLE_TEXT] = {NONE, NONE, 0},               [ROLE_DIM] = {246, NONE, 0},
    [ROLE_STRONG] = {NONE, NONE, ATTR_BOLD},     [ROLE_TITLE] = {NONE, NONE, ATTR_BOLD},
    [ROLE_TITLE_OFF] = {248, NONE, 0},           [ROLE_FRAME] = {239, NONE, 0},
    [ROLE_FRAME_ON] = {247, NONE, 0},            [ROLE_STATUS] = {253, 236, 0},
    [ROLE_TAB] = {250, NONE, 0},                 [ROLE_TAB_ON] = {NONE, NONE, ATTR_BOLD | ATTR_REVERSE},
    [ROLE_TAB_OFF] = {245, NONE, 0},             [ROLE_KEY] = {NONE, NONE, ATTR_BOLD},
    [ROLE_ITEM] = {NONE, NONE, 0},               [ROLE_CURSOR] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_SELECT] = {NONE, 238, 0},              [ROLE_GOOD] = {114, NONE, 0},
    [ROLE_BAD] = {210, NONE, ATTR_BOLD},         [ROLE_WARN] = {221, NONE, 0},
    [ROLE_UP] = {114, NONE, 0},                  [ROLE_DOWN] = {210, NONE, 0},
    [ROLE_PROMPT] = {NONE, NONE, ATTR_BOLD},     [ROLE_FLASH] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_AXIS] = {246, NONE, 0},                [ROLE_RAW] = {240, NONE, 0},
    [ROLE_LEVEL] = {180, NONE, 0},               [ROLE_BAR] = {73, NONE, 0},
    [ROLE_MASKED] = {242, NONE, 0},              [ROLE_MARK] = {215, NONE, 0},
};
static const struct style light_256[ROLE_COUNT] = {
    [ROLE_TEXT] = {NONE, NONE, 0},               [ROLE_DIM] = {241, NONE, 0},
    [ROLE_STRONG] = {NONE, NONE, ATTR_BOLD},     [ROLE_TITLE] = {NONE, NONE, ATTR_BOLD},
    [ROLE_TITLE_OFF] = {240, NONE, 0},           [ROLE_FRAME] = {250, NONE, 0},
    [ROLE_FRAME_ON] = {241, NONE, 0},            [ROLE_STATUS] = {235, 254, 0},
    [ROLE_TAB] = {238, NONE, 0},                 [ROLE_TAB_ON] = {NONE, NONE, ATTR_BOLD | ATTR_REVERSE},
    [ROLE_TAB_OFF] = {241, NONE, 0},             [ROLE_KEY] = {NONE, NONE, ATTR_BOLD},
    [ROLE_ITEM] = {NONE, NONE, 0},               [ROLE_CURSOR] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_SELECT] = {NONE, 253, 0},              [ROLE_GOOD] = {22, NONE, 0},
    [ROLE_BAD] = {124, NONE, ATTR_BOLD},         [ROLE_WARN] = {94, NONE, 0},
    [ROLE_UP] = {22, NONE, 0},                   [ROLE_DOWN] = {124, NONE, 0},
    [ROLE_PROMPT] = {NONE, NONE, ATTR_BOLD},     [ROLE_FLASH] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_AXIS] = {241, NONE, 0},                [ROLE_RAW] = {251, NONE, 0},
    [ROLE_LEVEL] = {94, NONE, 0},                [ROLE_BAR] = {31, NONE, 0},
    [ROLE_MASKED] = {248, NONE, 0},              [ROLE_MARK] = {130, NONE, 0},
};
/* Eight colours of the user's own theme: text roles and runs only. */
static const struct style any_16[ROLE_COUNT] = {
    [ROLE_STRONG] = {NONE, NONE, ATTR_BOLD},     [ROLE_TITLE] = {NONE, NONE, ATTR_BOLD},
    [ROLE_STATUS] = {NONE, NONE, ATTR_REVERSE},  [ROLE_TAB_ON] = {NONE, NONE, ATTR_BOLD | ATTR_REVERSE},
    [ROLE_KEY] = {NONE, NONE, ATTR_BOLD},        [ROLE_CURSOR] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_SELECT] = {NONE, NONE, ATTR_UNDERLINE},[ROLE_GOOD] = {2, NONE, 0},
    [ROLE_BAD] = {1, NONE, ATTR_BOLD},           [ROLE_WARN] = {3, NONE, ATTR_BOLD},
    [ROLE_UP] = {2, NONE, 0},                    [ROLE_DOWN] = {1, NONE, 0},
    [ROLE_PROMPT] = {NONE, NONE, ATTR_BOLD},     [ROLE_FLASH] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_MARK] = {3, NONE, 0},
};
static const struct style any_mono[ROLE_COUNT] = {
    [ROLE_STRONG] = {NONE, NONE, ATTR_BOLD},     [ROLE_TITLE] = {NONE, NONE, ATTR_BOLD},
    [ROLE_STATUS] = {NONE, NONE, ATTR_REVERSE},  [ROLE_TAB_ON] = {NONE, NONE, ATTR_BOLD | ATTR_REVERSE},
    [ROLE_KEY] = {NONE, NONE, ATTR_BOLD},        [ROLE_CURSOR] = {NONE, NONE, ATTR_REVERSE},
    [ROLE_SELECT] = {NONE, NONE, ATTR_UNDERLINE},[ROLE_BAD] = {NONE, NONE, ATTR_BOLD},
    [ROLE_WARN] = {NONE, NONE, ATTR_BOLD},       [ROLE_PROMPT] = {NONE, NONE, ATTR_BOLD},
    [ROLE_FLASH] = {NONE, NONE, ATTR_REVERSE},
};
#undef NONE
static const uint8_t run_dark[7]  = {74, 214, 36, 166, 175, 32, 227};
static const uint8_t run_light[7] = {31, 172, 29, 124, 132, 25, 100};
static const uint8_t run_16[7]    = {6, 3, 2, 1, 5, 4, 6};
// clang-format on

const struct palette *palette_at(size_t i)
{
    return i < sizeof palettes / sizeof palettes[0] ? &palettes[i] : NULL;
}

const struct palette *palette_find(const char *name)
{
    for (size_t i = 0; palette_at(i); i++)
        if (strcmp(palettes[i].name, name) == 0)
            return &palettes[i];
    return NULL;
}

color_t palette_rgb(const struct palette *p, double v, bool light)
{
    const struct map *m = &maps[p - palettes];
    if (light && p->diverging)
        m = &diverging_light;
    if (!(v >= 0))
        v = 0;
    if (v > 1)
        v = 1;
    if (light && !p->diverging)
        v = 1 - v;
    double at = v * (m->n - 1);
    int i = (int)at;
    if (i > m->n - 2)
        i = m->n - 2;
    double f = at - i;
    uint32_t c = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        double a = m->rgb[i] >> shift & 255u, b = m->rgb[i + 1] >> shift & 255u;
        c |= (uint32_t)lround(a + (b - a) * f) << shift;
    }
    return (color_t)0x1000000 | c;
}

/* ---- the ladder ---- */

void theme_env_read(struct theme_env *env)
{
    memset(env, 0, sizeof *env);
    const char *codeset = nl_langinfo(CODESET);
    env->utf8 =
        codeset && (strcasecmp(codeset, "UTF-8") == 0 || strcasecmp(codeset, "UTF8") == 0);
    env->width_braille = wcwidth((wchar_t)0x2800);
    env->width_block = wcwidth((wchar_t)0x2580);
    env->term = getenv("TERM");
    env->no_color = getenv("NO_COLOR");
    env->colors = -1;
}

static enum glyphs decide_glyphs(const struct theme_env *env, enum glyphs wish)
{
    if (!env->utf8)
        return GLYPHS_ASCII; /* what cannot be encoded cannot be wished for */
    if (wish != GLYPHS_AUTO)
        return wish;
    const char *term = env->term ? env->term : "";
    bool dots =
        strcmp(term, "linux") != 0 && strncmp(term, "vt", 2) != 0 && strcmp(term, "dumb") != 0;
    if (dots && env->width_braille == 1)
        return GLYPHS_BRAILLE;
    return env->width_block == 1 ? GLYPHS_BLOCK : GLYPHS_ASCII;
}

/* colors < 0: no terminal to ask, any wish is granted. */
static enum depth decide_depth(const struct theme_env *env, enum depth wish)
{
    int colors = env->colors < 0 ? 256 : env->colors;
    if (wish == DEPTH_MONO)
        return DEPTH_MONO;
    if (wish == DEPTH_AUTO && env->no_color && *env->no_color)
        return DEPTH_MONO;
    if (wish == DEPTH_DIRECT && (env->direct || env->colors < 0))
        return DEPTH_DIRECT;
    if (colors >= 256 && wish != DEPTH_16)
        return DEPTH_256;
    return colors >= 8 ? DEPTH_16 : DEPTH_MONO;
}

static void dress(struct theme *t)
{
    const struct style *styles = t->depth == DEPTH_MONO ? any_mono
                                 : t->depth == DEPTH_16 ? any_16
                                 : t->light             ? light_256
                                                        : dark_256;
    bool plain = t->depth == DEPTH_MONO || t->depth == DEPTH_16;
    for (int i = 0; i < ROLE_COUNT; i++) {
        t->role[i] = styles[i];
        /* The short tables leave plain roles out: zeros there are no colour, not black. */
        if (plain && t->role[i].fg == 0 && t->role[i].bg == 0)
            t->role[i] = (struct style){COLOR_NONE, COLOR_NONE, t->role[i].attrs};
    }
    for (int i = 0; i < 7; i++) {
        color_t c = t->depth == DEPTH_MONO ? COLOR_NONE
                    : t->depth == DEPTH_16 ? run_16[i]
                    : t->light             ? run_light[i]
                                           : run_dark[i];
        t->role[ROLE_RUN_A + i] = (struct style){c, COLOR_NONE, 0};
    }
    memcpy(t->glyph, t->glyphs == GLYPHS_ASCII ? glyphs_ascii : glyphs_block, sizeof t->glyph);
    /* Fonts that have braille have rounded corners; a console's font need not. */
    if (t->glyphs == GLYPHS_BRAILLE) {
        t->glyph[G_TOP_LEFT] = "╭";
        t->glyph[G_TOP_RIGHT] = "╮";
        t->glyph[G_BOTTOM_LEFT] = "╰";
        t->glyph[G_BOTTOM_RIGHT] = "╯";
    }
}

void theme_decide(struct theme *t, const struct theme_env *env, const struct theme_options *opt)
{
    memset(t, 0, sizeof *t);
    t->utf8 = env->utf8;
    t->glyphs = decide_glyphs(env, opt ? opt->glyphs : GLYPHS_AUTO);
    t->depth = decide_depth(env, opt ? opt->depth : DEPTH_AUTO);
    t->light = opt && opt->light;
    const struct palette *p = opt && opt->palette ? palette_find(opt->palette) : NULL;
    t->map = p && !p->diverging ? p : &palettes[0];
    t->diverging = palette_find("diverging");
    dress(t);
}

void theme_fixed(struct theme *t, enum glyphs glyphs, enum depth depth, bool light)
{
    struct theme_env env = {
        .utf8 = true, .width_braille = 1, .width_block = 1, .colors = -1, .direct = true};
    struct theme_options opt = {.glyphs = glyphs, .depth = depth, .light = light};
    theme_decide(t, &env, &opt);
}

enum role theme_run(int run)
{
    int n = run % 7;
    return (enum role)(ROLE_RUN_A + (n < 0 ? n + 7 : n));
}

char theme_run_mark(int run)
{
    static const char marks[] = "*ox+#%@";
    int n = run % 7;
    return marks[n < 0 ? n + 7 : n];
}

/* ---- levels ---- */

enum { RAMP = 10, SHADES = 5, DIRECT_LEVELS = 64 };

static bool by_color(const struct theme *t)
{
    return t->depth == DEPTH_256 || t->depth == DEPTH_DIRECT;
}

int theme_levels(const struct theme *t, bool diverging)
{
    if (t->depth == DEPTH_DIRECT)
        return diverging ? DIRECT_LEVELS + 1 : DIRECT_LEVELS;
    if (by_color(t))
        return diverging ? t->diverging->n : t->map->n;
    int n = t->glyphs == GLYPHS_ASCII ? RAMP : SHADES;
    return diverging ? 2 * n - 1 : n;
}

/* Place on the scale of levels: level i covers [i, i+1). */
static double level_place(const struct theme *t, double v, bool diverging)
{
    int n = theme_levels(t, diverging);
    if (diverging)
        return (v < -1 ? -1 : v > 1 ? 1 : v) * (n / 2) + n / 2 + 0.5;
    return (v < 0 ? 0 : v > 1 ? 1 : v) * n;
}

static int level_clip(const struct theme *t, double place, bool diverging)
{
    int n = theme_levels(t, diverging), i = (int)floor(place);
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

int theme_level(const struct theme *t, double v, bool diverging)
{
    return isnan(v) ? 0 : level_clip(t, level_place(t, v, diverging), diverging);
}

int theme_level_from(const struct theme *t, double v, bool diverging, int before)
{
    if (isnan(v))
        return 0;
    double place = level_place(t, v, diverging);
    if (before >= 0 && before < theme_levels(t, diverging) && place >= before - 0.1 &&
        place < before + 1.1)
        return before;
    return level_clip(t, place, diverging);
}

color_t theme_level_color(const struct theme *t, int level, bool diverging)
{
    const struct palette *p = diverging ? t->diverging : t->map;
    int n = theme_levels(t, diverging);
    level = level < 0 ? 0 : level >= n ? n - 1 : level;
    if (t->depth == DEPTH_DIRECT)
        return palette_rgb(p, (double)level / (n - 1), t->light);
    if (t->depth == DEPTH_256)
        return t->light ? p->light[level] : p->index[level];
    return COLOR_NONE;
}

const char *theme_level_text(const struct theme *t, int level, bool diverging)
{
    static const char *const shades[SHADES] = {" ", "░", "▒", "▓", "█"};
    static const char *const one[RAMP] = {" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"};
    static const char *const less[2][RAMP] = {
        {" ", "-.", "-:", "--", "-=", "-+", "-*", "-#", "-%", "-@"},
        {" ", "-░", "-▒", "-▓", "-█", "", "", "", "", ""},
    };
    static const char *const more[2][RAMP] = {
        {" ", "+.", "+:", "+-", "+=", "++", "+*", "+#", "+%", "+@"},
        {" ", "+░", "+▒", "+▓", "+█", "", "", "", "", ""},
    };
    int n = theme_levels(t, diverging);
    level = level < 0 ? 0 : level >= n ? n - 1 : level;
    bool blocks = t->glyphs != GLYPHS_ASCII;
    int steps = blocks ? SHADES : RAMP;
    if (!diverging) {
        int i = n == steps ? level : (int)lround((double)level / (n - 1) * (steps - 1));
        return blocks ? shades[i] : one[i];
    }
    int half = n / 2, d = level - half;
    int i = (int)lround((double)abs(d) / half * (steps - 1));
    return d < 0 ? less[blocks][i] : more[blocks][i];
}

color_t theme_ink(color_t background)
{
    return color_lightness(background) > 55 ? 16 : 231;
}

/* ---- words ---- */

static const char *const glyph_words[] = {"auto", "braille", "block", "ascii"};
static const char *const depth_words[] = {"auto", "256", "16", "mono", "direct"};

static int word_index(const char *word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

bool glyphs_parse(const char *word, enum glyphs *out)
{
    int i = word_index(word, glyph_words, 4);
    if (i >= 0)
        *out = (enum glyphs)i;
    return i >= 0;
}

bool depth_parse(const char *word, enum depth *out)
{
    int i = word_index(word, depth_words, 5);
    if (i >= 0)
        *out = (enum depth)i;
    return i >= 0;
}

const char *glyphs_name(enum glyphs g)
{
    return glyph_words[g];
}

const char *depth_name(enum depth d)
{
    return depth_words[d];
}
