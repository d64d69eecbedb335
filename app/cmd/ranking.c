/* Lists of next items; see ranking.h. */
#include "app/cmd/ranking.h"
#include "app/cmd/ablate.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool in_sequence(const struct sequence *s, int32_t item)
{
    for (int32_t i = 0; i < s->n; i++)
        if (s->item[i] == item)
            return true;
    return false;
}

void sequence_text(const struct app *a, const struct sequence *s, char *buf, size_t size)
{
    size_t n = 0;
    snprintf(buf, size, "(empty)");
    for (int32_t i = 0; i < s->n; i++) {
        bool mask = a->ds && s->item[i] == a->ds->n_items + 1;
        int w = mask ? snprintf(buf + n, size - n, "%s_", i ? " " : "")
                     : snprintf(buf + n, size - n, "%s%d", i ? " " : "", (int)s->item[i]);
        if (w < 0 || (size_t)w >= size - n) {
            if (size > 4)
                memcpy(buf + size - 4, "...", 4);
            return;
        }
        n += (size_t)w;
    }
}

json_t *sequence_json(const struct sequence *s)
{
    json_t *j = json_array();
    for (int32_t i = 0; i < s->n; i++)
        json_array_append_new(j, json_integer(s->item[i]));
    return j;
}

json_t *item_json(const struct app *a, int32_t item)
{
    json_t *j = json_object();
    const struct dataset *ds = a->ds;
    bool named = ds->item_name && item >= 1 && item <= ds->n_items && ds->item_name[item];
    json_object_set_new(j, "id", json_integer(item));
    json_object_set_new(j, "name", named ? json_text(ds->item_name[item]) : json_null());
    return j;
}

enum status check_sequence(struct app *a, int slot, const struct sequence *s, struct err *err)
{
    if (s->n == 0) {
        err_set(err, ST_STATE, "the sequence is empty");
        return err_hint(err, "empty-seq", "Try: predict 12 87 3"), ST_STATE;
    }
    const struct batch_spec *spec = app_batch_spec(a, slot);
    const struct learner *l = app_learner(a, slot);
    if (in_sequence(s, a->ds->n_items + 1) && !(spec && spec->kind == BATCH_CLOZE)) {
        err_set(err, ST_STATE, "_ is the mask of BERT4Rec; %c is %s", 'A' + slot,
                l ? l->model->title : "empty");
        return err_hint(err, "not-for-model", "Try: whatif drop"), ST_STATE;
    }
    return ST_OK;
}

enum status ask_here(struct app *a, int slot, int64_t at, const struct question *q,
                     const struct answer **out, struct err *err)
{
    struct weights *w = NULL;
    enum status st = app_weights_at(a, slot, at, &w, err);
    if (st != ST_OK)
        return st;
    struct question with = *q;
    if (!q->patch)
        ablate_with(a, slot, &with, NULL, 0);
    *out = explore_ask(a->explore, w, &with, &a->cancel);
    weights_unref(w);
    if (!*out)
        return err_set(err, ST_NOMEM, "no memory for an answer");
    if ((*out)->err.code != ST_OK) {
        if (err)
            *err = (*out)->err;
        return (*out)->err.code;
    }
    return ST_OK;
}

static enum status rank(struct ranking **out, struct app *a, int slot, int64_t at,
                        const struct question *q, const struct sequence *seq, int32_t k,
                        bool exclude_seen, struct err *err)
{
    const struct answer *ans;
    enum status st = ask_here(a, slot, at, q, &ans, err);
    if (st != ST_OK)
        return st;
    size_t row = (size_t)ans->n_items + 1;
    struct ranking *r = calloc(1, sizeof *r);
    if (r) {
        r->score = malloc(sizeof *r->score * row);
        r->prob = malloc(sizeof *r->prob * row);
    }
    if (!r || !r->score || !r->prob) {
        ranking_free(r);
        return err_nomem(err, sizeof *r + 8 * row, "a list");
    }
    r->slot = slot;
    r->step = ans->step;
    r->seq = *seq;
    r->used = ans->n;
    r->first = ans->first;
    r->popular = ans->popular;
    r->softmax = ans->softmax;
    r->sigmoid = ans->sigmoid;
    r->exclude_seen = exclude_seen;
    r->n_items = ans->n_items;
    memcpy(r->score, ans->score, sizeof *r->score * row);
    softmax_row(r->score, r->n_items, r->prob);
    float best[RANK_MAX];
    r->n = top_items(r->score, r->n_items, k < r->n_items ? k : r->n_items,
                     exclude_seen ? seq->item : NULL, exclude_seen ? seq->n : 0, r->item, best);
    for (size_t i = 1; i < row; i++)
        if (r->prob[i] > 0)
            r->entropy -= (double)r->prob[i] * log((double)r->prob[i]);
    *out = r;
    return ST_OK;
}

