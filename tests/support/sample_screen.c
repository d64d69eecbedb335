#include "tests/support/sample_screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) / 16777216.0 - 0.5;
}

void sample_make(struct sample *s, size_t steps, int side)
{
    uint32_t seed = 7;
    memset(s, 0, sizeof *s);
    s->n = steps;
    s->side = side;
    for (size_t i = 0; i < steps; i++)
        s->train[i] = 2.66 + 2.75 * exp(-(double)i / 350) + 0.25 * noise(&seed);
    s->n_valid = steps / 256 < 16 ? steps / 256 : 16;
    for (size_t i = 0; i < s->n_valid; i++)
        s->valid[i] = 2.84 + 2.5 * exp(-(double)(i + 1) * 256 / 330) + 0.03 * noise(&seed);
    for (int r = 0; r < side; r++) {
        double sum = 0;
        for (int c = 0; c <= r; c++) {
            double score = (c == r - 1 ? 3.0 : c == r ? 1.5 : 0.05 * c) + 2 * noise(&seed);
            s->attn[r * side + c] = (float)exp(score);
            sum += exp(score);
        }
        for (int c = 0; c < side; c++)
            s->attn[r * side + c] = c <= r ? s->attn[r * side + c] / (float)sum : (float)NAN;
    }
}

static bool train_at(const void *ctx, size_t i, double *x, double *y)
{
    *x = (double)i;
    *y = ((const struct sample *)ctx)->train[i];
    return true;
}

static bool valid_at(const void *ctx, size_t i, double *x, double *y)
{
    *x = 256.0 * (double)(i + 1);
    *y = ((const struct sample *)ctx)->valid[i];
    return true;
}

void sample_curves(const struct sample *s, struct curve_series series[2],
                   struct curve_level *level, struct curve_event *event,
                   struct curve_chart *chart)
{
    series[0] = (struct curve_series){.name = "train",
                                      .letter = 'A',
                                      .run = 0,
                                      .n = s->n,
                                      .at = train_at,
                                      .ctx = s,
                                      .smooth = 0.97,
                                      .raw = true};
    series[1] = (struct curve_series){
        .name = "valid", .run = 1, .n = s->n_valid, .at = valid_at, .ctx = s, .dots = true};
    *level = (struct curve_level){"Bayes ceiling", 2.61};
    *event = (struct curve_event){1280, "lr 1e-3 > 5e-4"};
    *chart = (struct curve_chart){.title = "Loss by step",
                                  .x_name = "step",
                                  .y_name = "loss",
                                  .series = series,
                                  .n_series = 2,
                                  .levels = level,
                                  .n_levels = 1,
                                  .events = event,
                                  .n_events = 1,
                                  .log_y = true,
                                  .legend = true};
}

static const char *label(const void *ctx, int i)
{
    static const char *const items[] = {"12", "87", "3",  "45", "9",
                                        "31", "77", "54", "18", "102"};
    (void)ctx;
    return items[i % 10];
}

void sample_heat(const struct sample *s, struct heatmap *m)
{
    *m = (struct heatmap){.title = "Attention, layer 2 head 1",
                          .rows = s->side,
                          .cols = s->side,
                          .x = s->attn,
                          .ld = s->side,
                          .row_label = label,
                          .col_label = label,
                          .row_name = "query",
                          .col_name = "key",
                          .cursor = true,
                          .cur_row = 6 % s->side,
                          .cur_col = 5 % s->side};
}

static void top(const struct canvas *c)
{
    static const char *const tabs[] = {"1:Train", "2:Predict", "3:Attention", "4:filters",
                                       "5:gates", "6:Latent",  "7:evolution", "8:Compare",
                                       "9:Data",  "0:Lessons"};
    canvas_left(c, 0, 0, c->cols, ROLE_STATUS,
                c->cols < 100
                    ? " A:SASRec | planted-twins | step 1840/4000 | RUN 41 b/s | loss 2.804"
                    : " A:SASRec d=64 L=2 H=2 | planted-twins V=240 seed 7 | step 1840/4000 "
                      "epoch 7.3 | RUN 41 batch/s");
    int col = 0;
    for (int i = 0; i < 10; i++) {
        bool off = i == 3 || i == 4 || i == 6;
        char text[32];
        snprintf(text, sizeof text, " %.*s ", c->cols < 100 ? 5 : 20, tabs[i]);
        col += canvas_text(c, 1, col,
                           i == 0 ? ROLE_TAB_ON
                           : off  ? ROLE_TAB_OFF
                                  : ROLE_TAB,
                           text);
    }
    canvas_text(c, 2, 1, ROLE_DIM, "seq");
    canvas_text(c, 2, 6, ROLE_ITEM, "12  87   3  45");
    canvas_text(c, 2, 22, ROLE_CURSOR, " 9 ");
    canvas_text(c, 2, c->cols / 3 + 6, ROLE_DIM, "pin 12 87 3 45 7");
    canvas_right(c, 2, c->cols - 18, 17, ROLE_DIM, "view A @ live");
}

