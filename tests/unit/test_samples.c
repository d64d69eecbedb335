/* sample_data/ is what this test writes: the generated world bazaar in every form that can
 * be imported, and a broken file for each importer.  With SEQLAB_WRITE_SAMPLES=1 it writes
 * them; else they must be these bytes, and import (or be refused) as they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/import.h"
#include "engine/data/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 120, MAX_TEXT = 200000, FIRST_TIME = 1700000000 };

static struct dataset *world;

static void put(char *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
static size_t used;

static void put(char *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    used += (size_t)vsnprintf(out + used, MAX_TEXT - used, fmt, ap);
    va_end(ap);
    assert_true(used < MAX_TEXT);
}

static int64_t time_of(int32_t s, int64_t i)
{
    return FIRST_TIME + (int64_t)s * 3600 + (i - world->off[s]) * 40;
}

#define EACH_EVENT                                                                             \
    for (int32_t s = 0; s < world->n_sessions; s++)                                            \
        for (int64_t i = world->off[s]; i < world->off[s + 1]; i++)
#define LAST (i + 1 == world->off[s + 1])

static void user_item(char *o)
{
    EACH_EVENT put(o, "%d %d\n", s + 1, world->item[i]);
}
static void sessions(char *o)
{
    EACH_EVENT put(o, "%d%s", world->item[i], LAST ? "\n" : " ");
}
static void names(char *o)
{
    EACH_EVENT put(o, "%s%s", world->item_name[world->item[i]], LAST ? "\n" : ";");
}
static void spmf(char *o)
{
    EACH_EVENT put(o, "%d -1 %s", world->item[i], LAST ? "-2\n" : "");
}
static void u_data(char *o) /* latest session first: importing sorts */
{
    for (int32_t s = world->n_sessions - 1; s >= 0; s--)
        for (int64_t i = world->off[s]; i < world->off[s + 1]; i++)
            put(o, "%d\t%d\t%d\t%lld\n", s + 1, world->item[i], 1 + world->item[i] % 5,
                (long long)time_of(s, i));
}
static void ratings_dat(char *o)
{
    EACH_EVENT put(o, "%d::%d::%d::%lld\n", s + 1, world->item[i], 1 + world->item[i] % 5,
                   (long long)time_of(s, i));
}
static void inter(char *o)
{
    put(o, "session_id:token\titem_id:token\ttimestamp:float\n");
    EACH_EVENT put(o, "%d\t%d\t%lld\n", s + 1, world->item[i], (long long)time_of(s, i));
}
static void csv(char *o)
{
    put(o, "session_id,item,timestamp,title\r\n");
    EACH_EVENT put(o, "visit-%d,sku%03d,%lld,\"%s\"\r\n", s + 1, world->item[i],
                   (long long)time_of(s, i), world->item_name[world->item[i]]);
}
static void items_tsv(char *o)
{
    put(o, "item\ttitle\tdepartment\n");
    for (int32_t i = 1; i <= world->n_items; i++)
        put(o, "%d\t%s\t%s\n", i, world->item_name[i],
            world_department_name(world_department(world->world, i)));
}

static const struct sample {
    const char *file, *importer; /* importer NULL: not data */
    void (*write)(char *o);
    bool by_user;
} samples[] = {
    {"user-item.txt", "user-item", user_item, true},
    {"sessions.txt", "sessions", sessions, false},
    {"names.txt", "sessions", names, false},
    {"spmf.txt", "spmf", spmf, false},
    {"u.data", "u.data", u_data, true},
    {"ratings.dat", "ratings.dat", ratings_dat, true},
    {"events.inter", "inter", inter, false},
    {"events.csv", "csv", csv, false},
    {"items.tsv", NULL, items_tsv, false},
};

