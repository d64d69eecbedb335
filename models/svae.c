/* SVAE: a recurrent unit reads the history; after every item its state becomes a small
 * cloud, a mean and a spread in a latent space; a point drawn from the cloud is decoded into
 * odds of the next items.
 * Sachdeva, Manco, Ritacco & Pudi, "Sequential Variational Autoencoders for Collaborative
 * Filtering", WSDM 2019, arXiv 1811.09975.  "code" is the authors' program
 * (noveens/svae_cf); "follow-up" is the same group's later code (fsp22/svae), whose other
 * places for the memory are here made causal.
 *
 * Notation: I items (ids 1..I, no padding), E width of item vectors, H units, HID dense
 * width, K latent dimensions; T steps of a history, step t reads i_1..i_t; y = x W + b with
 * W (in,out); columns of a unit's matrices: reset, update, candidate. */
#include "models/svae.h"
#include "models/models.h"
#include "models/svae_front.h"
#include "models/svae_show.h"

#include <assert.h>
#include <math.h>

enum place { PLACE_ENCODER, PLACE_DECODER, PLACE_LATENT, PLACE_PRIOR, PLACE_NONE, PLACE_BOTH };
enum target { TARGET_NEXT, TARGET_NEXT_K, TARGET_POSTFIX };
enum sigma { SIGMA_HALF, SIGMA_EXP_S };
enum output { OUTPUT_SEPARATE, OUTPUT_TIED };
enum predict { PREDICT_MEAN, PREDICT_SAMPLE, PREDICT_AVG };

struct svae {
    enum place place;
    enum latent_form form;
    enum predict predict;
    int32_t draws;
    bool plain; /* head=plain: no draw, no KL */
    bool beta_restart;
    double beta_cap, beta_steps;
    const struct param *item;
    struct front front; /* over the history */
    struct unit second; /* over the latents or, place=prior, the preceding items */
    struct dense enc, latent, prior, dec;
    const real *noise; /* a test's */
    struct head head;
    struct batch_spec batch;
};

void svae_noise(void *self, const real *noise)
{
    ((struct svae *)self)->noise = noise;
}

/* ---- Forward ---- */

/* What the history says, row by row. */
struct cloud {
    struct tensor *h;     /* state of the front; NULL: place=none */
    struct tensor *ms;    /* (R,2K) mean and s */
    struct tensor *prior; /* what it is compared with, NULL = the standard normal */
};

/* place=prior: what is expected before item t is read, [mu_p; s_p] from i_1..i_{t-1}; before
 * the first the standard normal. */
static struct tensor *expected(const struct svae *m, struct tape *t, const struct block *b,
                               struct tensor *v)
{
    int32_t rows = b->off[b->n], *before = tape_alloc(t, ((size_t)rows + 1) * sizeof *before);
    if (!before)
        return tape_bad(t);
    for (int32_t s = 0; s < b->n; s++)
        for (int32_t r = b->off[s]; r < b->off[s + 1]; r++)
            before[r] = r > b->off[s] ? r - 1 : -1;
    struct tensor *p =
        dense(t, "prior", &m->prior, gru_run(t, "gru2", &m->second, v, b), ACT_NONE, 0);
    return op_pick(t, p, before, rows);
}

static struct cloud look(const struct svae *m, struct tape *t, const struct block *b)
{
    struct cloud c = {NULL, NULL, NULL};
    struct tensor *v = tape_probe(t, "emb", op_rows(t, m->item, b->item, b->off[b->n], 1));
    if (m->place != PLACE_NONE)
        c.h = front_run(&m->front, t, v, b);
    /* Without memory before the encoder: the mean of the items so far, which knows no order */
    bool blind = m->place == PLACE_NONE || m->place == PLACE_DECODER;
    struct tensor *e =
        dense(t, "enc", &m->enc, blind ? op_seg_mean(t, v, b->off, b->n) : c.h, ACT_TANH, 0);
    tape_probe(t, "enc", e);
    tape_push(t, "latent");
    c.ms = dense(t, "ms", &m->latent, e, ACT_NONE, 0);
    tape_pop(t);
    if (m->place == PLACE_PRIOR)
        c.prior = expected(m, t, b, v);
    return c;
}

