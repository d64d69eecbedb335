/* A data set: sessions of items, immutable after import, readable by any thread without a
 * lock. */
#ifndef ENGINE_DATA_DATASET_H
#define ENGINE_DATA_DATASET_H

#include "engine/base/arena.h"
#include <stdbool.h>
#include <stdint.h>

struct world; /* the generated world a data set came from: data/world.h */

struct dataset {
    const char *name; /* "bazaar", "ml-100k/u.data": for headers */
    int32_t n_items, n_users, n_sessions;
    int64_t n_events;    /* items are 1..n_items; 0 = none */
    const int64_t *off;  /* (n_sessions+1) first event of each session */
    const int32_t *item; /* (n_events) oldest first inside a session */
    const int32_t *user; /* (n_sessions) 1-based, or NULL: every session its own user */
    const int64_t *ts;   /* (n_events) seconds UTC, or NULL */
    const char *const *item_name; /* [1..n_items], UTF-8, inert; NULL = no names */
    /* [1..n_items] the id in the file as text; NULL: the number itself */
    const char *const *item_id;
    const int64_t *popularity; /* [0..n_items] events of each item in the whole set */
    uint64_t hash;             /* xxh3 of sessions and names: run record, checkpoint */
    /* sessions from this one on came as a test set of their own; 0: none did */
    int32_t first_test;
    /* user histories (leave-one-out split) or sessions (split by number) */
    bool by_user;

    /* Generated worlds only, else NULL: what is planted. */
    const struct world *world;
    const uint8_t *flag; /* (n_events) enum world_flag of each event */
    /* (n_events) hidden value there (department of the interest, opener's number, ...) */
    const int16_t *truth;
};

/* accepts NULL; a dataset is one heap object owned by its caller */
void dataset_free(struct dataset *ds);
/* Item of a name (exact, then unique prefix, case-insensitive), 0 = none. */
int32_t dataset_find_item(const struct dataset *ds, const char *name);
static inline int32_t dataset_len(const struct dataset *ds, int32_t s)
{
    return (int32_t)(ds->off[s + 1] - ds->off[s]);
}

/* ---- Building one: importers and worlds push events, `dataset_build` does the rest. ---- */
struct event_sink;
struct import_opts { /* all zero: the defaults */
    char delim;      /* 0: guess */
    bool header;
    int64_t session_gap_s; /* > 0: cut a user's history where a pause is longer */
    int32_t min_item, min_len;
    int32_t max_errors; /* bad lines named before giving up; default 5 */
    /* a second file in the same form: its sessions are the test part; one session a line
     * only */
    const char *test_path;
    /* tables with a header: which column; NULL: guess from the names */
    const char *user_col, *item_col, *time_col;
};
struct import_report { /* shown to the user: what came in and what was left out */
    int64_t lines, events_in, events_out, dup, dropped_short, dropped_rare;
    /* dup: same user, item and time, left out; dropped_short: sessions under min_len;
     * dropped_rare: events of items under min_item */
    int64_t blank, no_key;   /* empty lines; table rows without user or item: both left out */
    int64_t repaired;        /* names and ids whose text had to be made inert */
    int32_t named;           /* items that got a name */
    char names_from[64];     /* file the names came from; empty: none */
    char names_problem[128]; /* why a file of names was not used; empty: none */
    int32_t n_bad;           /* lines refused; with any, nothing is built */
    int64_t bad_line[5];     /* the first of them */
};
MUST_CHECK enum status sink_new(struct event_sink **out, struct err *err);
void sink_free(struct event_sink *s);
/* user, item: text ids as in the file, len bytes; ts INT64_MIN = none.  Order of calls
 * breaks ties. */
MUST_CHECK enum status sink_event(struct event_sink *s, const char *user, size_t user_len,
                                  const char *item, size_t item_len, int64_t ts,
                                  struct err *err);
/* Begins an anonymous session: events with user NULL belong to it. */
MUST_CHECK enum status sink_session(struct event_sink *s, struct err *err);
/* What the events are turned out to be: user histories, or sessions keyed by
 * `user`.  Overrides by_user of dataset_build. */
void sink_by_user(struct event_sink *s, bool by_user);
MUST_CHECK enum status sink_item_name(struct event_sink *s, const char *item, size_t item_len,
                                      const char *name, size_t name_len, struct err *err);
MUST_CHECK enum status dataset_build(struct dataset **out, struct event_sink *s,
                                     const char *name, bool by_user,
                                     const struct import_opts *o, struct import_report *rep,
                                     struct err *err);

/* From a file, by content and name: importers.def in order of confidence.  progress may be
 * NULL; returning false cancels. */
MUST_CHECK enum status dataset_import(struct dataset **out, const char *path,
                                      const char *importer /* NULL: sniff */,
                                      const struct import_opts *o, struct import_report *rep,
                                      bool (*progress)(void *ctx, int64_t done, int64_t total),
                                      void *ctx, struct err *err);
/* One session a line, ids from 1; truth_path (or NULL): `session TAB position TAB flag TAB
 * value`.  Durable replacement. */
MUST_CHECK enum status dataset_export(const struct dataset *ds, const char *path,
                                      const char *truth_path, struct err *err);

#endif
