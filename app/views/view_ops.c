/* The open batch: its ops in the order they run, the tensor of the op that ran last, and
 * what is watched. */
#include "app/views/view_util.h"
#include "engine/tensor/stats.h"

#include <math.h>
#include <stdio.h>

static const struct snapshot *open_batch(const struct view *v)
{
    const struct snapshot *s = app_snapshot(v->ui->app, v->app->slot);
    return s && s->op > 0 && s->line ? s : NULL;
}

/* ---- the list of ops ---- */

struct ops_state {
    int at, top; /* cursor and first line shown; from 0 */
    int32_t op;  /* last seen: the cursor follows it */
};

static bool ops_update(struct view *v, const struct snapshot *s)
{
    struct ops_state *st = v->state;
    v->note[0] = '\0';
    if (!s || s->op == 0)
        return false;
    if (s->op != st->op) {
        st->op = s->op;
        st->at = s->op - 1;
    }
    st->top = canvas_scroll(st->top, st->at, v->h - 2, s->n_op);
    snprintf(v->title, sizeof v->title, "ops of batch %lld", (long long)s->step + 1);
    snprintf(v->note, sizeof v->note, "%d/%d", (int)s->op, (int)s->n_op);
    return true;
}

static void draw_phases(const struct canvas *c, int row, int now)
{
    int col = 1;
    const char *then = c->cols >= 46 ? " > " : ">";
    for (int p = PH_FORWARD; p <= PH_UPDATE; p++) {
        if (p > PH_FORWARD)
            col += canvas_text(c, row, col, ROLE_DIM, then);
        col += canvas_text(c, row, col, p == now ? ROLE_STRONG : ROLE_DIM,
                           phase_name((enum phase)p));
    }
}

static void ops_draw(const struct view *v, struct canvas *c)
{
    const struct ops_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    if (!s) {
        draw_empty(c, "no batch is open", "s: one op");
        return;
    }
    int rows = c->rows - 2, width = c->cols, shape = width >= 48 ? 11 : 8,
        time = width >= 48 ? 9 : 0, digits = s->n_op > 99 ? 3 : 2;
    if (rows < 1)
        return;
    int top = canvas_scroll(st->top, st->at, rows, s->n_op);
    int64_t done = 0, all = 0;
    for (int i = 0; i < s->n_op; i++) {
        all += s->line[i].us;
        done += i < s->op ? s->line[i].us : 0;
    }
    for (int i = 0; i < rows && top + i < s->n_op; i++) {
        const struct op_line *l = &s->line[top + i];
        int n = top + i + 1;
        bool ran = n <= s->op, here = n == s->op;
        enum role role = here ? ROLE_STRONG : ran ? ROLE_TEXT : ROLE_DIM;
        char text[120];
        canvas_text(c, i, 0, here ? ROLE_MARK : ROLE_DIM, here ? ">" : "");
        snprintf(text, sizeof text, "%d", n);
        canvas_right(c, i, 1, digits, here ? ROLE_STRONG : ROLE_DIM, text);
        int at = digits + 2, room = width - at - shape - time;
        bool back = l->phase == PH_BACKWARD, update = l->phase == PH_UPDATE;
        snprintf(text, sizeof text, "%s%s",
                 back     ? "d "
                 : update ? "upd "
                          : "",
                 l->name[0] ? l->name : phase_name((enum phase)l->phase));
        canvas_left(c, i, at, room - 1, role, text);
        if (l->cols > 0)
            snprintf(text, sizeof text, "%dx%d", (int)l->rows, (int)l->cols);
        else
            text[0] = '\0';
        canvas_right(c, i, width - shape - time, shape, role, text);
        if (time && !update) {
            snprintf(text, sizeof text, "%d us", (int)l->us);
            canvas_right(c, i, width - time, time, ROLE_DIM, text);
        }
        if (v->focus && top + i == st->at && !here)
            canvas_paint(c, i, 0, width, ROLE_CURSOR);
    }
    draw_phases(c, c->rows - 2, s->phase);
    canvas_printf(c, c->rows - 1, 1, ROLE_DIM,
                  width >= 40 ? "shard 1 of 8: %.2f ms of about %.2f ms"
                              : "shard 1 of 8: %.2f of %.2f ms",
                  (double)done / 1e3, (double)all / 1e3);
}

