/* The terminal through a pseudo-terminal: keys, sizes, signals, terminal types, and that it
 * is given back. */
#define _GNU_SOURCE /* posix_openpt, usleep */
#include "tests/support/small_screen.h"
#include "engine/base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

enum { ROWS = 24, COLS = 80, WAIT = 4000 };

static const char *const utf8[] = {"LC_ALL=C.UTF-8", "TERM=xterm-256color", "INPUTRC=/dev/null",
                                   NULL};

/* With this entry curses switches the mouse on by a sequence libvterm can follow. */
static const char *const tmux[] = {"LC_ALL=C.UTF-8", "TERM=tmux-256color", "INPUTRC=/dev/null",
                                   NULL};

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

static struct vt *start(const char *const env[])
{
    struct vt *t = small_screen_start("screen", env, COLS, ROWS);
    assert_non_null(t);
    wait_text(t, "size 80x24");
    return t;
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *name;
    } keys[] = {
        {"a", "a"},          {"A", "A"},
        {" ", "Space"},      {"\t", "Tab"},
        {"\r", "Enter"},     {"\177", "Backspace"},
        {"\033OA", "Up"},    {"\033OB", "Down"},
        {"\033OC", "Right"}, {"\033OD", "Left"},
        {"\033[5~", "PgUp"}, {"\033[6~", "PgDn"},
        {"\033OP", "F1"},    {"\033[15~", "F5"},
        {"\033[21~", "F10"}, {"\033[18;2~", "S-F7"},
        {"\033[Z", "S-Tab"}, {"\033[3~", "Delete"},
        {"\022", "C-r"},     {"\003", "C-c"},
        {"\023", "C-s"},     {"\034", "C-\\"},
        {"\033b", "M-b"},    {"\033", "Esc"},
        {"é", "é"},          {"日", "日"},
        {"\033OH", "Home"},  {"\033OF", "End"},
    };
    struct vt *t = start(utf8);
    int n = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char want[64];
        vt_send(t, keys[i].bytes);
        snprintf(want, sizeof want, "key <%s> %d", keys[i].name, ++n);
        wait_text(t, want);
    }
    /* What nobody knows is swallowed whole, also when its end comes late. */
    vt_send(t, "\033[1;99Zg");
    wait_text(t, "key <g> 29");
    double sent = clock_s();
    vt_send(t, "\033[12;");
    vt_pump(t, 80);
    vt_send(t, "34Zh");
    wait_text(t, "key <h>");
    if (clock_s() - sent < 0.2) /* later than the reader waits it is text */
        wait_text(t, "key <h> 30");
    /* Bytes that are no UTF-8 do not block what follows. */
    vt_send(t, "\xff\xfe\xc3(i");
    wait_text(t, "key <i>");
    vt_quit(t);
}

static void test_mouse(void **state)
{
    (void)state;
    struct vt *t = start(tmux);
    bool alt, paste;
    int mouse;
    vt_modes(t, &alt, &mouse, &paste);
    assert_true(alt && paste);
    assert_int_not_equal(mouse, 0);
    vt_send(t, "\033[M +&\033[M#+&"); /* X10 encoding: button, column, row */
    wait_text(t, "note act2 resizes 0 mouse 5,10");
    vt_send(t, "\033[M`?'");
    wait_text(t, "note act5 resizes 0 mouse 6,30");
    vt_send(t, "\033[<0;3;3Mg"); /* an encoding this entry does not declare: swallowed */
    wait_text(t, "key <g> 1");
    vt_quit(t);
    t = start(utf8); /* SGR encoding */
    vt_send(t, "\033[<0;11;6M\033[<0;11;6m");
    wait_text(t, "note act2 resizes 0 mouse 5,10");
    vt_send(t, "\033[<0;11;6M\033[<0;11;6m"); /* twice at once */
    wait_text(t, "note act3");
    vt_send(t, "\033[<64;31;7M");
    wait_text(t, "note act5 resizes 0 mouse 6,30");
    vt_quit(t);
}

static void test_idle(void **state)
{
    (void)state;
    struct vt *t = start(utf8);
    vt_pump(t, 200);
    unsigned long long before = vt_bytes(t);
    vt_pump(t, 600);
    assert_true(vt_bytes(t) == before); /* nothing to say, nothing said */
    vt_send(t, "f");
    wait_text(t, "key <f>");
    assert_true(vt_bytes(t) - before < 4096);
    vt_quit(t);
}

static void set_size(struct vt *t, int cols, int rows)
{
    struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    ioctl(vt_fd(t), TIOCSWINSZ, &ws);
}

