/* What `eval` is asked beyond the protocol's defaults, and commands that ask about a
 * sequence item by item. */
#include "tests/support/app_kit.h"

#include <math.h>

static struct app_kit *kit;

static double metric(const char *line, const char *name)
{
    json_t *j = kit_json(kit, line);
    double v = json_number_value(json_object_get(json_object_get(j, "metrics"), name));
    assert_int_equal(kit->st, ST_OK);
    json_decref(j);
    return v;
}

/* ties: popularity knows many equals.  In the target's favour, against it, between; and the
 * words say which. */
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

/* ahead: whole sequences; what asks single items is refused, and where nobody has enough
 * held out the way out is named. */
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

/* The floor of a training loss that fills in: of what is hidden now; none where the odds are
 * not known. */
static void test_filling_floor(void **state)
{
    (void)state;
    kit_ok(kit, "data plant chain sessions=300; model new bert4rec d=8 layers=1");
    double usual = train_floor("show run"), half = train_floor("set mask.prob 0.5; show run");
    /* from both sides: less than the 1.829 of the next item */
    assert_true(usual > 0.5 && usual < 1.2);
    assert_true(half > usual + 0.3 && half < 3);
    assert_true(train_floor("set mask.prob 0.2; show run") == usual);
    assert_true(train_floor("set mask.other 0.1; show run") == 0);
    /* windows of longer sessions */
    assert_true(train_floor("model new bert4rec d=8 layers=1 maxlen=8; show run") == 0);
    assert_true(train_floor("model new sasrec d=8 layers=1; show run") == 0);
    assert_true(
        train_floor("data split leave-one-out; model new bert4rec d=8 layers=1; show run") ==
        0);
}

static double num(const json_t *j, const char *name)
{
    json_t *v = json_object_get(j, name);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

/* An item's odds in the list of `predict`. */
static double odds_after(const char *line, json_int_t id)
{
    json_t *j = kit_json(kit, line), *list = json_object_get(j, "items");
    double p = -1;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_integer_value(json_object_get(json_array_get(list, i), "id")) == id)
            p = num(json_array_get(list, i), "prob");
    json_decref(j);
    assert_true(p >= 0);
    return p;
}

/* fill and surprise: a place hidden in the middle; at the end it is the next item after the
 * rest; without hiding, each item is asked after those before it. */
static void test_fill_and_surprise(void **state)
{
    (void)state;
    kit_ok(kit, "data plant gap sessions=200 items=144; model new bert4rec d=16; train "
                "steps=60; seq from s:1 upto=8");
    json_t *s = kit_json(kit, "surprise"), *items = json_object_get(s, "items");
    assert_true(json_is_true(json_object_get(s, "hidden")));
    assert_int_equal(json_array_size(items), 8);
    double nats = 0;
    for (int i = 0; i < 8; i++) {
        char line[24];
        json_t *it = json_array_get(items, (size_t)i);
        snprintf(line, sizeof line, "fill %d k=144", i + 1);
        json_t *f = kit_json(kit, line),
               *place = json_array_get(json_object_get(f, "places"), 0),
               *was = json_object_get(place, "was");
        assert_int_equal(json_array_size(json_object_get(f, "places")), 1);
        assert_int_equal((int)num(place, "pos"), i + 1);
        assert_true(num(was, "prob") == num(it, "prob") && num(was, "rank") == num(it, "rank"));
        double sum = 0;
        for (size_t k = 0; k < 144; k++)
            sum += num(json_array_get(json_object_get(place, "items"), k), "prob");
        assert_true(fabs(sum - 1) < 1e-3);
        nats -= log(num(it, "prob"));
        json_decref(f);
    }
    assert_true(fabs(nats / 8 - num(s, "nats")) < 1e-3);
    json_t *last = json_array_get(items, 7);
    assert_true(odds_after("whatif drop -1; predict k=144", (json_int_t)num(last, "id")) ==
                num(last, "prob"));
    json_decref(s);
    json_t *f = kit_json(kit, "seq 94 _ 82 _ 85; fill k=3"); /* those that are hidden */
    assert_int_equal(json_array_size(json_object_get(f, "places")), 2);
    json_decref(f);
    kit_fails(kit, "seq 94 82; fill", "bad-value");
    kit_ok(kit, "model new sasrec d=8 layers=1 heads=1; seq from s:1 upto=6");
    kit_fails(kit, "fill 2", "not-for-model");
    s = kit_json(kit, "surprise");
    items = json_object_get(s, "items");
    assert_true(json_is_null(json_object_get(json_array_get(items, 0), "prob")));
    json_t *third = json_array_get(items, 2);
    double p = num(third, "prob");
    json_int_t id = (json_int_t)num(third, "id");
    json_decref(s);
    assert_true(odds_after("seq from s:1 upto=2; predict k=144", id) == p);
}

