/* Lessons in a session: which files there are and how far each was done, the lesson that is
 * open, its step, and what its conditions are now. Lesson files lie in sample_data/lessons
 * above the program, or in share/seqlab/lessons beside it.  The app's thread. */
#ifndef APP_LESSON_COURSE_H
#define APP_LESSON_COURSE_H

#include "app/cmd/command.h"
#include "app/cmd/measure.h"
#include "app/lesson/lesson.h"

struct course_entry {
    char id[64], path[1024]; /* "04-heads" */
    char title[80], about[160];
    int number, steps;
    int passed; /* steps, in order, of the best attempt */
};
struct course_now { /* of a condition of the step */
    bool known, holds;
    double value;
    char why[120]; /* not known: what is in the way */
};
struct course {
    int n_entry;
    struct course_entry entry[64];
    struct lesson *open; /* NULL: none */
    int at_entry;        /* of the open one, -1: a file of one's own */
    int step, passed;    /* shown now; passed: steps, in order */
    int hints;           /* shown in this step */
    struct course_now now[LESSON_PASSES];
    /* Commands that wait for the run to rest: with a screen they go one by one. */
    int n_wait, at_wait;
    const char *wait[3 * LESSON_LINES * LESSON_STEPS];
    bool fresh;    /* when nothing waits any more the step begins */
    int *ran;      /* by row of cmd_defs, in this step */
    uint64_t seen; /* what the values in `now` were computed for */
};

/* a->course, made and filled when it is not there. */
MUST_CHECK enum status course_open(struct app *a, struct err *err);
void course_free(struct app *a);
/* A number, a file's name without ending, or a path.  NULL: the first that is not
 * done.  step from 1: what is before it is done for the user. */
enum status course_start(struct app *a, const char *which, int step, struct cmd_out *out,
                         struct err *err);
/* Asks all conditions now.  A step that passes counts; its file of progress is written when
 * someone sits here.  With a screen a condition that has to evaluate is left to the
 * explorer: *later, and `lesson check` is due again when the answer is there. */
enum status course_check(struct app *a, bool screen, bool *passed, bool *later,
                         struct err *err);
/* next or previous step */
enum status course_go(struct app *a, int by, struct cmd_out *out, struct err *err);
enum status course_do(struct app *a, struct cmd_out *out, struct err *err);
void course_leave(struct app *a);
const struct lesson_step *course_step(const struct app *a); /* NULL: no lesson is open */
bool course_step_passed(const struct app *a);

/* With a screen: the next command of a lesson that is due, false when none is or a run goes
 * on. */
bool course_due(struct app *a, char *line, size_t size);
void course_drop(struct app *a); /* what waits is forgotten: a command failed */
/* Conditions that cost little, when something changed; true: redraw. */
bool course_refresh(struct app *a);

void course_saw(struct app *a, const struct cmd_def *def); /* a command was run */
/* times in this step; a verb counts all its commands */
int course_ran(const struct app *a, const char *command);
bool course_hides_tab(const struct app *a, const char *name);
bool course_hides_setting(const struct app *a, const char *name);

#endif
