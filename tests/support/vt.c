/* See vt.h. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/vt.h"
#include "engine/base/clock.h"
#include "tests/support/instrumented.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

struct vt {
    VTerm *vt;
    VTermScreen *screen;
    int fd, rows, cols;
    pid_t pid;
    bool ended, visible, alt;
    int status, mouse;
    unsigned long long bytes;
    char row[4096];
};

char *vt_program(void)
{
    static char path[4096];
    const char *own = getenv("SEQLAB"), *mode = getenv("MODE");
    char built[100];
    snprintf(built, sizeof built,
             mode && *mode && strcmp(mode, "release") != 0 ? "build/%.50s/seqlab"
                                                           : "build/seqlab",
             mode);
    /* once: a test may leave the folder */
    if (path[0] == '\0' && !realpath(own ? own : built, path))
        fail_msg("no program %s", own ? own : built);
    return path;
}

static int on_prop(VTermProp prop, VTermValue *val, void *user)
{
    struct vt *t = user;
    if (prop == VTERM_PROP_CURSORVISIBLE)
        t->visible = val->boolean;
    if (prop == VTERM_PROP_ALTSCREEN)
        t->alt = val->boolean;
    if (prop == VTERM_PROP_MOUSE)
        t->mouse = val->number;
    return 1;
}
static const VTermScreenCallbacks callbacks = {.settermprop = on_prop};

struct vt *vt_start(char *const argv[], const char *const env[], int cols, int rows)
{
    struct vt *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    t->rows = rows;
    t->cols = cols;
    t->vt = vterm_new(rows, cols);
    vterm_set_utf8(t->vt, 1);
    t->screen = vterm_obtain_screen(t->vt);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_reset(t->screen, 1);
    t->visible = true;
    t->pid = forkpty(&t->fd, NULL, NULL, &ws);
    if (t->pid < 0) {
        vterm_free(t->vt);
        free(t);
        return NULL;
    }
    if (t->pid == 0) {
        for (int i = 0; env && env[i]; i++) {
            char name[64];
            const char *eq = strchr(env[i], '=');
            snprintf(name, sizeof name, "%.*s", (int)(eq - env[i]), env[i]);
            setenv(name, eq + 1, 1);
        }
        execv(argv[0], argv);
        _exit(127);
    }
    fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) | O_NONBLOCK);
    return t;
}

void vt_free(struct vt *t)
{
    if (!t)
        return;
    if (!t->ended) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, &t->status, 0);
    }
    close(t->fd);
    vterm_free(t->vt);
    free(t);
}

void vt_send(struct vt *t, const char *bytes)
{
    size_t n = strlen(bytes);
    while (n > 0) {
        ssize_t w = write(t->fd, bytes, n);
        if (w < 0) {
            if (errno != EAGAIN && errno != EINTR)
                return;
            vt_pump(t, 10);
            continue;
        }
        bytes += w;
        n -= (size_t)w;
    }
}

void vt_resize(struct vt *t, int cols, int rows)
{
    struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    t->rows = rows;
    t->cols = cols;
    vterm_set_size(t->vt, rows, cols);
    ioctl(t->fd, TIOCSWINSZ, &ws);
}

/* What is there now. */
static int take(struct vt *t)
{
    char buf[65536];
    int total = 0;
    for (;;) {
        ssize_t n = read(t->fd, buf, sizeof buf);
        if (n <= 0)
            return total;
        vterm_input_write(t->vt, buf, (size_t)n);
        /* What the program asked of the terminal is answered. */
        char reply[256];
        size_t k = vterm_output_read(t->vt, reply, sizeof reply);
        if (k > 0 && write(t->fd, reply, k) < 0)
            return total;
        total += (int)n;
        t->bytes += (unsigned long long)n;
    }
}

int vt_pump(struct vt *t, int ms)
{
    double end = clock_s() + patience(ms) / 1000.0;
    int total = 0;
    for (;;) {
        total += take(t);
        double left = end - clock_s();
        if (left <= 0)
            return total;
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        int wait = (int)(left * 1000) + 1;
        if (poll(&p, 1, wait) > 0 && (p.revents & (POLLHUP | POLLERR)) &&
            !(p.revents & POLLIN)) {
            struct timespec nap = {0, 5000000};
            nanosleep(&nap, NULL);
        }
    }
}

