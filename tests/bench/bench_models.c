/* Times the training step of each model through the learner, at the sizes of its paper, on random data of real shapes.  Prints
 * `NAME THREADS MILLISECONDS`, the median step; the best and the processor time a step (all threads) in brackets.
 * torch_models.py is the same work in PyTorch, on the same data.
 *   bench_models                               names of the shapes
 *   bench_models SHAPE [threads [seconds]]
 *   bench_models -data SHAPE                   the sessions, one a line, for torch_models.py */
#include "engine/data/dataset.h"
#include "engine/tensor/gemm.h"
#include "engine/train/learner.h"
#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Lengths of sessions: MovieLens-1M's users (log-normal, median 96), 5 to 29, or clicks in a
 * shop (2 and more, mean 5). */
enum lengths { LONG, SHORT, CLICKS };

// clang-format off
static const struct shape {
    const char *name, *model, *preset, *settings;
    int32_t items, sessions;
    enum lengths lengths;
    int32_t longest;
    double zipf;  /* odds of item i: i^-zipf */
    int group;    /* steps timed as one, for models whose steps differ much in size; the median is of their means */
} shapes[] = {
    {"sasrec",       "sasrec",   "official", "style=pre_ln attn_out_proj=1 neg.reject=0",                           3416,  6040,  LONG,   2300, 0.8,  1},
    {"sasrec-ce",    "sasrec",   "official", "style=pre_ln attn_out_proj=1 loss=ce",                                3416,  6040,  LONG,   2300, 0.8,  1},
    {"sasrec-small", "sasrec",   "official", "style=pre_ln attn_out_proj=1 neg.reject=0 d=32 maxlen=20 batch=64",   300,   1000,  SHORT,  29,   0,    4},
    {"bert4rec",     "bert4rec", "paper",    "softmax_rows=items mask.last=0 mask.cap=0 opt=adam clip=0 batch=128", 3416,  6040,  LONG,   200,  0.8,  1},
    {"gru4rec",      "gru4rec",  "topk2018", "",                                                                    37483, 40000, CLICKS, 20,   0.75, 4},
    {"gru4rec-adam", "gru4rec",  "topk2018", "opt=adam lr=0.001",                                                   37483, 40000, CLICKS, 20,   0.75, 1},
    {"caser",        "caser",    "official", "",                                                                    3416,  6040,  LONG,   2300, 0.8,  1},
    {"svae",         "svae",     "official", "",                                                                    3416,  6040,  LONG,   1000, 0.8,  32},
    {"pen4rec",      "pen4rec",  "session",  "",                                                                    43097, 40000, CLICKS, 20,   0.75, 1},
    {"srgnn",        "pen4rec",  "srgnn",    "",                                                                    43097, 40000, CLICKS, 20,   0.75, 1},
};
// clang-format on
enum { SHAPES = sizeof shapes / sizeof *shapes, MOST = 20000, WARM = 6 };

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

static int32_t length(const struct shape *s, struct rng_key key, int32_t u)
{
    double n = 0;
    switch (s->lengths) {
    case LONG:
        n = fmax(18, exp(log(96) + 1.04 * (double)rng_normal(key, (uint32_t)u)));
        break;
    case SHORT:
        n = 5 + (double)rng_below(key, (uint32_t)u, 25);
        break;
    case CLICKS:
        n = 2 + log(1 - (double)rng_uniform(key, (uint32_t)u)) / log(0.75);
        break;
    }
    return n > s->longest ? s->longest : (int32_t)n;
}

