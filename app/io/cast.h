/* Recordings of the screen: asciicast version 2 (asciinema.org), a JSON header line and
 * lines of [seconds, "o", text] or [seconds, "r", "COLSxROWS"].  The bytes of a frame are
 * what differs from the frame before.  Screen thread. */
#ifndef APP_IO_CAST_H
#define APP_IO_CAST_H

#include "app/ui/grid.h"

struct cast;
/* The file appears when the recording ends; until then an old one stands. */
MUST_CHECK enum status cast_start(struct cast **out, const char *path, struct err *err);
/* A frame at a time in seconds of any clock.  After an error the recording has ended and c
 * is gone. */
MUST_CHECK enum status cast_frame(struct cast *c, const struct grid *g, double now,
                                  struct err *err);
enum status
cast_stop(struct cast *c,
          struct err *err); /* accepts NULL; a recording without a frame writes nothing */
int cast_frames(const struct cast *c);
const char *cast_path(const struct cast *c);

/* Writes a recording to the terminal at its own pace (speed 2: twice as fast), all at once
 * when standard output is none.  q, Esc or Ctrl-C end it.  leave: the terminal is given back
 * with its cursor; else the last frame stays until a key, and the caller repaints. */
MUST_CHECK enum status cast_play(const char *path, double speed, bool leave, struct err *err);

#endif
