/* save session, load session: the workspace as a script with its models in files beside it. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/script.h"
#include "app/settings.h"
#include "app/ui_state.h"
#include "engine/base/durable.h"
#include "engine/base/reader.h"
#include "engine/base/sha256.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char first_line[] = "# seqlab session 1", sum_mark[] = "# sha256 ",
                  tab_mark[] = "# tab ";

// clang-format off
const struct cmd_arg args_save_session[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "a script; models stand beside it"},
    {0},
};
const struct cmd_arg args_load_session[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "as save session wrote it"},
    {0},
};
// clang-format on

static void quoted(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++)
        fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    fputc('"', f);
}

/* ---- models: named after what is in them, so that an older session keeps its own ---- */

/* "class3-A-5c1e91a0.safetensors" for slot A of class3.ses, without its folder. */
static void model_name(struct app *a, int slot, const char *path, char *name, size_t size)
{
    const struct learner *l = app_learner(a, slot);
    const char *base = strrchr(path, '/');
    char hex[65];
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    learner_sha256(l, hex);
    snprintf(name, size, "%.*s-%c-%.8s-%lld.safetensors",
             dot && dot > base ? (int)(dot - base) : (int)strlen(base), base, 'A' + slot, hex,
             (long long)l->step);
}

static void beside(const char *path, const char *name, char *buf, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(buf, size, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name);
}

static enum status run_line(struct app *a, const char *line, struct err *err)
{
    struct cmd_out *out = cmd_out_new(OUT_MESSAGE, NULL, NULL);
    if (!out)
        return err_nomem(err, 256, "a command");
    enum status st = cmd_run_line(a, line, true, out, err);
    cmd_out_free(out);
    return st;
}

static enum status save_model(struct app *a, int slot, const char *path, FILE *f,
                              struct err *err)
{
    const struct slot *s = &a->slots[slot];
    char name[300], file[1400], line[1500];
    if (s->model->flags & MODEL_BASELINE) {
        fprintf(f, "model new %s slot=%c\n", s->model->name, 'A' + slot);
        return ST_OK;
    }
    /* Its numbers must stand still while they are named and written. */
    if (s->trainer && !trainer_wait(s->trainer, 0)) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + slot);
        return err_hint(err, "busy", "Try: pause"), ST_STATE;
    }
    model_name(a, slot, path, name, sizeof name);
    beside(path, name, file, sizeof file);
    if (access(file, R_OK) != 0) {
        snprintf(line, sizeof line, "save model \"%s\" model=%c", file, 'A' + slot);
        enum status st = run_line(a, line, err);
        if (st != ST_OK)
            return st;
    }
    fprintf(f, "load model ");
    quoted(f, name);
    fprintf(f, " slot=%c\n", 'A' + slot);
    return ST_OK;
}

/* ---- writing ---- */

static void save_data(const struct app *a, FILE *f)
{
    const struct world *w = a->ds->world;
    if (w) {
        const struct world_opts *o = world_options(w);
        fprintf(f, "data plant %s items=%d sessions=%d noise=%g seed=%llu\n", world_of(w)->name,
                (int)o->items, (int)a->ds->n_sessions, o->noise / 1000.0,
                (unsigned long long)o->seed);
    } else {
        fprintf(f, "%s\n", a->data_command);
    }
    if (a->split->kind == SPLIT_LEAVE_K_OUT)
        fprintf(f, "data split leave-k-out k=%d\n", (int)a->split->k);
    else if (a->split->kind != (a->ds->by_user ? SPLIT_LEAVE_ONE_OUT : SPLIT_SESSIONS))
        fprintf(f, "data split %s\n", split_words[a->split->kind]);
}

static void save_sequence(const struct app *a, const char *verb, const struct sequence *s,
                          FILE *f)
{
    fprintf(f, "%s", verb);
    for (int32_t i = 0; i < s->n; i++)
        if (a->ds && s->item[i] == a->ds->n_items + 1)
            fprintf(f, " _");
        else
            fprintf(f, " %d", (int)s->item[i]);
    fputc('\n', f);
}

static enum status write_session(struct app *a, const char *path, FILE *f, struct err *err)
{
    fprintf(f, "%s\n", first_line);
    for (int i = 0; i < SETTINGS; i++) {
        char text[64];
        setting_text(a, i, text, sizeof text);
        if (setting_changed(a, i))
            fprintf(f, "set %s %s\n", setting_defs[i].name, text);
    }
    for (int i = 0; i < a->n_alias; i++) {
        fprintf(f, "alias %s ", a->alias[i].name);
        quoted(f, a->alias[i].command);
        fputc('\n', f);
    }
    if (a->ds)
        save_data(a, f);
    for (int i = 0; i < SLOTS; i++) {
        if (!a->slots[i].model)
            continue;
        enum status st = save_model(a, i, path, f, err);
        if (st != ST_OK)
            return st;
        for (int k = 0; k < a->slots[i].n_break; k++)
            fprintf(f, "# break %s in %c\n", a->slots[i].breaks[k], 'A' + i);
    }
    for (int i = 0; i < a->n_ablation; i++)
        fprintf(f, "model use %c\nablate %s value=%g\n", 'A' + a->ablation[i].slot,
                a->ablation[i].part, (double)a->ablation[i].patch.value);
    if (a->slots[a->slot].model)
        fprintf(f, "model use %c\n", 'A' + a->slot);
    if (a->has_pin)
        save_sequence(a, "pin", &a->pin, f);
    if (a->seq.n)
        save_sequence(a, "seq", &a->seq, f);
    if (a->at != STEP_LIVE)
        fprintf(f, "# the view was at step %lld\n", (long long)a->at);
    if (a->ui)
        fprintf(f, "%s%s\n", tab_mark, tab_defs[a->ui->tab].name);
    for (int i = 0; i < a->n_log; i++) {
        const struct log_line *l = app_log_at(a, i);
        fprintf(f, "# @%lld %s%s\n", (long long)l->step, l->kind == LOG_COMMAND ? ": " : "",
                l->text);
    }
    return ST_OK;
}

