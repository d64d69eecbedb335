/* Ranges, smoothing, decimation, ticks.  Smoothing runs over all points in order and before
 * decimation, so neither the width of a pane nor the moment of drawing changes a value. */
#include "app/ui/curve_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMOOTH_FROM = 20, FIRST_RANGE = 64 };

/* The columns of one series and the question they answer: any change of it means starting
 * anew, more points alone mean adding those. */
struct curve_cached {
    bool (*at)(const void *, size_t, double *, double *);
    const void *ctx;
    uint64_t version;
    double smooth, x_lo, x_hi;
    bool log_x, log_y;
    int columns;
    size_t done; /* points taken in */
    struct ema ema;
    struct curve_columns c;
};

struct curve_cache *curve_cache_new(void)
{
    return calloc(1, sizeof(struct curve_cache));
}

void curve_cache_free(struct curve_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->s[i].c.raw);
        free(c->s[i].c.avg);
    }
    free(c->s);
    free(c);
}

double ema_push(struct ema *e, double factor, double y)
{
    if (isfinite(y)) {
        e->sum = factor * e->sum + y;
        e->weight = factor * e->weight + 1;
    }
    return e->weight > 0 ? e->sum / e->weight : (double)NAN;
}

/* n times the same value: what the average of merged points comes to, all but their order. */
static double ema_push_many(struct ema *e, double factor, double y, uint32_t n)
{
    double keep = pow(factor, n);
    if (isfinite(y) && n > 0) {
        double add = (1 - keep) / (1 - factor);
        e->sum = keep * e->sum + y * add;
        e->weight = keep * e->weight + add;
    }
    return e->weight > 0 ? e->sum / e->weight : (double)NAN;
}

static bool merged_at(const struct curve_series *s, size_t i, struct curve_merged *m)
{
    return s->merged && s->merged(s->ctx, i, m);
}

static double smooth_of(const struct curve_series *s)
{
    if (s->n < SMOOTH_FROM || !(s->smooth > 0) || s->dots)
        return 0;
    return s->smooth > 0.999 ? 0.999 : s->smooth;
}

/* ---- places on the axes ---- */

static double place(double v, double lo, double hi, bool log)
{
    if (log) {
        v = log10(v > 0 ? v : 1e-300);
        lo = log10(lo);
        hi = log10(hi);
    }
    return hi > lo ? (v - lo) / (hi - lo) : 0.5;
}

double curve_place_x(const struct curve_frame *f, double x)
{
    /* step 0 stands at the left edge of a logarithmic axis */
    return place(f->log_x && x < f->x_lo ? f->x_lo : x, f->x_lo, f->x_hi, f->log_x);
}

double curve_place_y(const struct curve_frame *f, double y)
{
    double at = place(y, f->y_lo, f->y_hi, f->log_y);
    return f->down_y ? 1 - at : at;
}

double axis_doubling(double x, double first)
{
    double range = first > 0 ? first : 1;
    while (range < x && range < 1e300)
        range *= 2;
    return range;
}

static double round_step(double raw)
{
    double unit = pow(10, floor(log10(raw))), f = raw / unit;
    return (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10) * unit;
}

static size_t ticks_linear(double lo, double hi, size_t want, double *out, size_t max)
{
    double step = round_step((hi - lo) / (double)(want > 1 ? want - 1 : 1));
    size_t n = 0;
    if (!(step > 0) || !isfinite(step))
        return 0;
    for (double k = ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9 && n < max; k++)
        out[n++] = k == 0 ? 0 : k * step;
    return n;
}

