/* SASRec: a causal Transformer over the items of a session, scored against the item table
 * that also reads them. Kang & McAuley, "Self-Attentive Sequential Recommendation", ICDM
 * 2018, arXiv 1808.09781; section and equation numbers below are the paper's.  "code" is the
 * authors' program (kang205/SASRec), where it differs from the paper.  Further: gBCE: Petrov
 * & Macdonald, "gSASRec", RecSys 2023; full softmax: Klenitskiy & Vasilev, RecSys 2023.
 *
 * Notation: V items, n = maxlen, d, h heads of d/h, L blocks; y = x W + b with W (in,out);
 * LN(x) is the paper's section III.C LayerNorm with eps 1e-8 (code).  Sessions are packed:
 * there are no padded rows, hence no padding mask; the paper's left padding is
 * pad_side=left, where the newest item reads P[n-1]. */
#include "models/layers.h"
#include "models/models.h"

#include <assert.h>
#include <math.h>

enum { MAX_LAYERS = 12 };
#define LN_EPS 1e-8f

enum style { STYLE_OFFICIAL, STYLE_PRE_LN, STYLE_POST_LN };
enum loss { LOSS_BCE, LOSS_BCE_K, LOSS_GBCE, LOSS_CE, LOSS_SSM };
enum ffn { FFN_POINTWISE, FFN_DENSE_WIDE, FFN_CAUSAL_CONV, FFN_NONE };
enum pos { POS_LEARNED, POS_NONE, POS_SINUSOID };
enum start { START_AUTO, START_GLOROT, START_XAVIER_NORMAL, START_NORMAL_002 };
enum side { PAD_LEFT, PAD_RIGHT };
enum three { THREE_AUTO, THREE_NO, THREE_YES };

struct layer {
    struct norm ln1, ln2;
    struct dense q, k, v, o, f1, f2;
};
struct sasrec {
    enum style style;
    enum ffn ffn;
    enum pos pos;
    enum act act;
    bool out_proj;
    int32_t d, maxlen, layers, heads;
    float dropout, emb_scale, l2;
    const struct param *item, *place;
    const real *sinusoid; /* (maxlen,d), run lifetime; POS_SINUSOID only */
    struct layer layer[MAX_LAYERS];
    struct norm lnf;
    struct head head;
    struct batch_spec batch;
};

/* ---- Forward ---- */

/* One weight (k,d_in,d_out) over the last k rows of the session; tap k-1 is the row itself. */
static struct tensor *conv(struct tape *t, const char *scope, const struct block *b,
                           const struct dense *p, struct tensor *x, enum act act, float drop)
{
    tape_push(t, "%s", scope);
    x = op_causal_conv(t, x, tape_param(t, p->w), tape_param(t, p->b), b->off, b->n, act, drop);
    tape_pop(t);
    return x;
}

static struct tensor *positions(const struct sasrec *m, struct tape *t, const struct block *b)
{
    int32_t rows = b->off[b->n];
    struct tensor *p = tape_input(t, NULL, 2, (int32_t[]){rows, m->d});
    if (tape_failed(t))
        return p;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t j = 0; j < m->d; j++)
            p->x[(size_t)r * (size_t)p->ld + (size_t)j] =
                m->sinusoid[(size_t)b->pos[r] * (size_t)m->d + (size_t)j];
    return p;
}

/* eq. 1: E^_t = M[s_t] + P_t; code: the item's row times sqrt(d), then dropout. */
static struct tensor *embed(const struct sasrec *m, struct tape *t, const struct block *b)
{
    int32_t rows = b->off[b->n];
    struct tensor *x;
    tape_push(t, "emb");
    if (m->pos == POS_SINUSOID) {
        x = op_embed(t, m->item, b->item, 0, m->emb_scale, NULL, NULL, rows, 0);
        x = op_dropout(t, op_add(t, x, positions(m, t, b)), m->dropout);
    } else {
        x = op_embed(t, m->item, b->item, 0, m->emb_scale, m->place, m->place ? b->pos : NULL,
                     rows, m->dropout);
    }
    tape_pop(t);
    return tape_probe(t, "emb", x);
}

/* eq. 2 and 3: S = Attention(E W^Q, E W^K, E W^V), softmax(Q K^T / sqrt(d/h)) V in each
 * head, keys j <= i only (section III.B, causality); code: biases, dropout on the weights,
 * no output projection. */
