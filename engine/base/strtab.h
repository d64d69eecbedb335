/* Texts to numbers: each distinct text gets the next id, from 0.  For ids of users and items
 * as files write them. One thread. */
#ifndef ENGINE_BASE_STRTAB_H
#define ENGINE_BASE_STRTAB_H

#include "engine/base/status.h"
#include <stddef.h>
#include <stdint.h>

struct strtab;
MUST_CHECK enum status strtab_new(struct strtab **out, struct err *err);
void strtab_free(struct strtab *t); /* accepts NULL */
/* Id of the text, a new one if it was not there; -1 = out of memory, or over 2^31-2 texts;
 * the table is as before. */
int32_t strtab_put(struct strtab *t, const char *s, size_t len);
int32_t strtab_find(const struct strtab *t, const char *s, size_t len); /* -1 = not there */
int32_t strtab_count(const struct strtab *t);
/* NUL-terminated; until the next put */
const char *strtab_text(const struct strtab *t, int32_t id);
size_t strtab_len(const struct strtab *t, int32_t id);

#endif
