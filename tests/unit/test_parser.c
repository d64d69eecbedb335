/* Words of a line, conditions, typed arguments, suggestions, output. */
#include "tests/support/app_kit.h"

#include "app/ui/text.h"
#include "app/cmd/call.h"
#include "app/cmd/condition.h"
#include "app/cmd/suggest.h"
#include "app/cmd/tensor_path.h"

#include <math.h>
#include <stdlib.h>

static struct arena *mem;
static struct err err;
static int32_t col, len;

static enum status lex(const char *line, struct lexed *out)
{
    return lex_line(line, false, mem, out, &col, &len, &err);
}

static void words_and_commands(void **state)
{
    (void)state;
    struct lexed lx;
    assert_int_equal(lex("  predict 12,87  3 k=5;seq clear ; # rest; of it", &lx), ST_OK);
    assert_int_equal(lx.n, 2);
    assert_int_equal(lx.stamp, -1);
    const struct token *t = lx.command[0].token;
    assert_int_equal(lx.command[0].n, 4);
    assert_string_equal(t[0].text, "predict");
    assert_int_equal(t[1].n_part, 2);
    assert_string_equal(t[1].part[0].text, "12");
    assert_string_equal(t[1].part[1].text, "87");
    assert_int_equal(t[1].part[1].col, 13);
    assert_string_equal(t[3].key, "k");
    assert_string_equal(t[3].value, "5");
    assert_int_equal(t[3].value_col, 21);
    assert_int_equal(lx.command[1].n, 2);
    assert_int_equal(lx.command[0].from, 2);
    assert_int_equal(lx.command[0].to, 22);
}

static void empty_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {"",  "   ",   "\t", "# only a comment",
                                        ";", " ; ; ", ";;#"};
    struct lexed lx;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(lex(lines[i], &lx), ST_OK);
        assert_int_equal(lx.n, 0);
    }
}

static void quotes_and_escapes(void **state)
{
    (void)state;
    struct lexed lx;
    assert_int_equal(
        lex("seq @\"birthday card\" \"a;b#c\" x=\"1 2\",3 \"say \\\"hi\\\"\"", &lx), ST_OK);
    assert_int_equal(lx.n, 1);
    const struct token *t = lx.command[0].token;
    assert_int_equal(lx.command[0].n, 5);
    assert_true(t[1].part[0].at);
    assert_string_equal(t[1].part[0].text, "birthday card");
    assert_true(t[2].quoted);
    assert_string_equal(t[2].text, "a;b#c");
    assert_string_equal(t[3].key, "x");
    assert_int_equal(t[3].n_part, 2);
    assert_string_equal(t[3].part[0].text, "1 2");
    assert_string_equal(t[4].text, "say \"hi\"");
}

static void equal_signs(void **state)
{
    (void)state;
    struct lexed lx;
    assert_int_equal(lex("break loss<=3 a==b hr@10>=0.5 2=45 tensor x[head=1] =x a#b", &lx),
                     ST_OK);
    const struct token *t = lx.command[0].token;
    assert_int_equal(lx.command[0].n, 9);
    for (int i = 0; i < 9; i++)
        assert_null(t[i].key);
    assert_string_equal(t[8].text, "a#b"); /* a comment begins a word */
}

static void stamps(void **state)
{
    (void)state;
    struct lexed lx;
    assert_int_equal(lex("@1280 set lr 0.0005", &lx), ST_OK);
    assert_int_equal(lx.stamp, 1280);
    assert_int_equal(lx.n, 1);
    assert_int_equal(lex("@12x set lr 1", &lx), ST_ARG);
    assert_int_equal(lex("seq @12", &lx), ST_OK);
    assert_int_equal(lx.stamp, -1);
}

static void open_quote(void **state)
{
    (void)state;
    struct lexed lx;
    assert_int_equal(lex("seq \"birthday card", &lx), ST_ARG);
    assert_int_equal(col, 4);
    assert_string_equal(err.kind, "syntax");
    assert_int_equal(lex_line("seq \"birth", true, mem, &lx, &col, &len, &err), ST_OK);
    assert_string_equal(lx.command[0].token[1].text, "birth");
}

