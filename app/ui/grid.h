/* The screen as data: a rectangle of cells.  Everything seen is first drawn here; back ends
 * copy a grid to the terminal (term.h), to text, to ANSI and to SVG (svg.h), and tests
 * compare grids. A grid belongs to one thread. */
#ifndef APP_UI_GRID_H
#define APP_UI_GRID_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CELL_CODES = 4, /* code points of a grapheme kept in a cell; what goes beyond is dropped */
    GRID_MAX_ROWS = 1000,
    GRID_MAX_COLS = 2000,
};

enum cell_attr {
    ATTR_BOLD = 1u << 0,
    ATTR_DIM = 1u << 1,
    ATTR_REVERSE = 1u << 2,
    ATTR_UNDERLINE = 1u << 3,
};

/* A colour: COLOR_NONE (the terminal's own), an xterm index 0..255 (0..15 are the user's
 * theme and serve text roles only), or true colour made by RGB(). */
typedef uint32_t color_t;
#define COLOR_NONE      ((color_t)0x2000000)
#define COLOR_IS_RGB(c) (((c)&0x1000000) != 0)
#define RGB(r, g, b)                                                                           \
    ((color_t)0x1000000 | (color_t)(r) << 16 | (color_t)(g) << 8 | (color_t)(b))

struct style {
    color_t fg, bg;
    uint8_t attrs; /* enum cell_attr, ored */
};

struct cell {
    uint32_t ch[CELL_CODES]; /* code points, 0-filled; a blank cell is ' ' */
    color_t fg, bg;
    uint8_t attrs;
    /* columns of the grapheme: 1, 2, or 0 for the right half of a wide one */
    uint8_t width;
};

struct grid {
    int rows, cols; /* may be 0 */
    struct cell *c; /* rows * cols, row-major */
};

/* Heap-backed; every size from 0x0 is legal, more than GRID_MAX_* is refused. */
MUST_CHECK enum status grid_init(struct grid *g, int rows, int cols, struct err *err);
void grid_done(struct grid *g); /* a zeroed grid is fine */
/* Blank cells everywhere afterwards.  On failure the old grid stays. */
MUST_CHECK enum status grid_resize(struct grid *g, int rows, int cols, struct err *err);
void grid_clear(struct grid *g);
MUST_CHECK enum status grid_copy(struct grid *to, const struct grid *from, struct err *err);

/* NULL outside the grid. */
struct cell *grid_at(const struct grid *g, int row, int col);
/* Puts one grapheme (n code points, width 1 or 2) and repairs wide neighbours it cuts in half.
 * Outside the grid nothing happens; a wide one in the last column becomes a blank. */
void grid_put(struct grid *g, int row, int col, const uint32_t *ch, int n, int width,
              struct style s);

bool cell_equal(const struct cell *a, const struct cell *b);
bool grid_equal(const struct grid *a, const struct grid *b);
/* cells that differ; all of them when sizes differ */
size_t grid_diff(const struct grid *a, const struct grid *b);

/* Text dump: one line a row, trailing blanks trimmed, UTF-8, every line ends in '\n'.  The
 * same grid gives the same bytes.  Heap string, caller frees; NULL when out of memory. */
char *grid_text(const struct grid *g);
/* the same with colours and attributes as escape sequences */
char *grid_ansi(const struct grid *g);
/* Bytes for a terminal that shows `from` so that it shows `to`: only what differs; from NULL
 * or of another size: all of it.  "" when nothing does.  Heap string, caller frees; NULL
 * when out of memory. */
char *grid_update(const struct grid *from, const struct grid *to);

/* Red, green, blue 0..255 of an xterm index 0..255 (0..15: the common defaults). */
void xterm_rgb(int index, int *r, int *g, int *b);
/* CIELAB lightness 0..100 of an index or RGB() colour. */
double color_lightness(color_t c);

#endif
