/* The sides of the tab Compare, as its panes need them: which parameters each stands for
 * now, what it is called, and the two lists or ranks that are measured against each
 * other.  Screen thread. */
#ifndef APP_VIEWS_SIDES_H
#define APP_VIEWS_SIDES_H

#include "app/views/view_util.h"

struct side {
    int slot;
    bool own_time; /* a step of its own: the time keys leave it alone */
    /* of its parameters; the step asked for when that one is not kept, else -1 */
    int64_t step, wanted;
    struct weights *w; /* a reference */
};
struct sides {
    int n, against; /* against: measured against side 0 */
    struct side side[UI_COMPARED];
};
/* Resolves the sides at the time viewed; sides_done gives the references back.  n == 0: no
 * model yet. */
void sides_take(const struct ui *u, struct sides *s);
void sides_done(struct sides *s);
/* Writes what the screen chose into ui->compare, so that it can be changed. */
void sides_fix(struct ui *u);
int sides_count(const struct ui *u); /* without resolving */
/* "A SASRec @1840"; with its time: "A SASRec @1024 (nearest to 1100)". */
void side_title(const struct app *a, const struct side *s, char *buf, size_t size);
/* What tells its settings from those of the others: "lr=0.001 fork of A at 1280", or what
 * sizes it has. */
void side_brief(const struct app *a, const struct sides *s, int i, char *buf, size_t size);

/* Length of lists and cut-off of metrics. */
int compare_k(const struct ui *u);
/* metrics are the styles of the tab's panes */
bool compare_style(struct ui *u, const char *name);
/* The next held-out question, after the one the sequence came from, on which the first side
 * and the one it is measured against disagree. Returns its number, and the name of the side
 * that is right; -1 with err: not evaluated yet, or they agree on all. */
int64_t cases_next_disagreement(struct app *a, struct eval_case *out, char *right, size_t size,
                                struct err *err);

#endif
