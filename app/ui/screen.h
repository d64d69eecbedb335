/* The screen: six fixed lines around the open tab, the loop of keys, engine events and
 * ticks.  Screen thread (the program's first). */
#ifndef APP_UI_SCREEN_H
#define APP_UI_SCREEN_H

#include "app/app.h"
#include "app/ui/grid.h"

struct theme;
struct screen_options {
    const char *color; /* --color, or NULL */
    bool no_mouse;
    const char *history; /* file of typed lines, or NULL */
    /* Command lines run after the first frame is on the screen (start file, --data, -e), in
     * order; NULL-terminated, may be NULL. */
    const char *const *start;
};
enum { SCREEN_NO_TERMINAL = -1 };
/* Takes the terminal, runs until a->quit, gives the terminal back.  Returns the exit status
 * of the program, 128 + the number of a signal that ended it, or SCREEN_NO_TERMINAL (a line
 * on standard error says why): use the line mode. */
int screen_run(struct app *a, const struct screen_options *o);
/* Composes what a screen of that size shows, without a terminal: answers are computed here,
 * on this thread.  out: a zeroed or used grid. theme NULL: 256 colours, braille, dark.  With
 * a->ui its tab and cursors are used, else the Train tab. */
MUST_CHECK enum status screen_snap(struct app *a, int cols, int rows, const struct theme *theme,
                                   struct grid *out, struct err *err);

#endif
