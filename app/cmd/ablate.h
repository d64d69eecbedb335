/* Parts of a model set by hand for what is looked at, never for training: which they are,
 * and how a question or an evaluation takes them along.  A part is named by the probe that
 * shows it and a column from 1: "gru1.update.22"; heads of attention by layer and head,
 * "attn.2.head.1"; Caser's filters by their number in the tab, "filter.4",
 * "vertical.2".  Screen thread. */
#ifndef APP_CMD_ABLATE_H
#define APP_CMD_ABLATE_H

#include "app/app.h"

/* Patches in force for a slot into out; returns how many.  out may be NULL: only counts. */
int ablate_patches(const struct app *a, int slot, struct patch *out);
/* value may be NULL */
bool ablate_has(const struct app *a, int slot, const char *part, float *value);
/* The standing ones followed by n of the view's own, in an array that lives until the next
 * call. */
void ablate_with(const struct app *a, int slot, struct question *q, const struct patch *own,
                 int n);
/* The standing ones for an evaluation, in an array that lives until the next call of this or
 * ablate_with. */
void ablate_eval(const struct app *a, int slot, struct eval_spec *s);
/* "attn.2.head.1", "attn.1.head.2": the names in a row, cut with "..." */
void ablate_names(const struct app *a, int slot, char *buf, size_t size);
/* "conv.h3.max.4" as the patch that sets it; false: not of that form. */
bool ablate_parse(const struct app *a, int slot, const char *part, float value,
                  struct patch *out);

#endif
