/* The tab Evolution of PEN4Rec: the two stages of retrieval click by click, and the
 * session's graph.  Inside one run the queries come from the end of the session; what it
 * knew at each click is the replay's business (view_ranks.c). */
#include "app/ui/plot.h"
#include "app/views/lanes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the lanes of one run ---- */

enum { ASK_TRACKS, ASK_REPLAY };
enum form { FORM_TRACK, FORM_TRACKS, FORM_REPLAY, FORM_UNITS, FORMS };
static const char *const form_names[FORMS] = {"track", "tracks", "replay", "units"};

struct evolution_state {
    struct lanes lanes;
    struct replay replay; /* while the pane `ranks` is not there */
    struct heat_memory memory;
    enum form form;
    int track, top;
};

static int track_now(const struct evolution_state *st)
{
    return st->track < st->lanes.k ? st->track : st->lanes.k - 1;
}

/* ---- the pane ---- */

static const struct replay *replay_of(const struct view *v)
{
    const struct evolution_state *st = v->state;
    const struct view *o = ui_view(v->ui->app, "ranks");
    return o && o->visible ? evolve_replay(v->ui) : &st->replay;
}

static bool evolution_ask(struct view *v, int which, struct view_ask *ask)
{
    struct evolution_state *st = v->state;
    if (!shows_evolution(v->app))
        return st->lanes.ready = false;
    if (which == ASK_TRACKS) {
        ask->q.kind = ASK_PROBES;
        ask->q.probes = LANE_PROBES;
        return true;
    }
    ask->q.kind = ASK_PREFIXES;
    const struct view *o = ui_view(v->ui->app, "ranks");
    return which == ASK_REPLAY && o && !o->visible;
}

static void evolution_title(struct view *v)
{
    const struct evolution_state *st = v->state;
    const struct lanes *l = &st->lanes;
    char name[40], b[FMT_NUM];
    v->note[0] = '\0';
    snprintf(v->title, sizeof v->title, "two retrieval stages");
    if (!l->ready)
        return;
    int j = track_now(st), at = track_click(v->app, l, j);
    if (at >= 0)
        app_item_text(v->app, l->item[at], name, sizeof name);
    else
        snprintf(name, sizeof name, "their mean");
    if (st->form == FORM_REPLAY)
        snprintf(v->title, sizeof v->title, "the session replayed: what it knew at each click");
    else if (st->form == FORM_TRACKS)
        snprintf(v->title, sizeof v->title, "relevance of each click to the %d recent items",
                 (int)l->k);
    else if (st->form == FORM_UNITS)
        snprintf(v->title, sizeof v->title, "gate of each of %d units, track %d of %d",
                 (int)l->d, j + 1, (int)l->k);
    else if (v->w >= 56)
        snprintf(v->title, sizeof v->title, "two stages, track %d of %d: %s", j + 1, (int)l->k,
                 name);
    else
        snprintf(v->title, sizeof v->title, "track %d of %d: %s", j + 1, (int)l->k, name);
    const struct replay *r = replay_of(v);
    if (v->h < LANE_ROWS + 2 && r->ready && replay_turns(r)) /* no room for the sentence */
        snprintf(v->note, sizeof v->note, "turn: click %d", (int)(r->first + r->turn + 1));
    else if (st->form == FORM_TRACK && isfinite(l->beta[j]))
        snprintf(v->note, sizeof v->note, "share %s", fmt_prob(b, l->beta[j]));
}

static bool evolution_answer(struct view *v, int which, const struct answer *a)
{
    struct evolution_state *st = v->state;
    if (which == ASK_TRACKS)
        lanes_take(&st->lanes, a);
    else if (which == ASK_REPLAY)
        replay_take(&st->replay, a, NULL, 0);
    evolution_title(v);
    return true;
}

static bool evolution_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    evolution_title(v);
    return false;
}

static void draw_values(const struct canvas *c, int row, const struct click_cols *k,
                        const char *label, enum role role, const float *x, int n, bool shade)
{
    float full = 0;
    canvas_left(c, row, 1, k->label - 2, role, label);
    for (int t = 0; shade && t < n; t++)
        full = x[t] > full ? x[t] : full;
    for (int t = 0; t < n; t++)
        if (click_col(k, t) >= 0)
            click_value(c, row, click_col(k, t), k, (double)x[t], (double)full);
}

