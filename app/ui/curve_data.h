/* From points to drawable columns: what both back ends of curves share.  Private to the
 * plots. */
#ifndef APP_UI_CURVE_DATA_H
#define APP_UI_CURVE_DATA_H

#include "app/ui/plot.h"

/* All points of one dot column.  Spikes survive: lo and hi are of every point, none is
 * merged away. */
struct curve_span {
    double lo, hi, first, last; /* of the points that can be drawn; n == 0: nothing */
    uint32_t n;
    uint32_t bad; /* NaN or infinite */
};
struct curve_columns {
    /* avg: the smoothed values; NULL when the series is not smoothed */
    struct curve_span *raw, *avg;
    int n; /* columns */
    size_t not_shown, not_finite;
    bool
        below; /* raw points lie under the axis, so close to 0 that they would squash the rest */
    double end; /* smoothed (or raw) value of the last point, NAN: none */
    double end_x;
};
struct curve_cached;
struct curve_cache {
    struct curve_cached *s;
    size_t n;
    /* columns of the labels of y: grows, never shrinks, so the picture keeps still */
    int gutter;
};
/* Where x and y of a chart lie. */
struct curve_frame {
    double x_lo, x_hi, y_lo, y_hi;
    bool log_x, log_y, down_y;
};

/* x range, columns of each series and y range of a chart at `columns` dot columns.  cols:
 * room for n_series results; they live as long as the cache.  false: out of memory. */
bool curve_prepare(const struct curve_chart *chart, struct curve_cache *cache, int columns,
                   struct curve_frame *f, struct curve_columns *cols);
/* 0 at the left edge or bottom, 1 at the other end; may lie outside. */
double curve_place_x(const struct curve_frame *f, double x);
double curve_place_y(const struct curve_frame *f, double y);
/* Tick text with the decimals its step needs. */
void curve_tick_text(const double *ticks, size_t n, size_t i, char out[FMT_NUM]);

#endif
