/* See filter_bank.h. */
#include "app/views/filter_bank.h"
#include "app/cmd/ablate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const bank_sorts[] = {"number", "act", "norm", "effect", NULL};

void bank_done(struct bank *b)
{
    free(b->act);
    free(b->win);
    free(b->weight);
    free(b->norm);
    free(b->kernel);
    free(b->bias);
    free(b->effect);
    free(b->silent);
    memset(b, 0, sizeof *b);
}

void bank_ask(struct question *q)
{
    q->kind = ASK_PROBES;
    q->probes = "conv.*,emb,user";
    q->params = "conv.*";
}

int bank_height(const struct bank *b, int filter)
{
    return b->per ? filter / b->per + 1 : 1;
}
int bank_places(const struct bank *b, int filter)
{
    return b->rows - bank_height(b, filter) + 1;
}

/* Numbers of the horizontal filters that stand before those of height h (from 1). */
static size_t kernel_at(const struct bank *b, int h, int k)
{
    return ((size_t)b->per * (size_t)(h - 1) * (size_t)h / 2 + (size_t)k * (size_t)h) *
           (size_t)b->d;
}

const float *bank_kernel(const struct bank *b, int filter)
{
    int h = bank_height(b, filter);
    return b->kernel + kernel_at(b, h, filter % b->per);
}

double bank_max(const struct bank *b, int filter)
{
    double top = (double)-INFINITY;
    for (int i = 0; i < bank_places(b, filter); i++)
        top = fmax(top, (double)b->act[(size_t)filter * (size_t)b->rows + (size_t)i]);
    return top;
}

static const struct probe_copy *probe(const struct answer *a, int height, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "conv.h%d.%s", height, what);
    return answer_probe(a, name);
}

