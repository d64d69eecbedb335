/* One session a line, oldest item first.  Numbers divided by blanks, or names divided by
 * `;`, `,` or TAB: the file's first line decides once for all. */
#include "engine/data/import_impl.h"

#include "engine/base/inert.h"

#include <string.h>

struct form {
    char sep; /* ' ': any run of blanks */
    bool numbers;
};

static char separator(const char *s, size_t n)
{
    for (const char *c = ";\t,"; *c; c++)
        if (memchr(s, *c, n))
            return *c;
    return ' ';
}

/* The item that begins at *at; false at the end of the line. */
static bool next(const char *s, size_t n, size_t *at, char sep, struct field *f)
{
    if (sep == ' ')
        while (*at < n && (s[*at] == ' ' || s[*at] == '\t'))
            (*at)++;
    if (*at >= n + (sep != ' '))
        return false;
    size_t from = *at;
    while (*at < n && s[*at] != sep && !(sep == ' ' && s[*at] == '\t'))
        (*at)++;
    *f = (struct field){s + from, *at - from};
    *at += 1;
    return sep != ' ' || f->n > 0;
}

static bool fits_numbers(const char *line, size_t n)
{
    struct field f;
    char sep = separator(line, n);
    for (size_t at = 0; next(line, n, &at, sep, &f);)
        if (!is_number(f))
            return false;
    return true;
}

static bool fits_names(const char *line, size_t n)
{
    return separator(line, n) == ';' && text_is_utf8(line, n);
}

static int sniff(const char *head, size_t len, const char *path)
{
    (void)path;
    int numbers = sniff_lines(head, len, fits_numbers),
        names = sniff_lines(head, len, fits_names);
    return numbers >= 50 ? 40 + numbers / 5 : names >= 50 ? 20 + names / 5 : 0;
}

static enum status line(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct form *form = c->own;
    struct field f;
    if (form->sep == 0)
        *form = (struct form){c->o->delim ? c->o->delim : separator(s, n), fits_numbers(s, n)};
    if (!text_is_utf8(s, n))
        return reader_err(c->in, ST_FORMAT, err, "the line is not UTF-8 text");
    enum status st = sink_session(c->out, err);
    for (size_t at = 0; st == ST_OK && next(s, n, &at, form->sep, &f);) {
        if (form->numbers)
            st = parse_id(c->in, "item", &f, err);
        else if (f.n == 0)
            st = reader_err(c->in, ST_FORMAT, err, "an empty item between separators");
        else if (f.n > 400)
            st = reader_err(c->in, ST_FORMAT, err, "an item's name is longer than 400 bytes");
        if (st == ST_OK && c->out->rep.n_bad == 0)
            st = sink_event(c->out, NULL, 0, f.s, f.n, NO_TIME, err);
    }
    return st;
}

static enum status read(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err)
{
    struct form form = {0};
    return each_line(&(struct line_ctx){in, out, o, &form}, line, err);
}

static const char *const ext[] = {".txt", NULL};

const struct importer_def importer_sessions = {
    .name = "sessions",
    .title = "a session a line",
    .doc = "Item numbers divided by spaces, or names divided by ; , or TAB; oldest first.",
    .ext = ext,
    .by_user = false,
    .sniff = sniff,
    .read = read,
};
