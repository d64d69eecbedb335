/* why similar lens attend evolve neighbors: looking into answers.  On the screen the panes of these names answer. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/cmd/settings.h"
#include "app/ui_state.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on_screen(const struct app *a, const struct cmd_out *out)
{
    return a->ui && out_form(out) == OUT_MESSAGE;
}

static void head_line(struct app *a, const char *what, int64_t step, struct cmd_out *out)
{
    char title[64], seq[200], letter[2] = {(char)('A' + a->slot), '\0'};
    app_slot_title(a, a->slot, step, title, sizeof title);
    sequence_text(a, &a->seq, seq, sizeof seq);
    out_line(out, "%s  %s  %s", title, what, seq);
    out_text(out, "slot", letter);
    out_int(out, "step", step);
    json_object_set_new(out_json(out), "sequence", sequence_json(&a->seq));
}

/* ---- why ---- */

static const char *const by_choices[] = {"all", "occlusion", "attention", "gradient", NULL};
const struct cmd_arg args_why[] = {
    {.name = "ITEM", .type = ARG_ITEM, .optional = true, .doc = "default: the first of the list"},
    {.name = "by", .type = ARG_CHOICE, .option = true, .optional = true, .choices = by_choices, .doc = "default all"},
    {.name = "all", .type = ARG_FLAG, .optional = true, .doc = "the same as by=all"},
    {.name = "group", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 2, .doc = "2: drops neighbouring pairs"},
    {0},
};

struct effects { /* of each place; NaN = not known */
    int32_t n, first, item;
    int64_t step;
    double p;
    double drop[SEQ_MAX], attn[SEQ_MAX], grad[SEQ_MAX];
    bool has_attn, has_grad;
};

static double prob_of(const float *score, int32_t n_items, int32_t item, float *scratch)
{
    softmax_row(score, n_items, scratch);
    return (double)scratch[item];
}

/* Mean over heads of the last layer's last row. */
static void attention_of(struct app *a, struct effects *e)
{
    struct question q = {.kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = "*attn.prob"};
    const struct answer *ans;
    struct err err;
    if (!app_slot(a)->model || !(app_slot(a)->model->flags & MODEL_ATTENTION) || ask_here(a, a->slot, a->at, &q, &ans, &err) != ST_OK)
        return;
    const struct probe_copy *p = NULL;
    for (int i = 0; i < ans->n_probe; i++)
        if (ans->probe[i].nd == 3)
            p = &ans->probe[i]; /* in order of the layers: the last stays */
    if (!p || p->d[2] < e->n)
        return;
    for (int32_t i = 0; i < e->n; i++) {
        double sum = 0;
        for (int32_t h = 0; h < p->d[0]; h++)
            sum += (double)p->x[((int64_t)h * p->d[1] + p->d[1] - 1) * p->d[2] + i];
        e->attn[i] = sum / p->d[0];
    }
    e->has_attn = true;
}

static void gradient_of(struct app *a, struct effects *e)
{
    struct question q = {.kind = ASK_GRADIENT, .n = a->seq.n, .item = a->seq.item, .target = e->item};
    const struct answer *ans;
    struct err err;
    if (ask_here(a, a->slot, a->at, &q, &ans, &err) != ST_OK || !ans->value)
        return;
    for (int32_t i = 0; i < e->n && i < ans->n; i++)
        e->grad[i] = (double)ans->value[i];
    e->has_grad = true;
}

/* Spearman's rank correlation, ties as mean ranks. */
static double rank_correlation(const double *x, const double *y, int32_t n)
{
    double sx = 0, sy = 0, sxy = 0, mean = (n + 1) / 2.0;
    for (int32_t i = 0; i < n; i++) {
        double rx = 1, ry = 1;
        for (int32_t k = 0; k < n; k++) {
            rx += (x[k] < x[i]) + 0.5 * (k != i && x[k] == x[i]);
            ry += (y[k] < y[i]) + 0.5 * (k != i && y[k] == y[i]);
        }
        sx += (rx - mean) * (rx - mean);
        sy += (ry - mean) * (ry - mean);
        sxy += (rx - mean) * (ry - mean);
    }
    return sx > 0 && sy > 0 ? sxy / sqrt(sx * sy) : (double)NAN;
}

