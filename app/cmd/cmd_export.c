/* export: pictures (svg html png txt) and data (csv json txt) of every view. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/settings.h"
#include "app/cmd/tensor_path.h"
#include "app/io/sheet.h"
#include "app/ui/html.h"
#include "app/ui/png.h"
#include "app/ui/screen.h"
#include "app/ui/svg.h"
#include "app/ui_state.h"
#include "engine/base/durable.h"
#include "engine/tensor/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status wrote(const char *path, struct cmd_out *out)
{
    out_line(out, "wrote %s", path);
    out_text(out, "file", path);
    return ST_OK;
}

/* ---- data with all digits ---- */

static enum status curve_data(struct app *a, const char *path, struct err *err)
{
    static const char *const columns[] = {"series", "step",    "value", "points",
                                          "lowest", "highest", NULL};
    static const char *const names[] = {"loss",       "lr",         "grad.norm", "valid.hr",
                                        "valid.ndcg", "valid.loss", NULL};
    const struct trainer *t = app_slot(a)->trainer;
    struct sheet *s = NULL;
    if (!t) {
        err_set(err, ST_STATE, "nothing has been trained in %c", 'A' + a->slot);
        return err_hint(err, "no-run", "Try: train"), ST_STATE;
    }
    enum status st = sheet_new(&s, "curves", columns, err);
    for (int i = 0; st == ST_OK && names[i]; i++) {
        const struct series *c = trainer_series(t, names[i]);
        struct series_entry e;
        if (!c)
            continue;
        series_hold(c);
        /* of a very long run the oldest are merged: their mean */
        for (size_t k = 0; series_entry(c, k, &e); k++) {
            sheet_str(s, names[i]);
            sheet_num(s, e.x);
            sheet_num(s, e.y);
            sheet_int(s, e.n);
            sheet_num(s, e.low);
            sheet_num(s, e.high);
        }
        series_release(c);
    }
    if (st == ST_OK)
        st = sheet_write(s, path, err);
    sheet_free(s);
    return st;
}

static enum status table_data(struct app *a, const char *path, struct err *err)
{
    static const char *const columns[] = {"rank", "id", "name", "score", "prob", NULL};
    struct ranking *r = NULL;
    struct sheet *s = NULL;
    enum status st = ranking_new(&r, a, a->slot, a->at, &a->seq, (int32_t)setting(a, SETTING_K),
                                 app_exclude_seen(a), err);
    if (st == ST_OK)
        st = sheet_new(&s, "next items", columns, err);
    for (int32_t i = 0; st == ST_OK && i < r->n; i++) {
        sheet_int(s, i + 1);
        sheet_int(s, r->item[i]);
        sheet_str(s, a->ds->item_name ? a->ds->item_name[r->item[i]] : "");
        sheet_num(s, (double)r->score[r->item[i]]);
        sheet_num(s, (double)r->prob[r->item[i]]);
    }
    if (st == ST_OK)
        st = sheet_write(s, path, err);
    sheet_free(s);
    ranking_free(r);
    return st;
}

static enum status attention_data(struct app *a, const char *path, struct err *err)
{
    static const char *const columns[] = {"layer", "head",     "query",  "query_item",
                                          "key",   "key_item", "weight", NULL};
    struct sheet *s = NULL;
    const struct answer *ans;
    struct question q = {
        .kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = "*attn.prob"};
    if (!(app_slot(a)->model->flags & MODEL_ATTENTION)) {
        err_set(err, ST_UNSUPPORTED, "%s has no attention", app_slot(a)->model->title);
        return err_hint(err, "not-for-model", NULL), ST_UNSUPPORTED;
    }
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st == ST_OK)
        st = sheet_new(&s, "attention", columns, err);
    int layer = 0;
    for (int p = 0; st == ST_OK && p < ans->n_probe; p++) {
        const struct probe_copy *c = &ans->probe[p];
        if (c->nd != 3)
            continue;
        layer++;
        for (int32_t h = 0; h < c->d[0]; h++)
            for (int32_t i = 0; i < c->d[1]; i++)
                for (int32_t j = 0; j < c->d[2]; j++) {
                    sheet_int(s, layer);
                    sheet_int(s, h + 1);
                    sheet_int(s, ans->first + i + 1);
                    sheet_int(s, i < ans->n ? ans->item[i] : a->ds->n_items + 1);
                    sheet_int(s, ans->first + j + 1);
                    sheet_int(s, j < ans->n ? ans->item[j] : a->ds->n_items + 1);
                    sheet_num(s, (double)c->x[((int64_t)h * c->d[1] + i) * c->d[2] + j]);
                }
    }
    if (st == ST_OK)
        st = sheet_write(s, path, err);
    sheet_free(s);
    return st;
}

