/* Reading lesson files; see lesson.h. */
#include "app/lesson/lesson.h"
#include "app/cmd/call.h"
#include "app/settings.h"
#include "app/ui/text.h"
#include "app/views/view.h"
#include "engine/base/arena.h"
#include "engine/base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parse {
    struct reader *r;
    struct lesson *l;
    struct lesson_step *step; /* NULL before the first */
    int64_t step_line;
    struct err *err;
};

static enum status bad(struct parse *p, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static enum status bad(struct parse *p, const char *hint, const char *fmt, ...)
{
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    reader_err(p->r, ST_FORMAT, p->err, "%s", what);
    return err_hint(p->err, "format", hint ? "%s" : NULL, hint), ST_FORMAT;
}

/* The same for what is missing in the step that ends here: its own line is the place. */
static enum status lacks(struct parse *p, const char *what)
{
    const char *name = strrchr(reader_path(p->r), '/');
    err_set(p->err, ST_FORMAT, "%.120s:%lld: step \"%.60s\" has no %s",
            name ? name + 1 : reader_path(p->r), (long long)p->step_line, p->step->title, what);
    return err_hint(p->err, "format", NULL), ST_FORMAT;
}

static enum status nomem(struct parse *p)
{
    return err_nomem(p->err, 256, "a lesson");
}

/* ---- pieces of a line ---- */

/* "Title" with the quotes; nothing after it. */
static enum status quoted(struct parse *p, const char *s, const char **out)
{
    size_t n = strlen(s);
    if (n < 3 || s[0] != '"' || s[n - 1] != '"' || memchr(s + 1, '"', n - 2))
        return bad(p, NULL, "a title stands in quotes: \"What a head reads\"");
    if (n > 80)
        return bad(p, NULL, "a title has at most 78 characters");
    char *copy = arena_strdup(p->l->mem, s + 1);
    if (!copy)
        return nomem(p);
    copy[n - 2] = '\0';
    *out = copy;
    return ST_OK;
}

static enum status prose(struct parse *p, const char **text, const char *line)
{
    if (text_width(line) > LESSON_COLUMNS)
        return bad(p, "Break the line", "%d columns; prose has at most %d a line",
                   text_width(line), LESSON_COLUMNS);
    *text =
        **text ? arena_printf(p->l->mem, "%s\n%s", *text, line) : arena_strdup(p->l->mem, line);
    return *text ? ST_OK : nomem(p);
}

static enum status add(struct parse *p, struct lesson_lines *to, const char *what,
                       const char *line)
{
    if (to->n == LESSON_LINES)
        return bad(p, NULL, "more than %d lines of %s", LESSON_LINES, what);
    to->line[to->n] = arena_strdup(p->l->mem, line);
    return to->line[to->n++] ? ST_OK : nomem(p);
}

/* Verbs and their second words must exist; arguments can depend on what runs before. */
static enum status commands(struct parse *p, struct lesson_lines *to, const char *what,
                            const char *line)
{
    struct lexed lx;
    struct arena *mem = NULL;
    struct err inner = {0};
    int32_t col, len;
    enum status st = arena_new(&mem, 1 << 12, p->err);
    if (st != ST_OK)
        return st;
    st = lex_line(line, false, mem, &lx, &col, &len, &inner);
    if (st == ST_OK && lx.n == 0)
        st = err_set(&inner, ST_FORMAT, "%s needs a command", what);
    if (st == ST_OK && lx.stamp >= 0)
        st = err_set(&inner, ST_FORMAT, "stamps belong to scripts");
    for (int32_t i = 0; st == ST_OK && i < lx.n; i++) {
        const struct cmd_def *def;
        struct place where;
        int words;
        st = command_lookup(&lx.command[i], true, &def, &words, &where, &inner);
        if (st == ST_OK &&
            (strncmp(def->name, "lesson ", 7) == 0 || strcmp(def->name, "source") == 0))
            st = err_set(&inner, ST_FORMAT, "a lesson cannot run lessons or scripts");
    }
    arena_free(mem);
    if (st != ST_OK)
        return bad(p, inner.hint, "%s", inner.msg);
    /* {here}: the folder of the lesson, for data that lies beside it. */
    const char *here = strstr(line, "{here}"), *path = reader_path(p->r),
               *slash = strrchr(path, '/');
    if (here)
        line = arena_printf(p->l->mem, "%.*s%.*s%s", (int)(here - line), line,
                            slash ? (int)(slash - path) : 1, slash ? path : ".", here + 6);
    return line ? add(p, to, what, line) : nomem(p);
}

static enum status hide(struct parse *p, char *rest)
{
    bool tabs = strncmp(rest, "tabs ", 5) == 0, settings = strncmp(rest, "settings ", 9) == 0;
    if (!tabs && !settings)
        return bad(p, NULL, "hide what?  hide tabs NAMES, or: hide settings NAMES");
    for (char *w = rest + (tabs ? 5 : 9), *next; *w; w = next) {
        next = w + strcspn(w, " ");
        if (*next)
            *next++ = '\0';
        next += strspn(next, " ");
        const struct tab_def *t = tabs ? tab_find(w) : NULL;
        bool known = tabs ? t && strcmp(t->name, w) == 0 : setting_find(w) >= 0;
        for (int m = 0; settings && !known && model_defs[m]; m++)
            for (const struct hparam_def *d = model_defs[m]->hparams; d && d->name; d++)
                known = known || strcmp(d->name, w) == 0;
        if (!known)
            return bad(p, NULL, "no %s \"%.40s\"", tabs ? "tab" : "setting", w);
        if (tabs && strcmp(w, "lessons") == 0)
            return bad(p, NULL, "the tab of the lessons cannot be hidden");
        enum status st = add(p, tabs ? &p->l->hidden_tabs : &p->l->hidden_settings, "hide", w);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- keywords ---- */

static enum status end_step(struct parse *p)
{
    const struct lesson_step *s = p->step;
    if (!s)
        return ST_OK;
    return !*s->text       ? lacks(p, "text")
           : !s->n_pass    ? lacks(p, "pass")
           : s->run.n == 0 ? lacks(p, "do")
                           : ST_OK;
}

static enum status on_lesson(struct parse *p, char *rest)
{
    if (p->l->title)
        return bad(p, NULL, "a file holds one lesson");
    size_t digits = strspn(rest, "0123456789");
    if (digits > 3)
        return bad(p, NULL, "a lesson's number is 1 to 999");
    p->l->number = (int)strtol(rest, NULL, 10);
    return quoted(p, rest + digits + strspn(rest + digits, " "), &p->l->title);
}

static enum status on_step(struct parse *p, char *rest)
{
    enum status st = end_step(p);
    if (st != ST_OK)
        return st;
    if (p->l->n_step == LESSON_STEPS)
        return bad(p, NULL, "a lesson has at most %d steps", LESSON_STEPS);
    p->step = &p->l->step[p->l->n_step++];
    p->step->text = p->step->task = p->step->after = "";
    p->step_line = reader_lineno(p->r);
    return quoted(p, rest, &p->step->title);
}

static enum status on_text(struct parse *p, char *rest)
{
    return prose(p, p->step ? &p->step->text : &p->l->text, rest);
}

static enum status on_task(struct parse *p, char *rest)
{
    return prose(p, &p->step->task, rest);
}
static enum status on_after(struct parse *p, char *rest)
{
    return prose(p, &p->step->after, rest);
}

static enum status on_pass(struct parse *p, char *rest)
{
    struct lesson_step *s = p->step;
    struct err inner = {0};
    if (s->n_pass == LESSON_PASSES)
        return bad(p, NULL, "a step has at most %d conditions", LESSON_PASSES);
    if (condition_parse(&s->pass[s->n_pass], rest, &inner) != ST_OK)
        return bad(p, inner.hint, "%s", inner.msg);
    s->pass_text[s->n_pass] = arena_strdup(p->l->mem, rest);
    return s->pass_text[s->n_pass++] ? ST_OK : nomem(p);
}

static enum status on_hint(struct parse *p, char *rest)
{
    return *rest ? add(p, &p->step->hint, "hint", rest) : bad(p, NULL, "an empty hint");
}

static enum status on_do(struct parse *p, char *rest)
{
    return commands(p, &p->step->run, "do", rest);
}

static enum status on_setup(struct parse *p, char *rest)
{
    return commands(p, p->step ? &p->step->setup : &p->l->setup, "setup", rest);
}

static const struct keyword {
    const char *name;
    enum { ANYWHERE, BEFORE_STEPS, IN_STEP } where;
    enum status (*take)(struct parse *p, char *rest);
} keywords[] = {
    {"lesson", BEFORE_STEPS, on_lesson},
    {"hide", BEFORE_STEPS, hide},
    {"setup", ANYWHERE, on_setup},
    {"step", ANYWHERE, on_step},
    {"text", ANYWHERE, on_text},
    {"task", IN_STEP, on_task},
    {"pass", IN_STEP, on_pass},
    {"hint", IN_STEP, on_hint},
    {"do", IN_STEP, on_do},
    {"after", IN_STEP, on_after},
};

static enum status take_line(struct parse *p, char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        line[--len] = '\0';
    line += strspn(line, " \t");
    if (reader_lineno(p->r) == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3;
    if (!*line || *line == '#')
        return ST_OK;
    char *rest = line + strcspn(line, " \t");
    if (*rest)
        *rest++ = '\0';
    rest += strspn(rest, " \t");
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        const struct keyword *k = &keywords[i];
        if (strcmp(k->name, line) != 0)
            continue;
        if (!p->l->title && k->take != on_lesson)
            return bad(p, NULL, "a lesson file begins with: lesson \"TITLE\"");
        if (k->where == BEFORE_STEPS && p->step)
            return bad(p, NULL, "%s belongs before the first step", k->name);
        if (k->where == IN_STEP && !p->step)
            return bad(p, NULL, "%s belongs to a step", k->name);
        return k->take(p, rest);
    }
    return bad(p, "lesson text setup hide step task pass hint do after",
               "no keyword of lessons: \"%.40s\"", line);
}

enum status lesson_read(struct lesson **out, const char *path, struct err *err)
{
    struct parse p = {.err = err};
    struct lesson *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l)
        return err_nomem(err, sizeof *l, "a lesson");
    p.l = l;
    l->text = "";
    enum status st = arena_new(&l->mem, 1 << 14, err);
    if (st == ST_OK)
        st = reader_open(&p.r, path, err);
    if (st != ST_OK)
        err_hint(err, "file", NULL);
    while (st == ST_OK) {
        char *line;
        size_t len;
        st = reader_line(p.r, &line, &len, err);
        if (st != ST_OK || !line)
            break;
        st = take_line(&p, line, len);
    }
    if (st == ST_OK)
        st = end_step(&p);
    if (st == ST_OK && !l->n_step)
        st = bad(&p, NULL, l->title ? "the lesson has no steps" : "no lesson in this file");
    reader_close(p.r);
    if (st != ST_OK) {
        lesson_free(l);
        return st;
    }
    *out = l;
    return ST_OK;
}

void lesson_free(struct lesson *l)
{
    if (!l)
        return;
    arena_free(l->mem);
    free(l);
}
