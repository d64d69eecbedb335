/* Completion by grammar position; see command.h.  Candidates come from the tables alone:
 * verbs, second words, option keys, values. */
#include "app/cmd/call.h"
#include "app/settings.h"
#include "app/views/view.h"
#include "engine/data/import.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CANDIDATES = 500 };
struct list {
    const struct app *a;
    struct arena *mem;
    const char *before; /* what stands in front of the part being completed: "k=", "12,", "" */
    const char *part;
    const char **word;
    size_t n;
};

static void put(struct list *l, const char *word)
{
    if (l->n >= CANDIDATES || !is_prefix(l->part, word))
        return;
    char *s = arena_printf(l->mem, "%s%s", l->before, word);
    for (size_t i = 0; s && i < l->n; i++)
        if (strcmp(l->word[i], s) == 0)
            return;
    if (s)
        l->word[l->n++] = s;
}

static void put_all(struct list *l, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        put(l, words[i]);
}

/* Names with blanks stand in quotes; matching ignores case and the quote. */
static void put_items(struct list *l)
{
    const struct dataset *ds = l->a->ds;
    const char *p = l->part;
    bool at = *p == '@';
    p += at;
    bool quote = *p == '"';
    p += quote;
    if (!ds)
        return;
    if (!at && !quote && *l->part) { /* a number begun */
        char id[16];
        size_t n = strlen(l->part);
        if (strspn(l->part, "0123456789") != n)
            return;
        for (int32_t i = 1, found = 0; i <= ds->n_items && found < 20; i++) {
            snprintf(id, sizeof id, "%d", (int)i);
            if (strncmp(id, l->part, n) == 0) {
                put(l, id);
                found++;
            }
        }
        return;
    }
    size_t n = strlen(p);
    for (int32_t i = 1; ds->item_name && i <= ds->n_items && l->n < CANDIDATES; i++) {
        const char *name = ds->item_name[i];
        bool match = name != NULL;
        for (size_t k = 0; match && k < n; k++)
            match = tolower((unsigned char)name[k]) == tolower((unsigned char)p[k]);
        if (!match || strpbrk(name, "\"\\"))
            continue;
        bool need = quote || name[strcspn(name, " ,;#=\t")];
        char *s = arena_printf(l->mem, "%s%s%s%s%s", l->before, at || !quote ? "@" : "",
                               need ? "\"" : "", name, need ? "\"" : "");
        if (s)
            l->word[l->n++] = s;
    }
}

static void put_files(struct list *l)
{
    const char *slash = strrchr(l->part, '/');
    size_t n = slash ? (size_t)(slash - l->part) + 1 : 0;
    char *dir = n ? arena_printf(l->mem, "%.*s", (int)n, l->part) : arena_strdup(l->mem, ".");
    DIR *d = dir ? opendir(dir) : NULL;
    const struct dirent *e;
    size_t from = l->n;
    for (e = d ? readdir(d) : NULL; e && l->n < CANDIDATES; e = readdir(d)) {
        if (e->d_name[0] == '.' && l->part[n] != '.')
            continue;
        char *path = arena_printf(l->mem, "%.*s%s", (int)n, l->part, e->d_name);
        struct stat sb;
        bool folder = path && stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
        if (path && folder)
            path = arena_printf(l->mem, "%s/", path);
        if (path &&
            !path[strcspn(path,
                          " \t\";#")]) /* names with blanks are left to be typed in quotes */
            put(l, path);
    }
    if (d)
        closedir(d);
    for (size_t i = from + 1; i < l->n; i++) /* folders come in no order */
        for (size_t k = i; k > from && strcmp(l->word[k - 1], l->word[k]) > 0; k--) {
            const char *t = l->word[k];
            l->word[k] = l->word[k - 1];
            l->word[k - 1] = t;
        }
}

static void put_slots(struct list *l)
{
    char word[2] = "A";
    for (int i = 0; i < SLOTS; i++) {
        word[0] = (char)('A' + i);
        if (l->a->slots[i].model)
            put(l, word);
    }
}

static void put_times(struct list *l)
{
    static const char *const words[] = {"live", "first", "best", "next", "prev", NULL};
    const struct slot *s = &l->a->slots[l->a->slot];
    int64_t step[200];
    put_all(l, words);
    int n = s->history ? history_steps(s->history, step, 200) : 0;
    for (int i = 0; i < n && i < 200; i++) {
        char num[24];
        snprintf(num, sizeof num, "%lld", (long long)step[i]);
        put(l, num);
    }
}

static void put_settings(struct list *l)
{
    const struct learner *m = app_learner(l->a, l->a->slot);
    for (int i = 0; i < SETTINGS; i++)
        put(l, setting_defs[i].name);
    for (const struct hparam_def *d = m ? hparams_defs(m->hp) : NULL; d && d->name; d++)
        put(l, d->name);
}

