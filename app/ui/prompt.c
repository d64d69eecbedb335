/* GNU readline inside curses, through its callback interface; see prompt.h.  Curses owns the
 * terminal: readline gets bytes from our queue and writes to nowhere; what it would show is
 * drawn from its variables.  Readline is one a process, hence the one static pointer. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "app/ui/prompt.h"
#include "app/ui/text.h"
#include "engine/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <readline/history.h>
#include <readline/readline.h>

enum { QUEUE = 256, HISTORY_LINES = 2000, MATCHES_SHOWN = 12 };

struct prompt {
    struct prompt_options opt;
    char *history;
    bool active, left, ready, bell, pasting, asking;
    bool discard;     /* what readline gives now is not wanted */
    bool ended;       /* readline has taken the line down */
    bool interrupted; /* the line mode: a signal came while a line was typed */
    unsigned char queue[QUEUE];
    int head, tail;
    char *line; /* the accepted one */
    char *label;
    char *paste; /* pasted so far */
    size_t n_paste, cap_paste;
    char **match; /* of the last Tab */
    size_t n_match;
    struct arena *mem; /* candidates */
    FILE *nowhere;
};
static struct prompt *the; /* readline's callbacks carry no pointer */

/* ---- What readline calls ---- */

static int get_byte(FILE *f)
{
    (void)f;
    return the->head == the->tail ? EOF : the->queue[the->head++ % QUEUE];
}

static int byte_waits(void)
{
    return the->head != the->tail;
}

static void redraw(void)
{
}

static void line_done(char *line)
{
    the->ended = true;
    if (the->discard) {
        free(line);
        return;
    }
    if (!line) { /* Ctrl-D on an empty line */
        the->left = true;
        return;
    }
    free(the->line);
    the->line = line;
    the->ready = true;
}

static void forget_matches(struct prompt *p)
{
    for (size_t i = 0; i < p->n_match; i++)
        free(p->match[i]);
    free(p->match);
    p->match = NULL;
    p->n_match = 0;
}

static char *copy_of(const char *s)
{
    size_t n = strlen(s) + 1;
    char *c = malloc(n);
    if (c)
        memcpy(c, s, n);
    return c;
}

static void show_matches(char **matches, int n, int longest)
{
    (void)longest;
    forget_matches(the);
    the->match = calloc((size_t)n + 1, sizeof *the->match);
    for (int i = 1; the->match && i <= n; i++)
        if ((the->match[the->n_match] = copy_of(matches[i])) != NULL)
            the->n_match++;
}

/* Candidates as readline wants them: the common beginning first. */
static char **attempt(const char *text, int start, int end)
{
    (void)text;
    (void)start;
    rl_attempted_completion_over = 1;
    forget_matches(the);
    const char **word;
    arena_reset(the->mem);
    size_t n = the->opt.complete ? the->opt.complete(the->opt.ctx, rl_line_buffer, (size_t)end,
                                                     the->mem, &word)
                                 : 0;
    if (n == 0) {
        the->bell = true;
        return NULL;
    }
    char **out = calloc(n + 2, sizeof *out);
    if (!out)
        return NULL;
    size_t common = strlen(word[0]), k = 1;
    for (size_t i = 0; i < n; i++) {
        size_t c = 0;
        while (c < common && word[i][c] == word[0][c])
            c++;
        common = c;
        if ((out[k] = copy_of(word[i])) != NULL)
            k++;
    }
    out[0] = malloc(common + 1);
    if (!out[0]) {
        for (size_t i = 1; i < k; i++)
            free(out[i]);
        free(out);
        return NULL;
    }
    memcpy(out[0], word[0], common);
    out[0][common] = '\0';
    char last = common ? out[0][common - 1] : ' ';
    rl_completion_append_character = n == 1 && last != '=' && last != '/' ? ' ' : '\0';
    if (n == 1) {
        free(out[1]);
        out[1] = NULL;
    }
    return out;
}

/* ---- Start and end ---- */

