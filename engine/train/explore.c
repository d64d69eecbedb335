/* Questions about published weights; see explore.h.  The answer lives in an arena of its own
 * until the next question. */
#include "engine/base/cancel.h"
#include "engine/train/explore_items.h"
#include "engine/train/learner_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 1024, BLOCK_SEQS = 128 };
static const size_t probe_bytes_max = (size_t)64 << 20;

struct explore {
    struct arena *out; /* the answer */
    struct arena *mem; /* blocks */
    struct tape *tape;
    struct answer a;
    const struct patch *patch; /* of the question */
    int32_t n_patch, set;
};

enum status explore_new(struct explore **out, struct err *err)
{
    *out = NULL;
    struct explore *e = calloc(1, sizeof *e);
    if (!e)
        return err_nomem(err, sizeof *e, "explorer");
    enum status st = arena_new(&e->out, (size_t)1 << 18, err);
    if (st == ST_OK)
        st = arena_new(&e->mem, (size_t)1 << 16, err);
    if (st == ST_OK)
        st = tape_new(&e->tape, (size_t)1 << 20, err);
    if (st != ST_OK) {
        explore_free(e);
        return st;
    }
    *out = e;
    return ST_OK;
}

void explore_free(struct explore *e)
{
    if (!e)
        return;
    tape_free(e->tape);
    arena_free(e->mem);
    arena_free(e->out);
    free(e);
}

/* ---- Names ---- */

static bool glob(const char *p, const char *p_end, const char *s)
{
    for (; p < p_end; p++, s++) {
        if (*p == '*') {
            for (;; s++) {
                if (glob(p + 1, p_end, s))
                    return true;
                if (!*s)
                    return false;
            }
        }
        if (*p != *s)
            return false;
    }
    return *s == '\0';
}

static bool listed(const char *patterns, const char *name)
{
    for (const char *p = patterns; p && *p;) {
        const char *end = strchr(p, ',');
        if (glob(p, end ? end : p + strlen(p), name))
            return true;
        p = end ? end + 1 : NULL;
    }
    return false;
}

/* ---- Copies ---- */

