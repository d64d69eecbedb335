/* A short storm over the real program (tests/long/storms.sh has the long one): random keys,
 * sizes and stops while it trains, then each way out. It lives, the command line is the
 * user's afterwards, and the terminal is as it was. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "tests/support/storm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void storm(const char *model, uint64_t seed, enum storm_end end)
{
    static struct storm s;
    char start[512];
    double repaint_s;
    snprintf(start, sizeof start,
             "data plant twins items=144 sessions=200 seed=7\nset keep.mb 2\nmodel new %s\nseq "
             "13 1 14 2 15 3 16\ntrain steps=100000000\n",
             model);
    bool ok = storm_start(&s, vt_program(), start, seed) && storm_keys(&s, 1500) &&
              storm_calm(&s, &repaint_s) && storm_resizes(&s, 100) && storm_stops(&s, 4) &&
              storm_end(&s, end);
    if (!ok) {
        print_error("%s, seed %lu: %s\n", model, (unsigned long)seed, s.failure);
        storm_print_recent(&s);
    }
    storm_free(&s);
    assert_true(ok);
}

static void test_quit(void **state)
{
    (void)state, storm("sasrec d=16 layers=1 heads=2", 1, STORM_QUIT);
}
static void test_term(void **state)
{
    (void)state, storm("gru4rec hidden=16", 2, STORM_TERM);
}
static void test_hang_up(void **state)
{
    (void)state, storm("caser d=16 nh=4", 3, STORM_HUP);
}
static void test_crash(void **state)
{
    (void)state, storm("pen4rec d=16", 4, STORM_SEGV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quit),
        cmocka_unit_test(test_term),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
