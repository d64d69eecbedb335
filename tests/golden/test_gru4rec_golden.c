/* GRU4Rec against numbers of an independent float64 program (tests/golden/gru4rec.json tells
 * how they were made). */
#include "tests/support/approx.h"
#include "tests/support/kit.h"
#include "tests/support/vectors.h"
#include "engine/data/negatives.h"
#include "engine/tensor/optim.h"
#include "engine/train/eval.h"
#include "models/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static json_t *file;
enum { B = 2, D = 3, H = 4 };

/* [start, scale]: scale * sin(start + k) */
static void fill(struct kit *k, const char *param, const char *path)
{
    double f[2];
    assert_int_equal(vectors_flat(file, path, f, 2), 2);
    for (size_t i = 0; i < kit_size(k, param); i++)
        *kit_value(k, param, i) = (real)(f[1] * sin(f[0] + (double)i));
}

static void fill_cell(struct kit *k)
{
    fill(k, "gru1.Wh", "gru_step/fill/Wh[H,H]");
    fill(k, "gru1.Wrz", "gru_step/fill/Wrz[H,2H] reset|update");
    fill(k, "gru1.Bh", "gru_step/fill/Bh[3H] cand|reset|update");
}

/* ---- Losses: scores R (3,5) as products of unit states with a table that holds R's columns ---- */

static const struct loss_case {
    const char *name;
    struct head head;
} losses[] = {
    {"xe", {.loss = HEAD_XENT}},
    {"xe_logq", {.loss = HEAD_XENT, .logq = 1}},
    {"bpr", {.loss = HEAD_BPR}},
    {"bpr_mean_negatives", {.loss = HEAD_BPR, .neg_only = true}},
    {"top1", {.loss = HEAD_TOP1}},
    {"top1_paper", {.loss = HEAD_TOP1, .neg_only = true}},
    {"top1_max", {.loss = HEAD_TOP1_MAX}},
    {"bpr_max_reg1_linear", {.loss = HEAD_BPR_MAX, .bpreg = 1}},
    {"bpr_max_reg1.95_elu0.5",
     {.loss = HEAD_BPR_MAX, .bpreg = 1.95f, .act = ACT_ELU, .act_a = 0.5f}},
};

static void check_loss(const struct loss_case *c)
{
    enum { M = 3, N = 5 };
    static const int32_t off[] = {0, 1, 2, 3}, query[] = {0, 1, 2}, target[] = {1, 2, 3},
                         col[] = {1, 2, 3, 4, 5}, own[] = {0, 1, 2};
    static const float third[] = {1 / 3.0f, 1 / 3.0f, 1 / 3.0f};
    static const real unit[M * M] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    double score[M * N], support[N], want[M * N];
    float logq[N + 1] = {0}, logpop[N + 1] = {0};
    char path[96];
    struct params *ps;
    struct tape *t;
    struct err err;
    real *x;
    vectors_flat(file, "losses/scores", score, M * N);
    vectors_flat(file, "losses/logq_inputs/support_targets", support, M);
    vectors_flat(file, "losses/logq_inputs/support_samples", support + M, N - M);
    double alpha = vectors_num(file, "losses/logq_inputs/sample_alpha");
    for (int i = 0; i < N; i++) {
        logpop[i + 1] = (float)log(support[i]);
        logq[i + 1] = (float)(alpha * log(support[i]));
    }
    assert_int_equal(params_new(&ps, &err), ST_OK);
    const struct param *e = params_add(ps, "E", 2, (int32_t[]){N, M}, INIT_ZERO, 0, 0);
    assert_int_equal(params_build(ps, 1, &x, &err), ST_OK);
    real *g = params_block_new(ps);
    assert_non_null(g);
    for (int k = 0; k < N; k++)
        for (int i = 0; i < M; i++)
            x[e->at + (size_t)(k * e->ld + i)] = (real)score[i * N + k];
    assert_int_equal(tape_new(&t, 1 << 16, &err), ST_OK);
    tape_begin(t, &(struct tape_env){.x = x, .g = g, .training = true});
    struct block b = {.n = M,
                      .n_query = M,
                      .n_target = 1,
                      .n_neg = N - M,
                      .off = off,
                      .query = query,
                      .query_session = query,
                      .target = target,
                      .weight = third,
                      .neg = col + M,
                      .col = col,
                      .n_col = N,
                      .query_col = own,
                      .logq = logq,
                      .logpop = logpop};
    struct head hd = c->head;
    hd.cols = COLS_BATCH;
    hd.table = e;
    hd.id0 = 1;
    hd.n_items = N;
    op_head(t, tape_input(t, unit, 2, (int32_t[]){M, M}), &hd, &b);
    snprintf(path, sizeof path, "losses/expected/%s/loss", c->name);
    assert_close1(c->name, tape_loss(t), vectors_num(file, path), 1e-5, 0);
    if (tape_backward(t, &err))
        fail_msg("%s", err.msg);
    snprintf(path, sizeof path, "losses/expected/%s/grad", c->name);
    vectors_flat(file, path, want, M * N);
    for (int k = 0; k < N; k++)
        for (int i = 0; i < M; i++)
            assert_close1(path, (double)g[e->at + (size_t)(k * e->ld + i)], want[i * N + k],
                          1e-4, 2e-7);
    tape_free(t);
    params_block_free(ps, x);
    params_block_free(ps, g);
    params_free(ps);
}

