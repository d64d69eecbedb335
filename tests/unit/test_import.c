/* Importers: what each form means, and that every way to be malformed is one clear line and
 * builds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/data/import.h"
#include "engine/data/split.h"
#include "tests/support/tmpfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct dataset *import_as(const char *path, const char *importer,
                                 const struct import_opts *o, struct import_report *rep)
{
    struct dataset *ds = NULL;
    struct err err = {0};
    if (dataset_import(&ds, path, importer, o, rep, NULL, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return ds;
}

static struct dataset *import_text(const char *name, const char *text,
                                   struct import_report *rep)
{
    return import_as(tmp_write(&tmp_here, name, text, strlen(text)), NULL, NULL, rep);
}

static void assert_session(const struct dataset *ds, int32_t s, const char *want)
{
    char got[400] = "";
    for (int64_t i = ds->off[s]; i < ds->off[s + 1]; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%s%d", at ? " " : "", ds->item[i]);
    }
    assert_string_equal(got, want);
}

/* A second file is the test part; a tenth of the first validates. */
static void test_given_test_part(void **state)
{
    (void)state;
    char test[300];
    struct dataset *ds = NULL;
    struct split *sp;
    struct err err = {0};
    snprintf(test, sizeof test, "%s", tmp_write(&tmp_here, "test.txt", "2 3\n1 2 3\n", 10));
    const char *train =
        tmp_write(&tmp_here, "train.txt",
                  "1 2 3\n2 3 1\n3 1\n1 2\n2 3\n3 1 2\n1 3\n2 1\n3 2\n1 2 4\n", 48);
    struct import_opts o = {.test_path = test};
    ds = import_as(train, NULL, &o, NULL);
    assert_int_equal(ds->n_sessions, 12);
    assert_int_equal(ds->first_test, 10);
    assert_session(ds, 9, "1 2 4");
    assert_session(ds, 11, "1 2 3");
    assert_int_equal(split_new(&sp, ds, SPLIT_SESSIONS, &err), ST_OK);
    assert_int_equal(sp->part[8], PART_TRAIN);
    assert_int_equal(sp->part[9], PART_VALID);
    assert_int_equal(sp->part[10], PART_TEST);
    assert_int_equal(sp->n_test, 3);
    assert_int_equal(sp->n_valid, 1); /* 4 is in no training session */
    split_free(sp);
    dataset_free(ds);
    o.min_item = 2;
    assert_int_equal(dataset_import(&ds, train, NULL, &o, NULL, NULL, NULL, &err), ST_ARG);
    o = (struct import_opts){.test_path = "no such file"};
    assert_int_equal(dataset_import(&ds, train, NULL, &o, NULL, NULL, NULL, &err), ST_IO);
    assert_null(ds);
    o.test_path = test;
    train = tmp_write(&tmp_here, "ui.txt", "1 1\n1 2\n2 3\n2 1\n", 16);
    assert_int_equal(dataset_import(&ds, train, "user-item", &o, NULL, NULL, NULL, &err),
                     ST_ARG);
}

/* ---- each form, read right ---- */
static void test_useritem(void **state)
{
    (void)state;
    struct import_report rep;
    struct dataset *ds = import_text("a.txt", "1 1\n1 2\n2 3\n2 1\n\n3 2\n", &rep);
    assert_int_equal(ds->n_sessions, 3);
    assert_int_equal(ds->n_items, 3);
    assert_true(ds->by_user);
    assert_null(ds->item_id);
    assert_null(ds->item_name);
    assert_null(ds->ts);
    assert_session(ds, 1, "3 1");
    assert_int_equal(rep.events_in, 5);
    assert_int_equal(rep.blank, 1);
    dataset_free(ds);
    /* Numbers keep their order, gaps are closed */
    ds = import_text("gaps.txt", "5 10\n5 30\n2 20\n2 10\n", &rep);
    assert_int_equal(ds->n_items, 3);
    assert_session(ds, 0, "2 1"); /* user 2 before user 5 */
    assert_string_equal(ds->item_id[3], "30");
    assert_int_equal(dataset_find_item(ds, "30"), 3);
    dataset_free(ds);
}

