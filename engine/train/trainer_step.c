/* Walking a batch op by op, forward and back; see trainer.h.  The walk runs the same code as
 * a run and sleeps between ops. */
#include "engine/train/learner_work.h"
#include "engine/base/clock.h"
#include "engine/train/trainer_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As many rows as are shown: the first of a large tensor. */
static int32_t rows_shown(int32_t rows, int32_t cols)
{
    return (int64_t)rows * cols > PROBE_MAX ? PROBE_MAX / cols : rows;
}

static void copy_tensor(struct trainer *t, const struct tensor *x)
{
    struct probe_copy *p = &t->op_copy;
    memset(p, 0, sizeof *p);
    if (!x || x->nd == 0)
        return;
    int32_t cols = tensor_cols(x), rows = rows_shown(tensor_rows(x), cols);
    if (rows == 0)
        return;
    p->nd = x->nd > 2 && (int64_t)tensor_rows(x) == rows ? x->nd : 2;
    if (p->nd == x->nd)
        memcpy(p->d, x->d, sizeof p->d);
    if (p->nd == 2) {
        p->d[0] = rows;
        p->d[1] = cols;
    }
    p->x = t->op_x;
    p->g = x->g ? t->op_x + PROBE_MAX : NULL;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < cols; c++) {
            size_t at = (size_t)r * (size_t)x->ld + (size_t)c,
                   to = (size_t)r * (size_t)cols + (size_t)c;
            p->x[to] = (float)x->x[at];
            if (p->g)
                p->g[to] = (float)x->g[at];
        }
    p->step = t->l->step;
}

/* What the update did to a parameter: the change of each number.  Returns its norm, over all
 * rows. */
static double copy_update(struct trainer *t, const struct param *q)
{
    struct probe_copy *p = &t->op_copy;
    const real *now = t->l->x + q->at, *was = t->l->work->backup + q->at;
    int32_t all = (int32_t)param_rows(q), cols = param_cols(q), rows = rows_shown(all, cols);
    double sum = 0;
    memset(p, 0, sizeof *p);
    for (int32_t r = 0; r < all; r++)
        for (int32_t c = 0; c < cols; c++) {
            size_t at = (size_t)r * (size_t)q->ld + (size_t)c;
            double d = (double)now[at] - (double)was[at];
            sum += d * d;
            if (r < rows)
                t->op_x[(size_t)r * (size_t)cols + (size_t)c] = (float)d;
        }
    if (rows > 0) {
        p->nd = 2;
        p->d[0] = rows;
        p->d[1] = cols;
        p->x = t->op_x;
        p->step = t->l->step;
    }
    return sqrt(sum);
}

/* "block1.attn attention", and the op's output (NULL: none). */
static const struct tensor *name_op(const struct trainer *t, const struct tape *tape,
                                    int32_t node, enum phase ph, char *buf, size_t size)
{
    const char *op = NULL, *name = NULL;
    const struct tensor *x = NULL;
    if (ph == PH_UPDATE)
        name = params_at(t->l->ps, node)->name;
    else if (ph != PH_REDUCE)
        name = tape_node(tape, node, &op, &x);
    if (!op && ph == PH_REDUCE)
        op = phase_name(ph);
    snprintf(buf, size, "%s%s%s", name ? name : "", name && *name && op ? " " : "",
             op ? op : "");
    return x;
}

