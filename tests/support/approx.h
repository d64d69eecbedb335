/* Comparing arrays of numbers: prints the worst element, then fails the test. */
#ifndef TESTS_SUPPORT_APPROX_H
#define TESTS_SUPPORT_APPROX_H

#include "engine/tensor/real.h"
#include <stddef.h>

/* |got - want| <= atol + rtol |want| for all; NaN equals NaN, an infinity itself. */
void assert_close(const char *what, const real *got, const double *want, size_t n, double rtol,
                  double atol);
void assert_close1(const char *what, double got, double want, double rtol, double atol);
/* The same bits. */
void assert_bits(const char *what, const real *a, const real *b, size_t n);

#endif
