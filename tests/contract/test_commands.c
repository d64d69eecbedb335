/* What every row of the table of commands promises: help with an example that parses,
 * completion, and a polite refusal of whatever is wrong: one line, a kind, what to do;
 * nothing changed. */
#include "tests/support/app_kit.h"

#include "app/cmd/call.h"
#include "app/ui/keymap.h"
#include "app/ui_state.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

static struct app_kit *kit;
static char folder[] = "/tmp/seqlab-commands-XXXXXX";

static void polite(const char *line)
{
    const struct err *e = &kit->err;
    const char *kind = e->kind[0] ? e->kind : status_name(e->code);
    if (!e->msg[0])
        fail_msg("%s: fails without a word", line);
    if (strcmp(kind, "ok") == 0 || strcmp(kind, "unknown") == 0) {
        if (e->code == ST_OK)
            fail_msg("%s: fails with code ok", line);
    }
    char text[512];
    cmd_error_text(e, text, sizeof text);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            fail_msg("%s: control character in the message", line);
    if (kit->len > 0 && (kit->col < 0 || (size_t)kit->col > strlen(line)))
        fail_msg("%s: the caret is outside the line (%d)", line, (int)kit->col);
}

static void rows(void **state)
{
    (void)state;
    const char *group = "";
    int groups = 0;
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        if (!d->summary || !d->summary[0] || !d->help || !strstr(d->help, "Example: ") ||
            !d->group || !d->run)
            fail_msg("%s: summary, help with an example, group or handler is missing", d->name);
        for (const char *p = d->summary; *p; p++)
            assert_true((unsigned char)*p >= 32);
        groups += strcmp(group, d->group) != 0;
        group = d->group;
        for (const struct cmd_def *e = cmd_defs; e != d; e++)
            assert_string_not_equal(e->name, d->name);
        bool optional = false;
        for (const struct cmd_arg *p = d->args; p && p->name; p++) {
            if (!p->doc)
                fail_msg("%s: %s has no doc", d->name, p->name);
            if (p->type == ARG_CHOICE)
                assert_non_null(p->choices);
            if (p->option)
                assert_true(p->optional);
            if (!p->option &&
                p->type != ARG_FLAG) { /* what may be left out stands behind what may not */
                if (optional && !p->optional)
                    fail_msg("%s: %s must not follow an optional word", d->name, p->name);
                optional = optional || p->optional;
            }
        }
        char usage[400];
        cmd_usage(d, usage, sizeof usage);
        assert_int_equal(strncmp(usage, d->name, strlen(d->name)), 0);
        assert_ptr_equal(cmd_find(d->name, false), d);
    }
    assert_true(groups < 12); /* rows of a group stand together */
}

/* Examples of help parse and bind; that they run is the business of other tests. */
static void examples(void **state)
{
    (void)state;
    struct arena *mem = NULL;
    struct err err;
    assert_int_equal(arena_new(&mem, 1 << 16, &err), ST_OK);
    kit_ok(kit, "seq 1 2 3 4 5");
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        const char *line = strstr(d->help, "Example: ") + strlen("Example: ");
        struct lexed lx;
        int32_t col, len;
        struct place where;
        const struct cmd_def *def;
        struct cmd_call call;
        int words;
        assert_int_equal(lex_line(line, false, mem, &lx, &col, &len, &err), ST_OK);
        assert_int_equal(command_lookup(&lx.command[0], true, &def, &words, &where, &err),
                         ST_OK);
        if (def != d)
            fail_msg("%s: the example is one of %s", d->name, def->name);
        if (strstr(line, "s:412") || strstr(line, "@lantern"))
            continue;
        if (call_bind(&call, kit->app, def, &lx.command[0], words, line, true, mem, &where,
                      &err) != ST_OK)
            fail_msg("%s: %s", line, err.msg);
    }
    arena_free(mem);
}

static void help_of_each(void **state)
{
    (void)state;
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        char line[80];
        snprintf(line, sizeof line, "help %s", d->name);
        kit_ok(kit, line);
        assert_non_null(strstr(kit->said.text, d->summary));
        json_t *j = kit_json(kit, line);
        assert_true(json_array_size(json_object_get(j, "commands")) >= 1);
        json_decref(j);
    }
}

static const char *const tails[] = {
    "",
    " \"never closed",
    " nosuch=1",
    " k=",
    " k=-1",
    " k=99999999999999999999",
    " =",
    " ==",
    " ,",
    " ,,,",
    " @",
    " @\"",
    " _",
    " $$",
    " $pin",
    " 0",
    " -0",
    " -1",
    " 99999999999999999999",
    " 1e400",
    " nan",
    " 0x10",
    " s:",
    " s:0",
    " s:99999",
    " [",
    " ]",
    " a[1",
    " a[9999999999:2]",
    " \"\"",
    " \"\" \"\" \"\" \"\" \"\" \"\"",
    " \x01\x02",
    " \xff\xfe\xfd",
    " \xe2\x80\xae",
    " to",
    " to to to",
    " %s%n%d",
    " /nonexistent/folder/file",
    " A B C D E F G",
    " Z",
    " loss<",
    " hr@0>1",
    " on=nowhere",
    " at=nowhere",
    " slot=zz",
    " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 9999",
};
enum { TAILS = sizeof tails / sizeof *tails };

static bool skip_row(const struct cmd_def *d)
{
    return strcmp(d->name, "quit") == 0;
}

