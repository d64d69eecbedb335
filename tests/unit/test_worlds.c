/* The generated worlds: same bytes as their definition, names, flags, options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/world.h"

#include <stdio.h>
#include <string.h>

static struct dataset *make(const char *name, int32_t items, int32_t sessions, uint64_t seed)
{
    struct world_opts o = {.items = items, .sessions = sessions, .noise = -1, .seed = seed};
    struct dataset *ds = NULL;
    struct err err = {0};
    if (world_generate(&ds, name, &o, &err) != ST_OK)
        fail_msg("%s: %s", name, err.msg);
    return ds;
}

/* FNV-1a 64 of all sessions: an item as two bytes, low first, 0xFF 0xFF after each session. */
static uint64_t fnv(const struct dataset *ds)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        for (int64_t i = ds->off[s]; i <= ds->off[s + 1]; i++) {
            unsigned x = i < ds->off[s + 1] ? (unsigned)ds->item[i] - 1 : 0xffff;
            h = (h ^ (x & 0xff)) * 0x100000001b3u;
            h = (h ^ (x >> 8)) * 0x100000001b3u;
        }
    }
    return h;
}

static const struct vector {
    const char *world;
    int32_t sessions;
    uint64_t fnv;
    int n_first;
    int first[17];
} vectors[] = {
    {"chain",
     8000,
     0x6d275625fe16c90d,
     12,
     {187, 189, 190, 193, 194, 188, 45, 46, 47, 44, 42, 43}},
    {"twins",
     8000,
     0xcf6a47d46f5d97db,
     13,
     {187, 73, 188, 74, 168, 49, 172, 56, 173, 148, 162, 153, 221}},
    {"pairs",
     4000,
     0x714700642c7abd4c,
     16,
     {93, 1, 4, 25, 84, 1, 6, 27, 81, 7, 4, 23, 95, 5, 0, 25}},
    {"opener",
     4000,
     0x8749ca769e655194,
     17,
     {46, 60, 62, 63, 66, 69, 71, 74, 75, 78, 60, 62, 77, 79, 60, 59, 106}},
    {"gap", 4000, 0xf236d861294dbb18, 0, {0}},
    {"drift",
     4000,
     0x02d1d416dbfea864,
     12,
     {168, 165, 177, 177, 172, 31, 24, 37, 28, 28, 221, 28}},
    {"tastes",
     4000,
     0x64529a9f25778a8d,
     17,
     {110, 111, 116, 136, 103, 136, 111, 221, 115, 100, 124, 133, 108, 109, 131, 110, 111}},
    {"skew",
     8000,
     0x6b34790fc69d46fd,
     12,
     {187, 159, 142, 204, 205, 207, 73, 74, 35, 38, 21, 22}},
    {"bazaar",
     8000,
     0xcd99cab8ffd38978,
     16,
     {81, 124, 147, 163, 81, 125, 144, 167, 98, 125, 142, 165}},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        struct dataset *ds = make(vectors[v].world, 240, 0, 1);
        assert_int_equal(ds->n_sessions, vectors[v].sessions);
        int n = strcmp(vectors[v].world, "bazaar") == 0 ? 12 : vectors[v].n_first;
        if (n)
            assert_int_equal(dataset_len(ds, 0), n);
        for (int i = 0; i < n; i++)
            assert_int_equal(ds->item[i] - 1, vectors[v].first[i]);
        if (fnv(ds) != vectors[v].fnv)
            fail_msg("%s: %016llx, not %016llx", vectors[v].world, (unsigned long long)fnv(ds),
                     (unsigned long long)vectors[v].fnv);
        dataset_free(ds);
    }
}

static void test_bazaar_counts(void **state)
{
    (void)state;
    struct dataset *ds = make("bazaar", 240, 0, 1);
    assert_int_equal(ds->n_events, 98603);
    for (int32_t i = 1; i <= ds->n_items; i++)
        assert_true(ds->popularity[i] > 0);
    dataset_free(ds);
}

static void test_xoshiro(void **state)
{
    (void)state;
    struct xoshiro a, b;
    xoshiro_seed(&a, 1);
    assert_true(xoshiro_next(&a) == 12966619160104079557u);
    xoshiro_seed(&a, 7);
    b = a;
    /* The halves against a 128-bit product */
    for (uint32_t n = 1; n < 4000000000u; n = n * 3 + 1) {
        __extension__ typedef unsigned __int128 wide;
        uint32_t want = (uint32_t)((wide)xoshiro_next(&b) * n >> 64);
        assert_int_equal(xoshiro_below(&a, n), want);
    }
}

