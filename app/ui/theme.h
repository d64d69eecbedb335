/* What the terminal can show, decided once, and the looks that follow from it: glyph ladder,
 * colour ladder, palettes for values, styles for roles.  No curses here: a theme serves
 * every back end. A theme is a value; nothing is allocated. */
#ifndef APP_UI_THEME_H
#define APP_UI_THEME_H

#include "app/ui/grid.h"

enum glyphs { GLYPHS_AUTO, GLYPHS_BRAILLE, GLYPHS_BLOCK, GLYPHS_ASCII };
enum depth { DEPTH_AUTO, DEPTH_256, DEPTH_16, DEPTH_MONO, DEPTH_DIRECT };

/* Roles of text and of graph parts; no meaning rests on their colour alone. */
enum role {
    ROLE_TEXT,
    ROLE_DIM,       /* labels, units, explanations */
    ROLE_STRONG,    /* the value one looks for */
    ROLE_TITLE,     /* title of the pane with the focus: bold */
    ROLE_TITLE_OFF, /* titles of the other panes */
    ROLE_FRAME,
    ROLE_FRAME_ON, /* frame of the pane with the focus */
    ROLE_STATUS,   /* line 1 */
    ROLE_TAB,      /* a tab that applies */
    ROLE_TAB_ON,   /* the open tab */
    ROLE_TAB_OFF,  /* a tab that does not apply */
    ROLE_KEY,      /* a key's name in the hint line */
    ROLE_ITEM,     /* an item of the sequence */
    ROLE_CURSOR,   /* what the cursor is on: reverse video */
    ROLE_SELECT,   /* chosen, without the cursor */
    ROLE_GOOD,
    ROLE_BAD,
    ROLE_WARN,
    ROLE_UP, /* rank or value went up */
    ROLE_DOWN,
    ROLE_PROMPT,
    ROLE_FLASH, /* bell: a short reverse of the command line */
    ROLE_AXIS,  /* axes and ticks of plots */
    ROLE_RAW,   /* raw dots behind a smoothed curve */
    ROLE_LEVEL, /* dashed lines: ceiling, baselines */
    ROLE_BAR,
    ROLE_MASKED, /* masked or not computed */
    ROLE_MARK,   /* events, ticks of the time bar */
    ROLE_RUN_A,  /* runs and series: ROLE_RUN_A + 0..6, see theme_run() */
    ROLE_RUN_LAST = ROLE_RUN_A + 6,
    ROLE_COUNT,
};

/* Glyphs with a twin in every set. */
enum glyph {
    G_HLINE,
    G_VLINE,
    G_TOP_LEFT,
    G_TOP_RIGHT,
    G_BOTTOM_LEFT,
    G_BOTTOM_RIGHT,
    G_TEE_LEFT,
    G_TEE_RIGHT,
    G_TEE_TOP,
    G_TEE_BOTTOM,
    G_CROSS,
    G_DASH, /* a dashed horizontal line */
    G_TICK_Y,
    G_TICK_X, /* where an axis carries a label */
    G_CARET,  /* event on an axis */
    G_MASKED, /* masked or not computed */
    G_DOT,    /* a separator or a raw point */
    G_BAD,    /* not a number */
    G_ARROW_RIGHT,
    G_ARROW_LEFT,
    G_ARROW_UP,
    G_ARROW_DOWN, /* edges of graphs */
    G_BAR_FULL,
    G_MORE_UP,
    G_MORE_DOWN, /* a list goes on */
    G_COUNT,
};

enum { PALETTE_MAX = 12 };
struct palette {
    const char *name, *doc;
    int n;
    uint8_t index[PALETTE_MAX]; /* xterm indices, lowest to highest value, on dark */
    uint8_t light[PALETTE_MAX]; /* on light */
    bool diverging;
};
/* viridis cividis magma grey diverging; NULL: unknown */
const struct palette *palette_find(const char *name);
/* all of them in order; NULL past the end */
const struct palette *palette_at(size_t i);
/* full map in true colour, v in 0..1 */
color_t palette_rgb(const struct palette *p, double v, bool light);

/* What is known of the terminal and the surroundings. */
struct theme_env {
    bool utf8;            /* nl_langinfo(CODESET) */
    int width_braille;    /* wcwidth(0x2800) */
    int width_block;      /* wcwidth(0x2580) */
    const char *term;     /* TERM */
    const char *no_color; /* NO_COLOR */
    int colors;           /* COLORS of the terminal entry; 0: none */
    bool direct;          /* the entry has direct colour (RGB) */
};
void theme_env_read(struct theme_env *env); /* from locale and environment; colors by term.h */

struct theme_options {
    enum glyphs glyphs;
    enum depth depth; /* --color or `set color`: stronger than NO_COLOR */
    bool light;
    const char *palette; /* NULL: viridis */
};

struct theme {
    enum glyphs glyphs; /* never AUTO */
    enum depth depth;   /* never AUTO */
    bool utf8, light;
    const struct palette *map, *diverging;
    struct style role[ROLE_COUNT];
    const char *glyph[G_COUNT]; /* UTF-8 */
};
void theme_decide(struct theme *t, const struct theme_env *env,
                  const struct theme_options *opt);
/* Themes without a terminal: batch screens and exports. */
void theme_fixed(struct theme *t, enum glyphs glyphs, enum depth depth, bool light);

enum role theme_run(int run); /* 0 = A; repeats after seven */
char theme_run_mark(int run); /* mark of a run in the ASCII set: * o x + # % @ */

/* Levels for values.  v is 0..1 (diverging: -1..1).  theme_levels() of them exist. */
int theme_levels(const struct theme *t, bool diverging);
int theme_level(const struct theme *t, double v, bool diverging);
/* The same with hysteresis: `before` (-1: none) stays until v is a tenth of a level past its
 * border. */
int theme_level_from(const struct theme *t, double v, bool diverging, int before);
/* COLOR_NONE below 256 colours */
color_t theme_level_color(const struct theme *t, int level, bool diverging);
/* One-column text for a level where colour does not carry it: ramp " .:-=+*#%@", or shades. */
const char *theme_level_text(const struct theme *t, int level, bool diverging);
color_t theme_ink(color_t background); /* black or white, whichever is read on it */

bool glyphs_parse(const char *word, enum glyphs *out); /* auto braille block ascii */
bool depth_parse(const char *word, enum depth *out);   /* auto 256 16 mono direct */
const char *glyphs_name(enum glyphs g);
const char *depth_name(enum depth d);

#endif