static void test_losses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        check_loss(&losses[i]);
}

/* Weights of the -max losses: with linear scores and bpreg 0, -log sum w sigma(p - r) = the
 * row's loss. */
static void test_negative_weights(void **state)
{
    (void)state;
    double score[15], w[15];
    real s[16] = {0}, c[16];
    vectors_flat(file, "losses/scores", score, 15);
    vectors_flat(file, "losses/neg_softmax", w, 15);
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        for (int k = 0; k < 5; k++) {
            s[k] = (real)score[5 * i + k];
            sum += w[5 * i + k] / (1 + exp(score[5 * i + k] - score[5 * i + i]));
        }
        struct head hd = {.loss = HEAD_BPR_MAX};
        assert_true(w[5 * i + i] == 0);
        assert_close1("bpr-max from its weights", head_row_loss(&hd, s, 5, i, c), -log(sum),
                      2e-5, 0);
    }
}

/* ---- The cell ---- */

static void new_cell(struct kit *k, const char *more)
{
    char settings[128];
    snprintf(settings, sizeof settings, "embed=separate d=3 hidden=4 batch=2 %s", more);
    kit_new(k, "gru4rec", settings, 4, 1);
    fill_cell(k);
    fill(k, "gru1.Wx", "gru_step/fill/Wx[D,3H] cand|reset|update");
    /* item 1: time 0 of session 0, 2: of session 1, 3, 4: time 1 */
    fill(k, "E", "gru_step/fill/X[T,B,D]");
}

static void test_gru_step(void **state)
{
    (void)state;
    static const int32_t s0[] = {1, 3}, s1[] = {2, 4}, *const session[] = {s0, s1},
                         len[] = {2, 2};
    static const struct {
        const char *theirs, *ours;
    } gate[] = {{"r", "gru1.reset"}, {"z", "gru1.update"}, {"cand", "gru1.cand"}};
    const json_t *steps = vectors_at(file, "gru_step/steps");
    struct kit k;
    struct block b;
    real got[2 * B * H];
    double want[B * H];
    new_cell(&k, "");
    block_many(&b, 2, session, len, &k.spec, k.mem);
    for (int32_t s = 0; s < B; s++) {
        k.watch = s;
        kit_encode(&k, &b);
        for (size_t t = 0; t < 2; t++) {
            const json_t *step = json_array_get(steps, t);
            for (int g = 0; g < 3; g++) {
                assert_int_equal(kit_copy(kit_probe(&k, gate[g].ours), got, 2 * B * H), 2 * H);
                assert_int_equal(vectors_flat(step, gate[g].theirs, want, B * H), B * H);
                assert_close(gate[g].ours, got + t * H, want + s * H, H, 1e-5, 1e-6);
            }
            kit_copy(kit_probe(&k, "gru1.state"), got, 2 * B * H);
            vectors_flat(step, "h", want, B * H);
            assert_close("state", got + (size_t)s * 2 * H + t * H, want + s * H, H, 1e-5, 1e-6);
        }
    }
    kit_free(&k);

    new_cell(&k, "gru_cell=after");
    block_many(&b, 2, session, len, &k.spec, k.mem);
    kit_copy(kit_encode(&k, &b), got, B * H);
    vectors_flat(file, "gru_step/h_after_two_steps_library_style_cell", want, B * H);
    assert_close("library's cell", got, want, B * H, 1e-5, 1e-6);
    kit_free(&k);
}

