/* Errors as values.  Whatever can fail for a reason outside the program returns an enum
 * status and takes a struct err * as its last argument (NULL allowed).  The message is
 * written where the cause is known, in the user's words, with file, line and value.  Nothing
 * here prints or exits. Any thread; an err belongs to its caller. */
#ifndef ENGINE_BASE_STATUS_H
#define ENGINE_BASE_STATUS_H

#if defined(__GNUC__)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK        __attribute__((warn_unused_result))
#else
#define PRINTF_LIKE(f, a)
#define MUST_CHECK
#endif

/* Not OK and ERR: curses.h owns those names. */
enum status {
    ST_OK = 0,
    ST_NOMEM,
    ST_IO,      /* the system refused: errno is in the message */
    ST_FORMAT,  /* bytes that do not mean what they should */
    ST_SHAPE,   /* tensors that do not fit */
    ST_ARG,     /* a value out of its range */
    ST_STATE,   /* right call, wrong moment */
    ST_NUMERIC, /* NaN or infinity */
    ST_CANCELLED,
    ST_UNSUPPORTED,
};

struct err {
    enum status code;
    char kind[16]; /* the command language's word for it, "bad-item"; empty: from the code */
    char hint[96]; /* what to do, "Try: data info"; may be empty */
    char msg[256]; /* one line, no newline at the end */
};

/* Writes code and message; returns code, so that `return err_set(...)` reads well. */
enum status err_set(struct err *e, enum status code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "text: " before the present message; returns the present code. */
enum status err_context(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds the kind (a word of the command language) and a hint to an err that was set; NULL
 * leaves one alone. */
enum status err_hint(struct err *e, const char *kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "no memory for 12.5 MiB of WHAT"; returns ST_NOMEM. */
enum status err_nomem(struct err *e, unsigned long long bytes, const char *what);

const char *status_name(enum status code); /* "ok", "io", ...; static storage */

#endif
