/* seqlab: options, the way in, the exit status. */
#include "app/app.h"
#include "app/cmd/command.h"
#include "app/io/cast.h"
#include "app/io/config.h"
#include "app/settings.h"
#include "app/io/headless.h"
#include "app/ui/prompt.h"
#include "app/ui/screen.h"
#include "engine/tensor/gemm.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// clang-format off
enum option_id { OPT_PLAIN = 256, OPT_BATCH, OPT_JSON, OPT_SCREEN, OPT_SNAP, OPT_PLAY, OPT_DATA, OPT_SEED, OPT_THREADS, OPT_COLOR, OPT_NO_MOUSE,
                 OPT_VERSION, OPT_HELP, OPT_E };
static const struct {
    enum option_id id;
    const char *name, *value, *doc; /* value: NULL = takes none */
} options[] = {
    {OPT_PLAIN,    "plain",    NULL,       "line mode: the same commands without a screen"},
    {OPT_BATCH,    "batch",    "FILE",     "run a script (-: standard input) to its end or first failed command"},
    {OPT_E,        "e",        "COMMANDS", "run a command line, `;` between commands; may be repeated; before --batch"},
    {OPT_JSON,     "json",     NULL,       "one JSON object a line for each command (with -e, --batch, --plain)"},
    {OPT_SCREEN,   "screen",   "WxH",      "compose the screen at that size after the last command (with -e, --batch)"},
    {OPT_SNAP,     "snap",     "FILE",     "write that screen as text (-: standard output)"},
    {OPT_PLAY,     "play",     "FILE",     "play a recording of the screen and end (record FILE makes one)"},
    {OPT_DATA,     "data",     "WHAT",     "load a file or a world first"},
    {OPT_SEED,     "seed",     "N",        "seed of data and models, default 1"},
    {OPT_THREADS,  "threads",  "N",        "worker threads, default the cores allowed; results do not depend on it"},
    {OPT_COLOR,    "color",    "MODE",     "auto 256 16 mono direct"},
    {OPT_NO_MOUSE, "no-mouse", NULL,       "no mouse reports"},
    {OPT_VERSION,  "version",  NULL,       "print version, kernels and libraries"},
    {OPT_HELP,     "help",     NULL,       "print this"},
};
// clang-format on
enum { N_OPTIONS = sizeof options / sizeof *options };

struct settings_given {
    bool plain, json, no_mouse;
    const char *batch, *snap, *play, *data, *color;
    int cols, rows, threads;
    const char *seed;
    const char **command; /* -e; NULL-terminated */
    int n_command;
};

