/* Widths, graphemes and numbers.  Nothing here asks the locale: a name is as wide in LANG=C
 * as in UTF-8, and a number has a point everywhere. */
#include "app/ui/text.h"
#include "engine/base/inert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { REPLACEMENT = 0xFFFD };

/* One code point at s, the replacement mark for what is no UTF-8 or must not act on a
 * terminal.  Returns bytes, at least 1. */
static size_t decode(const char *s, size_t len, int32_t *u)
{
    size_t n;
    uint32_t code = text_decode(s, len, &n);
    *u = code == '\t' ? ' ' : text_harmful(code) ? REPLACEMENT : (int32_t)code;
    return n;
}

size_t text_next(const char *s, size_t len, struct grapheme *out)
{
    memset(out, 0, sizeof *out);
    if (len == 0 || *s == '\0')
        return 0;
    int32_t u;
    size_t used = decode(s, len, &u);
    /* A combining mark that leads has nothing to sit on. */
    if (u >= 0x80 && utf8proc_charwidth(u) == 0)
        u = REPLACEMENT;
    out->ch[out->n++] = (uint32_t)u;
    out->width = u < 0x80 ? 1 : utf8proc_charwidth(u);
    if (out->width < 1)
        out->width = 1;
    utf8proc_int32_t state = 0;
    int32_t before = u;
    while (used < len && s[used] != '\0' && (unsigned char)s[used] >= 0x80) {
        int32_t next;
        size_t n = decode(s + used, len - used, &next);
        if (next == REPLACEMENT || utf8proc_grapheme_break_stateful(before, next, &state))
            break;
        if (out->n < (int)(sizeof out->ch / sizeof out->ch[0]))
            out->ch[out->n++] = (uint32_t)next;
        if (utf8proc_charwidth(next) > out->width)
            out->width = 2;
        before = next;
        used += n;
    }
    return used;
}

size_t text_fit(const char *s, int cols, int *used)
{
    size_t len = strlen(s), at = 0;
    int width = 0;
    struct grapheme g;
    for (size_t n; (n = text_next(s + at, len - at, &g)) > 0; at += n) {
        if (width + g.width > cols)
            break;
        width += g.width;
    }
    if (used)
        *used = width;
    return at;
}

char *inert(char *buf, size_t size, const char *s)
{
    text_inert(s, strlen(s), buf, size);
    return buf;
}

int text_width(const char *s)
{
    int width;
    text_fit(s, 0x7fffffff - 2, &width);
    return width;
}

/* ---- numbers ---- */

/* snprintf writes the locale's decimal mark: whatever stands between digits becomes a
 * point.  The mark may have several bytes. */
static void print_point(char out[FMT_NUM], const char *fmt, int decimals, double v)
{
    char raw[400];
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif
    int n = snprintf(raw, sizeof raw, fmt, decimals, v);
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
    size_t o = 0;
    bool mark = false;
    for (int i = 0; i < n && i < (int)sizeof raw - 1 && o < FMT_NUM - 1; i++) {
        char c = raw[i];
        if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e') {
            out[o++] = c;
            mark = false;
        } else if (!mark) {
            out[o++] = '.';
            mark = true;
        }
    }
    out[o] = '\0';
    /* -0.000 is 0.000 */
    if (out[0] == '-' && strpbrk(out, "123456789") == NULL)
        memmove(out, out + 1, o);
}

static bool print_special(char out[FMT_NUM], double v)
{
    const char *word = isnan(v) ? "nan" : isinf(v) ? (v > 0 ? "inf" : "-inf") : NULL;
    if (word)
        snprintf(out, FMT_NUM, "%s", word);
    return word != NULL;
}

