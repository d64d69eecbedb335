/* Curses, kept in one file; see term.h.  Drawing: our grid against what was sent last; only
 * cells that differ go to curses, which sends only what differs on its side.  Reading: from
 * a pad that is never drawn, because reading from a visible window refreshes it. */
#define _XOPEN_SOURCE          700 /* wide curses, wcwidth */
#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR       1
#include <ncurses.h>
#define term curses_terminal /* <term.h> has a struct of our name */
#include <term.h>
#undef term

#include "app/ui/osc.h"
#include "app/ui/signals.h"
#include "app/ui/term.h"
#include "app/ui/text.h"
#include "engine/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum {
    KEY_PASTE_ON = 0x2000,
    KEY_PASTE_OFF,
    PAIR_SLOTS = 16384,
    RESTORE_SIZE = 480,
    DOUBLE_MS = 400,
    CSI_MS = 200,
    PIECE_MS = 20,
    AGAIN = 24
};

struct pair_slot {
    color_t fg, bg;
    int pair; /* 0 = free */
};
struct term {
    SCREEN *screen;
    WINDOW *keys; /* the pad that is read from */
    struct termios before;
    struct grid sent; /* what curses was given last */
    bool repaint, utf8, mouse, eof;
    enum depth depth;
    struct pair_slot slot[PAIR_SLOTS];
    int n_pair, max_pair;
    bool pairs_full; /* begin anew with the next picture */
    /* a control sequence curses does not know, from after ESC [ on; may come in pieces */
    char csi[16];
    int n_csi; /* -1: none is open */
    int64_t csi_until;
    int back; /* a byte read too far; -1: none */
    int cursor_row, cursor_col;
    double show_s;
    unsigned long long bytes0;
    int press_row, press_col, press_button, click_row, click_col;
    int64_t click_ms;
    struct term_event again[AGAIN]; /* mouse events read at once */
    int n_again;
    char name[48];
};

/* ---- Start and end ---- */

static void append_cap(char *buf, size_t size, const char *cap)
{
    char name[16];
    snprintf(name, sizeof name, "%s", cap);
    const char *s = tigetstr(name);
    if (!s || s == (char *)-1)
        return;
    size_t n = strlen(buf);
    for (; *s && n + 1 < size; s++) { /* delays like $<5> are for real terminals of old */
        if (s[0] == '$' && s[1] == '<') {
            const char *end = strchr(s, '>');
            if (!end)
                break;
            s = end;
            continue;
        }
        buf[n++] = *s;
    }
    buf[n] = '\0';
}

static void paste_mode(const struct term *t, bool on)
{
    if (strncmp(t->name, "linux", 5) != 0 && strncmp(t->name, "vt", 2) != 0)
        osc_write(on ? "\033[?2004h" : "\033[?2004l");
}

/* A Ctrl-Z or Ctrl-C typed once the line is cooked again throws away what the terminal has
 * not read yet, and the cursor would stay hidden. So the line is given back in two steps:
 * first with NOFLSH (the shell mode that term_start told curses of), then, a moment later,
 * as it was. */
static void give_back(const struct term *t)
{
    static const struct timespec moment = {0, 5000000};
    endwin();
    tcdrain(STDOUT_FILENO);
    nanosleep(&moment, NULL);
    tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
}

