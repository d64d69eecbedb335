/* data list|load|plant|info|show|split|export. */
#include "app/background.h"
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/script.h"
#include "app/settings.h"
#include "app/cmd/suggest.h"
#include "app/ui/text.h"
#include "app/ui_state.h"
#include "engine/base/rng.h"
#include "engine/data/import.h"
#include "engine/train/horizon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cmd_arg args_data_list[] = {{0}};

enum status run_data_list(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    (void)a, (void)call, (void)err;
    json_t *worlds = json_array(), *formats = json_array();
    out_line(out, "worlds (data plant NAME):");
    for (int i = 0; world_defs[i]; i++) {
        const struct world_def *d = world_defs[i];
        out_line(out, "  %-8s %5d sessions  %s", d->name, (int)d->sessions, d->planted);
        json_array_append_new(worlds,
                              json_pack("{s:s,s:s,s:s,s:i}", "name", d->name, "title", d->title,
                                        "planted", d->planted, "sessions", (int)d->sessions));
    }
    out_line(out, "formats (data load FILE):");
    for (int i = 0; importer_defs[i]; i++) {
        out_line(out, "  %-10s %s", importer_defs[i]->name, importer_defs[i]->title);
        json_array_append_new(formats, json_pack("{s:s,s:s}", "name", importer_defs[i]->name,
                                                 "title", importer_defs[i]->title));
    }
    json_object_set_new(out_json(out), "worlds", worlds);
    json_object_set_new(out_json(out), "formats", formats);
    return ST_OK;
}

static void data_fields(const struct app *a, struct cmd_out *out)
{
    const struct dataset *ds = a->ds;
    out_text(out, "data", ds->name);
    out_int(out, "items", ds->n_items);
    out_int(out, "sessions", ds->n_sessions);
    out_int(out, "events", ds->n_events);
}

static void data_line(const struct app *a, struct cmd_out *out)
{
    char ev[FMT_NUM], se[FMT_NUM];
    out_line(out, "%s: %s sessions, %d items, %s events; split %s", a->ds->name,
             fmt_count(se, a->ds->n_sessions), (int)a->ds->n_items,
             fmt_count(ev, (double)a->ds->n_events), a->split->name);
    data_fields(a, out);
}

// clang-format off
static const char *const items_choices[] = {"144", "240", "480", NULL};
const struct cmd_arg args_data_plant[] = {
    {.name = "WORLD", .type = ARG_WORLD, .doc = "which pattern"},
    {.name = "items", .type = ARG_CHOICE, .option = true, .optional = true, .choices = items_choices, .doc = "size of the catalogue, default 240"},
    {.name = "sessions", .type = ARG_INT, .option = true, .optional = true, .min = 10, .max = 1000000, .doc = "default: the world's"},
    {.name = "noise", .type = ARG_FLOAT, .option = true, .optional = true, .min = 0, .max = 1, .doc = "share of odd events, default 0.1"},
    {.name = "seed", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = 9e15, .doc = "default: the setting seed"},
    {0},
};
// clang-format on

static enum status plant(struct app *a, const char *name, const struct world_opts *o,
                         struct err *err)
{
    struct dataset *ds = NULL;
    if (app_running_slot(a) >= 0 && !a->interactive) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + app_running_slot(a));
        return err_hint(err, "busy", "Try: stop"), ST_STATE;
    }
    enum status st = world_generate(&ds, name, o, err);
    return st == ST_OK ? app_set_data(a, ds, err) : st;
}

enum status run_data_plant(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    static const int32_t sizes[] = {144, 240, 480};
    struct world_opts o = {
        .items = sizes[call_int(call, "items", 1)],
        .sessions = (int32_t)call_int(call, "sessions", 0),
        .noise =
            call_has(call, "noise") ? (int32_t)lround(call_num(call, "noise", 0) * 1000) : -1,
        .seed = (uint64_t)call_int(call, "seed", (int64_t)a->seed),
    };
    enum status st = plant(a, world_defs[call_int(call, "WORLD", 0)]->name, &o, err);
    if (st == ST_OK)
        data_line(a, out);
    return st;
}

