/* PEN4Rec, a reconstruction: a session becomes a graph of its items; a gated graph network
 * mixes each item with its neighbours; then the session is read again for each of the most
 * recent items, and a preference evolves click by click, an attention weight deciding how
 * much each click may rewrite.  Hu et al., "PEN4Rec: Preference Evolution Networks for
 * Session-based Recommendation", KSEM 2021, arXiv 2106.09306.
 *
 * No program of the authors is public, so every part is marked by its ground: [P] the
 * paper's own claim; [I] inferred from work it builds on: SR-GNN (Wu et al., AAAI 2019) and
 * DIEN (Zhou et al., AAAI 2019); [R] a choice of this reconstruction. head=srgnn is SR-GNN's
 * read-out on the same graph network: the model to compare with.
 *
 * Notation: R clicks, M nodes (a session's distinct items), d width, Q queries (one a
 * prefix), N tracks (a query's recent items, the last click first), P rows of all tracks:
 * track j of a query has one for every click of its prefix. */
#include "models/models.h"

#include <math.h>
#include <string.h>

enum { MAX_STEPS = 3 };

enum head_kind { READ_PEN, READ_SRGNN };
enum recent { RECENT_DISTINCT, RECENT_ANY, RECENT_MEAN };
enum att { ATT_SOFTMAX, ATT_SIGMOID, ATT_MAXNORM };
enum stage2 { STAGE2_AUGRU, STAGE2_AGRU, STAGE2_GRU };
enum fusion { FUSION_ATTN, FUSION_MEAN, FUSION_FIRST };

struct pen4rec {
    enum head_kind read;
    enum recent recent;
    enum att att;
    enum augru_form form;
    enum fusion fusion;
    int32_t d, k, steps;
    bool stage1, norm1, hybrid;
    float dropout, length; /* length: of a session's vector, 0 = as it is */
    const struct param *item, *place;
    struct {
        const struct param *w_in, *b_in, *w_out, *b_out, *c_in, *c_out, *w_ih, *b_ih, *w_hh,
            *b_hh;
    } gnn;
    struct {
        const struct param *wx, *wr, *b, *w, *wq, *bq;
    } s1;
    struct {
        const struct param *ws, *wx[GRU_GATES], *wh[GRU_GATES], *b[GRU_GATES];
    } s2;
    struct {
        const struct param *wh, *wx, *b, *w;
    } fu;
    const struct param *out_w, *out_b;
    struct head head;
    struct batch_spec batch;
};

/* Who reads what.  All arrays live in the tape's arena. */
struct tracks {
    int32_t n;              /* N */
    int32_t *query_off;     /* (Q+1) first track of each query */
    int32_t *off;           /* (N+1) first row of each track */
    int32_t *row, *of_row;  /* (P) the click a row reads; the track it belongs to */
    int32_t *query, *last;  /* (N) its query; the query's last click */
    int32_t *session, *end; /* (N) the block's session; the track's last row */
    int32_t *recent_off; /* (N+1) a track's recent clicks: one, or up to k with recent=mean */
    int32_t *recent;     /* the clicks */
    float *share;        /* 1 over the number of its recent clicks */
};

static struct tensor *linear(struct tape *t, struct tensor *x, const struct param *w,
                             const struct param *b)
{
    return op_linear(t, x, tape_param(t, w), b ? tape_param(t, b) : NULL, ACT_NONE, 0);
}

static struct tensor *beside(struct tape *t, struct tensor *a, struct tensor *b)
{
    return op_concat(t, (struct tensor *[]){a, b}, 2);
}

static struct tensor *column(struct tape *t, int32_t n, const float *x, real all)
{
    struct tensor *y = tape_input(t, NULL, 2, (int32_t[]){n, 1});
    for (int32_t i = 0; i < n && !tape_failed(t); i++)
        y->x[(size_t)i * (size_t)y->ld] = x ? (real)x[i] : all;
    return y;
}

/* ---- The tracks (spec: recent set [R]) ---- */

/* Recent clicks of from..last into out, newest first; at most k.  Distinct, because equal
 * items would give equal tracks. */
