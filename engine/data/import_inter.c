/* RecBole's atomic files: a header of `field:type`, TAB-separated rows; titles in X.item
 * beside X.inter. */
#include "engine/data/import_impl.h"

#include <string.h>

static int sniff(const char *head, size_t len, const char *path)
{
    const char *end = memchr(head, '\n', len);
    size_t n = end ? (size_t)(end - head) : len;
    for (size_t i = 0; i + 6 <= n; i++)
        if (memcmp(head + i, ":token", 6) == 0)
            return 99;
    return path_ends(path, ".inter") ? 90 : 0;
}

static enum status line(struct line_ctx *c, const char *s, size_t n, struct err *err)
{
    struct table *t = c->own;
    struct field f[MAX_FIELDS];
    int k = split_char(s, n, '\t', f, MAX_FIELDS);
    if (t->n_cols > 0)
        return table_row(t, c, f, k, err);
    for (int i = 0; i < k && i < MAX_FIELDS; i++) {
        const char *colon = memchr(f[i].s, ':', f[i].n);
        if (!colon)
            return reader_err(c->in, ST_FORMAT, err,
                              "header field %d has no type; expected name:type", i + 1);
        f[i].n = (size_t)(colon - f[i].s);
    }
    return table_header(t, c, f, k, err);
}

static enum status read(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err)
{
    struct table t = {0};
    struct line_ctx c = {in, out, o, &t};
    struct err own = {0}, *e = err ? err : &own;
    char *s;
    size_t n;
    enum status st = reader_line(in, &s, &n, e);
    if (st == ST_OK && s)
        /* A bad header is told alone: without it no row means anything */
        st = line(&c, s, n, e);
    out->rep.lines += s != NULL;
    return st == ST_OK ? each_line(&c, line, e) : st;
}

static const char *const ext[] = {".inter", NULL};

const struct importer_def importer_inter = {
    .name = "inter",
    .title = "RecBole .inter",
    .doc = "A header of name:type, then rows divided by TAB; titles from the .item file beside "
           "it.",
    .ext = ext,
    .by_user = true,
    .sniff = sniff,
    .read = read,
};
