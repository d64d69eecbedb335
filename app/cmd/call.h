/* A parsed command, inside of app/cmd.  Handlers use the accessors of command.h. */
#ifndef APP_CMD_CALL_H
#define APP_CMD_CALL_H

#include "app/cmd/command.h"
#include "app/cmd/lex.h"

/* Somebody looks and goes on typing: what takes long begins here and comes in by app_poll. */
static inline bool on_screen(const struct app *a, const struct cmd_out *out)
{
    return a->ui && out_form(out) == OUT_MESSAGE;
}

/* source within source, alias within alias: the parser refuses at 16 */
enum { CMD_DEPTH = 20 };
struct arg_value {
    const struct cmd_arg *arg;
    const char *key;  /* ARG_PAIR: as typed */
    const char *text; /* the value, quotes undone */
    int64_t i;
    double num;
    const struct sequence *seq;
    int32_t col, len; /* in the line */
};
struct cmd_call {
    const struct cmd_def *def;
    const char *line; /* this command as typed */
    int n;
    const struct arg_value *v;
    bool strict;
};
struct place { /* where an error is, in the line */
    int32_t col, len;
};

/* Types and checks the words c->token[words..] against def's table.  mem: lives as long as
 * the call. */
MUST_CHECK enum status call_bind(struct cmd_call *out, struct app *a, const struct cmd_def *def,
                                 const struct lex_command *c, int words, const char *line,
                                 bool strict, struct arena *mem, struct place *where,
                                 struct err *err);
/* One value of a type; also used by settings and conditions.  NULL-safe places. */
enum status arg_item(const struct app *a, const struct lex_part *p, int32_t *item,
                     struct err *err);
enum status arg_slot(const char *text, int *slot, struct err *err);
/* The row for these words: longest name first.  *words: how many of them name it. */
enum status command_lookup(const struct lex_command *c, bool strict, const struct cmd_def **def,
                           int *words, struct place *where, struct err *err);
bool is_prefix(const char *p, const char *s);

/* Blames an argument of the call for the error the handler returns. */
void call_blame(const struct cmd_call *c, const char *name, struct cmd_out *o);
void out_begin(struct cmd_out *o, const char *command);
void out_place(struct cmd_out *o, int32_t col, int32_t len);
/* err NULL = done well; writes the JSON line */
void out_end(struct cmd_out *o, const struct err *err);

#endif
