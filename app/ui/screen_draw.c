/* The six fixed lines, the panes of the open tab, pop-ups: state -> cells. */
#include "app/cmd/ablate.h"
#include "app/lesson/course.h"
#include "app/ui/keymap.h"
#include "app/ui/screen_parts.h"
#include "app/views/view_util.h"

#include <stdio.h>

static void add_hit(struct face *f, enum hit_kind kind, int row, int from, int to,
                    int64_t value)
{
    if (f->n_hit < HITS && to > from)
        f->hit[f->n_hit++] = (struct hit){kind, row, from, to, value};
}

/* ---- line 1: who trains on what, how far ---- */

static enum role state_role(const char *state)
{
    return strcmp(state, "FAILED") == 0                                 ? ROLE_BAD
           : strcmp(state, "RUN") == 0                                  ? ROLE_GOOD
           : strcmp(state, "PAUSED") == 0 || strcmp(state, "STEP") == 0 ? ROLE_WARN
                                                                        : ROLE_STRONG;
}

/* A field of the status line in a role's ink on the line's paper. */
static int status_text(const struct canvas *c, int col, enum role role, const char *s)
{
    struct style line = canvas_style(c, ROLE_STATUS), st = canvas_style(c, role);
    st.bg = line.bg;
    if (st.fg == COLOR_NONE)
        st.fg = line.fg;
    st.attrs |= (uint8_t)(line.attrs & ATTR_REVERSE);
    struct canvas room = canvas_sub(c, 0, col, 1, REST);
    canvas_put(&room, 0, 0, s, st);
    int w = text_width(s);
    return w > room.cols ? room.cols : w;
}

static int separator(const struct canvas *c, int col)
{
    char s[16];
    snprintf(s, sizeof s, " %s ", c->theme->glyphs == GLYPHS_ASCII ? "|" : "│");
    return status_text(c, col, ROLE_DIM, s);
}

static void status_line(struct app *a, const struct canvas *c)
{
    const struct slot *s = app_slot(a);
    const struct snapshot *p = s->model ? app_snapshot(a, a->slot) : NULL;
    char t[160], b1[FMT_NUM], brief[64];
    bool small = c->cols < 100;
    canvas_left(c, 0, 0, c->cols, ROLE_STATUS, "");
    int at = 1;
    if (!s->model) {
        snprintf(t, sizeof t, "%c: no model", 'A' + a->slot);
        at += status_text(c, at, ROLE_STATUS, t);
    } else {
        snprintf(t, sizeof t, "%c:%s", 'A' + a->slot, s->model->title);
        at += status_text(c, at, ROLE_STRONG, t);
        slot_brief(a, a->slot, brief, sizeof brief);
        if (!small && brief[0]) {
            snprintf(t, sizeof t, " %s", brief);
            at += status_text(c, at, ROLE_STATUS, t);
        }
    }
    at += separator(c, at);
    if (!a->ds) {
        at += status_text(c, at, ROLE_STATUS, "no data");
    } else if (small) {
        snprintf(t, sizeof t, "%.16s", a->ds->name);
        at += status_text(c, at, ROLE_STATUS, t);
    } else {
        const struct learner *l = app_learner(a, a->slot);
        snprintf(t, sizeof t, "%.40s V=%s seed %llu", a->ds->name,
                 fmt_count(b1, a->ds->n_items), (unsigned long long)(l ? l->seed : a->seed));
        at += status_text(c, at, ROLE_STATUS, t);
    }
    if (!s->model || (s->model->flags & MODEL_BASELINE))
        return;
    int64_t step = app_step(a, a->slot), target = p && p->target_step > 0 ? p->target_step : 0;
    at += separator(c, at);
    if (target)
        snprintf(t, sizeof t, "step %lld/%lld", (long long)step, (long long)target);
    else
        snprintf(t, sizeof t, "step %lld", (long long)step);
    at += status_text(c, at, ROLE_STATUS, t);
    if (!small && p && p->steps_per_epoch > 0) {
        char e[FMT_NUM];
        snprintf(t, sizeof t, " epoch %s",
                 fmt_fixed(e, (double)step / (double)p->steps_per_epoch, 1));
        at += status_text(c, at, ROLE_STATUS, t);
    }
    if (p && p->state == TS_STEP && p->n_op > 0) {
        snprintf(t, sizeof t, " op %d/%d", (int)p->op, (int)p->n_op);
        at += status_text(c, at, ROLE_STATUS, t);
    }
    at += separator(c, at);
    const char *state = slot_state(a, a->slot);
    at += status_text(c, at, state_role(state), state);
    bool runs = p && (p->state == TS_RUN || p->state == TS_EVAL) && p->steps_per_s > 0;
    if (runs) {
        snprintf(t, sizeof t, " %s %s",
                 fmt_fixed(b1, p->steps_per_s, p->steps_per_s < 10 ? 1 : 0),
                 small ? "b/s" : "batch/s");
        at += status_text(c, at, ROLE_STATUS, t);
    }
    if (p && p->step > 0 && at + 16 <= c->cols && (small || c->cols >= 140)) {
        at += separator(c, at);
        snprintf(t, sizeof t, "loss %s", fmt_num(b1, p->loss * slot_loss_scale(a, a->slot)));
        status_text(c, at, ROLE_STATUS, t);
    }
}