static int32_t recent_clicks(const int32_t *item, int32_t from, int32_t last, int32_t k,
                             bool distinct, int32_t *out)
{
    int32_t n = 0;
    for (int32_t r = last; r >= from && n < k; r--) {
        bool seen = false;
        for (int32_t i = 0; distinct && i < n; i++)
            seen |= item[out[i]] == item[r];
        if (!seen)
            out[n++] = r;
    }
    return n;
}

static int32_t *ints(struct tape *t, int64_t n)
{
    return tape_alloc(t, ((size_t)n + 1) * sizeof(int32_t));
}

static bool plan(const struct pen4rec *m, struct tape *t, const struct block *b,
                 struct tracks *w)
{
    int64_t tracks = 0, rows = 0, q_rows = 0;
    int32_t k = m->read == READ_SRGNN ? 1 : m->k;
    bool distinct = m->recent != RECENT_ANY && m->read != READ_SRGNN,
         mean = m->recent == RECENT_MEAN && m->read != READ_SRGNN;
    for (int32_t q = 0; q < b->n_query; q++) {
        int32_t len = b->query[q] - b->off[b->query_session[q]] + 1, most = len < k ? len : k;
        tracks += most;
        q_rows += most;
        rows += (int64_t)len * (mean ? 1 : most);
    }
    if (rows > INT32_MAX) {
        tape_fail(t, ST_SHAPE, "pen4rec: %lld rows of tracks in one block", (long long)rows);
        return false;
    }
    w->query_off = ints(t, b->n_query);
    w->off = ints(t, tracks);
    w->row = ints(t, rows);
    w->of_row = ints(t, rows);
    w->query = ints(t, tracks);
    w->last = ints(t, tracks);
    w->session = ints(t, tracks);
    w->end = ints(t, tracks);
    w->recent_off = ints(t, tracks);
    w->recent = ints(t, q_rows);
    w->share = tape_alloc(t, ((size_t)q_rows + 1) * sizeof *w->share);
    if (tape_failed(t))
        return false;
    int32_t n = 0, p = 0, at = 0;
    w->query_off[0] = w->off[0] = w->recent_off[0] = 0;
    for (int32_t q = 0; q < b->n_query; q++) {
        int32_t s = b->query_session[q], last = b->query[q];
        int32_t found = recent_clicks(b->item, b->off[s], last, k, distinct, w->recent + at);
        for (int32_t i = 0; i < found; i++)
            w->share[at + i] = mean ? 1 / (float)found : 1;
        for (int32_t j = 0; j < (mean ? 1 : found); j++, n++) {
            for (int32_t r = b->off[s]; r <= last; r++, p++) {
                w->row[p] = r;
                w->of_row[p] = n;
            }
            w->query[n] = q;
            w->last[n] = last;
            w->session[n] = s;
            w->end[n] = p - 1;
            w->off[n + 1] = p;
            at += mean ? found : 1;
            w->recent_off[n + 1] = at;
        }
        w->query_off[q + 1] = n;
    }
    w->n = n;
    return true;
}

/* ---- Forward ---- */

/* The watched session's matrices, for who draws the graph. */
static void graph_probes(struct tape *t, const struct block *b)
{
    int32_t s = tape_watched(t);
    if (s < 0 || s >= b->n)
        return;
    int32_t m = b->node_off[s + 1] - b->node_off[s];
    struct tensor *in = tape_input(t, NULL, 2, (int32_t[]){m, m}),
                  *out = tape_input(t, NULL, 2, (int32_t[]){m, m});
    if (m == 0 || tape_failed(t))
        return;
    for (int32_t i = 0; i < m; i++)
        for (int32_t j = 0; j < m; j++) {
            in->x[(size_t)i * (size_t)in->ld + (size_t)j] =
                (real)b->adj_in[b->adj_off[s] + i * m + j];
            out->x[(size_t)i * (size_t)out->ld + (size_t)j] =
                (real)b->adj_out[b->adj_off[s] + i * m + j];
        }
    tape_probe(t, "graph.in", in);
    tape_probe(t, "graph.out", out);
}

/* SR-GNN eq. 1 to 5 as its code has them: messages along the edges both ways, then a gated
 * update.  H' = (1 - z) c + z H. [I] */
