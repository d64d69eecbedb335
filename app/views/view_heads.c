/* Beside the attention map: the cell under the cursor, exactly, and all heads at a glance. */
#include "app/cmd/ablate.h"
#include "app/ui/plot.h"
#include "app/views/attn_maps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the cell under the cursor ---- */

enum { CELL_NOW, CELL_LIVE, CELL_EARLIER, CELL_DROP, CELL_HEAD };
struct cell_state {
    struct maps m, live, earlier;
    int64_t earlier_at;
    bool has_drop;
    double drop; /* occlusion of the key on the first answer after the row's prefix */
    int drop_row, drop_col;
    /* the sequence up to the query, and without the key */
    int32_t prefix[SEQ_MAX], less[SEQ_MAX];
    const int32_t *variant[2];
    int32_t variant_n[2];
    struct patch silent; /* the head chosen */
    char part[48];       /*   by name */
    bool has_effect, effect_softmax;
    int32_t effect_item; /* first choice with the head, and what it loses without */
    double effect;
};

/* Steps to compare with: live when the view is behind, and the kept step before the viewed
 * one. */
static int64_t earlier_step(const struct app *a)
{
    enum { MAX = 1024 };
    int64_t step[MAX];
    const struct history *h = a->slots[a->slot].history;
    int n = h ? history_steps(h, step, MAX) : 0;
    if (n > MAX)
        n = MAX;
    int64_t now = a->at == STEP_LIVE ? INT64_MAX : a->at, target = -1;
    for (int i = n - 1; i >= 0; i--)
        if (step[i] < now) {
            /* a clearly earlier one: half the way back */
            int64_t half = (a->at == STEP_LIVE ? step[n - 1] : a->at) / 2;
            if (target < 0 || step[i] >= half)
                target = step[i];
            if (step[i] < half)
                break;
        }
    return target;
}

static bool cell_ask(struct view *v, int which, struct view_ask *ask)
{
    struct cell_state *st = v->state;
    const struct app *a = v->app;
    if (!slot_has(a, a->slot, MODEL_ATTENTION))
        return false;
    ask->q.kind = ASK_PROBES;
    ask->q.probes = which == CELL_NOW ? "*attn.prob,*attn.score" : "*attn.prob";
    if (which == CELL_LIVE) {
        st->live.ready = st->live.ready && a->at != STEP_LIVE;
        ask->at = STEP_LIVE;
        return a->at != STEP_LIVE;
    }
    if (which == CELL_EARLIER) {
        st->earlier_at = earlier_step(a);
        ask->at = st->earlier_at;
        st->earlier.ready = st->earlier.ready && st->earlier_at >= 0;
        return st->earlier_at >= 0;
    }
    if (which == CELL_DROP) {
        int row, col;
        if (!st->m.ready)
            return false;
        attn_cell(&st->m, &v->ui->select, &row, &col);
        if (row >= st->m.n || col >= st->m.n || row < 1 || !st->m.causal)
            return st->has_drop = false;
        memcpy(st->prefix, st->m.item, (size_t)(row + 1) * sizeof *st->prefix);
        memcpy(st->less, st->prefix, (size_t)col * sizeof *st->less);
        memcpy(st->less + col, st->prefix + col + 1, (size_t)(row - col) * sizeof *st->less);
        st->variant[0] = st->prefix;
        st->variant_n[0] = row + 1;
        st->variant[1] = st->less;
        st->variant_n[1] = row;
        st->drop_row = row;
        st->drop_col = col;
        ask->q.kind = ASK_VARIANTS;
        ask->q.n_variant = 2;
        ask->q.variant = st->variant;
        ask->q.variant_n = st->variant_n;
        return true;
    }
    if (which == CELL_HEAD) {
        char part[48];
        float set;
        st->has_effect = st->has_effect && attn_part(v, &st->m, part, sizeof part) &&
                         strcmp(part, st->part) == 0;
        if (!attn_part(v, &st->m, st->part, sizeof st->part) ||
            ablate_has(a, a->slot, st->part, &set) ||
            !ablate_parse(a, a->slot, st->part, 0, &st->silent))
            return st->has_effect = false;
        st->silent.set = 1; /* set 0 is the model with it */
        ask->q.kind = ASK_PATCHES;
        ask->q.n_set = 2;
        ablate_with(a, a->slot, &ask->q, &st->silent, 1);
        return true;
    }
    return which == CELL_NOW;
}

