/* set show reset alias bind tab view layout find echo help quit. */
#include "app/background.h"
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/settings.h"
#include "app/cmd/suggest.h"
#include "app/lesson/course.h"
#include "app/run.h"
#include "app/ui/text.h"
#include "app/ui_state.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

// clang-format off
const struct cmd_arg args_set[] = {
    {.name = "KEY", .type = ARG_SETTING, .doc = "of the program or of the model"},
    {.name = "VALUE", .type = ARG_TEXT, .optional = true, .doc = "toggle, next, or a value; without: shows it"},
    {0},
};
// clang-format on

static enum status no_setting(struct app *a, const char *key, struct err *err)
{
    struct suggest s;
    suggest_begin(&s, key);
    for (int i = 0; i < SETTINGS; i++)
        suggest_add(&s, setting_defs[i].name);
    const struct learner *l = app_learner(a, a->slot);
    for (const struct hparam_def *d = l ? hparams_defs(l->hp) : NULL; d && d->name; d++)
        suggest_add(&s, d->name);
    static const struct { /* words other programs use */
        const char *word, *ours;
    } known[] = {{"learning_rate", "lr"}, {"learning-rate", "lr"},     {"batch_size", "batch"},
                 {"hidden_units", "d"},   {"hidden_size", "d"},        {"num_blocks", "layers"},
                 {"num_heads", "heads"},  {"n_heads", "heads"},        {"weight_decay", "wd"},
                 {"max_len", "maxlen"},   {"dropout_rate", "dropout"}, {"colour", "color"},
                 {"colors", "color"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].word, key) == 0)
            s.pick = known[i].ours;
    err_set(err, ST_ARG, "no setting \"%.40s\"", key);
    return err_hint(err, "bad-key", s.pick ? "Did you mean %s?" : "Try: show settings", s.pick),
           ST_ARG;
}

/* Does any model have this setting?  The example of a name that acts later. */
static const struct model_def *model_with(const char *key)
{
    for (int i = 0; model_defs[i]; i++)
        for (const struct hparam_def *d = model_defs[i]->hparams; d && d->name; d++)
            if (strcmp(d->name, key) == 0)
                return model_defs[i];
    return NULL;
}

static enum status later(const char *key, const char *value, const char *model, struct err *err)
{
    err_set(err, ST_STATE, "%s applies to a new model only", key);
    return err_hint(err, "later", "Try: model new %s %s=%.30s", model, key, value), ST_STATE;
}

static enum status set_model(struct app *a, const struct cmd_call *call, const char *key,
                             const char *value, struct cmd_out *out, struct err *err)
{
    struct slot *s = app_slot(a);
    const struct learner *l = app_learner(a, a->slot);
    const struct hparam_def *d = l ? hparams_def(l->hp, key) : NULL;
    if (!d) {
        const struct model_def *m = model_with(key);
        call_blame(call, "KEY", out);
        if (m && l) {
            err_set(err, ST_ARG, "%s has no setting %s; %s has", s->model->title, key,
                    m->title);
            return err_hint(err, "not-for-model", "Try: model info"), ST_ARG;
        }
        return m ? later(key, value, m->name, err) : no_setting(a, key, err);
    }
    /* Checked on a copy first: what is refused must not reach the run. */
    struct hparams *copy = NULL;
    enum status st = hparams_copy(&copy, l->hp, err);
    if (st == ST_OK)
        st = hparams_set(copy, key, value, err);
    hparams_free(copy);
    if (st != ST_OK) {
        call_blame(call, "VALUE", out);
        return err_hint(err, "bad-value", "Try: show %.40s", key), st;
    }
    if (!d->live) {
        call_blame(call, "KEY", out);
        return later(key, value, s->model->name, err);
    }
    int64_t step = app_step(a, a->slot);
    char text[160];
    snprintf(text, sizeof text, "%s %.100s", key, value);
    if (s->trainer) {
        st = run_post(a, a->slot, TC_SET, 0, text, err);
        if (st == ST_OK && !a->interactive && !app_running(a, a->slot)) {
            st = run_wait(a, a->slot, out, err);
            step = app_step(a, a->slot);
        }
    } else {
        st = learner_set(s->learner, key, value, err);
        if (st == ST_OK)
            st = slot_publish(s, err);
        if (st == ST_OK && s->n_change < (int)(sizeof s->change / sizeof *s->change)) {
            struct setting_change *c = &s->change[s->n_change++];
            c->step = step;
            snprintf(c->text, sizeof c->text, "%.63s", text);
        }
    }
    if (st != ST_OK)
        return st;
    out_line(out, "%s %s from batch %lld on", key, value, (long long)step + 1);
    out_text(out, "setting", key);
    out_text(out, "value", value);
    out_int(out, "from_batch", step + 1);
    return ST_OK;
}

