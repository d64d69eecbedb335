/* The thread for what is looked at: runs explore.h's questions and evaluations away from the
 * screen.  Latest wins per id: a newer question of the same id replaces one not yet begun,
 * and a running one is cancelled between chunks.  ASK_RANKS gives way to all others. */
#ifndef ENGINE_TRAIN_EXPLORER_H
#define ENGINE_TRAIN_EXPLORER_H

#include "engine/train/explore.h"

struct explorer;
MUST_CHECK enum status explorer_start(struct explorer **out, struct err *err);
void explorer_stop(struct explorer *e);
/* id: one per asker (a view).  Copies the question; takes its own reference on w. */
void explorer_ask(struct explorer *e, uint64_t id, struct weights *w, const struct question *q);
void explorer_eval(struct explorer *e, uint64_t id, struct weights *w,
                   const struct eval_spec *s);
/* its question or evaluation is wanted no more */
void explorer_drop(struct explorer *e, uint64_t id);
/* screen thread; NULL = not yet; valid until the next call for this id */
const struct answer *explorer_answer(struct explorer *e, uint64_t id);
const struct eval_result *explorer_eval_result(struct explorer *e, uint64_t id,
                                               struct err *err);
/* processor time its answers took so far; any thread */
double explorer_cpu_s(const struct explorer *e);
int explorer_wake_fd(const struct explorer *e);

#endif
