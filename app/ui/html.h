/* Pages of one picture: a grid as text in colours that can be selected and searched, or a
 * plot as inline SVG.  No outside files. */
#ifndef APP_UI_HTML_H
#define APP_UI_HTML_H

#include "app/ui/plot.h"
#include <stdio.h>

/* title, footer: may be NULL.  ST_IO when the stream fails. */
MUST_CHECK enum status html_grid(const struct grid *g, const char *title, const char *footer,
                                 bool light, FILE *out, struct err *err);
MUST_CHECK enum status html_plot(const struct plot *p, bool light, FILE *out, struct err *err);

#endif
