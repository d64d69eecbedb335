/* filters, gates, latent, ablate as commands: JSON against the model's own numbers, wrong
 * models and numbers refused, what is set by hand is seen by predict and gone again, draws
 * repeat by their number; mutual information against cases with a known answer. */
#include "app/views/latent_space.h"
#include "tests/support/app_kit.h"

#include <math.h>

static struct app_kit *kit;

static int set_up(void **state)
{
    (void)state;
    kit = kit_app_new();
    kit_ok(kit, "data plant tastes items=144 sessions=300 seed=7");
    kit_ok(kit, "model new caser d=8 nh=2 nv=2 slot=A");
    kit_ok(kit, "model new gru4rec hidden=8 slot=B");
    kit_ok(kit, "model new svae K=4 slot=C");
    kit_ok(kit, "model new sasrec d=16 slot=D");
    kit_ok(kit, "model new pen4rec d=8 slot=E");
    kit_ok(kit, "seq 13 1 14 2 15 3 16");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_app_free(kit);
    return 0;
}

static double number(const json_t *j, const char *key)
{
    return json_number_value(json_object_get(j, key));
}

static void filters(void **state)
{
    (void)state;
    kit_ok(kit, "model use A");
    json_t *j = kit_json(kit, "filters sort=act");
    const json_t *list = json_object_get(j, "filters");
    assert_int_equal(json_array_size(list), 10);
    for (size_t i = 0; i < 10; i++) {
        const json_t *f = json_array_get(list, i), *x = json_object_get(f, "answers");
        double top = -1e9;
        for (size_t k = 0; k < json_array_size(x); k++)
            top = fmax(top, json_number_value(json_array_get(x, k)));
        assert_int_equal(json_array_size(x), 5 - (size_t)number(f, "height") + 1);
        assert_true(number(f, "max") == top);
        assert_true(i == 0 || number(f, "max") <= number(json_array_get(list, i - 1), "max"));
        assert_true(isfinite(number(f, "effect")));
    }
    json_decref(j);
    j = kit_json(kit, "filters vertical");
    assert_int_equal(json_array_size(json_object_get(j, "filters")), 2);
    json_decref(j);
    j = kit_json(kit, "filters filter=3");
    assert_int_equal(json_array_size(json_object_get(j, "filters")), 1);
    assert_true(json_array_size(json_object_get(j, "runs")) > 0);
    json_decref(j);
    kit_fails(kit, "filters filter=11", "bad-value");
    kit_fails(kit, "filters sort=size", "bad-value");
    kit_ok(kit, "model use D");
    kit_fails(kit, "filters", "not-for-model");
    kit_fails(kit, "gates", "not-for-model");
}

/* The effect that filters names is the difference predict shows once the filter is silent. */
static void ablation(void **state)
{
    (void)state;
    kit_ok(kit, "model use A");
    json_t *j = kit_json(kit, "filters sort=effect");
    const json_t *f = json_array_get(json_object_get(j, "filters"), 0);
    char part[48], line[96];
    snprintf(part, sizeof part, "%s", json_string_value(json_object_get(f, "part")));
    double effect = number(f, "effect");
    json_decref(j);
    j = kit_json(kit, "predict 13 1 14 2 15 3 16 k=144");
    const json_t *first = json_array_get(json_object_get(j, "items"), 0);
    int id = (int)number(first, "id");
    double p = number(first, "prob"), less = NAN;
    json_decref(j);
    snprintf(line, sizeof line, "ablate %s", part);
    kit_ok(kit, line);
    j = kit_json(kit, "predict 13 1 14 2 15 3 16 k=144");
    for (size_t i = 0; i < 144; i++) {
        const json_t *x = json_array_get(json_object_get(j, "items"), i);
        less = (int)number(x, "id") == id ? number(x, "prob") : less;
    }
    json_decref(j);
    assert_true(fabs(effect) > 0 && fabs(p - less - effect) < 2e-5);
    j = kit_json(kit, "ablate list");
    assert_int_equal(json_array_size(json_object_get(j, "parts")), 1);
    json_decref(j);
    kit_fails(kit, "ablate filter.99", "bad-value");
    kit_fails(kit, "ablate nothing.1", "bad-value");
    kit_fails(kit, "ablate filter", "bad-value");
    kit_fails(kit, "ablate cursor", "no-screen");
    kit_ok(kit, "ablate undo");
    j = kit_json(kit, "predict 13 1 14 2 15 3 16 k=1");
    assert_true(number(json_array_get(json_object_get(j, "items"), 0), "prob") == p);
    json_decref(j);
    /* Of the slot alone, and gone with it. */
    kit_ok(kit, line);
    kit_ok(kit, "model use B");
    j = kit_json(kit, "ablate list");
    assert_int_equal(json_array_size(json_object_get(j, "parts")), 0);
    json_decref(j);
    kit_ok(kit, "model use A; ablate off");
}

