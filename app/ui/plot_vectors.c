/* The same pictures as vectors in true colour: panels side by side, each with title, axes or
 * labels and its scale.  A device draws rectangles, lines, dots and text; SVG is one
 * (svg.c). */
#include "app/ui/curve_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SERIES_MAX = 32, TICKS_MAX = 24, COLUMNS = 1200 };

struct look {
    uint32_t paper, ink, dim, grid, axis, level, mark, masked, bar, bad;
    uint32_t run[7];
};
static const struct look light_look = {
    0xffffff,
    0x1f2328,
    0x59636e,
    0xe7e9ec,
    0x8c959f,
    0x8a5a00,
    0xb35900,
    0xc4c9d0,
    0x2f7f9e,
    0xb42318,
    {0x1f78a8, 0xc77700, 0x1b8a6b, 0xb5400c, 0xa8468f, 0x1c5fa8, 0x7d7a00},
};
static const struct look dark_look = {
    0x14171c,
    0xe6e8eb,
    0x9aa3ad,
    0x262b33,
    0x6b7480,
    0xd7af87,
    0xffaf5f,
    0x4a525c,
    0x5fafaf,
    0xff8787,
    {0x5fafd7, 0xffaf00, 0x00af87, 0xd75f00, 0xd787af, 0x5f9be0, 0xe5e04f},
};

struct panel {
    const struct vec_device *dev;
    const struct look *look;
    bool light;
    double x, y, w, h;
};

static void line(const struct panel *p, double x0, double y0, double x1, double y1,
                 uint32_t rgb, double width, bool dashed)
{
    const double xy[4] = {x0, y0, x1, y1};
    p->dev->lines(p->dev->ctx, xy, 2, rgb, width, 1, dashed);
}

static void text(const struct panel *p, double x, double y, enum vec_anchor a, double size,
                 uint32_t rgb, bool bold, const char *s)
{
    p->dev->text(p->dev->ctx, x, y, a, size, rgb, bold, false, s);
}

/* Text may be as wide as this in the devices' fonts; used to keep labels apart. */
static double text_room(const char *s, double size)
{
    return text_width(s) * size * 0.58;
}

/* ---- curves ---- */

struct plane {
    const struct panel *p;
    const struct curve_frame *f;
    double x, y, w, h;
};

static double at_x(const struct plane *a, double x)
{
    return a->x + curve_place_x(a->f, x) * a->w;
}

static double at_y(const struct plane *a, double y)
{
    double v = curve_place_y(a->f, y);
    return a->y + (1 - (v < 0 ? 0 : v > 1 ? 1 : v)) * a->h;
}

static void curve_line(const struct plane *a, const struct curve_span *s, int n, uint32_t rgb)
{
    double xy[512];
    size_t k = 0;
    const size_t full = sizeof xy / sizeof xy[0] - 8;
    for (int i = 0; i < n; i++) {
        if (!s[i].n)
            continue;
        double x = a->x + (i + 0.5) / n * a->w;
        const double ys[4] = {s[i].first, s[i].lo, s[i].hi, s[i].last};
        for (int j = s[i].n == 1 ? 3 : 0; j < 4; j++) {
            xy[k++] = x;
            xy[k++] = at_y(a, ys[j]);
        }
        if (k >= full) { /* in pieces that share a point */
            a->p->dev->lines(a->p->dev->ctx, xy, k / 2, rgb, 1.6, 1, false);
            xy[0] = xy[k - 2];
            xy[1] = xy[k - 1];
            k = 2;
        }
    }
    if (k >= 4)
        a->p->dev->lines(a->p->dev->ctx, xy, k / 2, rgb, 1.6, 1, false);
    else if (k == 2)
        a->p->dev->dot(a->p->dev->ctx, xy[0], xy[1], 1.6, rgb, 1);
}