/* ---- line 2: tabs ---- */

static void tab_line(struct app *a, struct face *f, const struct canvas *c)
{
    const struct ui *u = a->ui;
    int total = 1, at = 0;
    for (const struct tab_def *t = tab_defs; t->name; t++)
        total += course_hides_tab(a, t->name) ? 0 : text_width(t->title) + 3;
    bool brief = total > c->cols, mono = c->theme->depth == DEPTH_MONO;
    for (int i = 0; tab_defs[i].name; i++) {
        const struct tab_def *t = &tab_defs[i];
        char s[48], name[32];
        if (course_hides_tab(a, t->name))
            continue;
        bool on = i == u->tab, applies = ui_tab_applies(a, t) && t->layout[0];
        snprintf(name, sizeof name, "%s", brief ? t->brief : t->title);
        if (!applies && name[0] >= 'A' && name[0] <= 'Z')
            name[0] = (char)(name[0] - 'A' + 'a');
        snprintf(s, sizeof s, "%s%c:%s%s", on && mono ? "[" : " ", t->key, name,
                 on && mono ? "]" : " ");
        enum role role = on ? ROLE_TAB_ON : applies ? ROLE_TAB : ROLE_TAB_OFF;
        /* Neighbours share the blank between them; the open tab has it on both sides. */
        int w =
            on ? canvas_text(c, 0, at, role, s) : canvas_text(c, 0, at + 1, role, s + 1) + 1;
        add_hit(f, HIT_TAB, 1, at, at + w, i);
        at += w - 1;
    }
    for (int i = 0; i < f->n_hit; i++) /* the open tab once more, over its neighbours' blanks */
        if (f->hit[i].kind == HIT_TAB && f->hit[i].value == u->tab)
            canvas_paint(c, 0, f->hit[i].from, f->hit[i].to - f->hit[i].from, ROLE_TAB_ON);
}

/* ---- line 3: sequence, pin, view ---- */

static int items_width(const struct app *a, const struct sequence *s, bool names)
{
    int w = 0;
    for (int32_t i = 0; i < s->n && w < 2000; i++) {
        char t[80];
        app_item_text(a, s->item[i], t, sizeof t);
        if (!names)
            t[strcspn(t, " ")] = '\0';
        w += text_width(t) + (names ? 3 : 2);
    }
    return w;
}

