/* Batchers for tests: over a data set written out by hand, and over a generated world. */
#ifndef TESTS_SUPPORT_BATCH_RIG_H
#define TESTS_SUPPORT_BATCH_RIG_H

#include "engine/data/batch.h"

struct hand {
    struct dataset ds;
    struct split *sp;
    struct batcher *b;
    struct arena *mem;
    int64_t off[64];
    int32_t item[4096];
    int64_t ts[4096];
};

/* "1 2 3;4 5": two sessions; start: their first time stamps, or NULL. */
struct hand *hand_new(int32_t n_items, const char *sessions, const int64_t *start);
void hand_split(struct hand *h); /* everything trains */
struct hand *hand_batch(int32_t n_items, const char *sessions, const struct batch_spec *s);
void hand_free(struct hand *h);

struct rig {
    struct dataset *ds;
    struct split *sp;
    struct batcher *b;
    struct arena *mem;
};

struct rig rig_new(const char *name, int32_t sessions, const struct batch_spec *s);
void rig_free(struct rig *r);

struct batch plan_at(struct batcher *b, int64_t step);
/* Calls fn for every block of the batch. */
void each_block(struct batcher *b, int64_t step, struct arena *mem,
                void (*fn)(const struct block *, void *), void *ctx);

#endif
