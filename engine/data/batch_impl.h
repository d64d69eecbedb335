/* What the kinds of batches share; private to engine/data/batch*.c. */
#ifndef ENGINE_DATA_BATCH_IMPL_H
#define ENGINE_DATA_BATCH_IMPL_H

#include "engine/data/batch.h"
#include "engine/data/negatives.h"

struct piece { /* one sample in a batch: items from..from+len-1 of a session */
    int32_t session, k, from, len; /* k: which of the session's samples */
    /* in the block; n_target: counted targets of all its queries */
    int32_t rows, n_query, n_target;
    int32_t aux; /* the kind's own: CLOZE what is hidden */
};

struct arrays { /* a block's arrays while they are written */
    int32_t *off, *session, *user, *item, *pos, *query, *query_session, *target;
    float *weight;
};

struct batch_ops {
    int32_t (*samples)(const struct batcher *b, int32_t session); /* how many a session gives */
    /* k-th sample of p->session */
    void (*piece)(const struct batcher *b, int32_t epoch, int32_t k, struct piece *p);
    /* Fills a block whose arrays are allocated: item, pos, query, query_session, target,
     * weight. */
    void (*fill)(const struct batcher *b, const struct batch *plan, const struct piece *p,
                 struct block *out, const struct arrays *a);
    /* Arrays that only this kind has, after fill; false = out of memory. */
    bool (*extra)(const struct batch_spec *s, struct block *out, struct arena *mem);
};
extern const struct batch_ops ops_sessions, ops_windows, ops_cloze, ops_prefixes;

struct lane {      /* BATCH_PARALLEL */
    int32_t k;     /* which session of the order; -1 = empty for the rest of the epoch */
    int32_t at;    /* next click to read */
    int64_t since; /* batches done when it took this session, with its state at zero */
};
struct lanes {
    int64_t step;      /* step these lanes are about to take; -1 = unknown */
    int32_t next;      /* next session of the order */
    struct lane *lane; /* (size) */
};

struct lane_draw {  /* PARALLEL, shuffle; arrays in one piece that begins at order */
    int32_t *order; /* (n_who) sessions in the order of `epoch` */
    int32_t *first; /* (n_who) in that of epoch 0: the lengths of all epochs */
    /* (n_who), (n_who), (longest+2) room for a draw */
    int32_t *drawn, *by_length, *from, longest;
    int64_t epoch;
};

struct batcher {
    const struct split *sp;
    struct batch_spec s;
    uint64_t seed;
    struct negatives *table;
    struct err trouble; /* of the last batcher_spec, reported by the next plan */

    int32_t n_who, *who;       /* sessions with two and more training items, rising */
    int64_t *first;            /* (n_who+1) number of the first sample of each */
    int32_t n_samples, *order; /* permutation of the present epoch */
    int64_t order_epoch, per_epoch, order_cap;

    /* the plan */
    struct batch plan;
    int32_t cap;                  /* pieces there is room for */
    struct piece *piece, *sorted; /* (n) in batch order; by shard, longest first */
    int32_t *shard_of;
    int32_t shard_first[BATCH_SHARDS + 1];
    int32_t part_first[BATCH_SHARDS + 1]; /* index into part_at */
    int32_t *part_at, *part_row;          /* first piece and first row of each part */
    int64_t n_counted;                    /* targets the loss averages over */
    /* (shared_cap) NEG_BATCH: this batch's draws; PARALLEL: its columns */
    int32_t *shared;
    int32_t shared_cap, n_shared;

    /* PARALLEL */
    struct lanes lanes; /* before the planned step */
    struct lanes after;
    int32_t lane_cap;
    int32_t *by_time; /* (n_who) sessions in training order */
    struct lane_draw draw;
};

enum { PART_ROWS = 512 };

/* n_target with its defaults, -1 = all later */
int32_t spec_targets(const struct batch_spec *s);
int32_t place_of(const struct batch_spec *s, int32_t t, int32_t len); /* position row */
/* Allocates what every block has.  False = out of memory, out is then empty. */
bool block_alloc(struct block *out, struct arrays *a, int32_t n, int32_t rows, int32_t n_query,
                 int32_t n_target, struct arena *mem);
bool graph_build(const struct batch_spec *s, struct block *out, struct arena *mem);
/* Distinct items of src[0..n) into out, in their order, 0 after them up to width; returns
 * how many. */
int32_t distinct_items(const int32_t *src, int32_t n, int32_t *out, int32_t width);

MUST_CHECK enum status parallel_prepare(struct batcher *b, struct err *err);
MUST_CHECK enum status parallel_plan(struct batcher *b, int64_t step, struct err *err);
void parallel_fill(const struct batcher *b, const struct batch *plan, const struct piece *p,
                   int32_t n, int shard, int part, struct arena *mem, struct block *out);

#endif
