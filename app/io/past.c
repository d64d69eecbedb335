/* A run's past as a safetensors file; see past.h. */
#include "app/io/past.h"
#include "app/run.h"
#include "engine/tensor/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_version[] = "1";
enum {
    KEPT_MAX = 4096,
    CURVES_MAX = 16,
    ARRAYS = 5 + 2 * CURVES_MAX + KEPT_MAX,
    CHANGES_TEXT = 8192
};

/* ---- what is more than arrays, as a row of numbers ---- */

enum {
    NOW_RUN,
    NOW_STATE,
    NOW_EPOCH,
    NOW_TARGET,
    NOW_LR,
    NOW_LOSS,
    NOW_GNORM,
    NOW_SECONDS,
    NOW_EVALS,
    NOW_BEST,
    NOW_BEST_STEP,
    NOWS
};
enum { EVAL_METRICS = 18, EVALS = EVAL_METRICS + 2 * PROTOCOL_METRICS };

static void pack_eval(const struct eval_result *r, double *v)
{
    const double head[EVAL_METRICS] = {(double)r->step,
                                       (double)r->n,
                                       (double)r->seen_target,
                                       r->k,
                                       r->on,
                                       r->protocol,
                                       r->exclude_seen + 2 * r->has_logloss + 4 * r->in_place,
                                       r->hr1,
                                       r->hr,
                                       r->ndcg,
                                       r->mrr,
                                       r->logloss,
                                       r->se_hr,
                                       r->se_ndcg,
                                       r->se_mrr,
                                       r->se_logloss,
                                       r->seconds,
                                       r->n_metric};
    memcpy(v, head, sizeof head);
    for (int i = 0; i < PROTOCOL_METRICS; i++) {
        v[EVAL_METRICS + 2 * i] = i < r->n_metric ? r->metric[i].mean : 0;
        v[EVAL_METRICS + 2 * i + 1] = i < r->n_metric ? r->metric[i].se : 0;
    }
}

/* A whole number within bounds. */
static bool whole(double v, double min, double max)
{
    return v >= min && v <= max && v == floor(v);
}

static bool unpack_eval(const double *v, int64_t step, struct eval_result *r)
{
    int protocols = 0;
    while (protocol_names[protocols])
        protocols++;
    if (!whole(v[0], 0, (double)step) || !whole(v[1], 0, 1e12) || !whole(v[2], 0, 1e12) ||
        !whole(v[3], 0, 1e6) || !(v[4] == PART_VALID || v[4] == PART_TEST || v[1] == 0) ||
        !whole(v[5], 0, protocols - 1) || !whole(v[6], 0, 7) ||
        !whole(v[17], 0, PROTOCOL_METRICS))
        return false;
    int flags = (int)v[6];
    *r = (struct eval_result){.step = (int64_t)v[0],
                              .n = (int64_t)v[1],
                              .seen_target = (int64_t)v[2],
                              .k = (int32_t)v[3],
                              .on = v[4] == PART_TEST ? PART_TEST : PART_VALID,
                              .protocol = (enum protocol)v[5],
                              .exclude_seen = flags & 1,
                              .has_logloss = flags & 2,
                              .in_place = flags & 4,
                              .hr1 = v[7],
                              .hr = v[8],
                              .ndcg = v[9],
                              .mrr = v[10],
                              .logloss = v[11],
                              .se_hr = v[12],
                              .se_ndcg = v[13],
                              .se_mrr = v[14],
                              .se_logloss = v[15],
                              .seconds = v[16],
                              .n_metric = (int)v[17]};
    for (int i = 0; i < r->n_metric; i++)
        r->metric[i] =
            (struct metric_value){v[EVAL_METRICS + 2 * i], v[EVAL_METRICS + 2 * i + 1]};
    return true;
}

/* ---- the list of arrays, for writing and for reading ---- */

