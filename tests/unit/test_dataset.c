/* Building a data set from events: order, duplicates, sessions, filters; export and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/dataset.h"
#include "engine/data/world.h"
#include "tests/support/tmpfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct event {
    const char *user, *item;
    int64_t ts;
};

static struct dataset *build(const struct event *e, int n, bool by_user,
                             const struct import_opts *o, struct import_report *rep)
{
    struct event_sink *s = NULL;
    struct dataset *ds = NULL;
    struct err err = {0};
    assert_int_equal(sink_new(&s, &err), ST_OK);
    for (int i = 0; i < n; i++)
        assert_int_equal(sink_event(s, e[i].user, strlen(e[i].user), e[i].item,
                                    strlen(e[i].item), e[i].ts, &err),
                         ST_OK);
    if (dataset_build(&ds, s, "built", by_user, o, rep, &err) != ST_OK)
        ds = NULL;
    sink_free(s);
    return ds;
}
#define BUILD(e, by_user, o, rep) build(e, (int)(sizeof(e) / sizeof *(e)), by_user, o, rep)

static void assert_items(const struct dataset *ds, int32_t s, const char *want)
{
    char got[200] = "";
    for (int64_t i = ds->off[s]; i < ds->off[s + 1]; i++) {
        size_t at = strlen(got);
        const char *id = ds->item_id ? ds->item_id[ds->item[i]] : "?";
        snprintf(got + at, sizeof got - at, "%s%s", at ? " " : "", id);
    }
    assert_string_equal(got, want);
}

static void test_order_is_stable(void **state)
{
    (void)state;
    const struct event e[] = {{"u", "c", 5}, {"v", "a", 1}, {"u", "a", 5},
                              {"u", "b", 2}, {"v", "b", 1}, {"u", "d", 5}};
    struct dataset *ds = BUILD(e, true, NULL, NULL);
    assert_int_equal(ds->n_sessions, 2);
    assert_items(ds, 0, "b c a d"); /* equal times stay as they came */
    assert_items(ds, 1, "a b");
    assert_true(ds->by_user);
    assert_null(ds->user);
    dataset_free(ds);
}

static void test_random_order_against_plain_sort(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct event_sink *s = NULL;
    struct dataset *ds = NULL;
    unsigned x = 9;
    assert_int_equal(sink_new(&s, NULL), ST_OK);
    /* The item is the event's number; times are few, so ties are many */
    for (int i = 0; i < N; i++) {
        char user[8], item[12];
        x = x * 1103515245u + 12345;
        snprintf(user, sizeof user, "%u", 1 + (x >> 16) % 4);
        snprintf(item, sizeof item, "%d", i + 1);
        assert_int_equal(
            sink_event(s, user, strlen(user), item, strlen(item), (x >> 20) % 50, NULL), ST_OK);
    }
    assert_int_equal(dataset_build(&ds, s, "r", true, NULL, NULL, NULL), ST_OK);
    assert_int_equal(ds->n_events, N);
    for (int32_t u = 0; u < 4; u++)
        for (int64_t i = ds->off[u] + 1; i < ds->off[u + 1]; i++)
            assert_true(ds->ts[i - 1] < ds->ts[i] ||
                        (ds->ts[i - 1] == ds->ts[i] && ds->item[i - 1] < ds->item[i]));
    sink_free(s);
    dataset_free(ds);
}

static void test_duplicates(void **state)
{
    (void)state;
    struct import_report rep;
    const struct event e[] = {
        {"u", "a", 5}, {"u", "b", 5}, {"u", "a", 5}, {"u", "a", 6}, {"v", "a", 5}};
    struct dataset *ds = BUILD(e, true, NULL, &rep);
    assert_items(ds, 0, "a b a");
    assert_int_equal(rep.dup, 1);
    assert_int_equal(rep.events_in, 5);
    assert_int_equal(rep.events_out, 4);
    dataset_free(ds);
    /* Without times a repeat is a repeat */
    const struct event timeless[] = {{"u", "a", INT64_MIN}, {"u", "a", INT64_MIN}};
    ds = BUILD(timeless, true, NULL, &rep);
    assert_int_equal(ds->n_events, 2);
    assert_int_equal(rep.dup, 0);
    dataset_free(ds);
}

static void test_pauses_cut_sessions(void **state)
{
    (void)state;
    const struct event e[] = {
        {"u", "a", 100}, {"u", "b", 150}, {"v", "c", 120}, {"u", "c", 9000}, {"u", "a", 9001}};
    struct import_opts o = {.session_gap_s = 3600};
    struct dataset *ds = BUILD(e, true, &o, NULL);
    assert_int_equal(ds->n_sessions, 3);
    assert_items(ds, 0, "a b");
    assert_items(ds, 1, "c"); /* in the order of their first event */
    assert_items(ds, 2, "c a");
    assert_int_equal(ds->n_users, 2);
    assert_int_equal(ds->user[0], 1);
    assert_int_equal(ds->user[1], 2);
    assert_int_equal(ds->user[2], 1);
    assert_false(ds->by_user);
    dataset_free(ds);
    const struct event timeless[] = {{"u", "a", INT64_MIN}};
    assert_null(BUILD(timeless, true, &o, NULL));
}