// clang-format off
const struct cmd_arg args_data_load[] = {
    {.name = "FILE", .type = ARG_DATASET, .doc = "a file, or the name of a world"},
    {.name = "test", .type = ARG_PATH, .option = true, .optional = true, .doc = "a second file: its sessions are the test part"},
    {.name = "format", .type = ARG_WORD, .option = true, .optional = true, .doc = "importer, see data list"},
    {.name = "gap", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = 1e9, .doc = "seconds of pause that end a session"},
    {.name = "minitem", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = 1e9, .doc = "leave out items with fewer events"},
    {.name = "minlen", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = 1e9, .doc = "leave out shorter sessions"},
    {.name = "item", .type = ARG_WORD, .option = true, .optional = true, .doc = "tables: the column of items"},
    {.name = "user", .type = ARG_WORD, .option = true, .optional = true, .doc = "tables: the column of users or sessions"},
    {.name = "time", .type = ARG_WORD, .option = true, .optional = true, .doc = "tables: the column of times"},
    {0},
};
// clang-format on

static bool load_progress(void *ctx, int64_t done, int64_t total)
{
    (void)done, (void)total;
    return !((const struct app *)ctx)->cancel;
}

/* What was left out or mended on the way, where there is something to say. */
static void load_notes(const struct import_report *r, struct cmd_out *out)
{
    if (r->blank + r->no_key + r->repaired > 0)
        out_line(out,
                 "%lld empty lines and %lld rows without user or item left out; %lld texts "
                 "made harmless",
                 (long long)r->blank, (long long)r->no_key, (long long)r->repaired);
    if (r->names_from[0])
        out_line(out, "names of %d items from %s", (int)r->named, r->names_from);
    else if (r->names_problem[0])
        out_line(out, "no names: %s", r->names_problem);
}

/* The command that loads this file again from anywhere. */
static void remember(struct app *a, const struct cmd_call *call, const char *file)
{
    char whole[1200] = "";
    size_t at = file[0] != '/' && getcwd(whole, sizeof whole / 2) ? strlen(whole) : 0;
    snprintf(whole + at, sizeof whole - at, "%s%s", at ? "/" : "", file);
    size_t size = sizeof a->data_command,
           n = (size_t)snprintf(a->data_command, size, "data load \"");
    for (const char *p = whole; *p && n + 3 < size; p++) {
        if (*p == '"' || *p == '\\')
            a->data_command[n++] = '\\';
        a->data_command[n++] = *p;
    }
    if (n + 1 < size)
        n += (size_t)snprintf(a->data_command + n, size - n, "\"");
    for (const struct cmd_arg *p = args_data_load; p->name && n < size; p++)
        if (p->option && call_has(call, p->name))
            n += (size_t)snprintf(a->data_command + n, size - n, " %s=%s", p->name,
                                  call_text(call, p->name, ""));
}

