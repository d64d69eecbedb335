/* From collected events to a data set: numbering, order, duplicates, sessions, filters,
 * names.  Sorting is by counting (users) and by merging (times within a user), both stable,
 * so ties keep the order of the file. */
#include "engine/data/sink.h"

#include "engine/base/inert.h"
#include "engine/data/dataset_own.h"

#include <stdlib.h>
#include <string.h>

struct build {
    struct event_sink *s;
    const struct import_opts *o;
    bool by_user;
    int32_t n_users, n_items;
    int32_t *user_rank, *item_rank; /* id of the table -> number, from 0 */
    int64_t *off;                   /* (n_keys+1) */
    int32_t n_keys;                 /* sessions, as they become */
    /* (n_keys) user of the session, when users have several */
    int32_t *key_user;
    int32_t *item; /* (n) */
    int64_t *ts;
    int64_t n;
};

/* ---- numbering ---- */

/* A whole number 1..2^31-1 as one writes it, else 0. */
static int32_t number_of(const char *s, size_t n)
{
    int64_t x = 0;
    if (n == 0 || n > 10 || s[0] == '0')
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return 0;
        x = x * 10 + (s[i] - '0');
    }
    return x <= INT32_MAX ? (int32_t)x : 0;
}

struct numbered {
    int32_t number, id;
};

static int by_number(const void *a, const void *b)
{
    int32_t x = ((const struct numbered *)a)->number, y = ((const struct numbered *)b)->number;
    return (x > y) - (x < y);
}

/* Numbers as ids keep their order (and, without gaps, their value); texts are numbered as
 * they come. */
static enum status rank_ids(const struct strtab *t, int32_t **rank, struct err *err)
{
    size_t n = (size_t)strtab_count(t);
    struct numbered *a = malloc((n + 1) * sizeof *a);
    *rank = malloc((n + 1) * sizeof **rank);
    if (!a || !*rank) {
        free(a);
        return err_nomem(err, n * 12, "ids");
    }
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        a[i] = (struct numbered){
            number_of(strtab_text(t, (int32_t)i), strtab_len(t, (int32_t)i)), (int32_t)i};
        all = all && a[i].number > 0;
    }
    if (all)
        qsort(a, n, sizeof *a, by_number);
    for (size_t i = 0; i < n; i++)
        (*rank)[a[i].id] = (int32_t)i;
    free(a);
    return ST_OK;
}

/* ---- order ---- */

/* Scatter by user: counting sort.  The sink's own arrays are given back as soon as they are
 * copied. */
static enum status group_by_user(struct build *b, struct err *err)
{
    struct event_sink *s = b->s;
    size_t n = (size_t)s->n, k = (size_t)b->n_users;
    b->off = calloc(k + 2, sizeof *b->off);
    b->item = malloc(n * sizeof *b->item);
    b->ts = s->ts ? malloc(n * sizeof *b->ts) : NULL;
    if (!b->off || !b->item || (s->ts && !b->ts))
        return err_nomem(err, n * 12 + k * 8, "events in order");
    /* Becomes the end of each user, which is the start of the next */
    int64_t *at = b->off + 1;
    for (size_t i = 0; i < n; i++) {
        s->user[i] = b->user_rank ? b->user_rank[s->user[i]] : s->user[i];
        at[s->user[i] + 1]++;
    }
    for (size_t u = 1; u <= k; u++)
        at[u] += at[u - 1];
    for (size_t i = 0; i < n; i++) {
        int64_t to = at[s->user[i]]++;
        b->item[to] = s->item[i];
        if (b->ts)
            b->ts[to] = s->ts[i];
    }
    b->n = s->n;
    b->n_keys = b->n_users;
    free(s->user);
    free(s->item);
    free(s->ts);
    s->user = s->item = NULL;
    s->ts = NULL;
    s->n = s->cap = 0;
    return ST_OK;
}

