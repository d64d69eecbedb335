/* BERT4Rec: a Transformer that reads a session in both directions and is trained to fill in
 * hidden items; the next item is the filling of a [mask] put after the last one.
 * Sun et al., "BERT4Rec", CIKM 2019, arXiv 1904.06690; section and equation numbers below
 * are the paper's.  "code" is the authors' program (FeiSun/BERT4Rec).  Further: Petrov &
 * Macdonald, RecSys 2022 (why runs are too short); Klenitskiy & Vasilev, RecSys 2023 (plain
 * output, other losses).
 *
 * Notation: V items, N = maxlen, d, h heads of d/h, L layers, I inner width; y = x W + b
 * with W (in,out); LayerNorm with eps 1e-12 inside the root (code).  Ids: 1..V items, V+1 =
 * [mask]; row 0 of the table stays zero.  Sessions are packed, so there are no padded rows
 * and no padding mask (the code's -10000 underflows to 0 after the softmax: the same
 * numbers).  pad=right counts positions from the window's first item (code), pad=left lets
 * the last slot always read P[N-1]. */
#include "models/layers.h"
#include "models/models.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MAX_LAYERS = 12 };
#define LN_EPS 1e-12f

enum loss { LOSS_CE, LOSS_SSM, LOSS_GBCE };
enum side { PAD_RIGHT, PAD_LEFT };
enum start { START_TRUNC_NORMAL, START_GLOROT };

struct layer {
    struct norm ln1, ln2;
    struct dense q, k, v, o, f1, f2;
};
struct bert4rec {
    enum act act;
    bool pre_ln, causal, project, head_ln, type_emb, all_rows;
    int32_t d, maxlen, layers, heads;
    float drop, drop_attn;
    const struct param *item, *place, *type;
    struct norm ln_emb, ln_last, ln_head; /* ln_last: norm=pre only */
    struct layer layer[MAX_LAYERS];
    struct dense proj;
    struct head head; /* over items 1..V: scores, and the loss with softmax_rows=items */
    /* over all rows of the table, row r as "item" r+1: the loss with softmax_rows=all */
    struct head head_rows;
    struct batch_spec batch;
};

/* ---- Forward ---- */

/* The constant that the code's segment table adds everywhere: T_0, one row for all. */
static struct tensor *add_type(const struct bert4rec *m, struct tape *t, struct tensor *x)
{
    int32_t rows = tensor_rows(x), *zero = tape_alloc(t, ((size_t)rows + 1) * sizeof *zero);
    if (!zero)
        return tape_bad(t);
    memset(zero, 0, ((size_t)rows + 1) * sizeof *zero);
    tape_push(t, "type");
    x = op_add(t, x, op_rows(t, m->type, zero, rows, 0));
    tape_pop(t);
    return x;
}

/* 3.4: h^0_t = v_t + p_t; code: drop(LN(E[id_t] + P_t + T_0)). */
static struct tensor *embed(const struct bert4rec *m, struct tape *t, const struct block *b)
{
    tape_push(t, "emb");
    struct tensor *x = op_embed(t, m->item, b->item, 0, 1, m->place, b->pos, b->off[b->n], 0);
    if (m->type_emb)
        x = add_type(m, t, x);
    x = op_dropout(t, norm(t, "norm", &m->ln_emb, x), m->drop);
    tape_pop(t);
    return tape_probe(t, "emb", x);
}

/* eq. 1 and 2: MH(H) = [head_1; ..; head_h] W^O, head = softmax(Q K^T / sqrt(d/h)) V, over
 * all rows of the session: an item sees what came before it and what comes
 * after.  direction=left: only before, an ablation. */
static struct tensor *attend(const struct bert4rec *m, struct tape *t, const struct block *b,
                             const struct layer *w, struct tensor *x)
{
    tape_push(t, "attn");
    struct tensor *q = dense(t, "q", &w->q, x, ACT_NONE, 0);
    struct tensor *k = dense(t, "k", &w->k, x, ACT_NONE, 0);
    struct tensor *v = dense(t, "v", &w->v, x, ACT_NONE, 0);
    struct tensor *o =
        op_attention(t, q, k, v, b->off, b->n, m->heads, m->causal, m->drop_attn);
    o = tape_probe(t, "heads", o);
    o = tape_probe(t, "out", dense(t, "o", &w->o, o, ACT_NONE, m->drop));
    tape_pop(t);
    return o;
}

