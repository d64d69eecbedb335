/* lesson list start check next back hint do leave. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/lesson/course.h"
#include "app/ui/text.h"
#include "app/ui_state.h"

#include <stdio.h>
#include <string.h>

static void each_line(const char *text, const char *indent, struct cmd_out *out)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        out_line(out, "%s%.*s", indent, (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static void show_conditions(const struct app *a, struct cmd_out *out)
{
    const struct lesson_step *s = course_step(a);
    const struct course_now *now = a->course->now;
    json_t *list = json_array();
    for (int i = 0; i < s->n_pass; i++) {
        char num[FMT_NUM];
        const char *is = now[i].known ? fmt_num(num, now[i].value) : now[i].why;
        out_line(out, "  %s   now %s   %s", s->pass_text[i], *is ? is : "not asked yet",
                 now[i].holds ? "passed" : "not yet");
        json_t *j = json_object();
        json_object_set_new(j, "condition", json_text(s->pass_text[i]));
        json_object_set_new(j, "holds", json_boolean(now[i].holds));
        json_object_set_new(j, "value", now[i].known ? json_num(now[i].value) : json_null());
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "conditions", list);
}

static void show_place(const struct app *a, struct cmd_out *out)
{
    const struct course *c = a->course;
    out_int(out, "lesson", c->open->number);
    out_text(out, "title", c->open->title);
    out_int(out, "step", c->step + 1);
    out_int(out, "steps", c->open->n_step);
    out_bool(out, "passed", course_step_passed(a));
}

/* The step as text; on the screen the pane shows it. */
static void show_step(struct app *a, struct cmd_out *out)
{
    const struct course *c = a->course;
    const struct lesson_step *s = course_step(a);
    show_place(a, out);
    out_text(out, "heading", s->title);
    out_text(out, "text", s->text);
    out_text(out, "task", s->task);
    if (on_screen(a, out)) {
        (void)ui_show(a, "lesson", NULL, NULL);
        return;
    }
    out_line(out, "%s, step %d of %d: %s", c->open->title, c->step + 1, c->open->n_step,
             s->title);
    each_line(s->text, "", out);
    if (*s->task) {
        out_line(out, "Your task:");
        each_line(s->task, "  ", out);
    }
    out_line(out, "Passed when:");
    for (int i = 0; i < s->n_pass; i++)
        out_line(out, "  %s", s->pass_text[i]);
    out_line(out, "Then: lesson check.  Help: lesson hint, lesson do.");
}

// clang-format off
const struct cmd_arg args_lesson_list[] = {{0}};
const struct cmd_arg args_lesson_start[] = {
    {.name = "LESSON", .type = ARG_PATH, .optional = true, .doc = "number, name or file; default the first that is not done"},
    {.name = "step", .type = ARG_INT, .option = true, .optional = true, .min = 1, .max = LESSON_STEPS, .doc = "begins there: what comes before is done for you"},
    {0},
};
const struct cmd_arg args_lesson_check[] = {{0}};
const struct cmd_arg args_lesson_next[] = {{0}};
const struct cmd_arg args_lesson_back[] = {{0}};
const struct cmd_arg args_lesson_hint[] = {{0}};
const struct cmd_arg args_lesson_do[] = {{0}};
const struct cmd_arg args_lesson_leave[] = {{0}};
// clang-format on

enum status run_lesson_list(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    (void)call;
    enum status st = course_open(a, err);
    if (st != ST_OK)
        return st;
    if (on_screen(a, out))
        return ui_show(a, "lessons", NULL, err);
    json_t *list = json_array();
    for (int i = 0; i < a->course->n_entry; i++) {
        const struct course_entry *e = &a->course->entry[i];
        char done[24];
        snprintf(done, sizeof done, e->passed && e->passed == e->steps ? "done" : "%d/%d",
                 e->passed, e->steps);
        out_line(out, "%3d %-24s %-6s %s", e->number, e->title, done, e->about);
        json_t *j = json_object();
        json_object_set_new(j, "number", json_integer(e->number));
        json_object_set_new(j, "name", json_text(e->id));
        json_object_set_new(j, "title", json_text(e->title));
        json_object_set_new(j, "about", json_text(e->about));
        json_object_set_new(j, "steps", json_integer(e->steps));
        json_object_set_new(j, "passed", json_integer(e->passed));
        json_array_append_new(list, j);
    }
    json_object_set_new(out_json(out), "lessons", list);
    if (!a->course->n_entry)
        out_line(out, "no lesson files are installed; lesson start FILE takes one of your own");
    return ST_OK;
}

