/* seq pin predict whatif: the sequence under study. */
#include "app/cmd/ahead.h"
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/ranking.h"
#include "app/settings.h"
#include "app/ui_state.h"

#include <stdio.h>
#include <string.h>

/* With the message bar the panes answer by themselves; all other forms print here. */
static void show_sequence(struct app *a, const char *what, const struct sequence *s,
                          struct cmd_out *out)
{
    char text[400];
    sequence_text(a, s, text, sizeof text);
    out_line(out, "%s %s", what, text);
    json_object_set_new(out_json(out), "sequence", sequence_json(s));
}

// clang-format off
const struct cmd_arg args_seq[] = {
    {.name = "SEQUENCE", .type = ARG_SEQUENCE, .optional = true, .repeats = true, .doc = "items, oldest first"},
    {0},
};
// clang-format on

enum status run_seq(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                    struct err *err)
{
    (void)err;
    if (call_seq(call, "SEQUENCE"))
        app_edit(a, call_seq(call, "SEQUENCE"));
    show_sequence(a, "seq", &a->seq, out);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_seq_from[] = {
    {.name = "SESSION", .type = ARG_SESSION, .doc = "s:412"},
    {.name = "upto", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = SEQ_MAX, .doc = "only so many items"},
    {0},
};
// clang-format on

enum status run_seq_from(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                         struct err *err)
{
    int64_t s = call_int(call, "SESSION", 0), from = a->ds->off[s],
            n = a->ds->off[s + 1] - from;
    int64_t upto = call_int(call, "upto", n);
    struct sequence seq;
    if (upto > n) {
        call_blame(call, "upto", out);
        err_set(err, ST_ARG, "s:%lld has %lld items", (long long)s + 1, (long long)n);
        return err_hint(err, "bad-position", NULL), ST_ARG;
    }
    if (upto > SEQ_MAX)
        from += upto - SEQ_MAX, upto = SEQ_MAX;
    seq.n = (int32_t)upto;
    memcpy(seq.item, a->ds->item + from, sizeof *seq.item * (size_t)upto);
    app_edit(a, &seq);
    show_sequence(a, "seq", &a->seq, out);
    return ST_OK;
}

// clang-format off
const struct cmd_arg args_seq_append[] = {
    {.name = "ITEM", .type = ARG_ITEM, .doc = "the newest"},
    {0},
};
// clang-format on

static enum status room(const struct sequence *s, struct err *err)
{
    if (s->n < SEQ_MAX)
        return ST_OK;
    err_set(err, ST_STATE, "a sequence has at most %d items", SEQ_MAX);
    return err_hint(err, "bad-value", "Try: whatif drop 1"), ST_STATE;
}

enum status run_seq_append(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                           struct err *err)
{
    struct sequence s = a->seq;
    enum status st = room(&s, err);
    if (st != ST_OK)
        return st;
    s.item[s.n++] = (int32_t)call_int(call, "ITEM", 1);
    app_edit(a, &s);
    show_sequence(a, "seq", &a->seq, out);
    return ST_OK;
}

const struct cmd_arg args_seq_clear[] = {{0}};

enum status run_seq_clear(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    (void)call, (void)err;
    struct sequence none = {0};
    app_edit(a, &none);
    show_sequence(a, "seq", &a->seq, out);
    return ST_OK;
}

// clang-format off
static const char *const pin_choices[] = {"off", "toggle", NULL};
const struct cmd_arg args_pin[] = {
    {.name = "WHAT", .type = ARG_CHOICE, .optional = true, .choices = pin_choices, .doc = "off takes it away"},
    {.name = "SEQUENCE", .type = ARG_SEQUENCE, .optional = true, .repeats = true, .doc = "default: the present one"},
    {0},
};
// clang-format on

enum status run_pin(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                    struct err *err)
{
    int64_t what = call_int(call, "WHAT", -1);
    if (what == 0 || (what == 1 && a->has_pin)) {
        a->has_pin = false;
        out_line(out, "nothing is pinned");
        out_bool(out, "pinned", false);
        return ST_OK;
    }
    const struct sequence *s =
        call_seq(call, "SEQUENCE") ? call_seq(call, "SEQUENCE") : &a->seq;
    if (!s->n) {
        err_set(err, ST_STATE, "the sequence is empty");
        return err_hint(err, "empty-seq", "Try: seq 12 87 3; pin"), ST_STATE;
    }
    a->pin = *s;
    a->has_pin = true;
    show_sequence(a, "pin", &a->pin, out);
    out_bool(out, "pinned", true);
    return ST_OK;
}

// clang-format off
static const char *const exclude_choices[] = {"none", "seen", NULL};
static const char *const repeats_choices[] = {"no", "yes", NULL};
static const char *const as_choices[] = {"prob", "logprob", "score", NULL};
const struct cmd_arg args_predict[] = {
    {.name = "SEQUENCE", .type = ARG_SEQUENCE, .optional = true, .repeats = true, .doc = "items, oldest first; default: the present one"},
    {.name = "k", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = RANK_MAX, .doc = "length of the list"},
    {.name = "model", .type = ARG_SLOT, .option = true, .optional = true, .doc = "default: the current slot"},
    {.name = "at", .type = ARG_TIME, .option = true, .optional = true, .doc = "default: the time viewed"},
    {.name = "exclude", .type = ARG_CHOICE, .option = true, .optional = true, .choices = exclude_choices, .doc = "seen items"},
    {.name = "as", .type = ARG_CHOICE, .option = true, .optional = true, .choices = as_choices, .doc = "the number printed"},
    {.name = "steps", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = HORIZON_MAX, .doc = "so many steps ahead"},
    {.name = "beam", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = HORIZON_BEAM, .doc = "with steps: paths kept, default 1"},
    {.name = "repeats", .type = ARG_CHOICE, .option = true, .optional = true, .choices = repeats_choices, .doc = "with steps: may an item be picked twice, default no"},
    {.name = "temperature", .type = ARG_FLOAT, .option = true, .optional = true, .min = 0.001, .max = 1000, .doc = "with steps: picks are drawn; 1: by the odds, less: nearer to the best"},
    {.name = "top_p", .type = ARG_FLOAT, .option = true, .optional = true, .min = 0.001, .max = 1, .doc = "with steps: drawn among the likeliest with this share of the odds"},
    {.name = "seed", .type = ARG_INT, .option = true, .optional = true, .min = 0, .max = 9007199254740991.0, .doc = "of drawn picks, default the seed"},
    {0},
};
// clang-format on

enum status run_predict(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                        struct err *err)
{
    const struct sequence *s =
        call_seq(call, "SEQUENCE") ? call_seq(call, "SEQUENCE") : &a->seq;
    int slot = (int)call_int(call, "model", a->slot);
    int64_t at = slot == a->slot ? a->at : STEP_LIVE;
    bool drawn =
        call_has(call, "temperature") || call_has(call, "top_p") || call_has(call, "seed");
    bool ahead =
        call_has(call, "steps") || call_has(call, "beam") || call_has(call, "repeats") || drawn;
    if (!s->n && ahead) {
        err_set(err, ST_ARG, "predict needs at least one item to go on from");
        return err_hint(err, "empty-seq", "Try: predict 12 87 3 steps=5"), ST_ARG;
    }
    enum status st = ST_OK;
    if (call_has(call, "at"))
        st = app_resolve_time(a, slot, call_text(call, "at", ""), &at, err);
    if (st == ST_OK && s->n)
        st = check_sequence(a, slot, s, err);
    if (st != ST_OK) {
        call_blame(call, call_has(call, "at") ? "at" : "model", out);
        return st;
    }
    bool exclude =
        call_has(call, "exclude") ? call_int(call, "exclude", 0) == 1 : app_exclude_seen(a);
    if (ahead) {
        struct horizon_opts o = {.k = (int32_t)call_int(call, "steps", 5),
                                 .beam = (int32_t)call_int(call, "beam", 1),
                                 .repeats = call_int(call, "repeats", 0) == 1,
                                 .temperature = drawn ? call_num(call, "temperature", 1) : 0,
                                 .top_p = call_num(call, "top_p", 1),
                                 .seed = (uint64_t)call_int(call, "seed", (int64_t)a->seed),
                                 .skip = s->item,
                                 .n_skip = exclude ? s->n : 0};
        st = predict_ahead(a, slot, at, s, &o, out, err);
        if (st == ST_OK && call_seq(call, "SEQUENCE"))
            app_edit(a, s);
        return st;
    }
    if (on_screen(a, out)) {
        if (call_seq(call, "SEQUENCE"))
            app_edit(a, s);
        return ui_tab(a, "predict", err);
    }
    struct ranking *r = NULL;
    int32_t k = (int32_t)call_int(call, "k", (int64_t)setting(a, SETTING_K));
    st = s->n ? ranking_new(&r, a, slot, at, s, k, exclude, err)
              : ranking_popular(&r, a, slot, at, k, err);
    if (st != ST_OK)
        return st;
    if (call_seq(call, "SEQUENCE"))
        app_edit(a, s);
    if (a->ui)
        (void)ui_tab(a, "predict", NULL);
    ranking_show(a, r, NULL, (int)call_int(call, "as", 0), out);
    ranking_free(r);
    return ST_OK;
}

/* ---- whatif ---- */

/* Applies the edit, then shows what it changed.  Without a model the sequence alone. */
static enum status edit(struct app *a, const struct sequence *next, struct cmd_out *out,
                        struct err *err)
{
    struct sequence before = a->seq;
    if (!app_slot(a)->model || next->n == 0 || before.n == 0 || on_screen(a, out)) {
        app_edit(a, next);
        show_sequence(a, "seq", &a->seq, out);
        return ST_OK;
    }
    struct ranking *now = NULL, *was = NULL;
    int32_t k = (int32_t)setting(a, SETTING_K);
    bool exclude = app_exclude_seen(a);
    enum status st = ranking_new(&was, a, a->slot, a->at, &before, k, exclude, err);
    if (st == ST_OK)
        st = ranking_new(&now, a, a->slot, a->at, next, k, exclude, err);
    if (st == ST_OK) {
        app_edit(a, next);
        ranking_show(a, now, was, 0, out);
    }
    ranking_free(now);
    ranking_free(was);
    return st;
}

// clang-format off
const struct cmd_arg args_whatif[] = {
    {.name = "POS=ITEM", .type = ARG_EDIT, .repeats = true, .doc = "1 is the oldest, -1 the newest"},
    {0},
};
// clang-format on

enum status run_whatif(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    struct sequence s = a->seq;
    for (int i = 0; i < call->n; i++)
        s.item[call->v[i].i] = (int32_t)call->v[i].num;
    return edit(a, &s, out, err);
}

// clang-format off
const struct cmd_arg args_whatif_drop[] = {
    {.name = "POS", .type = ARG_POSITION, .doc = "1 is the oldest, -1 the newest"},
    {0},
};
// clang-format on

enum status run_whatif_drop(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    struct sequence s = a->seq;
    int32_t at = (int32_t)call_int(call, "POS", 0);
    memmove(s.item + at, s.item + at + 1, sizeof *s.item * (size_t)(s.n - at - 1));
    s.n--;
    return edit(a, &s, out, err);
}

// clang-format off
const struct cmd_arg args_whatif_insert[] = {
    {.name = "POS", .type = ARG_POSITION, .doc = "before this one"},
    {.name = "ITEM", .type = ARG_ITEM, .doc = "what to put there"},
    {0},
};
// clang-format on

enum status run_whatif_insert(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                              struct err *err)
{
    struct sequence s = a->seq;
    int32_t at = (int32_t)call_int(call, "POS", 0);
    enum status st = room(&s, err);
    if (st != ST_OK)
        return st;
    memmove(s.item + at + 1, s.item + at, sizeof *s.item * (size_t)(s.n - at));
    s.item[at] = (int32_t)call_int(call, "ITEM", 1);
    s.n++;
    return edit(a, &s, out, err);
}

// clang-format off
const struct cmd_arg args_whatif_replace[] = {
    {.name = "POS", .type = ARG_POSITION, .doc = "1 is the oldest, -1 the newest"},
    {.name = "ITEM", .type = ARG_ITEM, .doc = "what to put there"},
    {0},
};
// clang-format on

enum status run_whatif_replace(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                               struct err *err)
{
    struct sequence s = a->seq;
    s.item[call_int(call, "POS", 0)] = (int32_t)call_int(call, "ITEM", 1);
    return edit(a, &s, out, err);
}

// clang-format off
const struct cmd_arg args_whatif_swap[] = {
    {.name = "POS1", .type = ARG_POSITION, .doc = "one"},
    {.name = "POS2", .type = ARG_POSITION, .doc = "the other"},
    {0},
};
// clang-format on

enum status run_whatif_swap(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    struct sequence s = a->seq;
    int64_t i = call_int(call, "POS1", 0), k = call_int(call, "POS2", 0);
    int32_t item = s.item[i];
    s.item[i] = s.item[k];
    s.item[k] = item;
    return edit(a, &s, out, err);
}

// clang-format off
const struct cmd_arg args_whatif_mask[] = {
    {.name = "POS", .type = ARG_POSITION, .doc = "1 is the oldest, -1 the newest"},
    {0},
};
// clang-format on

enum status run_whatif_mask(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    struct sequence s = a->seq;
    s.item[call_int(call, "POS", 0)] = a->ds->n_items + 1;
    enum status st = check_sequence(a, a->slot, &s, err);
    return st == ST_OK ? edit(a, &s, out, err) : st;
}

const struct cmd_arg args_whatif_undo[] = {{0}};
const struct cmd_arg args_whatif_redo[] = {{0}};

static enum status undo(struct app *a, int dir, struct cmd_out *out, struct err *err)
{
    if (!app_undo(a, dir)) {
        err_set(err, ST_STATE, "nothing to %s", dir < 0 ? "undo" : "redo");
        return err_hint(err, "no-edit", NULL), ST_STATE;
    }
    show_sequence(a, "seq", &a->seq, out);
    return ST_OK;
}

enum status run_whatif_undo(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    (void)call;
    return undo(a, -1, out, err);
}

enum status run_whatif_redo(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    (void)call;
    return undo(a, 1, out, err);
}
