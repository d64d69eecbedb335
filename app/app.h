/* The workspace: data, model slots, the five globals (sequence, pin, slot, time, cursor),
 * settings, log.  Owned by the screen thread (or the only thread of a headless
 * run).  Commands change it; views read it. */
#ifndef APP_APP_H
#define APP_APP_H

#include "engine/train/explorer.h"
#include "engine/train/history.h"
#include "engine/train/trainer.h"
#include "models/models.h"

enum { SEQ_MAX = 512, SLOTS = 26, UNDO_MAX = 256, LOG_LINES = 2000, WATCHES = 16 };
#define STEP_LIVE ((int64_t)-1)

struct sequence {
    int32_t n;
    int32_t item[SEQ_MAX];
};
struct setting_change { /* "lr 0.0005", in effect from the batch after `step` updates */
    int64_t step;
    char text[64];
};
struct slot {                      /* 'A'..'Z' */
    const struct model_def *model; /* NULL = empty */
    /* at rest here, also beside a trainer that was told nothing yet; NULL while that has it */
    struct learner *learner;
    /* running or paused run, else NULL; its series stay after it is done */
    struct trainer *trainer;
    uint64_t seen;            /* snapshot taken in last */
    struct weights *weights;  /* latest seen, what views show when live */
    struct history *history;  /* kept steps */
    struct eval_result valid; /* latest validation; n == 0: none yet */
    struct eval_result test;
    int64_t goal; /* step a script's `train` still has to reach; 0 = none */
    double best;  /* best validation NDCG so far, and its step */
    int64_t best_step;
    /* settings it began with, its start (NULL: step 0 of the seed) and what changed since: */
    struct hparams *hp0;
    struct learner *base;   /* enough to replay any step of the run */
    struct learner *recent; /* a later place to replay from, or NULL */
    struct setting_change change[64];
    int n_change;
    char breaks[16][200]; /* conditions armed by `break`, in the trainer's order */
    int n_break;
    char run[64];    /* folder the run writes to: app/cmd/run_folder.h; empty: none */
    char origin[80]; /* "fork of A at 1280", "model.st"; empty: made here */
};
struct watch { /* a quantity followed by `watch` */
    char text[120];
    double now, before; /* at `step` and at the step seen before; NaN: no value */
    int64_t step;
    int slot;
};
struct alias {
    char name[24];
    char command[200];
};
struct background; /* ceilings and baselines on a thread of their own: app/background.h */
enum { ABLATIONS = 32 };
struct ablation { /* a part of a slot's model set by hand for what is looked at */
    int slot;
    char part[48]; /* as named: "filter.4" */
    struct patch patch;
};
enum log_kind { LOG_COMMAND, LOG_EVENT, LOG_ERROR };
struct log_line {
    int64_t step;
    enum log_kind kind;
    bool running;  /* a command given while the run went on */
    bool by_event; /* its effect is reported by the run, with the step it really acted at */
    char text[240];
};
enum { BASELINES = 8 };
struct baseline_scores { /* all baselines on the validation questions: dashed lines */
    bool ready;
    int n;
    struct baseline_row {
        const struct model_def *model;
        struct eval_result r;
    } row[BASELINES];
};
/* of the model trained by filling in that was asked about last; background.h */
struct filling_floor {
    bool asked;
    unsigned data_generation;
    struct batch_spec spec; /* what was hidden */
    struct cloze_floor r;   /* n == 0: none is known */
};
enum { CARRIED = 8 };
struct app;
struct carried { /* see app_carry */
    void (*close)(struct app *);
    bool (*poll)(struct app *);
};
struct settings; /* app/settings.h */
struct app {
    struct dataset *ds;
    struct split *split;
    struct ceiling valid_ceiling, test_ceiling; /* n == 0: none */
    bool has_ceiling;
    struct filling_floor filling;
    struct baseline_scores base;
    struct slot slots[SLOTS];
    int slot; /* current, 0 = 'A' */
    struct sequence seq, pin;
    bool has_pin;
    struct sequence undo[UNDO_MAX];
    int n_undo, at_undo;
    int64_t at;                          /* STEP_LIVE or a kept step */
    int cursor;                          /* place in the sequence, 0-based */
    bool truth_shown;                    /* planted truth beside the answers */
    struct ablation ablation[ABLATIONS]; /* in the order they were set; app/cmd/ablate.h */
    int n_ablation;
    uint64_t seed;
    int threads;
    struct settings *set;
    struct pool *pool;
    struct explore *explore;   /* for answers on this thread (plain, headless) */
    struct explorer *explorer; /* with a screen */
    struct log_line *log;      /* ring */
    int n_log, log_at;
    char message[320]; /* hint line: last message or error until the next key */
    bool message_is_error;
    bool interactive; /* a screen or a prompt: train returns at once */
    bool quit, quit_asked;
    /* Set by the screen: binds a key for `bind`; NULL without one (bind then does nothing). */
    enum status (*bind)(struct app *a, const char *context, const char *keys,
                        const char *command, struct err *err);
    int exit_status;
    struct watch watch[WATCHES];
    int n_watch;
    double watched_s; /* when they were taken last */
    struct alias alias[64];
    int n_alias;
    int cmd_depth;          /* lines within lines: source, alias */
    struct arena *line_mem; /* of the line being run */
    int64_t next_stamp; /* step of the next stamped line of the script being run; -1 = none */
    bool lookahead;     /* a script that is known to its end: stamps can be obeyed exactly */
    /* folder of the script being run: its relative files are looked for there too; may be "" */
    char dir[512];
    struct eval_result asked; /* what `eval` answered last, for `assert`; n == 0: nothing */
    int asked_slot;
    /* with a screen: the explorer is at an `eval`; its answer comes in by app_poll */
    bool evaluating;
    bool evaluating_patched; /* with parts set by hand */
    bool evaluating_plain;   /* of the data's own questions, all of them: goes to the slot */
    int evaluating_slot;
    /* set by the screen: what a run publishes while it goes on is not taken in yet */
    bool hold_weights;
    bool error_shown; /* the script that failed has shown its line already */
    /* set by a signal or Ctrl-C: the running command ends with ST_CANCELLED */
    volatile bool cancel;
    struct replay *replay; /* under way: app/replay.h; NULL: none */
    struct background *background;
    /* that loads this file of data again; worlds know their own options */
    char data_command[1400];
    unsigned data_generation; /* grows with each app_set_data and app_set_split */
    struct ui *ui;            /* tabs, panes, focus: app/ui_state.h; NULL without a screen */
    struct cast *cast;        /* recording of the screen: app/io/cast.h; NULL: none */
    struct course *course;    /* lessons: app/lesson/course.h; NULL until one is asked for */
    struct carried carried[CARRIED];
    int n_carried;
    struct {
        /* what `attend` showed last without a screen: the cursor of its readers */
        int layer, head;
    } looked;
};

