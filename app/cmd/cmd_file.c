/* save load export source. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/script.h"
#include "app/cmd/settings.h"
#include "app/cmd/tensor_path.h"
#include "app/io/sheet.h"
#include "app/run.h"
#include "app/ui/grid.h"
#include "app/ui/plot.h"
#include "app/ui/screen.h"
#include "app/ui/theme.h"
#include "app/ui/svg.h"
#include "app/ui_state.h"
#include "engine/base/durable.h"
#include "engine/tensor/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status wrote(const char *path, struct cmd_out *out)
{
    out_line(out, "wrote %s", path);
    out_text(out, "file", path);
    return ST_OK;
}

/* ---- models ---- */

// clang-format off
const struct cmd_arg args_save_model[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "safetensors"},
    {.name = "model", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current slot"},
    {0},
};
// clang-format on

enum status run_save_model(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    const char *path = call_text(call, "FILE", "");
    int slot = (int)call_int(call, "model", a->slot);
    if (!a->slots[slot].model) {
        call_blame(call, "model", out);
        err_set(err, ST_STATE, "no model in slot %c", 'A' + slot);
        return err_hint(err, "no-model", "Try: model list"), ST_STATE;
    }
    if (a->slots[slot].model->flags & MODEL_BASELINE) {
        err_set(err, ST_UNSUPPORTED, "%s is counted from the data: there is nothing to save",
                a->slots[slot].model->title);
        return err_hint(err, "not-for-model", NULL), ST_UNSUPPORTED;
    }
    enum status st = ST_OK;
    bool running = app_running(a, slot);
    if (running &&
        !call_is_strict(call)) { /* between two batches; its event says how it went */
        st = run_post(a, slot, TC_SAVE, 0, path, err);
        if (st == ST_OK)
            out_line(out, "saving %s at the next batch boundary", path);
        return st;
    }
    int64_t goal = running ? app_snapshot(a, slot)->target_step : 0;
    if (running) { /* a script goes on only when the file is there */
        st = run_post(a, slot, TC_PAUSE, 0, NULL, err);
        if (st == ST_OK)
            st = run_wait(a, slot, out, err);
    }
    if (st == ST_OK)
        st = learner_save(app_learner(a, slot), path, err);
    if (running && a->exit_status == 0)
        (void)run_post(a, slot, TC_RUN, goal, NULL, NULL);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    out_int(out, "step", app_step(a, slot));
    return wrote(path, out);
}

// clang-format off
const struct cmd_arg args_load_model[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "as save model wrote it"},
    {.name = "force", .type = ARG_FLAG, .optional = true, .doc = "also for another item set of the same size"},
    {.name = "slot", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current one"},
    {0},
};
// clang-format on

enum status run_load_model(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    const char *path = call_text(call, "FILE", "");
    int slot = (int)call_int(call, "slot", a->slot);
    struct learner *l = NULL;
    if (app_running(a, slot) && !a->interactive) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + slot);
        return err_hint(err, "busy", "Try: stop"), ST_STATE;
    }
    enum status st = learner_load(&l, path, model_defs, a->split, call_has(call, "force"), err);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    st = app_put_learner(a, slot, l, path, err);
    if (st != ST_OK)
        return st;
    char title[64], letter[2] = {(char)('A' + slot), '\0'};
    app_slot_title(a, slot, l->step, title, sizeof title);
    out_line(out, "%s from %s", title, path);
    out_text(out, "slot", letter);
    out_text(out, "model", l->model->name);
    out_int(out, "step", l->step);
    return ST_OK;
}

/* ---- scripts of this session ---- */

// clang-format off
const struct cmd_arg args_save_log[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "a script for source"},
    {0},
};
// clang-format on

