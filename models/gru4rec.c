/* GRU4Rec: a gated recurrent unit reads a session item by item; its state, a running
 * summary, is scored against a vector an item. Hidasi et al., "Session-based Recommendations
 * with Recurrent Neural Networks", ICLR 2016, arXiv 1511.06939 [P1]; Hidasi & Karatzoglou,
 * CIKM 2018, arXiv 1706.03847 [P2]; "code" is the authors' program (hidasib/GRU4Rec), which
 * wins where they differ.
 *
 * Sessions run side by side in the lanes of a batch (P1, 3.1.1).  A lane's state lives on
 * between steps as a PARAM_STATE and is zero again where a new session begins.  Nothing
 * flows back over the end of a step: bptt=1, the authors' way, learns from the last click
 * alone; bptt=k makes one step of k clicks a lane, through which gradients flow.
 *
 * Notation: I items (ids 1..I, no padding), B lanes, H units of a layer, D its input; column
 * blocks of Wx and Bh: candidate, reset, update; of Wrz: reset, update. */
#include "models/models.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MAX_LAYERS = 4 };

enum embed { EMBED_TIED, EMBED_SEPARATE, EMBED_ONEHOT };
enum loss { LOSS_XE, LOSS_BPR, LOSS_TOP1, LOSS_BPR_MAX, LOSS_TOP1_MAX };
enum negs { NEGS_AUTO, NEGS_ALL, NEGS_BATCH, NEGS_EXTRA };
enum { USUAL_EXTRA = 2048 };

struct layer {
    int32_t h;
    const struct param *wx, *wh, *wrz, *bh;
    const struct param *lanes; /* (B,H) the state after each lane's last click */
};
struct gru4rec {
    enum embed embed;
    bool reset_after;
    int layers;
    float drop, drop_embed;
    /* what an input item is looked up in: Wy, E, or the first layer's Wx */
    const struct param *item;
    struct layer layer[MAX_LAYERS];
    struct head head;
    struct batch_spec batch;
};

/* ---- Forward ---- */

/* The cell.  before: c = tanh(x_c + (r * h) Wh), h' = (1 - z) h + z c (code).  after: c =
 * tanh(x_c + r * (h Wh)), h' = (1 - z) c + z h, the libraries' cell, which the authors'
 * PyTorch program uses with embeddings. */
static struct gru_cell cell(const struct gru4rec *m, struct tape *t, const struct layer *w,
                            struct tensor *xg)
{
    struct gru_cell c = {
        .h = w->h, .reset_after = m->reset_after, .update_keeps = m->reset_after};
    struct tensor *wrz = tape_param(t, w->wrz);
    gru_thirds(c.x, xg, w->h, 1, 2, 0);
    c.w[GRU_CAND] = (struct cols){tape_param(t, w->wh), 0};
    c.w[GRU_RESET] = (struct cols){wrz, 0};
    c.w[GRU_UPDATE] = (struct cols){wrz, w->h};
    return c;
}

/* States before each piece's first click: zero where a session begins, else what its lane
 * carries.  NULL: all begin. */
static struct tensor *states_before(struct tape *t, const struct block *b,
                                    const struct layer *w)
{
    bool goes_on = false;
    for (int32_t s = 0; b->lane && s < b->n; s++)
        goes_on |= !b->fresh[s];
    if (!goes_on)
        return NULL;
    struct tensor *h0 = tape_input(t, NULL, 2, (int32_t[]){b->n, w->h});
    if (tape_failed(t))
        return h0;
    for (int32_t s = 0; s < b->n; s++)
        if (!b->fresh[s])
            memcpy(h0->x + (size_t)s * (size_t)h0->ld,
                   tape_env(t)->x + w->lanes->at + (size_t)b->lane[s] * (size_t)w->lanes->ld,
                   (size_t)w->h * sizeof(real));
    return h0;
}

/* What the next step begins with: the state after each piece's last click, as
 * dropped.  Where a lane stands twice the later piece is written later. */
