/* Inside of the evaluation: eval.c chooses cases and sums up, eval_rank.c ranks them. */
#ifndef ENGINE_TRAIN_EVAL_WORK_H
#define ENGINE_TRAIN_EVAL_WORK_H

#include "engine/train/eval.h"
#include "engine/train/learner_work.h"

/* Ranks n cases, sorted by prefix; first: the number of c[0] among all that are asked (draws
 * of candidates are by number).  obs (n); logp (n) or NULL. */
enum status eval_cases(const struct weights *w, const struct eval_spec *s,
                       const struct eval_case *c, int64_t first, int64_t n, struct pool *p,
                       const volatile bool *cancel, struct rank_obs *obs, double *logp,
                       struct err *err);

#endif
