/* Curves on a canvas: braille (2x4 dots a cell), half blocks (1x2) or one mark a cell.  Dots
 * are merged right in the grid's cells, so a picture needs no memory of its own. */
#include "app/ui/curve_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SERIES_MAX = 32, TICKS_MAX = 24, LABEL_MAX = 9 };

struct pen {
    struct canvas area; /* the plotting area */
    int sx, sy;         /* dots a cell */
    struct style style;
    char mark; /* ASCII set */
    /* colours of what lies behind: a cell of those is replaced, not merged with */
    color_t behind[2];
};

static uint32_t cell_code_any(const struct canvas *c, int row, int col, color_t *fg)
{
    const struct cell *cell = grid_at(c->g, c->row + row, c->col + col);
    *fg = cell ? cell->fg : COLOR_NONE;
    return cell ? cell->ch[0] : 0;
}

static uint32_t cell_code(const struct canvas *c, int row, int col)
{
    const struct cell *cell = grid_at(c->g, c->row + row, c->col + col);
    return cell ? cell->ch[0] : 0;
}

static void put_code(const struct canvas *c, int row, int col, uint32_t code, struct style st)
{
    grid_put(c->g, c->row + row, c->col + col, &code, 1, 1, st);
}

/* Dots count from the upper left. */
static void dot(const struct pen *p, int x, int y)
{
    static const uint8_t bits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
    if (x < 0 || y < 0 || x >= p->area.cols * p->sx || y >= p->area.rows * p->sy)
        return;
    int col = x / p->sx, row = y / p->sy;
    color_t fg;
    uint32_t was = cell_code_any(&p->area, row, col, &fg), code;
    /* Curves share a cell by merging dots; faint dots behind give way, or the curve would
     * look thick. */
    if (fg != COLOR_NONE && fg != p->style.fg && (fg == p->behind[0] || fg == p->behind[1]))
        was = ' ';
    if (p->sx == 2) {
        bool dots = was > 0x2800 && was <= 0x28ff;
        code = 0x2800u | (dots ? was & 0xffu : 0u) | bits[x % 2][y % 4];
    } else if (p->sy == 2) {
        bool up = y % 2 == 0;
        code = up ? 0x2580 : 0x2584;
        if (was == 0x2588 || was == (up ? 0x2584u : 0x2580u))
            code = 0x2588;
    } else {
        code = (uint32_t)(unsigned char)p->mark;
    }
    put_code(&p->area, row, col, code, p->style);
}

static void vertical(const struct pen *p, int x, int y0, int y1)
{
    int from = y0 < y1 ? y0 : y1, to = y0 < y1 ? y1 : y0;
    for (int y = from; y <= to; y++)
        dot(p, x, y);
}

/* Between two dots: each column gets the vertical piece that falls to it, so the curve has
 * no gaps. */
static void segment(const struct pen *p, int x0, int y0, int x1, int y1)
{
    int n = x1 - x0;
    if (n <= 0) {
        vertical(p, x0, y0, y1);
        return;
    }
    int before = y0;
    for (int i = 1; i <= n; i++) {
        int y = y0 + (int)lround((double)(y1 - y0) * i / n);
        int step = y > before ? 1 : y < before ? -1 : 0;
        /* the joint is drawn once: start one dot on */
        vertical(p, x0 + i, before + (before != y ? step : 0), y);
        before = y;
    }
}

static int dot_y(const struct pen *p, const struct curve_frame *f, double y)
{
    double at = curve_place_y(f, y);
    int h = p->area.rows * p->sy;
    if (!(at > -10))
        at = -10;
    if (at > 10)
        at = 10;
    return (int)lround((1 - at) * (h - 1));
}

/* ASCII and half blocks have few rows: a span of one column is a bar of marks, which is what
 * it is. */
