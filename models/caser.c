/* Caser: the last L items lie on top of each other as a picture of L rows and d columns;
 * horizontal filters look for runs of items that form a pattern wherever it sits, vertical
 * filters weigh the rows.
 * Tang & Wang, "Personalized Top-N Sequential Recommendation via Convolutional Sequence
 * Embedding", WSDM 2018, arXiv 1809.07426 [P]; section and equation numbers are the
 * paper's.  "code" is the authors' PyTorch program (graytowne/caser_pytorch), which wins
 * where they differ, "first code" their older Matlab one.
 *
 * Notation: I items, 0 fills a window on the left and reads a row of zeros; L rows of a
 * window, T targets after it; nv vertical filters, nh horizontal ones of each height 1..L; F
 * = nv d + nh L features; y = x W + b with W (in,out). */
#include "models/caser_fit.h"
#include "models/caser_tail.h"
#include "models/models.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum branch { BRANCH_HV, BRANCH_H, BRANCH_V };
enum output { OUTPUT_SEPARATE, OUTPUT_TIED };
enum loss { LOSS_SOFTMAX, LOSS_BCE };
enum sum_by { NORM_GROUP_MEAN, NORM_COUNT, NORM_INSTANCE_SUM };
enum anon { ANON_MEAN, ANON_ZERO, ANON_FIT };

struct caser {
    enum branch branch;
    enum act phi_c, phi_a;
    enum pool_kind pool;
    enum sum_by norm;
    enum anon anon;
    bool known_users;
    int32_t d, rows; /* rows: L */
    float dropout;
    const struct param *item, *user; /* Q (I+1,d); P (U,d) or NULL */
    struct dense v, h[CASER_MAX_L];  /* h[i]: height i+1 */
    struct dense fc, tie;            /* eq. 9; the projection of output=tied */
    enum caser_tail tail;            /* in place of fc */
    struct caser_mix mix;
    struct caser_latent latent;
    struct head head;
    struct batch_spec batch;
};

/* ---- Forward ---- */

static bool mixes(const struct caser *m)
{
    return m->tail == TAIL_TRANSFORMER || m->tail == TAIL_BOTH;
}

static bool has_latent(const struct caser *m)
{
    return m->tail == TAIL_VAE || m->tail == TAIL_BOTH;
}

/* 3.2.2 and 3.2.3: the features of a window.  eq. 3 and 4: o = max_i phi_c(E_{i:i+h-1} . F),
 * one number a filter; eq. 7: V = sum_l F_l E_l, neither activated nor pooled (P has no bias
 * there, both codes have). */
static struct caser_features features(const struct caser *m, struct tape *t, struct tensor *e)
{
    struct caser_features f = {.v = NULL};
    if (m->branch != BRANCH_H) {
        struct tensor *v =
            op_convcol(t, e, m->rows, tape_param(t, m->v.w), tape_param(t, m->v.b));
        f.v = tape_probe(t, "conv.v", v);
    }
    for (int32_t h = 1; m->branch != BRANCH_V && h <= m->rows; h++) {
        const struct dense *w = &m->h[h - 1];
        tape_push(t, "conv.h%d", h);
        struct tensor *o = op_convmax(t, e, m->rows, tape_param(t, w->w), tape_param(t, w->b),
                                      m->phi_c, m->pool);
        f.h[f.heights++] = tape_probe(t, "max", o);
        tape_pop(t);
    }
    return f;
}

/* Side by side, vertical ones first (code). */
static struct tensor *joined(struct tape *t, const struct caser_features *f)
{
    struct tensor *part[CASER_MAX_L + 1];
    int32_t n = 0;
    if (f->v)
        part[n++] = f->v;
    for (int32_t h = 0; h < f->heights; h++)
        part[n++] = f->h[h];
    return tape_probe(t, "feat", n == 1 ? part[0] : op_concat(t, part, n));
}

/* The mean of all users' vectors in the rows of windows whose user is not known, zero in the
 * others. */
