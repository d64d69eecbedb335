/* Curves and maps: what must be true of the numbers, and of the picture.  With
 * SEQLAB_PICTURES=DIR the sample screens are also written there as text, ANSI and SVG, for
 * looking at. */
#include "app/ui/svg.h"
#include "tests/support/sample_screen.h"
#include "app/ui/curve_data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct sample *sample;
static struct theme braille, block, ascii;

static void draw_at(struct grid *g, int rows, int cols, const struct theme *t)
{
    assert_int_equal(grid_resize(g, rows, cols, NULL), ST_OK);
    sample_screen(sample, g, t);
}

static bool has_text(const struct grid *g, const char *want)
{
    char *s = grid_text(g);
    bool found = strstr(s, want) != NULL;
    free(s);
    return found;
}

/* ---- numbers ---- */

static void test_ema(void **state)
{
    (void)state;
    const double y[] = {4, 2, 6, (double)NAN, 1};
    struct ema e = {0, 0};
    assert_true(ema_push(&e, 0.9, y[0]) == 4); /* start-up correction: the first is itself */
    assert_true(fabs(ema_push(&e, 0.9, y[1]) - (0.9 * 4 + 2) / 1.9) < 1e-12);
    double three = ema_push(&e, 0.9, y[2]);
    assert_true(fabs(three - (0.81 * 4 + 0.9 * 2 + 6) / 2.71) < 1e-12);
    assert_true(ema_push(&e, 0.9, y[3]) == three); /* NaN is passed over */
    struct ema same = {0, 0};
    for (int i = 0; i < 3; i++)
        ema_push(&same, 0.9, y[i]);
    /* prefix of the data, prefix of the result */
    assert_true(same.sum == e.sum && same.weight == e.weight);
}

static void test_ticks(void **state)
{
    (void)state;
    double t[24];
    size_t n = axis_ticks(0, 4000, false, 5, t, 24);
    assert_int_equal(n, 5);
    assert_true(t[0] == 0 && t[1] == 1000 && t[4] == 4000);
    n = axis_ticks(2.4, 5.6, true, 5, t, 24); /* under a decade: even steps */
    assert_true(n >= 3 && n <= 7);
    n = axis_ticks(1e-5, 1e3, true, 6, t, 24);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(log10(t[i]) - rint(log10(t[i]))) < 1e-9);
    for (double lo = -1000; lo < 1000; lo += 37.3)
        for (double span = 1e-3; span < 1e6; span *= 7.1) {
            n = axis_ticks(lo, lo + span, false, 5, t, 24);
            assert_true(n >= 2 && n <= 10);
            for (size_t i = 0; i < n; i++) {
                assert_true(t[i] >= lo - span * 1e-6 && t[i] <= lo + span * (1 + 1e-6));
                if (i > 0) {
                    double step = t[1] - t[0], unit = pow(10, floor(log10(step) + 1e-6)),
                           f = step / unit;
                    assert_true(fabs(f - 1) < 1e-6 || fabs(f - 2) < 1e-6 || fabs(f - 5) < 1e-6);
                }
            }
        }
    assert_int_equal(axis_ticks(1, 1, false, 5, t, 24), 0);
    assert_int_equal(axis_ticks(0, HUGE_VAL, false, 5, t, 24), 0);
    assert_true(axis_doubling(0, 64) == 64);
    assert_true(axis_doubling(64, 64) == 64);
    assert_true(axis_doubling(65, 64) == 128);
    assert_true(axis_doubling(1840, 64) == 2048);
}

struct points {
    size_t n;
    const double *x, *y;
};

static bool point_at(const void *ctx, size_t i, double *x, double *y)
{
    const struct points *p = ctx;
    *x = p->x ? p->x[i] : (double)i;
    *y = p->y[i];
    return true;
}