/* A silent head is a model whose output projection has zeros in that head's rows: the same
 * list, the same figures of eval. */
static void one_head(char slot, const char *make)
{
    char line[160];
    struct err err;
    struct learner *l = NULL;
    snprintf(line, sizeof line, "%s; model use %c; train steps=6", make, slot);
    kit_ok(kit, line);
    assert_int_equal(learner_clone(&l, app_learner(kit->app, slot - 'A'), &err), ST_OK);
    const struct param *p = params_find(l->ps, slot == 'F' ? "blk1.Wo" : "l1.Wo");
    assert_non_null(p);
    for (int r = 4; r < 8; r++) /* d=16, 4 heads: the second */
        for (int c = 0; c < 16; c++)
            l->x[p->at + (size_t)r * (size_t)p->ld + (size_t)c] = 0;
    assert_int_equal(app_put_learner(kit->app, 'Z' - 'A', l, "by hand", &err), ST_OK);
    json_t *want = kit_json(kit, "predict 13 1 14 2 15 3 16 k=20"),
           *want_eval = kit_json(kit, "eval");
    snprintf(line, sizeof line, "model use %c", slot);
    kit_ok(kit, line);
    json_t *whole = kit_json(kit, "eval"),
           *before = kit_json(kit, "predict 13 1 14 2 15 3 16 k=20");
    json_t *said = kit_json(kit, "ablate attn.1.head.2");
    json_t *got = kit_json(kit, "predict 13 1 14 2 15 3 16 k=20"),
           *got_eval = kit_json(kit, "eval");
    const json_t *effect = json_object_get(said, "effect");
    const json_t *top = json_array_get(json_object_get(before, "items"), 0);
    assert_true(number(effect, "whole") == number(top, "prob") &&
                number(effect, "set") != number(effect, "whole"));
    assert_int_equal((int)number(json_object_get(effect, "item"), "id"),
                     (int)number(top, "id"));
    assert_false(json_equal(json_object_get(before, "items"), json_object_get(got, "items")));
    for (size_t i = 0; i < 20; i++) {
        const json_t *x = json_array_get(json_object_get(want, "items"), i),
                     *y = json_array_get(json_object_get(got, "items"), i);
        assert_int_equal((int)number(x, "id"), (int)number(y, "id"));
        assert_true(fabs(number(x, "prob") - number(y, "prob")) < 1e-6);
    }
    static const char *const keys[] = {"hr@10", "ndcg@10", "logloss"};
    for (int i = 0; i < 3; i++) {
        double was = number(json_object_get(whole, "metrics"), keys[i]);
        assert_true(fabs(number(json_object_get(got_eval, "metrics"), keys[i]) -
                         number(json_object_get(want_eval, "metrics"), keys[i])) < 1e-4);
        assert_true(number(json_object_get(got_eval, "whole"), keys[i]) == was);
    }
    assert_true(number(json_object_get(got_eval, "metrics"), "logloss") !=
                number(json_object_get(whole, "metrics"), "logloss"));
    assert_string_equal(json_string_value(json_object_get(got_eval, "set")), "attn.1.head.2");
    kit_fails(kit, "ablate attn.1.head.5", "bad-value");
    kit_fails(kit, "ablate attn.3.head.1", "bad-value");
    kit_fails(kit, "ablate attn.1.head.0", "bad-value");
    /* Training does not know of it, and its validation is of the whole model. */
    char sha[2][65];
    struct learner *twin = NULL;
    struct step_info info;
    assert_int_equal(learner_clone(&twin, app_learner(kit->app, slot - 'A'), &err), ST_OK);
    assert_int_equal(learner_step(twin, NULL, NULL, &info, &err), ST_OK);
    kit_ok(kit, "step");
    learner_sha256(twin, sha[0]);
    learner_sha256(app_learner(kit->app, slot - 'A'), sha[1]);
    assert_string_equal(sha[0], sha[1]);
    learner_free(twin);
    kit_ok(kit, "ablate off; model drop Z");
    json_t *all[] = {want, want_eval, whole, before, said, got, got_eval};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_decref(all[i]);
}

static void heads(void **state)
{
    (void)state;
    one_head('F', "model new sasrec d=16 layers=2 heads=4 maxlen=12 slot=F seed=3");
    one_head('G', "model new bert4rec d=16 layers=2 heads=4 maxlen=12 slot=G seed=3");
}

