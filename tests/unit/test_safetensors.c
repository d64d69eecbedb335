/* Durable files and the safetensors form: what is written is read back, damage of every kind
 * is refused with one sentence, nothing on disk is lost. */
#include "engine/base/durable.h"
#include "engine/tensor/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[96];
static real w[3 * 16], b[16];
static int64_t steps[3] = {1, 1LL << 40, -3};
static struct st_array arrays[3];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/seqlab-st-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/m.safetensors", dir);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 5; k++)
            w[i * 16 + k] = (real)(i + 0.25 * k);
    for (int k = 0; k < 7; k++)
        b[k] = (real)-k;
    arrays[0] = (struct st_array){"item.E", ST_F32, 2, {3, 5}, 16, w};
    arrays[1] = (struct st_array){"bias", ST_F32, 1, {7}, 16, b};
    arrays[2] = (struct st_array){"row_step", ST_I64, 1, {3}, 3, steps};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir); /* fails when a temporary file was left behind */
}

static void write_it(void)
{
    const struct st_meta meta[] = {{"model", "sasrec"},
                                   {"note", "quote \" and checksum\":\" inside"}};
    struct err err;
    assert_int_equal(st_write(path, arrays, 3, meta, 2, &err), ST_OK);
}

/* Reads the file in full into copies. */
static enum status read_it(struct err *err)
{
    real w2[3 * 16] = {0}, b2[16] = {0};
    int64_t s2[3];
    struct st_array a[3] = {arrays[0], arrays[1], arrays[2]};
    a[0].data = w2;
    a[1].data = b2;
    a[2].data = s2;
    struct st_file *f;
    enum status st = st_open(&f, path, err);
    if (st != ST_OK)
        return st;
    st = st_match(f, a, 3, err);
    if (st == ST_OK)
        st = st_read(f, a, 3, err);
    if (st == ST_OK) {
        assert_memory_equal(w2, w, sizeof w);
        assert_memory_equal(b2, b, sizeof b);
        assert_memory_equal(s2, steps, sizeof steps);
        assert_string_equal(st_get(f, "model"), "sasrec");
        assert_null(st_get(f, "none"));
    }
    st_close(f);
    return st;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct err err;
    write_it();
    assert_int_equal(read_it(&err), ST_OK);
}

static char *slurp(size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *s = malloc(1 << 16);
    *n = fread(s, 1, 1 << 16, f);
    fclose(f);
    return s;
}

static void spill(const char *s, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(s, 1, n, f), n);
    fclose(f);
}

static void test_every_flipped_byte_is_seen(void **state)
{
    (void)state;
    write_it();
    size_t n;
    char *s = slurp(&n);
    for (size_t i = 0; i < n; i++) {
        s[i] ^= 0x11;
        spill(s, n);
        struct err err = {0};
        assert_int_not_equal(read_it(&err), ST_OK);
        assert_non_null(strstr(err.msg, "m.safetensors"));
        assert_null(strchr(err.msg, '\n'));
        s[i] ^= 0x11;
    }
    free(s);
}

static void test_every_cut_is_seen(void **state)
{
    (void)state;
    write_it();
    size_t n;
    char *s = slurp(&n);
    struct err err;
    for (size_t k = 0; k < n; k++) {
        spill(s, k);
        assert_int_not_equal(read_it(&err), ST_OK);
    }
    s[n] = 0;
    spill(s, n + 1); /* and a byte too many */
    assert_int_not_equal(read_it(&err), ST_OK);
    free(s);
}

static void header_only(const char *json, size_t data)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    uint64_t len = strlen(json);
    for (int i = 0; i < 8; i++)
        fputc((int)(len >> (8 * i) & 255), f);
    fputs(json, f);
    for (size_t i = 0; i < data; i++)
        fputc(0, f);
    fclose(f);
}

static void test_hostile_headers(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"item.E\":1}",
        "{\"item.E\":{}}",
        "nonsense",
        "{\"a\":1,\"a\":2}",
        "[[[[[[[[[[1]]]]]]]]]]",
        "{\"__metadata__\":3}",
        "{\"__metadata__\":{\"k\":5}}",
        "{\"item.E\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[0,"
        "18446744073709551615]}}",
        "{\"item.E\":{\"dtype\":\"F32\",\"shape\":[4294967295,4294967297],\"data_offsets\":[0,"
        "60]}}",
        "{\"item.E\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[-4,56]}}",
        "{\"item.E\":{\"dtype\":\"F32\",\"shape\":[3,5,1,1,1],\"data_offsets\":[0,60]}}",
        "{\"item.E\":{\"dtype\":\"F64\",\"shape\":[3,5],\"data_offsets\":[0,60]}}",
        "{\"item.E\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[0,60],\"more\":0}}",
        "{\"item.E\":{\"dtype\":\"F32\",\"shape\":[3,5],\"data_offsets\":[0,60]},\"bias\":{"
        "\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[0,28]},"
        "\"row_step\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[88,112]}}",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        header_only(bad[i], 112);
        struct err err = {0};
        assert_int_not_equal(read_it(&err), ST_OK);
        assert_non_null(strstr(err.msg, "m.safetensors"));
    }
}

static void test_not_a_number_is_refused(void **state)
{
    (void)state;
    real old = w[17];
    w[17] = (real)NAN;
    write_it();
    w[17] = old;
    struct err err;
    assert_int_equal(read_it(&err), ST_NUMERIC);
    assert_non_null(strstr(err.msg, "item.E"));
}

static void test_odd_files(void **state)
{
    (void)state;
    struct err err;
    struct st_file *f;
    assert_int_equal(st_open(&f, dir, &err), ST_IO);
    assert_int_equal(st_open(&f, "/dev/zero", &err), ST_IO);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(st_open(&f, path, &err), ST_IO);
    /* a fifo is not replaced */
    assert_int_not_equal(st_write(path, arrays, 3, NULL, 0, &err), ST_OK);
    unlink(path);
    assert_int_equal(st_open(&f, path, &err), ST_IO);
}

static void test_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    struct err err;
    write_it();
    struct durable *d;
    assert_int_equal(durable_open(&d, path, &err), ST_OK);
    fputs("half of something", durable_file(d));
    durable_abort(d);
    assert_int_equal(read_it(&err), ST_OK);
    assert_int_equal(durable_open(&d, path, &err), ST_OK);
    fflush(durable_file(d));
    /* A killed writer's temporary file is swept. */
    char left[160];
    snprintf(left, sizeof left, "%s/.m.safetensors.part.abcdef", dir);
    FILE *l = fopen(left, "wb");
    assert_non_null(l);
    fclose(l);
    durable_abort(d);
    durable_sweep(path);
    assert_int_not_equal(access(left, F_OK), 0);
    assert_int_equal(durable_open(&d, "/nowhere/at/all", &err), ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_flipped_byte_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_cut_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_number_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_files, set_up, NULL),
        cmocka_unit_test_setup_teardown(test_failed_write_leaves_the_old_file, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