struct curve {
    const char *name;
    int32_t n;
    double *x, *y;
};
struct past {
    double now[NOWS], valid[EVALS], test[EVALS];
    struct curve curve[CURVES_MAX];
    int n_curve;
    int n_kept;
    int64_t step[KEPT_MAX];
    uint8_t marked[KEPT_MAX];
    struct weights *w[KEPT_MAX];
    real *x[KEPT_MAX]; /* their values */
    char name[2 * CURVES_MAX + KEPT_MAX][40];
    struct st_array array[ARRAYS];
    int n_array;
};

static void past_free(struct past *p)
{
    for (int i = 0; p && i < p->n_curve; i++) {
        free(p->curve[i].x);
        free(p->curve[i].y);
    }
    for (int i = 0; p && i < p->n_kept; i++)
        weights_unref(p->w[i]);
    free(p);
}

static void add(struct past *p, const char *name, enum st_dtype type, size_t n, void *data)
{
    p->array[p->n_array++] = (struct st_array){
        .name = name, .dtype = type, .nd = 1, .d = {(int32_t)n}, .ld = n, .data = data};
}

static void list(struct past *p, size_t size)
{
    char(*name)[40] = p->name;
    p->n_array = 0;
    add(p, "now", ST_F64, NOWS, p->now);
    add(p, "valid", ST_F64, EVALS, p->valid);
    add(p, "test", ST_F64, EVALS, p->test);
    for (int i = 0; i < p->n_curve; i++) {
        const struct curve *c = &p->curve[i];
        snprintf(*name, sizeof *name, "curve.%s.step", c->name);
        add(p, *name++, ST_F64, (size_t)c->n, c->x);
        snprintf(*name, sizeof *name, "curve.%s.value", c->name);
        add(p, *name++, ST_F64, (size_t)c->n, c->y);
    }
    add(p, "kept.steps", ST_I64, (size_t)p->n_kept, p->step);
    add(p, "kept.marked", ST_U8, (size_t)p->n_kept, p->marked);
    for (int i = 0; i < p->n_kept; i++) {
        snprintf(*name, sizeof *name, "kept.%d", i + 1);
        add(p, *name++, ST_F32, size, p->x[i]);
    }
}

static void measure(const struct past *p, size_t size, struct past_size *out)
{
    *out = (struct past_size){.kept = p->n_kept};
    for (int i = 0; i < p->n_curve; i++)
        out->points += p->curve[i].n;
    out->bytes = 16 * out->points + (int64_t)p->n_kept * (int64_t)size * 4;
}

/* ---- writing ---- */

bool past_has(struct app *a, int slot)
{
    const struct slot *s = &a->slots[slot];
    if (!s->model || s->model->flags & MODEL_BASELINE)
        return false;
    int64_t step = app_step(a, slot);
    return s->trainer || (s->base ? s->base->step < step : step > 0);
}

static enum status take_curve(struct curve *c, const struct series *s, const char *name,
                              struct err *err)
{
    size_t n = series_len(s);
    if (n > INT32_MAX)
        n = INT32_MAX;
    *c = (struct curve){name, (int32_t)n, malloc((n + 1) * sizeof(double)),
                        malloc((n + 1) * sizeof(double))};
    if (!c->x || !c->y)
        return err_nomem(err, 2 * n * sizeof(double), "curves");
    for (size_t k = 0; k < n; k++)
        series_at(s, k, &c->x[k], &c->y[k]);
    return ST_OK;
}

/* Of a very long run the oldest points are merged: their means are taken. */
static enum status take_curves(struct past *p, const struct trainer *t, struct err *err)
{
    enum status st = ST_OK;
    for (int i = 0; trainer_curves[i] && p->n_curve < CURVES_MAX && st == ST_OK; i++) {
        const struct series *s = trainer_series(t, trainer_curves[i]);
        if (!s)
            continue;
        series_hold(s);
        if (series_len(s) > 0)
            st = take_curve(&p->curve[p->n_curve++], s, trainer_curves[i], err);
        series_release(s);
    }
    return st;
}