static void curve_axes(const struct plane *a, const struct curve_chart *ch)
{
    const struct look *l = a->p->look;
    double t[TICKS_MAX];
    char s[FMT_NUM];
    size_t n = axis_ticks(a->f->y_lo, a->f->y_hi, a->f->log_y, 6, t, TICKS_MAX);
    for (size_t i = 0; i < n; i++) {
        double y = at_y(a, t[i]);
        line(a->p, a->x, y, a->x + a->w, y, l->grid, 0.8, false);
        curve_tick_text(t, n, i, s);
        text(a->p, a->x - 6, y + 3.5, VEC_END, 10, l->dim, false, s);
    }
    n = axis_ticks(a->f->x_lo, a->f->x_hi, a->f->log_x, (size_t)fmax(3, a->w / 90), t,
                   TICKS_MAX);
    for (size_t i = 0; i < n; i++) {
        double x = at_x(a, t[i]);
        line(a->p, x, a->y + a->h, x, a->y + a->h + 4, l->axis, 0.8, false);
        curve_tick_text(t, n, i, s);
        text(a->p, x, a->y + a->h + 16, VEC_MIDDLE, 10, l->dim, false, s);
    }
    line(a->p, a->x, a->y + a->h, a->x + a->w, a->y + a->h, l->axis, 1, false);
    char names[128];
    if (ch->x_name)
        text(a->p, a->x + a->w, a->y + a->h + 30, VEC_END, 10, l->dim, false, ch->x_name);
    if (ch->y_name) {
        snprintf(names, sizeof names, "%s%s", ch->y_name, ch->log_y ? " (log)" : "");
        text(a->p, a->x - 6, a->y - 8, VEC_START, 10, l->dim, false, names);
    }
}

static void curve_legend(const struct plane *a, const struct curve_chart *ch,
                         const struct curve_columns *cols)
{
    double x = a->x, y = a->y + a->h + 30;
    char s[128], num[FMT_NUM];
    for (size_t i = 0; i < ch->n_series; i++) {
        const struct curve_series *c = &ch->series[i];
        if (c->hidden)
            continue;
        uint32_t rgb = a->p->look->run[((c->run % 7) + 7) % 7];
        if (cols[i].avg)
            snprintf(s, sizeof s, "%s, smoothed %s%s%s", c->name, fmt_short(num, c->smooth),
                     c->raw ? ", raw faint" : "", cols[i].below ? " (also below)" : "");
        else
            snprintf(s, sizeof s, "%s", c->name);
        if (x + 22 + text_room(s, 10) > a->x + a->w - 40 && x > a->x) {
            x = a->x;
            y += 14;
        }
        if (c->dots)
            a->p->dev->dot(a->p->dev->ctx, x + 8, y - 3.5, 2.6, rgb, 1);
        else
            line(a->p, x, y - 3.5, x + 16, y - 3.5, rgb, 2, false);
        text(a->p, x + 21, y, VEC_START, 10, a->p->look->ink, false, s);
        x += 36 + text_room(s, 10);
    }
}

