/* The command language: the only door.  Keys, the prompt, the start file, scripts and tests
 * all run command lines. */
#ifndef APP_CMD_COMMAND_H
#define APP_CMD_COMMAND_H

#include "app/app.h"
#include <jansson.h>

// clang-format off
enum arg_type { ARG_INT, ARG_FLOAT, ARG_WORD, ARG_TEXT, ARG_PATH, ARG_ITEM, ARG_SEQUENCE, ARG_TIME, ARG_SLOT, ARG_CONDITION, ARG_POSITION,
                ARG_MODEL, ARG_DATASET, ARG_WORLD, ARG_VIEW, ARG_METRIC, ARG_SETTING, ARG_TENSOR, ARG_KEY, ARG_COMMAND, ARG_CHOICE,
                ARG_FLAG,     /* the word `name` itself: bg, force, rollout, to */
                ARG_EDIT,     /* POS=ITEM */
                ARG_SESSION,  /* s:412 or 412 */
                ARG_SIDE,     /* A, A@200, A@live */
                ARG_QUANTITY, /* what a condition compares: loss, hr@10, tensor.stat */
                ARG_PAIR };   /* any other KEY=VALUE */
// clang-format on
struct cmd_arg {
    const char *name; /* "k" for k=10 options; "SEQUENCE" for words */
    enum arg_type type;
    bool option; /* key=value; else by position */
    bool optional, repeats;
    double min, max;            /* ARG_INT, ARG_FLOAT; both 0: unbounded */
    const char *const *choices; /* ARG_CHOICE */
    const char *doc;
};
enum cmd_flag {
    CMD_NEEDS_DATA = 1u << 0,
    CMD_NEEDS_MODEL = 1u << 1,
    CMD_TUI_ONLY = 1u << 2,
    CMD_HIDDEN = 1u << 3,
    CMD_IN_RC = 1u << 4
};

struct cmd_call; /* parsed, typed, range-checked: handlers never touch raw text */
struct cmd_out;  /* where results go: message bar, plain text, JSON lines */
struct cmd_def {
    const char *name, *group, *summary, *help; /* help: 2-10 lines and an example */
    const struct cmd_arg *args;                /* ends with name == NULL */
    uint32_t flags;
    enum status (*run)(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err);
};
/* A name of two words ("data plant") is a command of its own; a row of the first word alone
 * takes what no second word fits. */
extern const struct cmd_def cmd_defs[]; /* ends with name == NULL; commands.def */

/* Arguments of a call.  Numbers are in range; ARG_ITEM is an item id (n_items + 1: the
 * mask), ARG_POSITION a place from 0 in the sequence, ARG_SLOT 0..25, ARG_SESSION a session
 * from 0, ARG_CHOICE the index of the choice. */
bool call_has(const struct cmd_call *c, const char *name);
int64_t call_int(const struct cmd_call *c, const char *name, int64_t def);
double call_num(const struct cmd_call *c, const char *name, double def);
const char *call_text(const struct cmd_call *c, const char *name, const char *def);
/* NULL = not given */
const struct sequence *call_seq(const struct cmd_call *c, const char *name);
int call_count(const struct cmd_call *c, const char *name); /* of a repeating argument */
const char *call_at(const struct cmd_call *c, const char *name, int i);
/* ARG_PAIR: its key; call_at is its value */
const char *call_key_at(const struct cmd_call *c, const char *name, int i);
int64_t call_int_at(const struct cmd_call *c, const char *name, int i);
const struct cmd_def *call_def(const struct cmd_call *c);
const char *call_line(const struct cmd_call *c); /* the command as typed */
bool call_is_strict(const struct cmd_call *c);   /* from a script */

/* Output.  Text lines are for people; `json` takes fields for the JSON object of this
 * command. */
void out_line(struct cmd_out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
json_t *out_json(struct cmd_out *o); /* the object under construction, never NULL */

enum out_form { OUT_TEXT, OUT_JSON, OUT_MESSAGE };
struct cmd_out *cmd_out_new(enum out_form form, void (*write)(void *ctx, const char *line),
                            void *ctx);
void cmd_out_free(struct cmd_out *o);
/* Progress and remarks: not part of the result (standard error).  Without a writer they are
 * dropped. */
void cmd_out_notes(struct cmd_out *o, void (*note)(void *ctx, const char *line), void *ctx);
void out_note(struct cmd_out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum out_form out_form(const struct cmd_out *o);
/* Fields of the JSON object; text is made valid UTF-8, numbers are the four digits that
 * fmt_num prints (NaN: null). */
void out_text(struct cmd_out *o, const char *key, const char *value);
void out_int(struct cmd_out *o, const char *key, int64_t value);
void out_num(struct cmd_out *o, const char *key, double value);
void out_bool(struct cmd_out *o, const char *key, bool value);
json_t *json_num(double v); /* new references */
json_t *json_text(const char *s);
/* Where the last error was: bytes [col, col+len) of the line given to cmd_run_line; len 0 =
 * nowhere. */
void cmd_out_place(const struct cmd_out *o, int32_t *col, int32_t *len);
/* "kind: message. hint" of an error, inert. */
void cmd_error_text(const struct err *err, char *buf, size_t size);
/* The same with the line and carets under the place, for people: up to three lines handed to
 * write. */
void cmd_error_show(const struct cmd_out *o, const char *line, const struct err *err,
                    void (*write)(void *ctx, const char *line), void *ctx);

/* Runs one line (several commands with ';').  The first failure ends the line; nothing is
 * changed by a failed command. strict: full verbs only (scripts).  JSON form: one object a
 * command, also for errors. */
enum status cmd_run_line(struct app *a, const char *line, bool strict, struct cmd_out *out,
                         struct err *err);
/* Completions at the cursor, by grammar position: verb, option key, value, item id or name,
 * file.  Each is the whole word to put there. */
size_t cmd_complete(const struct app *a, const char *line, size_t cursor, struct arena *mem,
                    const char ***out);
/* "predict SEQUENCE [k=10] ..." from the argument table. */
void cmd_usage(const struct cmd_def *d, char *buf, size_t size);
const struct cmd_def *cmd_find(const char *name, bool prefix);

#endif
