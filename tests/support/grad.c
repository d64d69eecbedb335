/* Gradient checks; see grad.h. */
#include "tests/support/grad.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#ifdef SEQLAB_DOUBLE
static const double STEP = 1e-5, TOL = 1e-6;
#else
static const double STEP = 2e-3, TOL = 1e-3;
#endif
enum { COORDINATES = 10, DIRECTIONS = 3 };
enum mode { AS_PARAM, FIRST_WRITER, LATER_WRITER, MODES };
static const char *const mode_name[] = {"parameters", "first writer", "later writer"};

struct run {
    const struct grad_case *c;
    struct params *ps;
    const struct param *p[GRAD_MAX_ARG];
    struct tape *t;
    enum mode mode;
    double own; /* value of the case alone in the last run */
};

static double weight_of(size_t i,
                        uint32_t k) /* fixed weights that make a number of an output */
{
    return (double)rng_uniform((struct rng_key){17 + k, 4}, (uint32_t)i) * 2 - 1;
}

static struct tensor *weighted(struct tape *t, struct tensor *x, uint32_t k)
{
    struct tensor *w = tape_input(t, NULL, x->nd, x->d);
    if (tape_failed(t))
        return w;
    for (int32_t r = 0; r < tensor_rows(x); r++)
        for (int32_t j = 0; j < tensor_cols(x); j++)
            w->x[(size_t)r * (size_t)x->ld + (size_t)j] =
                (real)weight_of((size_t)r * (size_t)tensor_cols(x) + (size_t)j, k);
    return op_sum_all(t, op_mul(t, x, w));
}

static double value_of(const struct tensor *x, uint32_t k) /* the same number, in double */
{
    double sum = 0;
    for (int32_t r = 0; r < tensor_rows(x); r++)
        for (int32_t j = 0; j < tensor_cols(x); j++)
            sum += (double)x->x[(size_t)r * (size_t)x->ld + (size_t)j] *
                   weight_of((size_t)r * (size_t)tensor_cols(x) + (size_t)j, k);
    return sum;
}

/* Forward, and backward when g is given. */
static double run(struct run *r, const real *x, real *g)
{
    struct tape_env env = {.x = x, .g = g, .seed = 11, .step = 3, .row0 = 7, .training = true};
    tape_begin(r->t, &env);
    struct tensor *in[GRAD_MAX_ARG];
    for (int i = 0; i < r->c->n_arg; i++) {
        in[i] = tape_param(r->t, r->p[i]);
        if (r->mode != AS_PARAM)
            in[i] = op_scale(r->t, in[i], 1);
    }
    tape_push(r->t, "%s", r->c->name);
    struct tensor *y = r->c->build(r->t, in, r->p, r->c->ctx);
    tape_pop(r->t);
    if (y)
        tape_term(r->t, "y", weighted(r->t, y, 0), 1);
    double value = r->own = y ? value_of(y, 0) : tape_loss(r->t);
    for (int i = 0; i < r->c->n_arg && r->mode == LATER_WRITER; i++) {
        tape_term(r->t, "x", weighted(r->t, in[i], (uint32_t)i + 1), 1);
        value += value_of(in[i], (uint32_t)i + 1);
    }
    struct err err = {0};
    if ((g ? tape_backward(r->t, &err) : tape_check(r->t, &err)) != ST_OK) {
        print_error("%s: %s\n", r->c->name, err.msg);
        fail();
    }
    return value;
}

static double difference(struct run *r, real *x, const real *at, const real *dir, size_t n,
                         double step)
{
    for (size_t i = 0; i < n; i++)
        x[i] = at[i] + (real)step * dir[i];
    double up = run(r, x, NULL);
    for (size_t i = 0; i < n; i++)
        x[i] = at[i] - (real)step * dir[i];
    double down = run(r, x, NULL);
    return (up - down) / (2 * step);
}

/* A kink (ReLU, maximum) inside the step spoils the difference, rounding a short one:
 * another step counts too. */
static void compare(struct run *r, const char *where, double got, real *x, const real *at,
                    const real *dir, double size)
{
    double tol = TOL * (r->c->tol > 0 ? (double)r->c->tol : 1), want = 0;
    static const double factor[] = {1, 4, 0.25, 0.0625};
    for (int k = 0; k < 4; k++) {
        want = difference(r, x, at, dir, params_size(r->ps), factor[k] * STEP);
        if (fabs(got - want) <= tol * fmax(fabs(want), size))
            return;
    }
    print_error("%s (inputs as %s), %s: backward %.9g, differences %.9g\n", r->c->name,
                mode_name[r->mode], where, got, want);
    fail();
}

