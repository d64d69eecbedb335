/* What a run leaves on disk, on its own: last.safetensors every ten seconds and at the end,
 * best.safetensors at each best validation, metrics.jsonl one line a validation.  The
 * directory is locked by its process.  A failed write is said once and tried again at the
 * next save; training goes on. */
#define _DEFAULT_SOURCE /* flock */
#include "engine/base/durable.h"
#include "engine/base/clock.h"
#include "engine/train/trainer_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 1024 };
static const int64_t save_every_ns = (int64_t)10 * 1000000000;

struct rundir {
    char path[PATH_SIZE];
    int lock_fd;
    int64_t saved_ns, saved_step;
    bool complained;
};

static void file_in(const struct rundir *d, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", d->path, name);
}

/* A run that goes on: best.safetensors gives way only to a better validation than any it has
 * written down. */
static void recall_best(struct trainer *t)
{
    char file[PATH_SIZE + 32], line[300];
    file_in(t->dir, "metrics.jsonl", file, sizeof file);
    FILE *f = fopen(file, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "\"ndcg@");
        double v;
        if (at && sscanf(at, "\"ndcg@%*d\":%lf", &v) == 1 && !(v <= t->best))
            t->best = v;
    }
    if (f)
        fclose(f);
}

enum status rundir_open(struct trainer *t, const char *path, struct err *err)
{
    char file[PATH_SIZE + 32];
    if (strlen(path) >= PATH_SIZE)
        return err_set(err, ST_ARG, "%.60s...: name of a run too long", path);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return err_set(err, ST_IO, "cannot make %s: %s", path, strerror(errno));
    struct rundir *d = calloc(1, sizeof *d);
    if (!d)
        return err_nomem(err, sizeof *d, "run directory");
    snprintf(d->path, sizeof d->path, "%s", path);
    file_in(d, "lock", file, sizeof file);
    d->lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (d->lock_fd < 0) {
        enum status st = err_set(err, ST_IO, "cannot write %s: %s", file, strerror(errno));
        free(d);
        return st;
    }
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[24] = "";
        ssize_t n = pread(d->lock_fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? (size_t)n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        enum status st = err_set(err, ST_STATE, "run %s is in use by process %s", path,
                                 pid[0] ? pid : "(unknown)");
        close(d->lock_fd);
        free(d);
        return st;
    }
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(d->lock_fd, 0) != 0 || pwrite(d->lock_fd, pid, (size_t)n, 0) != n)
        d->complained = true; /* the lock itself holds */
    file_in(d, "last.safetensors", file, sizeof file);
    durable_sweep(file);
    file_in(d, "best.safetensors", file, sizeof file);
    durable_sweep(file);
    d->saved_step = -1;
    d->saved_ns = clock_ns();
    t->dir = d;
    recall_best(t);
    return ST_OK;
}

void rundir_close(struct trainer *t)
{
    if (!t->dir)
        return;
    close(t->dir->lock_fd);
    free(t->dir);
    t->dir = NULL;
}

static void save_as(struct trainer *t, const char *name)
{
    struct rundir *d = t->dir;
    char file[PATH_SIZE + 32];
    struct err err;
    file_in(d, name, file, sizeof file);
    if (learner_save(t->l, file, &err) == ST_OK) {
        d->complained = false;
    } else if (!d->complained) {
        d->complained = true;
        trainer_say(t, true, "%s; trying again at the next save", err.msg);
    }
}

void rundir_save(struct trainer *t)
{
    if (!t->dir || t->dir->saved_step == t->l->step)
        return;
    save_as(t, "last.safetensors");
    t->dir->saved_ns = clock_ns();
    t->dir->saved_step = t->l->step;
}

void rundir_tick(struct trainer *t)
{
    if (t->dir && clock_ns() - t->dir->saved_ns >= save_every_ns)
        rundir_save(t);
}

void rundir_best(struct trainer *t)
{
    if (t->dir)
        save_as(t, "best.safetensors");
}

void rundir_metrics(struct trainer *t, const struct eval_result *r)
{
    if (!t->dir)
        return;
    char file[PATH_SIZE + 32], line[256];
    file_in(t->dir, "metrics.jsonl", file, sizeof file);
    int n = snprintf(line, sizeof line,
                     "{\"step\":%lld,\"epoch\":%d,\"loss\":%.6g,\"hr@%d\":%.6g,\"ndcg@%d\":%."
                     "6g,\"mrr\":%.6g}\n",
                     (long long)r->step, t->now.epoch, t->now.loss, r->k, r->hr, r->k, r->ndcg,
                     r->mrr);
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && write(fd, line, (size_t)n) == n;
    if (fd >= 0)
        close(fd);
    if (!ok && !t->dir->complained) {
        t->dir->complained = true;
        trainer_say(t, true, "cannot write %s: %s", file, strerror(errno));
    }
}
