/* The tracks of one run of PEN4Rec, click by click: what its pane draws and `evolve`
 * prints.  Screen thread. */
#ifndef APP_VIEWS_LANES_H
#define APP_VIEWS_LANES_H

#include "app/views/evolve.h"

enum lane_row {
    LANE_ALPHA,
    LANE_ATT,
    LANE_WRITE,
    LANE_SHARE,
    LANE_CHANGE,
    LANE_COS,
    LANE_ROWS
};
extern const struct lane_name {
    const char *name, *brief, *key; /* "stage 2 relevance", "2 relevance", "relevance" */
} lane_names[LANE_ROWS];
#define LANE_PROBES "s1.alpha,s2.att,s2.write,s2.state,fuse.beta"

struct lanes {
    bool ready, has[LANE_ROWS];
    int64_t step;
    /* clicks read, first of them in the sequence; tracks; units */
    int32_t n, first, k, d, item[SEQ_MAX];
    float *x, *units; /* (LANE_ROWS, k, n); writes (k, n, d) */
    /* (k) share of the track in the preference; of its first state still there */
    double *beta, *left;
    char error[256];
};
void lanes_done(struct lanes *l);
/* an answer to ASK_PROBES with LANE_PROBES */
bool lanes_take(struct lanes *l, const struct answer *a);
float *lane_row(const struct lanes *l, enum lane_row r, int track); /* (n) */
/* The click whose item a track is keyed by: the last k distinct items, or the last k clicks;
 * -1: one track for their mean. */
int track_click(const struct app *a, const struct lanes *l, int track);

#endif
