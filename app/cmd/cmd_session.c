/* save session, load session: the workspace as a script, models and the past of their runs
 * in files beside it. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/script.h"
#include "app/cmd/session.h"
#include "app/io/past.h"
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
                  tab_mark[] = "# tab ", spot_mark[] = "# spot ", log_mark[] = "# log ";

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

/* Commands given to a resting run are acknowledged well within this. */
enum { SETTLE_MS = 200 };

static void quoted(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++)
        fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    fputc('"', f);
}

/* ---- models: named after what is in them, so that an older session keeps its own ---- */

/* "class3-A-5c1e91a0-1840.safetensors" for a model of slot A of class3.ses, without its
 * folder; what: "" or "-past". */
static void file_name(const struct learner *l, int slot, const char *path, const char *what,
                      char *name, size_t size)
{
    const char *base = strrchr(path, '/');
    char hex[65];
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    learner_sha256(l, hex);
    snprintf(name, size, "%.*s-%c-%.8s-%lld%s.safetensors",
             dot && dot > base ? (int)(dot - base) : (int)strlen(base), base, 'A' + slot, hex,
             (long long)l->step, what);
}

static void beside(const char *path, const char *name, char *buf, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(buf, size, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name);
}

/* Written unless a file of that name, and so of that content, is there. */
static enum status save_learner(const struct learner *l, const char *path, const char *name,
                                struct err *err)
{
    char file[1400];
    beside(path, name, file, sizeof file);
    return access(file, R_OK) == 0 ? ST_OK : learner_save(l, file, err);
}

struct counts { /* what went into the files beside the session */
    int models, kept;
    int64_t bytes;
};

static enum status save_past_of(struct app *a, int slot, const char *path, FILE *f,
                                struct counts *n, struct err *err)
{
    const struct learner *base = a->slots[slot].base;
    struct past_size size;
    char name[300], file[1400];
    if (!past_has(a, slot))
        return ST_OK;
    file_name(app_learner(a, slot), slot, path, "-past", name, sizeof name);
    beside(path, name, file, sizeof file);
    enum status st = past_save(a, slot, file, &size, err);
    if (st != ST_OK)
        return st;
    fprintf(f, "load past ");
    quoted(f, name);
    fprintf(f, " slot=%c", 'A' + slot);
    if (base) {
        file_name(base, slot, path, "", name, sizeof name);
        st = save_learner(base, path, name, err);
        fprintf(f, " start=");
        quoted(f, name);
    }
    fputc('\n', f);
    n->kept += size.kept;
    n->bytes += size.bytes;
    return st;
}

static enum status save_model(struct app *a, int slot, const char *path, FILE *f,
                              struct counts *n, struct err *err)
{
    const struct slot *s = &a->slots[slot];
    char name[300];
    if (s->model->flags & MODEL_BASELINE) {
        fprintf(f, "model new %s slot=%c\n", s->model->name, 'A' + slot);
        return ST_OK;
    }
    /* Its numbers must stand still while they are named and written. */
    if (s->trainer && !trainer_wait(s->trainer, SETTLE_MS)) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + slot);
        return err_hint(err, "busy", "Try: pause"), ST_STATE;
    }
    const struct learner *l = app_learner(a, slot);
    file_name(l, slot, path, "", name, sizeof name);
    enum status st = save_learner(l, path, name, err);
    if (st != ST_OK)
        return st;
    fprintf(f, "load model ");
    quoted(f, name);
    fprintf(f, " slot=%c\n", 'A' + slot);
    n->models++;
    return save_past_of(a, slot, path, f, n, err);
}

/* ---- what the screen remembers: numbers in comments, for which there are no commands ---- */

struct spot {
    const char *name;
    int *i;
    int64_t *l;
    bool *b;
    int64_t min, max;
};
enum { SPOTS = 40 };

