/* Passes of the output layers.  Included by kernels.c only, once for each processor level. */
#ifndef ENGINE_TENSOR_KERNELS_HEAD_H
#define ENGINE_TENSOR_KERNELS_HEAD_H

#include "engine/tensor/vec.h"

/* ---- rows picked from a table ---- */

/* columns worked at once: accumulators and the query stay in registers */
enum { PICK_VECTORS = 4 };

static void pick_dot(const real *h, const real *table, size_t ld, const int32_t *row, int32_t n,
                     int32_t d, real *out)
{
    const int32_t full = row_ld(d);
    for (int32_t k = 0; k < n; k++) {
        const real *e = table + (size_t)row[k] * ld;
        vr s = {0};
        for (int32_t j = 0; j < full; j += VW)
            s += vload(h + j) * vload(e + j);
        out[k] = vsum(s);
    }
}

INLINE void pick_back_block(const real *c, const real *table, size_t ld, const int32_t *row,
                            int32_t n, const int nv, const real *h, real *gh, real *gtable)
{
    vr acc[PICK_VECTORS], q[PICK_VECTORS];
    for (int j = 0; j < nv; j++) {
        acc[j] = gh ? vload(gh + j * VW) : (vr){0};
        q[j] = vload(h + j * VW);
    }
    for (int32_t k = 0; k < n; k++) {
        const size_t at = (size_t)row[k] * ld;
        const vr w = vset(c[k]);
        if (gh)
            for (int j = 0; j < nv; j++)
                acc[j] += w * vload(table + at + j * VW);
        if (gtable)
            for (int j = 0; j < nv; j++)
                vstore(gtable + at + j * VW, vload(gtable + at + j * VW) + w * q[j]);
    }
    if (gh)
        for (int j = 0; j < nv; j++)
            vstore(gh + j * VW, acc[j]);
}

static void pick_back(const real *c, const real *table, size_t ld, const int32_t *row,
                      int32_t n, int32_t d, const real *h, real *gh, real *gtable)
{
    for (int32_t j = 0; j < row_ld(d); j += PICK_VECTORS * VW) {
        real *a = gh ? gh + j : NULL, *b = gtable ? gtable + j : NULL;
        switch ((row_ld(d) - j) / VW) {
        case 1:
            pick_back_block(c, table + j, ld, row, n, 1, h + j, a, b);
            break;
        case 2:
            pick_back_block(c, table + j, ld, row, n, 2, h + j, a, b);
            break;
        case 3:
            pick_back_block(c, table + j, ld, row, n, 3, h + j, a, b);
            break;
        default:
            pick_back_block(c, table + j, ld, row, n, 4, h + j, a, b);
        }
    }
}

/* ---- softmax over the rows of a tall matrix: items down, queries across ---- */

static void col_stats(real *x, const real *bias, int32_t rows, int32_t n, size_t ld, real *top,
                      real *sum)
{
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        const vr before = vload(top + j);
        vr m = before;
        real *p = x + j;
        for (int32_t i = 0; i < rows; i++, p += ld) {
            vr v = vload(p);
            if (bias) {
                v += bias[i];
                vstore(p, v);
            }
            m = vmax(v, m);
        }
        vr s = vload(sum + j) * vexp(before - m), s2 = {0};
        p = x + j;
        int32_t i = 0;
        for (; i + 1 < rows; i += 2, p += 2 * ld) { /* two chains */
            s += vexp(vload(p) - m);
            s2 += vexp(vload(p + ld) - m);
        }
        if (i < rows)
            s += vexp(vload(p) - m);
        vstore(top + j, m);
        vstore(sum + j, s + s2);
    }
}

static void col_exp(real *x, int32_t rows, int32_t n, size_t ld, const real *shift)
{
    for (int32_t i = 0; i < rows; i++, x += ld)
        for (int32_t j = 0; j < row_ld(n); j += VW)
            vstore(x + j, vexp(vload(x + j) - vload(shift + j)));
}

/* ---- losses on a row of scores ---- */