/* attend: where a model that sees both sides looks; tensor cosine: rows against each other. */
static void test_sides_and_cosine(void **state)
{
    (void)state;
    kit_ok(
        kit,
        "data plant gap sessions=200 items=144; model new bert4rec d=16; seq from s:1 upto=6");
    json_t *j = kit_json(kit, "attend row=3 layer=1 head=1"), *s,
           *map = json_array_get(json_object_get(j, "rows"), 0);
    double far = 0;
    for (size_t i = 0; i < json_array_size(map); i++)
        far += fabs((double)i - 2) * json_number_value(json_array_get(map, i));
    assert_true(fabs(num(j, "distance") - far) < 1e-3);
    json_decref(j);
    j = kit_json(kit, "attend");
    s = json_object_get(j, "sides");
    assert_true(fabs(num(s, "left") + num(s, "self") + num(s, "right") - 1) < 1e-3);
    json_decref(j);
    j = kit_json(kit, "attend row=1"); /* nothing stands before it */
    assert_true(num(json_object_get(j, "sides"), "left") == 0);
    json_decref(j);
    j = kit_json(kit, "tensor pos.P[1:4] cosine");
    json_t *v = json_object_get(j, "values");
    assert_int_equal(json_array_size(v), 16);
    for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 4; c++) {
            double x = json_number_value(json_array_get(v, 4 * r + c)),
                   y = json_number_value(json_array_get(v, 4 * c + r));
            assert_true(x == y && fabs(x) < 1 + 1e-6 && (r != c || fabs(x - 1) < 1e-6));
        }
    json_decref(j);
    kit_fails(kit, "tensor pos.P[1] cosine", "bad-value");
    kit_ok(kit, "model new sasrec d=8 layers=1 heads=1; attend");
    assert_null(strstr(kit->said.text, "later places"));
}

static int setup(void **state)
{
    (void)state;
    kit = kit_app_new();
    return 0;
}

/* The ids of a list of next items; false: the answer does not say popularity. */
static bool list_of(const char *line, int64_t *id, int n)
{
    json_t *j = kit_json(kit, line), *items = json_object_get(j, "items");
    assert_int_equal(kit->st, ST_OK);
    assert_int_equal(json_array_size(items), n);
    for (int i = 0; i < n; i++)
        id[i] = json_integer_value(json_object_get(json_array_get(items, (size_t)i), "id"));
    bool popular =
        strcmp(json_string_value(json_object_get(j, "ranked_by")), "popularity") == 0;
    json_decref(j);
    return popular;
}

/* No sequence: whatever the model, the list is that of popularity in training, and every form
 * says so; what needs an item to go on from is refused, and nothing changes. */
static void test_predict_after_nothing(void **state)
{
    (void)state;
    static const char *const models[] = {"sasrec d=8",
                                         "gru4rec hidden=8",
                                         "bert4rec d=8",
                                         "caser d=8",
                                         "svae E=8 H=8 HID=8 K=4",
                                         "pen4rec d=8",
                                         "markov",
                                         "itemknn",
                                         "pop"};
    enum { K = 12 };
    int64_t want[K], got[K];
    char line[120];
    kit_ok(kit, "data plant skew sessions=200; model new pop; seq 1");
    assert_false(list_of("predict k=12", want, K));
    const int64_t *pop = kit->app->split->train_pop;
    for (int i = 1; i < K; i++)
        assert_true(pop[want[i - 1]] > pop[want[i]] ||
                    (pop[want[i - 1]] == pop[want[i]] && want[i - 1] < want[i]));
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        snprintf(line, sizeof line, "model drop A; model new %s; seq clear", models[m]);
        kit_ok(kit, line);
        assert_true(list_of("predict k=12 exclude=seen", got, K));
        assert_memory_equal(got, want, sizeof want);
        kit_ok(kit, "predict");
        assert_non_null(strstr(kit->said.text, "popularity"));
        kit_fails(kit, "predict steps=3", "empty-seq");
        kit_fails(kit, "predict temperature=1", "empty-seq");
        kit_fails(kit, "predict $", "empty-seq");
        kit_fails(kit, "compare A@0 A on=seq", "empty-seq");
        assert_int_equal(kit->app->seq.n, 0);
        kit_ok(kit, "predict 3");
        assert_null(strstr(kit->said.text, "popularity in training"));
    }
}

/* What was trained by sigmoids shows those, and that they are no distribution. */
static void test_predict_by_sigmoids(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool sigmoid;
    } of[] = {{"sasrec d=8 loss=bce", true},
              {"sasrec d=8 loss=gbce", true},
              {"bert4rec d=8 loss=gbce", true},
              {"caser d=8 loss=bce", true},
              {"sasrec d=8 loss=ce", false},
              {"gru4rec hidden=8 loss=bpr", false},
              {"pop", false}};
    kit_ok(kit, "data plant skew sessions=200; model new pop");
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char line[120];
        snprintf(line, sizeof line, "model drop A; model new %s", of[i].model);
        kit_ok(kit, line);
        json_t *j = kit_json(kit, "predict 3 4 k=3"), *items = json_object_get(j, "items");
        for (size_t k = 0; k < 3; k++) {
            json_t *item = json_array_get(items, k), *own = json_object_get(item, "sigmoid");
            double score = json_number_value(json_object_get(item, "score"));
            assert_int_equal(own != NULL, of[i].sigmoid);
            if (own)
                assert_true(fabs(json_number_value(own) - 1 / (1 + exp(-score))) < 1e-3);
        }
        json_decref(j);
        kit_ok(kit, "predict 3 4");
        assert_int_equal(strstr(kit->said.text, "not a distribution") != NULL, of[i].sigmoid);
        kit_ok(kit, "predict 3 4 as=score");
        assert_null(strstr(kit->said.text, "distribution,"));
        kit_ok(kit, "seq clear");
        j = kit_json(kit, "predict k=1"); /* popularity is a distribution */
        assert_null(json_object_get(json_array_get(json_object_get(j, "items"), 0), "sigmoid"));
        json_decref(j);
    }
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
        cmocka_unit_test(test_fill_and_surprise),
        cmocka_unit_test(test_sides_and_cosine),
        cmocka_unit_test(test_predict_after_nothing),
        cmocka_unit_test(test_predict_by_sigmoids),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