static struct tensor *usual_taste(const struct caser *m, struct tape *t, const struct block *b)
{
    struct tensor *y = tape_input(t, NULL, 2, (int32_t[]){b->n, m->d});
    const struct param *p = m->user;
    tape_reads(t, p, NULL, 0, 0);
    const real *x = tape_env(t)->x + p->at;
    if (tape_failed(t))
        return y;
    for (int32_t j = 0; j < m->d; j++) {
        double sum = 0;
        for (int32_t u = 0; u < p->d[0]; u++)
            sum += (double)x[(size_t)u * (size_t)p->ld + (size_t)j];
        for (int32_t s = 0; s < b->n; s++)
            if (!b->user || !b->user[s])
                y->x[(size_t)s * (size_t)y->ld + (size_t)j] = (real)(sum / p->d[0]);
    }
    return y;
}

/* P_u of each window. */
static struct tensor *taste(const struct caser *m, struct tape *t, const struct block *b)
{
    bool unknown = !b->user;
    for (int32_t s = 0; b->user && s < b->n; s++)
        unknown |= b->user[s] == 0;
    struct tensor *known = b->user ? op_rows(t, m->user, b->user, b->n, 1)
                                   : tape_input(t, NULL, 2, (int32_t[]){b->n, m->d});
    struct tensor *u =
        unknown && m->anon != ANON_ZERO ? op_add(t, known, usual_taste(m, t, b)) : known;
    return tape_probe(t, "user", u);
}

/* output=tied: t = W3 x + b3, scored against the input's item vectors. */
static struct tensor *projected(const struct caser *m, struct tape *t, struct tensor *x)
{
    return m->tie.w ? dense(t, "tie", &m->tie, x, ACT_NONE, 0) : x;
}

/* Is somebody looking at an answer?  What is made for the eye only is made then. */
static bool looked_at(const struct tape *t)
{
    return tape_watched(t) >= 0 && !tape_training(t) && !tape_env(t)->g;
}

/* Why was an item recommended, for the sequence or for the user's taste: each one's part of
 * its score, the other and the biases left out; of the watched window. */
static void show_parts(const struct caser *m, struct tape *t, struct tensor *z,
                       struct tensor *user)
{
    int32_t s = tape_watched(t);
    if (!looked_at(t) || s >= tensor_rows(z))
        return;
    tape_push(t, "part");
    struct tensor *none = tape_input(t, NULL, 2, (int32_t[]){1, m->d}), *score[3];
    struct tensor *pair[3][2] = {
        {none, none}, {op_pick(t, z, &s, 1), none}, {none, op_pick(t, user, &s, 1)}};
    for (int i = 0; i < 3; i++)
        score[i] = op_head_scores(t, projected(m, t, op_concat(t, pair[i], 2)), &m->head);
    for (int i = 1; i < 3 && !tape_failed(t); i++)
        for (int32_t j = 0; j <= m->head.n_items; j++)
            score[i]->x[j] = j ? score[i]->x[j] - score[0]->x[j] : 0;
    tape_probe(t, "seq", score[1]);
    tape_probe(t, "user", score[2]);
    tape_pop(t);
}

/* Which items the horizontal filters used: on each row of the watched window, the winning
 * answers of the filters whose winning place covers it, each times the length of its
 * outgoing weights. */
static void show_cover(const struct caser *m, struct tape *t, const struct caser_features *f)
{
    int32_t s = tape_watched(t), at = f->v ? tensor_cols(f->v) : 0;
    struct tensor *cover = looked_at(t) && f->heights ? tape_input(t, NULL, 1, &m->rows) : NULL;
    if (!cover || tape_failed(t) || s >= tensor_rows(f->h[0]))
        return;
    const real *w = tape_env(t)->x + m->fc.w->at;
    for (int32_t h = 1; h <= f->heights; h++) {
        const struct tensor *o = f->h[h - 1],
                            *win = tape_find(t, arena_printf(tape_arena(t), "conv.h%d.win", h));
        for (int32_t k = 0; win && k < tensor_cols(o); k++, at++) {
            double length = 0, vote = (double)o->x[(size_t)s * (size_t)o->ld + (size_t)k];
            for (int32_t j = 0; j < m->d; j++) {
                double x = (double)w[(size_t)at * (size_t)m->fc.w->ld + (size_t)j];
                length += x * x;
            }
            for (int32_t i = 0; i < h; i++)
                cover->x[(int32_t)win->x[k] + i] += (real)(vote * sqrt(length));
        }
    }
    tape_probe(t, "cover", cover);
}

