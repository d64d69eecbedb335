/* A lesson file: steps of prose with a condition each, hints, and the commands that do it for one.  One keyword a line, '#' begins a comment:
 *
 *     lesson 4 "What a head reads"            number (may be left out) and title, first of all
 *     text   Two people share this account.   before the first step: what the lesson is about, a line or two
 *     setup  data plant twins; model new sasrec   run when the lesson begins; inside a step: when the step begins
 *     hide   tabs filters gates               and: hide settings dropout clip
 *     step   "Find the head that looks back"
 *       text   Prose, 72 columns at most a line; an empty `text` parts paragraphs.
 *       task   What to do.
 *       pass   attn.prev_mass(cursor.layer, cursor.head) >= 0.5     a condition; several must all hold
 *       hint   Several hints are shown one after another.
 *       do     attend layer=1 head=1        command lines that make the conditions true
 *       after  What has been seen, once it is passed.
 *
 * {here} in a command is the folder of the file.
 *
 * Everything is checked while reading: conditions, commands, names; an error names file and line.  Any thread; one owner. */
#ifndef APP_LESSON_LESSON_H
#define APP_LESSON_LESSON_H

#include "app/cmd/condition.h"

enum { LESSON_STEPS = 40, LESSON_PASSES = 4, LESSON_LINES = 16, LESSON_COLUMNS = 72 };
struct lesson_lines { /* commands, hints */
    int n;
    const char *line[LESSON_LINES];
};
struct lesson_step {
    const char *title;
    const char *text, *task, *after; /* lines parted by '\n'; "" when there is none */
    int n_pass;
    struct condition pass[LESSON_PASSES];
    const char *pass_text[LESSON_PASSES]; /* as written */
    struct lesson_lines hint, run, setup;
};
struct lesson {
    int number; /* 0: none */
    const char *title, *text;
    struct lesson_lines setup, hidden_tabs, hidden_settings; /* names, one each */
    int n_step;
    struct lesson_step step[LESSON_STEPS];
    struct arena *mem;
};
MUST_CHECK enum status lesson_read(struct lesson **out, const char *path, struct err *err);
void lesson_free(struct lesson *l);

#endif
