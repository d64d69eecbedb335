/* ablate: parts of a model set to zero, or to a value, for what is looked at. */
#include "app/cmd/ablate.h"
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/ui/text.h"
#include "app/ui_state.h"
#include "app/views/view_util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ablate_patches(const struct app *a, int slot, struct patch *out)
{
    int n = 0;
    for (int i = 0; i < a->n_ablation; i++)
        if (a->ablation[i].slot == slot) {
            if (out)
                out[n] = a->ablation[i].patch;
            n++;
        }
    return n;
}

void ablate_with(const struct app *a, int slot, struct question *q, const struct patch *own,
                 int n)
{
    static struct patch *all; /* the app's thread only */
    static int room;
    int standing = ablate_patches(a, slot, NULL);
    if (standing + n > room) {
        struct patch *more = realloc(all, (size_t)(standing + n) * sizeof *all);
        if (!more)
            return;
        all = more;
        room = standing + n;
    }
    if (standing + n == 0)
        return;
    ablate_patches(a, slot, all);
    if (n)
        memcpy(all + standing, own, (size_t)n * sizeof *all);
    q->patch = all;
    q->n_patch = standing + n;
}

void ablate_eval(const struct app *a, int slot, struct eval_spec *s)
{
    struct question q = {.kind = ASK_SCORE};
    ablate_with(a, slot, &q, NULL, 0);
    s->patch = q.patch;
    s->n_patch = q.n_patch;
}

void ablate_names(const struct app *a, int slot, char *buf, size_t size)
{
    size_t at = 0;
    *buf = '\0';
    for (int i = 0; i < a->n_ablation && at < size; i++) {
        const struct ablation *b = &a->ablation[i];
        if (b->slot != slot)
            continue;
        if (at + strlen(b->part) + 8 > size) {
            snprintf(buf + at, size - at, "%s...", at ? ", " : "");
            return;
        }
        at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", b->part);
    }
}

static int place_of(const struct app *a, int slot, const char *part)
{
    for (int i = 0; i < a->n_ablation; i++)
        if (a->ablation[i].slot == slot && strcmp(a->ablation[i].part, part) == 0)
            return i;
    return -1;
}

bool ablate_has(const struct app *a, int slot, const char *part, float *value)
{
    int i = place_of(a, slot, part);
    if (i >= 0 && value)
        *value = a->ablation[i].patch.value;
    return i >= 0;
}

static int setting_of(const struct app *a, int slot, const char *name)
{
    const struct learner *l = app_learner(a, slot);
    return l && l->hp && hp_has(l->hp, name) ? (int)hp_num(l->hp, name) : 0;
}

bool ablate_parse(const struct app *a, int slot, const char *part, float value,
                  struct patch *out)
{
    const char *dot = strrchr(part, '.');
    char *end;
    *out = (struct patch){.set = -1, .row = PATCH_ALL, .n = 1, .value = value};
    if (!dot || dot == part || (size_t)(dot - part) >= sizeof out->probe)
        return false;
    long k = strtol(dot + 1, &end, 10);
    if (*end || end == dot + 1 || k < 1 || k > 1000000)
        return false;
    snprintf(out->probe, sizeof out->probe, "%.*s", (int)(dot - part), part);
    out->col = (int32_t)k - 1;
    int nh = setting_of(a, slot, "nh"), d = setting_of(a, slot, "d");
    int heads = setting_of(a, slot, "heads"), layer, all = 0;
    if (sscanf(part, "attn.%d.head.%*d%n", &layer, &all) == 1 && !part[all] && heads > 0) {
        /* a head's columns lie together */
        snprintf(out->probe, sizeof out->probe, "block%d.attn.heads", layer);
        out->n = d / heads;
        out->col *= out->n;
    }
    if (strcmp(out->probe, "filter") == 0 && nh > 0) {
        snprintf(out->probe, sizeof out->probe, "conv.h%d.max", (int)out->col / nh + 1);
        out->col %= nh;
    } else if (strcmp(out->probe, "vertical") == 0 && d > 0) {
        snprintf(out->probe, sizeof out->probe, "conv.v");
        out->col *= d;
        out->n = d;
    }
    return true;
}

// clang-format off
const struct cmd_arg args_ablate[] = {
    {.name = "PART", .type = ARG_WORD, .optional = true, .doc = "attn.LAYER.head.N, filter.N, vertical.N, PROBE.N; cursor; off, list, undo"},
    {.name = "value", .type = ARG_FLOAT, .option = true, .optional = true, .min = -1e6, .max = 1e6, .doc = "what it is set to, default 0"},
    {0},
};
// clang-format on

