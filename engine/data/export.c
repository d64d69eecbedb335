/* A data set as text: one session a line, ids from 1, and what is planted in it.  Whole or
 * not at all: durable replacement. */
#include "engine/data/dataset.h"
#include "engine/base/durable.h"
#include "engine/data/world.h"

#include <stdio.h>

static void write_sessions(const struct dataset *ds, FILE *f)
{
    for (int32_t s = 0; s < ds->n_sessions; s++)
        for (int64_t i = ds->off[s]; i < ds->off[s + 1]; i++)
            fprintf(f, "%d%c", ds->item[i], i + 1 < ds->off[s + 1] ? ' ' : '\n');
}

static void write_truth(const struct dataset *ds, FILE *f)
{
    fprintf(f, "session\tposition\tflag\tvalue\n");
    for (int32_t s = 0; s < ds->n_sessions; s++)
        for (int64_t i = ds->off[s]; i < ds->off[s + 1]; i++)
            fprintf(f, "%d\t%lld\t%s\t%d\n", s, (long long)(i - ds->off[s]),
                    world_flag_name((enum world_flag)ds->flag[i]), ds->truth[i]);
}

static enum status write_file(const struct dataset *ds, const char *path,
                              void (*write)(const struct dataset *, FILE *), struct err *err)
{
    struct durable *d = NULL;
    enum status st = durable_open(&d, path, err);
    if (st != ST_OK)
        return st;
    write(ds, durable_file(d));
    return durable_commit(d, err);
}

enum status dataset_export(const struct dataset *ds, const char *path, const char *truth_path,
                           struct err *err)
{
    if (truth_path && !ds->world)
        return err_set(err, ST_UNSUPPORTED,
                       "nothing is planted in \"%.60s\": only generated worlds have a truth",
                       ds->name);
    enum status st = write_file(ds, path, write_sessions, err);
    return st == ST_OK && truth_path ? write_file(ds, truth_path, write_truth, err) : st;
}
