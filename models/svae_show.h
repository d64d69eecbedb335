/* What SVAE shows to whoever watches, beside the numbers it computes with.  Nothing here is
 * learned from. */
#ifndef MODELS_SVAE_SHOW_H
#define MODELS_SVAE_SHOW_H

#include "engine/train/model.h"

/* Probes "move" (R,1): how far each item moved the mean of the cloud, 0 at a session's
 * first; "kldim" (1,K): mean of each dimension's KL over the rows of the watched
 * session.  kl (R,K): the probe of op_kl. */
void svae_show_cloud(struct tape *t, const struct tensor *ms, const struct tensor *kl,
                     const struct block *b);
/* prior (R,2K), log variances: probes "mu", "sigma" (R,K). */
void svae_show_prior(struct tape *t, const struct tensor *prior);
/* A step of training: probes "item" (R,1), "target" (queries,n_target), "logits", "prob"
 * (queries,n_items), "nll" (queries,1): the sum over the target set, "rank" (queries,1) of
 * the next item, "beta" (1,1).  Logits and odds only where they are less than 4 million
 * numbers. scores: op_head_scores. */
void svae_show_step(struct tape *t, const struct tensor *scores, const struct block *b,
                    double beta);

/* Several draws of one cloud: their odds are averaged; for one query their lists are kept. */
enum { REDRAW_TOP = 10 };
struct redraw {
    /* draws; shown: the query whose lists are kept, -1 none */
    int32_t n, items, queries, shown;
    int32_t done;
    double *odds;        /* (queries, items+1) sums */
    struct tensor *list; /* (n, REDRAW_TOP) items, best first */
    double *sum, *sum2;  /* (items+1) of ranks */
};
/* In the tape's memory.  false: there is none, the tape has failed. */
bool redraw_begin(struct redraw *r, struct tape *t, int32_t n, int32_t queries, int32_t items,
                  int32_t shown);
void redraw_add(struct redraw *r, struct tape *t, const struct tensor *scores);
/* (queries, items+1): log of the mean odds, column 0 -INFINITY. */
struct tensor *redraw_mean(const struct redraw *r, struct tape *t);
/* Probes "list" (n,REDRAW_TOP) and "rank" (items,2): mean and standard deviation of each
 * item's rank over the draws. */
void redraw_show(const struct redraw *r, struct tape *t);

#endif