static enum status occlusion_of(struct app *a, struct effects *e, int32_t item, int group, struct err *err)
{
    const struct answer *ans;
    struct question q = {.kind = ASK_SCORE, .n = a->seq.n, .item = a->seq.item};
    enum status st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    float *scratch = malloc(sizeof *scratch * ((size_t)ans->n_items + 1));
    if (!scratch)
        return err_nomem(err, sizeof *scratch * ((size_t)ans->n_items + 1), "odds");
    if (!item) {
        float s;
        top_items(ans->score, ans->n_items, 1, app_exclude_seen(a) ? a->seq.item : NULL, app_exclude_seen(a) ? a->seq.n : 0, &item, &s);
    }
    e->item = item;
    e->n = ans->n;
    e->first = ans->first;
    e->step = ans->step;
    e->p = prob_of(ans->score, ans->n_items, item, scratch);
    for (int32_t i = 0; i < SEQ_MAX; i++)
        e->drop[i] = e->attn[i] = e->grad[i] = (double)NAN;
    if (e->n - group >= 1) { /* a sequence of one item has nothing to leave out */
        static int32_t rest[SEQ_MAX][SEQ_MAX];
        const int32_t *variant[SEQ_MAX];
        int32_t len[SEQ_MAX], n = 0;
        const int32_t *used = a->seq.item + e->first;
        for (int32_t i = 0; i + group <= e->n; i++, n++) {
            memcpy(rest[n], used, sizeof *used * (size_t)i);
            memcpy(rest[n] + i, used + i + group, sizeof *used * (size_t)(e->n - i - group));
            variant[n] = rest[n];
            len[n] = e->n - group;
        }
        struct question v = {.kind = ASK_VARIANTS, .n_variant = n, .variant = variant, .variant_n = len};
        st = ask_here(a, a->slot, a->at, &v, &ans, err);
        for (int32_t i = 0; st == ST_OK && i < n && i < ans->n_row; i++)
            e->drop[i] = e->p - prob_of(ans->score + (int64_t)i * (ans->n_items + 1), ans->n_items, item, scratch);
    }
    free(scratch);
    return st;
}

/* Top two of one and in the lower half of the other: the place, -1 = none. */
static int32_t disagreement(const struct effects *e)
{
    for (int32_t i = 0; i < e->n; i++) {
        int32_t above_d = 0, above_a = 0;
        for (int32_t k = 0; k < e->n; k++) {
            above_d += e->drop[k] > e->drop[i];
            above_a += e->attn[k] > e->attn[i];
        }
        if ((above_a < 2 && 2 * above_d >= e->n) || (above_d < 2 && 2 * above_a >= e->n))
            return i;
    }
    return -1;
}