/* ---- data of the other views: what their command answers ---- */

static void take_json(void *ctx, const char *line)
{
    json_t **j = ctx;
    json_decref(*j);
    *j = json_loads(line, 0, NULL);
}

static enum status answer_of(struct app *a, const char *command, json_t **answer,
                             struct err *err)
{
    struct cmd_out *out = cmd_out_new(OUT_JSON, take_json, answer);
    if (!out)
        return err_nomem(err, 256, "an answer");
    enum status st = cmd_run_line(a, command, true, out, err);
    cmd_out_free(out);
    if (st == ST_OK && !*answer)
        return err_set(err, ST_NOMEM, "no memory for an answer");
    return st;
}

/* The longest list of objects or of lists in the answer: the rows of its table. */
static const json_t *rows_of(const json_t *j)
{
    const json_t *best = NULL;
    const char *key;
    json_t *v;
    json_object_foreach(
        (json_t *)(uintptr_t)j, key,
        v) if (json_is_array(v) && json_array_size(v) > (best ? json_array_size(best) : 0) &&
               (json_is_object(json_array_get(v, 0)) || json_is_array(json_array_get(v, 0))))
        best = v;
    return best;
}

static void cell_of(struct sheet *s, const json_t *v)
{
    if (json_is_integer(v))
        sheet_int(s, json_integer_value(v));
    else if (json_is_real(v))
        sheet_num(s, json_real_value(v));
    else if (json_is_object(v) || json_is_array(v)) {
        char *text = json_dumps(v, JSON_COMPACT);
        sheet_str(s, text ? text : "");
        free(text);
    } else
        sheet_str(s, json_is_string(v)  ? json_string_value(v)
                     : json_is_true(v)  ? "true"
                     : json_is_false(v) ? "false"
                                        : "");
}

enum { COLUMNS = 512 };
struct column { /* of a table made of JSON rows */
    char name[48];
    const char *key; /* NULL: the row is a list, `at` its place */
    int at;          /* place in the list that the key holds, -1: the value itself */
};

/* A column a key; a list of numbers has a column a number: "ranks.1", "ranks.2". */
static int columns_of(const json_t *row, struct column c[COLUMNS])
{
    const char *key;
    json_t *v;
    int n = 0;
    for (size_t i = 0; json_is_array(row) && i < json_array_size(row) && n < COLUMNS;
         i++, n++) {
        c[n] = (struct column){.at = (int)i};
        snprintf(c[n].name, sizeof c[n].name, "%d", (int)i + 1);
    }
    json_object_foreach((json_t *)(uintptr_t)row, key, v)
    {
        const json_t *first = json_array_get(v, 0);
        bool spread = json_is_array(v) && !json_is_object(first) && !json_is_array(first);
        for (size_t i = 0; i < (spread ? json_array_size(v) : 1) && n < COLUMNS; i++, n++) {
            c[n] = (struct column){.key = key, .at = spread ? (int)i : -1};
            if (spread)
                snprintf(c[n].name, sizeof c[n].name, "%.34s.%d", key, (int)i + 1);
            else
                snprintf(c[n].name, sizeof c[n].name, "%.47s", key);
        }
    }
    return n;
}

