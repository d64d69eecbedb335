/* The Latent tab, right: the list while the unit under the cursor moves, and with the truth
 * shown what the unit tells of the planted value. Other models: the items nearest to the
 * chosen one. */
#include "app/ui/plot.h"
#include "app/views/latent_space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_UNITS, ASK_LISTS, ASK_TRUTH, ASK_NEAR };
enum { VALUES = 4, FIRST = 24, SEQS = 512 };
struct traverse_state {
    struct latent l;
    struct item_map map;
    double value[VALUES];           /* asked for, rising */
    int n_value, unit;              /* of which unit */
    double shown[VALUES];           /* of the answer */
    int n_shown, shown_unit, first; /* lists; rows of each */
    int32_t list[VALUES][FIRST];
    double p[VALUES][FIRST];
    bool softmax;
    const int32_t *variant[SEQS];
    int32_t variant_n[SEQS];
    int cls[SEQS]; /* planted value of each, -1: none */
    float *mu;     /* (n_mu, units) after each */
    int n_mu, mu_units;
    int32_t near_asked;
    int n_near;
    int32_t near[FIRST];
};

static bool is_latent(const struct view *v)
{
    return slot_has(v->app, v->app->slot, MODEL_LATENT);
}
static bool truth(const struct view *v)
{
    return v->app->truth_shown && v->app->ds && v->app->ds->world && v->app->ds->truth;
}

static int unit_of(const struct view *v)
{
    const struct traverse_state *st = v->state;
    return v->ui->select.unit < st->l.units ? v->ui->select.unit : 0;
}

/* -2, 0 and +2, and where the unit is now. */
static void values_of(const struct view *v, struct traverse_state *st)
{
    const struct learner *l = app_learner(v->app, v->app->slot);
    double now = latent_now(&st->l, &v->ui->select.latent, l ? l->seed : 0, unit_of(v));
    static const double fixed[] = {-2, 0, 2};
    bool in = false;
    st->n_value = 0;
    for (int i = 0; i < 3; i++) {
        if (!in && now <= fixed[i] + 1e-4) {
            st->value[st->n_value++] = now;
            in = true;
            if (fabs(now - fixed[i]) < 1e-4)
                continue;
        }
        st->value[st->n_value++] = fixed[i];
    }
    if (!in)
        st->value[st->n_value++] = now;
    if (st->n_value < VALUES || v->w >= 60)
        return;
    int near = 0; /* no room for four: the fixed value next to the present one goes */
    for (int i = 1; i < st->n_value; i++)
        if (st->value[i] != now &&
            (st->value[near] == now || fabs(st->value[i] - now) < fabs(st->value[near] - now)))
            near = i;
    st->n_value--;
    memmove(st->value + near, st->value + near + 1,
            (size_t)(st->n_value - near) * sizeof *st->value);
}

static void variants_of(const struct view *v, struct traverse_state *st, struct question *q)
{
    const struct app *a = v->app;
    int n = some_prefixes(a, st->variant, st->variant_n, SEQS);
    for (int i = 0; i < n; i++) {
        int64_t at = st->variant[i] - a->ds->item + st->variant_n[i] - 1;
        st->cls[i] = a->ds->truth[at];
    }
    q->kind = ASK_STATES;
    q->probes = "latent.mu";
    q->n_variant = n;
    q->variant = st->variant;
    q->variant_n = st->variant_n;
}

static bool traverse_ask(struct view *v, int which, struct view_ask *ask)
{
    struct traverse_state *st = v->state;
    if (!is_latent(v)) {
        st->l.ready = false;
        ask->q.kind = ASK_PROJECT;
        ask->q.target = st->near_asked = item_map_chosen(v);
        return which == ASK_NEAR;
    }
    st->map.ready = false;
    switch (which) {
    case ASK_UNITS:
        latent_ask(&ask->q);
        return true;
    case ASK_LISTS:
        if (!st->l.ready || v->app->seq.n == 0)
            return false;
        values_of(v, st);
        st->unit = unit_of(v);
        return latent_ask_moved(&st->l, v->app, ask->slot, &v->ui->select.latent, st->unit,
                                st->value, st->n_value, &ask->q);
    case ASK_TRUTH:
        if (!truth(v))
            return false;
        variants_of(v, st, &ask->q);
        return true;
    default:
        return false;
    }
}

static void take_lists(struct traverse_state *st, const struct answer *a)
{
    st->n_shown = 0;
    if (a->err.code || a->n_row != st->n_value)
        return;
    float best[FIRST];
    st->softmax = a->softmax;
    for (int k = 0; k < a->n_row; k++) {
        const float *s = a->score + (size_t)k * ((size_t)a->n_items + 1);
        st->first = top_items(s, a->n_items, FIRST, NULL, 0, st->list[k], best);
        for (int i = 0; i < st->first; i++)
            st->p[k][i] = answer_value(a, k, st->list[k][i]);
        st->shown[k] = st->value[k];
    }
    st->n_shown = a->n_row;
    st->shown_unit = st->unit;
}