static void check_mode(struct run *r, const real *at, real *x, real *g, real *dir)
{
    size_t n = params_size(r->ps);
    memset(g, 0, n * sizeof *g);
    run(r, at, NULL);
    double quiet = r->own;
    run(r, at, g);
    assert_true(quiet == r->own); /* forward only: the same bits */
    double size = 0;
    size_t count = 0;
    for (int i = 0; i < r->c->n_arg; i++) {
        const struct param *p = r->p[i];
        for (size_t row = 0; row < param_rows(p); row++)
            for (int32_t j = 0; j < p->ld; j++) {
                double v = (double)g[p->at + row * (size_t)p->ld + (size_t)j];
                if (j >= param_cols(p) && v != 0) {
                    print_error("%s (inputs as %s): filler of the gradient of %s is %g\n",
                                r->c->name, mode_name[r->mode], p->name, v);
                    fail();
                }
                if (j < param_cols(p)) {
                    size += v * v;
                    count++;
                }
            }
    }
    size = sqrt(size / (double)count);

    char where[96];
    struct rng_key key = {5, 6};
    uint32_t e = 0;
    for (int i = 0; i < r->c->n_arg; i++) {
        const struct param *p = r->p[i];
        if (p->flags & PARAM_FROZEN)
            continue;
        for (int k = 0; k < COORDINATES; k++) {
            uint32_t row = rng_below(key, e++, (uint32_t)param_rows(p)),
                     col = rng_below(key, e++, (uint32_t)param_cols(p));
            size_t pos = p->at + row * (size_t)p->ld + col;
            if (p->flags & PARAM_ZERO_ROW0 && row == 0) {
                /* there another op reads the row too */
                assert_true(g[pos] == 0 || r->mode == LATER_WRITER);
                continue;
            }
            memset(dir, 0, n * sizeof *dir);
            dir[pos] = 1;
            snprintf(where, sizeof where, "%s[%u,%u]", p->name, (unsigned)row, (unsigned)col);
            compare(r, where, (double)g[pos], x, at, dir, size);
        }
    }
    for (int k = 0; k < DIRECTIONS; k++) {
        memset(dir, 0, n * sizeof *dir);
        double along = 0;
        for (int i = 0; i < r->c->n_arg; i++) {
            const struct param *p = r->p[i];
            if (p->flags & PARAM_FROZEN)
                continue;
            for (size_t row = p->flags & PARAM_ZERO_ROW0 ? 1 : 0; row < param_rows(p); row++)
                for (int32_t j = 0; j < param_cols(p); j++) {
                    size_t pos = p->at + row * (size_t)p->ld + (size_t)j;
                    dir[pos] = (real)rng_normal(key, 1000 + e++);
                    along += (double)dir[pos] * (double)g[pos];
                }
        }
        snprintf(where, sizeof where, "direction %d", k);
        compare(r, where, along, x, at, dir, size * sqrt((double)count));
    }
    memcpy(x, g, n * sizeof *x);
    run(r, at, g); /* adds to what is there */
    for (size_t i = 0; i < n; i++)
        if (fabs((double)g[i] - 2 * (double)x[i]) > 1e-5 * (fabs((double)x[i]) + size)) {
            print_error("%s (inputs as %s): backward did not add, at %zu: %g then %g\n",
                        r->c->name, mode_name[r->mode], i, (double)x[i], (double)g[i]);
            fail();
        }
}

void grad_check(const struct grad_case *c)
{
    struct run r = {.c = c};
    struct err err = {0};
    real *at;
    assert_int_equal(params_new(&r.ps, &err), ST_OK);
    for (int i = 0; i < c->n_arg; i++)
        r.p[i] = params_add(r.ps, c->arg[i].name, c->arg[i].nd, c->arg[i].d, INIT_NORMAL,
                            c->arg[i].scale > 0 ? c->arg[i].scale : 0.7f, c->arg[i].flags);
    assert_int_equal(params_build(r.ps, 42, &at, &err), ST_OK);
    assert_int_equal(tape_new(&r.t, 1 << 20, &err), ST_OK);
    real *x = params_block_new(r.ps), *g = params_block_new(r.ps),
         *dir = params_block_new(r.ps);
    for (r.mode = AS_PARAM; r.mode < MODES; r.mode++)
        check_mode(&r, at, x, g, dir);
    params_block_free(r.ps, at);
    params_block_free(r.ps, x);
    params_block_free(r.ps, g);
    params_block_free(r.ps, dir);
    tape_free(r.t);
    params_free(r.ps);
}
