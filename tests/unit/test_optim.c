/* Optimisers: reference numbers of the models' specifications, plain double versions of the
 * formulas, rows that catch up. */
#include "engine/tensor/optim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "tests/support/approx.h"

static const struct optim_step BASE = {
    .t = 1, .lr = 1e-3f, .clip = 1, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f};

static void test_table(void **state)
{
    (void)state;
    static const char *const names[] = {"adam", "adamw",    "bertadam", "adagrad",
                                        "sgd",  "lazyadam", "rmsprop",  "adadelta"};
    enum { N = sizeof names / sizeof *names };
    for (int i = 0; i < N; i++) {
        assert_string_equal(optim_defs[i]->name, names[i]);
        assert_ptr_equal(optim_find(names[i]), optim_defs[i]);
        assert_non_null(optim_defs[i]->doc);
        for (int k = 0; k < optim_defs[i]->n_aux; k++)
            assert_non_null(optim_defs[i]->aux_name[k]);
    }
    assert_null(optim_defs[N]);
    assert_null(optim_find("nadam"));
}

/* A weight that never gets a data gradient still moves by about half a learning rate a step
 * under coupled decay. */
static void test_adam_idle_weight(void **state)
{
    (void)state;
    static const int at[] = {1, 2, 5, 10, 20, 40};
    static const double want[] = {0.0095,     0.00900707, 0.00757678,
                                  0.00539027, 0.00198102, -0.000661556};
    real x[16] = {(real)0.01}, g[16] = {0}, m[16] = {0}, v[16] = {0}, *aux[] = {m, v};
    const struct optim_def *adam = optim_find("adam");
    struct optim_step s = BASE;
    s.decay = 1e-6f;
    for (int t = 1, k = 0; t <= 40; t++) {
        s.t = t;
        /* a zero gradient and none are the same */
        adam->span(x, t % 2 ? g : NULL, aux, 16, &s);
        if (t == at[k])
            assert_close1("idle weight", (double)x[0], want[k++], 1e-4, 1e-7);
    }
    for (int i = 1; i < 16; i++)
        assert_true(x[i] == 0 && m[i] == 0 && v[i] == 0);
}

static void test_bertadam(void **state)
{
    (void)state;
    static const double grad[] = {0.3, -0.1, 0.2}, want[] = {0.468331, 0.451278, 0.421381};
    real x[16] = {(real)0.5}, m[16] = {0}, v[16] = {0}, *aux[] = {m, v};
    struct optim_step s = BASE;
    s.lr = 0.01f;
    s.decay = 0.01f;
    s.eps = 1e-6f;
    for (int t = 1; t <= 3; t++) {
        real g[16] = {(real)grad[t - 1]};
        s.t = t;
        optim_find("bertadam")->span(x, g, aux, 16, &s);
        assert_close1("bertadam", (double)x[0], want[t - 1], 2e-6, 0);
    }
    real gain[16] = {1, 1}, none[16] = {0}, *zero[] = {m, v};
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    s.decay = 0; /* norms and biases are not decayed: without gradient they stay to the bit */
    optim_find("bertadam")->span(gain, none, zero, 16, &s);
    assert_true(gain[0] == 1 && gain[1] == 1);
}

static void test_adamw(void **state)
{
    (void)state;
    struct optim_step s = BASE;
    s.lr = 0.01f;
    s.decay = 0.1f;
    s.clip = 0.5f;
    real x[5], m[5] = {0}, v[5] = {0}, *aux[] = {m, v};
    double xd[5], md[5] = {0}, vd[5] = {0};
    for (int i = 0; i < 5; i++)
        x[i] = (real)(xd[i] = 0.3 * i - 0.5);
    for (int t = 1; t <= 5; t++) {
        real g[5];
        s.t = t;
        for (int i = 0; i < 5; i++) {
            double gd = sin(3.0 * i + t);
            g[i] = (real)gd;
            gd *= 0.5;
            md[i] = 0.9 * md[i] + 0.1 * gd;
            vd[i] = 0.999 * vd[i] + 0.001 * gd * gd;
            xd[i] -= 0.01 * 0.1 * xd[i];
            xd[i] -=
                0.01 * (md[i] / (1 - pow(0.9, t))) / (sqrt(vd[i] / (1 - pow(0.999, t))) + 1e-8);
        }
        optim_find("adamw")->span(x, g, aux, 5, &s);
    }
    assert_close("adamw", x, xd, 5, 1e-4, 1e-6);
}

