/* Replays the corpus of the fuzz target for importers, every sample under every importer,
 * and 3,000 mutations of them. */
#define _GNU_SOURCE /* for the target */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/fuzz/fuzz_import.c" /* the target itself: what it aborts on fails here */

#include <dirent.h>

enum { MAX_BYTES = 1 << 20 };
static uint8_t bytes[MAX_BYTES + 1];

static size_t slurp(const char *folder, const char *name)
{
    char p[512];
    snprintf(p, sizeof p, "%s/%s", folder, name);
    FILE *f = fopen(p, "rb");
    size_t n = f ? fread(bytes + 1, 1, MAX_BYTES, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void test_corpus(void **state)
{
    (void)state;
    const char *folder = "tests/fuzz/corpus/fuzz_import";
    DIR *d = opendir(folder);
    int n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t size = slurp(folder, e->d_name);
        if (size == 0)
            continue;
        LLVMFuzzerTestOneInput(bytes + 1, size);
        n++;
    }
    closedir(d);
    assert_true(n >= 10);
}

static void each_sample(const char *folder, int mutations)
{
    DIR *d = opendir(folder);
    uint32_t x = 2463534242u;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t size = e->d_name[0] == '.' ? 0 : slurp(folder, e->d_name);
        if (size > 20000)
            size = 20000;
        for (int k = 0; size > 0 && k < 8; k++) {
            bytes[0] = (uint8_t)k;
            LLVMFuzzerTestOneInput(bytes, size + 1);
        }
        for (int m = 0; size > 0 && m < mutations; m++) {
            size_t at[3];
            uint8_t was[3];
            for (int c = 0; c < 3; c++) { /* three bytes changed */
                x ^= x << 13, x ^= x >> 17, x ^= x << 5;
                at[c] = 1 + x % size;
                was[c] = bytes[at[c]];
                bytes[at[c]] = (uint8_t)(x >> 24);
            }
            bytes[0] = (uint8_t)(m % 8);
            LLVMFuzzerTestOneInput(bytes, (m % 5 == 0 ? x % size : size) + 1);
            for (int c = 2; c >= 0; c--)
                bytes[at[c]] = was[c];
        }
    }
    closedir(d);
}

static void test_samples_and_mutations(void **state)
{
    (void)state;
    each_sample("sample_data", 200);
    each_sample("sample_data/broken", 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus),
                                       cmocka_unit_test(test_samples_and_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
