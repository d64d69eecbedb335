/* See stats.h. */
#include "engine/tensor/stats.h"

#include <math.h>
#include <string.h>

const char *const stat_names[STAT_KINDS + 1] = {"min",  "max", "mean", "std",
                                                "norm", "nan", NULL};

void stats_of(const real *x, int64_t rows, int32_t cols, int32_t ld, struct tensor_stats *out)
{
    double sum = 0, squares = 0, none = (double)NAN;
    int64_t n = 0;
    *out = (struct tensor_stats){
        .min = none, .max = none, .mean = none, .std = none, .n = rows * cols};
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < cols; c++) {
            double v = (double)x[r * ld + c];
            out->nan += isnan(v);
            out->inf += isinf(v);
            if (!isfinite(v))
                continue;
            out->zeros += v == 0;
            out->min = n && out->min < v ? out->min : v;
            out->max = n && out->max > v ? out->max : v;
            sum += v;
            squares += v * v;
            n++;
        }
    if (!n)
        return;
    out->mean = sum / (double)n;
    out->norm = sqrt(squares);
    double dev = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < cols; c++) {
            double v = (double)x[r * ld + c];
            if (isfinite(v))
                dev += (v - out->mean) * (v - out->mean);
        }
    out->std = sqrt(dev / (double)n);
}

double stats_get(const struct tensor_stats *s, enum stat_kind kind)
{
    switch (kind) {
    case STAT_MIN:
        return s->min;
    case STAT_MAX:
        return s->max;
    case STAT_MEAN:
        return s->mean;
    case STAT_STD:
        return s->std;
    case STAT_NORM:
        return s->norm;
    default:
        return (double)s->nan;
    }
}

bool stats_find(const char *name, enum stat_kind *out)
{
    for (int i = 0; i < STAT_KINDS; i++)
        if (strcmp(stat_names[i], name) == 0)
            return *out = (enum stat_kind)i, true;
    return false;
}