static struct tensor *hop(const struct pen4rec *m, struct tape *t, const struct block *b,
                          int step, struct tensor *h)
{
    int32_t d = m->d;
    tape_push(t, "gnn%d", step);
    struct tensor *in = op_graph(t, b->adj_in, b->adj_off,
                                 linear(t, h, m->gnn.w_in, m->gnn.b_in), b->node_off, b->n);
    struct tensor *out = op_graph(t, b->adj_out, b->adj_off,
                                  linear(t, h, m->gnn.w_out, m->gnn.b_out), b->node_off, b->n);
    in = tape_probe(t, "msg_in", op_add(t, in, tape_param(t, m->gnn.c_in)));
    out = tape_probe(t, "msg_out", op_add(t, out, tape_param(t, m->gnn.c_out)));
    struct gru_cell c = {.h = d, .reset_after = true, .update_keeps = true};
    gru_thirds(c.x, linear(t, beside(t, in, out), m->gnn.w_ih, m->gnn.b_ih), d, 0, 1, 2);
    gru_thirds(c.w, tape_param(t, m->gnn.w_hh), d, 0, 1, 2);
    gru_thirds(c.b, tape_param(t, m->gnn.b_hh), d, 0, 1, 2);
    h = tape_probe(t, "h", op_gru(t, &c, h, NULL, b->node_off[b->n]));
    tape_pop(t);
    return h;
}

/* x_t: the node's state at each of its clicks; order enters only through stage 2 (and
 * pos=reverse). */
static struct tensor *clicks(const struct pen4rec *m, struct tape *t, const struct block *b)
{
    int32_t rows = b->off[b->n];
    tape_push(t, "emb");
    struct tensor *h = op_rows(t, m->item, b->node, b->node_off[b->n], 0);
    tape_pop(t);
    graph_probes(t, b);
    for (int s = 1; s <= m->steps; s++)
        h = hop(m, t, b, s, h);
    struct tensor *x = op_pick(t, h, b->alias, rows);
    if (m->place)
        x = op_add(t, x, op_rows(t, m->place, b->pos, rows, 0));
    return tape_probe(t, "x", op_dropout(t, x, m->dropout));
}

/* Stage 1: c_j = sum_t alpha_jt x_t, alpha by SR-GNN's soft attention with each recent click
 * for the last one [I]; normalised, so that a person can read it [R].  Returns c (N,d). */
static struct tensor *retrieve(const struct pen4rec *m, struct tape *t, const struct tracks *w,
                               struct tensor *x, struct tensor *r)
{
    int32_t rows = w->off[w->n];
    struct tensor *a = op_pick(t, linear(t, x, m->s1.wx, m->s1.b), w->row, rows);
    struct tensor *e =
        op_act(t, op_add(t, a, op_pick(t, linear(t, r, m->s1.wr, NULL), w->of_row, rows)),
               ACT_SIGMOID);
    struct tensor *alpha = linear(t, e, m->s1.w, NULL);
    if (m->norm1 && m->read == READ_PEN)
        alpha = op_seg_softmax(t, alpha, w->off, w->n);
    tape_probe(t, "alpha", alpha);
    return tape_probe(t, "c", op_seg_sum(t, alpha, op_pick(t, x, w->row, rows), w->off, w->n));
}

/* softmax / its maximum = exp(e - max e); the exponent is never above 0, where ELU is exp -
 * 1. */
static struct tensor *maxnorm(struct tape *t, const struct tracks *w, struct tensor *e)
{
    int32_t *top = ints(t, w->off[w->n]);
    static const real one = 1;
    if (tape_failed(t))
        return tape_bad(t);
    for (int32_t j = 0; j < w->n; j++) {
        int32_t best = w->off[j];
        for (int32_t r = w->off[j]; r < w->off[j + 1]; r++)
            if (e->x[(size_t)r * (size_t)e->ld] > e->x[(size_t)best * (size_t)e->ld])
                best = r;
        for (int32_t r = w->off[j]; r < w->off[j + 1]; r++)
            top[r] = best;
    }
    struct tensor *under = op_add(t, e, op_scale(t, op_pick(t, e, top, w->off[w->n]), -1));
    return op_add(t, op_act(t, under, ACT_ELU), tape_input(t, &one, 1, (int32_t[]){1}));
}