static void set_up_editor(void)
{
    rl_readline_name = "seqlab";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    /* else LINES and COLUMNS are exported and curses stops following resizes */
    rl_change_environment = 0;
    rl_attempted_completion_function = attempt;
    rl_completer_word_break_characters = " \t;,";
    rl_completer_quote_characters = NULL;
    rl_completion_query_items = -1;
    rl_initialize(); /* reads the user's .inputrc: what must hold here is bound after it */
    rl_variable_bind("isearch-terminators", "\\033\\012");
    rl_variable_bind("page-completions", "off");
    rl_variable_bind("bell-style", "none");
    /* an edited history line does not stay edited */
    rl_variable_bind("revert-all-at-newline", "on");
    rl_variable_bind("enable-bracketed-paste", "off");
}

enum status prompt_new(struct prompt **out, const struct prompt_options *opt, struct err *err)
{
    *out = NULL;
    struct prompt *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err, sizeof *p, "prompt");
    p->opt = *opt;
    enum status st = arena_new(&p->mem, 0, err);
    if (st == ST_OK && opt->history && !(p->history = copy_of(opt->history)))
        st = err_nomem(err, strlen(opt->history), "prompt");
    if (st != ST_OK) {
        prompt_free(p);
        return st;
    }
    the = p;
    set_up_editor();
    using_history();
    stifle_history(HISTORY_LINES);
    if (p->history) {
        (void)read_history(p->history); /* none yet is fine */
        (void)history_truncate_file(p->history, HISTORY_LINES);
        (void)chmod(p->history, 0600);
    }
    *out = p;
    return ST_OK;
}

void prompt_free(struct prompt *p)
{
    if (!p)
        return;
    if (p->active)
        prompt_close(p);
    forget_matches(p);
    free(p->line);
    free(p->label);
    free(p->paste);
    free(p->history);
    arena_free(p->mem);
    if (p->nowhere)
        fclose(p->nowhere);
    if (the == p)
        the = NULL;
    clear_history();
    free(p);
}

void prompt_open(struct prompt *p, const char *label, const char *fill)
{
    if (p->active)
        prompt_close(p);
    if (!p->nowhere)
        p->nowhere = fopen("/dev/null", "w");
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_getc_function = get_byte;
    rl_input_available_hook = byte_waits;
    rl_redisplay_function = redraw;
    rl_completion_display_matches_hook = show_matches;
    rl_instream = stdin;
    rl_outstream = p->nowhere ? p->nowhere : stdout;
    free(p->label);
    p->label = copy_of(label);
    p->head = p->tail = 0;
    p->left = p->ready = p->ended = p->pasting = p->asking = false;
    rl_callback_handler_install(label, line_done);
    if (fill && *fill)
        rl_insert_text(fill);
    p->active = true;
}

static void feed(struct prompt *p, const char *bytes, size_t n);

void prompt_close(struct prompt *p)
{
    if (!p->active)
        return;
    /* A line left half-way is ended the way readline ends lines: taken down in the middle,
     * its undo lists, shared with the history lines that were looked at, would be freed
     * twice later.  Ctrl-G first: Return may be what a search or a quoted insert waits for. */
    p->discard = true;
    if (!p->ended)
        feed(p, "\a\r", 2);
    for (int i = 0; i < 3 && !p->ended; i++)
        feed(p, "\r", 1);
    p->discard = false;
    rl_callback_handler_remove();
    forget_matches(p);
    p->active = p->asking = p->pasting = false;
}

bool prompt_active(const struct prompt *p)
{
    return p->active;
}

/* ---- Keys ---- */

static void feed(struct prompt *p, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && p->tail - p->head < QUEUE; i++)
        p->queue[p->tail++ % QUEUE] = (unsigned char)bytes[i];
    while (p->active && p->head != p->tail && !p->ended)
        rl_callback_read_char();
    if (p->head == p->tail)
        p->head = p->tail = 0;
}

