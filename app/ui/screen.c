/* The loop of the screen: keys become command lines, engine events become redraws at the
 * next tick.  A key is answered at once; what the engine publishes is drawn at most ten
 * times a second, answers to questions at most `fps` times; an idle screen sleeps. */
#include "app/ui/screen.h"
#include "app/cmd/command.h"
#include "app/io/cast.h"
#include "app/io/config.h"
#include "app/lesson/course.h"
#include "app/replay.h"
#include "app/ui/keymap.h"
#include "app/ui/screen_parts.h"
#include "app/ui/signals.h"
#include "app/views/view_util.h"
#include "engine/base/clock.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Somebody at the keys sees everything as soon as it is there.  Nobody there for a while: a
 * run shows that it lives, and keeps the cores; its bells are not even listened to between
 * two pictures, since each would take a core from a worker. */
static const double CALM_AFTER_S = 2, CALM_TICK_S = 0.125;
static const double CALM_WEIGHTS_S = 0.25, CALM_SHARE = 0.01, NEAR_WEIGHTS_S = 0.1,
                    NEAR_SHARE = 0.2;

static bool is_calm(const struct screen *s, double now)
{
    return now - s->touched > CALM_AFTER_S;
}

/* ---- drawing ---- */

static void record(struct screen *s)
{
    struct app *a = s->app;
    struct err err = {0};
    if (!a->cast || cast_frame(a->cast, &s->grid, clock_s(), &err) == ST_OK)
        return;
    a->cast = NULL; /* it has ended itself; what was there before stands */
    app_log(a, app_step(a, a->slot), LOG_ERROR, "record: %s", err.msg);
    snprintf(a->message, sizeof a->message, "recording ended: %s", err.msg);
    a->message_is_error = true;
}

static void show(struct screen *s)
{
    struct app *a = s->app;
    if (settings_generation(a) != s->settings_seen)
        screen_looks(s);
    s->face.theme = &s->theme;
    s->face.prompt = s->prompt;
    s->face.question = s->question;
    char pending[96];
    if (s->keys.counting)
        snprintf(pending, sizeof pending, ";%d %s", s->keys.count, s->keys.keys);
    else
        snprintf(pending, sizeof pending, "%s", s->keys.keys);
    s->face.pending = pending;
    s->face.result = s->result;
    s->face.flash = clock_s() < s->flash_until;
    screen_compose(a, &s->face, &s->grid);
    if (a->ui->repaint)
        term_repaint(s->term);
    a->ui->repaint = false;
    term_show(s->term, &s->grid, s->face.cursor_row, s->face.cursor_col);
    record(s);
    s->face.pending = "";
    /* A slow line: fewer pictures; keys are exempt. */
    double took = term_show_s(s->term);
    if (took > 0.05) {
        if (++s->slow >= 2 && s->tick < 0.25) {
            s->tick *= 2;
            s->slow = 0;
        }
    } else {
        s->slow = 0;
        if (s->tick > 0.1)
            s->tick = s->tick * 0.98 > 0.1 ? s->tick * 0.98 : 0.1;
    }
    s->dirty_key = s->dirty_live = s->dirty_answer = false;
}

/* Answers about a model that learns are made anew when its parameters come in, which is left
 * to this place: often while somebody is at the keys; else so seldom that the answers take a
 * small share of a core.  Without questions a command finds parameters a second old at most. */
static void take_weights(struct screen *s, double now)
{
    struct app *a = s->app;
    struct ui *u = a->ui;
    int runs = app_running_slot(a);
    a->hold_weights = runs >= 0;
    if (runs < 0)
        return;
    const struct slot *q = &a->slots[runs];
    if (q->weights != s->weights_seen) {
        bool asks = false;
        for (int i = 0; i < u->n_view; i++)
            asks = asks || (u->view[i].visible && u->view[i].def->ask);
        double used = a->explorer ? explorer_cpu_s(a->explorer) : 0,
               took = used - s->explored_s;
        double least = is_calm(s, now) ? CALM_WEIGHTS_S : NEAR_WEIGHTS_S,
               share = is_calm(s, now) ? CALM_SHARE : NEAR_SHARE;
        double wait = took / share > least ? took / share : least;
        s->next_weights = now + (!asks || wait > 1 ? 1 : wait);
        s->explored_s = used;
        s->weights_seen = q->weights;
    } else if (now >= s->next_weights) {
        trainer_want_weights(q->trainer);
        a->hold_weights = false;
    }
}

