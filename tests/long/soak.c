/* Hours of use: the terminal program trains while every tab is opened in turn and the model is saved every ten seconds.  Resident memory and open
 * files are read meanwhile; after the warm-up (the first part, at most half an hour) memory must not rise by 1 MiB an hour and the files stay as many.
 *   soak PROGRAM [minutes [model...]]      default 480, sasrec d=16 layers=2 heads=2 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "tests/support/storm.h"
#include "engine/base/clock.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SAVE_S = 10, WARM_MIN = 30, WAIT_MS = 10000 };
static const double KB_PER_HOUR = 1024;

static int open_files(const struct storm *s)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)vt_pid(s->vt));
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* Least squares over the samples so far. */
struct line {
    double n, x, y, xx, xy, yy;
};

static void line_add(struct line *l, double x, double y)
{
    l->n++, l->x += x, l->y += y;
    l->xx += x * x, l->xy += x * y, l->yy += y * y;
}

/* Slope and its standard error. */
static double line_slope(const struct line *l, double *se)
{
    double sxx = l->xx - l->x * l->x / l->n, sxy = l->xy - l->x * l->y / l->n,
           syy = l->yy - l->y * l->y / l->n, slope = sxy / sxx;
    *se = sqrt(fmax(0, syy - slope * sxy) / fmax(1, l->n - 2) / sxx);
    return slope;
}

int main(int argc, char **argv)
{
    static struct storm s;
    char *program = argc > 1 ? realpath(argv[1], NULL) : NULL;
    double minutes = argc > 2 ? strtod(argv[2], NULL) : 480;
    if (!program || !(minutes > 0)) {
        fprintf(stderr, "usage: soak PROGRAM [minutes [model...]]\n");
        return 2;
    }
    char start[512], model[200] = "sasrec d=16 layers=2 heads=2";
    for (int i = 3, n = 0; i < argc && n < (int)sizeof model; i++)
        n += snprintf(model + n, sizeof model - (size_t)n, "%s%s", i > 3 ? " " : "", argv[i]);
    snprintf(start, sizeof start,
             "data plant twins items=144 sessions=400 seed=7\nset keep.mb 16\nmodel new %s\n"
             "seq 13 1 14 2 15 3 16\ntrain steps=1000000000000\n",
             model);
    if (!storm_start(&s, program, start, 1)) {
        fprintf(stderr, "%s\n", s.failure);
        return 1;
    }
    double warm = 60 * fmin(WARM_MIN, minutes / 3), began = clock_s(), now = 0, due = SAVE_S;
    struct line rss = {0};
    int least = 0, most = 0, saves = 0, tabs = 0;
    bool ok = true;
    while (ok && now < 60 * minutes) {
        char tab[2] = {(char)('0' + tabs++ % 10), '\0'};
        vt_send(s.vt, tab);
        vt_pump(s.vt, 1000);
        now = clock_s() - began;
        if (now < due)
            continue;
        due += SAVE_S;
        vt_send(s.vt, ":save model kept.safetensors\r");
        ok = vt_wait(s.vt, "saved kept", WAIT_MS);
        saves++;
        vt_send(s.vt, "\033");
        long kb = storm_rss_kb(&s);
        int files = open_files(&s);
        if (now < warm)
            continue;
        line_add(&rss, now / 3600, (double)kb);
        least = least && least < files ? least : files;
        most = most > files ? most : files;
        if ((long)rss.n % 60 == 1) {
            printf("%6.1f min  %ld KB  %d open files\n", now / 60, kb, files);
            fflush(stdout);
        }
    }
    if (!ok) {
        char *text = vt_text(s.vt);
        fprintf(stderr, "no answer to save after %.0f s:\n%s", now, text);
        free(text);
    }
    double se = 0, slope = rss.n > 2 ? line_slope(&rss, &se) : (double)NAN;
    printf("%s: %.0f min, %d saves, %d tabs; after %.0f min: %+.0f KB an hour (+-%.0f), "
           "%d to %d open files\n",
           model, now / 60, saves, tabs, warm / 60, slope, 2 * se, least, most);
    ok = ok && slope < KB_PER_HOUR && least == most && storm_end(&s, STORM_QUIT);
    storm_free(&s);
    free(program);
    return !ok;
}