static void take_near(struct traverse_state *st, const struct answer *a)
{
    st->n_near = 0;
    if (!item_map_take(&st->map, st->near_asked, a))
        return;
    float *cosine = malloc(((size_t)a->n_items + 1) * sizeof *cosine), best[FIRST];
    for (int32_t i = 1; cosine && i <= a->n_items; i++)
        cosine[i] = st->map.at[(size_t)i * 4 + 3];
    if (cosine)
        st->n_near = top_items(cosine, a->n_items, FIRST, &st->near_asked, 1, st->near, best);
    free(cosine);
}

static bool traverse_answer(struct view *v, int which, const struct answer *a)
{
    struct traverse_state *st = v->state;
    switch (which) {
    case ASK_UNITS:
        latent_take(&st->l, a);
        break;
    case ASK_LISTS:
        take_lists(st, a);
        break;
    case ASK_TRUTH: {
        size_t n = a->err.code || !a->value ? 0 : (size_t)a->n_row * (size_t)a->n_col;
        free(st->mu);
        st->mu = n ? malloc(n * sizeof *st->mu) : NULL;
        st->n_mu = st->mu ? (int)a->n_row : 0;
        st->mu_units = a->n_col;
        if (st->mu)
            memcpy(st->mu, a->value, n * sizeof *st->mu);
        break;
    }
    default:
        take_near(st, a);
        break;
    }
    return true;
}

static bool traverse_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    char name[64];
    if (!v->app->slots[v->app->slot].model)
        return false;
    if (is_latent(v)) {
        snprintf(v->title, sizeof v->title, "list while unit %d moves", unit_of(v) + 1);
    } else {
        app_item_text(v->app, item_map_chosen(v), name, sizeof name);
        snprintf(v->title, sizeof v->title, "near %s", name);
    }
    return false;
}

static void traverse_close(struct view *v)
{
    struct traverse_state *st = v->state;
    latent_done(&st->l);
    item_map_done(&st->map);
    free(st->mu);
}

static void class_name(const struct app *a, int cls, char *buf, size_t size)
{
    const char *world = world_of(a->ds->world)->name,
               *department = strcmp(world, "drift") == 0 ? world_department_name(cls) : NULL;
    if (department)
        snprintf(buf, size, "%s", department);
    else
        snprintf(buf, size, "%s %d",
                 strcmp(world, "tastes") == 0   ? "type"
                 : strcmp(world, "opener") == 0 ? "opener"
                                                : "value",
                 cls);
}

/* Classes whose mean the unit holds farthest apart. */
static bool apart(const struct traverse_state *st, int unit, int *low, int *high)
{
    enum { CLASSES = 64 };
    double sum[CLASSES] = {0};
    int n[CLASSES] = {0};
    *low = *high = -1;
    for (int i = 0; i < st->n_mu; i++)
        if (st->cls[i] >= 0 && st->cls[i] < CLASSES) {
            sum[st->cls[i]] += (double)st->mu[(size_t)i * (size_t)st->mu_units + (size_t)unit];
            n[st->cls[i]]++;
        }
    for (int c = 0; c < CLASSES; c++) {
        if (n[c] < 2)
            continue;
        sum[c] /= n[c];
        *low = *low < 0 || sum[c] < sum[*low] ? c : *low;
        *high = *high < 0 || sum[c] > sum[*high] ? c : *high;
    }
    return *low >= 0 && *low != *high;
}

static int draw_truth(const struct view *v, const struct canvas *c, int y)
{
    const struct traverse_state *st = v->state;
    int unit = unit_of(v), low, high;
    char a[40], b[40], n1[FMT_NUM], n2[FMT_NUM], t[240];
    if (!v->app->ds->world)
        return y;
    if (!truth(v)) {
        canvas_text(c, y, 0, ROLE_DIM,
                    v->app->truth_shown ? "nothing hidden is planted in this world"
                                        : "T  what it tells of the planted value");
        return y + 1;
    }
    if (!st->n_mu || unit >= st->mu_units)
        return y;
    double h, mi = mutual_information(st->mu + unit, st->mu_units, st->cls, st->n_mu, &h);
    if (!(h > 0) || !apart(st, unit, &low, &high)) {
        canvas_text(c, y, 0, ROLE_DIM, "nothing hidden is planted in these sessions");
        return y + 1;
    }
    class_name(v->app, low, a, sizeof a);
    class_name(v->app, high, b, sizeof b);
    struct canvas rest = canvas_sub(c, y, 0, REST, REST);
    snprintf(t, sizeof t,
             c->cols < 40 ? "unit %d: low %s, high %s; mutual information %s of %s nats"
                          : "unit %d is lowest for %s, highest for %s; mutual information with "
                            "the planted value %s of %s nats",
             unit + 1, a, b, fmt_fixed(n1, mi, 2), fmt_fixed(n2, h, 2));
    return y + canvas_wrap(&rest, 0, ROLE_GOOD, t);
}

