/* Gates and states of a recurrent model as the panes of the tab and the command `gates` need
 * them: one layer, or one track of PEN4Rec's second stage, taken from an answer.  Screen
 * thread. */
#ifndef APP_VIEWS_GATE_MAPS_H
#define APP_VIEWS_GATE_MAPS_H

#include "app/views/view_util.h"

enum gate_kind { GATE_UPDATE, GATE_RESET, GATE_CAND, GATE_STATE, GATE_KINDS };
enum gate_sort { GATE_BY_MEMORY, GATE_BY_ACTIVITY, GATE_BY_EFFECT, GATE_SORTS };
extern const char *const gate_kinds[],
    *const gate_sorts
        []; /* "update", "reset", "candidate", "state"; "memory", "activity", "effect"; NULL-ended */
enum { GATE_LAYERS = 8 };
struct gates {
    bool ready;
    int64_t step;
    char scope[16],
        shown[GATE_KINDS]
             [24]; /* "gru1"; full names of the probes shown: "gru1.update", "s2.write" */
    int layers, layer, tracks, track; /* counted; shown, from 0 */
    int n, units;                     /* steps, that is items; numbers of a state */
    int32_t item[SEQ_MAX], first;
    float *x[GATE_KINDS]; /* (n, units) */
    bool keeps;           /* a high update gate keeps; else it overwrites */
    bool write;           /* the update shown is the share written: gate times relevance */
    int32_t top;          /* first choice and its probability (or score) */
    double base;
    bool softmax;
    /* (units): what the first choice loses while the unit is held at 0; NULL: not known */
    float *effect;
    struct patch *still; /* (units): a set each */
    char error[256];
};
void gates_done(struct gates *g);
void gates_ask(struct question *q);
/* Copies layer and track (from 1; 0, or more than there are: the last layer, the first
 * track); false = nothing to show. */
bool gates_take(struct gates *g, const struct app *a, int slot, int layer, int track,
                const struct answer *ans);
bool gates_ask_effects(struct gates *g, const struct app *a, int slot, struct question *q);
void gates_take_effects(struct gates *g, const struct answer *ans);
/* share of the unit that the item rewrites, 0..1 */
double gates_written(const struct gates *g, int step, int unit);
double gates_memory(const struct gates *g, int unit);   /* 1 / mean share written, in items */
double gates_activity(const struct gates *g, int unit); /* mean |change of the state| an item */
double gates_mean(const struct gates *g, enum gate_kind kind, int step);
double gates_moved(const struct gates *g, int step); /* length of the state's change */
/* the unit's state before the item: 0 before the first */
double gates_held(const struct gates *g, int step, int unit);
/* Item that moves the unit most, and how many later ones it then stays within half that jump
 * of where it was brought. */
int gates_set_by(const struct gates *g, int unit, double *jump, int *holds);
void gates_order(const struct gates *g, enum gate_sort sort, int *order);
/* "gru1.update.22" */
void gates_part(const struct gates *g, enum gate_kind kind, int unit, char *buf, size_t size);

#endif
