/* SVG: the vector device of plots and of grids. */
#include "app/ui/svg.h"
#include "app/ui/plot.h"
#include "app/ui/text.h"

#include <errno.h>
#include <string.h>
#include <utf8proc.h>

void svg_escape(FILE *out, const char *s)
{
    size_t len = strlen(s);
    struct grapheme g;
    for (size_t i = 0, n; (n = text_next(s + i, len - i, &g)) > 0; i += n)
        for (int k = 0; k < g.n; k++) {
            uint32_t u = g.ch[k];
            utf8proc_uint8_t bytes[4];
            if (u == '&')
                fputs("&amp;", out);
            else if (u == '<')
                fputs("&lt;", out);
            else if (u == '>')
                fputs("&gt;", out);
            else if (u == '"')
                fputs("&quot;", out);
            else
                fwrite(bytes, 1, (size_t)utf8proc_encode_char((utf8proc_int32_t)u, bytes), out);
        }
}

/* Coordinates in hundredths, without the locale's decimal mark. */
static void number(FILE *out, double v)
{
    char buf[FMT_NUM];
    fmt_fixed(buf, v, 2);
    char *end = buf + strlen(buf);
    if (strchr(buf, '.'))
        while (end > buf && (end[-1] == '0' || end[-1] == '.')) {
            bool point = *--end == '.';
            *end = '\0';
            if (point)
                break;
        }
    fputs(buf, out);
}

static void attribute(FILE *out, const char *name, double v)
{
    fprintf(out, " %s=\"", name);
    number(out, v);
    fputc('"', out);
}

static void begin(FILE *out, double width, double height, const char *title)
{
    fputs("<svg xmlns=\"http://www.w3.org/2000/svg\"", out);
    attribute(out, "width", width);
    attribute(out, "height", height);
    fputs(" viewBox=\"0 0 ", out);
    number(out, width);
    fputc(' ', out);
    number(out, height);
    fputs("\" role=\"img\">\n", out);
    if (title) {
        fputs("<title>", out);
        svg_escape(out, title);
        fputs("</title>\n", out);
    }
}

static enum status finish(FILE *out, struct err *err)
{
    fputs("</svg>\n", out);
    if (fflush(out) != 0 || ferror(out))
        return err_set(err, ST_IO, "writing the picture: %s", strerror(errno ? errno : EIO));
    return ST_OK;
}

/* ---- the vector device ---- */

static void dev_rect(void *ctx, double x, double y, double w, double h, uint32_t rgb,
                     double opacity)
{
    FILE *out = ctx;
    fputs("<rect", out);
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "width", w);
    attribute(out, "height", h);
    if (opacity < 1)
        attribute(out, "opacity", opacity);
    fprintf(out, " fill=\"#%06x\"/>\n", rgb);
}

static void dev_lines(void *ctx, const double *xy, size_t n, uint32_t rgb, double width,
                      double opacity, bool dashed)
{
    FILE *out = ctx;
    fputs("<polyline fill=\"none\" stroke-linejoin=\"round\"", out);
    attribute(out, "stroke-width", width);
    if (opacity < 1)
        attribute(out, "opacity", opacity);
    fprintf(out, " stroke=\"#%06x\"%s points=\"", rgb,
            dashed ? " stroke-dasharray=\"5 4\"" : "");
    for (size_t i = 0; i < n; i++) {
        if (i)
            fputc(' ', out);
        number(out, xy[2 * i]);
        fputc(',', out);
        number(out, xy[2 * i + 1]);
    }
    fputs("\"/>\n", out);
}

static void dev_dot(void *ctx, double x, double y, double r, uint32_t rgb, double opacity)
{
    FILE *out = ctx;
    fputs("<circle", out);
    attribute(out, "cx", x);
    attribute(out, "cy", y);
    attribute(out, "r", r);
    if (opacity < 1)
        attribute(out, "opacity", opacity);
    fprintf(out, " fill=\"#%06x\"/>\n", rgb);
}

static void dev_text(void *ctx, double x, double y, enum vec_anchor a, double size,
                     uint32_t rgb, bool bold, bool mono, const char *s)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    FILE *out = ctx;
    fputs("<text", out);
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "font-size", size);
    fprintf(out, " text-anchor=\"%s\" fill=\"#%06x\"%s%s>", anchors[a], rgb,
            bold ? " font-weight=\"bold\"" : "",
            mono ? " font-family=\"'DejaVu Sans Mono',monospace\" xml:space=\"preserve\"" : "");
    svg_escape(out, s);
    fputs("</text>\n", out);
}

/* textLength keeps the columns whatever the font's width. */
static void dev_cells(void *ctx, double x, double y, double width, double size, uint32_t rgb,
                      uint8_t attrs, const char *s)
{
    FILE *out = ctx;
    (void)size; /* of the group */
    fputs("<text", out);
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "textLength", width);
    fprintf(out, " fill=\"#%06x\"%s%s%s>", rgb,
            attrs & ATTR_BOLD ? " font-weight=\"bold\"" : "",
            attrs & ATTR_DIM ? " opacity=\"0.65\"" : "",
            attrs & ATTR_UNDERLINE ? " text-decoration=\"underline\"" : "");
    svg_escape(out, s);
    fputs("</text>\n", out);
}

static struct vec_device device(FILE *out)
{
    return (struct vec_device){out, dev_rect, dev_lines, dev_dot, dev_text, dev_cells};
}

enum status svg_grid(const struct grid *g, const char *title, bool light, FILE *out,
                     struct err *err)
{
    double w, h;
    grid_vectors_size(g, &w, &h);
    begin(out, w, h, title);
    /* cells that touch show no seam at any scale */
    fputs("<style>rect{shape-rendering:crispEdges}</style>\n", out);
    fputs("<g font-family=\"'DejaVu Sans Mono','Menlo','Consolas',monospace\" font-size=\"14\" "
          "lengthAdjust=\"spacingAndGlyphs\" "
          "xml:space=\"preserve\" shape-rendering=\"geometricPrecision\">\n",
          out);
    const struct vec_device dev = device(out);
    grid_vectors(g, &dev, light);
    fputs("</g>\n", out);
    return finish(out, err);
}

enum status plot_svg(const struct plot *p, double width, double height, bool light, FILE *out,
                     struct err *err)
{
    double w = width, h = height;
    if (!(w > 0) || !(h > 0))
        plot_size(p, &w, &h);
    begin(out, w, h, p->title);
    fputs("<g font-family=\"'DejaVu Sans','Helvetica',sans-serif\">\n", out);
    const struct vec_device dev = device(out);
    plot_vectors(p, &dev, w, h, light);
    fputs("</g>\n", out);
    return finish(out, err);
}
