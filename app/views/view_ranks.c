/* The tab Evolution, for every model: ranks of followed items after each click, and the
 * present list with what each click does for it. */
#include "app/cmd/command.h"
#include "app/ui/plot.h"
#include "app/views/evolve.h"
#include "app/views/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ranks after each click ---- */

struct ranks_state {
    struct replay replay;
    int n_follow; /* 0: the first three */
    int32_t follow[EVOLVE_FOLLOW];
};

const struct replay *evolve_replay(const struct ui *u)
{
    const struct view *v = ui_view(u->app, "ranks");
    return &((const struct ranks_state *)v->state)->replay;
}

static bool ranks_ask(struct view *v, int which, struct view_ask *ask)
{
    struct ranks_state *st = v->state;
    ask->q.kind = ASK_PREFIXES;
    ask->key = (uint64_t)st->n_follow + 1;
    for (int i = 0; i < st->n_follow; i++)
        ask->key = ask->key * 0x100000001b3u + (uint64_t)st->follow[i];
    return which == 0;
}

static void ranks_title(struct view *v)
{
    const struct ranks_state *st = v->state;
    snprintf(v->title, sizeof v->title,
             v->w >= 50 ? "rank of followed items after each click (1 at top)"
                        : "rank after each click");
    v->note[0] = '\0';
    if (st->replay.ready && st->replay.first > 0)
        snprintf(v->note, sizeof v->note, "oldest %d cut off", (int)st->replay.first);
}

static bool ranks_answer(struct view *v, int which, const struct answer *a)
{
    struct ranks_state *st = v->state;
    if (which == 0)
        replay_take(&st->replay, a, st->follow, st->n_follow);
    ranks_title(v);
    return true;
}

static bool ranks_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    ranks_title(v);
    return false;
}

static int32_t worst_rank(const struct replay *r)
{
    int32_t worst = 10;
    for (int t = 0; t < r->n; t++) {
        for (int f = 0; f < r->n_follow; f++)
            worst = r->rank[f][t] > worst ? r->rank[f][t] : worst;
        worst = r->next_rank[t] > worst ? r->next_rank[t] : worst;
    }
    return worst;
}

static int rank_row(int32_t rank, int32_t worst, int rows)
{
    return rank <= 1 ? 0 : (int)lround(log((double)rank) / log((double)worst) * (rows - 1));
}

static void draw_axis(const struct canvas *c, int rows, int32_t worst, int label)
{
    static const int32_t ticks[] = {1,   2,    3,    5,    10,    20,    50,    100,   200,
                                    500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
    int before = -2;
    for (int y = 0; y < rows; y++)
        canvas_glyph(c, y, label - 2, ROLE_FRAME_ON, G_VLINE);
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks && ticks[i] <= worst; i++) {
        int y = rank_row(ticks[i], worst, rows);
        if (y <= before + (rows > 12 && i > 0 ? 1 : 0) || y >= rows)
            continue;
        char text[16];
        snprintf(text, sizeof text, "%d", (int)ticks[i]);
        canvas_glyph(c, y, label - 2, ROLE_FRAME_ON, G_TICK_Y);
        canvas_right(c, y, 0, label - 3, ROLE_AXIS, text);
        before = y;
    }
}

/* A thread from click to click, then the letters over it. */
static void draw_thread(const struct canvas *c, const struct click_cols *k, const int32_t *rank,
                        int n, int32_t worst, int rows, enum role role)
{
    for (int t = k->from; t + 1 < n; t++) {
        if (!rank[t] || !rank[t + 1])
            continue;
        int x0 = click_col(k, t) + k->width / 2, x1 = click_col(k, t + 1) + k->width / 2;
        double y0 = rank_row(rank[t], worst, rows), y1 = rank_row(rank[t + 1], worst, rows);
        int before = (int)y0;
        for (int x = x0; x <= x1; x++) {
            int y = (int)lround(y0 + (y1 - y0) * (x - x0) / (x1 - x0)),
                way = y > before ? 1 : -1;
            /* steep ones without gaps */
            for (int at = before == y ? y : before + way; at != y + way; at += way) {
                const struct cell *cell = grid_at(c->g, c->row + at, c->col + x);
                if (!cell || cell->ch[0] == ' ' || cell->ch[0] == 0)
                    canvas_glyph(c, at, x, role, G_DOT);
            }
            before = y;
        }
    }
}

