/* See gate_maps.h. */
#include "app/views/gate_maps.h"
#include "app/cmd/ablate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const gate_kinds[] = {"update", "reset", "candidate", "state", NULL};
const char *const gate_sorts[] = {"memory", "activity", "effect", NULL};

void gates_done(struct gates *g)
{
    for (int k = 0; k < GATE_KINDS; k++)
        free(g->x[k]);
    free(g->effect);
    free(g->still);
    memset(g, 0, sizeof *g);
}

void gates_ask(struct question *q)
{
    q->kind = ASK_PROBES;
    q->probes = "gru*.update,gru*.reset,gru*.cand,gru*.state,s2.update,s2.write,s2.reset,s2."
                "cand,s2.state";
}

static const struct probe_copy *named(const struct answer *a, const char *scope,
                                      const char *what, char full[24])
{
    snprintf(full, 24, "%s.%s", scope, what);
    return answer_probe(a, full);
}

/* Scopes with an update gate, in the order of the pass. */
static int scopes_of(const struct answer *a, char scope[GATE_LAYERS][16])
{
    int n = 0;
    for (int32_t i = 0; i < a->n_probe && n < GATE_LAYERS; i++) {
        const char *name = a->probe[i].name, *dot = strrchr(name, '.');
        if (dot && strcmp(dot, ".update") == 0 && (size_t)(dot - name) < sizeof scope[0])
            snprintf(scope[n++], sizeof scope[0], "%.*s", (int)(dot - name), name);
    }
    return n;
}

static bool update_keeps(const struct app *a, int slot)
{
    const struct learner *l = app_learner(a, slot);
    return l && l->hp && hp_has(l->hp, "gru_cell") && (int)hp_num(l->hp, "gru_cell") == 1;
}

bool gates_take(struct gates *g, const struct app *a, int slot, int layer, int track,
                const struct answer *ans)
{
    static const char *const what[GATE_KINDS] = {"update", "reset", "cand", "state"};
    char scope[GATE_LAYERS][16];
    g->ready = false;
    if (ans->err.code) {
        if (ans->err.code != ST_CANCELLED)
            snprintf(g->error, sizeof g->error, "%s", ans->err.msg);
        return false;
    }
    gates_done(g);
    g->layers = scopes_of(ans, scope);
    if (!g->layers || ans->n < 1 || ans->n > SEQ_MAX || ans->n_row < 1)
        return false;
    g->layer = layer > 0 && layer <= g->layers ? layer - 1 : g->layers - 1;
    memcpy(g->scope, scope[g->layer], sizeof g->scope);
    g->n = ans->n;
    for (int k = 0; k < GATE_KINDS; k++) {
        const struct probe_copy *p = named(ans, g->scope, what[k], g->shown[k]);
        char full[24];
        const struct probe_copy *w =
            k == GATE_UPDATE ? named(ans, g->scope, "write", full) : NULL;
        if (w) {
            p = w;
            g->write = true;
            snprintf(g->shown[k], sizeof g->shown[k], "%s", full);
        }
        if (!p || p->nd != 2 || p->d[0] % g->n || (k && p->d[1] != g->units))
            return false;
        g->units = p->d[1];
        g->tracks = p->d[0] / g->n;
        g->track = track > 0 && track <= g->tracks ? track - 1 : 0;
        size_t size = (size_t)g->n * (size_t)g->units;
        g->x[k] = malloc((size + 1) * sizeof *g->x[k]);
        if (!g->x[k])
            return false;
        memcpy(g->x[k], p->x + (size_t)g->track * size, size * sizeof *g->x[k]);
    }
    g->still = calloc((size_t)g->units + 1, sizeof *g->still);
    g->keeps = !g->write && update_keeps(a, slot);
    memcpy(g->item, ans->item, (size_t)g->n * sizeof *g->item);
    g->first = ans->first;
    g->step = ans->step;
    g->softmax = ans->softmax;
    g->top = answer_top(ans, 0);
    g->base = answer_value(ans, 0, g->top);
    return g->ready = g->still != NULL;
}