static struct tensor *attend(const struct sasrec *m, struct tape *t, const struct block *b,
                             const struct layer *w, struct tensor *q_in, struct tensor *kv_in,
                             float drop)
{
    tape_push(t, "attn");
    struct tensor *q = dense(t, "q", &w->q, q_in, ACT_NONE, 0);
    struct tensor *k = dense(t, "k", &w->k, kv_in, ACT_NONE, 0);
    struct tensor *v = dense(t, "v", &w->v, kv_in, ACT_NONE, 0);
    struct tensor *o = tape_probe(
        t, "heads", op_attention(t, q, k, v, b->off, b->n, m->heads, true, m->dropout));
    if (m->out_proj)
        o = dense(t, "o", &w->o, o, ACT_NONE, drop);
    else if (drop > 0)
        o = op_dropout(t, o, drop);
    tape_probe(t, "out", o);
    tape_pop(t);
    return o;
}

/* eq. 4: F = ReLU(S W1 + b1) W2 + b2, row by row; a width-1 convolution is the same
 * thing.  Dropout after both (code). causal_conv looks k rows back in both products. */
static struct tensor *feed(const struct sasrec *m, struct tape *t, const struct block *b,
                           const struct layer *w, struct tensor *f_in)
{
    bool looks_back = m->ffn == FFN_CAUSAL_CONV;
    tape_push(t, "ffn");
    struct tensor *z = looks_back ? conv(t, "w1", b, &w->f1, f_in, m->act, m->dropout)
                                  : dense(t, "w1", &w->f1, f_in, m->act, m->dropout);
    tape_probe(t, "hidden", z);
    z = looks_back ? conv(t, "w2", b, &w->f2, z, ACT_NONE, m->dropout)
                   : dense(t, "w2", &w->f2, z, ACT_NONE, m->dropout);
    tape_pop(t);
    return z;
}

/* Section III.C and III.D, one block; the three styles differ in what is normalised and what
 * the residual carries. */
static struct tensor *layer(const struct sasrec *m, struct tape *t, const struct block *b,
                            int l, struct tensor *x)
{
    const struct layer *w = &m->layer[l];
    bool feeds = m->ffn != FFN_NONE;
    struct tensor *q_in, *f_in, *y, *out = x;
    tape_push(t, "block%d", l + 1);
    switch (m->style) {
    case STYLE_OFFICIAL: /* code; both residuals carry the normalised tensor */
        q_in = norm(t, "norm1", &w->ln1, x); /* q_in = LN1(X) */
        /* Y = O + q_in; K and V from X itself */
        y = op_add(t, attend(m, t, b, w, q_in, x, 0), q_in);
        f_in = norm(t, "norm2", &w->ln2, y);                          /* f_in = LN2(Y) */
        out = feeds ? op_add(t, feed(m, t, b, w, f_in), f_in) : f_in; /* X' = Z + f_in */
        break;
    case STYLE_PRE_LN: /* III.C: g'(x) = x + Dropout(g(LayerNorm(x))) */
        q_in = norm(t, "norm1", &w->ln1, x);
        y = op_add(t, attend(m, t, b, w, q_in, q_in, m->dropout), x); /* Y = X + drop(O) */
        /* X' = Y + Z */
        out = feeds ? op_add(t, feed(m, t, b, w, norm(t, "norm2", &w->ln2, y)), y) : y;
        break;
    case STYLE_POST_LN: /* Vaswani et al. 2017: LayerNorm(x + g(x)) */
        /* Y = LN1(X + drop(O)) */
        y = norm(t, "norm1", &w->ln1, op_add(t, attend(m, t, b, w, x, x, m->dropout), x));
        /* X' = LN2(Y + Z) */
        out = feeds ? norm(t, "norm2", &w->ln2, op_add(t, feed(m, t, b, w, y), y)) : y;
        break;
    }
    tape_probe(t, "out", out);
    tape_pop(t);
    return out;
}

/* What would it answer if it stopped here: scores of LNf(x) at the queries, beside the pass
 * and without a gradient. */
static void lens(const struct sasrec *m, struct tape *t, const struct block *b, int l,
                 struct tensor *x)
{
    if (tape_watched(t) < 0 || tape_training(t) || tape_env(t)->g)
        return;
    tape_push(t, "lens");
    struct tensor *f = norm(t, "norm", &m->lnf, op_pick(t, x, b->query, b->n_query));
    struct tensor *s = op_head_scores(t, f, &m->head);
    tape_pop(t);
    const char *name = arena_printf(tape_arena(t), "lens%d", l);
    if (name)
        tape_probe(t, name, s);
}