/* What is made of the features: eq. 9, z = phi_a(W f + b) with dropout on f only (3.3), or a
 * tail in its place. */
static struct tensor *sequence_vector(const struct caser *m, struct tape *t,
                                      const struct caser_features *f, struct tensor *user,
                                      int32_t n)
{
    struct tensor *z;
    if (mixes(m)) {
        if (tape_watched(t) >= 0)
            joined(t, f); /* to be seen */
        return tape_probe(t, "z", caser_mix(&m->mix, t, f, user, n));
    }
    z = joined(t, f);
    show_cover(m, t, f);
    tape_push(t, "fc");
    z = op_dropout_shown(t, z, m->dropout, "drop");
    z = op_linear(t, z, tape_param(t, m->fc.w), tape_param(t, m->fc.b),
                  has_latent(m) ? ACT_TANH : m->phi_a, 0);
    tape_pop(t);
    return tape_probe(t, "z", z);
}

/* What is scored beside the user's vector, of windows of items. */
static struct tensor *read_windows(const struct caser *m, struct tape *t, const int32_t *item,
                                   int32_t n)
{
    struct tensor *ms, *e = op_rows(t, m->item, item, n * m->rows, 0);
    struct caser_features f = features(m, t, e);
    struct tensor *z = sequence_vector(m, t, &f, NULL, n);
    return has_latent(m) ? caser_latent(&m->latent, t, z, &ms) : z;
}

/* By how much each item's score changes with each number of P_u: a part of W', or of the
 * projection. */
static const real *taste_slopes(const struct caser *m, struct tape *t, size_t *ld)
{
    const struct param *table = m->head.table, *w = m->tie.w;
    const real *x = tape_env(t)->x;
    size_t d = (size_t)m->d;
    *ld = w ? d : (size_t)table->ld;
    if (!w)
        return x + table->at + d;
    real *c = tape_alloc(t, ((size_t)m->head.n_items + 1) * d * sizeof *c);
    for (size_t j = 0; c && j <= (size_t)m->head.n_items; j++)
        for (size_t i = 0; i < d; i++) {
            double sum = 0;
            for (size_t o = 0; o < d; o++)
                sum += (double)x[w->at + (d + i) * (size_t)w->ld + o] *
                       (double)x[table->at + j * (size_t)table->ld + o];
            c[j * d + i] = (real)sum;
        }
    return c;
}

/* anon=fit: the usual taste in p (d) is brought nearer to a typed session, over all its
 * windows; everything else is frozen. */
static void fit(const struct caser *m, struct tape *t, const int32_t *item, int32_t len,
                real *p)
{
    int32_t L = m->rows, n = len - L < CASER_FIT_WINDOWS ? len - L : CASER_FIT_WINDOWS,
            n_items = m->head.n_items;
    struct caser_fit f = {.n_window = n,
                          .targets = m->batch.n_target,
                          .negatives = m->batch.n_neg > 0 ? m->batch.n_neg : 3,
                          .n_items = n_items,
                          .d = m->d,
                          .n_after = n,
                          .item = item + len - n};
    int32_t *window = tape_alloc(t, (size_t)n * (size_t)L * sizeof *window);
    uint8_t *seen = tape_alloc(t, (size_t)n_items + 1);
    if (tape_failed(t))
        return;
    memset(seen, 0, (size_t)n_items + 1);
    for (int32_t i = 0; i < len; i++)
        seen[item[i]] = 1;
    for (int32_t w = 0; w < n; w++)
        memcpy(window + (size_t)w * (size_t)L, item + len - n - L + w,
               (size_t)L * sizeof *window);
    struct tensor *z = read_windows(m, t, window, n);
    struct tensor *x =
        op_concat(t, (struct tensor *[]){z, tape_input(t, NULL, 2, (int32_t[]){n, m->d})}, 2);
    struct tensor *base = op_head_scores(t, projected(m, t, x), &m->head);
    f.seen = seen;
    f.coef = taste_slopes(m, t, &f.ldc);
    f.base = base->x;
    f.ldb = (size_t)base->ld;
    if (!tape_failed(t))
        caser_fit(p, &f);
}

