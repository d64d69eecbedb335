/* Lessons in a session; see course.h. */
#include "app/lesson/course.h"
#include "app/io/config.h"
#include "app/run.h"
#include "app/ui_state.h"
#include "app/views/view_util.h"
#include "engine/base/durable.h"
#include "engine/base/reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the files ---- */

/* Folder of lessons: in the source tree above the program, else where `make install` puts
 * them. */
static DIR *lessons_folder(char *dir, size_t size)
{
    char exe[700];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 6; up++) {
        char *slash = strrchr(exe, '/');
        if (!slash)
            break;
        *slash = '\0';
        static const char *const places[] = {"sample_data/lessons", "share/seqlab/lessons"};
        for (int i = 0; i < 2; i++) {
            snprintf(dir, size, "%s/%s", exe, places[i]);
            DIR *d = opendir(dir);
            if (d)
                return d;
        }
    }
    snprintf(dir, size, "%s/share/seqlab/lessons", SEQLAB_PREFIX);
    return opendir(dir);
}

static int by_number(const void *x, const void *y)
{
    const struct course_entry *a = x, *b = y;
    return a->number != b->number ? (a->number > b->number) - (a->number < b->number)
                                  : strcmp(a->id, b->id);
}

static bool take_entry(struct course_entry *e, const char *dir, const char *name)
{
    size_t n = strlen(name);
    struct lesson *l = NULL;
    struct err err;
    if (n < 8 || n >= sizeof e->id || strcmp(name + n - 7, ".lesson") != 0)
        return false;
    *e = (struct course_entry){0};
    snprintf(e->id, sizeof e->id, "%.*s", (int)(n - 7), name);
    if (snprintf(e->path, sizeof e->path, "%s/%s", dir, name) >= (int)sizeof e->path)
        return false;
    if (lesson_read(&l, e->path, &err) != ST_OK) {
        /* Listed all the same: starting it says what is wrong with it. */
        snprintf(e->title, sizeof e->title, "%.*s", (int)(n - 7), name);
        snprintf(e->about, sizeof e->about, "%.150s", err.msg);
        return true;
    }
    e->number = l->number;
    e->steps = l->n_step;
    snprintf(e->title, sizeof e->title, "%s", l->title);
    for (size_t i = 0; l->text[i] && i + 1 < sizeof e->about; i++)
        e->about[i] = l->text[i] == '\n' ? ' ' : l->text[i];
    lesson_free(l);
    return true;
}

/* ---- progress: "ID STEPS" a line ---- */

static const char progress_head[] = "# seqlab progress 1";

static void read_progress(struct course *c)
{
    char path[1024], id[64], *line;
    struct reader *r = NULL;
    struct err err;
    size_t len;
    int steps;
    if (!config_path(PLACE_STATE, "lessons", false, path, sizeof path) ||
        access(path, R_OK) != 0 || reader_open(&r, path, &err) != ST_OK)
        return;
    while (reader_line(r, &line, &len, &err) == ST_OK && line)
        for (int i = 0;
             line[0] != '#' && sscanf(line, "%63s %d", id, &steps) == 2 && i < c->n_entry; i++)
            if (strcmp(c->entry[i].id, id) == 0 && steps > 0)
                c->entry[i].passed = steps < c->entry[i].steps ? steps : c->entry[i].steps;
    reader_close(r);
}

/* That it cannot be written is said in the log and stops nobody. */
static void write_progress(struct app *a)
{
    char path[1024];
    struct durable *d = NULL;
    struct err err;
    if (!a->interactive || !config_path(PLACE_STATE, "lessons", true, path, sizeof path))
        return;
    enum status st = durable_open(&d, path, &err);
    if (st == ST_OK) {
        fprintf(durable_file(d), "%s\n", progress_head);
        for (int i = 0; i < a->course->n_entry; i++)
            if (a->course->entry[i].passed)
                fprintf(durable_file(d), "%s %d\n", a->course->entry[i].id,
                        a->course->entry[i].passed);
        st = durable_commit(d, &err);
    }
    if (st != ST_OK)
        app_log(a, app_step(a, a->slot), LOG_ERROR, "progress of lessons: %s", err.msg);
}

