/* Speed of the output layers, loss and all gradients: full softmax and in-batch columns over
 * large tables on the pool, and the shard forms on small ones.  Milliseconds (median) and
 * GFLOP/s of the three products.
 *   bench_heads [threads] */
#include "engine/base/pool.h"
#include "engine/tensor/ops.h"
#include "engine/train/heads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 11 };

/* one thread: other programs do not count */
static clockid_t clock_used = CLOCK_PROCESS_CPUTIME_ID;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// clang-format off
static const struct shape {
    const char *what;
    struct head hd;
    int32_t v, d, nq, draws; /* of the whole batch; on the shard form: of one block */
} shapes[] = {
    {"softmax  43097 x 100, 100 queries (PEN4Rec)", {.loss = HEAD_XENT, .cols = COLS_ALL}, 43097, 100, 100, 0},
    {"softmax  26744 x 64, 400 queries", {.loss = HEAD_XENT, .cols = COLS_ALL}, 26744, 64, 400, 0},
    {"columns  37483 x 100, 32 + 2048, xe (GRU4Rec)", {.loss = HEAD_XENT, .cols = COLS_BATCH}, 37483, 100, 32, 2048},
    {"columns  37483 x 100, 32 + 2048, bpr-max", {.loss = HEAD_BPR_MAX, .cols = COLS_BATCH, .bpreg = 1, .act = ACT_ELU, .act_a = 1}, 37483, 100, 32, 2048},
    {"softmax  3416 x 50, 512 queries (SASRec ce)", {.loss = HEAD_XENT, .cols = COLS_ALL}, 3416, 50, 512, 0},
    {"softmax  3416 x 64, 512 queries (BERT4Rec)", {.loss = HEAD_XENT, .cols = COLS_ALL}, 3416, 64, 512, 0},
    {"own draws 3416 x 50, 512 queries, 1", {.loss = HEAD_BCE, .cols = COLS_QUERY}, 3416, 50, 512, 1},
    {"own draws 3416 x 64, 512 queries, 256 (gBCE)", {.loss = HEAD_GBCE, .cols = COLS_QUERY, .gbce_t = .75f}, 3416, 64, 512, 256},
};
// clang-format on

struct run {
    struct params *ps;
    real *x, *g;
    struct head hd;
    struct block b[HEAD_PARTS];
    real *h;
    struct tape *tape[HEAD_PARTS];
    struct head_batch *hb;
    int parts;
    int32_t per;
};

static void step(struct run *r, struct pool *p, bool whole, int32_t d)
{
    if (whole)
        head_batch_begin(r->hb, &r->hd, r->x, r->g, false);
    for (int i = 0; i < r->parts; i++) {
        struct tape_env env = {.x = r->x, .g = r->g, .training = true};
        tape_begin(r->tape[i], &env);
        struct tensor *h = tape_input(r->tape[i], r->h + (size_t)i * (size_t)r->per * (size_t)d,
                                      2, (int32_t[]){r->b[i].n_query, d});
        /* states want a gradient */
        h = op_linear(r->tape[i], h, tape_param(r->tape[i], params_find(r->ps, "w")), NULL,
                      ACT_NONE, 0);
        r->b[i].head_batch = whole ? r->hb : NULL;
        op_head(r->tape[i], h, &r->hd, &r->b[i]);
    }
    if (whole && head_batch_run(r->hb, p, NULL) != ST_OK)
        exit(1);
    for (int i = 0; i < r->parts; i++)
        if (tape_backward(r->tape[i], NULL) != ST_OK)
            exit(1);
}