static void carry(struct tape *t, const struct block *b, const struct layer *w,
                  const struct tensor *y)
{
    if (!b->lane || tape_failed(t))
        return;
    struct tensor *last = tape_tensor_raw(t, 2, (int32_t[]){b->n, w->h});
    if (tape_failed(t))
        return;
    for (int32_t s = 0; s < b->n; s++)
        memcpy(last->x + (size_t)s * (size_t)last->ld,
               y->x + (size_t)(b->off[s + 1] - 1) * (size_t)y->ld, (size_t)w->h * sizeof(real));
    tape_carry(t, w->lanes, b->lane, last);
}

/* Click by click, because the dropped state is what the next click starts from (code).  Rows
 * of click i are those of the pieces that are longer than i; the outputs are put back in
 * their rows one after the other. */
static struct tensor *unrolled(const struct gru4rec *m, struct tape *t, const struct block *b,
                               const struct layer *w, struct tensor *xg, struct tensor *h0,
                               int32_t longest)
{
    const int32_t rows = b->off[b->n];
    struct tensor *y = NULL, *prev = h0;
    /* a piece's row in the click before */
    int32_t *at = tape_alloc(t, (size_t)(b->n + 1) * sizeof *at);
    if (!at)
        return tape_bad(t);
    for (int32_t i = 0; i < longest && !tape_failed(t); i++) {
        int32_t n = 0;
        int32_t *in = tape_alloc(t, (size_t)(b->n + 1) * sizeof *in),
                *from = tape_alloc(t, (size_t)(b->n + 1) * sizeof *from);
        int32_t *back = tape_alloc(t, (size_t)(rows + 1) * sizeof *back);
        if (tape_failed(t))
            break;
        for (int32_t r = 0; r < rows; r++)
            back[r] = -1;
        for (int32_t s = 0; s < b->n; s++) {
            if (b->off[s + 1] - b->off[s] <= i)
                continue;
            in[n] = b->off[s] + i;
            from[n] = i ? at[s] : s;
            back[in[n]] = at[s] = n;
            n++;
        }
        tape_push(t, "click%d", i + 1);
        struct gru_cell c = cell(m, t, w, op_pick(t, xg, in, n));
        struct tensor *h = op_gru(t, &c, prev ? op_pick(t, prev, from, n) : NULL, NULL, n);
        prev = op_dropout(t, h, m->drop);
        struct tensor *put = op_pick(t, prev, back, rows);
        y = y ? op_add(t, y, put) : put;
        tape_pop(t);
    }
    return y ? y : tape_bad(t);
}

/* P1 eq. 1 to 4; r = sigma(x_r + h Wr), z = sigma(x_z + h Wz) with x = v Wx + Bh.  A one-hot
 * input's product is a row of Wx. */
static struct tensor *layer(const struct gru4rec *m, struct tape *t, const struct block *b,
                            int l, struct tensor *v)
{
    const struct layer *w = &m->layer[l];
    int32_t longest = 0;
    for (int32_t s = 0; s < b->n; s++)
        longest = b->off[s + 1] - b->off[s] > longest ? b->off[s + 1] - b->off[s] : longest;
    tape_push(t, "gru%d", l + 1);
    struct tensor *xg =
        l == 0 && m->embed == EMBED_ONEHOT
            ? op_add(t, v, tape_param(t, w->bh))
            : op_linear(t, v, tape_param(t, w->wx), tape_param(t, w->bh), ACT_NONE, 0);
    struct tensor *h0 = states_before(t, b, w), *y;
    if (tape_training(t) && m->drop > 0 && longest > 1) {
        y = tape_probe(t, "state", unrolled(m, t, b, w, xg, h0, longest));
    } else {
        struct gru_cell c = cell(m, t, w, xg);
        y = op_dropout(t, tape_probe(t, "state", op_gru(t, &c, h0, b->off, b->n)), m->drop);
    }
    carry(t, b, w, y);
    tape_pop(t);
    return y;
}

static struct tensor *embed(const struct gru4rec *m, struct tape *t, const struct block *b)
{
    int32_t rows = b->off[b->n];
    tape_push(t, "emb");
    struct tensor *e = m->embed == EMBED_ONEHOT ? op_rows(t, m->item, b->item, rows, 1)
                                                : op_embed(t, m->item, b->item, 1, 1, NULL,
                                                           NULL, rows, m->drop_embed);
    tape_pop(t);
    return tape_probe(t, "emb", e);
}