static enum status sheet_of(const json_t *answer, const char *title, struct sheet **s,
                            struct err *err)
{
    static const char *const pair[] = {"key", "value", NULL};
    static struct column column[COLUMNS];
    static const char *name[COLUMNS + 1]; /* the app's thread only */
    const json_t *rows = rows_of(answer), *first = json_array_get(rows, 0);
    const char *key;
    json_t *v;
    if (!rows) { /* no table: its facts */
        enum status st = sheet_new(s, title, pair, err);
        if (st == ST_OK)
            json_object_foreach((json_t *)(uintptr_t)answer, key, v)
            {
                if (strcmp(key, "command") == 0 || strcmp(key, "ok") == 0)
                    continue;
                sheet_str(*s, key);
                cell_of(*s, v);
            }
        return st;
    }
    int n = columns_of(first, column);
    for (int c = 0; c < n; c++)
        name[c] = column[c].name;
    name[n] = NULL;
    enum status st = sheet_new(s, title, name, err);
    for (size_t r = 0; st == ST_OK && r < json_array_size(rows); r++)
        for (int c = 0; c < n; c++) {
            const json_t *row = json_array_get(rows, r);
            const json_t *x = column[c].key ? json_object_get(row, column[c].key) : row;
            cell_of(*s, column[c].at < 0 ? x : json_array_get(x, (size_t)column[c].at));
        }
    return st;
}