static void draw_line(const struct pen *p, const struct curve_frame *f,
                      const struct curve_span *s, int n)
{
    int px = -1, py = 0;
    for (int x = 0; x < n; x++) {
        if (!s[x].n)
            continue;
        if (px >= 0)
            segment(p, px, py, x, dot_y(p, f, s[x].first));
        vertical(p, x, dot_y(p, f, s[x].lo), dot_y(p, f, s[x].hi));
        px = x;
        py = dot_y(p, f, s[x].last);
    }
}

/* Raw points behind a smoothed curve: extremes of the column only, sparser than a curve. */
static void draw_raw(const struct pen *p, const struct curve_frame *f,
                     const struct curve_span *s, int n)
{
    for (int x = 0; x < n; x++)
        if (s[x].n) {
            dot(p, x, dot_y(p, f, s[x].lo));
            dot(p, x, dot_y(p, f, s[x].hi));
        }
}

static void draw_marks(const struct pen *p, const struct curve_frame *f,
                       const struct curve_span *s, int n)
{
    for (int x = 0; x < n; x++)
        if (s[x].n) {
            int row = dot_y(p, f, s[x].last) / p->sy, col = x / p->sx;
            if (row >= 0 && row < p->area.rows && col < p->area.cols)
                put_code(&p->area, row, col, 'o', p->style);
        }
}

static void draw_level(struct pen p, const struct curve_frame *f, const struct curve_level *l)
{
    double at = curve_place_y(f, l->y);
    if (!(at >= -0.02 && at <= 1.02) || p.area.rows < 1)
        return;
    const struct theme *t = p.area.theme;
    p.style = t->role[ROLE_LEVEL];
    int y = dot_y(&p, f, l->y), row = y / p.sy;
    row = row < 0 ? 0 : row >= p.area.rows ? p.area.rows - 1 : row;
    for (int col = 0; col < p.area.cols; col++) {
        if (p.sx == 2 && col % 2 == 0) { /* dots: as exact as the curve above it */
            dot(&p, col * 2, y);
            dot(&p, col * 2 + 1, y);
        } else if (p.sx == 1 && (t->glyphs != GLYPHS_ASCII || col % 2 == 0)) {
            canvas_glyph(&p.area, row, col, ROLE_LEVEL, G_DASH);
        }
    }
}

static bool row_free(const struct canvas *c, int row, int col, int width)
{
    for (int i = 0; i < width; i++)
        if (cell_code(c, row, col + i) != ' ')
            return false;
    return true;
}

/* The name stands at the right end beside its line; where curves are in the way, further
 * left; on the line itself when there is no free place at all. */
static void name_level(const struct pen *p, const struct curve_frame *f,
                       const struct curve_level *l)
{
    double at = curve_place_y(f, l->y);
    if (!(at >= -0.02 && at <= 1.02) || !l->name)
        return;
    char text[64], num[FMT_NUM];
    snprintf(text, sizeof text, "%s %s", l->name, fmt_num(num, l->y));
    int w = text_width(text), right = p->area.cols - w - 1, row = dot_y(p, f, l->y) / p->sy;
    if (right < 1)
        return;
    static const int tries[] = {1, -1, 2, -2};
    for (int col = right; col >= 1; col -= 3)
        for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
            int r = row + tries[i];
            if ((col == right || i < 2) && r >= 0 && r < p->area.rows &&
                row_free(&p->area, r, col - 1, w + 2)) {
                canvas_text(&p->area, r, col, ROLE_LEVEL, text);
                return;
            }
        }
    if (row >= 0 && row < p->area.rows) {
        canvas_text(&p->area, row, right - 1, ROLE_LEVEL, " ");
        canvas_text(&p->area, row, right, ROLE_LEVEL, text);
    }
}

/* ---- axes ---- */

struct ticks {
    double at[TICKS_MAX];
    size_t n;
    char text[TICKS_MAX][FMT_NUM];
    int width;
};

