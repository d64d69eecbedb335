/* The next items after the typed sequence: probabilities, ranks against the pin (or against
 * the sequence before the last edit), the planted odds when they are shown. */
#include "app/ui/plot.h"
#include "app/views/scores.h"

#include "engine/base/arena.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_NOW, ASK_PIN };
enum form { FORM_PROB, FORM_LOGPROB, FORM_SCORE, FORMS };
static const char *const form_names[FORMS] = {"prob", "logprob", "score"};

struct predict_state {
    struct scores now, pin;
    bool popular; /* now: no sequence, by popularity */
    enum form form;
    int at, top;             /* row of the list, first row shown */
    int32_t n_order, *order; /* items by rank */
    int32_t *rank;           /* [0..n_items] rank of each item now, 1 = best */
    int32_t *pin_rank;
    double *odds;     /* planted, [0..n_items]; NULL: unknown */
    uint64_t odds_of; /* hash of the sequence they are for */
    struct arena *mem;
};

static enum status predict_open(struct view *v, struct err *err)
{
    struct predict_state *st = v->state;
    return arena_new(&st->mem, 1 << 16, err);
}

static void predict_close(struct view *v)
{
    struct predict_state *st = v->state;
    scores_done(&st->now);
    scores_done(&st->pin);
    free(st->order);
    free(st->rank);
    free(st->pin_rank);
    free(st->odds);
    arena_free(st->mem);
}

static bool seen(const struct app *a, int32_t item)
{
    for (int32_t i = 0; i < a->seq.n; i++)
        if (a->seq.item[i] == item)
            return true;
    return false;
}

static bool hides_seen(const struct app *a)
{
    const char *w = setting_choice(a, SETTING_EXCLUDE);
    return strcmp(w, "seen") == 0 ||
           (strcmp(w, "auto") == 0 && a->ds && a->ds->by_user && !a->ds->world);
}

/* Items of the list: rank order, seen ones left out when the setting says so. */
static int list_items(const struct view *v, int max, int32_t *out)
{
    const struct predict_state *st = v->state;
    bool hide = hides_seen(v->app);
    int n = 0;
    for (int32_t i = 0; st->now.ready && i < st->now.n_items && n < max; i++)
        if (!hide || !seen(v->app, st->order[i]))
            out[n++] = st->order[i];
    return n;
}

enum { LIST_MAX = 1000 };
static int list_length(const struct view *v)
{
    int k = (int)setting(v->app, SETTING_K);
    return k < 1 ? 1 : k > LIST_MAX ? LIST_MAX : k;
}

static const struct sequence *reference(const struct app *a)
{
    const struct sequence *r = a->has_pin ? &a->pin : sequence_before(a);
    return r && r->n > 0 ? r : NULL;
}

static bool predict_ask(struct view *v, int which, struct view_ask *ask)
{
    if (which == ASK_NOW) {
        ask->q.popular = true;
        return true;
    }
    const bool compared = which == ASK_PIN && v->app->seq.n > 0;
    const struct sequence *r = compared ? reference(v->app) : NULL;
    if (!r) {
        if (which == ASK_PIN)
            ((struct predict_state *)v->state)->pin.ready = false;
        return false;
    }
    ask->q.item = r->item;
    ask->q.n = r->n;
    return true;
}

static void point_at(struct view *v)
{
    struct predict_state *st = v->state;
    int32_t item[LIST_MAX];
    int n = list_items(v, LIST_MAX, item);
    if (st->at >= n)
        st->at = n > 0 ? n - 1 : 0;
    /* 0: the first of the list, whatever it becomes */
    v->ui->select.item = n > 0 && st->at > 0 ? item[st->at] : 0;
    v->ui->select.first = n > 0 ? item[0] : 0;
}

static bool predict_answer(struct view *v, int which, const struct answer *a)
{
    struct predict_state *st = v->state;
    if (which == ASK_NOW) {
        if (scores_take(&st->now, a) && !scores_rank(&st->now, &st->order, &st->rank))
            st->now.ready = false;
        st->popular = a->popular;
        st->n_order = st->now.ready ? st->now.n_items : 0;
        /* The cursor stays on its item while ranks change under it. */
        int32_t item[LIST_MAX], n = list_items(v, LIST_MAX, item);
        for (int i = 0; v->ui->select.item && i < n; i++)
            if (item[i] == v->ui->select.item)
                st->at = i;
        point_at(v);
    } else if (scores_take(&st->pin, a)) {
        int32_t *order = NULL;
        if (!scores_rank(&st->pin, &order, &st->pin_rank))
            st->pin.ready = false;
        free(order);
    }
    return true;
}

