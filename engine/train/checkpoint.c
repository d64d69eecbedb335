/* Checkpoints: a learner as a safetensors file.
 *
 * Arrays: every parameter and carried state under its own name; for going on
 * "opt.<aux>.<name>" and, where the batcher has one, "batch.state".  There is no generator
 * state: random numbers are a function of seed and step.  The metadata names model,
 * settings, seed, step and the items; the model is declared from the settings and its shapes
 * are compared with the file's before anything of their size is allocated. */
#include "engine/train/learner.h"
#include "engine/tensor/safetensors.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#ifndef SEQLAB_VERSION
#define SEQLAB_VERSION "0"
#endif
static const char format_version[] = "1";
enum { NAME_SIZE = 160 };

/* The items a model's rows belong to: how many, and what they are called. */
static uint64_t items_hash(const struct dataset *ds)
{
    uint64_t h = XXH3_64bits(&ds->n_items, sizeof ds->n_items);
    for (int32_t i = 1; i <= ds->n_items; i++) {
        if (ds->item_id)
            h = XXH3_64bits_withSeed(ds->item_id[i], strlen(ds->item_id[i]), h);
        if (ds->item_name)
            h = XXH3_64bits_withSeed(ds->item_name[i], strlen(ds->item_name[i]), h);
    }
    return h;
}

static void put_param(struct st_array *a, const char *name, const struct param *p, real *block)
{
    *a = (struct st_array){.name = name,
                           .dtype = ST_F32,
                           .nd = p->nd,
                           .ld = (size_t)p->ld,
                           .data = block ? block + p->at : NULL};
    memcpy(a->d, p->d, sizeof a->d);
}

/* The list of arrays, in file order; names live in mem.  x and aux may be NULL (shapes
 * only).  -1: out of memory. */
static int list_arrays(struct st_array **out, const struct params *ps, real *x,
                       const struct optim_def *opt, real *const *aux, bool with_opt,
                       const void *state, size_t state_size, struct arena *mem)
{
    int n = params_n(ps), most = n * (1 + (opt ? opt->n_aux : 0)) + 1, k = 0;
    struct st_array *a = arena_alloc(mem, (size_t)most * sizeof *a);
    if (!a)
        return -1;
    for (int i = 0; i < n; i++)
        put_param(&a[k++], params_at(ps, i)->name, params_at(ps, i), x);
    for (int j = 0; with_opt && j < opt->n_aux; j++)
        for (int i = 0; i < n; i++) {
            const struct param *p = params_at(ps, i);
            if (p->flags & (PARAM_STATE | PARAM_FROZEN))
                continue;
            char *name = arena_printf(mem, "opt.%s.%s", opt->aux_name[j], p->name);
            if (!name)
                return -1;
            put_param(&a[k++], name, p, aux ? aux[j] : NULL);
        }
    if (state_size && state_size <= INT32_MAX) {
        a[k] = (struct st_array){.name = "batch.state",
                                 .dtype = ST_U8,
                                 .nd = 1,
                                 .d = {(int32_t)state_size},
                                 .ld = state_size};
        /* written from, or read into by who owns it */
        memcpy(&a[k].data, &state, sizeof state);
        k++;
    }
    *out = a;
    return k;
}

