/* Rows of measures.def and what their functions share; private to measure*.c. */
#ifndef APP_CMD_MEASURE_OWN_H
#define APP_CMD_MEASURE_OWN_H

#include "app/cmd/measure.h"
#include "app/cmd/ranking.h"

#define MEASURE(name)                                                                          \
    enum status measure_##name(struct app *a, const struct measure_args *arg, double *v,       \
                               struct err *err)
#define ROW(fn, name, args, cost, doc) MEASURE(fn);
#include "app/cmd/measures.def"
#undef ROW

enum status measure_not_for(struct app *a, const char *what, struct err *err);
/* The list of next items after s. */
enum status measure_list(struct app *a, const struct sequence *s, struct ranking **r,
                         struct err *err);

#endif
