#include "tests/support/vectors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

json_t *vectors_open(const char *file)
{
    json_error_t e;
    json_t *j = json_load_file(file, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        fail_msg("%s:%d: %s", file, e.line, e.text);
    return j;
}

const json_t *vectors_case(const json_t *file, const char *name)
{
    const json_t *cases = vectors_at(file, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        const char *is = json_string_value(json_object_get(c, "name"));
        if (is && strcmp(is, name) == 0)
            return c;
    }
    fail_msg("no case %s", name);
    return NULL;
}

const json_t *vectors_at(const json_t *c, const char *path)
{
    for (const char *p = path; c && *p;) {
        size_t n = strcspn(p, "/");
        char key[96];
        assert_true(n < sizeof key);
        memcpy(key, p, n);
        key[n] = 0;
        c = json_object_get(c, key);
        p += n + (p[n] == '/');
    }
    if (!c)
        fail_msg("no number at %s", path);
    return c;
}

double vectors_num(const json_t *c, const char *path)
{
    const json_t *v = vectors_at(c, path);
    if (!json_is_number(v))
        fail_msg("%s is not a number", path);
    return json_number_value(v);
}

static size_t flat(const json_t *v, double *out, size_t at, size_t max)
{
    if (json_is_number(v)) {
        assert_true(at < max);
        out[at] = json_number_value(v);
        return at + 1;
    }
    assert_true(json_is_array(v));
    for (size_t i = 0; i < json_array_size(v); i++)
        at = flat(json_array_get(v, i), out, at, max);
    return at;
}

size_t vectors_flat(const json_t *c, const char *path, double *out, size_t max)
{
    return flat(vectors_at(c, path), out, 0, max);
}
