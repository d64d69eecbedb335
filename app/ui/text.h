/* Text on a screen: widths by Unicode tables (independent of the locale), graphemes, making
 * foreign text inert, and the one formatter of numbers.  Pure functions, any thread. */
#ifndef APP_UI_TEXT_H
#define APP_UI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One grapheme of a UTF-8 text. */
struct grapheme {
    uint32_t ch[4];
    int n;     /* code points in ch */
    int width; /* columns: 1 or 2 */
};
/* Reads the grapheme at s (at most len bytes) and returns the bytes taken, 0 at the
 * end.  Control characters, C1, bidirectional overrides and invalid UTF-8 come out as
 * U+FFFD, tab as a blank: what is drawn through here is inert. */
size_t text_next(const char *s, size_t len, struct grapheme *out);
int text_width(const char *s); /* columns */
/* Bytes of the longest beginning of s that fits `cols` columns; *used (may be NULL): its
 * columns. */
size_t text_fit(const char *s, int cols, int *used);
/* text_inert (engine/base/inert.h) into an argument list: returns buf. size >= 1. */
char *inert(char *buf, size_t size, const char *s);

/* Numbers.  '.' as decimal point in all locales; "nan", "inf", "-inf"; never "-0".  All
 * write at most FMT_NUM bytes and return out, so that they can stand in an argument list. */
enum { FMT_NUM = 32 };
/* Four significant digits: 0.1830  2.804  41.27  1840  1.250e-05  2.500e+07.  Whole numbers
 * below 1e7 print whole. */
char *fmt_num(char out[FMT_NUM], double v);
/* the same without trailing zeros: 0.0005  2.5 */
char *fmt_short(char out[FMT_NUM], double v);
char *fmt_signed(char out[FMT_NUM], double v); /* fmt_num with + or - always */
/* columns: decimals 0..9; huge values as fmt_num */
char *fmt_fixed(char out[FMT_NUM], double v, int decimals);
/* 0..1 as .412, 1.000; else fmt_num */
char *fmt_prob(char out[FMT_NUM], double v);
/* 47,812; 131k; 2.5M from 100,000 on */
char *fmt_count(char out[FMT_NUM], double v);
char *fmt_duration(char out[FMT_NUM], double seconds); /* 0:53  12:07  3:04:10 */

#endif
