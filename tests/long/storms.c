/* The terminal program under abuse: for each of six models, while it trains, random keys through every tab, then sizes, stops, and one of the
 * ways out.  Prints what it did; a death, a hang, text left in the command line or a terminal not given back ends it with status 1.
 *   storms PROGRAM [keys [resizes [stops [seed [model]]]]]      totals over the models; default 1000000 10000 200 1 and all six */
#define _XOPEN_SOURCE 700 /* realpath */
#include "tests/support/storm.h"
#include "engine/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const models[] = {"gru4rec hidden=16",
                                     "caser d=16 nh=4",
                                     "svae",
                                     "sasrec d=16 layers=2 heads=2",
                                     "bert4rec d=16 layers=1 heads=2",
                                     "pen4rec d=16"};
enum { MODELS = sizeof models / sizeof *models, REPAINT_S = 1, GROWTH_KB = 8192 };

static long number(int argc, char **argv, int i, long otherwise)
{
    return argc > i ? strtol(argv[i], NULL, 10) : otherwise;
}

/* One model's share: fails with the storm's message. */
static bool weather(struct storm *s, int m, long keys, int resizes, int stops,
                    double *repaint_s, long *growth_kb)
{
    double t;
    for (long left = keys; left > 0;
         left -= 5000) { /* in spells, each with a look at the line */
        if (!storm_keys(s, left < 5000 ? left : 5000) || !storm_calm(s, &t))
            return false;
        *repaint_s = t > *repaint_s ? t : *repaint_s;
    }
    /* A fresh run for what is measured: the keys may have left it paused, or other models
     * loaded. */
    if (!storm_end(s, (enum storm_end)(m % STORM_ENDS)) || !storm_open(s) ||
        !storm_resizes(s, 1000) || !storm_calm(s, &t))
        return false;
    long before = storm_rss_kb(s);
    double from = clock_s();
    if (!storm_resizes(s, resizes) || !storm_calm(s, &t))
        return false;
    *repaint_s = t > *repaint_s ? t : *repaint_s;
    long after = storm_rss_kb(s);
    /* What the run itself takes in as much time is not the storm's. */
    vt_pump(s->vt, (int)(1000 * (clock_s() - from)));
    *growth_kb = (after - before) - (storm_rss_kb(s) - after);
    return storm_stops(s, stops) && storm_calm(s, &t) &&
           storm_end(s, (enum storm_end)((m + 1) % STORM_ENDS));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: storms PROGRAM [keys [resizes [stops [seed [model]]]]]\n");
        return 2;
    }
    long keys = number(argc, argv, 2, 1000000), resizes = number(argc, argv, 3, 10000),
         stops = number(argc, argv, 4, 200), seed = number(argc, argv, 5, 1);
    char *program = realpath(argv[1], NULL);
    int bad = 0;
    for (int m = 0; program && m < MODELS; m++) {
        static struct storm s;
        if (argc > 6 && strncmp(models[m], argv[6], strlen(argv[6])) != 0)
            continue;
        char start[512];
        double repaint_s = 0, began = clock_s();
        long growth_kb = 0;
        snprintf(start, sizeof start,
                 "data plant twins items=144 sessions=400 seed=7\nset keep.mb 2\nmodel new "
                 "%s\nseq 13 1 14 2 15 3 16\ntrain steps=100000000\n",
                 models[m]);
        bool ok = storm_start(&s, program, start, (uint64_t)(seed * 100 + m)) &&
                  weather(&s, m, keys / MODELS, (int)(resizes / MODELS), (int)(stops / MODELS),
                          &repaint_s, &growth_kb);
        if (ok && repaint_s > REPAINT_S)
            ok = false, snprintf(s.failure, sizeof s.failure,
                                 "the screen stood only after %.2f s", repaint_s);
        if (ok && growth_kb > GROWTH_KB &&
            !getenv("ANY_GROWTH")) /* sanitizers keep what is freed */
            ok = false, snprintf(s.failure, sizeof s.failure, "grew by %ld KB", growth_kb);
        printf("%-32s %8ld bytes, %6ld sizes, %4ld stops, %3ld starts: %s; repaint <= %.2f s, "
               "%+ld KB, slowest key %.2f s, %.0f s\n",
               models[m], s.keys, s.resizes, s.stops, s.restarts + 2, ok ? "ok" : "FAILED",
               repaint_s, growth_kb, s.slowest_s, clock_s() - began);
        fflush(stdout);
        if (!ok) {
            fprintf(stderr, "seed %ld, %s: %s\n", seed, models[m], s.failure);
            storm_print_recent(&s);
            bad++;
        }
        storm_free(&s);
    }
    free(program);
    return bad || !program;
}
