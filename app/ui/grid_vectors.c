/* A grid of cells as vectors; see plot.h. */
#include "app/ui/plot.h"

#include <string.h>
#include <utf8proc.h>

static const double CELL_W = 8.4, CELL_H = 17, PAD = 10, FONT = 14;

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

enum { L = 1, R = 2, U = 4, D = 8 };

/* Arms of a box-drawing character: left, right, up, down. */
static unsigned arms_of(uint32_t u)
{
    switch (u) {
    case 0x2500:
    case 0x2501:
        return L | R;
    case 0x2502:
        return U | D;
    case 0x250c:
    case 0x256d:
        return R | D;
    case 0x2510:
    case 0x256e:
        return L | D;
    case 0x2514:
    case 0x2570:
        return R | U;
    case 0x2518:
    case 0x256f:
        return L | U;
    case 0x251c:
        return U | D | R;
    case 0x2524:
        return U | D | L;
    case 0x252c:
        return L | R | D;
    case 0x2534:
        return L | R | U;
    case 0x253c:
        return L | R | U | D;
    default:
        return 0;
    }
}

static void draw_arms(const struct vec_device *d, double x, double y, uint32_t u, uint32_t rgb)
{
    unsigned arms = arms_of(u);
    double cx = x + CELL_W / 2, cy = y + CELL_H / 2;
    if (u >= 0x256d &&
        u <= 0x2570) { /* a round corner: from the side to the middle, then up or down */
        enum { BENDS = 6 };
        double xy[2 * (BENDS + 2)], r = CELL_W / 2, sx = arms & R ? 1 : -1,
                                    sy = arms & D ? 1 : -1;
        for (int i = 0; i <= BENDS; i++) {
            double t = (double)i / BENDS, s = 1 - t;
            xy[2 * i] = cx + sx * r * s * s;
            xy[2 * i + 1] = cy + sy * r * t * t;
        }
        xy[2 * BENDS + 2] = cx;
        xy[2 * BENDS + 3] = cy + sy * CELL_H / 2;
        d->lines(d->ctx, xy, BENDS + 2, rgb, 1, 1, false);
        return;
    }
    const double ends[4][2] = {{x, cy}, {x + CELL_W, cy}, {cx, y}, {cx, y + CELL_H}};
    for (int i = 0; i < 4; i++)
        if (arms >> i & 1u) {
            const double xy[4] = {cx, cy, ends[i][0], ends[i][1]};
            d->lines(d->ctx, xy, 2, rgb, 1, 1, false);
        }
}

static void draw_braille(const struct vec_device *d, double x, double y, uint32_t bits,
                         uint32_t rgb)
{
    static const uint8_t order[8][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 0},
                                        {1, 1}, {1, 2}, {0, 3}, {1, 3}};
    for (int i = 0; i < 8; i++)
        if (bits >> i & 1u)
            d->dot(d->ctx, x + CELL_W * (0.25 + 0.5 * order[i][0]),
                   y + CELL_H * (0.125 + 0.25 * order[i][1]), 1.25, rgb, 1);
}

/* true: drawn as a shape */
static bool draw_shape(const struct vec_device *d, double x, double y, uint32_t u, uint32_t rgb)
{
    double w = CELL_W, h = CELL_H;
    if (u >= 0x2800 && u <= 0x28ff)
        draw_braille(d, x, y, u - 0x2800, rgb);
    else if (arms_of(u))
        draw_arms(d, x, y, u, rgb);
    else if (u == 0x2580)
        d->rect(d->ctx, x, y, w, h / 2, rgb, 1);
    else if (u >= 0x2581 && u <= 0x2588)
        d->rect(d->ctx, x, y + h * (1 - (u - 0x2580) / 8.0), w, h * (u - 0x2580) / 8.0, rgb, 1);
    else if (u >= 0x2589 && u <= 0x258f)
        d->rect(d->ctx, x, y, w * (0x2590 - u) / 8.0, h, rgb, 1);
    else if (u == 0x2590)
        d->rect(d->ctx, x + w / 2, y, w / 2, h, rgb, 1);
    else if (u >= 0x2591 && u <= 0x2593)
        d->rect(d->ctx, x, y, w, h, rgb, 0.25 * (u - 0x2590));
    else if (u == 0x254c) {
        d->rect(d->ctx, x + w * 0.1, y + h / 2 - 0.5, w * 0.3, 1, rgb, 1);
        d->rect(d->ctx, x + w * 0.6, y + h / 2 - 0.5, w * 0.3, 1, rgb, 1);
    } else {
        return false;
    }
    return true;
}

static bool same_style(const struct cell *a, const struct cell *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->attrs == b->attrs;
}

/* Runs of text of one style are one piece.  Returns the columns drawn. */
static int draw_run(const struct vec_device *d, const struct grid *g, int row, int col,
                    uint32_t ink, uint32_t paper)
{
    enum { RUN = 160 };
    char text[RUN * CELL_CODES * 4 + 1];
    const struct cell *first = grid_at(g, row, col);
    double x = PAD + col * CELL_W, y = PAD + row * CELL_H;
    uint32_t rgb = inks_of(first, ink, paper).fg;
    if (first->ch[0] == ' ' || first->width == 0 || draw_shape(d, x, y, first->ch[0], rgb))
        return 1;
    int end = col + 1;
    while (first->width == 1 && end < g->cols && end - col < RUN) {
        const struct cell *c = grid_at(g, row, end);
        if (!same_style(c, first) || c->ch[0] == ' ' || c->width != 1 ||
            (c->ch[0] >= 0x2500 && c->ch[0] < 0x2900))
            break;
        end++;
    }
    size_t n = 0;
    for (int i = col; i < end; i++) {
        const struct cell *c = grid_at(g, row, i);
        for (int j = 0; j < CELL_CODES && c->ch[j]; j++)
            n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c->ch[j],
                                              (utf8proc_uint8_t *)text + n);
    }
    text[n] = '\0';
    int cells = first->width == 2 ? 2 : end - col;
    d->cells(d->ctx, x, y + CELL_H * 0.76, cells * CELL_W, FONT, rgb, first->attrs, text);
    return cells;
}

void grid_vectors_size(const struct grid *g, double *width, double *height)
{
    *width = g->cols * CELL_W + 2 * PAD;
    *height = g->rows * CELL_H + 2 * PAD;
}

void grid_vectors(const struct grid *g, const struct vec_device *d, bool light)
{
    uint32_t paper = light ? 0xffffff : 0x14171c, ink = light ? 0x1f2328 : 0xd6d9dd;
    double w, h;
    grid_vectors_size(g, &w, &h);
    d->rect(d->ctx, 0, 0, w, h, paper, 1);
    for (int r = 0; r < g->rows; r++) /* backgrounds first, in runs: no seams between cells */
        for (int c = 0; c < g->cols;) {
            uint32_t bg = inks_of(grid_at(g, r, c), ink, paper).bg;
            int end = c + 1;
            while (end < g->cols && inks_of(grid_at(g, r, end), ink, paper).bg == bg)
                end++;
            if (bg != paper)
                d->rect(d->ctx, PAD + c * CELL_W, PAD + r * CELL_H, (end - c) * CELL_W, CELL_H,
                        bg, 1);
            c = end;
        }
    for (int r = 0; r < g->rows; r++)
        for (int c = 0; c < g->cols;)
            c += draw_run(d, g, r, c, ink, paper);
}
