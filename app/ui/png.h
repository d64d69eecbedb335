/* Pictures as PNG by cairo, where the build has it; without it ST_UNSUPPORTED says what to
 * install. */
#ifndef APP_UI_PNG_H
#define APP_UI_PNG_H

#include "app/ui/plot.h"
#include <stdio.h>

/* Two pixels a point.  ST_IO when the stream fails. */
MUST_CHECK enum status png_grid(const struct grid *g, bool light, FILE *out, struct err *err);
/* width, height <= 0: what suits the panels. */
MUST_CHECK enum status png_plot(const struct plot *p, double width, double height, bool light,
                                FILE *out, struct err *err);

#endif
