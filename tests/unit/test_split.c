/* Which events train and which are asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/split.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static void test_leave_one_out(void **state)
{
    (void)state;
    const int64_t off[] = {0, 5, 7, 10, 11};
    const int32_t item[] = {1, 2, 3, 4, 5, 1, 2, 3, 3, 1, 4};
    struct dataset ds = {.name = "hand",
                         .n_items = 5,
                         .n_sessions = 4,
                         .n_events = 11,
                         .off = off,
                         .item = item,
                         .by_user = true};
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, &ds, SPLIT_LEAVE_ONE_OUT, NULL), ST_OK);
    assert_int_equal(sp->n_test, 2);
    assert_int_equal(sp->n_valid, 2);
    assert_int_equal(sp->test[0].n_prefix, 4); /* the validation item is seen at test time */
    assert_int_equal(sp->test[0].target, 5);
    assert_int_equal(sp->valid[0].n_prefix, 3);
    assert_int_equal(sp->valid[0].target, 4);
    assert_int_equal(sp->test[1].session, 2);
    const int32_t len[] = {3, 2, 1, 1}; /* under three items: all of it trains */
    for (int s = 0; s < 4; s++)
        assert_int_equal(sp->train_len[s], len[s]);
    assert_int_equal(sp->n_train, 2);
    assert_int_equal(sp->n_train_events, 7);
    assert_int_equal(sp->train_pop[1], 2);
    assert_int_equal(sp->train_pop[5], 0);
    split_free(sp);
    split_free(NULL);
}

/* k items test, the k before them validate, each asked after all before it; who has fewer
 * than 2 k + 2 trains whole; k = 1 asks what leave-one-out does. */
static void test_leave_k_out(void **state)
{
    (void)state;
    enum { K = 3 };
    const int64_t off[] = {0, 9, 16, 24};
    int32_t item[24];
    for (int i = 0; i < 24; i++)
        item[i] = 1 + i % 10;
    struct dataset ds = {.name = "hand",
                         .n_items = 10,
                         .n_sessions = 3,
                         .n_events = 24,
                         .off = off,
                         .item = item,
                         .by_user = true};
    struct split *sp = NULL, *one = NULL;
    struct err err;
    int32_t from, to;
    assert_int_equal(split_leave(&sp, &ds, K, &err), ST_OK);
    const int32_t len[] = {3, 7, 2};
    for (int s = 0; s < 3; s++)
        assert_int_equal(sp->train_len[s], len[s]);
    assert_int_equal(sp->n_valid, 2 * K);
    assert_int_equal(sp->n_test, 2 * K);
    for (int i = 0; i < 2 * K; i++) {
        int32_t s = i < K ? 0 : 2, n = i < K ? 9 : 8;
        assert_int_equal(sp->test[i].session, s);
        assert_int_equal(sp->test[i].n_prefix, n - K + i % K);
        assert_int_equal(sp->test[i].target, item[off[s] + n - K + i % K]);
        assert_int_equal(sp->valid[i].n_prefix, n - 2 * K + i % K);
    }
    assert_true(split_held(sp, 0, PART_VALID, &from, &to) && from == 3 && to == 6);
    assert_true(split_held(sp, 0, PART_TEST, &from, &to) && from == 6 && to == 9);
    assert_false(split_held(sp, 1, PART_TEST, &from, &to));
    assert_int_equal(split_valid_len(sp, 0), 6);
    assert_int_equal(split_valid_len(sp, 1), 7);
    split_free(sp);
    assert_int_equal(split_leave(&sp, &ds, 1, &err), ST_OK);
    assert_int_equal(split_new(&one, &ds, SPLIT_LEAVE_ONE_OUT, &err), ST_OK);
    assert_int_equal(sp->n_test, one->n_test);
    assert_memory_equal(sp->test, one->test, (size_t)one->n_test * sizeof *one->test);
    assert_memory_equal(sp->valid, one->valid, (size_t)one->n_valid * sizeof *one->valid);
    split_free(sp);
    split_free(one);
    assert_int_equal(split_leave(&sp, &ds, 4, &err), ST_ARG); /* the longest history has 9 */
    assert_null(sp);
    assert_non_null(strstr(err.hint, "k=3"));
    assert_int_equal(split_leave(&sp, &ds, 0, &err), ST_ARG);
}

static void test_by_session(void **state)
{
    (void)state;
    struct world_opts o = {.items = 240, .noise = -1, .seed = 1};
    struct dataset *ds = NULL;
    assert_int_equal(world_generate(&ds, "twins", &o, NULL), ST_OK);
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, ds, SPLIT_SESSIONS, NULL), ST_OK);
    assert_string_equal(sp->name, "by session number, 80 / 10 / 10 %");
    int64_t asked = 0, starts = 0;
    for (int64_t i = 0; i < sp->n_test; i++) {
        const struct eval_case *c = &sp->test[i];
        assert_in_range(c->session, 7200, 7999);
        assert_true(c->n_prefix >= 1);
        assert_int_equal(c->target, ds->item[ds->off[c->session] + c->n_prefix]);
        assert_int_equal(c->flag == WF_START, c->n_prefix == 1);
        asked += c->flag != WF_START;
        starts += c->flag == WF_START;
    }
    assert_int_equal(asked, 7195);
    assert_int_equal(starts, 800);
    assert_int_equal(sp->n_unseen, 0);
    for (int64_t i = 0; i < sp->n_valid; i++)
        assert_in_range(sp->valid[i].session, 6400, 7199);
    for (int32_t s = 0; s < 8000; s++)
        assert_int_equal(sp->train_len[s], s < 6400 ? dataset_len(ds, s) : 0);
    assert_int_equal(sp->n_train, 6400);
    split_free(sp);
    dataset_free(ds);
}

