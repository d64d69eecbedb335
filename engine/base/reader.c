/* Lines from a file, plain or gzip: zlib reads both.  Regular files only, looked at before a
 * byte is read, so that a pipe or a device named by mistake is one clear line and no
 * hang.  Every message passes text_inert. */
#include "engine/base/reader.h"

#include "engine/base/inert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { HEAD = 64 * 1024, MAX_LINE = 1024 * 1024, READ = 256 * 1024 };

struct reader {
    gzFile gz;
    char *path;
    int64_t lineno, total;
    char *buf;         /* MAX_LINE + READ bytes and one for a NUL */
    size_t at, end;    /* unread bytes */
    bool eof, started; /* started: the first line was looked at */
};

enum status reader_err(const struct reader *r, enum status code, struct err *err,
                       const char *fmt, ...)
{
    char text[200], path[sizeof text], line[24] = "", clean[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t n = strlen(r->path), most = 70; /* of a long path the end tells more */
    snprintf(path, sizeof path, "%s%s", n > most ? "..." : "",
             n > most ? r->path + n - most : r->path);
    if (r->lineno > 0)
        snprintf(line, sizeof line, ":%lld", (long long)r->lineno);
    char all[sizeof text + sizeof path + sizeof line + 8];
    snprintf(all, sizeof all, "%s%s: %s", path, line, text);
    text_inert(all, strlen(all), clean, sizeof clean);
    return err_set(err, code, "%s", clean);
}

/* An open descriptor of a regular file, or -1 with the reason. */
static int open_regular(const struct reader *r, int64_t *size, struct err *err)
{
    struct stat st;
    int fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        reader_err(r, ST_IO, err, "%s", strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) != 0)
        reader_err(r, ST_IO, err, "%s", strerror(errno));
    else if (S_ISDIR(st.st_mode))
        reader_err(r, ST_IO, err, "is a directory; name a file in it");
    else if (!S_ISREG(st.st_mode))
        reader_err(r, ST_IO, err, "is not a regular file (a pipe or a device)");
    else {
        *size = st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

/* More bytes behind the unread ones.  At the end of a gzip file that was cut off zlib says
 * so only when asked. */
static enum status fill(struct reader *r, struct err *err)
{
    if (r->at > 0) {
        memmove(r->buf, r->buf + r->at, r->end - r->at);
        r->end -= r->at;
        r->at = 0;
    }
    int n = gzread(r->gz, r->buf + r->end, READ), code = Z_OK;
    const char *msg = gzerror(r->gz, &code);
    if (n > 0)
        r->end += (size_t)n;
    if (n <= 0 || code != Z_OK) {
        if (n < READ && code == Z_BUF_ERROR)
            return reader_err(r, ST_FORMAT, err, "the gzip file is cut off");
        if (code == Z_ERRNO)
            return reader_err(r, ST_IO, err, "%s", strerror(errno));
        if (code != Z_OK && code != Z_STREAM_END)
            return reader_err(r, ST_FORMAT, err, "damaged gzip data (%s)",
                              msg && *msg ? msg : "zlib");
        r->eof = n <= 0;
    }
    return ST_OK;
}

enum status reader_open(struct reader **out, const char *path, struct err *err)
{
    *out = NULL;
    struct reader *r = calloc(1, sizeof *r);
    if (r) {
        r->path = strdup(path);
        r->buf = malloc(MAX_LINE + READ + 1);
    }
    if (!r || !r->path || !r->buf) {
        reader_close(r);
        return err_nomem(err, MAX_LINE + READ, "reading");
    }
    int fd = open_regular(r, &r->total, err);
    enum status st = ST_IO;
    if (fd >= 0) {
        r->gz = gzdopen(fd, "rb");
        if (!r->gz) {
            close(fd);
            st = err_nomem(err, READ, "reading");
        } else {
            gzbuffer(r->gz, 128 * 1024);
            st = ST_OK;
        }
    }
    while (st == ST_OK && !r->eof && r->end < HEAD)
        st = fill(r, err);
    if (st != ST_OK) {
        reader_close(r);
        return st;
    }
    if (r->end >= 3 && memcmp(r->buf, "\xef\xbb\xbf", 3) == 0)
        r->at = 3; /* a byte-order mark says nothing in UTF-8 */
    *out = r;
    return ST_OK;
}

void reader_close(struct reader *r)
{
    if (!r)
        return;
    if (r->gz)
        gzclose(r->gz);
    free(r->path);
    free(r->buf);
    free(r);
}

static enum status check_line(struct reader *r, const char *s, size_t n, struct err *err)
{
    if (!r->started && n >= 2 &&
        (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0))
        return reader_err(r, ST_FORMAT, err, "the file is UTF-16; save it as UTF-8");
    r->started = true;
    if (memchr(s, '\0', n))
        return reader_err(r, ST_FORMAT, err, "a NUL byte: not a text file");
    if (memchr(s, '\r', n))
        return reader_err(r, ST_FORMAT, err,
                          "a lone carriage return; lines must end with LF or CR LF");
    return ST_OK;
}

enum status reader_line(struct reader *r, char **line, size_t *len, struct err *err)
{
    *line = NULL;
    *len = 0;
    size_t seen = 0;
    char *nl;
    for (;;) {
        nl = memchr(r->buf + r->at + seen, '\n', r->end - r->at - seen);
        seen = r->end - r->at;
        if (nl || r->eof || seen > MAX_LINE)
            break;
        enum status st = fill(r, err);
        if (st != ST_OK) {
            r->lineno += seen > 0;
            return st;
        }
    }
    size_t n = nl ? (size_t)(nl - (r->buf + r->at)) : r->end - r->at;
    if (!nl && n == 0 && r->eof)
        return ST_OK;
    r->lineno++;
    if (n > MAX_LINE)
        return reader_err(r, ST_FORMAT, err, "the line is longer than 1 MiB");
    char *s = r->buf + r->at;
    r->at += n + (nl != NULL);
    if (n > 0 && s[n - 1] == '\r')
        n--;
    s[n] = '\0';
    enum status st = check_line(r, s, n, err);
    if (st != ST_OK)
        return st;
    *line = s;
    *len = n;
    return ST_OK;
}

const char *reader_head(struct reader *r, size_t *len)
{
    *len = r->end - r->at < HEAD ? r->end - r->at : HEAD;
    return r->buf + r->at;
}

int64_t reader_lineno(const struct reader *r)
{
    return r->lineno;
}

const char *reader_path(const struct reader *r)
{
    return r->path;
}

int64_t reader_done(const struct reader *r, int64_t *total)
{
    *total = r->total;
    z_off_t at = gzoffset(r->gz);
    return at < 0 ? 0 : at;
}
