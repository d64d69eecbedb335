/* Output layers: scores of items for query rows, and the loss on them.
 *
 * On the shard (small tables, rows * d < HEAD_SHARD_FLOATS, or columns of a query or
 * session): op_head computes loss and gradients on the shard's tape at once, query rows in
 * chunks, never a (R, items) matrix.  On the batch (large tables): op_head hands its states
 * to a `head_batch`, and the pool works over fixed ranges of items; see the end of this
 * header. */
#ifndef ENGINE_TRAIN_HEADS_H
#define ENGINE_TRAIN_HEADS_H

#include "engine/data/block.h"
#include "engine/tensor/tape.h"

enum head_loss {
    HEAD_XENT,    /* softmax over the columns */
    HEAD_SAMPLED, /* softmax over target and draws, - log q when `logq` */
    HEAD_BCE,     /* softplus(-s+) + sum softplus(s-) */
    HEAD_GBCE, /* (beta softplus(-s+) + sum softplus(s-)) / (k + 1), beta = 1 - t(1 - alpha), alpha = k/(V-1) */
    HEAD_TOP1,
    HEAD_BPR,
    HEAD_TOP1_MAX,
    HEAD_BPR_MAX,
};
/* all items; own draws of a query; of a session; of the batch */
enum head_cols { COLS_ALL, COLS_QUERY, COLS_SESSION, COLS_BATCH };
#define HEAD_SHARD_FLOATS ((size_t)1 << 18)

struct head { /* scores = act(h table^T + bias) over items 1..n_items */
    enum head_loss loss;
    enum head_cols cols;
    enum act act;
    const struct param *table, *bias; /* (rows,d); (rows) or NULL */
    /* id of table row 0: 0 with a row for padding, 1 without */
    int32_t id0;
    int32_t n_items; /* V */
    float act_a, act_l, smooth, logq, bpreg, gbce_t, w_pos, w_neg;
    bool unit; /* items by their direction: h . E / |E|; COLS_ALL only */
    bool mask_dup;
    /* TOP1, BPR: the paper's mean over the true negatives, not the authors' sums */
    bool neg_only;
};

/* Adds the term "rec": sum over queries of weight * loss (block.weight already divides by what the loss averages over), and
 * the gradients of states, table and bias, which need nothing from later ops.  h: (n_query,d).
 *
 * Columns of a query's scores: its targets, then its negatives.
 *   COLS_ALL      all items; several targets share the mass: loss = -(1/n) sum over targets of log p (multinomial)
 *   COLS_QUERY    block.neg (n_query,n_neg); several targets: BCE sums over them, the others take the mean over targets
 *   COLS_SESSION  block.neg (n,n_neg), by block.query_session
 *   COLS_BATCH    block.neg (n_neg), for all queries; or, where the batch has in-batch columns (block.col, GRU4Rec), those:
 *                 all targets of the batch, then the draws; query q's own is column query_col[q]
 * HEAD_BCE: w_pos * sum over targets of softplus(-s) + w_neg * sum over negatives of softplus(s); 0 counts as 1.
 * logq (softmax over columns): scores less logq * log of the odds, block.logq for draws and targets of their own,
 * block.logpop for in-batch targets.  smooth: label smoothing of the softmax.  mask_dup: columns with the same item as a query's
 * own are left out.  act, act_a: activation of scores before the ranking losses (RELU leaky by act_a, TANH, ELU times act_a); act_l:
 * all of it times this, 0 counts as 1 (SELU). */
void op_head(struct tape *t, struct tensor *h, const struct head *hd, const struct block *b);
/* While a session is watched: what op_head compares, as probes in the scope "head", for
 * heads over all items or the batch's columns, n columns, one target a query: cols (1,n)
 * item ids, the batch's targets first, then the draws; logq (1,n) what is taken off in
 * training; scores (n_query,n) raw; prob their softmax less logq; negw softmax of the
 * activated scores without the own column (which negative the -max losses learn from); rank
 * (n_query,1) of the own one among the columns; rowloss (n_query,1).  No gradient. */
void head_watch(struct tape *t, const struct tensor *h, const struct head *hd,
                const struct block *b);
/* What scores take an item's row (d) times: 1, or with `unit` 1 over its length (0 for a row
 * of zeros). */
real head_row_factor(const struct head *hd, const real *row, int32_t d);
/* (n_query, n_items+1), column = item id; column 0 is -INFINITY.  No gradient. */
struct tensor *op_head_scores(struct tape *t, struct tensor *h, const struct head *hd);

/* ---- What op_head computes, without a tape: for tests and for the batch-wide form. ---- */
struct head_job {
    const struct head *hd;
    const struct block *b;
    const real *table, *bias; /* value of the parameters; bias may be NULL */
    size_t ld;                /* of the table */
    const real *h;
    size_t ldh;
    int32_t d;
    /* gh: written, ld = ldh; gtable, gbias: added to; NULL = not wanted */
    real *gh, *gtable, *gbias;
    struct arena *mem; /* scratch, given back */
    /* Not NULL: rows of the table's gradient go there, as tape_env.rows takes them, and
     * gtable is NULL.  Not for COLS_ALL. */
    void (*rows)(void *rows_ctx, const struct param *table, const int32_t *row, int32_t n,
                 const real *g, int32_t ldg, float scale);
    void *rows_ctx;
};
/* Weighted loss of the block.  Double sums.  *ok false: out of scratch memory. */
double head_compute(const struct head_job *j, bool *ok);
/* Loss of one row of n scores whose positive is column p, and its slopes c; both with room
 * for row_ld(n) numbers. */
double head_row_loss(const struct head *hd, const real *s, int32_t n, int32_t p, real *c);

/* ---- The batch-wide form ----
 * For one step, with a workspace (tape, block) a shard:
 *   head_batch_begin(hb, hd, x, g, keep)   one thread; x: block of values, g: gradient block that takes table and bias; keep: the
 *                                          table's rows for columns of the batch stay where head_batch_rows finds them
 *   each shard: block.head_batch = hb, block.shard = its number; forward.  op_head hands its states over (any thread).
 *   head_batch_run(hb, pool, err)          loss and gradients; afterwards every shard's loss term holds its share
 *   each shard: tape_backward              op_head's part copies the gradient of the states
 * One block a shard.  Work is cut into 8 fixed ranges, summed in their order: bits do not depend on threads.  Tapes and blocks must
 * live until their backward is done; g must be zero where the table and bias lie (they are added to). */
enum { HEAD_RANGES = 8, HEAD_PARTS = 8 };
/* Is this output layer worked on the batch?  Depends on shapes alone. */
bool head_wants_batch(const struct head *hd);
MUST_CHECK enum status head_batch_new(struct head_batch **out, struct err *err);
void head_batch_free(struct head_batch *hb); /* accepts NULL */
void head_batch_begin(struct head_batch *hb, const struct head *hd, const real *x, real *g,
                      bool keep_rows);
struct pool;
MUST_CHECK enum status head_batch_run(struct head_batch *hb, struct pool *p, struct err *err);
/* After head_batch_run, with keep: gradients (n, ld of the table) of these rows, repeats
 * among them; the caller may write there until the next head_batch_begin.  Full softmax:
 * *row NULL, gradients of all items are in g. */
real *head_batch_rows(const struct head_batch *hb, const int32_t **row, int32_t *n);

#endif
