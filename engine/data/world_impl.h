/* What the files of the generated worlds share: tables, the generator's draws, and the
 * functions a world is made of.  Private to engine/data/world*.c; items count from 0 here
 * (the public side adds 1). */
#ifndef ENGINE_DATA_WORLD_IMPL_H
#define ENGINE_DATA_WORLD_IMPL_H

#include "engine/data/world.h"

enum { DEPARTMENTS = 12, SUCCESSORS = 4, NAMES_A_DEPARTMENT = 20 };

struct world {
    const struct world_def *def;
    struct world_opts o; /* defaults filled in */
    int32_t P, N;        /* products a department; items */
    double E;            /* noise as a share */
    /* weights: (N) popularity; (N) popularity inside the department */
    uint32_t *pi, *beta;
    double *pi_p, *beta_p; /* the same as odds; beta_p sums to 1 in each department */
    int32_t *succ;         /* (N,SUCCESSORS) */
};

struct world_gen { /* one run of the generator */
    const struct world *w;
    struct xoshiro r;
    int32_t *item;
    uint8_t *flag;
    int16_t *truth;
    int64_t *off;
    int64_t n, cap;
    int32_t n_sessions;
    bool failed; /* out of memory: later draws go on, nothing is stored */
};

struct world_fns {
    void (*session)(struct world_gen *g);
    /* p[0..N): odds of the next item after s[0..n); n >= 0, any items.  Sums to 1. */
    void (*odds)(const struct world *w, const int32_t *s, int32_t n, double *p);
    /* Odds of the item at place `at`, the others visible; NULL: from the left only. */
    void (*odds_at)(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p);
    /* ln of the odds that a session begins with s[0..n) and goes on; -INFINITY: it cannot. */
    double (*log_odds)(const struct world *w, const int32_t *s, int32_t n);
    /* A whole session of n items, some of them hidden (-1).  Returns ln of the odds of its
     * length and of what is visible (-INFINITY: this world makes no such session); p[0..N),
     * zero before: odds of the item at the hidden place `at` (p NULL: not asked). */
    double (*hidden)(const struct world *w, const int32_t *s, int32_t n, int32_t at, double *p);
};

/* Draws, in the worlds' own words. */
int32_t gen_below(struct world_gen *g, int32_t n);
int32_t gen_pick(struct world_gen *g, const uint32_t *weight, int32_t n);
bool gen_chance(struct world_gen *g); /* the world's noise */
/* one of 0..n-1, not x */
int32_t gen_other(struct world_gen *g, int32_t x, int32_t n);
int32_t gen_popular(struct world_gen *g); /* pick(pi) */
/* the item z*P + pick(beta[z]) */
int32_t gen_product(struct world_gen *g, int32_t department);
/* which: successor 0..3, -1 noise */
int32_t gen_step(struct world_gen *g, int32_t item, int32_t *which);
void gen_emit(struct world_gen *g, int32_t item, enum world_flag flag, int32_t truth);

/* Odds that several worlds use. */
double odds_step(const struct world *w, int32_t from, int32_t to);
/* p += odds of the step */
void odds_add_step(const struct world *w, int32_t from, double *p);
void odds_add_department(const struct world *w, int32_t z, double share, double *p);
void odds_even(const struct world *w, double *p);
/* chain's walk, without its length */
double odds_walk_hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at,
                        double *p);
/* odds of an even length > n */
double odds_left(int32_t n, int32_t shortest, int32_t longest);

extern const double succ_odds[SUCCESSORS];
const char *world_product_name(int32_t department, int32_t product);

extern const struct world_fns fns_chain, fns_twins, fns_pairs, fns_opener, fns_gap, fns_drift,
    fns_tastes, fns_bazaar;

#endif
