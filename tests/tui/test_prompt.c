/* The command line through a real terminal: editing, history, search, completion, paste,
 * wide characters. */
#include "tests/support/small_screen.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { ROWS = 24, COLS = 80, WAIT = 4000 };

static char history[256];
static char history_env[300];
static const char *const env[] = {"LC_ALL=C.UTF-8", "TERM=xterm-256color", "INPUTRC=/dev/null",
                                  history_env, NULL};

static void wait_text(struct vt *t, const char *text)
{
    if (vt_wait(t, text, WAIT))
        return;
    char *s = vt_text(t);
    print_error("waited for \"%s\"; the screen shows\n%s", text, s);
    free(s);
    vt_free(t);
    fail();
}

static struct vt *start(const char *mode)
{
    struct vt *t = small_screen_start(mode, env, COLS, ROWS);
    assert_non_null(t);
    if (strcmp(mode, "screen") == 0)
        wait_text(t, "size 80x24");
    return t;
}

/* Sends keys in command mode and checks the line that comes out. */
static void types(struct vt *t, const char *keys, const char *line)
{
    char want[300];
    snprintf(want, sizeof want, "line [%s]", line);
    vt_send(t, ":");
    vt_send(t, keys);
    vt_send(t, "\r");
    wait_text(t, want);
    vt_send(t, ":x\r");
    wait_text(t, "line [x]");
}

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(history, sizeof history, "%s/history-%ld", tmp ? tmp : "/tmp", (long)getpid());
    snprintf(history_env, sizeof history_env, "SMALL_HISTORY=%s", history);
    unlink(history);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(history);
    return 0;
}

static void test_editing(void **state)
{
    (void)state;
    struct vt *t = start("screen");
    types(t, "predict 12 87", "predict 12 87");
    types(t, "bc\001a", "abc");                            /* Ctrl-A */
    types(t, "abX\177c", "abc");                           /* Backspace */
    types(t, "ac\033[Db", "abc");                          /* Left */
    types(t, "two one\033b\033[3~\033[3~\033[3~", "two "); /* Alt-b, Delete three times */
    types(t, "one two\001\033d", " two");                  /* Alt-d */
    types(t, "one two\027three", "one three");             /* Ctrl-W */
    types(t, "xx\025y", "y");                              /* Ctrl-U */
    types(t, "café 日本\033[D\177x", "café x本");          /* whole characters */
    types(t, "ab\033[1;99Zc\033[<64;10;10Md", "abcd"); /* unknown sequences leave no trace */
    types(t, "ab\033[Hc\033[Fd", "cabd");              /* Home, End */
    vt_quit(t);
}

static void test_leaving(void **state)
{
    (void)state;
    struct vt *t = start("screen");
    int row, col;
    bool visible;
    vt_send(t, ":abc");
    wait_text(t, ": abc");
    vt_cursor(t, &row, &col, &visible);
    assert_true(visible && row == ROWS - 1 && col == 5);
    vt_send(t, "\033");
    wait_text(t, "note left");
    vt_cursor(t, &row, &col, &visible);
    assert_false(visible); /* the cursor is shown in command mode only */
    vt_send(t, ":y\r");
    wait_text(t, "note line");
    vt_send(t, ":\004"); /* Ctrl-D on the empty line leaves, and does not quit */
    wait_text(t, "note left");
    vt_send(t, ":z\r");
    wait_text(t, "line [z]");
    vt_send(t, ":abc\003"); /* Ctrl-C */
    wait_text(t, "note left");
    vt_send(t, ":q\r");
    wait_text(t, "line [q]");
    vt_quit(t);
}

