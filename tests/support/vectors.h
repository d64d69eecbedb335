/* Reference numbers from the files of tests/golden.  A missing file or path fails the test
 * and says which. */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include <jansson.h>
#include <stddef.h>

/* "tests/golden/sasrec.json"; json_decref it */
json_t *vectors_open(const char *file);
const json_t *vectors_case(const json_t *file, const char *name); /* of its "cases" */
/* "expected/d_bce/Wq[0, 1]": keys between slashes */
const json_t *vectors_at(const json_t *c, const char *path);
double vectors_num(const json_t *c, const char *path);
/* Numbers of nested lists in reading order; returns how many, at most max. */
size_t vectors_flat(const json_t *c, const char *path, double *out, size_t max);

#endif