static void ticks_make(struct ticks *t, double lo, double hi, bool log, size_t want)
{
    t->n = axis_ticks(lo, hi, log, want, t->at, TICKS_MAX);
    t->width = 0;
    for (size_t i = 0; i < t->n; i++) {
        curve_tick_text(t->at, t->n, i, t->text[i]);
        int w = (int)strlen(t->text[i]);
        t->width = w > t->width ? w : t->width;
    }
    if (t->width > LABEL_MAX)
        t->width = LABEL_MAX;
}

static void draw_axis_y(const struct canvas *c, const struct pen *p,
                        const struct curve_frame *f, const struct ticks *t, int gutter)
{
    int top = p->area.row - c->row;
    for (int r = 0; r < p->area.rows; r++)
        canvas_glyph(c, top + r, gutter - 1, ROLE_FRAME_ON, G_VLINE);
    int before = p->area.rows + 1;
    for (size_t i = 0; i < t->n; i++) {
        int row = dot_y(p, f, t->at[i]) / p->sy;
        if (row < 0 || row >= p->area.rows)
            continue;
        canvas_glyph(c, top + row, gutter - 1, ROLE_FRAME_ON, G_TICK_Y);
        if (row + 1 >= before) /* labels on touching rows read as one */
            continue;
        before = row;
        canvas_right(c, top + row, 0, gutter - 1, ROLE_AXIS, t->text[i]);
    }
}

static void draw_axis_x(const struct canvas *c, const struct pen *p,
                        const struct curve_frame *f, const struct curve_chart *ch, int row,
                        int gutter)
{
    int width = p->area.cols;
    canvas_glyph(c, row, gutter - 1, ROLE_FRAME_ON, G_BOTTOM_LEFT);
    if (c->theme->glyphs == GLYPHS_BRAILLE)
        canvas_put(c, row, gutter - 1, "└", canvas_style(c, ROLE_FRAME_ON));
    canvas_hline(c, row, gutter, width, ROLE_FRAME_ON);
    struct ticks t;
    ticks_make(&t, f->x_lo, f->x_hi, f->log_x, (size_t)(width / 11 > 2 ? width / 11 : 2));
    int name = ch->x_name ? text_width(ch->x_name) : 0;
    int free_from = 0, last_end = 0;
    for (size_t i = 0; i < t.n; i++) {
        int col = gutter + (int)(curve_place_x(f, t.at[i]) * width);
        if (col > gutter + width - 1)
            col = gutter + width - 1;
        int w = (int)strlen(t.text[i]), at = col - w / 2;
        if (at + w > gutter + width)
            at = gutter + width - w;
        if (at < 0)
            at = 0;
        canvas_glyph(c, row, col, ROLE_FRAME_ON, G_TICK_X);
        if (at < free_from || row + 1 >= c->rows)
            continue;
        canvas_text(c, row + 1, at, ROLE_AXIS, t.text[i]);
        free_from = at + w + 2;
        last_end = at + w;
    }
    if (name && last_end + 2 + name <= gutter + width && row + 1 < c->rows)
        canvas_text(c, row + 1, gutter + width - name, ROLE_DIM, ch->x_name);
}

static void draw_events(const struct canvas *c, const struct pen *p,
                        const struct curve_frame *f, const struct curve_chart *ch,
                        const struct curve_columns *cols, int row, int gutter)
{
    for (size_t i = 0; i < ch->n_events; i++) {
        double at = curve_place_x(f, ch->events[i].x);
        int col = (int)(at * p->area.cols);
        if (at >= 0 && at <= 1)
            canvas_glyph(c, row, gutter + (col < p->area.cols ? col : p->area.cols - 1),
                         ROLE_MARK, G_CARET);
    }
    for (size_t i = 0; i < ch->n_series; i++)
        for (int x = 0; cols[i].raw && x < cols[i].n; x++)
            if (cols[i].raw[x].bad)
                canvas_glyph(c, row, gutter + x / p->sx, ROLE_BAD, G_BAD);
}

