/* Cells in memory, their dumps and their comparison. */
#include "app/ui/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const struct cell blank = {{' ', 0, 0, 0}, COLOR_NONE, COLOR_NONE, 0, 1};

static struct cell *cells_new(int rows, int cols)
{
    size_t n = (size_t)rows * (size_t)cols;
    struct cell *c = malloc((n ? n : 1) * sizeof *c);
    for (size_t i = 0; c && i < n; i++)
        c[i] = blank;
    return c;
}

enum status grid_init(struct grid *g, int rows, int cols, struct err *err)
{
    memset(g, 0, sizeof *g);
    return grid_resize(g, rows, cols, err);
}

void grid_done(struct grid *g)
{
    free(g->c);
    memset(g, 0, sizeof *g);
}

enum status grid_resize(struct grid *g, int rows, int cols, struct err *err)
{
    if (rows < 0 || cols < 0 || rows > GRID_MAX_ROWS || cols > GRID_MAX_COLS)
        return err_set(err, ST_ARG, "a screen of %dx%d is out of range (0x0 to %dx%d)", cols,
                       rows, GRID_MAX_COLS, GRID_MAX_ROWS);
    struct cell *c = cells_new(rows, cols);
    if (!c)
        return err_nomem(err, (unsigned long long)rows * (unsigned long long)cols * sizeof *c,
                         "the screen");
    free(g->c);
    g->rows = rows;
    g->cols = cols;
    g->c = c;
    return ST_OK;
}

void grid_clear(struct grid *g)
{
    size_t n = (size_t)g->rows * (size_t)g->cols;
    for (size_t i = 0; i < n; i++)
        g->c[i] = blank;
}

enum status grid_copy(struct grid *to, const struct grid *from, struct err *err)
{
    if (to->rows != from->rows || to->cols != from->cols || !to->c) {
        enum status st = grid_resize(to, from->rows, from->cols, err);
        if (st != ST_OK)
            return st;
    }
    size_t n = (size_t)from->rows * (size_t)from->cols;
    if (n)
        memcpy(to->c, from->c, n * sizeof *to->c);
    return ST_OK;
}

struct cell *grid_at(const struct grid *g, int row, int col)
{
    if (row < 0 || col < 0 || row >= g->rows || col >= g->cols)
        return NULL;
    return &g->c[(size_t)row * (size_t)g->cols + (size_t)col];
}

/* Half of a wide grapheme is no grapheme: blank it, keep its colours. */
static void cell_blank(struct cell *c)
{
    memset(c->ch, 0, sizeof c->ch);
    c->ch[0] = ' ';
    c->width = 1;
}

void grid_put(struct grid *g, int row, int col, const uint32_t *ch, int n, int width,
              struct style s)
{
    struct cell *c = grid_at(g, row, col);
    if (!c)
        return;
    struct cell *left = grid_at(g, row, col - 1), *right = grid_at(g, row, col + 1);
    if (c->width == 0 && left)
        cell_blank(left);
    if (c->width == 2 && right && width != 2)
        cell_blank(right);
    memset(c->ch, 0, sizeof c->ch);
    bool fits = width != 2 || right;
    if (n < 1 || !fits)
        c->ch[0] = ' ';
    else
        for (int i = 0; i < n && i < CELL_CODES; i++)
            c->ch[i] = ch[i];
    c->fg = s.fg;
    c->bg = s.bg;
    c->attrs = s.attrs;
    c->width = 1;
    if (width == 2 && fits) {
        c->width = 2;
        struct cell *after = grid_at(g, row, col + 2);
        if (right->width == 2 && after)
            cell_blank(after);
        memset(right->ch, 0, sizeof right->ch);
        right->fg = s.fg;
        right->bg = s.bg;
        right->attrs = s.attrs;
        right->width = 0;
    }
}

bool cell_equal(const struct cell *a, const struct cell *b)
{
    return a->ch[0] == b->ch[0] && a->fg == b->fg && a->bg == b->bg && a->attrs == b->attrs &&
           a->width == b->width && memcmp(a->ch, b->ch, sizeof a->ch) == 0;
}

size_t grid_diff(const struct grid *a, const struct grid *b)
{
    size_t na = (size_t)a->rows * (size_t)a->cols, nb = (size_t)b->rows * (size_t)b->cols,
           d = 0;
    if (a->rows != b->rows || a->cols != b->cols)
        return na > nb ? na : nb ? nb : 1;
    for (size_t i = 0; i < na; i++)
        d += !cell_equal(&a->c[i], &b->c[i]);
    return d;
}

bool grid_equal(const struct grid *a, const struct grid *b)
{
    return a->rows == b->rows && a->cols == b->cols && grid_diff(a, b) == 0;
}

/* ---- dumps ---- */

static size_t put_codes(char *out, const struct cell *c)
{
    size_t n = 0;
    for (int i = 0; i < CELL_CODES && c->ch[i]; i++)
        n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c->ch[i],
                                          (utf8proc_uint8_t *)out + n);
    return n;
}

static bool style_plain(const struct cell *c)
{
    return c->fg == COLOR_NONE && c->bg == COLOR_NONE && c->attrs == 0;
}

static bool is_trailing(const struct cell *c, bool styled)
{
    if (c->width != 1 || c->ch[0] != ' ' || c->ch[1])
        return false;
    return !styled || style_plain(c);
}

static size_t put_color(char *out, size_t room, color_t c, int base)
{
    int n = 0;
    if (COLOR_IS_RGB(c))
        n = snprintf(out, room, ";%d;2;%u;%u;%u", base + 8, c >> 16 & 255u, c >> 8 & 255u,
                     c & 255u);
    else if (c < 8)
        n = snprintf(out, room, ";%d", base + (int)c);
    else if (c < 16)
        n = snprintf(out, room, ";%d", base + 52 + (int)c);
    else if (c < 256)
        n = snprintf(out, room, ";%d;5;%u", base + 8, (unsigned)c);
    return (size_t)n;
}

