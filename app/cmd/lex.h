/* From a line of text to commands and their words: blanks, quotes, comments,
 * `;`, key=value, commas, stamps. */
#ifndef APP_CMD_LEX_H
#define APP_CMD_LEX_H

#include "engine/base/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum { LINE_MAX_BYTES = 65536, WORDS_MAX = 4096, COMMANDS_MAX = 256 };

struct lex_part {     /* a value between commas that stand outside quotes */
    const char *text; /* quotes and escapes undone */
    int32_t col, len; /* in the line, bytes from 0 */
    bool quoted;      /* wholly: a name, whatever it looks like */
    bool at;          /* began with a bare '@', which is not part of text */
};
struct token {
    const char *text;  /* the whole word, quotes and escapes undone */
    const char *key;   /* of key=value, else NULL */
    const char *value; /* after '=', or text */
    int32_t col, len;  /* of the word in the line, bytes from 0 */
    int32_t value_col;
    bool quoted; /* the whole word stood in quotes */
    int32_t n_part;
    const struct lex_part *part; /* of value */
};
struct lex_command {
    int32_t from, to; /* bytes [from, to) of the line: the command as typed, blanks trimmed */
    int32_t n;
    const struct token *token;
};
struct lexed {
    int64_t stamp; /* @N at the line's start, -1 = none */
    int32_t n;     /* commands; an empty or comment line has none */
    const struct lex_command *command;
};
/* Everything lives in mem.  lenient: an open quote closes at the end (completion).  On error
 * *col, *len say where. */
MUST_CHECK enum status lex_line(const char *line, bool lenient, struct arena *mem,
                                struct lexed *out, int32_t *col, int32_t *len, struct err *err);
/* Does the line end in a backslash that continues it?  (Not inside a comment.) */
bool lex_continues(const char *line);

#endif