/* Stable merge sort of one user's events by time; scratch has room for them. */
static void sort_user(int32_t *item, int64_t *ts, int64_t n, int32_t *item2, int64_t *ts2)
{
    int64_t i = 1;
    while (i < n && ts[i - 1] <= ts[i])
        i++;
    if (i >= n)
        return;
    for (int64_t w = 1; w < n; w *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * w) {
            int64_t mid = lo + w < n ? lo + w : n, hi = lo + 2 * w < n ? lo + 2 * w : n, x = lo,
                    y = mid;
            for (int64_t k = lo; k < hi; k++) {
                int64_t from = y >= hi || (x < mid && ts[x] <= ts[y]) ? x++ : y++;
                item2[k] = item[from];
                ts2[k] = ts[from];
            }
        }
        memcpy(item, item2, (size_t)n * sizeof *item);
        memcpy(ts, ts2, (size_t)n * sizeof *ts);
    }
}

static int64_t longest(const struct build *b)
{
    int64_t most = 0;
    for (int32_t u = 0; u < b->n_keys; u++)
        most = b->off[u + 1] - b->off[u] > most ? b->off[u + 1] - b->off[u] : most;
    return most;
}

static enum status sort_times(struct build *b, struct err *err)
{
    if (!b->ts)
        return ST_OK;
    size_t most = (size_t)longest(b);
    int32_t *item = malloc((most + 1) * sizeof *item);
    int64_t *ts = malloc((most + 1) * sizeof *ts);
    enum status st = item && ts ? ST_OK : err_nomem(err, most * 12, "sorting");
    for (int32_t u = 0; u < b->n_keys && st == ST_OK; u++) {
        sort_user(b->item + b->off[u], b->ts + b->off[u], b->off[u + 1] - b->off[u], item, ts);
        if (u % 4096 == 0)
            st = sink_tick(b->s, err);
    }
    free(item);
    free(ts);
    return st;
}

/* The same item at the same second of the same user is one event written twice.  Looks back
 * over at most 64 events of that second, so that a file with one time for all stays linear. */
static bool repeats(const struct build *b, int64_t first, int64_t i)
{
    for (int64_t j = i - 1; j >= first && j >= i - 64 && b->ts[j] == b->ts[i]; j--)
        if (b->item[j] == b->item[i])
            return true;
    return false;
}

static void drop_duplicates(struct build *b)
{
    int64_t w = 0;
    for (int32_t u = 0; b->ts && u < b->n_keys; u++) {
        int64_t from = b->off[u], to = b->off[u + 1], first = w;
        b->off[u] = w;
        for (int64_t i = from; i < to; i++) {
            b->item[w] = b->item[i];
            b->ts[w] = b->ts[i];
            if (b->ts[w] != INT64_MIN && repeats(b, first, w))
                b->s->rep.dup++;
            else
                w++;
        }
    }
    if (b->ts)
        b->off[b->n_keys] = b->n = w;
}

/* ---- sessions ---- */

static bool begins(const struct build *b, int32_t u, int64_t i)
{
    return i == b->off[u] ||
           (b->ts[i - 1] != INT64_MIN && b->ts[i] - b->ts[i - 1] > b->o->session_gap_s);
}

/* Cuts every user's history where a pause is longer than the gap. */
static enum status cut_by_gap(struct build *b, struct err *err)
{
    int64_t keys = 0;
    for (int32_t u = 0; u < b->n_keys; u++)
        for (int64_t i = b->off[u]; i < b->off[u + 1]; i++)
            keys += begins(b, u, i);
    if (keys > INT32_MAX - 1)
        return err_set(err, ST_UNSUPPORTED, "more than %d sessions", INT32_MAX - 1);
    int64_t *off = malloc(((size_t)keys + 1) * sizeof *off);
    b->key_user = malloc(((size_t)keys + 1) * sizeof *b->key_user);
    if (!off || !b->key_user) {
        free(off);
        return err_nomem(err, (size_t)keys * 12, "sessions");
    }
    int32_t k = 0;
    for (int32_t u = 0; u < b->n_keys; u++)
        for (int64_t i = b->off[u]; i < b->off[u + 1]; i++)
            if (begins(b, u, i)) {
                off[k] = i;
                b->key_user[k++] = u;
            }
    off[k] = b->n;
    free(b->off);
    b->off = off;
    b->n_keys = k;
    b->by_user = false;
    return ST_OK;
}

