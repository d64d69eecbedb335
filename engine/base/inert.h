/* Foreign text made harmless: what a file says must reach the terminal, an export or an
 * error line as text alone. */
#ifndef ENGINE_BASE_INERT_H
#define ENGINE_BASE_INERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* in[0..n) as one line of clean UTF-8: tabs and line ends become spaces; other control
 * bytes, C1, bidi and zero-width characters, line separators, non-characters and invalid
 * bytes become U+FFFD.  Cut at a character's border when out is full; a NUL follows (cap >=
 * 1).  Returns bytes written without the NUL.  in and out may not overlap. */
size_t text_inert(const char *in, size_t n, char *out, size_t cap);
bool text_is_utf8(const char *s, size_t n);  /* strictly: no overlong forms, no surrogates */
bool text_is_inert(const char *s, size_t n); /* text_inert would change nothing */
/* ISO 8859-1 to UTF-8; out needs 2n+1.  Returns bytes without the NUL. */
size_t text_from_latin1(const char *in, size_t n, char *out, size_t cap);

/* Next character of s[0..n), n >= 1, and its bytes; 0 and one byte where the bytes are not
 * UTF-8.  U+0000 is such a byte too. */
uint32_t text_decode(const char *s, size_t n, size_t *bytes);
/* It would act on a terminal or reorder a line instead of being seen, or is no character. */
bool text_harmful(uint32_t u);

#endif
