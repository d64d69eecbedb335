/* See durable.h.  Temporary names: ".NAME.part.XXXXXX" beside NAME. */
#include "engine/base/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct durable {
    FILE *f;
    char *path, *temp;
};

static const char mark[] = ".part.";

/* Length of the directory part of a path, with its slash; 0 = none. */
static size_t dir_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static void free_durable(struct durable *d)
{
    free(d->path);
    free(d->temp);
    free(d);
}

enum status durable_open(struct durable **out, const char *path, struct err *err)
{
    *out = NULL;
    size_t n = strlen(path), dir = dir_len(path);
    if (n == dir)
        return err_set(err, ST_ARG, "%s: not a file name", path);
    struct stat sb;
    if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode))
        return err_set(err, ST_IO, "%s: not a regular file", path);
    struct durable *d = calloc(1, sizeof *d);
    if (!d)
        return err_nomem(err, sizeof *d, "file");
    d->path = malloc(n + 1);
    d->temp = malloc(n + 32);
    if (!d->path || !d->temp) {
        free_durable(d);
        return err_nomem(err, n, "file name");
    }
    memcpy(d->path, path, n + 1);
    snprintf(d->temp, n + 32, "%.*s.%s%sXXXXXX", (int)dir, path, path + dir, mark);
    int fd = mkstemp(d->temp);
    if (fd < 0) {
        enum status st = err_set(err, ST_IO, "cannot write %s: %s", path, strerror(errno));
        free_durable(d);
        return st;
    }
    /* mkstemp makes 0600: give what open() would have given, or what the file had. */
    mode_t mask = umask(0);
    umask(mask);
    (void)fchmod(fd, stat(path, &sb) == 0 ? sb.st_mode & 0777 : 0666 & ~mask);
    d->f = fdopen(fd, "wb");
    if (!d->f) {
        enum status st = err_set(err, ST_IO, "cannot write %s: %s", path, strerror(errno));
        close(fd);
        unlink(d->temp);
        free_durable(d);
        return st;
    }
    *out = d;
    return ST_OK;
}

FILE *durable_file(struct durable *d)
{
    return d->f;
}

static int sync_dir(const char *path)
{
    size_t dir = dir_len(path);
    char *name = malloc(dir + 2);
    if (!name)
        return -1;
    memcpy(name, dir ? path : ".", dir ? dir : 1);
    name[dir ? dir : 1] = '\0';
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;
    free(name);
    if (fd < 0)
        return -1;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    if (rc != 0 && (errno == EINVAL || errno == ENOTSUP)) /* file systems without it */
        rc = 0;
    close(fd);
    return rc;
}

enum status durable_commit(struct durable *d, struct err *err)
{
    enum status st = ST_OK;
    int rc = 0;
    if (ferror(d->f) || fflush(d->f) != 0)
        rc = -1;
    else
        do
            rc = fsync(fileno(d->f));
        while (rc != 0 && errno == EINTR);
    if (rc != 0)
        st = err_set(err, ST_IO, "cannot write %s: %s; the old file is untouched", d->path,
                     strerror(errno));
    if (fclose(d->f) != 0 && st == ST_OK)
        st = err_set(err, ST_IO, "cannot write %s: %s; the old file is untouched", d->path,
                     strerror(errno));
    if (st == ST_OK && rename(d->temp, d->path) != 0)
        st = err_set(err, ST_IO, "cannot replace %s: %s", d->path, strerror(errno));
    if (st != ST_OK)
        unlink(d->temp);
    else if (sync_dir(d->path) != 0)
        st = err_set(err, ST_IO, "cannot flush the directory of %s: %s", d->path,
                     strerror(errno));
    free_durable(d);
    return st;
}

void durable_abort(struct durable *d)
{
    if (!d)
        return;
    fclose(d->f);
    unlink(d->temp);
    free_durable(d);
}

void durable_sweep(const char *path)
{
    size_t dir = dir_len(path);
    const char *name = path + dir;
    char where[PATH_MAX], full[PATH_MAX];
    snprintf(where, sizeof where, "%.*s", (int)dir, path);
    DIR *d = opendir(dir ? where : ".");
    if (!d)
        return;
    size_t n = strlen(name);
    for (struct dirent *e; (e = readdir(d));) {
        if (strlen(e->d_name) != 1 + n + sizeof mark - 1 + 6 || e->d_name[0] != '.' ||
            strncmp(e->d_name + 1, name, n) != 0 ||
            strncmp(e->d_name + 1 + n, mark, sizeof mark - 1) != 0)
            continue;
        if ((size_t)snprintf(full, sizeof full, "%s%s", where, e->d_name) < sizeof full)
            unlink(full);
    }
    closedir(d);
}
