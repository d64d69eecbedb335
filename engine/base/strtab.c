/* Open addressing with linear probing over a power of two of slots, at most two thirds
 * full.  Slots hold ids; the upper half of the hash stands beside them, so that a probe
 * rarely looks at the text. */
#include "engine/base/strtab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct slot {
    uint32_t hash;
    int32_t id; /* -1 = empty */
};

struct strtab {
    struct slot *slot;
    size_t mask;
    char *text;
    size_t used, room;
    size_t *at; /* (count+1) where each text begins; a NUL ends each */
    size_t at_room;
    int32_t count;
};

enum { FIRST_SLOTS = 1024 };

static void clear(struct slot *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s[i].id = -1;
}

enum status strtab_new(struct strtab **out, struct err *err)
{
    *out = NULL;
    struct strtab *t = calloc(1, sizeof *t);
    if (t) {
        t->mask = FIRST_SLOTS - 1;
        t->slot = malloc(FIRST_SLOTS * sizeof *t->slot);
        t->at_room = FIRST_SLOTS;
        t->at = malloc((FIRST_SLOTS + 1) * sizeof *t->at);
    }
    if (!t || !t->slot || !t->at) {
        strtab_free(t);
        return err_nomem(err, FIRST_SLOTS * 16, "a table of ids");
    }
    t->at[0] = 0;
    clear(t->slot, FIRST_SLOTS);
    *out = t;
    return ST_OK;
}

void strtab_free(struct strtab *t)
{
    if (!t)
        return;
    free(t->slot);
    free(t->text);
    free(t->at);
    free(t);
}

/* The slot of the text, or the empty one where it belongs. */
static size_t probe(const struct strtab *t, const char *s, size_t len, uint64_t h)
{
    size_t i = h & t->mask;
    for (; t->slot[i].id >= 0; i = (i + 1) & t->mask) {
        int32_t id = t->slot[i].id;
        if (t->slot[i].hash == (uint32_t)(h >> 32) && strtab_len(t, id) == len &&
            memcmp(t->text + t->at[id], s, len) == 0)
            break;
    }
    return i;
}

static bool grow_slots(struct strtab *t)
{
    size_t n = (t->mask + 1) * 2;
    struct slot *slot = malloc(n * sizeof *slot);
    if (!slot)
        return false;
    clear(slot, n);
    for (int32_t id = 0; id < t->count; id++) {
        uint64_t h = XXH3_64bits(t->text + t->at[id], strtab_len(t, id));
        size_t i = h & (n - 1);
        while (slot[i].id >= 0)
            i = (i + 1) & (n - 1);
        slot[i] = (struct slot){.hash = (uint32_t)(h >> 32), .id = id};
    }
    free(t->slot);
    t->slot = slot;
    t->mask = n - 1;
    return true;
}

static bool grow_text(struct strtab *t, size_t len)
{
    if (t->room - t->used <= len) {
        size_t room = t->room + t->room / 2 + len + 4096;
        char *text = realloc(t->text, room);
        if (!text)
            return false;
        t->text = text;
        t->room = room;
    }
    if ((size_t)t->count >= t->at_room) {
        size_t room = t->at_room + t->at_room / 2;
        size_t *at = realloc(t->at, (room + 1) * sizeof *at);
        if (!at)
            return false;
        t->at = at;
        t->at_room = room;
    }
    return true;
}

int32_t strtab_put(struct strtab *t, const char *s, size_t len)
{
    uint64_t h = XXH3_64bits(s, len);
    size_t i = probe(t, s, len, h);
    if (t->slot[i].id >= 0)
        return t->slot[i].id;
    if (t->count == INT32_MAX - 1 || !grow_text(t, len))
        return -1;
    if ((size_t)t->count * 3 >= t->mask * 2) {
        if (!grow_slots(t))
            return -1;
        i = probe(t, s, len, h);
    }
    int32_t id = t->count++;
    memcpy(t->text + t->used, s, len);
    t->text[t->used + len] = '\0';
    t->used += len + 1;
    t->at[id + 1] = t->used;
    t->slot[i] = (struct slot){.hash = (uint32_t)(h >> 32), .id = id};
    return id;
}

int32_t strtab_find(const struct strtab *t, const char *s, size_t len)
{
    return t->slot[probe(t, s, len, XXH3_64bits(s, len))].id;
}

int32_t strtab_count(const struct strtab *t)
{
    return t->count;
}

const char *strtab_text(const struct strtab *t, int32_t id)
{
    return t->text + t->at[id];
}

size_t strtab_len(const struct strtab *t, int32_t id)
{
    return t->at[id + 1] - t->at[id] - 1;
}