enum status run_save_log(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                         struct err *err)
{
    struct durable *d = NULL;
    const char *path = call_text(call, "FILE", "");
    enum status st = durable_open(&d, path, err);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    FILE *f = durable_file(d);
    fprintf(f, "# seqlab log 1\n");
    for (int i = 0; i < a->n_log; i++) {
        const struct log_line *l = app_log_at(a, i);
        if (l->kind == LOG_COMMAND && strncmp(l->text, "save log", 8) != 0 && !l->by_event) {
            if (l->running)
                fprintf(f, "@%lld ", (long long)l->step);
            fprintf(f, "%s\n", l->text);
        } else if (l->kind == LOG_EVENT && strncmp(l->text, "set ", 4) == 0) {
            fprintf(f, "@%lld %.*s\n", (long long)l->step, (int)strcspn(l->text, "("), l->text);
        } else if (l->kind == LOG_EVENT && strcmp(l->text, "stopped") == 0) {
            fprintf(f, "@%lld stop\n", (long long)l->step);
        } else if (l->kind == LOG_EVENT) {
            fprintf(f, "# @%lld %s\n", (long long)l->step, l->text);
        }
    }
    st = durable_commit(d, err);
    return st == ST_OK ? wrote(path, out) : st;
}

// clang-format off
const struct cmd_arg args_save_config[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "a script for source"},
    {0},
};
// clang-format on

enum status run_save_config(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    struct durable *d = NULL;
    const char *path = call_text(call, "FILE", "");
    enum status st = durable_open(&d, path, err);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    FILE *f = durable_file(d);
    fprintf(f, "# seqlab settings 1\n");
    for (int i = 0; i < SETTINGS; i++) {
        char text[64];
        setting_text(a, i, text, sizeof text);
        if (setting_changed(a, i))
            fprintf(f, "set %s %s\n", setting_defs[i].name, text);
    }
    for (int i = 0; i < a->n_alias; i++) {
        fprintf(f, "alias %s \"", a->alias[i].name);
        for (const char *p = a->alias[i].command; *p; p++)
            fprintf(f, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
        fprintf(f, "\"\n");
    }
    st = durable_commit(d, err);
    return st == ST_OK ? wrote(path, out) : st;
}

/* ---- export ---- */

static const char *const export_choices[] = {"view",      "screen", "curve",
                                             "attention", "table",  NULL};
static const char *const export_themes[] = {"dark", "light", NULL};
enum { EX_VIEW, EX_SCREEN, EX_CURVE, EX_ATTENTION, EX_TABLE };
// clang-format off
const struct cmd_arg args_export[] = {
    {.name = "WHAT", .type = ARG_CHOICE, .choices = export_choices, .doc = "picture or table"},
    {.name = "to", .type = ARG_FLAG, .doc = ""},
    {.name = "FILE", .type = ARG_PATH, .doc = "the ending decides the form"},
    {.name = "size", .type = ARG_WORD, .option = true, .optional = true, .doc = "WxH of a screen, default 100x30"},
    {.name = "theme", .type = ARG_CHOICE, .option = true, .optional = true, .choices = export_themes, .doc = "of pictures, default light"},
    {0},
};
// clang-format on

/* pane: the view whose own drawing is wanted as vectors; NULL, or one that has none: the screen as it stands. */
static enum status export_grid(struct app *a, const struct cmd_call *call, const char *pane,
                               const char *path, int cols, int rows, struct err *err)
{
    struct grid g = {0};
    struct durable *d = NULL;
    bool svg = strcmp(path_ending(path), "svg") == 0;
    if (!svg && strcmp(path_ending(path), "txt") != 0) {
        err_set(err, ST_ARG, "the ending of %.100s says no form a picture has", path);
        return err_hint(err, "bad-value", "Endings: .txt .svg"), ST_ARG;
    }
    struct theme theme; /* pictures are for paper unless asked otherwise; text has no colours */
    theme_fixed(&theme, GLYPHS_BRAILLE, DEPTH_256, svg && call_int(call, "theme", 1) == 1);
    enum status st = screen_snap(a, cols, rows, &theme, &g, err);
    if (st == ST_OK)
        st = durable_open(&d, path, err);
    if (st != ST_OK) {
        grid_done(&g);
        return st;
    }
    bool light = call_int(call, "theme", 1) == 1;
    char title[64], footer[200];
    app_slot_title(a, a->slot, app_step(a, a->slot), title, sizeof title);
    const struct learner *l = app_learner(a, a->slot);
    snprintf(footer, sizeof footer, "seed %llu, step %lld, kernels %s, data %.60s %016llx",
             (unsigned long long)(l ? l->seed : a->seed), (long long)app_step(a, a->slot),
             kern()->name, a->ds ? a->ds->name : "none",
             a->ds ? (unsigned long long)a->ds->hash : 0ull);
    const struct view *v = pane ? ui_view(a, pane) : ui_focused(a);
    struct plot *p = svg && call_int(call, "WHAT", 0) != EX_SCREEN && v && v->def->plot
                         ? calloc(1, sizeof *p)
                         : NULL;
    if (p) {
        double w, h;
        p->title = title;
        p->footer = footer;
        v->def->plot(v, p);
        plot_size(p, &w, &h);
        st = p->n > 0 ? plot_svg(p, w, h, light, durable_file(d), err)
                      : svg_grid(&g, title, light, durable_file(d), err);
        free(p);
    } else if (svg) {
        st = svg_grid(&g, title, light, durable_file(d), err);
    } else {
        char *text = grid_text(&g);
        st = text ? ST_OK : err_set(err, ST_NOMEM, "no memory for the picture");
        if (text)
            fputs(text, durable_file(d));
        free(text);
    }
    grid_done(&g);
    if (st != ST_OK) {
        durable_abort(d);
        return st;
    }
    return durable_commit(d, err);
}

static enum status export_curve(struct app *a, const char *path, struct err *err)
{
    static const char *const columns[] = {"series", "step", "value", NULL};
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
        double x, y;
        for (size_t k = 0; c && series_at(c, k, &x, &y); k++) {
            sheet_str(s, names[i]);
            sheet_num(s, x);
            sheet_num(s, y);
        }
    }
    if (st == ST_OK)
        st = sheet_write(s, path, err);
    sheet_free(s);
    return st;
}

