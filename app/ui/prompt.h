/* The command line: GNU readline through its callback interface, drawing into a canvas; and
 * the blocking line reader of the line mode.  The only file that includes readline.  One
 * prompt a process, screen thread (or the main thread of the line mode). */
#ifndef APP_UI_PROMPT_H
#define APP_UI_PROMPT_H

#include "app/ui/canvas.h"
#include "app/ui/term.h"

struct arena;
struct prompt;

/* Candidates for the word that ends at `cursor` (bytes) in `line`: whole words, in the
 * arena; returns how many. */
typedef size_t prompt_complete_fn(void *ctx, const char *line, size_t cursor, struct arena *mem,
                                  const char ***out);

struct prompt_options {
    prompt_complete_fn *complete; /* may be NULL */
    void *ctx;
    const char *history; /* file; NULL: none is read or written */
};
MUST_CHECK enum status prompt_new(struct prompt **out, const struct prompt_options *opt,
                                  struct err *err);
void prompt_free(struct prompt *p);

/* command mode; label ": " or "/ " */
void prompt_open(struct prompt *p, const char *label, const char *fill);
void prompt_close(struct prompt *p);
bool prompt_active(const struct prompt *p);

enum prompt_result {
    PROMPT_MORE,     /* key taken; redraw */
    PROMPT_LINE,     /* a line is ready: prompt_line() */
    PROMPT_LEFT,     /* Esc, Ctrl-C or Ctrl-D on the empty line: command mode is over */
    PROMPT_ASK,      /* several lines were pasted: prompt_draw shows "run as script? y/n" */
    PROMPT_SCRIPT,   /* answered yes: prompt_line() is the pasted text with its newlines */
    PROMPT_NOT_MINE, /* not a key (mouse, resize, signals) */
};
/* Feeds one event; also EV_PASTE_START and EV_PASTE_END. */
enum prompt_result prompt_event(struct prompt *p, const struct term_event *ev);
const char *prompt_line(const struct prompt *p); /* until the next event */
/* what is typed so far (live preview, error carets) */
const char *prompt_text(const struct prompt *p);
/* Draws on row 0 of c; *cursor: its column.  Scrolls sideways to keep the cursor in view. */
void prompt_draw(const struct prompt *p, const struct canvas *c, int *cursor);
/* columns before the text, for carets under errors */
int prompt_label_width(const struct prompt *p);

/* Matches of the last Tab, for a pop-up above the line; 0 when there is none. */
size_t prompt_matches(const struct prompt *p, const char *const **words);
/* at the bottom of the body */
void prompt_draw_matches(const struct prompt *p, const struct canvas *body);
bool prompt_bell(struct prompt *p); /* true once after each bell: flash */

/* The line mode: reads one line with the editor when standard input and output are
 * terminals, else plainly. Heap line without newline, caller frees; NULL at the end of input
 * (eof set) or when interrupted. */
char *prompt_read_line(struct prompt *p, const char *label, bool *eof);
/* Adds to the history and its file (mode 0600, 2,000 lines, no consecutive duplicates);
 * lines from keys and pastes do not go there.  prompt_event and prompt_read_line do this
 * themselves. */
void prompt_remember(struct prompt *p, const char *line);
const char *prompt_library(void); /* "readline 8.2" */

#endif