/* Beside the pass: nobody watches what it computes. */
static void fit_unknown(const struct caser *m, struct tape *t, const struct block *b,
                        struct tensor *user)
{
    int32_t watched = tape_watched(t);
    if (m->anon != ANON_FIT || mixes(m) || !b->typed || tape_training(t) || tape_env(t)->g)
        return;
    tape_watch(t, -1);
    for (int32_t s = 0; s < b->n && !tape_failed(t); s++)
        if ((!b->user || !b->user[s]) && b->typed_len[s] > m->rows)
            fit(m, t, b->typed[s], b->typed_len[s], user->x + (size_t)s * (size_t)user->ld);
    tape_watch(t, watched);
}

/* A block's ids as a probe: width of them a row. */
static void show_ids(struct tape *t, const char *name, const int32_t *id, int32_t rows,
                     int32_t width)
{
    if (tape_watched(t) < 0 || !id || rows * width == 0)
        return;
    struct tensor *x = tape_input(t, NULL, 2, (int32_t[]){rows, width});
    for (int32_t r = 0; r < rows && !tape_failed(t); r++)
        for (int32_t c = 0; c < width; c++)
            x->x[(size_t)r * (size_t)x->ld + (size_t)c] =
                (real)id[(size_t)r * (size_t)width + (size_t)c];
    tape_probe(t, name, x);
}

/* *ms: the clouds of tail=vae and both. */
static struct tensor *forward(const struct caser *m, struct tape *t, const struct block *b,
                              struct tensor **ms)
{
    show_ids(t, "window", b->item, b->n, m->rows);
    /* eq. 1 */
    struct tensor *e = tape_probe(t, "emb", op_rows(t, m->item, b->item, b->off[b->n], 0));
    struct caser_features f = features(m, t, e);
    struct tensor *user = m->known_users ? taste(m, t, b) : NULL;
    if (user)
        fit_unknown(m, t, b, user);
    struct tensor *x = sequence_vector(m, t, &f, user, b->n);
    if (has_latent(m))
        x = caser_latent(&m->latent, t, x, ms);
    if (user) { /* 3.2.4, eq. 10: [z; P_u], the user's vector beside z and never below it */
        show_parts(m, t, x, user);
        x = op_concat(t, (struct tensor *[]){x, user}, 2);
    }
    x = projected(m, t, x);
    if (b->n_query != b->n)
        x = op_pick(t, x, b->query_session, b->n_query);
    return tape_probe(t, "final", x);
}

static double weight_of_kl(const struct caser *m, struct tape *t)
{
    double beta = caser_beta(&m->latent, tape_env(t)->step);
    tape_probe(t, "beta", tape_input(t, &(real){(real)beta}, 1, (int32_t[]){1}));
    return beta;
}

static struct tensor *encode(const void *self, struct tape *t, const struct block *b)
{
    const struct caser *m = self;
    struct tensor *ms, *x = forward(m, t, b, &ms);
    if (has_latent(m) && tape_watched(t) >= 0) { /* to be seen */
        weight_of_kl(m, t);
        caser_divergence(t, ms, NULL);
    }
    return x;
}

/* eq. 10: y = W' [z; P_u] + b', and eq. 12, over T targets and drawn items, by the head; a
 * latent cloud costs beta KL, mean over windows. */
static void loss(const void *self, struct tape *t, const struct block *b)
{
    const struct caser *m = self;
    struct tensor *ms, *x = forward(m, t, b, &ms);
    show_ids(t, "target", b->target, b->n_query, b->n_target);
    show_ids(t, "neg", b->neg, b->n_query, b->n_neg);
    op_head(t, x, &m->head, b);
    if (!has_latent(m))
        return;
    float *share = tape_alloc(t, ((size_t)b->n + 1) * sizeof *share);
    for (int32_t s = 0; share && s < b->n; s++)
        share[s] = 1 / (float)(b->n_batch > 0 ? b->n_batch : b->n);
    double beta = weight_of_kl(m, t);
    if (share)
        tape_term(t, "kl", caser_divergence(t, ms, share), beta);
}

/* ---- Set-up ---- */

