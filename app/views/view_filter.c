/* The Filters tab, right: the filter under the cursor.  What its silence costs, the runs of
 * items in training that excite it and what came next, its weights, dead filters, the share
 * of the score by path; with the truth shown, how often the planted rule says the same. */
#include "app/cmd/ablate.h"
#include "app/ui/plot.h"
#include "app/views/filter_bank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_BANK, ASK_EFFECT, ASK_EXCITE, ASK_DEAD };
enum { RUNS = 12, DEAD_SEQS = 256, DEAD_SHOWN = 4 };
struct filter_state {
    struct bank b;
    int effect_of; /* filter the effect is asked for */
    char params[96];
    int runs_of, n_run, run_len; /* of which filter, -1: none */
    struct run_found run[RUNS];
    double odds[RUNS]; /* planted, of `next` after the run alone; NaN: hidden */
    bool odds_shown;
    struct arena *mem;
    const int32_t *variant[DEAD_SEQS];
    int32_t variant_n[DEAD_SEQS];
    int n_dead, dead[DEAD_SHOWN], dead_seqs; /* dead_seqs 0: not known */
};

static enum status filter_open(struct view *v, struct err *err)
{
    struct filter_state *st = v->state;
    st->runs_of = -1;
    return arena_new(&st->mem, 1 << 16, err);
}

static void filter_close(struct view *v)
{
    struct filter_state *st = v->state;
    bank_done(&st->b);
    arena_free(st->mem);
}

static int chosen(const struct view *v)
{
    const struct filter_state *st = v->state;
    int n = st->b.n_h + st->b.n_v, f = v->ui->select.filter;
    return f < 0 ? 0 : f < n ? f : n > 0 ? n - 1 : 0;
}

static bool filter_ask(struct view *v, int which, struct view_ask *ask)
{
    static const struct patch none[1];
    struct filter_state *st = v->state;
    const struct app *a = v->app;
    if (!slot_has(a, a->slot, MODEL_FILTERS)) {
        st->b.ready = false;
        return false;
    }
    int f = chosen(v);
    switch (which) {
    case ASK_BANK:
        bank_ask(&ask->q);
        return true;
    case ASK_EFFECT:
        st->effect_of = f;
        return bank_ask_effects(&st->b, a, ask->slot, f, &ask->q);
    case ASK_EXCITE:
        if (!st->b.ready || f >= st->b.n_h)
            return false;
        st->runs_of = f;
        ask->q = (struct question){.kind = ASK_RUNS, .k = RUNS, .params = st->params};
        bank_runs(&st->b, f, st->params, sizeof st->params, &ask->q.target);
        return true;
    default:
        ask->q.kind = ASK_STATES;
        ask->q.patch = none; /* the model's own, whatever is set by hand */
        ask->q.probes = "conv.h*.max";
        ask->q.n_variant = some_prefixes(a, st->variant, st->variant_n, DEAD_SEQS);
        ask->q.variant = st->variant;
        ask->q.variant_n = st->variant_n;
        return st->b.ready && st->b.n_h > 0;
    }
}

static void count_dead(struct filter_state *st, const struct answer *a)
{
    st->n_dead = 0;
    st->dead_seqs = a->err.code || a->n_col != st->b.n_h ? 0 : a->n_row;
    for (int f = 0; st->dead_seqs && f < a->n_col; f++) {
        bool fires = false;
        for (int32_t r = 0; r < a->n_row && !fires; r++)
            fires = a->value[(size_t)r * (size_t)a->n_col + (size_t)f] != 0;
        if (!fires && st->n_dead++ < DEAD_SHOWN)
            st->dead[st->n_dead - 1] = f;
    }
}

static bool filter_answer(struct view *v, int which, const struct answer *a)
{
    struct filter_state *st = v->state;
    switch (which) {
    case ASK_BANK:
        bank_take(&st->b, a);
        break;
    case ASK_EFFECT:
        bank_take_effects(&st->b, st->effect_of, a);
        break;
    case ASK_EXCITE:
        st->n_run = a->err.code ? 0 : a->n_run < RUNS ? a->n_run : RUNS;
        st->run_len = a->run_len;
        for (int i = 0; i < st->n_run; i++)
            st->run[i] = a->run[i];
        st->odds_shown = false;
        break;
    default:
        count_dead(st, a);
        break;
    }
    return true;
}

