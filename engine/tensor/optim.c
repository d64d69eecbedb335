/* Optimisers; see optim.h. */
#include "engine/tensor/optim.h"

#include "engine/tensor/kernels.h"

#include <math.h>
#include <string.h>

static void shrink(real *x, size_t n, float lr,
                   float decay) /* decoupled decay: x -= lr decay x */
{
    if (decay != 0)
        kern()->scale((real)(1 - (double)lr * (double)decay), x, x, n);
}

void optim_prepare(struct optim_step *s)
{
    s->fix1 = 1 - pow((double)s->beta1, (double)s->t);
    s->fix2 = 1 - pow((double)s->beta2, (double)s->t);
}

/* Kingma & Ba 2015: x -= lr mhat / (sqrt(vhat) + eps), both corrections drawn into lr and
 * eps. */
static void adam_corrected(real *x, const real *g, real *const *aux, size_t n,
                           const struct optim_step *s, float l2)
{
    struct optim_step now = *s;
    if (now.fix1 == 0)
        optim_prepare(&now);
    double c1 = now.fix1, c2 = sqrt(now.fix2);
    kern()->adam(x, g, aux[0], aux[1], n, (float)((double)s->lr * c2 / c1), s->beta1, s->beta2,
                 (float)((double)s->eps * c2), s->clip, l2);
}

static void adam(real *x, const real *g, real *const *aux, size_t n, const struct optim_step *s)
{
    adam_corrected(x, g, aux, n, s, s->decay);
}

/* Numbers without a gradient rest, moments and decay too.  LazyAdam of tensorflow and
 * SparseAdam of torch say it of whole rows; by numbers it does not depend on how a table's
 * gradient is kept. */
static void lazyadam(real *x, const real *g, real *const *aux, size_t n,
                     const struct optim_step *s)
{
    for (size_t from = 0, to; g && from < n; from = to) {
        for (to = from; to < n && g[to] != 0; to++)
            ;
        if (to > from)
            adam_corrected(x + from, g + from, (real *[]){aux[0] + from, aux[1] + from},
                           to - from, s, s->decay);
        for (; to < n && g[to] == 0; to++)
            ;
    }
}

static void adamw(real *x, const real *g, real *const *aux, size_t n,
                  const struct optim_step *s)
{
    shrink(x, n, s->lr, s->decay);
    adam_corrected(x, g, aux, n, s, 0);
}

/* w -= lr (m / (sqrt(v) + eps) + decay w), no bias correction. */
static void bertadam(real *x, const real *g, real *const *aux, size_t n,
                     const struct optim_step *s)
{
    shrink(x, n, s->lr, s->decay);
    kern()->adam(x, g, aux[0], aux[1], n, s->lr, s->beta1, s->beta2, s->eps, s->clip, 0);
}

/* The authors' code of GRU4Rec (its functions adagrad, rmsprop, adadelta and RMSprop): epsilon
 * inside the root, plain momentum, decay (`lmbd`) beside the scaled gradient; accumulator,
 * velocity and value of rows that a batch does not touch rest; without momentum there is no
 * velocity, it begins at 0 when momentum is set.  By numbers it does not depend
 * on how a table's gradient is kept; a row hit twice has its gradients summed first, where
 * that code adds up their squares.  rho is `adapt_params`, which has no default there: 0.9 is
 * that of Tieleman & Hinton's rmsprop (2012).  That code runs adadelta (Zeiler 2012) at
 * lr = 1; here lr is a factor as in every optimiser. */
static struct optim_rates rates(const struct optim_step *s)
{
    return (struct optim_rates){.lr = (real)s->lr,
                                .eps = (real)s->eps,
                                .rho = (real)s->rho,
                                .momentum = (real)s->momentum,
                                .clip = (real)s->clip,
                                .decay = (real)s->decay};
}

static void adagrad(real *x, const real *g, real *const *aux, size_t n,
                    const struct optim_step *s)
{
    const struct optim_rates r = rates(s);
    if (g)
        kern()->adagrad(x, g, aux, n, &r);
}