static void make_data(const struct shape *s, struct dataset *ds, struct split *sp)
{
    struct rng_key len_key = rng_key(1, 0, rng_site("length")),
                   item_key = rng_key(1, 0, rng_site("item"));
    int64_t *off = calloc((size_t)s->sessions + 1, sizeof *off),
            *pop = calloc((size_t)s->items + 1, sizeof *pop);
    int32_t *train = calloc((size_t)s->sessions, sizeof *train);
    double *cum = calloc((size_t)s->items, sizeof *cum), sum = 0;
    if (!off || !pop || !train || !cum)
        exit(1);
    for (int32_t v = 0; v < s->items; v++)
        cum[v] = sum += pow(v + 1, -s->zipf);
    for (int32_t u = 0; u < s->sessions; u++) {
        train[u] = length(s, len_key, u);
        off[u + 1] = off[u] + train[u];
    }
    int32_t *item = calloc((size_t)off[s->sessions], sizeof *item);
    if (!item)
        exit(1);
    for (int64_t e = 0; e < off[s->sessions]; e++) {
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
    *ds = (struct dataset){.name = s->name,
                           .n_items = s->items,
                           .n_sessions = s->sessions,
                           .n_events = off[s->sessions],
                           .off = off,
                           .item = item,
                           .popularity = pop};
    *sp = (struct split){.kind = SPLIT_SESSIONS,
                         .ds = ds,
                         .train_len = train,
                         .n_train = s->sessions,
                         .n_train_events = off[s->sessions],
                         .train_pop = pop};
}

static int print_data(const struct dataset *ds)
{
    for (int32_t s = 0; s < ds->n_sessions; s++)
        for (int64_t e = ds->off[s]; e < ds->off[s + 1]; e++)
            printf("%d%c", ds->item[e], e + 1 < ds->off[s + 1] ? ' ' : '\n');
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int fail(const struct err *err)
{
    fprintf(stderr, "bench_models: %s\n", err->msg);
    return 1;
}

static int run(const struct shape *s, int threads, double seconds)
{
    static double ms[MOST];
    struct dataset ds;
    struct split sp;
    struct err err = {0};
    struct hparams *hp;
    struct learner *l;
    struct pool *p;
    struct step_info info = {0};
    const struct model_def *m = model_find(s->model);
    double end = 0, cpu = 0;
    int n = 0;
    make_data(s, &ds, &sp);
    const struct preset_def *preset = m->presets;
    while (strcmp(preset->name, s->preset) != 0)
        preset++;
    if (hparams_new(&hp, m->hparams, m->name, &err) ||
        hparams_set_all(hp, preset->settings, &err) || hparams_set_all(hp, s->settings, &err) ||
        learner_new(&l, m, hp, &sp, 1, &err) || pool_new(&p, threads, &err))
        return fail(&err);
    for (int i = -WARM; n < MOST && (n <= 5 || now_ms() < end); i++) {
        if (i == 0) {
            end = now_ms() + 1e3 * seconds;
            cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID);
        }
        double t = now_ms();
        for (int k = 0; k < s->group; k++)
            if (learner_step(l, p, NULL, &info, &err))
                return fail(&err);
        if (i >= 0)
            ms[n++] = (now_ms() - t) / s->group;
    }
    cpu = (ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / n / s->group;
    qsort(ms, (size_t)n, sizeof *ms, by_size);
    printf("%s %d %.3f ms (%d, best %.3f, cpu %.3f, loss %.4f)\n", s->name, threads, ms[n / 2],
           n, ms[0], cpu, info.loss);
    pool_free(p);
    learner_free(l);
    hparams_free(hp);
    return 0;
}

int main(int argc, char **argv)
{
    bool data = argc == 3 && strcmp(argv[1], "-data") == 0;
    const char *which = data ? argv[2] : argc > 1 ? argv[1] : "";
    const struct shape *s = NULL;
    for (size_t i = 0; i < SHAPES; i++) {
        if (argc == 1)
            puts(shapes[i].name);
        else if (strcmp(shapes[i].name, which) == 0)
            s = &shapes[i];
    }
    if (argc == 1)
        return 0;
    if (!s) {
        fprintf(stderr, "bench_models: no shape %s\n", which);
        return 2;
    }
    if (data) {
        struct dataset ds;
        struct split sp;
        make_data(s, &ds, &sp);
        return print_data(&ds);
    }
    const char *note;
    gemm_start(&note);
    pool_compute_mode();
    return run(s, argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2,
               argc > 3 ? strtod(argv[3], NULL) : 3);
}