/* The planted odds of what followed, given the run alone. */
static bool filter_update(struct view *v, const struct snapshot *s)
{
    struct filter_state *st = v->state;
    const struct app *a = v->app;
    (void)s;
    if (st->b.ready) {
        int f = chosen(v);
        if (f < st->b.n_h)
            snprintf(v->title, sizeof v->title, "filter %d  h=%d", f + 1,
                     bank_height(&st->b, f));
        else
            snprintf(v->title, sizeof v->title, "vertical filter %d", f - st->b.n_h + 1);
    }
    bool want = a->truth_shown && a->ds && a->ds->world;
    if (want == st->odds_shown)
        return false;
    st->odds_shown = want;
    double *p = want ? malloc(((size_t)a->ds->n_items + 1) * sizeof *p) : NULL;
    for (int i = 0; i < st->n_run; i++) {
        st->odds[i] = (double)NAN;
        if (p && st->run[i].next) {
            arena_reset(st->mem);
            world_odds(a->ds->world, st->run[i].item, st->run_len, p, st->mem);
            st->odds[i] = p[st->run[i].next];
        }
    }
    free(p);
    return true;
}

static int draw_runs(const struct view *v, const struct canvas *c, int y, int most)
{
    const struct filter_state *st = v->state;
    char t[512], num[FMT_NUM];
    bool fits = st->runs_of == chosen(v), odds = st->odds_shown, tight = c->cols < 36;
    int id = item_digits(v->app);
    canvas_text(c, y++, 0, ROLE_DIM,
                c->cols >= 36 ? "runs in training that excite it" : "runs that excite it");
    if (!fits || st->n_run == 0) {
        canvas_text(c, y++, 1, ROLE_DIM, fits ? "none" : "looking");
        return y;
    }
    int wide = st->run_len * (id + 1), right = 7 + 6 + id + 7 + (odds ? 7 : 0),
        names = c->cols - wide - right;
    if (odds)
        canvas_right(c, y - 1, c->cols - 5, 5, ROLE_DIM, "truth");
    bool value = wide + id + 17 <= c->cols; /* long runs in a narrow pane go without it */
    for (int i = 0; i < st->n_run && i < most; i++, y++) {
        const struct run_found *r = &st->run[i];
        int x = 1;
        for (int k = 0; k < st->run_len; k++, x += id + 1) {
            snprintf(t, sizeof t, "%d", (int)r->item[k]);
            canvas_right(c, y, x, id, ROLE_TEXT, t);
        }
        x = 1 + (wide > 12 || tight ? wide : 12);
        if (value)
            canvas_right(c, y, x, tight ? 5 : 6, ROLE_DIM, fmt_fixed(num, (double)r->value, 2));
        x += value ? tight ? 6 : 7 : 0;
        if (!r->next)
            continue;
        x += canvas_text(c, y, x, ROLE_DIM, tight ? "> " : "next ");
        int room = names > 12 ? 12 + id : id;
        x += draw_item(c, y, x, room, id, ROLE_TEXT, v->app, r->next);
        snprintf(t, sizeof t, " %.0f%%", 100.0 * r->next_count / (r->count ? r->count : 1));
        canvas_text(c, y, x, ROLE_STRONG, t);
        if (odds)
            canvas_right(c, y, c->cols - 5, 5, ROLE_GOOD,
                         isfinite(st->odds[i]) ? fmt_prob(num, st->odds[i]) : "-");
    }
    return y;
}

struct kernel_ctx {
    const float *x;
    int high, d, cols;
};

static const char *kernel_label(const void *ctx, int row)
{
    static char t[24];
    snprintf(t, sizeof t, "t%+d", row - ((const struct kernel_ctx *)ctx)->high + 1);
    return t;
}

