/* Out of memory at every single allocation of import, generation, split, batches, ceiling
 * and export, once and from there on: a status with a message, nothing half built, no leak
 * (the sanitizer build sees those).  The Makefile links test_*_oom with wrapped allocators. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/batch.h"
#include "engine/data/import.h"
#include "engine/data/world.h"
#include "tests/support/tmpfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);

static long left = -1; /* allocations that still succeed; -1 = all */
static bool ever_after, refused;

static bool refuse(void)
{
    if (left < 0)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    left = ever_after ? 0 : -1;
    refused = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return refuse() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
    return refuse() ? NULL : __real_realloc(p, n);
}
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
    return refuse() ? MAP_FAILED : __real_mmap(at, n, prot, flags, fd, off);
}

static enum status one_batch(const struct split *sp, const struct batch_spec *s,
                             struct err *err)
{
    struct batcher *b = NULL;
    struct arena *mem = NULL;
    struct batch p;
    enum status st = batcher_new(&b, sp, s, 1, err);
    if (st == ST_OK)
        st = batcher_plan(b, 0, &p, err);
    if (st == ST_OK)
        st = arena_new(&mem, 0, err);
    for (int k = 0; st == ST_OK && k < BATCH_SHARDS; k++)
        for (int part = 0; part < p.n_part[k]; part++) {
            struct block blk;
            batch_fill(b, &p, k, part, mem, &blk);
        }
    arena_free(mem);
    batcher_free(b);
    return st;
}

static const struct scenario {
    const char *file; /* NULL: a world */
    int64_t gap;
    enum split_kind split;
} scenarios[] = {
    {"sample_data/user-item.txt", 0, SPLIT_LEAVE_ONE_OUT},
    {"sample_data/u.data", 100, SPLIT_SESSIONS},
    {"sample_data/events.csv", 0, SPLIT_SESSIONS},
    {"sample_data/names.txt", 0, SPLIT_USERS},
    {"sample_data/events.inter", 0, SPLIT_RATIO},
    {NULL, 0, SPLIT_SESSIONS},
};

static enum status run(const struct scenario *sc, const char *out, struct err *err)
{
    static const struct batch_spec specs[] = {
        {.kind = BATCH_SESSIONS,
         .size = 16,
         .n_neg = 3,
         .neg_reject = true,
         .neg_distinct = true},
        {.kind = BATCH_PREFIXES, .size = 16, .max_len = 9},
        {.kind = BATCH_PARALLEL, .size = 8, .neg_cols = NEG_BATCH, .n_neg = 5},
    };
    struct dataset *ds = NULL;
    struct split *sp = NULL;
    struct import_opts o = {.min_item = 2, .min_len = 2, .session_gap_s = sc->gap};
    struct world_opts w = {.items = 144, .sessions = 200, .noise = -1, .seed = 1};
    enum status st = sc->file ? dataset_import(&ds, sc->file, NULL, &o, NULL, NULL, NULL, err)
                              : world_generate(&ds, "bazaar", &w, err);
    if (st == ST_OK)
        st = split_new(&sp, ds, sc->split, err);
    for (size_t i = 0; st == ST_OK && i < sizeof specs / sizeof *specs; i++)
        st = one_batch(sp, &specs[i], err);
    struct ceiling c;
    if (st == ST_OK && !sc->file)
        st = world_ceiling(ds, sp->test, sp->n_test, &c, NULL, err);
    if (st == ST_OK && !sc->file)
        st = dataset_export(ds, out, NULL, err);
    split_free(sp);
    dataset_free(ds);
    return st;
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    char out[300];
    snprintf(out, sizeof out, "%s", tmp_path(&tmp_here, "export.txt"));
    for (size_t k = 0; k < sizeof scenarios / sizeof *scenarios; k++)
        for (int after = 0; after < 2; after++) {
            long n = 0;
            for (refused = true; refused; n++) {
                struct err err = {0};
                refused = false;
                ever_after = after;
                left = n;
                enum status st = run(&scenarios[k], out, &err);
                left = -1;
                if (st != ST_OK && (!refused || (st != ST_NOMEM && st != ST_IO) || !err.msg[0]))
                    fail_msg("scenario %zu, allocation %ld: status %d, \"%s\"", k, n, st,
                             err.msg);
            }
            assert_true(n > 50);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