/* GRU4Rec's rows: gradients of a row used twice are summed first, untouched rows keep value,
 * accumulator and velocity. */
static void test_adagrad_rows(void **state)
{
    (void)state;
    enum { ROWS = 4, D = 2 };
    static const double after[2][ROWS * D] = {
        {-0.187679, 0.0161735, 0.197096, 0.296807, 0.0236377, -0.263204, -0.299997, -0.160972},
        {-0.0769692, 0.126883, 0.197096, 0.296807, -0.0870714, -0.373912, -0.299997,
         -0.160972}};
    static const int row[] = {2, 0, 2};
    real x[ROWS * D], acc[ROWS * D] = {0}, vel[ROWS * D] = {0}, g[ROWS * D] = {0};
    for (int i = 0; i < ROWS * D; i++)
        x[i] = (real)(0.3 * sin(5 + i));
    for (int k = 0; k < 3 * D; k++)
        g[row[k / D] * D + k % D] += (real)(0.2 * sin(40 + k));
    struct optim_step s = {.lr = 0.1f, .momentum = 0.4f, .eps = 1e-6f, .clip = 1};
    for (int t = 1; t <= 2; t++) {
        s.t = t;
        for (int r = 0; r < ROWS; r++) {
            real *aux[] = {acc + r * D, vel + r * D};
            optim_find("adagrad")->span(x + r * D, r == 0 || r == 2 ? g + r * D : NULL, aux, D,
                                        &s);
        }
        assert_close("adagrad", x, after[t - 1], ROWS * D, 1e-4, 2e-6);
    }
    assert_true(optim_idle(optim_find("adagrad"), &s));
}

/* The authors' formulas in plain double, a vector and its tail long.  Number 2 has no gradient
 * in step 3: it stays where it was, to the bit. */
static void check_gru4rec(const char *name, int kind)
{
    enum { N = 21, REST = 2 };
    const struct optim_def *o = optim_find(name);
    struct optim_step s = {
        .lr = 0.05f, .eps = 1e-6f, .rho = 0.9f, .momentum = 0.4f, .clip = 0.5f, .decay = 0.01f};
    real x[N], a[3][N] = {{0}}, *aux[] = {a[0], a[1], a[2]};
    double xd[N], acc[N] = {0}, vel[N] = {0}, upd[N] = {0};
    for (int i = 0; i < N; i++)
        x[i] = (real)(xd[i] = 0.1 * i - 0.7);
    for (s.t = 1; s.t <= 6; s.t++) {
        real g[N], before[] = {x[REST], a[0][REST], a[1][REST], a[2][REST]};
        for (int i = 0; i < N; i++) {
            double d = s.t == 3 && i == REST ? 0 : sin(3.0 * i + (double)s.t);
            g[i] = (real)d;
            if (d == 0)
                continue;
            d *= 0.5;
            acc[i] = kind == 0 ? acc[i] + d * d : 0.9 * acc[i] + 0.1 * d * d;
            double scale = (kind == 2 ? upd[i] + 1e-6 : 1) / (acc[i] + 1e-6);
            upd[i] = 0.9 * upd[i] + 0.1 * scale * d * d;
            vel[i] = 0.4 * vel[i] - 0.05 * (d * sqrt(scale) + 0.01 * xd[i]);
            xd[i] += vel[i];
        }
        o->span(x, g, aux, N, &s);
        const real after[] = {x[REST], a[0][REST], a[1][REST], a[2][REST]};
        if (s.t == 3)
            assert_bits("at rest", after, before, 4);
    }
    assert_close(name, x, xd, N, 1e-4, 1e-6);
    assert_close("acc", a[0], acc, N, 1e-4, 1e-7);
    assert_close("vel", a[1], vel, N, 1e-4, 1e-6);
    if (kind == 2)
        assert_close("upd", a[2], upd, N, 1e-4, 1e-9);
    assert_true(o->rests && optim_idle(o, &s) && o->n_aux == (kind == 2 ? 3 : 2));
}

