/* See storm.h. */
#define _GNU_SOURCE
#include "tests/support/storm.h"
#include "app/cmd/command.h"
#include "engine/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
    COLS = 100,
    ROWS = 30,
    CTRL_Z = 26,
    STOP_BYTES = 6000 /* that may be on their way */,
    HANG_S = 60,
    WAIT_MS = 60000
};

__attribute__((format(printf, 2, 3))) static bool failed(struct storm *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->failure, sizeof s->failure, fmt, ap);
    va_end(ap);
    return false;
}

static uint32_t next(struct storm *s)
{
    s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(s->rng >> 33);
}
static uint32_t below(struct storm *s, uint32_t n)
{
    return next(s) % n;
}

static char state_of(pid_t pid)
{
    char path[64], name[64], c = '?';
    int id;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%d %63s %c", &id, name, &c) != 3)
        c = '?';
    if (f)
        fclose(f);
    return c;
}

long storm_rss_kb(const struct storm *s)
{
    char path[64], line[128];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)vt_pid(s->vt));
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

void storm_print_recent(const struct storm *s)
{
    long n = s->n_recent < STORM_RECENT ? s->n_recent : STORM_RECENT;
    fprintf(stderr, "the last %ld bytes: \"", n);
    for (long i = s->n_recent - n; i < s->n_recent; i++) {
        unsigned char c = s->recent[i % STORM_RECENT];
        if (c >= 32 && c < 127 && c != '"' && c != '\\')
            fputc(c, stderr);
        else
            fprintf(stderr, "\\%03o", c);
    }
    fputs("\"\n", stderr);
}

/* ---- the program ---- */

bool storm_open(struct storm *s)
{
    static const char *const env[] = {"TERM=xterm-256color", "LC_ALL=C.UTF-8",
                                      "NO_COLOR=", "INPUTRC=/dev/null", NULL};
    char *const argv[] = {(char *)(uintptr_t)s->program, NULL};
    char before[1024], path[1024];
    if (!getcwd(before, sizeof before) || chdir(s->home.path) != 0)
        return failed(s, "no folder %s", s->home.path);
    setenv("HOME", s->home.path, 1);
    snprintf(path, sizeof path, "%s/home", s->home.path);
    setenv("SEQLAB_HOME", path, 1);
    s->vt = vt_start(argv, env, COLS, ROWS);
    if (chdir(before) != 0 || !s->vt)
        return failed(s, "the program does not start");
    if (!vt_wait(s->vt, "RUN", WAIT_MS)) {
        char *text = vt_text(s->vt);
        failed(s, "no training after the start:\n%.400s", text);
        free(text);
        return false;
    }
    return true;
}

bool storm_start(struct storm *s, const char *program, const char *start, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->program = program;
    s->rng = seed;
    s->stop_key = -STOP_BYTES;
    snprintf(s->start, sizeof s->start, "%s", start);
    tmp_dir_make(&s->home);
    char path[1024];
    snprintf(path, sizeof path, "%s/home", s->home.path);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/home/config", s->home.path);
    mkdir(path, 0700);
    tmp_write(&s->home, "home/config/rc", start, strlen(start));
    return storm_open(s);
}

static int remove_one(const char *path, const struct stat *sb, int kind, struct FTW *ftw)
{
    (void)sb, (void)kind, (void)ftw;
    return remove(path);
}