/* Model files that only the session before wrote. */
static void sweep(const char *path, const char *before, const char *now)
{
    static const char load[] = "load model \"";
    char file[1400], name[300];
    for (const char *p = before; p && (p = strstr(p, load)); p++) {
        size_t n = strcspn(p + sizeof load - 1, "\"\n");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : 0),
                 p + sizeof load - 1);
        if (!*name || strchr(name, '/') || strstr(now, name))
            continue;
        beside(path, name, file, sizeof file);
        unlink(file);
    }
}

/* The file's text, heap; NULL when there is none. */
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r"), *m;
    char *text = NULL, part[4096];
    size_t size, n;
    if (!f)
        return NULL;
    m = open_memstream(&text, &size);
    while (m && (n = fread(part, 1, sizeof part, f)) > 0)
        fwrite(part, 1, n, m);
    if (m)
        fclose(m);
    fclose(f);
    return text;
}

static void sum_of(const char *text, size_t n, char hex[65])
{
    struct sha256 s;
    uint8_t digest[32];
    sha256_init(&s);
    sha256_add(&s, text, n);
    sha256_done(&s, digest);
    sha256_hex(digest, hex);
}

enum status run_save_session(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    const char *path = call_text(call, "FILE", "");
    struct durable *d = NULL;
    char *text = NULL, *before = NULL, hex[65];
    size_t size = 0;
    FILE *m = NULL;
    enum status st = durable_open(&d, path, err);
    if (st == ST_OK && !(m = open_memstream(&text, &size)))
        st = err_nomem(err, 4096, "the session");
    if (st == ST_OK)
        st = write_session(a, path, m, err);
    if (m)
        fclose(m);
    if (st == ST_OK) {
        before = read_text(path);
        sum_of(text, size, hex);
        fprintf(durable_file(d), "%s%s%s\n", text, sum_mark, hex);
        st = durable_commit(d, err);
    } else {
        durable_abort(d);
    }
    if (st == ST_OK) {
        sweep(path, before, text);
        out_line(out, "wrote %s; load session restores it", path);
        out_text(out, "file", path);
        if (a->at != STEP_LIVE)
            out_line(out, "kept steps are not in it: the view will be live");
    } else if (st != ST_STATE) {
        call_blame(call, "FILE", out);
    }
    free(text);
    free(before);
    return st;
}

/* ---- reading ---- */

static enum status bad_session(const char *path, const char *what, const char *hint,
                               struct err *err)
{
    err_set(err, ST_FORMAT, "%.120s: %s", path, what);
    return err_hint(err, "format", hint ? "%s" : NULL, hint), ST_FORMAT;
}

/* First line, version, checksum. */
static enum status check(const char *path, const char *text, struct err *err)
{
    char hex[65];
    int version = 0;
    if (sscanf(text, "# seqlab session %d", &version) != 1)
        return bad_session(path, "this is no session",
                           "save session FILE makes them; scripts: source FILE", err);
    if (version != 1) {
        char what[80];
        snprintf(what, sizeof what, "version %d, this program reads 1", version);
        return bad_session(path, what, NULL, err);
    }
    const char *sum = NULL;
    for (const char *p = text; (p = strstr(p, sum_mark)); p++)
        if (p[-1] == '\n')
            sum = p;
    if (!sum)
        return bad_session(path, "its end is missing", "source FILE runs what is there", err);
    sum_of(text, (size_t)(sum - text), hex);
    if (strncmp(sum + sizeof sum_mark - 1, hex, 64) != 0)
        return bad_session(path, "it was changed after it was saved",
                           "source FILE runs it all the same", err);
    return ST_OK;
}

enum status run_load_session(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    char near[1400];
    const char *path = script_file(a, call_text(call, "FILE", ""), near, sizeof near);
    struct reader *r = NULL;
    enum status st = reader_open(&r, path, err); /* says what is wrong with the file */
    reader_close(r);
    char *text = st == ST_OK ? read_text(path) : NULL;
    if (st == ST_OK && !text)
        st = err_nomem(err, 4096, "the session");
    if (st == ST_OK)
        st = check(path, text, err);
    else
        err_hint(err, "file", NULL);
    if (st == ST_OK && app_running_slot(a) >= 0) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + app_running_slot(a));
        err_hint(err, "busy", "Try: stop");
        st = ST_STATE;
    }
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        free(text);
        return st;
    }
    for (int i = 0; i < SLOTS; i++) /* what the session does not name goes */
        app_drop_slot(a, i);
    a->has_pin = false;
    a->seq.n = 0;
    a->at = STEP_LIVE;
    bool interactive = a->interactive;
    a->interactive = a->ui ? interactive : false;
    st = script_run(a, path, NULL, NULL, out, err);
    a->interactive = interactive;
    const char *tab = NULL;
    for (const char *p = text; (p = strstr(p, tab_mark)); p++)
        if (p[-1] == '\n' && !tab)
            tab = p + sizeof tab_mark - 1;
    if (st == ST_OK && tab && a->ui) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(tab, "\n"), tab);
        st = ui_tab(a, name, err);
    }
    free(text);
    if (st == ST_OK)
        out_text(out, "file", path);
    return st;
}
