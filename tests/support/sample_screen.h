/* A screen composed of a curve, numbers and a heatmap, from invented but fixed numbers: for
 * tests that need a picture, and for looking at. */
#ifndef TESTS_SUPPORT_SAMPLE_SCREEN_H
#define TESTS_SUPPORT_SAMPLE_SCREEN_H

#include "app/ui/plot.h"

struct sample {
    double train[4000], valid[16];
    size_t n, n_valid;
    float attn[64 * 64];
    int side;
};
void sample_make(struct sample *s, size_t steps, int side);
void sample_curves(const struct sample *s, struct curve_series series[2],
                   struct curve_level *level, struct curve_event *event,
                   struct curve_chart *chart);
void sample_heat(const struct sample *s, struct heatmap *map);
/* Draws the whole screen on g's present size. */
void sample_screen(const struct sample *s, struct grid *g, const struct theme *theme);

#endif
