/* `user item`: one interaction a line, oldest first within a user: the form of SASRec's and
 * BERT4Rec's data files. */
#include "engine/data/import_impl.h"

#include <stdlib.h>
#include <string.h>

static bool fits(const char *line, size_t n)
{
    struct field f[2];
    return split_blank(line, n, f, 2) == 2 && is_number(f[0]) && is_number(f[1]);
}

/* Users rise from line to line, or nearly so: what tells a few lines of another length from
 * a file of short sessions. */
static bool grouped(const char *head, size_t len)
{
    int pairs = 0, falls = 0;
    double last = 0;
    for (const char *p = head, *end = head + len; p < end;) {
        const char *q = memchr(p, '\n', (size_t)(end - p));
        struct field f[2];
        if (q && split_blank(p, (size_t)(q - p), f, 2) == 2 && is_number(f[0])) {
            double user = strtod(f[0].s, NULL); /* a blank follows it */
            falls += pairs++ > 0 && user < last;
            last = user;
        }
        p = q ? q + 1 : end;
    }
    return falls * 20 <= pairs;
}

static int sniff(const char *head, size_t len, const char *path)
{
    (void)path;
    int share = sniff_lines(head, len, fits);
    return share == 100 ? 90 : share >= 50 && grouped(head, len) ? 80 : 0;
}

static enum status line(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct field f[MAX_FIELDS];
    enum status st =
        expect_fields(c->in, split_blank(s, n, f, MAX_FIELDS), 2, "user item", err);
    if (st == ST_OK)
        st = parse_id(c->in, "user", &f[0], err);
    if (st == ST_OK)
        st = parse_id(c->in, "item", &f[1], err);
    if (st == ST_OK && c->out->rep.n_bad == 0)
        st = sink_event(c->out, f[0].s, f[0].n, f[1].s, f[1].n, NO_TIME, err);
    return st;
}

static enum status read(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err)
{
    return each_line(&(struct line_ctx){in, out, o, NULL}, line, err);
}

static const char *const ext[] = {".txt", NULL};

const struct importer_def importer_useritem = {
    .name = "user-item",
    .title = "user item, one a line",
    .doc = "Two numbers a line, oldest first within each user: ml-1m.txt, Video.txt.",
    .ext = ext,
    .by_user = true,
    .sniff = sniff,
    .read = read,
};
