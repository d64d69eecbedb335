/* Conditional breakpoints: tested after the backward part and before the update; see
 * trainer.h. */
#include "engine/train/trainer_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "<", "<=", ">", ">=", "==", "!=" and a number, to the end of the text. */
static bool parse_comparison(struct brk *b, const char *p)
{
    static const char *const ops[] = {"<=", ">=", "==", "!=", "<", ">", "="};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        size_t n = strlen(ops[i]);
        if (strncmp(p, ops[i], n) != 0)
            continue;
        char *end;
        b->value = strtod(p + n, &end);
        memcpy(b->op, ops[i], n + 1);
        return end > p + n && !*end && !isnan(b->value);
    }
    return false;
}

/* "item.E.max": a statistic of a parameter's values as they are before the update. */
static enum status parse_tensor(const struct trainer *t, struct brk *b, const char *text,
                                size_t n, struct err *err)
{
    char name[sizeof b->text];
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    char *dot = strrchr(name, '.');
    if (!dot || !stats_find(dot + 1, &b->stat))
        return err_set(err, ST_ARG, "not a condition");
    *dot = '\0';
    const struct param *p = params_find(t->l->ps, name);
    if (!p)
        return err_set(err, ST_ARG, "%s has no parameter %s; breakpoints see parameters only",
                       t->l->model->title, name);
    b->what = BRK_TENSOR;
    b->param = p->index;
    return ST_OK;
}

enum status trainer_parse_break(const struct trainer *t, struct brk *b, const char *text,
                                struct err *err)
{
    static const struct {
        const char *name;
        enum brk_what what;
    } names[] = {
        {"valid.loss", BRK_VALID_LOSS},
        {"loss", BRK_LOSS},
        {"grad.norm", BRK_GNORM},
        {"lr", BRK_LR},
        {"step", BRK_STEP},
        {"epoch", BRK_EPOCH},
        {"hr@10", BRK_HR},
        {"ndcg@10", BRK_NDCG},
        {"mrr", BRK_MRR},
    };
    *b = (struct brk){.what = BRK_LOSS};
    if (strlen(text) >= sizeof b->text)
        return err_set(err, ST_ARG, "a breakpoint has at most %zu characters",
                       sizeof b->text - 1);
    snprintf(b->text, sizeof b->text, "%s", text);
    if (strcmp(text, "nan") == 0) { /* always armed: the step itself refuses */
        *b = (struct brk){.what = BRK_LOSS, .op = "!=", .value = (double)NAN, .text = "nan"};
        return ST_OK;
    }
    size_t n = strcspn(text, "<>=!");
    enum status st = ST_ARG;
    for (size_t i = 0; i < sizeof names / sizeof *names && st != ST_OK; i++)
        if (strlen(names[i].name) == n && strncmp(text, names[i].name, n) == 0) {
            b->what = names[i].what;
            st = ST_OK;
        }
    if (st != ST_OK)
        st = parse_tensor(t, b, text, n, err);
    if (st != ST_OK || (b->what == BRK_EPOCH && !text[n]))
        return st;
    return parse_comparison(b, text + n) ? ST_OK : err_set(err, ST_ARG, "not a condition");
}

static double param_stat(const struct learner *l, const struct brk *b)
{
    const struct param *p = params_at(l->ps, b->param);
    struct tensor_stats s;
    learner_settle(l, NULL);
    stats_of(l->x + p->at, (int64_t)param_rows(p), param_cols(p), p->ld, &s);
    return stats_get(&s, b->stat);
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
            hit = !b->op[0] ? t->per_epoch > 0 && l->step > 0 && l->step % t->per_epoch == 0
                            : t->per_epoch > 0 && holds(b, (double)(l->step / t->per_epoch));
            break;
        case BRK_TENSOR:
            hit = holds(b, param_stat(l, b));
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
        double x = b->what == BRK_HR           ? r->hr
                   : b->what == BRK_NDCG       ? r->ndcg
                   : b->what == BRK_MRR        ? r->mrr
                   : b->what == BRK_VALID_LOSS ? r->logloss
                                               : (double)NAN;
        if (!isnan(x) && holds(b, x))
            return b->text;
    }
    return NULL;
}