MUST_CHECK enum status app_new(struct app **out, int threads, uint64_t seed, struct err *err);
void app_free(struct app *a);
/* For parts that the workspace holds and does not know (panes, a recording, a course), when
 * they come to be: close is called when the workspace goes, the latest first, and accepts
 * that the part is gone; poll (or NULL) once a tick, true = something to draw.  A second
 * time with the same close: nothing. */
void app_carry(struct app *a, void (*close)(struct app *), bool (*poll)(struct app *));
/* Takes ds and builds split, ceilings (in chunks, off the screen) and baselines; old slots
 * are dropped. */
enum status app_set_data(struct app *a, struct dataset *ds, struct err *err);
/* New number of threads; ST_STATE while a run has the pool. */
enum status app_set_threads(struct app *a, int threads, struct err *err);
/* Starts the explorer's thread: for a screen. */
enum status app_start_explorer(struct app *a, struct err *err);
enum { APP_EVAL_ID = 1 }; /* the explorer's asker for `eval`; views begin at 1000 */
/* Puts a learner at rest into a slot, dropping what was there; kept steps begin with its
 * present one.  Takes l. */
enum status app_put_learner(struct app *a, int slot, struct learner *l, const char *origin,
                            struct err *err);
/* The same for a learner of the run in slot `from` at an earlier step: it can be replayed as
 * far back as that run.  from == slot is fine. */