/* z = mu + sigma eps. */
static struct tensor *point(const struct svae *m, struct tape *t, const struct cloud *c,
                            bool draw)
{
    tape_push(t, "latent");
    struct tensor *z =
        op_sample(t, c->ms, m->form, draw, tape_training(t) && draw ? m->noise : NULL);
    tape_probe(t, "z", z);
    tape_pop(t);
    return z;
}

/* The states that are scored, (queries,HID); shown under their names or not at all. */
static struct tensor *decode(const struct svae *m, struct tape *t, const struct block *b,
                             const struct cloud *c, struct tensor *z, bool named)
{
    if (m->place == PLACE_LATENT)
        z = gru_run(t, named ? "gru2" : NULL, &m->second, z, b);
    else if (m->place == PLACE_DECODER)
        z = op_concat(t, (struct tensor *[]){c->h, z}, 2);
    struct tensor *all = dense(t, "dec", &m->dec, z, ACT_TANH, 0), *g = all;
    if (b->n_query != b->off[b->n])
        g = op_pick(t, all, b->query, b->n_query);
    if (named) {
        tape_probe(t, "dec", all);
        tape_probe(t, "final", g);
    }
    return g;
}

static bool draws(const struct svae *m, const struct tape *t)
{
    return !m->plain && (tape_training(t) || m->predict == PREDICT_SAMPLE);
}

static struct tensor *divergence(const struct svae *m, struct tape *t, const struct block *b,
                                 const struct cloud *c, const float *weight)
{
    tape_push(t, "latent");
    struct tensor *kl = op_kl(t, c->ms, c->prior, m->form, weight);
    if (tape_watched(t) >= 0 && !tape_failed(t))
        svae_show_cloud(t, c->ms, tape_find(t, "latent.kl"), b);
    tape_pop(t);
    if (tape_watched(t) >= 0 && c->prior && !tape_failed(t)) {
        tape_push(t, "prior");
        svae_show_prior(t, c->prior);
        tape_pop(t);
    }
    return kl;
}

static struct tensor *answer(const struct svae *m, struct tape *t, const struct block *b,
                             struct cloud *c)
{
    *c = look(m, t, b);
    struct tensor *g = decode(m, t, b, c, point(m, t, c, draws(m, t)), true);
    if (tape_watched(t) >= 0)
        divergence(m, t, b, c, NULL); /* to be seen */
    return g;
}

static struct tensor *encode(const void *self, struct tape *t, const struct block *b)
{
    struct cloud c;
    return answer(self, t, b, &c);
}

/* predict=avg: the mean of the odds over several points of the same cloud.  Whoever watches
 * sees what such points say in any case. */
static struct tensor *score(const void *self, struct tape *t, const struct block *b)
{
    const struct svae *m = self;
    struct cloud c;
    struct redraw r;
    struct tensor *s = op_head_scores(t, answer(m, t, b, &c), &m->head);
    const int32_t watched = tape_watched(t);
    int32_t shown = b->n_query - 1; /* the watched session's last question */
    while (shown >= 0 && (watched < 0 || b->query_session[shown] != watched))
        shown--;
    if (m->plain || (m->predict != PREDICT_AVG && watched < 0) ||
        !redraw_begin(&r, t, m->draws, b->n_query, m->head.n_items, shown))
        return s;
    tape_watch(t, -1); /* the points themselves would be shown once each */
    tape_push(t, "redraw");
    for (int32_t i = 0; i < m->draws && !tape_failed(t); i++)
        redraw_add(&r, t,
                   op_head_scores(
                       t, decode(m, t, b, &c, op_sample(t, c.ms, m->form, true, NULL), false),
                       &m->head));
    tape_pop(t);
    tape_watch(t, watched);
    if (watched >= 0)
        redraw_show(&r, t);
    return m->predict == PREDICT_AVG ? redraw_mean(&r, t) : s;
}

/* code: min(cap, (u - 1) / steps) at update u; its counter starts anew with every epoch
 * (beta_restart). */
static double beta(const struct svae *m, const struct block *b)
{
    double u = (double)(m->beta_restart ? b->epoch_step : b->step),
           x = u > 1 ? (u - 1) / m->beta_steps : 0;
    return m->plain ? 0 : x < m->beta_cap ? x : m->beta_cap;
}

