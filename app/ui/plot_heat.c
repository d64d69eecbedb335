/* Heatmaps on a canvas.  The size of a cell follows the room: large cells with numbers,
 * square ones of two columns, half blocks (two values a cell, one above the other), and
 * scrolling beyond that.  Values are never averaged together. */
#include "app/ui/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 12 };

void heat_memory_free(struct heat_memory *m)
{
    free(m->level);
    memset(m, 0, sizeof *m);
}

/* No memory for the levels only means no hysteresis. */
static int8_t *memory_of(const struct heatmap *m, const struct theme *t)
{
    struct heat_memory *k = m->memory;
    if (!k)
        return NULL;
    int levels = theme_levels(t, m->scale == HEAT_SIGNED);
    if (k->level && k->rows == m->rows && k->cols == m->cols && k->levels == levels)
        return k->level;
    heat_memory_free(k);
    size_t n = (size_t)m->rows * (size_t)m->cols;
    k->level = malloc(n ? n : 1);
    if (!k->level)
        return NULL;
    memset(k->level, -1, n);
    k->rows = m->rows;
    k->cols = m->cols;
    k->levels = levels;
    return k->level;
}

static bool value_at(const struct heatmap *m, int row, int col, double *v)
{
    if (row < 0 || col < 0 || row >= m->rows || col >= m->cols)
        return false;
    if (m->at)
        return m->at(m->ctx, row, col, v) && !isnan(*v);
    *v = (double)m->x[(size_t)row * (size_t)m->ld + (size_t)col];
    return !isnan(*v);
}

static double row_largest(const struct heatmap *m, int row)
{
    double hi = 0, v;
    for (int col = 0; col < m->cols; col++)
        if (value_at(m, row, col, &v) && isfinite(v) && v > hi)
            hi = v;
    return hi;
}

static void scale_of(const struct heatmap *m, double *lo, double *hi)
{
    *lo = 0;
    *hi = 1;
    if (m->scale == HEAT_PER_ROW || m->scale == HEAT_UNIT)
        return;
    double a = HUGE_VAL, b = -HUGE_VAL, v;
    for (int r = 0; r < m->rows; r++)
        for (int c = 0; c < m->cols; c++)
            if (value_at(m, r, c, &v) && isfinite(v)) {
                a = fmin(a, v);
                b = fmax(b, v);
            }
    if (!(a <= b))
        return;
    if (m->scale == HEAT_SIGNED) {
        b = fmax(fabs(a), fabs(b));
        a = -b;
    }
    *lo = a;
    *hi = b > a ? b : a + 1;
}

struct drawing {
    const struct canvas *c;
    const struct heatmap *m;
    struct heat_info *info;
    int8_t *memory;
    bool signs;
    double row_hi; /* of the row being drawn */
};

/* Level of a value, -1 when masked. */
static int level_of(const struct drawing *d, int row, int col, double row_hi)
{
    double v;
    if (!value_at(d->m, row, col, &v))
        return -1;
    double lo = d->info->lo, hi = d->m->scale == HEAT_PER_ROW ? row_hi : d->info->hi;
    double at = d->signs ? v / hi : hi > lo ? (v - lo) / (hi - lo) : 0;
    int8_t *before =
        d->memory ? &d->memory[(size_t)row * (size_t)d->m->cols + (size_t)col] : NULL;
    int level = theme_level_from(d->c->theme, at, d->signs, before ? *before : -1);
    if (before)
        *before = (int8_t)level;
    return level;
}

/* Numbers inside a cell: as many digits as four columns hold. */
static void cell_number(double v, int width, char out[FMT_NUM])
{
    double a = fabs(v);
    char text[FMT_NUM];
    if (a < 0.005)
        snprintf(text, sizeof text, "0");
    else if (a < 0.995) {
        fmt_fixed(text, v, width >= 6 ? 3 : 2);
        char *zero = strchr(text, '0'); /* .91 */
        if (zero && zero[1] == '.')
            memmove(zero, zero + 1, strlen(zero));
    } else if (a < 9.95) {
        fmt_fixed(text, v, width >= 6 ? 2 : 1);
    } else if (a < 999.5) {
        fmt_fixed(text, v, 0);
    } else {
        fmt_count(text, v);
    }
    memcpy(out, text, FMT_NUM);
}