/* Items from `from` on; the one at `cursor` in brackets.  Returns columns. */
static int draw_items(struct app *a, struct face *f, const struct canvas *c,
                      const struct sequence *s, int cursor, bool names, bool hits)
{
    int at = 0, from = 0;
    /* The cursor stays in sight: earlier items leave on the left. */
    for (;;) {
        int w = from > 0 ? 3 : 0;
        for (int32_t i = from; i < s->n && i <= (cursor < 0 ? s->n - 1 : cursor); i++) {
            char t[80];
            app_item_text(a, s->item[i], t, sizeof t);
            if (!names)
                t[strcspn(t, " ")] = '\0';
            w += text_width(t) + (names ? 3 : 2);
        }
        if (w + 1 <= c->cols || from >= s->n - 1)
            break;
        from++;
    }
    if (from > 0)
        at += canvas_text(c, 0, at, ROLE_DIM, "~ ");
    for (int32_t i = from; i < s->n && at < c->cols; i++) {
        char t[80], shown[96];
        app_item_text(a, s->item[i], t, sizeof t);
        if (!names)
            t[strcspn(t, " ")] = '\0';
        bool on = i == cursor;
        snprintf(shown, sizeof shown, "%s%s%s", on ? "[" : " ", t, on ? "]" : " ");
        struct canvas room = canvas_sub(c, 0, at, 1, REST);
        if (room.cols < 3 || (text_width(shown) > room.cols && i > from)) {
            canvas_text(&room, 0, 0, ROLE_DIM, "~");
            return at + 1;
        }
        int w = canvas_text(&room, 0, 0, on ? ROLE_CURSOR : ROLE_ITEM, shown);
        if (hits)
            add_hit(f, HIT_ITEM, 2, c->col + at, c->col + at + w, i);
        at += w;
        if (names && at < c->cols)
            at++;
    }
    return at;
}

static void sequence_line(struct app *a, struct face *f, const struct canvas *c)
{
    char t[96];
    int64_t at_step = a->at;
    if (at_step == STEP_LIVE)
        snprintf(t, sizeof t, "view %c @ live", 'A' + a->slot);
    else
        snprintf(t, sizeof t, "view %c @ %lld%s", 'A' + a->slot, (long long)at_step,
                 c->cols >= 100 ? " (behind live)" : "");
    int by_hand = ablate_patches(a, a->slot, NULL);
    size_t len = strlen(t);
    if (by_hand)
        snprintf(t + len, sizeof t - len, ", %d set by hand", by_hand);
    int w_view = text_width(t), right = c->cols - w_view - 1;
    if (a->slots[a->slot].model || a->at != STEP_LIVE)
        canvas_text(c, 0, right, a->at == STEP_LIVE && !by_hand ? ROLE_DIM : ROLE_WARN, t);
    int w_pin = 0;
    if (a->has_pin) {
        w_pin = 5 + items_width(a, &a->pin, false);
        int most = c->cols / 3;
        w_pin = w_pin > most ? most : w_pin;
    } else if (c->cols >= 100) {
        w_pin = 10;
    }
    int at = canvas_text(c, 0, 1, f->previewing ? ROLE_WARN : ROLE_DIM,
                         f->previewing ? "draft" : "seq") +
             2;
    struct canvas seq =
        canvas_sub(c, 0, at, 1, right - at - w_pin - 2 > 4 ? right - at - w_pin - 2 : 4);
    if (a->seq.n == 0) {
        canvas_text(&seq, 0, 1, ROLE_DIM, "empty: p types one");
    } else {
        bool names = a->ds && a->ds->item_name && items_width(a, &a->seq, true) <= seq.cols;
        int cursor = a->cursor >= a->seq.n ? a->seq.n - 1 : a->cursor;
        int used = draw_items(a, f, &seq, &a->seq, cursor, names, true);
        /* Room for one name: that of the item under the cursor. */
        const char *name = item_name(a, a->seq.item[cursor < 0 ? 0 : cursor]);
        if (!names && *name && used + 3 + text_width(name) <= seq.cols)
            canvas_text(&seq, 0, used + 2, ROLE_DIM, name);
    }
    if (w_pin) {
        struct canvas pin = canvas_sub(c, 0, right - w_pin - 1, 1, w_pin);
        canvas_text(&pin, 0, 0, ROLE_DIM, a->has_pin ? "pin" : "pin: none");
        if (a->has_pin) {
            struct canvas items = canvas_sub(&pin, 0, 4, 1, REST);
            items.cols = w_pin - 4;
            draw_items(a, f, &items, &a->pin, -1, false, false);
        }
    }
}

