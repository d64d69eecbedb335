/* The table of keys and its lookup.  Rows are few (a hundred): a linear scan from the end
 * finds the row in effect and keeps "later wins" trivially true. */
#include "app/ui/keymap.h"
#include "app/ui/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct key_binding defaults[] = {
#define KEY(context, keys, command, label) {context, keys, command, label, NEED_NONE},
#define KEY_FOR(need, context, keys, command, label)                                           \
    {context, keys, command, label, NEED_##need},
#include "app/ui/keys.def"
#undef KEY
#undef KEY_FOR
};

struct keymap {
    struct key_binding *row; /* every string is owned */
    size_t n, cap;
};

static const char *const names[] = {
    "Space",  "Tab",     "S-Tab", "Enter", "Esc",   "Backspace", "Delete",
    "Insert", "Up",      "Down",  "Left",  "Right", "S-Up",      "S-Down",
    "S-Left", "S-Right", "Home",  "End",   "PgUp",  "PgDn",
};

/* One key, n bytes, without blanks. */
static bool key_name_ok(const char *key, size_t n)
{
    if (n > 2 && strncmp(key, "M-", 2) == 0) {
        key += 2;
        n -= 2;
    }
    if (n == 1 && *key == '*')
        return true;
    struct grapheme g;
    if (text_next(key, n, &g) == n && g.n == 1 && g.ch[0] > ' ' && g.ch[0] != 0xFFFD)
        return true;
    if (n == 3 && strncmp(key, "C-", 2) == 0)
        return islower((unsigned char)key[2]) ? !strchr("imh", key[2])
                                              : strchr("\\]^_@", key[2]) != NULL;
    size_t shift = n > 2 && strncmp(key, "S-", 2) == 0 ? 2 : 0;
    if (key[shift] == 'F' && n > shift + 1 && n <= shift + 3) {
        int f = 0;
        for (size_t i = shift + 1; i < n; i++)
            f = isdigit((unsigned char)key[i]) ? f * 10 + key[i] - '0' : 99;
        return f >= 1 && f <= 12 && key[shift + 1] != '0';
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && strncmp(names[i], key, n) == 0)
            return true;
    return false;
}

bool keymap_key_ok(const char *keys)
{
    size_t count = 0;
    for (const char *at = keys; *at; count++) {
        size_t n = strcspn(at, " ");
        if (n == 0 || !key_name_ok(at, n))
            return false;
        at += n;
        if (*at == ' ' && *++at == '\0')
            return false;
    }
    return count > 0 && strlen(keys) < sizeof((struct key_state *)0)->keys;
}

static void row_free(struct key_binding *b)
{
    /* Owned strings; const only to readers of the table. */
    free((void *)(uintptr_t)b->context);
    free((void *)(uintptr_t)b->keys);
    free((void *)(uintptr_t)b->command);
    free((void *)(uintptr_t)b->label);
}

static char *copy(const char *s)
{
    size_t n = strlen(s) + 1;
    char *out = malloc(n);
    if (out)
        memcpy(out, s, n);
    return out;
}

static struct key_binding *find(const struct keymap *k, const char *context, const char *keys)
{
    for (size_t i = k->n; i-- > 0;)
        if (strcmp(k->row[i].context, context) == 0 && strcmp(k->row[i].keys, keys) == 0)
            return &k->row[i];
    return NULL;
}

enum status keymap_bind(struct keymap *k, const char *context, const char *keys,
                        const char *command, const char *label, struct err *err)
{
    if (!*context)
        return err_set(err, ST_ARG,
                       "a key is bound in a context: global, prompt, or a tab's name");
    if (!keymap_key_ok(keys)) {
        err_set(err, ST_ARG, "\"%s\" is not a key", keys);
        return err_hint(err, "bad-value",
                        "Keys: a letter, Space, Tab, Enter, F1..F12, C-x, M-x");
    }
    struct key_binding *old = find(k, context, keys);
    if (!*command) {
        if (old) {
            row_free(old);
            memmove(old, old + 1, (size_t)(k->row + k->n - old - 1) * sizeof *old);
            k->n--;
        }
        return ST_OK;
    }
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 128;
        struct key_binding *row = realloc(k->row, cap * sizeof *row);
        if (!row)
            return err_nomem(err, cap * sizeof *row, "the keys");
        ptrdiff_t at = old ? old - k->row : 0;
        k->row = row;
        k->cap = cap;
        old = old ? row + at : NULL;
    }
    struct key_binding b = {copy(context), copy(keys), copy(command), copy(label ? label : ""),
                            NEED_NONE};
    if (!b.context || !b.keys || !b.command || !b.label) {
        row_free(&b);
        return err_nomem(err, strlen(command), "a key");
    }
    if (old) { /* in its place: the order of the hints stays */
        row_free(old);
        *old = b;
    } else {
        k->row[k->n++] = b;
    }
    return ST_OK;
}

