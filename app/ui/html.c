/* HTML; see html.h. */
#include "app/ui/html.h"
#include "app/ui/svg.h"

#include <errno.h>
#include <string.h>
#include <utf8proc.h>

static void head(FILE *out, const char *title, bool light)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", out);
    svg_escape(out, title ? title : "seqlab");
    fprintf(
        out,
        "</title>\n<style>body{margin:1.5em;background:%s;color:%s;font-family:sans-serif}"
        "pre{font:14px/17px 'DejaVu Sans Mono',Menlo,Consolas,monospace;margin:0}"
        "p{opacity:.7;font-size:12px}svg{max-width:100%%;height:auto}</style></head><body>\n",
        light ? "#fff" : "#14171c", light ? "#1f2328" : "#d6d9dd");
}

static enum status tail(FILE *out, const char *footer, struct err *err)
{
    if (footer) {
        fputs("<p>", out);
        svg_escape(out, footer);
        fputs("</p>\n", out);
    }
    fputs("</body></html>\n", out);
    if (fflush(out) != 0 || ferror(out))
        return err_set(err, ST_IO, "writing the page: %s", strerror(errno ? errno : EIO));
    return ST_OK;
}

static bool color(FILE *out, const char *property, color_t c)
{
    int r, g, b;
    if (c == COLOR_NONE)
        return false;
    if (COLOR_IS_RGB(c))
        r = (int)(c >> 16 & 255), g = (int)(c >> 8 & 255), b = (int)(c & 255);
    else
        xterm_rgb((int)(c & 255), &r, &g, &b);
    fprintf(out, "%s:#%02x%02x%02x;", property, (unsigned)r, (unsigned)g, (unsigned)b);
    return true;
}

static void open_span(FILE *out, const struct cell *c, bool light)
{
    bool reverse = c->attrs & ATTR_REVERSE;
    fputs("<span style=\"", out);
    if (!color(out, "color", reverse ? c->bg : c->fg) && reverse)
        fputs(light ? "color:#fff;" : "color:#14171c;", out);
    if (!color(out, "background", reverse ? c->fg : c->bg) && reverse)
        fputs(light ? "background:#1f2328;" : "background:#d6d9dd;", out);
    if (c->attrs & ATTR_BOLD)
        fputs("font-weight:bold;", out);
    if (c->attrs & ATTR_DIM)
        fputs("opacity:.65;", out);
    if (c->attrs & ATTR_UNDERLINE)
        fputs("text-decoration:underline;", out);
    fputs("\">", out);
}

enum status html_grid(const struct grid *g, const char *title, const char *footer, bool light,
                      FILE *out, struct err *err)
{
    static const struct cell blank = {
        .ch = {' '}, .fg = COLOR_NONE, .bg = COLOR_NONE, .width = 1};
    head(out, title, light);
    fputs("<pre>", out);
    for (int r = 0; r < g->rows; r++) {
        const struct cell *before = &blank;
        for (int k = 0; k < g->cols; k++) {
            const struct cell *c = grid_at(g, r, k);
            char utf8[CELL_CODES * 4 + 1];
            size_t n = 0;
            if (c->width == 0)
                continue;
            if (c->fg != before->fg || c->bg != before->bg || c->attrs != before->attrs) {
                bool styled =
                    before->fg != COLOR_NONE || before->bg != COLOR_NONE || before->attrs;
                if (styled)
                    fputs("</span>", out);
                if (c->fg != COLOR_NONE || c->bg != COLOR_NONE || c->attrs)
                    open_span(out, c, light);
                before = c;
            }
            for (int i = 0; i < CELL_CODES && c->ch[i]; i++)
                n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c->ch[i],
                                                  (utf8proc_uint8_t *)utf8 + n);
            utf8[n] = '\0';
            svg_escape(out, utf8);
        }
        if (before->fg != COLOR_NONE || before->bg != COLOR_NONE || before->attrs)
            fputs("</span>", out);
        fputc('\n', out);
    }
    fputs("</pre>\n", out);
    return tail(out, footer, err);
}

enum status html_plot(const struct plot *p, bool light, FILE *out, struct err *err)
{
    head(out, p->title, light);
    enum status st = plot_svg(p, 0, 0, light, out, err);
    return st == ST_OK ? tail(out, NULL, err) : st; /* the picture has the footer */
}
