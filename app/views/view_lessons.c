/* The lessons: their list with progress, and the step that is open: prose, task, conditions
 * with what they are now, hints. */
#include "app/lesson/course.h"
#include "app/views/view_util.h"

#include <stdio.h>

/* ---- the list ---- */

struct list_state {
    int at, top;
    const struct lesson *seen; /* the cursor goes with what opens */
};

static bool list_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct list_state *st = v->state;
    const struct course *c = v->app->course;
    if (!c || c->open == st->seen)
        return false;
    if (c->open && c->at_entry >= 0)
        st->at = c->at_entry;
    else if (st->seen &&
             st->at + 1 < c->n_entry) /* done or left: the next one that is not done */
        for (int i = st->at; i < c->n_entry; i++)
            if (c->entry[i].passed < c->entry[i].steps) {
                st->at = i;
                break;
            }
    st->seen = c->open;
    return true;
}

static void list_draw(const struct view *v, struct canvas *c)
{
    const struct list_state *st = v->state;
    const struct course *l = v->app->course;
    if (!l || !l->n_entry) {
        draw_empty(c, "no lesson files", "lesson start FILE");
        return;
    }
    int foot = c->rows > l->n_entry + 5 ? 4 : 0, rows = c->rows - foot,
        top = canvas_scroll(st->top, st->at, rows, l->n_entry);
    for (int i = top; i < l->n_entry && i - top < rows; i++) {
        const struct course_entry *e = &l->entry[i];
        bool open = l->open && l->at_entry == i, done = e->steps > 0 && e->passed == e->steps;
        char right[24] = "";
        if (open)
            snprintf(right, sizeof right, "%d/%d", l->step + 1, l->open->n_step);
        else if (done)
            snprintf(right, sizeof right, "done");
        else if (e->passed)
            snprintf(right, sizeof right, "%d/%d", e->passed, e->steps);
        else if (!e->steps)
            snprintf(right, sizeof right, "broken");
        int w = text_width(right);
        if (open)
            canvas_text(c, i - top, 0, ROLE_MARK, ">");
        char number[16] = "";
        if (e->number)
            snprintf(number, sizeof number, "%d", e->number);
        canvas_right(c, i - top, 1, 2, open ? ROLE_STRONG : ROLE_DIM, number);
        canvas_left(c, i - top, 4, c->cols - 4 - (w ? w + 1 : 0),
                    open ? ROLE_STRONG : ROLE_TEXT, e->title);
        canvas_text(c, i - top, c->cols - w,
                    done && !open ? ROLE_GOOD
                    : open        ? ROLE_STRONG
                                  : ROLE_DIM,
                    right);
        if (i == st->at && v->focus)
            canvas_paint(c, i - top, 0, c->cols, ROLE_CURSOR);
    }
    if (foot) {
        struct canvas t = canvas_sub(c, c->rows - 3, 1, 3, c->cols - 1);
        canvas_wrap(&t, 0, ROLE_DIM, "Enter opens.\nYour own: :lesson start FILE");
    }
}

static bool list_key_(struct view *v, const char *key)
{
    struct list_state *st = v->state;
    const struct course *c = v->app->course;
    if (!c || !list_key(key, &st->at, c->n_entry, v->h))
        return false;
    st->top = canvas_scroll(st->top, st->at, v->h, c->n_entry);
    return true;
}

static bool list_enter(const struct view *v, char *line, size_t size)
{
    const struct list_state *st = v->state;
    const struct course *c = v->app->course;
    if (!c || st->at >= c->n_entry)
        return false;
    const struct course_entry *e = &c->entry[st->at];
    bool on = e->passed > 0 && e->passed < e->steps; /* goes on where it was left */
    if (c->open && c->at_entry == st->at)
        return false;
    if (on)
        snprintf(line, size, "lesson start %s step=%d", e->id, e->passed + 1);
    else
        snprintf(line, size, "lesson start %s", e->id);
    return true;
}

static bool list_click(struct view *v, int row, int col, bool twice)
{
    (void)col, (void)twice;
    struct list_state *st = v->state;
    const struct course *c = v->app->course;
    if (!c || st->top + row >= c->n_entry)
        return false;
    st->at = st->top + row;
    return true;
}

static bool list_find(struct view *v, const char *text, int dir)
{
    struct list_state *st = v->state;
    const struct course *c = v->app->course;
    int n = c ? c->n_entry : 0, step = dir < 0 ? -1 : 1;
    for (int k = 0, i = st->at + (dir ? step : 0); k < n; k++, i += step) {
        int at = ((i % n) + n) % n;
        if (find_in(c->entry[at].title, text) || find_in(c->entry[at].about, text)) {
            st->at = at;
            return true;
        }
    }
    return false;
}

