/* What learners, published weights and evaluation share behind their headers.  Private to
 * engine/train. */
#ifndef ENGINE_TRAIN_LEARNER_WORK_H
#define ENGINE_TRAIN_LEARNER_WORK_H

#include "engine/train/learner.h"

#include <pthread.h>
#include <stdatomic.h>

/* A tape and an arena for blocks: what one thread needs to run a model. */
struct workspace {
    struct tape *tape;
    struct arena *mem;
    size_t peak; /* bytes of tape and block arenas that were made room for */
    struct workspace *next;
};

/* Lives as long as any learner, clone or published weights of one model: declarations, the
 * model's own data, and spare memory, so that publishing, validating and asking do not go to
 * the system each time (a first touch of a page is dear). */
struct learner_shared {
    atomic_int refs; /* acq_rel on the way down: the last one frees */
    struct params *ps;
    struct arena *mem;    /* run lifetime, filled by the model's init */
    pthread_mutex_t lock; /* guards the lists; held for a few instructions */
    struct workspace *spare;
    real *block[4]; /* spare parameter blocks */
    int n_block;
};
struct learner_shared *shared_ref(struct learner_shared *s);
void shared_unref(struct learner_shared *s); /* accepts NULL */
MUST_CHECK enum status shared_workspace(struct learner_shared *s, struct workspace **out,
                                        struct err *err);
void shared_give(struct learner_shared *s, struct workspace *w); /* accepts NULL */
/* content undefined; NULL = out of memory */
real *shared_block(struct learner_shared *s);
void shared_give_block(struct learner_shared *s, real *block); /* accepts NULL */
/* after use: makes room for a somewhat larger block */
void workspace_room(struct workspace *w);

struct tile { /* a span of one parameter */
    size_t at;
    int32_t n; /* floats, a multiple of TENSOR_ROW */
    bool decay;
    /* a large item table: whole rows from number row0 on; else NULL */
    struct row_table *rows;
    int32_t row0;
};
/* Gradients of a large item table (PARAM_ROWS, ROW_TABLE_FLOATS and more): a batch reaches
 * few of its rows, so they are kept in lists, one of each shard and one of the output layer
 * where it works on the batch, and phase B looks at those rows only.  The gradient blocks
 * are not touched there, except by who reads the table as a matrix (full softmax).  Written
 * by a shard's worker in places of that shard, read in phase B. */
#define ROW_TABLE_FLOATS ((size_t)1 << 18)
/* lists, in the order they are added */
enum { ROWS_OF_HEAD, ROWS_OF_SHARD, ROW_LISTS = ROWS_OF_SHARD + BATCH_SHARDS };
struct row_list {
    real *g; /* (cap, ld); of the output layer: lent for the step */
    int32_t n, cap;
};
struct row_table {
    const struct param *p;
    int32_t rows;
    atomic_uchar *hit; /* (rows) 1: some list has it */
    /* (rows) so many updates are in a row's numbers: without a gradient they are put off
     * until it is read */
    atomic_llong *done;
    atomic_uchar *busy;         /* (rows) 1: somebody is catching it up */
    atomic_llong all_done;      /* so many are in all rows */
    int32_t (*slot)[ROW_LISTS]; /* (rows) place in that list, -1 none */
    bool whole[BATCH_SHARDS];   /* the shard's gradient block holds gradients of any row */
    struct row_list list[ROW_LISTS];
};
/* A row is at most so many updates behind: whatever nobody reads takes its turn.  Late work
 * is done in the cache, a row's updates one after another. */
enum { ROW_LAG = 64 };
struct row_sink { /* where the tape of a shard hands row gradients to */
    const struct learner *l;
    struct learner_work *w;
    int shard;
    bool no_memory;
};
struct setting_change {
    int64_t step; /* in force from this batch on */
    char name[24], value[40];
};
struct shard_result {
    enum status status;
    struct err err;
    double loss, term[STEP_TERMS], bare[STEP_TERMS];
    const char *term_name[STEP_TERMS];
    int n_term;
};
/* new rows of one PARAM_STATE, kept back until the update is committed */
struct state_stage {
    const struct param *p;
    real *x;
    uint8_t *has; /* (rows) */
};
enum { MAX_WORKERS = 64 };
struct learner_work {
    struct learner_shared *shared;
    struct setting_change *change;
    int n_change, cap_change;
    /* set before the first step: large tables are treated as small ones (tests compare the
     * two) */
    bool plain_tables;

