/* See safetensors.h.  jansson reads and writes the header; xxhash makes the checksum.
 *
 * Checksum: XXH3-64 over the header with the checksum's own 16 digits as zeros, then over
 * the data.  It is written as the last metadata value, so that both sides can find the
 * digits in the text. */
#include "engine/tensor/safetensors.h"
#include "engine/base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { HEADER_MAX = 1 << 20, ROW_BYTES = 1 << 16, MAX_DEPTH = 4 };
static const char zeros[] = "0000000000000000";
static const char sum_key[] = "\"checksum\":\"";

static size_t dtype_size(enum st_dtype t)
{
    static const size_t size[] = {[ST_F32] = 4, [ST_F64] = 8, [ST_I64] = 8, [ST_U8] = 1};
    return size[t];
}
static const char *dtype_name(enum st_dtype t)
{
    static const char *const name[] = {
        [ST_F32] = "F32", [ST_F64] = "F64", [ST_I64] = "I64", [ST_U8] = "U8"};
    return name[t];
}
static size_t rows_of(const struct st_array *a)
{
    size_t r = 1;
    for (int i = 0; i + 1 < a->nd; i++)
        r *= (size_t)a->d[i];
    return r;
}
static size_t cols_of(const struct st_array *a)
{
    return a->nd ? (size_t)a->d[a->nd - 1] : 1;
}
static size_t bytes_of(const struct st_array *a)
{
    return rows_of(a) * cols_of(a) * dtype_size(a->dtype);
}

/* One stretch of a row as file bytes (the double build keeps doubles in memory and floats in
 * the file). */
static size_t pack(const struct st_array *a, size_t row, size_t from, size_t n,
                   unsigned char *buf)
{
    if (a->dtype == ST_F32) {
        const real *x = (const real *)a->data + row * a->ld + from;
        for (size_t i = 0; i < n; i++) {
            float v = (float)x[i];
            memcpy(buf + 4 * i, &v, 4);
        }
    } else {
        memcpy(buf, (const char *)a->data + (row * a->ld + from) * dtype_size(a->dtype),
               n * dtype_size(a->dtype));
    }
    return n * dtype_size(a->dtype);
}

static bool unpack(const struct st_array *a, size_t row, size_t from, size_t n,
                   const unsigned char *buf)
{
    if (a->dtype != ST_F32) {
        memcpy((char *)a->data + (row * a->ld + from) * dtype_size(a->dtype), buf,
               n * dtype_size(a->dtype));
        return true;
    }
    real *x = (real *)a->data + row * a->ld + from;
    for (size_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, buf + 4 * i, 4);
        if (!isfinite(v))
            return false;
        x[i] = (real)v;
    }
    return true;
}

static json_t *header_of(const struct st_array *a, int n, const struct st_meta *meta,
                         int n_meta)
{
    json_t *root = json_object(), *m = json_object();
    for (int i = 0; i < n_meta; i++)
        if (json_object_set_new(m, meta[i].key, json_string(meta[i].value)) != 0)
            goto fail;
    if (json_object_set_new(m, "checksum", json_string(zeros)) != 0 ||
        json_object_set(root, "__metadata__", m) != 0)
        goto fail;
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        json_t *shape = json_array();
        for (int k = 0; k < a[i].nd; k++)
            json_array_append_new(shape, json_integer(a[i].d[k]));
        size_t end = at + bytes_of(&a[i]);
        json_t *e = json_pack("{s:s,s:o,s:[I,I]}", "dtype", dtype_name(a[i].dtype), "shape",
                              shape, "data_offsets", (json_int_t)at, (json_int_t)end);
        if (!e || json_object_set_new(root, a[i].name, e) != 0)
            goto fail;
        at = end;
    }
    json_decref(m);
    return root;
fail:
    json_decref(m);
    json_decref(root);
    return NULL;
}

