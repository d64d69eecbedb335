/* What the files of the output heads share.  Private to engine/train/heads*.c. */
#ifndef ENGINE_TRAIN_HEADS_WORK_H
#define ENGINE_TRAIN_HEADS_WORK_H

#include "engine/train/heads.h"

/* items worked at once: their rows and the queries' scores stay in the caches */
enum { HEAD_TILE = 128 };

static inline bool head_binary(const struct head *hd)
{
    return hd->loss == HEAD_BCE || hd->loss == HEAD_GBCE;
}
static inline int32_t head_targets(const struct block *b, int32_t q)
{
    int32_t n = 0;
    while (n < b->n_target && b->target[(size_t)q * (size_t)b->n_target + (size_t)n])
        n++;
    return n;
}
/* Factors of the positive and negative terms of the binary losses, k negatives. */
void head_binary_weights(const struct head *hd, int32_t k, double *pos, double *neg);
/* Added to the score of a column: its bias, less logq times the log of its odds (drawn: by
 * the draws' odds, otherwise, for an in-batch target, by its popularity). */
real head_offset(const struct head *hd, const struct block *b, const real *bias, int32_t item,
                 bool drawn);
/* Loss of one row of raw scores (offsets added) over the columns `col` (n); c: slopes, times
 * w.  Room for row_ld(n). */
double head_rank_row(const struct head *hd, const int32_t *col, real *s, int32_t n, int32_t own,
                     real w, real *c);

/* Full softmax of nq queries over items 1..V, worked by ranges of items; x keeps the logits,
 * items down, queries across. */
struct head_full {
    const struct head *hd;
    const real *table, *bias; /* of item 1; bias may be NULL */
    size_t ld;
    int32_t d, nq;
    const real *h; /* (nq,d) */
    size_t ldh, ldq;
    real *ht;   /* (d,nq), ldq apart: head_full_begin fills it */
    real *x;    /* (V,nq), ldq apart */
    real *unit; /* (V): factor of each item's row, NULL without head.unit */
    /* (ldq): lse - log of the factor of p; smoothing's share, NULL without */
    real *shift, *even;
    const int32_t *target; /* (nq,n_target) */
    int32_t n_target;
    const float *weight; /* (nq) */
};
struct head_stats {        /* of one range; (ldq) each */
    real *top, *sum, *all; /* all: sum of scores, NULL without smoothing */
};
/* floats of ht, x, shift, even, unit */
size_t head_full_size(int32_t v, int32_t d, int32_t nq);
void head_full_begin(struct head_full *f, real *mem);
/* items v0+1..v1 */
void head_full_logits(const struct head_full *f, int32_t v0, int32_t v1,
                      const struct head_stats *s);
/* From the statistics of all ranges, in their order: shift, even; returns nothing else but
 * the loss of each query. */
void head_full_losses(const struct head_full *f, const struct head_stats *s, int n_range,
                      double *loss);
/* gh (nq, ldh) is added to; gtable, gbias: of item 1, added to.  Any may be NULL. */
void head_full_slopes(const struct head_full *f, int32_t v0, int32_t v1, real *gh, real *gtable,
                      real *gbias);

double head_by_columns(const struct head_job *j, bool *ok);   /* heads_cols.c */
double head_full_softmax(const struct head_job *j, bool *ok); /* heads_full.c */
/* heads.c: rows that the loss on a block reads */
void head_reads(const struct tape *t, const struct head *hd, const struct block *b);
/* heads_batch.c: op_head hands over */
bool head_batch_put(struct tape *t, struct tensor *h, const struct block *b);

#endif
