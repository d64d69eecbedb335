/* The scores of all items after a sequence, kept by a view, and their order.  Screen thread. */
#ifndef APP_VIEWS_SCORES_H
#define APP_VIEWS_SCORES_H

#include "app/views/view_util.h"

struct scores {
    bool ready, softmax, sigmoid;
    int64_t step;
    int32_t n_items, first; /* first: items cut off because of the window */
    float *score, *prob;    /* (n_items + 1), heap; prob: softmax of score */
    char error[256];
};
void scores_done(struct scores *s);
/* first row of an answer; false: nothing to show, error may say why */
bool scores_take(struct scores *s, const struct answer *a);
/* Order by score, ties by id, as everywhere; what is not a number comes last.  order
 * (n_items) and rank (n_items + 1; 1 = best) are heap arrays of the caller, grown as needed. */
bool scores_rank(const struct scores *s, int32_t **order, int32_t **rank);
/* Odds of one item by a row of logits, or its score where they are no distribution; NaN for
 * an id out of range. */
double item_prob(const float *score, int32_t n_items, int32_t item, bool softmax);

#endif