static struct tensor *encode(const void *self, struct tape *t, const struct block *b)
{
    const struct gru4rec *m = self;
    struct tensor *x = embed(m, t, b);
    for (int l = 0; l < m->layers; l++)
        x = layer(m, t, b, l, x);
    if (b->n_query != b->off[b->n])
        x = op_pick(t, x, b->query, b->n_query);
    return tape_probe(t, "final", x);
}
/* What stands in the lanes, for whoever watches a step. */
static void show_lanes(struct tape *t, const struct block *b)
{
    int32_t rows = b->off[b->n];
    struct tensor *slot = tape_input(t, NULL, 2, (int32_t[]){b->n, 1}),
                  *fresh = tape_input(t, NULL, 2, (int32_t[]){b->n, 1});
    struct tensor *in = tape_input(t, NULL, 2, (int32_t[]){rows, 1}),
                  *pos = tape_input(t, NULL, 2, (int32_t[]){rows, 1});
    struct tensor *target = tape_input(t, NULL, 2, (int32_t[]){b->n_query, 1});
    if (tape_failed(t))
        return;
    for (int32_t s = 0; s < b->n; s++) {
        slot->x[(size_t)s * (size_t)slot->ld] = (real)(b->session[s] + 1);
        fresh->x[(size_t)s * (size_t)fresh->ld] = (real)(!b->fresh || b->fresh[s]);
    }
    for (int32_t r = 0; r < rows; r++) {
        in->x[(size_t)r * (size_t)in->ld] = (real)b->item[r];
        pos->x[(size_t)r * (size_t)pos->ld] = (real)(b->pos[r] + 1);
    }
    for (int32_t q = 0; q < b->n_query; q++)
        target->x[(size_t)q * (size_t)target->ld] = (real)b->target[q];
    tape_push(t, "lane");
    tape_probe(t, "session", slot);
    tape_probe(t, "fresh", fresh);
    tape_probe(t, "item", in);
    tape_probe(t, "pos", pos);
    tape_probe(t, "target", target);
    tape_pop(t);
}

static void loss(const void *self, struct tape *t, const struct block *b)
{
    const struct gru4rec *m = self;
    struct tensor *h = encode(self, t, b);
    if (tape_watched(t) >= 0) {
        show_lanes(t, b);
        head_watch(t, h, &m->head, b);
    }
    op_head(t, h, &m->head, b);
}
/* R = h Wy^T + By, and the losses on it (P1 3.1.3, P2, code), by the head: the columns are
 * all items, or every target of the batch and the draws.  A query's weight is 1/B however
 * many lanes are still alive (code). */

/* ---- Set-up ---- */

struct maker {
    struct params *ps;
    struct arena *mem;
    bool normal;
    float sigma; /* 0: sqrt(6 / (in + out)) of each gate's own matrix */
};

static const struct param *matrix(const struct maker *k, const char *name, int32_t in,
                                  int32_t out, int32_t gates, uint32_t flags)
{
    int32_t shape[] = {in, gates * out};
    float fans = (float)in + (float)out;
    enum init_kind kind = k->normal ? INIT_NORMAL : INIT_UNIFORM;
    return params_add(k->ps, name, 2, shape, kind, k->sigma > 0 ? k->sigma : sqrtf(6 / fans),
                      flags);
}

static const char *named(const struct maker *k, int l, const char *what)
{
    const char *s = arena_printf(k->mem, "gru%d.%s", l + 1, what);
    return s ? s : what; /* out of memory: a name taken twice, which params_build refuses */
}

static void declare_layer(struct layer *w, const struct maker *k, int l, int32_t in,
                          bool onehot, int32_t lanes)
{
    int32_t h = w->h, biases = 3 * h, state[] = {lanes, h};
    w->wx = matrix(k, named(k, l, "Wx"), in, h, 3, onehot ? PARAM_ROWS : 0);
    w->wh = matrix(k, named(k, l, "Wh"), h, h, 1, 0);
    w->wrz = matrix(k, named(k, l, "Wrz"), h, h, 2, 0);
    w->bh = params_add(k->ps, named(k, l, "Bh"), 1, &biases, INIT_ZERO, 0, PARAM_NO_DECAY);
    w->lanes = params_add(k->ps, named(k, l, "lanes"), 2, state, INIT_ZERO, 0, PARAM_STATE);
}

