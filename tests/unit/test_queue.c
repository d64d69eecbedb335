/* The ring between two threads, and the triple buffer: order, full and empty, nothing torn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "engine/train/queue.h"
#include "engine/train/triple.h"

enum { MANY = 100000 };
struct rec {
    int64_t n, check;
};

static void test_full_and_empty(void **state)
{
    (void)state;
    struct queue *q;
    struct err err;
    struct rec r;
    assert_int_equal(queue_new(&q, 4, sizeof r, &err), ST_OK);
    assert_false(queue_pop(q, &r));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            r = (struct rec){i, ~(int64_t)i};
            assert_true(queue_push(q, &r));
        }
        assert_false(queue_push(q, &r));
        for (int i = 0; i < 4; i++) {
            assert_true(queue_pop(q, &r));
            assert_int_equal(r.n, i);
        }
        assert_false(queue_pop(q, &r));
    }
    queue_free(q);
}

static void *send_all(void *p)
{
    for (int64_t i = 0; i < MANY; i++) {
        struct rec r = {i, ~i};
        while (!queue_push(p, &r))
            sched_yield();
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    struct queue *q;
    struct err err;
    pthread_t th;
    assert_int_equal(queue_new(&q, 16, sizeof(struct rec), &err), ST_OK);
    assert_int_equal(pthread_create(&th, NULL, send_all, q), 0);
    for (int64_t i = 0; i < MANY; i++) {
        struct rec r;
        while (!queue_pop(q, &r))
            sched_yield();
        if (r.n != i || r.check != ~i)
            fail_msg("record %lld came as %lld", (long long)i, (long long)r.n);
    }
    pthread_join(th, NULL);
    queue_free(q);
}

struct pictures {
    struct triple t;
    int64_t a[3], b[3];
};

static void *paint(void *argp)
{
    struct pictures *p = argp;
    for (int64_t i = 1; i <= MANY; i++) {
        p->a[p->t.write] = i;
        p->b[p->t.write] = -i;
        triple_publish(&p->t);
    }
    return NULL;
}

static void test_triple(void **state)
{
    (void)state;
    static struct pictures p;
    pthread_t th;
    triple_init(&p.t);
    assert_false(triple_take(&p.t));
    assert_int_equal(pthread_create(&th, NULL, paint, &p), 0);
    for (int64_t last = 0; last < MANY;) {
        if (!triple_take(&p.t)) {
            sched_yield();
            continue;
        }
        int64_t a = p.a[p.t.read], b = p.b[p.t.read];
        if (a != -b || a <= last)
            fail_msg("torn or old: %lld %lld after %lld", (long long)a, (long long)b,
                     (long long)last);
        last = a;
    }
    pthread_join(th, NULL);
    assert_false(triple_take(&p.t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_full_and_empty),
                                       cmocka_unit_test(test_two_threads),
                                       cmocka_unit_test(test_triple)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