static void take_now(struct past *p, struct app *a, int slot)
{
    const struct slot *s = &a->slots[slot];
    const struct snapshot *o = app_snapshot(a, slot);
    p->now[NOW_BEST] = s->best;
    p->now[NOW_BEST_STEP] = (double)s->best_step;
    pack_eval(&s->valid, p->valid);
    pack_eval(&s->test, p->test);
    if (!o)
        return;
    p->now[NOW_RUN] = 1;
    p->now[NOW_STATE] = o->state == TS_DONE || o->state == TS_READY ? o->state : TS_PAUSED;
    p->now[NOW_EPOCH] = o->epoch;
    p->now[NOW_TARGET] = (double)o->target_step;
    p->now[NOW_LR] = o->lr;
    p->now[NOW_LOSS] = o->loss;
    p->now[NOW_GNORM] = o->grad_norm;
    p->now[NOW_SECONDS] = o->seconds;
    p->now[NOW_EVALS] = o->has_eval;
}

static void changes_text(const struct slot *s, char *buf, size_t size)
{
    size_t at = 0;
    *buf = '\0';
    for (int i = 0; i < s->n_change && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%" PRId64 " %s\n", s->change[i].step,
                               s->change[i].text);
}

enum status past_save(struct app *a, int slot, const char *path, struct past_size *size,
                      struct err *err)
{
    const struct slot *s = &a->slots[slot];
    const struct learner *l = app_learner(a, slot);
    size_t n = params_size(l->ps);
    struct past *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err, sizeof *p, "the past of a run");
    enum status st = s->trainer ? take_curves(p, s->trainer, err) : ST_OK;
    take_now(p, a, slot);
    int kept = history_steps(s->history, p->step, KEPT_MAX);
    kept = kept < KEPT_MAX ? kept : KEPT_MAX;
    for (int i = 0; i < kept; i++) { /* one that is thinned out in between is left out */
        struct weights *w = history_at(s->history, p->step[i]);
        if (!w)
            continue;
        p->step[p->n_kept] = w->step;
        p->marked[p->n_kept] = history_marked(s->history, w->step);
        p->w[p->n_kept] = w;
        p->x[p->n_kept++] = (real *)(uintptr_t)w->x; /* only read */
    }
    list(p, n);
    char step[24], sha[65], settings[HPARAMS_TEXT], *changes = malloc(CHANGES_TEXT);
    snprintf(step, sizeof step, "%" PRId64, l->step);
    learner_sha256(l, sha);
    hparams_text_all(s->hp0 ? s->hp0 : l->hp, settings, sizeof settings);
    if (st == ST_OK && !changes)
        st = err_nomem(err, CHANGES_TEXT, "the past of a run");
    if (st == ST_OK) {
        changes_text(s, changes, CHANGES_TEXT);
        const struct st_meta meta[] = {{"format", format_version},
                                       {"past", l->model->name},
                                       {"step", step},
                                       {"sha256", sha},
                                       {"settings", settings},
                                       {"changes", changes},
                                       {"origin", s->origin}};
        st = st_write(path, p->array, p->n_array, meta, (int)(sizeof meta / sizeof *meta), err);
    }
    measure(p, n, size);
    free(changes);
    past_free(p);
    return st;
}

/* ---- reading ---- */

static enum status damaged(const char *path, const char *what, struct err *err)
{
    err_set(err, ST_FORMAT, "%.120s: %s", path, what);
    return err_hint(err, "format", NULL), ST_FORMAT;
}

static enum status check_owner(const struct st_file *f, const char *path,
                               const struct learner *l, struct err *err)
{
    const char *version = st_get(f, "format"), *name = st_get(f, "past"),
               *sha = st_get(f, "sha256");
    char mine[65];
    if (!version || !name || !sha || !st_get(f, "settings") || !st_get(f, "changes"))
        return damaged(path, "this is no past of a run", err);
    if (strcmp(version, format_version) != 0)
        return damaged(path, "written by another version of the program", err);
    learner_sha256(l, mine);
    if (strcmp(name, l->model->name) == 0 && strcmp(sha, mine) == 0)
        return ST_OK;
    err_set(err, ST_FORMAT, "%.120s: the past of another model", path);
    return err_hint(err, "mismatch", "load its model first"), ST_FORMAT;
}

/* Shapes first; nothing is allocated before st_match found that the file really holds what
 * they say. */
