/* Exact ceilings and floors of planted data, and the baselines on the validation questions: on a thread of their own, since both take longer than
 * a key may.  Called on the app's thread. */
#ifndef APP_BACKGROUND_H
#define APP_BACKGROUND_H

#include <stdbool.h>

struct app;
void background_start(struct app *a);  /* for a->split; without a thread there are no ceilings, nothing depends on them */
bool background_poll(struct app *a);   /* once a tick; true: they have come in */
void background_wait(struct app *a);   /* no screen: `data info` prints them */
void background_cancel(struct app *a); /* returns when the thread has ended */

#endif
