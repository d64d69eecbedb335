/* One seed, the same bits, for each of the six models: headless, as a log replayed, in the
 * plain mode, on the screen, stepped by batch and by op, with other thread counts and after
 * going back.  What is compared is the SHA-256 of the parameters that `show run` prints. */
#include "tests/support/tmpfile.h"
#include "tests/support/vt.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct tmp_dir home; /* and working directory */
static const char *const models[] = {
    "gru4rec hidden=16",    "caser d=16 nh=4",       "svae",
    "sasrec d=32 batch=48", "bert4rec d=16 heads=2", "pen4rec d=16"};
enum { MODELS = sizeof models / sizeof *models };

static const char *set_up(int model)
{
    static char line[200];
    snprintf(line, sizeof line,
             "data plant chain items=144 sessions=200 seed=5; model new %s seed=5",
             models[model]);
    return line;
}

static int enter(void **state)
{
    (void)state;
    (void)vt_program();
    tmp_dir_make(&home);
    setenv("SEQLAB_HOME", home.path, 1);
    return chdir(home.path);
}

static int leave(void **state)
{
    (void)state;
    int status = chdir("/");
    tmp_dir_remove(&home);
    return status;
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

static void sha_of_line(const char *line, char hex[65])
{
    char out[16384];
    FILE *f = popen(line, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, sizeof out - 1, f);
    out[n] = '\0';
    pclose(f);
    if (!sha_in(out, hex))
        fail_msg("no hash from %s: %s", line, out);
}

static void sha_of_command(int model, const char *options, const char *commands, char hex[65])
{
    char line[2048];
    snprintf(line, sizeof line, "%s %s '%s; %s; show run' 2>&1", vt_program(), options,
             set_up(model), commands);
    sha_of_line(line, hex);
}

static void test_headless_forms(void **state)
{
    (void)state;
    char want[65], got[65], line[1024];
    static const char *const forms[][2] = {
        {"--threads 1 -e", "train steps=8; step 2 op; step 1; step 1; step 2"},
        {"--threads 4 -e", "step 5; predict 3 4 5; why; eval on=test; train steps=7"},
        {"-e", "train steps=15; back 3"},
        {"-e", "train steps=12; save log bits.rec"},
    };
    for (int m = 0; m < MODELS; m++) {
        sha_of_command(m, "-e", "train steps=12", want);
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            sha_of_command(m, forms[i][0], forms[i][1], got);
            if (strcmp(got, want) != 0)
                fail_msg("%s: %s %s: other bits", models[m], forms[i][0], forms[i][1]);
        }
        snprintf(line, sizeof line, "{ cat bits.rec; echo show run; } | %s --batch - 2>&1",
                 vt_program());
        sha_of_line(line, got);
        if (strcmp(got, want) != 0)
            fail_msg("%s: a log replayed: other bits", models[m]);
    }
}

/* A terminal: the screen with a start file, the line mode with commands typed one by one. */
static void sha_of_terminal(int model, bool screen, char hex[65])
{
    static const char *const env[] = {"TERM=xterm-256color", NULL};
    char *const argv[] = {vt_program(), screen ? NULL : (char *)(uintptr_t) "--plain", NULL};
    char line[256];
    mkdir("config", 0700);
    FILE *rc = fopen("config/rc", "w");
    assert_non_null(rc);
    fprintf(rc, screen ? "%s; train steps=12\n" : "%s\n", set_up(model));
    fclose(rc);
    struct vt *t = vt_start(argv, env, 120, 36);
    assert_non_null(t);
    snprintf(line, sizeof line, "train steps=12\rwait\rshow run\r");
    bool found = vt_wait(t, screen ? "DONE" : "parameters, seed 5", 60000);
    vt_send(t, screen ? ":show run\r" : line);
    found = found && vt_wait(t, "sha256 ", 60000);
    vt_pump(t, 50);
    char *text = vt_text(t);
    if (!found || !sha_in(text, hex))
        fail_msg("%s: no hash on the terminal:\n%s", models[model], text);
    free(text);
    vt_free(t);
}

static void test_terminals(void **state)
{
    (void)state;
    char want[65], got[65];
    for (int m = 0; m < MODELS; m++) {
        sha_of_command(m, "-e", "train steps=12", want);
        for (int screen = 0; screen < 2; screen++) {
            sha_of_terminal(m, screen, got);
            if (strcmp(got, want) != 0)
                fail_msg("%s: other bits %s", models[m],
                         screen ? "on the screen" : "in the line mode");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headless_forms),
        cmocka_unit_test(test_terminals),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