bool gates_ask_effects(struct gates *g, const struct app *a, int slot, struct question *q)
{
    if (!g->ready)
        return false;
    for (int u = 0; u < g->units; u++) {
        g->still[u] = (struct patch){.set = u, .row = PATCH_ALL, .col = u, .n = 1};
        snprintf(g->still[u].probe, sizeof g->still[u].probe, "%s", g->shown[GATE_STATE]);
    }
    q->kind = ASK_PATCHES;
    q->n_set = g->units;
    ablate_with(a, slot, q, g->still, g->units);
    return true;
}

void gates_take_effects(struct gates *g, const struct answer *ans)
{
    if (ans->err.code || !g->ready || ans->n_row != g->units)
        return;
    if (!g->effect)
        g->effect = malloc(((size_t)g->units + 1) * sizeof *g->effect);
    for (int u = 0; g->effect && u < g->units; u++)
        g->effect[u] = (float)(g->base - answer_value(ans, u, g->top));
}

static double at(const struct gates *g, enum gate_kind kind, int step, int unit)
{
    return (double)g->x[kind][(size_t)step * (size_t)g->units + (size_t)unit];
}

double gates_written(const struct gates *g, int step, int unit)
{
    double u = at(g, GATE_UPDATE, step, unit);
    return g->keeps ? 1 - u : u;
}

double gates_memory(const struct gates *g, int unit)
{
    double sum = 0;
    for (int t = 0; t < g->n; t++)
        sum += gates_written(g, t, unit);
    return sum > 0 ? g->n / sum : (double)INFINITY;
}

double gates_held(const struct gates *g, int step, int unit)
{
    return step > 0 ? at(g, GATE_STATE, step - 1, unit) : 0;
}

double gates_activity(const struct gates *g, int unit)
{
    double sum = 0;
    for (int t = 0; t < g->n; t++)
        sum += fabs(at(g, GATE_STATE, t, unit) - gates_held(g, t, unit));
    return sum / g->n;
}

double gates_mean(const struct gates *g, enum gate_kind kind, int step)
{
    double sum = 0;
    for (int u = 0; u < g->units; u++)
        sum += at(g, kind, step, u);
    return sum / g->units;
}

double gates_moved(const struct gates *g, int step)
{
    double sum = 0;
    for (int u = 0; u < g->units; u++) {
        double d = at(g, GATE_STATE, step, u) - gates_held(g, step, u);
        sum += d * d;
    }
    return sqrt(sum);
}

int gates_set_by(const struct gates *g, int unit, double *jump, int *holds)
{
    int best = 0;
    *jump = 0;
    for (int t = 0; t < g->n; t++) {
        double d = at(g, GATE_STATE, t, unit) - gates_held(g, t, unit);
        if (fabs(d) > fabs(*jump)) {
            *jump = d;
            best = t;
        }
    }
    for (*holds = 0;
         best + *holds + 1 < g->n && fabs(at(g, GATE_STATE, best + *holds + 1, unit) -
                                          at(g, GATE_STATE, best, unit)) < fabs(*jump) / 2;)
        ++*holds;
    return best;
}

static double key_of(const struct gates *g, enum gate_sort sort, int unit)
{
    return sort == GATE_BY_MEMORY     ? gates_memory(g, unit)
           : sort == GATE_BY_ACTIVITY ? gates_activity(g, unit)
           : g->effect                ? fabs((double)g->effect[unit])
                                      : 0;
}

void gates_order(const struct gates *g, enum gate_sort sort, int *order)
{
    for (int u = 0; u < g->units; u++) {
        int k = u;
        double key = key_of(g, sort, u);
        for (; k > 0 && key > key_of(g, sort, order[k - 1]); k--)
            order[k] = order[k - 1];
        order[k] = u;
    }
}

void gates_part(const struct gates *g, enum gate_kind kind, int unit, char *buf, size_t size)
{
    snprintf(buf, size, "%s.%d", g->shown[kind], unit + 1);
}
