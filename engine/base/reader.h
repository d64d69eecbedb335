/* Reads text by lines, plain or gzip, with line numbers for error messages.  Opens regular
 * files only.  One thread. */
#ifndef ENGINE_BASE_READER_H
#define ENGINE_BASE_READER_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;
MUST_CHECK enum status reader_open(struct reader **out, const char *path, struct err *err);
/* Next line without its end (LF, CR LF); valid until the next call; a NUL follows it.  *line
 * NULL at the end. Lines longer than 1 MiB and NUL bytes are errors that name the line. */
MUST_CHECK enum status reader_line(struct reader *r, char **line, size_t *len, struct err *err);
/* the first bytes (up to 64 KiB), unread */
const char *reader_head(struct reader *r, size_t *len);
int64_t reader_lineno(const struct reader *r); /* of the line last returned, from 1 */
const char *reader_path(const struct reader *r);
/* bytes of the file consumed, for progress */
int64_t reader_done(const struct reader *r, int64_t *total);
void reader_close(struct reader *r);
/* "path:line: text"; returns code. */
enum status reader_err(const struct reader *r, enum status code, struct err *err,
                       const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
