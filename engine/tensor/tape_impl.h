/* What tape.c and tape_marks.c share; see tape.h. */
#ifndef ENGINE_TENSOR_TAPE_IMPL_H
#define ENGINE_TENSOR_TAPE_IMPL_H

#include "engine/tensor/tape.h"

enum { MAX_DEPTH = 16 };
enum tensor_flag {
    T_WANTS = 1 << 0,
    T_PARAM = 1 << 1,
    T_INDEX_SHIFT = 8 /* above: index of the parameter */
};

struct scope {
    const char *name; /* "block1.attn", in the arena */
    uint64_t site;    /* rng_site of the name */
};
struct param_slot { /* what the tape made of a parameter since tape_begin */
    struct tensor *t;
    real *transposed;
};
struct key_seen {
    uint64_t site;
    uint32_t times;
};
struct term {
    const char *name;
    struct tensor *x;
    double weight;
};
struct carry {
    const struct param *state;
    const int32_t *row;
    struct tensor *x;
};
/* Stands in the 64 bytes before a gradient buffer.  Several tensors may share a buffer (a
 * sum passes its gradient on); who wants to write must be the only reader. */
struct grad_buf {
    struct grad_buf *next; /* when free */
    size_t n;
    int32_t refs;
};
enum { GRAD_HEAD = 64 };
_Static_assert(sizeof(struct grad_buf) <= GRAD_HEAD, "header of a gradient buffer");

/* Lists that grow by malloc and are kept from block to block.  They begin large enough for
 * any model here: a worker that gets its first task late allocates nothing then. */
#define LIST(type)                                                                             \
    struct {                                                                                   \
        type *v;                                                                               \
        int32_t n, cap;                                                                        \
    }

struct tape {
    struct arena *mem;
    struct tape_env env;
    bool keep;
    struct err err;
    int32_t depth, watched;
    struct scope scope[MAX_DEPTH + 1]; /* [0] is the empty scope */
    LIST(struct tape_op *) op;
    LIST(struct param_slot) param;
    LIST(struct key_seen) key;
    LIST(struct probe_view) probe;
    LIST(struct term) term;
    LIST(struct carry) carry;
    struct grad_buf *spare;
    struct tensor bad;
    struct tape_op lost; /* where an op of a failed tape writes its inputs; nobody reads it */
    _Alignas(64) real bad_x[TENSOR_ROW], bad_g[TENSOR_ROW];
};

/* Room for one more at place n; false: the tape has failed. */
bool tape_list_grow(struct tape *t, void *list, int32_t n, int32_t *cap, size_t size);
#define TAPE_GROW(t, list) tape_list_grow(t, &(list).v, (list).n, &(list).cap, sizeof *(list).v)

#endif