static double probability(const float *s, int32_t n, int32_t item)
{
    double m = (double)-INFINITY, sum = 0;
    for (int32_t i = 1; i <= n; i++)
        m = (double)s[i] > m ? (double)s[i] : m;
    for (int32_t i = 1; i <= n; i++)
        sum += exp((double)s[i] - m);
    return exp((double)s[item] - m) / sum;
}

static bool cell_answer(struct view *v, int which, const struct answer *a)
{
    struct cell_state *st = v->state;
    if (which == CELL_DROP) {
        st->has_drop = !a->err.code && a->n_row == 2;
        if (st->has_drop) {
            const float *full = a->score, *less = a->score + a->n_items + 1;
            int32_t top = 1;
            for (int32_t i = 2; i <= a->n_items; i++)
                if (full[i] > full[top])
                    top = i;
            st->drop = a->softmax ? probability(full, a->n_items, top) -
                                        probability(less, a->n_items, top)
                                  : (double)full[top] - (double)less[top];
        }
        return true;
    }
    if (which == CELL_HEAD) {
        st->has_effect = !a->err.code && a->n_row == 2;
        if (st->has_effect) {
            st->effect_item = answer_top(a, 0);
            st->effect_softmax = a->softmax;
            st->effect =
                answer_value(a, 1, st->effect_item) - answer_value(a, 0, st->effect_item);
        }
        return true;
    }
    attn_take(which == CELL_NOW ? &st->m : which == CELL_LIVE ? &st->live : &st->earlier, a);
    return true;
}

static void cell_close(struct view *v)
{
    struct cell_state *st = v->state;
    attn_done(&st->m);
    attn_done(&st->live);
    attn_done(&st->earlier);
}

static double cell_weight(const struct maps *m, const struct ui_select *s, int row, int col)
{
    int layer = attn_layer(m, s), head = attn_head(m, s);
    size_t i = (size_t)row * (size_t)m->cols + (size_t)col;
    double sum = 0, max = 0;
    if (row >= m->rows || col >= m->cols)
        return (double)NAN;
    for (int h = 0; h < m->heads; h++) {
        double w = (double)m->prob[attn_at(m, layer, h) + i];
        if (head == h + 1)
            return w;
        sum += w;
        max = w > max ? w : max;
    }
    return head < 0 ? max : sum / m->heads;
}

