/* The Latent tab, left: SVAE's units after the last item, sorted by their KL, with what each
 * is moved to; how many are used, and the loss as the sum it is.  Other models: items by the
 * norm of their vectors, beside their popularity. */
#include "app/cmd/command.h"
#include "app/ui/plot.h"
#include "app/views/latent_space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_UNITS, ASK_ACTIVE, ASK_ITEMS };
enum { SEQS = 256, NORMS = 512 };
enum unit_sort { BY_KL, BY_MU, BY_NUMBER, UNIT_SORTS };
static const char *const sort_names[UNIT_SORTS] = {"KL", "|mu|", "number"};
static const double active_kl = 0.1;

struct latent_state {
    struct latent l;
    struct item_map map;
    int *order, room; /* units, or items, as they stand */
    enum unit_sort sort;
    int top;
    const int32_t *variant[SEQS];
    int32_t variant_n[SEQS];
    int seqs, active;     /* validation prefixes behind `active`, 0: not known */
    double loss, rec, kl; /* latest of the run; NaN: none */
};

static bool is_latent(const struct view *v)
{
    return slot_has(v->app, v->app->slot, MODEL_LATENT);
}

static uint64_t seed_of(const struct view *v)
{
    const struct learner *l = app_learner(v->app, v->app->slot);
    return l ? l->seed : 0;
}

static double sort_key(const struct latent_state *st, bool latent, int i)
{
    if (!latent)
        return st->sort == BY_NUMBER ? -i : (double)st->map.at[(size_t)i * 4 + 2];
    return st->sort == BY_KL   ? (double)st->l.kl[i]
           : st->sort == BY_MU ? fabs((double)st->l.mu[i])
                               : -i;
}

static const struct latent_state *sorted; /* qsort has no context; the screen's thread only */
static bool sorted_units;
static int by_key(const void *a, const void *b)
{
    int i = *(const int *)a, k = *(const int *)b;
    double x = sort_key(sorted, sorted_units, i), y = sort_key(sorted, sorted_units, k);
    return x > y ? -1 : x < y ? 1 : i - k;
}

static int rows_of(const struct view *v)
{
    const struct latent_state *st = v->state;
    return is_latent(v) ? (st->l.ready ? st->l.units : 0) : st->map.ready ? st->map.n_items : 0;
}

static void sort_rows(struct view *v)
{
    struct latent_state *st = v->state;
    int n = rows_of(v);
    if (n > st->room) {
        int *more = realloc(st->order, (size_t)n * sizeof *more);
        if (!more) {
            st->l.ready = st->map.ready = false;
            return;
        }
        st->order = more;
        st->room = n;
    }
    for (int i = 0; i < n; i++)
        st->order[i] = is_latent(v) ? i : i + 1;
    sorted = st;
    sorted_units = is_latent(v);
    if (n)
        qsort(st->order, (size_t)n, sizeof *st->order, by_key);
    if (n && is_latent(v) && !v->ui->select.unit_chosen)
        v->ui->select.unit = st->order[0];
}

static const char *const latent_keys[] = {"j/k", "unit", "h/l", "value", "T", "truth", NULL};
static const char *const norm_keys[] = {"j/k", "item", "T", "truth", NULL};

static void latent_title(struct view *v)
{
    const struct latent_state *st = v->state;
    v->keys = is_latent(v) ? latent_keys : norm_keys;
    if (is_latent(v))
        snprintf(v->title, sizeof v->title,
                 v->w >= 50 ? "latent units after the last item" : "latent units");
    else
        snprintf(v->title, sizeof v->title,
                 v->w >= 50 ? "items: norm of the vector, and popularity"
                            : "items: norm, popularity");
    snprintf(v->note, sizeof v->note, "by %s",
             is_latent(v)            ? sort_names[st->sort]
             : st->sort == BY_NUMBER ? "number"
                                     : "norm");
    if (text_width(v->title) + text_width(v->note) + 8 > v->w)
        v->note[0] = '\0';
}