static void gates(void **state)
{
    (void)state;
    kit_ok(kit, "model use B");
    json_t *j = kit_json(kit, "gates update");
    const json_t *list = json_object_get(j, "units");
    assert_int_equal(json_array_size(list), 8);
    for (size_t i = 0; i < 8; i++) {
        const json_t *u = json_array_get(list, i), *x = json_object_get(u, "values");
        double sum = 0;
        assert_int_equal(json_array_size(x), 7);
        for (size_t k = 0; k < 7; k++)
            sum += json_number_value(json_array_get(x, k));
        assert_true(fabs(number(u, "memory") - 7 / sum) < 1e-3 * number(u, "memory"));
        assert_true(i == 0 ||
                    number(u, "memory") <= number(json_array_get(list, i - 1), "memory"));
    }
    assert_int_equal(json_array_size(json_object_get(j, "steps")), 7);
    json_decref(j);
    kit_fails(kit, "gates unit=9", "bad-value");
    kit_fails(kit, "gates layer=2", "bad-value");
    kit_ok(kit, "ablate gru1.update.3 value=1");
    j = kit_json(kit, "gates unit=3");
    const json_t *x = json_object_get(json_array_get(json_object_get(j, "units"), 0), "values");
    for (size_t k = 0; k < 7; k++)
        assert_true(json_number_value(json_array_get(x, k)) == 1);
    json_decref(j);
    kit_ok(kit, "ablate off; model use E");
    j = kit_json(kit, "gates state track=3");
    assert_int_equal((int)number(j, "track"), 3);
    assert_int_equal(json_array_size(json_object_get(j, "units")), 8);
    json_decref(j);
    kit_fails(kit, "gates track=4", "bad-value");
}

static void latent(void **state)
{
    (void)state;
    kit_ok(kit, "model use C");
    json_t *mean = kit_json(kit, "latent"), *j = kit_json(kit, "predict 13 1 14 2 15 3 16 k=5");
    for (size_t i = 0; i < 5; i++) /* nothing moved: the list of predict */
        assert_int_equal((int)number(json_array_get(json_object_get(mean, "choices"), i), "id"),
                         (int)number(json_array_get(json_object_get(j, "items"), i), "id"));
    json_decref(j);
    j = kit_json(kit, "latent unit=2 value=2.5");
    assert_false(json_equal(json_object_get(j, "choices"), json_object_get(mean, "choices")));
    json_decref(j);
    json_t *draw[3] = {kit_json(kit, "latent sample=4"), kit_json(kit, "latent sample=4"),
                       kit_json(kit, "latent sample=5")};
    assert_true(
        json_equal(json_object_get(draw[0], "units"), json_object_get(draw[1], "units")));
    assert_false(
        json_equal(json_object_get(draw[0], "units"), json_object_get(draw[2], "units")));
    for (int i = 0; i < 3; i++)
        json_decref(draw[i]);
    json_decref(mean);
    kit_fails(kit, "latent unit=5", "bad-value");
    kit_fails(kit, "latent sample=x", "bad-value");
    /* Any other model: its items. */
    kit_ok(kit, "model use D");
    j = kit_json(kit, "latent");
    assert_int_equal(json_array_size(json_object_get(j, "items")), 144);
    assert_true(isfinite(number(json_object_get(j, "state"), "x")));
    json_decref(j);
}

static void information(void **state)
{
    (void)state;
    enum { N = 400 };
    float x[N];
    int cls[N];
    double h;
    for (int i = 0; i < N; i++) { /* four even classes, each with values of its own */
        cls[i] = i % 4;
        x[i] = (float)(cls[i] * 10 + i / 100.0);
    }
    double mi = mutual_information(x, 1, cls, N, &h);
    assert_true(fabs(h - log(4)) < 1e-9);
    /* all of it, less the correction */
    assert_true(fabs(mi - (log(4) - 7.0 * 3 / (2 * N))) < 1e-6);
    for (int i = 0; i < N; i++) /* the class says nothing of the value */
        x[i] = (float)(i / 4 % 100);
    assert_true(mutual_information(x, 1, cls, N, &h) < 0.01);
    for (int i = 0; i < N; i++)
        cls[i] = -1;
    assert_true(mutual_information(x, 1, cls, N, &h) == 0 && h == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters), cmocka_unit_test(ablation), cmocka_unit_test(heads),
        cmocka_unit_test(gates),   cmocka_unit_test(latent),   cmocka_unit_test(information),
    };
    return cmocka_run_group_tests_name("parts", tests, set_up, tear_down);
}
