/* MovieLens 100K: user TAB item TAB rating TAB time; titles in u.item beside it. */
#include "engine/data/import_impl.h"

static bool fits(const char *line, size_t n)
{
    struct field f[4];
    return split_char(line, n, '\t', f, 4) == 4 && is_number(f[0]) && is_number(f[1]) &&
           is_number(f[2]) && is_number(f[3]);
}

static int sniff(const char *head, size_t len, const char *path)
{
    int share = sniff_lines(head, len, fits);
    return share >= 50 || (share > 0 && path_ends(path, "u.data")) ? 65 + share * 3 / 10 : 0;
}

static enum status line(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct field f[MAX_FIELDS];
    int64_t ts = 0;
    enum status st = expect_fields(c->in, split_char(s, n, '\t', f, MAX_FIELDS), 4,
                                   "user, item, rating, time, by TAB", err);
    if (st == ST_OK)
        st = parse_id(c->in, "user", &f[0], err);
    if (st == ST_OK)
        st = parse_id(c->in, "item", &f[1], err);
    if (st == ST_OK)
        st = parse_rating(c->in, f[2], err);
    if (st == ST_OK)
        st = parse_time(c->in, "time", f[3], &ts, err);
    if (st == ST_OK && c->out->rep.n_bad == 0)
        st = sink_event(c->out, f[0].s, f[0].n, f[1].s, f[1].n, ts, err);
    return st;
}

static enum status read(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err)
{
    return each_line(&(struct line_ctx){in, out, o, NULL}, line, err);
}

static const char *const ext[] = {".data", NULL};

const struct importer_def importer_udata = {
    .name = "u.data",
    .title = "MovieLens 100K",
    .doc = "user TAB item TAB rating TAB time; sorted by user and time here, ties in the "
           "file's order; titles from u.item.",
    .ext = ext,
    .by_user = true,
    .sniff = sniff,
    .read = read,
};