/* Calls for every stretch of every array, in file order; stops at the first false. */
static bool each_stretch(const struct st_array *a, int n,
                         bool (*fn)(void *ctx, const struct st_array *a, size_t row,
                                    size_t from, size_t n),
                         void *ctx)
{
    for (int i = 0; i < n; i++) {
        size_t cols = cols_of(&a[i]), most = ROW_BYTES / dtype_size(a[i].dtype);
        for (size_t r = 0; r < rows_of(&a[i]); r++)
            for (size_t c = 0; c < cols; c += most)
                if (!fn(ctx, &a[i], r, c, cols - c < most ? cols - c : most))
                    return false;
    }
    return true;
}

struct out {
    FILE *f;
    XXH3_state_t *sum;
    unsigned char buf[ROW_BYTES];
};

static bool sum_stretch(void *ctx, const struct st_array *a, size_t row, size_t from, size_t n)
{
    struct out *o = ctx;
    XXH3_64bits_update(o->sum, o->buf, pack(a, row, from, n, o->buf));
    return true;
}

static bool write_stretch(void *ctx, const struct st_array *a, size_t row, size_t from,
                          size_t n)
{
    struct out *o = ctx;
    size_t bytes = pack(a, row, from, n, o->buf);
    return fwrite(o->buf, 1, bytes, o->f) == bytes;
}

enum status st_write(const char *path, const struct st_array *a, int n,
                     const struct st_meta *meta, int n_meta, struct err *err)
{
    enum status st = ST_OK;
    struct durable *d = NULL;
    char *text = NULL;
    struct out *o = calloc(1, sizeof *o);
    json_t *root = header_of(a, n, meta, n_meta);
    if (o)
        o->sum = XXH3_createState();
    if (root)
        text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    char *digits = text ? strstr(text, sum_key) : NULL;
    if (!o || !o->sum || !digits) {
        st = err_nomem(err, sizeof *o, "checkpoint");
        goto out;
    }
    digits += sizeof sum_key - 1;
    size_t len = strlen(text);
    if (len > HEADER_MAX) {
        st = err_set(err, ST_UNSUPPORTED, "%s: header of %zu bytes is over 1 MiB", path, len);
        goto out;
    }
    XXH3_64bits_reset(o->sum);
    XXH3_64bits_update(o->sum, text, len);
    each_stretch(a, n, sum_stretch, o);
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(o->sum));
    memcpy(digits, hex, 16);

    st = durable_open(&d, path, err);
    if (st != ST_OK)
        goto out;
    o->f = durable_file(d);
    unsigned char head[8];
    for (int i = 0; i < 8; i++)
        head[i] = (unsigned char)((uint64_t)len >> (8 * i));
    bool fine = fwrite(head, 1, 8, o->f) == 8 && fwrite(text, 1, len, o->f) == len &&
                each_stretch(a, n, write_stretch, o);
    if (!fine) {
        st = err_set(err, ST_IO, "cannot write %s: %s; the old file is untouched", path,
                     strerror(errno));
        durable_abort(d);
        goto out;
    }
    st = durable_commit(d, err);
out:
    json_decref(root);
    free(text);
    if (o)
        XXH3_freeState(o->sum);
    free(o);
    return st;
}

/* ---- Reading ---- */

struct st_file {
    int fd;
    char *path, *text;
    size_t len;
    uint64_t data; /* bytes of data */
    json_t *root, *meta;
    unsigned char buf[ROW_BYTES];
};

static enum status format(const struct st_file *f, struct err *err, const char *what)
{
    return err_set(err, ST_FORMAT, "%s: %s", f->path, what);
}

static bool read_full(int fd, void *buf, size_t n)
{
    char *p = buf;
    while (n) {
        ssize_t k = read(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* jansson recurses: bound the depth before it sees the text. */
static bool shallow(const char *s, size_t n)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                quoted = false;
        } else if (s[i] == '"') {
            quoted = true;
        } else if (s[i] == '{' || s[i] == '[') {
            if (++depth > MAX_DEPTH)
                return false;
        } else if (s[i] == '}' || s[i] == ']') {
            depth--;
        }
    }
    return true;
}