static void tune(void *self, const struct hparams *hp)
{
    struct gru4rec *m = self;
    m->drop = hp_float(hp, "dropout");
    m->drop_embed = hp_float(hp, "dropout.embed");
    m->head.bpreg = hp_float(hp, "bpreg");
    m->head.smooth = hp_float(hp, "smoothing");
    m->head.mask_dup = hp_bool(hp, "mask_dup");
    m->batch.neg_alpha = hp_float(hp, "neg.alpha");
}

static enum status check(const struct hparams *hp, struct err *err)
{
    enum loss loss = (enum loss)hp_enum(hp, "loss");
    enum negs negs = (enum negs)hp_enum(hp, "negatives");
    bool all = negs == NEGS_ALL || (negs == NEGS_AUTO && loss == LOSS_XE);
    int32_t width[MAX_LAYERS + 4];
    int n = hp_list(hp, "hidden", width, MAX_LAYERS + 4);
    if (n > MAX_LAYERS) {
        err_set(err, ST_ARG, "hidden: %d layers, at most %d", n, MAX_LAYERS);
        return err_hint(err, NULL, "hidden=100,100");
    }
    if (all && loss != LOSS_XE) {
        err_set(err, ST_ARG,
                "negatives=all goes with loss=xe; the ranking losses compare with draws");
        return err_hint(err, NULL, "negatives=extra");
    }
    if (hp_num(hp, "logq") > 0 && loss != LOSS_XE) {
        err_set(err, ST_ARG, "logq corrects a softmax: loss=xe only");
        return err_hint(err, NULL, "logq=0");
    }
    if (hp_num(hp, "logq") > 0 && all) {
        err_set(err, ST_ARG,
                "logq corrects for draws by popularity; negatives=all draws nothing");
        return err_hint(err, NULL, "negatives=extra logq=%g", hp_num(hp, "logq"));
    }
    if (hp_num(hp, "smoothing") > 0 && loss != LOSS_XE) {
        err_set(err, ST_ARG, "smoothing is of labels of a softmax: loss=xe only");
        return err_hint(err, NULL, "smoothing=0");
    }
    return ST_OK;
}

