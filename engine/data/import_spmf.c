/* SPMF's form of sequences: an item, -1 after each, -2 at the end of the line. */
#include "engine/data/import_impl.h"

#include <string.h>

static bool is(struct field f, const char *text)
{
    return f.n == strlen(text) && memcmp(f.s, text, f.n) == 0;
}

static bool fits(const char *line, size_t n)
{
    return n >= 5 && memcmp(line + n - 2, "-2", 2) == 0 && memcmp(line + n - 5, "-1 ", 3) == 0;
}

static int sniff(const char *head, size_t len, const char *path)
{
    (void)path;
    int share = sniff_lines(head, len, fits);
    return share >= 50 ? 60 + share * 37 / 100 : 0;
}

static enum status line(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct field f = {s, 0}, mark;
    enum status st = sink_session(c->out, err);
    for (size_t at = 0; st == ST_OK;) {
        struct field two[2];
        int got = split_blank(s + at, n - at, two, 2);
        if (got == 0)
            return reader_err(c->in, ST_FORMAT, err, "the line does not end with -2");
        f = two[0];
        if (is(f, "-2")) {
            if (got > 1)
                return reader_err(c->in, ST_FORMAT, err,
                                  "something follows -2, the end of the session");
            return ST_OK;
        }
        st = parse_id(c->in, "item", &f, err);
        mark = got > 1 ? two[1] : (struct field){"", 0};
        if (st == ST_OK && !is(mark, "-1"))
            st = reader_err(c->in, ST_FORMAT, err, "item %.*s is not followed by -1", (int)f.n,
                            f.s);
        if (st == ST_OK && c->out->rep.n_bad == 0)
            st = sink_event(c->out, NULL, 0, f.s, f.n, NO_TIME, err);
        if (st == ST_OK)
            at = (size_t)(mark.s + mark.n - s);
    }
    return st;
}

static enum status read(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err)
{
    return each_line(&(struct line_ctx){in, out, o, NULL}, line, err);
}

static const char *const ext[] = {".txt", ".spmf", NULL};

const struct importer_def importer_spmf = {
    .name = "spmf",
    .title = "SPMF sequences",
    .doc = "An item, -1 after each, -2 at the end of the line; single items, not sets.",
    .ext = ext,
    .by_user = false,
    .sniff = sniff,
    .read = read,
};