static void remove_at(struct app *a, int i)
{
    a->n_ablation--;
    memmove(a->ablation + i, a->ablation + i + 1,
            (size_t)(a->n_ablation - i) * sizeof *a->ablation);
}

static void drop_slot(struct app *a, int slot)
{
    for (int i = a->n_ablation; i-- > 0;)
        if (a->ablation[i].slot == slot)
            remove_at(a, i);
}

/* What the parts do to the model's own first choice; nothing to say without a sequence. */
static void say_effect(struct app *a, json_t *j, struct cmd_out *out)
{
    /* a question with a place for patches, and none in it, meets the whole model */
    static const struct patch none;
    struct question q = {.kind = ASK_SCORE, .n = a->seq.n, .item = a->seq.item, .patch = &none};
    const struct answer *ans;
    char name[64], was[FMT_NUM], is[FMT_NUM];
    if (check_sequence(a, a->slot, &a->seq, NULL) != ST_OK ||
        ask_here(a, a->slot, a->at, &q, &ans, NULL) != ST_OK)
        return;
    int32_t top = answer_top(ans, 0), rank = 1;
    double whole = answer_value(ans, 0, top);
    q.patch = NULL;
    if (ask_here(a, a->slot, a->at, &q, &ans, NULL) != ST_OK)
        return;
    double set = answer_value(ans, 0, top);
    for (int32_t i = 1; i <= ans->n_items; i++)
        rank +=
            ans->score[i] > ans->score[top] || (ans->score[i] == ans->score[top] && i < top);
    app_item_text(a, top, name, sizeof name);
    out_line(
        out, "first choice %s: %s %s, now %s, rank %d; eval measures the model as it is set",
        name, ans->softmax ? "p" : "score", fmt_num(was, whole), fmt_num(is, set), (int)rank);
    json_t *e = json_object();
    json_object_set_new(e, "item", item_json(a, top));
    json_object_set_new(e, "whole", json_num(whole));
    json_object_set_new(e, "set", json_num(set));
    json_object_set_new(e, "rank", json_integer(rank));
    json_object_set_new(j, "effect", e);
}

static void show_list(struct app *a, struct cmd_out *out)
{
    char title[64], num[FMT_NUM];
    int n = ablate_patches(a, a->slot, NULL);
    app_slot_title(a, a->slot, app_step(a, a->slot), title, sizeof title);
    out_line(out, n ? "%s  set by hand, for what is looked at:" : "%s  nothing is set by hand",
             title);
    json_t *list = json_array();
    for (int i = 0; i < a->n_ablation; i++) {
        const struct ablation *b = &a->ablation[i];
        if (b->slot != a->slot)
            continue;
        out_line(out, "  %-24s %s", b->part, fmt_short(num, (double)b->patch.value));
        json_t *j = json_object();
        json_object_set_new(j, "part", json_text(b->part));
        json_object_set_new(j, "value", json_num((double)b->patch.value));
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "parts", list);
    if (n)
        say_effect(a, out_json(out), out);
}

/* Gates run from nothing to all: the key goes through both ends.  Everything else is silent
 * or not. */
static bool is_gate(const struct patch *p)
{
    const char *end = strrchr(p->probe, '.');
    return end && (strcmp(end, ".update") == 0 || strcmp(end, ".reset") == 0 ||
                   strcmp(end, ".write") == 0);
}

/* Is there such a probe, and is it wide enough?  Asked of the model itself, with the present
 * sequence. */
