/* The tables of views and tabs. */
#include "app/views/view.h"

#include <string.h>
#include <strings.h>

const struct view_def *const view_defs[] = {
#define VIEW(name) &view_##name,
#include "app/views/views.def"
#undef VIEW
    NULL,
};

// clang-format off
#define TAB(name, title, brief, key, needs, coming, load, s, m, l) \
    {name, title, brief, key, needs, coming, load, {s, m, l}},
// clang-format on
const struct tab_def tab_defs[] = {
#include "app/views/tabs.def"
    {NULL, NULL, NULL, 0, 0, NULL, NULL, {NULL, NULL, NULL}},
};
#undef TAB

const char *const tab_stepping[3] = {
    "ops =38 | op / watch:6",
    "ops =44 | op / watch:9",
    "ops =60 | op / watch:14",
};
const char *const tab_side = "predict:14 / loss:14 / log";

const struct view_def *view_find(const char *name)
{
    for (int i = 0; view_defs[i]; i++)
        if (strcmp(view_defs[i]->name, name) == 0)
            return view_defs[i];
    return NULL;
}

const struct tab_def *tab_find(const char *name)
{
    const struct tab_def *hit = NULL;
    size_t len = strlen(name);
    if (len == 0)
        return NULL;
    for (const struct tab_def *t = tab_defs; t->name; t++) {
        if (strcasecmp(t->name, name) == 0 || (len == 1 && name[0] == t->key))
            return t;
        if (strncasecmp(t->name, name, len) == 0) {
            if (hit)
                return NULL;
            hit = t;
        }
    }
    return hit;
}