static void test_gru4rec(void **state)
{
    (void)state;
    check_gru4rec("adagrad", 0);
    check_gru4rec("rmsprop", 1);
    check_gru4rec("adadelta", 2);
}

static void test_sgd(void **state)
{
    (void)state;
    struct optim_step s = {.t = 1, .lr = 0.5f, .momentum = 0.5f, .decay = 0.25f, .clip = 2};
    real x[1] = {4}, g[1] = {1}, vel[1] = {2}, *aux[] = {vel};
    optim_find("sgd")->span(x, g, aux, 1, &s);
    assert_close1("velocity", (double)vel[0], 0.5 * 2 + 2 * 1 + 0.25 * 4, 1e-6, 0);
    assert_close1("x", (double)x[0], 4 - 0.5 * 4, 1e-6, 0);
    assert_false(optim_idle(optim_find("sgd"), &s));
    s.momentum = s.decay = 0;
    assert_true(optim_idle(optim_find("sgd"), &s));
    assert_false(optim_idle(optim_find("adam"), &s));
}

/* ---- rows that catch up ---- */

static struct optim_step warm(const struct optim_step *base,
                              int64_t t) /* the rate changes from step to step */
{
    struct optim_step s = *base;
    s.t = t;
    s.lr *= t < 10 ? (float)t / 10 : 1;
    optim_prepare(&s);
    return s;
}

static void lazy_is_dense(const char *name, float decay)
{
    enum { D = 32, LAST = 60, RING = 17 };
    const struct optim_def *o = optim_find(name);
    struct optim_step base = BASE, past[RING];
    base.decay = decay;
    base.momentum = 0.5f;
    base.rho = 0.9f;
    real x[3][D], m[3][D] = {{0}}, v[3][D] = {{0}}, u[3][D] = {{0}};
    for (int i = 0; i < D; i++)
        x[0][i] = x[1][i] = x[2][i] = (real)(0.1 * i - 1);
    int64_t done[3] = {0};
    for (int64_t t = 1; t <= LAST; t++) {
        bool hit = t % 17 == 3;
        real g[D];
        for (int i = 0; i < D; i++)
            g[i] = (real)sin(i + (double)t);
        past[t % RING] = warm(&base, t);
        for (int k = 0; k < 3;
             k++) { /* 0: every step; 1: when there is a gradient; 2: looked at now and then */
            real *aux[] = {m[k], v[k], u[k]};
            struct optim_step now = past[t % RING];
            if (k == 0) /* prepared or not: the same bits */
                now.fix1 = now.fix2 = 0;
            if (k == 0) {
                o->span(x[k], hit ? g : NULL, aux, D, &now);
            } else if (hit) {
                optim_catch_up(o, x[k], aux, D, past, RING, done[k], t - 1);
                o->span(x[k], g, aux, D, &now);
                done[k] = t;
            } else if (k == 2 && t % 5 == 0) {
                optim_catch_up(o, x[k], aux, D, past, RING, done[k], t);
                done[k] = t;
            }
        }
    }
    for (int k = 1; k < 3; k++) {
        real *aux[] = {m[k], v[k], u[k]};
        optim_catch_up(o, x[k], aux, D, past, RING, done[k], LAST);
        assert_bits(name, x[k], x[0], D);
        assert_bits("m", m[k], m[0], D);
        assert_bits("v", v[k], v[0], D);
        assert_bits("u", u[k], u[0], D);
    }
}

static void test_lazy(void **state)
{
    (void)state;
    for (int i = 0; optim_defs[i]; i++) {
        lazy_is_dense(optim_defs[i]->name, 0);
        lazy_is_dense(optim_defs[i]->name, 0.01f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),        cmocka_unit_test(test_adam_idle_weight),
        cmocka_unit_test(test_bertadam),     cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_adagrad_rows), cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_gru4rec),      cmocka_unit_test(test_lazy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
