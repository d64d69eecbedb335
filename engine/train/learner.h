/* A learner is all that a training step changes: parameters, optimiser arrays, batcher,
 * step.  It has no thread of its own: the trainer, the explorer's replay and every test call
 * it.  One owner at a time. */
#ifndef ENGINE_TRAIN_LEARNER_H
#define ENGINE_TRAIN_LEARNER_H

#include "engine/base/pool.h"
#include "engine/train/model.h"
#include "engine/tensor/optim.h"

enum phase { PH_FORWARD, PH_HEAD, PH_BACKWARD, PH_REDUCE, PH_UPDATE };
const char *phase_name(enum phase p);

struct learner {
    const struct model_def *model;
    void *self;
    struct hparams *hp;        /* values now; owned */
    const struct dataset *ds;  /* borrowed: outlives the learner */
    const struct split *split; /* borrowed */
    const struct optim_def *opt;
    struct params *ps;
    /* values; opt->n_aux arrays of the same layout; rows of large tables may be late:
     * learner_settle */
    real *x, **aux;
    struct batcher *batcher; /* NULL for baselines */
    uint64_t seed;
    int64_t step;              /* updates done */
    struct learner_work *work; /* tapes, arenas, shard gradients; private */
    struct arena *mem;         /* run lifetime */
};

/* NULL = run through; else called after every op of the shown shard, and may sleep
 * there.  false = break off: the learner is then as it was before the batch. */
struct step_watch {
    int shard; /* -1: the first that has rows */
    /* of that shard: per-session probes are written for it; -1 none */
    int32_t session;
    bool (*on_op)(void *ctx, const struct tape *t, int32_t node, enum phase ph);
    /* after the gradient norm is known, before the update; false = break off (conditional
     * breakpoints) */
    bool (*before_update)(void *ctx, const struct learner *l, double loss, double grad_norm);
    void *ctx;
};
enum { STEP_TERMS = 4 };
struct step_info {
    int64_t step; /* number of updates after this one */
    int32_t epoch;
    double loss, grad_norm, lr; /* loss: weighted sum of terms over the batch */
    int n_term;
    const char *term_name[STEP_TERMS];         /* "rec", "kl"; static or run lifetime */
    double term[STEP_TERMS], bare[STEP_TERMS]; /* weighted; before weighting */
    int32_t n_session, n_row, n_query;
};

MUST_CHECK enum status learner_new(struct learner **out, const struct model_def *m,
                                   const struct hparams *hp, const struct split *split,
                                   uint64_t seed, struct err *err);
void learner_free(struct learner *l);
/* One batch: plan, forward + backward by shards, reduce in shard order, clip,
 * update.  ST_NUMERIC: NaN or infinity in loss or gradient; seen before the update, nothing
 * changed.  Bits do not depend on the pool.  Allocates nothing after warm-up. */
MUST_CHECK enum status learner_step(struct learner *l, struct pool *p,
                                    const struct step_watch *w, struct step_info *out,
                                    struct err *err);
MUST_CHECK enum status learner_clone(struct learner **out, const struct learner *l,
                                     struct err *err);
/* A live setting from the next batch on; others: ST_STATE with the advice to make a new
 * model. */
enum status learner_set(struct learner *l, const char *name, const char *value,
                        struct err *err);
/* Rows of large item tables put updates without gradient off until they are read.  Brings
 * all up to date: for whoever reads x or aux himself, between steps, from any thread; a
 * learner is the same before and after.  p may be NULL. */
void learner_settle(const struct learner *l, struct pool *p);
void learner_sha256(const struct learner *l, char hex[65]); /* parameters' bits */
int64_t learner_steps_per_epoch(const struct learner *l);
/* One block's forward pass with given parameters, for views, evaluation and tests: encode +
 * score on a tape. */
struct tensor *learner_score(const struct learner *l, struct tape *t, const struct block *b);

/* safetensors by the loader and durability rules (reliability). `models`: NULL-terminated
 * table to find the name in. */
MUST_CHECK enum status learner_save(const struct learner *l, const char *path, struct err *err);
MUST_CHECK enum status learner_load(struct learner **out, const char *path,
                                    const struct model_def *const *models,
                                    const struct split *split, bool force_items,
                                    struct err *err);

#endif
