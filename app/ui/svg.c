/* SVG: a grid as a picture of the screen, and the vector device of plots. */
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

/* ---- a grid ----------------------------------------------------------------------------------------- */

static const double CELL_W = 8.4, CELL_H = 17, PAD = 10;

static uint32_t rgb_of(color_t c, uint32_t none)
{
    int r, g, b;
    if (c == COLOR_NONE)
        return none;
    if (COLOR_IS_RGB(c))
        return (uint32_t)c & 0xffffffu;
    xterm_rgb((int)(c & 255u), &r, &g, &b);
    return (uint32_t)r << 16 | (uint32_t)g << 8 | (uint32_t)b;
}

struct inks {
    uint32_t fg, bg;
};

static struct inks inks_of(const struct cell *c, uint32_t ink, uint32_t paper)
{
    struct inks k = {rgb_of(c->fg, ink), rgb_of(c->bg, paper)};
    if (c->attrs & ATTR_REVERSE) {
        uint32_t t = k.fg;
        k.fg = k.bg;
        k.bg = t;
    }
    return k;
}

static void box(FILE *out, double x, double y, double w, double h, uint32_t rgb)
{
    fputs("<rect", out);
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "width", w);
    attribute(out, "height", h);
    fprintf(out, " fill=\"#%06x\"/>\n", rgb);
}

/* Arms of a box-drawing character: left, right, up, down. */
static unsigned arms_of(uint32_t u)
{
    enum { L = 1, R = 2, U = 4, D = 8 };
    switch (u) {
    case 0x2500: case 0x2501: return L | R;
    case 0x2502: return U | D;
    case 0x250c: case 0x256d: return R | D;
    case 0x2510: case 0x256e: return L | D;
    case 0x2514: case 0x2570: return R | U;
    case 0x2518: case 0x256f: return L | U;
    case 0x251c: return U | D | R;
    case 0x2524: return U | D | L;
    case 0x252c: return L | R | D;
    case 0x2534: return L | R | U;
    case 0x253c: return L | R | U | D;
    default: return 0;
    }
}

static void draw_arms(FILE *out, double x, double y, uint32_t u, uint32_t rgb)
{
    unsigned arms = arms_of(u);
    double cx = x + CELL_W / 2, cy = y + CELL_H / 2;
    fprintf(out, "<path fill=\"none\" stroke=\"#%06x\" d=\"", rgb);
    bool round = u >= 0x256d && u <= 0x2570;
    if (round) {
        double r = CELL_W / 2, sx = arms & 2u ? 1 : -1, sy = arms & 8u ? 1 : -1;
        fputc('M', out);
        number(out, cx + sx * CELL_W / 2);
        fputc(' ', out);
        number(out, cy);
        fputc('Q', out);
        number(out, cx);
        fputc(' ', out);
        number(out, cy);
        fputc(' ', out);
        number(out, cx);
        fputc(' ', out);
        number(out, cy + sy * r);
        fputc('V', out);
        number(out, cy + sy * CELL_H / 2);
    } else {
        const double ends[4][2] = {{x, cy}, {x + CELL_W, cy}, {cx, y}, {cx, y + CELL_H}};
        for (int i = 0; i < 4; i++)
            if (arms >> i & 1u) {
                fputc('M', out);
                number(out, cx);
                fputc(' ', out);
                number(out, cy);
                fputc('L', out);
                number(out, ends[i][0]);
                fputc(' ', out);
                number(out, ends[i][1]);
            }
    }
    fputs("\"/>\n", out);
}

static void draw_braille(FILE *out, double x, double y, uint32_t bits, uint32_t rgb)
{
    static const uint8_t order[8][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {0, 3}, {1, 3}};
    for (int i = 0; i < 8; i++)
        if (bits >> i & 1u) {
            fputs("<circle", out);
            attribute(out, "cx", x + CELL_W * (0.25 + 0.5 * order[i][0]));
            attribute(out, "cy", y + CELL_H * (0.125 + 0.25 * order[i][1]));
            fprintf(out, " r=\"1.25\" fill=\"#%06x\"/>\n", rgb);
        }
}

/* true: drawn as a shape */
static bool draw_shape(FILE *out, double x, double y, uint32_t u, struct inks k)
{
    double w = CELL_W, h = CELL_H;
    if (u >= 0x2800 && u <= 0x28ff)
        draw_braille(out, x, y, u - 0x2800, k.fg);
    else if (arms_of(u))
        draw_arms(out, x, y, u, k.fg);
    else if (u == 0x2580)
        box(out, x, y, w, h / 2, k.fg);
    else if (u >= 0x2581 && u <= 0x2588)
        box(out, x, y + h * (1 - (u - 0x2580) / 8.0), w, h * (u - 0x2580) / 8.0, k.fg);
    else if (u >= 0x2589 && u <= 0x258f)
        box(out, x, y, w * (0x2590 - u) / 8.0, h, k.fg);
    else if (u == 0x2590)
        box(out, x + w / 2, y, w / 2, h, k.fg);
    else if (u >= 0x2591 && u <= 0x2593) {
        fputs("<rect", out);
        attribute(out, "x", x);
        attribute(out, "y", y);
        attribute(out, "width", w);
        attribute(out, "height", h);
        attribute(out, "opacity", 0.25 * (u - 0x2590));
        fprintf(out, " fill=\"#%06x\"/>\n", k.fg);
    } else if (u == 0x254c) {
        box(out, x + w * 0.1, y + h / 2 - 0.5, w * 0.3, 1, k.fg);
        box(out, x + w * 0.6, y + h / 2 - 0.5, w * 0.3, 1, k.fg);
    } else {
        return false;
    }
    return true;
}

