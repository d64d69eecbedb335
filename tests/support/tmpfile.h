/* Small files for tests: a folder that is removed again, and writing bytes into it. */
#ifndef TESTS_SUPPORT_TMPFILE_H
#define TESTS_SUPPORT_TMPFILE_H

#include <stddef.h>

struct tmp_dir {
    char path[200];
};
void tmp_dir_make(struct tmp_dir *d);
void tmp_dir_remove(struct tmp_dir *d); /* with everything in it */
/* The folder of a whole test program, for cmocka's group set-up and tear-down. */
extern struct tmp_dir tmp_here;
int tmp_setup(void **state);
int tmp_teardown(void **state);
/* Writes name in the folder; returns its path, valid until the next call. */
const char *tmp_write(const struct tmp_dir *d, const char *name, const void *bytes, size_t n);
const char *tmp_write_gz(const struct tmp_dir *d, const char *name, const void *bytes,
                         size_t n);
const char *tmp_path(const struct tmp_dir *d, const char *name);

#endif
