/* A run as it was after some of its updates, bit for bit, by replay from its start or a
 * later copy: `back`, `fork` and what needs a step that is not kept.  Without a screen it is
 * waited for; with one it goes on on a thread of its own while every key works, one at a
 * time, says on the hint line how far it is, and ends with Esc or Ctrl-C.  Called on the
 * app's thread. */
#ifndef APP_REPLAY_H
#define APP_REPLAY_H

#include "engine/train/learner.h"

struct app;
/* Now: the caller owns *out.  ST_STATE: the run begins later than that; ST_CANCELLED:
 * a->cancel. */
MUST_CHECK enum status replay_now(struct app *a, int slot, int64_t step, struct learner **out,
                                  struct err *err);
/* Begins; when it is there replay_poll puts it into slot `to`, named by `word`: "back from",
 * "fork of".  step < 0: so many updates before the place where the run, which was told to
 * pause, comes to rest. */
MUST_CHECK enum status replay_start(struct app *a, int from, int64_t step, int to,
                                    const char *word, struct err *err);
/* Goes to another step of the same run instead; false: none is under way for that slot. */
bool replay_move(struct app *a, int slot, int64_t by);
bool replay_poll(struct app *a);         /* once a tick; true: something to see */
void replay_wait(struct app *a);         /* until it is there, or a->cancel */
void replay_cancel(struct app *a);       /* returns when the thread has ended */
int replay_wake_fd(const struct app *a); /* readable when it has ended; -1: none is under way */

#endif
