/* What the screen remembers: open tab, panes, focus, cursors.  It exists with a screen and
 * for `--screen --snap`; without one a->ui is NULL. The commands of the house (tab, view,
 * layout, find, attend ...) come in through the functions below.  Screen thread. */
#ifndef APP_UI_STATE_H
#define APP_UI_STATE_H

#include "app/views/view.h"

/* What the user moved SVAE's units to: the latest few by hand, and the number of the draw
 * the others come from (0: as the model does). */
enum { LATENT_MOVED = 16 };
struct ui_latent {
    int n, unit[LATENT_MOVED], draw;
    float value[LATENT_MOVED];
};
/* The fifth global: what the cursors are on.  Views write it from their keys; all others
 * read it. */
struct ui_select {
    int32_t item;     /* asked about by `why`; 0 = the first of the list */
    int32_t first;    /* which that is, where a list has said so; 0 = not known */
    int layer;        /* from 1; 0 = the last */
    int head;         /* from 1; 0 = mean over heads, -1 = maximum */
    int row, col;     /* cell of a map by place in the sequence, from 0; -1 = the last */
    int unit, filter; /* from 0 */
    bool unit_chosen; /* until then `unit` follows the first of the list */
    int track;        /* from 1; 0 = the first: PEN4Rec's, of one recent item each */
    struct ui_latent latent;
    bool rollout;
};
/* What the tab Compare is about: `compare` and its keys write it, its panes read it
 * (views/sides.h). */
enum { UI_COMPARED = 4 };
struct ui_side {
    int slot;
    int64_t at; /* STEP_LIVE: follows the time viewed; else a step of its own */
};
struct ui_compare {
    struct ui_side side[UI_COMPARED];
    int n;                /* 0: the screen chooses */
    int against;          /* side that the first is measured against, from 1 */
    enum split_part on;   /* PART_TEST, PART_VALID: whose questions */
    int metric, k;        /* enum quantity_kind; 0: the setting k */
    bool disagree;        /* lists show only items that the other side ranks elsewhere */
    int64_t at_case;      /* held-out question the sequence was taken from, -1: none; */
    uint64_t at_sequence; /*   as long as the sequence has this hash */
    int32_t target;       /*   and what came next */
};
enum size_class { SIZE_S, SIZE_M, SIZE_L, SIZE_TINY };
enum { UI_TABS = 16, UI_PANES = 10, UI_SIDE = 44 };
enum { FOCUS_NONE = -1 }; /* of a tab: the first pane with keys of its own gets it */
struct ui_pane {
    int view;                 /* index in view_defs */
    int row, col, rows, cols; /* on the screen, frame included */
};
struct keymap;
struct ui {
    struct app *app;
    int cols, rows; /* of the screen */
    enum size_class size;
    struct keymap *keys; /* defaults and what `bind` added */
    int tab, tab_before; /* index in tab_defs */
    int focus[UI_TABS];  /* pane with the focus, by tab */
    int shift[UI_TABS];  /* columns the first divider was moved by */
    bool stepping;       /* a batch is open: the Train tab shows its ops */
    bool zoom;           /* the focused pane fills the body */
    bool help;           /* the help pane is open over the tab */
    char help_filter[40];
    char find[80]; /* last search */
    struct ui_select select;
    struct ui_compare compare;
    int n_view;
    struct view *view;             /* one a row of view_defs, in its order */
    struct ui_pane pane[UI_PANES]; /* shown now, in order of the layout */
    int n_pane;
    uint32_t hidden_runs; /* bit s: curves of slot s are not drawn */
    int pinned_run;       /* slot drawn on top, -1: none */
    int hl_divider;       /* column of the first divider on the screen, -1: none */
    bool repaint;         /* others wrote on the terminal: send everything again */
    uint64_t generation;  /* grows with each change that is to be drawn */
};

/* Makes a->ui; nothing happens when it is there.  cols, rows: first size. */
MUST_CHECK enum status ui_new(struct app *a, int cols, int rows, struct err *err);
/* a->ui becomes NULL; accepts one without */
void ui_free(struct app *a);

/* Commands.  All refuse with ST_STATE "needs the screen" when a->ui is NULL. */
/* name, unique beginning, key, "next", "prev" */
enum status ui_tab(struct app *a, const char *name, struct err *err);
/* `view STYLE` of the focused pane; "" = next */
enum status ui_style(struct app *a, const char *style, struct err *err);
/* zoom, larger, smaller, reset, next, prev (focus) */
enum status ui_layout(struct app *a, const char *what, struct err *err);
/* text "": again; dir 1 forward, -1 back */
enum status ui_find(struct app *a, const char *text, int dir, struct err *err);
/* opens the help pane; topic NULL or "": this tab */
enum status ui_help(struct app *a, const char *topic, struct err *err);
/* Opens the tab that shows the view and hands it the call (attend layer=2 head=1); call may
 * be NULL. */
enum status ui_show(struct app *a, const char *view, const struct cmd_call *call,
                    struct err *err);
/* NULL = none or no screen */
struct view *ui_view(struct app *a, const char *name);
/* pane with the focus, NULL = none */
struct view *ui_focused(struct app *a);

/* For the screen and screen_snap. */
/* panes of the open tab for that size */
void ui_arrange(struct ui *u, int cols, int rows);
/* in view_defs, -1: no such view */
int ui_view_index(const char *name, size_t len);
/* of keys: the tab's name, or "stepping" */
const char *ui_context(const struct ui *u);
bool ui_tab_applies(const struct app *a, const struct tab_def *t);
/* Asks what the visible views want to know; with `here` the answers are computed on this
 * thread before it returns, else by the explorer. true: something was asked or answered. */
bool ui_ask(struct app *a, bool here);
/* takes answers of the explorer; true = redraw */
bool ui_answers(struct app *a);
/* a tick: update() of the visible views; true = redraw */
bool ui_update(struct app *a);
/* up down left right top bottom home end pgup ... */
bool ui_move(struct app *a, const char *what, int count);

#endif
