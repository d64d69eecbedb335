/* Reading lines, and foreign text made harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/inert.h"
#include "engine/base/reader.h"
#include "tests/support/tmpfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All lines, joined by '|'. */
static enum status lines_of(const char *path, char *out, size_t size, struct err *err)
{
    struct reader *r = NULL;
    out[0] = '\0';
    enum status st = reader_open(&r, path, err);
    for (bool first = true; st == ST_OK; first = false) {
        char *s;
        size_t n;
        st = reader_line(r, &s, &n, err);
        if (st != ST_OK || !s)
            break;
        assert_int_equal(strlen(s), n);
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%s", first ? "" : "|", s);
    }
    reader_close(r);
    return st;
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *want;
    } ok[] = {
        {"", 0, ""},
        {"a", 1, "a"},
        {"a\n", 2, "a"},
        {"a\r\nb\r\n", 6, "a|b"},
        {"a\n\nb", 4, "a||b"},
        {"\xef\xbb\xbf"
         "a\nb\n",
         7, "a|b"},
        {"\n", 1, ""},
    };
    char got[200];
    for (size_t i = 0; i < sizeof ok / sizeof *ok; i++) {
        struct err err = {0};
        if (lines_of(tmp_write(&tmp_here, "t.txt", ok[i].bytes, ok[i].n), got, sizeof got,
                     &err) != ST_OK)
            fail_msg("case %zu: %s", i, err.msg);
        assert_string_equal(got, ok[i].want);
        assert_int_equal(lines_of(tmp_write_gz(&tmp_here, "t.txt.gz", ok[i].bytes, ok[i].n),
                                  got, sizeof got, &err),
                         ST_OK);
        assert_string_equal(got, ok[i].want);
    }
}

static void refuse(const char *path, enum status want, const char *part)
{
    char got[200];
    struct err err = {0};
    assert_int_equal(lines_of(path, got, sizeof got, &err), want);
    if (!strstr(err.msg, part))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
    assert_null(strchr(err.msg, '\n'));
}

static void test_refusals(void **state)
{
    (void)state;
    refuse(tmp_write(&tmp_here, "n.txt", "ab\nc\0d\n", 7), ST_FORMAT, "n.txt:2: a NUL byte");
    refuse(tmp_write(&tmp_here, "cr.txt", "a\rb\rc\n", 6), ST_FORMAT,
           "cr.txt:1: a lone carriage return");
    refuse(tmp_write(&tmp_here, "u16.txt",
                     "\xff\xfe"
                     "1\0 \0",
                     6),
           ST_FORMAT, "UTF-16");
    refuse(tmp_path(&tmp_here, "none.txt"), ST_IO, "No such file");
    refuse(tmp_here.path, ST_IO, "is a directory");
    refuse("/dev/zero", ST_IO, "not a regular file");
    assert_int_equal(mkfifo(tmp_path(&tmp_here, "pipe"), 0600), 0);
    refuse(tmp_path(&tmp_here, "pipe"), ST_IO, "not a regular file");
    char *big = malloc(1500000);
    memset(big, 'x', 1500000);
    memcpy(big, "ok\n", 3);
    refuse(tmp_write(&tmp_here, "long.txt", big, 1500000), ST_FORMAT,
           "long.txt:2: the line is longer than 1 MiB");
    big[1500000 - 1] = '\n';
    refuse(tmp_write(&tmp_here, "long.txt", big, 1500000), ST_FORMAT,
           "long.txt:2: the line is longer than 1 MiB");
    free(big);
}

static void test_gzip_cut_off(void **state)
{
    (void)state;
    char *text = malloc(600000);
    unsigned x = 1;
    for (int i = 0; i < 600000; i++) {
        x = x * 1103515245u + 12345;
        text[i] = i % 60 == 59 ? '\n' : (char)('0' + (x >> 16) % 10);
    }
    const char *path = tmp_write_gz(&tmp_here, "cut.gz", text, 600000);
    struct stat st;
    char got[8];
    assert_int_equal(stat(path, &st), 0);
    struct err err = {0};
    assert_int_equal(lines_of(path, got, sizeof got, &err), ST_OK);
    for (int cut = 0; cut < 3; cut++) {
        assert_int_equal(truncate(path, cut == 0   ? st.st_size - 4
                                        : cut == 1 ? st.st_size / 2
                                                   : 30),
                         0);
        refuse(path, ST_FORMAT, "cut");
    }
    free(text);
    refuse(tmp_write(&tmp_here, "bad.gz",
                     "\x1f\x8b\x08\0\0\0\0\0\0\x03garbage beyond any doubt", 34),
           ST_FORMAT, "bad.gz");
}