/* F = LNf(X^L) at the queries (the last LayerNorm is the code's). */
static struct tensor *encode(const void *self, struct tape *t, const struct block *b)
{
    const struct sasrec *m = self;
    struct tensor *x = embed(m, t, b);
    lens(m, t, b, 0, x);
    for (int l = 0; l < m->layers; l++) {
        x = layer(m, t, b, l, x);
        lens(m, t, b, l + 1, x);
    }
    x = tape_probe(t, "final", norm(t, "final", &m->lnf, x));
    /* all rows asked: in order */
    return b->n_query == b->off[b->n] ? x : op_pick(t, x, b->query, b->n_query);
}
/* eq. 6 (III.E): r_i,t = F_t M_i^T, by the head; the losses of section III.F and its
 * successors are the head's too.  code: plus l2_emb times half the squares of both tables,
 * once a batch: every block adds its part of the sessions. */
static void loss(const void *self, struct tape *t, const struct block *b)
{
    const struct sasrec *m = self;
    struct tensor *f = encode(self, t, b);
    if (m->l2 > 0) {
        struct tensor *squares = op_sum_squares(t, tape_param(t, m->item));
        if (m->place)
            squares = op_add(t, squares, op_sum_squares(t, tape_param(t, m->place)));
        int32_t all = b->n_batch > 0 ? b->n_batch : b->n;
        tape_term(t, "l2", squares, (double)m->l2 / 2 * b->n / all);
    }
    op_head(t, f, &m->head, b);
}

/* ---- Set-up ---- */

static const struct param *table(struct params *ps, const char *name, int32_t rows, int32_t d,
                                 enum start start, uint32_t flags)
{
    int32_t shape[] = {rows, d};
    switch (start) {
    case START_XAVIER_NORMAL:
        return params_add(ps, name, 2, shape, INIT_XAVIER_NORMAL, 1, flags);
    case START_NORMAL_002:
        return params_add(ps, name, 2, shape, INIT_NORMAL, 0.02f, flags);
    default: /* the code's: Glorot, even */
        return params_add(ps, name, 2, shape, INIT_XAVIER, 1, flags);
    }
}

struct maker { /* declares the parameters of one block, blk<l>.* */
    struct params *ps;
    struct arena *mem;
    enum start start;
    int l;
};

static const char *named(const struct maker *k, const char *what)
{
    const char *s =
        k->l ? arena_printf(k->mem, "blk%d.%s", k->l, what) : arena_strdup(k->mem, what);
    return s ? s : what; /* out of memory: a name taken twice, which params_build refuses */
}

/* k taps (0: a plain matrix) of (in,out); proj: Q, K or V, which the 2023 code starts as one
 * (d,3d) Glorot matrix. */
static struct dense declare_dense(const struct maker *k, const char *w, const char *b,
                                  int32_t taps, int32_t in, int32_t out, bool proj)
{
    int32_t shape[] = {taps, in, out};
    int nd = taps ? 3 : 2;
    const int32_t *d = taps ? shape : shape + 1;
    float reach = taps ? (float)taps : 1;
    struct param *p;
    if (k->start == START_NORMAL_002 && !proj)
        p = params_add(k->ps, named(k, w), nd, d, INIT_NORMAL, 0.02f, 0);
    else
        p = params_add(k->ps, named(k, w), nd, d,
                       k->start == START_XAVIER_NORMAL ? INIT_XAVIER_NORMAL : INIT_XAVIER, 1,
                       0);
    p->fan_in = reach * (float)in;
    p->fan_out = reach * (float)out * (k->start == START_NORMAL_002 && proj ? 3.0f : 1.0f);
    return (struct dense){
        p, params_add(k->ps, named(k, b), 1, &shape[2], INIT_ZERO, 0, PARAM_NO_DECAY)};
}

static struct norm declare_norm(const struct maker *k, const char *gamma, const char *beta,
                                int32_t d)
{
    return norm_declare(k->ps, named(k, gamma), named(k, beta), d, LN_EPS);
}

