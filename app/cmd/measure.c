/* Named measures: their table and text, and those of the workspace, of scores and of lists;
 * see measure.h. */
#include "app/background.h"
#include "app/cmd/measure_own.h"
#include "app/cmd/condition.h"
#include "app/lesson/course.h"
#include "app/run.h"
#include "app/ui_state.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status measure_not_for(struct app *a, const char *what, struct err *err)
{
    const struct model_def *m = app_slot(a)->model;
    if (!m) {
        err_set(err, ST_STATE, "no model in slot %c", 'A' + a->slot);
        return err_hint(err, "no-model", "Try: model list"), ST_STATE;
    }
    err_set(err, ST_UNSUPPORTED, "%s has no %s", m->title, what);
    return err_hint(err, "not-for-model", NULL), ST_UNSUPPORTED;
}

/* ---- the workspace ---- */

MEASURE(seq_len)
{
    (void)arg, (void)err;
    *v = a->seq.n;
    return ST_OK;
}

MEASURE(seq_at)
{
    (void)err;
    int64_t at = arg->n[0] < 0 ? arg->n[0] + a->seq.n : arg->n[0] - 1;
    *v = at >= 0 && at < a->seq.n ? a->seq.item[at] : 0;
    return ST_OK;
}

MEASURE(seq_has)
{
    (void)err;
    *v = in_sequence(&a->seq, (int32_t)arg->n[0]);
    return ST_OK;
}

MEASURE(seq_masks)
{
    (void)arg, (void)err;
    *v = 0;
    for (int32_t i = 0; a->ds && i < a->seq.n; i++)
        *v += a->seq.item[i] == a->ds->n_items + 1;
    return ST_OK;
}

MEASURE(pinned)
{
    (void)arg, (void)err;
    *v = a->has_pin;
    return ST_OK;
}

MEASURE(view_step)
{
    (void)arg, (void)err;
    *v = (double)(a->at == STEP_LIVE ? app_step(a, a->slot) : a->at);
    return ST_OK;
}

MEASURE(view_behind)
{
    (void)arg, (void)err;
    *v = a->at == STEP_LIVE ? 0 : (double)(app_step(a, a->slot) - a->at);
    return ST_OK;
}

MEASURE(run_step)
{
    (void)arg, (void)err;
    *v = (double)app_step(a, a->slot);
    return ST_OK;
}

MEASURE(run_op)
{
    (void)arg, (void)err;
    const struct snapshot *s = app_slot(a)->model ? app_snapshot(a, a->slot) : NULL;
    *v = s && s->state == TS_STEP ? s->op : 0;
    return ST_OK;
}

MEASURE(slots_used)
{
    (void)arg, (void)err;
    *v = 0;
    for (int i = 0; i < SLOTS; i++)
        *v += a->slots[i].model != NULL;
    return ST_OK;
}

MEASURE(model_is)
{
    (void)err;
    const struct model_def *m = app_slot(a)->model;
    *v = m && strcmp(m->name, arg->word) == 0;
    return ST_OK;
}

MEASURE(data_own)
{
    (void)arg, (void)err;
    *v = a->ds && !a->ds->world;
    return ST_OK;
}

MEASURE(ran)
{
    (void)err;
    *v = course_ran(a, arg->word);
    return ST_OK;
}

/* ---- scores: against chance, baselines and the ceiling ---- */

static enum status hr10(struct app *a, double *v, struct err *err)
{
    struct condition c;
    bool holds;
    enum status st = condition_parse(&c, "hr@10>=0", err);
    return st == ST_OK ? run_condition(a, &c, &holds, v, err) : st;
}

static enum status known_scores(struct app *a, bool there, const char *what, struct err *err)
{
    if (!a->ds) {
        err_set(err, ST_STATE, "load data first");
        return err_hint(err, "no-data", "Try: data plant twins"), ST_STATE;
    }
    if (there)
        return ST_OK;
    err_set(err, ST_STATE,
            a->background ? "the %s is still being computed" : "no %s is known for %.40s", what,
            a->ds->name);
    return err_hint(err, a->background ? "busy" : "no-data", NULL), ST_STATE;
}

MEASURE(ceiling_share)
{
    (void)arg;
    if (!a->interactive)
        background_wait(a);
    enum status st = known_scores(a, a->has_ceiling && a->valid_ceiling.n, "ceiling", err);
    if (st == ST_OK)
        st = hr10(a, v, err);
    *v /= a->valid_ceiling.hr10;
    return st;
}

MEASURE(over_baseline)
{
    (void)arg;
    if (!a->interactive)
        background_wait(a);
    enum status st = known_scores(a, a->base.ready, "baseline", err);
    if (st == ST_OK)
        st = hr10(a, v, err);
    double best = 0;
    for (int i = 0; i < a->base.n; i++)
        best = fmax(best, a->base.row[i].r.hr);
    *v -= best;
    return st;
}

/* ---- the list of next items ---- */

enum status measure_list(struct app *a, const struct sequence *s, struct ranking **r,
                         struct err *err)
{
    if (!app_slot(a)->model)
        return measure_not_for(a, "", err);
    return ranking_new(r, a, a->slot, a->at, s, 10, false, err);
}

static enum status known_item(struct app *a, int64_t item, struct err *err)
{
    if (a->ds && item >= 1 && item <= a->ds->n_items)
        return ST_OK;
    err_set(err, ST_ARG, "no item %lld", (long long)item);
    return err_hint(err, "bad-item", NULL), ST_ARG;
}

