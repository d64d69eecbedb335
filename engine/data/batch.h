/* From sessions to batches: a plan (who is in, which shard, normalisers), made by one thread, and the filling of blocks,
 * by any worker.  Draws are keyed by (seed, epoch or step, session, place): any worker can fill any shard, and nothing is stored
 * but (epoch, batch in the epoch).
 *
 * A sample, by kind; sessions with fewer than two training items give none:
 *   SESSIONS  one a session: its last max_len+1 training items; inputs all but the last, targets what comes next
 *   WINDOWS   exactly max_len rows (id 0 fills up on the left) and n_target items after them: all full windows, stride 1, a
 *             short session one; with `prefixes` one window for every next item
 *   CLOZE     one a session: a window of at most max_len items, some of them hidden; the hidden are the queries.  With `dupe`
 *             every window dupe + 1 times, hidden once and for all, and in one order for all epochs
 *   PREFIXES  one for every next item: the max_len items before it, their graph, one query
 *   PARALLEL  no samples: `size` lanes, each reading its session click by click; sessions in order of their first time stamp,
 *             the same in every epoch, or drawn for each (`shuffle`)
 * The others are shuffled anew for every epoch (a permutation keyed by seed and epoch), and the last, smaller batch of an epoch is
 * trained too. */
#ifndef ENGINE_DATA_BATCH_H
#define ENGINE_DATA_BATCH_H

#include "engine/data/block.h"
#include "engine/data/split.h"

/* fixed: the sum of shard gradients has one order, so bits do not depend on threads */
enum { BATCH_SHARDS = 8 };
enum batch_kind { BATCH_SESSIONS, BATCH_WINDOWS, BATCH_PARALLEL, BATCH_CLOZE, BATCH_PREFIXES };
/* t, or max_len - len + t: the newest item reads max_len - 1 */
enum pos_kind { POS_FROM_START, POS_FROM_END };
enum neg_cols { NEG_QUERY, NEG_SESSION, NEG_BATCH };
/* A query with several targets: the head takes the mean over them, |Y| below is their
 * number. */
enum weight_kind {
    WEIGHT_MEAN, /* |Y| / all counted targets of the batch: 1/M with one target a query */
    WEIGHT_SESSION, /* |Y| / (sessions in the batch * |Y of the session's first row|): sum over time (SVAE) */
    WEIGHT_SESSION_MEAN, /* the same divided by the session's rows: mean over time */
};
struct batch_spec {
    enum batch_kind kind;
    enum pos_kind pos;
    enum neg_cols neg_cols;
    enum weight_kind weight; /* PARALLEL: always 1/size, whoever is still alive */
    /* samples or lanes a batch; 0 = no limit (SESSIONS, PARALLEL) */
    int32_t size, max_len;
    /* items ahead that count as targets; 0 = 1; -1 = all later ones (SESSIONS) */
    int32_t n_target;
    int32_t n_neg, k_max, cap;
    int32_t bptt;              /* PARALLEL: clicks a lane in one block; 0 = 1 */
    int32_t mask_item;         /* CLOZE: the id of the mask, n_items + 1 */
    float neg_alpha;           /* popularity^alpha; 0 = even */
    float rho, p_last, p_tail; /* CLOZE: share hidden, odds of last-only and of tail samples */
    /* CLOZE: windows of a long session start this share of max_len apart; 0 = .5 */
    float window_prop;
    /* CLOZE: > 0: places are drawn once, not every epoch: dupe copies of each window and one
     * with its last hidden */
    int32_t dupe;
    /* CLOZE: share of the chosen places that are not hidden: half keep their item, half read
     * another */
    float mask_other;
    /* never an item of the session's training part; at most 50 tries, then accepted */
    bool neg_reject;
    /* CLOZE: validation items train too; what validates then is known */
    bool with_valid;
    bool neg_distinct; /* without replacement, within a query or session */
    bool logq;         /* fill block.logq, block.logpop */
    bool prefixes;     /* WINDOWS: every next item, not full windows only */
    bool edge_count;   /* PREFIXES: edges weighted by how often they occur */
    bool file_order;   /* PARALLEL: sessions by number, not by time */
    bool shuffle;      /* PARALLEL: sessions in an order drawn for each epoch */
};
struct batch {
    int64_t step, epoch_step;
    int32_t epoch;
    int32_t n_session, n_row, n_query; /* in the whole batch */
    /* blocks each shard is worked off in: about 512 rows each, cut by lengths alone */
    int32_t n_part[BATCH_SHARDS];
    int64_t cost[BATCH_SHARDS]; /* for handing out: longest first */
};
struct batcher;
MUST_CHECK enum status batcher_new(struct batcher **out, const struct split *sp,
                                   const struct batch_spec *s, uint64_t seed, struct err *err);
void batcher_free(struct batcher *b);
MUST_CHECK enum status batcher_clone(struct batcher **out, const struct batcher *b,
                                     struct err *err);
/* live settings; from the next plan on */
void batcher_spec(struct batcher *b, const struct batch_spec *s);
int64_t batcher_per_epoch(const struct batcher *b); /* batches an epoch */
/* Plans batch number `step` (0-based over the whole run): a function of (seed, step) and the
 * present spec alone, so going back needs no more than the number.  Allocates nothing after
 * the first epoch unless the spec grows. */
MUST_CHECK enum status batcher_plan(struct batcher *b, int64_t step, struct batch *out,
                                    struct err *err);
/* PARALLEL: what a lane goes on with after the planned batch.  session -1: none is left in
 * this epoch; at: clicks of it read so far; since: batches done when it took it up, with its
 * state at zero.  false: no such lane, or another kind. */
struct batch_lane {
    int32_t session, at;
    int64_t since;
};
bool batcher_lane(const struct batcher *b, int32_t lane, struct batch_lane *out);
/* Any worker, after the plan; `plan` is the latest.  Out of memory: out->n = 0 and out->off
 * = NULL. */
void batch_fill(const struct batcher *b, const struct batch *plan, int shard, int part,
                struct arena *mem, struct block *out);
/* A typed session (or several prefixes): rows without targets, query = last row of each; an
 * empty one has no row and no query (WINDOWS: a window of zeros; CLOZE: the mask
 * alone).  CLOZE appends one mask.  Out of memory: as batch_fill. */
void block_one(struct block *out, const int32_t *item, int32_t n, const struct batch_spec *s,
               struct arena *mem);
void block_many(struct block *out, int32_t n, const int32_t *const *item, const int32_t *len,
                const struct batch_spec *s, struct arena *mem);
/* CLOZE: k masks appended instead of one, each a query (several steps ahead); k >= 1. */
void block_tail(struct block *out, const int32_t *item, int32_t n, int32_t k,
                const struct batch_spec *s, struct arena *mem);
/* CLOZE: nothing appended; rows that hold s->mask_item are the queries (fill-in). */
void block_masked(struct block *out, const int32_t *item, int32_t n, const struct batch_spec *s,
                  struct arena *mem);
/* What a batcher needs beyond seed and step to go on; empty for every kind, since PARALLEL's
 * lanes follow from the step too. */
const void *batcher_state(const struct batcher *b, size_t *size);
MUST_CHECK enum status batcher_restore(struct batcher *b, const void *state, size_t size,
                                       struct err *err);

#endif