enum status run_why(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    int group = (int)call_int(call, "group", 1);
    int64_t by = call_int(call, "by", 0);
    int32_t item = (int32_t)call_int(call, "ITEM", 0);
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    if (st != ST_OK)
        return st;
    if (item > a->ds->n_items) {
        call_blame(call, "ITEM", out);
        err_set(err, ST_ARG, "the mask is no answer");
        return err_hint(err, "bad-item", NULL), ST_ARG;
    }
    if (by == 2 && !(app_slot(a)->model->flags & MODEL_ATTENTION)) {
        call_blame(call, "by", out);
        err_set(err, ST_UNSUPPORTED, "%s has no attention", app_slot(a)->model->title);
        return err_hint(err, "not-for-model", "Try: why by=occlusion"), ST_UNSUPPORTED;
    }
    if (on_screen(a, out)) {
        if (item)
            a->ui->select.item = item;
        return ui_show(a, "why", call, err);
    }
    static struct effects e; /* large; the app's thread only */
    memset(&e, 0, sizeof e);
    st = occlusion_of(a, &e, item, group, err);
    if (st != ST_OK)
        return st;
    if (group == 1 && (by == 0 || by == 2))
        attention_of(a, &e);
    if (group == 1 && (by == 0 || by == 3))
        gradient_of(a, &e);
    char what[200], text[160], num[4][FMT_NUM];
    app_item_text(a, e.item, text, sizeof text);
    snprintf(what, sizeof what, "why %s? p=%s  after", text, fmt_num(num[0], e.p));
    head_line(a, what, e.step, out);
    out_line(out, "%3s  %-28s %-10s %-10s %s", "pos", group == 2 ? "items" : "item", by == 0 || by == 1 ? "drop" : "",
             e.has_attn ? "attn" : "", e.has_grad ? "grad" : "");
    json_t *list = json_array();
    for (int32_t i = 0; i + group <= e.n; i++) {
        char pair[160];
        app_item_text(a, a->seq.item[e.first + i], text, sizeof text);
        snprintf(pair, sizeof pair, "%s", text);
        if (group == 2) {
            app_item_text(a, a->seq.item[e.first + i + 1], what, sizeof what);
            snprintf(pair, sizeof pair, "%.70s, %.70s", text, what);
        }
        out_line(out, "%3d  %-28s %-10s %-10s %s", (int)(e.first + i) + 1, pair, by == 0 || by == 1 ? fmt_signed(num[0], e.drop[i]) : "",
                 e.has_attn ? fmt_num(num[1], e.attn[i]) : "", e.has_grad ? fmt_signed(num[2], e.grad[i]) : "");
        json_t *j = item_json(a, a->seq.item[e.first + i]);
        json_object_set_new(j, "position", json_integer(e.first + i + 1));
        json_object_set_new(j, "drop", json_num(e.drop[i]));
        json_object_set_new(j, "attention", json_num(e.attn[i]));
        json_object_set_new(j, "gradient", json_num(e.grad[i]));
        json_array_append_new(list, j);
    }
    out_line(out, "drop = p(%d) less p(%d) without the item%s", (int)e.item, (int)e.item, group == 2 ? "s" : "");
    json_t *target = item_json(a, e.item);
    json_object_set_new(target, "prob", json_num(e.p));
    json_object_set_new(out_json(out), "item", target);
    json_object_set_new(out_json(out), "effects", list);
    if (e.has_attn && e.n > 2) {
        double r = rank_correlation(e.drop, e.attn, e.n);
        int32_t at = disagreement(&e);
        out_line(out, "rank correlation drop/attn %s", fmt_num(num[0], r));
        out_num(out, "rank_correlation", r);
        if (r < 0.5 || at >= 0)
            out_line(out, "attention and occlusion disagree%s%s: attention shows where it reads, not what the answer depends on",
                     at >= 0 ? " at position " : "", at >= 0 ? fmt_num(num[1], (double)(e.first + at + 1)) : "");
    }
    return ST_OK;
}

/* ---- similar ---- */

const struct cmd_arg args_similar[] = {
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100, .doc = "how many, default 5"},
    {0},
};

enum { SIMILAR_SESSIONS = 1000, SIMILAR_CHUNK = 50 };
struct near {
    int32_t session, next;
    double cos;
};

/* Scores less their mean, to unit length; the padding column is left out. */
static void unit(const float *score, int32_t n_items, float *out)
{
    double mean = 0, norm = 0;
    for (int32_t i = 1; i <= n_items; i++)
        mean += (double)score[i];
    mean /= n_items;
    for (int32_t i = 1; i <= n_items; i++)
        norm += ((double)score[i] - mean) * ((double)score[i] - mean);
    norm = norm > 0 ? 1 / sqrt(norm) : 0;
    for (int32_t i = 1; i <= n_items; i++)
        out[i] = (float)(((double)score[i] - mean) * norm);
}

