/* A training step of any model asks the system for nothing once the run is warm: no
 * allocation, be it given back at once, and no page. The Makefile links this test with
 * wrapped allocators, which count. */
#include "tests/support/kit.h"
#include "engine/tensor/gemm.h"
#include "engine/train/learner.h"
#include "tests/support/instrumented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <cmocka.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);

static atomic_long calls;

void *__wrap_malloc(size_t n)
{
    calls++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    calls++;
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
    calls++;
    return __real_realloc(p, n);
}
void *__wrap_aligned_alloc(size_t align, size_t n)
{
    calls++;
    return __real_aligned_alloc(align, n);
}
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
    calls++;
    return __real_mmap(at, n, prot, flags, fd, off);
}

enum { SESSIONS = 240, LEN = 14, LARGE = 5000 };

static const struct {
    const char *model, *settings;
    int32_t items; /* LARGE: tables by rows, output layers on the batch */
} of[] = {
    {"sasrec", "d=32 layers=2 heads=2 maxlen=12 batch=48 dropout=0.2 loss=ce", 144},
    {"sasrec", "d=64 layers=1 maxlen=12 batch=32 loss=bce l2_emb=0.01", LARGE},
    {"bert4rec", "d=32 batch=48 dropout=0.1", 144},
    {"bert4rec", "d=64 batch=32 loss=gbce neg=20", LARGE},
    {"bert4rec", "d=64 batch=32 loss=ssm neg=40", LARGE},
    {"gru4rec", "hidden=32 batch=16", 144},
    {"gru4rec", "hidden=64 batch=16 opt=rmsprop lr=0.001 negatives=extra neg=50", LARGE},
    {"gru4rec", "hidden=64 batch=16 opt=adadelta lr=1 negatives=extra neg=50", LARGE},
    {"gru4rec", "hidden=64 batch=16 bptt=4 dropout=0.1 loss=bpr-max neg=200", LARGE},
    {"gru4rec", "hidden=100 batch=16 bptt=1 embed=onehot loss=bpr-max neg=200", LARGE},
    {"caser", "d=32 batch=64", 144},
    {"caser", "d=50 batch=64 loss=bce T=2 user=1 prefixes=0", LARGE},
    {"svae", "E=32 H=32 HID=32 batch=16", 144},
    {"svae", "E=64 H=32 HID=64 K=8 batch=4", LARGE},
    {"svae", "E=32 H=32 HID=32 batch=16 rnn=lstm rnn_place=prior", 144},
    {"svae", "E=32 H=32 HID=32 batch=16 rnn=transformer rnn_place=latent", 144},
    {"pen4rec", "d=32 batch=64", 144},
    {"pen4rec", "d=64 batch=32", LARGE},
};

static void new_kit(struct kit *k, const char *model, const char *settings, int32_t items)
{
    static int32_t item[SESSIONS][LEN];
    static const int32_t *session[SESSIONS];
    static int32_t len[SESSIONS];
    for (int s = 0; s < SESSIONS; s++) {
        len[s] = 2 + s * 5 % (LEN - 1);
        session[s] = item[s];
        for (int i = 0; i < LEN; i++)
            item[s][i] = 1 + (s * 977 + i * 389 + i * i) % items;
    }
    kit_new_data(k, model, settings, items, 7, SESSIONS, session, len);
}

static void steady(const char *model, const char *settings, int32_t items, int threads)
{
    struct kit k;
    struct learner *l;
    struct pool *p;
    struct err err;
    struct rusage before, after;
    new_kit(&k, model, settings, items);
    if (learner_new(&l, k.def, k.hp, &k.split, 7, &err) || pool_new(&p, threads, &err))
        fail_msg("%s", err.msg);
    int warm = 3 * (int)learner_steps_per_epoch(l) + 20,
        more = (int)learner_steps_per_epoch(l) + 20; /* every batch size has been met */
    for (int i = 0; i < warm; i++)
        if (learner_step(l, p, NULL, NULL, &err))
            fail_msg("%s", err.msg);
    getrusage(RUSAGE_SELF, &before);
    long asked = calls;
    for (int i = 0; i < more; i++)
        if (learner_step(l, p, NULL, NULL, &err))
            fail_msg("%s", err.msg);
    asked = calls - asked;
    getrusage(RUSAGE_SELF, &after);
    long faults = after.ru_minflt - before.ru_minflt;
    if (asked || faults > 2) /* getrusage's own */
        fail_msg("%s %s, %d items, %d threads: %ld allocations, %ld page faults in %d steps",
                 model, settings, items, threads, asked, faults, more);
    pool_free(p);
    learner_free(l);
    kit_free(&k);
}

static void test_steady(void **state)
{
    (void)state;
    if (instrumented()) /* their own allocators and shadow pages would be counted */
        skip();
    assert_true(calls > 0); /* the pool of main: the count works */
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (int threads = 1; threads <= 2; threads++)
            steady(of[i].model, of[i].settings, of[i].items, threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steady)};
    const char *note;
    struct pool *p;
    gemm_start(&note);
    if (pool_new(&p, 1, NULL))
        return 1;
    pool_free(p);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
