/* The folder of a run: what it leaves on disk by itself while it trains, so that a crash
 * costs at most ten seconds.  $XDG_DATA_HOME/seqlab/runs/NAME: config.rc (commands that make
 * its data and its model), last.safetensors, best.safetensors, metrics.jsonl.  `train
 * run=NAME` opens one, `load run NAME` goes on from it.  Screen thread. */
#ifndef APP_CMD_RUN_FOLDER_H
#define APP_CMD_RUN_FOLDER_H

#include "app/app.h"

/* The run of a slot gets a folder from its first batch on; nothing happens when it has that
 * one already.  ST_ARG: no name for a folder; ST_STATE: the run has begun without it, or the
 * folder holds another run. */
MUST_CHECK enum status run_folder_name(struct app *a, int slot, const char *name,
                                       struct err *err);
/* "…/runs/NAME/FILE"; make: the folder too. */
MUST_CHECK enum status run_folder_path(const char *name, const char *file, bool make, char *buf,
                                       size_t size, struct err *err);
/* Writes config.rc, unless there is one. */
MUST_CHECK enum status run_folder_begin(const struct app *a, int slot, struct err *err);

#endif
