/* Which events train and which are asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/split.h"

#include <stdlib.h>
#include <string.h>

static void test_leave_one_out(void **state)
{
    (void)state;
    const int64_t off[] = {0, 5, 7, 10, 11};
    const int32_t item[] = {1, 2, 3, 4, 5, 1, 2, 3, 3, 1, 4};
    struct dataset ds = {.name = "hand", .n_items = 5, .n_sessions = 4, .n_events = 11, .off = off, .item = item, .by_user = true};
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

static void test_by_session(void **state)
{
    (void)state;
    struct world_opts o = {.items = 240, .noise = -1, .seed = 1};
    struct dataset *ds = NULL;
    assert_int_equal(world_generate(&ds, "twins", &o, NULL), ST_OK);
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, ds, SPLIT_SESSIONS, NULL), ST_OK);
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
    struct dataset ds = {.name = "hand", .n_items = 3, .n_sessions = 10, .n_events = 20, .off = off, .item = item};
    struct split *sp = NULL;
    assert_int_equal(split_new(&sp, &ds, SPLIT_SESSIONS, NULL), ST_OK);
    assert_int_equal(sp->n_test, 0);
    assert_int_equal(sp->n_valid, 1);
    assert_int_equal(sp->n_unseen, 1);
    split_free(sp);
}

static void test_names(void **state)
{
    (void)state;
    assert_non_null(strstr(split_name(SPLIT_SESSIONS), "80 / 10 / 10"));
    assert_non_null(split_name(SPLIT_LEAVE_ONE_OUT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_leave_one_out), cmocka_unit_test(test_by_session),
                                       cmocka_unit_test(test_unseen_items), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