static void show_one(struct app *a, int id, struct cmd_out *out)
{
    char text[64], range[96];
    setting_text(a, id, text, sizeof text);
    setting_range(id, range, sizeof range);
    out_line(out, "%-10s %-8s %s (%s)", setting_defs[id].name, text, setting_defs[id].doc,
             range);
    out_text(out, "setting", setting_defs[id].name);
    out_text(out, "value", text);
}

static bool show_model_setting(struct app *a, const char *key, struct cmd_out *out)
{
    const struct learner *l = app_learner(a, a->slot);
    const struct hparam_def *d = l ? hparams_def(l->hp, key) : NULL;
    char text[64];
    if (!d)
        return false;
    hparams_text(l->hp, key, text, sizeof text);
    out_line(out, "%-10s %-8s %s (%s)", key, text, d->doc ? d->doc : "",
             d->live ? "acts from the next batch" : "of a new model only");
    out_text(out, "setting", key);
    out_text(out, "value", text);
    return true;
}

enum status run_set(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                    struct err *err)
{
    const char *key = call_text(call, "KEY", ""), *value = call_text(call, "VALUE", NULL);
    int id = setting_find(key);
    const struct learner *l = app_learner(a, a->slot);
    bool of_model = id < 0 || (l && hparams_def(l->hp, key) && strcmp(key, "seed") != 0);
    if (!value) {
        if (id >= 0 && !of_model) {
            show_one(a, id, out);
            return ST_OK;
        }
        if (show_model_setting(a, key, out))
            return ST_OK;
        call_blame(call, "KEY", out);
        return no_setting(a, key, err);
    }
    if (of_model)
        return set_model(a, call, key, value, out, err);
    enum status st = setting_set(a, id, value, err);
    if (st != ST_OK) {
        call_blame(call, "VALUE", out);
        return st;
    }
    char text[64];
    setting_text(a, id, text, sizeof text);
    out_line(out, "%s %s", key, text);
    out_text(out, "setting", key);
    out_text(out, "value", text);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_reset[] = {
    {.name = "KEY", .type = ARG_SETTING, .doc = "a setting of the program, or all"},
    {0},
};
// clang-format on

enum status run_reset(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    const char *key = call_text(call, "KEY", "");
    int id = setting_find(key), n = 0;
    if (strcmp(key, "all") == 0) {
        for (int i = 0; i < SETTINGS; i++)
            if (setting_changed(a, i)) {
                enum status st = setting_reset(a, i, err);
                if (st != ST_OK)
                    return st;
                n++;
            }
        out_line(out, "%d settings are back at their defaults", n);
        return ST_OK;
    }
    const struct learner *l = app_learner(a, a->slot);
    if (id < 0 && l && hparams_def(l->hp, key)) { /* of the model: its own default */
        struct hparams *fresh = NULL;
        char value[64];
        enum status st = hparams_new(&fresh, l->model->hparams, l->model->name, err);
        if (st != ST_OK)
            return st;
        hparams_text(fresh, key, value, sizeof value);
        hparams_free(fresh);
        return set_model(a, call, key, value, out, err);
    }
    if (id < 0) {
        call_blame(call, "KEY", out);
        return no_setting(a, key, err);
    }
    enum status st = setting_reset(a, id, err);
    if (st == ST_OK)
        show_one(a, id, out);
    return st;
}

// clang-format off
const struct cmd_arg args_show[] = {
    {.name = "WHAT", .type = ARG_SETTING, .optional = true, .doc = "a setting, or: settings run kept log screen"},
    {0},
};
// clang-format on

static void show_settings(struct app *a, struct cmd_out *out)
{
    json_t *list = json_object();
    const char *group = "";
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_def *d = &setting_defs[i];
        char text[64], range[96];
        if (course_hides_setting(a, d->name))
            continue;
        setting_text(a, i, text, sizeof text);
        setting_range(i, range, sizeof range);
        if (strcmp(group, d->group) != 0)
            out_line(out, "%s", d->group);
        group = d->group;
        out_line(out, "%c %-10s %-8s %s (%s)", setting_changed(a, i) ? '*' : ' ', d->name, text,
                 d->doc, range);
        json_object_set_new(list, d->name, json_text(text));
    }
    json_object_set_new(out_json(out), "settings", list);
    const struct learner *l = app_learner(a, a->slot);
    json_t *model = json_object();
    if (l)
        out_line(out, "%s in %c (* changed, ! acts from the next batch)", l->model->title,
                 'A' + a->slot);
    for (const struct hparam_def *d = l ? hparams_defs(l->hp) : NULL; d && d->name; d++) {
        char text[64];
        if (course_hides_setting(a, d->name))
            continue;
        hparams_text(l->hp, d->name, text, sizeof text);
        out_line(out, "%c%c%-12s %-8s %s", hparams_changed(l->hp, d->name) ? '*' : ' ',
                 d->live ? '!' : ' ', d->name, text, d->doc ? d->doc : "");
        json_object_set_new(model, d->name, json_text(text));
    }
    json_object_set_new(out_json(out), "model", model);
}

