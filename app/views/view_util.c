/* Facts about slots, lists, items and ranks that several views share. */
#include "app/views/view_util.h"

#include "engine/train/heads.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct series *slot_series(const struct app *a, int slot, const char *name)
{
    const struct trainer *t = a->slots[slot].trainer;
    return t ? trainer_series(t, name) : NULL;
}

bool slot_has(const struct app *a, int slot, unsigned flags)
{
    const struct model_def *m = a->slots[slot].model;
    return m && (m->flags & flags) == flags;
}

const char *slot_state(struct app *a, int slot)
{
    const struct slot *s = &a->slots[slot];
    if (!s->model)
        return "";
    if (s->model->flags & MODEL_BASELINE)
        return "READY";
    const struct snapshot *p = app_snapshot(a, slot);
    if (!p)
        return "READY";
    /* Validation is part of the run: no word of its own that flickers where epochs are
     * short. */
    return train_state_name(p->state == TS_EVAL ? TS_RUN : p->state);
}

void slot_brief(const struct app *a, int slot, char *buf, size_t size)
{
    static const struct {
        const char *name, *shown;
    } keys[] = {{"d", "d"},     {"hidden", "h"}, {"layers", "L"},
                {"heads", "H"}, {"L", "L"},      {"z", "z"}};
    const struct learner *l = app_learner(a, slot);
    buf[0] = '\0';
    size_t at = 0;
    for (size_t i = 0; l && l->hp && i < sizeof keys / sizeof *keys && at < size; i++) {
        if (!hp_has(l->hp, keys[i].name))
            continue;
        char v[24];
        hparams_text(l->hp, keys[i].name, v, sizeof v);
        int n = snprintf(buf + at, size - at, "%s%s=%s", at ? " " : "", keys[i].shown, v);
        at += n > 0 ? (size_t)n : 0;
    }
}

/* A binary loss with w_pos on the target and w_neg on each of k even negatives is w_pos
 * times that with k w_neg / w_pos of them. Returns that number, 0 where no floor is known
 * for it. */
static int even_negatives(const struct app *a, int slot, double *w_pos)
{
    const struct head *h = app_head(a, slot);
    const struct batch_spec *spec = app_batch_spec(a, slot);
    if (!h || !spec)
        return 0;
    double pos = h->w_pos > 0 ? (double)h->w_pos : 1, neg = h->w_neg > 0 ? (double)h->w_neg : 1,
           k = spec->n_neg * neg / pos;
    *w_pos = pos;
    bool known = h->loss == HEAD_BCE && spec->neg_alpha == 0 &&
                 (spec->n_target == 0 || spec->n_target == 1);
    return known && fabs(k - round(k)) < 1e-6 && k >= 0.5 && k < BCE_FLOORS + 0.5
               ? (int)lround(k)
               : 0;
}

double slot_bce_floor(const struct app *a, int slot, const struct ceiling *top)
{
    double w_pos;
    int k = even_negatives(a, slot, &w_pos);
    return k ? w_pos * top->bce_floor[k - 1] : (double)NAN;
}

enum floor_kind slot_floor(const struct app *a, int slot)
{
    const struct head *h = app_head(a, slot);
    if (!h)
        return FLOOR_NONE;
    if (h->loss == HEAD_XENT)
        return FLOOR_SOFTMAX;
    double w_pos;
    return even_negatives(a, slot, &w_pos) ? FLOOR_BCE : FLOOR_NONE;
}

bool slot_loss_in_nats(const struct app *a, int slot)
{
    const struct batch_spec *spec = app_batch_spec(a, slot);
    return slot_floor(a, slot) == FLOOR_SOFTMAX && spec &&
           (spec->n_target == 0 || spec->n_target == 1);
}

bool effect_shown(double effect)
{
    return fabs(effect) >= 0.0005;
}

enum role effect_role(double effect, double largest)
{
    bool small = !effect_shown(effect) || fabs(effect) <= largest * 0.02;
    return small ? ROLE_DIM : effect > 0 ? ROLE_UP : ROLE_DOWN;
}

double slot_loss_scale(const struct app *a, int slot)
{
    const struct learner *l = app_learner(a, slot);
    double k = l && l->hp && hp_has(l->hp, "bptt") ? hp_num(l->hp, "bptt") : 1;
    return k > 1 ? 1 / k : 1;
}

const struct ceiling *app_ceiling(const struct app *a)
{
    return a->has_ceiling && a->valid_ceiling.n > 0 ? &a->valid_ceiling : NULL;
}

bool list_key(const char *key, int *at, int n, int page)
{
    static const struct {
        const char *name;
        int sign, what; /* what: 0 one row, 1 half a page, 2 a page, 3 the end */
    } keys[] = {{"Up", -1, 0},   {"Down", 1, 0}, {"Top", -1, 3},    {"Bottom", 1, 3},
                {"PgUp", -1, 2}, {"PgDn", 1, 2}, {"HalfUp", -1, 1}, {"HalfDown", 1, 1}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].name, key) != 0)
            continue;
        int step = keys[i].what == 0   ? 1
                   : keys[i].what == 1 ? page / 2
                   : keys[i].what == 2 ? page - 1
                                       : n;
        int to = *at + keys[i].sign * (step > 0 ? step : 1);
        *at = to >= n ? n - 1 : to;
        if (*at < 0)
            *at = 0;
        return true;
    }
    return false;
}