static const struct broken {
    const char *file, *importer, *text, *part;
} broken[] = {
    {"user-item.txt", "user-item", "1 17\n1 3\n1 twelve\n2 5\n",
     ":3: item \"twelve\" is not a number"},
    {"sessions.txt", "sessions", "1 2 3\n4 5 0\n6 7\n",
     ":2: item \"0\" is not a number from 1"},
    {"spmf.txt", "spmf", "1 -1 2 -1 -2\n3 -1 4 -2\n", ":2: item 4 is not followed by -1"},
    {"u.data", "u.data", "1\t2\t5\t100\n1\t3\t5\n", ":2: expected 4 columns"},
    {"ratings.dat", "ratings.dat", "1::2::5::100\n1::3::5::yesterday\n",
     ":2: time \"yesterday\""},
    {"events.inter", "inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\n",
     ":2: 2 columns where the header has 3"},
    {"events.csv", "csv", "user_id,item_id,timestamp\n1,\"2,100\n1,3,101\n",
     ": the quote opened on line 2 is never closed"},
};

static bool writing(void)
{
    const char *w = getenv("SEQLAB_WRITE_SAMPLES");
    return w && *w == '1';
}

static void same_or_write(const char *file, const char *text, size_t n)
{
    char path[200];
    snprintf(path, sizeof path, "sample_data/%s", file);
    FILE *f = fopen(path, writing() ? "wb" : "rb");
    if (!f)
        fail_msg("%s is missing: write it with SEQLAB_WRITE_SAMPLES=1", path);
    if (writing())
        assert_int_equal(fwrite(text, 1, n, f), n);
    else {
        char *was = malloc(MAX_TEXT);
        size_t m = fread(was, 1, MAX_TEXT, f);
        if (m != n || memcmp(was, text, n) != 0)
            fail_msg("%s is not what the worlds give", path);
        free(was);
    }
    fclose(f);
}

static void test_samples(void **state)
{
    (void)state;
    char *text = malloc(MAX_TEXT);
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
        used = 0;
        samples[k].write(text);
        same_or_write(samples[k].file, text, used);
    }
    for (size_t k = 0; k < sizeof broken / sizeof *broken; k++) {
        char file[100];
        snprintf(file, sizeof file, "broken/%s", broken[k].file);
        same_or_write(file, broken[k].text, strlen(broken[k].text));
    }
    free(text);
}

/* All forms give the same sessions; the importer is guessed from the content. */
static void test_import(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
        char path[200];
        struct dataset *ds = NULL;
        struct err err = {0};
        struct import_report rep;
        if (!samples[k].importer)
            continue;
        snprintf(path, sizeof path, "sample_data/%s", samples[k].file);
        if (dataset_import(&ds, path, NULL, NULL, &rep, NULL, NULL, &err) != ST_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(ds->n_sessions, SESSIONS);
        assert_int_equal(ds->n_events, world->n_events);
        assert_int_equal(ds->by_user, samples[k].by_user);
        assert_non_null(ds->item_name);
        for (int64_t i = 0; i < ds->n_events; i++)
            assert_string_equal(ds->item_name[ds->item[i]], world->item_name[world->item[i]]);
        dataset_free(ds);
    }
}

static void test_broken(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof broken / sizeof *broken; k++) {
        char path[200];
        struct dataset *ds = NULL;
        struct err err = {0};
        snprintf(path, sizeof path, "sample_data/broken/%s", broken[k].file);
        assert_int_equal(
            dataset_import(&ds, path, broken[k].importer, NULL, NULL, NULL, NULL, &err),
            ST_FORMAT);
        assert_null(ds);
        if (!strstr(err.msg, broken[k].part) || !strstr(err.msg, broken[k].file))
            fail_msg("%s", err.msg);
    }
}

static int setup(void **state)
{
    (void)state;
    struct world_opts o = {.items = 240, .sessions = SESSIONS, .noise = -1, .seed = 1};
    return world_generate(&world, "bazaar", &o, NULL) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    dataset_free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_samples),
                                       cmocka_unit_test(test_import),
                                       cmocka_unit_test(test_broken)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
