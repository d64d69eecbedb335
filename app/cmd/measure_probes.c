/* Measures that look inside a forward pass: attention, occlusion, gates, filters, latent
 * units, the evolving preference. */
#include "app/cmd/measure_own.h"
#include "app/views/attn_maps.h"
#include "engine/tensor/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- probes of a forward pass ---- */

static enum status probes(struct app *a, const char *names, const struct answer **ans,
                          struct err *err)
{
    struct question q = {
        .kind = ASK_PROBES, .n = a->seq.n, .item = a->seq.item, .probes = names};
    enum status st = app_slot(a)->model ? check_sequence(a, a->slot, &a->seq, err)
                                        : measure_not_for(a, "", err);
    return st == ST_OK ? ask_here(a, a->slot, a->at, &q, ans, err) : st;
}

static enum status with(struct app *a, enum model_flag flag, const char *what, struct err *err)
{
    const struct model_def *m = app_slot(a)->model;
    return m && (m->flags & flag) ? ST_OK : measure_not_for(a, what, err);
}

/* One attention map of rows x cols, heap; layer 0: the last, head 0: the mean. */
static enum status attention(struct app *a, const struct measure_args *arg, float **map,
                             int *rows, int *cols, struct err *err)
{
    const struct answer *ans;
    static struct maps m;
    *map = NULL;
    enum status st = with(a, MODEL_ATTENTION, "attention", err);
    if (st == ST_OK)
        st = probes(a, "*attn.prob", &ans, err);
    if (st != ST_OK)
        return st;
    if (!attn_take(&m, ans) || !m.ready || arg->n[0] > m.layers || arg->n[1] > m.heads) {
        err_set(err, ST_ARG, "there is no layer %lld head %lld", (long long)arg->n[0],
                (long long)arg->n[1]);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    *rows = m.rows;
    *cols = m.cols;
    *map = malloc(sizeof **map * (size_t)m.rows * (size_t)m.cols);
    if (!*map)
        return err_nomem(err, sizeof **map * (size_t)m.rows * (size_t)m.cols, "a map");
    attn_map(&m, arg->n[0] ? (int)arg->n[0] - 1 : m.layers - 1, (int)arg->n[1], *map);
    return ST_OK;
}

/* Mean over rows of the weight that pick() chooses; the first row has no choice where
 * nothing later is seen. */
static enum status mass(struct app *a, const struct measure_args *arg,
                        int (*times)(int r, int c), double *v, struct err *err)
{
    float *map;
    int rows, cols, n = 0;
    enum status st = attention(a, arg, &map, &rows, &cols, err);
    *v = 0;
    for (int r = rows > 1 ? 1 : 0; st == ST_OK && r < rows; r++, n++)
        for (int c = 0; c < cols; c++)
            *v += times(r, c) * (double)map[r * cols + c];
    *v = n ? *v / n : 0;
    free(map);
    return st;
}

static int one_back(int r, int c)
{
    return c == r - 1;
}
static int first(int r, int c)
{
    return (void)r, c == 0;
}
static int itself(int r, int c)
{
    return c == r;
}
static int later(int r, int c)
{
    return c > r;
}
static int far(int r, int c)
{
    return c < r ? r - c : c - r;
}
MEASURE(attn_distance)
{
    return mass(a, arg, far, v, err);
}
MEASURE(prev_mass)
{
    return mass(a, arg, one_back, v, err);
}
MEASURE(first_mass)
{
    return mass(a, arg, first, v, err);
}
MEASURE(self_mass)
{
    return mass(a, arg, itself, v, err);
}
MEASURE(future_mass)
{
    return mass(a, arg, later, v, err);
}

MEASURE(attn_entropy)
{
    float *map;
    int rows, cols, n = 0;
    enum status st = attention(a, arg, &map, &rows, &cols, err);
    *v = 0;
    for (int r = rows > 1 ? 1 : 0; st == ST_OK && r < rows; r++, n++)
        for (int c = 0; c < cols; c++) {
            double w = (double)map[r * cols + c];
            *v -= w > 0 ? w * log(w) : 0;
        }
    *v = n ? *v / n : 0;
    free(map);
    return st;
}

MEASURE(attn_last)
{
    float *map;
    int rows, cols;
    enum status st = attention(a, arg, &map, &rows, &cols, err);
    if (st == ST_OK) {
        int64_t at = arg->n[2] < 0 ? arg->n[2] + a->seq.n : arg->n[2] - 1;
        *v = at >= 0 && at < cols ? (double)map[(rows - 1) * cols + at] : 0;
    }
    free(map);
    return st;
}

/* ---- occlusion ---- */

/* What leaving each item out takes from the first choice. */
static enum status drops(struct app *a, double *drop, int32_t *n, struct err *err)
{
    const struct answer *ans;
    struct ranking *r = NULL;
    enum status st = measure_list(a, &a->seq, &r, err);
    struct question q = {.kind = ASK_OCCLUDE, .n = a->seq.n, .item = a->seq.item};
    if (st == ST_OK)
        st = ask_here(a, a->slot, a->at, &q, &ans, err);
    float *prob = st == ST_OK ? malloc(sizeof *prob * ((size_t)ans->n_items + 1)) : NULL;
    if (st == ST_OK && !prob)
        st = err_nomem(err, sizeof *prob * ((size_t)ans->n_items + 1), "odds");
    *n = 0;
    for (int32_t i = 0; st == ST_OK && i < a->seq.n;
         i++) /* what the window cut off has no effect */
        drop[i] = 0;
    for (int32_t i = 0; st == ST_OK && i < ans->n_row; i++) {
        softmax_row(ans->score + (int64_t)i * (ans->n_items + 1), ans->n_items, prob);
        drop[ans->first + i] = (double)r->prob[r->item[0]] - (double)prob[r->item[0]];
    }
    *n = a->seq.n;
    free(prob);
    ranking_free(r);
    return st;
}

static enum status drop_of(struct app *a, int64_t item, double *drop, int32_t *n, int32_t *at,
                           struct err *err)
{
    enum status st = drops(a, drop, n, err);
    for (*at = *n - 1; st == ST_OK && *at >= 0 && a->seq.item[*at] != item;)
        --*at;
    if (st == ST_OK && *at < 0) {
        err_set(err, ST_ARG, "item %lld is not in the sequence", (long long)item);
        return err_hint(err, "bad-item", NULL), ST_ARG;
    }
    return st;
}

MEASURE(occl_drop)
{
    double drop[SEQ_MAX];
    int32_t n, at;
    enum status st = drop_of(a, arg->n[0], drop, &n, &at, err);
    *v = st == ST_OK ? drop[at] : 0;
    return st;
}

MEASURE(occl_rank)
{
    double drop[SEQ_MAX];
    int32_t n, at;
    enum status st = drop_of(a, arg->n[0], drop, &n, &at, err);
    *v = 1;
    for (int32_t i = 0; st == ST_OK && i < n; i++)
        *v += drop[i] > drop[at];
    return st;
}

MEASURE(occl_attn)
{
    double drop[SEQ_MAX], weight[SEQ_MAX];
    int32_t n;
    float *map;
    int rows, cols;
    (void)arg;
    enum status st = attention(a, &(struct measure_args){0}, &map, &rows, &cols, err);
    if (st == ST_OK)
        st = drops(a, drop, &n, err);
    for (int32_t i = 0; st == ST_OK && i < n; i++)
        weight[i] = i < cols ? (double)map[(rows - 1) * cols + i] : 0;
    if (st == ST_OK)
        *v = spearman(drop, weight, n);
    free(map);
    return st;
}

/* ---- recurrent models ---- */

/* Memory of each unit in clicks: 1 / mean of what a click rewrites. */
static enum status memories(struct app *a, double *out, int32_t *n, struct err *err)
{
    const struct answer *ans;
    enum { UNITS = 1024 };
    enum status st = with(a, MODEL_GATES, "gates", err);
    if (st == ST_OK)
        st = probes(a, "*update", &ans, err);
    if (st != ST_OK)
        return st;
    const struct probe_copy *p = ans->n_probe ? &ans->probe[0] : NULL;
    if (!p || p->nd < 2 || p->d[p->nd - 1] > UNITS)
        return measure_not_for(a, "update gate to be read", err);
    const struct learner *l = app_learner(a, a->slot);
    bool keeps = l && l->hp && hp_has(l->hp, "gru_cell") && hp_enum(l->hp, "gru_cell") == 1;
    int32_t rows = 1, cols = p->d[p->nd - 1];
    for (int k = 0; k < p->nd - 1; k++)
        rows *= p->d[k];
    for (int32_t u = 0; u < cols; u++) {
        double sum = 0;
        for (int32_t r = 0; r < rows; r++)
            sum += (double)p->x[(int64_t)r * cols + u];
        sum = rows ? sum / rows : 0;
        out[u] = 1 / fmax(keeps ? 1 - sum : sum, 1e-6);
    }
    *n = cols;
    return ST_OK;
}

MEASURE(gate_memory)
{
    static double m[1024];
    int32_t n = 0;
    enum status st = memories(a, m, &n, err);
    if (st == ST_OK && (arg->n[0] < 1 || arg->n[0] > n)) {
        err_set(err, ST_ARG, "units are 1 to %d", (int)n);
        return err_hint(err, "bad-value", NULL), ST_ARG;
    }
    *v = st == ST_OK ? m[arg->n[0] - 1] : 0;
    return st;
}

MEASURE(gate_longest)
{
    static double m[1024];
    int32_t n = 0;
    (void)arg;
    enum status st = memories(a, m, &n, err);
    *v = 0;
    for (int32_t i = 0; i < n; i++)
        *v = fmax(*v, m[i]);
    return st;
}

/* ---- Caser ---- */

MEASURE(filter_row)
{
    struct weights *w = NULL;
    double all = 0, row = 0;
    enum status st = with(a, MODEL_FILTERS, "filters", err);
    if (st == ST_OK)
        st = app_weights_at(a, a->slot, a->at, &w, err);
    if (st != ST_OK)
        return st;
    const struct param *p = params_find(w->ps, "conv.v.W");
    if (!p) {
        weights_unref(w);
        return measure_not_for(a, "vertical filters", err);
    }
    int32_t rows = p->d[p->nd - 1], at = rows - (int32_t)arg->n[0];
    for (int32_t f = 0; f < p->d[0]; f++)
        for (int32_t r = 0; r < rows; r++) {
            double x = (double)w->x[p->at + (size_t)f * (size_t)p->ld + (size_t)r];
            all += x * x;
            row += r == at ? x * x : 0;
        }
    weights_unref(w);
    *v = all > 0 ? row / all : 0;
    return ST_OK;
}

/* ---- SVAE ---- */

MEASURE(latent_kl)
{
    const struct answer *ans;
    (void)arg;
    enum status st = with(a, MODEL_LATENT, "latent units", err);
    if (st == ST_OK)
        st = probes(a, "latent.kl", &ans, err);
    if (st != ST_OK)
        return st;
    const struct probe_copy *p = answer_probe(ans, "latent.kl");
    *v = 0;
    for (int32_t k = 0; p && k < p->d[1]; k++)
        *v += (double)p->x[(int64_t)(p->d[0] - 1) * p->d[1] + k];
    return p ? ST_OK : measure_not_for(a, "latent units to be read", err);
}

/* Units whose KL is over .1 nats on average, at the ends of the first 50 validation
 * sessions. */
MEASURE(latent_active)
{
    enum { SESSIONS = 50, UNITS = 512 };
    static double sum[UNITS];
    struct weights *w = NULL;
    (void)arg;
    enum status st = with(a, MODEL_LATENT, "latent units", err);
    if (st == ST_OK)
        st = app_weights_at(a, a->slot, a->at, &w, err);
    if (st != ST_OK)
        return st;
    memset(sum, 0, sizeof sum);
    int32_t n = 0, units = 0, before = -1;
    for (int64_t i = 0; i < a->split->n_valid && n < SESSIONS; i++) {
        int32_t s = a->split->valid[i].session;
        if (s == before)
            continue;
        before = s;
        struct question q = {.kind = ASK_PROBES,
                             .n = dataset_len(a->ds, s),
                             .item = a->ds->item + a->ds->off[s],
                             .probes = "latent.kl"};
        const struct answer *ans = explore_ask(a->explore, w, &q, &a->cancel);
        const struct probe_copy *p =
            ans && ans->err.code == ST_OK ? answer_probe(ans, "latent.kl") : NULL;
        if (!p || p->d[1] > UNITS)
            continue;
        units = p->d[1];
        n++;
        for (int32_t k = 0; k < units; k++)
            sum[k] += (double)p->x[(int64_t)(p->d[0] - 1) * units + k];
    }
    weights_unref(w);
    *v = 0;
    for (int32_t k = 0; k < units; k++)
        *v += sum[k] / n > 0.1;
    return ST_OK;
}

/* ---- PEN4Rec ---- */

/* The preference after each click on the newest track, (n, d). */
static enum status track(struct app *a, const char *name, const float **x, int32_t *n,
                         int32_t *d, struct err *err)
{
    const struct answer *ans;
    enum status st = with(a, MODEL_EVOLUTION, "evolving preference", err);
    if (st == ST_OK)
        st = probes(a, name, &ans, err);
    if (st != ST_OK)
        return st;
    const struct probe_copy *p = answer_probe(ans, name);
    if (!p || p->d[0] < ans->n)
        return measure_not_for(a, "preference to be read", err);
    *n = ans->n; /* tracks lie one after another, the newest item's first */
    *d = p->nd > 1 ? p->d[1] : 1;
    *x = p->x;
    return ST_OK;
}

static double cosine(const float *x, const float *y, int32_t d)
{
    double xy = 0, xx = 0, yy = 0;
    for (int32_t k = 0; k < d; k++) {
        xy += (double)x[k] * (double)y[k];
        xx += (double)x[k] * (double)x[k];
        yy += (double)y[k] * (double)y[k];
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 1;
}

MEASURE(turn_at)
{
    const float *x;
    int32_t n, d;
    double least = 2;
    (void)arg;
    enum status st = track(a, "s2.state", &x, &n, &d, err);
    *v = 0;
    for (int32_t i = 2; st == ST_OK && i < n;
         i++) { /* the first click makes the preference, nothing turns there */
        double c = cosine(x + (int64_t)i * d, x + (int64_t)(i - 1) * d, d);
        if (c < least) {
            least = c;
            *v = i + 1;
        }
    }
    return st;
}

MEASURE(turn_relevance)
{
    const float *x;
    int32_t n, d;
    enum status st = track(a, "s2.att", &x, &n, &d, err);
    int64_t at = arg->n[0] < 0 ? arg->n[0] + n : arg->n[0] - 1;
    if (st == ST_OK)
        *v = at >= 0 && at < n ? (double)x[at] : 0;
    return st;
}