enum status learner_save(const struct learner *l, const char *path, struct err *err)
{
    struct arena *mem;
    enum status st = arena_new(&mem, 0, err);
    if (st != ST_OK)
        return st;
    size_t state_size = 0;
    const void *state = l->batcher ? batcher_state(l->batcher, &state_size) : NULL;
    struct st_array *a;
    learner_settle(l, NULL);
    int n = list_arrays(&a, l->ps, l->x, l->opt, l->aux, l->opt != NULL && l->aux != NULL,
                        state, state_size, mem);
    char *settings = arena_raw(mem, HPARAMS_TEXT);
    char seed[24], step[24], items[24], data[24], n_items[16];
    snprintf(seed, sizeof seed, "%" PRIu64, l->seed);
    snprintf(step, sizeof step, "%" PRId64, l->step);
    snprintf(items, sizeof items, "%016" PRIx64, items_hash(l->ds));
    snprintf(data, sizeof data, "%016" PRIx64, l->ds->hash);
    snprintf(n_items, sizeof n_items, "%d", l->ds->n_items);
    if (n < 0 || !settings) {
        arena_free(mem);
        return err_nomem(err, HPARAMS_TEXT, "checkpoint");
    }
    hparams_text_all(l->hp, settings, HPARAMS_TEXT);
    const struct st_meta meta[] = {
        {"format", format_version},
        {"program", "seqlab " SEQLAB_VERSION},
        {"model", l->model->name},
        {"settings", settings},
        {"seed", seed},
        {"step", step},
        {"items", items},
        {"n_items", n_items},
        {"data", data},
        {"kernels", kern()->name},
    };
    st = st_write(path, a, n, meta, (int)(sizeof meta / sizeof *meta), err);
    arena_free(mem);
    return st;
}

/* ---- Loading ---- */

static enum status bad_meta(const char *path, const char *key, struct err *err)
{
    return err_set(err, ST_FORMAT, "%s: metadata \"%s\" is missing or is not what it should be",
                   path, key);
}

/* Digits only, in range: what strtoull takes beyond that is refused. */
static bool get_u64(const struct st_file *f, const char *key, int base, uint64_t *out)
{
    const char *s = st_get(f, key);
    if (!s || !*s || strlen(s) > 19 + (base == 10) ||
        strspn(s, base == 10 ? "0123456789" : "0123456789abcdef") != strlen(s))
        return false;
    errno = 0;
    *out = strtoull(s, NULL, base);
    return errno == 0;
}

static const struct model_def *find_model(const struct model_def *const *models,
                                          const char *name)
{
    for (int i = 0; models[i]; i++)
        if (strcmp(models[i]->name, name) == 0)
            return models[i];
    return NULL;
}

static enum status check_items(const struct st_file *f, const char *path,
                               const struct dataset *ds, bool force, struct err *err)
{
    uint64_t n, items;
    if (!get_u64(f, "n_items", 10, &n))
        return bad_meta(path, "n_items", err);
    if (!get_u64(f, "items", 16, &items))
        return bad_meta(path, "items", err);
    if (n != (uint64_t)ds->n_items) {
        err_set(err, ST_FORMAT, "%s: the model has %" PRIu64 " items, the data %d", path, n,
                ds->n_items);
        return err_hint(err, "mismatch", "load the data it was trained on first");
    }
    if (!force && items != items_hash(ds)) {
        err_set(err, ST_FORMAT, "%s: the model was trained on other items of the same number",
                path);
        return err_hint(err, "mismatch", "load its data first, or: load model PATH force");
    }
    return ST_OK;
}

/* Declares the model and compares the file with the declaration: nothing of the parameters'
 * size is allocated yet. */
static enum status check_shapes(const struct st_file *f, const struct model_def *m,
                                const struct hparams *hp, const struct split *split,
                                bool *with_opt, size_t state_size, struct err *err)
{
    struct arena *mem = NULL;
    struct params *ps = NULL;
    void *self = calloc(1, m->self_size ? m->self_size : 1);
    enum status st = self ? arena_new(&mem, 0, err) : err_nomem(err, m->self_size, "model");
    if (st == ST_OK)
        st = params_new(&ps, err);
    struct model_env env = {.ds = split->ds, .split = split, .hp = hp, .mem = mem};
    if (st == ST_OK)
        st = m->init(self, ps, &env, err);
    if (st == ST_OK) {
        const struct optim_def *opt = hp_has(hp, "opt") ? optim_defs[hp_enum(hp, "opt")] : NULL;
        *with_opt = false;
        for (int i = 0; opt && opt->n_aux && i < params_n(ps); i++) {
            char name[NAME_SIZE];
            snprintf(name, sizeof name, "opt.%s.%s", opt->aux_name[0], params_at(ps, i)->name);
            *with_opt |= st_has(f, name);
        }
        *with_opt |= opt && opt->n_aux == 0;
        struct st_array *a;
        int n = list_arrays(&a, ps, NULL, opt, NULL, *with_opt && opt, NULL,
                            st_has(f, "batch.state") ? state_size : 0, mem);
        st = n < 0 ? err_nomem(err, 0, "checkpoint") : st_match(f, a, n, err);
    }
    params_free(ps);
    arena_free(mem);
    free(self);
    return st;
}

