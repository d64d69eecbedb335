#include "tests/support/figures.h"

#include <stdio.h>

static int missed;

void figure(const char *what, double got, bool at_least, double limit)
{
    bool ok = at_least ? got >= limit : got <= limit;
    missed += !ok;
    printf("  %-6s %-52s %8.3f   %s %.3f\n", ok ? "ok" : "FAILED", what, got,
           at_least ? ">=" : "<=", limit);
    fflush(stdout);
}

int figures_missed(void)
{
    printf(missed ? "%d figures missed\n" : "all figures reached\n", missed);
    return missed;
}
