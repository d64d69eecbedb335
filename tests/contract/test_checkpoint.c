/* Checkpoints of strangers: whatever is done to the bytes, loading answers with one line and
 * nothing else happens. */
#include "engine/base/rng.h"
#include "engine/base/clock.h"
#include "engine/data/world.h"
#include "engine/train/learner.h"
#include "models/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static struct dataset *ds, *other_ds;
static struct split *split, *other_split;
static char path[] = "/tmp/seqlab-checkpoint-XXXXXX";
static unsigned char *good;
static size_t good_size;

static struct learner *fresh(const char *model, const char *settings)
{
    const struct model_def *m = model_find(model);
    struct hparams *hp;
    struct learner *l;
    struct err err;
    assert_non_null(m);
    assert_int_equal(hparams_new(&hp, m->hparams, m->name, &err), ST_OK);
    if (hparams_set_all(hp, settings, &err) != ST_OK ||
        learner_new(&l, m, hp, split, 3, &err) != ST_OK)
        fail_msg("%s", err.msg);
    hparams_free(hp);
    return l;
}

static void write_file(const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void read_good(void)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    good_size = (size_t)ftell(f);
    rewind(f);
    good = malloc(good_size);
    assert_non_null(good);
    assert_int_equal(fread(good, 1, good_size, f), good_size);
    fclose(f);
}

static int set_up(void **state)
{
    (void)state;
    struct world_opts o = {.items = 144, .sessions = 120, .noise = -1, .seed = 1};
    if (world_generate(&ds, "chain", &o, NULL) != ST_OK ||
        split_new(&split, ds, SPLIT_SESSIONS, NULL) != ST_OK)
        return -1;
    o.items = 240;
    if (world_generate(&other_ds, "chain", &o, NULL) != ST_OK ||
        split_new(&other_split, other_ds, SPLIT_SESSIONS, NULL) != ST_OK)
        return -1;
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    struct learner *l = fresh("sasrec", "d=16 layers=1 heads=1 maxlen=10 batch=16 loss=ce");
    struct err err;
    for (int i = 0; i < 3; i++)
        if (learner_step(l, NULL, NULL, NULL, &err) != ST_OK)
            return -1;
    if (learner_save(l, path, &err) != ST_OK)
        return -1;
    learner_free(l);
    read_good();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    free(good);
    split_free(split);
    split_free(other_split);
    dataset_free(ds);
    dataset_free(other_ds);
    return 0;
}

static void test_saved_and_loaded_are_equal(void **state)
{
    (void)state;
    struct learner *a, *b;
    struct err err;
    char sa[65], sb[65], text[64];
    write_file(good, good_size);
    if (learner_load(&a, path, model_defs, split, false, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(a->step, 3);
    assert_int_equal(a->seed, 3);
    hparams_text(a->hp, "d", text, sizeof text);
    assert_string_equal(text, "16");
    assert_int_equal(learner_save(a, path, &err), ST_OK);
    assert_int_equal(learner_load(&b, path, model_defs, split, false, &err), ST_OK);
    learner_sha256(a, sa);
    learner_sha256(b, sb);
    assert_string_equal(sa, sb);
    for (int k = 0; k < a->opt->n_aux; k++)
        assert_memory_equal(a->aux[k], b->aux[k], params_size(a->ps) * sizeof(real));
    learner_free(a);
    learner_free(b);
}

static void refused(const char *what)
{
    struct learner *l = NULL;
    struct err err = {0};
    const double began = clock_s();
    if (learner_load(&l, path, model_defs, split, false, &err) == ST_OK)
        fail_msg("%s: taken for good", what);
    assert_null(l);
    if (!err.msg[0] || strchr(err.msg, '\n'))
        fail_msg("%s: not one line: \"%s\"", what, err.msg);
    if (clock_s() - began > 4)
        fail_msg("%s: took %.1f s", what, clock_s() - began);
}

static size_t header_size(void)
{
    size_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | good[i];
    return n;
}

/* Replaces the first `from` in the header, adjusting its length; false when it is not there. */
static bool edit_header(const char *from, const char *to)
{
    size_t head = header_size(), nf = strlen(from), nt = strlen(to);
    char *text = malloc(head + nt + 1);
    assert_non_null(text);
    memcpy(text, good + 8, head);
    text[head] = '\0';
    char *at = strstr(text, from);
    if (!at) {
        free(text);
        return false;
    }
    size_t before = (size_t)(at - text), size = good_size - nf + nt, now = head - nf + nt;
    unsigned char *out = malloc(size);
    assert_non_null(out);
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(now >> (8 * i));
    memcpy(out + 8, text, before);
    memcpy(out + 8 + before, to, nt);
    memcpy(out + 8 + before + nt, good + 8 + before + nf, good_size - 8 - before - nf);
    write_file(out, size);
    free(out);
    free(text);
    return true;
}

static void test_mutations_of_the_header(void **state)
{
    (void)state;
    static const char *const edits[][2] = {
        {"\"F32\"", "\"F64\""},
        {"\"F32\"", "\"I64\""},
        {"\"F32\"", "32"},
        {"\"shape\"", "\"shapes\""},
        {"\"data_offsets\"", "\"offsets\""},
        {"[145,16]", "[145,17]"},
        {"[145,16]", "[-145,16]"},
        {"[145,16]", "[16,145]"},
        {"[145,16]", "[145,16,1]"},
        {"[145,16]", "[]"},
        {"[145,16]", "[4294967297,16]"},
        {"[145,16]", "[9223372036854775807,16]"},
        {"[145,16]", "[145.0,16]"},
        {"[145,16]", "[\"145\",16]"},
        {"[145,16]", "[1e9,16]"},
        {"[0,", "[4,"},
        {"[0,", "[-4,"},
        {"[0,", "[18446744073709551615,"},
        {"item.E", "item.F"},
        {"item.E", "pos.P"},
        {"item.E", "__metadata__"},
        {"\"format\":\"1\"", "\"format\":\"2\""},
        {"\"format\":\"1\"", "\"format\":1"},
        {"\"format\":\"1\",", ""},
        {"\"model\":\"sasrec\"", "\"model\":\"pop\""},
        {"\"model\":\"sasrec\"", "\"model\":\"../../etc\""},
        {"d=16", "d=17"},
        {"d=16", "d=1024"},
        {"d=16", "d=-1"},
        {"d=16", "dd=16"},
        {"layers=1", "layers=12"},
        {"batch=16", "batch=65536"},
        {"maxlen=10", "maxlen=512"},
        {"\"seed\":\"3\"", "\"seed\":\"-3\""},
        {"\"seed\":\"3\"", "\"seed\":\"99999999999999999999999\""},
        {"\"step\":\"3\"", "\"step\":\"x\""},
        {"\"step\":\"3\"", "\"step\":\"18446744073709551615\""},
        {"\"n_items\":\"144\"", "\"n_items\":\"145\""},
        {"{", "["},
        {"{", "{{"},
        {"{", ""},
        {"{", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}},"},
        {"\"model\":", "\"model\":\"x\",\"model\":"},
        {"sasrec", "s\\u0000srec"},
        {"sasrec", "\xff\xfe"},
    };
    int done = 0;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        if (edit_header(edits[i][0], edits[i][1])) {
            refused(edits[i][1]);
            done++;
        }
    assert_true(done >= 40); /* the texts above are really in the header */
}

static void test_mutations_of_the_length(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0,
                                       1,
                                       2,
                                       8,
                                       1u << 20,
                                       (1u << 20) + 1,
                                       UINT32_MAX,
                                       (uint64_t)1 << 40,
                                       INT64_MAX,
                                       UINT64_MAX,
                                       UINT64_MAX - 7};
    unsigned char *out = malloc(good_size);
    assert_non_null(out);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        memcpy(out, good, good_size);
        for (int i = 0; i < 8; i++)
            out[i] = (unsigned char)(lengths[k] >> (8 * i));
        write_file(out, good_size);
        refused("length");
    }
    free(out);
}

