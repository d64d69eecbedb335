/* The table of models and baselines. */
#ifndef MODELS_MODELS_H
#define MODELS_MODELS_H

#include "engine/train/model.h"

extern const struct model_def *const model_defs[];    /* NULL-terminated */
const struct model_def *model_find(const char *name); /* NULL = none */

#endif
