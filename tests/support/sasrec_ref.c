#include "tests/support/sasrec_ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

typedef double mat[REF_MAX][4 * REF_MAX];

static double at(struct kit *k, int l, const char *name, size_t i)
{
    char full[64];
    if (l)
        snprintf(full, sizeof full, "blk%d.%s", l, name);
    else
        snprintf(full, sizeof full, "%s", name);
    return (double)*kit_value(k, full, i);
}

static void norm(struct kit *k, int l, const char *name, int n, int d, mat x, mat y)
{
    char gamma[32], beta[32];
    snprintf(gamma, sizeof gamma, "%s.gamma", name);
    snprintf(beta, sizeof beta, "%s.beta", name);
    for (int t = 0; t < n; t++) {
        double mean = 0, var = 0;
        for (int j = 0; j < d; j++)
            mean += x[t][j] / d;
        for (int j = 0; j < d; j++)
            var += (x[t][j] - mean) * (x[t][j] - mean) / d;
        for (int j = 0; j < d; j++)
            y[t][j] = (x[t][j] - mean) / sqrt(var + 1e-8) * at(k, l, gamma, (size_t)j) +
                      at(k, l, beta, (size_t)j);
    }
}

/* y_t = b + sum over taps of x_{t-(taps-1)+j} W[j]. */
static void linear(struct kit *k, int l, const char *w, const char *b, int n, int taps, int in,
                   int out, mat x, mat y)
{
    for (int t = 0; t < n; t++)
        for (int o = 0; o < out; o++) {
            double s = at(k, l, b, (size_t)o);
            for (int j = 0; j < taps; j++) {
                int from = t - (taps - 1) + j;
                for (int i = 0; from >= 0 && i < in; i++)
                    s += x[from][i] *
                         at(k, l, w,
                            ((size_t)j * (size_t)in + (size_t)i) * (size_t)out + (size_t)o);
            }
            y[t][o] = s;
        }
}

static void attention(struct kit *k, int l, int n, int d, int heads, mat q_in, mat kv_in,
                      mat out)
{
    static mat q, key, v;
    int w = d / heads;
    linear(k, l, "Wq", "bq", n, 1, d, d, q_in, q);
    linear(k, l, "Wk", "bk", n, 1, d, d, kv_in, key);
    linear(k, l, "Wv", "bv", n, 1, d, d, kv_in, v);
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < n; i++) {
            double a[REF_MAX], sum = 0;
            for (int j = 0; j <= i; j++) {
                double z = 0;
                for (int c = h * w; c < (h + 1) * w; c++)
                    z += q[i][c] * key[j][c];
                sum += a[j] = exp(z / sqrt(w));
            }
            for (int c = h * w; c < (h + 1) * w; c++) {
                out[i][c] = 0;
                for (int j = 0; j <= i; j++)
                    out[i][c] += a[j] / sum * v[j][c];
            }
        }
}

static void feed(struct kit *k, int l, int n, int d, mat x, mat y)
{
    static mat hidden;
    int ffn = hp_enum(k->hp, "ffn"), taps = ffn == 2 ? hp_int(k->hp, "ffn.k") : 1,
        wide = ffn == 1 ? d * hp_int(k->hp, "ffn.w") : d;
    bool gelu = hp_enum(k->hp, "act") == 1;
    linear(k, l, "W1", "b1", n, taps, d, wide, x, hidden);
    for (int t = 0; t < n; t++)
        for (int j = 0; j < wide; j++) {
            double h = hidden[t][j];
            hidden[t][j] = gelu ? h * 0.5 * (1 + erf(h / sqrt(2))) : fmax(h, 0);
        }
    linear(k, l, "W2", "b2", n, taps, wide, d, hidden, y);
}

static void add(int n, int d, mat x, mat y, mat out)
{
    for (int t = 0; t < n; t++)
        for (int j = 0; j < d; j++)
            out[t][j] = x[t][j] + y[t][j];
}

static void block(struct kit *k, int l, int n, int d, int heads, mat x)
{
    static mat q_in, o, p, y, f_in, z;
    int style = hp_enum(k->hp, "style"), proj = hp_enum(k->hp, "attn_out_proj");
    bool feeds = hp_enum(k->hp, "ffn") != 3, projects = proj == 0 ? style != 0 : proj == 2;
    if (style == 2)
        memcpy(q_in, x, sizeof q_in);
    else
        norm(k, l, "ln1", n, d, x, q_in);
    attention(k, l, n, d, heads, q_in, style == 0 ? x : q_in, o);
    if (projects) {
        linear(k, l, "Wo", "bo", n, 1, d, d, o, p);
        memcpy(o, p, sizeof o);
    }
    if (style == 0) { /* official: Y = O + q_in, X' = Z + f_in */
        add(n, d, o, q_in, y);
        norm(k, l, "ln2", n, d, y, f_in);
        memset(z, 0, sizeof z);
        if (feeds)
            feed(k, l, n, d, f_in, z);
        add(n, d, z, f_in, x);
    } else if (style == 1) { /* pre_ln: Y = X + O, X' = Y + Z(LN2(Y)) */
        add(n, d, x, o, y);
        memcpy(x, y, sizeof y);
        if (feeds) {
            norm(k, l, "ln2", n, d, y, f_in);
            feed(k, l, n, d, f_in, z);
            add(n, d, y, z, x);
        }
    } else { /* post_ln: Y = LN1(X + O), X' = LN2(Y + Z(Y)) */
        add(n, d, x, o, p);
        norm(k, l, "ln1", n, d, p, y);
        memcpy(x, y, sizeof y);
        if (feeds) {
            feed(k, l, n, d, y, z);
            add(n, d, y, z, p);
            norm(k, l, "ln2", n, d, p, x);
        }
    }
}

void sasrec_ref(struct kit *k, const int32_t *item, int32_t n, double *final)
{
    static mat x, f;
    int d = hp_int(k->hp, "d"), pos = hp_enum(k->hp, "pos"), maxlen = hp_int(k->hp, "maxlen");
    bool left = hp_enum(k->hp, "pad_side") == 0;
    double scale = hp_bool(k->hp, "emb_scale") ? sqrt(d) : 1;
    assert_true(n <= REF_MAX && d <= REF_MAX);
    for (int t = 0; t < n; t++)
        for (int j = 0; j < d; j++) {
            int p = left ? maxlen - n + t : t;
            x[t][j] = scale * at(k, 0, "item.E", (size_t)item[t] * (size_t)d + (size_t)j);
            if (pos == 0)
                x[t][j] += at(k, 0, "pos.P", (size_t)p * (size_t)d + (size_t)j);
            if (pos == 2)
                x[t][j] += j % 2 ? cos(p / pow(10000, (j - 1.0) / d))
                                 : sin(p / pow(10000, (double)j / d));
        }
    for (int l = 1; l <= hp_int(k->hp, "layers"); l++)
        block(k, l, n, d, hp_int(k->hp, "heads"), x);
    norm(k, 0, "lnf", n, d, x, f);
    for (int t = 0; t < n; t++)
        for (int j = 0; j < d; j++)
            final[t * d + j] = f[t][j];
}
