/* Blocks of typed sessions: rows without targets, for prediction and for everything that is
 * looked at. */
#include "engine/data/batch_impl.h"

#include <string.h>

static bool appends_mask(const struct batch_spec *s)
{
    return s->kind == BATCH_CLOZE;
}

/* How many of the last items are read, and how many rows that makes. */
static int32_t items_read(const struct batch_spec *s, int32_t len, int32_t masks)
{
    int32_t most = s->max_len > 0 ? s->max_len - masks : len;
    most = most < 0 ? 0 : most;
    return len < most ? len : most;
}

static int32_t rows_of(const struct batch_spec *s, int32_t len, int32_t masks)
{
    return s->kind == BATCH_WINDOWS ? s->max_len : items_read(s, len, masks) + masks;
}

static void put_rows(const struct batch_spec *s, const int32_t *item, int32_t len,
                     int32_t masks, int32_t *id, int32_t *pos)
{
    int32_t rows = rows_of(s, len, masks), read = items_read(s, len, masks),
            empty = rows - read - masks;
    for (int32_t t = 0; t < rows; t++) {
        id[t] = t < empty ? 0 : t < empty + read ? item[len - read + t - empty] : s->mask_item;
        pos[t] = place_of(s, t, rows);
    }
}

static void build(struct block *out, int32_t n, const int32_t *const *item, const int32_t *len,
                  int32_t masks, bool hidden, const struct batch_spec *s, struct arena *mem)
{
    int32_t rows = 0, n_query = 0;
    struct arrays a;
    for (int32_t i = 0; i < n; i++) {
        int32_t here = rows_of(s, len[i], masks);
        rows += here;
        n_query += masks > 0 ? masks : here > 0;
        for (int32_t t = 0; hidden && t < len[i]; t++)
            /* More room than needed where the window cuts some off */
            n_query += item[i][t] == s->mask_item;
    }
    if (!block_alloc(out, &a, n, rows, n_query, 0, mem))
        goto fail;
    int32_t q = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t first = a.off[i], last = a.off[i + 1] = first + rows_of(s, len[i], masks);
        a.session[i] = -1;
        put_rows(s, item[i], len[i], masks, a.item + first, a.pos + first);
        for (int32_t r = first; r < last; r++) {
            bool asked =
                hidden ? a.item[r] == s->mask_item : r >= last - (masks > 0 ? masks : 1);
            if (asked) {
                a.query[q] = r;
                a.query_session[q] = i;
                a.weight[q++] = 1;
            }
        }
    }
    out->n_query = q;
    out->n_batch = n;
    if (s->kind == BATCH_WINDOWS && n > 0) {
        const int32_t **typed = arena_raw(mem, (size_t)n * sizeof *typed);
        int32_t *typed_len = arena_raw(mem, (size_t)n * sizeof *typed_len);
        if (!typed || !typed_len)
            goto fail;
        memcpy(typed, item, (size_t)n * sizeof *typed);
        memcpy(typed_len, len, (size_t)n * sizeof *typed_len);
        out->typed = typed;
        out->typed_len = typed_len;
    }
    if (s->kind == BATCH_PREFIXES && !graph_build(s, out, mem))
        goto fail;
    return;
fail:
    memset(out, 0, sizeof *out);
}

void block_many(struct block *out, int32_t n, const int32_t *const *item, const int32_t *len,
                const struct batch_spec *s, struct arena *mem)
{
    build(out, n, item, len, appends_mask(s), false, s, mem);
}

void block_one(struct block *out, const int32_t *item, int32_t n, const struct batch_spec *s,
               struct arena *mem)
{
    block_many(out, 1, &item, &n, s, mem);
}

void block_tail(struct block *out, const int32_t *item, int32_t n, int32_t k,
                const struct batch_spec *s, struct arena *mem)
{
    int32_t most = s->max_len > 0 && k > s->max_len ? s->max_len : k;
    build(out, 1, &item, &n, most < 1 ? 1 : most, false, s, mem);
}

void block_masked(struct block *out, const int32_t *item, int32_t n, const struct batch_spec *s,
                  struct arena *mem)
{
    build(out, 1, &item, &n, 0, true, s, mem);
}
