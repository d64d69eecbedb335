/* Runs: handing a learner to a trainer, telling it what to do, waiting for it.  The app's
 * thread. */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/cmd/command.h"

/* The slot's trainer, started when the learner rests.  no-model, busy (another slot runs)
 * and baselines are refused. */
enum status run_trainer(struct app *a, int slot, struct trainer **out, struct err *err);
/* Only the trainer, nothing told to it yet: its curves and last picture can still be put
 * back.  The learner stays with the slot. */
enum status run_open(struct app *a, int slot, struct err *err);
enum status run_post(struct app *a, int slot, enum train_cmd_kind kind, int64_t n,
                     const char *text, struct err *err);
/* Waits until the run rests: paused, done or failed.  One note a validation.  ST_NUMERIC
 * when it diverged, ST_CANCELLED on a.cancel (the run is paused then). */
enum status run_wait(struct app *a, int slot, struct cmd_out *out, struct err *err);
/* Steps to `goal` and waits. */
enum status run_to(struct app *a, int slot, int64_t goal, struct cmd_out *out, struct err *err);
int64_t run_steps_per_epoch(struct app *a, int slot);
/* Evaluates now, on this thread (with the pool when no run has it). */
enum status run_evaluate(struct app *a, struct weights *w, const struct eval_spec *spec,
                         struct eval_result *out, struct err *err);
/* Value of a quantity of a condition for the current slot; hr@k, ndcg@k and mrr: the last
 * `eval` of this model and step, else a fresh one on validation. */
struct condition;
struct quantity;
/* With a screen: asks the explorer; app_poll takes the answer in as what `eval` answered
 * last.  `plain`: the data's own questions, all. */
void run_evaluate_off_screen(struct app *a, int slot, struct weights *w,
                             const struct eval_spec *spec, bool plain);
/* run_quantity would have to evaluate: what of.  false: it is known, or no metric. */
bool run_quantity_evaluates(struct app *a, const struct quantity *q, struct eval_spec *spec);
/* A quantity of the current slot now: of the newest batch, the latest validation, or of the
 * parameters that are viewed. */
MUST_CHECK enum status run_quantity(struct app *a, const struct quantity *q, double *v,
                                    struct err *err);
enum status run_condition(struct app *a, const struct condition *c, bool *holds, double *value,
                          struct err *err);

#endif