enum status course_open(struct app *a, struct err *err)
{
    char dir[900];
    int rows = 0;
    if (a->course)
        return ST_OK;
    while (cmd_defs[rows].name)
        rows++;
    struct course *c = calloc(1, sizeof *c);
    if (c)
        c->ran = calloc((size_t)rows, sizeof *c->ran);
    if (!c || !c->ran) {
        free(c);
        return err_nomem(err, sizeof *c, "the lessons");
    }
    c->at_entry = -1;
    DIR *d = lessons_folder(dir, sizeof dir);
    for (struct dirent *f;
         d && (f = readdir(d)) && c->n_entry < (int)(sizeof c->entry / sizeof *c->entry);)
        c->n_entry += take_entry(&c->entry[c->n_entry], dir, f->d_name);
    if (d)
        closedir(d);
    qsort(c->entry, (size_t)c->n_entry, sizeof *c->entry, by_number);
    read_progress(c);
    a->course = c;
    app_carry(a, course_free, course_refresh);
    return ST_OK;
}

void course_free(struct app *a)
{
    if (!a->course)
        return;
    lesson_free(a->course->open);
    free(a->course->ran);
    free(a->course);
    a->course = NULL;
}

/* ---- conditions ---- */

static enum measure_cost cost_of(const struct condition *c)
{
    const struct measure_def *d = NULL;
    bool known;
    if (c->kind != COND_COMPARE)
        return COST_FREE;
    switch (c->q.kind) {
    case Q_LOSS:
    case Q_GRAD_NORM:
    case Q_LR:
        return COST_FREE;
    case Q_TENSOR:
        return COST_FORWARD;
    case Q_MEASURE:
        return measure_check(c->q.text, &known, &d, NULL) == ST_OK && d ? d->cost : COST_EVAL;
    case Q_VALID_LOSS:
    case Q_HR:
    case Q_NDCG:
    case Q_MRR:
        break;
    }
    return COST_EVAL;
}

const struct lesson_step *course_step(const struct app *a)
{
    const struct course *c = a->course;
    return c && c->open ? &c->open->step[c->step] : NULL;
}

bool course_step_passed(const struct app *a)
{
    return course_step(a) && a->course->step < a->course->passed;
}

/* Asks the conditions that cost at most that; true when all hold. */
static bool look(struct app *a, enum measure_cost most)
{
    struct course *c = a->course;
    const struct lesson_step *s = course_step(a);
    bool all = s != NULL;
    for (int i = 0; s && i < s->n_pass; i++) {
        struct course_now *n = &c->now[i];
        struct err err = {0};
        if (cost_of(&s->pass[i]) <= most) {
            n->known = run_condition(a, &s->pass[i], &n->holds, &n->value, &err) == ST_OK;
            n->holds = n->holds && n->known;
            snprintf(n->why, sizeof n->why, "%.*s", (int)sizeof n->why - 1,
                     n->known ? "" : err.msg);
        }
        all = all && n->holds;
    }
    return all;
}

bool course_refresh(struct app *a)
{
    struct course *c = a->course;
    if (!course_step(a) || c->at_wait < c->n_wait)
        return false;
    bool rests = app_running_slot(a) < 0 && !a->evaluating && !a->replay;
    uint64_t h = sequence_hash(&a->seq) ^ (a->has_pin ? sequence_hash(&a->pin) : 7);
    int64_t facts[] = {a->at,
                       app_step(a, a->slot),
                       a->slot,
                       a->log_at,
                       c->step,
                       a->data_generation,
                       a->cursor,
                       rests,
                       c->passed,
                       a->ui ? a->ui->select.layer : a->looked.layer,
                       a->ui ? a->ui->select.head : a->looked.head,
                       a->asked.step,
                       a->asked.n};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        h = (h ^ (uint64_t)facts[i]) * 0x100000001b3u;
    if (h == c->seen)
        return false;
    c->seen = h;
    look(a, rests ? COST_FORWARD : COST_FREE);
    return true;
}

/* The metric a condition rests on is not known: the explorer is asked. */
static bool begin_evaluation(struct app *a)
{
    const struct lesson_step *s = course_step(a);
    for (int i = 0; i < s->n_pass; i++) {
        struct quantity q = s->pass[i].q;
        struct eval_spec spec;
        struct weights *w;
        if (cost_of(&s->pass[i]) != COST_EVAL)
            continue;
        if (q.kind == Q_MEASURE) /* all of them are made of this */
            q = (struct quantity){.kind = Q_HR, .k = 10};
        if (!a->split || !run_quantity_evaluates(a, &q, &spec) ||
            app_weights_at(a, a->slot, STEP_LIVE, &w, NULL) != ST_OK)
            continue;
        run_evaluate_off_screen(a, a->slot, w, &spec, !spec.n_patch);
        weights_unref(w);
        return true;
    }
    return false;
}

