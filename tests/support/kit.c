#include "tests/support/kit.h"
#include "models/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void kit_new_data(struct kit *k, const char *model, const char *settings, int32_t n_items,
                  uint64_t seed, int32_t n, const int32_t *const *item, const int32_t *len)
{
    struct err err = {0};
    memset(k, 0, sizeof *k);
    k->watch = -1;
    k->def = model_find(model);
    assert_non_null(k->def);
    assert_int_equal(arena_new(&k->mem, 1 << 16, &err), ST_OK);
    assert_int_equal(tape_new(&k->tape, 1 << 20, &err), ST_OK);

    int64_t *off = arena_alloc(k->mem, ((size_t)n + 1) * sizeof *off);
    int32_t *train = arena_alloc(k->mem, ((size_t)n + 1) * sizeof *train);
    int64_t *pop = arena_alloc(k->mem, ((size_t)n_items + 1) * sizeof *pop);
    for (int32_t s = 0; s < n; s++) {
        off[s + 1] = off[s] + len[s];
        train[s] = len[s];
    }
    int32_t *events = arena_alloc(k->mem, ((size_t)off[n] + 1) * sizeof *events);
    for (int32_t s = 0; s < n; s++)
        for (int32_t i = 0; i < len[s]; i++) {
            events[off[s] + i] = item[s][i];
            pop[item[s][i]]++;
        }
    k->ds = (struct dataset){.name = "kit",
                             .n_items = n_items,
                             .n_sessions = n,
                             .n_events = off[n],
                             .off = off,
                             .item = events,
                             .popularity = pop};
    k->split = (struct split){.kind = SPLIT_SESSIONS,
                              .ds = &k->ds,
                              .train_len = train,
                              .n_train = n,
                              .n_train_events = off[n],
                              .train_pop = pop};

    assert_int_equal(hparams_new(&k->hp, k->def->hparams, model, &err), ST_OK);
    if (hparams_set_all(k->hp, settings, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(params_new(&k->ps, &err), ST_OK);
    k->self = calloc(1, k->def->self_size);
    assert_non_null(k->self);
    struct model_env env = {.ds = &k->ds, .split = &k->split, .hp = k->hp, .mem = k->mem};
    if (k->def->init(k->self, k->ps, &env, &err))
        fail_msg("%s", err.msg);
    if (k->def->flags & MODEL_BASELINE) {
        k->spec = (struct batch_spec){.kind = BATCH_SESSIONS, .max_len = 1000, .n_target = 1};
        return;
    }
    if (params_build(k->ps, seed, &k->x, &err))
        fail_msg("%s", err.msg);
    k->g = params_block_new(k->ps);
    assert_non_null(k->g);
    k->def->spec(k->self, &k->spec);
    k->env.seed = seed;
    k->env.training = true;
}

void kit_new(struct kit *k, const char *model, const char *settings, int32_t n_items,
             uint64_t seed)
{
    kit_new_data(k, model, settings, n_items, seed, 0, NULL, NULL);
}

void kit_free(struct kit *k)
{
    if (k->ps) {
        params_block_free(k->ps, k->x);
        params_block_free(k->ps, k->g);
    }
    params_free(k->ps);
    hparams_free(k->hp);
    free(k->self);
    tape_free(k->tape);
    arena_free(k->mem);
    memset(k, 0, sizeof *k);
}

static int32_t *ints(struct kit *k, int32_t n)
{
    int32_t *p = arena_alloc(k->mem, ((size_t)n + 1) * sizeof *p);
    assert_non_null(p);
    return p;
}

void kit_block(struct kit *k, struct block *b, int32_t n, const int32_t *const *item,
               const int32_t *len, const int32_t *target, int32_t n_neg, const int32_t *neg)
{
    int32_t *off = ints(k, n), *session = ints(k, n);
    memset(b, 0, sizeof *b);
    for (int32_t s = 0; s < n; s++) {
        assert_true(len[s] <= k->spec.max_len);
        off[s + 1] = off[s] + len[s];
        session[s] = -1;
    }
    int32_t rows = off[n], n_query = target ? rows : n;
    int32_t *it = ints(k, rows), *pos = ints(k, rows), *query = ints(k, n_query),
            *of = ints(k, n_query);
    float *weight = arena_alloc(k->mem, ((size_t)rows + 1) * sizeof *weight);
    for (int32_t s = 0; s < n; s++)
        for (int32_t i = 0; i < len[s]; i++) {
            int32_t r = off[s] + i;
            it[r] = item[s][i];
            pos[r] = k->spec.pos == POS_FROM_END ? k->spec.max_len - len[s] + i : i;
            if (target) {
                query[r] = r;
                of[r] = s;
                weight[r] = 1 / (float)rows;
            } else if (i == len[s] - 1) {
                query[s] = r;
                of[s] = s;
            }
        }
    *b = (struct block){.n = n,
                        .n_query = n_query,
                        .n_target = target ? 1 : 0,
                        .n_neg = n_neg,
                        .off = off,
                        .session = session,
                        .item = it,
                        .pos = pos,
                        .query = query,
                        .query_session = of};
    if (target) {
        int32_t *tg = ints(k, rows), *ng = ints(k, rows * n_neg);
        memcpy(tg, target, (size_t)rows * sizeof *tg);
        if (n_neg)
            memcpy(ng, neg, (size_t)rows * (size_t)n_neg * sizeof *ng);
        b->target = tg;
        b->weight = weight;
        b->neg = ng;
    }
}

static void begin(struct kit *k, bool backward)
{
    k->env.x = k->x;
    k->env.g = backward ? k->g : NULL;
    k->env.keep_grads = backward;
    tape_begin(k->tape, &k->env);
    tape_watch(k->tape, k->watch);
}

static void check(struct kit *k)
{
    struct err err = {0};
    if (tape_check(k->tape, &err))
        fail_msg("%s", err.msg);
}

struct tensor *kit_encode(struct kit *k, const struct block *b)
{
    bool training = k->env.training;
    k->env.training = false;
    begin(k, false);
    struct tensor *h = k->def->encode(k->self, k->tape, b);
    check(k);
    k->env.training = training;
    return h;
}

struct tensor *kit_scores(struct kit *k, const struct block *b)
{
    bool training = k->env.training;
    k->env.training = false;
    begin(k, false);
    struct tensor *s = k->def->score
                           ? k->def->score(k->self, k->tape, b)
                           : op_head_scores(k->tape, k->def->encode(k->self, k->tape, b),
                                            k->def->head(k->self));
    check(k);
    k->env.training = training;
    return s;
}

static double loss(struct kit *k, const struct block *b, bool backward)
{
    struct err err = {0};
    begin(k, backward);
    if (k->def->loss)
        k->def->loss(k->self, k->tape, b);
    else
        op_head(k->tape, k->def->encode(k->self, k->tape, b), k->def->head(k->self), b);
    check(k);
    double v = tape_loss(k->tape);
    if (backward && tape_backward(k->tape, &err))
        fail_msg("%s", err.msg);
    return v;
}

double kit_loss(struct kit *k, const struct block *b)
{
    memset(k->g, 0, params_size(k->ps) * sizeof *k->g);
    return loss(k, b, true);
}

double kit_loss_only(struct kit *k, const struct block *b)
{
    return loss(k, b, false);
}

static size_t place(struct kit *k, const char *param, size_t i)
{
    const struct param *p = params_find(k->ps, param);
    if (!p)
        fail_msg("no parameter %s", param);
    size_t cols = (size_t)param_cols(p);
    assert_true(i < param_rows(p) * cols);
    return p->at + i / cols * (size_t)p->ld + i % cols;
}

real *kit_value(struct kit *k, const char *param, size_t i)
{
    return k->x + place(k, param, i);
}

real *kit_grad(struct kit *k, const char *param, size_t i)
{
    return k->g + place(k, param, i);
}

size_t kit_size(struct kit *k, const char *param)
{
    const struct param *p = params_find(k->ps, param);
    assert_non_null(p);
    return param_rows(p) * (size_t)param_cols(p);
}

size_t kit_rows(const struct tensor *t, int32_t from, int32_t to, real *out, size_t max)
{
    size_t cols = (size_t)tensor_cols(t), n = 0;
    assert_true(from >= 0 && to <= tensor_rows(t) && (size_t)(to - from) * cols <= max);
    for (int32_t r = from; r < to; r++)
        for (size_t c = 0; c < cols; c++)
            out[n++] = t->x[(size_t)r * (size_t)t->ld + c];
    return n;
}

size_t kit_copy(const struct tensor *t, real *out, size_t max)
{
    return kit_rows(t, 0, tensor_rows(t), out, max);
}

const struct tensor *kit_probe(struct kit *k, const char *name)
{
    const struct tensor *p = tape_find(k->tape, name);
    if (!p)
        fail_msg("no probe %s", name);
    return p;
}
