/* Words become typed, range-checked values. */
#include "app/cmd/call.h"
#include "app/cmd/condition.h"
#include "app/settings.h"
#include "app/cmd/suggest.h"
#include "app/cmd/number.h"
#include "app/ui_state.h"
#include "app/ui/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_prefix(const char *p, const char *s)
{
    return strncmp(p, s, strlen(p)) == 0;
}

/* ---- single values ---- */

static bool digits(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n > 0 && n <= 18 && !s[n];
}

static bool integer(const char *s, int64_t *out)
{
    const char *d = s + (*s == '-' || *s == '+');
    if (!digits(d))
        return false;
    *out = strtoll(s, NULL, 10);
    return true;
}

enum status arg_slot(const char *text, int *slot, struct err *err)
{
    if (text[0] >= 'A' && text[0] <= 'Z' && !text[1]) {
        *slot = text[0] - 'A';
        return ST_OK;
    }
    if (text[0] >= 'a' && text[0] <= 'z' && !text[1]) {
        err_set(err, ST_ARG, "\"%s\" is not a slot", text);
        return err_hint(err, "bad-value", "Did you mean %c?", text[0] - 'a' + 'A'), ST_ARG;
    }
    err_set(err, ST_ARG, "\"%.40s\" is not a slot", text);
    return err_hint(err, "bad-value", "Slots are the letters A to Z"), ST_ARG;
}

static enum status need_data(const struct app *a, struct err *err)
{
    if (a->ds)
        return ST_OK;
    err_set(err, ST_STATE, "load data first");
    return err_hint(err, "no-data", "Try: data plant twins"), ST_STATE;
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
    return *a == *b;
}

static enum status item_by_name(const struct app *a, const char *name, int32_t *item,
                                struct err *err)
{
    const struct dataset *ds = a->ds;
    *item = *name ? dataset_find_item(ds, name) : 0;
    if (*item)
        return ST_OK;
    if (ds->item_id)
        for (int32_t i = 1; i <= ds->n_items; i++)
            if (same_name(ds->item_id[i], name))
                return *item = i, ST_OK;
    err_set(err, ST_ARG, "\"%.60s\" is not an item", name);
    char near[96] = "";
    size_t n = 0;
    int found = 0;
    size_t len = strlen(name);
    /* Names that begin alike, then names at a small distance: at most three. */
    for (int pass = 0; pass < 2 && ds->item_name && len > 0 && found < 3; pass++)
        for (int32_t i = 1; i <= ds->n_items && found < 3; i++) {
            const char *cand = ds->item_name[i];
            if (!cand)
                continue;
            bool begins = strlen(cand) >= len && len >= 3;
            for (size_t k = 0; begins && k < len; k++)
                begins = tolower((unsigned char)cand[k]) == tolower((unsigned char)name[k]);
            if (pass == 0 ? !begins : begins || edit_distance(name, cand, 2) > 2)
                continue;
            char clean[32];
            int w = snprintf(near + n, sizeof near - n, "%s%s (%d)",
                             found ? ", " : "near: ", inert(clean, sizeof clean, cand), (int)i);
            if (w < 0 || (size_t)w >= sizeof near - n) {
                near[n] = '\0';
                break;
            }
            n += (size_t)w;
            found++;
        }
    if (found)
        return err_hint(err, "bad-item", "%s", near), ST_ARG;
    return err_hint(err, "bad-item", "Try: find %.24s, or: data info", *name ? name : "NAME"),
           ST_ARG;
}