size_t axis_ticks(double lo, double hi, bool log, size_t want, double *out, size_t max)
{
    if (!(hi > lo) || !isfinite(lo) || !isfinite(hi) || want == 0)
        return 0;
    /* Less than a decade: even steps read better than one or two round powers. */
    if (!log || lo <= 0 || hi / lo < 10)
        return ticks_linear(lo, hi, want, out, max);
    int first = (int)ceil(log10(lo) - 1e-9), last = (int)floor(log10(hi) + 1e-9);
    int decades = last - first + 1;
    size_t n = 0;
    if (decades >= (int)want) {
        int every = (decades + (int)want - 1) / (int)want;
        for (int d = first; d <= last && n < max; d++)
            if (d % every == 0)
                out[n++] = pow(10, d);
        return n;
    }
    static const double parts[3] = {1, 2, 5};
    bool fine = decades * 2 < (int)want + 1 || decades < 2;
    for (int d = first - 1; d <= last; d++)
        for (int p = 0; p < (fine ? 3 : 1); p++) {
            double v = parts[p] * pow(10, d);
            if (v >= lo * (1 - 1e-9) && v <= hi * (1 + 1e-9) && n < max)
                out[n++] = v;
        }
    return n;
}

void curve_tick_text(const double *ticks, size_t n, size_t i, char out[FMT_NUM])
{
    double step = n > 1 ? fabs(ticks[1] - ticks[0]) : 0, v = ticks[i];
    bool even = n > 2 ? fabs(ticks[n - 1] - ticks[n - 2] - step) < step * 1e-6 : n == 2;
    double big = fmax(fabs(ticks[0]), fabs(ticks[n ? n - 1 : 0]));
    if (big >= 1e5) {
        fmt_count(out, v);
        return;
    }
    if (even && step >= 1e-4 && step < 1e5) {
        int decimals = (int)ceil(-log10(step) - 1e-9);
        fmt_fixed(out, v, decimals > 0 ? decimals : 0);
    } else {
        fmt_short(out, v);
    }
}

/* ---- columns ---- */

static void span_add(struct curve_span *s, double y)
{
    if (s->n == 0) {
        s->lo = s->hi = s->first = y;
    } else {
        s->lo = fmin(s->lo, y);
        s->hi = fmax(s->hi, y);
    }
    s->last = y;
    s->n++;
}

static bool columns_reset(struct curve_cached *k, int columns, bool smoothed)
{
    size_t bytes = (size_t)columns * sizeof(struct curve_span);
    if (k->columns != columns || !k->c.raw || smoothed != (k->c.avg != NULL)) {
        free(k->c.raw);
        free(k->c.avg);
        k->c.raw = malloc(bytes);
        k->c.avg = smoothed ? malloc(bytes) : NULL;
        if (!k->c.raw || (smoothed && !k->c.avg)) {
            free(k->c.raw);
            free(k->c.avg);
            memset(k, 0, sizeof *k);
            return false;
        }
    }
    memset(k->c.raw, 0, bytes);
    if (smoothed)
        memset(k->c.avg, 0, bytes);
    k->columns = k->c.n = columns;
    k->c.not_shown = k->c.not_finite = 0;
    k->c.end = k->c.end_x = (double)NAN;
    k->ema = (struct ema){0, 0};
    k->done = 0;
    return true;
}

static void take_points(struct curve_cached *k, const struct curve_series *s,
                        const struct curve_frame *f)
{
    for (size_t i = k->done; i < s->n; i++) {
        double x, y;
        if (!s->at(s->ctx, i, &x, &y))
            continue;
        struct curve_merged m;
        bool many = merged_at(s, i, &m);
        double avg = k->smooth <= 0 ? y
                     : many         ? ema_push_many(&k->ema, k->smooth, y, m.n - m.bad)
                                    : ema_push(&k->ema, k->smooth, y);
        double at = curve_place_x(f, x);
        if (!(at >= 0 && at <= 1))
            continue;
        int col = (int)(at * k->columns);
        if (col >= k->columns)
            col = k->columns - 1;
        if (many || !isfinite(y)) {
            k->c.raw[col].bad += many ? m.bad : 1;
            k->c.not_finite += many ? m.bad : 1;
        }
        if (!isfinite(y))
            continue;
        if (f->log_y && y <= 0) {
            k->c.not_shown++;
            continue;
        }
        if (many && !(f->log_y && m.low <= 0))
            span_add(&k->c.raw[col], m.low);
        if (many)
            span_add(&k->c.raw[col], m.high);
        span_add(&k->c.raw[col], y);
        if (k->c.avg && isfinite(avg) && !(f->log_y && avg <= 0))
            span_add(&k->c.avg[col], avg);
        k->c.end = k->c.avg ? avg : y;
        k->c.end_x = x;
    }
    k->done = s->n;
}

