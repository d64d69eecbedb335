/* Importers: rows of importers.def.  An importer only pushes events; filters, sessions, id
 * maps and splits are common code. Errors are line-exact: `ratings.csv:17: timestamp "x1" is
 * not a number`. */
#ifndef ENGINE_DATA_IMPORT_H
#define ENGINE_DATA_IMPORT_H

#include "engine/base/reader.h"
#include "engine/data/dataset.h"

struct importer_def {
    const char *name, *title, *doc;
    const char *const *ext; /* NULL-terminated: ".txt", ".csv" */
    bool by_user;
    /* 0 = not mine .. 100 = certain */
    int (*sniff)(const char *head, size_t len, const char *path);
    enum status (*read)(struct reader *in, struct event_sink *out, const struct import_opts *o,
                        struct err *err);
};
extern const struct importer_def *const importer_defs[]; /* NULL-terminated */

#endif