MEASURE(next_rank)
{
    struct ranking *r = NULL;
    enum status st = known_item(a, arg->n[0], err);
    if (st == ST_OK)
        st = measure_list(a, &a->seq, &r, err);
    if (st == ST_OK)
        *v = ranking_of(r, (int32_t)arg->n[0]);
    ranking_free(r);
    return st;
}

MEASURE(next_prob)
{
    struct ranking *r = NULL;
    enum status st = known_item(a, arg->n[0], err);
    if (st == ST_OK)
        st = measure_list(a, &a->seq, &r, err);
    if (st == ST_OK)
        *v = (double)r->prob[arg->n[0]];
    ranking_free(r);
    return st;
}

MEASURE(next_entropy)
{
    (void)arg;
    struct ranking *r = NULL;
    enum status st = measure_list(a, &a->seq, &r, err);
    if (st == ST_OK)
        *v = r->entropy;
    ranking_free(r);
    return st;
}

MEASURE(pin_kl)
{
    (void)arg;
    struct ranking *r = NULL, *p = NULL;
    if (!a->has_pin) {
        err_set(err, ST_STATE, "no sequence is pinned");
        return err_hint(err, "no-pin", "Try: pin"), ST_STATE;
    }
    enum status st = measure_list(a, &a->seq, &r, err);
    if (st == ST_OK)
        st = measure_list(a, &a->pin, &p, err);
    if (st == ST_OK)
        *v = ranking_kl(r, p);
    ranking_free(r);
    ranking_free(p);
    return st;
}

const struct measure_def measure_defs[] = {
#define ROW(fn, name, args, cost, doc) {name, args, cost, doc, measure_##fn},
#include "app/cmd/measures.def"
#undef ROW
    {0},
};

/* ---- text ---- */

static enum status bad_args(const struct measure_def *d, struct err *err)
{
    static const struct {
        char c;
        const char *word;
    } words[] = {{'l', "layer"}, {'h', "head"},   {'i', "item"}, {'p', "place"},
                 {'u', "unit"},  {'n', "number"}, {'w', "word"}};
    char list_of[60] = "";
    size_t n = 0;
    for (const char *p = d->args; *p; p++)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (words[i].c == *p)
                n += (size_t)snprintf(list_of + n, sizeof list_of - n, "%s%s", n ? "," : "",
                                      words[i].word);
    err_set(err, ST_ARG, "%s takes %s", d->name, *d->args ? "other arguments" : "no arguments");
    return err_hint(err, "bad-value", *d->args ? "%s(%s)" : "%s", d->name, list_of), ST_ARG;
}

/* a NULL: only whether it is well formed. */
static enum status parse(struct app *a, const char *text, const struct measure_def **def,
                         struct measure_args *arg, char word[32], bool *known, struct err *err)
{
    size_t n = strcspn(text, "(");
    *known = false;
    *def = NULL;
    *arg = (struct measure_args){.word = word};
    word[0] = '\0';
    for (const struct measure_def *d = measure_defs; d->name && !*def; d++)
        if (strlen(d->name) == n && strncmp(d->name, text, n) == 0)
            *def = d;
    if (!*def)
        return ST_OK;
    *known = true;
    const char *want = (*def)->args, *p = text + n;
    size_t len = strlen(p);
    if (!*p)
        return *want ? bad_args(*def, err) : ST_OK;
    if (len < 3 || p[len - 1] != ')')
        return bad_args(*def, err);
    p++;
    for (int i = 0; *want; want++, i++) {
        size_t w = strcspn(p, ",)");
        char one[32];
        if (w == 0 || w >= sizeof one || (p[w] == ')') != (want[1] == '\0'))
            return bad_args(*def, err);
        memcpy(one, p, w);
        one[w] = '\0';
        p += w + 1;
        char *end;
        if (*want == 'w') {
            for (size_t k = 0; k <= w; k++)
                word[k] = one[k] == '.' ? ' ' : one[k];
            continue;
        }
        if ((*want == 'l' && strcmp(one, "cursor.layer") == 0) ||
            (*want == 'h' && strcmp(one, "cursor.head") == 0)) {
            const struct ui_select *s = a && a->ui ? &a->ui->select : NULL;
            if (a)
                arg->n[i] = *want == 'l' ? (s ? s->layer : a->looked.layer)
                                         : (s ? s->head : a->looked.head);
            continue;
        }
        arg->n[i] = strtoll(one, &end, 10);
        if (*end || !(isdigit((unsigned char)one[0]) || one[0] == '-') ||
            (*want != 'p' && arg->n[i] < (*want == 'l' || *want == 'h' ? 0 : 1)))
            return bad_args(*def, err);
    }
    return *p ? bad_args(*def, err) : ST_OK;
}

enum status measure_check(const char *text, bool *known, const struct measure_def **def,
                          struct err *err)
{
    const struct measure_def *d;
    struct measure_args arg;
    char word[32];
    enum status st = parse(NULL, text, &d, &arg, word, known, err);
    if (def)
        *def = d;
    return st;
}

enum status measure_value(struct app *a, const char *text, double *v, struct err *err)
{
    const struct measure_def *d;
    struct measure_args arg;
    char word[32];
    bool known;
    *v = (double)NAN;
    enum status st = parse(a, text, &d, &arg, word, &known, err);
    if (st == ST_OK && !known)
        return err_set(err, ST_ARG, "no measure \"%.60s\"", text);
    return st == ST_OK ? d->value(a, &arg, v, err) : st;
}