static void show_run(struct app *a, struct cmd_out *out)
{
    const struct learner *l = app_learner(a, a->slot);
    const struct snapshot *s = app_snapshot(a, a->slot);
    char num[FMT_NUM];
    out_line(out, "program  seqlab %s", SEQLAB_VERSION);
    out_text(out, "version", SEQLAB_VERSION);
    out_line(out, "kernels  %s, %d threads", kern()->name, pool_threads(a->pool));
    out_text(out, "kernels", kern()->name);
    out_int(out, "threads", pool_threads(a->pool));
    if (a->ds) {
        out_line(out, "data     %s, hash %016llx", a->ds->name,
                 (unsigned long long)a->ds->hash);
        out_text(out, "data", a->ds->name);
    }
    if (!l) {
        out_line(out, "model    none");
        return;
    }
    out_line(out, "model    %s in %c, seed %llu", l->model->title, 'A' + a->slot,
             (unsigned long long)l->seed);
    out_text(out, "model", l->model->name);
    out_int(out, "seed", (int64_t)l->seed);
    out_int(out, "step", app_step(a, a->slot));
    out_line(out, "step     %lld, %s", (long long)app_step(a, a->slot),
             s ? train_state_name(s->state) : "READY");
    out_text(out, "state", s ? train_state_name(s->state) : "READY");
    if (s) {
        out_line(out, "spent    %s s training", fmt_num(num, s->seconds));
        out_num(out, "seconds", s->seconds);
    }
    if (!a->ui) /* the screen does not wait: it shows it when it is there */
        background_find_filling(a, a->slot);
    const struct cloze_floor *f = background_filling(a, a->slot);
    if (f) {
        char se[FMT_NUM];
        out_line(out, "floor    %s +- %s: the best mean loss of filling in what it hides",
                 fmt_num(num, f->mean), fmt_num(se, f->se));
        out_num(out, "train_floor", f->mean);
    }
    if (l->ps && l->x && !app_running(a, a->slot)) {
        char hex[65];
        learner_sha256(l, hex);
        out_line(out, "weights  sha256 %s", hex);
        out_text(out, "sha256", hex);
    }
}

static void show_kept(struct app *a, struct cmd_out *out)
{
    static int64_t step[4096];
    int n = app_slot(a)->history ? history_steps(app_slot(a)->history, step, 4096) : 0;
    char line[400];
    size_t at = 0;
    json_t *list = json_array();
    line[0] = '\0';
    for (int i = 0; i < n && i < 4096; i++) {
        json_array_append_new(list, json_integer(step[i]));
        if (at > 80) {
            out_line(out, "%s", line);
            at = 0;
        }
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%lld", at ? " " : "",
                               (long long)step[i]);
    }
    out_line(out, "%s", n ? line : "nothing is kept");
    json_object_set_new(out_json(out), "kept", list);
}