/* What a lesson runs for its reader: a command whenever nothing goes on.  They are not
 * logged: the lesson's own command is. */
static void lesson_commands(struct screen *s)
{
    struct app *a = s->app;
    char line[512];
    bool setup = a->course && a->course->fresh;
    while (!a->quit && course_due(a, line, sizeof line)) {
        a->cmd_depth++;
        screen_line(s, line);
        a->cmd_depth--;
        s->dirty_key = true;
        if (a->message_is_error && a->message[0]) {
            course_drop(a);
            return;
        }
        app_poll(a);
    }
    if (setup && !a->course->fresh &&
        !a->message_is_error) /* what it loaded is on the screen */
        a->message[0] = '\0';
}

static int wake_fds(struct app *a, int fd[8])
{
    int n = 0;
    for (int i = 0; i < SLOTS && n < 6; i++)
        if (a->slots[i].trainer)
            fd[n++] = trainer_wake_fd(a->slots[i].trainer);
    if (a->explorer)
        fd[n++] = explorer_wake_fd(a->explorer);
    if (replay_wake_fd(a) >= 0)
        fd[n++] = replay_wake_fd(a);
    return n;
}

static int until(double now, double when)
{
    double ms = (when - now) * 1000;
    return ms <= 0 ? 0 : ms > 60000 ? 60000 : (int)ms + 1;
}

static void loop(struct screen *s)
{
    struct app *a = s->app;
    struct term_event ev;
    while (!a->quit) {
        int fd[8], n = wake_fds(a, fd), timeout = -1;
        double now = clock_s();
        if (s->dirty_live)
            timeout = until(now, s->next_live);
        if (s->dirty_answer && (timeout < 0 || until(now, s->next_answer) < timeout))
            timeout = until(now, s->next_answer);
        if (s->flash_until > now && (timeout < 0 || until(now, s->flash_until) < timeout))
            timeout = until(now, s->flash_until);
        if ((a->background || a->replay) && (timeout < 0 || timeout > 100))
            timeout = 100;
        if (is_calm(s, now) && now < s->next_live) {
            n = 0;
            timeout = until(now, s->next_live);
        }
        term_wait(s->term, timeout, fd, n);
        for (int i = 0; i < n;
             i++) { /* event descriptors count; what they announce is taken in below */
            uint64_t sum;
            ssize_t got = read(fd[i], &sum, sizeof sum);
            (void)got;
        }
        while (!a->quit && term_read(s->term, &ev))
            screen_event(s, &ev);
        if (a->quit)
            break;
        if (s->dirty_key) {
            ui_ask(a, false);
            show(s);
        }
        /* The engine: taken in at once (cheap), drawn at the next tick. */
        if (app_poll(a))
            s->dirty_live = true;
        if (ui_answers(a))
            s->dirty_answer = true;
        now = clock_s();
        take_weights(s, now);
        ui_ask(a, false);
        lesson_commands(s);
        if (s->flash_until > 0 && now >= s->flash_until) {
            s->flash_until = 0;
            s->dirty_answer = true;
        }
        bool live = s->dirty_live && now >= s->next_live,
             answer = s->dirty_answer && now >= s->next_answer;
        if (live || answer) {
            show(s);
            double frame = 1.0 / (setting(a, SETTING_FPS) >= 1 ? setting(a, SETTING_FPS) : 30);
            double calm = is_calm(s, now) ? CALM_TICK_S : 0;
            s->next_answer = now + fmax(fmax(frame, s->tick / 3), calm);
            s->next_live = now + fmax(fmax(frame, s->tick), calm);
        }
    }
}