static void declare_filters(struct caser *m, struct params *ps, struct arena *mem,
                            const struct hparams *hp)
{
    int32_t nv = hp_int(hp, "nv"), nh = hp_int(hp, "nh"), L = m->rows, width = 0;
    if (m->branch != BRANCH_H) {
        m->v = caser_declare(ps, mem, "conv.v", 2, (int32_t[]){nv, L}, nv, (float)L);
        width += nv * m->d;
    }
    for (int32_t h = 1; m->branch != BRANCH_V && h <= L; h++) {
        const char *scope = arena_printf(mem, "conv.h%d", h);
        m->h[h - 1] = caser_declare(ps, mem, scope ? scope : "conv.h", 3,
                                    (int32_t[]){nh, h, m->d}, nh, (float)h * (float)m->d);
        width += nh;
    }
    if (mixes(m))
        caser_mix_declare(&m->mix, ps, mem, m->d, hp_int(hp, "heads.tail"),
                          m->branch == BRANCH_H ? 0 : nv, nh, m->branch == BRANCH_V ? 0 : L,
                          m->known_users);
    else
        m->fc = caser_declare(ps, mem, "fc", 2, (int32_t[]){width, m->d}, m->d, (float)width);
    if (has_latent(m))
        caser_latent_declare(&m->latent, ps, mem, m->d, hp_int(hp, "K"));
}

/* T targets and n negatives stand behind each window; a query's weight is 1/B. */
static void choose_loss(struct caser *m, const struct hparams *hp)
{
    int32_t T = hp_int(hp, "T"), n = hp_int(hp, "neg") * (hp_enum(hp, "neg_per") == 1 ? T : 1);
    if (hp_enum(hp, "loss") == LOSS_SOFTMAX) {
        m->head.loss = HEAD_XENT;
        m->head.cols = COLS_ALL;
        m->batch.n_neg = 0;
        return;
    }
    m->head.loss = HEAD_BCE;
    m->head.cols = COLS_QUERY;
    m->batch.n_neg = n;
    m->batch.neg_reject = true;
    switch (m->norm) {
    case NORM_GROUP_MEAN: /* code: mean over all positives plus mean over all negatives */
        m->head.w_pos = 1 / (float)T;
        m->head.w_neg = 1 / (float)n;
        break;
    case NORM_COUNT: /* first code: mean over all terms */
        m->head.w_pos = m->head.w_neg = 1 / (float)(T + n);
        break;
    case NORM_INSTANCE_SUM: /* eq. 12 */
        m->head.w_pos = m->head.w_neg = 1;
        break;
    }
}

static void tune(void *self, const struct hparams *hp)
{
    struct caser *m = self;
    m->dropout = hp_float(hp, "dropout");
    m->anon = (enum anon)hp_enum(hp, "anon");
    m->mix.drop = hp_float(hp, "dropout.tail");
    m->latent.sample = hp_enum(hp, "predict") == 1;
    m->latent.beta_cap = hp_num(hp, "beta_cap");
    m->latent.beta_steps = hp_num(hp, "beta_steps");
}

static enum status check(const struct caser *m, const struct hparams *hp, struct err *err)
{
    int32_t d = hp_int(hp, "d"), heads = hp_int(hp, "heads.tail");
    if (mixes(m) && d % heads) {
        err_set(err, ST_ARG, "d %d does not divide into %d heads", d, heads);
        return err_hint(err, NULL, "d a multiple of heads.tail: d=%d", (d / heads + 1) * heads);
    }
    if (has_latent(m) && hp_enum(hp, "loss") != LOSS_SOFTMAX) {
        err_set(err, ST_ARG, "a latent cloud (tail=vae, both) learns with loss=softmax");
        return err_hint(err, NULL, "tail=vae loss=softmax");
    }
    return ST_OK;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    static const enum act act_of[] = {ACT_NONE, ACT_RELU, ACT_TANH, ACT_SIGMOID};
    struct caser *m = self;
    const struct hparams *hp = env->hp;
    const struct dataset *ds = env->ds;
    int32_t n_rows = ds->n_items + 1, d = hp_int(hp, "d"),
            users = ds->user ? ds->n_users : ds->n_sessions;
    bool tied = hp_enum(hp, "output") == OUTPUT_TIED;
    m->known_users = hp_bool(hp, "user");
    if (m->known_users && users < 1)
        return err_set(err, ST_ARG, "user=1 needs users, %s has none", ds->name);
    m->tail = (enum caser_tail)hp_enum(hp, "tail");
    enum status st = check(m, hp, err);
    if (st)
        return st;
    m->branch = (enum branch)hp_enum(hp, "branch");
    m->phi_c = act_of[hp_enum(hp, "phi_c")];
    m->phi_a = act_of[hp_enum(hp, "phi_a")];
    m->pool = hp_enum(hp, "pool") ? POOL_MEAN : POOL_MAX;
    m->norm = (enum sum_by)hp_enum(hp, "loss_norm");
    m->d = d;
    m->rows = hp_int(hp, "L");

