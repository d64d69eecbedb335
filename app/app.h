/* The workspace: data, model slots, the five globals (sequence, pin, slot, time, cursor), settings, log.  Owned by the screen thread (or the
 * only thread of a headless run).  Commands change it; views read it. */
#ifndef APP_APP_H
#define APP_APP_H

#include "engine/train/explorer.h"
#include "engine/train/history.h"
#include "engine/train/trainer.h"
#include "models/models.h"

enum { SEQ_MAX = 512, SLOTS = 26, UNDO_MAX = 256 };
#define STEP_LIVE ((int64_t)-1)

struct sequence {
    int32_t n;
    int32_t item[SEQ_MAX];
};
struct slot {                      /* 'A'..'Z' */
    const struct model_def *model; /* NULL = empty */
    struct learner *learner;       /* at rest here; NULL while the trainer has it */
    struct trainer *trainer;       /* running or paused run, else NULL; its series stay after it is done */
    struct weights *weights;       /* latest seen, what views show when live */
    struct history *history;       /* kept steps */
    struct eval_result valid;      /* latest validation; n == 0: none yet */
    struct eval_result test;
};
enum log_kind { LOG_COMMAND, LOG_EVENT, LOG_ERROR };
struct log_line {
    int64_t step;
    enum log_kind kind;
    char text[240];
};
struct baseline_scores {           /* pop and markov on the validation questions: dashed lines */
    bool ready;
    struct eval_result pop, markov;
};
struct settings;                   /* app/cmd/settings.h */
struct app {
    struct dataset *ds;
    struct split *split;
    struct ceiling valid_ceiling, test_ceiling; /* n == 0: none */
    bool has_ceiling;
    struct baseline_scores base;
    struct slot slots[SLOTS];
    int slot;                      /* current, 0 = 'A' */
    struct sequence seq, pin;
    bool has_pin;
    struct sequence undo[UNDO_MAX];
    int n_undo, at_undo;
    int64_t at;                    /* STEP_LIVE or a kept step */
    int cursor;                    /* place in the sequence, 0-based */
    bool truth_shown;              /* planted truth beside the answers */
    uint64_t seed;
    int threads;
    struct settings *set;
    struct pool *pool;
    struct explore *explore;       /* for answers on this thread (plain, headless) */
    struct explorer *explorer;     /* with a screen */
    struct log_line *log;          /* ring */
    int n_log, log_at;
    char message[320];             /* hint line: last message or error until the next key */
    bool message_is_error;
    bool interactive;              /* a screen or a prompt: train returns at once */
    bool quit;
    int exit_status;
    struct ui *ui;                 /* tabs, panes, focus: app/ui_state.h; NULL without a screen */
};

MUST_CHECK enum status app_new(struct app **out, int threads, uint64_t seed, struct err *err);
void app_free(struct app *a);
/* Takes ds and builds split, ceilings (in chunks, off the screen) and baselines; old slots are dropped. */
enum status app_set_data(struct app *a, struct dataset *ds, struct err *err);
struct slot *app_slot(struct app *a);                         /* current; its model may be NULL */
/* Parameters for what is viewed now: slot and time; a new reference or NULL (no model). */
struct weights *app_view_weights(struct app *a, int slot);
const struct snapshot *app_snapshot(struct app *a, int slot); /* of a running trainer, or NULL */
/* Once a tick on the screen thread: takes new snapshots, events and weights in.  true = something changed. */
bool app_poll(struct app *a);
void app_log(struct app *a, int64_t step, enum log_kind kind, const char *fmt, ...) PRINTF_LIKE(4, 5);
void app_edit(struct app *a, const struct sequence *next);    /* new sequence, the old one can be undone */
void app_item_text(const struct app *a, int32_t item, char *buf, size_t size); /* "31 lamp"; "31" without names; inert */

#endif