/* eq. 3: PFFN(H) = GELU(H W1 + b1) W2 + b2, row by row. */
static struct tensor *feed(const struct bert4rec *m, struct tape *t, const struct layer *w,
                           struct tensor *x)
{
    tape_push(t, "ffn");
    struct tensor *z = tape_probe(t, "hidden", dense(t, "w1", &w->f1, x, m->act, 0));
    z = dense(t, "w2", &w->f2, z, ACT_NONE, m->drop);
    tape_pop(t);
    return z;
}

/* eq. 4 to 6: A = LN(H + drop(MH(H))), Trm(H) = LN(A + drop(PFFN(A))).  norm=pre: each half
 * reads LN(x) and adds to x. */
static struct tensor *layer(const struct bert4rec *m, struct tape *t, const struct block *b,
                            int l, struct tensor *x)
{
    const struct layer *w = &m->layer[l];
    tape_push(t, "block%d", l + 1);
    if (m->pre_ln) {
        x = op_add(t, x, attend(m, t, b, w, norm(t, "norm1", &w->ln1, x)));
        x = op_add(t, x, feed(m, t, w, norm(t, "norm2", &w->ln2, x)));
    } else {
        struct tensor *a = norm(t, "norm1", &w->ln1, op_add(t, x, attend(m, t, b, w, x)));
        x = norm(t, "norm2", &w->ln2, op_add(t, a, feed(m, t, w, a)));
    }
    tape_probe(t, "out", x);
    tape_pop(t);
    return x;
}

/* eq. 7, before the product with the table: GELU(h W^P + b^P); code: a LayerNorm after
 * it.  head=plain: h itself. */
static struct tensor *answer(const struct bert4rec *m, struct tape *t, const struct block *b,
                             struct tensor *x)
{
    if (b->n_query != b->off[b->n])
        x = op_pick(t, x, b->query, b->n_query);
    if (m->pre_ln)
        x = norm(t, "last", &m->ln_last, x);
    if (m->project)
        x = dense(t, "proj", &m->proj, x, m->act, 0);
    return m->project && m->head_ln ? norm(t, "norm", &m->ln_head, x) : x;
}

/* What would fill the slot if it stopped here: beside the pass and without a gradient. */
static void lens(const struct bert4rec *m, struct tape *t, const struct block *b, int l,
                 struct tensor *x)
{
    if (tape_watched(t) < 0 || tape_training(t) || tape_env(t)->g)
        return;
    tape_push(t, "lens");
    struct tensor *s = op_head_scores(t, answer(m, t, b, x), &m->head);
    tape_pop(t);
    const char *name = arena_printf(tape_arena(t), "lens%d", l);
    if (name)
        tape_probe(t, name, s);
}

static struct tensor *encode(const void *self, struct tape *t, const struct block *b)
{
    const struct bert4rec *m = self;
    struct tensor *x = embed(m, t, b);
    lens(m, t, b, 0, x);
    for (int l = 0; l < m->layers; l++) {
        x = layer(m, t, b, l, x);
        lens(m, t, b, l + 1, x);
    }
    tape_push(t, "head");
    x = answer(m, t, b, x);
    tape_pop(t);
    return tape_probe(t, "head", x);
}

/* eq. 8: the mean over hidden places of -log p(true item), p = softmax of eq. 7 over the
 * items.  Only hidden places are queries, so nothing else can enter the
 * loss.  softmax_rows=all: over every row of the table, [mask] and padding too, as the code
 * has it (its denominator's + 1e-5 is left out). */
