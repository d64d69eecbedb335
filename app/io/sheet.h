/* A table of named columns on its way to a file: csv, json or aligned text, by the file's
 * ending.  Numbers are exact (9 digits are enough for a float); text is made inert, and CSV
 * cells that a spreadsheet would take for a formula are quoted with an apostrophe. */
#ifndef APP_IO_SHEET_H
#define APP_IO_SHEET_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>

struct sheet;
MUST_CHECK enum status sheet_new(struct sheet **out, const char *title,
                                 const char *const *columns /* NULL-terminated */,
                                 struct err *err);
void sheet_free(struct sheet *s);
/* cells come row by row; NaN is empty (csv), null (json) */
void sheet_num(struct sheet *s, double v);
void sheet_int(struct sheet *s, long long v);
void sheet_str(struct sheet *s, const char *v);
/* ".csv", ".json", ".txt"; anything else is refused with the list.  Durable replacement. */
MUST_CHECK enum status sheet_write(struct sheet *s, const char *path, struct err *err);
const char *path_ending(const char *path); /* "csv" of "a/b.csv"; "" without one */

#endif