static enum status export_table(struct app *a, const char *path, struct err *err)
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

static enum status export_attention(struct app *a, const char *path, struct err *err)
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
    bool data = strcmp(end, "csv") == 0 || strcmp(end, "json") == 0 || (what == EX_TABLE);
    enum status st = picture_size(call, out, &cols, &rows, err);
    if (st != ST_OK)
        return st;
    if (what != EX_SCREEN && what != EX_VIEW && !app_slot(a)->model) {
        err_set(err, ST_STATE, "no model in slot %c", 'A' + a->slot);
        return err_hint(err, "no-model", "Try: model new sasrec"), ST_STATE;
    }
    if (data && what == EX_CURVE)
        st = export_curve(a, path, err);
    else if (data && what == EX_ATTENTION)
        st = export_attention(a, path, err);
    else if (data && what == EX_TABLE)
        st = export_table(a, path, err);
    else {
        bool own = !a->ui;
        if (own)
            st = ui_new(a, cols, rows, err);
        if (st == ST_OK && what == EX_CURVE)
            st = ui_tab(a, "train", err);
        if (st == ST_OK && what == EX_ATTENTION)
            st = ui_tab(a, "attention", err);
        if (st == ST_OK)
            st = export_grid(a, call,
                             what == EX_CURVE       ? "curve"
                             : what == EX_ATTENTION ? "attention"
                                                    : NULL,
                             path, cols, rows, err);
        if (own)
            ui_free(a);
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

/* ---- source ---- */

// clang-format off
const struct cmd_arg args_source[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "a script"},
    {.name = "step", .type = ARG_FLAG, .optional = true, .doc = "wait for Enter before each line"},
    {0},
};
// clang-format on

static bool ask_enter(void *ctx, const char *line)
{
    out_note(ctx, "next: %s   (Enter runs it, Ctrl-D ends)", line);
    char c = 0;
    for (;;) { /* not stdio: the line may belong to nobody's buffer */
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n <= 0)
            return false;
        if (c == '\n')
            return true;
    }
}

enum status run_source(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    const char *path = call_text(call, "FILE", "");
    bool steps = call_has(call, "step") && isatty(STDIN_FILENO) && !a->ui;
    bool interactive = a->interactive;
    if (!a->ui) /* on the screen nothing may wait; everywhere else a script's commands go one after another */
        a->interactive = false;
    enum status st = script_run(a, path, steps ? ask_enter : NULL, out, out, err);
    a->interactive = interactive;
    out_text(out, "file", path);
    return st;
}
