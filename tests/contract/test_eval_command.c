/* What `eval` is asked beyond the protocol's defaults. */
#include "tests/support/app_kit.h"

static struct app_kit *kit;

static double metric(const char *line, const char *name)
{
    json_t *j = kit_json(kit, line);
    double v = json_number_value(json_object_get(json_object_get(j, "metrics"), name));
    assert_int_equal(kit->st, ST_OK);
    json_decref(j);
    return v;
}

/* ties: popularity knows many equals.  In the target's favour, against it, between; and the words say which. */
static void test_ties(void **state)
{
    (void)state;
    kit_ok(kit, "data plant skew sessions=200; model new pop");
    double best = metric("eval ties=standard", "mrr"),
           worst = metric("eval ties=conservative", "mrr"), usual = metric("eval", "mrr");
    assert_true(best > usual && usual > worst);
    assert_true(metric("eval ties=median", "mrr") < best &&
                metric("eval ties=half", "mrr") == usual);
    kit_ok(kit, "eval ties=conservative");
    assert_non_null(strstr(kit->said.text, "ties conservative"));
    kit_ok(kit, "eval");
    assert_null(strstr(kit->said.text, "ties"));
    json_t *j = kit_json(kit, "eval protocol=events");
    assert_string_equal(json_string_value(json_object_get(j, "ties")), "standard");
    json_decref(j);
    kit_fails(kit, "eval ties=best", "bad-value");
}

static int setup(void **state)
{
    (void)state;
    kit = kit_app_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_app_free(kit);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ties),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