static void put_letter(const struct canvas *c, int row, int col, enum role role, char letter)
{
    char text[2] = {letter, '\0'};
    struct style s = canvas_style(c, role);
    s.attrs |= ATTR_BOLD;
    for (int k = 0; k < 3; k++) { /* letters that meet stand side by side */
        const struct cell *cell = grid_at(c->g, c->row + row, c->col + col + k);
        uint32_t ch = cell ? cell->ch[0] : 0;
        if (!((ch >= 'A' && ch <= 'Z') || ch == 'o')) {
            canvas_put(c, row, col + k, text, s);
            return;
        }
    }
}

/* Where the replayed session turns, and where the planted interest did. */
static void draw_marks(const struct view *v, const struct canvas *c, int row,
                       const struct click_cols *k, const struct replay *r)
{
    const struct app *a = v->app;
    struct planted_switch p;
    planted_switch(a, &a->seq, &p);
    int at = a->truth_shown && p.known && p.at >= 0 ? p.at - r->first : -1,
        turn = replay_turns(r) ? click_col(k, r->turn) : -1,
        truth = at >= 0 ? click_col(k, at) : -1;
    canvas_left(c, row, 1, k->label - 2, ROLE_DIM,
                k->label <= 16               ? "turn"
                : p.world && !a->truth_shown ? "turn  (T truth)"
                                             : "turn");
    if (turn >= 0 && r->turn != at)
        canvas_right(c, row, turn - 1, k->width, ROLE_WARN,
                     at == r->turn + 1 && k->width < 5 ? "^" : "turn");
    if (truth >= 0)
        canvas_right(c, row, truth - 1, k->width, ROLE_LEVEL,
                     turn >= 0 && r->turn == at ? "both" : "true");
}

/* Names of what is followed in lines of `cols`; c NULL: only counts the rows.  The ids are
 * left out where they would cost a row. */
static int legend(const struct view *v, const struct canvas *c, int row, int cols,
                  const struct replay *r, bool ids)
{
    int col = 1, from = row;
    char name[64];
    for (int f = 0; f <= r->n_follow; f++) {
        bool next = f == r->n_follow;
        if (next)
            snprintf(name, sizeof name, "%s", ids ? "the click that came next" : "came next");
        else if (ids || !*item_name(v->app, r->follow[f]))
            app_item_text(v->app, r->follow[f], name, sizeof name);
        else
            snprintf(name, sizeof name, "%s", item_name(v->app, r->follow[f]));
        if (col > 1 && col + 2 + text_width(name) > cols - 1) {
            row++;
            col = 1;
        }
        if (c && row < c->rows) {
            put_letter(c, row, col, next ? ROLE_DIM : theme_run(f),
                       next ? 'o' : (char)('A' + f));
            canvas_text(c, row, col + 2, ROLE_DIM, name);
        }
        col += 2 + text_width(name) + 2;
    }
    return row - from + 1;
}

static void draw_names(const struct view *v, const struct canvas *c, const struct replay *r,
                       int width)
{
    for (int f = 0; f <= r->n_follow; f++) {
        bool next = f == r->n_follow;
        char name[64];
        put_letter(c, f, 1, next ? ROLE_DIM : theme_run(f), next ? 'o' : (char)('A' + f));
        if (next)
            snprintf(name, sizeof name, "came next");
        else if (*item_name(v->app, r->follow[f]))
            snprintf(name, sizeof name, "%s", item_name(v->app, r->follow[f]));
        else
            snprintf(name, sizeof name, "%d", (int)r->follow[f]);
        canvas_left(c, f, 3, width - 3, ROLE_DIM, name);
    }
}