static void choose_loss(struct gru4rec *m, const struct hparams *hp, int32_t n_items)
{
    static const enum head_loss loss_of[] = {HEAD_XENT, HEAD_BPR, HEAD_TOP1, HEAD_BPR_MAX,
                                             HEAD_TOP1_MAX};
    static const enum act act_of[] = {ACT_NONE, ACT_RELU, ACT_TANH, ACT_RELU, ACT_ELU, ACT_ELU};
    enum loss loss = (enum loss)hp_enum(hp, "loss");
    enum negs negs = (enum negs)hp_enum(hp, "negatives");
    int act = hp_enum(hp, "final_act");
    if (negs == NEGS_AUTO)
        negs = loss == LOSS_XE ? NEGS_ALL : NEGS_EXTRA;
    int32_t neg = hp_int(hp, "neg")       ? hp_int(hp, "neg")
                  : n_items < USUAL_EXTRA ? n_items
                                          : USUAL_EXTRA;
    m->head.loss = loss_of[loss];
    m->head.cols = negs == NEGS_ALL ? COLS_ALL : COLS_BATCH;
    m->head.act = loss == LOSS_XE ? ACT_NONE : act_of[act];
    m->head.act_a = act == 1 ? 0 : hp_float(hp, "act.a");
    m->head.act_l = act == 5 ? hp_float(hp, "act.l") : 1;
    m->head.logq = hp_float(hp, "logq");
    m->head.neg_only = hp_bool(hp, "loss_neg_only");
    m->batch.neg_cols = negs == NEGS_ALL ? NEG_QUERY : NEG_BATCH;
    m->batch.n_neg = negs == NEGS_EXTRA ? neg : 0;
    m->batch.logq = m->head.logq > 0;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    struct gru4rec *m = self;
    const struct hparams *hp = env->hp;
    int32_t n_items = env->ds->n_items, width[MAX_LAYERS];
    enum status st = check(hp, err);
    if (st)
        return st;
    m->embed = (enum embed)hp_enum(hp, "embed");
    m->reset_after = hp_enum(hp, "gru_cell") == 1;
    m->layers = hp_list(hp, "hidden", width, MAX_LAYERS);
    m->batch = (struct batch_spec){
        .kind = BATCH_PARALLEL,
        .size = hp_int(hp, "batch"),
        .n_target = 1,
        .bptt = hp_int(hp, "bptt"),
        .file_order = !hp_bool(hp, "time_sort"),
        .shuffle = hp_bool(hp, "shuffle"),
    };

    struct maker k = {.ps = ps,
                      .mem = env->mem,
                      .normal = hp_enum(hp, "init") == 1,
                      .sigma = hp_float(hp, "sigma")};
    int32_t top = width[m->layers - 1], in = m->embed == EMBED_TIED ? top : hp_int(hp, "d");
    if (m->embed == EMBED_SEPARATE)
        m->item = matrix(&k, "E", n_items, in, 1, PARAM_ROWS);
    if (m->embed == EMBED_ONEHOT)
        in = n_items;
    for (int l = 0; l < m->layers; l++) {
        m->layer[l].h = width[l];
        declare_layer(&m->layer[l], &k, l, in, l == 0 && m->embed == EMBED_ONEHOT,
                      m->batch.size);
        in = width[l];
    }
    m->head = (struct head){
        .table = matrix(&k, "Wy", n_items, top, 1, PARAM_ROWS), .id0 = 1, .n_items = n_items};
    m->head.bias = params_add(ps, "By", 1, &n_items, INIT_ZERO, 0, PARAM_NO_DECAY);
    if (m->embed != EMBED_SEPARATE)
        m->item = m->embed == EMBED_TIED ? m->head.table : m->layer[0].wx;
    choose_loss(m, hp, n_items);
    tune(m, hp);
    return ST_OK;
}

static void spec(const void *self, struct batch_spec *out)
{
    *out = ((const struct gru4rec *)self)->batch;
}

static const struct head *head(const void *self)
{
    return &((const struct gru4rec *)self)->head;
}

static uint32_t traits(const void *self)
{
    const struct gru4rec *m = self;
    return (uint32_t)MODEL_GATES | (m->head.loss == HEAD_XENT ? (uint32_t)MODEL_SOFTMAX : 0);
}

// clang-format off
static const char *const embeds[] = {"tied", "separate", "onehot", NULL};
static const char *const cells[]  = {"before", "after", NULL};
static const char *const losses[] = {"xe", "bpr", "top1", "bpr-max", "top1-max", NULL};
static const char *const acts[]   = {"linear", "relu", "tanh", "leaky", "elu", "selu", NULL};
static const char *const negs[]   = {"auto", "all", "batch", "extra", NULL};
static const char *const starts[] = {"uniform", "normal", NULL};