static void show_log(struct app *a, struct cmd_out *out)
{
    json_t *list = json_array();
    for (int i = 0; i < a->n_log; i++) {
        const struct log_line *l = app_log_at(a, i);
        out_line(out, "%6lld %s%s", (long long)l->step,
                 l->kind == LOG_ERROR     ? "! "
                 : l->kind == LOG_COMMAND ? ": "
                                          : "  ",
                 l->text);
        json_array_append_new(list, json_pack("{s:I,s:o}", "step", (json_int_t)l->step, "text",
                                              json_text(l->text)));
    }
    json_object_set_new(out_json(out), "log", list);
}

enum status run_show(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    const char *what = call_text(call, "WHAT", "settings");
    int id = setting_find(what);
    if (strcmp(what, "settings") == 0) {
        show_settings(a, out);
    } else if (strcmp(what, "run") == 0) {
        show_run(a, out);
    } else if (strcmp(what, "kept") == 0) {
        show_kept(a, out);
    } else if (strcmp(what, "log") == 0) {
        show_log(a, out);
    } else if (strcmp(what, "screen") == 0) {
        for (int i = 0; i < SETTINGS; i++)
            if (strcmp(setting_defs[i].group, "screen") == 0)
                show_one(a, i, out);
        if (a->ui) {
            out_line(out, "size       %dx%d", a->ui->cols, a->ui->rows);
            out_int(out, "cols", a->ui->cols);
            out_int(out, "rows", a->ui->rows);
        }
    } else if (id >= 0) {
        show_one(a, id, out);
    } else if (!show_model_setting(a, what, out)) {
        call_blame(call, "WHAT", out);
        return no_setting(a, what, err);
    }
    return ST_OK;
}

/* ---- names of command lines, keys ---- */

// clang-format off
const struct cmd_arg args_alias[] = {
    {.name = "NAME", .type = ARG_WORD, .optional = true, .doc = "one word"},
    {.name = "COMMAND", .type = ARG_COMMAND, .optional = true, .doc = "in quotes when it holds a ;"},
    {0},
};
// clang-format on