static void curves_panel(const struct panel *p, const struct curve_chart *chart)
{
    struct curve_chart ch = *chart;
    if (ch.n_series > SERIES_MAX)
        ch.n_series = SERIES_MAX;
    struct curve_frame f;
    struct curve_columns cols[SERIES_MAX];
    struct curve_cache *cache = curve_cache_new();
    struct plane a = {p, &f, p->x + 52, p->y + 16, p->w - 64, p->h - 66};
    if (!cache || !curve_prepare(&ch, cache, COLUMNS, &f, cols)) {
        text(p, p->x, p->y + 20, VEC_START, 11, p->look->bad, false,
             "no memory for this curve");
        curve_cache_free(cache);
        return;
    }
    curve_axes(&a, &ch);
    for (size_t i = 0; i < ch.n_levels; i++) {
        double at = curve_place_y(&f, ch.levels[i].y), y = at_y(&a, ch.levels[i].y);
        char s[96], num[FMT_NUM];
        if (!(at >= -0.001 && at <= 1.001))
            continue;
        line(p, a.x, y, a.x + a.w, y, p->look->level, 1, true);
        snprintf(s, sizeof s, "%s %s", ch.levels[i].name ? ch.levels[i].name : "",
                 fmt_num(num, ch.levels[i].y));
        text(p, a.x + a.w, y - 4, VEC_END, 10, p->look->level, false, s);
    }
    for (size_t i = 0; i < ch.n_series; i++)
        for (int x = 0; cols[i].avg && ch.series[i].raw && x < cols[i].n; x++) {
            const struct curve_span *s = &cols[i].raw[x];
            double px = a.x + (x + 0.5) / cols[i].n * a.w;
            uint32_t rgb = p->look->run[((ch.series[i].run % 7) + 7) % 7];
            if (s->n && !(cols[i].below && s->lo < f.y_lo))
                p->dev->dot(p->dev->ctx, px, at_y(&a, s->lo), 1, rgb, 0.4);
            if (s->n > 1)
                p->dev->dot(p->dev->ctx, px, at_y(&a, s->hi), 1, rgb, 0.4);
        }
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < ch.n_series; i++) {
            const struct curve_series *s = &ch.series[i];
            uint32_t rgb = p->look->run[((s->run % 7) + 7) % 7];
            if (s->hidden || !cols[i].raw || s->pinned != (pass == 1))
                continue;
            for (int x = 0; s->dots && x < cols[i].n; x++)
                if (cols[i].raw[x].n)
                    p->dev->dot(p->dev->ctx, a.x + (x + 0.5) / cols[i].n * a.w,
                                at_y(&a, cols[i].raw[x].last), 2.6, rgb, 1);
            if (!s->dots)
                curve_line(&a, cols[i].avg ? cols[i].avg : cols[i].raw, cols[i].n, rgb);
            char letter[2] = {s->letter, '\0'};
            if (s->letter && isfinite(cols[i].end))
                text(p, fmin(at_x(&a, cols[i].end_x) + 5, a.x + a.w + 2),
                     at_y(&a, cols[i].end) + 3.5, VEC_START, 11, rgb, true, letter);
            for (int x = 0; x < cols[i].n; x++)
                if (cols[i].raw[x].bad)
                    text(p, a.x + (x + 0.5) / cols[i].n * a.w, a.y + a.h + 3, VEC_MIDDLE, 10,
                         p->look->bad, true, "x");
        }
    for (size_t i = 0; i < ch.n_events; i++) {
        double at = curve_place_x(&f, ch.events[i].x), x = at_x(&a, ch.events[i].x);
        if (!(at >= 0 && at <= 1))
            continue;
        line(p, x, a.y, x, a.y + a.h, p->look->mark, 0.7, true);
        text(p, x + 3, a.y + 9 + 12 * (double)(i % 3), VEC_START, 9, p->look->mark, false,
             ch.events[i].text ? ch.events[i].text : "");
    }
    curve_legend(&a, &ch, cols);
    curve_cache_free(cache);
}

/* ---- heatmaps ---- */

static bool heat_value(const struct heatmap *m, int r, int c, double *v)
{
    if (m->at)
        return m->at(m->ctx, r, c, v) && isfinite(*v);
    *v = (double)m->x[(size_t)r * (size_t)m->ld + (size_t)c];
    return isfinite(*v);
}

static void heat_range(const struct heatmap *m, int row, double *lo, double *hi)
{
    *lo = 0;
    *hi = 1;
    if (m->scale == HEAT_UNIT)
        return;
    double a = HUGE_VAL, b = -HUGE_VAL, v;
    bool one = m->scale == HEAT_PER_ROW;
    for (int r = one ? row : 0; r < (one ? row + 1 : m->rows); r++)
        for (int c = 0; c < m->cols; c++)
            if (heat_value(m, r, c, &v)) {
                a = fmin(a, v);
                b = fmax(b, v);
            }
    if (!(a <= b))
        return;
    if (m->scale == HEAT_SIGNED) {
        *hi = fmax(fmax(fabs(a), fabs(b)), 1e-300);
        *lo = -*hi;
    } else {
        *lo = one ? 0 : a;
        *hi = b > *lo ? b : *lo + 1;
    }
}

static uint32_t heat_rgb(const struct panel *p, const struct heatmap *m, double at)
{
    const struct palette *map = palette_find(m->scale == HEAT_SIGNED ? "diverging" : "viridis");
    /* Paper shows the sequential map as it is: dark is low on both themes, as in print. */
    return (uint32_t)palette_rgb(map, at, m->scale == HEAT_SIGNED && p->light) & 0xffffffu;
}