const char *item_name(const struct app *a, int32_t item)
{
    const struct dataset *ds = a->ds;
    if (!ds || item < 1 || item > ds->n_items)
        return "";
    if (ds->item_name && ds->item_name[item])
        return ds->item_name[item];
    return ds->item_id && ds->item_id[item] ? ds->item_id[item] : "";
}

int item_digits(const struct app *a)
{
    int n = 1;
    for (int32_t v = a->ds ? a->ds->n_items : 0; v >= 10; v /= 10)
        n++;
    return n;
}

int draw_item(const struct canvas *c, int row, int col, int width, int id_width, enum role role,
              const struct app *a, int32_t item)
{
    char id[16];
    if (a->ds && item == a->ds->n_items + 1)
        snprintf(id, sizeof id, "_");
    else
        snprintf(id, sizeof id, "%d", (int)item);
    int used = canvas_right(c, row, col, id_width < width ? id_width : width, role, id);
    const char *name = item_name(a, item);
    if (*name && width > used + 2) {
        canvas_text(c, row, col + used, role, " ");
        used += 1 + canvas_left(c, row, col + used + 1, width - used - 1, role, name);
    }
    return used;
}

/* Mean ranks of ties, 1 = smallest. */
static void ranks(const double *x, int n, double *r)
{
    for (int i = 0; i < n; i++) {
        int less = 0, same = 0;
        for (int k = 0; k < n; k++) {
            less += x[k] < x[i];
            same += x[k] == x[i];
        }
        r[i] = less + (same + 1) / 2.0;
    }
}

double spearman(const double *x, const double *y, int n)
{
    double rx[SEQ_MAX], ry[SEQ_MAX], sxx = 0, syy = 0, sxy = 0, mean = (n + 1) / 2.0;
    if (n < 3 || n > SEQ_MAX)
        return (double)NAN;
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i]) || !isfinite(y[i]))
            return (double)NAN;
    ranks(x, n, rx);
    ranks(y, n, ry);
    for (int i = 0; i < n; i++) {
        sxx += (rx[i] - mean) * (rx[i] - mean);
        syy += (ry[i] - mean) * (ry[i] - mean);
        sxy += (rx[i] - mean) * (ry[i] - mean);
    }
    return sxx > 0 && syy > 0 ? sxy / sqrt(sxx * syy) : (double)NAN;
}

double answer_value(const struct answer *a, int32_t row, int32_t item)
{
    if (item < 1 || item > a->n_items || row < 0 || row >= a->n_row)
        return (double)NAN;
    const float *s = a->score + (size_t)row * ((size_t)a->n_items + 1);
    if (!a->softmax)
        return (double)s[item];
    double m = (double)-INFINITY, sum = 0;
    for (int32_t i = 1; i <= a->n_items; i++)
        m = (double)s[i] > m ? (double)s[i] : m;
    for (int32_t i = 1; i <= a->n_items; i++)
        sum += exp((double)s[i] - m);
    return exp((double)s[item] - m) / sum;
}

int32_t answer_top(const struct answer *a, int32_t row)
{
    const float *s = a->score + (size_t)row * ((size_t)a->n_items + 1);
    int32_t top = 1;
    for (int32_t i = 2; i <= a->n_items; i++)
        if (s[i] > s[top])
            top = i;
    return top;
}

int some_prefixes(const struct app *a, const int32_t **item, int32_t *len, int max)
{
    const struct split *sp = a->split;
    int n = 0;
    for (int64_t i = 0;
         sp && i < sp->n_valid && n<max; i += sp->n_valid> max ? sp->n_valid / max : 1) {
        item[n] = a->ds->item + a->ds->off[sp->valid[i].session];
        len[n] = sp->valid[i].n_prefix;
        n += len[n] > 0;
    }
    return n;
}

char *signed_fixed(char out[FMT_NUM], double v, int decimals)
{
    char bare[FMT_NUM];
    snprintf(out, FMT_NUM, "%c%.30s", v < 0 ? '-' : '+', fmt_fixed(bare, fabs(v), decimals));
    return out;
}

uint64_t sequence_hash(const struct sequence *s)
{
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)s->n;
    for (int32_t i = 0; i < s->n; i++)
        h = (h ^ (uint64_t)(uint32_t)s->item[i]) * 0x100000001b3u;
    return h;
}

void draw_empty(const struct canvas *c, const char *what, const char *todo)
{
    int row = c->rows / 2 - 1 > 0 ? c->rows / 2 - 1 : 0;
    canvas_centre(c, row, 0, c->cols, ROLE_DIM, what);
    if (todo && *todo && row + 1 < c->rows)
        canvas_centre(c, row + 1, 0, c->cols, ROLE_TEXT, todo);
}

const struct sequence *sequence_before(const struct app *a)
{
    return a->at_undo > 0 && a->at_undo <= a->n_undo ? &a->undo[a->at_undo - 1] : NULL;
}

bool find_in(const char *hay, const char *needle)
{
    size_t n = strlen(needle);
    for (; n > 0 && *hay; hay++) {
        size_t i = 0;
        while (i < n && hay[i] &&
               tolower((unsigned char)hay[i]) == tolower((unsigned char)needle[i]))
            i++;
        if (i == n)
            return true;
    }
    return false;
}

double entropy_of(const double *p, int32_t n)
{
    double h = 0;
    for (int32_t i = 1; i <= n; i++)
        if (p[i] > 0)
            h -= p[i] * log(p[i]);
    return h;
}