static void loss(const void *self, struct tape *t, const struct block *b)
{
    const struct bert4rec *m = self;
    struct tensor *h = encode(self, t, b);
    if (!m->all_rows) {
        op_head(t, h, &m->head, b);
        return;
    }
    struct block shifted = *b;
    int32_t *target = tape_alloc(t, ((size_t)b->n_query + 1) * sizeof *target);
    if (!target)
        return;
    for (int32_t q = 0; q < b->n_query; q++)
        target[q] = b->target[q] + 1;
    shifted.target = target;
    shifted.head_batch = NULL; /* that one is made for the head of the items */
    op_head(t, h, &m->head_rows, &shifted);
}

/* ---- Set-up ---- */

struct maker { /* declares the parameters of a layer, l<l>.* */
    struct params *ps;
    struct arena *mem;
    enum start start;
    int l;
};

static const char *named(const struct maker *k, const char *what)
{
    const char *s =
        k->l ? arena_printf(k->mem, "l%d.%s", k->l, what) : arena_strdup(k->mem, what);
    return s ? s : what; /* out of memory: a name taken twice, which params_build refuses */
}

static const struct param *matrix(const struct maker *k, const char *name, int32_t rows,
                                  int32_t cols, uint32_t flags)
{
    int32_t shape[] = {rows, cols};
    return k->start == START_GLOROT
               ? params_add(k->ps, named(k, name), 2, shape, INIT_XAVIER, 1, flags)
               : params_add(k->ps, named(k, name), 2, shape, INIT_TRUNC_NORMAL, 0.02f, flags);
}

static struct dense declare_dense(const struct maker *k, const char *w, const char *b,
                                  int32_t in, int32_t out)
{
    return (struct dense){matrix(k, w, in, out, 0), params_add(k->ps, named(k, b), 1, &out,
                                                               INIT_ZERO, 0, PARAM_NO_DECAY)};
}

static struct norm declare_norm(const struct maker *k, const char *gamma, const char *beta,
                                int32_t d)
{
    return norm_declare(k->ps, named(k, gamma), named(k, beta), d, LN_EPS);
}

static void declare_layer(struct layer *w, const struct maker *k, int32_t d, int32_t inner)
{
    w->q = declare_dense(k, "Wq", "bq", d, d);
    w->k = declare_dense(k, "Wk", "bk", d, d);
    w->v = declare_dense(k, "Wv", "bv", d, d);
    w->o = declare_dense(k, "Wo", "bo", d, d);
    w->ln1 = declare_norm(k, "ln1.gamma", "ln1.beta", d);
    w->f1 = declare_dense(k, "W1", "b1", d, inner);
    w->f2 = declare_dense(k, "W2", "b2", inner, d);
    w->ln2 = declare_norm(k, "ln2.gamma", "ln2.beta", d);
}

static void tune(void *self, const struct hparams *hp)
{
    struct bert4rec *m = self;
    m->drop = hp_float(hp, "dropout");
    m->drop_attn = hp_float(hp, "dropout.attn");
    m->head.gbce_t = hp_float(hp, "gbce.t");
    m->batch.rho = hp_float(hp, "mask.prob");
    m->batch.cap = hp_int(hp, "mask.cap");
    m->batch.p_last = hp_float(hp, "mask.last");
    m->batch.p_tail = hp_float(hp, "mask.tail");
    m->batch.k_max = hp_int(hp, "mask.kmax");
    m->batch.mask_other = hp_float(hp, "mask.other");
    m->batch.window_prop = hp_float(hp, "window.prop");
    m->batch.neg_alpha = hp_float(hp, "neg.alpha");
}

