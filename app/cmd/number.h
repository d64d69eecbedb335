/* Numbers as people type them. */
#ifndef APP_CMD_NUMBER_H
#define APP_CMD_NUMBER_H

#include "engine/base/status.h"
#include <stdbool.h>

/* ST_ARG with the name and the range in the message; min == max == 0: no bounds.  Neither
 * hexadecimal nor inf and nan. */
enum status number_parse(const char *name, const char *text, bool whole, double min, double max,
                         double *out, struct err *err);

#endif
