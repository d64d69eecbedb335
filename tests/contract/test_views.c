/* Every view draws at every size from 1x1 on, without data, without a model, with a model,
 * with answers full of NaN; tabs and layouts name views that exist; no text is cut without
 * its mark; questions of visible views are answered. */
#include "app/app.h"
#include "app/cmd/command.h"
#include "app/ui/canvas.h"
#include "app/ui/plot.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int sizes[][2] = {{1, 1},   {1, 2},   {2, 1},    {2, 2},   {3, 7},
                               {1, 80},  {40, 1},  {5, 12},   {8, 20},  {18, 26},
                               {14, 44}, {24, 50}, {44, 110}, {80, 250}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static struct theme themes[4];

static int setup(void **state)
{
    (void)state;
    theme_fixed(&themes[0], GLYPHS_BRAILLE, DEPTH_256, false);
    theme_fixed(&themes[1], GLYPHS_BLOCK, DEPTH_16, true);
    theme_fixed(&themes[2], GLYPHS_ASCII, DEPTH_MONO, false);
    theme_fixed(&themes[3], GLYPHS_ASCII, DEPTH_256, true);
    return 0;
}

static struct app *app(void)
{
    struct err err = {0};
    struct app *a = NULL;
    if (app_new(&a, 1, 7, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return a;
}

static void run(struct app *a, const char *line)
{
    struct err err = {0};
    struct cmd_out *out = cmd_out_new(OUT_TEXT, NULL, NULL);
    if (cmd_run_line(a, line, true, out, &err) != ST_OK)
        fail_msg("%s: %s", line, err.msg);
    cmd_out_free(out);
}

static struct app *trained(const char *model)
{
    struct app *a = app();
    char line[160];
    run(a, "data plant twins items=144 sessions=300 seed=7");
    snprintf(line, sizeof line, "model new %s", model);
    run(a, line);
    if (strncmp(model, "pop", 3) != 0 && strncmp(model, "markov", 6) != 0)
        run(a, "train steps=12");
    run(a, "seq from s:3");
    return a;
}

/* Draws into the middle of a larger grid: nothing may be written outside. */
static void draw_checked(const struct view *v, const struct theme *theme, int rows, int cols)
{
    struct grid g = {0};
    struct err err = {0};
    assert_int_equal(grid_init(&g, rows + 4, cols + 4, &err), ST_OK);
    struct canvas all = canvas_of(&g, theme);
    for (int r = 0; r < g.rows; r++)
        for (int c = 0; c < g.cols; c++)
            canvas_text(&all, r, c, ROLE_TEXT, "@");
    struct canvas in = canvas_sub(&all, 2, 2, rows, cols);
    canvas_clear(&in);
    v->def->draw(v, &in);
    for (int r = 0; r < g.rows; r++)
        for (int c = 0; c < g.cols; c++) {
            const struct cell *x = grid_at(&g, r, c);
            bool inside = r >= 2 && r < rows + 2 && c >= 2 && c < cols + 2;
            if (!inside && x->ch[0] != '@')
                fail_msg("%s at %dx%d writes outside, row %d column %d", v->def->name, cols,
                         rows, r - 2, c - 2);
            if (inside && x->ch[0] < 0x20 && x->width)
                fail_msg("%s at %dx%d: control character", v->def->name, cols, rows);
        }
    grid_done(&g);
}

static void draw_all(struct app *a)
{
    struct err err = {0};
    if (ui_new(a, 100, 30, &err) != ST_OK)
        fail_msg("%s", err.msg);
    struct ui *u = a->ui;
    bool data = a->ds != NULL, model = app_slot(a)->model != NULL;
    for (int i = 0; i < u->n_view; i++) {
        u->view[i].visible = true;
        u->view[i].w = 60;
        u->view[i].h = 20;
    }
    u->help = true;
    /* as the screen does: whether or not there is anything to ask */
    for (int i = 0; i < 3; i++)
        ui_ask(a, true);
    ui_update(a);
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        if (((v->def->flags & VIEW_NEEDS_DATA) && !data) ||
            ((v->def->flags & VIEW_NEEDS_MODEL) && !model))
            continue; /* the screen says so instead */
        for (int style = 0; style < 6; style++) {
            for (int k = 0; k < SIZES; k++)
                draw_checked(v, &themes[(k + style) % 4], sizes[k][0], sizes[k][1]);
            if (!v->def->style || !v->def->style(v, ""))
                break;
            ui_ask(a, true);
        }
    }
    ui_free(a);
}

static void test_no_data(void **state)
{
    (void)state;
    struct app *a = app();
    draw_all(a);
    app_free(a);
}

static void test_no_model(void **state)
{
    (void)state;
    struct app *a = app();
    run(a, "data plant opener items=144 sessions=50 seed=3");
    draw_all(a);
    a->truth_shown = true;
    run(a, "seq from s:2");
    draw_all(a);
    app_free(a);
}

static void test_trained(void **state)
{
    (void)state;
    static const char *const models[] = {"sasrec d=16 layers=2 heads=2 maxlen=12",
                                         "caser d=8 nh=2",
                                         "caser d=8 nh=2 branch=h user=1",
                                         "caser d=8 branch=v L=3",
                                         "gru4rec hidden=8,6 gru_cell=after",
                                         "pen4rec d=8",
                                         "svae K=4 H=8 HID=8 E=8",
                                         "pop"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct app *a = trained(models[i]);
        draw_all(a);
        a->truth_shown = true;
        run(a, "pin 1 2 3");
        draw_all(a);
        run(a, "seq 5");
        draw_all(a);
        app_free(a);
    }
}

/* Answers a broken model could give. */
static void test_nan(void **state)
{
    (void)state;
    struct err err = {0};
    struct app *a = trained("sasrec d=16 layers=2 heads=2 maxlen=12");
    run(a, "pin 1 2 3");
    a->truth_shown = true;
    if (ui_new(a, 100, 30, &err) != ST_OK)
        fail_msg("%s", err.msg);
    enum { N = 6 };
    int32_t items[N] = {1, 2, 3, 4, 5, 6}, n_items = a->ds->n_items;
    size_t row = (size_t)n_items + 1;
    float *score = malloc(N * row * sizeof *score), value[N];
    for (size_t i = 0; i < N * row; i++)
        score[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    float prob[2 * N * N];
    for (int i = 0; i < 2 * N * N; i++)
        prob[i] = NAN;
    for (int i = 0; i < N; i++)
        value[i] = NAN;
    struct probe_copy probe[2] = {
        {.name = "block1.attn.prob", .nd = 3, .d = {2, N, N}, .x = prob},
        {.name = "block1.attn.score", .nd = 3, .d = {2, N, N}, .x = prob}};
    struct answer bad = {.n = N,
                         .n_items = n_items,
                         .item = items,
                         .n_row = N,
                         .score = score,
                         .value = value,
                         .softmax = true,
                         .n_probe = 2,
                         .probe = probe};
    struct answer none = {.n = 0, .n_items = n_items};
    struct answer failed = {.n = 0};
    err_set(&failed.err, ST_NUMERIC, "%s",
            "the answer is not a number, and this sentence about it is far longer than any "
            "pane of the screen is wide");
    for (int i = 0; i < a->ui->n_view; i++) {
        struct view *v = &a->ui->view[i];
        for (int w = 0; w < VIEW_ASKS && v->def->answer; w++) {
            v->def->answer(v, w, &bad);
            for (int k = 0; k < SIZES; k++)
                draw_checked(v, &themes[k % 4], sizes[k][0], sizes[k][1]);
            v->def->answer(v, w, &none);
            draw_checked(v, &themes[2], 10, 40);
            v->def->answer(v, w, &failed);
            draw_checked(v, &themes[0], 10, 40);
        }
    }
    free(score);
    app_free(a);
}

/* Every key a list or map may get, at every place: nothing breaks and the screen stays
 * whole. */
static void keys_of(const char *model, bool dropped)
{
    static const char *const keys[] = {"up",     "down",     "left",  "right",  "top",
                                       "bottom", "home",     "end",   "pgup",   "pgdn",
                                       "halfup", "halfdown", "enter", "escape", "back"};
    struct app *a = trained(model);
    struct err err = {0};
    struct grid g = {0};
    if (ui_new(a, 100, 30, &err) != ST_OK)
        fail_msg("%s", err.msg);
    /* panes that have answers of a model that is gone */
    for (int t = 0; tab_defs[t].name && dropped; t++) {
        assert_int_equal(ui_tab(a, tab_defs[t].name, &err), ST_OK);
        assert_int_equal(screen_snap(a, 100, 30, &themes[t % 4], &g, &err), ST_OK);
    }
    if (dropped)
        run(a, "model drop A");
    for (int t = 0; tab_defs[t].name; t++) {
        assert_int_equal(ui_tab(a, tab_defs[t].name, &err), ST_OK);
        for (int pane = 0; pane < 4; pane++) {
            ui_layout(a, "next", &err);
            for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
                ui_move(a, keys[k], 1 + (int)k * 7);
        }
        if (screen_snap(a, 100, 30, &themes[t % 4], &g, &err) != ST_OK)
            fail_msg("%s", err.msg);
    }
    ui_help(a, "zzzz", &err);
    assert_int_equal(screen_snap(a, 80, 24, NULL, &g, &err), ST_OK);
    ui_help(a, "", &err);
    for (int i = 0; i < 400; i++)
        ui_move(a, "down", 1);
    assert_int_equal(screen_snap(a, 80, 24, NULL, &g, &err), ST_OK);
    grid_done(&g);
    app_free(a);
}

static void test_keys(void **state)
{
    (void)state;
    static const char *const kinds[] = {"sasrec d=16 layers=2 heads=2 maxlen=12",
                                        "caser d=8 nh=2", "gru4rec hidden=8,6",
                                        "svae K=4 H=8 HID=8 E=8", "pen4rec d=8"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        keys_of(kinds[i], false);
        keys_of(kinds[i], true);
    }
}

static void test_tables(void **state)
{
    (void)state;
    struct app *a = app();
    struct err err = {0};
    if (ui_new(a, 80, 24, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; view_defs[i]; i++) {
        const struct view_def *d = view_defs[i];
        assert_non_null(d->name);
        assert_non_null(d->title);
        assert_non_null(d->help);
        assert_non_null(d->draw);
        assert_ptr_equal(view_find(d->name), d);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(d->name, view_defs[k]->name);
        if (d->keys) {
            int n = 0;
            while (d->keys[n])
                n++;
            assert_int_equal(n % 2, 0);
        }
    }
    static const int shapes[3][2] = {{80, 24}, {100, 30}, {200, 50}};
    for (int t = 0; tab_defs[t].name; t++) {
        const struct tab_def *d = &tab_defs[t];
        assert_true(d->coming[0] != '\0');
        assert_ptr_equal(tab_find(d->name), d);
        char key[2] = {d->key, '\0'};
        assert_ptr_equal(tab_find(key), d);
        if (d->needs)
            continue;
        for (int s = 0; s < 3; s++) {
            if (!d->layout[s])
                continue;
            assert_int_equal(ui_tab(a, d->name, &err), ST_OK);
            ui_arrange(a->ui, shapes[s][0], shapes[s][1]);
            assert_true(a->ui->n_pane > 0);
            /* Panes tile the body: no overlap, nothing outside, all of it covered. */
            int area = 0;
            for (int i = 0; i < a->ui->n_pane; i++) {
                const struct ui_pane *p = &a->ui->pane[i];
                assert_true(p->row >= 3 && p->row + p->rows <= shapes[s][1] - 3 &&
                            p->col >= 0 && p->col + p->cols <= shapes[s][0]);
                area += p->rows * p->cols;
                for (int k = 0; k < i; k++) {
                    const struct ui_pane *q = &a->ui->pane[k];
                    assert_true(p->row >= q->row + q->rows || q->row >= p->row + p->rows ||
                                p->col >= q->col + q->cols || q->col >= p->col + p->cols);
                }
            }
            assert_int_equal(area, (shapes[s][1] - 6) * shapes[s][0]);
        }
    }
    app_free(a);
}

/* Pictures for files come from the same state. */
static void plots_of(const char *model)
{
    struct app *a = trained(model);
    struct err err = {0};
    if (ui_new(a, 100, 30, &err) != ST_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; i < a->ui->n_view; i++)
        a->ui->view[i].visible = true;
    for (int i = 0; i < 3; i++)
        ui_ask(a, true);
    ui_update(a);
    for (int i = 0; i < a->ui->n_view; i++) {
        const struct view *v = &a->ui->view[i];
        if (!v->def->plot)
            continue;
        struct plot *p = calloc(1, sizeof *p);
        FILE *out = tmpfile();
        assert_non_null(out);
        v->def->plot(v, p);
        assert_true(p->n >= 1);
        if (plot_svg(p, 640, 400, true, out, &err) != ST_OK)
            fail_msg("%s: %s", v->def->name, err.msg);
        assert_true(ftell(out) > 300);
        fclose(out);
        free(p);
    }
    app_free(a);
}

static void test_plots(void **state)
{
    (void)state;
    plots_of("sasrec d=16 layers=2 heads=2 maxlen=12");
    plots_of("caser d=8 nh=2");
    plots_of("gru4rec hidden=8");
    plots_of("svae K=4 H=8 HID=8 E=8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),   cmocka_unit_test(test_no_data),
        cmocka_unit_test(test_no_model), cmocka_unit_test(test_trained),
        cmocka_unit_test(test_nan),      cmocka_unit_test(test_keys),
        cmocka_unit_test(test_plots),
    };
    return cmocka_run_group_tests_name("views", tests, setup, NULL);
}
