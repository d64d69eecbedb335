/* Times one training step built from the tape's ops alone: SASRec with ML-1M's shape (3416
 * items, 128 users of up to 200 clicks, d 50, 2 blocks, BCE), 8 shards, blocks of about 512
 * rows, dense Adam.  Prints milliseconds a step.
 *   bench_tape [threads [steps [dropout [small]]]] */
#include "engine/base/pool.h"
#include "engine/base/clock.h"
#include "engine/tensor/gemm.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/optim.h"
#include "engine/train/heads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>

enum { SHARDS = 8, LAYERS = 2, MAX_B = 512, MAX_ROWS = 512 };

struct layer {
    const struct param *ln1g, *ln1b, *wq, *bq, *wk, *bk, *wv, *bv, *wo, *bo, *ln2g, *ln2b, *w1,
        *b1, *w2, *b2;
};
struct part {
    struct block b;
    int32_t off[MAX_B + 1];
};
struct bench {
    int V, L, D, B;
    float drop;
    struct params *ps;
    const struct param *item, *pos, *lnfg, *lnfb;
    struct layer layer[LAYERS];
    struct head head;
    real *x, *g[SHARDS], *m, *v;
    struct tape *tape[64];
    struct part *part[SHARDS];
    int n_part[SHARDS];
    double loss[SHARDS][64];
    int64_t step;
    int threads;
};

static const struct param *mat(struct bench *b, const char *what, int l, int32_t in,
                               int32_t out)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", what, l);
    return params_add(b->ps, name, 2, (int32_t[]){in, out}, INIT_XAVIER, 1, 0);
}

static const struct param *vec(struct bench *b, const char *what, int l, enum init_kind init)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", what, l);
    return params_add(b->ps, name, 1, (int32_t[]){b->D}, init, 0, PARAM_NO_DECAY);
}

static void declare(struct bench *b)
{
    int D = b->D;
    b->item = params_add(b->ps, "E", 2, (int32_t[]){b->V + 1, D}, INIT_NORMAL, 0.02f,
                         PARAM_ROWS | PARAM_ZERO_ROW0);
    b->pos = params_add(b->ps, "P", 2, (int32_t[]){b->L, D}, INIT_NORMAL, 0.02f, 0);
    for (int l = 0; l < LAYERS; l++)
        b->layer[l] = (struct layer){vec(b, "ln1g", l, INIT_ONE), vec(b, "ln1b", l, INIT_ZERO),
                                     mat(b, "wq", l, D, D),       vec(b, "bq", l, INIT_ZERO),
                                     mat(b, "wk", l, D, D),       vec(b, "bk", l, INIT_ZERO),
                                     mat(b, "wv", l, D, D),       vec(b, "bv", l, INIT_ZERO),
                                     mat(b, "wo", l, D, D),       vec(b, "bo", l, INIT_ZERO),
                                     vec(b, "ln2g", l, INIT_ONE), vec(b, "ln2b", l, INIT_ZERO),
                                     mat(b, "w1", l, D, D),       vec(b, "b1", l, INIT_ZERO),
                                     mat(b, "w2", l, D, D),       vec(b, "b2", l, INIT_ZERO)};
    b->lnfg = vec(b, "lnfg", 0, INIT_ONE);
    b->lnfb = vec(b, "lnfb", 0, INIT_ZERO);
    b->head =
        (struct head){.loss = HEAD_BCE, .cols = COLS_QUERY, .table = b->item, .n_items = b->V};
}

