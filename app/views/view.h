/* Views: a pane each, rows of views.def; tabs.def places them.  A view is a function of the
 * five globals and of what the engine publishes; drawing is pure: state -> cells.  Views
 * read the app and never change it; their cursors live in ui->select, where every other pane
 * can read them.  A new view is one file, one row in views.def and its place in
 * tabs.def.  Screen thread. */
#ifndef APP_VIEWS_VIEW_H
#define APP_VIEWS_VIEW_H

#include "app/app.h"

struct canvas;
struct plot;
struct cmd_call;
struct cmd_out;
struct ui;
struct view;
enum view_flag {
    VIEW_NEEDS_MODEL =
        1u << 0, /* nothing to draw without a model in the slot: the screen says so instead */
    VIEW_LIVE = 1u << 1, /* changes while training runs, also without questions */
    VIEW_EXPORTS = 1u << 2,
    VIEW_NEEDS_DATA = 1u << 3,
};
enum { VIEW_ASKS = 5 };
/* A question with the place and time it is about. */
struct view_ask {
    struct question q; /* comes in asking for the scores after the typed sequence */
    int slot;          /* comes in as the current slot */
    int64_t at;        /* comes in as the time viewed */
    /* comes in as NULL; else: these parameters, whatever slot and time say; borrowed until
     * the next call */
    struct weights *w;
    /* leave 0; else: a number that changes when the same question is to be asked again */
    uint64_t key;
};
struct view_def {
    const char *name, *title, *help;
    uint32_t flags;
    int min_rows, min_cols;
    size_t state_size;
    /* of the running batch, watched while visible; NULL-terminated; may be NULL */
    const char *const *probes;
    /* for the hint line: "v","style", ... ending in NULL; may be NULL; view.keys starts as it */
    const char *const *keys;
    enum status (*open)(struct view *v, struct err *err); /* may be NULL */
    void (*close)(struct view *v);                        /* may be NULL */
    /* What it wants of the explorer: question `which` of 0..VIEW_ASKS-1; false = no such
     * question now.  Called whenever something changed; an equal question about the same
     * parameters is asked only once.  What ->q points to lives until the next call. */
    bool (*ask)(struct view *v, int which, struct view_ask *ask);
    /* An answer (never NULL; look at err).  Copy what is needed: it lives for this
     * call.  true = redraw me. */
    bool (*answer)(struct view *v, int which, const struct answer *a);
    /* Once a tick: new facts of the workspace, series, snapshot (NULL: no run).  true =
     * redraw me. */
    bool (*update)(struct view *v, const struct snapshot *s);
    /* false: the pane is left out of the layout as things are now, and its neighbours share
     * the room; NULL: it is always there. */
    bool (*wanted)(const struct app *a);
    void (*draw)(const struct view *v, struct canvas *c);
    /* A key nobody else took (name as in keymap.h) while this pane has focus; true =
     * mine.  Only cursors, zoom, styles. */
    bool (*key)(struct view *v, const char *key);
    /* Enter (or a double click) on what the cursor is on runs a command, so that the log can
     * replay it: writes it; false = nothing. */
    bool (*enter)(const struct view *v, char *line, size_t size);
    /* inside the pane; true = mine */
    bool (*click)(struct view *v, int row, int col, bool twice);
    /* attend layer=2: options of its own; false = not mine */
    bool (*command)(struct view *v, const struct cmd_call *call);
    /* what the cursor is on, as `ablate` names it; false = nothing */
    bool (*part)(const struct view *v, char *buf, size_t size);
    /* "": the next one; false = no such style */
    bool (*style)(struct view *v, const char *name);
    /* moves the cursor to the next hit; dir 0: from here on, 1, -1 */
    bool (*find)(struct view *v, const char *text, int dir);
    /* the same picture for SVG; may be NULL */
    void (*plot)(const struct view *v, struct plot *p);
    /* the same as sentences and tables, for --plain and export txt; may be NULL */
    void (*text)(const struct view *v, struct cmd_out *out);
};
struct view {
    const struct view_def *def;
    const struct app *app;
    /* ui->select may be written from key(), click(), command() and find() */
    struct ui *ui;
    /* def->state_size bytes, zeroed before open */
    void *state;
    /* question `which` is id + which for the explorer */
    uint64_t id;
    bool opened, focus, visible, dirty;
    /* inside of the pane on the screen; 0 when not shown */
    int x, y, w, h;
    /* drawn in the frame; starts as def->title; update() and draw's preparation may write it */
    char title[96];
    /* right end of the frame's top line */
    char note[48];
    const char *const *keys; /* starts as def->keys; update() may choose others */
    /* private to ui_ask(): the last question with and without its step */
    uint64_t asked[VIEW_ASKS], asked_what[VIEW_ASKS];
    bool waiting[VIEW_ASKS];
    /* the answer handed over last: a newer one lies elsewhere */
    const struct answer *taken[VIEW_ASKS];
};
#define VIEW(name) extern const struct view_def view_##name;
#include "app/views/views.def"
#undef VIEW
extern const struct view_def *const view_defs[];    /* NULL-terminated */
const struct view_def *view_find(const char *name); /* NULL = none */

/* Tabs: rows of tabs.def.  A layout is a line of panes: "curve | numbers:12 / log =30":
 * columns from left to right, parted by '|'; in a column panes from top to bottom, parted by
 * '/'; ":12" or ":40%" is the height of a pane, "=30" or "=45%" the width of its column,
 * frames included.  What has no size shares the rest. */
struct tab_def {
    /* "attention", "Attention", "Attn" */
    const char *name, *title, *brief;
    char key; /* '3' */
    /* enum model_flag the current model must have, one of them; 0: none */
    uint32_t needs;
    /* what the tab shows: said when it does not apply or has no pane */
    const char *coming;
    /* command that makes it apply: "model new caser"; may be NULL */
    const char *load;
    /* size classes S, M, L; NULL: no pane */
    const char *layout[3];
};
extern const struct tab_def tab_defs[]; /* ends with name == NULL */
/* the Train tab while a batch is open: S, M, L */
extern const char *const tab_stepping[3];
/* panes of the column that class L adds to every tab */
extern const char *const tab_side;
/* name, unique beginning, or key; NULL = none */
const struct tab_def *tab_find(const char *name);

#endif
