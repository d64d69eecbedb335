/* Evaluation: which cases are asked, what is made of their ranks; see eval.h. */
#include "engine/base/clock.h"
#include "engine/train/eval_work.h"

#include <stdlib.h>

enum { MRR_CUT = 20 };

void eval_defaults(struct eval_spec *s, const struct split *sp)
{
    *s = (struct eval_spec){
        .on = PART_VALID, .protocol = PROTO_FULL, .ties = TIES_HALF, .k = 10, .flag = -1};
    s->exclude_seen = sp->kind != SPLIT_SESSIONS;
}

/* ---- Which cases are asked ---- */

static const struct eval_case *cases_of(const struct split *sp, enum split_part on, int64_t *n)
{
    *n = on == PART_TEST ? sp->n_test : sp->n_valid;
    return on == PART_TEST ? sp->test : sp->valid;
}

static bool wanted(const struct eval_case *c, const struct eval_spec *s)
{
    return s->flag < 0 ? c->flag != WF_START : c->flag == s->flag;
}

int64_t eval_count(const struct split *sp, const struct eval_spec *s)
{
    int64_t n, k = 0;
    const struct eval_case *c = cases_of(sp, s->on, &n);
    for (int64_t i = 0; i < n; i++)
        k += wanted(&c[i], s);
    return s->max_cases > 0 && k > s->max_cases ? s->max_cases : k;
}

static struct eval_case given(const struct eval_case *c, const struct eval_spec *s)
{
    struct eval_case g = *c;
    g.n_prefix -= protocol_def(s->protocol)->unread;
    return g;
}

/* The asked cases number from..to-1 in order, copied; evenly spread where there are too
 * many.  Returns how many there are. */
static int64_t copy_cases(struct eval_case *out, int64_t from, int64_t to,
                          const struct split *sp, const struct eval_spec *s)
{
    int64_t n, all = 0, k = 0, seen = 0;
    const struct eval_case *c = cases_of(sp, s->on, &n);
    for (int64_t i = 0; i < n; i++)
        all += wanted(&c[i], s);
    int64_t take = s->max_cases > 0 && all > s->max_cases ? s->max_cases : all,
            end = to < take ? to : take;
    for (int64_t i = 0; i < n && k < end; i++)
        if (wanted(&c[i], s)) {
            /* case number `seen` is the k-th of the even spread */
            if (seen * take / all >= k) {
                if (k >= from)
                    out[k - from] = given(&c[i], s);
                k++;
            }
            seen++;
        }
    return k > from ? k - from : 0;
}

static enum status pick_cases(struct eval_case **out, int64_t *n_out, int64_t from, int64_t n,
                              const struct split *sp, const struct eval_spec *s,
                              struct err *err)
{
    *out = malloc(((size_t)n + 1) * sizeof **out);
    *n_out = 0;
    if (!*out)
        return err_nomem(err, (size_t)n * sizeof **out, "evaluation");
    *n_out = copy_cases(*out, from, from + n, sp, s);
    return ST_OK;
}

bool eval_case_at(const struct split *sp, const struct eval_spec *s, int64_t i,
                  struct eval_case *out)
{
    return i >= 0 && copy_cases(out, i, i + 1, sp, s) == 1;
}

/* ---- Ranks, figures ---- */

enum status eval_ranks_part(const struct weights *w, const struct eval_spec *s, int64_t from,
                            int64_t n, struct pool *p, const volatile bool *cancel,
                            struct rank_obs *obs, double *logp, struct err *err)
{
    struct eval_case *c;
    enum status st = pick_cases(&c, &n, from, n, w->split, s, err);
    if (st != ST_OK)
        return st;
    st = eval_cases(w, s, c, from, n, p, cancel, obs, logp, err);
    free(c);
    return st;
}

enum status eval_ranks(const struct weights *w, const struct eval_spec *s, struct pool *p,
                       const volatile bool *cancel, struct rank_obs *obs, double *logp,
                       struct err *err)
{
    return eval_ranks_part(w, s, 0, eval_count(w->split, s), p, cancel, obs, logp, err);
}