enum status run_alias(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                      struct err *err)
{
    const char *name = call_text(call, "NAME", NULL),
               *command = call_text(call, "COMMAND", NULL);
    int at = 0;
    if (!name) {
        json_t *list = json_object();
        for (int i = 0; i < a->n_alias; i++) {
            out_line(out, "%-12s %s", a->alias[i].name, a->alias[i].command);
            json_object_set_new(list, a->alias[i].name, json_text(a->alias[i].command));
        }
        if (!a->n_alias)
            out_line(out, "no aliases");
        json_object_set_new(out_json(out), "aliases", list);
        return ST_OK;
    }
    while (at < a->n_alias && strcmp(a->alias[at].name, name) != 0)
        at++;
    if (!command || !*command) {
        if (at == a->n_alias) {
            call_blame(call, "NAME", out);
            err_set(err, ST_ARG, "no alias \"%.40s\"", name);
            return err_hint(err, "bad-key", "Try: alias %.20s \"data plant twins\"", name),
                   ST_ARG;
        }
        memmove(a->alias + at, a->alias + at + 1,
                sizeof *a->alias * (size_t)(a->n_alias - at - 1));
        a->n_alias--;
        out_line(out, "%s is no alias any more", name);
        return ST_OK;
    }
    bool word = isalpha((unsigned char)name[0]) && strlen(name) < sizeof a->alias[0].name;
    for (const char *p = name; *p; p++)
        word = word && (isalnum((unsigned char)*p) || *p == '-' || *p == '_');
    if (!word || cmd_find(name, false)) {
        call_blame(call, "NAME", out);
        err_set(err, ST_ARG,
                word ? "\"%.40s\" is a command already"
                     : "\"%.40s\" cannot be a name: letters, digits, - and _, at most 23",
                name);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    if (strlen(command) >= sizeof a->alias[0].command ||
        at == (int)(sizeof a->alias / sizeof *a->alias)) {
        err_set(err, ST_ARG,
                strlen(command) >= sizeof a->alias[0].command
                    ? "an alias has at most 199 characters"
                    : "64 aliases are the most");
        return err_hint(err, "bad-value", "Try: source FILE"), ST_ARG;
    }
    snprintf(a->alias[at].name, sizeof a->alias[at].name, "%s", name);
    snprintf(a->alias[at].command, sizeof a->alias[at].command, "%s", command);
    if (at == a->n_alias)
        a->n_alias++;
    out_line(out, "%s = %s", name, command);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_bind[] = {
    {.name = "KEY", .type = ARG_KEY, .doc = "as the help names it: n, C-r, F5"},
    {.name = "COMMAND", .type = ARG_COMMAND, .optional = true, .doc = "without: the key does nothing"},
    {.name = "context", .type = ARG_WORD, .option = true, .optional = true, .doc = "a tab or pane; default everywhere"},
    {0},
};
// clang-format on

enum status run_bind(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    const char *key = call_text(call, "KEY", ""), *command = call_text(call, "COMMAND", "");
    enum status st = ST_OK;
    if (a->bind)
        st = a->bind(a, call_text(call, "context", "global"), key, command, err);
    if (st != ST_OK) {
        call_blame(call, "KEY", out);
        return err_hint(err, "bad-key", NULL), st;
    }
    out_line(out, "%s: %s", key, command[0] ? command : "nothing");
    return ST_OK;
}

/* ---- the screen ---- */

// clang-format off
const struct cmd_arg args_tab[] = {
    {.name = "NAME", .type = ARG_WORD, .doc = "train predict attention ..., a number, next, prev"},
    {0},
};
const struct cmd_arg args_view[] = {
    {.name = "STYLE", .type = ARG_WORD, .optional = true, .doc = "of the focused pane; default the next"},
    {0},
};
const struct cmd_arg args_layout[] = {
    {.name = "WHAT", .type = ARG_WORD, .doc = "zoom grow shrink reset next prev repaint"},
    {0},
};
// clang-format on

enum status run_tab(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                    struct err *err)
{
    (void)out;
    return ui_tab(a, call_text(call, "NAME", ""), err);
}

enum status run_view(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    (void)out;
    const char *style = call_text(call, "STYLE", "");
    return ui_style(a, strcmp(style, "next") == 0 ? "" : style, err);
}

enum status run_layout(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    (void)out;
    return ui_layout(a, call_text(call, "WHAT", ""), err);
}

// clang-format off
const struct cmd_arg args_find[] = {
    {.name = "TEXT", .type = ARG_TEXT, .optional = true, .repeats = true, .doc = "part of a name; prev, or nothing: again"},
    {0},
};
// clang-format on

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == n)
            return true;
    }
    return n == 0;
}

enum status run_find(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    char text[200] = "";
    size_t n = 0;
    for (int i = 0; i < call_count(call, "TEXT"); i++) {
        int w =
            snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", call_at(call, "TEXT", i));
        n += w > 0 && (size_t)w < sizeof text - n ? (size_t)w : 0;
    }
    if (a->ui && out_form(out) == OUT_MESSAGE) {
        bool prev = strcmp(text, "prev") == 0;
        return ui_find(a, prev ? "" : text, prev ? -1 : text[0] ? 0 : 1, err);
    }
    if (!a->ds) {
        err_set(err, ST_STATE, "load data first");
        return err_hint(err, "no-data", "Try: data plant twins"), ST_STATE;
    }
    json_t *list = json_array();
    int found = 0;
    for (int32_t i = 1; text[0] && i <= a->ds->n_items; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", (int)i);
        if (!(a->ds->item_name && a->ds->item_name[i] && contains(a->ds->item_name[i], text)) &&
            strcmp(id, text) != 0)
            continue;
        if (++found <= 50) {
            char item[160];
            app_item_text(a, i, item, sizeof item);
            out_line(out, "%s  %lld events", item, (long long)a->ds->popularity[i]);
            json_t *j = json_object();
            json_object_set_new(j, "id", json_integer(i));
            json_object_set_new(j, "name",
                                a->ds->item_name && a->ds->item_name[i]
                                    ? json_text(a->ds->item_name[i])
                                    : json_null());
            json_array_append_new(list, j);
        }
    }
    if (!found) {
        json_decref(list);
        call_blame(call, "TEXT", out);
        err_set(err, ST_ARG,
                text[0] ? "no item has \"%.60s\" in its name" : "find needs a text", text);
        return err_hint(err, text[0] ? "bad-item" : "usage", "Try: find lamp"), ST_ARG;
    }
    if (found > 50)
        out_line(out, "... %d more", found - 50);
    out_int(out, "found", found);
    json_object_set_new(out_json(out), "items", list);
    return ST_OK;
}

