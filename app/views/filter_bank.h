/* Caser's filters as the panes of the tab and the command `filters` need them: taken from an
 * answer.  Horizontal filters are numbered by height and then as they stand in their matrix,
 * vertical ones follow.  Screen thread. */
#ifndef APP_VIEWS_FILTER_BANK_H
#define APP_VIEWS_FILTER_BANK_H

#include "app/views/view_util.h"

enum { BANK_ROWS = 50, BANK_PATHS = 3 };
enum bank_path { PATH_HORIZONTAL, PATH_VERTICAL, PATH_USER };
enum bank_sort { BANK_NUMBER, BANK_ACT, BANK_NORM, BANK_EFFECT, BANK_SORTS };
extern const char *const bank_sorts[]; /* "number", "act", ... */
struct bank {
    bool ready;
    int64_t step;
    /* rows of the window, empty ones before the first item; filters of a height; all */
    int rows, fill, heights, per, n_h, n_v, d;
    int32_t item[BANK_ROWS], first; /* of the window, 0 where it is filled up */
    int32_t n_items, top;           /* first choice and its probability (or score) */
    double base, score;
    bool softmax, has_user;
    /* (n_h, rows) answers by window start; (n_h); (n_v, rows); (n_h + n_v) of the weights */
    float *act, *win, *weight, *norm;
    float *kernel; /* (n_h) filters one after another, (height, d) each, at kernel_at */
    float *bias;   /* (n_h + n_v) */
    /* (n_h + n_v): what the first choice loses when silent; NULL: not known yet */
    float *effect;
    double path[BANK_PATHS]; /* what its score loses without that path */
    bool has_path;
    struct patch *silent; /* (n_h + n_v + heights + 2): set by set, what ASK_PATCHES puts in */
    int n_silent, n_set;
    char error[256];
};
void bank_done(struct bank *b);
void bank_ask(struct question *q); /* the filters themselves */
/* copies; false = nothing to show, error may say why */
bool bank_take(struct bank *b, const struct answer *a);
/* What silencing each filter does: `only` (from 0) for one, -1 for all; then each
 * path.  false = not known yet what to ask. */
bool bank_ask_effects(struct bank *b, const struct app *a, int slot, int only,
                      struct question *q);
void bank_take_effects(struct bank *b, int only, const struct answer *a);
int bank_height(const struct bank *b, int filter); /* of a horizontal one */
int bank_places(const struct bank *b, int filter);
/* what the model keeps: the largest answer */
double bank_max(const struct bank *b, int filter);
const float *bank_kernel(const struct bank *b, int filter);
/* Filters lo..hi-1 in the order asked for, largest first. */
void bank_order(const struct bank *b, enum bank_sort sort, int lo, int hi, int *order);
/* "filter.4", "vertical.2" */
void bank_part(const struct bank *b, int filter, char *buf, size_t size);
/* For ASK_RUNS of a horizontal filter. */
void bank_runs(const struct bank *b, int filter, char *params, size_t size, int32_t *number);

#endif