INLINE vi ahead_of(int32_t j, int32_t n) /* lanes of columns below n */
{
    return viota() < viset(n - j);
}
/* The other columns: below n, not the own one, not taken out by -infinity. */
INLINE vi others(vr s, int32_t j, int32_t n, int32_t own)
{
    vi i = viota() + viset(j);
    return (i < viset(n)) & (i != viset(own)) & ~(s == vset((real)-INFINITY));
}
INLINE vr only(vi mask, vr v)
{
    return (vr)(mask & (vi)v);
}

static double softplus_sum(const real *s, int32_t n, real sign, real *c)
{
    vr sum = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vi in = ahead_of(j, n);
        vr x = sign * only(in, vload(s + j));
        sum += only(in, vsoftplus(x));
        vstore(c + j, only(in, sign * vsigmoid(x)));
    }
    return (double)vsum(sum);
}

INLINE double real_log(real x)
{
    return log((double)x);
}

static double rank_xent(const real *s, int32_t n, int32_t own, real smooth, real *c)
{
    vr top = vset(LOWEST), sum = {0}, all = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW)
        top = vmax(vpick(ahead_of(j, n), vload(s + j), top), top);
    const vr shift = vset(vmaximum(top));
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr v = vload(s + j), e = only(ahead_of(j, n), vexp(v - shift));
        sum += e;
        all += only(others(v, j, n, -1), v);
        vstore(c + j, e);
    }
    const real total = vsum(sum);
    const double lse = (double)shift[0] + real_log(total), p = (double)s[own],
                 e = n > 1 ? (double)smooth : 0;
    /* Label smoothing: (1 - e N/(N-1)) nll_own + e/(N-1) sum of nll; gru4rec.py,
     * cross-entropy. */
    const double a = e > 0 ? 1 - e * n / (n - 1) : 1, b = e > 0 ? e / (n - 1) : 0;
    const real scale_ = (real)((a + b * n) / (double)total), less = (real)b;
    for (int32_t j = 0; j < row_ld(n); j += VW)
        vstore(c + j, only(ahead_of(j, n), vload(c + j) * scale_ - less));
    c[own] -= (real)a;
    return a * (lse - p) + (e > 0 ? b * (n * lse - (double)vsum(all)) : 0);
}

static double rank_top1(const real *s, int32_t n, int32_t own, real *c)
{
    const real p = s[own], inv = (real)1 / (real)n;
    vr loss = {0}, gp = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j);
        vi in = others(r, j, n, own);
        r = only(in, r);
        vr a = vsigmoid(r - p), q = vsigmoid(r * r), da = only(in, a * (1 - a));
        loss += only(in, a + q);
        gp += da;
        vstore(c + j, (da + q * (1 - q) * 2 * r) * inv);
    }
    c[own] = -vsum(gp) * inv;
    /* The authors' mean runs over the own column too, less sigma(p^2)/N: what is left of it
     * is 0.5/N. */
    return ((double)vsum(loss) + 0.5) * (double)inv;
}

static double rank_bpr(const real *s, int32_t n, int32_t own, real *c)
{
    const real p = s[own];
    vr loss = {0}, gp = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j);
        vi in = others(r, j, n, own);
        vr x = only(in, r) - p, a = only(in, vsigmoid(x));
        loss += only(in, vsoftplus(x));
        gp += a;
        vstore(c + j, a);
    }
    c[own] = -vsum(gp);
    /* the own column, as the authors' sum has it */
    return (double)vsum(loss) + 0.69314718055994530942;
}

/* c = exp(r - top) of the other columns, 0 elsewhere; returns their sum. */
static real others_exp(const real *s, int32_t n, int32_t own, real *c, real *top_)
{
    vr top = vset(LOWEST), sum = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j);
        top = vmax(vpick(others(r, j, n, own), r, top), top);
    }
    const vr shift = vset(vmaximum(top));
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j), e = only(others(r, j, n, own), vexp(r - shift));
        sum += e;
        vstore(c + j, e);
    }
    *top_ = shift[0];
    return vsum(sum);
}

static void no_loss(int32_t n, real *c)
{
    memset(c, 0, (size_t)row_ld(n) * sizeof *c);
}

