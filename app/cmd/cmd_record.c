/* record play. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/io/cast.h"
#include "app/ui_state.h"

#include <string.h>
#include <unistd.h>

// clang-format off
const struct cmd_arg args_record[] = {
    {.name = "FILE", .type = ARG_PATH, .optional = true, .doc = "a file, or off"},
    {0},
};
const struct cmd_arg args_play[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "as record wrote it"},
    {.name = "speed", .type = ARG_FLOAT, .option = true, .optional = true, .min = 0.1, .max = 100, .doc = "default 1"},
    {0},
};
// clang-format on

static void close_cast(struct app *a)
{
    (void)cast_stop(a->cast, NULL);
    a->cast = NULL;
}

static enum status record_off(struct app *a, struct cmd_out *out, struct err *err)
{
    char path[512];
    if (!a->cast) {
        err_set(err, ST_STATE, "nothing is being recorded");
        return err_hint(err, "usage", "Try: record demo.cast"), ST_STATE;
    }
    int frames = cast_frames(a->cast);
    snprintf(path, sizeof path, "%s", cast_path(a->cast));
    enum status st = cast_stop(a->cast, err);
    a->cast = NULL;
    if (st != ST_OK)
        return st;
    if (frames)
        out_line(out, "wrote %s, %d frames; seqlab --play plays it", path, frames);
    else
        out_line(out, "nothing was shown meanwhile: no recording");
    out_text(out, "file", path);
    out_int(out, "frames", frames);
    return ST_OK;
}

enum status run_record(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    const char *path = call_text(call, "FILE", NULL);
    if (!path) {
        if (a->cast)
            out_line(out, "recording to %s, %d frames so far", cast_path(a->cast),
                     cast_frames(a->cast));
        else
            out_line(out, "nothing is being recorded");
        out_bool(out, "recording", a->cast != NULL);
        return ST_OK;
    }
    if (strcmp(path, "off") == 0)
        return record_off(a, out, err);
    if (a->cast) {
        err_set(err, ST_STATE, "already recording to %.120s", cast_path(a->cast));
        return err_hint(err, "busy", "Try: record off"), ST_STATE;
    }
    app_carry(a, close_cast, NULL);
    enum status st = cast_start(&a->cast, path, err);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        return st;
    }
    out_line(out, "recording to %s; record off ends it", path);
    out_text(out, "file", path);
    return ST_OK;
}

enum status run_play(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    if (out_form(out) == OUT_JSON && !a->ui) {
        err_set(err, ST_STATE, "a recording is shown on a terminal");
        return err_hint(err, "usage", "Try: seqlab --play FILE"), ST_STATE;
    }
    enum status st =
        cast_play(call_text(call, "FILE", ""), call_num(call, "speed", 1), a->ui == NULL, err);
    if (a->ui)
        a->ui->repaint = true;
    if (st != ST_OK)
        call_blame(call, "FILE", out);
    return st;
}
