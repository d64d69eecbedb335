/* From a file to a data set: choosing the importer, reading, names, building.  All or
 * nothing. */
#include "engine/data/import_impl.h"

#include "engine/base/inert.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define IMPORTER(name) extern const struct importer_def importer_##name;
#include "engine/data/importers.def"
#undef IMPORTER
const struct importer_def *const importer_defs[] = {
#define IMPORTER(name) &importer_##name,
#include "engine/data/importers.def"
#undef IMPORTER
    NULL,
};

static enum status choose(struct reader *in, const char *name, const struct importer_def **out,
                          struct err *err)
{
    int best = 0;
    size_t len;
    const char *head = reader_head(in, &len);
    *out = NULL;
    if (len == 0)
        return reader_err(in, ST_FORMAT, err, "the file is empty");
    for (int i = 0; importer_defs[i]; i++) {
        int sure = name ? 100 * (strcmp(importer_defs[i]->name, name) == 0)
                        : importer_defs[i]->sniff(head, len, reader_path(in));
        if (sure > best) {
            best = sure;
            *out = importer_defs[i];
        }
    }
    if (*out)
        return ST_OK;
    if (name) {
        err_set(err, ST_ARG, "no file format is called \"%.40s\"", name);
        char list[96] = "";
        size_t at = 0;
        for (int i = 0; importer_defs[i] && at + 1 < sizeof list; i++)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                                   importer_defs[i]->name);
        err_hint(err, NULL, "Formats: %.80s", list);
        return ST_ARG;
    }
    if (memchr(head, '\0', len) || !text_is_utf8(head, len > 1024 ? 1024 : len))
        return reader_err(in, ST_FORMAT, err, "not a text file in a form that is known");
    return reader_err(in, ST_FORMAT, err,
                      "none of the known forms: user item; a session a line; ratings; CSV or "
                      ".inter with a header");
}

/* The last two parts of the path, without .gz: "ml-100k/u.data". */
static void short_name(const char *path, char *out, size_t size)
{
    size_t n = strlen(path), from = n, slashes = 0;
    if (n > 3 && strcasecmp(path + n - 3, ".gz") == 0)
        n -= 3;
    while (from > 0) {
        if (path[from - 1] == '/' && ++slashes == 2)
            break;
        from--;
    }
    text_inert(path + from, n - from, out, size);
}

/* The sessions of a second file stand behind those of the first, and all of them: what would
 * leave some out is refused. */
static enum status read_test(struct event_sink *s, const struct importer_def *def,
                             const struct import_opts *o, int32_t *first, struct err *err)
{
    struct reader *in = NULL;
    if (def->by_user || s->n_anonymous == 0 || o->min_len > 1 || o->min_item > 1 ||
        o->session_gap_s > 0) {
        err_set(err, ST_ARG,
                "a test file goes with files of one session a line, nothing left out");
        return err_hint(err, "bad-value", "Leave gap, minitem and minlen out"), ST_ARG;
    }
    *first = s->n_anonymous;
    enum status st = reader_open(&in, o->test_path, err);
    if (st != ST_OK)
        return st;
    s->in = in;
    st = def->read(in, s, o, err);
    reader_close(in);
    s->in = NULL;
    if (st == ST_OK && s->n_anonymous == *first)
        st = err_set(err, ST_FORMAT, "%s: no session in it", o->test_path);
    return st;
}

enum status dataset_import(struct dataset **out, const char *path, const char *importer,
                           const struct import_opts *o, struct import_report *rep,
                           bool (*progress)(void *ctx, int64_t done, int64_t total), void *ctx,
                           struct err *err)
{
    static const struct import_opts none;
    struct reader *in = NULL;
    struct event_sink *s = NULL;
    const struct importer_def *def = NULL;
    struct err own = {0}, *e = err ? err : &own;
    char name[80];
    int32_t first_test = 0;
    *out = NULL;
    o = o ? o : &none;
    if (rep)
        memset(rep, 0, sizeof *rep);
    enum status st = reader_open(&in, path, e);
    if (st != ST_OK)
        return st;
    st = choose(in, importer, &def, e);
    if (st == ST_OK)
        st = sink_new(&s, e);
    if (st != ST_OK)
        goto out;
    s->progress = progress;
    s->ctx = ctx;
    s->in = in;
    s->max_errors = o->max_errors > 0 && o->max_errors < MAX_BAD ? o->max_errors : MAX_BAD;
    st = def->read(in, s, o, e);
    if (st == ST_OK && o->test_path)
        st = read_test(s, def, o, &first_test, e);
    s->in = in;
    if (st == ST_OK)
        st = import_names(s, path, e);
    if (st == ST_OK) {
        short_name(path, name, sizeof name);
        st = dataset_build(out, s, name, def->by_user, o, NULL, e);
        /* The builder does not know which file */
        if (st == ST_FORMAT || st == ST_UNSUPPORTED)
            err_context(e, "%s", name);
    }
    if (st == ST_OK)
        (*out)->first_test = first_test;
    if (rep)
        *rep = s->rep;
out:
    sink_free(s);
    reader_close(in);
    return st;
}