static enum status load_arrays(struct st_file *f, struct learner *l, bool with_opt,
                               struct err *err)
{
    struct arena *mem;
    enum status st = arena_new(&mem, 0, err);
    if (st != ST_OK)
        return st;
    size_t state_size = 0;
    if (l->batcher)
        batcher_state(l->batcher, &state_size);
    if (!st_has(f, "batch.state"))
        state_size = 0;
    void *state = state_size ? arena_alloc(mem, state_size) : NULL;
    struct st_array *a;
    int n = list_arrays(&a, l->ps, l->x, l->opt, l->aux, with_opt && l->opt && l->aux, state,
                        state_size, mem);
    if (n < 0 || (state_size && !state))
        st = err_nomem(err, state_size, "checkpoint");
    if (st == ST_OK)
        st = st_match(f, a, n, err);
    if (st == ST_OK)
        st = st_read(f, a, n, err);
    if (st == ST_OK && state_size)
        st = batcher_restore(l->batcher, state, state_size, err);
    arena_free(mem);
    return st;
}

enum status learner_load(struct learner **out, const char *path,
                         const struct model_def *const *models, const struct split *split,
                         bool force_items, struct err *err)
{
    *out = NULL;
    struct st_file *f;
    struct hparams *hp = NULL;
    struct learner *l = NULL;
    enum status st = st_open(&f, path, err);
    if (st != ST_OK)
        return st;
    const char *version = st_get(f, "format"), *name = st_get(f, "model"),
               *settings = st_get(f, "settings");
    uint64_t seed, step;
    const struct model_def *m = NULL;
    if (!version || !name || !settings)
        st = bad_meta(path, !version ? "format" : !name ? "model" : "settings", err);
    else if (strcmp(version, format_version) != 0)
        st = err_set(err, ST_UNSUPPORTED, "%s: version %.16s, this program reads %s", path,
                     version, format_version);
    else if (!(m = find_model(models, name)))
        st = err_set(err, ST_UNSUPPORTED, "%s: unknown model \"%.40s\"", path, name);
    else if (!get_u64(f, "seed", 10, &seed))
        st = bad_meta(path, "seed", err);
    else if (!get_u64(f, "step", 10, &step) || step > INT64_MAX)
        st = bad_meta(path, "step", err);
    else
        st = check_items(f, path, split->ds, force_items, err);
    if (st == ST_OK)
        st = hparams_new(&hp, m->hparams, m->name, err);
    if (st == ST_OK && (st = hparams_set_all(hp, settings, err)) != ST_OK)
        err_context(err, "%s", path);
    bool with_opt = false;
    int32_t nd, d[TENSOR_MAX_DIM];
    size_t state_size = 0;
    if (st == ST_OK && st_has(f, "batch.state"))
        state_size = st_shape(f, "batch.state", &nd, d) && nd == 1 ? (size_t)d[0] : 0;
    if (st == ST_OK)
        st = check_shapes(f, m, hp, split, &with_opt, state_size, err);
    if (st == ST_OK)
        st = learner_new(&l, m, hp, split, seed, err);
    if (st == ST_OK) {
        l->step = (int64_t)step;
        st = load_arrays(f, l, with_opt, err);
    }
    hparams_free(hp);
    st_close(f);
    if (st != ST_OK) {
        learner_free(l);
        return st;
    }
    *out = l;
    return ST_OK;
}
