/* What reads the history in front of SVAE's latent space: a gated recurrent unit (the
 * paper), long short-term memory or one block of causal attention.  Each gives the state
 * (R,H) after every item, from nothing in every session. */
#ifndef MODELS_SVAE_FRONT_H
#define MODELS_SVAE_FRONT_H

#include "models/layers.h"

enum front_kind { FRONT_GRU, FRONT_LSTM, FRONT_TRANSFORMER };
struct unit { /* of a recurrent part: x Wx + bx and h Wh + bh, a column group a gate */
    int32_t h;
    const struct param *wx, *bx, *wh, *bh;
};
struct front {
    enum front_kind kind;
    /* GRU: reset, update, candidate; LSTM: input, forget, candidate, output */
    struct unit unit;
    int32_t heads;
    const struct param *place; /* transformer: (maxlen,H), and the rest */
    struct dense in, qkv, out, up, down;
    struct norm before_attn, before_feed, last;
};

struct dense dense_declare(struct params *ps, const char *w, const char *b, int32_t in,
                           int32_t out);

/* Cho et al. 2014 as in the libraries: r = sigma(x_r + h W_r + b_r), u likewise, c =
 * tanh(x_c + r * (h W_c + b_c)), h' = u h + (1
 * - u) c; two biases a gate.  scope: "gru2", of names and probes; NULL: nothing of it is
 *   shown. */
struct unit gru_declare(struct params *ps, const char *const name[4], int32_t in, int32_t h);
struct tensor *gru_run(struct tape *t, const char *scope, const struct unit *u,
                       struct tensor *x, const struct block *b);

/* x (R,in) -> (R,h).  heads divides h (transformer). */
void front_declare(struct front *f, struct params *ps, enum front_kind kind, int32_t in,
                   int32_t h, int32_t max_len, int32_t heads);
struct tensor *front_run(const struct front *f, struct tape *t, struct tensor *x,
                         const struct block *b);

#endif