static void choose_loss(struct bert4rec *m, enum loss loss, int32_t neg, int32_t n_items)
{
    static const struct {
        enum head_loss loss;
        enum head_cols cols;
        enum neg_cols neg;
        int32_t usual;
    } of[] = {
        [LOSS_CE] = {HEAD_XENT, COLS_ALL, NEG_QUERY, 0},
        [LOSS_SSM] = {HEAD_SAMPLED, COLS_SESSION, NEG_SESSION, 3000},
        [LOSS_GBCE] = {HEAD_GBCE, COLS_QUERY, NEG_QUERY, 256},
    };
    int32_t most = n_items > 2 ? n_items - 1 : 1;
    m->head.loss = of[loss].loss;
    m->head.cols = of[loss].cols;
    m->batch.neg_cols = of[loss].neg;
    m->batch.n_neg = neg && loss != LOSS_CE ? neg : of[loss].usual;
    if (m->batch.n_neg > most)
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
    if (hp_num(hp, "mask.last") + hp_num(hp, "mask.tail") > 1) {
        err_set(err, ST_ARG,
                "mask.last %g and mask.tail %g are odds of one draw: together at most 1",
                hp_num(hp, "mask.last"), hp_num(hp, "mask.tail"));
        return err_hint(err, NULL, "mask.last=0.1 mask.tail=0.2");
    }
    if (hp_enum(hp, "softmax_rows") && hp_enum(hp, "loss") != LOSS_CE) {
        err_set(err, ST_ARG, "softmax_rows=all is of the full softmax, loss=ce");
        return err_hint(err, NULL, "loss=ce softmax_rows=all");
    }
    if (hp_enum(hp, "loss") == LOSS_GBCE && ds->n_items < 2)
        return err_set(err, ST_ARG, "loss=gbce needs 2 items or more, %s has %d", ds->name,
                       ds->n_items);
    return ST_OK;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    static const enum act act_of[] = {ACT_GELU, ACT_GELU_TANH, ACT_RELU};
    struct bert4rec *m = self;
    const struct hparams *hp = env->hp;
    int32_t n_items = env->ds->n_items, rows = n_items + 2;
    enum status st = check(hp, env->ds, err);
    if (st)
        return st;
    m->act = act_of[hp_enum(hp, "act")];
    m->pre_ln = hp_enum(hp, "norm") == 1;
    m->causal = hp_enum(hp, "direction") == 1;
    m->project = hp_enum(hp, "head") == 0;
    m->head_ln = hp_bool(hp, "head_ln");
    m->type_emb = hp_bool(hp, "type_emb");
    m->all_rows = hp_enum(hp, "softmax_rows") == 1;
    m->d = hp_int(hp, "d");
    m->maxlen = hp_int(hp, "maxlen");
    m->layers = hp_int(hp, "layers");
    m->heads = hp_int(hp, "heads");
    int32_t inner = hp_int(hp, "inner") ? hp_int(hp, "inner") : 4 * m->d;

    struct maker k = {.ps = ps, .mem = env->mem, .start = (enum start)hp_enum(hp, "init")};
    m->item = matrix(&k, "item.E", rows, m->d, PARAM_ROWS | PARAM_ZERO_ROW0);
    m->place = matrix(&k, "pos.P", m->maxlen, m->d, 0);
    if (m->type_emb)
        m->type = matrix(&k, "type.T", 2, m->d, 0);
    m->ln_emb = declare_norm(&k, "emb.ln.gamma", "emb.ln.beta", m->d);
    for (int l = 0; l < m->layers; l++) {
        k.l = l + 1;
        declare_layer(&m->layer[l], &k, m->d, inner);
    }
    k.l = 0;
    if (m->pre_ln)
        m->ln_last = declare_norm(&k, "last.ln.gamma", "last.ln.beta", m->d);
    if (m->project) {
        m->proj = declare_dense(&k, "head.Wp", "head.bp", m->d, m->d);
        if (m->head_ln)
            m->ln_head = declare_norm(&k, "head.ln.gamma", "head.ln.beta", m->d);
    }
    m->head = (struct head){.table = m->item, .n_items = n_items, .w_pos = 1, .w_neg = 1};
    if (hp_bool(hp, "out_bias"))
        m->head.bias = params_add(ps, "head.bout", 1, &rows, INIT_ZERO, 0, PARAM_NO_DECAY);
    m->head_rows = (struct head){.loss = HEAD_XENT,
                                 .cols = COLS_ALL,
                                 .table = m->item,
                                 .bias = m->head.bias,
                                 .id0 = 1,
                                 .n_items = rows};

    m->batch = (struct batch_spec){
        .kind = BATCH_CLOZE,
        .pos = hp_enum(hp, "pad") == PAD_RIGHT ? POS_FROM_START : POS_FROM_END,
        .size = hp_int(hp, "batch"),
        .max_len = m->maxlen,
        .n_target = 1,
        .mask_item = n_items + 1,
        .dupe = hp_enum(hp, "masking") == 1 ? hp_int(hp, "dupe") : 0,
        .with_valid = hp_bool(hp, "train_on_valid"),
    };
    choose_loss(m, (enum loss)hp_enum(hp, "loss"), hp_int(hp, "neg"), n_items);
    tune(m, hp);
    m->batch.logq = m->head.loss == HEAD_SAMPLED && m->batch.neg_alpha > 0;
    m->head.logq = m->batch.logq ? 1 : 0;
    return ST_OK;
}