static bool ops_key(struct view *v, const char *key)
{
    struct ops_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    return s && list_key(key, &st->at, s->n_op, v->h - 2);
}

static bool ops_enter(const struct view *v, char *line, size_t size)
{
    const struct ops_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    int by = s ? st->at + 1 - s->op : 0;
    if (by == 0)
        return false;
    snprintf(line, size, "%s %d op", by > 0 ? "step" : "back", by > 0 ? by : -by);
    return true;
}

static bool ops_find(struct view *v, const char *text, int dir)
{
    struct ops_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    int n = s ? s->n_op : 0, step = dir < 0 ? -1 : 1;
    for (int k = 0, i = st->at + (dir ? step : 0); k < n; k++, i += step) {
        int at = ((i % n) + n) % n;
        if (find_in(s->line[at].name, text))
            return st->at = at, true;
    }
    return false;
}

static bool ops_click(struct view *v, int row, int col, bool twice)
{
    (void)col, (void)twice;
    struct ops_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    if (!s || st->top + row >= s->n_op || row >= v->h - 2)
        return false;
    return st->at = st->top + row, true;
}

static const char *const ops_keys[] = {"Enter", "run to here", NULL};
const struct view_def view_ops = {
    .name = "ops",
    .title = "ops",
    .help = "The ops of the open batch in the order they run, with the shape of their output "
            "(rows are the packed items of one shard). d: the backward part of an op; upd: the "
            "update of a parameter. Enter runs to the op under the cursor, or back to it.",
    .flags = VIEW_LIVE,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct ops_state),
    .keys = ops_keys,
    .update = ops_update,
    .draw = ops_draw,
    .key = ops_key,
    .enter = ops_enter,
    .find = ops_find,
    .click = ops_click,
};

/* ---- the tensor of the op ---- */

struct op_state {
    bool gradient;
    int row, col; /* first value shown; row -1: the last rows */
};

static bool op_update(struct view *v, const struct snapshot *s)
{
    struct op_state *st = v->state;
    const struct probe_copy *p = s && s->op > 0 && s->n_probe > 0 ? &s->probe[0] : NULL;
    if (!s || s->op == 0)
        return false;
    snprintf(v->title, sizeof v->title, "%s%s", s->op_name,
             p && st->gradient && p->g ? "  gradient" : "");
    v->note[0] = '\0';
    size_t n = 0;
    for (int i = 0; p && i < p->nd && n < sizeof v->note; i++)
        n += (size_t)snprintf(v->note + n, sizeof v->note - n, "%s%d", i ? "x" : "",
                              (int)p->d[i]);
    return true;
}

static void draw_stats(const struct canvas *c, const struct tensor_stats *s)
{
    char b[4][FMT_NUM];
    canvas_printf(c, 0, 1, ROLE_TEXT, "min %s  max %s  norm %s", fmt_num(b[0], s->min),
                  fmt_num(b[1], s->max), fmt_num(b[2], s->norm));
    canvas_printf(c, 1, 1, ROLE_TEXT, "mean %s  std %s", fmt_num(b[0], s->mean),
                  fmt_num(b[1], s->std));
    int at = 1 + canvas_printf(
                     c, 2, 1, ROLE_TEXT, "zeros %s %%  ",
                     fmt_short(b[0], s->n ? round(1000.0 * (double)s->zeros / (double)s->n) / 10
                                          : 0));
    bool bad = s->nan > 0 || s->inf > 0;
    canvas_printf(c, 2, at, bad ? ROLE_BAD : ROLE_GOOD, bad ? "nan %lld  inf %lld" : "finite",
                  (long long)s->nan, (long long)s->inf);
    canvas_right(c, 2, c->cols - 18, 17, ROLE_DIM, "bars: log count");
}

