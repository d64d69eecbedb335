/* One seed, the same bits: headless, as a script, in the plain mode, on the screen, stepped by batch and by op, with other thread counts and after
 * going back.  What is compared is the SHA-256 of the parameters that `show run` prints. */
#include "tests/support/vt.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char program[300];
static const char set_up_line[] = "data plant chain items=144 sessions=400 seed=5; model new sasrec seed=5 d=32 batch=48";

static int find_program(void **state)
{
    (void)state;
    const char *mode = getenv("MODE");
    char cwd[200];
    if (!getcwd(cwd, sizeof cwd))
        return -1;
    if (mode && strcmp(mode, "release") != 0)
        snprintf(program, sizeof program, "%s/build/%s/seqlab", cwd, mode);
    else
        snprintf(program, sizeof program, "%s/build/seqlab", cwd);
    return access(program, X_OK);
}

/* The 64 digits behind "sha256 " in a text; false: none. */
static bool sha_in(const char *text, char hex[65])
{
    const char *p = strstr(text, "sha256 ");
    if (!p)
        return false;
    p += 7;
    for (int i = 0; i < 64; i++)
        if (!isxdigit((unsigned char)p[i]))
            return false;
    memcpy(hex, p, 64);
    hex[64] = '\0';
    return true;
}

static void sha_of_command(const char *options, const char *commands, char hex[65])
{
    char line[2048], out[16384];
    snprintf(line, sizeof line, "%s %s '%s; %s; show run' 2>&1", program, options, set_up_line, commands);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, sizeof out - 1, f);
    out[n] = '\0';
    pclose(f);
    if (!sha_in(out, hex))
        fail_msg("no hash from %s: %s", commands, out);
}

static void test_headless_forms(void **state)
{
    (void)state;
    char want[65], got[65];
    sha_of_command("-e", "train steps=30", want);
    static const char *const forms[][2] = {
        {"--threads 1 -e", "train steps=30"},
        {"--threads 4 -e", "train steps=30"},
        {"-e", "step 30"},
        {"-e", "train steps=12; step 7; train steps=11"},
        {"-e", "train steps=28; step 2 op; step 1; step 1"},
        {"-e", "train steps=33; back 3"},
        {"-e", "train steps=10; predict 3 4 5; why; eval on=test; train steps=20"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        sha_of_command(forms[i][0], forms[i][1], got);
        if (strcmp(got, want) != 0)
            fail_msg("%s %s: other bits", forms[i][0], forms[i][1]);
    }
}

/* A terminal; commands typed one by one at its prompt. */
static void sha_of_terminal(char *const argv[], bool screen, char hex[65])
{
    static const char *const env[] = {"TERM=xterm-256color", NULL};
    struct vt *t = vt_start(argv, env, 120, 36);
    assert_non_null(t);
    char line[256];
    snprintf(line, sizeof line, "%s%s\r", screen ? ":" : "", set_up_line);
    if (screen)
        assert_true(vt_wait(t, "1:Train", 10000));
    if (screen) {
        vt_send(t, ":pause\r"); /* the run it opens with */
        assert_true(vt_wait(t, "PAUSED", 20000));
        vt_send(t, ":stop\r");
        vt_pump(t, 300);
    }
    vt_send(t, line);
    assert_true(vt_wait(t, screen ? "READY" : "parameters, seed 5", 20000));
    vt_send(t, screen ? ":train steps=30\r" : "train steps=30\rwait\rshow run\r");
    if (screen) {
        assert_true(vt_wait(t, "DONE", 60000));
        vt_send(t, ":show run\r");
    }
    bool found = vt_wait(t, "sha256 ", 60000);
    vt_pump(t, 300);
    char *text = vt_text(t);
    if (!found || !sha_in(text, hex))
        fail_msg("no hash on the terminal:\n%s", text);
    free(text);
    vt_free(t);
}

static void test_terminals(void **state)
{
    (void)state;
    char want[65], got[65];
    sha_of_command("-e", "train steps=30", want);
    char *plain[] = {program, (char *)(uintptr_t)"--plain", NULL}, *screen[] = {program, NULL};
    sha_of_terminal(plain, false, got);
    assert_string_equal(got, want);
    sha_of_terminal(screen, true, got);
    assert_string_equal(got, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headless_forms),
        cmocka_unit_test(test_terminals),
    };
    return cmocka_run_group_tests(tests, find_program, NULL);
}