static void spec(const void *self, struct batch_spec *out)
{
    *out = ((const struct bert4rec *)self)->batch;
}

static const struct head *head(const void *self)
{
    return &((const struct bert4rec *)self)->head;
}

static uint32_t traits(const void *self)
{
    const struct bert4rec *m = self;
    return (m->layers ? (uint32_t)MODEL_ATTENTION : 0) |
           (m->head.loss == HEAD_GBCE ? 0 : (uint32_t)MODEL_SOFTMAX);
}

// clang-format off
static const char *const losses[]     = {"ce", "ssm", "gbce", NULL};
static const char *const sides[]      = {"right", "left", NULL};
static const char *const acts[]       = {"gelu", "gelu_tanh", "relu", NULL};
static const char *const norms[]      = {"post", "pre", NULL};
static const char *const heads_of[]   = {"proj", "plain", NULL};
static const char *const rows_of[]    = {"items", "all", NULL};
static const char *const maskings[]   = {"dynamic", "offline", NULL};
static const char *const directions[] = {"both", "left", NULL};
static const char *const starts[]     = {"trunc_normal", "glorot", NULL};

/* The defaults are the preset `small`, measured on the generated worlds; `paper` is the paper's and its code's. */
static const struct hparam_def hparams[] = {
    HP_TRAINING(HP_ADAM, 1e-3, 0.9, 0.999, 1e-8, 128, 0, 0),
    {"d",            HP_INT,   false, 64, 1, 1024,       NULL,  "width of item vectors and states", "hidden_size"},
    {"layers",       HP_INT,   false, 2, 0, MAX_LAYERS,  NULL,  "attention blocks", "num_hidden_layers, L"},
    {"heads",        HP_INT,   false, 2, 1, 64,          NULL,  "attention heads; d is a multiple", "num_attention_heads, h"},
    {"inner",        HP_INT,   false, 0, 0, 8192,        NULL,  "hidden width of the feed-forward half; 0 = 4 d", "intermediate_size"},
    {"maxlen",       HP_INT,   false, 20, 2, 4096,       NULL,  "slots it reads, the appended mask among them", "max_seq_length, N"},
    {"dropout",      HP_FLOAT, true,  0, 0, 0.95,        NULL,  "share of numbers left out in training", "hidden_dropout_prob"},
    {"dropout.attn", HP_FLOAT, true,  0, 0, 0.95,        NULL,  "share of attention weights left out in training", "attention_probs_dropout_prob"},
    {"masking",      HP_ENUM,  false, 0, 0, 0,           maskings, "dynamic: hidden places are drawn anew every epoch; offline: once, before training (code)", NULL},
    {"dupe",         HP_INT,   false, 10, 1, 1000,       NULL,  "offline: copies of each window, beside one with its last item hidden; mask.last, mask.tail are not used", "dupe_factor"},
    {"train_on_valid", HP_BOOL, false, 0, 0, 1,          NULL,  "validation items train too (code): then only the test part tells anything", NULL},
    {"mask.prob",    HP_FLOAT, true,  0.2, 0, 1,         NULL,  "share of a session's items hidden; at least one", "rho, masked_lm_prob"},
    {"mask.cap",     HP_INT,   true,  0, 0, 4096,        NULL,  "never hide more than this many; 0 = no cap", "max_predictions_per_seq"},
    {"mask.last",    HP_FLOAT, true,  1.0 / 11, 0, 1,    NULL,  "odds of a sample with its last item hidden alone, as in prediction", "p_last, 1/(dupe_factor+1)"},
    {"mask.tail",    HP_FLOAT, true,  0, 0, 1,           NULL,  "odds of a sample with its last 1..mask.kmax items hidden: several steps ahead", "p_tail"},
    {"mask.kmax",    HP_INT,   true,  5, 1, 100,         NULL,  "mask.tail: most items hidden at the end", "kmax"},
    {"mask.other",   HP_FLOAT, true,  0, 0, 1,           NULL,  "share of chosen places not hidden: half keep their item, half read another", "1 - mask_prob"},
    {"window.prop",  HP_FLOAT, true,  0.5, 0.01, 1,      NULL,  "windows of a long session start this share of maxlen apart", "prop_sliding_window"},
    {"pad",          HP_ENUM,  false, PAD_RIGHT, 0, 0,   sides, "right: positions count from a window's first item; left: the last slot is always the same", NULL},
    {"act",          HP_ENUM,  false, 0, 0, 0,           acts,  "activation; gelu is the exact one", "hidden_act"},
    {"norm",         HP_ENUM,  false, 0, 0, 0,           norms, "LayerNorm after each sum (post) or before each half (pre)", NULL},
    {"type_emb",     HP_BOOL,  false, 0, 0, 1,           NULL,  "one learned vector added everywhere (code)", "token_type_embeddings"},
    {"head",         HP_ENUM,  false, 0, 0, 0,           heads_of, "proj: a projection before the item table; plain: none (2023 code)", NULL},
    {"head_ln",      HP_BOOL,  false, 1, 0, 1,           NULL,  "LayerNorm after the projection (code; not in the paper)", NULL},
    {"out_bias",     HP_BOOL,  false, 1, 0, 1,           NULL,  "a bias an item at the output", NULL},
    {"softmax_rows", HP_ENUM,  false, 0, 0, 0,           rows_of, "softmax over the items, or over all rows of the table with [mask] and padding (code)", NULL},
    {"direction",    HP_ENUM,  false, 0, 0, 0,           directions, "both: sees both sides; left: only what came before, an ablation", NULL},
    {"loss",         HP_ENUM,  false, LOSS_CE, 0, 0,     losses, "ce = full softmax; ssm = sampled softmax; gbce = gSASRec's", NULL},
    {"neg",          HP_INT,   false, 0, 0, 100000,      NULL,  "negatives: a session's (ssm), a target's (gbce); 0 = usual: 3000, 256", NULL},
    {"neg.alpha",    HP_FLOAT, false, 0, 0, 2,           NULL,  "negatives drawn by popularity to this power; 0 = evenly", NULL},
    {"gbce.t",       HP_FLOAT, true,  0.75, 0, 1,        NULL,  "gbce: 0 = plain bce, 1 = calibrated", "t"},
    {"init",         HP_ENUM,  false, START_GLOROT, 0, 0, starts, "start values; trunc_normal: sd .02, cut at 2 sd (code)", NULL},
    {.name = NULL},
};