/* One training step of two lanes whose sessions go on, with a draw that is also a target. */
static void test_tied_step(void **state)
{
    (void)state;
    static const int32_t off[] = {0, 1, 2}, session[] = {0, 1}, row[] = {0, 1}, lane[] = {0, 1};
    static const uint8_t fresh[] = {0, 0};
    static const float half[] = {0.5f, 0.5f};
    double in[2], tgt[2], smp[2], want[24];
    int32_t item[2], target[2], col[4];
    real got[24];
    struct kit k;
    kit_new(&k, "gru4rec", "embed=tied hidden=4 batch=2 bptt=1 negatives=extra neg=2", 6, 1);
    fill_cell(&k);
    fill(&k, "gru1.Wx", "tied_step/fill/Wx[4,12]");
    fill(&k, "Wy", "tied_step/fill/Wy[6,4]");
    fill(&k, "By", "tied_step/fill/By[6]");
    fill(&k, "gru1.lanes", "tied_step/fill/h_old[2,4]");
    vectors_flat(file, "tied_step/inputs", in, 2);
    vectors_flat(file, "tied_step/targets", tgt, 2);
    vectors_flat(file, "tied_step/samples", smp, 2);
    for (int i = 0; i < 2; i++) {
        item[i] = (int32_t)in[i] + 1;
        target[i] = col[i] = (int32_t)tgt[i] + 1;
        col[2 + i] = (int32_t)smp[i] + 1;
    }
    struct block b = {.n = 2,
                      .n_query = 2,
                      .n_target = 1,
                      .n_neg = 2,
                      .off = off,
                      .session = session,
                      .item = item,
                      .query = row,
                      .query_session = row,
                      .target = target,
                      .weight = half,
                      .neg = col + 2,
                      .col = col,
                      .n_col = 4,
                      .query_col = row,
                      .lane = lane,
                      .fresh = fresh,
                      .n_batch = 2};
    assert_close1("loss", kit_loss(&k, &b), vectors_num(file, "tied_step/loss"), 1e-5, 0);
    vectors_flat(file, "tied_step/grad_Wy", want, 24);
    for (size_t i = 0; i < 24; i++)
        assert_close1("grad Wy", (double)*kit_grad(&k, "Wy", i), want[i], 1e-4, 1e-7);
    vectors_flat(file, "tied_step/grad_By", want, 6);
    for (size_t i = 0; i < 6; i++)
        assert_close1("grad By", (double)*kit_grad(&k, "By", i), want[i], 1e-4, 1e-7);

    const struct param *p;
    const int32_t *rows;
    const struct tensor *carried;
    assert_int_equal(tape_carries(k.tape), 1);
    tape_carry_at(k.tape, 0, &p, &rows, &carried);
    assert_ptr_equal(p, params_find(k.ps, "gru1.lanes"));
    assert_true(rows[0] == 0 && rows[1] == 1);
    kit_copy(carried, got, 8);
    vectors_flat(file, "tied_step/h_new", want, 8);
    assert_close("state carried", got, want, 8, 1e-5, 1e-6);

    kit_copy(kit_scores(&k, &b), got, 14); /* (2, 7) */
    vectors_flat(file, "tied_step/scores", want, 8);
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < 4; c++)
            assert_close1("score", (double)got[i * 7 + col[c]], want[i * 4 + c], 1e-5, 1e-6);
    kit_free(&k);
}

/* ---- Batches ---- */