enum status run_similar(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    const struct dataset *ds = a->ds;
    int32_t k = (int32_t)call_int(call, "k", 5), n_best = 0;
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    if (st != ST_OK)
        return st;
    size_t row = (size_t)ds->n_items + 1;
    float *mine = malloc(sizeof *mine * row * 2), *other = mine ? mine + row : NULL;
    struct near best[101];
    if (!mine)
        return err_nomem(err, sizeof *mine * row * 2, "scores");
    const struct answer *ans;
    struct question q = {.kind = ASK_SCORE, .n = a->seq.n, .item = a->seq.item};
    st = ask_here(a, a->slot, a->at, &q, &ans, err);
    int64_t step = st == ST_OK ? ans->step : 0;
    if (st == ST_OK)
        unit(ans->score, ds->n_items, mine);
    int32_t looked = 0;
    for (int32_t s = 0; st == ST_OK && s < ds->n_sessions && looked < SIMILAR_SESSIONS;) {
        const int32_t *variant[SIMILAR_CHUNK];
        int32_t len[SIMILAR_CHUNK], id[SIMILAR_CHUNK], n = 0;
        for (; s < ds->n_sessions && n < SIMILAR_CHUNK && looked < SIMILAR_SESSIONS; s++) {
            int32_t l = a->split->train_len[s];
            if (l < 2)
                continue;
            int32_t from = l - 1 > SEQ_MAX ? l - 1 - SEQ_MAX : 0; /* the last training item is what followed */
            variant[n] = ds->item + ds->off[s] + from;
            len[n] = l - 1 - from;
            id[n++] = s;
            looked++;
        }
        if (!n)
            break;
        struct question v = {.kind = ASK_VARIANTS, .n_variant = n, .variant = variant, .variant_n = len};
        st = ask_here(a, a->slot, a->at, &v, &ans, err);
        for (int32_t i = 0; st == ST_OK && i < n && i < ans->n_row; i++) {
            unit(ans->score + (int64_t)i * (int64_t)row, ds->n_items, other);
            double c = 0;
            for (int32_t j = 1; j <= ds->n_items; j++)
                c += (double)mine[j] * (double)other[j];
            int32_t at = n_best < k ? n_best++ : k;
            best[at] = (struct near){id[i], ds->item[ds->off[id[i]] + a->split->train_len[id[i]] - 1], c};
            for (; at > 0 && best[at - 1].cos < best[at].cos; at--) {
                struct near t = best[at];
                best[at] = best[at - 1];
                best[at - 1] = t;
            }
        }
        if (st == ST_OK && a->cancel)
            st = err_set(err, ST_CANCELLED, "interrupted");
    }
    free(mine);
    if (st != ST_OK)
        return st;
    head_line(a, "training sessions that are answered alike:", step, out);
    json_t *list = json_array();
    for (int32_t i = 0; i < n_best; i++) {
        char next[160], tail[160], num[FMT_NUM];
        struct sequence s = {0};
        int32_t l = a->split->train_len[best[i].session] - 1, from = l > 4 ? l - 4 : 0;
        s.n = l - from;
        memcpy(s.item, ds->item + ds->off[best[i].session] + from, sizeof *s.item * (size_t)s.n);
        sequence_text(a, &s, tail, sizeof tail);
        app_item_text(a, best[i].next, next, sizeof next);
        out_line(out, "s:%-6d %s%-20s | %-24s cos %s", (int)best[i].session + 1, from ? ".." : "", tail, next, fmt_num(num, best[i].cos));
        json_t *j = json_object();
        json_object_set_new(j, "session", json_integer(best[i].session + 1));
        json_object_set_new(j, "next", item_json(a, best[i].next));
        json_object_set_new(j, "cosine", json_num(best[i].cos));
        json_array_append_new(list, j);
    }
    out_line(out, "of the first %d training sessions", (int)looked);
    json_object_set_new(out_json(out), "sessions", list);
    return ST_OK;
}

/* ---- lens, evolve: every prefix ---- */

const struct cmd_arg args_lens[] = {
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 20, .doc = "first choices, default 3"},
    {0},
};

enum status run_lens(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    int32_t k = (int32_t)call_int(call, "k", 3);
    const struct answer *ans;
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    struct question q = {.kind = ASK_PREFIXES, .n = a->seq.n, .item = a->seq.item};
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    size_t row = (size_t)ans->n_items + 1;
    float *prob = malloc(sizeof *prob * row);
    if (!prob)
        return err_nomem(err, sizeof *prob * row, "odds");
    head_line(a, "first choices if it stopped after each item of", ans->step, out);
    json_t *list = json_array();
    for (int32_t i = 0; i < ans->n_row; i++) {
        int32_t item[20];
        float best[20];
        char line[400], text[160], num[FMT_NUM];
        int32_t last = ans->item[i], n = top_items(ans->score + (int64_t)i * (int64_t)row, ans->n_items, k, NULL, 0, item, best);
        softmax_row(ans->score + (int64_t)i * (int64_t)row, ans->n_items, prob);
        app_item_text(a, last, text, sizeof text);
        size_t at = (size_t)snprintf(line, sizeof line, "%3d ..%-24s", (int)(ans->first + i) + 1, text);
        json_t *choices = json_array();
        for (int32_t c = 0; c < n; c++) {
            app_item_text(a, item[c], text, sizeof text);
            if (at < sizeof line)
                at += (size_t)snprintf(line + at, sizeof line - at, "  %s %s", text, fmt_num(num, (double)prob[item[c]]));
            json_t *j = item_json(a, item[c]);
            json_object_set_new(j, "prob", json_num((double)prob[item[c]]));
            json_array_append_new(choices, j);
        }
        out_line(out, "%s", line);
        json_t *j = item_json(a, last);
        json_object_set_new(j, "position", json_integer(ans->first + i + 1));
        json_object_set_new(j, "choices", choices);
        json_array_append_new(list, j);
    }
    free(prob);
    json_object_set_new(out_json(out), "prefixes", list);
    return ST_OK;
}

