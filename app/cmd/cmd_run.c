/* load run, and the folders that `train run=` fills; see run_folder.h. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/run_folder.h"
#include "app/cmd/script.h"
#include "app/cmd/session.h"
#include "app/io/config.h"
#include "engine/base/durable.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 1024 };
static const char first_line[] = "# seqlab run 1";

static bool is_name(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(s);
    return n > 0 && n < sizeof((struct slot *)0)->run && s[0] != '.' && strspn(s, letters) == n;
}

enum status run_folder_path(const char *name, const char *file, bool make, char *buf,
                            size_t size, struct err *err)
{
    char rest[160];
    if (!is_name(name)) {
        err_set(err, ST_ARG, "\"%.60s\" is no name of a run", name);
        return err_hint(err, "bad-value", "letters, digits and . _ -, at most %d",
                        (int)sizeof((struct slot *)0)->run - 1),
               ST_ARG;
    }
    snprintf(rest, sizeof rest, "runs/%s/%s", name, file);
    if (config_path(PLACE_DATA, rest, make, buf, size))
        return ST_OK;
    err_set(err, ST_IO, "there is no home directory for the folder of a run");
    return err_hint(err, "file", "Set XDG_DATA_HOME"), ST_IO;
}

enum status run_folder_name(struct app *a, int slot, const char *name, struct err *err)
{
    struct slot *s = &a->slots[slot];
    char path[PATH_SIZE];
    enum status st = run_folder_path(name, "config.rc", false, path, sizeof path, err);
    if (st != ST_OK || strcmp(s->run, name) == 0)
        return st;
    if (s->trainer) {
        err_set(err, ST_STATE, "the run in %c has begun%s%s", 'A' + slot,
                s->run[0] ? " as " : " without a folder", s->run);
        return err_hint(err, "busy", "Try: fork; train run=%s", name), ST_STATE;
    }
    if (access(path, F_OK) == 0) {
        err_set(err, ST_STATE, "there is a run %s already", name);
        return err_hint(err, "busy", "Try: load run %s, or another name", name), ST_STATE;
    }
    snprintf(s->run, sizeof s->run, "%s", name);
    return ST_OK;
}

enum status run_folder_begin(const struct app *a, int slot, struct err *err)
{
    const struct slot *s = &a->slots[slot];
    const struct learner *l = app_learner(a, slot);
    char path[PATH_SIZE], settings[HPARAMS_TEXT];
    struct durable *d = NULL;
    enum status st = run_folder_path(s->run, "config.rc", true, path, sizeof path, err);
    if (st != ST_OK || access(path, F_OK) == 0)
        return st;
    st = durable_open(&d, path, err);
    if (st != ST_OK)
        return st;
    FILE *f = durable_file(d);
    hparams_text_all(s->hp0 ? s->hp0 : l->hp, settings, sizeof settings);
    fprintf(f, "%s\n", first_line);
    session_data(a, f);
    if (s->origin[0])
        fprintf(f, "# began as %s, step %lld\n", s->origin, (long long)l->step);
    fprintf(f, "model new %s seed=%llu %s\n", s->model->name, (unsigned long long)l->seed,
            settings);
    return durable_commit(d, err);
}

// clang-format off
const struct cmd_arg args_load_run[] = {
    {.name = "NAME", .type = ARG_WORD, .optional = true, .doc = "as train run=NAME called it; without: what there is"},
    {0},
};
// clang-format on

static enum status list_runs(struct cmd_out *out, struct err *err)
{
    char path[PATH_SIZE], file[PATH_SIZE];
    json_t *list = json_array();
    int n = 0;
    if (!config_path(PLACE_DATA, "runs", false, path, sizeof path))
        path[0] = '\0';
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!is_name(e->d_name) ||
            run_folder_path(e->d_name, "config.rc", false, file, sizeof file, err) != ST_OK ||
            access(file, F_OK) != 0)
            continue;
        out_line(out, "%s", e->d_name);
        json_array_append_new(list, json_string(e->d_name));
        n++;
    }
    if (dir)
        closedir(dir);
    if (!n)
        out_line(out, "no run has a folder; train run=NAME makes one");
    json_object_set_new(out_json(out), "runs", list);
    return ST_OK;
}

enum status run_load_run(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                         struct err *err)
{
    const char *name = call_text(call, "NAME", NULL);
    char config[PATH_SIZE], last[PATH_SIZE], line[PATH_SIZE + 40];
    if (!name)
        return list_runs(out, err);
    call_blame(call, "NAME", out);
    enum status st = run_folder_path(name, "config.rc", false, config, sizeof config, err);
    if (st == ST_OK)
        st = run_folder_path(name, "last.safetensors", false, last, sizeof last, err);
    if (st == ST_OK && access(config, R_OK) != 0) {
        err_set(err, ST_IO, "there is no run %s", name);
        err_hint(err, "file", "Try: load run");
        st = ST_IO;
    }
    if (st == ST_OK && app_running_slot(a) >= 0) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + app_running_slot(a));
        err_hint(err, "busy", "Try: stop");
        st = ST_STATE;
    }
    if (st != ST_OK)
        return st;
    for (int i = 0; i < SLOTS; i++) /* it may hold this very folder */
        app_drop_slot(a, i);
    st = script_run(a, config, NULL, NULL, out, err);
    if (st == ST_OK && access(last, R_OK) == 0) {
        snprintf(line, sizeof line, "load model \"%s\"", last);
        st = cmd_run_line(a, line, true, out, err);
    }
    if (st != ST_OK)
        return st;
    out_place(out, 0, 0);
    snprintf(app_slot(a)->run, sizeof app_slot(a)->run, "%s", name);
    out_line(out, "run %s at step %lld; train goes on with it", name,
             (long long)app_step(a, a->slot));
    out_text(out, "run", name);
    out_int(out, "step", app_step(a, a->slot));
    return ST_OK;
}