struct start {
    int64_t ts;
    int32_t key;
};

static int by_start(const void *a, const void *b)
{
    const struct start *x = a, *y = b;
    return x->ts != y->ts ? (x->ts > y->ts) - (x->ts < y->ts)
                          : (x->key > y->key) - (x->key < y->key);
}

/* Sessions in the order of their first event, since training, validation and test are cut by
 * session number. */
static enum status order_sessions(struct build *b, struct err *err)
{
    size_t k = (size_t)b->n_keys, n = (size_t)b->n;
    bool sorted = true;
    for (size_t i = 1; i < k && sorted; i++)
        sorted = b->off[i] == b->n || b->ts[b->off[i - 1]] <= b->ts[b->off[i]];
    if (sorted)
        return ST_OK;
    struct start *a = malloc((k + 1) * sizeof *a);
    int64_t *off = malloc((k + 1) * sizeof *off), *ts = malloc((n + 1) * sizeof *ts);
    int32_t *item = malloc((n + 1) * sizeof *item),
            *user = b->key_user ? malloc((k + 1) * sizeof *user) : NULL;
    if (!a || !off || !ts || !item || (b->key_user && !user)) {
        free(a);
        free(off);
        free(ts);
        free(item);
        free(user);
        return err_nomem(err, n * 12 + k * 24, "sessions in order");
    }
    for (size_t i = 0; i < k; i++)
        a[i] = (struct start){b->off[i] < b->off[i + 1] ? b->ts[b->off[i]] : INT64_MAX,
                              (int32_t)i};
    qsort(a, k, sizeof *a, by_start);
    int64_t w = 0;
    for (size_t i = 0; i < k; i++) {
        int64_t from = b->off[a[i].key], len = b->off[a[i].key + 1] - from;
        off[i] = w;
        memcpy(item + w, b->item + from, (size_t)len * sizeof *item);
        memcpy(ts + w, b->ts + from, (size_t)len * sizeof *ts);
        w += len;
        if (user)
            user[i] = b->key_user[a[i].key];
    }
    off[k] = w;
    free(a);
    free(b->off);
    free(b->item);
    free(b->ts);
    free(b->key_user);
    b->off = off;
    b->item = item;
    b->ts = ts;
    b->key_user = user;
    return ST_OK;
}

/* ---- filters ---- */

/* Rare items, then short sessions, again until nothing more falls out: each can make the
 * other. */
static enum status filter(struct build *b, struct err *err)
{
    int32_t min_item = b->o->min_item, min_len = b->o->min_len > 1 ? b->o->min_len : 1;
    int64_t *pop = malloc(((size_t)b->n_items + 1) * sizeof *pop);
    if (!pop)
        return err_nomem(err, (size_t)b->n_items * sizeof *pop, "counts");
    for (bool again = true; again;) {
        memset(pop, 0, (size_t)b->n_items * sizeof *pop);
        for (int64_t i = 0; i < b->n; i++)
            pop[b->item[i]]++;
        int64_t w = 0;
        int32_t k = 0;
        for (int32_t s = 0; s < b->n_keys; s++) {
            int64_t from = b->off[s], to = b->off[s + 1], first = w;
            for (int64_t i = from; i < to; i++) {
                if (pop[b->item[i]] < min_item) {
                    b->s->rep.dropped_rare++;
                    continue;
                }
                b->item[w] = b->item[i];
                if (b->ts)
                    b->ts[w] = b->ts[i];
                w++;
            }
            if (w - first < min_len) {
                b->s->rep.dropped_short++;
                w = first;
                continue;
            }
            b->off[k] = first;
            if (b->key_user)
                b->key_user[k] = b->key_user[s];
            k++;
        }
        again = w < b->n && min_item > 1;
        b->off[k] = b->n = w;
        b->n_keys = k;
    }
    free(pop);
    return b->n > 0 ? ST_OK
                    : err_set(err, ST_FORMAT,
                              "no events are left: no session has %d or more items that occur "
                              "%d times or more",
                              min_len, min_item > 1 ? min_item : 1);
}

