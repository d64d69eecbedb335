/* The real program in a pseudo-terminal with a terminal emulator (libvterm) at the other
 * end: keys in, screen text out.  Waits are on what the screen shows, never on time alone. */
#ifndef TESTS_SUPPORT_VT_H
#define TESTS_SUPPORT_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct vt;
/* Absolute path of the built program, that of the environment's SEQLAB or of this MODE; ask
 * before you change the folder. */
char *vt_program(void);
/* argv[0]: the program; NULL-terminated.  env: "NAME=value" lines added to the environment,
 * NULL-terminated, may be NULL. */
struct vt *vt_start(char *const argv[], const char *const env[], int cols, int rows);
/* kills the program if it still runs */
void vt_free(struct vt *t);

void vt_send(struct vt *t, const char *bytes);
void vt_resize(struct vt *t, int cols, int rows);
/* takes output for up to ms; bytes that came */
int vt_pump(struct vt *t, int ms);
/* until the text is on the screen; false: it never came */
bool vt_wait(struct vt *t, const char *text, int ms);
bool vt_wait_gone(struct vt *t, const char *text, int ms); /* until it is nowhere on it */
bool vt_wait_exit(struct vt *t, int ms, int *status);      /* until the program has ended */
/* types :quit; it must end with status 0; frees */
void vt_quit(struct vt *t);
/* UTF-8 without trailing blanks; until the next call for a row */
const char *vt_row(struct vt *t, int row);
char *vt_text(struct vt *t); /* whole screen; caller frees */
bool vt_sees(struct vt *t, const char *text);
void vt_cursor(struct vt *t, int *row, int *col, bool *visible);
/* Private modes now in force: alternate screen, mouse reports (0: none), bracketed paste. */
void vt_modes(struct vt *t, bool *alt, int *mouse, bool *paste);
/* some cell has a colour other than the terminal's own */
bool vt_coloured(struct vt *t);
unsigned long long vt_bytes(const struct vt *t); /* output so far */
pid_t vt_pid(const struct vt *t);
int vt_fd(const struct vt *t);

#endif
