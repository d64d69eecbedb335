/* Arguments and handlers of the rows of commands.def, for the table in command.c. */
#ifndef APP_CMD_COMMANDS_H
#define APP_CMD_COMMANDS_H

#include "app/cmd/command.h"

#define COMMAND(id, name, group, flags, summary, help)                                         \
    extern const struct cmd_arg args_##id[];                                                   \
    enum status run_##id(struct app *a, const struct cmd_call *call, struct cmd_out *out,      \
                         struct err *err);
#include "app/cmd/commands.def"
#undef COMMAND

#endif