/* Each row's share of the KL term: 1 / (sessions of the batch * rows of its session). */
static const float *shares(struct tape *t, const struct block *b)
{
    float *w = tape_alloc(t, ((size_t)b->off[b->n] + 1) * sizeof *w);
    double sessions = b->n_batch > 0 ? b->n_batch : b->n;
    for (int32_t s = 0; w && s < b->n; s++)
        for (int32_t r = b->off[s]; r < b->off[s + 1]; r++)
            w[r] = (float)(1 / (sessions * (b->off[s + 1] - b->off[s])));
    return w;
}

/* (1/m) sum_t sum_{j in Y_t} -log p_t(j), by the head, + beta (1/T) sum_t KL_t, both
 * averaged over sessions (code).  m: targets of the first step. */
static void loss(const void *self, struct tape *t, const struct block *b)
{
    const struct svae *m = self;
    struct cloud c = look(m, t, b);
    struct tensor *g = decode(m, t, b, &c, point(m, t, &c, draws(m, t)), true);
    if (tape_watched(t) >= 0 && b->n_query > 0)
        svae_show_step(t, op_head_scores(t, g, &m->head), b, beta(m, b));
    op_head(t, g, &m->head, b);
    const float *w = shares(t, b);
    if (w)
        tape_term(t, "kl", divergence(m, t, b, &c, w), beta(m, b));
}

/* ---- Set-up ---- */

static void tune(void *self, const struct hparams *hp)
{
    struct svae *m = self;
    m->beta_cap = hp_num(hp, "beta_cap");
    m->beta_steps = hp_num(hp, "beta_steps");
    m->beta_restart = hp_bool(hp, "beta_restart");
    m->predict = (enum predict)hp_enum(hp, "predict");
    m->draws = hp_int(hp, "draws");
}

static enum status check(const struct hparams *hp, struct err *err)
{
    enum sigma sigma = (enum sigma)hp_enum(hp, "sigma");
    if (hp_enum(hp, "output") == OUTPUT_TIED && hp_int(hp, "E") != hp_int(hp, "HID")) {
        err_set(err, ST_ARG,
                "output=tied scores HID numbers (%d) with item vectors of width E (%d)",
                hp_int(hp, "HID"), hp_int(hp, "E"));
        return err_hint(err, NULL, "output=tied HID=%d", hp_int(hp, "E"));
    }
    if (hp_bool(hp, "kl_exact") && sigma != SIGMA_EXP_S) {
        err_set(err, ST_ARG,
                "kl_exact=1 goes with sigma=exp_s; with exp_half the KL is exact already");
        return err_hint(err, NULL, "sigma=exp_s kl_exact=1");
    }
    if (hp_enum(hp, "rnn_place") == PLACE_PRIOR && sigma != SIGMA_HALF) {
        err_set(err, ST_ARG, "rnn_place=prior compares two log variances: sigma=exp_half only");
        return err_hint(err, NULL, "rnn_place=prior sigma=exp_half");
    }
    if (hp_enum(hp, "rnn") == FRONT_TRANSFORMER && hp_int(hp, "H") % hp_int(hp, "tf.heads")) {
        err_set(err, ST_ARG, "rnn=transformer: tf.heads=%d does not divide H=%d",
                hp_int(hp, "tf.heads"), hp_int(hp, "H"));
        return err_hint(err, NULL, "tf.heads=1");
    }
    return ST_OK;
}

static enum status init(void *self, struct params *ps, const struct model_env *env,
                        struct err *err)
{
    static const char *const second[] = {"gru2.Wx", "gru2.bx", "gru2.Wh", "gru2.bh"};
    struct svae *m = self;
    const struct hparams *hp = env->hp;
    enum status st = check(hp, err);
    if (st)
        return st;
    int32_t n_items = env->ds->n_items, E = hp_int(hp, "E"), H = hp_int(hp, "H"),
            HID = hp_int(hp, "HID"), K = hp_int(hp, "K");
    int32_t K2 = hp_int(hp, "K2"), spread = 2 * K;
    m->place = (enum place)hp_enum(hp, "rnn_place");
    if (m->place == PLACE_BOTH)
        m->place = PLACE_LATENT;
    m->plain = hp_enum(hp, "head") == 1;
    m->form = hp_enum(hp, "sigma") == SIGMA_HALF ? LATENT_HALF
              : hp_bool(hp, "kl_exact")          ? LATENT_EXACT
                                                 : LATENT_MIXED;