static int spots_of(struct app *a, struct spot p[SPOTS])
{
    enum { MANY = 100000 };
    int n = 0;
    p[n++] = (struct spot){"cursor", &a->cursor, NULL, NULL, 0, SEQ_MAX - 1};
    struct ui *u = a->ui;
    if (!u)
        return n;
    struct ui_select *s = &u->select;
    struct ui_compare *c = &u->compare;
    p[n++] = (struct spot){"focus", &u->focus[u->tab], NULL, NULL, -1, UI_PANES - 1};
    p[n++] = (struct spot){"zoom", NULL, NULL, &u->zoom, 0, 1};
    p[n++] = (struct spot){"pinned-run", &u->pinned_run, NULL, NULL, -1, SLOTS - 1};
    p[n++] = (struct spot){"layer", &s->layer, NULL, NULL, 0, MANY};
    p[n++] = (struct spot){"head", &s->head, NULL, NULL, -1, MANY};
    p[n++] = (struct spot){"row", &s->row, NULL, NULL, -1, SEQ_MAX};
    p[n++] = (struct spot){"col", &s->col, NULL, NULL, -1, SEQ_MAX};
    p[n++] = (struct spot){"unit", &s->unit, NULL, NULL, 0, MANY};
    p[n++] = (struct spot){"unit-chosen", NULL, NULL, &s->unit_chosen, 0, 1};
    p[n++] = (struct spot){"filter", &s->filter, NULL, NULL, 0, MANY};
    p[n++] = (struct spot){"track", &s->track, NULL, NULL, 0, MANY};
    p[n++] = (struct spot){"rollout", NULL, NULL, &s->rollout, 0, 1};
    p[n++] = (struct spot){"sides", &c->n, NULL, NULL, 0, UI_COMPARED};
    static const char *const slot_name[UI_COMPARED] = {"side1", "side2", "side3", "side4"};
    static const char *const at_name[UI_COMPARED] = {"side1.at", "side2.at", "side3.at",
                                                     "side4.at"};
    for (int i = 0; i < UI_COMPARED; i++) {
        p[n++] = (struct spot){slot_name[i], &c->side[i].slot, NULL, NULL, 0, SLOTS - 1};
        p[n++] = (struct spot){at_name[i], NULL, &c->side[i].at, NULL, STEP_LIVE, INT64_MAX};
    }
    return n;
}

static int64_t spot_value(const struct spot *p)
{
    return p->i ? *p->i : p->l ? *p->l : *p->b;
}

static void save_spots(struct app *a, FILE *f)
{
    struct spot p[SPOTS];
    int n = spots_of(a, p);
    for (int i = 0; i < n; i++)
        fprintf(f, "%s%s %lld\n", spot_mark, p[i].name, (long long)spot_value(&p[i]));
}

static void load_spot(struct app *a, const char *text)
{
    struct spot p[SPOTS];
    int n = spots_of(a, p);
    char name[32];
    long long v;
    if (sscanf(text, "%31s %lld", name, &v) != 2)
        return;
    for (int i = 0; i < n; i++)
        if (strcmp(p[i].name, name) == 0 && v >= p[i].min && v <= p[i].max) {
            if (p[i].i)
                *p[i].i = (int)v;
            else if (p[i].l)
                *p[i].l = v;
            else
                *p[i].b = v != 0;
        }
}

/* ---- the log, a line each: step, kind, text ---- */

/* command; given to a run, reported by it; event; error */
static const char log_kinds[] = "crbex";

static void save_log_lines(const struct app *a, FILE *f)
{
    for (int i = 0; i < a->n_log; i++) {
        const struct log_line *l = app_log_at(a, i);
        char kind = l->kind == LOG_EVENT   ? 'e'
                    : l->kind == LOG_ERROR ? 'x'
                    : l->by_event          ? 'b'
                    : l->running           ? 'r'
                                           : 'c';
        fprintf(f, "%s%lld %c %s\n", log_mark, (long long)l->step, kind, l->text);
    }
}

static void load_log_line(struct app *a, const char *text, size_t n)
{
    long long step;
    char kind;
    int at = 0, last = a->log_at;
    if (sscanf(text, "%lld %c%n", &step, &kind, &at) != 2 || !strchr(log_kinds, kind) ||
        (size_t)at >= n || text[at] != ' ')
        return;
    app_log(a, step,
            kind == 'e'   ? LOG_EVENT
            : kind == 'x' ? LOG_ERROR
                          : LOG_COMMAND,
            "%.*s", (int)(n - (size_t)at - 1), text + at + 1);
    a->log[last].running = kind == 'r' || kind == 'b';
    a->log[last].by_event = kind == 'b';
}

/* ---- writing ---- */

void session_data(const struct app *a, FILE *f)
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
    else if (a->split->kind == SPLIT_SESSIONS && a->split->valid_percent != SPLIT_VALID)
        fprintf(f, "data split sessions valid=%d\n", (int)a->split->valid_percent);
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

static void use(int slot, FILE *f)
{
    fprintf(f, "model use %c\n", 'A' + slot);
}