enum status app_put_fork(struct app *a, int slot, int from, struct learner *l,
                         const char *origin, struct err *err);
void app_drop_slot(struct app *a, int slot);
/* The error of a command that needs a model where none is. */
enum status slot_none(int slot, struct err *err);
/* At rest, after its learner was changed: what views read is what it has now. */
enum status slot_publish(struct slot *s, struct err *err);
void slot_free(struct slot *s); /* what is in it; the explorer must be at rest */
/* Published parameters borrow from their learner; nothing may be looking at them when it
 * goes: the explorer stops and begins anew. */
void app_explorer_rest(struct app *a);
/* Facts of a slot's model whether it rests or runs; NULL = empty. */
const struct learner *app_learner(const struct app *a, int slot);
/* How its batches are made, and its head, as published last: what the learner itself has may
 * be set under a run. NULL = none. */
const struct batch_spec *app_batch_spec(const struct app *a, int slot);
const struct head *app_head(const struct app *a, int slot);
int64_t app_step(struct app *a, int slot); /* updates done; 0 for an empty slot */
bool app_running(struct app *a, int slot); /* RUN, STEP or EVAL */
/* the workers; NULL while a run or a replay has them to itself */
struct pool *app_pool(struct app *a);
int app_running_slot(struct app *a); /* -1 = none */
/* "live", "first", "best", "next", "prev", N, +N, -N, @N as a kept step of the slot; no-step
 * when it is not kept. */
enum status app_resolve_time(struct app *a, int slot, const char *text, int64_t *step,
                             struct err *err);
/* The parameters of a slot at a time; a new reference. */
enum status app_weights_at(struct app *a, int slot, int64_t at, struct weights **out,
                           struct err *err);
/* What the data's protocol and the setting `exclude` say. */
bool app_exclude_seen(const struct app *a);
/* Questions that are asked of a part: without those no rule answers, the starts of patterns. */
int64_t app_questions(const struct app *a, enum split_part part);
/* "A:SASRec @1840" */
void app_slot_title(struct app *a, int slot, int64_t step, char *buf, size_t size);
/* A split of another kind on the same data; slots are dropped. */
/* k: of leave-k-out; of sessions: percent that validate */
enum status app_set_split(struct app *a, enum split_kind kind, int32_t k, struct err *err);
int app_free_slot(const struct app *a); /* the next empty one, -1 = none */
struct slot *app_slot(struct app *a);   /* current; its model may be NULL */
/* Parameters for what is viewed now: slot and time; a new reference or NULL (no model). */
struct weights *app_view_weights(struct app *a, int slot);
/* of a running trainer, or NULL */
const struct snapshot *app_snapshot(struct app *a, int slot);
/* Takes the watched quantities anew when the run has moved: at most four times a second
 * while it runs. */
void app_refresh_watches(struct app *a);
/* Once a tick on the screen thread: takes new snapshots, events and weights in.  true =
 * something changed. */
bool app_poll(struct app *a);
void app_log(struct app *a, int64_t step, enum log_kind kind, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* 0 = oldest of n_log; NULL = none */
const struct log_line *app_log_at(const struct app *a, int i);
/* new sequence, the old one can be undone */
void app_edit(struct app *a, const struct sequence *next);
bool app_undo(struct app *a, int dir); /* -1 undo, 1 redo; false = nothing there */
/* "31 lamp"; "31" without names; inert */
void app_item_text(const struct app *a, int32_t item, char *buf, size_t size);

#endif