enum status keymap_new(struct keymap **out, struct err *err)
{
    *out = NULL;
    struct keymap *k = calloc(1, sizeof *k);
    if (!k)
        return err_nomem(err, sizeof *k, "the keys");
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        const struct key_binding *d = &defaults[i];
        enum status st = keymap_bind(k, d->context, d->keys, d->command, d->label, err);
        if (st != ST_OK) {
            keymap_free(k);
            return st;
        }
        find(k, d->context, d->keys)->need = d->need;
    }
    *out = k;
    return ST_OK;
}

void keymap_free(struct keymap *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->n; i++)
        row_free(&k->row[i]);
    free(k->row);
    free(k);
}

size_t keymap_rows(const struct keymap *k, const struct key_binding **rows)
{
    *rows = k->row;
    return k->n;
}

/* Compares typed keys with a row's.  A star in the row takes one typed key that is a single
 * character; `star` (may be NULL) receives it.  Returns 2 equal, 1 typed is a proper
 * beginning, 0 different. */
static int match(const char *row, const char *typed, char star[8])
{
    while (*typed) {
        size_t r = strcspn(row, " "), t = strcspn(typed, " ");
        if (r == 0)
            return 0;
        if (r == 1 && *row == '*') {
            struct grapheme g;
            if (text_next(typed, t, &g) != t || t >= 8)
                return 0;
            if (star) {
                memcpy(star, typed, t);
                star[t] = '\0';
            }
        } else if (r != t || strncmp(row, typed, t) != 0) {
            return 0;
        }
        row += r + (row[r] == ' ');
        typed += t + (typed[t] == ' ');
    }
    return *row ? 1 : 2;
}

static const char *lookup(const struct keymap *k, const char *context, const char *keys,
                          bool *pending, char star[8])
{
    const char *hit = NULL;
    bool exact = false;
    for (size_t i = k->n; i-- > 0;) {
        const struct key_binding *b = &k->row[i];
        if (strcmp(b->context, context) != 0)
            continue;
        char taken[8] = "";
        int m = match(b->keys, keys, taken);
        if (m == 1 && pending)
            *pending = true;
        bool plain = taken[0] == '\0';
        if (m == 2 && (!hit || (plain && !exact))) { /* "= B" before "= *" */
            hit = b->command;
            exact = plain;
            if (star)
                memcpy(star, taken, sizeof taken);
        }
    }
    return hit;
}

const char *keymap_lookup(const struct keymap *k, const char *context, const char *keys,
                          bool *pending)
{
    if (pending)
        *pending = false;
    return lookup(k, context, keys, pending, NULL);
}

/* Fills in %k and %n; *counted: there was a %n. */
static void expand(const char *command, const char *star, int count, char *out, size_t size,
                   bool *counted)
{
    size_t n = 0;
    *counted = false;
    for (const char *s = command; *s && n + 1 < size; s++) {
        char number[16] = "";
        const char *insert = NULL;
        if (s[0] == '%' && s[1] == 'k')
            insert = star;
        if (s[0] == '%' && s[1] == 'n') {
            *counted = true;
            if (count > 0)
                snprintf(number, sizeof number, "%d", count);
            else if (n > 0 && out[n - 1] == ' ')
                n--;
            insert = number;
        }
        if (!insert) {
            out[n++] = *s;
            continue;
        }
        for (; *insert && n + 1 < size; insert++)
            out[n++] = *insert;
        s++;
    }
    out[n] = '\0';
}

static void state_reset(struct key_state *st)
{
    memset(st, 0, sizeof *st);
}

enum key_result keymap_feed(const struct keymap *k, struct key_state *st,
                            const char *const *contexts, int n, const char *key, char *command,
                            size_t size, int *repeat)
{
    enum { COUNT_MAX = 1000000 };
    *repeat = 1;
    if (st->keys[0] == '\0' && !st->counting && strcmp(key, ";") == 0) {
        st->counting = true;
        return KEYS_PENDING;
    }
    if (st->counting && st->keys[0] == '\0' && key[1] == '\0' &&
        isdigit((unsigned char)key[0])) {
        st->count = st->count * 10 + (key[0] - '0');
        if (st->count > COUNT_MAX)
            st->count = COUNT_MAX;
        return KEYS_PENDING;
    }
    if (st->keys[0] != '\0' || st->counting)
        if (strcmp(key, "Esc") == 0 || strcmp(key, "C-c") == 0) {
            state_reset(st);
            return KEYS_NONE;
        }
    size_t used = strlen(st->keys), add = strlen(key);
    if (used + 1 + add + 1 > sizeof st->keys) {
        state_reset(st);
        return KEYS_NONE;
    }
    if (used)
        st->keys[used++] = ' ';
    memcpy(st->keys + used, key, add + 1);
    for (int i = 0; i < n; i++) {
        bool pending = false;
        char star[8] = "";
        const char *hit = lookup(k, contexts[i], st->keys, &pending, star);
        if (hit) {
            bool counted;
            expand(hit, star, st->count, command, size, &counted);
            *repeat = !counted && st->count > 0 ? st->count : 1;
            state_reset(st);
            return KEYS_RUN;
        }
        if (pending)
            return KEYS_PENDING;
    }
    state_reset(st);
    return KEYS_NONE;
}
