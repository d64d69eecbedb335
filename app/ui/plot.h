/* Pictures of numbers: curves and heatmaps, described once (a display list of plain structs
 * a view fills on its stack) and drawn by two back ends: a canvas (braille, half blocks or
 * ASCII) and vectors in true colour (SVG here, any other device through struct
 * vec_device).  No engine types: numbers come through small functions or plain
 * arrays.  Nothing is kept but what the caller hands in as a cache. */
#ifndef APP_UI_PLOT_H
#define APP_UI_PLOT_H

#include "app/ui/canvas.h"
#include <stdio.h>

/* ---- curves ---- */

/* decimated columns of the series of one chart; makes redraws cost only new points */
struct curve_cache;
/* NULL when out of memory; a chart draws without one */
struct curve_cache *curve_cache_new(void);
void curve_cache_free(struct curve_cache *c); /* accepts NULL */

/* Points that were merged, for curves that give them: the mean stands for them on a line,
 * the ends keep their spikes. */
struct curve_merged {
    double low, high;
    uint32_t n, bad; /* how many, and of them not finite */
};
struct curve_series {
    const char *name; /* for the legend */
    char letter;      /* drawn at the end of the curve; 0: none */
    int run;          /* colour and mark: 0 = A ...; see theme_run() */
    size_t n;         /* points; x must not fall */
    /* false: leave the point out */
    bool (*at)(const void *ctx, size_t i, double *x, double *y);
    /* may be NULL; false: point i is one point */
    bool (*merged)(const void *ctx, size_t i, struct curve_merged *m);
    const void *ctx;
    /* change it when earlier points changed; growing alone needs no change */
    uint64_t version;
    /* 0, or the factor of the exponential average, at most .999; acts from 20 points on */
    double smooth;
    bool raw;  /* with smooth: draw the raw points faint behind it */
    bool dots; /* draw points (validation results) rather than a line */
    bool hidden;
    bool pinned; /* drawn last, on top */
};
/* ceiling, baseline: a dashed horizontal line, named at its right end */
struct curve_level {
    const char *name;
    double y;
};
struct curve_event { /* a caret on the axis; text shows when the cursor is on it */
    double x;
    const char *text;
};
struct curve_chart {
    const char *title; /* for the vector back end; panes title themselves */
    const char *x_name, *y_name;
    const struct curve_series *series;
    size_t n_series;
    const struct curve_level *levels;
    size_t n_levels;
    const struct curve_event *events;
    size_t n_events;
    /* window: only the last so many units of x; 0: all, the range doubles as it grows */
    double x_last;
    /* known end of the run (0: unknown): the range stops growing there */
    double x_total;
    double y_lo, y_hi; /* fixed range of y when lo < hi */
    bool log_y, log_x;
    bool down_y; /* y grows downwards: ranks, 1 on top */
    bool legend;
    bool cursor; /* a vertical cursor at cursor_x */
    double cursor_x;
    struct curve_cache *cache; /* may be NULL */
};
/* What was drawn, for titles, mouse and cursor keys. */
struct curve_info {
    double x_lo, x_hi, y_lo, y_hi;
    int row, col, rows, cols; /* the plotting area inside the canvas */
    size_t not_shown;         /* points <= 0 on a logarithmic axis */
    size_t not_finite;        /* drawn as 'x' on the axis */
};
void curves_draw(const struct canvas *c, const struct curve_chart *chart,
                 struct curve_info *info);
/* x of a column of the plotting area, and the column of an x (may lie outside). */
double curve_x_at(const struct curve_info *info, const struct curve_chart *chart, int col);
int curve_col_of(const struct curve_info *info, const struct curve_chart *chart, double x);
/* Read-out at x: the last point of the series at or before x, smoothed as drawn; false:
 * none. */
bool curve_value_at(const struct curve_series *s, double x, double *y, double *smoothed);
/* "step 1280  train 2.811  valid 2.987  lr 1e-3 > 5e-4": values of all series at the cursor. */
void curve_readout(const struct curve_chart *chart, char *out, size_t size);

/* Exponential average with start-up correction: after n points sum_i b^(n-i) y_i / sum_i
 * b^(n-i), so that a prefix of the data gives a prefix of the result. */
struct ema {
    double sum, weight;
};
double ema_push(struct ema *e, double factor, double y); /* NaN and infinity are passed over */

/* Round ticks: 1-2-5 steps, or decades (then 1-2-5 inside) when log.  Fills at most max,
 * returns how many. */
size_t axis_ticks(double lo, double hi, bool log, size_t want, double *out, size_t max);
/* The fixed range that doubles: the smallest `first` * 2^k that holds x. */
double axis_doubling(double x, double first);

/* ---- heatmaps ---- */