    uint32_t zero = hp_bool(hp, "pad_trainable") ? 0 : PARAM_ZERO_ROW0;
    int32_t wide = m->known_users ? 2 * d : d; /* of what is scored */
    m->item = params_add(ps, "item.E", 2, (int32_t[]){n_rows, d}, INIT_NORMAL, 1 / (float)d,
                         PARAM_ROWS | zero);
    if (m->known_users)
        m->user = params_add(ps, "user.P", 2, (int32_t[]){users, d}, INIT_NORMAL, 1 / (float)d,
                             PARAM_ROWS);
    declare_filters(m, ps, env->mem, hp);
    m->head = (struct head){.table = m->item, .n_items = ds->n_items};
    /* a decoder's output is a projection already */
    if (tied && (m->known_users || !has_latent(m)))
        m->tie = caser_declare(ps, env->mem, "tie", 2, (int32_t[]){wide, d}, d, (float)wide);
    if (!tied)
        m->head.table = params_add(ps, "out.W", 2, (int32_t[]){n_rows, wide}, INIT_NORMAL,
                                   1 / (float)wide, PARAM_ROWS | PARAM_ZERO_ROW0);
    m->head.bias = params_add(ps, "out.b", 1, &n_rows, INIT_ZERO, 0, 0);

    m->batch = (struct batch_spec){
        .kind = BATCH_WINDOWS,
        .size = hp_int(hp, "batch"),
        .max_len = m->rows,
        .n_target = hp_int(hp, "T"),
        .neg_cols = NEG_QUERY,
        .prefixes = hp_bool(hp, "prefixes"),
    };
    choose_loss(m, hp);
    tune(m, hp);
    return ST_OK;
}

static void spec(const void *self, struct batch_spec *out)
{
    *out = ((const struct caser *)self)->batch;
}

static const struct head *head(const void *self)
{
    return &((const struct caser *)self)->head;
}

static uint32_t traits(const void *self)
{
    const struct caser *m = self;
    return (uint32_t)MODEL_FILTERS | (m->head.loss == HEAD_XENT ? (uint32_t)MODEL_SOFTMAX : 0);
}

// clang-format off
static const char *const branches[] = {"hv", "h", "v", NULL};
static const char *const outputs[]  = {"separate", "tied", NULL};
static const char *const losses[]   = {"softmax", "bce", NULL};
static const char *const norms[]    = {"group_mean", "count", "instance_sum", NULL};
static const char *const pers[]     = {"window", "target", NULL};
static const char *const acts[]     = {"iden", "relu", "tanh", "sigm", NULL};
static const char *const pools[]    = {"max", "avg", NULL};
static const char *const tails[]    = {"fc", "vae", "transformer", "both", NULL};
static const char *const predicts[] = {"mean", "sample", NULL};
static const char *const anons[]    = {"mean", "zero", "fit", NULL};