/* ---- the time bar ---- */

/* Kept steps crowd at the start (0 1 2 4 8 ..) and are even later: this power gives both
 * room. */
static int tick_col(int64_t step, int64_t last, int width)
{
    if (last <= 0 || width < 2)
        return 0;
    double x = (double)step / (double)last, lo = 0, hi = 1;
    if (x >= 1)
        return width - 1;
    /* x^0.4 without libm's rounding on screens that are compared byte by byte */
    for (int i = 0; i < 40; i++) {
        double m = (lo + hi) / 2;
        double m5 = m * m * m * m * m;
        if (m5 < x * x)
            lo = m;
        else
            hi = m;
    }
    return (int)(lo * (width - 1) + 0.5);
}

static void time_line(struct app *a, struct face *f, const struct canvas *c)
{
    enum { KEPT = 2048 };
    int64_t step[KEPT];
    const struct slot *s = app_slot(a);
    int n = s->history ? history_steps(s->history, step, KEPT) : 0;
    if (n > KEPT)
        n = KEPT;
    int64_t now = s->model ? app_step(a, a->slot) : 0;
    char t[64];
    bool live = a->at == STEP_LIVE;
    if (live)
        snprintf(t, sizeof t, "live");
    else
        snprintf(t, sizeof t, "@%lld%s", (long long)a->at,
                 c->cols >= 100 ? " (behind live)" : " behind");
    int w_end = text_width(t) + 2, from = 6, to = c->cols - w_end - 1, width = to - from - 1;
    canvas_text(c, 0, 1, ROLE_DIM, "time");
    canvas_glyph(c, 0, from, ROLE_AXIS, G_VLINE);
    canvas_glyph(c, 0, to, ROLE_AXIS, G_VLINE);
    canvas_text(c, 0, to + 2, live ? ROLE_GOOD : ROLE_WARN, t);
    if (width < 4 || (n == 0 && !s->model))
        return;
    struct canvas bar = canvas_sub(c, 0, from + 1, 1, width);
    int64_t last = now > (n ? step[n - 1] : 0) ? now : n ? step[n - 1] : 0;
    for (int i = 0; i < n; i++) {
        int col = tick_col(step[i], last, width);
        canvas_glyph(&bar, 0, col, ROLE_DIM, G_DOT);
        add_hit(f, HIT_STEP, bar.row, bar.col + col, bar.col + col + 1, step[i]);
    }
    /* Labels: the viewed step and the ends first, then powers of two, as far as they do not
     * touch. */
    bool taken[512] = {false};
    int64_t view = live ? last : a->at;
    for (int pass = 0; pass < 3; pass++)
        for (int i = -1; i <= n; i++) {
            int64_t v = i < 0 ? view : i == n ? last : step[i];
            bool wanted = pass == 0   ? i < 0
                          : pass == 1 ? i == n || v == 0
                                      : i >= 0 && i < n && v > 0 && (v & (v - 1)) == 0;
            if (!wanted)
                continue;
            int len = snprintf(t, sizeof t, "%lld%s", (long long)v, v == view ? "*" : "");
            int col = tick_col(v, last, width), a0 = col;
            if (a0 + len > width)
                a0 = width - len;
            if (a0 < 0)
                continue;
            bool free_ = true;
            for (int k = a0 - 1; k <= a0 + len; k++)
                free_ = free_ && (k < 0 || k >= width || k >= 512 || !taken[k]);
            if (!free_)
                continue;
            for (int k = a0; k < a0 + len && k < 512; k++)
                taken[k] = true;
            canvas_text(&bar, 0, a0, v == view ? (live ? ROLE_GOOD : ROLE_WARN) : ROLE_TEXT, t);
            if (i >= 0 || !live)
                add_hit(f, HIT_STEP, bar.row, bar.col + a0, bar.col + a0 + len, v);
        }
}

