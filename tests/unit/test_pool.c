/* The worker pool: every task once, results visible after the loop, any number of threads,
 * loops one after another. */
#include "engine/base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { TASKS = 100 };
struct job {
    int done[TASKS];
    uint64_t result[TASKS];
    atomic_int worker_seen[64];
    int threads;
    atomic_bool bad;
};

static void work(void *ctx, int task, int worker)
{
    struct job *j = ctx;
    if (worker < 0 || worker >= j->threads)
        atomic_store(&j->bad, true);
    else
        atomic_fetch_add(&j->worker_seen[worker], 1);
    uint64_t x = (uint64_t)task + 1;
    for (int i = 0; i < 2000; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    j->result[task] = x;
    j->done[task]++;
}

static void test_each_once(void **state)
{
    (void)state;
    uint64_t want[TASKS];
    for (int threads = 1; threads <= 5; threads++) {
        struct pool *p;
        assert_int_equal(pool_new(&p, threads, NULL), ST_OK);
        assert_int_equal(pool_threads(p), threads);
        struct job j = {.threads = threads};
        for (int round = 1; round <= 50; round++) {
            int n = round % 3 == 0 ? 1 : round % 3 == 1 ? TASKS : 7;
            memset(j.done, 0, sizeof j.done);
            pool_run(p, n, work, &j);
            for (int i = 0; i < TASKS; i++)
                assert_int_equal(j.done[i], i < n);
        }
        pool_run(p, TASKS, work, &j);
        assert_false(atomic_load(&j.bad));
        if (threads == 1)
            memcpy(want, j.result, sizeof want);
        assert_memory_equal(j.result, want, sizeof want);
        pool_run(p, 0, work, &j);
        pool_free(p);
    }
    pool_free(NULL);
}

static void test_no_pool(void **state)
{
    (void)state;
    struct job j = {.threads = 1};
    assert_int_equal(pool_threads(NULL), 1);
    pool_run(NULL, TASKS, work, &j);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(j.done[i], 1);
    assert_int_equal(atomic_load(&j.worker_seen[0]), TASKS);
}

static void test_sizes(void **state)
{
    (void)state;
    struct pool *p;
    struct err err = {0};
    assert_int_equal(pool_new(&p, -1, &err), ST_ARG);
    assert_null(p);
    assert_int_equal(pool_new(&p, 65, &err), ST_ARG);
    assert_non_null(strstr(err.msg, "65"));
    assert_true(pool_cores() >= 1);
    assert_int_equal(pool_new(&p, 0, &err), ST_OK);
    assert_int_equal(pool_threads(p), pool_cores() < 64 ? pool_cores() : 64);
    pool_free(p);
}

static void flush(void *ctx, int task, int worker)
{
    (void)worker;
    volatile float tiny = 1e-38f, half = 0.01f;
    ((int *)ctx)[task] = tiny * half == 0; /* a denormal product */
}

static void test_compute_mode(void **state)
{
    (void)state;
#if defined(__x86_64__)
    struct pool *p;
    int zero[TASKS] = {0};
    assert_int_equal(pool_new(&p, 3, NULL), ST_OK);
    pool_compute_mode();
    pool_run(p, TASKS, flush, zero);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(zero[i], 1);
    pool_free(p);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_no_pool),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_compute_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