/* ---- words ---- */

// clang-format off
const struct cmd_arg args_echo[] = {
    {.name = "TEXT", .type = ARG_TEXT, .optional = true, .repeats = true, .doc = "printed with blanks between"},
    {0},
};
// clang-format on

enum status run_echo(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    (void)a, (void)err;
    char text[2000] = "";
    size_t n = 0;
    for (int i = 0; i < call_count(call, "TEXT"); i++) {
        int w =
            snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", call_at(call, "TEXT", i));
        n += w > 0 && (size_t)w < sizeof text - n ? (size_t)w : 0;
    }
    out_line(out, "%s", text);
    out_text(out, "text", text);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_help[] = {
    {.name = "COMMAND", .type = ARG_COMMAND, .optional = true, .doc = "one or two words"},
    {0},
};
// clang-format on

static void help_row(const struct cmd_def *d, struct cmd_out *out)
{
    char usage[400];
    cmd_usage(d, usage, sizeof usage);
    out_line(out, "%s", usage);
    out_line(out, "  %s", d->summary);
    for (const char *p = d->help; *p;) {
        size_t n = strcspn(p, "\n");
        out_line(out, "  %.*s", (int)n, p);
        p += n + (p[n] == '\n');
    }
    for (const struct cmd_arg *p = d->args; p && p->name; p++)
        if (p->doc && p->doc[0])
            out_line(out, "    %-10s %s", p->name, p->doc);
}

enum status run_help(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    const char *topic = call_text(call, "COMMAND", "");
    if (a->ui && out_form(out) == OUT_MESSAGE)
        return ui_help(a, topic, err);
    json_t *list = json_array();
    if (!*topic) {
        const char *group = "";
        for (const struct cmd_def *d = cmd_defs; d->name; d++) {
            if (d->flags & CMD_HIDDEN)
                continue;
            if (strcmp(group, d->group) != 0)
                out_line(out, "%s", d->group);
            group = d->group;
            out_line(out, "  %-16s %s", d->name, d->summary);
            json_array_append_new(
                list, json_pack("{s:s,s:s}", "name", d->name, "summary", d->summary));
        }
        out_line(out, "help COMMAND explains one; Tab completes");
        json_object_set_new(out_json(out), "commands", list);
        return ST_OK;
    }
    int n = 0;
    size_t len = strlen(topic);
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        bool exact = strcmp(d->name, topic) == 0,
             verb = strncmp(d->name, topic, len) == 0 && d->name[len] == ' ';
        if (!exact && !verb)
            continue;
        if (n++)
            out_line(out, "%s", "");
        help_row(d, out);
        char usage[400];
        cmd_usage(d, usage, sizeof usage);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "name", d->name, "usage",
                                              usage, "summary", d->summary, "help", d->help));
    }
    json_object_set_new(out_json(out), "commands", list);
    if (n)
        return ST_OK;
    struct suggest s;
    suggest_begin(&s, topic);
    for (const struct cmd_def *d = cmd_defs; d->name; d++)
        suggest_add(&s, d->name);
    call_blame(call, "COMMAND", out);
    err_set(err, ST_ARG, "no command \"%.40s\"", topic);
    return err_hint(err, "unknown", s.pick ? "Did you mean %s?" : "Try: help", s.pick), ST_ARG;
}

// clang-format off
const struct cmd_arg args_quit[] = {
    {.name = "!", .type = ARG_FLAG, .optional = true, .doc = "without asking"},
    {0},
};
// clang-format on

enum status run_quit(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    (void)out, (void)err;
    /* On the screen a run that goes on is asked about once; a second quit means it. */
    if (a->ui && out_form(out) == OUT_MESSAGE && !call_has(call, "!") &&
        app_running_slot(a) >= 0 && !a->quit_asked) {
        a->quit_asked = true;
        out_line(out, "training goes on in %c; quit again to leave, or: save model FILE",
                 'A' + app_running_slot(a));
        return ST_OK;
    }
    a->quit = true;
    return ST_OK;
}
