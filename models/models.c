/* The table of models; see models.def. */
#include "models/models.h"

#include <string.h>

#define MODEL(name) extern const struct model_def model_##name;
#include "models/models.def"
#undef MODEL

const struct model_def *const model_defs[] = {
#define MODEL(name) &model_##name,
#include "models/models.def"
#undef MODEL
    NULL,
};

const struct model_def *model_find(const char *name)
{
    for (int i = 0; model_defs[i]; i++)
        if (strcmp(model_defs[i]->name, name) == 0)
            return model_defs[i];
    return NULL;
}