/* ---- the object ---- */

/* Numbers of items that are left, from 1 in rank order; by_rank: table id of each. */
static int32_t *number_items(struct build *b, int32_t *n_out)
{
    int32_t *by_rank = calloc((size_t)b->n_items + 1, sizeof *by_rank);
    bool *left = calloc((size_t)b->n_items + 1, sizeof *left);
    int32_t n = 0;
    if (by_rank && left) {
        for (int64_t i = 0; i < b->n; i++)
            left[b->item_rank[b->item[i]]] = true;
        for (int32_t id = 0; id < b->n_items; id++)
            by_rank[b->item_rank[id]] = id;
        for (int32_t r = 0; r < b->n_items; r++)
            if (left[r])
                by_rank[n++] = by_rank[r];
        for (int32_t i = 0; i < n; i++)
            b->item_rank[by_rank[i]] = i;
    }
    if (!left) {
        free(by_rank);
        by_rank = NULL;
    }
    free(left);
    *n_out = n;
    return by_rank;
}

static const char *clean_id(struct build *b, struct arena *mem, int32_t id)
{
    size_t n = strtab_len(b->s->items, id);
    const char *text = strtab_text(b->s->items, id);
    if (text_is_inert(text, n))
        return arena_strdup(mem, text);
    char clean[512];
    b->s->rep.repaired++;
    text_inert(text, n, clean, sizeof clean);
    return arena_strdup(mem, clean);
}

static enum status put_names(struct build *b, struct dataset *ds, struct arena *mem,
                             const int32_t *by_rank, struct err *err)
{
    const struct event_sink *s = b->s;
    bool numbers = true, same = true, ok = true;
    for (int32_t i = 0; i < ds->n_items; i++) {
        int32_t x =
            number_of(strtab_text(s->items, by_rank[i]), strtab_len(s->items, by_rank[i]));
        numbers = numbers && x > 0;
        same = same && x == i + 1;
    }
    size_t n = (size_t)ds->n_items + 1;
    const char **id = same ? NULL : arena_alloc(mem, n * sizeof *id);
    const char **name = s->n_named == 0 && numbers ? NULL : arena_alloc(mem, n * sizeof *name);
    ok = (same || id) && (name || (s->n_named == 0 && numbers));
    if (id)
        id[0] = "";
    if (name)
        name[0] = "";
    for (int32_t i = 1; i <= ds->n_items && ok; i++) {
        int32_t t = by_rank[i - 1], named = t < s->name_cap ? s->name_of[t] : -1;
        const char *text = id || (name && named < 0) ? clean_id(b, mem, t) : "";
        if (id)
            id[i] = text;
        if (name)
            name[i] = named >= 0 ? arena_strdup(mem, strtab_text(s->names, named)) : text;
        ok = text && (!name || name[i]);
    }
    ds->item_id = id;
    ds->item_name = name;
    return ok ? ST_OK : err_nomem(err, n * 32, "names");
}

/* Users in the order of their first session, from 1. */
static enum status put_users(struct build *b, struct dataset *ds, struct arena *mem,
                             struct err *err)
{
    ds->n_users = ds->n_sessions;
    if (!b->key_user)
        return ST_OK;
    int32_t *user = arena_raw(mem, (size_t)ds->n_sessions * sizeof *user),
            *number = calloc((size_t)b->n_users + 1, sizeof *number);
    if (!user || !number) {
        free(number);
        return err_nomem(err, (size_t)b->n_users * 8, "users");
    }
    ds->n_users = 0;
    for (int32_t k = 0; k < ds->n_sessions; k++) {
        if (number[b->key_user[k]] == 0)
            number[b->key_user[k]] = ++ds->n_users;
        user[k] = number[b->key_user[k]];
    }
    free(number);
    ds->user = user;
    return ST_OK;
}

