/* Measured figures against their limits, one line each; for the long runs. */
#ifndef TESTS_SUPPORT_FIGURES_H
#define TESTS_SUPPORT_FIGURES_H

#include <stdbool.h>

void figure(const char *what, double got, bool at_least, double limit);
int figures_missed(void); /* so far; prints the last line */

#endif