/* The defaults are the preset `small`, measured on the generated worlds; `official` is the authors' code on MovieLens-1M. */
static const struct hparam_def hparams[] = {
    HP_TRAINING(HP_ADAM, 3e-3, 0.9, 0.999, 1e-8, 128, 1e-6, 0),
    {"d",             HP_INT,   false, 32, 1, 1024,         NULL,     "width of item and user vectors", "dims"},
    {"L",             HP_INT,   false, 5, 1, CASER_MAX_L,         NULL,     "items in the window it looks at", "L"},
    {"T",             HP_INT,   false, 1, 1, 20,            NULL,     "items after the window that count as targets", "T"},
    {"nv",            HP_INT,   false, 4, 1, 256,           NULL,     "vertical filters: weighings of the rows", "nv, n_v"},
    {"nh",            HP_INT,   false, 8, 1, 256,           NULL,     "horizontal filters of each height 1 to L", "nh, n_h"},
    {"phi_c",         HP_ENUM,  false, 1, 0, 0,             acts,     "activation of the horizontal filters", "ac_conv"},
    {"phi_a",         HP_ENUM,  false, 1, 0, 0,             acts,     "activation of the sequence vector z", "ac_fc"},
    {"pool",          HP_ENUM,  false, 0, 0, 0,             pools,    "of a filter's places: the largest answer, or their mean", NULL},
    {"branch",        HP_ENUM,  false, BRANCH_HV, 0, 0,     branches, "horizontal and vertical filters, or one kind alone", NULL},
    {"user",          HP_BOOL,  false, 0, 0, 1,             NULL,     "a long-term vector a user beside z; 0: anyone's session", NULL},
    {"anon",          HP_ENUM,  true,  ANON_MEAN, 0, 0,     anons,    "user=1: vector of someone unknown: mean of all users, zero, or fitted from there to a typed session longer than L (tail=fc, vae)", NULL},
    {"dropout",       HP_FLOAT, true,  0.2, 0, 0.95,        NULL,     "share of the features left out in training", "drop"},
    {"tail",          HP_ENUM,  false, TAIL_FC, 0, 0,       tails,    "from features to z: fc = the paper's layer; transformer = attention over them; vae = a cloud in a latent space; both", NULL},
    {"heads.tail",    HP_INT,   false, 2, 1, 64,            NULL,     "tail=transformer, both: attention heads; d is a multiple", NULL},
    {"dropout.tail",  HP_FLOAT, true,  0.2, 0, 0.95,        NULL,     "tail=transformer, both: dropout inside the block", NULL},
    {"K",             HP_INT,   false, 32, 1, 1024,         NULL,     "tail=vae, both: latent dimensions", NULL},
    {"beta_cap",      HP_FLOAT, true,  0.2, 0, 10,          NULL,     "tail=vae, both: weight of the KL term in the end", NULL},
    {"beta_steps",    HP_INT,   true,  500, 1, 1e9,         NULL,     "tail=vae, both: updates over which it rises to that", NULL},
    {"predict",       HP_ENUM,  true,  0, 0, 0,             predicts, "tail=vae, both: answers from the mean of the cloud or from a draw", NULL},
    {"output",        HP_ENUM,  false, OUTPUT_SEPARATE, 0, 0, outputs,"item vectors of the scores: their own, or the input's after a projection", NULL},
    {"loss",          HP_ENUM,  false, LOSS_SOFTMAX, 0, 0,  losses,   "softmax over all items; bce = the paper's, against drawn items", NULL},
    {"neg",           HP_INT,   false, 3, 1, 10000,         NULL,     "bce: negatives drawn, none from the session's own training part", "neg_samples"},
    {"neg_per",       HP_ENUM,  false, 0, 0, 0,             pers,     "so many a window (the authors' code), or for each target (the paper)", NULL},
    {"loss_norm",     HP_ENUM,  false, NORM_GROUP_MEAN, 0, 0, norms,  "bce: mean of positives plus mean of negatives; mean of all; sum a window", NULL},
    {"prefixes",      HP_BOOL,  false, 1, 0, 1,             NULL,     "learn from every next item, windows filled up on the left; 0: full windows only, as in the paper", NULL},
    {"pad_trainable", HP_BOOL,  false, 0, 0, 1,             NULL,     "the row that fills short windows learns too, instead of staying zero", NULL},
    {.name = NULL},
};

#define PAPER "opt=adam lr=0.001 beta1=0.9 beta2=0.999 eps=1e-8 batch=512 wd=1e-6 clip=0 warmup=0 decay_steps=0 branch=hv pool=max output=separate " \
              "loss=bce neg=3 neg_per=window loss_norm=group_mean prefixes=0 pad_trainable=0 dropout=0.5 "
static const struct preset_def presets[] = {
    {"small",    "generated worlds: one target, full softmax, anyone's sessions",
     "opt=adam lr=0.003 beta1=0.9 beta2=0.999 eps=1e-8 batch=128 wd=1e-6 clip=0 L=5 T=1 d=32 nv=4 nh=8 phi_c=relu phi_a=relu pool=max branch=hv user=0 "
     "dropout=0.2 output=separate loss=softmax prefixes=1 pad_trainable=0"},
    {"official", "the authors' code on MovieLens-1M",
     PAPER "L=5 T=3 d=50 nv=4 nh=16 phi_c=relu phi_a=relu user=1"},
    {"gowalla",  "the authors' later setting for Gowalla (rank_distill)",
     PAPER "L=5 T=1 d=100 nv=2 nh=16 phi_c=iden phi_a=sigm user=1"},
    {"anonymous","the code's setting without user vectors: answers for any session",
     PAPER "L=5 T=3 d=50 nv=4 nh=16 phi_c=relu phi_a=relu user=0"},
    {.name = NULL},
};

