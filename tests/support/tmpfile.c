/* See tmpfile.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/tmpfile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

void tmp_dir_make(struct tmp_dir *d)
{
    const char *base = getenv("TMPDIR");
    snprintf(d->path, sizeof d->path, "%s/seqlab-test-XXXXXX",
             base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(d->path))
        fail_msg("no temporary folder %s", d->path);
}

const char *tmp_path(const struct tmp_dir *d, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", d->path, name);
    return path;
}

void tmp_dir_remove(struct tmp_dir *d)
{
    DIR *dir = opendir(d->path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlink(tmp_path(d, e->d_name));
    if (dir)
        closedir(dir);
    (void)rmdir(d->path);
}

const char *tmp_write(const struct tmp_dir *d, const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(tmp_path(d, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return tmp_path(d, name);
}

const char *tmp_write_gz(const struct tmp_dir *d, const char *name, const void *bytes, size_t n)
{
    gzFile f = gzopen(tmp_path(d, name), "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)n), (int)n);
    assert_int_equal(gzclose(f), Z_OK);
    return tmp_path(d, name);
}

struct tmp_dir tmp_here;

int tmp_setup(void **state)
{
    (void)state;
    tmp_dir_make(&tmp_here);
    return 0;
}

int tmp_teardown(void **state)
{
    (void)state;
    tmp_dir_remove(&tmp_here);
    return 0;
}