static enum status command_data(struct app *a, const char *command, const char *path,
                                struct err *err)
{
    json_t *answer = NULL;
    struct sheet *s = NULL;
    enum status st = answer_of(a, command, &answer, err);
    if (st == ST_OK && strcmp(path_ending(path), "json") == 0) {
        struct durable *d = NULL;
        char *text = json_dumps(answer, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
        st = text ? durable_open(&d, path, err)
                  : err_set(err, ST_NOMEM, "no memory for the file");
        if (st == ST_OK) {
            fprintf(durable_file(d), "%s\n", text);
            st = durable_commit(d, err);
        }
        free(text);
    } else if (st == ST_OK) {
        st = sheet_of(answer, command, &s, err);
        if (st == ST_OK)
            st = sheet_write(s, path, err);
        sheet_free(s);
    }
    json_decref(answer);
    return st;
}

/* ---- what can be exported ---- */

enum { EX_VIEW, EX_SCREEN };
// clang-format off
#define SOURCES \
    SOURCE("view", NULL, NULL, NULL, NULL) \
    SOURCE("screen", NULL, NULL, NULL, NULL) \
    SOURCE("curve", "train", "curve", curve_data, NULL) \
    SOURCE("attention", "attention", "attention", attention_data, NULL) \
    SOURCE("table", "predict", "predict", table_data, NULL) \
    SOURCE("why", "predict", "why", NULL, "why") \
    SOURCE("filters", "filters", "filters", NULL, "filters") \
    SOURCE("vertical", "filters", "vertical", NULL, "filters vertical") \
    SOURCE("gates", "gates", "gates", NULL, "gates") \
    SOURCE("latent", "latent", "latent", NULL, "latent") \
    SOURCE("items", "latent", "items", NULL, "latent project") \
    SOURCE("evolution", "evolution", "evolution", NULL, "evolve") \
    SOURCE("compare", "compare", "compare", NULL, "") \
    SOURCE("data", "data", "popularity", NULL, "data info") \
    SOURCE("log", "train", "log", NULL, "show log") \
    SOURCE("lessons", "lessons", "lessons", NULL, "lesson list")
// clang-format on
static const struct source {
    const char *what, *tab, *pane; /* of the picture */
    enum status (*data)(struct app *a, const char *path, struct err *err);
    const char *command; /* its data, where there is no function; "": compare and two slots */
} sources[] = {
#define SOURCE(what, tab, pane, data, command) {what, tab, pane, data, command},
    SOURCES
#undef SOURCE
};
static const char *const export_choices[] = {
#define SOURCE(what, tab, pane, data, command) what,
    SOURCES
#undef SOURCE
        NULL};
static const char *const export_themes[] = {"dark", "light", NULL};
// clang-format off
const struct cmd_arg args_export[] = {
    {.name = "WHAT", .type = ARG_CHOICE, .choices = export_choices, .doc = "picture or table"},
    {.name = "to", .type = ARG_FLAG, .doc = ""},
    {.name = "FILE", .type = ARG_PATH, .doc = "the ending decides: svg html png txt, csv json"},
    {.name = "size", .type = ARG_WORD, .option = true, .optional = true, .doc = "WxH of a screen, default 100x30"},
    {.name = "theme", .type = ARG_CHOICE, .option = true, .optional = true, .choices = export_themes, .doc = "of pictures, default light"},
    {0},
};
// clang-format on

/* `export view`: the row that has the focused pane, else the open tab. */
static const struct source *source_of_view(struct app *a)
{
    const struct view *v = ui_focused(a);
    const char *tab = a->ui ? tab_defs[a->ui->tab].name : "train";
    size_t n = sizeof sources / sizeof *sources;
    for (size_t i = 0; v && i < n; i++)
        if (sources[i].pane && strcmp(sources[i].pane, v->def->name) == 0)
            return &sources[i];
    for (size_t i = 0; i < n; i++)
        if (sources[i].tab && strcmp(sources[i].tab, tab) == 0)
            return &sources[i];
    return &sources[EX_SCREEN];
}

static enum status write_data(struct app *a, const struct source *s, const char *path,
                              struct err *err)
{
    char command[80];
    int used[2] = {0, 0}, n = 0;
    if (s->data)
        return s->data(a, path, err);
    if (!s->command) {
        err_set(err, ST_ARG, "a screen is a picture: it has no .%.20s", path_ending(path));
        return err_hint(err, "bad-value", "Endings: .svg .html .png .txt"), ST_ARG;
    }
    for (int i = 0; i < SLOTS && n < 2; i++)
        if (a->slots[i].model)
            used[n++] = i;
    if (n == 1)
        used[1] = used[0];
    snprintf(command, sizeof command, "compare %c %c", 'A' + used[0], 'A' + used[1]);
    return command_data(a, s->command[0] ? s->command : command, path, err);
}

/* ---- pictures ---- */

static enum status write_picture(struct app *a, const struct cmd_call *call,
                                 const struct source *s, const char *path, int cols, int rows,
                                 struct err *err)
{
    static const char *const endings[] = {"txt", "svg", "html", "png", NULL};
    enum { TXT, SVG, HTML, PNG };
    int form = TXT;
    struct grid g = {0};
    struct durable *d = NULL;
    for (int i = 0; endings[i]; i++)
        if (strcmp(path_ending(path), endings[i]) == 0)
            form = i;
    if (strcmp(path_ending(path), endings[form]) != 0) {
        err_set(err, ST_ARG, "the ending of %.100s says no form", path);
        return err_hint(err, "bad-value", "Endings: .svg .html .png .txt .csv .json"), ST_ARG;
    }
    /* pictures are for paper unless asked otherwise */
    bool light = call_int(call, "theme", 1) == 1;
    struct theme theme;
    theme_fixed(&theme, GLYPHS_BRAILLE, DEPTH_256, form != TXT && light);
    enum status st = screen_snap(a, cols, rows, &theme, &g, err);
    if (st == ST_OK)
        st = durable_open(&d, path, err);
    if (st != ST_OK) {
        grid_done(&g);
        return st;
    }
    FILE *f = durable_file(d);
    char title[64], footer[200];
    app_slot_title(a, a->slot, app_step(a, a->slot), title, sizeof title);
    const struct learner *l = app_learner(a, a->slot);
    snprintf(footer, sizeof footer,
             "seqlab %s, seed %llu, step %lld, kernels %s, data %.60s %016llx", SEQLAB_VERSION,
             (unsigned long long)(l ? l->seed : a->seed), (long long)app_step(a, a->slot),
             kern()->name, a->ds ? a->ds->name : "none",
             a->ds ? (unsigned long long)a->ds->hash : 0ull);
    const struct view *v = s->pane ? ui_view(a, s->pane) : NULL;
    if (call_int(call, "WHAT", 0) == EX_VIEW && ui_focused(a) && ui_focused(a)->def->plot)
        v = ui_focused(a);
    struct plot *p = form != TXT && v && v->def->plot ? calloc(1, sizeof *p) : NULL;
    if (p) {
        p->title = title;
        p->footer = footer;
        v->def->plot(v, p);
    }
    /* the view's own drawing in vectors, else the cells of the screen */
    bool plot = p && p->n > 0;
    if (form == TXT) {
        char *text = grid_text(&g);
        st = text ? ST_OK : err_set(err, ST_NOMEM, "no memory for the picture");
        if (text)
            fputs(text, f);
        free(text);
    } else if (form == SVG) {
        st = plot ? plot_svg(p, 0, 0, light, f, err) : svg_grid(&g, title, light, f, err);
    } else if (form == HTML) {
        st = plot ? html_plot(p, light, f, err) : html_grid(&g, title, footer, light, f, err);
    } else {
        st = plot ? png_plot(p, 0, 0, light, f, err) : png_grid(&g, light, f, err);
    }
    free(p);
    grid_done(&g);
    if (st != ST_OK) {
        durable_abort(d);
        return st;
    }
    return durable_commit(d, err);
}

static enum status picture_size(const struct cmd_call *call, struct cmd_out *out, int *cols,
                                int *rows, struct err *err)
{
    const char *size = call_text(call, "size", NULL);
    char more;
    if (!size)
        return ST_OK;
    if (sscanf(size, "%4dx%4d%c", cols, rows, &more) == 2 && *cols >= 20 && *cols <= 500 &&
        *rows >= 5 && *rows <= 200)
        return ST_OK;
    call_blame(call, "size", out);
    err_set(err, ST_ARG, "size is columns x rows, 20x5 to 500x200, got \"%.30s\"", size);
    return err_hint(err, "bad-value", "Try: size=100x30"), ST_ARG;
}

enum status run_export(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    const char *path = call_text(call, "FILE", ""), *end = path_ending(path);
    int64_t what = call_int(call, "WHAT", 0);
    int cols = a->ui ? a->ui->cols : 100, rows = a->ui ? a->ui->rows : 30;
    const struct source *s = what == EX_VIEW ? source_of_view(a) : &sources[what];
    bool data = strcmp(end, "csv") == 0 || strcmp(end, "json") == 0 ||
                (s->data == table_data && strcmp(end, "txt") == 0);
    enum status st = picture_size(call, out, &cols, &rows, err);
    if (st != ST_OK)
        return st;
    if (s->data && !app_slot(a)->model && (data || what != EX_VIEW)) {
        err_set(err, ST_STATE, "no model in slot %c", 'A' + a->slot);
        return err_hint(err, "no-model", "Try: model new sasrec"), ST_STATE;
    }
    if (data) {
        st = write_data(a, s, path, err);
    } else {
        bool own = !a->ui;
        int tab = own ? 0 : a->ui->tab;
        if (own)
            st = ui_new(a, cols, rows, err);
        if (st == ST_OK && s->tab && what != EX_VIEW)
            st = ui_tab(a, s->tab, err);
        if (st == ST_OK)
            st = write_picture(a, call, s, path, cols, rows, err);
        if (own)
            ui_free(a);
        else if (a->ui->tab != tab)
            (void)ui_tab(a, tab_defs[tab].name, NULL);
    }
    if (st != ST_OK) {
        if (st == ST_IO || st == ST_ARG)
            call_blame(call, "FILE", out);
        return st;
    }
    return wrote(path, out);
}

// clang-format off
const struct cmd_arg args_export_tensor[] = {
    {.name = "TENSOR", .type = ARG_TENSOR, .doc = "a name, an index in brackets"},
    {.name = "to", .type = ARG_FLAG, .doc = ""},
    {.name = "FILE", .type = ARG_PATH, .doc = ".csv .json .txt"},
    {0},
};
// clang-format on

enum status run_export_tensor(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                              struct err *err)
{
    static const char *const columns[] = {"index", "value", NULL};
    const char *path = call_text(call, "FILE", "");
    struct tensor_view v;
    struct sheet *s = NULL;
    enum status st = tensor_get(a, call_text(call, "TENSOR", ""), &v, err);
    if (st != ST_OK) {
        call_blame(call, "TENSOR", out);
        return st;
    }
    st = sheet_new(&s, call_text(call, "TENSOR", ""), columns, err);
    for (int64_t i = 0; st == ST_OK && i < v.n; i++) {
        char index[80];
        int64_t rest = i;
        int32_t at[TENSOR_MAX_DIM];
        for (int k = v.nd - 1; k >= 0; k--) {
            at[k] = (int32_t)(rest % v.d[k]);
            rest /= v.d[k];
        }
        size_t n = 0;
        for (int k = 0; k < v.nd; k++)
            n += (size_t)snprintf(index + n, sizeof index - n, "%s%d", k ? " " : "",
                                  (int)at[k] + 1);
        sheet_str(s, index);
        sheet_num(s, (double)v.x[i]);
    }
    tensor_view_done(&v);
    if (st == ST_OK)
        st = sheet_write(s, path, err);
    sheet_free(s);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    return wrote(path, out);
}
