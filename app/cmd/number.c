/* See number.h. */
#include "app/cmd/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status number_parse(const char *name, const char *text, bool whole, double min, double max,
                         double *out, struct err *err)
{
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    /* strtod also reads "0x10", "inf" and "nan": nobody means these here. */
    if (end == text || *end || !isfinite(v) || strpbrk(text, "xXpPnN")) {
        err_set(err, ST_ARG, "%s must be a %snumber, got \"%.40s\"", name,
                whole ? "whole " : "", text);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    bool bounded = min != 0 || max != 0;
    if (whole && (v != floor(v) || fabs(v) > 9e15)) {
        err_set(err, ST_ARG, "%s must be a whole number, got %.40s", name, text);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    if (bounded && (v < min || v > max)) {
        err_set(err, ST_ARG, "%s must be %.10g..%.10g, got %.40s", name, min, max, text);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    *out = v;
    return ST_OK;
}
