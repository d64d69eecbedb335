/* Gradients of BERT4Rec, GRU4Rec, Caser, SVAE and PEN4Rec as wholes against central differences along random directions of each parameter, in their main
 * switches, with dropout on (its masks are a function of seed and step).  The double build is the exact check; in single precision
 * the tolerance is that of the differences. */
#include "tests/support/cloze.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#ifdef SEQLAB_DOUBLE
static const double step = 1e-5, rtol = 1e-6, atol = 1e-9, fine = 1e-6, fine_atol = 1e-9;
#else
static const double step = 1e-2, rtol = 5e-2, atol = 2e-3, fine = 1e-3, fine_atol = 1e-3;
#endif
enum { V = 12, MASK = V + 1, MOST = 4096 };

/* Along a direction of unit length in one parameter, then in all at once. */
static void check_within(struct kit *k, const struct block *b, const char *settings, double rel, double abs)
{
    static real keep[MOST], way[MOST];
    size_t n = params_size(k->ps);
    assert_true(n <= MOST);
    kit_loss(k, b);
    memcpy(keep, k->x, n * sizeof *keep);
    for (int i = 0; i <= params_n(k->ps); i++) {
        double slope = 0, norm = 0, loss[2];
        memset(way, 0, n * sizeof *way);
        for (int j = 0; j < params_n(k->ps); j++) {
            const struct param *p = params_at(k->ps, j);
            if (p->flags & PARAM_STATE || (i < params_n(k->ps) && i != j))
                continue;
            struct rng_key key = rng_key(5, 0, rng_site(p->name));
            for (size_t r = p->flags & PARAM_ZERO_ROW0 ? 1 : 0; r < param_rows(p); r++)
                for (size_t c = 0; c < (size_t)param_cols(p); c++) {
                    size_t at = p->at + r * (size_t)p->ld + c;
                    way[at] = (real)rng_normal(key, (uint32_t)(r * (size_t)param_cols(p) + c));
                    norm += (double)way[at] * (double)way[at];
                    slope += (double)way[at] * (double)k->g[at];
                }
        }
        if (norm == 0)
            continue;
        for (int side = 0; side < 2; side++) {
            for (size_t e = 0; e < n; e++)
                k->x[e] = keep[e] + (real)((side ? -step : step) / sqrt(norm)) * way[e];
            loss[side] = kit_loss_only(k, b);
        }
        memcpy(k->x, keep, n * sizeof *keep);
        double d = (loss[0] - loss[1]) / (2 * step), g = slope / sqrt(norm);
        if (fabs(d - g) > abs + rel * fmax(fabs(d), fabs(g)))
            fail_msg("%s: %s: backward %.8g, differences %.8g", settings, i < params_n(k->ps) ? params_at(k->ps, i)->name : "all", g, d);
    }
}

static void check(struct kit *k, const struct block *b, const char *settings)
{
    check_within(k, b, settings, rtol, atol);
}

static void test_bert4rec(void **state)
{
    (void)state;
    static const char *const of[] = {"", "norm=pre", "head=plain out_bias=0", "head_ln=0 act=gelu_tanh", "type_emb=1 softmax_rows=all", "direction=left pad=left",
                                     "dropout=0.2 dropout.attn=0.2"};
    static const int32_t seq[] = {3, MASK, 5, 1, MASK, 9}, label[] = {7, 2};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[160];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings, "d=4 heads=2 layers=2 inner=6 maxlen=8 init=glorot %s", of[i]);
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
    static const char *const of[] = {"negatives=all", "negatives=extra neg=3", "loss=bpr-max final_act=elu neg=3", "loss=top1 final_act=tanh neg=3", "loss=bpr neg=3 gru_cell=after",
                                     "loss=top1-max neg=3 embed=separate d=3", "embed=onehot hidden=4,5 negatives=all", "negatives=all dropout=0.3 dropout.embed=0.2",
                                     "negatives=extra neg=3 smoothing=0.1"};
    static const int32_t off[] = {0, 3, 4, 6}, session[] = {0, 1, 2}, item[] = {3, 7, 1, 9, 2, 2}, target[] = {7, 1, 4, 12, 2, 8}, row[] = {0, 1, 2, 3, 4, 5},
                         of_session[] = {0, 0, 0, 1, 2, 2}, col[] = {7, 1, 4, 12, 2, 8, 5, 7, 11}, lane[] = {0, 1, 2};
    static const uint8_t fresh[] = {0, 1, 0};
    static const float weight[] = {0.25f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f};
    const struct block plain = {.n = 3, .n_query = 6, .n_target = 1, .off = off, .session = session, .item = item, .query = row, .query_session = of_session,
                                .target = target, .weight = weight, .lane = lane, .fresh = fresh, .n_batch = 3};
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

