/* The Gates tab, right: the unit under the cursor over time, what would have been answered
 * had the session stopped at each item, what the item under the cursor does for the last
 * answer, and the lanes of session-parallel training. */
#include "app/ui/plot.h"
#include "app/views/gate_maps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_UNIT, ASK_LENS, ASK_DROP, ASK_LANE };
enum { LANES_SHOWN = 64 };
struct unit_state {
    struct gates g;
    int n_lens, lens_first;
    int32_t top[SEQ_MAX];
    /* of the first choice there; of the last answer's first choice */
    double p[SEQ_MAX], last[SEQ_MAX];
    double odds[SEQ_MAX]; /* planted, of the first choice there */
    bool odds_shown, softmax;
    uint64_t odds_of;
    int n_drop;
    double drop[SEQ_MAX]; /* p(last first choice) without each item */
    int32_t drop_of;
    int n_lane;
    int64_t lane_step;
    struct batch_lane lane[LANES_SHOWN];
    struct arena *mem;
};

static enum status unit_open(struct view *v, struct err *err)
{
    return arena_new(&((struct unit_state *)v->state)->mem, 1 << 16, err);
}

static void unit_close(struct view *v)
{
    struct unit_state *st = v->state;
    gates_done(&st->g);
    arena_free(st->mem);
}

static bool unit_ask(struct view *v, int which, struct view_ask *ask)
{
    struct unit_state *st = v->state;
    const struct app *a = v->app;
    if (!slot_has(a, a->slot, MODEL_GATES)) {
        st->g.ready = false;
        return false;
    }
    switch (which) {
    case ASK_UNIT:
        gates_ask(&ask->q);
        ask->key = 1 + (uint64_t)v->ui->select.layer * 64 + (uint64_t)v->ui->select.track;
        return true;
    case ASK_LENS:
        ask->q.kind = ASK_PREFIXES;
        return true;
    case ASK_DROP:
        ask->q.kind = ASK_OCCLUDE;
        ask->q.target = st->g.top;
        st->drop_of = st->g.top;
        return st->g.ready && a->seq.n > 1;
    default:
        ask->q = (struct question){.kind = ASK_LANES};
        return true;
    }
}

static bool unit_answer(struct view *v, int which, const struct answer *a)
{
    struct unit_state *st = v->state;
    switch (which) {
    case ASK_UNIT:
        gates_take(&st->g, v->app, v->app->slot, v->ui->select.layer, v->ui->select.track, a);
        break;
    case ASK_LENS:
        st->n_lens = a->err.code ? 0 : a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
        st->lens_first = a->first;
        st->softmax = a->softmax;
        for (int i = 0; i < st->n_lens; i++) {
            st->top[i] = answer_top(a, i);
            st->p[i] = answer_value(a, i, st->top[i]);
        }
        for (int i = 0; i < st->n_lens; i++)
            st->last[i] = answer_value(a, i, answer_top(a, st->n_lens - 1));
        st->odds_shown = false;
        break;
    case ASK_DROP:
        st->n_drop = a->err.code ? 0 : a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
        for (int i = 0; i < st->n_drop; i++)
            st->drop[i] = answer_value(a, i, st->drop_of);
        break;
    default:
        st->n_lane = a->err.code ? 0 : a->n_lane;
        st->lane_step = a->step;
        for (int i = 0; i < st->n_lane && i < LANES_SHOWN; i++)
            st->lane[i] = a->lane[i];
        break;
    }
    return true;
}

static bool unit_update(struct view *v, const struct snapshot *s)
{
    struct unit_state *st = v->state;
    const struct app *a = v->app;
    (void)s;
    snprintf(v->title, sizeof v->title,
             v->w < 36 ? "unit %d" : "unit %d over time, and the lens", v->ui->select.unit + 1);
    bool want = a->truth_shown && a->ds && a->ds->world;
    if (want == st->odds_shown)
        return false;
    st->odds_shown = want;
    double *p = want ? malloc(((size_t)a->ds->n_items + 1) * sizeof *p) : NULL;
    for (int i = 0; i < st->n_lens; i++) {
        st->odds[i] = (double)NAN;
        if (p && st->lens_first + i < a->seq.n) {
            arena_reset(st->mem);
            world_odds(a->ds->world, a->seq.item, st->lens_first + i + 1, p, st->mem);
            st->odds[i] = st->top[i] <= a->ds->n_items ? p[st->top[i]] : (double)NAN;
        }
    }
    free(p);
    return true;
}

