/* Which events train, which are asked.  Two kinds: leave-one-out on user histories (last
 * item test, the one before validation, the rest training) and by session number (80 %
 * training, 10 % validation, 10 % test; every next item of the held-out sessions is asked
 * from its prefix alone; where the data came with test sessions of their own, those are the
 * test part and the last tenth of the others validates).
 *
 * An event whose item never occurs in training is not asked (counted in n_unseen), as these
 * protocols have it; leave-one-out asks it.  Cases flagged WF_START are in the list, for who
 * wants them; the default questions (eval.h) pass over them. */
#ifndef ENGINE_DATA_SPLIT_H
#define ENGINE_DATA_SPLIT_H

#include "engine/data/dataset.h"
#include "engine/data/world.h"

/* SPLIT_LEAVE_K_OUT: as leave-one-out with k items for the test and the k before them for
 * validation, for predicting several steps ahead; users with fewer than 2 k + 2 items train
 * whole.
 * Two more for comparing with published numbers.  SPLIT_RATIO (Caser): of each user the
 * first 70 % train, the next 10 % are validation, the last 20 % test; all of them are asked
 * from where training (for test: validation) ends.  SPLIT_USERS (SVAE): a tenth of the users
 * is test, a tenth validation, chosen by a fixed shuffle; the first 80 % of a held-out
 * user's items are given, the rest is asked; what never occurs in training is not counted,
 * and held-out users under 5 items are not asked. */
enum split_kind {
    SPLIT_LEAVE_ONE_OUT,
    SPLIT_SESSIONS,
    SPLIT_RATIO,
    SPLIT_USERS,
    SPLIT_LEAVE_K_OUT
};
enum split_part { PART_TRAIN, PART_VALID, PART_TEST };

struct eval_case { /* "after the first n_prefix items of session, what is next?" */
    int32_t session, n_prefix, target;
    uint8_t flag; /* enum world_flag of the target's event */
};
struct split {
    enum split_kind kind;
    /* by session number: of the sessions (with test sessions of their own: of the others) */
    int32_t valid_percent;
    /* items of a history held out for each part: 1, leave-k-out's k; 0: otherwise */
    int32_t k;
    char name[64]; /* "by session number, 80 / 10 / 10 %" */
    const struct dataset *ds;
    /* (n_sessions) events of the session that train, from its start; 0 = none */
    int32_t *train_len;
    int32_t n_train; /* sessions with train_len >= 2 */
    int64_t n_train_events;
    int64_t n_valid, n_test;
    /* held-out events not asked: their item is not in training (leave-one-out, leave-k-out:
     * 0) */
    int64_t n_unseen;
    struct eval_case *valid, *test;
    int64_t *train_pop; /* [0..n_items] events of each item in training */
    /* (n_sessions) enum split_part of each session; leave-one-out and ratio: all PART_TRAIN */
    uint8_t *part;
};
/* out[1..n_items]: log of (events in training + smooth) over their sum; out[0] = -inf. */
void split_log_popularity(const struct split *s, double smooth, double *out);
MUST_CHECK enum status split_new(struct split **out, const struct dataset *ds,
                                 enum split_kind kind, struct err *err);
/* By session number with another share of sessions for validation than SPLIT_VALID: 0 trains
 * on all that is not test, as published figures of SR-GNN and GRU4Rec do; nothing then stops
 * or chooses.  ST_ARG: outside 0..SPLIT_VALID_MAX. */
enum { SPLIT_VALID = 10, SPLIT_VALID_MAX = 50 };
MUST_CHECK enum status split_sessions(struct split **out, const struct dataset *ds,
                                      int32_t valid_percent, struct err *err);
/* leave-k-out; ST_ARG: k < 1, or nobody has as many */
MUST_CHECK enum status split_leave(struct split **out, const struct dataset *ds, int32_t k,
                                   struct err *err);
void split_free(struct split *s);
/* Items from..to-1 of the session are held out for that part, what stands before them is
 * given.  false: none. */
bool split_held(const struct split *sp, int32_t session, enum split_part part, int32_t *from,
                int32_t *to);
/* Events of the session up to the end of its validation part: what trains when validation
 * items may; where nothing of it validates, train_len. */
int32_t split_valid_len(const struct split *sp, int32_t session);
/* as typed: "leave-one-out"; in the order of enum split_kind, NULL-terminated */
extern const char *const split_words[];

#endif