/* Four windows, the second filled up on the left; targets, the third short of one, and negatives of each.  In single precision the smooth
 * activations only: steps this long cross ReLU's corner. */
static void test_caser(void **state)
{
    (void)state;
#ifdef SEQLAB_DOUBLE
#define USUAL ""
#else
#define USUAL "phi_c=tanh phi_a=tanh "
#endif
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
    static const int32_t w1[] = {3, 7, 1}, w2[] = {9}, w3[] = {12, 2, 7}, w4[] = {5, 5, 11}, *const windows[] = {w1, w2, w3, w4}, len[] = {3, 1, 3, 3};
    static const int32_t target[] = {2, 4, 12, 1, 6, 0, 3, 8}, neg[] = {5, 6, 7, 2, 3, 4, 1, 2, 8, 9, 10, 12}, who[] = {1, 3, 2, 3};
    static const float weight[] = {0.25f, 0.25f, 0.25f, 0.25f};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[160];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings, "L=3 T=2 d=4 nv=2 nh=3 K=3 beta_steps=2 dropout=0 dropout.tail=0 " USUAL "%s", of[i]);
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

/* Smooth throughout: held to the tolerance of single ops.  Two histories, sets of two targets, draws as seed and step have them. */
static void test_svae(void **state)
{
    (void)state;
    static const char *const of[] = {"", "sigma=exp_s", "sigma=exp_s kl_exact=1", "head=plain", "output=tied", "target=next", "rnn_place=decoder", "rnn_place=latent",
                                     "rnn_place=encoder+latent", "rnn_place=prior", "rnn_place=none", "rnn=lstm", "rnn=lstm rnn_place=decoder", "rnn=transformer",
                                     "rnn=transformer rnn_place=latent", "rnn=lstm rnn_place=prior"};
    static const int32_t one[] = {3, 7, 1, 9}, two[] = {2, 2}, *const both[] = {one, two}, len[] = {4, 2};
    static const int32_t target[] = {7, 1, 1, 9, 9, 4, 4, 0, 2, 5, 5, 0};
    static const float weight[] = {0.5f, 0.5f, 0.5f, 0.25f, 0.5f, 0.25f};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char settings[200];
        struct kit k;
        struct block b;
        snprintf(settings, sizeof settings, "E=4 H=4 HID=4 K=2 K2=3 k=2 maxlen=6 beta_steps=1 beta_cap=0.7 %s", of[i]);
        kit_new(&k, "svae", settings, V, 1);
        kit_block(&k, &b, 2, both, len, target, 0, NULL);
        b.n_target = 2;
        b.target = target;
        b.weight = weight;
        b.n_batch = 2;
        b.step = b.epoch_step = 10;
        check_within(&k, &b, settings, fine, fine_atol);
        kit_free(&k);
    }
}

/* Prefixes of one and several clicks side by side, one with an item twice in a row and one that comes back to an item. */
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
                                     "dropout=0.3"};
    static const int32_t p1[] = {3, 5, 3, 2, 5, 3}, p2[] = {4}, p3[] = {1, 1, 2}, p4[] = {7, 8, 9, 10, 7}, *const prefix[] = {p1, p2, p3, p4}, len[] = {6, 1, 3, 5};
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
        check_within(&k, &b, settings, fine, fine_atol);
        kit_free(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bert4rec), cmocka_unit_test(test_gru4rec), cmocka_unit_test(test_caser), cmocka_unit_test(test_svae), cmocka_unit_test(test_pen4rec)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
