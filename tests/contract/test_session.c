/* save session, load session: what comes back, bit for bit; refusals; an older session
 * survives a failed save. */
#include "tests/support/app_kit.h"
#include "app/settings.h"
#include "app/background.h"
#include "app/run.h"
#include "app/ui/screen.h"
#include "app/ui_state.h"
#include "app/views/view_util.h"
#include "tests/support/tmpfile.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void line_ok(struct app_kit *k, const char *verb, const char *path)
{
    char line[700];
    snprintf(line, sizeof line, "%s \"%s\"", verb, path);
    kit_ok(k, line);
}

static void line_fails(struct app_kit *k, const char *verb, const char *path, const char *kind)
{
    char line[700];
    snprintf(line, sizeof line, "%s \"%s\"", verb, path);
    kit_fails(k, line, kind);
}

static int models(void)
{
    DIR *d = opendir(tmp_here.path);
    int n = 0;
    for (struct dirent *f; d && (f = readdir(d));)
        n += strstr(f->d_name, ".safetensors") != NULL;
    if (d)
        closedir(d);
    return n;
}

static void sha_of(struct app_kit *k, int slot, char hex[65])
{
    learner_sha256(app_learner(k->app, slot), hex);
}

static void test_round(void **state)
{
    (void)state;
    char path[300], a0[65], b0[65], now[65];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "class.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant twins items=144 sessions=200 noise=0.2 seed=7");
    kit_ok(k, "model new sasrec d=16 layers=1 heads=2 maxlen=12 seed=7; train steps=12");
    kit_ok(k, "model new gru4rec slot=B hidden=16 seed=3; model use B; train steps=5; model "
              "new pop slot=C");
    kit_ok(k, "pin 13 1 14; seq 13 1 14 2; set fps 12; alias twins \"data plant twins; "
              "model list\"");
    sha_of(k, 0, a0);
    sha_of(k, 1, b0);
    uint64_t hash = k->app->ds->hash;
    line_ok(k, "save session", path);
    kit_app_free(k);
    assert_int_equal(models(), 4); /* two models, two pasts */

    k = kit_app_new();
    line_ok(k, "load session", path);
    assert_true(k->app->ds->hash == hash);
    assert_int_equal(k->app->slot, 2);
    assert_int_equal(k->app->seq.n, 4);
    assert_int_equal(k->app->seq.item[3], 2);
    assert_true(k->app->has_pin && k->app->pin.n == 3);
    assert_string_equal(k->app->slots[2].model->name, "pop");
    assert_true(setting(k->app, SETTING_FPS) == 12);
    assert_int_equal(k->app->n_alias, 1);
    sha_of(k, 0, now);
    assert_string_equal(now, a0);
    sha_of(k, 1, now);
    assert_string_equal(now, b0);
    assert_int_equal(app_step(k->app, 0), 12);
    /* Training goes on to the same bits as without the pause. */
    kit_ok(k, "model use A; train steps=3");
    sha_of(k, 0, now);
    struct app_kit other = {0};
    assert_int_equal(app_new(&other.app, 1, 1, &other.err), ST_OK);
    kit_ok(&other, "data plant twins items=144 sessions=200 noise=0.2 seed=7");
    kit_ok(&other, "model new sasrec d=16 layers=1 heads=2 maxlen=12 seed=7; train steps=15");
    sha_of(&other, 0, a0);
    assert_string_equal(now, a0);
    app_free(other.app);
    /* Saved anew: models that only the old session had are gone. */
    line_ok(k, "save session", path);
    assert_int_equal(models(), 4);
    line_ok(k, "save session", path);
    assert_int_equal(models(), 4);
    /* As a script it does the same. */
    line_ok(k, "source", path);
    assert_int_equal(app_step(k->app, 0), 15);
    kit_app_free(k);
}