const char *vt_row(struct vt *t, int row)
{
    VTermRect rect = {.start_row = row, .end_row = row + 1, .start_col = 0, .end_col = t->cols};
    size_t n = vterm_screen_get_text(t->screen, t->row, sizeof t->row - 1, rect);
    if (n >= sizeof t->row)
        n = sizeof t->row - 1;
    while (n > 0 && (t->row[n - 1] == ' ' || t->row[n - 1] == '\0' || t->row[n - 1] == '\n'))
        n--;
    t->row[n] = '\0';
    return t->row;
}

char *vt_text(struct vt *t)
{
    size_t size = (size_t)t->rows * ((size_t)t->cols * 4 + 1) + 1, at = 0;
    char *out = malloc(size);
    for (int r = 0; out && r < t->rows; r++)
        at += (size_t)snprintf(out + at, size - at, "%s\n", vt_row(t, r));
    return out;
}

bool vt_sees(struct vt *t, const char *text)
{
    for (int r = 0; r < t->rows; r++)
        if (strstr(vt_row(t, r), text))
            return true;
    return false;
}

static bool wait_for(struct vt *t, const char *text, int ms, bool want)
{
    double end = clock_s() + patience(ms) / 1000.0;
    for (;;) {
        take(t);
        if (vt_sees(t, text) == want)
            return true;
        double left = end - clock_s();
        if (left <= 0)
            return false;
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        poll(&p, 1, left > 0.05 ? 50 : 1);
    }
}

bool vt_wait(struct vt *t, const char *text, int ms)
{
    return wait_for(t, text, ms, true);
}
bool vt_wait_gone(struct vt *t, const char *text, int ms)
{
    return wait_for(t, text, ms, false);
}

bool vt_wait_exit(struct vt *t, int ms, int *status)
{
    double end = clock_s() + patience(ms) / 1000.0;
    while (!t->ended) {
        take(t);
        if (waitpid(t->pid, &t->status, WNOHANG) == t->pid) {
            t->ended = true;
            take(t);
            break;
        }
        if (clock_s() > end)
            return false;
        struct timespec nap = {0, 5000000};
        nanosleep(&nap, NULL);
    }
    if (status)
        *status = t->status;
    return true;
}

void vt_quit(struct vt *t)
{
    enum { WAIT = 20000 };
    int status;
    vt_send(t, ":quit\r");
    bool ended = vt_wait_exit(t, WAIT, &status);
    char *s = vt_text(t);
    vt_free(t);
    if (!ended)
        fail_msg("does not end:\n%s", s);
    if (status != 0)
        fail_msg("ended with status %#x:\n%s", (unsigned)status, s);
    free(s);
}

void vt_cursor(struct vt *t, int *row, int *col, bool *visible)
{
    VTermPos p;
    vterm_state_get_cursorpos(vterm_obtain_state(t->vt), &p);
    *row = p.row;
    *col = p.col;
    *visible = t->visible;
}

void vt_modes(struct vt *t, bool *alt, int *mouse, bool *paste)
{
    char mark[32];
    *alt = t->alt;
    *mouse = t->mouse;
    vterm_keyboard_start_paste(t->vt); /* writes its mark only where the program asked for it */
    *paste = vterm_output_read(t->vt, mark, sizeof mark) > 0;
}

bool vt_coloured(struct vt *t)
{
    for (int r = 0; r < t->rows; r++)
        for (int c = 0; c < t->cols; c++) {
            VTermScreenCell cell;
            VTermPos at = {.row = r, .col = c};
            if (vterm_screen_get_cell(t->screen, at, &cell) &&
                (!VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) || !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg)))
                return true;
        }
    return false;
}

unsigned long long vt_bytes(const struct vt *t)
{
    return t->bytes;
}
pid_t vt_pid(const struct vt *t)
{
    return t->pid;
}
int vt_fd(const struct vt *t)
{
    return t->fd;
}