/* The planted odds of the sequence, kept until it changes. */
static void odds_take(struct view *v)
{
    struct predict_state *st = v->state;
    const struct app *a = v->app;
    bool want = a->truth_shown && a->ds && a->ds->world && a->seq.n > 0;
    uint64_t of = sequence_hash(&a->seq) ^ (a->ds ? a->ds->hash : 0);
    if (!want) {
        free(st->odds);
        st->odds = NULL;
        return;
    }
    if (st->odds && st->odds_of == of)
        return;
    free(st->odds);
    st->odds = calloc((size_t)a->ds->n_items + 1, sizeof *st->odds);
    if (st->odds) {
        arena_reset(st->mem);
        world_odds(a->ds->world, a->seq.item, a->seq.n, st->odds, st->mem);
        st->odds_of = of;
    }
}

static void predict_title(struct view *v)
{
    const struct predict_state *st = v->state;
    const struct app *a = v->app;
    if (st->popular)
        snprintf(v->title, sizeof v->title, "next item by popularity");
    else if (v->w >= 50)
        snprintf(v->title, sizeof v->title, "next item%s",
                 a->has_pin     ? "   seq against pin"
                 : reference(a) ? "   seq against before the edit"
                                : "");
    else
        snprintf(v->title, sizeof v->title, "next item");
    v->note[0] = '\0';
    if (st->now.ready && st->now.first > 0)
        snprintf(v->note, sizeof v->note, "oldest %d cut off", (int)st->now.first);
    else if (st->now.ready && a->ds && v->w >= 60)
        snprintf(v->note, sizeof v->note, "all %d ranked, seen %s", (int)a->ds->n_items,
                 hides_seen(a) ? "left out" : "kept");
}

static bool predict_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    odds_take(v);
    predict_title(v);
    return false;
}

/* ---- drawing ---- */

static void change_text(int32_t now, int32_t was, bool was_listed, char *sign, size_t size,
                        enum role *role)
{
    if (now == was) {
        snprintf(sign, size, "=");
        *role = ROLE_DIM;
    } else if (!was_listed) {
        snprintf(sign, size, "new");
        *role = ROLE_UP;
    } else {
        snprintf(sign, size, "%c%d", now < was ? '^' : 'v',
                 (int)(now < was ? was - now : now - was));
        *role = now < was ? ROLE_UP : ROLE_DOWN;
    }
}

/* The number shown of an item: a share of the model's distribution, the sigmoid where it was
 * trained by that, else the score. */
static bool shows_odds(const struct predict_state *st)
{
    return (st->now.softmax || st->now.sigmoid) && st->form != FORM_SCORE;
}

static double odds_of(const struct predict_state *st, int32_t item)
{
    const struct scores *s = &st->now;
    if (!shows_odds(st))
        return (double)s->score[item];
    return (double)(s->softmax ? s->prob[item] : sigmoid_of(s->score[item]));
}

static void value_text(const struct predict_state *st, int32_t item, char out[FMT_NUM])
{
    double x = odds_of(st, item);
    if (!shows_odds(st))
        fmt_num(out, x);
    else if (st->form == FORM_LOGPROB)
        fmt_fixed(out, log(x), 3);
    else
        fmt_fixed(out, x, 4);
}

static const char *value_name(const struct predict_state *st)
{
    return !shows_odds(st)                            ? "score"
           : st->now.softmax || st->form != FORM_PROB ? form_names[st->form]
                                                      : "sigmoid";
}

struct columns {
    int rank, id, item, value, bar, pin, odds, odds_bar;
    bool seen;
};

static void lay_columns(struct columns *k, int width, const struct app *a, bool pin, bool odds,
                        bool bars)
{
    memset(k, 0, sizeof *k);
    k->rank = 3;
    k->id = item_digits(a);
    k->value = 7;
    k->pin = pin ? (width >= 52 ? 12 : 5) : 0;
    k->odds = odds ? 6 : 0;
    int left =
        width - k->rank - 1 - k->value - 1 - (pin ? k->pin + 1 : 0) - (odds ? k->odds + 1 : 0);
    bool names = a->ds && (a->ds->item_name || a->ds->item_id);
    k->item = k->id + (names ? 1 + (left > 44 ? 20 : left > 26 ? 14 : 10) : 0);
    if (k->item > left)
        k->item = left > k->id ? left : k->id;
    left -= k->item + 1;
    k->seen = !pin && left > 14; /* a word behind the bars */
    if (k->seen)
        left -= 5;
    if (bars && left > 3)
        k->bar = left > 30 + (odds ? 31 : 0) ? 30 : odds ? (left - 1) / 2 : left;
    if (odds && bars && left - k->bar - 1 > 3)
        k->odds_bar = left - k->bar - 1 > 30 ? 30 : left - k->bar - 1;
}

