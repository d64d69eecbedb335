/* Why this item: what leaving out each item of the sequence does to its probability
 * (occlusion), beside the attention weight and the gradient, and a sentence when attention
 * and occlusion disagree.  Attention is never shown alone as a reason. */
#include "app/ui/plot.h"
#include "app/views/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_BASE, ASK_DROP, ASK_ATTN, ASK_GRAD };

struct why_state {
    int32_t target;           /* item explained; 0: not known yet */
    int32_t n, item[SEQ_MAX]; /* items the answer speaks of (the window), oldest first */
    int32_t first;            /* of them in the sequence */
    double base;              /* p(target), or its score */
    double drop[SEQ_MAX], attn[SEQ_MAX], grad[SEQ_MAX];
    bool has_base, has_drop, has_attn, has_grad, softmax;
    bool no_grad;                   /* this model has none */
    int32_t drop_n, attn_n, grad_n; /* places each of them speaks of */
    int32_t drop_asked, drop_target;
    double with_out[SEQ_MAX]; /* p(target) without place i */
    bool by_score;
    char error[256];
};

static bool why_ask(struct view *v, int which, struct view_ask *ask)
{
    const struct app *a = v->app;
    struct why_state *st = v->state;
    if (v->ui->select.item)
        st->target = v->ui->select.item;
    switch (which) {
    case ASK_BASE:
        /* the base of another target is another answer */
        ask->key = (uint64_t)v->ui->select.item + 1;
        return true;
    case ASK_DROP:
        /* The first of the list is known once the base is: the answers to the others follow
         * from it. */
        ask->q.kind = ASK_OCCLUDE;
        ask->q.target = st->target;
        st->drop_asked = st->target;
        return a->seq.n > 1 && st->target > 0;
    case ASK_ATTN:
        ask->q.kind = ASK_PROBES;
        ask->q.probes = "*attn.prob";
        ask->key = (uint64_t)(v->ui->select.layer * 64 + v->ui->select.head + 2);
        if (!slot_has(a, a->slot, MODEL_ATTENTION)) {
            st->has_attn = false;
            return false;
        }
        return true;
    default:
        if (slot_has(a, a->slot, MODEL_BASELINE)) {
            st->has_grad = false;
            st->no_grad = true;
            return false;
        }
        ask->q.kind = ASK_GRADIENT;
        ask->q.target = st->target;
        return st->target > 0;
    }
}

static int32_t first_of(const float *score, int32_t n_items)
{
    int32_t best = 1;
    for (int32_t i = 2; i <= n_items; i++)
        if (score[i] > score[best])
            best = i;
    return best;
}

static void take_attention(struct why_state *st, const struct view *v, const struct answer *a)
{
    /* The layer chosen in the attention tab, the last otherwise; the last row reads for the
     * next item. */
    const struct probe_copy *p = NULL;
    int layer = 0;
    for (int32_t i = 0; i < a->n_probe; i++)
        if (strstr(a->probe[i].name, "attn.prob") && a->probe[i].nd >= 2 &&
            (!v->ui->select.layer || ++layer <= v->ui->select.layer))
            p = &a->probe[i];
    st->has_attn = false;
    if (!p)
        return;
    int32_t h = p->nd >= 3 ? p->d[p->nd - 3] : 1, rows = p->d[p->nd - 2],
            cols = p->d[p->nd - 1];
    int head = v->ui->select.head;
    if (rows < 1 || cols < a->n || h < 1)
        return;
    for (int32_t i = 0; i < a->n && i < SEQ_MAX; i++) {
        double sum = 0, max = 0;
        for (int32_t k = 0; k < h; k++) {
            double w =
                (double)p->x[((size_t)k * (size_t)rows + (size_t)rows - 1) * (size_t)cols +
                             (size_t)i];
            sum += head > 0 && k != head - 1 ? 0 : w;
            max = w > max ? w : max;
        }
        st->attn[i] = head < 0 ? max : head > 0 && head <= h ? sum : sum / h;
    }
    st->attn_n = a->n;
    st->has_attn = true;
}

