/* Caser, user=1, anon=fit: a vector for someone unknown, found from the typed session
 * alone.  Private to models/caser*.c. */
#ifndef MODELS_CASER_FIT_H
#define MODELS_CASER_FIT_H

#include "engine/tensor/real.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CASER_FIT_STEPS = 40, CASER_FIT_WINDOWS = 200 };
struct caser_fit {
    int32_t n_window, targets, negatives; /* T and draws of each */
    int32_t n_items, d;
    /* (n_window + ...) what follows the first window, to the session's end */
    const int32_t *item;
    int32_t n_after;     /* how many that are */
    const uint8_t *seen; /* [0..n_items] never drawn */
    /* (n_window, n_items+1) scores with a vector of zeros */
    const real *base;
    size_t ldb;
    const real *coef; /* (n_items+1, d): a score changes by <coef_j, p> */
    size_t ldc;
};
/* p (d) holds the start; 40 steps of Adam, lr 0.01, on the mean of softplus(-y) over targets
 * + the mean of softplus(y) over draws, anew each step; everything else is frozen.  The same
 * for the same session.  Returns the last step's loss. */
double caser_fit(real *p, const struct caser_fit *f);

#endif