static int draw_facts(const struct view *v, struct canvas *c, int row, const int32_t *item,
                      int n)
{
    const struct predict_state *st = v->state;
    const struct app *a = v->app;
    char b1[FMT_NUM], b2[FMT_NUM], text[256];
    int first = row;
    if (st->popular && row < c->rows)
        canvas_text(c, row++, 1, ROLE_TEXT,
                    "no sequence yet: how often in training, not the model's answer");
    if (st->pin.ready && n > 0 && row < c->rows) { /* what left the list */
        size_t at = (size_t)snprintf(text, sizeof text, "out of the top %d:", n);
        int left = 0;
        for (int32_t i = 1; i <= st->now.n_items && at < sizeof text - 40; i++)
            if (st->pin_rank[i] <= n && st->rank[i] > n) {
                char name[64];
                app_item_text(a, i, name, sizeof name);
                at += (size_t)snprintf(text + at, sizeof text - at, "%s %s (%d -> %d)",
                                       left ? "," : "", name, (int)st->pin_rank[i],
                                       (int)st->rank[i]);
                left++;
            }
        if (left)
            canvas_text(c, row++, 1, ROLE_DIM, text);
    }
    if (st->now.softmax) {
        double h = 0, hp = 0, kl = 0;
        for (int32_t i = 1; i <= st->now.n_items; i++) {
            double p = (double)st->now.prob[i], q = st->pin.ready ? (double)st->pin.prob[i] : 0;
            h -= p > 0 ? p * log(p) : 0;
            hp -= q > 0 ? q * log(q) : 0;
            kl += p > 0 && q > 0 ? p * log(p / q) : 0;
        }
        int at = 1 + canvas_printf(c, row, 1, ROLE_DIM, "entropy ");
        at += canvas_printf(c, row, at, ROLE_TEXT, "%s nats", fmt_num(b1, h));
        if (st->pin.ready)
            canvas_printf(c, row, at, ROLE_DIM,
                          c->cols >= 62 ? " (%s %s)   KL(seq|%s) %s" : " (%s %s)   KL %.0s%s",
                          a->has_pin ? "pin" : "before", fmt_num(b1, hp),
                          a->has_pin ? "pin" : "before", fmt_num(b2, kl));
        row++;
    } else {
        canvas_text(c, row++, 1, ROLE_DIM,
                    st->now.sigmoid ? "each item's own sigmoid, not a distribution"
                                    : "scores, not probabilities: this model ranks");
    }
    if (!st->odds) {
        if (a->ds && a->ds->world && row < c->rows)
            canvas_text(c, row++, 1, ROLE_DIM,
                        st->popular
                            ? "p  types a sequence;  9  picks a session"
                            : "the rule behind these data is known:  T  shows its odds");
        return row - first;
    }
    int32_t best[3] = {0, 0, 0};
    for (int32_t i = 1; i <= a->ds->n_items; i++)
        for (int k = 0; k < 3; k++)
            if (!best[k] || st->odds[i] > st->odds[best[k]]) {
                for (int m = 2; m > k; m--)
                    best[m] = best[m - 1];
                best[k] = i;
                break;
            }
    size_t at = (size_t)snprintf(text, sizeof text, "planted rule: ");
    for (int k = 0; k < 3 && best[k] && at < sizeof text - 60; k++) {
        char name[64];
        app_item_text(a, best[k], name, sizeof name);
        char one[96];
        snprintf(one, sizeof one, "%s%s %s", k ? ", " : "", name,
                 fmt_prob(b1, st->odds[best[k]]));
        if (k && text_width(text) + text_width(one) > c->cols - 2)
            break;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", one);
    }
    canvas_text(c, row++, 1, ROLE_TEXT, text);
    if (n > 0 && row < c->rows) {
        int32_t place = 1;
        for (int32_t i = 1; i <= a->ds->n_items; i++)
            place += st->odds[i] > st->odds[item[0]];
        double p = (double)st->now.prob[item[0]], d = p - st->odds[item[0]];
        int w =
            canvas_printf(c, row, 1, ROLE_DIM, "first answer: rank %d by the rule", (int)place);
        if (st->now.softmax) {
            snprintf(text, sizeof text, ", %sconfident %s", d >= 0 ? "over" : "under",
                     fmt_prob(b1, fabs(d)));
            if (1 + w + text_width(text) > c->cols)
                snprintf(text, sizeof text, ", p %s%s", d >= 0 ? "+" : "-", b1);
            canvas_text(c, row, 1 + w, ROLE_DIM, text);
        }
        row++;
    }
    if (st->now.softmax && row < c->rows) {
        double kl = 0;
        for (int32_t i = 1; i <= a->ds->n_items; i++)
            if (st->odds[i] > 0 && st->now.prob[i] > 0)
                kl += st->odds[i] * log(st->odds[i] / (double)st->now.prob[i]);
        canvas_printf(c, row++, 1, ROLE_DIM, "entropy of the rule %s nats   KL(rule|model) %s",
                      fmt_num(b1, entropy_of(st->odds, a->ds->n_items)),
                      kl < 0.1 ? fmt_fixed(b2, kl, 4) : fmt_num(b2, kl));
    }
    return row - first;
}

