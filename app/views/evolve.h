/* What the panes of the tab Evolution share: the columns of clicks, followed items, the turn
 * of the replayed session, the planted switch. Screen thread. */
#ifndef APP_VIEWS_EVOLVE_H
#define APP_VIEWS_EVOLVE_H

#include "app/views/view_util.h"

enum { EVOLVE_FOLLOW = 8 };

/* Clicks as columns: the last ones that fit, those about the cursor when it stands further
 * left. */
struct click_cols {
    int label, width; /* columns of the labels on the left; of a click */
    int from, shown;  /* first click shown, how many */
};
void click_cols(struct click_cols *k, const struct app *a, int cols, int n, int cursor,
                int label);
int click_col(const struct click_cols *k, int click); /* its first column; -1: not shown */
/* A number in a click's column, shaded by its share of `full`; full 0: plain; NaN: "-". */
void click_value(const struct canvas *c, int row, int col, const struct click_cols *k, double x,
                 double full);
/* The ids above the columns; the one under the cursor in reverse. */
void click_ids(const struct canvas *c, int row, const struct click_cols *k, const struct app *a,
               const int32_t *item, int n, int first);

/* Replay: the model after each prefix. */
struct replay {
    bool ready, has_state;
    int64_t step;
    int32_t n, first, n_items, item[SEQ_MAX];
    /* 1 - cos(s_t, s_t-1) of the vectors scored against the items; NaN at 0 */
    double drift[SEQ_MAX];
    int32_t next_rank[SEQ_MAX]; /* of the click that came next; 0: none */
    double next_prob[SEQ_MAX];  /* NaN where scores are no distribution */
    int32_t top[SEQ_MAX];       /* first choice after each click */
    int turn; /* click (from 0) that opens the second part of the best split, -1: none */
    int n_follow;
    int32_t follow[EVOLVE_FOLLOW], rank[EVOLVE_FOLLOW][SEQ_MAX];
    int32_t follow_now[EVOLVE_FOLLOW]; /* rank after the last click, for lists */
    char error[256];
};
/* From an answer to ASK_PREFIXES.  n_follow 0: the first three after the last click. */
bool replay_take(struct replay *r, const struct answer *a, const int32_t *follow, int n_follow);
/* The best split of n unit-length vectors in two: the c that maximises |mean(first c) -
 * mean(rest)| sqrt(c (n - c) / n); 0: none. */
int best_split(const float *x, int n, int d);
/* Memory of n clicks by what each wrote, write (n,d): share_t = write_t prod_{s>t} (1 -
 * write_s) in each dimension, so that shares and what is left of the first state sum to
 * 1.  gate, share: (n) means over d; returns what is left. */
double memory_shares(const float *write, int n, int d, float *gate, float *share);
double cosine(const float *x, const float *y, int d); /* NaN when a norm is under 1e-8 */
double
replay_turn_cos(const struct replay *r); /* cos between the vectors on both sides of the turn */
/* The two sides differ clearly: else the best split is no turn to speak of. */
bool replay_turns(const struct replay *r);

/* The planted switch: the session of the data that begins with this sequence, in a world
 * whose interest moves. */
struct planted_switch {
    bool world; /* the data are of such a world */
    bool known; /* the sequence is one of theirs */
    /* click (from 0) that belongs to the new interest; -1: it moves later than these clicks,
     * or not at all */
    int at;
    int32_t before, after; /* departments */
};
void planted_switch(const struct app *a, const struct sequence *s, struct planted_switch *out);

/* Width of the labels in a pane that wide: panes one above the other have the same columns. */
int evolve_label(const struct app *a, int cols);
/* the current model has tracks whose gates can be drawn */
bool shows_evolution(const struct app *a);
/* Of the pane `ranks`: what is followed, shown by letters in other panes. */
const struct replay *evolve_replay(const struct ui *u);
int follow_letter(const struct replay *r, int32_t item); /* 'A'.., 0: not followed */

#endif