static int draw_weights(const struct bank *b, int f, const struct canvas *c, int y)
{
    int high = f < b->n_h ? bank_height(b, f) : 1, cols = f < b->n_h ? b->d : b->rows,
        room = c->cols - 5;
    struct kernel_ctx k = {f < b->n_h ? bank_kernel(b, f)
                                      : b->weight + (size_t)(f - b->n_h) * (size_t)b->rows,
                           high, cols, room};
    int each = cols * 2 <= room ? 2 : 1, shown = cols * each <= room ? cols : room / each;
    char t[80];
    if (shown < cols)
        snprintf(t, sizeof t, "weights %d x %d (%d shown)", high, cols, shown);
    else
        snprintf(t, sizeof t, "weights %d x %d", high, cols);
    canvas_text(c, y++, 0, ROLE_DIM, t);
    double full = 0;
    for (int i = 0; i < high * cols; i++)
        full = fmax(full, fabs((double)k.x[i]));
    for (int r = 0; r < high && y < c->rows; r++, y++) {
        canvas_text(c, y, 0, ROLE_DIM, f < b->n_h ? kernel_label(&k, r) : "F");
        for (int i = 0; i < shown; i++) {
            double x = full > 0 ? (double)k.x[r * cols + i] / full : 0;
            canvas_level(c, y, 5 + i * each, each, theme_level(c->theme, x, true), true, NULL);
        }
    }
    return y;
}

static void draw_paths(const struct bank *b, const struct canvas *c, int y)
{
    static const char *const names[BANK_PATHS] = {"horizontal", "vertical", "user"};
    double sum = 0;
    char num[FMT_NUM], t[64];
    for (int p = 0; p < BANK_PATHS; p++)
        sum += fabs(b->path[p]);
    canvas_text(c, y++, 0, ROLE_DIM,
                c->cols >= 40 ? "share of the score, by silencing a path"
                              : "share of score by path");
    for (int p = 0; p < BANK_PATHS && y < c->rows; p++) {
        if (p == PATH_USER && !b->has_user)
            continue;
        double share = sum > 0 ? b->path[p] / sum : 0;
        canvas_left(c, y, 1, 11, ROLE_TEXT, names[p]);
        canvas_bar(c, y, 12, c->cols - 19, ROLE_BAR, fabs(share), 1);
        snprintf(t, sizeof t, "%s", fmt_fixed(num, share, 2));
        canvas_right(c, y++, c->cols - 6, 6, ROLE_STRONG, t);
    }
}