static void draw_histogram(const struct canvas *c, int row, const float *x, int64_t n,
                           const struct tensor_stats *s)
{
    enum { BINS = 96 };
    double count[BINS] = {0};
    int lo_width = 10, bins = c->cols - 2 * lo_width - 2;
    char lo[FMT_NUM], hi[FMT_NUM];
    if (bins > BINS)
        bins = BINS;
    if (bins < 8 || !(s->max > s->min))
        return;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)x[i];
        if (!isfinite(v))
            continue;
        int k = (int)((v - s->min) / (s->max - s->min) * bins);
        count[k < 0 ? 0 : k >= bins ? bins - 1 : k] += 1;
    }
    for (int i = 0; i < bins; i++)
        count[i] = count[i] > 0 ? log1p(count[i]) : 0;
    canvas_right(c, row, 0, lo_width, ROLE_DIM, fmt_num(lo, s->min));
    canvas_spark(c, row, lo_width + 1, bins, ROLE_TEXT, count, (size_t)bins, 0, 0);
    canvas_left(c, row, lo_width + bins + 2, lo_width, ROLE_DIM, fmt_num(hi, s->max));
}

static void draw_values(const struct canvas *c, const struct probe_copy *p, const float *x,
                        const struct op_state *st)
{
    int32_t cols = p->nd ? p->d[p->nd - 1] : 0;
    int64_t rows = 1;
    for (int i = 0; i + 1 < p->nd; i++)
        rows *= p->d[i];
    int label = 6, width = 10, shown = (c->cols - label) / width, n = c->rows - 1;
    if (cols < 1 || shown < 1 || n < 1)
        return;
    if (shown > cols)
        shown = cols;
    int64_t row0 = st->row < 0 ? rows - n : st->row;
    if (row0 > rows - n)
        row0 = rows - n;
    if (row0 < 0)
        row0 = 0;
    int32_t col0 = st->col > cols - shown ? cols - shown : st->col;
    char b[FMT_NUM];
    canvas_text(c, 0, 1, ROLE_DIM, "row");
    for (int k = 0; k < shown; k++) {
        snprintf(b, sizeof b, "[%d]", (int)col0 + k + 1);
        canvas_right(c, 0, label + k * width, width - 1, ROLE_DIM, b);
    }
    for (int i = 0; i < n && row0 + i < rows; i++) {
        snprintf(b, sizeof b, "%lld", (long long)(row0 + i + 1));
        canvas_right(c, 1 + i, 0, label - 1, ROLE_DIM, b);
        for (int k = 0; k < shown; k++) {
            double v = (double)x[(row0 + i) * cols + col0 + k];
            canvas_right(c, 1 + i, label + k * width, width - 1,
                         isfinite(v) ? ROLE_TEXT : ROLE_BAD, fmt_num(b, v));
        }
    }
}

static void op_draw(const struct view *v, struct canvas *c)
{
    const struct op_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    const struct probe_copy *p = s && s->n_probe > 0 ? &s->probe[0] : NULL;
    if (!s) {
        draw_empty(c, "no batch is open", "s: one op");
        return;
    }
    const float *x = p ? st->gradient && p->g ? p->g : p->x : NULL;
    if (!x || p->nd == 0) {
        draw_empty(c,
                   s->phase == PH_REDUCE ? "the shards' gradients were added in their order"
                                         : "this op has no tensor to show",
                   "");
        return;
    }
    int64_t n = 1;
    for (int i = 0; i < p->nd; i++)
        n *= p->d[i];
    struct tensor_stats stats;
    stats_of(x, n, 1, 1, &stats);
    draw_stats(c, &stats);
    draw_histogram(c, 3, x, n, &stats);
    struct canvas rest = canvas_sub(c, 5, 0, REST, REST);
    draw_values(&rest, p, x, st);
}

static bool op_key(struct view *v, const char *key)
{
    struct op_state *st = v->state;
    const struct snapshot *s = open_batch(v);
    const struct probe_copy *p = s && s->n_probe > 0 ? &s->probe[0] : NULL;
    if (!p || p->nd == 0)
        return false;
    int cols = (int)p->d[p->nd - 1], rows = 1;
    for (int i = 0; i + 1 < p->nd; i++)
        rows *= (int)p->d[i];
    if (strcmp(key, "Left") == 0 || strcmp(key, "Right") == 0) {
        st->col += key[0] == 'L' ? -1 : 1;
        st->col = st->col < 0 ? 0 : st->col >= cols ? cols - 1 : st->col;
        return true;
    }
    if (st->row < 0)
        st->row = rows - 1;
    return list_key(key, &st->row, rows, v->h - 6);
}

