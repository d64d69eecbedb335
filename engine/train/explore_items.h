/* Questions about the item table and the training data that need no forward pass; see
 * explore.h.  Explorer's thread. */
#ifndef ENGINE_TRAIN_EXPLORE_ITEMS_H
#define ENGINE_TRAIN_EXPLORE_ITEMS_H

#include "engine/train/explore.h"

/* ASK_PROJECT.  state: (d) or NULL.  Components by power iteration from a fixed start; the
 * largest loading of each is positive. */
enum status items_project(struct arena *mem, const struct weights *w, const struct head *hd,
                          const real *state, int32_t target, struct answer *a,
                          const volatile bool *cancel);
/* ASK_RUNS.  One pass over the training events with a table (height, items) of products; a
 * second one for what followed. */
enum status items_runs(struct arena *mem, const struct weights *w, const struct question *q,
                       struct answer *a, const volatile bool *cancel);

#endif