static bool is_cursor(const struct heatmap *m, int row, int col)
{
    return m->cursor && row == m->cur_row && col == m->cur_col;
}

static void draw_cell(const struct drawing *d, int row, int col, int y, int x)
{
    const struct heat_info *in = d->info;
    int h = in->cell_rows2 / 2, w = in->cell_cols;
    int level = level_of(d, row, col, d->row_hi);
    double v = 0;
    char number[FMT_NUM] = "";
    if (level >= 0 && d->m->numbers && w >= 4 && value_at(d->m, row, col, &v))
        cell_number(v, w, number);
    for (int i = 0; i < h; i++) {
        if (level < 0)
            canvas_centre(d->c, y + i, x, w, ROLE_MASKED,
                          i == (h - 1) / 2 ? d->c->theme->glyph[G_MASKED] : "");
        else {
            /* one column of air to the right of a number */
            char text[FMT_NUM + 1];
            snprintf(text, sizeof text, "%s ", number);
            canvas_level(d->c, y + i, x, w, level, d->signs,
                         number[0] && i == (h - 1) / 2 ? text : NULL);
        }
    }
    if (is_cursor(d->m, row, col)) {
        /* on the value's own colour: the cursor must not hide what it points at */
        color_t own = level >= 0 ? theme_level_color(d->c->theme, level, d->signs) : COLOR_NONE;
        struct style st = canvas_style(d->c, ROLE_CURSOR);
        if (own != COLOR_NONE)
            st = (struct style){theme_ink(own), own, ATTR_BOLD};
        for (int i = 0; i < h; i++) {
            canvas_put(d->c, y + i, x, "[", st);
            if (w > 1)
                canvas_put(d->c, y + i, x + w - 1, "]", st);
        }
    }
}

/* Two values one above the other.  The cursor's half is drawn in the ink that stands out on
 * the other. */
static void draw_pair(const struct drawing *d, int row, int col, int y, int x, double hi_up,
                      double hi_low, bool low_there)
{
    const struct theme *t = d->c->theme;
    int up = level_of(d, row, col, hi_up),
        low = low_there ? level_of(d, row + 1, col, hi_low) : -1;
    bool cur_up = is_cursor(d->m, row, col),
         cur_low = low_there && is_cursor(d->m, row + 1, col);
    struct style st = {COLOR_NONE, COLOR_NONE, 0};
    color_t a = up >= 0 ? theme_level_color(t, up, d->signs) : COLOR_NONE;
    color_t b = low >= 0 ? theme_level_color(t, low, d->signs) : COLOR_NONE;
    if (up < 0 && low < 0) {
        canvas_glyph(d->c, y, x, ROLE_MASKED, G_MASKED);
    } else if (up >= 0) {
        st.fg = a;
        st.bg = b;
        canvas_put(d->c, y, x, "▀", st);
    } else {
        st.fg = b;
        canvas_put(d->c, y, x, "▄", st);
    }
    if (cur_up || cur_low) {
        /* The glyph keeps the other half's value as background. */
        color_t own = cur_up ? a : b, other = cur_up ? b : a;
        st.bg = other;
        st.fg = own != COLOR_NONE ? theme_ink(own) : COLOR_NONE;
        st.attrs = ATTR_BOLD;
        canvas_put(d->c, y, x, cur_up ? "▀" : "▄", st);
    }
}

/* ---- geometry ---- */

static int labels_width(const char *(*label)(const void *, int), const void *ctx, int n)
{
    int w = 0;
    for (int i = 0; label && i < n; i++) {
        const char *s = label(ctx, i);
        int k = s ? text_width(s) : 0;
        w = k > w ? k : w;
    }
    return w > LABEL_MAX ? LABEL_MAX : w;
}

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* First value shown: where the caller wants it, moved so that the cursor is in sight. */
static int first_shown(int wish, int cursor, bool has_cursor, int shown, int total)
{
    int top = clamp(wish, 0, total - shown > 0 ? total - shown : 0);
    return has_cursor ? canvas_scroll(top, clamp(cursor, 0, total - 1), shown, total) : top;
}