    bool blind = m->place == PLACE_NONE || m->place == PLACE_DECODER;
    m->item = params_add(ps, "item.E", 2, (int32_t[]){n_items, E}, INIT_NORMAL, 1, PARAM_ROWS);
    if (m->place != PLACE_NONE)
        front_declare(&m->front, ps, (enum front_kind)hp_enum(hp, "rnn"), E, H,
                      hp_int(hp, "maxlen"), hp_int(hp, "tf.heads"));
    m->enc = dense_declare(ps, "enc.W", "enc.b", blind ? E : H, HID);
    m->latent = dense_declare(ps, "latent.W", "latent.b", HID, spread);
    if (m->place == PLACE_LATENT || m->place == PLACE_PRIOR)
        m->second = gru_declare(ps, second, m->place == PLACE_LATENT ? K : E, K2);
    if (m->place == PLACE_PRIOR)
        m->prior = dense_declare(ps, "prior.W", "prior.b", K2, spread);
    m->dec = dense_declare(ps, "dec.W", "dec.b",
                           m->place == PLACE_LATENT    ? K2
                           : m->place == PLACE_DECODER ? H + K
                                                       : K,
                           HID);
    m->head = (struct head){
        .loss = HEAD_XENT, .cols = COLS_ALL, .table = m->item, .id0 = 1, .n_items = n_items};
    if (hp_enum(hp, "output") == OUTPUT_SEPARATE)
        m->head.table = params_add(ps, "out.W", 2, (int32_t[]){n_items, HID},
                                   INIT_XAVIER_NORMAL, 1, PARAM_ROWS);
    m->head.bias = params_add(ps, "out.b", 1, &n_items, INIT_UNIFORM, 1 / sqrtf((float)HID), 0);

    enum target target = (enum target)hp_enum(hp, "target");
    m->batch = (struct batch_spec){
        .kind = BATCH_SESSIONS,
        .weight = hp_enum(hp, "time_norm") ? WEIGHT_SESSION_MEAN : WEIGHT_SESSION,
        .size = hp_int(hp, "batch"),
        .max_len = hp_int(hp, "maxlen"),
        .n_target = target == TARGET_NEXT     ? 1
                    : target == TARGET_NEXT_K ? hp_int(hp, "k")
                                              : -1,
    };
    tune(m, hp);
    return ST_OK;
}

static void spec(const void *self, struct batch_spec *out)
{
    *out = ((const struct svae *)self)->batch;
}

static const struct head *head(const void *self)
{
    return &((const struct svae *)self)->head;
}

// clang-format off
static const char *const places[]  = {"encoder", "decoder", "latent", "prior", "none", "encoder+latent", NULL};
static const char *const fronts[]  = {"gru", "lstm", "transformer", NULL};
static const char *const targets[] = {"next", "next_k", "postfix", NULL};
static const char *const sigmas[]  = {"exp_half", "exp_s", NULL};
static const char *const norms[]   = {"sum", "mean", NULL};
static const char *const heads[]   = {"vae", "plain", NULL};
static const char *const outputs[] = {"separate", "tied", NULL};
static const char *const answers[] = {"mean", "sample", "avg", NULL};