static size_t put_style(char *out, size_t room, const struct cell *c)
{
    size_t n = (size_t)snprintf(out, room, "\033[0");
    static const struct {
        uint8_t attr;
        const char *code;
    } attrs[] = {
        {ATTR_BOLD, ";1"}, {ATTR_DIM, ";2"}, {ATTR_UNDERLINE, ";4"}, {ATTR_REVERSE, ";7"}};
    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++)
        if (c->attrs & attrs[i].attr)
            n += (size_t)snprintf(out + n, room - n, "%s", attrs[i].code);
    n += put_color(out + n, room - n, c->fg, 30);
    n += put_color(out + n, room - n, c->bg, 40);
    n += (size_t)snprintf(out + n, room - n, "m");
    return n;
}

static char *dump(const struct grid *g, bool styled)
{
    enum { STYLE_ROOM = 64, CODES_ROOM = CELL_CODES * 4 };
    size_t room = (size_t)CODES_ROOM + (styled ? (size_t)STYLE_ROOM : 0);
    size_t cells = (size_t)g->rows * (size_t)g->cols;
    char *out = malloc(cells * room + (size_t)g->rows * 8 + 1);
    if (!out)
        return NULL;
    size_t n = 0;
    for (int r = 0; r < g->rows; r++) {
        const struct cell *row = g->c + (size_t)r * (size_t)g->cols;
        int end = g->cols;
        while (end > 0 && is_trailing(&row[end - 1], styled))
            end--;
        const struct cell *before = &blank;
        for (int col = 0; col < end; col++) {
            const struct cell *c = &row[col];
            if (c->width == 0)
                continue;
            if (styled &&
                (c->fg != before->fg || c->bg != before->bg || c->attrs != before->attrs)) {
                n += put_style(out + n, STYLE_ROOM, c);
                before = c;
            }
            n += put_codes(out + n, c);
        }
        if (styled && !style_plain(before)) {
            memcpy(out + n, "\033[0m", 4);
            n += 4;
        }
        out[n++] = '\n';
    }
    out[n] = '\0';
    return out;
}

char *grid_text(const struct grid *g)
{
    return dump(g, false);
}

char *grid_ansi(const struct grid *g)
{
    return dump(g, true);
}

char *grid_update(const struct grid *from, const struct grid *to)
{
    enum { MOVE_ROOM = 24, STYLE_ROOM = 64, CODES_ROOM = CELL_CODES * 4 };
    bool all = !from || from->rows != to->rows || from->cols != to->cols;
    size_t cells = 0, n = 0, total = (size_t)to->rows * (size_t)to->cols;
    for (size_t i = 0; i < total; i++)
        cells += all || !cell_equal(&from->c[i], &to->c[i]);
    char *out = malloc(cells * (MOVE_ROOM + STYLE_ROOM + CODES_ROOM) + 64);
    if (!out)
        return NULL;
    if (all)
        n += (size_t)snprintf(out, 32, "\033[0m\033[2J");
    const struct cell *before = NULL; /* style in force; none known yet */
    int at_row = -1, at_col = -1;
    for (int r = 0; r < to->rows; r++)
        for (int k = 0; k < to->cols; k++) {
            size_t i = (size_t)r * (size_t)to->cols + (size_t)k;
            const struct cell *c = &to->c[i];
            if (c->width == 0 || (!all && cell_equal(c, &from->c[i])))
                continue;
            if (all && is_trailing(c, true)) /* cleared already */
                continue;
            if (r != at_row || k != at_col)
                n += (size_t)snprintf(out + n, MOVE_ROOM, "\033[%d;%dH", r + 1, k + 1);
            if (!before || c->fg != before->fg || c->bg != before->bg ||
                c->attrs != before->attrs)
                n += put_style(out + n, STYLE_ROOM, c);
            before = c;
            n += put_codes(out + n, c);
            at_row = r;
            at_col = k + c->width;
        }
    if (before && !style_plain(before))
        n += (size_t)snprintf(out + n, 8, "\033[0m");
    out[n] = '\0';
    return out;
}

/* ---- colours ---- */

void xterm_rgb(int index, int *r, int *g, int *b)
{
    static const uint8_t basic[16][3] = {
        {0, 0, 0},       {205, 0, 0},   {0, 205, 0},   {205, 205, 0},
        {0, 0, 238},     {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
        {127, 127, 127}, {255, 0, 0},   {0, 255, 0},   {255, 255, 0},
        {92, 92, 255},   {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
    };
    static const uint8_t step[6] = {0, 95, 135, 175, 215, 255};
    if (index < 0 || index > 255)
        index = 0;
    if (index < 16) {
        *r = basic[index][0];
        *g = basic[index][1];
        *b = basic[index][2];
    } else if (index < 232) {
        int i = index - 16;
        *r = step[i / 36];
        *g = step[i / 6 % 6];
        *b = step[i % 6];
    } else {
        *r = *g = *b = 8 + 10 * (index - 232);
    }
}

static double linear(int v)
{
    double x = v / 255.0;
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

double color_lightness(color_t c)
{
    int r, g, b;
    if (COLOR_IS_RGB(c)) {
        r = (int)(c >> 16 & 255u);
        g = (int)(c >> 8 & 255u);
        b = (int)(c & 255u);
    } else {
        xterm_rgb(c < 256 ? (int)c : 0, &r, &g, &b);
    }
    double y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    double f = y > 216.0 / 24389.0 ? cbrt(y) : (24389.0 / 27.0 * y + 16.0) / 116.0;
    return 116.0 * f - 16.0;
}
