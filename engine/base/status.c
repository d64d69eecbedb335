/* Formatting of error values; see status.h. */
#include "engine/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status err_set(struct err *e, enum status code, const char *fmt, ...)
{
    if (!e)
        return code;
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    e->kind[0] = '\0';
    e->hint[0] = '\0';
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    return code;
}

enum status err_context(struct err *e, const char *fmt, ...)
{
    if (!e)
        return ST_OK;
    char old[sizeof e->msg];
    memcpy(old, e->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    /* what does not fit is cut */
    for (size_t at = (size_t)n, i = 0; at + 1 < sizeof e->msg; at++, i++) {
        e->msg[at] = i == 0 ? ':' : i == 1 ? ' ' : old[i - 2];
        e->msg[at + 1] = '\0';
        if (i >= 2 && !old[i - 2])
            break;
    }
    return e->code;
}

enum status err_hint(struct err *e, const char *kind, const char *fmt, ...)
{
    if (!e)
        return ST_OK;
    if (kind)
        snprintf(e->kind, sizeof e->kind, "%s", kind);
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->hint, sizeof e->hint, fmt, ap);
        va_end(ap);
    }
    return e->code;
}

enum status err_nomem(struct err *e, unsigned long long bytes, const char *what)
{
    if (bytes >= 1u << 20)
        return err_set(e, ST_NOMEM, "no memory for %.1f MiB of %s", (double)bytes / 1048576.0,
                       what);
    return err_set(e, ST_NOMEM, "no memory for %llu bytes of %s", bytes, what);
}

const char *status_name(enum status code)
{
    static const char *const names[] = {
        [ST_OK] = "ok",
        [ST_NOMEM] = "memory",
        [ST_IO] = "file",
        [ST_FORMAT] = "format",
        [ST_SHAPE] = "shape",
        [ST_ARG] = "bad-value",
        [ST_STATE] = "busy",
        [ST_NUMERIC] = "diverged",
        [ST_CANCELLED] = "cancelled",
        [ST_UNSUPPORTED] = "unsupported",
    };
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}
