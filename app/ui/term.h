/* The terminal: the only part that knows curses.  Shows grids, reads events, gives the terminal back.
 * One terminal a process, screen thread only; signals_start() comes first.
 *
 *     term_start(&t, &opt, &err);            ST_UNSUPPORTED: no terminal, dumb: use the line mode
 *     for (;;) {
 *         poll(term_fd(t), signals_fd(), ...);
 *         while (term_read(t, &ev)) handle(&ev);       until false: curses may hold decoded keys
 *         draw into a grid; term_show(t, &grid, cursor_row, cursor_col);
 *     }
 *     term_stop(t); */
#ifndef APP_UI_TERM_H
#define APP_UI_TERM_H

#include "app/ui/theme.h"

struct term;

struct term_options {
    bool mouse;
    enum depth depth; /* DEPTH_DIRECT tries the direct colour entry of TERM */
};

enum event_kind {
    EV_NONE,
    EV_KEY, /* name, and text for typed characters */
    EV_MOUSE,
    EV_RESIZE, /* rows, cols: the present size */
    EV_PASTE_START,
    EV_PASTE_END, /* keys between them are pasted text: never run them */
    EV_STOP,      /* SIGTSTP: call term_suspend() */
    EV_INT,
    EV_TERM,
    EV_HUP,
    EV_QUIT, /* signals sent from outside (Ctrl-C is the key "C-c") */
    EV_GONE, /* the terminal went away: save and end */
};
enum mouse_act {
    MOUSE_PRESS,
    MOUSE_RELEASE,
    MOUSE_CLICK,
    MOUSE_DOUBLE,
    MOUSE_DRAG,
    MOUSE_WHEEL_UP,
    MOUSE_WHEEL_DOWN
};

/* Key names: the character itself ("a", "A", ":", "é"), "Space" "Tab" "S-Tab" "Enter" "Esc"
 * "Backspace" "Delete" "Insert" "Up" "Down" "Left" "Right" "S-Left" "S-Right" "Home" "End"
 * "PgUp" "PgDn" "F1".."F12" "S-F1".. , "C-a".."C-z" (never C-i, C-m, C-h: Tab, Enter,
 * Backspace), "C-\\" "C-]" "C-^" "C-_" "C-@", "M-" before any of them for Alt. */
struct term_event {
    enum event_kind kind;
    char name[24];
    char text[8]; /* UTF-8 of a typed character, else "" */
    enum mouse_act act;
    int button; /* 1 left, 2 middle, 3 right; 0: wheel */
    bool shift;
    int row, col;   /* mouse */
    int rows, cols; /* EV_RESIZE */
};

MUST_CHECK enum status term_start(struct term **out, const struct term_options *opt,
                                  struct err *err);
void term_stop(struct term *t); /* accepts NULL; the terminal is as before */

int term_fd(const struct term *t); /* poll it for input */
void term_size(const struct term *t, int *rows, int *cols);
/* locale, TERM, colours: for theme_decide */
void term_env(const struct term *t, struct theme_env *env);
/* depth and UTF-8 of what is shown from now on */
void term_theme(struct term *t, const struct theme *theme);

/* Waits up to timeout_ms (-1: for ever) for input or a signal; false: timed out.  extra:
 * other descriptors (n of them, at most 8) that end the wait when readable. */
bool term_wait(struct term *t, int timeout_ms, const int *extra, int n);
bool term_read(struct term *t, struct term_event *ev); /* false: nothing more for now */

/* Sends the cells that changed since the last call; no output when none did.  cursor_row <
 * 0: hidden. A grid of another size than the terminal is cut or padded. */
void term_show(struct term *t, const struct grid *g, int cursor_row, int cursor_col);
void term_repaint(struct term *t); /* the next term_show sends everything (Ctrl-L) */
/* stops the process; returns after SIGCONT, repaint due */
void term_suspend(struct term *t);
void term_mouse(struct term *t, bool on);
/* window title where the terminal has one */
void term_title(struct term *t, const char *title);
void term_clipboard(struct term *t, const char *text); /* OSC 52 */

double term_show_s(const struct term *t); /* seconds the last doupdate took */
/* bytes written so far, as far as the system tells */
unsigned long long term_bytes(const struct term *t);
const char *term_name(const struct term *t);

#endif
