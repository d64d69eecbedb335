/* Scripts: lines of a file or of standard input, continued by a backslash, stamped by @N. */
#ifndef APP_CMD_SCRIPT_H
#define APP_CMD_SCRIPT_H

#include "app/cmd/command.h"

/* Goes on training until the current run has done `step` updates: what a stamp asks for. */
enum status script_reach(struct app *a, int64_t step, struct cmd_out *out, struct err *err);
/* Runs a file ("-": standard input) to its end or first failed command.  on_line: called
 * before each command line (`source FILE step`); false ends it quietly.  The error names
 * file and line; errors were shown through `note` of out when it is text. */
enum status script_run(struct app *a, const char *path,
                       bool (*on_line)(void *ctx, const char *line), void *ctx,
                       struct cmd_out *out, struct err *err);

/* A relative file of a command: as it stands, else beside the script being run
 * (a->dir).  Returns path or buf. */
const char *script_file(const struct app *a, const char *path, char *buf, size_t size);

#endif
