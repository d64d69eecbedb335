/* See osc.h. */
#include "app/ui/osc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void osc_write(const char *s)
{
    size_t n = strlen(s);
    while (n) {
        ssize_t k = write(STDOUT_FILENO, s, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return;
        s += k;
        n -= (size_t)k;
    }
}

void osc_title(const char *term, const char *title)
{
    if (strncmp(term, "xterm", 5) != 0 && strncmp(term, "tmux", 4) != 0 &&
        strncmp(term, "screen", 6) != 0)
        return;
    char buf[200] = "\033]2;";
    size_t n = strlen(buf);
    for (; *title && n < 180; title++)
        if ((unsigned char)*title >= 32 && (unsigned char)*title != 127)
            buf[n++] = *title;
    buf[n++] = '\a';
    buf[n] = '\0';
    osc_write(buf);
}

void osc_clipboard(const char *text)
{
    static const char digit[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    char *buf = malloc(n * 4 / 3 + 32), *p = buf;
    if (!buf)
        return;
    memcpy(p, "\033]52;c;", 7);
    p += 7;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)text[i] << 16;
        v |= i + 1 < n ? (uint32_t)(unsigned char)text[i + 1] << 8 : 0;
        v |= i + 2 < n ? (uint32_t)(unsigned char)text[i + 2] : 0;
        *p++ = digit[v >> 18];
        *p++ = digit[v >> 12 & 63];
        *p++ = i + 1 < n ? digit[v >> 6 & 63] : '=';
        *p++ = i + 2 < n ? digit[v & 63] : '=';
    }
    *p++ = '\a';
    *p = '\0';
    osc_write(buf);
    free(buf);
}
