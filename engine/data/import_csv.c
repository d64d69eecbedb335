/* CSV with a header, read by libcsv: quoted fields may hold separators, quotes and line
 * ends.  Separator `,` `;` TAB or `|`, whichever the header has most of.  The only file that
 * includes <csv.h>. */
#include "engine/data/import_impl.h"

#include "engine/base/inert.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROW = 1024 * 1024 };

struct csv_import {
    struct line_ctx c;
    struct table t;
    char *text; /* fields of the present row, one after another */
    size_t used, room;
    size_t from[MAX_FIELDS], len[MAX_FIELDS];
    int n;
    int rows; /* ended since the last line was fed */
    enum status st;
    struct err *err;
};

static void on_field(void *s, size_t n, void *ctx)
{
    struct csv_import *m = ctx;
    if (m->n < MAX_FIELDS && m->st == ST_OK) {
        if (m->room - m->used < n) {
            size_t room = m->room * 2 + n;
            char *text = realloc(m->text, room);
            if (!text) {
                m->st = err_nomem(m->err, room, "a row");
                return;
            }
            m->text = text;
            m->room = room;
        }
        if (n > 0)
            memcpy(m->text + m->used, s, n);
        m->from[m->n] = m->used;
        m->len[m->n] = n;
        m->used += n;
    }
    m->n += m->n <= MAX_FIELDS;
}

static void on_row(int c, void *ctx)
{
    (void)c;
    struct csv_import *m = ctx;
    struct field f[MAX_FIELDS];
    for (int i = 0; i < m->n && i < MAX_FIELDS; i++)
        f[i] = (struct field){m->text + m->from[i], m->len[i]};
    if (m->st == ST_OK)
        m->st = m->t.n_cols == 0 ? table_header(&m->t, &m->c, f, m->n, m->err)
                                 : table_row(&m->t, &m->c, f, m->n, m->err);
    m->n = 0;
    m->used = 0;
    m->rows++;
}

static char guess_separator(const char *s, size_t n)
{
    char best = ',';
    size_t most = 0;
    for (const char *c = ",;\t|"; *c; c++) {
        size_t k = 0;
        for (size_t i = 0; i < n; i++)
            k += s[i] == *c;
        if (k > most) {
            most = k;
            best = *c;
        }
    }
    return best;
}

static int sniff(const char *head, size_t len, const char *path)
{
    const char *end = memchr(head, '\n', len);
    size_t n = end ? (size_t)(end - head) : len;
    if (n > 0 && head[n - 1] == '\r')
        n--;
    if (!memchr(head, guess_separator(head, n), n) || !text_is_utf8(head, n))
        return 0;
    struct field f[MAX_FIELDS];
    int k = split_char(head, n, guess_separator(head, n), f, MAX_FIELDS), numbers = 0;
    for (int i = 0; i < k && i < MAX_FIELDS; i++)
        numbers += is_number(f[i]);
    if (path_ends(path, ".csv") || path_ends(path, ".tsv"))
        return 90;
    return numbers == 0 && k > 2 ? 30 : 0;
}

/* One line of the file; a row ends with it unless a quote is open. */
static enum status feed(struct csv_import *m, struct csv_parser *p, const char *s, size_t n,
                        size_t *open, int64_t *first)
{
    m->rows = 0;
    if (csv_parse(p, s, n, on_field, on_row, m) != n ||
        csv_parse(p, "\n", 1, on_field, on_row, m) != 1) {
        if (csv_error(p) == CSV_ENOMEM || csv_error(p) == CSV_ETOOBIG)
            return err_nomem(m->err, n, "a row");
        /* What stands half read is forgotten, the next line begins anew */
        csv_fini(p, NULL, NULL, NULL);
        m->n = 0;
        m->used = 0;
        *open = 0;
        return reader_err(
            m->c.in, ST_FORMAT, m->err,
            "a quote in the middle of a field; write \"\" for a quote inside quotes");
    }
    *open = m->rows ? 0 : *open + n + 1;
    *first = m->rows || *open > n + 1 ? *first : reader_lineno(m->c.in);
    if (*open > MAX_ROW)
        return reader_err(m->c.in, ST_UNSUPPORTED, m->err,
                          "the quote opened on line %lld is not closed within 1 MiB",
                          (long long)*first);
    return m->st;
}

static enum status read_rows(struct csv_import *m, struct csv_parser *p)
{
    size_t open = 0;
    int64_t first = 0;
    bool begun = false;
    for (;;) {
        char *s;
        size_t n;
        enum status st = reader_line(m->c.in, &s, &n, m->err);
        if (st != ST_OK)
            return st;
        if (!s)
            break;
        m->c.out->rep.lines++;
        if (n == 0 && open == 0) {
            m->c.out->rep.blank++;
            continue;
        }
        if (!begun)
            csv_set_delim(
                p, (unsigned char)(m->c.o->delim ? m->c.o->delim : guess_separator(s, n)));
        begun = true;
        st = feed(m, p, s, n, &open, &first);
        if (st == ST_OK)
            continue;
        if (m->t.n_cols == 0 || st != ST_FORMAT)
            return st == ST_UNSUPPORTED ? (m->err->code = ST_FORMAT) : st;
        m->st = ST_OK;
        st = sink_bad_line(m->c.out, m->err);
        if (st != ST_OK)
            return st;
    }
    if (open > 0 && m->c.out->rep.n_bad == 0)
        return reader_err(m->c.in, ST_FORMAT, m->err,
                          "the quote opened on line %lld is never closed", (long long)first);
    return sink_end(m->c.out, m->err);
}

static enum status read(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err)
{
    struct err own = {0};
    struct csv_import m = {.c = {in, out, o, NULL}, .err = err ? err : &own, .room = 4096};
    struct csv_parser p;
    m.text = malloc(m.room);
    if (!m.text || csv_init(&p, CSV_STRICT) != 0) {
        free(m.text);
        return err_nomem(err, m.room, "reading CSV");
    }
    enum status st = read_rows(&m, &p);
    csv_free(&p);
    free(m.text);
    return st;
}

static const char *const ext[] = {".csv", ".tsv", NULL};

const struct importer_def importer_csv = {
    .name = "csv",
    .title = "CSV with a header",
    .doc = "Columns are found by their names (userId, session_id, itemId, timestamp, ...) or "
           "said: item=COLUMN user=COLUMN.",
    .ext = ext,
    .by_user = true,
    .sniff = sniff,
    .read = read,
};
