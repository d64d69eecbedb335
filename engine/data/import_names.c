/* Names of items from a file beside the data.  A file that names too few of the items
 * belongs to another numbering and is not used; one that cannot be read is told in the
 * report and stops nothing. */
#include "engine/data/import_impl.h"

#include "engine/base/inert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct name_file {
    const char *file; /* "*.item": the data file's name with another ending */
    char sep;         /* ':' stands for "::" */
    bool header;
};
static const struct name_file candidates[] = {
    {"items.tsv", '\t', true},  {"*.item", '\t', true},    {"u.item", '|', false},
    {"movies.dat", ':', false}, {"movies.csv", ',', true},
};
enum { NAMED_ENOUGH = 95 }; /* per cent */

/* Fields of a line of CSV, quotes undone in place; enough for a list of titles. */
static int split_quoted(char *s, size_t n, struct field *f, int max)
{
    int k = 0;
    for (size_t i = 0; i <= n && k < max; i++) {
        char *w = s + i;
        size_t m = 0;
        bool quoted = i < n && s[i] == '"';
        i += quoted;
        for (; i < n && (quoted || s[i] != ','); i++) {
            if (quoted && s[i] == '"') {
                if (i + 1 < n && s[i + 1] == '"')
                    i++;
                else {
                    quoted = false;
                    continue;
                }
            }
            w[m++] = s[i];
        }
        f[k++] = (struct field){w, m};
    }
    return k;
}

static int split(const struct name_file *nf, char *s, size_t n, struct field *f)
{
    int k = nf->sep == ':'   ? split_text(s, n, "::", f, MAX_FIELDS)
            : nf->sep == ',' ? split_quoted(s, n, f, MAX_FIELDS)
                             : split_char(s, n, nf->sep, f, MAX_FIELDS);
    return k > MAX_FIELDS ? MAX_FIELDS : k;
}

/* The column of titles: one so called, else -1 = all columns after the id, joined. */
static int title_column(const struct field *f, int n)
{
    static const char *const words[] = {"title",     "name",         "movie_title",
                                        "item_name", "product_name", "description"};
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        for (int i = 1; i < n; i++) {
            const char *colon = memchr(f[i].s, ':', f[i].n);
            size_t len = colon ? (size_t)(colon - f[i].s) : f[i].n;
            if (len == strlen(words[w]) && strncasecmp(f[i].s, words[w], len) == 0)
                return i;
        }
    return -1;
}

static enum status add(struct event_sink *s, const struct field *f, int n, int title,
                       struct err *err)
{
    char text[600], utf8[1200];
    size_t at = 0;
    if (title >= n || n < 2)
        return ST_OK;
    for (int i = title < 0 ? 0 : title; i < (title < 0 ? n : title + 1); i++) {
        bool more = i + 1 < n && title < 0;
        int len = f[i].n < 200 ? (int)f[i].n : 200;
        if (at + (size_t)len + 3 > sizeof text)
            break;
        at += (size_t)snprintf(text + at, sizeof text - at, "%.*s%s", len, f[i].s,
                               more ? ", " : "");
    }
    if (text_is_utf8(text, at))
        return sink_item_name(s, f[0].s, f[0].n, text, at, err);
    size_t m = text_from_latin1(text, at, utf8, sizeof utf8);
    return sink_item_name(s, f[0].s, f[0].n, utf8, m, err);
}

static enum status read_names(struct event_sink *s, const struct name_file *nf,
                              const char *path, struct err *err)
{
    struct reader *r = NULL;
    enum status st = reader_open(&r, path, err);
    int title = nf->header ? -1 : 1;
    bool first = nf->header;
    while (st == ST_OK) {
        struct field f[MAX_FIELDS];
        char *line;
        size_t n;
        st = reader_line(r, &line, &n, err);
        if (st != ST_OK || !line)
            break;
        int k = split(nf, line, n, f);
        if (first)
            title = title_column(f, k);
        else
            st = add(s, f, k, title, err);
        first = false;
    }
    reader_close(r);
    return st;
}

/* Folder of path + file; "*.item" takes the data file's name up to its last point. */
static char *beside(const char *path, const char *file)
{
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash - path) + 1 : 0, stem = 0;
    if (file[0] == '*') {
        size_t n = strlen(path);
        if (path_ends(path, ".inter"))
            stem = n - strlen(".inter") -
                   (n > 3 && strcasecmp(path + n - 3, ".gz") == 0 ? 3 : 0) - dir;
        file++;
        if (stem == 0)
            return NULL;
    }
    size_t size = dir + stem + strlen(file) + 1;
    char *p = malloc(size);
    if (p)
        snprintf(p, size, "%.*s%s", (int)(dir + stem), path, file);
    return p;
}

enum status import_names(struct event_sink *s, const char *path, struct err *err)
{
    (void)err;
    if (s->n_named > 0)
        return ST_OK; /* the file itself had names */
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        struct stat sb;
        struct err own = {0};
        char *p = beside(path, candidates[i].file);
        if (!p || stat(p, &sb) != 0 || strcmp(p, path) == 0) {
            free(p);
            continue;
        }
        int64_t repaired = s->rep.repaired;
        enum status st = read_names(s, &candidates[i], p, &own);
        const char *name = strrchr(p, '/') ? strrchr(p, '/') + 1 : p;
        bool enough = st == ST_OK && (int64_t)s->n_named * 100 >=
                                         (int64_t)strtab_count(s->items) * NAMED_ENOUGH;
        if (enough)
            text_inert(name, strlen(name), s->rep.names_from, sizeof s->rep.names_from);
        else {
            char why[sizeof s->rep.names_problem];
            if (st != ST_OK)
                snprintf(why, sizeof why, "%.120s", own.msg);
            else
                snprintf(why, sizeof why,
                         "%.40s names %d of %d items: it belongs to other data", name,
                         s->n_named, strtab_count(s->items));
            text_inert(why, strlen(why), s->rep.names_problem, sizeof s->rep.names_problem);
            sink_forget_names(s);
            s->rep.repaired = repaired;
        }
        free(p);
        if (enough) {
            s->rep.names_problem[0] = '\0';
            return ST_OK;
        }
    }
    return ST_OK;
}
