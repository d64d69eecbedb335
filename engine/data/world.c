/* The generator's ground: xoshiro256**, tables, draws in the order the definition gives, and
 * the making of a data set.  What each world plants lives in world_<name>.c; what is best
 * possible in ceiling.c. */
#include "engine/data/world_impl.h"

#include "engine/data/dataset_own.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double succ_odds[SUCCESSORS] = {0.5, 0.25, 0.15, 0.1};
static const uint32_t succ_weight[SUCCESSORS] = {50, 25, 15, 10};

#define WORLD(name) extern const struct world_def world_##name;
#include "engine/data/worlds.def"
#undef WORLD
const struct world_def *const world_defs[] = {
#define WORLD(name) &world_##name,
#include "engine/data/worlds.def"
#undef WORLD
    NULL,
};

static const char *const flag_names[WORLD_FLAGS] = {
    [WF_NONE] = "none",           [WF_START] = "start",     [WF_STEP] = "step",
    [WF_NOISE] = "noise",         [WF_OPENER] = "opener",   [WF_BROWSE] = "browse",
    [WF_WRAP] = "wrap",           [WF_PRESENT] = "present", [WF_SNACK] = "snack",
    [WF_FIRST] = "first",         [WF_SECOND] = "second",   [WF_TIN] = "tin",
    [WF_BREAD] = "bread",         [WF_FILLING] = "filling", [WF_SAUCE] = "sauce",
    [WF_BEFORE] = "before",       [WF_AFTER] = "after",     [WF_LATER] = "later",
    [WF_AFTER_ODD] = "after-odd",
};

const char *world_flag_name(enum world_flag f)
{
    return (unsigned)f < WORLD_FLAGS ? flag_names[f] : "none";
}

int world_flag_find(const char *name)
{
    for (int i = 0; i < WORLD_FLAGS; i++)
        if (strcmp(flag_names[i], name) == 0)
            return i;
    return -1;
}

/* ---- random numbers: Blackman & Vigna's xoshiro256**, seeded by splitmix64 ---- */

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

