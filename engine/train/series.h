/* A curve: (x, y) points that only grow, in chunks, with an atomic length.  The trainer appends, the screen reads what lies below the
 * length; entries below it never change.  No lock. */
#ifndef ENGINE_TRAIN_SERIES_H
#define ENGINE_TRAIN_SERIES_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>

struct series;
MUST_CHECK enum status series_new(struct series **out, const char *name, struct err *err);
void series_free(struct series *s);
const char *series_name(const struct series *s);
bool series_push(struct series *s, double x, double y);             /* one writer; false = out of memory, the point is lost */
size_t series_len(const struct series *s);                          /* any thread */
bool series_at(const struct series *s, size_t i, double *x, double *y);
bool series_last(const struct series *s, double *x, double *y);

#endif