static bool why_answer(struct view *v, int which, const struct answer *a)
{
    struct why_state *st = v->state;
    if (a->err.code) {
        if (a->err.code != ST_CANCELLED)
            snprintf(st->error, sizeof st->error, "%s", a->err.msg);
        if (which == ASK_GRAD) {
            st->has_grad = false;
            st->no_grad = a->err.code != ST_CANCELLED;
        }
        return true;
    }
    st->error[0] = '\0';
    if (which == ASK_BASE && a->n_row > 0) {
        st->target = v->ui->select.item ? v->ui->select.item : first_of(a->score, a->n_items);
        st->n = a->n < SEQ_MAX ? a->n : SEQ_MAX;
        st->first = a->first;
        memcpy(st->item, a->item, (size_t)st->n * sizeof *st->item);
        st->softmax = a->softmax;
        st->base = item_prob(a->score, a->n_items, st->target, a->softmax);
        st->has_base = true;
    } else if (which == ASK_DROP) {
        int32_t t = st->drop_asked;
        st->drop_n = a->n_row < SEQ_MAX ? a->n_row : SEQ_MAX;
        for (int32_t i = 0; i < st->drop_n; i++)
            st->with_out[i] = item_prob(a->score + (size_t)i * ((size_t)a->n_items + 1),
                                        a->n_items, t, a->softmax);
        st->drop_target = t;
        st->has_drop = t > 0;
    } else if (which == ASK_ATTN) {
        take_attention(st, v, a);
    } else if (which == ASK_GRAD) {
        st->grad_n = a->n < SEQ_MAX ? a->n : SEQ_MAX;
        st->has_grad = a->value != NULL;
        st->no_grad = false;
        for (int32_t i = 0; st->has_grad && i < st->grad_n; i++)
            st->grad[i] = (double)a->value[i];
    }
    return true;
}

static bool fits(const struct why_state *st)
{
    return st->has_drop && st->drop_n == st->n && st->drop_target == st->target;
}

static bool why_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct why_state *st = v->state;
    char name[64];
    if (st->target && st->has_base && v->app->seq.n > 0) {
        app_item_text(v->app, st->target, name, sizeof name);
        snprintf(v->title, sizeof v->title, "why %s?", name);
    } else {
        snprintf(v->title, sizeof v->title, "why");
    }
    return false;
}

/* place of i in descending order, 0 = largest */
static int in_top(const double *x, int n, int i)
{
    int more = 0;
    for (int k = 0; k < n; k++)
        more += x[k] > x[i] || (x[k] == x[i] && k < i);
    return more;
}

/* Effects that differ this little, beside the largest, have no order worth a word. */
static const double alike = 0.02;

/* The place that tells the story: in the first two of one, in the lower half of the other,
 * and there clearly smaller than the largest; of several the one that weighs most. */
static int contradiction(const double *drop, const double *attn, int n)
{
    int worst = -1;
    double most = 0, full_drop = 0, full_attn = 0;
    for (int i = 0; i < n; i++) {
        full_drop = fabs(drop[i]) > full_drop ? fabs(drop[i]) : full_drop;
        full_attn = attn[i] > full_attn ? attn[i] : full_attn;
    }
    for (int i = 0; i < n; i++) {
        int d = in_top(drop, n, i), w = in_top(attn, n, i), half = (n + 1) / 2;
        bool unneeded = w < 2 && d >= half && full_attn > 0 && drop[i] < full_drop / 2,
             unread = d < 2 && w >= half && full_drop > 0 && attn[i] < full_attn / 2;
        double weight = unneeded ? attn[i] / full_attn : unread ? drop[i] / full_drop : 0;
        if (weight > most) {
            worst = i;
            most = weight;
        }
    }
    return worst;
}

