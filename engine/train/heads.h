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

/* Adds the term "rec": sum over queries of weight * loss (block.weight already divides by what the loss averages over).
 * h: (n_query,d).  Targets: block.target, first n_target_of_query until 0 (multinomial for several: mean of their -log p unless
 * the model's weights say otherwise). */
void op_head(struct tape *t, struct tensor *h, const struct head *hd, const struct block *b);
/* (n_query, n_items+1), column = item id; column 0 is -INFINITY.  No gradient. */
struct tensor *op_head_scores(struct tape *t, struct tensor *h, const struct head *hd);

#endif