static void check_schedule(const char *path, const char *settings)
{
    const json_t *sessions = vectors_at(file, "session_parallel/sessions_in_training_order"),
                 *steps = vectors_at(file, path);
    enum { N = 5 };
    int32_t item[N][8], len[N];
    const int32_t *session[N];
    uint8_t ended[B] = {1, 1};
    struct kit k;
    struct batcher *bt;
    struct batch plan;
    struct err err;
    assert_int_equal(json_array_size(sessions), N);
    for (size_t s = 0; s < N; s++) {
        double x[8];
        len[s] = (int32_t)vectors_flat(json_array_get(sessions, s), "", x, 8);
        for (int i = 0; i < len[s]; i++)
            item[s][i] = (int32_t)x[i];
        session[s] = item[s];
    }
    kit_new_data(&k, "gru4rec", settings, 14, 1, N, session, len);
    if (batcher_new(&bt, &k.split, &k.spec, 1, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(batcher_per_epoch(bt), json_array_size(steps));
    /* two epochs: the second begins like the first */
    for (size_t i = 0; i < 2 * json_array_size(steps); i++) {
        const json_t *want = json_array_get(steps, i % json_array_size(steps));
        double in[B], target[B], of[B];
        size_t m = vectors_flat(want, "in", in, B), at = 0;
        vectors_flat(want, "target", target, B);
        vectors_flat(want, "session", of, B);
        if (i % json_array_size(steps) == 0)
            memset(ended, 1, sizeof ended);
        assert_int_equal(batcher_plan(bt, (int64_t)i, &plan, &err), ST_OK);
        for (int s = 0; s < BATCH_SHARDS; s++)
            for (int p = 0; p < plan.n_part[s]; p++) {
                struct block b;
                batch_fill(bt, &plan, s, p, k.mem, &b);
                for (int32_t r = 0; r < b.n; r++, at++) {
                    assert_true(at < m);
                    assert_int_equal(b.item[r], (int32_t)in[at]);
                    assert_int_equal(b.target[r], (int32_t)target[at]);
                    assert_int_equal(b.session[r], (int32_t)of[at]);
                    assert_int_equal(b.fresh[r], ended[b.lane[r]]);
                    ended[b.lane[r]] = (uint8_t)json_is_true(
                        json_array_get(vectors_at(want, "reset_after"), at));
                    /* 1/B, whoever is alive */
                    assert_close1("weight", (double)b.weight[r], 0.5, 1e-6, 0);
                }
            }
        assert_int_equal(at, m);
    }
    batcher_free(bt);
    kit_free(&k);
}

static void test_session_parallel(void **state)
{
    (void)state;
    check_schedule("session_parallel/steps_with_extra_samples",
                   "hidden=4 batch=2 bptt=1 negatives=extra neg=3");
    check_schedule("session_parallel/steps_without_extra_samples",
                   "hidden=4 batch=2 bptt=1 negatives=batch");
}

/* The share of even numbers that give each item is the reference's odds. */
static void test_sampling(void **state)
{
    (void)state;
    static const char *const alpha[] = {"0.0", "0.5", "0.75", "1.0"};
    enum { N = 5, GRID = 1 << 20 };
    double support[N], cdf[N];
    int64_t pop[N + 1] = {0};
    vectors_flat(file, "sampling/support", support, N);
    for (int i = 0; i < N; i++)
        pop[i + 1] = (int64_t)support[i];
    struct negatives *t;
    assert_int_equal(negatives_new(&t, pop, N, NULL), ST_OK);
    for (int a = 0; a < 4; a++) {
        char path[64];
        int n[N + 1] = {0};
        json_t *by = json_object_get(
            json_object_get(json_object_get(file, "sampling"), "by_alpha"), alpha[a]);
        assert_int_equal(vectors_flat(json_object_get(by, "cdf"), "", cdf, N), N);
        snprintf(path, sizeof path, "alpha %s", alpha[a]);
        negatives_alpha(t, strtof(alpha[a], NULL));
        for (uint32_t u = 0; u < GRID; u++)
            n[negatives_draw(t, u * 4096 + 2048)]++;
        for (int i = 0; i < N; i++)
            assert_close1(path, (double)n[i + 1] / GRID, cdf[i] - (i ? cdf[i - 1] : 0), 0,
                          2e-5);
    }
    negatives_free(t);
}

/* ---- Adagrad, ranks ---- */

static void test_adagrad(void **state)
{
    (void)state;
    const json_t *c = vectors_at(file, "adagrad_momentum_rows");
    enum { ROWS = 4, W = 2 };
    double pf[2], gf[2], rows[3], want[ROWS * W];
    real x[ROWS][W], acc[ROWS][W] = {{0}}, vel[ROWS][W] = {{0}}, g[ROWS][W] = {{0}};
    bool touched[ROWS] = {false};
    vectors_flat(c, "param_fill", pf, 2);
    vectors_flat(c, "grad_fill", gf, 2);
    vectors_flat(c, "rows", rows, 3);
    for (int i = 0; i < ROWS * W; i++)
        x[i / W][i % W] = (real)(pf[1] * sin(pf[0] + i));
    for (int i = 0; i < 3 * W; i++) {
        g[(int)rows[i / W]][i % W] += (real)(gf[1] * sin(gf[0] + i));
        touched[(int)rows[i / W]] = true;
    }
    const struct optim_def *o = optim_find("adagrad");
    struct optim_step s = {.lr = (float)vectors_num(c, "lr"),
                           .eps = (float)vectors_num(c, "eps"),
                           .clip = 1,
                           .momentum = (float)vectors_num(c, "momentum")};
    for (s.t = 1; s.t <= 2; s.t++) {
        for (int r = 0; r < ROWS; r++) {
            real *aux[] = {acc[r], vel[r]};
            o->span(x[r], touched[r] ? g[r] : NULL, aux, W, &s);
        }
        vectors_flat(c, s.t == 1 ? "param_after_step_1" : "param_after_step_2", want, ROWS * W);
        assert_close("adagrad", x[0], want, ROWS * W, 1e-5, 1e-6);
    }
}

/* Popularity gives the reference's scores times ten; the session's last item is the
 * question. */
static void test_ties(void **state)
{
    (void)state;
    double score[6];
    int64_t pop[7] = {0}, off[] = {0, 2};
    int32_t train[] = {0};
    static const struct {
        enum ties ties;
        const char *path;
    } modes[] = {{TIES_STANDARD, "rank/standard"},
                 {TIES_CONSERVATIVE, "rank/conservative"},
                 {TIES_MEDIAN, "rank/median"}};
    vectors_flat(file, "rank/scores", score, 6);
    for (int i = 0; i < 6; i++)
        pop[i + 1] = (int64_t)lround(score[i] * 10);
    int32_t target = (int32_t)vectors_num(file, "rank/target") + 1, item[] = {1, target};
    struct eval_case ask = {.session = 0, .n_prefix = 1, .target = target};
    struct dataset ds = {.name = "ties",
                         .n_items = 6,
                         .n_sessions = 1,
                         .n_events = 2,
                         .off = off,
                         .item = item,
                         .popularity = pop};
    struct split sp = {.kind = SPLIT_SESSIONS,
                       .ds = &ds,
                       .train_len = train,
                       .train_pop = pop,
                       .n_train_events = 32,
                       .n_test = 1,
                       .test = &ask};
    const struct model_def *m = model_find("pop");
    struct hparams *hp;
    struct learner *l;
    struct weights *w;
    struct err err;
    if (hparams_new(&hp, m->hparams, m->name, &err) || learner_new(&l, m, hp, &sp, 1, &err) ||
        weights_of(&w, l, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < 3; i++) {
        struct eval_spec s = {.on = PART_TEST,
                              .protocol = PROTO_EVENTS,
                              .ties = modes[i].ties,
                              .k = 3,
                              .flag = ask.flag};
        struct rank_obs obs;
        if (eval_ranks(w, &s, NULL, NULL, &obs, NULL, &err))
            fail_msg("%s", err.msg);
        assert_close1(modes[i].path, obs.rank, vectors_num(file, modes[i].path), 0, 0);
    }
    weights_unref(w);
    learner_free(l);
    hparams_free(hp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),           cmocka_unit_test(test_negative_weights),
        cmocka_unit_test(test_gru_step),         cmocka_unit_test(test_tied_step),
        cmocka_unit_test(test_session_parallel), cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_adagrad),          cmocka_unit_test(test_ties),
    };
    file = vectors_open("tests/golden/gru4rec.json");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