static void ranks_draw(const struct view *v, struct canvas *c)
{
    const struct ranks_state *st = v->state;
    const struct app *a = v->app;
    const struct replay *r = &st->replay;
    if (a->seq.n == 0 || !r->ready) {
        draw_empty(c,
                   r->error[0] ? r->error
                   : a->seq.n  ? "thinking"
                               : "no sequence yet",
                   a->seq.n ? "" : "p  types one;  9  picks a session");
        return;
    }
    struct click_cols k;
    click_cols(&k, a, c->cols, r->n, a->cursor - r->first, evolve_label(a, c->cols));
    int drift = r->has_state && c->rows >= 9 ? 1 : 0,
        marks = r->turn >= 0 && c->rows >= 7 ? 1 : 0, line = c->rows >= 9 ? 1 : 0;
    /* the names find room on the left */
    bool beside = k.label > 16 && c->rows - 3 - drift - marks > r->n_follow;
    bool ids = c->rows >= 12 && legend(v, NULL, 0, c->cols, r, true) < 3;
    int names = beside ? 0 : c->rows >= 12 ? legend(v, NULL, 0, c->cols, r, ids) : 1;
    char turn[200] = "";
    if (!shows_evolution(a) && r->turn > 0 && !replay_turns(r) && c->rows >= 14) {
        char b[FMT_NUM];
        snprintf(turn, sizeof turn, "no clear turn (best split at click %d, cos %s)",
                 (int)(r->first + r->turn + 1), fmt_fixed(b, replay_turn_cos(r), 2));
    } else if (!shows_evolution(a) && r->turn > 0 && c->rows >= 14) {
        char name[64], b[FMT_NUM];
        app_item_text(a, r->item[r->turn], name, sizeof name);
        snprintf(turn, sizeof turn, "the session turns at click %d, %s (best split, cos %s)",
                 (int)(r->first + r->turn + 1), name, fmt_fixed(b, replay_turn_cos(r), 2));
        if (text_width(turn) > c->cols - 2)
            snprintf(turn, sizeof turn, "turns at click %d, %s (best split, cos %s)",
                     (int)(r->first + r->turn + 1), name, b);
        if (text_width(turn) > c->cols - 2)
            snprintf(turn, sizeof turn, "turns at click %d, %s", (int)(r->first + r->turn + 1),
                     name);
    }
    int rows = c->rows - 1 - line - drift - marks - names - (turn[0] ? 1 : 0);
    if (rows < 2)
        rows = 2;
    int32_t worst = worst_rank(r);
    draw_axis(c, rows, worst, k.label);
    struct canvas area = canvas_sub(c, 0, 0, rows, REST);
    draw_thread(&area, &k, r->next_rank, r->n - 1, worst, rows, ROLE_RAW);
    for (int f = r->n_follow - 1; f >= 0; f--)
        draw_thread(&area, &k, r->rank[f], r->n, worst, rows, theme_run(f));
    for (int f = 0; f < r->n_follow; f++)
        for (int t = k.from; t < r->n; t++)
            if (r->rank[f][t] > 0)
                put_letter(&area, rank_row(r->rank[f][t], worst, rows),
                           click_col(&k, t) + k.width / 2, theme_run(f), (char)('A' + f));
    for (int t = k.from; t < r->n; t++)
        if (r->next_rank[t] > 0)
            put_letter(&area, rank_row(r->next_rank[t], worst, rows),
                       click_col(&k, t) + k.width / 2, ROLE_DIM, 'o');
    int y = rows;
    if (line) {
        canvas_hline(c, y, k.label - 2, c->cols - k.label + 1, ROLE_FRAME_ON);
        canvas_glyph(c, y++, k.label - 2, ROLE_FRAME_ON, G_BOTTOM_LEFT);
    }
    click_ids(c, y++, &k, a, r->item, r->n, r->first);
    if (drift) {
        double full = 0;
        canvas_left(c, y, 1, k.label - 3, ROLE_DIM, k.label > 16 ? "drift 1-cos" : "drift");
        for (int t = 1; t < r->n; t++)
            full = r->drift[t] > full ? r->drift[t] : full;
        for (int t = k.from; t < r->n; t++)
            click_value(c, y, click_col(&k, t), &k, r->drift[t], full);
        y++;
    }
    if (marks)
        draw_marks(v, c, y++, &k, r);
    if (turn[0])
        canvas_text(c, y++, 1, ROLE_TEXT, turn);
    if (beside)
        draw_names(v, c, r, k.label - 7);
    else
        legend(v, c, y, c->cols, r, ids);
}