/* ---- hints and messages ---- */

static bool has_key(const char *const *pair, int n, const char *key)
{
    for (int i = 0; i < n; i += 2)
        if (strcmp(pair[i], key) == 0)
            return true;
    return false;
}

/* What the key of both does now. */
static const char *toggle_label(struct app *a, const char *pause)
{
    const struct snapshot *s = app_snapshot(a, a->slot);
    return s && (s->state == TS_RUN || s->state == TS_EVAL) ? pause
           : s && s->step > 0                               ? "go on"
                                                            : "train";
}

static bool meets(const struct app *a, enum key_need need)
{
    const struct batch_spec *spec = app_batch_spec(a, a->slot);
    const struct learner *l = app_learner(a, a->slot);
    switch (need) {
    case NEED_NONE:
        return true;
    case NEED_FILLING:
        return spec && spec->kind == BATCH_CLOZE;
    case NEED_LATENT:
        return slot_has(a, a->slot, MODEL_LATENT);
    case NEED_TRACKS:
        return slot_has(a, a->slot, MODEL_EVOLUTION);
    case NEED_LAYERS:
        return l && l->hp && hp_has(l->hp, "layers") && hp_num(l->hp, "layers") > 1;
    }
    return false;
}

static void hint_line(struct app *a, struct face *f, const struct canvas *c)
{
    const struct ui *u = a->ui;
    if (f->question[0]) {
        canvas_text(c, 0, 1, ROLE_WARN, f->question);
        return;
    }
    if (f->pending[0]) {
        canvas_printf(c, 0, 1, ROLE_KEY, "%s ...", f->pending);
        return;
    }
    if (a->message[0]) {
        canvas_text(c, 0, 1, a->message_is_error ? ROLE_BAD : ROLE_TEXT, a->message);
        return;
    }
    enum { PAIRS = 60 };
    const char *pair[PAIRS + 2];
    char both[PAIRS / 2][32]; /* keys that share a label */
    static const char *const command_pairs[] = {"Enter", "runs",    "Tab", "completes",
                                                "Up",    "history", "C-r", "search",
                                                "Esc",   "leaves",  NULL};
    int n = 0;
    if (f->prompt && prompt_active(f->prompt)) {
        canvas_hints(c, 0, 1, command_pairs);
        return;
    }
    struct view *v = ui_focused(a);
    bool applies = ui_tab_applies(a, &tab_defs[u->tab]); /* else its own keys do nothing */
    for (int i = 0; applies && v && v->keys && v->keys[i] && n < PAIRS; i++)
        pair[n++] = v->keys[i];
    if (!u->help) {
        const struct key_binding *row;
        size_t rows = keymap_rows(u->keys, &row);
        char pane[64];
        const char *tab = ui_context(u);
        snprintf(pane, sizeof pane, "%s.%s", tab, v ? v->def->name : "");
        const char *context[3] = {pane, tab, "global"};
        for (int k = applies ? 0 : 2; k < 3; k++)
            for (size_t i = 0; i < rows && n + 1 < PAIRS; i++)
                if (row[i].label && row[i].label[0] && row[i].command[0] &&
                    strcmp(row[i].context, context[k]) == 0 && !has_key(pair, n, row[i].keys) &&
                    meets(a, row[i].need)) {
                    if (n && strcmp(pair[n - 1], row[i].label) == 0) {
                        snprintf(both[n / 2], sizeof both[0], "%s %s", pair[n - 2],
                                 row[i].keys);
                        pair[n - 2] = both[n / 2];
                        continue;
                    }
                    pair[n++] = row[i].keys;
                    pair[n++] = strcmp(row[i].command, "pause toggle") == 0
                                    ? toggle_label(a, row[i].label)
                                    : row[i].label;
                }
    }
    pair[n] = NULL;
    canvas_hints(c, 0, 1, pair);
}

