/* A curve: (x, y) points that only grow.  The trainer appends without waiting, the screen
 * reads.  Memory is bounded: the newest 65,000 points or so stand as they came; older ones
 * are merged, some neighbours to one entry that has their mean, lowest and highest, twice as
 * many whenever the room for them is full.  So spikes stay, a picture loses nothing it could
 * show, and 1.7 MB hold a curve of any length. Readers take a lock that the writer only ever
 * tries, unless a reader held it for thousands of points. */
#ifndef ENGINE_TRAIN_SERIES_H
#define ENGINE_TRAIN_SERIES_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series;
struct series_entry {
    double x; /* of the last point */
    /* mean and ends of the finite ones; there are none: low and high are NaN, y is what came */
    double y, low, high;
    uint32_t n, bad; /* points, and how many of them are not finite */
};
MUST_CHECK enum status series_new(struct series **out, const char *name, struct err *err);
void series_free(struct series *s);
const char *series_name(const struct series *s);
/* one writer; false = out of memory, the point is lost */
bool series_push(struct series *s, double x, double y);
size_t series_len(const struct series *s); /* entries; any thread */
/* y: the point, or the mean of an entry */
bool series_at(const struct series *s, size_t i, double *x, double *y);
bool series_entry(const struct series *s, size_t i, struct series_entry *out);
bool series_last(const struct series *s, double *x, double *y);
/* Entries keep their numbers in between, for loops that must not miss one: seldom and short. */
void series_hold(const struct series *s);
void series_release(const struct series *s);
uint64_t series_version(const struct series *s); /* grows when entries have got other numbers */

#endif