enum status course_check(struct app *a, bool screen, bool *passed, bool *later, struct err *err)
{
    struct course *c = a->course;
    *passed = *later = false;
    if (!course_step(a)) {
        err_set(err, ST_STATE, "no lesson is open");
        return err_hint(err, "no-lesson", "Try: lesson list"), ST_STATE;
    }
    if (c->at_wait < c->n_wait) {
        err_set(err, ST_STATE, "the lesson is still at work");
        return err_hint(err, "busy", "Wait for the run, or: lesson leave"), ST_STATE;
    }
    *later = screen && a->explorer && begin_evaluation(a);
    if (*later) {
        c->wait[0] = "lesson check";
        c->n_wait = 1;
        c->at_wait = 0;
        return ST_OK;
    }
    *passed = look(a, COST_EVAL);
    if (!*passed || c->step > c->passed)
        return ST_OK;
    if (c->step == c->passed)
        c->passed++;
    struct course_entry *e = c->at_entry >= 0 ? &c->entry[c->at_entry] : NULL;
    if (e && c->passed > e->passed) {
        e->passed = c->passed;
        write_progress(a);
    }
    return ST_OK;
}

/* ---- commands of a lesson ---- */

static void add_lines(struct course *c, const struct lesson_lines *l)
{
    int most = (int)(sizeof c->wait / sizeof *c->wait);
    for (int i = 0; i < l->n && c->n_wait < most; i++)
        c->wait[c->n_wait++] = l->line[i];
}

static void begin_step(struct course *c)
{
    int rows = 0;
    while (cmd_defs[rows].name)
        rows++;
    memset(c->ran, 0, sizeof *c->ran * (size_t)rows);
    memset(c->now, 0, sizeof c->now);
    c->fresh = false;
    c->hints = 0;
    c->seen = 0;
}

void course_drop(struct app *a)
{
    if (!a->course)
        return;
    a->course->n_wait = a->course->at_wait = 0;
    if (a->course->fresh)
        begin_step(a->course);
}

/* No run goes on, not even one that was only just asked for, and no evaluation. */
static bool rests(struct app *a)
{
    for (int i = 0; i < SLOTS; i++)
        if (a->slots[i].trainer && !trainer_wait(a->slots[i].trainer, 0))
            return false;
    return !a->evaluating && !a->replay;
}

bool course_due(struct app *a, char *line, size_t size)
{
    struct course *c = a->course;
    if (!c || !c->open)
        return false;
    if (a->cancel && c->n_wait) { /* Ctrl-C: what is left of it too */
        course_drop(a);
        return false;
    }
    /* New data ends a run anyway: a lesson that begins with it does not wait for what went
     * on before. */
    bool at_once = c->n_wait && c->at_wait == 0 && strncmp(c->wait[0], "data ", 5) == 0;
    if (!at_once && !rests(a))
        return false;
    if (c->at_wait < c->n_wait) {
        snprintf(line, size, "%s", c->wait[c->at_wait++]);
        return true;
    }
    if (c->n_wait)
        course_drop(a);
    return false;
}

/* Without a screen what waits is run here, each command to its end. */
static enum status work(struct app *a, struct cmd_out *out, struct err *err)
{
    struct course *c = a->course;
    if (a->ui && out_form(out) == OUT_MESSAGE)
        return ST_OK;
    bool interactive = a->interactive;
    enum status st = ST_OK;
    a->interactive = false;
    while (st == ST_OK && c->at_wait < c->n_wait) {
        out_line(out, "> %s", c->wait[c->at_wait]);
        st = cmd_run_line(a, c->wait[c->at_wait++], true, out, err);
    }
    a->interactive = interactive;
    course_drop(a);
    return st;
}

static enum status no_lesson(const char *which, struct err *err)
{
    err_set(err, ST_ARG, "no lesson \"%.60s\"", which);
    return err_hint(err, "unknown", "Try: lesson list, or a file"), ST_ARG;
}

static int find_entry(const struct course *c, const char *which)
{
    char *end;
    long number = strtol(which, &end, 10);
    for (int i = 0; i < c->n_entry; i++)
        if (strcmp(c->entry[i].id, which) == 0 ||
            (*which && !*end && number == c->entry[i].number && number > 0))
            return i;
    return -1;
}

