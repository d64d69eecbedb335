/* model list|new|use|info|drop. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/suggest.h"
#include "app/run.h"
#include "app/ui/text.h"

#include <stdio.h>
#include <string.h>

const struct cmd_arg args_model_list[] = {{0}};

static void describe(struct app *a, int slot, char *buf, size_t size)
{
    const struct learner *l = app_learner(a, slot);
    size_t n = 0;
    buf[0] = '\0';
    for (const struct hparam_def *d = l ? hparams_defs(l->hp) : NULL; d && d->name; d++) {
        if (!hparams_changed(l->hp, d->name))
            continue;
        char v[64];
        hparams_text(l->hp, d->name, v, sizeof v);
        int w = snprintf(buf + n, size - n, " %s=%s", d->name, v);
        if (w < 0 || (size_t)w >= size - n) {
            buf[n] = '\0';
            return;
        }
        n += (size_t)w;
    }
}

enum status run_model_list(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    (void)call, (void)err;
    json_t *kinds = json_array(), *slots = json_array();
    out_line(out, "kinds:");
    for (int i = 0; model_defs[i]; i++) {
        const struct model_def *m = model_defs[i];
        out_line(out, "  %-9s %-9s %s", m->name, m->title, m->paper ? m->paper : "");
        json_array_append_new(kinds,
                              json_pack("{s:s,s:s}", "name", m->name, "title", m->title));
    }
    bool any = false;
    for (int i = 0; i < SLOTS; i++) {
        const struct slot *s = &a->slots[i];
        if (!s->model)
            continue;
        if (!any)
            out_line(out, "slots:");
        any = true;
        char text[200];
        const struct snapshot *snap = app_snapshot(a, i);
        describe(a, i, text, sizeof text);
        out_line(out, "%c %c %s @%lld %s%s%s%s", i == a->slot ? '*' : ' ', 'A' + i,
                 s->model->title, (long long)app_step(a, i),
                 snap ? train_state_name(snap->state) : "READY", text, s->origin[0] ? "  " : "",
                 s->origin);
        json_t *j = json_object();
        char letter[2] = {(char)('A' + i), '\0'};
        json_object_set_new(j, "slot", json_text(letter));
        json_object_set_new(j, "model", json_text(s->model->name));
        json_object_set_new(j, "step", json_integer(app_step(a, i)));
        json_object_set_new(j, "current", json_boolean(i == a->slot));
        json_array_append_new(slots, j);
    }
    if (!any)
        out_line(out, "slots: all empty.  Try: %s",
                 a->ds ? "model new sasrec" : "data plant twins; model new sasrec");
    json_object_set_new(out_json(out), "kinds", kinds);
    json_object_set_new(out_json(out), "slots", slots);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_model_new[] = {
    {.name = "KIND", .type = ARG_MODEL, .doc = "which model"},
    {.name = "slot", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current one"},
    {.name = "preset", .type = ARG_WORD, .option = true, .optional = true, .doc = "a set of settings, see model info KIND"},
    {.name = "seed", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = 9e15, .doc = "default: the setting seed"},
    {.name = "KEY=VALUE", .type = ARG_PAIR, .option = true, .optional = true, .repeats = true, .doc = "settings of the model"},
    {0},
};
// clang-format on

static enum status take_preset(const struct model_def *m, struct hparams *hp, const char *name,
                               struct err *err)
{
    struct suggest s;
    suggest_begin(&s, name);
    for (const struct preset_def *p = m->presets; p && p->name; p++) {
        if (strcmp(p->name, name) == 0)
            return hparams_set_all(hp, p->settings, err);
        suggest_add(&s, p->name);
    }
    err_set(err, ST_ARG, "%s has no preset \"%.40s\"", m->title, name);
    return err_hint(err, "bad-value", s.pick ? "Did you mean %s?" : "Try: model info %s",
                    s.pick ? s.pick : m->name),
           ST_ARG;
}

static const char *setting_kind(const struct hparams *hp, const char *key)
{
    return hp_has(hp, key) ? "bad-value" : "bad-key";
}

enum status run_model_new(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    const struct model_def *m = model_defs[call_int(call, "KIND", 0)];
    int slot = (int)call_int(call, "slot", a->slot);
    struct hparams *hp = NULL;
    struct learner *l = NULL;
    if (app_running(a, slot) && !a->interactive) {
        err_set(err, ST_STATE, "a run is going on in %c", 'A' + slot);
        return err_hint(err, "busy", "Try: stop, or slot=%c",
                        'A' + (app_free_slot(a) < 0 ? slot : app_free_slot(a))),
               ST_STATE;
    }
    enum status st = hparams_new(&hp, m->hparams, m->name, err);
    if (st == ST_OK && call_has(call, "preset")) {
        st = take_preset(m, hp, call_text(call, "preset", ""), err);
        if (st != ST_OK)
            call_blame(call, "preset", out);
    }
    for (int i = 0; st == ST_OK && call_key_at(call, "KEY=VALUE", i); i++) {
        const char *key = call_key_at(call, "KEY=VALUE", i);
        st = hparams_set(hp, key, call_at(call, "KEY=VALUE", i), err);
        if (st != ST_OK) {
            const struct arg_value *v = NULL;
            for (int k = 0, n = 0; k < call->n; k++)
                if (call->v[k].key && n++ == i)
                    v = &call->v[k];
            if (v)
                out_place(out, v->col, v->len);
            bool near =
                strncmp(err->hint, "Did you", 7) == 0 || strncmp(err->hint, "did you", 7) == 0;
            err_hint(err, setting_kind(hp, key), near ? NULL : "Try: model info %s", m->name);
        }
    }
    if (st == ST_OK)
        st = learner_new(&l, m, hp, a->split,
                         (uint64_t)call_int(call, "seed", (int64_t)a->seed), err);
    hparams_free(hp);
    if (st == ST_OK)
        st = app_put_learner(a, slot, l, NULL, err);
    if (st != ST_OK)
        return st;
    char text[160], letter[2] = {(char)('A' + slot), '\0'};
    describe(a, slot, text, sizeof text);
    int64_t n = l->ps ? (int64_t)params_count(l->ps) : 0;
    char count[FMT_NUM];
    out_line(out, "%c:%s%s  %s parameters, seed %llu", 'A' + slot, m->title, text,
             fmt_count(count, (double)n), (unsigned long long)l->seed);
    out_text(out, "slot", letter);
    out_text(out, "model", m->name);
    out_int(out, "parameters", n);
    out_int(out, "seed", (int64_t)l->seed);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_model_use[] = {
    {.name = "SLOT", .type = ARG_SLOT, .doc = "A to Z"},
    {0},
};
// clang-format on

enum status run_model_use(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    int slot = (int)call_int(call, "SLOT", 0);
    if (!a->slots[slot].model) {
        call_blame(call, "SLOT", out);
        return slot_none(slot, err);
    }
    a->slot = slot;
    a->at = STEP_LIVE;
    char title[64], letter[2] = {(char)('A' + slot), '\0'};
    app_slot_title(a, slot, app_step(a, slot), title, sizeof title);
    out_line(out, "%s", title);
    out_text(out, "slot", letter);
    out_text(out, "model", a->slots[slot].model->name);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_model_drop[] = {
    {.name = "SLOT", .type = ARG_SLOT, .doc = "A to Z"},
    {0},
};
// clang-format on

enum status run_model_drop(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    int slot = (int)call_int(call, "SLOT", 0);
    if (!a->slots[slot].model) {
        call_blame(call, "SLOT", out);
        err_set(err, ST_STATE, "slot %c is empty", 'A' + slot);
        return err_hint(err, "no-model", NULL), ST_STATE;
    }
    app_drop_slot(a, slot);
    if (slot == a->slot)
        a->at = STEP_LIVE;
    out_line(out, "slot %c is empty", 'A' + slot);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_model_info[] = {
    {.name = "SLOT|KIND", .type = ARG_WORD, .optional = true, .doc = "default: the current slot"},
    {0},
};
// clang-format on

static void info_kind(const struct model_def *m, const struct hparams *hp, struct cmd_out *out)
{
    out_line(out, "%s  %s", m->title, m->paper ? m->paper : "");
    if (m->doc)
        out_line(out, "%s", m->doc);
    json_t *set = json_array();
    out_line(out, "settings (* acts from the next batch):");
    for (const struct hparam_def *d = m->hparams; d && d->name; d++) {
        char v[64] = "";
        if (hp)
            hparams_text(hp, d->name, v, sizeof v);
        char also[80] = "";
        if (d->author_word)
            snprintf(also, sizeof also, " (%s)", d->author_word);
        out_line(out, "  %c %-12s %-10s %s%s", d->live ? '*' : ' ', d->name, v,
                 d->doc ? d->doc : "", also);
        json_t *j = json_object();
        json_object_set_new(j, "name", json_text(d->name));
        json_object_set_new(j, "value", json_text(v));
        json_object_set_new(j, "live", json_boolean(d->live));
        json_array_append_new(set, j);
    }
    for (const struct preset_def *p = m->presets; p && p->name; p++)
        out_line(out, "  preset=%s  %s (%s)", p->name, p->doc, p->settings);
    out_text(out, "model", m->name);
    json_object_set_new(out_json(out), "settings", set);
}

enum status run_model_info(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    const char *what = call_text(call, "SLOT|KIND", NULL);
    int slot = a->slot;
    if (what && (what[1] || what[0] < 'A' || what[0] > 'Z')) {
        const struct model_def *m = model_find(what);
        if (!m) {
            struct suggest s;
            suggest_begin(&s, what);
            for (int i = 0; model_defs[i]; i++)
                suggest_add(&s, model_defs[i]->name);
            call_blame(call, "SLOT|KIND", out);
            err_set(err, ST_ARG, "no kind of model \"%.40s\"", what);
            return err_hint(err, "bad-value", s.pick ? "Did you mean %s?" : "Try: model list",
                            s.pick),
                   ST_ARG;
        }
        struct hparams *hp = NULL;
        enum status st = hparams_new(&hp, m->hparams, m->name, err);
        if (st != ST_OK)
            return st;
        info_kind(m, hp, out);
        hparams_free(hp);
        return ST_OK;
    }
    if (what)
        slot = what[0] - 'A';
    const struct slot *s = &a->slots[slot];
    if (!s->model) {
        err_set(err, ST_STATE, "no model in slot %c", 'A' + slot);
        return err_hint(err, "no-model", "Try: model new sasrec, or: model info sasrec"),
               ST_STATE;
    }
    const struct learner *l = app_learner(a, slot);
    char title[64], count[FMT_NUM];
    app_slot_title(a, slot, app_step(a, slot), title, sizeof title);
    int64_t n = l->ps ? (int64_t)params_count(l->ps) : 0;
    out_line(out, "%s  %s parameters  seed %llu  %s", title, fmt_count(count, (double)n),
             (unsigned long long)l->seed, s->origin);
    out_int(out, "step", app_step(a, slot));
    out_int(out, "parameters", n);
    info_kind(s->model, l->hp, out);
    return ST_OK;
}