static void bounds(void **state)
{
    (void)state;
    struct lexed lx;
    size_t n = LINE_MAX_BYTES + 10;
    char *line = malloc(n + 1);
    memset(line, 'a', n);
    line[n] = '\0';
    assert_int_equal(lex(line, &lx), ST_ARG);
    for (size_t i = 0; i < n; i++)
        line[i] = i % 2 ? ' ' : 'a';
    line[LINE_MAX_BYTES] = '\0';
    assert_int_equal(lex(line, &lx), ST_ARG); /* too many words */
    for (size_t i = 0; i < n; i++)
        line[i] = i % 2 ? ';' : 'a';
    line[LINE_MAX_BYTES] = '\0';
    assert_int_equal(lex(line, &lx), ST_ARG); /* too many commands */
    memset(line, ',', 100);
    line[100] = '\0';
    assert_int_equal(lex(line, &lx), ST_OK);
    assert_int_equal(lx.command[0].token[0].n_part, 101);
    free(line);
}

static void continuation(void **state)
{
    (void)state;
    assert_true(lex_continues("model new sasrec \\"));
    assert_true(lex_continues("echo \"a\\"));
    assert_false(lex_continues("echo a # comment \\"));
    assert_false(lex_continues("echo a"));
    assert_true(lex_continues("echo \"# no comment\" \\"));
    assert_false(lex_continues(""));
}

static void conditions(void **state)
{
    (void)state;
    struct condition c;
    assert_int_equal(condition_parse(&c, "loss<3", &err), ST_OK);
    assert_int_equal(c.kind, COND_COMPARE);
    assert_int_equal(c.op, OP_LT);
    assert_true(c.value == 3);
    assert_int_equal(condition_parse(&c, "hr@20>=.35", &err), ST_OK);
    assert_int_equal(c.q.kind, Q_HR);
    assert_int_equal(c.q.k, 20);
    assert_int_equal(condition_parse(&c, "step=100", &err), ST_OK);
    assert_int_equal(c.kind, COND_STEP);
    assert_int_equal(c.step, 100);
    assert_int_equal(condition_parse(&c, "nan", &err), ST_OK);
    assert_int_equal(condition_parse(&c, "epoch", &err), ST_OK);
    assert_int_equal(condition_parse(&c, "block1.attn.prob[head=1].max>0.9", &err), ST_OK);
    assert_int_equal(c.q.kind, Q_TENSOR);
    assert_string_equal(c.q.text, "block1.attn.prob[head=1]");
    assert_int_equal(c.q.stat, STAT_MAX);
    static const char *const bad[] = {"",       "loss",     "loss<",  "loss<x",  "<3",
                                      "los<3",  "hr@0>1",   "hr@x>1", "step=-1", "step=1.5",
                                      "step=x", "loss<nan", "=",      "a.b<1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (condition_parse(&c, bad[i], &err) == ST_OK)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(condition_parse(&c, "los<3", &err), ST_ARG);
    assert_non_null(strstr(err.hint, "loss"));
    assert_true(condition_holds(OP_LE, 3, 3));
    assert_false(condition_holds(OP_LT, (double)NAN, 3));
    assert_false(condition_holds(OP_GE, (double)NAN, 3));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("predict", "preditc", 3), 1); /* a swap is one slip */
    assert_int_equal(edit_distance("lamp", "lamp", 3), 0);
    assert_int_equal(edit_distance("LAMP", "lamp", 3), 0);
    assert_int_equal(edit_distance("kitten", "sitting", 5), 3);
    assert_int_equal(edit_distance("kitten", "sitting", 2), 3); /* limit + 1 */
    assert_int_equal(edit_distance("", "abc", 3), 3);
    struct suggest s;
    suggest_begin(&s, "preditc");
    suggest_add(&s, "pin");
    suggest_add(&s, "predict");
    assert_string_equal(s.pick, "predict");
    suggest_begin(&s, "xyzzy");
    suggest_add(&s, "predict");
    assert_null(s.pick);
    suggest_begin(&s, "q");
    suggest_add(&s, "at");
    assert_null(s.pick); /* nothing in common is not near */
}

static void patterns(void **state)
{
    (void)state;
    assert_true(name_matches("block*.attn.prob", "block12.attn.prob"));
    assert_true(name_matches("*", ""));
    assert_true(name_matches("*prob", "block1.attn.prob"));
    assert_false(name_matches("block1", "block12"));
    assert_true(name_matches(NULL, "x"));
    assert_true(name_matches("a*b*c", "aXXbYYc"));
    assert_false(name_matches("a*b*d", "aXXbYYc"));
}

/* ---- with data ---- */

static struct app_kit *kit;

