/* Values for a model's table of hyper-parameters; see hparams.h.  Text in, typed and
 * range-checked numbers out. */
#include "engine/train/hparams.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 8, MAX_WORD = 64 };

const char *const hp_optimisers[] = {"adam",     "adamw",   "bertadam", "adagrad", "sgd",
                                     "lazyadam", "rmsprop", "adadelta", NULL};

struct value {
    double num; /* HP_LIST: the first width */
    int n;      /* HP_LIST: how many */
    int32_t list[MAX_LIST];
};
struct hparams {
    const struct hparam_def *defs;
    const char *model; /* static: the model's name, for messages */
    int n;
    struct value value[];
};

static int index_of(const struct hparams *hp, const char *name)
{
    for (int i = 0; i < hp->n; i++)
        if (strcmp(hp->defs[i].name, name) == 0)
            return i;
    return -1;
}

static struct value default_of(const struct hparam_def *d)
{
    struct value v = {.num = d->def, .n = 1};
    if (d->type == HP_LIST)
        v.list[0] = (int32_t)d->def;
    return v;
}

enum status hparams_new(struct hparams **out, const struct hparam_def *defs, const char *model,
                        struct err *err)
{
    int n = 0;
    while (defs && defs[n].name)
        n++;
    size_t size = sizeof(struct hparams) + (size_t)n * sizeof(struct value);
    struct hparams *hp = calloc(1, size);
    *out = hp;
    if (!hp)
        return err_nomem(err, size, "hyper-parameters");
    hp->defs = defs;
    hp->model = model;
    hp->n = n;
    for (int i = 0; i < n; i++)
        hp->value[i] = default_of(&defs[i]);
    return ST_OK;
}

enum status hparams_copy(struct hparams **out, const struct hparams *hp, struct err *err)
{
    size_t size = sizeof *hp + (size_t)hp->n * sizeof(struct value);
    *out = malloc(size);
    if (!*out)
        return err_nomem(err, size, "hyper-parameters");
    memcpy(*out, hp, size);
    return ST_OK;
}

void hparams_free(struct hparams *hp)
{
    free(hp);
}

const struct hparam_def *hparams_def(const struct hparams *hp, const char *name)
{
    int i = index_of(hp, name);
    return i < 0 ? NULL : &hp->defs[i];
}

const struct hparam_def *hparams_defs(const struct hparams *hp)
{
    static const struct hparam_def none = {.name = NULL};
    return hp->defs ? hp->defs : &none;
}

/* Edits between two words (optimal string alignment, so that swapped neighbours count one),
 * for "did you mean". */
static int edits(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la >= MAX_WORD || lb >= MAX_WORD)
        return MAX_WORD;
    int row[3][MAX_WORD + 1];
    for (size_t j = 0; j <= lb; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3], *older = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[la % 3][lb];
}

/* The setting that was probably meant: the author's word for it, a beginning, or few edits
 * away. */
static const char *nearest(const struct hparams *hp, const char *name)
{
    for (int i = 0; i < hp->n; i++) {
        const char *word = hp->defs[i].author_word;
        if (word && strcmp(word, name) == 0)
            return hp->defs[i].name;
    }
    /* clang-format off */
    static const char *const common[][2] = {{"learning_rate", "lr"}, {"weight_decay", "wd"}, {"batch_size", "batch"},
                                            {"optimizer", "opt"}, {"optimiser", "opt"}, {"max_len", "maxlen"}};
    /* clang-format on */
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        if (strcmp(common[i][0], name) == 0 && index_of(hp, common[i][1]) >= 0)
            return common[i][1];
    const char *best = NULL;
    int least = strlen(name) > 4 ? 3 : 2; /* fewer edits than this */
    for (int i = 0; i < hp->n; i++) {
        int e = edits(name, hp->defs[i].name);
        if (e < least) {
            least = e;
            best = hp->defs[i].name;
        }
    }
    for (int i = 0; i < hp->n && !best; i++)
        if (strlen(name) >= 2 && strncmp(hp->defs[i].name, name, strlen(name)) == 0)
            best = hp->defs[i].name;
    return best;
}