static void predict_draw(const struct view *v, struct canvas *c)
{
    const struct predict_state *st = v->state;
    const struct app *a = v->app;
    if (!a->slots[a->slot].model) {
        draw_empty(c, "the next items after the sequence",
                   a->ds ? ":model new sasrec" : ":data load bazaar");
        return;
    }
    if (a->seq.n == 0 && !(st->now.ready && st->popular)) {
        draw_empty(c, "no sequence yet", "p  types one;  9  picks a session");
        return;
    }
    if (!st->now.ready) {
        draw_empty(c, st->now.error[0] ? st->now.error : "thinking", "");
        return;
    }
    bool wide = c->cols >= 50, pin = st->pin.ready && c->cols >= 34,
         odds = st->odds != NULL && c->cols >= 44;
    struct columns k;
    lay_columns(&k, c->cols - 2, a, pin, odds, c->cols >= 34 || !wide);
    int facts =
        wide ? (st->odds ? 4 : 2) + (st->pin.ready ? 1 : 0) + (st->popular ? 1 : 0) + 1 : 0;
    int rows = c->rows - 1 - facts;
    if (rows < 3) {
        facts = 0;
        rows = c->rows - 1;
    }
    int32_t item[LIST_MAX];
    /* A tall pane shows more than k. */
    int k_list = list_length(v), n = list_items(v, k_list > rows ? k_list : rows, item), col,
        row = 0;
    bool probs = shows_odds(st);
    col = 1;
    canvas_right(c, 0, col, k.rank, ROLE_DIM, wide ? "#" : "");
    canvas_left(c, 0, col + k.rank + 1 + k.id + 1, k.item - k.id - 1, ROLE_DIM, "item");
    col += k.rank + 1 + k.item + 1;
    canvas_right(c, 0, col, k.value, ROLE_DIM, value_name(st));
    col += k.value + 1 + k.bar + (k.bar ? 1 : 0);
    if (k.odds) {
        canvas_right(c, 0, col, k.odds, ROLE_DIM, "truth");
        col += k.odds + 1 + k.odds_bar + (k.odds_bar ? 1 : 0);
    }
    if (pin)
        canvas_left(c, 0, col, k.pin, ROLE_DIM,
                    a->has_pin ? (k.pin > 8 ? "vs pin" : "pin")
                               : (k.pin > 8 ? "vs before" : "was"));
    int top = canvas_scroll(st->top, st->at < n ? st->at : n - 1, rows, n);
    double full = 0, lo = 0;
    for (int i = 0; i < n; i++) {
        double p = odds_of(st, item[i]);
        full = i == 0 || p > full ? p : full;
        lo = i == 0 || p < lo ? p : lo;
        if (st->odds && st->odds[item[i]] > full && probs)
            full = st->odds[item[i]];
    }
    for (int i = top; i < n && row < rows; i++, row++) {
        int32_t it = item[i];
        char b[FMT_NUM], sign[16];
        int y = row + 1;
        bool on = i == st->at, was_seen = seen(a, it);
        snprintf(b, sizeof b, "%d", i + 1);
        col = 1;
        canvas_right(c, y, col, k.rank, ROLE_DIM, b);
        col += k.rank + 1;
        draw_item(c, y, col, k.item, k.id, i == 0 ? ROLE_STRONG : ROLE_TEXT, a, it);
        col += k.item + 1;
        value_text(st, it, b);
        canvas_right(c, y, col, k.value, i == 0 ? ROLE_STRONG : ROLE_TEXT, b);
        col += k.value + 1;
        if (k.bar) {
            double p = odds_of(st, it) - (probs ? 0 : lo);
            canvas_bar(c, y, col, k.bar, ROLE_BAR, p, probs ? full : full - lo);
            col += k.bar + 1;
        }
        if (k.odds) {
            canvas_right(c, y, col, k.odds, ROLE_LEVEL, fmt_fixed(b, st->odds[it], 4));
            col += k.odds + 1;
            if (k.odds_bar) {
                canvas_bar(c, y, col, k.odds_bar, ROLE_LEVEL, st->odds[it], full);
                col += k.odds_bar + 1;
            }
        }
        if (pin) {
            enum role role;
            int32_t was = st->pin_rank[it], now = st->rank[it];
            bool listed = was <= list_length(v) || was <= 3 * now;
            change_text(now, was, listed, sign, sizeof sign, &role);
            if (was_seen && !listed) {
                snprintf(sign, sizeof sign, "seen");
                role = ROLE_DIM;
            }
            canvas_left(c, y, col, k.pin < 5 ? k.pin : 4, role, sign);
            if (k.pin >= 12 && now != was)
                canvas_printf(c, y, col + 5, ROLE_DIM, "was %d", (int)was);
        } else if (was_seen && k.seen) {
            canvas_right(c, y, c->cols - 5, 4, ROLE_DIM, "seen");
        }
        if (on && (v->focus || v->ui->select.item))
            canvas_paint(c, y, 0, 1 + k.rank + 1 + k.item + 1 + k.value + 1,
                         v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
    if (facts)
        draw_facts(v, c, c->rows - facts + 1, item, n < k_list ? n : k_list);
}

static bool predict_key(struct view *v, const char *key)
{
    struct predict_state *st = v->state;
    int32_t item[LIST_MAX];
    int k = list_length(v), n = list_items(v, k > v->h ? k : v->h, item);
    if (!list_key(key, &st->at, n, v->h))
        return false;
    st->top = canvas_scroll(st->top, st->at, v->h > 8 ? v->h - 6 : v->h, n);
    point_at(v);
    return true;
}

static bool predict_click(struct view *v, int row, int col, bool twice)
{
    struct predict_state *st = v->state;
    (void)col;
    (void)twice;
    int32_t item[LIST_MAX];
    int n = list_items(v, LIST_MAX, item), at = st->top + row - 1;
    if (row < 1 || at >= n)
        return false;
    st->at = at;
    point_at(v);
    return true;
}

static bool predict_style(struct view *v, const char *name)
{
    struct predict_state *st = v->state;
    for (int i = 0; i < FORMS; i++)
        if (*name ? strcmp(name, form_names[i]) == 0 : i == ((int)st->form + 1) % FORMS) {
            st->form = (enum form)i;
            return true;
        }
    return false;
}

static bool predict_find(struct view *v, const char *text, int dir)
{
    struct predict_state *st = v->state;
    int32_t item[LIST_MAX];
    int n = list_items(v, LIST_MAX, item), step = dir < 0 ? -1 : 1;
    for (int k = 0, i = st->at + (dir ? step : 0); k < n; k++, i += step) {
        char name[80];
        int at = ((i % n) + n) % n;
        app_item_text(v->app, item[at], name, sizeof name);
        if (find_in(name, text)) {
            st->at = at;
            point_at(v);
            return true;
        }
    }
    return false;
}

static void predict_plot(const struct view *v, struct plot *p)
{
    enum { BARS = 20 };
    static struct plot_bar bar[BARS];
    static char label[BARS][64];
    const struct predict_state *st = v->state;
    int32_t item[BARS];
    int k = list_length(v), n = list_items(v, k < BARS ? k : BARS, item);
    for (int i = 0; i < n; i++) {
        app_item_text(v->app, item[i], label[i], sizeof label[i]);
        bar[i] = (struct plot_bar){label[i],
                                   st->now.softmax ? (double)st->now.prob[item[i]]
                                                   : (double)st->now.score[item[i]],
                                   0};
    }
    struct plot_panel *panel =
        plot_add(p, PLOT_BARS, st->popular ? "next item by popularity" : "next item");
    if (panel) {
        panel->bars = bar;
        panel->n_bars = (size_t)n;
    }
}

static const char *const predict_keys[] = {"j/k",   "list", "h/l",  "item", "T",
                                           "truth", "v",    "form", NULL};
const struct view_def view_predict = {
    .name = "predict",
    .title = "next item",
    .help = "The next items: softmax over all items, their change against the pin, the planted "
            "odds (T). j/k choose the item that `why` explains.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS,
    .min_rows = 4,
    .min_cols = 20,
    .state_size = sizeof(struct predict_state),
    .keys = predict_keys,
    .open = predict_open,
    .close = predict_close,
    .ask = predict_ask,
    .answer = predict_answer,
    .update = predict_update,
    .draw = predict_draw,
    .key = predict_key,
    .click = predict_click,
    .style = predict_style,
    .find = predict_find,
    .plot = predict_plot,
};