static void numbers(const struct canvas *c)
{
    static const struct {
        const char *name, *value;
        enum role role;
    } rows[] = {
        {"train", "2.804", ROLE_STRONG},     {"valid", "2.987", ROLE_TEXT},
        {"HR@10", ".412 / .447", ROLE_TEXT}, {"NDCG@10", ".251 / .283", ROLE_TEXT},
        {"lr", "5.0e-04", ROLE_TEXT},        {"gnorm", "0.84", ROLE_GOOD},
        {"eta", "0:53", ROLE_DIM},
    };
    for (int i = 0; i < 7; i++) {
        canvas_left(c, i, 1, 9, ROLE_DIM, rows[i].name);
        canvas_right(c, i, 10, c->cols - 11, rows[i].role, rows[i].value);
    }
    double spark[40];
    for (int i = 0; i < 40; i++)
        spark[i] = 1 + sin(i * 0.4) * exp(-i * 0.05);
    canvas_left(c, 8, 1, 9, ROLE_DIM, "gradient");
    canvas_spark(c, 8, 10, c->cols - 11, theme_run(0), spark, 40, 0, 0);
    for (int i = 0; i < 5; i++) {
        static const char *const names[] = {"31 lamp", "77 desk", "54 chair", "18 shelf",
                                            "102 rug"};
        static const double p[] = {0.183, 0.121, 0.094, 0.071, 0.055};
        canvas_left(c, 10 + i, 1, 9, ROLE_TEXT, names[i]);
        canvas_fixed(c, 10 + i, 10, 6, 3, ROLE_STRONG, p[i]);
        canvas_bar(c, 10 + i, 17, c->cols - 19, ROLE_BAR, p[i], 0.183);
    }
}

void sample_screen(const struct sample *s, struct grid *g, const struct theme *theme)
{
    struct canvas c = canvas_of(g, theme);
    canvas_clear(&c);
    top(&c);
    int body = c.rows - 6, half = body > 30 ? body / 2 : body,
        map_cols = c.cols >= 160   ? 62
                   : c.cols >= 100 ? 44
                                   : 34;
    struct curve_series series[2];
    struct curve_level level;
    struct curve_event event;
    struct curve_chart chart;
    sample_curves(s, series, &level, &event, &chart);
    struct canvas pane = canvas_sub(&c, 3, 0, half, c.cols - map_cols);
    struct canvas in = canvas_box(&pane, "loss by step", "y log  smooth .97", true);
    curves_draw(&in, &chart, NULL);
    pane = canvas_sub(&c, 3, c.cols - map_cols, half, map_cols);
    in = canvas_box(&pane, "layer 2 head 1", "rows read columns", false);
    struct heatmap m;
    struct heat_info info;
    sample_heat(s, &m);
    struct canvas map = canvas_sub(&in, 0, 1, in.rows - 1, in.cols - 1);
    heat_draw(&map, &m, &info);
    heat_scale_line(&in, in.rows - 1, 1, &m, &info);
    if (half < body) {
        pane = canvas_sub(&c, 3 + half, 0, body - half, c.cols - map_cols);
        in = canvas_box(&pane, "validation", NULL, false);
        series[0].hidden = true;
        series[1].dots = false;
        curves_draw(&in, &chart, NULL);
        pane = canvas_sub(&c, 3 + half, c.cols - map_cols, body - half, map_cols);
        in = canvas_box(&pane, "run A", NULL, false);
        numbers(&in);
    }
    canvas_text(&c, c.rows - 3, 1, ROLE_DIM, "time");
    canvas_hline(&c, c.rows - 3, 7, c.cols - 14, ROLE_FRAME);
    canvas_text(&c, c.rows - 3, c.cols - 5, ROLE_GOOD, "live");
    static const char *const hints[] = {"Space", "pause", "n",  "batch", "s", "op",
                                        "N",     "back",  "y",  "log",   "m", "smooth",
                                        "?",     "help",  NULL, NULL};
    canvas_hints(&c, c.rows - 2, 1, hints);
    canvas_text(&c, c.rows - 1, 0, ROLE_PROMPT, ":");
    canvas_text(&c, c.rows - 1, 2, ROLE_TEXT, "set lr 0.0005");
}
