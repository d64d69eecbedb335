/* The table of settings and their values; see settings.h. */
#include "app/settings.h"
#include "app/app.h"
#include "app/cmd/number.h"
#include "app/cmd/suggest.h"
#include "app/ui/text.h"
#include "engine/tensor/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const choices_exclude[] = {"auto", "none", "seen", NULL};
static const char *const choices_xaxis[] = {"step", "epoch", "time", NULL};
static const char *const choices_palette[] = {"viridis", "cividis", "magma", "grey", NULL};
static const char *const choices_theme[] = {"dark", "light", NULL};
static const char *const choices_glyphs[] = {"auto", "braille", "block", "ascii", NULL};
static const char *const choices_color[] = {"auto", "256", "16", "mono", "direct", NULL};
static const char *const choices_kernels[] = {"auto", "avx512", "avx2", "baseline", NULL};

const struct setting_def setting_defs[] = {
#define SETTING(id, name, type, def, min, max, choices, group, doc)                            \
    {name, type, def, min, max, choices, group, doc},
#include "app/settings.def"
#undef SETTING
    {0},
};

struct settings {
    double value[SETTINGS];
    unsigned generation;
};

enum status settings_new(struct settings **out, struct err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_nomem(err, sizeof **out, "settings");
    for (int i = 0; i < SETTINGS; i++)
        (*out)->value[i] = setting_defs[i].def;
    return ST_OK;
}

void settings_free(struct settings *s)
{
    free(s);
}

double setting(const struct app *a, enum setting_id id)
{
    return a && a->set ? a->set->value[id] : setting_defs[id].def;
}

const char *setting_choice(const struct app *a, enum setting_id id)
{
    const struct setting_def *d = &setting_defs[id];
    return d->choices ? d->choices[(int)setting(a, id)] : "";
}

unsigned settings_generation(const struct app *a)
{
    return a->set ? a->set->generation : 0;
}

int setting_find(const char *name)
{
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(setting_defs[i].name, name) == 0)
            return i;
    return -1;
}

void setting_text(const struct app *a, int id, char *buf, size_t size)
{
    const struct setting_def *d = &setting_defs[id];
    double v = setting(a, (enum setting_id)id);
    char num[FMT_NUM];
    if (d->type == SET_BOOL)
        snprintf(buf, size, "%s", v != 0 ? "on" : "off");
    else if (d->type == SET_CHOICE)
        snprintf(buf, size, "%s", d->choices[(int)v]);
    else if (d->type == SET_INT)
        snprintf(buf, size, "%.0f", v);
    else
        snprintf(buf, size, "%s", fmt_short(num, v));
}

bool setting_changed(const struct app *a, int id)
{
    return setting(a, (enum setting_id)id) != setting_defs[id].def;
}

void setting_range(int id, char *buf, size_t size)
{
    const struct setting_def *d = &setting_defs[id];
    size_t n = 0;
    if (d->type == SET_BOOL) {
        snprintf(buf, size, "on|off");
        return;
    }
    if (d->type != SET_CHOICE) {
        snprintf(buf, size, "%.16g..%.16g", d->min, d->max);
        return;
    }
    buf[0] = '\0';
    for (int i = 0; d->choices[i]; i++) {
        int w = snprintf(buf + n, size - n, "%s%s", i ? "|" : "", d->choices[i]);
        if (w < 0 || (size_t)w >= size - n)
            return;
        n += (size_t)w;
    }
}

static double next_smooth(double v)
{
    static const double steps[] = {0, 0.6, 0.9, 0.97, 0.99};
    for (int i = 0; i < 5; i++)
        if (steps[i] > v + 1e-9)
            return steps[i];
    return 0;
}

static enum status parse(const struct app *a, int id, const char *text, double *out,
                         struct err *err)
{
    const struct setting_def *d = &setting_defs[id];
    double now = setting(a, (enum setting_id)id);
    if (d->type == SET_BOOL) {
        static const char *const words[] = {"off",  "on", "no", "yes", "false",
                                            "true", "0",  "1",  NULL};
        for (int i = 0; words[i]; i++)
            if (strcmp(text, words[i]) == 0)
                return *out = i & 1, ST_OK;
        if (strcmp(text, "toggle") == 0 || strcmp(text, "next") == 0)
            return *out = now == 0, ST_OK;
        err_set(err, ST_ARG, "%s is on or off, got \"%.40s\"", d->name, text);
        return err_hint(err, "bad-value", "Try: set %s toggle", d->name), ST_ARG;
    }
    if (d->type == SET_CHOICE) {
        int n = 0;
        struct suggest s;
        suggest_begin(&s, text);
        for (; d->choices[n]; n++) {
            if (strcmp(text, d->choices[n]) == 0)
                return *out = n, ST_OK;
            suggest_add(&s, d->choices[n]);
        }
        if (strcmp(text, "next") == 0 || strcmp(text, "toggle") == 0)
            return *out = fmod(now + 1, n), ST_OK;
        char range[96];
        setting_range(id, range, sizeof range);
        err_set(err, ST_ARG, "%s cannot be \"%.40s\"", d->name, text);
        if (s.pick)
            return err_hint(err, "bad-value", "Did you mean %s?", s.pick), ST_ARG;
        return err_hint(err, "bad-value", "One of: %.80s", range), ST_ARG;
    }
    if (id == SETTING_SMOOTH && strcmp(text, "next") == 0)
        return *out = next_smooth(now), ST_OK;
    return number_parse(d->name, text, d->type == SET_INT, d->min, d->max, out, err);
}

/* What has to happen beside the number. */
static enum status apply(struct app *a, int id, double v, struct err *err)
{
    if (id == SETTING_SEED)
        a->seed = (uint64_t)v;
    if (id == SETTING_TRUTH)
        a->truth_shown = v != 0;
    if (id == SETTING_THREADS)
        return app_set_threads(a, (int)v, err);
    if (id == SETTING_KERNELS)
        return kernels_choose(choices_kernels[(int)v], err);
    return ST_OK;
}

enum status setting_set(struct app *a, int id, const char *text, struct err *err)
{
    double v = 0;
    enum status st = parse(a, id, text, &v, err);
    if (st == ST_OK)
        st = apply(a, id, v, err);
    if (st != ST_OK)
        return st;
    a->set->value[id] = v;
    a->set->generation++;
    return ST_OK;
}

enum status setting_reset(struct app *a, int id, struct err *err)
{
    enum status st = apply(a, id, setting_defs[id].def, err);
    if (st != ST_OK)
        return st;
    a->set->value[id] = setting_defs[id].def;
    a->set->generation++;
    return ST_OK;
}
