/* What a slot remembers of its run beyond the model itself, in a file of its own: curves,
 * kept steps, validations, the settings it began with and their changes.  With the model
 * beside it a loaded run looks and goes on as the saved one.  Screen thread; the run must
 * rest. */
#ifndef APP_IO_PAST_H
#define APP_IO_PAST_H

#include "app/app.h"

/* false: the slot's model came as it stands, there is nothing to remember. */
bool past_has(struct app *a, int slot);
struct past_size { /* what went into a file */
    int kept;      /* steps */
    int64_t points, bytes;
};
/* Durable replacement of `path`; a safetensors file. */
MUST_CHECK enum status past_save(struct app *a, int slot, const char *path,
                                 struct past_size *size, struct err *err);
/* Into a slot whose model was loaded and not trained yet; it must be the very model the file
 * belongs to.  start: the model the run began with, NULL: step 0 of its seed; taken.  All or
 * nothing. */
MUST_CHECK enum status past_load(struct app *a, int slot, const char *path,
                                 struct learner *start, struct past_size *size,
                                 struct err *err);

#endif