/* ---- the body ---- */

static void coming(struct app *a, const struct canvas *c)
{
    const struct ui *u = a->ui;
    const struct tab_def *t = &tab_defs[u->tab];
    const struct slot *s = app_slot(a);
    struct canvas in = canvas_box(c, t->title, NULL, true);
    char line[200];
    int row = in.rows / 2 - 2 > 0 ? in.rows / 2 - 2 : 0;
    snprintf(line, sizeof line, "%c%s",
             t->coming[0] >= 'a' && t->coming[0] <= 'z' ? t->coming[0] - 'a' + 'A'
                                                        : t->coming[0],
             t->coming + 1);
    canvas_centre(&in, row, 0, in.cols, ROLE_STRONG, line);
    if (!ui_tab_applies(a, t)) {
        if (s->model)
            snprintf(line, sizeof line, "%s in slot %c has none of this.", s->model->title,
                     'A' + a->slot);
        else
            snprintf(line, sizeof line, "There is no model in slot %c yet.", 'A' + a->slot);
        canvas_centre(&in, row + 2, 0, in.cols, ROLE_DIM, line);
        if (t->load) {
            snprintf(line, sizeof line, ":%s%s", t->load,
                     s->model ? " slot=B ; train" : " ; train");
            canvas_centre(&in, row + 3, 0, in.cols, ROLE_TEXT, line);
        }
    } else {
        canvas_centre(&in, row + 2, 0, in.cols, ROLE_DIM,
                      "This tab has nothing to show here yet; its commands work:");
        snprintf(line, sizeof line, ":help %s", t->name);
        canvas_centre(&in, row + 3, 0, in.cols, ROLE_TEXT, line);
    }
}

static void draw_pane(struct app *a, const struct canvas *c, const struct ui_pane *p)
{
    struct ui *u = a->ui;
    struct view *v = &u->view[p->view];
    struct canvas outer = canvas_sub(c, p->row, p->col, p->rows, p->cols);
    bool focus = v->focus && !u->help;
    struct canvas in = canvas_box(&outer, v->title, v->note[0] ? v->note : NULL, focus);
    if ((v->def->flags & VIEW_NEEDS_DATA) && !a->ds)
        draw_empty(&in, "no data yet", ":data load bazaar");
    else if ((v->def->flags & VIEW_NEEDS_MODEL) && !app_slot(a)->model)
        draw_empty(&in, "no model in this slot",
                   a->ds ? ":model new sasrec" : ":data load bazaar");
    else
        v->def->draw(v, &in);
    v->dirty = false;
}

static void popup(const struct canvas *c, struct face *f)
{
    if (f->n_result == 0)
        return;
    int rows = f->n_result + 2, most = c->rows - 8, wide = 0;
    for (int i = 0; i < f->n_result; i++) {
        int w = text_width(f->result[i]);
        wide = w > wide ? w : wide;
    }
    rows = rows > most ? most : rows;
    int cols = wide + 4 > c->cols - 4 ? c->cols - 4 : wide + 4 < 30 ? 30 : wide + 4;
    struct canvas outer = canvas_sub(c, c->rows - 3 - rows, 2, rows, cols);
    char note[48];
    canvas_clear(&outer);
    int shown = rows - 2;
    snprintf(note, sizeof note, f->n_result > shown ? "%d-%d of %d  j/k  Esc" : "Esc",
             f->top_result + 1, f->top_result + shown, f->n_result);
    struct canvas in = canvas_box(&outer, "result", note, true);
    for (int i = 0; i < in.rows && f->top_result + i < f->n_result; i++)
        canvas_text(&in, i, 1, ROLE_TEXT, f->result[f->top_result + i]);
}

