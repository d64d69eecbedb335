/* Curses; see term.h.  Drawing: our grid against what was sent last; only cells that differ
 * go to curses, which sends only what differs on its side. */
#include "app/ui/term_impl.h"

#include "app/ui/osc.h"
#include "app/ui/signals.h"
#include "app/ui/text.h"
#include "engine/base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