static bool target_seen(const struct dataset *ds, const struct eval_case *c)
{
    const int32_t *item = ds->item + ds->off[c->session];
    for (int32_t i = 0; i < c->n_prefix; i++)
        if (item[i] == c->target)
            return true;
    return false;
}

/* ---- Lists: a user's cases share the prefix and stand together ---- */

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int by_rank(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int32_t distinct(int32_t *item, int32_t n)
{
    int32_t k = 0;
    qsort(item, (size_t)n, sizeof *item, by_number);
    for (int32_t i = 0; i < n; i++)
        if (i == 0 || item[i] != item[i - 1])
            item[k++] = item[i];
    return k;
}

/* The list of the user whose cases are from..to-1: an item that is held out twice counts
 * once, one that was seen before is not listed; where only trained items are candidates the
 * others are as if they were not there. */
static struct rank_list list_of(const struct split *sp, const struct eval_spec *s,
                                const struct eval_case *c, const struct rank_obs *obs,
                                int64_t from, int64_t to, double *rank, int32_t *item)
{
    struct rank_list l = {.rank = rank};
    const struct protocol_def *p = protocol_def(s->protocol);
    int32_t session = c[from].session, at = c[from].n_prefix + p->unread, n = 0;
    int32_t end = s->on == PART_VALID && sp->kind == SPLIT_RATIO ? split_valid_len(sp, session)
                                                                 : dataset_len(sp->ds, session);
    for (int64_t i = from; i < to; i++) {
        bool out = s->exclude_seen && target_seen(sp->ds, &c[i]);
        for (int64_t k = from; k < i && !out; k++)
            out = c[k].target == c[i].target;
        if (!out)
            rank[l.n++] = obs[i].rank;
    }
    qsort(rank, (size_t)l.n, sizeof *rank, by_rank);
    for (const int32_t *x = sp->ds->item + sp->ds->off[session]; at < end; at++)
        if (p->candidates != CANDIDATES_TRAINED || sp->train_pop[x[at]] > 0)
            item[n++] = x[at];
    l.n_target = distinct(item, n);
    return l;
}

static enum status add_lists(struct metric_acc *acc, const struct metric_def *def, int32_t k,
                             const struct split *sp, const struct eval_spec *s,
                             const struct eval_case *c, const struct rank_obs *obs, int64_t n,
                             struct err *err)
{
    int32_t longest = 1;
    for (int64_t i = 0; i < n; i++)
        longest = dataset_len(sp->ds, c[i].session) > longest
                      ? dataset_len(sp->ds, c[i].session)
                      : longest;
    double *rank = malloc((size_t)longest * sizeof *rank);
    int32_t *item = malloc((size_t)longest * sizeof *item);
    enum status st =
        rank && item ? ST_OK : err_nomem(err, (size_t)longest * sizeof *rank, "evaluation");
    for (int64_t from = 0, to; st == ST_OK && from < n; from = to) {
        for (to = from; to < n && c[to].session == c[from].session; to++)
            ;
        struct rank_list l = list_of(sp, s, c, obs, from, to, rank, item);
        def->add_list(acc, &l, k);
    }
    free(rank);
    free(item);
    return st;
}

static bool asks_lists(enum protocol p)
{
    const struct protocol_metric *m = protocol_def(p)->metric;
    return m->label && metric_find(m->metric)->add_list;
}

/* What the protocol reports. */
static enum status report(struct eval_result *out, const struct split *sp,
                          const struct eval_spec *s, const struct eval_case *c,
                          const struct rank_obs *obs, int64_t n, struct err *err)
{
    for (const struct protocol_metric *m = protocol_def(out->protocol)->metric; m->label; m++) {
        const struct metric_def *def = metric_find(m->metric);
        struct metric_acc acc = {0};
        int32_t k = m->k ? m->k : out->k;
        enum status st = def->add_list ? add_lists(&acc, def, k, sp, s, c, obs, n, err) : ST_OK;
        if (st != ST_OK)
            return st;
        for (int64_t i = 0; i < n && def->add; i++)
            if (obs[i].rank > 0)
                def->add(&acc, &obs[i], k);
        out->metric[out->n_metric++] =
            (struct metric_value){metric_mean(&acc), metric_se(&acc)};
    }
    return ST_OK;
}

enum status eval_run(const struct weights *w, const struct eval_spec *s, struct pool *p,
                     const volatile bool *cancel, struct eval_result *out, struct err *err)
{
    const int64_t began = clock_ns();
    if (s->in_place && (w->model->flags & MODEL_BASELINE || w->spec.kind != BATCH_SESSIONS))
        return err_set(err, ST_UNSUPPORTED, "%s does not read whole sessions in place",
                       w->model->title);
    if (asks_lists(s->protocol) && (s->max_cases > 0 || s->flag >= 0)) {
        err_set(err, ST_STATE, "protocol %s asks whole users, not some of their items",
                protocol_def(s->protocol)->name);
        return err_hint(err, "bad-value", "Leave cases= and where= out"), ST_STATE;
    }
    struct eval_case *c;
    int64_t n;
    enum status st = pick_cases(&c, &n, 0, eval_count(w->split, s), w->split, s, err);
    if (st != ST_OK)
        return st;
    struct rank_obs *obs = malloc(((size_t)n + 1) * sizeof *obs);
    double *logp = malloc(((size_t)n + 1) * sizeof *logp);
    st = obs && logp ? eval_cases(w, s, c, 0, n, p, cancel, obs, logp, err)
                     : err_nomem(err, (size_t)n * sizeof *obs, "evaluation");
    if (st == ST_OK) {
        const struct metric_def *hr = metric_find("hr"), *ndcg = metric_find("ndcg"),
                                *mrr = metric_find("mrr");
        struct metric_acc a1 = {0}, ak = {0}, an = {0}, am = {0}, al = {0};
        *out = (struct eval_result){.step = w->step,
                                    .k = s->k,
                                    .on = s->on,
                                    .protocol = s->protocol,
                                    .exclude_seen = s->exclude_seen,
                                    .in_place = s->in_place,
                                    .has_logloss =
                                        (model_traits(w->model, w->self) & MODEL_SOFTMAX) != 0};
        for (int64_t i = 0; i < n; i++) {
            if (obs[i].rank == 0)
                continue;
            hr->add(&a1, &obs[i], 1);
            hr->add(&ak, &obs[i], s->k);
            ndcg->add(&an, &obs[i], s->k);
            mrr->add(&am, &obs[i], MRR_CUT);
            al.sum -= logp[i];
            al.sum2 += logp[i] * logp[i];
            al.n++;
            out->seen_target += target_seen(w->ds, &c[i]);
        }
        st = report(out, w->split, s, c, obs, n, err);
        out->n = ak.n;
        out->hr1 = metric_mean(&a1);
        out->hr = metric_mean(&ak);
        out->ndcg = metric_mean(&an);
        out->mrr = metric_mean(&am);
        out->logloss = metric_mean(&al);
        out->se_hr = metric_se(&ak);
        out->se_ndcg = metric_se(&an);
        out->se_mrr = metric_se(&am);
        out->se_logloss = metric_se(&al);
    }
    free(obs);
    free(logp);
    free(c);
    if (st == ST_OK)
        out->seconds = 1e-9 * (double)(clock_ns() - began);
    return st;
}

enum status eval_ceiling(const struct split *sp, const struct eval_spec *s, struct ceiling *out,
                         const volatile bool *cancel, struct err *err)
{
    if (!sp->ds->world)
        return err_set(err, ST_UNSUPPORTED, "only generated worlds have a known ceiling");
    struct eval_case *c;
    int64_t n;
    enum status st = pick_cases(&c, &n, 0, eval_count(sp, s), sp, s, err);
    if (st == ST_OK) {
        st = world_ceiling(sp->ds, c, n, out, cancel, err);
        free(c);
    }
    return st;
}
