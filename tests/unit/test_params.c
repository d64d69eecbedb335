/* Parameters: layout of blocks, initial values by name alone, refusals, fingerprints. */
#include "engine/tensor/params.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/sha256.h"
#include "tests/support/approx.h"

static struct params *fresh(void)
{
    struct params *ps;
    assert_int_equal(params_new(&ps, NULL), ST_OK);
    return ps;
}

static struct param *add(struct params *ps, const char *name, int32_t rows, int32_t cols,
                         enum init_kind init, float scale, uint32_t flags)
{
    return params_add(ps, name, 2, (int32_t[]){rows, cols}, init, scale, flags);
}

static real *built(struct params *ps, uint64_t seed)
{
    real *x;
    struct err err = {0};
    assert_int_equal(params_build(ps, seed, &x, &err), ST_OK);
    return x;
}

static void test_layout(void **state)
{
    (void)state;
    struct params *ps = fresh();
    char name[] = "E";
    const struct param *e = add(ps, name, 5, 20, INIT_ONE, 0, PARAM_ROWS | PARAM_ZERO_ROW0);
    name[0] = 'x'; /* the name was copied */
    const struct param *w =
        params_add(ps, "conv.W", 3, (int32_t[]){3, 4, 7}, INIT_CONST, 2.5f, 0);
    const struct param *b =
        params_add(ps, "b", 1, (int32_t[]){16}, INIT_ONE, 0, PARAM_NO_DECAY);
    const struct param *s = add(ps, "h", 2, 3, INIT_ONE, 0, PARAM_STATE);
    const struct param *f = add(ps, "fixed", 2, 3, INIT_ONE, 0, PARAM_FROZEN);
    assert_string_equal(e->name, "E");
    assert_int_equal(e->ld, 32);
    assert_int_equal(param_rows(w), 12);
    assert_int_equal(param_cols(w), 7);
    assert_int_equal(w->ld, 16);
    assert_int_equal(b->ld, 16);
    assert_int_equal(params_n(ps), 5);
    for (int i = 0; i < 5; i++) {
        const struct param *p = params_at(ps, i);
        assert_int_equal(p->index, i);
        assert_int_equal(p->at % TENSOR_ROW, 0);
        assert_ptr_equal(params_find(ps, p->name), p);
    }
    assert_null(params_find(ps, "e"));
    assert_int_equal(params_size(ps), 5 * 32 + 12 * 16 + 16 + 2 * 16 + 2 * 16);
    assert_int_equal(params_count(ps), 4 * 20 + 3 * 4 * 7 + 16);

    real *x = built(ps, 1);
    assert_int_equal((uintptr_t)x % 64, 0);
    for (int r = 0; r < 5; r++)
        for (int c = 0; c < 32; c++)
            assert_true(x[e->at + (size_t)(r * 32 + c)] == (r > 0 && c < 20 ? 1 : 0));
    assert_true(x[w->at] == (real)2.5 && x[w->at + 6] == (real)2.5 && x[w->at + 7] == 0);
    assert_true(x[s->at] == 1 && x[f->at] == 1);
    params_block_free(ps, x);
    params_block_free(ps, NULL);
    params_free(ps);
    params_free(NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        int nd;
        int32_t d[4];
        const char *word;
    } bad[] = {{0, {1}, "dimensions"},
               {5, {1}, "dimensions"},
               {2, {3, 0}, "at least 1"},
               {2, {-4, 3}, "at least 1"},
               {3, {1 << 30, 1 << 30, 64}, "too large"},
               {2, {1 << 30, 1 << 30}, "too large"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct params *ps = fresh();
        struct err err = {0};
        real *x = NULL;
        add(ps, "good", 2, 2, INIT_ONE, 0, 0);
        struct param *p = params_add(ps, "odd", bad[i].nd, bad[i].d, INIT_ONE, 0, 0);
        assert_non_null(p); /* harmless: may be written */
        p->fan_in = 3;
        assert_int_equal(params_build(ps, 1, &x, &err), ST_SHAPE);
        assert_null(x);
        assert_non_null(strstr(err.msg, "odd"));
        assert_non_null(strstr(err.msg, bad[i].word));
        params_free(ps);
    }
    struct params *ps = fresh();
    struct err err = {0};
    real *x;
    add(ps, "W", 2, 2, INIT_ONE, 0, 0);
    add(ps, "W", 3, 3, INIT_ONE, 0, 0);
    assert_int_equal(params_build(ps, 1, &x, &err), ST_ARG);
    assert_string_equal(err.msg, "parameter W: declared twice");
    params_free(ps);
}

struct moments {
    double mean, sd, top;
};
static struct moments moments_of(const real *x, const struct param *p)
{
    struct moments m = {0};
    double n = (double)param_rows(p) * param_cols(p);
    for (int pass = 0; pass < 2; pass++)
        for (size_t r = 0; r < param_rows(p); r++)
            for (int32_t c = 0; c < param_cols(p); c++) {
                double v = (double)x[p->at + r * (size_t)p->ld + (size_t)c];
                if (pass == 0)
                    m.mean += v / n;
                else
                    m.sd += (v - m.mean) * (v - m.mean) / n;
                m.top = fmax(m.top, fabs(v));
            }
    m.sd = sqrt(m.sd);
    return m;
}

static void test_init(void **state)
{
    (void)state;
    struct params *ps = fresh();
    const struct param *u = add(ps, "u", 200, 50, INIT_UNIFORM, 0.3f, 0),
                       *n = add(ps, "n", 200, 50, INIT_NORMAL, 0.02f, 0);
    const struct param *tn = add(ps, "tn", 200, 50, INIT_TRUNC_NORMAL, 0.02f, 0),
                       *xa = add(ps, "xa", 200, 50, INIT_XAVIER, 1, 0);
    const struct param *xn = add(ps, "xn", 200, 50, INIT_XAVIER_NORMAL, 1, 0),
                       *z = add(ps, "z", 3, 3, INIT_ZERO, 1, 0);
    struct param *fans = add(ps, "fans", 200, 50, INIT_XAVIER, 2, 0);
    fans->fan_in = fans->fan_out = 12;
    real *x = built(ps, 9);
    struct moments m = moments_of(x, u);
    assert_close1("uniform mean", m.mean, 0, 0, 0.01);
    assert_close1("uniform sd", m.sd, 0.3 / sqrt(3), 0.02, 0);
    assert_true(m.top <= 0.3 && m.top > 0.29);
    m = moments_of(x, n);
    assert_close1("normal sd", m.sd, 0.02, 0.03, 0);
    assert_true(m.top > 0.06);
    m = moments_of(x, tn);
    assert_true(m.top <= 0.04 * (1 + 1e-6) && m.top > 0.038);
    assert_close1("cut normal sd", m.sd, 0.02 * 0.87962566, 0.03, 0);
    m = moments_of(x, xa);
    double a = sqrt(6.0 / 250);
    assert_true(m.top <= a * (1 + 1e-6) && m.top > 0.97 * a);
    assert_close1("mean", m.mean, 0, 0, 0.01);
    m = moments_of(x, xn);
    assert_close1("xavier normal sd", m.sd, sqrt(2.0 / 250), 0.03, 0);
    m = moments_of(x, fans);
    assert_true(m.top <= 2 * sqrt(6.0 / 24) * (1 + 1e-6) && m.top > 1.9 * sqrt(6.0 / 24));
    assert_true(moments_of(x, z).top == 0);
    params_block_free(ps, x);
    params_free(ps);
}

static void test_orthogonal(void **state)
{
    (void)state;
    static const int32_t shape[][2] = {{8, 8}, {6, 20}, {20, 6}};
    for (int k = 0; k < 3; k++) {
        struct params *ps = fresh();
        int32_t rows = shape[k][0], cols = shape[k][1];
        const struct param *p = add(ps, "q", rows, cols, INIT_ORTHOGONAL, 1, 0);
        real *x = built(ps, 3);
        int32_t few = rows < cols ? rows : cols;
        for (int32_t i = 0; i < few; i++)
            for (int32_t j = 0; j <= i; j++) {
                double dot = 0;
                for (int32_t l = 0; l < (rows < cols ? cols : rows); l++)
                    dot += rows < cols ? (double)x[i * p->ld + l] * (double)x[j * p->ld + l]
                                       : (double)x[l * p->ld + i] * (double)x[l * p->ld + j];
                assert_close1("dot", dot, i == j, 0, 1e-6);
            }
        params_block_free(ps, x);
        params_free(ps);
    }
}

/* A parameter's start depends on seed, name and place alone, not on what was declared before
 * it. */
static void test_start_by_name(void **state)
{
    (void)state;
    struct params *a = fresh(), *b = fresh();
    const struct param *wa = add(a, "W", 7, 9, INIT_NORMAL, 1, 0);
    add(b, "other", 4, 4, INIT_NORMAL, 1, 0);
    const struct param *wb = add(b, "W", 7, 9, INIT_NORMAL, 1, 0);
    real *xa = built(a, 5), *xb = built(b, 5), *xc = built(a, 6);
    assert_bits("by name", xa + wa->at, xb + wb->at, 7 * 16);
    assert_memory_not_equal(xa, xc, 7 * 16 * sizeof *xa);
    assert_memory_not_equal(xb, xb + wb->at, 4 * sizeof *xb);
    params_block_free(a, xa);
    params_block_free(a, xc);
    params_block_free(b, xb);
    params_free(a);
    params_free(b);
}

static void test_fingerprint(void **state)
{
    (void)state;
    struct params *ps = fresh();
    const struct param *w = add(ps, "W", 3, 5, INIT_NORMAL, 1, 0);
    add(ps, "V", 2, 16, INIT_NORMAL, 1, 0);
    real *x = built(ps, 1), *y = params_block_new(ps);
    char one[65], two[65];
    params_sha256(ps, x, one);
    memcpy(y, x, params_size(ps) * sizeof *x);
    y[w->at + 5] = 99; /* filler does not count */
    params_sha256(ps, y, two);
    assert_string_equal(one, two);
    y[w->at + 4] += (real)1e-6;
    params_sha256(ps, y, two);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), 64);
    params_block_free(ps, x);
    params_block_free(ps, y);
    params_free(ps);
}

