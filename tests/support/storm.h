/* Abuse of the real program in a pseudo-terminal: random keys, sizes, stops.  A storm is
 * reproducible up to timing: what is sent follows from the seed alone.  The program lives in
 * a temporary folder of its own (home, working directory), so that no key writes elsewhere. */
#ifndef TESTS_SUPPORT_STORM_H
#define TESTS_SUPPORT_STORM_H

#include "tests/support/tmpfile.h"
#include "tests/support/vt.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORM_RECENT = 2000 };
enum storm_end { STORM_QUIT, STORM_TERM, STORM_HUP, STORM_SEGV, STORM_ENDS };
struct storm {
    struct vt *vt;
    const char *program; /* absolute path */
    char start[1024];    /* the start file: what the program opens with */
    struct tmp_dir home;
    uint64_t rng;
    /* bytes sent, new sizes, stops, programs that were left by a key */
    long keys, resizes, stops, restarts;
    double slowest_s;  /* longest time a key waited to be taken */
    char failure[512]; /* "" so far */
    unsigned char recent[STORM_RECENT];
    long n_recent, stop_key; /* bytes so far; as it was when Ctrl-Z was sent last */
};

/* Opens the program on `start` (lines of a start file).  False: `failure` says why, as with
 * all that follow. */
bool storm_start(struct storm *s, const char *program, const char *start, uint64_t seed);
bool storm_open(struct storm *s); /* the program again, after storm_end */
void storm_free(struct storm *s);

/* keys of every context, commands, mouse, paste, broken sequences, sizes */
bool storm_keys(struct storm *s, long bytes);
bool storm_resizes(struct storm *s, int n); /* 0x0 to 500x200 */
/* SIGTSTP or Ctrl-Z, the terminal given back meanwhile, SIGCONT */
bool storm_stops(struct storm *s, int n);
/* Back to 100x30 and out of whatever is open: the command line must be empty and the user's;
 * seconds until the screen stood again. */
bool storm_calm(struct storm *s, double *repaint_s);
/* the status is truthful and the terminal as it was; the program is gone after it */
bool storm_end(struct storm *s, enum storm_end how);
long storm_rss_kb(const struct storm *s);
/* the last bytes sent, escaped, to standard error */
void storm_print_recent(const struct storm *s);

#endif