enum heat_scale {
    HEAT_PER_ROW, /* 0 .. the row's largest (attention) */
    HEAT_WHOLE,   /* smallest .. largest of the map */
    HEAT_UNIT,    /* fixed 0..1 */
    HEAT_SIGNED,  /* diverging, symmetric around zero: -m..m of the whole map */
};
/* rule a: 4 columns a value; b: half blocks; TINY: b always */
enum heat_size { HEAT_AUTO, HEAT_LARGE, HEAT_SMALL, HEAT_TINY };

/* Levels drawn last time, for the hysteresis: owned by the view, one a map. */
struct heat_memory {
    int rows, cols, levels;
    int8_t *level;
};
void heat_memory_free(struct heat_memory *m);

struct heatmap {
    const char *title; /* for the vector back end */
    int rows, cols;
    const float *x; /* (rows, ld) ... */
    int ld;
    bool (*at)(const void *ctx, int row, int col, double *v); /* ... or this; false: masked */
    const void *ctx;
    /* NULL: none; the text lives until the next call */
    const char *(*row_label)(const void *ctx, int row);
    const char *(*col_label)(const void *ctx, int col);
    const char *row_name, *col_name; /* "query", "key" */
    enum heat_scale scale;
    enum heat_size size;
    bool numbers;      /* numbers inside large cells */
    bool shape_square; /* ASCII: two characters a value */
    bool cursor;
    int cur_row, cur_col;
    /* first value shown when the map is larger than its room; see info */
    int top, left;
    struct heat_memory *memory; /* may be NULL */
};
struct heat_info {
    int top, left, shown_rows, shown_cols; /* values shown */
    int row, col;                          /* corner of the cells inside the canvas */
    int cell_cols;                         /* columns a value */
    int cell_rows2;                        /* half rows a value: 1, 2 or 4 */
    double lo, hi;                         /* the scale printed */
    /* larger than its room: say so in the title, "rows 1-24 of 50" */
    bool scrolls;
};
void heat_draw(const struct canvas *c, const struct heatmap *m, struct heat_info *info);
/* Value under a cell of the canvas (mouse); false: none. */
bool heat_hit(const struct heat_info *info, int row, int col, int *r, int *v);
/* "| .:-=+*#%@| 0 .. 1 per row": the scale with its ramp on one row; returns columns. */
int heat_scale_line(const struct canvas *c, int row, int col, const struct heatmap *m,
                    const struct heat_info *info);

/* ---- the picture of a view for files ---- */

enum plot_kind { PLOT_CURVES, PLOT_HEAT, PLOT_BARS, PLOT_TEXT };
struct plot_bar {
    const char *label;
    double v, error; /* error: half an interval, 0: none */
};
struct plot_panel {
    enum plot_kind kind;
    const char *title;
    struct curve_chart curves;
    struct heatmap heat;
    const struct plot_bar *bars;
    size_t n_bars;
    const char *const *lines; /* PLOT_TEXT: monospace lines */
    size_t n_lines;
};
enum { PLOT_PANELS = 16 };
/* all pointers are the caller's and must live until it is written */
struct plot {
    const char *title;
    const char *footer; /* the determinism line: seed, step, kernels, data hash */
    struct plot_panel panel[PLOT_PANELS];
    int n;
    int across; /* panels in a row; 0: as fits */
};
/* NULL when full */
struct plot_panel *plot_add(struct plot *p, enum plot_kind kind, const char *title);

/* A vector device.  Lengths in points, y downwards; colours 0xRRGGBB; opacity 0..1. */
enum vec_anchor { VEC_START, VEC_MIDDLE, VEC_END };
struct vec_device {
    void *ctx;
    void (*rect)(void *ctx, double x, double y, double w, double h, uint32_t rgb,
                 double opacity);
    void (*lines)(void *ctx, const double *xy, size_t n, uint32_t rgb, double width,
                  double opacity, bool dashed);
    void (*dot)(void *ctx, double x, double y, double r, uint32_t rgb, double opacity);
    void (*text)(void *ctx, double x, double y, enum vec_anchor anchor, double size,
                 uint32_t rgb, bool bold, bool mono, const char *s);
    /* Monospace text stretched to `width`: a run of cells of a grid.  attrs: enum cell_attr. */
    void (*cells)(void *ctx, double x, double y, double width, double size, uint32_t rgb,
                  uint8_t attrs, const char *s);
};
/* A grid: monospace text, true colour; lines, blocks and braille dots are drawn as shapes,
 * so that the picture looks the same with any font.  light: white paper. */
void grid_vectors(const struct grid *g, const struct vec_device *dev, bool light);
void grid_vectors_size(const struct grid *g, double *width, double *height);
void plot_vectors(const struct plot *p, const struct vec_device *dev, double width,
                  double height, bool light);
/* Size that suits the panels when the user gives none. */
void plot_size(const struct plot *p, double *width, double *height);
/* Writes a whole SVG file; ST_IO with errno's text when the stream fails. */
MUST_CHECK enum status plot_svg(const struct plot *p, double width, double height, bool light,
                                FILE *out, struct err *err);
/* A canvas picture of the same panels, one above the other. */
void plot_draw(const struct canvas *c, const struct plot *p);

#endif
