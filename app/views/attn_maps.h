/* Attention maps as the three panes of the tab need them: taken from an answer, one map by
 * layer and head, the cell under the cursor, what a head mostly does.  Screen thread. */
#ifndef APP_VIEWS_ATTN_MAPS_H
#define APP_VIEWS_ATTN_MAPS_H

#include "app/views/view_util.h"

enum { ATTN_LAYERS = 16, ATTN_HEADS = 32 };
struct maps {
    bool ready;
    int64_t step;
    /* rows, cols: places; one more than items where a mask is appended */
    int layers, heads, rows, cols;
    int32_t n, item[SEQ_MAX], first;
    /* (layers, heads, rows, cols); score: before the softmax, may be NULL */
    float *prob, *score;
    size_t room;
    bool causal; /* nothing above the diagonal */
    char error[256];
};
void attn_done(struct maps *m);
/* copies; false = nothing to show, error may say why */
bool attn_take(struct maps *m, const struct answer *a);
size_t attn_at(const struct maps *m, int layer, int head); /* offset of a map; both from 0 */
/* One map of (rows, cols) as the selection says: head 1.., 0 the mean, -1 the maximum over
 * heads. */
void attn_map(const struct maps *m, int layer, int head, float *out);
/* Rollout to a layer: half of each layer's mean map, half the residual path, multiplied
 * through.  A heuristic (Abnar & Zuidema 2020). */
bool attn_rollout(const struct maps *m, int layer, float *out);
/* What a head mostly does: the largest share of mass among first item, previous item, itself
 * and the same item earlier, over all rows with a choice; "uniform" when rows are nearly
 * even, "mixed" when no share reaches .3.  entropy: mean over rows, nats. */
const char *attn_role(const struct maps *m, const float *x, double *share, double *entropy);
bool attn_ask(struct view *v, int which, struct view_ask *ask);
int attn_layer(const struct maps *m, const struct ui_select *s); /* from 0 */
/* from 1; 0 mean, -1 maximum */
int attn_head(const struct maps *m, const struct ui_select *s);
void attn_cell(const struct maps *m, const struct ui_select *s, int *row, int *col);
/* the head chosen, as `ablate` names it */
bool attn_part(const struct view *v, const struct maps *m, char *buf, size_t size);
bool attn_move(struct view *v, const struct maps *m, const char *key);
/* All heads, small, with what they mostly do. */
void attn_draw_heads(const struct view *v, struct canvas *c, const struct maps *m);

#endif