static void draw_lists(const struct view *v, const struct canvas *c)
{
    const struct traverse_state *st = v->state;
    const struct learner *l = app_learner(v->app, v->app->slot);
    double now = latent_now(&st->l, &v->ui->select.latent, l ? l->seed : 0, unit_of(v));
    int n = st->n_shown, lead = 5, wide = (c->cols - lead) / (n ? n : 1),
        id = item_digits(v->app);
    char t[48], num[FMT_NUM];
    if (!n || st->shown_unit != unit_of(v)) {
        canvas_text(c, 0, 0, ROLE_DIM, "thinking");
        return;
    }
    canvas_printf(c, 0, 0, ROLE_DIM, "z%d", unit_of(v) + 1);
    bool roomy = c->rows >= 9;
    int foot = roomy ? 4 : truth(v) ? 3 : 0, rows = c->rows - 1 - foot;
    rows = rows > st->first ? st->first : rows;
    bool probs = wide >= id + 16;
    for (int k = 0; k < n; k++) {
        int x = lead + k * wide;
        bool on = fabs(st->shown[k] - now) < 1e-4;
        snprintf(t, sizeof t, on ? "[%s]" : " %s ",
                 (fabs(st->shown[k]) < 1e-4 ? fmt_fixed : signed_fixed)(
                     num, st->shown[k], on && fabs(now - round(now * 2) / 2) > 1e-4 ? 2 : 1));
        canvas_left(c, 0, x, wide - 1, on ? ROLE_STRONG : ROLE_DIM, t);
        for (int i = 0; i < rows; i++) {
            int room = wide - 1 - (probs ? 6 : 0);
            draw_item(c, i + 1, x, room, id, on ? ROLE_STRONG : ROLE_TEXT, v->app,
                      st->list[k][i]);
            if (probs)
                canvas_right(c, i + 1, x + room, 5, on ? ROLE_TEXT : ROLE_DIM,
                             st->softmax ? fmt_prob(num, st->p[k][i])
                                         : fmt_fixed(num, st->p[k][i], 1));
        }
    }
    for (int i = 0; i < rows; i++) {
        snprintf(t, sizeof t, "%d", i + 1);
        canvas_right(c, i + 1, 0, 3, ROLE_DIM, t);
    }
    if (foot)
        draw_truth(v, c, rows + 1 + roomy);
}

static void draw_near(const struct view *v, const struct canvas *c)
{
    const struct traverse_state *st = v->state;
    int id = item_digits(v->app), name = c->cols >= 50 ? id + 20 : id + 12;
    char num[FMT_NUM];
    canvas_left(c, 0, id + 1, name - id, ROLE_DIM, "item");
    canvas_right(c, 0, name, 8, ROLE_DIM, "cosine");
    bool depart = v->app->truth_shown && v->app->ds->world;
    for (int i = 0; i < st->n_near && i + 1 < c->rows; i++) {
        double x = (double)st->map.at[(size_t)st->near[i] * 4 + 3];
        draw_item(c, i + 1, 0, name, id, ROLE_TEXT, v->app, st->near[i]);
        canvas_right(c, i + 1, name, 8, ROLE_STRONG, fmt_fixed(num, x, 3));
        if (depart)
            canvas_left(
                c, i + 1, name + 10, c->cols - name - 10, ROLE_GOOD,
                world_department_name(world_department(v->app->ds->world, st->near[i])));
        else
            canvas_bar(c, i + 1, name + 10, c->cols - name - 10, ROLE_BAR, x > 0 ? x : 0, 1);
    }
}

static void traverse_draw(const struct view *v, struct canvas *all)
{
    const struct traverse_state *st = v->state;
    struct canvas c = canvas_sub(all, 0, 1, REST, REST);
    c.cols = all->cols - 2;
    if (is_latent(v) ? !st->l.ready || v->app->seq.n == 0 : !st->map.ready) {
        draw_empty(all,
                   is_latent(v)       ? "the list while a unit moves"
                   : st->map.error[0] ? st->map.error
                                      : "the nearest items",
                   "");
        return;
    }
    if (is_latent(v))
        draw_lists(v, &c);
    else
        draw_near(v, &c);
}

static const char *const traverse_keys[] = {"T", "truth", NULL};
const struct view_def view_traverse = {
    .name = "traverse",
    .title = "list while a unit moves",
    .help = "The first items with the unit under the cursor at -2, 0, +2 and where it is now; "
            "what it tells of the planted value (T).  Other models: nearest items.",
    .flags = VIEW_NEEDS_MODEL | VIEW_NEEDS_DATA,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct traverse_state),
    .keys = traverse_keys,
    .close = traverse_close,
    .ask = traverse_ask,
    .answer = traverse_answer,
    .update = traverse_update,
    .draw = traverse_draw,
};