static void bench(const struct shape *s, struct pool *p)
{
    struct run r = {.hd = s->hd};
    struct err err;
    if (params_new(&r.ps, &err) != ST_OK)
        exit(1);
    r.hd.table = params_add(r.ps, "item", 2, (int32_t[]){s->v + 1, s->d}, INIT_NORMAL, 0.1f, 0);
    params_add(r.ps, "w", 2, (int32_t[]){s->d, s->d}, INIT_XAVIER, 1, 0);
    r.hd.n_items = s->v;
    if (params_build(r.ps, 1, &r.x, &err) != ST_OK || head_batch_new(&r.hb, &err) != ST_OK)
        exit(1);
    r.g = params_block_new(r.ps);
    const bool whole = head_wants_batch(&r.hd);
    const int32_t lists = r.hd.cols == COLS_QUERY ? s->nq : 1;
    int32_t *target = malloc((size_t)s->nq * sizeof *target),
            *neg = malloc(((size_t)lists * (size_t)s->draws + 1) * sizeof *neg);
    int32_t *col = malloc((size_t)(s->nq + s->draws) * sizeof *col),
            *own = malloc((size_t)s->nq * sizeof *own);
    float *weight = malloc((size_t)s->nq * sizeof *weight);
    r.h = malloc((size_t)s->nq * (size_t)s->d * sizeof *r.h);
    struct rng_key k = {5, 6};
    for (int32_t i = 0; i < s->nq * s->d; i++)
        r.h[i] = (real)(2 * rng_uniform(k, (uint32_t)i) - 1);
    for (int32_t i = 0; i < lists * s->draws; i++)
        neg[i] = 1 + (int32_t)rng_below(k, (uint32_t)(1000000 + i), (uint32_t)s->v);
    for (int32_t q = 0; q < s->nq; q++) {
        target[q] = col[q] = 1 + (int32_t)rng_below(k, (uint32_t)(2000000 + q), (uint32_t)s->v);
        own[q] = q;
        weight[q] = 1 / (float)s->nq;
    }
    for (int32_t i = 0; i < s->draws; i++)
        col[s->nq + i] = neg[i];
    r.parts = whole ? HEAD_PARTS : 1;
    r.per = s->nq / r.parts;
    for (int i = 0; i < r.parts; i++) {
        int32_t q = i * r.per, n = i == r.parts - 1 ? s->nq - q : r.per;
        r.b[i] = (struct block){.n_query = n,
                                .n_target = 1,
                                .n_neg = s->draws,
                                .target = target + q,
                                .weight = weight + q,
                                .neg = neg,
                                .col = r.hd.cols == COLS_BATCH ? col : NULL,
                                .n_col = s->nq + s->draws,
                                .query_col = own + q,
                                .shard = i};
        if (tape_new(&r.tape[i], 1 << 20, &err) != ST_OK)
            exit(1);
    }
    double t[ROUNDS];
    for (int i = -2; i < ROUNDS; i++) {
        double t0 = now_ms();
        step(&r, p, whole, s->d);
        if (i >= 0)
            t[i] = now_ms() - t0;
    }
    qsort(t, ROUNDS, sizeof *t, by_size);
    double cols =
        r.hd.cols == COLS_ALL ? s->v : s->draws + (r.hd.cols == COLS_BATCH ? s->nq : 1);
    printf("%-48s %8.2f ms, best %.2f  %6.1f GFLOP/s\n", s->what, t[ROUNDS / 2], t[0],
           6.0 * cols * s->d * s->nq / t[ROUNDS / 2] * 1e-6);
    for (int i = 0; i < r.parts; i++)
        tape_free(r.tape[i]);
    head_batch_free(r.hb);
    params_block_free(r.ps, r.x);
    params_block_free(r.ps, r.g);
    params_free(r.ps);
    free(target), free(neg), free(col), free(own), free(weight), free(r.h);
}

int main(int argc, char **argv)
{
    struct pool *p;
    struct err err;
    long threads = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    if (threads > 1)
        clock_used = CLOCK_MONOTONIC;
    pool_compute_mode();
    if (pool_new(&p, (int)threads, &err) != ST_OK)
        return 1;
    printf("output layers, %s, %d threads\n", kern()->name, pool_threads(p));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        bench(&shapes[i], p);
    pool_free(p);
    return 0;
}