enum status ranking_new(struct ranking **out, struct app *a, int slot, int64_t at,
                        const struct sequence *seq, int32_t k, bool exclude_seen,
                        struct err *err)
{
    struct question q = {.kind = ASK_SCORE, .n = seq->n, .item = seq->item};
    *out = NULL;
    enum status st = check_sequence(a, slot, seq, err);
    return st != ST_OK ? st : rank(out, a, slot, at, &q, seq, k, exclude_seen, err);
}

enum status ranking_popular(struct ranking **out, struct app *a, int slot, int64_t at,
                            int32_t k, struct err *err)
{
    static const struct sequence none;
    *out = NULL;
    return rank(out, a, slot, at, &(struct question){.kind = ASK_SCORE, .popular = true}, &none,
                k, false, err);
}

void ranking_free(struct ranking *r)
{
    if (!r)
        return;
    free(r->score);
    free(r->prob);
    free(r);
}

int32_t ranking_of(const struct ranking *r, int32_t item)
{
    int32_t rank = 1;
    if (item < 1 || item > r->n_items || (r->exclude_seen && in_sequence(&r->seq, item)))
        return 0;
    for (int32_t i = 1; i <= r->n_items; i++)
        if ((r->score[i] > r->score[item] || (r->score[i] == r->score[item] && i < item)) &&
            !(r->exclude_seen && in_sequence(&r->seq, i)))
            rank++;
    return rank;
}

double ranking_kl(const struct ranking *p, const struct ranking *q)
{
    double kl = 0;
    for (int32_t i = 1; i <= p->n_items && i <= q->n_items; i++)
        if (p->prob[i] > 0)
            kl +=
                (double)p->prob[i] * log((double)p->prob[i] / fmax((double)q->prob[i], 1e-38));
    return kl;
}

static void show_truth(struct app *a, const struct ranking *r, struct cmd_out *out)
{
    const struct dataset *ds = a->ds;
    struct err err;
    struct arena *mem = NULL;
    if (!ds->world || !a->truth_shown || r->popular || in_sequence(&r->seq, ds->n_items + 1) ||
        arena_new(&mem, 1 << 16, &err) != ST_OK)
        return;
    double *p = arena_alloc(mem, sizeof *p * ((size_t)ds->n_items + 1));
    if (p) {
        world_odds(ds->world, r->seq.item, r->seq.n, p, mem);
        json_t *list = json_array();
        char line[200] = "";
        size_t n = 0;
        int32_t done[5];
        for (int k = 0; k < 5; k++) {
            int32_t best = 0;
            for (int32_t i = 1; i <= ds->n_items; i++) {
                bool had = false;
                for (int m = 0; m < k; m++)
                    had = had || done[m] == i;
                if (!had && (!best || p[i] > p[best]))
                    best = i;
            }
            done[k] = best;
            if (!best)
                break;
            char text[96], num[FMT_NUM];
            app_item_text(a, best, text, sizeof text);
            if (k < 3) {
                int w = snprintf(line + n, sizeof line - n, "%s%s p=%s", k ? ", " : "", text,
                                 fmt_num(num, p[best]));
                n += w > 0 && (size_t)w < sizeof line - n ? (size_t)w : 0;
            }
            json_t *j = item_json(a, best);
            json_object_set_new(j, "prob", json_num(p[best]));
            json_array_append_new(list, j);
        }
        int32_t rank = 1;
        for (int32_t i = 1; r->n > 0 && i <= ds->n_items; i++)
            rank += p[i] > p[r->item[0]];
        out_line(out, "truth of the planted rule: %s", line);
        if (r->n > 0) {
            out_line(out, "rank of the model's first choice under the truth: %d", (int)rank);
            out_int(out, "truth_rank_of_first", rank);
        }
        json_object_set_new(out_json(out), "truth", list);
    }
    arena_free(mem);
}

static void was_text(const struct ranking *was, int32_t item, int32_t now, char *buf,
                     size_t size)
{
    int32_t before = ranking_of(was, item);
    if (before == now)
        snprintf(buf, size, "=");
    else if (before == 0 || before > was->n)
        snprintf(buf, size, "new  was %d", (int)before);
    else
        snprintf(buf, size, "%s%d  was %d", before > now ? "^" : "v",
                 (int)(before > now ? before - now : now - before), (int)before);
}