#define PAPER "masking=offline dupe=10 opt=bertadam lr=0.0001 beta1=0.9 beta2=0.999 eps=1e-6 wd=0.01 clip=5 warmup=100 batch=256 mask.last=0.0909090909 " \
              "mask.tail=0 mask.other=0 pad=right act=gelu norm=post type_emb=1 head=proj head_ln=1 out_bias=1 softmax_rows=all " \
              "direction=both loss=ce init=trunc_normal "
#define LATER "masking=dynamic train_on_valid=0 opt=adam lr=0.001 beta1=0.9 beta2=0.999 eps=1e-8 wd=0 clip=0 warmup=0 decay_steps=0 batch=128 mask.last=0.0909090909 " \
              "mask.tail=0 mask.other=0 mask.cap=0 pad=right act=gelu norm=post type_emb=0 head=proj head_ln=1 out_bias=1 " \
              "softmax_rows=items direction=both loss=ce d=64 layers=2 heads=2 inner=256 mask.prob=0.2 "
static const struct preset_def presets[] = {
    {"small",        "generated worlds: a flat loss for a thousand steps or two, then it finds the pattern",
     LATER "maxlen=20 dropout=0 dropout.attn=0 init=glorot"},
    {"modern",       "laptop, user histories: some hundred epochs; fewer are the usual reason for bad figures",
     LATER "maxlen=50 dropout=0.1 dropout.attn=0.1 init=trunc_normal"},
    {"tail",         "as small, and trained for several steps ahead: a fifth of the samples hide their last 1 to 5 items",
     LATER "maxlen=20 dropout=0 dropout.attn=0 init=glorot mask.last=0.1 mask.tail=0.2 mask.kmax=5"},
    {"paper",        "the paper and its code on MovieLens-1M",
     PAPER "d=64 layers=2 heads=2 inner=256 maxlen=200 mask.prob=0.2 mask.cap=40 window.prop=0.5 dropout=0.2 dropout.attn=0.2 decay_steps=400000"},
    {"paper-ml20m",  "the paper and its code on MovieLens-20M: long windows are hidden at 10 %",
     PAPER "d=64 layers=2 heads=2 inner=256 maxlen=200 mask.prob=0.2 mask.cap=20 window.prop=0.5 dropout=0.1 dropout.attn=0.1 decay_steps=400000"},
    {"paper-beauty", "the paper and its code on Amazon Beauty",
     PAPER "d=64 layers=2 heads=2 inner=256 maxlen=50 mask.prob=0.6 mask.cap=30 window.prop=0.1 dropout=0.5 dropout.attn=0.2 decay_steps=400000"},
    {"paper-steam",  "the paper and its code on Steam",
     PAPER "d=256 layers=2 heads=8 inner=1024 maxlen=50 mask.prob=0.4 mask.cap=20 window.prop=0.5 dropout=0.2 dropout.attn=0.2 decay_steps=800000"},
    {.name = NULL},
};

