/* Chooses the processor level of the vector code: by what the processor has, or by name. */
#include "engine/tensor/kernels_isa.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The features of -march=x86-64-v4 and -v3, as far as the kernels' code uses them. */
static bool runs_here(const char *level)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    if (strcmp(level, "avx2") == 0)
        return v3;
    if (strcmp(level, "avx512") == 0)
        return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return strcmp(level, "baseline") == 0;
}

/* Widest first. */
static const struct kernels *const built[] = {
#if defined(__x86_64__) && !defined(SEQLAB_DOUBLE)
    &kernels_avx512,
    &kernels_avx2,
#endif
    &kernels_baseline,
};
enum { N_BUILT = sizeof built / sizeof *built };

/* Written by kernels_choose before any thread that computes starts, or once by the first
 * kern(): both find the same table, so relaxed order is enough. */
static _Atomic(const struct kernels *) chosen;

static const struct kernels *best(void)
{
    for (int i = 0; i < N_BUILT; i++)
        if (runs_here(built[i]->name))
            return built[i];
    return &kernels_baseline;
}

static enum status by_name(const char *name, const struct kernels **out, struct err *err)
{
    for (int i = 0; i < N_BUILT; i++)
        if (strcmp(name, built[i]->name) == 0) {
            if (!runs_here(name))
                return err_set(err, ST_UNSUPPORTED,
                               "this processor cannot run the %s kernels (best: %s)", name,
                               best()->name);
            *out = built[i];
            return ST_OK;
        }
    return err_set(err, ST_ARG, "no kernels '%s': choose auto, avx512, avx2 or baseline", name);
}

enum status kernels_choose(const char *name, struct err *err)
{
    const struct kernels *found = NULL;
    enum status st = ST_OK;
    if (strcmp(name, "auto") == 0)
        name = getenv("SEQLAB_KERNELS");
    if (!name || !*name)
        found = best();
    else
        st = by_name(name, &found, err);
    if (st == ST_OK)
        atomic_store_explicit(&chosen, found, memory_order_relaxed);
    return st;
}

const struct kernels *kern(void)
{
    const struct kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!k) {
        if (kernels_choose("auto", NULL) != ST_OK) /* main has said so */
            atomic_store_explicit(&chosen, best(), memory_order_relaxed);
        k = atomic_load_explicit(&chosen, memory_order_relaxed);
    }
    return k;
}