static size_t bytes_of(const char *name, const char *text, char out[32])
{
    static const struct {
        const char *name, *bytes;
    } keys[] = {
        {"Up", "\033[A"},     {"Down", "\033[B"},    {"Right", "\033[C"}, {"Left", "\033[D"},
        {"Home", "\001"},     {"End", "\005"},       {"Enter", "\r"},     {"Tab", "\t"},
        {"S-Tab", "\033[Z"},  {"Backspace", "\177"}, {"Esc", "\033"},     {"S-Left", "\033b"},
        {"S-Right", "\033f"},
    };
    size_t n = 0;
    if (strncmp(name, "M-", 2) == 0) {
        out[n++] = '\033';
        name += 2;
    }
    if (*text) {
        size_t k = strlen(text);
        memcpy(out + n, text, k);
        return n + k;
    }
    if (strcmp(name, "Delete") == 0) { /* Ctrl-D means something else on an empty line */
        if (rl_end == 0)
            return 0;
        out[n++] = '\004';
        return n;
    }
    if (name[0] == 'C' && name[1] == '-' && name[2] && !name[3]) {
        out[n++] = (char)(name[2] & 31);
        return n;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(name, keys[i].name) == 0) {
            size_t k = strlen(keys[i].bytes);
            memcpy(out + n, keys[i].bytes, k);
            return n + k;
        }
    return 0;
}

static void paste_add(struct prompt *p, const char *s)
{
    size_t n = strlen(s);
    if (p->n_paste + n + 1 > p->cap_paste) {
        size_t cap = (p->n_paste + n + 1) * 2;
        char *more = cap < (size_t)1 << 20 ? realloc(p->paste, cap) : NULL;
        if (!more)
            return;
        p->paste = more;
        p->cap_paste = cap;
    }
    memcpy(p->paste + p->n_paste, s, n + 1);
    p->n_paste += n;
}

static enum prompt_result paste_end(struct prompt *p)
{
    p->pasting = false;
    while (p->n_paste && p->paste[p->n_paste - 1] == '\n')
        p->paste[--p->n_paste] = '\0';
    if (!p->n_paste)
        return PROMPT_MORE;
    if (strchr(p->paste, '\n')) {
        p->asking = true;
        return PROMPT_ASK;
    }
    rl_insert_text(p->paste);
    p->n_paste = 0;
    return PROMPT_MORE;
}

static enum prompt_result asked(struct prompt *p, const struct term_event *ev)
{
    p->asking = false;
    if (strcmp(ev->name, "y") == 0 || strcmp(ev->name, "Y") == 0) {
        free(p->line);
        p->line = copy_of(p->paste);
        p->n_paste = 0;
        return p->line ? PROMPT_SCRIPT : PROMPT_MORE;
    }
    p->n_paste = 0;
    return PROMPT_MORE;
}

static enum prompt_result key(struct prompt *p, const struct term_event *ev)
{
    bool searching = RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_MULTIKEY |
                                RL_STATE_NUMERICARG) != 0;
    bool vi_insert = rl_editing_mode == 0 && rl_get_keymap() == vi_insertion_keymap;
    if (strcmp(ev->name, "C-c") == 0 || (strcmp(ev->name, "Esc") == 0 && !vi_insert)) {
        if (searching)
            feed(p, "\a", 1); /* or the next keys would go on searching */
        return PROMPT_LEFT;
    }
    if (strcmp(ev->name, "C-z") == 0 || strcmp(ev->name, "C-l") == 0)
        return PROMPT_NOT_MINE;
    char bytes[32];
    size_t n = bytes_of(ev->name, ev->text, bytes);
    if (n == 0)
        return PROMPT_NOT_MINE;
    if (strcmp(ev->name, "Tab") != 0)
        forget_matches(p);
    /* A sequence of several bytes inside a search pushes them back in an order the callback
     * interface does not survive (8.2): the search is ended first, by the terminator that is
     * not run as a command. */
    if (RL_ISSTATE(RL_STATE_ISEARCH) && (n > 1 || bytes[0] == '\030') &&
        (unsigned char)bytes[0] < 32)
        feed(p, "\n", 1);
    feed(p, bytes, n);
    if (p->left) {
        p->left = false;
        return PROMPT_LEFT;
    }
    if (p->ready) {
        p->ready = false;
        prompt_remember(p, p->line);
        return PROMPT_LINE;
    }
    return PROMPT_MORE;
}