static int draw_track(const struct view *v, const struct canvas *c, int row,
                      const struct click_cols *k)
{
    const struct evolution_state *st = v->state;
    const struct lanes *l = &st->lanes;
    int j = track_now(st), from = row;
    for (int r = 0; r < LANE_ROWS && row < c->rows; r++) {
        if (!l->has[r])
            continue;
        draw_values(c, row++, k, k->label > 16 ? lane_names[r].name : lane_names[r].brief,
                    ROLE_DIM, lane_row(l, (enum lane_row)r, j), l->n, r != LANE_COS);
    }
    return row - from;
}

/* One row a track: its relevance; the item it is keyed by and its share of the preference as
 * the label. */
static int draw_tracks(const struct view *v, const struct canvas *c, int row,
                       const struct click_cols *k, enum lane_row what)
{
    const struct evolution_state *st = v->state;
    const struct lanes *l = &st->lanes;
    int from = row;
    for (int j = 0; j < l->k && row < c->rows; j++) {
        char label[48], name[32] = "mean", b[FMT_NUM];
        int at = track_click(v->app, l, j);
        if (at >= 0)
            snprintf(name, sizeof name, "%d", (int)l->item[at]);
        snprintf(label, sizeof label, "%s %s %s",
                 what == LANE_ATT ? (k->label > 16 ? "relev." : "rel") : "gate", name,
                 isfinite(l->beta[j]) ? fmt_prob(b, l->beta[j]) : "");
        draw_values(c, row++, k, label, j == track_now(st) ? ROLE_STRONG : ROLE_DIM,
                    lane_row(l, what, j), l->n, true);
    }
    return row - from;
}

static int draw_replay(const struct view *v, const struct canvas *c, int row,
                       const struct click_cols *k)
{
    const struct replay *r = replay_of(v);
    int from = row;
    if (!r->ready || r->n != k->from + k->shown)
        return 0;
    char b[FMT_NUM];
    bool wide = k->label > 16;
    const char *const label[4] = {
        wide ? "first choice" : "1st choice", wide ? "rank of the next" : "rank next",
        wide ? "p of the next" : "p next", wide ? "drift 1-cos" : "drift"};
    for (int i = 0; i < 4 && row < c->rows; i++, row++) {
        canvas_left(c, row, 1, k->label - 2, ROLE_DIM, label[i]);
        double full = 0;
        for (int t = 1; t < r->n; t++)
            full = r->drift[t] > full ? r->drift[t] : full;
        for (int t = 0; t < r->n; t++) {
            int col = click_col(k, t);
            if (col < 0)
                continue;
            if (i > 1) {
                click_value(c, row, col, k, i == 2 ? r->next_prob[t] : r->drift[t],
                            i == 3 ? full : 0);
                continue;
            }
            int32_t x = i == 0 ? r->top[t] : r->next_rank[t];
            snprintf(b, sizeof b, x ? "%d" : "-", (int)x);
            canvas_right(c, row, col, k->width - 1,
                         !x                  ? ROLE_DIM
                         : i == 1 && x <= 10 ? ROLE_GOOD
                                             : ROLE_TEXT,
                         b);
        }
    }
    return row - from;
}

/* "the preference turns at click 4, 45 sofa": the best split of the replayed vectors, and
 * the largest single change of the track. */
static void turn_lines(const struct view *v, int room, char line[3][200])
{
    const struct evolution_state *st = v->state;
    const struct lanes *l = &st->lanes;
    const struct replay *r = replay_of(v);
    char name[64], b[FMT_NUM];
    line[0][0] = line[1][0] = '\0';
    if (r->ready && r->turn > 0 && !replay_turns(r)) {
        snprintf(line[0], sizeof line[0], "no clear turn (best split at click %d, cos %s)",
                 (int)(r->first + r->turn + 1), fmt_fixed(b, replay_turn_cos(r), 2));
    } else if (r->ready && r->turn > 0) {
        app_item_text(v->app, r->item[r->turn], name, sizeof name);
        fmt_fixed(b, replay_turn_cos(r), 2);
        int click = (int)(r->first + r->turn + 1);
        snprintf(line[0], sizeof line[0],
                 "the preference turns at click %d, %s (best split of the replay, cos %s)",
                 click, name, b);
        if (text_width(line[0]) > room)
            snprintf(line[0], sizeof line[0], "turns at click %d, %s (best split, cos %s)",
                     click, name, b);
        if (text_width(line[0]) > room)
            snprintf(line[0], sizeof line[0], "turns at click %d, %s", click, name);
    }
    int j = track_now(st), best = -1;
    const float *c = lane_row(l, LANE_COS, j);
    for (int t = 1; t < l->n; t++)
        if (isfinite(c[t]) && (best < 0 || c[t] < c[best]))
            best = t;
    if (best > 0) {
        app_item_text(v->app, l->item[best], name, sizeof name);
        fmt_prob(b, (double)c[best]);
        snprintf(line[1], sizeof line[1],
                 "largest single turn of this track: click %d, %s (cos %s)",
                 (int)(l->first + best + 1), name, b);
        if (text_width(line[1]) > room)
            snprintf(line[1], sizeof line[1], "track's largest turn: click %d, %s (cos %s)",
                     (int)(l->first + best + 1), name, b);
    }
}

