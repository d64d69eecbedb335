/* Scripts; see script.h. */
#include "app/cmd/script.h"
#include "app/cmd/call.h"
#include "app/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPT_BYTES = 8 << 20 };

enum status script_reach(struct app *a, int64_t step, struct cmd_out *out, struct err *err)
{
    struct slot *s = app_slot(a);
    if (a->interactive) {
        err_set(err, ST_STATE, "stamps belong to scripts");
        return err_hint(err, "usage", "Try: source FILE"), ST_STATE;
    }
    int64_t now = app_step(a, a->slot);
    if (now == step)
        return ST_OK;
    if (now > step) {
        err_set(err, ST_STATE, "step %lld is past: the run is at %lld", (long long)step,
                (long long)now);
        return err_hint(err, "no-step", NULL), ST_STATE;
    }
    if (s->goal < step && !app_running(a, a->slot)) {
        err_set(err, ST_STATE, "no run is going to step %lld", (long long)step);
        return err_hint(err, "no-run", "Try: train steps=%lld before it",
                        (long long)(step - now)),
               ST_STATE;
    }
    enum status st = run_to(a, a->slot, step, out, err);
    now = app_step(a, a->slot);
    if (st == ST_OK && now != step) {
        err_set(err, ST_STATE, "the run stopped at step %lld, before the stamp %lld",
                (long long)now, (long long)step);
        err_hint(err, "no-step", NULL);
        return ST_STATE;
    }
    return st;
}

const char *script_file(const struct app *a, const char *path, char *buf, size_t size)
{
    struct stat sb;
    if (path[0] == '/' || !a->dir[0] || stat(path, &sb) == 0)
        return path;
    int n = snprintf(buf, size, "%s/%s", a->dir, path);
    return n > 0 && (size_t)n < size && stat(buf, &sb) == 0 ? buf : path;
}

/* ---- reading ---- */

static enum status open_script(const char *path, FILE **out, struct err *err)
{
    struct stat sb;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        err_set(err, ST_IO, "cannot read %.120s: %s", path, strerror(errno));
        return err_hint(err, "file", NULL), ST_IO;
    }
    if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        close(fd);
        err_set(err, ST_IO, "cannot read %.120s: not a regular file", path);
        return err_hint(err, "file", NULL), ST_IO;
    }
    if (sb.st_size > SCRIPT_BYTES) {
        close(fd);
        err_set(err, ST_FORMAT, "%.120s is larger than a script may be (8 MiB)", path);
        return err_hint(err, "format", NULL), ST_FORMAT;
    }
    *out = fdopen(fd, "r");
    if (!*out) {
        close(fd);
        return err_set(err, ST_NOMEM, "no memory to read %.120s", path);
    }
    return ST_OK;
}

struct script {
    FILE *f;
    const char *name;
    char *line; /* logical line: continuations joined */
    size_t size;
    int64_t lineno, first; /* last physical line read; first of the logical one */
    bool whole;            /* a file: later lines may be looked at */
};

static enum status bad_line(const struct script *s, const char *what, struct err *err)
{
    err_set(err, ST_FORMAT, "%.100s:%lld: %s", s->name, (long long)s->lineno, what);
    return err_hint(err, "format", NULL), ST_FORMAT;
}