/* A spike of one point among a hundred thousand survives decimation, wherever it is. */
static void test_spike(void **state)
{
    (void)state;
    enum { N = 100000 };
    double *y = malloc(N * sizeof *y);
    for (int at = 17; at < N; at += 9973) {
        for (int i = 0; i < N; i++)
            y[i] = 1;
        y[at] = 50;
        struct points p = {N, NULL, y};
        struct curve_series s = {.name = "s", .n = N, .at = point_at, .ctx = &p};
        struct curve_chart ch = {.series = &s, .n_series = 1};
        struct curve_cache *cache = curve_cache_new();
        struct curve_frame f;
        struct curve_columns c;
        assert_true(curve_prepare(&ch, cache, 120, &f, &c));
        double hi = 0, lo = 9;
        size_t n = 0;
        for (int i = 0; i < c.n; i++)
            if (c.raw[i].n) {
                hi = fmax(hi, c.raw[i].hi);
                lo = fmin(lo, c.raw[i].lo);
                n += c.raw[i].n;
            }
        assert_true(hi == 50 && lo == 1);
        assert_int_equal(n, N); /* no point is lost */
        assert_true(f.y_hi >= 50);
        curve_cache_free(cache);
    }
    free(y);
}

/* Points added one by one give the columns that all at once give. */
static void test_cache(void **state)
{
    (void)state;
    struct points p = {0, NULL, sample->train};
    struct curve_series s = {
        .name = "s", .at = point_at, .ctx = &p, .smooth = 0.9, .raw = true};
    struct curve_chart ch = {.series = &s, .n_series = 1, .log_y = true};
    struct curve_cache *grown = curve_cache_new();
    struct curve_frame f, g;
    struct curve_columns a, b;
    for (s.n = 1; s.n < 700; s.n += 13)
        assert_true(curve_prepare(&ch, grown, 100, &f, &a));
    struct curve_cache *fresh = curve_cache_new();
    s.n -= 13;
    assert_true(curve_prepare(&ch, fresh, 100, &g, &b));
    assert_true(f.x_hi == g.x_hi && f.y_lo == g.y_lo && f.y_hi == g.y_hi);
    assert_non_null(b.avg);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(a.raw[i].n, b.raw[i].n);
        if (a.raw[i].n)
            assert_true(a.raw[i].lo == b.raw[i].lo && a.raw[i].hi == b.raw[i].hi &&
                        a.avg[i].last == b.avg[i].last);
    }
    /* A new version starts over. */
    double other[8] = {5, 5, 5, 5, 5, 5, 5, 5};
    struct points q = {8, NULL, other};
    s.ctx = &q;
    s.n = 8;
    assert_true(curve_prepare(&ch, grown, 100, &f, &a));
    other[0] = 7;
    s.version++;
    assert_true(curve_prepare(&ch, grown, 100, &f, &a));
    assert_true(a.raw[0].hi == 7);
    curve_cache_free(grown);
    curve_cache_free(fresh);
    curve_cache_free(NULL);
}