static void test_own_data(void **state)
{
    (void)state;
    char path[300], cwd[600];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "own.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data load sample_data/lessons/recipes.csv minlen=3; data split leave-one-out");
    uint64_t hash = k->app->ds->hash;
    int64_t n = k->app->split->n_test;
    line_ok(k, "save session", path);
    kit_app_free(k);
    assert_non_null(getcwd(cwd, sizeof cwd));
    k = kit_app_new();
    assert_int_equal(chdir("/"), 0); /* from anywhere */
    line_ok(k, "load session", path);
    assert_true(k->app->ds->hash == hash && k->app->split->n_test == n);
    assert_int_equal(chdir(cwd), 0);
    kit_app_free(k);
}

/* A share of its own is part of a session. */
static void test_share(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "share.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant drift sessions=200; data split sessions valid=0");
    line_ok(k, "save session", path);
    kit_ok(k, "data split sessions");
    assert_true(k->app->split->n_valid > 0);
    line_ok(k, "load session", path);
    assert_true(k->app->split->n_valid == 0 && k->app->split->n_train == 180);
    kit_fails(k, "data split users valid=0", "bad-value");
    kit_app_free(k);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_refusals(void **state)
{
    (void)state;
    char path[300], text[4000] = "";
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "r.ses"));
    struct app_kit *k = kit_app_new();
    kit_ok(k, "data plant chain items=144 sessions=100 seed=7; seq 1 2 3");
    line_ok(k, "save session", path);
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    line_fails(k, "load session", tmp_path(&tmp_here, "none.ses"), "file");
    char *digit = strstr(text, "seq 1 2 3");
    assert_non_null(digit);
    digit[4] = '9';
    write_file(path, text);
    line_fails(k, "load session", path, "format");
    assert_non_null(strstr(k->err.msg, "changed"));
    assert_int_equal(k->app->seq.n, 3); /* nothing was touched */
    line_ok(k, "source", path);
    assert_int_equal(k->app->seq.item[0], 9);
    write_file(path, "# seqlab session 2\n");
    line_fails(k, "load session", path, "format");
    assert_non_null(strstr(k->err.msg, "version 2"));
    write_file(path, "hello\n");
    line_fails(k, "load session", path, "format");
    write_file(path, "# seqlab session 1\nseq 1\n");
    line_fails(k, "load session", path, "format");
    /* A running model is not torn out, and the old file stands. */
    kit_ok(k, "model new sasrec d=16 maxlen=12; train steps=1000000 bg");
    line_fails(k, "save session", path, "busy");
    f = fopen(path, "r");
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    assert_string_equal(text, "# seqlab session 1\nseq 1\n");
    kit_ok(k, "pause; stop");
    if (kit_run(k, "save session /nonexistent/x.ses") == ST_OK)
        fail_msg("wrote into a folder that is not there");
    kit_app_free(k);
}

static void test_tab(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "tab.ses"));
    struct app_kit *k = kit_app_new();
    assert_int_equal(ui_new(k->app, 100, 30, &k->err), ST_OK);
    kit_ok(k, "data plant chain items=144 sessions=100 seed=7; tab data");
    line_ok(k, "save session", path);
    kit_ok(k, "tab train");
    line_ok(k, "load session", path);
    assert_string_equal(tab_defs[k->app->ui->tab].name, "data");
    kit_app_free(k);
    k = kit_app_new();
    line_ok(k, "load session", path); /* also without a screen */
    kit_app_free(k);
}

/* ---- the loaded session is the saved one ---- */

static const int sizes[2][2] = {{80, 24}, {200, 50}};
enum { TABS = 12 };

/* The text of every tab, heap. */
static void pictures(struct app_kit *k, char *text[TABS][2])
{
    struct grid g = {0};
    struct theme theme;
    theme_fixed(&theme, GLYPHS_ASCII, DEPTH_MONO, false);
    int back = k->app->ui->tab;
    for (int t = 0; tab_defs[t].name && t < TABS; t++)
        for (int i = 0; i < 2; i++) {
            assert_int_equal(ui_tab(k->app, tab_defs[t].name, &k->err), ST_OK);
            assert_int_equal(screen_snap(k->app, sizes[i][0], sizes[i][1], &theme, &g, &k->err),
                             ST_OK);
            text[t][i] = grid_text(&g);
        }
    assert_int_equal(ui_tab(k->app, tab_defs[back].name, &k->err), ST_OK);
    grid_done(&g);
}