void storm_free(struct storm *s)
{
    vt_free(s->vt);
    s->vt = NULL;
    if (s->failure[0])
        fprintf(stderr, "its folder stays: %s\n", s->home.path);
    else if (s->home.path[0])
        nftw(s->home.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Whether the program left as a key told it to.  While it is stopped the line is the
 * shell's, and Ctrl-C and Ctrl-\ are signals. */
static bool left_by_key(const struct storm *s, int status)
{
    bool was_stopped = s->n_recent - s->stop_key < STOP_BYTES;
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 4 /* a run diverged */ ||
               (was_stopped && WEXITSTATUS(status) == 130);
    return was_stopped && WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT;
}

/* True: it lives, or a key left it and it was opened anew. */
static bool lives(struct storm *s)
{
    int status;
    if (!vt_wait_exit(s->vt, 0, &status))
        return true;
    if (!left_by_key(s, status)) {
        char *text = vt_text(s->vt);
        failed(s, "died with status %#x after %ld bytes:\n%.300s", (unsigned)status, s->keys,
               text);
        free(text);
        return false;
    }
    vt_free(s->vt);
    s->vt = NULL;
    s->restarts++;
    return storm_open(s);
}

static void wake(struct storm *s)
{
    if (state_of(vt_pid(s->vt)) == 'T') {
        s->stops++;
        kill(vt_pid(s->vt), SIGCONT);
    }
}

/* Bytes as they are, however slowly they are taken; a program that a key stopped goes on. */
static bool push(struct storm *s, const unsigned char *bytes, size_t n)
{
    double began = clock_s();
    for (size_t i = 0; i < n; i++)
        s->recent[s->n_recent++ % STORM_RECENT] = bytes[i];
    while (n > 0) {
        ssize_t w = write(vt_fd(s->vt), bytes, n);
        if (w > 0) {
            bytes += w;
            n -= (size_t)w;
            s->keys += w;
            continue;
        }
        if (w < 0 && errno != EAGAIN && errno != EINTR)
            return lives(s); /* left in the middle: what was on its way is lost */
        pid_t pid = vt_pid(s->vt);
        if (!lives(s))
            return false;
        if (vt_pid(s->vt) != pid)
            return true;
        wake(s);
        vt_pump(s->vt, 2);
        if (clock_s() - began > HANG_S)
            return failed(s, "took no key for %d s after %ld bytes", HANG_S, s->keys);
    }
    double took = clock_s() - began;
    s->slowest_s = took > s->slowest_s ? took : s->slowest_s;
    if (s->recent[(s->n_recent - 1) % STORM_RECENT] == CTRL_Z) {
        s->stop_key = s->n_recent;
        for (int i = 0; i < 20 && state_of(vt_pid(s->vt)) != 'T'; i++)
            vt_pump(s->vt, 5);
        wake(s);
    }
    return true;
}

/* ---- what is sent ---- */

/* Keys of every context, by the table the program itself uses. */
static const char *const key_names[] = {
#define KEY(context, keys, command, label)           keys,
#define KEY_FOR(need, context, keys, command, label) keys,
#include "app/ui/keys.def"
#undef KEY
#undef KEY_FOR
};
static const struct {
    const char *name, *bytes;
} named[] = {
    {"Space", " "},      {"Tab", "\t"},          {"S-Tab", "\033[Z"}, {"Enter", "\r"},
    {"Esc", "\033"},     {"Backspace", "\177"},  {"Up", "\033OA"},    {"Down", "\033OB"},
    {"Right", "\033OC"}, {"Left", "\033OD"},     {"Home", "\033OH"},  {"End", "\033OF"},
    {"PgUp", "\033[5~"}, {"PgDn", "\033[6~"},    {"F1", "\033OP"},    {"F2", "\033OQ"},
    {"F3", "\033OR"},    {"S-F3", "\033[1;2R"},  {"F5", "\033[15~"},  {"F6", "\033[17~"},
    {"F7", "\033[18~"},  {"S-F7", "\033[18;2~"}, {"F8", "\033[19~"},  {"S-F8", "\033[19;2~"},
    {"F9", "\033[20~"},  {"F10", "\033[21~"},
};
static const char *const words[] = {"1",
                                    "2",
                                    "7",
                                    "31",
                                    "999",
                                    "-1",
                                    "0",
                                    "12 87 3",
                                    "s:3",
                                    "s:99999",
                                    "live",
                                    "first",
                                    "best",
                                    "@12",
                                    "A",
                                    "B",
                                    "F",
                                    "G",
                                    "sasrec",
                                    "gru4rec",
                                    "caser",
                                    "svae",
                                    "bert4rec",
                                    "pen4rec",
                                    "pop",
                                    "markov",
                                    "twins",
                                    "drift",
                                    "all",
                                    "toggle",
                                    "next",
                                    "off",
                                    "on=test",
                                    "on=seq",
                                    "k=5",
                                    "x.svg",
                                    "to x.csv",
                                    "to x.html",
                                    "view to x.png",
                                    "screen to x.txt",
                                    "x.st",
                                    "x.rec",
                                    "x.cast",
                                    "lr 0.01",
                                    "lr",
                                    "theme light",
                                    "glyphs ascii",
                                    "glyphs",
                                    "palette next",
                                    "fps 60",
                                    "k 20",
                                    "mouse toggle",
                                    "loss<3",
                                    "steps=5",
                                    "grad.norm>1",
                                    "step=9",
                                    "sessions=120",
                                    "seed=3",
                                    "row=2",
                                    "head=1",
                                    "layer=2",
                                    "diff=pin",
                                    "item.emb",
                                    "*",
                                    "cursor",
                                    "unit=3",
                                    "2=5",
                                    "\"a b",
                                    "$pin",
                                    "$",
                                    ";",
                                    "; seq 3 4 5",
                                    "#",
                                    "!",
                                    "\xc3\xa9",
                                    "\xff"};
static const char *const pieces[] = {"\033",
                                     "\033[",
                                     "\033O",
                                     "\033[1;",
                                     "\033[<0;5",
                                     "\033[<",
                                     "\033]0;x",
                                     "\033P",
                                     "\033[12;34Z",
                                     "\033[M",
                                     "\033[200~",
                                     "\033[201~",
                                     "\033[[",
                                     "\033[?25h",
                                     "\033[999999999999m",
                                     "\xff",
                                     "\xc3",
                                     "\xe2\x82",
                                     "\xf0\x9f\x98",
                                     "\xf0\x9f\x98\x80",
                                     "\xc0\x80",
                                     "\xed\xa0\x80",
                                     "\xf4\x90\x80\x80",
                                     "\xe2\x80\xae",
                                     "\xcc\x81",
                                     "\xe6\x97\xa5",
                                     "\x9b",
                                     "\x80"};
#define PICK(s, list) ((list)[below(s, sizeof(list) / sizeof *(list))])

static size_t key_bytes(struct storm *s, unsigned char *out)
{
    const char *name = PICK(s, key_names);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, name) == 0)
            return (size_t)sprintf((char *)out, "%s", named[i].bytes);
    if (name[0] == 'C' && name[1] == '-') {
        out[0] = (unsigned char)(name[2] & 31);
        return 1;
    }
    if (strchr(name, '*')) /* a slot comes after it */
        return (size_t)sprintf((char *)out, "=%c", 'A' + (int)below(s, 7));
    return (size_t)sprintf((char *)out, "%s", name);
}