/* The unit's numbers as rows over the newest items that fit. */
static int draw_track(const struct view *v, const struct canvas *c, int unit)
{
    const struct gates *g = &((const struct unit_state *)v->state)->g;
    static const char names[GATE_KINDS][2] = {"z", "r", "c", "h"};
    int fit = (c->cols - 2) / 5, cur = v->app->cursor - g->first, y = 1;
    if (fit > g->n)
        fit = g->n;
    int from = fit < g->n ? canvas_scroll(g->n - fit,
                                          cur < 0       ? 0
                                          : cur >= g->n ? g->n - 1
                                                        : cur,
                                          fit, g->n)
                          : 0;
    char t[FMT_NUM], num[FMT_NUM];
    for (int i = 0; i < fit; i++) {
        snprintf(t, sizeof t, "%d", (int)g->item[from + i]);
        canvas_right(c, 0, 2 + i * 5, 5, from + i == cur ? ROLE_STRONG : ROLE_DIM, t);
    }
    for (int k = 0; k < GATE_KINDS; k++) {
        if (c->rows < 16 && k == GATE_CAND)
            continue;
        canvas_text(c, y, 0, ROLE_DIM, k == GATE_UPDATE && g->write ? "w" : names[k]);
        for (int i = 0; i < fit; i++) {
            double x = (double)g->x[k][(size_t)(from + i) * (size_t)g->units + (size_t)unit];
            fmt_fixed(num, fabs(x), 2);
            snprintf(t, sizeof t, "%s%.20s", x < -0.005 ? "-" : "",
                     num[0] == '0' ? num + 1 : num);
            canvas_right(c, y, 2 + i * 5, 5, from + i == cur ? ROLE_STRONG : ROLE_TEXT, t);
        }
        y++;
    }
    return y;
}

static int draw_lens(const struct view *v, const struct canvas *c, int y, int most)
{
    const struct unit_state *st = v->state;
    int id = item_digits(v->app), cur = v->app->cursor - st->lens_first;
    char num[FMT_NUM], t[32];
    bool odds = st->odds_shown;
    canvas_text(c, y, 0, ROLE_DIM,
                c->cols >= 32 ? "first choice if it stopped after" : "if it stopped after");
    if (odds)
        canvas_right(c, y, c->cols - 6, 6, ROLE_GOOD, "truth");
    y++;
    int rows = st->n_lens < most ? st->n_lens : most,
        from = st->n_lens > rows
                   ? canvas_scroll(st->n_lens - rows, cur < 0 ? 0 : cur, rows, st->n_lens)
                   : 0;
    int value = c->cols - (odds ? 6 : 0) - 6, room = value - (id + 4);
    for (int i = from; i < from + rows && i < st->n_lens && y < c->rows; i++, y++) {
        int32_t item =
            st->lens_first + i < v->app->seq.n ? v->app->seq.item[st->lens_first + i] : 0;
        snprintf(t, sizeof t, "..%d", (int)item);
        canvas_right(c, y, 0, id + 2, i == cur ? ROLE_STRONG : ROLE_DIM, t);
        draw_item(c, y, id + 4, room, id, i == cur ? ROLE_STRONG : ROLE_TEXT, v->app,
                  st->top[i]);
        canvas_right(c, y, value, 6, i == cur ? ROLE_STRONG : ROLE_TEXT,
                     st->softmax ? fmt_prob(num, st->p[i]) : fmt_fixed(num, st->p[i], 2));
        if (odds)
            canvas_right(c, y, value + 6, 6, ROLE_GOOD,
                         isfinite(st->odds[i]) ? fmt_prob(num, st->odds[i]) : "-");
        if (i == cur)
            canvas_text(c, y, id + 3, ROLE_STRONG, c->theme->glyph[G_ARROW_RIGHT]);
    }
    return y;
}

static int draw_lanes(const struct unit_state *st, const struct canvas *c, int y)
{
    if (!st->n_lane || y >= c->rows)
        return y;
    int fresh = 0, shown = st->n_lane < LANES_SHOWN ? st->n_lane : LANES_SHOWN, longest = -1;
    char t[240];
    for (int i = 0; i < shown; i++) {
        fresh += st->lane[i].session >= 0 && st->lane[i].since == st->lane_step;
        if (st->lane[i].session >= 0 &&
            (longest < 0 || st->lane[i].since < st->lane[longest].since))
            longest = i;
    }
    const struct batch_lane *l = &st->lane[0];
    if (l->session >= 0)
        snprintf(t, sizeof t,
                 "session-parallel: lane 1 reads s:%d, reset at step %lld; %d of %d lanes "
                 "begin a session now",
                 (int)l->session, (long long)l->since, fresh, shown);
    else
        snprintf(t, sizeof t, "session-parallel: lane 1 is empty until the next epoch");
    y += canvas_wrap(c, y, ROLE_DIM, t);
    if (longest >= 0 && st->lane[longest].since < st->lane_step && y + 1 < c->rows) {
        struct canvas rest = canvas_sub(c, y, 0, REST, REST);
        snprintf(t, sizeof t, "longest without a reset: lane %d, since step %lld", longest + 1,
                 (long long)st->lane[longest].since);
        y += canvas_wrap(&rest, 0, ROLE_DIM, t);
    }
    return y;
}