enum prompt_result prompt_event(struct prompt *p, const struct term_event *ev)
{
    if (!p->active)
        return PROMPT_NOT_MINE;
    if (ev->kind == EV_PASTE_START) {
        p->pasting = true;
        p->n_paste = 0;
        if (p->paste)
            p->paste[0] = '\0';
        return PROMPT_MORE;
    }
    if (ev->kind == EV_PASTE_END)
        return paste_end(p);
    if (ev->kind != EV_KEY)
        return PROMPT_NOT_MINE;
    if (p->pasting && strcmp(ev->name, "C-c") == 0) { /* the end mark was lost on the way */
        p->pasting = false;
        p->n_paste = 0;
        return PROMPT_LEFT;
    }
    if (p->pasting) {
        paste_add(p, *ev->text                        ? ev->text
                     : strcmp(ev->name, "Enter") == 0 ? "\n"
                     : strcmp(ev->name, "Tab") == 0   ? " "
                                                      : "");
        return PROMPT_MORE;
    }
    return p->asking ? asked(p, ev) : key(p, ev);
}

const char *prompt_line(const struct prompt *p)
{
    return p->line ? p->line : "";
}

const char *prompt_text(const struct prompt *p)
{
    return p->active ? rl_line_buffer : "";
}

bool prompt_bell(struct prompt *p)
{
    bool rang = p->bell;
    p->bell = false;
    return rang;
}

/* ---- Drawing ---- */

static int width_of(const char *s, size_t bytes)
{
    int w = 0;
    struct grapheme g;
    for (size_t at = 0; at < bytes;) {
        size_t k = text_next(s + at, bytes - at, &g);
        if (k == 0)
            break;
        at += k;
        w += g.width;
    }
    return w;
}

int prompt_label_width(const struct prompt *p)
{
    return p->label ? text_width(p->label) : 0;
}

void prompt_draw(const struct prompt *p, const struct canvas *c, int *cursor)
{
    if (p->asking) {
        *cursor =
            canvas_text(c, 0, 0, ROLE_WARN, "several lines were pasted: run as script? y/n ");
        return;
    }
    const char *label = p->active && rl_display_prompt ? rl_display_prompt : "";
    int lw = canvas_text(c, 0, 0, ROLE_PROMPT, label);
    const char *line = p->active ? rl_line_buffer : "";
    int point = width_of(line, p->active ? (size_t)rl_point : 0), room = c->cols - lw - 1;
    if (room < 1) {
        *cursor = c->cols - 1;
        return;
    }
    int skip = point > room ? point - room + room / 3 : 0, gone = 0;
    size_t at = 0, n = strlen(line);
    struct grapheme g;
    while (gone < skip && at < n) {
        at += text_next(line + at, n - at, &g);
        gone += g.width;
    }
    struct canvas rest = canvas_sub(c, 0, lw, 1, c->cols - lw);
    canvas_text(&rest, 0, 0, ROLE_TEXT, line + at);
    if (gone > 0)
        canvas_text(&rest, 0, 0, ROLE_DIM, "<");
    *cursor = lw + point - gone;
}

size_t prompt_matches(const struct prompt *p, const char *const **words)
{
    *words = (const char *const *)p->match;
    return p->n_match;
}

void prompt_draw_matches(const struct prompt *p, const struct canvas *body)
{
    if (p->n_match < 2 || body->rows < 3 || body->cols < 12)
        return;
    int longest = 0;
    for (size_t i = 0; i < p->n_match; i++) {
        int w = text_width(p->match[i]);
        longest = w > longest ? w : longest;
    }
    int col_w = longest + 2 < body->cols - 4 ? longest + 2 : body->cols - 4,
        across = (body->cols - 4) / col_w;
    across = across < 1 ? 1 : across;
    int want = (int)(p->n_match + (size_t)across - 1) / across,
        most = body->rows - 2 < MATCHES_SHOWN ? body->rows - 2 : MATCHES_SHOWN;
    int rows = want < most ? want : most;
    int used = (int)p->n_match < across ? (int)p->n_match : across;
    int width = used * col_w + 3 > 24 ? used * col_w + 3 : 24;
    if (width > body->cols)
        width = body->cols;
    struct canvas box = canvas_sub(body, body->rows - rows - 2, 0, rows + 2, width);
    canvas_clear(&box);
    char right[48] = "";
    if (want > rows)
        snprintf(right, sizeof right, "%d of %zu", rows * across, p->n_match);
    struct canvas in = canvas_box(&box, "Tab", right, false);
    for (size_t i = 0; i < p->n_match && (int)i < rows * across; i++)
        canvas_left(&in, (int)i / across, 1 + (int)i % across * col_w, col_w - 1, ROLE_TEXT,
                    p->match[i]);
}

