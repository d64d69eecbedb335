/* Drawing on a rectangle of a grid.  A canvas is a value: copy it, cut it (canvas_sub), pass
 * it down. Coordinates are rows and columns inside the rectangle, from 0; what falls outside
 * is cut, so a view draws at 1x1 as at 250x80.  Text is UTF-8 and may be foreign: it is made
 * inert on the way (text.h). Text that does not fit its room ends in '~'.  Screen thread. */
#ifndef APP_UI_CANVAS_H
#define APP_UI_CANVAS_H

#include "app/ui/grid.h"
#include "app/ui/text.h"
#include "app/ui/theme.h"

struct canvas {
    struct grid *g;
    const struct theme *theme;
    int row, col;   /* corner in the grid */
    int rows, cols; /* size, never negative */
};

struct canvas canvas_of(struct grid *g, const struct theme *theme);
/* The part at (row,col) of that size; negative sizes count from the far edge: rows = -1 is
 * "to one row before the end", 0 is "nothing". */
struct canvas canvas_sub(const struct canvas *c, int row, int col, int rows, int cols);
void canvas_clear(const struct canvas *c);

/* Each text function returns the columns used. */
int canvas_text(const struct canvas *c, int row, int col, enum role role, const char *s);
int canvas_printf(const struct canvas *c, int row, int col, enum role role, const char *fmt,
                  ...) PRINTF_LIKE(5, 6);
/* In a field of `width` columns: left, right or centred, the rest of the field blanked. */
int canvas_left(const struct canvas *c, int row, int col, int width, enum role role,
                const char *s);
int canvas_right(const struct canvas *c, int row, int col, int width, enum role role,
                 const char *s);
int canvas_centre(const struct canvas *c, int row, int col, int width, enum role role,
                  const char *s);
/* Wraps words at the canvas' width from (row,0) on; returns rows used, 0 when there is no
 * room. */
int canvas_wrap(const struct canvas *c, int row, enum role role, const char *s);
/* Numbers by fmt_num, fmt_fixed, fmt_signed: right-aligned in `width` columns; '~' when too
 * wide. */
int canvas_num(const struct canvas *c, int row, int col, int width, enum role role, double v);
int canvas_fixed(const struct canvas *c, int row, int col, int width, int decimals,
                 enum role role, double v);

void canvas_glyph(const struct canvas *c, int row, int col, enum role role, enum glyph g);
/* any style */
void canvas_put(const struct canvas *c, int row, int col, const char *s, struct style style);
struct style canvas_style(const struct canvas *c, enum role role);
/* Gives a stretch of cells another role, text untouched (a cursor bar over a list row). */
void canvas_paint(const struct canvas *c, int row, int col, int width, enum role role);

void canvas_hline(const struct canvas *c, int row, int col, int width, enum role role);
void canvas_vline(const struct canvas *c, int row, int col, int height, enum role role);
/* Frame with a title (NULL: none) and returns the inside.  focus: bold title, and '>' before
 * it where there is no colour.  `right` (NULL: none) is written at the right end of the top
 * line. */
struct canvas canvas_box(const struct canvas *c, const char *title, const char *right,
                         bool focus);

/* Horizontal bar: v/full of `width` columns, to an eighth of a column where the glyphs allow
 * it. */
void canvas_bar(const struct canvas *c, int row, int col, int width, enum role role, double v,
                double full);
/* Signed bar from the middle: negative to the left, positive to the right; full is the size
 * of one half. */
void canvas_bar_signed(const struct canvas *c, int row, int col, int width, double v,
                       double full);
/* One row of vertical bars, the last `width` values; NaN is left blank.  Scale: lo..hi, or
 * of the values when lo >= hi. */
void canvas_spark(const struct canvas *c, int row, int col, int width, enum role role,
                  const double *v, size_t n, double lo, double hi);
/* One value of a map as colour or shade, `width` columns wide, text (may be NULL) inside. */
void canvas_level(const struct canvas *c, int row, int col, int width, int level,
                  bool diverging, const char *text);
/* Key hints: "Space pause  n batch": odd words as keys.  Pairs key,label up to NULL; stops
 * where room ends. */
void canvas_hints(const struct canvas *c, int row, int col, const char *const *pairs);
/* List scroll: the first row to show so that `cursor` is visible, moving `top` as little as
 * possible. */
int canvas_scroll(int top, int cursor, int shown, int total);

#endif
