/* The number type of tensors: float.  The double build (MODE=double) runs the same code for
 * gradient checks; nothing else uses it. */
#ifndef ENGINE_TENSOR_REAL_H
#define ENGINE_TENSOR_REAL_H
#ifdef SEQLAB_DOUBLE
typedef double real;
#else
typedef float real;
#endif
#endif