static void filter_draw(const struct view *v, struct canvas *all)
{
    const struct filter_state *st = v->state;
    const struct bank *b = &st->b;
    const struct app *a = v->app;
    if (!b->ready || b->n_h + b->n_v == 0) {
        draw_empty(all, b->error[0] ? b->error : "the filter under the cursor", "");
        return;
    }
    struct canvas c = canvas_sub(all, 0, 1, REST, REST);
    c.cols = all->cols - 2;
    int f = chosen(v), y = 0, h = bank_height(b, f);
    char t[512], num[FMT_NUM], part[48], name[64];
    float set;
    if (f < b->n_h) {
        int at = (int)b->win[f],
            x = canvas_text(&c, y, 0, ROLE_DIM, c.cols >= 36 ? "best window  " : "best  ");
        for (int r = at; r < at + h && r < b->rows; r++) {
            snprintf(t, sizeof t, b->item[r] ? "%d " : ". ", (int)b->item[r]);
            x += canvas_text(&c, y, x, ROLE_STRONG, t);
        }
        snprintf(t, sizeof t, "act %s", fmt_fixed(num, bank_max(b, f), 2));
        canvas_right(&c, y++, x, c.cols - x, ROLE_TEXT, t);
    } else {
        int best = 0;
        const float *w = b->weight + (size_t)(f - b->n_h) * (size_t)b->rows;
        for (int r = 1; r < b->rows; r++)
            if (fabsf(w[r]) > fabsf(w[best]))
                best = r;
        snprintf(t, sizeof t, "weighs most: position %d, %s", best - b->fill + b->first + 1,
                 fmt_signed(num, (double)w[best]));
        canvas_text(&c, y++, 0, ROLE_TEXT, t);
    }
    bank_part(b, f, part, sizeof part);
    bool off = ablate_has(a, a->slot, part, &set);
    app_item_text(a, b->top, name, sizeof name);
    if (off) {
        snprintf(t, sizeof t, "set to %s by hand: u undoes", fmt_short(num, (double)set));
        canvas_text(&c, y++, 0, ROLE_WARN, t);
    } else if (b->effect && isfinite(b->effect[f])) {
        if (c.cols < 36)
            snprintf(name, sizeof name, "%d", (int)b->top);
        snprintf(t, sizeof t, c.cols >= 36 ? "silenced (z): %s(%s) %s" : "silenced: %s(%s) %s",
                 b->softmax ? "p" : "score", name, signed_fixed(num, -(double)b->effect[f], 4));
        canvas_text(&c, y++, 0, b->effect[f] > 0 ? ROLE_DOWN : ROLE_TEXT, t);
    } else {
        canvas_text(&c, y++, 0, ROLE_DIM, "silenced: measuring");
    }
    int paths = b->has_user ? 4 : 3, rest = c.rows - y, weights = 1 + (f < b->n_h ? h : 1);
    bool roomy = rest >= 5 + weights + 2 + paths + 4;
    y += roomy;
    if (f < b->n_h && rest >= 4) {
        int most = rest - weights - 2 - (rest > 12 ? paths : 0) - (roomy ? 4 : 0) - 1;
        y = draw_runs(v, &c, y, most < 2 ? 2 : most > RUNS ? RUNS : most) + roomy;
    }
    if (y + weights <= c.rows)
        y = draw_weights(b, f, &c, y) + roomy;
    if (y + 1 <= c.rows) {
        snprintf(t, sizeof t, "norm %s  bias %s", fmt_num(num, (double)b->norm[f]), "");
        int x = canvas_text(&c, y, 0, ROLE_TEXT, t);
        canvas_text(&c, y++, x, ROLE_TEXT, fmt_signed(num, (double)b->bias[f]));
    }
    if (st->dead_seqs && y < c.rows) {
        int x = canvas_printf(&c, y, 0, st->n_dead ? ROLE_WARN : ROLE_TEXT, "dead: %d of %d",
                              st->n_dead, b->n_h);
        for (int i = 0; i < st->n_dead && i < DEAD_SHOWN && x + 8 < c.cols; i++)
            x += canvas_printf(&c, y, x, ROLE_DIM, "%s#%d", i ? " " : " (", st->dead[i] + 1);
        if (st->n_dead)
            x += canvas_text(&c, y, x, ROLE_DIM, st->n_dead > DEAD_SHOWN ? " ..)" : ")");
        if (x + 30 < c.cols)
            canvas_printf(&c, y, x, ROLE_DIM, "  never fire in %d prefixes", st->dead_seqs);
        y++;
    }
    y += roomy;
    if (b->has_path && y + paths <= c.rows)
        draw_paths(b, &c, y);
}

static bool filter_key(struct view *v, const char *key)
{
    const struct filter_state *st = v->state;
    int f = chosen(v), n = st->b.n_h + st->b.n_v;
    if (!st->b.ready || n == 0 || !list_key(key, &f, n, v->h))
        return false;
    v->ui->select.filter = f;
    return true;
}

static bool filter_part(const struct view *v, char *buf, size_t size)
{
    const struct filter_state *st = v->state;
    if (!st->b.ready || st->b.n_h + st->b.n_v == 0)
        return false;
    bank_part(&st->b, chosen(v), buf, size);
    return true;
}

static const char *const filter_keys[] = {"j/k", "filter", "T", "truth", NULL};
const struct view_def view_filter = {
    .name = "filter",
    .title = "filter",
    .help = "The filter under the cursor: what its silence costs, runs of items in training "
            "that excite it and what came next, weights, dead filters, paths.",
    .flags = VIEW_NEEDS_MODEL,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct filter_state),
    .keys = filter_keys,
    .open = filter_open,
    .close = filter_close,
    .ask = filter_ask,
    .answer = filter_answer,
    .update = filter_update,
    .draw = filter_draw,
    .key = filter_key,
    .part = filter_part,
};
