/* Text, frames and bars on a rectangle of cells.  All text passes text_next(), which makes
 * it inert. */
#include "app/ui/canvas.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct canvas canvas_of(struct grid *g, const struct theme *theme)
{
    return (struct canvas){g, theme, 0, 0, g->rows, g->cols};
}

static int resolve(int size, int at, int wish)
{
    int n = wish < 0 ? size + wish - at : wish;
    if (n > size - at)
        n = size - at;
    return n < 0 ? 0 : n;
}

struct canvas canvas_sub(const struct canvas *c, int row, int col, int rows, int cols)
{
    struct canvas s = *c;
    if (row < 0)
        row = 0;
    if (col < 0)
        col = 0;
    s.row += row;
    s.col += col;
    s.rows = resolve(c->rows, row, rows);
    s.cols = resolve(c->cols, col, cols);
    return s;
}

struct style canvas_style(const struct canvas *c, enum role role)
{
    return c->theme->role[role];
}

/* One grapheme; a wide one needs both columns inside the canvas. */
static void put(const struct canvas *c, int row, int col, const struct grapheme *g,
                struct style s)
{
    if (row < 0 || col < 0 || row >= c->rows || col >= c->cols)
        return;
    uint32_t code = g->ch[0];
    if (g->width == 2 && col + 1 >= c->cols) {
        uint32_t blank = ' ';
        grid_put(c->g, c->row + row, c->col + col, &blank, 1, 1, s);
    } else if (code >= 0x80 && !c->theme->utf8) {
        uint32_t question = '?'; /* a screen that cannot say it */
        for (int i = 0; i < g->width; i++)
            grid_put(c->g, c->row + row, c->col + col + i, &question, 1, 1, s);
    } else {
        grid_put(c->g, c->row + row, c->col + col, g->ch, g->n, g->width, s);
    }
}

void canvas_clear(const struct canvas *c)
{
    struct style s = {COLOR_NONE, COLOR_NONE, 0};
    uint32_t blank = ' ';
    for (int r = 0; r < c->rows; r++)
        for (int col = 0; col < c->cols; col++)
            grid_put(c->g, c->row + r, c->col + col, &blank, 1, 1, s);
}

/* Draws s in at most `room` columns, '~' in the last when it does not fit.  Returns columns
 * used. */
static int draw_fit(const struct canvas *c, int row, int col, int room, struct style st,
                    const char *s)
{
    if (col < 0 || room > c->cols - col)
        room = col < 0 ? 0 : c->cols - col;
    if (room <= 0 || row < 0 || row >= c->rows)
        return 0;
    size_t len = strlen(s);
    int width;
    bool cut = text_fit(s, room, &width) < len;
    if (cut)
        text_fit(s, room - 1, &width);
    struct grapheme g;
    int at = 0;
    size_t i = 0;
    for (size_t n; at < width && (n = text_next(s + i, len - i, &g)) > 0; i += n) {
        put(c, row, col + at, &g, st);
        at += g.width;
    }
    if (cut) {
        struct grapheme mark = {{'~'}, 1, 1};
        put(c, row, col + at, &mark, st);
        at++;
    }
    return at;
}

static void fill(const struct canvas *c, int row, int col, int width, struct style st)
{
    struct grapheme blank = {{' '}, 1, 1};
    for (int i = 0; i < width; i++)
        put(c, row, col + i, &blank, st);
}

int canvas_text(const struct canvas *c, int row, int col, enum role role, const char *s)
{
    return draw_fit(c, row, col, c->cols, c->theme->role[role], s);
}

