/* Durable replacement of a file: written under a temporary name in the same directory,
 * flushed, renamed over the target, the directory flushed.  A crash at any moment leaves the
 * old file or the new one; the target is never opened for writing.  Any thread; one owner. */
#ifndef ENGINE_BASE_DURABLE_H
#define ENGINE_BASE_DURABLE_H

#include "engine/base/status.h"
#include <stdio.h>

struct durable;
MUST_CHECK enum status durable_open(struct durable **out, const char *path, struct err *err);
FILE *durable_file(struct durable *d); /* to write to; its errors are found by durable_commit */
/* d is gone, whatever the result; on failure the old file stands */
MUST_CHECK enum status durable_commit(struct durable *d, struct err *err);
void durable_abort(struct durable *d); /* forgets what was written; accepts NULL */
/* Removes temporary files of `path` that a killed process left behind.  Call when nobody
 * else writes there. */
void durable_sweep(const char *path);

#endif