/* a_jt = softmax_t((x_t Ws) . q_j): DIEN's attention, the query from stage 1.  (P,1) */
static struct tensor *relevance(const struct pen4rec *m, struct tape *t, const struct tracks *w,
                                struct tensor *x, struct tensor *q)
{
    int32_t rows = w->off[w->n];
    struct tensor *xs = op_pick(t, linear(t, x, m->s2.ws, NULL), w->row, rows);
    struct tensor *e = op_matmul(t, op_mul(t, xs, op_pick(t, q, w->of_row, rows)),
                                 column(t, m->d, NULL, 1), false, false);
    switch (m->att) {
    case ATT_SIGMOID:
        e = op_act(t, e, ACT_SIGMOID);
        break;
    case ATT_MAXNORM:
        e = maxnorm(t, w, e);
        break;
    case ATT_SOFTMAX:
        e = op_seg_softmax(t, e, w->off, w->n);
        break;
    }
    return tape_probe(t, "att", e);
}

/* Stage 2: the preference after each click (P,d), by DIEN's eq. 5 and 6: u' = a u, h' = (1 -
 * u') h + u' c; what a click with a = 0 says changes nothing. [I] */
static struct tensor *evolve(const struct pen4rec *m, struct tape *t, const struct tracks *w,
                             struct tensor *x, struct tensor *a)
{
    struct gru_cell c = {.h = m->d};
    for (int g = 0; g < GRU_GATES; g++) {
        c.x[g] = (struct cols){linear(t, x, m->s2.wx[g], m->s2.b[g]), 0};
        c.w[g] = (struct cols){tape_param(t, m->s2.wh[g]), 0};
    }
    return tape_probe(t, "state",
                      op_augru(t, &c, a, m->form, w->row, w->session, w->off, w->n));
}

/* p = sum_j beta_j h_j at the last click. [R] */
static struct tensor *fuse(const struct pen4rec *m, struct tape *t, const struct block *b,
                           const struct tracks *w, struct tensor *h, struct tensor *last)
{
    if (m->fusion == FUSION_FIRST)
        return op_pick(t, h, w->query_off, b->n_query);
    if (m->fusion == FUSION_MEAN) {
        struct tensor *share = column(t, w->n, NULL, 1);
        for (int32_t j = 0; j < w->n && !tape_failed(t); j++) {
            int32_t q = w->query[j];
            share->x[(size_t)j * (size_t)share->ld] =
                1 / (real)(w->query_off[q + 1] - w->query_off[q]);
        }
        return op_seg_sum(t, tape_probe(t, "beta", share), h, w->query_off, b->n_query);
    }
    struct tensor *e = op_add(t, linear(t, h, m->fu.wh, m->fu.b),
                              op_pick(t, linear(t, last, m->fu.wx, NULL), w->query, w->n));
    e = linear(t, op_act(t, e, ACT_TANH), m->fu.w, NULL);
    struct tensor *beta = tape_probe(t, "beta", op_seg_softmax(t, e, w->query_off, b->n_query));
    return op_seg_sum(t, beta, h, w->query_off, b->n_query);
}

/* s = [p, x_n] W + b: SR-GNN's eq. 7 [I].  score_norm=cosine: of one length, as NISER has it
 * (Gupta et al. 2019, arXiv 1909.04276); the head takes the items' rows by their direction. */
static struct tensor *session(const struct pen4rec *m, struct tape *t, struct tensor *p,
                              struct tensor *last)
{
    struct tensor *s = m->hybrid ? linear(t, beside(t, p, last), m->out_w, m->out_b) : p;
    return m->length > 0 ? op_unit(t, s, m->length) : s;
}

/* What each track would recommend after each click, beside the pass and without a gradient.
 * [R] */
static void lens(const struct pen4rec *m, struct tape *t, const struct tracks *w,
                 struct tensor *x, struct tensor *state)
{
    if (tape_watched(t) < 0 || tape_training(t) || tape_env(t)->g)
        return;
    tape_push(t, "lens");
    struct tensor *s = session(m, t, state, op_pick(t, x, w->row, w->off[w->n]));
    s = op_head_scores(t, s, &m->head);
    tape_pop(t);
    tape_probe(t, "lens", s);
}