static bool columns_of(struct curve_cached *k, const struct curve_series *s,
                       const struct curve_frame *f, int columns)
{
    double smooth = smooth_of(s);
    bool same = k->c.raw && k->at == s->at && k->ctx == s->ctx && k->version == s->version &&
                k->smooth == smooth && k->x_lo == f->x_lo && k->x_hi == f->x_hi &&
                k->log_x == f->log_x && k->log_y == f->log_y && k->columns == columns &&
                k->done <= s->n;
    if (!same) {
        if (!columns_reset(k, columns, smooth > 0))
            return false;
        k->at = s->at;
        k->ctx = s->ctx;
        k->version = s->version;
        k->smooth = smooth;
        k->x_lo = f->x_lo;
        k->x_hi = f->x_hi;
        k->log_x = f->log_x;
        k->log_y = f->log_y;
    }
    take_points(k, s, f);
    return true;
}

/* ---- ranges ---- */

static void range_x(const struct curve_chart *ch, struct curve_frame *f)
{
    double hi = 0, lo = 0;
    for (size_t i = 0; i < ch->n_series; i++) {
        const struct curve_series *s = &ch->series[i];
        double x, y;
        for (size_t k = s->hidden ? 0 : s->n; k-- > 0;)
            if (s->at(s->ctx, k, &x, &y)) {
                hi = fmax(hi, x);
                break;
            }
        for (size_t k = 0; k < s->n && !s->hidden; k++)
            if (s->at(s->ctx, k, &x, &y)) {
                lo = fmin(lo, x);
                break;
            }
    }
    f->x_lo = lo;
    f->x_hi = axis_doubling(hi, FIRST_RANGE);
    if (ch->x_total > 0 && ch->x_total >= hi && f->x_hi > ch->x_total)
        f->x_hi = ch->x_total;
    if (ch->x_last > 0 && hi > ch->x_last) {
        double jump = ch->x_last / 8;
        f->x_hi = ceil(hi / jump) * jump;
        f->x_lo = f->x_hi - ch->x_last;
    }
    if (ch->log_x && f->x_lo < 1)
        f->x_lo = 1;
    if (!(f->x_hi > f->x_lo))
        f->x_hi = f->x_lo + 1;
}

static void widen(double v, bool log, double *lo, double *hi)
{
    if (!isfinite(v) || (log && v <= 0))
        return;
    *lo = fmin(*lo, v);
    *hi = fmax(*hi, v);
}

static void widen_spans(const struct curve_span *s, int n, bool log, double *lo, double *hi)
{
    for (int c = 0; s && c < n; c++)
        if (s[c].n) {
            widen(s[c].lo, log, lo, hi);
            widen(s[c].hi, log, lo, hi);
        }
}

/* On a logarithmic axis a few points close to 0 take most of the height (a batch of a few
 * clicks has such a loss): where they more than double it, the axis goes half as far below
 * the smoothed curves as those are high, and the picture says that it leaves points out. */
static void leave_out_low(const struct curve_chart *ch, struct curve_columns *cols, double *lo,
                          double hi)
{
    double core = HUGE_VAL, top = -HUGE_VAL;
    for (size_t i = 0; i < ch->n_series; i++)
        widen_spans(cols[i].avg ? cols[i].avg : cols[i].raw, cols[i].n, true, &core, &top);
    for (size_t i = 0; i < ch->n_levels; i++)
        widen(ch->levels[i].y, true, &core, &top);
    if (!(*lo > 0) || !(core < top) || *lo >= core * core / top)
        return;
    *lo = core / sqrt(fmax(hi, top) / core);
    for (size_t i = 0; i < ch->n_series; i++)
        for (int c = 0; cols[i].avg && ch->series[i].raw && c < cols[i].n; c++)
            cols[i].below |= cols[i].raw[c].n && cols[i].raw[c].lo < *lo;
}

