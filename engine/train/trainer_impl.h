/* The trainer's inside, for its own files only. */
#ifndef ENGINE_TRAIN_TRAINER_IMPL_H
#define ENGINE_TRAIN_TRAINER_IMPL_H

#include "engine/tensor/stats.h"
#include "engine/train/history.h"
#include "engine/train/queue.h"
#include "engine/train/trainer.h"
#include "engine/train/triple.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    S_LOSS,
    S_REC,
    S_KL,
    S_LR,
    S_GNORM,
    S_VALID_HR,
    S_VALID_NDCG,
    S_VALID_MRR,
    S_VALID_LOSS,
    N_SERIES
};
enum { MAX_BREAKS = 16, PROBE_MAX = 1 << 16 /* floats of an op's tensor that are shown */ };

enum brk_what {
    BRK_LOSS,
    BRK_GNORM,
    BRK_LR,
    BRK_STEP,
    BRK_EPOCH,
    BRK_HR,
    BRK_NDCG,
    BRK_MRR,
    BRK_VALID_LOSS,
    BRK_TENSOR
};
struct brk {
    enum brk_what what;
    int param; /* BRK_TENSOR: index of the parameter */
    enum stat_kind stat;
    char op[3];
    double value;
    char text[64];
};
struct rundir;

struct trainer {
    /* trainer's thread */
    struct learner *l;
    struct pool *pool;
    struct history *history;
    struct snapshot now;
    uint64_t seq;
    int64_t n_ack, steps_left, ops_left, every, valid_step, best_step, per_epoch;
    int64_t shown_ns, next_weights_ns, rate_ns, rate_steps, rate_items;
    double best;
    double alarm_sum; /* of this epoch, for the model's alarm */
    int64_t alarm_n;
    bool alarmed;
    int rate;
    bool walk_ops, op_open, said_full, weights_stale;
    /* rewalk: go back to this op of the batch by walking it anew; -1 = no */
    int32_t op_count, n_op, rewalk;
    struct op_line *line; /* (n_op) filled when the batch is counted */
    int32_t line_cap;
    int64_t line_ns;
    struct probe_copy op_copy; /* points into op_x */
    float *op_x;
    struct brk brk[MAX_BREAKS];
    int n_break;
    char broke[64];
    /* a breakpoint holds once at a step, so that resume goes on */
    int64_t broke_step;
    struct rundir *dir;

    /* between the threads */
    struct queue *cmds, *events;
    struct triple triple;
    struct snapshot shot[3];
    struct probe_copy *probe[3];
    float *probe_x[3];
    struct op_line *line_shot[3];
    int32_t line_shot_cap[3];
    /* appended by the trainer, read by the screen below their length */
    struct series *series[N_SERIES];
    pthread_mutex_t lock; /* guards the pointer `weights` */
    struct weights *weights;
    atomic_bool wanted, quit; /* wanted: a hint, relaxed; quit: release / acquire */
    /* of a validation: written by the screen, looked at between chunks */
    volatile bool cancel;
    int in_fd, out_fd;

    /* screen's thread */
    int64_t n_posted;
    bool started;
    pthread_t thread;
};

/* trainer.c: the eventfds between the threads */
void trainer_ring(int fd);
void trainer_hush(int fd);

/* trainer_run.c: the thread */
void *trainer_thread(void *trainer);
void trainer_say(struct trainer *t, bool is_error, const char *fmt, ...) PRINTF_LIKE(3, 4);
void trainer_publish_snapshot(struct trainer *t);
void trainer_obey(struct trainer *t, const struct train_cmd *c);
bool trainer_sleep(struct trainer *t); /* until something is posted; false = quit */
void trainer_finished_step(struct trainer *t, const struct step_info *i);

/* trainer_step.c: stepping by op */
bool trainer_on_op(void *ctx, const struct tape *tape, int32_t node, enum phase ph);
/* of the batch that comes: t->line, t->n_op; leaves no trace */
void trainer_list_ops(struct trainer *t);
/* into the snapshot that is being written */
const struct op_line *trainer_copy_ops(struct trainer *t, int shot);

/* trainer_break.c: conditional breakpoints */
bool trainer_before_update(void *ctx, const struct learner *l, double loss, double grad_norm);
MUST_CHECK enum status trainer_parse_break(const struct trainer *t, struct brk *b,
                                           const char *text, struct err *err);
const char *trainer_metric_break(struct trainer *t); /* after a validation; NULL = none */

/* rundir.c: what a run leaves on disk */
MUST_CHECK enum status rundir_open(struct trainer *t, const char *path, struct err *err);
void rundir_close(struct trainer *t);
void rundir_tick(struct trainer *t); /* saves when the interval is over */
void rundir_save(struct trainer *t);
void rundir_best(struct trainer *t);
void rundir_metrics(struct trainer *t, const struct eval_result *r);

#endif
