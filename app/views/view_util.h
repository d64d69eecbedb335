/* What several views need.  Screen thread. */
#ifndef APP_VIEWS_VIEW_UTIL_H
#define APP_VIEWS_VIEW_UTIL_H

#include "app/settings.h"
#include "app/ui/canvas.h"
#include "app/ui_state.h"

#include <string.h>

enum { REST = 100000 }; /* a size for canvas_sub: all that is left */
/* Newest known of a slot: from the running trainer, else what the slot keeps. */
const struct series *slot_series(const struct app *a, int slot, const char *name);
/* its model has all these MODEL_ flags; false in an empty slot */
bool slot_has(const struct app *a, int slot, unsigned flags);
/* READY RUN PAUSED STEP REPLAY DONE FAILED, "" without a model */
const char *slot_state(struct app *a, int slot);
/* "d=64 L=2 H=2": what tells two models of a kind apart. */
void slot_brief(const struct app *a, int slot, char *buf, size_t size);
/* The distribution the model's loss is measured by: its floor on the planted data. */
enum floor_kind { FLOOR_NONE, FLOOR_SOFTMAX, FLOOR_BCE };
enum floor_kind slot_floor(const struct app *a, int slot);
/* An effect printed with three places: whether there is anything to see, and its colour
 * beside the largest one. */
bool effect_shown(double effect);
enum role effect_role(double effect, double largest);
/* The training loss is the mean -ln p(next item) of a click: validation, floor and baselines
 * are in the same unit. */
bool slot_loss_in_nats(const struct app *a, int slot);
/* with FLOOR_BCE */
double slot_bce_floor(const struct app *a, int slot, const struct ceiling *top);
/* What makes a step's loss one of a click: learners of several clicks a step sum over them
 * (bptt). */
double slot_loss_scale(const struct app *a, int slot);
/* Ceiling the screen's numbers are compared with, NULL: none. */
const struct ceiling *app_ceiling(const struct app *a);

/* Keys of a list: "Up".."HalfDown".  true = *at moved or could have; page: rows shown. */
bool list_key(const char *key, int *at, int n, int page);
/* Name without id for narrow places; "" without names. */
const char *item_name(const struct app *a, int32_t item);
/* "12 stool" in `width` columns from (row,col), id right-aligned in `id_width`.  Returns
 * columns used. */
int draw_item(const struct canvas *c, int row, int col, int width, int id_width, enum role role,
              const struct app *a, int32_t item);
/* columns of the largest id */
int item_digits(const struct app *a);
/* Spearman's rank correlation (mean ranks of ties) of n <= SEQ_MAX values; NaN below 3
 * values or without spread. */
double spearman(const double *x, const double *y, int n);
/* Probability of an item in row `row` of the scores, or its score where they are no
 * distribution; NaN: none. */
double answer_value(const struct answer *a, int32_t row, int32_t item);
int32_t answer_top(const struct answer *a, int32_t row); /* first of the list, ties by id */
/* Validation prefixes spread evenly over the list, items and lengths: at most max; returns
 * how many. */
int some_prefixes(const struct app *a, const int32_t **item, int32_t *len, int max);
/* fmt_fixed with + or - always: what changes stays in its columns */
char *signed_fixed(char out[FMT_NUM], double v, int decimals);
uint64_t sequence_hash(const struct sequence *s);
/* A line in the middle of an empty pane: what it would show, and what to do. */
void draw_empty(const struct canvas *c, const char *what, const char *todo);
/* sequence before the last edit, NULL = none */
const struct sequence *sequence_before(const struct app *a);
/* case-insensitive; "" is found nowhere */
bool find_in(const char *hay, const char *needle);
/* Log of the odds-free kind: x ln x with 0 at 0. */
double entropy_of(const double *p, int32_t n); /* nats, p[1..n] */

#endif