static void draw_cursor(const struct canvas *c, const struct pen *p,
                        const struct curve_frame *f, const struct curve_chart *ch, int row,
                        int gutter)
{
    double at = curve_place_x(f, ch->cursor_x);
    if (!ch->cursor || !(at >= 0 && at <= 1))
        return;
    int col = (int)(at * p->area.cols);
    col = col < p->area.cols ? col : p->area.cols - 1;
    for (int r = 0; r < p->area.rows; r++)
        if (cell_code(&p->area, r, col) == ' ')
            canvas_glyph(&p->area, r, col, ROLE_MARK, G_VLINE);
    char text[FMT_NUM];
    fmt_short(text, ch->cursor_x);
    int w = text_width(text), left = gutter + col - w / 2;
    left = left + w > c->cols ? c->cols - w : left;
    canvas_glyph(c, row, gutter + col, ROLE_CURSOR, G_TICK_X);
    if (row + 1 < c->rows)
        canvas_text(c, row + 1, left < 0 ? 0 : left, ROLE_CURSOR, text);
}

/* ---- legend ---- */

static int legend_item(const struct canvas *c, int row, int col, const char *sample,
                       struct style st, const char *text)
{
    int need = text_width(sample) + 1 + text_width(text);
    if (col + need > c->cols)
        return col;
    canvas_put(c, row, col, sample, st);
    canvas_text(c, row, col + text_width(sample) + 1, ROLE_DIM, text);
    return col + need + 3;
}

static void draw_legend(const struct canvas *c, const struct curve_chart *ch,
                        const struct curve_columns *cols, int row, int col)
{
    const struct theme *t = c->theme;
    bool ascii = t->glyphs == GLYPHS_ASCII;
    size_t hidden_points = 0, bad = 0;
    bool below = false;
    char text[96], num[FMT_NUM];
    for (size_t i = 0; i < ch->n_series; i++) {
        const struct curve_series *s = &ch->series[i];
        hidden_points += cols[i].not_shown;
        bad += cols[i].not_finite;
        below = below || cols[i].below;
        if (s->hidden)
            continue;
        char mark[2] = {theme_run_mark(s->run), '\0'};
        const char *sample = s->dots                       ? "o"
                             : ascii                       ? mark
                             : t->glyphs == GLYPHS_BRAILLE ? "⠤⠤"
                                                           : "▄▄";
        bool smooth = cols[i].avg != NULL;
        if (smooth)
            snprintf(text, sizeof text, c->cols < 70 ? "%s ~%s" : "%s smoothed %s", s->name,
                     fmt_short(num, s->smooth));
        else
            snprintf(text, sizeof text, "%s", s->name);
        col = legend_item(c, row, col, sample, canvas_style(c, theme_run(s->run)), text);
        if (smooth && s->raw)
            col = legend_item(c, row, col,
                              ascii                         ? "."
                              : t->glyphs == GLYPHS_BRAILLE ? "⠁⠄"
                                                            : "▀",
                              canvas_style(c, ROLE_RAW), "raw");
    }
    if (ch->n_events)
        col = legend_item(c, row, col, t->glyph[G_CARET], canvas_style(c, ROLE_MARK), "event");
    if (hidden_points) {
        snprintf(text, sizeof text, "%zu point%s <= 0 not shown", hidden_points,
                 hidden_points == 1 ? "" : "s");
        col = legend_item(c, row, col, "!", canvas_style(c, ROLE_WARN), text);
    }
    if (below)
        col = legend_item(c, row, col, "!", canvas_style(c, ROLE_WARN), "raw also below");
    if (bad)
        legend_item(c, row, col, t->glyph[G_BAD], canvas_style(c, ROLE_BAD), "not a number");
}

/* ---- the picture ---- */

