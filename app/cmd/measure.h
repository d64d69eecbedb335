/* Named measures: what conditions can ask beside the quantities of a run:
 * "attn.prev_mass(2,1)>=0.6", "latent.active>3", "ran(why)>=1".  They are about the current
 * slot at the time viewed and the typed sequence.  An argument is a number, a word, or the
 * cursor: cursor.layer, cursor.head.  The app's thread. */
#ifndef APP_CMD_MEASURE_H
#define APP_CMD_MEASURE_H

#include "app/app.h"

enum measure_cost {
    COST_FREE,     /* facts of the workspace */
    COST_FORWARD,  /* some forward passes: a millisecond */
    COST_SESSIONS, /* forward passes over many sessions */
    COST_EVAL,     /* all questions of the validation part */
};
enum { MEASURE_ARGS = 3 };
struct measure_args {
    int64_t n[MEASURE_ARGS];
    const char *word; /* of a measure that takes one */
};
struct measure_def {
    /* args: a letter each; l layer, h head, i item, p place, u unit, n number, w word */
    const char *name, *args;
    enum measure_cost cost;
    const char *doc;
    enum status (*value)(struct app *a, const struct measure_args *arg, double *v,
                         struct err *err);
};
extern const struct measure_def measure_defs[]; /* ends with name == NULL */

/* Is this text, "name" or "name(arguments)", a measure?  *known false: its name is
 * none.  ST_ARG: wrong arguments.  def may be NULL. */
MUST_CHECK enum status measure_check(const char *text, bool *known,
                                     const struct measure_def **def, struct err *err);
MUST_CHECK enum status measure_value(struct app *a, const char *text, double *v,
                                     struct err *err);

#endif
