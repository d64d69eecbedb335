/* What the visible views ask of the explorer, and the answers handed back to them; see
 * ui_state.h. */
#include "app/ui_state.h"
#include "app/cmd/ablate.h"

#include <string.h>

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* What is asked, without the step of the parameters. */
static uint64_t fingerprint(const struct view_ask *q, const struct weights *w)
{
    uint64_t h = 0xcbf29ce484222325u;
    int32_t n[] = {(int32_t)q->q.kind, q->q.n,      q->q.target, q->q.n_variant, q->q.k,
                   q->q.n_set,         q->q.n_patch};
    h = mix(h, n, sizeof n);
    h = mix(h, &q->slot, sizeof q->slot);
    h = mix(h, &q->at, sizeof q->at);
    h = mix(h, &q->key, sizeof q->key);
    h = mix(h, &q->q.tag, sizeof q->q.tag);
    h = mix(h, &w->ps, sizeof w->ps);
    h = mix(h, &w->seed, sizeof w->seed);
    if (q->q.item && q->q.n > 0)
        h = mix(h, q->q.item, (size_t)q->q.n * sizeof *q->q.item);
    if (q->q.probes)
        h = mix(h, q->q.probes, strlen(q->q.probes));
    if (q->q.params)
        h = mix(h, q->q.params, strlen(q->q.params));
    for (int32_t i = 0; i < q->q.n_patch; i++) {
        const struct patch *p = &q->q.patch[i];
        int32_t where[4] = {p->set, p->row, p->col, p->n};
        h = mix(h, p->probe, strlen(p->probe));
        h = mix(h, where, sizeof where);
        h = mix(h, &p->value, sizeof p->value);
    }
    for (int32_t i = 0; i < q->q.n_variant; i++)
        h = mix(h, q->q.variant[i], (size_t)q->q.variant_n[i] * sizeof **q->q.variant);
    return h ? h : 1;
}

static struct weights *weights_for(struct app *a, int slot, int64_t at)
{
    struct slot *s = &a->slots[slot];
    if (!s->model)
        return NULL;
    if (at == a->at)
        return app_view_weights(a, slot);
    if (at == STEP_LIVE)
        return s->weights ? weights_ref(s->weights) : NULL;
    return s->history ? history_nearest(s->history, at) : NULL;
}

static bool ask_one(struct app *a, struct view *v, int which, bool here)
{
    struct view_ask q = {.q = {.kind = ASK_SCORE, .n = a->seq.n, .item = a->seq.item},
                         .slot = a->slot,
                         .at = a->at};
    bool lacks_model = (v->def->flags & VIEW_NEEDS_MODEL) && !app_slot(a)->model;
    if (lacks_model || !v->def->ask(v, which, &q) || !question_complete(&q.q)) {
        v->asked[which] = 0;
        return false;
    }
    if (!q.q.patch) /* a view with patches of its own has taken these along */
        ablate_with(a, q.slot, &q.q, NULL, 0);
    struct weights *w = q.w ? weights_ref(q.w) : weights_for(a, q.slot, q.at);
    if (!w) {
        v->asked[which] = 0;
        return false;
    }
    uint64_t what = fingerprint(&q, w), all = mix(what, &w->step, sizeof w->step);
    /* A model that learns faster than a question takes: the running one is not thrown away
     * for newer parameters. */
    bool same = v->asked[which] == all || (v->waiting[which] && v->asked_what[which] == what);
    if (same && !here) {
        weights_unref(w);
        return false;
    }
    if (here && v->asked[which] == all && !v->waiting[which]) {
        weights_unref(w);
        return false;
    }
    v->asked[which] = all;
    v->asked_what[which] = what;
    if (here) {
        v->waiting[which] = false;
        const struct answer *r = a->explore ? explore_ask(a->explore, w, &q.q, NULL) : NULL;
        if (r && v->def->answer)
            v->def->answer(v, which, r);
        /* a part: a picture waits for the others */
        if (r && q.q.kind == ASK_RANKS && r->n_rank > 0) {
            weights_unref(w);
            return ask_one(a, v, which, true);
        }
    } else if (a->explorer) {
        v->waiting[which] = true;
        explorer_ask(a->explorer, v->id + (uint64_t)which, w, &q.q);
    }
    weights_unref(w);
    return true;
}

bool ui_ask(struct app *a, bool here)
{
    struct ui *u = a->ui;
    bool any = false;
    if (!u || !a->ds)
        return false;
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        if (v->visible && v->def->ask)
            for (int k = 0; k < VIEW_ASKS; k++)
                any = ask_one(a, v, k, here) || any;
    }
    return any;
}

bool ui_answers(struct app *a)
{
    struct ui *u = a->ui;
    bool redraw = false;
    if (!u || !a->explorer)
        return false;
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        for (int k = 0; k < VIEW_ASKS; k++) {
            if (!v->waiting[k])
                continue;
            const struct answer *r = explorer_answer(a->explorer, v->id + (uint64_t)k);
            if (!r || r == v->taken[k])
                continue;
            v->taken[k] = r;
            if (r->err.code == ST_CANCELLED)
                continue; /* a newer question is on its way */
            v->waiting[k] = false;
            if (v->def->answer && v->def->answer(v, k, r))
                v->dirty = redraw = true;
        }
    }
    return redraw;
}

bool ui_update(struct app *a)
{
    struct ui *u = a->ui;
    bool redraw = false;
    if (!u)
        return false;
    const struct snapshot *s = app_snapshot(a, a->slot);
    app_refresh_watches(a);
    bool stepping = s && s->op > 0;
    if (stepping != u->stepping) {
        u->stepping = stepping;
        ui_arrange(u, u->cols, u->rows);
        redraw = true;
    }
    for (int i = 0; i < u->n_view; i++) {
        struct view *v = &u->view[i];
        if (v->visible && v->def->update && v->def->update(v, s))
            v->dirty = redraw = true;
    }
    return redraw;
}
