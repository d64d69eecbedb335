/* A grid as an SVG picture: monospace text, true colour; lines, blocks and braille dots are drawn as
 * shapes, so that the picture looks the same with any font. */
#ifndef APP_UI_SVG_H
#define APP_UI_SVG_H

#include "app/ui/grid.h"
#include <stdio.h>

/* title: may be NULL; escaped.  light: white paper.  ST_IO when the stream fails. */
MUST_CHECK enum status svg_grid(const struct grid *g, const char *title, bool light, FILE *out, struct err *err);
/* Writes text with markup escaped and what XML forbids replaced. */
void svg_escape(FILE *out, const char *s);

#endif