void xoshiro_seed(struct xoshiro *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t xoshiro_next(struct xoshiro *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint32_t xoshiro_below(struct xoshiro *r, uint32_t n)
{
    /* High 64 bits of a 64 x 32 product from two 32-bit halves: no carry is lost, as each
     * fits 64 bits. */
    uint64_t x = xoshiro_next(r), low = (x & 0xffffffffu) * n, high = (x >> 32) * n;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

static int32_t pick(struct xoshiro *r, const uint32_t *weight, int32_t n)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += weight[i];
    uint32_t x = xoshiro_below(r, sum);
    for (int32_t i = 0; i < n - 1; i++) {
        if (x < weight[i])
            return i;
        x -= weight[i];
    }
    return n - 1;
}

static void shuffle(struct xoshiro *r, int32_t *p, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        p[i] = i;
    for (int32_t i = n - 1; i >= 1; i--) {
        int32_t j = (int32_t)xoshiro_below(r, (uint32_t)i + 1), t = p[i];
        p[i] = p[j];
        p[j] = t;
    }
}

int32_t gen_below(struct world_gen *g, int32_t n)
{
    return (int32_t)xoshiro_below(&g->r, (uint32_t)n);
}

int32_t gen_pick(struct world_gen *g, const uint32_t *weight, int32_t n)
{
    return pick(&g->r, weight, n);
}

bool gen_chance(struct world_gen *g)
{
    return gen_below(g, 1000) < g->w->o.noise;
}

int32_t gen_other(struct world_gen *g, int32_t x, int32_t n)
{
    int32_t d = gen_below(g, n - 1);
    return d + (d >= x);
}

int32_t gen_popular(struct world_gen *g)
{
    return pick(&g->r, g->w->pi, g->w->N);
}

int32_t gen_product(struct world_gen *g, int32_t department)
{
    int32_t P = g->w->P;
    return department * P + pick(&g->r, g->w->beta + department * P, P);
}

int32_t gen_step(struct world_gen *g, int32_t item, int32_t *which)
{
    if (gen_chance(g)) {
        *which = -1;
        return gen_popular(g);
    }
    *which = pick(&g->r, succ_weight, SUCCESSORS);
    return g->w->succ[item * SUCCESSORS + *which];
}

void gen_emit(struct world_gen *g, int32_t item, enum world_flag flag, int32_t truth)
{
    if (g->n == g->cap) {
        int64_t cap = g->cap ? g->cap * 2 : 4096;
        int32_t *i = realloc(g->item, (size_t)cap * sizeof *i);
        g->item = i ? i : g->item;
        uint8_t *f = realloc(g->flag, (size_t)cap * sizeof *f);
        g->flag = f ? f : g->flag;
        int16_t *t = realloc(g->truth, (size_t)cap * sizeof *t);
        g->truth = t ? t : g->truth;
        if (!i || !f || !t) {
            g->failed = true;
            return;
        }
        g->cap = cap;
    }
    g->item[g->n] = item;
    g->flag[g->n] = (uint8_t)flag;
    g->truth[g->n] = (int16_t)truth;
    g->n++;
}

/* ---- odds that several worlds share ---- */

double odds_step(const struct world *w, int32_t from, int32_t to)
{
    double p = w->E * w->pi_p[to];
    for (int32_t k = 0; k < SUCCESSORS; k++)
        if (w->succ[from * SUCCESSORS + k] == to)
            p += (1 - w->E) * succ_odds[k];
    return p;
}

void odds_add_step(const struct world *w, int32_t from, double *p)
{
    for (int32_t i = 0; i < w->N; i++)
        p[i] += w->E * w->pi_p[i];
    for (int32_t k = 0; k < SUCCESSORS; k++)
        p[w->succ[from * SUCCESSORS + k]] += (1 - w->E) * succ_odds[k];
}

void odds_add_department(const struct world *w, int32_t z, double share, double *p)
{
    for (int32_t i = z * w->P; i < (z + 1) * w->P; i++)
        p[i] += share * w->beta_p[i];
}

void odds_even(const struct world *w, double *p)
{
    for (int32_t i = 0; i < w->N; i++)
        p[i] = 1.0 / w->N;
}

enum { MOST_ITEMS = 480 };

static void walk_on(const struct world *w, const double *from, double *to)
{
    double all = 0;
    for (int32_t u = 0; u < w->N; u++)
        all += from[u];
    for (int32_t v = 0; v < w->N; v++)
        to[v] = all * w->E * w->pi_p[v];
    for (int32_t u = 0; u < w->N; u++)
        for (int32_t k = 0; k < SUCCESSORS && from[u] > 0; k++)
            to[w->succ[u * SUCCESSORS + k]] += from[u] * (1 - w->E) * succ_odds[k];
}

static void walk_back(const struct world *w, const double *to, double *from)
{
    double noise = 0;
    for (int32_t v = 0; v < w->N; v++)
        noise += w->E * w->pi_p[v] * to[v];
    for (int32_t u = 0; u < w->N; u++) {
        from[u] = noise;
        for (int32_t k = 0; k < SUCCESSORS; k++)
            from[u] += (1 - w->E) * succ_odds[k] * to[w->succ[u * SUCCESSORS + k]];
    }
}

/* Only the visible item, if there is one; sums to 1 then.  Returns what the sum was. */
static double seen(const struct world *w, int32_t item, double *x)
{
    double sum = 0;
    for (int32_t v = 0; v < w->N; v++) {
        if (item >= 0 && v != item)
            x[v] = 0;
        sum += x[v];
    }
    for (int32_t v = 0; v < w->N && sum > 0; v++)
        x[v] /= sum;
    return sum;
}

/* Forward from the start to the end, back from the end to `at`. */
double odds_walk_hidden(const struct world *w, const int32_t *s, int32_t n, int32_t at,
                        double *p)
{
    double x[2][MOST_ITEMS], l = 0;
    for (int32_t t = 0; t < n; t++) {
        if (t == 0)
            memcpy(x[0], w->pi_p, (size_t)w->N * sizeof **x);
        else
            walk_on(w, x[(t + 1) % 2], x[t % 2]);
        l += log(seen(w, s[t], x[t % 2]));
        if (t == at && p)
            memcpy(p, x[t % 2], (size_t)w->N * sizeof *p);
    }
    if (!p)
        return l;
    for (int32_t v = 0; v < w->N; v++)
        x[0][v] = 1;
    for (int32_t t = n - 1; t > at; t--) {
        (void)seen(w, s[t], x[0]);
        walk_back(w, x[0], x[1]);
        memcpy(x[0], x[1], (size_t)w->N * sizeof **x);
    }
    for (int32_t v = 0; v < w->N; v++)
        p[v] *= x[0][v];
    (void)seen(w, -1, p);
    return l;
}

double odds_left(int32_t n, int32_t shortest, int32_t longest)
{
    return n < shortest   ? 1
           : n >= longest ? 0
                          : (double)(longest - n) / (longest - shortest + 1);
}

/* ---- tables ---- */

static bool is_new(const int32_t *succ, int32_t n, int32_t item, int32_t x)
{
    for (int32_t k = 0; k < n; k++)
        if (succ[k] == x)
            return false;
    return x != item;
}

static void draw_successors(struct world *w, struct xoshiro *r, int32_t item)
{
    int32_t P = w->P, a = item / P, j = item % P, *succ = w->succ + item * SUCCESSORS;
    const int32_t lo[SUCCESSORS] = {0, a * P, (a + 5) % DEPARTMENTS * P, 0},
                  n[SUCCESSORS] = {0, P, P, w->N};
    succ[0] = a * P + (j + 1) % P;
    for (int32_t k = 1; k < SUCCESSORS; k++) {
        do
            succ[k] = lo[k] + (int32_t)xoshiro_below(r, (uint32_t)n[k]);
        while (!is_new(succ, k, item, succ[k]));
    }
}

static void fill_tables(struct world *w, int32_t *perm)
{
    struct xoshiro r;
    xoshiro_seed(&r, 2 * w->o.seed);
    double sum = 0;
    shuffle(&r, perm, w->N);
    for (int32_t k = 0; k < w->N; k++) {
        w->pi[perm[k]] = 1000000u / (uint32_t)(k + 1);
        sum += w->pi[perm[k]];
    }
    for (int32_t i = 0; i < w->N; i++)
        w->pi_p[i] = w->pi[i] / sum;
    for (int32_t a = 0; a < DEPARTMENTS; a++) {
        uint32_t *beta = w->beta + a * w->P;
        sum = 0;
        shuffle(&r, perm, w->P);
        for (int32_t k = 0; k < w->P; k++) {
            beta[perm[k]] = 1000000u / (uint32_t)(k + 1);
            sum += beta[perm[k]];
        }
        for (int32_t j = 0; j < w->P; j++)
            w->beta_p[a * w->P + j] = beta[j] / sum;
    }
    for (int32_t i = 0; i < w->N; i++)
        draw_successors(w, &r, i);
}

static struct world *world_tables(struct arena *mem, const struct world_def *def,
                                  const struct world_opts *o)
{
    struct world *w = arena_alloc(mem, sizeof *w);
    if (!w)
        return NULL;
    w->def = def;
    w->o = *o;
    w->N = o->items;
    w->P = o->items / DEPARTMENTS;
    w->E = o->noise / 1000.0;
    size_t n = (size_t)w->N;
    w->pi = arena_alloc(mem, n * sizeof *w->pi);
    w->beta = arena_alloc(mem, n * sizeof *w->beta);
    w->pi_p = arena_alloc(mem, n * sizeof *w->pi_p);
    w->beta_p = arena_alloc(mem, n * sizeof *w->beta_p);
    w->succ = arena_alloc(mem, n * SUCCESSORS * sizeof *w->succ);
    int32_t *perm = arena_alloc(mem, n * sizeof *perm);
    if (!w->pi || !w->beta || !w->pi_p || !w->beta_p || !w->succ || !perm)
        return NULL;
    fill_tables(w, perm);
    return w;
}

/* P = 12: the first twelve, but gift wrap stays the last of the cards, where the world
 * opener expects it. */
static const char *item_name(const struct world *w, struct arena *mem, int32_t i)
{
    int32_t a = i / w->P, j = i % w->P;
    if (w->P < NAMES_A_DEPARTMENT && a == 2 && j == w->P - 1)
        j = NAMES_A_DEPARTMENT - 1;
    const char *name = world_product_name(a, j);
    return j < NAMES_A_DEPARTMENT ? name : arena_printf(mem, "family-size %s", name);
}

static const char *const *item_names(const struct world *w, struct arena *mem)
{
    const char **names = arena_alloc(mem, ((size_t)w->N + 1) * sizeof *names);
    if (!names)
        return NULL;
    names[0] = "";
    for (int32_t i = 0; i < w->N; i++) {
        names[i + 1] = item_name(w, mem, i);
        if (!names[i + 1])
            return NULL;
    }
    return names;
}

/* ---- a data set ---- */

static enum status check_options(const struct world_def *def, struct world_opts *o,
                                 struct err *err)
{
    if (o->items == 0)
        o->items = 240;
    if (o->sessions == 0)
        o->sessions = def->sessions;
    if (o->noise < 0)
        o->noise = def->noise;
    if (o->items != 144 && o->items != 240 && o->items != 480)
        return err_set(err, ST_ARG, "items must be 144, 240 or 480, got %d", o->items);
    if (o->sessions < 1 || o->sessions > 10000000)
        return err_set(err, ST_ARG, "sessions must be 1..10000000, got %d", o->sessions);
    if (o->noise > 1000)
        return err_set(err, ST_ARG, "noise must be 0..1, got %g", o->noise / 1000.0);
    return ST_OK;
}

static enum status copy_events(struct dataset *ds, struct arena *mem, const struct world_gen *g,
                               struct err *err)
{
    size_t n = (size_t)g->n;
    int32_t *item = arena_raw(mem, n * sizeof *item);
    uint8_t *flag = arena_raw(mem, n * sizeof *flag);
    int16_t *truth = arena_raw(mem, n * sizeof *truth);
    if (!item || !flag || !truth)
        return err_nomem(err, n * 7, "a generated world");
    for (size_t i = 0; i < n; i++)
        item[i] = g->item[i] + 1;
    memcpy(flag, g->flag, n * sizeof *flag);
    memcpy(truth, g->truth, n * sizeof *truth);
    ds->item = item;
    ds->flag = flag;
    ds->truth = truth;
    ds->n_events = g->n;
    return ST_OK;
}

enum status world_generate(struct dataset **out, const char *name,
                           const struct world_opts *opts, struct err *err)
{
    *out = NULL;
    const struct world_def *def = NULL;
    for (int i = 0; world_defs[i]; i++)
        if (strcmp(world_defs[i]->name, name) == 0)
            def = world_defs[i];
    if (!def)
        return err_set(err, ST_ARG, "no generated world is called \"%.40s\"", name);
    struct world_opts o = *opts;
    enum status st = check_options(def, &o, err);
    if (st != ST_OK)
        return st;

    struct dataset *ds = NULL;
    struct arena *mem = NULL;
    struct world_gen g = {0};
    st = dataset_new(&ds, (size_t)o.sessions * 12 * 8 + (size_t)o.items * 64, &mem, err);
    if (st != ST_OK)
        return st;
    struct world *w = world_tables(mem, def, &o);
    int64_t *off = arena_raw(mem, ((size_t)o.sessions + 1) * sizeof *off);
    if (!w || !off) {
        st = err_nomem(err, (size_t)o.sessions * sizeof *off, "a generated world");
        goto out;
    }
    g.w = w;
    xoshiro_seed(&g.r, 2 * o.seed + 1);
    off[0] = 0;
    for (int32_t s = 0; s < o.sessions && !g.failed; s++) {
        def->fn->session(&g);
        off[s + 1] = g.n;
    }
    if (g.failed) {
        st = err_nomem(err, (size_t)g.cap * 14, "a generated world");
        goto out;
    }
    ds->name = def->name;
    ds->n_items = w->N;
    ds->n_users = ds->n_sessions = o.sessions;
    ds->off = off;
    ds->world = w;
    st = copy_events(ds, mem, &g, err);
    if (st != ST_OK)
        goto out;
    ds->item_name = item_names(w, mem);
    if (!ds->item_name) {
        st = err_nomem(err, (size_t)w->N * 8, "item names");
        goto out;
    }
    st = dataset_seal(ds, mem, err);
out:
    free(g.item);
    free(g.flag);
    free(g.truth);
    if (st == ST_OK)
        *out = ds;
    else
        dataset_free(ds);
    return st;
}

const struct world_def *world_of(const struct world *w)
{
    return w->def;
}

const struct world_opts *world_options(const struct world *w)
{
    return &w->o;
}

int32_t world_department(const struct world *w, int32_t item)
{
    return item >= 1 && item <= w->N ? (item - 1) / w->P : -1;
}

/* Items that are not of this world are passed over, so that a typed sequence cannot lead
 * outside the tables. */
static int32_t *own_items(const struct world *w, const int32_t *item, int32_t n, int32_t *n_out,
                          struct arena *mem)
{
    int32_t *s = arena_raw(mem, ((size_t)n + 1) * sizeof *s), m = 0;
    for (int32_t i = 0; s && i < n; i++)
        if (item[i] >= 1 && item[i] <= w->N)
            s[m++] = item[i] - 1;
    *n_out = m;
    return s;
}

void world_odds(const struct world *w, const int32_t *item, int32_t n, double *p,
                struct arena *mem)
{
    struct arena_mark mark = arena_save(mem);
    int32_t m, *s = own_items(w, item, n, &m, mem);
    memset(p, 0, ((size_t)w->N + 1) * sizeof *p);
    if (s)
        w->def->fn->odds(w, s, m, p + 1);
    else
        odds_even(w, p + 1);
    arena_restore(mem, mark);
}

void world_odds_at(const struct world *w, const int32_t *item, int32_t n, int32_t at, double *p,
                   struct arena *mem)
{
    if (!w->def->fn->odds_at || at < 0 || at >= n) {
        world_odds(w, item, at < 0 ? 0 : at < n ? at : n, p, mem);
        return;
    }
    struct arena_mark mark = arena_save(mem);
    int32_t *s = arena_raw(mem, (size_t)n * sizeof *s);
    memset(p, 0, ((size_t)w->N + 1) * sizeof *p);
    for (int32_t i = 0; s && i < n; i++) /* -1: hidden, or not an item of this world */
        s[i] = i != at && item[i] >= 1 && item[i] <= w->N ? item[i] - 1 : -1;
    if (s)
        w->def->fn->odds_at(w, s, n, at, p + 1);
    else
        odds_even(w, p + 1);
    arena_restore(mem, mark);
}

bool world_odds_hidden(const struct world *w, const int32_t *item, int32_t n, int32_t at,
                       double *p, struct arena *mem)
{
    struct arena_mark mark = arena_save(mem);
    int32_t *s = arena_raw(mem, ((size_t)n + 1) * sizeof *s);
    double l = -HUGE_VAL;
    memset(p, 0, ((size_t)w->N + 1) * sizeof *p);
    for (int32_t i = 0; s && i < n; i++)
        s[i] = i != at && item[i] >= 1 && item[i] <= w->N ? item[i] - 1 : -1;
    if (s && at >= 0 && at < n)
        l = w->def->fn->hidden(w, s, n, at, p + 1);
    arena_restore(mem, mark);
    return isfinite(l);
}