static void put_setting_values(struct list *l, const char *key)
{
    int id = setting_find(key);
    const struct learner *m = app_learner(l->a, l->a->slot);
    const struct hparam_def *d = m ? hparams_def(m->hp, key) : NULL;
    static const char *const bools[] = {"on", "off", "toggle", NULL};
    if (id >= 0 && setting_defs[id].type == SET_BOOL)
        put_all(l, bools);
    else if (id >= 0 && setting_defs[id].choices)
        put_all(l, setting_defs[id].choices);
    else if (d && d->choices)
        put_all(l, d->choices);
}

static void put_tensors(struct list *l)
{
    const struct learner *m = app_learner(l->a, l->a->slot);
    for (int i = 0; m && m->ps && i < params_n(m->ps); i++)
        put(l, params_at(m->ps, i)->name);
    for (const struct probe_def *d = m ? m->model->probes : NULL; d && d->name; d++)
        put(l, d->name);
}

static void put_verbs(struct list *l)
{
    char verb[40];
    for (const struct cmd_def *d = cmd_defs; d->name; d++) {
        snprintf(verb, sizeof verb, "%.*s", (int)strcspn(d->name, " "), d->name);
        if (!(d->flags & CMD_HIDDEN))
            put(l, verb);
    }
    for (int i = 0; i < l->a->n_alias; i++)
        put(l, l->a->alias[i].name);
}

static void put_values(struct list *l, const struct cmd_def *def, const struct cmd_arg *arg,
                       const struct token *before)
{
    static const char *const quantities[] = {"loss",  "valid.loss", "hr@10", "ndcg@10",
                                             "mrr",   "grad.norm",  "lr",    "nan",
                                             "step=", "epoch",      NULL};
    static const char *const metrics[] = {"hr@10", "ndcg@10", "mrr", NULL};
    static const char *const parts[] = {"$", "$pin", "s:", NULL};
    static const char *const shows[] = {"settings", "run", "kept", "log", "screen", NULL};
    switch (arg->type) {
    case ARG_CHOICE:
        put_all(l, arg->choices);
        break;
    case ARG_FLAG:
        put(l, arg->name);
        break;
    case ARG_MODEL:
        for (int i = 0; model_defs[i]; i++)
            put(l, model_defs[i]->name);
        break;
    case ARG_DATASET:
    case ARG_WORLD:
        for (int i = 0; world_defs[i]; i++)
            put(l, world_defs[i]->name);
        if (arg->type == ARG_DATASET)
            put_files(l);
        break;
    case ARG_SEQUENCE:
        put_all(l, parts);
        put_items(l);
        break;
    case ARG_ITEM:
        put_items(l);
        break;
    case ARG_SESSION:
        put(l, "s:");
        break;
    case ARG_PATH:
        put_files(l);
        break;
    case ARG_SLOT:
    case ARG_SIDE:
        put_slots(l);
        break;
    case ARG_TIME:
        put_times(l);
        break;
    case ARG_METRIC:
        put_all(l, metrics);
        break;
    case ARG_QUANTITY:
    case ARG_CONDITION:
        put_all(l, quantities);
        break;
    case ARG_TENSOR:
        put_tensors(l);
        break;
    case ARG_VIEW:
        for (int i = 0; view_defs[i]; i++)
            put(l, view_defs[i]->name);
        break;
    case ARG_SETTING:
        if (strcmp(def->name, "show") == 0)
            put_all(l, shows);
        put_settings(l);
        break;
    case ARG_COMMAND:
        for (const struct cmd_def *d = cmd_defs; d->name; d++)
            if (!(d->flags & CMD_HIDDEN))
                put(l, d->name);
        break;
    case ARG_TEXT:
        if (strcmp(def->name, "set") == 0 && before)
            put_setting_values(l, before->text);
        break;
    case ARG_WORD:
        if (strcmp(arg->name, "where") == 0)
            for (int i = WF_START; i < WORLD_FLAGS; i++)
                put(l, world_flag_name((enum world_flag)i));
        else if (strcmp(arg->name, "format") == 0)
            for (int i = 0; importer_defs[i]; i++)
                put(l, importer_defs[i]->name);
        else if (strcmp(def->name, "tab") == 0)
            for (int i = 0; tab_defs[i].name; i++)
                put(l, tab_defs[i].name);
        else if (strcmp(def->name, "model info") == 0)
            for (int i = 0; model_defs[i]; i++)
                put(l, model_defs[i]->name);
        break;
    case ARG_INT:
    case ARG_FLOAT:
    case ARG_POSITION:
    case ARG_KEY:
    case ARG_EDIT:
    case ARG_PAIR:
        break;
    }
}

/* Keys of `model new KIND`: the kind's own settings. */
static void put_pairs(struct list *l, const struct lex_command *c)
{
    const struct model_def *m = c->n > 2 ? model_find(c->token[2].text) : NULL;
    for (const struct hparam_def *d = m ? m->hparams : NULL; d && d->name; d++) {
        char *key = arena_printf(l->mem, "%s=", d->name);
        if (key)
            put(l, key);
    }
}

