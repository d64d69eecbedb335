/* `predict steps=N` and `eval ahead=K`: several steps ahead, hidden places beside roll-out. */
#ifndef APP_CMD_AHEAD_H
#define APP_CMD_AHEAD_H

#include "app/cmd/command.h"
#include "engine/train/horizon.h"

enum status predict_ahead(struct app *a, int slot, int64_t at, const struct sequence *seq,
                          const struct horizon_opts *o, struct cmd_out *out, struct err *err);

enum status eval_ahead(struct app *a, int slot, const struct horizon_spec *s,
                       struct cmd_out *out, struct err *err);

#endif
