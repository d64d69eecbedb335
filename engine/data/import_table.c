/* Tables with a header, whatever divides their fields: which column is what, and a row to an
 * event. */
#include "engine/data/import_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

// clang-format off
static const char *const session_names[] = {"session", "sessionid", "session_id", "session id", "invoiceno", "invoice", "order_id",
                                            "visit_id", "playlist_id", NULL};
static const char *const user_names[] = {"user", "userid", "user_id", "customerid", "customer_id", "customer", "visitorid",
                                         "reviewerid", "uid", NULL};
static const char *const item_names[] = {"item", "itemid", "item_id", "movieid", "movie_id", "productid", "product_id", "product",
                                         "asin", "stockcode", "sku", "track_id", "song_id", "book_id", "business_id", "iid",
                                         "page 2 (clothing model)", NULL};
static const char *const time_names[] = {"timestamp", "time", "ts", "date", "datetime", "invoicedate", "unixreviewtime",
                                         "event_time", NULL};
static const char *const title_names[] = {"title", "name", "description", "product_name", "item_name", "movie_title", NULL};
// clang-format on

static bool called(struct field f, const char *name)
{
    while (f.n > 0 && f.s[0] == ' ') {
        f.s++;
        f.n--;
    }
    while (f.n > 0 && f.s[f.n - 1] == ' ')
        f.n--;
    return f.n == strlen(name) && strncasecmp(f.s, name, f.n) == 0;
}

static int find_one(const struct field *f, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (called(f[i], name))
            return i;
    return -1;
}

static int find_any(const struct field *f, int n, const char *const *names)
{
    for (int k = 0; names[k]; k++) {
        int i = find_one(f, n, names[k]);
        if (i >= 0)
            return i;
    }
    return -1;
}

static enum status no_column(const struct line_ctx *c, const struct field *f, int n,
                             const char *what, const char *asked, struct err *err)
{
    char list[140] = "";
    size_t at = 0;
    for (int i = 0; i < n && at + 24 < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%.*s", i ? ", " : "",
                               f[i].n < 20 ? (int)f[i].n : 20, f[i].s);
    if (asked)
        return reader_err(c->in, ST_FORMAT, err, "no column is called \"%.40s\"; there are: %s",
                          asked, list);
    return reader_err(c->in, ST_FORMAT, err, "no column is named like %s; say which: %s", what,
                      list);
}

enum status table_header(struct table *t, const struct line_ctx *c, const struct field *f,
                         int n, struct err *err)
{
    const struct import_opts *o = c->o;
    if (n > MAX_FIELDS)
        return reader_err(c->in, ST_FORMAT, err, "more than %d columns", MAX_FIELDS);
    t->item = o->item_col ? find_one(f, n, o->item_col) : find_any(f, n, item_names);
    t->time = o->time_col ? find_one(f, n, o->time_col) : find_any(f, n, time_names);
    t->name = find_any(f, n, title_names);
    t->user = o->user_col ? find_one(f, n, o->user_col) : find_any(f, n, session_names);
    t->sessions = t->user >= 0 && find_any(&f[t->user], 1, session_names) == 0;
    if (!o->user_col && t->user < 0)
        t->user = find_any(f, n, user_names);
    if (t->item < 0)
        return no_column(c, f, n, "an item (item=COLUMN)", o->item_col, err);
    if (t->user < 0)
        return no_column(c, f, n, "a user or session (user=COLUMN)", o->user_col, err);
    if (t->time < 0 && o->time_col)
        return no_column(c, f, n, "a time", o->time_col, err);
    if (t->item == t->user)
        return reader_err(c->in, ST_FORMAT, err, "user and item are the same column");
    sink_by_user(c->out, !t->sessions);
    t->n_cols = n; /* only now is the header read */
    return ST_OK;
}

enum status table_row(const struct table *t, const struct line_ctx *c, const struct field *f,
                      int n, struct err *err)
{
    if (n != t->n_cols)
        return reader_err(c->in, ST_FORMAT, err, "%d columns where the header has %d", n,
                          t->n_cols);
    struct field user = f[t->user], item = f[t->item];
    int64_t ts = NO_TIME;
    if (user.n > 400 || item.n > 400)
        return reader_err(c->in, ST_FORMAT, err, "an id is longer than 400 bytes");
    if (user.n == 0 || item.n == 0) {
        c->out->rep.no_key++;
        return ST_OK;
    }
    if (t->time >= 0) {
        enum status st = parse_time(c->in, "time", f[t->time], &ts, err);
        if (st != ST_OK)
            return st;
    }
    if (c->out->rep.n_bad > 0)
        return ST_OK;
    enum status st = sink_event(c->out, user.s, user.n, item.s, item.n, ts, err);
    if (st == ST_OK && t->name >= 0 && t->name != t->item)
        st = sink_item_name(c->out, item.s, item.n, f[t->name].s, f[t->name].n, err);
    return st;
}