static size_t command_bytes(struct storm *s, unsigned char *out)
{
    static int n_defs;
    while (cmd_defs[n_defs].name)
        n_defs++;
    /* Leaving costs a start, and a key bound anew could be the one that brings the storm to
     * an end. */
    const char *verb = cmd_defs[below(s, (uint32_t)n_defs)].name;
    if ((strcmp(verb, "quit") == 0 && below(s, 20)) || strcmp(verb, "bind") == 0 ||
        strcmp(verb, "alias") == 0)
        verb = "train";
    size_t n = (size_t)sprintf((char *)out, ":%s", verb);
    for (uint32_t k = below(s, 4); k > 0; k--)
        n += (size_t)sprintf((char *)out + n, " %s", PICK(s, words));
    static const char *const ends[] = {"\r",   "\r",   "\r",        "\r",   "\r",
                                       "\t",   "\t\t", "\033",      "\003", "\022",
                                       "\001", "\027", "\033b\033d"};
    return n + (size_t)sprintf((char *)out + n, "%s", PICK(s, ends));
}

static size_t mouse_bytes(struct storm *s, unsigned char *out)
{
    static const int buttons[] = {0, 0, 0, 0, 1, 2, 32, 64, 65, 4, 99};
    int b = PICK(s, buttons), x = 1 + (int)below(s, 210), y = 1 + (int)below(s, 60);
    size_t n = (size_t)sprintf((char *)out, "\033[<%d;%d;%dM", b, x, y);
    if (below(s, 4))
        n += (size_t)sprintf((char *)out + n, "\033[<%d;%d;%dm", b,
                             below(s, 3) ? x : 1 + (int)below(s, 210), y);
    return n;
}

static size_t paste_bytes(struct storm *s, unsigned char *out)
{
    size_t n = (size_t)sprintf((char *)out, "%s\033[200~", below(s, 2) ? ":" : "");
    for (uint32_t k = below(s, 5); k > 0; k--)
        n += (size_t)sprintf((char *)out + n, "%s%s", PICK(s, words), below(s, 2) ? "\r" : " ");
    /* the end mark may be lost */
    n += (size_t)sprintf((char *)out + n, "%s", below(s, 8) ? "\033[201~" : "");
    return n + (size_t)sprintf((char *)out + n, "%s", below(s, 2) ? "n" : "y");
}

