/* save load source. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/script.h"
#include "app/io/past.h"
#include "app/settings.h"
#include "app/run.h"
#include "app/ui/text.h"
#include "engine/base/durable.h"

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
    char beside[1400];
    path = script_file(a, path, beside, sizeof beside);
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

/* ---- the past of a run ---- */

// clang-format off
const struct cmd_arg args_save_past[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "safetensors"},
    {.name = "model", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current slot"},
    {0},
};
const struct cmd_arg args_load_past[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "as save past wrote it"},
    {.name = "slot", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current one"},
    {.name = "start", .type = ARG_PATH, .option = true, .optional = true, .doc = "the model the run began with; default: step 0 of its seed"},
    {0},
};
// clang-format on

static void say_past(const char *verb, const char *path, const struct past_size *size,
                     struct cmd_out *out)
{
    char points[FMT_NUM];
    out_line(out, "%s %s: %d kept steps, %s points of curves, %.1f MB", verb, path, size->kept,
             fmt_count(points, (double)size->points), (double)size->bytes * 1e-6);
    out_text(out, "file", path);
    out_int(out, "kept", size->kept);
    out_int(out, "points", size->points);
    out_int(out, "bytes", size->bytes);
}

enum status run_save_past(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    const char *path = call_text(call, "FILE", "");
    int slot = (int)call_int(call, "model", a->slot);
    struct past_size size;
    if (!past_has(a, slot)) {
        call_blame(call, "model", out);
        err_set(err, ST_STATE, "nothing was trained in %c", 'A' + slot);
        return err_hint(err, "no-run", "Try: train"), ST_STATE;
    }
    if (a->slots[slot].trainer && !trainer_wait(a->slots[slot].trainer, 0)) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + slot);
        return err_hint(err, "busy", "Try: pause"), ST_STATE;
    }
    enum status st = past_save(a, slot, path, &size, err);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    say_past("wrote", path, &size, out);
    return ST_OK;
}

enum status run_load_past(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    char beside[1400], beside_start[1400];
    const char *path = script_file(a, call_text(call, "FILE", ""), beside, sizeof beside);
    const char *from = call_text(call, "start", NULL);
    int slot = (int)call_int(call, "slot", a->slot);
    struct learner *start = NULL;
    struct past_size size;
    enum status st = ST_OK;
    if (!a->slots[slot].model) {
        call_blame(call, "slot", out);
        err_set(err, ST_STATE, "no model in slot %c", 'A' + slot);
        return err_hint(err, "no-model", "Try: load model FILE slot=%c", 'A' + slot), ST_STATE;
    }
    if (from) {
        from = script_file(a, from, beside_start, sizeof beside_start);
        st = learner_load(&start, from, model_defs, a->split, true, err);
        call_blame(call, "start", out);
    }
    if (st == ST_OK) {
        call_blame(call, "FILE", out);
        st = past_load(a, slot, path, start, &size, err);
    }
    if (st != ST_OK)
        return st;
    out_place(out, 0, 0);
    say_past("read", path, &size, out);
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
    char beside[1400];
    const char *path = script_file(a, call_text(call, "FILE", ""), beside, sizeof beside);
    bool steps = call_has(call, "step") && isatty(STDIN_FILENO) && !a->ui;
    bool interactive = a->interactive;
    /* on the screen nothing may wait; everywhere else a script's commands go one after
     * another */
    if (!a->ui)
        a->interactive = false;
    enum status st = script_run(a, path, steps ? ask_enter : NULL, out, out, err);
    a->interactive = interactive;
    out_text(out, "file", path);
    return st;
}
