/* From sessions to batches: a plan (who is in, which shard, normalisers), made by one thread, and the filling of blocks,
 * by any worker.  Draws are keyed by (seed, epoch or step, session, place): any worker can fill any shard, and nothing is stored
 * but (epoch, batch in the epoch). */
#ifndef ENGINE_DATA_BATCH_H
#define ENGINE_DATA_BATCH_H

#include "engine/data/block.h"
#include "engine/data/split.h"

enum { BATCH_SHARDS = 8 };   /* fixed: the sum of shard gradients has one order, so bits do not depend on threads */
enum batch_kind { BATCH_SESSIONS, BATCH_WINDOWS, BATCH_PARALLEL, BATCH_CLOZE, BATCH_PREFIXES };
enum pos_kind { POS_FROM_START, POS_FROM_END }; /* t, or max_len - len + t: the newest item reads max_len - 1 */
enum neg_cols { NEG_QUERY, NEG_SESSION, NEG_BATCH };
struct batch_spec {
    enum batch_kind kind;
    enum pos_kind pos;
    enum neg_cols neg_cols;
    int32_t size, max_len, n_target, n_neg, k_max, cap;
    int32_t bptt;               /* BATCH_PARALLEL: clicks a lane in one block */
    float neg_alpha;            /* popularity^alpha; 0 = even */
    float rho, p_last, p_tail;  /* cloze */
    bool neg_reject;            /* never an item of the session's training part; at most 50 tries, then accepted */
    bool neg_distinct;          /* without replacement (NEG_SESSION) */
    bool logq;                  /* fill block.logq */
};
struct batch {
    int64_t step, epoch_step;
    int32_t epoch;
    int32_t n_session, n_row, n_query;   /* in the whole batch */
    int32_t n_part[BATCH_SHARDS];        /* blocks each shard is worked off in: about 512 rows each, cut by lengths alone */
    int64_t cost[BATCH_SHARDS];          /* for handing out: longest first */
};
struct batcher;
MUST_CHECK enum status batcher_new(struct batcher **out, const struct split *sp, const struct batch_spec *s, uint64_t seed, struct err *err);
void batcher_free(struct batcher *b);
MUST_CHECK enum status batcher_clone(struct batcher **out, const struct batcher *b, struct err *err);
void batcher_spec(struct batcher *b, const struct batch_spec *s);   /* live settings; from the next plan on */
int64_t batcher_per_epoch(const struct batcher *b);                 /* batches an epoch */
/* Plans batch number `step` (0-based over the whole run): a function of (seed, step) alone for the kinds without carried
 * state, so going back needs no more than the number.  Allocates nothing after the first epoch. */
MUST_CHECK enum status batcher_plan(struct batcher *b, int64_t step, struct batch *out, struct err *err);
void batch_fill(const struct batcher *b, const struct batch *plan, int shard, int part, struct arena *mem, struct block *out);
/* A typed session (or several prefixes): rows without targets, query = last row of each. */
void block_one(struct block *out, const int32_t *item, int32_t n, const struct batch_spec *s, struct arena *mem);
void block_many(struct block *out, int32_t n, const int32_t *const *item, const int32_t *len, const struct batch_spec *s, struct arena *mem);
/* What a batcher needs beyond seed and step to go on (BATCH_PARALLEL's lanes); empty for the others. */
const void *batcher_state(const struct batcher *b, size_t *size);
MUST_CHECK enum status batcher_restore(struct batcher *b, const void *state, size_t size, struct err *err);

#endif