static enum status read_arrays(struct past *p, struct st_file *f, const char *path,
                               const struct learner *l, struct err *err)
{
    int32_t nd, d[TENSOR_MAX_DIM];
    for (int i = 0; trainer_curves[i] && p->n_curve < CURVES_MAX; i++) {
        char name[40];
        snprintf(name, sizeof name, "curve.%s.step", trainer_curves[i]);
        if (st_shape(f, name, &nd, d) && nd == 1)
            p->curve[p->n_curve++] = (struct curve){.name = trainer_curves[i], .n = d[0]};
    }
    if (!st_shape(f, "kept.steps", &nd, d) || nd != 1 || d[0] > KEPT_MAX)
        return damaged(path, "its list of kept steps is not what it should be", err);
    size_t size = params_size(l->ps);
    int kept = d[0];
    p->n_kept = kept;
    list(p, size);
    enum status st = st_match(f, p->array, p->n_array, err);
    for (int i = 0; st == ST_OK && i < p->n_curve; i++) {
        struct curve *c = &p->curve[i];
        c->x = malloc((size_t)c->n * sizeof *c->x);
        c->y = malloc((size_t)c->n * sizeof *c->y);
        st = c->x && c->y ? ST_OK : err_nomem(err, (size_t)c->n * 16, "curves");
    }
    for (int i = 0; st == ST_OK && i < kept; i++)
        st = weights_blank(&p->w[i], l, 0, &p->x[i], err);
    if (st != ST_OK)
        return st;
    list(p, size);
    return st_read(f, p->array, p->n_array, err);
}

static enum status check_values(const struct past *p, const char *path, const struct learner *l,
                                struct eval_result eval[2], struct err *err)
{
    const double *now = p->now;
    bool ok = unpack_eval(p->valid, l->step, &eval[0]) &&
              unpack_eval(p->test, l->step, &eval[1]) && whole(now[NOW_RUN], 0, 1) &&
              (now[NOW_STATE] == TS_READY || now[NOW_STATE] == TS_PAUSED ||
               now[NOW_STATE] == TS_DONE) &&
              whole(now[NOW_EPOCH], 0, INT32_MAX) && whole(now[NOW_TARGET], 0, 1e15) &&
              whole(now[NOW_EVALS], 0, 1) && whole(now[NOW_BEST_STEP], -1, (double)l->step) &&
              now[NOW_SECONDS] >= 0;
    for (int i = 0; ok && i < p->n_kept; i++)
        ok = p->step[i] >= 0 && p->step[i] <= l->step &&
             (i == 0 || p->step[i] > p->step[i - 1]) && p->marked[i] <= 1;
    for (int i = 0; ok && i < p->n_curve; i++)
        for (int32_t k = 0; ok && k < p->curve[i].n; k++) {
            const double *x = p->curve[i].x;
            ok = whole(x[k], 0, (double)l->step) && (k == 0 || x[k] >= x[k - 1]);
        }
    return ok ? ST_OK : damaged(path, "its numbers do not fit the model", err);
}

static bool parse_changes(const char *text, struct slot *s)
{
    int most = (int)(sizeof s->change / sizeof *s->change);
    for (s->n_change = 0; *text; s->n_change++) {
        int64_t step;
        int at = 0;
        size_t line = strcspn(text, "\n");
        if (s->n_change == most || sscanf(text, "%" SCNd64 " %n", &step, &at) != 1 ||
            step < 0 || (size_t)at >= line || line - (size_t)at >= sizeof s->change->text)
            return false;
        s->change[s->n_change].step = step;
        snprintf(s->change[s->n_change].text, sizeof s->change->text, "%.*s",
                 (int)(line - (size_t)at), text + at);
        text += line + (text[line] == '\n');
    }
    return true;
}