enum status run_lesson_start(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    const char *which = call_text(call, "LESSON", NULL);
    enum status st = course_start(a, which, (int)call_int(call, "step", 1), out, err);
    if (st != ST_OK) {
        call_blame(call, "LESSON", out);
        return st;
    }
    show_step(a, out);
    return ST_OK;
}

enum status run_lesson_check(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    (void)call;
    bool passed, later, before = course_step_passed(a);
    if (before && on_screen(a, out)) /* Enter again: on */
        return run_lesson_next(a, call, out, err);
    enum status st = course_check(a, on_screen(a, out), &passed, &later, err);
    if (st != ST_OK)
        return st;
    if (later) {
        out_line(out, "measuring on the validation questions ...   Esc stops");
        return ST_OK;
    }
    const struct lesson_step *s = course_step(a);
    show_place(a, out);
    if (!on_screen(a, out))
        show_conditions(a, out);
    if (!passed) {
        const struct course_now *n = a->course->now;
        int i = 0;
        while (i < s->n_pass - 1 && n[i].holds)
            i++;
        char num[FMT_NUM];
        if (n[i].known)
            err_set(err, ST_STATE, "not yet: %.100s, it is %s", s->pass_text[i],
                    fmt_num(num, n[i].value));
        else
            err_set(err, ST_STATE, "not yet: %.100s", n[i].why);
        return err_hint(err, "not-yet", on_screen(a, out) ? "H: a hint" : "Try: lesson hint"),
               ST_STATE;
    }
    bool last = a->course->step + 1 == a->course->open->n_step;
    if (!on_screen(a, out))
        each_line(s->after, "", out);
    out_text(out, "after", s->after);
    out_line(out, last ? "passed: that was the last step of this lesson" : "passed: %s goes on",
             on_screen(a, out) ? "Enter" : "lesson next");
    return ST_OK;
}

enum status run_lesson_next(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    (void)call;
    char title[80] = "";
    if (course_step(a))
        snprintf(title, sizeof title, "%s", a->course->open->title);
    enum status st = course_go(a, 1, out, err);
    if (st != ST_OK)
        return st;
    if (!course_step(a)) {
        out_line(out, "\"%s\" is done", title);
        out_bool(out, "done", true);
        return on_screen(a, out) ? ui_show(a, "lessons", NULL, err) : ST_OK;
    }
    show_step(a, out);
    return ST_OK;
}

enum status run_lesson_back(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    (void)call;
    enum status st = course_go(a, -1, out, err);
    if (st == ST_OK)
        show_step(a, out);
    return st;
}

enum status run_lesson_hint(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                            struct err *err)
{
    (void)call;
    const struct lesson_step *s = course_step(a);
    if (!s) {
        err_set(err, ST_STATE, "no lesson is open");
        return err_hint(err, "no-lesson", "Try: lesson list"), ST_STATE;
    }
    if (s->hint.n == 0 || a->course->hints == s->hint.n) {
        out_line(out, s->hint.n ? "no more hints; `lesson do` does it for you"
                                : "this step has no hints; `lesson do` does it for you");
        if (s->hint.n)
            out_text(out, "hint", s->hint.line[s->hint.n - 1]);
        return ST_OK;
    }
    const char *line = s->hint.line[a->course->hints++];
    if (!on_screen(a, out)) /* there the pane shows it */
        out_line(out, "hint %d of %d: %s", a->course->hints, s->hint.n, line);
    out_text(out, "hint", line);
    out_int(out, "number", a->course->hints);
    out_int(out, "hints", s->hint.n);
    return ST_OK;
}

enum status run_lesson_do(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                          struct err *err)
{
    (void)call;
    enum status st = course_do(a, out, err);
    if (st != ST_OK)
        return st;
    show_place(a, out);
    return ST_OK;
}

enum status run_lesson_leave(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                             struct err *err)
{
    (void)call;
    if (!course_step(a)) {
        err_set(err, ST_STATE, "no lesson is open");
        return err_hint(err, "no-lesson", "Try: lesson list"), ST_STATE;
    }
    out_line(out, "left \"%s\"; data and models stay", a->course->open->title);
    course_leave(a);
    return on_screen(a, out) ? ui_show(a, "lessons", NULL, err) : ST_OK;
}
