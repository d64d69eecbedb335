/* Questions about a published model, answered by pure functions of (weights, sequence,
 * options): what a view, `predict`, `why` and a headless script show.  No thread here:
 * explorer.h runs these on its own. */
#ifndef ENGINE_TRAIN_EXPLORE_H
#define ENGINE_TRAIN_EXPLORE_H

#include "engine/train/eval.h"

enum ask_kind {
    ASK_SCORE,  /* scores of all items after the sequence, or see `popular` */
    ASK_PROBES, /* the same, with copies of the probes whose names match (comma-separated patterns, '*' any part) */
    ASK_OCCLUDE, /* scores with each item left out, of a window its row blanked: (n, n_items+1), row i = without item i */
    ASK_PREFIXES, /* scores after each prefix, the oldest of its own items cut: (n, n_items+1) */
    ASK_GRADIENT, /* gradient of the target item's score with respect to each input row times that row: (n) */
    ASK_VARIANTS, /* several sequences at once */
    ASK_TAIL, /* scores of `ahead` hidden places after the sequence: (ahead, n_items+1); models that fill in */
    ASK_FILL, /* scores of the hidden places of the sequence, nothing appended: (hidden, n_items+1); models that fill in */
    ASK_RANKS, /* ranks of the targets of held-out cases, a part of an evaluation (eval_ranks_part) */
    ASK_PATCHES, /* the sequence under each of n_set sets of patches: (n_set, n_items+1) */
    ASK_STATES, /* n_variant sequences: the last row of each of the probes, side by side: value (n_variant, n_col) */
    ASK_PROJECT, /* the scored item table on its first two principal components: value (n_items+1, 4): x, y, norm of each item and its
                      cosine with item `target`, in row 0 of the state after the sequence (NaN: none) brought to the items' mean
                      norm; share[2]: of the variance */
    ASK_LANES,   /* session-parallel training: lanes after the latest batch */
    ASK_RUNS, /* of a filter over rows (params "TABLE,FILTERS,BIAS", number `target`): the k runs of items in training that it
                      answers most to, and what came next */
};
enum { RUN_ITEMS = 50, RUNS_MAX = 16 };
struct run_found {
    int32_t item[RUN_ITEMS]; /* oldest first, as many as the filter is high */
    float value;             /* its answer before the activation */
    /* occurrences followed by something; what most often, how often */
    int32_t count, next, next_count;
};
struct probe_copy {
    char name[64];
    int32_t nd, d[TENSOR_MAX_DIM]; /* packed, without filler */
    float *x, *g;                  /* g may be NULL */
    int64_t step;
};
struct question {
    enum ask_kind kind;
    /* items in the sequence; longer than the window: the oldest are cut */
    int32_t n;
    const int32_t *item;
    /* ASK_SCORE: an empty sequence is no error but answered by popularity in training: log
     * odds, every item counted once more, whatever the model */
    bool popular;
    const char *probes; /* ASK_PROBES, ASK_STATES; may be NULL */
    /* ASK_PROBES: parameters copied beside the probes, by such patterns; ASK_RUNS; may be
     * NULL */
    const char *params;
    /* ASK_GRADIENT, ASK_OCCLUDE: the item asked about (0: the first of the list); ASK_RUNS:
     * filter, from 0 */
    int32_t target;
    int32_t k; /* ASK_RUNS */
    /* in force for every kind but ASK_GRADIENT, which then refuses */
    const struct patch *patch;
    int32_t n_patch, n_set; /* n_set: ASK_PATCHES */
    int32_t n_variant;      /* ASK_VARIANTS */
    const int32_t *const *variant;
    const int32_t *variant_n;
    int32_t ahead;         /* ASK_TAIL */
    struct eval_spec eval; /* ASK_RANKS */
    int64_t from, n_case;  /* ASK_RANKS: these cases */
    uint64_t tag;          /* the asker's own mark, handed back with the answer */
};
struct answer {
    int64_t step;
    /* items used, first of them in the sequence (what was cut off), catalogue */
    int32_t n, first, n_items;
    const int32_t *item; /* (n) */
    int32_t n_row;
    const float *score; /* (n_row, n_items+1); column 0 is -INFINITY */
    const float *value; /* ASK_GRADIENT: (n); ASK_STATES, ASK_PROJECT: (.., n_col) */
    int32_t n_col;
    float share[2]; /* ASK_PROJECT */
    int32_t n_lane; /* ASK_LANES; 0: the model does not train so */
    const struct batch_lane *lane;
    int32_t n_run, run_len; /* ASK_RUNS */
    const struct run_found *run;
    /* ASK_PREFIXES: (n_row, n_state) the vectors that the rows' scores are read from; NULL:
     * the model shows none */
    int32_t n_state;
    const float *state;
    bool softmax; /* scores are logits of a distribution over all items */
    bool sigmoid; /* trained by sigmoids: each is an item's own odds, no distribution */
    bool popular; /* they are popularity, not the model's */
    int32_t n_probe;
    const struct probe_copy *probe;
    int64_t n_rank; /* ASK_RANKS */
    const struct rank_obs *rank;
    uint64_t tag;
    struct err err;
};
/* has the sequence or the variants its kind needs */
bool question_complete(const struct question *q);
/* An ASK's own memory: tape, arenas.  One thread at a time.  The answer lives in it until
 * the next question. */
struct explore;
MUST_CHECK enum status explore_new(struct explore **out, struct err *err);
void explore_free(struct explore *e);
const struct answer *explore_ask(struct explore *e, const struct weights *w,
                                 const struct question *q, const volatile bool *cancel);

/* Best k of a score row: rank order, ties by id; skip (may be NULL, n_skip items) are left
 * out.  Returns how many. */
int32_t top_items(const float *score, int32_t n_items, int32_t k, const int32_t *skip,
                  int32_t n_skip, int32_t *item, float *s);
int32_t item_rank(const float *score, int32_t n_items, int32_t item); /* from 1, ties by id */
float sigmoid_of(float score);
void softmax_row(const float *score, int32_t n_items, float *prob); /* prob[0] = 0 */
const struct probe_copy *answer_probe(const struct answer *a, const char *name);

#endif