static struct tensor *encode(const void *self, struct tape *t, const struct block *b)
{
    const struct pen4rec *m = self;
    struct tracks w;
    if (!plan(m, t, b, &w))
        return tape_bad(t);
    struct tensor *x = clicks(m, t, b), *last = op_pick(t, x, b->query, b->n_query), *p, *r, *q,
                  *state;

    tape_push(t, "s1");
    int32_t n_recent = w.recent_off[w.n];
    r = op_pick(t, x, w.recent, n_recent);
    if (m->recent == RECENT_MEAN && m->read == READ_PEN)
        r = op_seg_sum(t, column(t, n_recent, w.share, 1), r, w.recent_off, w.n);
    q = m->stage1 || m->read == READ_SRGNN ? retrieve(m, t, &w, x, r) : NULL;
    if (m->read == READ_PEN)
        q = tape_probe(t, "q", linear(t, q ? beside(t, r, q) : r, m->s1.wq, m->s1.bq));
    tape_pop(t);
    if (m->read == READ_SRGNN)
        return tape_probe(t, "final", session(m, t, q, last));

    tape_push(t, "s2");
    state = evolve(m, t, &w, x, relevance(m, t, &w, x, q));
    tape_pop(t);
    lens(m, t, &w, x, state);
    tape_push(t, "fuse");
    p = tape_probe(t, "pref", fuse(m, t, b, &w, op_pick(t, state, w.end, w.n), last));
    tape_pop(t);
    return tape_probe(t, "final", session(m, t, p, last));
}
/* Scores are s . E[i], with the raw table (score_norm=cosine: score_scale times the cosine
 * of the two, so that popular items gain nothing by long rows); the loss is the softmax over
 * all items, both by the head. [I] */

/* ---- Set-up ---- */

struct maker {
    struct params *ps;
    float scale;
};

/* Every tensor, biases too, begins evenly within +-1/sqrt(d): SR-GNN's code (its paper says
 * a normal of width .1). */
static const struct param *matrix(const struct maker *k, const char *name, int32_t in,
                                  int32_t out)
{
    return params_add(k->ps, name, 2, (int32_t[]){in, out}, INIT_UNIFORM, k->scale, 0);
}

static const struct param *vector(const struct maker *k, const char *name, int32_t n)
{
    return params_add(k->ps, name, 1, &n, INIT_UNIFORM, k->scale, 0);
}

static void declare_gnn(struct pen4rec *m, const struct maker *k)
{
    int32_t d = m->d;
    m->gnn.w_in = matrix(k, "gnn.Win", d, d);
    m->gnn.b_in = vector(k, "gnn.bin", d);
    m->gnn.w_out = matrix(k, "gnn.Wout", d, d);
    m->gnn.b_out = vector(k, "gnn.bout", d);
    m->gnn.c_in = vector(k, "gnn.cin", d);
    m->gnn.c_out = vector(k, "gnn.cout", d);
    m->gnn.w_ih = matrix(k, "gnn.Wih", 2 * d, 3 * d);
    m->gnn.b_ih = vector(k, "gnn.bih", 3 * d);
    m->gnn.w_hh = matrix(k, "gnn.Whh", d, 3 * d);
    m->gnn.b_hh = vector(k, "gnn.bhh", 3 * d);
}

static void declare_tracks(struct pen4rec *m, const struct maker *k)
{
    static const char *const names[GRU_GATES][3] = {
        [GRU_UPDATE] = {"s2.Wxu", "s2.Whu", "s2.bu"},
        [GRU_RESET] = {"s2.Wxr", "s2.Whr", "s2.br"},
        [GRU_CAND] = {"s2.Wxc", "s2.Whc", "s2.bc"},
    };
    int32_t d = m->d;
    m->s1.wq = matrix(k, "s1.Wq", m->stage1 ? 2 * d : d, d);
    m->s1.bq = vector(k, "s1.bq", d);
    m->s2.ws = matrix(k, "s2.Ws", d, d);
    for (int g = 0; g < GRU_GATES; g++) {
        m->s2.wx[g] = matrix(k, names[g][0], d, d);
        m->s2.wh[g] = matrix(k, names[g][1], d, d);
        m->s2.b[g] = vector(k, names[g][2], d);
    }
    if (m->fusion != FUSION_ATTN)
        return;
    m->fu.wh = matrix(k, "fu.Wh", d, d);
    m->fu.wx = matrix(k, "fu.Wx", d, d);
    m->fu.b = vector(k, "fu.b", d);
    m->fu.w = matrix(k, "fu.w", d, 1);
}

