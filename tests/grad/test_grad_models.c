/* Gradients of the six models as wholes against central differences along random directions
 * of each parameter, in their main switches, some with dropout (its masks are a function of
 * seed and step): relative 1e-3 in the float build, 1e-6 in the double build. */
#include "tests/support/cloze.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#ifdef SEQLAB_DOUBLE
static const double STEP = 2e-4, TOL = 1e-6;
#else
static const double STEP = 3e-2, TOL = 1e-3;
#endif
enum { V = 12, MASK = V + 1, MOST = 4096 };

static double slope(struct kit *k, const struct block *b, const real *at, const real *way,
                    double step)
{
    size_t n = params_size(k->ps);
    double loss[2];
    for (int side = 0; side < 2; side++) {
        for (size_t e = 0; e < n; e++)
            k->x[e] = at[e] + (real)(side ? -step : step) * way[e];
        loss[side] = kit_loss_only(k, b);
    }
    return (loss[0] - loss[1]) / (2 * step);
}

/* Do differences agree with what backward says?  Two lengths of step cancel the square of
 * the step in the error.  size: of a gradient's slope along such a direction; a smaller one
 * is held to it. */
static bool agrees(struct kit *k, const struct block *b, const real *at, const real *way,
                   double got, double size, double *last)
{
    static const double factor[] = {1, 0.25, 4, 1.0 / 16, 1.0 / 64};
    for (size_t i = 0; i < sizeof factor / sizeof *factor; i++) {
        double h = factor[i] * STEP;
        *last = (4 * slope(k, b, at, way, h) - slope(k, b, at, way, 2 * h)) / 3;
        if (fabs(*last - got) <= TOL * fmax(fabs(*last), size))
            return true;
    }
    return false;
}

/* Biases of zero and gains of one hide what multiplies them, and put ReLUs of padding on
 * their corner: the point is near the start values, not at them.  Backward is asked there. */
static void move_to(struct kit *k, const struct block *b, const real *start, uint32_t seed)
{
    memcpy(k->x, start, params_size(k->ps) * sizeof *start);
    for (int i = 0; i < params_n(k->ps); i++) {
        const struct param *p = params_at(k->ps, i);
        struct rng_key key = rng_key(seed, 1, rng_site(p->name));
        size_t first = p->flags & PARAM_ZERO_ROW0 ? (size_t)param_cols(p) : 0;
        for (size_t e = first; e < kit_size(k, p->name) && !(p->flags & PARAM_STATE); e++)
            *kit_value(k, p->name, e) += (real)(0.2 * (double)rng_normal(key, (uint32_t)e));
    }
    assert_true(isfinite(kit_loss(k, b)));
}

static double gradient_rms(const struct kit *k)
{
    size_t n = params_size(k->ps);
    double sum = 0;
    for (size_t e = 0; e < n; e++)
        sum += (double)k->g[e] * (double)k->g[e];
    return sqrt(sum / (double)n);
}

/* A random direction of unit length in parameter i, n_params: in all at once; returns the
 * slope along it, NAN if nothing can move. */
static double direction(const struct kit *k, int i, uint32_t seed, real *way)
{
    double along = 0, norm = 0;
    memset(way, 0, params_size(k->ps) * sizeof *way);
    for (int pass = 0; pass < 2; pass++) /* its length first */
        for (int j = 0; j < params_n(k->ps); j++) {
            const struct param *p = params_at(k->ps, j);
            if (p->flags & PARAM_STATE || (i < params_n(k->ps) && i != j))
                continue;
            struct rng_key key = rng_key(seed, 0, rng_site(p->name));
            for (size_t r = p->flags & PARAM_ZERO_ROW0 ? 1 : 0; r < param_rows(p); r++)
                for (size_t c = 0; c < (size_t)param_cols(p); c++) {
                    size_t at = p->at + r * (size_t)p->ld + c;
                    double v =
                        (double)rng_normal(key, (uint32_t)(r * (size_t)param_cols(p) + c));
                    if (pass == 0) {
                        norm += v * v;
                    } else {
                        way[at] = (real)(v / sqrt(norm));
                        along += (double)way[at] * (double)k->g[at];
                    }
                }
        }
    return norm > 0 ? along : (double)NAN;
}