enum status run_data_load(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    const char *what = call_text(call, "FILE", ""), *format = call_text(call, "format", NULL);
    for (int i = 0; world_defs[i]; i++)
        if (strcmp(world_defs[i]->name, what) == 0) {
            struct world_opts o = {.items = 240, .noise = -1, .seed = a->seed};
            enum status st = plant(a, what, &o, err);
            if (st == ST_OK)
                data_line(a, out);
            return st;
        }
    bool known = !format;
    struct suggest s;
    suggest_begin(&s, format ? format : "");
    for (int i = 0; !known && importer_defs[i]; i++) {
        known = strcmp(importer_defs[i]->name, format) == 0;
        suggest_add(&s, importer_defs[i]->name);
    }
    if (!known) {
        call_blame(call, "format", out);
        err_set(err, ST_ARG, "no format \"%.40s\"", format);
        return err_hint(err, "bad-value", s.pick ? "Did you mean %s?" : "Try: data list",
                        s.pick),
               ST_ARG;
    }
    struct import_opts o = {
        .session_gap_s = call_int(call, "gap", 0),
        .min_item = (int32_t)call_int(call, "minitem", 0),
        .min_len = (int32_t)call_int(call, "minlen", 0),
        .max_errors = 5,
        .test_path = call_text(call, "test", NULL),
        .item_col = call_text(call, "item", NULL),
        .user_col = call_text(call, "user", NULL),
        .time_col = call_text(call, "time", NULL),
    };
    struct import_report rep = {0};
    struct dataset *ds = NULL;
    char beside[1400];
    what = script_file(a, what, beside, sizeof beside);
    enum status st = dataset_import(&ds, what, format, &o, &rep, load_progress, a, err);
    if (st != ST_OK) {
        call_blame(call, "FILE", out);
        for (int i = 0; st == ST_IO && i < 1 && world_defs[i]; i++) {
            struct suggest w;
            suggest_begin(&w, what);
            for (int k = 0; world_defs[k]; k++)
                suggest_add(&w, world_defs[k]->name);
            if (w.pick && !err->hint[0])
                err_hint(err, "file", "Did you mean the world %s?", w.pick);
        }
        return st;
    }
    st = app_set_data(a, ds, err);
    if (st != ST_OK)
        return st;
    remember(a, call, what);
    data_line(a, out);
    out_line(out,
             "read %lld lines, %lld events; kept %lld (%lld repeats, %lld of rare items, %lld "
             "of short sessions left out)",
             (long long)rep.lines, (long long)rep.events_in, (long long)rep.events_out,
             (long long)rep.dup, (long long)rep.dropped_rare, (long long)rep.dropped_short);
    if (ds->first_test)
        out_line(out, "test part: the %d sessions of %s",
                 (int)(ds->n_sessions - ds->first_test), o.test_path);
    load_notes(&rep, out);
    json_object_set_new(out_json(out), "report",
                        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "lines", (json_int_t)rep.lines,
                                  "events_in", (json_int_t)rep.events_in, "events_out",
                                  (json_int_t)rep.events_out, "duplicates", (json_int_t)rep.dup,
                                  "dropped_rare", (json_int_t)rep.dropped_rare, "dropped_short",
                                  (json_int_t)rep.dropped_short));
    return ST_OK;
}

const struct cmd_arg args_data_info[] = {{0}};

