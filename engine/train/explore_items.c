/* Principal components of the item table; runs of items a filter answers to.  See
 * explore_items.h. */
#include "engine/train/explore_items.h"
#include "engine/base/cancel.h"

#include <math.h>
#include <string.h>

/* ---- Two principal components ---- */

static double dot(const double *x, const double *y, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* Eigenvector of the largest eigenvalue of the symmetric m (d,d), into v; returns the
 * eigenvalue. */
static double power_iteration(const double *m, int32_t d, double *v, double *next,
                              const volatile bool *cancel)
{
    enum { ROUNDS = 1000 };
    double value = 0;
    for (int32_t i = 0; i < d;
         i++) /* no direction is at a right angle to this by accident of symmetry */
        v[i] = 1 + (double)((uint32_t)(i + 1) * 2654435761u >> 8) / (1 << 24);
    double norm = sqrt(dot(v, v, d));
    for (int32_t i = 0; i < d; i++)
        v[i] /= norm;
    for (int round = 0; round < ROUNDS && !cancel_asked(cancel); round++) {
        for (int32_t i = 0; i < d; i++)
            next[i] = dot(m + (size_t)i * (size_t)d, v, d);
        value = sqrt(dot(next, next, d));
        if (!(value > 0))
            break;
        double moved = 0;
        for (int32_t i = 0; i < d; i++) {
            double x = next[i] / value;
            moved = fmax(moved, fabs(x - v[i]));
            v[i] = x;
        }
        if (moved < 1e-9)
            break;
    }
    int32_t top = 0;
    for (int32_t i = 1; i < d; i++)
        if (fabs(v[i]) > fabs(v[top]))
            top = i;
    for (int32_t i = 0; v[top] < 0 && i < d; i++)
        next[i] = -v[i];
    if (v[top] < 0)
        memcpy(v, next, (size_t)d * sizeof *v);
    return isfinite(value) ? value : 0;
}

static const real *row_of(const struct weights *w, const struct head *hd, int32_t item)
{
    return w->x + hd->table->at + (size_t)(item - hd->id0) * (size_t)hd->table->ld;
}

enum status items_project(struct arena *mem, const struct weights *w, const struct head *hd,
                          const real *state, int32_t target, struct answer *a,
                          const volatile bool *cancel)
{
    int32_t d = param_cols(hd->table), n = w->ds->n_items;
    size_t size = (size_t)d * (size_t)d;
    double *mean = arena_alloc(mem, (size_t)d * sizeof *mean),
           *cov = arena_alloc(mem, size * sizeof *cov);
    double *pc = arena_alloc(mem, 2 * (size_t)d * sizeof *pc),
           *tmp = arena_alloc(mem, (size_t)d * sizeof *tmp);
    float *out = arena_alloc(mem, ((size_t)n + 1) * 4 * sizeof *out);
    if (!mean || !cov || !pc || !tmp || !out)
        return err_nomem(&a->err, size * sizeof *cov, "principal components");
    double lengths = 0, trace = 0;
    for (int32_t i = 1; i <= n; i++)
        for (int32_t c = 0; c < d; c++)
            mean[c] += (double)row_of(w, hd, i)[c] / n;
    for (int32_t i = 1; i <= n; i++) {
        const real *x = row_of(w, hd, i);
        if (cancel_asked(cancel))
            return err_set(&a->err, ST_CANCELLED, "cancelled");
        for (int32_t c = 0; c < d; c++)
            tmp[c] = (double)x[c] - mean[c];
        for (int32_t r = 0; r < d; r++)
            for (int32_t c = 0; c <= r; c++)
                cov[(size_t)r * (size_t)d + (size_t)c] += tmp[r] * tmp[c] / n;
    }
    for (int32_t r = 0; r < d; r++) {
        trace += cov[(size_t)r * (size_t)d + (size_t)r];
        for (int32_t c = 0; c < r; c++)
            cov[(size_t)c * (size_t)d + (size_t)r] = cov[(size_t)r * (size_t)d + (size_t)c];
    }
    for (int k = 0; k < 2; k++) {
        double *v = pc + (size_t)k * (size_t)d, value = power_iteration(cov, d, v, tmp, cancel);
        a->share[k] = trace > 0 ? (float)(value / trace) : 0;
        for (int32_t r = 0; r < d; r++) /* what the first explains is taken out */
            for (int32_t c = 0; c < d; c++)
                cov[(size_t)r * (size_t)d + (size_t)c] -= value * v[r] * v[c];
    }
    if (cancel_asked(cancel))
        return err_set(&a->err, ST_CANCELLED, "cancelled");
    for (int32_t i = 1; i <= n; i++) {
        const real *x = row_of(w, hd, i);
        double at[2] = {0, 0}, norm = 0;
        for (int32_t c = 0; c < d; c++) {
            for (int k = 0; k < 2; k++)
                at[k] += ((double)x[c] - mean[c]) * pc[(size_t)k * (size_t)d + (size_t)c];
            norm += (double)x[c] * (double)x[c];
        }
        out[4 * (size_t)i] = (float)at[0];
        out[4 * (size_t)i + 1] = (float)at[1];
        out[4 * (size_t)i + 2] = (float)sqrt(norm);
        lengths += sqrt(norm) / n;
    }
    out[0] = out[1] = out[2] = out[3] = NAN;
    const real *me = target > 0 && target <= n ? row_of(w, hd, target) : NULL;
    for (int32_t i = 1; me && i <= n; i++) {
        const real *x = row_of(w, hd, i);
        double xy = 0,
               both = (double)out[4 * (size_t)i + 2] * (double)out[4 * (size_t)target + 2];
        for (int32_t c = 0; c < d; c++)
            xy += (double)me[c] * (double)x[c];
        out[4 * (size_t)i + 3] = both > 0 ? (float)(xy / both) : 0;
    }
    double norm = 0;
    for (int32_t c = 0; state && c < d; c++)
        norm += (double)state[c] * (double)state[c];
    if (norm > 0) {
        double k = lengths / sqrt(norm), at[2] = {0, 0};
        for (int32_t c = 0; c < d; c++)
            for (int j = 0; j < 2; j++)
                at[j] +=
                    ((double)state[c] * k - mean[c]) * pc[(size_t)j * (size_t)d + (size_t)c];
        out[0] = (float)at[0];
        out[1] = (float)at[1];
        out[2] = (float)sqrt(norm);
    }
    a->value = out;
    a->n_row = n + 1;
    a->n_col = 4;
    return ST_OK;
}

/* ---- Runs that excite a filter ---- */

struct filter {
    const struct param *table, *f, *b;
    int32_t k, high; /* which one; rows it looks at */
    float *product;  /* (high, n_items+1) */
};

static const struct param *named(const struct weights *w, const char **list)
{
    char name[64];
    size_t len = strcspn(*list, ",");
    if (len >= sizeof name)
        return NULL;
    memcpy(name, *list, len);
    name[len] = '\0';
    *list += len + ((*list)[len] == ',');
    return params_find(w->ps, name);
}

static double response(const struct filter *f, const struct weights *w, const int32_t *run)
{
    size_t cols = (size_t)w->ds->n_items + 1;
    double sum = (double)(w->x + f->b->at)[f->k];
    for (int32_t r = 0; r < f->high; r++)
        sum += (double)f->product[(size_t)r * cols + (size_t)run[r]];
    return sum;
}

/* Place of a run in the list, -1 when it is not there. */
static int32_t place_of(const struct run_found *list, int32_t n, const int32_t *run,
                        int32_t high)
{
    for (int32_t i = 0; i < n; i++)
        if (memcmp(list[i].item, run, (size_t)high * sizeof *run) == 0)
            return i;
    return -1;
}

static void products(const struct filter *f, const struct weights *w)
{
    int32_t n = w->ds->n_items, d = f->f->d[2], id0 = f->table->d[0] == n ? 1 : 0;
    for (int32_t r = 0; r < f->high; r++) {
        const real *row =
            w->x + f->f->at + ((size_t)f->k * (size_t)f->high + (size_t)r) * (size_t)f->f->ld;
        for (int32_t i = 1; i <= n; i++) {
            const real *x = w->x + f->table->at + (size_t)(i - id0) * (size_t)f->table->ld;
            double sum = 0;
            for (int32_t c = 0; c < d; c++)
                sum += (double)row[c] * (double)x[c];
            f->product[(size_t)r * ((size_t)n + 1) + (size_t)i] = (float)sum;
        }
    }
}

enum status items_runs(struct arena *mem, const struct weights *w, const struct question *q,
                       struct answer *a, const volatile bool *cancel)
{
    const char *at = q->params ? q->params : "";
    struct filter f = {.k = q->target};
    f.table = named(w, &at);
    f.f = named(w, &at);
    f.b = named(w, &at);
    if (!f.table || !f.f || !f.b || f.f->nd != 3 || f.k < 0 || f.k >= f.f->d[0] ||
        f.f->d[1] > RUN_ITEMS || f.table->d[1] != f.f->d[2])
        return err_set(&a->err, ST_UNSUPPORTED, "%s has no such filter", w->model->title);
    f.high = f.f->d[1];
    const struct dataset *ds = w->ds;
    size_t cols = (size_t)ds->n_items + 1;
    int32_t most = q->k < 1 ? 1 : q->k > RUNS_MAX ? RUNS_MAX : q->k, n = 0;
    f.product = arena_raw(mem, (size_t)f.high * cols * sizeof *f.product);
    struct run_found *list = arena_alloc(mem, RUNS_MAX * sizeof *list);
    int32_t *next = arena_alloc(mem, RUNS_MAX * cols * sizeof *next);
    if (!f.product || !list || !next)
        return err_nomem(&a->err, RUNS_MAX * cols * sizeof *next, "runs of items");
    products(&f, w);
    for (int pass = 0; pass < 2; pass++)
        for (int32_t s = 0; s < ds->n_sessions; s++) {
            const int32_t *item = ds->item + ds->off[s];
            if (s % 1024 == 0 && cancel_asked(cancel))
                return err_set(&a->err, ST_CANCELLED, "cancelled");
            for (int32_t i = 0; i + f.high < w->split->train_len[s]; i++) {
                double v = response(&f, w, item + i);
                if (pass ? !(v >= (double)list[n - 1].value - 1e-6)
                         : n == most && !(v > (double)list[n - 1].value))
                    continue;
                int32_t k = place_of(list, n, item + i, f.high);
                if (pass && k >= 0) {
                    list[k].count++;
                    next[(size_t)k * cols + (size_t)item[i + f.high]]++;
                }
                if (pass || k >= 0 || isnan(v))
                    continue;
                for (k = n < most ? n++ : n - 1; k > 0 && v > (double)list[k - 1].value; k--)
                    list[k] = list[k - 1];
                memset(&list[k], 0, sizeof list[k]);
                memcpy(list[k].item, item + i, (size_t)f.high * sizeof *item);
                list[k].value = (float)v;
            }
            if (pass && n == 0)
                return ST_OK;
        }
    for (int32_t k = 0; k < n; k++)
        for (int32_t i = 1; i <= ds->n_items; i++)
            if (next[(size_t)k * cols + (size_t)i] > list[k].next_count) {
                list[k].next = i;
                list[k].next_count = next[(size_t)k * cols + (size_t)i];
            }
    a->run = list;
    a->n_run = n;
    a->run_len = f.high;
    return ST_OK;
}