static void same_curves(const struct app *a, const struct app *b, int slot)
{
    for (int i = 0; trainer_curves[i]; i++) {
        const struct series *p = slot_series(a, slot, trainer_curves[i]),
                            *q = slot_series(b, slot, trainer_curves[i]);
        double x[2], y[2];
        assert_int_equal(series_len(p), series_len(q));
        for (size_t n = 0; n < series_len(p); n++) {
            assert_true(series_at(p, n, &x[0], &y[0]) && series_at(q, n, &x[1], &y[1]));
            assert_true(x[0] == x[1] && memcmp(&y[0], &y[1], sizeof y[0]) == 0);
        }
    }
}

static void same_history(const struct app *a, const struct app *b, int slot)
{
    int64_t p[256], q[256];
    int n = history_steps(a->slots[slot].history, p, 256);
    assert_int_equal(history_steps(b->slots[slot].history, q, 256), n);
    for (int i = 0; i < n; i++) {
        struct weights *v = history_at(a->slots[slot].history, p[i]),
                       *w = history_at(b->slots[slot].history, q[i]);
        assert_int_equal(p[i], q[i]);
        assert_int_equal(history_marked(a->slots[slot].history, p[i]),
                         history_marked(b->slots[slot].history, q[i]));
        assert_memory_equal(v->x, w->x, params_size(v->ps) * sizeof(real));
        weights_unref(v);
        weights_unref(w);
    }
}

static void same_picture(const char *tab, const char *want, const char *got)
{
    for (int row = 1; *want || *got; row++) {
        size_t w = strcspn(want, "\n"), g = strcspn(got, "\n");
        if (w != g || memcmp(want, got, w) != 0)
            fail_msg("%s line %d\nsaved  |%.*s|\nloaded |%.*s|", tab, row, (int)w, want, (int)g,
                     got);
        want += w + (want[w] == '\n');
        got += g + (got[g] == '\n');
    }
}

/* Looks as it did, tab by tab; curves and kept steps to the bit; breakpoints hold; back,
 * forward and on give the bits of the run that was never closed. */
static void test_as_it_was(void **state)
{
    (void)state;
    char path[300], *want[TABS][2] = {0}, *got[TABS][2] = {0}, sha[2][65];
    snprintf(path, sizeof path, "%s", tmp_path(&tmp_here, "whole.ses"));
    static struct app_kit loaded;
    struct app_kit *k = kit_app_new(), *n = &loaded; /* the kit has room for one */
    assert_int_equal(app_new(&n->app, 1, 1, &n->err), ST_OK);
    assert_int_equal(ui_new(k->app, 100, 30, &k->err), ST_OK);
    kit_ok(k, "data plant twins items=144 sessions=200 noise=0.2 seed=7");
    kit_ok(k, "model new sasrec d=16 layers=2 heads=2 maxlen=12 seed=7; train steps=40; set lr "
              "0.002; train steps=25; eval on=test");
    kit_ok(k, "break loss>90; break step=77; watch loss; watch item.E[45].norm");
    kit_ok(k, "fork slot=C at=32; model use C; train steps=9; model use A; mark");
    kit_ok(
        k,
        "pin 13 1 14; seq 13 1 14 2; whatif 2=7; ablate attn.2.head.1; at 32; attend layer=1 "
        "head=2; tab predict");
    background_wait(k->app);
    app_poll(k->app);
    k->app->cursor = 1;
    pictures(k, want);
    line_ok(k, "save session", path);

    assert_int_equal(ui_new(n->app, 100, 30, &n->err), ST_OK);
    line_ok(n, "load session", path);
    background_wait(n->app);
    app_poll(n->app);
    n->app->n_log--; /* "load session" itself */
    n->app->log_at--;
    assert_int_equal(n->app->at, 32);
    assert_int_equal(n->app->n_watch, 2);
    assert_int_equal(n->app->slots[0].n_break, 2);
    assert_string_equal(n->app->slots[0].breaks[1], "step=77");
    assert_int_equal(n->app->ui->select.head, 2);
    for (int slot = 0; slot <= 2; slot += 2) {
        same_curves(k->app, n->app, slot);
        same_history(k->app, n->app, slot);
    }
    pictures(n, got);
    for (int t = 0; tab_defs[t].name && t < TABS; t++)
        for (int i = 0; i < 2; i++) {
            same_picture(tab_defs[t].name, want[t][i], got[t][i]);
            free(want[t][i]);
            free(got[t][i]);
        }
    /* Steps before the save can be replayed, and the run goes on, up to its breakpoint, to
     * the same bits. */
    for (int i = 0; i < 2; i++) {
        struct app_kit *o = i ? n : k;
        kit_ok(o, "at live; ablate off; fork slot=E at=51; model use A");
        learner_sha256(app_learner(o->app, 'E' - 'A'), sha[i]);
    }
    assert_string_equal(sha[0], sha[1]);
    for (int i = 0; i < 2; i++) {
        struct app_kit *o = i ? n : k;
        kit_ok(o, "train steps=40");
        assert_int_equal(app_step(o->app, 0), 76); /* before the update of 77 */
        learner_sha256(app_learner(o->app, 0), sha[i]);
    }
    assert_string_equal(sha[0], sha[1]);
    same_curves(k->app, n->app, 0);
    app_free(n->app);
    kit_app_free(k);
}

