/* See attn_maps.h. */
#include "app/views/attn_maps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void attn_done(struct maps *m)
{
    free(m->prob);
    free(m->score);
    memset(m, 0, sizeof *m);
}

size_t attn_at(const struct maps *m, int layer, int head)
{
    return ((size_t)layer * (size_t)m->heads + (size_t)head) * (size_t)m->rows *
           (size_t)m->cols;
}

bool attn_take(struct maps *m, const struct answer *a)
{
    m->ready = false;
    if (a->err.code) {
        if (a->err.code != ST_CANCELLED)
            snprintf(m->error, sizeof m->error, "%s", a->err.msg);
        return true;
    }
    m->error[0] = '\0';
    const struct probe_copy *prob[ATTN_LAYERS] = {0}, *score[ATTN_LAYERS] = {0};
    int np = 0, ns = 0;
    for (int32_t i = 0; i < a->n_probe; i++) {
        const struct probe_copy *p = &a->probe[i];
        if (p->nd < 2 || !p->x)
            continue;
        if (strstr(p->name, "attn.prob") && np < ATTN_LAYERS)
            prob[np++] = p;
        else if (strstr(p->name, "attn.score") && ns < ATTN_LAYERS)
            score[ns++] = p;
    }
    if (!np)
        return true;
    const struct probe_copy *p0 = prob[0];
    int heads = p0->nd >= 3 ? p0->d[p0->nd - 3] : 1, rows = p0->d[p0->nd - 2],
        cols = p0->d[p0->nd - 1];
    if (heads < 1 || heads > ATTN_HEADS || rows < 1 || cols < 1)
        return true;
    size_t one = (size_t)heads * (size_t)rows * (size_t)cols, need = one * (size_t)np;
    if (need > m->room || !m->prob) {
        float *x = realloc(m->prob, need * sizeof *x), *s;
        if (x)
            m->prob = x;
        s = realloc(m->score, need * sizeof *s);
        if (s)
            m->score = s;
        if (!x || !s)
            return true;
        m->room = need;
    }
    m->layers = 0;
    bool all = ns == np;
    for (int l = 0; l < np; l++) {
        const struct probe_copy *p = prob[l];
        if (p->d[p->nd - 2] != rows || p->d[p->nd - 1] != cols ||
            (p->nd >= 3 ? p->d[p->nd - 3] : 1) != heads)
            break;
        memcpy(m->prob + (size_t)l * one, p->x, one * sizeof *p->x);
        if (all)
            memcpy(m->score + (size_t)l * one, score[l]->x, one * sizeof *p->x);
        m->layers++;
    }
    m->heads = heads;
    m->rows = rows;
    m->cols = cols;
    if (!all) {
        free(m->score);
        m->score = NULL;
        m->room = 0;
    }
    m->n = a->n < SEQ_MAX ? a->n : SEQ_MAX;
    memcpy(m->item, a->item, (size_t)m->n * sizeof *m->item);
    m->first = a->first;
    m->step = a->step;
    m->causal = rows == cols && rows > 1;
    for (int r = 0; m->causal && r < rows; r++)
        for (int k = r + 1; m->causal && k < cols; k++)
            m->causal = m->prob[(size_t)r * (size_t)cols + (size_t)k] <= 0;
    return m->ready = m->layers > 0;
}

