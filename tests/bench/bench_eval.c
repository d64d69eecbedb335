/* Time of evaluating the whole test part of the world `chain` (every next item of the
 * held-out sessions, from its prefix alone, all items ranked), and of publishing parameters. */
#include "engine/data/world.h"
#include "engine/base/clock.h"
#include "engine/train/eval.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    struct dataset *ds;
    struct split *split;
    struct hparams *hp;
    struct learner *l;
    struct weights *w;
    struct err err;
    struct world_opts o = {.items = 240, .sessions = 8000, .noise = -1, .seed = 1};
    const struct model_def *m = model_find("sasrec");
    if (world_generate(&ds, "chain", &o, &err) != ST_OK ||
        split_new(&split, ds, SPLIT_SESSIONS, &err) != ST_OK ||
        hparams_new(&hp, m->hparams, m->name, &err) != ST_OK ||
        hparams_set_all(hp, "d=32 layers=2 heads=2 maxlen=20 loss=ce", &err) != ST_OK ||
        learner_new(&l, m, hp, split, 1, &err) != ST_OK || weights_of(&w, l, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    for (int threads = 1; threads <= pool_cores(); threads++) {
        struct pool *p;
        double ms[9];
        struct eval_spec s;
        struct eval_result r = {0};
        eval_defaults(&s, split);
        s.on = PART_TEST;
        if (pool_new(&p, threads, &err) != ST_OK)
            return 1;
        for (int i = -1; i < 9; i++) {
            double t0 = clock_s();
            if (eval_run(w, &s, p, NULL, &r, &err) != ST_OK)
                return 1;
            if (i >= 0)
                ms[i] = 1e3 * (clock_s() - t0);
        }
        qsort(ms, 9, sizeof *ms, by_value);
        printf(
            "eval chain test, sasrec d 32: %lld prefixes, %d threads: %.1f ms (median of 9)\n",
            (long long)r.n, threads, ms[4]);
        pool_free(p);
    }
    double t0 = clock_s();
    for (int i = 0; i < 200; i++) {
        struct weights *v;
        if (weights_of(&v, l, &err) != ST_OK)
            return 1;
        weights_unref(v);
    }
    printf("publish %zu parameters: %.1f us\n", params_count(l->ps),
           1e6 * (clock_s() - t0) / 200);
    weights_unref(w);
    learner_free(l);
    hparams_free(hp);
    split_free(split);
    dataset_free(ds);
    return 0;
}