/* The defaults are the preset `small`, measured on the generated worlds; the others are the authors'. */
static const struct hparam_def hparams[] = {
    HP_TRAINING(HP_ADAGRAD, 0.1, 0.9, 0.999, 1e-6, 32, 0, 0),
    {"hidden",        HP_LIST,  false, 64, 1, 4096,     NULL,   "units of each layer: 100 or 100,50", "layers"},
    {"embed",         HP_ENUM,  false, EMBED_TIED, 0, 0, embeds,"input items: the output's vectors, a table of their own, or a row of the first layer's weights", "constrained_embedding, embedding"},
    {"d",             HP_INT,   false, 64, 1, 4096,     NULL,   "embed=separate: width of the input vectors", "embedding"},
    {"gru_cell",      HP_ENUM,  false, 0, 0, 0,         cells,  "reset gate before the product (the authors') or after it (libraries')", NULL},
    {"dropout",       HP_FLOAT, true,  0, 0, 0.95,      NULL,   "share of state numbers left out in training", "dropout_p_hidden"},
    {"dropout.embed", HP_FLOAT, true,  0, 0, 0.95,      NULL,   "share of input numbers left out in training; not with onehot", "dropout_p_embed"},
    {"bptt",          HP_INT,   false, 10, 1, 100,      NULL,   "clicks a step through which it learns; 1 is the authors'", NULL},
    {"loss",          HP_ENUM,  false, LOSS_XE, 0, 0,   losses, "xe = softmax; bpr, top1 = 2016; bpr-max, top1-max = 2018", "loss"},
    {"final_act",     HP_ENUM,  false, 0, 0, 0,         acts,   "activation of scores before a ranking loss", "final_act"},
    {"act.a",         HP_FLOAT, false, 0.5, 0, 10,      NULL,   "slope (leaky) or depth (elu, selu) below zero", "elu-0.5"},
    {"act.l",         HP_FLOAT, false, 1.0507, 0.01, 10, NULL,  "selu: factor of the whole; the usual selu has act.a=1.67326", "selu-l-a"},
    {"negatives",     HP_ENUM,  false, NEGS_AUTO, 0, 0, negs,   "compared with all items, the batch's other targets, or those and extra draws; auto: xe all, else extra", NULL},
    {"neg",           HP_INT,   false, 0, 0, 100000,    NULL,   "extra draws a step, shared by all lanes; 0 = 2048, or the catalogue if smaller", "n_sample"},
    {"neg.alpha",     HP_FLOAT, true,  0.75, 0, 2,      NULL,   "extra draws by popularity to this power", "sample_alpha"},
    {"logq",          HP_FLOAT, false, 0, 0, 2,         NULL,   "xe with draws: subtract this times log popularity of each column", "logq"},
    {"bpreg",         HP_FLOAT, true,  1, 0, 100,       NULL,   "bpr-max: weight of the squared negative scores", "bpreg"},
    {"smoothing",     HP_FLOAT, true,  0, 0, 0.9,       NULL,   "xe: label smoothing", "smoothing"},
    {"mask_dup",      HP_BOOL,  true,  0, 0, 1,         NULL,   "leave out columns that repeat a row's own target (the authors keep them)", NULL},
    {"loss_neg_only", HP_BOOL,  false, 0, 0, 1,         NULL,   "bpr, top1: mean over the negatives (2016 paper) instead of the code's sums", NULL},
    {"time_sort",     HP_BOOL,  false, 1, 0, 1,         NULL,   "sessions in order of their first event, else of the file", "time_sort"},
    {"shuffle",       HP_BOOL,  false, 0, 0, 1,         NULL,   "sessions in an order drawn anew every epoch instead", "train_random_order"},
    {"init",          HP_ENUM,  false, 0, 0, 0,         starts, "start values; uniform: +-sqrt(6/(in+out)) a gate", "init_as_normal"},
    {"sigma",         HP_FLOAT, false, 0, 0, 1,         NULL,   "width of the start values; 0 = by size", "sigma"},
    {.name = NULL},
};