enum status arg_item(const struct app *a, const struct lex_part *p, int32_t *item,
                     struct err *err)
{
    if (need_data(a, err) != ST_OK)
        return ST_STATE;
    int64_t v;
    if (p->quoted || p->at)
        return item_by_name(a, p->text, item, err);
    if (strcmp(p->text, "_") == 0)
        return *item = a->ds->n_items + 1, ST_OK;
    if (integer(p->text, &v)) {
        if (v < 1 || v > a->ds->n_items) {
            if (v == 0) {
                err_set(err, ST_ARG, "0 is padding, items are 1..%d", (int)a->ds->n_items);
                return err_hint(err, "bad-item", "Try: data info"), ST_ARG;
            }
            err_set(err, ST_ARG, "%lld is not in 1..%d (data %.60s)", (long long)v,
                    (int)a->ds->n_items, a->ds->name);
            return err_hint(err, "bad-item", "Try /%lld or: data info",
                            (long long)(v < 0 ? -v : v)),
                   ST_ARG;
        }
        return *item = (int32_t)v, ST_OK;
    }
    if (!p->text[0]) {
        err_set(err, ST_ARG, "an item is missing here");
        return err_hint(err, "bad-item", "Try: predict 12,87,3"), ST_ARG;
    }
    enum status st = item_by_name(a, p->text, item, err);
    if (st == ST_OK) { /* a bare word that is a name: say how names are written */
        err_set(err, ST_ARG, "\"%.60s\" is not a number", p->text);
        return err_hint(err, "bad-item", "Names take an @: @%.60s", p->text), ST_ARG;
    }
    return st;
}

static enum status session_number(const struct app *a, const char *text, int64_t *out,
                                  struct err *err)
{
    if (need_data(a, err) != ST_OK)
        return ST_STATE;
    const char *d = is_prefix("s:", text) ? text + 2 : *text == 's' ? text + 1 : text;
    int64_t v;
    if (!digits(d) || !integer(d, &v) || v < 1 || v > a->ds->n_sessions) {
        err_set(err, ST_ARG, "\"%.40s\" is not a session: they are s:1..s:%d", text,
                (int)a->ds->n_sessions);
        return err_hint(err, "bad-value", "Try: data show s:1"), ST_ARG;
    }
    *out = v - 1;
    return ST_OK;
}

static enum status sequence_add(struct sequence *s, const int32_t *item, int32_t n,
                                struct err *err)
{
    if (n > SEQ_MAX - s->n) {
        err_set(err, ST_ARG, "a sequence has at most %d items", SEQ_MAX);
        return err_hint(err, "bad-value", "Leave out the oldest"), ST_ARG;
    }
    memcpy(s->item + s->n, item, sizeof *item * (size_t)n);
    s->n += n;
    return ST_OK;
}

static enum status sequence_part(const struct app *a, const struct lex_part *p,
                                 struct sequence *s, struct err *err)
{
    bool bare = !p->quoted && !p->at;
    if (bare && strcmp(p->text, "$") == 0) {
        if (!a->seq.n) {
            err_set(err, ST_STATE, "the sequence is empty");
            return err_hint(err, "empty-seq", "Try: seq 12 87 3"), ST_STATE;
        }
        return sequence_add(s, a->seq.item, a->seq.n, err);
    }
    if (bare && strcmp(p->text, "$pin") == 0) {
        if (!a->has_pin) {
            err_set(err, ST_STATE, "nothing is pinned");
            return err_hint(err, "empty-seq", "Try: pin"), ST_STATE;
        }
        return sequence_add(s, a->pin.item, a->pin.n, err);
    }
    if (bare && is_prefix("s:", p->text)) {
        int64_t k;
        if (session_number(a, p->text, &k, err) != ST_OK)
            return err ? err->code : ST_ARG;
        int64_t from = a->ds->off[k], n = a->ds->off[k + 1] - from;
        if (n > SEQ_MAX) /* a long history: its newest part */
            from += n - SEQ_MAX, n = SEQ_MAX;
        return sequence_add(s, a->ds->item + from, (int32_t)n, err);
    }
    int32_t item;
    enum status st = arg_item(a, p, &item, err);
    return st == ST_OK ? sequence_add(s, &item, 1, err) : st;
}