const struct cmd_arg args_evolve[] = {
    {.name = "follow", .type = ARG_ITEM, .option = true, .optional = true, .repeats = true, .doc = "items; default the first three now"},
    {0},
};

static int32_t rank_in(const float *score, int32_t n_items, int32_t item)
{
    int32_t r = 1;
    for (int32_t i = 1; i <= n_items; i++)
        r += score[i] > score[item] || (score[i] == score[item] && i < item);
    return r;
}

enum status run_evolve(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    enum { FOLLOW = 8 };
    int32_t item[FOLLOW], n = 0;
    const struct answer *ans;
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    if (st != ST_OK)
        return st;
    if (call_count(call, "follow") > FOLLOW) {
        call_blame(call, "follow", out);
        err_set(err, ST_ARG, "at most %d items can be followed", FOLLOW);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    for (; n < call_count(call, "follow"); n++) {
        item[n] = (int32_t)call_int_at(call, "follow", n);
        if (item[n] > a->ds->n_items) {
            call_blame(call, "follow", out);
            err_set(err, ST_ARG, "the mask has no rank");
            return err_hint(err, "bad-item", NULL), ST_ARG;
        }
    }
    if (on_screen(a, out))
        return ui_show(a, "evolution", call, err);
    struct question q = {.kind = ASK_PREFIXES, .n = a->seq.n, .item = a->seq.item};
    st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    int64_t row = (int64_t)ans->n_items + 1;
    if (!n) {
        float s[3];
        n = top_items(ans->score + (ans->n_row - 1) * row, ans->n_items, 3, NULL, 0, item, s);
    }
    head_line(a, "rank after each click of", ans->step, out);
    char line[400], text[160];
    size_t at = (size_t)snprintf(line, sizeof line, "%3s %-26s", "pos", "item");
    for (int32_t f = 0; f < n; f++) {
        app_item_text(a, item[f], text, sizeof text);
        if (at < sizeof line)
            at += (size_t)snprintf(line + at, sizeof line - at, " %-16.16s", text);
    }
    out_line(out, "%s", line);
    json_t *list = json_array();
    for (int32_t f = 0; f < n; f++) {
        json_t *j = item_json(a, item[f]), *ranks = json_array();
        for (int32_t i = 0; i < ans->n_row; i++)
            json_array_append_new(ranks, json_integer(rank_in(ans->score + i * row, ans->n_items, item[f])));
        json_object_set_new(j, "ranks", ranks);
        json_array_append_new(list, j);
    }
    for (int32_t i = 0; i < ans->n_row; i++) {
        app_item_text(a, ans->item[i], text, sizeof text);
        at = (size_t)snprintf(line, sizeof line, "%3d %-26s", (int)(ans->first + i) + 1, text);
        for (int32_t f = 0; f < n && at < sizeof line; f++)
            at += (size_t)snprintf(line + at, sizeof line - at, " %-16d", (int)rank_in(ans->score + i * row, ans->n_items, item[f]));
        out_line(out, "%s", line);
    }
    json_object_set_new(out_json(out), "follow", list);
    return ST_OK;
}

/* ---- attend ---- */

const struct cmd_arg args_attend[] = {
    {.name = "layer", .type = ARG_WORD, .option = true, .optional = true, .doc = "1 is the first; default the last; next, prev"},
    {.name = "head", .type = ARG_WORD, .option = true, .optional = true, .doc = "a number, mean (default), max; next, prev, cycle"},
    {.name = "row", .type = ARG_POSITION, .option = true, .optional = true, .doc = "one row only"},
    {.name = "rollout", .type = ARG_FLAG, .optional = true, .doc = "product over layers with half the identity: a heuristic"},
    {0},
};

enum { HEAD_MEAN = 0, HEAD_MAX = -1 };

static enum status attend_options(const struct cmd_call *call, struct cmd_out *out, int *layer, int *head, struct err *err)
{
    const char *l = call_text(call, "layer", NULL), *h = call_text(call, "head", NULL);
    double v;
    *layer = 0;
    *head = HEAD_MEAN;
    if (l) {
        if (arg_number("layer", l, true, 1, 64, &v, err) != ST_OK)
            return call_blame(call, "layer", out), ST_ARG;
        *layer = (int)v;
    }
    if (h && strcmp(h, "max") == 0) {
        *head = HEAD_MAX;
    } else if (h && strcmp(h, "mean") != 0) {
        if (arg_number("head", h, true, 1, 256, &v, err) != ST_OK) {
            call_blame(call, "head", out);
            return err_hint(err, "bad-value", "A number, mean or max"), ST_ARG;
        }
        *head = (int)v;
    }
    return ST_OK;
}

/* (T,T): one head, their mean, or their maximum. */
static void one_map(const struct probe_copy *p, int head, float *map)
{
    int32_t h = p->d[0], t = p->d[1], u = p->d[2];
    for (int32_t i = 0; i < t; i++)
        for (int32_t j = 0; j < u; j++) {
            float sum = 0, max = 0;
            for (int32_t k = 0; k < h; k++) {
                float x = p->x[((int64_t)k * t + i) * u + j];
                sum += x;
                max = x > max ? x : max;
            }
            map[i * u + j] = head > 0 ? p->x[((int64_t)(head - 1) * t + i) * u + j] : head == HEAD_MAX ? max : sum / (float)h;
        }
}

/* Abnar & Zuidema 2020: product over layers of (mean map + identity) / 2. */
static bool rollout(const struct answer *ans, int32_t t, float *map)
{
    float *step = malloc(sizeof *step * (size_t)t * (size_t)t * 2), *next = step ? step + (size_t)t * (size_t)t : NULL;
    bool first = true;
    if (!step)
        return false;
    for (int i = 0; i < ans->n_probe; i++) {
        if (ans->probe[i].nd != 3 || ans->probe[i].d[1] != t)
            continue;
        one_map(&ans->probe[i], HEAD_MEAN, step);
        for (int32_t k = 0; k < t * t; k++)
            step[k] = (step[k] + (k / t == k % t ? 1.0f : 0.0f)) / 2;
        if (first)
            memcpy(map, step, sizeof *map * (size_t)t * (size_t)t);
        for (int32_t r = 0; !first && r < t; r++)
            for (int32_t c = 0; c < t; c++) {
                float sum = 0;
                for (int32_t k = 0; k < t; k++)
                    sum += step[r * t + k] * map[k * t + c];
                next[r * t + c] = sum;
            }
        if (!first)
            memcpy(map, next, sizeof *map * (size_t)t * (size_t)t);
        first = false;
    }
    free(step);
    return !first;
}

/* "row 5, 9 cable, reads mostly 45 sofa, 0.62, then 3, 0.21" */
static void say_row(const struct app *a, const int32_t *item, int32_t place, int32_t row, int32_t t, const float *w, struct cmd_out *out)
{
    char name[160], text[3][100], num[3][FMT_NUM], line[500];
    int32_t best[3] = {-1, -1, -1};
    for (int k = 0; k < 3; k++)
        for (int32_t j = 0; j < t; j++)
            if (j != best[0] && j != best[1] && w[j] > 0 && (best[k] < 0 || w[j] > w[best[k]]))
                best[k] = j;
    app_item_text(a, item[row], name, sizeof name);
    int n = 0;
    for (; n < 3 && best[n] >= 0; n++)
        app_item_text(a, item[best[n]], text[n], sizeof text[n]);
    if (n == 0)
        return;
    size_t at = (size_t)snprintf(line, sizeof line, "row %d, %s, reads mostly %s, %s", (int)(place + row) + 1, name, text[0],
                                 fmt_num(num[0], (double)w[best[0]]));
    for (int k = 1; k < n && at < sizeof line; k++)
        at += (size_t)snprintf(line + at, sizeof line - at, ", then %s, %s", text[k], fmt_num(num[k], (double)w[best[k]]));
    out_line(out, "%s", line);
}

enum status run_attend(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    const struct model_def *m = app_slot(a)->model;
    int layer, head;
    if (!(m->flags & MODEL_ATTENTION)) {
        err_set(err, ST_UNSUPPORTED, "attend needs attention; %c is %s", 'A' + a->slot, m->title);
        return err_hint(err, "not-for-model", m->flags & MODEL_GATES ? "Try: gates" : "Try: why by=occlusion"), ST_UNSUPPORTED;
    }
    if (on_screen(a, out))
        return ui_show(a, "attention", call, err);
    enum status st = attend_options(call, out, &layer, &head, err);
    if (st == ST_OK)
        st = check_sequence(a, a->slot, &a->seq, err);
    const struct answer *ans;
    struct question q = {.kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = "*attn.prob"};
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    int layers = 0;
    const struct probe_copy *p = NULL;
    for (int i = 0; i < ans->n_probe; i++)
        if (ans->probe[i].nd == 3) {
            layers++;
            if (!layer || layers == layer)
                p = &ans->probe[i];
        }
    if (!p || layer > layers) {
        call_blame(call, "layer", out);
        err_set(err, ST_ARG, "%s has %d layers with attention", m->title, layers);
        return err_hint(err, "bad-value", layers ? "layer=1..%d" : NULL, layers), ST_ARG;
    }
    if (head > p->d[0]) {
        call_blame(call, "head", out);
        err_set(err, ST_ARG, "a layer of %c has %d heads", 'A' + a->slot, (int)p->d[0]);
        return err_hint(err, "bad-value", "head=1..%d, mean or max", (int)p->d[0]), ST_ARG;
    }
    int32_t t = p->d[1];
    float *map = malloc(sizeof *map * (size_t)t * (size_t)p->d[2]);
    if (!map)
        return err_nomem(err, sizeof *map * (size_t)t * (size_t)p->d[2], "a map");
    bool rolled = call_has(call, "rollout") && rollout(ans, t, map);
    if (!rolled)
        one_map(p, head, map);
    char what[120], h[16];
    snprintf(h, sizeof h, "%d", head);
    snprintf(what, sizeof what, rolled ? "attention rollout over %d layers (a heuristic):" : "attention, layer %d of %d, head %s:",
             rolled ? layers : layer ? layer : layers, layers, head > 0 ? h : head == HEAD_MAX ? "max" : "mean");
    if (rolled)
        snprintf(what, sizeof what, "attention rollout over %d layers (a heuristic):", layers);
    head_line(a, what, ans->step, out);
    /* The model may read more rows than items (a mask at the end). */
    int32_t items[SEQ_MAX + 64], n = ans->n < t ? ans->n : t, first = ans->first;
    for (int32_t i = 0; i < t && i < SEQ_MAX + 64; i++)
        items[i] = i < n ? ans->item[i] : a->ds->n_items + 1;
    json_t *rows = json_array();
    int64_t only = call_int(call, "row", -1);
    for (int32_t i = 0; i < t && i < SEQ_MAX + 64; i++) {
        if (only >= 0 && only != first + i)
            continue;
        say_row(a, items, first, i, p->d[2], map + (int64_t)i * p->d[2], out);
        json_t *r = json_array();
        for (int32_t j = 0; j < p->d[2]; j++)
            json_array_append_new(r, json_num((double)map[(int64_t)i * p->d[2] + j]));
        json_array_append_new(rows, r);
    }
    free(map);
    out_int(out, "layer", layer ? layer : layers);
    if (head > 0)
        out_int(out, "head", head);
    else
        out_text(out, "head", head == HEAD_MAX ? "max" : "mean");
    out_bool(out, "rollout", rolled);
    json_object_set_new(out_json(out), "rows", rows);
    return ST_OK;
}

/* ---- neighbors ---- */

static const char *const near_choices[] = {"cosine", "dot", NULL};
const struct cmd_arg args_neighbors[] = {
    {.name = "ITEM", .type = ARG_ITEM, .doc = "whose neighbours"},
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 1000, .doc = "default the setting k"},
    {.name = "by", .type = ARG_CHOICE, .option = true, .optional = true, .choices = near_choices, .doc = "default cosine"},
    {0},
};