void attn_map(const struct maps *m, int layer, int head, float *out)
{
    size_t n = (size_t)m->rows * (size_t)m->cols;
    if (head > 0) {
        memcpy(out, m->prob + attn_at(m, layer, head - 1), n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float sum = 0, max = 0;
        for (int h = 0; h < m->heads; h++) {
            float w = m->prob[attn_at(m, layer, h) + i];
            sum += w;
            max = w > max ? w : max;
        }
        out[i] = head < 0 ? max : sum / (float)m->heads;
    }
}

bool attn_rollout(const struct maps *m, int layer, float *out)
{
    int n = m->rows;
    size_t size = (size_t)n * (size_t)n;
    if (m->rows != m->cols)
        return false;
    float *a = malloc(size * sizeof *a), *b = malloc(size * sizeof *b);
    bool ok = a && b;
    for (int l = 0; ok && l <= layer; l++) {
        attn_map(m, l, 0, a);
        for (int r = 0; r < n; r++)
            for (int k = 0; k < n; k++)
                a[r * n + k] = 0.5f * a[r * n + k] + (r == k ? 0.5f : 0);
        if (l == 0) {
            memcpy(out, a, size * sizeof *out);
            continue;
        }
        for (int r = 0; r < n; r++)
            for (int k = 0; k < n; k++) {
                float sum = 0;
                for (int j = 0; j < n; j++)
                    sum += a[r * n + j] * out[j * n + k];
                b[r * n + k] = sum;
            }
        memcpy(out, b, size * sizeof *out);
    }
    free(a);
    free(b);
    return ok;
}

const char *attn_role(const struct maps *m, const float *x, double *share, double *entropy)
{
    double first = 0, prev = 0, self = 0, same = 0, even = 0, h = 0;
    int rows = 0;
    for (int r = m->causal ? 1 : 0; r < m->rows; r++) {
        const float *w = x + (size_t)r * (size_t)m->cols;
        int open = m->causal ? r + 1 : m->cols;
        double row_h = 0;
        for (int k = 0; k < open && k < m->cols; k++) {
            double p = (double)w[k];
            row_h -= p > 0 ? p * log(p) : 0;
            if (k < r && k < m->n && r < m->n && m->item[k] == m->item[r])
                same += p;
        }
        first += r > 0 ? (double)w[0] : 0;
        prev += r > 0 ? (double)w[r - 1] : 0;
        self += r < m->cols ? (double)w[r] : 0;
        even += open > 1 ? row_h / log(open) : 0;
        h += row_h;
        rows++;
    }
    *entropy = rows ? h / rows : 0;
    *share = 0;
    if (!rows)
        return "";
    if (even / rows > 0.93) {
        *share = even / rows;
        return "uniform";
    }
    const char *name = "first";
    double best = first;
    if (prev > best) {
        best = prev;
        name = "previous";
    }
    if (self > best) {
        best = self;
        name = "itself";
    }
    if (same > best) {
        best = same;
        name = "same earlier";
    }
    *share = best / rows;
    return *share < 0.3 ? "mixed" : name;
}

bool attn_ask(struct view *v, int which, struct view_ask *ask)
{
    if (which > 0 || !slot_has(v->app, v->app->slot, MODEL_ATTENTION))
        return false;
    ask->q.kind = ASK_PROBES;
    ask->q.probes = "*attn.prob,*attn.score";
    return true;
}

int attn_layer(const struct maps *m, const struct ui_select *s)
{
    return s->layer > 0 && s->layer <= m->layers ? s->layer - 1 : m->layers - 1;
}

int attn_head(const struct maps *m, const struct ui_select *s)
{
    return s->head > m->heads ? m->heads : s->head;
}

void attn_cell(const struct maps *m, const struct ui_select *s, int *row, int *col)
{
    *row = s->row < 0 || s->row >= m->rows ? m->rows - 1 : s->row;
    *col = s->col < 0 || s->col >= m->cols
               ? (s->col < 0 ? (m->causal ? *row : m->cols - 1) : m->cols - 1)
               : s->col;
}

bool attn_part(const struct view *v, const struct maps *m, char *buf, size_t size)
{
    const struct ui_select *s = &v->ui->select;
    if (!m->ready || attn_head(m, s) < 1 || s->rollout)
        return false;
    snprintf(buf, size, "attn.%d.head.%d", attn_layer(m, s) + 1, attn_head(m, s));
    return true;
}

bool attn_move(struct view *v, const struct maps *m, const char *key)
{
    struct ui_select *s = &v->ui->select;
    int row, col;
    if (!m->ready)
        return false;
    attn_cell(m, s, &row, &col);
    if (strcmp(key, "Left") == 0)
        col--;
    else if (strcmp(key, "Right") == 0)
        col++;
    else if (strcmp(key, "Home") == 0)
        col = 0;
    else if (strcmp(key, "End") == 0)
        col = m->causal ? row : m->cols - 1;
    else if (!list_key(key, &row, m->rows, v->h))
        return false;
    if (m->causal && col > row)
        col = row;
    s->row = row;
    s->col = col < 0 ? 0 : col >= m->cols ? m->cols - 1 : col;
    return true;
}
