/* Sessions with hidden items for a kit: what BATCH_CLOZE makes, by hand. */
#ifndef TESTS_SUPPORT_CLOZE_H
#define TESTS_SUPPORT_CLOZE_H

#include "tests/support/kit.h"

/* One session as it is read, n items; the rows that hold the mask (k->spec.mask_item) are
 * the queries.  label: what is right there, in order, weight 1/queries; NULL: nothing to
 * learn. */
void cloze_block(struct kit *k, struct block *b, const int32_t *item, int32_t n,
                 const int32_t *label);

#endif
