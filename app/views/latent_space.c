/* See latent_space.h. */
#include "app/views/latent_space.h"
#include "app/cmd/ablate.h"
#include "engine/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void latent_done(struct latent *l)
{
    free(l->mu);
    free(l->sigma);
    free(l->kl);
    free(l->z);
    free(l->patch);
    memset(l, 0, sizeof *l);
}

void latent_ask(struct question *q)
{
    q->kind = ASK_PROBES;
    q->probes = "latent.mu,latent.sigma,latent.kl,latent.z";
}

static float *last_row(const struct answer *a, const char *name, int units)
{
    const struct probe_copy *p = answer_probe(a, name);
    if (!p || p->nd != 2 || p->d[0] < 1 || p->d[1] != units)
        return NULL;
    float *x = malloc(((size_t)units + 1) * sizeof *x);
    if (x)
        memcpy(x, p->x + (size_t)(p->d[0] - 1) * (size_t)units, (size_t)units * sizeof *x);
    return x;
}

bool latent_take(struct latent *l, const struct answer *a)
{
    l->ready = false;
    if (a->err.code) {
        if (a->err.code != ST_CANCELLED)
            snprintf(l->error, sizeof l->error, "%s", a->err.msg);
        return false;
    }
    latent_done(l);
    const struct probe_copy *mu = answer_probe(a, "latent.mu");
    if (!mu || mu->nd != 2)
        return false;
    l->units = mu->d[1];
    l->step = a->step;
    l->mu = last_row(a, "latent.mu", l->units);
    l->sigma = last_row(a, "latent.sigma", l->units);
    l->kl = last_row(a, "latent.kl", l->units);
    l->z = last_row(a, "latent.z", l->units);
    return l->ready = l->mu && l->sigma && l->kl && l->z;
}

double latent_now(const struct latent *l, const struct ui_latent *m, uint64_t seed, int unit)
{
    for (int i = 0; i < m->n; i++)
        if (m->unit[i] == unit)
            return (double)m->value[i];
    if (m->draw > 0)
        return (double)l->mu[unit] +
               (double)l->sigma[unit] *
                   (double)rng_normal(rng_key(seed, m->draw, rng_site("latent.draw")),
                                      (uint32_t)unit);
    return (double)l->z[unit];
}

void latent_move(struct ui_latent *m, int unit, double value)
{
    int i = 0;
    while (i < m->n && m->unit[i] != unit)
        i++;
    if (i == LATENT_MOVED) { /* the first one moved is let go */
        memmove(m->unit, m->unit + 1, (LATENT_MOVED - 1) * sizeof *m->unit);
        memmove(m->value, m->value + 1, (LATENT_MOVED - 1) * sizeof *m->value);
        i--;
    } else if (i == m->n) {
        m->n++;
    }
    m->unit[i] = unit;
    m->value[i] = (float)value;
}

bool latent_ask_moved(struct latent *l, const struct app *a, int slot,
                      const struct ui_latent *m, int unit, const double *value, int n,
                      struct question *q)
{
    if (!l->ready || unit < 0 || unit >= l->units)
        return false;
    const struct learner *learner = app_learner(a, slot);
    uint64_t seed = learner ? learner->seed : 0;
    int room = l->units + n, k = 0;
    if (room > l->room) {
        struct patch *more = realloc(l->patch, (size_t)room * sizeof *more);
        if (!more)
            return false;
        l->patch = more;
        l->room = room;
    }
    for (int u = 0; u < l->units; u++) {
        double z = latent_now(l, m, seed, u);
        if (u != unit && z != (double)l->z[u])
            l->patch[k++] = (struct patch){.probe = "latent.z",
                                           .set = -1,
                                           .row = PATCH_LAST,
                                           .col = u,
                                           .n = 1,
                                           .value = (float)z};
    }
    for (int i = 0; i < n; i++)
        l->patch[k++] = (struct patch){.probe = "latent.z",
                                       .set = i,
                                       .row = PATCH_LAST,
                                       .col = unit,
                                       .n = 1,
                                       .value = (float)value[i]};
    q->kind = ASK_PATCHES;
    q->n_set = n;
    ablate_with(a, slot, q, l->patch, k);
    return true;
}

double mutual_information(const float *x, int stride, const int *cls, int n, double *entropy)
{
    enum { BINS = 8, CLASSES = 64 };
    int count[BINS][CLASSES] = {{0}}, of_bin[BINS] = {0}, of_class[CLASSES] = {0}, total = 0,
        bins = 0, classes = 0;
    *entropy = 0;
    for (int i = 0; i < n; i++)
        total += cls[i] >= 0 && cls[i] < CLASSES;
    for (int i = 0; i < n && total; i++) {
        if (cls[i] < 0 || cls[i] >= CLASSES)
            continue;
        int below = 0; /* rank among those that count */
        for (int k = 0; k < n; k++)
            if (cls[k] >= 0 && cls[k] < CLASSES)
                below +=
                    x[k * stride] < x[i * stride] || (x[k * stride] == x[i * stride] && k < i);
        int bin = below * BINS / total;
        count[bin][cls[i]]++;
        of_bin[bin]++;
        of_class[cls[i]]++;
    }
    double mi = 0;
    for (int c = 0; c < CLASSES; c++) {
        classes += of_class[c] > 0;
        *entropy -=
            of_class[c] ? (double)of_class[c] / total * log((double)of_class[c] / total) : 0;
    }
    for (int b = 0; b < BINS; b++) {
        bins += of_bin[b] > 0;
        for (int c = 0; c < CLASSES; c++)
            if (count[b][c])
                mi += (double)count[b][c] / total *
                      log((double)count[b][c] * total / ((double)of_bin[b] * of_class[c]));
    }
    mi -= total ? (bins - 1.0) * (classes - 1.0) / (2.0 * total) : 0;
    return mi > 0 ? mi : 0;
}

/* ---- items ---- */

void item_map_done(struct item_map *m)
{
    free(m->at);
    memset(m, 0, sizeof *m);
}

bool item_map_take(struct item_map *m, int32_t target, const struct answer *a)
{
    m->ready = false;
    if (a->err.code || a->n_col != 4 || a->n_row != a->n_items + 1) {
        if (a->err.code && a->err.code != ST_CANCELLED)
            snprintf(m->error, sizeof m->error, "%s", a->err.msg);
        return false;
    }
    item_map_done(m);
    size_t n = (size_t)a->n_row * 4;
    m->at = malloc(n * sizeof *m->at);
    if (!m->at)
        return false;
    memcpy(m->at, a->value, n * sizeof *m->at);
    m->n_items = a->n_items;
    m->target = target;
    m->step = a->step;
    for (int k = 0; k < 2; k++) {
        m->share[k] = a->share[k];
        m->lo[k] = (double)INFINITY;
        m->hi[k] = (double)-INFINITY;
        for (int32_t i = 1; i <= m->n_items; i++) {
            double x = (double)m->at[(size_t)i * 4 + (size_t)k];
            m->lo[k] = fmin(m->lo[k], x);
            m->hi[k] = fmax(m->hi[k], x);
        }
    }
    return m->ready = m->n_items > 0 && isfinite(m->lo[0]) && isfinite(m->hi[1]);
}

int32_t item_map_chosen(const struct view *v)
{
    const struct app *a = v->app;
    int32_t item = v->ui->select.item, n = a->ds ? a->ds->n_items : 0;
    if (item > 0 && item <= n)
        return item;
    item = a->cursor >= 0 && a->cursor < a->seq.n ? a->seq.item[a->cursor] : 1;
    return item > 0 && item <= n ? item : 1;
}