/* The line broke or the system goes down: models that learned something are kept aside. */
static void rescue(struct app *a)
{
    for (int i = 0; i < SLOTS; i++) {
        char name[64], path[1024], line[1100];
        const struct slot *q = &a->slots[i];
        if (!q->model || (q->model->flags & MODEL_BASELINE) || app_step(a, i) == 0)
            continue;
        snprintf(name, sizeof name, "rescue/%c-%s-%lld.safetensors", 'A' + i, q->model->name,
                 (long long)app_step(a, i));
        if (!config_path(PLACE_STATE, name, true, path, sizeof path))
            return;
        if (q->trainer) { /* at rest between two batches */
            struct train_cmd pause = {.kind = TC_PAUSE};
            if (trainer_post(q->trainer, &pause))
                (void)trainer_wait(q->trainer, 3000);
            app_poll(a);
        }
        snprintf(line, sizeof line, "save model \"%s\" model=%c", path, 'A' + i);
        struct cmd_out *out = cmd_out_new(OUT_MESSAGE, NULL, NULL);
        struct err err = {0};
        if (out)
            (void)cmd_run_line(a, line, true, out, &err);
        cmd_out_free(out);
    }
}

int screen_run(struct app *a, const struct screen_options *o)
{
    struct err err = {0};
    struct screen *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    s->app = a;
    s->tick = 0.1;
    s->mouse = !o->no_mouse;
    s->looks.depth = DEPTH_AUTO;
    if (o->color && !depth_parse(o->color, &s->looks.depth))
        s->looks.depth = DEPTH_AUTO;
    struct term_options topt = {.mouse = s->mouse, .depth = s->looks.depth};
    int rows = 24, cols = 80, exit_status = 1;
    enum status st = signals_fd() < 0 ? signals_start(&err) : ST_OK;
    if (st == ST_OK)
        st = term_start(&s->term, &topt, &err);
    if (st != ST_OK)
        goto out;
    term_size(s->term, &rows, &cols);
    st = ui_new(a, cols, rows, &err);
    if (st == ST_OK)
        st = grid_init(&s->grid, rows, cols, &err);
    struct prompt_options popt = {.complete = screen_complete, .ctx = s, .history = o->history};
    if (st == ST_OK)
        st = prompt_new(&s->prompt, &popt, &err);
    if (st != ST_OK)
        goto out;
    /* the answer stays hidden until asked for */
    (void)setting_set(a, SETTING_TRUTH, "off", NULL);
    screen_looks(s);
    show(s); /* the frame first; data, model and ceilings come behind it */
    if (!a->explorer)
        st = app_start_explorer(a, &err);
    a->interactive = true;
    for (int i = 0; st == ST_OK && o->start && o->start[i] && !a->quit; i++) {
        screen_line(s, o->start[i]);
        if (a->message_is_error && a->message[0])
            break;
        a->message[0] = '\0'; /* the hints come first */
        show(s);
    }
    s->dirty_key = true;
    if (st == ST_OK)
        loop(s);
    exit_status = a->exit_status;
    if (st == ST_OK && (exit_status == 128 + SIGHUP || exit_status == 128 + SIGTERM))
        rescue(a);
out:
    screen_forget(s);
    prompt_free(s->prompt);
    term_stop(s->term);
    grid_done(&s->grid);
    ui_free(a);
    free(s);
    if (st != ST_OK) {
        fprintf(stderr, "seqlab: %s\n", err.msg);
        return st == ST_UNSUPPORTED ? SCREEN_NO_TERMINAL : 1;
    }
    return exit_status;
}

/* ---- a picture without a terminal ---- */

enum status screen_snap(struct app *a, int cols, int rows, const struct theme *theme,
                        struct grid *out, struct err *err)
{
    bool own = a->ui == NULL;
    enum status st = own ? ui_new(a, cols, rows, err) : ST_OK;
    if (st == ST_OK)
        st = grid_resize(out, rows, cols, err);
    if (st != ST_OK)
        goto out;
    struct theme plain;
    if (!theme) {
        theme_fixed(&plain, GLYPHS_BRAILLE, DEPTH_256, false);
        theme = &plain;
    }
    struct face *f = calloc(1, sizeof *f);
    if (!f) {
        st = err_nomem(err, sizeof *f, "a picture of the screen");
        goto out;
    }
    f->theme = theme;
    f->pending = f->question = "";
    int cols0 = a->ui->cols, rows0 = a->ui->rows;
    ui_arrange(a->ui, cols, rows);
    /* Twice: some questions follow from the answers of others. */
    for (int i = 0; i < 3 && ui_ask(a, true); i++)
        ui_update(a);
    screen_compose(a, f, out);
    if (!own)
        ui_arrange(a->ui, cols0, rows0);
    free(f);
out:
    if (own)
        ui_free(a);
    return st;
}