static bool time_ok(const char *s)
{
    static const char *const words[] = {"live", "first", "best", "next", "prev", NULL};
    for (int i = 0; words[i]; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return digits(s + (*s == '+' || *s == '-' || *s == '@'));
}

static bool side_ok(const char *s)
{
    if (s[0] < 'A' || s[0] > 'Z')
        return false;
    return !s[1] || (s[1] == '@' && (digits(s + 2) || strcmp(s + 2, "live") == 0 ||
                                     strcmp(s + 2, "best") == 0));
}

/* ---- binding ---- */

struct binder {
    struct app *a;
    const struct cmd_def *def;
    const char *line;
    bool strict;
    struct arena *mem;
    struct place *where;
    struct err *err;
    struct arg_value *v;
    int n, max;
};

static enum status blame(struct binder *b, int32_t col, int32_t len, enum status st)
{
    b->where->col = col;
    b->where->len = len;
    return st;
}

static void list_choices(const char *const *choices, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (int i = 0; choices[i]; i++) {
        int w = snprintf(buf + n, size - n, "%s%s", i ? " " : "", choices[i]);
        if (w < 0 || (size_t)w >= size - n)
            return;
        n += (size_t)w;
    }
}

static enum status bad_choice(const char *what, const char *text, const char *const *choices,
                              struct err *err)
{
    struct suggest s;
    suggest_begin(&s, text);
    for (int i = 0; choices[i]; i++)
        suggest_add(&s, choices[i]);
    char list[90];
    list_choices(choices, list, sizeof list);
    err_set(err, ST_ARG, "%s cannot be \"%.40s\"", what, text);
    if (s.pick)
        return err_hint(err, "bad-value", "Did you mean %s?", s.pick), ST_ARG;
    return err_hint(err, "bad-value", "One of: %s", list), ST_ARG;
}

/* The names of a table as choices: models, worlds; kept in the call's memory. */
static const char *const *table_names(enum arg_type type, struct arena *mem)
{
    int n = 0;
    if (type == ARG_MODEL)
        while (model_defs[n])
            n++;
    else
        while (world_defs[n])
            n++;
    const char **out = arena_alloc(mem, sizeof *out * (size_t)(n + 1));
    for (int i = 0; out && i < n; i++)
        out[i] = type == ARG_MODEL ? model_defs[i]->name : world_defs[i]->name;
    return out;
}

static enum status value(struct binder *b, struct arg_value *v, const struct lex_part *p)
{
    const struct cmd_arg *arg = v->arg;
    const struct app *a = b->a;
    struct err *err = b->err;
    v->text = p->text;
    switch (arg->type) {
    case ARG_INT:
    case ARG_FLOAT: {
        enum status st = number_parse(arg->name, p->text, arg->type == ARG_INT, arg->min,
                                      arg->max, &v->num, err);
        v->i = st == ST_OK ? (int64_t)v->num : 0;
        return st;
    }
    case ARG_ITEM: {
        int32_t item;
        if (a->ui && !p->quoted && !p->at && strcmp(p->text, "cursor") == 0) {
            item = a->ui->select.item > 0 ? a->ui->select.item : a->ui->select.first;
            if (item > 0 && a->ds && item <= a->ds->n_items)
                return v->i = item, ST_OK;
            err_set(err, ST_STATE, "the cursor is on no item");
            return err_hint(err, "bad-item", "Move it to a row of the list"), ST_STATE;
        }
        enum status st = arg_item(a, p, &item, err);
        v->i = st == ST_OK ? item : 0;
        return st;
    }
    case ARG_POSITION: {
        int64_t k;
        int32_t n = a->seq.n;
        if (strcmp(p->text, "cursor") == 0)
            k = a->cursor + 1;
        else if (!integer(p->text, &k)) {
            err_set(err, ST_ARG, "\"%.40s\" is not a position: 1 is the oldest, -1 the newest",
                    p->text);
            return err_hint(err, "bad-position", NULL), ST_ARG;
        }
        if (k < 0)
            k += n + 1;
        if (k < 1 || k > n) {
            err_set(err, ST_ARG, "position %.20s is outside the sequence (%d items)", p->text,
                    (int)n);
            return err_hint(err, "bad-position", n ? NULL : "Try: seq 12 87 3"), ST_ARG;
        }
        return v->i = k - 1, ST_OK;
    }
    case ARG_SLOT: {
        int slot;
        enum status st = arg_slot(p->text, &slot, err);
        v->i = st == ST_OK ? slot : 0;
        return st;
    }
    case ARG_SESSION: {
        return session_number(a, p->text, &v->i, err);
    }
    case ARG_CHOICE:
        for (int i = 0; arg->choices[i]; i++)
            if (strcmp(arg->choices[i], p->text) == 0)
                return v->i = i, ST_OK;
        return bad_choice(arg->name, p->text, arg->choices, err);
    case ARG_MODEL:
    case ARG_WORLD: {
        const char *const *names = table_names(arg->type, b->mem);
        if (!names)
            return err_nomem(err, 256, "names");
        for (int i = 0; names[i]; i++)
            if (strcmp(names[i], p->text) == 0)
                return v->i = i, ST_OK;
        enum status st =
            bad_choice(arg->type == ARG_MODEL ? "the model" : "the world", p->text, names, err);
        return st;
    }
    case ARG_TIME:
        if (time_ok(p->text))
            return ST_OK;
        err_set(err, ST_ARG, "\"%.40s\" is not a time", p->text);
        return err_hint(err, "bad-value",
                        "live, first, best, next, prev, a step number, +N or -N"),
               ST_ARG;
    case ARG_SIDE:
        if (side_ok(p->text))
            return ST_OK;
        err_set(err, ST_ARG, "\"%.40s\" is not a side", p->text);
        return err_hint(err, "bad-value",
                        "A slot, or a slot at a time: A, A@200, A@live, A@best"),
               ST_ARG;
    case ARG_CONDITION: {
        struct condition c;
        return condition_parse(&c, p->text, err);
    }
    case ARG_QUANTITY: {
        struct quantity q;
        return quantity_parse(&q, p->text, err);
    }
    case ARG_METRIC: {
        struct quantity q;
        if (quantity_parse(&q, p->text, NULL) == ST_OK &&
            (q.kind == Q_HR || q.kind == Q_NDCG || q.kind == Q_MRR)) {
            v->i = q.kind;
            return ST_OK;
        }
        err_set(err, ST_ARG, "\"%.40s\" is not a metric", p->text);
        return err_hint(err, "bad-value", "Metrics: hr@10 ndcg@10 mrr"), ST_ARG;
    }
    case ARG_VIEW:
    case ARG_WORD:
    case ARG_TEXT:
    case ARG_PATH:
    case ARG_DATASET:
    case ARG_SETTING:
    case ARG_TENSOR:
    case ARG_KEY:
    case ARG_COMMAND:
    case ARG_PAIR:
        if (!p->text[0] && arg->type != ARG_TEXT && arg->type != ARG_PAIR &&
            arg->type != ARG_COMMAND) {
            err_set(err, ST_ARG, "%s is empty", arg->name);
            return err_hint(err, "bad-value", NULL), ST_ARG;
        }
        return ST_OK;
    case ARG_FLAG:
    case ARG_EDIT:
    case ARG_SEQUENCE:
        break;
    }
    return ST_OK;
}

static struct arg_value *push(struct binder *b, const struct cmd_arg *arg,
                              const struct token *t)
{
    struct arg_value *v = &b->v[b->n++];
    *v = (struct arg_value){.arg = arg, .text = t->value, .col = t->col, .len = t->len};
    return v;
}

static const struct cmd_arg *find_arg(const struct cmd_def *d, const char *name, bool option)
{
    for (const struct cmd_arg *p = d->args; p && p->name; p++)
        if (p->option == option && p->type != ARG_PAIR && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static const struct cmd_arg *find_type(const struct cmd_def *d, enum arg_type type)
{
    for (const struct cmd_arg *p = d->args; p && p->name; p++)
        if (p->type == type)
            return p;
    return NULL;
}

static enum status bind_option(struct binder *b, const struct cmd_arg *arg,
                               const struct token *t)
{
    for (int i = 0; i < b->n; i++)
        if (b->v[i].arg == arg && !arg->repeats) {
            err_set(b->err, ST_ARG, "%s= is given twice", arg->name);
            return blame(b, t->col, t->len, (err_hint(b->err, "bad-value", NULL), ST_ARG));
        }
    struct lex_part whole = {t->value, t->value_col, t->col + t->len - t->value_col, t->quoted,
                             false};
    if (arg->type == ARG_SEQUENCE) {
        struct arg_value *v = push(b, arg, t);
        struct sequence *s = arena_alloc(b->mem, sizeof *s);
        if (!s)
            return err_nomem(b->err, sizeof *s, "a sequence");
        v->seq = s;
        for (int i = 0; i < t->n_part; i++)
            if (sequence_part(b->a, &t->part[i], s, b->err) != ST_OK)
                return blame(b, t->part[i].col, t->part[i].len, b->err ? b->err->code : ST_ARG);
        return ST_OK;
    }
    int n = arg->repeats || arg->type == ARG_ITEM ? t->n_part : 1;
    if (n > 1 && !arg->repeats) {
        err_set(b->err, ST_ARG, "%s takes one value", arg->name);
        return blame(b, t->col, t->len, (err_hint(b->err, "bad-value", NULL), ST_ARG));
    }
    for (int i = 0; i < n; i++) {
        const struct lex_part *p = arg->repeats || arg->type == ARG_ITEM ? &t->part[i] : &whole;
        struct arg_value *v = push(b, arg, t);
        v->col = p->col;
        v->len = p->len;
        enum status st = value(b, v, p);
        if (st != ST_OK)
            return blame(b, p->len ? p->col : t->col, p->len ? p->len : t->len, st);
    }
    return ST_OK;
}

/* POS=ITEM: the position by the sequence, the item by the data; kept as i (place) and num
 * (item). */
static enum status bind_edit(struct binder *b, const struct cmd_arg *arg, const struct token *t)
{
    const char *eq = strchr(t->text, '=');
    struct arg_value *v = push(b, arg, t);
    v->text = t->text;
    size_t n = eq ? (size_t)(eq - t->text) : 0;
    char pos[24];
    if (!eq || n == 0 || n >= sizeof pos || !eq[1]) {
        err_set(b->err, ST_ARG, "\"%.40s\" is not POS=ITEM", t->text);
        return blame(b, t->col, t->len,
                     (err_hint(b->err, "bad-value", "Try: whatif 2=45"), ST_ARG));
    }
    memcpy(pos, t->text, n);
    pos[n] = '\0';
    static const struct cmd_arg where = {.name = "POS", .type = ARG_POSITION};
    struct arg_value pv = {.arg = &where};
    struct lex_part pp = {pos, t->col, (int32_t)n, false, false};
    enum status st = value(b, &pv, &pp);
    if (st != ST_OK)
        return blame(b, t->col, (int32_t)n, st);
    const char *item_text = eq + 1;
    bool at = *item_text == '@';
    struct lex_part ip = {item_text + at, t->col + (int32_t)n + 1, t->len - (int32_t)n - 1,
                          b->line[t->col + (int32_t)n + 1] == '"', at};
    int32_t item;
    st = arg_item(b->a, &ip, &item, b->err);
    if (st != ST_OK)
        return blame(b, ip.col, ip.len, st);
    v->i = pv.i;
    v->num = item;
    return ST_OK;
}

/* Does this word look like what the argument takes?  Decides whether an optional word is
 * left out. */
static bool fits(struct binder *b, const struct cmd_arg *arg, const struct token *t)
{
    int64_t v;
    switch (arg->type) {
    case ARG_INT:
        return integer(t->text, &v) ||
               (t->text[0] && strspn(t->text, "0123456789.-+eE") == strlen(t->text));
    case ARG_FLOAT:
        return t->text[0] && strspn(t->text, "0123456789.-+eE") == strlen(t->text);
    case ARG_FLAG:
        return !t->quoted && strcmp(t->text, arg->name) == 0;
    case ARG_EDIT:
        return !t->quoted && strchr(t->text, '=');
    case ARG_SLOT:
        return t->text[0] >= 'A' && t->text[0] <= 'Z' && !t->text[1];
    case ARG_CHOICE:
        for (int i = 0; arg->choices[i]; i++)
            if (strcmp(arg->choices[i], t->text) == 0)
                return true;
        return false;
    default:
        return !t->key || arg->type == ARG_CONDITION || arg->type == ARG_TEXT ||
               arg->type == ARG_PATH || arg->type == ARG_TENSOR || arg->type == ARG_COMMAND ||
               arg->type == ARG_DATASET;
    }
    (void)b;
}

static enum status bad_key(struct binder *b, const struct token *t)
{
    struct suggest s;
    suggest_begin(&s, t->key);
    for (const struct cmd_arg *p = b->def->args; p && p->name; p++)
        if (p->option && p->type != ARG_PAIR)
            suggest_add(&s, p->name);
    err_set(b->err, ST_ARG, "%s has no option \"%.40s\"", b->def->name, t->key);
    blame(b, t->col, (int32_t)strlen(t->key), ST_ARG);
    if (s.pick)
        return err_hint(b->err, "bad-key", "Did you mean %s?", s.pick), ST_ARG;
    return err_hint(b->err, "bad-key", "Try: help %s", b->def->name), ST_ARG;
}

static enum status bad_usage(struct binder *b, const char *what, const char *word)
{
    char usage[160];
    cmd_usage(b->def, usage, sizeof usage);
    if (word)
        err_set(b->err, ST_ARG, "%s %s \"%.40s\"", b->def->name, what, word);
    else
        err_set(b->err, ST_ARG, "%s %s", b->def->name, what);
    return err_hint(b->err, "usage", "Use: %.80s", usage), ST_ARG;
}

enum status call_bind(struct cmd_call *out, struct app *a, const struct cmd_def *def,
                      const struct lex_command *c, int words, const char *line, bool strict,
                      struct arena *mem, struct place *where, struct err *err)
{
    struct binder b = {.a = a,
                       .def = def,
                       .line = line,
                       .strict = strict,
                       .mem = mem,
                       .where = where,
                       .err = err};
    b.max = 1;
    for (int i = words; i < c->n; i++)
        b.max += c->token[i].n_part + 1;
    b.v = arena_alloc(mem, sizeof *b.v * (size_t)b.max);
    char *text = arena_printf(mem, "%.*s", (int)(c->to - c->from), line + c->from);
    if (!b.v || !text)
        return err_nomem(err, sizeof *b.v * (unsigned long long)b.max, "a command");
    *out = (struct cmd_call){.def = def, .line = text, .strict = strict};
    *where = (struct place){c->from, c->to - c->from};

    const struct cmd_arg *pair = find_type(def, ARG_PAIR), *next = def->args;
    struct sequence *seq = NULL;
    enum status st;
    for (int i = words; i < c->n; i++) {
        const struct token *t = &c->token[i];
        if (next && next->name && next->type == ARG_COMMAND &&
            !next->option) { /* the rest of the command, as typed */
            struct arg_value *v = push(&b, next, t);
            v->text = c->n - i == 1 && t->quoted
                          ? t->text
                          : arena_printf(mem, "%.*s", (int)(c->to - t->col), line + t->col);
            if (!v->text)
                return err_nomem(err, 80, "a command");
            v->len = c->to - t->col;
            next++;
            break;
        }
        const struct cmd_arg *opt = t->key ? find_arg(def, t->key, true) : NULL;
        if (opt) {
            st = bind_option(&b, opt, t);
            if (st != ST_OK)
                return st;
            continue;
        }
        const struct cmd_arg *flag =
            !t->quoted && !t->key ? find_arg(def, t->text, false) : NULL;
        if (flag && flag->type == ARG_FLAG && flag->optional) {
            push(&b, flag, t)->i = 1;
            continue;
        }
        /* The next place that takes this word; optional ones that do not fit are left out. */
        const struct cmd_arg *take = NULL, *p = next;
        for (; p && p->name; p++) {
            if (p->option || (p->type == ARG_FLAG && p->optional))
                continue;
            if (t->key && !fits(&b, p, t) && p->type != ARG_EDIT)
                continue;
            if (!fits(&b, p, t) && p->optional) {
                const struct cmd_arg *q = p + 1;
                bool another = false;
                for (; q->name; q++)
                    another = another || (!q->option && !(q->type == ARG_FLAG && q->optional));
                if (another)
                    continue;
            }
            take = p;
            break;
        }
        if (t->key && (!take || (pair && take->type != ARG_EDIT &&
                                 take->type != ARG_CONDITION && take->type != ARG_TEXT))) {
            if (!pair)
                return bad_key(&b, t);
            struct arg_value *v = push(&b, pair, t);
            v->key = t->key;
            continue;
        }
        if (!take)
            return blame(&b, t->col, t->len, bad_usage(&b, "takes no", t->text));
        if (take->type == ARG_FLAG && !fits(&b, take, t)) {
            blame(&b, t->col, t->len, ST_ARG);
            err_set(err, ST_ARG, "the word \"%s\" belongs here", take->name);
            char usage[160];
            cmd_usage(def, usage, sizeof usage);
            return err_hint(err, "usage", "Use: %.80s", usage), ST_ARG;
        }
        next = take->repeats ? take : take + 1;
        if (take->type == ARG_SEQUENCE) {
            if (!seq) {
                seq = arena_alloc(mem, sizeof *seq);
                if (!seq)
                    return err_nomem(err, sizeof *seq, "a sequence");
                push(&b, take, t)->seq = seq;
            }
            for (int k = 0; k < t->n_part; k++) {
                /* "12, 87": the comma ends a word, the part behind it is empty */
                if (!t->part[k].text[0] && !t->part[k].quoted && !t->part[k].at &&
                    t->n_part > 1)
                    continue;
                st = sequence_part(a, &t->part[k], seq, err);
                if (st != ST_OK)
                    return blame(&b, t->part[k].len ? t->part[k].col : t->col,
                                 t->part[k].len ? t->part[k].len : t->len, st);
            }
            continue;
        }
        if (take->type == ARG_EDIT) {
            st = bind_edit(&b, take, t);
            if (st != ST_OK)
                return st;
            continue;
        }
        struct lex_part whole = {t->text, t->col, t->len, t->quoted, false};
        if (take->type == ARG_ITEM && !t->key)
            whole = t->part[0];
        struct arg_value *v = push(&b, take, t);
        v->text = t->text;
        st = value(&b, v, &whole);
        if (st == ST_OK && take->type == ARG_ITEM && t->n_part > 1)
            st = bad_usage(&b, "takes one item here, got", t->text);
        if (st != ST_OK)
            return blame(&b, t->col, t->len, st);
    }
    for (const struct cmd_arg *p = def->args; p && p->name; p++) {
        bool given = p->optional;
        for (int i = 0; i < b.n && !given; i++)
            given = b.v[i].arg == p;
        if (given)
            continue;
        if (p->type == ARG_SEQUENCE) {
            err_set(err, ST_ARG, "%s needs at least one item", def->name);
            return err_hint(err, "empty-seq", "Try: %s 12 87 3", def->name), ST_ARG;
        }
        return bad_usage(&b, "needs", p->name);
    }
    if (seq && !seq->n) {
        err_set(err, ST_ARG, "%s needs at least one item", def->name);
        return err_hint(err, "empty-seq", "Try: %s 12 87 3", def->name), ST_ARG;
    }
    out->n = b.n;
    out->v = b.v;
    return ST_OK;
}