static void heat_panel(const struct panel *p, const struct heatmap *m)
{
    if (m->rows < 1 || m->cols < 1)
        return;
    double left = 8, top = 8;
    for (int r = 0; m->row_label && r < m->rows; r++) {
        const char *s = m->row_label(m->ctx, r);
        left = fmax(left, s ? text_room(s, 9) + 10 : 0);
    }
    double over = 0;
    for (int c = 0; m->col_label && c < m->cols; c++) {
        const char *s = m->col_label(m->ctx, c);
        over = fmax(over, s ? text_room(s, 9) : 0);
        top = 20;
    }
    double cell = fmin((p->w - left - 8) / m->cols, (p->h - top - 40) / m->rows);
    double cw = fmin((p->w - left - 8) / m->cols, cell * 2.2),
           chh = fmin((p->h - top - 40) / m->rows, cell * 1.4);
    double x0 = p->x + left, y0 = p->y + top;
    int every_col = (int)ceil((over + 3) / cw), every_row = (int)ceil(11 / chh);
    for (int c = 0; m->col_label && c<m->cols; c += every_col> 1 ? every_col : 1) {
        const char *s = m->col_label(m->ctx, c);
        text(p, x0 + (c + 0.5) * cw, y0 - 5, VEC_MIDDLE, 9, p->look->dim, false, s ? s : "");
    }
    double lo = 0, hi = 1;
    for (int r = 0; r < m->rows; r++) {
        if (r == 0 || m->scale == HEAT_PER_ROW)
            heat_range(m, r, &lo, &hi);
        const char *s = m->row_label && r % (every_row > 1 ? every_row : 1) == 0
                            ? m->row_label(m->ctx, r)
                            : NULL;
        if (s)
            text(p, x0 - 5, y0 + (r + 0.5) * chh + 3.2, VEC_END, 9, p->look->dim, false, s);
        for (int c = 0; c < m->cols; c++) {
            double v, x = x0 + c * cw, y = y0 + r * chh;
            if (!heat_value(m, r, c, &v)) {
                if (cw > 5)
                    p->dev->dot(p->dev->ctx, x + cw / 2, y + chh / 2, 0.9, p->look->masked, 1);
                continue;
            }
            double gap = cw > 6 && chh > 6 ? 0.6 : 0;
            uint32_t rgb = heat_rgb(p, m, (v - lo) / (hi - lo));
            p->dev->rect(p->dev->ctx, x, y, cw - gap, chh - gap, rgb, 1);
            if (m->numbers && cw >= 24 && chh >= 11) {
                char num[FMT_NUM];
                bool white = color_lightness((color_t)0x1000000 | rgb) <= 55;
                text(p, x + cw / 2, y + chh / 2 + 3, VEC_MIDDLE, 8.5,
                     white ? 0xffffff : 0x000000, false, fmt_fixed(num, v, 2));
            }
        }
    }
    double sy = y0 + m->rows * chh + 14, sx = x0;
    char s[96], num[FMT_NUM];
    const char *what = m->scale == HEAT_PER_ROW ? "per row: 0"
                       : m->scale == HEAT_UNIT  ? "fixed: 0"
                                                : fmt_short(num, lo);
    text(p, sx, sy + 8, VEC_START, 9.5, p->look->dim, false, what);
    sx += text_room(what, 9.5) + 8;
    for (int i = 0; i < 48; i++)
        p->dev->rect(p->dev->ctx, sx + i * 2.5, sy, 2.7, 9, heat_rgb(p, m, i / 47.0), 1);
    snprintf(s, sizeof s, "%s", m->scale == HEAT_PER_ROW ? "row max" : fmt_short(num, hi));
    text(p, sx + 48 * 2.5 + 6, sy + 8, VEC_START, 9.5, p->look->dim, false, s);
    if (m->row_name && m->col_name) {
        snprintf(s, sizeof s, "rows: %s   columns: %s", m->row_name, m->col_name);
        text(p, p->x + p->w - 8, sy + 8, VEC_END, 9.5, p->look->dim, false, s);
    }
}

/* ---- bars and text ---- */

