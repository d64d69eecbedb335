#include "tests/support/evolution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LONGEST = 12, WIDEST = 128 };

struct reading { /* of one prefix, by click; lanes joined by beta; each sums to 1 */
    double attention[LONGEST], memory[LONGEST];
};

/* Memory share of a click: w_t prod over later tau of (1 - w_tau), mean over the d numbers. */
static void read_lanes(const struct answer *a, int32_t n, struct reading *r)
{
    const struct probe_copy *att = answer_probe(a, "s2.att"),
                            *write = answer_probe(a, "s2.write"),
                            *beta = answer_probe(a, "fuse.beta");
    assert_true(att && write && beta);
    int32_t lanes = beta->d[0], d = write->d[1];
    assert_int_equal(att->d[0], lanes * n);
    assert_int_equal(write->d[0], lanes * n);
    memset(r, 0, sizeof *r);
    for (int32_t j = 0; j < lanes; j++) {
        double share[LONGEST] = {0}, all = 0, sum = 0;
        for (int32_t i = 0; i < d; i++) {
            double left = 1;
            for (int32_t t = n - 1; t >= 0; t--) {
                double w = (double)write->x[(size_t)(j * n + t) * (size_t)d + (size_t)i];
                share[t] += w * left / d;
                left *= 1 - w;
            }
        }
        for (int32_t t = 0; t < n; t++) {
            all += share[t];
            sum += (double)att->x[j * n + t];
        }
        for (int32_t t = 0; t < n; t++) {
            r->memory[t] += (double)beta->x[j] * share[t] / all;
            r->attention[t] += (double)beta->x[j] * (double)att->x[j * n + t] / sum;
        }
    }
}

/* The c in 1..n-1 that parts s_1..s_n best: the largest |mean(s_1..s_c) - mean(s_c+1..s_n)|
 * sqrt(c (n-c) / n), s of unit length. */
static int32_t best_split(double (*s)[WIDEST], int32_t n, int32_t d)
{
    int32_t best = 0;
    double most = -1;
    for (int32_t c = 1; c < n; c++) {
        double gap = 0;
        for (int32_t i = 0; i < d; i++) {
            double before = 0, after = 0;
            for (int32_t t = 0; t < n; t++)
                *(t < c ? &before : &after) += s[t][i];
            gap += pow(before / c - after / (n - c), 2);
        }
        gap *= (double)c * (n - c) / n;
        if (gap > most) {
            most = gap;
            best = c;
        }
    }
    return best;
}

static double odds_on(const struct answer *a, const struct world *w, int32_t department)
{
    float *prob = malloc(((size_t)a->n_items + 1) * sizeof *prob);
    double sum = 0;
    assert_non_null(prob);
    softmax_row(a->score, a->n_items, prob);
    for (int32_t i = 1; i <= a->n_items; i++)
        sum += world_department(w, i) == department ? (double)prob[i] : 0;
    free(prob);
    return sum;
}

static int32_t keep_unit(const struct answer *a, double *out)
{
    const struct probe_copy *s = answer_probe(a, "final");
    assert_non_null(s);
    int32_t d = s->d[1];
    double norm = 0;
    assert_true(s->d[0] == 1 && d <= WIDEST);
    for (int32_t i = 0; i < d; i++)
        norm += (double)s->x[i] * (double)s->x[i];
    for (int32_t i = 0; i < d; i++)
        out[i] = (double)s->x[i] / sqrt(norm);
    return d;
}

struct sums {
    double odd_a, side_a, odd_m, side_m;
    int n_session, n_after, n_interest;
};

static void add_lanes(struct evolution *e, struct sums *sum, const struct answer *a, int32_t n,
                      int32_t tau, const uint8_t *flag)
{
    struct reading r;
    if (n < tau + 3 || n >= LONGEST)
        return;
    read_lanes(a, n, &r);
    for (int32_t t = tau; t < n; t++) {
        e->attention_b += r.attention[t];
        e->memory_b += r.memory[t];
    }
    e->even_b += (double)(n - tau) / n;
    sum->n_after++;
    for (int32_t t = tau + 1; t + 1 < n && n == LONGEST - 1; t++) {
        if (flag[t] != WF_NOISE || flag[t - 1] == WF_NOISE || flag[t + 1] == WF_NOISE)
            continue;
        sum->odd_a += r.attention[t];
        sum->side_a += (r.attention[t - 1] + r.attention[t + 1]) / 2;
        sum->odd_m += r.memory[t];
        sum->side_m += (r.memory[t - 1] + r.memory[t + 1]) / 2;
    }
}

struct evolution evolution_on_drift(struct planted *p)
{
    struct evolution e = {0};
    struct sums sum = {0};
    bool lanes = p->w->model->traits(p->w->self) & MODEL_EVOLUTION;
    for (int32_t s = 0; s < p->ds->n_sessions; s++) {
        if (p->sp->part[s] != PART_TEST)
            continue;
        double replay[LONGEST][WIDEST];
        const int32_t *item = p->ds->item + p->ds->off[s];
        const uint8_t *flag = p->ds->flag + p->ds->off[s];
        const int16_t *truth = p->ds->truth + p->ds->off[s];
        int32_t tau = 1, d = 0;
        assert_int_equal(dataset_len(p->ds, s), LONGEST);
        while (truth[tau] == truth[0])
            tau++;
        for (int32_t n = 1; n <= LONGEST; n++) {
            struct question q = {.kind = ASK_PROBES,
                                 .n = n,
                                 .item = item,
                                 .probes = "s2.att,s2.write,fuse.beta,final"};
            const struct answer *a = explore_ask(p->ask, p->w, &q, NULL);
            if (a->err.code)
                fail_msg("%s", a->err.msg);
            d = keep_unit(a, replay[n - 1]);
            if (n < LONGEST && flag[n] == WF_AFTER_ODD) {
                e.interest += odds_on(a, p->ds->world, truth[n]);
                sum.n_interest++;
            }
            if (lanes)
                add_lanes(&e, &sum, a, n, tau, flag);
        }
        e.turning += abs(best_split(replay, LONGEST, d) - tau) <= 1;
        sum.n_session++;
    }
    assert_true(sum.n_session > 50 && sum.n_interest > 30);
    e.turning /= sum.n_session;
    e.interest /= sum.n_interest;
    if (!lanes)
        return e;
    e.attention_b /= sum.n_after;
    e.memory_b /= sum.n_after;
    e.even_b /= sum.n_after;
    e.odd_attention = sum.odd_a / sum.side_a;
    e.odd_memory = sum.odd_m / sum.side_m;
    return e;
}