static enum status bad_value(struct err *err, const struct hparams *hp, const char *fmt,
                             const char *name, const char *value)
{
    err_set(err, ST_ARG, "%s must be %s, got \"%.60s\"", name, fmt, value);
    return err_hint(err, "bad-value", "Try: show %s; help model %s", name, hp->model);
}

static void put_num(char *buf, size_t size, double x)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            return;
    }
}

/* "one of a, b, c", "a number from 0 to 1": what a value of this row must look like. */
static void describe(const struct hparam_def *d, char *buf, size_t size)
{
    if (d->type == HP_BOOL) {
        snprintf(buf, size, "on or off");
        return;
    }
    if (d->type == HP_ENUM) {
        size_t n = (size_t)snprintf(buf, size, "one of ");
        for (int i = 0; d->choices[i] && n < size; i++)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", d->choices[i]);
        return;
    }
    char lo[32], hi[32];
    put_num(lo, sizeof lo, d->min);
    put_num(hi, sizeof hi, d->max);
    const char *what = d->type == HP_INT    ? "a whole number"
                       : d->type == HP_LIST ? "whole numbers like 100,50, each"
                                            : "a number";
    if (d->max > d->min)
        snprintf(buf, size, "%s from %s to %s", what, lo, hi);
    else
        snprintf(buf, size, "%s", what);
}

static bool in_range(const struct hparam_def *d, double x)
{
    return d->max <= d->min || (x >= d->min && x <= d->max);
}

static bool parse_num(const char *s, const char *end, double *x)
{
    char buf[48], *stop;
    size_t n = (size_t)(end - s);
    if (n == 0 || n >= sizeof buf || isspace((unsigned char)*s))
        return false;
    memcpy(buf, s, n);
    buf[n] = '\0';
    /* no "nan", "inf", "0x10": only what a person would type as a number */
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)buf[i]) && !strchr("+-.eE", buf[i]))
            return false;
    *x = strtod(buf, &stop);
    return *stop == '\0' && isfinite(*x);
}

static bool parse_bool(const char *s, double *x)
{
    static const char *const yes[] = {"1", "on", "yes", "true"}, *const no[] = {"0", "off",
                                                                                "no", "false"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(s, yes[i]) == 0)
            return *x = 1, true;
        if (strcmp(s, no[i]) == 0)
            return *x = 0, true;
    }
    return false;
}

static bool parse_value(const struct hparam_def *d, const char *text, struct value *v)
{
    *v = (struct value){.n = 1};
    switch (d->type) {
    case HP_BOOL:
        return parse_bool(text, &v->num);
    case HP_ENUM:
        for (int i = 0; d->choices[i]; i++)
            if (strcmp(d->choices[i], text) == 0)
                return v->num = i, true;
        return false;
    case HP_INT:
    case HP_FLOAT:
        if (!parse_num(text, text + strlen(text), &v->num) || !in_range(d, v->num))
            return false;
        return d->type == HP_FLOAT || (v->num == floor(v->num) && fabs(v->num) <= 2147483647.0);
    case HP_LIST:
        v->n = 0;
        for (const char *s = text;;) {
            const char *end = s + strcspn(s, ",");
            double x;
            if (v->n == MAX_LIST || !parse_num(s, end, &x) || !in_range(d, x) ||
                x != floor(x) || fabs(x) > 2147483647.0)
                return false;
            v->list[v->n++] = (int32_t)x;
            if (!*end)
                break;
            s = end + 1;
        }
        v->num = v->list[0];
        return true;
    }
    return false;
}

enum status hparams_set(struct hparams *hp, const char *name, const char *value,
                        struct err *err)
{
    int i = index_of(hp, name);
    if (i < 0) {
        const char *near = nearest(hp, name);
        if (near)
            err_set(err, ST_ARG, "%s has no setting \"%.40s\"; did you mean %s?", hp->model,
                    name, near);
        else
            err_set(err, ST_ARG, "%s has no setting \"%.40s\"", hp->model, name);
        return err_hint(err, "bad-key", "Try: help model %s", hp->model);
    }
    const struct hparam_def *d = &hp->defs[i];
    struct value v;
    if (!parse_value(d, value, &v)) {
        char want[160];
        describe(d, want, sizeof want);
        return bad_value(err, hp, want, name, value);
    }
    hp->value[i] = v;
    return ST_OK;
}