/* ---- History and the line mode ---- */

void prompt_remember(struct prompt *p, const char *line)
{
    if (!line || !*line || line[strspn(line, " \t")] == '\0')
        return;
    HIST_ENTRY *last =
        history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (last && strcmp(last->line, line) == 0)
        return;
    add_history(line);
    if (!p->history)
        return;
    int fd = open(p->history, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* a home that cannot be written costs the history, nothing else */
    size_t n = strlen(line);
    ssize_t k = write(fd, line, n);
    if (k == (ssize_t)n)
        k = write(fd, "\n", 1);
    close(fd);
}

/* Ctrl-C in the line mode: readline passes the signal on wherever it notices it, so what we
 * look at is our own handler's flag, not readline's. The program's handler is called from
 * ours. */
static volatile sig_atomic_t got_int;
static struct sigaction program_int;

static void on_int(int sig)
{
    got_int = 1;
    if (program_int.sa_handler != SIG_DFL && program_int.sa_handler != SIG_IGN)
        program_int.sa_handler(sig);
}

/* Readline's own reader goes on after a signal; here Ctrl-C drops the line, and what ends
 * the program ends it. */
static int line_byte(FILE *f)
{
    /* a signal just before the wait would otherwise be noticed with the next key only */
    enum { LOOK_MS = 200 };
    for (;;) {
        int sig = rl_pending_signal();
        if (sig)
            rl_check_signals(); /* gives the line back, passes the signal to the program's handler, takes the line again */
        if (got_int || sig == SIGTERM || sig == SIGHUP) {
            the->interrupted = true;
            rl_replace_line("", 0);
            rl_point = 0;
            return got_int ? '\n' : EOF;
        }
        struct pollfd p = {.fd = fileno(f), .events = POLLIN};
        if (poll(&p, 1, LOOK_MS) <= 0)
            continue;
        unsigned char c;
        ssize_t n = read(fileno(f), &c, 1);
        if (n == 1)
            return c;
        if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return EOF;
    }
}

char *prompt_read_line(struct prompt *p, const char *label, bool *eof)
{
    *eof = false;
    p->interrupted = false;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        rl_outstream = stdout;
        rl_instream = stdin;
        rl_getc_function = line_byte;
        rl_catch_signals = 1; /* the line's settings must be given back around a stop */
        struct sigaction sa = {.sa_handler = on_int};
        sigemptyset(&sa.sa_mask);
        got_int = 0;
        sigaction(SIGINT, &sa, &program_int);
        char *line = readline(label);
        sigaction(SIGINT, &program_int, NULL);
        rl_catch_signals = 0;
        if (p->interrupted) {
            free(line);
            return NULL;
        }
        *eof = line == NULL;
        if (line)
            prompt_remember(p, line);
        return line;
    }
    char *line = NULL;
    size_t cap = 0;
    errno = 0;
    ssize_t n = getline(&line, &cap, stdin);
    if (n < 0) {
        free(line);
        *eof = errno != EINTR;
        clearerr(stdin);
        return NULL;
    }
    if (n && line[n - 1] == '\n')
        line[--n] = '\0';
    if (n && line[n - 1] == '\r') /* a script from elsewhere */
        line[n - 1] = '\0';
    return line;
}

const char *prompt_library(void)
{
    static char name[32];
    snprintf(name, sizeof name, "readline %s", rl_library_version);
    return name;
}