static void declare_layer(struct sasrec *m, struct layer *w, const struct maker *k,
                          const struct hparams *hp)
{
    int32_t d = m->d, taps = 0, wide = d;
    w->ln1 = declare_norm(k, "ln1.gamma", "ln1.beta", d);
    w->q = declare_dense(k, "Wq", "bq", 0, d, d, true);
    w->k = declare_dense(k, "Wk", "bk", 0, d, d, true);
    w->v = declare_dense(k, "Wv", "bv", 0, d, d, true);
    if (m->out_proj)
        w->o = declare_dense(k, "Wo", "bo", 0, d, d, false);
    if (m->ffn == FFN_NONE && m->style != STYLE_OFFICIAL)
        return; /* no second sublayer at all; official still normalises */
    w->ln2 = declare_norm(k, "ln2.gamma", "ln2.beta", d);
    if (m->ffn == FFN_NONE)
        return;
    if (m->ffn == FFN_CAUSAL_CONV)
        taps = hp_int(hp, "ffn.k");
    if (m->ffn == FFN_DENSE_WIDE)
        wide = d * hp_int(hp, "ffn.w");
    w->f1 = declare_dense(k, "W1", "b1", taps, d, wide, false);
    w->f2 = declare_dense(k, "W2", "b2", taps, wide, d, false);
}

/* Vaswani et al. 2017, section 3.5: P[t][2i] = sin(t / 10000^(2i/d)), P[t][2i+1] = the
 * cosine. */
static const real *sinusoids(struct arena *mem, int32_t n, int32_t d)
{
    real *p = arena_alloc(mem, (size_t)n * (size_t)d * sizeof *p);
    if (!p)
        return NULL;
    for (int32_t t = 0; t < n; t++)
        for (int32_t j = 0; j < d; j++) {
            double angle = t / pow(10000, (double)(j / 2 * 2) / d);
            p[(size_t)t * (size_t)d + (size_t)j] = (real)(j % 2 ? cos(angle) : sin(angle));
        }
    return p;
}

static void tune(void *self, const struct hparams *hp)
{
    struct sasrec *m = self;
    m->dropout = hp_float(hp, "dropout");
    m->l2 = hp_float(hp, "l2_emb");
    m->head.gbce_t = hp_float(hp, "gbce.t");
    m->batch.neg_reject = hp_bool(hp, "neg.reject");
    m->batch.neg_alpha = hp_enum(hp, "neg.dist") ? hp_float(hp, "neg.alpha") : 0;
}

/* Head and negatives of a loss.  Counts are bounded by the catalogue: a set of draws cannot
 * be larger. */
static void choose_loss(struct sasrec *m, enum loss loss, int32_t neg, int32_t n_items)
{
    static const struct {
        enum head_loss loss;
        enum head_cols cols;
        enum neg_cols neg;
        int32_t usual;
    } of[] = {
        [LOSS_BCE] = {HEAD_BCE, COLS_QUERY, NEG_QUERY, 1}, /* III.F: one negative a step */
        [LOSS_BCE_K] = {HEAD_BCE, COLS_QUERY, NEG_QUERY, 4},
        [LOSS_GBCE] = {HEAD_GBCE, COLS_QUERY, NEG_QUERY, 256}, /* gSASRec: k 256, t .75 */
        [LOSS_CE] = {HEAD_XENT, COLS_ALL, NEG_QUERY, 0},
        [LOSS_SSM] = {HEAD_SAMPLED, COLS_SESSION, NEG_SESSION,
                      3000}, /* 2023 code: 3000 a sequence, distinct */
    };
    int32_t most = n_items > 2 ? n_items - 1 : 1;
    m->head.loss = of[loss].loss;
    m->head.cols = of[loss].cols;
    m->batch.neg_cols = of[loss].neg;
    m->batch.n_neg = neg && loss != LOSS_CE ? neg : of[loss].usual;
    if ((loss == LOSS_GBCE || loss == LOSS_SSM) && m->batch.n_neg > most)
        m->batch.n_neg = most;
    m->batch.neg_distinct = loss == LOSS_SSM;
}