enum status hparams_set_all(struct hparams *hp, const char *settings, struct err *err)
{
    struct hparams *next; /* all or nothing */
    enum status st = hparams_copy(&next, hp, err);
    for (const char *s = settings; st == ST_OK && *s;) {
        s += strspn(s, " \t\n");
        size_t n = strcspn(s, " \t\n");
        if (n == 0)
            break;
        char word[160], *eq;
        if (n >= sizeof word) {
            st = err_set(err, ST_ARG, "setting \"%.40s...\" is too long", s);
            break;
        }
        memcpy(word, s, n);
        word[n] = '\0';
        s += n;
        eq = strchr(word, '=');
        if (!eq) {
            st = err_set(err, ST_ARG, "\"%.60s\" is not of the form name=value", word);
            break;
        }
        *eq = '\0';
        st = hparams_set(next, word, eq + 1, err);
    }
    if (st == ST_OK)
        memcpy(hp->value, next->value, (size_t)hp->n * sizeof hp->value[0]);
    hparams_free(next);
    return st;
}

void hparams_text(const struct hparams *hp, const char *name, char *buf, size_t size)
{
    int i = index_of(hp, name);
    if (size == 0)
        return;
    buf[0] = '\0';
    if (i < 0)
        return;
    const struct hparam_def *d = &hp->defs[i];
    const struct value *v = &hp->value[i];
    switch (d->type) {
    case HP_BOOL:
        snprintf(buf, size, "%s", v->num != 0 ? "on" : "off");
        break;
    case HP_ENUM:
        snprintf(buf, size, "%s", d->choices[(int)v->num]);
        break;
    case HP_INT:
        snprintf(buf, size, "%.0f", v->num);
        break;
    case HP_FLOAT:
        put_num(buf, size, v->num);
        break;
    case HP_LIST: {
        size_t n = 0;
        for (int k = 0; k < v->n && n < size; k++)
            n += (size_t)snprintf(buf + n, size - n, "%s%d", k ? "," : "", v->list[k]);
        break;
    }
    }
}

bool hparams_changed(const struct hparams *hp, const char *name)
{
    int i = index_of(hp, name);
    if (i < 0)
        return false;
    struct value d = default_of(&hp->defs[i]);
    const struct value *v = &hp->value[i];
    return v->num != d.num || v->n != d.n;
}

static const struct value *value_of(const struct hparams *hp, const char *name)
{
    int i = index_of(hp, name);
    assert(i >= 0 && "a setting that the model's table lacks");
    return &hp->value[i];
}

double hp_num(const struct hparams *hp, const char *name)
{
    return value_of(hp, name)->num;
}

int32_t hp_int(const struct hparams *hp, const char *name)
{
    return (int32_t)value_of(hp, name)->num;
}

float hp_float(const struct hparams *hp, const char *name)
{
    return (float)value_of(hp, name)->num;
}

bool hp_bool(const struct hparams *hp, const char *name)
{
    return value_of(hp, name)->num != 0;
}

int hp_enum(const struct hparams *hp, const char *name)
{
    return (int)value_of(hp, name)->num;
}

int hp_list(const struct hparams *hp, const char *name, int32_t *out, int max)
{
    const struct value *v = value_of(hp, name);
    int n = v->n < max ? v->n : max;
    for (int i = 0; i < n; i++)
        out[i] = v->list[i];
    return n;
}

bool hp_has(const struct hparams *hp, const char *name)
{
    return index_of(hp, name) >= 0;
}

void hparams_text_all(const struct hparams *hp, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (const struct hparam_def *d = hparams_defs(hp); d->name && at < size; d++) {
        char value[96];
        hparams_text(hp, d->name, value, sizeof value);
        int n = snprintf(buf + at, size - at, "%s%s=%s", at ? " " : "", d->name, value);
        at += n > 0 ? (size_t)n : 0;
    }
}
