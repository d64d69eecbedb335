/* Sides of the tab Compare; see sides.h. */
#include "app/views/sides.h"
#include "app/cmd/condition.h"

#include <stdio.h>

enum { KEPT = 4096 };

static int kept_steps(const struct app *a, int slot, int64_t *step)
{
    const struct history *h = a->slots[slot].history;
    int n = h ? history_steps(h, step, KEPT) : 0;
    return n > KEPT ? KEPT : n;
}

/* The kept step nearest to `at`; `live` when that is nearer or nothing is kept. */
static int64_t nearest_step(const struct app *a, int slot, int64_t at, int64_t live)
{
    static int64_t step[KEPT]; /* the screen's thread only */
    int n = kept_steps(a, slot, step);
    int64_t best = live;
    for (int i = 0; i < n; i++) {
        int64_t d = step[i] > at ? step[i] - at : at - step[i];
        int64_t b = best > at ? best - at : at - best;
        if (d < b)
            best = step[i];
    }
    return best;
}

/* What ui->compare says, or what suggests itself: the current slot and the next one that has
 * a model; a single model against its first kept step. */
static int choose(const struct ui *u, struct ui_side *side)
{
    const struct app *a = u->app;
    int n = 0;
    for (int i = 0; i < u->compare.n; i++)
        if (a->slots[u->compare.side[i].slot].model)
            side[n++] = u->compare.side[i];
    if (n > 0 || !a->slots[a->slot].model)
        return n;
    side[n++] = (struct ui_side){a->slot, STEP_LIVE};
    for (int i = 1; i < SLOTS && n < 2; i++) {
        int slot = (a->slot + i) % SLOTS;
        if (a->slots[slot].model)
            side[n++] = (struct ui_side){slot, STEP_LIVE};
    }
    static int64_t step[KEPT];
    if (n == 1 && kept_steps(a, a->slot, step) > 1)
        side[n++] = (struct ui_side){a->slot, step[0]};
    return n;
}

int sides_count(const struct ui *u)
{
    struct ui_side side[UI_COMPARED];
    return choose(u, side);
}

void sides_fix(struct ui *u)
{
    struct ui_side side[UI_COMPARED];
    int n = choose(u, side);
    for (int i = 0; i < n; i++)
        u->compare.side[i] = side[i];
    u->compare.n = n;
    if (u->compare.against >= n)
        u->compare.against = 1;
}

void sides_take(const struct ui *u, struct sides *s)
{
    struct app *a = u->app;
    struct ui_side side[UI_COMPARED];
    int n = choose(u, side);
    memset(s, 0, sizeof *s);
    for (int i = 0; i < n; i++) {
        struct side *d = &s->side[s->n];
        int64_t at = side[i].at == STEP_LIVE ? a->at : side[i].at,
                live = app_step(a, side[i].slot);
        *d = (struct side){
            .slot = side[i].slot, .own_time = side[i].at != STEP_LIVE, .wanted = -1};
        if (at != STEP_LIVE) {
            int64_t to = nearest_step(a, d->slot, at, live);
            d->wanted = to != at ? at : -1;
            at = to == live ? STEP_LIVE : to;
        }
        if (app_weights_at(a, d->slot, at, &d->w, NULL) != ST_OK)
            continue;
        d->step = d->w->step;
        s->n++;
    }
    s->against = u->compare.against < s->n ? u->compare.against : s->n - 1;
    if (s->against < 1 && s->n > 1)
        s->against = 1;
}

void sides_done(struct sides *s)
{
    for (int i = 0; i < s->n; i++)
        weights_unref(s->side[i].w);
    s->n = 0;
}

void side_title(const struct app *a, const struct side *s, char *buf, size_t size)
{
    size_t n = (size_t)snprintf(buf, size, "%c %.*s @%lld", 'A' + s->slot,
                                (int)strcspn(a->slots[s->slot].model->title, " ("),
                                a->slots[s->slot].model->title, (long long)s->step);
    if (s->wanted >= 0 && n < size)
        snprintf(buf + n, size - n, " (nearest to %lld)", (long long)s->wanted);
}

void side_brief(const struct app *a, const struct sides *s, int i, char *buf, size_t size)
{
    const struct slot *me = &a->slots[s->side[i].slot];
    const struct learner *l = app_learner(a, s->side[i].slot);
    size_t n = 0;
    buf[0] = '\0';
    bool alike = false;
    for (const struct hparam_def *d = l && l->hp ? hparams_defs(l->hp) : NULL; d && d->name;
         d++) {
        char mine[32], other[32];
        bool differs = false;
        hparams_text(l->hp, d->name, mine, sizeof mine);
        for (int k = 0; k < s->n; k++) {
            const struct learner *o = app_learner(a, s->side[k].slot);
            if (k == i || !o || !o->hp || o == l ||
                a->slots[s->side[k].slot].model != me->model)
                continue;
            alike = true;
            hparams_text(o->hp, d->name, other, sizeof other);
            differs = differs || strcmp(mine, other) != 0;
        }
        if (differs && n < size)
            n += (size_t)snprintf(buf + n, size - n, "%s%s=%s", n ? " " : "", d->name, mine);
    }
    if (!alike && n < size) {
        slot_brief(a, s->side[i].slot, buf, size);
        n = strlen(buf);
    }
    const char *file = strrchr(me->origin, '/'), *origin = file ? file + 1 : me->origin;
    if (origin[0] && n < size)
        snprintf(buf + n, size - n, "%s%s", n ? "  " : "", origin);
}

int compare_k(const struct ui *u)
{
    return u->compare.k > 0 ? u->compare.k : (int)setting(u->app, SETTING_K);
}

bool compare_style(struct ui *u, const char *name)
{
    static const struct {
        const char *name;
        enum quantity_kind kind;
    } styles[] = {{"hr", Q_HR}, {"ndcg", Q_NDCG}, {"mrr", Q_MRR}};
    int n = (int)(sizeof styles / sizeof *styles), now = 0;
    for (int i = 0; i < n; i++)
        if ((int)styles[i].kind == u->compare.metric)
            now = i;
    for (int i = 0; i < n; i++)
        if (*name ? strcmp(name, styles[i].name) == 0 : i == (now + 1) % n) {
            u->compare.metric = (int)styles[i].kind;
            return true;
        }
    return false;
}