static enum status check_header(struct st_file *f, struct err *err)
{
    if (!json_is_object(f->root))
        return format(f, err, "header is not a JSON object");
    f->meta = json_object_get(f->root, "__metadata__");
    if (f->meta && !json_is_object(f->meta))
        return format(f, err, "__metadata__ is not an object");
    const char *key;
    json_t *v;
    if (f->meta)
        json_object_foreach(f->meta, key, v) if (!json_is_string(v)) return err_set(
            err, ST_FORMAT, "%s: metadata \"%.40s\" is not a string", f->path, key);
    return ST_OK;
}

enum status st_open(struct st_file **out, const char *path, struct err *err)
{
    *out = NULL;
    struct st_file *f = calloc(1, sizeof *f);
    if (!f)
        return err_nomem(err, sizeof *f, "checkpoint reader");
    enum status st = ST_OK;
    f->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    size_t n = strlen(path) + 1;
    f->path = malloc(n);
    if (f->path)
        memcpy(f->path, path, n);
    struct stat sb;
    unsigned char head[8];
    if (!f->path) {
        st = err_nomem(err, n, "file name");
    } else if (f->fd < 0 || fstat(f->fd, &sb) != 0) {
        st = err_set(err, ST_IO, "cannot read %s: %s", path, strerror(errno));
    } else if (!S_ISREG(sb.st_mode)) {
        st = err_set(err, ST_IO, "cannot read %s: not a regular file", path);
    } else if (sb.st_size < 10 || !read_full(f->fd, head, 8)) {
        st = format(f, err, "too short for a checkpoint");
    } else {
        uint64_t len = 0;
        for (int i = 7; i >= 0; i--)
            len = len << 8 | head[i];
        if (len < 2 || len > HEADER_MAX || len > (uint64_t)sb.st_size - 8)
            st = err_set(err, ST_FORMAT,
                         "%s: header of %" PRIu64 " bytes in a file of %lld: not a checkpoint",
                         path, len, (long long)sb.st_size);
        else {
            f->len = (size_t)len;
            f->data = (uint64_t)sb.st_size - 8 - len;
            f->text = malloc(f->len + 1);
            if (!f->text)
                st = err_nomem(err, f->len, "header");
            else if (!read_full(f->fd, f->text, f->len))
                st = format(f, err, "cut short");
        }
    }
    if (st == ST_OK) {
        f->text[f->len] = '\0';
        json_error_t je;
        if (!shallow(f->text, f->len))
            st = format(f, err, "header is nested too deep");
        else if (!(f->root = json_loadb(f->text, f->len, JSON_REJECT_DUPLICATES, &je)))
            st = err_set(err, ST_FORMAT, "%s: header: %.120s (line %d, column %d)", path,
                         je.text, je.line, je.column);
        else
            st = check_header(f, err);
    }
    if (st != ST_OK) {
        st_close(f);
        return st;
    }
    *out = f;
    return ST_OK;
}

void st_close(struct st_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    json_decref(f->root);
    free(f->text);
    free(f->path);
    free(f);
}

const char *st_get(const struct st_file *f, const char *key)
{
    return json_string_value(json_object_get(f->meta, key));
}

bool st_has(const struct st_file *f, const char *name)
{
    return strcmp(name, "__metadata__") != 0 && json_object_get(f->root, name) != NULL;
}

bool st_shape(const struct st_file *f, const char *name, int32_t *nd, int32_t d[TENSOR_MAX_DIM])
{
    json_t *shape = json_object_get(json_object_get(f->root, name), "shape");
    size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > TENSOR_MAX_DIM)
        return false;
    for (size_t i = 0; i < n; i++) {
        json_int_t v = json_integer_value(json_array_get(shape, i));
        if (v < 1 || v > INT32_MAX)
            return false;
        d[i] = (int32_t)v;
    }
    *nd = (int32_t)n;
    return true;
}