enum status term_start(struct term **out, const struct term_options *opt, struct err *err)
{
    *out = NULL;
    const char *name = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ST_UNSUPPORTED, "not a terminal");
    if (!name || !*name || strcmp(name, "dumb") == 0)
        return err_set(err, ST_UNSUPPORTED, "TERM is %s: no screen",
                       name && *name ? name : "not set");
    struct term *t = calloc(1, sizeof *t);
    if (!t)
        return err_nomem(err, sizeof *t, "terminal");
    snprintf(t->name, sizeof t->name, "%s", name);
    tcgetattr(STDIN_FILENO, &t->before);
    char direct[64];
    snprintf(direct, sizeof direct, "%s-direct", name);
    if (opt->depth == DEPTH_DIRECT)
        t->screen = newterm(direct, stdout, stdin);
    if (!t->screen)
        t->screen = newterm(NULL, stdout, stdin);
    if (!t->screen) {
        free(t);
        return err_set(err, ST_UNSUPPORTED, "TERM=%s is not known here", name);
    }
    raw();
    noecho();
    nonl();
    set_escdelay(25);
    if (has_colors()) {
        start_color();
        use_default_colors();
        t->max_pair = COLOR_PAIRS;
    }
    curs_set(0);
    t->cursor_row = -1;
    t->keys = newpad(1, 1);
    keypad(t->keys, TRUE);
    nodelay(t->keys, TRUE);
    define_key("\033[200~", KEY_PASTE_ON);
    define_key("\033[201~", KEY_PASTE_OFF);
    char restore[RESTORE_SIZE] = "";
    append_cap(restore, sizeof restore, "sgr0");
    append_cap(restore, sizeof restore, "cnorm");
    append_cap(restore, sizeof restore, "rmkx");
    size_t n = strlen(restore);
    snprintf(restore + n, sizeof restore - n, "%s",
             "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l");
    append_cap(restore, sizeof restore, "rmcup");
    tcsetattr(STDIN_FILENO, TCSANOW, &t->before); /* what a crash must bring back */
    signals_on_crash(STDOUT_FILENO, restore, strlen(restore));
    struct termios quiet = t->before;
    quiet.c_lflag |= NOFLSH;
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    def_shell_mode();
    static bool at_exit; /* an exit() nobody planned gives the terminal back too */
    if (!at_exit)
        at_exit = atexit(signals_restore_now) == 0;
    raw();
    reset_prog_mode();
    raw();
    paste_mode(t, true);
    if (opt->mouse)
        term_mouse(t, true);
    t->n_csi = t->back = -1;
    t->utf8 = true;
    t->depth = DEPTH_256;
    t->repaint = true;
    t->bytes0 = term_bytes(t);
    *out = t;
    return ST_OK;
}

void term_stop(struct term *t)
{
    if (!t)
        return;
    term_mouse(t, false);
    paste_mode(t, false);
    delwin(t->keys);
    curs_set(1);
    give_back(t);
    signals_on_crash(STDOUT_FILENO, "", 0);
    delscreen(t->screen);
    grid_done(&t->sent);
    free(t);
}

int term_fd(const struct term *t)
{
    (void)t;
    return STDIN_FILENO;
}

void term_size(const struct term *t, int *rows, int *cols)
{
    (void)t;
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
        *rows = w.ws_row;
        *cols = w.ws_col;
    } else {
        getmaxyx(stdscr, *rows, *cols);
    }
}

void term_env(const struct term *t, struct theme_env *env)
{
    (void)t;
    theme_env_read(env);
    env->colors = has_colors() ? COLORS : 0;
    env->direct = COLORS > 256;
}

void term_theme(struct term *t, const struct theme *theme)
{
    t->depth = theme->depth;
    t->utf8 = theme->utf8;
    t->repaint = true;
}

void term_title(struct term *t, const char *title)
{
    osc_title(t->name, title);
}

void term_clipboard(struct term *t, const char *text)
{
    (void)t;
    osc_clipboard(text);
}

const char *term_name(const struct term *t)
{
    return t->name;
}

double term_show_s(const struct term *t)
{
    return t->show_s;
}

unsigned long long term_bytes(const struct term *t)
{
    char buf[512];
    int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, buf, sizeof buf - 1);
    close(fd);
    buf[n > 0 ? n : 0] = '\0';
    const char *p = strstr(buf, "wchar: ");
    unsigned long long all = p ? strtoull(p + 7, NULL, 10) : 0;
    return all > t->bytes0 ? all - t->bytes0 : 0;
}

/* ---- Showing ---- */

static int nearest256(color_t c)
{
    int r = (int)(c >> 16 & 255), g = (int)(c >> 8 & 255), b = (int)(c & 255), best = 16;
    long best_d = -1;
    for (int i = 16; i < 256; i++) {
        int pr, pg, pb;
        xterm_rgb(i, &pr, &pg, &pb);
        long d =
            (long)(r - pr) * (r - pr) + (long)(g - pg) * (g - pg) + (long)(b - pb) * (b - pb);
        if (best_d < 0 || d < best_d) {
            best_d = d;
            best = i;
        }
    }
    return best;
}

