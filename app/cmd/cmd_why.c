/* why similar: what an answer depends on, and where it was learned.  On the screen the pane
 * `why` answers. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/ui_state.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- why ---- */

// clang-format off
static const char *const by_choices[] = {"all", "occlusion", "attention", "gradient", NULL};
const struct cmd_arg args_why[] = {
    {.name = "ITEM", .type = ARG_ITEM, .optional = true, .doc = "default: the first of the list"},
    {.name = "by", .type = ARG_CHOICE, .option = true, .optional = true, .choices = by_choices, .doc = "default all"},
    {.name = "all", .type = ARG_FLAG, .optional = true, .doc = "the same as by=all"},
    {.name = "group", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 2, .doc = "2: drops neighbouring pairs"},
    {0},
};
// clang-format on

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
    struct question q = {
        .kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = "*attn.prob"};
    const struct answer *ans;
    struct err err;
    if (!app_slot(a)->model || !(app_slot(a)->model->flags & MODEL_ATTENTION) ||
        ask_here(a, a->slot, a->at, &q, &ans, &err) != ST_OK)
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
    struct question q = {
        .kind = ASK_GRADIENT, .n = a->seq.n, .item = a->seq.item, .target = e->item};
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

static enum status occlusion_of(struct app *a, struct effects *e, int32_t item, int group,
                                struct err *err)
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
        top_items(ans->score, ans->n_items, 1, app_exclude_seen(a) ? a->seq.item : NULL,
                  app_exclude_seen(a) ? a->seq.n : 0, &item, &s);
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
        struct question v = {
            .kind = ASK_VARIANTS, .n_variant = n, .variant = variant, .variant_n = len};
        st = ask_here(a, a->slot, a->at, &v, &ans, err);
        for (int32_t i = 0; st == ST_OK && i < n && i < ans->n_row; i++)
            e->drop[i] = e->p - prob_of(ans->score + (int64_t)i * (ans->n_items + 1),
                                        ans->n_items, item, scratch);
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

enum status run_why(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                    struct err *err)
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
    if (a->ui && out_form(out) == OUT_MESSAGE) {
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
    look_head(a, what, e.step, out);
    out_line(out, "%3s  %-28s %-10s %-10s %s", "pos", group == 2 ? "items" : "item",
             by == 0 || by == 1 ? "drop" : "", e.has_attn ? "attn" : "",
             e.has_grad ? "grad" : "");
    json_t *list = json_array();
    for (int32_t i = 0; i + group <= e.n; i++) {
        char pair[160];
        app_item_text(a, a->seq.item[e.first + i], text, sizeof text);
        snprintf(pair, sizeof pair, "%s", text);
        if (group == 2) {
            app_item_text(a, a->seq.item[e.first + i + 1], what, sizeof what);
            snprintf(pair, sizeof pair, "%.70s, %.70s", text, what);
        }
        out_line(out, "%3d  %-28s %-10s %-10s %s", (int)(e.first + i) + 1, pair,
                 by == 0 || by == 1 ? fmt_signed(num[0], e.drop[i]) : "",
                 e.has_attn ? fmt_num(num[1], e.attn[i]) : "",
                 e.has_grad ? fmt_signed(num[2], e.grad[i]) : "");
        json_t *j = item_json(a, a->seq.item[e.first + i]);
        json_object_set_new(j, "position", json_integer(e.first + i + 1));
        json_object_set_new(j, "drop", json_num(e.drop[i]));
        json_object_set_new(j, "attention", json_num(e.attn[i]));
        json_object_set_new(j, "gradient", json_num(e.grad[i]));
        json_array_append_new(list, j);
    }
    out_line(out, "drop = p(%d) less p(%d) without the item%s", (int)e.item, (int)e.item,
             group == 2 ? "s" : "");
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
            out_line(out,
                     "attention and occlusion disagree%s%s: attention shows where it reads, "
                     "not what the answer depends on",
                     at >= 0 ? " at position " : "",
                     at >= 0 ? fmt_num(num[1], (double)(e.first + at + 1)) : "");
    }
    return ST_OK;
}

/* ---- similar ---- */

// clang-format off
const struct cmd_arg args_similar[] = {
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = 100, .doc = "how many, default 5"},
    {0},
};
// clang-format on

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

enum status run_similar(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                        struct err *err)
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
            /* the last training item is what followed */
            int32_t from = l - 1 > SEQ_MAX ? l - 1 - SEQ_MAX : 0;
            variant[n] = ds->item + ds->off[s] + from;
            len[n] = l - 1 - from;
            id[n++] = s;
            looked++;
        }
        if (!n)
            break;
        struct question v = {
            .kind = ASK_VARIANTS, .n_variant = n, .variant = variant, .variant_n = len};
        st = ask_here(a, a->slot, a->at, &v, &ans, err);
        for (int32_t i = 0; st == ST_OK && i < n && i < ans->n_row; i++) {
            unit(ans->score + (int64_t)i * (int64_t)row, ds->n_items, other);
            double c = 0;
            for (int32_t j = 1; j <= ds->n_items; j++)
                c += (double)mine[j] * (double)other[j];
            int32_t at = n_best < k ? n_best++ : k;
            best[at] = (struct near){
                id[i], ds->item[ds->off[id[i]] + a->split->train_len[id[i]] - 1], c};
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
    look_head(a, "training sessions that are answered alike:", step, out);
    json_t *list = json_array();
    for (int32_t i = 0; i < n_best; i++) {
        char next[160], tail[160], num[FMT_NUM];
        struct sequence s = {0};
        int32_t l = a->split->train_len[best[i].session] - 1, from = l > 4 ? l - 4 : 0;
        s.n = l - from;
        memcpy(s.item, ds->item + ds->off[best[i].session] + from,
               sizeof *s.item * (size_t)s.n);
        sequence_text(a, &s, tail, sizeof tail);
        app_item_text(a, best[i].next, next, sizeof next);
        out_line(out, "s:%-6d %s%-20s | %-24s cos %s", (int)best[i].session + 1,
                 from ? ".." : "", tail, next, fmt_num(num, best[i].cos));
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