static enum status write_session(struct app *a, const char *path, FILE *f, struct counts *n,
                                 struct err *err)
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
        session_data(a, f);
    for (int i = 0; i < SLOTS; i++) {
        if (!a->slots[i].model)
            continue;
        enum status st = save_model(a, i, path, f, n, err);
        if (st != ST_OK)
            return st;
    }
    if (a->slots[a->slot].model)
        use(a->slot, f);
    if (a->has_pin)
        save_sequence(a, "pin", &a->pin, f);
    if (a->seq.n)
        save_sequence(a, "seq", &a->seq, f);
    for (int i = 0; i < SLOTS; i++)
        for (int k = 0; k < a->slots[i].n_break; k++) {
            use(i, f);
            fprintf(f, "break %s\n", a->slots[i].breaks[k]);
        }
    for (int i = 0; i < a->n_ablation; i++) {
        use(a->ablation[i].slot, f);
        fprintf(f, "ablate %s value=%g\n", a->ablation[i].part,
                (double)a->ablation[i].patch.value);
    }
    for (int i = 0; i < a->n_watch; i++) {
        if (a->slots[a->watch[i].slot].model)
            use(a->watch[i].slot, f);
        fprintf(f, "watch %s\n", a->watch[i].text);
    }
    if (a->slots[a->slot].model)
        use(a->slot, f);
    if (a->at != STEP_LIVE)
        fprintf(f, "at %lld\n", (long long)a->at);
    if (a->ui)
        fprintf(f, "%s%s\n", tab_mark, tab_defs[a->ui->tab].name);
    save_spots(a, f);
    save_log_lines(a, f);
    return ST_OK;
}

/* Model files that only the session before wrote. */
static void sweep(const char *path, const char *before, const char *now)
{
    static const char ending[] = ".safetensors\"";
    char file[1400], name[300];
    for (const char *p = before; p && (p = strstr(p, ending)); p++) {
        const char *line = p, *open = p;
        while (line > before && line[-1] != '\n')
            line--;
        while (open > line && *open != '"')
            open--;
        if (strncmp(line, "load ", 5) != 0 || *open != '"')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(p + sizeof ending - 2 - open - 1), open + 1);
        if (strchr(name, '/') || strstr(now, name))
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
    struct counts n = {0};
    char *text = NULL, *before = NULL, hex[65];
    size_t size = 0;
    FILE *m = NULL;
    enum status st = durable_open(&d, path, err);
    if (st == ST_OK && !(m = open_memstream(&text, &size)))
        st = err_nomem(err, 4096, "the session");
    if (st == ST_OK)
        st = write_session(a, path, m, &n, err);
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
        out_line(
            out,
            "wrote %s: %d models, %d kept steps, %.1f MB beside it; load session restores it",
            path, n.models, n.kept, (double)n.bytes * 1e-6);
        out_text(out, "file", path);
        out_int(out, "models", n.models);
        out_int(out, "kept", n.kept);
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

/* The lines that are no commands: tab, places of cursors, log. */
static enum status load_marks(struct app *a, const char *text, struct err *err)
{
    enum status st = ST_OK;
    for (int i = 0; i < SLOTS; i++) /* breakpoints are acknowledged at once: nothing runs */
        if (a->slots[i].trainer)
            (void)trainer_wait(a->slots[i].trainer, SETTLE_MS);
    app_poll(a);
    a->n_log = a->log_at = 0; /* the commands of the script stand for what the log tells */
    for (const char *p = text; *p && st == ST_OK; p += strcspn(p, "\n"), p += *p == '\n') {
        size_t n = strcspn(p, "\n");
        if (strncmp(p, tab_mark, sizeof tab_mark - 1) == 0 && a->ui) {
            char name[32];
            snprintf(name, sizeof name, "%.*s", (int)(n - (sizeof tab_mark - 1)),
                     p + sizeof tab_mark - 1);
            st = ui_tab(a, name, err);
        } else if (strncmp(p, spot_mark, sizeof spot_mark - 1) == 0) {
            load_spot(a, p + sizeof spot_mark - 1);
        } else if (strncmp(p, log_mark, sizeof log_mark - 1) == 0) {
            load_log_line(a, p + sizeof log_mark - 1, n - (sizeof log_mark - 1));
        }
    }
    if (a->cursor >= a->seq.n)
        a->cursor = a->seq.n ? a->seq.n - 1 : 0;
    return st;
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
    a->n_watch = 0;
    a->at = STEP_LIVE;
    bool interactive = a->interactive;
    a->interactive = a->ui ? interactive : false;
    st = script_run(a, path, NULL, NULL, out, err);
    a->interactive = interactive;
    if (st == ST_OK)
        st = load_marks(a, text, err);
    free(text);
    if (st == ST_OK)
        out_text(out, "file", path);
    return st;
}