static bool ranks_command(struct view *v, const struct cmd_call *call)
{
    struct ranks_state *st = v->state;
    int n = call_count(call, "follow");
    if (n == 0)
        return true;
    int32_t item = (int32_t)call_int_at(call, "follow", 0);
    /* the key: follow it, or no more */
    if (n == 1 && strcmp(call_at(call, "follow", 0), "cursor") == 0) {
        if (st->n_follow == 0 && st->replay.ready) {
            st->n_follow = st->replay.n_follow;
            memcpy(st->follow, st->replay.follow, sizeof st->follow);
        }
        for (int i = 0; i < st->n_follow; i++)
            if (st->follow[i] == item) {
                memmove(st->follow + i, st->follow + i + 1,
                        (size_t)(--st->n_follow - i) * sizeof *st->follow);
                return true;
            }
        if (st->n_follow == EVOLVE_FOLLOW)
            return false;
        st->follow[st->n_follow++] = item;
        return true;
    }
    for (st->n_follow = 0; st->n_follow < n && st->n_follow < EVOLVE_FOLLOW; st->n_follow++)
        st->follow[st->n_follow] = (int32_t)call_int_at(call, "follow", st->n_follow);
    return true;
}

static bool ranks_click(struct view *v, int row, int col, bool twice)
{
    const struct ranks_state *st = v->state;
    struct click_cols k;
    (void)row;
    (void)twice;
    if (!st->replay.ready)
        return false;
    click_cols(&k, v->app, v->w, st->replay.n, v->app->cursor - st->replay.first,
               evolve_label(v->app, v->w));
    int click = k.width > 0 && col >= k.label
                    ? st->replay.first + k.from + (col - k.label) / k.width
                    : v->app->seq.n;
    if (click >= v->app->seq.n)
        return false;
    v->ui->app->cursor = click;
    return true;
}

struct rank_series {
    const int32_t *rank;
    int32_t first;
};
static bool rank_point(const void *ctx, size_t i, double *x, double *y)
{
    const struct rank_series *s = ctx;
    *x = s->first + (double)i + 1;
    *y = s->rank[i];
    return s->rank[i] > 0;
}

static void ranks_plot(const struct view *v, struct plot *p)
{
    static struct curve_series series[EVOLVE_FOLLOW + 1];
    static struct rank_series points[EVOLVE_FOLLOW + 1];
    static char name[EVOLVE_FOLLOW + 1][64];
    const struct ranks_state *st = v->state;
    const struct replay *r = &st->replay;
    struct plot_panel *panel = plot_add(p, PLOT_CURVES, "rank after each click");
    size_t n = 0;
    for (int f = 0; r->ready && f <= r->n_follow; f++, n++) {
        bool next = f == r->n_follow;
        points[n] = (struct rank_series){next ? r->next_rank : r->rank[f], r->first};
        if (next)
            snprintf(name[n], sizeof name[n], "the click that came next");
        else
            app_item_text(v->app, r->follow[f], name[n], sizeof name[n]);
        series[n] = (struct curve_series){.name = name[n],
                                          .letter = next ? 'o' : (char)('A' + f),
                                          .run = next ? 6 : f,
                                          .n = (size_t)(next ? r->n - 1 : r->n),
                                          .at = rank_point,
                                          .ctx = &points[n],
                                          .dots = next};
    }
    if (panel)
        panel->curves = (struct curve_chart){.title = "rank after each click",
                                             .x_name = "click",
                                             .y_name = "rank",
                                             .series = series,
                                             .n_series = n,
                                             .log_y = true,
                                             .down_y = true,
                                             .legend = true,
                                             .x_total = r->first + r->n};
}

static const char *const ranks_keys[] = {"h/l", "click", "T", "truth", NULL};
const struct view_def view_ranks = {
    .name = "ranks",
    .title = "rank after each click",
    .help =
        "The model after each prefix of the session: the rank of followed items (t follows the "
        "item under the cursor of the list), of the click that "
        "came next, and how far the session's vector turned.  evolve follow=31,77 names items.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 5,
    .min_cols = 24,
    .state_size = sizeof(struct ranks_state),
    .keys = ranks_keys,
    .ask = ranks_ask,
    .answer = ranks_answer,
    .update = ranks_update,
    .draw = ranks_draw,
    .click = ranks_click,
    .command = ranks_command,
    .plot = ranks_plot,
};

/* ---- the present list ---- */

enum { ASK_LIST, ASK_DROP, ASK_STAGES };
enum { LIST_MAX = 200 };

