/* Recordings; see cast.h. */
#include "app/io/cast.h"
#include "engine/base/clock.h"
#include "engine/base/durable.h"
#include "engine/base/reader.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct cast {
    struct durable *d;
    struct grid last; /* 0x0 before the first frame */
    double t0;
    int frames;
    char path[512];
};

static void drop(struct cast *c)
{
    grid_done(&c->last);
    free(c);
}

enum status cast_start(struct cast **out, const char *path, struct err *err)
{
    struct cast *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return err_nomem(err, sizeof *c, "a recording");
    snprintf(c->path, sizeof c->path, "%s", path);
    enum status st = durable_open(&c->d, path, err);
    if (st != ST_OK) {
        free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

int cast_frames(const struct cast *c)
{
    return c->frames;
}
const char *cast_path(const struct cast *c)
{
    return c->path;
}

static bool put(FILE *f, json_t *line)
{
    bool ok = line && json_dumpf(line, f, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 &&
              fputc('\n', f) != EOF;
    json_decref(line);
    return ok;
}

static json_t *event(double t, const char *kind, const char *text)
{
    return json_pack("[f,s,s]", floor(t * 1e6 + 0.5) / 1e6, kind, text);
}

enum status cast_frame(struct cast *c, const struct grid *g, double now, struct err *err)
{
    FILE *f = durable_file(c->d);
    bool first = c->frames == 0, sized = c->last.rows == g->rows && c->last.cols == g->cols,
         ok = true;
    char size[32];
    if (first) {
        c->t0 = now;
        ok = put(f, json_pack("{s:i,s:i,s:i,s:I,s:s,s:{s:s}}", "version", 2, "width", g->cols,
                              "height", g->rows, "timestamp", (json_int_t)time(NULL), "title",
                              "seqlab", "env", "TERM", "xterm-256color"));
    } else if (!sized) {
        snprintf(size, sizeof size, "%dx%d", g->cols, g->rows);
        ok = put(f, event(now - c->t0, "r", size));
    }
    char *text = grid_update(first || !sized ? NULL : &c->last, g);
    if (first && text) /* the program's screen has no cursor of its own most of the time */
        ok = ok && put(f, event(0, "o", "\033[?25l"));
    if (text && *text) {
        ok = ok && put(f, event(now - c->t0, "o", text));
        c->frames++;
    }
    bool room = text != NULL;
    free(text);
    enum status st =
        !room ? err_set(err, ST_NOMEM, "no memory for a frame") : grid_copy(&c->last, g, err);
    if (st == ST_OK && (!ok || ferror(f)))
        st = err_set(err, ST_IO, "cannot write %.120s: %s", c->path,
                     strerror(errno ? errno : EIO));
    if (st != ST_OK) {
        durable_abort(c->d);
        drop(c);
    }
    return st;
}

enum status cast_stop(struct cast *c, struct err *err)
{
    enum status st = ST_OK;
    if (!c)
        return ST_OK;
    if (c->frames)
        st = durable_commit(c->d, err);
    else
        durable_abort(c->d);
    drop(c);
    return st;
}

/* ---- playing ---- */

static enum status bad(const struct reader *r, const char *what, struct err *err)
{
    reader_err(r, ST_FORMAT, err, "%s", what);
    return err_hint(err, "format", "record FILE makes recordings"), ST_FORMAT;
}

/* Waits; true: a key ends it. */
static bool rest(double until, bool keys)
{
    for (;;) {
        double left = until - clock_s();
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        char c;
        if (poll(&p, keys ? 1 : 0, left > 0 ? (int)(left * 1000) + 1 : 0) < 0 && errno != EINTR)
            return true;
        if (keys && (p.revents & (POLLIN | POLLHUP))) {
            ssize_t n = read(STDIN_FILENO, &c, 1);
            if (n <= 0 || c == 'q' || c == 033 || c == 3)
                return true;
        }
        if (clock_s() >= until)
            return false;
    }
}

static bool send(const char *s)
{
    for (size_t n = strlen(s); n > 0;) {
        ssize_t w = write(STDOUT_FILENO, s, n);
        if (w < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (w > 0) {
            s += w;
            n -= (size_t)w;
        }
    }
    return true;
}

/* A line of the file as [time, kind, text]; all borrowed from *line. */
static bool parts(json_t *line, double *t, const char **kind, const char **text)
{
    const json_t *at = json_array_get(line, 0);
    *t = json_number_value(at);
    *kind = json_string_value(json_array_get(line, 1));
    *text = json_string_value(json_array_get(line, 2));
    return json_is_number(at) && *kind && *text;
}

static enum status play(struct reader *r, double speed, bool paced, bool keys, struct err *err)
{
    static const double pause_max = 2;
    char *line;
    size_t len;
    double before = 0, when = clock_s();
    enum status st = reader_line(r, &line, &len, err);
    json_t *head = st == ST_OK && line ? json_loadb(line, len, 0, NULL) : NULL;
    bool ok = json_integer_value(json_object_get(head, "version")) == 2;
    json_decref(head);
    if (st != ST_OK)
        return st;
    if (!ok)
        return bad(r, "this is no recording (asciicast version 2)", err);
    while ((st = reader_line(r, &line, &len, err)) == ST_OK && line) {
        double t;
        const char *kind, *text;
        if (len == 0)
            continue;
        json_t *j = json_loadb(line, len, 0, NULL);
        if (!j || !parts(j, &t, &kind, &text)) {
            json_decref(j);
            return bad(r, "a line is [seconds, \"o\", text]", err);
        }
        double pause = t - before;
        before = t;
        when += (pause > pause_max ? pause_max : pause > 0 ? pause : 0) / speed;
        bool ends = paced && rest(when, keys);
        if (!ends && strcmp(kind, "o") == 0 && !send(text)) {
            json_decref(j);
            return err_set(err, ST_IO, "cannot write: %s", strerror(errno));
        }
        json_decref(j);
        if (ends)
            break;
    }
    return st;
}

enum status cast_play(const char *path, double speed, bool leave, struct err *err)
{
    struct reader *r = NULL;
    struct termios was, raw;
    bool paced = isatty(STDOUT_FILENO),
         keys = paced && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;
    enum status st = reader_open(&r, path, err);
    if (st != ST_OK)
        return err_hint(err, "file", NULL), st;
    if (keys) {
        raw = was;
        raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ISIG);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    st = play(r, speed, paced, keys, err);
    if (paced && leave)
        send("\033[0m\033[?25h\r\n");
    else if (keys && st == ST_OK) { /* the last frame stays until a key */
        char c;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        (void)n;
    }
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &was);
    reader_close(r);
    return st;
}
