/* The Attention tab: the map of one head, what the cursor's cell says exactly, and all heads at a glance.  Rows are queries (who reads), columns
 * keys (what is read). */
#include "app/ui/plot.h"
#include "app/cmd/command.h"
#include "app/views/view_util.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the data the three panes share in kind, each with its own copy ----------------------------------- */

enum { LAYERS = 16, HEADS = 32 };
struct maps {
    bool ready;
    int64_t step;
    int layers, heads, rows, cols;      /* rows, cols: places; one more than items where a mask is appended */
    int32_t n, item[SEQ_MAX], first;
    float *prob, *score;                /* (layers, heads, rows, cols); score: before the softmax, may be NULL */
    size_t room;
    bool causal;                        /* nothing above the diagonal */
    char error[256];
};

static void maps_done(struct maps *m)
{
    free(m->prob);
    free(m->score);
    memset(m, 0, sizeof *m);
}

static size_t map_at(const struct maps *m, int layer, int head)
{
    return ((size_t)layer * (size_t)m->heads + (size_t)head) * (size_t)m->rows * (size_t)m->cols;
}

static bool maps_take(struct maps *m, const struct answer *a)
{
    m->ready = false;
    if (a->err.code) {
        if (a->err.code != ST_CANCELLED)
            snprintf(m->error, sizeof m->error, "%s", a->err.msg);
        return true;
    }
    m->error[0] = '\0';
    const struct probe_copy *prob[LAYERS] = {0}, *score[LAYERS] = {0};
    int np = 0, ns = 0;
    for (int32_t i = 0; i < a->n_probe; i++) {
        const struct probe_copy *p = &a->probe[i];
        if (p->nd < 2 || !p->x)
            continue;
        if (strstr(p->name, "attn.prob") && np < LAYERS)
            prob[np++] = p;
        else if (strstr(p->name, "attn.score") && ns < LAYERS)
            score[ns++] = p;
    }
    if (!np)
        return true;
    const struct probe_copy *p0 = prob[0];
    int heads = p0->nd >= 3 ? p0->d[p0->nd - 3] : 1, rows = p0->d[p0->nd - 2], cols = p0->d[p0->nd - 1];
    if (heads < 1 || heads > HEADS || rows < 1 || cols < 1)
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
        if (p->d[p->nd - 2] != rows || p->d[p->nd - 1] != cols || (p->nd >= 3 ? p->d[p->nd - 3] : 1) != heads)
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

/* One map of (rows, cols) as the selection says: head 1.., 0 the mean, -1 the maximum over heads. */
static void head_map(const struct maps *m, int layer, int head, float *out)
{
    size_t n = (size_t)m->rows * (size_t)m->cols;
    if (head > 0) {
        memcpy(out, m->prob + map_at(m, layer, head - 1), n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float sum = 0, max = 0;
        for (int h = 0; h < m->heads; h++) {
            float w = m->prob[map_at(m, layer, h) + i];
            sum += w;
            max = w > max ? w : max;
        }
        out[i] = head < 0 ? max : sum / (float)m->heads;
    }
}

/* Rollout: half of each layer's mean map, half the residual path, multiplied through.  A heuristic (Abnar & Zuidema 2020). */
static bool rollout_map(const struct maps *m, int layer, float *out)
{
    int n = m->rows;
    size_t size = (size_t)n * (size_t)n;
    if (m->rows != m->cols)
        return false;
    float *a = malloc(size * sizeof *a), *b = malloc(size * sizeof *b);
    bool ok = a && b;
    for (int l = 0; ok && l <= layer; l++) {
        head_map(m, l, 0, a);
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

/* What a head mostly does: the largest share of mass among first item, previous item, itself and the same item earlier, over all rows with a
 * choice; "uniform" when rows are nearly even.  Returns the share. */
static const char *role_of(const struct maps *m, const float *x, double *share, double *entropy)
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

static bool attn_ask(struct view *v, int which, struct view_ask *ask)
{
    if (which > 0 || !(v->app->slots[v->app->slot].model->flags & MODEL_ATTENTION))
        return false;
    ask->q.kind = ASK_PROBES;
    ask->q.probes = "*attn.prob,*attn.score";
    return true;
}

static int layer_of(const struct maps *m, const struct ui_select *s)
{
    return s->layer > 0 && s->layer <= m->layers ? s->layer - 1 : m->layers - 1;
}

static int head_of(const struct maps *m, const struct ui_select *s) { return s->head > m->heads ? m->heads : s->head; }

static void cell_of(const struct maps *m, const struct ui_select *s, int *row, int *col)
{
    *row = s->row < 0 || s->row >= m->rows ? m->rows - 1 : s->row;
    *col = s->col < 0 || s->col >= m->cols ? (s->col < 0 ? (m->causal ? *row : m->cols - 1) : m->cols - 1) : s->col;
}

/* ---- the map ------------------------------------------------------------------------------------------ */

enum map_style { STYLE_MAP, STYLE_NUMBERS, STYLE_ROW, STYLE_HEADS, STYLE_PIN, STYLES };
static const char *const style_names[STYLES] = {"map", "numbers", "row", "heads", "pin"};

struct map_state {
    struct maps m, pin;
    struct heat_memory memory;
    float *x, *y;                       /* the map shown; that of the pin */
    size_t room;
    enum map_style style;
    int top, left;
};

struct drawn {                          /* context of the heatmap's callbacks */
    const struct map_state *st;
    char *label;                        /* 24 bytes of the caller */
};

static bool cell_value(const void *ctx, int row, int col, double *v)
{
    const struct map_state *st = ((const struct drawn *)ctx)->st;
    const struct maps *m = &st->m;
    if (m->causal && col > row)
        return false;
    size_t i = (size_t)row * (size_t)m->cols + (size_t)col;
    *v = (double)st->x[i];
    if (st->style == STYLE_PIN) {
        if (!st->y || row >= st->pin.rows || col >= st->pin.cols)
            return false;
        *v -= (double)st->y[(size_t)row * (size_t)st->pin.cols + (size_t)col];
    }
    return true;
}

static void place_label(const struct maps *m, int i, char *buf, size_t size)
{
    if (i < m->n)
        snprintf(buf, size, "%d", (int)m->item[i]);
    else
        snprintf(buf, size, "_"); /* the mask that asks */
}

static const char *cell_label(const void *ctx, int i)
{
    /* The text lives until the next call, as the heatmap wants it; the buffer belongs to the drawing. */
    const struct drawn *d = ctx;
    place_label(&d->st->m, i, d->label, 24);
    return d->label;
}

static enum status map_grow(struct map_state *st)
{
    size_t need = (size_t)st->m.rows * (size_t)st->m.cols, pin = (size_t)st->pin.rows * (size_t)st->pin.cols;
    if (pin > need)
        need = pin;
    if (need <= st->room && st->x && st->y)
        return ST_OK;
    float *x = realloc(st->x, need * sizeof *x);
    if (x)
        st->x = x;
    float *y = realloc(st->y, need * sizeof *y);
    if (y)
        st->y = y;
    if (!x || !y)
        return ST_NOMEM;
    st->room = need;
    return ST_OK;
}

static bool map_shown(struct view *v)
{
    struct map_state *st = v->state;
    const struct ui_select *s = &v->ui->select;
    if (!st->m.ready || map_grow(st) != ST_OK)
        return false;
    int layer = layer_of(&st->m, s);
    if (!s->rollout || !rollout_map(&st->m, layer, st->x))
        head_map(&st->m, layer, head_of(&st->m, s), st->x);
    if (st->pin.ready)
        head_map(&st->pin, layer < st->pin.layers ? layer : st->pin.layers - 1, head_of(&st->pin, s), st->y);
    return true;
}

static void map_title(struct view *v)
{
    const struct map_state *st = v->state;
    const struct ui_select *s = &v->ui->select;
    const struct maps *m = &st->m;
    char head[24];
    v->note[0] = '\0';
    if (!m->ready) {
        snprintf(v->title, sizeof v->title, "attention");
        return;
    }
    int h = head_of(m, s);
    if (h > 0)
        snprintf(head, sizeof head, "head %d", h);
    else
        snprintf(head, sizeof head, "%s of %d heads", h < 0 ? "maximum" : "mean", m->heads);
    if (s->rollout)
        snprintf(v->title, sizeof v->title, "rollout to layer %d (a heuristic)", layer_of(m, s) + 1);
    else if (st->style == STYLE_HEADS)
        snprintf(v->title, sizeof v->title, "all heads");
    else
        snprintf(v->title, sizeof v->title, "layer %d %s%s", layer_of(m, s) + 1, head, st->style == STYLE_PIN ? " less pin" : "");
    if (v->w > 47 && st->style != STYLE_HEADS && st->style != STYLE_ROW)
        snprintf(v->note, sizeof v->note, "rows read from columns");
    if (m->first > 0)
        snprintf(v->note, sizeof v->note, "oldest %d cut off", (int)m->first);
}

static bool map_ask(struct view *v, int which, struct view_ask *ask)
{
    struct map_state *st = v->state;
    if (which == 1) {
        if (st->style != STYLE_PIN || !v->app->has_pin || v->app->pin.n == 0)
            return false;
        ask->q.kind = ASK_PROBES;
        ask->q.probes = "*attn.prob";
        ask->q.item = v->app->pin.item;
        ask->q.n = v->app->pin.n;
        return true;
    }
    return attn_ask(v, which, ask);
}

static bool map_answer(struct view *v, int which, const struct answer *a)
{
    struct map_state *st = v->state;
    maps_take(which == 1 ? &st->pin : &st->m, a);
    map_shown(v);
    map_title(v);
    return true;
}

static bool map_update(struct view *v, const struct snapshot *s)
{
    (void)s;
    map_shown(v);
    map_title(v);
    return false;
}

static void map_close(struct view *v)
{
    struct map_state *st = v->state;
    maps_done(&st->m);
    maps_done(&st->pin);
    heat_memory_free(&st->memory);
    free(st->x);
    free(st->y);
}

static void describe(const struct map_state *st, struct heatmap *h, struct drawn *d, const struct ui_select *s)
{
    d->st = st;
    int row, col;
    cell_of(&st->m, s, &row, &col);
    *h = (struct heatmap){.rows = st->m.rows, .cols = st->m.cols, .at = cell_value, .ctx = d, .row_label = cell_label, .col_label = cell_label,
                          .row_name = "query", .col_name = "key", .scale = st->style == STYLE_PIN ? HEAT_SIGNED : HEAT_PER_ROW,
                          .numbers = st->style == STYLE_NUMBERS, .shape_square = true, .cursor = true, .cur_row = row, .cur_col = col,
                          .top = st->top, .left = st->left};
    if (st->style == STYLE_NUMBERS)
        h->size = HEAT_LARGE;
}

/* One row as bars: what query `row` reads. */
static void draw_row(const struct view *v, struct canvas *c)
{
    const struct map_state *st = v->state;
    const struct maps *m = &st->m;
    int row, col, id = item_digits(v->app);
    char b[FMT_NUM], name[64];
    cell_of(m, &v->ui->select, &row, &col);
    if (row < m->n)
        app_item_text(v->app, m->item[row], name, sizeof name);
    else
        snprintf(name, sizeof name, "the mask");
    canvas_printf(c, 0, 1, ROLE_TEXT, "query %d  %s  reads", row + 1, name);
    int open = m->causal ? row + 1 : m->cols, shown = c->rows - 2, from = canvas_scroll(0, col, shown, open);
    const float *x = st->x + (size_t)row * (size_t)m->cols;
    double full = 0;
    for (int k = 0; k < open; k++)
        full = (double)x[k] > full ? (double)x[k] : full;
    int w = id + 18 < c->cols / 2 ? id + 18 : c->cols / 2;
    for (int k = from, y = 2; k < open && y < c->rows; k++, y++) {
        snprintf(b, sizeof b, "%d", k + 1);
        canvas_right(c, y, 1, 3, ROLE_DIM, b);
        if (k < m->n)
            draw_item(c, y, 5, w, id, ROLE_TEXT, v->app, m->item[k]);
        else
            canvas_left(c, y, 5, w, ROLE_TEXT, "_ (the mask)");
        canvas_right(c, y, 6 + w, 6, ROLE_TEXT, fmt_fixed(b, (double)x[k], 3));
        canvas_bar(c, y, 13 + w, c->cols - 14 - w, ROLE_BAR, (double)x[k], full);
        if (k == col)
            canvas_paint(c, y, 0, c->cols, v->focus ? ROLE_CURSOR : ROLE_SELECT);
    }
}

static void draw_heads(const struct view *v, struct canvas *c, const struct maps *m);

static void map_draw(const struct view *v, struct canvas *c)
{
    const struct map_state *st = v->state;
    if (!st->m.ready || !st->x) {
        draw_empty(c, st->m.error[0] ? st->m.error : v->app->seq.n ? "thinking" : "no sequence yet", v->app->seq.n ? "" : "p  types one;  9  picks a session");
        return;
    }
    if (st->style == STYLE_HEADS) {
        draw_heads(v, c, &st->m);
        return;
    }
    if (st->style == STYLE_ROW) {
        draw_row(v, c);
        return;
    }
    if (st->style == STYLE_PIN && !st->pin.ready) {
        draw_empty(c, "the difference to the pinned sequence", "P  pins the present one");
        return;
    }
    struct heatmap h;
    char label[24];
    struct drawn d = {st, label};
    struct heat_info info;
    describe(st, &h, &d, &v->ui->select);
    struct canvas map = canvas_sub(c, 0, 1, c->rows > 4 ? c->rows - 1 : c->rows, REST);
    heat_draw(&map, &h, &info);
    if (c->rows > 4) {
        int used = heat_scale_line(c, c->rows - 1, 1, &h, &info);
        if (st->m.causal && used + 22 < c->cols) {
            canvas_glyph(c, c->rows - 1, used + 3, ROLE_MASKED, G_MASKED);
            canvas_text(c, c->rows - 1, used + 5, ROLE_DIM, "masked (future)");
        }
    }
}

static bool move_cell(struct view *v, const struct maps *m, const char *key)
{
    struct ui_select *s = &v->ui->select;
    int row, col;
    if (!m->ready)
        return false;
    cell_of(m, s, &row, &col);
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

static bool map_key(struct view *v, const char *key)
{
    struct map_state *st = v->state;
    if (strcmp(key, "Enter") == 0 && st->style == STYLE_HEADS) {
        st->style = STYLE_MAP;
        map_title(v);
        return true;
    }
    if (!move_cell(v, &st->m, key))
        return false;
    int row, col;
    cell_of(&st->m, &v->ui->select, &row, &col);
    st->top = canvas_scroll(st->top, row, v->h > 2 ? v->h - 2 : 1, st->m.rows);
    st->left = canvas_scroll(st->left, col, v->w > 8 ? v->w - 6 : 1, st->m.cols);
    return true;
}

static bool map_click(struct view *v, int row, int col, bool twice)
{
    struct map_state *st = v->state;
    (void)twice;
    if (!st->m.ready || st->style != STYLE_MAP)
        return false;
    int r, k;
    /* Drawing on nothing tells where the cells are. */
    struct theme plain;
    struct grid none = {0, 0, NULL};
    theme_fixed(&plain, GLYPHS_BLOCK, DEPTH_256, false);
    struct canvas c = {&none, &plain, 0, 0, v->h > 4 ? v->h - 1 : v->h, v->w - 1};
    struct heatmap h;
    char label[24];
    struct drawn d = {st, label};
    struct heat_info info;
    describe(st, &h, &d, &v->ui->select);
    heat_draw(&c, &h, &info);
    if (!heat_hit(&info, row, col - 1, &r, &k))
        return false;
    v->ui->select.row = r;
    v->ui->select.col = k;
    return true;
}

static bool map_style(struct view *v, const char *name)
{
    struct map_state *st = v->state;
    for (int i = 0; i < STYLES; i++) {
        bool next = i == ((int)st->style + 1) % STYLES;
        if (*name ? strcmp(name, style_names[i]) == 0 : next) {
            st->style = (enum map_style)i;
            map_shown(v);
            map_title(v);
            return true;
        }
    }
    return false;
}

/* attend layer=N|next|prev head=N|mean|max|next|prev|cycle row=POS rollout diff=pin */
static int step_in(const char *text, int now, int n, int special)
{
    if (strcmp(text, "next") == 0)
        return now >= n ? 1 : now + 1;
    if (strcmp(text, "prev") == 0)
        return now <= 1 ? n : now - 1;
    if (strcmp(text, "mean") == 0)
        return 0;
    if (strcmp(text, "max") == 0)
        return -1;
    if (strcmp(text, "cycle") == 0) /* one head, mean, maximum */
        return now > 0 ? 0 : now == 0 ? -1 : special > 0 ? special : 1;
    int k = 0;
    for (; *text >= '0' && *text <= '9' && k < 1000; text++)
        k = k * 10 + (*text - '0');
    return *text || k < 1 || k > n ? -2 : k;
}

static bool map_command(struct view *v, const struct cmd_call *call)
{
    struct map_state *st = v->state;
    struct ui_select *s = &v->ui->select;
    int layers = st->m.ready ? st->m.layers : LAYERS, heads = st->m.ready ? st->m.heads : HEADS;
    if (call_has(call, "layer")) {
        int now = s->layer > 0 ? s->layer : layers, to = step_in(call_text(call, "layer", "0"), now, layers, 0);
        if (to < 1)
            return false;
        s->layer = to;
    }
    if (call_has(call, "head")) {
        int to = step_in(call_text(call, "head", "0"), s->head, heads, 1);
        if (to < -1)
            return false;
        s->head = to;
        s->rollout = false;
    }
    if (call_has(call, "row"))
        s->row = (int)call_int(call, "row", -1);
    if (call_has(call, "rollout"))
        s->rollout = !s->rollout;
    if (call_has(call, "diff"))
        st->style = STYLE_PIN;
    else if (st->style == STYLE_HEADS)
        st->style = STYLE_MAP;
    map_shown(v);
    map_title(v);
    return true;
}

static void map_plot(const struct view *v, struct plot *p)
{
    static struct drawn d;
    static char label[24];
    d.label = label;
    struct plot_panel *panel = plot_add(p, PLOT_HEAT, v->title);
    const struct map_state *st = v->state;
    if (panel && st->m.ready && st->x)
        describe(st, &panel->heat, &d, &v->ui->select);
}

static const char *const map_keys[] = {"hjkl", "cell", "v", "style", NULL};
const struct view_def view_attention = {
    .name = "attention", .title = "attention",
    .help = "Who reads whom.  Rows are queries, columns keys; ( ) head, { } layer, a mean or maximum, R rollout, v style.",
    .flags = VIEW_NEEDS_MODEL | VIEW_EXPORTS, .min_rows = 5, .min_cols = 20, .state_size = sizeof(struct map_state), .keys = map_keys,
    .close = map_close, .ask = map_ask, .answer = map_answer, .update = map_update, .draw = map_draw, .key = map_key, .click = map_click,
    .command = map_command, .style = map_style, .plot = map_plot,
};

/* ---- the cell under the cursor ------------------------------------------------------------------------ */

enum { CELL_NOW, CELL_LIVE, CELL_EARLIER, CELL_DROP };
struct cell_state {
    struct maps m, live, earlier;
    int64_t earlier_at;
    bool has_drop;
    double drop;                        /* occlusion of the key on the first answer after the row's prefix */
    int drop_row, drop_col;
    int32_t prefix[SEQ_MAX], less[SEQ_MAX]; /* the sequence up to the query, and without the key */
    const int32_t *variant[2];
    int32_t variant_n[2];
};

/* Steps to compare with: live when the view is behind, and the kept step before the viewed one. */
static int64_t earlier_step(const struct app *a)
{
    enum { MAX = 1024 };
    int64_t step[MAX];
    const struct history *h = a->slots[a->slot].history;
    int n = h ? history_steps(h, step, MAX) : 0;
    if (n > MAX)
        n = MAX;
    int64_t now = a->at == STEP_LIVE ? INT64_MAX : a->at, target = -1;
    for (int i = n - 1; i >= 0; i--)
        if (step[i] < now) {
            /* a clearly earlier one: half the way back */
            int64_t half = (a->at == STEP_LIVE ? step[n - 1] : a->at) / 2;
            if (target < 0 || step[i] >= half)
                target = step[i];
            if (step[i] < half)
                break;
        }
    return target;
}

static bool cell_ask(struct view *v, int which, struct view_ask *ask)
{
    struct cell_state *st = v->state;
    const struct app *a = v->app;
    if (!(a->slots[a->slot].model->flags & MODEL_ATTENTION))
        return false;
    ask->q.kind = ASK_PROBES;
    ask->q.probes = which == CELL_NOW ? "*attn.prob,*attn.score" : "*attn.prob";
    if (which == CELL_LIVE) {
        st->live.ready = st->live.ready && a->at != STEP_LIVE;
        ask->at = STEP_LIVE;
        return a->at != STEP_LIVE;
    }
    if (which == CELL_EARLIER) {
        st->earlier_at = earlier_step(a);
        ask->at = st->earlier_at;
        st->earlier.ready = st->earlier.ready && st->earlier_at >= 0;
        return st->earlier_at >= 0;
    }
    if (which == CELL_DROP) {
        int row, col;
        if (!st->m.ready)
            return false;
        cell_of(&st->m, &v->ui->select, &row, &col);
        if (row >= st->m.n || col >= st->m.n || row < 1 || !st->m.causal)
            return st->has_drop = false;
        memcpy(st->prefix, st->m.item, (size_t)(row + 1) * sizeof *st->prefix);
        memcpy(st->less, st->prefix, (size_t)col * sizeof *st->less);
        memcpy(st->less + col, st->prefix + col + 1, (size_t)(row - col) * sizeof *st->less);
        st->variant[0] = st->prefix;
        st->variant_n[0] = row + 1;
        st->variant[1] = st->less;
        st->variant_n[1] = row;
        st->drop_row = row;
        st->drop_col = col;
        ask->q.kind = ASK_VARIANTS;
        ask->q.n_variant = 2;
        ask->q.variant = st->variant;
        ask->q.variant_n = st->variant_n;
        return true;
    }
    return which == CELL_NOW;
}

static double probability(const float *s, int32_t n, int32_t item)
{
    double m = -INFINITY, sum = 0;
    for (int32_t i = 1; i <= n; i++)
        m = (double)s[i] > m ? (double)s[i] : m;
    for (int32_t i = 1; i <= n; i++)
        sum += exp((double)s[i] - m);
    return exp((double)s[item] - m) / sum;
}

static bool cell_answer(struct view *v, int which, const struct answer *a)
{
    struct cell_state *st = v->state;
    if (which == CELL_DROP) {
        st->has_drop = !a->err.code && a->n_row == 2;
        if (st->has_drop) {
            const float *full = a->score, *less = a->score + a->n_items + 1;
            int32_t top = 1;
            for (int32_t i = 2; i <= a->n_items; i++)
                if (full[i] > full[top])
                    top = i;
            st->drop = a->softmax ? probability(full, a->n_items, top) - probability(less, a->n_items, top) : (double)full[top] - (double)less[top];
        }
        return true;
    }
    maps_take(which == CELL_NOW ? &st->m : which == CELL_LIVE ? &st->live : &st->earlier, a);
    return true;
}

static void cell_close(struct view *v)
{
    struct cell_state *st = v->state;
    maps_done(&st->m);
    maps_done(&st->live);
    maps_done(&st->earlier);
}

static double cell_weight(const struct maps *m, const struct ui_select *s, int row, int col)
{
    int layer = layer_of(m, s), head = head_of(m, s);
    size_t i = (size_t)row * (size_t)m->cols + (size_t)col;
    double sum = 0, max = 0;
    if (row >= m->rows || col >= m->cols)
        return (double)NAN;
    for (int h = 0; h < m->heads; h++) {
        double w = (double)m->prob[map_at(m, layer, h) + i];
        if (head == h + 1)
            return w;
        sum += w;
        max = w > max ? w : max;
    }
    return head < 0 ? max : sum / m->heads;
}

static void cell_draw(const struct view *v, struct canvas *c)
{
    const struct cell_state *st = v->state;
    const struct maps *m = &st->m;
    const struct ui_select *s = &v->ui->select;
    const struct app *a = v->app;
    if (!m->ready) {
        draw_empty(c, "the cell under the cursor, exactly", "");
        return;
    }
    int row, col, y = 0;
    char q[64], k[64], b[FMT_NUM], b2[FMT_NUM], b3[FMT_NUM], line[256];
    cell_of(m, s, &row, &col);
    if (row < m->n)
        app_item_text(a, m->item[row], q, sizeof q);
    else
        snprintf(q, sizeof q, "the mask");
    if (col < m->n)
        app_item_text(a, m->item[col], k, sizeof k);
    else
        snprintf(k, sizeof k, "the mask");
    struct canvas t = canvas_sub(c, 0, 1, REST, REST);
    t.cols = c->cols - 2;
    bool wide = c->cols >= 44;
    if (wide) {
        snprintf(line, sizeof line, "query %d (%s)  <-  key %d (%s)", row + 1, q, col + 1, k);
        y += canvas_wrap(&t, y, ROLE_STRONG, line);
    } else {
        canvas_printf(&t, y++, 0, ROLE_STRONG, "query %d  %s", row + 1, q);
        canvas_printf(&t, y++, 0, ROLE_STRONG, "key   %d  %s", col + 1, k);
    }
    double w = cell_weight(m, s, row, col), h = 0;
    int open = m->causal ? row + 1 : m->cols, rank = 1;
    for (int j = 0; j < open; j++) {
        double x = cell_weight(m, s, row, j);
        h -= x > 0 ? x * log(x) : 0;
        rank += x > w;
    }
    if (m->causal && col > row) {
        canvas_text(&t, y++, 0, ROLE_DIM, "masked: the future is hidden");
    } else if (wide) {
        int at = canvas_printf(&t, y, 0, ROLE_TEXT, "weight ");
        at += canvas_text(&t, y, at, ROLE_STRONG, fmt_fixed(b, w, 4));
        canvas_printf(&t, y++, at, ROLE_TEXT, "  rank %d of %d", rank, open);
    } else {
        int at = canvas_printf(&t, y, 0, ROLE_TEXT, "weight ");
        at += canvas_text(&t, y, at, ROLE_STRONG, fmt_fixed(b, w, 4));
        canvas_printf(&t, y++, at, ROLE_DIM, "  rank %d/%d", rank, open);
    }
    if (!(m->causal && col > row))
        canvas_printf(&t, y++, 0, ROLE_DIM, wide ? "row entropy %s of %s nats" : "entropy %s of %s nats", fmt_fixed(b2, h, 2), fmt_fixed(b3, log(open), 2));
    int head = head_of(m, s), layer = layer_of(m, s);
    if (m->score && head > 0 && !(m->causal && col > row)) {
        double z = (double)m->score[map_at(m, layer, head - 1) + (size_t)row * (size_t)m->cols + (size_t)col];
        canvas_printf(&t, y++, 0, ROLE_DIM, wide ? "logit  %s  (before the softmax)" : "logit  %s", fmt_fixed(b, z, 3));
    }
    if (st->live.ready && row < st->live.rows && col < st->live.cols) {
        double x = cell_weight(&st->live, s, row, col);
        canvas_printf(&t, y++, 0, ROLE_TEXT, "at live: %s (%s)", fmt_fixed(b, x, 4), fmt_signed(b3, x - w));
    }
    if (st->earlier.ready && st->earlier.step != m->step && row < st->earlier.rows && col < st->earlier.cols) {
        double x = cell_weight(&st->earlier, s, row, col);
        canvas_printf(&t, y++, 0, ROLE_DIM, "at step %lld: %s", (long long)st->earlier.step, fmt_fixed(b, x, 4));
    }
    if (st->has_drop && st->drop_row == row && st->drop_col == col) {
        if (wide)
            snprintf(line, sizeof line, "occlusion of key %d on the first answer: %s", col + 1, fmt_signed(b, st->drop));
        else
            snprintf(line, sizeof line, "occlusion of the key on the first answer: %s", fmt_signed(b, st->drop));
        y += canvas_wrap(&t, y, st->drop < 0 ? ROLE_DOWN : ROLE_TEXT, line);
    }
    if (y < t.rows) {
        double share, ent;
        size_t n = (size_t)m->rows * (size_t)m->cols;
        float *x = malloc(n * sizeof *x);
        if (x) {
            head_map(m, layer, head, x);
            const char *role = role_of(m, x, &share, &ent);
            snprintf(line, sizeof line, wide ? "role guess: %s (%s of the mass)" : "role: %s (%s)", role, fmt_prob(b, share));
            if (strcmp(role, "uniform") == 0 || strcmp(role, "mixed") == 0)
                snprintf(line, sizeof line, wide ? "role guess: %s (mean entropy %s)" : "role: %s (H=%s)", role, fmt_fixed(b, ent, 2));
            canvas_wrap(&t, y, ROLE_TEXT, line);
            free(x);
        }
    }
}

static bool cell_key(struct view *v, const char *key) { return move_cell(v, &((struct cell_state *)v->state)->m, key); }

const struct view_def view_cell = {
    .name = "cell", .title = "cursor", .help = "The cell under the cursor: exact weight, value before the softmax, other steps, occlusion, what the head mostly does.",
    .flags = VIEW_NEEDS_MODEL, .min_rows = 3, .min_cols = 20, .state_size = sizeof(struct cell_state), .keys = map_keys,
    .close = cell_close, .ask = cell_ask, .answer = cell_answer, .draw = cell_draw, .key = cell_key,
};

/* ---- all heads ---------------------------------------------------------------------------------------- */

struct heads_state {
    struct maps m;
};

static bool heads_answer(struct view *v, int which, const struct answer *a)
{
    (void)which;
    maps_take(&((struct heads_state *)v->state)->m, a);
    return true;
}

static void heads_close(struct view *v) { maps_done(&((struct heads_state *)v->state)->m); }

struct mini {
    const struct maps *m;
    const float *x;
};
static bool mini_value(const void *ctx, int row, int col, double *v)
{
    const struct mini *d = ctx;
    if (d->m->causal && col > row)
        return false;
    *v = (double)d->x[(size_t)row * (size_t)d->m->cols + (size_t)col];
    return true;
}

static void draw_heads(const struct view *v, struct canvas *c, const struct maps *m)
{
    if (!m->ready) {
        draw_empty(c, "all heads at a glance", "");
        return;
    }
    const struct ui_select *s = &v->ui->select;
    int across = m->heads < 4 ? m->heads : c->cols / 4 >= 14 ? 4 : 2, down = (m->heads + across - 1) / across;
    int cell_w = c->cols / across, cell_h = c->rows / (m->layers * down);
    while (cell_h < 4 && across < m->heads && c->cols / (across + 1) >= 10) {
        across++;
        down = (m->heads + across - 1) / across;
        cell_w = c->cols / across;
        cell_h = c->rows / (m->layers * down);
    }
    if (cell_h < 3)
        cell_h = 3;
    size_t n = (size_t)m->rows * (size_t)m->cols;
    float *x = malloc(n * sizeof *x);
    for (int l = 0; x && l < m->layers; l++)
        for (int h = 0; h < m->heads; h++) {
            int row = (l * down + h / across) * cell_h, col = h % across * cell_w;
            if (row + 1 >= c->rows)
                continue;
            struct canvas box = canvas_sub(c, row, col + 1, cell_h, cell_w - 1);
            bool on = l == layer_of(m, s) && h + 1 == head_of(m, s);
            double share, ent;
            char b[FMT_NUM];
            head_map(m, l, h + 1, x);
            const char *role = role_of(m, x, &share, &ent);
            int at = canvas_printf(&box, 0, 0, on ? ROLE_STRONG : ROLE_TEXT, "L%d H%d%s", l + 1, h + 1, on ? " <-" : "");
            bool even = strcmp(role, "uniform") == 0 || strcmp(role, "mixed") == 0;
            /* Large cells where four columns a value and a side column of words fit. */
            bool large = cell_w - 4 * m->cols - 3 >= 14 && cell_h - 2 >= m->rows;
            int map_w = large ? 4 * m->cols : m->cols;
            bool side = cell_w - map_w - 2 >= 14 && cell_h > 4;
            if (!side)
                canvas_printf(&box, 0, at + 1, ROLE_DIM, "%s %s", role, even ? "" : fmt_prob(b, share));
            struct mini d = {m, x};
            struct heatmap map = {.rows = m->rows, .cols = m->cols, .at = mini_value, .ctx = &d, .scale = HEAT_PER_ROW, .size = large ? HEAT_LARGE : HEAT_TINY};
            struct heat_info info;
            struct canvas area = canvas_sub(&box, 1, 0, cell_h - 2 > 0 ? cell_h - 2 : 1, side ? map_w : cell_w - 2);
            heat_draw(&area, &map, &info);
            if (side) {
                canvas_text(&box, 2, map_w + 2, ROLE_TEXT, role);
                if (!even)
                    canvas_text(&box, 3, map_w + 2, ROLE_DIM, fmt_prob(b, share));
                canvas_printf(&box, even ? 3 : 4, map_w + 2, ROLE_DIM, "H=%s", fmt_fixed(b, ent, 2));
            }
        }
    free(x);
}

static void heads_draw(const struct view *v, struct canvas *c) { draw_heads(v, c, &((const struct heads_state *)v->state)->m); }

static bool heads_key(struct view *v, const char *key)
{
    const struct maps *m = &((struct heads_state *)v->state)->m;
    struct ui_select *s = &v->ui->select;
    if (!m->ready)
        return false;
    int layer = layer_of(m, s), head = head_of(m, s) > 0 ? head_of(m, s) - 1 : 0;
    if (strcmp(key, "Left") == 0)
        head--;
    else if (strcmp(key, "Right") == 0)
        head++;
    else if (!list_key(key, &layer, m->layers, m->layers))
        return false;
    s->layer = layer + 1;
    s->head = (head < 0 ? 0 : head >= m->heads ? m->heads - 1 : head) + 1;
    return true;
}

const struct view_def view_heads = {
    .name = "heads", .title = "all heads", .help = "Every head of every layer, small, with what it mostly does; hjkl choose one.",
    .flags = VIEW_NEEDS_MODEL, .min_rows = 4, .min_cols = 20, .state_size = sizeof(struct heads_state), .close = heads_close,
    .ask = attn_ask, .answer = heads_answer, .draw = heads_draw, .key = heads_key,
};