static enum status check_part(struct app *a, const struct cmd_call *call, const struct patch *p,
                              struct cmd_out *out, struct err *err)
{
    const struct answer *ans;
    /* without a sequence any item will do: which parts there are does not depend on it */
    static const int32_t any = 1;
    bool typed = a->seq.n > 0;
    struct question q = {.kind = ASK_PROBES,
                         .n = typed ? a->seq.n : 1,
                         .item = typed ? a->seq.item : &any,
                         .probes = p->probe};
    enum status st = typed ? check_sequence(a, a->slot, &a->seq, err) : ST_OK;
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    if (st != ST_OK)
        return st;
    const struct probe_copy *probe = answer_probe(ans, p->probe);
    int32_t wide = probe && probe->nd > 0 ? probe->d[probe->nd - 1] : 0;
    if (wide && p->col + p->n <= wide)
        return ST_OK;
    call_blame(call, "PART", out);
    if (strstr(p->probe, ".attn.heads")) {
        if (probe)
            err_set(err, ST_ARG, "a layer has %d heads", (int)(wide / p->n));
        else
            err_set(err, ST_ARG, "%s has no such layer", app_slot(a)->model->title);
        return err_hint(err, "bad-value", "Try: ablate attn.1.head.1"), ST_ARG;
    }
    if (!probe) {
        err_set(err, ST_ARG, "%s shows no %s", app_slot(a)->model->title, p->probe);
        return err_hint(err, "bad-value", "model info lists what it shows; then PROBE.N"),
               ST_ARG;
    }
    err_set(err, ST_ARG, "%s has %d columns", p->probe, (int)(wide / p->n));
    return err_hint(err, "bad-value", "1..%d", (int)(wide / p->n)), ST_ARG;
}

static enum status put(struct app *a, const struct cmd_call *call, const char *part, bool turns,
                       struct cmd_out *out, struct err *err)
{
    struct patch p;
    float value = (float)call_num(call, "value", 0);
    if (!ablate_parse(a, a->slot, part, value, &p)) {
        call_blame(call, "PART", out);
        err_set(err, ST_ARG, "no part is called \"%.60s\"", part);
        return err_hint(err, "bad-value",
                        "attn.2.head.1, filter.4, gru1.update.22: model info lists probes"),
               ST_ARG;
    }
    enum status st = check_part(a, call, &p, out, err);
    if (st != ST_OK)
        return st;
    int i = place_of(a, a->slot, part);
    if (turns && i >= 0) {
        if (is_gate(&p) && a->ablation[i].patch.value <= 0)
            a->ablation[i].patch.value = 1;
        else
            remove_at(a, i);
        return ST_OK;
    }
    if (i < 0 && a->n_ablation == ABLATIONS) {
        err_set(err, ST_STATE, "%d parts are set already", ABLATIONS);
        return err_hint(err, "full", "Try: ablate off"), ST_STATE;
    }
    if (i < 0)
        i = a->n_ablation++;
    a->ablation[i] = (struct ablation){.slot = a->slot, .patch = p};
    snprintf(a->ablation[i].part, sizeof a->ablation[i].part, "%s", part);
    return ST_OK;
}

enum status run_ablate(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    const char *part = call_text(call, "PART", "list");
    char at_cursor[sizeof a->ablation->part];
    enum status st = ST_OK;
    if (strcmp(part, "off") == 0) {
        drop_slot(a, a->slot);
    } else if (strcmp(part, "undo") == 0) {
        int i = a->n_ablation - 1;
        while (i >= 0 && a->ablation[i].slot != a->slot)
            i--;
        if (i < 0)
            return cmd_run_line(a, "whatif undo", true, out, err);
        remove_at(a, i);
    } else if (strcmp(part, "cursor") == 0) {
        struct view *v = ui_focused(a);
        if (!v || !v->def->part || !v->def->part(v, at_cursor, sizeof at_cursor)) {
            err_set(err, ST_STATE, "the cursor is on no part of a model");
            return err_hint(
                       err, "no-screen",
                       "Choose one head, filter or unit, or name it: ablate attn.2.head.1"),
                   ST_STATE;
        }
        st = put(a, call, at_cursor, true, out, err);
    } else if (strcmp(part, "list") != 0) {
        st = put(a, call, part, false, out, err);
    }
    if (st != ST_OK)
        return st;
    if (strcmp(part, "list") != 0)
        a->asked.n = 0; /* it was another model */
    if (a->ui)
        a->ui->generation++;
    if (out_form(out) == OUT_MESSAGE &&
        strcmp(part, "list") != 0) { /* one line under the panes */
        const struct ablation *last = NULL;
        char num[FMT_NUM];
        for (int i = 0; i < a->n_ablation; i++)
            last = a->ablation[i].slot == a->slot ? &a->ablation[i] : last;
        int n = ablate_patches(a, a->slot, NULL);
        if (n)
            out_line(out,
                     "%d set by hand, the latest %s = %s; u undoes; training is not touched", n,
                     last->part, fmt_short(num, (double)last->patch.value));
        else
            out_line(out, "nothing is set by hand");
        return ST_OK;
    }
    show_list(a, out);
    return ST_OK;
}