static void why_draw(const struct view *v, struct canvas *c)
{
    const struct why_state *st = v->state;
    const struct app *a = v->app;
    if (a->seq.n == 0 || !st->has_base || st->n == 0) {
        draw_empty(
            c, st->error[0] ? st->error : "what each item of the sequence does for the answer",
            "");
        return;
    }
    double drop[SEQ_MAX];
    bool ok = fits(st), attn = st->has_attn && st->attn_n == st->n,
         grad = st->has_grad && st->grad_n == st->n;
    for (int i = 0; ok && i < st->n; i++)
        drop[i] = st->base - st->with_out[i];
    /* narrow: no room for the gradient */
    bool slopes = !st->no_grad && !(c->cols < 36 && st->has_attn);
    int id = item_digits(a), wv = 7, wa = c->cols < 52 ? 6 : 7,
        values = wv + wa * ((st->has_attn ? 1 : 0) + (slopes ? 1 : 0));
    int item_w = c->cols - 2 - 4 - values - (c->cols >= 52 ? 14 : 0);
    if (item_w > id + 20)
        item_w = id + 20;
    if (item_w < id)
        item_w = id;
    int bar = c->cols - 2 - 4 - item_w - values - 2;
    int col = 1;
    char b[FMT_NUM], b2[FMT_NUM];
    canvas_right(c, 0, col, 3, ROLE_DIM, "pos");
    canvas_left(c, 0, col + 4, item_w, ROLE_DIM, "item");
    col += 4 + item_w;
    canvas_right(c, 0, col, wv, ROLE_DIM, "drop");
    if (st->has_attn)
        canvas_right(c, 0, col + wv, wa, ROLE_DIM, "attn");
    if (slopes)
        canvas_right(c, 0, col + wv + (st->has_attn ? wa : 0), wa, ROLE_DIM, "grad");
    /* The text below needs this many rows; the newest items matter most when places are left
     * out. */
    int text = c->rows >= 12 ? (attn ? 6 : 3) : 0, rows = c->rows - 1 - text,
        from = st->n > rows ? st->n - rows : 0;
    int cursor = a->cursor - st->first;
    if (cursor >= 0 && cursor < from)
        from = cursor;
    double full = 0;
    for (int i = 0; ok && i < st->n; i++)
        full = fabs(drop[i]) > full ? fabs(drop[i]) : full;
    int row = 1;
    for (int i = from; i < st->n && row <= rows; i++, row++) {
        col = 1;
        snprintf(b, sizeof b, "%d", (int)(st->first + i + 1));
        canvas_right(c, row, col, 3, ROLE_DIM, b);
        draw_item(c, row, col + 4, item_w, id, ROLE_TEXT, a, st->item[i]);
        col += 4 + item_w;
        if (ok) {
            enum role role = effect_role(drop[i], full);
            canvas_right(c, row, col, wv, role, fmt_fixed(b2, drop[i], 3));
            if (drop[i] >= 0.0005) { /* signs are printed, not only coloured */
                snprintf(b, sizeof b, "+%.30s", b2);
                canvas_right(c, row, col, wv, role, b);
            }
        } else {
            canvas_right(c, row, col, wv, ROLE_DIM, st->n > 1 ? "." : "-");
        }
        col += wv;
        if (st->has_attn) {
            canvas_right(c, row, col, wa, ROLE_TEXT, attn ? fmt_fixed(b, st->attn[i], 2) : ".");
            col += wa;
        }
        if (slopes) {
            canvas_right(c, row, col, wa, ROLE_DIM, grad ? fmt_fixed(b, st->grad[i], 2) : "-");
            col += wa;
        }
        if (bar >= 9 && ok)
            canvas_bar_signed(c, row, col + 1, bar, drop[i], full);
        if (i == cursor)
            canvas_paint(c, row, 0, c->cols, v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
    if (!text)
        return;
    row++;
    struct canvas t = canvas_sub(c, row, 1, REST, REST);
    t.cols = c->cols - 2;
    char line[400], name[64];
    app_item_text(a, st->target, name, sizeof name);
    int at = 0;
    bool tight = c->cols < 36;
    if (tight && !st->softmax)
        snprintf(line, sizeof line, "drop: score less without it");
    else if (tight)
        snprintf(line, sizeof line, "drop: p %s less p without it", fmt_prob(b, st->base));
    else if (st->softmax)
        snprintf(line, sizeof line, "drop = p(%s) %s less p without the item", name,
                 fmt_prob(b, st->base));
    else
        snprintf(line, sizeof line, "drop = score of %s less the score without the item", name);
    at += canvas_wrap(&t, at, ROLE_DIM, line);
    if (!attn) {
        canvas_wrap(&t, at, ROLE_DIM,
                    st->n < 2 ? "occlusion needs two items"
                    : slopes  ? "grad = gradient times input of each item"
                              : "");
        return;
    }
    if (!ok)
        return;
    double r = spearman(drop, st->attn, st->n), least = drop[0], most = drop[0];
    for (int i = 1; i < st->n; i++) {
        least = fmin(least, drop[i]);
        most = fmax(most, drop[i]);
    }
    if (!isfinite(r))
        return;
    if (most - least <= alike * full) {
        canvas_wrap(&t, at, ROLE_TEXT,
                    tight ? "every item weighs alike"
                          : "Each item alone weighs alike: nothing to compare attention with.");
        return;
    }
    snprintf(line, sizeof line,
             tight ? "correlation drop/attn %s" : "rank correlation drop/attn  %s",
             fmt_fixed(b, r, 2));
    at += canvas_wrap(&t, at, ROLE_TEXT, line);
    int odd = contradiction(drop, st->attn, st->n);
    if (r < 0.5 || odd >= 0) {
        if (odd >= 0) {
            bool high = in_top(st->attn, st->n, odd) < 2;
            bool some = drop[odd] > alike * full;
            snprintf(line, sizeof line,
                     tight ? "! they disagree at position %d: %s"
                           : "! attention and occlusion disagree at position %d: %s.",
                     (int)(st->first + odd + 1),
                     tight  ? (!high  ? "needed, hardly read"
                               : some ? "read, little needed"
                                      : "read, not needed")
                     : high ? some ? "high weight, little gain" : "high weight, no gain"
                            : "low weight, but the answer needs it");
        } else {
            snprintf(line, sizeof line,
                     tight ? "! they disagree: attention is not the reason"
                           : "! attention and occlusion rank the items differently.");
        }
        at += canvas_wrap(&t, at, ROLE_WARN, line);
        canvas_wrap(&t, at, ROLE_DIM,
                    "Attention shows where it reads, not what the answer depends on.");
    } else {
        canvas_wrap(&t, at, ROLE_DIM, "Attention and occlusion agree here.");
    }
}

static void why_plot(const struct view *v, struct plot *p)
{
    static struct plot_bar bar[64];
    static char label[64][64];
    const struct why_state *st = v->state;
    int n = 0;
    for (int i = st->n > 64 ? st->n - 64 : 0; fits(st) && i < st->n; i++, n++) {
        app_item_text(v->app, st->item[i], label[n], sizeof label[n]);
        bar[n] = (struct plot_bar){label[n], st->base - st->with_out[i], 0};
    }
    struct plot_panel *panel = plot_add(p, PLOT_BARS, v->title);
    if (panel) {
        panel->bars = bar;
        panel->n_bars = (size_t)n;
    }
}

static const char *const why_keys[] = {"h/l", "item", "x", "drop", NULL};
const struct view_def view_why = {
    .name = "why",
    .title = "why",
    .help = "Occlusion: how much the probability of the item falls without each item of the "
            "sequence; beside it attention and gradient times input.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 20,
    .state_size = sizeof(struct why_state),
    .keys = why_keys,
    .ask = why_ask,
    .answer = why_answer,
    .update = why_update,
    .draw = why_draw,
    .plot = why_plot,
};
