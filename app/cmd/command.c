/* The table of commands, and running a line: words -> row -> typed call -> handler ->
 * log.  Reading words is lex.c, typing them args.c. */
#include "app/cmd/commands.h"
#include "app/cmd/call.h"
#include "app/cmd/script.h"
#include "app/settings.h"
#include "app/cmd/suggest.h"
#include "app/lesson/course.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct cmd_def cmd_defs[] = {
#define COMMAND(id, name, group, flags, summary, help)                                         \
    {name, group, summary, help, args_##id, flags, run_##id},
#include "app/cmd/commands.def"
#undef COMMAND
    {0},
};

/* ---- lookup ---- */

static size_t verb_len(const char *name)
{
    return strcspn(name, " ");
}

static bool is_verb(const struct cmd_def *d, const char *word)
{
    size_t n = strlen(word);
    return verb_len(d->name) == n && strncmp(d->name, word, n) == 0;
}

static const char *second(const struct cmd_def *d) /* NULL = a name of one word */
{
    const char *blank = strchr(d->name, ' ');
    return blank ? blank + 1 : NULL;
}

const struct cmd_def *cmd_find(const char *name, bool prefix)
{
    const struct cmd_def *found = NULL;
    for (const struct cmd_def *d = cmd_defs; d->name; d++)
        if (strcmp(d->name, name) == 0)
            return d;
    for (const struct cmd_def *d = cmd_defs; d->name; d++) /* "data" finds its first row */
        if (is_verb(d, name))
            return d;
    for (const struct cmd_def *d = cmd_defs; prefix && *name && d->name; d++)
        if (is_prefix(name, d->name) && !(d->flags & CMD_HIDDEN)) {
            if (found && (verb_len(found->name) != verb_len(d->name) ||
                          strncmp(found->name, d->name, verb_len(d->name)) != 0))
                return NULL;
            found = found ? found : d;
        }
    return found;
}

/* The verb a first word stands for: its row (any of the verb), NULL = none or several (err
 * says). */
static const struct cmd_def *find_verb(const char *word, bool strict, struct err *err)
{
    const struct cmd_def *found = NULL;
    for (const struct cmd_def *d = cmd_defs; d->name; d++)
        if (is_verb(d, word))
            return d;
    for (const struct cmd_def *d = cmd_defs; !strict && *word && d->name; d++) {
        if (!is_prefix(word, d->name) || (d->flags & CMD_HIDDEN))
            continue;
        if (found && !(verb_len(found->name) == verb_len(d->name) &&
                       strncmp(found->name, d->name, verb_len(d->name)) == 0)) {
            err_set(err, ST_ARG, "\"%.40s\" could be %.*s or %.*s", word,
                    (int)verb_len(found->name), found->name, (int)verb_len(d->name), d->name);
            err_hint(err, "unknown", "Type one letter more");
            return NULL;
        }
        found = found ? found : d;
    }
    if (found)
        return found;
    struct suggest s;
    suggest_begin(&s, word);
    for (const struct cmd_def *d = cmd_defs; d->name; d++)
        if (!(d->flags & CMD_HIDDEN) && !second(d))
            suggest_add(&s, d->name);
        else if (!(d->flags & CMD_HIDDEN)) { /* "data list" stands for "data" */
            static const char *const verbs[] = {"data", "model",  "save",
                                                "load", "export", NULL};
            for (int i = 0; verbs[i]; i++)
                if (is_verb(d, verbs[i]))
                    suggest_add(&s, verbs[i]);
        }
    err_set(err, ST_ARG, "unknown command \"%.60s\"", word);
    if (s.pick)
        err_hint(err, "unknown", "Did you mean %s?", s.pick);
    else
        err_hint(err, "unknown", "Try: help");
    return NULL;
}

