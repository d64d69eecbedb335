/* Tables to files; see sheet.h. */
#include "app/io/sheet.h"
#include "app/cmd/command.h"
#include "app/ui/text.h"
#include "engine/base/durable.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cell_text {
    char *s;
    bool number;
};
struct sheet {
    char title[200];
    const char *const *column;
    size_t n_col, n, cap;
    struct cell_text *cell;
    bool failed; /* out of memory on the way: told at the end */
};

enum status sheet_new(struct sheet **out, const char *title, const char *const *columns,
                      struct err *err)
{
    struct sheet *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return err_nomem(err, sizeof *s, "a table");
    snprintf(s->title, sizeof s->title, "%s", title);
    s->column = columns;
    while (columns[s->n_col])
        s->n_col++;
    return ST_OK;
}

void sheet_free(struct sheet *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->cell[i].s);
    free(s->cell);
    free(s);
}

static void add(struct sheet *s, const char *text, bool number)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        struct cell_text *c = realloc(s->cell, cap * sizeof *c);
        if (!c) {
            s->failed = true;
            return;
        }
        s->cell = c;
        s->cap = cap;
    }
    char *copy = strdup(text);
    if (!copy) {
        s->failed = true;
        return;
    }
    s->cell[s->n++] = (struct cell_text){copy, number};
}

void sheet_num(struct sheet *s, double v)
{
    char buf[40];
    if (isnan(v))
        buf[0] = '\0';
    else if (isinf(v))
        snprintf(buf, sizeof buf, "%s", v > 0 ? "inf" : "-inf");
    else
        snprintf(buf, sizeof buf, "%.9g", v);
    for (char *p = buf; *p; p++) /* a locale may have other ideas of the decimal point */
        if (*p == ',')
            *p = '.';
    add(s, buf, isfinite(v));
}

void sheet_int(struct sheet *s, long long v)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%lld", v);
    add(s, buf, true);
}

void sheet_str(struct sheet *s, const char *v)
{
    char buf[512];
    add(s, inert(buf, sizeof buf, v ? v : ""), false);
}

const char *path_ending(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    return dot && (!slash || dot > slash) ? dot + 1 : "";
}

static void csv_cell(FILE *f, const struct cell_text *c)
{
    const char *s = c->s;
    bool formula = !c->number && *s && strchr("=+-@", *s),
         quote = formula || strpbrk(s, ",\"\r\n");
    if (!quote) {
        fputs(s, f);
        return;
    }
    fputs(formula ? "\"'" : "\"", f);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static void write_csv(const struct sheet *s, FILE *f)
{
    for (size_t i = 0; i < s->n_col; i++)
        fprintf(f, "%s%s", i ? "," : "", s->column[i]);
    fputc('\n', f);
    for (size_t i = 0; i < s->n; i++) {
        csv_cell(f, &s->cell[i]);
        fputc((i + 1) % s->n_col ? ',' : '\n', f);
    }
}

static void write_json(const struct sheet *s, FILE *f)
{
    fputs("[\n", f);
    for (size_t i = 0; i < s->n; i++) {
        size_t c = i % s->n_col;
        json_t *key = json_text(s->column[c]), *value = json_text(s->cell[i].s);
        char *k = json_dumps(key, JSON_ENCODE_ANY), *v = json_dumps(value, JSON_ENCODE_ANY);
        bool null = !s->cell[i].number && !s->cell[i].s[0];
        fprintf(f, "%s%s: %s", c ? ", " : "  {", k ? k : "\"\"",
                s->cell[i].number ? s->cell[i].s
                : null            ? "null"
                : v               ? v
                                  : "null");
        if (c + 1 == s->n_col)
            fputs(i + 1 < s->n ? "},\n" : "}\n", f);
        free(k);
        free(v);
        json_decref(key);
        json_decref(value);
    }
    fputs("]\n", f);
}

static void write_txt(const struct sheet *s, FILE *f)
{
    fprintf(f, "%s\n", s->title);
    for (size_t i = 0; i < s->n_col; i++)
        fprintf(f, i + 1 < s->n_col ? "%-16s " : "%s\n", s->column[i]);
    for (size_t i = 0; i < s->n; i++)
        fprintf(f, (i + 1) % s->n_col ? "%-16s " : "%s\n", s->cell[i].s);
}

enum status sheet_write(struct sheet *s, const char *path, struct err *err)
{
    const char *end = path_ending(path);
    struct durable *d = NULL;
    if (s->failed)
        return err_set(err, ST_NOMEM, "no memory for %s", s->title);
    if (strcmp(end, "csv") != 0 && strcmp(end, "json") != 0 && strcmp(end, "txt") != 0) {
        err_set(err, ST_ARG, "the ending of %.100s says no form this table has", path);
        return err_hint(err, "bad-value", "Endings: .csv .json .txt"), ST_ARG;
    }
    enum status st = durable_open(&d, path, err);
    if (st != ST_OK)
        return st;
    FILE *f = durable_file(d);
    if (end[0] == 'c')
        write_csv(s, f);
    else if (end[0] == 'j')
        write_json(s, f);
    else
        write_txt(s, f);
    return durable_commit(d, err);
}