enum status run_neighbors(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    int32_t item = (int32_t)call_int(call, "ITEM", 1), k = (int32_t)call_int(call, "k", (int64_t)setting(a, SETTING_K));
    bool dot = call_int(call, "by", 0) == 1;
    struct weights *w = NULL;
    enum status st = app_weights_at(a, a->slot, a->at, &w, err);
    if (st != ST_OK)
        return st;
    const struct head *hd = w->model->head ? w->model->head(w->self) : NULL;
    int32_t n_items = a->ds->n_items;
    if (!hd || !hd->table || item > n_items) {
        call_blame(call, "ITEM", out);
        err_set(err, ST_UNSUPPORTED, item > n_items ? "the mask has no neighbours" : "%s has no item table", w->model->title);
        weights_unref(w);
        return err_hint(err, item > n_items ? "bad-item" : "not-for-model", NULL), ST_UNSUPPORTED;
    }
    float *near = calloc((size_t)n_items + 1, sizeof *near);
    int32_t *best = calloc((size_t)n_items + 1, sizeof *best);
    float *s = calloc((size_t)n_items + 1, sizeof *s);
    if (!near || !best || !s) {
        st = err_nomem(err, 12 * (unsigned long long)n_items, "neighbours");
    } else {
        const real *table = w->x + hd->table->at;
        int32_t d = param_cols(hd->table), ld = hd->table->ld;
        const real *me = table + (int64_t)(item - hd->id0) * ld;
        double mine = 0;
        for (int32_t j = 0; j < d; j++)
            mine += (double)me[j] * (double)me[j];
        near[0] = -INFINITY;
        for (int32_t i = 1; i <= n_items; i++) {
            const real *x = table + (int64_t)(i - hd->id0) * ld;
            double xy = 0, xx = 0;
            for (int32_t j = 0; j < d; j++) {
                xy += (double)me[j] * (double)x[j];
                xx += (double)x[j] * (double)x[j];
            }
            near[i] = (float)(dot ? xy : xx > 0 && mine > 0 ? xy / sqrt(xx * mine) : 0);
        }
        int32_t n = top_items(near, n_items, k < n_items ? k : n_items, &item, 1, best, s);
        char title[64], text[160], num[FMT_NUM], letter[2] = {(char)('A' + a->slot), '\0'};
        app_slot_title(a, a->slot, w->step, title, sizeof title);
        app_item_text(a, item, text, sizeof text);
        out_line(out, "%s  near %s by %s in %s (%d x %d)", title, text, near_choices[dot], hd->table->name, (int)n_items, (int)d);
        json_t *list = json_array();
        for (int32_t i = 0; i < n; i++) {
            app_item_text(a, best[i], text, sizeof text);
            out_line(out, "%2d  %-28s %s", (int)i + 1, text, fmt_num(num, (double)s[i]));
            json_t *j = item_json(a, best[i]);
            json_object_set_new(j, "rank", json_integer(i + 1));
            json_object_set_new(j, dot ? "dot" : "cosine", json_num((double)s[i]));
            json_array_append_new(list, j);
        }
        out_text(out, "slot", letter);
        out_int(out, "step", w->step);
        json_object_set_new(out_json(out), "item", item_json(a, item));
        json_object_set_new(out_json(out), "neighbors", list);
    }
    free(near);
    free(best);
    free(s);
    weights_unref(w);
    return st;
}

