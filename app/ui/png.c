/* PNG: cairo as a vector device; see png.h. */
#include "app/ui/png.h"

#ifdef HAVE_CAIRO
#include <cairo/cairo.h>
#include <errno.h>
#include <string.h>

static const double SCALE = 2; /* pixels a point: sharp on paper and on dense screens */

static void ink(cairo_t *c, uint32_t rgb, double opacity)
{
    cairo_set_source_rgba(c, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0,
                          (rgb & 255) / 255.0, opacity);
}

static void dev_rect(void *ctx, double x, double y, double w, double h, uint32_t rgb,
                     double opacity)
{
    ink(ctx, rgb, opacity);
    cairo_rectangle(ctx, x, y, w, h);
    cairo_fill(ctx);
}

static void dev_lines(void *ctx, const double *xy, size_t n, uint32_t rgb, double width,
                      double opacity, bool dashed)
{
    static const double dashes[] = {5, 4};
    ink(ctx, rgb, opacity);
    cairo_set_line_width(ctx, width);
    cairo_set_line_join(ctx, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(ctx, dashes, dashed ? 2 : 0, 0);
    for (size_t i = 0; i < n; i++)
        (i ? cairo_line_to : cairo_move_to)(ctx, xy[2 * i], xy[2 * i + 1]);
    cairo_stroke(ctx);
}

static void dev_dot(void *ctx, double x, double y, double r, uint32_t rgb, double opacity)
{
    ink(ctx, rgb, opacity);
    cairo_new_sub_path(ctx);
    cairo_arc(ctx, x, y, r, 0, 6.283185307179586);
    cairo_fill(ctx);
}

static void font(cairo_t *c, bool mono, bool bold, double size)
{
    cairo_select_font_face(c, mono ? "DejaVu Sans Mono" : "DejaVu Sans",
                           CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c, size);
}

static void dev_text(void *ctx, double x, double y, enum vec_anchor anchor, double size,
                     uint32_t rgb, bool bold, bool mono, const char *s)
{
    cairo_text_extents_t e;
    ink(ctx, rgb, 1);
    font(ctx, mono, bold, size);
    cairo_text_extents(ctx, s, &e);
    cairo_move_to(ctx,
                  x - (anchor == VEC_START    ? 0
                       : anchor == VEC_MIDDLE ? e.x_advance / 2
                                              : e.x_advance),
                  y);
    cairo_show_text(ctx, s);
}

static void dev_cells(void *ctx, double x, double y, double width, double size, uint32_t rgb,
                      uint8_t attrs, const char *s)
{
    cairo_text_extents_t e;
    ink(ctx, rgb, attrs & ATTR_DIM ? 0.65 : 1);
    font(ctx, true, attrs & ATTR_BOLD, size);
    cairo_text_extents(ctx, s, &e);
    cairo_save(ctx);
    cairo_translate(ctx, x, y);
    if (e.x_advance > 0)
        cairo_scale(ctx, width / e.x_advance, 1);
    cairo_move_to(ctx, 0, 0);
    cairo_show_text(ctx, s);
    cairo_restore(ctx);
    if (attrs & ATTR_UNDERLINE)
        dev_rect(ctx, x, y + 2, width, 1, rgb, 1);
}

static cairo_status_t put(void *ctx, const unsigned char *data, unsigned int n)
{
    return fwrite(data, 1, n, ctx) == n ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static enum status begin(double w, double h, cairo_surface_t **s, cairo_t **c,
                         struct vec_device *dev, struct err *err)
{
    *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(w * SCALE + 0.5),
                                    (int)(h * SCALE + 0.5));
    *c = cairo_create(*s);
    if (cairo_status(*c) != CAIRO_STATUS_SUCCESS) {
        cairo_destroy(*c);
        cairo_surface_destroy(*s);
        return err_set(err, ST_NOMEM, "no memory for a picture of %.0f x %.0f points", w, h);
    }
    cairo_scale(*c, SCALE, SCALE);
    *dev = (struct vec_device){*c, dev_rect, dev_lines, dev_dot, dev_text, dev_cells};
    return ST_OK;
}

static enum status finish(cairo_surface_t *s, cairo_t *c, FILE *out, struct err *err)
{
    cairo_status_t st = cairo_surface_write_to_png_stream(s, put, out);
    cairo_destroy(c);
    cairo_surface_destroy(s);
    if (st != CAIRO_STATUS_SUCCESS || fflush(out) != 0)
        return err_set(err, ST_IO, "writing the picture: %s",
                       errno ? strerror(errno) : cairo_status_to_string(st));
    return ST_OK;
}

enum status png_grid(const struct grid *g, bool light, FILE *out, struct err *err)
{
    cairo_surface_t *s;
    cairo_t *c;
    struct vec_device dev;
    double w, h;
    grid_vectors_size(g, &w, &h);
    enum status st = begin(w, h, &s, &c, &dev, err);
    if (st != ST_OK)
        return st;
    grid_vectors(g, &dev, light);
    return finish(s, c, out, err);
}

enum status png_plot(const struct plot *p, double width, double height, bool light, FILE *out,
                     struct err *err)
{
    cairo_surface_t *s;
    cairo_t *c;
    struct vec_device dev;
    double w = width, h = height;
    if (!(w > 0) || !(h > 0))
        plot_size(p, &w, &h);
    enum status st = begin(w, h, &s, &c, &dev, err);
    if (st != ST_OK)
        return st;
    plot_vectors(p, &dev, w, h, light);
    return finish(s, c, out, err);
}

#else

static enum status without(struct err *err)
{
    err_set(err, ST_UNSUPPORTED, "this program was built without cairo: it writes no png");
    return err_hint(err, "unsupported",
                    "Install libcairo2-dev and run make again, or export to .svg");
}

enum status png_grid(const struct grid *g, bool light, FILE *out, struct err *err)
{
    (void)g, (void)light, (void)out;
    return without(err);
}

enum status png_plot(const struct plot *p, double width, double height, bool light, FILE *out,
                     struct err *err)
{
    (void)p, (void)width, (void)height, (void)light, (void)out;
    return without(err);
}

#endif