/* In each parameter alone, then in all at once.  A kink (ReLU, maximum) near by spoils long
 * steps, rounding short ones: then another point and direction are tried.  A wrong gradient
 * is wrong everywhere. */
static void check(struct kit *k, const struct block *b, const char *settings)
{
    enum { TRIES = 5 };
    static real start[MOST], at[MOST], way[MOST];
    size_t n = params_size(k->ps);
    assert_true(n <= MOST);
    memcpy(start, k->x, n * sizeof *start);
    for (int i = 0; i <= params_n(k->ps); i++) {
        double got = 0, d = 0;
        bool ok = false;
        for (uint32_t seed = 1; seed <= TRIES && !ok; seed++) {
            move_to(k, b, start, seed);
            memcpy(at, k->x, n * sizeof *at);
            got = direction(k, i, seed, way);
            ok = isnan(got) || agrees(k, b, at, way, got, gradient_rms(k), &d);
        }
        if (!ok)
            fail_msg("%s: %s: backward %.9g, differences %.9g", settings,
                     i < params_n(k->ps) ? params_at(k->ps, i)->name : "all", got, d);
        memcpy(k->x, start, n * sizeof *start);
    }
}

static void test_sasrec(void **state)
{
    (void)state;
    static const char *const of[] = {"style=official loss=bce",
                                     "style=pre_ln loss=ce",
                                     "style=post_ln loss=ce",
                                     "style=official attn_out_proj=1 loss=ce pad_side=left",
                                     "style=pre_ln attn_out_proj=0 loss=bce",
                                     "loss=bce_k neg=3",
                                     "loss=gbce neg=3 gbce.t=0.75",
                                     "loss=ce tie_output=0",
                                     "loss=ssm neg=3",
                                     "ffn=dense_wide ffn.w=2",
                                     "ffn=causal_conv ffn.k=3",
                                     "ffn=causal_conv ffn.k=2 act=gelu style=official",
                                     "ffn=none",
                                     "ffn=none style=official",
                                     "act=gelu",
                                     "pos=none",
                                     "pos=sinusoid emb_scale=0",
                                     "layers=0",
                                     "heads=1",
                                     "heads=3 init=normal_002",
                                     "init=xavier_normal dropout=0",
                                     "l2_emb=0.3 loss=bce style=official",
                                     "l2_emb=0.3 pos=none tie_output=0"};
    static const int32_t s1[] = {3, 7, 3, 1, 9}, s2[] = {5},
                         s3[] = {12, 2, 7, 3, 11, 6}, *const sessions[] = {s1, s2, s3};
    static const int32_t len[] = {5, 1, 6}, target[] = {7, 3, 1, 9, 2, 8, 2, 7, 3, 11, 6, 12};
    static const int32_t neg[] = {1, 2, 4, 5, 6, 8,  9,  10, 11, 12, 1, 2,
                                  3, 4, 5, 6, 7, 8,  9,  10, 11, 12, 1, 2,
                                  4, 5, 6, 8, 9, 10, 11, 12, 1,  4,  5, 8};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[200], name[24];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings, "d=6 heads=2 layers=2 maxlen=8 dropout=0.2 %s",
                 of[i]);
        kit_new(&k, "sasrec", settings, V, 3);
        kit_block(&k, &b, 3, sessions, len, target, k.spec.n_neg,
                  k.spec.n_neg == 1 ? neg + 7 : neg);
        check(&k, &b, settings);
        for (int l = 1; l <= hp_int(k.hp, "layers");
             l++) { /* a constant on all keys moves no softmax */
            snprintf(name, sizeof name, "blk%d.bk", l);
            for (size_t e = 0; e < 6; e++)
                assert_true(fabs((double)*kit_grad(&k, name, e)) < 1e-6);
        }
        kit_free(&k);
    }
}

static void test_bert4rec(void **state)
{
    (void)state;
    static const char *const of[] = {"",
                                     "norm=pre",
                                     "head=plain out_bias=0",
                                     "head_ln=0 act=gelu_tanh",
                                     "type_emb=1 softmax_rows=all",
                                     "direction=left pad=left",
                                     "dropout=0.2 dropout.attn=0.2"};
    static const int32_t seq[] = {3, MASK, 5, 1, MASK, 9}, label[] = {7, 2};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[160];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings,
                 "d=4 heads=2 layers=2 inner=6 maxlen=8 init=glorot %s", of[i]);
        kit_new(&k, "bert4rec", settings, V, 1);
        cloze_block(&k, &b, seq, 6, label);
        check(&k, &b, settings);
        kit_free(&k);
    }
}

