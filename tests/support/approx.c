#include "tests/support/approx.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static double excess(double got, double want, double rtol, double atol)
{
    if (isnan(got) || isnan(want))
        return isnan(got) && isnan(want) ? 0 : (double)INFINITY;
    if (isinf(got) || isinf(want))
        return got == want ? 0 : (double)INFINITY; /* NOLINT: exact on purpose */
    return fabs(got - want) / (atol + rtol * fabs(want) + 1e-300);
}

void assert_close(const char *what, const real *got, const double *want, size_t n, double rtol,
                  double atol)
{
    size_t worst = 0;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double e = excess((double)got[i], want[i], rtol, atol);
        if (e > most) {
            most = e;
            worst = i;
        }
    }
    if (most > 1)
        fail_msg("%s: element %zu of %zu is %.9g, should be %.9g (%.2g times the tolerance)",
                 what, worst, n, (double)got[worst], want[worst], most);
}

void assert_close1(const char *what, double got, double want, double rtol, double atol)
{
    double e = excess(got, want, rtol, atol);
    if (e > 1)
        fail_msg("%s: %.9g, should be %.9g (%.2g times the tolerance)", what, got, want, e);
}

void assert_bits(const char *what, const real *a, const real *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0)
            fail_msg("%s: element %zu of %zu: %.9g and %.9g", what, i, n, (double)a[i],
                     (double)b[i]);
}