static void truth_line(const struct app *a, char *buf, size_t size)
{
    struct planted_switch p;
    planted_switch(a, &a->seq, &p);
    buf[0] = '\0';
    if (!p.world)
        return;
    if (!a->truth_shown)
        snprintf(buf, size, "the true switch is known:  T  shows it");
    else if (!p.known)
        snprintf(buf, size, "true switch: this sequence is none of the data's");
    else if (p.at < 0)
        snprintf(buf, size, "true switch: not within these clicks");
    else
        snprintf(buf, size, "true switch: click %d, %s to %s", p.at + 1,
                 world_department_name(p.before), world_department_name(p.after));
}

static bool unit_value(const void *ctx, int row, int col, double *x)
{
    const struct evolution_state *st = ctx;
    const struct lanes *l = &st->lanes;
    *x = (double)l->units[((size_t)track_now(st) * (size_t)l->n + (size_t)col) * (size_t)l->d +
                          (size_t)row];
    return true;
}

static const char *unit_label(const void *ctx, int i)
{
    static char text[16]; /* lives until the next call; the screen's thread only */
    (void)ctx;
    snprintf(text, sizeof text, "%d", i + 1);
    return text;
}

static const char *click_label(const void *ctx, int i)
{
    static char text[16];
    snprintf(text, sizeof text, "%d",
             (int)((const struct evolution_state *)ctx)->lanes.item[i]);
    return text;
}

static void describe_units(const struct view *v, struct heatmap *h)
{
    const struct evolution_state *st = v->state;
    *h = (struct heatmap){.title = v->title,
                          .rows = st->lanes.d,
                          .cols = st->lanes.n,
                          .at = unit_value,
                          .ctx = st,
                          .row_label = unit_label,
                          .col_label = click_label,
                          .row_name = "unit",
                          .col_name = "click",
                          .scale = HEAT_WHOLE,
                          .top = st->top};
}

static void evolution_draw(const struct view *v, struct canvas *c)
{
    const struct evolution_state *st = v->state;
    const struct lanes *l = &st->lanes;
    const struct app *a = v->app;
    if (!shows_evolution(a)) {
        draw_empty(c, "two stages of retrieval, click by click", "PEN4Rec only (head=pen)");
        return;
    }
    if (a->seq.n == 0 || !l->ready) {
        draw_empty(c,
                   l->error[0] ? l->error
                   : a->seq.n  ? "thinking"
                               : "no sequence yet",
                   a->seq.n ? "" : "p  types one;  9  picks a session");
        return;
    }
    if (st->form == FORM_UNITS) {
        struct heatmap h;
        struct heat_info info;
        describe_units(v, &h);
        struct canvas map = canvas_sub(c, 0, 1, c->rows > 4 ? c->rows - 1 : c->rows, REST);
        heat_draw(&map, &h, &info);
        if (c->rows > 4)
            heat_scale_line(c, c->rows - 1, 1, &h, &info);
        return;
    }
    struct click_cols k;
    click_cols(&k, a, c->cols, l->n, a->cursor - l->first, evolve_label(a, c->cols));
    click_ids(c, 0, &k, a, l->item, l->n, l->first);
    char line[3][200];
    int row = 1, keep = 0;
    turn_lines(v, c->cols - 2, line);
    truth_line(a, line[2], sizeof line[2]);
    for (int i = 0; i < 3; i++)
        keep += line[i][0] != '\0';
    int extra = c->rows - 1 - LANE_ROWS;
    keep = keep > extra ? (extra > 0 ? extra : 0) : keep;
    struct canvas top = canvas_sub(c, 0, 0, c->rows - keep, REST);
    /* The chosen style first, the others below as far as there is room. */
    bool done[FORMS] = {false};
    for (int i = 0; i < FORMS; i++) {
        enum form s = i == 0 ? st->form : (enum form)(i - 1);
        int need = s == FORM_TRACK ? LANE_ROWS : s == FORM_TRACKS ? 2 * l->k : 4;
        if (done[s] || s == FORM_UNITS || (i > 0 && row + 1 + need > top.rows))
            continue;
        done[s] = true;
        row += row > 1 ? 1 : 0;
        if (s == FORM_TRACK)
            row += draw_track(v, &top, row, &k);
        else if (s == FORM_REPLAY)
            row += draw_replay(v, &top, row, &k);
        else {
            row += draw_tracks(v, &top, row, &k, LANE_ATT);
            row += draw_tracks(v, &top, row, &k, LANE_WRITE);
        }
    }
    /* What matters most when room is short: the turn, then the truth, then the single
     * change. */
    static const int order[3] = {0, 2, 1};
    int y = c->rows - keep;
    for (int i = 0; i < 3 && y < c->rows; i++)
        if (line[order[i]][0])
            canvas_text(c, y++, 1,
                        order[i] == 0                     ? ROLE_STRONG
                        : order[i] == 2 && a->truth_shown ? ROLE_LEVEL
                                                          : ROLE_DIM,
                        line[order[i]]);
}

