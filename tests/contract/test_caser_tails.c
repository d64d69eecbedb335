/* Caser's tails, its views from inside and its optimisers, each against a second program of
 * plain loops over the same weights. */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "engine/tensor/gemm.h"
#include "engine/train/explore.h"
#include "engine/train/learner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { V = 9, L = 3, D = 4, NV = 2, NH = 3, K = 3, USERS = 3, M = 1 + NV + L + 1 };
static const int32_t s0[] = {3, 7, 1, 4, 2, 6, 9, 5}, s1[] = {8},
                     s2[] = {5, 5, 2}, *const sessions[] = {s0, s1, s2}, lens[] = {8, 1, 3};

static void make(struct kit *k, const char *more)
{
    char settings[256];
    snprintf(settings, sizeof settings, "L=3 T=2 d=4 nv=2 nh=3 K=3 dropout=0 batch=4 %s", more);
    kit_new_data(k, "caser", settings, V, 3, USERS, sessions, lens);
    k->watch = 0;
    for (int i = 0; i < params_n(k->ps); i++) { /* away from biases of zero and gains of one */
        const struct param *p = params_at(k->ps, i);
        struct rng_key key = rng_key(5, 0, rng_site(p->name));
        for (size_t e = p->flags & PARAM_ZERO_ROW0 ? (size_t)param_cols(p) : 0;
             e < kit_size(k, p->name); e++)
            *kit_value(k, p->name, e) += (real)(0.3 * (double)rng_normal(key, (uint32_t)e));
    }
}

static double at(struct kit *k, const char *param, size_t i)
{
    return (double)*kit_value(k, param, i);
}

/* y = x W + b, W (in,out). */
static void dense(struct kit *k, const char *scope, const double *x, size_t in, size_t out,
                  double *y)
{
    char w[32], b[32];
    snprintf(w, sizeof w, "%s.W", scope);
    snprintf(b, sizeof b, "%s.b", scope);
    for (size_t o = 0; o < out; o++) {
        y[o] = at(k, b, o);
        for (size_t i = 0; i < in; i++)
            y[o] += x[i] * at(k, w, i * out + o);
    }
}

static void norm(struct kit *k, const char *scope, const double *x, double *y)
{
    char g[32], b[32];
    double mean = 0, var = 0;
    snprintf(g, sizeof g, "%s.gamma", scope);
    snprintf(b, sizeof b, "%s.beta", scope);
    for (size_t i = 0; i < D; i++)
        mean += x[i] / D;
    for (size_t i = 0; i < D; i++)
        var += (x[i] - mean) * (x[i] - mean) / D;
    for (size_t i = 0; i < D; i++)
        y[i] = (x[i] - mean) / sqrt(var + 1e-8) * at(k, g, i) + at(k, b, i);
}

static void probe(struct kit *k, const char *name, double *out, size_t n)
{
    real x[64];
    assert_int_equal(kit_copy(kit_probe(k, name), x, 64), n);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)x[i];
}

/* Tokens from the features that the pass itself shows, then one pre-norm block of two heads;
 * the summary's row comes out. */
static void test_transformer(void **state)
{
    (void)state;
    static const int32_t who[] = {2};
    struct kit k;
    struct block b;
    double v[NV * D], tok[M][D] = {{0}}, a[M][D], qkv[M][3 * D], o[D] = {0}, y[D], g[D],
                      u[2 * D], z[D];
    real got[M * D], prob[2 * M * M];
    make(&k, "tail=transformer user=1");
    block_one(&b, s0, 8, &k.spec, k.mem);
    b.user = who;
    kit_encode(&k, &b);
    probe(&k, "conv.v", v, NV * D);
    memcpy(tok[1], v, sizeof v);
    for (int h = 1; h <= L; h++) {
        char name[32];
        double most[NH];
        snprintf(name, sizeof name, "conv.h%d.max", h);
        probe(&k, name, most, NH);
        snprintf(name, sizeof name, "tail.h%d", h);
        dense(&k, name, most, NH, D, tok[NV + h]);
    }
    for (size_t j = 0; j < D; j++)
        tok[M - 1][j] = at(&k, "user.P", D + j);
    for (size_t i = 0; i < M * D; i++)
        tok[i / D][i % D] += at(&k, "tail.type", i);
    kit_copy(kit_probe(&k, "tail.tokens"), got, M * D);
    assert_close("tokens", got, tok[0], M * D, 1e-5, 1e-6);
    for (size_t t = 0; t < M; t++) {
        norm(&k, "tail.ln1", tok[t], a[t]);
        dense(&k, "tail.qkv", a[t], D, 3 * D, qkv[t]);
    }
    kit_copy(kit_probe(&k, "tail.attn.prob"), prob, 2 * M * M);
    for (size_t h = 0; h < 2; h++) {
        double p[M], sum = 0;
        for (size_t t = 0; t < M; t++) {
            double s = 0;
            for (size_t j = 0; j < D / 2; j++)
                s += qkv[0][h * D / 2 + j] * qkv[t][D + h * D / 2 + j];
            p[t] = exp(s / sqrt(D / 2.0));
            sum += p[t];
        }
        for (size_t t = 0; t < M; t++) {
            assert_close1("attention of the summary", (double)prob[h * M * M + t], p[t] / sum,
                          1e-4, 1e-6);
            for (size_t j = 0; j < D / 2; j++)
                o[h * D / 2 + j] += p[t] / sum * qkv[t][2 * D + h * D / 2 + j];
        }
    }
    dense(&k, "tail.o", o, D, D, y);
    for (size_t j = 0; j < D; j++)
        y[j] += tok[0][j];
    norm(&k, "tail.ln2", y, g);
    dense(&k, "tail.f1", g, D, 2 * D, u);
    for (size_t j = 0; j < 2 * D; j++)
        u[j] *= 0.5 * (1 + erf(u[j] / sqrt(2)));
    dense(&k, "tail.f2", u, 2 * D, D, z);
    for (size_t j = 0; j < D; j++)
        z[j] += y[j];
    kit_copy(kit_probe(&k, "z"), got, D);
    assert_close("summary", got, z, D, 1e-4, 1e-6);
    kit_free(&k);
}