static const struct probe_def probes[] = {
    {"window",      "(n,L)",           "the items it looks at, 0: filled up", "cas.window"},
    {"emb",         "(n L,d)",         "the picture: vectors of the window's items, oldest on top", "cas.E"},
    {"conv.v",      "(n,nv d)",        "vertical filters: weighed sums of the rows, filter by filter", "cas.vert"},
    {"conv.h*.act", "(nh,L-h+1) a window", "answers of the filters of one height at every place", "cas.hconv[h]"},
    {"conv.h*.win", "(nh) a window",   "first row of the place that won", "cas.hwin[h]"},
    {"conv.h*.max", "(n,nh)",          "the winning answers", "cas.hmax[h]"},
    {"feat",        "(n,F)",           "all features: vertical, then horizontal by height", "cas.feat"},
    {"fc.drop",     "(n,F)",           "a step of training: what dropout multiplies each feature with, 0 or 1/(1-dropout)", "cas.drop"},
    {"cover",       "(L) a window",    "votes of the horizontal filters on each row: answers times outgoing weights, where they won", "cas.cover"},
    {"part.seq",    "(1,V+1) a window","user=1: the sequence's part of every item's score", "cas.seqpart"},
    {"part.user",   "(1,V+1) a window","user=1: the user's part", "cas.userpart"},
    {"user",        "(n,d)",           "user=1: the long-term vector that is in force", "cas.user"},
    {"z",           "(n,d)",           "the sequence vector", "cas.z"},
    {"target",      "(n,T)",           "a step of training: the items after the window, 0: none", "cas.pos"},
    {"neg",         "(n,negatives)",   "a step of training, loss=bce: the drawn items", "cas.neg"},
    {"tail.tokens", "(n M,d)",         "tail=transformer: summary, vertical maps, heights, user; types added", NULL},
    {"tail.attn.score", "(h,M,M) a window", "tail=transformer: before the softmax", NULL},
    {"tail.attn.prob", "(h,M,M) a window", "tail=transformer: who looks at whom; row 0 is the summary", "cas.attn"},
    {"latent.mu",   "(n,K)",           "tail=vae: mean of the cloud", "cas.mu"},
    {"latent.sigma","(n,K)",           "tail=vae: its spread", "cas.sigma"},
    {"latent.eps",  "(n,K)",           "tail=vae: the draw, in spreads", NULL},
    {"latent.z",    "(n,K)",           "tail=vae: the point that is decoded", NULL},
    {"latent.dec",  "(n,d)",           "tail=vae: what is decoded from it", NULL},
    {"latent.kl",   "(n,K)",           "tail=vae: divergence by dimension; near 0: it rests", "cas.kl"},
    {"beta",        "(1)",             "tail=vae: weight of the KL term", "cas.beta"},
    {"final",       "(queries,d or 2d)", "what is scored against all items: z, with user=1 the user's vector beside it", NULL},
    {.name = NULL},
};
// clang-format on

const struct model_def model_caser = {
    .name = "caser",
    .title = "Caser",
    .paper = "Tang & Wang 2018, Convolutional Sequence Embedding, arXiv 1809.07426",
    .doc = "Looks at the last L items as a picture: filters a few rows high fire on patterns "
           "of neighbouring items wherever they stand, filters one column wide weigh the rows. "
           "Defaults are the preset small: one target and full softmax, because with several "
           "targets the weights blur over the rows. preset=official is the authors' code.",
    .flags = MODEL_FILTERS | MODEL_SOFTMAX,
    .hparams = hparams,
    .presets = presets,
    .probes = probes,
    .self_size = sizeof(struct caser),
    .init = init,
    .tune = tune,
    .spec = spec,
    .traits = traits,
    .head = head,
    .encode = encode,
    .loss = loss,
};