#define P(p) tape_param(t, p)
static void forward(const struct bench *b, struct tape *t, const struct block *k)
{
    float drop = b->drop;
    int32_t rows = k->off[k->n];
    struct tensor *x =
        op_embed(t, b->item, k->item, 0, sqrtf((float)b->D), b->pos, k->pos, rows, drop);
    for (int l = 0; l < LAYERS; l++) {
        const struct layer *w = &b->layer[l];
        tape_push(t, "block%d", l + 1);
        struct tensor *a = op_layernorm(t, x, P(w->ln1g), P(w->ln1b), 1e-8f);
        struct tensor *q = op_linear(t, a, P(w->wq), P(w->bq), ACT_NONE, 0),
                      *kk = op_linear(t, a, P(w->wk), P(w->bk), ACT_NONE, 0);
        struct tensor *v = op_linear(t, a, P(w->wv), P(w->bv), ACT_NONE, 0);
        struct tensor *o = op_attention(t, q, kk, v, k->off, k->n, 1, true, drop);
        x = op_add(t, x, op_linear(t, o, P(w->wo), P(w->bo), ACT_NONE, drop));
        a = op_layernorm(t, x, P(w->ln2g), P(w->ln2b), 1e-8f);
        a = op_linear(t, a, P(w->w1), P(w->b1), ACT_RELU, drop);
        x = op_add(t, x, op_linear(t, a, P(w->w2), P(w->b2), ACT_NONE, drop));
        tape_pop(t);
    }
    op_head(t, op_layernorm(t, x, P(b->lnfg), P(b->lnfb), 1e-8f), &b->head, k);
}

static void shard(void *ctx, int s, int worker)
{
    struct bench *b = ctx;
    struct tape *t = b->tape[worker];
    for (int i = 0; i < b->n_part[s]; i++) {
        const struct block *k = &b->part[s][i].b;
        struct tape_env env = {.x = b->x,
                               .g = b->g[s],
                               .seed = 1,
                               .step = b->step,
                               .row0 = k->row0,
                               .training = true};
        tape_begin(t, &env);
        forward(b, t, k);
        struct err err;
        if (tape_backward(t, &err) != ST_OK)
            fprintf(stderr, "%s\n", err.msg);
        b->loss[s][i] = tape_loss(t);
    }
}

enum { SPAN = 8192 };
static void update(void *ctx, int task, int worker)
{
    struct bench *b = ctx;
    (void)worker;
    size_t at = (size_t)task * SPAN,
           n = params_size(b->ps) - at < SPAN ? params_size(b->ps) - at : SPAN;
    for (int s = 1; s < SHARDS; s++)
        kern()->add(b->g[0] + at, b->g[s] + at, b->g[0] + at, n);
    real *aux[] = {b->m + at, b->v + at};
    struct optim_step st = {
        .t = b->step, .lr = 1e-3f, .clip = 1, .beta1 = 0.9f, .beta2 = 0.98f, .eps = 1e-8f};
    optim_find("adam")->span(b->x + at, b->g[0] + at, aux, n, &st);
    for (int s = 0; s < SHARDS; s++)
        memset(b->g[s] + at, 0, n * sizeof(real));
}

static int by_length(const void *a, const void *b)
{
    return *(const int32_t *)b - *(const int32_t *)a;
}

/* Lengths as in ML-1M (log-normal, cut at L), items skewed; shards by cost, longest first;
 * blocks of at most MAX_ROWS rows. */