static enum status check(const struct hparams *hp, const struct dataset *ds, struct err *err)
{
    int32_t d = hp_int(hp, "d"), heads = hp_int(hp, "heads");
    if (d % heads) {
        err_set(err, ST_ARG, "d %d does not divide into %d heads", d, heads);
        return err_hint(err, NULL, "d a multiple of heads: d=%d", (d / heads + 1) * heads);
    }
    if (hp_enum(hp, "loss") == LOSS_BCE && hp_int(hp, "neg") > 1) {
        err_set(err, ST_ARG, "loss=bce draws one negative a step, not neg=%d",
                hp_int(hp, "neg"));
        return err_hint(err, NULL, "loss=bce_k neg=%d", hp_int(hp, "neg"));
    }
    if (hp_enum(hp, "loss") == LOSS_GBCE && ds->n_items < 2)
        return err_set(err, ST_ARG, "loss=gbce needs 2 items or more, %s has %d", ds->name,
                       ds->n_items);
    return ST_OK;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    struct sasrec *m = self;
    const struct hparams *hp = env->hp;
    int32_t n_items = env->ds->n_items;
    enum loss loss = (enum loss)hp_enum(hp, "loss");
    enum start start = (enum start)hp_enum(hp, "init");
    enum status st = check(hp, env->ds, err);
    if (st)
        return st;
    m->style = (enum style)hp_enum(hp, "style");
    m->ffn = (enum ffn)hp_enum(hp, "ffn");
    m->pos = (enum pos)hp_enum(hp, "pos");
    m->act = hp_enum(hp, "act") ? ACT_GELU : ACT_RELU;
    m->d = hp_int(hp, "d");
    m->maxlen = hp_int(hp, "maxlen");
    m->layers = hp_int(hp, "layers");
    m->heads = hp_int(hp, "heads");
    m->emb_scale = hp_bool(hp, "emb_scale") ? sqrtf((float)m->d) : 1;
    enum three proj = (enum three)hp_enum(hp, "attn_out_proj");
    m->out_proj = proj == THREE_AUTO ? m->style != STYLE_OFFICIAL : proj == THREE_YES;
    if (start == START_AUTO)
        start = loss == LOSS_BCE || loss == LOSS_BCE_K ? START_GLOROT : START_NORMAL_002;

    struct maker k = {.ps = ps, .mem = env->mem, .start = start};
    m->item = table(ps, "item.E", n_items + 1, m->d, start, PARAM_ROWS | PARAM_ZERO_ROW0);
    if (m->pos == POS_LEARNED)
        m->place = table(ps, "pos.P", m->maxlen, m->d, start, 0);
    for (int l = 0; l < m->layers; l++) {
        k.l = l + 1;
        declare_layer(m, &m->layer[l], &k, hp);
    }
    k.l = 0;
    m->lnf = declare_norm(&k, "lnf.gamma", "lnf.beta", m->d);
    m->head = (struct head){.table = m->item, .n_items = n_items, .w_pos = 1, .w_neg = 1};
    if (!hp_bool(hp, "tie_output"))
        m->head.table =
            table(ps, "out.E2", n_items + 1, m->d, start, PARAM_ROWS | PARAM_ZERO_ROW0);
    if (m->pos == POS_SINUSOID) {
        m->sinusoid = sinusoids(env->mem, m->maxlen, m->d);
        if (!m->sinusoid)
            return err_nomem(
                err, (unsigned long long)m->maxlen * (unsigned long long)m->d * sizeof(real),
                "positions");
    }

    m->batch = (struct batch_spec){
        .kind = BATCH_SESSIONS,
        .pos = hp_enum(hp, "pad_side") == PAD_RIGHT ? POS_FROM_START : POS_FROM_END,
        .size = hp_int(hp, "batch"),
        .max_len = m->maxlen,
        .n_target = 1,
    };
    choose_loss(m, loss, hp_int(hp, "neg"), n_items);
    tune(m, hp);
    /* Even draws need no correction; draws by popularity take s - log q (section 6 of Bengio
     * & Senecal 2003). */
    m->batch.logq = loss == LOSS_SSM && m->batch.neg_alpha > 0;
    m->head.logq = m->batch.logq ? 1 : 0;
    return ST_OK;
}

static void spec(const void *self, struct batch_spec *out)
{
    *out = ((const struct sasrec *)self)->batch;
}

static const struct head *head(const void *self)
{
    return &((const struct sasrec *)self)->head;
}

static uint32_t traits(const void *self)
{
    const struct sasrec *m = self;
    /* bce, gbce: sigmoids, no distribution */
    bool softmax = m->head.loss == HEAD_XENT || m->head.loss == HEAD_SAMPLED;
    return (m->layers ? (uint32_t)MODEL_ATTENTION : 0) |
           (softmax ? (uint32_t)MODEL_SOFTMAX : 0);
}