static bool op_style(struct view *v, const char *name)
{
    struct op_state *st = v->state;
    if (*name && strcmp(name, "value") != 0 && strcmp(name, "gradient") != 0)
        return false;
    st->gradient = *name ? strcmp(name, "gradient") == 0 : !st->gradient;
    return true;
}

static enum status op_open(struct view *v, struct err *err)
{
    (void)err;
    ((struct op_state *)v->state)->row = -1;
    return ST_OK;
}

static const char *const op_keys[] = {"v", "gradient", NULL};
const struct view_def view_op = {
    .name = "op",
    .title = "tensor",
    .help = "The output of the op that ran last: statistics, histogram (counts on a log scale) "
            "and values, the last rows first. v: its gradient, once the backward part has "
            "reached it. In the update: by how much each number of the parameter changed.",
    .flags = VIEW_LIVE,
    .min_rows = 4,
    .min_cols = 24,
    .state_size = sizeof(struct op_state),
    .keys = op_keys,
    .open = op_open,
    .update = op_update,
    .draw = op_draw,
    .key = op_key,
    .style = op_style,
};

/* ---- what is watched ---- */

static bool watch_update(struct view *v, const struct snapshot *s)
{
    (void)v, (void)s;
    return true;
}

static void watch_draw(const struct view *v, struct canvas *c)
{
    const struct app *a = v->app;
    const struct slot *slot = &a->slots[a->slot];
    /* narrow: what was before follows from the other two */
    enum { NOW = 10, CHANGE = 12 };
    int was = c->cols - 2 * NOW - CHANGE - 2 >= 14 ? NOW : 0, row = 0,
        name = c->cols - NOW - was - CHANGE - 2;
    canvas_left(c, row, 1, name, ROLE_DIM, "watched");
    canvas_right(c, row, 1 + name, NOW, ROLE_DIM, "now");
    canvas_right(c, row, 1 + name + NOW, was, ROLE_DIM, "before");
    canvas_right(c, row, 1 + name + NOW + was, CHANGE, ROLE_DIM, "change");
    row++;
    for (int i = 0; i < a->n_watch && row < c->rows; i++, row++) {
        char b[FMT_NUM];
        const struct watch *w = &a->watch[i];
        double d = w->now - w->before;
        canvas_left(c, row, 1, name, ROLE_TEXT, w->text);
        canvas_right(c, row, 1 + name, NOW, ROLE_STRONG,
                     isnan(w->now) ? "-" : fmt_num(b, w->now));
        canvas_right(c, row, 1 + name + NOW, was, ROLE_TEXT,
                     isnan(w->before) ? "-" : fmt_num(b, w->before));
        canvas_right(c, row, 1 + name + NOW + was, CHANGE, ROLE_TEXT,
                     isfinite(d) ? fmt_signed(b, d) : "-");
    }
    if (a->n_watch == 0 && row < c->rows)
        canvas_text(c, row++, 1, ROLE_DIM, "nothing yet    :watch item.E[45].norm");
    char armed[200] = "break nan";
    size_t n = strlen(armed);
    for (int i = 0; i < slot->n_break && n < sizeof armed; i++)
        n += (size_t)snprintf(armed + n, sizeof armed - n, ", %s", slot->breaks[i]);
    if (row < c->rows)
        canvas_printf(c, c->rows - 1, 1, ROLE_DIM, "%s armed", armed);
}

const struct view_def view_watch = {
    .name = "watch",
    .title = "watch",
    .help = "Quantities followed by `watch`: now, at the step before, and the change; armed "
            "breakpoints.",
    .flags = VIEW_LIVE,
    .min_rows = 2,
    .min_cols = 24,
    .update = watch_update,
    .draw = watch_draw,
};