static int curses_color(const struct term *t, color_t c)
{
    if (c == COLOR_NONE)
        return -1;
    if (COLOR_IS_RGB(c)) {
        if (t->depth == DEPTH_DIRECT && COLORS > 256)
            return (int)(c & 0xffffff);
        c = (color_t)nearest256(c);
    }
    if (t->depth == DEPTH_DIRECT && COLORS > 256 && c >= 16) {
        int r, g, b;
        xterm_rgb((int)c, &r, &g, &b);
        return r << 16 | g << 8 | b;
    }
    if ((int)c >= COLORS)
        return COLORS >= 8 && c < 16 ? (int)c - 8 : -1;
    return (int)c;
}

static int pair_of(struct term *t, color_t fg, color_t bg)
{
    if (t->depth == DEPTH_MONO || t->max_pair < 2 || (fg == COLOR_NONE && bg == COLOR_NONE))
        return 0;
    size_t h = (size_t)((fg * 2654435761u) ^ (bg * 40503u)) % PAIR_SLOTS;
    for (size_t k = 0; k < PAIR_SLOTS; k++, h = (h + 1) % PAIR_SLOTS) {
        struct pair_slot *s = &t->slot[h];
        if (s->pair && s->fg == fg && s->bg == bg)
            return s->pair;
        if (s->pair)
            continue;
        if (t->n_pair + 1 >= t->max_pair || t->n_pair + 1 >= PAIR_SLOTS * 3 / 4)
            break;
        if (init_extended_pair(t->n_pair + 1, curses_color(t, fg), curses_color(t, bg)) == ERR)
            return 0;
        *s = (struct pair_slot){fg, bg, ++t->n_pair};
        return s->pair;
    }
    t->pairs_full = true; /* plain for this once: better than wrong colours */
    return 0;
}

static void put_cell(struct term *t, int row, int col, const struct cell *c)
{
    wchar_t text[CELL_CODES + 1];
    int n = 0;
    while (n < CELL_CODES && c->ch[n]) {
        text[n] = (wchar_t)c->ch[n];
        n++;
    }
    if (n == 0)
        text[n++] = L' ';
    text[n] = L'\0';
    if (!t->utf8 && text[0] > 126) {
        text[0] = L'?';
        text[1] = L'\0';
    }
    attr_t attrs = 0;
    if (c->attrs & ATTR_BOLD)
        attrs |= A_BOLD;
    if (c->attrs & ATTR_DIM)
        attrs |= A_DIM;
    if (c->attrs & ATTR_REVERSE)
        attrs |= A_REVERSE;
    if (c->attrs & ATTR_UNDERLINE)
        attrs |= A_UNDERLINE;
    int pair = pair_of(t, c->fg, c->bg);
    cchar_t cc;
    if (setcchar(&cc, text, attrs, (short)(pair < 32767 ? pair : 0), &pair) == OK)
        mvadd_wch(row, col, &cc);
}

