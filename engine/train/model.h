/* What a model is: a table of functions.  Adding one = one file in models/ and one line in
 * models.def. */
#ifndef ENGINE_TRAIN_MODEL_H
#define ENGINE_TRAIN_MODEL_H

#include "engine/data/batch.h"
#include "engine/train/heads.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/params.h"
#include "engine/train/hparams.h"

struct probe_def {
    /* "block*.attn.prob", "(H,T,T) a session", "who looks at whom" */
    const char *name, *shape, *doc;
    const char *spec; /* the name in the model's specification, or NULL */
};
struct model_env {
    const struct dataset *ds;
    const struct split *split;
    const struct hparams *hp;
    struct arena *mem; /* run lifetime: baselines keep their counts there */
};
enum model_flag {
    MODEL_BASELINE = 1u << 0, /* no parameters: only `score` */
    MODEL_SOFTMAX =
        1u << 1, /* softmax of scores is the model's distribution (log loss means something) */
    MODEL_ATTENTION = 1u << 2,
    MODEL_FILTERS = 1u << 3,
    MODEL_GATES = 1u << 4,
    MODEL_LATENT = 1u << 5,
    MODEL_EVOLUTION = 1u << 6,
};
/* A term of the loss whose mean over an epoch, before weighting, should not fall below a
 * value: the trainer then says so, once until it is above twice that again. */
struct term_alarm {
    const char *term; /* "kl" */
    double below;
    const char *text; /* what it means and what helps */
};
struct model_def {
    /* "sasrec", "SASRec", "Kang & McAuley 2018, arXiv 1808.09781" */
    const char *name, *title, *paper, *doc;
    uint32_t flags;
    const struct hparam_def *hparams; /* ends with name == NULL */
    const struct preset_def *presets; /* ends with name == NULL; may be NULL */
    const struct probe_def *probes;   /* ends with name == NULL; may be NULL */
    const struct term_alarm *alarm;   /* NULL: none */
    /* plain data: settings, param handles, head; copied by memcpy, constant during a step */
    size_t self_size;
    enum status (*init)(void *self, struct params *ps, const struct model_env *env,
                        struct err *err);
    /* live settings, between batches; may be NULL */
    void (*tune)(void *self, const struct hparams *hp);
    void (*spec)(const void *self, struct batch_spec *out);
    /* flags that depend on settings (MODEL_SOFTMAX); NULL = flags */
    uint32_t (*traits)(const void *self);
    const struct head *(*head)(const void *self);
    /* (n_query,d) states; probes on the way */
    struct tensor *(*encode)(const void *self, struct tape *t, const struct block *b);
    /* NULL = op_head(encode) */
    void (*loss)(const void *self, struct tape *t, const struct block *b);
    /* (n_query,n_items+1); NULL = op_head_scores(encode) */
    struct tensor *(*score)(const void *self, struct tape *t, const struct block *b);
};
/* The table of models is models/models.h: the engine knows none of them and is handed what
 * it needs. */

#endif
