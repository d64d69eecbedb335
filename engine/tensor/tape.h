/* The tape: records ops while they compute (define-by-run, eager) and runs them
 * backward.  One tape and one arena a worker; a tape is used by one thread at a time and
 * begun anew for every block of sessions.
 *
 * Errors are sticky: a bad shape makes the op record the first error and return a harmless
 * tensor; later ops on that tape do nothing.  Models read like formulas, and the learner
 * asks once (tape_check). */
#ifndef ENGINE_TENSOR_TAPE_H
#define ENGINE_TENSOR_TAPE_H

#include "engine/base/arena.h"
#include "engine/tensor/params.h"
#include "engine/tensor/tensor.h"
#include <stdbool.h>

struct tape;

/* "What if": a constant in place of numbers that a probe shows, in forward passes alone
 * (nothing is learned from it).  Gates and states of recurrent ops ("gru1.update",
 * "gru1.state") are put in at every step, so that later steps see them. */
enum { PATCH_ALL = -1, PATCH_LAST = -2 };
struct patch {
    char probe[48]; /* full name: "conv.h3.max"; no such probe: no effect */
    int32_t set;    /* of several variants the one it belongs to, -1: every one */
    /* PATCH_ALL, or PATCH_LAST: the last row; inside recurrent ops always all */
    int32_t row;
    int32_t col, n; /* columns col..col+n-1; those the probe lacks are passed over */
    float value;
};

struct tape_env {
    const real *x; /* block of parameter values */
    real *g;       /* the shard's gradient block (accumulated into), or NULL: forward only */
    uint64_t seed;
    int64_t step;
    int32_t row0;  /* first row of this block within the batch: random numbers count from it */
    bool training; /* dropout, sampling on */
    const struct patch *patch; /* those of `set` and of every set; NULL with g */
    int32_t n_patch, set;
    bool
        keep_grads; /* gradients stay readable after backward (x->g); else an op's buffer serves again once it is
                     * undone, and x->g is NULL then.  On by itself while on_op is set. */
    /* called after each op (forward: node just appended; backward: node just undone); NULL =
     * none. false: break off (tape_check then says ST_CANCELLED). */
    bool (*on_op)(void *ctx, struct tape *t, int32_t node, bool backward);
    void *ctx;
    /* Where row gradients of PARAM_ROWS tables go, n rows of g (ldg apart) times scale,
     * row[i] < 0: none.  Called in backward; g lives for the call only.  NULL: they are
     * added into the block g like all others.  Who adds to the block directly (the output
     * layer while the forward pass runs, an op that reads the whole table) calls with g
     * NULL: only to tell which rows; row NULL: rows 0..n-1. */
    void (*rows)(void *rows_ctx, const struct param *table, const int32_t *row, int32_t n,
                 const real *g, int32_t ldg, float scale);
    /* Before rows id[i] - id0 of a PARAM_ROWS table are read (id < id0: none; id NULL: all
     * are): whoever puts updates of rows off brings these up to date.  NULL: nobody does. */
    void (*reads)(void *rows_ctx, const struct param *table, const int32_t *id, int32_t n,
                  int32_t id0);
    void *rows_ctx;
};

MUST_CHECK enum status tape_new(struct tape **out, size_t reserve, struct err *err);
void tape_free(struct tape *t);
/* resets the arena: older tensors are gone; nothing is watched */
void tape_begin(struct tape *t, const struct tape_env *env);
const struct tape_env *tape_env(const struct tape *t);
struct arena *tape_arena(struct tape *t);
bool tape_training(const struct tape *t);

/* src: rows without filler, copied; NULL = zeros */
struct tensor *tape_input(struct tape *t, const real *src, int nd, const int32_t *d);
/* same tensor for repeated calls in one block */
struct tensor *tape_param(struct tape *t, const struct param *p);

