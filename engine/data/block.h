/* A block: n packed sessions, stacked into one tall matrix with row offsets.  No batch axis
 * and no padding. */
#ifndef ENGINE_DATA_BLOCK_H
#define ENGINE_DATA_BLOCK_H

#include "engine/base/arena.h"
#include <stdbool.h>
#include <stdint.h>

struct head_batch; /* engine/train/heads.h */
/* arrays live in the shard's arena; R = off[n] rows in all; n = 0 is legal */
struct block {
    int32_t n, n_query, n_target, n_neg;
    /* first row of this block within the batch: random numbers count from it */
    int32_t row0;
    const int32_t *off;     /* (n+1) first row of each session */
    const int32_t *session; /* (n) session number in the data set, or -1 */
    const int32_t *item;    /* (R) item read at that row; n_items+1 where the model hides it */
    const int32_t *pos;     /* (R) position row, see enum pos_kind */
    /* (n_query) rows whose state is scored, rising; the last row of each session for a
     * prediction */
    const int32_t *query;
    /* (n_query,n_target) items to predict there; a set: no repeats, 0 = no more; NULL when
     * predicting */
    const int32_t *target;
    /* (n_query) share of that query in the batch loss, normalised over the batch */
    const float *weight;
    /* (n_query,n_neg), (n,n_neg) or the batch's list (n_neg), as the head's columns ask */
    const int32_t *neg;
    const int32_t *query_session; /* (n_query) which of the n sessions */
    /* [0..n_items] log of the sampling odds (up to a constant), or NULL */
    const float *logq;
    /* [0..n_items] log of events in training (0 for none), with logq */
    const float *logpop;
    /* (n_col) PARALLEL with NEG_BATCH: items scored by every query of the batch: all its
     * targets, by */
    const int32_t *col;
    int32_t n_col;            /*   click and lane, then the n_neg draws */
    const int32_t *query_col; /* (n_query) which column is the query's own target */
    int32_t n_batch;          /* sessions in the whole batch */
    /* (n) 1-based; every session its own where the data have no users; 0: not */
    const int32_t *user;
    /*   known; NULL: nobody is, a typed session */
    /* (n) WINDOWS, a prediction: the sessions in full, also what lies before the window;
     * else NULL */
    const int32_t *const *typed;
    const int32_t *typed_len;
    /* (n) BATCH_PARALLEL: row of the carried state, or NULL.  With bptt > 1 a lane may stand
     * twice, an */
    const int32_t *lane;
    /*   old session and its successor in this order: the later
                              *   one's state is carried */
    /* (n) BATCH_PARALLEL: this session begins here, from a state of zero */
    const uint8_t *fresh;
    /* session graphs, packed: distinct items, (n+1), (R), (n+1) */
    const int32_t *node, *node_off, *alias, *adj_off;
    const float *adj_in, *adj_out; /* m x m each, at adj_off[s] */
    int64_t step, epoch_step;      /* for schedules: beta, learning rate */
    /* set by the learner when the output layer works on the batch, else NULL */
    struct head_batch *head_batch;
    int32_t shard; /*   which of its parts this block is */
};

#endif