static enum status make(struct build *b, const char *name, struct dataset **out,
                        struct err *err)
{
    int32_t n_items, *by_rank = number_items(b, &n_items);
    if (!by_rank)
        return err_nomem(err, (size_t)b->n_items * 4, "items");
    struct dataset *ds = NULL;
    struct arena *mem = NULL;
    size_t n = (size_t)b->n, k = (size_t)b->n_keys, text = 0;
    for (int32_t i = 0; i < n_items; i++)
        text += strtab_len(b->s->items, by_rank[i]) + 128;
    size_t reserve = n * (b->ts ? 12 : 4) + (k + 1) * 12 + (size_t)n_items * 24 + text + 65536;
    enum status st = dataset_new(&ds, reserve, &mem, err);
    if (st != ST_OK) {
        free(by_rank);
        return st;
    }
    int32_t *item = arena_raw(mem, n * sizeof *item);
    int64_t *off = arena_raw(mem, (k + 1) * sizeof *off),
            *ts = b->ts ? arena_raw(mem, n * sizeof *ts) : NULL;
    ds->name = arena_strdup(mem, name);
    if (!item || !off || (b->ts && !ts) || !ds->name) {
        st = err_nomem(err, reserve, "a data set");
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        item[i] = b->item_rank[b->item[i]] + 1;
    memcpy(off, b->off, (k + 1) * sizeof *off);
    if (ts)
        memcpy(ts, b->ts, n * sizeof *ts);
    ds->n_items = n_items;
    ds->n_sessions = b->n_keys;
    ds->n_events = b->n;
    ds->off = off;
    ds->item = item;
    ds->ts = ts;
    ds->by_user = b->by_user;
    st = put_users(b, ds, mem, err);
    if (st == ST_OK)
        st = put_names(b, ds, mem, by_rank, err);
    if (st == ST_OK)
        st = dataset_seal(ds, mem, err);
out:
    free(by_rank);
    if (st == ST_OK)
        *out = ds;
    else
        dataset_free(ds);
    return st;
}

enum status dataset_build(struct dataset **out, struct event_sink *s, const char *name,
                          bool by_user, const struct import_opts *o, struct import_report *rep,
                          struct err *err)
{
    static const struct import_opts none;
    struct build b = {
        .s = s, .o = o ? o : &none, .by_user = s->by_user < 0 ? by_user : s->by_user != 0};
    enum status st = ST_OK;
    *out = NULL;
    s->rep.events_in = s->n;
    if (s->n == 0)
        return err_set(err, ST_FORMAT, "no events");
    bool anonymous = s->n_anonymous > 0;
    b.n_users = anonymous ? s->n_anonymous : strtab_count(s->users);
    b.n_items = strtab_count(s->items);
    st = rank_ids(s->items, &b.item_rank, err);
    if (st == ST_OK && !anonymous)
        st = rank_ids(s->users, &b.user_rank, err);
    if (st == ST_OK)
        st = group_by_user(&b, err);
    if (st == ST_OK)
        st = sort_times(&b, err);
    if (st == ST_OK)
        drop_duplicates(&b);
    if (st == ST_OK && b.o->session_gap_s > 0) {
        if (b.ts)
            st = cut_by_gap(&b, err);
        else
            st =
                err_set(err, ST_ARG, "sessions cannot be cut by pauses: the file has no times");
    }
    if (st == ST_OK && b.ts && !b.by_user)
        st = order_sessions(&b, err);
    if (st == ST_OK)
        st = filter(&b, err);
    if (st == ST_OK)
        st = make(&b, name, out, err);
    if (st == ST_OK) {
        s->rep.events_out = (*out)->n_events;
        s->rep.named = s->n_named;
    }
    if (rep)
        *rep = s->rep;
    free(b.user_rank);
    free(b.item_rank);
    free(b.off);
    free(b.item);
    free(b.ts);
    free(b.key_user);
    return st;
}