/* Bytes overwritten, cut out, doubled, cut off: 150 ways, each its own place. */
static void test_mutations_of_bytes(void **state)
{
    (void)state;
    struct rusage before, after;
    unsigned char *out = malloc(2 * good_size);
    assert_non_null(out);
    getrusage(RUSAGE_SELF, &before);
    for (uint32_t i = 0; i < 150; i++) {
        struct rng_key key = rng_key(11, i, rng_site("mutation"));
        /* a third of them in the header */
        size_t region = i % 3 == 0 ? header_size() : good_size;
        size_t at = rng_below(key, 0, (uint32_t)region), n = 1 + rng_below(key, 1, 64);
        size_t size = good_size;
        char what[64];
        if (at + n > good_size)
            n = good_size - at;
        memcpy(out, good, good_size);
        snprintf(what, sizeof what, "kind %u at %zu, %zu bytes", i % 4, at, n);
        switch (i % 4) {
        case 0: /* one bit */
            out[at] ^= (unsigned char)(1u << rng_below(key, 2, 8));
            break;
        case 1: /* noise */
            for (size_t k = 0; k < n; k++)
                out[at + k] ^= (unsigned char)(1 + rng_below(key, 3 + (uint32_t)k, 255));
            break;
        case 2: /* a hole */
            memmove(out + at, out + at + n, good_size - at - n);
            size -= n;
            break;
        default: /* a piece twice */
            memmove(out + at + n, out + at, good_size - at);
            size += n;
            break;
        }
        write_file(out, size);
        refused(what);
    }
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024); /* KiB */
    free(out);
}

static void test_other_items_are_refused(void **state)
{
    (void)state;
    struct learner *l;
    struct err err = {0};
    write_file(good, good_size);
    assert_int_not_equal(learner_load(&l, path, model_defs, other_split, false, &err), ST_OK);
    assert_string_equal(err.kind, "mismatch");
    assert_non_null(strstr(err.msg, "144"));
    assert_non_null(strstr(err.msg, "240"));
    /* force does not make them fit */
    assert_int_not_equal(learner_load(&l, path, model_defs, other_split, true, &err), ST_OK);
    assert_int_not_equal(learner_load(&l, "/tmp", model_defs, split, false, &err), ST_OK);
    assert_int_not_equal(
        learner_load(&l, "/tmp/there-is-no-such-file", model_defs, split, false, &err), ST_OK);
    assert_int_not_equal(learner_load(&l, "/dev/zero", model_defs, split, false, &err), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saved_and_loaded_are_equal),
        cmocka_unit_test(test_mutations_of_the_header),
        cmocka_unit_test(test_mutations_of_the_length),
        cmocka_unit_test(test_mutations_of_bytes),
        cmocka_unit_test(test_other_items_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