static void set_size(struct storm *s, int cols, int rows)
{
    struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    ioctl(vt_fd(s->vt), TIOCSWINSZ, &ws);
    s->resizes++;
}

static void random_size(struct storm *s)
{
    static const int sizes[][2] = {{80, 24},   {100, 30}, {200, 50}, {80, 24},
                                   {100, 30},  {160, 45}, {0, 0},    {1, 1},
                                   {500, 200}, {79, 24},  {500, 1},  {1, 200}};
    const int *z = PICK(s, sizes);
    if (below(s, 3))
        set_size(s, z[0], z[1]);
    else
        set_size(s, (int)below(s, 501), (int)below(s, 201));
}

bool storm_keys(struct storm *s, long bytes)
{
    unsigned char b[512];
    for (long end = s->keys + bytes; s->keys < end;) {
        size_t n = 0;
        uint32_t kind = below(s, 1000);
        if (kind < 480) {
            n = key_bytes(s, b);
        } else if (kind < 600) {
            n = command_bytes(s, b);
        } else if (kind < 700) {
            n = mouse_bytes(s, b);
        } else if (kind < 740) {
            n = paste_bytes(s, b);
        } else if (kind < 860) {
            n = (size_t)sprintf((char *)b, "%s", PICK(s, pieces));
        } else if (kind < 990) {
            b[n++] = (unsigned char)below(s, 256);
        } else if (kind < 998) {
            random_size(s);
        } else {
            vt_pump(s->vt, 30); /* a pause: what was sent is shown, sequences run out of time */
            if (!lives(s))
                return false;
            wake(s);
        }
        if (n && !push(s, b, n))
            return false;
        if (below(s, 16) == 0) {
            vt_pump(s->vt, 0);
            wake(s);
        }
    }
    return true;
}

bool storm_resizes(struct storm *s, int n)
{
    /* the largest picture is drawn at least once: memory is measured between two of these */
    if (n >= 1000) {
        set_size(s, 500, 200);
        vt_pump(s->vt, 1000);
    }
    for (int i = 0; i < n; i++) {
        random_size(s);
        if (below(s, 8) == 0) {
            vt_pump(s->vt, 2);
            if (!lives(s))
                return false;
        }
    }
    return true;
}

/* ---- calm, stops and ends ---- */

static bool given_back(struct storm *s, bool ended)
{
    struct termios now, fresh;
    bool alt = true, paste = true, visible = false;
    int mouse = 1, row, col, fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &fresh) != 0)
        return failed(s, "no second terminal to compare with");
    close(fd);
    for (int i = 0; i < 500; i++) { /* its last words may be on their way */
        vt_modes(s->vt, &alt, &mouse, &paste);
        vt_cursor(s->vt, &row, &col, &visible);
        if (!alt && !paste && !mouse && visible)
            break;
        vt_pump(s->vt, 10);
    }
    if (alt || paste || mouse || !visible)
        return failed(s, "%s: alternate screen %d, paste %d, mouse %d, cursor %d",
                      ended ? "left behind" : "stopped", alt, paste, mouse, visible);
    if (tcgetattr(vt_fd(s->vt), &now) != 0 || now.c_lflag != fresh.c_lflag ||
        now.c_iflag != fresh.c_iflag || now.c_oflag != fresh.c_oflag ||
        now.c_cflag != fresh.c_cflag)
        return failed(s, "%s: the line's settings are not what they were",
                      ended ? "left behind" : "stopped");
    return true;
}

static bool wait_state(struct storm *s, bool stopped)
{
    for (int i = 0; i < WAIT_MS / 5; i++) {
        if ((state_of(vt_pid(s->vt)) == 'T') == stopped)
            return true;
        vt_pump(s->vt, 5);
        int status;
        if (vt_wait_exit(s->vt, 0, &status))
            return failed(s, "ended with status %#x when it was to stop", (unsigned)status);
    }
    return failed(s, "did not %s", stopped ? "stop" : "go on");
}