static int by_length(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

static void info_scores(struct cmd_out *out, const char *name, double hr, double ndcg,
                        double mrr, double logloss)
{
    char h[FMT_NUM], n[FMT_NUM], m[FMT_NUM], l[FMT_NUM];
    out_line(out, "%-9s HR@10 %s  NDCG@10 %s  MRR %s%s%s", name, fmt_num(h, hr),
             fmt_num(n, ndcg), fmt_num(m, mrr), isnan(logloss) ? "" : "  log loss ",
             isnan(logloss) ? "" : fmt_num(l, logloss));
    json_t *j = json_object();
    json_object_set_new(j, "hr@10", json_num(hr));
    json_object_set_new(j, "ndcg@10", json_num(ndcg));
    json_object_set_new(j, "mrr", json_num(mrr));
    json_object_set_new(j, "logloss", json_num(logloss));
    json_object_set_new(out_json(out), name, j);
}

enum status run_data_info(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    (void)call;
    const struct dataset *ds = a->ds;
    const struct split *sp = a->split;
    if (out_form(out) != OUT_MESSAGE)
        background_wait(a);
    int32_t *len = malloc(sizeof *len * (size_t)(ds->n_sessions > 0 ? ds->n_sessions : 1));
    if (!len)
        return err_nomem(err, sizeof *len * (unsigned long long)ds->n_sessions, "lengths");
    int64_t repeats = 0;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        len[s] = dataset_len(ds, s);
        for (int64_t i = ds->off[s] + 1; i < ds->off[s + 1]; i++) {
            bool seen = false;
            for (int64_t k = ds->off[s]; k < i && i - k <= 200 && !seen; k++)
                seen = ds->item[k] == ds->item[i];
            repeats += seen;
        }
    }
    qsort(len, (size_t)ds->n_sessions, sizeof *len, by_length);
    int32_t lo = ds->n_sessions ? len[0] : 0,
            mid = ds->n_sessions ? len[ds->n_sessions / 2] : 0,
            hi = ds->n_sessions ? len[ds->n_sessions - 1] : 0;
    free(len);
    char t[FMT_NUM];
    double density = (double)ds->n_events / ((double)ds->n_sessions * ds->n_items);
    out_line(out, "name      %s", ds->name);
    out_line(out, "sessions  %d   train %d", (int)ds->n_sessions, (int)sp->n_train);
    out_line(out, "items     %d   events %lld", (int)ds->n_items, (long long)ds->n_events);
    out_line(out, "length    min %d  median %d  max %d", (int)lo, (int)mid, (int)hi);
    out_line(out, "density   %s %%   repeats in session %s %%", fmt_num(t, 100 * density),
             fmt_num((char[FMT_NUM]){0},
                     ds->n_events ? 100.0 * (double)repeats / (double)ds->n_events : 0));
    int64_t valid = app_questions(a, PART_VALID), test = app_questions(a, PART_TEST);
    out_line(
        out,
        "split     %s: %lld training events, %lld validation questions, %lld test questions",
        sp->name, (long long)sp->n_train_events, (long long)valid, (long long)test);
    out_line(out, "hash      %016llx", (unsigned long long)ds->hash);
    data_fields(a, out);
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)ds->hash);
    out_text(out, "hash", hash);
    out_text(out, "split", sp->name);
    out_int(out, "train_sessions", sp->n_train);
    out_int(out, "train_events", sp->n_train_events);
    out_int(out, "valid", valid);
    out_int(out, "test", test);
    json_object_set_new(
        out_json(out), "length",
        json_pack("{s:i,s:i,s:i}", "min", (int)lo, "median", (int)mid, "max", (int)hi));
    if (ds->world) {
        const struct world_def *w = world_of(ds->world);
        const struct world_opts *o = world_options(ds->world);
        out_line(out, "planted   %s (noise %s, seed %llu)", w->planted,
                 fmt_short(t, o->noise / 1000.0), (unsigned long long)o->seed);
        out_text(out, "planted", w->planted);
        out_int(out, "seed", (int64_t)o->seed);
        out_num(out, "noise", o->noise / 1000.0);
    }
    if (a->has_ceiling && a->valid_ceiling.n > 0)
        info_scores(out, "ceiling", a->valid_ceiling.hr10, a->valid_ceiling.ndcg10,
                    a->valid_ceiling.mrr, a->valid_ceiling.logloss);
    for (int i = 0; a->base.ready && i < a->base.n; i++) {
        const struct eval_result *r = &a->base.row[i].r;
        if (r->n == 0)
            continue;
        info_scores(out, a->base.row[i].model->name, r->hr, r->ndcg, r->mrr, r->logloss);
    }
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_data_show[] = {
    {.name = "SESSION", .type = ARG_SESSION, .doc = "s:1 is the first"},
    {0},
};
// clang-format on

enum status run_data_show(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    const struct dataset *ds = a->ds;
    int32_t s = (int32_t)call_int(call, "SESSION", 0), n = dataset_len(ds, s);
    if (a->ui && out_form(out) == OUT_MESSAGE && ui_view(a, "sessions"))
        return ui_show(a, "sessions", call, err);
    const char *part = a->split->part[s] != PART_TRAIN    ? ", held out"
                       : a->split->kind == SPLIT_SESSIONS ? ", training"
                                                          : "";
    json_t *items = json_array();
    out_line(out, "s:%d  %d items%s", (int)s + 1, (int)n, part);
    for (int32_t i = 0; i < n; i++) {
        int64_t e = ds->off[s] + i;
        char text[160];
        app_item_text(a, ds->item[e], text, sizeof text);
        const char *flag = ds->flag ? world_flag_name((enum world_flag)ds->flag[e]) : "";
        out_line(out, "%4d  %-28s %s", (int)i + 1, text, flag);
        json_t *j = json_object();
        json_object_set_new(j, "id", json_integer(ds->item[e]));
        json_object_set_new(j, "name",
                            ds->item_name && ds->item_name[ds->item[e]]
                                ? json_text(ds->item_name[ds->item[e]])
                                : json_null());
        if (ds->flag)
            json_object_set_new(j, "flag", json_text(flag));
        if (ds->ts)
            json_object_set_new(j, "time", json_integer(ds->ts[e]));
        json_array_append_new(items, j);
    }
    out_int(out, "session", s + 1);
    json_object_set_new(out_json(out), "items", items);
    return ST_OK;
}