static void items(void **state)
{
    (void)state;
    kit_ok(kit, "seq 12 87 3");
    assert_int_equal(kit->app->seq.n, 3);
    kit_ok(kit, "seq 12, 87,3");
    assert_int_equal(kit->app->seq.n, 3);
    kit_ok(kit, "seq @flour @\"rolling pin\" \"baking powder\" 5");
    assert_int_equal(kit->app->seq.n, 4);
    assert_int_equal(kit->app->seq.item[0], dataset_find_item(kit->app->ds, "flour"));
    assert_int_equal(kit->app->seq.item[1], dataset_find_item(kit->app->ds, "rolling pin"));
    kit_ok(kit, "pin; seq $ 7");
    assert_int_equal(kit->app->seq.n, 5);
    kit_ok(kit, "seq $pin");
    assert_int_equal(kit->app->seq.n, 4);
    kit_ok(kit, "seq s:1");
    assert_int_equal(kit->app->seq.n, dataset_len(kit->app->ds, 0));
    kit_ok(kit, "seq from s:2 upto=3");
    assert_int_equal(kit->app->seq.n, 3);
}

static void places_of_errors(void **state)
{
    (void)state;
    kit_fails(kit, "seq 12 512 3", "bad-item");
    assert_int_equal(kit->col, 7);
    assert_int_equal(kit->len, 3);
    kit_fails(kit, "seq 12,512,3", "bad-item");
    assert_int_equal(kit->col, 7);
    kit_fails(kit, "seq 1 2; seq 0", "bad-item");
    assert_int_equal(kit->col, 13);
    kit_fails(kit, "seq @lampe", "bad-item");
    kit_fails(kit, "seq flour", "bad-item"); /* names take an @ */
    assert_non_null(strstr(kit->err.hint, "@flour"));
    kit_fails(kit, "seq \"no such thing\"", "bad-item"); /* in quotes it is a name */
    kit_fails(kit, "preditc 12", "unknown");
    assert_non_null(strstr(kit->err.hint, "predict"));
}

static void near_names(void **state)
{
    (void)state;
    kit_fails(kit, "seq @roling", "bad-item");
    kit_fails(kit, "seq @butter_", "bad-item");
    assert_non_null(strstr(kit->err.hint, "butter (3)"));
}

static void failure_changes_nothing(void **state)
{
    (void)state;
    kit_ok(kit, "seq 1 2 3");
    kit_fails(kit, "seq 4 5 999", "bad-item");
    assert_int_equal(kit->app->seq.n, 3);
    assert_int_equal(kit->app->seq.item[0], 1);
    kit_fails(kit, "seq 9; seq 999; seq 8", "bad-item"); /* the first failure ends the line */
    assert_int_equal(kit->app->seq.item[0], 9);
}

static void prefixes(void **state)
{
    (void)state;
    assert_int_equal(kit_run_as(kit, OUT_TEXT, false, "ech hello"), ST_OK);
    assert_string_equal(kit->said.text, "hello\n");
    /* scripts need full verbs */
    assert_int_not_equal(kit_run_as(kit, OUT_TEXT, true, "ech hello"), ST_OK);
    kit_fails(kit, "s 1", "unknown"); /* several begin with it */
    assert_int_equal(kit_run_as(kit, OUT_TEXT, false, "data inf"), ST_OK);
    kit_fails(kit, "data s", "unknown"); /* show, split */
}

static void positions(void **state)
{
    (void)state;
    kit_ok(kit, "seq 1 2 3; whatif 2=45");
    assert_int_equal(kit->app->seq.item[1], 45);
    kit_ok(kit, "whatif -1=@flour");
    assert_int_equal(kit->app->seq.item[2], 1);
    kit_ok(kit, "whatif drop -1");
    assert_int_equal(kit->app->seq.n, 2);
    kit_ok(kit, "whatif insert 1 9; whatif swap 1 2; whatif undo; whatif redo");
    assert_int_equal(kit->app->seq.item[0], 1);
    assert_int_equal(kit->app->seq.item[1], 9);
    kit_fails(kit, "whatif 9=3", "bad-position");
    kit_fails(kit, "whatif drop 0", "bad-position");
    kit_fails(kit, "whatif drop x", "bad-position");
    kit_fails(kit, "whatif 1=", "bad-value");
    kit_fails(kit, "whatif 1=999", "bad-item");
    assert_int_equal(kit->col, 9);
}

