/* The tab Evolution: what its panes share; see evolve.h. */
#include "app/views/evolve.h"
#include "app/views/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void click_cols(struct click_cols *k, const struct app *a, int cols, int n, int cursor,
                int label)
{
    /* an id, or .123 */
    int room = cols - label - 1, least = item_digits(a) + 1 > 4 ? item_digits(a) + 1 : 4;
    *k = (struct click_cols){.label = label};
    if (n < 1 || room < 3)
        return;
    k->width = room / n;
    k->width = k->width > 12 ? 12 : k->width < least ? least : k->width;
    k->shown = room / k->width < n ? room / k->width : n;
    if (k->shown < 1) {
        k->shown = 1;
        k->width = room;
    }
    k->from = n - k->shown;
    if (cursor >= 0 && cursor < k->from)
        k->from = cursor;
}

int click_col(const struct click_cols *k, int click)
{
    return click < k->from || click >= k->from + k->shown
               ? -1
               : k->label + (click - k->from) * k->width;
}

void click_value(const struct canvas *c, int row, int col, const struct click_cols *k, double x,
                 double full)
{
    char b[FMT_NUM], *text = fmt_prob(b, x);
    int room = k->width - 1;
    if (!isfinite(x)) {
        canvas_right(c, row, col, room, ROLE_DIM, "-");
        return;
    }
    if (text_width(text) > room)
        fmt_fixed(b, x, room < 4 ? 2 : room - 2);
    if (text_width(text) > room && text[0] == '0')
        text++;
    if (text_width(text) > room) /* 1.00 in three columns */
        fmt_fixed(b, x, room > 2 ? room - 2 : 0);
    if (full > 0)
        canvas_level(c, row, col, room, theme_level(c->theme, x > 0 ? x / full : 0, false),
                     false, text);
    else
        canvas_right(c, row, col, room, ROLE_TEXT, text);
}

void click_ids(const struct canvas *c, int row, const struct click_cols *k, const struct app *a,
               const int32_t *item, int n, int first)
{
    char id[16];
    for (int i = 0; i < n; i++) {
        int col = click_col(k, i);
        if (col < 0)
            continue;
        snprintf(id, sizeof id, a->ds && item[i] == a->ds->n_items + 1 ? "_" : "%d",
                 (int)item[i]);
        canvas_right(c, row, col, k->width - 1,
                     first + i == a->cursor ? ROLE_CURSOR : ROLE_ITEM, id);
    }
    if (k->from > 0)
        canvas_text(c, row, k->label - 1, ROLE_DIM, "~");
}

/* ---- replay ---- */

double cosine(const float *x, const float *y, int d)
{
    double xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < d; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    if (!(xx > 1e-16) || !(yy > 1e-16))
        return (double)NAN;
    double c = xy / sqrt(xx * yy);
    return c > 1 ? 1 : c < -1 ? -1 : c;
}

double memory_shares(const float *write, int n, int d, float *gate, float *share)
{
    double left = 0;
    for (int t = 0; t < n; t++)
        gate[t] = share[t] = 0;
    for (int i = 0; i < d; i++) {
        double rest = 1;
        for (int t = n - 1; t >= 0; t--) {
            double w = (double)write[(size_t)t * (size_t)d + (size_t)i];
            gate[t] += (float)(w / d);
            share[t] += (float)(w * rest / d);
            rest *= 1 - w;
        }
        left += rest / d;
    }
    return left;
}

int best_split(const float *x, int n, int d)
{
    if (n < 2 || d < 1)
        return 0;
    double *sum = calloc((size_t)d * 2, sizeof *sum), best = 1e-6;
    int at = 0;
    if (!sum)
        return 0;
    double *all = sum + d;
    for (int pass = 0; pass < 2; pass++) { /* totals first, then a border that moves right */
        for (int t = 0; t < n; t++) {
            const float *v = x + (size_t)t * (size_t)d;
            double norm = 0;
            for (int i = 0; i < d; i++)
                norm += (double)v[i] * (double)v[i];
            norm = norm > 0 ? 1 / sqrt(norm) : 0;
            for (int i = 0; i < d; i++)
                (pass ? sum : all)[i] += (double)v[i] * norm;
            if (!pass || t == n - 1)
                continue;
            double c = t + 1, rest = n - c, gap = 0;
            for (int i = 0; i < d; i++) {
                double g = sum[i] / c - (all[i] - sum[i]) / rest;
                gap += g * g;
            }
            gap = sqrt(gap * c * rest / n);
            if (gap > best) {
                best = gap;
                at = t + 1;
            }
        }
    }
    free(sum);
    return at;
}