/* e = tanh(W1 f + b1), [mu, s], g = tanh(W_g mu + b_g), scores of g against the item
 * vectors; the loss is the mean of -log p over the targets + beta KL, the weight of the KL
 * rising in a straight line. */
static void test_vae(void **state)
{
    (void)state;
    static const int32_t target[] = {4, 6};
    static const float weight[] = {1};
    enum { F = NV * D + NH * L };
    struct kit k;
    struct block b;
    double f[F], e[D], ms[2 * K], kl = 0, g[D], score[V + 1], sum = 0;
    real got[V + 1];
    make(&k, "tail=vae output=tied beta_cap=0.3 beta_steps=10");
    block_one(&b, s0, 8, &k.spec, k.mem);
    kit_copy(kit_scores(&k, &b), got, V + 1);
    probe(&k, "feat", f, F);
    dense(&k, "fc", f, F, D, e);
    for (size_t j = 0; j < D; j++)
        e[j] = tanh(e[j]);
    dense(&k, "latent.ms", e, D, 2 * K, ms);
    for (size_t j = 0; j < K; j++)
        kl += 0.5 * (exp(ms[K + j]) + ms[j] * ms[j] - 1 - ms[K + j]);
    dense(&k, "latent.dec", ms, K, D, g);
    for (size_t j = 1; j <= V; j++) {
        score[j] = at(&k, "out.b", j);
        for (size_t i = 0; i < D; i++)
            score[j] += tanh(g[i]) * at(&k, "item.E", j * D + i);
    }
    assert_close("scores", got + 1, score + 1, V, 1e-4, 1e-6);
    for (size_t j = 0; j < K; j++) {
        double shown[K];
        probe(&k, "latent.kl", shown, K);
        assert_close1("kl", shown[j], 0.5 * (exp(ms[K + j]) + ms[j] * ms[j] - 1 - ms[K + j]),
                      1e-4, 1e-6);
    }
    b.target = target;
    b.n_target = 2;
    b.weight = weight;
    k.env.training = false; /* zeta = mu */
    for (size_t j = 1; j <= V; j++)
        sum += exp(score[j]);
    double rec = log(sum) - (score[4] + score[6]) / 2;
    for (int u = 0; u <= 20; u += 5) {
        k.env.step = u;
        assert_close1("loss", kit_loss_only(&k, &b), rec + 0.3 * (u < 10 ? u / 10.0 : 1) * kl,
                      1e-4, 0);
    }
    kit_free(&k);

    real again[V + 1]; /* answers: the same from the mean, others from draws */
    for (int draws = 0; draws < 2; draws++) {
        make(&k, draws ? "tail=vae predict=sample" : "tail=vae");
        block_one(&b, s0, 8, &k.spec, k.mem);
        kit_copy(kit_scores(&k, &b), got, V + 1);
        k.env.step = 1;
        kit_copy(kit_scores(&k, &b), again, V + 1);
        assert_int_equal(memcmp(got + 1, again + 1, V * sizeof *got) != 0, draws);
        kit_free(&k);
    }
}