/* Two lanes that go on and one that begins, in one block; the carried states are constants. */
static void test_gru4rec(void **state)
{
    (void)state;
    static const char *const of[] = {"negatives=all",
                                     "negatives=extra neg=3",
                                     "loss=bpr-max final_act=elu neg=3",
                                     "loss=top1 final_act=tanh neg=3",
                                     "loss=bpr neg=3 gru_cell=after",
                                     "loss=top1-max neg=3 embed=separate d=3",
                                     "embed=onehot hidden=4,5 negatives=all",
                                     "negatives=all dropout=0.3 dropout.embed=0.2",
                                     "negatives=extra neg=3 smoothing=0.1"};
    static const int32_t off[] = {0, 3, 4, 6}, session[] = {0, 1, 2},
                         item[] = {3, 7, 1, 9, 2, 2}, target[] = {7, 1, 4, 12, 2, 8},
                         row[] = {0, 1, 2, 3, 4, 5}, of_session[] = {0, 0, 0, 1, 2, 2},
                         col[] = {7, 1, 4, 12, 2, 8, 5, 7, 11}, lane[] = {0, 1, 2};
    static const uint8_t fresh[] = {0, 1, 0};
    static const float weight[] = {0.25f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f};
    const struct block plain = {.n = 3,
                                .n_query = 6,
                                .n_target = 1,
                                .off = off,
                                .session = session,
                                .item = item,
                                .query = row,
                                .query_session = of_session,
                                .target = target,
                                .weight = weight,
                                .lane = lane,
                                .fresh = fresh,
                                .n_batch = 3};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[160];
        struct kit k;
        struct block b = plain;
        snprintf(settings, sizeof settings, "hidden=5 batch=4 %s", of[i]);
        kit_new(&k, "gru4rec", settings, V, 1);
        for (size_t e = 0; e < kit_size(&k, "gru1.lanes"); e++)
            *kit_value(&k, "gru1.lanes", e) = (real)(0.5 * sin((double)e));
        if (k.spec.neg_cols == NEG_BATCH) {
            b.col = col;
            b.n_col = 9;
            b.neg = col + 6;
            b.n_neg = 3;
            b.query_col = row;
        }
        check(&k, &b, settings);
        kit_free(&k);
    }
}

/* Four windows, the second filled up on the left; targets, the third short of one, and
 * negatives of each. */
static void test_caser(void **state)
{
    (void)state;
    static const char *const of[] = {"",
                                     "phi_c=sigm phi_a=iden",
                                     "phi_c=iden phi_a=sigm pool=avg",
                                     "branch=h",
                                     "branch=v",
                                     "user=1",
                                     "user=1 output=tied",
                                     "output=tied loss=bce neg=3",
                                     "loss=bce neg=3 loss_norm=count user=1",
                                     "loss=bce neg=3 loss_norm=instance_sum pad_trainable=1",
                                     "tail=vae",
                                     "tail=vae output=tied",
                                     "tail=vae user=1 output=tied",
                                     "tail=transformer",
                                     "tail=transformer branch=h loss=bce neg=3",
                                     "tail=transformer branch=v user=1",
                                     "tail=both user=1",
                                     "tail=both dropout=0.2 dropout.tail=0.2",
                                     "dropout=0.3 user=1"};
    static const int32_t w1[] = {3, 7, 1}, w2[] = {9}, w3[] = {12, 2, 7},
                         w4[] = {5, 5, 11}, *const windows[] = {w1, w2, w3, w4},
                         len[] = {3, 1, 3, 3};
    static const int32_t target[] = {2, 4, 12, 1, 6, 0, 3, 8},
                         neg[] = {5, 6, 7, 2, 3, 4, 1, 2, 8, 9, 10, 12}, who[] = {1, 3, 2, 3};
    static const float weight[] = {0.25f, 0.25f, 0.25f, 0.25f};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[160];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings,
                 "L=3 T=2 d=4 nv=2 nh=3 K=3 beta_steps=2 dropout=0 dropout.tail=0 %s", of[i]);
        kit_new_data(&k, "caser", settings, V, 2, 3, windows, len);
        k.env.step = 1; /* half the weight of the KL term */
        block_many(&b, 4, windows, len, &k.spec, k.mem);
        b.user = who;
        b.n_target = 2;
        b.target = target;
        b.weight = weight;
        b.n_neg = k.spec.n_neg;
        b.neg = neg;
        check(&k, &b, settings);
        kit_free(&k);
    }
}