#define ALIKE "opt=adagrad eps=1e-6 wd=0 clip=0 warmup=0 decay_steps=0 gru_cell=before mask_dup=0 smoothing=0 time_sort=1 shuffle=0 init=uniform sigma=0 "
static const struct preset_def presets[] = {
    {"small",       "generated worlds: full softmax, ten clicks a step",
     ALIKE "hidden=64 embed=tied loss=xe final_act=linear negatives=all logq=0 batch=32 bptt=10 lr=0.1 momentum=0 dropout=0 dropout.embed=0 loss_neg_only=0"},
    {"classic2016", "the 2016 paper: one-hot input, top1, tanh, the batch's other targets as negatives",
     ALIKE "hidden=100 embed=onehot loss=top1 final_act=tanh negatives=batch logq=0 batch=50 bptt=1 lr=0.01 momentum=0 dropout=0.5 dropout.embed=0 loss_neg_only=1"},
    {"topk2018",    "the 2018 paper: bpr-max with 2048 extra draws",
     ALIKE "hidden=100 embed=onehot loss=bpr-max final_act=elu act.a=0.5 negatives=extra neg=2048 neg.alpha=0 logq=0 bpreg=1 batch=32 bptt=1 lr=0.1 momentum=0 dropout=0 dropout.embed=0 loss_neg_only=0"},
    {"modern",      "the authors' setting of RetailRocket: tied vectors, bpr-max",
     ALIKE "hidden=224 embed=tied loss=bpr-max final_act=elu act.a=0.5 negatives=extra neg=2048 neg.alpha=0.4 logq=0 bpreg=1.95 batch=80 bptt=1 lr=0.05 momentum=0.4 dropout=0.05 dropout.embed=0.5 loss_neg_only=0"},
    {"modern-xe",   "the authors' setting of Yoochoose, for large data: softmax over draws, corrected for popularity",
     ALIKE "hidden=480 embed=tied loss=xe final_act=linear negatives=extra neg=2048 neg.alpha=0.2 logq=1 batch=48 bptt=1 lr=0.07 momentum=0 dropout=0.2 dropout.embed=0 loss_neg_only=0"},
    {.name = NULL},
};

static const struct probe_def probes[] = {
    {"emb",         "(R,D)",           "the vector an item is read as", "g4r.embed"},
    {"gru*.reset",  "(T,H) a session", "0: the candidate ignores that unit's past, 1: it sees it", "g4r.r[l]"},
    {"gru*.update", "(T,H) a session", "how much of each unit a click rewrites: 0 keeps, 1 replaces (gru_cell=after: the other way)", "g4r.z[l]"},
    {"gru*.cand",   "(T,H) a session", "what it would write", "g4r.cand[l]"},
    {"gru*.state",  "(R,H)",           "the running summary after each click", "g4r.h[l]"},
    {"final",       "(queries,H)",     "the state that is scored against all items", NULL},
    {"lane.session","(lanes,1)",       "a step of training: which session stands in each lane", "g4r.slot"},
    {"lane.fresh",  "(lanes,1)",       "1: the session begins here, the lane's state is wiped", "g4r.reset"},
    {"lane.item",   "(R,1)",           "the clicks that are read", "g4r.in"},
    {"lane.pos",    "(R,1)",           "their places in their sessions, from 1", "g4r.pos"},
    {"lane.target", "(queries,1)",     "the clicks that follow: the positives", "g4r.tgt"},
    {"head.cols",   "(1,N)",           "the items that are compared: the batch's targets, then the draws; or all", "g4r.samples"},
    {"head.logq",   "(1,N)",           "taken off each column's score in training", "g4r.logq"},
    {"head.scores", "(queries,N)",     "raw scores; a query's positive is its own target's column", "g4r.scores"},
    {"head.prob",   "(queries,N)",     "their softmax", "g4r.prob"},
    {"head.negw",   "(queries,N)",     "softmax over the negatives alone: which of them teaches in the -max losses", "g4r.negw"},
    {"head.rank",   "(queries,1)",     "rank of the positive among the columns", "g4r.rank"},
    {"head.rowloss","(queries,1)",     "each query's loss", "g4r.rowloss"},
    {.name = NULL},
};
// clang-format on

const struct model_def model_gru4rec = {
    .name = "gru4rec",
    .title = "GRU4Rec",
    .paper = "Hidasi et al. 2016, Session-based Recommendations with Recurrent Neural "
             "Networks, arXiv 1511.06939",
    .doc = "Reads a session click by click and keeps a summary of it; gates decide how much of "
           "the summary each click rewrites. Sessions run side by side in lanes, and a lane's "
           "summary is wiped when its session ends. Defaults are the preset small: full "
           "softmax and bptt=10, because with the authors' bptt=1 it never learns to hold on "
           "to an early click.",
    .flags = MODEL_GATES | MODEL_SOFTMAX,
    .hparams = hparams,
    .presets = presets,
    .probes = probes,
    .self_size = sizeof(struct gru4rec),
    .init = init,
    .tune = tune,
    .spec = spec,
    .traits = traits,
    .head = head,
    .encode = encode,
    .loss = loss,
};