static void rmsprop(real *x, const real *g, real *const *aux, size_t n,
                    const struct optim_step *s)
{
    const struct optim_rates r = rates(s);
    if (g)
        kern()->rmsprop(x, g, aux, n, &r);
}

static void adadelta(real *x, const real *g, real *const *aux, size_t n,
                     const struct optim_step *s)
{
    const struct optim_rates r = rates(s);
    if (g)
        kern()->adadelta(x, g, aux, n, &r);
}

/* v = momentum v + g;  x -= lr v. */
static void sgd(real *x, const real *g, real *const *aux, size_t n, const struct optim_step *s)
{
    real *vel = aux[0];
    for (size_t i = 0; i < n; i++) {
        real d = (g ? (real)s->clip * g[i] : 0) + (real)s->decay * x[i];
        vel[i] = (real)s->momentum * vel[i] + d;
        x[i] -= (real)s->lr * vel[i];
    }
}

static const char *const ADAM_AUX[] = {"m", "v"}, *const SGD_AUX[] = {"vel"},
                         *const GRU_AUX[] = {"acc", "vel", "upd"};

// clang-format off
static const struct optim_def ADAM = {
    "adam", "Adam", "Kingma & Ba 2015; weight decay is added to the gradient (L2)", 2, ADAM_AUX, 0, false, adam};
static const struct optim_def ADAMW = {
    "adamw", "AdamW", "Loshchilov & Hutter 2019: Adam with decoupled weight decay", 2, ADAM_AUX, 0, false, adamw};
static const struct optim_def BERTADAM = {
    "bertadam", "Adam of BERT", "Devlin et al.'s code: no bias correction, decoupled weight decay", 2, ADAM_AUX, 0, false, bertadam};
static const struct optim_def ADAGRAD = {
    "adagrad", "Adagrad", "as in GRU4Rec's code: epsilon inside the root, optional momentum, touched rows only", 2, GRU_AUX, 0, true, adagrad};
static const struct optim_def SGD = {
    "sgd", "SGD", "gradient descent, optional momentum; weight decay is added to the gradient", 1, SGD_AUX, 0, false, sgd};
static const struct optim_def LAZYADAM = {
    "lazyadam", "lazy Adam", "Adam that leaves numbers without gradient alone, as rows of items a batch does not touch: another optimiser than adam", 2, ADAM_AUX, 0, true, lazyadam};
static const struct optim_def RMSPROP = {
    "rmsprop", "RMSprop", "as in GRU4Rec's code: as its adagrad, with a running mean of squares (rho)", 2, GRU_AUX, 0, true, rmsprop};
static const struct optim_def ADADELTA = {
    "adadelta", "Adadelta", "as in GRU4Rec's code, which runs it at lr=1: steps as large as its own past ones (rho)", 3, GRU_AUX, 0, true, adadelta};
// clang-format on

const struct optim_def *const optim_defs[] = {&ADAM,     &ADAMW,   &BERTADAM, &ADAGRAD, &SGD,
                                              &LAZYADAM, &RMSPROP, &ADADELTA, NULL};

const struct optim_def *optim_find(const char *name)
{
    for (int i = 0; optim_defs[i]; i++)
        if (strcmp(optim_defs[i]->name, name) == 0)
            return optim_defs[i];
    return NULL;
}

bool optim_reads_aux(const struct optim_def *o, const struct optim_step *s, int k)
{
    return o->aux_name != GRU_AUX || k != AUX_VELOCITY || s->momentum != 0;
}

bool optim_idle(const struct optim_def *o, const struct optim_step *s)
{
    return o->rests || (o->span == sgd && s->momentum == 0 && s->decay == 0);
}

void optim_catch_up(const struct optim_def *o, real *x, real *const *aux, size_t n,
                    const struct optim_step *past, int32_t n_past, int64_t done, int64_t now)
{
    for (int64_t t = done + 1; t <= now; t++)
        o->span(x, NULL, aux, n, &past[t % n_past]);
}
