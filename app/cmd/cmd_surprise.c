/* fill: what fits into hidden places; surprise: how likely each item of the sequence was. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/settings.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
const struct cmd_arg args_surprise[] = {
    {.name = "SEQUENCE", .type = ARG_SEQUENCE, .optional = true, .repeats = true, .doc = "items, oldest first; default: the present one"},
    {0},
};
// clang-format on

struct surprise {
    int64_t step;
    bool hides, softmax;
    int32_t first;        /* first item that was asked about, 0-based */
    double prob[SEQ_MAX]; /* NaN: not asked */
    int32_t rank[SEQ_MAX];
    double truth[SEQ_MAX]; /* planted odds; NaN: not known */
};

/* Where the scores of the hidden place `at` of the sequence begin: those before it in the
 * window stand first. */
static size_t hidden_before(const struct app *a, const struct answer *ans, int32_t at)
{
    size_t row = 0;
    for (int32_t i = 0; i < at - ans->first; i++)
        row += ans->item[i] == a->ds->n_items + 1;
    return row * ((size_t)ans->n_items + 1);
}

/* Of one item: its odds and rank in the answer for a sequence in which it is hidden, or
 * which ends before it. */
static enum status ask_item(struct app *a, const int32_t *item, int32_t n, int32_t at,
                            struct surprise *s, float *odds, struct err *err)
{
    int32_t seq[SEQ_MAX], target = item[at];
    struct question q = {
        .kind = s->hides ? ASK_FILL : ASK_SCORE, .n = s->hides ? n : at, .item = seq};
    const struct answer *ans;
    memcpy(seq, item, (size_t)n * sizeof *seq);
    seq[at] = a->ds->n_items + 1;
    enum status st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    const float *score = ans->score + (s->hides ? hidden_before(a, ans, at) : 0);
    softmax_row(score, ans->n_items, odds);
    s->step = ans->step;
    s->softmax = ans->softmax;
    s->prob[at] = (double)odds[target];
    s->rank[at] = item_rank(score, ans->n_items, target);
    return ST_OK;
}

/* The planted odds: of a hidden place only where it is a whole session, whose length is
 * known. */
static enum status find_truth(struct app *a, const int32_t *item, int32_t n, struct surprise *s,
                              struct err *err)
{
    struct arena *mem;
    if (!a->ds->world || !a->truth_shown)
        return ST_OK;
    enum status st = arena_new(&mem, 0, err);
    double *p = st == ST_OK ? arena_raw(mem, ((size_t)a->ds->n_items + 1) * sizeof *p) : NULL;
    for (int32_t i = s->first; p && i < n; i++) {
        if (isnan(s->prob[i]))
            continue;
        if (s->hides && !world_odds_hidden(a->ds->world, item, n, i, p, mem))
            break;
        if (!s->hides)
            world_odds(a->ds->world, item, i, p, mem);
        s->truth[i] = p[item[i]];
    }
    if (st == ST_OK)
        arena_free(mem);
    return st;
}

static void show(struct app *a, const int32_t *item, int32_t n, const struct surprise *s,
                 struct cmd_out *out)
{
    bool planted = false;
    double nats = 0;
    int32_t asked = 0;
    json_t *list = json_array();
    for (int32_t i = 0; i < n; i++)
        planted = planted || !isnan(s->truth[i]);
    out_line(out, "pos  %-28s %-10s %-8s %-5s%s", "item", "prob", "nats", "rank",
             planted ? "planted" : "");
    for (int32_t i = s->first; i < n; i++) {
        char name[96], num[3][FMT_NUM];
        json_t *j = item_json(a, item[i]);
        app_item_text(a, item[i], name, sizeof name);
        if (isnan(s->prob[i])) {
            out_line(out, "%3d  %-28.28s -", (int)i + 1, name);
        } else {
            out_line(out, "%3d  %-28.28s %-10s %-8s %-5d%s", (int)i + 1, name,
                     fmt_num(num[0], s->prob[i]), fmt_num(num[1], -log(s->prob[i])),
                     (int)s->rank[i], planted ? fmt_num(num[2], s->truth[i]) : "");
            nats -= log(s->prob[i]);
            asked++;
        }
        json_object_set_new(j, "pos", json_integer(i + 1));
        json_object_set_new(j, "prob", json_num(s->prob[i]));
        json_object_set_new(j, "rank",
                            isnan(s->prob[i]) ? json_null() : json_integer(s->rank[i]));
        json_object_set_new(j, "truth", json_num(s->truth[i]));
        json_array_append_new(list, j);
    }
    char num[FMT_NUM];
    if (asked)
        out_line(out, "mean %s nats%s", fmt_num(num, nats / asked),
                 s->softmax ? "" : "; scores, not probabilities: this model ranks");
    out_bool(out, "hidden", s->hides);
    out_num(out, "nats", asked ? nats / asked : (double)NAN);
    json_object_set_new(out_json(out), "items", list);
}

