/* Where results go: plain text, JSON lines, the message bar; and the one form of errors. */
#include "app/cmd/call.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cmd_out {
    enum out_form form;
    void (*write)(void *ctx, const char *line);
    void *ctx;
    void (*note)(void *ctx, const char *line);
    void *note_ctx;
    json_t *obj;
    /* `source` runs commands inside its own: their objects, outermost first */
    json_t *outer[CMD_DEPTH];
    int depth;
    struct place where;
};

struct cmd_out *cmd_out_new(enum out_form form, void (*write)(void *ctx, const char *line),
                            void *ctx)
{
    struct cmd_out *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    *o = (struct cmd_out){.form = form, .write = write, .ctx = ctx, .obj = json_object()};
    if (!o->obj) {
        free(o);
        return NULL;
    }
    return o;
}

void cmd_out_free(struct cmd_out *o)
{
    if (!o)
        return;
    while (o->depth > 0)
        json_decref(o->outer[--o->depth]);
    json_decref(o->obj);
    free(o);
}

void cmd_out_notes(struct cmd_out *o, void (*note)(void *ctx, const char *line), void *ctx)
{
    o->note = note;
    o->note_ctx = ctx;
}

PRINTF_LIKE(3, 0)
static void write_line(void (*write)(void *, const char *), void *ctx, const char *fmt,
                       va_list ap)
{
    if (!write)
        return;
    char line[4096], clean[4096];
    vsnprintf(line, sizeof line, fmt, ap);
    write(ctx, inert(clean, sizeof clean, line));
}

void out_line(struct cmd_out *o, const char *fmt, ...)
{
    if (o->form == OUT_JSON)
        return;
    va_list ap;
    va_start(ap, fmt);
    write_line(o->write, o->ctx, fmt, ap);
    va_end(ap);
}

void out_note(struct cmd_out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_line(o->note, o->note_ctx, fmt, ap);
    va_end(ap);
}

json_t *out_json(struct cmd_out *o)
{
    return o->obj;
}

enum out_form out_form(const struct cmd_out *o)
{
    return o->form;
}

json_t *json_num(double v)
{
    char buf[FMT_NUM];
    if (!isfinite(v))
        return json_null();
    return json_real(strtod(fmt_num(buf, v), NULL));
}

json_t *json_text(const char *s)
{
    json_t *j = json_string(s);
    if (j)
        return j;
    size_t size = strlen(s) * 3 + 1; /* not UTF-8 */
    char *clean = malloc(size);
    if (!clean)
        return json_null();
    j = json_string(inert(clean, size, s));
    free(clean);
    return j ? j : json_null();
}

void out_text(struct cmd_out *o, const char *key, const char *value)
{
    json_object_set_new(o->obj, key, value ? json_text(value) : json_null());
}

void out_int(struct cmd_out *o, const char *key, int64_t value)
{
    json_object_set_new(o->obj, key, json_integer(value));
}

void out_num(struct cmd_out *o, const char *key, double value)
{
    json_object_set_new(o->obj, key, json_num(value));
}

void out_bool(struct cmd_out *o, const char *key, bool value)
{
    json_object_set_new(o->obj, key, json_boolean(value));
}

static void json_write(struct cmd_out *o)
{
    char *s = json_dumps(o->obj, JSON_COMPACT | JSON_REAL_PRECISION(10));
    if (s && o->write)
        o->write(o->ctx, s);
    free(s);
}

void out_begin(struct cmd_out *o, const char *command)
{
    json_t *fresh = json_object();
    if (fresh && o->depth < CMD_DEPTH) {
        o->outer[o->depth++] = o->obj;
        o->obj = fresh;
    } else {
        json_decref(fresh);
        json_object_clear(o->obj);
    }
    out_text(o, "command", command);
    json_object_set_new(o->obj, "ok", json_true());
    o->where = (struct place){0, 0};
}

void out_place(struct cmd_out *o, int32_t col, int32_t len)
{
    o->where = (struct place){col, len};
}

static const char *kind_of(const struct err *err)
{
    return err->kind[0] ? err->kind : status_name(err->code);
}

void out_end(struct cmd_out *o, const struct err *err)
{
    if (err && o->form == OUT_JSON) {
        json_t *e = json_object();
        json_object_set_new(e, "kind", json_text(kind_of(err)));
        json_object_set_new(e, "message", json_text(err->msg));
        json_object_set_new(e, "hint", json_text(err->hint));
        if (o->where.len > 0)
            json_object_set_new(e, "column", json_integer(o->where.col + 1));
        json_object_set_new(o->obj, "ok", json_false());
        json_object_set_new(o->obj, "error", e);
    }
    if (o->form == OUT_JSON)
        json_write(o);
    if (o->depth > 0) {
        json_decref(o->obj);
        o->obj = o->outer[--o->depth];
    }
}

void cmd_out_place(const struct cmd_out *o, int32_t *col, int32_t *len)
{
    *col = o->where.col;
    *len = o->where.len;
}

void cmd_error_text(const struct err *err, char *buf, size_t size)
{
    char line[512];
    const char *hint = err->hint;
    size_t n = strlen(err->msg);
    const char *stop = n && strchr(".?!", err->msg[n - 1]) ? "" : ".";
    snprintf(line, sizeof line, "%s: %s%s%s%s", kind_of(err), err->msg, hint[0] ? stop : "",
             hint[0] ? " " : "", hint);
    inert(buf, size, line);
}

void cmd_error_show(const struct cmd_out *o, const char *line, const struct err *err,
                    void (*write)(void *ctx, const char *line), void *ctx)
{
    char buf[512], shown[240];
    if (o->where.len > 0 && line && (size_t)o->where.col <= strlen(line)) {
        /* A long line shows the part around the place. */
        int32_t from = o->where.col > 60 ? o->where.col - 40 : 0;
        while (from > 0 && ((unsigned char)line[from] & 0xc0) == 0x80)
            from--;
        char part[160];
        snprintf(part, sizeof part, "%s", line + from);
        char before[160];
        snprintf(before, sizeof before, "%.*s", (int)(o->where.col - from), line + from);
        snprintf(shown, sizeof shown, ": %s", inert(buf, sizeof part, part));
        write(ctx, shown);
        int pad = text_width(inert(buf, sizeof buf, before)) + 2;
        char place[160];
        snprintf(place, sizeof place, "%.*s", o->where.len < 100 ? o->where.len : 100,
                 line + o->where.col);
        int width = text_width(inert(buf, sizeof buf, place));
        int n = 0;
        for (int i = 0; i < pad && n + 1 < (int)sizeof shown; i++)
            shown[n++] = ' ';
        for (int i = 0; i < (width < 1 ? 1 : width) && n + 1 < (int)sizeof shown; i++)
            shown[n++] = '^';
        shown[n] = '\0';
        write(ctx, shown);
    }
    cmd_error_text(err, buf, sizeof buf);
    write(ctx, buf);
}