static void test_sessions(void **state)
{
    (void)state;
    struct import_report rep;
    struct dataset *ds = import_text("s.txt", "1 2 3\n3 1\n2\n", &rep);
    assert_false(ds->by_user);
    assert_int_equal(ds->n_sessions, 3);
    assert_session(ds, 0, "1 2 3");
    dataset_free(ds);
    ds = import_text("names.txt", "Africa;Atlantic_slave_trade;Europe\nEurope;Niger\n", &rep);
    assert_int_equal(ds->n_items, 4);
    assert_session(ds, 1, "3 4");
    assert_string_equal(ds->item_name[4], "Niger");
    assert_int_equal(dataset_find_item(ds, "niger"), 4);
    dataset_free(ds);
    /* pairs alone look like `user item`; pairs in no order with one line of three do not */
    ds = import_text("two.txt", "27606 25971\n9145 1594\n21553 20071 8762\n1 2\n", &rep);
    assert_int_equal(ds->n_sessions, 4);
    dataset_free(ds);
    struct err err = {0}; /* one of three among rising users is a mistake, not a session */
    const char *slip = "1 7\n1 8\n1 9 3\n2 7\n";
    assert_int_equal(dataset_import(&ds, tmp_write(&tmp_here, "slip.txt", slip, strlen(slip)),
                                    NULL, NULL, NULL, NULL, NULL, &err),
                     ST_FORMAT);
    assert_non_null(strstr(err.msg, "slip.txt:3: expected 2 columns"));
    ds = NULL;
    dataset_free(ds);
}

static void test_spmf(void **state)
{
    (void)state;
    struct dataset *ds = import_text("m.txt", "6 -1 9 -1 4 -1 -2\n13 -1 7 -1 -2\n", NULL);
    assert_int_equal(ds->n_sessions, 2);
    assert_int_equal(ds->n_items, 5);
    assert_session(ds, 0, "2 4 1");
    dataset_free(ds);
}

static void test_udata(void **state)
{
    (void)state;
    struct import_report rep;
    const char *titles = "1|Toy Story (1995)|01-Jan-1995||x\n2|GoldenEye "
                         "(1995)|x\n3|Mis\xe9rables, Les (1995)|x\n";
    tmp_write(&tmp_here, "u.item", titles, strlen(titles));
    /* sorted by user and time; equal times in the order of the file; a line written twice
     * once */
    struct dataset *ds = import_text(
        "u.data",
        "2\t3\t4\t500\n1\t2\t5\t300\n1\t1\t3\t100\n2\t1\t4\t500\n2\t2\t1\t500\n2\t3\t4\t500\n",
        &rep);
    assert_int_equal(ds->n_sessions, 2);
    assert_session(ds, 0, "1 2");
    assert_session(ds, 1, "3 1 2");
    assert_int_equal(ds->ts[0], 100);
    assert_string_equal(ds->item_name[3], "Mis\xc3\xa9rables, Les (1995)");
    assert_int_equal(rep.dup, 1);
    assert_int_equal(rep.named, 3);
    assert_string_equal(rep.names_from, "u.item");
    assert_true(ds->by_user);
    dataset_free(ds);
    (void)unlink(tmp_path(&tmp_here, "u.item"));
}

static void test_colons(void **state)
{
    (void)state;
    const char *titles = "1::Toy Story (1995)::Animation\n20::Heat::Crime: the best\n";
    tmp_write(&tmp_here, "movies.dat", titles, strlen(titles));
    struct dataset *ds =
        import_text("ratings.dat", "1::20::5::978300760\n1::1::3::978300700\n", NULL);
    assert_session(ds, 0, "1 2");
    assert_string_equal(ds->item_name[2], "Heat");
    dataset_free(ds);
    (void)unlink(tmp_path(&tmp_here, "movies.dat"));
}

static void test_csv(void **state)
{
    (void)state;
    const char *titles = "movieId,title,genres\r\n1,\"American President, The "
                         "(1995)\",Drama\r\n47,\"He said \"\"no\"\"\",x\r\n";
    tmp_write(&tmp_here, "movies.csv", titles, strlen(titles));
    struct import_report rep;
    struct dataset *ds =
        import_text("ratings.csv",
                    "userId,movieId,rating,timestamp\r\n7,47,5.0,200\r\n7,1,4.0,100\r\n", &rep);
    assert_session(ds, 0, "1 2");
    assert_string_equal(ds->item_name[1], "American President, The (1995)");
    assert_string_equal(ds->item_name[2], "He said \"no\"");
    assert_true(ds->by_user);
    dataset_free(ds);
    (void)unlink(tmp_path(&tmp_here, "movies.csv"));
    /* semicolons, a session column, quotes with separators and line ends inside; rows
     * without a key are counted */
    ds = import_text(
        "shop.csv",
        "\"session ID\";Item;Date;Title\n2;A;2020-01-02 10:00:00;\"one;\ntwo\"\n1;B;2020-01-01 "
        "10:00;bee\n1;A;2020-01-01T09:59:59Z;x\n;A;2020-01-01;\n",
        &rep);
    assert_false(ds->by_user);
    assert_int_equal(ds->n_sessions, 2);
    assert_session(ds, 0, "1 2"); /* by time, earliest session first */
    assert_int_equal(ds->ts[0], 1577872799);
    assert_string_equal(ds->item_name[1], "one; two");
    assert_int_equal(rep.no_key, 1);
    assert_int_equal(rep.repaired, 1);
    dataset_free(ds);
    struct import_opts o = {.user_col = "who", .item_col = "what"};
    const char *own = "what,when,who\nx,1,ann\ny,2,ann\nx,1,bob\n";
    ds = import_as(tmp_write(&tmp_here, "own.csv", own, strlen(own)), NULL, &o, NULL);
    assert_int_equal(ds->n_sessions, 2);
    dataset_free(ds);
}