enum status run_surprise(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                         struct err *err)
{
    static struct surprise s; /* large; the app's thread only */
    const struct sequence *seq =
        call_seq(call, "SEQUENCE") ? call_seq(call, "SEQUENCE") : &a->seq;
    const struct batch_spec *spec = app_batch_spec(a, a->slot);
    enum status st = check_sequence(a, a->slot, seq, err);
    if (st != ST_OK)
        return st;
    memset(&s, 0, sizeof s);
    s.hides = spec && spec->kind == BATCH_CLOZE;
    s.first = s.hides && seq->n > spec->max_len ? seq->n - spec->max_len : 0;
    for (int32_t i = 0; i < SEQ_MAX; i++)
        s.prob[i] = s.truth[i] = (double)NAN;
    float *odds = malloc(((size_t)a->ds->n_items + 1) * sizeof *odds);
    if (!odds)
        return err_nomem(err, ((size_t)a->ds->n_items + 1) * sizeof *odds, "odds");
    for (int32_t i = s.hides ? s.first : 1; i < seq->n && st == ST_OK; i++)
        if (seq->item[i] <= a->ds->n_items)
            st = ask_item(a, seq->item, seq->n, i, &s, odds, err);
    free(odds);
    if (st == ST_OK)
        st = find_truth(a, seq->item, seq->n, &s, err);
    if (st != ST_OK)
        return st;
    struct sequence as = *seq;
    if (call_seq(call, "SEQUENCE"))
        app_edit(a, &as);
    look_head(
        a, s.hides ? "each item hidden where it stands:" : "each item after those before it:",
        s.step, out);
    show(a, as.item, as.n, &s, out);
    return ST_OK;
}

/* ---- fill ---- */

// clang-format off
const struct cmd_arg args_fill[] = {
    {.name = "POS", .type = ARG_POSITION, .optional = true, .doc = "hides this place, 1 is the oldest, -1 the newest; default: those that are hidden"},
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = RANK_MAX, .doc = "length of the list, default the setting k"},
    {0},
};
// clang-format on

/* One hidden place; was: the item that stood there, 0: none is known. */
static enum status show_fillers(struct app *a, const struct answer *ans, const float *score,
                                int32_t at, int32_t was, int32_t k, struct cmd_out *out,
                                json_t *places, struct err *err)
{
    size_t cols = (size_t)ans->n_items + 1;
    float *odds = malloc(cols * sizeof *odds), *best = malloc(cols * sizeof *best);
    int32_t *item = malloc(cols * sizeof *item);
    if (!odds || !best || !item) {
        free(odds);
        free(best);
        free(item);
        return err_nomem(err, cols * 12, "a list");
    }
    char name[96], num[FMT_NUM];
    json_t *list = json_array(), *place = json_object();
    softmax_row(score, ans->n_items, odds);
    k = top_items(score, ans->n_items, k < ans->n_items ? k : ans->n_items, NULL, 0, item,
                  best);
    out_line(out, "place %d:", (int)at + 1);
    for (int32_t i = 0; i < k; i++) {
        app_item_text(a, item[i], name, sizeof name);
        char line[160];
        int n = snprintf(line, sizeof line, "%2d  %-28.28s %s", (int)i + 1, name,
                         fmt_num(num, (double)odds[item[i]]));
        if (item[i] == was)
            snprintf(line + n, sizeof line - (size_t)n, "  = what stood there");
        else if (in_sequence(&a->seq, item[i]))
            snprintf(line + n, sizeof line - (size_t)n, "  seen");
        out_line(out, "%s", line);
        json_t *j = item_json(a, item[i]);
        json_object_set_new(j, "rank", json_integer(i + 1));
        json_object_set_new(j, "prob", json_num((double)odds[item[i]]));
        json_array_append_new(list, j);
    }
    json_object_set_new(place, "pos", json_integer(at + 1));
    json_object_set_new(place, "items", list);
    if (was) {
        int32_t rank = item_rank(score, ans->n_items, was);
        app_item_text(a, was, name, sizeof name);
        if (rank > k)
            out_line(out, "%2d  %-28.28s %s  = what stood there", (int)rank, name,
                     fmt_num(num, (double)odds[was]));
        json_t *j = item_json(a, was);
        json_object_set_new(j, "rank", json_integer(rank));
        json_object_set_new(j, "prob", json_num((double)odds[was]));
        json_object_set_new(place, "was", j);
    }
    json_array_append_new(places, place);
    free(odds);
    free(best);
    free(item);
    return ST_OK;
}

enum status run_fill(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                     struct err *err)
{
    struct sequence seq = a->seq;
    int32_t pos = (int32_t)call_int(call, "POS", -1), mask = a->ds->n_items + 1;
    struct question q = {.kind = ASK_FILL, .n = seq.n, .item = seq.item};
    const struct answer *ans;
    if (pos >= 0 && pos < seq.n)
        seq.item[pos] = mask;
    enum status st = check_sequence(a, a->slot, &a->seq, err);
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    json_t *places = json_array();
    look_head(a, "what fits into hidden places:", ans->step, out);
    for (int32_t i = ans->first, row = 0; i < seq.n && st == ST_OK; i++) {
        if (seq.item[i] != mask)
            continue;
        const float *score = ans->score + (size_t)row++ * ((size_t)ans->n_items + 1);
        if (pos < 0 || pos == i)
            st = show_fillers(a, ans, score, i, a->seq.item[i] == mask ? 0 : a->seq.item[i],
                              (int32_t)call_int(call, "k", (int64_t)setting(a, SETTING_K)), out,
                              places, err);
    }
    json_object_set_new(out_json(out), "places", places);
    return st;
}
