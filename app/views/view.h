/* Views: a pane each, rows of views.def; tabs.def places them.  A view is a function of the five globals and of what the engine publishes;
 * drawing is pure: state -> cells.  Views read the app and never change it. */
#ifndef APP_VIEWS_VIEW_H
#define APP_VIEWS_VIEW_H

#include "app/app.h"

struct canvas;
struct plot;
struct cmd_call;
struct cmd_out;
struct view;
enum view_flag { VIEW_NEEDS_MODEL = 1u << 0, VIEW_LIVE = 1u << 1, VIEW_EXPORTS = 1u << 2 };
struct view_def {
    const char *name, *title, *help;
    uint32_t flags;
    int min_rows, min_cols;
    size_t state_size;
    const char *const *probes;                               /* patterns asked for while visible; NULL-terminated; may be NULL */
    enum status (*open)(struct view *v, struct err *err);    /* may be NULL */
    void (*close)(struct view *v);                           /* may be NULL */
    /* What it wants of the explorer, from the five globals; false = nothing.  Called when they changed. */
    bool (*ask)(const struct view *v, struct question *q);
    /* New facts: snapshot or answer may be NULL.  true = redraw me. */
    bool (*update)(struct view *v, const struct snapshot *s, const struct answer *a);
    void (*draw)(const struct view *v, struct canvas *c);
    /* A key nobody else took (name as in keymap.h) while this pane has focus; true = mine.  Only cursors, zoom, styles. */
    bool (*key)(struct view *v, const char *key);
    bool (*command)(struct view *v, const struct cmd_call *call); /* attend layer=2: options of its own; false = not mine */
    void (*plot)(const struct view *v, struct plot *p);           /* the same picture for SVG; may be NULL */
    void (*text)(const struct view *v, struct cmd_out *out);      /* the same as sentences and tables, for --plain and export txt; may be NULL */
};
struct view {
    const struct view_def *def;
    const struct app *app;
    void *state;                                             /* def->state_size bytes, zeroed before open */
    uint64_t id;                                             /* for explorer_ask */
    bool focus, visible, dirty;
    int x, y, w, h;                                          /* place on the screen */
    char title[96];                                          /* drawn in the frame; update() may write it */
};
extern const struct view_def *const view_defs[];             /* NULL-terminated */
const struct view_def *view_find(const char *name);

#endif
