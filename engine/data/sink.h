/* The inside of an event sink; private to engine/data/sink.c, sink_build.c and import*.c. */
#ifndef ENGINE_DATA_SINK_H
#define ENGINE_DATA_SINK_H

#include "engine/base/reader.h"
#include "engine/base/strtab.h"
#include "engine/data/dataset.h"

enum { MAX_BAD = 5 };

struct event_sink {
    struct strtab *users, *items;
    int32_t *user, *item; /* (n) */
    int64_t *ts;          /* (n), or NULL while no event had a time */
    int64_t n, cap;
    int32_t n_anonymous;  /* sessions begun by sink_session */
    int32_t last_user;    /* a file's lines of one user mostly stand together */
    int by_user;          /* -1 = as dataset_build says */
    struct strtab *names; /* texts of names */
    int32_t *name_of;     /* (name_cap) item -> names, -1 = none */
    int32_t name_cap, n_named;
    struct import_report rep;
    struct err first_bad;
    int32_t max_errors;
    /* set by dataset_import: cancelling, and how far the file is */
    bool (*progress)(void *ctx, int64_t done, int64_t total);
    void *ctx;
    struct reader *in;
};

/* For importers.  Bad lines are gathered until there are max_errors of them, so that a
 * million bad lines are told in one message. err holds the line's message.  ST_OK: read on;
 * else stop, err says all. */
enum status sink_bad_line(struct event_sink *s, struct err *err);
/* After the last line: ST_FORMAT with the first bad line's message if there was any. */
MUST_CHECK enum status sink_end(struct event_sink *s, struct err *err);
/* ST_CANCELLED when the user wants so */
MUST_CHECK enum status sink_tick(struct event_sink *s, struct err *err);
void sink_forget_names(struct event_sink *s);

#endif