static void test_inter(void **state)
{
    (void)state;
    const char *titles = "item_id:token\tmovie_title:token_seq\n11\tHeat\n12\tNixon\n";
    tmp_write(&tmp_here, "x.item", titles, strlen(titles));
    struct dataset *ds = import_text("x.inter",
                                     "user_id:token\titem_id:token\trating:float\ttimestamp:"
                                     "float\n1\t12\t3\t900.0\n1\t11\t3\t800.0\n",
                                     NULL);
    assert_session(ds, 0, "1 2");
    assert_string_equal(ds->item_name[1], "Heat");
    assert_string_equal(ds->item_id[1], "11");
    dataset_free(ds);
}

static void test_gz_and_bom(void **state)
{
    (void)state;
    const char *text = "\xef\xbb\xbf"
                       "1 1\r\n1 2\r\n";
    struct dataset *a =
        import_as(tmp_write_gz(&tmp_here, "b.txt.gz", text, strlen(text)), NULL, NULL, NULL);
    struct dataset *b = import_text("b.txt", "1 1\n1 2\n", NULL);
    assert_true(a->hash == b->hash);
    assert_non_null(strstr(a->name, "/b.txt"));
    assert_null(strstr(a->name, ".gz"));
    dataset_free(a);
    dataset_free(b);
}

static void test_names_of_other_data(void **state)
{
    (void)state;
    struct import_report rep;
    const char *names = "item\tmovie_id\ttitle\n1\t9\tone\n2\t9\ttwo\n";
    tmp_write(&tmp_here, "items.tsv", names, strlen(names));
    struct dataset *ds = import_text("n.txt", "1 1\n1 2\n", &rep);
    assert_string_equal(ds->item_name[2], "two");
    dataset_free(ds);
    /* Half of the items have no name there */
    ds = import_text("n.txt", "1 1\n1 2\n1 3\n1 4\n", &rep);
    assert_null(ds->item_name);
    assert_non_null(strstr(rep.names_problem, "2 of 4"));
    dataset_free(ds);
    /* No title: the columns joined */
    const char *bare = "item\tcategory\tcolour\nA1\ttrousers\tblue\nB2\tskirts\tred\n";
    tmp_write(&tmp_here, "items.tsv", bare, strlen(bare));
    ds = import_text("n2.txt", "A1;B2\nB2;A1\n", &rep);
    assert_string_equal(ds->item_name[1], "A1, trousers, blue");
    dataset_free(ds);
    tmp_write(&tmp_here, "items.tsv", "item\0title\n", 11); /* broken names stop nothing */
    ds = import_text("n.txt", "1 1\n1 2\n", &rep);
    assert_non_null(strstr(rep.names_problem, "NUL"));
    dataset_free(ds);
    (void)unlink(tmp_path(&tmp_here, "items.tsv"));
}

/* ---- malformed ---- */
static size_t sprintf_at(char *p, const char *text)
{
    memcpy(p, text, strlen(text));
    return strlen(text);
}

