/* SASRec's forward pass once more: plain loops in double precision, one session, written
 * from the equations and sharing no code with the model.  Reads settings and parameters of a
 * kit. */
#ifndef TESTS_SUPPORT_SASREC_REF_H
#define TESTS_SUPPORT_SASREC_REF_H

#include "tests/support/kit.h"

enum { REF_MAX = 64 };
/* final: (n,d) states after the last LayerNorm; n, d <= REF_MAX. */
void sasrec_ref(struct kit *k, const int32_t *item, int32_t n, double *final);

#endif