/* The defaults are the preset `small`, measured on the generated worlds; `official` is the authors' code on MovieLens-1M. */
static const struct hparam_def hparams[] = {
    HP_TRAINING(HP_ADAM, 3e-3, 0.9, 0.999, 1e-8, 16, 1e-4, 0),
    {"E",            HP_INT,   false, 32, 1, 4096,          NULL,    "width of item vectors", "item_embed_size"},
    {"H",            HP_INT,   false, 32, 1, 4096,          NULL,    "units of the recurrent part", "rnn_size"},
    {"HID",          HP_INT,   false, 32, 1, 4096,          NULL,    "width of the dense layers before and after the latent space", "hidden_size"},
    {"K",            HP_INT,   false, 8, 1, 1024,           NULL,    "latent dimensions", "latent_size"},
    {"K2",           HP_INT,   false, 32, 1, 1024,          NULL,    "rnn_place=latent, prior: units of the second recurrent part", NULL},
    {"maxlen",       HP_INT,   false, 200, 1, 4096,         NULL,    "items it can look back on", NULL},
    {"rnn_place",    HP_ENUM,  false, PLACE_ENCODER, 0, 0,  places,  "where memory sits: before the latents (the paper), beside them, before and among them (latent, encoder+latent), in what is expected, nowhere", NULL},
    {"rnn",          HP_ENUM,  false, FRONT_GRU, 0, 0,      fronts,  "what reads the history: the paper's unit, one with a cell of its own, a block of causal attention", NULL},
    {"tf.heads",     HP_INT,   false, 2, 1, 64,             NULL,    "rnn=transformer: heads of its attention; they divide H", NULL},
    {"target",       HP_ENUM,  false, TARGET_NEXT_K, 0, 0,  targets, "what a step predicts: the next item, the next k, all later ones", "loss_type"},
    {"k",            HP_INT,   false, 4, 1, 10,             NULL,    "target=next_k: how many", "k"},
    {"sigma",        HP_ENUM,  false, SIGMA_HALF, 0, 0,     sigmas,  "spread from s: exp(s/2), s being the log variance its KL takes it for; exp(s) as in the code", NULL},
    {"kl_exact",     HP_BOOL,  false, 0, 0, 1,              NULL,    "sigma=exp_s: the KL that belongs to it", NULL},
    {"time_norm",    HP_ENUM,  false, 0, 0, 0,              norms,   "loss over a session's steps: sum (the code; a step's KL then weighs beta/T) or mean", NULL},
    {"beta_cap",     HP_FLOAT, true,  1, 0, 10,             NULL,    "largest weight of the KL", "anneal_cap"},
    {"beta_steps",   HP_INT,   true,  1000, 1, 1e9,         NULL,    "updates in which that weight would rise to 1", "total_anneal_steps"},
    {"beta_restart", HP_BOOL,  true,  0, 0, 1,              NULL,    "it starts from 0 in every epoch (the code)", NULL},
    {"head",         HP_ENUM,  false, 0, 0, 0,              heads,   "plain: no draw and no KL, an autoencoder; shows what the spread brings", NULL},
    {"output",       HP_ENUM,  false, OUTPUT_SEPARATE, 0, 0, outputs,"item vectors of the scores: their own, or the input's (HID = E)", NULL},
    {"predict",      HP_ENUM,  true,  PREDICT_MEAN, 0, 0,   answers, "an answer from the middle of the cloud, from a point drawn (the code, even when it measures), or the mean of the odds at several points", NULL},
    {"draws",        HP_INT,   true,  16, 1, 100,           NULL,    "predict=avg: points drawn; as many are compared for whoever looks (redraw.list, redraw.rank)", NULL},
    {.name = NULL},
};

/* What the presets for generated worlds share: all but target, k, the price of a nat. */
#define WORLDS "opt=adam lr=0.003 beta1=0.9 beta2=0.999 eps=1e-8 batch=16 wd=1e-4 clip=0 E=32 H=32 HID=32 K=8 rnn_place=encoder sigma=exp_half " \
               "beta_steps=1000 beta_restart=0 head=vae output=separate predict=mean "
static const struct preset_def presets[] = {
    {"small",    "generated worlds: the next four items, KL up to weight 1 in 1000 updates",
     WORLDS "target=next_k k=4 time_norm=sum beta_cap=1"},
    {"order",    "generated worlds whose pattern is the order: the next item alone, a nat at a fifth",
     WORLDS "target=next k=4 time_norm=sum beta_cap=0.2"},
    {"collapse", "a lesson: as small with the loss as a mean over time; within 1200 updates the latents tell nothing any more",
     WORLDS "target=next_k k=4 time_norm=mean beta_cap=1"},
    {"official", "the authors' code on MovieLens-1M",
     "opt=adam lr=0.001 beta1=0.9 beta2=0.999 eps=1e-8 batch=1 wd=0.005 clip=0 E=256 H=200 HID=150 K=64 maxlen=1000 rnn_place=encoder target=next_k k=4 "
     "sigma=exp_s kl_exact=0 time_norm=sum beta_cap=0.2 beta_steps=200000 beta_restart=1 head=vae output=separate predict=sample"},
    {"followup", "the same group's later code on MovieLens-1M: 32 users a batch",
     "opt=adam lr=0.001 beta1=0.9 beta2=0.999 eps=1e-8 batch=32 wd=0.005 clip=0 E=64 H=512 HID=512 K=64 maxlen=1000 rnn_place=encoder target=next_k k=4 "
     "sigma=exp_half time_norm=sum beta_cap=0.2 beta_steps=20000 beta_restart=1 head=vae output=separate predict=mean"},
    {.name = NULL},
};

