/* Inside of the terminal: term.c starts, shows and ends, term_read.c reads.  Nothing else knows curses. */
#ifndef APP_UI_TERM_IMPL_H
#define APP_UI_TERM_IMPL_H

#define _XOPEN_SOURCE          700 /* wide curses, wcwidth */
#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR       1
#include <ncurses.h>
#define term curses_terminal /* <term.h> has a struct of our name */
#include <term.h>
#undef term

#include "app/ui/term.h"

#include <termios.h>

enum {
    KEY_PASTE_ON = 0x2000,
    KEY_PASTE_OFF,
    PAIR_SLOTS = 16384,
    RESTORE_SIZE = 480,
    DOUBLE_MS = 400,
    CSI_MS = 200,
    PIECE_MS = 20,
    AGAIN = 24
};

struct pair_slot {
    color_t fg, bg;
    int pair; /* 0 = free */
};
struct term {
    SCREEN *screen;
    WINDOW *keys; /* the pad that is read from */
    struct termios before;
    struct grid sent; /* what curses was given last */
    bool repaint, utf8, mouse, eof;
    enum depth depth;
    struct pair_slot slot[PAIR_SLOTS];
    int n_pair, max_pair;
    bool pairs_full; /* begin anew with the next picture */
    /* a control sequence curses does not know, from after ESC [ on; may come in pieces */
    char csi[16];
    int n_csi; /* -1: none is open */
    int64_t csi_until;
    int back; /* a byte read too far; -1: none */
    int cursor_row, cursor_col;
    double show_s;
    unsigned long long bytes0;
    int press_row, press_col, press_button, click_row, click_col;
    int64_t click_ms;
    struct term_event again[AGAIN]; /* mouse events read at once */
    int n_again;
    char name[48];
};

#endif
