/* What a test of SVAE may set. */
#ifndef MODELS_SVAE_H
#define MODELS_SVAE_H

#include "engine/tensor/real.h"

/* In training, eps of every row from here, (rows, K) without filler, instead of random
 * numbers; NULL: random again.  Not owned. */
void svae_noise(void *self, const real *noise);

#endif