/* Next logical line; *got false at the end. */
static enum status next_line(struct script *s, bool *got, struct err *err)
{
    size_t used = 0;
    *got = false;
    for (;;) {
        char *part = NULL;
        size_t cap = 0;
        errno = 0;
        ssize_t n = getline(&part, &cap, s->f);
        if (n < 0) {
            bool broken = ferror(s->f) && errno != EINTR;
            free(part);
            if (broken)
                return err_set(err, ST_IO, "cannot read %.100s: %s", s->name, strerror(errno));
            return ST_OK; /* a last line that ends in a backslash is taken as it stands */
        }
        s->lineno++;
        if (!*got)
            s->first = s->lineno;
        size_t len = (size_t)n;
        if (memchr(part, '\0', len)) {
            free(part);
            return bad_line(s, "a NUL byte", err);
        }
        while (len > 0 && (part[len - 1] == '\n' || part[len - 1] == '\r'))
            len--;
        part[len] = '\0';
        const char *text = part;
        if (s->first == 1 && used == 0 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
            text += 3, len -= 3;
        if (used + len + 2 > SCRIPT_BYTES / 8) {
            free(part);
            return bad_line(s, "a line may have 65,536 bytes", err);
        }
        if (used + len + 2 > s->size) {
            size_t size = (used + len + 2) * 2;
            char *grown = realloc(s->line, size);
            if (!grown) {
                free(part);
                return err_nomem(err, size, "a line");
            }
            s->line = grown;
            s->size = size;
        }
        memcpy(s->line + used, text, len + 1);
        free(part);
        *got = true;
        if (!lex_continues(s->line)) /* of the whole: a quote may have begun a line above */
            return ST_OK;
        used += len;
        s->line[used - 1] = ' ';
    }
}

/* The stamp a line begins with, -1 = none. */
static int64_t stamp_of(const char *line)
{
    line += strspn(line, " \t");
    if (line[0] != '@' || line[1] < '0' || line[1] > '9')
        return -1;
    return strtoll(line + 1, NULL, 10);
}

/* The next stamp behind the present place of a file; *adjacent: no command stands before it. */
static int64_t look_ahead(struct script *s, bool *adjacent)
{
    long at = ftell(s->f);
    char *part = NULL;
    size_t cap = 0;
    int64_t stamp = -1;
    *adjacent = true;
    while (stamp < 0 && getline(&part, &cap, s->f) >= 0) {
        stamp = stamp_of(part);
        const char *p = part + strspn(part, " \t\r\n");
        if (stamp < 0 && *p && *p != '#')
            *adjacent = false;
    }
    free(part);
    clearerr(s->f);
    if (at >= 0)
        fseek(s->f, at, SEEK_SET);
    *adjacent = *adjacent && stamp >= 0;
    return stamp;
}

/* After a stamped line: goes on to where `train` wanted to go, or to the next stamp. */
static enum status go_on(struct app *a, bool adjacent, struct cmd_out *out, struct err *err)
{
    struct slot *s = app_slot(a);
    int64_t now = app_step(a, a->slot), goal = s->goal;
    if (goal <= now || adjacent)
        return ST_OK;
    if (a->next_stamp > now && a->next_stamp < goal)
        goal = a->next_stamp;
    else
        s->goal = 0;
    return run_to(a, a->slot, goal, out, err);
}

static void show(void *ctx, const char *line) /* where progress goes */
{
    out_note(ctx, "%s", line);
}

static enum status run_lines(struct app *a, struct script *s,
                             bool (*on_line)(void *, const char *), void *ctx,
                             struct cmd_out *out, struct err *err)
{
    for (;;) {
        bool got, adjacent = false;
        enum status st = next_line(s, &got, err);
        if (st != ST_OK || !got)
            return st;
        if (!s->line[strspn(s->line, " \t")] || s->line[strspn(s->line, " \t")] == '#')
            continue;
        if (on_line && !on_line(ctx, s->line))
            return ST_OK;
        a->lookahead = s->whole;
        a->next_stamp = s->whole ? look_ahead(s, &adjacent) : -1;
        st = cmd_run_line(a, s->line, true, out, err);
        if (st == ST_OK && stamp_of(s->line) >= 0 && !a->quit)
            st = go_on(a, adjacent, out, err);
        if (st != ST_OK) {
            if (!a->error_shown) { /* else a script inside has said it */
                cmd_error_show(out, s->line, err, show, out);
                out_note(out, "at %s:%lld", s->name, (long long)s->first);
            }
            a->error_shown = true;
            out_place(out, 0, 0);
            err_context(err, "%.80s:%lld", s->name, (long long)s->first);
            return st;
        }
        if (a->quit)
            return ST_OK;
        if (a->cancel) {
            err_set(err, ST_CANCELLED, "%.80s:%lld: interrupted", s->name,
                    (long long)s->lineno);
            return err_hint(err, "cancelled", NULL), ST_CANCELLED;
        }
    }
}

enum status script_run(struct app *a, const char *path,
                       bool (*on_line)(void *ctx, const char *line), void *ctx,
                       struct cmd_out *out, struct err *err)
{
    struct script s = {.name = strcmp(path, "-") == 0 ? "standard input" : path,
                       .whole = strcmp(path, "-") != 0};
    if (s.whole) {
        enum status st = open_script(path, &s.f, err);
        if (st != ST_OK)
            return st;
    } else {
        s.f = stdin;
    }
    int64_t stamp = a->next_stamp;
    bool ahead = a->lookahead;
    char dir[sizeof a->dir];
    memcpy(dir, a->dir, sizeof dir);
    const char *slash = s.whole ? strrchr(path, '/') : NULL;
    if (slash && (size_t)(slash - path) < sizeof a->dir)
        snprintf(a->dir, sizeof a->dir, "%.*s", (int)(slash - path), path);
    else if (s.whole)
        a->dir[0] = '\0';
    enum status st = run_lines(a, &s, on_line, ctx, out, err);
    memcpy(a->dir, dir, sizeof dir);
    a->next_stamp = stamp;
    a->lookahead = ahead;
    free(s.line);
    if (s.whole)
        fclose(s.f);
    return st;
}