const struct cmd_arg args_data_random[] = {{0}};

enum status run_data_random(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    /* Numbered by what was logged before: the same log draws the same sessions. */
    struct rng_key key = rng_key(a->seed, a->n_log, rng_site("data random"));
    struct arg_value v = {.arg = &args_data_show[0],
                          .text = "",
                          .i = rng_below(key, 0, (uint32_t)a->ds->n_sessions)};
    struct cmd_call one = *call;
    one.n = 1;
    one.v = &v;
    return run_data_show(a, &one, out, err);
}

// clang-format off
const struct cmd_arg args_data_split[] = {
    {.name = "KIND", .type = ARG_CHOICE, .choices = split_words, .doc = "how questions are held out"},
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = HORIZON_MAX, .doc = "leave-k-out: items a part, default 5"},
    {.name = "valid", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = SPLIT_VALID_MAX, .doc = "sessions: percent that validate, default 10; 0 trains on all but the test"},
    {0},
};
// clang-format on

enum status run_data_split(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    enum split_kind kind = (enum split_kind)call_int(call, "KIND", 0);
    static const struct {
        const char *word;
        enum split_kind of;
        int usual;
    } own[] = {{"k", SPLIT_LEAVE_K_OUT, 5}, {"valid", SPLIT_SESSIONS, SPLIT_VALID}};
    int64_t value = 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (own[i].of == kind)
            value = call_int(call, own[i].word, own[i].usual);
        else if (call_has(call, own[i].word)) {
            const char *of = split_words[own[i].of];
            call_blame(call, own[i].word, out);
            err_set(err, ST_ARG, "%s= is of %s, not of %s", own[i].word, of, split_words[kind]);
            return err_hint(err, "bad-value", "Try: data split %s %s=%d", of, own[i].word,
                            (int)call_int(call, own[i].word, own[i].usual)),
                   ST_ARG;
        }
    }
    enum status st = app_set_split(a, kind, (int32_t)value, err);
    if (st != ST_OK)
        return st;
    int64_t valid = app_questions(a, PART_VALID), test = app_questions(a, PART_TEST);
    out_line(out, "split %s: %d training sessions, %lld validation and %lld test questions",
             a->split->name, (int)a->split->n_train, (long long)valid, (long long)test);
    out_text(out, "split", a->split->name);
    out_int(out, "valid", valid);
    out_int(out, "test", test);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_data_export[] = {
    {.name = "FILE", .type = ARG_PATH, .doc = "one session a line"},
    {.name = "truth", .type = ARG_PATH, .option = true, .optional = true, .doc = "what is planted, an event a line"},
    {0},
};
// clang-format on

enum status run_data_export(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    const char *path = call_text(call, "FILE", ""), *truth = call_text(call, "truth", NULL);
    if (truth && !a->ds->flag) {
        call_blame(call, "truth", out);
        err_set(err, ST_STATE, "nothing is planted in %.60s", a->ds->name);
        return err_hint(err, "bad-value", "Leave truth= out"), ST_STATE;
    }
    enum status st = dataset_export(a->ds, path, truth, err);
    if (st != ST_OK)
        return st;
    out_line(out, "wrote %s%s%s", path, truth ? " and " : "", truth ? truth : "");
    out_text(out, "file", path);
    if (truth)
        out_text(out, "truth", truth);
    return ST_OK;
}