static void make_data(struct bench *b)
{
    struct rng_key key = {1, 2};
    uint32_t e = 0;
    int32_t len[MAX_B], rows = 0;
    for (int s = 0; s < b->B; s++) {
        double z = b->V < 1000 ? 4 + 24 * (double)rng_uniform(key, e++)
                               : exp(log(96) + 1.04 * (double)rng_normal(key, e++)) - 1;
        len[s] = z < (b->V < 1000 ? 4 : 17) ? (b->V < 1000 ? 4 : 17)
                 : z > b->L                 ? b->L
                                            : (int32_t)z;
        rows += len[s];
    }
    qsort(len, (size_t)b->B, sizeof *len, by_length);
    double cost[SHARDS] = {0};
    int32_t row0 = 0;
    for (int s = 0; s < SHARDS; s++)
        b->part[s] = calloc(64, sizeof *b->part[s]);
    for (int i = 0; i < b->B; i++) {
        int least = 0;
        for (int s = 1; s < SHARDS; s++)
            if (cost[s] < cost[least])
                least = s;
        cost[least] += 640.0 * len[i] + 4.0 * len[i] * len[i];
        struct part *p = b->n_part[least] ? &b->part[least][b->n_part[least] - 1] : NULL;
        if (!p || p->off[p->b.n] + len[i] > MAX_ROWS)
            p = &b->part[least][b->n_part[least]++];
        p->off[p->b.n + 1] = p->off[p->b.n] + len[i];
        p->b.n++;
    }
    for (int s = 0; s < SHARDS; s++)
        for (int i = 0; i < b->n_part[s]; i++) {
            struct part *p = &b->part[s][i];
            int32_t n = p->off[p->b.n];
            int32_t *v = calloc((size_t)n * 6, sizeof *v);
            float *w = calloc((size_t)n, sizeof *w);
            for (int32_t k = 0; k < p->b.n; k++)
                for (int32_t r = p->off[k]; r < p->off[k + 1]; r++) {
                    double u = (double)rng_uniform(key, e++);
                    v[r] = (int32_t)(b->V * pow(u, 2.2)) + 1; /* item */
                    v[n + r] = b->L - p->off[k + 1] + r;      /* position */
                    v[2 * n + r] = r;                         /* query */
                    /* target */
                    v[3 * n + r] = 1 + (int32_t)rng_below(key, e++, (uint32_t)b->V);
                    /* negative */
                    v[4 * n + r] = 1 + (int32_t)rng_below(key, e++, (uint32_t)b->V);
                    v[5 * n + r] = k;
                    w[r] = 1.0f / (float)rows;
                }
            p->b.off = p->off;
            p->b.item = v;
            p->b.pos = v + n;
            p->b.query = v + 2 * n;
            p->b.target = v + 3 * n;
            p->b.neg = v + 4 * n;
            p->b.query_session = v + 5 * n;
            p->b.weight = w;
            p->b.n_query = n;
            p->b.n_target = p->b.n_neg = 1;
            p->b.row0 = row0;
            row0 += n;
        }
}

static int cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct bench b = {.V = 3416, .L = 200, .D = 50, .B = 128, .drop = 0.2f};
    int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0,
        steps = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 20;
    if (argc > 3)
        b.drop = strtof(argv[3], NULL);
    if (argc > 4) {
        b.V = 300;
        b.L = 20;
        b.D = 32;
        b.B = 64;
    }
    struct err err;
    struct pool *pool;
    const char *note;
    gemm_start(&note);
    pool_compute_mode();
    if (params_new(&b.ps, &err) != ST_OK || pool_new(&pool, threads, &err) != ST_OK)
        return 1;
    declare(&b);
    if (params_build(b.ps, 1, &b.x, &err) != ST_OK)
        return 1;
    b.m = params_block_new(b.ps);
    b.v = params_block_new(b.ps);
    for (int s = 0; s < SHARDS; s++)
        b.g[s] = params_block_new(b.ps);
    for (int i = 0; i < pool_threads(pool); i++)
        if (tape_new(&b.tape[i], (size_t)16 << 20, &err) != ST_OK)
            return 1;
    make_data(&b);
    double *ms = calloc((size_t)steps, sizeof *ms), loss = 0;
    int tasks = (int)((params_size(b.ps) + SPAN - 1) / SPAN);
    struct rusage before, after;
    for (int i = -3; i < steps; i++) {
        if (i == 0)
            getrusage(RUSAGE_SELF, &before);
        double t0 = 1e3 * clock_s();
        b.step++;
        pool_run(pool, SHARDS, shard, &b);
        pool_run(pool, tasks, update, &b);
        loss = 0;
        for (int s = 0; s < SHARDS; s++)
            for (int k = 0; k < b.n_part[s]; k++)
                loss += b.loss[s][k];
        if (i >= 0)
            ms[i] = 1e3 * clock_s() - t0;
    }
    getrusage(RUSAGE_SELF, &after);
    char hex[65];
    params_sha256(b.ps, b.x, hex);
    qsort(ms, (size_t)steps, sizeof *ms, cmp);
    printf("sasrec step (%s, %d threads, dropout %.1f): median %.2f ms, best %.2f ms; loss "
           "%.6f; page faults %ld; params %.12s\n",
           kern()->name, pool_threads(pool), (double)b.drop, ms[steps / 2], ms[0], loss,
           after.ru_minflt - before.ru_minflt, hex);
    pool_free(pool);
    return 0;
}
