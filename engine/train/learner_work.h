/* What learners, published weights and evaluation share behind their headers.  Private to engine/train. */
#ifndef ENGINE_TRAIN_LEARNER_WORK_H
#define ENGINE_TRAIN_LEARNER_WORK_H

#include "engine/train/learner.h"

#include <pthread.h>
#include <stdatomic.h>

/* A tape and an arena for blocks: what one thread needs to run a model. */
struct workspace {
    struct tape *tape;
    struct arena *mem;
    size_t peak;               /* bytes of tape and block arenas that were made room for */
    struct workspace *next;
};

/* Lives as long as any learner, clone or published weights of one model: declarations, the model's own data, and spare memory, so that
 * publishing, validating and asking do not go to the system each time (a first touch of a page is dear). */
struct learner_shared {
    atomic_int refs;           /* acq_rel on the way down: the last one frees */
    struct params *ps;
    struct arena *mem;         /* run lifetime, filled by the model's init */
    pthread_mutex_t lock;      /* guards the lists; held for a few instructions */
    struct workspace *spare;
    real *block[4];            /* spare parameter blocks */
    int n_block;
};
struct learner_shared *shared_ref(struct learner_shared *s);
void shared_unref(struct learner_shared *s);                      /* accepts NULL */
MUST_CHECK enum status shared_workspace(struct learner_shared *s, struct workspace **out, struct err *err);
void shared_give(struct learner_shared *s, struct workspace *w);  /* accepts NULL */
real *shared_block(struct learner_shared *s);                     /* content undefined; NULL = out of memory */
void shared_give_block(struct learner_shared *s, real *block);    /* accepts NULL */
void workspace_room(struct workspace *w);                         /* after use: makes room for a somewhat larger block */

struct tile {                  /* a span of one parameter */
    size_t at;
    int32_t n;                 /* floats, a multiple of TENSOR_ROW */
    bool decay;
};
struct setting_change {
    int64_t step;              /* in force from this batch on */
    char name[24], value[40];
};
struct shard_result {
    enum status status;
    struct err err;
    double loss, term[STEP_TERMS];
    const char *term_name[STEP_TERMS];
    int n_term;
};
struct state_stage {           /* new rows of one PARAM_STATE, kept back until the update is committed */
    const struct param *p;
    real *x;
    uint8_t *has;              /* (rows) */
};
enum { MAX_WORKERS = 64 };
struct learner_work {
    struct learner_shared *shared;
    struct setting_change *change;
    int n_change, cap_change;

    /* Made at the first step. */
    bool ready;
    struct batch plan;
    real *g[BATCH_SHARDS];     /* gradient blocks; all zero between steps */
    struct tile *tile;
    int n_tile;
    double *tile_sum;          /* (n_tile) sum of squares */
    struct state_stage *stage;
    int n_stage;
    struct workspace *ws[MAX_WORKERS], *shown;
    int n_ws;
    struct shard_result shard[BATCH_SHARDS];
    int order[BATCH_SHARDS], n_order;
    real *backup;              /* stepping: values and aux arrays before the batch */
};
MUST_CHECK enum status learner_ready(struct learner *l, int workers, struct err *err);
void learner_work_free(struct learner_work *w);
double learner_lr(const struct learner *l);                       /* of the next step: schedule applied */
void model_loss(const struct model_def *m, const void *self, struct tape *t, const struct block *b);
struct tensor *model_score(const struct model_def *m, const void *self, struct tape *t, const struct block *b);
uint32_t model_traits(const struct model_def *m, const void *self);
/* Records a change that is in force from the learner's present step on. */
MUST_CHECK enum status learner_note_change(struct learner *l, int64_t step, const char *name, const char *value, struct err *err);

struct weights;
struct learner_shared *weights_shared(const struct weights *w); /* borrowed: for workspaces */

/* reduce.c */
MUST_CHECK enum status tiles_make(const struct params *ps, struct tile **out, int *n, struct err *err);
double reduce_shards(struct learner_work *w, struct pool *p); /* sums into the first shard's block, zeroes the others; sum of squares */
void update_tiles(struct learner *l, struct pool *p, const struct optim_step *s); /* and zeroes the gradient */
void clear_gradients(struct learner *l);

#endif