static void test_head_and_progress(void **state)
{
    (void)state;
    struct reader *r = NULL;
    char *s;
    size_t n;
    int64_t total;
    assert_int_equal(reader_open(&r, tmp_write(&tmp_here, "h.txt", "one\ntwo\n", 8), NULL),
                     ST_OK);
    const char *head = reader_head(r, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(head, "one\ntwo\n", 8);
    assert_int_equal(reader_line(r, &s, &n, NULL), ST_OK);
    assert_string_equal(s, "one");
    assert_int_equal(reader_lineno(r), 1);
    assert_int_equal(reader_done(r, &total), 8);
    assert_int_equal(total, 8);
    struct err err = {0};
    assert_int_equal(reader_err(r, ST_FORMAT, &err, "value \"%s\"", "\x1b[2J"), ST_FORMAT);
    assert_null(strchr(err.msg, '\x1b'));
    assert_non_null(strstr(err.msg, "h.txt:1: value"));
    reader_close(r);
    reader_close(NULL);
}

/* Lines that cross every border of the buffer come out whole. */
static void test_long_file(void **state)
{
    (void)state;
    size_t n = 0, size = 3000000;
    char *text = malloc(size);
    for (int i = 0; n + 3000 < size; i++) {
        size_t len = (size_t)(i * 37 % 2500);
        memset(text + n, 'a' + i % 26, len);
        n += len;
        text[n++] = '\n';
    }
    struct reader *r = NULL;
    assert_int_equal(reader_open(&r, tmp_write(&tmp_here, "l.txt", text, n), NULL), ST_OK);
    for (int i = 0;; i++) {
        char *s;
        size_t len;
        assert_int_equal(reader_line(r, &s, &len, NULL), ST_OK);
        if (!s)
            break;
        assert_int_equal(len, i * 37 % 2500);
        for (size_t k = 0; k < len; k++)
            if (s[k] != 'a' + i % 26)
                fail_msg("line %d is torn", i);
    }
    reader_close(r);
    free(text);
}

static void test_inert(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } t[] = {
        {"plain", "plain"},
        {"Am\xc3\xa9lie \xe6\xbc\xa2", "Am\xc3\xa9lie \xe6\xbc\xa2"},
        {"a\tb\nc", "a b c"},
        {"\x1b[31mred", "\xef\xbf\xbd[31mred"},
        {"\x7f", "\xef\xbf\xbd"},
        {"\xc2\x9b"
         "31m",
         "\xef\xbf\xbd"
         "31m"}, /* C1 as UTF-8 */
        {"\x9b"
         "31m",
         "\xef\xbf\xbd"
         "31m"}, /* and as a byte */
        {"a\xe2\x80\xae"
         "b",
         "a\xef\xbf\xbd"
         "b"},                                                    /* right-to-left override */
        {"\xe2\x81\xa6", "\xef\xbf\xbd"},                         /* isolate */
        {"\xef\xbb\xbf", "\xef\xbf\xbd"},                         /* byte-order mark */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, /* cut off */
        {"\xf0\x9f\x8d\x9e", "\xf0\x9f\x8d\x9e"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        size_t n = text_inert(t[i].in, strlen(t[i].in), out, sizeof out);
        assert_string_equal(out, t[i].want);
        assert_int_equal(n, strlen(t[i].want));
        assert_true(text_is_utf8(out, n) && (text_is_inert(out, n)));
        assert_true(text_is_inert(t[i].in, strlen(t[i].in)) ==
                    (strcmp(t[i].in, t[i].want) == 0));
    }
    assert_int_equal(text_inert("\xc3\xa9\xc3\xa9", 4, out, 4), 2); /* never half a character */
    assert_string_equal(out, "\xc3\xa9");
    assert_int_equal(text_inert("\0x", 2, out, sizeof out), 4);
    assert_int_equal(text_from_latin1("Les Mis\xe9rables", 14, out, sizeof out), 15);
    assert_string_equal(out, "Les Mis\xc3\xa9rables");
    char every[256], big[2000];
    for (int i = 0; i < 256; i++)
        every[i] = (char)i;
    size_t n = text_inert(every, 256, big, sizeof big);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)big[i] >= 0x20 && big[i] != 0x7f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_gzip_cut_off), cmocka_unit_test(test_head_and_progress),
        cmocka_unit_test(test_long_file),    cmocka_unit_test(test_inert),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