/* A past belongs to one model at one step; what does not fit is refused and nothing changes. */
static void test_past(void **state)
{
    (void)state;
    char model[300], past[300], line[900];
    size_t size;
    snprintf(model, sizeof model, "%s", tmp_path(&tmp_here, "m.st"));
    snprintf(past, sizeof past, "%s", tmp_path(&tmp_here, "p.st"));
    struct app_kit *k = kit_app_new();
    kit_ok(k,
           "data plant chain items=144 sessions=100 seed=7; model new sasrec d=16 maxlen=12");
    line_fails(k, "save past", past, "no-run");
    kit_ok(k, "train steps=9");
    line_ok(k, "save model", model);
    line_ok(k, "save past", past);
    line_fails(k, "load past", past, "busy"); /* has a past */
    kit_ok(k, "step");
    snprintf(line, sizeof line, "load model \"%s\" slot=B; model use B; step; model use A",
             model);
    kit_ok(k, line);
    kit_ok(k, "model new sasrec d=16 maxlen=12 slot=C seed=4; model use C");
    line_fails(k, "load past", past, "mismatch");
    line_fails(k, "load past", model, "format");
    snprintf(line, sizeof line, "load model \"%s\" slot=C", model);
    kit_ok(k, line);
    line_fails(k, "load past", tmp_path(&tmp_here, "none.st"), "file");
    /* Every byte of the file counts. */
    FILE *f = fopen(past, "rb");
    char *bytes = malloc(1 << 20);
    size = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    assert_true(size > 4000 && size < 1 << 20);
    for (size_t at = 8; at < size; at += size / 40) {
        const char *bad = tmp_write(&tmp_here, "bad.st", bytes, size);
        bytes[at] ^= 4;
        bad = tmp_write(&tmp_here, "bad.st", bytes, size);
        snprintf(line, sizeof line, "load past \"%s\"", bad);
        if (kit_run(k, line) == ST_OK)
            fail_msg("byte %zu was changed and nobody saw it", at);
        bytes[at] ^= 4;
        assert_null(k->app->slots[2].trainer);
        assert_int_equal(history_steps(k->app->slots[2].history, NULL, 0), 1);
    }
    free(bytes);
    line_ok(k, "load past", past);
    assert_true(history_steps(k->app->slots[2].history, NULL, 0) >= 5);
    kit_app_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round), cmocka_unit_test(test_own_data),
        cmocka_unit_test(test_share), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tab),   cmocka_unit_test(test_as_it_was),
        cmocka_unit_test(test_past),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
