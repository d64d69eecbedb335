/* A program of one page that uses the terminal and the prompt as the real one does: what
 * keys were read, the line being typed, the last line accepted.  Tests of the terminal start
 * themselves with it. */
#ifndef TESTS_SUPPORT_SMALL_SCREEN_H
#define TESTS_SUPPORT_SMALL_SCREEN_H

#include "tests/support/vt.h"

/* Call first in main(): when the program was started as a child, runs it and returns true
 * with its status. */
bool small_screen_main(int argc, char **argv, int *status);
/* Starts this very binary as a child.  mode: "screen" or "plain"; env as vt_start. */
struct vt *small_screen_start(const char *mode, const char *const env[], int cols, int rows);

#endif