bool replay_take(struct replay *r, const struct answer *a, const int32_t *follow, int n_follow)
{
    r->ready = false;
    snprintf(r->error, sizeof r->error, "%s", a->err.code ? a->err.msg : "");
    if (a->err.code || a->n_row < 1 || a->n_items < 1 || a->n_row != a->n)
        return false;
    /* More clicks than a screen's sequence can have are not asked. */
    r->n = a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
    r->first = a->first;
    r->n_items = a->n_items;
    r->step = a->step;
    r->has_state = a->state != NULL && a->n_state > 0;
    memcpy(r->item, a->item, (size_t)r->n * sizeof *r->item);
    size_t row = (size_t)a->n_items + 1;
    for (int32_t t = 0; t < r->n; t++) {
        const float *s = a->score + (size_t)t * row;
        float best[3];
        int32_t top[3];
        int32_t k = top_items(s, a->n_items, 3, NULL, 0, top, best);
        r->top[t] = k > 0 ? top[0] : 0;
        if (t == r->n - 1) {
            r->n_follow = n_follow > 0 ? n_follow : k;
            memcpy(r->follow, n_follow > 0 ? follow : top,
                   (size_t)r->n_follow * sizeof *r->follow);
        }
        int32_t next = t + 1 < r->n ? r->item[t + 1] : 0;
        bool item = next >= 1 && next <= a->n_items;
        r->next_rank[t] = item ? item_rank(s, a->n_items, next) : 0;
        r->next_prob[t] = (double)NAN;
        if (item && a->softmax)
            r->next_prob[t] = item_prob(s, a->n_items, next, true);
        const float *v = r->has_state ? a->state + (size_t)t * (size_t)a->n_state : NULL;
        double c = v && t > 0 ? cosine(v, v - a->n_state, a->n_state) : (double)NAN;
        r->drift[t] = isfinite(c) && c > 1 ? 0 : 1 - c;
    }
    for (int f = 0; f < r->n_follow; f++)
        for (int32_t t = 0; t < r->n; t++)
            r->rank[f][t] = r->follow[f] <= a->n_items ? item_rank(a->score + (size_t)t * row,
                                                                   a->n_items, r->follow[f])
                                                       : 0;
    int split = r->has_state && r->n > 2 ? best_split(a->state, r->n, a->n_state) : 0;
    r->turn = split > 0 ? split : -1;
    return r->ready = true;
}

double replay_turn_cos(const struct replay *r)
{
    return r->turn > 0 ? 1 - r->drift[r->turn] : (double)NAN;
}

bool replay_turns(const struct replay *r)
{
    return r->turn > 0 && replay_turn_cos(r) < 0.95;
}

int follow_letter(const struct replay *r, int32_t item)
{
    for (int f = 0; r && r->ready && f < r->n_follow; f++)
        if (r->follow[f] == item)
            return 'A' + f;
    return 0;
}

/* ---- what is planted ---- */

void planted_switch(const struct app *a, const struct sequence *s, struct planted_switch *out)
{
    const struct dataset *ds = a->ds;
    *out = (struct planted_switch){.at = -1};
    out->world =
        ds && ds->world && ds->truth && strcmp(world_of(ds->world)->name, "drift") == 0;
    for (int32_t k = 0; out->world && !out->known && s->n > 1 && k < ds->n_sessions; k++) {
        int64_t from = ds->off[k];
        if (dataset_len(ds, k) < s->n ||
            memcmp(ds->item + from, s->item, (size_t)s->n * sizeof *s->item) != 0)
            continue;
        out->known = true;
        for (int32_t t = 1; t < s->n && out->at < 0; t++)
            if (ds->truth[from + t] != ds->truth[from + t - 1]) {
                out->at = t;
                out->before = ds->truth[from + t - 1];
                out->after = ds->truth[from + t];
            }
    }
}

int evolve_label(const struct app *a, int cols)
{
    (void)a;
    return cols >= 56 ? 19 : 13;
}

bool shows_evolution(const struct app *a)
{
    const struct slot *s = &a->slots[a->slot];
    const struct learner *l = app_learner(a, a->slot);
    if (!s->model || !(s->model->flags & MODEL_EVOLUTION))
        return false;
    return !l || !s->model->traits || (s->model->traits(l->self) & MODEL_EVOLUTION);
}