static void draw_series(struct pen p, const struct curve_frame *f, const struct curve_series *s,
                        const struct curve_columns *k)
{
    const struct theme *t = p.area.theme;
    if (!k->raw)
        return;
    p.style = t->role[theme_run(s->run)];
    p.mark = theme_run_mark(s->run);
    if (s->dots)
        draw_marks(&p, f, k->raw, k->n);
    else
        draw_line(&p, f, k->avg ? k->avg : k->raw, k->n);
}

static void draw_letter(const struct pen *p, const struct curve_frame *f,
                        const struct curve_series *s, const struct curve_columns *k)
{
    if (!s->letter || !k->raw || !isfinite(k->end))
        return;
    int col = (int)(curve_place_x(f, k->end_x) * p->area.cols) + 1,
        row = dot_y(p, f, k->end) / p->sy;
    if (col >= p->area.cols)
        col = p->area.cols - 1;
    struct style st = p->area.theme->role[theme_run(s->run)];
    st.attrs |= ATTR_BOLD;
    char text[2] = {s->letter, '\0'};
    if (row >= 0 && row < p->area.rows)
        canvas_put(&p->area, row, col, text, st);
}

static int points_seen(const struct curve_columns *k, size_t n)
{
    int seen = 0;
    for (size_t i = 0; i < n; i++)
        for (int x = 0; k[i].raw && x < k[i].n; x++)
            seen += k[i].raw[x].n > 0 || k[i].raw[x].bad > 0;
    return seen;
}

void curves_draw(const struct canvas *c, const struct curve_chart *chart,
                 struct curve_info *info)
{
    struct curve_info nothing;
    struct curve_chart ch = *chart;
    if (!info)
        info = &nothing;
    memset(info, 0, sizeof *info);
    if (c->rows < 1 || c->cols < 1)
        return;
    if (ch.n_series > SERIES_MAX)
        ch.n_series = SERIES_MAX;
    const struct theme *t = c->theme;
    struct pen p = {.sx = t->glyphs == GLYPHS_BRAILLE ? 2 : 1,
                    .sy = t->glyphs == GLYPHS_BRAILLE ? 4
                          : t->glyphs == GLYPHS_BLOCK ? 2
                                                      : 1,
                    .behind = {COLOR_NONE, COLOR_NONE}};
    bool axes = c->rows >= 5 && c->cols >= 20;
    bool legend = ch.legend && c->rows >= 8 && axes;
    int rows = c->rows - (axes ? 2 : 0) - (legend ? 1 : 0);
    struct curve_cache *own = ch.cache ? NULL : curve_cache_new(),
                       *cache = ch.cache ? ch.cache : own;
    struct curve_columns cols[SERIES_MAX];
    struct curve_frame f;
    struct ticks ty = {.n = 0};
    int gutter = axes ? 6 : 0;
    if (cache && axes && cache->gutter > gutter)
        gutter = cache->gutter;
    if (!cache || !curve_prepare(&ch, cache, (c->cols - gutter) * p.sx, &f, cols))
        goto no_memory;
    if (axes) {
        ticks_make(&ty, f.y_lo, f.y_hi, f.log_y,
                   (size_t)(rows / 3 < 2   ? 2
                            : rows / 3 > 6 ? 6
                                           : rows / 3));
        if (ty.width + 1 > gutter) {
            gutter = cache->gutter = ty.width + 1;
            if (!curve_prepare(&ch, cache, (c->cols - gutter) * p.sx, &f, cols))
                goto no_memory;
        }
    }
    p.area = canvas_sub(c, 0, gutter, rows, c->cols - gutter);
    *info =
        (struct curve_info){f.x_lo, f.x_hi, f.y_lo, f.y_hi, 0, gutter, rows, p.area.cols, 0, 0};
    for (size_t i = 0; i < ch.n_series; i++) {
        info->not_shown += cols[i].not_shown;
        info->not_finite += cols[i].not_finite;
    }
    canvas_clear(c);
    if (axes) {
        draw_axis_y(c, &p, &f, &ty, gutter);
        draw_axis_x(c, &p, &f, &ch, rows, gutter);
    }
    if (!points_seen(cols, ch.n_series)) {
        canvas_centre(&p.area, p.area.rows / 2, 0, p.area.cols, ROLE_DIM, "no points yet");
        goto out;
    }
    struct pen faint = p;
    faint.style = t->role[ROLE_RAW];
    faint.mark = '.';
    for (size_t i = 0; i < ch.n_series; i++)
        if (cols[i].avg && ch.series[i].raw)
            draw_raw(&faint, &f, cols[i].raw, cols[i].n);
    p.behind[0] = faint.style.fg;
    p.behind[1] = t->role[ROLE_LEVEL].fg;
    for (size_t i = 0; i < ch.n_levels; i++)
        draw_level(p, &f, &ch.levels[i]);
    for (int pass = 0; pass < 2; pass++) /* what is pinned comes last, on top */
        for (size_t i = 0; i < ch.n_series; i++)
            if (!ch.series[i].hidden && ch.series[i].pinned == (pass == 1))
                draw_series(p, &f, &ch.series[i], &cols[i]);
    for (size_t i = 0; i < ch.n_series; i++)
        draw_letter(&p, &f, &ch.series[i], &cols[i]);
    if (axes) {
        for (size_t i = 0; i < ch.n_levels; i++)
            name_level(&p, &f, &ch.levels[i]);
        draw_events(c, &p, &f, &ch, cols, rows, gutter);
    }
    if (axes)
        draw_cursor(c, &p, &f, &ch, rows, gutter);
    if (legend)
        draw_legend(c, &ch, cols, c->rows - 1, gutter);
    goto out;
no_memory:
    canvas_text(c, 0, 0, ROLE_BAD, "no memory for this curve");
out:
    curve_cache_free(own);
}