static double rank_top1_max(const real *s, int32_t n, int32_t own, real *c)
{
    real top;
    const real sum = others_exp(s, n, own, c, &top), p = s[own];
    if (sum == 0) { /* no other column */
        no_loss(n, c);
        return 0;
    }
    const real inv = 1 / sum;
    vr loss = {0}, gp = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = only(others(vload(s + j), j, n, own), vload(s + j));
        loss += vload(c + j) * (vsigmoid(r - p) + vsigmoid(r * r));
    }
    const real l = vsum(loss) * inv;
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = only(others(vload(s + j), j, n, own), vload(s + j)), w = vload(c + j) * inv;
        vr a = vsigmoid(r - p), q = vsigmoid(r * r), da = w * a * (1 - a);
        gp += da;
        /* through the weights, too */
        vstore(c + j, da + w * q * (1 - q) * 2 * r + w * (a + q - l));
    }
    c[own] = -vsum(gp);
    return (double)l;
}

static double rank_bpr_max(const real *s, int32_t n, int32_t own, real bpreg, real *c)
{
    real top;
    const real sum = others_exp(s, n, own, c, &top), p = s[own];
    if (sum == 0) {
        no_loss(n, c);
        return 0;
    }
    /* -log sum w sigma(p - r) = LSE(r) - LSE(r - softplus(r - p)), both over the other
     * columns: finite when every sigma underflows. */
    const real inv = 1 / sum;
    vr top2 = vset(LOWEST), reg_ = {0}, sum2 = {0}, gp = {0};
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j);
        vi in = others(r, j, n, own);
        r = only(in, r);
        top2 = vmax(vpick(in, r - vsoftplus(r - p), top2), top2);
        reg_ += vload(c + j) * inv * r * r;
    }
    const vr shift = vset(vmaximum(top2));
    const real reg = vsum(reg_);
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j);
        vi in = others(r, j, n, own);
        r = only(in, r);
        sum2 += only(in, vexp(r - vsoftplus(r - p) - shift));
    }
    const real total2 = vsum(sum2), inv2 = 1 / total2;
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr r = vload(s + j);
        vi in = others(r, j, n, own);
        r = only(in, r);
        vr w = vload(c + j) * inv, a = vsigmoid(r - p);
        vr v = only(in, vexp(r - vsoftplus(r - p) - shift) * inv2);
        gp += v * a;
        vstore(c + j, w - v * (1 - a) + bpreg * w * (r * r - reg + 2 * r));
    }
    c[own] = -vsum(gp);
    return (double)top + real_log(sum) - (double)shift[0] - real_log(total2) +
           (double)bpreg * (double)reg;
}

static double rank_loss(enum rank_kind kind, const real *s, int32_t n, int32_t own, float x,
                        real *c)
{
    switch (kind) {
    case RANK_XENT:
        return rank_xent(s, n, own, (real)x, c);
    case RANK_TOP1:
        return rank_top1(s, n, own, c);
    case RANK_BPR:
        return rank_bpr(s, n, own, c);
    case RANK_TOP1_MAX:
        return rank_top1_max(s, n, own, c);
    case RANK_BPR_MAX:
        return rank_bpr_max(s, n, own, (real)x, c);
    }
    return 0;
}

static void score_act(real *s, int32_t n, enum act act, float a_)
{
    const real a = (real)a_;
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr x = vload(s + j), neg = {0};
        if (act == ACT_TANH)
            x = vtanh(x);
        else if (act == ACT_ELU)
            neg = a * (vexp(x) - 1);
        else
            neg = a * x;
        vstore(s + j, act == ACT_TANH ? x : vpick(x < (vr){0}, neg, x));
    }
}

static void score_act_back(const real *s, int32_t n, enum act act, float a_, real *c)
{
    const real a = (real)a_;
    for (int32_t j = 0; j < row_ld(n); j += VW) {
        vr y = vload(s + j), slope = vset(a);
        if (act == ACT_TANH)
            slope = 1 - y * y;
        else if (act == ACT_ELU)
            slope = vpick(y < (vr){0}, y + a, vset(1));
        else
            slope = vpick(y > (vr){0}, vset(1), slope);
        vstore(c + j, vload(c + j) * slope);
    }
}

#endif