/* name scope: "block%d"; joined with dots */
void tape_push(struct tape *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tape_pop(struct tape *t);
const char *tape_scope(const struct tape *t);
/* of (seed, step, scope.what); the same what twice in a scope differs */
struct rng_key tape_key(struct tape *t, const char *what);

/* Names a tensor (scope.name) so that views can watch it; returns x.  Cheap when nobody
 * watches. */
struct tensor *tape_probe(struct tape *t, const char *name, struct tensor *x);
/* For ops that show a copy of what they go on with: puts the patches of that probe into rows
 * of x, ld apart. */
void tape_patch(struct tape *t, const char *name, real *x, int32_t rows, int32_t cols,
                size_t ld);
/* Fused ops write per-session extras ("score", "prob", gates) for one session only; -1: for
 * none. */
void tape_watch(struct tape *t, int32_t session);
int32_t tape_watched(const struct tape *t);
struct probe_view {
    const char *name;
    const struct tensor *t;
};
size_t tape_probes(const struct tape *t, const struct probe_view **out);
/* a probe by its full name, or NULL */
const struct tensor *tape_find(const struct tape *t, const char *name);

/* loss = sum of weight * scalar over terms, in order.  x: a 1-element tensor; name: not
 * scoped, static storage. */
void tape_term(struct tape *t, const char *name, struct tensor *x, double weight);
int tape_terms(const struct tape *t);
/* value: before weighting */
const char *tape_term_at(const struct tape *t, int i, double *value, double *weight);
double tape_loss(const struct tape *t);
/* New rows of a PARAM_STATE: written into the block when the update is committed. */
void tape_carry(struct tape *t, const struct param *state, const int32_t *row,
                struct tensor *x);
int tape_carries(const struct tape *t);
void tape_carry_at(const struct tape *t, int i, const struct param **state, const int32_t **row,
                   const struct tensor **x);

MUST_CHECK enum status tape_backward(struct tape *t, struct err *err); /* from all terms */
enum status tape_check(const struct tape *t, struct err *err);
void tape_fail(struct tape *t, enum status code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool tape_failed(const struct tape *t);

/* The list of ops, for the inspector: name "block1.attn", op kind, output. */
int32_t tape_nodes(const struct tape *t);
const char *tape_node(const struct tape *t, int32_t node, const char **op,
                      const struct tensor **out);

/* ---- For ops (engine/tensor/ops_*.c, heads.c).  An op checks shapes, computes, appends
 * itself last. ---- */
struct tape_op {
    int32_t kind; /* enum op_kind */
    /* reads out->g, adds to the inputs' g; NULL: nothing below wants any */
    void (*back)(struct tape *t, struct tape_op *op);
    struct tensor *out;
    struct tensor *in[6];
    /* op's own struct, in the tape's arena */
    void *ctx;
    const char *name; /* the scope it was made in */
};
/* zero-filled value, in the arena; not yet on the list */
struct tensor *tape_tensor(struct tape *t, int nd, const int32_t *d);
/* only the rows' filler is zeroed: the op writes all else */
struct tensor *tape_tensor_raw(struct tape *t, int nd, const int32_t *d);
/* nothing is: the op writes the filler too */
struct tensor *tape_tensor_bare(struct tape *t, int nd, const int32_t *d);
/* back != NULL says that out wants a gradient: pass it when an input does (tape_wants). */
struct tape_op *tape_append(struct tape *t, int32_t kind, struct tensor *out,
                            void (*back)(struct tape *t, struct tape_op *op));
/* does x need a gradient? */
bool tape_wants(const struct tape *t, const struct tensor *x);
/* Gradient buffer of x for an op's backward, NULL when x wants none (or memory ran out: the
 * tape has failed then). *fresh true: its content is undefined, write it (filler included:
 * zero); false: add to it.  Passing fresh == NULL asks for a zeroed or running sum to add
 * to. */
real *tape_grad(struct tape *t, struct tensor *x, bool *fresh);
/* x's gradient += out's, shapes alike.  Costs nothing when x has none yet: both then share
 * one buffer until one is written. */
void tape_grad_pass(struct tape *t, struct tensor *x, struct tensor *out);
/* out's gradient in a buffer that the op may overwrite: out's own when nobody else reads it. */
real *tape_grad_take(struct tape *t, struct tensor *out);
/* in env.g; NULL when forward only or frozen */
real *tape_param_grad(struct tape *t, const struct param *p);
/* Adds scale * g (n rows, ldg apart) to rows row[i] of a table's gradient, or hands them to
 * env.rows; row[i] < 0: none. */
void tape_rows_grad(struct tape *t, const struct param *p, const int32_t *row, int32_t n,
                    const real *g, int32_t ldg, float scale);
/* tells env.reads */
void tape_reads(const struct tape *t, const struct param *p, const int32_t *id, int32_t n,
                int32_t id0);
/* x^T of a matrix (rows, cols): (cols, rows), rows *ld apart.  Done once a block for a
 * parameter. */
const real *tape_transposed(struct tape *t, const struct tensor *x, int32_t *ld);
/* arena_raw that fails the tape instead; NULL then */
void *tape_alloc(struct tape *t, size_t size);
/* the harmless tensor of a failed tape */
struct tensor *tape_bad(struct tape *t);

#endif
