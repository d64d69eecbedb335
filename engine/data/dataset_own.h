/* How a data set owns its memory; private to engine/data. */
#ifndef ENGINE_DATA_DATASET_OWN_H
#define ENGINE_DATA_DATASET_OWN_H

#include "engine/data/dataset.h"

/* A data set with an arena of its own, in which it and all its arrays live: dataset_free
 * gives back everything. reserve: bytes expected; *mem is borrowed until then. */
MUST_CHECK enum status dataset_new(struct dataset **out, size_t reserve, struct arena **mem,
                                   struct err *err);

/* Last step of every way to build one: counts popularity, computes the hash.  off, item,
 * names are set. */
MUST_CHECK enum status dataset_seal(struct dataset *ds, struct arena *mem, struct err *err);

#endif