static bool evolution_key(struct view *v, const char *key)
{
    struct evolution_state *st = v->state;
    if (!st->lanes.ready)
        return false;
    bool mine = st->form == FORM_UNITS ? list_key(key, &st->top, st->lanes.d, v->h)
                                       : list_key(key, &st->track, st->lanes.k, v->h);
    evolution_title(v);
    return mine;
}

static bool evolution_click(struct view *v, int row, int col, bool twice)
{
    const struct evolution_state *st = v->state;
    struct click_cols k;
    (void)row;
    (void)twice;
    if (!st->lanes.ready)
        return false;
    click_cols(&k, v->app, v->w, st->lanes.n, v->app->cursor - st->lanes.first,
               evolve_label(v->app, v->w));
    if (col < k.label || k.width < 1)
        return false;
    int click = st->lanes.first + k.from + (col - k.label) / k.width;
    if (click >= v->app->seq.n)
        return false;
    v->ui->app->cursor = click;
    return true;
}

static bool evolution_style(struct view *v, const char *name)
{
    struct evolution_state *st = v->state;
    for (int i = 0; i < FORMS; i++)
        if (*name ? strcmp(name, form_names[i]) == 0 : i == ((int)st->form + 1) % FORMS) {
            st->form = (enum form)i;
            evolution_title(v);
            return true;
        }
    return false;
}

static void evolution_close(struct view *v)
{
    struct evolution_state *st = v->state;
    lanes_done(&st->lanes);
    heat_memory_free(&st->memory);
}

static bool lane_value(const void *ctx, int row, int col, double *x)
{
    const struct evolution_state *st = ctx;
    *x = (double)lane_row(&st->lanes, (enum lane_row)row, track_now(st))[col];
    return st->lanes.has[row] && isfinite(*x);
}

static const char *lane_label(const void *ctx, int i)
{
    (void)ctx;
    return lane_names[i].name;
}

static void evolution_plot(const struct view *v, struct plot *p)
{
    const struct evolution_state *st = v->state;
    struct plot_panel *panel = plot_add(p, PLOT_HEAT, v->title);
    if (!panel || !st->lanes.ready)
        return;
    if (st->form == FORM_UNITS)
        describe_units(v, &panel->heat);
    else
        panel->heat = (struct heatmap){.title = v->title,
                                       .rows = LANE_ROWS,
                                       .cols = st->lanes.n,
                                       .at = lane_value,
                                       .ctx = st,
                                       .row_label = lane_label,
                                       .col_label = click_label,
                                       .scale = HEAT_PER_ROW,
                                       .numbers = true};
}

static const char *const evolution_keys[] = {"h/l",   "click", "j/k",   "track", "v",
                                             "style", "T",     "truth", NULL};
const struct view_def view_evolution = {
    .name = "evolution",
    .title = "two retrieval stages",
    .help = "PEN4Rec reads the session again for each of its last items (tracks): first-stage "
            "weight, relevance, gate, share of the final state, size and direction of the "
            "change.  The questions come from the end of the session: what it knew at a click "
            "is the style replay.  Stage 1 weights gather context; they are not relevance.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 5,
    .min_cols = 30,
    .state_size = sizeof(struct evolution_state),
    .keys = evolution_keys,
    .close = evolution_close,
    .ask = evolution_ask,
    .answer = evolution_answer,
    .update = evolution_update,
    .wanted = shows_evolution,
    .draw = evolution_draw,
    .key = evolution_key,
    .click = evolution_click,
    .style = evolution_style,
    .plot = evolution_plot,
};