static enum status list_open(struct view *v, struct err *err)
{
    return course_open(v->ui->app, err);
}

static const char *const list_keys[] = {"j/k", "lesson", "Enter", "open", "Tab", "text", NULL};
const struct view_def view_lessons = {
    .name = "lessons",
    .title = "lessons",
    .help = "Guided lessons and how far each was done.",
    .min_rows = 4,
    .min_cols = 18,
    .state_size = sizeof(struct list_state),
    .keys = list_keys,
    .open = list_open,
    .update = list_update,
    .draw = list_draw,
    .key = list_key_,
    .enter = list_enter,
    .click = list_click,
    .find = list_find,
};

/* ---- the step ---- */

struct text_state {
    int top, rows; /* first row shown, rows of all */
    const struct lesson *lesson;
    int step, passed, hints;
};

static bool text_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    struct text_state *st = v->state;
    const struct course *c = v->app->course;
    const struct lesson *l = c ? c->open : NULL;
    v->note[0] = '\0';
    if (l)
        snprintf(v->title, sizeof v->title, "%s: step %d of %d", l->title, c->step + 1,
                 l->n_step);
    else
        snprintf(v->title, sizeof v->title, "lesson");
    if (l && st->rows > v->h && v->h > 0)
        snprintf(v->note, sizeof v->note, st->top + v->h < st->rows ? "j more" : "k back");
    if (l && c->at_wait < c->n_wait)
        snprintf(v->note, sizeof v->note, "at work");
    bool news = l && (st->passed != c->passed || st->hints != c->hints);
    if (l != st->lesson || (l && st->step != c->step))
        st->top = 0;
    else if (news && st->rows > v->h) /* what is new stands at the end */
        st->top = REST;
    st->lesson = l;
    st->step = l ? c->step : 0;
    st->passed = l ? c->passed : 0;
    st->hints = l ? c->hints : 0;
    return l != NULL;
}

/* A page that is longer than the pane: rows before `top` are not drawn.  The canvas is cut
 * so that wrapped text flows over its edge. */
struct page {
    const struct canvas *c;
    int top, row, width, indent;
};

static void put(struct page *p, int indent, enum role role, const char *text)
{
    int y = p->row++ - p->top;
    if (y >= 0 && y < p->c->rows) {
        struct canvas room = canvas_sub(p->c, y, 1 + indent, 1, p->width - indent);
        canvas_text(&room, 0, 0, role, text);
    }
}

static void gap(struct page *p)
{
    if (p->row > 0)
        p->row++;
}

/* Paragraphs of lines, flowed to the width. */
static void flow(struct page *p, int indent, enum role role, const char *text)
{
    char line[4 * LESSON_COLUMNS + 8];
    int width = p->width - indent;
    size_t n = 0;
    line[0] = '\0';
    while (*text) {
        if (n == 0 && *text == ':') { /* a command stands on a line of its own */
            size_t len = strcspn(text, "\n");
            snprintf(line, sizeof line, "%.*s", (int)len, text);
            put(p, indent + 2, ROLE_KEY, line);
            line[0] = '\0';
            text += len + (text[len] == '\n');
            continue;
        }
        size_t w = strcspn(text, " \n");
        char word[4 * LESSON_COLUMNS + 1];
        snprintf(word, sizeof word, "%.*s", (int)(w < sizeof word ? w : sizeof word - 1), text);
        if (w && n && text_width(line) + 1 + text_width(word) > width) {
            put(p, indent, role, line);
            n = 0;
        }
        if (w)
            n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", n ? " " : "", word);
        if (n >= sizeof line)
            n = sizeof line - 1;
        text += w;
        if (strncmp(text, "\n\n", 2) == 0 ||
            strncmp(text, "\n:", 2) == 0) { /* a paragraph ends */
            if (n)
                put(p, indent, role, line);
            n = 0;
            line[0] = '\0';
            p->row += strncmp(text, "\n\n", 2) == 0;
        }
        text += strspn(text, " \n") > 0;
        while (*text == ' ')
            text++;
    }
    if (n)
        put(p, indent, role, line);
}

