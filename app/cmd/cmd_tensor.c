/* tensors tensor. */
#include "app/cmd/call.h"
#include "app/cmd/commands.h"
#include "app/cmd/tensor_path.h"
#include "app/run.h"
#include "app/ui/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
const struct cmd_arg args_tensors[] = {
    {.name = "PATTERN", .type = ARG_TENSOR, .optional = true, .doc = "* stands for any part"},
    {0},
};
// clang-format on

static void shape_text(int nd, const int32_t *d, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (int i = 0; i < nd; i++) {
        int w = snprintf(buf + n, size - n, "%s%d", i ? "x" : "", (int)d[i]);
        n += w > 0 && (size_t)w < size - n ? (size_t)w : 0;
    }
}

static json_t *shape_json(int nd, const int32_t *d)
{
    json_t *j = json_array();
    for (int i = 0; i < nd; i++)
        json_array_append_new(j, json_integer(d[i]));
    return j;
}

enum status run_tensors(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                        struct err *err)
{
    const char *pattern = call_text(call, "PATTERN", NULL);
    const struct learner *l = app_learner(a, a->slot);
    const struct model_def *m = l->model;
    json_t *params = json_array(), *probes = json_array();
    int n = 0;
    for (int i = 0; l->ps && i < params_n(l->ps); i++) {
        const struct param *p = params_at(l->ps, i);
        char shape[48], line[160];
        if (!name_matches(pattern, p->name))
            continue;
        shape_text(p->nd, p->d, shape, sizeof shape);
        snprintf(line, sizeof line, "%-32s %-14s parameter%s%s", p->name, shape,
                 p->flags & PARAM_STATE ? ", state" : "",
                 p->flags & PARAM_FROZEN ? ", frozen" : "");
        out_line(out, "%s", line);
        json_t *j = json_object();
        json_object_set_new(j, "name", json_text(p->name));
        json_object_set_new(j, "shape", shape_json(p->nd, p->d));
        json_array_append_new(params, j);
        n++;
    }
    for (const struct probe_def *d = m->probes; d && d->name; d++) {
        if (pattern && !name_matches(pattern, d->name) && !name_matches(d->name, pattern))
            continue;
        out_line(out, "%-32s %-14s %s", d->name, d->shape, d->doc);
        json_array_append_new(probes, json_pack("{s:s,s:s,s:s}", "name", d->name, "shape",
                                                d->shape, "doc", d->doc));
        n++;
    }
    json_object_set_new(out_json(out), "parameters", params);
    json_object_set_new(out_json(out), "probes", probes);
    if (n)
        return ST_OK;
    call_blame(call, "PATTERN", out);
    err_set(err, ST_ARG, "%s has no tensor like \"%.60s\"", m->title, pattern ? pattern : "");
    return err_hint(err, "bad-tensor", "Try: tensors"), ST_ARG;
}

// clang-format off
const struct cmd_arg args_tensor[] = {
    {.name = "TENSOR", .type = ARG_TENSOR, .doc = "a name, an index in brackets"},
    {.name = "cosine", .type = ARG_FLAG, .optional = true, .doc = "how alike its rows are: each row's cosine with each"},
    {0},
};
// clang-format on

enum { SHOW_ROWS = 12, SHOW_COLS = 8, COSINE_ROWS = 512 };