static void test_every_world_lives_in_the_table(void **state)
{
    (void)state;
    int n = 0;
    for (; world_defs[n]; n++) {
        const struct world_def *d = world_defs[n];
        assert_non_null(d->title);
        assert_non_null(d->doc);
        assert_non_null(d->planted);
        assert_non_null(d->who);
        for (int32_t items = 144; items <= 480; items += items == 144 ? 96 : 240) {
            struct dataset *ds = make(d->name, items, 500, 3);
            assert_int_equal(ds->n_items, items);
            for (int64_t i = 0; i < ds->n_events; i++) {
                assert_in_range(ds->item[i], 1, items);
                assert_true(ds->flag[i] != WF_NONE && ds->flag[i] < WORLD_FLAGS);
            }
            assert_ptr_equal(world_of(ds->world), d);
            dataset_free(ds);
        }
    }
    assert_int_equal(n, 9);
}

/* More sessions never change the rules, and the first n of more are the fewer. */
static void test_prefix_of_more(void **state)
{
    (void)state;
    struct dataset *few = make("bazaar", 240, 300, 2), *many = make("bazaar", 240, 900, 2);
    assert_memory_equal(few->item, many->item, (size_t)few->n_events * sizeof *few->item);
    assert_memory_equal(few->off, many->off, 301 * sizeof *few->off);
    assert_true(few->hash != many->hash);
    struct dataset *again = make("bazaar", 240, 300, 2);
    assert_true(few->hash == again->hash);
    dataset_free(few);
    dataset_free(many);
    dataset_free(again);
}

static void test_names(void **state)
{
    (void)state;
    struct dataset *ds = make("chain", 240, 10, 1);
    assert_string_equal(ds->item_name[1], "flour");
    assert_string_equal(ds->item_name[2 * 20 + 20], "gift wrap");
    assert_string_equal(ds->item_name[240], "dictionary");
    assert_string_equal(world_department_name(world_department(ds->world, 101)), "presents");
    for (int32_t i = 1; i <= 240; i++)
        for (int32_t j = 1; j < i; j++)
            assert_string_not_equal(ds->item_name[i], ds->item_name[j]);
    assert_int_equal(dataset_find_item(ds, "flour"), 1);
    assert_int_equal(dataset_find_item(ds, "Rice Flour"), 18);
    assert_int_equal(dataset_find_item(ds, "17"), 17);
    assert_int_equal(dataset_find_item(ds, "toy tr"), 101);
    assert_int_equal(dataset_find_item(ds, "b"), 0);
    assert_int_equal(dataset_find_item(ds, ""), 0);
    dataset_free(ds);
    ds = make("opener", 480, 10, 1);
    assert_string_equal(ds->item_name[21], "family-size flour");
    dataset_free(ds);
    ds = make("opener", 144, 10, 1);
    assert_string_equal(ds->item_name[2 * 12 + 11], "envelopes");
    assert_string_equal(ds->item_name[2 * 12 + 12], "gift wrap");
    assert_string_equal(ds->item_name[12], "oats");
    dataset_free(ds);
}

static void test_truth(void **state)
{
    (void)state;
    struct dataset *ds = make("opener", 240, 400, 1);
    int64_t right = 0;
    for (int32_t s = 0; s < ds->n_sessions; s++) {
        int64_t first = ds->off[s], last = ds->off[s + 1] - 1;
        assert_int_equal(ds->flag[first], WF_OPENER);
        assert_int_equal(ds->flag[last], WF_PRESENT);
        assert_int_equal(ds->flag[last - 1], WF_WRAP);
        assert_int_equal(ds->truth[last], ds->item[first] - 1 - 40);
        right += ds->item[last] - 1 - 100 == ds->truth[last];
    }
    assert_in_range(right, 330, 390);
    dataset_free(ds);
    ds = make("gap", 240, 100, 1);
    for (int64_t i = 0; i < ds->n_events; i++)
        if (ds->flag[i] == WF_FILLING)
            assert_int_equal(ds->truth[i], (ds->item[i - 1] - 121 + ds->item[i + 1] - 161) % 8);
    dataset_free(ds);
}

static void test_flag_names(void **state)
{
    (void)state;
    for (int f = 0; f < WORLD_FLAGS; f++)
        assert_int_equal(world_flag_find(world_flag_name((enum world_flag)f)), f);
    assert_int_equal(world_flag_find("nothing like it"), -1);
}

static void test_refusals(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct world_opts o;
        const char *part;
    } bad[] = {
        {"atlantis", {240, 0, -1, 1}, "atlantis"},
        {"chain", {200, 0, -1, 1}, "144, 240 or 480"},
        {"chain", {240, -5, -1, 1}, "sessions"},
        {"chain", {240, 0, 1001, 1}, "noise"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dataset *ds = NULL;
        struct err err = {0};
        assert_int_equal(world_generate(&ds, bad[i].name, &bad[i].o, &err), ST_ARG);
        assert_null(ds);
        assert_non_null(strstr(err.msg, bad[i].part));
    }
    struct dataset *ds = make("chain", 0, 0, 9); /* 0: the default */
    assert_int_equal(ds->n_items, 240);
    dataset_free(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_bazaar_counts),
        cmocka_unit_test(test_xoshiro),
        cmocka_unit_test(test_every_world_lives_in_the_table),
        cmocka_unit_test(test_prefix_of_more),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_truth),
        cmocka_unit_test(test_flag_names),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
