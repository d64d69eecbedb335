/* The screen's composition, shared by the loop (screen.c), the pictures without a terminal
 * and the tests.  Screen thread. */
#ifndef APP_UI_SCREEN_PARTS_H
#define APP_UI_SCREEN_PARTS_H

#include "app/ui/canvas.h"
#include "app/ui/keymap.h"
#include "app/ui/prompt.h"
#include "app/ui_state.h"

/* What a click on the fixed lines means; filled while they are drawn. */
enum { HITS = 320 };
enum hit_kind { HIT_TAB, HIT_ITEM, HIT_STEP };
struct hit {
    enum hit_kind kind;
    int row, from, to; /* columns from..to-1 */
    int64_t value;     /* tab, place in the sequence, step */
};
enum { RESULT_LINES = 400 };
struct face { /* what the composition needs beside the app */
    const struct theme *theme;
    const struct prompt *prompt; /* NULL: none */
    const char *pending;         /* keys typed of a longer binding, or "" */
    const char *question;        /* asked on the hint line, or "" */
    bool flash;
    bool previewing;     /* the sequence is a draft */
    char *const *result; /* lines of a command that said more than one */
    int n_result, top_result;
    int n_hit;
    struct hit hit[HITS];
    int cursor_row, cursor_col; /* of the terminal; -1: hidden */
};
/* Draws everything for the size of g. */
void screen_compose(struct app *a, struct face *f, struct grid *g);

enum screen_mode { MODE_NAVIGATE, MODE_COMMAND, MODE_FIND, MODE_REPLACE, MODE_INSERT };
struct screen {
    struct app *app;
    struct term *term;
    struct theme theme;
    struct theme_options looks;
    struct grid grid;
    struct prompt *prompt;
    struct face face;
    struct key_state keys;
    enum screen_mode mode;
    bool preview; /* a->seq is a draft; `kept` is the sequence */
    struct sequence kept;
    int kept_cursor;
    char question[160], confirm[32]; /* asked on the hint line; the command that y runs */
    char *result[RESULT_LINES];
    bool paste; /* in navigate mode: pasted keys are dropped */
    bool mouse;
    unsigned settings_seen;
    uint64_t data_seen; /* hash of the data a sequence was offered for */
    double flash_until;
    double touched;                /* when a key, the mouse or a new size came last */
    double next_live, next_answer; /* earliest time of the next drawing */
    /* earliest time at which a run's newer parameters are asked for */
    double next_weights;
    double explored_s;                  /* the explorer's gauge when they came in last */
    const struct weights *weights_seen; /* compared only */
    bool dirty_live, dirty_answer, dirty_key;
    double tick; /* seconds between drawings of live numbers */
    int slow;    /* slow writes one after another */
    int drag;    /* divider being dragged: last column, -1 none */
    bool drag_on;
};

/* runs a command line; its answer goes to the message bar, a pane or a pop-up */
void screen_line(struct screen *s, const char *line);
void screen_event(struct screen *s, const struct term_event *ev);
void screen_forget(struct screen *s); /* closes the pop-up */
/* takes glyphs, colours and mouse from the settings */
void screen_looks(struct screen *s);
size_t screen_complete(void *s, const char *line, size_t cursor, struct arena *mem,
                       const char ***out);

#endif