static void test_resize(void **state)
{
    (void)state;
    struct vt *t = start(utf8);
    vt_resize(t, 100, 30);
    wait_text(t, "size 100x30");
    vt_resize(t, 200, 50);
    wait_text(t, "size 200x50");
    static const int sizes[][2] = {{0, 0},  {1, 1},  {500, 200}, {2, 90},
                                   {80, 1}, {1, 24}, {500, 1},   {7, 7}};
    for (int k = 0; k < 300; k++) {
        set_size(t, sizes[k % 8][0], sizes[k % 8][1]);
        if (k % 16 == 0)
            vt_pump(t, 5);
    }
    vt_resize(t, COLS, ROWS);
    wait_text(t, "size 80x24");
    vt_send(t, "k");
    wait_text(t, "key <k>");
    vt_quit(t);
}

/* Modes and line settings are what they were. */
static void check_given_back(struct vt *t, const struct termios *before)
{
    struct termios now;
    bool alt, paste, visible;
    int mouse, row, col;
    vt_pump(t, 30);
    assert_int_equal(tcgetattr(vt_fd(t), &now), 0);
    assert_int_equal(now.c_lflag, before->c_lflag);
    assert_int_equal(now.c_iflag, before->c_iflag);
    assert_int_equal(now.c_oflag, before->c_oflag);
    vt_modes(t, &alt, &mouse, &paste);
    vt_cursor(t, &row, &col, &visible);
    assert_false(alt);
    assert_int_equal(mouse, 0);
    assert_false(paste);
    assert_true(visible);
}

static void test_given_back(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        int send, signal, status;
    } ends[] = {
        {":quit\r", 0, 0, 0},        {":exit\r", 0, 0, 3},      {":segv\r", 0, SIGSEGV, 0},
        {":abort\r", 0, SIGABRT, 0}, {"", SIGTERM, SIGTERM, 0}, {"", SIGHUP, SIGHUP, 0},
        {"", SIGSEGV, SIGSEGV, 0},   {"", SIGFPE, SIGFPE, 0},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct vt *t = small_screen_start("screen", utf8, COLS, ROWS);
        struct termios before;
        int status;
        /* the settings of a new pseudo-terminal, before the program changed them: another
         * one's */
        int fd = posix_openpt(2 /* O_RDWR */);
        assert_true(fd >= 0);
        assert_int_equal(tcgetattr(fd, &before), 0);
        close(fd);
        wait_text(t, "size 80x24");
        vt_send(t, ends[i].keys);
        if (ends[i].send)
            kill(vt_pid(t), ends[i].send);
        assert_true(vt_wait_exit(t, WAIT, &status));
        if (ends[i].signal)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == ends[i].signal);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == ends[i].status);
        check_given_back(t, &before);
        vt_free(t);
    }
}

static char state_of(pid_t pid)
{
    char path[64], name[64], c = '?';
    int id;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%d %63s %c", &id, name, &c) != 3)
        c = '?';
    if (f)
        fclose(f);
    return c;
}

static bool wait_state(struct vt *t, bool stopped)
{
    for (int i = 0; i < 200; i++) {
        if ((state_of(vt_pid(t)) == 'T') == stopped)
            return true;
        vt_pump(t, 10);
    }
    return false;
}

static void test_stop(void **state)
{
    (void)state;
    struct vt *t = start(tmux);
    for (int i = 0; i < 6; i++) {
        if (i % 2)
            vt_send(t, "\032"); /* Ctrl-Z */
        else
            kill(vt_pid(t), SIGTSTP);
        assert_true(wait_state(t, true));
        bool alt, paste;
        int mouse;
        /* what it wrote before it stopped may still be on its way */
        for (int k = 0; k < 100; k++) {
            vt_modes(t, &alt, &mouse, &paste);
            if (!alt && !paste && !mouse)
                break;
            vt_pump(t, 10);
        }
        assert_false(alt || paste || mouse);
        kill(vt_pid(t), SIGCONT);
        assert_true(wait_state(t, false));
        wait_text(t, "size 80x24");
        vt_send(t, "j");
        wait_text(t, "key <j>");
        vt_modes(t, &alt, &mouse, &paste);
        assert_true(alt && paste && mouse);
        vt_send(t, "m");
        wait_text(t, "key <m>");
    }
    kill(vt_pid(t), SIGSTOP); /* from outside: the line may have been changed meanwhile */
    assert_true(wait_state(t, true));
    struct termios cooked;
    tcgetattr(vt_fd(t), &cooked);
    cooked.c_lflag |= (tcflag_t)(ICANON | ECHO | ISIG);
    tcsetattr(vt_fd(t), TCSANOW, &cooked);
    kill(vt_pid(t), SIGCONT);
    assert_true(wait_state(t, false));
    vt_pump(t, 50);
    vt_send(t, "p");
    wait_text(t, "key <p>");
    vt_quit(t);
}

