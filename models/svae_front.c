/* See svae_front.h. */
#include "models/svae_front.h"

#include <math.h>

static const float LN_EPS = 1e-5f;

struct dense dense_declare(struct params *ps, const char *w, const char *b, int32_t in,
                           int32_t out)
{
    return (struct dense){params_add(ps, w, 2, (int32_t[]){in, out}, INIT_XAVIER_NORMAL, 1, 0),
                          params_add(ps, b, 1, &out, INIT_UNIFORM, 1 / sqrtf((float)in), 0)};
}

static struct unit unit_declare(struct params *ps, const char *const name[4], int32_t in,
                                int32_t h, int32_t gates)
{
    float reach = 1 / sqrtf((float)h);
    int32_t wide = gates * h;
    return (struct unit){
        .h = h,
        .wx = params_add(ps, name[0], 2, (int32_t[]){in, wide}, INIT_UNIFORM, reach, 0),
        .bx = params_add(ps, name[1], 1, &wide, INIT_UNIFORM, reach, 0),
        .wh = params_add(ps, name[2], 2, (int32_t[]){h, wide}, INIT_UNIFORM, reach, 0),
        .bh = params_add(ps, name[3], 1, &wide, INIT_UNIFORM, reach, 0)};
}

struct unit gru_declare(struct params *ps, const char *const name[4], int32_t in, int32_t h)
{
    return unit_declare(ps, name, in, h, GRU_GATES);
}

struct tensor *gru_run(struct tape *t, const char *scope, const struct unit *u,
                       struct tensor *x, const struct block *b)
{
    struct gru_cell c = {.h = u->h, .reset_after = true, .update_keeps = true};
    if (scope)
        tape_push(t, "%s", scope);
    gru_thirds(c.x, op_linear(t, x, tape_param(t, u->wx), tape_param(t, u->bx), ACT_NONE, 0),
               u->h, 0, 1, 2);
    gru_thirds(c.w, tape_param(t, u->wh), u->h, 0, 1, 2);
    gru_thirds(c.b, tape_param(t, u->bh), u->h, 0, 1, 2);
    struct tensor *h = op_gru(t, &c, NULL, b->off, b->n);
    if (scope) {
        tape_probe(t, "state", h);
        tape_pop(t);
    }
    return h;
}

/* Hochreiter & Schmidhuber 1997 as in the libraries: two biases a gate. */
static struct tensor *lstm_run(struct tape *t, const struct unit *u, struct tensor *x,
                               const struct block *b)
{
    tape_push(t, "lstm1");
    x = op_add(t, op_linear(t, x, tape_param(t, u->wx), tape_param(t, u->bx), ACT_NONE, 0),
               tape_param(t, u->bh));
    x = tape_probe(t, "state", op_lstm(t, x, tape_param(t, u->wh), b->off, b->n));
    tape_pop(t);
    return x;
}

/* ---- Transformer: Vaswani et al. 2017, one block, norms first, learned places from the
 * start of the session ---- */

static void transformer_declare(struct front *f, struct params *ps, int32_t in, int32_t h,
                                int32_t max_len)
{
    f->in = dense_declare(ps, "tf1.in.W", "tf1.in.b", in, h);
    f->place =
        params_add(ps, "tf1.P", 2, (int32_t[]){max_len, h}, INIT_NORMAL, 0.02f, PARAM_ROWS);
    f->before_attn = norm_declare(ps, "tf1.ln1.gamma", "tf1.ln1.beta", h, LN_EPS);
    f->qkv = dense_declare(ps, "tf1.qkv.W", "tf1.qkv.b", h, 3 * h);
    f->out = dense_declare(ps, "tf1.out.W", "tf1.out.b", h, h);
    f->before_feed = norm_declare(ps, "tf1.ln2.gamma", "tf1.ln2.beta", h, LN_EPS);
    f->up = dense_declare(ps, "tf1.up.W", "tf1.up.b", h, 2 * h);
    f->down = dense_declare(ps, "tf1.down.W", "tf1.down.b", 2 * h, h);
    f->last = norm_declare(ps, "tf1.ln3.gamma", "tf1.ln3.beta", h, LN_EPS);
}

static struct tensor *transformer_run(const struct front *f, struct tape *t, struct tensor *x,
                                      const struct block *b)
{
    tape_push(t, "tf1");
    x = op_add(t, dense(t, "in", &f->in, x, ACT_NONE, 0),
               op_rows(t, f->place, b->pos, b->off[b->n], 0));
    struct tensor *y =
        dense(t, "qkv", &f->qkv, norm(t, "ln1", &f->before_attn, x), ACT_NONE, 0);
    tape_push(t, "attn");
    y = op_attention_qkv(t, y, b->off, b->n, f->heads, true, 0);
    tape_pop(t);
    x = op_add(t, x, dense(t, "out", &f->out, y, ACT_NONE, 0));
    y = dense(t, "up", &f->up, norm(t, "ln2", &f->before_feed, x), ACT_RELU, 0);
    x = op_add(t, x, dense(t, "down", &f->down, y, ACT_NONE, 0));
    x = tape_probe(t, "state", norm(t, "ln3", &f->last, x));
    tape_pop(t);
    return x;
}

void front_declare(struct front *f, struct params *ps, enum front_kind kind, int32_t in,
                   int32_t h, int32_t max_len, int32_t heads)
{
    static const char *const gru[] = {"gru1.Wx", "gru1.bx", "gru1.Wh", "gru1.bh"},
                             *const lstm[] = {"lstm1.Wx", "lstm1.bx", "lstm1.Wh", "lstm1.bh"};
    f->kind = kind;
    f->heads = heads;
    if (kind == FRONT_TRANSFORMER)
        transformer_declare(f, ps, in, h, max_len);
    else
        f->unit =
            kind == FRONT_GRU ? gru_declare(ps, gru, in, h) : unit_declare(ps, lstm, in, h, 4);
}

struct tensor *front_run(const struct front *f, struct tape *t, struct tensor *x,
                         const struct block *b)
{
    return f->kind == FRONT_TRANSFORMER ? transformer_run(f, t, x, b)
           : f->kind == FRONT_LSTM      ? lstm_run(t, &f->unit, x, b)
                                        : gru_run(t, "gru1", &f->unit, x, b);
}