static void condition(struct page *p, const struct lesson_step *s, const struct course_now *now,
                      int i, bool passed)
{
    char line[200], num[FMT_NUM];
    bool holds = now->holds || passed;
    const char *value = now->known ? fmt_num(num, now->value) : "";
    put(p, 2, ROLE_STRONG, s->pass_text[i]);
    if (passed && !now->known)
        snprintf(line, sizeof line, "passed");
    else if (now->known)
        snprintf(line, sizeof line, "now %s: %s", value, holds ? "holds" : "not yet");
    else
        snprintf(line, sizeof line, "%s", now->why[0] ? now->why : "Enter checks");
    flow(p, 2, holds ? ROLE_GOOD : ROLE_WARN, line);
    const struct measure_def *d = NULL;
    bool known;
    if (s->pass[i].kind == COND_COMPARE && s->pass[i].q.kind == Q_MEASURE &&
        measure_check(s->pass[i].q.text, &known, &d, NULL) == ST_OK && d) {
        size_t n = strlen(d->name);
        snprintf(line, sizeof line, "%.*s: %s", (int)n, d->name, d->doc);
        flow(p, 2, ROLE_DIM, line);
    }
}

static void text_draw(const struct view *v, struct canvas *c)
{
    struct text_state *st = v->state;
    const struct course *l = v->app->course;
    const struct lesson_step *s = course_step(v->app);
    struct page p = {.c = c,
                     .top = 0,
                     .width =
                         c->cols - 2 < LESSON_COLUMNS + 4 ? c->cols - 2 : LESSON_COLUMNS + 4};
    if (!s) {
        const struct list_state *list = ui_view(v->ui->app, "lessons")->state;
        const struct course_entry *e = l && list->at < l->n_entry ? &l->entry[list->at] : NULL;
        if (e) {
            p.row = 1;
            put(&p, 0, ROLE_TITLE, e->title);
            gap(&p);
            flow(&p, 0, ROLE_TEXT, e->about);
            gap(&p);
            char line[80];
            snprintf(line, sizeof line, "%d steps, %d done.", e->steps, e->passed);
            put(&p, 0, ROLE_DIM, line);
            gap(&p);
            flow(&p, 0, ROLE_DIM,
                 "A lesson loads data and models of its own; the slots become empty.  Save "
                 "first what you want to keep: "
                 ":save session FILE");
            gap(&p);
            flow(&p, 0, ROLE_DIM,
                 "Every key runs a command, and the log keeps them: a lesson can be handed in "
                 "with :save log my-answer.rec");
        }
        return;
    }
    for (int pass = 0; pass < 2; pass++) { /* first only to know how long it is */
        struct canvas none = *c;
        none.rows = pass ? c->rows : 0;
        p.c = &none;
        p.row = 0;
        bool done = course_step_passed(v->app);
        put(&p, 0, ROLE_TITLE, s->title);
        gap(&p);
        flow(&p, 0, ROLE_TEXT, s->text);
        if (*s->task) {
            gap(&p);
            put(&p, 0, ROLE_TITLE, "Your task");
            flow(&p, 2, ROLE_TEXT, s->task);
        }
        gap(&p);
        put(&p, 0, ROLE_TITLE, done ? "Passed" : "Passed when");
        for (int i = 0; i < s->n_pass; i++)
            condition(&p, s, &l->now[i], i, done);
        for (int i = 0; i < l->hints && !done; i++) {
            char head[40];
            gap(&p);
            snprintf(head, sizeof head, "Hint %d of %d", i + 1, s->hint.n);
            put(&p, 0, ROLE_TITLE, head);
            flow(&p, 2, ROLE_TEXT, s->hint.line[i]);
        }
        if (done && *s->after) {
            gap(&p);
            put(&p, 0, ROLE_TITLE, "What you saw");
            flow(&p, 0, ROLE_TEXT, s->after);
        }
        st->rows = p.row;
        if (st->top > st->rows - c->rows)
            st->top = st->rows - c->rows;
        if (st->top < 0)
            st->top = 0;
        p.top = st->top;
    }
}

static bool text_key(struct view *v, const char *key)
{
    struct text_state *st = v->state;
    int at = st->top, n = st->rows - v->h + 1;
    if (n < 1 || !list_key(key, &at, n, v->h))
        return false;
    st->top = at;
    return true;
}

const struct view_def view_lesson = {
    .name = "lesson",
    .title = "lesson",
    .help = "The step that is open: text, task, conditions and what they are now.",
    .min_rows = 4,
    .min_cols = 30,
    .state_size = sizeof(struct text_state),
    .update = text_update,
    .draw = text_draw,
    .key = text_key,
};