static float *copy_rows(struct arena *mem, const real *x, size_t rows, size_t cols, size_t ld)
{
    float *out = arena_raw(mem, rows * cols * sizeof *out);
    for (size_t r = 0; out && r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            out[r * cols + c] = (float)x[r * ld + c];
    return out;
}

static void copy_probes(struct explore *e, const char *patterns, int64_t step)
{
    const struct probe_view *view;
    size_t n = tape_probes(e->tape, &view), k = 0, bytes = 0;
    struct probe_copy *out = arena_alloc(e->out, (n + 1) * sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        const struct tensor *t = view[i].t;
        size_t rows = (size_t)tensor_rows(t), cols = (size_t)tensor_cols(t);
        bytes += rows * cols * sizeof(float);
        if (!listed(patterns, view[i].name) || bytes > probe_bytes_max)
            continue;
        struct probe_copy *p = &out[k];
        size_t len = strlen(view[i].name);
        memcpy(p->name, view[i].name, len < sizeof p->name ? len : sizeof p->name - 1);
        p->nd = t->nd;
        memcpy(p->d, t->d, sizeof p->d);
        p->step = step;
        p->x = copy_rows(e->out, t->x, rows, cols, (size_t)t->ld);
        p->g = t->g ? copy_rows(e->out, t->g, rows, cols, (size_t)t->ld) : NULL;
        k += p->x != NULL;
    }
    e->a.probe = out;
    e->a.n_probe = (int32_t)k;
}

/* Behind the probes; names do not meet: parameters end in capitals and biases, probes in
 * what they show. */
static void copy_params(struct explore *e, const struct weights *w, const char *patterns)
{
    int n = params_n(w->ps);
    struct probe_copy *out =
        arena_alloc(e->out, ((size_t)e->a.n_probe + (size_t)n) * sizeof *out);
    if (!out)
        return;
    if (e->a.n_probe)
        memcpy(out, e->a.probe, (size_t)e->a.n_probe * sizeof *out);
    for (int i = 0; i < n; i++) {
        const struct param *p = params_at(w->ps, i);
        size_t len = strlen(p->name);
        if (!listed(patterns, p->name) || len >= sizeof out->name ||
            param_rows(p) * (size_t)param_cols(p) * sizeof(float) > probe_bytes_max)
            continue;
        struct probe_copy *c = &out[e->a.n_probe];
        memcpy(c->name, p->name, len + 1);
        c->nd = p->nd;
        memcpy(c->d, p->d, sizeof c->d);
        c->step = w->step;
        c->x = copy_rows(e->out, w->x + p->at, param_rows(p), (size_t)param_cols(p),
                         (size_t)p->ld);
        e->a.n_probe += c->x != NULL;
    }
    e->a.probe = out;
}

/* ---- Sequences to scores ---- */

static void begin(struct explore *e, const struct weights *w, real *g)
{
    struct tape_env env = {.x = w->x,
                           .g = g,
                           .seed = w->seed,
                           .step = w->step,
                           .keep_grads = g != NULL,
                           .patch = e->patch,
                           .n_patch = g ? 0 : e->n_patch,
                           .set = e->set};
    tape_begin(e->tape, &env);
    tape_watch(e->tape, 0);
}

/* The vectors that m queries from number `at` on are scored by: the probe "final" ("head"
 * where the last layer goes on), which has a row a query or a row a click. */
static void copy_states(struct explore *e, const struct block *b, int32_t at, int32_t m,
                        int32_t n)
{
    struct answer *a = &e->a;
    const struct tensor *t = tape_find(e->tape, "final");
    t = t ? t : tape_find(e->tape, "head");
    if (!t || t->nd != 2 || (tensor_rows(t) != m && tensor_rows(t) != b->off[b->n]) ||
        (at > 0 && (!a->state || tensor_cols(t) != a->n_state))) {
        a->state = NULL;
        return;
    }
    size_t d = (size_t)tensor_cols(t);
    float *out =
        at > 0 ? (float *)(uintptr_t)a->state : arena_raw(e->out, (size_t)n * d * sizeof *out);
    for (int32_t r = 0; out && r < m; r++) {
        const real *x = t->x + (size_t)(tensor_rows(t) == m ? r : b->query[r]) * (size_t)t->ld;
        for (size_t c = 0; c < d; c++)
            out[(size_t)(at + r) * d + c] = (float)x[c];
    }
    a->state = out;
    a->n_state = (int32_t)d;
}

/* Scores after each of n sequences, in blocks; an empty sequence has none: its row is NaN. */
static enum status score_all(struct explore *e, const struct weights *w, int32_t n,
                             const int32_t *const *item, const int32_t *len, const char *probes,
                             bool states, const volatile bool *cancel)
{
    struct answer *a = &e->a;
    size_t cols = (size_t)w->ds->n_items + 1;
    float *score = arena_raw(e->out, (size_t)n * cols * sizeof *score);
    if (!score)
        return err_nomem(&a->err, (size_t)n * cols * sizeof *score, "scores");
    for (int32_t i = 0; i < n;) {
        if (cancel_asked(cancel))
            return err_set(&a->err, ST_CANCELLED, "cancelled");
        if (len[i] == 0) {
            for (size_t c = 0; c < cols; c++)
                score[(size_t)i * cols + c] = NAN;
            i++;
            continue;
        }
        int32_t m = 0, rows = 0;
        while (i + m < n && m < BLOCK_SEQS && len[i + m] > 0 &&
               (m == 0 || rows + len[i + m] <= BLOCK_ROWS))
            rows += len[i + m++];
        struct block b;
        memset(&b, 0, sizeof b);
        arena_reset(e->mem);
        block_many(&b, m, item + i, len + i, &w->spec, e->mem);
        if (b.n != m)
            return err_nomem(&a->err, (size_t)rows * 64, "sequence");
        begin(e, w, NULL);
        /* nobody looks at what is on the way: models need not show it */
        if (!probes && !states && !e->n_patch)
            tape_watch(e->tape, -1);
        struct tensor *s = model_score(w->model, w->self, e->tape, &b);
        enum status st = tape_check(e->tape, &a->err);
        if (st != ST_OK)
            return st;
        for (int32_t r = 0; r < m; r++)
            for (size_t c = 0; c < cols; c++)
                score[(size_t)(i + r) * cols + c] = (float)s->x[(size_t)r * (size_t)s->ld + c];
        if (probes && i == 0)
            copy_probes(e, probes, w->step);
        if (states)
            copy_states(e, &b, i, m, n);
        i += m;
    }
    a->n_row = n;
    a->score = score;
    return ST_OK;
}

/* A window's others keep their rows, and what lies before it is still read by who reads it
 * (a fitted taste). */
static enum status ask_occlude(struct explore *e, const struct weights *w,
                               const struct question *q, const volatile bool *cancel)
{
    struct answer *a = &e->a;
    const bool blank = w->spec.kind == BATCH_WINDOWS;
    int32_t n = a->n, wide = blank ? q->n : n;
    const int32_t **item = arena_raw(e->out, (size_t)n * sizeof *item);
    int32_t *len = arena_raw(e->out, (size_t)n * sizeof *len),
            *all = arena_raw(e->out, (size_t)n * (size_t)wide * sizeof *all);
    if (!item || !len || !all)
        return err_nomem(&a->err, (size_t)n * (size_t)wide * sizeof *all, "variants");
    for (int32_t i = 0; i < n; i++) {
        int32_t *v = all + (size_t)i * (size_t)wide;
        memcpy(v, blank ? q->item : a->item, (size_t)wide * sizeof *v);
        item[i] = v;
        len[i] = blank ? wide : n - 1;
        if (blank)
            v[a->first + i] = 0;
        else
            memmove(v + i, v + i + 1, (size_t)(n - i - 1) * sizeof *v);
    }
    return score_all(e, w, n, item, len, NULL, false, cancel);
}

/* Of `ahead` places after the sequence, or, 0, of those that are hidden in it. */
static enum status ask_hidden(struct explore *e, const struct weights *w, int32_t ahead)
{
    struct answer *a = &e->a;
    size_t cols = (size_t)w->ds->n_items + 1;
    struct block b;
    memset(&b, 0, sizeof b);
    arena_reset(e->mem);
    if (ahead)
        block_tail(&b, a->item, a->n, ahead, &w->spec, e->mem);
    else
        block_masked(&b, a->item, a->n, &w->spec, e->mem);
    const int32_t rows = ahead ? ahead : b.n_query;
    float *score = arena_raw(e->out, (size_t)rows * cols * sizeof *score);
    if (!b.off || b.n_query != rows || !score)
        return err_nomem(&a->err, (size_t)rows * cols * sizeof *score, "hidden places");
    if (rows == 0) {
        err_set(&a->err, ST_ARG, "nothing is hidden in the last %d items", (int)a->n);
        return err_hint(&a->err, "bad-value", "Try: seq 12 _ 3"), ST_ARG;
    }
    begin(e, w, NULL);
    struct tensor *s = model_score(w->model, w->self, e->tape, &b);
    enum status st = tape_check(e->tape, &a->err);
    for (int32_t r = 0; st == ST_OK && r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            score[(size_t)r * cols + c] = (float)s->x[(size_t)r * (size_t)s->ld + c];
    a->n_row = rows;
    a->score = score;
    return st;
}

static enum status ask_prefixes(struct explore *e, const struct weights *w,
                                const volatile bool *cancel)
{
    struct answer *a = &e->a;
    const int32_t **item = arena_raw(e->out, (size_t)a->n * sizeof *item);
    int32_t *len = arena_raw(e->out, (size_t)a->n * sizeof *len);
    if (!item || !len)
        return err_nomem(&a->err, (size_t)a->n * sizeof *item, "prefixes");
    for (int32_t i = 0; i < a->n; i++) {
        item[i] = a->item;
        len[i] = i + 1;
    }
    return score_all(e, w, a->n, item, len, NULL, true, cancel);
}

/* One sequence, each set of patches by itself. */
static enum status ask_patches(struct explore *e, const struct weights *w, int32_t n_set,
                               const volatile bool *cancel)
{
    struct answer *a = &e->a;
    size_t cols = (size_t)w->ds->n_items + 1;
    float *score = arena_raw(e->out, (size_t)(n_set + 1) * cols * sizeof *score);
    if (!score)
        return err_nomem(&a->err, (size_t)n_set * cols * sizeof *score, "scores");
    const int32_t *one = a->item;
    for (e->set = 0; e->set < n_set; e->set++) {
        struct arena_mark mark = arena_save(e->out);
        enum status st = score_all(e, w, 1, &one, &a->n, NULL, false, cancel);
        if (st != ST_OK)
            return st;
        memcpy(score + (size_t)e->set * cols, a->score, cols * sizeof *score);
        arena_restore(e->out, mark);
    }
    a->n_row = n_set;
    a->score = score;
    return ST_OK;
}

/* Last rows of the probes after each of n sequences, side by side.  Probes of the watched
 * session alone have one session's rows: such are passed over where a block holds several. */
static enum status ask_states(struct explore *e, const struct weights *w,
                              const struct question *q, const volatile bool *cancel)
{
    struct answer *a = &e->a;
    float *value = NULL;
    for (int32_t i = 0; i < q->n_variant;) {
        if (cancel_asked(cancel))
            return err_set(&a->err, ST_CANCELLED, "cancelled");
        int32_t m = 0, rows = 0;
        while (i + m < q->n_variant && m < BLOCK_SEQS &&
               (m == 0 || rows + q->variant_n[i + m] <= BLOCK_ROWS))
            rows += q->variant_n[i + m++];
        struct block b;
        memset(&b, 0, sizeof b);
        arena_reset(e->mem);
        block_many(&b, m, q->variant + i, q->variant_n + i, &w->spec, e->mem);
        if (b.n != m)
            return err_nomem(&a->err, (size_t)rows * 64, "sequence");
        begin(e, w, NULL);
        if (!w->model->encode)
            return err_set(&a->err, ST_UNSUPPORTED, "%s shows no states", w->model->title);
        w->model->encode(w->self, e->tape, &b);
        enum status st = tape_check(e->tape, &a->err);
        if (st != ST_OK)
            return st;
        const struct probe_view *view;
        size_t n = tape_probes(e->tape, &view);
        int32_t cols = 0;
        for (size_t k = 0; k < n; k++) {
            int32_t have = tensor_rows(view[k].t);
            cols += listed(q->probes, view[k].name) && (have == b.off[m] || have == m)
                        ? tensor_cols(view[k].t)
                        : 0;
        }
        if (!value) {
            a->n_col = cols;
            value =
                arena_alloc(e->out, ((size_t)q->n_variant * (size_t)cols + 1) * sizeof *value);
            if (!value)
                return err_nomem(&a->err, (size_t)q->n_variant * (size_t)cols * sizeof *value,
                                 "states");
        }
        int32_t at = 0;
        for (size_t k = 0; k < n; k++) {
            const struct tensor *t = view[k].t;
            int32_t have = tensor_rows(t), wide = tensor_cols(t);
            if (!listed(q->probes, view[k].name) || (have != b.off[m] && have != m) ||
                at + wide > a->n_col)
                continue;
            for (int32_t s = 0; s < m; s++) {
                int32_t r = have == b.off[m] ? b.off[s + 1] - 1 : s;
                for (int32_t c = 0; r >= 0 && c < wide; c++)
                    value[(size_t)(i + s) * (size_t)a->n_col + (size_t)(at + c)] =
                        (float)t->x[(size_t)r * (size_t)t->ld + (size_t)c];
            }
            at += wide;
        }
        i += m;
    }
    a->n_row = q->n_variant;
    a->value = value;
    return ST_OK;
}

/* The schedule of lanes follows from the step alone: a batcher made anew finds it. */
static enum status ask_lanes(struct explore *e, const struct weights *w)
{
    struct answer *a = &e->a;
    struct batcher *b;
    struct batch plan;
    if (w->spec.kind != BATCH_PARALLEL || w->step < 1)
        return ST_OK;
    struct batch_lane *lane = arena_alloc(e->out, (size_t)w->spec.size * sizeof *lane);
    if (!lane)
        return err_nomem(&a->err, (size_t)w->spec.size * sizeof *lane, "lanes");
    enum status st = batcher_new(&b, w->split, &w->spec, w->seed, &a->err);
    if (st != ST_OK)
        return st;
    st = batcher_plan(b, w->step - 1, &plan, &a->err);
    for (int32_t i = 0; st == ST_OK && i < w->spec.size; i++)
        a->n_lane += batcher_lane(b, i, &lane[i]);
    a->lane = lane;
    batcher_free(b);
    return st;
}

/* The item table and, where there is a sequence, the state that is scored against it. */
static enum status ask_project(struct explore *e, const struct weights *w, int32_t target,
                               const volatile bool *cancel)
{
    struct answer *a = &e->a;
    const struct tensor *state = NULL;
    const struct head *hd = w->model->head ? w->model->head(w->self) : NULL;
    if (!hd || !hd->table)
        return err_set(&a->err, ST_UNSUPPORTED, "%s has no item vectors", w->model->title);
    if (a->n > 0 && w->model->encode) {
        struct block b;
        memset(&b, 0, sizeof b);
        arena_reset(e->mem);
        block_one(&b, a->item, a->n, &w->spec, e->mem);
        begin(e, w, NULL);
        state = w->model->encode(w->self, e->tape, &b);
        enum status st = tape_check(e->tape, &a->err);
        if (st != ST_OK)
            return st;
    }
    return items_project(e->out, w, hd,
                         state ? state->x + (size_t)(tensor_rows(state) - 1) * (size_t)state->ld
                               : NULL,
                         target, a, cancel);
}

/* d score(target) / d embedding of each row, times the embedding. */
static enum status ask_gradient(struct explore *e, const struct weights *w, int32_t target)
{
    struct answer *a = &e->a;
    const struct head *hd = w->model->head ? w->model->head(w->self) : NULL;
    if (e->n_patch)
        return err_set(&a->err, ST_UNSUPPORTED, "no gradient while parts are set by hand");
    if (!hd || !w->model->encode)
        return err_set(&a->err, ST_UNSUPPORTED, "%s has no gradient with respect to its input",
                       w->model->title);
    struct learner_shared *sh = weights_shared(w);
    real *g = shared_block(sh);
    if (!g)
        return err_nomem(&a->err, params_size(w->ps) * sizeof *g, "gradients");
    memset(g, 0, params_size(w->ps) * sizeof *g);
    struct block b;
    memset(&b, 0, sizeof b);
    arena_reset(e->mem);
    block_one(&b, a->item, a->n, &w->spec, e->mem);
    begin(e, w, g);
    struct tensor *h = w->model->encode(w->self, e->tape, &b);
    struct tensor *row = op_rows(e->tape, hd->table, &target, 1, hd->id0);
    struct tensor *s =
        op_matmul(e->tape, h, hd->unit ? op_unit(e->tape, row, 1) : row, false, true);
    tape_term(e->tape, "score", op_sum_all(e->tape, s), 1);
    enum status st = tape_check(e->tape, &a->err);
    if (st == ST_OK)
        st = tape_backward(e->tape, &a->err);
    const struct tensor *emb = st == ST_OK ? tape_find(e->tape, "emb") : NULL;
    float *value = arena_alloc(e->out, (size_t)a->n * sizeof *value);
    if (st == ST_OK && (!emb || !emb->g || !value))
        st = err_set(&a->err, ST_UNSUPPORTED, "%s shows no input vectors", w->model->title);
    /* rows before the first item */
    int32_t fill = st == ST_OK && w->spec.kind == BATCH_WINDOWS ? tensor_rows(emb) - a->n : 0;
    for (int32_t i = 0; st == ST_OK && i < a->n && i + fill < tensor_rows(emb); i++) {
        size_t at = (size_t)(i + fill) * (size_t)emb->ld;
        double sum = 0;
        for (int32_t c = 0; c < tensor_cols(emb); c++)
            sum += (double)emb->x[at + (size_t)c] * (double)emb->g[at + (size_t)c];
        value[i] = (float)sum;
    }
    a->value = value;
    shared_give_block(sh, g);
    return st;
}

static enum status ask_ranks(struct explore *e, const struct weights *w,
                             const struct question *q, const volatile bool *cancel)
{
    struct answer *a = &e->a;
    int64_t left = eval_count(w->split, &q->eval) - q->from,
            n = q->n_case < left ? q->n_case : left;
    if (n <= 0)
        return ST_OK;
    struct rank_obs *obs = arena_raw(e->out, (size_t)n * sizeof *obs);
    if (!obs)
        return err_nomem(&a->err, (size_t)n * sizeof *obs, "ranks");
    enum status st = eval_ranks_part(w, &q->eval, q->from, n, NULL, cancel, obs, NULL, &a->err);
    if (st == ST_OK) {
        a->rank = obs;
        a->n_rank = n;
    }
    return st;
}

/* Nothing to go on: what there is most of. */
static enum status ask_popularity(struct explore *e, const struct weights *w)
{
    struct answer *a = &e->a;
    size_t cols = (size_t)w->ds->n_items + 1;
    double *logp = arena_raw(e->out, cols * sizeof *logp);
    float *score = arena_raw(e->out, cols * sizeof *score);
    if (!logp || !score)
        return err_nomem(&a->err, cols * sizeof *logp, "scores");
    split_log_popularity(w->split, 1, logp);
    for (size_t c = 0; c < cols; c++)
        score[c] = (float)logp[c];
    a->n_row = 1;
    a->score = score;
    a->softmax = a->popular = true;
    a->sigmoid = false;
    return ST_OK;
}

bool question_complete(const struct question *q)
{
    switch (q->kind) {
    case ASK_VARIANTS:
    case ASK_STATES:
        return q->n_variant > 0;
    case ASK_PROJECT:
    case ASK_RANKS:
    case ASK_LANES:
    case ASK_RUNS:
        return true;
    case ASK_SCORE:
        return q->n > 0 || q->popular;
    default:
        return q->n > 0;
    }
}

const struct answer *explore_ask(struct explore *e, const struct weights *w,
                                 const struct question *q, const volatile bool *cancel)
{
    struct answer *a = &e->a;
    arena_reset(e->out);
    *a = (struct answer){.step = w->step,
                         .n_items = w->ds->n_items,
                         .tag = q->tag,
                         .softmax = (model_traits(w->model, w->self) & MODEL_SOFTMAX) != 0};
    const struct head *head = w->model->head ? w->model->head(w->self) : NULL;
    a->sigmoid = head && (head->loss == HEAD_BCE || head->loss == HEAD_GBCE);
    int32_t hidden = w->spec.kind != BATCH_CLOZE || q->kind == ASK_FILL ? 0
                     : q->kind == ASK_TAIL                              ? q->ahead
                                                                        : 1;
    int32_t window = w->spec.max_len > 0 ? w->spec.max_len - hidden : q->n;
    if ((q->kind == ASK_FILL && w->spec.kind != BATCH_CLOZE) ||
        (q->kind == ASK_TAIL && (w->spec.kind != BATCH_CLOZE || q->ahead < 1 || window < 1))) {
        if (w->spec.kind != BATCH_CLOZE)
            err_set(&a->err, ST_UNSUPPORTED, "%s fills in no hidden places", w->model->title);
        else
            err_set(&a->err, ST_ARG, "maxlen %d has no room for %d hidden places after an item",
                    w->spec.max_len, q->ahead);
        if (q->kind == ASK_FILL)
            err_hint(&a->err, "not-for-model", "Try: model new bert4rec");
        else
            err_hint(&a->err, "bad-value", "Steps from 1 to %d",
                     w->spec.kind == BATCH_CLOZE ? w->spec.max_len - 1 : 1);
        return a;
    }
    if (q->kind == ASK_PREFIXES) /* each prefix has a window of its own */
        window = q->n;
    a->n = q->n < window ? q->n : window;
    a->first = q->n - a->n;
    int32_t *item = arena_raw(e->out, ((size_t)a->n + 1) * sizeof *item);
    if (!item) {
        err_nomem(&a->err, (size_t)a->n * sizeof *item, "sequence");
        return a;
    }
    if (a->n)
        memcpy(item, q->item + a->first, (size_t)a->n * sizeof *item);
    a->item = item;
    e->patch = q->patch;
    e->n_patch = q->n_patch;
    e->set = -1;
    if (!question_complete(q)) {
        err_set(&a->err, ST_ARG, "the sequence is empty");
        err_hint(&a->err, "empty-seq", "Try: predict 12 87 3");
        return a;
    }
    if (q->kind == ASK_SCORE && q->n == 0) {
        ask_popularity(e, w);
        return a;
    }
    const bool whole = w->spec.kind == BATCH_WINDOWS; /* the block cuts */
    const int32_t *one = whole ? q->item : a->item, one_len = whole ? q->n : a->n;
    switch (q->kind) {
    case ASK_SCORE:
    case ASK_PROBES:
        score_all(e, w, 1, &one, &one_len,
                  q->probes               ? q->probes
                  : q->kind == ASK_PROBES ? "*"
                                          : NULL,
                  false, cancel);
        if (q->params && !a->err.code)
            copy_params(e, w, q->params);
        break;
    case ASK_OCCLUDE:
        ask_occlude(e, w, q, cancel);
        break;
    case ASK_PREFIXES:
        ask_prefixes(e, w, cancel);
        break;
    case ASK_GRADIENT:
        ask_gradient(e, w, q->target);
        break;
    case ASK_TAIL:
        ask_hidden(e, w, q->ahead);
        break;
    case ASK_FILL:
        ask_hidden(e, w, 0);
        break;
    case ASK_VARIANTS:
        score_all(e, w, q->n_variant, q->variant, q->variant_n, NULL, false, cancel);
        break;
    case ASK_RANKS:
        ask_ranks(e, w, q, cancel);
        break;
    case ASK_PATCHES:
        ask_patches(e, w, q->n_set, cancel);
        break;
    case ASK_STATES:
        ask_states(e, w, q, cancel);
        break;
    case ASK_PROJECT:
        ask_project(e, w, q->target, cancel);
        break;
    case ASK_LANES:
        ask_lanes(e, w);
        break;
    case ASK_RUNS:
        items_runs(e->out, w, q, a, cancel);
        break;
    }
    return a;
}