static void abuse(bool json)
{
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        if (skip_row(d))
            continue;
        for (int i = 0; i < TAILS; i++) {
            char line[300];
            if (!tails[i][0] &&
                (strcmp(d->name, "train") == 0 || strcmp(d->name, "resume") == 0))
                continue; /* right, and long */
            snprintf(line, sizeof line, "%s%s", d->name, tails[i]);
            struct sequence before = kit->app->seq;
            if (json) {
                json_t *j = kit_json(kit, line);
                assert_true(json_is_string(json_object_get(j, "command")));
                assert_true(json_is_boolean(json_object_get(j, "ok")));
                assert_int_equal(json_is_true(json_object_get(j, "ok")), kit->st == ST_OK);
                json_decref(j);
            } else {
                kit_run(kit, line);
            }
            if (kit->st == ST_OK)
                continue;
            polite(line);
            if (before.n != kit->app->seq.n ||
                memcmp(before.item, kit->app->seq.item,
                       sizeof *before.item * (size_t)before.n) != 0)
                fail_msg("%s: failed and changed the sequence", line);
        }
        char line[300];
        snprintf(line, sizeof line, "%s \"never closed", d->name);
        kit_fails(kit, line, "syntax");
    }
}

static void wrong_without_data(void **state)
{
    (void)state;
    struct app_kit old = *kit;
    struct err err;
    assert_int_equal(app_new(&kit->app, 1, 1, &err), ST_OK);
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        char line[120];
        snprintf(line, sizeof line, "%s", strstr(d->help, "Example: ") + strlen("Example: "));
        if (d->flags & CMD_NEEDS_DATA)
            kit_fails(kit, line, "no-data");
        else if (d->flags & CMD_NEEDS_MODEL)
            kit_fails(kit, line, "no-model");
        else if (d->flags & CMD_TUI_ONLY)
            kit_fails(kit, line, "no-screen");
    }
    for (const struct cmd_def *d = cmd_defs; d->name; d++)
        for (int i = 0; i < TAILS && !skip_row(d); i++) {
            char line[300];
            snprintf(line, sizeof line, "%s%s", d->name, tails[i]);
            if (strncmp(line, "data plant", 10) == 0 || strncmp(line, "data load", 9) == 0)
                continue;
            if (kit_run(kit, line) != ST_OK)
                polite(line);
        }
    app_free(kit->app);
    kit->app = old.app;
}

static void wrong_with_model(void **state)
{
    (void)state;
    abuse(false);
}

static void wrong_in_json(void **state)
{
    (void)state;
    abuse(true);
}

/* Each table of completions offers something sensible for every row, and nothing that its
 * own parser refuses as unknown. */
static void completion_agrees(void **state)
{
    (void)state;
    struct arena *mem = NULL;
    struct err err;
    assert_int_equal(arena_new(&mem, 1 << 18, &err), ST_OK);
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        char line[200];
        const char **word;
        snprintf(line, sizeof line, "%s ", d->name);
        size_t n = cmd_complete(kit->app, line, strlen(line), mem, &word);
        for (size_t i = 0; i < n; i++) {
            size_t key = strcspn(word[i], "=");
            if (!word[i][key] || strchr(word[i], '/'))
                continue;
            bool known = false; /* an option key of the row, or a setting of the model */
            for (const struct cmd_arg *p = d->args; p && p->name; p++)
                known = known || p->type == ARG_PAIR || p->type == ARG_CONDITION ||
                        (p->option && strncmp(p->name, word[i], key) == 0);
            if (!known)
                fail_msg("%s offers %s", line, word[i]);
        }
    }
    arena_free(mem);
}

/* Keys run commands: every binding of a tab that exists names one, or an act of the screen
 * itself. */
static void keys_run_commands(void **state)
{
    (void)state;
    static const char *const own[] = {"move", "cancel", "suspend", NULL};
    struct keymap *keys = NULL;
    struct err err;
    const struct key_binding *row;
    assert_int_equal(keymap_new(&keys, &err), ST_OK);
    size_t n = keymap_rows(keys, &row);
    assert_true(n > 50);
    for (size_t i = 0; i < n; i++) {
        char word[64], two[128];
        const char *line = row[i].command;
        const struct tab_def *tab = tab_find(row[i].context);
        if (tab && !tab->layout[SIZE_M]) /* not there yet: the tab says so */
            continue;
        if (strncmp(line, "prompt", 6) == 0)
            line += line[6] ? 7 : 6;
        if (!*line)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(line, " "), line);
        snprintf(two, sizeof two, "%s", line);
        char *blank = strchr(two, ' ');
        if (blank && strchr(blank + 1, ' '))
            *strchr(blank + 1, ' ') = '\0';
        bool known = cmd_find(two, false) ||
                     (cmd_find(word, false) && strcmp(cmd_find(word, false)->name, word) == 0);
        for (int k = 0; own[k]; k++)
            known = known || strcmp(word, own[k]) == 0;
        if (!known)
            fail_msg("key %s in %s runs \"%s\", which is no command", row[i].keys,
                     row[i].context, row[i].command);
    }
    keymap_free(keys);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    kit = kit_app_new();
    kit_ok(kit,
           "data plant twins sessions=60; model new sasrec d=8 layers=1 heads=1; set epochs 1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_app_free(kit);
    char line[120];
    /* files that a command took a strange word for */
    snprintf(line, sizeof line, "rm -rf %s", folder);
    FILE *p = popen(line, "r");
    if (p)
        pclose(p);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(examples),
        cmocka_unit_test(help_of_each),
        cmocka_unit_test(completion_agrees),
        cmocka_unit_test(keys_run_commands),
        cmocka_unit_test(wrong_without_data),
        cmocka_unit_test(wrong_with_model),
        cmocka_unit_test(wrong_in_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