static bool latent_view_ask(struct view *v, int which, struct view_ask *ask)
{
    struct latent_state *st = v->state;
    if (!is_latent(v)) {
        st->l.ready = false;
        ask->q.kind = ASK_PROJECT;
        return which == ASK_ITEMS;
    }
    st->map.ready = false;
    if (which == ASK_UNITS) {
        latent_ask(&ask->q);
        return true;
    }
    ask->q.kind = ASK_STATES;
    ask->q.probes = "latent.kl";
    ask->q.n_variant = some_prefixes(v->app, st->variant, st->variant_n, SEQS);
    ask->q.variant = st->variant;
    ask->q.variant_n = st->variant_n;
    return which == ASK_ACTIVE;
}

static void count_active(struct latent_state *st, const struct answer *a)
{
    st->active = 0;
    st->seqs = a->err.code || a->n_col < 1 || !a->value ? 0 : a->n_row;
    for (int u = 0; st->seqs && u < a->n_col; u++) {
        double sum = 0;
        for (int r = 0; r < st->seqs; r++)
            sum += (double)a->value[(size_t)r * (size_t)a->n_col + (size_t)u];
        st->active += sum / st->seqs > active_kl;
    }
}

static bool latent_answer(struct view *v, int which, const struct answer *a)
{
    struct latent_state *st = v->state;
    if (which == ASK_UNITS)
        latent_take(&st->l, a);
    else if (which == ASK_ACTIVE)
        count_active(st, a);
    else
        item_map_take(&st->map, 0, a);
    sort_rows(v);
    latent_title(v);
    return true;
}

static double latest(const struct view *v, const char *name)
{
    const struct series *s = slot_series(v->app, v->app->slot, name);
    double x, y;
    return s && series_last(s, &x, &y) ? y : (double)NAN;
}

static bool latent_update(struct view *v, const struct snapshot *s)
{
    struct latent_state *st = v->state;
    (void)s;
    if (!v->app->slots[v->app->slot].model)
        return false;
    st->loss = latest(v, "loss");
    st->rec = latest(v, "term.rec");
    st->kl = latest(v, "term.kl");
    latent_title(v);
    return false;
}

static void latent_close(struct view *v)
{
    struct latent_state *st = v->state;
    latent_done(&st->l);
    item_map_done(&st->map);
    free(st->order);
}

static int cursor_row(const struct view *v)
{
    const struct latent_state *st = v->state;
    int n = rows_of(v), what = is_latent(v) ? v->ui->select.unit : item_map_chosen(v);
    for (int i = 0; i < n; i++)
        if (st->order[i] == what)
            return i;
    return 0;
}

static void draw_foot(const struct view *v, const struct canvas *c, int y)
{
    const struct latent_state *st = v->state;
    const struct ui_latent *m = &v->ui->select.latent;
    char a[FMT_NUM], b[FMT_NUM], k[FMT_NUM], t[200];
    if (st->seqs)
        canvas_printf(
            c, y, 0, ROLE_TEXT,
            c->cols >= 66
                ? "active units: %d of %d  (mean KL > 0.1 over %d validation prefixes)"
            : c->cols >= 44 ? "active units: %d of %d  (KL > 0.1, %d prefixes)"
                            : "active units (KL > 0.1): %d of %d",
            st->active, st->l.units, st->seqs);
    else
        canvas_text(c, y, 0, ROLE_DIM, "active units: counting");
    if (isfinite(st->kl) && isfinite(st->rec) && isfinite(st->loss)) {
        double beta = st->kl > 0 ? (st->loss - st->rec) / st->kl : 0;
        snprintf(t, sizeof t,
                 c->cols >= 56   ? "loss %s = reconstruction %s + beta "
                 : c->cols >= 44 ? "loss %s = rec %s + beta "
                                 : "loss %s = %s + ",
                 fmt_fixed(a, st->loss, 2), fmt_fixed(b, st->rec, 2));
        int x = canvas_text(c, y + 1, 0, ROLE_TEXT, t);
        canvas_printf(c, y + 1, x, ROLE_TEXT, "%s x KL %s",
                      fmt_fixed(a, beta < 0 ? 0 : beta, 2), fmt_fixed(k, st->kl, 2));
    } else {
        canvas_text(c, y + 1, 0, ROLE_DIM,
                    "loss = reconstruction + beta x KL: not trained here yet");
    }
    if (st->seqs)
        canvas_text(c, y + 2, 0,
                    st->active == 0                 ? ROLE_BAD
                    : st->active * 10 < st->l.units ? ROLE_WARN
                                                    : ROLE_GOOD,
                    st->active == 0 ? "posterior collapse: no unit says anything"
                    : st->active * 10 < st->l.units
                        ? "close to posterior collapse: few units are used"
                        : "posterior collapse guard: ok");
    if (m->draw)
        snprintf(t, sizeof t, "z is a draw: seed %llu draw %d", (unsigned long long)seed_of(v),
                 m->draw);
    else
        snprintf(t, sizeof t,
                 c->cols >= 56 ? "z is mu unless you resample (R)"
                 : m->n        ? "z is mu"
                               : "z is mu; R resamples");
    int x = canvas_text(c, y + 3, 0, m->draw ? ROLE_WARN : ROLE_DIM, t);
    if (m->n)
        canvas_printf(c, y + 3, x, ROLE_WARN, ", %d moved (0 undoes)", m->n);
}