static double length(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static bool take_horizontal(struct bank *b, const struct answer *a)
{
    for (int h = 1; h <= b->heights; h++) {
        const struct probe_copy *act = probe(a, h, "act"), *win = probe(a, h, "win"),
                                *w = probe(a, h, "W"), *bias = probe(a, h, "b");
        if (!act || !win || !w || !bias || act->nd != 2 || act->d[0] != b->per ||
            act->d[1] > b->rows || w->nd != 3 || w->d[2] != b->d)
            return false;
        for (int k = 0; k < b->per; k++) {
            size_t f = (size_t)((h - 1) * b->per + k), size = (size_t)h * (size_t)b->d;
            memcpy(b->act + f * (size_t)b->rows, act->x + (size_t)k * (size_t)act->d[1],
                   (size_t)act->d[1] * sizeof *b->act);
            b->win[f] = win->x[k];
            b->bias[f] = bias->x[k];
            memcpy(b->kernel + kernel_at(b, h, k), w->x + (size_t)k * size,
                   size * sizeof *w->x);
            b->norm[f] = (float)length(w->x + (size_t)k * size, size);
        }
    }
    return true;
}

bool bank_take(struct bank *b, const struct answer *a)
{
    b->ready = false;
    if (a->err.code) {
        if (a->err.code != ST_CANCELLED)
            snprintf(b->error, sizeof b->error, "%s", a->err.msg);
        return false;
    }
    const struct probe_copy *emb = answer_probe(a, "emb"), *v = answer_probe(a, "conv.v.W"),
                            *vb = answer_probe(a, "conv.v.b");
    if (!emb || emb->nd != 2 || emb->d[0] > BANK_ROWS || a->n > emb->d[0] || a->n_row < 1)
        return false;
    bank_done(b);
    b->rows = emb->d[0];
    b->d = emb->d[1];
    while (probe(a, b->heights + 1, "act"))
        b->heights++;
    b->per = b->heights ? probe(a, 1, "act")->d[0] : 0;
    b->n_h = b->heights * b->per;
    b->n_v = v && vb && v->nd == 2 && v->d[1] == b->rows ? v->d[0] : 0;
    size_t n = (size_t)b->n_h + (size_t)b->n_v, rows = (size_t)b->rows;
    b->act = calloc(n * rows + 1, sizeof *b->act);
    b->win = calloc(n + 1, sizeof *b->win);
    b->weight = calloc(n * rows + 1, sizeof *b->weight);
    b->norm = calloc(n + 1, sizeof *b->norm);
    b->bias = calloc(n + 1, sizeof *b->bias);
    b->kernel = calloc(kernel_at(b, b->heights + 1, 0) + 1, sizeof *b->kernel);
    b->silent = calloc(n + (size_t)b->heights + 2, sizeof *b->silent);
    if (!b->act || !b->win || !b->weight || !b->norm || !b->bias || !b->kernel || !b->silent ||
        !take_horizontal(b, a)) {
        bank_done(b);
        return false;
    }
    for (int f = 0; f < b->n_v; f++) {
        memcpy(b->weight + (size_t)f * rows, v->x + (size_t)f * rows, rows * sizeof *v->x);
        b->norm[b->n_h + f] = (float)length(v->x + (size_t)f * rows, rows);
        b->bias[b->n_h + f] = vb->x[f];
    }
    b->step = a->step;
    b->first = a->first;
    b->fill = b->rows - a->n;
    memcpy(b->item + b->fill, a->item, (size_t)a->n * sizeof *b->item);
    b->n_items = a->n_items;
    b->softmax = a->softmax;
    b->has_user = answer_probe(a, "user") != NULL;
    b->top = answer_top(a, 0);
    b->base = answer_value(a, 0, b->top);
    b->score = (double)a->score[b->top];
    return b->ready = true;
}

/* A set each: the filters, then all horizontal, all vertical, the user's vector. */
bool bank_ask_effects(struct bank *b, const struct app *a, int slot, int only,
                      struct question *q)
{
    if (!b->ready)
        return false;
    int n = 0, set = 0;
    for (int f = only < 0 ? 0 : only; f < (only < 0 ? b->n_h + b->n_v : only + 1); f++) {
        char part[48];
        bank_part(b, f, part, sizeof part);
        if (!ablate_parse(a, slot, part, 0, &b->silent[n]))
            return false;
        b->silent[n++].set = set++;
    }
    for (int h = 1; h <= b->heights; h++, n++) {
        b->silent[n] = (struct patch){.set = set, .row = PATCH_ALL, .n = b->per};
        snprintf(b->silent[n].probe, sizeof b->silent[n].probe, "conv.h%d.max", h);
    }
    b->silent[n++] =
        (struct patch){.probe = "conv.v", .set = set + 1, .row = PATCH_ALL, .n = b->n_v * b->d};
    b->silent[n++] =
        (struct patch){.probe = "user", .set = set + 2, .row = PATCH_ALL, .n = 1 << 20};
    q->kind = ASK_PATCHES;
    q->n_set = set + BANK_PATHS;
    ablate_with(a, slot, q, b->silent, n);
    return true;
}

void bank_take_effects(struct bank *b, int only, const struct answer *a)
{
    int n = only < 0 ? b->n_h + b->n_v : 1, all = b->n_h + b->n_v;
    if (a->err.code || !b->ready || a->n_row != n + BANK_PATHS || a->step != b->step)
        return;
    if (!b->effect)
        b->effect = malloc((size_t)(all + 1) * sizeof *b->effect);
    if (!b->effect)
        return;
    for (int f = 0; f < all; f++)
        b->effect[f] = only < 0 ? (float)(b->base - answer_value(a, f, b->top)) : NAN;
    if (only >= 0)
        b->effect[only] = (float)(b->base - answer_value(a, 0, b->top));
    for (int p = 0; p < BANK_PATHS; p++)
        b->path[p] =
            b->score -
            (double)a->score[(size_t)(n + p) * ((size_t)a->n_items + 1) + (size_t)b->top];
    b->has_path = true;
}

static double key_of(const struct bank *b, enum bank_sort sort, int f)
{
    switch (sort) {
    case BANK_ACT:
        return f < b->n_h ? bank_max(b, f) : (double)b->norm[f];
    case BANK_NORM:
        return (double)b->norm[f];
    case BANK_EFFECT:
        return b->effect && isfinite(b->effect[f]) ? fabs((double)b->effect[f]) : 0;
    default:
        return -f;
    }
}

void bank_order(const struct bank *b, enum bank_sort sort, int lo, int hi, int *order)
{
    for (int f = lo; f < hi; f++) {
        int at = f - lo;
        double key = key_of(b, sort, f);
        for (; at > 0 && key > key_of(b, sort, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = f;
    }
}

void bank_part(const struct bank *b, int filter, char *buf, size_t size)
{
    if (filter < b->n_h)
        snprintf(buf, size, "filter.%d", filter + 1);
    else
        snprintf(buf, size, "vertical.%d", filter - b->n_h + 1);
}

void bank_runs(const struct bank *b, int filter, char *params, size_t size, int32_t *number)
{
    int h = bank_height(b, filter);
    snprintf(params, size, "item.E,conv.h%d.W,conv.h%d.b", h, h);
    *number = filter % b->per;
}
