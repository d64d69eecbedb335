/* The safetensors file form: 8 bytes little-endian length, a JSON header, raw
 * arrays.  Reading trusts nothing: every number is bounded before it is used and no number
 * in the file sizes an allocation (but the header's own, at most 1 MiB). */
#ifndef ENGINE_TENSOR_SAFETENSORS_H
#define ENGINE_TENSOR_SAFETENSORS_H

#include "engine/tensor/tensor.h"
#include <stdbool.h>
#include <stdint.h>

enum st_dtype { ST_F32, ST_F64, ST_I64, ST_U8 };
/* on the side of the program: where values are, and how they lie there */
struct st_array {
    const char *name;
    enum st_dtype dtype;
    int32_t nd, d[TENSOR_MAX_DIM];
    /* elements from row to row in memory (the filler is neither written nor touched) */
    size_t ld;
    void *data;
};
struct st_meta {
    const char *key, *value;
};
/* Durable replacement of `path`; the key "checksum" (xxh3 of header and arrays) is added. */
MUST_CHECK enum status st_write(const char *path, const struct st_array *a, int n,
                                const struct st_meta *meta, int n_meta, struct err *err);

struct st_file; /* an open file whose header has been checked for form */
MUST_CHECK enum status st_open(struct st_file **out, const char *path, struct err *err);
void st_close(struct st_file *f); /* accepts NULL */
/* metadata; NULL = absent; valid until st_close */
const char *st_get(const struct st_file *f, const char *key);
bool st_has(const struct st_file *f, const char *name);
/* The shape of an array (for messages and optional parts): false = absent. */
bool st_shape(const struct st_file *f, const char *name, int32_t *nd,
              int32_t d[TENSOR_MAX_DIM]);
/* The file must hold exactly these arrays: names, types, shapes, contiguous cover of the
 * data. */
MUST_CHECK enum status st_match(const struct st_file *f, const struct st_array *a, int n,
                                struct err *err);
/* Reads what st_match accepted into the arrays' memory; the checksum (it must be there) and
 * (F32) finite values are checked; F64 are measured numbers, NaN among them on the way.  On
 * failure the memory is half written: read into a copy that nobody uses yet. */
MUST_CHECK enum status st_read(struct st_file *f, const struct st_array *a, int n,
                               struct err *err);

#endif