static void test_odd_values(void **state)
{
    (void)state;
    double y[] = {1, -1, 0, (double)NAN, HUGE_VAL, 2, 4};
    struct points p = {7, NULL, y};
    struct curve_series s = {.name = "s", .n = 7, .at = point_at, .ctx = &p};
    struct curve_chart ch = {.series = &s, .n_series = 1, .log_y = true, .legend = true};
    struct grid g = {0};
    assert_int_equal(grid_resize(&g, 12, 70, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &ascii);
    struct curve_info info;
    curves_draw(&c, &ch, &info);
    assert_int_equal(info.not_shown, 2);
    assert_int_equal(info.not_finite, 2);
    assert_true(has_text(&g, "2 points <= 0 not shown"));
    assert_true(has_text(&g, "x"));
    double got, avg;
    assert_true(curve_value_at(&s, 5.5, &got, &avg));
    assert_true(got == 2 && avg == 2);
    assert_false(curve_value_at(&s, -1, &got, &avg));
    s.n = 0;
    curves_draw(&c, &ch, &info);
    assert_true(has_text(&g, "no points yet"));
    ch.n_series = 0;
    curves_draw(&c, &ch, &info);
    double flat[] = {3, 3, 3}, huge[] = {1e300, -1e300, 1};
    struct points pf = {3, NULL, flat}, ph = {3, NULL, huge};
    s = (struct curve_series){.name = "s", .n = 3, .at = point_at, .ctx = &pf};
    ch = (struct curve_chart){.series = &s, .n_series = 1};
    curves_draw(&c, &ch, &info);
    assert_true(info.y_lo < 3 && info.y_hi > 3);
    s.ctx = &ph;
    curves_draw(&c, &ch, &info);
    grid_done(&g);
}

/* ---- pictures ---- */

/* A straight line in braille is where it should be: bottom left to top right. */
static void test_geometry(void **state)
{
    (void)state;
    double y[65];
    for (int i = 0; i < 65; i++)
        y[i] = i;
    struct points p = {65, NULL, y};
    struct curve_series s = {.name = "s", .n = 65, .at = point_at, .ctx = &p};
    struct curve_chart ch = {.series = &s, .n_series = 1, .y_lo = 0, .y_hi = 64, .x_total = 64};
    struct grid g = {0};
    /* too small for axes: only the curve */
    assert_int_equal(grid_resize(&g, 4, 8, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &braille);
    curves_draw(&c, &ch, NULL);
    assert_int_equal(grid_at(&g, 0, 0)->ch[0], ' ');
    assert_int_equal(grid_at(&g, 3, 7)->ch[0], ' ');
    assert_true(grid_at(&g, 3, 0)->ch[0] > 0x2800 && grid_at(&g, 0, 7)->ch[0] > 0x2800);
    assert_true(grid_at(&g, 3, 0)->ch[0] & 0x40); /* the lowest dot of the first column */
    assert_true(grid_at(&g, 0, 7)->ch[0] & 0x08); /* the highest dot of the last */
    c.theme = &block;
    canvas_clear(&c);
    curves_draw(&c, &ch, NULL);
    /* one row of dots a column: both halves of the corner cells */
    assert_int_equal(grid_at(&g, 3, 0)->ch[0], 0x2588);
    assert_int_equal(grid_at(&g, 0, 7)->ch[0], 0x2588);
    assert_int_equal(grid_at(&g, 0, 0)->ch[0], ' ');
    c.theme = &ascii;
    canvas_clear(&c);
    curves_draw(&c, &ch, NULL);
    char *text = grid_text(&g);
    assert_string_equal(text, "      **\n    ***\n ****\n**\n");
    free(text);
    grid_done(&g);
}

static void test_chart_text(void **state)
{
    (void)state;
    struct grid g = {0};
    for (int k = 0; k < 3; k++) {
        draw_at(&g, 30, 100, k == 0 ? &braille : k == 1 ? &block : &ascii);
        assert_true(has_text(&g, "Bayes ceiling 2.61"));
        assert_true(has_text(&g, "train ~0.97"));
        assert_true(has_text(&g, "o valid"));
        assert_true(has_text(&g, "step"));
        assert_true(has_text(&g, "2000"));
        assert_true(has_text(&g, "per row"));
        if (k == 2) {
            char *s = grid_text(&g);
            for (const char *at = s; *at; at++)
                assert_true((unsigned char)*at < 0x80);
            free(s);
        }
    }
    grid_done(&g);
}

/* Every size draws, nothing outside its rectangle changes. */
static void test_all_sizes(void **state)
{
    (void)state;
    struct grid g = {0};
    assert_int_equal(grid_resize(&g, 60, 260, NULL), ST_OK);
    struct curve_series series[2];
    struct curve_level level;
    struct curve_event event;
    struct curve_chart chart;
    struct heatmap m;
    sample_curves(sample, series, &level, &event, &chart);
    sample_heat(sample, &m);
    chart.cursor = true;
    chart.cursor_x = 700;
    chart.cache = curve_cache_new();
    const struct theme *const themes[] = {&braille, &block, &ascii};
    for (int rows = 0; rows < 55; rows += rows < 12 ? 1 : 7)
        for (int cols = 0; cols < 250; cols += cols < 30 ? 1 : 23)
            for (int t = 0; t < 3; t++) {
                grid_clear(&g);
                struct canvas c = canvas_of(&g, themes[t]);
                c = canvas_sub(&c, 2, 3, rows, cols);
                curves_draw(&c, &chart, NULL);
                struct heat_info info;
                m.numbers = (rows + cols) % 2;
                m.scale = (enum heat_scale)((rows + cols) % 4);
                heat_draw(&c, &m, &info);
                heat_scale_line(&c, rows - 1, 0, &m, &info);
                for (int r = 0; r < g.rows; r++)
                    for (int k = 0; k < g.cols; k++)
                        if (r < 2 || k < 3 || r >= 2 + rows || k >= 3 + cols)
                            assert_int_equal(grid_at(&g, r, k)->ch[0], ' ');
            }
    curve_cache_free(chart.cache);
    grid_done(&g);
}

static void test_cursor_columns(void **state)
{
    (void)state;
    struct grid g = {0};
    assert_int_equal(grid_resize(&g, 20, 90, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &braille);
    struct curve_series series[2];
    struct curve_level level;
    struct curve_event event;
    struct curve_chart chart;
    struct curve_info info;
    sample_curves(sample, series, &level, &event, &chart);
    for (int logx = 0; logx < 2; logx++) {
        chart.log_x = logx;
        curves_draw(&c, &chart, &info);
        for (int col = info.col; col < info.col + info.cols; col++)
            assert_int_equal(curve_col_of(&info, &chart, curve_x_at(&info, &chart, col)), col);
    }
    chart.cursor_x = 1285;
    char text[256];
    curve_readout(&chart, text, sizeof text);
    assert_non_null(strstr(text, "step 1285  train "));
    assert_non_null(strstr(text, "  valid "));
    assert_non_null(strstr(text, "lr 1e-3 > 5e-4"));
    curve_readout(&chart, text, 12); /* cut, never past the end */
    assert_true(strlen(text) < 12);
    grid_done(&g);
}

/* ---- maps ---- */

static void test_heat_sizes(void **state)
{
    (void)state;
    struct grid g = {0};
    assert_int_equal(grid_resize(&g, 26, 60, NULL), ST_OK);
    float x[50 * 50];
    for (int i = 0; i < 2500; i++)
        x[i] = (float)(i % 50) / 49;
    struct heat_info info;
    struct canvas c = canvas_of(&g, &braille);
    struct heatmap m = {.rows = 10, .cols = 10, .x = x, .ld = 50, .scale = HEAT_UNIT};
    heat_draw(&c, &m, &info);
    assert_int_equal(info.cell_cols, 4);
    assert_int_equal(info.cell_rows2, 4);
    m.rows = m.cols = 12; /* twelve a side still have large cells */
    heat_draw(&c, &m, &info);
    assert_int_equal(info.cell_cols, 4);
    m.rows = m.cols = 24;
    heat_draw(&c, &m, &info);
    assert_int_equal(info.cell_cols, 2);
    assert_int_equal(info.cell_rows2, 2);
    m.rows = m.cols = 50; /* 50x50 needs 50 columns and 25 rows */
    heat_draw(&c, &m, &info);
    assert_int_equal(info.cell_cols, 1);
    assert_int_equal(info.cell_rows2, 1);
    assert_false(info.scrolls);
    assert_int_equal(grid_at(&g, 0, 0)->fg, 17);
    assert_int_equal(grid_at(&g, 0, 49)->fg, 220);
    assert_int_equal(grid_at(&g, 0, 49)->bg, 220);
    assert_int_equal(grid_at(&g, 24, 0)->ch[0], 0x2580);
    c = canvas_sub(&c, 0, 0, 10, 20); /* less room: scrolls with the cursor */
    m.cursor = true;
    m.cur_row = 41;
    m.cur_col = 30;
    heat_draw(&c, &m, &info);
    assert_true(info.scrolls);
    assert_true(info.top <= 41 && info.top + info.shown_rows > 41);
    assert_true(info.left <= 30 && info.left + info.shown_cols > 30);
    int r, v;
    assert_true(heat_hit(&info, 3, 5, &r, &v));
    assert_true(r == info.top + 6 && v == info.left + 5);
    assert_false(heat_hit(&info, 90, 5, &r, &v));
    grid_done(&g);
}

static void test_heat_ascii(void **state)
{
    (void)state;
    struct grid g = {0};
    assert_int_equal(grid_resize(&g, 3, 20, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &ascii);
    float x[] = {0.5f, NAN, NAN, 0.25f, 1, NAN, 0, 0.5f, 1};
    struct heatmap m = {
        .rows = 3, .cols = 3, .x = x, .ld = 3, .scale = HEAT_UNIT, .size = HEAT_TINY};
    struct heat_info info;
    heat_draw(&c, &m, &info);
    char *s = grid_text(&g);
    assert_string_equal(s, "+..\n:@.\n +@\n"); /* masked is never the lowest level */
    free(s);
    m.scale = HEAT_PER_ROW; /* each row by its own largest */
    heat_draw(&c, &m, &info);
    s = grid_text(&g);
    assert_string_equal(s, "@..\n:@.\n +@\n");
    free(s);
    float sgn[] = {-2, 0, 2, 1, -0.1f, NAN};
    m = (struct heatmap){.rows = 2, .cols = 3, .x = sgn, .ld = 3, .scale = HEAT_SIGNED};
    heat_draw(&c, &m, &info);
    assert_true(info.lo == -2 && info.hi == 2);
    s = grid_text(&g);
    assert_non_null(strstr(s, "-@@@"));
    assert_non_null(strstr(s, "+@@@"));
    free(s);
    grid_done(&g);
}

/* A value that wanders around a border of levels does not flicker. */
static void test_heat_steady(void **state)
{
    (void)state;
    struct grid g = {0};
    assert_int_equal(grid_resize(&g, 2, 4, NULL), ST_OK);
    struct canvas c = canvas_of(&g, &braille);
    struct heat_memory memory = {0};
    float x = 0.505f;
    struct heatmap m = {
        .rows = 1, .cols = 1, .x = &x, .ld = 1, .scale = HEAT_UNIT, .memory = &memory};
    heat_draw(&c, &m, NULL);
    color_t was = grid_at(&g, 0, 0)->bg;
    x = 0.495f;
    heat_draw(&c, &m, NULL);
    assert_int_equal(grid_at(&g, 0, 0)->bg, was);
    x = 0.45f;
    heat_draw(&c, &m, NULL);
    assert_int_not_equal(grid_at(&g, 0, 0)->bg, was);
    heat_memory_free(&memory);
    grid_done(&g);
}

/* ---- files ---- */

static char *slurp(FILE *f)
{
    long n = ftell(f);
    char *s = malloc((size_t)n + 1);
    rewind(f);
    assert_int_equal(fread(s, 1, (size_t)n, f), n);
    s[n] = '\0';
    fclose(f);
    return s;
}

static size_t count(const char *s, const char *what)
{
    size_t n = 0;
    for (; (s = strstr(s, what)) != NULL; s++)
        n++;
    return n;
}

static void test_svg(void **state)
{
    (void)state;
    struct plot p = {.title = "A <script> & \"quotes\" \033[2J", .footer = "seed 7"};
    struct plot_panel *q = plot_add(&p, PLOT_CURVES, "loss");
    struct curve_series series[2];
    struct curve_level level;
    struct curve_event event;
    sample_curves(sample, series, &level, &event, &q->curves);
    q = plot_add(&p, PLOT_HEAT, "attention");
    sample_heat(sample, &q->heat);
    static const struct plot_bar bars[] = {{"pop", 0.071, 0.01}, {"sasrec", 0.412, 0.02}};
    q = plot_add(&p, PLOT_BARS, "HR@10");
    q->bars = bars;
    q->n_bars = 2;
    FILE *f = tmpfile();
    assert_int_equal(plot_svg(&p, 0, 0, true, f, NULL), ST_OK);
    char *s = slurp(f);
    assert_null(strstr(s, "<script>"));
    assert_null(strchr(s, '\033'));
    assert_non_null(strstr(s, "&lt;script&gt; &amp; &quot;quotes&quot;"));
    assert_int_equal(count(s, "<svg"), 1);
    assert_int_equal(count(s, "</svg>"), 1);
    assert_int_equal(count(s, "<text"), count(s, "</text>"));
    assert_true(count(s, "<rect") > 12 * 13 / 2);
    assert_null(strstr(s, "nan"));
    assert_null(strstr(s, "inf"));
    free(s);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        struct err err;
        assert_int_equal(plot_svg(&p, 0, 0, true, full, &err), ST_IO);
        fclose(full);
    }
    while (plot_add(&p, PLOT_TEXT, "x"))
        ;
    assert_int_equal(p.n, PLOT_PANELS);
}

static void write_file(const char *dir, const char *name, const char *ending, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.%s", dir, name, ending);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The whole screen in three sizes and on each rung of the ladder. */
static void test_screens(void **state)
{
    (void)state;
    static const int sizes[3][2] = {{24, 80}, {30, 100}, {50, 200}};
    const char *dir = getenv("SEQLAB_PICTURES");
    struct grid g = {0}, again = {0};
    for (int i = 0; i < 3; i++)
        for (int look = 0; look < 6; look++) {
            struct theme t;
            theme_fixed(&t,
                        look == 4                ? GLYPHS_BLOCK
                        : look >= 2 && look != 5 ? GLYPHS_ASCII
                                                 : GLYPHS_BRAILLE,
                        look == 2   ? DEPTH_MONO
                        : look == 5 ? DEPTH_16
                                    : DEPTH_256,
                        look == 1);
            draw_at(&g, sizes[i][0], sizes[i][1], &t);
            draw_at(&again, sizes[i][0], sizes[i][1], &t);
            assert_true(grid_equal(&g, &again));
            FILE *f = tmpfile();
            assert_int_equal(svg_grid(&g, "sample", t.light, f, NULL), ST_OK);
            char *svg = slurp(f), *text = grid_text(&g), *ansi = grid_ansi(&g);
            assert_int_equal(count(text, "\n"), sizes[i][0]);
            if (dir) {
                char name[64];
                snprintf(name, sizeof name, "screen-%d-%s", sizes[i][1],
                         (const char *const[]){"dark", "light", "mono-ascii", "ascii", "block",
                                               "16"}[look]);
                write_file(dir, name, "svg", svg);
                write_file(dir, name, "txt", text);
                write_file(dir, name, "ans", ansi);
            }
            free(svg);
            free(text);
            free(ansi);
        }
    grid_done(&g);
    grid_done(&again);
    if (!dir)
        return;
    for (int light = 0; light < 2; light++) {
        struct plot p = {.title = "A:SASRec on planted-twins, step 1840",
                         .footer = "seed 7, batch 1840, kernels avx2"};
        struct plot_panel *q = plot_add(&p, PLOT_CURVES, "loss by step");
        struct curve_series series[2];
        struct curve_level level;
        struct curve_event event;
        sample_curves(sample, series, &level, &event, &q->curves);
        q = plot_add(&p, PLOT_HEAT, "attention, layer 2 head 1");
        sample_heat(sample, &q->heat);
        FILE *f = tmpfile();
        assert_int_equal(plot_svg(&p, 0, 0, light, f, NULL), ST_OK);
        char *svg = slurp(f);
        write_file(dir, light ? "plot-light" : "plot-dark", "svg", svg);
        free(svg);
    }
}

/* Merged points draw as what they were merged from: same spans of the raw curve, the same
 * average at the end. */
static bool merged_point(const void *ctx, size_t i, double *x, double *y)
{
    (void)ctx;
    *x = (double)(4 * i + 3);
    *y = i == 30 ? 25.5 : (double)(i % 5) + 1.5;
    return true;
}
static bool merged_ends(const void *ctx, size_t i, struct curve_merged *m)
{
    (void)ctx;
    *m = (struct curve_merged){(double)(i % 5), i == 30 ? 99 : (double)(i % 5) + 3, 4, 0};
    return true;
}
static bool single_point(const void *ctx, size_t i, double *x, double *y)
{
    static const double of_four[] = {0, 3, 1.5, 1.5};
    (void)ctx;
    *x = (double)i;
    *y = i == 121 ? 99 : (double)(i / 4 % 5) + of_four[i % 4];
    return true;
}

static void test_merged_points(void **state)
{
    (void)state;
    struct curve_series s[2] = {
        {.name = "one by one", .n = 400, .at = single_point, .smooth = 0.99, .raw = true},
        {.name = "merged",
         .n = 100,
         .at = merged_point,
         .merged = merged_ends,
         .smooth = 0.99,
         .raw = true}};
    struct curve_columns c[2];
    for (int i = 0; i < 2; i++) {
        struct curve_chart ch = {.series = &s[i], .n_series = 1, .x_total = 400};
        struct curve_cache *cache = curve_cache_new();
        struct curve_frame f;
        assert_true(curve_prepare(&ch, cache, 25, &f, &c[i])); /* four entries a column */
        double y, smooth;
        assert_true(curve_value_at(&s[i], 399, &y, &smooth));
        assert_true(fabs(smooth - c[i].end) < 1e-12);
        struct curve_span *kept = malloc(25 * sizeof *kept);
        assert_non_null(kept);
        memcpy(kept, c[i].raw, 25 * sizeof *kept);
        c[i].raw = kept;
        curve_cache_free(cache);
    }
    for (int k = 0; k < 25; k++) {
        assert_true(c[0].raw[k].lo == c[1].raw[k].lo);
        assert_true(c[0].raw[k].hi == c[1].raw[k].hi);
    }
    assert_true(fabs(c[0].end - c[1].end) < 0.02);
    free(c[0].raw);
    free(c[1].raw);
}

int main(void)
{
    sample = malloc(sizeof *sample);
    sample_make(sample, 1841, 12);
    theme_fixed(&braille, GLYPHS_BRAILLE, DEPTH_256, false);
    theme_fixed(&block, GLYPHS_BLOCK, DEPTH_256, false);
    theme_fixed(&ascii, GLYPHS_ASCII, DEPTH_MONO, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merged_points), cmocka_unit_test(test_ema),
        cmocka_unit_test(test_ticks),         cmocka_unit_test(test_spike),
        cmocka_unit_test(test_cache),         cmocka_unit_test(test_odd_values),
        cmocka_unit_test(test_geometry),      cmocka_unit_test(test_chart_text),
        cmocka_unit_test(test_all_sizes),     cmocka_unit_test(test_cursor_columns),
        cmocka_unit_test(test_heat_sizes),    cmocka_unit_test(test_heat_ascii),
        cmocka_unit_test(test_heat_steady),   cmocka_unit_test(test_svg),
        cmocka_unit_test(test_screens),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(sample);
    return failed;
}