static void refuse(const char *path, const char *importer, const char *label, const char *part)
{
    struct dataset *ds = NULL;
    struct err err = {0};
    enum status st = dataset_import(&ds, path, importer, NULL, NULL, NULL, NULL, &err);
    if (st != ST_FORMAT && st != ST_IO)
        fail_msg("%s, %s: status %d, \"%s\"", importer, label, st, err.msg);
    assert_null(ds);
    if (!strstr(err.msg, part))
        fail_msg("%s, %s: \"%s\" does not say \"%s\"", importer, label, err.msg, part);
    for (const char *c = err.msg; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fail_msg("%s, %s: a control byte in the message", importer, label);
    assert_true(strlen(err.msg) > 10);
}

static const struct form {
    const char *importer, *head, *good;
} forms[] = {
    {"user-item", "", "1 2\n"},
    {"sessions", "", "1 2 3\n"},
    {"spmf", "", "1 -1 2 -1 -2\n"},
    {"u.data", "", "1\t2\t3\t100\n"},
    {"ratings.dat", "", "1::2::3::100\n"},
    {"inter", "user_id:token\titem_id:token\ttimestamp:float\n", "1\t2\t100\n"},
    {"csv", "user_id,item_id,timestamp\n", "1,2,100\n"},
};
enum { FORMS = sizeof forms / sizeof *forms };

/* What every form has in common. */
static void test_malformed_anywhere(void **state)
{
    (void)state;
    for (int k = 0; k < FORMS; k++) {
        const char *im = forms[k].importer;
        char text[4000], want[40];
        int lines = forms[k].head[0] ? 2 : 1;
        int n = snprintf(text, sizeof text, "%s%s", forms[k].head, forms[k].good);
        size_t at = (size_t)n;
        snprintf(want, sizeof want, "m.txt:%d: ", lines + 1);
        refuse(tmp_write(&tmp_here, "m.txt", "", 0), im, "empty", "m.txt: the file is empty");
        refuse(tmp_write(&tmp_here, "m.txt", "\n\n\n", 3), im, "blank lines only", "m.txt");
        memcpy(text + at,
               "1\0"
               "2\n",
               4);
        refuse(tmp_write(&tmp_here, "m.txt", text, at + 4), im, "NUL", want);
        memcpy(text + at, "1\r2\r", 4);
        refuse(tmp_write(&tmp_here, "m.txt", text, at + 4), im, "lone CR", want);
        refuse(tmp_write(&tmp_here, "m.txt",
                         "\xff\xfe"
                         "1\0 \0002\0\n\0",
                         10),
               im, "UTF-16", "UTF-16");
        refuse(tmp_write(&tmp_here, "m.txt",
                         "\xfe\xff"
                         "\0001\0 \0002\0\n",
                         10),
               im, "UTF-16 the other way", "UTF-16");
        char *big = malloc(2000000);
        memcpy(big, text, at);
        memset(big + at, '7', 2000000 - at);
        refuse(tmp_write(&tmp_here, "m.txt", big, 2000000), im, "overlong line", want);
        for (size_t i = 0; i < 5000; i++)
            big[i] = (char)(i * 7919 % 251 ^ i >> 3);
        refuse(tmp_write(&tmp_here, "m.txt", big, 5000), im, "binary junk", "m.txt:");
        memset(big, 0, 4096);
        refuse(tmp_write(&tmp_here, "m.txt", big, 4096), im, "zeros", "m.txt:1");
        size_t m = 0;
        m += (size_t)snprintf(big, 100, "%s", forms[k].head);
        for (int i = 0; i < 20000; i++)
            m += (size_t)snprintf(big + m, 60, "%s", forms[k].good);
        struct stat sb;
        const char *path = tmp_write_gz(&tmp_here, "m.txt.gz", big, m);
        assert_int_equal(stat(path, &sb), 0);
        assert_int_equal(truncate(path, sb.st_size - 5), 0);
        refuse(path, im, "gzip cut off", "cut off");
        assert_int_equal(truncate(path, 20), 0);
        refuse(path, im, "gzip cut off early", "m.txt.gz");
        free(big);
        refuse(tmp_path(&tmp_here, "is-not-there"), im, "missing", "No such file");
        refuse(tmp_here.path, im, "a directory", "directory");
        refuse("/dev/null", im, "a device", "not a regular file");
    }
}

/* Bad lines after one good line (and the header): the message must name the file and this
 * line. */
// clang-format off
static const struct bad {
    const char *importer, *line, *part;
} bad[] = {
    {"user-item", "x 1", "user \"x\""},
    {"user-item", "1 x", "item \"x\""},
    {"user-item", "1", "expected 2 columns"},
    {"user-item", "1 2 3", "found 3"},
    {"user-item", "0 5", "user \"0\""},
    {"user-item", "5 0", "item \"0\""},
    {"user-item", "-1 5", "\"-1\""},
    {"user-item", "5 -1", "\"-1\""},
    {"user-item", "2147483648 1", "2147483648"},
    {"user-item", "1 99999999999999999999", "99999999999999999999"},
    {"user-item", "1.5 2", "1.5"},
    {"user-item", "1e3 2", "1e3"},
    {"user-item", "1 2,", "2,"},
    {"user-item", "1,2", "expected 2 columns"},
    {"user-item", "1;2 3", "1;2"},
    {"user-item", "0x10 3", "0x10"},
    {"user-item", "+1 3", "+1"},
    {"user-item", "1\xc2\xa0" "2 3", "user"},
    {"user-item", "\xe9t\xe9 2", "user"},
    {"user-item", "nan 2", "nan"},
    {"user-item", "1 \"2\"", "item"},
    {"user-item", "# comment", "user"},
    {"sessions", "1 x 3", "item \"x\""},
    {"sessions", "1 0 3", "item \"0\""},
    {"sessions", "1 -1 -2", "\"-1\""},
    {"sessions", "1 2147483648", "2147483648"},
    {"sessions", "1 2.5", "2.5"},
    {"sessions", "1,2,3", "1,2,3"},
    {"sessions", "1;2", "1;2"},
    {"sessions", "1 99999999999999999999", "9999"},
    {"sessions", "\xff\xfe", "not UTF-8"},
    {"sessions", "1 \xe9", "not UTF-8"},
    {"sessions", "[1, 2]", "[1,"},
    {"sessions", "+1", "+1"},
    {"sessions", "1e5", "1e5"},
    {"sessions", "session 1", "session"},
    {"spmf", "1 -1 2 -1", "does not end with -2"},
    {"spmf", "1 2 -1 -2", "not followed by -1"},
    {"spmf", "1 -1 -2 3", "follows -2"},
    {"spmf", "0 -1 -2", "\"0\""},
    {"spmf", "x -1 -2", "\"x\""},
    {"spmf", "-1 -2", "\"-1\""},
    {"spmf", "1 -2", "not followed by -1"},
    {"spmf", "1 -1 1.5 -1 -2", "1.5"},
    {"spmf", "99999999999 -1 -2", "99999999999"},
    {"spmf", "1 -1", "does not end"},
    {"spmf", "1", "not followed"},
    {"spmf", "1 -1 -3", "\"-3\""},
    {"u.data", "1\t2\t3", "expected 4 columns"},
    {"u.data", "1\t2\t3\t4\t5", "found 5"},
    {"u.data", "1 2 3 4", "found 1"},
    {"u.data", "x\t2\t3\t4", "user \"x\""},
    {"u.data", "1\tx\t3\t4", "item \"x\""},
    {"u.data", "1\t2\tx\t4", "rating \"x\""},
    {"u.data", "1\t2\t3\tx1", "time \"x1\""},
    {"u.data", "1\t2\t3\t", "time \"\""},
    {"u.data", "1\t2\t\t4", "rating \"\""},
    {"u.data", "\t2\t3\t4", "user \"\""},
    {"u.data", "0\t2\t3\t4", "user \"0\""},
    {"u.data", "1\t0\t3\t4", "item \"0\""},
    {"u.data", "1\t2\t3\t-4", "time \"-4\""},
    {"u.data", "1\t2\t3\t99999999999999999999", "time"},
    {"u.data", "2147483648\t2\t3\t4", "2147483648"},
    {"u.data", "1\t2\tnan\t4", "rating \"nan\""},
    {"u.data", "1\t2\t3\t1e9", "1e9"},
    {"u.data", "1\t2\t\x1b[2J\t4", "rating"},
    {"ratings.dat", "1::2::3", "expected 4 columns"},
    {"ratings.dat", "1::2::3::4::5", "found 5"},
    {"ratings.dat", "1:2:3:4", "found 1"},
    {"ratings.dat", "x::2::3::4", "user \"x\""},
    {"ratings.dat", "1::x::3::4", "item \"x\""},
    {"ratings.dat", "1::2::x::4", "rating \"x\""},
    {"ratings.dat", "1::2::3::x", "time \"x\""},
    {"ratings.dat", "1::2::3::", "time \"\""},
    {"ratings.dat", "::2::3::4", "user \"\""},
    {"ratings.dat", "0::2::3::4", "\"0\""},
    {"ratings.dat", "1::-2::3::4", "\"-2\""},
    {"ratings.dat", "1::2::3::-4", "\"-4\""},
    {"ratings.dat", "1,2,3,4", "found 1"},
    {"inter", "1\t2", "2 columns where the header has 3"},
    {"inter", "1\t2\t3\t4", "4 columns"},
    {"inter", "1\t2\tx", "time \"x\""},
    {"inter", "1\t2\t", "time \"\""},
    {"inter", "1 2 3", "1 columns"},
    {"inter", "1\t2\t-5", "time \"-5\""},
    {"inter", "1\t2\t1e99", "1e99"},
    {"inter", "1\t2\tnan", "nan"},
    {"inter", "1\t2\t2020-13-01", "2020-13-01"},
    {"inter", "1\t2\t2020-01-01 25:00:00", "25:00"},
    {"csv", "1,2", "2 columns where the header has 3"},
    {"csv", "1,2,3,4", "4 columns"},
    {"csv", "1;2;3", "1 columns"},
    {"csv", "1,2,x", "time \"x\""},
    {"csv", "1,2,", "time \"\""},
    {"csv", "1,2,-1", "time \"-1\""},
    {"csv", "1,2,99999999999999999999", "time"},
    {"csv", "1,2,2020-02-32", "2020-02-32"},
    {"csv", "1,2,2020-1-1", "2020-1-1"},
    {"csv", "1,2,1.2.3", "1.2.3"},
    {"csv", "1,a\"b,3", "quote"},
    {"csv", "1,\"a\"b,3", "quote"},
    {"csv", "1,\"2,3", "quote opened"},
    {"csv", "1,2,2020-01-01 10", "2020-01-01 10"},
    {"csv", "1,2,2020-01-01 10:00:61", "10:00:61"},
    {"csv", "1,2,2020-01-01 10:00:00+1", "10:00:00+1"},
    {"csv", "1,2,2020-01-01 10:00:00.x", "10:00:00.x"},
    {"csv", "1,2,2020-01-01X10:00", "X10:00"},
    {"csv", "1,2,2020/01/01", "2020/01/01"},
    {"ratings.dat", "1::2::3::4::5::6::7::8", "found 8"},
};
// clang-format on

static void test_malformed_lines(void **state)
{
    (void)state;
    int count[FORMS] = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int k = 0;
        while (strcmp(forms[k].importer, bad[i].importer) != 0)
            k++;
        count[k]++;
        for (int gz = 0; gz < 2; gz++) {
            char text[400], want[40];
            int line = forms[k].head[0] ? 3 : 2;
            int n = snprintf(text, sizeof text, "%s%s%s\n", forms[k].head, forms[k].good,
                             bad[i].line);
            const char *path = gz ? tmp_write_gz(&tmp_here, "x.gz", text, (size_t)n)
                                  : tmp_write(&tmp_here, "x.gz", text, (size_t)n);
            refuse(path, bad[i].importer, bad[i].line, bad[i].part);
            snprintf(want, sizeof want, "x.gz:%d: ", line);
            refuse(path, bad[i].importer, bad[i].line, want);
        }
    }
    for (int k = 0; k < FORMS; k++)
        assert_true(count[k] + 14 >= 20); /* with those of test_malformed_anywhere */
}

