/* A workspace for tests of commands: runs lines, keeps what they said.  A header, so that
 * tests of the engine link without the program. */
#ifndef TESTS_SUPPORT_APP_KIT_H
#define TESTS_SUPPORT_APP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/cmd/command.h"

#include <stdio.h>
#include <string.h>

struct said {
    char text[1 << 16];
    size_t n;
};
struct app_kit {
    struct app *app;
    struct err err;
    enum status st;
    struct said said, notes;
    int32_t col, len; /* of the last error */
};

static inline void kit_take(void *ctx, const char *line)
{
    struct said *s = ctx;
    int w = snprintf(s->text + s->n, sizeof s->text - s->n, "%s\n", line);
    s->n += w > 0 && (size_t)w < sizeof s->text - s->n ? (size_t)w : 0;
}

static inline enum status kit_run_as(struct app_kit *k, enum out_form form, bool strict,
                                     const char *line)
{
    struct cmd_out *out = cmd_out_new(form, kit_take, &k->said);
    assert_non_null(out);
    k->said.n = k->notes.n = 0;
    k->said.text[0] = k->notes.text[0] = '\0';
    memset(&k->err, 0, sizeof k->err);
    cmd_out_notes(out, kit_take, &k->notes);
    k->st = cmd_run_line(k->app, line, strict, out, &k->err);
    cmd_out_place(out, &k->col, &k->len);
    cmd_out_free(out);
    return k->st;
}

static inline enum status kit_run(struct app_kit *k, const char *line) /* as typed, text form */
{
    return kit_run_as(k, OUT_TEXT, false, line);
}

static inline void kit_ok(struct app_kit *k,
                          const char *line) /* must succeed, as in a script */
{
    if (kit_run_as(k, OUT_TEXT, true, line) != ST_OK)
        fail_msg("%s -> %s: %s", line, k->err.kind, k->err.msg);
}

/* The object of the last command of the line; the caller drops it. */
static inline json_t *kit_json(struct app_kit *k, const char *line)
{
    kit_run_as(k, OUT_JSON, true, line);
    assert_true(k->said.n > 0);
    k->said.text[k->said.n - 1] = '\0';
    char *last = strrchr(k->said.text, '\n');
    json_t *j = json_loads(last ? last + 1 : k->said.text, 0, NULL);
    if (!j)
        fail_msg("%s: not JSON: %s", line, k->said.text);
    return j;
}

/* Must fail with this kind, and say what and what to do on one line. */
static inline void kit_fails(struct app_kit *k, const char *line, const char *kind)
{
    if (kit_run(k, line) == ST_OK)
        fail_msg("%s: accepted", line);
    const char *got = k->err.kind[0] ? k->err.kind : status_name(k->err.code);
    if (strcmp(got, kind) != 0)
        fail_msg("%s: kind %s, expected %s (%s)", line, got, kind, k->err.msg);
    assert_true(k->err.msg[0] != '\0' && !strchr(k->err.msg, '\n'));
}

static inline struct app_kit *kit_app_new(void)
{
    static struct app_kit kit; /* one at a time */
    struct err err;
    memset(&kit, 0, sizeof kit);
    assert_int_equal(app_new(&kit.app, 1, 1, &err), ST_OK);
    return &kit;
}

static inline void kit_app_free(struct app_kit *k)
{
    app_free(k->app);
    k->app = NULL;
}

#endif
