/* Kept steps of a run, within a budget: parameters (any view at that step is immediate) and,
 * more rarely, full learners (from which any step can be replayed).  Written by the
 * trainer's thread, read by any through references. */
#ifndef ENGINE_TRAIN_HISTORY_H
#define ENGINE_TRAIN_HISTORY_H

#include "engine/train/weights.h"

struct history;
MUST_CHECK enum status history_new(struct history **out, size_t budget_bytes, int max_steps,
                                   struct err *err);
void history_free(struct history *h);
/* 0, 1, 2, 4, 8 ... and then evenly */
bool history_due(const struct history *h, int64_t step);
/* takes a reference; thins when over budget */
void history_keep(struct history *h, struct weights *w);
void history_mark(struct history *h, int64_t step); /* never dropped */
bool history_marked(const struct history *h, int64_t step);
/* rising; returns how many there are */
int history_steps(const struct history *h, int64_t *out, int max);
/* a new reference, NULL = not kept */
struct weights *history_at(const struct history *h, int64_t step);
/* at or before, NULL = none */
struct weights *history_nearest(const struct history *h, int64_t step);

#endif