static void range_y(const struct curve_chart *ch, struct curve_columns *cols,
                    struct curve_frame *f)
{
    if (ch->y_lo < ch->y_hi && (!ch->log_y || ch->y_lo > 0)) {
        f->y_lo = ch->y_lo;
        f->y_hi = ch->y_hi;
        return;
    }
    double lo = HUGE_VAL, hi = -HUGE_VAL;
    for (size_t i = 0; i < ch->n_series; i++) {
        const struct curve_span *spans = cols[i].raw;
        if (!spans)
            continue;
        if (cols[i].avg && !ch->series[i].raw)
            spans = cols[i].avg;
        widen_spans(spans, cols[i].n, f->log_y, &lo, &hi);
    }
    bool any = lo <= hi;
    if (any && f->log_y)
        leave_out_low(ch, cols, &lo, hi);
    for (size_t i = 0; any && i < ch->n_levels; i++)
        widen(ch->levels[i].y, f->log_y, &lo, &hi);
    if (!any) {
        lo = f->log_y ? 1 : 0;
        hi = f->log_y ? 10 : 1;
    }
    if (hi - lo < 1e-12 * fmax(fabs(lo), fabs(hi)) || hi == lo) {
        double pad = lo != 0 ? fabs(lo) * 0.1 : 1;
        lo -= pad;
        hi += pad;
    }
    /* Round ends keep still while values wander, and give the outermost points air. */
    if (f->log_y && lo > 0 && hi / lo >= 10) {
        double r = pow(hi / lo, 0.02);
        f->y_lo = lo / r;
        f->y_hi = hi * r;
        return;
    }
    double step = round_step((hi - lo) / 8);
    f->y_lo = floor((lo - step * 0.1) / step) * step;
    f->y_hi = ceil((hi + step * 0.1) / step) * step;
    if (lo >= 0 && f->y_lo < 0)
        f->y_lo = 0;
    if (f->log_y && f->y_lo <= 0)
        f->y_lo = lo * 0.9;
}

bool curve_prepare(const struct curve_chart *ch, struct curve_cache *cache, int columns,
                   struct curve_frame *f, struct curve_columns *cols)
{
    *f = (struct curve_frame){.log_x = ch->log_x, .log_y = ch->log_y, .down_y = ch->down_y};
    memset(cols, 0, ch->n_series * sizeof *cols);
    if (cache->n < ch->n_series) {
        struct curve_cached *s = realloc(cache->s, ch->n_series * sizeof *s);
        if (!s)
            return false;
        memset(s + cache->n, 0, (ch->n_series - cache->n) * sizeof *s);
        cache->s = s;
        cache->n = ch->n_series;
    }
    range_x(ch, f);
    for (size_t i = 0; i < ch->n_series; i++) {
        if (ch->series[i].hidden)
            continue;
        if (!columns_of(&cache->s[i], &ch->series[i], f, columns))
            return false;
        cols[i] = cache->s[i].c;
    }
    range_y(ch, cols, f);
    return true;
}

/* ---- read-out ---- */

bool curve_value_at(const struct curve_series *s, double at, double *y, double *smoothed)
{
    double factor = smooth_of(s);
    struct ema e = {0, 0};
    bool found = false;
    for (size_t i = 0; i < s->n; i++) {
        double px, py;
        if (!s->at(s->ctx, i, &px, &py))
            continue;
        if (px > at)
            break;
        struct curve_merged m;
        bool many = merged_at(s, i, &m);
        *y = py;
        *smoothed = factor <= 0 ? py
                    : many      ? ema_push_many(&e, factor, py, m.n - m.bad)
                                : ema_push(&e, factor, py);
        found = true;
    }
    return found;
}