void term_show(struct term *t, const struct grid *g, int cursor_row, int cursor_col)
{
    int rows, cols;
    getmaxyx(stdscr, rows, cols);
    if (rows < 1 || cols < 1)
        return;
    bool all = t->repaint || t->pairs_full || t->sent.rows != rows || t->sent.cols != cols;
    if (t->pairs_full) {
        memset(t->slot, 0, sizeof t->slot);
        t->n_pair = 0;
        t->pairs_full = false;
    }
    if (all && grid_resize(&t->sent, rows, cols, NULL) != ST_OK)
        return;
    bool changed = all;
    static const struct cell blank = {
        .ch = {' '}, .fg = COLOR_NONE, .bg = COLOR_NONE, .width = 1};
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < cols; k++) {
            const struct cell *want = grid_at(g, r, k);
            if (!want || (want->width == 2 && k + 1 >= cols))
                want = &blank;
            struct cell *have = grid_at(&t->sent, r, k);
            if (!all && cell_equal(want, have))
                continue;
            *have = *want;
            changed = true;
            if (want->width != 0) /* the right half comes with the left */
                put_cell(t, r, k, want);
        }
    bool shown = cursor_row >= 0 && cursor_row < rows && cursor_col >= 0 && cursor_col < cols;
    if (!shown)
        cursor_row = cursor_col = -1;
    bool moved = cursor_row != t->cursor_row || cursor_col != t->cursor_col;
    if (!changed && !moved)
        return;
    if (moved && (cursor_row < 0) != (t->cursor_row < 0))
        curs_set(shown ? 1 : 0);
    t->cursor_row = cursor_row;
    t->cursor_col = cursor_col;
    if (t->repaint)
        clearok(stdscr, TRUE);
    t->repaint = false;
    if (shown)
        move(cursor_row, cursor_col);
    int64_t began = clock_ns();
    wnoutrefresh(stdscr);
    doupdate();
    t->show_s = 1e-9 * (double)(clock_ns() - began);
}

void term_repaint(struct term *t)
{
    t->repaint = true;
}

void term_suspend(struct term *t)
{
    bool mouse = t->mouse;
    term_mouse(t, false);
    paste_mode(t, false);
    def_prog_mode();
    give_back(t);
    raise(SIGSTOP); /* not SIGTSTP: that one is ours and would come back as an event */
    reset_prog_mode();
    raw();
    doupdate();
    paste_mode(t, true);
    term_mouse(t, mouse);
    if (t->cursor_row < 0)
        curs_set(0);
    t->repaint = true;
    int rows, cols;
    term_size(t, &rows, &cols);
    resizeterm(rows, cols);
}

void term_mouse(struct term *t, bool on)
{
    /* Presses and releases only: asked for clicks, curses waits for them, or makes one event
     * of what came in one piece. */
    const mmask_t wanted = BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON2_PRESSED |
                           BUTTON2_RELEASED | BUTTON3_PRESSED | BUTTON3_RELEASED |
                           BUTTON4_PRESSED | BUTTON5_PRESSED | BUTTON_SHIFT;
    mouseinterval(0);
    /* has_mouse() knows nothing before this */
    t->mouse = mousemask(on ? wanted : 0, NULL) != 0;
}

/* ---- Reading ---- */

static int next_byte(struct term *t, bool wait)
{
    int k = t->back;
    t->back = -1;
    if (k >= 0)
        return k;
    k = wgetch(t->keys);
    if (k == ERR && wait) {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&p, 1, PIECE_MS) > 0)
            k = wgetch(t->keys);
    }
    return k;
}

/* A key or a whole character.  Not wget_wch(): given a byte that is no UTF-8 it waits for up
 * to 145 more and drops them all. */
static int next_key(struct term *t, wint_t *out)
{
    int k = next_byte(t, false);
    if (k == ERR)
        return ERR;
    *out = (wint_t)k;
    if (k > 255)
        return KEY_CODE_YES;
    if (k < 0x80)
        return OK;
    char bytes[4] = {(char)k};
    int n = 1, want = !t->utf8 ? 1 : k >= 0xf0 ? 4 : k >= 0xe0 ? 3 : k >= 0xc0 ? 2 : 1;
    while (n < want) {
        int c = next_byte(t, true);
        if (c == ERR)
            break;
        if (c < 0x80 || c > 0xbf) {
            t->back = c;
            break;
        }
        bytes[n++] = (char)c;
    }
    struct grapheme g;
    text_next(bytes, (size_t)n, &g);
    *out = (wint_t)g.ch[0]; /* U+FFFD for what is none */
    return OK;
}

bool term_wait(struct term *t, int timeout_ms, const int *extra, int n)
{
    struct pollfd p[10] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = signals_fd(), .events = POLLIN}};
    int k = 2;
    for (int i = 0; i < n && k < 10; i++)
        p[k++] = (struct pollfd){.fd = extra[i], .events = POLLIN};
    if (t->n_again)
        return true;
    int rc = poll(p, (nfds_t)k, timeout_ms);
    if (rc > 0 && p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        t->eof = true;
    return rc != 0;
}