bool storm_stops(struct storm *s, int n)
{
    for (int i = 0; i < n; i++) {
        bool alt, paste;
        int mouse;
        if (i % 2)
            kill(vt_pid(s->vt), SIGTSTP);
        else if (write(vt_fd(s->vt), i % 4 ? ":seq\032" : "\032", i % 4 ? 5 : 1) <
                 1) /* also in the middle of a line */
            return failed(s, "takes no Ctrl-Z");
        if (!wait_state(s, true) || !given_back(s, false))
            return false;
        if (below(s, 3) == 0)
            random_size(s);
        kill(vt_pid(s->vt), SIGCONT);
        if (!wait_state(s, false))
            return false;
        s->stops++;
        if (i % 8 == 7) {
            double t;
            if (!storm_calm(s, &t))
                return false;
            vt_modes(s->vt, &alt, &mouse, &paste);
            if (!alt || !paste)
                return failed(s, "went on after a stop without its screen");
        }
    }
    return true;
}

/* Until the program has taken every byte that was sent; a stop among them is ended. */
static bool drain(struct storm *s)
{
    double end = clock_s() + HANG_S;
    int fd = open(ptsname(vt_fd(s->vt)), O_RDONLY | O_NOCTTY | O_NONBLOCK), left = 1;
    for (int quiet = 0; quiet < 2 && clock_s() < end;) {
        vt_pump(s->vt, 10);
        wake(s);
        if (ioctl(fd, FIONREAD, &left) != 0)
            break;
        int status;
        if (vt_wait_exit(s->vt, 0, &status))
            break;
        quiet = left ? 0 : quiet + 1;
    }
    close(fd);
    return lives(s) && (clock_s() < end || failed(s, "took no key for %d s", HANG_S));
}

bool storm_calm(struct storm *s, double *repaint_s)
{
    static const char *const out[] = {"\033[201~\007", "\033", "n\003", "\003", "\033", "\033"};
    char word[40], want[40];
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
        if (!drain(s))
            return false;
        if (!push(s, (const unsigned char *)out[i], strlen(out[i])))
            return false;
        vt_pump(s->vt,
                i == 0
                    ? 250
                    : 60); /* an open sequence runs out of time; a lone Esc is told from Alt */
    }
    /* The answer has one space, the line typed two: it is a new picture that is seen, not
     * the command line. */
    int word_id = (int)below(s, 1000000);
    snprintf(word, sizeof word, ":echo calm  %d\r", word_id);
    snprintf(want, sizeof want, "calm %d", word_id);
    if (!drain(s))
        return false;
    double from = clock_s();
    vt_resize(s->vt, COLS, ROWS);
    if (!push(s, (const unsigned char *)word, strlen(word)))
        return false;
    bool seen = false;
    for (int i = 0; i < WAIT_MS / 200 && !(seen = vt_wait(s->vt, want, 200)); i++)
        wake(s);
    if (!seen) {
        char *text = vt_text(s->vt);
        failed(s, "a command typed is not answered:\n%.400s", text);
        free(text);
        return false;
    }
    *repaint_s = clock_s() - from;
    vt_pump(s->vt, 50);
    if (!vt_wait(s->vt, "1:Train", WAIT_MS))
        return failed(s, "the screen does not come back");
    if (strcmp(vt_row(s->vt, ROWS - 1), ":") != 0)
        return failed(s, "stray text in the command line: %.200s", vt_row(s->vt, ROWS - 1));
    return true;
}

bool storm_end(struct storm *s, enum storm_end how)
{
    static const struct {
        const char *name, *keys;
        int sig;
    } ends[STORM_ENDS] = {{"quit", ":quit !\r", 0},
                          {"SIGTERM", "", SIGTERM},
                          {"SIGHUP", "", SIGHUP},
                          {"SIGSEGV", "", SIGSEGV}};
    int status;
    double t;
    if (how == STORM_QUIT && !storm_calm(s, &t)) /* the line may hold something */
        return false;
    if (ends[how].sig)
        kill(vt_pid(s->vt), ends[how].sig);
    else if (!push(s, (const unsigned char *)ends[how].keys, strlen(ends[how].keys)))
        return false;
    if (!vt_wait_exit(s->vt, WAIT_MS, &status))
        return failed(s, "%s: does not end", ends[how].name);
    if (ends[how].sig ? !WIFSIGNALED(status) || WTERMSIG(status) != ends[how].sig
                      : !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return failed(s, "%s: ended with status %#x", ends[how].name, (unsigned)status);
    if (!given_back(s, true))
        return false;
    vt_free(s->vt);
    s->vt = NULL;
    return true;
}