static const struct probe_def probes[] = {
    {"emb",          "(R,E)",           "the vector an item is read as", NULL},
    {"gru*.reset",   "(T,H) a session", "0: the candidate ignores that unit's past, 1: it sees it", "svae.r"},
    {"gru*.update",  "(T,H) a session", "how much of each unit is kept: 1 keeps, 0 replaces", "svae.u"},
    {"gru*.cand",    "(T,H) a session", "what it would write", "svae.c"},
    {"gru*.state",   "(R,H)",           "the running summary after each item", "svae.h"},
    {"lstm1.*",      "(T,H) a session", "rnn=lstm: input, forget, cand, output, state: what is written, kept, would be written, shown, the summary", NULL},
    {"tf1.attn.*",   "(h,T,T) a session", "rnn=transformer: score, prob: who looks at whom", NULL},
    {"tf1.state",    "(R,H)",           "rnn=transformer: the summary after each item", NULL},
    {"enc",          "(R,HID)",         "what mean and spread are read from", "svae.enc"},
    {"latent.mu",    "(R,K)",           "middle of the cloud after each item", "svae.mu"},
    {"latent.sigma", "(R,K)",           "its spread: how unsure it is", "svae.sigma"},
    {"latent.eps",   "(R,K)",           "where a point is drawn: the standard normal number that moves z from its mean", "svae.eps"},
    {"latent.kl",    "(R,K)",           "distance from what is expected, a dimension each; near 0 in all rows: a dead dimension", "svae.kl"},
    {"latent.kldim", "(1,K)",           "mean of each dimension's distance over the session; under .01: a dead dimension", "svae.kldim"},
    {"latent.move",  "(R,1)",           "how far each item moved the middle: which one changed the taste", "svae.step_move"},
    {"prior.mu",     "(R,K)",           "rnn_place=prior: the middle that was expected before the item was read", "svae.prior_mu"},
    {"prior.sigma",  "(R,K)",           "rnn_place=prior: the spread that was expected", "svae.prior_sigma"},
    {"latent.z",     "(R,K)",           "the point that is decoded", "svae.z"},
    {"dec",          "(R,HID)",         "the point decoded, for every row", "svae.dec"},
    {"final",        "(queries,HID)",   "the state that is scored against all items", NULL},
    {"redraw.list",  "(draws,10)",      "an answer: the ten best items at each of several points of the cloud", "svae.redraw"},
    {"redraw.rank",  "(I,2)",           "an answer: mean and standard deviation of each item's rank over those points", "svae.redraw"},
    {"step.item",    "(R,1)",           "a step of training: what is read", "svae.in"},
    {"step.target",  "(queries,k)",     "the items asked for there, the next one first; 0: no more", "svae.target"},
    {"step.logits",  "(queries,I)",     "raw scores of all items", "svae.logits"},
    {"step.prob",    "(queries,I)",     "their softmax", "svae.prob"},
    {"step.nll",     "(queries,1)",     "nats of surprise, summed over the items asked for", "svae.nll"},
    {"step.rank",    "(queries,1)",     "rank of the true next item", "svae.rank"},
    {"step.beta",    "(1,1)",           "the present weight of the KL", "svae.beta"},
    {.name = NULL},
};
// clang-format on

/* Each dimension's part is at least 0: below this in sum none of them is above .01. */
static const struct term_alarm collapse = {
    "kl", 0.01, "posterior collapse. Lower beta_cap or raise beta_steps"};

const struct model_def model_svae = {
    .name = "svae",
    .title = "SVAE",
    .paper = "Sachdeva et al. 2019, Sequential Variational Autoencoders for Collaborative "
             "Filtering, arXiv 1811.09975",
    .doc = "Says how sure it is: after every item the taste behind a session is a cloud in a "
           "latent space, and a point of it is decoded into the next items. Defaults are the "
           "preset small: one ramp of the KL weight to 1, and a spread that is what its KL "
           "takes it for. preset=official is the authors' code.",
    .flags = MODEL_LATENT | MODEL_SOFTMAX,
    .hparams = hparams,
    .presets = presets,
    .probes = probes,
    .alarm = &collapse,
    .self_size = sizeof(struct svae),
    .init = init,
    .tune = tune,
    .spec = spec,
    .head = head,
    .encode = encode,
    .score = score,
    .loss = loss,
};
