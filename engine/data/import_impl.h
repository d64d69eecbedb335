/* What importers share: fields of a line, numbers, times, guessing a format from its first
 * lines.  Private to engine/data/import*.c. */
#ifndef ENGINE_DATA_IMPORT_IMPL_H
#define ENGINE_DATA_IMPORT_IMPL_H

#include "engine/data/import.h"
#include "engine/data/sink.h"

struct field {
    const char *s;
    size_t n;
};
enum { MAX_FIELDS = 256 };
#define NO_TIME INT64_MIN

/* Cuts a line into at most max fields; returns how many there are, max + 1 for
 * more.  split_blank: runs of spaces and tabs; split_char: one character each time, empty
 * fields count; split_text: a separator of several characters. */
int split_blank(const char *line, size_t len, struct field *f, int max);
int split_char(const char *line, size_t len, char c, struct field *f, int max);
int split_text(const char *line, size_t len, const char *sep, struct field *f, int max);

/* digits, with a sign and a fraction if need be */
bool is_number(struct field f);
/* A whole number 1..2^31-1 without leading zeros in *f; else an error that names the line
 * and `what`. */
enum status parse_id(const struct reader *in, const char *what, struct field *f,
                     struct err *err);
/* Seconds since 1970: a number (13 digits: milliseconds) or YYYY-MM-DD with HH:MM or
 * HH:MM:SS, UTC. */
enum status parse_time(const struct reader *in, const char *what, struct field f, int64_t *out,
                       struct err *err);
enum status parse_rating(const struct reader *in, struct field f, struct err *err);
enum status expect_fields(const struct reader *in, int found, int want, const char *names,
                          struct err *err);

/* Share, in percent, of the first lines (up to 200 whole ones) that `fits` takes; blank ones
 * aside. */
int sniff_lines(const char *head, size_t len, bool (*fits)(const char *line, size_t n));
/* without .gz, upper and lower case alike */
bool path_ends(const char *path, const char *end);

/* Calls line() for every line that is not blank; bad ones are gathered by the sink. */
struct line_ctx {
    struct reader *in;
    struct event_sink *out;
    const struct import_opts *o;
    void *own; /* the importer's own */
};
enum status each_line(struct line_ctx *c,
                      enum status (*line)(struct line_ctx *c, const char *s, size_t n,
                                          struct err *err),
                      struct err *err);

/* A table: a header that names columns, then rows. */
struct table {
    int n_cols, user, item, time, name; /* columns; -1 = none */
    bool sessions;                      /* the `user` column names sessions */
};
enum status table_header(struct table *t, const struct line_ctx *c, const struct field *f,
                         int n, struct err *err);
enum status table_row(const struct table *t, const struct line_ctx *c, const struct field *f,
                      int n, struct err *err);

/* Names beside the file: items.tsv, X.item, u.item, movies.dat, movies.csv.  The first that
 * names 95 % of the items is used. */
enum status import_names(struct event_sink *s, const char *path, struct err *err);

#endif