struct present_state {
    struct scores now;
    int32_t *order, *rank, *was; /* was: rank before the last click */
    int32_t n, first, item[SEQ_MAX];
    bool has_drop, has_was, has_alpha, has_att;
    const int32_t *variant[2];
    int32_t variant_n[2], weights_n; /* clicks that the weights speak of */
    int32_t asked, target, drop_n;
    double without[SEQ_MAX], alpha[SEQ_MAX], att[SEQ_MAX];
    int at, top;
};

static bool present_ask(struct view *v, int which, struct view_ask *ask)
{
    struct present_state *st = v->state;
    if (which == ASK_LIST) { /* now, and before the last click */
        for (int i = 0; i < 2; i++) {
            st->variant[i] = v->app->seq.item;
            st->variant_n[i] = v->app->seq.n - i;
        }
        ask->q.kind = ASK_VARIANTS;
        ask->q.n_variant = v->app->seq.n > 1 ? 2 : 1;
        ask->q.variant = st->variant;
        ask->q.variant_n = st->variant_n;
        return v->app->seq.n > 0;
    }
    if (which == ASK_DROP) {
        st->asked = v->ui->select.item ? v->ui->select.item : st->now.ready ? st->order[0] : 0;
        ask->q.kind = ASK_OCCLUDE;
        ask->q.target = st->asked;
        return st->asked > 0 && v->app->seq.n > 1;
    }
    if (which != ASK_STAGES || !shows_evolution(v->app)) {
        if (which == ASK_STAGES)
            st->has_alpha = st->has_att = false;
        return false;
    }
    ask->q.kind = ASK_PROBES;
    ask->q.probes = "s1.alpha,s2.att,fuse.beta";
    return true;
}

/* Weights of the clicks over the tracks, each by its share of the preference. */
static bool over_tracks(const struct probe_copy *p, const struct probe_copy *beta, int32_t n,
                        double *out)
{
    if (!p || p->nd != 2 || n < 1 || p->d[0] % n != 0)
        return false;
    int32_t k = p->d[0] / n;
    bool shares = beta && beta->d[0] == k;
    for (int32_t t = 0; t < n; t++) {
        out[t] = 0;
        for (int32_t j = 0; j < k; j++)
            out[t] += (double)p->x[j * n + t] * (shares ? (double)beta->x[j] : 1.0 / k);
    }
    return true;
}

static bool present_answer(struct view *v, int which, const struct answer *a)
{
    struct present_state *st = v->state;
    if (which == ASK_LIST) {
        struct answer before = *a;
        before.score = a->score ? a->score + (size_t)a->n_items + 1 : NULL;
        st->has_was = !a->err.code && a->n_row > 1 && scores_take(&st->now, &before) &&
                      scores_rank(&st->now, &st->order, &st->was);
        if (scores_take(&st->now, a) && !scores_rank(&st->now, &st->order, &st->rank))
            st->now.ready = false;
        v->ui->select.first = st->now.ready ? st->order[0] : 0;
    } else if (which == ASK_DROP) {
        st->has_drop = !a->err.code && a->n_row > 0 && st->asked > 0 &&
                       st->asked <= a->n_items && a->n == a->n_row && a->n <= SEQ_MAX;
        st->n = st->has_drop ? a->n : 0;
        st->first = a->first;
        if (st->has_drop)
            memcpy(st->item, a->item, (size_t)st->n * sizeof *st->item);
        st->target = st->asked;
        st->drop_n = a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
        for (int32_t i = 0; st->has_drop && i < st->drop_n; i++)
            st->without[i] = item_prob(a->score + (size_t)i * ((size_t)a->n_items + 1),
                                       a->n_items, st->target, a->softmax);
    } else if (which == ASK_STAGES && a->n <= SEQ_MAX) {
        const struct probe_copy *beta = answer_probe(a, "fuse.beta");
        st->weights_n = a->n;
        st->has_alpha =
            !a->err.code && over_tracks(answer_probe(a, "s1.alpha"), beta, a->n, st->alpha);
        st->has_att =
            !a->err.code && over_tracks(answer_probe(a, "s2.att"), beta, a->n, st->att);
    }
    return true;
}

