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

/* ahead: whole sequences; what asks single items is refused, and where nobody has enough held out the way out is named. */
static void test_ahead(void **state)
{
    (void)state;
    kit_ok(kit,
           "data plant chain sessions=200; model new bert4rec d=8 layers=1; train steps=20");
    json_t *j = kit_json(kit, "eval ahead=3 on=test cases=10");
    assert_int_equal(json_integer_value(json_object_get(j, "n")), 10);
    assert_int_equal(json_array_size(json_object_get(j, "steps")), 3);
    json_t *step = json_array_get(json_object_get(j, "steps"), 2);
    assert_true(json_is_number(json_object_get(json_object_get(step, "tail"), "hr@10")));
    assert_true(json_is_number(json_object_get(json_object_get(step, "roll"), "ndcg@10")));
    assert_true(json_is_number(json_object_get(json_object_get(j, "recall"), "roll")));
    json_decref(j);
    kit_ok(kit, "eval ahead=3");
    for (char *line = strtok(kit->said.text, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80 || strncmp(line, "A:", 2) == 0);
    kit_fails(kit, "eval ahead=3 ties=half", "bad-value");
    kit_fails(kit, "eval ahead=3 protocol=events", "bad-value");
    kit_fails(kit, "eval repeats=yes", "bad-value");
    kit_fails(kit, "eval ahead=25", "no-question");
    int most = 0;
    assert_int_equal(sscanf(kit->err.hint, "Try: eval ahead=%d", &most), 1);
    char line[40];
    snprintf(line, sizeof line, "eval ahead=%d", most);
    kit_ok(kit, line);
    kit_ok(kit, "predict 12 87 3 steps=3 temperature=1 top_p=0.9 seed=4");
    assert_non_null(strstr(kit->said.text, "drawn at temperature 1, top_p 0.9, seed 4"));
    kit_fails(kit, "predict 12 87 3 steps=3 temperature=1 beam=2", "bad-value");
    kit_ok(kit, "data split leave-one-out; model new bert4rec d=8 layers=1");
    kit_fails(kit, "eval ahead=2", "no-question");
    assert_non_null(strstr(kit->err.hint, "leave-k-out k=2"));
    kit_ok(kit, "data split leave-k-out k=2; model new bert4rec d=8 layers=1; eval ahead=2");
    kit_fails(kit, "data split sessions k=2", "bad-value");
}

static double train_floor(const char *line)
{
    json_t *j = kit_json(kit, line), *f = json_object_get(j, "train_floor");
    double v = f ? json_number_value(f) : 0;
    assert_int_equal(kit->st, ST_OK);
    json_decref(j);
    return v;
}

/* The floor of a training loss that fills in: of what is hidden now; none where the odds are not known. */
static void test_filling_floor(void **state)
{
    (void)state;
    kit_ok(kit, "data plant chain sessions=300; model new bert4rec d=8 layers=1");
    double usual = train_floor("show run"), half = train_floor("set mask.prob 0.5; show run");
    assert_true(usual > 0.5 && usual < 1.2); /* from both sides: less than the 1.829 of the next item */
    assert_true(half > usual + 0.3 && half < 3);
    assert_true(train_floor("set mask.prob 0.2; show run") == usual);
    assert_true(train_floor("set mask.other 0.1; show run") == 0);
    assert_true(train_floor("model new bert4rec d=8 layers=1 maxlen=8; show run") == 0); /* windows of longer sessions */
    assert_true(train_floor("model new sasrec d=8 layers=1; show run") == 0);
    assert_true(train_floor("data split leave-one-out; model new bert4rec d=8 layers=1; show run") == 0);
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
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_filling_floor),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
