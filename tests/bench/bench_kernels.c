/* Speed of the kernels: our matrix product against cblas_sgemm on the models' shapes, and
 * the passes over rows.  One thread.  A line a shape: GFLOP/s of the real (unpadded) work,
 * median of several rounds that take turns. */
#include "engine/base/pool.h"
#include "engine/tensor/gemm.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 9 };

/* one thread: other programs do not count */
static const clockid_t clock_used = CLOCK_PROCESS_CPUTIME_ID;

static double now(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static real *numbers(size_t n)
{
    size_t bytes = (n * sizeof(real) + 4096 + 63) / 64 * 64;
    real *x = aligned_alloc(64, bytes);
    if (!x)
        exit(1);
    memset(x, 0, bytes);
    for (size_t i = 0; i < n; i++)
        x[i] = (real)((double)(i * 7919 % 1000) / 1000 - 0.5);
    return x;
}

struct shape {
    const char *what;
    enum gemm_part part;
    int ta; /* A^T: a weight gradient */
    int32_t m, n, k;
};

static const struct shape shapes[] = {
    {"X W        115x50x50", GEMM_FULL, 0, 115, 50, 50},
    {"X Wqkv     115x150x50", GEMM_FULL, 0, 115, 150, 50},
    {"X W        200x64x64", GEMM_FULL, 0, 200, 64, 64},
    {"X W        200x256x64", GEMM_FULL, 0, 200, 256, 64},
    {"X W        200x64x256", GEMM_FULL, 0, 200, 64, 256},
    {"X W        512x50x50", GEMM_FULL, 0, 512, 50, 50},
    {"dW         50x50x512", GEMM_FULL, 1, 50, 50, 512},
    {"dW         50x50x115", GEMM_FULL, 1, 50, 50, 115},
    {"dW         64x256x512", GEMM_FULL, 1, 64, 256, 512},
    {"QK^T       200x200x50", GEMM_FULL, 0, 200, 200, 50},
    {"QK^T       causal", GEMM_COLS_LE, 0, 200, 200, 50},
    {"PV         200x50x200", GEMM_FULL, 0, 200, 50, 200},
    {"PV         causal", GEMM_K_LE, 0, 200, 50, 200},
    {"P^T dO     causal", GEMM_K_GE, 1, 200, 50, 200},
    {"GRU        32x300x100", GEMM_FULL, 0, 32, 300, 100},
    {"gemv       1x600x200", GEMM_FULL, 0, 1, 600, 200},
    {"tiny       20x32x32", GEMM_FULL, 0, 20, 32, 32},
    {"tiny dW    32x32x20", GEMM_FULL, 1, 32, 32, 20},
    {"E H^T tile 128x100x100", GEMM_FULL, 0, 128, 100, 100},
    {"scores     96x3416x50", GEMM_FULL, 0, 96, 3416, 50},
    {"dE         3416x50x96", GEMM_FULL, 1, 3416, 50, 96},
    {"dH         96x50x3416", GEMM_FULL, 0, 96, 50, 3416},
    {"square     512", GEMM_FULL, 0, 512, 512, 512},
    {"square     1024", GEMM_FULL, 0, 1024, 1024, 1024},
};

static double median(double *t)
{
    qsort(t, ROUNDS, sizeof *t, by_size);
    return t[ROUNDS / 2];
}

static void bench_gemm(const struct shape *s)
{
    size_t lda = (size_t)row_ld(s->ta ? s->m : s->k), ldb = (size_t)row_ld(s->n);
    real *a = numbers(lda * (size_t)(s->ta ? s->k : s->m)), *b = numbers(ldb * (size_t)s->k),
         *c = numbers(ldb * (size_t)s->m);
    double flop = 2.0 * s->m * s->n * s->k * (s->part == GEMM_FULL ? 1 : 0.5), own[ROUNDS],
           blas[ROUNDS];
    int times = (int)(2e7 / flop) + 1;
    for (int r = -1; r < ROUNDS; r++) {
        double t0 = now();
        for (int i = 0; i < times; i++)
            kern()->gemm(s->part, s->m, s->n, s->k, a, s->ta ? 1 : lda, s->ta ? lda : 1, b, ldb,
                         c, ldb, 0);
        double t1 = now();
#ifndef SEQLAB_DOUBLE
        for (int i = 0; i < times; i++)
            cblas_sgemm(CblasRowMajor, s->ta ? CblasTrans : CblasNoTrans, CblasNoTrans, s->m,
                        s->n, s->k, 1, a, (int)lda, b, (int)ldb, 0, c, (int)ldb);
#endif
        double t2 = now();
        if (r >= 0) {
            own[r] = (t1 - t0) / times;
            blas[r] = (t2 - t1) / times;
        }
    }
    double o = median(own), l = median(blas);
    printf("  %-24s %8.1f %8.1f   x%.2f\n", s->what, flop / o * 1e-9, flop / l * 1e-9, l / o);
    free(a);
    free(b);
    free(c);
}

struct pass_data {
    real *x, *y, *z, *w, *stat;
    struct dropout drop;
};
static void p_layernorm(struct pass_data *d)
{
    kern()->layernorm(d->x, d->w, d->w, 1e-5f, 512, 50, 64, d->y, d->z, d->stat);
}
static void p_layernorm_back(struct pass_data *d)
{
    kern()->layernorm_back(d->x, d->w, d->z, d->stat, 512, 50, 64, d->y, d->stat + 1024,
                           d->stat + 2048, 0);
}
static void p_softmax(struct pass_data *d)
{
    memcpy(d->y, d->x, 200 * 208 * sizeof(real));
    kern()->softmax_rows(d->y, 200, 200, 208, 0.1f, 1, 200);
}
static void p_relu(struct pass_data *d)
{
    kern()->bias_act(d->x, d->w, ACT_RELU, &d->drop, 0, 512, 50, 64, d->y);
}
static void p_gelu(struct pass_data *d)
{
    kern()->bias_act(d->x, d->w, ACT_GELU, NULL, 0, 512, 50, 64, d->y);
}
static void p_tanh(struct pass_data *d)
{
    kern()->act(d->x, ACT_TANH, d->y, 512 * 64);
}
static void p_transpose(struct pass_data *d)
{
    kern()->transpose(d->x, 64, 200, 50, d->y, 208);
}
static void p_adam(struct pass_data *d)
{
    kern()->adam(d->y, d->x, d->z, d->stat, 512 * 64, 1e-3f, 0.9f, 0.999f, 1e-8f, 1, 0);
}
static const struct {
    const char *what;
    void (*run)(struct pass_data *d);
    double numbers;
} passes[] = {
    {"layernorm 512x50", p_layernorm, 512 * 64},
    {"layernorm_back 512x50", p_layernorm_back, 512 * 64},
    {"softmax causal 200x200", p_softmax, 200 * 104},
    {"bias, relu, dropout", p_relu, 512 * 64},
    {"bias, gelu", p_gelu, 512 * 64},
    {"tanh", p_tanh, 512 * 64},
    {"transpose 200x50", p_transpose, 200 * 50},
    {"adam", p_adam, 512 * 64},
};

int main(void)
{
    const char *note;
    pool_compute_mode();
    double t0 = now();
    gemm_start(&note);
    printf("gemm_start %.1f ms; %s%s\n", (now() - t0) * 1e3, gemm_blas_name(),
           note ? note : "");
    static const char *const levels[] = {"avx512", "avx2", "baseline"};
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        if (kernels_choose(levels[l], NULL) != ST_OK)
            continue;
        printf("%s: GFLOP/s            own     blas\n", levels[l]);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            bench_gemm(&shapes[i]);
        struct pass_data d = {.x = numbers(65536),
                              .y = numbers(65536),
                              .z = numbers(65536),
                              .w = numbers(64),
                              .stat = numbers(65536),
                              .drop = {.p = 0.2f, .key = {1, 2}}};
        memset(d.stat, 0, 65536 * sizeof(real));
        for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
            double t[ROUNDS];
            for (int r = -1; r < ROUNDS; r++) {
                double a = now();
                for (int k = 0; k < 50; k++)
                    passes[i].run(&d);
                if (r >= 0)
                    t[r] = (now() - a) / 50;
            }
            printf("  %-24s %8.2f us, %.2f ns a number\n", passes[i].what, median(t) * 1e6,
                   median(t) * 1e9 / passes[i].numbers);
        }
        free(d.x), free(d.y), free(d.z), free(d.w), free(d.stat);
    }
    return 0;
}