static void unit_draw(const struct view *v, struct canvas *all)
{
    const struct unit_state *st = v->state;
    const struct gates *g = &st->g;
    const struct app *a = v->app;
    if (!g->ready || g->units < 1) {
        draw_empty(all, g->error[0] ? g->error : "the unit under the cursor", "");
        return;
    }
    struct canvas c = canvas_sub(all, 0, 1, REST, REST);
    c.cols = all->cols - 2;
    int u = v->ui->select.unit < g->units ? v->ui->select.unit : g->units - 1, holds,
        y = draw_track(v, &c, u);
    double jump;
    char t[240], name[64], num[FMT_NUM];
    int by = gates_set_by(g, u, &jump, &holds);
    bool roomy = c.rows >= 22;
    app_item_text(a, g->item[by], name, sizeof name);
    if (c.cols < 36)
        snprintf(name, sizeof name, "%d", (int)g->item[by]);
    signed_fixed(num, jump, 2);
    snprintf(t, sizeof t,
             c.cols >= 36 ? "moved most by %s (%s), holds %d" : "set by %s (%s), holds %d",
             name, num, holds);
    if (text_width(t) > c.cols)
        snprintf(t, sizeof t, "moved most by %s (%s)", name, num);
    if (text_width(t) > c.cols)
        snprintf(t, sizeof t, "by %s (%s), holds %d", name, num, holds);
    canvas_text(&c, y++, 0, ROLE_TEXT, t);
    y += roomy;
    int foot = st->n_drop ? (roomy ? 4 : 2) : 0, lanes = st->n_lane ? (roomy          ? 5
                                                                       : c.rows >= 16 ? 3
                                                                                      : 0)
                                                                    : 0;
    if (st->n_lens) {
        int most = c.rows - y - 1 - foot - lanes;
        if (most >= 1)
            y = draw_lens(v, &c, y, most) + roomy;
    }
    int cur = a->cursor - g->first;
    if (st->n_drop == g->n && st->drop_of == g->top && cur >= 0 && cur < g->n && y < c.rows) {
        app_item_text(a, g->top, name, sizeof name);
        if (c.cols < 36)
            snprintf(name, sizeof name, "%d", (int)g->top);
        double d = g->base - st->drop[cur];
        snprintf(t, sizeof t, "item %d for %s: %s", cur + g->first + 1, name,
                 signed_fixed(num, d, 4));
        canvas_text(&c, y++, 0,
                    d >= 0.00005    ? ROLE_UP
                    : d <= -0.00005 ? ROLE_DOWN
                                    : ROLE_TEXT,
                    t);
        if (y < c.rows && c.rows >= 16)
            canvas_text(&c, y++, 0, ROLE_DIM,
                        c.cols >= 36 ? "by occlusion: p less p without it" : "by occlusion");
        y += roomy;
    }
    if (y < c.rows) {
        struct canvas rest = canvas_sub(&c, y, 0, REST, REST);
        draw_lanes(st, &rest, 0);
    }
}

static bool unit_key(struct view *v, const char *key)
{
    const struct unit_state *st = v->state;
    int u = v->ui->select.unit;
    if (!st->g.ready || !list_key(key, &u, st->g.units, v->h))
        return false;
    v->ui->select.unit = u;
    v->ui->select.unit_chosen = true;
    return true;
}

static const char *const unit_keys[] = {"j/k", "unit", "h/l", "item", "T", "truth", NULL};
const struct view_def view_unit = {
    .name = "unit",
    .title = "unit",
    .help = "The unit under the cursor over time; what would have come first after each item; "
            "occlusion; lanes of the batch.",
    .flags = VIEW_NEEDS_MODEL,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct unit_state),
    .keys = unit_keys,
    .open = unit_open,
    .close = unit_close,
    .ask = unit_ask,
    .answer = unit_answer,
    .update = unit_update,
    .draw = unit_draw,
    .key = unit_key,
};
