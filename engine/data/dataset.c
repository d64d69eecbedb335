/* The data set as an object: memory, counts, hash, finding items by name.  How events become
 * one is sink.c, import.c and world.c; how it is written is export.c. */
#include "engine/data/dataset_own.h"

#include <string.h>
#include <strings.h>
#include <stdio.h>
#include <xxhash.h>

struct dataset_own {
    struct dataset ds; /* first: a pointer to it is a pointer to this */
    struct arena *mem;
};

enum status dataset_new(struct dataset **out, size_t reserve, struct arena **mem,
                        struct err *err)
{
    *out = NULL;
    enum status st = arena_new(mem, reserve, err);
    if (st != ST_OK)
        return st;
    struct dataset_own *own = arena_alloc(*mem, sizeof *own);
    if (!own) {
        arena_free(*mem);
        return err_nomem(err, sizeof *own, "a data set");
    }
    own->mem = *mem;
    *out = &own->ds;
    return ST_OK;
}

void dataset_free(struct dataset *ds)
{
    if (ds)
        arena_free(((struct dataset_own *)ds)->mem);
}

static uint64_t content_hash(const struct dataset *ds)
{
    /* Array by array with its length in between, so that the same bytes cut otherwise hash
     * otherwise. */
    const int64_t head[] = {ds->n_items, ds->n_users, ds->n_sessions, ds->n_events};
    uint64_t h = XXH3_64bits_withSeed(head, sizeof head, ds->by_user);
    h = XXH3_64bits_withSeed(ds->off, ((size_t)ds->n_sessions + 1) * sizeof *ds->off, h);
    h = XXH3_64bits_withSeed(ds->item, (size_t)ds->n_events * sizeof *ds->item, h);
    if (ds->user)
        h = XXH3_64bits_withSeed(ds->user, (size_t)ds->n_sessions * sizeof *ds->user, h);
    for (int32_t i = 1; i <= ds->n_items; i++) {
        if (ds->item_name)
            h = XXH3_64bits_withSeed(ds->item_name[i], strlen(ds->item_name[i]) + 1, h);
        if (ds->item_id)
            h = XXH3_64bits_withSeed(ds->item_id[i], strlen(ds->item_id[i]) + 1, h);
    }
    return h;
}

enum status dataset_seal(struct dataset *ds, struct arena *mem, struct err *err)
{
    int64_t *pop = arena_alloc(mem, ((size_t)ds->n_items + 1) * sizeof *pop);
    if (!pop)
        return err_nomem(err, (size_t)ds->n_items * sizeof *pop, "item counts");
    for (int64_t i = 0; i < ds->n_events; i++)
        pop[ds->item[i]]++;
    ds->popularity = pop;
    ds->hash = content_hash(ds);
    return ST_OK;
}

/* What an item may be called: its name, the id in the file, else its number. */
static bool matches(const struct dataset *ds, int32_t i, const char *name,
                    int (*same)(const char *, const char *))
{
    char number[16];
    if (ds->item_name && same(ds->item_name[i], name) == 0)
        return true;
    if (ds->item_id)
        return same(ds->item_id[i], name) == 0;
    snprintf(number, sizeof number, "%d", i);
    return strcmp(number, name) == 0;
}

int32_t dataset_find_item(const struct dataset *ds, const char *name)
{
    if (!*name)
        return 0;
    for (int32_t i = 1; i <= ds->n_items; i++)
        if (matches(ds, i, name, strcmp))
            return i;
    for (int32_t i = 1; i <= ds->n_items; i++)
        if (matches(ds, i, name, strcasecmp))
            return i;
    int32_t found = 0;
    size_t len = strlen(name);
    for (int32_t i = 1; ds->item_name && i <= ds->n_items; i++) {
        if (strncasecmp(ds->item_name[i], name, len) != 0)
            continue;
        if (found)
            return 0; /* two begin with it: neither */
        found = i;
    }
    return found;
}