static void tune(void *self, const struct hparams *hp)
{
    struct pen4rec *m = self;
    m->dropout = hp_float(hp, "dropout");
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    static const enum augru_form forms[] = {
        [STAGE2_AUGRU] = AUGRU_PAPER, [STAGE2_AGRU] = AUGRU_AGRU, [STAGE2_GRU] = AUGRU_GRU};
    struct pen4rec *m = self;
    const struct hparams *hp = env->hp;
    int32_t n_items = env->ds->n_items, d = hp_int(hp, "d"), maxlen = hp_int(hp, "maxlen");
    enum stage2 stage2 = (enum stage2)hp_enum(hp, "stage2");
    (void)err;
    m->read = (enum head_kind)hp_enum(hp, "head");
    m->recent = (enum recent)hp_enum(hp, "recent");
    m->att = (enum att)hp_enum(hp, "att");
    m->form =
        stage2 == STAGE2_AUGRU && hp_enum(hp, "augru.form") == 1 ? AUGRU_DIEN : forms[stage2];
    m->fusion = (enum fusion)hp_enum(hp, "fusion");
    m->d = d;
    m->k = hp_int(hp, "k");
    m->steps = hp_int(hp, "gnn.steps");
    m->stage1 = hp_bool(hp, "stage1");
    m->norm1 = hp_enum(hp, "stage1.norm") == 0;
    m->hybrid = hp_bool(hp, "hybrid");
    bool cosine = hp_enum(hp, "score_norm") == 1;
    m->length = cosine ? hp_float(hp, "score_scale") : 0;

    struct maker k = {.ps = ps, .scale = 1 / sqrtf((float)d)};
    m->item = params_add(ps, "item.E", 2, (int32_t[]){n_items + 1, d}, INIT_UNIFORM, k.scale,
                         PARAM_ROWS | PARAM_ZERO_ROW0);
    if (hp_enum(hp, "pos") == 1)
        m->place = matrix(&k, "pos.P", maxlen, d);
    if (m->steps)
        declare_gnn(m, &k);
    if (m->stage1 || m->read == READ_SRGNN) {
        m->s1.wx = matrix(&k, "s1.Wx", d, d);
        m->s1.wr = matrix(&k, "s1.Wr", d, d);
        m->s1.b = vector(&k, "s1.b", d);
        m->s1.w = matrix(&k, "s1.w", d, 1);
    }
    if (m->read == READ_PEN)
        declare_tracks(m, &k);
    if (m->hybrid) {
        m->out_w = matrix(&k, "out.W", 2 * d, d);
        m->out_b = vector(&k, "out.b", d);
    }
    m->head = (struct head){.loss = HEAD_XENT,
                            .cols = COLS_ALL,
                            .table = m->item,
                            .n_items = n_items,
                            .unit = cosine};
    m->batch = (struct batch_spec){
        .kind = BATCH_PREFIXES,
        .pos = POS_FROM_END,
        .size = hp_int(hp, "batch"),
        .max_len = maxlen,
        .n_target = 1,
        .edge_count = hp_enum(hp, "edge") == 1,
    };
    tune(m, hp);
    return ST_OK;
}

static void spec(const void *self, struct batch_spec *out)
{
    *out = ((const struct pen4rec *)self)->batch;
}

static const struct head *head(const void *self)
{
    return &((const struct pen4rec *)self)->head;
}

static uint32_t traits(const void *self)
{
    const struct pen4rec *m = self;
    return (uint32_t)MODEL_SOFTMAX |
           (m->read == READ_PEN ? (uint32_t)(MODEL_EVOLUTION | MODEL_GATES) : 0);
}