// clang-format off
static const char *const styles[] = {"official", "pre_ln", "post_ln", NULL};
static const char *const losses[] = {"bce", "bce_k", "gbce", "ce", "ssm", NULL};
static const char *const dists[]  = {"uniform", "pop", NULL};
static const char *const ffns[]   = {"pointwise", "dense_wide", "causal_conv", "none", NULL};
static const char *const acts[]   = {"relu", "gelu", NULL};
static const char *const places[] = {"learned", "none", "sinusoid", NULL};
static const char *const starts[] = {"auto", "glorot", "xavier_normal", "normal_002", NULL};
static const char *const sides[]  = {"left", "right", NULL};
static const char *const threes[] = {"auto", "0", "1", NULL};

/* The defaults are the preset `small`, measured on the generated worlds; `official` is the paper's and its code's. */
static const struct hparam_def hparams[] = {
    HP_TRAINING(HP_ADAM, 1e-3, 0.9, 0.98, 1e-8, 128, 0, 0),
    {"d",             HP_INT,   false, 64, 1, 1024,       NULL,   "width of item vectors and states", "hidden_units"},
    {"layers",        HP_INT,   false, 2, 0, MAX_LAYERS,  NULL,   "attention blocks", "num_blocks, b"},
    {"heads",         HP_INT,   false, 2, 1, 64,          NULL,   "attention heads; d is a multiple", "num_heads"},
    {"maxlen",        HP_INT,   false, 20, 1, 4096,       NULL,   "items it can look back on", "n"},
    {"dropout",       HP_FLOAT, true,  0.1, 0, 0.95,      NULL,   "share of numbers left out in training", "dropout_rate"},
    {"l2_emb",        HP_FLOAT, true,  0, 0, 10,          NULL,   "adds this times half the squares of the item and position tables to the loss", NULL},
    {"style",         HP_ENUM,  false, STYLE_PRE_LN, 0, 0, styles,"what is normalised: official = the authors' code, pre_ln = the paper's formula, post_ln = Vaswani's", NULL},
    {"loss",          HP_ENUM,  false, LOSS_CE, 0, 0,     losses, "bce = the paper's, one negative; bce_k several; gbce = gSASRec; ce = full softmax; ssm = sampled softmax", NULL},
    {"neg",           HP_INT,   false, 0, 0, 100000,      NULL,   "negatives: a target's (bce_k, gbce), a session's (ssm); 0 = usual: bce 1, bce_k 4, gbce 256, ssm 3000", "neg.k, n_sample"},
    {"neg.dist",      HP_ENUM,  false, 0, 0, 0,           dists,  "negatives drawn evenly or by popularity", NULL},
    {"neg.alpha",     HP_FLOAT, false, 1, 0, 2,           NULL,   "neg.dist=pop: popularity to this power", NULL},
    {"neg.reject",    HP_BOOL,  true,  0, 0, 1,           NULL,   "never draw an item of the session's own training part (50 tries)", NULL},
    {"gbce.t",        HP_FLOAT, true,  0.75, 0, 1,        NULL,   "gbce: 0 = plain bce, 1 = calibrated", "t"},
    {"ffn",           HP_ENUM,  false, FFN_POINTWISE, 0, 0, ffns, "second half of a block; pointwise is the paper's", "Conv1d, kernel 1"},
    {"ffn.k",         HP_INT,   false, 3, 1, 16,          NULL,   "causal_conv: rows it sees; 1 is pointwise to the bit", NULL},
    {"ffn.w",         HP_INT,   false, 4, 1, 16,          NULL,   "dense_wide: hidden width in multiples of d", NULL},
    {"act",           HP_ENUM,  false, 0, 0, 0,           acts,   "activation of the feed-forward half", NULL},
    {"pos",           HP_ENUM,  false, POS_LEARNED, 0, 0, places, "positions", NULL},
    {"pad_side",      HP_ENUM,  false, PAD_RIGHT, 0, 0,   sides,  "right: positions count from a session's first item; left: the newest reads the last position, as in the paper", NULL},
    {"emb_scale",     HP_BOOL,  false, 1, 0, 1,           NULL,   "item rows times sqrt(d) at the input (the code; not in the paper)", NULL},
    {"attn_out_proj", HP_ENUM,  false, THREE_AUTO, 0, 0,  threes, "projection after the heads; auto: none in official", NULL},
    {"tie_output",    HP_BOOL,  false, 1, 0, 1,           NULL,   "score with the input's item table; 0: a table of its own", "shared item embedding"},
    {"init",          HP_ENUM,  false, START_GLOROT, 0, 0, starts,"start values; auto: glorot for bce and bce_k, else normal_002", NULL},
    {.name = NULL},
};

