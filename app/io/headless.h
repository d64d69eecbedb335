/* Command lines without a screen: -e, --batch, and the line mode.  Results to standard
 * output, errors and progress to standard error. */
#ifndef APP_IO_HEADLESS_H
#define APP_IO_HEADLESS_H

#include "app/app.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_ASSERT = 3,
    EXIT_DIVERGED = 4,
    EXIT_INTERRUPTED = 130
};
struct headless {
    struct app *app;
    bool json;
    bool echo;                  /* "> command" before its result (text form) */
    const char *const *command; /* -e, in order; NULL-terminated */
    const char *batch;          /* script after them, "-": standard input; NULL = none */
    int cols, rows;             /* of the picture after the last command; 0 = none */
    const char *snap;           /* its file, "-": standard output */
};
/* Runs all of it to its end or first failed command; returns the exit status. */
int headless_run(const struct headless *h);
/* The line mode on a terminal: reads, runs, prints, until quit or the end of input.  rc:
 * start file, or NULL.  Returns the exit status. */
int plain_run(struct app *a, bool json, const char *rc, const char *const *start);
int exit_status_of(const struct err *err);
/* SIGINT sets a->cancel (a second one within 2 s ends the process), SIGTERM and SIGHUP too;
 * headless_signal() is the one that came, 0 = none. */
void headless_signals(struct app *a);
int headless_signal(void);

#endif
