/* MovieLens' two plain forms of one line, user item rating time: TABs between (100K, titles
 * in u.item), or :: (1M and 10M, titles in movies.dat). */
#include "engine/data/import_impl.h"

static int split_tabs(const char *line, size_t n, struct field *f, int max)
{
    return split_char(line, n, '\t', f, max);
}

static int split_colons(const char *line, size_t n, struct field *f, int max)
{
    return split_text(line, n, "::", f, max);
}

static bool four_numbers(const struct field f[4], int n)
{
    return n == 4 && is_number(f[0]) && is_number(f[1]) && is_number(f[2]) && is_number(f[3]);
}

static bool fits_tabs(const char *line, size_t n)
{
    struct field f[4];
    return four_numbers(f, split_tabs(line, n, f, 4));
}

static bool fits_colons(const char *line, size_t n)
{
    struct field f[4];
    return four_numbers(f, split_colons(line, n, f, 4));
}

static int sniff_udata(const char *head, size_t len, const char *path)
{
    int share = sniff_lines(head, len, fits_tabs);
    return share >= 50 || (share > 0 && path_ends(path, "u.data")) ? 65 + share * 3 / 10 : 0;
}

static int sniff_colons(const char *head, size_t len, const char *path)
{
    (void)path;
    int share = sniff_lines(head, len, fits_colons);
    return share >= 50 ? 65 + share * 3 / 10 : 0;
}

static enum status event(struct line_ctx *c, struct field *f, int n, const char *names,
                         struct err *err)
{
    int64_t ts = 0;
    enum status st = expect_fields(c->in, n, 4, names, err);
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

static enum status line_tabs(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct field f[MAX_FIELDS];
    return event(c, f, split_tabs(s, n, f, MAX_FIELDS), "user, item, rating, time, by TAB",
                 err);
}

static enum status line_colons(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct field f[MAX_FIELDS];
    return event(c, f, split_colons(s, n, f, MAX_FIELDS), "user::item::rating::time", err);
}

static enum status read_udata(struct reader *in, struct event_sink *out,
                              const struct import_opts *o, struct err *err)
{
    return each_line(&(struct line_ctx){in, out, o, NULL}, line_tabs, err);
}

static enum status read_colons(struct reader *in, struct event_sink *out,
                               const struct import_opts *o, struct err *err)
{
    return each_line(&(struct line_ctx){in, out, o, NULL}, line_colons, err);
}

static const char *const ext_udata[] = {".data", NULL};
static const char *const ext_colons[] = {".dat", NULL};

const struct importer_def importer_udata = {
    .name = "u.data",
    .title = "MovieLens 100K",
    .doc = "user TAB item TAB rating TAB time; sorted by user and time here, ties in the "
           "file's order; titles from u.item.",
    .ext = ext_udata,
    .by_user = true,
    .sniff = sniff_udata,
    .read = read_udata,
};

const struct importer_def importer_colons = {
    .name = "ratings.dat",
    .title = "MovieLens 1M, 10M",
    .doc = "user::item::rating::time; sorted by user and time here; titles from movies.dat.",
    .ext = ext_colons,
    .by_user = true,
    .sniff = sniff_colons,
    .read = read_colons,
};