static void help_box(struct app *a, const struct canvas *body)
{
    struct view *v = ui_view(a, "help");
    int cols = body->cols > 110 ? 104 : body->cols - 6,
        rows = body->rows > 40 ? 38 : body->rows - 1;
    struct canvas outer =
        canvas_sub(body, (body->rows - rows) / 2, (body->cols - cols) / 2, rows, cols);
    canvas_clear(&outer);
    struct canvas in = canvas_box(&outer, v->title, "Esc closes", true);
    v->w = in.cols;
    v->h = in.rows;
    v->x = in.col;
    v->y = in.row;
    v->def->update(v, NULL);
    v->def->draw(v, &in);
}

static void command_line(struct face *f, const struct canvas *c)
{
    if (f->prompt && prompt_active(f->prompt)) {
        int cursor = 0;
        prompt_draw(f->prompt, c, &cursor);
        f->cursor_row = c->row;
        f->cursor_col = cursor;
        if (f->flash)
            canvas_paint(c, 0, 0, c->cols, ROLE_FLASH);
    } else {
        canvas_text(c, 0, 0, ROLE_PROMPT, ":");
    }
}

void screen_compose(struct app *a, struct face *f, struct grid *g)
{
    struct ui *u = a->ui;
    struct canvas all = canvas_of(g, f->theme);
    f->n_hit = 0;
    f->cursor_row = f->cursor_col = -1;
    grid_clear(g);
    if (g->rows == 0 || g->cols == 0)
        return;
    ui_arrange(u, g->cols, g->rows); /* the tab may apply now, or no more */
    ui_update(a);
    if (u->size == SIZE_TINY) {
        char t[64];
        snprintf(t, sizeof t, "needs 80x24, have %dx%d", g->cols, g->rows);
        canvas_text(&all, 0, 0, ROLE_STRONG, t);
        if (g->rows >= 3) {
            struct canvas hint = canvas_sub(&all, g->rows - 2, 0, 1, REST);
            hint.cols = g->cols;
            if (a->message[0] || f->question[0])
                canvas_text(&hint, 0, 0, a->message_is_error ? ROLE_BAD : ROLE_TEXT,
                            f->question[0] ? f->question : a->message);
        }
        if (g->rows >= 2) {
            struct canvas line = {g, f->theme, g->rows - 1, 0, 1, g->cols};
            command_line(f, &line);
        }
        return;
    }
    struct canvas line[6];
    const int at[6] = {0, 1, 2, g->rows - 3, g->rows - 2, g->rows - 1};
    for (int i = 0; i < 6; i++)
        line[i] = (struct canvas){g, f->theme, at[i], 0, 1, g->cols};
    status_line(a, &line[0]);
    tab_line(a, f, &line[1]);
    sequence_line(a, f, &line[2]);
    time_line(a, f, &line[3]);
    hint_line(a, f, &line[4]);
    command_line(f, &line[5]);
    struct canvas body = {g, f->theme, 3, 0, g->rows - 6, g->cols};
    bool any = false;
    for (int i = 0; i < u->n_pane; i++) {
        any = any || u->pane[i].col == 0;
        draw_pane(a, &all, &u->pane[i]);
    }
    if (!any) {
        struct canvas main = body;
        main.cols = u->n_pane ? u->pane[0].col : body.cols;
        coming(a, &main);
    }
    if (u->help)
        help_box(a, &body);
    popup(&all, f);
    if (f->prompt && prompt_active(f->prompt))
        prompt_draw_matches(f->prompt, &body);
}
