/* Real data with a budget of time: a model trained for so many seconds, beside the baselines, by its paper's protocol on the test part.
 *   real NAME [seconds [settings]]      NAME of a row below; default 600 s
 * Reads $SEQLAB_DATA.  Fails when the model is not above popularity and Markov-1. */
#include "engine/tensor/gemm.h"
#include "engine/base/clock.h"
#include "engine/train/eval.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ASKED = 3, PRINTS = 4 };
static const struct run {
    const char *name, *model, *preset, *settings;
    const char *data, *test; /* files; test: a test part of its own */
    enum split_kind split;
    /* by sessions: percent that validate; 0 where the published figures train on all but the
     * test */
    int valid;
    /* the first that is there of "a|b"; the first of the row is compared */
    const char *protocol[ASKED];
    // clang-format off
} runs[] = {
    {"sasrec",        "sasrec",   "official", "", "ml-1m/ml-1m.txt.gz", NULL, SPLIT_LEAVE_ONE_OUT, 0, {"uni100", "full"}},
    {"bert4rec",      "bert4rec", "modern",   "", "ml-1m/ml-1m.txt.gz", NULL, SPLIT_LEAVE_ONE_OUT, 0, {"pop100", "full"}},
    {"caser",         "caser",    "official", "", "ml-1m/ml-1m.txt.gz", NULL, SPLIT_RATIO, 0, {"lists|full"}},
    {"svae",          "svae",     "official", "", "ml-1m/ml-1m.txt.gz", NULL, SPLIT_USERS, 0, {"strong|full"}},
    {"gru4rec",       "gru4rec",  "modern",   "", "retailrocket/train.txt", "retailrocket/test.txt", SPLIT_SESSIONS, SPLIT_VALID, {"events"}},
    {"pen4rec-srgnn", "pen4rec",  "srgnn",    "", "diginetica/train.txt.gz", "diginetica/test.txt", SPLIT_SESSIONS, 0, {"prefixes|events"}},
    {"pen4rec",       "pen4rec",  "session",  "", "diginetica/train.txt.gz", "diginetica/test.txt", SPLIT_SESSIONS, 0, {"prefixes|events"}},
};
// clang-format on

static struct pool *pool;

static int give_up(const struct err *e)
{
    fprintf(stderr, "real: %s\n", e->msg);
    exit(1);
}

/* "strong|full": the first name that is a row of the table of protocols. */
static enum protocol named(const char *names)
{
    for (const char *n = names; n; n = strchr(n, '|') ? strchr(n, '|') + 1 : NULL)
        for (int p = 0; protocol_names[p]; p++)
            if (strlen(protocol_names[p]) == strcspn(n, "|") &&
                strncmp(n, protocol_names[p], strcspn(n, "|")) == 0)
                return (enum protocol)p;
    return PROTO_FULL;
}

static struct eval_result ask(const struct learner *l, enum protocol p)
{
    struct eval_spec s;
    struct eval_result r = {0};
    struct weights *w;
    struct err err;
    eval_defaults(&s, l->split);
    s.on = PART_TEST;
    s.seed = 1;
    if (protocol_use(&s, p, l->split, &err) || weights_of(&w, l, &err) ||
        eval_run(w, &s, pool, NULL, &r, &err))
        give_up(&err);
    weights_unref(w);
    return r;
}

/* One line; returns the first figure of the first protocol. */
static double row(const struct run *run, const char *name, const struct learner *l,
                  double seconds)
{
    double first = 0;
    printf("%-26s", name);
    for (int i = 0; i < ASKED && run->protocol[i]; i++) {
        enum protocol p = named(run->protocol[i]);
        struct eval_result r = ask(l, p);
        printf("%s %s:", i ? "  |" : "", protocol_def(p)->name);
        for (int k = 0; k < r.n_metric; k++) {
            char label[METRIC_LABEL], key[METRIC_LABEL];
            protocol_label(&protocol_def(p)->metric[k], r.k, label, key);
            printf(" %s %.4f", label, r.metric[k].mean);
        }
        if (i == 0) {
            first = r.metric[0].mean;
            printf(" (+-%.4f, %lld)", 1.96 * r.metric[0].se, (long long)r.n);
        }
    }
    printf(seconds > 0 ? "  %.0f s\n" : "\n", seconds);
    fflush(stdout);
    return first;
}