// clang-format off
static const char *const reads[]   = {"pen", "srgnn", NULL};
static const char *const recents[] = {"distinct", "any", "mean", NULL};
static const char *const edges[]   = {"binary", "count", NULL};
static const char *const places[]  = {"none", "reverse", NULL};
static const char *const norms[]   = {"softmax", "none", NULL};
static const char *const stages[]  = {"augru", "agru", "gru", NULL};
static const char *const forms[]   = {"paper", "dien_code", NULL};
static const char *const atts[]    = {"softmax", "sigmoid", "maxnorm", NULL};
static const char *const scores[]  = {"none", "cosine", NULL};
static const char *const fusions[] = {"attn", "mean", "first", NULL};

/* The defaults are SR-GNN's form (no dropout) in sizes for the generated worlds. */
static const struct hparam_def hparams[] = {
    HP_TRAINING(HP_ADAM, 2e-3, 0.9, 0.999, 1e-8, 128, 1e-5, 0),
    {"d",           HP_INT,   false, 32, 1, 1024,          NULL,    "width of item vectors and states", "hiddenSize"},
    {"maxlen",      HP_INT,   false, 50, 1, 1000,          NULL,    "clicks it can look back on", NULL},
    {"head",        HP_ENUM,  false, READ_PEN, 0, 0,       reads,   "pen = two stages and fusion; srgnn = SR-GNN's read-out of the same graph network", NULL},
    {"k",           HP_INT,   false, 3, 1, 20,             NULL,    "recent items, each with a track of its own", "k"},
    {"recent",      HP_ENUM,  false, RECENT_DISTINCT, 0, 0, recents,"the last k distinct items, the last k clicks, or one track for the mean of k", NULL},
    {"gnn.steps",   HP_INT,   false, 1, 0, MAX_STEPS,      NULL,    "hops along the session's edges; 0 = no graph", "step"},
    {"edge",        HP_ENUM,  false, 0, 0, 0,              edges,   "a repeated edge counts once (SR-GNN's code) or as often as it occurs (its paper)", NULL},
    {"pos",         HP_ENUM,  false, 0, 0, 0,              places,  "reverse: a learned vector by distance from the last click", NULL},
    {"stage1",      HP_BOOL,  false, 1, 0, 1,              NULL,    "first retrieval: what goes with each recent item; 0: the item alone asks", NULL},
    {"stage1.norm", HP_ENUM,  false, 0, 0, 0,              norms,   "its weights sum to 1, or are left as they are (SR-GNN)", NULL},
    {"stage2",      HP_ENUM,  false, STAGE2_AUGRU, 0, 0,   stages,  "augru: relevance times update gate; agru: relevance alone; gru: the gate alone", NULL},
    {"augru.form",  HP_ENUM,  false, 0, 0, 0,              forms,   "DIEN's formula (irrelevant clicks write nothing) or its code", NULL},
    {"att",         HP_ENUM,  false, ATT_SOFTMAX, 0, 0,    atts,    "relevance of clicks: sums to 1; each for itself; softmax over its maximum", NULL},
    {"fusion",      HP_ENUM,  false, FUSION_ATTN, 0, 0,    fusions, "tracks joined by attention, by their mean, or the last click's alone", NULL},
    {"hybrid",      HP_BOOL,  false, 1, 0, 1,              NULL,    "the last click is joined to the preference", "nonhybrid"},
    {"score_norm",  HP_ENUM,  false, 0, 0, 0,              scores,  "none: products; cosine: of directions alone (NISER), so that long rows of popular items gain nothing", NULL},
    {"score_scale", HP_FLOAT, false, 16, 0.1, 1000,        NULL,    "what cosines are taken times", "scale"},
    {"dropout",     HP_FLOAT, true,  0, 0, 0.95,           NULL,    "share of the click vectors' numbers left out in training", NULL},
    {.name = NULL},
};

#define ALIKE "opt=adam beta1=0.9 beta2=0.999 eps=1e-8 wd=1e-5 clip=0 warmup=0 decay_steps=0 lr_gamma=0.1 maxlen=50 k=3 recent=distinct " \
              "gnn.steps=1 edge=binary pos=none stage1=1 stage1.norm=softmax stage2=augru augru.form=paper fusion=attn hybrid=1 score_norm=none score_scale=16 "