static void cell_draw(const struct view *v, struct canvas *c)
{
    const struct cell_state *st = v->state;
    const struct maps *m = &st->m;
    const struct ui_select *s = &v->ui->select;
    const struct app *a = v->app;
    if (!m->ready) {
        draw_empty(c, "the cell under the cursor, exactly", "");
        return;
    }
    int row, col, y = 0;
    char q[64], k[64], b[FMT_NUM], b2[FMT_NUM], b3[FMT_NUM], line[256];
    attn_cell(m, s, &row, &col);
    if (row < m->n)
        app_item_text(a, m->item[row], q, sizeof q);
    else
        snprintf(q, sizeof q, "the mask");
    if (col < m->n)
        app_item_text(a, m->item[col], k, sizeof k);
    else
        snprintf(k, sizeof k, "the mask");
    struct canvas t = canvas_sub(c, 0, 1, REST, REST);
    t.cols = c->cols - 2;
    bool wide = c->cols >= 44;
    if (wide) {
        snprintf(line, sizeof line, "query %d (%s)  <-  key %d (%s)", row + 1, q, col + 1, k);
        if (text_width(line) <= t.cols) {
            canvas_text(&t, y++, 0, ROLE_STRONG, line);
        } else {
            canvas_printf(&t, y++, 0, ROLE_STRONG, "query %d (%s)  <-", row + 1, q);
            canvas_printf(&t, y++, 0, ROLE_STRONG, "key %d (%s)", col + 1, k);
        }
    } else {
        canvas_printf(&t, y++, 0, ROLE_STRONG, "query %d  %s", row + 1, q);
        canvas_printf(&t, y++, 0, ROLE_STRONG, "key   %d  %s", col + 1, k);
    }
    double w = cell_weight(m, s, row, col), h = 0;
    int open = m->causal ? row + 1 : m->cols, rank = 1;
    for (int j = 0; j < open; j++) {
        double x = cell_weight(m, s, row, j);
        h -= x > 0 ? x * log(x) : 0;
        rank += x > w;
    }
    if (m->causal && col > row) {
        canvas_text(&t, y++, 0, ROLE_DIM, "masked: the future is hidden");
    } else if (wide) {
        int at = canvas_printf(&t, y, 0, ROLE_TEXT, "weight ");
        at += canvas_text(&t, y, at, ROLE_STRONG, fmt_fixed(b, w, 4));
        canvas_printf(&t, y++, at, ROLE_TEXT, "  rank %d of %d", rank, open);
    } else {
        int at = canvas_printf(&t, y, 0, ROLE_TEXT, "weight ");
        at += canvas_text(&t, y, at, ROLE_STRONG, fmt_fixed(b, w, 4));
        canvas_printf(&t, y++, at, ROLE_DIM, "  rank %d/%d", rank, open);
    }
    if (!(m->causal && col > row))
        canvas_printf(&t, y++, 0, ROLE_DIM,
                      wide ? "row entropy %s of %s nats" : "entropy %s of %s nats",
                      fmt_fixed(b2, h, 2), fmt_fixed(b3, log(open), 2));
    int head = attn_head(m, s), layer = attn_layer(m, s);
    if (m->score && head > 0 && !(m->causal && col > row)) {
        double z = (double)m->score[attn_at(m, layer, head - 1) +
                                    (size_t)row * (size_t)m->cols + (size_t)col];
        canvas_printf(&t, y++, 0, ROLE_DIM,
                      wide ? "logit  %s  (before the softmax)" : "logit  %s",
                      fmt_fixed(b, z, 3));
    }
    if (st->live.ready && row < st->live.rows && col < st->live.cols) {
        double x = cell_weight(&st->live, s, row, col);
        canvas_printf(&t, y++, 0, ROLE_TEXT, "at live: %s (%s)", fmt_fixed(b, x, 4),
                      fmt_signed(b3, x - w));
    }
    if (st->earlier.ready && st->earlier.step != m->step && row < st->earlier.rows &&
        col < st->earlier.cols) {
        double x = cell_weight(&st->earlier, s, row, col);
        canvas_printf(&t, y++, 0, ROLE_DIM, "at step %lld: %s", (long long)st->earlier.step,
                      fmt_fixed(b, x, 4));
    }
    if (st->has_drop && st->drop_row == row && st->drop_col == col) {
        if (wide)
            snprintf(line, sizeof line, "occlusion of key %d on top-1: %s", col + 1,
                     fmt_signed(b, st->drop));
        else
            snprintf(line, sizeof line, "occlusion on top-1: %s", fmt_signed(b, st->drop));
        y += canvas_wrap(&t, y, st->drop < 0 ? ROLE_DOWN : ROLE_TEXT, line);
    }
    if (y < t.rows) {
        double share, ent;
        size_t n = (size_t)m->rows * (size_t)m->cols;
        float *x = malloc(n * sizeof *x);
        if (x) {
            attn_map(m, layer, head, x);
            const char *role = attn_role(m, x, &share, &ent);
            snprintf(line, sizeof line,
                     wide ? "role guess: %s (%s of the mass)" : "role: %s (%s)", role,
                     fmt_prob(b, share));
            if (strcmp(role, "uniform") == 0 || strcmp(role, "mixed") == 0)
                snprintf(line, sizeof line,
                         wide ? "role guess: %s (mean entropy %s)" : "role: %s (H=%s)", role,
                         fmt_fixed(b, ent, 2));
            y += canvas_wrap(&t, y, ROLE_TEXT, line);
            free(x);
        }
    }
    float set;
    char part[48];
    if (y < t.rows && attn_part(v, m, part, sizeof part)) {
        if (ablate_has(a, a->slot, part, &set)) {
            canvas_printf(&t, y, 0, ROLE_WARN, "head set to %s by hand: u undoes",
                          fmt_short(b, (double)set));
        } else if (st->has_effect && strcmp(part, st->part) == 0) {
            app_item_text(a, st->effect_item, q, sizeof q);
            snprintf(line, sizeof line,
                     wide ? "silenced (z): %s(%s) %s" : "silenced: %s(%s) %s",
                     st->effect_softmax ? "p" : "score", q, fmt_signed(b, st->effect));
            canvas_wrap(&t, y, st->effect < 0 ? ROLE_DOWN : ROLE_TEXT, line);
        }
    }
}