enum status course_start(struct app *a, const char *which, int step, struct cmd_out *out,
                         struct err *err)
{
    enum status st = course_open(a, err);
    if (st != ST_OK)
        return st;
    struct course *c = a->course;
    struct lesson *l = NULL;
    int at = which ? find_entry(c, which) : -1;
    for (int i = 0; !which && at < 0 && i < c->n_entry; i++)
        if (c->entry[i].passed < c->entry[i].steps)
            at = i;
    if (!which && at < 0)
        at = 0;
    bool file = at < 0 && which && (strchr(which, '/') || strchr(which, '.'));
    if ((at < 0 && !file) || (at >= 0 && at >= c->n_entry))
        return no_lesson(which ? which : "1", err);
    st = lesson_read(&l, at >= 0 ? c->entry[at].path : which, err);
    if (st == ST_OK && step > l->n_step) {
        err_set(err, ST_ARG, "\"%.60s\" has %d steps", l->title, l->n_step);
        err_hint(err, "bad-value", "step=1..%d", l->n_step);
        lesson_free(l);
        st = ST_ARG;
    }
    if (st != ST_OK)
        return st;
    lesson_free(c->open);
    c->open = l;
    c->at_entry = at;
    c->step = c->passed = step - 1;
    c->n_wait = c->at_wait = 0;
    begin_step(c);
    c->fresh = true;
    add_lines(c, &l->setup);
    for (int i = 0; i < step; i++) {
        add_lines(c, &l->step[i].setup);
        if (i < step - 1)
            add_lines(c, &l->step[i].run);
    }
    return work(a, out, err);
}

enum status course_go(struct app *a, int by, struct cmd_out *out, struct err *err)
{
    struct course *c = a->course;
    if (!course_step(a)) {
        err_set(err, ST_STATE, "no lesson is open");
        return err_hint(err, "no-lesson", "Try: lesson list"), ST_STATE;
    }
    int to = c->step + by;
    if (to < 0) {
        err_set(err, ST_STATE, "this is the first step");
        return err_hint(err, "usage", NULL), ST_STATE;
    }
    if (by > 0 && c->step >= c->passed) {
        err_set(err, ST_STATE, "this step is not passed yet");
        return err_hint(err, "not-yet", "Try: lesson hint, or: lesson do"), ST_STATE;
    }
    if (to == c->open->n_step) {
        course_leave(a);
        return ST_OK;
    }
    course_drop(a);
    c->step = to;
    begin_step(c);
    if (to < c->passed || by < 0) /* been here: nothing is set up again */
        return ST_OK;
    c->fresh = true;
    add_lines(c, &c->open->step[to].setup);
    return work(a, out, err);
}

enum status course_do(struct app *a, struct cmd_out *out, struct err *err)
{
    const struct lesson_step *s = course_step(a);
    if (!s) {
        err_set(err, ST_STATE, "no lesson is open");
        return err_hint(err, "no-lesson", "Try: lesson list"), ST_STATE;
    }
    if (a->course->at_wait < a->course->n_wait) {
        err_set(err, ST_STATE, "the lesson is still at work");
        return err_hint(err, "busy", "Wait for the run, or: lesson leave"), ST_STATE;
    }
    course_drop(a);
    add_lines(a->course, &s->run);
    return work(a, out, err);
}

void course_leave(struct app *a)
{
    if (!a->course)
        return;
    lesson_free(a->course->open);
    a->course->open = NULL;
    a->course->at_entry = -1;
    a->course->n_wait = a->course->at_wait = 0;
}

/* ---- what others ask ---- */

void course_saw(struct app *a, const struct cmd_def *def)
{
    if (a->course && a->course->open)
        a->course->ran[def - cmd_defs]++;
}

int course_ran(const struct app *a, const char *command)
{
    size_t n = strlen(command);
    int sum = 0;
    for (int i = 0; a->course && cmd_defs[i].name; i++)
        if (strncmp(cmd_defs[i].name, command, n) == 0 &&
            (cmd_defs[i].name[n] == '\0' || cmd_defs[i].name[n] == ' '))
            sum += a->course->ran[i];
    return sum;
}

static bool listed(const struct lesson_lines *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->line[i], name) == 0)
            return true;
    return false;
}

bool course_hides_tab(const struct app *a, const char *name)
{
    return course_step(a) && listed(&a->course->open->hidden_tabs, name);
}

bool course_hides_setting(const struct app *a, const char *name)
{
    return course_step(a) && listed(&a->course->open->hidden_settings, name);
}