/* ---- tabs of models that answer on the screen only ---- */

static const char *const filter_kinds[] = {"horizontal", "vertical", NULL};
const struct cmd_arg args_filters[] = {
    {.name = "KIND", .type = ARG_CHOICE, .optional = true, .choices = filter_kinds, .doc = "which filters"},
    {.name = "filter", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100000, .doc = "puts the cursor there"},
    {.name = "sort", .type = ARG_WORD, .option = true, .optional = true, .doc = "act, norm, effect, next"},
    {0},
};
static const char *const gate_kinds[] = {"update", "reset", "candidate", "state", NULL};
const struct cmd_arg args_gates[] = {
    {.name = "KIND", .type = ARG_CHOICE, .optional = true, .choices = gate_kinds, .doc = "what is drawn"},
    {.name = "unit", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100000, .doc = "puts the cursor there"},
    {.name = "sort", .type = ARG_WORD, .option = true, .optional = true, .doc = "memory, activity, next"},
    {0},
};
const struct cmd_arg args_latent[] = {
    {.name = "unit", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100000, .doc = "puts the cursor there"},
    {.name = "value", .type = ARG_FLOAT, .option = true, .optional = true, .min = -1e6, .max = 1e6, .doc = "of that unit"},
    {.name = "sample", .type = ARG_WORD, .option = true, .optional = true, .doc = "a number, next"},
    {.name = "sort", .type = ARG_WORD, .option = true, .optional = true, .doc = "next"},
    {.name = "project", .type = ARG_FLAG, .optional = true, .doc = "the map of items"},
    {0},
};

enum status run_filters(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    (void)out;
    return ui_show(a, "filters", call, err);
}

enum status run_gates(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    (void)out;
    return ui_show(a, "gates", call, err);
}

enum status run_latent(struct app *a, const struct cmd_call *call, struct cmd_out *out, struct err *err)
{
    (void)out;
    return ui_show(a, "latent", call, err);
}