static void test_gone(void **state)
{
    (void)state;
    struct vt *t = start(utf8);
    int fd = vt_fd(t), null = posix_openpt(2), status = 0;
    pid_t pid = vt_pid(t), got = 0;
    assert_true(dup2(null, fd) == fd); /* hangs up the line */
    close(null);
    for (int i = 0; i < 300 && got == 0; i++) {
        got = waitpid(pid, &status, WNOHANG);
        usleep(10000);
    }
    assert_int_equal(got, pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
    vt_free(t);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *term, *locale, *shows;
    } cases[] = {
        {"xterm-256color", "C.UTF-8", "depth 256 glyphs braille"},
        {"tmux-256color", "C.UTF-8", "depth 256 glyphs braille"},
        {"screen", "C.UTF-8", "depth 16 glyphs braille"},
        {"linux", "C.UTF-8", "depth 16 glyphs block"},
        {"vt100", "C.UTF-8", "depth mono glyphs block"},
        {"xterm", "C.UTF-8", "depth 16 glyphs braille"},
        {"xterm-256color", "C", "depth 256 glyphs ascii"},
        {"vt100", "C", "depth mono glyphs ascii"},
        {"linux", "C", "depth 16 glyphs ascii"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char term[64], locale[64];
        snprintf(term, sizeof term, "TERM=%s", cases[i].term);
        snprintf(locale, sizeof locale, "LC_ALL=%s", cases[i].locale);
        /* On TERM=linux curses loads the mouse library of the console (gpm), which leaves
         * ten bytes behind when unloaded. */
        bool c = strcmp(cases[i].locale, "C") == 0, gpm = strcmp(cases[i].term, "linux") == 0;
        const char *const env[] = {term, locale, "INPUTRC=/dev/null",
                                   gpm ? "LSAN_OPTIONS=detect_leaks=0" : NULL, NULL};
        struct vt *t = small_screen_start("screen", env, COLS, ROWS);
        wait_text(t, cases[i].shows);
        vt_send(t, ":ab\r");
        wait_text(t, "line [ab]");
        char *s = vt_text(t);
        for (const char *at = s; *at && c; at++)
            assert_true((unsigned char)*at < 0x80);
        free(s);
        vt_quit(t);
    }
    const char *const none[] = {"TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=1", NULL};
    struct vt *t = start(none);
    wait_text(t, "depth mono glyphs braille");
    vt_quit(t);
    static const char *const refused[] = {"TERM=dumb", "TERM=", "TERM=no-such-terminal"};
    for (int i = 0; i < 3; i++) {
        /* curses keeps what it had set up when it finds no entry for the terminal */
        const char *const env[] = {refused[i], "LC_ALL=C.UTF-8", "LSAN_OPTIONS=detect_leaks=0",
                                   NULL};
        int status;
        t = small_screen_start("screen", env, COLS, ROWS);
        assert_true(vt_wait_exit(t, WAIT, &status));
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 8);
        assert_true(vt_sees(t, "refused: "));
        vt_free(t);
    }
}

/* Twenty thousand random bytes, sequences and sizes: alive, and the line is the user's
 * afterwards. */
static void test_noise(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "\033",      "\033[", "\033[<0;5;5M", "\033[<0;5;5m", "\033[200~",
        "\033[201~", "\033O", "\033[A",       "\xff",         "\xc3",
        "é",         "日",    "\t",           "\022",         "\001",
        ":",         "\004",  "\033[M !!",    "\033[1;5D",    "\177",
        "\021",      "\023"};
    struct vt *t = start(utf8);
    int status;
    uint32_t seed = 7;
    for (int i = 0; i < 5000; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t r = seed >> 16;
        char one[2] = {(char)(1 + r % 126), '\0'};
        if (one[0] == '\r' || one[0] == '\n' || one[0] == 26) /* neither run a line nor stop */
            one[0] = 'x';
        vt_send(t, r % 5 == 0 ? parts[r / 5 % (sizeof parts / sizeof parts[0])] : one);
        if (r % 97 == 0)
            set_size(t, 1 + (int)(r % 130), 1 + (int)(r % 50));
        if (i % 50 == 0)
            vt_pump(t, 1);
    }
    vt_pump(t, 300);
    if (vt_wait_exit(t, 0, &status)) {
        print_error("the program ended with status %#x\n", (unsigned)status);
        fail();
    }
    vt_resize(t, COLS, ROWS);
    vt_send(t, "\033[201~\007"); /* ends a paste and a search, if one is open */
    vt_pump(t, 250);
    vt_send(t, "\033");
    vt_pump(t, 100);
    vt_send(t, "n\003");
    vt_pump(t, 100);
    vt_send(t, "\003");
    vt_pump(t, 100);
    vt_send(t, ":ok\r");
    wait_text(t, "line [ok]");
    vt_quit(t);
}

int main(int argc, char **argv)
{
    int status;
    if (small_screen_main(argc, argv, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),       cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_idle),       cmocka_unit_test(test_resize),
        cmocka_unit_test(test_given_back), cmocka_unit_test(test_stop),
        cmocka_unit_test(test_gone),       cmocka_unit_test(test_types),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