static void draw_why(const struct view *v, const struct canvas *c, int row, int n_rows)
{
    const struct present_state *st = v->state;
    char name[80], b[FMT_NUM];
    double drop[SEQ_MAX],
        base = item_prob(st->now.score, st->now.n_items, st->target, st->now.softmax), full = 0;
    int order[SEQ_MAX], id = item_digits(v->app);
    for (int i = 0; i < st->n; i++) {
        drop[i] = base - st->without[i];
        full = fabs(drop[i]) > full ? fabs(drop[i]) : full;
        int k = i;
        for (; k > 0 && fabs(drop[order[k - 1]]) < fabs(drop[i]); k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    app_item_text(v->app, st->target, name, sizeof name);
    canvas_printf(c, row, 1, ROLE_DIM,
                  text_width(name) + 24 < c->cols ? "why %s?  without click" : "why %s?", name);
    int last = row + n_rows;
    double ra = st->has_alpha && st->weights_n == st->n ? spearman(drop, st->alpha, st->n)
                                                        : (double)NAN,
           rt = st->has_att && st->weights_n == st->n ? spearman(drop, st->att, st->n)
                                                      : (double)NAN;
    bool rho = isfinite(ra) || isfinite(rt);
    int w = c->cols - 13, bar = w - id - 16;
    w = bar >= 9 ? id + 15 : w;
    for (int i = 0; i < st->n && row + 1 < last - (rho ? 2 : 0); i++) {
        int t = order[i];
        row++;
        snprintf(b, sizeof b, "%d", (int)(st->first + t + 1));
        canvas_right(c, row, 1, 3, ROLE_DIM, b);
        draw_item(c, row, 5, w, id, ROLE_TEXT, v->app, st->item[t]);
        enum role role = effect_role(drop[t], full);
        char num[FMT_NUM], text[FMT_NUM + 1];
        snprintf(text, sizeof text, "%s%s",
                 effect_shown(drop[t]) ? drop[t] < 0 ? "-" : "+" : " ",
                 fmt_prob(num, fabs(drop[t])));
        canvas_right(c, row, 5 + w, 7, role, text);
        if (bar >= 9)
            canvas_bar_signed(c, row, 5 + w + 8, bar, drop[t], full);
        if (st->first + t == v->app->cursor)
            canvas_paint(c, row, 0, 5 + w + 7, ROLE_SELECT);
    }
    for (int i = 0; rho && i < 2 && row + 1 < c->rows; i++) {
        char x[FMT_NUM];
        double r = i == 0 ? ra : rt;
        canvas_printf(c, ++row, 1, ROLE_TEXT,
                      c->cols >= 28 ? "%s and occlusion: r %s" : "%s, occl. r %s",
                      i == 0 ? "stage 1" : "stage 2", isfinite(r) ? fmt_fixed(x, r, 2) : "-");
    }
}

static void present_draw(const struct view *v, struct canvas *c)
{
    const struct present_state *st = v->state;
    const struct app *a = v->app;
    if (a->seq.n == 0 || !st->now.ready) {
        draw_empty(c, st->now.error[0] ? st->now.error : "the next item now", "");
        return;
    }
    const struct replay *r = evolve_replay(v->ui);
    bool why = st->has_drop && st->drop_n == st->n && st->n > 1;
    int id = item_digits(a),
        why_rows =
            why && c->rows >= 9 ? c->rows / 2 + 1 < st->n + 3 ? c->rows / 2 + 1 : st->n + 3 : 0,
        shown = c->rows - why_rows - (why_rows ? 1 : 0);
    int value = st->now.softmax ? 5 : 7;
    int top = canvas_scroll(st->top, st->at, shown, st->now.n_items), w = c->cols - 11 - value,
        bar = w - id - 18;
    w = bar >= 6 ? id + 16 : w;
    w = w < id ? id : w;
    double full = st->now.softmax ? (double)st->now.prob[st->order[0]] : 1;
    for (int i = top, y = 0; i < st->now.n_items && i < LIST_MAX && y < shown; i++, y++) {
        int32_t it = st->order[i];
        char b[FMT_NUM], sign[16] = "";
        int letter = follow_letter(r, it);
        snprintf(b, sizeof b, "%d", i + 1);
        canvas_right(c, y, 0, 3, ROLE_DIM, b);
        if (letter)
            put_letter(c, y, 4, theme_run(letter - 'A'), (char)letter);
        draw_item(c, y, 6, w, id, i == 0 ? ROLE_STRONG : ROLE_TEXT, a, it);
        canvas_right(c, y, 6 + w, value, ROLE_TEXT,
                     st->now.softmax ? fmt_prob(b, (double)st->now.prob[it])
                                     : fmt_num(b, (double)st->now.score[it]));
        enum role role = ROLE_DIM;
        if (st->has_was) {
            int32_t was = st->was[it], now = st->rank[it];
            bool fresh = was > 10 * now && was > 10;
            snprintf(sign, sizeof sign,
                     was == now ? "="
                     : fresh    ? "new"
                                : "%c%d",
                     now < was ? '^' : 'v', (int)(now < was ? was - now : now - was));
            role = was == now ? ROLE_DIM : now < was ? ROLE_UP : ROLE_DOWN;
        }
        canvas_left(c, y, 6 + w + value + 1, 4, role, sign);
        if (bar >= 6 && st->now.softmax)
            canvas_bar(c, y, 6 + w + value + 6, bar, ROLE_BAR, (double)st->now.prob[it], full);
        if ((v->focus && i == st->at) || it == v->ui->select.item)
            canvas_paint(c, y, 6, w + value,
                         v->focus && i == st->at ? ROLE_CURSOR : ROLE_SELECT);
    }
    if (why_rows) {
        canvas_hline(c, shown, 0, c->cols, ROLE_FRAME);
        draw_why(v, c, shown + 1, why_rows);
    }
}

static bool present_key(struct view *v, const char *key)
{
    struct present_state *st = v->state;
    int n = st->now.ready ? (st->now.n_items < LIST_MAX ? st->now.n_items : LIST_MAX) : 0;
    if (strcmp(key, "Esc") == 0 && v->ui->select.item) {
        v->ui->select.item = 0;
        return true;
    }
    if (!list_key(key, &st->at, n, v->h / 2))
        return false;
    st->top = canvas_scroll(st->top, st->at, v->h > 9 ? v->h / 2 - 1 : v->h, n);
    v->ui->select.item = n > 0 && st->at > 0 ? st->order[st->at] : 0;
    return true;
}

static bool present_click(struct view *v, int row, int col, bool twice)
{
    struct present_state *st = v->state;
    (void)col;
    (void)twice;
    int at = st->top + row;
    if (!st->now.ready || at >= st->now.n_items || at >= LIST_MAX)
        return false;
    st->at = at;
    v->ui->select.item = at > 0 ? st->order[at] : 0;
    return true;
}

static bool present_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    snprintf(v->title, sizeof v->title, "now: next item");
    snprintf(v->note, sizeof v->note, "%s", v->w >= 34 ? "change by the last click" : "");
    return false;
}

static void present_close(struct view *v)
{
    struct present_state *st = v->state;
    scores_done(&st->now);
    free(st->order);
    free(st->rank);
    free(st->was);
}

static void present_plot(const struct view *v, struct plot *p)
{
    enum { BARS = 15 };
    static struct plot_bar bar[BARS];
    static char label[BARS][64];
    const struct present_state *st = v->state;
    int n = 0;
    for (; st->now.ready && n < BARS && n < st->now.n_items; n++) {
        app_item_text(v->app, st->order[n], label[n], sizeof label[n]);
        bar[n] = (struct plot_bar){label[n],
                                   st->now.softmax ? (double)st->now.prob[st->order[n]]
                                                   : (double)st->now.score[st->order[n]],
                                   0};
    }
    struct plot_panel *panel = plot_add(p, PLOT_BARS, "next item");
    if (panel) {
        panel->bars = bar;
        panel->n_bars = (size_t)n;
    }
}

static const char *const present_keys[] = {"j/k", "item", "h/l", "click", NULL};
const struct view_def view_present = {
    .name = "present",
    .title = "now: next item",
    .help = "The list after the last click and how that click moved it; below, what the chosen "
            "item loses without each click (occlusion), and how well PEN4Rec's stage 1 weights "
            "and stage 2 relevance rank the clicks by that.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct present_state),
    .keys = present_keys,
    .close = present_close,
    .ask = present_ask,
    .answer = present_answer,
    .update = present_update,
    .draw = present_draw,
    .key = present_key,
    .click = present_click,
    .plot = present_plot,
};
