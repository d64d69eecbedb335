#include "tests/support/cloze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

void cloze_block(struct kit *k, struct block *b, const int32_t *item, int32_t n,
                 const int32_t *label)
{
    block_masked(b, item, n, &k->spec, k->mem);
    assert_int_equal(b->n, 1);
    if (!label)
        return;
    int32_t *target = arena_alloc(k->mem, ((size_t)b->n_query + 1) * sizeof *target);
    float *weight = arena_alloc(k->mem, ((size_t)b->n_query + 1) * sizeof *weight);
    assert_true(target && weight);
    for (int32_t q = 0; q < b->n_query; q++) {
        target[q] = label[q];
        weight[q] = 1 / (float)b->n_query;
    }
    b->target = target;
    b->weight = weight;
    b->n_target = 1;
}
