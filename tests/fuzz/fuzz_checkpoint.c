/* libFuzzer target: any bytes as a checkpoint.  Loading must answer, with a model or one
 * line of error, and never more. */
#include "engine/data/world.h"
#include "engine/train/learner.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dataset *ds;
static struct split *split;
static char path[] = "/tmp/seqlab-fuzz-XXXXXX";

static void finish(void)
{
    split_free(split);
    dataset_free(ds);
    unlink(path);
}

static void start(void)
{
    struct world_opts o = {.items = 144, .sessions = 20, .noise = -1, .seed = 1};
    int fd = mkstemp(path);
    if (fd < 0 || world_generate(&ds, "chain", &o, NULL) != ST_OK ||
        split_new(&split, ds, SPLIT_SESSIONS, NULL) != ST_OK)
        abort();
    close(fd);
    atexit(finish);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    start();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size)
        abort();
    fclose(f);
    struct learner *l = NULL;
    struct err err = {0};
    if (learner_load(&l, path, model_defs, split, true, &err) == ST_OK)
        learner_free(l);
    else if (!err.msg[0] || strchr(err.msg, '\n') || l)
        abort();
    return 0;
}
