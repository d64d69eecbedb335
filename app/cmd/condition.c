/* Parsing of conditions; see condition.h.  Their values come from cmd_train.c. */
#include "app/cmd/condition.h"
#include "app/cmd/measure.h"
#include "app/cmd/suggest.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"loss", "valid.loss", "hr@10", "ndcg@10",
                                    "mrr",  "grad.norm",  "lr",    NULL};

static bool metric_k(const char *text, const char *name, int *k)
{
    size_t n = strlen(name);
    if (strncmp(text, name, n) != 0)
        return false;
    if (!text[n])
        return *k = 10, true;
    if (text[n] != '@' || !isdigit((unsigned char)text[n + 1]))
        return false;
    char *end;
    long v = strtol(text + n + 1, &end, 10);
    *k = (int)v;
    return !*end && v >= 1 && v <= 1000;
}

enum status quantity_parse(struct quantity *out, const char *text, struct err *err)
{
    *out = (struct quantity){.k = 10};
    if (strcmp(text, "loss") == 0)
        out->kind = Q_LOSS;
    else if (strcmp(text, "valid.loss") == 0)
        out->kind = Q_VALID_LOSS;
    else if (strcmp(text, "grad.norm") == 0)
        out->kind = Q_GRAD_NORM;
    else if (strcmp(text, "lr") == 0)
        out->kind = Q_LR;
    else if (metric_k(text, "hr", &out->k))
        out->kind = Q_HR;
    else if (metric_k(text, "ndcg", &out->k))
        out->kind = Q_NDCG;
    else if (metric_k(text, "mrr", &out->k))
        out->kind = Q_MRR;
    else {
        bool known;
        enum status st = measure_check(text, &known, NULL, err);
        if (known && st == ST_OK) {
            out->kind = Q_MEASURE;
            snprintf(out->text, sizeof out->text, "%s", text);
        }
        if (known)
            return st;
        const char *dot = strrchr(text, '.');
        if (dot && dot > text && stats_find(dot + 1, &out->stat) &&
            (size_t)(dot - text) < sizeof out->text) {
            out->kind = Q_TENSOR;
            snprintf(out->text, sizeof out->text, "%.*s", (int)(dot - text), text);
            return ST_OK;
        }
        struct suggest s;
        suggest_begin(&s, text);
        for (int i = 0; names[i]; i++)
            suggest_add(&s, names[i]);
        for (int i = 0; measure_defs[i].name; i++)
            suggest_add(&s, measure_defs[i].name);
        err_set(err, ST_ARG, "\"%.60s\" is not a quantity", text);
        if (s.pick)
            return err_hint(err, "bad-value", "Did you mean %s?", s.pick), ST_ARG;
        return err_hint(
                   err, "bad-value",
                   "Quantities: loss valid.loss hr@10 ndcg@10 mrr grad.norm lr TENSOR.max"),
               ST_ARG;
    }
    return ST_OK;
}

static enum status number(const char *text, double *out, struct err *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || isnan(*out)) {
        err_set(err, ST_ARG, "\"%.40s\" is not a number", text);
        return err_hint(err, "bad-value", "Try: loss<3"), ST_ARG;
    }
    return ST_OK;
}

enum status condition_parse(struct condition *out, const char *text, struct err *err)
{
    *out = (struct condition){.kind = COND_COMPARE};
    if (strlen(text) >= sizeof out->text) {
        err_set(err, ST_ARG, "a condition has at most %d characters",
                (int)sizeof out->text - 1);
        return err_hint(err, "bad-value", "Try: loss<3"), ST_ARG;
    }
    char name[200];
    size_t n = 0, t = 0;
    for (const char *p = text; *p; p++)
        if (!isspace((unsigned char)*p))
            out->text[t++] = *p;
    out->text[t] = '\0';
    if (strcmp(out->text, "nan") == 0)
        return out->kind = COND_NAN, ST_OK;
    if (strcmp(out->text, "epoch") == 0)
        return out->kind = COND_EPOCH, ST_OK;
    /* Outside brackets: an index has '=' too. */
    const char *p = out->text;
    for (int depth = 0; *p; p++) {
        depth += (*p == '[') - (*p == ']');
        if (depth == 0 && strchr("<>=!", *p))
            break;
        name[n++] = *p;
    }
    name[n] = '\0';
    static const struct {
        const char *text;
        enum cond_op op;
    } ops[] = {{"<=", OP_LE}, {">=", OP_GE}, {"==", OP_EQ},
               {"!=", OP_NE}, {"<", OP_LT},  {">", OP_GT}};
    if (strcmp(name, "step") == 0 && p[0] == '=') {
        double v;
        if (number(p + 1 + (p[1] == '='), &v, err) != ST_OK)
            return ST_ARG;
        if (v < 0 || v > 1e15 || v != floor(v)) {
            err_set(err, ST_ARG, "step must be a whole number >= 0");
            return err_hint(err, "bad-value", "Try: step=1000"), ST_ARG;
        }
        out->step = (int64_t)v;
        return out->kind = COND_STEP, ST_OK;
    }
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        size_t len = strlen(ops[i].text);
        if (strncmp(p, ops[i].text, len) != 0)
            continue;
        out->op = ops[i].op;
        if (quantity_parse(&out->q, name, err) != ST_OK)
            return ST_ARG;
        return number(p + len, &out->value, err);
    }
    err_set(err, ST_ARG, "\"%.60s\" is not a condition", text);
    return err_hint(err, "bad-value", "Try: loss<3, hr@10>0.35, nan, step=1000 or epoch"),
           ST_ARG;
}

bool condition_holds(enum cond_op op, double left, double right)
{
    switch (op) {
    case OP_LT:
        return left < right;
    case OP_LE:
        return left <= right;
    case OP_GT:
        return left > right;
    case OP_GE:
        return left >= right;
    case OP_EQ:
        return left == right;
    case OP_NE:
        return left != right;
    }
    return false;
}
