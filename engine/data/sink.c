/* Collects events from importers: text ids to numbers, growing arrays, names, bad
 * lines.  Making a data set of them is sink_build.c. */
#include "engine/data/sink.h"

#include "engine/base/inert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_EVENTS = 4096, TICK = 8192 };
#define MAX_EVENTS 400000000

enum status sink_new(struct event_sink **out, struct err *err)
{
    *out = NULL;
    struct event_sink *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err, sizeof *s, "importing");
    s->by_user = -1;
    s->last_user = -1;
    s->max_errors = MAX_BAD;
    enum status st = strtab_new(&s->users, err);
    if (st == ST_OK)
        st = strtab_new(&s->items, err);
    if (st == ST_OK)
        st = strtab_new(&s->names, err);
    if (st == ST_OK)
        *out = s;
    else
        sink_free(s);
    return st;
}

void sink_free(struct event_sink *s)
{
    if (!s)
        return;
    strtab_free(s->users);
    strtab_free(s->items);
    strtab_free(s->names);
    free(s->user);
    free(s->item);
    free(s->ts);
    free(s->name_of);
    free(s);
}

static enum status grow(struct event_sink *s, struct err *err)
{
    int64_t cap = s->cap ? s->cap + s->cap / 2 : FIRST_EVENTS;
    if (s->n >= MAX_EVENTS)
        return err_set(err, ST_UNSUPPORTED, "more than %d events", MAX_EVENTS);
    int32_t *user = realloc(s->user, (size_t)cap * sizeof *user);
    s->user = user ? user : s->user;
    int32_t *item = realloc(s->item, (size_t)cap * sizeof *item);
    s->item = item ? item : s->item;
    int64_t *ts = s->ts ? realloc(s->ts, (size_t)cap * sizeof *ts) : NULL;
    if (!user || !item || (s->ts && !ts))
        return err_nomem(err, (size_t)cap * 16, "events");
    s->ts = ts;
    s->cap = cap;
    return ST_OK;
}

enum status sink_tick(struct event_sink *s, struct err *err)
{
    int64_t total = 0, done = s->in ? reader_done(s->in, &total) : 0;
    if (s->progress && !s->progress(s->ctx, done, total))
        return err_set(err, ST_CANCELLED, "cancelled");
    return ST_OK;
}

static int32_t user_id(struct event_sink *s, const char *user, size_t len)
{
    if (!user)
        return s->n_anonymous - 1;
    if (s->last_user >= 0 && strtab_len(s->users, s->last_user) == len &&
        memcmp(strtab_text(s->users, s->last_user), user, len) == 0)
        return s->last_user;
    s->last_user = strtab_put(s->users, user, len);
    return s->last_user;
}

/* The first time stamp: all events before it had none. */
static enum status begin_times(struct event_sink *s, struct err *err)
{
    s->ts = malloc((size_t)s->cap * sizeof *s->ts);
    if (!s->ts)
        return err_nomem(err, (size_t)s->cap * sizeof *s->ts, "times");
    for (int64_t i = 0; i < s->n; i++)
        s->ts[i] = INT64_MIN;
    return ST_OK;
}

enum status sink_event(struct event_sink *s, const char *user, size_t user_len,
                       const char *item, size_t item_len, int64_t ts, struct err *err)
{
    enum status st = ST_OK;
    if (s->n % TICK == 0)
        st = sink_tick(s, err);
    if (st == ST_OK && s->n == s->cap)
        st = grow(s, err);
    if (st == ST_OK && ts != INT64_MIN && !s->ts)
        st = begin_times(s, err);
    if (st != ST_OK)
        return st;
    int32_t u = user_id(s, user, user_len), i = strtab_put(s->items, item, item_len);
    if (u < 0 || i < 0)
        return err_nomem(err, item_len + user_len, "ids");
    s->user[s->n] = u;
    s->item[s->n] = i;
    if (s->ts)
        s->ts[s->n] = ts;
    s->n++;
    return ST_OK;
}

enum status sink_session(struct event_sink *s, struct err *err)
{
    if (s->n_anonymous == INT32_MAX - 1)
        return err_set(err, ST_UNSUPPORTED, "more than %d sessions", INT32_MAX - 1);
    s->n_anonymous++;
    return s->n_anonymous % TICK == 0 ? sink_tick(s, err) : ST_OK;
}

void sink_by_user(struct event_sink *s, bool by_user)
{
    s->by_user = by_user;
}

/* Only items that occur are named; the first name stands. */
enum status sink_item_name(struct event_sink *s, const char *item, size_t item_len,
                           const char *name, size_t name_len, struct err *err)
{
    int32_t i = strtab_find(s->items, item, item_len);
    if (i < 0 || name_len == 0)
        return ST_OK;
    if (i >= s->name_cap) {
        int32_t cap = strtab_count(s->items);
        int32_t *of = realloc(s->name_of, (size_t)cap * sizeof *of);
        if (!of)
            return err_nomem(err, (size_t)cap * sizeof *of, "names");
        for (int32_t k = s->name_cap; k < cap; k++)
            of[k] = -1;
        s->name_of = of;
        s->name_cap = cap;
    }
    if (s->name_of[i] >= 0)
        return ST_OK;
    char clean[512];
    s->rep.repaired += !text_is_inert(name, name_len);
    size_t n = text_inert(name, name_len, clean, sizeof clean);
    s->name_of[i] = strtab_put(s->names, clean, n);
    if (s->name_of[i] < 0)
        return err_nomem(err, n, "names");
    s->n_named++;
    return ST_OK;
}

void sink_forget_names(struct event_sink *s)
{
    for (int32_t i = 0; i < s->name_cap; i++)
        s->name_of[i] = -1;
    s->n_named = 0;
}

enum status sink_bad_line(struct event_sink *s, struct err *err)
{
    if (!err || err->code != ST_FORMAT)
        return err ? err->code : ST_FORMAT;
    if (s->rep.n_bad < MAX_BAD)
        s->rep.bad_line[s->rep.n_bad] = s->in ? reader_lineno(s->in) : 0;
    if (s->rep.n_bad++ == 0)
        s->first_bad = *err;
    if (s->rep.n_bad >= s->max_errors)
        return sink_end(s, err);
    err->code = ST_OK;
    return ST_OK;
}

enum status sink_end(struct event_sink *s, struct err *err)
{
    if (s->rep.n_bad == 0)
        return ST_OK;
    enum status st = err_set(err, s->first_bad.code, "%s", s->first_bad.msg);
    if (s->rep.n_bad > 1) {
        char list[80] = "";
        size_t at = 0;
        for (int32_t i = 1; i < s->rep.n_bad && i < MAX_BAD && at < sizeof list - 24; i++)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%lld", i > 1 ? ", " : "",
                                   (long long)s->rep.bad_line[i]);
        err_hint(err, NULL, "Also bad: line%s %s%s", s->rep.n_bad > 2 ? "s" : "", list,
                 s->rep.n_bad >= s->max_errors ? "; stopped there" : "");
    }
    return st;
}
