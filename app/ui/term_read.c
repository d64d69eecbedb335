/* Keys, mouse and pasted text from curses; see term.h.  From a pad that is never drawn,
 * because reading from a visible window refreshes it. */
#include "app/ui/term_impl.h"

#include "app/ui/signals.h"
#include "app/ui/text.h"
#include "engine/base/clock.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
