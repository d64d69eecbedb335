/* The thread that trains one learner: commands in, snapshots and series out; nothing ever
 * waits for the other.  architecture section 4. */
#ifndef ENGINE_TRAIN_TRAINER_H
#define ENGINE_TRAIN_TRAINER_H

#include "engine/train/explore.h"
#include "engine/train/series.h"

enum train_cmd_kind {
    TC_RUN,
    TC_PAUSE,
    TC_STEP,
    TC_STEP_OP,
    TC_STOP,
    TC_EVAL,
    TC_SAVE,
    TC_SET,
    TC_BREAK,
    TC_RATE,
    TC_EVERY
};
struct train_cmd {
    enum train_cmd_kind kind;
    /* TC_BREAK: 0 = arm text, k > 0: disarm the k-th, -1: all but nan; TC_STEP_OP: how many,
     * negative: back within the open batch; TC_RUN: stop at this step (0: until told);
     * TC_STEP: how many; TC_EVAL: 0 = now; TC_EVERY: evaluate every n steps */
    int64_t n;
    double value;
    /* TC_SAVE: path; TC_SET: "lr 0.0005"; TC_BREAK: "loss>6", "off loss>6" (or n: the n-th
     * off, -1 all off) */
    char text[200];
};
enum train_state { TS_READY, TS_RUN, TS_PAUSED, TS_STEP, TS_EVAL, TS_DONE, TS_FAILED };
const char *train_state_name(enum train_state s); /* "RUN" */

struct train_event { /* what really happened, for the log: "@1280 set lr 0.0005" */
    int64_t step;
    bool is_error;
    char text[200];
};
struct op_line {         /* an op of the batch that is walked */
    char name[72];       /* "block1.attn attention"; in the update: the parameter */
    int32_t rows, cols;  /* of its output; 0: none */
    int32_t us;          /* time it took when the batch was run through, microseconds */
    unsigned char phase; /* enum phase */
};
struct snapshot { /* a consistent picture of one moment */
    uint64_t seq;
    enum train_state state;
    /* op: of the open batch, 1..n_op; 0 = none open */
    int32_t epoch, op, n_op;
    char op_name[80]; /* "block1.attn attention" */
    int phase;        /* enum phase of the open batch */
    /* (n_op) all ops of the open batch, in order; NULL: none open */
    const struct op_line *line;
    /* n_ack: commands carried out so far */
    int64_t step, steps_per_epoch, target_step, n_ack;
    double lr, loss, grad_norm, steps_per_s, items_per_s, seconds; /* seconds: spent training */
    bool has_eval;
    struct eval_result eval; /* latest on validation */
    int32_t n_probe;
    const struct probe_copy *probe; /* watched, of the shown session */
    struct err err;                 /* TS_FAILED: why */
};
struct trainer;
/* Takes the learner until trainer_join.  run_dir NULL: nothing is written on its own. */
MUST_CHECK enum status trainer_start(struct trainer **out, struct learner *l, struct pool *p,
                                     const char *run_dir, struct err *err);
/* screen thread; false = queue full */
MUST_CHECK bool trainer_post(struct trainer *t, const struct train_cmd *c);
/* screen thread; valid until the next call */
const struct snapshot *trainer_snapshot(struct trainer *t);
/* next event, false = none */
bool trainer_event(struct trainer *t, struct train_event *out);
/* "loss", "term.rec", "term.kl", "valid.hr", "valid.ndcg", "valid.mrr", "valid.loss", "lr",
 * "grad.norm"; created at start, x = step. */
const struct series *trainer_series(const struct trainer *t, const char *name);
extern const char *const trainer_curves[]; /* those names; NULL-terminated */
/* A run that goes on where an older one stood, before the first command: that one's last
 * picture (seq, probes and ops are left out), and its curves, to be filled by series_push. */
void trainer_recall(struct trainer *t, const struct snapshot *s);
struct series *trainer_recall_series(struct trainer *t, const char *name);
/* Kept steps go there (borrowed: the slot's own, it outlives the trainer).  Call before the
 * first command. */
struct history;
void trainer_set_history(struct trainer *t, struct history *h);
/* The latest published parameters, a new reference; never NULL.  While paused they are
 * current. */
struct weights *trainer_weights(struct trainer *t);
/* Asks for newer ones after the step under way; copying takes at most a hundredth of the
 * run's time. */
void trainer_want_weights(struct trainer *t);
/* readable when a new snapshot, event or weights exist */
int trainer_wake_fd(const struct trainer *t);
/* It runs, or will: a command is posted that it has not taken yet.  Only when false may
 * another thread use the pool.  Screen thread. */
bool trainer_busy(struct trainer *t);
/* Plain and headless: wait (without the screen's loop) until all posted commands are done
 * and the state is not RUN/EVAL/STEP, or until `until` says so; timeout_ms < 0: none.  false
 * = timed out. */
bool trainer_wait(struct trainer *t, int timeout_ms);
/* stop, wait, free; the learner goes back to its slot */
struct learner *trainer_join(struct trainer *t);
/* constant facts only (model, ps, hp names) */
const struct learner *trainer_learner(const struct trainer *t);

#endif