static void bars_panel(const struct panel *p, const struct plot_bar *b, size_t n)
{
    double lo = 0, hi = 0, left = 20;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(b[i].v)) {
            lo = fmin(lo, b[i].v - b[i].error);
            hi = fmax(hi, b[i].v + b[i].error);
        }
        left = fmax(left, text_room(b[i].label, 10.5) + 12);
    }
    left = fmin(left, p->w / 2);
    double full = p->w - left - 60, unit = hi > lo ? full / (hi - lo) : 0,
           zero = p->x + left - lo * unit;
    double step = fmin(20, (p->h - 8) / (double)(n ? n : 1));
    for (size_t i = 0; i < n; i++) {
        double y = p->y + 4 + (double)i * step, v = isfinite(b[i].v) ? b[i].v : 0;
        char num[FMT_NUM];
        text(p, p->x + left - 8, y + step * 0.65, VEC_END, 10.5, p->look->ink, false,
             b[i].label);
        p->dev->rect(p->dev->ctx, v < 0 ? zero + v * unit : zero, y + step * 0.2,
                     fabs(v) * unit, step * 0.6, v < 0 ? p->look->bad : p->look->bar, 1);
        if (b[i].error > 0)
            line(p, zero + (v - b[i].error) * unit, y + step / 2,
                 zero + (v + b[i].error) * unit, y + step / 2, p->look->ink, 1, false);
        text(p, zero + fmax(v + b[i].error, 0) * unit + 6, y + step * 0.65, VEC_START, 10,
             p->look->dim, false, fmt_num(num, b[i].v));
    }
    line(p, zero, p->y, zero, p->y + step * (double)n + 6, p->look->axis, 0.8, false);
}

static void text_panel(const struct panel *p, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p->dev->text(p->dev->ctx, p->x, p->y + 14 * (double)(i + 1), VEC_START, 11,
                     p->look->ink, false, true, lines[i]);
}

/* ---- the page ---- */

enum { MARGIN = 20, TITLE = 30, FOOTER = 22, PANEL_TITLE = 20, GAP = 18 };

struct plot_panel *plot_add(struct plot *p, enum plot_kind kind, const char *title)
{
    if (p->n >= PLOT_PANELS)
        return NULL;
    struct plot_panel *panel = &p->panel[p->n++];
    memset(panel, 0, sizeof *panel);
    panel->kind = kind;
    panel->title = title;
    return panel;
}

static int across(const struct plot *p)
{
    int n = p->across > 0 ? p->across : p->n <= 1 ? 1 : p->n <= 4 ? 2 : p->n <= 9 ? 3 : 4;
    return n > p->n && p->n > 0 ? p->n : n;
}

static double panel_height(const struct plot_panel *p, double width)
{
    switch (p->kind) {
    case PLOT_CURVES:
        return width * 0.5;
    case PLOT_HEAT:
        return fmin(width * 0.8,
                    60 + (width - 50) * 0.75 * fmax(1, p->heat.rows) / fmax(1, p->heat.cols));
    case PLOT_BARS:
        return 20.0 * (double)p->n_bars + 20;
    case PLOT_TEXT:
        break;
    }
    return 14.0 * (double)p->n_lines + 14;
}

static double row_height(const struct plot *p, int first, int n, double width)
{
    double h = 0;
    for (int i = first; i < first + n && i < p->n; i++)
        h = fmax(h, panel_height(&p->panel[i], width) + (p->panel[i].title ? PANEL_TITLE : 0));
    return h;
}

static double page_height(const struct plot *p, double width)
{
    int n = across(p);
    double each = (width - 2 * MARGIN - (n - 1) * GAP) / n,
           h = 2 * MARGIN + (p->title ? TITLE : 0) + (p->footer ? FOOTER : 0);
    for (int i = 0; i < p->n; i += n)
        h += row_height(p, i, n, each) + (i ? GAP : 0);
    return h;
}

void plot_size(const struct plot *p, double *width, double *height)
{
    static const double widths[] = {760, 760, 1000, 1160, 1280};
    *width = widths[across(p) < 4 ? across(p) : 4];
    *height = ceil(page_height(p, *width));
}

