/* Walking a batch op by op, and conditional breakpoints; see trainer.h.  The walk runs the same code as a run and sleeps between ops. */
#include "engine/train/trainer_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_tensor(struct trainer *t, const struct tensor *x)
{
    struct probe_copy *p = &t->op_copy;
    memset(p, 0, sizeof *p);
    if (!x || x->nd == 0)
        return;
    int32_t rows = tensor_rows(x), cols = tensor_cols(x);
    if (cols > PROBE_MAX)
        return;
    while ((int64_t)rows * cols > PROBE_MAX) /* the first rows of a large one */
        rows = PROBE_MAX / cols;
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
            size_t at = (size_t)r * (size_t)x->ld + (size_t)c, to = (size_t)r * (size_t)cols + (size_t)c;
            p->x[to] = (float)x->x[at];
            if (p->g)
                p->g[to] = (float)x->g[at];
        }
    p->step = t->l->step;
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
    const char *op = NULL, *name = NULL;
    const struct tensor *x = NULL;
    if (ph == PH_UPDATE)
        name = params_at(t->l->ps, node)->name;
    else if (ph != PH_REDUCE)
        name = tape_node(tape, node, &op, &x);
    snprintf(t->now.op_name, sizeof t->now.op_name, "%s%s%s", name ? name : "", name && *name && op ? " " : "", op ? op : phase_name(ph));
    copy_tensor(t, x);
    snprintf(t->op_copy.name, sizeof t->op_copy.name, "%.63s", t->now.op_name);
    t->now.op = t->op_count;
    t->now.n_op = t->n_op;
    t->now.phase = (int)ph;
    t->op_open = true;
    t->now.state = TS_STEP;
    t->ops_left = 0;
    trainer_publish_snapshot(t);
    while (t->walk_ops && t->ops_left == 0 && t->now.state == TS_STEP) {
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
        if (!t->walk_ops || t->ops_left > 0) { /* going on: no op is open to look at */
            t->now.op = 0;
            t->op_open = false;
        }
        if (any)
            trainer_publish_snapshot(t);
        if (t->walk_ops && t->ops_left == 0 && t->now.state == TS_STEP && !trainer_sleep(t))
            return false; /* quitting: the batch leaves no trace */
    }
    return t->now.state == TS_STEP || t->now.state == TS_RUN; /* paused or stopped: broken off */
}

/* ---- How many ops the batch has: it is run once for counting and broken off before the update ---- */

static bool count_op(void *ctx, const struct tape *tape, int32_t node, enum phase ph)
{
    (void)tape, (void)node, (void)ph;
    ++*(int32_t *)ctx;
    return true;
}

static bool break_off(void *ctx, const struct learner *l, double loss, double grad_norm)
{
    (void)ctx, (void)l, (void)loss, (void)grad_norm;
    return false;
}

int32_t trainer_count_ops(struct trainer *t)
{
    int32_t n = 0;
    struct step_watch watch = {.shard = -1, .session = -1, .on_op = count_op, .before_update = break_off, .ctx = &n};
    (void)!learner_step(t->l, t->pool, &watch, NULL, NULL); /* what is wrong with the batch shows when it is walked */
    for (int i = 0; i < params_n(t->l->ps); i++) /* the update goes parameter by parameter */
        n += !(params_at(t->l->ps, i)->flags & (PARAM_FROZEN | PARAM_STATE));
    return n;
}

/* ---- Breakpoints ---- */

bool trainer_parse_break(struct brk *b, const char *text)
{
    static const struct {
        const char *name;
        enum brk_what what;
    } names[] = {
        {"valid.loss", BRK_VALID_LOSS}, {"loss", BRK_LOSS}, {"grad.norm", BRK_GNORM}, {"lr", BRK_LR},   {"step", BRK_STEP},
        {"epoch", BRK_EPOCH},           {"hr@10", BRK_HR},  {"ndcg@10", BRK_NDCG},    {"mrr", BRK_MRR},
    };
    if (strcmp(text, "nan") == 0) { /* always armed: the step itself refuses */
        *b = (struct brk){.what = BRK_LOSS, .op = "!=", .value = (double)NAN};
        snprintf(b->text, sizeof b->text, "nan");
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i].name);
        if (strncmp(text, names[i].name, n) != 0)
            continue;
        const char *p = text + n;
        if (!*p && names[i].what == BRK_EPOCH) {
            *b = (struct brk){.what = BRK_EPOCH, .op = ""};
            snprintf(b->text, sizeof b->text, "%s", text);
            return true;
        }
        size_t k = strspn(p, "<>=!");
        char *end;
        double v = strtod(p + k, &end);
        if (k < 1 || k > 2 || end == p + k || *end)
            return false;
        *b = (struct brk){.what = names[i].what, .value = v};
        memcpy(b->op, p, k);
        snprintf(b->text, sizeof b->text, "%s", text);
        return true;
    }
    return false;
}

static bool holds(const struct brk *b, double x)
{
    if (strcmp(b->op, "<") == 0)
        return x < b->value;
    if (strcmp(b->op, "<=") == 0)
        return x <= b->value;
    if (strcmp(b->op, ">") == 0)
        return x > b->value;
    if (strcmp(b->op, ">=") == 0)
        return x >= b->value;
    if (strcmp(b->op, "!=") == 0)
        return !isnan(b->value) && x != b->value;
    return x == b->value;
}

bool trainer_before_update(void *ctx, const struct learner *l, double loss, double grad_norm)
{
    struct trainer *t = ctx;
    if (t->broke_step == l->step) /* it broke here before and was told to go on */
        return true;
    for (int i = 0; i < t->n_break; i++) {
        const struct brk *b = &t->brk[i];
        bool hit = false;
        switch (b->what) {
        case BRK_LOSS:
            hit = holds(b, loss);
            break;
        case BRK_GNORM:
            hit = holds(b, grad_norm);
            break;
        case BRK_LR:
            hit = holds(b, hp_num(l->hp, "lr"));
            break;
        case BRK_STEP:
            hit = holds(b, (double)(l->step + 1));
            break;
        case BRK_EPOCH:
            hit = t->per_epoch > 0 && l->step > 0 && l->step % t->per_epoch == 0;
            break;
        default:
            break;
        }
        if (hit) {
            snprintf(t->broke, sizeof t->broke, "%s", b->text);
            t->broke_step = l->step;
            return false;
        }
    }
    return true;
}

const char *trainer_metric_break(struct trainer *t)
{
    const struct eval_result *r = &t->now.eval;
    for (int i = 0; i < t->n_break; i++) {
        const struct brk *b = &t->brk[i];
        double x = b->what == BRK_HR ? r->hr : b->what == BRK_NDCG ? r->ndcg : b->what == BRK_MRR ? r->mrr : b->what == BRK_VALID_LOSS ? r->logloss : (double)NAN;
        if (!isnan(x) && holds(b, x))
            return b->text;
    }
    return NULL;
}