static void lay_out(const struct canvas *c, const struct heatmap *m, bool halves,
                    int label_cols, int col_label_width, struct heat_info *info)
{
    int left = label_cols ? label_cols + 1 : 0, top = m->col_label && c->rows > 2 ? 1 : 0;
    int room_cols = c->cols - left, room_rows = c->rows - top;
    /* candidates from large to small: columns and half rows a value */
    int wide = clamp(col_label_width + 1, 4, 7);
    if (m->numbers && m->scale == HEAT_SIGNED && wide < 5)
        wide = 5;
    const int sizes[][2] = {{wide, 4}, {wide, 2}, {4, 2}, {2, 2}, {1, halves ? 1 : 2}};
    size_t n = sizeof sizes / sizeof sizes[0], first = 0;
    if (m->size == HEAT_AUTO && (m->rows > 24 || m->cols > 24) && !m->numbers)
        first = 3;
    if (m->size == HEAT_SMALL)
        first = halves ? n - 1 : 3;
    if (m->size == HEAT_TINY)
        first = n - 1;
    size_t pick = n - 1;
    if (m->size == HEAT_LARGE)
        pick = m->rows * 2 <= room_rows && m->cols * wide <= room_cols ? 0
               : m->cols * wide <= room_cols                           ? 1
                                                                       : 2;
    else
        for (size_t i = first; i < n; i++)
            if (m->cols * sizes[i][0] <= room_cols && m->rows * sizes[i][1] <= room_rows * 2) {
                pick = i;
                break;
            }
    bool one = !halves && sizes[pick][0] == 1 && (m->shape_square || m->scale == HEAT_SIGNED);
    info->cell_cols = one && m->cols * 2 <= room_cols ? 2 : sizes[pick][0];
    info->cell_rows2 = sizes[pick][1];
    info->row = top;
    info->col = left;
    info->shown_cols = clamp(room_cols / info->cell_cols, 0, m->cols);
    info->shown_rows = clamp(room_rows * 2 / info->cell_rows2, 0, m->rows);
    info->top = first_shown(m->top, m->cur_row, m->cursor, info->shown_rows, m->rows);
    info->left = first_shown(m->left, m->cur_col, m->cursor, info->shown_cols, m->cols);
    /* pairs of half rows stay pairs while scrolling: no value changes its half */
    if (info->cell_rows2 == 1 && info->top % 2)
        info->top--;
    info->scrolls = info->shown_rows < m->rows || info->shown_cols < m->cols;
}

static void draw_col_labels(const struct canvas *c, const struct heatmap *m,
                            const struct heat_info *in, int width)
{
    int every = in->cell_cols >= 4 ? (width + in->cell_cols) / in->cell_cols : 5;
    if (every * in->cell_cols < width + 1)
        every = (width + in->cell_cols) / in->cell_cols;
    /* the cursor's label last: it wins over its neighbours */
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < in->shown_cols; i++) {
            int col = in->left + i;
            bool cur = m->cursor && col == m->cur_col;
            if (cur != (pass == 1) || (!cur && col % every))
                continue;
            const char *s = m->col_label(m->ctx, col);
            int w = s ? text_width(s) : 0, x = in->col + i * in->cell_cols;
            if (w > width)
                w = width;
            if (in->cell_cols >= 4) /* centred over the cell */
                x += (in->cell_cols - w) / 2;
            if (x + w > c->cols)
                x = c->cols - w;
            if (!s || x < 0)
                continue;
            if (cur) {
                canvas_text(c, 0, x - 1 < in->col ? in->col : x - 1, ROLE_TEXT, " ");
                canvas_left(c, 0, x, w + 1 <= c->cols - x ? w + 1 : w, ROLE_TEXT, "");
            }
            canvas_left(c, 0, x, w, cur ? ROLE_TITLE : ROLE_DIM, s);
        }
}

static void draw_row_label(const struct canvas *c, const struct heatmap *m, int row, int y,
                           int width, bool dense)
{
    bool cur = m->cursor && row == m->cur_row;
    if (!m->row_label || (dense && row % 5 && !cur))
        return;
    const char *s = m->row_label(m->ctx, row);
    if (s)
        canvas_right(c, y, 0, width, cur ? ROLE_TITLE : ROLE_DIM, s);
}

