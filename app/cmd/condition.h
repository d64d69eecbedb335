/* Conditions and quantities: "loss<3", "hr@10>0.35", "nan", "step=100",
 * "epoch", "block1.attn.prob.max>0.9". */
#ifndef APP_CMD_CONDITION_H
#define APP_CMD_CONDITION_H

#include "engine/base/status.h"
#include "engine/tensor/stats.h"
#include <stdbool.h>
#include <stdint.h>

enum cond_kind { COND_COMPARE, COND_NAN, COND_STEP, COND_EPOCH };
enum cond_op { OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE };
enum quantity_kind {
    Q_LOSS,
    Q_VALID_LOSS,
    Q_HR,
    Q_NDCG,
    Q_MRR,
    Q_GRAD_NORM,
    Q_LR,
    Q_TENSOR,
    Q_MEASURE
};
struct quantity {
    enum quantity_kind kind;
    int k;          /* Q_HR, Q_NDCG */
    char text[120]; /* Q_TENSOR: the path, without the statistic; Q_MEASURE: all of it */
    enum stat_kind stat;
};
struct condition {
    enum cond_kind kind;
    enum cond_op op;
    struct quantity q;
    double value;
    int64_t step;
    char text[200]; /* as typed, without blanks: what the trainer is told */
};
MUST_CHECK enum status condition_parse(struct condition *out, const char *text,
                                       struct err *err);
MUST_CHECK enum status quantity_parse(struct quantity *out, const char *text, struct err *err);
/* NaN never holds, but with != */
bool condition_holds(enum cond_op op, double left, double right);

#endif