static bool cell_part(const struct view *v, char *buf, size_t size)
{
    return attn_part(v, &((const struct cell_state *)v->state)->m, buf, size);
}

static bool cell_key(struct view *v, const char *key)
{
    return attn_move(v, &((struct cell_state *)v->state)->m, key);
}

static const char *const cell_keys[] = {"hjkl", "cell", NULL};
const struct view_def view_cell = {
    .name = "cell",
    .title = "cursor",
    .help = "The cell under the cursor: exact weight, value before the softmax, other steps, "
            "occlusion, what the head mostly does.",
    .flags = VIEW_NEEDS_MODEL,
    .min_rows = 3,
    .min_cols = 20,
    .state_size = sizeof(struct cell_state),
    .keys = cell_keys,
    .close = cell_close,
    .ask = cell_ask,
    .answer = cell_answer,
    .draw = cell_draw,
    .key = cell_key,
    .part = cell_part,
};

/* ---- all heads ---- */

struct heads_state {
    struct maps m;
};

static bool heads_answer(struct view *v, int which, const struct answer *a)
{
    (void)which;
    attn_take(&((struct heads_state *)v->state)->m, a);
    return true;
}

static void heads_close(struct view *v)
{
    attn_done(&((struct heads_state *)v->state)->m);
}

struct mini {
    const struct maps *m;
    const float *x;
};
static bool mini_value(const void *ctx, int row, int col, double *v)
{
    const struct mini *d = ctx;
    if (d->m->causal && col > row)
        return false;
    *v = (double)d->x[(size_t)row * (size_t)d->m->cols + (size_t)col];
    return true;
}

