/* The latent units of SVAE at the last item of the sequence, what the user moved them to,
 * and the item table on two components, as the panes of the tab Latent and the command
 * `latent` need them.  Screen thread. */
#ifndef APP_VIEWS_LATENT_SPACE_H
#define APP_VIEWS_LATENT_SPACE_H

#include "app/views/view_util.h"

struct latent {
    bool ready;
    int64_t step;
    int units;
    float *mu, *sigma, *kl, *z; /* (units) after the last item; z: what the model decodes */
    struct patch *patch;        /* room for latent_ask_moved */
    int room;
    char error[256];
};
void latent_done(struct latent *l);
void latent_ask(struct question *q);
bool latent_take(struct latent *l, const struct answer *a);
/* What is decoded now: moved by hand, else drawn (number `draw` > 0), else as the model
 * does. */
double latent_now(const struct latent *l, const struct ui_latent *m, uint64_t seed, int unit);
/* Scores with unit `unit` at each of n values, the others as they are now. */
bool latent_ask_moved(struct latent *l, const struct app *a, int slot,
                      const struct ui_latent *m, int unit, const double *value, int n,
                      struct question *q);
void latent_move(struct ui_latent *m, int unit, double value);

/* Mutual information, in nats, of a number and a class over n pairs, the number in 8 bins of
 * equal count, less the bias of finite counts (Miller and Madow 1955); *entropy: that of the
 * class.  Classes below 0 are passed over. */
double mutual_information(const float *x, int stride, const int *cls, int n, double *entropy);

/* ASK_PROJECT. */
struct item_map {
    bool ready;
    int64_t step;
    int32_t n_items, target; /* target: whose cosines these are, 0: none */
    float *at;               /* (n_items+1, 4): x, y, norm, cosine; row 0: the state */
    float share[2];
    double lo[2], hi[2]; /* of the items */
    char error[256];
};
void item_map_done(struct item_map *m);
bool item_map_take(struct item_map *m, int32_t target, const struct answer *a);
/* the item asked about, else the one under the cursor, else 1 */
int32_t item_map_chosen(const struct view *v);

#endif