static void test_unseen_items(void **state)
{
    (void)state;
    int64_t off[11];
    int32_t item[20];
    for (int s = 0; s <= 10; s++)
        off[s] = s * 2;
    for (int i = 0; i < 20; i++)
        item[i] = 1 + i % 2;
    item[19] = 3; /* in the test session alone */
    struct dataset ds = {.name = "hand",
                         .n_items = 3,
                         .n_sessions = 10,
                         .n_events = 20,
                         .off = off,
                         .item = item};
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, &ds, SPLIT_SESSIONS, NULL), ST_OK);
    assert_int_equal(sp->n_test, 0);
    assert_int_equal(sp->n_valid, 1);
    assert_int_equal(sp->n_unseen, 1);
    split_free(sp);
}

static struct dataset users(int64_t *off, int32_t *item, int n, int len)
{
    for (int s = 0; s <= n; s++)
        off[s] = (int64_t)s * len;
    for (int i = 0; i < n * len; i++)
        item[i] = 1 + i % 7;
    return (struct dataset){.name = "hand",
                            .n_items = 7,
                            .n_sessions = n,
                            .n_events = (int64_t)n * len,
                            .off = off,
                            .item = item,
                            .by_user = true};
}

static void test_ratio(void **state)
{
    (void)state;
    int64_t off[8];
    int32_t item[100];
    struct dataset ds = users(off, item, 3, 10);
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, &ds, SPLIT_RATIO, NULL), ST_OK);
    assert_int_equal(sp->n_valid, 3);
    assert_int_equal(sp->n_test, 6);
    assert_int_equal(sp->train_len[2], 7);
    assert_int_equal(sp->valid[0].n_prefix, 7);
    assert_int_equal(sp->valid[0].target, item[7]);
    /* One list a user, from where validation ends */
    assert_int_equal(sp->test[1].n_prefix, 8);
    assert_int_equal(sp->test[1].target, item[9]);
    split_free(sp);
    ds = users(off, item, 3, 2); /* too short: all trains */
    assert_int_equal(split_new(&sp, &ds, SPLIT_RATIO, NULL), ST_OK);
    assert_int_equal(sp->n_test, 0);
    assert_int_equal(sp->n_train, 3);
    split_free(sp);
}

static void test_held_out_users(void **state)
{
    (void)state;
    int64_t off[51];
    int32_t item[600], held = 0, moved = 0;
    struct dataset ds = users(off, item, 50, 11);
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, &ds, SPLIT_USERS, NULL), ST_OK);
    for (int s = 0; s < 50; s++) {
        assert_int_equal(sp->train_len[s], sp->part[s] == PART_TRAIN ? 11 : 0);
        held += sp->part[s] != PART_TRAIN;
        moved += sp->part[s] != PART_TRAIN && s < 40;
    }
    assert_int_equal(held, 10);
    assert_true(moved > 3); /* not simply the last ones */
    assert_int_equal(sp->n_test, 5 * 3);
    for (int64_t i = 0; i < sp->n_test; i++) {
        assert_int_equal(sp->part[sp->test[i].session], PART_TEST);
        assert_int_equal(sp->test[i].n_prefix, 8); /* floor(.8 * 11), the earliest ones */
        assert_int_equal(sp->test[i].target, item[off[sp->test[i].session] + 8 + i % 3]);
    }
    split_free(sp);
    ds = users(off, item, 50, 4);
    assert_int_equal(split_new(&sp, &ds, SPLIT_USERS, NULL), ST_OK);
    assert_int_equal(sp->n_test, 0);
    split_free(sp);
}

/* Another share validates: what is test stays, the borders move between the other two. */
static void test_share(void **state)
{
    (void)state;
    int64_t off[51];
    int32_t item[150], share[] = {0, 10, 50};
    for (int s = 0; s <= 50; s++)
        off[s] = s * 3;
    for (int i = 0; i < 150; i++)
        item[i] = 1 + i % 3;
    struct dataset ds = users(off, item, 50, 3);
    for (int own = 0; own < 2; own++) {
        ds.first_test = own ? 40 : 0;
        const int32_t test = own ? 40 : 45, names = own ? 100 : 90;
        for (int i = 0; i < 3; i++) {
            struct split *sp;
            char name[64];
            const int32_t valid = test - (own ? 40 : 50) * share[i] / 100;
            assert_int_equal(split_sessions(&sp, &ds, share[i], NULL), ST_OK);
            for (int32_t s = 0; s < 50; s++)
                assert_int_equal(sp->part[s], s < valid  ? PART_TRAIN
                                              : s < test ? PART_VALID
                                                         : PART_TEST);
            assert_int_equal(sp->n_train, valid);
            assert_int_equal(sp->n_valid, 2 * (test - valid));
            assert_int_equal(sp->n_test, 2 * (50 - test));
            snprintf(name, sizeof name, "number, %d / %d ", (int)(names - share[i]),
                     (int)share[i]);
            assert_non_null(strstr(sp->name, name));
            split_free(sp);
        }
    }
    struct split *none;
    struct err err;
    assert_int_equal(split_sessions(&none, &ds, -1, &err), ST_ARG);
    assert_int_equal(split_sessions(&none, &ds, 51, &err), ST_ARG);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leave_one_out), cmocka_unit_test(test_leave_k_out),
        cmocka_unit_test(test_by_session),    cmocka_unit_test(test_unseen_items),
        cmocka_unit_test(test_ratio),         cmocka_unit_test(test_held_out_users),
        cmocka_unit_test(test_share)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