char *fmt_num(char out[FMT_NUM], double v)
{
    if (print_special(out, v))
        return out;
    double a = fabs(v);
    if (a == 0.0) {
        snprintf(out, FMT_NUM, "0");
        return out;
    }
    if (a < 1e7 && v == rint(v)) {
        print_point(out, "%.*f", 0, v);
        return out;
    }
    /* The exponent after rounding to four digits: 9.9996 is 10.00. */
    char sci[FMT_NUM];
    print_point(sci, "%.*e", 3, v);
    const char *e = strchr(sci, 'e');
    int exponent = 0;
    if (e)
        sscanf(e + 1, "%d", &exponent);
    if (exponent < -4 || exponent >= 7)
        memcpy(out, sci, FMT_NUM);
    else
        print_point(out, "%.*f", exponent >= 3 ? 0 : 3 - exponent, v);
    return out;
}

char *fmt_short(char out[FMT_NUM], double v)
{
    fmt_num(out, v);
    char *point = strchr(out, '.');
    if (!point)
        return out;
    char *e = strchr(out, 'e');
    char *end = e ? e : out + strlen(out);
    char *last = end;
    while (last > point && (last[-1] == '0' || last[-1] == '.')) {
        last--;
        if (*last == '.')
            break;
    }
    memmove(last, end, strlen(end) + 1);
    return out;
}

char *fmt_signed(char out[FMT_NUM], double v)
{
    fmt_num(out, v);
    if (out[0] != '-' && !isnan(v)) {
        size_t n = strlen(out);
        if (n + 2 <= FMT_NUM) {
            memmove(out + 1, out, n + 1);
            out[0] = '+';
        }
    }
    return out;
}

char *fmt_fixed(char out[FMT_NUM], double v, int decimals)
{
    if (print_special(out, v))
        return out;
    if (decimals < 0)
        decimals = 0;
    if (decimals > 9)
        decimals = 9;
    if (fabs(v) >= 1e12)
        return fmt_num(out, v);
    print_point(out, "%.*f", decimals, v);
    if (out[0] == '-' && strspn(out + 1, "0.") == strlen(out + 1)) /* rounded to nothing */
        memmove(out, out + 1, strlen(out));
    return out;
}

char *fmt_prob(char out[FMT_NUM], double v)
{
    if (!(v >= 0 && v <= 1))
        return fmt_num(out, v);
    print_point(out, "%.*f", 3, v);
    if (out[0] == '0')
        memmove(out, out + 1, strlen(out));
    return out;
}

char *fmt_count(char out[FMT_NUM], double v)
{
    if (print_special(out, v))
        return out;
    double a = fabs(v);
    static const struct {
        double unit;
        char letter;
    } units[] = {{1e12, 'T'}, {1e9, 'G'}, {1e6, 'M'}, {1e3, 'k'}};
    if (a >= 99999.5) {
        size_t i = 0;
        /* 999,999 rounds up into the next unit: 1.00M, never 1000k */
        while (i + 1 < sizeof units / sizeof units[0] && a < units[i].unit * 0.9995)
            i++;
        double x = v / units[i].unit;
        if (fabs(x) >= 1e4)
            return fmt_num(out, v);
        int decimals = fabs(x) < 9.995 ? 2 : fabs(x) < 99.95 ? 1 : 0;
        print_point(out, "%.*f", decimals, x);
        if (decimals > 0) {
            size_t n = strlen(out);
            while (n > 0 && out[n - 1] == '0')
                out[--n] = '\0';
            if (n > 0 && out[n - 1] == '.')
                out[--n] = '\0';
        }
        size_t n = strlen(out);
        out[n] = units[i].letter;
        out[n + 1] = '\0';
        return out;
    }
    char digits[FMT_NUM];
    print_point(digits, "%.*f", 0, v);
    size_t n = strlen(digits), o = 0;
    size_t sign = digits[0] == '-';
    for (size_t i = 0; i < n; i++) {
        if (i > sign && (n - i) % 3 == 0)
            out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = '\0';
    return out;
}

char *fmt_duration(char out[FMT_NUM], double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(out, FMT_NUM, "-");
        return out;
    }
    long s = lround(seconds);
    if (s >= 3600)
        snprintf(out, FMT_NUM, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, FMT_NUM, "%ld:%02ld", s / 60, s % 60);
    return out;
}