static void usage(FILE *f)
{
    fprintf(
        f,
        "usage: seqlab [OPTIONS]\n"
        "Explores sequential recommenders while they train.  Without options: the screen.\n\n");
    for (int i = 0; i < N_OPTIONS; i++) {
        char left[32];
        snprintf(left, sizeof left, "%s%s%s%s", options[i].id == OPT_E ? "-" : "--",
                 options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        fprintf(f, "  %-18s %s\n", left, options[i].doc);
    }
    fprintf(f, "\nExit status: 0 done, 1 a command failed, 2 wrong usage, 3 an assert failed, "
               "4 a run diverged, 130 interrupted.\n"
               "Example: seqlab -e 'data plant twins; model new sasrec; train epochs=5; eval "
               "on=test'\n");
}

static void version(void)
{
    printf("seqlab %s\nkernels %s\n%s\n%s\njansson %s\n", SEQLAB_VERSION, kern()->name,
           gemm_blas_name(), prompt_library(), JANSSON_VERSION);
}

static bool whole_number(const char *text, long long max, long long *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *out <= max;
}

static int wrong(const char *what, const char *value)
{
    fprintf(stderr, "seqlab: %s \"%.100s\"\nTry: seqlab --help\n", what, value);
    return EXIT_USAGE;
}

/* 0 = go on, else the exit status plus one. */
static int parse(int argc, char **argv, struct settings_given *g)
{
    struct option longs[N_OPTIONS + 1] = {{0}};
    for (int i = 0; i < N_OPTIONS; i++) /* "-e" is short; "--e" works as well */
        longs[i] =
            (struct option){options[i].name, options[i].value ? required_argument : no_argument,
                            NULL, (int)options[i].id};
    int c;
    long long n;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":e:hV", longs, NULL)) != -1) {
        char more;
        switch (c) {
        case OPT_PLAIN:
            g->plain = true;
            break;
        case OPT_BATCH:
            g->batch = optarg;
            break;
        case 'e':
        case OPT_E:
            g->command[g->n_command++] = optarg;
            break;
        case OPT_JSON:
            g->json = true;
            break;
        case OPT_SCREEN:
            if (sscanf(optarg, "%4dx%4d%c", &g->cols, &g->rows, &more) != 2 || g->cols < 1 ||
                g->cols > 500 || g->rows < 1 || g->rows > 200)
                return wrong("--screen takes columns x rows, 1x1 to 500x200, not", optarg) + 1;
            break;
        case OPT_SNAP:
            g->snap = optarg;
            break;
        case OPT_PLAY:
            g->play = optarg;
            break;
        case OPT_DATA:
            g->data = optarg;
            break;
        case OPT_SEED:
            if (!whole_number(optarg, 9007199254740991, &n))
                return wrong("--seed takes a whole number, not", optarg) + 1;
            g->seed = optarg;
            break;
        case OPT_THREADS:
            if (!whole_number(optarg, 64, &n))
                return wrong("--threads takes 0 to 64, not", optarg) + 1;
            g->threads = (int)n;
            break;
        case OPT_COLOR: {
            static const char *const modes[] = {"auto", "256", "16", "mono", "direct", NULL};
            int i = 0;
            while (modes[i] && strcmp(modes[i], optarg) != 0)
                i++;
            if (!modes[i])
                return wrong("--color takes auto, 256, 16, mono or direct, not", optarg) + 1;
            g->color = optarg;
            break;
        }
        case OPT_NO_MOUSE:
            g->no_mouse = true;
            break;
        case OPT_VERSION:
        case 'V':
            version();
            return 1;
        case OPT_HELP:
        case 'h':
            usage(stdout);
            return 1;
        case ':':
            return wrong("a value is missing after", argv[optind - 1]) + 1;
        default:
            return wrong("unknown option", argv[optind - 1]) + 1;
        }
    }
    if (optind < argc)
        return wrong("what is this word for?", argv[optind]) + 1;
    if (g->snap && !g->cols)
        g->cols = 100, g->rows = 30;
    if (g->cols && !g->snap)
        g->snap = "-";
    if (g->cols && !g->n_command && !g->batch) {
        fprintf(stderr, "seqlab: --screen and --snap need -e or --batch\nTry: seqlab --help\n");
        return EXIT_USAGE + 1;
    }
    return 0;
}

static bool is_file(const char *path)
{
    struct stat sb;
    return stat(path, &sb) == 0;
}

/* Quotes a file name for a command line. */
static void quoted(const char *s, char *buf, size_t size)
{
    size_t n = 0;
    for (; *s && n + 3 < size; s++) {
        if (*s == '"' || *s == '\\')
            buf[n++] = '\\';
        buf[n++] = *s;
    }
    buf[n] = '\0';
}

static const char start_line[] = "data plant bazaar; model new sasrec; train";
static const char demo_line[] = "data plant bazaar; model new sasrec; train epochs=5; eval; "
                                "seq from s:7201 upto=5; predict";