static void name_it(struct term_event *ev, const char *name)
{
    ev->kind = EV_KEY;
    snprintf(ev->name, sizeof ev->name, "%s", name);
}

static void character(struct term_event *ev, wchar_t c)
{
    char buf[8];
    size_t n = 0;
    uint32_t u = (uint32_t)c;
    if (u < 0x80) {
        buf[n++] = (char)u;
    } else if (u < 0x800) {
        buf[n++] = (char)(0xc0 | u >> 6);
        buf[n++] = (char)(0x80 | (u & 63));
    } else if (u < 0x10000) {
        buf[n++] = (char)(0xe0 | u >> 12);
        buf[n++] = (char)(0x80 | (u >> 6 & 63));
        buf[n++] = (char)(0x80 | (u & 63));
    } else {
        buf[n++] = (char)(0xf0 | u >> 18);
        buf[n++] = (char)(0x80 | (u >> 12 & 63));
        buf[n++] = (char)(0x80 | (u >> 6 & 63));
        buf[n++] = (char)(0x80 | (u & 63));
    }
    buf[n] = '\0';
    name_it(ev, u == ' ' ? "Space" : buf);
    snprintf(ev->text, sizeof ev->text, "%s", buf);
}

static void plain_key(struct term_event *ev, wchar_t c)
{
    char name[8];
    if (c == 9) {
        name_it(ev, "Tab");
    } else if (c == 10 || c == 13) {
        name_it(ev, "Enter");
    } else if (c == 8 || c == 127) {
        name_it(ev, "Backspace");
    } else if (c == 27) {
        name_it(ev, "Esc");
    } else if (c < 32) {
        snprintf(name, sizeof name, "C-%c",
                 c == 0   ? '@'
                 : c < 27 ? (char)('a' + c - 1)
                          : (char)('@' + c));
        name_it(ev, name);
    } else if ((c >= 0x80 && c < 0xa0) ||
               c == 0xfffd) { /* C1, and bytes that are no character: nothing a key sends */
        ev->kind = EV_NONE;
    } else {
        character(ev, c);
    }
}