static void test_big_block(void **state)
{
    (void)state;
    struct params *ps = fresh();
    const struct param *w = add(ps, "W", 40000, 20, INIT_ZERO, 1, 0); /* over two MiB */
    real *x = params_block_new(ps);
    for (size_t i = 0; i < params_size(ps); i += 1000)
        assert_true(x[i] == 0);
    x[w->at + params_size(ps) - 1] = 1;
    params_block_free(ps, x);
    params_free(ps);
}

/* FIPS 180-4 and NIST's example vectors. */
static void test_sha256(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t times;
        const char *hex;
    } known[] = {
        {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"aaaaaaaaaa", 100000,
         "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sha256 s;
        uint8_t digest[32];
        char hex[65];
        sha256_init(&s);
        for (size_t k = 0; k < known[i].times; k++)
            sha256_add(&s, known[i].text, strlen(known[i].text));
        sha256_done(&s, digest);
        sha256_hex(digest, hex);
        assert_string_equal(hex, known[i].hex);
    }
    uint8_t data[200], a[32], b[32]; /* however it is cut, every length near a block's end */
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof data; n++) {
        struct sha256 s, t;
        sha256_init(&s);
        sha256_add(&s, data, n);
        sha256_done(&s, a);
        sha256_init(&t);
        sha256_add(&t, data, n / 3);
        sha256_add(&t, data + n / 3, n - n / 3);
        sha256_done(&t, b);
        assert_memory_equal(a, b, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_init),          cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_start_by_name), cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_big_block),     cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
