/* Messages in packed session graphs: each graph's small matrix times its rows. */
#include "engine/tensor/ops.h"

struct graph {
    const real *adj;
    const int32_t *adj_off, *node_off;
    int32_t n;
};

static void graph_back(struct tape *t, struct tape_op *op)
{
    const struct graph *c = op->ctx;
    struct tensor *x = op->in[0];
    size_t ld = (size_t)x->ld;
    bool fresh;
    real *gx = tape_grad(t, x, &fresh);
    for (int32_t s = 0; gx && s < c->n; s++) {
        int32_t m = c->node_off[s + 1] - c->node_off[s];
        size_t at = (size_t)c->node_off[s] * ld;
        kern()->gemm(GEMM_FULL, m, tensor_cols(x), m, c->adj + c->adj_off[s], 1, (size_t)m,
                     op->out->g + at, ld, gx + at, ld, !fresh);
    }
}

struct tensor *op_graph(struct tape *t, const float *adj, const int32_t *adj_off,
                        struct tensor *x, const int32_t *node_off, int32_t n)
{
    if (tape_failed(t))
        return tape_bad(t);
    if (node_off[n] != tensor_rows(x)) {
        tape_fail(t, ST_SHAPE, "graph: %d rows for graphs of %d nodes", tensor_rows(x),
                  node_off[n]);
        return tape_bad(t);
    }
    struct tensor *y = tape_tensor_bare(t, 2, (int32_t[]){tensor_rows(x), tensor_cols(x)});
    struct graph *c = tape_alloc(t, sizeof *c);
    if (tape_failed(t))
        return tape_bad(t);
    *c = (struct graph){.adj_off = adj_off, .node_off = node_off, .n = n};
#ifdef SEQLAB_DOUBLE
    real *wide = tape_alloc(t, (size_t)(adj_off[n] + 1) * sizeof *wide);
    if (!wide)
        return tape_bad(t);
    for (int32_t i = 0; i < adj_off[n]; i++)
        wide[i] = (real)adj[i];
    c->adj = wide;
#else
    c->adj = adj;
#endif
    size_t ld = (size_t)x->ld;
    for (int32_t s = 0; s < n; s++) {
        int32_t m = node_off[s + 1] - node_off[s];
        size_t at = (size_t)node_off[s] * ld;
        kern()->gemm(GEMM_FULL, m, tensor_cols(x), m, c->adj + adj_off[s], (size_t)m, 1,
                     x->x + at, ld, y->x + at, ld, 0);
    }
    struct tape_op *op = tape_append(t, OP_graph, y, tape_wants(t, x) ? graph_back : NULL);
    op->in[0] = x;
    op->ctx = c;
    return y;
}
