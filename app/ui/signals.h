/* Signals as bytes in a pipe (self-pipe), and the terminal given back on a crash.  The
 * process has one set of handlers, so these are functions without an object.  Only the
 * screen thread (or the main thread of the line mode) reads the pipe; all other threads run
 * with the signals blocked. */
#ifndef APP_UI_SIGNALS_H
#define APP_UI_SIGNALS_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>

/* Before any other thread starts: handlers for INT TERM HUP QUIT TSTP CONT WINCH, PIPE and
 * XFSZ ignored. */
MUST_CHECK enum status signals_start(struct err *err);
void signals_stop(void); /* the default actions again */
int signals_fd(void);    /* readable when a signal waits; -1 before signals_start */
int signals_take(void);  /* the next signal number, 0: none */
/* Call in the main thread around the creation of other threads: threads inherit the blocked
 * set. */
void signals_block(void);
void signals_unblock(void);

/* Crash: SEGV BUS FPE ILL ABRT on an alternate stack write `restore` (n bytes, copied, at
 * most 512) to fd, give back the line settings saved when this was called, and raise the
 * signal again.  n = 0 disarms. */
void signals_on_crash(int fd, const char *restore, size_t n);
/* the same writing, for atexit and abort paths; only async-signal-safe calls */
void signals_restore_now(void);
/* Ends the process by that signal's default action (truthful exit status). */
void signals_die(int sig);

#endif
