/* Self-pipe, and giving the terminal back on a crash; see signals.h. */
#define _GNU_SOURCE /* SIGSTKSZ, sigaltstack, pipe2 */
#include "app/ui/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
static const int ignored[] = {SIGPIPE, SIGXFSZ};
static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum {
    N_CAUGHT = sizeof caught / sizeof *caught,
    N_DEADLY = sizeof deadly / sizeof *deadly,
    RESTORE_MAX = 512,
    STACK = 64 * 1024
};

/* The one set of handlers of the process: what they touch is written before they are armed. */
static int pipe_fd[2] = {-1, -1};
static struct {
    char bytes[RESTORE_MAX];
    size_t n;
    int fd;
    struct termios saved;
    bool has_saved;
    atomic_bool armed;
} crash;

static void on_signal(int sig)
{
    int saved = errno;
    unsigned char byte = (unsigned char)sig;
    ssize_t n = write(pipe_fd[1], &byte, 1);
    (void)n; /* full: enough signals wait already */
    errno = saved;
}

enum status signals_start(struct err *err)
{
    if (pipe_fd[0] >= 0)
        return ST_OK;
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(err, ST_IO, "no pipe for signals: %s", strerror(errno));
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    for (int i = 0; i < N_CAUGHT; i++)
        sigaction(caught[i], &sa, NULL);
    sa.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &sa, NULL);
    return ST_OK;
}

void signals_stop(void)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigemptyset(&sa.sa_mask);
    for (int i = 0; i < N_CAUGHT; i++)
        sigaction(caught[i], &sa, NULL);
    for (int i = 0; i < 2; i++)
        if (pipe_fd[i] >= 0) {
            close(pipe_fd[i]);
            pipe_fd[i] = -1;
        }
}

int signals_fd(void)
{
    return pipe_fd[0];
}

int signals_take(void)
{
    unsigned char byte;
    return pipe_fd[0] >= 0 && read(pipe_fd[0], &byte, 1) == 1 ? byte : 0;
}

static void block(int how)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < N_CAUGHT; i++)
        sigaddset(&set, caught[i]);
    pthread_sigmask(how, &set, NULL);
}

void signals_block(void)
{
    block(SIG_BLOCK);
}

void signals_unblock(void)
{
    block(SIG_UNBLOCK);
}

void signals_restore_now(void)
{
    if (!atomic_exchange(&crash.armed, false)) /* once, whichever thread comes first */
        return;
    for (size_t at = 0; at < crash.n;) {
        ssize_t k = write(crash.fd, crash.bytes + at, crash.n - at);
        if (k <= 0)
            break;
        at += (size_t)k;
    }
    if (crash.has_saved)
        tcsetattr(crash.fd, TCSANOW, &crash.saved);
}

static void on_crash(int sig)
{
    signals_restore_now();
    raise(sig); /* SA_RESETHAND: the default action, once this handler returns */
}

void signals_on_crash(int fd, const char *restore, size_t n)
{
    static char stack[STACK]; /* a handler for stack overflow needs another stack */
    atomic_store(&crash.armed, false);
    if (n == 0)
        return;
    if (n > RESTORE_MAX)
        n = RESTORE_MAX;
    memcpy(crash.bytes, restore, n);
    crash.n = n;
    crash.fd = fd;
    crash.has_saved = tcgetattr(fd, &crash.saved) == 0;
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_handler = on_crash,
                           .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
    sigemptyset(&sa.sa_mask);
    for (int i = 0; i < N_DEADLY; i++)
        sigaction(deadly[i], &sa, NULL);
    atomic_store(&crash.armed, true);
}

void signals_die(int sig)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(sig);
}