/* both: the summary is what the cloud is made of. */
static void test_both(void **state)
{
    (void)state;
    struct kit k;
    struct block b;
    double z[D], ms[2 * K];
    real mu[K];
    make(&k, "tail=both");
    assert_null(params_find(k.ps, "fc.W"));
    block_one(&b, s0, 8, &k.spec, k.mem);
    kit_encode(&k, &b);
    probe(&k, "z", z, D);
    dense(&k, "latent.ms", z, D, 2 * K, ms);
    kit_copy(kit_probe(&k, "latent.mu"), mu, K);
    assert_close("mu", mu, ms, K, 1e-4, 1e-6);
    kit_free(&k);
}

/* tied: t = W3 [z; P_u] + b3 without an activation, scored against the item vectors. */
static void test_tied(void **state)
{
    (void)state;
    static const int32_t who[] = {3};
    struct kit k;
    struct block b;
    double x[2 * D], t[D], want[V + 1];
    real got[V + 1];
    make(&k, "output=tied user=1");
    assert_null(params_find(k.ps, "out.W"));
    block_one(&b, s0, 8, &k.spec, k.mem);
    b.user = who;
    kit_copy(kit_scores(&k, &b), got, V + 1);
    probe(&k, "z", x, D);
    for (size_t j = 0; j < D; j++)
        x[D + j] = at(&k, "user.P", 2 * D + j);
    dense(&k, "tie", x, 2 * D, D, t);
    for (size_t j = 1; j <= V; j++) {
        want[j] = at(&k, "out.b", j);
        for (size_t i = 0; i < D; i++)
            want[j] += t[i] * at(&k, "item.E", j * D + i);
    }
    assert_close("scores", got + 1, want + 1, V, 1e-4, 1e-6);
    kit_free(&k);
}

/* The parts of a score: sequence, taste and bias make the whole; votes of the filters by
 * hand. */
static void test_views(void **state)
{
    (void)state;
    static const int32_t who[] = {2};
    struct kit k;
    struct block b;
    real score[V + 1], seq[V + 1], user[V + 1], cover[L];
    double votes[L] = {0};
    make(&k, "user=1");
    block_one(&b, s0, 8, &k.spec, k.mem);
    b.user = who;
    kit_copy(kit_scores(&k, &b), score, V + 1);
    kit_copy(kit_probe(&k, "part.seq"), seq, V + 1);
    kit_copy(kit_probe(&k, "part.user"), user, V + 1);
    for (size_t j = 1; j <= V; j++) {
        double taste = 0;
        for (size_t i = 0; i < D; i++)
            taste += at(&k, "user.P", D + i) * at(&k, "out.W", j * 2 * D + D + i);
        assert_close1("user's part", (double)user[j], taste, 1e-4, 1e-5);
        assert_close1("whole", (double)score[j], (double)seq[j] + taste + at(&k, "out.b", j),
                      1e-4, 1e-5);
    }
    for (size_t h = 1; h <= L; h++)
        for (size_t f = 0; f < NH; f++) {
            char name[32];
            double most[NH], win[NH], length = 0;
            snprintf(name, sizeof name, "conv.h%zu.max", h);
            probe(&k, name, most, NH);
            snprintf(name, sizeof name, "conv.h%zu.win", h);
            probe(&k, name, win, NH);
            for (size_t j = 0; j < D; j++)
                length += pow(at(&k, "fc.W", (NV * D + (h - 1) * NH + f) * D + j), 2);
            for (size_t i = 0; i < h; i++)
                votes[(size_t)win[f] + i] += most[f] * sqrt(length);
        }
    kit_copy(kit_probe(&k, "cover"), cover, L);
    assert_close("votes", cover, votes, L, 1e-4, 1e-6);
    assert_true(votes[0] + votes[1] + votes[2] > 0);
    kit_free(&k);
}

/* An item left out of a window is a row of zeros; the others stay where they are. */
static void test_occlusion(void **state)
{
    (void)state;
    struct kit k;
    struct learner *l;
    struct weights *w;
    struct explore *ask;
    struct err err = {0};
    make(&k, "");
    assert_int_equal(learner_new(&l, k.def, k.hp, &k.split, 1, &err), ST_OK);
    assert_int_equal(weights_of(&w, l, &err), ST_OK);
    assert_int_equal(explore_new(&ask, &err), ST_OK);
    const struct answer *a =
        explore_ask(ask, w, &(struct question){.kind = ASK_OCCLUDE, .n = 8, .item = s0}, NULL);
    assert_int_equal(a->err.code, ST_OK);
    assert_int_equal(a->n, L);
    assert_int_equal(a->n_row, L);
    memcpy(k.x, w->x, params_size(k.ps) * sizeof *k.x);
    for (int i = 0; i < L; i++) {
        int32_t blank[L];
        real want[V + 1];
        struct block b;
        memcpy(blank, s0 + 8 - L, sizeof blank);
        blank[i] = 0;
        block_one(&b, blank, L, &k.spec, k.mem);
        kit_copy(kit_scores(&k, &b), want, V + 1);
        for (int j = 1; j <= V; j++)
            assert_close1("blanked", (double)a->score[i * (V + 1) + j], (double)want[j], 1e-6,
                          1e-7);
    }
    explore_free(ask);
    weights_unref(w);
    learner_free(l);
    kit_free(&k);
}

