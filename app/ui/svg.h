/* A grid as an SVG picture (plot.h has plots). */
#ifndef APP_UI_SVG_H
#define APP_UI_SVG_H

#include "app/ui/grid.h"
#include <stdio.h>

/* title: may be NULL; escaped.  light: white paper.  ST_IO when the stream fails. */
MUST_CHECK enum status svg_grid(const struct grid *g, const char *title, bool light, FILE *out,
                                struct err *err);
/* Writes text with markup escaped and what XML forbids replaced. */
void svg_escape(FILE *out, const char *s);

#endif
