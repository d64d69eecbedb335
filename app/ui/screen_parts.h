/* The screen's composition, shared by the loop (screen.c), the pictures without a terminal and the tests.  Screen thread. */
#ifndef APP_UI_SCREEN_PARTS_H
#define APP_UI_SCREEN_PARTS_H

#include "app/ui/canvas.h"
#include "app/ui/prompt.h"
#include "app/ui_state.h"

/* What a click on the fixed lines means; filled while they are drawn. */
enum { HITS = 320 };
enum hit_kind { HIT_TAB, HIT_ITEM, HIT_STEP };
struct hit {
    enum hit_kind kind;
    int row, from, to;      /* columns from..to-1 */
    int64_t value;          /* tab, place in the sequence, step */
};
enum { RESULT_LINES = 400 };
struct face {               /* what the composition needs beside the app */
    const struct theme *theme;
    const struct prompt *prompt;    /* NULL: none */
    const char *pending;            /* keys typed of a longer binding, or "" */
    const char *question;           /* asked on the hint line, or "" */
    bool flash;
    bool previewing;                /* the sequence is a draft */
    char *const *result;            /* lines of a command that said more than one */
    int n_result, top_result;
    int n_hit;
    struct hit hit[HITS];
    int cursor_row, cursor_col;     /* of the terminal; -1: hidden */
};
/* Draws everything for the size of g. */
void screen_compose(struct app *a, struct face *f, struct grid *g);

#endif