/* What does not fit into a line of the table above. */
static void test_long_fields(void **state)
{
    (void)state;
    size_t size = 2500000;
    char *text = malloc(size), *p = text;
    p += sprintf_at(p, "user,item,title\n1,2,\"");
    memset(p, 'x', 20000); /* one row of many kilobytes is fine */
    p += 20000;
    p += sprintf_at(p, "\"\n\n1,3,y\n");
    struct dataset *ds =
        import_as(tmp_write(&tmp_here, "long.csv", text, (size_t)(p - text)), NULL, NULL, NULL);
    assert_int_equal(ds->n_items, 2);
    assert_in_range(strlen(ds->item_name[1]), 400, 520); /* a name is cut */
    dataset_free(ds);
    p = text + sprintf_at(text, "user,item\n1,\"");
    /* A quote that swallows the rest of the file is told after 1 MiB */
    for (int i = 0; i < 300000; i++)
        p += sprintf_at(p, "2\n3,4\n");
    refuse(tmp_write(&tmp_here, "long.csv", text, (size_t)(p - text)), "csv", "open quote",
           "the quote opened on line 2 is not closed within 1 MiB");
    p = text + sprintf_at(text, "user,item\n1,");
    memset(p, 'i', 500);
    p[500] = '\n';
    refuse(tmp_write(&tmp_here, "long.csv", text, (size_t)(p + 501 - text)), "csv", "long id",
           "long.csv:2: an id is longer than 400 bytes");
    p = text + sprintf_at(text, "a;b\nc;");
    memset(p, 'i', 500);
    p[500] = '\n';
    refuse(tmp_write(&tmp_here, "long.txt", text, (size_t)(p + 501 - text)), "sessions",
           "long name", "long.txt:2: an item's name");
    refuse(tmp_write(&tmp_here, "empty.txt", "a;b\nc;;d\n", 9), "sessions", "empty item",
           "empty.txt:2: an empty item");
    p = text;
    for (int i = 0; i < 400; i++)
        p += sprintf_at(p, "1::");
    refuse(tmp_write(&tmp_here, "many.dat", text, (size_t)(p - text)), "ratings.dat", "columns",
           "found over 256");
    refuse(tmp_write(&tmp_here, "same.csv", "x,y\n1,2\n", 8), "csv", "header", "no column");
    free(text);
}

