/* Statistics of a tensor's values: what `tensor` prints, conditions compare and breakpoints
 * watch. */
#ifndef ENGINE_TENSOR_STATS_H
#define ENGINE_TENSOR_STATS_H

#include "engine/tensor/tensor.h"
#include <stdbool.h>

enum stat_kind { STAT_MIN, STAT_MAX, STAT_MEAN, STAT_STD, STAT_NORM, STAT_NAN, STAT_KINDS };
extern const char *const stat_names[STAT_KINDS + 1]; /* "min" ... ending in NULL */
/* NaN and infinities are counted and left out of the rest; without a finite value min, max,
 * mean and std are NaN. */
struct tensor_stats {
    double min, max, mean, std, norm; /* std: of all values, not of a sample; norm: L2 */
    int64_t n, nan, inf, zeros;
};
/* rows of cols values, ld apart. */
void stats_of(const real *x, int64_t rows, int32_t cols, int32_t ld, struct tensor_stats *out);
double stats_get(const struct tensor_stats *s, enum stat_kind kind);
bool stats_find(const char *name, enum stat_kind *out); /* false: no such statistic */

#endif