/* Runs of text of one style share an element; textLength keeps the columns whatever the font's width. */
static int draw_run(FILE *out, const struct grid *g, int row, int col, uint32_t ink, uint32_t paper)
{
    const struct cell *first = grid_at(g, row, col);
    struct inks k = inks_of(first, ink, paper);
    double x = PAD + col * CELL_W, y = PAD + row * CELL_H;
    if (first->ch[0] == ' ' || first->width == 0)
        return 1;
    if (draw_shape(out, x, y, first->ch[0], k))
        return 1;
    int end = col, cells = 0;
    while (end < g->cols) {
        const struct cell *c = grid_at(g, row, end);
        if (c->fg != first->fg || c->bg != first->bg || c->attrs != first->attrs || (c->ch[0] == ' ' && end > col) || c->width == 2 ||
            (c->ch[0] >= 0x2500 && c->ch[0] < 0x2900))
            break;
        end++;
        cells++;
    }
    if (cells == 0) {
        cells = first->width;
        end = col + cells;
    }
    fputs("<text", out);
    attribute(out, "x", x);
    attribute(out, "y", y + CELL_H * 0.76);
    attribute(out, "textLength", cells * CELL_W);
    fprintf(out, " fill=\"#%06x\"%s%s%s>", k.fg, first->attrs & ATTR_BOLD ? " font-weight=\"bold\"" : "",
            first->attrs & ATTR_DIM ? " opacity=\"0.65\"" : "", first->attrs & ATTR_UNDERLINE ? " text-decoration=\"underline\"" : "");
    for (int i = col; i < end; i++) {
        const struct cell *c = grid_at(g, row, i);
        char utf8[CELL_CODES * 4 + 1];
        size_t n = 0;
        for (int j = 0; j < CELL_CODES && c->ch[j]; j++)
            n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c->ch[j], (utf8proc_uint8_t *)utf8 + n);
        utf8[n] = '\0';
        svg_escape(out, utf8);
    }
    fputs("</text>\n", out);
    return end - col;
}

enum status svg_grid(const struct grid *g, const char *title, bool light, FILE *out, struct err *err)
{
    uint32_t paper = light ? 0xffffff : 0x14171c, ink = light ? 0x1f2328 : 0xd6d9dd;
    double w = g->cols * CELL_W + 2 * PAD, h = g->rows * CELL_H + 2 * PAD;
    begin(out, w, h, title);
    fprintf(out, "<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"#%06x\"/>\n", paper);
    fputs("<g font-family=\"'DejaVu Sans Mono','Menlo','Consolas',monospace\" font-size=\"14\" lengthAdjust=\"spacingAndGlyphs\" "
          "xml:space=\"preserve\" shape-rendering=\"geometricPrecision\">\n",
          out);
    for (int r = 0; r < g->rows; r++) /* backgrounds first, in runs: no seams between cells */
        for (int c = 0; c < g->cols;) {
            uint32_t bg = inks_of(grid_at(g, r, c), ink, paper).bg;
            int end = c + 1;
            while (end < g->cols && inks_of(grid_at(g, r, end), ink, paper).bg == bg)
                end++;
            if (bg != paper)
                box(out, PAD + c * CELL_W, PAD + r * CELL_H, (end - c) * CELL_W, CELL_H, bg);
            c = end;
        }
    for (int r = 0; r < g->rows; r++)
        for (int c = 0; c < g->cols;)
            c += draw_run(out, g, r, c, ink, paper);
    fputs("</g>\n", out);
    return finish(out, err);
}

/* ---- the vector device ------------------------------------------------------------------------------ */

static void dev_rect(void *ctx, double x, double y, double w, double h, uint32_t rgb, double opacity)
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

static void dev_lines(void *ctx, const double *xy, size_t n, uint32_t rgb, double width, double opacity, bool dashed)
{
    FILE *out = ctx;
    fputs("<polyline fill=\"none\" stroke-linejoin=\"round\"", out);
    attribute(out, "stroke-width", width);
    if (opacity < 1)
        attribute(out, "opacity", opacity);
    fprintf(out, " stroke=\"#%06x\"%s points=\"", rgb, dashed ? " stroke-dasharray=\"5 4\"" : "");
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

static void dev_text(void *ctx, double x, double y, enum vec_anchor a, double size, uint32_t rgb, bool bold, bool mono, const char *s)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    FILE *out = ctx;
    fputs("<text", out);
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "font-size", size);
    fprintf(out, " text-anchor=\"%s\" fill=\"#%06x\"%s%s>", anchors[a], rgb, bold ? " font-weight=\"bold\"" : "",
            mono ? " font-family=\"'DejaVu Sans Mono',monospace\" xml:space=\"preserve\"" : "");
    svg_escape(out, s);
    fputs("</text>\n", out);
}

enum status plot_svg(const struct plot *p, double width, double height, bool light, FILE *out, struct err *err)
{
    double w = width, h = height;
    if (!(w > 0) || !(h > 0))
        plot_size(p, &w, &h);
    begin(out, w, h, p->title);
    fputs("<g font-family=\"'DejaVu Sans','Helvetica',sans-serif\">\n", out);
    const struct vec_device dev = {out, dev_rect, dev_lines, dev_dot, dev_text};
    plot_vectors(p, &dev, w, h, light);
    fputs("</g>\n", out);
    return finish(out, err);
}