    /* Made at the first step. */
    bool ready;
    struct batch plan;
    real *g[BATCH_SHARDS]; /* gradient blocks; all zero between steps */
    struct tile *tile;
    int n_tile;
    double *tile_sum;        /* (n_tile) sum of squares */
    struct row_table *table; /* large item tables */
    int n_table;
    /* the optimiser moves numbers without a gradient: rows put that off */
    bool lazy;
    /* settings of update t at t % ROW_LAG: without, with decay */
    struct optim_step past[2][ROW_LAG];
    struct row_sink sink[BATCH_SHARDS];
    /* this batch: first shard with rows; its gradient block takes the sums */
    int lead;
    struct head_batch *head; /* the output layer works on the batch; else NULL */
    /* then every shard keeps its tape until its backward is done */
    struct workspace *head_ws[BATCH_SHARDS];
    struct block head_block[BATCH_SHARDS];
    struct state_stage *stage;
    int n_stage;
    struct workspace *ws[MAX_WORKERS], *shown;
    int n_ws;
    struct shard_result shard[BATCH_SHARDS];
    int order[BATCH_SHARDS], n_order;
    real *backup; /* stepping: values and aux arrays before the batch */
};
MUST_CHECK enum status learner_ready(struct learner *l, int workers, struct err *err);
void learner_work_free(struct learner_work *w);
/* of the next step: schedule applied */
double learner_lr(const struct learner *l);
void model_loss(const struct model_def *m, const void *self, struct tape *t,
                const struct block *b);
struct tensor *model_score(const struct model_def *m, const void *self, struct tape *t,
                           const struct block *b);
uint32_t model_traits(const struct model_def *m, const void *self);
/* Records a change that is in force from the learner's present step on. */
MUST_CHECK enum status learner_note_change(struct learner *l, int64_t step, const char *name,
                                           const char *value, struct err *err);

struct weights;
struct learner_shared *weights_shared(const struct weights *w); /* borrowed: for workspaces */

/* row_grads.c */
MUST_CHECK enum status row_tables_make(struct learner *l, struct err *err);
void row_tables_free(struct learner_work *w);
/* NULL: not a large table */
struct row_table *row_table_of(const struct learner_work *w, const struct param *p);
/* For tape_env.rows, ctx: a row_sink.  g NULL: any rows of the shard's gradient block were
 * written to. */
void rows_add(void *ctx, const struct param *p, const int32_t *row, int32_t n, const real *g,
              int32_t ldg, float scale);
/* Gradients by the output layer on the batch, n rows p->ld apart, repeats allowed; written
 * to, and theirs until rows_done or rows_clear. row NULL: of any row, in the block of the
 * leading shard. */
void rows_lend(struct learner_work *w, struct row_table *t, const int32_t *row, int32_t n,
               real *g);
/* For tape_env.reads, ctx: a row_sink.  Any number of threads at once, as rows_settle: who
 * comes second waits. */
void rows_read(void *ctx, const struct param *p, const int32_t *id, int32_t n, int32_t id0);
/* all rows, up to learner.step */
void rows_settle(const struct learner *l, struct pool *p);
/* says that they are: numbers were put there */
void rows_settled(struct learner_work *w, int64_t step);
/* Before a step with these settings: does it put updates off? */
void rows_begin(struct learner *l, struct pool *p, const struct optim_step *s);
/* sums each row where its first gradient lies, in shard order; sum of squares */
double rows_reduce(struct learner_work *w, const struct tile *t);
void rows_update(struct learner *l, const struct tile *t, const struct optim_step *s);
/* the tile's rows up to that update, in the middle of it: somebody looks */
void rows_look(struct learner *l, const struct tile *t, int64_t step);
/* after that update (-1: none): empties the lists */
void rows_done(struct learner_work *w, int64_t step);
/* a batch broken off: forgets its gradients */
void rows_clear(struct learner_work *w);

/* reduce.c */
MUST_CHECK enum status tiles_make(struct learner_work *w, const struct params *ps,
                                  struct tile **out, int *n, struct err *err);
/* sums into the first shard's block, zeroes the others; sum of squares */
double reduce_shards(struct learner_work *w, struct pool *p);
/* and zeroes the gradient */
void update_tiles(struct learner *l, struct pool *p, const struct optim_step *s);
void clear_gradients(struct learner *l);

#endif