static enum status recall_run(struct app *a, int slot, const struct past *p,
                              const struct eval_result *valid, struct err *err)
{
    struct slot *s = &a->slots[slot];
    const double *now = p->now;
    enum status st = run_open(a, slot, err);
    if (st != ST_OK)
        return st;
    struct snapshot then = {.state = (enum train_state)now[NOW_STATE],
                            .epoch = (int32_t)now[NOW_EPOCH],
                            .target_step = (int64_t)now[NOW_TARGET],
                            .lr = now[NOW_LR],
                            .loss = now[NOW_LOSS],
                            .grad_norm = now[NOW_GNORM],
                            .seconds = now[NOW_SECONDS],
                            .has_eval = now[NOW_EVALS] != 0 && valid->n > 0,
                            .eval = *valid};
    trainer_recall(s->trainer, &then);
    for (int i = 0; i < p->n_curve; i++) {
        struct series *to = trainer_recall_series(s->trainer, p->curve[i].name);
        for (int32_t k = 0; k < p->curve[i].n && st == ST_OK; k++)
            if (!series_push(to, p->curve[i].x[k], p->curve[i].y[k]))
                st = err_nomem(err, (size_t)p->curve[i].n * 16, "curves");
    }
    if (st == ST_OK)
        return ST_OK;
    (void)trainer_join(s->trainer); /* the learner stays with the slot */
    s->trainer = NULL;
    return st;
}

static enum status put(struct app *a, int slot, const struct past *p, const struct st_file *f,
                       const char *path, struct learner **start, struct err *err)
{
    struct slot *s = &a->slots[slot];
    struct eval_result eval[2];
    struct hparams *hp0 = NULL;
    struct slot changes = {0};
    enum status st = check_values(p, path, s->learner, eval, err);
    if (st == ST_OK && *start &&
        ((*start)->model != s->model || (*start)->step > s->learner->step))
        st = damaged(path, "the model it starts from is another one", err);
    if (st == ST_OK && !parse_changes(st_get(f, "changes"), &changes))
        st = damaged(path, "its changes of settings are not what they should be", err);
    if (st == ST_OK)
        st = hparams_new(&hp0, s->model->hparams, s->model->name, err);
    if (st == ST_OK)
        st = hparams_set_all(hp0, st_get(f, "settings"), err);
    if (st == ST_OK && p->now[NOW_RUN] != 0)
        st = recall_run(a, slot, p, &eval[0], err);
    if (st != ST_OK) {
        hparams_free(hp0);
        return st;
    }
    for (int i = 0; i < p->n_kept; i++) {
        history_keep(s->history, p->w[i]);
        if (p->marked[i])
            history_mark(s->history, p->step[i]);
    }
    hparams_free(s->hp0);
    s->hp0 = hp0;
    learner_free(s->base);
    s->base = *start;
    *start = NULL;
    memcpy(s->change, changes.change, sizeof s->change);
    s->n_change = changes.n_change;
    s->valid = eval[0];
    s->test = eval[1];
    s->best = p->now[NOW_BEST];
    s->best_step = (int64_t)p->now[NOW_BEST_STEP];
    snprintf(s->origin, sizeof s->origin, "%s", st_get(f, "origin") ? st_get(f, "origin") : "");
    return ST_OK;
}

enum status past_load(struct app *a, int slot, const char *path, struct learner *start,
                      struct past_size *size, struct err *err)
{
    struct slot *s = &a->slots[slot];
    struct st_file *f = NULL;
    struct past *p = calloc(1, sizeof *p);
    enum status st = p ? ST_OK : err_nomem(err, sizeof *p, "the past of a run");
    if (st == ST_OK && (!s->learner || s->trainer)) {
        err_set(err, ST_STATE, "the model in %c has a past of its own", 'A' + slot);
        err_hint(err, "busy", "load model first, then its past");
        st = ST_STATE;
    }
    if (st == ST_OK)
        st = st_open(&f, path, err);
    if (st == ST_OK)
        st = check_owner(f, path, s->learner, err);
    if (st == ST_OK)
        st = read_arrays(p, f, path, s->learner, err);
    if (st == ST_OK)
        for (int i = 0; i < p->n_kept; i++)
            p->w[i]->step = p->step[i];
    if (st == ST_OK)
        st = put(a, slot, p, f, path, &start, err);
    if (st == ST_OK)
        measure(p, params_size(app_learner(a, slot)->ps), size);
    learner_free(start);
    st_close(f);
    past_free(p);
    return st;
}