bool trainer_on_op(void *ctx, const struct tape *tape, int32_t node, enum phase ph)
{
    struct trainer *t = ctx;
    t->op_count++;
    if (!t->walk_ops) /* told to finish the batch */
        return true;
    if (t->ops_left > 1) {
        t->ops_left--;
        return true;
    }
    const struct tensor *x = name_op(t, tape, node, ph, t->now.op_name, sizeof t->now.op_name);
    if (ph == PH_UPDATE) {
        double norm = copy_update(t, params_at(t->l->ps, node));
        size_t n = strlen(t->now.op_name);
        snprintf(t->now.op_name + n, sizeof t->now.op_name - n, "  change, norm %.4g", norm);
    } else {
        copy_tensor(t, x);
    }
    snprintf(t->op_copy.name, sizeof t->op_copy.name, "%.63s", t->now.op_name);
    t->now.op = t->op_count;
    t->now.n_op = t->n_op;
    t->now.phase = (int)ph;
    t->op_open = true;
    t->now.state = TS_STEP;
    t->ops_left = 0;
    trainer_publish_snapshot(t);
    while (t->walk_ops && t->ops_left == 0 && t->rewalk < 0 && t->now.state == TS_STEP) {
        struct train_cmd c;
        bool any = false;
        while (queue_pop(t->cmds, &c)) {
            any = true;
            if (c.kind == TC_EVAL || c.kind == TC_SAVE || c.kind == TC_SET) {
                t->n_ack++;
                trainer_say(t, true, "a batch is open: finish it first (step)");
            } else {
                trainer_obey(t, &c);
            }
        }
        if (!t->walk_ops || t->ops_left > 0 ||
            t->rewalk >= 0) { /* going on: no op is open to look at */
            t->now.op = 0;
            t->op_open = false;
        }
        if (any)
            trainer_publish_snapshot(t);
        if (t->walk_ops && t->ops_left == 0 && t->rewalk < 0 && t->now.state == TS_STEP &&
            !trainer_sleep(t))
            return false; /* quitting: the batch leaves no trace */
    }
    /* paused or stopped: broken off */
    return t->rewalk < 0 && (t->now.state == TS_STEP || t->now.state == TS_RUN);
}

/* ---- The ops of the batch: it is run once for listing them and broken off before the
 * update ---- */

static struct op_line *next_line(struct trainer *t, enum phase ph)
{
    if (t->n_op == t->line_cap) {
        int32_t cap = t->line_cap ? 2 * t->line_cap : 256;
        struct op_line *more = realloc(t->line, (size_t)cap * sizeof *more);
        if (!more)
            return NULL;
        t->line = more;
        t->line_cap = cap;
    }
    struct op_line *l = &t->line[t->n_op++];
    *l = (struct op_line){.phase = (unsigned char)ph};
    return l;
}

static bool list_op(void *ctx, const struct tape *tape, int32_t node, enum phase ph)
{
    struct trainer *t = ctx;
    int64_t now = clock_ns();
    struct op_line *l = next_line(t, ph);
    if (l) {
        const struct tensor *x = name_op(t, tape, node, ph, l->name, sizeof l->name);
        l->rows = x ? tensor_rows(x) : 0;
        l->cols = x ? tensor_cols(x) : 0;
        l->us = (int32_t)((now - t->line_ns) / 1000);
    }
    t->line_ns = clock_ns();
    return true;
}

static bool break_off(void *ctx, const struct learner *l, double loss, double grad_norm)
{
    (void)ctx, (void)l, (void)loss, (void)grad_norm;
    return false;
}

void trainer_list_ops(struct trainer *t)
{
    struct step_watch watch = {
        .shard = -1, .session = -1, .on_op = list_op, .before_update = break_off, .ctx = t};
    t->n_op = 0;
    t->line_ns = clock_ns();
    /* what is wrong with the batch shows when it is walked */
    (void)!learner_step(t->l, t->pool, &watch, NULL, NULL);
    for (int i = 0; i < params_n(t->l->ps); i++) { /* the update goes parameter by parameter */
        const struct param *p = params_at(t->l->ps, i);
        struct op_line *l =
            p->flags & (PARAM_FROZEN | PARAM_STATE) ? NULL : next_line(t, PH_UPDATE);
        if (l) {
            snprintf(l->name, sizeof l->name, "%s", p->name);
            l->rows = (int32_t)param_rows(p);
            l->cols = param_cols(p);
        }
    }
}

const struct op_line *trainer_copy_ops(struct trainer *t, int shot)
{
    if (t->line_shot_cap[shot] < t->n_op) {
        struct op_line *more = realloc(t->line_shot[shot], (size_t)t->n_op * sizeof *more);
        if (!more)
            return NULL;
        t->line_shot[shot] = more;
        t->line_shot_cap[shot] = t->n_op;
    }
    memcpy(t->line_shot[shot], t->line, (size_t)t->n_op * sizeof *t->line);
    return t->line_shot[shot];
}