static bool word_fits(const struct cmd_arg *p, const char *text)
{
    if (p->type == ARG_CHOICE) {
        for (int i = 0; p->choices[i]; i++)
            if (strcmp(p->choices[i], text) == 0)
                return true;
        return false;
    }
    return p->type != ARG_INT || (*text && strspn(text, "0123456789-+") == strlen(text));
}

static void arguments(struct list *l, const struct cmd_def *def, const struct lex_command *c,
                      int words, int n_done, const struct token *now)
{
    /* A value of an option begun. */
    if (now && now->key) {
        for (const struct cmd_arg *p = def->args; p && p->name; p++)
            if (p->option && strcmp(p->name, now->key) == 0) {
                const char *comma = p->repeats ? strrchr(now->value, ',') : NULL;
                const char *from = comma ? comma + 1 : now->value;
                l->before = arena_printf(l->mem, "%s=%.*s", now->key, (int)(from - now->value),
                                         now->value);
                l->part = from;
                if (l->before)
                    put_values(l, def, p, NULL);
                return;
            }
        return;
    }
    const struct cmd_arg *p = def->args;
    for (int i = words; i < n_done; i++) {
        if (c->token[i].key)
            continue;
        while (p && p->name &&
               (p->option || (p->type == ARG_FLAG && p->optional) ||
                (p->optional && !p->repeats && !word_fits(p, c->token[i].text))))
            p++;
        if (p && p->name && !p->repeats && p->type != ARG_COMMAND)
            p++;
    }
    const char *comma = now && strchr(now->text, ',') && p && p->name && p->type == ARG_SEQUENCE
                            ? strrchr(now->text, ',')
                            : NULL;
    const char *whole = l->part;
    if (comma) {
        l->before = arena_printf(l->mem, "%.*s", (int)(comma + 1 - now->text), now->text);
        l->part = comma + 1;
        if (!l->before)
            return;
    }
    for (const struct cmd_arg *q = p; q && q->name; q++) {
        if (q->option || (q->type == ARG_FLAG && q->optional))
            continue;
        put_values(l, def, q, n_done > words ? &c->token[n_done - 1] : NULL);
        if (!q->optional)
            break;
    }
    if (comma)
        return;
    l->part = whole;
    for (const struct cmd_arg *q = def->args; q && q->name; q++) {
        bool given = false;
        if (q->type == ARG_PAIR) {
            put_pairs(l, c);
            continue;
        }
        for (int i = words; i < n_done; i++)
            given = given ||
                    strcmp(c->token[i].key ? c->token[i].key : c->token[i].text, q->name) == 0;
        if (given)
            continue;
        char *key = q->option ? arena_printf(l->mem, "%s=", q->name) : NULL;
        if (key)
            put(l, key);
        if (q->type == ARG_FLAG && q->optional)
            put(l, q->name);
    }
}

size_t cmd_complete(const struct app *a, const char *line, size_t cursor, struct arena *mem,
                    const char ***out)
{
    struct list l = {.a = a, .mem = mem, .before = "", .part = ""};
    size_t len = strlen(line);
    char *head = arena_printf(mem, "%.*s", (int)(cursor < len ? cursor : len), line);
    struct lexed lx;
    int32_t col, width;
    *out = l.word = arena_alloc(mem, sizeof *l.word * CANDIDATES);
    if (!head || !l.word || lex_line(head, true, mem, &lx, &col, &width, NULL) != ST_OK)
        return 0;
    /* The command the cursor is in: none after a ';', none inside a comment. */
    const char *semi = strrchr(head, ';');
    const struct lex_command *c = lx.n ? &lx.command[lx.n - 1] : NULL;
    if (c && semi && semi - head >= c->to)
        c = NULL;
    size_t n_head = strlen(head);
    int32_t end = c ? c->to : (int32_t)(semi ? semi + 1 - head : 0);
    if (strchr(head + end, '#'))
        return 0;
    bool fresh = !c || (int32_t)n_head > c->to; /* a blank before the cursor: a new word */
    int n_done = c ? c->n - !fresh : 0;
    const struct token *now = c && !fresh ? &c->token[c->n - 1] : NULL;
    if (now)
        l.part = head + now->col; /* as typed, quotes and all */
    if (n_done == 0) {
        put_verbs(&l);
        return l.n;
    }
    struct place where;
    const struct cmd_def *def = NULL;
    int words = 1;
    const struct lex_command done = {c->from, c->to, n_done, c->token};
    bool known = command_lookup(&done, false, &def, &words, &where, NULL) == ST_OK;
    if (n_done == 1) { /* second words of this verb */
        const struct cmd_def *verb = cmd_find(c->token[0].text, true);
        size_t n = verb ? strcspn(verb->name, " ") : 0;
        for (const struct cmd_def *d = cmd_defs; verb && d->name; d++)
            if (strcspn(d->name, " ") == n && strncmp(d->name, verb->name, n) == 0 &&
                d->name[n] == ' ' && !(d->flags & CMD_HIDDEN))
                put(&l, d->name + n + 1);
    }
    if (known)
        arguments(&l, def, c, words, n_done, now);
    return l.n;
}