/* In place of the values: (rows,rows).  Rows of zeros have 0 with all. */
static enum status to_cosine(struct tensor_view *v, struct err *err)
{
    int32_t n = v->nd == 2 ? v->d[0] : 0, d = v->nd == 2 ? v->d[1] : 0;
    if (n < 1 || n > COSINE_ROWS) {
        err_set(err, ST_ARG, "cosine compares the rows of a matrix, at most %d", COSINE_ROWS);
        return err_hint(err, "bad-value", "Try: tensor NAME[1:%d] cosine", COSINE_ROWS), ST_ARG;
    }
    float *c = malloc(sizeof *c * (size_t)n * (size_t)n);
    if (!c)
        return err_nomem(err, sizeof *c * (size_t)n * (size_t)n, "a tensor");
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            double xy = 0, xx = 0, yy = 0;
            for (int32_t k = 0; k < d; k++) {
                double x = (double)v->x[(size_t)i * (size_t)d + (size_t)k],
                       y = (double)v->x[(size_t)j * (size_t)d + (size_t)k];
                xy += x * y;
                xx += x * x;
                yy += y * y;
            }
            c[(size_t)i * (size_t)n + (size_t)j] =
                (float)(xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0);
        }
    free(v->x);
    v->x = c;
    v->d[1] = n;
    v->n = (int64_t)n * n;
    return ST_OK;
}

enum status run_tensor(struct app *a, const struct cmd_call *call, struct cmd_out *out,
                       struct err *err)
{
    struct tensor_view v;
    struct tensor_stats s;
    enum status st = tensor_get(a, call_text(call, "TENSOR", ""), &v, err);
    if (st != ST_OK) {
        call_blame(call, "TENSOR", out);
        return st;
    }
    if (call_has(call, "cosine"))
        st = to_cosine(&v, err);
    if (st != ST_OK) {
        tensor_view_done(&v);
        call_blame(call, "TENSOR", out);
        return st;
    }
    stats_of(v.x, v.n, 1, 1, &s);
    char shape[48], num[8][FMT_NUM];
    shape_text(v.nd, v.d, shape, sizeof shape);
    out_line(out, "%s%s  %s  %s @%lld", call_text(call, "TENSOR", ""),
             call_has(call, "cosine") ? ", cosine of rows" : "", shape,
             v.is_param ? "parameter" : "probe of the sequence", (long long)v.step);
    out_line(out, "min %s  max %s  mean %s  std %s  norm %s", fmt_num(num[0], s.min),
             fmt_num(num[1], s.max), fmt_num(num[2], s.mean), fmt_num(num[3], s.std),
             fmt_num(num[4], s.norm));
    out_line(out, "n %lld  nan %lld  inf %lld  zeros %s %%", (long long)s.n, (long long)s.nan,
             (long long)s.inf,
             fmt_num(num[0], s.n ? 100.0 * (double)s.zeros / (double)s.n : 0));
    int32_t cols = v.d[v.nd - 1];
    int64_t rows = cols ? v.n / cols : 0;
    json_t *values = json_array();
    for (int64_t i = 0; i < rows && i < SHOW_ROWS; i++) {
        char line[200];
        size_t n = 0;
        for (int32_t j = 0; j < cols && j < SHOW_COLS; j++)
            n += (size_t)snprintf(line + n, sizeof line - n, " %10s",
                                  fmt_num(num[0], (double)v.x[i * cols + j]));
        snprintf(line + n, sizeof line - n, "%s", cols > SHOW_COLS ? " ..." : "");
        out_line(out, "%s", line);
    }
    if (rows > SHOW_ROWS)
        out_line(out, "... %lld rows more.  Try: export tensor %s to FILE.csv",
                 (long long)(rows - SHOW_ROWS), v.name);
    for (int64_t i = 0; i < v.n && i < 4096; i++)
        json_array_append_new(values, json_num((double)v.x[i]));
    out_text(out, "name", v.name);
    out_int(out, "step", v.step);
    json_object_set_new(out_json(out), "shape", shape_json(v.nd, v.d));
    out_num(out, "min", s.min);
    out_num(out, "max", s.max);
    out_num(out, "mean", s.mean);
    out_num(out, "std", s.std);
    out_num(out, "norm", s.norm);
    out_int(out, "n", s.n);
    out_int(out, "nan", s.nan);
    out_int(out, "inf", s.inf);
    json_object_set_new(out_json(out), "values", values);
    tensor_view_done(&v);
    return ST_OK;
}
