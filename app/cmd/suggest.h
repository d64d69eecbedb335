/* "Did you mean": the nearest of a list of words by edit distance (insert, delete, replace,
 * swap neighbours), case ignored. */
#ifndef APP_CMD_SUGGEST_H
#define APP_CMD_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

struct suggest {
    const char *word; /* what was typed; borrowed */
    const char *pick; /* nearest candidate so far, borrowed; NULL = none near enough */
    int distance;
};
void suggest_begin(struct suggest *s, const char *word);
void suggest_add(struct suggest *s, const char *candidate); /* the first of equals stays */
/* Distance of a and b, or limit + 1 when it is larger; words longer than 48 bytes are not
 * near anything. */
int edit_distance(const char *a, const char *b, int limit);

#endif