static void draw_units(const struct view *v, struct canvas *all)
{
    const struct latent_state *st = v->state;
    const struct latent *l = &st->l;
    struct canvas c = canvas_sub(all, 0, 1, REST, REST);
    c.cols = all->cols - 2;
    int foot = c.rows >= 12 ? 5 : 0, room = c.rows - 1 - foot, cur = cursor_row(v),
        top = canvas_scroll(st->top, cur, room, l->units);
    int bar = c.cols - 5 - 7 - 7 - 7 - 8 - 2;
    char num[FMT_NUM], t[24];
    static const char *const heads[] = {"unit", "mu", "sigma", "KL"};
    canvas_right(&c, 0, 0, 5, ROLE_DIM, heads[0]);
    for (int k = 1; k < 4; k++)
        canvas_right(&c, 0, 5 + (k - 1) * 7, 7, ROLE_DIM, heads[k]);
    canvas_right(&c, 0, c.cols - 8, 8, ROLE_DIM, "z now");
    double full = 0;
    for (int u = 0; u < l->units; u++)
        full = fmax(full, (double)l->kl[u]);
    for (int y = 1; y <= room && top + y - 1 < l->units; y++) {
        int u = st->order[top + y - 1];
        bool here = u == v->ui->select.unit;
        enum role role = l->kl[u] > (float)active_kl ? ROLE_TEXT : ROLE_DIM;
        double z = latent_now(l, &v->ui->select.latent, seed_of(v), u);
        if (here)
            canvas_text(all, y, 0, ROLE_STRONG, ">");
        snprintf(t, sizeof t, "%d", u + 1);
        canvas_right(&c, y, 0, 5, here ? ROLE_STRONG : role, t);
        canvas_right(&c, y, 5, 7, role, signed_fixed(num, (double)l->mu[u], 2));
        canvas_right(&c, y, 12, 7, role, fmt_fixed(num, (double)l->sigma[u], 2));
        canvas_right(&c, y, 19, 7, here ? ROLE_STRONG : role,
                     fmt_fixed(num, (double)l->kl[u], 2));
        if (bar > 3)
            canvas_bar(&c, y, 28, bar, ROLE_BAR, (double)l->kl[u], full);
        canvas_right(&c, y, c.cols - 8, 8,
                     fabs(z - (double)l->z[u]) > 1e-6 ? ROLE_WARN
                     : here                           ? ROLE_STRONG
                                                      : role,
                     signed_fixed(num, z, 2));
        if (here)
            canvas_paint(&c, y, 0, 26, v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
    if (foot)
        draw_foot(v, &c, c.rows - foot + 1);
}

static void draw_norms(const struct view *v, struct canvas *all)
{
    const struct latent_state *st = v->state;
    const struct app *a = v->app;
    struct canvas c = canvas_sub(all, 0, 1, REST, REST);
    c.cols = all->cols - 2;
    int n = st->map.n_items, foot = c.rows >= 8 ? 3 : 0, room = c.rows - 1 - foot,
        cur = cursor_row(v), top = canvas_scroll(st->top, cur, room, n);
    int id = item_digits(a),
        name = c.cols >= 60   ? id + 22
               : c.cols >= 44 ? id + 14
                              : id + 9,
        bar = c.cols - name - 8 - 9 - 3;
    const int64_t *pop = a->ds ? a->ds->popularity : NULL;
    char num[FMT_NUM];
    canvas_left(&c, 0, id + 1, name - id, ROLE_DIM, "item");
    canvas_right(&c, 0, name, 8, ROLE_DIM, "norm");
    canvas_right(&c, 0, name + 8, 9, ROLE_DIM, "events");
    int64_t most = 1;
    for (int32_t i = 1; pop && i <= n; i++)
        most = pop[i] > most ? pop[i] : most;
    for (int y = 1; y <= room && top + y - 1 < n; y++) {
        int32_t item = st->order[top + y - 1];
        draw_item(&c, y, 0, name, id, ROLE_TEXT, a, item);
        canvas_right(&c, y, name, 8, ROLE_TEXT,
                     fmt_fixed(num, (double)st->map.at[(size_t)item * 4 + 2], 3));
        if (pop && a->ds->n_items >= item) {
            canvas_right(&c, y, name + 8, 9, ROLE_DIM, fmt_count(num, (double)pop[item]));
            if (bar > 3)
                canvas_bar(&c, y, name + 19, bar, ROLE_BAR, (double)pop[item], (double)most);
        }
        if (item == item_map_chosen(v))
            canvas_paint(&c, y, 0, name + 17, v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
    if (!foot || !pop)
        return;
    double x[NORMS], y[NORMS];
    int k = 0, apart = n > NORMS ? n / NORMS : 1;
    for (int32_t i = 1; i <= n && k < NORMS; i += apart, k++) {
        x[k] = (double)st->map.at[(size_t)i * 4 + 2];
        y[k] = i <= a->ds->n_items ? (double)pop[i] : 0;
    }
    double r = spearman(x, y, k);
    canvas_printf(&c, c.rows - 2, 0, ROLE_TEXT,
                  c.cols >= 52   ? "rank correlation of norm and events %s (%d items)"
                  : c.cols >= 44 ? "rank correlation norm/events %s (%d items)"
                                 : "norm/events: rank corr. %s (%d)",
                  isfinite(r) ? fmt_fixed(num, r, 2) : "-", k);
    canvas_text(&c, c.rows - 1, 0, ROLE_DIM,
                c.cols >= 56 ? "norms of the vectors items are scored with; latent units: SVAE"
                             : "norms of the vectors that score items");
}

static void latent_draw(const struct view *v, struct canvas *c)
{
    const struct latent_state *st = v->state;
    const struct app *a = v->app;
    if (is_latent(v) ? !st->l.ready : !st->map.ready) {
        const char *error = is_latent(v) ? st->l.error : st->map.error;
        bool empty = is_latent(v) && a->seq.n == 0;
        draw_empty(c,
                   error[0] && !empty ? error
                   : empty            ? "no sequence yet"
                                      : "thinking",
                   empty ? "p  types one;  9  picks a session" : "");
        return;
    }
    if (is_latent(v))
        draw_units(v, c);
    else
        draw_norms(v, c);
}

/* h and l move the unit's value, half a standard deviation of the prior a step. */
static bool latent_key(struct view *v, const char *key)
{
    struct latent_state *st = v->state;
    struct ui_select *s = &v->ui->select;
    int n = rows_of(v), row = cursor_row(v),
        way = strcmp(key, "Left") == 0    ? -1
              : strcmp(key, "Right") == 0 ? 1
                                          : 0;
    if (n == 0)
        return false;
    if (way && is_latent(v)) {
        double now = latent_now(&st->l, &s->latent, seed_of(v), s->unit < n ? s->unit : 0),
               to = way > 0 ? floor(now * 2 + 1.001) / 2 : ceil(now * 2 - 1.001) / 2;
        latent_move(&s->latent, s->unit < n ? s->unit : 0, to > 6 ? 6 : to < -6 ? -6 : to);
        return true;
    }
    if (!list_key(key, &row, n, v->h - 6))
        return false;
    if (is_latent(v)) {
        s->unit = st->order[row];
        s->unit_chosen = true;
    } else {
        s->item = st->order[row];
    }
    st->top = canvas_scroll(st->top, row, v->h > 6 ? v->h - 6 : 1, n);
    return true;
}

static bool latent_command(struct view *v, const struct cmd_call *call)
{
    struct latent_state *st = v->state;
    struct ui_select *s = &v->ui->select;
    const char *sample = call_text(call, "sample", NULL), *sort = call_text(call, "sort", NULL);
    if (call_has(call, "unit")) {
        int u = (int)call_int(call, "unit", 1) - 1;
        if (st->l.ready && u >= st->l.units)
            return false;
        s->unit = u;
        s->unit_chosen = true;
    }
    if (call_has(call, "value"))
        latent_move(&s->latent, s->unit, call_num(call, "value", 0));
    if (call_has(call, "reset"))
        s->latent.n = s->latent.draw = 0;
    if (sample) {
        char *end;
        long k = strcmp(sample, "next") == 0 ? s->latent.draw + 1 : strtol(sample, &end, 10);
        if (k < 0 || k > 1000000 || (strcmp(sample, "next") != 0 && (*end || end == sample)))
            return false;
        s->latent.draw = (int)k;
        s->latent.n = 0;
    }
    if (sort) {
        if (strcmp(sort, "next") == 0)
            st->sort = (enum unit_sort)((st->sort + 1) % UNIT_SORTS);
        else if (strcmp(sort, "kl") == 0)
            st->sort = BY_KL;
        else if (strcmp(sort, "mu") == 0)
            st->sort = BY_MU;
        else if (strcmp(sort, "number") == 0)
            st->sort = BY_NUMBER;
        else
            return false;
    }
    sort_rows(v);
    latent_title(v);
    return true;
}

static bool latent_part(const struct view *v, char *buf, size_t size)
{
    if (!is_latent(v) || rows_of(v) <= v->ui->select.unit)
        return false;
    snprintf(buf, size, "latent.z.%d", v->ui->select.unit + 1);
    return true;
}

static void latent_plot(const struct view *v, struct plot *p)
{
    enum { MOST = 64 };
    static struct plot_bar bar[MOST];
    static char label[MOST][48];
    const struct latent_state *st = v->state;
    struct plot_panel *panel =
        plot_add(p, PLOT_BARS,
                 is_latent(v) ? "KL of the latent units, nats" : "norm of the item vectors");
    int n = rows_of(v) < MOST ? rows_of(v) : MOST;
    for (int i = 0; i < n; i++) {
        int k = st->order[i];
        if (is_latent(v))
            snprintf(label[i], sizeof label[i], "unit %d", k + 1);
        else
            app_item_text(v->app, k, label[i], sizeof label[i]);
        bar[i] = (struct plot_bar){
            label[i], (double)(is_latent(v) ? st->l.kl[k] : st->map.at[(size_t)k * 4 + 2]), 0};
    }
    if (panel) {
        panel->bars = bar;
        panel->n_bars = (size_t)n;
    }
}

const struct view_def view_latent = {
    .name = "latent",
    .title = "latent units",
    .help =
        "SVAE's units by KL: sigma near 1 with mu near 0 is an unused one.  h/l move the "
        "unit's value, R draws, 0 goes back to the mean.  Other models: norms of item vectors.",
    .flags = VIEW_NEEDS_MODEL | VIEW_NEEDS_DATA | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct latent_state),
    .keys = latent_keys,
    .close = latent_close,
    .ask = latent_view_ask,
    .answer = latent_answer,
    .update = latent_update,
    .draw = latent_draw,
    .key = latent_key,
    .command = latent_command,
    .part = latent_part,
    .plot = latent_plot,
};
