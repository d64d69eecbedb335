/* See inert.h.  The decoder is strict (RFC 3629), for a lenient one can be talked into
 * control characters. */
#include "engine/base/inert.h"

#include <string.h>

uint32_t text_decode(const char *s, size_t n, size_t *bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0x80                ? 1
                 : c >= 0xc2 && c < 0xe0 ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    *bytes = 1;
    if (len == 1)
        return c;
    if (len == 0 || len > n)
        return 0;
    uint32_t u = c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
        u = u << 6 | ((unsigned char)s[i] & 0x3fu);
    }
    if (u < least[len] || u > 0x10ffff || (u >= 0xd800 && u < 0xe000))
        return 0;
    *bytes = len;
    return u;
}

bool text_harmful(uint32_t u)
{
    static const struct {
        uint32_t from, to;
    } bad[] = {
        {0, 0x1f},          {0x7f, 0x9f},       {0xad, 0xad},        {0x61c, 0x61c},
        {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},    {0x2060, 0x206f},
        {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xfff9, 0xfffb},    {0xfffe, 0xffff},
        {0x1fffe, 0x1ffff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
    };
    if (u >= 0x20 && u < 0x7f)
        return false;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (u >= bad[i].from && u <= bad[i].to)
            return true;
    return false;
}

size_t text_inert(const char *in, size_t n, char *out, size_t cap)
{
    size_t w = 0, bytes;
    for (size_t r = 0; r < n; r += bytes) {
        uint32_t u = text_decode(in + r, n - r, &bytes);
        bool space = u == '\t' || u == '\n' || u == '\r', bad = !space && text_harmful(u);
        const char *put = space ? " " : bad ? "\xef\xbf\xbd" : in + r;
        size_t len = space ? 1 : bad ? 3 : bytes;
        if (w + len >= cap)
            break;
        memcpy(out + w, put, len);
        w += len;
    }
    if (cap > 0)
        out[w] = '\0';
    return w;
}

bool text_is_utf8(const char *s, size_t n)
{
    size_t bytes;
    for (size_t r = 0; r < n; r += bytes)
        if (text_decode(s + r, n - r, &bytes) == 0)
            return false;
    return true;
}

bool text_is_inert(const char *s, size_t n)
{
    size_t bytes;
    for (size_t r = 0; r < n; r += bytes)
        if (text_harmful(text_decode(s + r, n - r, &bytes)))
            return false;
    return true;
}

size_t text_from_latin1(const char *in, size_t n, char *out, size_t cap)
{
    size_t w = 0;
    for (size_t r = 0; r < n; r++) {
        unsigned char c = (unsigned char)in[r];
        if (w + 2 >= cap)
            break;
        if (c >= 0x80) {
            out[w++] = (char)(0xc0 | c >> 6);
            c = 0x80 | (c & 0x3f);
        }
        out[w++] = (char)c;
    }
    if (cap > 0)
        out[w] = '\0';
    return w;
}