double curve_x_at(const struct curve_info *info, const struct curve_chart *chart, int col)
{
    double at = info->cols > 0 ? (col - info->col + 0.5) / info->cols : 0;
    if (chart->log_x && info->x_lo > 0)
        return pow(10, log10(info->x_lo) + at * (log10(info->x_hi) - log10(info->x_lo)));
    return info->x_lo + at * (info->x_hi - info->x_lo);
}

int curve_col_of(const struct curve_info *info, const struct curve_chart *chart, double x)
{
    struct curve_frame f = {.x_lo = info->x_lo, .x_hi = info->x_hi, .log_x = chart->log_x};
    double at = curve_place_x(&f, x) * info->cols;
    return info->col + (int)floor(at < -1e6 ? -1e6 : at > 1e6 ? 1e6 : at);
}

void curve_readout(const struct curve_chart *ch, char *out, size_t size)
{
    char num[FMT_NUM], smooth[FMT_NUM];
    size_t n = (size_t)snprintf(out, size, "%s %s", ch->x_name ? ch->x_name : "x",
                                fmt_short(num, ch->cursor_x));
    for (size_t i = 0; i < ch->n_series && n < size; i++) {
        double y, avg;
        const struct curve_series *s = &ch->series[i];
        if (s->hidden || !curve_value_at(s, ch->cursor_x, &y, &avg))
            continue;
        if (avg != y && isfinite(avg))
            n += (size_t)snprintf(out + n, size - n, "  %s %s (%s)", s->name, fmt_num(num, y),
                                  fmt_num(smooth, avg));
        else
            n += (size_t)snprintf(out + n, size - n, "  %s %s", s->name, fmt_num(num, y));
    }
    /* The text of an event the cursor stands on, or nearly: a screen column may hold many
     * steps. */
    const struct curve_event *best = NULL;
    for (size_t i = 0; i < ch->n_events; i++)
        if (ch->events[i].x <= ch->cursor_x && (!best || ch->events[i].x >= best->x))
            best = &ch->events[i];
    if (best && best->x >= ch->cursor_x * 0.98 - 1 && n < size)
        snprintf(out + n, size - n, "  %s", best->text);
}