void ranking_show(struct app *a, const struct ranking *r, const struct ranking *was, int as,
                  struct cmd_out *out)
{
    char title[64], seq[200], num[FMT_NUM], letter[2] = {(char)('A' + r->slot), '\0'};
    static const char *const as_names[] = {"prob", "logprob", "score"};
    app_slot_title(a, r->slot, r->step, title, sizeof title);
    sequence_text(a, &r->seq, seq, sizeof seq);
    if (r->popular)
        out_line(out,
                 "%s  the sequence is empty: ranked by popularity in training, not by the "
                 "model; %d items",
                 title, (int)r->n_items);
    else
        out_line(out, "%s  next after %s   %s over %d items, seen %s", title, seq,
                 as == 2      ? "score"
                 : r->softmax ? "softmax"
                 : r->sigmoid ? "sigmoid of scores, not a distribution,"
                              : "softmax of scores",
                 (int)r->n_items, r->exclude_seen ? "left out" : "kept");
    if (r->first > 0)
        out_line(out, "the model reads the last %d items; %d older ones are cut off",
                 (int)r->used, (int)r->first);
    int width = 4;
    char text[160];
    for (int32_t i = 0; i < r->n; i++) {
        app_item_text(a, r->item[i], text, sizeof text);
        const char *name = strchr(text, ' ');
        int w = name ? text_width(name + 1) : 0;
        width = w > width ? w : width;
    }
    json_t *items = json_array();
    for (int32_t i = 0; i < r->n; i++) {
        int32_t item = r->item[i];
        double prob = (double)r->prob[item], score = (double)r->score[item];
        double own = r->sigmoid ? (double)sigmoid_of(r->score[item]) : prob;
        app_item_text(a, item, text, sizeof text);
        const char *name = strchr(text, ' ') ? strchr(text, ' ') + 1 : "";
        char change[40] = "";
        if (was)
            was_text(was, item, i + 1, change, sizeof change);
        out_line(out, "%2d %4d %s%*s %s%s%s%s", (int)i + 1, (int)item, name,
                 width - text_width(name), "",
                 fmt_num(num, as == 0   ? own
                              : as == 1 ? log(own)
                                        : score),
                 in_sequence(&r->seq, item) ? "  seen" : "", was ? "  " : "", change);
        json_t *j = json_object();
        json_object_set_new(j, "rank", json_integer(i + 1));
        json_t *id = item_json(a, item);
        json_object_update(j, id);
        json_decref(id);
        json_object_set_new(j, "score", json_num(score));
        json_object_set_new(j, "prob", json_num(prob));
        if (r->sigmoid)
            json_object_set_new(j, "sigmoid", json_num(own));
        if (was)
            json_object_set_new(j, "was", json_integer(ranking_of(was, item)));
        json_array_append_new(items, j);
    }
    for (int32_t i = 0, named = 0; was && i < was->n && named < 5; i++) {
        bool still = false;
        for (int32_t k = 0; k < r->n; k++)
            still = still || r->item[k] == was->item[i];
        if (still)
            continue;
        app_item_text(a, was->item[i], text, sizeof text);
        out_line(out, "out of the list: %s (%d -> %d)", text, (int)i + 1,
                 (int)ranking_of(r, was->item[i]));
        named++;
    }
    out_line(out, "entropy %s%s nats", r->sigmoid ? "of the scores' softmax " : "",
             fmt_num(num, r->entropy));
    out_text(out, "slot", letter);
    out_text(out, "model", a->slots[r->slot].model->name);
    out_int(out, "step", r->step);
    json_object_set_new(out_json(out), "sequence", sequence_json(&r->seq));
    out_text(out, "ranked_by", r->popular ? "popularity" : "model");
    out_int(out, "cut", r->first);
    out_text(out, "exclude", r->exclude_seen ? "seen" : "none");
    out_text(out, "as", as_names[as]);
    json_object_set_new(out_json(out), "items", items);
    out_num(out, "entropy", r->entropy);
    if (was) {
        double kl = ranking_kl(r, was);
        out_line(out, "KL(now|before) %s nats", fmt_num(num, kl));
        out_num(out, "kl", kl);
    }
    show_truth(a, r, out);
}

void look_head(struct app *a, const char *what, int64_t step, struct cmd_out *out)
{
    char title[64], seq[200], letter[2] = {(char)('A' + a->slot), '\0'};
    app_slot_title(a, a->slot, step, title, sizeof title);
    sequence_text(a, &a->seq, seq, sizeof seq);
    out_line(out, "%s  %s  %s", title, what, seq);
    out_text(out, "slot", letter);
    out_int(out, "step", step);
    json_object_set_new(out_json(out), "sequence", sequence_json(&a->seq));
}