static enum status match_one(const struct st_file *f, const struct st_array *a, uint64_t at,
                             struct err *err)
{
    json_t *e = json_object_get(f->root, a->name);
    if (!json_is_object(e))
        return err_set(err, ST_FORMAT, "%s: array \"%s\" is missing", f->path, a->name);
    const char *dtype = json_string_value(json_object_get(e, "dtype"));
    if (!dtype || strcmp(dtype, dtype_name(a->dtype)) != 0)
        return err_set(err, ST_FORMAT, "%s: array \"%s\" has type %.12s, not %s", f->path,
                       a->name, dtype ? dtype : "none", dtype_name(a->dtype));
    int32_t nd = 0, d[TENSOR_MAX_DIM] = {0};
    bool same = st_shape(f, a->name, &nd, d) && nd == a->nd;
    for (int i = 0; same && i < nd; i++)
        same = d[i] == a->d[i];
    if (!same)
        return err_set(err, ST_FORMAT, "%s: array \"%s\" does not have the model's shape",
                       f->path, a->name);
    json_t *off = json_object_get(e, "data_offsets"), *lo = json_array_get(off, 0),
           *hi = json_array_get(off, 1);
    if (json_array_size(off) != 2 || !json_is_integer(lo) || !json_is_integer(hi) ||
        json_object_size(e) != 3)
        return err_set(err, ST_FORMAT, "%s: array \"%s\" has no proper data_offsets", f->path,
                       a->name);
    if (json_integer_value(lo) != (json_int_t)at ||
        json_integer_value(hi) != (json_int_t)(at + bytes_of(a)))
        return err_set(err, ST_FORMAT, "%s: array \"%s\" lies elsewhere than its shape says",
                       f->path, a->name);
    return ST_OK;
}

enum status st_match(const struct st_file *f, const struct st_array *a, int n, struct err *err)
{
    uint64_t at = 0;
    for (int i = 0; i < n; i++) {
        enum status st = match_one(f, &a[i], at, err);
        if (st != ST_OK)
            return st;
        at += bytes_of(&a[i]);
    }
    size_t have = json_object_size(f->root) - (f->meta ? 1 : 0);
    if (have != (size_t)n)
        return err_set(err, ST_FORMAT, "%s: holds %zu arrays, the model has %d", f->path, have,
                       n);
    if (at != f->data)
        return err_set(err, ST_FORMAT,
                       "%s: %" PRIu64 " bytes of data, the arrays take %" PRIu64, f->path,
                       f->data, at);
    return ST_OK;
}

struct in {
    struct st_file *f;
    XXH3_state_t *sum;
    const char *bad; /* name of an array with a value that is not finite */
};

static bool read_stretch(void *ctx, const struct st_array *a, size_t row, size_t from, size_t n)
{
    struct in *in = ctx;
    size_t bytes = n * dtype_size(a->dtype);
    if (!read_full(in->f->fd, in->f->buf, bytes))
        return false;
    XXH3_64bits_update(in->sum, in->f->buf, bytes);
    if (unpack(a, row, from, n, in->f->buf))
        return true;
    in->bad = a->name;
    return false;
}

enum status st_read(struct st_file *f, const struct st_array *a, int n, struct err *err)
{
    struct in in = {.f = f, .sum = XXH3_createState()};
    if (!in.sum)
        return err_nomem(err, 512, "checksum");
    enum status st = ST_OK;
    const char *said = st_get(f, "checksum");
    if (!said) {
        XXH3_freeState(in.sum);
        return format(f, err, "carries no checksum: not written by this program, or damaged");
    }
    char *digits = strstr(f->text, sum_key);
    char want[17] = "";
    if (strlen(said) == 16 && digits) {
        memcpy(want, digits + sizeof sum_key - 1, 16);
        memcpy(digits + sizeof sum_key - 1, zeros, 16);
    }
    XXH3_64bits_reset(in.sum);
    XXH3_64bits_update(in.sum, f->text, f->len);
    if (lseek(f->fd, (off_t)(8 + f->len), SEEK_SET) < 0)
        st = err_set(err, ST_IO, "cannot read %s: %s", f->path, strerror(errno));
    else if (!each_stretch(a, n, read_stretch, &in))
        st = in.bad ? err_set(err, ST_NUMERIC, "%s: array \"%s\" holds NaN or infinity",
                              f->path, in.bad)
                    : format(f, err, "cut short");
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(in.sum));
    if (st == ST_OK && strcmp(want, hex) != 0)
        st = format(f, err, "checksum does not match: the file is damaged");
    XXH3_freeState(in.sum);
    return st;
}