enum status command_lookup(const struct lex_command *c, bool strict, const struct cmd_def **def,
                           int *words, struct place *where, struct err *err)
{
    const struct token *t = c->token;
    *where = (struct place){t->col, t->len};
    *def = NULL;
    const struct cmd_def *verb = t->quoted ? NULL : find_verb(t->text, strict, err);
    if (t->quoted) {
        err_set(err, ST_ARG, "a command stands here, not a name in quotes");
        err_hint(err, "unknown", "Try: help");
    }
    if (!verb)
        return ST_ARG;
    size_t n = verb_len(verb->name);
    const struct cmd_def *bare = NULL, *exact = NULL, *begins = NULL;
    int n_begin = 0;
    const struct token *u = c->n > 1 ? &c->token[1] : NULL;
    bool word = u && !u->quoted && !u->key && u->text[0];
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        if (verb_len(d->name) != n || strncmp(d->name, verb->name, n) != 0)
            continue;
        const char *s = second(d);
        if (!s) {
            bare = d;
        } else if (word && strcmp(s, u->text) == 0) {
            exact = d;
        } else if (word && !strict && is_prefix(u->text, s)) {
            begins = d;
            n_begin++;
        }
    }
    if (exact || n_begin == 1) {
        *def = exact ? exact : begins;
        *words = 2;
        return ST_OK;
    }
    if (bare) {
        *def = bare;
        *words = 1;
        return ST_OK;
    }
    char list[90] = "";
    size_t used = 0;
    struct suggest s;
    suggest_begin(&s, u ? u->text : "");
    for (const struct cmd_def *d = cmd_defs; d->name; d++)
        if (verb_len(d->name) == n && strncmp(d->name, verb->name, n) == 0 && second(d) &&
            !(d->flags & CMD_HIDDEN)) {
            suggest_add(&s, second(d));
            int w =
                snprintf(list + used, sizeof list - used, "%s%s", used ? " " : "", second(d));
            if (w > 0 && (size_t)w < sizeof list - used)
                used += (size_t)w;
        }
    if (u)
        *where = (struct place){u->col, u->len};
    if (!u)
        err_set(err, ST_ARG, "%.*s needs one of: %s", (int)n, verb->name, list);
    else
        err_set(err, ST_ARG, "%.*s does not know \"%.40s\"", (int)n, verb->name, u->text);
    if (u && s.pick)
        return err_hint(err, "unknown", "Did you mean %s?", s.pick), ST_ARG;
    if (u)
        return err_hint(err, "unknown", "One of: %s", list), ST_ARG;
    return err_hint(err, "unknown", "Try: help %.*s", (int)n, verb->name), ST_ARG;
}

/* ---- usage ---- */

PRINTF_LIKE(4, 5) static void append(char *buf, size_t size, size_t *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int w = vsnprintf(buf + *n, size - *n, fmt, ap);
    va_end(ap);
    if (w > 0)
        *n = *n + (size_t)w < size ? *n + (size_t)w : size - 1;
}

static const char *type_word(enum arg_type t)
{
    switch (t) {
    case ARG_INT:
        return "N";
    case ARG_FLOAT:
        return "X";
    case ARG_ITEM:
        return "ITEM";
    case ARG_SEQUENCE:
        return "SEQUENCE";
    case ARG_TIME:
        return "TIME";
    case ARG_SLOT:
        return "SLOT";
    case ARG_CONDITION:
        return "CONDITION";
    case ARG_POSITION:
        return "POS";
    case ARG_PATH:
        return "FILE";
    case ARG_METRIC:
        return "METRIC";
    default:
        return "VALUE";
    }
}

void cmd_usage(const struct cmd_def *d, char *buf, size_t size)
{
    size_t n = 0;
    append(buf, size, &n, "%s", d->name);
    for (const struct cmd_arg *p = d->args; p && p->name; p++) {
        append(buf, size, &n, "%s", p->optional ? " [" : " ");
        if (p->type == ARG_PAIR)
            append(buf, size, &n, "KEY=VALUE");
        else if (p->option && p->type != ARG_CHOICE)
            append(buf, size, &n, "%s=%s", p->name, type_word(p->type));
        else if (p->option)
            append(buf, size, &n, "%s=", p->name);
        else if (p->type != ARG_CHOICE)
            append(buf, size, &n, "%s", p->name);
        for (int i = 0; p->type == ARG_CHOICE && p->choices[i]; i++)
            append(buf, size, &n, "%s%s", i ? "|" : "", p->choices[i]);
        if (p->repeats && p->type != ARG_SEQUENCE)
            append(buf, size, &n, "..");
        append(buf, size, &n, "%s", p->optional ? "]" : "");
    }
}

/* ---- running ---- */

static enum status allowed(struct app *a, const struct cmd_def *d, struct err *err)
{
    if ((d->flags & CMD_NEEDS_DATA) && !a->ds) {
        err_set(err, ST_STATE, "load data first");
        return err_hint(err, "no-data", "Try: data plant twins"), ST_STATE;
    }
    if ((d->flags & CMD_NEEDS_MODEL) && !app_slot(a)->model) {
        char slot = (char)('A' + a->slot);
        err_set(err, ST_STATE, "no model in slot %c", slot);
        return err_hint(err, "no-model",
                        a->ds ? "Try: model new sasrec"
                              : "Try: data plant twins; model new sasrec"),
               ST_STATE;
    }
    if ((d->flags & CMD_TUI_ONLY) && !a->ui) {
        err_set(err, ST_STATE, "%s needs the screen", d->name);
        return err_hint(err, "no-screen", "Start the program without --plain and --batch"),
               ST_STATE;
    }
    return ST_OK;
}

