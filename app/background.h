/* Exact ceilings and floors of planted data, and the baselines on the validation questions:
 * on a thread of their own, since all take longer than a key may.  The floor of filling in
 * depends on what the model hides: it is found when the current slot has such a
 * model.  Called on the app's thread. */
#ifndef APP_BACKGROUND_H
#define APP_BACKGROUND_H

#include <stdbool.h>

struct app;
/* for a->split; without a thread there are no ceilings, nothing depends on them */
void background_start(struct app *a);
bool background_poll(struct app *a); /* once a tick; true: they have come in */
void background_wait(struct app *a); /* no screen: `data info` prints them */
/* The floor of the training loss of a model that fills in, by the exact odds of what it
 * hides; NULL: none, or not known yet. */
struct cloze_floor;
const struct cloze_floor *background_filling(const struct app *a, int slot);
void background_find_filling(struct app *a, int slot); /* now: no screen */
void background_cancel(struct app *a);                 /* returns when the thread has ended */

#endif
