/* Settings: every row sets, shows and resets; the model's settings are routed to it. */
#include "tests/support/app_kit.h"

#include "app/settings.h"

static struct app_kit *kit;

static void rows(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_def *d = &setting_defs[i];
        char range[96], text[64], line[128];
        assert_true(d->doc && d->doc[0] && d->group && d->group[0]);
        assert_int_equal(setting_find(d->name), i);
        setting_range(i, range, sizeof range);
        assert_true(range[0] != '\0');
        /* what is shown can be set */
        setting_text(kit->app, i, text, sizeof text);
        snprintf(line, sizeof line, "set %s %s", d->name, text);
        kit_ok(kit, line);
        assert_false(setting_changed(kit->app, i));
        snprintf(line, sizeof line, "set %s nonsense", d->name);
        kit_fails(kit, line, "bad-value");
        snprintf(line, sizeof line, "set %s", d->name);
        kit_ok(kit, line);
        snprintf(line, sizeof line, "reset %s", d->name);
        kit_ok(kit, line);
    }
}

static void out_of_range(void **state)
{
    (void)state;
    kit_fails(kit, "set k 0", "bad-value");
    kit_fails(kit, "set k 1001", "bad-value");
    kit_fails(kit, "set k 2.5", "bad-value");
    kit_fails(kit, "set smooth 1", "bad-value");
    kit_fails(kit, "set fps -3", "bad-value");
    assert_true(setting(kit->app, SETTING_K) == 10);
}

static void toggles(void **state)
{
    (void)state;
    kit_ok(kit, "set logy toggle");
    assert_true(setting(kit->app, SETTING_LOGY) == 0);
    kit_ok(kit, "set logy on; set theme next");
    assert_string_equal(setting_choice(kit->app, SETTING_THEME), "light");
    kit_ok(kit, "set theme next; set smooth next");
    assert_string_equal(setting_choice(kit->app, SETTING_THEME), "dark");
    assert_true(setting(kit->app, SETTING_SMOOTH) == 0.97);
    kit_ok(kit, "set smooth next; set smooth next");
    assert_true(setting(kit->app, SETTING_SMOOTH) == 0);
    unsigned before = settings_generation(kit->app);
    kit_ok(kit, "reset all");
    assert_true(settings_generation(kit->app) > before);
    for (int i = 0; i < SETTINGS; i++)
        assert_false(setting_changed(kit->app, i));
}

static void unknown(void **state)
{
    (void)state;
    kit_fails(kit, "set learning_rate 3", "bad-key");
    assert_non_null(strstr(kit->err.hint, "lr"));
    kit_fails(kit, "set smoth 0", "bad-key");
    assert_non_null(strstr(kit->err.hint, "smooth"));
    kit_fails(kit, "show nothing", "bad-key");
    kit_fails(kit, "reset nothing", "bad-key");
}

static void of_the_model(void **state)
{
    (void)state;
    kit_fails(kit, "set lr 0.01", "later"); /* no model yet */
    kit_ok(kit, "data plant twins sessions=60; model new sasrec d=8 layers=1 heads=1");
    kit_fails(kit, "set d 16", "later");
    assert_non_null(strstr(kit->err.hint, "model new sasrec d=16"));
    kit_fails(kit, "set lr -1", "bad-value");
    kit_fails(kit, "set lr x", "bad-value");
    json_t *j = kit_json(kit, "set lr 0.0005");
    assert_int_equal(json_integer_value(json_object_get(j, "from_batch")), 1);
    json_decref(j);
    kit_ok(kit, "step 2");
    j = kit_json(kit, "set lr 0.002");
    assert_int_equal(json_integer_value(json_object_get(j, "from_batch")), 3);
    json_decref(j);
    kit_ok(kit, "step");
    kit_ok(kit, "assert lr>0.0019; assert lr<0.0021");
    /* replay knows both changes: the same bits */
    char sha[80];
    j = kit_json(kit, "show run");
    snprintf(sha, sizeof sha, "%s", json_string_value(json_object_get(j, "sha256")));
    json_decref(j);
    kit_ok(kit, "step 2; fork at=3");
    j = kit_json(kit, "show run");
    assert_string_equal(json_string_value(json_object_get(j, "sha256")), sha);
    json_decref(j);
}

static void seeds_and_threads(void **state)
{
    (void)state;
    kit_ok(kit, "set seed 7");
    assert_true(kit->app->seed == 7);
    kit_fails(kit, "set threads 2", "busy"); /* a run holds the pool */
    kit_ok(kit, "reset seed");
    assert_true(kit->app->seed == 1);
    kit_ok(kit, "set truth off");
    assert_false(kit->app->truth_shown);
    kit_ok(kit, "reset truth");
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
        cmocka_unit_test(rows),         cmocka_unit_test(out_of_range),
        cmocka_unit_test(toggles),      cmocka_unit_test(unknown),
        cmocka_unit_test(of_the_model), cmocka_unit_test(seeds_and_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