static struct learner *born(const char *model, const char *preset, const char *settings,
                            const char *more, const struct split *sp)
{
    const struct model_def *m = model_find(model);
    const char *of_preset = NULL;
    struct hparams *hp;
    struct learner *l = NULL;
    struct err err;
    for (const struct preset_def *p = m->presets; p && p->name; p++)
        if (strcmp(p->name, preset) == 0)
            of_preset = p->settings;
    if (hparams_new(&hp, m->hparams, m->name, &err) ||
        (of_preset && hparams_set_all(hp, of_preset, &err)) ||
        hparams_set_all(hp, settings, &err) || hparams_set_all(hp, more, &err) ||
        learner_new(&l, m, hp, sp, 1, &err))
        give_up(&err);
    hparams_free(hp);
    return l;
}

/* Steps until the budget is used up; figures at every quarter of it. */
static double train(const struct run *run, struct learner *l, double budget)
{
    double used = 0, reached = 0;
    for (int quarter = 1; quarter <= PRINTS; quarter++) {
        struct step_info info = {0};
        struct err err;
        char name[64];
        double loss = 0, began = clock_s(), before = used;
        int64_t from = l->step;
        while (used < budget * quarter / PRINTS) {
            if (learner_step(l, pool, NULL, &info, &err))
                give_up(&err);
            loss += info.loss;
            used = before + clock_s() - began;
        }
        double steps = (double)(l->step - from);
        printf("  step %lld, epoch %.2f, mean loss %.4f, %.2f ms a step\n", (long long)l->step,
               (double)l->step / (double)learner_steps_per_epoch(l), loss / steps,
               1e3 * (used - before) / steps);
        snprintf(name, sizeof name, "%s %s", run->name, run->preset);
        reached = row(run, name, l, used);
    }
    return reached;
}

static void load(const struct run *run, struct dataset **ds, struct split **sp)
{
    const char *folder = getenv("SEQLAB_DATA");
    char path[1024], test[1024];
    struct import_report rep;
    struct import_opts o = {.max_errors = 5};
    struct err err;
    folder = folder ? folder : "../shared/data";
    snprintf(path, sizeof path, "%s/%s", folder, run->data);
    snprintf(test, sizeof test, "%s/%s", folder, run->test ? run->test : "");
    if (access(path, R_OK)) {
        printf("skip: no %s (set SEQLAB_DATA)\n", path);
        exit(0);
    }
    if (run->test)
        o.test_path = test;
    if (dataset_import(ds, path, NULL, &o, &rep, NULL, NULL, &err) ||
        (run->split == SPLIT_SESSIONS ? split_sessions(sp, *ds, run->valid, &err)
                                      : split_new(sp, *ds, run->split, &err)))
        give_up(&err);
    printf("%s: %d sessions, %d items, %lld events; split %s; %lld test questions\n",
           (*ds)->name, (*ds)->n_sessions, (*ds)->n_items, (long long)(*ds)->n_events,
           (*sp)->name, (long long)(*sp)->n_test);
}

int main(int argc, char **argv)
{
    const struct run *run = NULL;
    double budget = argc > 2 ? strtod(argv[2], NULL) : 600, simple = 0;
    const char *note;
    struct dataset *ds;
    struct split *sp;
    struct err err;
    for (size_t i = 0; argc > 1 && i < sizeof runs / sizeof *runs; i++)
        if (strcmp(runs[i].name, argv[1]) == 0)
            run = &runs[i];
    if (!run || !(budget > 0)) {
        fprintf(stderr, "usage: real NAME [seconds [settings]]; names:");
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
            fprintf(stderr, " %s", runs[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    gemm_start(&note);
    if (pool_new(&pool, 0, &err))
        give_up(&err);
    load(run, &ds, &sp);
    for (int i = 0; model_defs[i]; i++)
        if (model_defs[i]->flags & MODEL_BASELINE) {
            struct learner *l = born(model_defs[i]->name, "", "", "", sp);
            double v = row(run, model_defs[i]->name, l, 0);
            if (strcmp(model_defs[i]->name, "itemknn") != 0 &&
                v > simple) /* nearest sessions are a bar of their own */
                simple = v;
            learner_free(l);
        }
    struct learner *l =
        born(run->model, run->preset, run->settings, argc > 3 ? argv[3] : "", sp);
    double reached = train(run, l, budget);
    learner_free(l);
    pool_free(pool);
    split_free(sp);
    dataset_free(ds);
    if (reached <= simple) {
        printf("FAILED: %.4f is not above the better of popularity and Markov-1, %.4f\n",
               reached, simple);
        return 1;
    }
    return 0;
}
