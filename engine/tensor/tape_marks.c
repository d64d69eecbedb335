/* What a tape notes beside its ops: scopes and the random keys they give, probes, terms of the
 * loss, states that are carried to the next batch; see tape.h. */
#include "engine/tensor/tape_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Scopes and random keys ---- */

void tape_push(struct tape *t, const char *fmt, ...)
{
    char part[96];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(part, sizeof part, fmt, ap);
    va_end(ap);
    assert(t->depth < MAX_DEPTH);
    const struct scope *up = &t->scope[t->depth];
    const char *name = arena_printf(t->mem, "%s%s%s", up->name, t->depth ? "." : "", part);
    if (!name) {
        tape_fail(t, ST_NOMEM, "no memory for a name");
        name = "";
    }
    t->scope[++t->depth] = (struct scope){.name = name, .site = rng_site(name)};
}

void tape_pop(struct tape *t)
{
    assert(t->depth > 0);
    t->depth--;
}

const char *tape_scope(const struct tape *t)
{
    return t->scope[t->depth].name;
}

static uint64_t site_add(uint64_t h, const char *s) /* goes on with rng_site */
{
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 0x100000001b3u;
    return h;
}

struct rng_key tape_key(struct tape *t, const char *what)
{
    uint64_t site = t->scope[t->depth].site;
    if (t->depth)
        site = site_add(site, ".");
    site = site_add(site, what);
    uint32_t times = 0;
    for (int32_t i = 0; i < t->key.n; i++)
        if (t->key.v[i].site == site)
            times = ++t->key.v[i].times;
    if (times) {
        char again[16];
        snprintf(again, sizeof again, "#%u", (unsigned)times);
        return rng_key(t->env.seed, t->env.step, site_add(site, again));
    }
    if (TAPE_GROW(t, t->key))
        t->key.v[t->key.n++] = (struct key_seen){.site = site};
    return rng_key(t->env.seed, t->env.step, site);
}

/* ---- Probes ---- */

static const char *scoped(struct tape *t, const char *name)
{
    const char *s =
        arena_printf(t->mem, "%s%s%s", t->scope[t->depth].name, t->depth ? "." : "", name);
    if (!s)
        tape_fail(t, ST_NOMEM, "no memory for a name");
    return s;
}

static void put_patches(const struct tape *t, const char *full, real *x, int32_t rows,
                        int32_t cols, size_t ld)
{
    for (int32_t i = 0; i < t->env.n_patch; i++) {
        const struct patch *p = &t->env.patch[i];
        if ((p->set >= 0 && p->set != t->env.set) || strcmp(p->probe, full) != 0)
            continue;
        for (int32_t r = p->row == PATCH_LAST && rows > 0 ? rows - 1 : 0; r < rows; r++)
            for (int32_t c = p->col < 0 ? 0 : p->col; c < cols && c - p->col < p->n; c++)
                x[(size_t)r * ld + (size_t)c] = (real)p->value;
    }
}

void tape_patch(struct tape *t, const char *name, real *x, int32_t rows, int32_t cols,
                size_t ld)
{
    const char *full = t->env.n_patch && !tape_failed(t) ? scoped(t, name) : NULL;
    if (full)
        put_patches(t, full, x, rows, cols, ld);
}

struct tensor *tape_probe(struct tape *t, const char *name, struct tensor *x)
{
    if (tape_failed(t))
        return x;
    const char *full = scoped(t, name);
    if (full && t->env.n_patch)
        put_patches(t, full, x->x, tensor_rows(x), tensor_cols(x), (size_t)x->ld);
    if (full && TAPE_GROW(t, t->probe))
        t->probe.v[t->probe.n++] = (struct probe_view){.name = full, .t = x};
    return x;
}

void tape_watch(struct tape *t, int32_t session)
{
    t->watched = session;
}

int32_t tape_watched(const struct tape *t)
{
    return t->watched;
}

size_t tape_probes(const struct tape *t, const struct probe_view **out)
{
    *out = t->probe.v;
    return (size_t)t->probe.n;
}

const struct tensor *tape_find(const struct tape *t, const char *name)
{
    for (int32_t i = 0; i < t->probe.n; i++)
        if (strcmp(t->probe.v[i].name, name) == 0)
            return t->probe.v[i].t;
    return NULL;
}

/* ---- Terms and carried states ---- */

void tape_term(struct tape *t, const char *name, struct tensor *x, double weight)
{
    if (tape_failed(t))
        return;
    if (tensor_rows(x) != 1 || tensor_cols(x) != 1) {
        tape_fail(t, ST_SHAPE, "loss term %s: not a single number", name);
        return;
    }
    if (TAPE_GROW(t, t->term))
        t->term.v[t->term.n++] = (struct term){.name = name, .x = x, .weight = weight};
}

int tape_terms(const struct tape *t)
{
    return t->term.n;
}

const char *tape_term_at(const struct tape *t, int i, double *value, double *weight)
{
    assert(i >= 0 && i < t->term.n);
    if (value)
        *value = (double)t->term.v[i].x->x[0];
    if (weight)
        *weight = t->term.v[i].weight;
    return t->term.v[i].name;
}

double tape_loss(const struct tape *t)
{
    double loss = 0;
    for (int32_t i = 0; i < t->term.n; i++)
        loss += t->term.v[i].weight * (double)t->term.v[i].x->x[0];
    return loss;
}

void tape_carry(struct tape *t, const struct param *state, const int32_t *row, struct tensor *x)
{
    if (tape_failed(t))
        return;
    if (tensor_cols(x) != param_cols(state)) {
        tape_fail(t, ST_SHAPE, "carried rows of %d into %s of %d", tensor_cols(x), state->name,
                  param_cols(state));
        return;
    }
    if (TAPE_GROW(t, t->carry))
        t->carry.v[t->carry.n++] = (struct carry){.state = state, .row = row, .x = x};
}

int tape_carries(const struct tape *t)
{
    return t->carry.n;
}

void tape_carry_at(const struct tape *t, int i, const struct param **state, const int32_t **row,
                   const struct tensor **x)
{
    assert(i >= 0 && i < t->carry.n);
    *state = t->carry.v[i].state;
    *row = t->carry.v[i].row;
    *x = t->carry.v[i].x;
}