void plot_vectors(const struct plot *p, const struct vec_device *dev, double width,
                  double height, bool light)
{
    const struct look *look = light ? &light_look : &dark_look;
    struct panel all = {
        dev, look, light, MARGIN, MARGIN, width - 2 * MARGIN, height - 2 * MARGIN};
    dev->rect(dev->ctx, 0, 0, width, height, look->paper, 1);
    if (p->title) {
        text(&all, all.x, all.y + 12, VEC_START, 15, look->ink, true, p->title);
        all.y += TITLE;
        all.h -= TITLE;
    }
    if (p->footer) {
        text(&all, all.x, height - MARGIN + 4, VEC_START, 9, look->dim, false, p->footer);
        all.h -= FOOTER;
    }
    int n = across(p);
    double each = (all.w - (n - 1) * GAP) / n, natural = 0;
    for (int i = 0; i < p->n; i += n)
        natural += row_height(p, i, n, each) + (i ? GAP : 0);
    /* A size the user gave stretches or squeezes the rows evenly. */
    double stretch = natural > 0 ? all.h / natural : 1, y = all.y;
    for (int i = 0; i < p->n; i += n) {
        double h = row_height(p, i, n, each) * stretch;
        for (int k = 0; k < n && i + k < p->n; k++) {
            const struct plot_panel *q = &p->panel[i + k];
            struct panel at = {dev, look, light, all.x + k * (each + GAP), y, each, h};
            if (q->title) {
                text(&at, at.x, at.y + 10, VEC_START, 12, look->ink, true, q->title);
                at.y += PANEL_TITLE;
                at.h -= PANEL_TITLE;
            }
            switch (q->kind) {
            case PLOT_CURVES:
                curves_panel(&at, &q->curves);
                break;
            case PLOT_HEAT:
                heat_panel(&at, &q->heat);
                break;
            case PLOT_BARS:
                bars_panel(&at, q->bars, q->n_bars);
                break;
            case PLOT_TEXT:
                text_panel(&at, q->lines, q->n_lines);
                break;
            }
        }
        y += h + GAP * stretch;
    }
}

/* ---- the same panels on a canvas ---- */

void plot_draw(const struct canvas *c, const struct plot *p)
{
    int row = 0;
    canvas_clear(c);
    if (p->title)
        canvas_text(c, row++, 0, ROLE_TITLE, p->title);
    int room = p->n > 0 ? (c->rows - row - (p->footer ? 1 : 0)) / p->n : 0;
    for (int i = 0; i < p->n; i++, row += room) {
        const struct plot_panel *q = &p->panel[i];
        struct canvas at = canvas_sub(c, row, 0, room, c->cols);
        if (q->title) {
            canvas_text(&at, 0, 0, ROLE_TITLE_OFF, q->title);
            at = canvas_sub(&at, 1, 0, at.rows - 1 > 0 ? at.rows - 1 : 0, at.cols);
        }
        if (q->kind == PLOT_CURVES) {
            curves_draw(&at, &q->curves, NULL);
        } else if (q->kind == PLOT_HEAT) {
            struct heat_info info;
            struct canvas map =
                canvas_sub(&at, 0, 0, at.rows - 1 > 0 ? at.rows - 1 : 0, at.cols);
            heat_draw(&map, &q->heat, &info);
            heat_scale_line(&at, at.rows - 1, 0, &q->heat, &info);
        } else if (q->kind == PLOT_BARS) {
            double full = 0;
            for (size_t k = 0; k < q->n_bars; k++)
                full = isfinite(q->bars[k].v) ? fmax(full, fabs(q->bars[k].v)) : full;
            for (size_t k = 0; k < q->n_bars && (int)k < at.rows; k++) {
                canvas_left(&at, (int)k, 0, at.cols / 3, ROLE_TEXT, q->bars[k].label);
                canvas_bar(&at, (int)k, at.cols / 3 + 1, at.cols - at.cols / 3 - 11, ROLE_BAR,
                           fabs(q->bars[k].v), full);
                canvas_num(&at, (int)k, at.cols - 9, 9, ROLE_DIM, q->bars[k].v);
            }
        } else {
            for (size_t k = 0; k < q->n_lines && (int)k < at.rows; k++)
                canvas_text(&at, (int)k, 0, ROLE_TEXT, q->lines[k]);
        }
    }
    if (p->footer)
        canvas_text(c, c->rows - 1, 0, ROLE_DIM, p->footer);
}
