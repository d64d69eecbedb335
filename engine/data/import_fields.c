/* Fields, numbers and times of text files; see import_impl.h. */
#include "engine/data/import_impl.h"

#include "engine/base/inert.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int split_blank(const char *line, size_t len, struct field *f, int max)
{
    int n = 0;
    for (size_t i = 0; i < len;) {
        while (i < len && (line[i] == ' ' || line[i] == '\t'))
            i++;
        size_t from = i;
        while (i < len && line[i] != ' ' && line[i] != '\t')
            i++;
        if (i == from)
            break;
        if (n == max)
            return max + 1;
        f[n++] = (struct field){line + from, i - from};
    }
    return n;
}

int split_char(const char *line, size_t len, char c, struct field *f, int max)
{
    int n = 0;
    for (const char *p = line, *end = line + len;;) {
        const char *q = memchr(p, c, (size_t)(end - p));
        if (n == max)
            return max + 1;
        f[n++] = (struct field){p, (size_t)((q ? q : end) - p)};
        if (!q)
            return n;
        p = q + 1;
    }
}

int split_text(const char *line, size_t len, const char *sep, struct field *f, int max)
{
    int n = 0;
    size_t w = strlen(sep), from = 0;
    for (size_t i = 0; i <= len; i++) {
        bool end = i == len, hit = !end && i + w <= len && memcmp(line + i, sep, w) == 0;
        if (!end && !hit)
            continue;
        if (n == max)
            return max + 1;
        f[n++] = (struct field){line + from, i - from};
        if (hit) {
            from = i + w;
            i += w - 1;
        }
    }
    return n;
}

bool is_number(struct field f)
{
    size_t i = f.n > 0 && (f.s[0] == '-' || f.s[0] == '+'), digits = 0, points = 0;
    for (; i < f.n; i++) {
        if (f.s[i] == '.')
            points++;
        else if (f.s[i] >= '0' && f.s[i] <= '9')
            digits++;
        else
            return false;
    }
    return digits > 0 && points <= 1;
}

static enum status bad_value(const struct reader *in, const char *what, struct field f,
                             const char *expected, struct err *err)
{
    int n = f.n < 40 ? (int)f.n : 40;
    return reader_err(in, ST_FORMAT, err, "%s \"%.*s%s\" is not %s", what, n, f.s,
                      f.n > 40 ? "..." : "", expected);
}

enum status parse_id(const struct reader *in, const char *what, struct field *f,
                     struct err *err)
{
    struct field digits = *f;
    int64_t x = 0;
    while (digits.n > 1 && digits.s[0] == '0') {
        digits.s++;
        digits.n--;
    }
    bool ok = digits.n > 0 && digits.n <= 10;
    for (size_t i = 0; i < digits.n && ok; i++) {
        ok = digits.s[i] >= '0' && digits.s[i] <= '9';
        x = x * 10 + (digits.s[i] - '0');
    }
    if (!ok || x < 1 || x > INT32_MAX)
        return bad_value(in, what, *f, "a number from 1 to 2147483647", err);
    *f = digits;
    return ST_OK;
}