static void undo_levels(void **state)
{
    (void)state;
    kit_ok(kit, "seq 1");
    for (int i = 2; i <= 230; i++) {
        char line[32];
        snprintf(line, sizeof line, "seq %d", i);
        kit_ok(kit, line);
    }
    for (int i = 0; i < 200; i++)
        kit_ok(kit, "whatif undo");
    assert_int_equal(kit->app->seq.item[0], 30);
    kit_ok(kit, "whatif redo");
    assert_int_equal(kit->app->seq.item[0], 31);
    kit_ok(kit, "seq 7"); /* a new edit forgets what was undone */
    kit_fails(kit, "whatif redo", "no-edit");
}

static void aliases(void **state)
{
    (void)state;
    kit_ok(kit, "alias pair \"seq 1 2; seq append\"; pair 3");
    assert_int_equal(kit->app->seq.n, 3);
    kit_fails(kit, "alias seq \"echo\"", "bad-value");
    kit_ok(kit, "alias loop \"loop\"");
    assert_int_not_equal(kit_run(kit, "loop"), ST_OK); /* ends, with an error */
    kit_ok(kit, "alias loop; alias pair");
    kit_fails(kit, "pair 3", "unknown");
}

static void json_lines(void **state)
{
    (void)state;
    json_t *j = kit_json(kit, "seq 1 2; echo \"a \xff b\"");
    assert_string_equal(json_string_value(json_object_get(j, "command")), "echo");
    assert_true(json_is_true(json_object_get(j, "ok")));
    assert_non_null(json_object_get(j, "text"));
    json_decref(j);
    j = kit_json(kit, "seq 999");
    assert_string_equal(json_string_value(json_object_get(j, "command")), "seq");
    assert_true(json_is_false(json_object_get(j, "ok")));
    json_t *e = json_object_get(j, "error");
    assert_string_equal(json_string_value(json_object_get(e, "kind")), "bad-item");
    assert_int_equal(json_integer_value(json_object_get(e, "column")), 5);
    assert_non_null(json_object_get(e, "message"));
    assert_non_null(json_object_get(e, "hint"));
    json_decref(j);
    j = kit_json(kit, "seq \"open");
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "error"), "kind")),
                        "syntax");
    json_decref(j);
}

static void inert_text(void **state)
{
    (void)state;
    char buf[64];
    assert_string_equal(inert(buf, sizeof buf, "a\x1b[31mb\x7f\tc"),
                        "a\xef\xbf\xbd[31mb\xef\xbf\xbd c");
    /* bidirectional override */
    assert_string_equal(inert(buf, sizeof buf, "\xe2\x80\xae x"), "\xef\xbf\xbd x");
    assert_string_equal(inert(buf, sizeof buf, "caf\xc3\xa9"), "caf\xc3\xa9");
    assert_string_equal(inert(buf, 3, "caf\xc3\xa9"), "ca");
}

static void carets(void **state)
{
    (void)state;
    static struct said s;
    struct cmd_out *out = cmd_out_new(OUT_TEXT, NULL, NULL);
    struct err e = {0};
    const char *line = "predict 12 512 3";
    s.n = 0;
    assert_int_not_equal(cmd_run_line(kit->app, line, true, out, &e), ST_OK);
    e = (struct err){0};
    assert_int_not_equal(cmd_run_line(kit->app, "seq 12 512 3", true, out, &e), ST_OK);
    cmd_error_show(out, "seq 12 512 3", &e, kit_take, &s);
    assert_string_equal(s.text, ": seq 12 512 3\n         ^^^\nbad-item: 512 is not in 1..240 "
                                "(data twins). Try /512 or: data info\n");
    cmd_out_free(out);
}

static int setup(void **state)
{
    (void)state;
    if (arena_new(&mem, 1 << 20, &err) != ST_OK)
        return 1;
    kit = kit_app_new();
    kit_ok(kit, "data plant twins sessions=60");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_app_free(kit);
    arena_free(mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_commands),
        cmocka_unit_test(empty_lines),
        cmocka_unit_test(quotes_and_escapes),
        cmocka_unit_test(equal_signs),
        cmocka_unit_test(stamps),
        cmocka_unit_test(open_quote),
        cmocka_unit_test(bounds),
        cmocka_unit_test(continuation),
        cmocka_unit_test(conditions),
        cmocka_unit_test(distances),
        cmocka_unit_test(patterns),
        cmocka_unit_test(items),
        cmocka_unit_test(places_of_errors),
        cmocka_unit_test(near_names),
        cmocka_unit_test(failure_changes_nothing),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(positions),
        cmocka_unit_test(undo_levels),
        cmocka_unit_test(aliases),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(inert_text),
        cmocka_unit_test(carets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