static void test_columns_said(void **state)
{
    (void)state;
    struct dataset *ds = NULL;
    struct err err = {0};
    struct import_opts o = {.item_col = "x", .user_col = "x"};
    const char *t = " x , y \n1,2\n", *path = tmp_write(&tmp_here, "said.csv", t, strlen(t));
    assert_int_equal(dataset_import(&ds, path, "csv", &o, NULL, NULL, NULL, &err), ST_FORMAT);
    assert_non_null(strstr(err.msg, "the same column"));
    o = (struct import_opts){.item_col = "x", .user_col = "y", .time_col = "when"};
    assert_int_equal(dataset_import(&ds, path, "csv", &o, NULL, NULL, NULL, &err), ST_FORMAT);
    assert_non_null(strstr(err.msg, "no column is called \"when\""));
    o = (struct import_opts){.item_col = "x", .user_col = "nobody"};
    assert_int_equal(dataset_import(&ds, path, "csv", &o, NULL, NULL, NULL, &err), ST_FORMAT);
    assert_non_null(strstr(err.msg, "nobody"));
}

static void test_bad_headers(void **state)
{
    (void)state;
    static const struct bad headers[] = {
        {"csv", "foo,bar,baz\n1,2,3\n", ":1: no column is named like an item"},
        {"csv", "item_id,rating\n1,2\n", "no column is named like a user"},
        {"csv", "1,2,3\n1,2,3\n", ":1: no column"},
        {"csv", "\"user_id,item_id\n1,2\n", "quote"},
        {"csv", "just text\n", "no column"},
        {"inter", "user_id\titem_id\n1\t2\n", "has no type"},
        {"inter", "a:token\tb:token\n1\t2\n", "no column"},
        {"inter", "user_id:token\n1\n", "no column"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        refuse(tmp_write(&tmp_here, "h.csv", headers[i].line, strlen(headers[i].line)),
               headers[i].importer, headers[i].line, headers[i].part);
    struct dataset *ds = NULL;
    struct err err = {0};
    struct import_opts o = {.item_col = "wot"};
    const char *text = "user_id,what\n1,2\n";
    assert_int_equal(dataset_import(&ds, tmp_write(&tmp_here, "h.csv", text, strlen(text)),
                                    "csv", &o, NULL, NULL, NULL, &err),
                     ST_FORMAT);
    assert_non_null(strstr(err.msg, "no column is called \"wot\""));
}

/* A million bad lines are told in one message, found fast. */
static void test_many_bad_lines(void **state)
{
    (void)state;
    size_t n = 0, size = 12000000;
    char *text = malloc(size);
    for (int i = 0; i < 1000000; i++)
        n += (size_t)snprintf(text + n, 12, i == 3 ? "1 2\n" : "1 x\n");
    struct dataset *ds = NULL;
    struct err err = {0};
    struct import_report rep;
    clock_t began = clock();
    assert_int_equal(dataset_import(&ds, tmp_write(&tmp_here, "bad.txt", text, n), "user-item",
                                    NULL, &rep, NULL, NULL, &err),
                     ST_FORMAT);
    assert_true(clock() - began < CLOCKS_PER_SEC);
    assert_non_null(strstr(err.msg, "bad.txt:1: item \"x\""));
    assert_int_equal(rep.n_bad, 5);
    assert_int_equal(rep.bad_line[3], 5);
    assert_non_null(strstr(err.hint, "lines 2, 3, 5, 6; stopped there"));
    struct import_opts o = {.max_errors = 1};
    assert_int_equal(dataset_import(&ds, tmp_path(&tmp_here, "bad.txt"), "user-item", &o, &rep,
                                    NULL, NULL, NULL),
                     ST_FORMAT);
    assert_int_equal(rep.n_bad, 1);
    free(text);
}

static void test_guessing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *part;
    } no[] = {
        {"g.txt",
         "\x7f"
         "ELF\0\0\1\2",
         "not a text file"},
        {"g.txt", "once upon a time\nthere was a file\n", "none of the known forms"},
    };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        struct dataset *ds = NULL;
        struct err err = {0};
        assert_int_equal(dataset_import(&ds,
                                        tmp_write(&tmp_here, no[i].name, no[i].text,
                                                  i ? strlen(no[i].text) : 8),
                                        NULL, NULL, NULL, NULL, NULL, &err),
                         ST_FORMAT);
        assert_non_null(strstr(err.msg, no[i].part));
    }
    struct dataset *ds = NULL;
    struct err err = {0};
    assert_int_equal(dataset_import(&ds, tmp_path(&tmp_here, "g.txt"), "parquet", NULL, NULL,
                                    NULL, NULL, &err),
                     ST_ARG);
    assert_non_null(strstr(err.hint, "user-item"));
}