static bool function_key(struct term_event *ev, wint_t k)
{
    static const struct {
        int key;
        const char *name;
    } names[] = {
        {KEY_UP, "Up"},
        {KEY_DOWN, "Down"},
        {KEY_LEFT, "Left"},
        {KEY_RIGHT, "Right"},
        {KEY_HOME, "Home"},
        {KEY_END, "End"},
        {KEY_PPAGE, "PgUp"},
        {KEY_NPAGE, "PgDn"},
        {KEY_DC, "Delete"},
        {KEY_IC, "Insert"},
        {KEY_BACKSPACE, "Backspace"},
        {KEY_ENTER, "Enter"},
        {KEY_BTAB, "S-Tab"},
        {KEY_SLEFT, "S-Left"},
        {KEY_SRIGHT, "S-Right"},
        {KEY_A1, "Home"},
        {KEY_C1, "End"},
        {KEY_A3, "PgUp"},
        {KEY_C3, "PgDn"},
        {KEY_SR, "Up"},
        {KEY_SF, "Down"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((wint_t)names[i].key == k) {
            name_it(ev, names[i].name);
            return true;
        }
    if (k > (wint_t)KEY_F0 && k <= (wint_t)KEY_F(24)) {
        int f = (int)k - KEY_F0;
        char name[8];
        snprintf(name, sizeof name, "%sF%d", f > 12 ? "S-" : "", f > 12 ? f - 12 : f);
        name_it(ev, name);
        return true;
    }
    return false;
}

static void push(struct term *t, const struct term_event *ev)
{
    if (t->n_again < AGAIN)
        t->again[t->n_again++] = *ev;
}

/* One report as one or two of our events: a release where the press was is also a click;
 * elsewhere, a drag from there to here. */
static void report(struct term *t, const MEVENT *m)
{
    struct term_event ev = {
        .kind = EV_MOUSE, .row = m->y, .col = m->x, .shift = (m->bstate & BUTTON_SHIFT) != 0};
    if (m->bstate & (BUTTON4_PRESSED | BUTTON5_PRESSED)) {
        ev.act = m->bstate & BUTTON4_PRESSED ? MOUSE_WHEEL_UP : MOUSE_WHEEL_DOWN;
        push(t, &ev);
        return;
    }
    bool down = m->bstate & (BUTTON1_PRESSED | BUTTON2_PRESSED | BUTTON3_PRESSED);
    bool up = m->bstate & (BUTTON1_RELEASED | BUTTON2_RELEASED | BUTTON3_RELEASED);
    ev.button = m->bstate & (BUTTON1_PRESSED | BUTTON1_RELEASED)   ? 1
                : m->bstate & (BUTTON2_PRESSED | BUTTON2_RELEASED) ? 2
                                                                   : 3;
    if (down) {
        ev.act = MOUSE_PRESS;
        t->press_row = m->y;
        t->press_col = m->x;
        t->press_button = ev.button;
        push(t, &ev);
    }
    if (!up)
        return;
    bool pressed = t->press_button == ev.button,
         moved = t->press_row != m->y || t->press_col != m->x;
    t->press_button = 0;
    if (pressed && moved) {
        ev.act = MOUSE_DRAG;
        push(t, &ev);
    }
    ev.act = MOUSE_RELEASE;
    push(t, &ev);
    if (!pressed || moved)
        return;
    int64_t now = clock_ns() / 1000000;
    bool twice = now - t->click_ms < DOUBLE_MS && t->click_row == m->y && t->click_col == m->x;
    ev.act = twice ? MOUSE_DOUBLE : MOUSE_CLICK;
    push(t, &ev);
    t->click_ms = twice ? 0 : now;
    t->click_row = m->y;
    t->click_col = m->x;
}

/* Reports that came in one piece are announced by one key, and getmouse() gives the latest
 * first. */
static void mouse_event(struct term *t, struct term_event *ev)
{
    MEVENT m[8];
    int n = 0;
    while (n < 8 && getmouse(&m[n]) == OK)
        n++;
    while (n > 0)
        report(t, &m[--n]);
    ev->kind = EV_NONE;
}

/* Sequences the terminal's entry does not list but many terminals send (arrows out of
 * application mode, with Shift or Ctrl, Home and End by number) mean what they say; any
 * other is swallowed whole, or its tail would be typed. */
static void control_sequence(struct term *t, struct term_event *ev, wint_t c)
{
    static const struct {
        const char *seq, *name;
    } known[] = {
        {"A", "Up"},         {"B", "Down"},       {"C", "Right"},      {"D", "Left"},
        {"H", "Home"},       {"F", "End"},        {"Z", "S-Tab"},      {"1~", "Home"},
        {"7~", "Home"},      {"4~", "End"},       {"8~", "End"},       {"2~", "Insert"},
        {"3~", "Delete"},    {"5~", "PgUp"},      {"6~", "PgDn"},      {"1;2D", "S-Left"},
        {"1;5D", "S-Left"},  {"1;2C", "S-Right"}, {"1;5C", "S-Right"}, {"1;3D", "S-Left"},
        {"1;3C", "S-Right"},
    };
    ev->kind = EV_NONE;
    if (c < 0x20 || c > 0x7e) { /* broken off */
        t->n_csi = -1;
        return;
    }
    if (t->n_csi < (int)sizeof t->csi - 1)
        t->csi[t->n_csi++] = (char)c;
    if (c < 0x40)
        return;
    t->csi[t->n_csi] = '\0';
    t->n_csi = -1;
    if (strcmp(t->csi, "200~") == 0)
        ev->kind = EV_PASTE_START;
    else if (strcmp(t->csi, "201~") == 0)
        ev->kind = EV_PASTE_END;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(t->csi, known[i].seq) == 0)
            name_it(ev, known[i].name);
}

/* What follows a lone Esc at once: Alt and a character, or a sequence nobody knows, which is
 * swallowed whole. */
static void after_escape(struct term *t, struct term_event *ev)
{
    wint_t c;
    int rc = next_key(t, &c);
    if (rc == ERR) {
        name_it(ev, "Esc");
        return;
    }
    if (rc == OK && (c == '[' || c == 'O')) {
        wint_t d;
        if (next_key(t, &d) == OK) {
            t->n_csi = 0;
            t->csi_until = clock_ns() / 1000000 + CSI_MS;
            control_sequence(t, ev, d);
            return;
        }
    }
    struct term_event key = {0};
    bool known = true;
    if (rc == KEY_CODE_YES)
        known = function_key(&key, c);
    else
        plain_key(&key, (wchar_t)c);
    if (!known || key.kind != EV_KEY) {
        ev->kind = EV_NONE;
        return;
    }
    char name[sizeof ev->name];
    snprintf(name, sizeof name, "M-%.20s", key.name);
    name_it(ev, name);
    snprintf(ev->text, sizeof ev->text, "%s", key.text);
}

static bool signal_event(struct term *t, struct term_event *ev)
{
    int sig = signals_take();
    switch (sig) {
    case 0:
        return false;
    case SIGWINCH:
        ev->kind = EV_RESIZE;
        term_size(t, &ev->rows, &ev->cols);
        resizeterm(ev->rows, ev->cols);
        t->repaint = true;
        return true;
    case SIGTSTP:
        ev->kind = EV_STOP;
        return true;
    case SIGCONT: /* also after a SIGSTOP from outside: a shell in between has set the line to its own taste */
        ev->kind = EV_RESIZE;
        reset_prog_mode();
        raw();
        term_size(t, &ev->rows, &ev->cols);
        resizeterm(ev->rows, ev->cols);
        t->repaint = true;
        return true;
    case SIGINT:
        ev->kind = EV_INT;
        return true;
    case SIGTERM:
        ev->kind = EV_TERM;
        return true;
    case SIGHUP:
        ev->kind = EV_HUP;
        return true;
    default:
        ev->kind = EV_QUIT;
        return true;
    }
}

bool term_read(struct term *t, struct term_event *ev)
{
    memset(ev, 0, sizeof *ev);
    if (t->n_again) {
        *ev = t->again[0];
        memmove(t->again, t->again + 1, sizeof t->again - sizeof *t->again);
        t->n_again--;
        return true;
    }
    if (signal_event(t, ev))
        return true;
    wint_t c;
    int rc = next_key(t, &c);
    if (rc == ERR) {
        int waiting = 0;
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL) ||
                                   ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0))
            t->eof = true;
        if (!t->eof)
            return false;
        t->eof = false;
        ev->kind = EV_GONE;
        return true;
    }
    if (t->n_csi >= 0 && rc == OK && c != 27 && clock_ns() / 1000000 < t->csi_until) {
        control_sequence(t, ev, c);
        return true;
    }
    t->n_csi = -1;
    if (rc == KEY_CODE_YES) {
        /* a report that comes late, or uncalled: its tail is no text */
        if (c == (wint_t)KEY_MOUSE && !t->mouse) {
            const char *kmous = tigetstr("kmous");
            bool sgr = kmous && kmous != (char *)-1 && strchr(kmous, '<');
            for (int i = 0; i < 3 && !sgr; i++)
                (void)next_byte(t, true);
            t->n_csi = sgr ? 1 : -1;
            t->csi[0] = '<';
            t->csi_until = clock_ns() / 1000000 + CSI_MS;
        } else if (c == (wint_t)KEY_MOUSE)
            mouse_event(t, ev);
        else if (c == (wint_t)KEY_PASTE_ON)
            ev->kind = EV_PASTE_START;
        else if (c == (wint_t)KEY_PASTE_OFF)
            ev->kind = EV_PASTE_END;
        else if (c == (wint_t)KEY_RESIZE || !function_key(ev, c))
            ev->kind = EV_NONE;
    } else if (c == 27) {
        after_escape(t, ev);
    } else {
        plain_key(ev, (wchar_t)c);
    }
    return true;
}
