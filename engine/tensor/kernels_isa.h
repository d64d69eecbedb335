/* The tables that kernels.c defines, one a processor level; kernels_choose.c picks among
 * them. */
#ifndef ENGINE_TENSOR_KERNELS_ISA_H
#define ENGINE_TENSOR_KERNELS_ISA_H

#include "engine/tensor/kernels.h"

#if defined(__x86_64__) && !defined(SEQLAB_DOUBLE)
extern const struct kernels kernels_avx512, kernels_avx2;
#endif
extern const struct kernels kernels_baseline;

#endif