static void test_search_and_history(void **state)
{
    (void)state;
    struct vt *t = start("screen");
    types(t, "predict 12 87", "predict 12 87");
    types(t, "set lr 0.1", "set lr 0.1");
    types(t, "\033[A\033[A", "set lr 0.1"); /* Up twice: "x" came in between */
    types(t, "\022pred", "predict 12 87");  /* Ctrl-R */
    vt_send(t, ":\022set");
    wait_text(t, "(reverse-i-search)`set': set lr 0.1");
    vt_send(t, "\033");
    wait_text(t, "note left");
    types(t, "abc", "abc");       /* the search is over */
    types(t, "\022ßß\033[C", ""); /* nothing found; not stuck */
    vt_quit(t);

    struct stat sb;
    assert_int_equal(stat(history, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    FILE *f = fopen(history, "r");
    char line[256], before[256] = "";
    int n = 0;
    while (fgets(line, sizeof line, f)) {
        assert_string_not_equal(line, before); /* no consecutive duplicates */
        snprintf(before, sizeof before, "%s", line);
        n++;
    }
    fclose(f);
    assert_true(n >= 6);
    t = start("screen"); /* another run knows them */
    types(t, "\022pred", "predict 12 87");
    vt_quit(t);
}

static void test_completion(void **state)
{
    (void)state;
    struct vt *t = start("screen");
    types(t, "pr\t1", "predict 1"); /* the only match ends with a blank */
    vt_send(t, ":se\t\t");
    wait_text(t, "set-lr"); /* pop-up above the line */
    wait_text(t, "seq");
    vt_send(t, "q\r");
    wait_text(t, "line [seq]");
    assert_true(vt_wait_gone(t, "set-lr", WAIT));
    types(t, "ét\t", "étude ");
    types(t, "zzz\tx", "zzzx"); /* no match, no listing of files */
    vt_quit(t);
}

static void test_paste(void **state)
{
    (void)state;
    struct vt *t = start("screen");
    types(t, "a\033[200~pasted text\033[201~b", "apasted textb");
    vt_send(t, ":\033[200~one\rtwo\rthree\033[201~");
    wait_text(t, "run as script? y/n");
    vt_send(t, "y");
    wait_text(t, "line [one|two|three]");
    wait_text(t, "note script");
    vt_send(t, ":\033[200~one\rtwo\033[201~");
    wait_text(t, "run as script? y/n");
    vt_send(t, "n");
    assert_true(vt_wait_gone(t, "run as script", WAIT));
    vt_send(t, "\025ok\r");
    wait_text(t, "line [ok]");
    types(t, "\033[200~quit\033[201~ not", "quit not"); /* pasted text is never run by itself */
    vt_quit(t);
}

static void test_long_line(void **state)
{
    (void)state;
    struct vt *t = start("screen");
    char text[201], want[260];
    for (int i = 0; i < 200; i++)
        text[i] = (char)('a' + i % 26);
    text[200] = '\0';
    vt_send(t, ":");
    vt_send(t, text);
    wait_text(t, text + 170); /* the end, with the cursor, is in view */
    vt_send(t, "\001");
    wait_text(t, ": abcdefghijklmnopqrstuvwxyzabc");
    int row, col;
    bool visible;
    vt_cursor(t, &row, &col, &visible);
    assert_int_equal(col, 2);
    vt_send(t, "\r");
    snprintf(want, sizeof want, "line [%.45s", text);
    wait_text(t, want);
    vt_quit(t);
}

static void test_plain(void **state)
{
    (void)state;
    struct vt *t = start("plain");
    wait_text(t, "1>");
    vt_send(t, "set\001re\rquitx\177\177\033[D");
    wait_text(t, "got [reset] interrupts 0");
    wait_text(t, "2>");
    vt_send(t, "\003"); /* Ctrl-C drops the line, not the program */
    wait_text(t, "got [none] interrupts 1");
    wait_text(t, "3>");
    vt_send(t, "\022reset\r");
    wait_text(t, "got [reset] interrupts 1");
    wait_text(t, "4>");
    vt_send(t, "\004");
    int status;
    assert_true(vt_wait_exit(t, WAIT, &status));
    assert_int_equal(status, 0);
    assert_true(vt_sees(t, "bye"));
    vt_free(t);
}

int main(int argc, char **argv)
{
    int status;
    if (small_screen_main(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_editing),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_search_and_history),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_paste),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