/* A rare item out can make a session too short, and that another item rare. */
static void test_filters_until_stable(void **state)
{
    (void)state;
    const struct event e[] = {{"1", "a", 1}, {"1", "b", 2}, {"2", "a", 1},
                              {"2", "x", 2}, {"3", "a", 1}, {"3", "b", 2},
                              {"3", "c", 3}, {"4", "c", 1}, {"4", "y", 2}};
    struct import_opts o = {.min_item = 2, .min_len = 2};
    struct import_report rep;
    struct dataset *ds = BUILD(e, false, &o, &rep);
    assert_int_equal(ds->n_sessions, 2);
    assert_items(ds, 0, "a b");
    assert_items(ds, 1, "a b");
    assert_int_equal(ds->n_items, 2);
    assert_int_equal(rep.dropped_short, 2);
    assert_int_equal(rep.dropped_rare, 3);
    assert_int_equal(rep.events_out, 4);
    dataset_free(ds);
    o.min_item = 100;
    assert_null(BUILD(e, false, &o, &rep)); /* nothing left is an error, not an empty set */
}

static void test_popularity_and_hash(void **state)
{
    (void)state;
    const struct event e[] = {{"1", "7", 1}, {"1", "8", 2}, {"2", "7", 1}},
                       f[] = {{"1", "7", 1}, {"1", "8", 2}, {"2", "8", 1}};
    struct dataset *a = BUILD(e, true, NULL, NULL), *b = BUILD(f, true, NULL, NULL),
                   *c = BUILD(e, true, NULL, NULL);
    assert_int_equal(a->popularity[1], 2);
    assert_int_equal(a->popularity[2], 1);
    assert_int_equal(a->popularity[0], 0);
    assert_true(a->hash == c->hash && a->hash != b->hash);
    dataset_free(a);
    dataset_free(b);
    dataset_free(c);
    dataset_free(NULL);
}

static void test_export_and_back(void **state)
{
    (void)state;
    struct world_opts o = {.items = 240, .sessions = 300, .noise = -1, .seed = 3};
    struct dataset *ds = NULL, *back = NULL;
    char path[300], truth[300], line[200];
    assert_int_equal(world_generate(&ds, "opener", &o, NULL), ST_OK);
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "o.txt"));
    snprintf(truth, sizeof truth, "%s", tmp_path(&tmp_here, "o.truth"));
    struct err err = {0};
    if (dataset_export(ds, path, truth, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(dataset_import(&back, path, "sessions", NULL, NULL, NULL, NULL, NULL),
                     ST_OK);
    assert_int_equal(back->n_sessions, ds->n_sessions);
    assert_int_equal(back->n_events, ds->n_events);
    for (int64_t i = 0; i < ds->n_events; i++)
        assert_int_equal(back->item_id ? atol(back->item_id[back->item[i]]) : back->item[i],
                         ds->item[i]);
    FILE *f = fopen(truth, "r");
    int64_t n = 0;
    bool present = false;
    while (fgets(line, sizeof line, f)) {
        n++;
        present = present || strstr(line, "\tpresent\t") != NULL;
    }
    fclose(f);
    assert_int_equal(n, ds->n_events + 1);
    assert_true(present);
    assert_int_equal(dataset_export(back, path, truth, &err), ST_UNSUPPORTED);
    assert_int_equal(dataset_export(ds, "/nowhere/at/all.txt", NULL, &err), ST_IO);
    dataset_free(ds);
    dataset_free(back);
}

/* A million events: the time of an import must grow with the file, not with its square (one
 * user, one second, one item). */
static void test_one_second_for_all(void **state)
{
    (void)state;
    struct event_sink *s = NULL;
    struct dataset *ds = NULL;
    clock_t began = clock();
    assert_int_equal(sink_new(&s, NULL), ST_OK);
    for (int i = 0; i < 300000; i++) {
        char item[12];
        int n = snprintf(item, sizeof item, "%d", i % 100000 + 1);
        assert_int_equal(sink_event(s, "1", 1, item, (size_t)n, 5, NULL), ST_OK);
    }
    assert_int_equal(dataset_build(&ds, s, "r", true, NULL, NULL, NULL), ST_OK);
    assert_true(clock() - began < 3 * CLOCKS_PER_SEC);
    sink_free(s);
    dataset_free(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_stable),
        cmocka_unit_test(test_random_order_against_plain_sort),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_pauses_cut_sessions),
        cmocka_unit_test(test_filters_until_stable),
        cmocka_unit_test(test_popularity_and_hash),
        cmocka_unit_test(test_export_and_back),
        cmocka_unit_test(test_one_second_for_all),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