int canvas_printf(const struct canvas *c, int row, int col, enum role role, const char *fmt,
                  ...)
{
    char buf[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    return canvas_text(c, row, col, role, buf);
}

void canvas_put(const struct canvas *c, int row, int col, const char *s, struct style style)
{
    draw_fit(c, row, col, c->cols, style, s);
}

enum align { LEFT, CENTRE, RIGHT };

static int field(const struct canvas *c, int row, int col, int width, struct style st,
                 const char *s, enum align al)
{
    int room = width < c->cols - col ? width : c->cols - col;
    if (room <= 0)
        return 0;
    fill(c, row, col, room, st);
    int w;
    text_fit(s, room, &w);
    /* An empty rest means the text fits; what is cut starts at the left so that '~' ends the
     * field. */
    bool fits = text_width(s) <= room;
    int pad = !fits ? 0 : al == RIGHT ? room - w : al == CENTRE ? (room - w) / 2 : 0;
    draw_fit(c, row, col + pad, room - pad, st, s);
    return room;
}

int canvas_left(const struct canvas *c, int row, int col, int width, enum role role,
                const char *s)
{
    return field(c, row, col, width, c->theme->role[role], s, LEFT);
}

int canvas_right(const struct canvas *c, int row, int col, int width, enum role role,
                 const char *s)
{
    return field(c, row, col, width, c->theme->role[role], s, RIGHT);
}

int canvas_centre(const struct canvas *c, int row, int col, int width, enum role role,
                  const char *s)
{
    return field(c, row, col, width, c->theme->role[role], s, CENTRE);
}

int canvas_wrap(const struct canvas *c, int row, enum role role, const char *s)
{
    int began = row;
    while (*s && row < c->rows && c->cols > 0) {
        const char *newline = strchr(s, '\n');
        size_t para = newline ? (size_t)(newline - s) : strlen(s);
        size_t n = text_fit(s, c->cols, NULL);
        if (n >= para) {
            n = para;
        } else {
            size_t cut = n;
            while (cut > 0 && s[cut] != ' ')
                cut--;
            if (cut > 0)
                n = cut;
            if (row + 1 == c->rows) /* the last row says that there is more */
                n = para;
        }
        if (n == 0 && para > 0)
            break; /* a wide character and one column */
        char line[1024];
        size_t take = n < sizeof line ? n : sizeof line - 1;
        memcpy(line, s, take);
        line[take] = '\0';
        draw_fit(c, row++, 0, c->cols, c->theme->role[role], line);
        s += n;
        if (*s == '\n')
            s++;
        else
            while (*s == ' ')
                s++;
    }
    return row > began ? row - began : 0;
}

int canvas_num(const struct canvas *c, int row, int col, int width, enum role role, double v)
{
    char buf[FMT_NUM];
    return canvas_right(c, row, col, width, role, fmt_num(buf, v));
}

int canvas_fixed(const struct canvas *c, int row, int col, int width, int decimals,
                 enum role role, double v)
{
    char buf[FMT_NUM];
    return canvas_right(c, row, col, width, role, fmt_fixed(buf, v, decimals));
}

void canvas_glyph(const struct canvas *c, int row, int col, enum role role, enum glyph g)
{
    draw_fit(c, row, col, 1, c->theme->role[role], c->theme->glyph[g]);
}

void canvas_paint(const struct canvas *c, int row, int col, int width, enum role role)
{
    struct style s = c->theme->role[role];
    for (int i = 0; i < width; i++) {
        if (row < 0 || row >= c->rows || col + i < 0 || col + i >= c->cols)
            continue;
        struct cell *cell = grid_at(c->g, c->row + row, c->col + col + i);
        if (!cell)
            continue;
        /* one bar, not patches of every ink in the row */
        if (s.attrs & ATTR_REVERSE && cell->bg == COLOR_NONE) {
            cell->fg = COLOR_NONE;
            cell->attrs &= (uint8_t)~ATTR_DIM;
        }
        if (s.fg != COLOR_NONE)
            cell->fg = s.fg;
        if (s.bg != COLOR_NONE)
            cell->bg = s.bg;
        cell->attrs |= s.attrs;
    }
}

void canvas_hline(const struct canvas *c, int row, int col, int width, enum role role)
{
    for (int i = 0; i < width; i++)
        canvas_glyph(c, row, col + i, role, G_HLINE);
}

void canvas_vline(const struct canvas *c, int row, int col, int height, enum role role)
{
    for (int i = 0; i < height; i++)
        canvas_glyph(c, row + i, col, role, G_VLINE);
}

/* ` text ` in the top line, the frame going on around it. */
static int caption(const struct canvas *c, int col, int room, enum role role, const char *s)
{
    if (room < 3)
        return 0;
    fill(c, 0, col, 1, c->theme->role[ROLE_TEXT]);
    int w = draw_fit(c, 0, col + 1, room - 2, c->theme->role[role], s);
    fill(c, 0, col + 1 + w, 1, c->theme->role[ROLE_TEXT]);
    return w + 2;
}

struct canvas canvas_box(const struct canvas *c, const char *title, const char *right,
                         bool focus)
{
    struct canvas inside = canvas_sub(c, 1, 1, c->rows - 2 > 0 ? c->rows - 2 : 0,
                                      c->cols - 2 > 0 ? c->cols - 2 : 0);
    if (c->rows < 2 || c->cols < 2)
        return inside;
    enum role frame = focus ? ROLE_FRAME_ON : ROLE_FRAME;
    int last = c->rows - 1, edge = c->cols - 1;
    canvas_hline(c, 0, 1, edge - 1, frame);
    canvas_hline(c, last, 1, edge - 1, frame);
    canvas_vline(c, 1, 0, last - 1, frame);
    canvas_vline(c, 1, edge, last - 1, frame);
    canvas_glyph(c, 0, 0, frame, G_TOP_LEFT);
    canvas_glyph(c, 0, edge, frame, G_TOP_RIGHT);
    canvas_glyph(c, last, 0, frame, G_BOTTOM_LEFT);
    canvas_glyph(c, last, edge, frame, G_BOTTOM_RIGHT);
    int used = 0;
    if (title && *title) {
        char text[512];
        bool mark = focus && c->theme->depth == DEPTH_MONO;
        snprintf(text, sizeof text, "%s%s", mark ? "> " : "", title);
        used = caption(c, 2, c->cols - 4, focus ? ROLE_TITLE : ROLE_TITLE_OFF, text);
    }
    if (right && *right) {
        int full = text_width(right), room = c->cols - 4 - used - 1;
        int w = full + 2 > room ? room - 2 : full;
        if (w == full || w >= 4)
            caption(c, c->cols - 2 - (w + 2), w + 2, ROLE_DIM, right);
    }
    return inside;
}

/* ---- bars ---- */

static const char *const eighths[9] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

void canvas_bar(const struct canvas *c, int row, int col, int width, enum role role, double v,
                double full)
{
    struct style st = c->theme->role[role];
    fill(c, row, col, width < c->cols - col ? width : c->cols - col, c->theme->role[ROLE_TEXT]);
    if (!(v > 0) || !(full > 0) || width <= 0)
        return;
    double share = v / full;
    if (share > 1)
        share = 1;
    bool blocks = c->theme->glyphs != GLYPHS_ASCII;
    int parts = (int)lround(share * width * (blocks ? 8 : 1));
    int unit = blocks ? 8 : 1;
    for (int i = 0; i < width && parts > 0; i++, parts -= unit)
        draw_fit(c, row, col + i, 1, st, blocks ? eighths[parts > 8 ? 8 : parts] : "#");
}

void canvas_bar_signed(const struct canvas *c, int row, int col, int width, double v,
                       double full)
{
    int half = (width - 1) / 2;
    if (half < 1)
        return;
    canvas_bar(c, row, col + half + 1, half, ROLE_UP, v, full);
    fill(c, row, col, half, c->theme->role[ROLE_TEXT]);
    canvas_glyph(c, row, col + half, ROLE_AXIS, G_VLINE);
    if (!(v < 0) || !(full > 0))
        return;
    double share = -v / full > 1 ? 1 : -v / full;
    struct style st = c->theme->role[ROLE_DOWN];
    bool blocks = c->theme->glyphs != GLYPHS_ASCII;
    /* Left blocks grow from the left edge of a cell: a bar to the left ends on whole or half
     * columns. */
    int halves = (int)lround(share * half * 2);
    int whole = blocks ? halves / 2 : (int)lround(share * half);
    for (int i = 0; i < whole; i++)
        draw_fit(c, row, col + half - 1 - i, 1, st, blocks ? "█" : "#");
    if (blocks && halves % 2 && whole < half)
        draw_fit(c, row, col + half - 1 - whole, 1, st, "▐");
}

void canvas_spark(const struct canvas *c, int row, int col, int width, enum role role,
                  const double *v, size_t n, double lo, double hi)
{
    static const char *const blocks[8] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[8] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    size_t first = n > (size_t)(width > 0 ? width : 0) ? n - (size_t)width : 0;
    if (lo >= hi) {
        lo = HUGE_VAL;
        hi = -HUGE_VAL;
        for (size_t i = first; i < n; i++)
            if (isfinite(v[i])) {
                lo = fmin(lo, v[i]);
                hi = fmax(hi, v[i]);
            }
    }
    for (size_t i = first; i < n; i++) {
        if (!isfinite(v[i]))
            continue;
        double share = hi > lo ? (v[i] - lo) / (hi - lo) : 0.5;
        int level = (int)(share * 8);
        level = level < 0 ? 0 : level > 7 ? 7 : level;
        draw_fit(c, row, col + (int)(i - first), 1, c->theme->role[role],
                 c->theme->glyphs == GLYPHS_ASCII ? ascii[level] : blocks[level]);
    }
}

void canvas_level(const struct canvas *c, int row, int col, int width, int level,
                  bool diverging, const char *text)
{
    struct style st = {COLOR_NONE, COLOR_NONE, 0};
    color_t bg = theme_level_color(c->theme, level, diverging);
    bool color = bg != COLOR_NONE;
    if (color) {
        st.bg = bg;
        st.fg = theme_ink(bg);
    }
    if (text) {
        field(c, row, col, width, st, text, RIGHT);
        return;
    }
    fill(c, row, col, width < c->cols - col ? width : c->cols - col, st);
    if (color && c->theme->glyphs != GLYPHS_ASCII)
        return;
    const char *shade = theme_level_text(c->theme, level, diverging);
    bool sign = diverging && (shade[0] == '-' || shade[0] == '+');
    if (sign) {
        char mark[2] = {shade[0], '\0'};
        draw_fit(c, row, col, 1, st, mark);
        shade++;
    }
    for (int i = sign; i < width; i++)
        draw_fit(c, row, col + i, 1, st, shade);
}

void canvas_hints(const struct canvas *c, int row, int col, const char *const *pairs)
{
    for (; pairs[0] && pairs[1]; pairs += 2) {
        int need = text_width(pairs[0]) + 1 + text_width(pairs[1]);
        if (col + need > c->cols)
            return;
        col += canvas_text(c, row, col, ROLE_KEY, pairs[0]) + 1;
        col += canvas_text(c, row, col, ROLE_DIM, pairs[1]) + 2;
    }
}

int canvas_scroll(int top, int cursor, int shown, int total)
{
    if (shown <= 0)
        return 0;
    if (cursor < top)
        top = cursor;
    if (cursor >= top + shown)
        top = cursor - shown + 1;
    if (top > total - shown)
        top = total - shown;
    return top < 0 ? 0 : top;
}