static const struct probe_def probes[] = {
    {"emb",               "(R,d)",             "what the first block reads: item plus position, normalised", "emb"},
    {"block*.attn.score", "(h,T,T) a session", "Q K^T / sqrt(d/h), before the softmax", NULL},
    {"block*.attn.prob",  "(h,T,T) a session", "who looks at whom: row = reader, columns sum to 1; both sides are seen", "attn[l]"},
    {"block*.attn.heads", "(R,d)",             "what each head brings, d/heads columns a head, before W^O mixes them", NULL},
    {"block*.attn.out",   "(R,d)",             "what attention brings", NULL},
    {"block*.ffn.hidden", "(R,I)",             "hidden units", NULL},
    {"block*.out",        "(R,d)",             "the state after a block", "layer_out[l]"},
    {"head",              "(queries,d)",       "the masked slot's state as it is scored against all items", "head"},
    {"lens*",             "(queries,V+1)",     "scores if it stopped here: 0 after the input, l after block l; when a session is watched, not in training", "lens[l]"},
    {.name = NULL},
};
// clang-format on

const struct model_def model_bert4rec = {
    .name = "bert4rec",
    .title = "BERT4Rec",
    .paper = "Sun et al. 2019, BERT4Rec: Sequential Recommendation with Bidirectional Encoder "
             "Representations, arXiv 1904.06690",
    .doc = "Learns by filling in: some items of a session are hidden, and it guesses them from "
           "both sides. To recommend, a hidden slot is put after the last item. Its loss stays "
           "flat long before it falls, and quality creeps up long after: do not stop it early. "
           "Defaults are the preset small, not the paper's; preset=paper is.",
    .flags = MODEL_ATTENTION | MODEL_SOFTMAX,
    .hparams = hparams,
    .presets = presets,
    .probes = probes,
    .self_size = sizeof(struct bert4rec),
    .init = init,
    .tune = tune,
    .spec = spec,
    .traits = traits,
    .head = head,
    .encode = encode,
    .loss = loss,
};