void attn_draw_heads(const struct view *v, struct canvas *c, const struct maps *m)
{
    if (!m->ready) {
        draw_empty(c, "all heads at a glance", "");
        return;
    }
    const struct ui_select *s = &v->ui->select;
    int across = m->heads < 4        ? m->heads
                 : c->cols / 4 >= 14 ? 4
                                     : 2,
        down = (m->heads + across - 1) / across;
    int cell_w = c->cols / across, cell_h = c->rows / (m->layers * down);
    while (cell_h < 4 && across < m->heads && c->cols / (across + 1) >= 10) {
        across++;
        down = (m->heads + across - 1) / across;
        cell_w = c->cols / across;
        cell_h = c->rows / (m->layers * down);
    }
    if (cell_h < 3)
        cell_h = 3;
    size_t n = (size_t)m->rows * (size_t)m->cols;
    float *x = malloc(n * sizeof *x);
    for (int l = 0; x && l < m->layers; l++)
        for (int h = 0; h < m->heads; h++) {
            int row = (l * down + h / across) * cell_h, col = h % across * cell_w;
            if (row + 1 >= c->rows)
                continue;
            struct canvas box = canvas_sub(c, row, col + 1, cell_h, cell_w - 1);
            bool on = l == attn_layer(m, s) && h + 1 == attn_head(m, s);
            double share, ent;
            char b[FMT_NUM];
            attn_map(m, l, h + 1, x);
            const char *role = attn_role(m, x, &share, &ent);
            char part[48];
            float set;
            snprintf(part, sizeof part, "attn.%d.head.%d", l + 1, h + 1);
            bool off = ablate_has(v->app, v->app->slot, part, &set);
            int at =
                canvas_printf(&box, 0, 0,
                              on    ? ROLE_STRONG
                              : off ? ROLE_WARN
                                    : ROLE_TEXT,
                              "L%d H%d%s%s", l + 1, h + 1, on ? " <-" : "", off ? " off" : "");
            bool even = strcmp(role, "uniform") == 0 || strcmp(role, "mixed") == 0;
            /* Large cells where four columns a value fit; the words stand beside them, or
             * above where they do not fit. */
            bool large = cell_w - 3 >= 4 * m->cols && cell_h - 2 >= m->rows;
            /* a free row between heads, unless the map needs it; cut, the newest rows stay */
            int air = 2 * (cell_h - 2) < m->rows && cell_h > 2 ? 1 : 2;
            bool square = cell_w - 3 >= 2 * m->cols + 12 && cell_h - 2 >= m->rows;
            int map_w = large ? 4 * m->cols : square ? 2 * m->cols : m->cols;
            bool side = cell_w - map_w - 2 >= 14 && cell_h > 4;
            if (!side)
                canvas_printf(&box, 0, at + 1, ROLE_DIM, "%s %s", role,
                              even ? "" : fmt_prob(b, share));
            struct mini d = {m, x};
            struct heatmap map = {.rows = m->rows,
                                  .cols = m->cols,
                                  .at = mini_value,
                                  .ctx = &d,
                                  .scale = HEAT_PER_ROW,
                                  .size = large    ? HEAT_LARGE
                                          : square ? HEAT_AUTO
                                                   : HEAT_TINY,
                                  .top = m->rows};
            struct heat_info info;
            struct canvas area = canvas_sub(&box, 1, 0, cell_h - air > 0 ? cell_h - air : 1,
                                            side ? map_w : cell_w - 2);
            heat_draw(&area, &map, &info);
            if (side) {
                canvas_text(&box, 2, map_w + 2, ROLE_TEXT, role);
                if (!even)
                    canvas_text(&box, 3, map_w + 2, ROLE_DIM, fmt_prob(b, share));
                canvas_printf(&box, even ? 3 : 4, map_w + 2, ROLE_DIM, "H=%s",
                              fmt_fixed(b, ent, 2));
            }
        }
    free(x);
}

static void heads_draw(const struct view *v, struct canvas *c)
{
    attn_draw_heads(v, c, &((const struct heads_state *)v->state)->m);
}

static bool heads_part(const struct view *v, char *buf, size_t size)
{
    return attn_part(v, &((const struct heads_state *)v->state)->m, buf, size);
}

static bool heads_key(struct view *v, const char *key)
{
    const struct maps *m = &((struct heads_state *)v->state)->m;
    struct ui_select *s = &v->ui->select;
    if (!m->ready)
        return false;
    int layer = attn_layer(m, s), head = attn_head(m, s) > 0 ? attn_head(m, s) - 1 : 0;
    if (strcmp(key, "Left") == 0)
        head--;
    else if (strcmp(key, "Right") == 0)
        head++;
    else if (!list_key(key, &layer, m->layers, m->layers))
        return false;
    s->layer = layer + 1;
    s->head = (head < 0 ? 0 : head >= m->heads ? m->heads - 1 : head) + 1;
    return true;
}

const struct view_def view_heads = {
    .name = "heads",
    .title = "all heads",
    .help = "Every head of every layer, small, with what it mostly does; hjkl choose one.",
    .flags = VIEW_NEEDS_MODEL,
    .min_rows = 4,
    .min_cols = 20,
    .state_size = sizeof(struct heads_state),
    .close = heads_close,
    .ask = attn_ask,
    .answer = heads_answer,
    .draw = heads_draw,
    .key = heads_key,
    .part = heads_part,
};