static const struct preset_def presets[] = {
    {"small",   "the generated world drift: twelve epochs",
     ALIKE "head=pen att=softmax d=32 batch=128 lr=0.003 lr_step=9 dropout=0.25"},
    {"maxnorm", "as small; relevance divided by its maximum: predicts better after a switch, tells old from new less well",
     ALIKE "head=pen att=maxnorm d=32 batch=128 lr=0.003 lr_step=9 dropout=0.25"},
    {"order",   "worlds in which the order of clicks tells, chain and twins: five epochs",
     ALIKE "head=pen att=softmax d=32 batch=128 lr=0.003 lr_step=4 dropout=0"},
    {"session", "sizes of SR-GNN's code, a higher rate: shop sessions, five epochs",
     ALIKE "head=pen att=softmax d=100 batch=100 lr=0.003 lr_step=4 dropout=0"},
    {"srgnn",   "SR-GNN's read-out with its code's sizes and schedule: the model to compare with",
     ALIKE "head=srgnn att=softmax d=100 batch=100 lr=0.001 lr_step=3 dropout=0"},
    {.name = NULL},
};

static const struct probe_def probes[] = {
    {"graph.in",     "(M,M) a session", "who is clicked before whom: rows of edges that come in sum to 1", "graph"},
    {"graph.out",    "(M,M) a session", "who is clicked after whom: rows of edges that go out sum to 1", "graph"},
    {"gnn*.msg_in",  "(M,d)",           "what a node hears from those before it", "gnn.msg_in"},
    {"gnn*.msg_out", "(M,d)",           "what a node hears from those after it", "gnn.msg_out"},
    {"gnn*.reset",   "(M,d) when watched", "how much of its old self the candidate sees", "gnn.reset"},
    {"gnn*.update",  "(M,d) when watched", "how much of its old self a node keeps", "gnn.keep"},
    {"gnn*.cand",    "(M,d) when watched", "what a node would become", NULL},
    {"gnn*.h",       "(M,d)",           "nodes after the hop", "gnn.h[step]"},
    {"x",            "(R,d)",           "the vector of each click", NULL},
    {"s1.alpha",     "(P,1)",           "first retrieval's weights, track after track; not relevance", "s1.alpha[j][t]"},
    {"s1.c",         "(N,d)",           "what goes with each recent item", "s1.c[j]"},
    {"s1.q",         "(N,d)",           "what each track asks the clicks", NULL},
    {"s2.att",       "(P,1)",           "relevance of each click, track after track", "s2.att[j][t]"},
    {"s2.update",    "(K T,d) a session", "update gate, before relevance has its say", "s2.update"},
    {"s2.reset",     "(K T,d) a session", "how much of the state the candidate sees", "s2.reset"},
    {"s2.cand",      "(K T,d) a session", "what a click would write", NULL},
    {"s2.write",     "(K T,d) a session", "how much of the state a click rewrites: 0 nothing, 1 all; with stage2=gru that is update", "s2.write[j][t]"},
    {"s2.state",     "(P,d)",           "the preference after each click, track after track", "s2.state[j][t]"},
    {"lens",         "(P,V+1)",         "scores if a track stopped after that click; when a session is watched, not in training", NULL},
    {"fuse.beta",    "(N,1)",           "share of each track in the preference", "fuse.beta[j]"},
    {"fuse.pref",    "(queries,d)",     "the tracks joined", NULL},
    {"final",        "(queries,d)",     "the session's vector, scored against all items", "session"},
    {.name = NULL},
};
// clang-format on

const struct model_def model_pen4rec = {
    .name = "pen4rec",
    .title = "PEN4Rec (reconstruction)",
    .paper = "Hu et al. 2021, PEN4Rec: Preference Evolution Networks for Session-based "
             "Recommendation, arXiv 2106.09306",
    .doc = "A session becomes a small graph of its items; then it is read again for each of "
           "the latest items, and a preference evolves click by click, irrelevant clicks "
           "changing little. The authors' program is not public: this is a reconstruction from "
           "the abstract and the work it builds on (SR-GNN, DIEN). head=srgnn is the model to "
           "compare with.",
    .flags = MODEL_EVOLUTION | MODEL_GATES | MODEL_SOFTMAX,
    .hparams = hparams,
    .presets = presets,
    .probes = probes,
    .self_size = sizeof(struct pen4rec),
    .init = init,
    .tune = tune,
    .spec = spec,
    .traits = traits,
    .head = head,
    .encode = encode,
};