#define PAPER "style=official loss=bce neg=0 neg.dist=uniform neg.reject=1 ffn=pointwise act=relu pos=learned pad_side=left " \
              "emb_scale=1 attn_out_proj=auto tie_output=1 init=auto opt=adam lr=0.001 beta1=0.9 beta2=0.98 eps=1e-8 batch=128 wd=0 clip=0 "
#define LATER "style=pre_ln neg=0 neg.dist=uniform neg.reject=0 ffn=pointwise act=relu pos=learned pad_side=left " \
              "emb_scale=1 attn_out_proj=auto tie_output=1 opt=adam lr=0.001 beta1=0.9 eps=1e-8 batch=128 wd=0 clip=0 "
static const struct preset_def presets[] = {
    {"small",           "generated worlds: finds their patterns in some hundred steps",
     LATER "loss=ce d=64 layers=2 heads=2 maxlen=20 dropout=0.1 beta2=0.98 pad_side=right init=glorot"},
    {"official",        "the paper and its code on MovieLens-1M",
     PAPER "d=50 layers=2 heads=1 maxlen=200 dropout=0.2"},
    {"official-sparse", "the paper and its code on Beauty, Games and Steam",
     PAPER "d=50 layers=2 heads=1 maxlen=50 dropout=0.5"},
    {"modern",          "laptop: full softmax on user histories, minutes on MovieLens-100K",
     LATER "loss=ce d=50 layers=2 heads=1 maxlen=50 dropout=0.2 beta2=0.98 init=auto"},
    {"ce2023",          "Klenitskiy & Vasilev 2023: full softmax",
     LATER "loss=ce d=64 layers=2 heads=1 maxlen=200 dropout=0.1 beta2=0.999 init=auto"},
    {"gbce",            "gSASRec (Petrov & Macdonald 2023): 256 negatives, t .75, table of its own for the output",
     LATER "loss=gbce gbce.t=0.75 neg=256 d=128 layers=2 heads=1 maxlen=200 dropout=0.5 beta2=0.98 init=auto tie_output=0"},
    {.name = NULL},
};

static const struct probe_def probes[] = {
    {"emb",               "(R,d)",             "what a block reads first: item plus position", "emb"},
    {"block*.attn.score", "(h,T,T) a session", "Q K^T / sqrt(d/h), before the softmax", NULL},
    {"block*.attn.prob",  "(h,T,T) a session", "who looks at whom: row = reader, columns sum to 1", "attn[l]"},
    {"block*.attn.heads", "(R,d)",             "what each head brings, d/heads columns a head, before they are mixed", NULL},
    {"block*.attn.out",   "(R,d)",             "what attention brings", "attn_out[l]"},
    {"block*.ffn.hidden", "(R,d) or (R,w d)",  "hidden units; zeros are units that rest", "ffn_hidden[l]"},
    {"block*.out",        "(R,d)",             "the state after a block", "block_out[l]"},
    {"final",             "(R,d)",             "the state that is scored against all items", "final"},
    {"lens*",             "(queries,V+1)",     "scores if it stopped here: 0 after the input, l after block l; when a session is watched, not in training", "lens[l]"},
    {.name = NULL},
};
// clang-format on

const struct model_def model_sasrec = {
    .name = "sasrec",
    .title = "SASRec",
    .paper = "Kang & McAuley 2018, Self-Attentive Sequential Recommendation, arXiv 1808.09781",
    .doc = "Every item looks back at the items before it and decides by itself which of them "
           "matter for what comes next (attention). Defaults are the preset small, not the "
           "paper's: full softmax, positions from the session's start, because whole sessions "
           "with left padding let a model count down to their end. preset=official is the "
           "paper's.",
    .flags = MODEL_ATTENTION | MODEL_SOFTMAX,
    .hparams = hparams,
    .presets = presets,
    .probes = probes,
    .self_size = sizeof(struct sasrec),
    .init = init,
    .tune = tune,
    .spec = spec,
    .traits = traits,
    .head = head,
    .encode = encode,
    .loss = loss,
};
