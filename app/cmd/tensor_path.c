/* Parameters and probes by path and index; see tensor_path.h. */
#include "app/cmd/tensor_path.h"
#include "app/cmd/ranking.h"
#include "app/cmd/suggest.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool name_matches(const char *pattern, const char *name)
{
    if (!pattern || !*pattern)
        return true;
    const char
        *star = NULL,
        *from =
            NULL; /* the last star, and where in name it began to match: linear backtracking */
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

struct range {
    int32_t from, to; /* 0-based, to exclusive; -1: all */
};

static enum status bad(struct err *err, const char *what, const char *hint)
{
    err_set(err, ST_ARG, "%s", what);
    return err_hint(err, "bad-value", "%s", hint), ST_ARG;
}

static const char index_form[] = "Try: tensor block1.attn.prob[head=1]";

/* Axis names by number of dimensions, as the documents of the probes give shapes. */
static int axis_of(const char *name, int nd)
{
    static const char *const names3[] = {"head", "query", "key"}, *const names2[] = {"row",
                                                                                     "col"};
    for (int i = 0; i < nd; i++)
        if (strcmp(name, nd == 3 ? names3[i] : nd == 2 ? names2[i] : "") == 0)
            return i;
    if (strcmp(name, "row") == 0)
        return nd >= 2 ? nd - 2 : 0;
    if (strcmp(name, "col") == 0)
        return nd - 1;
    if (strcmp(name, "session") == 0)
        return -2; /* the typed sequence is the only one */
    return -1;
}

/* base: what the first index of each axis is called: 1, or the lowest item id of an item
 * table. */
static enum status parse_index(const char *text, int nd, const int32_t *d, const int32_t *base,
                               struct range *r, struct err *err)
{
    int next = 0;
    for (int i = 0; i < nd; i++)
        r[i] = (struct range){0, d[i]};
    while (*text && *text != ']') {
        char word[24];
        size_t n = 0;
        int axis = next;
        while (isalpha((unsigned char)*text) && n + 1 < sizeof word)
            word[n++] = *text++;
        word[n] = '\0';
        if (n) {
            if (*text++ != '=')
                return bad(err, "an index is a number, a range or axis=number", index_form);
            axis = axis_of(word, nd);
            if (axis == -1)
                return bad(err, "no such axis",
                           nd == 3 ? "Axes: head query key" : "Axes: row col");
        }
        char *end;
        long from = strtol(text, &end, 10), to = from;
        if (end == text)
            return bad(err, "an index is a number, a range or axis=number", index_form);
        text = end;
        if (*text == ':') {
            to = strtol(text + 1, &end, 10);
            if (end == text + 1)
                return bad(err, "a range is first:last", index_form);
            text = end;
        }
        if (axis >= nd) {
            err_set(err, ST_ARG, "it has %d dimensions only", nd);
            return err_hint(err, "bad-value", "%s", index_form), ST_ARG;
        }
        if (axis >= 0) {
            if (from < base[axis] || to < from || to - base[axis] >= d[axis]) {
                err_set(err, ST_ARG, "index %ld is outside %d..%d",
                        from < base[axis] ? from : to, (int)base[axis],
                        (int)(base[axis] + d[axis] - 1));
                return err_hint(err, "bad-value", NULL), ST_ARG;
            }
            r[axis] =
                (struct range){(int32_t)(from - base[axis]), (int32_t)(to - base[axis]) + 1};
            next = axis + 1;
        }
        if (*text == ',')
            text++;
        else if (*text != ']')
            return bad(err, "an index ends with ]", index_form);
    }
    return *text == ']' && !text[1] ? ST_OK : bad(err, "an index ends with ]", index_form);
}

/* Copies the chosen part; rows of the source are ld floats apart.  Axes of one element
 * disappear. */
static enum status cut(struct tensor_view *v, const struct range *r, const real *param,
                       const float *probe, int32_t ld, struct err *err)
{
    int nd = v->full_nd;
    v->n = 1;
    v->nd = 0;
    for (int i = 0; i < nd; i++) {
        v->n *= r[i].to - r[i].from;
        if (r[i].to - r[i].from > 1)
            v->d[v->nd++] = r[i].to - r[i].from;
    }
    if (!v->nd)
        v->d[v->nd++] = 1;
    v->x = malloc(sizeof *v->x * (size_t)(v->n > 0 ? v->n : 1));
    if (!v->x)
        return err_nomem(err, sizeof *v->x * (unsigned long long)v->n, "a tensor");
    int32_t at[TENSOR_MAX_DIM] = {0};
    for (int64_t i = 0; i < v->n; i++) {
        int64_t row = 0;
        for (int k = 0; k + 1 < nd; k++)
            row = row * v->full[k] + r[k].from + at[k];
        int64_t place = row * ld + r[nd - 1].from + at[nd - 1];
        v->x[i] = param ? (float)param[place] : probe[place];
        for (int k = nd - 1; k >= 0 && ++at[k] == r[k].to - r[k].from; k--)
            at[k] = 0;
    }
    return ST_OK;
}

enum status tensor_get(struct app *a, const char *path, struct tensor_view *out,
                       struct err *err)
{
    memset(out, 0, sizeof *out);
    size_t n = strcspn(path, "[");
    if (n >= sizeof out->name || n == 0)
        return bad(err, "a tensor has a name", "Try: tensors");
    snprintf(out->name, sizeof out->name, "%.*s", (int)n, path);
    struct weights *w = NULL;
    enum status st = app_weights_at(a, a->slot, a->at, &w, err);
    if (st != ST_OK)
        return st;
    struct range r[TENSOR_MAX_DIM];
    int32_t base[TENSOR_MAX_DIM] = {1, 1, 1, 1};
    const struct param *p = w->ps ? params_find(w->ps, out->name) : NULL;
    out->step = w->step;
    if (p) {
        out->is_param = true;
        out->full_nd = p->nd;
        memcpy(out->full, p->d, sizeof out->full);
        if (p->flags & PARAM_ROWS) { /* rows are items: their ids */
            const struct head *hd = w->model->head ? w->model->head(w->self) : NULL;
            base[0] = hd && hd->table == p ? hd->id0 : 0;
        }
        for (int i = 0; i < p->nd; i++)
            r[i] = (struct range){0, p->d[i]};
        if (path[n])
            st = parse_index(path + n + 1, p->nd, p->d, base, r, err);
        if (st == ST_OK)
            st = cut(out, r, w->x + p->at, NULL, p->ld, err);
        weights_unref(w);
        return st;
    }
    const struct model_def *m = w->model;
    struct suggest s;
    suggest_begin(&s, out->name);
    const struct probe_def *probe = NULL;
    for (int i = 0; w->ps && i < params_n(w->ps); i++)
        suggest_add(&s, params_at(w->ps, i)->name);
    for (const struct probe_def *d = m->probes; d && d->name; d++) {
        suggest_add(&s, d->name);
        probe = name_matches(d->name, out->name) ? d : probe;
    }
    char pick[80] = "";
    if (s.pick)
        snprintf(pick, sizeof pick, "%s", s.pick);
    weights_unref(w);
    const struct probe_copy *c = NULL;
    if (a->seq.n > 0) {
        struct question q = {
            .kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = out->name};
        const struct answer *ans;
        st = check_sequence(a, a->slot, &a->seq, err);
        if (st == ST_OK)
            st = ask_here(a, a->slot, a->at, &q, &ans, err);
        if (st != ST_OK)
            return st;
        c = answer_probe(ans, out->name);
    } else if (probe) {
        err_set(err, ST_STATE, "%s is computed from a sequence, and there is none", out->name);
        return err_hint(err, "empty-seq", "Try: seq s:1"), ST_STATE;
    }
    /* of training, or of other settings: its description says when it comes */
    if (!c && probe) {
        err_set(err, ST_STATE, "an answer does not compute %s here (%s)", out->name,
                probe->doc);
        return err_hint(err, "bad-tensor", "Try: tensors"), ST_STATE;
    }
    if (!c) {
        err_set(err, ST_ARG, "%s has no tensor \"%s\"", m->title, out->name);
        return err_hint(err, "bad-tensor", pick[0] ? "Did you mean %s?" : "Try: tensors", pick),
               ST_ARG;
    }
    out->full_nd = c->nd;
    memcpy(out->full, c->d, sizeof out->full);
    for (int i = 0; i < c->nd; i++)
        r[i] = (struct range){0, c->d[i]};
    if (path[n])
        st = parse_index(path + n + 1, c->nd, c->d, base, r, err);
    return st == ST_OK ? cut(out, r, NULL, c->x, c->nd ? c->d[c->nd - 1] : 1, err) : st;
}

void tensor_view_done(struct tensor_view *v)
{
    free(v->x);
    v->x = NULL;
}

enum status tensor_stat(struct app *a, const char *path, enum stat_kind stat, double *out,
                        struct err *err)
{
    struct tensor_view v;
    struct tensor_stats s;
    enum status st = tensor_get(a, path, &v, err);
    if (st != ST_OK)
        return st;
    stats_of(v.x, v.n, 1, 1, &s);
    tensor_view_done(&v);
    *out = stats_get(&s, stat);
    return ST_OK;
}