static int run(struct settings_given *g, struct app *a)
{
    char data[1100], name[1024], rc[600];
    const char **line = calloc((size_t)g->n_command + 5, sizeof *line);
    int n = 0, status;
    if (!line) {
        fprintf(stderr, "seqlab: no memory\n");
        return EXIT_FAILED;
    }
    if (g->data) {
        quoted(g->data, name, sizeof name);
        snprintf(data, sizeof data, "data load \"%s\"", name);
        line[n++] = data;
    }
    for (int i = 0; i < g->n_command; i++)
        line[n++] = g->command[i];
    bool in_tty = isatty(STDIN_FILENO), out_tty = isatty(STDOUT_FILENO);
    const char *term = getenv("TERM");
    bool has_rc = config_path(PLACE_CONFIG, "rc", false, rc, sizeof rc) && is_file(rc);
    struct headless h = {.app = a,
                         .json = g->json,
                         .echo = true,
                         .command = line,
                         .batch = g->batch,
                         .cols = g->cols,
                         .rows = g->rows,
                         .snap = g->snap};
    if (g->n_command || g->batch) {
        headless_signals(a);
        status = headless_run(&h);
    } else if (g->plain || !out_tty || !term || !*term || strcmp(term, "dumb") == 0) {
        headless_signals(a);
        if (in_tty) {
            if (!has_rc && !g->data && !g->json)
                fprintf(stderr, "seqlab %s, line mode.  Try: %s epochs=5   or: help\n",
                        SEQLAB_VERSION, start_line);
            status = plain_run(a, g->json, has_rc ? rc : NULL, n ? line : NULL);
        } else {
            int c =
                g->plain
                    ? 'x'
                    : getc(stdin); /* nobody there and nothing to do: show what it is about */
            if (c == EOF && !n) {
                line[n++] = demo_line;
            } else {
                if (!g->plain && c != EOF)
                    ungetc(c, stdin);
                h.batch = "-";
            }
            status = headless_run(&h);
        }
    } else {
        char source[700], history[600];
        struct screen_options o = {.color = g->color, .no_mouse = g->no_mouse};
        if (config_path(PLACE_STATE, "history", true, history, sizeof history))
            o.history = history;
        if (has_rc) {
            memmove(line + 1, line, sizeof *line * (size_t)n);
            quoted(rc, name, sizeof name);
            snprintf(source, sizeof source, "source \"%.650s\"", name);
            line[0] = source;
        } else if (!n) {
            line[n++] = start_line;
        }
        o.start = line;
        a->interactive = true;
        status = screen_run(a, &o);
        if (status == SCREEN_NO_TERMINAL) {
            headless_signals(a);
            status = plain_run(a, g->json, NULL, line);
        } else if (status > 128 && status != EXIT_INTERRUPTED) {
            app_free(a);
            free(line);
            signal(status - 128, SIG_DFL); /* end by the signal that came */
            raise(status - 128);
            return status;
        }
    }
    free(line);
    int sig = headless_signal();
    app_free(a);
    if (sig == SIGTERM || sig == SIGHUP) {
        fflush(NULL);
        signal(sig, SIG_DFL);
        raise(sig);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct settings_given g = {0};
    struct err err = {0};
    struct app *a = NULL;
    setlocale(LC_CTYPE, ""); /* numbers keep the decimal point */
    g.command = calloc((size_t)argc + 1, sizeof *g.command);
    if (!g.command) {
        fprintf(stderr, "seqlab: no memory\n");
        return EXIT_FAILED;
    }
    int done = parse(argc, argv, &g);
    if (done) {
        free(g.command);
        return done - 1;
    }
    if (g.play) {
        free(g.command);
        if (cast_play(g.play, 1, true, &err) == ST_OK)
            return EXIT_DONE;
        char text[512];
        cmd_error_text(&err, text, sizeof text);
        fprintf(stderr, "%s\n", text);
        return EXIT_FAILED;
    }
    if (kernels_choose("auto", &err) != ST_OK) {
        fprintf(stderr, "seqlab: SEQLAB_KERNELS: %s\n", err.msg);
        free(g.command);
        return EXIT_USAGE;
    }
    if (app_new(&a, g.threads, 1, &err) != ST_OK) {
        fprintf(stderr, "seqlab: %s\n", err.msg);
        free(g.command);
        return EXIT_FAILED;
    }
    if (g.seed && setting_set(a, SETTING_SEED, g.seed, &err) != ST_OK) {
        fprintf(stderr, "seqlab: %s\n", err.msg);
        app_free(a);
        free(g.command);
        return EXIT_USAGE;
    }
    int status = run(&g, a);
    free(g.command);
    return status;
}
