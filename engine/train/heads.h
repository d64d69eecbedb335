/* Output layers: scores of items for query rows, and the loss on them.
 *
 * Small tables (rows * d < HEAD_SHARD_FLOATS) or columns per query or session: op_head computes loss and gradient on the
 * shard's tape, query rows in chunks, item-major tiles, never a (R, items) matrix.  The batch-wide form for large tables is
 * prepared by the learner (heads.h's `head_batch_*`, later). */
#ifndef ENGINE_TRAIN_HEADS_H
#define ENGINE_TRAIN_HEADS_H

#include "engine/data/block.h"
#include "engine/tensor/tape.h"

enum head_loss {
    HEAD_XENT,     /* full softmax */
    HEAD_SAMPLED,  /* softmax over target and draws, - log q when `logq` */
    HEAD_BCE,      /* softplus(-s+) + sum softplus(s-) */
    HEAD_GBCE,     /* (beta softplus(-s+) + sum softplus(s-)) / (k + 1), beta = 1 - t(1 - alpha), alpha = k/(V-1) */
    HEAD_TOP1,
    HEAD_BPR,
    HEAD_TOP1_MAX,
    HEAD_BPR_MAX,
};
enum head_cols { COLS_ALL, COLS_QUERY, COLS_SESSION, COLS_BATCH }; /* all items; own draws of a query; of a session; of the batch */
#define HEAD_SHARD_FLOATS ((size_t)1 << 18)

struct head { /* scores = act(h table^T + bias) over items 1..n_items */
    enum head_loss loss;
    enum head_cols cols;
    enum act act;
    const struct param *table, *bias; /* (rows,d); (rows) or NULL */
    int32_t id0;                      /* id of table row 0: 0 with a row for padding, 1 without */
    int32_t n_items;                  /* V */
    float act_a, smooth, logq, bpreg, gbce_t, w_pos, w_neg;
    bool mask_dup;
};

/* Adds the term "rec": sum over queries of weight * loss (block.weight already divides by what the loss averages over), and
 * the gradients of states, table and bias, which need nothing from later ops.  h: (n_query,d).
 *
 * Columns of a query's scores: its targets, then its negatives.
 *   COLS_ALL      all items; several targets share the mass: loss = -(1/n) sum over targets of log p (multinomial)
 *   COLS_QUERY    block.neg (n_query,n_neg)
 *   COLS_SESSION  block.neg (n,n_neg), by block.query_session
 *   COLS_BATCH    block.neg (n_neg), for all queries.  In-batch negatives (GRU4Rec): the list begins with the targets of all lanes
 *                 of the batch, and query q's own is column block.row0 + q.
 * HEAD_BCE: w_pos * sum over targets of softplus(-s) + w_neg * sum over negatives of softplus(s); 0 counts as 1. */
void op_head(struct tape *t, struct tensor *h, const struct head *hd, const struct block *b);
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
    real *gh, *gtable, *gbias; /* gh: written, ld = ldh; gtable, gbias: added to; NULL = not wanted */
    struct arena *mem;         /* scratch, given back */
};
/* Weighted loss of the block.  Double sums.  *ok false: out of scratch memory. */
double head_compute(const struct head_job *j, bool *ok);
/* Loss of one row of n scores whose positive is column p (TOP1, BPR and the -max forms of GRU4Rec, cross-entropy over the columns);
 * c: its gradient.  own: the positive also stands among the negatives at its own column (the official sums). */
double head_row_loss(const struct head *hd, const real *s, int32_t n, int32_t p, real *c);

#endif