static bool stop(void *ctx, int64_t done, int64_t total)
{
    (void)done;
    (void)total;
    return --*(int *)ctx > 0;
}

static void test_cancel(void **state)
{
    (void)state;
    size_t n = 0;
    char *text = malloc(2000000);
    for (int i = 0; i < 100000; i++)
        n += (size_t)snprintf(text + n, 20, "%d %d\n", i / 100 + 1, i % 977 + 1);
    struct dataset *ds = NULL;
    struct err err = {0};
    int calls = 4;
    assert_int_equal(dataset_import(&ds, tmp_write(&tmp_here, "c.txt", text, n), NULL, NULL,
                                    NULL, stop, &calls, &err),
                     ST_CANCELLED);
    assert_null(ds);
    free(text);
}

/* What a file says reaches nobody raw. */
static void test_hostile_names(void **state)
{
    (void)state;
    struct import_report rep;
    struct dataset *ds =
        import_text("esc.csv",
                    "user,item,title\n1,\x1b[2Ja,\x1b]0;owned\x07\n1,\xe2\x80\xae"
                    "b,ok\n",
                    &rep);
    for (int32_t i = 1; i <= ds->n_items; i++) {
        assert_null(strpbrk(ds->item_name[i], "\x1b\x07"));
        assert_null(strpbrk(ds->item_id[i], "\x1b\x07"));
        assert_null(strstr(ds->item_id[i], "\xe2\x80\xae"));
    }
    assert_true(rep.repaired >= 3);
    dataset_free(ds);
}