void heat_draw(const struct canvas *c, const struct heatmap *m, struct heat_info *info)
{
    struct heat_info nothing;
    if (!info)
        info = &nothing;
    memset(info, 0, sizeof *info);
    canvas_clear(c);
    if (m->rows < 1 || m->cols < 1 || c->rows < 1 || c->cols < 1) {
        canvas_centre(c, c->rows / 2, 0, c->cols, ROLE_DIM, "nothing to show");
        return;
    }
    const struct theme *t = c->theme;
    struct drawing d = {c, m, info, memory_of(m, t), m->scale == HEAT_SIGNED, 0};
    bool halves = t->glyphs != GLYPHS_ASCII && theme_level_color(t, 0, false) != COLOR_NONE;
    int label = labels_width(m->row_label, m->ctx, m->rows),
        over = labels_width(m->col_label, m->ctx, m->cols);
    if (label > c->cols / 3)
        label = 0;
    lay_out(c, m, halves, label, over, info);
    scale_of(m, &info->lo, &info->hi);
    bool dense = info->cell_rows2 == 1;
    if (m->col_label && info->row)
        draw_col_labels(c, m, info, over);
    int step = dense ? 2 : 1, h = info->cell_rows2 / 2;
    for (int i = 0; i < info->shown_rows; i += step) {
        int row = info->top + i, y = info->row + (dense ? i / 2 : i * h);
        bool pair = dense && row + 1 < m->rows && i + 1 < info->shown_rows;
        d.row_hi = m->scale == HEAT_PER_ROW ? row_largest(m, row) : 0;
        double low_hi = pair && m->scale == HEAT_PER_ROW ? row_largest(m, row + 1) : 0;
        if (label) {
            draw_row_label(c, m, row, y + (h > 1 ? (h - 1) / 2 : 0), label, dense);
            if (pair && (row + 1) % 5 == 0)
                draw_row_label(c, m, row + 1, y, label, true);
            if (pair && m->cursor && row + 1 == m->cur_row)
                draw_row_label(c, m, row + 1, y, label, true);
            if (pair && m->cursor && row == m->cur_row)
                draw_row_label(c, m, row, y, label, true);
        }
        for (int k = 0; k < info->shown_cols; k++) {
            int x = info->col + k * info->cell_cols;
            if (dense)
                draw_pair(&d, row, info->left + k, y, x, d.row_hi, low_hi, pair);
            else
                draw_cell(&d, row, info->left + k, y, x);
        }
    }
}

bool heat_hit(const struct heat_info *in, int row, int col, int *r, int *v)
{
    row -= in->row;
    col -= in->col;
    if (row < 0 || col < 0 || in->cell_cols < 1 || in->cell_rows2 < 1)
        return false;
    int i = row * 2 / in->cell_rows2, k = col / in->cell_cols;
    if (i >= in->shown_rows || k >= in->shown_cols)
        return false;
    *r = in->top + i;
    *v = in->left + k;
    return true;
}

int heat_scale_line(const struct canvas *c, int row, int col, const struct heatmap *m,
                    const struct heat_info *info)
{
    const struct theme *t = c->theme;
    bool signs = m->scale == HEAT_SIGNED;
    int n = theme_levels(t, signs), began = col;
    char num[FMT_NUM], text[64];
    const char *what = m->scale == HEAT_PER_ROW ? "per row"
                       : m->scale == HEAT_UNIT  ? "fixed"
                       : signs                  ? "symmetric"
                                                : "whole map";
    snprintf(text, sizeof text, "%s  %s ", what,
             m->scale == HEAT_PER_ROW ? "0"
             : signs                  ? fmt_signed(num, info->lo)
                                      : fmt_num(num, info->lo));
    col += canvas_text(c, row, col, ROLE_DIM, text);
    int shown = n > 16 ? 16 : n,
        wide = signs && t->depth != DEPTH_256 && t->depth != DEPTH_DIRECT ? 2 : 1;
    for (int i = 0; i < shown && col + wide <= c->cols; i++, col += wide)
        canvas_level(c, row, col, wide, shown > 1 ? i * (n - 1) / (shown - 1) : 0, signs, NULL);
    snprintf(text, sizeof text, " %s",
             m->scale == HEAT_PER_ROW ? "row max"
             : signs                  ? fmt_signed(num, info->hi)
                                      : fmt_num(num, info->hi));
    col += canvas_text(c, row, col, ROLE_DIM, text);
    return col - began;
}
