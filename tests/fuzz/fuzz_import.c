/* libFuzzer target: any bytes as a data file.  The first byte chooses the importer (0:
 * guess).  Reading must give a sound data set, or one line of error and nothing.  The unit
 * test test_fuzz_import replays its corpus. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create: thousands of files a second need no disk */
#endif
#include "engine/base/inert.h"
#include "engine/data/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[40];

static int open_memory(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return fd;
}

static void check(const struct dataset *ds)
{
    if (ds->n_sessions < 1 || ds->n_items < 1 || ds->off[0] != 0 ||
        ds->off[ds->n_sessions] != ds->n_events)
        abort();
    for (int32_t s = 0; s < ds->n_sessions; s++)
        if (ds->off[s + 1] <= ds->off[s])
            abort();
    for (int64_t i = 0; i < ds->n_events; i++)
        if (ds->item[i] < 1 || ds->item[i] > ds->n_items)
            abort();
    for (int32_t i = 1; i <= ds->n_items; i++) {
        if (ds->popularity[i] < 1)
            abort();
        if (ds->item_name && !text_is_inert(ds->item_name[i], strlen(ds->item_name[i])))
            abort();
        if (ds->item_id && !text_is_inert(ds->item_id[i], strlen(ds->item_id[i])))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    int n = 0;
    if (fd < 0)
        fd = open_memory();
    if (size < 1)
        return 0;
    while (importer_defs[n])
        n++;
    const char *importer =
        data[0] % (n + 1) ? importer_defs[data[0] % (n + 1) - 1]->name : NULL;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data + 1, size - 1, 0) != (ssize_t)(size - 1))
        abort();
    struct dataset *ds = NULL;
    struct import_report rep;
    struct err err = {0};
    if (dataset_import(&ds, path, importer, NULL, &rep, NULL, NULL, &err) == ST_OK)
        check(ds);
    else if (ds || !err.msg[0] || !text_is_inert(err.msg, strlen(err.msg)))
        abort();
    dataset_free(ds);
    return 0;
}