static const char *alias_of(const struct app *a, const char *word)
{
    for (int i = 0; i < a->n_alias; i++)
        if (strcmp(a->alias[i].name, word) == 0)
            return a->alias[i].command;
    return NULL;
}

static enum status run_one(struct app *a, const char *line, const struct lex_command *c,
                           bool strict, struct cmd_out *out, struct err *err)
{
    const struct cmd_def *def = NULL;
    struct cmd_call call = {0};
    struct place where;
    struct arena *mem = NULL;
    int words = 1;
    const char *alias = c->token->quoted ? NULL : alias_of(a, c->token->text);
    if (alias && !cmd_find(c->token->text, false)) {
        char *full = arena_printf(a->line_mem, "%s%.*s", alias,
                                  (int)(c->to - c->token->col - c->token->len),
                                  line + c->token->col + c->token->len);
        return full ? cmd_run_line(a, full, strict, out, err)
                    : err_nomem(err, 256, "a command");
    }
    enum status st = arena_new(&mem, 1 << 14, err);
    if (st == ST_OK)
        st = command_lookup(c, strict, &def, &words, &where, err);
    out_begin(out, def ? def->name : c->token->text);
    if (st == ST_OK && (st = allowed(a, def, err)) != ST_OK)
        where = (struct place){c->token->col, c->token[words - 1].col +
                                                  c->token[words - 1].len - c->token->col};
    if (st == ST_OK)
        st = call_bind(&call, a, def, c, words, line, strict, mem, &where, err);
    bool bound = st == ST_OK;
    int64_t step = app_step(a, a->slot);
    bool running = app_running(a, a->slot), trainer = app_slot(a)->trainer;
    if (bound) {
        out_place(out, 0, 0);
        st = def->run(a, &call, out, err);
    } else {
        out_place(out, where.col, where.len);
    }
    if (st != ST_OK) {
        char text[512];
        cmd_error_text(err, text, sizeof text);
        app_log(a, step, LOG_ERROR, "%.200s", text);
    } else if (a->cmd_depth == 1 && !(def->flags & CMD_HIDDEN)) {
        int at = a->log_at;
        app_log(a, step, LOG_COMMAND, "%.200s", call.line);
        a->log[at].running = running;
        a->log[at].by_event =
            trainer && (strcmp(def->name, "stop") == 0 ||
                        (strcmp(def->name, "set") == 0 && call_has(&call, "VALUE") &&
                         setting_find(call_text(&call, "KEY", "")) < 0));
    }
    if (st == ST_OK)
        course_saw(a, def);
    out_end(out, st == ST_OK ? NULL : err);
    arena_free(mem);
    return st;
}

enum status cmd_run_line(struct app *a, const char *line, bool strict, struct cmd_out *out,
                         struct err *err)
{
    struct err own = {0};
    struct lexed lx;
    int32_t col, len;
    err = err ? err : &own;
    err->kind[0] = err->hint[0] = '\0';
    if (a->cmd_depth >= CMD_DEPTH - 4) {
        err_set(err, ST_STATE,
                "commands are nested too deep (an alias or a script that runs itself?)");
        return err_hint(err, "usage", NULL), ST_STATE;
    }
    struct arena *mem = NULL, *before = a->line_mem;
    enum status st = arena_new(&mem, 1 << 14, err);
    if (st != ST_OK)
        return st;
    a->line_mem = mem;
    if (a->cmd_depth++ == 0) {
        a->error_shown = false;
        if (a->interactive) /* what was cancelled is over */
            a->cancel = false;
    }
    st = lex_line(line, false, mem, &lx, &col, &len, err);
    if (st != ST_OK) {
        char word[32];
        size_t skip = strspn(line, " \t");
        snprintf(word, sizeof word, "%.*s",
                 (int)strcspn(line + skip, " \t;\"") < 31 ? (int)strcspn(line + skip, " \t;\"")
                                                          : 31,
                 line + skip);
        out_begin(out, word);
        out_place(out, col, len);
        out_end(out, err);
    }
    if (st == ST_OK && lx.stamp >= 0 && lx.n > 0) {
        st = script_reach(a, lx.stamp, out, err);
        if (st != ST_OK) {
            out_begin(out, "@");
            out_end(out, err);
        }
    }
    for (int32_t i = 0; i < lx.n && st == ST_OK; i++) {
        st = run_one(a, line, &lx.command[i], strict, out, err);
        if (a->quit)
            break;
    }
    a->cmd_depth--;
    a->line_mem = before;
    arena_free(mem);
    return st;
}
