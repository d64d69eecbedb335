/* Lines that sessions and folders of runs have in common. */
#ifndef APP_CMD_SESSION_H
#define APP_CMD_SESSION_H

#include "app/app.h"
#include <stdio.h>

/* The commands that bring the present data and its split back. */
void session_data(const struct app *a, FILE *f);

#endif
