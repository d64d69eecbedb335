/* Times SASRec's training step through the learner, on random data of real shapes.  Prints `NAME THREADS MILLISECONDS`, the
 * median step; the best and the processor time a step (all threads) in brackets.  torch_sasrec.py is the same work in PyTorch.
 *   bench_sasrec [shape [threads [seconds]]]      shape: ml1m-bce ml1m-ce teach-bce teach-ce */
#include "engine/data/dataset.h"
#include "engine/tensor/gemm.h"
#include "engine/train/learner.h"
#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shape {
    const char *name, *settings;
    int32_t items, users;
    bool long_histories;
};
static const struct shape shapes[] = {
    {"ml1m-bce", "style=pre_ln attn_out_proj=1 loss=bce neg.reject=0 d=50 heads=1 layers=2 maxlen=200 batch=128 dropout=0.2", 3416, 6040, true},
    {"ml1m-ce", "style=pre_ln attn_out_proj=1 loss=ce d=50 heads=1 layers=2 maxlen=200 batch=128 dropout=0.2", 3416, 6040, true},
    {"teach-bce", "style=pre_ln attn_out_proj=1 loss=bce neg.reject=0 d=32 heads=1 layers=2 maxlen=20 batch=64 dropout=0.2", 300, 1000, false},
    {"teach-ce", "style=pre_ln attn_out_proj=1 loss=ce d=32 heads=1 layers=2 maxlen=20 batch=64 dropout=0.2", 300, 1000, false},
};

static double ms_of(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double now_ms(void)
{
    return ms_of(CLOCK_MONOTONIC);
}

/* Lengths: log-normal with MovieLens-1M's median 96, or 5 to 29; items by Zipf's law. */
static void make_data(const struct shape *s, struct dataset *ds, struct split *sp)
{
    struct rng_key len_key = rng_key(1, 0, rng_site("length")), item_key = rng_key(1, 0, rng_site("item"));
    int64_t *off = calloc((size_t)s->users + 1, sizeof *off), *pop = calloc((size_t)s->items + 1, sizeof *pop);
    int32_t *train = calloc((size_t)s->users, sizeof *train);
    double *cum = calloc((size_t)s->items, sizeof *cum), sum = 0;
    if (!off || !pop || !train || !cum)
        exit(1);
    for (int32_t v = 0; v < s->items; v++)
        cum[v] = sum += s->long_histories ? 1 / pow(v + 1, 0.8) : 1;
    for (int32_t u = 0; u < s->users; u++) {
        double n = s->long_histories ? exp(log(96) + 1.04 * (double)rng_normal(len_key, (uint32_t)u))
                                     : 5 + (double)rng_below(len_key, (uint32_t)u, 25);
        train[u] = (int32_t)(n < 18 && s->long_histories ? 18 : n > 2300 ? 2300 : n);
        off[u + 1] = off[u] + train[u];
    }
    int32_t *item = calloc((size_t)off[s->users], sizeof *item);
    if (!item)
        exit(1);
    for (int64_t e = 0; e < off[s->users]; e++) {
        double x = (double)rng_uniform(item_key, (uint32_t)e) * sum;
        int32_t lo = 0, hi = s->items - 1;
        while (lo < hi) {
            int32_t mid = (lo + hi) / 2;
            if (cum[mid] > x)
                hi = mid;
            else
                lo = mid + 1;
        }
        item[e] = lo + 1;
        pop[lo + 1]++;
    }
    free(cum);
    *ds = (struct dataset){.name = s->name, .n_items = s->items, .n_sessions = s->users, .n_events = off[s->users], .off = off,
                           .item = item, .popularity = pop};
    *sp = (struct split){.kind = SPLIT_SESSIONS, .ds = ds, .train_len = train, .n_train = s->users,
                         .n_train_events = off[s->users], .train_pop = pop};
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "ml1m-bce";
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 3;
    const struct shape *s = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(shapes[i].name, which) == 0)
            s = &shapes[i];
    if (!s) {
        fprintf(stderr, "bench_sasrec: no shape %s\n", which);
        return 2;
    }
    struct dataset ds;
    struct split sp;
    struct err err = {0};
    struct hparams *hp;
    struct learner *l;
    struct pool *p;
    static double ms[20000];
    int n = 0;
    const char *note;
    gemm_start(&note);
    pool_compute_mode();
    make_data(s, &ds, &sp);
    const struct model_def *m = model_find("sasrec");
    if (hparams_new(&hp, m->hparams, m->name, &err) || hparams_set_all(hp, s->settings, &err) ||
        learner_new(&l, m, hp, &sp, 1, &err) || pool_new(&p, threads, &err)) {
        fprintf(stderr, "bench_sasrec: %s\n", err.msg);
        return 1;
    }
    double loss = 0, end = 0, cpu = 0;
    for (int i = 0; i < 20000; i++) {
        struct step_info info;
        double t = now_ms();
        if (learner_step(l, p, NULL, &info, &err)) {
            fprintf(stderr, "bench_sasrec: %s\n", err.msg);
            return 1;
        }
        loss = info.loss;
        if (i == 5) {
            end = now_ms() + 1e3 * seconds;
            cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID);
        }
        if (i > 5)
            ms[n++] = now_ms() - t;
        if (n > 5 && now_ms() > end)
            break;
    }
    cpu = (ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / n;
    qsort(ms, (size_t)n, sizeof *ms, by_size);
    printf("%s %d %.3f ms (%d steps, best %.3f, cpu %.3f, loss %.4f)\n", s->name, threads, ms[n / 2], n, ms[0], cpu, loss);
    pool_free(p);
    learner_free(l);
    hparams_free(hp);
    return 0;
}
