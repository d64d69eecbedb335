/* Tails of Caser; see caser_tail.h. */
#include "models/caser_tail.h"

#include <math.h>

#define LN_EPS 1e-8f

struct dense caser_declare(struct params *ps, struct arena *mem, const char *scope, int nd,
                           const int32_t *d, int32_t outputs, float fan_in)
{
    const char *f = arena_printf(mem, "%s.W", scope), *b = arena_printf(mem, "%s.b", scope);
    float reach = 1 / sqrtf(fan_in);
    if (!f || !b)
        f = b = scope; /* out of memory: a name taken twice, which params_build refuses */
    return (struct dense){params_add(ps, f, nd, d, INIT_UNIFORM, reach, 0),
                          params_add(ps, b, 1, &outputs, INIT_UNIFORM, reach, 0)};
}

static struct dense declare_dense(struct params *ps, struct arena *mem, const char *scope,
                                  int32_t in, int32_t out)
{
    return caser_declare(ps, mem, scope, 2, (int32_t[]){in, out}, out, (float)in);
}

/* ---- Transformer ---- */

void caser_mix_declare(struct caser_mix *m, struct params *ps, struct arena *mem, int32_t d,
                       int32_t heads, int32_t nv, int32_t nh, int32_t heights, bool user)
{
    m->d = d;
    m->heads = heads;
    m->tokens = 1 + nv + heights + user;
    m->type =
        params_add(ps, "tail.type", 2, (int32_t[]){m->tokens, d}, INIT_NORMAL, 1 / (float)d, 0);
    for (int32_t h = 1; h <= heights; h++) {
        const char *scope = arena_printf(mem, "tail.h%d", h);
        m->height[h - 1] = declare_dense(ps, mem, scope ? scope : "tail.h", nh, d);
    }
    m->ln1 = norm_declare(ps, "tail.ln1.gamma", "tail.ln1.beta", d, LN_EPS);
    m->qkv = declare_dense(ps, mem, "tail.qkv", d, 3 * d);
    m->o = declare_dense(ps, mem, "tail.o", d, d);
    m->ln2 = norm_declare(ps, "tail.ln2.gamma", "tail.ln2.beta", d, LN_EPS);
    m->f1 = declare_dense(ps, mem, "tail.f1", d, 2 * d);
    m->f2 = declare_dense(ps, mem, "tail.f2", 2 * d, d);
}

/* (n M, d): a window's tokens under one another, types added. */
static struct tensor *tokens(const struct caser_mix *m, struct tape *t,
                             const struct caser_features *f, struct tensor *user, int32_t n)
{
    struct tensor *part[CASER_MAX_L + 3];
    int32_t k = 0, rows = n * m->tokens,
            *type = tape_alloc(t, ((size_t)rows + 1) * sizeof *type);
    if (!type)
        return tape_bad(t);
    for (int32_t r = 0; r < rows; r++)
        type[r] = r % m->tokens;
    part[k++] = tape_input(t, NULL, 2, (int32_t[]){n, m->d});
    if (f->v)
        part[k++] = f->v;
    for (int32_t h = 0; h < f->heights; h++) {
        tape_push(t, "h%d", h + 1);
        part[k++] = dense(t, "token", &m->height[h], f->h[h], ACT_NONE, 0);
        tape_pop(t);
    }
    if (user)
        part[k++] = user;
    struct tensor *x = op_fold(t, op_concat(t, part, k), m->tokens);
    return tape_probe(t, "tokens", op_add(t, x, op_rows(t, m->type, type, rows, 0)));
}

/* x + drop(attention(LN(x))), then + drop(feed(LN(.))), on the summary's row alone: nobody
 * reads the others after the attention. */
struct tensor *caser_mix(const struct caser_mix *m, struct tape *t,
                         const struct caser_features *f, struct tensor *user, int32_t n)
{
    int32_t *off = tape_alloc(t, ((size_t)n + 1) * sizeof *off);
    if (!off)
        return tape_bad(t);
    for (int32_t s = 0; s <= n; s++)
        off[s] = s * m->tokens;
    tape_push(t, "tail");
    struct tensor *x = tokens(m, t, f, user, n),
                  *q = dense(t, "qkv", &m->qkv, norm(t, "ln1", &m->ln1, x), ACT_NONE, 0);
    tape_push(t, "attn");
    struct tensor *a = op_attention_qkv(t, q, off, n, m->heads, false, m->drop);
    tape_pop(t);
    struct tensor *y = op_add(t, op_pick(t, x, off, n),
                              dense(t, "o", &m->o, op_pick(t, a, off, n), ACT_NONE, m->drop));
    struct tensor *g = dense(t, "f1", &m->f1, norm(t, "ln2", &m->ln2, y), ACT_GELU, m->drop);
    y = op_add(t, y, dense(t, "f2", &m->f2, g, ACT_NONE, m->drop));
    tape_pop(t);
    return y;
}

/* ---- Latent cloud ---- */

void caser_latent_declare(struct caser_latent *m, struct params *ps, struct arena *mem,
                          int32_t d, int32_t k)
{
    m->ms = declare_dense(ps, mem, "latent.ms", d, 2 * k);
    m->dec = declare_dense(ps, mem, "latent.dec", k, d);
}

struct tensor *caser_latent(const struct caser_latent *m, struct tape *t, struct tensor *e,
                            struct tensor **ms)
{
    tape_push(t, "latent");
    *ms = dense(t, "ms", &m->ms, e, ACT_NONE, 0);
    struct tensor *zeta = op_sample(t, *ms, LATENT_HALF, tape_training(t) || m->sample, NULL);
    struct tensor *g = dense(t, "dec", &m->dec, tape_probe(t, "z", zeta), ACT_TANH, 0);
    tape_probe(t, "dec", g);
    tape_pop(t);
    return g;
}

struct tensor *caser_divergence(struct tape *t, struct tensor *ms, const float *weight)
{
    tape_push(t, "latent");
    struct tensor *kl = op_kl(t, ms, NULL, LATENT_HALF, weight);
    tape_pop(t);
    return kl;
}

double caser_beta(const struct caser_latent *m, int64_t step)
{
    return m->beta_cap * ((double)step < m->beta_steps ? (double)step / m->beta_steps : 1);
}
