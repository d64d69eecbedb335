/* Keys are commands: a table from (context, keys) to a command line.  Contexts: "global", a
 * tab ("train"), a pane ("train.log"), "prompt".  Lookup goes from pane to tab to
 * global.  Screen thread. */
#ifndef APP_UI_KEYMAP_H
#define APP_UI_KEYMAP_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>

/* keys: names of term.h separated by blanks: "n", "C-r", "= *" (the star takes any one
 * character). command: a command line; "%k" stands for the character taken by the star, "%n"
 * for the count typed before the key (";25n"), and vanishes with the blank before it when
 * there is none. */
enum key_need { /* what a model must have for the key to do something */
                NEED_NONE,
                NEED_FILLING, /* it fills in masked items */
                NEED_LATENT,  /* latent units */
                NEED_TRACKS,  /* several states side by side */
                NEED_LAYERS,  /* more than one */
};
struct key_binding {
    const char *context, *keys, *command;
    const char *label; /* hint line and help: "pause"; "" : help only */
    enum key_need need;
};

struct keymap; /* defaults of keys.def, then what `bind` added; later rows win */
MUST_CHECK enum status keymap_new(struct keymap **out, struct err *err);
void keymap_free(struct keymap *k);
/* An empty command unbinds.  label may be NULL.  ST_ARG: unknown key name, empty context. */
MUST_CHECK enum status keymap_bind(struct keymap *k, const char *context, const char *keys,
                                   const char *command, const char *label, struct err *err);
/* The command bound to exactly these keys in this context alone; NULL: none.  *pending (may
 * be NULL): a longer binding begins with them. */
const char *keymap_lookup(const struct keymap *k, const char *context, const char *keys,
                          bool *pending);
/* Rows in effect, in table order, for help and hints; borrowed until the next bind. */
size_t keymap_rows(const struct keymap *k, const struct key_binding **rows);
bool keymap_key_ok(const char *keys); /* names that term.h can deliver */

/* Keys typed so far. */
struct key_state {
    char keys[64];
    char star[8];
    int count;     /* 0: none */
    bool counting; /* after ';' */
};
enum key_result {
    KEYS_NONE,    /* not bound; the state is empty again */
    KEYS_PENDING, /* more keys needed; show state.keys in the hint line */
    KEYS_RUN,     /* command filled */
};
/* contexts: innermost first, n of them ("train.log", "train", "global").  `repeat`: how
 * often to run the command (a count for a command without "%n"), at least 1. */
enum key_result keymap_feed(const struct keymap *k, struct key_state *st,
                            const char *const *contexts, int n, const char *key, char *command,
                            size_t size, int *repeat);

#endif