/* ---- real data, where it lies ---- */
static const char *real(const char *name)
{
    static char path[400];
    const char *base = getenv("SEQLAB_DATA");
    snprintf(path, sizeof path, "%s/%s", base ? base : "../shared/data", name);
    if (access(path, R_OK) == 0)
        return path;
    printf("skip: %s is not there\n", name);
    return NULL;
}

static const struct real_set {
    const char *file;
    int32_t sessions, items;
    int64_t events;
    bool by_user, named;
} real_sets[] = {
    {"ml-1m/ml-1m.txt.gz", 6040, 3416, 999611, true, true},
    {"ml-1m/ml-1m-movie-ids.txt.gz", 6040, 3706, 1000209, true, true},
    {"ml-100k/u.data", 943, 1682, 100000, true, true},
    {"ml-100k/ml-100k.inter", 943, 1682, 100000, true, true},
    {"ml-latest-small/ratings.csv", 610, 9724, 100836, true, true},
    {"amazon-video-games/Video.txt", 31013, 23715, 287107, true, false},
    {"diginetica/test.txt", 15963, 0, 0, false, false},
    {"tmall/train.txt", 65286, 0, 0, false, false},
    {"retailrocket/train.txt", 126168, 0, 0, false, false},
    {"msnbc/msnbc.txt", 31790, 17, 423776, false, true},
    {"wikispeedia/paths.txt", 51312, 4162, 305210, false, true},
    {"e-shop-clothing-2008/e-shop clothing 2008.csv.gz", 24026, 217, 165474, false, true},
    {"online-retail/Online Retail.csv.gz", 25900, 4070, 0, false, true},
};

static void test_real_data(void **state)
{
    (void)state;
    int seen = 0;
    for (size_t i = 0; i < sizeof real_sets / sizeof *real_sets; i++) {
        const struct real_set *r = &real_sets[i];
        const char *path = real(r->file);
        if (!path)
            continue;
        seen++;
        struct import_report rep;
        struct dataset *ds = import_as(path, NULL, NULL, &rep);
        if (ds->n_sessions != r->sessions || (r->items && ds->n_items != r->items) ||
            (r->events && ds->n_events != r->events))
            fail_msg("%s: %d sessions, %d items, %lld events", r->file, ds->n_sessions,
                     ds->n_items, (long long)ds->n_events);
        assert_int_equal(ds->by_user, r->by_user);
        if ((ds->item_name != NULL) != r->named)
            fail_msg("%s: names from \"%s\", %s", r->file, rep.names_from, rep.names_problem);
        dataset_free(ds);
    }
    if (!seen)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_useritem),
        cmocka_unit_test(test_given_test_part),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_spmf),
        cmocka_unit_test(test_udata),
        cmocka_unit_test(test_colons),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_inter),
        cmocka_unit_test(test_gz_and_bom),
        cmocka_unit_test(test_names_of_other_data),
        cmocka_unit_test(test_malformed_anywhere),
        cmocka_unit_test(test_malformed_lines),
        cmocka_unit_test(test_long_fields),
        cmocka_unit_test(test_columns_said),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_many_bad_lines),
        cmocka_unit_test(test_guessing),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_real_data),
    };
    return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