enum status parse_rating(const struct reader *in, struct field f, struct err *err)
{
    return is_number(f) ? ST_OK : bad_value(in, "rating", f, "a number", err);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant's days_from_civil). */
static int64_t days(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1,
            doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static bool digits_at(struct field f, size_t at, size_t n, int *out)
{
    *out = 0;
    if (at + n > f.n)
        return false;
    for (size_t i = at; i < at + n; i++) {
        if (f.s[i] < '0' || f.s[i] > '9')
            return false;
        *out = *out * 10 + (f.s[i] - '0');
    }
    return true;
}

static bool parse_date(struct field f, int64_t *out)
{
    static const int in_month[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, mo, d, h = 0, mi = 0, s = 0;
    if (f.n > 0 && f.s[f.n - 1] == 'Z')
        f.n--;
    if (!digits_at(f, 0, 4, &y) || !digits_at(f, 5, 2, &mo) || !digits_at(f, 8, 2, &d) ||
        f.s[4] != '-' || f.s[7] != '-')
        return false;
    if (f.n > 10) {
        bool seconds = f.n > 16;
        if ((f.s[10] != ' ' && f.s[10] != 'T') || !digits_at(f, 11, 2, &h) ||
            !digits_at(f, 14, 2, &mi) || f.s[13] != ':')
            return false;
        if (seconds &&
            (f.s[16] != ':' || !digits_at(f, 17, 2, &s) || (f.n > 19 && f.s[19] != '.')))
            return false;
        for (size_t i = 20; i < f.n; i++) /* a fraction of a second is cut */
            if (f.s[i] < '0' || f.s[i] > '9')
                return false;
    }
    if (mo < 1 || mo > 12 || d < 1 || d > in_month[mo - 1] || h > 23 || mi > 59 || s > 60)
        return false;
    *out = days(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    return true;
}

enum status parse_time(const struct reader *in, const char *what, struct field f, int64_t *out,
                       struct err *err)
{
    if (parse_date(f, out))
        return ST_OK;
    int64_t x = 0;
    size_t i = 0;
    for (; i < f.n && f.s[i] >= '0' && f.s[i] <= '9' && i < 16; i++)
        x = x * 10 + (f.s[i] - '0');
    bool ok = i > 0 && i < 16;
    if (ok && i < f.n && f.s[i] == '.') /* 964982703.0 */
        for (i++; i < f.n && f.s[i] >= '0' && f.s[i] <= '9'; i++)
            continue;
    if (!ok || i != f.n)
        return bad_value(in, what, f, "a time (seconds, or YYYY-MM-DD HH:MM:SS)", err);
    *out = x >= 100000000000 ? x / 1000 : x; /* beyond the year 5138 it is milliseconds */
    return ST_OK;
}

enum status expect_fields(const struct reader *in, int found, int want, const char *names,
                          struct err *err)
{
    if (found == want)
        return ST_OK;
    return reader_err(in, ST_FORMAT, err, "expected %d columns (%s), found %s%d", want, names,
                      found > MAX_FIELDS ? "over " : "",
                      found > MAX_FIELDS ? MAX_FIELDS : found);
}

static bool is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t')
            return false;
    return true;
}

int sniff_lines(const char *head, size_t len, bool (*fits)(const char *line, size_t n))
{
    int good = 0, all = 0;
    for (const char *p = head, *end = head + len; p < end && all < 200;) {
        const char *q = memchr(p, '\n', (size_t)(end - p));
        if (!q && all > 0 && len >= 60000)
            break; /* cut off by the end of the head */
        size_t n = (size_t)((q ? q : end) - p);
        if (n > 0 && p[n - 1] == '\r')
            n--;
        if (!is_blank(p, n)) {
            all++;
            good += fits(p, n);
        }
        if (!q)
            break;
        p = q + 1;
    }
    return all ? good * 100 / all : 0;
}

bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    if (n > 3 && strncasecmp(path + n - 3, ".gz", 3) == 0)
        n -= 3;
    return n >= m && strncasecmp(path + n - m, end, m) == 0;
}

enum status each_line(struct line_ctx *c,
                      enum status (*line)(struct line_ctx *c, const char *s, size_t n,
                                          struct err *err),
                      struct err *err)
{
    struct err own = {0}; /* gathering bad lines needs their message, asked for or not */
    struct err *e = err ? err : &own;
    for (;;) {
        char *s;
        size_t n;
        enum status st = reader_line(c->in, &s, &n, e);
        if (st != ST_OK)
            return st == ST_FORMAT && c->out->rep.n_bad ? sink_end(c->out, e) : st;
        if (!s)
            return sink_end(c->out, e);
        c->out->rep.lines++;
        if (is_blank(s, n)) {
            c->out->rep.blank++;
            continue;
        }
        st = line(c, s, n, e);
        if (st != ST_OK) {
            st = sink_bad_line(c->out, e);
            if (st != ST_OK)
                return st;
        }
    }
}