/* Two histories, sets of two targets, draws as seed and step have them. */
static void test_svae(void **state)
{
    (void)state;
    static const char *const of[] = {"",
                                     "sigma=exp_s",
                                     "sigma=exp_s kl_exact=1",
                                     "head=plain",
                                     "output=tied",
                                     "target=next",
                                     "rnn_place=decoder",
                                     "rnn_place=latent",
                                     "rnn_place=encoder+latent",
                                     "rnn_place=prior",
                                     "rnn_place=none",
                                     "rnn=lstm",
                                     "rnn=lstm rnn_place=decoder",
                                     "rnn=transformer",
                                     "rnn=transformer rnn_place=latent",
                                     "rnn=lstm rnn_place=prior"};
    static const int32_t one[] = {3, 7, 1, 9}, two[] = {2, 2}, *const both[] = {one, two},
                         len[] = {4, 2};
    static const int32_t target[] = {7, 1, 1, 9, 9, 4, 4, 0, 2, 5, 5, 0};
    static const float weight[] = {0.5f, 0.5f, 0.5f, 0.25f, 0.5f, 0.25f};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[200];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings,
                 "E=4 H=4 HID=4 K=2 K2=3 k=2 maxlen=6 beta_steps=1 beta_cap=0.7 %s", of[i]);
        kit_new(&k, "svae", settings, V, 1);
        kit_block(&k, &b, 2, both, len, target, 0, NULL);
        b.n_target = 2;
        b.target = target;
        b.weight = weight;
        b.n_batch = 2;
        b.step = b.epoch_step = 10;
        check(&k, &b, settings);
        kit_free(&k);
    }
}

/* Prefixes of one and several clicks side by side, one with an item twice in a row and one
 * that comes back to an item. */
static void test_pen4rec(void **state)
{
    (void)state;
    static const char *const of[] = {"",
                                     "head=srgnn",
                                     "head=srgnn hybrid=0 gnn.steps=2",
                                     "gnn.steps=3 edge=count",
                                     "gnn.steps=0",
                                     "pos=reverse",
                                     "recent=mean",
                                     "recent=any",
                                     "stage1=0",
                                     "stage1.norm=none",
                                     "stage2=agru",
                                     "stage2=gru",
                                     "augru.form=dien_code",
                                     "att=sigmoid",
                                     "att=maxnorm",
                                     "fusion=mean",
                                     "fusion=first",
                                     "hybrid=0",
                                     "score_norm=cosine score_scale=5",
                                     "head=srgnn score_norm=cosine score_scale=5",
                                     "dropout=0.3"};
    static const int32_t p1[] = {3, 5, 3, 2, 5, 3}, p2[] = {4}, p3[] = {1, 1, 2},
                         p4[] = {7, 8, 9, 10, 7}, *const prefix[] = {p1, p2, p3, p4},
                         len[] = {6, 1, 3, 5};
    static const int32_t target[] = {1, 6, 2, 12};
    static const float weight[] = {0.25f, 0.25f, 0.25f, 0.25f};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[160];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings, "d=4 k=3 maxlen=8 %s", of[i]);
        kit_new(&k, "pen4rec", settings, V, 1);
        block_many(&b, 4, prefix, len, &k.spec, k.mem);
        b.n_target = 1;
        b.target = target;
        b.weight = weight;
        check(&k, &b, settings);
        kit_free(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sasrec),  cmocka_unit_test(test_bert4rec),
        cmocka_unit_test(test_gru4rec), cmocka_unit_test(test_caser),
        cmocka_unit_test(test_svae),    cmocka_unit_test(test_pen4rec)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