/* user=1, anon=fit: the vector of someone unknown is brought nearer to a typed session that
 * is longer than the window; a shorter one keeps the mean of all, and whoever is known his
 * own. */
static void test_fit(void **state)
{
    (void)state;
    static const char *const of[] = {"user=1 anon=fit", "user=1 anon=fit output=tied",
                                     "user=1 anon=fit tail=vae"};
    static const int32_t who[] = {2};
    for (size_t i = 0; i < 3; i++) {
        struct kit k;
        struct block b;
        real mean[D], fitted[D], again[D], scores[V + 1];
        double better = 0;
        make(&k, of[i]);
        block_one(&b, s2, 3, &k.spec, k.mem);
        kit_encode(&k, &b);
        kit_copy(kit_probe(&k, "user"), mean, D);
        for (size_t j = 0; j < D; j++)
            assert_close1(
                "mean of all", (double)mean[j],
                (at(&k, "user.P", j) + at(&k, "user.P", D + j) + at(&k, "user.P", 2 * D + j)) /
                    3,
                1e-5, 1e-6);
        block_one(&b, s0, 8, &k.spec, k.mem);
        kit_copy(kit_scores(&k, &b), scores, V + 1);
        kit_copy(kit_probe(&k, "user"), fitted, D);
        kit_encode(&k, &b);
        kit_copy(kit_probe(&k, "user"), again, D);
        assert_memory_equal(fitted, again, sizeof fitted);
        assert_memory_not_equal(fitted, mean, sizeof mean);
        for (int side = 0; side < 2;
             /* scores of what follows in the session, beside all others: higher with the
             * fitted one */
             side++) {
            for (size_t j = 0; j < D; j++)
                *kit_value(&k, "user.P", D + j) = side ? fitted[j] : mean[j];
            for (int32_t t = L; t < 8; t++) {
                block_one(&b, s0, t, &k.spec, k.mem);
                b.user = who;
                kit_copy(kit_scores(&k, &b), scores, V + 1);
                better += (side ? 1 : -1) *
                          ((double)scores[s0[t]] -
                           (double)scores[8]); /* 8 is the one item it does not hold */
            }
        }
        assert_true(better > 0.01);
        kit_free(&k);
    }
}

/* Dense Adam moves the row of an item that no window holds, the lazy one leaves it; both
 * move the others. */
static void test_lazy(void **state)
{
    (void)state;
    static const int32_t some[] = {1, 2, 3, 4, 5}, *const one[] = {some}, len[] = {5};
    for (int lazy = 0; lazy < 2; lazy++) {
        struct kit k;
        struct learner *l;
        struct weights *w;
        struct err err = {0};
        struct step_info info;
        kit_new_data(&k, "caser", lazy ? "L=3 d=4 wd=1e-6 opt=lazyadam" : "L=3 d=4 wd=1e-6", V,
                     3, 1, one, len);
        assert_int_equal(learner_new(&l, k.def, k.hp, &k.split, 3, &err), ST_OK);
        for (int i = 0; i < 5; i++)
            assert_int_equal(learner_step(l, NULL, NULL, &info, &err), ST_OK);
        assert_int_equal(weights_of(&w, l, &err), ST_OK);
        const struct param *q = params_find(l->ps, "item.E");
        for (int32_t v = 1; v <= V; v++) {
            const real *x = w->x + q->at + (size_t)v * (size_t)q->ld,
                       *born = k.x + q->at + (size_t)v * (size_t)q->ld;
            /* 5 is a target only */
            assert_int_equal(memcmp(x, born, D * sizeof *x) == 0, lazy && v >= 5);
        }
        weights_unref(w);
        learner_free(l);
        kit_free(&k);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"tail=transformer d=5 heads.tail=2", "tail=vae loss=bce",
                                      "tail=both loss=bce"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kit k;
        struct learner *l;
        struct err err = {0};
        make(&k, "");
        assert_int_equal(hparams_set_all(k.hp, bad[i], &err), ST_OK);
        assert_int_equal(learner_new(&l, k.def, k.hp, &k.split, 1, &err), ST_ARG);
        assert_true(*err.msg && *err.hint);
        kit_free(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transformer), cmocka_unit_test(test_vae),
        cmocka_unit_test(test_both),        cmocka_unit_test(test_tied),
        cmocka_unit_test(test_views),       cmocka_unit_test(test_occlusion),
        cmocka_unit_test(test_lazy),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fit),
    };
    const char *note;
    gemm_start(&note);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
